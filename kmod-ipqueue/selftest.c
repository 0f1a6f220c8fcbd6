// SPDX-License-Identifier: GPL-2.0
/* Debug build: what can be checked without a packet, each time it is loaded. */
#define pr_fmt(fmt) KBUILD_MODNAME ": self-test: " fmt

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "ipqueue.h"

/* One row of a table: bytes, and what a check says of them. */
struct row {
	const char *name;
	const void *data;
	size_t len;
	int expect;
};

static int expect(const char *what, const char *name, int got, int wanted)
{
	if (got == wanted)
		return 0;
	pr_err("%s, %s: got %d, expected %d\n", what, name, got, wanted);
	return -EINVAL;
}

/* Ids */

#define IDS 3000

static bool holds(const struct ipq_queue *q, struct ipq_entry *all, u64 first,
		  u64 step, u64 from)
{
	u64 i;

	for (i = 0; i < IDS; i++) {
		bool in = i >= from || (i % step) != first;

		if ((ipq_table_find(&q->table, i + 1) == &all[i]) != in)
			return false;
	}
	return !ipq_table_find(&q->table, 0) &&
	       !ipq_table_find(&q->table, IDS + 1) &&
	       !ipq_table_find(&q->table, 1ULL << 32 | 1);
}

static int test_ids(struct ipq_queue *q, struct ipq_entry *all)
{
	u64 i;

	if (ipq_table_find(&q->table, 1))
		return expect("ids", "find without a table", 1, 0);
	if (ipq_table_fit(q, 100))
		return -ENOMEM;
	for (i = 0; i < IDS; i++) {
		all[i].id = i + 1;
		ipq_table_add(&q->table, &all[i]);
		list_add_tail(&all[i].order, &q->waiting);
	}
	if (!holds(q, all, 1, 1, 0))
		return expect("ids", "after adding", 0, 1);
	for (i = 1; i < IDS; i += 3) {
		ipq_table_del(&q->table, &all[i]);
		list_del(&all[i].order);
	}
	if (!holds(q, all, 1, 3, IDS))
		return expect("ids", "after deleting a third", 0, 1);
	if (ipq_table_fit(q, 8000) || q->table.mask != 8191)
		return expect("ids", "size after growing", q->table.mask, 8191);
	if (!holds(q, all, 1, 3, IDS))
		return expect("ids", "after growing", 0, 1);
	if (ipq_table_fit(q, 1) || q->table.mask != 63)
		return expect("ids", "size after shrinking", q->table.mask, 63);
	if (!holds(q, all, 1, 3, IDS))
		return expect("ids", "after shrinking", 0, 1);
	return 0;
}

static int run_ids(void)
{
	struct ipq_queue *q = kzalloc(sizeof(*q), GFP_KERNEL);
	struct ipq_entry *all = kvcalloc(IDS, sizeof(*all), GFP_KERNEL);
	int err = -ENOMEM;

	if (q && all) {
		ipq_queue_init(q, NULL, NFPROTO_IPV4);
		err = test_ids(q, all);
		ipq_table_free(&q->table);
	}
	kvfree(all);
	kfree(q);
	return err;
}

/* Messages of the peer */

/* Two verdicts, the first with a payload. */
struct two_verdicts {
	struct ipq_verdicts head;
	struct ipq_verdict first;
	u8 payload[24];
	struct ipq_verdict second;
	u8 behind[8];
};

#define WHOLE	offsetof(struct two_verdicts, behind)
#define FIRST	offsetof(struct two_verdicts, payload)

static int run_verdicts(void)
{
	static const struct {
		const char *name;
		u32 count, reserved, verdict, data_len;
		size_t len;
		int expect;
	} rows[] = {
		{ "two", 2, 0, NF_STOP, 20, WHOLE, 0 },
		{ "one", 1, 0, NF_STOP, 0, FIRST, 0 },
		{ "one, bytes behind", 1, 0, NF_STOP, 0, FIRST + 8, -EINVAL },
		{ "second cut", 2, 0, NF_STOP, 20, WHOLE - 1, -EINVAL },
		{ "payload cut", 2, 0, NF_STOP, 20, FIRST + 20, -EINVAL },
		{ "first cut", 2, 0, NF_STOP, 20, FIRST - 1, -EINVAL },
		{ "head only", 2, 0, NF_STOP, 20, 8, -EINVAL },
		{ "head cut", 2, 0, NF_STOP, 20, 7, -EINVAL },
		{ "nothing", 2, 0, NF_STOP, 20, 0, -EINVAL },
		{ "bytes behind", 2, 0, NF_STOP, 20, WHOLE + 8, -EINVAL },
		{ "count 0", 0, 0, NF_STOP, 20, WHOLE, -EINVAL },
		{ "count too high", 4097, 0, NF_STOP, 20, WHOLE, -EINVAL },
		{ "reserved set", 2, 1, NF_STOP, 20, WHOLE, -EINVAL },
		{ "NF_STOLEN", 2, 0, NF_STOLEN, 20, WHOLE, -EINVAL },
		{ "verdict 6", 2, 0, 6, 20, WHOLE, -EINVAL },
		{ "queue 1", 2, 0, 1 << 16 | NF_QUEUE, 20, WHOLE, -EINVAL },
		{ "below a header", 2, 0, NF_DROP, 19, WHOLE, -EINVAL },
		{ "far too long", 2, 0, NF_DROP, 0xFFFFFFFF, WHOLE, -EINVAL },
		{ "wraps around", 2, 0, NF_DROP, 0xFFFFFFF8, WHOLE, -EINVAL },
	};
	struct two_verdicts two = {};
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(rows); i++) {
		two.head.count = rows[i].count;
		two.head.reserved = rows[i].reserved;
		two.first.data_len = rows[i].data_len;
		two.second.verdict = rows[i].verdict;
		err = expect("verdict list", rows[i].name,
			     ipq_verdicts_check(NFPROTO_IPV4, &two,
						rows[i].len), rows[i].expect);
	}
	two.first.data_len = 20;
	if (!err)
		err = expect("verdict list", "below an IPv6 header",
			     ipq_verdicts_check(NFPROTO_IPV6, &two, WHOLE),
			     -EINVAL);
	return err;
}

#define HELLO	sizeof(struct ipq_hello)

static int run_hello(void)
{
	static const struct {
		const char *name;
		struct ipq_hello hello;
		size_t len;
		int expect;
	} rows[] = {
		{ "good", { IPQ_MAGIC, 1, HELLO, ~0U }, HELLO, 0 },
		{ "longer", { IPQ_MAGIC, 1, HELLO + 8 }, HELLO + 8, 0 },
		{ "cut", { IPQ_MAGIC, 1, HELLO }, HELLO - 1, -EINVAL },
		{ "nothing", { IPQ_MAGIC, 1, HELLO }, 0, -EINVAL },
		{ "magic", { IPQ_MAGIC + 1, 1, HELLO }, HELLO, -EINVAL },
		{ "version", { IPQ_MAGIC, 2, HELLO }, HELLO, -EINVAL },
		{ "size small", { IPQ_MAGIC, 1, HELLO - 1 }, HELLO, -EINVAL },
		{ "size large", { IPQ_MAGIC, 1, HELLO + 1 }, HELLO, -EINVAL },
		{ "reserved", { IPQ_MAGIC, 1, HELLO, .reserved = 1 }, HELLO,
		  -EINVAL },
	};
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(rows); i++)
		err = expect("hello", rows[i].name,
			     ipq_hello_check(&rows[i].hello, rows[i].len),
			     rows[i].expect);
	return err;
}

#define RANGE	sizeof(struct ipq_range)

static int run_range(void)
{
	static const struct {
		const char *name;
		struct ipq_range range;
		size_t len;
		int expect;
	} rows[] = {
		{ "good", { 5, 5, NF_ACCEPT }, RANGE, 0 },
		{ "short", { 5, 5, NF_ACCEPT }, RANGE - 1, -EINVAL },
		{ "long", { 5, 5, NF_ACCEPT }, RANGE + 1, -EINVAL },
		{ "last before first", { 6, 5, NF_ACCEPT }, RANGE, -EINVAL },
		{ "NF_STOLEN", { 5, 6, NF_STOLEN }, RANGE, -EINVAL },
		{ "reserved", { 5, 6, .reserved = 1 }, RANGE, -EINVAL },
	};
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(rows); i++)
		err = expect("range", rows[i].name,
			     ipq_range_check(&rows[i].range, rows[i].len),
			     rows[i].expect);
	return err;
}

/* Replacement payloads */

static int run_payload_ipv4(void)
{
	struct iphdr good = {
		.version = 4, .ihl = 5, .tot_len = htons(sizeof(good)),
	};
	struct iphdr version = good, ihl = good, options = good;
	struct iphdr short_total = good, long_total = good;
	const struct row rows[] = {
		{ "header only", &good, sizeof(good), 0 },
		{ "cut header", &good, sizeof(good) - 1, -EINVAL },
		{ "nothing", &good, 0, -EINVAL },
		{ "version 6", &version, sizeof(good), -EINVAL },
		{ "header length 4", &ihl, sizeof(good), -EINVAL },
		{ "options beyond the end", &options, sizeof(good), -EINVAL },
		{ "total below", &short_total, sizeof(good), -EINVAL },
		{ "total beyond", &long_total, sizeof(good), -EINVAL },
		{ "more than a packet", &good, 65536 + 20, -EINVAL },
	};
	unsigned int i;
	int err = 0;

	version.version = 6;
	ihl.ihl = 4;
	options.ihl = 6;
	short_total.tot_len = htons(sizeof(good) - 1);
	long_total.tot_len = htons(sizeof(good) + 1);
	for (i = 0; !err && i < ARRAY_SIZE(rows); i++)
		err = expect("IPv4 payload", rows[i].name,
			     ipq_payload_check(NFPROTO_IPV4, rows[i].data,
					       rows[i].len), rows[i].expect);
	return err;
}

static int run_payload_ipv6(void)
{
	struct ipv6hdr good = { .version = 6 };
	struct ipv6hdr version = good, total = good;
	const struct row rows[] = {
		{ "header only", &good, sizeof(good), 0 },
		{ "cut header", &good, sizeof(good) - 1, -EINVAL },
		{ "version 4", &version, sizeof(good), -EINVAL },
		{ "total beyond", &total, sizeof(good), -EINVAL },
		{ "more than a packet", &good, 65536 + 40, -EINVAL },
	};
	unsigned int i;
	int err = 0;

	version.version = 4;
	total.payload_len = htons(1);
	for (i = 0; !err && i < ARRAY_SIZE(rows); i++)
		err = expect("IPv6 payload", rows[i].name,
			     ipq_payload_check(NFPROTO_IPV6, rows[i].data,
					       rows[i].len), rows[i].expect);
	return err;
}

/* Settings */

static int run_settings(void)
{
	static const struct {
		const char *name;
		struct ipq_settings s;
		int expect;
	} rows[] = {
		{ "nothing to set", { .version = 1 }, 0 },
		{ "all", { .version = 1, .mask = IPQ_SET_ALL, .maxlen = 1,
			   .overflow_verdict = NF_ACCEPT, .deadline_ms = 600000,
			   .linger_ms = 600000 }, 0 },
		{ "version", { .version = 2 }, -EINVAL },
		{ "mask", { .version = 1, .mask = 0x10 }, -EINVAL },
		{ "reserved", { .version = 1, .reserved = 1 }, -EINVAL },
		{ "maxlen 0", { .version = 1, .mask = IPQ_SET_MAXLEN },
		  -EINVAL },
		{ "maxlen", { .version = 1, .mask = IPQ_SET_MAXLEN,
			      .maxlen = 65537 }, -EINVAL },
		{ "overflow", { .version = 1, .mask = IPQ_SET_OVERFLOW,
				.overflow_verdict = NF_QUEUE }, -EINVAL },
		{ "deadline", { .version = 1, .mask = IPQ_SET_DEADLINE,
				.deadline_ms = 600001 }, -EINVAL },
		{ "deadline's verdict", { .version = 1,
					  .mask = IPQ_SET_DEADLINE,
					  .deadline_verdict = NF_STOLEN },
		  -EINVAL },
		{ "linger", { .version = 1, .mask = IPQ_SET_LINGER,
			      .linger_ms = 600001 }, -EINVAL },
		{ "not selected", { .version = 1, .maxlen = 65537 }, 0 },
	};
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(rows); i++)
		err = expect("settings", rows[i].name,
			     ipq_settings_check(&rows[i].s), rows[i].expect);
	return err;
}

/**
 * ipq_selftest() - run all self-tests
 *
 * Return: 0; the first failure, which is in the log.
 */
int ipq_selftest(void)
{
	static int (*const tests[])(void) = {
		run_ids, run_verdicts, run_hello, run_range,
		run_payload_ipv4, run_payload_ipv6, run_settings,
	};
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		err = tests[i]();
		if (err) {
			pr_err("failed (%d), not loading\n", err);
			return err;
		}
	}
	pr_info("all %zu passed\n", ARRAY_SIZE(tests));
	return 0;
}
