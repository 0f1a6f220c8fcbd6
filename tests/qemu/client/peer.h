/* SPDX-License-Identifier: GPL-2.0 */
/* A peer of the queue, over raw netlink: every byte of what it sends is the caller's. */
#ifndef PEER_H
#define PEER_H

#include <linux/netfilter.h>
#include <linux/netfilter/ipqueue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* How long something that must come may take; the machine is emulated and its host is busy. */
#define SOON_MS 5000
/* How long we listen to silence. */
#define SILENCE_MS 150

struct peer {
	int fd;
	int family;		/* AF_INET or AF_INET6 */
	uint32_t portid;	/* the socket's own */
	uint32_t seq;		/* of the last message sent */
	size_t length;		/* of the last datagram received */
	union {
		struct nlmsghdr header;
		/* An error repeats the whole request, and the longest list of verdicts is longer. */
		unsigned char bytes[3 * IPQ_MAX_DATAGRAM];
	} in;
};

/* Open a socket, bound; the queue is not claimed yet. */
void peer_open(struct peer *peer, int family);
/* The same, but with the error instead of the end of the case: 0 or an errno. */
int peer_try_open(struct peer *peer, int family);
void peer_close(struct peer *peer);
/* peer_open and peer_mode(IPQ_COPY_PACKET), acknowledged: the queue is ours. */
void peer_own(struct peer *peer, int family);

/* Send bytes as they are. */
void peer_send_raw(struct peer *peer, const void *bytes, size_t length);
/*
 * Send one message with a right header: `flags` besides NLM_F_REQUEST. It claims our process id as
 * libipq does, because a second socket's port id is negative and the interface refuses that.
 */
void peer_send(struct peer *peer, uint16_t type, uint16_t flags, const void *body, size_t length);
/* The same, with the body in at most three parts. */
void peer_send_parts(struct peer *peer, uint16_t type, uint16_t flags, const struct iovec *parts, size_t count);
/* Send a classic mode message, no answer awaited. */
void peer_mode(struct peer *peer, unsigned int mode, size_t range);
/* Send it and wait for the acknowledgement. */
void peer_mode_acked(struct peer *peer, unsigned int mode, size_t range);
/* Send a classic verdict, no answer awaited; with a replacement when length is not 0. */
void peer_verdict(struct peer *peer, unsigned long id, unsigned int verdict);
void peer_replace(struct peer *peer, unsigned long id, unsigned int verdict, const void *payload,
		  size_t length);
/* Send a verdict with NLM_F_ACK; what the kernel answers: 0 or an errno. */
int peer_verdict_answer(struct peer *peer, unsigned long id, unsigned int verdict);

/* Receive one datagram within `ms`; false when none came. */
bool peer_receive(struct peer *peer, int ms);
/* The errno of the next NLMSG_ERROR, 0 for an acknowledgement; packets before it end the case. */
int peer_answer(struct peer *peer);
/* Nothing comes for SILENCE_MS. */
void peer_silent(struct peer *peer);
/* The next message, which must be a classic packet; valid until the next receive. */
const struct ipq_packet_msg *peer_packet(struct peer *peer);
/* The same, which must be a whole UDP packet with this text; its id. */
unsigned long peer_udp(struct peer *peer, const char *text);
/* The id of the next packet, then accept it: for what is only passed through. */
void peer_accept(struct peer *peer);

#endif
