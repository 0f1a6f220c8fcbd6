// SPDX-License-Identifier: GPL-2.0
/* /proc/net/ip_queue, ip6_queue and the two sysctls, as they always were. */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/sysctl.h>

#include "compat.h"
#include "ipqueue.h"

static int ipq_proc_show(struct seq_file *seq, u8 pf)
{
	struct ipq_queue *q = ipq_queue_of(seq_file_single_net(seq), pf);
	struct ipq_stats stats;
	u32 maxlen, peer, mode, range;

	if (!q)
		return -ENOENT;
	spin_lock_bh(&q->lock);
	stats = q->stats;
	maxlen = q->set.maxlen;
	peer = q->peer.portid;
	mode = q->mode;
	range = q->range;
	spin_unlock_bh(&q->lock);

	seq_printf(seq,
		   "Peer PID          : %d\n"
		   "Copy mode         : %u\n"
		   "Copy range        : %u\n"
		   "Queue length      : %u\n"
		   "Queue max. length : %u\n"
		   "Queue dropped     : %u\n"
		   "%s : %u\n",
		   peer, mode, range, stats.length, maxlen,
		   (u32)stats.overflow_dropped,
		   pf == NFPROTO_IPV4 ? "Netlink dropped  " : "Netfilter dropped",
		   (u32)stats.undeliverable);
	return 0;
}

static int ipq_proc_show_ipv4(struct seq_file *seq, void *unused)
{
	return ipq_proc_show(seq, NFPROTO_IPV4);
}

static int ipq_proc_show_ipv6(struct seq_file *seq, void *unused)
{
	return ipq_proc_show(seq, NFPROTO_IPV6);
}

/* The value lives in the settings, and the id table follows it. */
static int ipq_sysctl_maxlen(ipq_ctl_table *table, int write, void *buffer,
			     size_t *len, loff_t *pos)
{
	struct ipq_queue *q = table->data;
	unsigned int maxlen = READ_ONCE(q->set.maxlen);
	struct ctl_table shadow = {
		.data = &maxlen,
		.maxlen = sizeof(maxlen),
		.mode = table->mode,
	};
	int err = proc_douintvec(&shadow, write, buffer, len, pos);

	if (err || !write)
		return err;
	return ipq_set_maxlen(q, maxlen);
}

static struct proc_dir_entry *ipq_proc_create(struct ipq_queue *q)
{
	if (q->pf == NFPROTO_IPV4)
		return proc_create_net_single("ip_queue", 0444,
					      q->net->proc_net,
					      ipq_proc_show_ipv4, NULL);
	return proc_create_net_single("ip6_queue", 0444, q->net->proc_net,
				      ipq_proc_show_ipv6, NULL);
}

static void ipq_proc_remove(struct ipq_queue *q)
{
	remove_proc_entry(q->pf == NFPROTO_IPV4 ? "ip_queue" : "ip6_queue",
			  q->net->proc_net);
}

int ipq_proc_init(struct ipq_queue *q)
{
	bool ipv4 = q->pf == NFPROTO_IPV4;

	q->sysctl_table[0] = (struct ctl_table) {
		.procname = ipv4 ? "ip_queue_maxlen" : "ip6_queue_maxlen",
		.data = q,
		.maxlen = sizeof(unsigned int),
		.mode = 0644,
		.proc_handler = ipq_sysctl_maxlen,
	};
	if (!ipq_proc_create(q))
		return -ENOMEM;
	q->sysctl = ipq_register_sysctl(q->net, ipv4 ? "net/ipv4" : "net/ipv6",
					q->sysctl_table);
	if (q->sysctl)
		return 0;
	ipq_proc_remove(q);
	return -ENOMEM;
}

void ipq_proc_exit(struct ipq_queue *q)
{
	unregister_net_sysctl_table(q->sysctl);
	ipq_proc_remove(q);
}
