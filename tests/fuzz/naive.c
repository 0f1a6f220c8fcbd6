// SPDX-License-Identifier: GPL-2.0
/* The walk over all rules, as policy/reference.py has it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "naive.h"

void *naive_alloc(size_t size)
{
	void *memory = malloc(size ? size : 1);

	if (!memory) {
		fprintf(stderr, "naive: no memory for %zu bytes\n", size);
		exit(1);
	}
	return memory;
}

/* What is decided where no rule may: the packet goes on as it came. */
static void give_up(const struct qv_program *program, const struct naive_view *view,
		    enum qv_reason reason, struct naive_decision *decision)
{
	decision->verdict = program->header->on_error;
	decision->reason = (uint8_t)reason;
	decision->mark = view->packet->mark;
	decision->replaced = false;
	free(decision->replacement);
	decision->replacement = NULL;
	decision->replacement_length = 0;
}

/* Apply a rule's actions and look at the packet anew. */
static enum qv_reason act(const struct qv_program *program, const struct qv_patterns *patterns,
			  const struct qv_rule *rule, struct naive_view *view,
			  struct naive_decision *decision)
{
	uint8_t *bytes = NULL;
	size_t length = 0;

	if (rule->rewrites > 0) {
		if (!view->end_known || view->at_hand < view->end)
			return QV_IS_TRUNCATED;
		if (!naive_rewrite(program, patterns, rule, view, &bytes, &length))
			return QV_ACTION_FAILED;
	}
	if (bytes) {
		free(decision->replacement);
		decision->replaced = true;
		decision->replacement = bytes;
		decision->replacement_length = length;
		view->data = bytes;
		view->at_hand = length;
		view->length = length;
		view->partial = false;
	}
	if (rule->flags & QV_RULE_MARKS)
		view->mark = (view->mark & ~rule->mark_mask) | (rule->mark_value & rule->mark_mask);
	if (naive_decode(view) != QV_BY_RULE) {
		fprintf(stderr, "naive: a rewrite made a packet that cannot be judged\n");
		abort();
	}
	return QV_BY_RULE;
}

static void walk(const struct qv_program *program, const struct qv_patterns *patterns,
		 struct naive_view *view, uint8_t *outcomes, struct naive_decision *decision)
{
	enum qv_reason reason;

	naive_outcomes(program, patterns, view, outcomes);
	for (uint32_t i = 0; i < program->rule_count; i++) {
		const struct qv_rule *rule = &program->rules[i];
		uint8_t outcome = outcomes[rule->condition];

		if (!(outcome & ONLY_TRUE))
			continue;
		if (outcome != ONLY_TRUE) {
			give_up(program, view, QV_IS_TRUNCATED, decision);
			return;
		}
		if (rule->flags & QV_RULE_LOGS)
			decision->logs[decision->log_count++] = i;
		if (rule->rewrites > 0 || rule->flags & QV_RULE_MARKS) {
			reason = act(program, patterns, rule, view, decision);
			if (reason != QV_BY_RULE) {
				give_up(program, view, reason, decision);
				return;
			}
			naive_outcomes(program, patterns, view, outcomes);
		}
		if (rule->verdict != QV_CONTINUE) {
			decision->verdict = rule->verdict;
			decision->reason = QV_BY_RULE;
			decision->queue = rule->verdict == QV_QUEUE ? rule->queue : 0;
			decision->rule = i;
			decision->mark = view->mark;
			return;
		}
	}
	decision->verdict = program->header->default_verdict;
	decision->reason = QV_BY_DEFAULT;
	decision->mark = view->mark;
}

void naive_decide(const struct qv_program *program, const struct qv_patterns *patterns,
		  const struct qv_packet *packet, struct naive_decision *decision)
{
	struct naive_view view = {
		.packet = packet,
		.data = packet->data,
		.at_hand = packet->caplen,
		.length = packet->length,
		.mark = packet->mark,
		.partial = packet->flags & QV_PACKET_PARTIAL,
	};
	uint8_t *outcomes = naive_alloc(program->node_count);
	enum qv_reason reason;

	memset(decision, 0, sizeof(*decision));
	decision->rule = QV_NO_RULE;
	decision->logs = naive_alloc(program->rule_count * sizeof(*decision->logs));
	reason = naive_decode(&view);
	if (reason == QV_BY_RULE)
		walk(program, patterns, &view, outcomes, decision);
	else
		give_up(program, &view, reason, decision);
	free(outcomes);
}
