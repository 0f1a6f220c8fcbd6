// SPDX-License-Identifier: GPL-2.0
/* A packet being rewritten: see draft.h. The lengths and sums are in seal.c. */
#include "draft.h"

#include <string.h>

enum { LARGEST_RESIZED = 0xffff };	/* a jumbogram's lengths are elsewhere: its size stays */

enum qv_edited qv_draft_open(struct qv_draft *draft, const struct qv_view *view,
			     struct qv_desk *desk)
{
	*draft = (struct qv_draft){
		.view = view,
		.desk = desk,
		.original = view->data,
		.original_size = view->end,
		.bytes = view->data,
		.size = view->end,
		.payload_end = view->payload_end,
	};
	return view->end <= QV_LARGEST_PACKET ? QV_EDITED : QV_EDIT_BROKEN;
}

uint8_t *qv_draft_spare(const struct qv_draft *draft)
{
	uint8_t *const *buffers = draft->desk->buffers;
	unsigned int i = 0;

	while (buffers[i] == draft->original || buffers[i] == draft->bytes)
		i++;
	return buffers[i];
}

uint8_t *qv_draft_writable(struct qv_draft *draft)
{
	uint8_t *spare;

	for (unsigned int i = 0; i < QV_DESK_BUFFERS; i++)
		if (draft->bytes == draft->desk->buffers[i] && draft->bytes != draft->original)
			return draft->desk->buffers[i];
	spare = qv_draft_spare(draft);
	memcpy(spare, draft->bytes, draft->size);
	draft->bytes = spare;
	return spare;
}

/*
 * TCP would need sequence translation to change a payload's size, SCTP and DCCP have lengths of
 * their own inside.
 */
static bool is_resizable(uint8_t transport)
{
	return transport == QV_HEADER_UDP || transport == QV_HEADER_UDPLITE ||
	       transport == QV_HEADER_ICMP || transport == QV_HEADER_ICMPV6;
}

bool qv_draft_may_have(const struct qv_draft *draft, size_t size)
{
	const struct qv_view *view = draft->view;
	const uint32_t now = qv_draft_payload_size(draft);

	if (size == now)
		return true;
	return is_resizable(view->transport) && !view->fragment &&
	       !(view->packet->flags & QV_PACKET_GSO) && draft->original_size <= LARGEST_RESIZED &&
	       draft->size - now + size <= LARGEST_RESIZED;
}

void qv_draft_take(struct qv_draft *draft, uint8_t *spare, uint32_t size)
{
	const uint32_t at = draft->view->payload_at;
	const uint32_t rest = draft->size - draft->payload_end;

	memcpy(spare, draft->bytes, at);
	memcpy(spare + at + size, draft->bytes + draft->payload_end, rest);
	draft->bytes = spare;
	draft->payload_end = at + size;
	draft->size = draft->payload_end + rest;
}
