/* SPDX-License-Identifier: GPL-2.0 */
/* Real sockets and what goes through them. Addresses are those of space.h. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* "10.0.0.2" and 7, or "fd00::2" and 7, as the kernel takes it; the size of it. */
socklen_t address(const char *text, int port, struct sockaddr_storage *out);
/* The family's one of two texts. */
const char *either(int family, const char *ipv4, const char *ipv6);
/* Addresses of a pair (space.h). */
const char *client_address(int family);
const char *host_address(int family);

/* A UDP socket bound to a port, in the namespace we are in. */
int udp_listen(int family, int port);
/* A UDP socket connected to an address. */
int udp_to(const char *text, int port);
/* A UDP socket in another namespace; we stay in ours. */
struct space;
int udp_listen_in(const struct space *there, int family, int port);
int udp_to_in(const struct space *there, const char *text, int port);
/* Send a string. */
void udp_say(int socket, const char *text);
/* The next datagram, which must be this string. */
void udp_hear(int socket, const char *text);
/* Nothing comes for a while. */
void udp_silent(int socket);

/* A TCP listener, and a connection to one. */
int tcp_listen(int family, int port);
int tcp_listen_in(const struct space *there, int family, int port);
/* Begin to connect, not waiting: the handshake may be queued. */
int tcp_to(const char *text, int port);
int tcp_to_in(const struct space *there, const char *text, int port);
/* The next connection of a listener, within SOON_MS; -1 if none came. */
int tcp_accept(int listener);

/* A raw ICMP socket; a reply to an echo request can be awaited. */
int ping_open(int family);
void ping_send(int family, int socket, const char *to, const char *text);
/* The payload of the next echo reply must be this. */
void ping_hear(int family, int socket, const char *text);

#endif
