/* SPDX-License-Identifier: GPL-2.0 */
/* Intersecting chunks, as each processor does it best. */
#ifndef QV_INTERSECT_H
#define QV_INTERSECT_H

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "index.h"
#include "rows.h"

#define AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))

/* Intersect @count chunks; return which of the result's words have a bit. */
static inline uint32_t intersect_any(const struct qv_chunk *const *chunks, uint32_t count,
				     struct qv_chunk *both)
{
	uint32_t some = 0;

	for (uint32_t word = 0; word < QV_CHUNK_WORDS; word++) {
		uint64_t left = ~UINT64_C(0);

		for (uint32_t i = 0; i < count; i++)
			left &= chunks[i]->words[word];
		both->words[word] = left;
		some |= (uint32_t)(left != 0) << word;
	}
	return some;
}

#ifdef __x86_64__

AVX2 static inline uint32_t intersect_avx2(const struct qv_chunk *const *chunks, uint32_t count,
					   struct qv_chunk *both)
{
	__m256i low = _mm256_set1_epi64x(-1), high = low;
	uint32_t none_low, none_high;

	for (uint32_t i = 0; i < count; i++) {
		const __m256i *half = (const __m256i *)chunks[i]->words;

		low = _mm256_and_si256(low, _mm256_load_si256(half));
		high = _mm256_and_si256(high, _mm256_load_si256(half + 1));
	}
	_mm256_store_si256((__m256i *)both->words, low);
	_mm256_store_si256((__m256i *)both->words + 1, high);
	low = _mm256_cmpeq_epi64(low, _mm256_setzero_si256());
	high = _mm256_cmpeq_epi64(high, _mm256_setzero_si256());
	none_low = (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(low));
	none_high = (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(high));
	return (none_low | none_high << 4) ^ 0xff;
}

#endif

/* @level is constant where this is used. */
static inline __attribute__((always_inline)) uint32_t
intersect(enum qv_processor level, const struct qv_chunk *const *chunks, uint32_t count,
	  struct qv_chunk *both)
{
#ifdef __x86_64__
	if (level == QV_WITH_AVX2)
		return intersect_avx2(chunks, count, both);
#endif
	(void)level;
	return intersect_any(chunks, count, both);
}

#endif
