// SPDX-License-Identifier: GPL-2.0
/* The peer decides packets by a list. */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <net/netlink.h>

#include "ipqueue.h"

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

/* Take out and apply the items from @v on. Returns the item behind the last. */
static const struct ipq_verdict *ipq_run_list(struct ipq_queue *q,
					      const struct sock *sk,
					      const struct ipq_verdict *v,
					      struct ipq_run *run)
{
	struct ipq_tap_batch tap = { .q = q };
	struct ipq_decision d;
	unsigned int i;

	rcu_read_lock();
	local_bh_disable();
	spin_lock(&q->lock);
	for (i = 0; i < run->count; i++, v = ipq_verdict_next(v)) {
		run->v[i] = v;
		run->e[i] = ipq_decide_id(q, sk, v->id, v->verdict);
	}
	spin_unlock(&q->lock);
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
	rcu_read_unlock();
	return v;
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
		v = ipq_run_list(q, sk, v, &run);
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
