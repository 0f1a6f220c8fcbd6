/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between kernel versions, and nothing else. */
#ifndef _IPQ_COMPAT_H
#define _IPQ_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/netfilter.h>
#include <linux/sysctl.h>
#include <linux/version.h>
#include <net/net_namespace.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "ipqueue needs Linux 6.1 or newer"
#endif

#if !IS_ENABLED(CONFIG_IPV6) || !IS_ENABLED(CONFIG_NETFILTER_NETLINK)
#error "ipqueue needs a kernel with IPv6 and nfnetlink"
#endif

/* 6.5 moved skb_gso_segment() out of netdevice.h. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#include <net/gso.h>
#else
#include <linux/netdevice.h>
#endif

/* nf_ct_hook->update() returned 0 or a negative errno until 6.7, where it came
 * to return a verdict.
 */
static inline unsigned int ipq_ct_update(const struct nf_ct_hook *hook,
					 struct net *net, struct sk_buff *skb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return hook->update(net, skb) & NF_VERDICT_MASK;
#else
	return hook->update(net, skb) < 0 ? NF_DROP : NF_ACCEPT;
#endif
}

/* 6.11 made the table const in the handler. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
typedef const struct ctl_table ipq_ctl_table;
#else
typedef struct ctl_table ipq_ctl_table;
#endif

/* Before 6.6 a table ended with an empty entry and had no size. */
static inline struct ctl_table_header *
ipq_register_sysctl(struct net *net, const char *path, struct ctl_table *table)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return register_net_sysctl_sz(net, path, table, 1);
#else
	return register_net_sysctl(net, path, table);
#endif
}

/* 6.13 brought hrtimer_setup(), 6.15 took hrtimer_init() away. */
static inline void
ipq_hrtimer_setup(struct hrtimer *timer,
		  enum hrtimer_restart (*function)(struct hrtimer *))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	timer->function = function;
#endif
}

#endif /* _IPQ_COMPAT_H */
