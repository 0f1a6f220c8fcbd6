/* SPDX-License-Identifier: GPL-2.0 */
/* The decoded view of a packet: where its headers are, and its fields' values. */
#ifndef QV_VIEW_H
#define QV_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "fields.h"	/* generated from packet/fields.py */
#include "outcome.h"
#include "packet.h"

/* As Packet in packet/view.py, where each is explained. States are those of outcome.h. */
struct qv_view {
	const struct qv_packet *packet;
	const uint8_t *data;
	uint32_t caplen;
	uint32_t end;			/* valid if end_state is QV_PRESENT */
	uint32_t transport_at;
	uint32_t payload_at;		/* valid if payload_state is QV_PRESENT */
	uint32_t payload_end;
	uint32_t mark;			/* as rules before this one have set it */
	uint8_t network;		/* QV_HEADER_IPV4 or QV_HEADER_IPV6 */
	uint8_t transport;		/* enum qv_header, or QV_NO_HEADER */
	uint8_t transport_state;	/* QV_PRESENT, or what a transport field is without one */
	uint8_t payload_state;
	uint8_t end_state;
	uint8_t proto;
	uint8_t proto_state;
	uint8_t fragment;
	uint8_t fragment_state;
	bool partial;			/* as QV_PACKET_PARTIAL, until a rewrite has completed it */
	bool cut;			/* bytes are missing before the packet's own end */
	bool pseudo_known;
	const uint8_t *pseudo_source;	/* into data, or NULL: the header's own; not of cut packets */
	const uint8_t *pseudo_destination;
};

/* The bytes after the transport header: those at hand, and how many there were. */
struct qv_payload {
	const uint8_t *data;
	uint32_t at_hand;
	uint32_t length;
};

enum qv_decoded {
	QV_DECODED,
	QV_MALFORMED,
	QV_UNSUPPORTED,
};

/*
 * Find the packet's headers in @data (@caplen bytes of @length), which are the packet's own or a
 * rewritten copy. Reads nothing past @caplen; the view points into @data and @packet.
 */
enum qv_decoded qv_decode(struct qv_view *view, const struct qv_packet *packet,
			  const uint8_t *data, uint32_t caplen, uint32_t length);

/* Read TCP's maximum segment size out of the options. */
qv_outcome qv_view_mss(const struct qv_view *view, uint32_t *value);

/* Give a value that the kernel knew, or did not. */
static inline qv_outcome qv_view_known(bool known, uint32_t number, uint32_t *value)
{
	*value = number;
	return known ? QV_PRESENT : QV_ABSENT;
}

/*
 * Find a field's place, and in @at its first byte, if all of its bytes are at hand. Returns NULL if
 * not, and in @state why.
 */
static inline const struct qv_place *qv_view_place(const struct qv_view *view, enum qv_field field,
						   uint32_t *at, qv_outcome *state)
{
	const bool network = qv_fields[field].layer == QV_LAYER_NETWORK;
	const uint8_t header = network ? view->network : view->transport;
	const struct qv_place *place;

	*at = 0;
	if (header == QV_NO_HEADER) {
		*state = view->transport_state;
		return NULL;
	}
	place = &qv_places[field][header];
	*state = QV_ABSENT;
	if (!place->size)
		return NULL;
	*at = place->offset + (network ? 0 : view->transport_at);
	*state = *at + (uint64_t)place->size > view->caplen ? QV_CUT : QV_PRESENT;
	return *state == QV_PRESENT ? place : NULL;
}

/* Read a numeric field that has a fixed place; each such place is one or two bytes. */
static inline qv_outcome qv_view_placed(const struct qv_view *view, enum qv_field field,
					uint32_t *value)
{
	qv_outcome state;
	uint32_t at, number;
	const struct qv_place *place = qv_view_place(view, field, &at, &state);

	if (!place)
		return state;
	number = place->size == 1 ? view->data[at] : qv_load16(view->data + at);
	number = (number & place->mask) >> place->shift;
	if (qv_fields[field].icmp_spaces && view->transport == QV_HEADER_ICMPV6)
		number += QV_ICMPV6_SPACE;
	*value = number;
	return QV_PRESENT;
}

/* Read a numeric field: QV_PRESENT with @value set, or why there is none. */
static inline qv_outcome qv_view_number(const struct qv_view *view, enum qv_field field,
					uint32_t *value)
{
	const struct qv_packet *packet = view->packet;

	switch (field) {
	case QV_FIELD_FAMILY:
		*value = view->network == QV_HEADER_IPV4 ? 4 : 6;
		return QV_PRESENT;
	case QV_FIELD_PROTO:
		*value = view->proto;
		return view->proto_state;
	case QV_FIELD_FRAGMENT:
		*value = view->fragment;
		return view->fragment_state;
	case QV_FIELD_LENGTH:
		*value = view->end;
		return view->end_state;
	case QV_FIELD_TCP_MSS:
		return qv_view_mss(view, value);
	case QV_FIELD_HOOK:
		return qv_view_known(packet->hook != QV_NO_HOOK, packet->hook, value);
	case QV_FIELD_MARK:
		return qv_view_known(true, view->mark, value);
	case QV_FIELD_UID:
		return qv_view_known(packet->flags & QV_PACKET_UID, packet->uid, value);
	case QV_FIELD_GID:
		return qv_view_known(packet->flags & QV_PACKET_GID, packet->gid, value);
	default:
		return qv_view_placed(view, field, value);
	}
}

/* Read src or dst: QV_PRESENT with @address on 4 or 16 (@size) bytes, or why there is none. */
static inline qv_outcome qv_view_address(const struct qv_view *view, enum qv_field field,
					 const uint8_t **address, uint32_t *size)
{
	qv_outcome state;
	uint32_t at;
	const struct qv_place *place = qv_view_place(view, field, &at, &state);

	if (!place)
		return state;
	*address = view->data + at;
	*size = place->size;
	return QV_PRESENT;
}

/* Read in or out: QV_PRESENT with @name set, or QV_ABSENT. */
static inline qv_outcome qv_view_interface(const struct qv_view *view, enum qv_field field,
					   const struct qv_ifname **name)
{
	*name = field == QV_FIELD_IN ? &view->packet->in : &view->packet->out;
	return (*name)->length ? QV_PRESENT : QV_ABSENT;
}

/* Read mac.src: QV_PRESENT with 6 bytes at @mac, or QV_ABSENT; other lengths are not Ethernet's. */
static inline qv_outcome qv_view_mac(const struct qv_view *view, const uint8_t **mac)
{
	*mac = view->packet->mac;
	return view->packet->mac_length == 6 ? QV_PRESENT : QV_ABSENT;
}

/* Read the payload: QV_PRESENT with @payload set, be it empty or cut, or why there is none. */
static inline qv_outcome qv_view_payload(const struct qv_view *view, struct qv_payload *payload)
{
	uint32_t at = view->payload_at, stop;

	if (view->payload_state != QV_PRESENT)
		return view->payload_state;
	stop = view->payload_end < view->caplen ? view->payload_end : view->caplen;
	payload->at_hand = stop > at ? stop - at : 0;
	payload->data = view->data + (payload->at_hand ? at : 0);
	payload->length = view->payload_end - at;
	return QV_PRESENT;
}

#endif
