// SPDX-License-Identifier: GPL-2.0
/*
 * A hundred loads and unloads while packets flow and wait. Topology: pair (space.h), with both
 * families' traffic from two processors.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases.h"
#include "peer.h"
#include "proc.h"
#include "process.h"
#include "sockopt.h"
#include "traffic.h"

static char name[64];

static int unload(void)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

static void load(void)
{
	int fd = open("/ipqueue.ko", O_RDONLY | O_CLOEXEC);

	check(fd >= 0);
	if (syscall(SYS_finit_module, fd, "", 0))
		fail("load: %m");
	close(fd);
}

CASE("a peer's open socket holds the module; a hundred times around", IPV4)
{
	struct pair pair = pair_new();
	static const int families[] = { AF_INET, AF_INET6 };
	long waited = 0;

	file_read("/ipqueue.name", name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	for (char *at = name; *at; at++)
		if (*at == '\n')
			*at = '\0';
	for (int i = 0; i < 2; i++) {
		int mouth = udp_to_in(&pair.client, host_address(families[i]), 7);

		tables(families[i], "-A INPUT -p udp --dport 7 -j QUEUE");
		tables(families[i], "-t mangle -A PREROUTING -p udp --dport 7 -j QUEUE");
		process_sender(mouth, 500);
	}
	for (int round = 0; round < 100; round++) {
		struct peer peers[2];

		for (int i = 0; i < 2; i++) {
			settings_set(families[i], (struct ipq_settings){
				.mask = IPQ_SET_LINGER | IPQ_SET_DEADLINE, .linger_ms = round & 1 ? 60000 : 0,
				.deadline_ms = round & 2 ? 20 : 0, .deadline_verdict = NF_ACCEPT });
			peer_open(&peers[i], families[i]);
			peer_mode(&peers[i], IPQ_COPY_PACKET, 0);
		}
		/* Some are decided, in every way; some still wait when the peer closes. */
		for (int i = 0; i < 8; i++) {
			struct peer *peer = &peers[i & 1];

			if (peer_receive(peer, 200) && peer->in.header.nlmsg_type == IPQM_PACKET)
				peer_verdict(peer, ((struct ipq_packet_msg *)NLMSG_DATA(&peer->in.header))->packet_id,
					     (unsigned int []){ NF_ACCEPT, NF_DROP, NF_REPEAT, NF_QUEUE }[i / 2]);
		}
		waited += proc_length(AF_INET) + proc_length(AF_INET6);
		if (round % 20 == 0)
			check_eq(unload(), EAGAIN);
		peer_close(&peers[0]);
		peer_close(&peers[1]);
		eventually(SOON_MS, unload() == 0);
		load();
	}
	check(waited > 100);
}
