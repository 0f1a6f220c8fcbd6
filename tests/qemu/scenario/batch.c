// SPDX-License-Identifier: GPL-2.0
/* Several packets a datagram, several verdicts a message. Topology: pair (space.h). */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "cases.h"
#include "packet.h"
#include "proc.h"
#include "sockopt.h"
#include "traffic.h"

static struct verdict_list list;

CASE("packets that come while one is undecided share a datagram", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	char text[16];
	struct peer peer;
	size_t count;

	batch_own(&peer, family, IPQ_FEATURE_PACKETS | IPQ_FEATURE_VERDICTS, 0, IPQ_MAX_HOLD_US);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "first");
	check_eq(batch_receive(&peer), 1);
	batch_text(&peer, 0, "first");
	list_begin(&list);
	list_add(&list, batch_packet(&peer, 0)->id, NF_ACCEPT, 0, 0, NULL, 0);
	for (int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "%d", i);
		udp_say(mouth, text);
	}
	list_post(&peer, &list);
	udp_hear(ear, "first");
	list_begin(&list);
	for (int seen = 0, datagrams = 0; seen < 20; datagrams++) {
		count = batch_receive(&peer);
		for (size_t i = 0; i < count; i++, seen++) {
			snprintf(text, sizeof(text), "%d", seen);
			batch_text(&peer, i, text);
			list_add(&list, batch_packet(&peer, i)->id, NF_ACCEPT, 0, 0, NULL, 0);
		}
		check(datagrams < 10);
	}
	check_eq(list_send(&peer, &list, NULL, NULL), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "%d", i);
		udp_hear(ear, text);
	}
	check_eq(stats_get(family).accepted, 21);
}

CASE("a record tells what it should", BOTH)
{
	struct pair pair = pair_new();
	int in = udp_to_in(&pair.client, host_address(family), 7), out;
	const struct ipq_packet *packet;
	struct timespec before, after;
	struct peer peer;

	clock_gettime(CLOCK_REALTIME, &before);
	batch_own(&peer, family, IPQ_FEATURES_ALL, 0, 0);
	tables(family, "-t mangle -A PREROUTING -j MARK --set-mark 5");
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	tables(family, "-A OUTPUT -p udp --dport 7 -j QUEUE");
	udp_say(in, "received");
	check_eq(batch_receive(&peer), 1);
	clock_gettime(CLOCK_REALTIME, &after);
	batch_text(&peer, 0, "received");
	packet = batch_packet(&peer, 0);
	check_eq(packet->mark, 5);
	check_eq(packet->hook, NF_INET_LOCAL_IN);
	check_eq(packet->indev, if_nametoindex("h0"));
	check_eq(packet->outdev, 0);
	check_eq(packet->physindev, 0);
	check_eq(packet->hw_addrlen, 6);
	check_eq(packet->length, packet->data_len);
	check_eq(packet->flags, 0);
	check(packet->time_ns >= before.tv_sec * 1000000000ull && packet->time_ns <= (after.tv_sec + 1) * 1000000000ull);
	/* A socket's owner is who made it. */
	check(setresgid(55, 44, 0) == 0 && setresuid(77, 66, 0) == 0);
	out = udp_to(client_address(family), 7);
	udp_say(out, "sent");
	check(setresuid(0, 0, 0) == 0);
	check_eq(batch_receive(&peer), 1);
	packet = batch_packet(&peer, 0);
	batch_text(&peer, 0, "sent");
	check_eq(packet->hook, NF_INET_LOCAL_OUT);
	check_eq(packet->outdev, if_nametoindex("h0"));
	check_eq(packet->flags, IPQ_PACKET_OWNER);
	check_eq(packet->uid, 66);
	check_eq(packet->gid, 44);
	check_eq(packet->hw_addrlen, 0);
}

CASE("a verdict sets the mark, in the bits of its mask", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	batch_own(&peer, family, IPQ_FEATURE_PACKETS | IPQ_FEATURE_VERDICTS, 0, 0);
	tables(family, "-t mangle -A PREROUTING -p udp --dport 7 -j MARK --set-mark 0xffff");
	tables(family, "-t mangle -A INPUT -p udp --dport 7 -j QUEUE");
	tables(family, "-A INPUT -p udp --dport 7 -m mark ! --mark 0xf12f -j DROP");
	udp_say(mouth, "unmarked");
	check_eq(batch_receive(&peer), 1);
	list_begin(&list);
	list_add(&list, batch_packet(&peer, 0)->id, NF_ACCEPT, 0, 0, NULL, 0);
	check_eq(list_send(&peer, &list, NULL, NULL), 0);
	udp_say(mouth, "marked");
	check_eq(batch_receive(&peer), 1);
	list_begin(&list);
	list_add(&list, batch_packet(&peer, 0)->id, NF_ACCEPT, 0xaa12aa, 0xff0, NULL, 0);
	check_eq(list_send(&peer, &list, NULL, NULL), 0);
	udp_silent(ear);
	/* 0xffff with bits 0xff0 of 0xaa12aa is 0xf2af. */
	udp_say(mouth, "marked");
	check_eq(batch_receive(&peer), 1);
	check_eq(range_send(&peer, 1, UINT64_MAX, NF_ACCEPT, 0x00000120, 0x00000ff0), 0);
	udp_hear(ear, "marked");
}

CASE("a mark set at OUTPUT chooses the way, where a rule looks at it", BOTH)
{
	struct chain chain = chain_new();
	const char *there = either(family, "10.3.0.1", "fd03::1"), *ip = either(family, "ip", "ip -6");
	const char *one = either(family, "10.1.0.1", "fd01::1"), *two = either(family, "10.2.0.1", "fd02::1");
	int by_mark, by_default, mouth;
	struct peer peer;

	/* Both neighbours have the address; unmarked packets go to the client. */
	space_enter(chain.client);
	sh("%s addr add %s dev lo", ip, there);
	space_enter(chain.server);
	sh("%s addr add %s dev lo", ip, there);
	space_enter(chain.gateway);
	sh("%s route add %s via %s; %s route add %s via %s table 7; %s rule add fwmark 7 table 7", ip, there, one,
	   ip, there, two, ip);
	by_default = udp_listen_in(&chain.client, family, 7);
	by_mark = udp_listen_in(&chain.server, family, 7);
	batch_own(&peer, family, IPQ_FEATURE_PACKETS | IPQ_FEATURE_VERDICTS, 0, 0);
	tables(family, "-t mangle -A OUTPUT -p udp --dport 7 -j QUEUE");
	mouth = udp_to(there, 7);
	udp_say(mouth, "unmarked");
	check_eq(batch_receive(&peer), 1);
	check_eq(range_send(&peer, 1, UINT64_MAX, NF_ACCEPT, 0, 0), 0);
	udp_hear(by_default, "unmarked");
	udp_say(mouth, "marked");
	check_eq(batch_receive(&peer), 1);
	check_eq(range_send(&peer, 1, UINT64_MAX, NF_ACCEPT, 7, 0xff), 0);
	udp_hear(by_mark, "marked");
}

CASE("a list may replace, drop, repeat and mark in one message", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	const struct ipq_packet *packet;
	unsigned char other[2048];
	uint64_t again = 0;
	struct peer peer;
	size_t length;

	batch_own(&peer, family, IPQ_FEATURE_PACKETS | IPQ_FEATURE_VERDICTS, 0, 0);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	list_begin(&list);
	udp_say(mouth, "replace me");
	check_eq(batch_receive(&peer), 1);
	packet = batch_packet(&peer, 0);
	length = udp_retext(family, batch_payload(packet), "replaced, odd", 13, other);
	list_add(&list, packet->id, NF_ACCEPT, 0, 0, other, length);
	udp_say(mouth, "drop me");
	check_eq(batch_receive(&peer), 1);
	list_add(&list, batch_packet(&peer, 0)->id, NF_DROP, 0, 0, NULL, 0);
	udp_say(mouth, "repeat me");
	check_eq(batch_receive(&peer), 1);
	again = batch_packet(&peer, 0)->id;
	list_add(&list, again, NF_REPEAT, 0x42, 0xff, NULL, 0);
	udp_say(mouth, "accept me");
	check_eq(batch_receive(&peer), 1);
	list_add(&list, batch_packet(&peer, 0)->id, NF_ACCEPT, 0, 0, NULL, 0);
	list_post(&peer, &list);
	udp_hear(ear, "replaced, odd");
	udp_hear(ear, "accept me");
	check_eq(batch_receive(&peer), 1);
	batch_text(&peer, 0, "repeat me");
	check(batch_packet(&peer, 0)->id > again);
	check_eq(batch_packet(&peer, 0)->mark, 0x42);
	check_eq(range_send(&peer, batch_packet(&peer, 0)->id, batch_packet(&peer, 0)->id, NF_ACCEPT, 0, 0), 0);
	udp_hear(ear, "repeat me");
}

CASE("ids that do not wait are named, the others decided", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	uint64_t missing[8], id;
	size_t count = 0;
	struct peer peer;

	batch_own(&peer, family, IPQ_FEATURE_PACKETS | IPQ_FEATURE_VERDICTS, 0, 0);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "there");
	check_eq(batch_receive(&peer), 1);
	id = batch_packet(&peer, 0)->id;
	list_begin(&list);
	list_add(&list, 0, NF_DROP, 0, 0, NULL, 0);
	list_add(&list, id, NF_ACCEPT, 0, 0, NULL, 0);
	list_add(&list, id, NF_DROP, 0, 0, NULL, 0);
	list_add(&list, UINT64_MAX, NF_ACCEPT, 0, 0, NULL, 0);
	check_eq(list_send(&peer, &list, missing, &count), ENOENT);
	check_eq(count, 3);
	check_eq(missing[0], 0);
	check_eq(missing[1], id);
	check_eq(missing[2], -1);
	udp_hear(ear, "there");
	check_eq(range_send(&peer, 1, UINT64_MAX, NF_ACCEPT, 0, 0), ENOENT);
}

CASE("a list that is malformed anywhere decides nothing", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct ipq_verdict *last;
	struct peer peer;
	uint64_t id;

	batch_own(&peer, family, IPQ_FEATURE_PACKETS | IPQ_FEATURE_VERDICTS, 0, 0);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "still here");
	check_eq(batch_receive(&peer), 1);
	id = batch_packet(&peer, 0)->id;
	list_begin(&list);
	check_eq(list_send(&peer, &list, NULL, NULL), EINVAL);	/* no items */
	list_add(&list, id, NF_DROP, 0, 0, NULL, 0);
	list_add(&list, id, NF_DROP, 0, 0, NULL, 0);
	last = (struct ipq_verdict *)(list.items + sizeof(*last));
	last->verdict = NF_STOLEN;
	check_eq(list_send(&peer, &list, NULL, NULL), EINVAL);
	last->verdict = 6;
	check_eq(list_send(&peer, &list, NULL, NULL), EINVAL);
	last->verdict = NF_DROP;
	last->data_len = 8;
	check_eq(list_send(&peer, &list, NULL, NULL), EINVAL);	/* past the end, and no IP header */
	last->data_len = UINT32_MAX;
	check_eq(list_send(&peer, &list, NULL, NULL), EINVAL);
	last->data_len = 0;
	list.head.count = 3;
	check_eq(list_send(&peer, &list, NULL, NULL), EINVAL);	/* fewer than it says */
	list.head.count = 1;
	check_eq(list_send(&peer, &list, NULL, NULL), EINVAL);	/* more than it says */
	list.head.count = UINT32_MAX;
	check_eq(list_send(&peer, &list, NULL, NULL), EINVAL);
	list.head.count = 2;
	list.head.reserved = 1;
	check_eq(list_send(&peer, &list, NULL, NULL), EINVAL);
	list.head.reserved = 0;
	list.length--;
	check_eq(list_send(&peer, &list, NULL, NULL), EINVAL);
	list_begin(&list);
	for (int i = 0; i <= IPQ_MAX_VERDICTS; i++)
		list_add(&list, id, NF_DROP, 0, 0, NULL, 0);
	check_eq(list_send(&peer, &list, NULL, NULL), EINVAL);	/* one too many */
	check_eq(range_send(&peer, 5, 4, NF_DROP, 0, 0), EINVAL);
	check_eq(range_send(&peer, 0, UINT64_MAX, NF_STOLEN, 0, 0), EINVAL);
	peer_send(&peer, IPQM_RANGE, NLM_F_ACK, &id, 8);
	check_eq(peer_answer(&peer), EINVAL);
	check_eq(proc_length(family), 1);
	peer_verdict(&peer, id, NF_ACCEPT);
	udp_hear(ear, "still here");
}

CASE("a range decides what was sent in it, in order", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	uint64_t ids[4];
	struct peer peer;

	batch_own(&peer, family, IPQ_FEATURE_PACKETS | IPQ_FEATURE_VERDICTS, 1, 0);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	for (int i = 0; i < 4; i++) {
		udp_say(mouth, (const char *[]){ "zero", "one", "two", "three" }[i]);
		check_eq(batch_receive(&peer), 1);
		ids[i] = batch_packet(&peer, 0)->id;
	}
	check_eq(range_send(&peer, ids[1], ids[2], NF_ACCEPT, 0, 0), 0);
	udp_hear(ear, "one");
	udp_hear(ear, "two");
	check_eq(proc_length(family), 2);
	check_eq(range_send(&peer, 0, UINT64_MAX, NF_ACCEPT, 0, 0), 0);
	udp_hear(ear, "zero");
	udp_hear(ear, "three");
}

CASE("what does not fit the peer's datagram is cut, and told so", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	const struct ipq_packet *packet;
	static char text[1401];
	struct peer peer;

	memset(text, 't', 1400);
	peer_open(&peer, family);
	hello(&peer, IPQ_FEATURE_PACKETS | IPQ_FEATURE_VERDICTS, IPQ_MIN_DATAGRAM, 0, 0);
	peer_mode_acked(&peer, IPQ_COPY_PACKET, 0);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, text);
	check_eq(batch_receive(&peer), 1);
	packet = batch_packet(&peer, 0);
	check_eq(packet->length, ip_header(family) + 8 + 1400);
	check(packet->data_len < packet->length && packet->data_len > 900);
	check(peer.length <= IPQ_MIN_DATAGRAM);
}

CASE("FLOW: packets wait while the peer's buffer is full, none is lost", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	int size = 4096, seen = 0;
	struct ipq_stats stats;
	struct peer peer;

	batch_own(&peer, family, IPQ_FEATURES_ALL, 0, 0);
	check(setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	for (int i = 0; i < 100; i++)
		udp_say(mouth, "patience");
	eventually(SOON_MS, proc_length(family) == 100);
	check(stats_get(family).backlog > 0);
	while (seen < 100) {
		size_t count = batch_receive(&peer);

		list_begin(&list);
		for (size_t i = 0; i < count; i++, seen++)
			list_add(&list, batch_packet(&peer, i)->id, NF_ACCEPT, 0, 0, NULL, 0);
		list_post(&peer, &list);
	}
	for (int i = 0; i < 100; i++)
		udp_hear(ear, "patience");
	stats = stats_get(family);
	check_eq(stats.undeliverable, 0);
	check_eq(stats.accepted, 100);
	check(stats_conserved(&stats));
}
