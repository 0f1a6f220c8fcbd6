/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ledger: what a queue's next process has to know of this one, in memory that outlives it. Before
 * packets are judged their ids are noted, and once their verdicts are sent they are struck out; so
 * whoever finds the ledger knows which packets were being judged when its writer ended, and how many
 * it had answered. One process at a time writes, one thread of it.
 *
 * Reading packets and noting them is not one step: a process that is killed between the two leaves
 * packets that nobody noted. That is harmless, for nothing had begun to judge them.
 */
#ifndef QV_LEDGER_H
#define QV_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine.h"

#define QV_LEDGER_MAGIC UINT64_C(0x72656764656c7671)	/* "qvledger" */

enum { QV_LEDGER_VERSION = 1, QV_LEDGER_COUNT_BITS = 16 };

struct qv_ledger {
	uint64_t magic;
	uint32_t version;
	_Atomic uint32_t faulted;	/* a fault of its own ended the writer: see fatal.h */
	uint32_t faults;		/* such ends that the noted packets had been in before */
	uint32_t queue;			/* the number of the queue whose ids they are */
	uint64_t last_id;		/* of the packet noted last */
	/*
	 * How many packets were answered, and in the low QV_LEDGER_COUNT_BITS how many are noted: one
	 * word, as a writer can end between any two stores. Written last when noting.
	 */
	_Atomic uint64_t state;
	/* Of the kernel's drop counters, what somebody was told already; they go on over all lives. */
	uint64_t told_queue_full;
	uint64_t told_socket_full;
	uint64_t ids[QV_BATCH_MAX];
};

/* Whether @size bytes at @ledger are a ledger of this version: anything may have been handed to us. */
bool qv_ledger_sound(const struct qv_ledger *ledger, size_t size);

/*
 * Have nobody noted, as a new writer. @last_id: of the packet read last. @answered: packets until now,
 * by all that held the queue. What was told of the kernel's counters stays.
 */
void qv_ledger_begin(struct qv_ledger *ledger, uint64_t last_id, uint64_t answered);

static inline unsigned int qv_ledger_count(uint64_t state)
{
	return (unsigned int)(state & ((1u << QV_LEDGER_COUNT_BITS) - 1));
}

static inline uint64_t qv_ledger_answered(uint64_t state)
{
	return state >> QV_LEDGER_COUNT_BITS;
}

/*
 * Note packets that are about to be judged, QV_BATCH_MAX at most, while none is noted: set their ids
 * one after the other, then publish them all.
 */
static inline void qv_ledger_set(struct qv_ledger *ledger, unsigned int at, uint64_t id)
{
	ledger->ids[at] = id;
}

void qv_ledger_publish(struct qv_ledger *ledger, uint32_t queue, uint32_t faults,
		       unsigned int count);

/* Their verdicts are sent: strike them out. */
void qv_ledger_strike(struct qv_ledger *ledger);

#endif
