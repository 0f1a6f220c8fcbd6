// SPDX-License-Identifier: GPL-2.0
/*
 * What a queued packet costs: `bench WAY BYTES BURST ROUNDS`. One packet at a time is sent through
 * loopback and met by a queue rule at INPUT and then by a rule that drops it; BURST of them are sent,
 * then all are read and accepted. Prints the nanoseconds of CLOCK_MONOTONIC a packet; on a machine
 * whose clock counts instructions (tests/qemu/bench) these are instructions.
 *
 *	none		the queue rule is absent: what sending and dropping cost
 *	nfqueue		nfnetlink_queue, a verdict a packet
 *	baseline	nfnetlink_queue, many packets a recvmmsg, a batch verdict for each
 *	classic		ipqueue as libipq uses it: a packet a read, a verdict a packet
 *	list		ipqueue, packets in batches, one list of verdicts for each
 *	range		ipqueue, packets in batches, one range for each
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "check.h"
#include "nfqueue.h"
#include "peer.h"
#include "space.h"
#include "traffic.h"

#define BATCH 64

static struct peer peer;
static struct verdict_list list;
static int queue;	/* nfnetlink_queue's socket */

/* Each reads `count` packets and accepts them. */

static void none(int count __attribute__((unused)))
{
}

static void nfqueue(int count)
{
	static unsigned char buffer[70000];
	uint32_t id;

	while (count--) {
		ssize_t got = recv(queue, buffer, sizeof(buffer), 0);

		check_eq(nfqueue_ids(buffer, got, &id, 1), 1);
		nfqueue_verdict(queue, 0, id, NF_ACCEPT);
	}
}

static void baseline(int count)
{
	static unsigned char buffers[BATCH][4096];
	static struct mmsghdr messages[BATCH];
	static struct iovec vectors[BATCH];
	uint32_t id = 0;

	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ buffers[i], sizeof(buffers[i]) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
	while (count > 0) {
		int got = recvmmsg(queue, messages, BATCH, MSG_WAITFORONE, NULL);

		check(got > 0);
		check_eq(nfqueue_ids(buffers[got - 1], messages[got - 1].msg_len, &id, 1), 1);
		nfqueue_verdict_upto(queue, 0, id, NF_ACCEPT);
		count -= got;
	}
}

static void classic(int count)
{
	while (count--)
		peer_accept(&peer);
}

/* Not batch_receive: it checks every byte, which a program that is in a hurry does not. */
static const struct ipq_packets *packets(void)
{
	const struct nlmsghdr *header = &peer.in.header;

	check(recv(peer.fd, peer.in.bytes, sizeof(peer.in.bytes), 0) > 0);
	check_eq(header->nlmsg_type, IPQM_PACKETS);
	return NLMSG_DATA(header);
}

static void in_lists(int count)
{
	while (count > 0) {
		const struct ipq_packets *head = packets();
		const unsigned char *at = (const unsigned char *)(head + 1);

		list_begin(&list);
		for (uint32_t i = 0; i < head->count; i++) {
			const struct ipq_packet *packet = (const void *)at;

			list_add(&list, packet->id, NF_ACCEPT, 0, 0, NULL, 0);
			at += packet->size;
		}
		list_post(&peer, &list);
		count -= head->count;
	}
}

static void in_ranges(int count)
{
	while (count > 0) {
		const struct ipq_packets *head = packets();
		const struct ipq_packet *first = (const void *)(head + 1);
		struct ipq_range range = { first->id, first->id + head->count - 1, NF_ACCEPT };

		peer_send(&peer, IPQM_RANGE, 0, &range, sizeof(range));
		count -= head->count;
	}
}

static const struct way {
	const char *name;
	void (*accept)(int count);
} ways[] = {
	{ "none", none }, { "nfqueue", nfqueue }, { "baseline", baseline },
	{ "classic", classic }, { "list", in_lists }, { "range", in_ranges },
};

static void attach(const char *name)
{
	int size = 32 << 20;

	if (!strcmp(name, "none"))
		return;
	tables(AF_INET, "-t mangle -A INPUT -p udp --dport 7 -j NFQUEUE --queue-num 0");
	if (!strcmp(name, "nfqueue") || !strcmp(name, "baseline")) {
		queue = nfqueue_open(0, 4096);
		check(queue >= 0);
		check(setsockopt(queue, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0);
		return;
	}
	if (!strcmp(name, "classic"))
		peer_own(&peer, AF_INET);
	else
		batch_own(&peer, AF_INET, IPQ_FEATURE_PACKETS | IPQ_FEATURE_VERDICTS | IPQ_FEATURE_FLOW, 0,
			  IPQ_MAX_HOLD_US);
	check(setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0);
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void burst(const struct way *way, int mouth, const char *payload, int bytes, int count)
{
	for (int i = 0; i < count; i++)
		check(send(mouth, payload, bytes, 0) == bytes);
	way->accept(count);
}

int main(int argc, char **argv)
{
	const struct way *way = NULL;
	static char payload[65536];
	int bytes, count, rounds, mouth;
	long long began;

	check(argc == 5);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (!strcmp(ways[i].name, argv[1]))
			way = &ways[i];
	bytes = atoi(argv[2]);
	count = atoi(argv[3]);
	rounds = atoi(argv[4]);
	check(way && bytes > 0 && count > 0 && rounds > 0);
	space_private();
	attach(argv[1]);
	tables(AF_INET, "-A INPUT -p udp --dport 7 -j DROP");
	mouth = udp_to("127.0.0.1", 7);
	for (int i = 0; i < 10; i++)	/* warm */
		burst(way, mouth, payload, bytes, count);
	began = now_ns();
	for (int i = 0; i < rounds; i++)
		burst(way, mouth, payload, bytes, count);
	printf("@bench %s %d %d %lld\n", way->name, bytes, count, (now_ns() - began) / count / rounds);
	return 0;
}
