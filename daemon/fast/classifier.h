/* SPDX-License-Identifier: GPL-2.0 */
/* Between index.c, which builds the index, lookup.c, which looks into it, and flows.c. */
#ifndef QV_CLASSIFIER_H
#define QV_CLASSIFIER_H

#include "axis.h"
#include "heap.h"
#include "index.h"
#include "rows.h"
#include "trie.h"

/* From a packet's field to its class: see trie.h for the maps. */
struct qv_reader {
	struct qv_axis axis;
	uint32_t absent;
	uint32_t hidden;
	struct qv_trie trie;		/* QV_AXIS_WORD, and IPv4 addresses */
	struct qv_pages pages;		/* QV_AXIS_SMALL, QV_AXIS_MEMBER */
	struct qv_intervals broad;	/* the others */
};

/* A table of pairs: see cross.h. */
struct qv_pairs {
	const uint32_t *table;
	uint32_t width;
	uint8_t first, second, result;	/* slots */
};

/* What is left to be intersected when all classes are known. */
struct qv_final {
	const struct qv_row *rows;
	const uint64_t *asked;
	const uint32_t *numbers;
	uint8_t slot;
};

/* The rules of a chunk's clauses, to pass over those that are out of question. */
struct qv_span {
	uint32_t low, high;
};

/* A rule that may match, and in the lowest bit whether that is not sure: the least is the best. */
typedef uint32_t qv_candidate;
#define QV_NO_CANDIDATE UINT32_MAX	/* after all rules */
#define QV_RULES_MAX (UINT32_MAX / 2)

static inline uint32_t qv_candidate_rule(qv_candidate candidate)
{
	return candidate / 2;
}

static inline bool qv_candidate_sure(qv_candidate candidate)
{
	return !(candidate & 1);
}

enum { QV_FOUND_MAX = 14 };

/* Where a search stands: what struct qv_lookup holds. */
struct __attribute__((may_alias)) qv_search {
	_Alignas(64) uint32_t classes[QV_AXES_MAX];	/* of the finals */
	qv_candidate found[QV_FOUND_MAX];	/* the first from some rule on, in order */
	uint8_t count;
	bool complete;				/* there are no more than these */
	bool hidden;				/* a field was cut: nothing is sure */
};

typedef void qv_begin(const struct qv_index *index, struct qv_flows *flows,
		      const struct qv_view *const *views, size_t count, struct qv_search *searches);
typedef void qv_collect(const struct qv_index *index, struct qv_search *search, uint32_t from);

/* The same code, compiled for different processors. */
struct qv_lookups {
	qv_begin *begin;
	qv_collect *collect;	/* find the first QV_FOUND_MAX candidates from a rule on */
};

/* Return that of a level, or NULL if this processor is not so new. */
const struct qv_lookups *qv_lookups_of(enum qv_processor level);

struct qv_index {
	struct qv_heap heap;
	const struct qv_lookups *lookups;
	const struct qv_sets *sets;
	uint32_t reader_count, pair_count, final_count;
	uint32_t slabs;
	struct qv_reader *readers;	/* reader N fills slot N */
	struct qv_pairs *pairs;
	struct qv_final finals[QV_AXES_MAX];
	const struct qv_chunk *chunks;
	uint32_t places;
	const qv_candidate *candidates;	/* of each place, and at its end none */
	const struct qv_span *spans;	/* of each chunk of places */
	const uint64_t *whole;		/* of each slab: the chunks that there are */
};

#endif
