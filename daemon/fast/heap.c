// SPDX-License-Identifier: GPL-2.0
/* Memory under a cap: see heap.h. */
#include "heap.h"

#include <stdlib.h>
#include <string.h>

/* Stands before what is handed out, and takes a cache line so that that begins on one. */
struct qv_block {
	_Alignas(64) struct qv_block *next;
	struct qv_block *previous;
	uint64_t size;		/* of the whole block */
};

static struct qv_block *block_of(void *items)
{
	return (struct qv_block *)items - 1;
}

void *qv_heap_take(struct qv_heap *heap, uint64_t count, size_t size)
{
	const uint64_t most = UINT64_MAX / 4;
	struct qv_block *block;
	uint64_t whole;

	if (size && count > most / size) {
		heap->over = true;
		return NULL;
	}
	whole = sizeof(*block) + (count * size + 63) / 64 * 64;
	if (heap->used > heap->limit || whole > heap->limit - heap->used) {
		heap->over = true;
		return NULL;
	}
	block = aligned_alloc(64, whole);
	if (!block)
		return NULL;
	memset(block, 0, whole);
	block->size = whole;
	block->next = heap->blocks;
	if (block->next)
		block->next->previous = block;
	heap->blocks = block;
	heap->used += whole;
	return block + 1;
}

void *qv_heap_grow(struct qv_heap *heap, void *old, uint64_t count, size_t size)
{
	void *new = qv_heap_take(heap, count, size);

	if (new && old) {
		memcpy(new, old, block_of(old)->size - sizeof(struct qv_block));
		qv_heap_drop(heap, old);
	}
	return new;
}

void *qv_heap_reserve(struct qv_heap *heap, void *items, uint32_t count, uint32_t more,
		      uint32_t *room, size_t size)
{
	const uint64_t need = (uint64_t)count + more;
	uint64_t wanted = *room ? *room : 64;
	void *grown;

	if (items && need <= *room)
		return items;
	while (wanted < need)
		wanted *= 2;
	if (wanted > INT32_MAX) {
		heap->over = true;
		return NULL;
	}
	grown = qv_heap_grow(heap, items, wanted, size);
	if (grown)
		*room = (uint32_t)wanted;
	return grown;
}

void qv_heap_drop(struct qv_heap *heap, void *items)
{
	struct qv_block *block;

	if (!items)
		return;
	block = block_of(items);
	if (block->next)
		block->next->previous = block->previous;
	if (block->previous)
		block->previous->next = block->next;
	else
		heap->blocks = block->next;
	heap->used -= block->size;
	free(block);
}

void qv_heap_clear(struct qv_heap *heap)
{
	struct qv_block *next;

	for (struct qv_block *block = heap->blocks; block; block = next) {
		next = block->next;
		free(block);
	}
	heap->blocks = NULL;
	heap->used = 0;
}
