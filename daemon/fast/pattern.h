/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Payload patterns: the only place that knows RE2 (pattern.cc, behind this C interface). The
 * dialect is RE2's with its defaults over Latin-1, as action/pattern.py has it.
 */
#ifndef QV_PATTERN_H
#define QV_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "fault.h"
#include "program.h"

struct qv_patterns;

/*
 * Compile a program's patterns, none if it has none. Returns NULL with @fault filled in: no memory,
 * more than @memory bytes, or a pattern that this RE2 does not take.
 */
struct qv_patterns *qv_patterns_new(const struct qv_program *program, uint64_t memory,
				    struct qv_fault *fault);
void qv_patterns_free(struct qv_patterns *patterns);
/* Bytes that the patterns may come to use, matching. */
uint64_t qv_patterns_memory(const struct qv_patterns *patterns);

/* Whether one pattern matches anywhere in @text: 1 or 0, or -ENOMEM. */
int qv_pattern_found(const struct qv_patterns *patterns, uint32_t pattern, const uint8_t *text,
		     size_t length);

/*
 * Replace matches as Pattern.replaced in action/pattern.py does, into @out of @room bytes. Returns 0
 * with the result's length in @made, 1 if nothing matched (@out holds nothing then), or a negative
 * errno: -E2BIG for more than @most matches to be replaced, -ENOSPC for a result that does not fit,
 * -ENOMEM.
 */
int qv_pattern_replace(const struct qv_patterns *patterns, const struct qv_program *program,
		       const struct qv_rewrite *rewrite, uint32_t most, const uint8_t *text,
		       size_t length, uint8_t *out, size_t room, size_t *made);

#ifdef __cplusplus
}
#endif

#endif
