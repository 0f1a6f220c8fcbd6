/* SPDX-License-Identifier: GPL-2.0 */
/* The decoded view of a packet: where its headers are, and its fields' values. */
#ifndef QV_VIEW_H
#define QV_VIEW_H

#include <stdbool.h>
#include <stdint.h>

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
	const uint8_t *pseudo_source;	/* into data, or NULL: the header's own */
	const uint8_t *pseudo_destination;
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

/* Read a numeric field: QV_PRESENT with @value set, or why there is none. */
qv_outcome qv_view_number(const struct qv_view *view, enum qv_field field, uint32_t *value);

/* Read src or dst: QV_PRESENT with @address on 4 or 16 (@size) bytes, or why there is none. */
qv_outcome qv_view_address(const struct qv_view *view, enum qv_field field,
			   const uint8_t **address, uint32_t *size);

#endif
