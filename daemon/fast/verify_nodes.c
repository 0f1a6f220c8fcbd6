// SPDX-License-Identifier: GPL-2.0
/* The verifier of conditions: see program.h for what each op refers to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "verify.h"

/* What is known of the nodes so far. */
struct nodes {
	const struct qv_program *program;
	struct qv_fault *fault;
	uint32_t *parts;	/* of each node: see qv_nodes_verify */
	uint8_t *depths;	/* of each node */
	uint32_t *number_runs;	/* for each: the end of the run, sorted and disjoint, that it is in */
	uint32_t *mac_runs;
	uint32_t children;	/* that have a node so far */
};

/* Return -EINVAL, the fault laid at the rule that needed the node: see qv_program_verify. */
#define NODE_FAULT(nodes, index, format, ...)                                        \
	qv_fault_set((nodes)->fault, EINVAL, blamed((nodes)->program, index), "node %u: " format, \
		     index, __VA_ARGS__)

static uint32_t blamed(const struct qv_program *program, uint32_t node)
{
	for (uint32_t rule = 0; rule < program->rule_count; rule++)
		if (program->rules[rule].condition >= node)
			return rule;
	return QV_NO_RULE;
}

static uint32_t sum_parts(uint32_t a, uint32_t b)
{
	/* Both are QV_PARTS_MAX + 1 at most, so nothing wraps. */
	return a + b > QV_PARTS_MAX ? QV_PARTS_MAX + 1 : a + b;
}

/* Take what @child is into its parent @index. */
static int add_child(struct nodes *nodes, uint32_t index, uint32_t child)
{
	if (child >= index)
		return NODE_FAULT(nodes, index, "refers to node %u, not to one before it", child);
	if (nodes->depths[child] >= QV_DEPTH_MAX)
		return NODE_FAULT(nodes, index, "deeper than %d", QV_DEPTH_MAX);
	if (nodes->depths[index] <= nodes->depths[child])
		nodes->depths[index] = (uint8_t)(nodes->depths[child] + 1);
	nodes->parts[index] = sum_parts(nodes->parts[index], nodes->parts[child]);
	return 0;
}

static int check_join(struct nodes *nodes, uint32_t index, const struct qv_node *node)
{
	uint32_t all = qv_section_count(nodes->program, QV_CHILDREN);
	int error;

	if (node->first != nodes->children)
		return NODE_FAULT(nodes, index, "children from %u on, not from %u", node->first,
				  nodes->children);
	if (!qv_within(node->first, node->count, all))
		return NODE_FAULT(nodes, index, "children %u and %u more of %u", node->first,
				  node->count, all);
	nodes->children += node->count;
	for (uint32_t i = 0; i < node->count; i++) {
		error = add_child(nodes, index, nodes->program->children[node->first + i]);
		if (error)
			return error;
	}
	return 0;
}

/* A list that must be one run of its section: sorted, and for numbers disjoint. */
static int check_run(struct nodes *nodes, uint32_t index, const struct qv_node *node,
		     const char *what, enum qv_section_kind kind, const uint32_t *runs)
{
	uint32_t all = qv_section_count(nodes->program, kind);

	if (!qv_within(node->first, node->count, all))
		return NODE_FAULT(nodes, index, "%s %u and %u more of %u", what, node->first,
				  node->count, all);
	if (node->count && node->first + node->count > runs[node->first])
		return NODE_FAULT(nodes, index, "%s %u breaks their order", what,
				  runs[node->first]);
	return 0;
}

static int check_name(struct nodes *nodes, uint32_t index, const struct qv_node *node)
{
	uint32_t all = qv_section_count(nodes->program, QV_STRINGS);

	if (node->extra >= all)
		return NODE_FAULT(nodes, index, "name: string %u of %u", node->extra, all);
	return 0;
}

static int check_interfaces(struct nodes *nodes, uint32_t index, const struct qv_node *node)
{
	uint32_t all = qv_section_count(nodes->program, QV_INTERFACES);

	if (!qv_within(node->first, node->count, all))
		return NODE_FAULT(nodes, index, "interfaces %u and %u more of %u", node->first,
				  node->count, all);
	/* They are compared one by one. */
	nodes->parts[index] = sum_parts(nodes->parts[index],
					node->count > QV_PARTS_MAX ? QV_PARTS_MAX : node->count);
	return check_name(nodes, index, node);
}

static int check_masked(struct nodes *nodes, uint32_t index, const struct qv_node *node)
{
	if (node->first & ~node->extra)
		return NODE_FAULT(nodes, index, "value 0x%x outside its mask 0x%x", node->first,
				  node->extra);
	return 0;
}

static int check_set(struct nodes *nodes, uint32_t index, const struct qv_node *node)
{
	uint32_t all = qv_section_count(nodes->program, QV_SETS);

	if (node->first >= all)
		return NODE_FAULT(nodes, index, "set %u of %u", node->first, all);
	return check_name(nodes, index, node);
}

/* Where in the payload a test looks. */
static int check_place(struct nodes *nodes, uint32_t index, const struct qv_node *node)
{
	uint32_t all = qv_section_count(nodes->program, QV_WINDOWS);

	switch (node->flags) {
	case 0:
		if (node->extra)
			return NODE_FAULT(nodes, index, "place %u without a flag", node->extra);
		return 0;
	case QV_NODE_AT:
		if (node->op != QV_CONTAINS)
			return NODE_FAULT(nodes, index, "op %u at an offset", node->op);
		return 0;
	case QV_NODE_WITHIN:
		if (node->extra >= all)
			return NODE_FAULT(nodes, index, "window %u of %u", node->extra, all);
		return 0;
	default:
		return NODE_FAULT(nodes, index, "flags 0x%x", node->flags);
	}
}

static int check_contains(struct nodes *nodes, uint32_t index, const struct qv_node *node)
{
	uint32_t all = qv_section_count(nodes->program, QV_STRINGS);

	if (node->first >= all)
		return NODE_FAULT(nodes, index, "string %u of %u", node->first, all);
	if (!nodes->program->strings[node->first].length)
		return NODE_FAULT(nodes, index, "looks for string %u, which is empty", node->first);
	return check_place(nodes, index, node);
}

static int check_matches(struct nodes *nodes, uint32_t index, const struct qv_node *node)
{
	uint32_t all = qv_section_count(nodes->program, QV_PATTERNS);

	if (node->first >= all)
		return NODE_FAULT(nodes, index, "pattern %u of %u", node->first, all);
	return check_place(nodes, index, node);
}

/* Which members of a node an op has; the others are 0. */
enum {
	HAS_FLAGS = 1 << 0,
	HAS_FIRST = 1 << 1,
	HAS_COUNT = 1 << 2,
	HAS_EXTRA = 1 << 3,
};

/* What an op's field may be; an op without one has 0 there. */
enum about { ABOUT_NONE, ABOUT_NUMBER, ABOUT_ADDRESS, ABOUT_MAC, ABOUT_INTERFACE };

static const struct {
	uint8_t about;
	uint8_t members;
} ops[QV_OPS] = {
	[QV_ALL] = { ABOUT_NONE, HAS_FIRST | HAS_COUNT },
	[QV_ANY] = { ABOUT_NONE, HAS_FIRST | HAS_COUNT },
	[QV_NOT] = { ABOUT_NONE, HAS_FIRST },
	[QV_IN_NUMBERS] = { ABOUT_NUMBER, HAS_FIRST | HAS_COUNT | HAS_EXTRA },
	[QV_IN_MASKED] = { ABOUT_NUMBER, HAS_FIRST | HAS_EXTRA },
	[QV_IN_SET] = { ABOUT_ADDRESS, HAS_FIRST | HAS_EXTRA },
	[QV_IN_MACS] = { ABOUT_MAC, HAS_FIRST | HAS_COUNT | HAS_EXTRA },
	[QV_IN_INTERFACES] = { ABOUT_INTERFACE, HAS_FIRST | HAS_COUNT | HAS_EXTRA },
	[QV_CONTAINS] = { ABOUT_NONE, HAS_FLAGS | HAS_FIRST | HAS_EXTRA },
	[QV_MATCHES] = { ABOUT_NONE, HAS_FLAGS | HAS_FIRST | HAS_EXTRA },
	[QV_PAYLOAD_LENGTH] = { ABOUT_NONE, HAS_FIRST | HAS_COUNT },
};

static enum about field_about(uint8_t field)
{
	switch (qv_fields[field].kind) {
	case QV_KIND_ADDRESS:
		return ABOUT_ADDRESS;
	case QV_KIND_MAC:
		return ABOUT_MAC;
	case QV_KIND_INTERFACE:
		return ABOUT_INTERFACE;
	case QV_KIND_BYTES:
		return ABOUT_NONE;
	default:
		/* A field that stands for either of two is lowered as these two. */
		return field == QV_FIELD_PORT ? ABOUT_NONE : ABOUT_NUMBER;
	}
}

static int check_members(struct nodes *nodes, uint32_t index, const struct qv_node *node)
{
	unsigned int has;

	if (node->op >= QV_OPS)
		return NODE_FAULT(nodes, index, "op %u of %d", node->op, QV_OPS);
	has = ops[node->op].members;
	if (ops[node->op].about == ABOUT_NONE) {
		if (node->field)
			return NODE_FAULT(nodes, index, "op %u with a field, %u", node->op,
					  node->field);
	} else if (node->field >= QV_FIELD_COUNT) {
		return NODE_FAULT(nodes, index, "field %u of %d", node->field, QV_FIELD_COUNT);
	} else if (field_about(node->field) != ops[node->op].about) {
		return NODE_FAULT(nodes, index, "op %u on %s", node->op,
				  qv_fields[node->field].name);
	}
	if ((node->flags && !(has & HAS_FLAGS)) || (node->first && !(has & HAS_FIRST)) ||
	    (node->count && !(has & HAS_COUNT)) || (node->extra && !(has & HAS_EXTRA)))
		return NODE_FAULT(nodes, index, "op %u has what it does not use", node->op);
	return 0;
}

static int check_node(struct nodes *nodes, uint32_t index)
{
	const struct qv_node *node = &nodes->program->nodes[index];
	int error = check_members(nodes, index, node);

	if (error)
		return error;
	nodes->parts[index] = 1;
	nodes->depths[index] = 1;
	switch (node->op) {
	case QV_ALL:
	case QV_ANY:
		return check_join(nodes, index, node);
	case QV_NOT:
		return add_child(nodes, index, node->first);
	case QV_IN_NUMBERS:
		error = check_run(nodes, index, node, "number", QV_NUMBERS, nodes->number_runs);
		return error ? error : check_name(nodes, index, node);
	case QV_IN_MASKED:
		return check_masked(nodes, index, node);
	case QV_IN_SET:
		return check_set(nodes, index, node);
	case QV_IN_MACS:
		error = check_run(nodes, index, node, "mac", QV_MACS, nodes->mac_runs);
		return error ? error : check_name(nodes, index, node);
	case QV_IN_INTERFACES:
		return check_interfaces(nodes, index, node);
	case QV_CONTAINS:
		return check_contains(nodes, index, node);
	case QV_MATCHES:
		return check_matches(nodes, index, node);
	default:
		return check_run(nodes, index, node, "number", QV_NUMBERS, nodes->number_runs);
	}
}

/* Nodes share lists, so their order is looked at once, from the end. */
static void find_number_runs(const struct qv_program *program, uint32_t *runs)
{
	const struct qv_numbers *numbers = program->numbers;
	uint32_t count = qv_section_count(program, QV_NUMBERS);

	for (uint32_t i = count; i-- > 0;) {
		bool goes_on = i + 1 < count && numbers[i].high < UINT32_MAX &&
			       numbers[i + 1].low > numbers[i].high + 1;

		runs[i] = goes_on ? runs[i + 1] : i + 1;
	}
}

static void find_mac_runs(const struct qv_program *program, uint32_t *runs)
{
	const struct qv_mac *macs = program->macs;
	uint32_t count = qv_section_count(program, QV_MACS);

	for (uint32_t i = count; i-- > 0;) {
		bool goes_on = i + 1 < count && memcmp(macs[i].address, macs[i + 1].address,
						       sizeof(macs[i].address)) < 0;

		runs[i] = goes_on ? runs[i + 1] : i + 1;
	}
}

int qv_nodes_verify(const struct qv_program *program, uint32_t *parts, struct qv_fault *fault)
{
	size_t numbers = qv_section_count(program, QV_NUMBERS);
	size_t macs = qv_section_count(program, QV_MACS);
	uint32_t all = qv_section_count(program, QV_CHILDREN);
	struct nodes nodes = { .program = program, .fault = fault, .parts = parts };
	int error = 0;

	nodes.depths = malloc((size_t)program->node_count + 1);
	nodes.number_runs = malloc((numbers + 1) * sizeof(*nodes.number_runs));
	nodes.mac_runs = malloc((macs + 1) * sizeof(*nodes.mac_runs));
	if (!nodes.depths || !nodes.number_runs || !nodes.mac_runs) {
		error = qv_fault_set(fault, ENOMEM, QV_NO_RULE, "no memory to verify nodes");
		goto out;
	}
	find_number_runs(program, nodes.number_runs);
	find_mac_runs(program, nodes.mac_runs);
	for (uint32_t i = 0; i < program->node_count && !error; i++)
		error = check_node(&nodes, i);
	if (!error && nodes.children != all)
		error = qv_fault_set(fault, EINVAL, QV_NO_RULE, "%u children of no node",
				     all - nodes.children);
out:
	free(nodes.depths);
	free(nodes.number_runs);
	free(nodes.mac_runs);
	return error;
}
