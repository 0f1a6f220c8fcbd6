// SPDX-License-Identifier: GPL-2.0
/* What time does to waiting packets. */
#include <linux/jiffies.h>
#include <linux/rcupdate.h>

#include "ipqueue.h"

/* Most packets to take out at one go with bottom halves off. */
#define IPQ_TICK_BUDGET	256

/* A peer without room may have read without answering; look again so often. */
#define IPQ_RETRY	msecs_to_jiffies(2)

static ktime_t ipq_expiry(const struct ipq_queue *q, const struct ipq_entry *e)
{
	return ktime_add_ms(e->arrived, q->set.deadline_ms);
}

/* When there is something to do next. False: never. */
static bool ipq_tick_next(struct ipq_queue *q, unsigned long *at)
{
	unsigned long next = jiffies + MAX_JIFFY_OFFSET;
	struct ipq_entry *e;
	bool any = false;
	s64 left;

	e = list_first_entry_or_null(&q->waiting, struct ipq_entry, order);
	if (e && q->set.deadline_ms) {
		left = ktime_to_ns(ktime_sub(ipq_expiry(q, e), ktime_get()));
		next = jiffies + nsecs_to_jiffies(max_t(s64, left, 0)) + 1;
		any = true;
	}
	if (q->lingering && time_before(q->linger_until, next)) {
		next = q->linger_until;
		any = true;
	}
	if (q->blocked && time_before(jiffies + IPQ_RETRY, next)) {
		next = jiffies + IPQ_RETRY;
		any = true;
	}
	*at = next;
	return any;
}

/**
 * ipq_tick_arm() - see that the tick comes in time
 * @q: the queue, with its lock held
 *
 * To be called when a packet became the first, the peer has no room, lingering
 * began or a setting changed. A tick that comes too early does no harm.
 */
void ipq_tick_arm(struct ipq_queue *q)
{
	unsigned long now = jiffies;
	unsigned long at;

	if (q->dead || !ipq_tick_next(q, &at))
		return;
	if (q->ticking && !time_before(at, q->tick_at))
		return;
	q->ticking = true;
	q->tick_at = at;
	mod_delayed_work(ipq_workqueue, &q->tick,
			 time_after(at, now) ? at - now : 0);
}

static void ipq_expire(struct ipq_queue *q, struct list_head *expired)
{
	unsigned int budget = IPQ_TICK_BUDGET;
	struct ipq_entry *e, *next;
	ktime_t now = ktime_get();

	list_for_each_entry_safe(e, next, &q->waiting, order) {
		if (!budget-- || ktime_before(now, ipq_expiry(q, e)))
			return;
		ipq_unlink(q, e);
		list_add_tail(&e->order, expired);
		q->stats.expired++;
	}
}

void ipq_tick(struct work_struct *work)
{
	struct ipq_queue *q = container_of(work, struct ipq_queue, tick.work);
	struct ipq_tap_batch tap = { .q = q };
	LIST_HEAD(undelivered);
	struct ipq_entry *e, *next;
	LIST_HEAD(expired);
	LIST_HEAD(left);
	u32 verdict;

	rcu_read_lock();
	spin_lock_bh(&q->lock);
	q->ticking = false;
	verdict = q->set.deadline_verdict;
	if (q->set.deadline_ms)
		ipq_expire(q, &expired);
	if (q->lingering && time_after_eq(jiffies, q->linger_until)) {
		q->lingering = false;
		q->open = false;
		ipq_collect(q, NULL, &left);
	}
	if (q->blocked)
		ipq_send(q, true, &undelivered);
	ipq_tick_arm(q);
	spin_unlock_bh(&q->lock);

	list_for_each_entry_safe(e, next, &expired, order)
		ipq_finish(&tap, e, verdict, IPQ_REASON_DEADLINE, 0);
	rcu_read_unlock();
	ipq_tap_send(&tap);
	ipq_drop_list(q, &undelivered, IPQ_REASON_UNDELIVERED);
	ipq_drop_list(q, &left, IPQ_REASON_PEER_GONE);
}
