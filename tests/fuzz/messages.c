// SPDX-License-Identifier: GPL-2.0
/*
 * The second fuzzing target: whatever comes out of a queue's socket, every packet whose id can be
 * read is answered, once and in order, and nothing past a message is read.
 *
 * An input is an option byte and datagrams, each with two bytes of its length before it. They are
 * read twice: as a worker does, from a socket; and message by message, each in memory of exactly its
 * size. Both must hand out the same packets.
 */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipqueue.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "input.h"
#include "insist.h"
#include "link.h"
#include "naive.h"

enum {
	OVER_IPQUEUE = 1 << 0,
	IPV6_QUEUE = 1 << 1,
	DATAGRAMS_MAX = 8,	/* fewer than a socket of AF_UNIX holds by default */
	SEEN_MAX = 1 << 14,
	SEND_LIMIT = 1 << 18,	/* more than such a socket takes at once: it refuses, we halve */
	NFQUEUE_PACKET = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET,
	NFQUEUE_VERDICT = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT,
	NFQUEUE_VERDICTS = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH,
	LARGEST_ATTRIBUTE = 65535 - 4,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is said of a packet, its bytes summed up. */
struct seen {
	uint64_t id, time;
	uint32_t caplen, length, mark, uid, gid, indev, outdev, sum;
	uint8_t family, hook, flags, mac_length;
	uint32_t padding;	/* compared too */
};

struct all_seen {
	size_t count;
	struct seen packet[SEEN_MAX];
};

/* What must be said of a packet. */
struct verdict {
	uint32_t code;		/* as the kernel has it */
	bool marked;
	bool replaced;
};

static struct all_seen worker_saw, messages_held;
static struct verdict worker_owes[SEEN_MAX];
static struct {
	unsigned long inputs, empty, packets;
} done;

static void tell(void)
{
	fprintf(stderr, "messages: %lu inputs, %lu empty, %lu packets\n", done.inputs, done.empty,
		done.packets);
}

static void see(struct all_seen *all, const struct qv_packet *packet)
{
	struct seen seen = {
		.id = packet->id, .time = packet->time, .caplen = packet->caplen,
		.length = packet->length, .mark = packet->mark, .uid = packet->uid,
		.gid = packet->gid, .indev = packet->indev, .outdev = packet->outdev,
		.family = packet->family, .hook = packet->hook, .flags = packet->flags,
		.mac_length = packet->mac_length,
	};

	INSIST(packet->caplen <= packet->length, "%u bytes at hand of %u", packet->caplen,
	       packet->length);
	INSIST(packet->hook < QV_HOOKS || packet->hook == QV_NO_HOOK, "hook %u", packet->hook);
	INSIST(packet->mac_length <= sizeof(packet->mac), "mac of %u bytes", packet->mac_length);
	INSIST(all->count < SEEN_MAX, "more packets than an input can hold");
	for (uint32_t i = 0; i < packet->caplen; i++)
		seen.sum = seen.sum * 31 + packet->data[i];
	all->packet[all->count++] = seen;
}

/* Some decision on packet number @at; every kind comes, and each for several packets in a row. */
static struct qv_decision decision_on(const struct qv_packet *packet, size_t at)
{
	static const uint8_t bytes[70000];
	struct qv_decision decision = {
		.verdict = (uint8_t)(at / 16 % QV_CONTINUE),
		.queue = (uint16_t)(at / 16),
		.rule = QV_NO_RULE,
		.mark = packet->mark ^ (at % 7 == 3),
		.replaced = at % 9 == 4,
	};

	if (decision.replaced) {
		decision.replacement = bytes;
		decision.replacement_length = at % 5 == 4 ? sizeof(bytes) : (uint32_t)at % 90;
	}
	return decision;
}

/* What a link must say of a decision; new bytes that no message or packet can hold are dropped. */
static struct verdict owed(const struct qv_packet *packet, const struct qv_decision *decision,
			   uint8_t options)
{
	static const uint32_t codes[] = { NF_ACCEPT, NF_DROP, NF_REPEAT, NF_QUEUE };
	uint32_t least = options & IPV6_QUEUE ? 40 : 20;
	struct verdict verdict = {
		.code = codes[decision->verdict],
		.marked = decision->mark != packet->mark,
		.replaced = decision->replaced && packet->caplen == packet->length,
	};

	if (verdict.replaced && (options & OVER_IPQUEUE
					 ? decision->replacement_length < least
					 : decision->replacement_length > LARGEST_ATTRIBUTE))
		verdict.code = NF_DROP;
	if (verdict.code == NF_DROP)
		verdict.marked = verdict.replaced = false;
	if (verdict.code == NF_QUEUE && !(options & OVER_IPQUEUE))
		verdict.code |= (uint32_t)decision->queue << 16;
	return verdict;
}

/* The next packet that waits is answered by this. */
static void answer(size_t *answered, struct verdict verdict)
{
	const struct verdict *want = &worker_owes[*answered];

	INSIST(*answered < worker_saw.count, "more verdicts than packets");
	INSIST(verdict.code == want->code && verdict.marked == want->marked &&
	       verdict.replaced == want->replaced, "packet %zu: verdict %x %d %d, not %x %d %d",
	       *answered, verdict.code, verdict.marked, verdict.replaced, want->code,
	       want->marked, want->replaced);
	(*answered)++;
}

/* NFQUEUE's verdicts in a send, which must be whole messages. */
static void check_nfqueue(const uint8_t *bytes, size_t size, size_t *answered)
{
	while (size > 0) {
		struct verdict verdict = { 0 };
		struct nlmsghdr header;
		size_t at = 32, more = 0;

		INSIST(size >= at, "a verdict of %zu bytes", size);
		memcpy(&header, bytes, sizeof(header));
		INSIST(header.nlmsg_len >= at && header.nlmsg_len <= size &&
		       header.nlmsg_len % 4 == 0, "a verdict says that it has %u bytes",
		       header.nlmsg_len);
		while (at < header.nlmsg_len) {
			struct nlattr attr;

			memcpy(&attr, bytes + at, sizeof(attr));
			INSIST(attr.nla_len >= sizeof(attr) &&
			       attr.nla_len <= header.nlmsg_len - at, "an attribute of %u bytes",
			       attr.nla_len);
			verdict.marked |= attr.nla_type == NFQA_MARK;
			verdict.replaced |= attr.nla_type == NFQA_PAYLOAD;
			at += (attr.nla_len + 3u) & ~3u;
		}
		verdict.code = naive_load(bytes + 24, 4);
		/* Several in one: their number is where the kernel does not look. */
		if (header.nlmsg_type == NFQUEUE_VERDICTS)
			more = header.nlmsg_pid - 1;
		else
			INSIST(header.nlmsg_type == NFQUEUE_VERDICT, "no verdict: %x",
			       header.nlmsg_type);
		for (; more > 0; more--)
			answer(answered, verdict);
		INSIST(*answered < worker_saw.count &&
		       naive_load(bytes + 28, 4) == worker_saw.packet[*answered].id,
		       "verdict %zu is on packet %u", *answered, naive_load(bytes + 28, 4));
		answer(answered, verdict);
		bytes += header.nlmsg_len;
		size -= header.nlmsg_len;
	}
}

/* Likewise of ip_queue's: one message, a list of items that ends with it. */
static void check_ipqueue(const uint8_t *bytes, size_t size, size_t *answered)
{
	struct nlmsghdr header;
	struct ipq_verdicts head;
	size_t at = sizeof(header) + sizeof(head);

	INSIST(size >= at, "a list of %zu bytes", size);
	memcpy(&header, bytes, sizeof(header));
	memcpy(&head, bytes + sizeof(header), sizeof(head));
	INSIST(header.nlmsg_len == size && header.nlmsg_seq != 0, "a list says %u bytes of %zu",
	       header.nlmsg_len, size);
	INSIST(head.count > 0 && head.count <= IPQ_MAX_VERDICTS, "a list of %u", head.count);
	for (uint32_t i = 0; i < head.count; i++) {
		struct ipq_verdict item;

		INSIST(size - at >= sizeof(item), "an item leaves its list");
		memcpy(&item, bytes + at, sizeof(item));
		at += sizeof(item) + ((item.data_len + 7u) & ~7u);
		INSIST(at <= size, "an item's bytes leave its list");
		INSIST(*answered < worker_saw.count &&
		       item.id == worker_saw.packet[*answered].id,
		       "verdict %zu is on packet %llu", *answered, (unsigned long long)item.id);
		answer(answered, (struct verdict){ item.verdict, item.mask, item.data_len });
	}
	INSIST(at == size, "a list ends at %zu of %zu", at, size);
}

/* Read what was sent to the kernel, in whose place we are. */
static void take_verdicts(int kernel, bool ipqueue, size_t *answered)
{
	static uint8_t bytes[SEND_LIMIT];
	ssize_t got;

	while ((got = recv(kernel, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		if (ipqueue)
			check_ipqueue(bytes, (size_t)got, answered);
		else
			check_nfqueue(bytes, (size_t)got, answered);
	}
}

static struct qv_link *make_link(int fd, uint8_t options, struct qv_tally *tally)
{
	const struct qv_terms terms = {
		.fd = fd,
		.queue = 7,
		.family = options & IPV6_QUEUE ? QV_FAMILY_IPV6 : QV_FAMILY_IPV4,
		.most_verdicts = options & OVER_IPQUEUE ? IPQ_MAX_VERDICTS : UINT32_MAX,
		.send_limit = SEND_LIMIT,
	};
	struct qv_link *link;

	link = qv_link_new(options & OVER_IPQUEUE ? &qv_ipqueue : &qv_nfqueue, &terms, tally);
	INSIST(link, "no link");
	return link;
}

/* Serve all datagrams as a worker does. Returns whether the link still does. */
static bool serve(int fd, int kernel, uint8_t options, struct qv_tally *tally)
{
	struct qv_link *link = make_link(fd, options, tally);
	size_t answered = 0;
	bool failed;
	int count;

	worker_saw.count = 0;
	while ((count = qv_link_receive(link)) >= 0) {
		for (int i = 0; i < count; i++) {
			const struct qv_packet *packet = &link->packets[i];
			struct qv_decision decision = decision_on(packet, worker_saw.count);

			worker_owes[worker_saw.count] = owed(packet, &decision, options);
			see(&worker_saw, packet);
			while (qv_link_answer(link, packet, &decision) == -EAGAIN)
				take_verdicts(kernel, options & OVER_IPQUEUE, &answered);
		}
		while (qv_link_flush(link) == -EAGAIN)
			take_verdicts(kernel, options & OVER_IPQUEUE, &answered);
		take_verdicts(kernel, options & OVER_IPQUEUE, &answered);
	}
	INSIST(answered == worker_saw.count, "%zu packets, %zu verdicts", worker_saw.count,
	       answered);
	INSIST(tally->received == worker_saw.count, "%zu packets are not counted",
	       worker_saw.count);
	failed = link->failure != QV_RECEIVE_FAILED;	/* it fails where there is no more */
	qv_link_free(link);
	return !failed;
}

/* The id of a packet that the kernel itself could have sent, whatever follows it. */
static bool sent_id(const struct qv_message *message, uint8_t options, uint64_t *id)
{
	static const uint8_t begin[4] = { 11, 0, NFQA_PACKET_HDR, 0 };
	struct ipq_packets head;
	size_t at = sizeof(head) + offsetof(struct ipq_packet, id);

	if (options & OVER_IPQUEUE) {
		if (message->type != IPQM_PACKETS || message->cut ||
		    message->size < sizeof(head) + sizeof(struct ipq_packet))
			return false;
		memcpy(&head, message->body, sizeof(head));
		memcpy(id, message->body + at, sizeof(*id));
		return head.count > 0;
	}
	if (message->type != NFQUEUE_PACKET || message->size < 16 ||
	    memcmp(message->body + 4, begin, sizeof(begin)) != 0)
		return false;
	*id = naive_load(message->body + 8, 4);
	return true;
}

/* Let the link read one message that ends where its memory does. */
static void read_alone(struct qv_link *link, const struct qv_message *message, uint8_t options)
{
	uint8_t *body = naive_alloc(message->size);
	struct qv_message alone = *message;
	size_t before = messages_held.count;
	uint64_t id;

	memcpy(body, message->body, message->size);
	alone.body = body;
	link->count = 0;
	link->kind->read(link, &alone);
	for (;;) {
		for (unsigned int i = 0; i < link->count; i++)
			see(&messages_held, &link->packets[i]);
		link->count = 0;
		if (!link->rest_count)
			break;
		link->kind->resume(link);
	}
	if (sent_id(&alone, options, &id))
		INSIST(messages_held.count > before && messages_held.packet[before].id == id,
		       "packet %llu is not answered", (unsigned long long)id);
	free(body);
}

/* Go through a datagram's messages; the last one may be cut. */
static void read_datagram(struct qv_link *link, const uint8_t *bytes, size_t size, uint8_t options)
{
	struct nlmsghdr header;

	while (size >= sizeof(header)) {
		struct qv_message message;
		size_t length, next;

		memcpy(&header, bytes, sizeof(header));
		if (header.nlmsg_len < sizeof(header))
			return;
		message.cut = header.nlmsg_len > size;
		length = message.cut ? size : header.nlmsg_len;
		message.type = header.nlmsg_type;
		message.seq = header.nlmsg_seq;
		message.body = bytes + sizeof(header);
		message.size = (uint32_t)(length - sizeof(header));
		read_alone(link, &message, options);
		next = (length + 3) / 4 * 4;
		if (next >= size)
			return;
		bytes += next;
		size -= next;
	}
}

static void compare(bool served)
{
	INSIST(worker_saw.count <= messages_held.count, "a worker sees %zu packets of %zu",
	       worker_saw.count, messages_held.count);
	INSIST(!served || worker_saw.count == messages_held.count,
	       "a worker sees %zu packets of %zu", worker_saw.count, messages_held.count);
	for (size_t i = 0; i < worker_saw.count; i++)
		INSIST(memcmp(&worker_saw.packet[i], &messages_held.packet[i],
			      sizeof(struct seen)) == 0, "a worker sees packet %zu otherwise", i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source source = { data, size };
	uint8_t options = take8(&source);
	struct qv_tally served = { 0 }, alone = { 0 };
	struct qv_link *link;
	int ends[2];

	if (done.inputs++ == 0)
		atexit(tell);
	INSIST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) == 0, "no sockets: %s",
	       strerror(errno));
	link = make_link(ends[0], options, &alone);
	messages_held.count = 0;
	for (int i = 0; i < DATAGRAMS_MAX && source.size > 0; i++) {
		size_t length = take16(&source);

		if (length > source.size)
			length = source.size;
		INSIST(send(ends[1], source.data, length, 0) == (ssize_t)length, "not sent: %s",
		       strerror(errno));
		read_datagram(link, source.data, length, options);
		source.data += length;
		source.size -= length;
	}
	compare(serve(ends[0], ends[1], options, &served));
	done.packets += worker_saw.count;
	done.empty += worker_saw.count == 0;
	qv_link_free(link);
	close(ends[0]);
	close(ends[1]);
	return 0;
}
