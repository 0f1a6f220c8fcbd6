// SPDX-License-Identifier: GPL-2.0
/*
 * NFQUEUE's messages: verdicts go out, many in one send.
 *
 * Each packet gets a verdict message of its own as long as few wait: it costs the same then, and
 * an error that comes back tells of each packet that the kernel had flushed. Where many wait, a
 * message each was measured to cost a seventh of all that a packet costs (1.20 against 1.06 times
 * bench/baseline.c). Then NFQNL_MSG_VERDICT_BATCH answers a run of packets that get the same
 * verdict: all that wait up to an id, which is right as nothing older is ever held.
 *
 * The kernel flushes what waits at a moment, or of that what came or goes by one device: of a run,
 * whose packets share their devices, a first part or nothing. The run's first packet has a verdict
 * of its own, so a flush never passes unseen; but how much of the one run in which it ended was
 * flushed nobody can tell, and only the first is counted.
 */
#include "nfqueue.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>

enum {
	MSG_VERDICT = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT,
	MSG_VERDICT_BATCH = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH,
	/* Packets received at once from which on runs are made. */
	MANY = 32,
};

/* Bytes that an attribute can hold. */
#define ATTR_MAX (UINT16_MAX - QV_ATTR_HEADER)

/* What every verdict begins with, and all that most consist of. */
struct verdict {
	struct nlmsghdr header;
	struct nfgenmsg family;
	struct nlattr attr;
	uint32_t code;
	uint32_t id;
};

static struct verdict verdict_of(const struct qv_link *link, uint16_t type, uint32_t size,
				 uint64_t id, uint32_t code)
{
	return (struct verdict){
		.header = {
			.nlmsg_len = size,
			.nlmsg_type = type,
			.nlmsg_flags = NLM_F_REQUEST,
			/* An error that comes back names the packet. */
			.nlmsg_seq = (uint32_t)id,
		},
		.family = { .version = NFNETLINK_V0, .res_id = htons(link->terms.queue) },
		.attr = {
			.nla_len = sizeof(struct nlattr) + sizeof(struct nfqnl_msg_verdict_hdr),
			.nla_type = NFQA_VERDICT_HDR,
		},
		.code = htonl(code),
		.id = htonl((uint32_t)id),
	};
}

uint32_t qv_nfqueue_verdicts_in(const struct nlmsghdr *header)
{
	if (header->nlmsg_type == MSG_VERDICT)
		return 1;
	/* The kernel looks at the sender's own port id, and sends this one back as it was. */
	return header->nlmsg_type == MSG_VERDICT_BATCH ? header->nlmsg_pid : 0;
}

bool qv_nfqueue_settle(struct qv_link *link)
{
	struct qv_run *run = &link->run;
	struct verdict verdict;
	uint8_t *at;

	if (run->rest) {
		at = qv_outbox_add(link->outbox, sizeof(verdict));
		if (!at)
			return false;
		verdict = verdict_of(link, MSG_VERDICT_BATCH, sizeof(verdict), run->last, run->code);
		verdict.header.nlmsg_pid = run->rest;
		memcpy(at, &verdict, sizeof(verdict));
	}
	*run = (struct qv_run){ .begun = false };
	return true;
}

/* Whether the run goes on with this packet. */
static bool goes_on(const struct qv_run *run, const struct qv_packet *packet, uint32_t code)
{
	return run->begun && run->code == code && run->indev == packet->indev &&
	       run->outdev == packet->outdev;
}

/* Append an attribute; return where the next one goes. */
static uint8_t *put(uint8_t *at, uint16_t type, const void *value, uint32_t size)
{
	const struct nlattr attr = {
		.nla_len = (uint16_t)(QV_ATTR_HEADER + size),
		.nla_type = type,
	};
	uint32_t padding = qv_attr_align(size) - size;

	memcpy(at, &attr, sizeof(attr));
	memcpy(at + QV_ATTR_HEADER, value, size);
	memset(at + QV_ATTR_HEADER + size, 0, padding);
	return at + QV_ATTR_HEADER + size + padding;
}

/* Put a verdict of its own into the outbox. */
static bool answer_alone(struct qv_link *link, const struct qv_packet *packet, uint32_t code,
			 const uint32_t *new_mark, const struct qv_decision *replaced)
{
	uint32_t size = sizeof(struct verdict);
	struct verdict verdict;
	uint8_t *at;

	if (new_mark)
		size += QV_ATTR_HEADER + (uint32_t)sizeof(*new_mark);
	if (replaced)
		size += QV_ATTR_HEADER + qv_attr_align(replaced->replacement_length);
	at = qv_outbox_add(link->outbox, size);
	if (!at)
		return false;
	verdict = verdict_of(link, MSG_VERDICT, size, packet->id, code);
	memcpy(at, &verdict, sizeof(verdict));
	at += sizeof(verdict);
	if (new_mark) {
		uint32_t mark = htonl(*new_mark);

		at = put(at, NFQA_MARK, &mark, sizeof(mark));
	}
	if (replaced)
		put(at, NFQA_PAYLOAD, replaced->replacement, replaced->replacement_length);
	return true;
}

/* Put a verdict that is nothing but that into the outbox, or let it share a message. */
static bool answer_plainly(struct qv_link *link, const struct qv_packet *packet, uint32_t code)
{
	if (goes_on(&link->run, packet, code)) {
		link->run.last = packet->id;
		link->run.rest++;
		return true;
	}
	if (!qv_nfqueue_settle(link) || !answer_alone(link, packet, code, NULL, NULL))
		return false;
	/* Were a packet held that could not be read, and so not judged, a run would answer it. */
	link->run = (struct qv_run){
		.begun = link->count >= MANY && !qv_count_read(&link->tally->broken),
		.code = code,
		.indev = packet->indev,
		.outdev = packet->outdev,
	};
	return true;
}

bool qv_nfqueue_answer(struct qv_link *link, const struct qv_packet *packet,
		       const struct qv_decision *decision)
{
	uint32_t code = qv_netfilter_verdicts[decision->verdict];
	/* Of a packet that was cut the kernel would keep the new bytes alone. */
	bool replaced = decision->replaced && packet->caplen == packet->length;
	bool marked = decision->mark != packet->mark;

	if (code != NF_DROP && replaced && decision->replacement_length > ATTR_MAX) {
		if (!answer_plainly(link, packet, NF_DROP))
			return false;
		qv_count_add(&link->tally->refused, 1);
		return true;
	}
	if (code == NF_QUEUE)
		code |= (uint32_t)decision->queue << NF_VERDICT_QBITS;
	if (code == NF_DROP || (!marked && !replaced))
		return answer_plainly(link, packet, code);
	return qv_nfqueue_settle(link) &&
	       answer_alone(link, packet, code, marked ? &decision->mark : NULL,
			    replaced ? decision : NULL);
}
