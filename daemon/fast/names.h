/* SPDX-License-Identifier: GPL-2.0 */
/* Names of network interfaces by index, as they are in the network namespace of a socket. */
#ifndef QV_NAMES_H
#define QV_NAMES_H

#include <stdint.h>

#include "packet.h"

enum { QV_NAMES_KEPT = 64 };	/* a power of two */

struct qv_name_kept {
	uint64_t batch;		/* in which it was asked for */
	uint32_t index;
	struct qv_ifname name;
};

/*
 * Names that were asked for. An interface can be renamed at any time, so nothing is remembered past
 * a batch: that costs one question an interface and batch.
 */
struct qv_names {
	int fd;			/* the names are those of the namespace in which it was made */
	uint64_t batch;
	struct qv_name_kept kept[QV_NAMES_KEPT];
};

/* @names: zeroed. */
static inline void qv_names_init(struct qv_names *names, int fd)
{
	names->fd = fd;
	names->batch = 1;
}

/* Ask again from now on. */
static inline void qv_names_forget(struct qv_names *names)
{
	names->batch++;
}

/* The name of the interface with @index; none for index 0, and for one that is gone. */
struct qv_ifname qv_names_get(struct qv_names *names, uint32_t index);

#endif
