// SPDX-License-Identifier: GPL-2.0
/* From conditions to clauses: see clause.h. */
#include "clause.h"

#include <string.h>

#include "axis.h"
#include "fault.h"

enum {
	CLAUSES_MAX = 64,	/* of a rule; what would make more is left to the condition */
	LITERALS_MAX = 64,	/* of a clause; likewise */
	PENDING_MAX = 1024,	/* parts of a rule that are looked at; likewise */
};

/* A part that is still to be taken into the clause at hand. */
struct pending {
	uint32_t node;
	bool negated;
	bool counted;		/* within an "any" whose clauses are counted already */
	const struct pending *next;
};

struct walk {
	struct qv_clauses *clauses;
	struct qv_heap *heap;
	const struct qv_program *program;
	/* How many clauses a node makes, as it stands and negated; CLAUSES_MAX + 1: too many. */
	uint8_t *sizes[2];
	struct pending pool[PENDING_MAX];
	uint32_t pooled;
	uint32_t rule;
	uint32_t made;		/* clauses that the rule may have made so far, at most */
	struct {
		uint32_t node;
		bool negated;
	} literals[LITERALS_MAX];
};

/* What is known of the clause at hand, on the way down. */
struct path {
	const struct pending *pending;
	uint32_t literals;
	bool exact;
};

static bool is_all(const struct qv_node *node, bool negated)
{
	return node->op == (negated ? QV_ANY : QV_ALL);
}

static bool is_any(const struct qv_node *node, bool negated)
{
	return node->op == (negated ? QV_ALL : QV_ANY);
}

/* How many clauses "all" makes: a product; none as soon as one part makes none. */
static unsigned int size_all(const struct walk *walk, const struct qv_node *node, bool negated)
{
	unsigned int size = 1;

	for (uint32_t i = 0; i < node->count; i++) {
		size *= walk->sizes[negated][walk->program->children[node->first + i]];
		if (!size)
			return 0;
		if (size > CLAUSES_MAX)
			size = CLAUSES_MAX + 1;
	}
	return size;
}

static unsigned int size_any(const struct walk *walk, const struct qv_node *node, bool negated)
{
	unsigned int size = 0;

	for (uint32_t i = 0; i < node->count && size <= CLAUSES_MAX; i++)
		size += walk->sizes[negated][walk->program->children[node->first + i]];
	return size > CLAUSES_MAX ? CLAUSES_MAX + 1 : size;
}

static void measure(struct walk *walk)
{
	for (uint32_t i = 0; i < walk->program->node_count; i++) {
		const struct qv_node *node = &walk->program->nodes[i];

		for (int negated = 0; negated < 2; negated++) {
			unsigned int size = 1;

			if (is_all(node, negated))
				size = size_all(walk, node, negated);
			else if (is_any(node, negated))
				size = size_any(walk, node, negated);
			else if (node->op == QV_NOT)
				size = walk->sizes[!negated][node->first];
			walk->sizes[negated][i] = (uint8_t)size;
		}
	}
}

static bool emit(struct walk *walk, const struct path *path)
{
	struct qv_clauses *clauses = walk->clauses;
	struct qv_clause *list = qv_heap_reserve(walk->heap, clauses->clauses, clauses->count, 1,
						 &clauses->room, sizeof(*list));
	struct qv_literal *literals;

	if (!list)
		return false;
	clauses->clauses = list;
	literals = qv_heap_reserve(walk->heap, clauses->literals, clauses->literal_count,
				   path->literals, &clauses->literal_room, sizeof(*literals));
	if (!literals)
		return false;
	clauses->literals = literals;
	list[clauses->count] = (struct qv_clause){
		.rule = walk->rule,
		.first = clauses->literal_count,
		.literals = path->literals,
		.exact = path->exact,
	};
	for (uint32_t i = 0; i < path->literals; i++)
		literals[clauses->literal_count++] = (struct qv_literal){
			.clause = clauses->count,
			.node = walk->literals[i].node,
			.negated = walk->literals[i].negated,
		};
	clauses->count++;
	return true;
}

/* Put a part before those that are pending; false if there are too many. */
static bool push(struct walk *walk, struct path *path, uint32_t node, bool negated, bool counted)
{
	struct pending *pending;

	if (walk->pooled == PENDING_MAX)
		return false;
	pending = &walk->pool[walk->pooled++];
	*pending = (struct pending){ node, negated, counted, path->pending };
	path->pending = pending;
	return true;
}

static void push_all(struct walk *walk, struct path *path, const struct qv_node *node,
		     const struct pending *now)
{
	for (uint32_t i = node->count; i-- > 0;)
		if (!push(walk, path, walk->program->children[node->first + i], now->negated,
			  now->counted))
			path->exact = false;
}

static void add_literal(struct walk *walk, struct path *path, const struct pending *now)
{
	struct qv_axis axis;

	if (path->literals == LITERALS_MAX ||
	    !qv_axis_of(&axis, walk->program, &walk->program->nodes[now->node])) {
		path->exact = false;
		return;
	}
	walk->literals[path->literals].node = now->node;
	walk->literals[path->literals].negated = now->negated;
	path->literals++;
}

static bool take(struct walk *walk, struct path path);

/* Whether an "any" may become clauses; counts them. */
static bool admit(struct walk *walk, const struct pending *now)
{
	const unsigned int size = walk->sizes[now->negated][now->node];

	if (now->counted || !size)
		return true;
	if (walk->made * size > CLAUSES_MAX)
		return false;
	walk->made *= size;
	return true;
}

/* The part that is left of an "any" whose others can never be true. */
static uint32_t only_part(const struct walk *walk, const struct qv_node *node, bool negated)
{
	const uint32_t *parts = walk->program->children + node->first;

	while (!walk->sizes[negated][*parts])
		parts++;
	return *parts;
}

/* Go on once with each part of an "any". */
static bool branch(struct walk *walk, const struct path *path, const struct qv_node *node,
		   const struct pending *now)
{
	const uint32_t pooled = walk->pooled;

	for (uint32_t i = 0; i < node->count; i++) {
		const uint32_t part = walk->program->children[node->first + i];
		struct path one = *path;

		if (!walk->sizes[now->negated][part])
			continue;
		if (!push(walk, &one, part, now->negated, true))
			one.exact = false;
		if (!take(walk, one))
			return false;
		walk->pooled = pooled;
	}
	return true;
}

/* Take what is pending into the clause at hand; where there is a choice, make a clause for each. */
static bool take(struct walk *walk, struct path path)
{
	while (path.pending) {
		const struct pending *now = path.pending;
		const struct qv_node *node = &walk->program->nodes[now->node];

		path.pending = now->next;
		if (is_all(node, now->negated)) {
			push_all(walk, &path, node, now);
		} else if (node->op == QV_NOT) {
			if (!push(walk, &path, node->first, !now->negated, now->counted))
				path.exact = false;
		} else if (!is_any(node, now->negated)) {
			add_literal(walk, &path, now);
		} else if (walk->sizes[now->negated][now->node] == 1) {
			if (!push(walk, &path, only_part(walk, node, now->negated), now->negated,
				  now->counted))
				path.exact = false;
		} else if (admit(walk, now)) {
			return branch(walk, &path, node, now);
		} else {
			path.exact = false;
		}
	}
	return emit(walk, &path);
}

static bool take_rules(struct walk *walk)
{
	for (uint32_t rule = 0; rule < walk->program->rule_count; rule++) {
		const uint32_t condition = walk->program->rules[rule].condition;
		struct path path = { .exact = true };

		walk->clauses->rule = rule;
		if (!walk->sizes[false][condition])
			continue;	/* is never true */
		walk->rule = rule;
		walk->pooled = 0;
		walk->made = 1;
		push(walk, &path, condition, false, false);
		if (!take(walk, path))
			return false;
	}
	return true;
}

bool qv_clauses_build(struct qv_clauses *clauses, struct qv_heap *heap,
		      const struct qv_program *program)
{
	struct walk *walk = qv_heap_take(heap, 1, sizeof(*walk));
	bool built = false;

	clauses->rule = QV_NO_RULE;
	if (!walk)
		return false;
	walk->clauses = clauses;
	walk->heap = heap;
	walk->program = program;
	walk->sizes[false] = qv_heap_take(heap, program->node_count, 1);
	walk->sizes[true] = qv_heap_take(heap, program->node_count, 1);
	if (walk->sizes[false] && walk->sizes[true]) {
		measure(walk);
		built = take_rules(walk);
	}
	qv_heap_drop(heap, walk->sizes[false]);
	qv_heap_drop(heap, walk->sizes[true]);
	qv_heap_drop(heap, walk);
	return built;
}
