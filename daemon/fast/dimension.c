// SPDX-License-Identifier: GPL-2.0
/* Dimensions: see dimension.h. */
#include "dimension.h"

#include <stdlib.h>

enum {
	CANDIDATES_MAX = 128,	/* axes that are counted; a policy with more uses these */
	NO_AXIS = UINT8_MAX,
};

struct candidate {
	struct qv_axis axis;
	uint32_t uses;
	uint8_t chosen;		/* its number among the dimensions, or NO_AXIS */
};

static bool same_axis(const struct qv_axis *a, const struct qv_axis *b)
{
	return a->kind == b->kind && a->field == b->field && a->detail == b->detail;
}

static uint8_t count_use(struct candidate *candidates, uint32_t *count, const struct qv_axis *axis)
{
	uint32_t i = 0;

	while (i < *count && !same_axis(&candidates[i].axis, axis))
		i++;
	if (i == CANDIDATES_MAX)
		return NO_AXIS;
	if (i == *count)
		candidates[(*count)++] = (struct candidate){ *axis, 0, NO_AXIS };
	candidates[i].uses++;
	return (uint8_t)i;
}

/* Give every literal its axis, and the most used axes their dimensions. */
static void choose(struct qv_dimensions *dimensions, const struct qv_program *program,
		   struct qv_clauses *clauses)
{
	struct candidate candidates[CANDIDATES_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < clauses->literal_count; i++) {
		struct qv_literal *literal = &clauses->literals[i];
		struct qv_axis axis;

		qv_axis_of(&axis, program, &program->nodes[literal->node]);
		literal->axis = count_use(candidates, &count, &axis);
	}
	while (dimensions->count < QV_AXES_MAX && dimensions->count < count) {
		struct candidate *best = NULL;

		for (uint32_t i = 0; i < count; i++)
			if (candidates[i].chosen == NO_AXIS &&
			    (!best || candidates[i].uses > best->uses))
				best = &candidates[i];
		best->chosen = (uint8_t)dimensions->count;
		dimensions->all[dimensions->count++].axis = best->axis;
	}
	for (uint32_t i = 0; i < clauses->literal_count; i++) {
		struct qv_literal *literal = &clauses->literals[i];

		if (literal->axis != NO_AXIS)
			literal->axis = candidates[literal->axis].chosen;
		if (literal->axis == NO_AXIS)
			clauses->clauses[literal->clause].exact = false;
	}
}

/* Sort by axis and node, counting: literals of a value come to lie together. */
static bool group_literals(struct qv_dimension *dimension, uint32_t number, struct qv_heap *heap,
			   const struct qv_clauses *clauses, uint32_t *value_of)
{
	uint32_t *ends;

	for (uint32_t i = 0; i < clauses->literal_count; i++) {
		const struct qv_literal *literal = &clauses->literals[i];

		if (literal->axis != number)
			continue;
		if (value_of[literal->node] == UINT32_MAX)
			value_of[literal->node] = dimension->values++;
		dimension->literal_count++;
	}
	dimension->nodes = qv_heap_take(heap, dimension->values, sizeof(*dimension->nodes));
	dimension->literals =
		qv_heap_take(heap, dimension->literal_count, sizeof(*dimension->literals));
	ends = qv_heap_take(heap, (uint64_t)dimension->values + 2, sizeof(*ends));
	dimension->firsts = ends;
	if (!dimension->nodes || !dimension->literals || !ends)
		return false;
	/* Two places on, a value's count; then one place on, where its next literal goes. */
	for (uint32_t i = 0; i < clauses->literal_count; i++)
		if (clauses->literals[i].axis == number)
			ends[value_of[clauses->literals[i].node] + 2]++;
	for (uint32_t value = 0; value < dimension->values; value++)
		ends[value + 2] += ends[value + 1];
	for (uint32_t i = 0; i < clauses->literal_count; i++) {
		const struct qv_literal *literal = &clauses->literals[i];

		if (literal->axis != number)
			continue;
		dimension->nodes[value_of[literal->node]] = literal->node;
		dimension->literals[ends[value_of[literal->node] + 1]++] = i;
	}
	return true;
}

static int compare_edges(const void *a, const void *b)
{
	const struct qv_edge *first = a, *second = b;

	return (first->key > second->key) - (first->key < second->key);
}

/* Count a line's intervals, and at which of them each value's ranges begin and end. */
static void measure(struct qv_dimension *dimension, const struct qv_edges *edges, bool *begun)
{
	qv_wide key = 0;

	for (uint32_t i = 0; i < edges->count; i++) {
		const struct qv_edge *edge = &edges->edges[i];

		if (edge->key != key)
			dimension->intervals++;
		key = edge->key;
		/* Modulo 2^64: what enters without leaving is made up for in the end. */
		if (edge->enters)
			dimension->covers[edge->value] -= dimension->intervals;
		else
			dimension->covers[edge->value] += dimension->intervals;
		if (!begun[edge->value])
			dimension->begins[edge->value] = dimension->intervals;
		begun[edge->value] = true;
	}
	dimension->intervals++;
}

static bool build_edges(struct qv_dimension *dimension, struct qv_heap *heap,
			const struct qv_program *program, struct qv_clauses *clauses)
{
	bool *begun = qv_heap_take(heap, dimension->values, sizeof(*begun));
	uint32_t *within = qv_heap_take(heap, dimension->values, sizeof(*within));

	dimension->begins = qv_heap_take(heap, dimension->values, sizeof(*dimension->begins));
	dimension->covers = qv_heap_take(heap, dimension->values, sizeof(*dimension->covers));
	if (!begun || !within || !dimension->begins || !dimension->covers)
		return false;
	for (uint32_t value = 0; value < dimension->values; value++) {
		const uint32_t literal = dimension->literals[dimension->firsts[value]];

		clauses->rule = clauses->clauses[clauses->literals[literal].clause].rule;
		if (!qv_axis_edges(&dimension->axis, heap, program,
				   &program->nodes[dimension->nodes[value]], value,
				   dimension->edges))
			return false;
	}
	for (int line = 0; line < QV_LINES; line++) {
		const struct qv_edges *edges = &dimension->edges[line];

		if (edges->count)
			qsort(edges->edges, edges->count, sizeof(*edges->edges), compare_edges);
		measure(dimension, edges, begun);
		for (uint32_t i = 0; i < edges->count; i++)
			within[edges->edges[i].value] += edges->edges[i].enters ? 1U : UINT32_MAX;
		for (uint32_t value = 0; value < dimension->values; value++) {
			dimension->covers[value] += (uint64_t)within[value] * dimension->intervals;
			within[value] = 0;
		}
	}
	qv_heap_drop(heap, begun);
	qv_heap_drop(heap, within);
	return true;
}

bool qv_dimensions_build(struct qv_dimensions *dimensions, struct qv_heap *heap,
			 const struct qv_program *program, struct qv_clauses *clauses)
{
	uint32_t *value_of = qv_heap_take(heap, program->node_count, sizeof(*value_of));

	if (!value_of)
		return false;
	choose(dimensions, program, clauses);
	for (uint32_t i = 0; i < dimensions->count; i++) {
		memset(value_of, 0xff, program->node_count * sizeof(*value_of));
		if (!group_literals(&dimensions->all[i], i, heap, clauses, value_of) ||
		    !build_edges(&dimensions->all[i], heap, program, clauses))
			return false;
	}
	qv_heap_drop(heap, value_of);
	return true;
}

void qv_dimensions_drop(struct qv_dimensions *dimensions, struct qv_heap *heap)
{
	for (uint32_t i = 0; i < dimensions->count; i++) {
		struct qv_dimension *dimension = &dimensions->all[i];

		qv_heap_drop(heap, dimension->nodes);
		qv_heap_drop(heap, dimension->firsts);
		qv_heap_drop(heap, dimension->literals);
		for (int line = 0; line < QV_LINES; line++)
			qv_heap_drop(heap, dimension->edges[line].edges);
		qv_heap_drop(heap, dimension->begins);
		qv_heap_drop(heap, dimension->covers);
	}
}
