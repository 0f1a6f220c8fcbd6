/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers in network order at any address: packets are not aligned to anything. */
#ifndef QV_BYTES_ORDER_H
#define QV_BYTES_ORDER_H

#include <stdint.h>
#include <string.h>

static inline uint16_t qv_swap_network16(uint16_t number)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap16(number);
#else
	return number;
#endif
}

static inline uint16_t qv_load16(const uint8_t *at)
{
	uint16_t number;

	memcpy(&number, at, sizeof(number));
	return qv_swap_network16(number);
}

static inline uint32_t qv_load32(const uint8_t *at)
{
	return (uint32_t)qv_load16(at) << 16 | qv_load16(at + 2);
}

static inline void qv_store16(uint8_t *at, uint16_t number)
{
	number = qv_swap_network16(number);
	memcpy(at, &number, sizeof(number));
}

#endif
