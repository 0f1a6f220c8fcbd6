// SPDX-License-Identifier: GPL-2.0
#include "nfqueue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

struct message {
	struct nlmsghdr header;
	struct nfgenmsg queue;
	unsigned char attributes[256];
};

static void begin(struct message *out, uint16_t type, uint16_t number, uint16_t flags)
{
	*out = (struct message){
		.header = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
			.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | type,
			.nlmsg_flags = NLM_F_REQUEST | flags,
		},
		.queue = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(number) },
	};
}

static void attribute(struct message *out, uint16_t type, const void *value, size_t length)
{
	struct nlattr *at = (void *)((unsigned char *)out + NLMSG_ALIGN(out->header.nlmsg_len));

	at->nla_type = type;
	at->nla_len = NLA_HDRLEN + length;
	memcpy((unsigned char *)at + NLA_HDRLEN, value, length);
	out->header.nlmsg_len = NLMSG_ALIGN(out->header.nlmsg_len) + NLA_ALIGN(at->nla_len);
}

int nfqueue_open(uint16_t number, uint32_t maxlen)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK };
	struct nfqnl_msg_config_cmd bind_cmd = { .command = NFQNL_CFG_CMD_BIND };
	struct nfqnl_msg_config_params params = { .copy_range = htonl(0xffff), .copy_mode = NFQNL_COPY_PACKET };
	int fd = socket(PF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	uint32_t length = htonl(maxlen);
	unsigned char answer[1024];
	struct message out;
	ssize_t got;

	check(fd >= 0);
	check(bind(fd, (struct sockaddr *)&local, sizeof(local)) == 0);
	begin(&out, NFQNL_MSG_CONFIG, number, NLM_F_ACK);
	attribute(&out, NFQA_CFG_CMD, &bind_cmd, sizeof(bind_cmd));
	attribute(&out, NFQA_CFG_PARAMS, &params, sizeof(params));
	attribute(&out, NFQA_CFG_QUEUE_MAXLEN, &length, sizeof(length));
	check(send(fd, &out, out.header.nlmsg_len, 0) == (ssize_t)out.header.nlmsg_len);
	got = recv(fd, answer, sizeof(answer), 0);
	check(got >= (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)));
	if (((struct nlmsgerr *)NLMSG_DATA((struct nlmsghdr *)answer))->error) {
		int error = ((struct nlmsgerr *)NLMSG_DATA((struct nlmsghdr *)answer))->error;

		close(fd);
		return error;
	}
	return fd;
}

static uint32_t packet_id(const struct nlmsghdr *header)
{
	const unsigned char *at = (const unsigned char *)header + NLMSG_LENGTH(sizeof(struct nfgenmsg));
	const unsigned char *end = (const unsigned char *)header + header->nlmsg_len;

	while (at + NLA_HDRLEN <= end) {
		const struct nlattr *one = (const void *)at;

		if ((one->nla_type & NLA_TYPE_MASK) == NFQA_PACKET_HDR)
			return ntohl(((const struct nfqnl_msg_packet_hdr *)(at + NLA_HDRLEN))->packet_id);
		at += NLA_ALIGN(one->nla_len);
	}
	fail("a packet without a header attribute");
}

size_t nfqueue_ids(const unsigned char *buffer, size_t length, uint32_t *ids, size_t most)
{
	const struct nlmsghdr *header = (const void *)buffer;
	size_t count = 0;

	for (; NLMSG_OK(header, length) && count < most; header = NLMSG_NEXT(header, length))
		if (header->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
			ids[count++] = packet_id(header);
	return count;
}

static void send_verdict(int fd, uint16_t number, uint16_t type, uint32_t id, uint32_t verdict)
{
	struct nfqnl_msg_verdict_hdr head = { .verdict = htonl(verdict), .id = htonl(id) };
	struct message out;

	begin(&out, type, number, 0);
	attribute(&out, NFQA_VERDICT_HDR, &head, sizeof(head));
	check(send(fd, &out, out.header.nlmsg_len, 0) == (ssize_t)out.header.nlmsg_len);
}

void nfqueue_verdict_upto(int fd, uint16_t number, uint32_t id, uint32_t verdict)
{
	send_verdict(fd, number, NFQNL_MSG_VERDICT_BATCH, id, verdict);
}

void nfqueue_verdict(int fd, uint16_t number, uint32_t id, uint32_t verdict)
{
	send_verdict(fd, number, NFQNL_MSG_VERDICT, id, verdict);
}
