// SPDX-License-Identifier: GPL-2.0
/*
 * Round trips of one packet at a time over several ways in turn, so that whatever else the machine
 * does meets all of them alike.
 *
 * Usage: pingpong ROUNDS CLIENT-FD SERVER-FD [CLIENT-FD SERVER-FD]...
 * Each pair of UDP sockets, both connected to each other, is a way. One thread is client and
 * server: a way's round trip is sent, received, sent back and received without another process
 * being woken, but for what stands on the way. Prints for each way a line: the median and the 99th
 * percentile in nanoseconds. Which way begins is drawn anew in each round.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	WAYS = 8,
	BYTES = 64,
	WARM_UP = 100,		/* rounds before those that count */
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
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Carry one message from a socket to its peer. The receive timeout makes a lost one an error. */
static void carry(int from, int to, char *message)
{
	if (send(from, message, BYTES, 0) != BYTES)
		die("send");
	if (recv(to, message, BYTES, 0) != BYTES)
		die("recv");
}

static int ascending(const void *left, const void *right)
{
	const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	const struct timeval patience = { .tv_sec = 5 };
	char message[BYTES] = "a greeting: hello";
	int64_t *taken[WAYS];
	int client[WAYS], server[WAYS];
	size_t ways = (size_t)(argc > 2 ? argc - 2 : 0) / 2, rounds;

	if (ways < 1 || ways > WAYS || argc % 2) {
		fprintf(stderr, "usage: %s ROUNDS CLIENT-FD SERVER-FD ...\n", argv[0]);
		return 64;
	}
	rounds = strtoul(argv[1], NULL, 10);
	for (size_t way = 0; way < ways; way++) {
		client[way] = atoi(argv[2 + 2 * way]);
		server[way] = atoi(argv[3 + 2 * way]);
		taken[way] = calloc(rounds, sizeof(*taken[way]));
		if (!taken[way])
			die("calloc");
		if (setsockopt(client[way], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
		    setsockopt(server[way], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
			die("setsockopt");
	}
	srand(1);
	for (size_t round = 0; round < rounds + WARM_UP; round++) {
		const size_t first = (size_t)rand() % ways;

		for (size_t i = 0; i < ways; i++) {
			const size_t way = (first + i) % ways;
			const int64_t began = now();

			carry(client[way], server[way], message);
			carry(server[way], client[way], message);
			if (round >= WARM_UP)
				taken[way][round - WARM_UP] = now() - began;
		}
	}
	for (size_t way = 0; way < ways; way++) {
		qsort(taken[way], rounds, sizeof(*taken[way]), ascending);
		printf("%lld %lld\n", (long long)taken[way][rounds / 2],
		       (long long)taken[way][rounds * 99 / 100]);
		free(taken[way]);
	}
	return EXIT_SUCCESS;
}
