// SPDX-License-Identifier: GPL-2.0
/* Looking into the index: see docs/engine.md. The code is compiled once for each qv_processor. */
#include <string.h>

#include "classifier.h"
#include "flows.h"
#include "intersect.h"
#include "read.h"

/* The rows of a search's classes in one slab, and the chunks that may have a bit in all of them. */
struct slab {
	const struct qv_row *rows[QV_AXES_MAX];
	uint64_t some;
	uint32_t number;
};

HOT void open_slab(const struct qv_index *index, const uint32_t *classes, uint32_t number,
		   struct slab *slab)
{
	slab->number = number;
	slab->some = index->whole[number];
	for (uint32_t i = 0; i < index->final_count; i++) {
		slab->rows[i] =
			&index->finals[i].rows[(size_t)classes[i] * index->slabs + number];
		slab->some &= slab->rows[i]->some;
	}
}

/* The final's vector in a chunk; a full one where it has no say, without a branch. */
HOT const struct qv_chunk *chunk_of(const struct qv_index *index, const struct slab *slab,
				    uint32_t i, int chunk)
{
	const uint64_t bit = UINT64_C(1) << chunk;
	const struct qv_final *final = &index->finals[i];
	const uint64_t asked = final->asked[slab->number];
	const struct qv_row *row = slab->rows[i];
	const uint32_t before = (uint32_t)__builtin_popcountll(row->some & asked & (bit - 1));
	const uint32_t number = final->numbers[row->first + before];

	return &index->chunks[asked & bit ? number : QV_CHUNK_FULL];
}

/* A chunk that a packet's search has to look at. */
struct item {
	uint32_t packet;
	uint32_t chunk;
};

enum {
	CHUNKS_MAX = 12,	/* of a packet among a batch's work; who has more is searched alone */
	ITEMS_MAX = BATCH * CHUNKS_MAX,
};

struct work {
	struct item items[ITEMS_MAX];
	const struct qv_chunk *chunks[ITEMS_MAX * QV_AXES_MAX];	/* of each item one a final */
	uint32_t count;
	qv_candidate best[BATCH];
	uint8_t like[BATCH];		/* an earlier packet with the same classes, or itself */
	bool alone[BATCH];		/* searched by itself, for its chunks are many */
	bool cached[BATCH];		/* and by the cache */
};

/* List the chunks of a slab that a packet's search has to look at; false if they are too many. */
HOT bool list_slab(const struct qv_index *index, struct slab *slab, uint32_t packet, uint32_t most,
		   struct work *work)
{
	for (; slab->some; slab->some &= slab->some - 1) {
		const int chunk = __builtin_ctzll(slab->some);
		const struct qv_chunk **chunks =
			&work->chunks[(size_t)work->count * index->final_count];

		if (work->count == most)
			return false;
		for (uint32_t i = 0; i < index->final_count; i++) {
			chunks[i] = chunk_of(index, slab, i, chunk);
			__builtin_prefetch(chunks[i]);
		}
		work->items[work->count++] = (struct item){
			packet,
			slab->number * QV_SLAB_CHUNKS + (uint32_t)chunk,
		};
	}
	return true;
}

/* List a packet's chunks and begin to load them, unless it is better searched by itself. */
HOT void list_chunks(const struct qv_index *index, struct qv_flows *flows,
		     const struct qv_search *search, uint32_t packet, struct work *work)
{
	const uint32_t before = work->count;

	work->cached[packet] = false;
	for (uint32_t number = 0; number < index->slabs; number++) {
		struct slab slab;

		open_slab(index, search->classes, number, &slab);
		if (!work->cached[packet] &&
		    __builtin_popcountll(slab.some) > QV_FLOWS_WORTH)
			work->cached[packet] = qv_flows_awake(flows);
		if (work->cached[packet] ||
		    !list_slab(index, &slab, packet, before + CHUNKS_MAX, work)) {
			work->alone[packet] = true;
			work->count = before;
			return;
		}
	}
}

/* The first candidate of a chunk's vectors' intersection, without a branch. */
HOT qv_candidate first_of(const struct qv_index *index, enum qv_processor level,
			  const struct qv_chunk *const *chunks, uint32_t chunk)
{
	struct qv_chunk both;
	const uint32_t some = intersect(level, chunks, index->final_count, &both);
	const uint32_t word = (uint32_t)__builtin_ctz(some | 1 << (QV_CHUNK_WORDS - 1));
	const uint32_t bit = (uint32_t)__builtin_ctzll(both.words[word] | UINT64_C(1) << 63);
	const uint32_t place = chunk * QV_CHUNK_BITS + word * 64 + bit;

	return index->candidates[some ? place : index->places];
}

/* Put a candidate in its place among those found; a rule is there once. */
HOT void keep(struct qv_search *search, qv_candidate candidate)
{
	uint32_t at = search->count;

	while (at && qv_candidate_rule(search->found[at - 1]) > qv_candidate_rule(candidate))
		at--;
	if (at &&
	    qv_candidate_rule(search->found[at - 1]) == qv_candidate_rule(candidate)) {
		search->found[at - 1] &= candidate;	/* sure if one of them is */
		return;
	}
	if (search->count == QV_FOUND_MAX)
		search->complete = false;
	else
		search->count++;
	for (uint32_t i = search->count - 1; i > at; i--)
		search->found[i] = search->found[i - 1];
	if (at < QV_FOUND_MAX)
		search->found[at] = candidate;
}

/* The first place in a chunk whose rule is not before @from. */
HOT uint32_t place_from(const struct qv_index *index, uint32_t chunk, uint32_t from)
{
	const qv_candidate *candidates = index->candidates + (size_t)chunk * QV_CHUNK_BITS;
	uint32_t low = 0, high = QV_CHUNK_BITS;

	while (low < high) {
		const uint32_t middle = (low + high) / 2;

		if (qv_candidate_rule(candidates[middle]) < from)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether there is no room for a rule among those found, as they all come before it. */
HOT bool comes_late(const struct qv_search *search, uint32_t rule)
{
	return search->count == QV_FOUND_MAX &&
	       rule > qv_candidate_rule(search->found[QV_FOUND_MAX - 1]);
}

HOT void collect_chunk(const struct qv_index *index, struct qv_search *search,
		       const struct qv_chunk *both, uint32_t chunk, uint32_t from)
{
	const uint32_t first = place_from(index, chunk, from);

	for (uint32_t word = first / 64; word < QV_CHUNK_WORDS; word++) {
		uint64_t left = both->words[word];

		if (word == first / 64)
			left &= ~UINT64_C(0) << first % 64;
		for (; left; left &= left - 1) {
			const qv_candidate one =
				index->candidates[chunk * QV_CHUNK_BITS + word * 64 +
						  (uint32_t)__builtin_ctzll(left)];

			if (one == QV_NO_CANDIDATE)
				return;
			if (comes_late(search, qv_candidate_rule(one))) {
				search->complete = false;
				return;
			}
			keep(search, one);
		}
	}
}

HOT void collect(const struct qv_index *index, enum qv_processor level, struct qv_search *search,
		 uint32_t from)
{
	search->count = 0;
	search->complete = true;
	for (uint32_t number = 0; number < index->slabs; number++) {
		struct slab slab;

		open_slab(index, search->classes, number, &slab);
		for (; slab.some; slab.some &= slab.some - 1) {
			const int chunk = __builtin_ctzll(slab.some);
			const uint32_t at = number * QV_SLAB_CHUNKS + (uint32_t)chunk;
			const struct qv_chunk *chunks[QV_AXES_MAX];
			struct qv_chunk both;

			if (index->spans[at].high < from)
				continue;
			if (comes_late(search, index->spans[at].low)) {
				search->complete = false;
				continue;
			}
			for (uint32_t i = 0; i < index->final_count; i++)
				chunks[i] = chunk_of(index, &slab, i, chunk);
			if (intersect(level, chunks, index->final_count, &both))
				collect_chunk(index, search, &both, at, from);
		}
	}
}

/* Search for a packet by itself; by the cache where that knows the classes. */
HOT void search_alone(const struct qv_index *index, enum qv_processor level,
		      struct qv_flows *flows, bool cached, struct qv_search *search)
{
	if (cached && qv_flows_find(flows, search))
		return;
	collect(index, level, search, 0);
	if (cached)
		qv_flows_keep(flows, search);
}

/* Note the classes of each packet, begin to load their rows, and tell who is like the one before. */
HOT void note_classes(const struct qv_index *index, const struct batch *batch, struct work *work,
		      struct qv_search *searches)
{
	for (uint32_t k = 0; k < batch->count; k++) {
		uint32_t other = 0;

		for (uint32_t i = 0; i < index->final_count; i++) {
			const struct qv_final *final = &index->finals[i];
			const uint32_t *slot = batch->slots[final->slot];

			searches[k].classes[i] = slot[k];
			other |= slot[k] ^ slot[k ? k - 1 : 0];
			__builtin_prefetch(&final->rows[(size_t)slot[k] * index->slabs]);
		}
		searches[k].hidden = batch->hidden[k];
		work->like[k] = k && !other ? work->like[k - 1] : (uint8_t)k;
		work->alone[k] = false;
		work->best[k] = QV_NO_CANDIDATE;
	}
}

HOT void begin_batch(const struct qv_index *index, enum qv_processor level,
		     struct qv_flows *flows, struct batch *batch, struct qv_search *searches)
{
	struct work work;

	for (uint32_t i = 0; i < index->reader_count; i++)
		read_axis(index, &index->readers[i], batch, batch->slots[i]);
	for (uint32_t i = 0; i < index->pair_count; i++) {
		const struct qv_pairs *pairs = &index->pairs[i];

		for (uint32_t k = 0; k < batch->count; k++)
			batch->slots[pairs->result][k] =
				pairs->table[batch->slots[pairs->first][k] * pairs->width +
					     batch->slots[pairs->second][k]];
	}
	note_classes(index, batch, &work, searches);
	work.count = 0;
	for (uint32_t k = 0; k < batch->count; k++)
		if (work.like[k] == k)
			list_chunks(index, flows, &searches[k], k, &work);
	for (uint32_t i = 0; i < work.count; i++) {
		qv_candidate *best = &work.best[work.items[i].packet];
		const qv_candidate one =
			first_of(index, level, &work.chunks[(size_t)i * index->final_count],
				 work.items[i].chunk);

		*best = one < *best ? one : *best;
	}
	for (uint32_t k = 0; k < batch->count; k++) {
		struct qv_search *search = &searches[k];
		const uint8_t like = work.like[k];

		if (work.alone[like]) {
			search_alone(index, level, flows, work.cached[like], search);
			continue;
		}
		search->found[0] = work.best[like];
		search->count = work.best[like] != QV_NO_CANDIDATE;
		search->complete = !search->count;
	}
}

HOT void begin(const struct qv_index *index, enum qv_processor level, struct qv_flows *flows,
	       const struct qv_view *const *views, size_t count, struct qv_search *searches)
{
	for (size_t i = 0; i < count; i += BATCH) {
		struct batch batch;

		memset(batch.hidden, 0, sizeof(batch.hidden));
		batch.views = views + i;
		batch.count = count - i < BATCH ? (uint32_t)(count - i) : BATCH;
		begin_batch(index, level, flows, &batch, searches + i);
	}
}

#define LOOKUPS(name, level, attributes)                                                       \
	attributes static void begin_##name(const struct qv_index *index,                      \
					    struct qv_flows *flows,                            \
					    const struct qv_view *const *views, size_t count,  \
					    struct qv_search *searches)                        \
	{                                                                                      \
		begin(index, level, flows, views, count, searches);                            \
	}                                                                                      \
	attributes static void collect_##name(const struct qv_index *index,                    \
					      struct qv_search *search, uint32_t from)         \
	{                                                                                      \
		collect(index, level, search, from);                                           \
	}                                                                                      \
	static const struct qv_lookups lookups_##name = { begin_##name, collect_##name };

LOOKUPS(any, QV_ANY_PROCESSOR, )

#ifdef __x86_64__

LOOKUPS(avx2, QV_WITH_AVX2, AVX2)

const struct qv_lookups *qv_lookups_of(enum qv_processor level)
{
	__builtin_cpu_init();
	switch (level) {
	case QV_ANY_PROCESSOR:
		return &lookups_any;
	case QV_WITH_AVX2:
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")
			       ? &lookups_avx2
			       : NULL;
	case QV_PROCESSORS:
		break;
	}
	return NULL;
}

#else

const struct qv_lookups *qv_lookups_of(enum qv_processor level)
{
	return level == QV_ANY_PROCESSOR ? &lookups_any : NULL;
}

#endif

_Static_assert(sizeof(struct qv_search) == sizeof(struct qv_lookup), "lookups lie as searches do");

void qv_index_begin(const struct qv_index *index, struct qv_flows *flows,
		    const struct qv_view *const *views, size_t count, struct qv_lookup *lookups)
{
	index->lookups->begin(index, flows, views, count, (struct qv_search *)lookups);
}

uint32_t qv_index_next(const struct qv_index *index, struct qv_lookup *lookup, uint32_t from,
		       bool *certain)
{
	struct qv_search *search = (struct qv_search *)lookup;

	for (bool again = false;; again = true) {
		for (uint32_t i = 0; i < search->count; i++) {
			const qv_candidate one = search->found[i];

			if (qv_candidate_rule(one) < from)
				continue;
			*certain = qv_candidate_sure(one) && !search->hidden;
			return qv_candidate_rule(one);
		}
		if (search->complete || again)
			return QV_NO_RULE;
		index->lookups->collect(index, search, from);
	}
}
