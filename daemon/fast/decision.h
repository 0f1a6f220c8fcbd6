/* SPDX-License-Identifier: GPL-2.0 */
/* A decision: the one thing said of each packet. As Decision in action/decision.py. */
#ifndef QV_DECISION_H
#define QV_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "program.h"

enum qv_reason {
	QV_BY_RULE,
	QV_BY_DEFAULT,
	QV_IS_MALFORMED,
	QV_IS_TRUNCATED,
	QV_ACTION_FAILED,
	QV_IS_UNSUPPORTED,
	QV_INTERNAL,
	QV_IS_QUARANTINED,
	QV_REASONS,
};

struct qv_decision {
	uint8_t verdict;		/* enum qv_verdict, never QV_CONTINUE */
	uint8_t reason;
	bool replaced;			/* @replacement holds; an empty one is a replacement too */
	uint16_t queue;			/* with QV_QUEUE */
	uint32_t rule;			/* index of the rule that decided, or QV_NO_RULE */
	uint32_t mark;
	uint32_t replacement_length;
	const uint8_t *replacement;	/* the whole packet's new bytes, until the next judgement */
	uint32_t log_count;
	const uint32_t *logs;		/* rules on the way that asked to log, in order; as long */
};

#endif
