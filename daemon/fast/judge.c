// SPDX-License-Identifier: GPL-2.0
/* Judging: what policy/reference.py says, batch by batch. See qv_judge in engine.h. */
#include "lane.h"

/* The decision on a packet that cannot be judged: it goes on as it came. */
static void decide_error(const struct qv_lane *lane, const struct qv_packet *packet,
			 enum qv_reason reason, struct qv_decision *decision)
{
	decision->verdict = lane->engine->program.header->on_error;
	decision->reason = (uint8_t)reason;
	decision->mark = packet->mark;
	decision->replaced = false;
	decision->replacement = NULL;
	decision->replacement_length = 0;
}

static enum qv_reason reason_of(enum qv_edited edited)
{
	return edited == QV_EDIT_FAILED ? QV_ACTION_FAILED : QV_INTERNAL;
}

/*
 * Apply a rule's rewrites: decode the packet anew if they changed it. Returns QV_BY_RULE, or the
 * reason why they cannot be.
 */
static enum qv_reason rewrite(struct qv_lane *lane, const struct qv_rule *rule,
			      struct qv_view *view, struct qv_decision *decision)
{
	const uint32_t mark = view->mark;
	const uint8_t *bytes;
	uint32_t size;
	bool changed;
	enum qv_edited edited;

	if (view->cut)
		return QV_IS_TRUNCATED;
	edited = qv_rewrite(&lane->rewriter, view, rule, &changed, &bytes, &size);
	if (edited != QV_EDITED)
		return reason_of(edited);
	if (!changed)
		return QV_BY_RULE;
	decision->replaced = true;
	decision->replacement = bytes;
	decision->replacement_length = size;
	/* A defect of ours, if a packet cannot be decoded that we put together. */
	if (qv_decode(view, view->packet, bytes, size, size) != QV_DECODED)
		return QV_INTERNAL;
	qv_finds_forget(lane->evaluator.finds);
	view->mark = mark;
	/* Whatever checksum the kernel had left to be completed is complete now. */
	view->partial = false;
	return QV_BY_RULE;
}

/*
 * Apply a rule's actions to the packet. Returns QV_BY_RULE, or the reason why they cannot be, and in
 * @acted whether the packet may be another one for the rules that follow.
 */
static enum qv_reason act(struct qv_lane *lane, uint32_t index, struct qv_view *view,
			  struct qv_decision *decision, bool *acted)
{
	const struct qv_rule *rule = &lane->engine->program.rules[index];
	enum qv_reason reason = QV_BY_RULE;

	if (rule->flags & QV_RULE_LOGS)
		lane->logs[decision->log_count++] = index;
	if (rule->rewrites)
		reason = rewrite(lane, rule, view, decision);
	if (rule->flags & QV_RULE_MARKS)
		view->mark = (view->mark & ~rule->mark_mask) | (rule->mark_value & rule->mark_mask);
	*acted = rule->rewrites || rule->flags & QV_RULE_MARKS;
	return reason;
}

/* Whether the rule's condition is true, or @reason if the hidden bytes would tell. */
static bool holds(struct qv_lane *lane, uint32_t index, const struct qv_view *view,
		  enum qv_reason *reason)
{
	struct qv_evaluator *evaluator = &lane->evaluator;
	qv_outcome outcome;

	evaluator->failed = false;
	outcome = qv_condition_rule(evaluator, view, lane->engine->program.rules[index].condition);
	if (outcome & QV_TRUE && outcome != QV_TRUE)
		*reason = evaluator->failed ? QV_INTERNAL : QV_IS_TRUNCATED;
	return outcome & QV_TRUE;
}

/*
 * Decide a decoded packet by the first rule whose condition holds and that does not continue, from
 * the candidate on.
 */
static void decide(struct qv_lane *lane, struct qv_view *view, struct qv_lookup *lookup,
		   struct qv_candidate candidate, struct qv_decision *decision)
{
	const struct qv_engine *engine = lane->engine;
	const struct qv_view *const views[1] = { view };
	enum qv_reason reason = QV_BY_RULE;
	bool certain = candidate.certain, acted;

	for (uint32_t index = candidate.rule; index != QV_NO_RULE;
	     index = qv_index_next(engine->index, lookup, index + 1, &certain)) {
		const struct qv_deed *deed = &engine->deeds[index];

		if (!certain && !holds(lane, index, view, &reason))
			continue;
		acted = false;
		if (reason == QV_BY_RULE && deed->acts)
			reason = act(lane, index, view, decision, &acted);
		if (reason != QV_BY_RULE) {
			decide_error(lane, view->packet, reason, decision);
			return;
		}
		decision->mark = view->mark;
		if (deed->verdict != QV_CONTINUE) {
			decision->verdict = deed->verdict;
			decision->reason = QV_BY_RULE;
			decision->rule = index;
			decision->queue = deed->queue;
			return;
		}
		if (acted)
			qv_index_begin(engine->index, lane->flows, views, 1, lookup);
	}
	decision->verdict = engine->program.header->default_verdict;
	decision->reason = QV_BY_DEFAULT;
}

/* Add to a count that only this thread writes: no locked instruction is needed. */
static void count_add(_Atomic uint64_t *count, uint64_t more)
{
	const uint64_t before = atomic_load_explicit(count, memory_order_relaxed);

	atomic_store_explicit(count, before + more, memory_order_relaxed);
}

static void count_rule(struct qv_rule_count *count, const struct qv_packet *packet, uint64_t now)
{
	count_add(&count->packets, 1);
	count_add(&count->octets, packet->length);
	atomic_store_explicit(&count->last, now, memory_order_relaxed);
}

static void judge_one(struct qv_lane *lane, unsigned int i, const struct qv_packet *packet,
		      uint64_t now, qv_decided *decided, void *context)
{
	struct qv_decision decision = {
		.rule = QV_NO_RULE,
		.mark = packet->mark,
		.logs = lane->logs,
	};

	switch (lane->decoded[i]) {
	case QV_DECODED:
		qv_finds_forget(lane->evaluator.finds);
		decide(lane, &lane->views[i], &lane->lookups[i], lane->candidates[i], &decision);
		break;
	case QV_MALFORMED:
		decide_error(lane, packet, QV_IS_MALFORMED, &decision);
		break;
	case QV_UNSUPPORTED:
		decide_error(lane, packet, QV_IS_UNSUPPORTED, &decision);
		break;
	}
	if (decision.rule != QV_NO_RULE)
		count_rule(&lane->counts[decision.rule], packet, now);
	decided(context, packet, &decision);
}

/* Decode packets, whose first bytes are asked for a few packets ahead. */
static void decode_all(struct qv_lane *lane, const struct qv_packet *packets, unsigned int count)
{
	enum { AHEAD = 4 };

	for (unsigned int i = 0; i < count; i++) {
		const struct qv_packet *packet = &packets[i];

		if (i + AHEAD < count)
			__builtin_prefetch(packets[i + AHEAD].data);
		lane->decoded[i] = qv_decode(&lane->views[i], packet, packet->data, packet->caplen,
					     packet->length);
		lane->judged[i] = lane->decoded[i] == QV_DECODED ? &lane->views[i] : NULL;
	}
}

/* Find each packet's first candidate, and ask for what deciding by it takes. */
static void find_candidates(struct qv_lane *lane, unsigned int count)
{
	const struct qv_engine *engine = lane->engine;

	qv_index_begin(engine->index, lane->flows, lane->judged, count, lane->lookups);
	for (unsigned int i = 0; i < count; i++) {
		struct qv_candidate *candidate = &lane->candidates[i];

		if (!lane->judged[i])
			continue;
		candidate->rule = qv_index_next(engine->index, &lane->lookups[i], 0,
						&candidate->certain);
		if (candidate->rule != QV_NO_RULE) {
			__builtin_prefetch(&engine->deeds[candidate->rule]);
			__builtin_prefetch(&lane->counts[candidate->rule], 1);
		}
	}
}

void qv_judge(struct qv_lane *lane, const struct qv_packet *packets, size_t count, uint64_t now,
	      qv_decided *decided, void *context)
{
	for (unsigned int some; count; packets += some, count -= some) {
		some = count < QV_LANE_PACKETS ? (unsigned int)count : QV_LANE_PACKETS;
		decode_all(lane, packets, some);
		find_candidates(lane, some);
		for (unsigned int i = 0; i < some; i++)
			judge_one(lane, i, &packets[i], now, decided, context);
	}
}
