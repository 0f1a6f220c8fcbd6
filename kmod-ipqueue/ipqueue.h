/* SPDX-License-Identifier: GPL-2.0 */
/* The module's inside: its nouns, and the packet's way through its files. */
#ifndef _IPQUEUE_H
#define _IPQUEUE_H

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/sysctl.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/netfilter/nf_queue.h>
#include <linux/netfilter/ipqueue.h>

/* ipq_entry.flags */
#define IPQ_SENT		0x1	/* the present peer has it */
#define IPQ_SENT_BEFORE		0x2	/* a former peer had it */
#define IPQ_OWNED		0x4	/* uid and gid are known */
#define IPQ_LATER_SEGMENT	0x8	/* shares an unconfirmed connection with
					 * the first segment of its GSO packet
					 */

/**
 * struct ipq_entry - a packet that waits, or is being decided
 * @next: next in its slot of the id table
 * @order: place among the waiting, oldest first
 * @id: its name; ascending in @order
 * @flags: IPQ_SENT and the others above
 * @arrived: when it was queued, ktime_get()
 * @nf: the kernel's entry, with the packet and the references that keep its
 *	devices and socket; owned by this one
 * @uid: user of its local socket, in the queue's user namespace
 * @gid: likewise its group
 */
struct ipq_entry {
	struct ipq_entry *next;
	struct list_head order;
	u64 id : 56;
	u64 flags : 8;
	ktime_t arrived;
	struct nf_queue_entry *nf;
	u32 uid;
	u32 gid;
};

/**
 * struct ipq_table - finds an entry by id
 * @slot: chains of entries; NULL until the first peer comes
 * @mask: number of slots - 1, a power of two
 */
struct ipq_table {
	struct ipq_entry **slot;
	u32 mask;
};

/**
 * struct ipq_peer - who answers, and what was agreed
 * @sk: its socket, with a reference; NULL without a peer. Identity is the
 *	socket, as a port id may be taken again while the old socket closes
 * @portid: the socket's port id
 * @features: IPQ_FEATURE_* given
 * @max_bytes: largest datagram
 * @max_packets: most packets in one
 * @hold_us: how long packets may be held for a fuller datagram
 */
struct ipq_peer {
	struct sock *sk;
	u32 portid;
	u32 features;
	u32 max_bytes;
	u32 max_packets;
	u32 hold_us;
};

/**
 * struct ipq_queue - the queue of one family in one network namespace
 * @lock: guards all below it but @mutex, @sysctl, @sysctl_table and what does
 *	not change
 * @net: its namespace
 * @nl: its kernel socket
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6
 * @dead: the namespace is going: take nothing, arm nothing
 * @open: takes packets: a copy mode is set, or it lingers
 * @lingering: keeps packets for the next peer until @linger_until
 * @catching_up: sends what the last peer left; waits for buffer space as
 *	with IPQ_FEATURE_FLOW until it is through and the peer has read most
 * @blocked: the peer had no room; @tick or a verdict tries again
 * @holding: @hold is started
 * @ticking: @tick is armed for @tick_at
 * @peer: who answers
 * @mode: copy mode
 * @range: copy range, 0 for all
 * @waiting: the packets, oldest first
 * @unsent: first of them that was not sent; all behind it were not either
 * @backlog: how many were not sent
 * @backlog_bytes: the size of their records in a datagram
 * @last_id: the id given last
 * @table: the packets by id
 * @set: settings in force
 * @stats: counters; the members that are no counters are filled when read
 * @linger_until: jiffies
 * @tick_at: jiffies
 * @tick: deadline, end of linger, another try for a peer without room
 * @hold: end of holding
 * @tap_lock: guards @tap_seq, and the order of what is sent to the tap
 * @tap_seq: number of the next record
 * @mutex: changes of the peer and of the size of @table, one at a time
 * @sysctl: the registration
 * @sysctl_table: the one entry, and an empty one behind
 */
struct ipq_queue {
	spinlock_t lock;	/* see above */
	struct net *net;
	struct sock *nl;
	u8 pf;

	bool dead;
	bool open;
	bool lingering;
	bool catching_up;
	bool blocked;
	bool holding;
	bool ticking;

	struct ipq_peer peer;
	u32 mode;
	u32 range;

	struct list_head waiting;
	struct ipq_entry *unsent;
	u32 backlog;
	size_t backlog_bytes;
	u64 last_id;
	struct ipq_table table;

	struct ipq_settings set;
	struct ipq_stats stats;

	unsigned long linger_until;
	unsigned long tick_at;
	struct delayed_work tick;
	struct hrtimer hold;

	spinlock_t tap_lock;	/* see above */
	u64 tap_seq;

	struct mutex mutex;	/* see above */
	struct ctl_table_header *sysctl;
	struct ctl_table sysctl_table[2];
};

/* What a peer says of a packet. */
struct ipq_decision {
	u32 verdict;
	u32 mark;
	u32 mask;
	u32 data_len;
	const void *data;
};

/* Records on their way to the tap. */
struct ipq_tap_batch {
	struct ipq_queue *q;
	struct sk_buff *skb;
};

/* main.c: the queues of a namespace */
struct ipq_queue *ipq_queue_of(const struct net *net, u8 pf);
extern struct workqueue_struct *ipq_workqueue;

/* hook.c: the kernel hands packets over, and takes devices and hooks away */
int ipq_hook_init(void);
void ipq_hook_exit(void);

/* queue.c: packets wait */
int ipq_cache_init(void);
void ipq_cache_exit(void);
void ipq_queue_init(struct ipq_queue *q, struct net *net, u8 pf);
void ipq_queue_exit(struct ipq_queue *q);
int ipq_take(struct ipq_queue *q, struct nf_queue_entry *nf, u8 flags);
void ipq_unlink(struct ipq_queue *q, struct ipq_entry *e);
void ipq_finish(struct ipq_tap_batch *tap, struct ipq_entry *e, u32 verdict,
		enum ipq_reason reason, u8 tap_flags);
void ipq_drop_list(struct ipq_queue *q, struct list_head *victims,
		   enum ipq_reason reason);
void ipq_collect(struct ipq_queue *q, const struct net_device *dev,
		 struct list_head *victims);
void ipq_flush(struct ipq_queue *q, const struct net_device *dev,
	       enum ipq_reason reason);
void ipq_rewind(struct ipq_queue *q);
int ipq_set_maxlen(struct ipq_queue *q, u32 maxlen);

/* tick.c: what time does to them */
void ipq_tick(struct work_struct *work);
void ipq_tick_arm(struct ipq_queue *q);

/* ids.c: they are found by id */
int ipq_table_fit(struct ipq_queue *q, u32 maxlen);
void ipq_table_free(struct ipq_table *table);
void ipq_table_add(struct ipq_table *table, struct ipq_entry *e);
void ipq_table_del(struct ipq_table *table, struct ipq_entry *e);
struct ipq_entry *ipq_table_find(const struct ipq_table *table, u64 id);

/* send.c: when they are sent; message.c: in which form */
void ipq_send(struct ipq_queue *q, bool release, struct list_head *undelivered);
void ipq_recount(struct ipq_queue *q);
enum hrtimer_restart ipq_hold_end(struct hrtimer *timer);

/* A datagram is filled up to here: with the skb's own data it then takes a
 * block of 32 KiB. Only a single packet may need more.
 */
#define IPQ_FILL	SKB_WITH_OVERHEAD(32768)

/* The next datagram: so many packets from the first unsent one on, and the size
 * of the whole message.
 */
struct ipq_plan {
	unsigned int count;
	size_t size;
};

size_t ipq_record_size(const struct ipq_queue *q, const struct ipq_entry *e);
void ipq_plan(struct ipq_queue *q, struct ipq_plan *plan,
	      struct list_head *undelivered);
struct sk_buff *ipq_build(struct ipq_queue *q, const struct ipq_plan *plan);

/* peer.c: the peer's messages come in, hello.c: what it may ask for */
int ipq_peer_init(void);
void ipq_peer_exit(void);
void ipq_peer_input(struct sk_buff *skb);
int ipq_hello_check(const void *body, size_t len);
int ipq_hello(struct ipq_queue *q, struct sk_buff *skb,
	      const struct nlmsghdr *nlh);

/* Packets decided at one go with bottom halves off. What they set off in
 * softirq then runs once for all of them.
 */
#define IPQ_RUN		64

/* verdict.c: packets are decided, one by one or a range; list.c: by a list */
bool ipq_verdict_valid(u32 verdict);
struct ipq_entry *ipq_decide_id(struct ipq_queue *q, const struct sock *sk,
				u64 id, u32 verdict);
void ipq_apply(struct ipq_tap_batch *tap, struct ipq_entry *e,
	       const struct ipq_decision *d);
void ipq_send_more(struct ipq_queue *q);
int ipq_verdict_classic(struct ipq_queue *q, const struct sock *sk,
			const struct ipq_verdict_msg *msg, size_t present);
int ipq_range_check(const void *body, size_t len);
int ipq_verdict_range(struct ipq_queue *q, struct sk_buff *skb,
		      const struct nlmsghdr *nlh);
int ipq_verdicts_check(u8 pf, const void *body, size_t len);
int ipq_verdict_list(struct ipq_queue *q, struct sk_buff *skb,
		     const struct nlmsghdr *nlh);

/* replace.c: a new payload */
size_t ipq_header_size(u8 pf);
int ipq_payload_check(u8 pf, const void *data, size_t len);
int ipq_replace(struct nf_queue_entry *nf, const void *data, size_t len);

/* tap.c: the decision is told */
void ipq_tap_add(struct ipq_tap_batch *tap, const struct nf_queue_entry *nf,
		 const struct ipq_entry *e, u32 verdict, enum ipq_reason reason,
		 u8 flags);
void ipq_tap_send(struct ipq_tap_batch *tap);

/* reinject.c: and the packet goes on */
bool ipq_ct_shared(const struct sk_buff *skb);
bool ipq_ct_unconfirmed(const struct sk_buff *skb);
u32 ipq_reinject_verdict(struct nf_queue_entry *nf, u32 verdict, u8 flags,
			 enum ipq_reason *reason);
void ipq_reinject(struct nf_queue_entry *nf, u32 verdict);

/* sockopt.c, proc.c: what is seen and set from outside */
int ipq_sockopt_init(void);
void ipq_sockopt_exit(void);
int ipq_settings_check(const struct ipq_settings *s);
int ipq_proc_init(struct ipq_queue *q);
void ipq_proc_exit(struct ipq_queue *q);

/* selftest.c */
#ifdef IPQ_DEBUG
int ipq_selftest(void);
#else
static inline int ipq_selftest(void)
{
	return 0;
}
#endif

#endif /* _IPQUEUE_H */
