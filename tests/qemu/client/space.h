/* SPDX-License-Identifier: GPL-2.0 */
/* Network namespaces and the commands run in them. */
#ifndef SPACE_H
#define SPACE_H

/* A network namespace, held by a descriptor. */
struct space {
	int fd;
};

/* Leave for a new namespace with lo up. */
void space_private(void);
/* The namespace we are in. */
struct space space_here(void);
/* A new one with lo up; we stay where we are. */
struct space space_new(void);
/* Go there: sockets made and commands run from now on are in it. */
void space_enter(struct space there);
/* Let go of it: it ends when nothing else is in it. */
void space_close(struct space there);

/* Run a command; one that fails ends the case. */
void sh(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Run a command; its exit code. */
int sh_code(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Have nft read rules. */
void nft(const char *rules);
/* iptables-legacy or ip6tables-legacy, for the family. */
void tables(int family, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 *	client                      host
 *	c0 10.0.0.1, fd00::1 ────── h0 10.0.0.2, fd00::2
 *
 * The caller is and stays in `host`, where the queue is.
 */
struct pair {
	struct space client;
	struct space host;
};
struct pair pair_new(void);

/*
 *	client                     gateway                    server
 *	c0 10.1.0.1 ── g0 10.1.0.2 │ g1 10.2.0.2 ── s0 10.2.0.1
 *	   fd01::1        fd01::2       fd02::2        fd02::1
 *
 * The caller is and stays in `gateway`, which forwards and where the queue is.
 */
struct chain {
	struct space client;
	struct space gateway;
	struct space server;
};
struct chain chain_new(void);

#endif
