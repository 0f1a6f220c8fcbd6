// SPDX-License-Identifier: GPL-2.0
/* The one who answers: who it is, and the messages it sends. */
#include <linux/capability.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "ipqueue.h"

/* A flag that never is set on what a program sends (MSG_TRUNC of old). */
#define IPQ_NLM_F_TRUNC	0x20

/* Make the sender the owner, unless another is. */
static int ipq_claim(struct ipq_queue *q, struct sock *sk, u32 portid)
{
	int err = 0;

	/* Its own message keeps the sender's socket alive: if the pointer is
	 * equal, it is the owner's.
	 */
	if (READ_ONCE(q->peer.sk) == sk)
		return 0;

	mutex_lock(&q->mutex);
	if (q->peer.sk && q->peer.sk != sk)
		err = -EBUSY;
	else if (!q->peer.sk)
		err = ipq_table_fit(q, q->set.maxlen);
	if (!err && !q->peer.sk) {
		sock_hold(sk);
		spin_lock_bh(&q->lock);
		q->peer.portid = portid;
		WRITE_ONCE(q->peer.sk, sk);
		spin_unlock_bh(&q->lock);
	}
	mutex_unlock(&q->mutex);
	return err;
}

/* The peer is gone. With the mutex held. */
static void ipq_release(struct ipq_queue *q)
{
	struct sock *sk = q->peer.sk;
	LIST_HEAD(victims);

	spin_lock_bh(&q->lock);
	if (q->set.linger_ms && q->mode != IPQ_COPY_NONE) {
		q->lingering = true;
		q->linger_until = jiffies + msecs_to_jiffies(q->set.linger_ms);
	}
	WRITE_ONCE(q->peer.sk, NULL);
	memset(&q->peer, 0, sizeof(q->peer));
	q->mode = IPQ_COPY_NONE;
	q->range = 0;
	q->open = q->lingering;
	q->blocked = false;
	q->catching_up = false;
	if (q->lingering)
		ipq_rewind(q);
	else
		ipq_collect(q, NULL, &victims);
	ipq_tick_arm(q);
	spin_unlock_bh(&q->lock);

	sock_put(sk);
	ipq_drop_list(q, &victims, IPQ_REASON_PEER_GONE);
}

static int ipq_set_mode(struct ipq_queue *q, const struct ipq_mode_msg *msg)
{
	LIST_HEAD(undelivered);

	if (msg->value > IPQ_COPY_MAX)
		return -EINVAL;

	mutex_lock(&q->mutex);
	spin_lock_bh(&q->lock);
	q->mode = msg->value;
	q->range = 0;
	if (q->mode == IPQ_COPY_PACKET)
		q->range = min_t(size_t, msg->range, 0xFFFF);
	if (q->mode != IPQ_COPY_NONE) {
		q->catching_up = q->backlog > 0;
		q->lingering = false;
	}
	q->open = q->mode != IPQ_COPY_NONE || q->lingering;
	ipq_recount(q);
	ipq_send(q, true, &undelivered);
	spin_unlock_bh(&q->lock);
	mutex_unlock(&q->mutex);

	ipq_drop_list(q, &undelivered, IPQ_REASON_UNDELIVERED);
	return 0;
}

/* The classic messages. Any body is long enough that holds the union. */
static int ipq_classic(struct ipq_queue *q, struct sock *sk,
		       const struct nlmsghdr *nlh)
{
	const struct ipq_peer_msg *msg = nlmsg_data(nlh);
	size_t len = nlmsg_len(nlh);

	if (len < sizeof(*msg))
		return -EINVAL;
	switch (nlh->nlmsg_type) {
	case IPQM_MODE:
		return ipq_set_mode(q, &msg->msg.mode);
	case IPQM_VERDICT:
		return ipq_verdict_classic(q, sk, &msg->msg.verdict,
					   len - sizeof(*msg));
	default:
		return -EINVAL;
	}
}

/* Is this type one that this sender may use? */
static bool ipq_type_known(const struct ipq_queue *q, const struct sock *sk,
			   const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case IPQM_HELLO:
		return !ipq_hello_check(nlmsg_data(nlh), nlmsg_len(nlh));
	case IPQM_VERDICTS:
	case IPQM_RANGE:
		return READ_ONCE(q->peer.sk) == sk &&
		       (READ_ONCE(q->peer.features) & IPQ_FEATURE_VERDICTS);
	default:
		return nlh->nlmsg_type && nlh->nlmsg_type < IPQM_MAX;
	}
}

static int ipq_extension(struct ipq_queue *q, struct sk_buff *skb,
			 const struct nlmsghdr *nlh)
{
	int err;

	switch (nlh->nlmsg_type) {
	case IPQM_HELLO:
		mutex_lock(&q->mutex);
		err = ipq_hello(q, skb, nlh);
		mutex_unlock(&q->mutex);
		return err;
	case IPQM_VERDICTS:
		return ipq_verdict_list(q, skb, nlh);
	default:
		return ipq_verdict_range(q, skb, nlh);
	}
}

/* The checks that come before the body, in the order of the classic table. 1
 * stands for "say nothing".
 */
static int ipq_admit(struct ipq_queue *q, struct sk_buff *skb,
		     const struct nlmsghdr *nlh)
{
	struct sock *sk = NETLINK_CB(skb).sk;

	if ((int)nlh->nlmsg_pid <= 0 || !(nlh->nlmsg_flags & NLM_F_REQUEST) ||
	    nlh->nlmsg_flags & NLM_F_MULTI)
		return -EINVAL;
	if (nlh->nlmsg_flags & IPQ_NLM_F_TRUNC)
		return -ECOMM;
	if (!ipq_type_known(q, sk, nlh))
		return -EINVAL;
	if (nlh->nlmsg_type <= IPQM_BASE)
		return 1;
	if (!netlink_net_capable(skb, CAP_NET_ADMIN))
		return -EPERM;
	return ipq_claim(q, sk, NETLINK_CB(skb).portid);
}

/**
 * ipq_peer_input() - a datagram came in on a queue's kernel socket
 * @skb: the datagram; its first message counts, as it always did
 *
 * Runs in the sender's own context, which may sleep.
 */
void ipq_peer_input(struct sk_buff *skb)
{
	struct nlmsghdr *nlh = nlmsg_hdr(skb);
	struct ipq_queue *q;
	int err;

	if (skb->len < NLMSG_HDRLEN || nlh->nlmsg_len < NLMSG_HDRLEN ||
	    skb->len < nlh->nlmsg_len)
		return;
	q = ipq_queue_of(sock_net(skb->sk),
			 skb->sk->sk_protocol == NETLINK_FIREWALL ?
			 NFPROTO_IPV4 : NFPROTO_IPV6);
	if (!q)
		return;

	err = ipq_admit(q, skb, nlh);
	if (err > 0)
		return;
	if (!err && nlh->nlmsg_type < IPQM_MAX)
		err = ipq_classic(q, NETLINK_CB(skb).sk, nlh);
	else if (!err)
		err = ipq_extension(q, skb, nlh);
	if (err || nlh->nlmsg_flags & NLM_F_ACK)
		netlink_ack(skb, nlh, err, NULL);
}

static int ipq_peer_event(struct notifier_block *block, unsigned long event,
			  void *data)
{
	const struct netlink_notify *n = data;
	struct ipq_queue *q;

	if (event != NETLINK_URELEASE || (n->protocol != NETLINK_FIREWALL &&
					  n->protocol != NETLINK_IP6_FW))
		return NOTIFY_DONE;
	q = ipq_queue_of(n->net, n->protocol == NETLINK_FIREWALL ?
			 NFPROTO_IPV4 : NFPROTO_IPV6);
	if (!q)
		return NOTIFY_DONE;

	/* Another socket may have taken the port id by now. */
	mutex_lock(&q->mutex);
	if (q->peer.sk && q->peer.portid == n->portid &&
	    sock_flag(q->peer.sk, SOCK_DEAD))
		ipq_release(q);
	mutex_unlock(&q->mutex);
	return NOTIFY_DONE;
}

static struct notifier_block ipq_peer_notifier = {
	.notifier_call = ipq_peer_event,
};

int ipq_peer_init(void)
{
	return netlink_register_notifier(&ipq_peer_notifier);
}

void ipq_peer_exit(void)
{
	netlink_unregister_notifier(&ipq_peer_notifier);
}
