// SPDX-License-Identifier: GPL-2.0
#include "tap.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

int tap_try_open(struct tap *tap, int family)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int group = IPQ_GROUP_TAP;

	memset(tap, 0, offsetof(struct tap, bytes));
	tap->fd = socket(PF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family == AF_INET ? NETLINK_FIREWALL : NETLINK_IP6_FW);
	check(tap->fd >= 0);
	check(bind(tap->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	if (!setsockopt(tap->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		return 0;
	close(tap->fd);
	return errno;
}

void tap_open(struct tap *tap, int family)
{
	int error = tap_try_open(tap, family);

	if (error)
		fail("joining the tap: %s", strerror(error));
}

void tap_close(struct tap *tap)
{
	check(close(tap->fd) == 0);
}

bool tap_receive(struct tap *tap, int ms)
{
	struct pollfd ready = { .fd = tap->fd, .events = POLLIN };
	const struct nlmsghdr *header = (const void *)tap->bytes;
	const struct ipq_tap *head = NLMSG_DATA(header);
	ssize_t got;

	do {
		if (poll(&ready, 1, ms) == 0)
			return false;
		got = recv(tap->fd, tap->bytes, sizeof(tap->bytes), 0);
	} while (got < 0 && errno == ENOBUFS);	/* the numbers tell how many were lost */
	check(got >= (ssize_t)NLMSG_LENGTH(sizeof(*head)));
	check_eq(header->nlmsg_type, IPQM_TAP);
	check(header->nlmsg_len <= got);
	check(head->count > 0);
	check_eq(head->record_size, sizeof(struct ipq_tap_record));
	check_eq(header->nlmsg_len, NLMSG_LENGTH(sizeof(*head) + head->count * head->record_size));
	if (tap->started) {
		check(head->seq >= tap->next);
		tap->lost += head->seq - tap->next;
	}
	tap->started = true;
	tap->next = head->seq + head->count;
	tap->count = head->count;
	return true;
}

const struct ipq_tap_record *tap_record(const struct tap *tap, size_t index)
{
	const struct ipq_tap *head = NLMSG_DATA((const struct nlmsghdr *)tap->bytes);

	check(index < tap->count);
	return (const struct ipq_tap_record *)(head + 1) + index;
}

const struct ipq_tap_record *tap_next(struct tap *tap)
{
	if (!tap_receive(tap, SOON_MS))
		fail("no tap record");
	check_eq(tap->count, 1);
	return tap_record(tap, 0);
}
