// SPDX-License-Identifier: GPL-2.0
#include "sockopt.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

int sockopt_open(int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	check(fd >= 0);
	return fd;
}

int sockopt_level(int family)
{
	return family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
}

static void get(int family, int option, void *value, socklen_t size)
{
	int fd = sockopt_open(family);
	socklen_t length = size;

	if (getsockopt(fd, sockopt_level(family), option, value, &length))
		fail("getsockopt %d: %m", option);
	check_eq(length, size);
	close(fd);
}

struct ipq_stats stats_get(int family)
{
	struct ipq_stats stats = { .version = IPQ_VERSION };

	get(family, IPQ_SO_STATS, &stats, sizeof(stats));
	return stats;
}

struct ipq_settings settings_get(int family)
{
	struct ipq_settings settings = { .version = IPQ_VERSION };

	get(family, IPQ_SO_SETTINGS, &settings, sizeof(settings));
	return settings;
}

int settings_try(int family, const struct ipq_settings *settings)
{
	int fd = sockopt_open(family);
	int error = setsockopt(fd, sockopt_level(family), IPQ_SO_SETTINGS, settings, sizeof(*settings)) ?
		    errno : 0;

	close(fd);
	return error;
}

void settings_set(int family, struct ipq_settings settings)
{
	settings.version = IPQ_VERSION;
	settings.size = sizeof(settings);
	check_eq(settings_try(family, &settings), 0);
}

void stats_reset(int family)
{
	int fd = sockopt_open(family);

	if (setsockopt(fd, sockopt_level(family), IPQ_SO_STATS, NULL, 0))
		fail("reset of the counters: %m");
	close(fd);
}

bool stats_conserved(const struct ipq_stats *stats)
{
	return stats->queued == stats->accepted + stats->dropped + stats->repeated + stats->stopped +
				stats->requeued + stats->expired + stats->flushed +
				stats->undeliverable + stats->length;
}
