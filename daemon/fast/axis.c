// SPDX-License-Identifier: GPL-2.0
/* Axes: see axis.h. */
#include "axis.h"

#include "fields.h"

enum { SMALL_BITS = 16 };

static bool is_small(uint8_t field)
{
	return qv_fields[field].maximum >> SMALL_BITS == 0;
}

/* Whether the numbers that agree under a mask follow one another. */
static bool is_prefix(uint32_t mask)
{
	return (~mask & (~mask + 1)) == 0;
}

/* Names with a zero byte do not sort as they begin; no interface has one. */
static bool plain_interfaces(const struct qv_program *program, const struct qv_node *node)
{
	for (uint32_t i = 0; i < node->count; i++) {
		const struct qv_interface *one = &program->interfaces[node->first + i];

		if (memchr(one->name, 0, one->length))
			return false;
	}
	return true;
}

bool qv_axis_of(struct qv_axis *axis, const struct qv_program *program,
		const struct qv_node *node)
{
	const struct qv_set *set;

	*axis = (struct qv_axis){ .field = node->field };
	switch ((enum qv_op)node->op) {
	case QV_IN_NUMBERS:
	case QV_IN_MASKED:
		if (is_small(node->field)) {
			axis->kind = QV_AXIS_SMALL;
			return true;
		}
		axis->kind = QV_AXIS_WORD;
		axis->detail = UINT32_MAX;
		if (node->op == QV_IN_MASKED && !is_prefix(node->extra))
			axis->detail = node->extra;
		return true;
	case QV_IN_SET:
		set = &program->sets[node->first];
		axis->kind = QV_AXIS_ADDRESS;
		if ((uint64_t)set->count4 + set->count6 >= QV_LARGE_SET) {
			axis->kind = QV_AXIS_MEMBER;
			axis->detail = node->first;
		}
		return true;
	case QV_IN_MACS:
		axis->kind = QV_AXIS_MAC;
		return true;
	case QV_IN_INTERFACES:
		axis->kind = QV_AXIS_INTERFACE;
		return plain_interfaces(program, node);
	default:
		return false;
	}
}

uint32_t qv_axis_last(const struct qv_axis *axis)
{
	uint32_t last = qv_fields[axis->field].maximum;

	if (axis->kind == QV_AXIS_MEMBER)
		last = 1;
	else if (qv_fields[axis->field].icmp_spaces)
		last += QV_ICMPV6_SPACE;
	return last | UINT8_MAX;
}

/* What edges are added to, and as what. */
struct adder {
	struct qv_heap *heap;
	struct qv_edges *edges;
	uint32_t value;
};

/* Add the edges of one closed range of a line; nothing comes after the line's end. */
static bool add(const struct adder *adder, int line, qv_wide low, qv_wide high)
{
	const qv_wide last = line == QV_NARROW ? UINT32_MAX : ~(qv_wide)0;
	struct qv_edges *edges = &adder->edges[line];
	struct qv_edge *list = qv_heap_reserve(adder->heap, edges->edges, edges->count, 2,
					       &edges->room, sizeof(*list));

	if (!list)
		return false;
	edges->edges = list;
	list[edges->count++] = (struct qv_edge){ low, adder->value, true };
	if (high != last)
		list[edges->count++] = (struct qv_edge){ high + 1, adder->value, false };
	return true;
}

static bool add_numbers(const struct adder *adder, const struct qv_program *program,
			const struct qv_node *node)
{
	for (uint32_t i = 0; i < node->count; i++) {
		const struct qv_numbers *one = &program->numbers[node->first + i];

		if (!add(adder, QV_NARROW, one->low, one->high))
			return false;
	}
	return true;
}

/* Add the runs of small numbers that agree with a value under a mask. */
static bool add_masked_small(const struct adder *adder, const struct qv_node *node, uint32_t last)
{
	uint32_t low = 0;
	bool within = false;

	for (uint32_t number = 0; number <= last + 1; number++) {
		const bool is = number <= last && (number & node->extra) == node->first;

		if (is && !within)
			low = number;
		if (!is && within && !add(adder, QV_NARROW, low, number - 1))
			return false;
		within = is;
	}
	return true;
}

static bool add_masked(const struct adder *adder, const struct qv_axis *axis,
		       const struct qv_node *node)
{
	if (axis->kind == QV_AXIS_SMALL)
		return add_masked_small(adder, node, qv_axis_last(axis));
	if (axis->detail == UINT32_MAX)
		return add(adder, QV_NARROW, node->first, node->first | ~node->extra);
	return add(adder, QV_NARROW, node->first, node->first);
}

static bool add_set(const struct adder *adder, const struct qv_program *program,
		    const struct qv_set *set)
{
	for (uint32_t i = 0; i < set->count4; i++) {
		const struct qv_range4 *one = &program->ranges4[set->first4 + i];

		if (!add(adder, QV_NARROW, one->low, one->high))
			return false;
	}
	for (uint32_t i = 0; i < set->count6; i++) {
		const struct qv_range6 *one = &program->ranges6[set->first6 + i];

		if (!add(adder, QV_BROAD, qv_wide_of(one->low), qv_wide_of(one->high)))
			return false;
	}
	return true;
}

static bool add_macs(const struct adder *adder, const struct qv_program *program,
		     const struct qv_node *node)
{
	for (uint32_t i = 0; i < node->count; i++) {
		const qv_wide mac = qv_wide_of_mac(program->macs[node->first + i].address);

		if (!add(adder, QV_BROAD, mac, mac))
			return false;
	}
	return true;
}

static bool add_interfaces(const struct adder *adder, const struct qv_program *program,
			   const struct qv_node *node)
{
	for (uint32_t i = 0; i < node->count; i++) {
		const struct qv_interface *one = &program->interfaces[node->first + i];
		const qv_wide low = qv_wide_of_name(one->name, one->prefix ? 0 : one->length);
		qv_wide high = low;

		if (one->prefix)	/* every byte behind the prefix may be anything */
			high |= one->length ? ((qv_wide)1 << (128 - 8 * one->length)) - 1
					    : ~(qv_wide)0;
		if (!add(adder, QV_BROAD, low, high))
			return false;
	}
	return true;
}

bool qv_axis_edges(const struct qv_axis *axis, struct qv_heap *heap,
		   const struct qv_program *program, const struct qv_node *node, uint32_t value,
		   struct qv_edges edges[QV_LINES])
{
	const struct adder adder = { heap, edges, value };

	if (axis->kind == QV_AXIS_MEMBER)
		return add(&adder, QV_NARROW, 1, 1);
	switch (node->op) {
	case QV_IN_NUMBERS:
		return add_numbers(&adder, program, node);
	case QV_IN_MASKED:
		return add_masked(&adder, axis, node);
	case QV_IN_SET:
		return add_set(&adder, program, &program->sets[node->first]);
	case QV_IN_MACS:
		return add_macs(&adder, program, node);
	default:
		return add_interfaces(&adder, program, node);
	}
}
