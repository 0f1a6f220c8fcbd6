// SPDX-License-Identifier: GPL-2.0
/* The peer decides packets. */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <net/netlink.h>

#include "ipqueue.h"

bool ipq_verdict_valid(u32 verdict)
{
	return verdict <= NF_MAX_VERDICT && verdict != NF_STOLEN;
}

static u64 *ipq_counter(struct ipq_stats *stats, u32 verdict)
{
	switch (verdict) {
	case NF_ACCEPT:
		return &stats->accepted;
	case NF_REPEAT:
		return &stats->repeated;
	case NF_STOP:
		return &stats->stopped;
	case NF_QUEUE:
		return &stats->requeued;
	default:
		return &stats->dropped;
	}
}

/* Take out a packet that the peer decided. Under the lock. */
static void ipq_decide(struct ipq_queue *q, struct ipq_entry *e, u32 verdict)
{
	ipq_unlink(q, e);
	(*ipq_counter(&q->stats, verdict))++;
}

/* Take out the packet of this id, if this sender had it. Under the lock, and
 * under RCU until it is applied.
 */
struct ipq_entry *ipq_decide_id(struct ipq_queue *q, const struct sock *sk,
				u64 id, u32 verdict)
{
	struct ipq_entry *e = NULL;

	if (q->peer.sk == sk)
		e = ipq_table_find(&q->table, id);
	if (!e || !(e->flags & IPQ_SENT))
		return NULL;
	ipq_decide(q, e, verdict);
	return e;
}

/* What was counted under one verdict gets another end. */
static void ipq_count_refused(struct ipq_queue *q, u32 verdict)
{
	spin_lock_bh(&q->lock);
	(*ipq_counter(&q->stats, verdict))--;
	q->stats.dropped++;
	q->stats.refused++;
	spin_unlock_bh(&q->lock);
}

static void ipq_count_replaced(struct ipq_queue *q)
{
	spin_lock_bh(&q->lock);
	q->stats.replaced++;
	spin_unlock_bh(&q->lock);
}

/* Apply a decision to a packet that was taken out. */
void ipq_apply(struct ipq_tap_batch *tap, struct ipq_entry *e,
	       const struct ipq_decision *d)
{
	enum ipq_reason reason = IPQ_REASON_PEER;
	struct sk_buff *skb = e->nf->skb;
	u32 verdict = d->verdict;
	u8 tap_flags = 0;

	if (d->data_len && verdict != NF_DROP) {
		if (ipq_replace(e->nf, d->data, d->data_len)) {
			ipq_count_refused(tap->q, verdict);
			verdict = NF_DROP;
			reason = IPQ_REASON_REFUSED;
		} else {
			ipq_count_replaced(tap->q);
			tap_flags = IPQ_TAP_REPLACED;
		}
	}
	skb->mark = (skb->mark & ~d->mask) | (d->mark & d->mask);
	ipq_finish(tap, e, verdict, reason, tap_flags);
}

/* Verdicts likely made room at the peer. If this misses a packet that is held
 * just now, the timer sees to it.
 */
void ipq_send_more(struct ipq_queue *q)
{
	LIST_HEAD(undelivered);

	if (!READ_ONCE(q->backlog))
		return;
	spin_lock_bh(&q->lock);
	ipq_send(q, true, &undelivered);
	spin_unlock_bh(&q->lock);
	ipq_drop_list(q, &undelivered, IPQ_REASON_UNDELIVERED);
}

/**
 * ipq_verdict_classic() - IPQM_VERDICT
 * @q: the queue
 * @sk: the sender's socket
 * @msg: the verdict
 * @present: bytes of payload that are really there
 *
 * Return: 0; -EINVAL for no verdict; -ENOENT for no packet.
 */
int ipq_verdict_classic(struct ipq_queue *q, const struct sock *sk,
			const struct ipq_verdict_msg *msg, size_t present)
{
	struct ipq_decision d = { .verdict = msg->value };
	struct ipq_tap_batch tap = { .q = q };
	struct ipq_entry *e;

	if (!ipq_verdict_valid(msg->value))
		return -EINVAL;
	if (msg->data_len == present && present >= ipq_header_size(q->pf)) {
		d.data = msg->payload;
		d.data_len = present;
	}

	rcu_read_lock();
	spin_lock_bh(&q->lock);
	e = ipq_decide_id(q, sk, msg->id, d.verdict);
	spin_unlock_bh(&q->lock);
	if (e)
		ipq_apply(&tap, e, &d);
	rcu_read_unlock();
	if (!e)
		return -ENOENT;
	ipq_tap_send(&tap);
	ipq_send_more(q);
	return 0;
}

/**
 * ipq_range_check() - check the body of an IPQM_RANGE
 * @body: the body
 * @len: its length in bytes
 *
 * Return: 0 or -EINVAL.
 */
int ipq_range_check(const void *body, size_t len)
{
	const struct ipq_range *range = body;

	if (len != sizeof(*range) || range->last < range->first ||
	    range->reserved || !ipq_verdict_valid(range->verdict))
		return -EINVAL;
	return 0;
}

/* The first waiting packet of an id from @from on. Ids seldom have gaps: try the
 * table before the list is walked.
 */
static struct ipq_entry *ipq_range_start(struct ipq_queue *q, u64 from,
					 u64 last)
{
	struct ipq_entry *e;
	unsigned int i;

	for (i = 0; i < IPQ_RUN && i <= last - from; i++) {
		e = ipq_table_find(&q->table, from + i);
		if (e)
			return e;
	}
	list_for_each_entry(e, &q->waiting, order)
		if (e->id >= from)
			return e;
	return NULL;
}

/* Take out, in order, the next IPQ_RUN packets of a range that the sender had.
 * Returns how many, and the id to go on from.
 */
static unsigned int ipq_decide_range(struct ipq_queue *q, const struct sock *sk,
				     const struct ipq_range *range, u64 *from,
				     struct list_head *decided)
{
	struct ipq_entry *e, *next;
	unsigned int count = 0;

	if (q->peer.sk != sk)
		return 0;
	e = ipq_range_start(q, *from, range->last);
	if (!e)
		return 0;
	list_for_each_entry_safe_from(e, next, &q->waiting, order) {
		if (e->id > range->last || !(e->flags & IPQ_SENT) ||
		    count == IPQ_RUN)
			break;
		*from = e->id + 1;
		ipq_decide(q, e, range->verdict);
		list_add_tail(&e->order, decided);
		count++;
	}
	return count;
}

static unsigned int ipq_run_range(struct ipq_queue *q, const struct sock *sk,
				  const struct ipq_range *range, u64 *from)
{
	const struct ipq_decision d = {
		.verdict = range->verdict,
		.mark = range->mark,
		.mask = range->mask,
	};
	struct ipq_tap_batch tap = { .q = q };
	struct ipq_entry *e, *next;
	LIST_HEAD(decided);
	unsigned int count;

	rcu_read_lock();
	local_bh_disable();
	spin_lock(&q->lock);
	count = ipq_decide_range(q, sk, range, from, &decided);
	spin_unlock(&q->lock);
	list_for_each_entry_safe(e, next, &decided, order)
		ipq_apply(&tap, e, &d);
	ipq_tap_send(&tap);
	local_bh_enable();
	rcu_read_unlock();
	return count;
}

/**
 * ipq_verdict_range() - IPQM_RANGE
 * @q: the queue
 * @skb: the datagram
 * @nlh: the message in it
 *
 * Return: 0; -EINVAL when it is malformed; -ENOENT when no packet waits.
 */
int ipq_verdict_range(struct ipq_queue *q, struct sk_buff *skb,
		      const struct nlmsghdr *nlh)
{
	const struct ipq_range *range = nlmsg_data(nlh);
	const struct sock *sk = NETLINK_CB(skb).sk;
	bool any = false;
	u64 from;

	if (ipq_range_check(range, nlmsg_len(nlh)))
		return -EINVAL;
	from = range->first;
	while (from <= range->last && ipq_run_range(q, sk, range, &from)) {
		any = true;
		cond_resched();
	}
	if (!any)
		return -ENOENT;
	ipq_send_more(q);
	return 0;
}
