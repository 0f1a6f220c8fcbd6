// SPDX-License-Identifier: GPL-2.0
/* The peer sends another packet instead: shorter, as long, longer. Topologies: pair and chain. */
#include <errno.h>
#include <string.h>
#include <stdlib.h>

#include "cases.h"
#include "packet.h"
#include "peer.h"
#include "proc.h"
#include "sockopt.h"
#include "traffic.h"

static char long_text[60001];

/* Take the next packet, a UDP packet, and accept it with another text. */
static void accept_as(struct peer *peer, const char *text)
{
	const struct ipq_packet_msg *packet = peer_packet(peer);
	unsigned char other[65536];
	size_t length = udp_retext(peer->family, packet->payload, text, strlen(text), other);

	check(packet_valid(peer->family, other, length));
	peer_replace(peer, packet->packet_id, NF_ACCEPT, other, length);
}

static const char *a_long_text(size_t length)
{
	memset(long_text, 'l', length);
	long_text[length] = '\0';
	return long_text;
}

CASE("a UDP payload, shorter, as long and longer, at INPUT", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct ipq_stats stats;
	struct peer peer;
	static const size_t lengths[] = { 0, 1, 5, 40, 500, 1500, 4000, 30000, 60000 };

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		udp_say(mouth, "hello");
		accept_as(&peer, a_long_text(lengths[i]));
		udp_hear(ear, long_text);
	}
	udp_say(mouth, a_long_text(1400));
	accept_as(&peer, "short");
	udp_hear(ear, "short");
	stats = stats_get(family);
	check_eq(stats.replaced, 10);
	check_eq(stats.refused, 0);
}

CASE("a fragmented datagram, whole at INPUT, becomes a short one", IPV4)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, a_long_text(5000));
	accept_as(&peer, "short");
	udp_hear(ear, "short");
	udp_say(mouth, a_long_text(5000));
	accept_as(&peer, a_long_text(9000));
	udp_hear(ear, long_text);
}

CASE("a forwarded payload grows past the MTU: fragments over IPv4", IPV4)
{
	struct chain chain = chain_new();
	int ear = udp_listen_in(&chain.server, family, 7);
	int mouth = udp_to_in(&chain.client, either(family, "10.2.0.1", "fd02::1"), 7), discover = 0;
	struct peer peer;

	/* IP_PMTUDISC_DONT: the datagram may be cut in pieces on its way. */
	check(setsockopt(mouth, 0 /* IPPROTO_IP */, 10 /* IP_MTU_DISCOVER */, &discover, sizeof(discover)) == 0);
	peer_own(&peer, family);
	tables(family, "-A FORWARD -p udp -j QUEUE");
	udp_say(mouth, "small");
	accept_as(&peer, a_long_text(1300));
	udp_hear(ear, long_text);
	udp_say(mouth, "small");
	accept_as(&peer, a_long_text(3000));
	udp_hear(ear, long_text);
}

CASE("a ping's payload, and the reply tells", BOTH)
{
	struct pair pair = pair_new();
	static const char *const texts[] = { "less", "as-long", "considerably longer than before" };
	const struct ipq_packet_msg *packet;
	unsigned char other[2048];
	struct peer peer;
	int ping;

	space_enter(pair.client);
	ping = ping_open(family);
	space_enter(pair.host);
	peer_own(&peer, family);
	tables(family, "-A INPUT -p %s %s -j QUEUE", either(family, "icmp", "icmpv6"),
	       either(family, "--icmp-type echo-request", "--icmpv6-type echo-request"));
	for (size_t i = 0; i < 3; i++) {
		size_t head = ip_header(family) + 8, length = head + strlen(texts[i]);

		ping_send(family, ping, host_address(family), "initial");
		packet = peer_packet(&peer);
		memcpy(other, packet->payload, head);
		memcpy(other + head, texts[i], strlen(texts[i]));
		packet_finish(family, other, length);
		peer_replace(&peer, packet->packet_id, NF_ACCEPT, other, length);
		ping_hear(family, ping, texts[i]);
	}
}

CASE("a packet of this host is replaced at OUTPUT, its checksum made whole", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen_in(&pair.client, family, 7), mouth = udp_to(client_address(family), 7);
	const struct ipq_packet_msg *packet;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A OUTPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "as sent");
	packet = peer_packet(&peer);
	/* A device would have filled the checksum in; the peer must see it right already. */
	check(packet_valid(family, packet->payload, packet->data_len));
	peer_verdict(&peer, packet->packet_id, NF_ACCEPT);
	udp_hear(ear, "as sent");
	udp_say(mouth, "as sent");
	accept_as(&peer, "as replaced, and longer");
	udp_hear(ear, "as replaced, and longer");
}

CASE("a replaced packet is repeated with its new payload", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	const struct ipq_packet_msg *packet;
	unsigned char other[2048];
	struct peer peer;
	size_t length;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "first text");
	packet = peer_packet(&peer);
	length = udp_retext(family, packet->payload, "second", 6, other);
	peer_replace(&peer, packet->packet_id, NF_REPEAT, other, length);
	peer_verdict(&peer, peer_udp(&peer, "second"), NF_ACCEPT);
	udp_hear(ear, "second");
}

CASE("one destination rewritten at OUTPUT: the packet takes the other way", BOTH)
{
	struct chain chain = chain_new();
	int right = udp_listen_in(&chain.server, family, 7), wrong = udp_listen_in(&chain.client, family, 7);
	const struct ipq_packet_msg *packet;
	struct sockaddr_storage to;
	unsigned char other[2048];
	struct peer peer;
	int mouth;

	peer_own(&peer, family);
	tables(family, "-t mangle -A OUTPUT -p udp --dport 7 -j QUEUE");
	mouth = udp_to(either(family, "10.1.0.1", "fd01::1"), 7);
	udp_say(mouth, "to the client");
	packet = peer_packet(&peer);
	check_str(packet->outdev_name, "g0");
	memcpy(other, packet->payload, packet->data_len);
	address(either(family, "10.2.0.1", "fd02::1"), 7, &to);
	if (family == AF_INET)
		memcpy(other + 16, (char *)&to + 4, 4);
	else
		memcpy(other + 24, (char *)&to + 8, 16);
	packet_finish(family, other, packet->data_len);
	peer_replace(&peer, packet->packet_id, NF_ACCEPT, other, packet->data_len);
	udp_hear(right, "to the client");
	udp_silent(wrong);
}

/* Replacements that make no packet. `at` and `value`: the byte of the IP header that is wrong. */
struct broken {
	const char *what;
	int at4, value4, at6, value6;
	size_t length;		/* of the replacement, when not 0 */
};

CASE("a replacement that is no packet: dropped, counted, nothing else harmed", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	static const struct broken rows[] = {
		{ "version 0", 0, 0x05, 0, 0x00 },
		{ "the other version", 0, 0x65, 0, 0x40 },
		{ "header length past the end, IPv4; version 15, IPv6", 0, 0x4f, 0, 0xf0 },
		{ "header length 16 in IPv4; version 5, IPv6", 0, 0x44, 0, 0x50 },
		{ "total length past the end", 2, 0xff, 4, 0xff },
		{ "total length 0 in IPv4; 1 in IPv6", 3, 0, 5, 1 },
	};
	struct ipq_stats stats;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct ipq_packet_msg *packet;
		unsigned char other[2048];

		udp_say(mouth, "to be broken");
		packet = peer_packet(&peer);
		memcpy(other, packet->payload, packet->data_len);
		if (family == AF_INET)
			other[rows[i].at4] = rows[i].value4;
		else
			other[rows[i].at6] = rows[i].value6;
		peer_replace(&peer, packet->packet_id, NF_ACCEPT, other, packet->data_len);
	}
	udp_say(mouth, "sound");
	peer_accept(&peer);
	udp_hear(ear, "sound");
	udp_silent(ear);
	check_eq(proc_length(family), 0);
	stats = stats_get(family);
	check_eq(stats.refused, sizeof(rows) / sizeof(*rows));
	check(stats_conserved(&stats));
}

CASE("random bytes for a payload, five hundred times", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	unsigned char other[4096];
	struct ipq_stats stats;
	struct peer peer;

	srandom(1);
	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	for (int i = 0; i < 500; i++) {
		const struct ipq_packet_msg *packet;
		size_t length = 20 + random() % (i & 1 ? 100 : 4000);

		/* Not udp_say: what was made of an earlier one may have been answered with an error. */
		while (send(mouth, "anything", 8, 0) != 8)
			;
		packet = peer_packet(&peer);
		for (size_t at = 0; at < length; at++)
			other[at] = random();
		/* Half of them look like a packet at first sight. */
		if (i & 2) {
			memcpy(other, packet->payload, ip_header(family));
			other[family == AF_INET ? 2 : 4] = length >> 8;
			other[family == AF_INET ? 3 : 5] = length;
		}
		peer_replace(&peer, packet->packet_id, NF_ACCEPT, other, length);
	}
	eventually(SOON_MS, proc_length(family) == 0);
	stats = stats_get(family);
	check(stats_conserved(&stats));
	check_eq(stats.queued, 500);
}
