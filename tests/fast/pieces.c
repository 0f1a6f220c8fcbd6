// SPDX-License-Identifier: GPL-2.0
/*
 * The pieces that are written for speed, held to the same written for clarity: sums, searches,
 * outcomes. Prints nothing; ends with 1 and a line at the first difference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Taken in whole, so that each processor's way can be tested on any that knows it. */
#include "checksum.c"
#include "search.c"

#include "outcome.h"

enum { TEXT = 400, ROUNDS = 200000 };

static uint64_t state = 1;

static size_t drawn(size_t bound)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(state >> 33) % bound;
}

static void expect(bool right, const char *what, size_t first, size_t second)
{
	if (right)
		return;
	fprintf(stderr, "pieces: %s: %zu, %zu\n", what, first, second);
	exit(1);
}

/* Few different letters, so that much is alike; or any byte. */
static void draw(uint8_t *text, size_t size, size_t letters)
{
	for (size_t i = 0; i < size; i++)
		text[i] = (uint8_t)(drawn(letters) + (letters < 256 ? 'a' : 0));
}

/* Ones' complement addition of 16-bit words, every carry at once (RFC 1071, section 4.1). */
static uint16_t slow_sum(const uint8_t *part, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i++) {
		sum += i % 2 ? part[i] : (uint32_t)part[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static void test_sums(void)
{
	uint8_t bytes[TEXT + 8];

	for (int round = 0; round < ROUNDS / 10; round++) {
		const size_t at = drawn(8), size = drawn(TEXT);
		uint8_t *part = bytes + at;

		draw(bytes, sizeof(bytes), 256);
		if (drawn(8) == 0)
			memset(part, drawn(2) ? 0xff : 0, size);
		expect(qv_sum_folded(qv_sum(part, size)) == slow_sum(part, size), "sum", at, size);
		expect(sum_plain(part, size / SUM_STRIDE * SUM_STRIDE) ==
			       qv_sum(part, size / SUM_STRIDE * SUM_STRIDE),
		       "plain sum", at, size);
	}
}

/* A changed word, carried on, makes the checksum that a new sum makes, up to the two zeros. */
static void test_carried(void)
{
	uint8_t bytes[8];

	for (int round = 0; round < ROUNDS; round++) {
		uint16_t before, after, carried, old, now;

		draw(bytes, sizeof(bytes), drawn(4) ? 256 : 2);
		before = qv_checksum(qv_sum(bytes, sizeof(bytes)));
		old = qv_sum_folded(qv_sum(bytes, 4));
		draw(bytes, 4, drawn(4) ? 256 : 2);
		now = qv_sum_folded(qv_sum(bytes, 4));
		after = qv_checksum(qv_sum(bytes, sizeof(bytes)));
		carried = qv_checksum_carried(before, old, now);
		expect(carried % 0xffff == after % 0xffff, "carried on", carried, after);
	}
	expect(qv_checksum_carried(0, 1, 0) == 1, "carried on", 0, 1);
	expect(qv_checksum_carried(0xfffe, 1, 0) == 0xffff, "all zero now", 0xfffe, 1);
	expect(qv_checksum_carried(0xfffe, 1, 0xffff) == 0, "a zero sum", 0xfffe, 1);
}

static uint32_t slow_crc32c(const uint8_t *data, size_t size)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~crc;
}

static void test_crc32c(void)
{
	uint8_t bytes[TEXT];

	/* The check value that every catalogue of CRCs has. */
	expect(qv_crc32c((const uint8_t *)"123456789", 9) == UINT32_C(0xe3069283), "CRC32c", 9, 0);
	for (int round = 0; round < ROUNDS / 100; round++) {
		const size_t at = drawn(8), size = drawn(TEXT - 8);

		draw(bytes, sizeof(bytes), 256);
		expect(qv_crc32c(bytes + at, size) == slow_crc32c(bytes + at, size), "CRC32c", at,
		       size);
		expect(~crc32c_plain(UINT32_MAX, bytes + at, size) == slow_crc32c(bytes + at, size),
		       "plain CRC32c", at, size);
	}
}

static const uint8_t *slow_search(const uint8_t *text, size_t length, const uint8_t *find,
				  size_t size)
{
	for (size_t at = 0; at + size <= length; at++)
		if (memcmp(text + at, find, size) == 0)
			return text + at;
	return NULL;
}

static void test_search(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		const size_t length = drawn(TEXT), size = 1 + drawn(round % 8 ? 5 : 80);
		const size_t letters = 1 + drawn(3);
		/* Exactly as long, so that a sanitizer sees what reads past it. */
		uint8_t *text = malloc(length + 1), *find = malloc(size);

		if (!text || !find)
			exit(1);
		draw(text + 1, length, letters);
		draw(find, size, letters);
		if (length >= size && drawn(2))
			memcpy(find, text + 1 + drawn(length - size + 1), size);
		expect(qv_search(text + 1, length, find, size) ==
			       slow_search(text + 1, length, find, size),
		       "search", length, size);
		free(text);
		free(find);
	}
}

/* What the first and the last byte do not tell apart takes the way out of the search. */
static void test_search_gives_up(void)
{
	enum { LONG = 1 << 16, PERIOD = 1 << 12 };
	static uint8_t text[LONG], find[PERIOD];

	memset(text, 'a', sizeof(text));
	memset(find, 'a', sizeof(find));
	find[PERIOD / 2] = 'b';
	expect(!qv_search(text, sizeof(text), find, sizeof(find)), "found", LONG, PERIOD);
	text[LONG - PERIOD / 2] = 'b';
	expect(qv_search(text, sizeof(text), find, sizeof(find)) == text + LONG - PERIOD,
	       "not found", LONG, PERIOD);
}

static bool slow_begun(const uint8_t *text, size_t length, const uint8_t *find, size_t least,
		       size_t most)
{
	for (size_t size = least; size <= most; size++)
		if (memcmp(text + length - size, find, size) == 0)
			return true;
	return false;
}

static void test_begun(void)
{
	uint8_t text[TEXT], find[TEXT];

	for (int round = 0; round < ROUNDS / 10; round++) {
		const size_t length = 1 + drawn(TEXT), most = 1 + drawn(length);
		const size_t least = 1 + drawn(most), letters = 1 + drawn(3);

		draw(text, length, letters);
		draw(find, most, letters);
		if (drawn(2))
			memcpy(find, text + length - most, drawn(most) + 1);
		expect(qv_search_begun(text, length, find, least, most) ==
			       slow_begun(text, length, find, least, most),
		       "begun", length, most);
	}
}

/* Every join of two sets of values, from joining every pair of values. */
static void test_outcomes(void)
{
	static const qv_outcome weakest_first[] = { QV_FALSE, QV_ABSENT, QV_TRUE };
	enum { VALUES = 3, SETS = 8 };

	for (size_t a = 1; a < SETS; a++) {
		qv_outcome negated = 0;

		for (size_t b = 1; b < SETS; b++) {
			qv_outcome both = 0, either = 0;

			for (size_t i = 0; i < VALUES; i++) {
				for (size_t j = 0; j < VALUES; j++) {
					if (!(a & weakest_first[i]) || !(b & weakest_first[j]))
						continue;
					both |= weakest_first[i < j ? i : j];
					either |= weakest_first[i > j ? i : j];
				}
			}
			expect(qv_outcome_both((qv_outcome)a, (qv_outcome)b) == both, "both", a, b);
			expect(qv_outcome_either((qv_outcome)a, (qv_outcome)b) == either, "either",
			       a, b);
		}
		for (size_t i = 0; i < VALUES; i++)
			if (a & weakest_first[i])
				negated |= weakest_first[VALUES - 1 - i];
		expect(qv_outcome_negated((qv_outcome)a) == negated, "not", a, 0);
	}
}

int main(void)
{
	test_sums();
	test_carried();
	test_crc32c();
	test_search();
	test_search_gives_up();
	test_begun();
	test_outcomes();
	return 0;
}
