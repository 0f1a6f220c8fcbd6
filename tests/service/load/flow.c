// SPDX-License-Identifier: GPL-2.0
/* Numbered datagrams: see traffic.h. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	MOST = 1400,			/* bytes of a datagram */
	AT_ONCE = 64,			/* datagrams read with one system call */
	/* The receiver must not be who loses: room for all that may ever be under way. */
	BUFFER = 64 << 20,
};

struct header {
	uint32_t index, size;
	uint64_t number;
};

/* A packet with nothing but this ends whoever judges it, if tests/netns/poison.c is in there. */
static const char poison[6] = "poison";

static uint32_t size_of(const struct flow *flow, uint64_t number)
{
	const uint32_t least = sizeof(struct header);
	const uint64_t spread = (number + flow->index) * 0x9e3779b97f4a7c15 >> 40;

	return least + (uint32_t)(spread % (MOST - least));
}

/* Where in the text a datagram's bytes are from: not the same for two numbers of two flows. */
static const uint8_t *body_of(const struct flow *flow, uint64_t number)
{
	return text_at(number * 61 + flow->index * 4099u);
}

void flow_open(struct flow *flow, unsigned int index, const char *address, int clients, int servers)
{
	const int size = BUFFER;

	*flow = (struct flow){ .index = index };
	flow->server = socket_in(servers, SOCK_DGRAM);
	if (setsockopt(flow->server, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		die("SO_RCVBUFFORCE");
	serve_at(flow->server, address, index);
	flow->client = socket_in(clients, SOCK_DGRAM);
	if (setsockopt(flow->client, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		die("SO_SNDBUFFORCE");
	if (!connect_to(flow->client, address, index))
		die("connect");
}

void flow_send(struct flow *flow)
{
	uint8_t data[MOST];
	struct header header = {
		.index = flow->index,
		.size = size_of(flow, flow->sent),
		.number = flow->sent,
	};

	memcpy(data, body_of(flow, flow->sent), header.size);
	if (flow->poison) {
		header.size = sizeof(header) + sizeof(poison);
		memcpy(data + sizeof(header), poison, sizeof(poison));
	}
	memcpy(data, &header, sizeof(header));
	if (send(flow->client, data, header.size, 0) < 0) {
		flow->unsent++;		/* no route for a moment, or no memory: the next time */
		return;
	}
	if (flow->poison)
		flow->poison--;
	flow->sent++;
}

static void mark_seen(struct flow *flow, uint64_t number)
{
	const size_t byte = (size_t)(number / 8);
	const uint8_t bit = (uint8_t)(1u << number % 8);

	if (byte >= flow->seen_size) {
		const size_t size = 2 * byte + 4096;

		flow->seen = realloc(flow->seen, size);
		if (!flow->seen)
			die("realloc");
		memset(flow->seen + flow->seen_size, 0, size - flow->seen_size);
		flow->seen_size = size;
	}
	if (flow->seen[byte] & bit) {
		flow->doubled++;
		return;
	}
	flow->seen[byte] |= bit;
	flow->received++;
	if (number < flow->next)
		flow->late++;
	else
		flow->next = number + 1;
}

static void take(struct flow *flow, const uint8_t *data, size_t size)
{
	struct header header;

	if (size < sizeof(header)) {
		flow->broken++;
		return;
	}
	memcpy(&header, data, sizeof(header));
	if (header.index != flow->index || header.number >= flow->sent || header.size != size ||
	    header.size != size_of(flow, header.number) ||
	    memcmp(data + sizeof(header), body_of(flow, header.number) + sizeof(header),
		   size - sizeof(header)) != 0) {
		flow->broken++;
		return;
	}
	mark_seen(flow, header.number);
}

unsigned int flow_take(struct flow *flow, uint64_t now)
{
	static uint8_t data[AT_ONCE][MOST + 1];
	struct iovec vectors[AT_ONCE];
	struct mmsghdr messages[AT_ONCE];
	unsigned int all = 0;
	int count;

	do {
		for (int i = 0; i < AT_ONCE; i++) {
			vectors[i] = (struct iovec){ data[i], sizeof(data[i]) };
			messages[i] = (struct mmsghdr){
				.msg_hdr = { .msg_iov = &vectors[i], .msg_iovlen = 1 },
			};
		}
		count = recvmmsg(flow->server, messages, AT_ONCE, MSG_DONTWAIT, NULL);
		if (count < 0 && errno != EAGAIN)
			die("recvmmsg");
		for (int i = 0; i < count; i++)
			take(flow, data[i], messages[i].msg_len);
		all += count > 0 ? (unsigned int)count : 0;
	} while (count == AT_ONCE);
	if (all)
		flow->arrived = now;
	return all;
}

void flow_missing(const struct flow *flow, FILE *out, unsigned int most)
{
	for (uint64_t number = 0; number < flow->sent && most; number++) {
		const size_t byte = (size_t)(number / 8);

		if (byte < flow->seen_size && flow->seen[byte] & 1u << number % 8)
			continue;
		fprintf(out, "[%u,%llu],", flow->index, (unsigned long long)number);
		most--;
	}
}
