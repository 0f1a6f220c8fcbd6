// SPDX-License-Identifier: GPL-2.0
/* Conditions made from a fuzzer's bytes, and the values in them; see program.c. */
#include <stdlib.h>
#include <string.h>

#include "made.h"
#include "naive.h"

enum { DEEPEST = 5, MOST_PARTS = 4 };

uint32_t made_number(struct source *source, uint32_t maximum)
{
	uint8_t choice = take8(source);
	uint32_t value;

	if (choice < 128)
		value = pool_numbers[choice % 16] + choice / 16 % 3 - 1;
	else if (choice < 192)
		value = choice - 128;
	else
		value = take32(source);
	return maximum == UINT32_MAX ? value : value % (maximum + 1);
}

static int by_low(const void *first, const void *second)
{
	const struct qv_numbers *a = first, *b = second;

	return (a->low > b->low) - (a->low < b->low);
}

/* Up to four intervals, sorted, those that meet or touch joined; returns how many. */
static uint32_t take_intervals(struct source *source, uint32_t maximum,
			       struct qv_numbers intervals[MOST_PARTS])
{
	uint32_t count = take_below(source, MOST_PARTS + 1), joined = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t a = made_number(source, maximum);
		uint32_t b = take_below(source, 2) ? made_number(source, maximum) : a;

		intervals[i].low = a < b ? a : b;
		intervals[i].high = a < b ? b : a;
	}
	qsort(intervals, count, sizeof(intervals[0]), by_low);
	for (uint32_t i = 0; i < count; i++) {
		struct qv_numbers *last = joined ? &intervals[joined - 1] : NULL;

		if (last && (last->high == UINT32_MAX || intervals[i].low <= last->high + 1)) {
			if (last->high < intervals[i].high)
				last->high = intervals[i].high;
		} else {
			intervals[joined++] = intervals[i];
		}
	}
	return joined;
}

static void add_numbers(struct sections *made, struct source *source, struct qv_node *node,
			uint32_t maximum)
{
	struct qv_numbers intervals[MOST_PARTS];

	node->count = take_intervals(source, maximum, intervals);
	node->first = sections_add(made, QV_NUMBERS, intervals, node->count);
}

uint32_t made_bytes(struct sections *made, const void *bytes, size_t size)
{
	struct qv_string string = { .length = (uint32_t)size };

	string.offset = sections_add(made, QV_BYTES, bytes, string.length);
	return sections_add(made, QV_STRINGS, &string, 1);
}

uint32_t made_string(struct sections *made, struct source *source, size_t least)
{
	static const char *const pool[8] = { "hello", "h", "lo", "GET /", "\xff\xff", "l",
					     "a.example", "HELLO, HELLO" };
	uint8_t choice = take8(source);
	uint8_t bytes[32] = { 0 };
	size_t size = choice / 8 % 32;

	if (choice < 8)
		return made_bytes(made, pool[choice], strlen(pool[choice]));
	take_bytes(source, bytes, size);
	return made_bytes(made, bytes, size < least ? least : size);
}

uint32_t made_pattern(struct sections *made, struct source *source)
{
	static const char *const pool[16] = {
		"hello", "^GET", "l+o$", "[0-9]\\.[0-9]", "(h)(.)", "(?i)HOST: ", "^$", "\\x00+",
		"", "(a|b|.)*?$", "\\b", "[^h]", "(l*)(o?)", ".{3,9}", "(?s).*", "[[:alpha:]]+",
	};
	uint8_t choice = take8(source);
	char text[24];
	uint32_t string;

	if (choice < 16) {
		string = made_bytes(made, pool[choice], strlen(pool[choice]));
	} else {
		size_t size = take_bytes(source, text, choice % sizeof(text));

		for (size_t i = 0; i < size; i++)
			text[i] = (char)(text[i] & 0x7f);
		string = made_bytes(made, text, size);
	}
	return sections_add(made, QV_PATTERNS, &string, 1);
}

/* A range of addresses: a prefix of one of the pool's. */
static void take_range(struct source *source, uint8_t *low, uint8_t *high, size_t size)
{
	unsigned int length = take_below(source, (unsigned int)size * 8 + 1);

	memcpy(low, pool_addresses[take_below(source, 4) + (size == 4 ? 0 : 4)], size);
	memcpy(high, low, size);
	for (unsigned int bit = length; bit < size * 8; bit++) {
		low[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
		high[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	}
}

/* A set of one range or none of each family, or of two that stand apart. */
static uint32_t add_set(struct sections *made, struct source *source)
{
	struct qv_set set = { 0 };
	struct qv_range4 range4;
	struct qv_range6 range6;
	uint8_t choice = take8(source), low[4], high[4];

	set.first4 = made->count[QV_RANGES4];
	set.first6 = made->count[QV_RANGES6];
	if (choice & 1) {
		take_range(source, low, high, 4);
		range4.low = naive_load(low, 4);
		range4.high = naive_load(high, 4);
		sections_add(made, QV_RANGES4, &range4, 1);
		if (choice & 4 && range4.high < UINT32_MAX - 4) {
			range4.low = range4.high + 2;
			range4.high = choice & 8 ? UINT32_MAX : range4.low + choice % 2;
			sections_add(made, QV_RANGES4, &range4, 1);
		}
	}
	if (choice & 2) {
		take_range(source, range6.low, range6.high, 16);
		sections_add(made, QV_RANGES6, &range6, 1);
		if (choice & 4 && range6.high[0] < 0xff) {
			memset(&range6.high, 0xff, 16);
			memcpy(range6.low, range6.high, 16);
			sections_add(made, QV_RANGES6, &range6, 1);
		}
	}
	set.count4 = made->count[QV_RANGES4] - set.first4;
	set.count6 = made->count[QV_RANGES6] - set.first6;
	return sections_add(made, QV_SETS, &set, 1);
}

static void add_macs(struct sections *made, struct source *source, struct qv_node *node)
{
	static const uint8_t sorted[4] = { 2, 0, 1, 3 };
	uint8_t choice = take8(source);
	struct qv_mac mac = { 0 };

	node->first = made->count[QV_MACS];
	for (unsigned int i = 0; i < 4; i++) {
		if (choice & 1u << i) {
			memcpy(mac.address, pool_macs[sorted[i]], 6);
			sections_add(made, QV_MACS, &mac, 1);
		}
	}
	node->count = made->count[QV_MACS] - node->first;
}

static void add_interfaces(struct sections *made, struct source *source, struct qv_node *node)
{
	unsigned int count = take_below(source, MOST_PARTS);

	node->first = made->count[QV_INTERFACES];
	node->count = count;
	for (unsigned int i = 0; i < count; i++) {
		struct qv_interface interface = { 0 };
		uint8_t choice = take8(source);
		const char *name = pool_interfaces[choice % 8];
		size_t length = strlen(name);

		if (length > QV_INTERFACE_SIZE - 1)
			length = QV_INTERFACE_SIZE - 1;
		interface.prefix = choice / 8 % 2;
		if (interface.prefix)
			length = length * (choice / 16) / 15;
		else if (length == 0)
			length = strlen(name = "lan");
		interface.length = (uint8_t)length;
		memcpy(interface.name, name, length);
		sections_add(made, QV_INTERFACES, &interface, 1);
	}
}

/* Where in the payload a test looks. */
static void take_place(struct sections *made, struct source *source, struct qv_node *node)
{
	uint8_t choice = take8(source);
	struct qv_window window;

	if (choice % 3 == 1 && node->op == QV_CONTAINS) {
		node->flags = QV_NODE_AT;
		node->extra = choice == 255 ? UINT32_MAX : choice / 3;
	} else if (choice % 3 == 2) {
		window.first = choice / 3 % 16;
		window.end = window.first + 1 + take8(source);
		node->flags = QV_NODE_WITHIN;
		node->extra = sections_add(made, QV_WINDOWS, &window, 1);
	}
}

/* A test of one field, the kind of which says what it is looked for in. */
static void field_test(struct sections *made, struct source *source, struct qv_node *node)
{
	node->field = (uint8_t)take_below(source, QV_FIELD_COUNT);
	switch (qv_fields[node->field].kind) {
	case QV_KIND_ADDRESS:
		node->op = QV_IN_SET;
		node->first = made->count[QV_SETS] && take_below(source, 2)
				      ? take_below(source, 256) % made->count[QV_SETS]
				      : add_set(made, source);
		return;
	case QV_KIND_MAC:
		node->op = QV_IN_MACS;
		add_macs(made, source, node);
		return;
	case QV_KIND_INTERFACE:
		node->op = QV_IN_INTERFACES;
		add_interfaces(made, source, node);
		return;
	case QV_KIND_BYTES:
		node->op = QV_PAYLOAD_LENGTH;
		node->field = 0;
		add_numbers(made, source, node, 64);
		return;
	default:
		break;
	}
	if (node->field == QV_FIELD_PORT)
		node->field = QV_FIELD_DPORT;
	if (take_below(source, 4) == 0) {
		node->op = QV_IN_MASKED;
		node->extra = made_number(source, UINT32_MAX);
		node->first = made_number(source, UINT32_MAX) & node->extra;
	} else {
		node->op = QV_IN_NUMBERS;
		add_numbers(made, source, node, qv_fields[node->field].maximum);
	}
}

static uint32_t condition(struct sections *made, struct source *source, unsigned int depth);

/* Nodes under a node of op ALL or ANY, some of them nodes that stand elsewhere too. */
static void join(struct sections *made, struct source *source, struct qv_node *node,
		 unsigned int depth)
{
	uint32_t children[MOST_PARTS];
	uint32_t count = take_below(source, MOST_PARTS + 1);

	for (uint32_t i = 0; i < count; i++) {
		if (made->count[QV_NODES] && take_below(source, 8) == 0)
			children[i] = take8(source) % made->count[QV_NODES];
		else
			children[i] = condition(made, source, depth + 1);
	}
	node->count = count;
	node->first = sections_add(made, QV_CHILDREN, children, count);
}

static uint32_t condition(struct sections *made, struct source *source, unsigned int depth)
{
	struct qv_node node = { 0 };
	unsigned int choice = depth == 0 ? 0 : take_below(source, 16);

	if (depth >= DEEPEST && choice < 4)
		choice += 4;
	switch (choice) {
	case 0:
	case 1:
		node.op = choice ? QV_ANY : QV_ALL;
		join(made, source, &node, depth);
		break;
	case 2:
	case 3:
		node.op = QV_NOT;
		node.first = condition(made, source, depth + 1);
		break;
	case 4:
		node.op = QV_CONTAINS;
		node.first = made_string(made, source, 1);
		take_place(made, source, &node);
		break;
	case 5:
		node.op = QV_MATCHES;
		node.first = made_pattern(made, source);
		take_place(made, source, &node);
		break;
	default:
		field_test(made, source, &node);
		break;
	}
	return sections_add(made, QV_NODES, &node, 1);
}

uint32_t made_condition(struct sections *made, struct source *source)
{
	return condition(made, source, 0);
}
