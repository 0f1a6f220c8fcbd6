/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Verdicts on their way to the kernel: as many as possible a send, none lost, always in order. As
 * transport/outbox.py.
 */
#ifndef QV_OUTBOX_H
#define QV_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qv_outbox;

enum { QV_OUTBOX_HEAD = 32 };	/* bytes at most that go before the items of a send */

/* Write what goes before @count items of @size bytes to @head; return its bytes. */
typedef size_t qv_outbox_seal(void *context, uint8_t head[QV_OUTBOX_HEAD], uint32_t count,
			      size_t size);

/*
 * Make an outbox that sends to @fd, which stays the caller's, up to @limit bytes at a time and up
 * to @most items. @seal, with its @context: NULL if items are whole messages. Returns NULL if there
 * is no memory.
 */
struct qv_outbox *qv_outbox_new(int fd, size_t limit, uint32_t most, qv_outbox_seal *seal,
				void *context);
void qv_outbox_free(struct qv_outbox *outbox);

/*
 * Return room for the next item of @size bytes, all of which the caller writes; items of sizes that
 * are multiples of 8 are aligned so. NULL if the box is full: flush, and ask again. An empty box has
 * room for any verdict.
 */
uint8_t *qv_outbox_add(struct qv_outbox *outbox, size_t size);

/* How many items wait. */
uint32_t qv_outbox_waiting(const struct qv_outbox *outbox);

/*
 * Send what waits. Returns 0 when all is sent, -EAGAIN when the kernel has no memory for the rest
 * now, or a negative errno that trying again does not mend.
 */
int qv_outbox_flush(struct qv_outbox *outbox);

#endif
