/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The classifier: which rules may match a packet, found without walking them all. How, and why so,
 * stands in docs/engine.md.
 */
#ifndef QV_INDEX_H
#define QV_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "program.h"
#include "set.h"
#include "view.h"

struct qv_index;

/*
 * Build the index within @memory bytes, what is only needed meanwhile included. @program and @sets
 * must outlive it. Returns NULL with @fault filled in, laid at the rule at which memory ended.
 */
struct qv_index *qv_index_new(const struct qv_program *program, const struct qv_sets *sets,
			      uint64_t memory, struct qv_fault *fault);
void qv_index_free(struct qv_index *index);
uint64_t qv_index_memory(const struct qv_index *index);

/* What the lookups are compiled for. The newest that the processor knows is chosen. */
enum qv_processor {
	QV_ANY_PROCESSOR,
	QV_WITH_AVX2,
	QV_PROCESSORS,
};

/* Choose another, for tests and measurements; false if the processor does not know it. */
bool qv_index_choose(struct qv_index *index, enum qv_processor level);

/*
 * A thread's flow cache: which rules may match a flow's packets, remembered by the fields that the
 * index looks at. Bounded; keyed with SipHash, so nobody outside can aim at one bucket.
 */
struct qv_flows;

/* @entries: a power of two. Returns NULL if there is no memory. */
struct qv_flows *qv_flows_new(const struct qv_index *index, uint32_t entries,
			      const uint8_t key[16]);
void qv_flows_free(struct qv_flows *flows);

enum { QV_LOOKUP_BYTES = 128 };

/* Where a search among the rules for one packet stands; opaque, on the caller's memory. */
struct qv_lookup {
	_Alignas(64) unsigned char state[QV_LOOKUP_BYTES];
};

/*
 * Begin the search for each of @count views (their loads overlap). A view that could not be decoded
 * is NULL and skipped. @flows: the thread's cache, or NULL for none.
 */
void qv_index_begin(const struct qv_index *index, struct qv_flows *flows,
		    const struct qv_view *const *views, size_t count, struct qv_lookup *lookups);

/*
 * Return the first rule from @from on that may match, or QV_NO_RULE. Every rule whose condition's
 * outcome on the view can be true comes, in order; one that cannot may come too, unless *@certain
 * is set: then the whole condition is surely true and need not be looked at.
 */
uint32_t qv_index_next(const struct qv_index *index, struct qv_lookup *lookup, uint32_t from,
		       bool *certain);

#endif
