// SPDX-License-Identifier: GPL-2.0
/*
 * A worker under all that happens to it at once: packets, swaps of the engine, a reader of its
 * ring, and in the end the order to stop. A kernel in memory holds it to account for each packet.
 * Prints nothing; ends with 1 and a line at the first thing that is wrong.
 */
#include "worker.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "marking.h"
#include "told.h"

enum { PACKETS = 100000, SWAPS = 1000, WINDOW = 700, DATAGRAM = 400, LANES = 2, LANE = 1 };

struct scene {
	const struct qv_link_kind *kind;
	bool marks;			/* packets are marked, so no two share a verdict's message */
	uint64_t runs;			/* verdicts that many packets shared */
	int ours, theirs;		/* the worker's end of the socket, and the kernel's */
	struct qv_slot *slot;
	struct qv_ring *ring;
	struct qv_worker *worker;
	struct qv_engine *engine;	/* in force */
	uint64_t harvested;		/* packets that the rules of all engines counted */
	uint64_t told;
	struct qv_ledger ledger;
	_Atomic uint64_t answered;
	_Atomic bool ended;
};

static void expect(bool right, const char *what, uint64_t number)
{
	if (right)
		return;
	fprintf(stderr, "worker: %s: %llu\n", what, (unsigned long long)number);
	exit(1);
}

/* Engines of odd generations mark odd, others even; or all leave marks as they are. */
static uint32_t mark_of(const struct scene *scene, uint64_t generation)
{
	return scene->marks ? 0x20 + (uint32_t)(generation & 1) : KERNEL_MARK;
}

static uint64_t counted(const struct qv_engine *engine)
{
	struct qv_lane *lane = qv_engine_lane((struct qv_engine *)engine, LANE);

	return atomic_load_explicit(&qv_lane_counts(lane)[0].packets, memory_order_relaxed);
}

static void read_verdicts(struct scene *scene, const uint8_t *data, size_t size, uint64_t *next)
{
	struct kernel_verdict verdict;
	size_t offset = 0;
	uint8_t answer[64];
	int more;

	while ((more = kernel_verdict(scene->kind, data, size, &offset, &verdict)) > 0) {
		expect(verdict.up_to ? verdict.id >= *next : verdict.id == *next,
		       "answered out of turn", verdict.id);
		expect(verdict.code == NF_ACCEPT && !verdict.payload, "verdict", verdict.code);
		if (scene->marks)
			expect(verdict.marked && (verdict.mark & ~1u) == 0x20, "mark", verdict.mark);
		else
			expect(!verdict.marked, "marked", verdict.mark);
		scene->runs += verdict.up_to;
		*next = verdict.id + 1;
	}
	expect(!more, "not a verdict", *next);
	if (!offset && (size = kernel_answer(scene->kind, answer, data)))
		expect(send(scene->theirs, answer, size, 0) > 0, "send", (uint64_t)errno);
	atomic_store(&scene->answered, *next - 1);
}

/* Send packets, a window at most ahead of their verdicts; answer what is asked until the end. */
static void *kernel(void *argument)
{
	struct scene *scene = argument;
	uint8_t *data = malloc(1 << 20), *made = malloc(KERNEL_ROOM);
	uint64_t sent = 0, next = 1;
	struct pollfd waited = { .fd = scene->theirs, .events = POLLIN };

	while (!atomic_load(&scene->ended)) {
		ssize_t got = recv(scene->theirs, data, 1 << 20, MSG_DONTWAIT);

		if (got > 0) {
			read_verdicts(scene, data, (size_t)got, &next);
		} else if (sent < PACKETS && sent - (next - 1) < WINDOW) {
			unsigned int count = (unsigned int)(PACKETS - sent);
			size_t size = kernel_packets(scene->kind, made, sent + 1,
						     count < DATAGRAM ? count : DATAGRAM, &count);

			if (send(scene->theirs, made, size, MSG_DONTWAIT) > 0)
				sent += count;
			else
				poll(&waited, 1, 1);
		} else {
			poll(&waited, 1, 1);
		}
	}
	free(data);
	free(made);
	return NULL;
}

static void *swapper(void *argument)
{
	struct scene *scene = argument;

	for (uint64_t generation = 2; generation < SWAPS + 2; generation++) {
		struct qv_engine *before = scene->engine;
		uint64_t count;

		scene->engine = marking_engine(generation, mark_of(scene, generation), LANES);
		expect(!qv_slot_swap(scene->slot, scene->engine), "swap", generation);
		expect(qv_slot_generation(scene->slot) == generation, "generation", generation);
		count = counted(before);
		sched_yield();
		expect(counted(before) == count, "counts on after the swap", generation);
		scene->harvested += count;
		qv_engine_free(before);
	}
	return NULL;
}

static void *reader(void *argument)
{
	struct scene *scene = argument;
	uint64_t last = 0;

	for (;;) {
		bool ended = atomic_load(&scene->ended);
		const struct qv_told *told;
		size_t size;

		while ((told = qv_ring_peek(scene->ring, &size))) {
			expect(told->id > last, "told out of turn", told->id);
			expect(told->mark == mark_of(scene, told->generation), "generation", told->id);
			expect(told->packet_mark == KERNEL_MARK && told->rule == 0 &&
				       told->caplen == KERNEL_PAYLOAD && told->hook == 2,
			       "told", told->id);
			last = told->id;
			scene->told++;
			qv_ring_release(scene->ring);
		}
		if (ended)
			return NULL;
		if (qv_ring_sleep(scene->ring)) {
			struct pollfd waited = { .fd = qv_ring_fd(scene->ring), .events = POLLIN };

			poll(&waited, 1, 10);
			qv_ring_wake(scene->ring);
		}
	}
}

static void *run(void *argument)
{
	struct scene *scene = argument;
	int error;
	enum qv_failure failure = qv_worker_run(scene->worker, &error);

	expect(failure == QV_NO_FAILURE, "failure", (uint64_t)error);
	return NULL;
}

static void check(struct scene *scene)
{
	const struct qv_tally *tally = qv_worker_tally(scene->worker);

	scene->harvested += counted(scene->engine);
	expect(qv_count_read(&tally->received) == PACKETS, "received", tally->received);
	expect(qv_count_read(&tally->verdicts[QV_ACCEPT]) == PACKETS, "accepted",
	       tally->verdicts[QV_ACCEPT]);
	expect(qv_count_read(&tally->reasons[QV_BY_RULE]) == PACKETS, "by rule",
	       tally->reasons[QV_BY_RULE]);
	expect(scene->harvested == PACKETS, "counted at the rules", scene->harvested);
	expect(scene->told + tally->not_shown == PACKETS, "told", scene->told);
	expect(scene->told > 0, "hardly any told", scene->told);
	expect((scene->runs > 0) == (scene->kind == &qv_nfqueue && !scene->marks), "runs",
	       scene->runs);
	expect(atomic_load(&scene->ledger.state) == (uint64_t)PACKETS << QV_LEDGER_COUNT_BITS,
	       "the ledger", atomic_load(&scene->ledger.state));
	expect(!tally->id_gaps && !tally->broken && !tally->refused && !tally->flushed, "losses", 0);
	expect(qv_worker_link(scene->worker)->terms.last_id == PACKETS, "last id",
	       qv_worker_link(scene->worker)->terms.last_id);
}

static void play(const struct qv_link_kind *kind, bool marks)
{
	struct scene scene = { .kind = kind, .marks = marks };
	const struct timespec nap = { .tv_nsec = 1000000 };
	void *(*const parts[])(void *) = { kernel, swapper, reader, run };
	struct qv_terms terms = { .family = QV_FAMILY_IPV4, .most_verdicts = 100,
				  .send_limit = 1 << 18, .last_id_known = true };
	pthread_t threads[4];
	int pair[2];

	expect(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair", (uint64_t)errno);
	scene.ours = terms.fd = pair[0];
	scene.theirs = pair[1];
	qv_ledger_begin(&scene.ledger, 0, 0);
	scene.engine = marking_engine(1, mark_of(&scene, 1), LANES);
	scene.slot = qv_slot_new(scene.engine, LANES);
	scene.ring = qv_ring_new(1 << 16);
	scene.worker = qv_worker_new(kind, &terms, scene.slot, LANE, scene.ring, true,
				     &scene.ledger);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, parts[i], &scene);
	while (atomic_load(&scene.answered) < PACKETS)
		nanosleep(&nap, NULL);
	pthread_join(threads[1], NULL);	/* swaps go on while the worker sleeps */
	expect(!qv_worker_stop(scene.worker), "stop", 0);
	pthread_join(threads[3], NULL);
	atomic_store(&scene.ended, true);
	pthread_join(threads[0], NULL);
	pthread_join(threads[2], NULL);
	check(&scene);
	qv_worker_free(scene.worker);
	qv_ring_free(scene.ring);
	qv_slot_free(scene.slot);
	qv_engine_free(scene.engine);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	play(&qv_nfqueue, true);
	play(&qv_nfqueue, false);
	play(&qv_ipqueue, true);
	return 0;
}
