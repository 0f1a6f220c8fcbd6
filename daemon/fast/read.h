/* SPDX-License-Identifier: GPL-2.0 */
/* Reading packets' fields as classes, an axis after the other, for a batch of packets. */
#ifndef QV_READ_H
#define QV_READ_H

#include "classifier.h"

/* Always inline: lookup.c compiles all of it for each processor. */
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
	return qv_trie_end(&reader->trie,
			   qv_trie_begin(&reader->trie, value & reader->axis.detail));
}

/* Begin to look for an address; where there is no IPv4 address, the search has its end. */
HOT struct qv_trie_walk begin_address(const struct qv_reader *reader, const struct qv_view *view,
				      enum qv_field field, bool *hidden)
{
	const uint8_t *address = NULL;
	uint32_t size = 0, class;
	const qv_outcome state = qv_view_address(view, field, &address, &size);

	if (state == QV_PRESENT && size == 4)
		return qv_trie_begin(&reader->trie, qv_load32(address));
	class = state != QV_PRESENT ? missing(reader, state, hidden)
				    : qv_intervals_find(&reader->broad, qv_wide_of(address));
	return (struct qv_trie_walk){ 0, class | QV_TRIE_LEAF };
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

/* The walks of a batch take their first steps together: each waits for memory, and all at once. */
HOT void read_addresses(const struct qv_reader *reader, struct batch *batch, uint32_t *slot,
			enum qv_field field)
{
	struct qv_trie_walk walks[BATCH];

	for (uint32_t i = 0; i < batch->count; i++) {
		const struct qv_view *view = batch->views[i];

		walks[i] = view ? begin_address(reader, view, field, &batch->hidden[i])
				: (struct qv_trie_walk){ 0, QV_TRIE_LEAF };
	}
	for (uint32_t i = 0; i < batch->count; i++)
		if (!(walks[i].at & QV_TRIE_LEAF))
			qv_trie_step(&reader->trie, &walks[i]);
	for (uint32_t i = 0; i < batch->count; i++)
		slot[i] = qv_trie_end(&reader->trie, walks[i]);
}

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
			read_addresses(reader, batch, slot, QV_FIELD_SRC);
		else
			read_addresses(reader, batch, slot, QV_FIELD_DST);
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

#endif
