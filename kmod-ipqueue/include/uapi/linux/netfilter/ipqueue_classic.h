/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ipqueue: the classic interface. Include <linux/netfilter/ipqueue.h>.
 *
 * The guard is the one of the classic header, so that a program may include
 * both headers, in either order.
 */
#ifndef _IP_QUEUE_H
#define _IP_QUEUE_H

#include <linux/types.h>

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
