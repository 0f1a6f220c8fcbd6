// SPDX-License-Identifier: GPL-2.0
/* Random programs and packets: see rules.h. */
#include "rules.h"

#include <string.h>

#include "fields.h"

static uint64_t state = 1;

size_t drawn(size_t bound)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(state >> 33) % bound;
}

static uint32_t drawn_number(void)
{
	static const uint32_t plain[] = { 0, 1, 2, 4, 6, 17, 22, 53, 80, 255, 256, 443, 1024, 65535 };

	if (drawn(8))
		return plain[drawn(sizeof(plain) / sizeof(*plain))];
	return drawn(2) ? (uint32_t)drawn(70000) : UINT32_MAX - (uint32_t)drawn(4);
}

/* Addresses of few networks, few of which have more than a few hosts. */
static uint32_t drawn_address(void)
{
	return (uint32_t)(drawn(4) << 30 | drawn(2) << 16 | drawn(3) << 8 | drawn(16));
}

static void drawn_address6(uint8_t *address)
{
	memset(address, 0, 16);
	address[0] = (uint8_t)(drawn(3) ? 0x20 : 0xff);
	address[7] = (uint8_t)drawn(3);
	address[15] = (uint8_t)drawn(24);
	if (!drawn(16))
		memset(address, drawn(2) ? 0xff : 0, 16);
}

static uint32_t add_node(struct rules *rules, struct qv_node node)
{
	rules->nodes[rules->node_count] = node;
	return rules->node_count++;
}

static uint32_t draw_condition(struct rules *rules, int depth);

static uint32_t draw_join(struct rules *rules, enum qv_op op, int depth)
{
	struct qv_node node = { .op = (uint8_t)op, .count = (uint32_t)drawn(4) };
	uint32_t parts[4];

	for (uint32_t i = 0; i < node.count; i++)
		parts[i] = draw_condition(rules, depth - 1);
	node.first = rules->child_count;
	for (uint32_t i = 0; i < node.count; i++)
		rules->children[rules->child_count++] = parts[i];
	return add_node(rules, node);
}

static uint8_t drawn_number_field(void)
{
	static const uint8_t often[] = { QV_FIELD_PROTO, QV_FIELD_SPORT, QV_FIELD_DPORT };
	uint8_t field;

	if (drawn(2))
		return often[drawn(sizeof(often))];
	do
		field = (uint8_t)drawn(QV_FIELD_COUNT);
	while (!qv_fields[field].maximum || field == QV_FIELD_PORT || field == QV_FIELD_PAYLOAD);
	return field;
}

static uint32_t draw_test(struct rules *rules)
{
	struct qv_node node = { .field = 0 };
	const uint32_t first = (uint32_t)drawn(LIST);

	switch (drawn(12)) {
	case 0:
		node.op = QV_IN_MASKED;
		node.field = drawn(2) ? QV_FIELD_MARK : drawn_number_field();
		node.extra = drawn(2) ? (uint32_t)drawn(256) : UINT32_MAX << drawn(32);
		node.first = drawn_number() & node.extra;
		break;
	case 1:
		node.op = QV_IN_MACS;
		node.field = QV_FIELD_MAC_SRC;
		node.first = first;
		node.count = 1;
		break;
	case 2:
		node.op = QV_IN_INTERFACES;
		node.field = drawn(2) ? QV_FIELD_IN : QV_FIELD_OUT;
		node.first = first;
		node.count = (uint32_t)drawn(4);
		if (node.first + node.count > LIST)
			node.count = 0;
		break;
	case 3:
		node.op = QV_PAYLOAD_LENGTH;
		node.first = first;
		node.count = 1;
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		node.op = QV_IN_SET;
		node.field = drawn(2) ? QV_FIELD_SRC : QV_FIELD_DST;
		node.first = first;
		break;
	default:
		node.op = QV_IN_NUMBERS;
		node.field = drawn_number_field();
		node.first = first;
		node.count = (uint32_t)drawn(8) ? 1 : 0;
		break;
	}
	return add_node(rules, node);
}

static uint32_t draw_condition(struct rules *rules, int depth)
{
	const size_t choice = depth > 0 ? drawn(8) : 8;

	if (choice == 0)
		return draw_join(rules, QV_ALL, depth);
	if (choice == 1)
		return draw_join(rules, QV_ANY, depth);
	if (choice == 2) {
		const uint32_t part = draw_condition(rules, depth - 1);

		return add_node(rules, (struct qv_node){ .op = QV_NOT, .first = part });
	}
	return draw_test(rules);
}

static void draw_set(struct rules *rules, uint32_t index)
{
	struct qv_range4 *range4 = &rules->ranges4[2 * index];
	struct qv_range6 *range6 = &rules->ranges6[2 * index];
	const uint32_t size = UINT32_C(1) << drawn(5);

	range4[0].low = drawn_address();
	range4[0].high = range4[0].low + (uint32_t)drawn(size);
	range4[1].low = range4[0].high + 2 + (uint32_t)drawn(1 << 16);
	range4[1].high = range4[1].low + (uint32_t)drawn(1 << 20);
	drawn_address6(range6[0].low);
	memcpy(range6[0].high, range6[0].low, 16);
	range6[0].high[15] |= (uint8_t)(size - 1);
	rules->sets[index] = (struct qv_set){
		.first4 = 2 * index,
		.count4 = (uint32_t)drawn(3),
		.first6 = 2 * index,
		.count6 = (uint32_t)drawn(2),
	};
	if (!drawn(100)) {	/* all of IPv4 */
		range4[0] = (struct qv_range4){ 0, UINT32_MAX };
		rules->sets[index].count4 = 1;
	}
}

static void draw_name(char name[QV_INTERFACE_SIZE], uint8_t *length)
{
	static const char *const names[] = { "eth0", "eth1", "et", "e", "lo", "ethernet-is-15b", "x" };
	const char *one = names[drawn(sizeof(names) / sizeof(*names))];

	*length = (uint8_t)strlen(one);
	memset(name, 0, QV_INTERFACE_SIZE);
	memcpy(name, one, *length);
}

void draw_rules(struct rules *rules, uint32_t count, int depth)
{
	rules->node_count = 0;
	rules->child_count = 0;
	for (uint32_t i = 0; i < LIST; i++) {
		rules->numbers[i].low = drawn_number();
		rules->numbers[i].high = rules->numbers[i].low;
		if (rules->numbers[i].low < 60000 && !drawn(3))
			rules->numbers[i].high += (uint32_t)drawn(2000);
		draw_set(rules, i);
		rules->macs[i] = (struct qv_mac){ .address = { 2, 0, 0, 0, 0, (uint8_t)drawn(8) } };
		rules->interfaces[i] = (struct qv_interface){ .prefix = (uint8_t)drawn(2) };
		draw_name(rules->interfaces[i].name, &rules->interfaces[i].length);
	}
	for (uint32_t i = 0; i < count; i++) {
		/* Many rules of few tests, as policies have. */
		const int deep = drawn(4) ? 0 : depth;
		struct qv_node all = { .op = QV_ALL, .count = (uint32_t)drawn(5) };
		uint32_t parts[5];

		for (uint32_t part = 0; part < all.count; part++)
			parts[part] = draw_condition(rules, deep);
		all.first = rules->child_count;
		for (uint32_t part = 0; part < all.count; part++)
			rules->children[rules->child_count++] = parts[part];
		/* A rule for every packet hides what comes after. */
		if (!all.count && i + 1 < count)
			all.first = rules->child_count, all.count = 1,
			rules->children[rules->child_count++] = draw_test(rules);
		rules->rules[i] = (struct qv_rule){ .condition = add_node(rules, all) };
	}
	rules->program = (struct qv_program){
		.rules = rules->rules,
		.nodes = rules->nodes,
		.children = rules->children,
		.numbers = rules->numbers,
		.sets = rules->sets,
		.ranges4 = rules->ranges4,
		.ranges6 = rules->ranges6,
		.macs = rules->macs,
		.interfaces = rules->interfaces,
		.strings = rules->strings,
		.bytes = rules->bytes,
		.rule_count = count,
		.node_count = rules->node_count,
		.set_count = LIST,
	};
}

static void draw_header(struct qv_packet *packet, uint8_t *data)
{
	static const uint8_t protos[] = { 6, 17, 1, 58, 47, 132 };
	const uint8_t proto = protos[drawn(sizeof(protos))];
	uint32_t ends[2];

	if (drawn(3)) {
		packet->family = QV_FAMILY_IPV4;
		data[0] = 0x45;
		data[3] = PACKET;
		data[6] = drawn(16) ? 0 : 0x20;
		data[9] = proto;
		for (int i = 0; i < 2; i++) {
			ends[i] = __builtin_bswap32(drawn_address());
			memcpy(data + 12 + 4 * i, &ends[i], 4);
		}
		data += 20;
	} else {
		packet->family = QV_FAMILY_IPV6;
		data[0] = 0x60;
		data[5] = PACKET - 40;
		data[6] = proto;
		drawn_address6(data + 8);
		drawn_address6(data + 24);
		data += 40;
	}
	for (int i = 0; i < 2; i++) {
		const uint32_t port = drawn_number();

		data[2 * i] = (uint8_t)(port >> 8);
		data[2 * i + 1] = (uint8_t)port;
	}
	if (proto == 6)
		data[12] = 0x50;
	if (proto == 17)
		data[5] = 16;
}

void draw_packet(struct qv_packet *packet, uint8_t *data)
{
	for (int i = 0; i < PACKET; i++)
		data[i] = (uint8_t)(drawn(4) ? 0 : drawn(256));
	*packet = (struct qv_packet){
		.data = data,
		.caplen = drawn(4) ? PACKET : (uint32_t)drawn(PACKET),
		.length = PACKET,
		.mark = drawn_number(),
		.uid = drawn_number(),
		.gid = drawn_number(),
		.hook = drawn(4) ? (uint8_t)drawn(QV_HOOKS) : QV_NO_HOOK,
		.flags = (uint8_t)(drawn(4) * QV_PACKET_UID),
		.mac_length = drawn(2) ? 6 : 0,
		.mac = { 2, 0, 0, 0, 0, (uint8_t)drawn(8) },
	};
	draw_header(packet, data);
	if (drawn(4))
		draw_name(packet->in.name, &packet->in.length);
	if (drawn(2))
		draw_name(packet->out.name, &packet->out.length);
	if (packet->in.length == 15 && drawn(2))
		packet->in.length = 16;	/* a longer name, of which these are the first bytes */
}
