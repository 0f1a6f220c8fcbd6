/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a worker needs of a kernel queue: packets in, verdicts out, over a netlink socket that the
 * Python side has opened, configured and emptied of all that came while it did. What a link does
 * with losses, marks and new bytes is what transport/nfqueue.py and transport/ipqueue.py do.
 */
#ifndef QV_LINK_H
#define QV_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "decision.h"
#include "engine.h"
#include "inbox.h"
#include "outbox.h"
#include "packet.h"
#include "tally.h"

struct nlmsgerr;

struct qv_link;

/* What one kind of queue does its own way: nfqueue.c, ipqueue.c. */
struct qv_link_kind {
	unsigned int datagrams;		/* received a system call */
	/* Read a message: add its packets to the link's, count all else. */
	void (*read)(struct qv_link *link, const struct qv_message *message);
	/* Go on with packets that @read had no room for. NULL: there never are any. */
	void (*resume)(struct qv_link *link);
	/* Put a verdict into the outbox; false if it has no room. */
	bool (*answer)(struct qv_link *link, const struct qv_packet *packet,
		       const struct qv_decision *decision);
	/* Put what @answer held back into the outbox; false if it has no room. NULL: nothing is. */
	bool (*settle)(struct qv_link *link);
	qv_outbox_seal *seal;
	/* Write a message that changes nothing and that the kernel answers; return its bytes. */
	size_t (*nudge)(const struct qv_link *link, uint8_t message[QV_OUTBOX_HEAD]);
};

extern const struct qv_link_kind qv_nfqueue;
extern const struct qv_link_kind qv_ipqueue;

/* The terms on which the Python side holds the queue. */
struct qv_terms {
	int fd;			/* stays the caller's; connected to the kernel */
	uint16_t queue;		/* its number */
	uint8_t family;		/* over ipqueue: the queue's, QV_FAMILY_ */
	uint32_t most_verdicts;	/* a message */
	uint64_t send_limit;	/* bytes a send */
	uint64_t last_id;	/* of the packet received last */
	bool last_id_known;	/* false: what comes next leaves no gap */
	uint32_t seq;		/* ipqueue: of the list of verdicts sent last */
	uint32_t missing_seq;	/* ipqueue: of the list whose missing ids were told last */
};

/* What ended a link. */
enum qv_failure {
	QV_NO_FAILURE,
	QV_RECEIVE_FAILED,
	QV_SEND_FAILED,
	QV_VERDICTS_REFUSED,	/* ipqueue: a whole list, whose packets would wait for ever */
};

/* nfqueue: packets that get the same verdict, of which all but the first share a message. */
struct qv_run {
	bool begun;
	uint32_t code;
	uint32_t indev;
	uint32_t outdev;
	uint32_t rest;		/* how many share it */
	uint64_t last;		/* id of the last of them */
};

struct qv_link {
	const struct qv_link_kind *kind;
	struct qv_terms terms;		/* last_id and the numbers go on */
	struct qv_tally *tally;
	struct qv_inbox *inbox;
	struct qv_outbox *outbox;
	uint32_t acknowledged;		/* nfqueue: of the configuration done last, its number */
	struct qv_run run;
	struct qv_message rest;		/* ipqueue: what is left of a message of packets */
	uint32_t rest_count;		/* packets in it */
	enum qv_failure failure;
	int error;			/* with a failure: the errno */
	unsigned int count;
	struct qv_packet packets[QV_BATCH_MAX];
};

/* Returns NULL if there is no memory. */
struct qv_link *qv_link_new(const struct qv_link_kind *kind, const struct qv_terms *terms,
			    struct qv_tally *tally);
void qv_link_free(struct qv_link *link);

/* Whether packets were received that qv_link_receive() has not handed out yet. */
bool qv_link_holds(const struct qv_link *link);

/*
 * Make the next packets, QV_BATCH_MAX at most, the link's; wait for one if none is there. Returns
 * how many; 0 if only something else came; -1 at a failure.
 */
int qv_link_receive(struct qv_link *link);

/* Add a verdict. Returns 0; -EAGAIN if the kernel has no memory now; -1 at a failure. */
int qv_link_answer(struct qv_link *link, const struct qv_packet *packet,
		   const struct qv_decision *decision);
/* Send all verdicts that were added. Returns as qv_link_answer(). */
int qv_link_flush(struct qv_link *link);

/* From any thread: let a thread that waits in qv_link_receive() return. Returns 0 or -errno. */
int qv_link_nudge(const struct qv_link *link);

/* For the kinds. */
struct qv_packet *qv_link_add(struct qv_link *link);	/* NULL if the batch is full; zeroed */
void qv_link_fail(struct qv_link *link, enum qv_failure failure, int error);
/* Read an NLMSG_ERROR's body; false if it is broken, which is counted. */
bool qv_link_read_error(struct qv_link *link, const struct qv_message *message,
			struct nlmsgerr *error);
extern const uint32_t qv_netfilter_verdicts[QV_VERDICTS];	/* NF_ of an enum qv_verdict */

#endif
