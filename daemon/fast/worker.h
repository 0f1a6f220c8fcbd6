/* SPDX-License-Identifier: GPL-2.0 */
/* A worker: one thread that serves one queue, batch by batch, until it is told to stop. */
#ifndef QV_WORKER_H
#define QV_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "ledger.h"
#include "link.h"
#include "ring.h"
#include "slot.h"
#include "tally.h"

struct qv_worker;

/*
 * Make a worker that serves the queue held on @terms as @slot's worker number @lane, with that lane
 * of whichever engine is in force. @ring: where decisions are told, all of them with @tell_all, else
 * those that rules log. @ledger: where the packets that are being judged are noted, or NULL. Slot,
 * ring and ledger stay the caller's. Returns NULL if there is no memory.
 */
struct qv_worker *qv_worker_new(const struct qv_link_kind *kind, const struct qv_terms *terms,
				struct qv_slot *slot, unsigned int lane, struct qv_ring *ring,
				bool tell_all, struct qv_ledger *ledger);
void qv_worker_free(struct qv_worker *worker);

/*
 * Serve until qv_worker_stop(). All packets that were received are answered when this returns; those
 * that wait in the socket are not touched. Returns QV_NO_FAILURE, or what ended it with *@error set.
 */
enum qv_failure qv_worker_run(struct qv_worker *worker, int *error);

/*
 * From any thread, before or while qv_worker_run() runs: let it return after the batch it is in.
 * Returns 0; or -errno if a worker that waits for packets could not be woken: it stops at the next
 * packet, or when this is called again.
 */
int qv_worker_stop(struct qv_worker *worker);

/*
 * The number of the configuration message that the kernel acknowledged last, once all packets that
 * it had sent before are answered; 0 if there was none. From any thread.
 */
uint32_t qv_worker_acknowledged(const struct qv_worker *worker);

/* Its books, which any thread may read. */
const struct qv_tally *qv_worker_tally(const struct qv_worker *worker);

/* Its link, while qv_worker_run() does not run: where whoever goes on has to begin. */
const struct qv_link *qv_worker_link(const struct qv_worker *worker);

#endif
