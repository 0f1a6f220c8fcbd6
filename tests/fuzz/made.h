/* SPDX-License-Identifier: GPL-2.0 */
/* Parts of programs, made from a fuzzer's bytes and added to a program's sections. */
#ifndef MADE_H
#define MADE_H

#include <stddef.h>
#include <stdint.h>

#include "input.h"
#include "sections.h"

/* A number of at most @maximum, often one of the pool's or next to it. */
uint32_t made_number(struct source *source, uint32_t maximum);

/* The index of a string: of these bytes, or of @least bytes or more that packets may have. */
uint32_t made_bytes(struct sections *made, const void *bytes, size_t size);
uint32_t made_string(struct sections *made, struct source *source, size_t least);

/* The index of a pattern; RE2 may refuse it. */
uint32_t made_pattern(struct sections *made, struct source *source);

/* The index of a rule's condition: a node of op ALL. */
uint32_t made_condition(struct sections *made, struct source *source);

#endif
