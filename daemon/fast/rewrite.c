// SPDX-License-Identifier: GPL-2.0
/*
 * Rewrites: see rewrite.h. Each edit looks at the bytes as the edits before it have left them, but
 * for headers' places, which the packet's view tells: no edit moves them.
 */
#include "rewrite.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "search.h"

/* Set a header field to a number; the bits around it stay. */
static enum qv_edited set_number(struct qv_draft *draft, const struct qv_rewrite *rewrite)
{
	qv_outcome state;
	uint32_t at, mask, new;
	const struct qv_place *place =
		qv_view_place(draft->view, (enum qv_field)rewrite->field, &at, &state);
	uint8_t *bytes;

	if (!place)
		return QV_EDIT_FAILED;
	mask = place->mask;
	new = rewrite->a << place->shift & mask;
	bytes = qv_draft_writable(draft) + at;
	if (place->size == 1)
		bytes[0] = (uint8_t)((bytes[0] & ~mask) | new);
	else
		qv_store16(bytes, (uint16_t)((qv_load16(bytes) & ~mask) | new));
	return QV_EDITED;
}

/* Set src or dst; a packet of the other family cannot be rewritten so. */
static enum qv_edited set_address(struct qv_draft *draft, const struct qv_program *program,
				  const struct qv_rewrite *rewrite)
{
	const struct qv_string *address = &program->strings[rewrite->a];
	qv_outcome state;
	uint32_t at;
	const struct qv_place *place =
		qv_view_place(draft->view, (enum qv_field)rewrite->field, &at, &state);

	if (!place || place->size != address->length)
		return QV_EDIT_FAILED;
	memcpy(qv_draft_writable(draft) + at, program->bytes + address->offset, address->length);
	return QV_EDITED;
}

/* Replace finds by as many bytes, in place: what is written lies behind where the search goes on. */
static enum qv_edited replace_same_size(struct qv_draft *draft, const uint8_t *find,
					const uint8_t *with, uint32_t size, uint32_t most)
{
	const uint32_t payload_at = draft->view->payload_at;
	uint32_t at = payload_at;

	for (uint32_t number = 0; number < most; number++) {
		const uint8_t *found = qv_search(draft->bytes + at, draft->payload_end - at, find,
						 size);

		if (!found)
			break;
		at = (uint32_t)(found - draft->bytes);
		memcpy(qv_draft_writable(draft) + at, with, size);
		at += size;
	}
	return QV_EDITED;
}

/*
 * Replace finds by more or fewer bytes. One is enough to change the size, and more only change it
 * further: as soon as a size may not be, the edit cannot be done.
 */
static enum qv_edited replace_resizing(struct qv_draft *draft, const struct qv_string *find,
				       const struct qv_string *with, const uint8_t *strings,
				       uint32_t most)
{
	const uint32_t payload_at = draft->view->payload_at;
	const uint32_t payload_size = qv_draft_payload_size(draft);
	const uint8_t *from = qv_draft_payload(draft), *end = from + payload_size, *found;
	uint8_t *spare = qv_draft_spare(draft), *out = spare + payload_at;
	uint32_t size = payload_size;

	for (uint32_t number = 0; number < most; number++) {
		found = qv_search(from, (size_t)(end - from), strings + find->offset, find->length);
		if (!found)
			break;
		if (!qv_draft_may_have(draft, (size_t)size - find->length + with->length))
			return QV_EDIT_FAILED;
		size = size - find->length + with->length;
		out = (uint8_t *)mempcpy(out, from, (size_t)(found - from));
		out = (uint8_t *)mempcpy(out, strings + with->offset, with->length);
		from = found + find->length;
	}
	if (size == payload_size)
		return QV_EDITED;
	memcpy(out, from, (size_t)(end - from));
	qv_draft_take(draft, spare, size);
	return QV_EDITED;
}

static enum qv_edited replace(struct qv_draft *draft, const struct qv_program *program,
			      const struct qv_rewrite *rewrite)
{
	const struct qv_string *find = &program->strings[rewrite->a];
	const struct qv_string *with = &program->strings[rewrite->b];

	if (!qv_draft_has_payload(draft))
		return QV_EDIT_FAILED;
	if (find->length == with->length)
		return replace_same_size(draft, program->bytes + find->offset,
					 program->bytes + with->offset, find->length,
					 rewrite->count);
	return replace_resizing(draft, find, with, program->bytes, rewrite->count);
}

static enum qv_edited replace_pattern(struct qv_draft *draft, const struct qv_rewriter *rewriter,
				      const struct qv_rewrite *rewrite)
{
	const uint32_t payload_at = draft->view->payload_at;
	uint8_t *spare = qv_draft_spare(draft);
	size_t room, made;
	int error;

	if (!qv_draft_has_payload(draft))
		return QV_EDIT_FAILED;
	/* A result that does not fit here has grown, and to a size that no packet may grow to. */
	room = QV_LARGEST_PACKET - payload_at - (draft->size - draft->payload_end);
	error = qv_pattern_replace(rewriter->patterns, rewriter->program, rewrite, QV_MOST_REPLACED,
				   qv_draft_payload(draft), qv_draft_payload_size(draft),
				   spare + payload_at, room, &made);
	if (error == -ENOMEM)
		return QV_EDIT_BROKEN;
	if (error < 0 || (error == 0 && !qv_draft_may_have(draft, made)))
		return QV_EDIT_FAILED;
	if (error == 0)
		qv_draft_take(draft, spare, (uint32_t)made);
	return QV_EDITED;
}

static enum qv_edited set_payload(struct qv_draft *draft, const struct qv_program *program,
				  const struct qv_rewrite *rewrite)
{
	const struct qv_string *payload = &program->strings[rewrite->a];
	uint8_t *spare = qv_draft_spare(draft);

	if (!qv_draft_has_payload(draft) || !qv_draft_may_have(draft, payload->length))
		return QV_EDIT_FAILED;
	memcpy(spare + draft->view->payload_at, program->bytes + payload->offset, payload->length);
	qv_draft_take(draft, spare, payload->length);
	return QV_EDITED;
}

static enum qv_edited edit(struct qv_draft *draft, const struct qv_rewriter *rewriter,
			   const struct qv_rewrite *rewrite)
{
	switch ((enum qv_edit)rewrite->edit) {
	case QV_SET_NUMBER:
		return set_number(draft, rewrite);
	case QV_SET_ADDRESS:
		return set_address(draft, rewriter->program, rewrite);
	case QV_REPLACE:
		return replace(draft, rewriter->program, rewrite);
	case QV_REPLACE_PATTERN:
		return replace_pattern(draft, rewriter, rewrite);
	case QV_SET_PAYLOAD:
		return set_payload(draft, rewriter->program, rewrite);
	case QV_EDITS:
		break;
	}
	return QV_EDIT_BROKEN;	/* no such edit passes the verifier */
}

enum qv_edited qv_rewrite(struct qv_rewriter *rewriter, const struct qv_view *view,
			  const struct qv_rule *rule, bool *changed, const uint8_t **bytes,
			  uint32_t *size)
{
	const struct qv_rewrite *rewrites = rewriter->program->rewrites + rule->first_rewrite;
	struct qv_draft draft;
	enum qv_edited edited = qv_draft_open(&draft, view, &rewriter->desk);

	*changed = false;
	for (uint32_t i = 0; i < rule->rewrites && edited == QV_EDITED; i++)
		edited = edit(&draft, rewriter, &rewrites[i]);
	if (edited == QV_EDITED)
		edited = qv_draft_finish(&draft, changed);
	*bytes = draft.bytes;
	*size = draft.size;
	return edited;
}
