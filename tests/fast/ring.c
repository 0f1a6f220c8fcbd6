// SPDX-License-Identifier: GPL-2.0
/*
 * The ring: records of all sizes, once round its end and many times, with a slow reader, one that
 * sleeps, and none. Prints nothing; ends with 1 and a line at the first thing that is wrong.
 */
#include "ring.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 4096, RECORDS = 300000, LONGEST = 700 };

static void expect(bool right, const char *what, size_t number)
{
	if (right)
		return;
	fprintf(stderr, "ring: %s at %zu\n", what, number);
	exit(1);
}

/* A record's size and bytes follow from its number. */
static size_t size_of(uint32_t number)
{
	return sizeof(number) + number * UINT32_C(2654435761) % LONGEST;
}

static bool write_record(struct qv_ring *ring, uint32_t number)
{
	size_t size = size_of(number);
	uint8_t *record = qv_ring_reserve(ring, size);

	if (!record)
		return false;
	memset(record, (int)(number % 251), size);
	memcpy(record, &number, sizeof(number));
	return true;
}

static uint32_t read_record(const uint8_t *record, size_t size)
{
	uint32_t number;

	memcpy(&number, record, sizeof(number));
	expect(size == size_of(number), "size", number);
	for (size_t i = sizeof(number); i < size; i++)
		expect(record[i] == number % 251, "byte", number);
	return number;
}

static void test_full(void)
{
	struct qv_ring *ring = qv_ring_new(1);
	uint32_t written = 0, read = 0;
	const uint8_t *record;
	size_t size;

	expect(!qv_ring_reserve(ring, SIZE), "a record as large as the ring", 0);
	expect(qv_ring_reserve(ring, SIZE - 8) != NULL, "the largest record", 0);
	qv_ring_publish(ring);
	expect(qv_ring_peek(ring, &size) && size == SIZE - 8, "the largest record read", 0);
	qv_ring_release(ring);
	for (int round = 0; round < 1000; round++) {
		while (write_record(ring, written))
			written++;
		expect(!qv_ring_peek(ring, &size), "seen before it is published", written);
		qv_ring_publish(ring);
		while ((record = qv_ring_peek(ring, &size))) {
			expect(read_record(record, size) == read, "order", read);
			read++;
			qv_ring_release(ring);
			if (read % 3 == 0)
				break;
		}
		while ((record = qv_ring_peek(ring, &size))) {
			expect(read_record(record, size) == read, "order", read);
			read++;
			qv_ring_release(ring);
		}
		expect(read == written, "all are read", written);
	}
	qv_ring_free(ring);
}

struct shared {
	struct qv_ring *ring;
	uint32_t refused;
	_Atomic bool done;
};

static void *writer(void *argument)
{
	struct shared *shared = argument;

	for (uint32_t number = 0; number < RECORDS; number++) {
		shared->refused += !write_record(shared->ring, number);
		if (number % 7 == 0 || number == RECORDS - 1)
			qv_ring_publish(shared->ring);
		if (number % 500 == 0) {
			struct timespec nap = { .tv_nsec = 200000 };

			nanosleep(&nap, NULL);
		}
	}
	atomic_store(&shared->done, true);
	return NULL;
}

/* Read until the writer is done. It is never missed: a sleep would last for ever. */
static uint32_t read_all(struct shared *shared)
{
	struct pollfd waited = { .fd = qv_ring_fd(shared->ring), .events = POLLIN };
	uint32_t read = 0, last = 0;
	const uint8_t *record;
	size_t size;

	for (;;) {
		bool done = atomic_load(&shared->done);

		while ((record = qv_ring_peek(shared->ring, &size))) {
			uint32_t number = read_record(record, size);

			expect(!read++ || number > last, "order", number);
			last = number;
			qv_ring_release(shared->ring);
		}
		if (done)
			return read;
		if (qv_ring_sleep(shared->ring)) {
			/* The writer may be done already, and then says nothing more. */
			while (!poll(&waited, 1, 20) && !atomic_load(&shared->done))
				expect(!qv_ring_peek(shared->ring, &size), "not woken", read);
			qv_ring_wake(shared->ring);
		}
	}
}

static void test_threads(void)
{
	struct shared shared = { .ring = qv_ring_new(SIZE) };
	pthread_t thread;
	uint32_t read;

	pthread_create(&thread, NULL, writer, &shared);
	read = read_all(&shared);
	pthread_join(thread, NULL);
	expect(read + shared.refused == RECORDS, "read and refused", read);
	expect(read > RECORDS / 100, "hardly any was read", read);
	qv_ring_free(shared.ring);
}

int main(void)
{
	test_full();
	test_threads();
	return 0;
}
