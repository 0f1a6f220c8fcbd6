/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clauses: what a rule's condition asks, as lists of tests on single fields. A rule can match only
 * where all tests of one of its clauses can be true.
 *
 * That is exact in the logic of outcome.h: "all" can be true where each part can, "any" where one
 * can, and a negated part where the part can be false. So a condition is brought into negation
 * normal form, then into a disjunction of clauses.
 */
#ifndef QV_CLAUSE_H
#define QV_CLAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "heap.h"
#include "program.h"

/* A test that a clause asks to come out true, or false if it is negated. */
struct qv_literal {
	uint32_t clause;
	uint32_t node;		/* a test on a field that the index knows: see qv_axis_of */
	uint8_t axis;
	bool negated;
};

struct qv_clause {
	uint32_t rule;
	uint32_t first;		/* literal */
	uint32_t literals;
	bool exact;		/* nothing was left out: where all are true, the condition is */
};

struct qv_clauses {
	struct qv_clause *clauses;
	struct qv_literal *literals;
	uint32_t count, room;
	uint32_t literal_count, literal_room;
	uint32_t rule;		/* that is being looked at: to blame if memory ends */
};

bool qv_clauses_build(struct qv_clauses *clauses, struct qv_heap *heap,
		      const struct qv_program *program);

#endif
