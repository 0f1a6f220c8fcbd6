/* SPDX-License-Identifier: GPL-2.0 */
/* Rewrites: what a rule changes in a packet's bytes, as action/rewrite.py. */
#ifndef QV_REWRITE_H
#define QV_REWRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "draft.h"
#include "pattern.h"
#include "program.h"

/* What rewrites are done with; @desk is a thread's own. */
struct qv_rewriter {
	const struct qv_program *program;
	const struct qv_patterns *patterns;
	struct qv_desk desk;
};

/*
 * Apply a rule's rewrites in order to the packet, which must not be cut. If that changes it, sets
 * @changed, and @bytes and @size to its new bytes: they stay in the desk until the next rewrite of a
 * packet whose view is not made of them.
 */
enum qv_edited qv_rewrite(struct qv_rewriter *rewriter, const struct qv_view *view,
			  const struct qv_rule *rule, bool *changed, const uint8_t **bytes,
			  uint32_t *size);

#endif
