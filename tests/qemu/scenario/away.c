// SPDX-License-Identifier: GPL-2.0
/*
 * What packets wait at goes away under them: the device, the hook, the namespace.
 * Topologies: pair and chain (space.h), and one with two cables.
 */
#include <errno.h>
#include <unistd.h>

#include "cases.h"
#include "peer.h"
#include "proc.h"
#include "process.h"
#include "sockopt.h"
#include "traffic.h"

CASE("an input device that goes down takes its packets, and no others", BOTH)
{
	struct chain chain = chain_new();
	const char *from_client = either(family, "10.1.0.2", "fd01::2");
	const char *from_server = either(family, "10.2.0.2", "fd02::2");
	int ear = udp_listen(family, 7);
	int one = udp_to_in(&chain.client, from_client, 7), two = udp_to_in(&chain.server, from_server, 7);
	struct ipq_stats stats;
	struct peer peer;
	unsigned long gone, stays;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(one, "in by g0");
	gone = peer_udp(&peer, "in by g0");
	udp_say(two, "in by g1");
	stays = peer_udp(&peer, "in by g1");
	sh("ip link set g0 down");
	check_eq(proc_length(family), 1);
	check_eq(peer_verdict_answer(&peer, gone, NF_ACCEPT), ENOENT);
	check_eq(peer_verdict_answer(&peer, stays, NF_ACCEPT), 0);
	udp_hear(ear, "in by g1");
	stats = stats_get(family);
	check_eq(stats.flushed, 1);
	check(stats_conserved(&stats));
}

CASE("an output device that goes down takes its packets", BOTH)
{
	struct chain chain = chain_new();
	int mouth = udp_to_in(&chain.client, either(family, "10.2.0.1", "fd02::1"), 7);
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A FORWARD -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "out by g1");
	peer_udp(&peer, "out by g1");
	sh("ip link set g1 down");
	check_eq(proc_length(family), 0);
}

CASE("a device that is deleted takes its packets", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	for (int i = 0; i < 20; i++)
		udp_say(mouth, "in by h0");
	eventually(SOON_MS, proc_length(family) == 20);
	sh("ip link del h0");
	check_eq(proc_length(family), 0);
}

CASE("nft flush ruleset with packets waiting", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct ipq_stats stats;
	struct peer peer;
	unsigned long id;

	peer_own(&peer, family);
	nft("table inet t {\nchain c {\ntype filter hook input priority 0\nudp dport 7 queue num 0\n}\n}");
	udp_say(mouth, "waits at a hook");
	id = peer_udp(&peer, "waits at a hook");
	sh("nft flush ruleset");
	udp_say(mouth, "no rule now");
	udp_hear(ear, "no rule now");
	/* The hook is gone and its packets with it. */
	check_eq(peer_verdict_answer(&peer, id, NF_ACCEPT), ENOENT);
	check_eq(proc_length(family), 0);
	udp_silent(ear);
	stats = stats_get(family);
	check_eq(stats.flushed, 1);
	check(stats_conserved(&stats));
}

CASE("nft flush ruleset again and again, with verdicts under way", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;
	pid_t sender;

	peer_own(&peer, family);
	sender = process_sender(mouth, 300);
	for (int i = 0; i < 8; i++) {
		long long until = now_ms() + 60;

		nft("table inet t {\nchain c {\ntype filter hook input priority 0\nudp dport 7 queue num 0\n}\n"
		    "chain d {\ntype filter hook input priority 5\n}\n}");
		while (now_ms() < until && peer_receive(&peer, 20))
			if (peer.in.header.nlmsg_type == IPQM_PACKET)
				peer_verdict(&peer, ((struct ipq_packet_msg *)NLMSG_DATA(&peer.in.header))->packet_id,
					     i & 1 ? NF_ACCEPT : NF_REPEAT);
		sh("nft flush ruleset");
	}
	process_end(sender);
	eventually(SOON_MS, proc_length(family) == 0);
}

CASE("iptables -F leaves what waits: it goes on where it was", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;
	unsigned long id;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "waits");
	id = peer_udp(&peer, "waits");
	tables(family, "-F");
	check_eq(proc_length(family), 1);
	check_eq(peer_verdict_answer(&peer, id, NF_ACCEPT), 0);
	udp_hear(ear, "waits");
}

CASE("iptables-restore of other rules: a repeat meets the new ones", IPV4)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;
	unsigned long id;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "one");
	id = peer_udp(&peer, "one");
	sh("iptables-legacy-restore <<'END'\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
	   ":OUTPUT ACCEPT [0:0]\n-A INPUT -p udp -m udp --dport 7 -m mark --mark 0 -j QUEUE\nCOMMIT\nEND");
	peer_verdict(&peer, id, NF_REPEAT);
	id = peer_udp(&peer, "one");
	peer_verdict(&peer, id, NF_ACCEPT);
	udp_hear(ear, "one");
}

CASE("a namespace ends with packets lingering in it", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	pid_t child;

	/* The host's side lives in a process that ends, while the client keeps sending to it. */
	child = process_fork();
	if (!child) {
		struct peer peer;

		close(pair.client.fd);
		settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_LINGER | IPQ_SET_DEADLINE,
							    .linger_ms = 600000, .deadline_ms = 600000 });
		tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
		peer_own(&peer, family);
		for (int i = 0; i < 50; i++)
			udp_say(mouth, "left behind");
		eventually(SOON_MS, proc_length(family) == 50);
		peer_close(&peer);
		check_eq(proc_length(family), 50);
		_exit(0);
	}
	space_close(pair.host);
	space_enter(pair.client);
	process_wait(child);
	/* Nothing but us held the host, and we have left: when it ends, so does its end of the cable. */
	eventually(20000, sh_code("ip link show c0 >/dev/null 2>&1") != 0);
}

CASE("a namespace ends under traffic, with a peer that is killed", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	pid_t host;

	host = process_fork();
	if (!host) {
		struct peer peer;

		peer_own(&peer, family);
		tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
		for (;;)
			peer_accept(&peer);
	}
	space_close(pair.host);
	space_enter(pair.client);
	for (int i = 0; i < 300; i++) {
		send(mouth, "x", 1, 0);
		if (i == 200)
			process_end(host);
	}
	eventually(20000, sh_code("ip link show c0 >/dev/null 2>&1") != 0);
}
