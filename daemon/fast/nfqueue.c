// SPDX-License-Identifier: GPL-2.0
/*
 * NFQUEUE's messages: packets come in. Layouts are those of linux/netfilter/nfnetlink_queue.h; the
 * values in attributes are in network byte order. Verdicts go out by nfqueue_verdict.c.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <string.h>

#include "nfqueue.h"

enum {
	MSG_PACKET = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET,
	MSG_CONFIG = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG,
	DATAGRAMS = 128,
	HOOKS = 5,		/* NF_INET_PRE_ROUTING to NF_INET_POST_ROUTING */
	PACKET_HDR_SIZE = 7,	/* struct nfqnl_msg_packet_hdr, which is packed */
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
};

/* NLA_TYPE_MASK, without a sign. */
#define TYPE_MASK UINT16_C(0x3fff)

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

	return stop == end ? end : offset + qv_attr_align(attr->nla_len);
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

	if (end < offset + QV_ATTR_HEADER + qv_attr_align(PACKET_HDR_SIZE))
		return false;
	memcpy(&attr, body + offset, sizeof(attr));
	if (attr.nla_type != NFQA_PACKET_HDR || attr.nla_len != QV_ATTR_HEADER + PACKET_HDR_SIZE)
		return false;
	offset += QV_ATTR_HEADER;
	packet->id = load32(body + offset);
	packet->family = body[0];
	if (packet->family == NFPROTO_BRIDGE) {
		ethertype = (uint16_t)(body[offset + 4] << 8 | body[offset + 5]);
		packet->family = ethertype == ETHERTYPE_IPV4   ? QV_FAMILY_IPV4
				 : ethertype == ETHERTYPE_IPV6 ? QV_FAMILY_IPV6
							       : 0;
	}
	packet->hook = body[offset + 6] < HOOKS ? body[offset + 6] : QV_NO_HOOK;
	offset += qv_attr_align(PACKET_HDR_SIZE);

	while (offset < end) {
		if (!attribute(body, end, offset, &attr) ||
		    !read_attribute(packet, attr.nla_type & TYPE_MASK,
				    body + offset + QV_ATTR_HEADER, attr.nla_len - QV_ATTR_HEADER, &cut))
			return false;
		offset = after(offset, end, &attr);
	}
	if (!cut)
		packet->length = packet->caplen;
	return offset == end && packet->length >= packet->caplen;
}

/*
 * Find the id in a body that parse() refused. The kernel puts it first, so that what is broken
 * after it does not leave the packet unanswered.
 */
static bool readable_id(const uint8_t *body, uint32_t end, uint64_t *id)
{
	uint32_t offset = sizeof(struct nfgenmsg);
	struct nlattr attr;

	for (; offset < end && attribute(body, end, offset, &attr);
	     offset = after(offset, end, &attr)) {
		if ((attr.nla_type & TYPE_MASK) != NFQA_PACKET_HDR)
			continue;
		if (attr.nla_len < QV_ATTR_HEADER + PACKET_HDR_SIZE)
			return false;
		*id = load32(body + offset + QV_ATTR_HEADER);
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

	if (!qv_link_read_error(link, message, &error))
		return;
	if (error.msg.nlmsg_type == MSG_CONFIG && !error.error && error.msg.nlmsg_seq)
		link->acknowledged = error.msg.nlmsg_seq;
	else if (error.error == -ENOENT)
		qv_count_add(&link->tally->flushed, qv_nfqueue_verdicts_in(&error.msg));
	else if (error.error)
		qv_count_add(&link->tally->refused, qv_nfqueue_verdicts_in(&error.msg));
}

static void read_message(struct qv_link *link, const struct qv_message *message)
{
	if (message->type == MSG_PACKET)
		read_packet(link, message);
	else if (message->type == NLMSG_ERROR)
		read_error(link, message);
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
	.answer = qv_nfqueue_answer,
	.settle = qv_nfqueue_settle,
	.nudge = nudge,
};
