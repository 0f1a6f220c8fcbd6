// SPDX-License-Identifier: GPL-2.0
/* Prints the module's public header as numbers and bytes: "constant NAME VALUE" and "struct NAME
 * HEX", each member of each structure filled with a value of its own.
 */
#include <linux/netfilter/ipqueue.h>
#include <stdio.h>
#include <string.h>

#define CONSTANT(name) printf("constant %s %lld\n", #name, (long long)(name))
#define STRUCT(name) dump(#name, &name, sizeof(name))

static void dump(const char *name, const void *bytes, size_t size)
{
	printf("struct %s ", name);
	for (size_t i = 0; i < size; i++)
		printf("%02x", ((const unsigned char *)bytes)[i]);
	printf("\n");
}

static void constants(void)
{
	CONSTANT(NETLINK_FIREWALL);
	CONSTANT(NETLINK_IP6_FW);
	CONSTANT(IPQM_MODE);
	CONSTANT(IPQM_VERDICT);
	CONSTANT(IPQM_PACKET);
	CONSTANT(IPQM_HELLO);
	CONSTANT(IPQM_PACKETS);
	CONSTANT(IPQM_VERDICTS);
	CONSTANT(IPQM_RANGE);
	CONSTANT(IPQM_MISSING);
	CONSTANT(IPQM_TAP);
	CONSTANT(IPQ_VERSION);
	CONSTANT(IPQ_FEATURE_PACKETS);
	CONSTANT(IPQ_FEATURE_VERDICTS);
	CONSTANT(IPQ_FEATURE_FLOW);
	CONSTANT(IPQ_FEATURE_OWNER);
	CONSTANT(IPQ_MIN_DATAGRAM);
	CONSTANT(IPQ_MAX_DATAGRAM);
	CONSTANT(IPQ_MAX_HOLD_US);
	CONSTANT(IPQ_MAX_VERDICTS);
	CONSTANT(IPQ_PACKET_OWNER);
	CONSTANT(IPQ_PACKET_RESENT);
	CONSTANT(IPQ_COPY_NONE);
	CONSTANT(IPQ_COPY_META);
	CONSTANT(IPQ_COPY_PACKET);
	CONSTANT(IPQ_SO_SETTINGS);
	CONSTANT(IPQ_SO_STATS);
	CONSTANT(IPQ_SET_MAXLEN);
	CONSTANT(IPQ_SET_OVERFLOW);
	CONSTANT(IPQ_SET_DEADLINE);
	CONSTANT(IPQ_SET_LINGER);
	CONSTANT(IPQ_MAXLEN_MAX);
	CONSTANT(IPQ_MAX_TIME_MS);
	CONSTANT(IPQ_SETTINGS_SIZE_V1);
	CONSTANT(IPQ_STATS_SIZE_V1);
	CONSTANT(IPQ_GROUP_TAP);
	CONSTANT(IPQ_TAP_PORTS);
	CONSTANT(IPQ_TAP_ICMP);
	CONSTANT(IPQ_TAP_FRAGMENT);
	CONSTANT(IPQ_TAP_REPLACED);
	CONSTANT(IPQ_REASON_PEER);
	CONSTANT(IPQ_REASON_DEADLINE);
	CONSTANT(IPQ_REASON_OVERFLOW);
	CONSTANT(IPQ_REASON_UNDELIVERED);
	CONSTANT(IPQ_REASON_REFUSED);
	CONSTANT(IPQ_REASON_PEER_GONE);
	CONSTANT(IPQ_REASON_DEVICE);
	CONSTANT(IPQ_REASON_HOOK);
	CONSTANT(IPQ_REASON_CONNTRACK);
}

static void classic(void)
{
	static struct ipq_packet_msg packet;
	static struct ipq_peer_msg mode, verdict;

	packet.packet_id = 1;
	packet.mark = 2;
	packet.timestamp_sec = 3;
	packet.timestamp_usec = 4;
	packet.hook = 5;
	strcpy(packet.indev_name, "eth6");
	strcpy(packet.outdev_name, "eth7");
	packet.hw_protocol = __builtin_bswap16(8);
	packet.hw_type = 9;
	packet.hw_addrlen = 8;
	memcpy(packet.hw_addr, "abcdefgh", 8);
	STRUCT(packet);
	mode.msg.mode.value = IPQ_COPY_PACKET;
	mode.msg.mode.range = 1500;
	STRUCT(mode);
	verdict.msg.verdict.value = 1;
	verdict.msg.verdict.id = 2;
	STRUCT(verdict);
}

static void batch(void)
{
	static struct ipq_hello hello = {
		.magic = IPQ_MAGIC, .version = IPQ_VERSION, .size = sizeof(hello), .features = 1,
		.max_bytes = 2, .max_packets = 3, .hold_us = 4, .max_verdicts = 5,
	};
	static struct {
		struct ipq_packets head;
		struct ipq_packet packet;
	} packets = {
		.head = { .count = 1, .backlog = 2, .overflowed = 3 },
		.packet = {
			.size = sizeof(struct ipq_packet), .length = 1, .mark = 2, .id = 3,
			.time_ns = 4, .indev = 5, .outdev = 6, .physindev = 7, .physoutdev = 8,
			.uid = 9, .gid = 10, .hw_protocol = __builtin_bswap16(11), .hw_type = 12,
			.hook = 13, .flags = 14, .hw_addrlen = 8, .hw_addr = "hgfedcb",
		},
	};
	static struct {
		struct ipq_verdicts head;
		struct ipq_verdict verdict;
	} verdicts = {
		.head = { .count = 1 },
		.verdict = { .id = 1, .verdict = 2, .mark = 3, .mask = 4 },
	};
	static struct ipq_range range = { .first = 1, .last = 2, .verdict = 3, .mark = 4, .mask = 5 };
	static struct {
		struct ipq_missing head;
		__u64 id;
	} missing = { .head = { .count = 2, .listed = 1 }, .id = 3 };

	STRUCT(hello);
	STRUCT(packets);
	STRUCT(verdicts);
	STRUCT(range);
	STRUCT(missing);
}

static void control(void)
{
	static struct ipq_settings settings = {
		.version = IPQ_VERSION, .size = sizeof(settings), .mask = 1, .maxlen = 2,
		.overflow_verdict = 3, .deadline_ms = 4, .deadline_verdict = 5, .linger_ms = 6,
	};
	static struct ipq_stats stats = {
		.version = IPQ_VERSION, .size = sizeof(stats), .mode = 1, .range = 2, .peer = 3,
		.features = 4, .lingering = 5, .length = 6, .peak = 7, .backlog = 8, .queued = 9,
		.accepted = 10, .dropped = 11, .repeated = 12, .stopped = 13, .requeued = 14,
		.expired = 15, .flushed = 16, .undeliverable = 17, .overflow_dropped = 18,
		.overflow_accepted = 19, .conntrack_dropped = 20, .replaced = 21, .refused = 22,
		.resent = 23, .tap_records = 24, .tap_lost = 25,
	};

	STRUCT(settings);
	STRUCT(stats);
}

static void tap(void)
{
	static struct {
		struct ipq_tap head;
		struct ipq_tap_record record;
	} tap = {
		.head = { .seq = 1, .count = 1, .record_size = sizeof(struct ipq_tap_record) },
		.record = {
			.time_ns = 1, .wait_ns = 2, .id = 3, .length = 4, .mark = 5, .indev = 6,
			.outdev = 7, .saddr = "source address", .daddr = "destination addr",
			.sport = __builtin_bswap16(8), .dport = __builtin_bswap16(9), .family = 10,
			.protocol = 11, .hook = 12, .verdict = 13, .reason = 14, .flags = 15,
			.icmp_type = 16, .icmp_code = 17,
		},
	};

	STRUCT(tap);
}

int main(void)
{
	constants();
	classic();
	batch();
	control();
	tap();
	return 0;
}
