// SPDX-License-Identifier: GPL-2.0
/* Where a packet's headers are, as packet/decode.py has it; the RFCs are named there. */
#include <string.h>

#include "naive.h"

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AUTHENTICATION = 51, DESTINATION = 60 };

static const enum qv_reason FINE = QV_BY_RULE;

uint32_t naive_load(const uint8_t *bytes, size_t size)
{
	uint32_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

static size_t least(size_t first, size_t second)
{
	return first < second ? first : second;
}

static bool is_extension(uint8_t proto)
{
	return proto == HOP_BY_HOP || proto == ROUTING || proto == FRAGMENT ||
	       proto == AUTHENTICATION || proto == DESTINATION;
}

/* The least bytes of a transport's header; 0: its header has no fields for us. */
static size_t least_header(uint8_t proto)
{
	switch (proto) {
	case TCP:
		return 20;
	case SCTP:
	case DCCP:
		return 12;
	case UDP:
	case UDPLITE:
	case ICMP:
	case ICMPV6:
		return 8;
	default:
		return 0;
	}
}

/* A header that says its own size in words of four bytes: TCP and DCCP. */
static enum qv_reason sized_header(struct naive_view *view, size_t at, unsigned int shift,
				   size_t minimum)
{
	size_t size;

	if (at >= view->at_hand)
		return FINE;
	size = (size_t)(view->data[at] >> shift) * 4;
	if (size < minimum || view->transport_at + size > view->end)
		return QV_IS_MALFORMED;
	view->payload_known = true;
	view->payload_at = view->transport_at + size;
	return FINE;
}

static enum qv_reason udp(struct naive_view *view)
{
	size_t at = view->transport_at, length;

	if (at + 6 > view->at_hand)
		return FINE;
	view->payload_known = true;
	view->payload_at = at + 8;
	length = naive_load(view->data + at + 4, 2);
	if (length == 0 && view->ipv6 && view->end > 40 + 65535)
		return FINE;
	if (length < 8)
		return QV_IS_MALFORMED;
	if (view->fragment)
		return FINE;
	if (at + length > view->end)
		return QV_IS_MALFORMED;
	view->payload_end = at + length;
	return FINE;
}

static enum qv_reason udplite(struct naive_view *view)
{
	size_t at = view->transport_at, coverage;

	view->payload_known = true;
	view->payload_at = at + 8;
	if (at + 6 > view->at_hand)
		return FINE;
	coverage = naive_load(view->data + at + 4, 2);
	if (coverage == 0)
		return FINE;
	if (coverage < 8)
		return QV_IS_MALFORMED;
	if (!view->fragment && at + coverage > view->end)
		return QV_IS_MALFORMED;
	return FINE;
}

static enum qv_reason transport(struct naive_view *view, uint8_t proto, size_t at)
{
	size_t minimum = least_header(proto);

	if (minimum == 0)
		return FINE;
	if (at + minimum > view->end)
		return QV_IS_MALFORMED;
	view->transport = proto;
	view->transport_at = at;
	view->payload_end = view->end;
	switch (proto) {
	case TCP:
		return sized_header(view, at + 12, 4, minimum);
	case DCCP:
		return sized_header(view, at + 4, 0, minimum);
	case UDP:
		return udp(view);
	case UDPLITE:
		return udplite(view);
	default:
		view->payload_known = true;
		view->payload_at = at + minimum;
		return FINE;
	}
}

/* The last address of a source route that still leads somewhere. */
static void source_route(struct naive_view *view, size_t header)
{
	const uint8_t *data = view->data;
	size_t size;

	for (size_t at = 20; at + 2 < least(header, view->at_hand); at += size) {
		if (data[at] == 0)
			return;
		if (data[at] == 1) {
			size = 1;
			continue;
		}
		size = data[at + 1];
		if (size < 2 || at + size > header)
			return;
		if (data[at] != 131 && data[at] != 137)
			continue;
		if (size % 4 == 3 && data[at + 2] < size && at + size <= view->at_hand) {
			view->own_destination = false;
			memcpy(view->destination, data + at + size - 4, 4);
		}
		return;
	}
}

static enum qv_reason ipv4(struct naive_view *view)
{
	const uint8_t *data = view->data;
	size_t header, total;
	uint32_t bits;

	if (view->length < 20 || (view->at_hand > 0 && data[0] >> 4 != 4))
		return QV_IS_MALFORMED;
	if (view->at_hand < 20) {
		view->end_known = false;
		view->proto_is = IS_CUT;
		view->fragment_is = IS_CUT;
		view->transport_is = IS_UNKNOWN;
		return FINE;
	}
	header = (size_t)(data[0] & 15) * 4;
	total = naive_load(data + 2, 2);
	if (total == 0 && view->packet->flags & QV_PACKET_GSO)
		total = view->length;
	if (header < 20 || header > total || total > view->length)
		return QV_IS_MALFORMED;
	view->end = total;
	view->proto = data[9];
	bits = naive_load(data + 6, 2);
	view->fragment = (bits & 0x3fff) != 0;	/* "more fragments", or an offset */
	source_route(view, header);
	if ((bits & 0x1fff) != 0)
		return FINE;
	return transport(view, view->proto, header);
}

/* Where a routing header with segments left leads in the end. */
static void routing(struct naive_view *view, size_t at, size_t size)
{
	const uint8_t *data = view->data;
	size_t final = 0;

	if (data[at + 3] == 0)
		return;
	if (data[at + 2] == 0 || data[at + 2] == 2)
		final = at + size - 16;
	else if (data[at + 2] == 4)
		final = at + 8;
	view->own_destination = false;
	if (final != 0 && size >= 24 && final + 16 <= view->at_hand) {
		memcpy(view->destination, data + final, 16);
	} else {
		memset(view->destination, 0, 16);
		view->route_known = false;
	}
}

/* The first home address among a destination header's options. */
static void home_address(struct naive_view *view, size_t at, size_t end)
{
	const uint8_t *data = view->data;

	while (at + 18 <= least(end, view->at_hand)) {
		if (data[at] == 0) {
			at += 1;
		} else if (data[at] == 0xc9 && data[at + 1] == 16) {
			view->own_source = false;
			memcpy(view->source, data + at + 2, 16);
			return;
		} else {
			at += 2u + data[at + 1];
		}
	}
}

static enum qv_reason extensions(struct naive_view *view, uint8_t next)
{
	const uint8_t *data = view->data;
	size_t at = 40, size;
	uint32_t bits;

	while (is_extension(next)) {
		uint8_t here = next;

		if (at + 8 > view->end)
			return QV_IS_MALFORMED;
		if (at + 8 > view->at_hand) {
			view->proto_is = IS_UNKNOWN;
			view->transport_is = IS_UNKNOWN;
			if (!view->fragment)
				view->fragment_is = IS_CUT;
			return FINE;
		}
		next = data[at];
		size = (data[at + 1] + 1u) * 8;
		if (here == AUTHENTICATION)
			size = (data[at + 1] + 2u) * 4;
		if (here == FRAGMENT) {
			size = 8;
			bits = naive_load(data + at + 2, 2);
			if ((bits & 0xfff9) != 0)
				view->fragment = true;
			if ((bits & 0xfff8) != 0) {
				view->proto = next;
				if (is_extension(next))
					view->proto_is = ONLY_ABSENT;
				return FINE;
			}
		}
		if (at + size > view->end)
			return QV_IS_MALFORMED;
		if (here == ROUTING)
			routing(view, at, size);
		if (here == DESTINATION)
			home_address(view, at + 2, at + size);
		at += size;
	}
	view->proto = next;
	return transport(view, next, at);
}

static enum qv_reason ipv6(struct naive_view *view)
{
	const uint8_t *data = view->data;

	if (view->length < 40 || (view->at_hand > 0 && data[0] >> 4 != 6))
		return QV_IS_MALFORMED;
	if (view->at_hand < 40) {
		view->end_known = false;
		view->proto_is = IS_UNKNOWN;
		view->fragment_is = IS_CUT;
		view->transport_is = IS_UNKNOWN;
		return FINE;
	}
	view->end = 40 + naive_load(data + 4, 2);
	if (view->end == 40 && view->length > 40 + 65535)
		view->end = view->length;
	if (view->end > view->length)
		return QV_IS_MALFORMED;
	return extensions(view, data[6]);
}

enum qv_reason naive_decode(struct naive_view *view)
{
	view->end_known = true;
	view->end = 0;
	view->proto_is = IS_THERE;
	view->proto = 0;
	view->fragment_is = IS_THERE;
	view->fragment = false;
	view->transport = NO_TRANSPORT;
	view->transport_is = ONLY_ABSENT;
	view->transport_at = 0;
	view->payload_known = false;
	view->payload_at = 0;
	view->payload_end = 0;
	view->own_source = true;
	view->own_destination = true;
	view->route_known = true;
	view->ipv6 = view->packet->family == QV_FAMILY_IPV6;
	if (view->packet->family == QV_FAMILY_IPV4)
		return ipv4(view);
	if (view->packet->family == QV_FAMILY_IPV6)
		return ipv6(view);
	return QV_IS_UNSUPPORTED;
}
