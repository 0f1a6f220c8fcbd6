/* SPDX-License-Identifier: GPL-2.0 */
/* What the two halves of NFQUEUE's link share: packets in (nfqueue.c), verdicts out. */
#ifndef QV_NFQUEUE_H
#define QV_NFQUEUE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "link.h"

/* NLA_HDRLEN, without a sign. */
#define QV_ATTR_HEADER ((uint32_t)sizeof(struct nlattr))

/* Messages and attributes start at multiples of 4 bytes. */
static inline uint32_t qv_attr_align(uint32_t size)
{
	return (size + 3) & ~UINT32_C(3);
}

/* As struct qv_link_kind has them. */
bool qv_nfqueue_answer(struct qv_link *link, const struct qv_packet *packet,
		       const struct qv_decision *decision);
bool qv_nfqueue_settle(struct qv_link *link);

/* How many verdicts were in the request that @header began: 0 if it was none of ours. */
uint32_t qv_nfqueue_verdicts_in(const struct nlmsghdr *header);

#endif
