/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rows: for every class of an axis's values, the clauses that it leaves possible, as a bit vector
 * over all clauses. Vectors are cut into chunks of a cache line, equal chunks are there once, and a
 * row lists only those that are not empty and that its axis has a say in.
 */
#ifndef QV_ROWS_H
#define QV_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "heap.h"

enum {
	QV_CHUNK_WORDS = 8,
	QV_CHUNK_BITS = 64 * QV_CHUNK_WORDS,
	QV_SLAB_CHUNKS = 64,	/* told of by one word of a row */
	QV_CHUNK_EMPTY = 0,	/* numbers of chunks */
	QV_CHUNK_FULL = 1,
};

struct qv_chunk {
	_Alignas(64) uint64_t words[QV_CHUNK_WORDS];
};

/* All chunks of an index, each there once. */
struct qv_chunks {
	struct qv_chunk *all;
	uint32_t count, room;
	uint32_t *table;	/* by hash: a chunk's number and 1, or 0 */
	uint32_t slots;		/* a power of two */
};

bool qv_chunks_init(struct qv_chunks *chunks, struct qv_heap *heap);
/* Return the number of an equal chunk, made if need be; UINT32_MAX: no memory. */
uint32_t qv_chunks_number(struct qv_chunks *chunks, struct qv_heap *heap,
			  const struct qv_chunk *chunk);

/* Forget all but the first @count chunks. */
void qv_chunks_forget(struct qv_chunks *chunks, uint32_t count);

/* One class's part of a slab. */
struct qv_row {
	uint64_t some;		/* chunks that may have a bit; where the axis has no say, all */
	uint32_t first;		/* number of the first of @some that the axis has a say in */
	uint32_t reserved;
};

struct qv_rows {
	uint32_t classes, room;
	uint32_t slabs;
	uint32_t chunks;	/* of a whole vector */
	uint64_t *asked;	/* of each slab: the chunks that the axis has a say in */
	struct qv_row *rows;	/* of each class @slabs, together */
	uint32_t *numbers;	/* of chunks */
	uint32_t number_count, number_room;
	uint32_t *table;	/* by hash: a class and 1, or 0 */
	uint32_t slots;
};

bool qv_rows_init(struct qv_rows *rows, struct qv_heap *heap, uint32_t chunks);
/*
 * Return the class of the vector @numbers (of every chunk), made if need be; UINT32_MAX: no memory.
 */
uint32_t qv_rows_class(struct qv_rows *rows, struct qv_heap *heap, const uint32_t *numbers);
/* Write down the vector of a class; where the axis has no say, full chunks. */
void qv_rows_vector(const struct qv_rows *rows, uint32_t class, uint32_t *numbers);
void qv_rows_drop(struct qv_rows *rows, struct qv_heap *heap);

#endif
