// SPDX-License-Identifier: GPL-2.0
/* A program's layout, written out a second time beside policy/lower.py. */
#include <string.h>

#include "naive.h"
#include "sections.h"

size_t sections_record(enum qv_section_kind kind)
{
	static const size_t sizes[QV_SECTIONS] = {
		[QV_RULES] = sizeof(struct qv_rule),
		[QV_NODES] = sizeof(struct qv_node),
		[QV_CHILDREN] = sizeof(uint32_t),
		[QV_NUMBERS] = sizeof(struct qv_numbers),
		[QV_SETS] = sizeof(struct qv_set),
		[QV_RANGES4] = sizeof(struct qv_range4),
		[QV_RANGES6] = sizeof(struct qv_range6),
		[QV_MACS] = sizeof(struct qv_mac),
		[QV_INTERFACES] = sizeof(struct qv_interface),
		[QV_WINDOWS] = sizeof(struct qv_window),
		[QV_PATTERNS] = sizeof(uint32_t),
		[QV_REWRITES] = sizeof(struct qv_rewrite),
		[QV_TEMPLATES] = sizeof(struct qv_template),
		[QV_STRINGS] = sizeof(struct qv_string),
		[QV_BYTES] = sizeof(uint8_t),
	};

	return sizes[kind];
}

uint32_t sections_add(struct sections *sections, enum qv_section_kind kind, const void *records,
		      uint32_t count)
{
	size_t record = sections_record(kind), used = sections->count[kind] * record;
	uint32_t first = sections->count[kind];

	if (used + count * record > SECTION_BYTES) {
		sections->full = true;
		return 0;
	}
	if (used > SECTION_BYTES / 2)
		sections->full = true;
	if (count > 0)
		memcpy(sections->records[kind] + used, records, count * record);
	sections->count[kind] += count;
	return first;
}

static size_t aligned(size_t size)
{
	return (size + 7) / 8 * 8;
}

size_t sections_join(const struct sections *sections, const struct qv_program_header *header,
		     uint8_t **program)
{
	struct qv_program_header whole = *header;
	size_t end = sizeof(whole);

	for (enum qv_section_kind kind = 0; kind < QV_SECTIONS; kind++) {
		whole.sections[kind].offset = aligned(end);
		whole.sections[kind].count = sections->count[kind];
		end = aligned(end) + sections->count[kind] * sections_record(kind);
	}
	whole.size = end;
	*program = naive_alloc(end);
	memset(*program, 0, end);
	memcpy(*program, &whole, sizeof(whole));
	for (enum qv_section_kind kind = 0; kind < QV_SECTIONS; kind++) {
		size_t size = sections->count[kind] * sections_record(kind);

		if (size > 0)
			memcpy(*program + whole.sections[kind].offset, sections->records[kind],
			       size);
	}
	return end;
}
