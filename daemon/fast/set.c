// SPDX-License-Identifier: GPL-2.0
/*
 * Sets of addresses. Small ones are bisected where they lie in the program. Large ones get an index
 * beside it, of about 4 bytes an IPv4 range and 9 bytes an IPv6 range, that costs two or three cache
 * misses where bisection costs twenty.
 *
 * IPv4: where ranges begin and where they have ended are *edges*; an address is in the set if the
 * number of edges up to it is odd. The edges of one /16 lie together as their lower 16 bits.
 * IPv6: a tree of the upper halves of where ranges begin, eight to a node, each level holding the
 * first key of every node below.
 */
#include "set.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "heap.h"

enum {
	LARGE4 = 1 << 15,	/* ranges from which on 256 KiB of roots are worth it */
	LARGE6 = 1 << 12,
	ROOTS = 1 << 16,
	NODE = 8,		/* keys: a cache line */
	LEVELS = 12,		/* NODE to this is more than 2^32 */
};

struct large4 {
	uint32_t *roots;	/* of each /16: how many edges come before it; one more at the end */
	uint16_t *edges;
};

struct large6 {
	unsigned int levels;
	uint32_t counts[LEVELS];
	uint64_t *keys[LEVELS];	/* [0]: a key a range; filled up with the greatest number */
};

struct one {
	const struct qv_range4 *ranges4;
	const struct qv_range6 *ranges6;
	uint32_t count4;
	uint32_t count6;
	struct large4 *large4;	/* NULL: bisect */
	struct large6 *large6;
};

struct qv_sets {
	struct qv_heap heap;
	struct one *sets;
};

static uint64_t upper_half(const uint8_t *address)
{
	return (uint64_t)qv_load32(address) << 32 | qv_load32(address + 4);
}

/* Put the edges of one more range behind the @count that are there; return how many are now. */
static uint32_t add_edges(struct large4 *large, uint32_t count, const struct qv_range4 *range)
{
	large->edges[count++] = (uint16_t)range->low;
	large->roots[(range->low >> 16) + 1]++;
	if (range->high < UINT32_MAX) {
		large->edges[count++] = (uint16_t)(range->high + 1);
		large->roots[((range->high + 1) >> 16) + 1]++;
	}
	return count;
}

static bool build4(struct qv_heap *heap, struct one *one)
{
	struct large4 *large = qv_heap_take(heap, 1, sizeof(*large));
	uint32_t count = 0;

	if (!large)
		return false;
	large->roots = qv_heap_take(heap, ROOTS + 1, sizeof(*large->roots));
	large->edges = qv_heap_take(heap, 2 * (uint64_t)one->count4, sizeof(*large->edges));
	if (!large->roots || !large->edges)
		return false;
	for (uint32_t i = 0; i < one->count4; i++)
		count = add_edges(large, count, &one->ranges4[i]);
	for (uint32_t i = 0; i < ROOTS; i++)
		large->roots[i + 1] += large->roots[i];
	one->large4 = large;
	return true;
}

/* Make the level above @level of @count keys: the first of each node. */
static uint32_t build_above(struct qv_heap *heap, struct large6 *large, unsigned int level,
			    uint32_t count)
{
	const uint32_t above = (count + NODE - 1) / NODE;
	const uint64_t room = ((uint64_t)above + NODE - 1) / NODE * NODE;
	uint64_t *keys = qv_heap_take(heap, room, sizeof(*keys));

	if (!keys)
		return 0;
	memset(keys, 0xff, room * sizeof(*keys));
	for (uint32_t i = 0; i < above; i++)
		keys[i] = large->keys[level][(uint64_t)i * NODE];
	large->keys[level + 1] = keys;
	return above;
}

static bool build6(struct qv_heap *heap, struct one *one)
{
	struct large6 *large = qv_heap_take(heap, 1, sizeof(*large));
	const uint64_t room = ((uint64_t)one->count6 + NODE - 1) / NODE * NODE;
	uint32_t count = one->count6;

	if (!large)
		return false;
	large->keys[0] = qv_heap_take(heap, room, sizeof(*large->keys[0]));
	if (!large->keys[0])
		return false;
	memset(large->keys[0], 0xff, room * sizeof(*large->keys[0]));
	for (uint32_t i = 0; i < count; i++)
		large->keys[0][i] = upper_half(one->ranges6[i].low);
	large->counts[0] = count;
	for (large->levels = 1; count > NODE; large->levels++) {
		count = build_above(heap, large, large->levels - 1, count);
		if (!count)
			return false;
		large->counts[large->levels] = count;
	}
	one->large6 = large;
	return true;
}

/* The first rule that asks for a set: nodes stand before the condition that needs them. */
static uint32_t user_of(const struct qv_program *program, uint32_t set)
{
	uint32_t node = 0;

	while (node < program->node_count &&
	       (program->nodes[node].op != QV_IN_SET || program->nodes[node].first != set))
		node++;
	for (uint32_t rule = 0; rule < program->rule_count; rule++)
		if (program->rules[rule].condition >= node)
			return rule;
	return QV_NO_RULE;
}

/* Build all sets. On failure @blame is a rule that asks for the one that could not be. */
static bool build(struct qv_sets *sets, const struct qv_program *program, uint32_t *blame)
{
	sets->sets = qv_heap_take(&sets->heap, program->set_count, sizeof(*sets->sets));
	if (!sets->sets)
		return false;
	for (uint32_t i = 0; i < program->set_count; i++) {
		const struct qv_set *set = &program->sets[i];
		struct one *one = &sets->sets[i];

		*one = (struct one){
			.ranges4 = program->ranges4 + set->first4,
			.ranges6 = program->ranges6 + set->first6,
			.count4 = set->count4,
			.count6 = set->count6,
		};
		if ((one->count4 >= LARGE4 && !build4(&sets->heap, one)) ||
		    (one->count6 >= LARGE6 && !build6(&sets->heap, one))) {
			*blame = user_of(program, i);
			return false;
		}
	}
	return true;
}

struct qv_sets *qv_sets_new(const struct qv_program *program, uint64_t memory,
			    struct qv_fault *fault)
{
	struct qv_heap heap = { .limit = memory };
	struct qv_sets *sets = qv_heap_take(&heap, 1, sizeof(*sets));
	uint32_t blame = QV_NO_RULE;

	if (sets) {
		sets->heap = heap;
		if (build(sets, program, &blame))
			return sets;
		heap = sets->heap;	/* which holds the sets themselves too */
	}
	qv_fault_set(fault, heap.over ? E2BIG : ENOMEM, blame,
		     heap.over ? "the sets of addresses need more than %llu bytes"
			       : "no memory for the sets of addresses, of %llu bytes at most",
		     (unsigned long long)memory);
	qv_heap_clear(&heap);
	return NULL;
}

void qv_sets_free(struct qv_sets *sets)
{
	struct qv_heap heap;

	if (!sets)
		return;
	heap = sets->heap;
	qv_heap_clear(&heap);
}

uint64_t qv_sets_memory(const struct qv_sets *sets)
{
	return sets->heap.used;
}

static bool bisect4(const struct qv_range4 *ranges, uint32_t count, uint32_t address)
{
	const struct qv_range4 *from = ranges;

	/* Without a branch that would be guessed wrong every second time. */
	while (count > 1) {
		const uint32_t half = count / 2;

		from += from[half].low <= address ? half : 0;
		count -= half;
	}
	return count && from->low <= address && address <= from->high;
}

static bool have4(const struct large4 *large, uint32_t address)
{
	const uint32_t root = address >> 16;
	const uint16_t low = (uint16_t)address;
	const uint16_t *from = large->edges + large->roots[root];
	uint32_t count = large->roots[root + 1] - large->roots[root];

	while (count > 1) {
		const uint32_t half = count / 2;

		from += from[half] <= low ? half : 0;
		count -= half;
	}
	return ((uint64_t)(from - large->edges) + (count && *from <= low)) & 1;
}

static bool bisect6(const struct qv_range6 *ranges, uint32_t count, const uint8_t *address)
{
	while (count > 1) {
		const uint32_t half = count / 2;

		if (memcmp(ranges[half].low, address, 16) <= 0)
			ranges += half;
		count -= half;
	}
	return count && memcmp(ranges->low, address, 16) <= 0 &&
	       memcmp(address, ranges->high, 16) <= 0;
}

/* How many keys of a node are at most @key. */
static unsigned int up_to(const uint64_t *keys, uint64_t key)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < NODE; i++)
		count += keys[i] <= key;
	return count;
}

static bool have6(const struct one *one, const uint8_t *address)
{
	const struct large6 *large = one->large6;
	const uint64_t key = upper_half(address);
	uint64_t at = 0;

	for (unsigned int level = large->levels; level-- > 0;) {
		const unsigned int count = up_to(large->keys[level] + at * NODE, key);

		if (!count)
			return false;	/* before the first: at the top only */
		at = at * NODE + count - 1;
		/* Keys that only fill up count too where the key is the greatest itself. */
		if (at >= large->counts[level])
			at = large->counts[level] - 1;
	}
	if (memcmp(one->ranges6[at].low, address, 16) <= 0)
		return memcmp(address, one->ranges6[at].high, 16) <= 0;
	/* Several ranges begin in this /64. */
	return bisect6(one->ranges6, (uint32_t)at, address);
}

bool qv_sets_have(const struct qv_sets *sets, uint32_t set, const uint8_t *address, uint32_t size)
{
	const struct one *one = &sets->sets[set];

	if (size != 4)
		return one->large6 ? have6(one, address)
				   : bisect6(one->ranges6, one->count6, address);
	if (one->large4)
		return have4(one->large4, qv_load32(address));
	return bisect4(one->ranges4, one->count4, qv_load32(address));
}
