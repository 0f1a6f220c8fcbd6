// SPDX-License-Identifier: GPL-2.0
/* Fields' values, as packet/readers.py has them; places are written out here a second time. */
#include "naive.h"

static const struct naive_place places[] = {
	{QV_FIELD_SRC, 4, true, 12, 4, 0, 0},
	{QV_FIELD_SRC, 6, true, 8, 16, 0, 0},
	{QV_FIELD_DST, 4, true, 16, 4, 0, 0},
	{QV_FIELD_DST, 6, true, 24, 16, 0, 0},
	{QV_FIELD_TTL, 4, true, 8, 1, 0xff, 0},
	{QV_FIELD_TTL, 6, true, 7, 1, 0xff, 0},
	{QV_FIELD_DSCP, 4, true, 1, 1, 0xfc, 2},
	{QV_FIELD_DSCP, 6, true, 0, 2, 0x0fc0, 6},
	{QV_FIELD_ECN, 4, true, 1, 1, 0x03, 0},
	{QV_FIELD_ECN, 6, true, 0, 2, 0x0030, 4},
	{QV_FIELD_SPORT, TCP, false, 0, 2, 0xffff, 0},
	{QV_FIELD_SPORT, UDP, false, 0, 2, 0xffff, 0},
	{QV_FIELD_SPORT, UDPLITE, false, 0, 2, 0xffff, 0},
	{QV_FIELD_SPORT, SCTP, false, 0, 2, 0xffff, 0},
	{QV_FIELD_SPORT, DCCP, false, 0, 2, 0xffff, 0},
	{QV_FIELD_DPORT, TCP, false, 2, 2, 0xffff, 0},
	{QV_FIELD_DPORT, UDP, false, 2, 2, 0xffff, 0},
	{QV_FIELD_DPORT, UDPLITE, false, 2, 2, 0xffff, 0},
	{QV_FIELD_DPORT, SCTP, false, 2, 2, 0xffff, 0},
	{QV_FIELD_DPORT, DCCP, false, 2, 2, 0xffff, 0},
	{QV_FIELD_TCP_FLAGS, TCP, false, 12, 2, 0x0fff, 0},
	{QV_FIELD_TCP_WINDOW, TCP, false, 14, 2, 0xffff, 0},
	{QV_FIELD_ICMP_TYPE, ICMP, false, 0, 1, 0xff, 0},
	{QV_FIELD_ICMP_TYPE, ICMPV6, false, 0, 1, 0xff, 0},
	{QV_FIELD_ICMP_CODE, ICMP, false, 1, 1, 0xff, 0},
	{QV_FIELD_ICMP_CODE, ICMPV6, false, 1, 1, 0xff, 0},
};

const struct naive_place *naive_place(const struct naive_view *view, uint32_t field, size_t *at)
{
	int network = view->ipv6 ? 6 : 4;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct naive_place *place = &places[i];

		if ((uint32_t)place->field != field)
			continue;
		if (place->header != (place->network ? network : view->transport))
			continue;
		*at = place->offset + (place->network ? 0 : view->transport_at);
		return place;
	}
	return NULL;
}

static bool of_transport(uint32_t field)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if ((uint32_t)places[i].field == field)
			return !places[i].network;
	}
	return false;
}

uint8_t naive_placed(const struct naive_view *view, uint32_t field,
		     const struct naive_place **place, size_t *at)
{
	if (of_transport(field) && view->transport == NO_TRANSPORT)
		return view->transport_is;
	*place = naive_place(view, field, at);
	if (!*place)
		return ONLY_ABSENT;
	return *at + (*place)->size <= view->at_hand ? IS_THERE : IS_CUT;
}

/* The maximum segment size: the option of kind 2 and length 4. */
static uint8_t segment_size(const struct naive_view *view, uint32_t *value)
{
	const uint8_t *data = view->data;
	size_t at = view->transport_at + 20, size;

	if (view->transport == NO_TRANSPORT)
		return view->transport_is;
	if (view->transport != TCP)
		return ONLY_ABSENT;
	if (!view->payload_known)
		return IS_UNKNOWN;
	for (; at + 4 <= view->payload_at; at += size) {
		if (at >= view->at_hand)
			return IS_UNKNOWN;
		if (data[at] == 0)
			return ONLY_ABSENT;
		if (data[at] == 1) {
			size = 1;
			continue;
		}
		if (at + 1 >= view->at_hand)
			return IS_UNKNOWN;
		size = data[at + 1];
		if (size < 2 || at + size > view->payload_at)
			return ONLY_ABSENT;
		if (data[at] != 2 || size != 4)
			continue;
		if (at + 4 > view->at_hand)
			return IS_CUT;
		*value = naive_load(data + at + 2, 2);
		return IS_THERE;
	}
	return ONLY_ABSENT;
}

/* A number that the kernel says, or not. */
static uint8_t said(bool known, uint32_t number, uint32_t *value)
{
	*value = number;
	return known ? IS_THERE : ONLY_ABSENT;
}

uint8_t naive_number(const struct naive_view *view, uint32_t field, uint32_t *value)
{
	const struct qv_packet *packet = view->packet;
	const struct naive_place *place;
	size_t at;
	uint8_t is;

	switch (field) {
	case QV_FIELD_FAMILY:
		return said(true, view->ipv6 ? 6 : 4, value);
	case QV_FIELD_PROTO:
		*value = view->proto;
		return view->proto_is;
	case QV_FIELD_FRAGMENT:
		*value = view->fragment;
		return view->fragment_is;
	case QV_FIELD_LENGTH:
		*value = (uint32_t)view->end;
		return view->end_known ? IS_THERE : IS_CUT;
	case QV_FIELD_TCP_MSS:
		return segment_size(view, value);
	case QV_FIELD_HOOK:
		return said(packet->hook != QV_NO_HOOK, packet->hook, value);
	case QV_FIELD_MARK:
		return said(true, view->mark, value);
	case QV_FIELD_UID:
		return said(packet->flags & QV_PACKET_UID, packet->uid, value);
	case QV_FIELD_GID:
		return said(packet->flags & QV_PACKET_GID, packet->gid, value);
	default:
		break;
	}
	is = naive_placed(view, field, &place, &at);
	if (is == IS_THERE) {
		*value = (naive_load(view->data + at, place->size) & place->mask) >> place->shift;
		if (place->header == ICMPV6)
			*value += 0x100;
	}
	return is;
}
