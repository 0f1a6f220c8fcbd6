// SPDX-License-Identifier: GPL-2.0
/* The verifier: after it, no number in a program can lead the engine astray. See program.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "verify.h"

#define BROKEN(fault, rule, ...) qv_fault_set(fault, EINVAL, rule, __VA_ARGS__)

static const struct {
	const char *name;
	size_t record;		/* bytes */
} sections[QV_SECTIONS] = {
	[QV_RULES] = { "rules", sizeof(struct qv_rule) },
	[QV_NODES] = { "nodes", sizeof(struct qv_node) },
	[QV_CHILDREN] = { "children", sizeof(uint32_t) },
	[QV_NUMBERS] = { "numbers", sizeof(struct qv_numbers) },
	[QV_SETS] = { "sets", sizeof(struct qv_set) },
	[QV_RANGES4] = { "IPv4 ranges", sizeof(struct qv_range4) },
	[QV_RANGES6] = { "IPv6 ranges", sizeof(struct qv_range6) },
	[QV_MACS] = { "macs", sizeof(struct qv_mac) },
	[QV_INTERFACES] = { "interfaces", sizeof(struct qv_interface) },
	[QV_WINDOWS] = { "windows", sizeof(struct qv_window) },
	[QV_PATTERNS] = { "patterns", sizeof(uint32_t) },
	[QV_REWRITES] = { "rewrites", sizeof(struct qv_rewrite) },
	[QV_TEMPLATES] = { "templates", sizeof(struct qv_template) },
	[QV_STRINGS] = { "strings", sizeof(struct qv_string) },
	[QV_BYTES] = { "bytes", sizeof(uint8_t) },
};

static bool all_zero(const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < size; i++)
		if (byte[i])
			return false;
	return true;
}

static int check_header(const struct qv_program_header *header, size_t size,
			struct qv_fault *fault)
{
	if (header->magic != QV_PROGRAM_MAGIC)
		return BROKEN(fault, QV_NO_RULE, "no program: it begins with 0x%08x",
			      header->magic);
	if (header->version != QV_PROGRAM_VERSION)
		return BROKEN(fault, QV_NO_RULE, "version %u of programs, not %d", header->version,
			      QV_PROGRAM_VERSION);
	if (header->fields != QV_FIELDS_FINGERPRINT)
		return BROKEN(fault, QV_NO_RULE, "made for another table of fields: 0x%08x",
			      header->fields);
	if (header->size != size)
		return BROKEN(fault, QV_NO_RULE, "%zu bytes of %llu", size,
			      (unsigned long long)header->size);
	if (header->default_verdict > QV_DROP || header->on_error > QV_DROP)
		return BROKEN(fault, QV_NO_RULE, "verdict %u by default, %u on an error",
			      header->default_verdict, header->on_error);
	if (header->reserved)
		return BROKEN(fault, QV_NO_RULE, "reserved bytes of the header are used");
	return 0;
}

/* One layout is right for given counts, so sections can neither overlap nor leave the program. */
static int check_layout(const struct qv_program_header *header, const uint8_t *bytes,
			struct qv_fault *fault)
{
	uint64_t end = sizeof(*header);

	for (int kind = 0; kind < QV_SECTIONS; kind++) {
		const struct qv_section *section = &header->sections[kind];
		uint64_t offset = (end + 7) & ~UINT64_C(7);

		if (section->offset != offset || offset > header->size)
			return BROKEN(fault, QV_NO_RULE, "%s at byte %llu, not %llu of %llu",
				      sections[kind].name, (unsigned long long)section->offset,
				      (unsigned long long)offset, (unsigned long long)header->size);
		if (!all_zero(bytes + end, offset - end))
			return BROKEN(fault, QV_NO_RULE, "bytes before the %s are used",
				      sections[kind].name);
		/* Indexes have 32 bits, and the last of these is no index (QV_NO_RULE). */
		if (section->count > UINT32_MAX - 1 ||
		    section->count > (header->size - offset) / sections[kind].record)
			return BROKEN(fault, QV_NO_RULE, "%llu %s do not fit",
				      (unsigned long long)section->count, sections[kind].name);
		end = offset + section->count * sections[kind].record;
	}
	if (end != header->size)
		return BROKEN(fault, QV_NO_RULE, "ends at byte %llu of %llu",
			      (unsigned long long)end, (unsigned long long)header->size);
	return 0;
}

/* The sections lie in one object, each aligned as its records are: see check_layout. */
static const void *section(const uint8_t *bytes, enum qv_section_kind kind)
{
	const struct qv_program_header *header = (const void *)bytes;

	return bytes + header->sections[kind].offset;
}

static void fill_in(struct qv_program *program, const uint8_t *bytes)
{
	*program = (struct qv_program){
		.header = (const void *)bytes,
		.rules = section(bytes, QV_RULES),
		.nodes = section(bytes, QV_NODES),
		.children = section(bytes, QV_CHILDREN),
		.numbers = section(bytes, QV_NUMBERS),
		.sets = section(bytes, QV_SETS),
		.ranges4 = section(bytes, QV_RANGES4),
		.ranges6 = section(bytes, QV_RANGES6),
		.macs = section(bytes, QV_MACS),
		.interfaces = section(bytes, QV_INTERFACES),
		.windows = section(bytes, QV_WINDOWS),
		.patterns = section(bytes, QV_PATTERNS),
		.rewrites = section(bytes, QV_REWRITES),
		.templates = section(bytes, QV_TEMPLATES),
		.strings = section(bytes, QV_STRINGS),
		.bytes = section(bytes, QV_BYTES),
	};
	program->rule_count = qv_section_count(program, QV_RULES);
	program->node_count = qv_section_count(program, QV_NODES);
	program->set_count = qv_section_count(program, QV_SETS);
	program->pattern_count = qv_section_count(program, QV_PATTERNS);
}

static int check_strings(const struct qv_program *program, struct qv_fault *fault)
{
	uint32_t count = qv_section_count(program, QV_STRINGS);
	uint32_t all = qv_section_count(program, QV_BYTES);

	if (!count || program->strings[QV_NO_NAME].length)
		return BROKEN(fault, QV_NO_RULE, "string %d is not the empty one", QV_NO_NAME);
	for (uint32_t i = 0; i < count; i++) {
		const struct qv_string *string = &program->strings[i];

		if (!qv_within(string->offset, string->length, all))
			return BROKEN(fault, QV_NO_RULE,
				      "string %u: %u bytes at %u of %u", i, string->length,
				      string->offset, all);
	}
	for (uint32_t i = 0; i < program->pattern_count; i++)
		if (program->patterns[i] >= count)
			return BROKEN(fault, QV_NO_RULE, "pattern %u: string %u of %u", i,
				      program->patterns[i], count);
	return 0;
}

/* The records that nodes refer to, each by itself; their order is looked at node by node. */
static int check_values(const struct qv_program *program, struct qv_fault *fault)
{
	uint32_t numbers = qv_section_count(program, QV_NUMBERS);
	uint32_t macs = qv_section_count(program, QV_MACS);
	uint32_t interfaces = qv_section_count(program, QV_INTERFACES);
	uint32_t windows = qv_section_count(program, QV_WINDOWS);

	for (uint32_t i = 0; i < numbers; i++)
		if (program->numbers[i].low > program->numbers[i].high)
			return BROKEN(fault, QV_NO_RULE, "number %u runs backwards: %u to %u", i,
				      program->numbers[i].low, program->numbers[i].high);
	for (uint32_t i = 0; i < macs; i++)
		if (!all_zero(program->macs[i].reserved, sizeof(program->macs[i].reserved)))
			return BROKEN(fault, QV_NO_RULE, "mac %u: reserved bytes are used", i);
	for (uint32_t i = 0; i < interfaces; i++) {
		const struct qv_interface *interface = &program->interfaces[i];

		if (interface->prefix > 1 || interface->length >= QV_INTERFACE_SIZE ||
		    interface->length + interface->prefix == 0)
			return BROKEN(fault, QV_NO_RULE, "interface %u: length %u, prefix %u", i,
				      interface->length, interface->prefix);
		if (!all_zero(interface->name + interface->length,
			      QV_INTERFACE_SIZE - interface->length) ||
		    !all_zero(interface->reserved, sizeof(interface->reserved)))
			return BROKEN(fault, QV_NO_RULE, "interface %u: reserved bytes are used",
				      i);
	}
	for (uint32_t i = 0; i < windows; i++)
		if (program->windows[i].first >= program->windows[i].end)
			return BROKEN(fault, QV_NO_RULE, "window %u is empty: %u to %u", i,
				      program->windows[i].first, program->windows[i].end);
	return 0;
}

static bool sorted4(const struct qv_range4 *ranges, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (ranges[i].low > ranges[i].high)
			return false;
		if (i && (ranges[i - 1].high == UINT32_MAX ||
			  ranges[i].low <= ranges[i - 1].high + 1))
			return false;
	}
	return true;
}

/* Add one to a number in network order; false if there is no higher one. */
static bool successor(uint8_t next[16], const uint8_t number[16])
{
	memcpy(next, number, 16);
	for (int i = 15; i >= 0; i--)
		if (++next[i])
			return true;
	return false;
}

static bool sorted6(const struct qv_range6 *ranges, uint32_t count)
{
	uint8_t next[16];

	for (uint32_t i = 0; i < count; i++) {
		if (memcmp(ranges[i].low, ranges[i].high, 16) > 0)
			return false;
		if (i && (!successor(next, ranges[i - 1].high) ||
			  memcmp(ranges[i].low, next, 16) <= 0))
			return false;
	}
	return true;
}

static int check_sets(const struct qv_program *program, struct qv_fault *fault)
{
	uint32_t all4 = qv_section_count(program, QV_RANGES4);
	uint32_t all6 = qv_section_count(program, QV_RANGES6);
	uint32_t next4 = 0, next6 = 0;

	for (uint32_t i = 0; i < program->set_count; i++) {
		const struct qv_set *set = &program->sets[i];

		if (set->first4 != next4 || !qv_within(set->first4, set->count4, all4) ||
		    set->first6 != next6 || !qv_within(set->first6, set->count6, all6))
			return BROKEN(fault, QV_NO_RULE,
				      "set %u: ranges %u and %u more of %u, %u and %u more of %u",
				      i, set->first4, set->count4, all4, set->first6, set->count6,
				      all6);
		next4 += set->count4;
		next6 += set->count6;
		if (!sorted4(program->ranges4 + set->first4, set->count4) ||
		    !sorted6(program->ranges6 + set->first6, set->count6))
			return BROKEN(fault, QV_NO_RULE, "set %u: ranges out of order", i);
	}
	if (next4 != all4 || next6 != all6)
		return BROKEN(fault, QV_NO_RULE, "ranges of no set");
	return 0;
}

int qv_program_verify(struct qv_program *program, const void *bytes, size_t size,
		      struct qv_fault *fault)
{
	const struct qv_program_header *header = bytes;
	int error;

	if ((uintptr_t)bytes % _Alignof(struct qv_program_header))
		return BROKEN(fault, QV_NO_RULE, "not aligned");
	if (size < sizeof(*header))
		return BROKEN(fault, QV_NO_RULE, "%zu bytes are no program", size);
	error = check_header(header, size, fault);
	if (!error)
		error = check_layout(header, bytes, fault);
	if (error)
		return error;
	fill_in(program, bytes);
	error = check_strings(program, fault);
	if (!error)
		error = check_values(program, fault);
	if (!error)
		error = check_sets(program, fault);
	if (!error)
		error = qv_rules_verify(program, fault);
	return error;
}
