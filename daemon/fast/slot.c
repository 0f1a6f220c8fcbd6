// SPDX-License-Identifier: GPL-2.0
#include "slot.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* A worker's batches: odd while it is in one. Alone on its cache line. */
struct place {
	_Alignas(64) _Atomic uint64_t batches;
};

struct qv_slot {
	_Atomic(struct qv_regime *) regime;
	unsigned int workers;
	struct place places[];
};

static struct qv_regime *regime_new(struct qv_engine *engine, uint64_t generation)
{
	const struct qv_program *program = qv_engine_program(engine);
	struct qv_regime *regime = malloc(sizeof(*regime));

	if (!regime)
		return NULL;
	*regime = (struct qv_regime){
		.engine = engine,
		.generation = generation,
		.on_error = program->header->on_error,
	};
	for (uint32_t i = 0; i < program->node_count && !regime->interfaces; i++)
		regime->interfaces = program->nodes[i].op == QV_IN_INTERFACES;
	return regime;
}

struct qv_slot *qv_slot_new(struct qv_engine *engine, unsigned int workers)
{
	size_t size = sizeof(struct qv_slot) + workers * sizeof(struct place);
	struct qv_slot *slot = aligned_alloc(_Alignof(struct qv_slot), size);
	struct qv_regime *regime = regime_new(engine, 1);

	if (!slot || !regime) {
		free(slot);
		free(regime);
		return NULL;
	}
	atomic_init(&slot->regime, regime);
	slot->workers = workers;
	for (unsigned int i = 0; i < workers; i++)
		atomic_init(&slot->places[i].batches, 0);
	return slot;
}

void qv_slot_free(struct qv_slot *slot)
{
	if (!slot)
		return;
	free(atomic_load(&slot->regime));
	free(slot);
}

/* Wait until a batch that may have begun before the swap is over. A batch takes a millisecond. */
static void wait_for(struct place *place)
{
	const struct timespec nap = { .tv_nsec = 50000 };
	uint64_t before = atomic_load(&place->batches);

	while (before & 1 && atomic_load(&place->batches) == before)
		nanosleep(&nap, NULL);
}

int qv_slot_swap(struct qv_slot *slot, struct qv_engine *engine)
{
	struct qv_regime *before = atomic_load(&slot->regime);
	struct qv_regime *regime = regime_new(engine, before->generation + 1);

	if (!regime)
		return -ENOMEM;
	/*
	 * Both sides go in one order: a worker writes its batch and reads the regime, we write the
	 * regime and read its batch. So it either has the new regime, or we see its batch.
	 */
	atomic_store(&slot->regime, regime);
	for (unsigned int i = 0; i < slot->workers; i++)
		wait_for(&slot->places[i]);
	free(before);
	return 0;
}

uint64_t qv_slot_generation(const struct qv_slot *slot)
{
	return atomic_load(&slot->regime)->generation;
}

const struct qv_regime *qv_slot_enter(struct qv_slot *slot, unsigned int worker)
{
	struct place *place = &slot->places[worker];
	uint64_t before = atomic_load_explicit(&place->batches, memory_order_relaxed);

	atomic_store(&place->batches, before + 1);
	return atomic_load(&slot->regime);
}

void qv_slot_leave(struct qv_slot *slot, unsigned int worker)
{
	struct place *place = &slot->places[worker];
	uint64_t before = atomic_load_explicit(&place->batches, memory_order_relaxed);

	atomic_store_explicit(&place->batches, before + 1, memory_order_release);
}
