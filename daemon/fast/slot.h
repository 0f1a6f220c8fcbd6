/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine in force. Workers read it once a batch and never wait; who puts another one in its
 * place waits until no worker's batch uses the old one any more.
 */
#ifndef QV_SLOT_H
#define QV_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"

/* An engine, and what a worker wants to know of it each batch. */
struct qv_regime {
	struct qv_engine *engine;
	uint64_t generation;		/* counts policies, from 1 */
	bool interfaces;		/* its rules ask for interfaces' names */
	uint8_t on_error;		/* enum qv_verdict */
};

struct qv_slot;

/* Make a slot for @workers threads with @engine in force, which stays the caller's to free. */
struct qv_slot *qv_slot_new(struct qv_engine *engine, unsigned int workers);
void qv_slot_free(struct qv_slot *slot);

/*
 * Put @engine in force. When this returns, no worker uses the one before, whose counters are final.
 * From one thread at a time. Returns 0, or -ENOMEM: then all is as before.
 */
int qv_slot_swap(struct qv_slot *slot, struct qv_engine *engine);

/* The generation in force. From the thread that swaps. */
uint64_t qv_slot_generation(const struct qv_slot *slot);

/* A worker begins a batch: the regime it returns is valid until qv_slot_leave(). */
const struct qv_regime *qv_slot_enter(struct qv_slot *slot, unsigned int worker);
void qv_slot_leave(struct qv_slot *slot, unsigned int worker);

#endif
