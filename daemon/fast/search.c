// SPDX-License-Identifier: GPL-2.0
/* Bytes in bytes: see search.h. */
#include "search.h"

#include <string.h>

/* A prime as modulus (2^61 - 1): without one, texts can be made up whose hashes all collide. */
#define MODULUS ((UINT64_C(1) << 61) - 1)
#define BASE UINT64_C(0x1d8af066a1c3e59)

static uint64_t times(uint64_t first, uint64_t second)
{
	const unsigned __int128 product = (unsigned __int128)first * second;
	const uint64_t sum = ((uint64_t)product & MODULUS) + (uint64_t)(product >> 61);

	return sum < MODULUS ? sum : sum - MODULUS;
}

static uint64_t plus(uint64_t first, uint64_t second)
{
	const uint64_t sum = first + second;

	return sum < MODULUS ? sum : sum - MODULUS;
}

const uint8_t *qv_search(const uint8_t *text, size_t length, const uint8_t *find, size_t size)
{
	if (size > length)
		return NULL;
	if (size == 1)
		return memchr(text, find[0], length);
	return memmem(text, length, find, size);
}

/*
 * Comparing at each length would take quadratic time: a rolling hash of the text's end and one of
 * the beginning of @find grow by a byte a step, and bytes are compared only where the two agree.
 */
bool qv_search_begun(const uint8_t *text, size_t length, const uint8_t *find, size_t least,
		     size_t most)
{
	uint64_t of_text = 0, of_find = 0, power = 1;

	for (size_t size = 1; size <= most; size++) {
		of_text = plus(of_text, times(power, text[length - size]));
		of_find = plus(times(of_find, BASE), find[size - 1]);
		power = times(power, BASE);
		if (size >= least && of_text == of_find &&
		    memcmp(text + length - size, find, size) == 0)
			return true;
	}
	return false;
}
