/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Crossing: two axes with few classes become one, with a class for each distinct pair; so ports and
 * protocol are one axis to the search, and a small policy is one table.
 */
#ifndef QV_CROSS_H
#define QV_CROSS_H

#include "rows.h"

/* A result of lookups: an axis's class, or a crossing's. */
enum { QV_SLOTS_MAX = 32 };

struct qv_cross {
	uint8_t first, second;	/* slots */
	uint8_t result;
	uint32_t width;		/* classes of @second */
	uint32_t *table;	/* class of the first * width + class of the second */
};

struct qv_crossing {
	struct qv_rows slots[QV_SLOTS_MAX];
	uint32_t slot_count;
	struct qv_cross crosses[QV_SLOTS_MAX];
	uint32_t cross_count;
	bool crossed[QV_SLOTS_MAX];	/* the slot lives on in another */
};

/* Cross the slots of @crossing as far as it pays. */
bool qv_cross_all(struct qv_crossing *crossing, struct qv_heap *heap, struct qv_chunks *chunks);

#endif
