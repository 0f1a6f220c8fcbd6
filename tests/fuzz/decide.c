// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzing target: whatever the input, the verifier refuses the program or the engine decides
 * every packet as the naive walk does. See input.h for what an input is.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "index.h"
#include "input.h"
#include "insist.h"
#include "lane.h"
#include "naive.h"

enum {
	MEMORY = 64 << 20,
	MOST_WORK = 1 << 20,	/* nodes that an input's packets may meet */
	LANES = 2,
};

#define NOW UINT64_C(1700000000000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was done, told at the end: a corpus of refused programs alone would prove nothing. */
static struct {
	unsigned long programs, refused, packets;
} done;

/* What must come of each packet, and how far the engine has come. */
struct expected {
	const struct packets *packets;
	struct naive_decision decisions[INPUT_PACKETS];
	size_t count;		/* packets that are judged */
	size_t first;		/* of them, of the batch */
	size_t seen;		/* decisions in it so far */
};

static void compare(const struct naive_decision *want, const struct qv_decision *got, size_t at)
{
	INSIST(got->reason == want->reason, "packet %zu: reason %u, not %u", at, got->reason,
	       want->reason);
	INSIST(got->verdict == want->verdict, "packet %zu: verdict %u, not %u", at, got->verdict,
	       want->verdict);
	INSIST(got->rule == want->rule, "packet %zu: rule %u, not %u", at, got->rule, want->rule);
	INSIST(got->mark == want->mark, "packet %zu: mark %x, not %x", at, got->mark, want->mark);
	INSIST(got->verdict != QV_QUEUE || got->queue == want->queue,
	       "packet %zu: queue %u, not %u", at, got->queue, want->queue);
	INSIST(got->log_count == want->log_count, "packet %zu: %u logs, not %u", at,
	       got->log_count, want->log_count);
	for (uint32_t i = 0; i < want->log_count; i++)
		INSIST(got->logs[i] == want->logs[i], "packet %zu: log %u by rule %u, not %u", at,
		       i, got->logs[i], want->logs[i]);
	INSIST(got->replaced == want->replaced, "packet %zu: replaced %d, not %d", at,
	       got->replaced, want->replaced);
	if (!want->replaced)
		return;
	INSIST(got->replacement_length == want->replacement_length,
	       "packet %zu: replaced by %u bytes, not %zu", at, got->replacement_length,
	       want->replacement_length);
	for (size_t i = 0; i < want->replacement_length; i++)
		INSIST(got->replacement[i] == want->replacement[i],
		       "packet %zu: byte %zu is %02x, not %02x", at, i, got->replacement[i],
		       want->replacement[i]);
}

static void decided(void *context, const struct qv_packet *packet,
		    const struct qv_decision *decision)
{
	struct expected *expected = context;
	size_t at = expected->first + expected->seen++;

	INSIST(packet == &expected->packets->packet[at], "packet %zu: told of another", at);
	compare(&expected->decisions[at], decision, at);
}

static void judge(struct qv_lane *lane, struct expected *expected, size_t first, size_t count)
{
	expected->first = first;
	expected->seen = 0;
	qv_judge(lane, expected->packets->packet + first, count, NOW, decided, expected);
	INSIST(expected->seen == count, "%zu decisions on %zu packets", expected->seen, count);
}

/* A lane that has judged all packets @times has counted each so often at its rule. */
static void compare_counts(const struct qv_program *program, const struct qv_lane *lane,
			   const struct expected *expected, uint64_t times)
{
	const struct qv_rule_count *counts = qv_lane_counts(lane);

	for (uint32_t rule = 0; rule < program->rule_count; rule++) {
		uint64_t packets = 0, octets = 0;

		for (size_t i = 0; i < expected->count; i++) {
			if (expected->decisions[i].rule == rule) {
				packets += times;
				octets += times * expected->packets->packet[i].length;
			}
		}
		INSIST(counts[rule].packets == packets, "rule %u: %" PRIu64 " packets, not %"
		       PRIu64, rule, (uint64_t)counts[rule].packets, packets);
		INSIST(counts[rule].octets == octets, "rule %u: %" PRIu64 " octets, not %" PRIu64,
		       rule, (uint64_t)counts[rule].octets, octets);
		INSIST(counts[rule].last == (packets ? NOW : 0), "rule %u: last at %" PRIu64, rule,
		       (uint64_t)counts[rule].last);
	}
}

/* How many packets may be judged before a program of many shared nodes takes too long. */
static size_t affordable(const struct qv_program *program, size_t count)
{
	uint64_t *parts = naive_alloc(program->node_count * sizeof(*parts)), all = 1;

	for (uint32_t i = 0; i < program->node_count; i++) {
		const struct qv_node *node = &program->nodes[i];

		parts[i] = 1;
		if (node->op == QV_NOT)
			parts[i] += parts[node->first];
		for (uint32_t j = 0; node->op <= QV_ANY && j < node->count; j++)
			parts[i] += parts[program->children[node->first + j]];
	}
	for (uint32_t i = 0; i < program->rule_count; i++)
		all += parts[program->rules[i].condition];
	free(parts);
	return all * count <= MOST_WORK ? count : (size_t)(MOST_WORK / all);
}

/* Judge all packets; returns how many there were. */
static size_t compare_all(struct qv_engine *engine, const struct qv_program *program,
			  const struct qv_patterns *patterns, const struct packets *packets)
{
	struct expected *expected = naive_alloc(sizeof(*expected));
	size_t count;

	expected->packets = packets;
	expected->count = affordable(program, packets->count);
	for (size_t i = 0; i < expected->count; i++)
		naive_decide(program, patterns, &packets->packet[i], &expected->decisions[i]);
	/*
	 * Together, and again with what the flow cache remembers; then one by one, as an older
	 * processor would.
	 */
	judge(qv_engine_lane(engine, 0), expected, 0, expected->count);
	judge(qv_engine_lane(engine, 0), expected, 0, expected->count);
	INSIST(qv_index_choose(engine->index, QV_ANY_PROCESSOR), "no lookups for any processor");
	for (size_t i = 0; i < expected->count; i++)
		judge(qv_engine_lane(engine, 1), expected, i, 1);
	compare_counts(program, qv_engine_lane(engine, 0), expected, 2);
	compare_counts(program, qv_engine_lane(engine, 1), expected, 1);
	for (size_t i = 0; i < expected->count; i++) {
		free(expected->decisions[i].logs);
		free(expected->decisions[i].replacement);
	}
	count = expected->count;
	free(expected);
	return count;
}

static void tell(void)
{
	fprintf(stderr, "decide: %lu programs, %lu refused, %lu packets\n", done.programs,
		done.refused, done.packets);
}

static void run(const uint8_t *bytes, size_t size, uint8_t options, struct source *source)
{
	struct qv_limits limits = { .memory = MEMORY };
	struct qv_patterns *patterns;
	struct qv_program program;
	struct qv_engine *engine;
	struct packets packets;
	struct qv_fault fault;
	int refused;

	if (options & INPUT_FLOWS)
		limits.cached_flows = options & INPUT_FEW_FLOWS ? 2 : 1024;
	memset(&fault, 0, sizeof(fault));
	refused = qv_program_verify(&program, bytes, size, &fault);
	INSIST(!refused || fault.error == -refused, "refused with %d, said %d", refused,
	       fault.error);
	engine = qv_engine_new(bytes, size, LANES, &limits, &fault);
	INSIST(!refused || !engine, "an engine runs what the verifier refuses");
	if (!engine) {
		INSIST(fault.text[0] && memchr(fault.text, 0, sizeof(fault.text)),
		       "refused without a word");
		done.refused++;
		return;
	}
	patterns = qv_patterns_new(&program, MEMORY, &fault);
	INSIST(patterns, "no patterns: %s", fault.text);
	input_packets(source, &packets);
	done.packets += compare_all(engine, &program, patterns, &packets);
	input_packets_free(&packets);
	qv_patterns_free(patterns);
	qv_engine_free(engine);
}

/* Make a program one of this table of fields, so that a corpus outlives a change of the table. */
static void adopt(uint8_t *program, size_t size)
{
	const uint32_t fields = QV_FIELDS_FINGERPRINT;

	if (size >= sizeof(struct qv_program_header))
		memcpy(program + offsetof(struct qv_program_header, fields), &fields,
		       sizeof(fields));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source source = { data, size }, part;
	uint8_t options = take8(&source), *program;
	size_t length = take16(&source);

	if (done.programs++ == 0)
		atexit(tell);
	if (length > source.size)
		length = source.size;
	part.data = source.data;
	part.size = length;
	source.data += length;
	source.size -= length;
	if (options & INPUT_RAW) {
		program = naive_alloc(length);
		take_bytes(&part, program, length);
		adopt(program, length);
	} else {
		length = input_program(&part, &program);
	}
	run(program, length, options, &source);
	free(program);
	return 0;
}
