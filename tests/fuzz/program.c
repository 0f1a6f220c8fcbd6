// SPDX-License-Identifier: GPL-2.0
/*
 * Programs made from a fuzzer's bytes. Each byte is a choice among what the verifier takes, so that
 * most inputs reach the engine; broken programs come from mutated whole ones (see mutate.c).
 */
#include <stdlib.h>
#include <string.h>

#include "made.h"
#include "naive.h"

enum { MOST_PARTS = 4 };

/* A template of up to four parts: what groups matched, and strings. */
static void templates(struct sections *made, struct source *source, struct qv_rewrite *rewrite)
{
	rewrite->extra = take_below(source, MOST_PARTS);
	rewrite->b = made->count[QV_TEMPLATES];
	for (uint32_t i = 0; i < rewrite->extra; i++) {
		struct qv_template template = { .group = take_below(source, 4) };

		if (template.group == 0)
			template.string = made_string(made, source, 0);
		sections_add(made, QV_TEMPLATES, &template, 1);
	}
}

static void add_rewrite(struct sections *made, struct source *source)
{
	static const uint8_t numbers[] = { QV_FIELD_TTL, QV_FIELD_DSCP, QV_FIELD_ECN,
					   QV_FIELD_SPORT, QV_FIELD_DPORT, QV_FIELD_TCP_WINDOW };
	struct qv_rewrite rewrite = { .edit = (uint8_t)take_below(source, QV_EDITS) };
	uint8_t choice = take8(source);

	switch (rewrite.edit) {
	case QV_SET_NUMBER:
		rewrite.field = numbers[choice % sizeof(numbers)];
		rewrite.a = made_number(source, qv_fields[rewrite.field].maximum);
		break;
	case QV_SET_ADDRESS:
		rewrite.field = choice & 1 ? QV_FIELD_SRC : QV_FIELD_DST;
		rewrite.a = made_bytes(made, pool_addresses[choice / 2 % 8], choice & 8 ? 16 : 4);
		break;
	case QV_REPLACE:
		rewrite.a = made_string(made, source, 1);
		rewrite.b = made_string(made, source, 0);
		break;
	case QV_REPLACE_PATTERN:
		rewrite.a = made_pattern(made, source);
		templates(made, source, &rewrite);
		break;
	default:
		rewrite.a = made_string(made, source, 0);
		break;
	}
	if (rewrite.edit == QV_REPLACE || rewrite.edit == QV_REPLACE_PATTERN)
		rewrite.count = choice < 128 ? QV_ALL_MATCHES : choice % 3 + 1u;
	sections_add(made, QV_REWRITES, &rewrite, 1);
}

static void add_rule(struct sections *made, struct source *source)
{
	uint8_t choice = take8(source);
	struct qv_rule rule = { .condition = made_condition(made, source) };

	rule.verdict = (uint8_t)take_below(source, QV_VERDICTS);
	if (rule.verdict == QV_QUEUE)
		rule.queue = take16(source);
	if (choice & 1) {
		rule.flags |= QV_RULE_MARKS;
		rule.mark_mask = made_number(source, UINT32_MAX);
		rule.mark_value = made_number(source, UINT32_MAX) & rule.mark_mask;
	}
	if (choice & 2)
		rule.flags |= QV_RULE_LOGS;
	rule.first_rewrite = made->count[QV_REWRITES];
	if (choice & 4)
		add_rewrite(made, source);
	if (choice & 8)
		add_rewrite(made, source);
	rule.rewrites = made->count[QV_REWRITES] - rule.first_rewrite;
	sections_add(made, QV_RULES, &rule, 1);
}

size_t input_program(struct source *source, uint8_t **program)
{
	struct sections *made = naive_alloc(sizeof(*made));
	uint8_t options = take8(source);
	struct qv_program_header header = {
		.magic = QV_PROGRAM_MAGIC,
		.version = QV_PROGRAM_VERSION,
		.default_verdict = options & 1,
		.on_error = options >> 1 & 1,
		.fields = QV_FIELDS_FINGERPRINT,
	};
	size_t size;

	memset(made, 0, sizeof(*made));
	made_bytes(made, "", 0);
	while (source->size > 0 && !made->full)
		add_rule(made, source);
	size = sections_join(made, &header, program);
	free(made);
	return size;
}
