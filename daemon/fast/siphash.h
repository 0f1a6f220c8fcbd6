/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SipHash-1-3 over whole 64-bit words (Aumasson and Bernstein, "SipHash: a fast short-input PRF";
 * the variant with one round a word and three at the end, as hash tables use it): with a secret key,
 * nobody can choose inputs that meet.
 */
#ifndef QV_SIPHASH_H
#define QV_SIPHASH_H

#include <stdint.h>

struct qv_siphash_key {
	uint64_t k0, k1;
};

static inline uint64_t qv_rotate(uint64_t number, int bits)
{
	return number << bits | number >> (64 - bits);
}

static inline void qv_siphash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = qv_rotate(v[1], 13) ^ v[0];
	v[3] = qv_rotate(v[3], 16) ^ v[2];
	v[0] = qv_rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = qv_rotate(v[1], 17) ^ v[2];
	v[3] = qv_rotate(v[3], 21) ^ v[0];
	v[2] = qv_rotate(v[2], 32);
}

/* Hash @count words, each taken as its 8 bytes in little-endian order. */
static inline uint64_t qv_siphash(const struct qv_siphash_key *key, const uint64_t *words,
				  uint32_t count)
{
	uint64_t v[4] = {
		key->k0 ^ UINT64_C(0x736f6d6570736575),
		key->k1 ^ UINT64_C(0x646f72616e646f6d),
		key->k0 ^ UINT64_C(0x6c7967656e657261),
		key->k1 ^ UINT64_C(0x7465646279746573),
	};
	const uint64_t last = (uint64_t)count * 8 << 56;

	for (uint32_t i = 0; i <= count; i++) {
		const uint64_t word = i < count ? words[i] : last;

		v[3] ^= word;
		qv_siphash_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		qv_siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
