// SPDX-License-Identifier: GPL-2.0
/*
 * An engine without memory: built whole or not at all, and no packet needs any.
 *
 *	starve PROGRAM...
 *
 * Each program's engine is built with the first allocation failing, then the second, and so on
 * until it is built; packets are judged with none to be had. Prints how many allocations were failed.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "heap.h"

enum { LANES = 2, LARGEST = 1 << 20 };

/* IPv4 UDP from port 1024 to 1, with "banana". */
static const uint8_t udp[] = {
	0x45, 0, 0, 34, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1,
	4, 0, 0, 1, 0, 14, 0, 0, 'b', 'a', 'n', 'a', 'n', 'a',
};

static const struct qv_packet packet = {
	.data = udp,
	.caplen = sizeof(udp),
	.length = sizeof(udp),
	.family = QV_FAMILY_IPV4,
	.hook = QV_NO_HOOK,
};

static void fail(const char *file, long nth, const char *what)
{
	fprintf(stderr, "starve: %s: allocation %ld: %s\n", file, nth, what);
	exit(1);
}

static void decided(void *context, const struct qv_packet *judged,
		    const struct qv_decision *decision)
{
	(void)judged;
	*(struct qv_decision *)context = *decision;
}

/* Judge with and without memory: the same, unless a pattern needs some to be matched. */
static void judge(const char *file, struct qv_engine *engine)
{
	const bool patterns = qv_engine_program(engine)->pattern_count > 0;
	struct qv_decision starved, fed;

	heap_starve(1, LONG_MAX / 2);
	qv_judge(qv_engine_lane(engine, 0), &packet, 1, 1, decided, &starved);
	if (!patterns && heap_asked())
		fail(file, 0, "a decision allocates");
	heap_starve(0, 0);
	qv_judge(qv_engine_lane(engine, LANES - 1), &packet, 1, 1, decided, &fed);
	if (starved.reason == QV_INTERNAL ? !patterns
					  : starved.reason != fed.reason || starved.rule != fed.rule)
		fail(file, 0, "another decision without memory");
}

/*
 * Build with @count allocations failing, from the first, the second... until all goes well. Returns
 * how many it takes.
 */
static long starve(const char *file, const uint64_t *program, size_t size, long count)
{
	const struct qv_limits limits = { .cached_flows = 64 };
	struct qv_fault none;
	long before;
	bool tidy = true;

	/* Once in peace: libraries keep what they allocate the first time. */
	qv_engine_free(qv_engine_new(program, size, LANES, &limits, &none));
	before = heap_blocks();
	for (long nth = 1;; nth++) {
		struct qv_fault fault = { 0 };
		struct qv_engine *engine;
		bool starved;

		heap_starve(nth, count);
		engine = qv_engine_new(program, size, LANES, &limits, &fault);
		starved = heap_asked() >= nth;
		heap_starve(0, 0);
		if (engine) {
			/* RE2 leaks what it was making when there was no memory for more. */
			tidy = tidy && qv_engine_program(engine)->pattern_count == 0;
			judge(file, engine);
			qv_engine_free(engine);
		} else if (fault.error != ENOMEM || !fault.text[0]) {
			fail(file, nth, fault.text);
		}
		if (engine && !starved) {
			if (tidy && heap_blocks() != before)
				fail(file, nth, "left something behind");
			return nth - 1;
		}
	}
}

int main(int count, char **files)
{
	static uint64_t program[LARGEST / sizeof(uint64_t)];
	long failed = 0;

	for (int i = 1; i < count; i++) {
		FILE *file = fopen(files[i], "rb");
		size_t size;

		if (!file)
			fail(files[i], 0, "cannot be read");
		size = fread(program, 1, sizeof(program), file);
		fclose(file);
		failed += starve(files[i], program, size, LONG_MAX / 2);
		failed += starve(files[i], program, size, 1);
	}
	printf("%ld failed\n", failed);
	return 0;
}
