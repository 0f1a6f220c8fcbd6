// SPDX-License-Identifier: GPL-2.0
/* Looking into the index: see docs/engine.md. The code is compiled once for each qv_processor. */
#include <string.h>

#include "classifier.h"
#include "flows.h"

#define HOT static inline __attribute__((always_inline))

enum { BATCH = 64 };	/* packets taken through each step together, so that loads overlap */

/* The results of all readers and tables for a batch. */
struct batch {
	uint32_t slots[2 * QV_AXES_MAX][BATCH];
	bool hidden[BATCH];
	const struct qv_view *const *views;
	uint32_t count;
};

/* The class of a field that has no value. */
HOT uint32_t missing(const struct qv_reader *reader, qv_outcome state, bool *hidden)
{
	if (state == QV_ABSENT)
		return reader->absent;
	*hidden = true;
	return reader->hidden;
}

HOT uint32_t read_small(const struct qv_reader *reader, const struct qv_view *view,
			enum qv_field field, bool *hidden)
{
	uint32_t value = 0;
	const qv_outcome state = qv_view_number(view, field, &value);

	if (state != QV_PRESENT)
		return missing(reader, state, hidden);
	return qv_pages_find(&reader->pages, value);
}

HOT uint32_t read_word(const struct qv_reader *reader, const struct qv_view *view, bool *hidden)
{
	uint32_t value = 0;
	const qv_outcome state = qv_view_number(view, (enum qv_field)reader->axis.field, &value);

	if (state != QV_PRESENT)
		return missing(reader, state, hidden);
	return qv_trie_find(&reader->trie, value & reader->axis.detail);
}

HOT uint32_t read_address(const struct qv_reader *reader, const struct qv_view *view,
			  enum qv_field field, bool *hidden)
{
	const uint8_t *address = NULL;
	uint32_t size = 0;
	const qv_outcome state = qv_view_address(view, field, &address, &size);

	if (state != QV_PRESENT)
		return missing(reader, state, hidden);
	if (size == 4)
		return qv_trie_find(&reader->trie, qv_load32(address));
	return qv_intervals_find(&reader->broad, qv_wide_of(address));
}

HOT uint32_t read_member(const struct qv_index *index, const struct qv_reader *reader,
			 const struct qv_view *view, bool *hidden)
{
	const uint8_t *address = NULL;
	uint32_t size = 0;
	const qv_outcome state =
		qv_view_address(view, (enum qv_field)reader->axis.field, &address, &size);

	if (state != QV_PRESENT)
		return missing(reader, state, hidden);
	return qv_pages_find(&reader->pages,
			     qv_sets_have(index->sets, reader->axis.detail, address, size));
}

HOT uint32_t read_interface(const struct qv_reader *reader, const struct qv_view *view,
			    bool *hidden)
{
	const struct qv_ifname *name = NULL;
	const qv_outcome state =
		qv_view_interface(view, (enum qv_field)reader->axis.field, &name);

	if (state != QV_PRESENT)
		return missing(reader, state, hidden);
	return qv_intervals_find(&reader->broad, qv_wide_of_name(name->name, name->length));
}

HOT uint32_t read_mac(const struct qv_reader *reader, const struct qv_view *view, bool *hidden)
{
	const uint8_t *mac = NULL;
	const qv_outcome state = qv_view_mac(view, &mac);

	if (state != QV_PRESENT)
		return missing(reader, state, hidden);
	return qv_intervals_find(&reader->broad, qv_wide_of_mac(mac));
}

/* Fill in a slot by an expression of @view and @hidden, for each packet of the batch. */
#define READ_EACH(expression)                                        \
	do {                                                         \
		for (uint32_t i = 0; i < batch->count; i++) {        \
			const struct qv_view *view = batch->views[i]; \
			bool *hidden = &batch->hidden[i];            \
                                                                     \
			slot[i] = view ? (expression) : 0;           \
		}                                                    \
	} while (0)

/* Fields that most policies ask for are named, so that the compiler knows where they are. */
HOT void read_numbers(const struct qv_reader *reader, struct batch *batch, uint32_t *slot)
{
	const enum qv_field field = (enum qv_field)reader->axis.field;

	switch (field) {
	case QV_FIELD_PROTO:
		READ_EACH(read_small(reader, view, QV_FIELD_PROTO, hidden));
		break;
	case QV_FIELD_SPORT:
		READ_EACH(read_small(reader, view, QV_FIELD_SPORT, hidden));
		break;
	case QV_FIELD_DPORT:
		READ_EACH(read_small(reader, view, QV_FIELD_DPORT, hidden));
		break;
	default:
		READ_EACH(read_small(reader, view, field, hidden));
		break;
	}
}

HOT void read_axis(const struct qv_index *index, const struct qv_reader *reader,
		   struct batch *batch, uint32_t *slot)
{
	switch ((enum qv_axis_kind)reader->axis.kind) {
	case QV_AXIS_SMALL:
		read_numbers(reader, batch, slot);
		break;
	case QV_AXIS_WORD:
		READ_EACH(read_word(reader, view, hidden));
		break;
	case QV_AXIS_ADDRESS:
		if (reader->axis.field == QV_FIELD_SRC)
			READ_EACH(read_address(reader, view, QV_FIELD_SRC, hidden));
		else
			READ_EACH(read_address(reader, view, QV_FIELD_DST, hidden));
		break;
	case QV_AXIS_MEMBER:
		READ_EACH(read_member(index, reader, view, hidden));
		break;
	case QV_AXIS_INTERFACE:
		READ_EACH(read_interface(reader, view, hidden));
		break;
	case QV_AXIS_MAC:
		READ_EACH(read_mac(reader, view, hidden));
		break;
	}
}

typedef uint64_t bits512 __attribute__((vector_size(64), may_alias));

/* The rows of a search's classes in one slab, and the chunks that may have a bit in all of them. */
struct slab {
	const struct qv_row *rows[QV_AXES_MAX];
	uint64_t some;
	uint32_t number;
};

HOT void open_slab(const struct qv_index *index, const struct qv_search *search, uint32_t number,
		   struct slab *slab)
{
	slab->number = number;
	slab->some = index->whole[number];
	for (uint32_t i = 0; i < index->final_count; i++) {
		slab->rows[i] = &index->finals[i].rows[(size_t)search->classes[i] * index->slabs +
						       number];
		slab->some &= slab->rows[i]->some;
	}
}

/* Intersect the vectors in one chunk. The result is not returned: how depends on the processor. */
HOT void intersect(const struct qv_index *index, const struct slab *slab, int chunk,
		   struct qv_chunk *result)
{
	const uint64_t bit = UINT64_C(1) << chunk;
	bits512 all = ~(bits512){ 0 };

	for (uint32_t i = 0; i < index->final_count; i++) {
		const struct qv_final *final = &index->finals[i];
		const uint64_t asked = final->asked[slab->number];
		const struct qv_row *row = slab->rows[i];
		uint32_t at;

		if (!(asked & bit))
			continue;
		at = row->first +
		     (uint32_t)__builtin_popcountll(row->some & asked & (bit - 1));
		all &= *(const bits512 *)&index->chunks[final->numbers[at]];
	}
	*(bits512 *)result = all;
}

/* Find the best candidate of all. */
HOT qv_candidate best_of(const struct qv_index *index, const struct qv_search *search)
{
	qv_candidate best = QV_NO_CANDIDATE;

	for (uint32_t number = 0; number < index->slabs; number++) {
		struct slab slab;

		open_slab(index, search, number, &slab);
		for (; slab.some; slab.some &= slab.some - 1) {
			const int chunk = __builtin_ctzll(slab.some);
			const uint32_t at = number * QV_SLAB_CHUNKS + (uint32_t)chunk;
			struct qv_chunk found;

			if (index->spans[at].low > qv_candidate_rule(best))
				continue;
			intersect(index, &slab, chunk, &found);
			for (uint32_t word = 0; word < QV_CHUNK_WORDS; word++) {
				qv_candidate one;

				if (!found.words[word])
					continue;
				one = index->candidates[at * QV_CHUNK_BITS + word * 64 +
							(uint32_t)__builtin_ctzll(found.words[word])];
				if (qv_candidate_rule(one) < qv_candidate_rule(best))
					best = one;
				else if (qv_candidate_rule(one) == qv_candidate_rule(best))
					best |= one & QV_EXACT;
				break;
			}
		}
	}
	return best;
}

/* Put a candidate in its place among those found; a rule is there once. */
HOT void keep(struct qv_search *search, qv_candidate candidate)
{
	const uint32_t rule = qv_candidate_rule(candidate);
	uint32_t at = search->count;

	while (at && qv_candidate_rule(search->found[at - 1]) > rule)
		at--;
	if (at && qv_candidate_rule(search->found[at - 1]) == rule) {
		search->found[at - 1] |= candidate & QV_EXACT;
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

/* The first place of a chunk whose rule is not before @from. */
HOT uint32_t place_from(const struct qv_index *index, uint32_t chunk, uint32_t from)
{
	uint32_t low = chunk * QV_CHUNK_BITS, high = low + QV_CHUNK_BITS;

	while (low < high) {
		const uint32_t middle = (low + high) / 2;

		if (qv_candidate_rule(index->candidates[middle]) < from)
			low = middle + 1;
		else
			high = middle;
	}
	return low % QV_CHUNK_BITS + (low == (chunk + 1) * QV_CHUNK_BITS ? QV_CHUNK_BITS : 0);
}

HOT void collect_chunk(const struct qv_index *index, struct qv_search *search,
		       const uint64_t *words, uint32_t chunk, uint32_t from)
{
	const uint32_t first = place_from(index, chunk, from);

	for (uint32_t word = first / 64; word < QV_CHUNK_WORDS; word++) {
		uint64_t left = words[word];

		if (word == first / 64)
			left &= ~UINT64_C(0) << first % 64;
		for (; left; left &= left - 1) {
			const qv_candidate one =
				index->candidates[chunk * QV_CHUNK_BITS + word * 64 +
						  (uint32_t)__builtin_ctzll(left)];

			if (qv_candidate_rule(one) == QV_NO_CANDIDATE)
				return;
			if (search->count == QV_FOUND_MAX &&
			    qv_candidate_rule(one) >
				    qv_candidate_rule(search->found[QV_FOUND_MAX - 1])) {
				search->complete = false;
				return;
			}
			keep(search, one);
		}
	}
}

HOT void collect(const struct qv_index *index, struct qv_search *search, uint32_t from)
{
	search->count = 0;
	search->complete = true;
	for (uint32_t number = 0; number < index->slabs; number++) {
		struct slab slab;

		open_slab(index, search, number, &slab);
		for (; slab.some; slab.some &= slab.some - 1) {
			const int chunk = __builtin_ctzll(slab.some);
			const uint32_t at = number * QV_SLAB_CHUNKS + (uint32_t)chunk;
			struct qv_chunk found;

			if (index->spans[at].high < from)
				continue;
			if (search->count == QV_FOUND_MAX &&
			    index->spans[at].low >
				    qv_candidate_rule(search->found[QV_FOUND_MAX - 1])) {
				search->complete = false;
				continue;
			}
			intersect(index, &slab, chunk, &found);
			collect_chunk(index, search, found.words, at, from);
		}
	}
}

/* How many chunks a search would have to look at; what is more than QV_FLOWS_WORTH is not told. */
HOT uint32_t chunks_left(const struct qv_index *index, const struct qv_search *search)
{
	uint32_t count = 0;

	for (uint32_t number = 0; number < index->slabs && count <= QV_FLOWS_WORTH; number++) {
		struct slab slab;

		open_slab(index, search, number, &slab);
		count += (uint32_t)__builtin_popcountll(slab.some);
	}
	return count;
}

/* Find the first candidates; by the cache where that is quicker. */
HOT void begin_one(const struct qv_index *index, struct qv_flows *flows, struct qv_search *search)
{
	if (flows && chunks_left(index, search) > QV_FLOWS_WORTH && qv_flows_awake(flows)) {
		if (qv_flows_find(flows, search))
			return;
		collect(index, search, 0);
		qv_flows_keep(flows, search);
		return;
	}
	search->found[0] = best_of(index, search);
	search->count = search->found[0] != QV_NO_CANDIDATE;
	search->complete = !search->count;
}

HOT void begin_batch(const struct qv_index *index, struct qv_flows *flows, struct batch *batch,
		     struct qv_search *searches)
{
	for (uint32_t i = 0; i < index->reader_count; i++)
		read_axis(index, &index->readers[i], batch, batch->slots[i]);
	for (uint32_t i = 0; i < index->pair_count; i++) {
		const struct qv_pairs *pairs = &index->pairs[i];

		for (uint32_t k = 0; k < batch->count; k++)
			batch->slots[pairs->result][k] =
				pairs->table[batch->slots[pairs->first][k] * pairs->width +
					     batch->slots[pairs->second][k]];
	}
	for (uint32_t k = 0; k < batch->count; k++) {
		struct qv_search *search = &searches[k];

		for (uint32_t i = 0; i < index->final_count; i++)
			search->classes[i] = batch->slots[index->finals[i].slot][k];
		search->hidden = batch->hidden[k];
		begin_one(index, flows, search);
	}
}

HOT void begin(const struct qv_index *index, struct qv_flows *flows,
	       const struct qv_view *const *views, size_t count, struct qv_search *searches)
{
	for (size_t i = 0; i < count; i += BATCH) {
		struct batch batch;

		memset(batch.hidden, 0, sizeof(batch.hidden));
		batch.views = views + i;
		batch.count = count - i < BATCH ? (uint32_t)(count - i) : BATCH;
		begin_batch(index, flows, &batch, searches + i);
	}
}

#define LOOKUPS(name, attributes)                                                              \
	attributes static void begin_##name(const struct qv_index *index,                      \
					    struct qv_flows *flows,                            \
					    const struct qv_view *const *views, size_t count,  \
					    struct qv_search *searches)                        \
	{                                                                                      \
		begin(index, flows, views, count, searches);                                   \
	}                                                                                      \
	attributes static void collect_##name(const struct qv_index *index,                    \
					      struct qv_search *search, uint32_t from)         \
	{                                                                                      \
		collect(index, search, from);                                                  \
	}                                                                                      \
	static const struct qv_lookups lookups_##name = { begin_##name, collect_##name };

LOOKUPS(any, )

#ifdef __x86_64__

LOOKUPS(avx2, __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))))
LOOKUPS(avx512,
	__attribute__((target("avx512f,avx512bw,avx512vl,avx2,bmi,bmi2,lzcnt,popcnt"))))

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
	case QV_WITH_AVX512:
		return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
				       __builtin_cpu_supports("bmi2")
			       ? &lookups_avx512
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
			*certain = one & QV_EXACT && !search->hidden;
			return qv_candidate_rule(one);
		}
		if (search->complete || again)
			return QV_NO_RULE;
		index->lookups->collect(index, search, from);
	}
}
