/* SPDX-License-Identifier: GPL-2.0 */
/* A quick hash for tables that only the policy's author fills; see siphash.h for the others. */
#ifndef QV_HASH_H
#define QV_HASH_H

#include <stdint.h>

/* Mix one more number in; the upper half of the result is the better one. */
static inline uint64_t qv_hash_step(uint64_t hash, uint64_t number)
{
	/* The golden ratio's bits, and a finisher like those of congruential generators. */
	hash = (hash ^ number) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static inline uint32_t qv_hash_words(const uint64_t *words, unsigned int count)
{
	uint64_t hash = 0;

	for (unsigned int i = 0; i < count; i++)
		hash = qv_hash_step(hash, words[i]);
	return (uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

#endif
