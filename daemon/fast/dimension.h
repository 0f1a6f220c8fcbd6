/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Dimensions: an axis while the index is being built, with the tests that are made on it, the
 * literals that ask for them, and the edges of their ranges in the order of the line.
 */
#ifndef QV_DIMENSION_H
#define QV_DIMENSION_H

#include "axis.h"
#include "clause.h"

struct qv_dimension {
	struct qv_axis axis;
	uint32_t values;		/* tests, each a node */
	uint32_t *nodes;		/* of each value */
	uint32_t *firsts;		/* of each value, and one more: where its literals begin */
	uint32_t *literals;		/* by value */
	uint32_t literal_count;
	struct qv_edges edges[QV_LINES];	/* sorted by key */
	/* How the line is cut up by all edges, for qv_clauses_order: */
	uint32_t intervals;
	uint32_t *begins;		/* of each value: the interval it begins with */
	uint64_t *covers;		/* of each value: how many intervals it covers */
};

struct qv_dimensions {
	struct qv_dimension all[QV_AXES_MAX];
	uint32_t count;
};

/*
 * Choose the axes, those asked for most, and sort out what is asked of each. A literal on another
 * axis leaves its clause, which is not exact then.
 */
bool qv_dimensions_build(struct qv_dimensions *dimensions, struct qv_heap *heap,
			 const struct qv_program *program, struct qv_clauses *clauses);
void qv_dimensions_drop(struct qv_dimensions *dimensions, struct qv_heap *heap);

#endif
