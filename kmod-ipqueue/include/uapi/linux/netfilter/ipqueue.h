/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ipqueue: packets queued to one user-space peer over netlink.
 *
 * Part 1 is the classic ip_queue interface, as libipq speaks it. Its layout
 * follows the word size of the kernel ("unsigned long", "size_t"): a 32-bit
 * program on a 64-bit kernel needs the extension messages.
 * Part 2 are the extension messages. They use fixed-size types, every record
 * is a multiple of 8 bytes, and the kernel sends them only to a peer that
 * asked for them with IPQM_HELLO.
 * Part 3 is the tap, a multicast group that tells what was decided.
 * Part 4 are statistics and settings, by socket option.
 *
 * Everything exists once for IPv4 and once for IPv6, and once in each network
 * namespace. Numbers are in host byte order unless a comment says otherwise.
 * One message a datagram, in both directions.
 */
#ifndef _UAPI_NETFILTER_IPQUEUE_H
#define _UAPI_NETFILTER_IPQUEUE_H

#include <linux/types.h>
#include <linux/netlink.h>

/* Netlink families. Kernel headers may no longer name them. */
#ifndef NETLINK_FIREWALL
#define NETLINK_FIREWALL	3	/* the IPv4 queue */
#endif
#ifndef NETLINK_IP6_FW
#define NETLINK_IP6_FW		13	/* the IPv6 queue */
#endif

/*
 * Part 1: the classic interface.
 *
 * The guard is the one of the classic header, so that a program may include
 * both headers, in either order.
 */
#ifndef _IP_QUEUE_H
#define _IP_QUEUE_H

#ifndef __KERNEL__
#include <stddef.h>
#endif

#define IPQ_NAME_SIZE		16	/* IFNAMSIZ; its headers clash in user space */

/**
 * struct ipq_packet_msg - IPQM_PACKET, kernel to peer: one waiting packet
 * @packet_id: names the packet in a verdict; counts up from 1, never reused
 * @mark: firewall mark of the packet
 * @timestamp_sec: when it was received, seconds since 1970; 0 when it was
 *	made on this host
 * @timestamp_usec: its microseconds
 * @hook: netfilter hook it waits at (NF_INET_*)
 * @indev_name: input device, "" where the hook has none
 * @outdev_name: output device, "" where the hook has none
 * @hw_protocol: link layer protocol (network byte order)
 * @hw_type: ARPHRD_* of the device it came in by; like @hw_addrlen 0 unless
 *	there are an input device and a link layer header
 * @hw_addrlen: bytes in @hw_addr
 * @hw_addr: link layer address of the sender
 * @data_len: bytes in @payload; 0 in mode IPQ_COPY_META
 * @payload: the packet from its IP header on, cut to the copy range
 */
typedef struct ipq_packet_msg {
	unsigned long packet_id;
	unsigned long mark;
	long timestamp_sec;
	long timestamp_usec;
	unsigned int hook;
	char indev_name[IPQ_NAME_SIZE];
	char outdev_name[IPQ_NAME_SIZE];
	__be16 hw_protocol;
	unsigned short hw_type;
	unsigned char hw_addrlen;
	unsigned char hw_addr[8];
	size_t data_len;
	unsigned char payload[];
} ipq_packet_msg_t;

/**
 * struct ipq_mode_msg - IPQM_MODE, peer to kernel: what to send from now on
 * @value: IPQ_COPY_NONE, IPQ_COPY_META or IPQ_COPY_PACKET
 * @range: most bytes of a packet to send in IPQ_COPY_PACKET; 0 and anything
 *	above 65535 mean the whole packet
 */
typedef struct ipq_mode_msg {
	unsigned char value;
	size_t range;
} ipq_mode_msg_t;

/**
 * struct ipq_verdict_msg - IPQM_VERDICT, peer to kernel: decide one packet
 * @value: NF_DROP, NF_ACCEPT, NF_QUEUE, NF_REPEAT or NF_STOP
 * @id: the packet's id
 * @data_len: bytes in @payload; 0 leaves the packet as it is
 * @payload: the packet to send on instead, from its IP header on
 */
typedef struct ipq_verdict_msg {
	unsigned int value;
	unsigned long id;
	size_t data_len;
	unsigned char payload[];
} ipq_verdict_msg_t;

/**
 * struct ipq_peer_msg - body of a classic message to the kernel
 * @msg: one of the two; the body must be as long as the union (24 bytes on a
 *	64-bit kernel), whichever is used
 */
typedef struct ipq_peer_msg {
	union {
		ipq_verdict_msg_t verdict;
		ipq_mode_msg_t mode;
	} msg;
} ipq_peer_msg_t;

/* Copy modes. */
enum {
	IPQ_COPY_NONE,		/* queue nothing, drop */
	IPQ_COPY_META,		/* send no payload */
	IPQ_COPY_PACKET,	/* send payload up to the copy range */
};
#define IPQ_COPY_MAX		IPQ_COPY_PACKET

/* Message types. */
#define IPQM_BASE		0x10
#define IPQM_MODE		(IPQM_BASE + 1)
#define IPQM_VERDICT		(IPQM_BASE + 2)
#define IPQM_PACKET		(IPQM_BASE + 3)
#define IPQM_MAX		(IPQM_BASE + 4)

#endif /* _IP_QUEUE_H */

/*
 * Part 2: extension messages.
 *
 *	IPQM_HELLO	both ways	ask for features, learn what was given
 *	IPQM_PACKETS	kernel to peer	several waiting packets
 *	IPQM_VERDICTS	peer to kernel	a list of verdicts
 *	IPQM_RANGE	peer to kernel	one verdict for a range of ids
 *	IPQM_MISSING	kernel to peer	ids in a verdict that do not wait
 *	IPQM_TAP	kernel to the tap's listeners
 *
 * From anyone but a peer that was given the feature they are EINVAL, as any
 * unknown type is; so is a hello without the right magic, version and length.
 * Then come the classic checks, in the classic order (EPERM, EBUSY). A message
 * that is malformed in any part is answered with EINVAL and changes nothing,
 * ownership included.
 */
#define IPQM_HELLO		0x20
#define IPQM_PACKETS		0x21
#define IPQM_VERDICTS		0x22
#define IPQM_RANGE		0x23
#define IPQM_MISSING		0x24
#define IPQM_TAP		0x25

#define IPQ_MAGIC		0x49505158	/* "IPQX" */
#define IPQ_VERSION		1	/* of parts 2, 3 and 4 */

/* Features a peer may ask for. Bits the kernel does not know it ignores. */
#define IPQ_FEATURE_PACKETS	0x1	/* get packets as IPQM_PACKETS, never
					 * as IPQM_PACKET
					 */
#define IPQ_FEATURE_VERDICTS	0x2	/* may send IPQM_VERDICTS, IPQM_RANGE,
					 * and gets IPQM_MISSING
					 */
#define IPQ_FEATURE_FLOW	0x4	/* packets wait in the queue while the
					 * peer's receive buffer is full; the
					 * classic way is to drop them
					 */
#define IPQ_FEATURE_OWNER	0x8	/* fill uid and gid of ipq_packet;
					 * needs IPQ_FEATURE_PACKETS
					 */
#define IPQ_FEATURES_ALL	0xf

/**
 * struct ipq_hello - IPQM_HELLO, both ways
 * @magic: IPQ_MAGIC
 * @version: IPQ_VERSION; another version is EINVAL
 * @size: sizeof(struct ipq_hello) of the sender
 * @features: asked for; in the answer: given. 0 returns to classic messages
 * @max_bytes: largest datagram the peer can read, netlink header included;
 *	0 means IPQ_MAX_DATAGRAM, into which the largest packet fits; brought
 *	into IPQ_MIN_DATAGRAM..IPQ_MAX_DATAGRAM. A packet that does not fit is
 *	cut (ipq_packet.data_len < ipq_packet.length). The kernel may fill
 *	datagrams with less than this
 * @max_packets: most packets a datagram; 0 means as many as fit
 * @hold_us: microseconds for which a packet may be held back for a fuller
 *	datagram, at most 100000. Packets are held only while the peer
 *	has not answered some it was sent, and each message of verdicts releases
 *	them. 0 means never: one packet a datagram but in a backlog
 * @max_verdicts: in the answer: most items an IPQM_VERDICTS may have. In the
 *	request: 0
 *
 * The sender becomes owner of the queue, as with any classic message. The
 * answer has the request's sequence number and the values now in force. Later
 * members are appended: a longer message is read as far as it is known. A new
 * hello replaces what the last one agreed; packets already sent stay valid.
 */
struct ipq_hello {
	__u32 magic;
	__u16 version;
	__u16 size;
	__u32 features;
	__u32 max_bytes;
	__u32 max_packets;
	__u32 hold_us;
	__u32 max_verdicts;
	__u32 reserved;		/* 0, else EINVAL */
};

#define IPQ_MIN_DATAGRAM	1024
#define IPQ_MAX_DATAGRAM	69632
#define IPQ_MAX_HOLD_US		100000
#define IPQ_MAX_VERDICTS	4096

/**
 * struct ipq_packets - head of IPQM_PACKETS
 * @count: how many struct ipq_packet follow
 * @backlog: packets waiting in the queue that were not sent yet
 * @overflowed: packets that found the queue full since the module was loaded
 *	or counters were reset: what this peer will never see
 */
struct ipq_packets {
	__u32 count;
	__u32 backlog;
	__u64 overflowed;
};

/* ipq_packet.flags */
#define IPQ_PACKET_OWNER	0x1	/* uid and gid are filled */
#define IPQ_PACKET_RESENT	0x2	/* was sent before, to a peer that
					 * closed its socket
					 */

/**
 * struct ipq_packet - one packet of IPQM_PACKETS
 * @size: bytes from this record to the next: the struct, @data_len bytes of
 *	payload, and zeroes up to a multiple of 8
 * @data_len: bytes of payload that follow the struct
 * @length: bytes of the packet; more than @data_len when it was cut
 * @mark: firewall mark
 * @id: names the packet in a verdict; counts up from 1, never reused
 * @time_ns: when it was queued, nanoseconds since 1970
 * @indev: input device index, 0 where there is none
 * @outdev: output device index, 0 where there is none
 * @physindev: bridge port it came in by, 0 if it was not bridged
 * @physoutdev: bridge port it will leave by, 0 if it is not bridged
 * @uid: user of the socket on this host it belongs to, as seen from the user
 *	namespace of the queue's network namespace; only with IPQ_PACKET_OWNER
 * @gid: group, likewise
 * @hw_protocol: link layer protocol (network byte order)
 * @hw_type: ARPHRD_* of the device it came in by, 0 as @hw_addrlen
 * @hook: netfilter hook (NF_INET_*)
 * @flags: IPQ_PACKET_*
 * @hw_addrlen: bytes in @hw_addr; 0 without an input device and a link layer
 *	header
 * @reserved: 0
 * @hw_addr: link layer address of the sender
 */
struct ipq_packet {
	__u32 size;
	__u32 data_len;
	__u32 length;
	__u32 mark;
	__u64 id;
	__u64 time_ns;
	__u32 indev;
	__u32 outdev;
	__u32 physindev;
	__u32 physoutdev;
	__u32 uid;
	__u32 gid;
	__be16 hw_protocol;
	__u16 hw_type;
	__u8 hook;
	__u8 flags;
	__u8 hw_addrlen;
	__u8 reserved;
	__u8 hw_addr[8];
};

/**
 * struct ipq_verdicts - head of IPQM_VERDICTS
 * @count: how many struct ipq_verdict follow, 1..IPQ_MAX_VERDICTS
 * @reserved: 0
 *
 * The whole list is checked before the first verdict is applied. Items are
 * applied in their order. Ids that do not wait are skipped; if there were any,
 * the peer gets them in an IPQM_MISSING and then the error ENOENT, both with
 * the sequence number of the request.
 */
struct ipq_verdicts {
	__u32 count;
	__u32 reserved;
};

/**
 * struct ipq_verdict - one verdict of IPQM_VERDICTS
 * @id: the packet's id
 * @verdict: NF_DROP, NF_ACCEPT, NF_QUEUE, NF_REPEAT or NF_STOP
 * @mark: new mark, in the bits that @mask selects
 * @mask: bits of the mark to set; 0 leaves the mark alone
 * @data_len: bytes of replacement payload that follow the struct, with zeroes
 *	up to a multiple of 8; 0 leaves the packet as it is. Less than an IP
 *	header is EINVAL
 */
struct ipq_verdict {
	__u64 id;
	__u32 verdict;
	__u32 mark;
	__u32 mask;
	__u32 data_len;
};

/**
 * struct ipq_range - IPQM_RANGE: one verdict for many packets
 * @first: lowest id
 * @last: highest id, not below @first (EINVAL)
 * @verdict: as in struct ipq_verdict
 * @mark: likewise
 * @mask: likewise
 * @reserved: 0
 *
 * Decides, in order, every packet in the range that was sent to this peer;
 * ENOENT if there was none.
 */
struct ipq_range {
	__u64 first;
	__u64 last;
	__u32 verdict;
	__u32 mark;
	__u32 mask;
	__u32 reserved;
};

/**
 * struct ipq_missing - IPQM_MISSING: ids of a verdict list that do not wait
 * @count: how many ids the list had that do not wait (expired, flushed,
 *	decided before, never issued)
 * @listed: how many of them follow; less than @count only if memory was short
 * @id: the ids, in the order of the list
 */
struct ipq_missing {
	__u32 count;
	__u32 listed;
	__u64 id[];
};

/*
 * Part 3: the tap.
 *
 * Join the multicast group on the queue's netlink family (this takes
 * CAP_NET_ADMIN in the namespace) and read IPQM_TAP.
 */
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
};

/*
 * Part 4: statistics and settings.
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

#endif /* _UAPI_NETFILTER_IPQUEUE_H */
