// SPDX-License-Identifier: GPL-2.0
/* The module and its namespaces come and go. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/netns/generic.h>

#include "ipqueue.h"

/* The classic layout, as programs were compiled to it. */
#if BITS_PER_LONG == 64
static_assert(offsetof(struct ipq_packet_msg, hook) == 32);
static_assert(offsetof(struct ipq_packet_msg, hw_protocol) == 68);
static_assert(offsetof(struct ipq_packet_msg, hw_addr) == 73);
static_assert(offsetof(struct ipq_packet_msg, data_len) == 88);
static_assert(sizeof(struct ipq_packet_msg) == 96);
static_assert(sizeof(struct ipq_peer_msg) == 24);
#endif
static_assert(sizeof(struct ipq_settings) == IPQ_SETTINGS_SIZE_V1);
static_assert(sizeof(struct ipq_stats) == IPQ_STATS_SIZE_V1);
static_assert(sizeof(struct ipq_packet) % 8 == 0);
static_assert(sizeof(struct ipq_tap_record) % 8 == 0);

struct workqueue_struct *ipq_workqueue;

static unsigned int ipq_net_id;

struct ipq_net {
	struct ipq_queue ipv4;
	struct ipq_queue ipv6;
};

/**
 * ipq_queue_of() - the queue of a family in a namespace
 * @net: the namespace
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6
 *
 * Return: the queue; NULL for another family, and for a namespace that has not
 * been set up: hooks of one that fails while it is made are removed, too.
 */
struct ipq_queue *ipq_queue_of(const struct net *net, u8 pf)
{
	struct ipq_net *in = net_generic(net, ipq_net_id);
	struct ipq_queue *q;

	if (!in || (pf != NFPROTO_IPV4 && pf != NFPROTO_IPV6))
		return NULL;
	q = pf == NFPROTO_IPV4 ? &in->ipv4 : &in->ipv6;
	return q->net ? q : NULL;
}

static int ipq_netlink_init(struct ipq_queue *q)
{
	struct netlink_kernel_cfg config = {
		.groups = IPQ_GROUP_TAP,
		.input = ipq_peer_input,
	};

	q->nl = netlink_kernel_create(q->net, q->pf == NFPROTO_IPV4 ?
				      NETLINK_FIREWALL : NETLINK_IP6_FW,
				      &config);
	return q->nl ? 0 : -ENOMEM;
}

static int ipq_family_init(struct ipq_queue *q, struct net *net, u8 pf)
{
	int err;

	ipq_queue_init(q, net, pf);
	err = ipq_netlink_init(q);
	if (err)
		goto err_queue;
	err = ipq_proc_init(q);
	if (err)
		goto err_netlink;
	return 0;

err_netlink:
	netlink_kernel_release(q->nl);
err_queue:
	ipq_queue_exit(q);
	return err;
}

static void ipq_family_exit(struct ipq_queue *q)
{
	ipq_proc_exit(q);
	ipq_queue_exit(q);
	netlink_kernel_release(q->nl);
}

static int __net_init ipq_net_init(struct net *net)
{
	struct ipq_net *in = net_generic(net, ipq_net_id);
	int err;

	err = ipq_family_init(&in->ipv4, net, NFPROTO_IPV4);
	if (err)
		return err;
	err = ipq_family_init(&in->ipv6, net, NFPROTO_IPV6);
	if (err)
		ipq_family_exit(&in->ipv4);
	return err;
}

static void __net_exit ipq_net_exit(struct net *net)
{
	struct ipq_net *in = net_generic(net, ipq_net_id);

	ipq_family_exit(&in->ipv6);
	ipq_family_exit(&in->ipv4);
}

static struct pernet_operations ipq_net_ops = {
	.init = ipq_net_init,
	.exit = ipq_net_exit,
	.id = &ipq_net_id,
	.size = sizeof(struct ipq_net),
};

/* The kernel holds one queue handler and does not say if there is one. Who owns
 * this subsystem is the one who may set it; with it comes nothing else.
 */
static const struct nfnetlink_subsystem ipq_claim = {
	.name = "ipqueue",
	.subsys_id = NFNL_SUBSYS_QUEUE,
	.owner = THIS_MODULE,
};

static int __init ipq_init(void)
{
	int err;

	err = ipq_selftest();
	if (err)
		return err;
	err = nfnetlink_subsys_register(&ipq_claim);
	if (err) {
		pr_err("another queue handler is loaded (nfnetlink_queue?); the kernel can have only one: unload it first\n");
		return err;
	}
	err = ipq_cache_init();
	if (err)
		goto err_claim;
	err = -ENOMEM;
	ipq_workqueue = alloc_workqueue("ipqueue", WQ_UNBOUND, 0);
	if (!ipq_workqueue)
		goto err_cache;
	err = register_pernet_subsys(&ipq_net_ops);
	if (err) {
		pr_err("cannot set up the namespaces' queues: %d\n", err);
		goto err_workqueue;
	}
	err = ipq_peer_init();
	if (err)
		goto err_pernet;
	err = ipq_sockopt_init();
	if (err) {
		pr_err("socket options %d to %d are taken: %d\n",
		       IPQ_SO_SETTINGS, IPQ_SO_STATS, err);
		goto err_peer;
	}
	err = ipq_hook_init();
	if (err)
		goto err_sockopt;
	return 0;

err_sockopt:
	ipq_sockopt_exit();
err_peer:
	ipq_peer_exit();
err_pernet:
	unregister_pernet_subsys(&ipq_net_ops);
err_workqueue:
	destroy_workqueue(ipq_workqueue);
err_cache:
	ipq_cache_exit();
err_claim:
	nfnetlink_subsys_unregister(&ipq_claim);
	return err;
}

static void __exit ipq_exit(void)
{
	ipq_hook_exit();
	ipq_sockopt_exit();
	ipq_peer_exit();
	unregister_pernet_subsys(&ipq_net_ops);
	destroy_workqueue(ipq_workqueue);
	ipq_cache_exit();
	nfnetlink_subsys_unregister(&ipq_claim);
}

module_init(ipq_init);
module_exit(ipq_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The qverdictd developers");
MODULE_DESCRIPTION("Packets queued to one user-space peer over netlink");
MODULE_VERSION("1.0");
