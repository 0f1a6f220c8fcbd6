// SPDX-License-Identifier: GPL-2.0
/*
 * Sends UDP packets into a link as fast as the queue behind it is answered, and no faster: at
 * most WINDOW packets are on their way or waiting for their verdict, so that nothing overruns and
 * the program under test always has work.
 *
 * Usage: generate INTERFACE-INDEX DESTINATION-MAC FLOWS FIRST PACKETS WINDOW COUNTER-FD [HELD]
 * With HELD, the pid of the program under test, that program is stopped until WINDOW packets wait,
 * and then has the machine to itself until it has answered them. The flows take turns, from flow FIRST on. COUNTER-FD is a raw IPv4 socket of the receiving
 * namespace, where the first rule of PREROUTING in the mangle table counts what arrives. Prints the
 * seconds from the first packet sent to the last one that arrived, and how many arrived.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BATCH = 64,		/* frames a system call */
	PAYLOAD = 64,		/* bytes after the UDP header: small packets show the cost of each */
	PATIENCE = 5,		/* seconds in which nothing arrives before we give up */
};

struct frame {
	uint8_t destination[6], source[6];
	uint16_t type;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[PAYLOAD];
} __attribute__((packed));

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/*
 * Return how many packets the receiver's rule has counted. This is what iptables-save -c reads, but
 * often enough to keep the traffic going, and without the rights to /proc that only root has.
 */
static uint64_t arrived(int counter)
{
	static struct ipt_get_entries *table;
	static struct ipt_getinfo info = { .name = "mangle" };
	const struct ipt_entry *rule;
	socklen_t size = sizeof(info);

	if (!table) {
		if (getsockopt(counter, SOL_IP, IPT_SO_GET_INFO, &info, &size))
			die("IPT_SO_GET_INFO");
		table = calloc(1, sizeof(*table) + info.size);
		if (!table)
			die("calloc");
		memcpy(table->name, info.name, sizeof(info.name));
		table->size = info.size;
	}
	size = (socklen_t)(sizeof(*table) + info.size);
	if (getsockopt(counter, SOL_IP, IPT_SO_GET_ENTRIES, table, &size))
		die("IPT_SO_GET_ENTRIES");
	rule = (const void *)((const char *)table->entrytable +
			      info.hook_entry[NF_INET_PRE_ROUTING]);
	return rule->counters.pcnt;
}

/* Return the checksum of the IP header at @bytes, whose own checksum field is zero. */
static uint16_t ip_checksum(const uint8_t *bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(struct iphdr); i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Return the sum, for the UDP checksum, of all that is the same in every frame. */
static uint32_t common_sum(const struct frame *frame)
{
	uint32_t sum = ntohl(frame->ip.daddr) >> 16;

	sum += (ntohl(frame->ip.daddr) & 0xffff) + IPPROTO_UDP + 2U * ntohs(frame->udp.len);
	sum += ntohs(frame->udp.dest);
	for (size_t i = 0; i < PAYLOAD; i += 2)
		sum += (uint32_t)(frame->payload[i] << 8 | frame->payload[i + 1]);
	return sum;
}

/*
 * Each flow has a source of its own in 198.18.0.0/16 (RFC 2544, for benchmarks): 65,536 addresses
 * with one port, then the next port. Neighbours in time are none in number: an odd factor only
 * changes the order, so that few flows, too, come from all over.
 */
static void fill(struct frame *frame, unsigned long flow, uint32_t common)
{
	const uint32_t host = (uint32_t)(flow * 40503) & 0xffff;
	const uint32_t port = (uint32_t)(20000 + (flow >> 16));
	uint32_t sum = common + 0xC612U + host + port;

	frame->ip.saddr = htonl(0xC6120000U | host);
	frame->ip.check = 0;
	frame->ip.check = ip_checksum((const uint8_t *)frame + offsetof(struct frame, ip));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame->udp.source = htons((uint16_t)port);
	frame->udp.check = htons((uint16_t)(sum == 0xffff ? sum : ~sum));
}

/* The program under test, if it is to be stopped while packets gather. */
struct held {
	pid_t program;
	bool stopped;
};

static void go_on(struct held *held, int signal)
{
	if (kill(held->program, signal))
		die("kill");
	held->stopped = signal == SIGSTOP;
}

/* Stop the program once nothing waits, let it go on once all that there is @room for does. */
static bool keep_off(struct held *held, unsigned long waiting, unsigned int room)
{
	if (!held->stopped && waiting == 0)
		go_on(held, SIGSTOP);
	else if (held->stopped && room == 0)
		go_on(held, SIGCONT);
	return !held->stopped;
}

int main(int argc, char **argv)
{
	static struct frame frames[BATCH];
	static struct iovec vectors[BATCH];
	static struct mmsghdr messages[BATCH];
	static const char text[] = "a greeting: hello";
	const struct timespec pause = { .tv_nsec = 50000 };
	struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_halen = 6 };
	unsigned long flows, first, packets, window, sent = 0;
	uint64_t base, done = 0;
	double began, progressed;
	uint32_t common;
	struct held held = { 0 };
	int fd, counter;

	if (argc < 8 || argc > 9 ||
	    sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &link.sll_addr[0],
		   &link.sll_addr[1], &link.sll_addr[2], &link.sll_addr[3], &link.sll_addr[4],
		   &link.sll_addr[5]) != 6) {
		fprintf(stderr, "usage: %s IFINDEX MAC FLOWS FIRST PACKETS WINDOW FD [PID]\n", argv[0]);
		return 64;
	}
	link.sll_ifindex = atoi(argv[1]);
	flows = strtoul(argv[3], NULL, 10);
	first = strtoul(argv[4], NULL, 10);
	packets = strtoul(argv[5], NULL, 10);
	window = strtoul(argv[6], NULL, 10);
	counter = atoi(argv[7]);
	if (argc > 8)
		held.program = atoi(argv[8]);

	/* Protocol 0: this socket is for sending, nothing is copied to it. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	for (size_t i = 0; i < BATCH; i++) {
		struct frame *frame = &frames[i];

		memcpy(frame->destination, link.sll_addr, 6);
		frame->source[0] = 2; /* locally administered */
		frame->type = htons(ETH_P_IP);
		frame->ip = (struct iphdr){
			.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
			.tot_len = htons(sizeof(*frame) - ETH_HLEN),
			.daddr = htonl(0xC0000201U), /* 192.0.2.1 */
		};
		frame->udp.dest = htons(9);
		frame->udp.len = htons(sizeof(struct udphdr) + PAYLOAD);
		memcpy(frame->payload, text, strlen(text)); /* for policies that rewrite it */
		vectors[i] = (struct iovec){ .iov_base = frame, .iov_len = sizeof(*frame) };
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &link, .msg_namelen = sizeof(link),
			.msg_iov = &vectors[i], .msg_iovlen = 1,
		};
	}

	common = common_sum(&frames[0]);

	base = arrived(counter);
	began = progressed = now();
	while (done < packets) {
		unsigned long room = window - (sent - done), left = packets - sent;
		unsigned int count = (unsigned int)(room < left ? room : left);
		uint64_t before = done;

		if (count > BATCH)
			count = BATCH;
		if (held.program ? keep_off(&held, sent - done, count) :
				   count == 0 || (count < BATCH && count < left)) {
			nanosleep(&pause, NULL);
		} else {
			int gone;

			for (unsigned int i = 0; i < count; i++)
				fill(&frames[i], (first + sent + i) % flows, common);
			gone = sendmmsg(fd, messages, count, 0);
			if (gone < 0 && errno != ENOBUFS)
				die("sendmmsg");
			if (gone < 0) /* the link has no room: the next time */
				gone = 0;
			sent += (unsigned int)gone;
		}
		done = arrived(counter) - base;
		if (done != before)
			progressed = now();
		else if (now() - progressed > PATIENCE)
			break;
	}
	if (held.stopped)
		go_on(&held, SIGCONT);
	printf("%.6f %llu\n", progressed - began, (unsigned long long)done);
	return EXIT_SUCCESS;
}
