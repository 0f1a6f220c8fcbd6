// SPDX-License-Identifier: GPL-2.0
/* Checksums word by word and bit by bit, as packet/checksum.py and action/draft.py have them. */
#include <string.h>

#include "naive.h"

/* Add 16-bit words to a ones' complement sum, every carry at once (RFC 1071). */
static uint32_t added(uint32_t sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		sum += i % 2 ? (uint32_t)bytes[i] : (uint32_t)bytes[i] << 8;
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return sum;
}

static uint32_t crc32c(const uint8_t *bytes, size_t size)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ UINT32_C(0x82f63b78) : crc >> 1;
	}
	return ~crc;
}

void naive_store(uint8_t *bytes, size_t size, uint32_t value)
{
	for (size_t i = size; i > 0; i--) {
		bytes[i - 1] = (uint8_t)value;
		value >>= 8;
	}
}

static size_t checksum_at(int transport)
{
	switch (transport) {
	case TCP:
		return 16;
	case ICMP:
	case ICMPV6:
		return 2;
	default:
		return 6;
	}
}

/* How many bytes of the segment a checksum covers, and in @length what the pseudo header says. */
static size_t coverage(int transport, const uint8_t *segment, size_t size, size_t *length)
{
	size_t covered = size;

	*length = size;
	if (transport == UDP) {
		covered = naive_load(segment + 4, 2);
		if (covered < 8 || covered > size)
			covered = size;
		*length = covered;
	} else if (transport == UDPLITE) {
		covered = naive_load(segment + 4, 2);
		if (covered == 0)
			covered = size;
	} else if (transport == DCCP && (segment[5] & 15) != 0) {
		covered = segment[4] * 4u + ((segment[5] & 15u) - 1) * 4;
	}
	return covered < size ? covered : size;
}

/* The sum of all that the transport checksum covers, whatever stands in its own field. */
static uint32_t summed(const struct naive_view *view, const uint8_t *packet, size_t size)
{
	const uint8_t *segment = packet + view->transport_at;
	size_t address = view->ipv6 ? 16 : 4, length;
	size_t covered = coverage(view->transport, segment, size - view->transport_at, &length);
	size_t field = checksum_at(view->transport);
	uint8_t words[8] = { 0 };
	uint32_t sum = 0;

	if (view->transport != ICMP) {
		const uint8_t *source = packet + (view->ipv6 ? 8 : 12);
		const uint8_t *destination = packet + (view->ipv6 ? 24 : 16);

		sum = added(sum, view->own_source ? source : view->source, address);
		sum = added(sum, view->own_destination ? destination : view->destination, address);
		naive_store(words, 4, (uint32_t)length);
		naive_store(words + 4, 4, (uint32_t)view->transport);
		sum = added(sum, words, 8);
	}
	sum = added(sum, segment, field);
	return added(sum, segment + field + 2, covered - field - 2);
}

/* RFC 1624, equation 3; of the two zeros the one that holds whatever is not seen. */
static uint32_t carried_on(uint32_t checksum, uint32_t old, uint32_t new)
{
	uint32_t result = (checksum + old + 0xffff - new) % 0xffff;

	if (result == 0 && new == 0)
		result = 0xffff;
	return result;
}

static bool sum_sctp(const struct naive_view *view, const uint8_t *old, size_t old_length,
		     uint8_t *new, size_t new_length)
{
	size_t at = view->transport_at;

	if (view->fragment) {
		/* The rest of what it covers is elsewhere. */
		return old_length == new_length && !view->partial &&
		       memcmp(old + at, new + at, new_length - at) == 0;
	}
	memset(new + at + 8, 0, 4);
	uint32_t crc = crc32c(new + at, new_length - at);

	for (size_t i = 0; i < 4; i++)
		new[at + 8 + i] = (uint8_t)(crc >> 8 * i);
	return true;
}

bool naive_sum_transport(const struct naive_view *view, const uint8_t *old, size_t old_length,
			 uint8_t *new, size_t new_length)
{
	size_t field = view->transport_at + checksum_at(view->transport);
	bool carried = view->fragment || !view->route_known;
	uint32_t checksum;

	if (view->transport == NO_TRANSPORT)
		return true;
	if (view->transport == SCTP)
		return sum_sctp(view, old, old_length, new, new_length);
	checksum = naive_load(new + field, 2);
	if (view->transport == UDP && checksum == 0 && !view->partial && (carried || !view->ipv6))
		return true;	/* its sender made none */
	if (carried && view->partial)
		return false;
	if (carried)
		checksum = carried_on(checksum, summed(view, old, old_length),
				      summed(view, new, new_length));
	else
		checksum = 0xffff - summed(view, new, new_length);
	if (checksum == 0 && (view->transport == UDP || view->transport == UDPLITE))
		checksum = 0xffff;
	naive_store(new + field, 2, checksum);
	return true;
}

void naive_sum_ipv4(uint8_t *packet)
{
	memset(packet + 10, 0, 2);
	naive_store(packet + 10, 2, 0xffff - added(0, packet, (packet[0] & 15u) * 4));
}
