// SPDX-License-Identifier: GPL-2.0
/* Which rules reach the queue. Topology: pair (space.h). */
#include "cases.h"
#include "peer.h"
#include "proc.h"
#include "traffic.h"

/* With the rule in place, a packet reaches the peer, and accepted it arrives. */
static void reaches(struct peer *peer, int mouth, int ear)
{
	udp_say(mouth, "by rule");
	peer_verdict(peer, peer_udp(peer, "by rule"), NF_ACCEPT);
	udp_hear(ear, "by rule");
}

CASE("iptables-legacy: QUEUE, and NFQUEUE 0", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	reaches(&peer, mouth, ear);
	tables(family, "-F");
	tables(family, "-A INPUT -p udp --dport 7 -j NFQUEUE --queue-num 0");
	reaches(&peer, mouth, ear);
	tables(family, "-F");
	tables(family, "-A INPUT -p udp --dport 7 -j NFQUEUE --queue-num 0 --queue-bypass");
	reaches(&peer, mouth, ear);
}

CASE("iptables-nft: NFQUEUE 0; it takes QUEUE for a chain", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	const char *iptables = either(family, "iptables-nft", "ip6tables-nft");
	struct peer peer;

	peer_own(&peer, family);
	sh("%s -A INPUT -p udp --dport 7 -j NFQUEUE --queue-num 0", iptables);
	reaches(&peer, mouth, ear);
	check(sh_code("%s -A INPUT -p udp --dport 7 -j QUEUE 2>/dev/null", iptables) != 0);
}

CASE("nft: queue num 0, in ip, ip6 and inet tables", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	peer_own(&peer, family);
	nft("table inet t {\nchain c {\ntype filter hook input priority 0\nudp dport 7 queue num 0\n}\n}");
	reaches(&peer, mouth, ear);
	nft(either(family,
		   "flush ruleset\ntable ip t {\nchain c {\ntype filter hook prerouting priority -150\nudp dport 7 queue num 0\n}\n}",
		   "flush ruleset\ntable ip6 t {\nchain c {\ntype filter hook prerouting priority -150\nudp dport 7 queue num 0\n}\n}"));
	reaches(&peer, mouth, ear);
}

CASE("another queue's number is nobody's: dropped, or passed with bypass", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j NFQUEUE --queue-num 1");
	udp_say(mouth, "to queue 1");
	peer_silent(&peer);
	tables(family, "-F");
	tables(family, "-A INPUT -p udp --dport 7 -j NFQUEUE --queue-num 1 --queue-bypass");
	udp_say(mouth, "bypass");
	udp_hear(ear, "bypass");
	udp_silent(ear);
	check_eq(proc_length(family), 0);
}

CASE("without a peer: dropped, or passed with bypass", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);

	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "dropped");
	tables(family, "-F");
	tables(family, "-A INPUT -p udp --dport 7 -j NFQUEUE --queue-num 0 --queue-bypass");
	udp_say(mouth, "passed");
	udp_hear(ear, "passed");
	udp_silent(ear);
	check_eq(proc_value(family, "Queue dropped"), 0);
}

