/* SPDX-License-Identifier: GPL-2.0 */
/* What the generator and the receiver of numbered traffic share. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { FIRST_PORT = 5000 };

/* Milliseconds of the monotonic clock. */
uint64_t now_ms(void);

/* End the program with a message and what errno says. */
_Noreturn void die(const char *what);

/*
 * @length bytes of which everybody knows what they must be: those at @position of an endless text
 * that repeats itself after a prime number of bytes. @length is at most TEXT_MOST.
 */
enum { TEXT_PERIOD = 65521, TEXT_MOST = 65536 };
const uint8_t *text_at(uint64_t position);

/* A socket in the network namespace that is open as @space. */
int socket_in(int space, int kind);

/* Have @address:(FIRST_PORT + @index) as the server's end of @fd, or connect to it. */
void serve_at(int fd, const char *address, unsigned int index);
bool connect_to(int fd, const char *address, unsigned int index);

/*
 * A flow of numbered datagrams: a socket on either side. Number n is sent once, and must arrive
 * once, whole, and before number n + 1.
 */
struct flow {
	unsigned int index;
	int client, server;
	uint64_t sent;			/* the next number, and how many were sent */
	uint64_t unsent;		/* times that the client's kernel refused to send */
	uint64_t received;		/* different ones */
	uint64_t next;			/* one above the highest that arrived */
	uint64_t doubled;		/* arrived once more */
	uint64_t late;			/* arrived after a higher one */
	uint64_t broken;		/* not as sent */
	uint64_t arrived;		/* ms: when something did */
	uint64_t probed;		/* ms: when one was sent though the window was full */
	uint64_t poison;		/* how many of the next ones are poison */
	uint8_t *seen;			/* a bit a number */
	size_t seen_size;		/* bytes */
};

void flow_open(struct flow *flow, unsigned int index, const char *address, int clients, int servers);
/* Send the next datagram. */
void flow_send(struct flow *flow);
/* Take what has arrived at @now (ms); returns how many datagrams that were. */
unsigned int flow_take(struct flow *flow, uint64_t now);
/* Print the numbers that have not arrived, at most @most, as "[index,number]," each. */
void flow_missing(const struct flow *flow, FILE *out, unsigned int most);

/* On their way, as far as can be known: those behind the highest that arrived are not. */
static inline uint64_t flow_underway(const struct flow *flow)
{
	return flow->sent - flow->next;
}

/* A stream of bytes over TCP. */
struct stream {
	int client, server;		/* server: the listener until somebody has connected */
	bool accepted;
	uint64_t sent, received;	/* bytes */
	uint64_t wrong;			/* bytes that were not what they must be */
};

void stream_open(struct stream *stream, unsigned int index, const char *address, int clients,
		 int servers);
/* Send up to @budget bytes, as far as there is room; returns how many were sent. */
size_t stream_send(struct stream *stream, size_t budget);
/* Take what has arrived; returns how many bytes that were. */
size_t stream_take(struct stream *stream);

#endif
