/* SPDX-License-Identifier: GPL-2.0 */
/* Conditions: the tree under a rule's "match", and its outcome on a packet. */
#ifndef QV_CONDITION_H
#define QV_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "outcome.h"
#include "pattern.h"
#include "program.h"
#include "scan.h"
#include "set.h"
#include "view.h"

/* What conditions are evaluated with; a thread's own. */
struct qv_evaluator {
	const struct qv_program *program;
	const struct qv_sets *sets;
	const struct qv_patterns *patterns;
	struct qv_finds *finds;	/* of the payload that the views have */
	bool failed;		/* no memory to match a pattern: the outcomes since are worthless */
};

/* The outcome of a node, as Condition.outcome in policy/condition.py. */
qv_outcome qv_condition_outcome(struct qv_evaluator *evaluator, const struct qv_view *view,
				uint32_t node);

/*
 * The outcome of a rule's condition where it can be true; where it cannot, any outcome without
 * QV_TRUE, found sooner.
 */
qv_outcome qv_condition_rule(struct qv_evaluator *evaluator, const struct qv_view *view,
			     uint32_t node);

#endif
