/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Three-valued logic over what may still be unknown, as policy/outcome.py: an outcome is the set of
 * values that a condition may have once the hidden bytes were known, as bits.
 */
#ifndef QV_OUTCOME_H
#define QV_OUTCOME_H

#include <stdint.h>

typedef uint8_t qv_outcome;

enum {
	QV_TRUE = 1,
	QV_FALSE = 2,
	QV_ABSENT = 4,
	QV_HIDDEN = QV_TRUE | QV_FALSE,
};

/*
 * How a field is there: QV_PRESENT, or else the outcome of every test on it (QV_ABSENT: the packet
 * does not have it, QV_CUT: it has, and the cut took it, QV_UNKNOWN: the cut hides even that).
 */
enum {
	QV_PRESENT = 0,
	QV_CUT = QV_HIDDEN,
	QV_UNKNOWN = QV_TRUE | QV_FALSE | QV_ABSENT,
};

#endif
