// SPDX-License-Identifier: GPL-2.0
/* Maps from values to classes: see trie.h. */
#include "trie.h"

#include <string.h>

enum {
	ROOTS = 1 << 16,
	SLOTS = 64,
	PAGE = 256,
};

static bool add_leaf(struct qv_trie *trie, struct qv_heap *heap, uint32_t class)
{
	uint32_t *leaves = qv_heap_reserve(heap, trie->leaves, trie->leaf_count, 1,
					   &trie->leaf_room, sizeof(*leaves));

	if (!leaves)
		return false;
	trie->leaves = leaves;
	trie->leaves[trie->leaf_count++] = class;
	return true;
}

static bool add_nodes(struct qv_trie *trie, struct qv_heap *heap, uint32_t more)
{
	struct qv_trie_node *nodes = qv_heap_reserve(heap, trie->nodes, trie->node_count, more,
						     &trie->node_room, sizeof(*nodes));

	if (!nodes)
		return false;
	trie->nodes = nodes;
	trie->node_count += more;
	return true;
}

/* Whether all values from @low up to @high lie in the interval @at, which has @low. */
static bool uniform(const struct qv_intervals *intervals, uint32_t at, uint32_t high)
{
	return at + 1 == intervals->count || intervals->starts[at + 1] > high;
}

static void advance(const struct qv_intervals *intervals, uint32_t *at, uint32_t low)
{
	while (*at + 1 < intervals->count && intervals->starts[*at + 1] <= low)
		++*at;
}

/*
 * Fill in the node @index for the values from @low on, whose first lies in the interval @at. A slot
 * is 1 << @shift values; the last level has only 16 slots' worth of bits, so four slots are alike.
 */
static bool build_node(struct qv_trie *trie, struct qv_heap *heap,
		       const struct qv_intervals *intervals, uint32_t index, uint32_t low,
		       int shift, uint32_t at)
{
	struct qv_trie_node node = { .first_leaf = trie->leaf_count };
	uint32_t starts[SLOTS], lows[SLOTS], child = 0;
	uint32_t last = 0;

	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		const uint64_t bit = UINT64_C(1) << slot;

		lows[slot] = low + (shift >= 0 ? slot << shift : slot >> -shift);
		advance(intervals, &at, lows[slot]);
		starts[slot] = at;
		if (shift > 0 &&
		    !uniform(intervals, at, lows[slot] + ((UINT32_C(1) << shift) - 1))) {
			node.children |= bit;
		} else if (!node.leaves || intervals->classes[at] != last) {
			last = intervals->classes[at];
			node.leaves |= bit;
			if (!add_leaf(trie, heap, last))
				return false;
		}
	}
	node.first_child = trie->node_count;
	if (!add_nodes(trie, heap, (uint32_t)__builtin_popcountll(node.children)))
		return false;
	trie->nodes[index] = node;
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		if (!(node.children >> slot & 1))
			continue;
		if (!build_node(trie, heap, intervals, node.first_child + child++, lows[slot],
				shift - 6, starts[slot]))
			return false;
	}
	return true;
}

bool qv_trie_build(struct qv_trie *trie, struct qv_heap *heap,
		   const struct qv_intervals *intervals)
{
	uint32_t at = 0;

	trie->roots = qv_heap_take(heap, ROOTS, sizeof(*trie->roots));
	if (!trie->roots)
		return false;
	for (uint32_t root = 0; root < ROOTS; root++) {
		const uint32_t low = root << 16;

		advance(intervals, &at, low);
		if (uniform(intervals, at, low | 0xffff)) {
			trie->roots[root] = QV_TRIE_LEAF | intervals->classes[at];
			continue;
		}
		trie->roots[root] = trie->node_count;
		if (!add_nodes(trie, heap, 1) ||
		    !build_node(trie, heap, intervals, trie->roots[root], low, 10, at))
			return false;
	}
	return true;
}

bool qv_pages_build(struct qv_pages *pages, struct qv_heap *heap,
		    const struct qv_intervals *intervals, uint32_t last)
{
	const uint32_t count = last / PAGE + 1;
	uint32_t page[PAGE], made = 0, room = 0, at = 0;

	pages->last = last;
	pages->firsts = qv_heap_take(heap, count, sizeof(*pages->firsts));
	if (!pages->firsts)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t same = 0;

		for (uint32_t slot = 0; slot < PAGE; slot++) {
			advance(intervals, &at, i * PAGE + slot);
			page[slot] = intervals->classes[at];
		}
		while (same < made && memcmp(pages->classes + (size_t)same * PAGE, page,
					     sizeof(page)) != 0)
			same++;
		if (same == made) {
			uint32_t *classes = qv_heap_reserve(heap, pages->classes, made * PAGE, PAGE,
							    &room, sizeof(*classes));

			if (!classes)
				return false;
			pages->classes = classes;
			memcpy(pages->classes + (size_t)made++ * PAGE, page, sizeof(page));
		}
		pages->firsts[i] = same * PAGE;
	}
	return true;
}
