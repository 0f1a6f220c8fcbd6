// SPDX-License-Identifier: GPL-2.0
/* Statistics and settings: sizes, versions, privilege, and what they say. Topology: pair where needed. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cases.h"
#include "peer.h"
#include "proc.h"
#include "process.h"
#include "sockopt.h"
#include "traffic.h"

static int get(int family, int option, void *value, socklen_t *length)
{
	int fd = sockopt_open(family), error;

	error = getsockopt(fd, sockopt_level(family), option, value, length) ? errno : 0;
	close(fd);
	return error;
}

static int set(int family, int option, const void *value, socklen_t length)
{
	int fd = sockopt_open(family), error;

	error = setsockopt(fd, sockopt_level(family), option, value, length) ? errno : 0;
	close(fd);
	return error;
}

CASE("the structures have the published size, and the defaults", BOTH)
{
	struct ipq_settings settings = settings_get(family);
	struct ipq_stats stats = stats_get(family);

	check_eq(sizeof(settings), IPQ_SETTINGS_SIZE_V1);
	check_eq(sizeof(stats), IPQ_STATS_SIZE_V1);
	check_eq(settings.size, sizeof(settings));
	check_eq(settings.version, IPQ_VERSION);
	check_eq(settings.mask, IPQ_SET_ALL);
	check_eq(settings.maxlen, IPQ_MAXLEN_DEFAULT);
	check_eq(settings.overflow_verdict, NF_DROP);
	check_eq(settings.deadline_ms, 0);
	check_eq(settings.deadline_verdict, NF_DROP);
	check_eq(settings.linger_ms, 0);
	check_eq(stats.size, sizeof(stats));
	check_eq(stats.peer, 0);
	check_eq(stats.mode, IPQ_COPY_NONE);
	check_eq(stats.queued + stats.accepted + stats.dropped + stats.length + stats.peak, 0);
}

CASE("a caller that knows less or more gets what both know, never garbage", BOTH)
{
	static const int options[] = { IPQ_SO_SETTINGS, IPQ_SO_STATS };
	static const socklen_t sizes[] = { IPQ_SETTINGS_SIZE_V1, IPQ_STATS_SIZE_V1 };

	for (int i = 0; i < 2; i++) {
		unsigned char value[512];
		socklen_t length;

		/* A later program: the kernel's part, and not a byte more. */
		memset(value, 0xa5, sizeof(value));
		memcpy(value, &(uint16_t){ IPQ_VERSION }, 2);
		length = sizeof(value);
		check_eq(get(family, options[i], value, &length), 0);
		check_eq(length, sizes[i]);
		for (size_t at = length; at < sizeof(value); at++)
			check_eq(value[at], 0xa5);
		check_eq(((struct ipq_settings *)value)->size, sizes[i]);
		/* Shorter than what was first published. */
		for (length = 0; length < sizes[i]; length += 7) {
			socklen_t given = length;

			check_eq(get(family, options[i], value, &given), EINVAL);
		}
		/* Other versions. */
		length = sizes[i];
		memcpy(value, &(uint16_t){ IPQ_VERSION + 1 }, 2);
		check_eq(get(family, options[i], value, &length), EINVAL);
		memcpy(value, &(uint16_t){ 0 }, 2);
		check_eq(get(family, options[i], value, &length), EINVAL);
	}
}

CASE("settings of another size: shorter is refused, longer must be zeroes behind", BOTH)
{
	struct {
		struct ipq_settings known;
		unsigned char later[64];
	} value = { .known = { .version = IPQ_VERSION, .mask = IPQ_SET_MAXLEN, .maxlen = 33 } };

	check_eq(set(family, IPQ_SO_SETTINGS, &value, sizeof(value)), 0);
	check_eq(settings_get(family).maxlen, 33);
	value.known.maxlen = 34;
	value.later[63] = 1;
	check_eq(set(family, IPQ_SO_SETTINGS, &value, sizeof(value)), EINVAL);
	for (socklen_t length = 0; length < IPQ_SETTINGS_SIZE_V1; length++)
		check_eq(set(family, IPQ_SO_SETTINGS, &value, length), EINVAL);
	check_eq(settings_get(family).maxlen, 33);
}

CASE("a value out of its range is EINVAL and changes nothing", BOTH)
{
	static const struct ipq_settings rows[] = {
		{ .version = 0, .mask = IPQ_SET_MAXLEN, .maxlen = 5 },
		{ .version = IPQ_VERSION + 1, .mask = IPQ_SET_MAXLEN, .maxlen = 5 },
		{ .version = IPQ_VERSION, .mask = 0x10 },
		{ .version = IPQ_VERSION, .mask = 0x80000001, .maxlen = 5 },
		{ .version = IPQ_VERSION, .mask = IPQ_SET_MAXLEN, .maxlen = 5, .reserved = 1 },
		{ .version = IPQ_VERSION, .mask = IPQ_SET_MAXLEN, .maxlen = 0 },
		{ .version = IPQ_VERSION, .mask = IPQ_SET_MAXLEN, .maxlen = IPQ_MAXLEN_MAX + 1 },
		{ .version = IPQ_VERSION, .mask = IPQ_SET_MAXLEN, .maxlen = UINT32_MAX },
		{ .version = IPQ_VERSION, .mask = IPQ_SET_OVERFLOW, .overflow_verdict = NF_QUEUE },
		{ .version = IPQ_VERSION, .mask = IPQ_SET_OVERFLOW, .overflow_verdict = UINT32_MAX },
		{ .version = IPQ_VERSION, .mask = IPQ_SET_DEADLINE, .deadline_ms = IPQ_MAX_TIME_MS + 1 },
		{ .version = IPQ_VERSION, .mask = IPQ_SET_DEADLINE, .deadline_verdict = NF_REPEAT },
		{ .version = IPQ_VERSION, .mask = IPQ_SET_LINGER, .linger_ms = IPQ_MAX_TIME_MS + 1 },
		/* One bad member, three good ones. */
		{ .version = IPQ_VERSION, .mask = IPQ_SET_ALL, .maxlen = 5, .overflow_verdict = NF_ACCEPT,
		  .deadline_ms = 5, .linger_ms = UINT32_MAX },
	};
	struct ipq_settings before = settings_get(family), after;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (settings_try(family, &rows[i]) != EINVAL)
			fail("row %zu is not refused", i);
		after = settings_get(family);
		check(!memcmp(&before, &after, sizeof(before)));
	}
}

CASE("only the members in the mask are set; the largest values are taken", BOTH)
{
	struct ipq_settings now;

	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_LINGER, .maxlen = 77,
						    .overflow_verdict = 99, .linger_ms = IPQ_MAX_TIME_MS });
	now = settings_get(family);
	check_eq(now.maxlen, IPQ_MAXLEN_DEFAULT);
	check_eq(now.overflow_verdict, NF_DROP);
	check_eq(now.linger_ms, IPQ_MAX_TIME_MS);
	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_ALL, .maxlen = IPQ_MAXLEN_MAX,
						    .overflow_verdict = NF_ACCEPT, .deadline_ms = IPQ_MAX_TIME_MS,
						    .deadline_verdict = NF_ACCEPT, .linger_ms = 0 });
	now = settings_get(family);
	check_eq(now.maxlen, IPQ_MAXLEN_MAX);
	check_eq(now.deadline_ms, IPQ_MAX_TIME_MS);
	check_eq(now.deadline_verdict, NF_ACCEPT);
	check_eq(now.linger_ms, 0);
	check_eq(settings_get(family == AF_INET ? AF_INET6 : AF_INET).maxlen, IPQ_MAXLEN_DEFAULT);
}

CASE("pointers that lead nowhere are EFAULT", BOTH)
{
	void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	socklen_t length = IPQ_STATS_SIZE_V1;

	check_eq(set(family, IPQ_SO_SETTINGS, nowhere, IPQ_SETTINGS_SIZE_V1), EFAULT);
	check_eq(get(family, IPQ_SO_SETTINGS, nowhere, &length), EFAULT);
	check_eq(get(family, IPQ_SO_STATS, nowhere, &length), EFAULT);
	/* Statistics are not set, only reset. */
	check_eq(set(family, IPQ_SO_STATS, &length, sizeof(length)), EINVAL);
}

CASE("without CAP_NET_ADMIN everything is EPERM", BOTH)
{
	struct ipq_settings settings = { .version = IPQ_VERSION, .mask = IPQ_SET_MAXLEN, .maxlen = 9 };
	struct ipq_stats stats = { .version = IPQ_VERSION };
	socklen_t length = sizeof(stats);

	check(setresuid(65534, 65534, 0) == 0);
	check_eq(get(family, IPQ_SO_STATS, &stats, &length), EPERM);
	length = sizeof(settings);
	check_eq(get(family, IPQ_SO_SETTINGS, &settings, &length), EPERM);
	check_eq(settings_try(family, &settings), EPERM);
	check_eq(set(family, IPQ_SO_STATS, NULL, 0), EPERM);
	/* Nor does a malformed call learn more than that. */
	check_eq(set(family, IPQ_SO_SETTINGS, &settings, 3), EPERM);
	check(setresuid(0, 0, 0) == 0);
	check_eq(settings_get(family).maxlen, IPQ_MAXLEN_DEFAULT);
}

CASE("root of a user namespace rules its own network namespace, and no other", BOTH)
{
	struct ipq_settings settings = { .version = IPQ_VERSION, .mask = IPQ_SET_MAXLEN, .maxlen = 9 };
	int outside = sockopt_open(family);
	struct peer peer;

	check(setresuid(1000, 1000, 1000) == 0);
	/* The socket was made outside: no privilege of the new namespace counts there. */
	check(unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0);
	check(setsockopt(outside, sockopt_level(family), IPQ_SO_SETTINGS, &settings, sizeof(settings)) < 0);
	check_eq(errno, EPERM);
	check_eq(settings_try(family, &settings), 0);
	check_eq(settings_get(family).maxlen, 9);
	peer_own(&peer, family);
	check_eq((int32_t)stats_get(family).peer, (int32_t)peer.portid);
}

CASE("the counters add up, and a reset keeps what waits", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct ipq_stats stats;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	for (int i = 0; i < 5; i++)
		udp_say(mouth, "x");
	peer_verdict(&peer, peer_packet(&peer)->packet_id, NF_ACCEPT);
	peer_verdict(&peer, peer_packet(&peer)->packet_id, NF_ACCEPT);
	peer_verdict(&peer, peer_packet(&peer)->packet_id, NF_DROP);
	udp_hear(ear, "x");
	udp_hear(ear, "x");
	stats = stats_get(family);
	check_eq(stats.mode, IPQ_COPY_PACKET);
	check_eq((int32_t)stats.peer, (int32_t)peer.portid);
	check_eq(stats.features, 0);
	check_eq(stats.queued, 5);
	check_eq(stats.accepted, 2);
	check_eq(stats.dropped, 1);
	check_eq(stats.length, 2);
	check_eq(stats.peak, 5);
	check(stats_conserved(&stats));
	stats_reset(family);
	stats = stats_get(family);
	check_eq(stats.queued, 2);
	check_eq(stats.length, 2);
	check_eq(stats.peak, 2);
	check_eq(stats.accepted + stats.dropped, 0);
	check(stats_conserved(&stats));
	check_eq(stats.mode, IPQ_COPY_PACKET);
}
