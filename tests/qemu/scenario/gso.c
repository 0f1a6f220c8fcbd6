// SPDX-License-Identifier: GPL-2.0
/*
 * TCP whose senders hand down super-packets: the peer sees segments, and what it changes arrives.
 * Topologies: pair and chain (space.h).
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "packet.h"
#include "peer.h"
#include "process.h"
#include "sockopt.h"
#include "traffic.h"

#define BYTES 400000

/* In a child: connect, send BYTES times 'a', close. */
static pid_t sender(const struct space *there, const char *to, int port)
{
	pid_t child = process_fork();
	static char text[20000];
	struct pollfd ready = { .events = POLLOUT };

	if (child)
		return child;
	memset(text, 'a', sizeof(text));
	ready.fd = tcp_to_in(there, to, port);
	for (size_t sent = 0; sent < BYTES;) {
		ssize_t one;

		check(poll(&ready, 1, SOON_MS) == 1);
		one = send(ready.fd, text, BYTES - sent < sizeof(text) ? BYTES - sent : sizeof(text), 0);
		check(one > 0 || errno == EAGAIN);
		sent += one > 0 ? one : 0;
	}
	_exit(0);
}

/* In a child: accept, and read BYTES times `letter` up to the end. */
static pid_t receiver(int listener, char letter)
{
	pid_t child = process_fork();
	static char text[65536];
	ssize_t got, all = 0;
	int fd;

	if (child)
		return child;
	fd = tcp_accept(listener);
	check(fd >= 0);
	while ((got = recv(fd, text, sizeof(text), 0)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			if (text[i] != letter)
				fail("byte %zd is '%c', expected '%c'", all + i, text[i], letter);
		all += got;
	}
	check_eq(got, 0);
	check_eq(all, BYTES);
	_exit(0);
}

/* Where a TCP segment's data begin. */
static size_t tcp_data(int family, const unsigned char *packet)
{
	size_t head = ip_header(family);

	return head + (packet[head + 12] >> 4) * 4;
}

/* Pass packets on until `until` ends, each 'a' made `letter`. Returns how many there were. */
static long pass(struct peer *peer, char letter, pid_t until)
{
	unsigned char other[65536];
	long count = 0;

	for (;;) {
		const struct ipq_packet_msg *packet = NLMSG_DATA(&peer->in.header);

		if (!peer_receive(peer, 200)) {
			if (process_ended(until))
				return count;
			continue;
		}
		check_eq(peer->in.header.nlmsg_type, IPQM_PACKET);
		count++;
		if (packet->data_len > 1500)
			fail("a super-packet of %zu bytes", packet->data_len);
		if (!packet_valid(peer->family, packet->payload, packet->data_len))
			fail("packet %ld, %zu bytes: a length or checksum is wrong", count, packet->data_len);
		if (letter == 'a') {
			peer_verdict(peer, packet->packet_id, NF_ACCEPT);
			continue;
		}
		memcpy(other, packet->payload, packet->data_len);
		for (size_t at = tcp_data(peer->family, other); at < packet->data_len; at++)
			other[at] = letter;
		packet_finish(peer->family, other, packet->data_len);
		peer_replace(peer, packet->packet_id, NF_ACCEPT, other, packet->data_len);
	}
}

static void stream(struct peer *peer, int listener, const struct space *from, const char *to, char letter)
{
	pid_t reading = receiver(listener, letter), sending = sender(from, to, 7);
	struct ipq_stats stats;
	long passed;

	passed = pass(peer, letter, reading);
	process_wait(sending);
	process_wait(reading);
	check(passed > BYTES / 1500);
	stats = stats_get(peer->family);
	check_eq(stats.undeliverable, 0);
	check(stats_conserved(&stats));
}

static void wide_queue(struct peer *peer, int family)
{
	int size = 16 << 20;

	peer_own(peer, family);
	/* A segment may not find the peer's buffer full: that would be a retransmission's wait. */
	check(setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0);
}

CASE("received super-packets are cut into valid segments", BOTH)
{
	struct pair pair = pair_new();
	int listener = tcp_listen(family, 7);
	struct peer peer;

	wide_queue(&peer, family);
	tables(family, "-A INPUT -p tcp --dport 7 -j QUEUE");
	stream(&peer, listener, &pair.client, host_address(family), 'a');
}

CASE("each segment's payload may be replaced", BOTH)
{
	struct pair pair = pair_new();
	int listener = tcp_listen(family, 7);
	struct peer peer;

	wide_queue(&peer, family);
	tables(family, "-A INPUT -p tcp --dport 7 -j QUEUE");
	stream(&peer, listener, &pair.client, host_address(family), 'b');
}

CASE("super-packets of this host, at OUTPUT", BOTH)
{
	struct pair pair = pair_new();
	int listener = tcp_listen_in(&pair.client, family, 7);
	struct peer peer;

	wide_queue(&peer, family);
	tables(family, "-A OUTPUT -p tcp --dport 7 -j QUEUE");
	stream(&peer, listener, &pair.host, client_address(family), 'b');
}

CASE("super-packets that are forwarded, both directions queued", BOTH)
{
	struct chain chain = chain_new();
	int listener = tcp_listen_in(&chain.server, family, 7);
	struct peer peer;

	wide_queue(&peer, family);
	tables(family, "-A FORWARD -p tcp -j QUEUE");
	stream(&peer, listener, &chain.client, either(family, "10.2.0.1", "fd02::1"), 'b');
}
