// SPDX-License-Identifier: GPL-2.0
#include "space.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int run(const char *format, va_list arguments, char *command, size_t size)
{
	int status;

	check(vsnprintf(command, size, format, arguments) < (int)size);
	fflush(stdout);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void sh(const char *format, ...)
{
	char command[4096];
	va_list arguments;
	int code;

	va_start(arguments, format);
	code = run(format, arguments, command, sizeof(command));
	va_end(arguments);
	if (code)
		fail("exit code %d: %s", code, command);
}

int sh_code(const char *format, ...)
{
	char command[4096];
	va_list arguments;
	int code;

	va_start(arguments, format);
	code = run(format, arguments, command, sizeof(command));
	va_end(arguments);
	return code;
}

void nft(const char *rules)
{
	sh("nft -f - <<'END'\n%s\nEND", rules);
}

void tables(int family, const char *format, ...)
{
	char rest[1024], command[1200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(rest, sizeof(rest), format, arguments);
	va_end(arguments);
	snprintf(command, sizeof(command), "%s-legacy %s",
		 family == AF_INET ? "iptables" : "ip6tables", rest);
	sh("%s", command);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail("%s: %m", path);
	close(fd);
}

void space_private(void)
{
	check(unshare(CLONE_NEWNET) == 0);
	/* Link-local addresses that are usable at once: nobody else is on our cables. */
	write_file("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	sh("ip link set lo up");
}

struct space space_here(void)
{
	struct space here = { open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) };

	check(here.fd >= 0);
	return here;
}

struct space space_new(void)
{
	struct space before = space_here(), made;

	space_private();
	made = space_here();
	space_enter(before);
	space_close(before);
	return made;
}

void space_enter(struct space there)
{
	check(setns(there.fd, CLONE_NEWNET) == 0);
}

void space_close(struct space there)
{
	check(close(there.fd) == 0);
}

/* One `ip` for many lines: starting a program is what takes time in an emulator. */
static void ip_batch(const char *lines)
{
	sh("ip -batch - <<'END'\n%sEND", lines);
}

/* A cable between two namespaces; the caller is in the one of `here`. */
static void cable(const char *here, const char *there, struct space other)
{
	sh("ip link add %s type veth peer name %s netns /proc/%d/fd/%d", here, there, (int)getpid(),
	   other.fd);
}

struct pair pair_new(void)
{
	struct pair pair = { .client = space_new(), .host = space_here() };

	cable("h0", "c0", pair.client);
	ip_batch("addr add 10.0.0.2/24 dev h0\naddr add fd00::2/64 dev h0 nodad\nlink set h0 up\n");
	space_enter(pair.client);
	ip_batch("addr add 10.0.0.1/24 dev c0\naddr add fd00::1/64 dev c0 nodad\nlink set c0 up\n"
		 "route add default via 10.0.0.2\nroute add ::/0 via fd00::2\n");
	space_enter(pair.host);
	return pair;
}

struct chain chain_new(void)
{
	struct chain chain = { .client = space_new(), .gateway = space_here(), .server = space_new() };

	cable("g0", "c0", chain.client);
	cable("g1", "s0", chain.server);
	write_file("/proc/sys/net/ipv4/ip_forward", "1");
	write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	ip_batch("addr add 10.1.0.2/24 dev g0\naddr add fd01::2/64 dev g0 nodad\nlink set g0 up\n"
		 "addr add 10.2.0.2/24 dev g1\naddr add fd02::2/64 dev g1 nodad\nlink set g1 up\n");
	space_enter(chain.client);
	ip_batch("addr add 10.1.0.1/24 dev c0\naddr add fd01::1/64 dev c0 nodad\nlink set c0 up\n"
		 "route add default via 10.1.0.2\nroute add ::/0 via fd01::2\n");
	space_enter(chain.server);
	ip_batch("addr add 10.2.0.1/24 dev s0\naddr add fd02::1/64 dev s0 nodad\nlink set s0 up\n"
		 "route add default via 10.2.0.2\nroute add ::/0 via fd02::2\n");
	space_enter(chain.gateway);
	return chain;
}
