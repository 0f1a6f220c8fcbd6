// SPDX-License-Identifier: GPL-2.0
/* The order of clauses: see order.h. */
#include "order.h"

#include <stdlib.h>

#include "rows.h"

/* A clause that covers more than this part of every axis is narrow on none. */
#define WIDE 0.25

struct rank {
	uint32_t group;		/* the axis it is narrowest on, or QV_AXES_MAX */
	uint32_t begin;		/* where on that */
	uint32_t clause;	/* in the order of rules */
};

static double part_covered(const struct qv_dimension *dimension, uint32_t value, bool negated)
{
	const double covered = (double)dimension->covers[value] / dimension->intervals;

	return negated ? 1 - covered : covered;
}

static void rank_on(struct rank *ranks, double *narrowest, const struct qv_dimension *dimension,
		    uint32_t number, const struct qv_clauses *clauses)
{
	for (uint32_t value = 0; value < dimension->values; value++) {
		for (uint32_t i = dimension->firsts[value]; i < dimension->firsts[value + 1]; i++) {
			const struct qv_literal *literal =
				&clauses->literals[dimension->literals[i]];
			const double part = part_covered(dimension, value, literal->negated);

			if (part >= narrowest[literal->clause])
				continue;
			narrowest[literal->clause] = part;
			ranks[literal->clause].group = number;
			ranks[literal->clause].begin = dimension->begins[value];
		}
	}
}

static int compare_ranks(const void *a, const void *b)
{
	const struct rank *first = a, *second = b;

	if (first->group != second->group)
		return first->group < second->group ? -1 : 1;
	if (first->begin != second->begin)
		return first->begin < second->begin ? -1 : 1;
	return (first->clause > second->clause) - (first->clause < second->clause);
}

static int compare_clauses(const void *a, const void *b)
{
	const uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;

	return (first > second) - (first < second);
}

bool qv_clauses_order(uint32_t *places, struct qv_heap *heap, const struct qv_clauses *clauses,
		      const struct qv_dimensions *dimensions)
{
	struct rank *ranks = qv_heap_take(heap, clauses->count, sizeof(*ranks));
	double *narrowest = qv_heap_take(heap, clauses->count, sizeof(*narrowest));

	if (!ranks || !narrowest)
		return false;
	for (uint32_t i = 0; i < clauses->count; i++) {
		ranks[i] = (struct rank){ .group = QV_AXES_MAX, .clause = i };
		narrowest[i] = WIDE;
	}
	for (uint32_t i = 0; i < dimensions->count; i++)
		rank_on(ranks, narrowest, &dimensions->all[i], i, clauses);
	qsort(ranks, clauses->count, sizeof(*ranks), compare_ranks);
	for (uint32_t i = 0; i < clauses->count; i++)
		places[i] = ranks[i].clause;
	for (uint32_t i = 0; i < clauses->count; i += QV_CHUNK_BITS) {
		const uint32_t left = clauses->count - i;

		qsort(places + i, left < QV_CHUNK_BITS ? left : QV_CHUNK_BITS, sizeof(*places),
		      compare_clauses);
	}
	qv_heap_drop(heap, ranks);
	qv_heap_drop(heap, narrowest);
	return true;
}
