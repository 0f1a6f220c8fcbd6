// SPDX-License-Identifier: GPL-2.0
/*
 * The simplest thing behind index.h and set.h: every rule in turn, bisection of a set's ranges.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "set.h"

struct qv_index {
	uint32_t rule_count;
};

struct qv_flows {
	uint32_t entries;
};

struct qv_sets {
	const struct qv_program *program;
};

struct qv_index *qv_index_new(const struct qv_program *program, uint64_t memory,
			      struct qv_fault *fault)
{
	struct qv_index *index = memory < sizeof(*index) ? NULL : malloc(sizeof(*index));

	if (index)
		index->rule_count = program->rule_count;
	else
		qv_fault_set(fault, ENOMEM, QV_NO_RULE, "no memory for the index");
	return index;
}

void qv_index_free(struct qv_index *index)
{
	free(index);
}

uint64_t qv_index_memory(const struct qv_index *index)
{
	return sizeof(*index);
}

struct qv_flows *qv_flows_new(const struct qv_index *index, uint32_t entries,
			      const uint8_t key[16])
{
	struct qv_flows *flows = malloc(sizeof(*flows));

	(void)index;
	(void)key;
	if (flows)
		flows->entries = entries;
	return flows;
}

void qv_flows_free(struct qv_flows *flows)
{
	free(flows);
}

void qv_index_begin(const struct qv_index *index, struct qv_flows *flows,
		    const struct qv_view *const *views, size_t count, struct qv_lookup *lookups)
{
	(void)index;
	(void)flows;
	(void)views;
	(void)count;
	(void)lookups;
}

uint32_t qv_index_next(const struct qv_index *index, const struct qv_view *view,
		       struct qv_lookup *lookup, uint32_t from, bool *certain)
{
	(void)view;
	(void)lookup;
	*certain = false;
	return from < index->rule_count ? from : QV_NO_RULE;
}

struct qv_sets *qv_sets_new(const struct qv_program *program, uint64_t memory,
			    struct qv_fault *fault)
{
	struct qv_sets *sets = memory < sizeof(*sets) ? NULL : malloc(sizeof(*sets));

	if (sets)
		sets->program = program;
	else
		qv_fault_set(fault, ENOMEM, QV_NO_RULE, "no memory for the sets");
	return sets;
}

void qv_sets_free(struct qv_sets *sets)
{
	free(sets);
}

uint64_t qv_sets_memory(const struct qv_sets *sets)
{
	return sizeof(*sets);
}

static bool have4(const struct qv_range4 *ranges, uint32_t count, const uint8_t *address)
{
	const uint32_t number = qv_load32(address);
	uint32_t low = 0, high = count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (ranges[middle].low <= number)
			low = middle + 1;
		else
			high = middle;
	}
	return low && number <= ranges[low - 1].high;
}

static bool have6(const struct qv_range6 *ranges, uint32_t count, const uint8_t *address)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (memcmp(ranges[middle].low, address, 16) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low && memcmp(address, ranges[low - 1].high, 16) <= 0;
}

bool qv_sets_have(const struct qv_sets *sets, uint32_t set, const uint8_t *address, uint32_t size)
{
	const struct qv_program *program = sets->program;
	const struct qv_set *one = &program->sets[set];

	if (size == 4)
		return have4(program->ranges4 + one->first4, one->count4, address);
	return have6(program->ranges6 + one->first6, one->count6, address);
}
