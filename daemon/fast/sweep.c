// SPDX-License-Identifier: GPL-2.0
/* The sweep: see sweep.h. */
#include "sweep.h"

#include <string.h>

struct sweep {
	struct qv_swept *swept;
	struct qv_heap *heap;
	struct qv_chunks *chunks;
	const struct qv_dimension *dimension;
	struct qv_clauses *clauses;
	const struct qv_places *places;
	struct qv_chunk *vector;	/* the clauses that are possible here */
	uint32_t *numbers;		/* of its chunks */
	bool *changed;			/* whether a chunk is newer than its number */
	uint32_t *touched;		/* those that are */
	uint32_t touched_count;
	uint16_t *missing;		/* of each place: literals that are not true here */
	uint32_t *depths;		/* of each value: ranges that we are in */
};

static void touch(struct sweep *sweep, uint32_t place)
{
	const uint32_t chunk = place / QV_CHUNK_BITS;

	if (!sweep->changed[chunk])
		sweep->touched[sweep->touched_count++] = chunk;
	sweep->changed[chunk] = true;
}

static uint64_t *word_of(const struct sweep *sweep, uint32_t place)
{
	return &sweep->vector[place / QV_CHUNK_BITS].words[place % QV_CHUNK_BITS / 64];
}

/* A literal has become true, or is no more: so may its clause. */
static void turn(struct sweep *sweep, const struct qv_literal *literal, bool truth)
{
	const uint32_t place = sweep->places->place_of[literal->clause];
	const uint64_t bit = UINT64_C(1) << place % 64;

	if (!truth && sweep->missing[place]++ == 0) {
		*word_of(sweep, place) &= ~bit;
		touch(sweep, place);
	} else if (truth && --sweep->missing[place] == 0) {
		*word_of(sweep, place) |= bit;
		touch(sweep, place);
	}
}

static void cross_edge(struct sweep *sweep, const struct qv_edge *edge)
{
	const struct qv_dimension *dimension = sweep->dimension;
	const uint32_t value = edge->value;

	/* Ranges of names can lie within others. */
	if (edge->enters ? sweep->depths[value]++ : --sweep->depths[value])
		return;
	for (uint32_t i = dimension->firsts[value]; i < dimension->firsts[value + 1]; i++) {
		const struct qv_literal *literal =
			&sweep->clauses->literals[dimension->literals[i]];

		sweep->clauses->rule = sweep->clauses->clauses[literal->clause].rule;
		turn(sweep, literal, edge->enters != literal->negated);
	}
}

/* Return the class of where we are; UINT32_MAX: no memory. */
static uint32_t class_here(struct sweep *sweep)
{
	while (sweep->touched_count) {
		const uint32_t chunk = sweep->touched[--sweep->touched_count];
		const uint32_t number =
			qv_chunks_number(sweep->chunks, sweep->heap, &sweep->vector[chunk]);

		if (number == UINT32_MAX)
			return UINT32_MAX;
		sweep->numbers[chunk] = number;
		sweep->changed[chunk] = false;
	}
	return qv_rows_class(&sweep->swept->rows, sweep->heap, sweep->numbers);
}

/* Nothing asked of the axis is true: where the packet lacks the field. Bits of no clause are set. */
static void start_absent(struct sweep *sweep)
{
	const struct qv_dimension *dimension = sweep->dimension;

	memset(sweep->vector, 0xff, sweep->places->chunks * sizeof(*sweep->vector));
	memset(sweep->missing, 0, sweep->places->count * sizeof(*sweep->missing));
	for (uint32_t i = 0; i < sweep->places->chunks; i++)
		touch(sweep, i * QV_CHUNK_BITS);
	for (uint32_t i = 0; i < dimension->literal_count; i++)
		turn(sweep, &sweep->clauses->literals[dimension->literals[i]], false);
}

/* Before a line's first edge: the negated literals are true. */
static void start_line(struct sweep *sweep)
{
	const struct qv_dimension *dimension = sweep->dimension;

	start_absent(sweep);
	memset(sweep->depths, 0, dimension->values * sizeof(*sweep->depths));
	for (uint32_t i = 0; i < dimension->literal_count; i++) {
		const struct qv_literal *literal =
			&sweep->clauses->literals[dimension->literals[i]];

		if (literal->negated)
			turn(sweep, literal, true);
	}
}

static bool add_interval(struct sweep *sweep, struct qv_intervals *intervals, qv_wide start)
{
	const uint32_t class = class_here(sweep);

	if (class == UINT32_MAX)
		return false;
	if (intervals->count && intervals->classes[intervals->count - 1] == class)
		return true;
	intervals->starts[intervals->count] = start;
	intervals->classes[intervals->count++] = class;
	return true;
}

static bool sweep_line(struct sweep *sweep, int line)
{
	const struct qv_edges *edges = &sweep->dimension->edges[line];
	struct qv_intervals *intervals = &sweep->swept->lines[line];
	const uint64_t most = (uint64_t)edges->count + 1;

	intervals->starts = qv_heap_take(sweep->heap, most, sizeof(*intervals->starts));
	intervals->classes = qv_heap_take(sweep->heap, most, sizeof(*intervals->classes));
	if (!intervals->starts || !intervals->classes)
		return false;
	start_line(sweep);
	if ((!edges->count || edges->edges[0].key) && !add_interval(sweep, intervals, 0))
		return false;
	for (uint32_t i = 0; i < edges->count;) {
		const qv_wide key = edges->edges[i].key;

		while (i < edges->count && edges->edges[i].key == key)
			cross_edge(sweep, &edges->edges[i++]);
		if (!add_interval(sweep, intervals, key))
			return false;
	}
	return true;
}

static void mark_asked(const struct sweep *sweep)
{
	const struct qv_dimension *dimension = sweep->dimension;

	for (uint32_t i = 0; i < dimension->literal_count; i++) {
		const uint32_t clause = sweep->clauses->literals[dimension->literals[i]].clause;
		const uint32_t chunk = sweep->places->place_of[clause] / QV_CHUNK_BITS;

		sweep->swept->rows.asked[chunk / QV_SLAB_CHUNKS] |= UINT64_C(1)
								    << chunk % QV_SLAB_CHUNKS;
	}
}

static bool classify_missing(struct sweep *sweep)
{
	start_absent(sweep);
	sweep->swept->absent = class_here(sweep);
	for (uint32_t i = 0; i < sweep->places->chunks; i++)
		sweep->numbers[i] = QV_CHUNK_FULL;
	sweep->swept->hidden = qv_rows_class(&sweep->swept->rows, sweep->heap, sweep->numbers);
	return sweep->swept->absent != UINT32_MAX && sweep->swept->hidden != UINT32_MAX;
}

bool qv_sweep(struct qv_swept *swept, struct qv_heap *heap, struct qv_chunks *chunks,
	      const struct qv_dimension *dimension, struct qv_clauses *clauses,
	      const struct qv_places *places)
{
	struct sweep sweep = {
		.swept = swept,
		.heap = heap,
		.chunks = chunks,
		.dimension = dimension,
		.clauses = clauses,
		.places = places,
		.vector = qv_heap_take(heap, places->chunks, sizeof(*sweep.vector)),
		.numbers = qv_heap_take(heap, places->chunks, sizeof(*sweep.numbers)),
		.changed = qv_heap_take(heap, places->chunks, sizeof(*sweep.changed)),
		.touched = qv_heap_take(heap, places->chunks, sizeof(*sweep.touched)),
		.missing = qv_heap_take(heap, places->count, sizeof(*sweep.missing)),
		.depths = qv_heap_take(heap, dimension->values, sizeof(*sweep.depths)),
	};

	if (!qv_rows_init(&swept->rows, heap, places->chunks) || !sweep.vector || !sweep.numbers ||
	    !sweep.changed || !sweep.touched || !sweep.missing || !sweep.depths)
		return false;
	mark_asked(&sweep);
	if (!classify_missing(&sweep))
		return false;
	for (int line = 0; line < QV_LINES; line++)
		if (!sweep_line(&sweep, line))
			return false;
	qv_heap_drop(heap, sweep.vector);
	qv_heap_drop(heap, sweep.numbers);
	qv_heap_drop(heap, sweep.changed);
	qv_heap_drop(heap, sweep.touched);
	qv_heap_drop(heap, sweep.missing);
	qv_heap_drop(heap, sweep.depths);
	return true;
}
