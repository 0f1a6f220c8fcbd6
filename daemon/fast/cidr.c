// SPDX-License-Identifier: GPL-2.0
/* Address sets from text: see cidr.h. */
#include "cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* An address, as numbers that compare as it does. */
struct address {
	uint8_t bytes[16];
	unsigned int size;	/* 4 or 16 */
};

void qv_addresses_free(struct qv_addresses *addresses)
{
	free(addresses->ranges4);
	free(addresses->ranges6);
	*addresses = (struct qv_addresses){ 0 };
}

/* Make room for @more records of @size bytes behind @count. */
static int reserve(void **records, size_t size, size_t count, size_t *room, size_t more)
{
	size_t wanted = count + more;
	void *moved;

	if (more <= *room - count)
		return 0;
	if (wanted < *room + *room / 2)
		wanted = *room + *room / 2;
	if (wanted < count || wanted > SIZE_MAX / size)
		return -ENOMEM;
	moved = realloc(*records, wanted * size);
	if (!moved)
		return -ENOMEM;
	*records = moved;
	*room = wanted;
	return 0;
}

int qv_addresses_reserve(struct qv_addresses *addresses, size_t more4, size_t more6)
{
	void *records4 = addresses->ranges4, *records6 = addresses->ranges6;
	int error = reserve(&records4, sizeof(*addresses->ranges4), addresses->count4,
			    &addresses->room4, more4);

	addresses->ranges4 = records4;
	if (error)
		return error;
	error = reserve(&records6, sizeof(*addresses->ranges6), addresses->count6,
			&addresses->room6, more6);
	addresses->ranges6 = records6;
	return error;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **text, size_t *length)
{
	while (*length && is_blank((*text)[*length - 1]))
		--*length;
	while (*length && is_blank(**text)) {
		++*text;
		--*length;
	}
}

/* As Python's socket.inet_pton has it, by the same function. */
static bool read_address(struct address *address, const char *text, size_t length)
{
	char copy[INET6_ADDRSTRLEN];

	/* A longer text may be an address still (0000:...), but not a plain one. */
	if (length >= sizeof(copy) || memchr(text, '\0', length))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	address->size = memchr(text, ':', length) ? 16 : 4;
	return inet_pton(address->size == 4 ? AF_INET : AF_INET6, copy, address->bytes) == 1;
}

static int add_range(struct qv_addresses *addresses, const struct address *low,
		     const struct address *high)
{
	struct qv_range4 *range4;
	struct qv_range6 *range6;
	uint32_t number;

	if (qv_addresses_reserve(addresses, low->size == 4, low->size == 16))
		return -ENOMEM;
	if (low->size == 4) {
		range4 = &addresses->ranges4[addresses->count4++];
		memcpy(&number, low->bytes, sizeof(number));
		range4->low = ntohl(number);
		memcpy(&number, high->bytes, sizeof(number));
		range4->high = ntohl(number);
	} else {
		range6 = &addresses->ranges6[addresses->count6++];
		memcpy(range6->low, low->bytes, sizeof(range6->low));
		memcpy(range6->high, high->bytes, sizeof(range6->high));
	}
	return 1;
}

/* Set the bits behind a prefix; false if one is set already. */
static bool fill_behind(struct address *address, unsigned int prefix)
{
	for (unsigned int i = prefix / 8; i < address->size; i++) {
		unsigned int behind = i == prefix / 8 ? 0xffu >> prefix % 8 : 0xffu;

		if (address->bytes[i] & behind)
			return false;
		address->bytes[i] |= (uint8_t)behind;
	}
	return true;
}

static int add_prefix(struct qv_addresses *addresses, const char *text, const char *slash,
		      const char *end)
{
	struct address low, high;
	unsigned int prefix = 0;

	if (end - slash < 2 || end - slash > 4)
		return 0;
	for (const char *digit = slash + 1; digit < end; digit++) {
		if (*digit < '0' || *digit > '9')
			return 0;
		prefix = prefix * 10 + (unsigned int)(*digit - '0');
	}
	if (!read_address(&low, text, (size_t)(slash - text)) || prefix > 8 * low.size)
		return 0;
	high = low;
	if (!fill_behind(&high, prefix))
		return 0;
	return add_range(addresses, &low, &high);
}

int qv_addresses_add(struct qv_addresses *addresses, const char *text, size_t length)
{
	const char *slash = memchr(text, '/', length);
	const char *dash = memchr(text, '-', length);
	struct address low, high;
	const char *last;
	size_t size;

	if (slash)
		return add_prefix(addresses, text, slash, text + length);
	if (!dash) {
		if (!read_address(&low, text, length))
			return 0;
		return add_range(addresses, &low, &low);
	}
	last = dash + 1;
	size = (size_t)(text + length - last);
	length = (size_t)(dash - text);
	trim(&text, &length);
	trim(&last, &size);
	if (!read_address(&low, text, length) || !read_address(&high, last, size) ||
	    low.size != high.size || memcmp(low.bytes, high.bytes, low.size) > 0)
		return 0;
	return add_range(addresses, &low, &high);
}

int qv_addresses_read(struct qv_addresses *addresses, struct qv_lines *lines,
		      struct qv_line *odd)
{
	static const char mark[] = { '\xef', '\xbb', '\xbf' };

	if (!lines->number && lines->size >= sizeof(mark) &&
	    !memcmp(lines->data, mark, sizeof(mark)))
		lines->next = sizeof(mark);
	while (lines->next <= lines->size) {
		const char *text = lines->data + lines->next, *end, *comment;
		size_t left = lines->size - lines->next, length;
		int added;

		end = left ? memchr(text, '\n', left) : NULL;
		length = end ? (size_t)(end - text) : left;
		lines->next += length + 1;
		lines->number++;
		if (!length)
			continue;
		*odd = (struct qv_line){ text, length };
		comment = memchr(text, '#', length);
		if (comment)
			length = (size_t)(comment - text);
		trim(&text, &length);
		if (!length)
			continue;
		added = qv_addresses_add(addresses, text, length);
		if (added < 0)
			return added;
		if (!added)
			return 1;
	}
	return 0;
}

static int compare4(const void *a, const void *b)
{
	const struct qv_range4 *first = a, *second = b;

	return (first->low > second->low) - (first->low < second->low);
}

static int compare6(const void *a, const void *b)
{
	return memcmp(((const struct qv_range6 *)a)->low, ((const struct qv_range6 *)b)->low, 16);
}

static bool is_sorted(const void *records, size_t count, size_t size,
		      int (*compare)(const void *a, const void *b))
{
	const char *record = records;

	for (size_t i = 1; i < count; i++, record += size)
		if (compare(record, record + size) > 0)
			return false;
	return true;
}

static size_t merge4(struct qv_range4 *ranges, size_t count)
{
	size_t last = 0;

	for (size_t i = 1; i < count; i++) {
		if (ranges[last].high == UINT32_MAX || ranges[i].low <= ranges[last].high + 1) {
			if (ranges[last].high < ranges[i].high)
				ranges[last].high = ranges[i].high;
		} else {
			ranges[++last] = ranges[i];
		}
	}
	return count ? last + 1 : 0;
}

/* Whether @low is @high or less, or its successor. */
static bool touches6(const uint8_t high[16], const uint8_t low[16])
{
	uint8_t next[16];

	memcpy(next, high, sizeof(next));
	for (int i = 15; i >= 0; i--)
		if (++next[i])
			return memcmp(low, next, sizeof(next)) <= 0;
	return true;	/* nothing is higher than @high */
}

static size_t merge6(struct qv_range6 *ranges, size_t count)
{
	size_t last = 0;

	for (size_t i = 1; i < count; i++) {
		if (touches6(ranges[last].high, ranges[i].low)) {
			if (memcmp(ranges[last].high, ranges[i].high, 16) < 0)
				memcpy(ranges[last].high, ranges[i].high, 16);
		} else {
			ranges[++last] = ranges[i];
		}
	}
	return count ? last + 1 : 0;
}

void qv_addresses_merge(struct qv_addresses *addresses)
{
	/* Lists are often sorted when they come. */
	if (!is_sorted(addresses->ranges4, addresses->count4, sizeof(struct qv_range4), compare4))
		qsort(addresses->ranges4, addresses->count4, sizeof(struct qv_range4), compare4);
	if (!is_sorted(addresses->ranges6, addresses->count6, sizeof(struct qv_range6), compare6))
		qsort(addresses->ranges6, addresses->count6, sizeof(struct qv_range6), compare6);
	addresses->count4 = merge4(addresses->ranges4, addresses->count4);
	addresses->count6 = merge6(addresses->ranges6, addresses->count6);
}
