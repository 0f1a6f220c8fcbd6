// SPDX-License-Identifier: GPL-2.0
/* Building the index: see docs/engine.md for what it is. */
#include "index.h"

#include <errno.h>

#include "classifier.h"
#include "clause.h"
#include "cross.h"
#include "dimension.h"
#include "order.h"
#include "sweep.h"

/* What is only needed while the index is being built; all of it is on the index's heap. */
struct build {
	struct qv_index *index;
	struct qv_heap *heap;
	const struct qv_program *program;
	struct qv_clauses clauses;
	struct qv_dimensions dimensions;
	struct qv_places places;
	struct qv_chunks chunks;
	struct qv_crossing crossing;
};

/* Order the clauses, and note for each place and chunk which rules are there. */
static bool build_places(struct build *build)
{
	struct qv_places *places = &build->places;
	struct qv_index *index = build->index;
	const uint32_t chunks = (build->clauses.count + QV_CHUNK_BITS - 1) / QV_CHUNK_BITS;
	qv_candidate *candidates;
	struct qv_span *spans;
	uint64_t *whole;

	index->slabs = (chunks + QV_SLAB_CHUNKS - 1) / QV_SLAB_CHUNKS;
	/* Places of no clause are there up to a whole chunk: their rule comes after all others. */
	places->count = chunks * QV_CHUNK_BITS;
	places->chunks = chunks;
	places->clause_at = qv_heap_take(build->heap, places->count, sizeof(*places->clause_at));
	places->place_of = qv_heap_take(build->heap, places->count, sizeof(*places->place_of));
	candidates = qv_heap_take(build->heap, (uint64_t)places->count + 1, sizeof(*candidates));
	spans = qv_heap_take(build->heap, chunks, sizeof(*spans));
	whole = qv_heap_take(build->heap, index->slabs, sizeof(*whole));
	if (!places->clause_at || !places->place_of || !candidates || !spans || !whole ||
	    !qv_clauses_order(places->clause_at, build->heap, &build->clauses,
			      &build->dimensions))
		return false;
	for (uint32_t place = 0; place < places->count; place++) {
		const struct qv_clause *clause =
			&build->clauses.clauses[places->clause_at[place]];
		struct qv_span *span = &spans[place / QV_CHUNK_BITS];

		if (place >= build->clauses.count) {
			candidates[place] = QV_NO_CANDIDATE;
			continue;
		}
		places->place_of[places->clause_at[place]] = place;
		candidates[place] = clause->rule * 2 + !clause->exact;
		if (place % QV_CHUNK_BITS == 0)
			span->low = clause->rule;
		span->high = clause->rule;
	}
	for (uint32_t chunk = 0; chunk < chunks; chunk++)
		whole[chunk / QV_SLAB_CHUNKS] |= UINT64_C(1) << chunk % QV_SLAB_CHUNKS;
	candidates[places->count] = QV_NO_CANDIDATE;
	index->places = places->count;
	index->candidates = candidates;
	index->spans = spans;
	index->whole = whole;
	return true;
}

static bool build_reader(struct build *build, uint32_t number)
{
	struct qv_reader *reader = &build->index->readers[number];
	struct qv_swept swept = { .absent = 0 };
	bool built = true;

	reader->axis = build->dimensions.all[number].axis;
	if (!qv_sweep(&swept, build->heap, &build->chunks, &build->dimensions.all[number],
		      &build->clauses, &build->places))
		return false;
	reader->absent = swept.absent;
	reader->hidden = swept.hidden;
	reader->broad = swept.lines[QV_BROAD];
	build->crossing.slots[number] = swept.rows;
	build->crossing.slot_count++;
	switch ((enum qv_axis_kind)reader->axis.kind) {
	case QV_AXIS_SMALL:
	case QV_AXIS_MEMBER:
		built = qv_pages_build(&reader->pages, build->heap, &swept.lines[QV_NARROW],
				       qv_axis_last(&reader->axis));
		break;
	case QV_AXIS_WORD:
	case QV_AXIS_ADDRESS:
		built = qv_trie_build(&reader->trie, build->heap, &swept.lines[QV_NARROW]);
		break;
	case QV_AXIS_INTERFACE:
	case QV_AXIS_MAC:
		break;
	}
	qv_heap_drop(build->heap, swept.lines[QV_NARROW].starts);
	qv_heap_drop(build->heap, swept.lines[QV_NARROW].classes);
	return built;
}

/* Keep of the crossing what lookups need: tables, and rows that were not crossed. */
static bool build_finals(struct build *build)
{
	struct qv_index *index = build->index;
	struct qv_crossing *crossing = &build->crossing;

	index->pairs = qv_heap_take(build->heap, crossing->cross_count, sizeof(*index->pairs));
	if (!index->pairs)
		return false;
	for (uint32_t i = 0; i < crossing->cross_count; i++) {
		const struct qv_cross *cross = &crossing->crosses[i];

		index->pairs[index->pair_count++] = (struct qv_pairs){
			cross->table, cross->width, cross->first, cross->second, cross->result,
		};
	}
	for (uint32_t slot = 0; slot < crossing->slot_count; slot++) {
		struct qv_rows *rows = &crossing->slots[slot];

		if (crossing->crossed[slot]) {
			qv_rows_drop(rows, build->heap);
			continue;
		}
		qv_heap_drop(build->heap, rows->table);
		/* One more, as a lookup without a say in a chunk reads where its number would be. */
		rows->numbers = qv_heap_reserve(build->heap, rows->numbers, rows->number_count, 1,
						&rows->number_room, sizeof(*rows->numbers));
		if (!rows->numbers)
			return false;
		index->finals[index->final_count++] = (struct qv_final){
			rows->rows, rows->asked, rows->numbers, (uint8_t)slot,
		};
	}
	index->chunks = build->chunks.all;
	return true;
}

static void drop_build(struct build *build)
{
	qv_dimensions_drop(&build->dimensions, build->heap);
	qv_heap_drop(build->heap, build->clauses.clauses);
	qv_heap_drop(build->heap, build->clauses.literals);
	qv_heap_drop(build->heap, build->places.clause_at);
	qv_heap_drop(build->heap, build->places.place_of);
	qv_heap_drop(build->heap, build->chunks.table);
	qv_heap_drop(build->heap, build);
}

static bool build_index(struct build *build)
{
	struct qv_index *index = build->index;

	if (!qv_clauses_build(&build->clauses, build->heap, build->program) ||
	    !qv_dimensions_build(&build->dimensions, build->heap, build->program,
				 &build->clauses) ||
	    !build_places(build) || !qv_chunks_init(&build->chunks, build->heap))
		return false;
	index->reader_count = build->dimensions.count;
	index->readers =
		qv_heap_take(build->heap, index->reader_count, sizeof(*index->readers));
	if (!index->readers)
		return false;
	for (uint32_t i = 0; i < index->reader_count; i++)
		if (!build_reader(build, i))
			return false;
	return qv_cross_all(&build->crossing, build->heap, &build->chunks) && build_finals(build);
}

struct qv_index *qv_index_new(const struct qv_program *program, const struct qv_sets *sets,
			      uint64_t memory, struct qv_fault *fault)
{
	struct qv_heap heap = { .limit = memory };
	struct qv_index *index = qv_heap_take(&heap, 1, sizeof(*index));
	struct build *build = index ? qv_heap_take(&heap, 1, sizeof(*build)) : NULL;
	uint32_t blame = QV_NO_RULE;

	if (build) {
		index->heap = heap;
		index->sets = sets;
		build->index = index;
		build->heap = &index->heap;
		build->program = program;
		if (build_index(build)) {
			drop_build(build);
			for (int level = 0; level < QV_PROCESSORS; level++)
				qv_index_choose(index, (enum qv_processor)level);
			return index;
		}
		blame = build->clauses.rule;
		heap = index->heap;
	}
	if (heap.over)
		qv_fault_set(fault, E2BIG, blame, "the index needs more than %llu bytes",
			     (unsigned long long)memory);
	else
		qv_fault_set(fault, ENOMEM, blame, "no memory for the index");
	qv_heap_clear(&heap);
	return NULL;
}

void qv_index_free(struct qv_index *index)
{
	struct qv_heap heap;

	if (!index)
		return;
	heap = index->heap;
	qv_heap_clear(&heap);
}

uint64_t qv_index_memory(const struct qv_index *index)
{
	return index->heap.used;
}

bool qv_index_choose(struct qv_index *index, enum qv_processor level)
{
	const struct qv_lookups *lookups = qv_lookups_of(level);

	if (lookups)
		index->lookups = lookups;
	return lookups;
}
