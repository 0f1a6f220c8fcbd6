/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Address sets from text, in the form in which programs have them. Takes what is plainly right; what
 * is wrong or seldom (policy/literals.py knows every form, and what to say) is handed back.
 */
#ifndef QV_CIDR_H
#define QV_CIDR_H

#include <stddef.h>
#include <stdint.h>

#include "program.h"

/* Ranges in the order in which they came, until they are merged. All zero: none. */
struct qv_addresses {
	struct qv_range4 *ranges4;
	struct qv_range6 *ranges6;
	size_t count4, room4;
	size_t count6, room6;
};

void qv_addresses_free(struct qv_addresses *addresses);

/*
 * Add one value: an address, a prefix or a range "a-b", no blanks around it. Returns 1, 0 if it is
 * not plain (nothing was added), or -ENOMEM.
 */
int qv_addresses_add(struct qv_addresses *addresses, const char *text, size_t length);

/*
 * Lines of a set file: a value each. Blanks around it do not count, nor "#" and what follows, nor a
 * byte order mark before the first.
 */
struct qv_lines {
	const char *data;
	size_t size;
	size_t next;		/* where the next line begins; past @size: there is none */
	size_t number;		/* of the line that was read last, from 1 */
};

/* A line that was handed back. */
struct qv_line {
	const char *text;
	size_t length;		/* without its end */
};

/*
 * Add the values of the lines to the next that is not plain. Returns 1 with that line in @odd, 0 if
 * all have been read, or -ENOMEM.
 */
int qv_addresses_read(struct qv_addresses *addresses, struct qv_lines *lines,
		      struct qv_line *odd);

/* Sort; ranges that overlap or touch become one. */
void qv_addresses_merge(struct qv_addresses *addresses);

/* Make room for so many ranges more. Returns 0 or -ENOMEM. */
int qv_addresses_reserve(struct qv_addresses *addresses, size_t more4, size_t more6);

#endif
