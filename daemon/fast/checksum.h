/* SPDX-License-Identifier: GPL-2.0 */
/* The Internet checksum (RFC 1071, carried on as in RFC 1624) and SCTP's CRC32c. */
#ifndef QV_CHECKSUM_H
#define QV_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * The sum of 16-bit words in the machine's byte order, not folded, so 0 only if all words are 0.
 * An odd part is padded with a zero byte. Sums of 2^32 parts do not overflow.
 */
uint64_t qv_sum(const uint8_t *part, size_t size);

/* The ones' complement sum in network order: 0xffff, not 0, for words that are not all zero. */
uint16_t qv_sum_folded(uint64_t sum);

/* The Internet checksum over what was summed, in which the checksum's own field is zero. */
static inline uint16_t qv_checksum(uint64_t sum)
{
	return (uint16_t)(0xffff - qv_sum_folded(sum));
}

/*
 * A checksum after its words' sum changed from @old to @now (folded; RFC 1624, eqn. 3). If the
 * changed words are all zero now, and what is not seen may be too, the result is the one of the two
 * zeros that holds in any case.
 */
uint16_t qv_checksum_carried(uint16_t checksum, uint16_t old, uint16_t now);

/* The CRC32c of SCTP (RFC 9260, appendix A), to be stored little-endian. */
uint32_t qv_crc32c(const uint8_t *data, size_t size);

#endif
