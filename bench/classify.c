// SPDX-License-Identifier: GPL-2.0
/*
 * Classification alone: what the index costs a packet, beside a trace of ClassBench's.
 *
 *     classify PROGRAM TRACE [ROUNDS [PROCESSOR [FLOWS]]]
 *
 * PROGRAM is a lowered policy, TRACE lines of "src dst sport dport protocol first-match". The tuples
 * count as they are, ports of protocols without ports too, so views are made here and not decoded.
 * Prints JSON: nanoseconds of CPU time a packet (the least and the median of the rounds), how many
 * answers were right, how long the index took to build, and its memory.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "index.h"

enum { BATCH = 64, HEADERS = 24, ROUNDS = 51 };

/* An IPv4 header without options, and two ports. */
struct tuple {
	uint8_t bytes[HEADERS];
	uint32_t answer;
};

struct trace {
	struct tuple *tuples;
	size_t count;
};

struct bench {
	const struct qv_index *index;
	struct qv_flows *flows;
	struct qv_packet packet;
	struct qv_view views[BATCH];
	const struct qv_view *pointers[BATCH];
	struct qv_lookup lookups[BATCH];
};

static void die(const char *what)
{
	fprintf(stderr, "classify: %s\n", what);
	exit(1);
}

static void *need(void *memory)
{
	if (!memory)
		die("no memory");
	return memory;
}

static void *read_whole(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = NULL;
	size_t room = 0, some;

	if (!file)
		die(path);
	*size = 0;
	do {
		if (*size == room)
			bytes = need(realloc(bytes, room = room ? 2 * room : 1 << 20));
		some = fread(bytes + *size, 1, room - *size, file);
		*size += some;
	} while (some);
	fclose(file);
	return bytes;
}

static void read_trace(struct trace *trace, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[256], source[64], destination[64];
	size_t room = 0;

	if (!file)
		die(path);
	while (fgets(line, sizeof(line), file)) {
		uint16_t ports[2];
		struct tuple *tuple;
		uint8_t proto;
		uint32_t answer;

		if (sscanf(line, "%63s %63s %" SCNu16 " %" SCNu16 " %" SCNu8 " %" SCNu32, source,
			   destination, &ports[0], &ports[1], &proto, &answer) != 6)
			continue;	/* a comment */
		if (trace->count == room)
			trace->tuples = need(realloc(trace->tuples, (room = 2 * room + 1024) *
									    sizeof(*tuple)));
		tuple = &trace->tuples[trace->count++];
		*tuple = (struct tuple){ .bytes = { 0x45 }, .answer = answer };
		tuple->bytes[9] = proto;
		if (inet_pton(AF_INET, source, tuple->bytes + 12) != 1 ||
		    inet_pton(AF_INET, destination, tuple->bytes + 16) != 1)
			die("address");
		for (int i = 0; i < 2; i++)
			ports[i] = htons(ports[i]);
		memcpy(tuple->bytes + 20, ports, sizeof(ports));
	}
	fclose(file);
	if (!trace->count)
		die("empty trace");
}

/* Look a batch up; return how many answers were right. */
static size_t classify(struct bench *bench, const struct tuple *tuples, size_t count)
{
	size_t right = 0;

	for (size_t i = 0; i < count; i++) {
		bench->views[i].data = tuples[i].bytes;
		bench->views[i].proto = tuples[i].bytes[9];
	}
	qv_index_begin(bench->index, bench->flows, bench->pointers, count, bench->lookups);
	for (size_t i = 0; i < count; i++) {
		bool certain;

		right += qv_index_next(bench->index, &bench->lookups[i], 0, &certain) ==
				 tuples[i].answer &&
			 certain;
	}
	return right;
}

static double now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

static void prepare(struct bench *bench)
{
	for (int i = 0; i < BATCH; i++) {
		bench->views[i] = (struct qv_view){
			.packet = &bench->packet,
			.caplen = HEADERS,
			.end = HEADERS,
			.transport_at = 20,
			.network = QV_HEADER_IPV4,
			.transport = QV_HEADER_UDP,
		};
		bench->pointers[i] = &bench->views[i];
	}
}

int main(int argc, char **argv)
{
	const int rounds = argc > 3 ? atoi(argv[3]) : ROUNDS;
	const uint32_t flows = argc > 5 ? (uint32_t)atoi(argv[5]) : 0;
	struct bench *bench = need(aligned_alloc(64, (sizeof(*bench) + 63) / 64 * 64));
	double *times = need(calloc((size_t)rounds, sizeof(*times)));
	const uint8_t key[16] = { 1, 2, 3 };
	struct trace trace = { 0 };
	struct qv_program program;
	struct qv_fault fault;
	struct qv_index *index;
	struct qv_sets *sets;
	size_t size, right = 0;
	double start, built;
	void *bytes;

	if (argc < 3)
		die("PROGRAM TRACE [ROUNDS [PROCESSOR [FLOWS]]]");
	bytes = read_whole(argv[1], &size);
	read_trace(&trace, argv[2]);
	if (qv_program_verify(&program, bytes, size, &fault) < 0)
		die(fault.text);
	sets = qv_sets_new(&program, UINT64_C(1) << 32, &fault);
	start = now(CLOCK_PROCESS_CPUTIME_ID);
	index = sets ? qv_index_new(&program, sets, UINT64_C(1) << 32, &fault) : NULL;
	built = now(CLOCK_PROCESS_CPUTIME_ID) - start;
	if (!index)
		die(fault.text);
	if (argc > 4 && !qv_index_choose(index, (enum qv_processor)atoi(argv[4])))
		die("this processor does not know that");
	memset(bench, 0, sizeof(*bench));
	bench->index = index;
	bench->flows = flows ? need(qv_flows_new(index, flows, key)) : NULL;
	prepare(bench);
	for (int round = 0; round < rounds; round++) {
		right = 0;
		start = now(CLOCK_PROCESS_CPUTIME_ID);
		for (size_t i = 0; i < trace.count; i += BATCH)
			right += classify(bench, trace.tuples + i,
					  trace.count - i < BATCH ? trace.count - i : BATCH);
		times[round] = (now(CLOCK_PROCESS_CPUTIME_ID) - start) / (double)trace.count;
	}
	qsort(times, (size_t)rounds, sizeof(*times), compare);
	printf("{\"least_ns\": %.1f, \"median_ns\": %.1f, \"packets\": %zu, \"right\": %zu, "
	       "\"build_ms\": %.1f, \"memory\": %" PRIu64 "}\n",
	       times[0], times[rounds / 2], trace.count, right, built / 1e6,
	       qv_index_memory(index));
	qv_flows_free(bench->flows);
	qv_index_free(index);
	qv_sets_free(sets);
	free(bytes);
	free(trace.tuples);
	free(times);
	free(bench);
	return right == trace.count ? 0 : 1;
}
