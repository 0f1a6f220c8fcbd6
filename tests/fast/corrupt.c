// SPDX-License-Identifier: GPL-2.0
/*
 * Corrupt programs: each must be refused, or do no harm.
 *
 *	corrupt PROGRAM...
 *
 * Every bit is turned, every number of 32 bits becomes others that mean something, every length is
 * tried that is one off or less, and random bytes take a program's place. An engine is made from
 * what the verifier takes, and judges packets; a sanitizer watches. Prints how many were refused.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* IPv4 TCP to port 80 with "hello", IPv6 UDP, an IPv4 echo request, and half a header. */
static const uint8_t tcp[] = {
	0x45, 0, 0, 45, 0, 1, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1,
	0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0,
	'h', 'e', 'l', 'l', 'o',
};
static const uint8_t udp[] = {
	0x60, 0, 0, 0, 0, 12, 17, 64, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	0, 53, 0, 53, 0, 12, 0, 0, 'h', 'e', 'y', '!',
};
static const uint8_t icmp[] = {
	0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1,
	8, 0, 0, 0, 0, 1, 0, 1,
};
static const uint8_t half[] = { 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6 };

static const struct qv_packet packets[] = {
	{ .data = tcp, .caplen = sizeof(tcp), .length = sizeof(tcp), .family = QV_FAMILY_IPV4,
	  .hook = 1, .in = { "eth0", 4 }, .mac = { 2, 0, 0x5e, 0x10, 0, 1 }, .mac_length = 6 },
	{ .data = udp, .caplen = sizeof(udp), .length = sizeof(udp), .family = QV_FAMILY_IPV6,
	  .hook = QV_NO_HOOK, .mark = 0x10 },
	{ .data = icmp, .caplen = sizeof(icmp), .length = sizeof(icmp), .family = QV_FAMILY_IPV4,
	  .hook = QV_NO_HOOK },
	{ .data = half, .caplen = sizeof(half), .length = 40, .family = QV_FAMILY_IPV4,
	  .hook = QV_NO_HOOK },
};
enum { PACKETS = sizeof(packets) / sizeof(packets[0]) };

static unsigned long long refused, run;
static uint32_t rules;		/* of the program in hand */

static void fail(const char *what)
{
	fprintf(stderr, "corrupt: %s\n", what);
	exit(1);
}

static void decided(void *context, const struct qv_packet *packet,
		    const struct qv_decision *decision)
{
	(void)packet;
	++*(size_t *)context;
	if (decision->verdict >= QV_CONTINUE || decision->reason >= QV_INTERNAL ||
	    (decision->rule != QV_NO_RULE && decision->rule >= rules))
		fail("a decision that is none");
}

/* Try @size bytes, copied to where a byte more would be found out. */
static void try(const uint8_t *bytes, size_t size)
{
	const struct qv_limits limits = { .memory = 64 << 20, .cached_flows = 16 };
	struct qv_fault fault = { 0 };
	struct qv_engine *engine;
	uint8_t *copy = malloc(size ? size : 1);
	size_t count = 0;

	if (!copy)
		fail("no memory");
	memcpy(copy, bytes, size);
	engine = qv_engine_new(copy, size, 1, &limits, &fault);
	if (engine) {
		run++;
		rules = qv_engine_program(engine)->rule_count;
		for (int round = 0; round < 2; round++)
			qv_judge(qv_engine_lane(engine, 0), packets, PACKETS, 1, decided, &count);
		if (count != 2 * PACKETS)
			fail("not a decision for each packet");
		qv_engine_free(engine);
	} else {
		refused++;
		if (fault.error != EINVAL && fault.error != E2BIG)
			fail("refused for no reason");
		if (!fault.text[0] || !memchr(fault.text, '\0', sizeof(fault.text)))
			fail("refused without a word");
	}
	free(copy);
}

static void turn_bits(uint8_t *bytes, size_t size)
{
	for (size_t bit = 0; bit < 8 * size; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		try(bytes, size);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void change_numbers(uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + 4 <= size; at += 4) {
		uint32_t old, new;

		memcpy(&old, bytes + at, sizeof(old));
		const uint32_t others[] = { old + 1, old - 1, old + 8, old - 8, 0, UINT32_MAX,
					    UINT32_MAX - 1, UINT32_C(1) << 31 };
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			new = others[i];
			memcpy(bytes + at, &new, sizeof(new));
			try(bytes, size);
		}
		memcpy(bytes + at, &old, sizeof(old));
	}
}

/* Cut and lengthen; with the header's own size as it was, and as it must be. */
static void change_lengths(const uint8_t *bytes, size_t size)
{
	uint8_t *longer = calloc(1, size + 16);
	struct qv_program_header header;

	if (!longer)
		fail("no memory");
	memcpy(longer, bytes, size);
	for (size_t length = 0; length <= size + 16; length++) {
		if (length == size)
			continue;
		try(longer, length);
		if (length < sizeof(header))
			continue;
		memcpy(&header, longer, sizeof(header));
		header.size = length;
		memcpy(longer, &header, sizeof(header));
		try(longer, length);
		header.size = size;
		memcpy(longer, &header, sizeof(header));
	}
	free(longer);
}

static size_t drawn(size_t bound)
{
	static uint64_t state = 1;

	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(state >> 32) % bound;
}

/* Random bytes, whole and behind the right header. */
static void draw_bytes(const uint8_t *bytes, size_t size)
{
	uint8_t *other = malloc(size);

	if (!other)
		fail("no memory");
	for (int round = 0; round < 200; round++) {
		size_t from = round % 2 ? sizeof(struct qv_program_header) : 0;

		memcpy(other, bytes, size);
		for (size_t i = from; i < size; i++)
			other[i] = (uint8_t)drawn(256);
		try(other, size);
	}
	/* A few bytes of it only. */
	for (int round = 0; round < 2000; round++) {
		memcpy(other, bytes, size);
		for (int i = 0; i < 1 + round % 4; i++)
			other[drawn(size)] = (uint8_t)drawn(256);
		try(other, size);
	}
	free(other);
}

int main(int count, char **files)
{
	for (int i = 1; i < count; i++) {
		FILE *file = fopen(files[i], "rb");
		uint8_t *bytes = malloc(1 << 16);
		unsigned long long before;
		size_t size;

		if (!file || !bytes)
			fail("no file, or no memory");
		size = fread(bytes, 1, 1 << 16, file);
		fclose(file);
		before = run;
		try(bytes, size);
		if (run == before)
			fail("refuses what is right");
		turn_bits(bytes, size);
		change_numbers(bytes, size);
		change_lengths(bytes, size);
		draw_bytes(bytes, size);
		free(bytes);
	}
	printf("%llu refused, %llu run\n", refused, run);
	return 0;
}
