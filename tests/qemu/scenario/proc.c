// SPDX-License-Identifier: GPL-2.0
/* /proc/net/ip_queue and ip6_queue, to the byte, and the sysctls. Topology: pair where needed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "peer.h"
#include "proc.h"
#include "sockopt.h"
#include "traffic.h"

static void text_is(int family, int pid, int mode, int range, int length, int maxlen, int dropped,
		    int undelivered)
{
	char expected[512], seen[1024];

	snprintf(expected, sizeof(expected),
		 "Peer PID          : %d\n"
		 "Copy mode         : %d\n"
		 "Copy range        : %d\n"
		 "Queue length      : %d\n"
		 "Queue max. length : %d\n"
		 "Queue dropped     : %d\n"
		 "%s : %d\n",
		 pid, mode, range, length, maxlen, dropped,
		 family == AF_INET ? "Netlink dropped  " : "Netfilter dropped", undelivered);
	proc_text(family, seen, sizeof(seen));
	check_str(seen, expected);
}

CASE("the text is that of the classic module, to the byte", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	text_is(family, 0, IPQ_COPY_NONE, 0, 0, 1024, 0, 0);
	peer_open(&peer, family);
	text_is(family, 0, IPQ_COPY_NONE, 0, 0, 1024, 0, 0);
	peer_mode_acked(&peer, IPQ_COPY_META, 77);
	text_is(family, peer.portid, IPQ_COPY_META, 0, 0, 1024, 0, 0);
	peer_mode_acked(&peer, IPQ_COPY_PACKET, 1500);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "waits");
	peer_udp(&peer, "waits");
	text_is(family, peer.portid, IPQ_COPY_PACKET, 1500, 1, 1024, 0, 0);
	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_MAXLEN, .maxlen = 1 });
	udp_say(mouth, "finds it full");
	eventually(SOON_MS, proc_value(family, "Queue dropped") == 1);
	text_is(family, peer.portid, IPQ_COPY_PACKET, 1500, 1, 1, 1, 0);
	peer_close(&peer);
	text_is(family, 0, IPQ_COPY_NONE, 0, 0, 1, 1, 0);
}

CASE("a packet that the peer's full socket cannot take is dropped and counted", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	const char *label = either(family, "Netlink dropped", "Netfilter dropped");
	int size = 1;
	long sent = 40, lost, waiting;
	struct peer peer;

	peer_own(&peer, family);
	check(setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	for (long i = 0; i < sent; i++)
		udp_say(mouth, "much");
	eventually(SOON_MS, proc_value(family, label) + proc_length(family) == sent);
	lost = proc_value(family, label);
	waiting = proc_length(family);
	check(lost > 0 && waiting > 0);
	check_eq(proc_value(family, "Queue dropped"), 0);
	/* What waits is what can be read and decided; the socket says once that it lost some. */
	while (waiting--) {
		struct nlmsghdr *header = &peer.in.header;
		ssize_t got = recv(peer.fd, peer.in.bytes, sizeof(peer.in.bytes), MSG_DONTWAIT);

		if (got < 0 && errno == ENOBUFS) {
			waiting++;
			continue;
		}
		check(got > 0);
		check_eq(header->nlmsg_type, IPQM_PACKET);
		peer_verdict(&peer, ((struct ipq_packet_msg *)NLMSG_DATA(header))->packet_id, NF_ACCEPT);
		udp_hear(ear, "much");
	}
	check_eq(proc_length(family), 0);
	udp_silent(ear);
}

static const char *sysctl_path(int family)
{
	return either(family, "/proc/sys/net/ipv4/ip_queue_maxlen", "/proc/sys/net/ipv6/ip6_queue_maxlen");
}

/* Write a sysctl; 0 or an errno. */
static int sysctl_write(int family, const char *value)
{
	int fd = open(sysctl_path(family), O_WRONLY), error;

	if (fd < 0)
		return errno;
	error = write(fd, value, strlen(value)) < 0 ? errno : 0;
	close(fd);
	return error;
}

static long sysctl_read(int family)
{
	char text[64];
	long value;

	file_read(sysctl_path(family), text, sizeof(text));
	check_eq(sscanf(text, "%ld", &value), 1);
	return value;
}

CASE("the sysctl is the queue's maximum, per namespace and bounded", BOTH)
{
	static const char *const refused[] = { "0", "-1", "65537", "99999999999", "many" };
	struct space here = space_here(), other = space_new();

	check_eq(sysctl_read(family), IPQ_MAXLEN_DEFAULT);
	check_eq(sysctl_write(family, "5"), 0);
	check_eq(sysctl_read(family), 5);
	check_eq(proc_value(family, "Queue max. length"), 5);
	check_eq(settings_get(family).maxlen, 5);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (sysctl_write(family, refused[i]) != EINVAL)
			fail("'%s' is not refused with EINVAL", refused[i]);
	check_eq(sysctl_read(family), 5);
	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_MAXLEN, .maxlen = 65536 });
	check_eq(sysctl_read(family), 65536);
	space_enter(other);
	check_eq(sysctl_read(family), IPQ_MAXLEN_DEFAULT);
	check_eq(sysctl_write(family, "9"), 0);
	space_enter(here);
	check_eq(sysctl_read(family), 65536);
}

CASE("a user without privilege cannot write the sysctl", BOTH)
{
	check(setresuid(65534, 65534, 0) == 0);
	check_eq(sysctl_write(family, "5"), EACCES);
}
