// SPDX-License-Identifier: GPL-2.0
#include "ledger.h"

_Static_assert(QV_BATCH_MAX < 1 << QV_LEDGER_COUNT_BITS, "a batch's count has its bits");

bool qv_ledger_sound(const struct qv_ledger *ledger, size_t size)
{
	return size == sizeof(*ledger) && ledger->magic == QV_LEDGER_MAGIC &&
	       ledger->version == QV_LEDGER_VERSION &&
	       qv_ledger_count(atomic_load(&ledger->state)) <= QV_BATCH_MAX;
}

void qv_ledger_begin(struct qv_ledger *ledger, uint64_t last_id, uint64_t answered)
{
	atomic_store(&ledger->state, answered << QV_LEDGER_COUNT_BITS);
	atomic_store(&ledger->faulted, 0);
	ledger->faults = 0;
	ledger->last_id = last_id;
	ledger->version = QV_LEDGER_VERSION;
	ledger->magic = QV_LEDGER_MAGIC;
}

void qv_ledger_publish(struct qv_ledger *ledger, uint32_t queue, uint32_t faults,
		       unsigned int count)
{
	uint64_t state = atomic_load_explicit(&ledger->state, memory_order_relaxed);

	if (!count)
		return;
	ledger->queue = queue;
	ledger->faults = faults;
	ledger->last_id = ledger->ids[count - 1];
	atomic_store_explicit(&ledger->state, state | count, memory_order_release);
}

void qv_ledger_strike(struct qv_ledger *ledger)
{
	uint64_t state = atomic_load_explicit(&ledger->state, memory_order_relaxed);
	uint64_t answered = qv_ledger_answered(state) + qv_ledger_count(state);

	atomic_store_explicit(&ledger->state, answered << QV_LEDGER_COUNT_BITS,
			      memory_order_release);
}
