// SPDX-License-Identifier: GPL-2.0
/* The peer gives a packet another payload. */
#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/sctp.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "ipqueue.h"

#define IPQ_MAX_PAYLOAD	65535

/* What the stack has read of a packet's header, and what must be in it. */
struct ipq_shape {
	u8 protocol;
	bool fragment;
	unsigned int transport;		/* offset in bytes */
};

/**
 * ipq_header_size() - the shortest IP header
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6
 *
 * Return: bytes.
 */
size_t ipq_header_size(u8 pf)
{
	return pf == NFPROTO_IPV4 ? sizeof(struct iphdr) :
				    sizeof(struct ipv6hdr);
}

static int ipq_check_ipv4(const struct iphdr *iph, size_t len)
{
	if (iph->version != 4 || iph->ihl < 5 || iph->ihl * 4 > len ||
	    ntohs(iph->tot_len) != len)
		return -EINVAL;
	return 0;
}

static int ipq_check_ipv6(const struct ipv6hdr *ip6h, size_t len)
{
	if (ip6h->version != 6 ||
	    ntohs(ip6h->payload_len) != len - sizeof(*ip6h))
		return -EINVAL;
	return 0;
}

/**
 * ipq_payload_check() - is this a packet, as far as its IP header says?
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6
 * @data: the bytes
 * @len: how many
 *
 * Version, header length and total length have to be right. The checksums are
 * the peer's own business: a receiver checks them.
 *
 * Return: 0 or -EINVAL.
 */
int ipq_payload_check(u8 pf, const void *data, size_t len)
{
	if (len < ipq_header_size(pf) || len > IPQ_MAX_PAYLOAD)
		return -EINVAL;
	return pf == NFPROTO_IPV4 ? ipq_check_ipv4(data, len) :
				    ipq_check_ipv6(data, len);
}

/* Bytes that the transport header takes at the least; 0 if that is not known. */
static unsigned int ipq_transport_size(u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return sizeof(struct tcphdr);
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return sizeof(struct udphdr);
	case IPPROTO_SCTP:
		return sizeof(struct sctphdr);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return sizeof(struct icmphdr);
	default:
		return 0;
	}
}

/* A shorter packet must still hold its transport header. */
static int ipq_check_cut(const struct ipq_shape *shape, const u8 *data,
			 size_t len)
{
	unsigned int need = ipq_transport_size(shape->protocol);
	size_t left = len - shape->transport;

	if (shape->fragment)
		return 0;
	if (left < need)
		return -EINVAL;
	if (shape->protocol == IPPROTO_TCP) {
		need = (data[shape->transport + 12] >> 4) * 4;
		if (need < sizeof(struct tcphdr) || left < need)
			return -EINVAL;
	}
	return 0;
}

/* The stack has parsed the old header's options and keeps offsets into them:
 * they stay as they are. Options that it has not seen may be put in.
 */
static int ipq_shape_ipv4(const struct sk_buff *skb, const struct iphdr *new,
			  struct ipq_shape *shape)
{
	const struct iphdr *old = ip_hdr(skb);

	if (old->ihl > 5 &&
	    (new->ihl != old->ihl ||
	     memcmp(new + 1, old + 1, old->ihl * 4 - sizeof(*old))))
		return -EINVAL;
	shape->protocol = new->protocol;
	shape->fragment = ip_is_fragment(new);
	shape->transport = new->ihl * 4;
	return 0;
}

/* Likewise the extension headers that it has walked through. */
static int ipq_shape_ipv6(const struct sk_buff *skb, const u8 *data, size_t len,
			  struct ipq_shape *shape)
{
	const struct ipv6hdr *new = (const void *)data;
	int parsed = skb_transport_header_was_set(skb) ?
		     skb_transport_offset(skb) : 0;
	unsigned int at = sizeof(*new);
	u8 next = new->nexthdr;

	if (parsed > (int)at &&
	    (parsed > len || parsed > skb_headlen(skb) ||
	     next != ipv6_hdr(skb)->nexthdr ||
	     memcmp(data + at, skb->data + at, parsed - at)))
		return -EINVAL;

	shape->fragment = false;
	while (next == NEXTHDR_HOP || next == NEXTHDR_ROUTING ||
	       next == NEXTHDR_DEST) {
		if (len - at < 8)
			return -EINVAL;
		next = data[at];
		at += ipv6_optlen((const struct ipv6_opt_hdr *)(data + at));
		if (at > len)
			return -EINVAL;
	}
	shape->fragment = next == NEXTHDR_FRAGMENT;
	shape->protocol = next;
	shape->transport = at;
	return 0;
}

/* Is the new packet of the same flow, as far as sockets tell flows apart? */
static bool ipq_same_flow(const struct sk_buff *skb, u8 pf, const u8 *data,
			  size_t len, const struct ipq_shape *shape)
{
	__be32 buffer, *ports;

	if (pf == NFPROTO_IPV4) {
		const struct iphdr *old = ip_hdr(skb), *new = (const void *)data;

		if (old->protocol != new->protocol ||
		    old->saddr != new->saddr || old->daddr != new->daddr)
			return false;
	} else {
		const struct ipv6hdr *old = ipv6_hdr(skb);
		const struct ipv6hdr *new = (const void *)data;

		if (old->nexthdr != new->nexthdr ||
		    !ipv6_addr_equal(&old->saddr, &new->saddr) ||
		    !ipv6_addr_equal(&old->daddr, &new->daddr))
			return false;
	}
	ports = skb_header_pointer(skb, skb_transport_offset(skb),
				   sizeof(buffer), &buffer);
	return ports && len >= shape->transport + sizeof(*ports) &&
	       !memcmp(ports, data + shape->transport, sizeof(*ports));
}

/* Make the packet len bytes of linear, private data. */
static int ipq_resize(struct sk_buff *skb, size_t len)
{
	int more = len - skb->len;
	int err;

	if (more < 0) {
		err = pskb_trim(skb, len);
	} else {
		err = skb_linearize(skb);
		if (!err && more > skb_tailroom(skb))
			err = pskb_expand_head(skb, 0,
					       more - skb_tailroom(skb),
					       GFP_ATOMIC);
	}
	if (!err)
		err = skb_ensure_writable(skb, min_t(size_t, len, skb->len));
	if (!err && more > 0)
		skb_put(skb, more);
	return err;
}

/**
 * ipq_replace() - give a packet another payload
 * @nf: the packet, which nobody else sees
 * @data: the new packet from its IP header on
 * @len: its length in bytes
 *
 * Return: 0; -EINVAL when the payload is refused; -ENOMEM. After an error the
 * packet is only good to be dropped.
 */
int ipq_replace(struct nf_queue_entry *nf, const void *data, size_t len)
{
	struct sk_buff *skb = nf->skb;
	u8 pf = nf->state.pf;
	struct ipq_shape shape;
	int err;

	err = ipq_payload_check(pf, data, len);
	if (!err)
		err = pf == NFPROTO_IPV4 ?
		      ipq_shape_ipv4(skb, data, &shape) :
		      ipq_shape_ipv6(skb, data, len, &shape);
	if (!err && len < skb->len)
		err = ipq_check_cut(&shape, data, len);
	if (err)
		return err;

	/* A socket that was found for the old packet is not the new one's; one
	 * of another protocol would be taken for what it is not.
	 */
	if (nf->state.hook <= NF_INET_LOCAL_IN &&
	    !ipq_same_flow(skb, pf, data, len, &shape))
		skb_orphan(skb);

	err = ipq_resize(skb, len);
	if (err)
		return err;
	skb_copy_to_linear_data(skb, data, len);
	if (pf == NFPROTO_IPV4)
		skb_set_transport_header(skb, shape.transport);
	skb->ip_summed = CHECKSUM_NONE;
	skb->csum_valid = 0;
	skb_clear_hash(skb);
	return 0;
}
