/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Axes: what the index looks at. An axis is a field, or what one test makes of it (the bits under a
 * mask, being in a large set); tests on it are ranges of its line, of 32-bit numbers or, for IPv6
 * addresses and names, of 128-bit ones.
 */
#ifndef QV_AXIS_H
#define QV_AXIS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bytes.h"
#include "clause.h"
#include "packet.h"
#include "trie.h"

enum qv_axis_kind {
	QV_AXIS_SMALL,		/* a number of at most 16 bits */
	QV_AXIS_WORD,		/* a number of 32 bits, under @detail as a mask */
	QV_AXIS_ADDRESS,
	QV_AXIS_MEMBER,		/* 1 if the address is in the set @detail, else 0 */
	QV_AXIS_INTERFACE,
	QV_AXIS_MAC,
};

struct qv_axis {
	uint8_t kind;
	uint8_t field;
	uint32_t detail;
};

enum {
	QV_AXES_MAX = 16,	/* of a policy; tests on more are left to the conditions */
	QV_LARGE_SET = 1 << 15,	/* ranges from which on a set is an axis of its own */
};

/* Tell the axis of a test; false if the index does not know such tests. */
bool qv_axis_of(struct qv_axis *axis, const struct qv_program *program,
		const struct qv_node *node);

/* The greatest number that a QV_AXIS_SMALL or QV_AXIS_MEMBER can be, rounded up to whole bytes. */
uint32_t qv_axis_last(const struct qv_axis *axis);

/* Where a line enters a range of a test's values (@enters) or has left it. */
struct qv_edge {
	qv_wide key;
	uint32_t value;		/* which of the axis's tests */
	bool enters;
};

struct qv_edges {
	struct qv_edge *edges;
	uint32_t count, room;
};

enum { QV_NARROW, QV_BROAD, QV_LINES };	/* the lines of 32-bit and of 128-bit numbers */

/* Add the edges of a test's ranges, as the axis's test @value. */
bool qv_axis_edges(const struct qv_axis *axis, struct qv_heap *heap,
		   const struct qv_program *program, const struct qv_node *node, uint32_t value,
		   struct qv_edges edges[QV_LINES]);

static inline qv_wide qv_wide_of(const uint8_t bytes[16])
{
	return (qv_wide)qv_load32(bytes) << 96 | (qv_wide)qv_load32(bytes + 4) << 64 |
	       (qv_wide)qv_load32(bytes + 8) << 32 | qv_load32(bytes + 12);
}

/* A name as a number: its bytes, then its length, so that no two names are one number. */
static inline qv_wide qv_wide_of_name(const char name[QV_INTERFACE_SIZE], uint8_t length)
{
	uint8_t bytes[16];

	memcpy(bytes, name, sizeof(bytes));
	bytes[15] = length;
	return qv_wide_of(bytes);
}

static inline qv_wide qv_wide_of_mac(const uint8_t mac[6])
{
	return (qv_wide)qv_load32(mac) << 16 | qv_load16(mac + 4);
}

#endif
