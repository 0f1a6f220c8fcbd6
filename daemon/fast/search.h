/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes in bytes, in time linear in both whatever they are. */
#ifndef QV_SEARCH_H
#define QV_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first place of @find (@size bytes) in @text (@length bytes), or NULL. */
const uint8_t *qv_search(const uint8_t *text, size_t length, const uint8_t *find, size_t size);

/*
 * Whether @text ends with a beginning of @find that is at least @least and at most @most bytes long,
 * which both have.
 */
bool qv_search_begun(const uint8_t *text, size_t length, const uint8_t *find, size_t least,
		     size_t most);

#endif
