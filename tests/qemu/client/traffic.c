// SPDX-License-Identifier: GPL-2.0
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"
#include "space.h"

socklen_t address(const char *text, int port, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (strchr(text, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		check(inet_pton(AF_INET6, text, &in6->sin6_addr) == 1);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	check(inet_pton(AF_INET, text, &in->sin_addr) == 1);
	return sizeof(*in);
}

const char *either(int family, const char *ipv4, const char *ipv6)
{
	return family == AF_INET ? ipv4 : ipv6;
}

const char *client_address(int family)
{
	return either(family, "10.0.0.1", "fd00::1");
}

const char *host_address(int family)
{
	return either(family, "10.0.0.2", "fd00::2");
}

static int listen_on(int family, int type, int port)
{
	struct sockaddr_storage any;
	socklen_t length = address(either(family, "0.0.0.0", "::"), port, &any);
	int fd = socket(family, type | SOCK_CLOEXEC, 0), on = 1;

	check(fd >= 0);
	check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
	check(bind(fd, (struct sockaddr *)&any, length) == 0);
	return fd;
}

int udp_listen(int family, int port)
{
	return listen_on(family, SOCK_DGRAM, port);
}

int udp_to(const char *text, int port)
{
	struct sockaddr_storage to;
	socklen_t length = address(text, port, &to);
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	check(fd >= 0);
	check(connect(fd, (struct sockaddr *)&to, length) == 0);
	return fd;
}

/* Run `statement` in another namespace. */
#define elsewhere(there, statement)					\
	do {								\
		struct space here_ = space_here();			\
									\
		space_enter(*(there));					\
		statement;						\
		space_enter(here_);					\
		space_close(here_);					\
	} while (0)

int udp_listen_in(const struct space *there, int family, int port)
{
	int fd;

	elsewhere(there, fd = udp_listen(family, port));
	return fd;
}

int udp_to_in(const struct space *there, const char *text, int port)
{
	int fd;

	elsewhere(there, fd = udp_to(text, port));
	return fd;
}

void udp_say(int socket, const char *text)
{
	ssize_t sent = send(socket, text, strlen(text), 0);

	if (sent != (ssize_t)strlen(text))
		fail("send of '%.40s': %zd, %m", text, sent);
}

static ssize_t next(int socket, void *buffer, size_t size, int ms)
{
	struct pollfd ready = { .fd = socket, .events = POLLIN };

	return poll(&ready, 1, ms) > 0 ? recv(socket, buffer, size, 0) : -1;
}

void udp_hear(int socket, const char *text)
{
	static char buffer[65536];
	ssize_t got = next(socket, buffer, sizeof(buffer) - 1, SOON_MS);

	if (got < 0)
		fail("nothing came, expected '%.60s'", text);
	buffer[got] = '\0';
	check_eq(got, strlen(text));
	check_str(buffer, text);
}

void udp_silent(int socket)
{
	char buffer[2048];

	if (next(socket, buffer, sizeof(buffer), SILENCE_MS) >= 0)
		fail("a datagram came where none was due");
}

int tcp_listen(int family, int port)
{
	int fd = listen_on(family, SOCK_STREAM, port);

	check(listen(fd, 8) == 0);
	return fd;
}

int tcp_listen_in(const struct space *there, int family, int port)
{
	int fd;

	elsewhere(there, fd = tcp_listen(family, port));
	return fd;
}

int tcp_to(const char *text, int port)
{
	struct sockaddr_storage to;
	socklen_t length = address(text, port, &to);
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	check(fd >= 0);
	check(connect(fd, (struct sockaddr *)&to, length) == 0 || errno == EINPROGRESS);
	return fd;
}

int tcp_to_in(const struct space *there, const char *text, int port)
{
	int fd;

	elsewhere(there, fd = tcp_to(text, port));
	return fd;
}

int tcp_accept(int listener)
{
	struct pollfd ready = { .fd = listener, .events = POLLIN };

	return poll(&ready, 1, SOON_MS) > 0 ? accept(listener, NULL, NULL) : -1;
}

int ping_open(int family)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	check(fd >= 0);
	return fd;
}

void ping_send(int family, int socket, const char *to, const char *text)
{
	unsigned char message[2048] = { family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST };
	size_t length = sizeof(struct icmphdr) + strlen(text);
	struct sockaddr_storage where;
	socklen_t where_length = address(to, 0, &where);

	check(length <= sizeof(message));
	memcpy(message + sizeof(struct icmphdr), text, strlen(text));
	if (family == AF_INET) {	/* for IPv6 the kernel does it */
		uint32_t sum = 0;

		for (size_t i = 0; i < length; i += 2)
			sum += message[i] << 8 | message[i + 1];
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		message[2] = ~sum >> 8;
		message[3] = ~sum;
	}
	check(sendto(socket, message, length, 0, (struct sockaddr *)&where, where_length) == (ssize_t)length);
}

void ping_hear(int family, int socket, const char *text)
{
	unsigned char buffer[4096];
	size_t head = family == AF_INET ? 20 : 0;
	long long until = now_ms() + SOON_MS;

	while (now_ms() < until) {
		ssize_t got = next(socket, buffer, sizeof(buffer) - 1, SOON_MS);

		if (got < 0)
			break;
		if (buffer[head] != (family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY))
			continue;
		buffer[got] = '\0';
		check_str((char *)buffer + head + sizeof(struct icmphdr), text);
		return;
	}
	fail("no echo reply '%s'", text);
}
