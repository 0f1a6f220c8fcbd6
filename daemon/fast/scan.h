/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scans: what many tests look for in the same bytes of the payload, found in one pass by RE2's sets.
 *
 * Measured with RE2 of 2022-06 on 1,400 bytes: a set takes 2 to 6 us for 1 to 1,000 tests, a pattern
 * by itself 0.3 to 0.5 us, a literal 0.07 us. So the first tests on a packet are made one by one,
 * and as soon as they have cost about as much as a pass, the pass is made and answers the others.
 */
#ifndef QV_SCAN_H
#define QV_SCAN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "fault.h"
#include "program.h"

/* The sets, for all threads. */
struct qv_scans;
/* What is known of the payload of one packet; a thread's own. */
struct qv_finds;

/*
 * Prepare the scans of a program, none where tests are few. Returns NULL with @fault filled in: no
 * memory, or more than @memory bytes.
 */
struct qv_scans *qv_scans_new(const struct qv_program *program, uint64_t memory,
			      struct qv_fault *fault);
void qv_scans_free(struct qv_scans *scans);
/* Bytes that the scans may come to use, searching. */
uint64_t qv_scans_memory(const struct qv_scans *scans);

/* Returns NULL if there is no memory. */
struct qv_finds *qv_finds_new(const struct qv_scans *scans);
void qv_finds_free(struct qv_finds *finds);
uint64_t qv_finds_memory(const struct qv_finds *finds);

/* Another payload comes. */
void qv_finds_forget(struct qv_finds *finds);

/*
 * Whether @node, a test for a pattern or for bytes anywhere in its window, is true of @text: that
 * window's bytes, of which none is cut off. Returns 1 or 0, or -EAGAIN: test it by itself.
 */
int qv_finds_ask(struct qv_finds *finds, uint32_t node, const uint8_t *text, size_t length);

#ifdef __cplusplus
}
#endif

#endif
