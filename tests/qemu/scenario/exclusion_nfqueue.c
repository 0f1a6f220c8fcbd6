// SPDX-License-Identifier: GPL-2.0
/* A part of exclusion.sh: nfnetlink_queue works. Topology: pair. */
#include <linux/netfilter.h>
#include <sys/socket.h>

#include "cases.h"
#include "nfqueue.h"
#include "traffic.h"

CASE("nfnetlink_queue queues a packet and takes its verdict", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	unsigned char buffer[65536];
	uint32_t id;
	int fd;

	fd = nfqueue_open(3, 100);
	check(fd >= 0);
	tables(family, "-A INPUT -p udp --dport 7 -j NFQUEUE --queue-num 3");
	udp_say(mouth, "hello");
	check_eq(nfqueue_ids(buffer, recv(fd, buffer, sizeof(buffer), 0), &id, 1), 1);
	nfqueue_verdict(fd, 3, id, NF_ACCEPT);
	udp_hear(ear, "hello");
}
