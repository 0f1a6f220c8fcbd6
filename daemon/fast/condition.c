// SPDX-License-Identifier: GPL-2.0
/* Conditions: see condition.h. Recursion is bounded: the verifier knows QV_DEPTH_MAX. */
#include "condition.h"

#include <string.h>

#include "search.h"

static bool in_numbers(const struct qv_numbers *numbers, uint32_t count, uint32_t value)
{
	uint32_t low = 0, high = count;

	/* The ranges up to low begin at or below the value, those from high on above it. */
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (numbers[middle].low <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return low && value <= numbers[low - 1].high;
}

static bool in_macs(const struct qv_mac *macs, uint32_t count, const uint8_t *mac)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = memcmp(macs[middle].address, mac, sizeof(macs[middle].address));

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool in_interfaces(const struct qv_interface *interfaces, uint32_t count,
			  const struct qv_ifname *name)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct qv_interface *one = &interfaces[i];
		const bool fits = one->prefix ? one->length <= name->length
					      : one->length == name->length;

		if (fits && memcmp(one->name, name->name, one->length) == 0)
			return true;
	}
	return false;
}

/* From and to where bytes or a match must lie; @end may be past the payload, @start too. */
struct window {
	uint64_t start;
	uint64_t end;
};

static struct window window_of(const struct qv_program *program, const struct qv_node *node,
			       uint32_t length)
{
	if (node->flags & QV_NODE_WITHIN) {
		const struct qv_window *window = &program->windows[node->extra];

		return (struct window){ window->first, window->end };
	}
	return (struct window){ 0, length };
}

/*
 * Ask what a scan of the window has found, all of whose bytes are at hand. Returns 1, 0, or another
 * number: a scan does not tell.
 */
static int scanned(const struct qv_evaluator *evaluator, const struct qv_node *node,
		   const struct qv_payload *payload, struct window window)
{
	return qv_finds_ask(evaluator->finds, (uint32_t)(node - evaluator->program->nodes),
			    payload->data + window.start, window.end - window.start);
}

static qv_outcome contains(const struct qv_evaluator *evaluator, const struct qv_node *node,
			   const struct qv_payload *payload)
{
	const struct qv_program *program = evaluator->program;
	const struct qv_string *string = &program->strings[node->first];
	const uint8_t *find = program->bytes + string->offset;
	const uint64_t size = string->length, at_hand = payload->at_hand;
	struct window window = window_of(program, node, payload->length);
	uint64_t last, stop;
	int found;

	if (node->flags & QV_NODE_AT)
		window = (struct window){ node->extra, node->extra + size };
	if (window.end > payload->length)
		window.end = payload->length;
	if (window.start + size > window.end)
		return QV_FALSE;
	if (window.end <= at_hand && !(node->flags & QV_NODE_AT)) {
		found = scanned(evaluator, node, payload, window);
		if (found == 0 || found == 1)
			return qv_outcome_of(found);
	}
	last = window.end - size;
	stop = window.end < at_hand ? window.end : at_hand;
	if (window.start <= stop &&
	    qv_search(payload->data + window.start, stop - window.start, find, size))
		return QV_TRUE;
	if (last >= at_hand)
		return QV_HIDDEN;
	/* They may lie where the cut reaches, if what is at hand of that place fits. */
	if (window.end > at_hand) {
		const uint64_t whole = at_hand - window.start;

		if (qv_search_begun(payload->data, at_hand, find, at_hand - last,
				    size - 1 < whole ? size - 1 : whole))
			return QV_HIDDEN;
	}
	return QV_FALSE;
}

static qv_outcome matches(struct qv_evaluator *evaluator, const struct qv_node *node,
			  const struct qv_payload *payload)
{
	struct window window = window_of(evaluator->program, node, payload->length);
	int found;

	if (window.end > payload->length)
		window.end = payload->length;
	/* Bytes that the cut hides could make or, before "$", unmake a match. */
	if (window.end > payload->at_hand)
		return QV_HIDDEN;
	if (window.start > window.end)
		window.start = window.end;
	found = scanned(evaluator, node, payload, window);
	if (found != 0 && found != 1)
		found = qv_pattern_found(evaluator->patterns, node->first,
					 payload->data + window.start, window.end - window.start);
	if (found < 0) {
		evaluator->failed = true;
		return QV_HIDDEN;
	}
	return qv_outcome_of(found);
}

static qv_outcome on_payload(struct qv_evaluator *evaluator, const struct qv_view *view,
			     const struct qv_node *node)
{
	const struct qv_program *program = evaluator->program;
	struct qv_payload payload;
	const qv_outcome state = qv_view_payload(view, &payload);

	if (state != QV_PRESENT)
		return state;
	switch (node->op) {
	case QV_CONTAINS:
		return contains(evaluator, node, &payload);
	case QV_MATCHES:
		return matches(evaluator, node, &payload);
	default:
		return qv_outcome_of(in_numbers(program->numbers + node->first, node->count,
						payload.length));
	}
}

static qv_outcome on_number(const struct qv_program *program, const struct qv_view *view,
			    const struct qv_node *node)
{
	uint32_t value = 0;
	const qv_outcome state = qv_view_number(view, (enum qv_field)node->field, &value);

	if (state != QV_PRESENT)
		return state;
	if (node->op == QV_IN_MASKED)
		return qv_outcome_of((value & node->extra) == node->first);
	return qv_outcome_of(in_numbers(program->numbers + node->first, node->count, value));
}

static qv_outcome on_address(const struct qv_sets *sets, const struct qv_view *view,
			     const struct qv_node *node)
{
	const uint8_t *address = NULL;
	uint32_t size = 0;
	const qv_outcome state = qv_view_address(view, (enum qv_field)node->field, &address, &size);

	if (state != QV_PRESENT)
		return state;
	return qv_outcome_of(qv_sets_have(sets, node->first, address, size));
}

static qv_outcome on_mac(const struct qv_program *program, const struct qv_view *view,
			 const struct qv_node *node)
{
	const uint8_t *mac;
	const qv_outcome state = qv_view_mac(view, &mac);

	if (state != QV_PRESENT)
		return state;
	return qv_outcome_of(in_macs(program->macs + node->first, node->count, mac));
}

static qv_outcome on_interface(const struct qv_program *program, const struct qv_view *view,
			       const struct qv_node *node)
{
	const struct qv_ifname *name;
	const qv_outcome state = qv_view_interface(view, (enum qv_field)node->field, &name);

	if (state != QV_PRESENT)
		return state;
	return qv_outcome_of(in_interfaces(program->interfaces + node->first, node->count, name));
}

/* Join the parts' outcomes; a part that is surely false ends the search. */
static qv_outcome all_of(struct qv_evaluator *evaluator, const struct qv_view *view,
			 const struct qv_node *node)
{
	const uint32_t *parts = evaluator->program->children + node->first;
	qv_outcome result = QV_TRUE;

	for (uint32_t i = 0; i < node->count && result != QV_FALSE; i++)
		result = qv_outcome_both(result, qv_condition_outcome(evaluator, view, parts[i]));
	return result;
}

/* Join the parts' outcomes; a part that is surely true ends the search. */
static qv_outcome any_of(struct qv_evaluator *evaluator, const struct qv_view *view,
			 const struct qv_node *node)
{
	const uint32_t *parts = evaluator->program->children + node->first;
	qv_outcome result = QV_FALSE;

	for (uint32_t i = 0; i < node->count && result != QV_TRUE; i++)
		result = qv_outcome_either(result, qv_condition_outcome(evaluator, view, parts[i]));
	return result;
}

qv_outcome qv_condition_outcome(struct qv_evaluator *evaluator, const struct qv_view *view,
				uint32_t index)
{
	const struct qv_program *program = evaluator->program;
	const struct qv_node *node = &program->nodes[index];

	switch ((enum qv_op)node->op) {
	case QV_ALL:
		return all_of(evaluator, view, node);
	case QV_ANY:
		return any_of(evaluator, view, node);
	case QV_NOT:
		return qv_outcome_negated(qv_condition_outcome(evaluator, view, node->first));
	case QV_IN_NUMBERS:
	case QV_IN_MASKED:
		return on_number(program, view, node);
	case QV_IN_SET:
		return on_address(evaluator->sets, view, node);
	case QV_IN_MACS:
		return on_mac(program, view, node);
	case QV_IN_INTERFACES:
		return on_interface(program, view, node);
	case QV_CONTAINS:
	case QV_MATCHES:
	case QV_PAYLOAD_LENGTH:
		return on_payload(evaluator, view, node);
	case QV_OPS:
		break;
	}
	return QV_FALSE;	/* no such node passes the verifier */
}

qv_outcome qv_condition_rule(struct qv_evaluator *evaluator, const struct qv_view *view,
			     uint32_t index)
{
	const struct qv_node *node = &evaluator->program->nodes[index];
	const uint32_t *parts = evaluator->program->children + node->first;
	qv_outcome result = QV_TRUE;

	/* "All" can be true only where each of its parts can. */
	for (uint32_t i = 0; i < node->count && result & QV_TRUE; i++)
		result = qv_outcome_both(result, qv_condition_outcome(evaluator, view, parts[i]));
	return result;
}
