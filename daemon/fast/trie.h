/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps from the value of a field to its class, made from intervals: a trie for 32-bit numbers (IPv4
 * addresses, marks), pages for small ones (ports), bisection for 128-bit ones (IPv6 addresses,
 * names).
 */
#ifndef QV_TRIE_H
#define QV_TRIE_H

#include <stdbool.h>
#include <stdint.h>

#include "heap.h"

__extension__ typedef unsigned __int128 qv_wide;

/* The classes of a whole domain: of all values from @starts[i] up to the next start. */
struct qv_intervals {
	qv_wide *starts;	/* sorted; the first is 0 */
	uint32_t *classes;
	uint32_t count;
	uint32_t room;
};

/*
 * A trie of 64-way nodes in the manner of Poptrie (Asai and Ohara, SIGCOMM 2015): the first 16 bits
 * index the root, then six bits a node, whose children and runs of equal leaves are told by bits.
 */
struct qv_trie_node {
	uint64_t children;	/* which slots go on */
	uint64_t leaves;	/* at which slots a run of equal leaves begins */
	uint32_t first_child;
	uint32_t first_leaf;
};

#define QV_TRIE_LEAF (UINT32_C(1) << 31)	/* in a root: the rest is a class, not a node */

struct qv_trie {
	uint32_t *roots;
	struct qv_trie_node *nodes;
	uint32_t *leaves;
	uint32_t node_count, node_room;
	uint32_t leaf_count, leaf_room;
};

bool qv_trie_build(struct qv_trie *trie, struct qv_heap *heap,
		   const struct qv_intervals *intervals);

/*
 * A walk down the trie, a step at a time, so that many can take turns and their loads overlap. @at
 * is a node, or a class with QV_TRIE_LEAF: then the walk has ended.
 */
struct qv_trie_walk {
	uint32_t rest;		/* bits of the key, those still to be looked at first */
	uint32_t at;
};

static inline __attribute__((always_inline)) struct qv_trie_walk
qv_trie_begin(const struct qv_trie *trie, uint32_t key)
{
	const struct qv_trie_walk walk = { key << 16, trie->roots[key >> 16] };

	if (!(walk.at & QV_TRIE_LEAF))
		__builtin_prefetch(&trie->nodes[walk.at]);
	return walk;
}

static inline __attribute__((always_inline)) void qv_trie_step(const struct qv_trie *trie,
							       struct qv_trie_walk *walk)
{
	const struct qv_trie_node *node = &trie->nodes[walk->at];
	const uint64_t bit = UINT64_C(1) << (walk->rest >> 26);

	walk->rest <<= 6;
	if (node->children & bit) {
		walk->at = node->first_child +
			   (uint32_t)__builtin_popcountll(node->children & (bit - 1));
		__builtin_prefetch(&trie->nodes[walk->at]);
	} else {
		walk->at = trie->leaves[node->first_leaf - 1 +
					(uint32_t)__builtin_popcountll(node->leaves &
								       (bit | (bit - 1)))] |
			   QV_TRIE_LEAF;
	}
}

static inline __attribute__((always_inline)) uint32_t qv_trie_end(const struct qv_trie *trie,
								  struct qv_trie_walk walk)
{
	while (!(walk.at & QV_TRIE_LEAF))
		qv_trie_step(trie, &walk);
	return walk.at & ~QV_TRIE_LEAF;
}

/* Numbers of up to 16 bits: pages of 256, equal ones shared, so that a few stay in the cache. */
struct qv_pages {
	uint32_t *firsts;	/* of each page: where its classes begin */
	uint32_t *classes;
	uint32_t last;		/* the greatest number */
};

bool qv_pages_build(struct qv_pages *pages, struct qv_heap *heap,
		    const struct qv_intervals *intervals, uint32_t last);

static inline __attribute__((always_inline)) uint32_t qv_pages_find(const struct qv_pages *pages,
								    uint32_t key)
{
	return pages->classes[pages->firsts[key >> 8] + (key & 0xff)];
}

static inline uint32_t qv_intervals_find(const struct qv_intervals *intervals, qv_wide key)
{
	const qv_wide *from = intervals->starts;
	uint32_t count = intervals->count;

	while (count > 1) {
		const uint32_t half = count / 2;

		from += from[half] <= key ? half : 0;
		count -= half;
	}
	return intervals->classes[from - intervals->starts];
}

#endif
