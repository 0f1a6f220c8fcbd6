/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sweep: along an axis's line, from edge to edge, with the clauses that are possible there. Each
 * distinct state is a class; the line becomes intervals of classes.
 */
#ifndef QV_SWEEP_H
#define QV_SWEEP_H

#include "dimension.h"
#include "rows.h"

/* Where each clause's bit is, and each bit's clause. */
struct qv_places {
	uint32_t count;
	uint32_t chunks;
	uint32_t *clause_at;
	uint32_t *place_of;
};

struct qv_swept {
	struct qv_rows rows;
	struct qv_intervals lines[QV_LINES];
	uint32_t absent;	/* class of packets without the field */
	uint32_t hidden;	/* class of packets whose field the cut took: nothing is ruled out */
};

bool qv_sweep(struct qv_swept *swept, struct qv_heap *heap, struct qv_chunks *chunks,
	      const struct qv_dimension *dimension, struct qv_clauses *clauses,
	      const struct qv_places *places);

#endif
