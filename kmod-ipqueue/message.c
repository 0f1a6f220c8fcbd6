// SPDX-License-Identifier: GPL-2.0
/* The form in which packets are sent to the peer. */
#include <linux/netdevice.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "compat.h"
#include "ipqueue.h"

/* dev_parse_header() does not know how much room there is; no link layer has
 * longer addresses than this.
 */
#define IPQ_HW_SCRATCH	MAX_ADDR_LEN

static bool ipq_batches(const struct ipq_queue *q)
{
	return q->peer.features & IPQ_FEATURE_PACKETS;
}

/* How much of a packet to send. */
static u32 ipq_copy_len(const struct ipq_queue *q, const struct sk_buff *skb)
{
	u32 len = skb->len;

	if (q->mode != IPQ_COPY_PACKET)
		return 0;
	if (q->range)
		len = min(len, q->range);
	if (ipq_batches(q))
		len = min_t(u32, len, round_down(q->peer.max_bytes, 8) -
			    NLMSG_HDRLEN - sizeof(struct ipq_packets) -
			    sizeof(struct ipq_packet));
	return len;
}

/* What an entry adds to a datagram, the same as long as the mode, the range and
 * the peer's features are.
 */
size_t ipq_record_size(const struct ipq_queue *q, const struct ipq_entry *e)
{
	u32 len = ipq_copy_len(q, e->nf->skb);

	if (ipq_batches(q))
		return ALIGN(sizeof(struct ipq_packet) + len, 8);
	return NLMSG_ALIGN(sizeof(struct ipq_packet_msg) + len);
}

/* The peer shall see the packet as it would be on the wire. */
static int ipq_checksum(struct sk_buff *skb)
{
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return 0;
	if (skb_csum_is_sctp(skb))
		return skb_crc32c_csum_help(skb);
	return skb_checksum_help(skb);
}

/**
 * ipq_plan() - choose the packets of the next datagram
 * @q: the queue, with its lock held
 * @plan: the first so many unsent packets, and the size of the message
 * @undelivered: gets packets whose checksum cannot be completed
 */
void ipq_plan(struct ipq_queue *q, struct ipq_plan *plan,
	      struct list_head *undelivered)
{
	size_t most = min_t(size_t, q->peer.max_bytes, IPQ_FILL);
	struct ipq_entry *e = q->unsent, *next;
	size_t record;

	plan->count = 0;
	plan->size = NLMSG_HDRLEN;
	if (ipq_batches(q))
		plan->size += sizeof(struct ipq_packets);

	list_for_each_entry_safe_from(e, next, &q->waiting, order) {
		record = ipq_record_size(q, e);
		if (plan->count && (!ipq_batches(q) ||
				    plan->count == q->peer.max_packets ||
				    plan->size + record > most))
			return;
		if (q->mode == IPQ_COPY_PACKET && ipq_checksum(e->nf->skb)) {
			ipq_unlink(q, e);
			list_add_tail(&e->order, undelivered);
			q->stats.undeliverable++;
			continue;
		}
		plan->count++;
		plan->size += record;
	}
}

struct ipq_hw {
	u16 type;
	u8 addrlen;
	u8 addr[8];
};

static void ipq_read_hw(const struct nf_queue_entry *nf, struct ipq_hw *hw)
{
	const struct sk_buff *skb = nf->skb;
	u8 addr[IPQ_HW_SCRATCH] = {};
	int len;

	memset(hw, 0, sizeof(*hw));
	if (!nf->state.in || !skb->dev || !skb_mac_header_was_set(skb) ||
	    skb->mac_header == skb->network_header)
		return;
	hw->type = skb->dev->type;
	len = dev_parse_header(skb, addr);
	hw->addrlen = clamp_t(int, len, 0, sizeof(hw->addr));
	memcpy(hw->addr, addr, hw->addrlen);
}

/* When it was received. Devices stamp packets if anybody on the host wants it;
 * to want it here would patch the kernel's code with each peer that comes, and
 * slow all reception, to win a few microseconds. On output the packet's field
 * is its departure time.
 */
static ktime_t ipq_stamp(const struct ipq_entry *e)
{
	if (e->nf->state.hook > NF_INET_FORWARD)
		return 0;
	return skb_tstamp(e->nf->skb) ?: ktime_mono_to_real(e->arrived);
}

static void ipq_put_classic(const struct ipq_queue *q, struct sk_buff *skb,
			    const struct ipq_entry *e)
{
	const struct nf_queue_entry *nf = e->nf;
	u32 len = ipq_copy_len(q, nf->skb);
	struct timespec64 stamp = ktime_to_timespec64(ipq_stamp(e));
	size_t size = ipq_record_size(q, e);
	struct ipq_packet_msg *msg;
	struct ipq_hw hw;

	msg = skb_put_zero(skb, size);
	msg->packet_id = e->id;
	msg->mark = nf->skb->mark;
	msg->timestamp_sec = stamp.tv_sec;
	msg->timestamp_usec = stamp.tv_nsec / NSEC_PER_USEC;
	msg->hook = nf->state.hook;
	if (nf->state.in)
		strscpy(msg->indev_name, nf->state.in->name,
			sizeof(msg->indev_name));
	if (nf->state.out)
		strscpy(msg->outdev_name, nf->state.out->name,
			sizeof(msg->outdev_name));
	ipq_read_hw(nf, &hw);
	msg->hw_protocol = nf->skb->protocol;
	msg->hw_type = hw.type;
	msg->hw_addrlen = hw.addrlen;
	memcpy(msg->hw_addr, hw.addr, sizeof(msg->hw_addr));
	msg->data_len = len;
	if (skb_copy_bits(nf->skb, 0, msg->payload, len))
		msg->data_len = 0;
}

static void ipq_put_packet(const struct ipq_queue *q, struct sk_buff *skb,
			   const struct ipq_entry *e)
{
	const struct nf_queue_entry *nf = e->nf;
	size_t size = ipq_record_size(q, e);
	struct ipq_packet *p = skb_put(skb, size);
	u32 len = ipq_copy_len(q, nf->skb);
	struct ipq_hw hw;

	ipq_read_hw(nf, &hw);
	memset(p, 0, sizeof(*p));
	p->size = size;
	p->data_len = len;
	p->length = nf->skb->len;
	p->mark = nf->skb->mark;
	p->id = e->id;
	p->time_ns = ktime_to_ns(ktime_mono_to_real(e->arrived));
	p->indev = nf->state.in ? nf->state.in->ifindex : 0;
	p->outdev = nf->state.out ? nf->state.out->ifindex : 0;
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	p->physindev = nf->physin ? nf->physin->ifindex : 0;
	p->physoutdev = nf->physout ? nf->physout->ifindex : 0;
#endif
	p->hw_protocol = nf->skb->protocol;
	p->hw_type = hw.type;
	p->hw_addrlen = hw.addrlen;
	memcpy(p->hw_addr, hw.addr, sizeof(p->hw_addr));
	p->hook = nf->state.hook;
	if (e->flags & IPQ_OWNED) {
		p->flags |= IPQ_PACKET_OWNER;
		p->uid = e->uid;
		p->gid = e->gid;
	}
	if (e->flags & IPQ_SENT_BEFORE)
		p->flags |= IPQ_PACKET_RESENT;
	if (skb_copy_bits(nf->skb, 0, p + 1, len)) {
		len = 0;
		p->data_len = 0;
	}
	memset((u8 *)(p + 1) + len, 0, size - sizeof(*p) - len);
}

/**
 * ipq_build() - make the datagram that was planned
 * @q: the queue, with its lock held
 * @plan: of at least one packet
 *
 * Return: the message, or NULL without memory.
 */
struct sk_buff *ipq_build(struct ipq_queue *q, const struct ipq_plan *plan)
{
	int type = ipq_batches(q) ? IPQM_PACKETS : IPQM_PACKET;
	struct ipq_entry *e = q->unsent;
	unsigned int left = plan->count;
	struct ipq_packets *head;
	struct nlmsghdr *nlh;
	struct sk_buff *skb;

	skb = alloc_skb(plan->size, GFP_ATOMIC | __GFP_NOWARN);
	if (!skb)
		return NULL;
	nlh = nlmsg_put(skb, 0, 0, type, 0, 0);
	if (ipq_batches(q)) {
		head = skb_put(skb, sizeof(*head));
		head->count = plan->count;
		head->backlog = q->backlog - plan->count;
		head->overflowed = q->stats.overflow_dropped +
				   q->stats.overflow_accepted;
	}
	list_for_each_entry_from(e, &q->waiting, order) {
		if (!left--)
			break;
		if (ipq_batches(q))
			ipq_put_packet(q, skb, e);
		else
			ipq_put_classic(q, skb, e);
	}
	nlmsg_end(skb, nlh);
	return skb;
}
