// SPDX-License-Identifier: GPL-2.0
/* Chunks and rows: see rows.h. */
#include "rows.h"

#include <string.h>

#include "hash.h"

enum { FIRST_SLOTS = 64 };

bool qv_chunks_init(struct qv_chunks *chunks, struct qv_heap *heap)
{
	struct qv_chunk chunk = { { 0 } };

	chunks->slots = FIRST_SLOTS;
	chunks->table = qv_heap_take(heap, chunks->slots, sizeof(*chunks->table));
	if (!chunks->table || qv_chunks_number(chunks, heap, &chunk) != QV_CHUNK_EMPTY)
		return false;
	memset(&chunk, 0xff, sizeof(chunk));
	return qv_chunks_number(chunks, heap, &chunk) == QV_CHUNK_FULL;
}

static uint32_t *chunk_slot(const struct qv_chunks *chunks, const struct qv_chunk *chunk)
{
	uint32_t at = qv_hash_words(chunk->words, QV_CHUNK_WORDS) & (chunks->slots - 1);

	while (chunks->table[at] &&
	       memcmp(&chunks->all[chunks->table[at] - 1], chunk, sizeof(*chunk)) != 0)
		at = (at + 1) & (chunks->slots - 1);
	return &chunks->table[at];
}

/* Keep the table at most half full. */
static bool widen_chunks(struct qv_chunks *chunks, struct qv_heap *heap)
{
	uint32_t *table;

	if (chunks->count < chunks->slots / 2)
		return true;
	table = qv_heap_take(heap, 2 * (uint64_t)chunks->slots, sizeof(*table));
	if (!table)
		return false;
	qv_heap_drop(heap, chunks->table);
	chunks->table = table;
	chunks->slots *= 2;
	for (uint32_t i = 0; i < chunks->count; i++)
		*chunk_slot(chunks, &chunks->all[i]) = i + 1;
	return true;
}

uint32_t qv_chunks_number(struct qv_chunks *chunks, struct qv_heap *heap,
			  const struct qv_chunk *chunk)
{
	uint32_t *slot = chunk_slot(chunks, chunk);
	struct qv_chunk *all;

	if (*slot)
		return *slot - 1;
	all = qv_heap_reserve(heap, chunks->all, chunks->count, 1, &chunks->room, sizeof(*all));
	if (!all)
		return UINT32_MAX;
	chunks->all = all;
	all[chunks->count++] = *chunk;
	*slot = chunks->count;
	return widen_chunks(chunks, heap) ? chunks->count - 1 : UINT32_MAX;
}

void qv_chunks_forget(struct qv_chunks *chunks, uint32_t count)
{
	chunks->count = count;
	memset(chunks->table, 0, chunks->slots * sizeof(*chunks->table));
	for (uint32_t i = 0; i < count; i++)
		*chunk_slot(chunks, &chunks->all[i]) = i + 1;
}

bool qv_rows_init(struct qv_rows *rows, struct qv_heap *heap, uint32_t chunks)
{
	*rows = (struct qv_rows){
		.slabs = (chunks + QV_SLAB_CHUNKS - 1) / QV_SLAB_CHUNKS,
		.chunks = chunks,
		.slots = FIRST_SLOTS,
	};
	rows->asked = qv_heap_take(heap, rows->slabs, sizeof(*rows->asked));
	rows->table = qv_heap_take(heap, rows->slots, sizeof(*rows->table));
	return rows->asked && rows->table;
}

static bool has_say(const struct qv_rows *rows, uint32_t chunk)
{
	return rows->asked[chunk / QV_SLAB_CHUNKS] >> chunk % QV_SLAB_CHUNKS & 1;
}

static uint32_t hash_vector(const struct qv_rows *rows, const uint32_t *numbers)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < rows->chunks; i++)
		if (has_say(rows, i))
			hash = qv_hash_step(hash, numbers[i]);
	return (uint32_t)(hash >> 32);
}

void qv_rows_vector(const struct qv_rows *rows, uint32_t class, uint32_t *numbers)
{
	for (uint32_t i = 0; i < rows->chunks; i++)
		numbers[i] = has_say(rows, i) ? QV_CHUNK_EMPTY : QV_CHUNK_FULL;
	for (uint32_t slab = 0; slab < rows->slabs; slab++) {
		const struct qv_row *row = &rows->rows[(size_t)class * rows->slabs + slab];
		const uint32_t *next = rows->numbers + row->first;

		for (uint64_t left = row->some & rows->asked[slab]; left; left &= left - 1)
			numbers[slab * QV_SLAB_CHUNKS + (uint32_t)__builtin_ctzll(left)] = *next++;
	}
}

static bool same_vector(const struct qv_rows *rows, uint32_t class, const uint32_t *numbers)
{
	for (uint32_t slab = 0; slab < rows->slabs; slab++) {
		const struct qv_row *row = &rows->rows[(size_t)class * rows->slabs + slab];
		const uint32_t *next = rows->numbers + row->first;
		const uint32_t *those = numbers + (size_t)slab * QV_SLAB_CHUNKS;

		for (uint64_t left = rows->asked[slab]; left; left &= left - 1) {
			const int chunk = __builtin_ctzll(left);
			const bool some = row->some >> chunk & 1;

			if (those[chunk] != (some ? *next : QV_CHUNK_EMPTY))
				return false;
			next += some;
		}
	}
	return true;
}

static uint32_t *free_slot(const struct qv_rows *rows, uint32_t hash)
{
	uint32_t at = hash & (rows->slots - 1);

	while (rows->table[at])
		at = (at + 1) & (rows->slots - 1);
	return &rows->table[at];
}

/* Keep the table at most half full. */
static bool widen_rows(struct qv_rows *rows, struct qv_heap *heap)
{
	uint32_t *table, *numbers;

	if (rows->classes < rows->slots / 2)
		return true;
	table = qv_heap_take(heap, 2 * (uint64_t)rows->slots, sizeof(*table));
	numbers = qv_heap_take(heap, rows->chunks, sizeof(*numbers));
	if (!table || !numbers)
		return false;
	qv_heap_drop(heap, rows->table);
	rows->table = table;
	rows->slots *= 2;
	for (uint32_t i = 0; i < rows->classes; i++) {
		qv_rows_vector(rows, i, numbers);
		*free_slot(rows, hash_vector(rows, numbers)) = i + 1;
	}
	qv_heap_drop(heap, numbers);
	return true;
}

/* Write a new class's row and the numbers of its chunks behind the others. */
static bool add_row(struct qv_rows *rows, struct qv_heap *heap, const uint32_t *numbers)
{
	struct qv_row *list = qv_heap_reserve(heap, rows->rows, rows->classes * rows->slabs,
					      rows->slabs, &rows->room, sizeof(*list));
	uint32_t *all;

	if (!list)
		return false;
	rows->rows = list;
	all = qv_heap_reserve(heap, rows->numbers, rows->number_count, rows->chunks,
			      &rows->number_room, sizeof(*all));
	if (!all)
		return false;
	rows->numbers = all;
	for (uint32_t slab = 0; slab < rows->slabs; slab++) {
		struct qv_row *row = &list[(size_t)rows->classes * rows->slabs + slab];
		const uint32_t *those = numbers + (size_t)slab * QV_SLAB_CHUNKS;

		row->first = rows->number_count;
		row->some = ~rows->asked[slab];
		for (uint64_t left = rows->asked[slab]; left; left &= left - 1) {
			const int chunk = __builtin_ctzll(left);

			if (those[chunk] == QV_CHUNK_EMPTY)
				continue;
			row->some |= UINT64_C(1) << chunk;
			all[rows->number_count++] = those[chunk];
		}
	}
	rows->classes++;
	return true;
}

uint32_t qv_rows_class(struct qv_rows *rows, struct qv_heap *heap, const uint32_t *numbers)
{
	const uint32_t hash = hash_vector(rows, numbers);
	uint32_t at = hash & (rows->slots - 1);

	for (; rows->table[at]; at = (at + 1) & (rows->slots - 1))
		if (same_vector(rows, rows->table[at] - 1, numbers))
			return rows->table[at] - 1;
	if (!add_row(rows, heap, numbers))
		return UINT32_MAX;
	rows->table[at] = rows->classes;
	return widen_rows(rows, heap) ? rows->classes - 1 : UINT32_MAX;
}

void qv_rows_drop(struct qv_rows *rows, struct qv_heap *heap)
{
	qv_heap_drop(heap, rows->asked);
	qv_heap_drop(heap, rows->rows);
	qv_heap_drop(heap, rows->numbers);
	qv_heap_drop(heap, rows->table);
	*rows = (struct qv_rows){ 0 };
}
