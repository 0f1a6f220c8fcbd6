// SPDX-License-Identifier: GPL-2.0
/*
 * Random and mutated messages and socket options from four processes on two processors, with and
 * without privilege, while packets flow and peers come and go. How many is in /fuzz; the seed is
 * printed. What must hold: the machine lives, its log is clean, and at the end the queue still works.
 * Topology: pair (space.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "packet.h"
#include "peer.h"
#include "proc.h"
#include "process.h"
#include "sockopt.h"
#include "tap.h"
#include "traffic.h"

#define WORKERS 4

struct fuzzer {
	uint64_t state;		/* of the random numbers */
	int sockets[2];		/* netlink, one a family: index 1 is IPv6 */
	int options[2];		/* what socket options are tried on */
	uint64_t ids[2];	/* an id seen lately */
	unsigned char message[8192];
	size_t length;		/* of it */
	unsigned char packet[2048];	/* seen lately */
	size_t packet_length;
};

/* xorshift64*: the same numbers for the same seed, on any libc. */
static uint32_t any(struct fuzzer *f)
{
	f->state ^= f->state >> 12;
	f->state ^= f->state << 25;
	f->state ^= f->state >> 27;
	return (f->state * 0x2545f4914f6cdd1dull) >> 32;
}

static uint32_t below(struct fuzzer *f, uint32_t limit)
{
	return any(f) % limit;
}

/* Numbers that programs get wrong. */
static uint64_t edge(struct fuzzer *f)
{
	static const uint64_t edges[] = { 0, 1, 2, 3, 5, 7, 16, 19, 20, 24, 40, 255, 4095, 4096, 4097, 65535,
		65536, INT32_MAX, 0x80000000, UINT32_MAX, 0x100000000, INT64_MAX, UINT64_MAX - 7, UINT64_MAX };

	return below(f, 4) ? edges[below(f, sizeof(edges) / sizeof(*edges))] : any(f);
}

static void put(struct fuzzer *f, const void *bytes, size_t length)
{
	if (f->length + length > sizeof(f->message))
		return;
	memcpy(f->message + f->length, bytes, length);
	f->length += length;
}

static void put_replacement(struct fuzzer *f, size_t padding)
{
	static const unsigned char zeroes[8];

	put(f, f->packet, f->packet_length);
	if (padding)
		put(f, zeroes, -f->packet_length % 8);
}

/* A message that is right but for its numbers, behind room for the header. */
static uint16_t sound_message(struct fuzzer *f, int six)
{
	uint64_t id = f->ids[six] + below(f, 3);
	bool replaces = !below(f, 3);
	struct ipq_verdict_msg verdict = { below(f, 7), id, replaces ? f->packet_length : 0 };
	struct ipq_mode_msg mode = { below(f, 8) ? IPQ_COPY_PACKET : below(f, 4), edge(f) };
	struct ipq_hello greeting = { IPQ_MAGIC, IPQ_VERSION, sizeof(greeting), below(f, 32), edge(f), edge(f), edge(f) };
	struct ipq_range range = { id, id + below(f, 20), below(f, 7), any(f), any(f) };
	struct ipq_verdicts head = { 1 + below(f, 60) };

	switch (below(f, 8)) {
	case 0:
		put(f, &mode, sizeof(mode));
		put(f, &verdict, 8);
		return IPQM_MODE;
	case 1:
		put(f, &greeting, sizeof(greeting));
		return IPQM_HELLO;
	case 2:
		put(f, &range, sizeof(range));
		return IPQM_RANGE;
	case 3:
	case 4:
		put(f, &head, sizeof(head));
		for (uint32_t i = 0; i < head.count; i++) {
			bool with = !below(f, 20);
			struct ipq_verdict item = { id + i, below(f, 6), any(f), any(f), with ? f->packet_length : 0 };

			if (item.verdict == NF_STOLEN && below(f, 50))
				item.verdict = NF_ACCEPT;
			put(f, &item, sizeof(item));
			if (with)
				put_replacement(f, 8);
		}
		return IPQM_VERDICTS;
	default:
		put(f, &verdict, sizeof(verdict));
		if (replaces)
			put_replacement(f, 0);
		return IPQM_VERDICT;
	}
}

static void mutate(struct fuzzer *f, size_t from)
{
	uint64_t value;

	switch (below(f, 6)) {
	case 0:		/* some bits */
		for (int i = below(f, 8); i >= 0; i--)
			f->message[from + below(f, f->length - from)] ^= 1 << below(f, 8);
		break;
	case 1:		/* an aligned number */
		value = edge(f);
		from = (from + below(f, f->length - from)) & ~7ul;
		if (from + 8 <= f->length)
			memcpy(f->message + from, &value, below(f, 2) ? 8 : 4);
		break;
	case 2:		/* cut off */
		f->length -= below(f, f->length);
		break;
	case 3:		/* something behind it */
		for (int i = below(f, 200); i > 0; i--)
			put(f, &(uint8_t){ any(f) }, 1);
		break;
	case 4:		/* nothing but noise */
		for (size_t at = from; at < f->length; at++)
			f->message[at] = any(f);
		break;
	}
}

static void send_message(struct fuzzer *f, int six)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr header = { .nlmsg_flags = NLM_F_REQUEST | (below(f, 4) ? 0 : NLM_F_ACK),
				   .nlmsg_pid = 1, .nlmsg_seq = any(f) };

	f->length = sizeof(header);
	header.nlmsg_type = sound_message(f, six);
	if (below(f, 2))
		mutate(f, sizeof(header));
	if (!below(f, 30))
		header.nlmsg_type = below(f, 2) ? below(f, 0x30) : any(f);
	if (!below(f, 40))
		header.nlmsg_flags = any(f);
	if (!below(f, 40))
		header.nlmsg_pid = edge(f);
	header.nlmsg_len = below(f, 40) ? f->length : edge(f);
	memcpy(f->message, &header, f->length < sizeof(header) ? f->length : sizeof(header));
	sendto(f->sockets[six], f->message, f->length, MSG_DONTWAIT, (const struct sockaddr *)&kernel, sizeof(kernel));
}

/* Read what is there: ids and a packet to answer with. */
static void drain(struct fuzzer *f, int six)
{
	static unsigned char bytes[IPQ_MAX_DATAGRAM];
	const struct nlmsghdr *header = (const void *)bytes;
	const struct ipq_packet_msg *classic = NLMSG_DATA(header);
	const struct ipq_packet *packet = (void *)((char *)NLMSG_DATA(header) + sizeof(struct ipq_packets));

	for (int most = 20; most; most--) {
		ssize_t got = recv(f->sockets[six], bytes, sizeof(bytes), MSG_DONTWAIT);
		const unsigned char *payload = NULL;
		size_t length = 0;

		if (got < 0)
			return;
		if (header->nlmsg_type == IPQM_PACKET) {
			f->ids[six] = classic->packet_id;
			payload = classic->payload, length = classic->data_len;
		} else if (header->nlmsg_type == IPQM_PACKETS) {
			f->ids[six] = packet->id;
			payload = (const unsigned char *)(packet + 1), length = packet->data_len;
		}
		if (payload && length >= 28 && length <= sizeof(f->packet)) {
			memcpy(f->packet, payload, length);
			f->packet_length = length;
		}
	}
}

static void try_option(struct fuzzer *f, int six)
{
	unsigned char value[512];
	socklen_t length = below(f, 3) ? (below(f, 2) ? IPQ_SETTINGS_SIZE_V1 : IPQ_STATS_SIZE_V1) : below(f, 512);
	struct ipq_settings settings = { IPQ_VERSION, sizeof(settings), below(f, 16), 1 + below(f, 2000), below(f, 2),
					 below(f, 4) ? below(f, 50) : 0, below(f, 2), below(f, 30) };
	int option = below(f, 8) ? IPQ_SO_SETTINGS + below(f, 2) : IPQ_SO_SETTINGS - 2 + below(f, 6);
	int level = below(f, 20) ? sockopt_level(six ? AF_INET6 : AF_INET) : (int)below(f, 2) * IPPROTO_IPV6;

	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = any(f);
	if (below(f, 4)) {
		memset(value, 0, sizeof(value));
		memcpy(value, &settings, sizeof(settings));
	}
	if (!below(f, 4))
		value[below(f, 32)] ^= 1 << below(f, 8);
	if (below(f, 2))
		setsockopt(f->options[six], level, option, below(f, 50) ? value : NULL, below(f, 50) ? length : (socklen_t)edge(f));
	else
		getsockopt(f->options[six], level, option, value, &length);
}

static void reopen(struct fuzzer *f, int six)
{
	struct peer peer;

	close(f->sockets[six]);
	peer_open(&peer, six ? AF_INET6 : AF_INET);
	f->sockets[six] = peer.fd;
	if (!below(f, 3))
		peer_mode(&peer, IPQ_COPY_PACKET, 0);
	if (!below(f, 4))
		setsockopt(peer.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &(int){ IPQ_GROUP_TAP }, sizeof(int));
}

static pid_t worker(int number, uint64_t seed, long count)
{
	static struct fuzzer f;
	pid_t child = process_fork();
	char text[1024];

	if (child)
		return child;
	process_pin(number & 1);
	f.state = seed + number;
	f.packet_length = 28;
	f.packet[0] = 0x45;
	/* One of them has no privilege at all. */
	if (number == WORKERS - 1)
		check(setresuid(65534, 65534, 65534) == 0);
	for (int six = 0; six < 2; six++) {
		f.sockets[six] = -1;
		reopen(&f, six);
		f.options[six] = sockopt_open(six ? AF_INET6 : AF_INET);
	}
	for (long done = 0; done < count; done++) {
		int six = below(&f, 2);
		uint32_t what = below(&f, 1000);

		if (number == 0 && done % (count / 10 + 1) == 0)
			printf("    %ld of %ld\n", done * WORKERS, count * WORKERS);
		if (what < 750)
			send_message(&f, six);
		else if (what < 990)
			try_option(&f, six);
		else if (what < 996)
			reopen(&f, six);
		else if (number < WORKERS - 1)
			proc_text(six ? AF_INET6 : AF_INET, text, sizeof(text));
		if (what % 8 == 0)
			drain(&f, six);
	}
	_exit(0);
}

CASE("the kernel stands what anyone may send it", IPV4)
{
	struct pair pair = pair_new();
	static const int families[] = { AF_INET, AF_INET6 };
	pid_t workers[WORKERS], senders[2];
	int ears[2], mouths[2];
	uint64_t seed = time(NULL);
	struct peer peer;
	char text[32];
	long count;

	file_read("/fuzz", text, sizeof(text));
	count = atol(text);
	check(count > 0);
	printf("    %ld messages and options, seed %llu\n", count, (unsigned long long)seed);
	for (int i = 0; i < 2; i++) {
		ears[i] = udp_listen(families[i], 7);
		mouths[i] = udp_to_in(&pair.client, host_address(families[i]), 7);
		tables(families[i], "-A INPUT -p udp --dport 7 -j QUEUE");
		tables(families[i], "-t mangle -A PREROUTING -p udp --dport 7 -j QUEUE");
		senders[i] = process_sender(mouths[i], 700);
	}
	for (int i = 0; i < WORKERS; i++)
		workers[i] = worker(i, seed, count / WORKERS);
	for (int i = 0; i < WORKERS; i++)
		process_wait(workers[i]);
	for (int i = 0; i < 2; i++) {
		struct ipq_stats stats;

		process_end(senders[i]);
		settings_set(families[i], (struct ipq_settings){ .mask = IPQ_SET_ALL, .maxlen = 100 });
		eventually(SOON_MS, proc_length(families[i]) == 0);
		stats = stats_get(families[i]);
		check(stats_conserved(&stats));
		printf("    IPv%d: %llu queued since the last reset\n", i ? 6 : 4, stats.queued);
		/* It is still a queue. */
		tables(families[i], "-t mangle -F");
		check(close(ears[i]) == 0);
		ears[i] = udp_listen(families[i], 7);
		peer_own(&peer, families[i]);
		udp_say(mouths[i], "after all that");
		peer_verdict(&peer, peer_udp(&peer, "after all that"), NF_ACCEPT);
		udp_hear(ears[i], "after all that");
		peer_close(&peer);
	}
}
