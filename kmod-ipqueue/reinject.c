// SPDX-License-Identifier: GPL-2.0
/* A decided packet goes on. Since 6.10 the kernel leaves this to its queues. */
#include <linux/netdevice.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/netfilter/nf_conntrack.h>

#include "compat.h"
#include "ipqueue.h"

/* Does the packet have a connection that is not in conntrack's table yet? A
 * template is shared by design and never enters it.
 */
bool ipq_ct_unconfirmed(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
	const struct nf_conn *ct = (const void *)skb_nfct(skb);

	return ct && !nf_ct_is_confirmed(ct) && !nf_ct_is_template(ct);
#else
	return false;
#endif
}

/* Such a connection belongs to one packet: another that shares it could be
 * changing it on another CPU.
 */
bool ipq_ct_shared(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
	const struct nf_conn *ct = (const void *)skb_nfct(skb);

	return ipq_ct_unconfirmed(skb) &&
	       refcount_read(&ct->ct_general.use) > 1;
#else
	return false;
#endif
}

/* A port that left its bridge while the packet waited must not get it. */
static bool ipq_bridge_ports_valid(const struct nf_queue_entry *nf)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	return (!nf->physin || netif_is_bridge_port(nf->physin)) &&
	       (!nf->physout || netif_is_bridge_port(nf->physout));
#else
	return true;
#endif
}

/**
 * ipq_reinject_verdict() - what can be done of what was decided
 * @nf: the packet
 * @verdict: the decision
 * @flags: of the packet's ipq_entry
 * @reason: in, who decided; out, why the answer differs, if it does
 *
 * Conntrack may have seen another packet of the same connection meanwhile. For
 * all but NF_DROP the caller is under RCU, since before it took the packet out
 * of the queue and until it is reinjected: the functions the packet goes on to
 * and the bridge of its ports may be on their way out, and whoever takes them
 * away first empties the queue and then waits for a grace period.
 *
 * Return: @verdict; NF_DROP; or NF_STOLEN when conntrack kept the packet.
 */
u32 ipq_reinject_verdict(struct nf_queue_entry *nf, u32 verdict, u8 flags,
			 enum ipq_reason *reason)
{
	const struct nf_ct_hook *hook;
	u32 answer = NF_ACCEPT;

	if (verdict == NF_DROP)
		return NF_DROP;
	if (!ipq_bridge_ports_valid(nf)) {
		*reason = IPQ_REASON_DEVICE;
		return NF_DROP;
	}
	if (verdict != NF_QUEUE) {
		hook = rcu_dereference(nf_ct_hook);
		if (hook)
			answer = ipq_ct_update(hook, nf->state.net, nf->skb);
	}
	/* The first segment was to confirm the connection of them all. */
	if (answer == NF_ACCEPT && (flags & IPQ_LATER_SEGMENT) &&
	    ipq_ct_shared(nf->skb))
		answer = NF_DROP;
	if (answer == NF_ACCEPT)
		return verdict;
	*reason = IPQ_REASON_CONNTRACK;
	return answer == NF_STOLEN ? NF_STOLEN : NF_DROP;
}

static struct nf_hook_entries *ipq_hooks(const struct nf_hook_state *state)
{
	if (state->pf == NFPROTO_IPV4)
		return rcu_dereference(state->net->nf.hooks_ipv4[state->hook]);
	return rcu_dereference(state->net->nf.hooks_ipv6[state->hook]);
}

/* Call the hooks from *@i on until one does not accept; *@i is that one. */
static unsigned int ipq_walk(const struct nf_hook_entries *hooks,
			     unsigned int *i, struct nf_queue_entry *nf)
{
	unsigned int verdict;

	while (*i < hooks->num_hook_entries) {
		verdict = nf_hook_entry_hookfn(&hooks->hooks[*i], nf->skb,
					       &nf->state);
		if (verdict == NF_REPEAT)
			continue;
		if (verdict != NF_ACCEPT)
			return verdict;
		++*i;
	}
	return NF_ACCEPT;
}

/* The route was chosen before the packet was queued. Choose again if what it
 * was chosen by has changed.
 */
static int ipq_reroute(struct nf_queue_entry *nf)
{
	struct nf_hook_state *state = &nf->state;
	const void *key = nf_queue_entry_reroute(nf);
	struct sk_buff *skb = nf->skb;

	if (state->hook != NF_INET_LOCAL_OUT)
		return 0;
	if (state->pf == NFPROTO_IPV4) {
		const struct iphdr *iph = ip_hdr(skb);
		const struct ip_rt_info *was = key;

		if (iph->tos == was->tos && skb->mark == was->mark &&
		    iph->saddr == was->saddr && iph->daddr == was->daddr)
			return 0;
		return ip_route_me_harder(state->net, state->sk, skb,
					  RTN_UNSPEC);
	} else {
		const struct ipv6hdr *iph = ipv6_hdr(skb);
		const struct ip6_rt_info *was = key;

		if (skb->mark == was->mark &&
		    ipv6_addr_equal(&iph->saddr, &was->saddr) &&
		    ipv6_addr_equal(&iph->daddr, &was->daddr))
			return 0;
		return ip6_route_me_harder(state->net, state->sk, skb);
	}
}

/* The rest of the way. The packet is gone afterwards. */
static void ipq_continue(struct nf_queue_entry *nf, unsigned int verdict)
{
	const struct nf_hook_entries *hooks = ipq_hooks(&nf->state);
	unsigned int i = nf->hook_index;
	struct sk_buff *skb = nf->skb;

	if (!hooks || i >= hooks->num_hook_entries) {
		kfree_skb_reason(skb, SKB_DROP_REASON_NETFILTER_DROP);
		return;
	}
	if (verdict == NF_REPEAT)
		do {
			verdict = nf_hook_entry_hookfn(&hooks->hooks[i], skb,
						       &nf->state);
		} while (verdict == NF_REPEAT);
	if (verdict == NF_ACCEPT) {
		i++;
		verdict = ipq_reroute(nf) < 0 ? NF_DROP :
						ipq_walk(hooks, &i, nf);
	}
	/* 1: nobody takes it, and the rule says that it then passes. */
	while ((verdict & NF_VERDICT_MASK) == NF_QUEUE) {
		if (nf_queue(skb, &nf->state, i, verdict) != 1)
			return;
		i++;
		verdict = ipq_walk(hooks, &i, nf);
	}

	switch (verdict & NF_VERDICT_MASK) {
	case NF_ACCEPT:
	case NF_STOP:
		local_bh_disable();
		nf->state.okfn(nf->state.net, nf->state.sk, skb);
		local_bh_enable();
		break;
	case NF_STOLEN:
		break;
	default:
		kfree_skb_reason(skb, SKB_DROP_REASON_NETFILTER_DROP);
	}
}

/**
 * ipq_reinject() - end a packet's stay in the queue
 * @nf: the kernel's entry; it and the packet are gone afterwards
 * @verdict: from ipq_reinject_verdict(); NF_DROP touches no hook, as these may
 *	be gone
 */
void ipq_reinject(struct nf_queue_entry *nf, u32 verdict)
{
	if (verdict == NF_DROP)
		kfree_skb_reason(nf->skb, SKB_DROP_REASON_NETFILTER_DROP);
	else if (verdict != NF_STOLEN)
		ipq_continue(nf, verdict);
	nf_queue_entry_free(nf);
}
