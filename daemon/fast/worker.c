// SPDX-License-Identifier: GPL-2.0
#include "worker.h"

#include <errno.h>
#include <linux/sched/types.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fatal.h"
#include "names.h"
#include "told.h"

enum {
	SECOND = 1000000000,
	/* Nanoseconds of the processor at a time that a worker asks for: some fifty packets. */
	SLICE = 100000,
	/* How long a kernel without memory for our verdicts is left alone before the next try. */
	NAP = 1000000,
	/* How many tries are made of a worker that was told to stop: five seconds. */
	LAST_TRIES = 5000,
};

struct qv_worker {
	_Alignas(64) struct qv_tally tally;
	_Atomic bool stopping;		/* by others, once */
	_Atomic uint32_t acknowledged;
	struct qv_ledger *ledger;	/* or NULL */
	struct qv_link *link;
	struct qv_slot *slot;
	struct qv_ring *ring;
	unsigned int lane;
	bool tell_all;
	/* Of this batch: */
	const struct qv_regime *regime;
	unsigned int decided;		/* packets */
	unsigned int verdicts[QV_VERDICTS];
	unsigned int reasons[QV_REASONS];
	unsigned int replaced;
	struct qv_names names;
};

struct qv_worker *qv_worker_new(const struct qv_link_kind *kind, const struct qv_terms *terms,
				struct qv_slot *slot, unsigned int lane, struct qv_ring *ring,
				bool tell_all, struct qv_ledger *ledger)
{
	struct qv_worker *worker = aligned_alloc(_Alignof(struct qv_worker), sizeof(*worker));

	if (!worker)
		return NULL;
	memset(worker, 0, sizeof(*worker));
	worker->slot = slot;
	worker->lane = lane;
	worker->ring = ring;
	worker->tell_all = tell_all;
	worker->ledger = ledger;
	qv_names_init(&worker->names, terms->fd);
	worker->link = qv_link_new(kind, terms, &worker->tally);
	if (!worker->link) {
		free(worker);
		return NULL;
	}
	return worker;
}

void qv_worker_free(struct qv_worker *worker)
{
	if (!worker)
		return;
	qv_link_free(worker->link);
	free(worker);
}

/*
 * Send the verdicts that wait, and try again until the kernel has memory for them: reading on would
 * only make more of them. Returns 0 or -1, a failure.
 */
static int persist(struct qv_worker *worker)
{
	const struct timespec nap = { .tv_nsec = NAP };
	int error, last = LAST_TRIES;

	while ((error = qv_link_flush(worker->link)) == -EAGAIN) {
		if (atomic_load_explicit(&worker->stopping, memory_order_relaxed) && !--last) {
			qv_link_fail(worker->link, QV_SEND_FAILED, ENOBUFS);
			return -1;
		}
		nanosleep(&nap, NULL);
	}
	return error;
}

static void answer(struct qv_worker *worker, const struct qv_packet *packet,
		   const struct qv_decision *decision)
{
	while (qv_link_answer(worker->link, packet, decision) == -EAGAIN) {
		if (persist(worker))
			break;
	}
}

static void tell(struct qv_worker *worker, const struct qv_packet *packet,
		 const struct qv_decision *decision)
{
	const struct qv_ifname in = qv_names_get(&worker->names, packet->indev);
	const struct qv_ifname out = qv_names_get(&worker->names, packet->outdev);

	if (!qv_told_write(worker->ring, worker->regime->generation, packet, decision, &in, &out))
		qv_count_add(&worker->tally.not_shown, 1);
}

/* The engine has decided one packet. */
static void decided(void *context, const struct qv_packet *packet,
		    const struct qv_decision *decision)
{
	struct qv_worker *worker = context;

	worker->decided++;
	answer(worker, packet, decision);
	worker->verdicts[decision->verdict]++;
	worker->reasons[decision->reason]++;
	worker->replaced += decision->replaced;
	if (worker->tell_all || decision->log_count)
		tell(worker, packet, decision);
}

/* Whoever holds a packet owes a verdict: what a defect in the engine left undecided is an error. */
static void pay_debts(struct qv_worker *worker)
{
	while (worker->decided < worker->link->count) {
		const struct qv_packet *packet = &worker->link->packets[worker->decided];
		const struct qv_decision decision = {
			.verdict = worker->regime->on_error,
			.reason = QV_INTERNAL,
			.rule = QV_NO_RULE,
			.mark = packet->mark,
		};

		decided(worker, packet, &decision);
	}
}

static void name_interfaces(struct qv_worker *worker)
{
	for (unsigned int i = 0; i < worker->link->count; i++) {
		struct qv_packet *packet = &worker->link->packets[i];

		packet->in = qv_names_get(&worker->names, packet->indev);
		packet->out = qv_names_get(&worker->names, packet->outdev);
	}
}

/* From here on these packets may be what ends us. */
static void note(struct qv_worker *worker)
{
	const struct qv_link *link = worker->link;

	for (unsigned int i = 0; i < link->count; i++)
		qv_ledger_set(worker->ledger, i, link->packets[i].id);
	qv_ledger_publish(worker->ledger, link->terms.queue, 0, link->count);
}

static void begin(struct qv_worker *worker)
{
	qv_names_forget(&worker->names);
	worker->decided = 0;
	memset(worker->verdicts, 0, sizeof(worker->verdicts));
	memset(worker->reasons, 0, sizeof(worker->reasons));
	worker->replaced = 0;
}

/* The batch's verdicts are sent: count them. */
static void count(struct qv_worker *worker)
{
	struct qv_tally *tally = &worker->tally;

	for (unsigned int i = 0; i < QV_VERDICTS; i++)
		qv_count_add(&tally->verdicts[i], worker->verdicts[i]);
	for (unsigned int i = 0; i < QV_REASONS; i++)
		qv_count_add(&tally->reasons[i], worker->reasons[i]);
	qv_count_add(&tally->replaced, worker->replaced);
	qv_count_add(&tally->batches, 1);
}

/* Carry one batch through. */
static void serve(struct qv_worker *worker)
{
	struct qv_link *link = worker->link;
	struct timespec clock;
	uint64_t now;

	clock_gettime(CLOCK_REALTIME, &clock);
	now = (uint64_t)clock.tv_sec * SECOND + (uint64_t)clock.tv_nsec;
	begin(worker);
	if (worker->ledger)
		note(worker);
	worker->regime = qv_slot_enter(worker->slot, worker->lane);
	if (worker->regime->interfaces)
		name_interfaces(worker);
	qv_judge(qv_engine_lane(worker->regime->engine, worker->lane), link->packets, link->count,
		 now, decided, worker);
	pay_debts(worker);
	qv_slot_leave(worker->slot, worker->lane);
	if (!persist(worker)) {
		count(worker);
		if (worker->ledger)
			qv_ledger_strike(worker->ledger);
	}
	qv_ring_publish(worker->ring);
}

/*
 * Ask for short slices: whom a packet wakes goes before whoever has longer ones (EEVDF, from Linux
 * 6.12 on), above all before a policy that is being loaded. An older kernel ignores it, and a sandbox
 * may refuse it; packets then wait a little longer meanwhile, which is not worth a word.
 */
static void be_prompt(void)
{
	struct sched_attr attr = { .size = sizeof(attr) };

	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0))
		return;
	attr.sched_runtime = SLICE;
	syscall(SYS_sched_setattr, 0, &attr, 0);
}

enum qv_failure qv_worker_run(struct qv_worker *worker, int *error)
{
	struct qv_link *link = worker->link;

	be_prompt();
	qv_fatal_stack();
	while (qv_link_holds(link) ||
	       !atomic_load_explicit(&worker->stopping, memory_order_acquire)) {
		int count = qv_link_receive(link);

		if (count < 0)
			break;
		if (count)
			serve(worker);
		atomic_store_explicit(&worker->acknowledged, link->acknowledged,
				      memory_order_release);
	}
	*error = link->error;
	return link->failure;
}

int qv_worker_stop(struct qv_worker *worker)
{
	/*
	 * The order makes it safe: the worker looks at the flag before each time it waits. If it
	 * waits already, its socket is empty and takes the kernel's answer, which ends the waiting. If
	 * the socket is too full for the answer, the worker does not wait.
	 */
	atomic_store(&worker->stopping, true);
	return qv_link_nudge(worker->link);
}

uint32_t qv_worker_acknowledged(const struct qv_worker *worker)
{
	return atomic_load_explicit(&worker->acknowledged, memory_order_acquire);
}

const struct qv_tally *qv_worker_tally(const struct qv_worker *worker)
{
	return &worker->tally;
}

const struct qv_link *qv_worker_link(const struct qv_worker *worker)
{
	return worker->link;
}
