// SPDX-License-Identifier: GPL-2.0
/*
 * The least that any user-space program can do with a queue: receive many packets with one system
 * call, look at nothing but their ids, and accept them all with one message. What a program costs
 * beyond this is its own.
 *
 * Usage: baseline QUEUE. Prints "ready" once the queue is bound, and how many packets it received
 * when SIGTERM ends it. The protocol: linux/netfilter/nfnetlink_queue.h.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCH = 256,		/* messages a system call */
	SLOT = 2048,		/* bytes for one: the bench sends small packets */
	QUEUE_LENGTH = 16384,	/* packets the kernel may hold for us */
	RECEIVE_BUFFER = 64 << 20,
};

static volatile sig_atomic_t ended;

static void on_term(int signal_number)
{
	(void)signal_number;
	ended = 1;
}

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* Append an attribute; @message has the room, as its sender knows what it holds. */
static void put(struct nlmsghdr *message, uint16_t type, const void *data, size_t length)
{
	struct nlattr *attr = (void *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));

	attr->nla_type = type;
	attr->nla_len = (uint16_t)(NLA_HDRLEN + length);
	memcpy((char *)attr + NLA_HDRLEN, data, length);
	message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + NLA_ALIGN(attr->nla_len);
}

static struct nlmsghdr *start(void *buffer, uint16_t type, uint16_t flags, uint16_t queue)
{
	struct nlmsghdr *message = buffer;
	struct nfgenmsg *family = NLMSG_DATA(message);

	*message = (struct nlmsghdr){
		.nlmsg_len = NLMSG_LENGTH(sizeof(*family)),
		.nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type),
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
	};
	*family = (struct nfgenmsg){ .version = NFNETLINK_V0, .res_id = htons(queue) };
	return message;
}

/* Return the id of a queued packet; false if the message is something else. */
static bool packet_id(const struct nlmsghdr *message, size_t length, uint32_t *id)
{
	size_t offset = NLMSG_LENGTH(sizeof(struct nfgenmsg));

	if (length < offset || message->nlmsg_len > length ||
	    message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
		return false;
	while (offset + NLA_HDRLEN <= message->nlmsg_len) {
		const struct nlattr *attr = (const void *)((const char *)message + offset);
		const struct nfqnl_msg_packet_hdr *header;

		if (attr->nla_len < NLA_HDRLEN || attr->nla_len > message->nlmsg_len - offset)
			return false;
		if (attr->nla_type == NFQA_PACKET_HDR &&
		    attr->nla_len >= NLA_HDRLEN + sizeof(*header)) {
			header = (const void *)((const char *)attr + NLA_HDRLEN);
			*id = ntohl(header->packet_id);
			return true;
		}
		offset += NLA_ALIGN(attr->nla_len);
	}
	return false;
}

static void send_message(int fd, const struct nlmsghdr *message)
{
	if (send(fd, message, message->nlmsg_len, 0) != (ssize_t)message->nlmsg_len)
		die("send");
}

/* Bind @queue with everything in one message: no packet meets a half-made queue. */
static int bind_queue(uint16_t queue)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_BIND };
	const struct nfqnl_msg_config_params params = {
		.copy_range = htonl(65535), .copy_mode = NFQNL_COPY_PACKET,
	};
	const uint32_t length = htonl(QUEUE_LENGTH);
	const int buffer_size = RECEIVE_BUFFER, on = 1;
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *message;
	const struct nlmsgerr *answer;
	ssize_t received;
	int fd;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0)
		die("socket");
	/* Only root may have more than all users get; the traffic then keeps to what fits. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_size, sizeof(buffer_size)) &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_size, sizeof(buffer_size)))
		die("setsockopt");
	if (setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)))
		die("setsockopt");
	if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)))
		die("connect");

	message = start(buffer, NFQNL_MSG_CONFIG, NLM_F_ACK, queue);
	put(message, NFQA_CFG_CMD, &command, sizeof(command));
	put(message, NFQA_CFG_PARAMS, &params, sizeof(params));
	put(message, NFQA_CFG_QUEUE_MAXLEN, &length, sizeof(length));
	send_message(fd, message);

	received = recv(fd, buffer, sizeof(buffer), 0);
	answer = NLMSG_DATA(message);
	if (received < (ssize_t)NLMSG_LENGTH(sizeof(*answer)) ||
	    message->nlmsg_type != NLMSG_ERROR)
		errno = EPROTO;
	else
		errno = -answer->error;
	if (errno)
		die("bind");
	return fd;
}

int main(int argc, char **argv)
{
	static _Alignas(struct nlmsghdr) char slots[BATCH][SLOT];
	static struct iovec vectors[BATCH];
	static struct mmsghdr messages[BATCH];
	const struct sigaction action = { .sa_handler = on_term }; /* no SA_RESTART: recv ends */
	_Alignas(struct nlmsghdr) char buffer[128];
	unsigned long long packets = 0;
	uint16_t queue;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: %s QUEUE\n", argv[0]);
		return 64;
	}
	queue = (uint16_t)strtoul(argv[1], NULL, 10);
	if (sigaction(SIGTERM, &action, NULL))
		die("sigaction");
	for (size_t i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ .iov_base = slots[i], .iov_len = SLOT };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
	fd = bind_queue(queue);
	puts("ready");
	fflush(stdout);

	while (!ended) {
		struct nfqnl_msg_verdict_hdr verdict = { .verdict = htonl(NF_ACCEPT) };
		struct nlmsghdr *message;
		int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		uint32_t id = 0;
		int found = 0;

		if (count < 0) {
			if (errno == EINTR)
				continue;
			die("recvmmsg");
		}
		for (int i = 0; i < count; i++)
			found += packet_id((void *)slots[i], messages[i].msg_len, &id);
		if (!found)
			continue;
		/* Ids grow: the verdict of the last is the verdict of all before it. */
		verdict.id = htonl(id);
		message = start(buffer, NFQNL_MSG_VERDICT_BATCH, 0, queue);
		put(message, NFQA_VERDICT_HDR, &verdict, sizeof(verdict));
		send_message(fd, message);
		packets += (unsigned long long)found;
	}
	printf("%llu\n", packets);
	return EXIT_SUCCESS;
}
