// SPDX-License-Identifier: GPL-2.0
/* Rewrites, as action/rewrite.py and action/draft.py have them. */
#include <stdlib.h>
#include <string.h>

#include "naive.h"

enum { LARGEST = 65535 };

/* A packet while edits are applied; each edit makes a copy. */
struct draft {
	const struct qv_program *program;
	const struct qv_patterns *patterns;
	const struct naive_view *view;
	uint8_t *bytes;
	size_t length;
	size_t payload_end;
};

static const struct qv_string *string_of(const struct draft *draft, uint32_t string,
					 const uint8_t **bytes)
{
	const struct qv_string *found = &draft->program->strings[string];

	*bytes = draft->program->bytes + found->offset;
	return found;
}

static bool resizable(const struct naive_view *view)
{
	switch (view->transport) {
	case UDP:
	case UDPLITE:
	case ICMP:
	case ICMPV6:
		return !view->fragment && !(view->packet->flags & QV_PACKET_GSO);
	default:
		return false;
	}
}

static bool has_payload(const struct naive_view *view)
{
	return view->transport != NO_TRANSPORT && view->payload_known;
}

/* What a new payload may have at most, whatever the packet: of more @set_payload takes none. */
static size_t most(size_t size)
{
	return size > LARGEST ? size : LARGEST;
}

static bool set_payload(struct draft *draft, const uint8_t *payload, size_t size)
{
	const struct naive_view *view = draft->view;
	size_t at = view->payload_at, rest = draft->length - draft->payload_end;
	size_t length = at + size + rest;
	uint8_t *bytes;

	if (!has_payload(view))
		return false;
	if (length != draft->length) {
		if (!resizable(view) || length > LARGEST || view->end > LARGEST)
			return false;
	}
	bytes = naive_alloc(length);
	memcpy(bytes, draft->bytes, at);
	memcpy(bytes + at, payload, size);
	memcpy(bytes + at + size, draft->bytes + draft->payload_end, rest);
	free(draft->bytes);
	draft->bytes = bytes;
	draft->length = length;
	draft->payload_end = at + size;
	return true;
}

static bool set_number(struct draft *draft, const struct qv_rewrite *rewrite)
{
	size_t at;
	const struct naive_place *place = naive_place(draft->view, rewrite->field, &at);
	uint32_t old;

	if (!place)
		return false;
	old = naive_load(draft->bytes + at, place->size);
	naive_store(draft->bytes + at, place->size,
		    (old & ~place->mask) | (rewrite->a << place->shift & place->mask));
	return true;
}

static bool set_address(struct draft *draft, const struct qv_rewrite *rewrite)
{
	size_t at;
	const struct naive_place *place = naive_place(draft->view, rewrite->field, &at);
	const uint8_t *address;
	const struct qv_string *string = string_of(draft, rewrite->a, &address);

	if (!place || string->length != place->size)
		return false;
	memcpy(draft->bytes + at, address, place->size);
	return true;
}

/* Replace a string from the left, what follows a replacement being looked at next. */
static bool replace(struct draft *draft, const struct qv_rewrite *rewrite)
{
	const uint8_t *find, *put, *text;
	size_t find_size = string_of(draft, rewrite->a, &find)->length;
	size_t put_size = string_of(draft, rewrite->b, &put)->length;
	size_t size, room, made = 0;
	uint32_t done = 0;
	uint8_t *result;
	bool good;

	if (!has_payload(draft->view))
		return false;
	text = draft->bytes + draft->view->payload_at;
	size = draft->payload_end - draft->view->payload_at;
	room = most(size);
	result = naive_alloc(room);
	for (size_t i = 0; i < size;) {
		bool here = size - i >= find_size && memcmp(text + i, find, find_size) == 0;

		here = here && (rewrite->count == QV_ALL_MATCHES || done < rewrite->count);
		if (made + (here ? put_size : 1) > room) {
			free(result);
			return false;
		}
		if (here) {
			memcpy(result + made, put, put_size);
			made += put_size;
			i += find_size;
			done++;
		} else {
			result[made++] = text[i++];
		}
	}
	good = set_payload(draft, result, made);
	free(result);
	return good;
}

static bool replace_pattern(struct draft *draft, const struct qv_rewrite *rewrite)
{
	const uint8_t *text;
	size_t size, room, made;
	uint8_t *result;
	bool good;
	int found;

	if (!has_payload(draft->view))
		return false;
	text = draft->bytes + draft->view->payload_at;
	size = draft->payload_end - draft->view->payload_at;
	room = most(size);
	result = naive_alloc(room);
	found = qv_pattern_replace(draft->patterns, draft->program, rewrite, QV_MOST_REPLACED,
				   text, size, result, room, &made);
	if (found == 1)
		good = true;	/* nothing to replace */
	else
		good = found == 0 && set_payload(draft, result, made);
	free(result);
	return good;
}

static bool edit(struct draft *draft, const struct qv_rewrite *rewrite)
{
	const uint8_t *payload;
	size_t size;

	switch (rewrite->edit) {
	case QV_SET_NUMBER:
		return set_number(draft, rewrite);
	case QV_SET_ADDRESS:
		return set_address(draft, rewrite);
	case QV_REPLACE:
		return replace(draft, rewrite);
	case QV_REPLACE_PATTERN:
		return replace_pattern(draft, rewrite);
	default:
		size = string_of(draft, rewrite->a, &payload)->length;
		return set_payload(draft, payload, size);
	}
}

static void add_to(uint8_t *field, size_t growth)
{
	naive_store(field, 2, naive_load(field, 2) + (uint32_t)growth);
}

/* Put lengths right; @growth is negative in two's complement where the packet shrank. */
static void set_lengths(struct draft *draft)
{
	const struct naive_view *view = draft->view;
	size_t growth = draft->length - view->end;
	uint8_t *transport = draft->bytes + view->transport_at;
	size_t covered;

	if (growth == 0)
		return;
	add_to(draft->bytes + (view->ipv6 ? 4 : 2), growth);
	if (view->transport == UDP)
		add_to(transport + 4, growth);
	if (view->transport != UDPLITE)
		return;
	covered = naive_load(transport + 4, 2);
	if (covered == view->end - view->transport_at)
		add_to(transport + 4, growth);
	else if (covered > draft->length - view->transport_at)
		naive_store(transport + 4, 2, (uint32_t)(draft->length - view->transport_at));
}

bool naive_rewrite(const struct qv_program *program, const struct qv_patterns *patterns,
		   const struct qv_rule *rule, const struct naive_view *view, uint8_t **bytes,
		   size_t *length)
{
	struct draft draft = {
		.program = program,
		.patterns = patterns,
		.view = view,
		.bytes = naive_alloc(view->end),
		.length = view->end,
		.payload_end = view->payload_end,
	};

	*bytes = NULL;
	memcpy(draft.bytes, view->data, view->end);
	for (uint32_t i = 0; i < rule->rewrites; i++) {
		if (!edit(&draft, &program->rewrites[rule->first_rewrite + i]))
			goto failed;
	}
	if (draft.length == view->end && memcmp(draft.bytes, view->data, view->end) == 0) {
		free(draft.bytes);
		return true;
	}
	set_lengths(&draft);
	if (!naive_sum_transport(view, view->data, view->end, draft.bytes, draft.length))
		goto failed;
	if (!view->ipv6)
		naive_sum_ipv4(draft.bytes);
	*bytes = draft.bytes;
	*length = draft.length;
	return true;

failed:
	free(draft.bytes);
	return false;
}
