// SPDX-License-Identifier: GPL-2.0
/* When waiting packets are sent to the peer. */
#include <net/netlink.h>
#include <net/sock.h>

#include "ipqueue.h"

/* Most datagrams to send at one go with bottom halves off. */
#define IPQ_SEND_BUDGET	32

/* The form of the records changed. Under the lock. */
void ipq_recount(struct ipq_queue *q)
{
	struct ipq_entry *e = q->unsent;

	q->backlog_bytes = 0;
	if (!e)
		return;
	list_for_each_entry_from(e, &q->waiting, order)
		q->backlog_bytes += ipq_record_size(q, e);
}

/* Hold while the peer has work, there is room for more, and it is allowed. */
static bool ipq_hold(const struct ipq_queue *q)
{
	const struct ipq_peer *p = &q->peer;

	return (p->features & IPQ_FEATURE_PACKETS) && p->hold_us &&
	       q->stats.length > q->backlog &&
	       q->backlog < p->max_packets &&
	       q->backlog_bytes < min_t(size_t, p->max_bytes, IPQ_FILL);
}

static void ipq_hold_start(struct ipq_queue *q)
{
	if (q->holding || q->dead)
		return;
	q->holding = true;
	hrtimer_start(&q->hold, ns_to_ktime((u64)q->peer.hold_us * NSEC_PER_USEC),
		      HRTIMER_MODE_REL_SOFT);
}

/* The peer's buffer, as netlink itself will judge it; but when netlink finds it
 * full, the peer is told that packets were lost.
 */
static bool ipq_has_room(const struct sock *sk, unsigned int truesize)
{
	unsigned int used = atomic_read(&sk->sk_rmem_alloc);

	return !used || used + truesize <= READ_ONCE(sk->sk_rcvbuf);
}

static bool ipq_half_empty(const struct sock *sk)
{
	return atomic_read(&sk->sk_rmem_alloc) <= READ_ONCE(sk->sk_rcvbuf) / 2;
}

static void ipq_mark_sent(struct ipq_queue *q, unsigned int count)
{
	struct ipq_entry *e = q->unsent;

	while (count--) {
		q->backlog--;
		q->backlog_bytes -= ipq_record_size(q, e);
		e->flags |= IPQ_SENT;
		if (e->flags & IPQ_SENT_BEFORE)
			q->stats.resent++;
		q->unsent = list_is_last(&e->order, &q->waiting) ?
			    NULL : list_next_entry(e, order);
		e = q->unsent;
	}
}

static void ipq_give_up(struct ipq_queue *q, unsigned int count,
			struct list_head *undelivered)
{
	struct ipq_entry *e;

	while (count--) {
		e = q->unsent;
		ipq_unlink(q, e);
		list_add_tail(&e->order, undelivered);
		q->stats.undeliverable++;
	}
}

/* Send one datagram. -EAGAIN: the rest has to wait. */
static int ipq_send_one(struct ipq_queue *q, struct list_head *undelivered)
{
	bool patient = q->catching_up ||
		       (q->peer.features & IPQ_FEATURE_FLOW);
	struct ipq_plan plan;
	struct sk_buff *skb;
	int err = -ENOMEM;

	ipq_plan(q, &plan, undelivered);
	if (!plan.count)
		return 0;
	/* Before it is built at the least, and then by what it really takes. */
	if (patient && !ipq_has_room(q->peer.sk, SKB_TRUESIZE(plan.size)))
		return -EAGAIN;
	skb = ipq_build(q, &plan);
	if (skb && patient && !ipq_has_room(q->peer.sk, skb->truesize)) {
		kfree_skb(skb);
		return -EAGAIN;
	}
	if (skb)
		err = netlink_unicast(q->nl, skb, q->peer.portid, MSG_DONTWAIT);
	if (err >= 0) {
		ipq_mark_sent(q, plan.count);
		return 0;
	}
	if (patient)
		return -EAGAIN;
	ipq_give_up(q, plan.count, undelivered);
	return 0;
}

/**
 * ipq_send() - send what is to be sent now
 * @q: the queue, with its lock held
 * @release: do not hold packets back, and try again if the peer had no room
 * @undelivered: gets packets that could not be sent, already counted; the
 *	caller drops them when it has let go of the lock
 */
void ipq_send(struct ipq_queue *q, bool release, struct list_head *undelivered)
{
	unsigned int budget = IPQ_SEND_BUDGET;

	if (!q->peer.sk || q->mode == IPQ_COPY_NONE)
		return;
	if (release)
		q->blocked = false;
	while (q->unsent && !q->blocked) {
		if (!release && ipq_hold(q)) {
			ipq_hold_start(q);
			return;
		}
		if (!budget-- || ipq_send_one(q, undelivered) == -EAGAIN) {
			q->blocked = true;
			ipq_tick_arm(q);
			return;
		}
	}
	/* What was caught up with may have filled the buffer to the brim. */
	if (q->catching_up && !q->unsent && ipq_half_empty(q->peer.sk))
		q->catching_up = false;
}

enum hrtimer_restart ipq_hold_end(struct hrtimer *timer)
{
	struct ipq_queue *q = container_of(timer, struct ipq_queue, hold);
	LIST_HEAD(undelivered);

	spin_lock(&q->lock);
	q->holding = false;
	ipq_send(q, true, &undelivered);
	spin_unlock(&q->lock);
	ipq_drop_list(q, &undelivered, IPQ_REASON_UNDELIVERED);
	return HRTIMER_NORESTART;
}
