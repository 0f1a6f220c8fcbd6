// SPDX-License-Identifier: GPL-2.0
/* Where the kernel hands packets over. */
#include <linux/netdevice.h>
#include <linux/netfilter_bridge.h>
#include <linux/rcupdate.h>

#include "compat.h"
#include "ipqueue.h"

/* Segmenting a bridged packet needs its link layer header in front, so that
 * each segment gets a copy of it.
 */
static void ipq_show_link_header(struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	if (nf_bridge_info_get(skb))
		__skb_push(skb, skb->network_header - skb->mac_header);
#endif
}

static void ipq_hide_link_header(struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	if (nf_bridge_info_get(skb))
		__skb_pull(skb, skb->network_header - skb->mac_header);
#endif
}

static struct nf_queue_entry *ipq_copy_entry(const struct nf_queue_entry *nf,
					     struct sk_buff *skb)
{
	struct nf_queue_entry *copy = kmemdup(nf, nf->size, GFP_ATOMIC);

	if (!copy)
		return NULL;
	copy->skb = skb;
	if (nf_queue_entry_get_refs(copy))
		return copy;
	kfree(copy);
	return NULL;
}

/* Nobody but the queue may see the segment afterwards. */
static int ipq_take_segment(struct ipq_queue *q,
			    const struct nf_queue_entry *nf,
			    struct sk_buff *segment, u8 flags)
{
	struct nf_queue_entry *copy = ipq_copy_entry(nf, segment);
	int err = -ENOMEM;

	if (copy) {
		err = ipq_take(q, copy, flags);
		if (err)
			nf_queue_entry_free(copy);
	}
	if (err)
		kfree_skb(segment);
	return err;
}

static int ipq_take_segments(struct ipq_queue *q, struct nf_queue_entry *nf)
{
	bool unconfirmed = ipq_ct_unconfirmed(nf->skb);
	struct sk_buff *segments, *segment, *next;
	bool taken = false;
	u8 flags = 0;

	ipq_show_link_header(nf->skb);
	segments = skb_gso_segment(nf->skb, 0);
	if (IS_ERR_OR_NULL(segments)) {
		ipq_hide_link_header(nf->skb);
		return -EINVAL;
	}

	skb_list_walk_safe(segments, segment, next) {
		skb_mark_not_on_list(segment);
		ipq_hide_link_header(segment);
		if (ipq_take_segment(q, nf, segment, flags))
			continue;
		taken = true;
		if (unconfirmed)
			flags = IPQ_LATER_SEGMENT;
	}

	/* A packet of which nothing was taken is dropped by the caller. */
	if (!taken) {
		ipq_hide_link_header(nf->skb);
		return -ENOBUFS;
	}
	consume_skb(nf->skb);
	nf_queue_entry_free(nf);
	return 0;
}

/* Runs under RCU, in softirq or in the sender's context. */
static int ipq_handle(struct nf_queue_entry *nf, unsigned int queue_number)
{
	struct ipq_queue *q = ipq_queue_of(nf->state.net, nf->state.pf);
	struct sk_buff *skb = nf->skb;

	/* Not ours, or nobody answers: dropped, or passed by a rule with
	 * bypass.
	 */
	if (!q || queue_number || !READ_ONCE(q->open))
		return -ESRCH;

	/* Local packets have none yet. */
	skb->protocol = q->pf == NFPROTO_IPV4 ? htons(ETH_P_IP) :
						htons(ETH_P_IPV6);
	if (ipq_ct_shared(skb)) {
		spin_lock_bh(&q->lock);
		q->stats.conntrack_dropped++;
		spin_unlock_bh(&q->lock);
		return -EINVAL;
	}
	return skb_is_gso(skb) ? ipq_take_segments(q, nf) :
				 ipq_take(q, nf, 0);
}

static void ipq_flush_net(struct net *net, const struct net_device *dev,
			  enum ipq_reason reason)
{
	static const u8 families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	struct ipq_queue *q;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		q = ipq_queue_of(net, families[i]);
		if (q)
			ipq_flush(q, dev, reason);
	}
}

/* A hook was removed: what waits remembers places in lists that changed. */
static void ipq_hook_drop(struct net *net)
{
	ipq_flush_net(net, NULL, IPQ_REASON_HOOK);
}

static const struct nf_queue_handler ipq_handler = {
	.outfn = ipq_handle,
	.nf_hook_drop = ipq_hook_drop,
};

/* Unregistering comes again while references are left: it catches packets that
 * were queued beside the device going down.
 */
static int ipq_device_event(struct notifier_block *block, unsigned long event,
			    void *data)
{
	struct net_device *dev = netdev_notifier_info_to_dev(data);

	if (event == NETDEV_DOWN || event == NETDEV_UNREGISTER)
		ipq_flush_net(dev_net(dev), dev, IPQ_REASON_DEVICE);
	return NOTIFY_DONE;
}

static struct notifier_block ipq_device_notifier = {
	.notifier_call = ipq_device_event,
};

int ipq_hook_init(void)
{
	int err = register_netdevice_notifier(&ipq_device_notifier);

	if (!err)
		nf_register_queue_handler(&ipq_handler);
	return err;
}

void ipq_hook_exit(void)
{
	nf_unregister_queue_handler();
	synchronize_rcu();
	unregister_netdevice_notifier(&ipq_device_notifier);
}
