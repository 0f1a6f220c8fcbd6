// SPDX-License-Identifier: GPL-2.0
#include "cases.h"
#include "nfqueue.h"
#include "traffic.h"
#include <sys/socket.h>
#include <linux/netfilter.h>

CASE("nfqueue works", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	unsigned char buffer[65536];
	uint32_t id;
	sh("insmod $(sed -n 's/^-//p' /modules | tail -1) || true");
	tables(family, "-A INPUT -p udp --dport 7 -j NFQUEUE --queue-num 3");
	int q = nfqueue_open(3, 100);
	check(q >= 0);
	udp_say(mouth, "hello");
	ssize_t got = recv(q, buffer, sizeof(buffer), 0);
	check_eq(nfqueue_ids(buffer, got, &id, 1), 1);
	nfqueue_verdict(q, 3, id, NF_ACCEPT);
	udp_hear(ear, "hello");
}
CASE("fails", IPV4)
{
	check_eq(1, 2);
}
