// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic from client to server of which every datagram and byte is accounted for.
 *
 *	load CLIENTS SERVERS ADDRESS FLOWS STREAMS WINDOW RATE
 *
 * CLIENTS and SERVERS name network namespaces. FLOWS datagram flows have at most WINDOW datagrams each
 * under way and RATE a second together; STREAMS are TCP connections of STREAM_RATE bytes a second
 * each. So it is what arrives that paces what is sent, and a queue that nobody serves
 * holds no more than FLOWS * WINDOW datagrams. A line on standard input is a command; each is
 * answered by a line of JSON with the figures until then:
 *
 *	figures		go on
 *	poison N	the next datagram of flow N is poison
 *	stop MS		send no more, and wait until all has arrived, or nothing has for MS ms:
 *			TCP sends again what was lost, and waits longer each time; where the
 *			streams are complete it is but a moment
 */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MOST_FLOWS = 64,
	MOST_STREAMS = 16,
	STREAM_RATE = 400000,		/* bytes a second */
	TICK = 2,			/* ms */
	/* Where nothing of a flow arrives for so long all of it may be lost: one more is sent. */
	PROBE = 250,			/* ms */
	/* A backlog of what should have been sent is not made good in one burst. */
	BURST = 20,			/* ms */
	/* Datagrams that have not arrived by then never will: nobody sends them again. */
	MOMENT = 1500,			/* ms */
	MISSING_SHOWN = 20000,
};

struct load {
	unsigned int flow_count, stream_count;
	struct flow flows[MOST_FLOWS];
	struct stream streams[MOST_STREAMS];
	uint64_t window, rate;
	double credit, stream_credit;	/* datagrams, and bytes of each stream */
	uint64_t paced, arrived;	/* ms: when credit was given, and when something last arrived */
	uint64_t silence;		/* ms: the longest time without anything */
	unsigned int turn;		/* the flow that is first to send */
	bool stopping;
	uint64_t patience;		/* ms */
	char line[64];
	size_t line_size;
};

static void figures(const struct load *load)
{
	printf("{\"flows\":[");
	for (unsigned int i = 0; i < load->flow_count; i++) {
		const struct flow *flow = &load->flows[i];

		printf("%s{\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"doubled\":%" PRIu64
		       ",\"late\":%" PRIu64 ",\"broken\":%" PRIu64 ",\"unsent\":%" PRIu64 "}",
		       i ? "," : "", flow->sent, flow->received, flow->doubled, flow->late,
		       flow->broken, flow->unsent);
	}
	printf("],\"streams\":[");
	for (unsigned int i = 0; i < load->stream_count; i++) {
		const struct stream *stream = &load->streams[i];

		printf("%s{\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"wrong\":%" PRIu64 "}",
		       i ? "," : "", stream->sent, stream->received, stream->wrong);
	}
	printf("],\"missing\":[");
	if (load->stopping) {
		for (unsigned int i = 0; i < load->flow_count; i++)
			flow_missing(&load->flows[i], stdout, MISSING_SHOWN);
	}
	printf("null],\"silence\":%" PRIu64 "}\n", load->silence);
	fflush(stdout);
}

static void obey(struct load *load, const char *command)
{
	unsigned int number;

	if (sscanf(command, "poison %u", &number) == 1 && number < load->flow_count) {
		load->flows[number].poison++;
	} else if (sscanf(command, "stop %u", &number) == 1) {
		load->stopping = true;
		load->patience = number;
		load->arrived = now_ms();
		return;			/* answered when all has arrived */
	} else if (strcmp(command, "figures") != 0) {
		errno = EINVAL;
		die(command);
	}
	figures(load);
}

/* Take commands; whoever closes our standard input wants us to end. */
static void listen_to(struct load *load)
{
	const ssize_t got = read(STDIN_FILENO, load->line + load->line_size,
				 sizeof(load->line) - 1 - load->line_size);
	char *end;

	if (got <= 0)
		exit(0);
	load->line_size += (size_t)got;
	load->line[load->line_size] = '\0';
	while ((end = strchr(load->line, '\n'))) {
		*end = '\0';
		obey(load, load->line);
		load->line_size -= (size_t)(end + 1 - load->line);
		memmove(load->line, end + 1, load->line_size + 1);
	}
}

static void take(struct load *load)
{
	uint64_t came = 0;
	const uint64_t now = now_ms();

	for (unsigned int i = 0; i < load->flow_count; i++)
		came += flow_take(&load->flows[i], now);
	for (unsigned int i = 0; i < load->stream_count; i++)
		came += stream_take(&load->streams[i]);
	if (!load->stopping && now - load->arrived > load->silence)
		load->silence = now - load->arrived;
	if (came)
		load->arrived = now;
}

/* Whether a flow may send: its window is open, or it is time to see whether anything arrives. */
static bool may_send(const struct load *load, struct flow *flow, uint64_t now)
{
	if (flow_underway(flow) < load->window)
		return true;
	if (now - flow->arrived < PROBE || now - flow->probed < PROBE)
		return false;
	flow->probed = now;
	return true;
}

static void send_some(struct load *load)
{
	const uint64_t now = now_ms();
	const double passed = (double)(now - load->paced) / 1000;
	const double most = (double)load->rate * BURST / 1000;
	unsigned int idle = 0;

	load->paced = now;
	load->credit += passed * (double)load->rate;
	load->stream_credit += passed * STREAM_RATE;
	if (load->credit > most)
		load->credit = most;
	if (load->stream_credit > (double)STREAM_RATE * BURST / 1000)
		load->stream_credit = (double)STREAM_RATE * BURST / 1000;
	while (load->credit >= 1 && idle < load->flow_count) {
		struct flow *flow = &load->flows[load->turn];
		const uint64_t before = flow->sent;

		load->turn = (load->turn + 1) % load->flow_count;
		if (may_send(load, flow, now))
			flow_send(flow);
		if (flow->sent == before) {
			idle++;
			continue;
		}
		idle = 0;
		load->credit -= 1;
	}
	if (load->stream_credit < 1)
		return;
	for (unsigned int i = 0; i < load->stream_count; i++)
		stream_send(&load->streams[i], (size_t)load->stream_credit);
	load->stream_credit = 0;
}

/* Whether nothing more can be expected to arrive. */
static bool over(const struct load *load)
{
	const uint64_t silence = now_ms() - load->arrived;

	if (silence > load->patience)
		return true;
	for (unsigned int i = 0; i < load->stream_count; i++) {
		if (load->streams[i].received != load->streams[i].sent)
			return false;
	}
	if (silence > MOMENT)
		return true;
	for (unsigned int i = 0; i < load->flow_count; i++) {
		if (load->flows[i].received != load->flows[i].sent)
			return false;
	}
	return true;
}

static int open_space(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

static void open_all(struct load *load, const char *address, int clients, int servers)
{
	for (unsigned int i = 0; i < load->flow_count; i++)
		flow_open(&load->flows[i], i, address, clients, servers);
	for (unsigned int i = 0; i < load->stream_count; i++)
		stream_open(&load->streams[i], i, address, clients, servers);
	load->paced = load->arrived = now_ms();
}

int main(int argc, char **argv)
{
	static struct load load;
	struct pollfd commands = { .fd = STDIN_FILENO, .events = POLLIN };

	if (argc != 8) {
		errno = EINVAL;
		die("usage: load CLIENTS SERVERS ADDRESS FLOWS STREAMS WINDOW RATE");
	}
	load.flow_count = (unsigned int)atoi(argv[4]);
	load.stream_count = (unsigned int)atoi(argv[5]);
	load.window = (uint64_t)atoll(argv[6]);
	load.rate = (uint64_t)atoll(argv[7]);
	if (load.flow_count > MOST_FLOWS || load.stream_count > MOST_STREAMS) {
		errno = ERANGE;
		die("too many flows or streams");
	}
	open_all(&load, argv[3], open_space(argv[1]), open_space(argv[2]));
	for (;;) {
		if (poll(&commands, 1, TICK) > 0)
			listen_to(&load);
		take(&load);
		if (!load.stopping) {
			send_some(&load);
		} else if (over(&load)) {
			take(&load);	/* what came besides: nothing may */
			figures(&load);
			return 0;
		}
	}
}
