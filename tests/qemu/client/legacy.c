// SPDX-License-Identifier: GPL-2.0
/*
 * A program as it was written for libipq, linked with the library as its source package has it:
 * `legacy 4|6`. It calls every function of the library and says `ready` when packets may come, which
 * the scenario sends; it ends with exit code 0 and `done`, or at the first surprise.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <libipq/libipq.h>

#define SECOND 1000000

static unsigned char buffer[66000];

#define must(condition)							\
	do {								\
		if (!(condition)) {					\
			printf("legacy.c:%d: not so: %s\n", __LINE__, #condition); \
			ipq_perror("legacy");				\
			exit(1);					\
		}							\
	} while (0)

static ipq_packet_msg_t *packet(struct ipq_handle *h)
{
	must(ipq_read(h, buffer, sizeof(buffer), 5 * SECOND) > 0);
	must(ipq_message_type(buffer) == IPQM_PACKET);
	return ipq_get_packet(buffer);
}

static void error_is(struct ipq_handle *h, int error)
{
	must(ipq_read(h, buffer, sizeof(buffer), 5 * SECOND) > 0);
	must(ipq_message_type(buffer) == NLMSG_ERROR);
	must(ipq_get_msgerr(buffer) == error);
}

/* The last character of the payload, changed; UDP without a checksum needs no more over IPv4. */
static void last_letter(ipq_packet_msg_t *m, char letter)
{
	m->payload[m->data_len - 1] = letter;
	if (m->payload[0] >> 4 == 4)
		m->payload[26] = m->payload[27] = 0;
}

int main(int argc, char **argv)
{
	int family = argc > 1 && argv[1][0] == '6' ? NFPROTO_IPV6 : NFPROTO_IPV4;
	struct ipq_handle *h, *second;
	ipq_packet_msg_t *m;
	ipq_id_t first;

	setlinebuf(stdout);
	must(!ipq_create_handle(0, 99));
	must(!strcmp(ipq_errstr(), "Invalid protocol specified"));
	h = ipq_create_handle(0, family);
	must(h);
	/* The library binds to the process id: a second handle of one process cannot be. */
	second = ipq_create_handle(0, family);
	must(!second && !strcmp(ipq_errstr(), "Unable to bind netlink socket"));
	must(ipq_ctl(h, 0) == 1);

	/* Nothing to read yet: not waiting, and waiting a little. */
	must(ipq_read(h, buffer, sizeof(buffer), -1) == 0);
	must(!strcmp(ipq_errstr(), "Timeout"));
	must(ipq_read(h, buffer, sizeof(buffer), SECOND / 50) == 0);
	must(ipq_read(h, buffer, 4, 0) == -1);
	must(!strcmp(ipq_errstr(), "Receive buffer size invalid"));

	/* Errors come as messages. */
	must(ipq_set_mode(h, 77, 0) > 0);
	error_is(h, EINVAL);
	must(ipq_set_verdict(h, 424242, NF_ACCEPT, 0, NULL) > 0);
	error_is(h, ENOENT);
	must(ipq_set_mode(h, IPQ_COPY_META, 0) > 0);
	must(ipq_set_mode(h, IPQ_COPY_PACKET, sizeof(buffer)) > 0);
	must(ipq_read(h, buffer, sizeof(buffer), SECOND / 50) == 0);

	/* The scenario sends 1 to 5 now. */
	printf("ready\n");
	m = packet(h);
	must(m->hook == NF_INET_LOCAL_IN && !strcmp(m->indev_name, "h0") && m->mark == 7);
	must(m->hw_addrlen == 6 && m->timestamp_sec > 0);
	first = m->packet_id;
	must(ipq_set_verdict(h, m->packet_id, NF_ACCEPT, 0, NULL) > 0);
	m = packet(h);
	must(m->packet_id != first);
	must(ipq_set_verdict(h, m->packet_id, NF_DROP, 0, NULL) > 0);
	/* The third is replaced where that needs no checksum, and then accepted as it is. */
	m = packet(h);
	if (family == NFPROTO_IPV4) {
		last_letter(m, '!');
		must(ipq_set_verdict(h, m->packet_id, NF_ACCEPT, m->data_len, m->payload) > 0);
	} else {
		must(ipq_set_verdict(h, m->packet_id, NF_ACCEPT, 0, NULL) > 0);
	}
	m = packet(h);
	must(ipq_set_verdict(h, m->packet_id, NF_REPEAT, 0, NULL) > 0);
	m = packet(h);
	must(ipq_set_verdict(h, m->packet_id, NF_ACCEPT, 0, NULL) > 0);
	/* The fifth waits until the handle is gone, and goes with it. */
	m = packet(h);
	must(m->data_len > 0);

	errno = 0;
	ipq_perror("legacy");
	must(ipq_destroy_handle(h) == 0);
	printf("done\n");
	return 0;
}
