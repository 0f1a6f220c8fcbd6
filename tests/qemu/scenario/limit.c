// SPDX-License-Identifier: GPL-2.0
/* The queue's length and the packets' patience: overflow and deadline. Topology: pair. */
#include <errno.h>

#include "cases.h"
#include "peer.h"
#include "proc.h"
#include "sockopt.h"
#include "traffic.h"

CASE("a packet that finds the queue full is dropped and counted", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct ipq_stats stats;
	struct peer peer;

	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_MAXLEN, .maxlen = 2 });
	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "one");
	udp_say(mouth, "two");
	udp_say(mouth, "three, too many");
	eventually(SOON_MS, proc_value(family, "Queue dropped") == 1);
	peer_verdict(&peer, peer_udp(&peer, "one"), NF_ACCEPT);
	udp_hear(ear, "one");
	udp_say(mouth, "four, there is room again");
	peer_verdict(&peer, peer_udp(&peer, "two"), NF_ACCEPT);
	peer_verdict(&peer, peer_udp(&peer, "four, there is room again"), NF_ACCEPT);
	udp_hear(ear, "two");
	udp_hear(ear, "four, there is room again");
	stats = stats_get(family);
	check_eq(stats.overflow_dropped, 1);
	check_eq(stats.peak, 2);
	check_eq(stats.queued, 3);
	check(stats_conserved(&stats));
}

CASE("or it is accepted, when the settings say so", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_MAXLEN | IPQ_SET_OVERFLOW,
						    .maxlen = 1, .overflow_verdict = NF_ACCEPT });
	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "waits");
	udp_say(mouth, "passes by");
	udp_hear(ear, "passes by");
	peer_verdict(&peer, peer_udp(&peer, "waits"), NF_ACCEPT);
	udp_hear(ear, "waits");
	peer_silent(&peer);
	check_eq(stats_get(family).overflow_accepted, 1);
	check_eq(proc_value(family, "Queue dropped"), 0);
}

CASE("an overflow that is accepted meets the rules that follow", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_MAXLEN | IPQ_SET_OVERFLOW,
						    .maxlen = 1, .overflow_verdict = NF_ACCEPT });
	peer_own(&peer, family);
	tables(family, "-t mangle -A INPUT -p udp --dport 7 -j QUEUE");
	tables(family, "-A INPUT -p udp --dport 7 -j DROP");
	udp_say(mouth, "waits");
	udp_say(mouth, "dropped by the filter table");
	eventually(SOON_MS, stats_get(family).overflow_accepted == 1);
	udp_silent(ear);
}

CASE("lowering the maximum drops nothing that waits", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "one");
	udp_say(mouth, "two");
	eventually(SOON_MS, proc_length(family) == 2);
	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_MAXLEN, .maxlen = 1 });
	peer_verdict(&peer, peer_udp(&peer, "one"), NF_ACCEPT);
	peer_verdict(&peer, peer_udp(&peer, "two"), NF_ACCEPT);
	udp_hear(ear, "one");
	udp_hear(ear, "two");
}

CASE("a packet that waits past the deadline is dropped, by default", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct ipq_stats stats;
	struct peer peer;
	unsigned long id;

	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_DEADLINE, .deadline_ms = 300,
						    .deadline_verdict = NF_DROP });
	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "in time");
	peer_verdict(&peer, peer_udp(&peer, "in time"), NF_ACCEPT);
	udp_hear(ear, "in time");
	udp_say(mouth, "nobody decides");
	id = peer_udp(&peer, "nobody decides");
	eventually(SOON_MS, proc_length(family) == 0);
	check_eq(peer_verdict_answer(&peer, id, NF_ACCEPT), ENOENT);
	udp_silent(ear);
	stats = stats_get(family);
	check_eq(stats.expired, 1);
	check_eq(stats.accepted, 1);
	check(stats_conserved(&stats));
}

CASE("or accepted, not before its time, and the others wait theirs", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	long long sent;
	struct peer peer;

	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_DEADLINE, .deadline_ms = 500,
						    .deadline_verdict = NF_ACCEPT });
	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	sent = now_ms();
	udp_say(mouth, "first");
	sleep_ms(250);
	udp_say(mouth, "second");
	udp_hear(ear, "first");
	check(now_ms() - sent >= 500);
	udp_hear(ear, "second");
	check(now_ms() - sent >= 750);
	check_eq(stats_get(family).expired, 2);
}

CASE("a deadline set later holds for what waits already", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "waits");
	eventually(SOON_MS, proc_length(family) == 1);
	settings_set(family, (struct ipq_settings){ .mask = IPQ_SET_DEADLINE, .deadline_ms = 50,
						    .deadline_verdict = NF_ACCEPT });
	udp_hear(ear, "waits");
}
