// SPDX-License-Identifier: GPL-2.0
#include "told.h"

#include <string.h>

bool qv_told_write(struct qv_ring *ring, uint64_t generation, const struct qv_packet *packet,
		   const struct qv_decision *decision, const struct qv_ifname *in,
		   const struct qv_ifname *out)
{
	size_t logs = decision->log_count * sizeof(uint32_t);
	uint32_t replacement = decision->replaced ? decision->replacement_length : 0;
	struct qv_told *told;

	told = qv_ring_reserve(ring, sizeof(*told) + logs + packet->caplen + replacement);
	if (!told)
		return false;
	told->generation = generation;
	told->id = packet->id;
	told->time = packet->time;
	told->length = packet->length;
	told->packet_mark = packet->mark;
	told->mark = decision->mark;
	told->uid = packet->uid;
	told->gid = packet->gid;
	told->rule = decision->rule;
	told->log_count = decision->log_count;
	told->caplen = packet->caplen;
	told->replacement_length = replacement;
	told->queue = decision->queue;
	told->verdict = decision->verdict;
	told->reason = decision->reason;
	told->replaced = decision->replaced;
	told->family = packet->family;
	told->hook = packet->hook;
	told->flags = packet->flags;
	told->mac_length = packet->mac_length;
	memcpy(told->mac, packet->mac, sizeof(told->mac));
	told->in = *in;
	told->out = *out;
	if (logs)
		memcpy(told->rest, decision->logs, logs);
	if (packet->caplen)
		memcpy(told->rest + logs, packet->data, packet->caplen);
	if (replacement)
		memcpy(told->rest + logs + packet->caplen, decision->replacement, replacement);
	return true;
}
