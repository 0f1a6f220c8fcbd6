// SPDX-License-Identifier: GPL-2.0
/*
 * ip_queue's messages: packets in, verdicts out, many in one. Layouts are those of the module's
 * linux/netfilter/ipqueue.h, where every record is a multiple of 8 bytes.
 */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipqueue.h>
#include <string.h>

#include "link.h"

enum {
	/* Each can hold more packets than are judged at a time. */
	DATAGRAMS = 4,
	HOOKS = 5,		/* NF_INET_PRE_ROUTING to NF_INET_POST_ROUTING */
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	/* What a request must have, and nothing more, is a positive number. */
	CLAIMED_PORTID = 1,
};

#define ALL_BITS UINT32_MAX	/* of a mark */

static uint32_t align(uint32_t size)
{
	return (size + 7) & ~UINT32_C(7);
}

/* Give the rest of a message up: its packets, if it has any, have no ids to answer. */
static void give_up(struct qv_link *link)
{
	link->rest_count = 0;
	qv_count_add(&link->tally->broken, 1);
}

/* Count the ids between the packet before this one and this one. */
static void count_gap(struct qv_link *link, const struct ipq_packet *record)
{
	/* What is missing before a packet that was sent before, the owner before us decided. */
	bool resent = record->flags & IPQ_PACKET_RESENT;

	if (!resent && link->terms.last_id_known)
		qv_count_add(&link->tally->id_gaps, record->id - link->terms.last_id - 1);
	link->terms.last_id = record->id;
	link->terms.last_id_known = !resent;
}

/* Read the next of a message's packets; what is left is no longer than it says. */
static void read_packet(struct qv_link *link)
{
	struct qv_message *rest = &link->rest;
	struct qv_packet *packet;
	struct ipq_packet record;

	if (rest->size < sizeof(record)) {
		give_up(link);
		return;
	}
	memcpy(&record, rest->body, sizeof(record));
	packet = qv_link_add(link);
	packet->id = record.id;
	if (record.data_len > rest->size - sizeof(record) || record.size > rest->size ||
	    record.size != align((uint32_t)sizeof(record) + record.data_len) ||
	    record.data_len > record.length || record.hw_addrlen > sizeof(record.hw_addr)) {
		/* It cannot be judged: no family. Where the next one starts nobody knows. */
		link->rest_count = 0;
		return;
	}
	count_gap(link, &record);
	packet->data = rest->body + sizeof(record);
	packet->caplen = record.data_len;
	packet->length = record.length;
	packet->mark = record.mark;
	packet->family = link->terms.family;
	packet->hook = record.hook < HOOKS ? record.hook : QV_NO_HOOK;
	packet->mac_length = record.hw_addrlen;
	memcpy(packet->mac, record.hw_addr, sizeof(packet->mac));
	packet->time = record.time_ns;
	packet->flags = QV_PACKET_TIME;
	packet->indev = record.indev;
	packet->outdev = record.outdev;
	if (record.flags & IPQ_PACKET_OWNER) {
		packet->flags |= QV_PACKET_UID | QV_PACKET_GID;
		packet->uid = record.uid;
		packet->gid = record.gid;
	}
	rest->body += record.size;
	rest->size -= record.size;
	link->rest_count--;
	if (!link->rest_count && rest->size)
		qv_count_add(&link->tally->broken, 1);
}

static void resume(struct qv_link *link)
{
	while (link->rest_count && link->count < QV_BATCH_MAX)
		read_packet(link);
}

static void read_packets(struct qv_link *link, const struct qv_message *message)
{
	struct ipq_packets head;

	if (message->size < sizeof(head)) {
		qv_count_add(&link->tally->broken, 1);
		return;
	}
	memcpy(&head, message->body, sizeof(head));
	link->rest = *message;
	link->rest.body += sizeof(head);
	link->rest.size -= (uint32_t)sizeof(head);
	link->rest_count = head.count;
	if (!head.count && link->rest.size)
		qv_count_add(&link->tally->broken, 1);
	resume(link);
}

/* Ids of a list of verdicts that did not wait any more. */
static void read_missing(struct qv_link *link, const struct qv_message *message)
{
	struct ipq_missing head;

	if (message->size < sizeof(head)) {
		qv_count_add(&link->tally->broken, 1);
		return;
	}
	memcpy(&head, message->body, sizeof(head));
	if (head.listed > head.count ||
	    (uint64_t)head.listed * sizeof(head.id[0]) != message->size - sizeof(head)) {
		qv_count_add(&link->tally->broken, 1);
		return;
	}
	qv_count_add(&link->tally->flushed, head.count);
	link->terms.missing_seq = message->seq;
}

/* The answer to a list of verdicts, or to a nudge. */
static void read_error(struct qv_link *link, const struct qv_message *message)
{
	struct nlmsgerr error;

	if (!qv_link_read_error(link, message, &error))
		return;
	if (error.msg.nlmsg_type == IPQM_RANGE || !error.error)
		return;
	if (error.error == -ENOENT)
		/* Comes after the ids; without them the module had no memory to tell how many. */
		qv_count_add(&link->tally->flushed, error.msg.nlmsg_seq != link->terms.missing_seq);
	else
		/* A list is taken whole or not at all: its packets would wait for ever. */
		qv_link_fail(link, QV_VERDICTS_REFUSED, -error.error);
}

static void read_message(struct qv_link *link, const struct qv_message *message)
{
	if (message->cut)
		qv_count_add(&link->tally->broken, 1);
	else if (message->type == IPQM_PACKETS)
		read_packets(link, message);
	else if (message->type == IPQM_MISSING)
		read_missing(link, message);
	else if (message->type == NLMSG_ERROR)
		read_error(link, message);
}

static bool answer(struct qv_link *link, const struct qv_packet *packet,
		   const struct qv_decision *decision)
{
	const uint32_t least = link->terms.family == QV_FAMILY_IPV4 ? IPV4_HEADER : IPV6_HEADER;
	/* Of a packet that was cut the module would keep the new bytes alone. */
	bool replaced = decision->replaced && packet->caplen == packet->length;
	/* The module refuses a list with bytes that are no packet. */
	bool too_short = replaced && decision->replacement_length < least;
	struct ipq_verdict verdict = {
		.id = packet->id,
		.verdict = too_short ? NF_DROP : qv_netfilter_verdicts[decision->verdict],
	};
	uint8_t *at;

	if (verdict.verdict != NF_DROP) {
		if (decision->mark != packet->mark) {
			verdict.mark = decision->mark;
			verdict.mask = ALL_BITS;
		}
		if (replaced)
			verdict.data_len = decision->replacement_length;
	}
	at = qv_outbox_add(link->outbox, sizeof(verdict) + align(verdict.data_len));
	if (!at)
		return false;
	if (too_short && decision->verdict != QV_DROP)
		qv_count_add(&link->tally->refused, 1);
	memcpy(at, &verdict, sizeof(verdict));
	if (verdict.data_len) {
		at += sizeof(verdict);
		memcpy(at, decision->replacement, verdict.data_len);
		memset(at + verdict.data_len, 0, align(verdict.data_len) - verdict.data_len);
	}
	return true;
}

static size_t request(uint8_t *message, uint16_t type, uint32_t seq, size_t size)
{
	const struct nlmsghdr header = {
		.nlmsg_len = (uint32_t)(sizeof(header) + size),
		.nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST,
		.nlmsg_seq = seq,
		.nlmsg_pid = CLAIMED_PORTID,
	};

	memcpy(message, &header, sizeof(header));
	return sizeof(header);
}

/* Items are one message's: errors come back with its sequence number, which is never 0. */
static size_t seal(void *context, uint8_t head[QV_OUTBOX_HEAD], uint32_t count, size_t size)
{
	const struct ipq_verdicts verdicts = { .count = count };
	struct qv_link *link = context;
	size_t header;

	if (!++link->terms.seq)
		link->terms.seq = 1;
	header = request(head, IPQM_VERDICTS, link->terms.seq, sizeof(verdicts) + size);
	memcpy(head + header, &verdicts, sizeof(verdicts));
	return header + sizeof(verdicts);
}

/* A range without its body: malformed, so it is answered and changes nothing. */
static size_t nudge(const struct qv_link *link, uint8_t message[QV_OUTBOX_HEAD])
{
	(void)link;
	return request(message, IPQM_RANGE, 0, 0);
}

const struct qv_link_kind qv_ipqueue = {
	.datagrams = DATAGRAMS,
	.read = read_message,
	.resume = resume,
	.answer = answer,
	.seal = seal,
	.nudge = nudge,
};
