// SPDX-License-Identifier: GPL-2.0
#include "packet.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"

size_t ip_header(int family)
{
	return family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
}

uint8_t ip_protocol(int family, const unsigned char *packet)
{
	return family == AF_INET ? packet[9] : packet[6];
}

const char *udp_text(int family, const unsigned char *packet, size_t length)
{
	static char text[65536];
	size_t head = ip_header(family) + sizeof(struct udphdr);

	check(length >= head);
	check_eq(ip_protocol(family, packet), IPPROTO_UDP);
	memcpy(text, packet + head, length - head);
	text[length - head] = '\0';
	return text;
}

/* RFC 1071, over bytes in network order, added to `sum`. */
static uint32_t add(uint32_t sum, const unsigned char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum += i & 1 ? bytes[i] : bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t pseudo_header(int family, const unsigned char *packet, uint8_t protocol, size_t length)
{
	const unsigned char tail[4] = { length >> 8, length, 0, protocol };
	uint32_t sum = add(0, tail, sizeof(tail));

	return family == AF_INET ? add(sum, packet + 12, 8) : add(sum, packet + 8, 32);
}

/* Where the transport header of that protocol has its checksum. */
static size_t checksum_at(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_UDP:
		return offsetof(struct udphdr, check);
	case IPPROTO_TCP:
		return offsetof(struct tcphdr, check);
	case IPPROTO_ICMP:
		return offsetof(struct icmphdr, checksum);
	case IPPROTO_ICMPV6:
		return offsetof(struct icmp6_hdr, icmp6_cksum);
	}
	fail("protocol %d", protocol);
}

static uint16_t transport_sum(int family, const unsigned char *packet, size_t length)
{
	uint8_t protocol = ip_protocol(family, packet);
	size_t head = ip_header(family);
	uint32_t sum = protocol == IPPROTO_ICMP ? 0 : pseudo_header(family, packet, protocol, length - head);

	return ~add(sum, packet + head, length - head);
}

static void put16(unsigned char *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static uint16_t get16(const unsigned char *at)
{
	return at[0] << 8 | at[1];
}

void packet_finish(int family, unsigned char *packet, size_t length)
{
	size_t head = ip_header(family);
	unsigned char *check_field = packet + head + checksum_at(ip_protocol(family, packet));
	uint16_t sum;

	if (ip_protocol(family, packet) == IPPROTO_UDP)
		put16(packet + head + offsetof(struct udphdr, len), length - head);
	if (family == AF_INET) {
		put16(packet + 2, length);
		put16(packet + 10, 0);
		put16(packet + 10, ~add(0, packet, head));
	} else {
		put16(packet + 4, length - head);
	}
	put16(check_field, 0);
	sum = transport_sum(family, packet, length);
	put16(check_field, sum ? sum : 0xffff);
}

bool packet_valid(int family, const unsigned char *packet, size_t length)
{
	size_t head = ip_header(family);

	if (family == AF_INET && (get16(packet + 2) != length || (uint16_t)~add(0, packet, head)))
		return false;
	if (family == AF_INET6 && get16(packet + 4) != length - head)
		return false;
	return transport_sum(family, packet, length) == 0;
}

size_t udp_retext(int family, const unsigned char *packet, const char *text, size_t text_length,
		  unsigned char *out)
{
	size_t head = ip_header(family) + sizeof(struct udphdr);

	memcpy(out, packet, head);
	memcpy(out + head, text, text_length);
	packet_finish(family, out, head + text_length);
	return head + text_length;
}
