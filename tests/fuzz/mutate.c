// SPDX-License-Identifier: GPL-2.0
/*
 * Mutations that keep an input's form: a record of a program is changed in its place, a packet's
 * bytes change and the others stay packets. Bytes inserted anywhere would break most inputs.
 */
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "naive.h"
#include "sections.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed);

/* A small generator of its own, so that a seed always makes the same mutation. */
static uint32_t drawn(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/*
 * Let bytes @at to @at + @size of an input become others, of another size perhaps, what follows
 * moving along. Returns how many they are now.
 */
static size_t mutate_part(uint8_t *data, size_t *all, size_t most, size_t at, size_t size)
{
	size_t rest = *all - at - size, room = most - *all + size, new;
	uint8_t *tail = naive_alloc(rest);

	memcpy(tail, data + at + size, rest);
	new = room > 0 ? LLVMFuzzerMutate(data + at, size, room) : size;
	memcpy(data + at + new, tail, rest);
	*all = at + new + rest;
	free(tail);
	return new;
}

/* A number that may mean something where an index, a count or a value stands. */
static uint32_t telling_number(const struct qv_program_header *header, uint32_t old,
			       uint32_t *state)
{
	switch (drawn(state) % 6) {
	case 0:
		return old + 1;
	case 1:
		return old - 1;
	case 2:
		return pool_numbers[drawn(state) % 16];
	case 3:
		return (uint32_t)header->sections[drawn(state) % QV_SECTIONS].count;
	case 4:
		return drawn(state) % 32;
	default:
		return old ^ 1u << drawn(state) % 32;
	}
}

/* Change one number of a record, or make the record like another of its kind. */
static void mutate_record(uint8_t *records, uint64_t count, size_t record,
			  const struct qv_program_header *header, uint32_t *state)
{
	uint8_t *at = records + drawn(state) % count * record;
	uint32_t old;

	if (record >= 4 && drawn(state) % 4 == 0) {
		memmove(at, records + drawn(state) % count * record, record);
	} else if (record >= 4 && drawn(state) % 4 > 0) {
		at += drawn(state) % (record / 4) * 4;
		memcpy(&old, at, 4);
		old = telling_number(header, old, state);
		memcpy(at, &old, 4);
	} else {
		at += drawn(state) % record;
		*at = (uint8_t)telling_number(header, *at, state);
	}
}

/* Change the program's bytes in a place that its own header tells; false: it tells none. */
static bool mutate_program(uint8_t *program, size_t size, uint32_t *state)
{
	struct qv_program_header header;
	enum qv_section_kind kind = drawn(state) % QV_SECTIONS;
	const struct qv_section *section;

	if (size < sizeof(header))
		return false;
	memcpy(&header, program, sizeof(header));
	if (drawn(state) % 64 == 0) {
		mutate_record(program, 1, sizeof(header), &header, state);
		return true;
	}
	for (int i = 0; i < QV_SECTIONS && header.sections[kind].count == 0; i++)
		kind = (kind + 1) % QV_SECTIONS;
	section = &header.sections[kind];
	if (section->count == 0 || section->offset > size ||
	    section->count > (size - section->offset) / sections_record(kind))
		return false;
	mutate_record(program + section->offset, section->count, sections_record(kind), &header,
		      state);
	return true;
}

/* Change one of the packets, its size with it. */
static size_t mutate_packet(uint8_t *data, size_t all, size_t most, size_t at, uint32_t *state)
{
	size_t starts[INPUT_PACKETS], count = 0, size, start;

	while (all - at >= INPUT_PACKET && count < INPUT_PACKETS) {
		starts[count++] = at;
		size = data[at + 8] | (size_t)data[at + 9] << 8;
		at += INPUT_PACKET;
		at += size < all - at ? size : all - at;
	}
	if (count == 0)
		return LLVMFuzzerMutate(data, all, most);
	start = starts[drawn(state) % count];
	if (drawn(state) % 4 == 0) {
		data[start + drawn(state) % INPUT_PACKET] = (uint8_t)drawn(state);
		return all;
	}
	size = data[start + 8] | (size_t)data[start + 9] << 8;
	if (size > all - start - INPUT_PACKET)
		size = all - start - INPUT_PACKET;
	size = mutate_part(data, &all, most, start + INPUT_PACKET, size);
	data[start + 8] = (uint8_t)size;
	data[start + 9] = (uint8_t)(size >> 8);
	return all;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed)
{
	uint32_t state = seed * UINT32_C(2654435761) | 1;
	size_t length;

	drawn(&state);
	if (size < INPUT_HEADER || drawn(&state) % 16 == 0)
		return LLVMFuzzerMutate(data, size, most);
	length = data[1] | (size_t)data[2] << 8;
	if (length > size - INPUT_HEADER)
		length = size - INPUT_HEADER;
	if (drawn(&state) % 2 == 0)
		return mutate_packet(data, size, most, INPUT_HEADER + length, &state);
	if (data[0] & INPUT_RAW && drawn(&state) % 8 > 0 &&
	    mutate_program(data + INPUT_HEADER, length, &state))
		return size;
	length = mutate_part(data, &size, most, INPUT_HEADER, length);
	data[1] = (uint8_t)length;
	data[2] = (uint8_t)(length >> 8);
	return size;
}
