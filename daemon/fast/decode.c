// SPDX-License-Identifier: GPL-2.0
/*
 * The decoder: finds a packet's headers, refuses what is malformed, guesses nothing. What lies past
 * the packet's own end makes it malformed; what lies past the bytes at hand is merely cut off.
 * The order of the checks is that of packet/decode.py, since it tells the one from the other.
 */
#include <stddef.h>

#include "view.h"

enum {
	IPV4_LEAST = 20,
	IPV6_HEADER = 40,
	MORE_FRAGMENTS = 0x2000,	/* RFC 791 */
	FRAGMENT_OFFSET = 0x1fff,
	LOOSE_SOURCE_ROUTE = 131,
	STRICT_SOURCE_ROUTE = 137,
	/* IPv6 extension headers: RFC 8200, section 4; AH: RFC 4302. */
	HOP_BY_HOP = 0,
	ROUTING = 43,
	FRAGMENT = 44,
	AH = 51,
	DESTINATION = 60,
	HOME_ADDRESS_OPTION = 0xc9,	/* RFC 6275, section 6.3 */
};

/* The least bytes of each transport header. */
static const uint8_t transport_least[QV_HEADER_COUNT] = {
	[QV_HEADER_TCP] = 20,
	[QV_HEADER_UDP] = 8,
	[QV_HEADER_UDPLITE] = 8,
	[QV_HEADER_SCTP] = 12,
	[QV_HEADER_DCCP] = 12,
	[QV_HEADER_ICMP] = 8,
	[QV_HEADER_ICMPV6] = 8,
};

static const uint8_t nowhere[16];	/* stands for a route's end that is not known: not dst */

static bool is_extension(uint8_t proto)
{
	switch (proto) {
	case HOP_BY_HOP:
	case ROUTING:
	case FRAGMENT:
	case AH:
	case DESTINATION:
		return true;
	default:
		return false;
	}
}

/* Settle a packet of which not even the network header is whole. */
static void decode_hidden(struct qv_view *view)
{
	view->end_state = QV_CUT;
	view->cut = true;
	/* A later fragment of IPv6 may begin in an extension header: then it has no protocol. */
	view->proto_state = view->network == QV_HEADER_IPV4 ? QV_CUT : QV_UNKNOWN;
	view->fragment_state = QV_CUT;
	view->transport_state = QV_UNKNOWN;
	view->payload_state = QV_UNKNOWN;
}

/* Read the "data offset", in 32-bit words: TCP's in a byte's upper half, DCCP's in a byte. */
static enum qv_decoded decode_offset(struct qv_view *view, size_t offset_at, unsigned int shift,
				     size_t least, size_t end)
{
	size_t size;

	if (offset_at >= view->caplen) {
		view->payload_state = QV_CUT;
		return QV_DECODED;
	}
	size = (size_t)(view->data[offset_at] >> shift) * 4;
	if (size < least || view->transport_at + size > end)
		return QV_MALFORMED;
	view->payload_at = (uint32_t)(view->transport_at + size);
	return QV_DECODED;
}

/* End the payload where the datagram ends; what follows is no payload (RFC 9868). */
static enum qv_decoded decode_udp(struct qv_view *view, size_t at, size_t end)
{
	size_t length;

	if (at + 6 > view->caplen) {
		view->payload_state = QV_CUT;
		return QV_DECODED;
	}
	length = qv_load16(view->data + at + 4);
	if (length == 0 && view->network == QV_HEADER_IPV6 && end > IPV6_HEADER + 0xffff)
		return QV_DECODED;	/* a jumbogram's (RFC 2675, section 4) */
	if (length < 8)
		return QV_MALFORMED;
	if (!view->fragment) {
		if (at + length > end)
			return QV_MALFORMED;
		view->payload_end = (uint32_t)(at + length);
	}
	return QV_DECODED;
}

/* Check the coverage: 0 is all, else it holds at least the header (RFC 3828). */
static enum qv_decoded decode_udplite(const struct qv_view *view, size_t at, size_t end)
{
	size_t coverage;

	if (at + 6 > view->caplen)
		return QV_DECODED;
	coverage = qv_load16(view->data + at + 4);
	if (coverage && (coverage < 8 || (!view->fragment && at + coverage > end)))
		return QV_MALFORMED;
	return QV_DECODED;
}

/* Find where the transport header ends; a first fragment's must be whole too. */
static enum qv_decoded decode_transport(struct qv_view *view, uint8_t proto, size_t at, size_t end)
{
	const uint8_t header = qv_header_of_proto(proto);
	size_t least;

	if (header == QV_NO_HEADER)
		return QV_DECODED;
	least = transport_least[header];
	if (at + least > end)
		return QV_MALFORMED;
	view->transport = header;
	view->transport_state = QV_PRESENT;
	view->transport_at = (uint32_t)at;
	view->payload_state = QV_PRESENT;
	view->payload_at = (uint32_t)(at + least);
	view->payload_end = (uint32_t)end;
	switch (header) {
	case QV_HEADER_TCP:
		return decode_offset(view, at + 12, 4, least, end);
	case QV_HEADER_DCCP:
		return decode_offset(view, at + 4, 0, least, end);
	case QV_HEADER_UDP:
		return decode_udp(view, at, end);
	case QV_HEADER_UDPLITE:
		return decode_udplite(view, at, end);
	default:
		return QV_DECODED;
	}
}

/*
 * Note where a source route ends, if it is not used up: its last address (RFC 791). Only a whole
 * packet's checksum asks for it.
 */
static void decode_source_route(struct qv_view *view, size_t header)
{
	const uint8_t *data = view->data;
	size_t at = IPV4_LEAST, size;

	if (header > view->caplen)
		return;
	while (at + 2 < header && data[at]) {
		if (data[at] == 1) {
			at++;
			continue;
		}
		size = data[at + 1];
		if (size < 2 || at + size > header)
			return;
		if (data[at] == LOOSE_SOURCE_ROUTE || data[at] == STRICT_SOURCE_ROUTE) {
			if (size % 4 == 3 && data[at + 2] < size)
				view->pseudo_destination = data + at + size - 4;
			return;
		}
		at += size;
	}
}

static enum qv_decoded decode_ipv4(struct qv_view *view, uint32_t length)
{
	const uint8_t *data = view->data;
	size_t header, total;
	uint16_t fragment;

	view->network = QV_HEADER_IPV4;
	if (length < IPV4_LEAST || (view->caplen && data[0] >> 4 != 4))
		return QV_MALFORMED;
	if (view->caplen < IPV4_LEAST) {
		decode_hidden(view);
		return QV_DECODED;
	}
	header = (size_t)(data[0] & 0x0f) * 4;
	total = qv_load16(data + 2);
	if (total == 0 && view->packet->flags & QV_PACKET_GSO)
		total = length;		/* a super-packet too long for the field ("BIG TCP") */
	if (header < IPV4_LEAST || header > total || total > length)
		return QV_MALFORMED;
	view->end = (uint32_t)total;
	view->cut = view->caplen < total;
	view->proto = data[9];
	fragment = qv_load16(data + 6);
	view->fragment = (fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) != 0;
	if (header > IPV4_LEAST)
		decode_source_route(view, header);
	if (fragment & FRAGMENT_OFFSET)
		return QV_DECODED;
	return decode_transport(view, data[9], header, total);
}

/* Settle a packet whose chain of extension headers goes on past the bytes at hand. */
static void decode_cut_chain(struct qv_view *view)
{
	view->proto_state = QV_UNKNOWN;
	if (!view->fragment)
		view->fragment_state = QV_CUT;
	view->transport_state = QV_UNKNOWN;
	view->payload_state = QV_UNKNOWN;
}

/* Note the final destination, of which the pseudo header is made (RFC 8200, section 8.1). */
static void decode_routing(struct qv_view *view, size_t at, size_t size)
{
	const uint8_t *final = NULL, *data = view->data;

	if (at + size > view->caplen || data[at + 3] == 0)
		return;			/* cut, so never rewritten; or no segments left */
	if (size >= 24) {
		if (data[at + 2] == 0 || data[at + 2] == 2)
			final = data + at + size - 16;	/* the last address of the list */
		else if (data[at + 2] == 4)
			final = data + at + 8;	/* listed backwards (RFC 8754) */
	}
	if (!final) {
		final = nowhere;
		view->pseudo_known = false;
	}
	view->pseudo_destination = final;
}

/* Note the mobile node's home address, of which the pseudo header is made (RFC 6275, 11.3). */
static void decode_home_address(struct qv_view *view, size_t at, size_t end)
{
	const uint8_t *data = view->data;

	if (end > view->caplen)
		return;			/* cut, so never rewritten */
	while (at + 18 <= end) {
		if (data[at] == 0) {	/* Pad1, the one option without a length */
			at++;
			continue;
		}
		if (data[at] == HOME_ADDRESS_OPTION && data[at + 1] == 16) {
			view->pseudo_source = data + at + 2;
			return;
		}
		at += 2 + (size_t)data[at + 1];
	}
}

/* Walk the extension headers from byte 40 on, up to the transport header. */
static enum qv_decoded decode_extensions(struct qv_view *view, uint8_t following, size_t end)
{
	const uint8_t *data = view->data;
	size_t at = IPV6_HEADER, size;
	uint16_t offset_and_more;
	uint8_t here;

	while (is_extension(following)) {
		if (at + 8 > end)
			return QV_MALFORMED;
		if (at + 8 > view->caplen) {
			decode_cut_chain(view);
			return QV_DECODED;
		}
		here = following;
		following = data[at];
		size = ((size_t)data[at + 1] + 1) * 8;
		if (here == FRAGMENT) {
			size = 8;
			offset_and_more = qv_load16(data + at + 2) & 0xfff9;
			if (offset_and_more)
				view->fragment = 1;
			if (offset_and_more >> 3) {
				/* What follows goes on in bytes that are not a header's beginning. */
				view->proto = following;
				if (is_extension(following))
					view->proto_state = QV_ABSENT;
				return QV_DECODED;
			}
		} else if (here == AH) {
			size = ((size_t)data[at + 1] + 2) * 4;
		}
		if (at + size > end)
			return QV_MALFORMED;
		if (here == ROUTING)
			decode_routing(view, at, size);
		else if (here == DESTINATION)
			decode_home_address(view, at + 2, at + size);
		at += size;
	}
	view->proto = following;
	return decode_transport(view, following, at, end);
}

static enum qv_decoded decode_ipv6(struct qv_view *view, uint32_t length)
{
	const uint8_t *data = view->data;
	size_t end;

	view->network = QV_HEADER_IPV6;
	if (length < IPV6_HEADER || (view->caplen && data[0] >> 4 != 6))
		return QV_MALFORMED;
	if (view->caplen < IPV6_HEADER) {
		decode_hidden(view);
		return QV_DECODED;
	}
	end = IPV6_HEADER + (size_t)qv_load16(data + 4);
	if (end == IPV6_HEADER && length > IPV6_HEADER + 0xffff)
		end = length;		/* a jumbogram (RFC 2675), or a super-packet of the kernel's */
	if (end > length)
		return QV_MALFORMED;
	view->end = (uint32_t)end;
	view->cut = view->caplen < end;
	return decode_extensions(view, data[6], end);
}

enum qv_decoded qv_decode(struct qv_view *view, const struct qv_packet *packet,
			  const uint8_t *data, uint32_t caplen, uint32_t length)
{
	*view = (struct qv_view){
		.packet = packet,
		.data = data,
		.caplen = caplen,
		.mark = packet->mark,
		.transport = QV_NO_HEADER,
		.transport_state = QV_ABSENT,
		.payload_state = QV_ABSENT,
		.partial = packet->flags & QV_PACKET_PARTIAL,
		.pseudo_known = true,
	};
	switch (packet->family) {
	case QV_FAMILY_IPV4:
		return decode_ipv4(view, length);
	case QV_FAMILY_IPV6:
		return decode_ipv6(view, length);
	default:
		return QV_UNSUPPORTED;
	}
}
