/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A worker's books: each packet once, as control/counters.py and transport/base.py have them.
 * One thread writes, any reads; received is counted before its verdicts, so who reads verdicts first
 * never sees more of them than packets.
 */
#ifndef QV_TALLY_H
#define QV_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#include "decision.h"
#include "program.h"

typedef _Atomic uint64_t qv_count;

struct qv_tally {
	qv_count received;
	qv_count verdicts[QV_VERDICTS];	/* sent */
	qv_count reasons[QV_REASONS];
	qv_count replaced;
	qv_count not_shown;		/* decisions that the ring had no room for */
	qv_count id_gaps;		/* ids that never came */
	qv_count flushed;		/* verdicts for packets that the kernel had dropped before */
	qv_count refused;		/* verdicts that could not be carried out for another reason */
	qv_count broken;		/* messages that could not be parsed and had no id to answer */
	qv_count batches;
};

/* Add to a count of which this thread is the only writer: no locked instruction is needed. */
static inline void qv_count_add(qv_count *count, uint64_t more)
{
	uint64_t before = atomic_load_explicit(count, memory_order_relaxed);

	atomic_store_explicit(count, before + more, memory_order_release);
}

static inline uint64_t qv_count_read(const qv_count *count)
{
	return atomic_load_explicit(count, memory_order_acquire);
}

#endif
