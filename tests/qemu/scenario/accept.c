// SPDX-License-Identifier: GPL-2.0
/* Accept and drop, at every hook. Topologies: space.h. */
#include "cases.h"
#include "packet.h"
#include "peer.h"
#include "proc.h"
#include "traffic.h"

CASE("an accepted packet arrives, a dropped one does not", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	const struct ipq_packet_msg *packet;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");

	udp_say(mouth, "drop me");
	packet = peer_packet(&peer);
	check_str(udp_text(family, packet->payload, packet->data_len), "drop me");
	check(packet_valid(family, packet->payload, packet->data_len));
	check_eq(packet->hook, NF_INET_LOCAL_IN);
	check_str(packet->indev_name, "h0");
	check_str(packet->outdev_name, "");
	check_eq(proc_length(family), 1);
	peer_verdict(&peer, packet->packet_id, NF_DROP);

	udp_say(mouth, "accept me");
	peer_verdict(&peer, peer_udp(&peer, "accept me"), NF_ACCEPT);
	udp_hear(ear, "accept me");
	udp_silent(ear);
	check_eq(proc_length(family), 0);
	peer_silent(&peer);
}

/* Expect one packet at a hook, accept it. */
static void passes(struct peer *peer, unsigned int hook, const char *indev, const char *outdev)
{
	const struct ipq_packet_msg *packet = peer_packet(peer);

	check_eq(packet->hook, hook);
	check_str(packet->indev_name, indev);
	check_str(packet->outdev_name, outdev);
	check_str(udp_text(peer->family, packet->payload, packet->data_len), "through");
	peer_verdict(peer, packet->packet_id, NF_ACCEPT);
}

CASE("a forwarded packet is seen at each hook, with its devices", BOTH)
{
	struct chain chain = chain_new();
	int ear = udp_listen_in(&chain.server, family, 7);
	int mouth = udp_to_in(&chain.client, either(family, "10.2.0.1", "fd02::1"), 7);
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-t mangle -A PREROUTING -p udp -j QUEUE");
	tables(family, "-t mangle -A FORWARD -p udp -j QUEUE");
	tables(family, "-t mangle -A POSTROUTING -p udp -j QUEUE");
	udp_say(mouth, "through");
	passes(&peer, NF_INET_PRE_ROUTING, "g0", "");
	passes(&peer, NF_INET_FORWARD, "g0", "g1");
	/* Since 5.x the kernel names the input device of what is forwarded here too. */
	passes(&peer, NF_INET_POST_ROUTING, "g0", "g1");
	udp_hear(ear, "through");
}

CASE("a packet of this host is seen at OUTPUT and POSTROUTING", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen_in(&pair.client, family, 7), mouth;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A OUTPUT -p udp --dport 7 -j QUEUE");
	tables(family, "-t mangle -A POSTROUTING -p udp --dport 7 -j QUEUE");
	mouth = udp_to(client_address(family), 7);
	udp_say(mouth, "through");
	passes(&peer, NF_INET_LOCAL_OUT, "", "h0");
	passes(&peer, NF_INET_POST_ROUTING, "", "h0");
	udp_hear(ear, "through");
}

CASE("verdicts may come in any order", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	unsigned long first, second, third;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "one");
	udp_say(mouth, "two");
	udp_say(mouth, "three");
	first = peer_udp(&peer, "one");
	second = peer_udp(&peer, "two");
	third = peer_udp(&peer, "three");
	check(first < second && second < third);
	peer_verdict(&peer, third, NF_ACCEPT);
	udp_hear(ear, "three");
	peer_verdict(&peer, first, NF_ACCEPT);
	udp_hear(ear, "one");
	peer_verdict(&peer, second, NF_ACCEPT);
	udp_hear(ear, "two");
}
