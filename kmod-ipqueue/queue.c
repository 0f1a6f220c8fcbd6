// SPDX-License-Identifier: GPL-2.0
/* Packets wait here for their verdict. */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/netdevice.h>
#include <linux/netfilter_ipv6.h>
#include <linux/slab.h>
#include <net/inet_sock.h>
#include <net/sock.h>

#include "compat.h"
#include "ipqueue.h"

static struct kmem_cache *ipq_cache;

/* What a queued packet takes beyond its skb. An IPv6 one takes most, as the
 * kernel's entry has its addresses behind it; kmalloc rounds that to 192.
 */
static_assert(sizeof(struct nf_queue_entry) + sizeof(struct ip6_rt_info) <= 192);
static_assert(192 + sizeof(struct ipq_entry) < 256);

int ipq_cache_init(void)
{
	ipq_cache = KMEM_CACHE(ipq_entry, 0);
	return ipq_cache ? 0 : -ENOMEM;
}

void ipq_cache_exit(void)
{
	kmem_cache_destroy(ipq_cache);
}

void ipq_queue_init(struct ipq_queue *q, struct net *net, u8 pf)
{
	spin_lock_init(&q->lock);
	spin_lock_init(&q->tap_lock);
	mutex_init(&q->mutex);
	INIT_LIST_HEAD(&q->waiting);
	INIT_DELAYED_WORK(&q->tick, ipq_tick);
	ipq_hrtimer_setup(&q->hold, ipq_hold_end);
	q->net = net;
	q->pf = pf;
	q->set = (struct ipq_settings) {
		.version = IPQ_VERSION,
		.size = sizeof(q->set),
		.mask = IPQ_SET_ALL,
		.maxlen = IPQ_MAXLEN_DEFAULT,
		.overflow_verdict = NF_DROP,
		.deadline_verdict = NF_DROP,
	};
}

/* Nobody can reach the queue any more but its own timers and the handler. */
void ipq_queue_exit(struct ipq_queue *q)
{
	spin_lock_bh(&q->lock);
	q->dead = true;
	q->open = false;
	spin_unlock_bh(&q->lock);
	cancel_delayed_work_sync(&q->tick);
	hrtimer_cancel(&q->hold);
	ipq_flush(q, NULL, IPQ_REASON_PEER_GONE);
	ipq_table_free(&q->table);
}

/* Not under the queue's lock: sk_callback_lock is taken around transmission. */
static void ipq_find_owner(const struct ipq_queue *q, struct ipq_entry *e)
{
	struct sock *sk = skb_to_full_sk(e->nf->skb);
	const struct cred *cred;

	if (!sk || !sk_fullsock(sk))
		return;
	read_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_socket && sk->sk_socket->file) {
		cred = sk->sk_socket->file->f_cred;
		e->uid = from_kuid_munged(q->net->user_ns, cred->fsuid);
		e->gid = from_kgid_munged(q->net->user_ns, cred->fsgid);
		e->flags |= IPQ_OWNED;
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

static struct ipq_entry *ipq_entry_new(const struct ipq_queue *q,
				       struct nf_queue_entry *nf, u8 flags)
{
	struct ipq_entry *e = kmem_cache_alloc(ipq_cache, GFP_ATOMIC);

	if (!e)
		return NULL;
	e->nf = nf;
	e->flags = flags;
	e->uid = 0;
	e->gid = 0;
	e->arrived = ktime_get();
	if (READ_ONCE(q->peer.features) & IPQ_FEATURE_OWNER)
		ipq_find_owner(q, e);
	return e;
}

/* The queue is full. Returns 0 if the packet went on, else an error. */
static int ipq_overflow(struct ipq_queue *q, struct nf_queue_entry *nf,
			u8 flags, u32 verdict)
{
	enum ipq_reason reason = IPQ_REASON_OVERFLOW;
	struct ipq_tap_batch tap = { .q = q };

	if (verdict != NF_DROP)
		verdict = ipq_reinject_verdict(nf, verdict, flags, &reason);
	if (verdict != NF_STOLEN)
		ipq_tap_add(&tap, nf, NULL, verdict, reason, 0);
	ipq_tap_send(&tap);
	if (verdict == NF_DROP)
		return -ENOSPC;
	ipq_reinject(nf, verdict);
	return 0;
}

static void ipq_link(struct ipq_queue *q, struct ipq_entry *e)
{
	e->id = ++q->last_id;
	ipq_table_add(&q->table, e);
	list_add_tail(&e->order, &q->waiting);
	if (!q->unsent)
		q->unsent = e;
	q->backlog++;
	q->backlog_bytes += ipq_record_size(q, e);
	q->stats.queued++;
	q->stats.length++;
	if (q->stats.length > q->stats.peak)
		q->stats.peak = q->stats.length;
}

/**
 * ipq_take() - take a packet into the queue and send it when it is time
 * @q: the queue
 * @nf: the kernel's entry for it
 * @flags: IPQ_LATER_SEGMENT or 0
 *
 * Return: 0 when the packet and @nf are the queue's now, also if they were gone
 * again at once; a negative errno when they are still the caller's, with -ESRCH
 * for a queue that nobody answers.
 */
int ipq_take(struct ipq_queue *q, struct nf_queue_entry *nf, u8 flags)
{
	struct ipq_entry *e = ipq_entry_new(q, nf, flags);
	LIST_HEAD(undelivered);
	u32 verdict;

	if (!e)
		return -ENOMEM;

	spin_lock_bh(&q->lock);
	if (!q->open) {
		spin_unlock_bh(&q->lock);
		kmem_cache_free(ipq_cache, e);
		return -ESRCH;
	}
	if (q->stats.length >= q->set.maxlen) {
		verdict = q->set.overflow_verdict;
		if (verdict == NF_DROP)
			q->stats.overflow_dropped++;
		else
			q->stats.overflow_accepted++;
		spin_unlock_bh(&q->lock);
		kmem_cache_free(ipq_cache, e);
		return ipq_overflow(q, nf, flags, verdict);
	}
	ipq_link(q, e);
	ipq_send(q, false, &undelivered);
	if (q->stats.length == 1)
		ipq_tick_arm(q);
	spin_unlock_bh(&q->lock);

	ipq_drop_list(q, &undelivered, IPQ_REASON_UNDELIVERED);
	return 0;
}

/* Take an entry out; it is the caller's from here on. Under the lock. */
void ipq_unlink(struct ipq_queue *q, struct ipq_entry *e)
{
	ipq_table_del(&q->table, e);
	if (q->unsent == e)
		q->unsent = list_is_last(&e->order, &q->waiting) ?
			    NULL : list_next_entry(e, order);
	if (!(e->flags & IPQ_SENT)) {
		q->backlog--;
		q->backlog_bytes -= ipq_record_size(q, e);
	}
	list_del(&e->order);
	q->stats.length--;
}

/* Let a packet that was taken out go its way. Not under the lock; but under RCU
 * unless it is dropped, see ipq_reinject_verdict().
 */
void ipq_finish(struct ipq_tap_batch *tap, struct ipq_entry *e, u32 verdict,
		enum ipq_reason reason, u8 tap_flags)
{
	struct nf_queue_entry *nf = e->nf;

	verdict = ipq_reinject_verdict(nf, verdict, e->flags, &reason);
	if (verdict != NF_STOLEN)
		ipq_tap_add(tap, nf, e, verdict, reason, tap_flags);
	kmem_cache_free(ipq_cache, e);
	ipq_reinject(nf, verdict);
}

void ipq_drop_list(struct ipq_queue *q, struct list_head *victims,
		   enum ipq_reason reason)
{
	struct ipq_tap_batch tap = { .q = q };
	struct ipq_entry *e, *next;

	list_for_each_entry_safe(e, next, victims, order)
		ipq_finish(&tap, e, NF_DROP, reason, 0);
	ipq_tap_send(&tap);
}

/* Pointers are compared, not followed: on some kernels nothing keeps the
 * packet's own device.
 */
static bool ipq_uses_device(const struct ipq_entry *e,
			    const struct net_device *dev)
{
	const struct nf_queue_entry *nf = e->nf;

#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	if (nf->physin == dev || nf->physout == dev)
		return true;
#endif
	return nf->state.in == dev || nf->state.out == dev ||
	       nf->skb->dev == dev;
}

/* Take out what waits: all, or what came in or goes out by a device. Under the
 * lock; the caller drops it when it has let go of that.
 */
void ipq_collect(struct ipq_queue *q, const struct net_device *dev,
		 struct list_head *victims)
{
	struct ipq_entry *e, *next;

	list_for_each_entry_safe(e, next, &q->waiting, order) {
		if (dev && !ipq_uses_device(e, dev))
			continue;
		ipq_unlink(q, e);
		list_add_tail(&e->order, victims);
		q->stats.flushed++;
	}
}

void ipq_flush(struct ipq_queue *q, const struct net_device *dev,
	       enum ipq_reason reason)
{
	LIST_HEAD(victims);

	spin_lock_bh(&q->lock);
	ipq_collect(q, dev, &victims);
	spin_unlock_bh(&q->lock);
	ipq_drop_list(q, &victims, reason);
}

/* All that waits is to be sent again, to another peer. Under the lock. */
void ipq_rewind(struct ipq_queue *q)
{
	struct ipq_entry *e;

	list_for_each_entry(e, &q->waiting, order) {
		if (e->flags & IPQ_SENT)
			e->flags |= IPQ_SENT_BEFORE;
		e->flags &= ~IPQ_SENT;
	}
	q->unsent = list_first_entry_or_null(&q->waiting, struct ipq_entry,
					     order);
	q->backlog = q->stats.length;
	ipq_recount(q);
}

/**
 * ipq_set_maxlen() - set how many packets may wait
 * @q: the queue
 * @maxlen: packets; packets beyond it that wait already stay
 *
 * Return: 0, or -EINVAL outside 1..IPQ_MAXLEN_MAX.
 */
int ipq_set_maxlen(struct ipq_queue *q, u32 maxlen)
{
	int err = 0;

	if (!maxlen || maxlen > IPQ_MAXLEN_MAX)
		return -EINVAL;

	mutex_lock(&q->mutex);
	if (q->table.slot)
		err = ipq_table_fit(q, maxlen);
	if (!err) {
		spin_lock_bh(&q->lock);
		q->set.maxlen = maxlen;
		spin_unlock_bh(&q->lock);
	}
	mutex_unlock(&q->mutex);
	return err;
}
