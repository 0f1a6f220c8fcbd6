// SPDX-License-Identifier: GPL-2.0
/* The verifier of rules, and of what they do to packets. */
#include <errno.h>
#include <stdlib.h>

#include "fields.h"
#include "verify.h"

#define RULE_FAULT(rules, rule, ...) qv_fault_set((rules)->fault, EINVAL, rule, __VA_ARGS__)

/* What is known of the rules so far. */
struct rules {
	struct qv_program *program;
	struct qv_fault *fault;
	uint32_t *parts;	/* of each node */
	uint64_t met;		/* parts that a packet meets on its way through all rules */
	uint32_t rewrites;	/* that have a rule */
	uint32_t templates;	/* that have a rewrite */
};

static bool is_string(const struct rules *rules, uint32_t string)
{
	return string < qv_section_count(rules->program, QV_STRINGS);
}

static int check_template(struct rules *rules, uint32_t rule, uint32_t index)
{
	const struct qv_template *template = &rules->program->templates[index];

	if (template->group > QV_GROUP_MAX || (template->group && template->string) ||
	    !is_string(rules, template->string))
		return RULE_FAULT(rules, rule, "template %u: group %u, string %u", index,
				  template->group, template->string);
	return 0;
}

static int check_replace_pattern(struct rules *rules, uint32_t rule, uint32_t index,
				 const struct qv_rewrite *rewrite)
{
	uint32_t all = qv_section_count(rules->program, QV_TEMPLATES);
	int error = 0;

	if (rewrite->a >= rules->program->pattern_count)
		return RULE_FAULT(rules, rule, "rewrite %u: pattern %u of %u", index, rewrite->a,
				  rules->program->pattern_count);
	if (rewrite->b != rules->templates || !qv_within(rewrite->b, rewrite->extra, all))
		return RULE_FAULT(rules, rule, "rewrite %u: templates %u and %u more of %u", index,
				  rewrite->b, rewrite->extra, all);
	rules->templates += rewrite->extra;
	for (uint32_t i = 0; i < rewrite->extra && !error; i++)
		error = check_template(rules, rule, rewrite->b + i);
	return error;
}

/* A field that a rewrite sets, to a number of at most @value or to an address. */
static bool may_set(const struct qv_rewrite *rewrite, bool address)
{
	const struct qv_field_info *field;

	if (rewrite->field >= QV_FIELD_COUNT)
		return false;
	field = &qv_fields[rewrite->field];
	return field->settable && (field->kind == QV_KIND_ADDRESS) == address;
}

static bool is_address(const struct rules *rules, uint32_t string)
{
	uint32_t length;

	if (!is_string(rules, string))
		return false;
	length = rules->program->strings[string].length;
	return length == 4 || length == 16;
}

static int check_rewrite(struct rules *rules, uint32_t rule, uint32_t index)
{
	const struct qv_rewrite *rewrite = &rules->program->rewrites[index];
	bool good = !rewrite->reserved, replaces = false;

	switch (rewrite->edit) {
	case QV_SET_NUMBER:
		good = good && may_set(rewrite, false) && !rewrite->b &&
		       rewrite->a <= qv_fields[rewrite->field].maximum;
		break;
	case QV_SET_ADDRESS:
		good = good && may_set(rewrite, true) && !rewrite->b &&
		       is_address(rules, rewrite->a);
		break;
	case QV_REPLACE:
		replaces = true;
		good = good && is_string(rules, rewrite->a) && is_string(rules, rewrite->b) &&
		       rules->program->strings[rewrite->a].length;
		break;
	case QV_REPLACE_PATTERN:
		replaces = true;
		break;
	case QV_SET_PAYLOAD:
		good = good && is_string(rules, rewrite->a) && !rewrite->b;
		break;
	default:
		good = false;
	}
	if (rewrite->edit != QV_SET_NUMBER && rewrite->edit != QV_SET_ADDRESS)
		good = good && !rewrite->field;
	if (rewrite->edit != QV_REPLACE_PATTERN)
		good = good && !rewrite->extra;
	if (!good || replaces != (rewrite->count != 0))
		return RULE_FAULT(rules, rule,
				  "rewrite %u: edit %u of field %u with %u, %u, %u, %u", index,
				  rewrite->edit, rewrite->field, rewrite->a, rewrite->b,
				  rewrite->count, rewrite->extra);
	if (rewrite->edit == QV_REPLACE_PATTERN)
		return check_replace_pattern(rules, rule, index, rewrite);
	return 0;
}

static int check_rewrites(struct rules *rules, uint32_t index, const struct qv_rule *rule)
{
	uint32_t all = qv_section_count(rules->program, QV_REWRITES);
	int error = 0;

	if (rule->first_rewrite != rules->rewrites ||
	    !qv_within(rule->first_rewrite, rule->rewrites, all))
		return RULE_FAULT(rules, index, "rewrites %u and %u more of %u",
				  rule->first_rewrite, rule->rewrites, all);
	rules->rewrites += rule->rewrites;
	for (uint32_t i = 0; i < rule->rewrites && !error; i++)
		error = check_rewrite(rules, index, rule->first_rewrite + i);
	return error;
}

static int check_rule(struct rules *rules, uint32_t index)
{
	const struct qv_program *program = rules->program;
	const struct qv_rule *rule = &program->rules[index];

	if (rule->condition >= program->node_count)
		return RULE_FAULT(rules, index, "node %u of %u", rule->condition,
				  program->node_count);
	if (program->nodes[rule->condition].op != QV_ALL)
		return RULE_FAULT(rules, index, "its condition, node %u, joins nothing",
				  rule->condition);
	if (rule->verdict >= QV_VERDICTS || (rule->queue && rule->verdict != QV_QUEUE))
		return RULE_FAULT(rules, index, "verdict %u, queue %u", rule->verdict, rule->queue);
	if (rule->flags & ~(QV_RULE_MARKS | QV_RULE_LOGS) || rule->reserved)
		return RULE_FAULT(rules, index, "flags 0x%x, reserved 0x%x", rule->flags,
				  rule->reserved);
	if (!(rule->flags & QV_RULE_MARKS) && (rule->mark_value || rule->mark_mask))
		return RULE_FAULT(rules, index, "a mark without its flag");
	if (rule->mark_value & ~rule->mark_mask)
		return RULE_FAULT(rules, index, "mark 0x%x outside its mask 0x%x",
				  rule->mark_value, rule->mark_mask);
	if (!is_string(rules, rule->name))
		return RULE_FAULT(rules, index, "name: string %u of %u", rule->name,
				  qv_section_count(program, QV_STRINGS));
	rules->met += (uint64_t)rules->parts[rule->condition] + rule->rewrites;
	if (rules->met > QV_PARTS_MAX)
		return qv_fault_set(rules->fault, E2BIG, index,
				    "the conditions up to here have more than %d parts",
				    QV_PARTS_MAX);
	if (rule->flags & QV_RULE_LOGS)
		rules->program->log_count++;
	return check_rewrites(rules, index, rule);
}

int qv_rules_verify(struct qv_program *program, struct qv_fault *fault)
{
	uint32_t rewrites = qv_section_count(program, QV_REWRITES);
	uint32_t templates = qv_section_count(program, QV_TEMPLATES);
	struct rules rules = { .program = program, .fault = fault };
	int error;

	rules.parts = malloc(((size_t)program->node_count + 1) * sizeof(*rules.parts));
	if (!rules.parts)
		return qv_fault_set(fault, ENOMEM, QV_NO_RULE, "no memory to verify rules");
	error = qv_nodes_verify(program, rules.parts, fault);
	for (uint32_t i = 0; i < program->rule_count && !error; i++)
		error = check_rule(&rules, i);
	if (!error && (rules.rewrites != rewrites || rules.templates != templates))
		error = qv_fault_set(fault, EINVAL, QV_NO_RULE, "%u rewrites and %u templates of "
				     "no rule", rewrites - rules.rewrites,
				     templates - rules.templates);
	free(rules.parts);
	return error;
}
