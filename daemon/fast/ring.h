/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records from one thread to one other, without locks. The writer never waits: what does not fit
 * is refused. It wakes the reader, by an eventfd, only if that sleeps.
 *
 * Writer: qv_ring_reserve() and fill in, any number of times; qv_ring_publish().
 * Reader: qv_ring_peek() and qv_ring_release(), until nothing is there; qv_ring_sleep(); if that
 * says so, wait until the descriptor is readable; qv_ring_wake().
 */
#ifndef QV_RING_H
#define QV_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qv_ring;

/*
 * Make a ring of @size bytes, brought up to a power of two. Returns NULL if there is no memory or no
 * descriptor; errno tells.
 */
struct qv_ring *qv_ring_new(size_t size);
void qv_ring_free(struct qv_ring *ring);

/*
 * Return zeroed room for a record of @size bytes, aligned to 8; NULL if there is not so much. The
 * reader does not see it yet.
 */
void *qv_ring_reserve(struct qv_ring *ring, size_t size);
/* Let the reader see all that was reserved. */
void qv_ring_publish(struct qv_ring *ring);

/* The oldest record, of *@size bytes; NULL if there is none. It stays until it is released. */
const void *qv_ring_peek(struct qv_ring *ring, size_t *size);
void qv_ring_release(struct qv_ring *ring);

/* The reader is about to sleep: false if there are records after all. */
bool qv_ring_sleep(struct qv_ring *ring);
/* The reader is awake again. */
void qv_ring_wake(struct qv_ring *ring);
/* Readable once there are records for a reader that sleeps. */
int qv_ring_fd(const struct qv_ring *ring);

#endif
