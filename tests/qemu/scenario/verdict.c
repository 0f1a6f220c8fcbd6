// SPDX-License-Identifier: GPL-2.0
/* REPEAT, STOP and QUEUE. Topology: pair (space.h). */
#include "cases.h"
#include "peer.h"
#include "proc.h"
#include "sockopt.h"
#include "traffic.h"

CASE("a repeated packet meets the same rule again, with a new id", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	unsigned long first, second;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "again");
	first = peer_udp(&peer, "again");
	peer_verdict(&peer, first, NF_REPEAT);
	second = peer_udp(&peer, "again");
	check(second > first);
	check_eq(proc_length(family), 1);
	peer_verdict(&peer, second, NF_ACCEPT);
	udp_hear(ear, "again");
	check_eq(stats_get(family).repeated, 1);
}

CASE("a repeated packet meets the rules that there are now", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	unsigned long id;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "to be dropped");
	id = peer_udp(&peer, "to be dropped");
	tables(family, "-I INPUT -p udp --dport 7 -j DROP");
	peer_verdict(&peer, id, NF_REPEAT);
	check_eq(peer_verdict_answer(&peer, id, NF_ACCEPT), 2 /* ENOENT */);
	udp_silent(ear);
	peer_silent(&peer);
}

CASE("STOP skips the hooks that are left, ACCEPT does not", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-t mangle -A INPUT -p udp --dport 7 -j QUEUE");
	tables(family, "-A INPUT -p udp --dport 7 -j DROP");
	udp_say(mouth, "accepted, then dropped by the filter table");
	peer_accept(&peer);
	udp_say(mouth, "stopped before it");
	peer_verdict(&peer, peer_packet(&peer)->packet_id, NF_STOP);
	udp_hear(ear, "stopped before it");
	udp_silent(ear);
	check_eq(stats_get(family).stopped, 1);
}

CASE("QUEUE queues it again, then it goes on after the rule", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	unsigned long first, second;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "once more");
	first = peer_udp(&peer, "once more");
	peer_verdict(&peer, first, NF_QUEUE);
	second = peer_udp(&peer, "once more");
	check(second > first);
	peer_verdict(&peer, second, NF_ACCEPT);
	udp_hear(ear, "once more");
	udp_silent(ear);
	check_eq(stats_get(family).requeued, 1);
}
