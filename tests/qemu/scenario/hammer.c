// SPDX-License-Identifier: GPL-2.0
/*
 * Both processors at one queue: senders, deciders that contradict each other, readers, and settings
 * that change all the time. At the end every packet is accounted for. Topology: pair (space.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "batch.h"
#include "cases.h"
#include "proc.h"
#include "process.h"
#include "sockopt.h"
#include "traffic.h"

#define PACKETS 3000	/* a sender, and there is one a processor */

static pid_t sender(int mouth, int processor)
{
	pid_t child = process_fork();

	if (child)
		return child;
	process_pin(processor);
	for (int i = 0; i < PACKETS; i++) {
		while (send(mouth, "x", 1, 0) != 1)
			;
		if (i % 64 == 0)
			usleep(1000);
	}
	_exit(0);
}

/* Read all that can be read of a queue, and change what can be changed, until killed. */
static pid_t meddler(int family)
{
	pid_t child = process_fork();

	if (child)
		return child;
	for (unsigned int i = 0;; i++) {
		char text[1024];

		settings_set(family, (struct ipq_settings){
			.mask = IPQ_SET_MAXLEN | IPQ_SET_OVERFLOW | IPQ_SET_DEADLINE,
			.maxlen = i & 1 ? 64 : 4096, .overflow_verdict = i & 2 ? NF_ACCEPT : NF_DROP,
			.deadline_ms = i & 4 ? 20 : 0, .deadline_verdict = i & 8 ? NF_ACCEPT : NF_DROP });
		proc_text(family, text, sizeof(text));
		stats_get(family);
		usleep(500);
	}
}

/* From another processor and the owner's socket: verdicts on ids that the owner decides as well. */
static pid_t rival(struct peer *peer, bool ranges)
{
	pid_t child = process_fork();

	if (child)
		return child;
	process_pin(1);
	srandom(2);
	for (;;) {
		unsigned long id = random() % (4 * PACKETS);

		if (ranges && id % 7 == 0) {
			struct ipq_range range = { id, id + 5, NF_ACCEPT };

			peer_send(peer, IPQM_RANGE, 0, &range, sizeof(range));
		} else {
			peer_verdict(peer, id, NF_ACCEPT);
		}
		usleep(300);
	}
}

static int listener(int family)
{
	int ear = udp_listen(family, 7), size = 64 << 20;

	check(setsockopt(ear, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0);
	return ear;
}

static unsigned long heard(int ear)
{
	unsigned long count = 0;
	char one;

	while (recv(ear, &one, 1, MSG_DONTWAIT) == 1)
		count++;
	return count;
}

/* Everything sent was taken in or found the queue full, and what went on was heard. */
static void settle(int family, int ear, unsigned long sent)
{
	struct ipq_stats stats = stats_get(family);
	unsigned long arrived = heard(ear);

	check(stats_conserved(&stats));
	check_eq(stats.length, 0);
	check_eq(stats.queued + stats.overflow_dropped + stats.overflow_accepted + stats.conntrack_dropped,
		 sent + stats.repeated + stats.requeued);
	/* Of what expired, some was dropped; of what was accepted, all arrived. */
	check(arrived >= stats.accepted + stats.stopped + stats.overflow_accepted);
	check(arrived <= stats.accepted + stats.stopped + stats.overflow_accepted + stats.expired);
	printf("    %llu queued, %llu accepted, %llu dropped, %llu repeated, %llu expired, %llu overflowed, "
	       "%llu undeliverable\n", stats.queued, stats.accepted, stats.dropped, stats.repeated,
	       stats.expired, stats.overflow_dropped + stats.overflow_accepted, stats.undeliverable);
}

CASE("classic messages", BOTH)
{
	static const unsigned int verdicts[] = { NF_ACCEPT, NF_DROP, NF_ACCEPT, NF_REPEAT, NF_STOP, NF_QUEUE };
	struct pair pair = pair_new();
	pid_t senders[2], others[2];
	int ear = listener(family);
	unsigned int turn = 0;
	struct peer peer;

	peer_own(&peer, family);
	check(setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 32 << 20 }, sizeof(int)) == 0);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	others[0] = meddler(family);
	others[1] = rival(&peer, false);
	for (int i = 0; i < 2; i++)
		senders[i] = sender(udp_to_in(&pair.client, host_address(family), 7), i);
	for (;;) {
		struct nlmsghdr *header = &peer.in.header;
		ssize_t got = recv(peer.fd, peer.in.bytes, sizeof(peer.in.bytes), MSG_DONTWAIT);

		if (got > 0 && header->nlmsg_type == IPQM_PACKET)
			peer_verdict(&peer, ((struct ipq_packet_msg *)NLMSG_DATA(header))->packet_id,
				     verdicts[turn++ % 6]);
		else if (got < 0 && errno == EAGAIN && process_ended(senders[0]) && process_ended(senders[1]) &&
			 !proc_length(family))
			break;
	}
	for (int i = 0; i < 2; i++) {
		process_wait(senders[i]);
		process_end(others[i]);
	}
	settle(family, ear, 2 * PACKETS);
}

CASE("batches", BOTH)
{
	static struct verdict_list list;
	struct pair pair = pair_new();
	pid_t senders[2], others[2];
	int ear = listener(family);
	unsigned int turn = 0;
	struct peer peer;

	batch_own(&peer, family, IPQ_FEATURES_ALL, 0, 2000);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	others[0] = meddler(family);
	others[1] = rival(&peer, true);
	for (int i = 0; i < 2; i++)
		senders[i] = sender(udp_to_in(&pair.client, host_address(family), 7), i);
	for (;;) {
		struct nlmsghdr *header = &peer.in.header;
		ssize_t got = recv(peer.fd, peer.in.bytes, sizeof(peer.in.bytes), MSG_DONTWAIT);

		if (got > 0 && header->nlmsg_type == IPQM_PACKETS) {
			size_t count = ((struct ipq_packets *)NLMSG_DATA(header))->count;

			list_begin(&list);
			for (size_t i = 0; i < count; i++, turn++)
				list_add(&list, batch_packet(&peer, i)->id, turn % 5 ? NF_ACCEPT : NF_REPEAT,
					 turn, 0xff, NULL, 0);
			list_post(&peer, &list);
		} else if (got < 0 && errno == EAGAIN && process_ended(senders[0]) && process_ended(senders[1]) &&
			   !proc_length(family)) {
			break;
		}
	}
	for (int i = 0; i < 2; i++) {
		process_wait(senders[i]);
		process_end(others[i]);
	}
	check_eq(stats_get(family).undeliverable, 0);
	settle(family, ear, 2 * PACKETS);
}
