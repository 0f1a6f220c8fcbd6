// SPDX-License-Identifier: GPL-2.0
#include "link.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MAX_ERRNO = 4095 };	/* linux/err.h; no kernel says a larger one */

const uint32_t qv_netfilter_verdicts[QV_VERDICTS] = {
	[QV_ACCEPT] = NF_ACCEPT,
	[QV_DROP] = NF_DROP,
	[QV_REPEAT] = NF_REPEAT,
	[QV_QUEUE] = NF_QUEUE,
	[QV_CONTINUE] = NF_DROP,	/* never a decision's */
};

struct qv_link *qv_link_new(const struct qv_link_kind *kind, const struct qv_terms *terms,
			    struct qv_tally *tally)
{
	struct qv_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->kind = kind;
	link->terms = *terms;
	link->tally = tally;
	link->inbox = qv_inbox_new(terms->fd, kind->datagrams);
	link->outbox = qv_outbox_new(terms->fd, terms->send_limit, terms->most_verdicts,
				     kind->seal, link);
	if (!link->inbox || !link->outbox) {
		qv_link_free(link);
		return NULL;
	}
	return link;
}

void qv_link_free(struct qv_link *link)
{
	if (!link)
		return;
	qv_inbox_free(link->inbox);
	qv_outbox_free(link->outbox);
	free(link);
}

struct qv_packet *qv_link_add(struct qv_link *link)
{
	struct qv_packet *packet;

	if (link->count == QV_BATCH_MAX)
		return NULL;
	packet = &link->packets[link->count++];
	*packet = (struct qv_packet){ .data = (const uint8_t *)"", .hook = QV_NO_HOOK };
	return packet;
}

bool qv_link_read_error(struct qv_link *link, const struct qv_message *message,
			struct nlmsgerr *error)
{
	bool whole = message->size >= sizeof(*error);

	if (whole)
		memcpy(error, message->body, sizeof(*error));
	if (whole && error->error <= 0 && error->error >= -MAX_ERRNO)
		return true;
	qv_count_add(&link->tally->broken, 1);
	return false;
}

void qv_link_fail(struct qv_link *link, enum qv_failure failure, int error)
{
	/* The first failure is the cause of those that follow. */
	if (link->failure)
		return;
	link->failure = failure;
	link->error = error;
}

bool qv_link_holds(const struct qv_link *link)
{
	return link->rest_count || qv_inbox_holds(link->inbox);
}

int qv_link_receive(struct qv_link *link)
{
	struct qv_message message;

	link->count = 0;
	if (link->failure == QV_SEND_FAILED || (link->failure && !qv_link_holds(link)))
		return -1;
	if (!qv_link_holds(link)) {
		int got = qv_inbox_receive(link->inbox);

		/* ENOBUFS tells that datagrams were lost; ids and the kernel's counters tell it too. */
		if (got == -EINTR || got == -ENOBUFS)
			return 0;
		if (got < 0)
			qv_link_fail(link, QV_RECEIVE_FAILED, -got);
	}
	if (link->rest_count)
		link->kind->resume(link);
	while (link->count < QV_BATCH_MAX && !link->rest_count) {
		enum qv_next next = qv_inbox_next(link->inbox, &message);

		if (next == QV_NO_MESSAGE)
			break;
		if (next == QV_BROKEN_MESSAGE)
			qv_count_add(&link->tally->broken, 1);
		else
			link->kind->read(link, &message);
	}
	qv_count_add(&link->tally->received, link->count);
	/* What came with the news of a failure is answered first; the next call tells of it. */
	return link->count || !link->failure ? (int)link->count : -1;
}

int qv_link_answer(struct qv_link *link, const struct qv_packet *packet,
		   const struct qv_decision *decision)
{
	while (!link->kind->answer(link, packet, decision)) {
		int sent = qv_link_flush(link);

		if (sent)
			return sent;
	}
	return 0;
}

int qv_link_flush(struct qv_link *link)
{
	bool settled;
	int error;

	do {
		settled = !link->kind->settle || link->kind->settle(link);
		error = qv_outbox_flush(link->outbox);
	} while (!settled && !error);
	if (!error || error == -EAGAIN)
		return error;
	qv_link_fail(link, QV_SEND_FAILED, -error);
	return -1;
}

int qv_link_nudge(const struct qv_link *link)
{
	_Alignas(8) uint8_t message[QV_OUTBOX_HEAD] = { 0 };
	size_t size = link->kind->nudge(link, message);

	return send(link->terms.fd, message, size, 0) < 0 ? -errno : 0;
}
