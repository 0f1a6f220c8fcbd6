// SPDX-License-Identifier: GPL-2.0
/*
 * Broken messages: cut at each byte, with changed bytes, of random bytes. A sanitizer watches; and
 * a packet whose id can be read is answered, whatever else is broken. Prints nothing; ends with 1
 * and a line at the first thing that is wrong.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"

enum {
	ROUNDS = 60000,
	/* Up to the end of a packet's id and what comes with it: attribute, record. */
	NFQUEUE_ID_END = 16 + 4 + 4 + 7,
	IPQUEUE_ID_END = 16 + 16 + 72,
};

static uint64_t state = 1;

static size_t drawn(size_t bound)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(state >> 33) % bound;
}

struct scene {
	const struct qv_link_kind *kind;
	struct qv_tally tally;
	struct qv_link *link;
	int theirs;
};

static void expect(bool right, const char *what, uint64_t number)
{
	if (right)
		return;
	fprintf(stderr, "messages: %s: %llu\n", what, (unsigned long long)number);
	exit(1);
}

/* Receive what was sent, as a worker does; accept all of it. Return how many packets there were. */
static unsigned int serve(struct scene *scene, uint64_t ids[QV_BATCH_MAX])
{
	struct qv_link *link = scene->link;
	int count = qv_link_receive(link);

	expect(count >= 0 || link->failure == QV_VERDICTS_REFUSED, "failure", 0);
	/* What a random message may say; a worker ends here. */
	link->failure = QV_NO_FAILURE;
	for (int i = 0; i < count; i++) {
		const struct qv_packet *packet = &link->packets[i];
		const struct qv_decision decision = {
			.verdict = QV_ACCEPT, .mark = packet->mark, .rule = QV_NO_RULE,
			.replaced = drawn(2), .replacement = packet->data,
			.replacement_length = packet->caplen,
		};
		volatile uint8_t sum = 0;

		for (uint32_t at = 0; at < packet->caplen; at++)
			sum = (uint8_t)(sum + packet->data[at]);
		expect(packet->caplen <= packet->length, "longer than itself", packet->id);
		expect(packet->mac_length <= sizeof(packet->mac), "mac", packet->mac_length);
		expect(!qv_link_answer(link, packet, &decision), "answer", packet->id);
		ids[i] = packet->id;
	}
	expect(!qv_link_flush(link), "flush", 0);
	return count < 0 ? 0 : (unsigned int)count;
}

/* Every packet that was handed out has its verdict. */
static void check_verdicts(struct scene *scene, const uint64_t *ids, unsigned int count)
{
	static uint8_t data[1 << 20];
	unsigned int found = 0;
	ssize_t got;

	while ((got = recv(scene->theirs, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		struct kernel_verdict verdict;
		size_t offset = 0;

		while (kernel_verdict(scene->kind, data, (size_t)got, &offset, &verdict) > 0) {
			expect(found < count, "answered, and was not there", verdict.id);
			while (verdict.up_to && found < count && ids[found] != verdict.id)
				found++;
			expect(verdict.id == ids[found++], "answered out of turn", verdict.id);
		}
	}
	expect(found == count, "left unanswered", ids[found]);
}

static void deliver(struct scene *scene, const uint8_t *data, size_t size, uint64_t expected)
{
	uint64_t ids[QV_BATCH_MAX];
	unsigned int count;
	bool seen = !expected;

	expect(send(scene->theirs, data, size, 0) == (ssize_t)size, "send", (uint64_t)errno);
	do {
		count = serve(scene, ids);
		for (unsigned int i = 0; i < count; i++)
			seen |= ids[i] == expected;
		check_verdicts(scene, ids, count);
	} while (qv_link_holds(scene->link));
	expect(seen, "id that can be read", expected);
}

static void play(const struct qv_link_kind *kind, size_t id_end)
{
	struct qv_terms terms = { .family = QV_FAMILY_IPV4, .most_verdicts = 100,
				  .send_limit = 1 << 18 };
	struct scene scene = { .kind = kind };
	uint8_t whole[KERNEL_ROOM], data[KERNEL_ROOM];
	unsigned int made;
	int pair[2];

	expect(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair", (uint64_t)errno);
	terms.fd = pair[0];
	scene.theirs = pair[1];
	scene.link = qv_link_new(kind, &terms, &scene.tally);
	for (uint64_t id = 1; id <= ROUNDS; id++) {
		size_t size = kernel_packets(kind, whole, id, 1 + (unsigned int)drawn(400), &made);
		size_t cut = 1 + drawn(size < 400 || drawn(2) ? size : 400);
		size_t changes = drawn(5);
		bool readable = cut >= id_end;

		memcpy(data, whole, size);
		for (size_t i = 0; i < changes; i++) {
			size_t at = drawn(drawn(2) ? cut : (cut < 200 ? cut : 200));

			readable &= at >= id_end;
			data[at] = (uint8_t)drawn(256);
		}
		if (drawn(10) == 0) {	/* nothing but the type is as it should be */
			readable = false;
			for (size_t at = 6; at < cut; at++)
				data[at] = (uint8_t)(drawn(3) ? drawn(256) : 0);
		}
		/* ip_queue's module sends whole messages, or none of it is believed. */
		if (kind == &qv_ipqueue) {
			const uint32_t claimed = (uint32_t)cut;

			if (drawn(4) && cut >= sizeof(claimed))
				memcpy(data, &claimed, sizeof(claimed));
			else
				readable &= cut == size;
		}
		deliver(&scene, data, cut, readable ? id : 0);
	}
	expect(qv_count_read(&scene.tally.broken) > ROUNDS / 100, "hardly any broken",
	       scene.tally.broken);
	qv_link_free(scene.link);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	play(&qv_nfqueue, NFQUEUE_ID_END);
	play(&qv_ipqueue, IPQUEUE_ID_END);
	return 0;
}
