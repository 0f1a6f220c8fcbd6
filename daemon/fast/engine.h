/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine: a verified program and all that was built from it to run it fast. Immutable once
 * made, but for its lanes: one thread's workspace and counters each.
 */
#ifndef QV_ENGINE_H
#define QV_ENGINE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "decision.h"
#include "fault.h"
#include "packet.h"
#include "program.h"

struct qv_engine;
struct qv_lane;

struct qv_limits {
	uint64_t memory;	/* bytes that may be built from a program; 0: QV_MEMORY_DEFAULT */
	uint32_t cached_flows;	/* entries of a lane's flow cache, a power of two; 0: none */
};

#define QV_MEMORY_DEFAULT (UINT64_C(1) << 30)

/*
 * What a rule decided; written by the lane's thread alone, read by any. Aligned so that none lies in
 * two cache lines: the packets of many rules find it cold.
 */
struct qv_rule_count {
	_Alignas(32) _Atomic uint64_t packets;
	_Atomic uint64_t octets;
	_Atomic uint64_t last;		/* nanoseconds since the epoch; 0: never */
};

enum { QV_BATCH_MAX = 256 };	/* packets judged in one call */

/*
 * Verify @size bytes of @program (which stay the caller's, and must stay) and build the engine for
 * @lanes threads. Returns NULL with @fault filled in: a broken program, no memory, or more than
 * @limits allow; nothing is left behind then.
 */
struct qv_engine *qv_engine_new(const void *program, size_t size, unsigned int lanes,
				const struct qv_limits *limits, struct qv_fault *fault);
void qv_engine_free(struct qv_engine *engine);

const struct qv_program *qv_engine_program(const struct qv_engine *engine);
struct qv_lane *qv_engine_lane(struct qv_engine *engine, unsigned int lane);
/* The lane's counters, one a rule. */
const struct qv_rule_count *qv_lane_counts(const struct qv_lane *lane);
/* Bytes in use beside the program itself. */
uint64_t qv_engine_memory(const struct qv_engine *engine);

/* Told of each decision, in the packets' order, while it is valid. */
typedef void qv_decided(void *context, const struct qv_packet *packet,
			const struct qv_decision *decision);

/*
 * Judge @count packets (QV_BATCH_MAX at most) at the time @now (nanoseconds since the epoch), and
 * count them at their rules. Always ends in one decision for each; allocates nothing.
 */
void qv_judge(struct qv_lane *lane, const struct qv_packet *packets, size_t count, uint64_t now,
	      qv_decided *decided, void *context);

#endif
