/* SPDX-License-Identifier: GPL-2.0 */
/* Netlink messages that wait in a socket, received many a system call. */
#ifndef QV_INBOX_H
#define QV_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qv_inbox;

/* A message: its header's fields, and its body, which is aligned to 4 bytes. */
struct qv_message {
	uint16_t type;
	uint32_t seq;
	const uint8_t *body;
	uint32_t size;		/* bytes of the body at hand */
	bool cut;		/* its header claims more */
};

enum qv_next {
	QV_MESSAGE,
	QV_BROKEN_MESSAGE,	/* not even a header; the rest of its datagram is passed over */
	QV_NO_MESSAGE,
};

/*
 * Make an inbox for @fd, which stays the caller's, that reads @count datagrams a call. Returns NULL
 * if there is no memory.
 */
struct qv_inbox *qv_inbox_new(int fd, unsigned int count);
void qv_inbox_free(struct qv_inbox *inbox);

/*
 * Receive the datagrams that wait, after those before are used up; wait for the first one.
 * Returns how many came, or a negative errno: -EINTR at a signal.
 */
int qv_inbox_receive(struct qv_inbox *inbox);

/* Whether messages are left that qv_inbox_next() has not handed out. */
bool qv_inbox_holds(const struct qv_inbox *inbox);

/* Hand out the next message; its body is valid until the next qv_inbox_receive(). */
enum qv_next qv_inbox_next(struct qv_inbox *inbox, struct qv_message *message);

#endif
