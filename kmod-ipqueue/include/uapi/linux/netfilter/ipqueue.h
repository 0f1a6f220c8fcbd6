/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ipqueue: packets queued to one user-space peer over netlink.
 *
 * ipqueue_classic.h is the classic ip_queue interface, as libipq speaks it. Its
 * layout follows the word size of the kernel ("unsigned long", "size_t"): a
 * 32-bit program on a 64-bit kernel needs the extension messages.
 * This file has the extension messages. They use fixed-size types, every record
 * is a multiple of 8 bytes, and the kernel sends them only to a peer that
 * asked for them with IPQM_HELLO.
 * ipqueue_tap.h is the tap, a multicast group that tells what was decided.
 * ipqueue_control.h has statistics and settings, by socket option.
 *
 * Everything exists once for IPv4 and once for IPv6, and once in each network
 * namespace. Numbers are in host byte order unless a comment says otherwise.
 * One message a datagram, in both directions.
 */
#ifndef _UAPI_NETFILTER_IPQUEUE_H
#define _UAPI_NETFILTER_IPQUEUE_H

#include <linux/types.h>
#include <linux/netlink.h>
#include <linux/netfilter/ipqueue_classic.h>
#include <linux/netfilter/ipqueue_control.h>
#include <linux/netfilter/ipqueue_tap.h>

/* Netlink families. Kernel headers may no longer name them. */
#ifndef NETLINK_FIREWALL
#define NETLINK_FIREWALL	3	/* the IPv4 queue */
#endif
#ifndef NETLINK_IP6_FW
#define NETLINK_IP6_FW		13	/* the IPv6 queue */
#endif

/*
 * Extension messages.
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
#define IPQ_VERSION		1	/* of all but the classic part */

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

#endif /* _UAPI_NETFILTER_IPQUEUE_H */
