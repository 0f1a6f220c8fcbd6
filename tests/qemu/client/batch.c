// SPDX-License-Identifier: GPL-2.0
#include "batch.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"
#include "packet.h"

int hello_try(struct peer *peer, const void *bytes, size_t length, struct ipq_hello *answer)
{
	peer_send(peer, IPQM_HELLO, 0, bytes, length);
	if (!peer_receive(peer, SOON_MS))
		fail("no answer to a hello");
	check_eq(peer->in.header.nlmsg_seq, peer->seq);
	if (peer->in.header.nlmsg_type == NLMSG_ERROR)
		return -((struct nlmsgerr *)NLMSG_DATA(&peer->in.header))->error;
	check_eq(peer->in.header.nlmsg_type, IPQM_HELLO);
	check(peer->length >= NLMSG_LENGTH(sizeof(*answer)));
	memcpy(answer, NLMSG_DATA(&peer->in.header), sizeof(*answer));
	return 0;
}

struct ipq_hello hello(struct peer *peer, uint32_t features, uint32_t max_bytes, uint32_t max_packets,
		       uint32_t hold_us)
{
	struct ipq_hello ask = {
		.magic = IPQ_MAGIC,
		.version = IPQ_VERSION,
		.size = sizeof(ask),
		.features = features,
		.max_bytes = max_bytes,
		.max_packets = max_packets,
		.hold_us = hold_us,
	}, answer;

	check_eq(hello_try(peer, &ask, sizeof(ask), &answer), 0);
	check_eq(answer.magic, IPQ_MAGIC);
	check_eq(answer.version, IPQ_VERSION);
	check_eq(answer.size, sizeof(answer));
	return answer;
}

void batch_own(struct peer *peer, int family, uint32_t features, uint32_t max_packets, uint32_t hold_us)
{
	peer_open(peer, family);
	hello(peer, features, 0, max_packets, hold_us);
	peer_mode(peer, IPQ_COPY_PACKET, 0);
}

size_t batch_receive(struct peer *peer)
{
	const struct ipq_packets *head = NLMSG_DATA(&peer->in.header);
	const unsigned char *end, *at;

	if (!peer_receive(peer, SOON_MS))
		fail("no packets");
	check_eq(peer->in.header.nlmsg_type, IPQM_PACKETS);
	check(head->count > 0);
	end = peer->in.bytes + peer->in.header.nlmsg_len;
	at = (const unsigned char *)(head + 1);
	for (uint32_t i = 0; i < head->count; i++) {
		const struct ipq_packet *packet = (const void *)at;

		check(end - at >= (ptrdiff_t)sizeof(*packet));
		check(packet->size % 8 == 0 && packet->size <= end - at);
		check_eq(packet->size, (sizeof(*packet) + packet->data_len + 7) / 8 * 8);
		check(packet->data_len <= packet->length);
		check_eq(packet->reserved, 0);
		for (size_t pad = sizeof(*packet) + packet->data_len; pad < packet->size; pad++)
			check_eq(at[pad], 0);
		at += packet->size;
	}
	check(at == end);
	return head->count;
}

const struct ipq_packet *batch_packet(const struct peer *peer, size_t index)
{
	const struct ipq_packets *head = NLMSG_DATA(&peer->in.header);
	const unsigned char *at = (const unsigned char *)(head + 1);

	check(index < head->count);
	while (index--)
		at += ((const struct ipq_packet *)at)->size;
	return (const struct ipq_packet *)at;
}

const unsigned char *batch_payload(const struct ipq_packet *packet)
{
	return (const unsigned char *)(packet + 1);
}

void batch_text(const struct peer *peer, size_t index, const char *text)
{
	const struct ipq_packet *packet = batch_packet(peer, index);

	check_str(udp_text(peer->family, batch_payload(packet), packet->data_len), text);
}

void list_begin(struct verdict_list *list)
{
	memset(&list->head, 0, sizeof(list->head));
	list->length = 0;
}

void list_add(struct verdict_list *list, uint64_t id, uint32_t verdict, uint32_t mark, uint32_t mask,
	      const void *payload, size_t length)
{
	struct ipq_verdict item = { .id = id, .verdict = verdict, .mark = mark, .mask = mask,
				    .data_len = length };
	size_t padded = (length + 7) / 8 * 8;

	check(list->length + sizeof(item) + padded <= sizeof(list->items));
	memcpy(list->items + list->length, &item, sizeof(item));
	list->length += sizeof(item);
	memset(list->items + list->length, 0, padded);
	if (length)
		memcpy(list->items + list->length, payload, length);
	list->length += padded;
	list->head.count++;
}

static void transmit(struct peer *peer, const struct verdict_list *list, uint16_t flags)
{
	const struct iovec parts[2] = {
		{ (void *)&list->head, sizeof(list->head) }, { (void *)list->items, list->length },
	};

	peer_send_parts(peer, IPQM_VERDICTS, flags, parts, 2);
}

void list_post(struct peer *peer, const struct verdict_list *list)
{
	transmit(peer, list, 0);
}

int list_send(struct peer *peer, const struct verdict_list *list, uint64_t *missing, size_t *count)
{
	const struct ipq_missing *told = NLMSG_DATA(&peer->in.header);
	const struct nlmsgerr *error = NLMSG_DATA(&peer->in.header);
	bool was_missing = false;

	transmit(peer, list, NLM_F_ACK);
	for (;;) {
		if (!peer_receive(peer, SOON_MS))
			fail("no answer to a list");
		check_eq(peer->in.header.nlmsg_seq, peer->seq);
		if (peer->in.header.nlmsg_type != IPQM_MISSING)
			break;
		was_missing = true;
		check_eq(told->count, told->listed);
		if (missing) {
			memcpy(missing, told->id, told->listed * sizeof(*missing));
			*count = told->listed;
		}
	}
	check_eq(peer->in.header.nlmsg_type, NLMSG_ERROR);
	check_eq(was_missing, error->error == -ENOENT);
	return -error->error;
}

int range_send(struct peer *peer, uint64_t first, uint64_t last, uint32_t verdict, uint32_t mark,
	       uint32_t mask)
{
	struct ipq_range range = { .first = first, .last = last, .verdict = verdict, .mark = mark,
				   .mask = mask };

	peer_send(peer, IPQM_RANGE, NLM_F_ACK, &range, sizeof(range));
	return peer_answer(peer);
}
