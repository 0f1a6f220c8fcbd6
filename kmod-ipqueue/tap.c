// SPDX-License-Identifier: GPL-2.0
/* What was decided is told to whoever listens. */
#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/netdevice.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netlink.h>

#include "ipqueue.h"

/* Records a datagram, when many packets are decided at once. */
#define IPQ_TAP_RECORDS	32

static bool ipq_tap_has_ports(u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return true;
	default:
		return false;
	}
}

/* Ports, or ICMP type and code: the first bytes of the transport header. */
static void ipq_tap_transport(struct ipq_tap_record *r,
			      const struct sk_buff *skb, int offset)
{
	__be16 buffer[2], *start;

	start = skb_header_pointer(skb, offset, sizeof(buffer), buffer);
	if (!start)
		return;
	if (ipq_tap_has_ports(r->protocol)) {
		r->flags |= IPQ_TAP_PORTS;
		r->sport = start[0];
		r->dport = start[1];
	} else if (r->protocol == (r->family == AF_INET ? IPPROTO_ICMP :
							  IPPROTO_ICMPV6)) {
		r->flags |= IPQ_TAP_ICMP;
		r->icmp_type = ((u8 *)start)[0];
		r->icmp_code = ((u8 *)start)[1];
	}
}

static void ipq_tap_ipv4(struct ipq_tap_record *r, const struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);

	r->family = AF_INET;
	r->protocol = iph->protocol;
	memcpy(r->saddr, &iph->saddr, sizeof(iph->saddr));
	memcpy(r->daddr, &iph->daddr, sizeof(iph->daddr));
	if (iph->frag_off & htons(IP_OFFSET))
		r->flags |= IPQ_TAP_FRAGMENT;
	else
		ipq_tap_transport(r, skb, iph->ihl * 4);
}

static void ipq_tap_ipv6(struct ipq_tap_record *r, const struct sk_buff *skb)
{
	const struct ipv6hdr *ip6h = ipv6_hdr(skb);
	__be16 fragment = 0;
	u8 next = ip6h->nexthdr;
	int offset;

	r->family = AF_INET6;
	memcpy(r->saddr, &ip6h->saddr, sizeof(ip6h->saddr));
	memcpy(r->daddr, &ip6h->daddr, sizeof(ip6h->daddr));
	offset = ipv6_skip_exthdr(skb, sizeof(*ip6h), &next, &fragment);
	r->protocol = next;
	if (fragment & htons(IP6_OFFSET))
		r->flags |= IPQ_TAP_FRAGMENT;
	else if (offset >= 0)
		ipq_tap_transport(r, skb, offset);
}

static void ipq_tap_begin(struct ipq_tap_batch *tap)
{
	struct nlmsghdr *nlh;

	tap->skb = nlmsg_new(sizeof(struct ipq_tap) +
			     IPQ_TAP_RECORDS * sizeof(struct ipq_tap_record),
			     GFP_ATOMIC | __GFP_NOWARN);
	if (!tap->skb)
		return;
	nlh = nlmsg_put(tap->skb, 0, 0, IPQM_TAP, sizeof(struct ipq_tap), 0);
	*(struct ipq_tap *)nlmsg_data(nlh) = (struct ipq_tap) {
		.record_size = sizeof(struct ipq_tap_record),
	};
}

static void ipq_tap_lost(struct ipq_queue *q)
{
	spin_lock_bh(&q->tap_lock);
	q->tap_seq++;
	q->stats.tap_lost++;
	spin_unlock_bh(&q->tap_lock);
}

/**
 * ipq_tap_add() - tell the tap of a decided packet
 * @tap: what is told at the same time
 * @nf: the packet as it goes on, not under the queue's lock
 * @e: its entry, or NULL if it never waited
 * @verdict: what it got
 * @reason: from whom
 * @flags: IPQ_TAP_REPLACED or 0
 */
void ipq_tap_add(struct ipq_tap_batch *tap, const struct nf_queue_entry *nf,
		 const struct ipq_entry *e, u32 verdict, enum ipq_reason reason,
		 u8 flags)
{
	const struct sk_buff *skb = nf->skb;
	struct ipq_tap_record *r;
	struct ipq_tap *head;

	if (!netlink_has_listeners(tap->q->nl, IPQ_GROUP_TAP))
		return;
	if (!tap->skb)
		ipq_tap_begin(tap);
	if (!tap->skb) {
		ipq_tap_lost(tap->q);
		return;
	}

	r = skb_put_zero(tap->skb, sizeof(*r));
	r->time_ns = ktime_get_real_ns();
	if (e) {
		r->id = e->id;
		r->wait_ns = ktime_to_ns(ktime_sub(ktime_get(), e->arrived));
	}
	r->length = skb->len;
	r->mark = skb->mark;
	r->indev = nf->state.in ? nf->state.in->ifindex : 0;
	r->outdev = nf->state.out ? nf->state.out->ifindex : 0;
	r->hook = nf->state.hook;
	r->verdict = verdict;
	r->reason = reason;
	r->flags = flags;
	if (tap->q->pf == NFPROTO_IPV4)
		ipq_tap_ipv4(r, skb);
	else
		ipq_tap_ipv6(r, skb);

	head = nlmsg_data(nlmsg_hdr(tap->skb));
	if (++head->count == IPQ_TAP_RECORDS)
		ipq_tap_send(tap);
}

/**
 * ipq_tap_send() - send what was added
 * @tap: empty afterwards
 *
 * Never waits: netlink drops what does not fit into a listener's buffer.
 */
void ipq_tap_send(struct ipq_tap_batch *tap)
{
	struct ipq_queue *q = tap->q;
	struct sk_buff *skb = tap->skb;
	struct ipq_tap *head;

	if (!skb)
		return;
	tap->skb = NULL;
	nlmsg_end(skb, nlmsg_hdr(skb));
	head = nlmsg_data(nlmsg_hdr(skb));

	spin_lock_bh(&q->tap_lock);
	head->seq = q->tap_seq;
	q->tap_seq += head->count;
	q->stats.tap_records += head->count;
	netlink_broadcast(q->nl, skb, 0, IPQ_GROUP_TAP, GFP_ATOMIC);
	spin_unlock_bh(&q->tap_lock);
}
