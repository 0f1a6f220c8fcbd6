/* SPDX-License-Identifier: GPL-2.0 */
/* A program's sections while they are filled. */
#ifndef SECTIONS_H
#define SECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "program.h"

enum { SECTION_BYTES = 1 << 16 };

/* All zero is empty. */
struct sections {
	_Alignas(8) uint8_t records[QV_SECTIONS][SECTION_BYTES];
	uint32_t count[QV_SECTIONS];
	bool full;		/* something did not fit, or soon would not */
};

size_t sections_record(enum qv_section_kind kind);	/* bytes of one record */

/*
 * Add @count records; returns the first one's index. Of what does not fit nothing is added, and
 * index 0 is returned: then the program is a broken one, like many that a fuzzer has.
 */
uint32_t sections_add(struct sections *sections, enum qv_section_kind kind, const void *records,
		      uint32_t count);

/* Lay the sections out as program.h says, in memory of exactly their size, which is returned. */
size_t sections_join(const struct sections *sections, const struct qv_program_header *header,
		     uint8_t **program);

#endif
