// SPDX-License-Identifier: GPL-2.0
/* Statistics and settings, by socket option. */
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/sockptr.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#include "ipqueue.h"

/* Where the queue's door is, for a socket with the right to open it. */
static struct ipq_queue *ipq_sockopt_queue(struct sock *sk, u8 pf)
{
	struct net *net = sock_net(sk);
	struct ipq_queue *q;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return ERR_PTR(-EPERM);
	q = ipq_queue_of(net, pf);
	return q ? q : ERR_PTR(-ENOPROTOOPT);
}

/**
 * ipq_settings_check() - check settings that somebody wants
 * @s: the settings
 *
 * Return: 0, or -EINVAL when a member that the mask selects is out of bounds.
 */
int ipq_settings_check(const struct ipq_settings *s)
{
	if (s->version != IPQ_VERSION || s->mask & ~IPQ_SET_ALL || s->reserved)
		return -EINVAL;
	if (s->mask & IPQ_SET_MAXLEN &&
	    (!s->maxlen || s->maxlen > IPQ_MAXLEN_MAX))
		return -EINVAL;
	if (s->mask & IPQ_SET_OVERFLOW && s->overflow_verdict > NF_ACCEPT)
		return -EINVAL;
	if (s->mask & IPQ_SET_DEADLINE &&
	    (s->deadline_ms > IPQ_MAX_TIME_MS ||
	     s->deadline_verdict > NF_ACCEPT))
		return -EINVAL;
	if (s->mask & IPQ_SET_LINGER && s->linger_ms > IPQ_MAX_TIME_MS)
		return -EINVAL;
	return 0;
}

/* Read what the caller has of the settings; it may know more than we do if it
 * does not use it.
 */
static int ipq_settings_read(struct ipq_settings *s, sockptr_t arg,
			     unsigned int len)
{
	unsigned int i;
	u8 byte;

	if (len < IPQ_SETTINGS_SIZE_V1 || len > PAGE_SIZE)
		return -EINVAL;
	memset(s, 0, sizeof(*s));
	if (copy_from_sockptr(s, arg, min_t(size_t, len, sizeof(*s))))
		return -EFAULT;
	for (i = sizeof(*s); i < len; i++) {
		if (copy_from_sockptr_offset(&byte, arg, i, 1))
			return -EFAULT;
		if (byte)
			return -EINVAL;
	}
	return ipq_settings_check(s);
}

static int ipq_settings_set(struct ipq_queue *q, sockptr_t arg,
			    unsigned int len)
{
	struct ipq_settings s;
	int err;

	err = ipq_settings_read(&s, arg, len);
	if (!err && s.mask & IPQ_SET_MAXLEN)
		err = ipq_set_maxlen(q, s.maxlen);
	if (err)
		return err;

	spin_lock_bh(&q->lock);
	if (s.mask & IPQ_SET_OVERFLOW)
		q->set.overflow_verdict = s.overflow_verdict;
	if (s.mask & IPQ_SET_DEADLINE) {
		q->set.deadline_ms = s.deadline_ms;
		q->set.deadline_verdict = s.deadline_verdict;
	}
	if (s.mask & IPQ_SET_LINGER)
		q->set.linger_ms = s.linger_ms;
	ipq_tick_arm(q);
	spin_unlock_bh(&q->lock);
	return 0;
}

static void ipq_stats_read(struct ipq_queue *q, struct ipq_stats *s)
{
	spin_lock_bh(&q->lock);
	spin_lock(&q->tap_lock);
	*s = q->stats;
	spin_unlock(&q->tap_lock);
	s->version = IPQ_VERSION;
	s->size = sizeof(*s);
	s->mode = q->mode;
	s->range = q->range;
	s->peer = q->peer.portid;
	s->features = q->peer.features;
	s->lingering = q->lingering;
	s->backlog = q->backlog;
	spin_unlock_bh(&q->lock);
}

static void ipq_stats_reset(struct ipq_queue *q)
{
	u32 length;

	spin_lock_bh(&q->lock);
	spin_lock(&q->tap_lock);
	length = q->stats.length;
	q->stats = (struct ipq_stats) {
		.length = length,
		.peak = length,
		.queued = length,
	};
	spin_unlock(&q->tap_lock);
	spin_unlock_bh(&q->lock);
}

static int ipq_sockopt_set(struct sock *sk, u8 pf, int option, sockptr_t arg,
			   unsigned int len)
{
	struct ipq_queue *q = ipq_sockopt_queue(sk, pf);

	if (IS_ERR(q))
		return PTR_ERR(q);
	if (option == IPQ_SO_SETTINGS)
		return ipq_settings_set(q, arg, len);
	if (len)
		return -EINVAL;
	ipq_stats_reset(q);
	return 0;
}

/* Give the caller what it knows of a structure of ours. */
static int ipq_give(void __user *user, int *len, const void *ours, int size,
		    int size_v1)
{
	u16 version;

	if (*len < size_v1)
		return -EINVAL;
	if (copy_from_user(&version, user, sizeof(version)))
		return -EFAULT;
	if (version != IPQ_VERSION)
		return -EINVAL;
	*len = min(*len, size);
	return copy_to_user(user, ours, *len) ? -EFAULT : 0;
}

static int ipq_sockopt_get(struct sock *sk, u8 pf, int option,
			   void __user *user, int *len)
{
	struct ipq_queue *q = ipq_sockopt_queue(sk, pf);
	struct ipq_settings settings;
	struct ipq_stats stats;

	if (IS_ERR(q))
		return PTR_ERR(q);
	if (option == IPQ_SO_STATS) {
		ipq_stats_read(q, &stats);
		return ipq_give(user, len, &stats, sizeof(stats),
				IPQ_STATS_SIZE_V1);
	}
	spin_lock_bh(&q->lock);
	settings = q->set;
	spin_unlock_bh(&q->lock);
	return ipq_give(user, len, &settings, sizeof(settings),
			IPQ_SETTINGS_SIZE_V1);
}

static int ipq_set_ipv4(struct sock *sk, int option, sockptr_t arg,
			unsigned int len)
{
	return ipq_sockopt_set(sk, NFPROTO_IPV4, option, arg, len);
}

static int ipq_set_ipv6(struct sock *sk, int option, sockptr_t arg,
			unsigned int len)
{
	return ipq_sockopt_set(sk, NFPROTO_IPV6, option, arg, len);
}

static int ipq_get_ipv4(struct sock *sk, int option, void __user *user,
			int *len)
{
	return ipq_sockopt_get(sk, NFPROTO_IPV4, option, user, len);
}

static int ipq_get_ipv6(struct sock *sk, int option, void __user *user,
			int *len)
{
	return ipq_sockopt_get(sk, NFPROTO_IPV6, option, user, len);
}

static struct nf_sockopt_ops ipq_sockopt_ipv4 = {
	.pf = PF_INET,
	.set_optmin = IPQ_SO_SETTINGS,
	.set_optmax = IPQ_SO_STATS + 1,
	.set = ipq_set_ipv4,
	.get_optmin = IPQ_SO_SETTINGS,
	.get_optmax = IPQ_SO_STATS + 1,
	.get = ipq_get_ipv4,
	.owner = THIS_MODULE,
};

static struct nf_sockopt_ops ipq_sockopt_ipv6 = {
	.pf = PF_INET6,
	.set_optmin = IPQ_SO_SETTINGS,
	.set_optmax = IPQ_SO_STATS + 1,
	.set = ipq_set_ipv6,
	.get_optmin = IPQ_SO_SETTINGS,
	.get_optmax = IPQ_SO_STATS + 1,
	.get = ipq_get_ipv6,
	.owner = THIS_MODULE,
};

int ipq_sockopt_init(void)
{
	int err = nf_register_sockopt(&ipq_sockopt_ipv4);

	if (err)
		return err;
	err = nf_register_sockopt(&ipq_sockopt_ipv6);
	if (err)
		nf_unregister_sockopt(&ipq_sockopt_ipv4);
	return err;
}

void ipq_sockopt_exit(void)
{
	nf_unregister_sockopt(&ipq_sockopt_ipv6);
	nf_unregister_sockopt(&ipq_sockopt_ipv4);
}
