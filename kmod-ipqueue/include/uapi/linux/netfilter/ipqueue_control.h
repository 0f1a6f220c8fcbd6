/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ipqueue: statistics and settings. Include <linux/netfilter/ipqueue.h>.
 *
 * Any IPv4 socket with level IPPROTO_IP is the door to the IPv4 queue of its
 * network namespace, any IPv6 socket with level IPPROTO_IPV6 to the IPv6 queue.
 * All need CAP_NET_ADMIN in the namespace (EPERM).
 *
 * Both structures start with version and size. The caller fills in version,
 * for getsockopt too; another one than the kernel's is EINVAL. The length given
 * to the system call says how much of the structure the caller knows: less
 * than the first published length (IPQ_STATS_SIZE_V1, IPQ_SETTINGS_SIZE_V1) is
 * EINVAL; getsockopt writes what both know and returns that length, and writes
 * into size how much the kernel knows; setsockopt demands zeroes behind what
 * the kernel knows (EINVAL). Members are only ever appended.
 */
#ifndef _UAPI_NETFILTER_IPQUEUE_CONTROL_H
#define _UAPI_NETFILTER_IPQUEUE_CONTROL_H

#include <linux/types.h>

#define IPQ_SO_SETTINGS		2088	/* get, set: struct ipq_settings */
#define IPQ_SO_STATS		2089	/* get: struct ipq_stats; set: reset the
					 * counters, with no value (length 0)
					 */

/* ipq_settings.mask: which members setsockopt changes */
#define IPQ_SET_MAXLEN		0x1
#define IPQ_SET_OVERFLOW	0x2	/* overflow_verdict */
#define IPQ_SET_DEADLINE	0x4	/* deadline_ms and deadline_verdict */
#define IPQ_SET_LINGER		0x8	/* linger_ms */
#define IPQ_SET_ALL		0xf

#define IPQ_MAXLEN_DEFAULT	1024
#define IPQ_MAXLEN_MAX		65536
#define IPQ_MAX_TIME_MS		600000	/* ten minutes */

/**
 * struct ipq_settings - IPQ_SO_SETTINGS
 * @version: IPQ_VERSION
 * @size: written by getsockopt: sizeof(struct ipq_settings) in the kernel;
 *	setsockopt does not look at it
 * @mask: IPQ_SET_*; setsockopt changes these members, all or (EINVAL) none.
 *	getsockopt writes the bits this kernel knows
 * @maxlen: packets that may wait, 1..IPQ_MAXLEN_MAX; also the sysctls
 *	net.ipv4.ip_queue_maxlen and net.ipv6.ip6_queue_maxlen
 * @overflow_verdict: NF_DROP (default) or NF_ACCEPT, for a packet that finds
 *	the queue full
 * @deadline_ms: a packet that waits longer gets @deadline_verdict; milliseconds
 *	up to IPQ_MAX_TIME_MS, 0 (default) for never
 * @deadline_verdict: NF_DROP (default) or NF_ACCEPT
 * @linger_ms: how long packets wait for the next peer after the peer closed;
 *	milliseconds up to IPQ_MAX_TIME_MS, 0 (default) drops them at once
 * @reserved: 0, else EINVAL
 */
struct ipq_settings {
	__u16 version;
	__u16 size;
	__u32 mask;
	__u32 maxlen;
	__u32 overflow_verdict;
	__u32 deadline_ms;
	__u32 deadline_verdict;
	__u32 linger_ms;
	__u32 reserved;
};

#define IPQ_SETTINGS_SIZE_V1	32

/**
 * struct ipq_stats - IPQ_SO_STATS
 * @version: IPQ_VERSION
 * @size: written by the kernel: sizeof(struct ipq_stats) in the kernel
 * @mode: copy mode in force, IPQ_COPY_*
 * @range: copy range in force, bytes; 0 is the whole packet
 * @peer: port id of the owner, 0 when there is none
 * @features: IPQ_FEATURE_* given to the owner
 * @lingering: 1 while packets wait for the next peer
 * @length: packets that wait
 * @peak: highest @length
 * @backlog: packets that wait and were not sent to the peer yet
 * @queued: packets taken into the queue (the segments of a GSO packet count
 *	one by one)
 * @accepted: decided by the peer: NF_ACCEPT
 * @dropped: decided by the peer: NF_DROP, or its replacement was refused
 * @repeated: decided by the peer: NF_REPEAT
 * @stopped: decided by the peer: NF_STOP
 * @requeued: decided by the peer: NF_QUEUE
 * @expired: given the deadline's verdict
 * @flushed: dropped because the peer, a device or the hook went away
 * @undeliverable: dropped because they could not be sent to the peer ("Netlink
 *	dropped" in /proc)
 * @overflow_dropped: found the queue full and were dropped ("Queue dropped" in
 *	/proc)
 * @overflow_accepted: found the queue full and were accepted
 * @conntrack_dropped: not taken into the queue because their unconfirmed
 *	connection is shared with another packet
 * @replaced: decided with a new payload
 * @refused: decided with a payload that was refused; also in @dropped
 * @resent: sent again to another peer
 * @tap_records: records sent to the tap
 * @tap_lost: records that were lost for all listeners, for want of memory
 *
 * Always: queued = accepted + dropped + repeated + stopped + requeued + expired
 * + flushed + undeliverable + length. A reset sets @queued to @length, @peak to
 * @length and the rest to 0.
 */
struct ipq_stats {
	__u16 version;
	__u16 size;
	__u32 mode;
	__u32 range;
	__u32 peer;
	__u32 features;
	__u32 lingering;
	__u32 length;
	__u32 peak;
	__u32 backlog;
	__u32 reserved;		/* 0 */
	__u64 queued;
	__u64 accepted;
	__u64 dropped;
	__u64 repeated;
	__u64 stopped;
	__u64 requeued;
	__u64 expired;
	__u64 flushed;
	__u64 undeliverable;
	__u64 overflow_dropped;
	__u64 overflow_accepted;
	__u64 conntrack_dropped;
	__u64 replaced;
	__u64 refused;
	__u64 resent;
	__u64 tap_records;
	__u64 tap_lost;
};

#define IPQ_STATS_SIZE_V1	176

#endif /* _UAPI_NETFILTER_IPQUEUE_CONTROL_H */
