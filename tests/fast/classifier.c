// SPDX-License-Identifier: GPL-2.0
/*
 * The index held to a walk over all rules, and sets' lookups to a walk over all ranges: random
 * programs, random packets, every processor's code, with and without a flow cache. Prints nothing;
 * ends with 1 and a line at the first difference.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "condition.h"
#include "engine.h"
#include "index.h"
#include "rules.h"
#include "set.h"

enum { PACKETS = 200, FLOWS = 256 };

struct packets {
	struct qv_packet packets[PACKETS];
	uint8_t data[PACKETS][PACKET];
	struct qv_view views[PACKETS];
	const struct qv_view *judged[PACKETS];
	struct qv_lookup lookups[PACKETS];
};

static struct rules rules;
static struct packets packets;

static void fail(const char *what, size_t first, size_t second)
{
	fprintf(stderr, "classifier: %s: %zu, %zu\n", what, first, second);
	exit(1);
}

static void draw_packets(void)
{
	for (size_t i = 0; i < PACKETS; i++) {
		struct qv_packet *packet = &packets.packets[i];

		if (i && !drawn(4)) {	/* the same again */
			*packet = packets.packets[i - 1];
			packets.views[i] = packets.views[i - 1];
			packets.judged[i] = packets.judged[i - 1] ? &packets.views[i] : NULL;
			continue;
		}
		draw_packet(packet, packets.data[i]);
		packets.judged[i] = qv_decode(&packets.views[i], packet, packet->data,
					      packet->caplen, packet->length) == QV_DECODED
					    ? &packets.views[i]
					    : NULL;
	}
}

/* Ask for every candidate of a packet; all rules that may be true must be among them. */
static size_t check_packet(struct qv_evaluator *evaluator, const struct qv_index *index, size_t i)
{
	uint32_t from = 0;
	size_t matches = 0;

	for (;;) {
		bool certain = false;
		const uint32_t next = qv_index_next(index, &packets.lookups[i], from, &certain);
		const uint32_t stop = next == QV_NO_RULE ? rules.program.rule_count : next;

		if (next != QV_NO_RULE && (next < from || next >= rules.program.rule_count))
			fail("not in order", from, next);
		for (uint32_t rule = from; rule < stop; rule++)
			if (qv_condition_outcome(evaluator, &packets.views[i],
						 rules.rules[rule].condition) & QV_TRUE)
				fail("passed over", i, rule);
		if (next == QV_NO_RULE)
			return matches;
		if (certain && qv_condition_outcome(evaluator, &packets.views[i],
						    rules.rules[next].condition) != QV_TRUE)
			fail("not certain", i, next);
		matches += certain;
		from = next + 1;
	}
}

static size_t check_packets(struct qv_evaluator *evaluator, const struct qv_index *index,
			    struct qv_flows *flows)
{
	size_t matches = 0;

	memset(packets.lookups, 0xa5, sizeof(packets.lookups));
	qv_index_begin(index, flows, packets.judged, PACKETS, packets.lookups);
	for (size_t i = 0; i < PACKETS; i++)
		if (packets.judged[i])
			matches += check_packet(evaluator, index, i);
	return matches;
}

static void check_program(uint32_t count, int depth)
{
	static const uint8_t key[16] = { 7 };
	struct qv_fault fault;
	struct qv_sets *sets;
	struct qv_index *index;
	struct qv_flows *flows;
	size_t matches = 0;

	draw_rules(&rules, count, depth);
	sets = qv_sets_new(&rules.program, QV_MEMORY_DEFAULT, &fault);
	index = sets ? qv_index_new(&rules.program, sets, QV_MEMORY_DEFAULT, &fault) : NULL;
	flows = index ? qv_flows_new(index, FLOWS, key) : NULL;
	if (!flows)
		fail("not built", count, (size_t)depth);
	for (int level = 0; level < QV_PROCESSORS; level++) {
		struct qv_evaluator evaluator = { .program = &rules.program, .sets = sets };

		if (!qv_index_choose(index, (enum qv_processor)level))
			continue;
		draw_packets();
		matches += check_packets(&evaluator, index, NULL);
		check_packets(&evaluator, index, flows);
		check_packets(&evaluator, index, flows);	/* now it knows them */
	}
	if (count > 50 && !matches)
		fail("nothing is certain", count, (size_t)depth);
	qv_flows_free(flows);
	qv_index_free(index);
	qv_sets_free(sets);
}

/* Memory that ends anywhere leaves nothing behind, and is said so. */
static void check_limits(void)
{
	uint64_t limit = 0;
	struct qv_fault fault;
	struct qv_index *index;
	struct qv_sets *sets;
	size_t blamed = 0;

	draw_rules(&rules, 600, 2);
	sets = qv_sets_new(&rules.program, QV_MEMORY_DEFAULT, &fault);
	if (!sets)
		fail("no sets", 0, 0);
	while (!(index = qv_index_new(&rules.program, sets, limit, &fault))) {
		if (fault.error != E2BIG)
			fail("another error", (size_t)fault.error, (size_t)limit);
		blamed += fault.rule != QV_NO_RULE;
		limit += 1 + limit / 40;
	}
	if (!blamed || qv_index_memory(index) > limit)
		fail("limit", blamed, (size_t)limit);
	qv_index_free(index);
	qv_sets_free(sets);
}

int main(void)
{
	for (uint32_t round = 0; round < 60; round++)
		check_program(1 + (uint32_t)drawn(round < 40 ? 40 : 2500), (int)drawn(5));
	check_program(RULES_MOST - 1, 0);
	check_limits();
	return 0;
}
