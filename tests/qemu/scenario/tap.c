// SPDX-License-Identifier: GPL-2.0
/* The tap: a record for each decided packet, to any number of listeners. Topology: pair. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "packet.h"
#include "peer.h"
#include "proc.h"
#include "process.h"
#include "sockopt.h"
#include "tap.h"
#include "traffic.h"

CASE("a record tells what was decided", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	const struct ipq_tap_record *record;
	struct sockaddr_storage source, target;
	struct timespec before, after;
	socklen_t length = sizeof(source);
	unsigned char other[2048];
	struct peer peer;
	struct tap tap;
	unsigned long id;
	size_t at = family == AF_INET ? 4 : 8, size = family == AF_INET ? 4 : 16;

	clock_gettime(CLOCK_REALTIME, &before);
	tap_open(&tap, family);
	peer_own(&peer, family);
	tables(family, "-t mangle -A PREROUTING -p udp -j MARK --set-mark 9");
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "eight by");
	id = peer_udp(&peer, "eight by");
	sleep_ms(30);
	peer_verdict(&peer, id, NF_ACCEPT);
	udp_hear(ear, "eight by");
	record = tap_next(&tap);
	clock_gettime(CLOCK_REALTIME, &after);
	check(record->time_ns >= before.tv_sec * 1000000000ull && record->time_ns <= (after.tv_sec + 1) * 1000000000ull);
	check(record->wait_ns >= 30000000 && record->wait_ns < 10000000000ull);
	check_eq(record->id, id);
	check_eq(record->length, ip_header(family) + 8 + 8);
	check_eq(record->mark, 9);
	check_eq(record->indev, if_nametoindex("h0"));
	check_eq(record->outdev, 0);
	check_eq(record->family, family);
	check_eq(record->protocol, IPPROTO_UDP);
	check_eq(record->hook, NF_INET_LOCAL_IN);
	check_eq(record->verdict, NF_ACCEPT);
	check_eq(record->reason, IPQ_REASON_PEER);
	check_eq(record->flags, IPQ_TAP_PORTS);
	check_eq(ntohs(record->dport), 7);
	check(getsockname(mouth, (struct sockaddr *)&source, &length) == 0);
	check_eq(record->sport, ((struct sockaddr_in *)&source)->sin_port);
	address(host_address(family), 7, &target);
	check(!memcmp(record->saddr, (char *)&source + at, size));
	check(!memcmp(record->daddr, (char *)&target + at, size));
	for (size_t i = size; i < 16; i++)
		check_eq(record->saddr[i] | record->daddr[i], 0);

	/* A replaced packet is told as it goes on. */
	udp_say(mouth, "short");
	id = peer_packet(&peer)->packet_id;
	length = udp_retext(family, ((struct ipq_packet_msg *)NLMSG_DATA(&peer.in.header))->payload, "longer", 6, other);
	peer_replace(&peer, id, NF_ACCEPT, other, length);
	udp_hear(ear, "longer");
	record = tap_next(&tap);
	check_eq(record->flags, IPQ_TAP_PORTS | IPQ_TAP_REPLACED);
	check_eq(record->length, ip_header(family) + 8 + 6);
	check_eq(tap.lost, 0);
}

CASE("ICMP has a type and code", BOTH)
{
	struct pair pair = pair_new();
	const struct ipq_tap_record *record;
	struct peer peer;
	struct tap tap;
	int ping;

	space_enter(pair.client);
	ping = ping_open(family);
	space_enter(pair.host);
	tap_open(&tap, family);
	peer_own(&peer, family);
	tables(family, "-A INPUT -p %s %s -j QUEUE", either(family, "icmp", "icmpv6"),
	       either(family, "--icmp-type echo-request", "--icmpv6-type echo-request"));
	ping_send(family, ping, host_address(family), "payload.");
	peer_verdict(&peer, peer_packet(&peer)->packet_id, NF_DROP);
	record = tap_next(&tap);
	check_eq(record->protocol, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	check_eq(record->flags, IPQ_TAP_ICMP);
	check_eq(record->icmp_type, family == AF_INET ? 8 : 128);
	check_eq(record->icmp_code, 0);
	check_eq(record->sport | record->dport, 0);
	check_eq(record->verdict, NF_DROP);
}

CASE("each way to be decided has its reason", BOTH)
{
	struct pair pair = pair_new();
	/* Nobody reads what arrives; without a socket an error would come back. */
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	unsigned char junk[64] = { 0 };
	const struct ipq_tap_record *record;
	struct peer peer;
	struct tap tap;

	tap_open(&tap, family);
	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_MAXLEN, .maxlen = 1 });
	udp_say(mouth, "waits");
	udp_say(mouth, "overflows");
	record = tap_next(&tap);
	check_eq(record->reason, IPQ_REASON_OVERFLOW);
	check_eq(record->verdict, NF_DROP);
	check_eq(record->id, 0);
	check_eq(ntohs(record->dport), 7);
	peer_replace(&peer, peer_udp(&peer, "waits"), NF_ACCEPT, junk, sizeof(junk));
	record = tap_next(&tap);
	check_eq(record->reason, IPQ_REASON_REFUSED);
	check_eq(record->verdict, NF_DROP);
	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_DEADLINE, .deadline_ms = 1,
						    .deadline_verdict = NF_ACCEPT });
	udp_say(mouth, "expires");
	record = tap_next(&tap);
	check_eq(record->reason, IPQ_REASON_DEADLINE);
	check_eq(record->verdict, NF_ACCEPT);
	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_DEADLINE });
	udp_say(mouth, "loses its peer");
	eventually(SOON_MS, proc_length(family) == 1);
	peer_close(&peer);
	check_eq(tap_next(&tap)->reason, IPQ_REASON_PEER_GONE);
	peer_own(&peer, family);
	udp_say(mouth, "loses its device");
	eventually(SOON_MS, proc_length(family) == 1);
	check(close(ear) == 0);
	sh("ip link set h0 down");
	check_eq(tap_next(&tap)->reason, IPQ_REASON_DEVICE);
	check_eq(tap.lost, 0);
}

CASE("every listener gets every record; off while nobody listens", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct tap one, two;
	struct peer peer;
	unsigned long id;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "nobody listens");
	peer_verdict(&peer, peer_packet(&peer)->packet_id, NF_DROP);
	check_eq(stats_get(family).tap_records, 0);
	tap_open(&one, family);
	tap_open(&two, family);
	for (int i = 0; i < 3; i++) {
		udp_say(mouth, "two listen");
		id = peer_packet(&peer)->packet_id;
		peer_verdict(&peer, id, NF_DROP);
		check_eq(tap_next(&one)->id, id);
		check_eq(tap_next(&two)->id, id);
	}
	check_eq(one.lost + two.lost, 0);
	check_eq(stats_get(family).tap_records, 3);
	tap_close(&one);
	tap_close(&two);
	udp_say(mouth, "nobody again");
	peer_verdict(&peer, peer_packet(&peer)->packet_id, NF_DROP);
	eventually(SOON_MS, stats_get(family).dropped == 5);
	check_eq(stats_get(family).tap_records, 3);
	peer_silent(&peer);
}

CASE("a listener that does not read loses records, knows how many, and slows nobody", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	int size = 2048, sent = 60;
	unsigned long long seen = 0;
	struct tap slow, quick;
	struct peer peer;

	tap_open(&slow, family);
	check(setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);
	tap_open(&quick, family);
	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	for (int i = 0; i < sent; i++) {
		udp_say(mouth, "on and on");
		peer_accept(&peer);
		udp_hear(ear, "on and on");
		tap_next(&quick);
	}
	check_eq(quick.lost, 0);
	while (tap_receive(&slow, 100))
		seen += slow.count;
	check(seen > 0 && seen < (unsigned long long)sent);
	/* One more tells what was lost in between. */
	udp_say(mouth, "and one more");
	peer_accept(&peer);
	check(tap_receive(&slow, SOON_MS));
	seen += slow.count;
	check_eq(seen + slow.lost, sent + 1);
}

CASE("the tap takes CAP_NET_ADMIN in the namespace", BOTH)
{
	struct tap tap;

	check(setresuid(65534, 65534, 0) == 0);
	check_eq(tap_try_open(&tap, family), EPERM);
}

CASE("one namespace's tap does not hear another's packets", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;
	struct tap tap;

	space_enter(pair.client);
	tap_open(&tap, family);
	space_enter(pair.host);
	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "private");
	peer_accept(&peer);
	eventually(SOON_MS, stats_get(family).accepted == 1);
	check(!tap_receive(&tap, SILENCE_MS));
}
