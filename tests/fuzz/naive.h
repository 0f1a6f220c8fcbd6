/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The naive walk: what a program says of a packet, by looking at every node and every rule in turn.
 * Written to be read beside policy/reference.py, not to be fast, and from nothing of the engine's
 * but the formats that both are handed (program, packet, field numbers) and RE2 behind pattern.h.
 */
#ifndef NAIVE_H
#define NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decision.h"
#include "fields.h"
#include "packet.h"
#include "pattern.h"
#include "program.h"

/*
 * The three values of a condition, in the order that makes ALL the least of its parts, ANY the
 * greatest, and NOT a mirror. A set of them (what is still possible) has bit 1 << value.
 */
enum naive_truth { NAIVE_FALSE, NAIVE_ABSENT, NAIVE_TRUE, NAIVE_TRUTHS };

enum {
	ONLY_FALSE = 1 << NAIVE_FALSE,
	ONLY_ABSENT = 1 << NAIVE_ABSENT,
	ONLY_TRUE = 1 << NAIVE_TRUE,
	IS_CUT = ONLY_TRUE | ONLY_FALSE,	/* there, but its bytes are hidden */
	IS_UNKNOWN = IS_CUT | ONLY_ABSENT,	/* hidden whether it is there at all */
	IS_THERE = 0,				/* of a field: it has a value */
};

/* Protocol numbers of the transports whose headers have fields, and none. */
enum {
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	DCCP = 33,
	ICMPV6 = 58,
	SCTP = 132,
	UDPLITE = 136,
	NO_TRANSPORT = 256,
};

/* A packet as the rules before have left it, and where its headers are. */
struct naive_view {
	const struct qv_packet *packet;	/* as it came: what the kernel says of it */
	const uint8_t *data;
	size_t at_hand;
	size_t length;
	uint32_t mark;
	bool partial;
	bool ipv6;
	bool end_known;
	size_t end;
	uint8_t proto_is;		/* IS_THERE or a set of truths, as for every .._is */
	uint8_t proto;
	uint8_t fragment_is;
	bool fragment;
	int transport;
	uint8_t transport_is;		/* what a field is while there is no transport */
	size_t transport_at;
	bool payload_known;
	size_t payload_at;
	size_t payload_end;
	bool own_source;		/* the checksum's addresses are the network header's */
	bool own_destination;
	bool route_known;
	uint8_t source[16];
	uint8_t destination[16];
};

/* Where a field's bits are, from the first byte of its header. */
struct naive_place {
	int field;
	int header;			/* protocol number; 4 and 6 for IPv4 and IPv6 */
	bool network;
	size_t offset;
	size_t size;
	uint32_t mask;
	unsigned int shift;
};

struct naive_decision {
	uint8_t verdict;
	uint8_t reason;
	bool replaced;
	uint16_t queue;
	uint32_t rule;
	uint32_t mark;
	uint8_t *replacement;		/* the caller's to free */
	size_t replacement_length;
	uint32_t *logs;			/* the caller's to free */
	uint32_t log_count;
};

/* Allocate or give up: a fuzzer without memory has nothing to say. */
void *naive_alloc(size_t size);

/* Big-endian number of @size bytes, 4 at most. */
uint32_t naive_load(const uint8_t *bytes, size_t size);
void naive_store(uint8_t *bytes, size_t size, uint32_t value);

/*
 * Find the headers of @view's data; packet, data, at_hand, length, mark and partial are filled in.
 * Returns QV_BY_RULE, or the reason for which no rule may be asked.
 */
enum qv_reason naive_decode(struct naive_view *view);

/* The place of a field in this packet, from the packet's first byte, or NULL. */
const struct naive_place *naive_place(const struct naive_view *view, uint32_t field, size_t *at);

/* Find a placed field's bytes at hand: IS_THERE with @place and @at set, or what it is instead. */
uint8_t naive_placed(const struct naive_view *view, uint32_t field,
		     const struct naive_place **place, size_t *at);

/* Read a numeric field: IS_THERE with @value set, or what it is instead. */
uint8_t naive_number(const struct naive_view *view, uint32_t field, uint32_t *value);

/* What each node of the program comes to on this packet: a set of truths each. */
void naive_outcomes(const struct qv_program *program, const struct qv_patterns *patterns,
		    const struct naive_view *view, uint8_t *outcomes);

/*
 * Do a rule's rewrites. Returns false if one cannot be done; else *@bytes is the new packet, or
 * NULL if nothing changed.
 */
bool naive_rewrite(const struct qv_program *program, const struct qv_patterns *patterns,
		   const struct qv_rule *rule, const struct naive_view *view, uint8_t **bytes,
		   size_t *length);

/* Put the transport checksum of a changed packet right; false if it cannot be. */
bool naive_sum_transport(const struct naive_view *view, const uint8_t *old, size_t old_length,
			 uint8_t *new, size_t new_length);
void naive_sum_ipv4(uint8_t *packet);

/* Decide one packet. */
void naive_decide(const struct qv_program *program, const struct qv_patterns *patterns,
		  const struct qv_packet *packet, struct naive_decision *decision);

#endif
