// SPDX-License-Identifier: GPL-2.0
/* What a packet message tells: mark, time, link layer address, payload range. Topology: pair. */
#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cases.h"
#include "packet.h"
#include "peer.h"
#include "proc.h"
#include "traffic.h"

CASE("the firewall mark is reported", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-t mangle -A PREROUTING -p udp --dport 7 -j MARK --set-mark 0xfedcba98");
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "marked");
	check_eq(peer_packet(&peer)->mark, 0xfedcba98);
}

CASE("a received packet has its time, one of this host has none", BOTH)
{
	struct pair pair = pair_new();
	int in = udp_to_in(&pair.client, host_address(family), 7), out = udp_to(client_address(family), 7);
	const struct ipq_packet_msg *packet;
	time_t before = time(NULL), after;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	tables(family, "-A OUTPUT -p udp --dport 7 -j QUEUE");
	udp_say(in, "when?");
	packet = peer_packet(&peer);
	after = time(NULL);
	if (packet->timestamp_sec < before || packet->timestamp_sec > after)
		fail("%ld is not in %ld..%ld", packet->timestamp_sec, before, after);
	check(packet->timestamp_usec >= 0 && packet->timestamp_usec < 1000000);
	udp_say(out, "here");
	packet = peer_packet(&peer);
	check_eq(packet->timestamp_sec, 0);
	check_eq(packet->timestamp_usec, 0);
}

/* The address of a device of the namespace we are in. */
static void device_address(const char *device, unsigned char mac[6])
{
	char text[64];

	/* A mount of its own, because /sys shows the devices of the namespace it was mounted in. */
	sh("mkdir -p /run/sys && mount -t sysfs sys /run/sys && "
	   "cat /run/sys/class/net/%s/address >/run/mac; umount /run/sys", device);
	file_read("/run/mac", text, sizeof(text));
	check_eq(sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", mac, mac + 1, mac + 2, mac + 3,
			mac + 4, mac + 5), 6);
}

CASE("the sender's link layer address is reported, where there is one", BOTH)
{
	struct pair pair = pair_new();
	int in = udp_to_in(&pair.client, host_address(family), 7), out = udp_to(client_address(family), 7);
	static const unsigned char none[8];
	const struct ipq_packet_msg *packet;
	unsigned char mac[6];
	struct peer peer;

	space_enter(pair.client);
	device_address("c0", mac);
	space_enter(pair.host);
	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	tables(family, "-A OUTPUT -p udp --dport 7 -j QUEUE");
	udp_say(in, "from c0");
	packet = peer_packet(&peer);
	check_eq(packet->hw_addrlen, 6);
	check(!memcmp(packet->hw_addr, mac, 6));
	check_eq(packet->hw_type, ARPHRD_ETHER);
	check_eq(ntohs(packet->hw_protocol), family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
	udp_say(out, "from here");
	packet = peer_packet(&peer);
	check_eq(packet->hw_addrlen, 0);
	check_eq(packet->hw_type, 0);
	check_eq(ntohs(packet->hw_protocol), family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
	check(!memcmp(packet->hw_addr, none, 8));
}

CASE("META sends no payload, PACKET what the range says", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	size_t whole = ip_header(family) + 8 + strlen("how much?");
	/* A range too large for the interface is brought down; 0 is all there is. */
	static const struct { unsigned int mode; size_t range, text, expected; } rows[] = {
		{ IPQ_COPY_META, 0, 0, 0 },
		{ IPQ_COPY_META, 100, 0, 0 },
		{ IPQ_COPY_PACKET, 0, 0, 0xffff },
		{ IPQ_COPY_PACKET, 1, 1, 1 },
		{ IPQ_COPY_PACKET, 33, 33, 33 },
		{ IPQ_COPY_PACKET, 0xffff, 0xffff, 0xffff },
		{ IPQ_COPY_PACKET, (size_t)-1, 0xffff, 0xffff },
	};
	struct peer peer;

	peer_open(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct ipq_packet_msg *packet;

		peer_mode_acked(&peer, rows[i].mode, rows[i].range);
		check_eq(proc_value(family, "Copy mode"), rows[i].mode);
		/* What /proc shows for "all" is the range in force, 65535 or the 0 that was asked. */
		if (rows[i].range && rows[i].mode == IPQ_COPY_PACKET)
			check_eq(proc_value(family, "Copy range"), rows[i].text);
		udp_say(mouth, "how much?");
		packet = peer_packet(&peer);
		check_eq(packet->data_len, rows[i].expected < whole ? rows[i].expected : whole);
		peer_verdict(&peer, packet->packet_id, NF_ACCEPT);
		udp_hear(ear, "how much?");
	}
}

CASE("NONE drops without counting, and leaves what waits alone", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	unsigned long id;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "before");
	id = peer_udp(&peer, "before");
	peer_mode_acked(&peer, IPQ_COPY_NONE, 0);
	udp_say(mouth, "during");
	peer_silent(&peer);
	check_eq(proc_length(family), 1);
	check_eq(proc_value(family, "Queue dropped"), 0);
	peer_verdict(&peer, id, NF_ACCEPT);
	udp_hear(ear, "before");
	udp_silent(ear);
}
