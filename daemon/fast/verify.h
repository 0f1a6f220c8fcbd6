/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of the verifier. */
#ifndef QV_VERIFY_H
#define QV_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "program.h"

/* How many records a section has; its layout must have been checked. */
static inline uint32_t qv_section_count(const struct qv_program *program, enum qv_section_kind kind)
{
	return (uint32_t)program->header->sections[kind].count;
}

/* Whether @count records from @first on are among @all. */
static inline bool qv_within(uint32_t first, uint32_t count, uint32_t all)
{
	return first <= all && count <= all - first;
}

/*
 * Check all nodes, and what only nodes refer to: children, numbers, macs, interfaces, windows.
 * @parts has room for one number a node: how many parts a packet meets in it, QV_PARTS_MAX + 1
 * standing for any more.
 */
int qv_nodes_verify(const struct qv_program *program, uint32_t *parts, struct qv_fault *fault);

/* Check all nodes, rules and rewrites of @program, and count the rules that log. */
int qv_rules_verify(struct qv_program *program, struct qv_fault *fault);

#endif
