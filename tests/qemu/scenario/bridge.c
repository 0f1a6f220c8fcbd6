// SPDX-License-Identifier: GPL-2.0
/*
 * Packets that a bridge passes between its ports, seen by the IP hooks (br_netfilter).
 *
 *	left 10.0.0.1, fd00::1                    right 10.0.0.2, fd00::2
 *	l0 ────────── p0 │ br0 (here, no address) │ p1 ────────── r0
 */
#include <errno.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "batch.h"
#include "cases.h"
#include "proc.h"
#include "sockopt.h"
#include "traffic.h"

struct bridged {
	struct space left;
	struct space right;
};

static void host(struct space there, const char *device, int number)
{
	struct space here = space_here();

	space_enter(there);
	sh("ip -batch - <<'END'\naddr add 10.0.0.%d/24 dev %s\naddr add fd00::%d/64 dev %s nodad\n"
	   "link set %s up\nEND", number, device, number, device, device);
	space_enter(here);
	space_close(here);
}

static struct bridged bridged_new(int family)
{
	struct bridged made = { space_new(), space_new() };

	sh("ip -batch - <<'END'\nlink add br0 type bridge\nlink set br0 up\n"
	   "link add p0 type veth peer name l0 netns /proc/%d/fd/%d\n"
	   "link add p1 type veth peer name r0 netns /proc/%d/fd/%d\n"
	   "link set p0 master br0 up\nlink set p1 master br0 up\nEND",
	   (int)getpid(), made.left.fd, (int)getpid(), made.right.fd);
	sh("echo 1 >/proc/sys/net/bridge/bridge-nf-call-%s", either(family, "iptables", "ip6tables"));
	host(made.left, "l0", 1);
	host(made.right, "r0", 2);
	return made;
}

CASE("a bridged packet is queued at FORWARD, accepted and replaced", BOTH)
{
	struct bridged net = bridged_new(family);
	int ear = udp_listen_in(&net.right, family, 7);
	int mouth = udp_to_in(&net.left, host_address(family), 7);
	const struct ipq_packet_msg *packet;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A FORWARD -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "over the bridge");
	packet = peer_packet(&peer);
	check_eq(packet->hook, NF_INET_FORWARD);
	check_str(packet->indev_name, "br0");
	check_str(packet->outdev_name, "br0");
	peer_verdict(&peer, packet->packet_id, NF_ACCEPT);
	udp_hear(ear, "over the bridge");
	udp_say(mouth, "repeated");
	peer_verdict(&peer, peer_udp(&peer, "repeated"), NF_REPEAT);
	peer_verdict(&peer, peer_udp(&peer, "repeated"), NF_ACCEPT);
	udp_hear(ear, "repeated");
}

CASE("and at PREROUTING and POSTROUTING, where the bridge has hooks of its own", BOTH)
{
	struct bridged net = bridged_new(family);
	int ear = udp_listen_in(&net.right, family, 7);
	int mouth = udp_to_in(&net.left, host_address(family), 7);
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-t mangle -A PREROUTING -p udp --dport 7 -j QUEUE");
	tables(family, "-t mangle -A POSTROUTING -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "twice");
	peer_verdict(&peer, peer_udp(&peer, "twice"), NF_ACCEPT);
	peer_verdict(&peer, peer_udp(&peer, "twice"), NF_ACCEPT);
	udp_hear(ear, "twice");
}

CASE("the extension names the ports", BOTH)
{
	struct bridged net = bridged_new(family);
	int mouth = udp_to_in(&net.left, host_address(family), 7);
	struct peer peer;

	batch_own(&peer, family, IPQ_FEATURE_PACKETS, 0, 0);
	tables(family, "-A FORWARD -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "by which port?");
	check_eq(batch_receive(&peer), 1);
	check_eq(batch_packet(&peer, 0)->indev, if_nametoindex("br0"));
	check_eq(batch_packet(&peer, 0)->physindev, if_nametoindex("p0"));
	check_eq(batch_packet(&peer, 0)->physoutdev, if_nametoindex("p1"));
}

CASE("copies of one first packet: their connection is shared, so they are not taken in", IPV4)
{
	struct space here = space_here();
	struct bridged net = bridged_new(family);
	struct sockaddr_storage everybody;
	socklen_t length = address("10.0.0.255", 7, &everybody);
	int mouth, on = 1;
	struct ipq_stats stats;
	struct peer peer;

	/* A third port, so that a broadcast is copied; conntrack sees it before the bridge copies it. */
	sh("ip link add p2 type veth peer name x2 && ip link set p2 master br0 up && ip link set x2 up");
	peer_own(&peer, family);
	tables(family, "-t mangle -A PREROUTING -m conntrack --ctstate INVALID -j DROP");
	tables(family, "-A FORWARD -p udp --dport 7 -j QUEUE");
	space_enter(net.left);
	mouth = socket(AF_INET, SOCK_DGRAM, 0);
	check(setsockopt(mouth, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) == 0);
	space_enter(here);
	check(sendto(mouth, "all", 3, 0, (struct sockaddr *)&everybody, length) == 3);
	eventually(SOON_MS, stats_get(family).conntrack_dropped > 0);
	while (peer_receive(&peer, SILENCE_MS))
		peer_verdict(&peer, ((struct ipq_packet_msg *)NLMSG_DATA(&peer.in.header))->packet_id, NF_ACCEPT);
	stats = stats_get(family);
	check_eq(stats.length, 0);
	check(stats_conserved(&stats));
}

CASE("a port that goes down takes its packets", BOTH)
{
	for (int port = 0; port < 2; port++) {
		struct bridged net;
		struct peer peer;
		int mouth;

		if (port)
			space_private();
		net = bridged_new(family);
		mouth = udp_to_in(&net.left, host_address(family), 7);
		peer_own(&peer, family);
		tables(family, "-A FORWARD -p udp --dport 7 -j QUEUE");
		udp_say(mouth, "between the ports");
		peer_udp(&peer, "between the ports");
		check_eq(proc_length(family), 1);
		sh("ip link set p%d down", port);
		check_eq(proc_length(family), 0);
		check_eq(stats_get(family).flushed, 1);
		peer_close(&peer);
	}
}

CASE("a port that leaves the bridge, or a bridge that is deleted, harms nothing", BOTH)
{
	struct bridged net = bridged_new(family);
	int mouth = udp_to_in(&net.left, host_address(family), 7);
	unsigned long first, second;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A FORWARD -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "one");
	first = peer_udp(&peer, "one");
	udp_say(mouth, "two");
	second = peer_udp(&peer, "two");
	sh("ip link set p1 nomaster");
	peer_verdict(&peer, first, NF_ACCEPT);
	sh("ip link del br0");
	check_eq(peer_verdict_answer(&peer, second, NF_ACCEPT), ENOENT);
	check_eq(proc_length(family), 0);
}
