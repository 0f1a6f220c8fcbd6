// SPDX-License-Identifier: GPL-2.0
/* Checksums: see checksum.h. */
#include "checksum.h"

#include <string.h>

#include "bytes.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

/* Four 64-bit sums of 32-bit words side by side: the carries pile up in the upper halves. */
typedef uint64_t lanes __attribute__((vector_size(32)));

enum { SUM_STRIDE = 2 * sizeof(lanes) };

/* Sum up whole strides; @size is a multiple of SUM_STRIDE. */
static inline __attribute__((always_inline)) uint64_t sum_strides(const uint8_t *part, size_t size)
{
	lanes first = { 0 }, second = { 0 }, words;

	for (; size; part += SUM_STRIDE, size -= SUM_STRIDE) {
		memcpy(&words, part, sizeof(words));
		first += (words & UINT32_MAX) + (words >> 32);
		memcpy(&words, part + sizeof(words), sizeof(words));
		second += (words & UINT32_MAX) + (words >> 32);
	}
	first += second;
	return first[0] + first[1] + first[2] + first[3];
}

static uint64_t sum_plain(const uint8_t *part, size_t size)
{
	return sum_strides(part, size);
}

#if defined(__x86_64__)
__attribute__((target("avx2")))
static uint64_t sum_wide(const uint8_t *part, size_t size)
{
	return sum_strides(part, size);
}
#endif

uint64_t qv_sum(const uint8_t *part, size_t size)
{
	const size_t strides = size / SUM_STRIDE * SUM_STRIDE;
	uint64_t sum = 0;
	uint32_t word;

#if defined(__x86_64__)
	if (strides && __builtin_cpu_supports("avx2"))
		sum = sum_wide(part, strides);
	else
#endif
		sum = sum_plain(part, strides);
	part += strides;
	for (size -= strides; size >= sizeof(word); part += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, part, sizeof(word));
		sum += word;
	}
	if (size) {
		word = 0;
		memcpy(&word, part, size);
		sum += word;
	}
	return sum;
}

uint16_t qv_sum_folded(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	/* 2^8 turns the words' bytes round: a sum of turned words is the turned sum. */
	return qv_swap_network16((uint16_t)sum);
}

uint16_t qv_checksum_carried(uint16_t checksum, uint16_t old, uint16_t now)
{
	const uint32_t carried = ((uint32_t)checksum + old + 0xffff - now) % 0xffff;

	return carried || now ? (uint16_t)carried : 0xffff;
}

/*
 * Sixteen remainders instead of 256, so that the table can be read: only a machine without the
 * instruction looks at it.
 */
static const uint32_t crc32c_of_nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t crc32c_plain(uint32_t crc, const uint8_t *data, size_t size)
{
	for (; size; data++, size--) {
		crc ^= *data;
		crc = crc >> 4 ^ crc32c_of_nibble[crc & 0xf];
		crc = crc >> 4 ^ crc32c_of_nibble[crc & 0xf];
	}
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
static uint32_t crc32c_instruction(uint32_t crc, const uint8_t *data, size_t size)
{
	uint64_t wide = crc, word;

	for (; size >= sizeof(word); data += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	crc = (uint32_t)wide;
	for (; size; data++, size--)
		crc = _mm_crc32_u8(crc, *data);
	return crc;
}
#endif

uint32_t qv_crc32c(const uint8_t *data, size_t size)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc32c_instruction(UINT32_MAX, data, size);
#endif
	return ~crc32c_plain(UINT32_MAX, data, size);
}
