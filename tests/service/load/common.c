// SPDX-License-Identifier: GPL-2.0
/* What both kinds of traffic need: time, text, sockets on either side. */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

const uint8_t *text_at(uint64_t position)
{
	static uint8_t text[TEXT_PERIOD + TEXT_MOST];

	if (!text[0]) {
		uint64_t state = 0x9e3779b97f4a7c15;

		for (size_t i = 0; i < sizeof(text); i++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			text[i] = i < TEXT_PERIOD ? (uint8_t)(state | 1) : text[i - TEXT_PERIOD];
		}
	}
	return text + position % TEXT_PERIOD;
}

int socket_in(int space, int kind)
{
	int fd;

	if (setns(space, CLONE_NEWNET))
		die("setns");
	fd = socket(AF_INET, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	return fd;
}

static struct sockaddr_in place(const char *address, unsigned int index)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(FIRST_PORT + index)),
	};

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		die(address);
	return to;
}

void serve_at(int fd, const char *address, unsigned int index)
{
	const struct sockaddr_in at = place(address, index);
	const int yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)))
		die("bind");
}

bool connect_to(int fd, const char *address, unsigned int index)
{
	const struct sockaddr_in to = place(address, index);

	return !connect(fd, (const struct sockaddr *)&to, sizeof(to)) || errno == EINPROGRESS;
}
