/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The program: a policy as flat bytes without pointers, made by policy/lower.py and run by the
 * engine once verify.c has checked every index and length in it.
 *
 * A header, then the sections in the order of their kinds: arrays of the records below, each at the
 * next multiple of 8, the bytes between them 0, the last section's end the program's. Numbers are in
 * the machine's byte order, which the magic number tells; packet bytes are as on the wire. Fields
 * are numbered as in the generated fields.h, whose fingerprint the header carries. What an op or an
 * edit does not use of its record is 0.
 *
 * Children, templates, rewrites and ranges belong to one node, rewrite, rule or set each and stand
 * in their order without gaps; nodes, sets, patterns, strings and other lists may be shared.
 */
#ifndef QV_PROGRAM_H
#define QV_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define QV_PROGRAM_MAGIC UINT32_C(0x51565031) /* "QVP1" */

enum {
	QV_PROGRAM_VERSION = 1,
	QV_DEPTH_MAX = 128,		/* conditions in conditions, a leaf being 1 */
	/*
	 * Nodes, interfaces and rewrites that a packet can meet, those of shared nodes counted as often
	 * as they are met: what a packet costs is bounded, however small a program is.
	 */
	QV_PARTS_MAX = 1 << 24,
	QV_INTERFACE_SIZE = 16,		/* IFNAMSIZ, with its end mark */
	QV_GROUP_MAX = 9,		/* groups of a pattern that a template can name */
};

#define QV_NO_NAME 0		/* string 0 is the empty one */

#define QV_ALL_MATCHES UINT32_MAX /* qv_rewrite.count: no limit */

/* What becomes of a packet; CONTINUE is a rule's only. As Verdict in action/decision.py. */
enum qv_verdict {
	QV_ACCEPT,
	QV_DROP,
	QV_REPEAT,
	QV_QUEUE,
	QV_CONTINUE,
	QV_VERDICTS,
};

enum qv_section_kind {
	QV_RULES,
	QV_NODES,
	QV_CHILDREN,		/* uint32_t: nodes under ALL and ANY */
	QV_NUMBERS,
	QV_SETS,
	QV_RANGES4,
	QV_RANGES6,
	QV_MACS,
	QV_INTERFACES,
	QV_WINDOWS,
	QV_PATTERNS,		/* uint32_t: a string each, the expression's source */
	QV_REWRITES,
	QV_TEMPLATES,
	QV_STRINGS,
	QV_BYTES,		/* uint8_t: what strings are made of */
	QV_SECTIONS,
};

struct qv_section {
	uint64_t offset;	/* bytes from the program's first */
	uint64_t count;		/* records */
};

struct qv_program_header {
	uint32_t magic;
	uint16_t version;
	uint8_t default_verdict;	/* QV_ACCEPT or QV_DROP */
	uint8_t on_error;		/* QV_ACCEPT or QV_DROP */
	uint64_t size;			/* bytes of the whole program */
	uint32_t fields;		/* QV_FIELDS_FINGERPRINT */
	uint32_t reserved;		/* 0 */
	struct qv_section sections[QV_SECTIONS];
};

enum {
	QV_RULE_MARKS = 1 << 0,		/* mark_value and mark_mask apply */
	QV_RULE_LOGS = 1 << 1,
};

struct qv_rule {
	uint32_t condition;		/* node, always an ALL */
	uint32_t first_rewrite;
	uint32_t rewrites;
	uint32_t mark_value;		/* within mark_mask */
	uint32_t mark_mask;
	uint16_t queue;			/* with QV_QUEUE */
	uint8_t verdict;
	uint8_t flags;
	uint32_t name;			/* string */
	uint32_t reserved;		/* 0 */
};

/* A node refers only to nodes before it, so there is no cycle. */
enum qv_op {
	QV_ALL,			/* first, count: children. No children: true */
	QV_ANY,			/* first, count: children. No children: false */
	QV_NOT,			/* first: node */
	QV_IN_NUMBERS,		/* field; first, count: numbers; extra: name */
	QV_IN_MASKED,		/* field; first: value, within extra: mask */
	QV_IN_SET,		/* field; first: set of addresses; extra: name */
	QV_IN_MACS,		/* field; first, count: macs; extra: name */
	QV_IN_INTERFACES,	/* field; first, count: interfaces; extra: name */
	QV_CONTAINS,		/* first: string (not empty); flags; extra: offset, or window */
	QV_MATCHES,		/* first: pattern; flags; extra: window */
	QV_PAYLOAD_LENGTH,	/* first, count: numbers */
	QV_OPS,
};

enum {
	QV_NODE_AT = 1 << 0,		/* CONTAINS: extra is an offset into the payload */
	QV_NODE_WITHIN = 1 << 1,	/* CONTAINS, MATCHES: extra is a window */
};

/* A name is a string: what the policy calls the set, QV_NO_NAME for values written in a rule. */
struct qv_node {
	uint8_t op;
	uint8_t field;
	uint16_t flags;
	uint32_t first;
	uint32_t count;
	uint32_t extra;
};

/* Closed; those of one node or set are sorted, disjoint and do not touch. */
struct qv_numbers {
	uint32_t low;
	uint32_t high;
};

struct qv_range4 {
	uint32_t low;		/* as a number: 192.0.2.1 is 0xc0000201 */
	uint32_t high;
};

struct qv_range6 {
	uint8_t low[16];	/* network order */
	uint8_t high[16];
};

struct qv_set {
	uint32_t first4;
	uint32_t count4;
	uint32_t first6;
	uint32_t count6;
};

struct qv_mac {			/* sorted by bytes within a node */
	uint8_t address[6];
	uint8_t reserved[2];	/* 0 */
};

struct qv_interface {
	char name[QV_INTERFACE_SIZE];	/* filled up with zeroes */
	uint8_t length;			/* 0 to 15; 0 of a prefix only */
	uint8_t prefix;			/* 1: any name that begins so; 0: this name alone */
	uint8_t reserved[6];		/* 0 */
};

struct qv_window {		/* bytes of the payload: from first up to, not including, end */
	uint32_t first;
	uint32_t end;
};

enum qv_edit {
	QV_SET_NUMBER,		/* field; a: value */
	QV_SET_ADDRESS,		/* field; a: string of 4 or 16 bytes */
	QV_REPLACE,		/* a: string to find (not empty), b: string to put; count */
	QV_REPLACE_PATTERN,	/* a: pattern; b, extra: first template and how many; count */
	QV_SET_PAYLOAD,		/* a: string */
	QV_EDITS,
};

struct qv_rewrite {
	uint8_t edit;
	uint8_t field;
	uint16_t reserved;	/* 0 */
	uint32_t a;
	uint32_t b;
	uint32_t count;		/* replacements at most, or QV_ALL_MATCHES */
	uint32_t extra;
};

struct qv_template {
	uint32_t group;		/* 1 to QV_GROUP_MAX: what this group matched; 0: the string */
	uint32_t string;
};

/* The first is empty. */
struct qv_string {
	uint32_t offset;	/* into QV_BYTES */
	uint32_t length;
};

/* A verified program: its sections, typed. Points into the bytes that were verified. */
struct qv_program {
	const struct qv_program_header *header;
	const struct qv_rule *rules;
	const struct qv_node *nodes;
	const uint32_t *children;
	const struct qv_numbers *numbers;
	const struct qv_set *sets;
	const struct qv_range4 *ranges4;
	const struct qv_range6 *ranges6;
	const struct qv_mac *macs;
	const struct qv_interface *interfaces;
	const struct qv_window *windows;
	const uint32_t *patterns;
	const struct qv_rewrite *rewrites;
	const struct qv_template *templates;
	const struct qv_string *strings;
	const uint8_t *bytes;
	uint32_t rule_count;
	uint32_t node_count;
	uint32_t set_count;
	uint32_t pattern_count;
	uint32_t log_count;	/* rules that log */
};

struct qv_fault;

/*
 * Check every number in the @size bytes at @bytes and fill in @program, which is valid as long as
 * they are. Takes time and memory in proportion to @size. Returns 0, or with @fault saying what is
 * wrong and where: -EINVAL, -E2BIG for too many parts, -ENOMEM.
 *
 * A fault in a node is laid at the first rule whose condition does not come before it: where
 * lowering has made the program, that is the rule that needed the node first.
 */
int qv_program_verify(struct qv_program *program, const void *bytes, size_t size,
		      struct qv_fault *fault);

#endif
