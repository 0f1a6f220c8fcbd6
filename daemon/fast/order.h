/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The order of clauses in bit vectors. Clauses that the same packets can match should lie in the
 * same few chunks of the vectors, so each goes to the others that are narrow on the same axis,
 * sorted by where on that axis; within a chunk, rules keep their order.
 */
#ifndef QV_ORDER_H
#define QV_ORDER_H

#include "clause.h"
#include "dimension.h"

/* Fill in @places, for each place its clause. */
bool qv_clauses_order(uint32_t *places, struct qv_heap *heap, const struct qv_clauses *clauses,
		      const struct qv_dimensions *dimensions);

#endif
