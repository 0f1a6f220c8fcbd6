/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ipqueue: the tap. Include <linux/netfilter/ipqueue.h>.
 *
 * Join the multicast group on the queue's netlink family (this takes
 * CAP_NET_ADMIN in the namespace) and read IPQM_TAP.
 */
#ifndef _UAPI_NETFILTER_IPQUEUE_TAP_H
#define _UAPI_NETFILTER_IPQUEUE_TAP_H

#include <linux/types.h>

#define IPQ_GROUP_TAP		1

/**
 * struct ipq_tap - head of IPQM_TAP
 * @seq: number of the first record that follows; records are numbered from 0,
 *	without gaps, in the order in which they are sent
 * @count: how many struct ipq_tap_record follow
 * @record_size: bytes a record; step by this, it may grow
 *
 * A listener that expected number N has lost @seq - N records: its receive
 * buffer was full (it has also read ENOBUFS), or the kernel had no memory.
 * @seq does not advance while nobody listens.
 */
struct ipq_tap {
	__u64 seq;
	__u32 count;
	__u32 record_size;
};

/* Who decided: ipq_tap_record.reason */
enum ipq_reason {
	IPQ_REASON_PEER,	/* a verdict of the peer */
	IPQ_REASON_DEADLINE,	/* waited longer than the deadline */
	IPQ_REASON_OVERFLOW,	/* the queue was full; id is 0 */
	IPQ_REASON_UNDELIVERED,	/* could not be sent to the peer */
	IPQ_REASON_REFUSED,	/* the peer's replacement could not be made */
	IPQ_REASON_PEER_GONE,	/* the peer closed, and linger is over */
	IPQ_REASON_DEVICE,	/* a device it came in or goes out by is down */
	IPQ_REASON_HOOK,	/* the hook it waited at was removed */
	IPQ_REASON_CONNTRACK,	/* its connection cannot be continued */
};

/* ipq_tap_record.flags */
#define IPQ_TAP_PORTS		0x1	/* sport and dport are filled */
#define IPQ_TAP_ICMP		0x2	/* icmp_type and icmp_code are filled */
#define IPQ_TAP_FRAGMENT	0x4	/* not the first fragment: neither */
#define IPQ_TAP_REPLACED	0x8	/* the peer replaced the payload */

/**
 * struct ipq_tap_record - one decided packet
 * @time_ns: when it was decided, nanoseconds since 1970
 * @wait_ns: how long it had waited in the queue
 * @id: the id under which the peer knew it
 * @length: bytes of the packet as it goes on
 * @mark: mark as it goes on
 * @indev: input device index, 0 where there is none
 * @outdev: output device index, 0 where there is none
 * @saddr: source address; IPv4 in the first 4 bytes, then zeroes
 * @daddr: destination address, likewise
 * @sport: source port (network byte order), see IPQ_TAP_PORTS
 * @dport: destination port (network byte order)
 * @family: AF_INET or AF_INET6
 * @protocol: IPPROTO_* (for IPv6 the one after the extension headers)
 * @hook: netfilter hook (NF_INET_*)
 * @verdict: NF_DROP, NF_ACCEPT, NF_QUEUE, NF_REPEAT or NF_STOP
 * @reason: enum ipq_reason
 * @flags: IPQ_TAP_*
 * @icmp_type: ICMP or ICMPv6 type, see IPQ_TAP_ICMP
 * @icmp_code: its code
 * @reserved: 0
 */
struct ipq_tap_record {
	__u64 time_ns;
	__u64 wait_ns;
	__u64 id;
	__u32 length;
	__u32 mark;
	__u32 indev;
	__u32 outdev;
	__u8 saddr[16];
	__u8 daddr[16];
	__be16 sport;
	__be16 dport;
	__u8 family;
	__u8 protocol;
	__u8 hook;
	__u8 verdict;
	__u8 reason;
	__u8 flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u32 reserved;
};

#endif /* _UAPI_NETFILTER_IPQUEUE_TAP_H */
