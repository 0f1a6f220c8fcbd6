// SPDX-License-Identifier: GPL-2.0
/*
 * The least that any user-space program can do with a queue: receive many packets with one system
 * call, look at nothing but their ids, and accept them all with one message. What a program costs
 * beyond this is its own.
 *
 * Usage: baseline QUEUE [SLOT [rewrite]]. SLOT is the room in bytes for a message: 2048, if not
 * given, is enough for small packets, and 66048 for those of segmentation offload. With "rewrite"
 * each packet is answered with its own bytes as if they were changed: the least that a program can
 * do that rewrites. Prints "ready" once the queue is bound, and how many packets it received when
 * SIGTERM ends it. The protocol: linux/netfilter/nfnetlink_queue.h.
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
	SMALL_SLOT = 2048,	/* bytes for one of the bench's small packets */
	QUEUE_LENGTH = 16384,	/* packets the kernel may hold for us */
	RECEIVE_BUFFER = 64 << 20,
};

static volatile sig_atomic_t ended;
static bool rewriting;

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

/* As NLA_ALIGN, without its signed arithmetic. */
static uint32_t padded(uint32_t length)
{
	return (length + NLA_ALIGNTO - 1) & ~(uint32_t)(NLA_ALIGNTO - 1);
}

/* Append an attribute; @message has the room, as its sender knows what it holds. */
static void put(struct nlmsghdr *message, uint16_t type, const void *data, size_t length)
{
	struct nlattr *attr = (void *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));

	attr->nla_type = type;
	attr->nla_len = (uint16_t)(sizeof(struct nlattr) + length);
	memcpy((char *)attr + sizeof(struct nlattr), data, length);
	message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + padded(attr->nla_len);
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

struct packet {
	uint32_t id;		/* network order */
	const void *payload;
	uint16_t length;
};

/* Find a queued packet's id and bytes; false if the message is something else. */
static bool find_packet(const struct nlmsghdr *message, size_t length, struct packet *packet)
{
	size_t offset = NLMSG_LENGTH(sizeof(struct nfgenmsg));
	bool found = false;

	packet->payload = NULL;
	if (length < offset || message->nlmsg_len > length ||
	    message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
		return false;
	while (offset + sizeof(struct nlattr) <= message->nlmsg_len) {
		const struct nlattr *attr = (const void *)((const char *)message + offset);
		const void *data = (const char *)attr + sizeof(struct nlattr);

		if (attr->nla_len < sizeof(*attr) || attr->nla_len > message->nlmsg_len - offset)
			return false;
		if (attr->nla_type == NFQA_PACKET_HDR &&
		    attr->nla_len >= sizeof(*attr) + sizeof(struct nfqnl_msg_packet_hdr)) {
			packet->id = ((const struct nfqnl_msg_packet_hdr *)data)->packet_id;
			found = true;
			if (!rewriting)
				return true;
		} else if (attr->nla_type == NFQA_PAYLOAD) {
			packet->payload = data;
			packet->length = (uint16_t)(attr->nla_len - sizeof(*attr));
		}
		offset += padded(attr->nla_len);
	}
	return found;
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
	const uint32_t length = htonl(QUEUE_LENGTH), flags = htonl(NFQA_CFG_F_GSO);
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
	put(message, NFQA_CFG_FLAGS, &flags, sizeof(flags));
	put(message, NFQA_CFG_MASK, &flags, sizeof(flags));
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

/* Accept all packets up to the last one: ids grow, and a batch verdict covers all before it. */
static void accept_all(int fd, uint16_t queue, const struct packet *last)
{
	const struct nfqnl_msg_verdict_hdr verdict = {
		.verdict = htonl(NF_ACCEPT), .id = last->id,
	};
	_Alignas(struct nlmsghdr) char buffer[128];
	struct nlmsghdr *message = start(buffer, NFQNL_MSG_VERDICT_BATCH, 0, queue);

	put(message, NFQA_VERDICT_HDR, &verdict, sizeof(verdict));
	send_message(fd, message);
}

/* Accept each packet with its own bytes as new ones, all in one system call. */
static void return_all(int fd, uint16_t queue, const struct packet *packets, size_t count)
{
	static _Alignas(struct nlmsghdr) char buffer[BATCH * SMALL_SLOT];
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		const struct nfqnl_msg_verdict_hdr verdict = {
			.verdict = htonl(NF_ACCEPT), .id = packets[i].id,
		};
		struct nlmsghdr *message;

		if (!packets[i].payload || used + packets[i].length + 128U > sizeof(buffer)) {
			errno = EMSGSIZE;
			die("rewrite");
		}
		message = start(buffer + used, NFQNL_MSG_VERDICT, 0, queue);
		put(message, NFQA_VERDICT_HDR, &verdict, sizeof(verdict));
		put(message, NFQA_PAYLOAD, packets[i].payload, packets[i].length);
		used += NLMSG_ALIGN(message->nlmsg_len);
	}
	if (send(fd, buffer, used, 0) != (ssize_t)used)
		die("send");
}

int main(int argc, char **argv)
{
	static struct iovec vectors[BATCH];
	static struct mmsghdr messages[BATCH];
	static struct packet packets[BATCH];
	const struct sigaction action = { .sa_handler = on_term }; /* no SA_RESTART: recv ends */
	unsigned long long received = 0;
	size_t slot = SMALL_SLOT;
	char *slots;
	uint16_t queue;
	int fd;

	if (argc < 2 || argc > 4 || (argc == 4 && strcmp(argv[3], "rewrite") != 0)) {
		fprintf(stderr, "usage: %s QUEUE [SLOT [rewrite]]\n", argv[0]);
		return 64;
	}
	queue = (uint16_t)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		slot = strtoul(argv[2], NULL, 10) / 64 * 64;
	rewriting = argc > 3;
	if (sigaction(SIGTERM, &action, NULL))
		die("sigaction");
	slots = aligned_alloc(64, slot * BATCH);
	if (!slots)
		die("aligned_alloc");
	for (size_t i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ .iov_base = slots + i * slot, .iov_len = slot };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
	fd = bind_queue(queue);
	puts("ready");
	fflush(stdout);

	while (!ended) {
		int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		size_t found = 0;

		if (count < 0) {
			if (errno == EINTR)
				continue;
			die("recvmmsg");
		}
		for (int i = 0; i < count; i++)
			if (find_packet((void *)vectors[i].iov_base, messages[i].msg_len,
					&packets[found]))
				found++;
		if (!found)
			continue;
		if (rewriting)
			return_all(fd, queue, packets, found);
		else
			accept_all(fd, queue, &packets[found - 1]);
		received += found;
	}
	free(slots);
	printf("%llu\n", received);
	return EXIT_SUCCESS;
}
