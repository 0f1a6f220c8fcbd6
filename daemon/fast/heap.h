/* SPDX-License-Identifier: GPL-2.0 */
/* Memory under a cap, all of it given back at once: whatever fails half way leaves nothing behind. */
#ifndef QV_HEAP_H
#define QV_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qv_block;

struct qv_heap {
	struct qv_block *blocks;
	uint64_t used;		/* bytes, the blocks' own heads included */
	uint64_t limit;
	bool over;		/* a request was refused for the limit, not for want of memory */
};

/* Return @count zeroed items of @size bytes, on a cache line of their own; NULL if there are none. */
void *qv_heap_take(struct qv_heap *heap, uint64_t count, size_t size);
/* Return @old (NULL: nothing) made as large, what is new of it zeroed. NULL leaves @old as it is. */
void *qv_heap_grow(struct qv_heap *heap, void *old, uint64_t count, size_t size);
/*
 * Return @items, of which there is *@room, with room for @more behind the first @count; grown at
 * least twofold where need be. NULL leaves them as they are.
 */
void *qv_heap_reserve(struct qv_heap *heap, void *items, uint32_t count, uint32_t more,
		      uint32_t *room, size_t size);
/* Give one back; NULL is allowed. */
void qv_heap_drop(struct qv_heap *heap, void *items);
/* Give all back. */
void qv_heap_clear(struct qv_heap *heap);

#endif
