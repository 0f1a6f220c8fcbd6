// SPDX-License-Identifier: GPL-2.0
/* What a peer may ask for beyond the classic interface. */
#include <linux/minmax.h>
#include <net/netlink.h>

#include "ipqueue.h"

/* More small packets than this do not fit one datagram. */
#define IPQ_MAX_PACKETS	(IPQ_FILL / sizeof(struct ipq_packet))

/**
 * ipq_hello_check() - check the body of an IPQM_HELLO
 * @body: the body
 * @len: its length in bytes
 *
 * Return: 0 or -EINVAL.
 */
int ipq_hello_check(const void *body, size_t len)
{
	const struct ipq_hello *hello = body;

	if (len < sizeof(*hello) || hello->magic != IPQ_MAGIC ||
	    hello->version != IPQ_VERSION || hello->size < sizeof(*hello) ||
	    hello->size > len || hello->reserved)
		return -EINVAL;
	return 0;
}

/* Bring what is asked for to what can be given. */
static void ipq_hello_grant(struct ipq_hello *hello)
{
	hello->size = sizeof(*hello);
	hello->features &= IPQ_FEATURES_ALL;
	if (!(hello->features & IPQ_FEATURE_PACKETS))
		hello->features &= ~IPQ_FEATURE_OWNER;
	if (!hello->max_bytes)
		hello->max_bytes = IPQ_MAX_DATAGRAM;
	hello->max_bytes = clamp_t(u32, hello->max_bytes, IPQ_MIN_DATAGRAM,
				   IPQ_MAX_DATAGRAM);
	if (!hello->max_packets)
		hello->max_packets = IPQ_MAX_PACKETS;
	hello->max_packets = min_t(u32, hello->max_packets, IPQ_MAX_PACKETS);
	hello->hold_us = min_t(u32, hello->hold_us, IPQ_MAX_HOLD_US);
	hello->max_verdicts = IPQ_MAX_VERDICTS;
}

/**
 * ipq_hello() - agree with the owner of a queue on features
 * @q: the queue, with its mutex held
 * @skb: the datagram with the request
 * @nlh: the request, checked
 *
 * The answer goes out before anything in the new form.
 *
 * Return: 0, -ENOMEM, or what prevented the answer from being delivered; then
 * nothing has changed.
 */
int ipq_hello(struct ipq_queue *q, struct sk_buff *skb,
	      const struct nlmsghdr *nlh)
{
	struct ipq_hello hello = *(const struct ipq_hello *)nlmsg_data(nlh);
	u32 portid = NETLINK_CB(skb).portid;
	struct nlmsghdr *answer;
	LIST_HEAD(undelivered);
	struct sk_buff *nskb;
	int err;

	ipq_hello_grant(&hello);
	nskb = nlmsg_new(sizeof(hello), GFP_KERNEL);
	if (!nskb)
		return -ENOMEM;
	answer = nlmsg_put(nskb, portid, nlh->nlmsg_seq, IPQM_HELLO,
			   sizeof(hello), 0);
	memcpy(nlmsg_data(answer), &hello, sizeof(hello));

	spin_lock_bh(&q->lock);
	err = netlink_unicast(q->nl, nskb, portid, MSG_DONTWAIT);
	if (err >= 0) {
		WRITE_ONCE(q->peer.features, hello.features);
		q->peer.max_bytes = hello.max_bytes;
		q->peer.max_packets = hello.max_packets;
		q->peer.hold_us = hello.hold_us;
		ipq_recount(q);
		ipq_send(q, true, &undelivered);
	}
	spin_unlock_bh(&q->lock);

	ipq_drop_list(q, &undelivered, IPQ_REASON_UNDELIVERED);
	return min(err, 0);
}
