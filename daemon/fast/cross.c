// SPDX-License-Identifier: GPL-2.0
/* Crossing: see cross.h. */
#include "cross.h"

enum {
	PAIRS_MAX = 1 << 16,		/* of classes: what a table may have */
	GROWTH_MAX = 8 << 20,		/* bytes that a crossing may take for its vectors */
};

struct job {
	struct qv_heap *heap;
	struct qv_chunks *chunks;
	const struct qv_rows *first, *second;
	struct qv_rows *result;
	uint32_t *firsts;	/* a vector */
	uint32_t *seconds;	/* a vector of each class */
	uint32_t *pair;		/* a vector */
};

static uint32_t both(const struct job *job, uint32_t a, uint32_t b)
{
	struct qv_chunk chunk;

	if (a == b || b == QV_CHUNK_FULL || a == QV_CHUNK_EMPTY)
		return a;
	if (a == QV_CHUNK_FULL || b == QV_CHUNK_EMPTY)
		return b;
	for (int i = 0; i < QV_CHUNK_WORDS; i++)
		chunk.words[i] = job->chunks->all[a].words[i] & job->chunks->all[b].words[i];
	return qv_chunks_number(job->chunks, job->heap, &chunk);
}

/* Return the class of a pair of classes, whose vectors are @firsts and @seconds. */
static uint32_t class_of(const struct job *job, const uint32_t *seconds)
{
	for (uint32_t i = 0; i < job->result->chunks; i++) {
		job->pair[i] = both(job, job->firsts[i], seconds[i]);
		if (job->pair[i] == UINT32_MAX)
			return UINT32_MAX;
	}
	return qv_rows_class(job->result, job->heap, job->pair);
}

/*
 * Fill in the table. Returns 1; 0 if it is not worth the memory; -1 if there is none.
 */
static int fill(struct job *job, uint32_t *table)
{
	const uint64_t before = job->heap->used;
	const uint32_t chunks = job->result->chunks;

	for (uint32_t b = 0; b < job->second->classes; b++)
		qv_rows_vector(job->second, b, job->seconds + (size_t)b * chunks);
	for (uint32_t a = 0; a < job->first->classes; a++) {
		qv_rows_vector(job->first, a, job->firsts);
		for (uint32_t b = 0; b < job->second->classes; b++) {
			const uint32_t class = class_of(job, job->seconds + (size_t)b * chunks);

			if (class == UINT32_MAX)
				return -1;
			*table++ = class;
		}
		if (job->heap->used > before + GROWTH_MAX)
			return 0;
	}
	return 1;
}

/* Cross two slots into a new one. As fill(). */
static int cross(struct qv_crossing *crossing, struct qv_heap *heap, struct qv_chunks *chunks,
		 uint32_t first, uint32_t second)
{
	struct qv_rows *result = &crossing->slots[crossing->slot_count];
	struct job job = {
		.heap = heap,
		.chunks = chunks,
		.first = &crossing->slots[first],
		.second = &crossing->slots[second],
		.result = result,
	};
	const uint32_t count = job.first->chunks, width = job.second->classes;
	const uint32_t chunks_before = chunks->count;
	uint32_t *table = qv_heap_take(heap, (uint64_t)job.first->classes * width, sizeof(*table));
	int filled = -1;

	job.firsts = qv_heap_take(heap, count, sizeof(*job.firsts));
	job.seconds = qv_heap_take(heap, (uint64_t)count * width, sizeof(*job.seconds));
	job.pair = qv_heap_take(heap, count, sizeof(*job.pair));
	if (!qv_rows_init(result, heap, count) || !table || !job.firsts || !job.seconds || !job.pair)
		return -1;
	for (uint32_t slab = 0; slab < result->slabs; slab++)
		result->asked[slab] = job.first->asked[slab] | job.second->asked[slab];
	filled = fill(&job, table);
	qv_heap_drop(heap, job.firsts);
	qv_heap_drop(heap, job.seconds);
	qv_heap_drop(heap, job.pair);
	if (filled > 0) {
		crossing->crosses[crossing->cross_count++] = (struct qv_cross){
			.first = (uint8_t)first,
			.second = (uint8_t)second,
			.result = (uint8_t)crossing->slot_count,
			.width = width,
			.table = table,
		};
		crossing->slot_count++;
		crossing->crossed[first] = true;
		crossing->crossed[second] = true;
	} else {
		qv_heap_drop(heap, table);
		qv_rows_drop(result, heap);
		qv_chunks_forget(chunks, chunks_before);
	}
	return filled;
}

/* Find the two slots with the fewest pairs of classes; false if all have too many. */
static bool cheapest(const struct qv_crossing *crossing, uint64_t most, uint32_t *first,
		     uint32_t *second)
{
	bool found = false;

	for (uint32_t a = 0; a < crossing->slot_count; a++) {
		for (uint32_t b = a + 1; b < crossing->slot_count; b++) {
			const uint64_t pairs = (uint64_t)crossing->slots[a].classes *
					       crossing->slots[b].classes;

			if (crossing->crossed[a] || crossing->crossed[b] || pairs > most)
				continue;
			most = pairs - 1;
			*first = a;
			*second = b;
			found = true;
		}
	}
	return found;
}

bool qv_cross_all(struct qv_crossing *crossing, struct qv_heap *heap, struct qv_chunks *chunks)
{
	uint32_t first, second;

	while (cheapest(crossing, PAIRS_MAX, &first, &second)) {
		const int crossed = cross(crossing, heap, chunks, first, second);

		if (crossed <= 0)
			return crossed == 0;
	}
	return true;
}
