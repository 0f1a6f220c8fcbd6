// SPDX-License-Identifier: GPL-2.0
#include "inbox.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

/*
 * A datagram may have 64 KiB of packet, and nearly none has. So the first bytes of each go to a
 * place near its neighbours', and only what does not fit there to one that has room for all. These
 * far places are memory that is never touched while packets are small. A long datagram's first
 * bytes are then copied before the others, where room was left for them.
 */
enum {
	NEAR = 2048,
	/* Not a power of two: at such a distance all first bytes would share few sets of the cache. */
	NEAR_STRIDE = NEAR + 64,
	FAR = 69632,		/* IPQ_MAX_DATAGRAM, and more than nfnetlink_queue ever sends */
};

struct qv_inbox {
	int fd;
	unsigned int count;		/* places for datagrams */
	unsigned int received;		/* datagrams in them */
	unsigned int current;		/* which of them is read */
	uint32_t offset;		/* bytes of it that are read */
	uint32_t size;			/* bytes of it; valid if offset is not 0 */
	const uint8_t *data;		/* likewise */
	uint8_t *near;
	uint8_t *far;
	struct mmsghdr *messages;
	struct iovec *vectors;		/* two a datagram */
};

static uint8_t *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* Of a huge page the far places would use a thirtieth. Advice: its failing does no harm. */
	(void)madvise(memory, size, MADV_NOHUGEPAGE);
	return memory;
}

struct qv_inbox *qv_inbox_new(int fd, unsigned int count)
{
	struct qv_inbox *inbox = calloc(1, sizeof(*inbox));

	if (!inbox)
		return NULL;
	inbox->fd = fd;
	inbox->count = count;
	inbox->near = map((size_t)count * NEAR_STRIDE);
	inbox->far = map((size_t)count * FAR);
	inbox->messages = calloc(count, sizeof(*inbox->messages));
	inbox->vectors = calloc(2 * (size_t)count, sizeof(*inbox->vectors));
	if (!inbox->near || !inbox->far || !inbox->messages || !inbox->vectors) {
		qv_inbox_free(inbox);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		struct iovec *vector = inbox->vectors + 2 * i;

		vector[0] = (struct iovec){ inbox->near + i * NEAR_STRIDE, NEAR };
		vector[1] = (struct iovec){ inbox->far + i * FAR + NEAR, FAR - NEAR };
		inbox->messages[i].msg_hdr = (struct msghdr){ .msg_iov = vector, .msg_iovlen = 2 };
	}
	return inbox;
}

void qv_inbox_free(struct qv_inbox *inbox)
{
	if (!inbox)
		return;
	if (inbox->near)
		munmap(inbox->near, (size_t)inbox->count * NEAR_STRIDE);
	if (inbox->far)
		munmap(inbox->far, (size_t)inbox->count * FAR);
	free(inbox->messages);
	free(inbox->vectors);
	free(inbox);
}

int qv_inbox_receive(struct qv_inbox *inbox)
{
	int got = recvmmsg(inbox->fd, inbox->messages, inbox->count, MSG_WAITFORONE, NULL);

	inbox->received = got < 0 ? 0 : (unsigned int)got;
	inbox->current = 0;
	inbox->offset = 0;
	return got < 0 ? -errno : got;
}

bool qv_inbox_holds(const struct qv_inbox *inbox)
{
	return inbox->current < inbox->received;
}

static void open_datagram(struct qv_inbox *inbox)
{
	const uint8_t *near = inbox->near + (size_t)inbox->current * NEAR_STRIDE;
	uint8_t *far = inbox->far + (size_t)inbox->current * FAR;

	inbox->size = inbox->messages[inbox->current].msg_len;
	inbox->data = near;
	if (inbox->size > NEAR) {
		memcpy(far, near, NEAR);
		inbox->data = far;
	}
	/* The next one's header and first attributes, which nobody has looked at yet. */
	__builtin_prefetch(near + NEAR_STRIDE);
	__builtin_prefetch(near + NEAR_STRIDE + 64);
}

static void close_datagram(struct qv_inbox *inbox)
{
	inbox->current++;
	inbox->offset = 0;
}

enum qv_next qv_inbox_next(struct qv_inbox *inbox, struct qv_message *message)
{
	struct nlmsghdr header;
	uint32_t left;

	while (inbox->current < inbox->received) {
		if (!inbox->offset)
			open_datagram(inbox);
		left = inbox->size - inbox->offset;
		if (!left) {
			close_datagram(inbox);
			continue;
		}
		if (left < sizeof(header)) {
			close_datagram(inbox);
			return QV_BROKEN_MESSAGE;
		}
		memcpy(&header, inbox->data + inbox->offset, sizeof(header));
		if (header.nlmsg_len < sizeof(header)) {
			close_datagram(inbox);
			return QV_BROKEN_MESSAGE;
		}
		message->cut = header.nlmsg_len > left;
		message->type = header.nlmsg_type;
		message->seq = header.nlmsg_seq;
		message->body = inbox->data + inbox->offset + sizeof(header);
		message->size = (message->cut ? left : header.nlmsg_len) - (uint32_t)sizeof(header);
		/* The padding after a datagram's last message may be missing. */
		if (message->cut || NLMSG_ALIGN(header.nlmsg_len) >= left)
			close_datagram(inbox);
		else
			inbox->offset += NLMSG_ALIGN(header.nlmsg_len);
		return QV_MESSAGE;
	}
	return QV_NO_MESSAGE;
}
