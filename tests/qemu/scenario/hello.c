// SPDX-License-Identifier: GPL-2.0
/* Asking for extension messages; who did not ask never sees one. Topology: pair where needed. */
#include <errno.h>
#include <string.h>

#include "batch.h"
#include "cases.h"
#include "proc.h"
#include "sockopt.h"
#include "traffic.h"

CASE("the answer says what was given and brings values into bounds", BOTH)
{
	struct ipq_hello given;
	struct peer peer;

	peer_open(&peer, family);
	given = hello(&peer, 0xffffffff, 0, 0, 0);
	check_eq(given.features, IPQ_FEATURES_ALL);
	check_eq(given.max_bytes, IPQ_MAX_DATAGRAM);
	check_eq(given.max_verdicts, IPQ_MAX_VERDICTS);
	check_eq((int32_t)proc_value(family, "Peer PID"), (int32_t)peer.portid);
	given = hello(&peer, IPQ_FEATURE_PACKETS, 1, 7, 1000000);
	check_eq(given.features, IPQ_FEATURE_PACKETS);
	check_eq(given.max_bytes, IPQ_MIN_DATAGRAM);
	check_eq(given.max_packets, 7);
	check_eq(given.hold_us, IPQ_MAX_HOLD_US);
	given = hello(&peer, 0, UINT32_MAX, 0, 0);
	check_eq(given.features, 0);
	check_eq(given.max_bytes, IPQ_MAX_DATAGRAM);
	check_eq(stats_get(family).features, 0);
}

CASE("a hello of another shape is EINVAL and claims nothing", BOTH)
{
	static const struct ipq_hello good = { IPQ_MAGIC, IPQ_VERSION, sizeof(good), IPQ_FEATURES_ALL };
	struct ipq_hello answer, bad;
	unsigned char longer[sizeof(good) + 40] = { 0 };
	struct peer peer;

	peer_open(&peer, family);
	bad = good, bad.magic++;
	check_eq(hello_try(&peer, &bad, sizeof(bad), &answer), EINVAL);
	bad = good, bad.version++;
	check_eq(hello_try(&peer, &bad, sizeof(bad), &answer), EINVAL);
	bad = good, bad.reserved = 1;
	check_eq(hello_try(&peer, &bad, sizeof(bad), &answer), EINVAL);
	for (size_t length = 0; length < sizeof(good); length += 3)
		check_eq(hello_try(&peer, &good, length, &answer), EINVAL);
	check_eq(proc_value(family, "Peer PID"), 0);
	/* A later program's is longer: what this kernel knows of it counts. */
	memcpy(longer, &good, sizeof(good));
	((struct ipq_hello *)longer)->size = sizeof(longer);
	check_eq(hello_try(&peer, longer, sizeof(longer), &answer), 0);
	check_eq(answer.size, sizeof(answer));
}

CASE("while another owns the queue: EBUSY", BOTH)
{
	static const struct ipq_hello good = { IPQ_MAGIC, IPQ_VERSION, sizeof(good), IPQ_FEATURES_ALL };
	struct peer owner, other;
	struct ipq_hello answer;

	peer_own(&owner, family);
	peer_open(&other, family);
	check_eq(hello_try(&other, &good, sizeof(good), &answer), EBUSY);
	check_eq(stats_get(family).features, 0);
}

CASE("a peer that did not ask gets classic messages only, whoever came before", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer modern, classic;

	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_LINGER, .linger_ms = 60000 });
	batch_own(&modern, family, IPQ_FEATURES_ALL, 0, 1000);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "one");
	check_eq(batch_receive(&modern), 1);
	udp_say(mouth, "two");
	eventually(SOON_MS, proc_length(family) == 2);
	peer_close(&modern);
	peer_open(&classic, family);
	peer_mode(&classic, IPQ_COPY_PACKET, 0);
	peer_verdict(&classic, peer_udp(&classic, "one"), NF_ACCEPT);
	peer_verdict(&classic, peer_udp(&classic, "two"), NF_ACCEPT);
	udp_hear(ear, "one");
	udp_hear(ear, "two");
	/* Lists and ranges are no messages to it. */
	check_eq(range_send(&classic, 1, 100, NF_DROP, 0, 0), EINVAL);
	for (int i = 0; i < 20; i++) {
		udp_say(mouth, "classic");
		peer_verdict(&classic, peer_udp(&classic, "classic"), NF_ACCEPT);
		udp_hear(ear, "classic");
	}
	peer_silent(&classic);
}

CASE("a hello that asks for nothing returns to classic messages", BOTH)
{
	struct pair pair = pair_new();
	int mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	batch_own(&peer, family, IPQ_FEATURES_ALL, 0, 0);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "modern");
	check_eq(batch_receive(&peer), 1);
	hello(&peer, 0, 0, 0, 0);
	udp_say(mouth, "classic");
	peer_verdict(&peer, peer_udp(&peer, "classic"), NF_DROP);
	check_eq(range_send(&peer, 1, 100, NF_DROP, 0, 0), EINVAL);
}
