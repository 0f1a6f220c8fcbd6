// SPDX-License-Identifier: GPL-2.0
/*
 * What conditions come to, as policy/condition.py has it. All nodes are
 * looked at in turn: a node's parts stand before it, so there is nothing to descend into.
 */
#include <string.h>

#include "naive.h"

static uint8_t surely(bool truth)
{
	return truth ? ONLY_TRUE : ONLY_FALSE;
}

static bool among(const struct qv_program *program, const struct qv_node *node, uint32_t value)
{
	for (uint32_t i = 0; i < node->count; i++) {
		const struct qv_numbers *numbers = &program->numbers[node->first + i];

		if (numbers->low <= value && value <= numbers->high)
			return true;
	}
	return false;
}

static bool in_set(const struct qv_program *program, const struct qv_set *set,
		   const uint8_t *address, size_t size)
{
	for (uint32_t i = 0; size == 4 && i < set->count4; i++) {
		const struct qv_range4 *range = &program->ranges4[set->first4 + i];

		if (range->low <= naive_load(address, 4) && naive_load(address, 4) <= range->high)
			return true;
	}
	for (uint32_t i = 0; size == 16 && i < set->count6; i++) {
		const struct qv_range6 *range = &program->ranges6[set->first6 + i];

		if (memcmp(range->low, address, 16) <= 0 && memcmp(address, range->high, 16) <= 0)
			return true;
	}
	return false;
}

static uint8_t on_address(const struct qv_program *program, const struct qv_node *node,
			  const struct naive_view *view)
{
	const struct naive_place *place;
	size_t at;
	uint8_t is = naive_placed(view, node->field, &place, &at);

	if (is != IS_THERE)
		return is;
	return surely(in_set(program, &program->sets[node->first], view->data + at, place->size));
}

static uint8_t on_mac(const struct qv_program *program, const struct qv_node *node,
		      const struct qv_packet *packet)
{
	if (packet->mac_length != 6)
		return ONLY_ABSENT;
	for (uint32_t i = 0; i < node->count; i++) {
		if (memcmp(program->macs[node->first + i].address, packet->mac, 6) == 0)
			return ONLY_TRUE;
	}
	return ONLY_FALSE;
}

static uint8_t on_interface(const struct qv_program *program, const struct qv_node *node,
			    const struct qv_packet *packet)
{
	const struct qv_ifname *name = node->field == QV_FIELD_IN ? &packet->in : &packet->out;

	if (name->length == 0)
		return ONLY_ABSENT;
	for (uint32_t i = 0; i < node->count; i++) {
		const struct qv_interface *one = &program->interfaces[node->first + i];
		bool long_enough = one->prefix ? name->length >= one->length
					       : name->length == one->length;

		if (long_enough && memcmp(name->name, one->name, one->length) == 0)
			return ONLY_TRUE;
	}
	return ONLY_FALSE;
}

/* Whether the payload has the string at @place: surely, not, or hidden bytes decide. */
static uint8_t held_at(const uint8_t *text, size_t at_hand, size_t place, const uint8_t *find,
		       size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (place + i >= at_hand)
			return IS_CUT;
		if (text[place + i] != find[i])
			return ONLY_FALSE;
	}
	return ONLY_TRUE;
}

static uint8_t contains(const struct qv_program *program, const struct qv_node *node,
			const uint8_t *text, size_t at_hand, size_t length)
{
	const struct qv_string *string = &program->strings[node->first];
	const uint8_t *find = program->bytes + string->offset;
	size_t start = 0, stop = length, size = string->length;
	bool hidden = false;

	if (node->flags & QV_NODE_AT) {
		start = node->extra;
		stop = start + size;
	} else if (node->flags & QV_NODE_WITHIN) {
		start = program->windows[node->extra].first;
		stop = program->windows[node->extra].end;
	}
	if (stop > length)
		stop = length;
	for (size_t place = start; place + size <= stop; place++) {
		uint8_t here = held_at(text, at_hand, place, find, size);

		if (here == ONLY_TRUE)
			return ONLY_TRUE;
		if (here == IS_CUT)
			hidden = true;
	}
	return hidden ? IS_CUT : ONLY_FALSE;
}

static uint8_t matches(const struct qv_program *program, const struct qv_patterns *patterns,
		       const struct qv_node *node, const uint8_t *text, size_t at_hand,
		       size_t length)
{
	size_t start = 0, stop = length;

	if (node->flags & QV_NODE_WITHIN) {
		start = program->windows[node->extra].first;
		stop = program->windows[node->extra].end;
	}
	if (stop > length)
		stop = length;
	if (stop > at_hand)
		return IS_CUT;
	if (start > stop)
		start = stop;
	return surely(qv_pattern_found(patterns, node->first, text + start, stop - start) == 1);
}

static uint8_t on_payload(const struct qv_program *program, const struct qv_patterns *patterns,
			  const struct qv_node *node, const struct naive_view *view)
{
	const uint8_t *text = view->data;
	size_t length, at_hand = 0;

	if (view->transport == NO_TRANSPORT)
		return view->transport_is;
	if (!view->payload_known)
		return IS_CUT;
	length = view->payload_end - view->payload_at;
	if (view->payload_at < view->at_hand) {
		text = view->data + view->payload_at;
		at_hand = view->at_hand - view->payload_at;
	}
	if (at_hand > length)
		at_hand = length;
	switch (node->op) {
	case QV_CONTAINS:
		return contains(program, node, text, at_hand, length);
	case QV_MATCHES:
		return matches(program, patterns, node, text, at_hand, length);
	default:
		return surely(among(program, node, (uint32_t)length));
	}
}

/* What two conditions come to together: every value of one with every value of the other. */
static uint8_t joined(uint8_t op, uint8_t first, uint8_t second)
{
	uint8_t possible = 0;

	for (unsigned int a = 0; a < NAIVE_TRUTHS; a++) {
		for (unsigned int b = 0; b < NAIVE_TRUTHS; b++) {
			unsigned int low = a < b ? a : b, high = a < b ? b : a;

			if (first & 1u << a && second & 1u << b)
				possible |= (uint8_t)(1u << (op == QV_ALL ? low : high));
		}
	}
	return possible;
}

static uint8_t several(const struct qv_program *program, const struct qv_node *node,
		       const uint8_t *outcomes)
{
	uint8_t outcome = node->op == QV_ALL ? ONLY_TRUE : ONLY_FALSE;

	for (uint32_t i = 0; i < node->count; i++)
		outcome = joined(node->op, outcome, outcomes[program->children[node->first + i]]);
	return outcome;
}

static uint8_t negated(uint8_t outcome)
{
	uint8_t possible = 0;

	for (unsigned int value = 0; value < NAIVE_TRUTHS; value++) {
		if (outcome & 1u << value)
			possible |= (uint8_t)(1u << (NAIVE_TRUE - value));
	}
	return possible;
}

static uint8_t on_number(const struct qv_program *program, const struct qv_node *node,
			 const struct naive_view *view)
{
	uint32_t value = 0;
	uint8_t is = naive_number(view, node->field, &value);

	if (is != IS_THERE)
		return is;
	if (node->op == QV_IN_MASKED)
		return surely((value & node->extra) == node->first);
	return surely(among(program, node, value));
}

void naive_outcomes(const struct qv_program *program, const struct qv_patterns *patterns,
		    const struct naive_view *view, uint8_t *outcomes)
{
	for (uint32_t i = 0; i < program->node_count; i++) {
		const struct qv_node *node = &program->nodes[i];

		switch (node->op) {
		case QV_ALL:
		case QV_ANY:
			outcomes[i] = several(program, node, outcomes);
			break;
		case QV_NOT:
			outcomes[i] = negated(outcomes[node->first]);
			break;
		case QV_IN_NUMBERS:
		case QV_IN_MASKED:
			outcomes[i] = on_number(program, node, view);
			break;
		case QV_IN_SET:
			outcomes[i] = on_address(program, node, view);
			break;
		case QV_IN_MACS:
			outcomes[i] = on_mac(program, node, view->packet);
			break;
		case QV_IN_INTERFACES:
			outcomes[i] = on_interface(program, node, view->packet);
			break;
		default:
			outcomes[i] = on_payload(program, patterns, node, view);
			break;
		}
	}
}
