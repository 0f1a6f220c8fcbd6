/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The flow cache: the first candidates of packets whose fields fall into the same classes. It is
 * asked only where a search would have to intersect many chunks; see docs/engine.md.
 */
#ifndef QV_FLOWS_H
#define QV_FLOWS_H

#include "classifier.h"

/* Intersecting more chunks than this is slower than asking the cache. */
enum { QV_FLOWS_WORTH = 4 };

/* Whether it is worth asking now: not for a while after it has been of little use. */
bool qv_flows_awake(struct qv_flows *flows);
/* Fill in what the search has found so far from the cache, by its classes. */
bool qv_flows_find(struct qv_flows *flows, struct qv_search *search);
/* Remember a search that stands at its beginning. */
void qv_flows_keep(struct qv_flows *flows, const struct qv_search *search);

#endif
