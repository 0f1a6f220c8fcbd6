// SPDX-License-Identifier: GPL-2.0
/* The peer decides packets. */
#include <linux/sched.h>
#include <net/netlink.h>

#include "ipqueue.h"

/* Packets decided at one go with bottom halves off. What they set off in
 * softirq then runs once for all of them.
 */
#define IPQ_RUN		64

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

/* The packet of this id, if this sender had it. Under the lock. */
static struct ipq_entry *ipq_decide_id(struct ipq_queue *q,
				       const struct sock *sk, u64 id,
				       u32 verdict)
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
static void ipq_apply(struct ipq_tap_batch *tap, struct ipq_entry *e,
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
static void ipq_send_more(struct ipq_queue *q)
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

	spin_lock_bh(&q->lock);
	e = ipq_decide_id(q, sk, msg->id, d.verdict);
	spin_unlock_bh(&q->lock);
	if (!e)
		return -ENOENT;
	ipq_apply(&tap, e, &d);
	ipq_tap_send(&tap);
	ipq_send_more(q);
	return 0;
}

/* The item behind this one. */
static const struct ipq_verdict *ipq_verdict_next(const struct ipq_verdict *v)
{
	return (const void *)(v + 1) + ALIGN(v->data_len, 8);
}

/**
 * ipq_verdicts_check() - check the body of an IPQM_VERDICTS
 * @pf: family of the queue
 * @body: the body
 * @len: its length in bytes, which the items must fill exactly
 *
 * Return: 0 or -EINVAL.
 */
int ipq_verdicts_check(u8 pf, const void *body, size_t len)
{
	const struct ipq_verdicts *head = body;
	const struct ipq_verdict *v;
	size_t left, size;
	u32 i;

	if (len < sizeof(*head) || head->reserved || !head->count ||
	    head->count > IPQ_MAX_VERDICTS)
		return -EINVAL;

	v = (const void *)(head + 1);
	left = len - sizeof(*head);
	for (i = 0; i < head->count; i++) {
		if (left < sizeof(*v) || v->data_len > left ||
		    !ipq_verdict_valid(v->verdict) ||
		    (v->data_len && v->data_len < ipq_header_size(pf)))
			return -EINVAL;
		size = sizeof(*v) + ALIGN(v->data_len, 8);
		if (size > left)
			return -EINVAL;
		left -= size;
		v = ipq_verdict_next(v);
	}
	return left ? -EINVAL : 0;
}

/* Ids that do not wait, gathered while a list is applied. */
struct ipq_missed {
	struct sk_buff *skb;
	struct ipq_missing *msg;
	u32 room;
	u32 count;
};

/* The first one. Without memory for all the ids their number has to do. */
static void ipq_miss_begin(struct ipq_missed *missed,
			   const struct nlmsghdr *request, u32 portid,
			   u32 at_most)
{
	struct nlmsghdr *nlh;

	missed->room = at_most;
	missed->skb = nlmsg_new(struct_size(missed->msg, id, at_most),
				GFP_KERNEL);
	if (!missed->skb) {
		missed->room = 0;
		missed->skb = nlmsg_new(sizeof(*missed->msg), GFP_KERNEL);
	}
	if (!missed->skb)
		return;
	nlh = nlmsg_put(missed->skb, portid, request->nlmsg_seq, IPQM_MISSING,
			sizeof(*missed->msg), 0);
	missed->msg = nlmsg_data(nlh);
	missed->msg->listed = 0;
}

static void ipq_miss(struct ipq_missed *missed, u64 id)
{
	missed->count++;
	if (!missed->room)
		return;
	missed->room--;
	missed->msg->listed++;
	skb_put_data(missed->skb, &id, sizeof(id));
}

static int ipq_missed_send(struct ipq_queue *q, struct ipq_missed *missed,
			   u32 portid)
{
	struct sk_buff *skb = missed->skb;
	struct nlmsghdr *nlh;

	if (!missed->count)
		return 0;
	if (skb) {
		nlh = nlmsg_hdr(skb);
		missed->msg->count = missed->count;
		nlmsg_end(skb, nlh);
		netlink_unicast(q->nl, skb, portid, MSG_DONTWAIT);
	}
	return -ENOENT;
}

struct ipq_run {
	struct ipq_entry *e[IPQ_RUN];
	const struct ipq_verdict *v[IPQ_RUN];
	unsigned int count;
};

static void ipq_run_apply(struct ipq_queue *q, const struct ipq_run *run)
{
	struct ipq_tap_batch tap = { .q = q };
	struct ipq_decision d;
	unsigned int i;

	local_bh_disable();
	for (i = 0; i < run->count; i++) {
		if (!run->e[i])
			continue;
		d = (struct ipq_decision) {
			.verdict = run->v[i]->verdict,
			.mark = run->v[i]->mark,
			.mask = run->v[i]->mask,
			.data_len = run->v[i]->data_len,
			.data = run->v[i] + 1,
		};
		ipq_apply(&tap, run->e[i], &d);
	}
	ipq_tap_send(&tap);
	local_bh_enable();
}

/**
 * ipq_verdict_list() - IPQM_VERDICTS
 * @q: the queue
 * @skb: the datagram
 * @nlh: the message in it
 *
 * Return: 0; -EINVAL when the list is malformed, and nothing was decided;
 * -ENOENT when some packets do not wait.
 */
int ipq_verdict_list(struct ipq_queue *q, struct sk_buff *skb,
		     const struct nlmsghdr *nlh)
{
	const struct ipq_verdicts *head = nlmsg_data(nlh);
	const struct sock *sk = NETLINK_CB(skb).sk;
	u32 portid = NETLINK_CB(skb).portid;
	struct ipq_missed missed = {};
	const struct ipq_verdict *v;
	struct ipq_run run;
	unsigned int i;
	u32 left;

	if (ipq_verdicts_check(q->pf, head, nlmsg_len(nlh)))
		return -EINVAL;

	v = (const void *)(head + 1);
	for (left = head->count; left; left -= run.count) {
		run.count = min_t(u32, left, IPQ_RUN);
		spin_lock_bh(&q->lock);
		for (i = 0; i < run.count; i++, v = ipq_verdict_next(v)) {
			run.v[i] = v;
			run.e[i] = ipq_decide_id(q, sk, v->id, v->verdict);
		}
		spin_unlock_bh(&q->lock);
		ipq_run_apply(q, &run);
		for (i = 0; i < run.count; i++) {
			if (run.e[i])
				continue;
			if (!missed.count)
				ipq_miss_begin(&missed, nlh, portid, left - i);
			ipq_miss(&missed, run.v[i]->id);
		}
		cond_resched();
	}
	ipq_send_more(q);
	return ipq_missed_send(q, &missed, portid);
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

/* Take out, in order, what the sender had of a range of ids. */
static void ipq_decide_range(struct ipq_queue *q, const struct sock *sk,
			     const struct ipq_range *range,
			     struct list_head *decided)
{
	struct ipq_entry *e, *next;

	spin_lock_bh(&q->lock);
	list_for_each_entry_safe(e, next, &q->waiting, order) {
		if (q->peer.sk != sk || e->id > range->last ||
		    !(e->flags & IPQ_SENT))
			break;
		if (e->id < range->first)
			continue;
		ipq_decide(q, e, range->verdict);
		list_add_tail(&e->order, decided);
	}
	spin_unlock_bh(&q->lock);
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
	struct ipq_tap_batch tap = { .q = q };
	struct ipq_entry *e, *next;
	unsigned int run = 0;
	struct ipq_decision d;
	LIST_HEAD(decided);

	if (ipq_range_check(range, nlmsg_len(nlh)))
		return -EINVAL;
	ipq_decide_range(q, NETLINK_CB(skb).sk, range, &decided);
	if (list_empty(&decided))
		return -ENOENT;

	d = (struct ipq_decision) {
		.verdict = range->verdict,
		.mark = range->mark,
		.mask = range->mask,
	};
	local_bh_disable();
	list_for_each_entry_safe(e, next, &decided, order) {
		ipq_apply(&tap, e, &d);
		if (++run % IPQ_RUN)
			continue;
		local_bh_enable();
		cond_resched();
		local_bh_disable();
	}
	ipq_tap_send(&tap);
	local_bh_enable();
	ipq_send_more(q);
	return 0;
}
