/* SPDX-License-Identifier: GPL-2.0 */
/* IP packets as bytes: enough of both families to read, change and check what is queued. */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The family's header without options: 20 or 40 bytes. */
size_t ip_header(int family);
/* IPPROTO_* of a packet whose transport header follows the IP header. */
uint8_t ip_protocol(int family, const unsigned char *packet);

/* The payload of a UDP packet as a string, in a static buffer. */
const char *udp_text(int family, const unsigned char *packet, size_t length);
/* Copy a UDP packet to `out` with another payload, its lengths and checksums right; the new length. */
size_t udp_retext(int family, const unsigned char *packet, const char *text, size_t text_length,
		  unsigned char *out);
/* Set the length fields of a packet that is now `length` bytes, and its IP and transport checksums. */
void packet_finish(int family, unsigned char *packet, size_t length);
/* Whether the lengths and checksums of a UDP, TCP or ICMP packet are right. */
bool packet_valid(int family, const unsigned char *packet, size_t length);

#endif
