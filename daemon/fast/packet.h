/* SPDX-License-Identifier: GPL-2.0 */
/* A packet as a link hands it in: its bytes, and what the kernel knows of it. */
#ifndef QV_PACKET_H
#define QV_PACKET_H

#include <stdint.h>

#include "program.h"

enum {
	QV_NO_HOOK = 0xff,
	QV_FAMILY_IPV4 = 2,	/* AF_INET */
	QV_FAMILY_IPV6 = 10,	/* AF_INET6 */
};

/* qv_packet.flags */
enum {
	QV_PACKET_PARTIAL = 1 << 0,	/* the checksum holds the pseudo header's sum only */
	QV_PACKET_GSO = 1 << 1,		/* several segments in one */
	QV_PACKET_UID = 1 << 2,		/* uid is known */
	QV_PACKET_GID = 1 << 3,		/* gid is known */
	QV_PACKET_TIME = 1 << 4,	/* time is known */
};

/* An interface's name; no name (length 0): none, or gone. */
struct qv_ifname {
	char name[QV_INTERFACE_SIZE];	/* its first 15 bytes, filled up with zeroes */
	uint8_t length;			/* of the whole name: 16 stands for more than 15 */
};

/* As RawPacket in packet/raw.py, where each is explained. */
struct qv_packet {
	const uint8_t *data;		/* from the network header on */
	uint32_t caplen;		/* bytes of it at hand */
	uint32_t length;		/* bytes of it before any cut */
	uint64_t id;		/* of 32 bits over NFQUEUE */
	uint32_t mark;
	uint32_t uid;
	uint32_t gid;
	uint8_t family;
	uint8_t hook;			/* index into HOOKS, or QV_NO_HOOK */
	uint8_t flags;
	uint8_t mac_length;		/* 0: none */
	uint8_t mac[8];
	uint64_t time;			/* nanoseconds since the epoch */
	uint32_t indev;			/* interface indexes, 0: none; for whoever shows decisions */
	uint32_t outdev;
	struct qv_ifname in;
	struct qv_ifname out;
};

#endif
