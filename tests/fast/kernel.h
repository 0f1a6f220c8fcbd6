/* SPDX-License-Identifier: GPL-2.0 */
/* A kernel queue in memory: what a worker's link receives, and what is made of its verdicts. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "link.h"

enum {
	KERNEL_ROOM = 32768,	/* bytes of a datagram */
	KERNEL_MARK = 0x10,	/* of each packet */
	KERNEL_PAYLOAD = 44,	/* bytes of each packet */
};

/* One verdict as the kernel reads it. */
struct kernel_verdict {
	uint64_t id;
	bool up_to;		/* the verdict of all that wait, up to this one */
	uint32_t code;
	uint32_t mark;
	bool marked;
	uint32_t payload;	/* bytes */
};

/* Write a datagram of up to @count packets from @first on; return its size, with *@made packets. */
size_t kernel_packets(const struct qv_link_kind *kind, uint8_t *at, uint64_t first,
		      unsigned int count, unsigned int *made);
/* Write the answer to the request in @request; return its size, 0 if it asks for none. */
size_t kernel_answer(const struct qv_link_kind *kind, uint8_t *at, const uint8_t *request);
/*
 * Read the next verdict of a worker's datagram of @size bytes from *@offset on. Returns 1; 0 at its
 * end, or if it is no verdict; -1 if it is none that the kernel would take.
 */
int kernel_verdict(const struct qv_link_kind *kind, const uint8_t *data, size_t size,
		   size_t *offset, struct kernel_verdict *verdict);

#endif
