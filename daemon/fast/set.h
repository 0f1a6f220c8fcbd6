/* SPDX-License-Identifier: GPL-2.0 */
/* Sets of addresses as compressed tries: is this address in the set? */
#ifndef QV_SET_H
#define QV_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "program.h"

struct qv_sets;

/* Build all sets of a program within @memory bytes. Returns NULL with @fault filled in. */
struct qv_sets *qv_sets_new(const struct qv_program *program, uint64_t memory,
			    struct qv_fault *fault);
void qv_sets_free(struct qv_sets *sets);
uint64_t qv_sets_memory(const struct qv_sets *sets);

/* Whether the set (by its index in the program) has an address of @size 4 or 16 bytes. */
bool qv_sets_have(const struct qv_sets *sets, uint32_t set, const uint8_t *address, uint32_t size);

#endif
