// SPDX-License-Identifier: GPL-2.0
/* Bytes in bytes: see search.h. */
#include "search.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

#if defined(__x86_64__)
enum { SEARCH_STRIDE = 32, FREE_COMPARISONS = 1024 };

/* Which of the SEARCH_STRIDE places from @text on may begin @find, by its first and last byte. */
__attribute__((target("avx2")))
static uint32_t places(const uint8_t *text, __m256i first, __m256i last, size_t size)
{
	const __m256i here = _mm256_loadu_si256((const __m256i *)(const void *)text);
	const __m256i there = _mm256_loadu_si256((const __m256i *)(const void *)(text + size - 1));

	return (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(_mm256_cmpeq_epi8(here, first),
							       _mm256_cmpeq_epi8(there, last)));
}

/*
 * Search by the first and last byte: five times as fast as memmem on 1,400 bytes of text, but
 * quadratic where these two are all over, so that it gives up when it has compared too much.
 * @text has at least SEARCH_STRIDE places for @find.
 */
__attribute__((target("avx2")))
static const uint8_t *search_wide(const uint8_t *text, size_t length, const uint8_t *find,
				  size_t size)
{
	const __m256i first = _mm256_set1_epi8((char)find[0]);
	const __m256i last = _mm256_set1_epi8((char)find[size - 1]);
	const size_t final = length - size + 1 - SEARCH_STRIDE;	/* where the last stride begins */
	size_t at = 0, compared = 0;

	for (;;) {
		uint32_t candidates = places(text + at, first, last, size);

		for (; candidates; candidates &= candidates - 1) {
			const uint8_t *place = text + at + __builtin_ctz(candidates);

			if (memcmp(place, find, size) == 0)
				return place;
			compared += size;
		}
		if (at == final)
			return NULL;
		if (compared > at + FREE_COMPARISONS)
			return memmem(text + at, length - at, find, size);
		/* The last stride looks at some places twice rather than past the text. */
		at = at + SEARCH_STRIDE < final ? at + SEARCH_STRIDE : final;
	}
}
#endif

const uint8_t *qv_search(const uint8_t *text, size_t length, const uint8_t *find, size_t size)
{
	if (size > length)
		return NULL;
	if (size == 1)
		return memchr(text, find[0], length);
#if defined(__x86_64__)
	if (size && length - size + 1 >= SEARCH_STRIDE && __builtin_cpu_supports("avx2"))
		return search_wide(text, length, find, size);
#endif
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
