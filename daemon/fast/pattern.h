/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Payload patterns: the only place that knows RE2 (pattern.cc, behind this C interface). The
 * dialect is RE2's with its defaults over Latin-1, as action/pattern.py has it.
 */
#ifndef QV_PATTERN_H
#define QV_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "program.h"

#ifdef __cplusplus
extern "C" {
#endif

struct qv_patterns;

/* Compile a program's patterns. Returns NULL with @fault filled in; a program without any too. */
struct qv_patterns *qv_patterns_new(const struct qv_program *program, uint64_t memory,
				    struct qv_fault *fault);
void qv_patterns_free(struct qv_patterns *patterns);

/*
 * Which patterns match anywhere in @text, of all that are searched for in this window (a node's
 * window index, or UINT32_MAX for the whole payload): bit N of @found is pattern N.
 */
void qv_patterns_search(const struct qv_patterns *patterns, uint32_t window, const uint8_t *text,
			size_t length, uint64_t *found);

/* Whether one pattern matches anywhere in @text. */
bool qv_pattern_found(const struct qv_patterns *patterns, uint32_t pattern, const uint8_t *text,
		      size_t length);

/*
 * Replace matches as Pattern.replaced in action/pattern.py does, into @out of @room bytes. Returns
 * the result's length, or a negative errno: -E2BIG for more matches than MOST_REPLACED, -ENOSPC for
 * a result that does not fit.
 */
int64_t qv_pattern_replace(const struct qv_patterns *patterns, const struct qv_program *program,
			   const struct qv_rewrite *rewrite, const uint8_t *text, size_t length,
			   uint8_t *out, size_t room);

#ifdef __cplusplus
}
#endif

#endif
