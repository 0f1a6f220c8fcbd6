/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Three-valued logic over what may still be unknown, as policy/outcome.py: an outcome is the set of
 * values that a condition may have once the hidden bytes were known, as bits.
 */
#ifndef QV_OUTCOME_H
#define QV_OUTCOME_H

#include <stdbool.h>
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

static inline qv_outcome qv_outcome_of(bool value)
{
	return value ? QV_TRUE : QV_FALSE;
}

/*
 * Whether one of two sets has a value and the other has it or @with: the way in which the middle
 * value, absent, comes out of a join that one of the outer values beats.
 */
static inline bool qv_outcome_between(qv_outcome first, qv_outcome second, qv_outcome value,
				      qv_outcome with)
{
	return (first & value && second & (value | with)) ||
	       (second & value && first & (value | with));
}

/* The outcome of "all" of two: false beats absent, absent beats true. */
static inline qv_outcome qv_outcome_both(qv_outcome first, qv_outcome second)
{
	qv_outcome joined = (qv_outcome)(((first | second) & QV_FALSE) | (first & second & QV_TRUE));

	if (qv_outcome_between(first, second, QV_ABSENT, QV_TRUE))
		joined |= QV_ABSENT;
	return joined;
}

/* The outcome of "any" of two: true beats absent, absent beats false. */
static inline qv_outcome qv_outcome_either(qv_outcome first, qv_outcome second)
{
	qv_outcome joined = (qv_outcome)(((first | second) & QV_TRUE) | (first & second & QV_FALSE));

	if (qv_outcome_between(first, second, QV_ABSENT, QV_FALSE))
		joined |= QV_ABSENT;
	return joined;
}

/* The outcome of "not": absent stays absent. */
static inline qv_outcome qv_outcome_negated(qv_outcome outcome)
{
	return (qv_outcome)((outcome & QV_ABSENT) | (outcome & QV_TRUE) << 1 |
			    (outcome & QV_FALSE) >> 1);
}

#endif
