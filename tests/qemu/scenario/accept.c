// SPDX-License-Identifier: GPL-2.0
/* The two verdicts that everything else stands on. Topology: pair (space.h). */
#include "cases.h"
#include "packet.h"
#include "peer.h"
#include "proc.h"
#include "traffic.h"

CASE("an accepted packet arrives, a dropped one does not, at INPUT", BOTH)
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
	check_eq(packet->hook, NF_INET_LOCAL_IN);
	check_str(packet->indev_name, "h0");
	check_str(packet->outdev_name, "");
	check_eq(proc_length(family), 1);
	peer_verdict(&peer, packet->packet_id, NF_DROP);

	udp_say(mouth, "accept me");
	packet = peer_packet(&peer);
	check_str(udp_text(family, packet->payload, packet->data_len), "accept me");
	peer_verdict(&peer, packet->packet_id, NF_ACCEPT);
	udp_hear(ear, "accept me");
	udp_silent(ear);
	check_eq(proc_length(family), 0);
	peer_silent(&peer);
}
