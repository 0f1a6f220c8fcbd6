/* SPDX-License-Identifier: GPL-2.0 */
/* A decision as a record in a ring: all that whoever shows it needs, in one piece. */
#ifndef QV_TOLD_H
#define QV_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "decision.h"
#include "packet.h"
#include "ring.h"

struct qv_told {
	uint64_t generation;	/* of the policy that decided: rules are numbered by it */
	uint64_t id;
	uint64_t time;		/* with QV_PACKET_TIME */
	uint32_t length;
	uint32_t packet_mark;
	uint32_t mark;
	uint32_t uid;		/* with QV_PACKET_UID */
	uint32_t gid;		/* with QV_PACKET_GID */
	uint32_t rule;		/* or QV_NO_RULE */
	uint32_t log_count;
	uint32_t caplen;
	uint32_t replacement_length;
	uint16_t queue;
	uint8_t verdict;
	uint8_t reason;
	bool replaced;
	uint8_t family;
	uint8_t hook;
	uint8_t flags;		/* QV_PACKET_ */
	uint8_t mac_length;
	uint8_t mac[8];
	struct qv_ifname in;
	struct qv_ifname out;
	uint8_t rest[];		/* the logs, the packet, its replacement: see below */
};

/*
 * Add a record to @ring, with the names of the packet's interfaces, which it may lack itself.
 * Returns false if there is no room.
 */
bool qv_told_write(struct qv_ring *ring, uint64_t generation, const struct qv_packet *packet,
		   const struct qv_decision *decision, const struct qv_ifname *in,
		   const struct qv_ifname *out);

/* Where the parts are; the logs, rules as they asked to log, are not aligned. */
static inline const uint8_t *qv_told_logs(const struct qv_told *told)
{
	return told->rest;
}

static inline const uint8_t *qv_told_packet(const struct qv_told *told)
{
	return told->rest + told->log_count * sizeof(uint32_t);
}

static inline const uint8_t *qv_told_replacement(const struct qv_told *told)
{
	return qv_told_packet(told) + told->caplen;
}

#endif
