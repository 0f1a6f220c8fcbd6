// SPDX-License-Identifier: GPL-2.0
#include "kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipqueue.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <string.h>

enum {
	MSG_PACKET = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET,
	MSG_VERDICT = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT,
	MSG_VERDICT_BATCH = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH,
	MSG_CONFIG = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG,
};

/* An IPv4 packet of UDP. */
static const uint8_t payload[KERNEL_PAYLOAD] = {
	0x45, 0, 0, KERNEL_PAYLOAD, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1,
	0x30, 0x39, 0, 53, 0, KERNEL_PAYLOAD - 20,
};

static uint8_t *put(uint8_t *at, uint16_t type, const void *value, uint16_t size)
{
	const struct nlattr attr = { (uint16_t)(size + sizeof(attr)), type };

	memcpy(at, &attr, sizeof(attr));
	memcpy(at + sizeof(attr), value, size);
	return at + sizeof(attr) + ((size + 3u) & ~3u);
}

static size_t nfqueue_packet(uint8_t *start, uint64_t id)
{
	const struct nfgenmsg family = { .nfgen_family = AF_INET };
	const uint32_t mark = htonl(KERNEL_MARK);
	uint8_t *at = start + sizeof(struct nlmsghdr);
	struct nfqnl_msg_packet_hdr packet = {
		.packet_id = htonl((uint32_t)id), .hw_protocol = htons(0x0800), .hook = 2,
	};
	struct nlmsghdr header = { .nlmsg_type = MSG_PACKET };

	memcpy(at, &family, sizeof(family));
	at = put(at + sizeof(family), NFQA_PACKET_HDR, &packet, sizeof(packet));
	at = put(at, NFQA_MARK, &mark, sizeof(mark));
	at = put(at, NFQA_PAYLOAD, payload, sizeof(payload));
	header.nlmsg_len = (uint32_t)(at - start);
	memcpy(start, &header, sizeof(header));
	return header.nlmsg_len;
}

static size_t ipqueue_packets(uint8_t *start, uint64_t first, unsigned int count,
			      unsigned int *made)
{
	const uint32_t record = (sizeof(struct ipq_packet) + KERNEL_PAYLOAD + 7) & ~7u;
	struct nlmsghdr header = { .nlmsg_type = IPQM_PACKETS };
	uint8_t *at = start + sizeof(header) + sizeof(struct ipq_packets);
	struct ipq_packets head;

	*made = 0;
	while (*made < count && at + record <= start + KERNEL_ROOM) {
		const struct ipq_packet packet = {
			.size = record, .data_len = KERNEL_PAYLOAD, .length = KERNEL_PAYLOAD,
			.mark = KERNEL_MARK, .id = first + *made, .hook = 2,
		};

		memset(at, 0, record);
		memcpy(at, &packet, sizeof(packet));
		memcpy(at + sizeof(packet), payload, sizeof(payload));
		at += record;
		++*made;
	}
	head = (struct ipq_packets){ .count = *made };
	header.nlmsg_len = (uint32_t)(at - start);
	memcpy(start, &header, sizeof(header));
	memcpy(start + sizeof(header), &head, sizeof(head));
	return header.nlmsg_len;
}

size_t kernel_packets(const struct qv_link_kind *kind, uint8_t *at, uint64_t first,
		      unsigned int count, unsigned int *made)
{
	if (kind == &qv_ipqueue)
		return ipqueue_packets(at, first, count, made);
	*made = 1;
	return nfqueue_packet(at, first);
}

size_t kernel_answer(const struct qv_link_kind *kind, uint8_t *at, const uint8_t *request)
{
	struct nlmsghdr header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct nlmsgerr)),
				   .nlmsg_type = NLMSG_ERROR };
	struct nlmsgerr error = { 0 };

	memcpy(&error.msg, request, sizeof(error.msg));
	if (kind == &qv_ipqueue && error.msg.nlmsg_type == IPQM_RANGE)
		error.error = -EINVAL;
	else if (kind != &qv_nfqueue || error.msg.nlmsg_type != MSG_CONFIG)
		return 0;
	memcpy(at, &header, sizeof(header));
	memcpy(at + sizeof(header), &error, sizeof(error));
	return header.nlmsg_len;
}

static int nfqueue_verdict(const uint8_t *data, size_t size, size_t *offset,
			   struct kernel_verdict *verdict)
{
	const uint8_t *at = data + *offset, *end;
	struct nfqnl_msg_verdict_hdr decided;
	struct nlmsghdr header;
	struct nlattr attr;

	memcpy(&header, at, sizeof(header));
	verdict->up_to = header.nlmsg_type == MSG_VERDICT_BATCH;
	if (header.nlmsg_type != MSG_VERDICT && !verdict->up_to)
		return 0;
	if (header.nlmsg_len > size - *offset)
		return -1;
	end = at + header.nlmsg_len;
	*offset += (header.nlmsg_len + 3u) & ~3u;
	for (at += sizeof(header) + sizeof(struct nfgenmsg); at < end;
	     at += (attr.nla_len + 3u) & ~3u) {
		memcpy(&attr, at, sizeof(attr));
		if (attr.nla_len < sizeof(attr) || attr.nla_len > end - at)
			return -1;
		if (attr.nla_type == NFQA_VERDICT_HDR) {
			memcpy(&decided, at + sizeof(attr), sizeof(decided));
			verdict->id = ntohl(decided.id);
			verdict->code = ntohl(decided.verdict);
		} else if (attr.nla_type == NFQA_MARK) {
			memcpy(&verdict->mark, at + sizeof(attr), sizeof(verdict->mark));
			verdict->mark = ntohl(verdict->mark);
			verdict->marked = true;
		} else if (attr.nla_type == NFQA_PAYLOAD) {
			verdict->payload = attr.nla_len - (uint32_t)sizeof(attr);
		}
	}
	return verdict->id == header.nlmsg_seq ? 1 : -1;
}

static int ipqueue_verdict(const uint8_t *data, size_t size, size_t *offset,
			   struct kernel_verdict *verdict)
{
	struct nlmsghdr header;
	struct ipq_verdicts head;
	struct ipq_verdict item;

	if (!*offset) {
		memcpy(&header, data, sizeof(header));
		if (header.nlmsg_type != IPQM_VERDICTS)
			return 0;
		memcpy(&head, data + sizeof(header), sizeof(head));
		if (header.nlmsg_len != size || !head.count || head.reserved)
			return -1;
		*offset = sizeof(header) + sizeof(head);
	}
	if (size - *offset < sizeof(item))
		return -1;
	memcpy(&item, data + *offset, sizeof(item));
	*offset += sizeof(item) + ((item.data_len + 7u) & ~7u);
	*verdict = (struct kernel_verdict){
		.id = item.id, .code = item.verdict, .mark = item.mark, .marked = item.mask != 0,
		.payload = item.data_len,
	};
	return *offset <= size ? 1 : -1;
}

int kernel_verdict(const struct qv_link_kind *kind, const uint8_t *data, size_t size,
		   size_t *offset, struct kernel_verdict *verdict)
{
	*verdict = (struct kernel_verdict){ 0 };
	if (*offset >= size)
		return 0;
	if (kind == &qv_ipqueue)
		return ipqueue_verdict(data, size, offset, verdict);
	return nfqueue_verdict(data, size, offset, verdict);
}
