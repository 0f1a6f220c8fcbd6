// SPDX-License-Identifier: GPL-2.0
#include "ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* Before each record. A record does not go round the ring's end: what is left there is passed over. */
struct mark {
	uint32_t size;		/* bytes of the record; PASS: go on at the ring's start */
	uint32_t reserved;
};

#define PASS UINT32_MAX

enum { SMALLEST = 4096 };

struct qv_ring {
	/* Neither thread may slow the other down by writing to a cache line that both read. */
	_Alignas(64) uint64_t reserved;		/* writer: bytes written, published or not */
	uint64_t freed;				/* writer: what it knows of read */
	_Alignas(64) _Atomic uint64_t written;	/* bytes published, counted from the start */
	_Alignas(64) _Atomic uint64_t read;	/* bytes released, likewise */
	_Alignas(64) _Atomic bool asleep;
	_Alignas(64) uint8_t *data;
	uint64_t size;
	int fd;
};

static uint64_t align(uint64_t size)
{
	return (size + 7) & ~UINT64_C(7);
}

struct qv_ring *qv_ring_new(size_t size)
{
	struct qv_ring *ring = aligned_alloc(_Alignof(struct qv_ring), sizeof(*ring));
	void *data;

	if (!ring)
		return NULL;
	memset(ring, 0, sizeof(*ring));
	for (ring->size = SMALLEST; ring->size < size; ring->size *= 2)
		;
	ring->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	data = mmap(NULL, ring->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED || ring->fd < 0) {
		int error = errno;

		if (data != MAP_FAILED)
			munmap(data, ring->size);
		if (ring->fd >= 0)
			close(ring->fd);
		free(ring);
		errno = error;
		return NULL;
	}
	ring->data = data;
	return ring;
}

void qv_ring_free(struct qv_ring *ring)
{
	if (!ring)
		return;
	munmap(ring->data, ring->size);
	close(ring->fd);
	free(ring);
}

void *qv_ring_reserve(struct qv_ring *ring, size_t size)
{
	uint64_t offset = ring->reserved & (ring->size - 1);
	uint64_t need = sizeof(struct mark) + align(size);
	uint64_t pass = 0;
	struct mark mark = { .size = (uint32_t)size };

	if (size >= ring->size)
		return NULL;
	if (need > ring->size - offset)
		pass = ring->size - offset;	/* room for a mark at least: all is aligned to 8 */
	if (ring->reserved + pass + need - ring->freed > ring->size) {
		ring->freed = atomic_load_explicit(&ring->read, memory_order_acquire);
		if (ring->reserved + pass + need - ring->freed > ring->size)
			return NULL;
	}
	if (pass) {
		memcpy(ring->data + offset, &(struct mark){ .size = PASS }, sizeof(mark));
		ring->reserved += pass;
		offset = 0;
	}
	memcpy(ring->data + offset, &mark, sizeof(mark));
	ring->reserved += need;
	return memset(ring->data + offset + sizeof(mark), 0, align(size));
}

void qv_ring_publish(struct qv_ring *ring)
{
	const uint64_t one = 1;

	if (ring->reserved == atomic_load_explicit(&ring->written, memory_order_relaxed))
		return;
	/*
	 * In one order for both threads: either the reader sees what is written here before it
	 * sleeps, or we see that it sleeps.
	 */
	atomic_store(&ring->written, ring->reserved);
	if (atomic_load(&ring->asleep) && atomic_exchange(&ring->asleep, false)) {
		ssize_t done = write(ring->fd, &one, sizeof(one));

		(void)done;	/* fails only when it is readable already */
	}
}

const void *qv_ring_peek(struct qv_ring *ring, size_t *size)
{
	uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
	uint64_t offset = read & (ring->size - 1);
	struct mark mark;

	if (read == atomic_load_explicit(&ring->written, memory_order_acquire))
		return NULL;
	memcpy(&mark, ring->data + offset, sizeof(mark));
	if (mark.size == PASS) {
		/* A record follows: the two were reserved, and so published, together. */
		read += ring->size - offset;
		atomic_store_explicit(&ring->read, read, memory_order_release);
		offset = 0;
		memcpy(&mark, ring->data, sizeof(mark));
	}
	*size = mark.size;
	return ring->data + offset + sizeof(mark);
}

void qv_ring_release(struct qv_ring *ring)
{
	uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
	struct mark mark;

	memcpy(&mark, ring->data + (read & (ring->size - 1)), sizeof(mark));
	read += sizeof(mark) + align(mark.size);
	atomic_store_explicit(&ring->read, read, memory_order_release);
}

bool qv_ring_sleep(struct qv_ring *ring)
{
	atomic_store(&ring->asleep, true);
	if (atomic_load(&ring->written) == atomic_load_explicit(&ring->read, memory_order_relaxed))
		return true;
	atomic_store(&ring->asleep, false);
	return false;
}

void qv_ring_wake(struct qv_ring *ring)
{
	uint64_t times;
	ssize_t done;

	atomic_store(&ring->asleep, false);
	done = read(ring->fd, &times, sizeof(times));
	(void)done;	/* fails only when nobody has written */
}

int qv_ring_fd(const struct qv_ring *ring)
{
	return ring->fd;
}
