// SPDX-License-Identifier: GPL-2.0
#include "marking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"

struct marking {
	struct qv_program_header header;
	struct qv_rule rule;
	struct qv_node node;
	struct qv_string strings[2];	/* the empty one comes first */
	uint8_t text[8];
};

struct qv_engine *marking_engine(uint64_t generation, uint32_t mark, unsigned int lanes)
{
	static struct marking programs[2];	/* a program stays as long as its engine */
	struct marking *program = &programs[generation & 1];
	struct qv_fault fault;
	struct qv_engine *engine;

	*program = (struct marking){
		.header = {
			.magic = QV_PROGRAM_MAGIC, .version = QV_PROGRAM_VERSION,
			.default_verdict = QV_DROP, .on_error = QV_DROP,
			.size = sizeof(*program), .fields = QV_FIELDS_FINGERPRINT,
		},
		.rule = {
			.mark_value = mark, .mark_mask = UINT32_MAX, .verdict = QV_ACCEPT,
			.name = 1,
			.flags = QV_RULE_MARKS,
		},
		.node = { .op = QV_ALL },
		.strings = { { 0 }, { .offset = 0, .length = 1 } },
		.text = "r",
	};
	for (int i = 0; i < QV_SECTIONS; i++)
		program->header.sections[i].offset = offsetof(struct marking, strings);
	program->header.sections[QV_RULES] =
		(struct qv_section){ offsetof(struct marking, rule), 1 };
	program->header.sections[QV_NODES] =
		(struct qv_section){ offsetof(struct marking, node), 1 };
	program->header.sections[QV_STRINGS].count = 2;
	program->header.sections[QV_BYTES] =
		(struct qv_section){ offsetof(struct marking, text), sizeof(program->text) };
	engine = qv_engine_new(program, sizeof(*program), lanes, &(struct qv_limits){ 0 }, &fault);
	if (!engine) {
		fprintf(stderr, "no engine: %s\n", fault.text);
		exit(1);
	}
	return engine;
}
