// SPDX-License-Identifier: GPL-2.0
#include "outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum {
	/* More would bring nothing: what a send costs is long spread over its verdicts by then. */
	ROOM_MAX = 1 << 20,
	ITEMS_MAX = 1024,
};

struct qv_outbox {
	int fd;
	uint32_t most;			/* items a send */
	size_t room;			/* bytes of items a send */
	qv_outbox_seal *seal;
	void *context;
	uint32_t first;			/* the first item that is not sent */
	uint32_t count;			/* items, those that are sent included */
	uint32_t ends[ITEMS_MAX];	/* where each ends in data */
	uint8_t *data;
};

struct qv_outbox *qv_outbox_new(int fd, size_t limit, uint32_t most, qv_outbox_seal *seal,
				void *context)
{
	struct qv_outbox *outbox = calloc(1, sizeof(*outbox));
	void *data;

	if (!outbox)
		return NULL;
	outbox->fd = fd;
	outbox->most = most < ITEMS_MAX ? most : ITEMS_MAX;
	outbox->room = (limit < ROOM_MAX ? limit : ROOM_MAX) - QV_OUTBOX_HEAD;
	outbox->seal = seal;
	outbox->context = context;
	/* Taken page by page when it is first written: small verdicts need two of them. */
	data = mmap(NULL, outbox->room, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (data == MAP_FAILED) {
		free(outbox);
		return NULL;
	}
	outbox->data = data;
	return outbox;
}

void qv_outbox_free(struct qv_outbox *outbox)
{
	if (!outbox)
		return;
	munmap(outbox->data, outbox->room);
	free(outbox);
}

static uint32_t end_of(const struct qv_outbox *outbox, uint32_t count)
{
	return count ? outbox->ends[count - 1] : 0;
}

uint8_t *qv_outbox_add(struct qv_outbox *outbox, size_t size)
{
	uint32_t start = end_of(outbox, outbox->count);

	if (outbox->count == outbox->most || size > outbox->room - start)
		return NULL;
	outbox->ends[outbox->count++] = start + (uint32_t)size;
	return outbox->data + start;
}

uint32_t qv_outbox_waiting(const struct qv_outbox *outbox)
{
	return outbox->count - outbox->first;
}

/* Send @count items from the first on. */
static int send_some(struct qv_outbox *outbox, uint32_t count)
{
	uint32_t start = end_of(outbox, outbox->first);
	size_t size = end_of(outbox, outbox->first + count) - start;
	uint8_t head[QV_OUTBOX_HEAD];
	struct iovec vectors[2] = {
		{ .iov_base = head, .iov_len = 0 },
		{ .iov_base = outbox->data + start, .iov_len = size },
	};
	struct msghdr message = { .msg_iov = vectors + 1, .msg_iovlen = 1 };

	if (!outbox->seal)
		return send(outbox->fd, vectors[1].iov_base, size, 0) < 0 ? -errno : 0;
	vectors[0].iov_len = outbox->seal(outbox->context, head, count, size);
	message.msg_iov = vectors;
	message.msg_iovlen = 2;
	return sendmsg(outbox->fd, &message, 0) < 0 ? -errno : 0;
}

/* Whether the kernel had no memory for a copy of what we sent: it took none of it. */
static bool no_memory(int error)
{
	return error == -ENOBUFS || error == -ENOMEM || error == -EAGAIN;
}

int qv_outbox_flush(struct qv_outbox *outbox)
{
	uint32_t count = qv_outbox_waiting(outbox);

	while (outbox->first < outbox->count) {
		uint32_t left = qv_outbox_waiting(outbox);
		int error;

		count = count < left ? count : left;
		error = send_some(outbox, count);
		if (!error) {
			outbox->first += count;
		} else if (error == -EINTR) {
			continue;
		} else if (count > 1 && (no_memory(error) || error == -EMSGSIZE)) {
			count /= 2;
		} else {
			return no_memory(error) ? -EAGAIN : error;
		}
	}
	outbox->first = 0;
	outbox->count = 0;
	return 0;
}
