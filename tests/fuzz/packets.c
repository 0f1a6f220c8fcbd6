// SPDX-License-Identifier: GPL-2.0
/* Packets out of a fuzzer's input. */
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "naive.h"

const uint32_t pool_numbers[16] = { 0, 1, 2, 6, 8, 17, 20, 53, 64, 80, 132, 255, 443, 1024,
				    65535, UINT32_MAX };

const char pool_addresses[8][16] = {
	"\xc0\x00\x02\x01",
	"\xc0\x00\x02\x4d",
	"\xc6\x33\x64\x01",
	"\x0a\x00\x00\x01",
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02",
	"\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
	"\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
};

const char *const pool_interfaces[8] = { "", "e", "eth0", "eth1", "lan", "wlan0",
					 "averylongname15", "averylongname15x" };

const char pool_macs[4][6] = { "\x02\0\x5e\x10\0\x01", "\x02\0\x5e\x10\0\x02",
			       "\0\0\0\0\0\0", "\xff\xff\xff\xff\xff\xff" };

uint8_t take8(struct source *source)
{
	if (source->size == 0)
		return 0;
	source->size--;
	return *source->data++;
}

uint16_t take16(struct source *source)
{
	uint16_t low = take8(source);

	return (uint16_t)(low | take8(source) << 8);
}

uint32_t take32(struct source *source)
{
	uint32_t low = take16(source);

	return low | (uint32_t)take16(source) << 16;
}

unsigned int take_below(struct source *source, unsigned int bound)
{
	return take8(source) % bound;
}

size_t take_bytes(struct source *source, void *bytes, size_t most)
{
	size_t size = most < source->size ? most : source->size;

	if (size > 0)
		memcpy(bytes, source->data, size);
	source->data += size;
	source->size -= size;
	return size;
}

static void name_interface(struct qv_ifname *name, uint8_t choice)
{
	const char *chosen = pool_interfaces[choice % 8];
	size_t length = strlen(chosen);

	memset(name, 0, sizeof(*name));
	name->length = (uint8_t)length;
	memcpy(name->name, chosen, length < QV_INTERFACE_SIZE ? length : QV_INTERFACE_SIZE - 1);
}

static uint8_t family_of(uint8_t choice, const uint8_t *data, size_t size)
{
	switch (choice % 8) {
	case 0:
		return choice;		/* any other: nobody's */
	case 1:
		return QV_FAMILY_IPV4;
	case 2:
		return QV_FAMILY_IPV6;
	default:
		return size > 0 && data[0] >> 4 == 6 ? QV_FAMILY_IPV6 : QV_FAMILY_IPV4;
	}
}

/* Let the network header say the length that the packet has, as if nothing had been inserted. */
static void mend(uint8_t *data, size_t at_hand, uint32_t length)
{
	if (at_hand >= 20 && data[0] >> 4 == 4)
		naive_store(data + 2, 2, length);
	if (at_hand >= 40 && data[0] >> 4 == 6)
		naive_store(data + 4, 2, length - 40);
}

static uint8_t *take_packet(struct source *source, struct qv_packet *packet)
{
	uint8_t flags = take8(source), family = take8(source), hook = take8(source);
	uint8_t in = take8(source), out = take8(source), mac = take8(source);
	uint8_t mark = take8(source), owner = take8(source);
	uint16_t size = take16(source), more = take16(source);
	uint8_t *data;

	if (size > source->size)
		size = (uint16_t)source->size;
	data = naive_alloc(size);
	take_bytes(source, data, size);
	memset(packet, 0, sizeof(*packet));
	packet->data = data;
	packet->caplen = size;
	packet->length = flags & INPUT_CUT ? size + (uint32_t)more : size;
	if (flags & INPUT_MEND)
		mend(data, size, packet->length);
	packet->family = family_of(family, data, size);
	packet->flags = flags & (QV_PACKET_PARTIAL | QV_PACKET_GSO | QV_PACKET_UID |
				 QV_PACKET_GID | QV_PACKET_TIME);
	packet->hook = hook % 8 < QV_HOOKS ? hook % 8 : QV_NO_HOOK;
	name_interface(&packet->in, in);
	name_interface(&packet->out, out);
	packet->mac_length = mac & 4 ? 6 : mac & 8 ? 8 : 0;
	memcpy(packet->mac, pool_macs[mac % 4], 6);
	packet->mark = pool_numbers[mark % 16];
	packet->uid = pool_numbers[owner % 16];
	packet->gid = pool_numbers[owner / 16];
	packet->time = owner;
	return data;
}

void input_packets(struct source *source, struct packets *packets)
{
	packets->count = 0;
	while (source->size >= INPUT_PACKET && packets->count < INPUT_PACKETS) {
		struct qv_packet *packet = &packets->packet[packets->count];

		packets->bytes[packets->count] = take_packet(source, packet);
		packet->id = ++packets->count;
	}
}

void input_packets_free(struct packets *packets)
{
	for (size_t i = 0; i < packets->count; i++)
		free(packets->bytes[i]);
}
