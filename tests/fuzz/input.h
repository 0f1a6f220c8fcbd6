/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fuzzer's input, taken apart: options, a program (its own bytes, or bytes from which one is
 * made), packets. Whatever the bytes are, they are an input; what is missing at the end is 0.
 */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"

enum {
	/* Byte 0 of an input. */
	INPUT_RAW = 1 << 0,		/* the program is these bytes; else it is made from them */
	INPUT_FLOWS = 1 << 1,		/* with a flow cache */
	INPUT_FEW_FLOWS = 1 << 2,	/* with one of two entries */

	INPUT_HEADER = 3,		/* byte 0, and two of the program's length, little-endian */
	INPUT_PACKET = 12,		/* bytes before a packet's own: see input_packets */
	INPUT_PACKETS = 64,

	/* Byte 0 of a packet, beside the flags of packet.h. */
	INPUT_MEND = 1 << 5,		/* make the network header's length right */
	INPUT_CUT = 1 << 6,		/* the packet was longer than what is at hand */
};

/* What is still to be read. */
struct source {
	const uint8_t *data;
	size_t size;
};

uint8_t take8(struct source *source);
uint16_t take16(struct source *source);
uint32_t take32(struct source *source);
/* A number below @bound, which is 256 at most. */
unsigned int take_below(struct source *source, unsigned int bound);
/* Up to @most bytes; returns how many there were. */
size_t take_bytes(struct source *source, void *bytes, size_t most);

/* What programs and packets are both made of, so that they meet. */
extern const uint32_t pool_numbers[16];
extern const char pool_addresses[8][16];	/* the first half's first 4 bytes are IPv4's */
extern const char *const pool_interfaces[8];	/* the first is empty, one longer than 15 bytes */
extern const char pool_macs[4][6];

struct packets {
	struct qv_packet packet[INPUT_PACKETS];
	uint8_t *bytes[INPUT_PACKETS];	/* of each, in memory of exactly their size */
	size_t count;
};

/* Read packets up to the source's end. */
void input_packets(struct source *source, struct packets *packets);
void input_packets_free(struct packets *packets);

/*
 * Make a program out of the source's bytes: one that the verifier should take, unless the source
 * asks for what it may not. Returns its size; the bytes are in memory of exactly that size.
 */
size_t input_program(struct source *source, uint8_t **program);

#endif
