/* SPDX-License-Identifier: GPL-2.0 */
/* Between engine.c, which builds, and judge.c, which runs. */
#ifndef QV_LANE_H
#define QV_LANE_H

#include "condition.h"
#include "engine.h"
#include "index.h"
#include "rewrite.h"
#include "set.h"

/* Packets decoded and looked up together: enough for their loads to overlap, few for the cache. */
enum { QV_LANE_PACKETS = 64 };

/*
 * What a rule does, in four bytes: of a rule that only gives its verdict, a decision reads nothing
 * else.
 */
struct qv_deed {
	uint8_t verdict;
	bool acts;		/* logs, marks or rewrites */
	uint16_t queue;
};

/* The first rule that may match a packet. */
struct qv_candidate {
	uint32_t rule;		/* or QV_NO_RULE */
	bool certain;		/* it does match */
};

/* One thread's workspace. */
struct qv_lane {
	const struct qv_engine *engine;
	struct qv_flows *flows;		/* NULL: none */
	struct qv_rule_count *counts;	/* one a rule */
	uint32_t *logs;			/* room for every rule that logs */
	struct qv_evaluator evaluator;
	struct qv_rewriter rewriter;	/* its desk is empty if the program has no rewrites */
	enum qv_decoded decoded[QV_LANE_PACKETS];
	const struct qv_view *judged[QV_LANE_PACKETS];	/* NULL: could not be decoded */
	struct qv_view views[QV_LANE_PACKETS];
	struct qv_lookup lookups[QV_LANE_PACKETS];
	struct qv_candidate candidates[QV_LANE_PACKETS];
};

struct qv_engine {
	struct qv_program program;
	struct qv_deed *deeds;		/* one a rule */
	struct qv_sets *sets;
	struct qv_scans *scans;
	struct qv_patterns *patterns;
	struct qv_index *index;
	uint64_t memory;
	unsigned int lane_count;
	struct qv_lane *lanes;
};

#endif
