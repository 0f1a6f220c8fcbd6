// SPDX-License-Identifier: GPL-2.0
/*
 * An end for tests (LD_PRELOAD): after the system call that DIE_AFTER counts, of those that send to a
 * socket or receive many messages from one, the process is killed. The kernel has done its part by
 * then, and nobody has taken note.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void count(void)
{
	static atomic_long calls;
	const char *last = getenv("DIE_AFTER");

	if (last && atomic_fetch_add(&calls, 1) + 1 == atol(last))
		kill(getpid(), SIGKILL);
}

static int is_netlink(int fd)
{
	int domain = 0;
	socklen_t size = sizeof(domain);

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) && domain == AF_NETLINK;
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	static ssize_t (*real)(int, const void *, size_t, int);
	ssize_t sent;

	if (!real)
		real = (ssize_t (*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
	sent = real(fd, data, size, flags);
	if (is_netlink(fd))
		count();
	return sent;
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int most, int flags, struct timespec *time)
{
	static int (*real)(int, struct mmsghdr *, unsigned int, int, struct timespec *);
	int got;

	if (!real)
		real = (int (*)(int, struct mmsghdr *, unsigned int, int,
				struct timespec *))dlsym(RTLD_NEXT, "recvmmsg");
	got = real(fd, messages, most, flags, time);
	if (is_netlink(fd))
		count();
	return got;
}
