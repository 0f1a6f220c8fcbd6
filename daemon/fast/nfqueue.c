// SPDX-License-Identifier: GPL-2.0
/*
 * NFQUEUE's messages: packets in, verdicts out. Layouts are those of
 * linux/netfilter/nfnetlink_queue.h; the values in attributes are in network byte order.
 *
 * Each packet gets a verdict message of its own, many in one send. NFQNL_MSG_VERDICT_BATCH, which
 * answers all packets up to an id, was measured to cost the same (2,216 against 2,220 ns a packet),
 * and it hides which packets the kernel had flushed by then.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <string.h>

#include "link.h"

enum {
	MSG_PACKET = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET,
	MSG_VERDICT = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT,
	MSG_CONFIG = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG,
	DATAGRAMS = 128,
	HOOKS = 5,		/* NF_INET_PRE_ROUTING to NF_INET_POST_ROUTING */
	PACKET_HDR_SIZE = 7,	/* struct nfqnl_msg_packet_hdr, which is packed */
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
};

/* NLA_HDRLEN and NLA_TYPE_MASK, without a sign. */
#define ATTR_HEADER ((uint32_t)sizeof(struct nlattr))
#define TYPE_MASK UINT16_C(0x3fff)
/* Bytes that an attribute can hold. */
#define ATTR_MAX (UINT16_MAX - ATTR_HEADER)

/* Messages and attributes start at multiples of 4 bytes. */
static uint32_t align(uint32_t size)
{
	return (size + 3) & ~UINT32_C(3);
}

static uint32_t load32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return ntohl(value);
}

static uint64_t load64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return be64toh(value);
}

/*
 * Find the attribute at @offset of @body: its type and size with header; false if it is not whole.
 * @body has less than 2^32 - 2^16 bytes, so nothing here overflows.
 */
static bool attribute(const uint8_t *body, uint32_t end, uint32_t offset, struct nlattr *attr)
{
	if (end - offset < sizeof(*attr))
		return false;
	memcpy(attr, body + offset, sizeof(*attr));
	return attr->nla_len >= sizeof(*attr) && attr->nla_len <= end - offset;
}

/* Where the next attribute is. The last one may come without its padding. */
static uint32_t after(uint32_t offset, uint32_t end, const struct nlattr *attr)
{
	uint32_t stop = offset + attr->nla_len;

	return stop == end ? end : offset + align(attr->nla_len);
}

/* Read an attribute of @size bytes at @value. False if this type does not have that size. */
static bool read_attribute(struct qv_packet *packet, uint16_t type, const uint8_t *value,
			   uint32_t size, bool *cut)
{
	static const uint8_t sizes[] = {
		[NFQA_MARK] = 4,
		[NFQA_TIMESTAMP] = 16,
		[NFQA_IFINDEX_INDEV] = 4,
		[NFQA_IFINDEX_OUTDEV] = 4,
		[NFQA_HWADDR] = 12,
		[NFQA_CAP_LEN] = 4,
		[NFQA_SKB_INFO] = 4,
		[NFQA_UID] = 4,
		[NFQA_GID] = 4,
	};

	if (type < sizeof(sizes) && sizes[type] && size != sizes[type])
		return false;
	switch (type) {
	case NFQA_PACKET_HDR:
		return false;	/* comes first, and once */
	case NFQA_MARK:
		packet->mark = load32(value);
		break;
	case NFQA_TIMESTAMP:
		packet->time = (load64(value) * 1000000 + load64(value + 8)) * 1000;
		packet->flags |= QV_PACKET_TIME;
		break;
	case NFQA_IFINDEX_INDEV:
		packet->indev = load32(value);
		break;
	case NFQA_IFINDEX_OUTDEV:
		packet->outdev = load32(value);
		break;
	case NFQA_HWADDR:
		if (value[0] || value[1] > sizeof(packet->mac))
			return false;
		packet->mac_length = value[1];
		memcpy(packet->mac, value + 4, sizeof(packet->mac));
		break;
	case NFQA_CAP_LEN:
		packet->length = load32(value);
		*cut = true;
		break;
	case NFQA_SKB_INFO:
		packet->flags &= (uint8_t)~(QV_PACKET_PARTIAL | QV_PACKET_GSO);
		if (load32(value) & NFQA_SKB_CSUMNOTREADY)
			packet->flags |= QV_PACKET_PARTIAL;
		if (load32(value) & NFQA_SKB_GSO)
			packet->flags |= QV_PACKET_GSO;
		break;
	case NFQA_UID:
		packet->uid = load32(value);
		packet->flags |= QV_PACKET_UID;
		break;
	case NFQA_GID:
		packet->gid = load32(value);
		packet->flags |= QV_PACKET_GID;
		break;
	case NFQA_PAYLOAD:
		packet->data = value;
		packet->caplen = size;
		break;
	default:
		break;
	}
	return true;
}

/*
 * Fill in a packet from a message's body. False without a packet header in front, when what is read
 * is not whole, or when anything leaves the body.
 */
static bool parse(struct qv_packet *packet, const uint8_t *body, uint32_t end)
{
	uint32_t offset = sizeof(struct nfgenmsg);
	struct nlattr attr;
	uint16_t ethertype;
	bool cut = false;

	if (end < offset + ATTR_HEADER + align(PACKET_HDR_SIZE))
		return false;
	memcpy(&attr, body + offset, sizeof(attr));
	if (attr.nla_type != NFQA_PACKET_HDR || attr.nla_len != ATTR_HEADER + PACKET_HDR_SIZE)
		return false;
	offset += ATTR_HEADER;
	packet->id = load32(body + offset);
	packet->family = body[0];
	if (packet->family == NFPROTO_BRIDGE) {
		ethertype = (uint16_t)(body[offset + 4] << 8 | body[offset + 5]);
		packet->family = ethertype == ETHERTYPE_IPV4   ? QV_FAMILY_IPV4
				 : ethertype == ETHERTYPE_IPV6 ? QV_FAMILY_IPV6
							       : 0;
	}
	packet->hook = body[offset + 6] < HOOKS ? body[offset + 6] : QV_NO_HOOK;
	offset += align(PACKET_HDR_SIZE);

	while (offset < end) {
		if (!attribute(body, end, offset, &attr) ||
		    !read_attribute(packet, attr.nla_type & TYPE_MASK,
				    body + offset + ATTR_HEADER, attr.nla_len - ATTR_HEADER, &cut))
			return false;
		offset = after(offset, end, &attr);
	}
	if (!cut)
		packet->length = packet->caplen;
	return offset == end && packet->length >= packet->caplen;
}

/*
 * Find the id in a body that parse() refused. The kernel puts it first, so that what is broken after
 * it does not leave the packet unanswered.
 */
static bool readable_id(const uint8_t *body, uint32_t end, uint64_t *id)
{
	uint32_t offset = sizeof(struct nfgenmsg);
	struct nlattr attr;

	for (; offset < end && attribute(body, end, offset, &attr);
	     offset = after(offset, end, &attr)) {
		if ((attr.nla_type & TYPE_MASK) != NFQA_PACKET_HDR)
			continue;
		if (attr.nla_len < ATTR_HEADER + PACKET_HDR_SIZE)
			return false;
		*id = load32(body + offset + ATTR_HEADER);
		return true;
	}
	return false;
}

static void read_packet(struct qv_link *link, const struct qv_message *message)
{
	struct qv_packet *packet = qv_link_add(link);
	uint64_t id;

	if (!parse(packet, message->body, message->size)) {
		link->count--;
		if (!readable_id(message->body, message->size, &id)) {
			qv_count_add(&link->tally->broken, 1);
			return;
		}
		/* It cannot be judged: no family. */
		packet = qv_link_add(link);
		packet->id = id;
	}
	/* Ids are 32 bits and go round. */
	qv_count_add(&link->tally->id_gaps, (uint32_t)(packet->id - link->terms.last_id - 1));
	link->terms.last_id = packet->id;
}

/* Count a verdict that failed; note a configuration that was done. */
static void read_error(struct qv_link *link, const struct qv_message *message)
{
	struct nlmsgerr error;

	if (message->size < sizeof(error)) {
		qv_count_add(&link->tally->broken, 1);
		return;
	}
	memcpy(&error, message->body, sizeof(error));
	if (error.error > 0)
		qv_count_add(&link->tally->broken, 1);
	else if (error.msg.nlmsg_type == MSG_VERDICT && error.error == -ENOENT)
		qv_count_add(&link->tally->flushed, 1);
	else if (error.msg.nlmsg_type == MSG_VERDICT && error.error)
		qv_count_add(&link->tally->refused, 1);
	else if (error.msg.nlmsg_type == MSG_CONFIG && !error.error && error.msg.nlmsg_seq)
		link->acknowledged = error.msg.nlmsg_seq;
}

static void read_message(struct qv_link *link, const struct qv_message *message)
{
	if (message->type == MSG_PACKET)
		read_packet(link, message);
	else if (message->type == NLMSG_ERROR)
		read_error(link, message);
}

/* What every verdict begins with, and all that most consist of. */
struct verdict {
	struct nlmsghdr header;
	struct nfgenmsg family;
	struct nlattr attr;
	uint32_t code;
	uint32_t id;
};

/* Append an attribute; return where the next one goes. */
static uint8_t *put(uint8_t *at, uint16_t type, const void *value, uint32_t size)
{
	const struct nlattr attr = {
		.nla_len = (uint16_t)(ATTR_HEADER + size),
		.nla_type = type,
	};
	uint32_t padding = align(size) - size;

	memcpy(at, &attr, sizeof(attr));
	memcpy(at + ATTR_HEADER, value, size);
	memset(at + ATTR_HEADER + size, 0, padding);
	return at + ATTR_HEADER + size + padding;
}

static bool answer(struct qv_link *link, const struct qv_packet *packet,
		   const struct qv_decision *decision)
{
	uint32_t code = qv_netfilter_verdicts[decision->verdict];
	/* Of a packet that was cut the kernel would keep the new bytes alone. */
	bool replaced = decision->replaced && packet->caplen == packet->length;
	bool marked = decision->mark != packet->mark;
	bool too_long = replaced && decision->replacement_length > ATTR_MAX;
	uint32_t size = sizeof(struct verdict);
	struct verdict verdict;
	uint8_t *at;

	if (too_long)
		code = NF_DROP;
	if (code == NF_DROP)
		replaced = marked = false;
	if (marked)
		size += ATTR_HEADER + sizeof(uint32_t);
	if (replaced)
		size += ATTR_HEADER + align(decision->replacement_length);
	at = qv_outbox_add(link->outbox, size);
	if (!at)
		return false;

	if (too_long)
		qv_count_add(&link->tally->refused, 1);
	if (code == NF_QUEUE)
		code |= (uint32_t)decision->queue << NF_VERDICT_QBITS;
	verdict = (struct verdict){
		.header = {
			.nlmsg_len = size,
			.nlmsg_type = MSG_VERDICT,
			.nlmsg_flags = NLM_F_REQUEST,
			/* An error that comes back names the packet. */
			.nlmsg_seq = (uint32_t)packet->id,
		},
		.family = { .version = NFNETLINK_V0, .res_id = htons(link->terms.queue) },
		.attr = {
			.nla_len = sizeof(struct nlattr) + sizeof(struct nfqnl_msg_verdict_hdr),
			.nla_type = NFQA_VERDICT_HDR,
		},
		.code = htonl(code),
		.id = htonl((uint32_t)packet->id),
	};
	memcpy(at, &verdict, sizeof(verdict));
	at += sizeof(verdict);
	if (marked) {
		uint32_t mark = htonl(decision->mark);

		at = put(at, NFQA_MARK, &mark, sizeof(mark));
	}
	if (replaced)
		put(at, NFQA_PAYLOAD, decision->replacement, decision->replacement_length);
	return true;
}

/* A configuration that configures nothing, and has no number. */
static size_t nudge(const struct qv_link *link, uint8_t message[QV_OUTBOX_HEAD])
{
	const struct nlmsghdr header = {
		.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
		.nlmsg_type = MSG_CONFIG,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
	};
	const struct nfgenmsg family = {
		.version = NFNETLINK_V0,
		.res_id = htons(link->terms.queue),
	};

	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), &family, sizeof(family));
	return sizeof(header) + sizeof(family);
}

const struct qv_link_kind qv_nfqueue = {
	.datagrams = DATAGRAMS,
	.read = read_message,
	.answer = answer,
	.nudge = nudge,
};
