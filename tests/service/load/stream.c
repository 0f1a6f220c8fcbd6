// SPDX-License-Identifier: GPL-2.0
/* Bytes over TCP: see traffic.h. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void stream_open(struct stream *stream, unsigned int index, const char *address, int clients,
		 int servers)
{
	/* What the client may have under way is the queue's to hold when nobody serves it. */
	const int size = 128 << 10;

	*stream = (struct stream){ 0 };
	stream->server = socket_in(servers, SOCK_STREAM);
	serve_at(stream->server, address, index);
	if (listen(stream->server, 1))
		die("listen");
	stream->client = socket_in(clients, SOCK_STREAM);
	setsockopt(stream->client, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (!connect_to(stream->client, address, index))
		die("connect");
}

size_t stream_send(struct stream *stream, size_t budget)
{
	const ssize_t got = send(stream->client, text_at(stream->sent),
				 budget < TEXT_MOST ? budget : TEXT_MOST,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (got < 0) {
		/* ENOTCONN: its SYN is still on its way. */
		if (errno != EAGAIN && errno != ENOTCONN)
			die("a stream's send");
		return 0;
	}
	stream->sent += (uint64_t)got;
	return (size_t)got;
}

static bool accept_it(struct stream *stream)
{
	const int fd = accept4(stream->server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno != EAGAIN)
			die("accept");
		return false;
	}
	close(stream->server);
	stream->server = fd;
	stream->accepted = true;
	return true;
}

size_t stream_take(struct stream *stream)
{
	static uint8_t data[TEXT_MOST];
	size_t all = 0;
	ssize_t got;

	if (!stream->accepted && !accept_it(stream))
		return 0;
	while ((got = recv(stream->server, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		const uint8_t *must = text_at(stream->received);

		if (memcmp(data, must, (size_t)got) != 0) {
			for (ssize_t i = 0; i < got; i++)
				stream->wrong += data[i] != must[i];
		}
		stream->received += (uint64_t)got;
		all += (size_t)got;
	}
	if (got < 0 && errno != EAGAIN)
		die("a stream's recv");
	return all;
}
