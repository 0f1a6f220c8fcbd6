// SPDX-License-Identifier: GPL-2.0
/* Building an engine: see engine.h. Whatever fails half way is taken down again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lane.h"

/* What the parts are built within. */
struct budget {
	uint64_t memory;
	uint64_t used;
	struct qv_fault *fault;
};

static int spend(struct budget *budget, uint64_t bytes)
{
	if (bytes > budget->memory - budget->used)
		return qv_fault_set(budget->fault, E2BIG, QV_NO_RULE,
				    "needs more than %llu bytes",
				    (unsigned long long)budget->memory);
	budget->used += bytes;
	return 0;
}

/* Allocate zeroed memory in whole cache lines: no two lanes write to the same one. */
static void *allocate(struct budget *budget, uint64_t size)
{
	const size_t whole = ((size_t)size + 63) / 64 * 64;
	void *memory;

	if (spend(budget, whole) < 0)
		return NULL;
	memory = aligned_alloc(64, whole ? whole : 64);
	if (!memory)
		qv_fault_set(budget->fault, ENOMEM, QV_NO_RULE, "no memory for the engine");
	else
		memset(memory, 0, whole);
	return memory;
}

/* The desk's buffers are not zeroed: what no packet has touched takes no memory. */
static int desk_build(struct qv_desk *desk, struct budget *budget)
{
	for (unsigned int i = 0; i < QV_DESK_BUFFERS; i++) {
		if (spend(budget, QV_LARGEST_PACKET) < 0)
			return -E2BIG;
		desk->buffers[i] = malloc(QV_LARGEST_PACKET);
		if (!desk->buffers[i])
			return qv_fault_set(budget->fault, ENOMEM, QV_NO_RULE,
					    "no memory for rewrites");
	}
	return 0;
}

static int flows_build(struct qv_lane *lane, uint32_t entries, struct budget *budget)
{
	uint8_t key[16];

	if (!entries)
		return 0;
	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return qv_fault_set(budget->fault, EIO, QV_NO_RULE, "no random numbers");
	lane->flows = qv_flows_new(lane->engine->index, entries, key);
	if (!lane->flows)
		return qv_fault_set(budget->fault, ENOMEM, QV_NO_RULE,
				    "no memory for a cache of %u flows", entries);
	return 0;
}

static int finds_build(struct qv_lane *lane, struct budget *budget)
{
	lane->evaluator.finds = qv_finds_new(lane->engine->scans);
	if (!lane->evaluator.finds)
		return qv_fault_set(budget->fault, ENOMEM, QV_NO_RULE, "no memory for scans");
	return spend(budget, qv_finds_memory(lane->evaluator.finds));
}

static void lane_free(struct qv_lane *lane)
{
	for (unsigned int i = 0; i < QV_DESK_BUFFERS; i++)
		free(lane->rewriter.desk.buffers[i]);
	qv_flows_free(lane->flows);
	qv_finds_free(lane->evaluator.finds);
	free(lane->logs);
	free(lane->counts);
}

static bool has_rewrites(const struct qv_program *program)
{
	for (uint32_t i = 0; i < program->rule_count; i++)
		if (program->rules[i].rewrites)
			return true;
	return false;
}

static int lane_build(struct qv_lane *lane, const struct qv_engine *engine, uint32_t flows,
		      struct budget *budget)
{
	const struct qv_program *program = &engine->program;

	lane->engine = engine;
	lane->evaluator.program = program;
	lane->evaluator.sets = engine->sets;
	lane->evaluator.patterns = engine->patterns;
	lane->rewriter.program = program;
	lane->rewriter.patterns = engine->patterns;
	lane->counts = allocate(budget, (uint64_t)program->rule_count * sizeof(*lane->counts));
	lane->logs = allocate(budget, (uint64_t)program->log_count * sizeof(*lane->logs));
	if (!lane->counts || !lane->logs || finds_build(lane, budget) < 0)
		return -1;
	if (has_rewrites(program) && desk_build(&lane->rewriter.desk, budget) < 0)
		return -1;
	return flows_build(lane, flows, budget);
}

static int lanes_build(struct qv_engine *engine, unsigned int count, uint32_t flows,
		       struct budget *budget)
{
	engine->lanes = allocate(budget, (uint64_t)count * sizeof(*engine->lanes));
	if (!engine->lanes)
		return -1;
	engine->lane_count = count;
	for (unsigned int i = 0; i < count; i++)
		if (lane_build(&engine->lanes[i], engine, flows, budget) < 0)
			return -1;
	return 0;
}

static int deeds_build(struct qv_engine *engine, struct budget *budget)
{
	const struct qv_program *program = &engine->program;

	engine->deeds = allocate(budget, (uint64_t)program->rule_count * sizeof(*engine->deeds));
	if (!engine->deeds)
		return -1;
	for (uint32_t i = 0; i < program->rule_count; i++) {
		const struct qv_rule *rule = &program->rules[i];

		engine->deeds[i] = (struct qv_deed){
			.verdict = rule->verdict,
			.acts = rule->rewrites || rule->flags & (QV_RULE_MARKS | QV_RULE_LOGS),
			.queue = rule->queue,
		};
	}
	return 0;
}

static int parts_build(struct qv_engine *engine, struct budget *budget)
{
	const struct qv_program *program = &engine->program;

	engine->sets = qv_sets_new(program, budget->memory - budget->used, budget->fault);
	if (!engine->sets || spend(budget, qv_sets_memory(engine->sets)) < 0)
		return -1;
	engine->index = qv_index_new(program, engine->sets, budget->memory - budget->used,
				     budget->fault);
	if (!engine->index || spend(budget, qv_index_memory(engine->index)) < 0)
		return -1;
	/* Last, as these make do with shares of what is left. */
	engine->scans = qv_scans_new(program, budget->memory - budget->used, budget->fault);
	if (!engine->scans || spend(budget, qv_scans_memory(engine->scans)) < 0)
		return -1;
	engine->patterns = qv_patterns_new(program, budget->memory - budget->used, budget->fault);
	if (!engine->patterns || spend(budget, qv_patterns_memory(engine->patterns)) < 0)
		return -1;
	return 0;
}

struct qv_engine *qv_engine_new(const void *program, size_t size, unsigned int lanes,
				const struct qv_limits *limits, struct qv_fault *fault)
{
	struct budget budget = { .memory = QV_MEMORY_DEFAULT, .fault = fault };
	struct qv_engine *engine;

	if (limits && limits->memory)
		budget.memory = limits->memory;
	engine = allocate(&budget, sizeof(*engine));
	if (!engine)
		return NULL;
	if (qv_program_verify(&engine->program, program, size, fault) < 0 ||
	    deeds_build(engine, &budget) < 0 || parts_build(engine, &budget) < 0 ||
	    lanes_build(engine, lanes, limits ? limits->cached_flows : 0, &budget) < 0) {
		qv_engine_free(engine);
		return NULL;
	}
	engine->memory = budget.used;
	return engine;
}

void qv_engine_free(struct qv_engine *engine)
{
	if (!engine)
		return;
	for (unsigned int i = 0; i < engine->lane_count; i++)
		lane_free(&engine->lanes[i]);
	free(engine->lanes);
	qv_patterns_free(engine->patterns);
	qv_scans_free(engine->scans);
	qv_index_free(engine->index);
	qv_sets_free(engine->sets);
	free(engine->deeds);
	free(engine);
}

const struct qv_program *qv_engine_program(const struct qv_engine *engine)
{
	return &engine->program;
}

struct qv_lane *qv_engine_lane(struct qv_engine *engine, unsigned int lane)
{
	return &engine->lanes[lane];
}

const struct qv_rule_count *qv_lane_counts(const struct qv_lane *lane)
{
	return lane->counts;
}

uint64_t qv_engine_memory(const struct qv_engine *engine)
{
	return engine->memory;
}
