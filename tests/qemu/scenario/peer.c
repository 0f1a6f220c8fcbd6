// SPDX-License-Identifier: GPL-2.0
/* The peer dies with packets outstanding: dropped, or kept for the next one. Topology: pair. */
#include <errno.h>
#include <unistd.h>

#include "cases.h"
#include "peer.h"
#include "proc.h"
#include "process.h"
#include "sockopt.h"
#include "traffic.h"

CASE("without linger, what waited is dropped and the queue is free", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct ipq_stats stats;
	struct peer first, next;
	unsigned long id;

	peer_own(&first, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "lost");
	udp_say(mouth, "lost");
	id = peer_udp(&first, "lost");
	peer_close(&first);
	check_eq(proc_length(family), 0);
	check_eq(proc_value(family, "Peer PID"), 0);
	check_eq(proc_value(family, "Copy mode"), IPQ_COPY_NONE);
	udp_say(mouth, "nobody is there");
	peer_own(&next, family);
	check_eq(peer_verdict_answer(&next, id, NF_ACCEPT), ENOENT);
	udp_say(mouth, "new");
	peer_verdict(&next, peer_udp(&next, "new"), NF_ACCEPT);
	udp_hear(ear, "new");
	udp_silent(ear);
	stats = stats_get(family);
	check_eq(stats.flushed, 2);
	check(stats_conserved(&stats));
}

CASE("a killed peer lets go as one that closes does", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	pid_t child;

	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	child = process_fork();
	if (!child) {
		struct peer peer;

		peer_own(&peer, family);
		pause();
	}
	eventually(SOON_MS, proc_value(family, "Copy mode") == IPQ_COPY_PACKET);
	udp_say(mouth, "outstanding");
	eventually(SOON_MS, proc_length(family) == 1);
	process_end(child);
	eventually(SOON_MS, proc_value(family, "Peer PID") == 0);
	eventually(SOON_MS, proc_length(family) == 0);
}

CASE("with linger, the next peer gets all of it in order", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer first, next;
	struct ipq_stats stats;
	unsigned long one, two;

	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_LINGER, .linger_ms = 60000 });
	peer_own(&first, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "one");
	udp_say(mouth, "two");
	udp_say(mouth, "three");
	one = peer_udp(&first, "one");
	two = peer_udp(&first, "two");
	peer_verdict(&first, two, NF_ACCEPT);
	udp_hear(ear, "two");
	peer_close(&first);
	check_eq(proc_value(family, "Peer PID"), 0);
	check_eq(proc_length(family), 2);
	udp_say(mouth, "four, while nobody is there");
	eventually(SOON_MS, proc_length(family) == 3);
	check_eq(stats_get(family).lingering, 1);

	peer_open(&next, family);
	peer_mode(&next, IPQ_COPY_PACKET, 0);
	check_eq(stats_get(family).lingering, 0);
	peer_verdict(&next, peer_udp(&next, "one"), NF_ACCEPT);
	peer_verdict(&next, peer_udp(&next, "three"), NF_ACCEPT);
	peer_verdict(&next, peer_udp(&next, "four, while nobody is there"), NF_ACCEPT);
	udp_hear(ear, "one");
	udp_hear(ear, "three");
	udp_hear(ear, "four, while nobody is there");
	check_eq(peer_verdict_answer(&next, one, NF_ACCEPT), ENOENT);
	stats = stats_get(family);
	check_eq(stats.flushed, 0);
	check_eq(stats.accepted, 4);
	check(stats.resent >= 2);
	check(stats_conserved(&stats));
}

CASE("three peers in a row may each die and nothing is lost", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_LINGER, .linger_ms = 60000 });
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	peer_own(&peer, family);
	udp_say(mouth, "stubborn");
	for (int i = 0; i < 3; i++) {
		peer_udp(&peer, "stubborn");
		peer_close(&peer);
		peer_open(&peer, family);
		peer_mode(&peer, IPQ_COPY_PACKET, 0);
	}
	peer_verdict(&peer, peer_udp(&peer, "stubborn"), NF_ACCEPT);
	udp_hear(ear, "stubborn");
}

CASE("when linger is over, what waited is dropped and counted", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct ipq_stats stats;
	struct peer peer;
	long long closed;

	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_LINGER, .linger_ms = 400 });
	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "too late");
	peer_udp(&peer, "too late");
	closed = now_ms();
	peer_close(&peer);
	eventually(SOON_MS, proc_length(family) == 0);
	check(now_ms() - closed >= 390);
	stats = stats_get(family);
	check_eq(stats.flushed, 1);
	check_eq(stats.lingering, 0);
	udp_say(mouth, "after it");
	peer_own(&peer, family);
	peer_silent(&peer);
	udp_silent(ear);
}

CASE("one namespace's peer has nothing to do with another's", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer here, there;
	unsigned long id;

	peer_own(&here, family);
	space_enter(pair.client);
	check_eq(proc_value(family, "Peer PID"), 0);
	peer_own(&there, family);
	space_enter(pair.host);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "for host only");
	id = peer_udp(&here, "for host only");
	peer_silent(&there);
	check_eq(peer_verdict_answer(&there, id, NF_DROP), ENOENT);
	peer_close(&there);
	check_eq(proc_length(family), 1);
	peer_verdict(&here, id, NF_ACCEPT);
	udp_hear(ear, "for host only");
}

CASE("IPv4 and IPv6 have a queue and a peer each", IPV4)
{
	struct pair pair = pair_new();
	int ear4 = udp_listen(AF_INET, 7), mouth4 = udp_to_in(&pair.client, host_address(AF_INET), 7);
	int mouth6 = udp_to_in(&pair.client, host_address(AF_INET6), 7);
	struct peer four, six;

	peer_own(&four, AF_INET);
	peer_own(&six, AF_INET6);
	tables(AF_INET, "-A INPUT -p udp --dport 7 -j QUEUE");
	tables(AF_INET6, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth4, "four");
	udp_say(mouth6, "six");
	check_eq(peer_udp(&six, "six") > 0, 1);
	peer_close(&six);
	check_eq(proc_length(AF_INET), 1);
	peer_verdict(&four, peer_udp(&four, "four"), NF_ACCEPT);
	udp_hear(ear4, "four");
}
