/* SPDX-License-Identifier: GPL-2.0 */
/* The extension messages: hello, several packets a datagram, lists of verdicts. */
#ifndef BATCH_H
#define BATCH_H

#include "peer.h"

/* Ask for features; what the kernel gave. The queue is ours then. */
struct ipq_hello hello(struct peer *peer, uint32_t features, uint32_t max_bytes, uint32_t max_packets,
		       uint32_t hold_us);
/* Send a hello as it is; 0 or an errno, and the kernel's hello in `answer` when it is 0. */
int hello_try(struct peer *peer, const void *bytes, size_t length, struct ipq_hello *answer);
/* peer_open, hello, and a classic mode message that opens the queue. */
void batch_own(struct peer *peer, int family, uint32_t features, uint32_t max_packets, uint32_t hold_us);

/* Receive an IPQM_PACKETS, check its structure to the byte; how many packets it has. */
size_t batch_receive(struct peer *peer);
/* Packet `index` of the datagram received last, and its payload. */
const struct ipq_packet *batch_packet(const struct peer *peer, size_t index);
const unsigned char *batch_payload(const struct ipq_packet *packet);
/* The packet's payload must be UDP with this text. */
void batch_text(const struct peer *peer, size_t index, const char *text);

/* A list of verdicts under way to the kernel. */
struct verdict_list {
	struct ipq_verdicts head;
	size_t length;
	unsigned char items[IPQ_MAX_VERDICTS * sizeof(struct ipq_verdict) + 65536];
};
void list_begin(struct verdict_list *list);
void list_add(struct verdict_list *list, uint64_t id, uint32_t verdict, uint32_t mark, uint32_t mask,
	      const void *payload, size_t length);
/* Send it with NLM_F_ACK; 0 or an errno. IPQM_MISSING before an ENOENT is left in `missing`, if given. */
int list_send(struct peer *peer, const struct verdict_list *list, uint64_t *missing, size_t *count);
/* Send it, no answer awaited. */
void list_post(struct peer *peer, const struct verdict_list *list);
/* One verdict for all ids from first to last; 0 or an errno. */
int range_send(struct peer *peer, uint64_t first, uint64_t last, uint32_t verdict, uint32_t mark,
	       uint32_t mask);

#endif
