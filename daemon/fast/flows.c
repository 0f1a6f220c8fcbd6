// SPDX-License-Identifier: GPL-2.0
/* The flow cache: see flows.h. A set-associative table of cache lines, compared exactly. */
#include "flows.h"

#include <stdlib.h>
#include <string.h>

#include "siphash.h"

enum {
	WAYS = 4,
	CLASSES_MAX = 8,	/* of a key; an index with more finals goes without */
	KEPT_MAX = 6,		/* candidates */
	TRIAL = 8192,		/* asked so often, the cache is judged */
	TRIAL_HITS = TRIAL / 4,
	REST = 16 * TRIAL,	/* how long it is not asked after a poor trial */
};

struct flow {
	_Alignas(64) uint64_t key[CLASSES_MAX / 2];
	qv_candidate found[KEPT_MAX];
	uint8_t count;
	bool complete;
	bool used;
};

_Static_assert(sizeof(struct flow) == 64, "a flow is a cache line");

struct qv_flows {
	struct qv_siphash_key key;
	uint32_t classes;	/* of a key */
	uint32_t words;
	uint32_t sets;		/* a power of two */
	uint32_t turn;		/* who goes next of a full set */
	uint32_t asked, hits;	/* in this trial */
	uint32_t rest;
	struct flow *flows;
	struct flow *set;	/* where the last question led */
	uint64_t last[CLASSES_MAX / 2];
};

struct qv_flows *qv_flows_new(const struct qv_index *index, uint32_t entries,
			      const uint8_t key[16])
{
	struct qv_flows *flows = calloc(1, sizeof(*flows));

	if (!flows)
		return NULL;
	memcpy(&flows->key, key, sizeof(flows->key));
	flows->classes = index->final_count;
	flows->words = (flows->classes + 1) / 2;
	flows->sets = entries > WAYS ? entries / WAYS : 1;
	if (flows->classes > CLASSES_MAX)
		return flows;	/* never awake */
	flows->flows = aligned_alloc(64, (size_t)flows->sets * WAYS * sizeof(*flows->flows));
	if (!flows->flows) {
		free(flows);
		return NULL;
	}
	memset(flows->flows, 0, (size_t)flows->sets * WAYS * sizeof(*flows->flows));
	return flows;
}

void qv_flows_free(struct qv_flows *flows)
{
	if (!flows)
		return;
	free(flows->flows);
	free(flows);
}

bool qv_flows_awake(struct qv_flows *flows)
{
	if (!flows || !flows->flows)
		return false;
	if (flows->rest) {
		flows->rest--;
		return false;
	}
	if (++flows->asked == TRIAL) {
		flows->rest = flows->hits < TRIAL_HITS ? REST : 0;
		flows->asked = 0;
		flows->hits = 0;
	}
	return true;
}

bool qv_flows_find(struct qv_flows *flows, struct qv_search *search)
{
	memset(flows->last, 0, sizeof(flows->last));
	memcpy(flows->last, search->classes, flows->classes * sizeof(*search->classes));
	flows->set = flows->flows + (qv_siphash(&flows->key, flows->last, flows->words) &
				     (flows->sets - 1)) * WAYS;
	for (int way = 0; way < WAYS; way++) {
		const struct flow *flow = &flows->set[way];

		if (!flow->used || memcmp(flow->key, flows->last, sizeof(flow->key)) != 0)
			continue;
		memcpy(search->found, flow->found, sizeof(flow->found));
		search->count = flow->count;
		search->complete = flow->complete;
		flows->hits++;
		return true;
	}
	return false;
}

void qv_flows_keep(struct qv_flows *flows, const struct qv_search *search)
{
	struct flow *flow = &flows->set[flows->turn++ % WAYS];

	memcpy(flow->key, flows->last, sizeof(flow->key));
	memcpy(flow->found, search->found, sizeof(flow->found));
	flow->count = search->count < KEPT_MAX ? search->count : KEPT_MAX;
	flow->complete = search->complete && search->count <= KEPT_MAX;
	flow->used = true;
}
