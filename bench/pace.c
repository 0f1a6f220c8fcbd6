// SPDX-License-Identifier: GPL-2.0
/*
 * An even stream of packets, and how long it stood still.
 *
 * Usage: pace SENDER-FD RECEIVER-FD SECONDS INTERVAL
 * Two UDP sockets, connected to each other. One thread sends a packet every INTERVAL microseconds,
 * each with the time at which it left; the other receives. Prints: packets sent, received; the
 * longest time between two arrivals, the longest way of a packet, the median and the 99.9th
 * percentile of all ways, in nanoseconds; and how many arrivals were more than 2 ms apart.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define LONG_GAP INT64_C(2000000)	/* what the longest pause of a worker may be */

struct stream {
	int socket;
	int64_t interval, end;
	size_t sent;
};

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

/* Send at fixed times: a late packet does not make the next ones late. */
static void *send_stream(void *argument)
{
	struct stream *stream = argument;
	int64_t next = now();

	while (next < stream->end) {
		const struct timespec until = { next / SECOND, next % SECOND };
		int64_t left;

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		left = now();
		if (send(stream->socket, &left, sizeof(left), 0) != sizeof(left))
			die("send");
		stream->sent++;
		next += stream->interval;
	}
	return NULL;
}

static int ascending(const void *left, const void *right)
{
	const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	const struct timeval patience = { .tv_usec = 500000 };
	const int buffer = 8 << 20; /* what arrives while this thread has no processor */
	struct stream stream = { 0 };
	int64_t *ways, left, last = 0, longest = 0;
	size_t room, received = 0, long_gaps = 0;
	pthread_t sender;
	int receiver;

	if (argc != 5) {
		fprintf(stderr, "usage: %s SENDER-FD RECEIVER-FD SECONDS INTERVAL\n", argv[0]);
		return 64;
	}
	stream.socket = atoi(argv[1]);
	receiver = atoi(argv[2]);
	stream.interval = atoll(argv[4]) * 1000;
	stream.end = now() + (int64_t)(atof(argv[3]) * (double)SECOND);
	room = (size_t)((stream.end - now()) / stream.interval) + 2;
	ways = calloc(room, sizeof(*ways));
	if (!ways)
		die("calloc");
	if (setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		die("setsockopt");
	if (setsockopt(receiver, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) &&
	    setsockopt(receiver, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)))
		die("setsockopt");
	errno = pthread_create(&sender, NULL, send_stream, &stream);
	if (errno)
		die("pthread_create");

	/* Half a second without a packet: the sender is done, or its packets are lost. */
	while (received < room && recv(receiver, &left, sizeof(left), 0) == sizeof(left)) {
		const int64_t arrived = now();

		if (last && arrived - last > longest)
			longest = arrived - last;
		if (last && arrived - last > LONG_GAP)
			long_gaps++;
		last = arrived;
		ways[received++] = arrived - left;
	}
	pthread_join(sender, NULL);
	if (!received) {
		fputs("pace: nothing arrived\n", stderr);
		return EXIT_FAILURE;
	}
	qsort(ways, received, sizeof(*ways), ascending);
	printf("%zu %zu %lld %lld %lld %lld %zu\n", stream.sent, received, (long long)longest,
	       (long long)ways[received - 1], (long long)ways[received / 2],
	       (long long)ways[received * 999 / 1000], long_gaps);
	free(ways);
	return EXIT_SUCCESS;
}
