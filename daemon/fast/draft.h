/* SPDX-License-Identifier: GPL-2.0 */
/* A packet being rewritten: its bytes while edits are applied, and right lengths and sums after. */
#ifndef QV_DRAFT_H
#define QV_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "view.h"

enum {
	/* Bytes of the largest packet that can be rewritten: more than any link or capture has. */
	QV_LARGEST_PACKET = 1 << 20,
	QV_DESK_BUFFERS = 3,
};

/*
 * Where packets are rewritten, a thread's own. One buffer may hold the packet as an earlier rule has
 * left it, one the draft, one what is being put together of it.
 */
struct qv_desk {
	uint8_t *buffers[QV_DESK_BUFFERS];	/* QV_LARGEST_PACKET bytes each */
};

/* How an edit, or all of them, went. */
enum qv_edited {
	QV_EDITED,
	QV_EDIT_FAILED,		/* cannot be done to this packet */
	QV_EDIT_BROKEN,		/* no memory, or a packet larger than QV_LARGEST_PACKET */
};

struct qv_draft {
	const struct qv_view *view;
	struct qv_desk *desk;
	const uint8_t *original;	/* the packet up to its own end */
	uint32_t original_size;
	const uint8_t *bytes;		/* as edited so far: the original until the first edit */
	uint32_t size;
	uint32_t payload_end;
};

/* Open a packet, of which nothing may be cut off. */
enum qv_edited qv_draft_open(struct qv_draft *draft, const struct qv_view *view,
			     struct qv_desk *desk);

/* The draft's bytes to be written to, and no others. */
uint8_t *qv_draft_writable(struct qv_draft *draft);

/* A buffer to put the draft's next bytes together in: neither its own nor the original's. */
uint8_t *qv_draft_spare(const struct qv_draft *draft);

static inline bool qv_draft_has_payload(const struct qv_draft *draft)
{
	return draft->view->payload_state == QV_PRESENT;
}

static inline const uint8_t *qv_draft_payload(const struct qv_draft *draft)
{
	return draft->bytes + draft->view->payload_at;
}

static inline uint32_t qv_draft_payload_size(const struct qv_draft *draft)
{
	return draft->payload_end - draft->view->payload_at;
}

/* Whether the payload may have @size bytes: another size only where lengths can follow. */
bool qv_draft_may_have(const struct qv_draft *draft, size_t size);

/*
 * Put @size bytes, which already stand at the payload's place in @spare, into the payload's place;
 * qv_draft_may_have must have allowed them.
 */
void qv_draft_take(struct qv_draft *draft, uint8_t *spare, uint32_t size);

/*
 * Put lengths and checksums right. Sets @changed to whether the bytes are others than they were;
 * only then the draft's bytes are the packet's new ones.
 */
enum qv_edited qv_draft_finish(struct qv_draft *draft, bool *changed);

#endif
