// SPDX-License-Identifier: GPL-2.0
/* Connections that are not confirmed while their packets wait. Topologies: pair and chain. */
#include "cases.h"
#include "peer.h"
#include "proc.h"
#include "sockopt.h"
#include "traffic.h"

CASE("two first packets of one flow wait together, both arrive", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	unsigned long first, second;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -m conntrack --ctstate INVALID -j DROP");
	tables(family, "-t mangle -A PREROUTING -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "first");
	udp_say(mouth, "second");
	first = peer_udp(&peer, "first");
	second = peer_udp(&peer, "second");
	peer_verdict(&peer, first, NF_ACCEPT);
	udp_hear(ear, "first");
	peer_verdict(&peer, second, NF_ACCEPT);
	udp_hear(ear, "second");
}

CASE("the same through a destination NAT, and the answer comes back", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 8);
	unsigned long first, second;
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	char text[16];
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-t nat -A PREROUTING -p udp --dport 8 -j DNAT --to-destination %s",
	       either(family, "10.0.0.2:7", "[fd00::2]:7"));
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "first");
	udp_say(mouth, "second");
	first = peer_udp(&peer, "first");
	second = peer_udp(&peer, "second");
	peer_verdict(&peer, second, NF_ACCEPT);
	udp_hear(ear, "second");
	peer_verdict(&peer, first, NF_ACCEPT);
	check(recvfrom(ear, text, sizeof(text), 0, (struct sockaddr *)&from, &length) == 5);
	check(sendto(ear, "answer", 6, 0, (struct sockaddr *)&from, length) == 6);
	udp_hear(mouth, "answer");
}

CASE("a connection is tracked through the queue, reply and all", BOTH)
{
	struct chain chain = chain_new();
	const char *server = either(family, "10.2.0.1", "fd02::1");
	int listener = tcp_listen_in(&chain.server, family, 7), client, accepted;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A FORWARD -m conntrack --ctstate INVALID -j DROP");
	tables(family, "-A FORWARD -p tcp -m conntrack --ctstate NEW -j QUEUE");
	tables(family, "-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT");
	tables(family, "-A FORWARD -p tcp -j DROP");
	client = tcp_to_in(&chain.client, server, 7);
	peer_accept(&peer);
	accepted = tcp_accept(listener);
	check(accepted >= 0);
	check(send(accepted, "hello", 5, 0) == 5);
	udp_hear(client, "hello");	/* reads one piece of any socket */
	check_eq(stats_get(family).queued, 1);
}

CASE("a flow whose entry is gone when the verdict comes goes on or is dropped, no more", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct ipq_stats stats;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -m conntrack --ctstate INVALID -j DROP");
	tables(family, "-t mangle -A PREROUTING -p udp --dport 7 -j QUEUE");
	for (int i = 0; i < 20; i++) {
		udp_say(mouth, "x");
		if (i & 1)
			continue;
		peer_verdict(&peer, peer_packet(&peer)->packet_id, i & 2 ? NF_REPEAT : NF_ACCEPT);
	}
	udp_hear(ear, "x");
	peer_close(&peer);
	stats = stats_get(family);
	check_eq(stats.length, 0);
	check(stats_conserved(&stats));
}
