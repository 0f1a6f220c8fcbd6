// SPDX-License-Identifier: GPL-2.0
/*
 * What each malformed or refused message is answered, by the table of the classic interface and in
 * its order. No topology but where a packet is needed: a pair.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "peer.h"
#include "proc.h"
#include "traffic.h"

#define SILENT (-1)

/* One message: as a mode message is, but for what the row says. */
struct row {
	const char *what;
	int answer;		/* an errno, or SILENT; 0 is an acknowledgement */
	uint16_t type;
	uint16_t flags;		/* instead of REQUEST | ACK, when not 0 */
	int32_t pid;		/* instead of ours, when not 0; NO_PID for 0 */
	int body;		/* bytes of body, when not 0; NO_BODY for 0 */
	int32_t longer;		/* added to nlmsg_len */
	uint64_t first;		/* the body's words: value and (range or id) and data_len */
	uint64_t second;
	uint64_t third;
};
#define NO_PID INT32_MIN
#define NO_BODY (-1)
#define ASK (NLM_F_REQUEST | NLM_F_ACK)
/* NLM_F_... bit 0x20 is refused with ECOMM whatever it means elsewhere. */
#define BIT_0x20 0x20

static void send_row(struct peer *peer, const struct row *row)
{
	struct {
		struct nlmsghdr header;
		uint64_t body[64];
	} out = { .body = { row->first, row->second, row->third } };
	size_t body = row->body == NO_BODY ? 0 : row->body ? (size_t)row->body : 24;

	out.header = (struct nlmsghdr){
		.nlmsg_len = NLMSG_LENGTH(body) + row->longer,
		.nlmsg_type = row->type,
		.nlmsg_flags = row->flags ? row->flags : ASK,
		.nlmsg_seq = ++peer->seq,
		.nlmsg_pid = row->pid == NO_PID ? 0 : row->pid ? row->pid : getpid(),
	};
	peer_send_raw(peer, &out, NLMSG_LENGTH(body));
}

static void check_row(struct peer *peer, const struct row *row)
{
	int answer = SILENT;

	send_row(peer, row);
	if (row->answer != SILENT) {
		answer = peer_answer(peer);
	} else if (peer_receive(peer, 40)) {
		fail("'%s': answered with type 0x%x", row->what, peer->in.header.nlmsg_type);
	}
	if (answer != row->answer)
		fail("'%s': %s, expected %s", row->what, strerror(answer), strerror(row->answer));
}

/* From somebody who may own the queue, which nobody does. Nothing but the last two changes that. */
static const struct row rows[] = {
	{ "length field past the datagram", SILENT, IPQM_MODE, .longer = 8 },
	{ "length field shorter than a header", SILENT, IPQM_MODE, .longer = -30 },
	{ "length field 0", SILENT, IPQM_MODE, .longer = -40 },
	{ "no port id", EINVAL, IPQM_MODE, .pid = NO_PID },
	{ "a negative port id", EINVAL, IPQM_MODE, .pid = -5 },
	{ "no request flag", EINVAL, IPQM_MODE, .flags = NLM_F_ACK },
	{ "multipart", EINVAL, IPQM_MODE, .flags = ASK | NLM_F_MULTI },
	{ "flag 0x20", ECOMM, IPQM_MODE, .flags = ASK | BIT_0x20 },
	{ "port id before flag 0x20", EINVAL, IPQM_MODE, .flags = ASK | BIT_0x20, .pid = NO_PID },
	{ "flag 0x20 before a bad type", ECOMM, 0x7000, .flags = ASK | BIT_0x20 },
	{ "flag 0x20 before an ignored type", ECOMM, NLMSG_NOOP, .flags = ASK | BIT_0x20 },
	/* Type 0 does not reach the table with ACK: the core takes it for a request, so ask without. */
	{ "type 0", EINVAL, 0, .flags = NLM_F_REQUEST },
	{ "type IPQM_MAX", EINVAL, IPQM_MAX },
	{ "type 0x1f", EINVAL, 0x1f },
	{ "type 0x21, the kernel's own", EINVAL, IPQM_PACKETS },
	{ "type 0x22 before a hello", EINVAL, IPQM_VERDICTS },
	{ "type 0x23 before a hello", EINVAL, IPQM_RANGE },
	{ "type 0x24, the kernel's own", EINVAL, IPQM_MISSING },
	{ "type 0x25, the kernel's own", EINVAL, IPQM_TAP },
	{ "type 0x26", EINVAL, 0x26 },
	{ "type 0xffff", EINVAL, 0xffff },
	{ "type 1", SILENT, NLMSG_NOOP },
	{ "type 2", SILENT, NLMSG_ERROR },
	{ "type 3", SILENT, NLMSG_DONE },
	{ "type IPQM_BASE", SILENT, IPQM_BASE },
};

CASE("each refused header is answered by the table and claims nothing", BOTH)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct peer peer;

		peer_open(&peer, family);
		check_row(&peer, &rows[i]);
		if (proc_value(family, "Peer PID"))
			fail("'%s' made its sender the owner", rows[i].what);
		peer_close(&peer);
	}
}

CASE("a datagram shorter than a header is ignored", BOTH)
{
	struct peer peer;

	peer_open(&peer, family);
	for (size_t length = 1; length < sizeof(struct nlmsghdr); length += 5)
		peer_send_raw(&peer, "\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0", length);
	peer_silent(&peer);
	peer_mode_acked(&peer, IPQ_COPY_META, 0);
}

/* From the owner. */
static const struct row owned[] = {
	{ "no body", EINVAL, IPQM_MODE, .body = NO_BODY },
	{ "a body of 23 bytes", EINVAL, IPQM_MODE, .body = 23 },
	{ "a verdict's body of 16 bytes", EINVAL, IPQM_VERDICT, .body = 16 },
	{ "a body of 40 bytes, as libipq sends", 0, IPQM_MODE, .body = 40, .first = IPQ_COPY_META },
	{ "IPQM_PACKET from user space", EINVAL, IPQM_PACKET },
	{ "mode 3", EINVAL, IPQM_MODE, .first = 3 },
	{ "mode 255", EINVAL, IPQM_MODE, .first = 255 },
	{ "verdict NF_STOLEN", EINVAL, IPQM_VERDICT, .first = NF_STOLEN, .second = 1 },
	{ "verdict 6", EINVAL, IPQM_VERDICT, .first = 6, .second = 1 },
	{ "verdict with a queue number above it", EINVAL, IPQM_VERDICT, .first = NF_QUEUE | 1 << 16 },
	{ "verdict 0xffffffff", EINVAL, IPQM_VERDICT, .first = UINT32_MAX, .second = 1 },
	{ "an id that was never issued", ENOENT, IPQM_VERDICT, .first = NF_ACCEPT, .second = 1 },
	{ "id 0", ENOENT, IPQM_VERDICT, .first = NF_ACCEPT },
	{ "the largest id", ENOENT, IPQM_VERDICT, .first = NF_ACCEPT, .second = UINT64_MAX },
	{ "a bad verdict before an unknown id", EINVAL, IPQM_VERDICT, .first = 17, .second = 99 },
	{ "mode, acknowledged", 0, IPQM_MODE, .first = IPQ_COPY_PACKET },
	{ "mode, no acknowledgement asked", SILENT, IPQM_MODE, .flags = NLM_F_REQUEST, .first = IPQ_COPY_PACKET },
};

CASE("each message of the owner is answered by the table", BOTH)
{
	struct peer peer;

	peer_own(&peer, family);
	for (size_t i = 0; i < sizeof(owned) / sizeof(*owned); i++)
		check_row(&peer, &owned[i]);
}

CASE("a body too short is refused, and still claims the queue", BOTH)
{
	static const struct row brief = { "a short body", EINVAL, IPQM_MODE, .body = 8 };
	struct peer first, second;

	peer_open(&first, family);
	peer_open(&second, family);
	check_row(&first, &brief);
	check_eq((int32_t)proc_value(family, "Peer PID"), (int32_t)first.portid);
	peer_send(&second, IPQM_MODE, NLM_F_ACK, (uint64_t[3]){ IPQ_COPY_META }, 24);
	check_eq(peer_answer(&second), EBUSY);
}

CASE("while one peer owns the queue, another is told so and changes nothing", BOTH)
{
	static const struct row busy[] = {
		{ "mode", EBUSY, IPQM_MODE, .first = IPQ_COPY_META },
		{ "verdict", EBUSY, IPQM_VERDICT, .first = NF_ACCEPT, .second = 1 },
		{ "busy before a short body", EBUSY, IPQM_MODE, .body = 8 },
		{ "busy before a bad mode", EBUSY, IPQM_MODE, .first = 9 },
		{ "a bad type before busy", EINVAL, IPQM_MAX },
	};
	struct peer owner, other;

	peer_own(&owner, family);
	peer_open(&other, family);
	for (size_t i = 0; i < sizeof(busy) / sizeof(*busy); i++)
		check_row(&other, &busy[i]);
	check_eq((int32_t)proc_value(family, "Peer PID"), (int32_t)owner.portid);
	check_eq(proc_value(family, "Copy mode"), IPQ_COPY_PACKET);
}

CASE("the owner's port id is its socket's, whatever it claims", BOTH)
{
	static const struct row forged = { "another's id", 0, IPQM_MODE, .pid = 1, .first = IPQ_COPY_META };
	struct peer peer, other;

	peer_open(&peer, family);
	peer_open(&other, family);
	check_row(&peer, &forged);
	check_eq((int32_t)proc_value(family, "Peer PID"), (int32_t)peer.portid);
	/* Closing another socket lets go of nothing. */
	peer_close(&other);
	check_eq((int32_t)proc_value(family, "Peer PID"), (int32_t)peer.portid);
}

CASE("without CAP_NET_ADMIN: EPERM, and the queue stays free", BOTH)
{
	static const struct row denied[] = {
		{ "mode", EPERM, IPQM_MODE, .first = IPQ_COPY_PACKET },
		{ "verdict", EPERM, IPQM_VERDICT, .first = NF_DROP, .second = 1 },
		{ "hello", EPERM, IPQM_HELLO, .body = sizeof(struct ipq_hello),
		  .first = IPQ_MAGIC | (uint64_t)IPQ_VERSION << 32 | sizeof(struct ipq_hello) << 48 },
		{ "a malformed hello before EPERM", EINVAL, IPQM_HELLO },
		{ "EPERM before a short body", EPERM, IPQM_MODE, .body = 8 },
		{ "a bad type before EPERM", EINVAL, IPQM_MAX },
		{ "an ignored type before EPERM", SILENT, IPQM_BASE },
	};
	static const struct row owned_now = { "EPERM before busy", EPERM, IPQM_MODE };
	struct peer peer, owner;

	check(setresuid(65534, 65534, 0) == 0);
	peer_open(&peer, family);
	for (size_t i = 0; i < sizeof(denied) / sizeof(*denied); i++)
		check_row(&peer, &denied[i]);
	check_eq(proc_value(family, "Peer PID"), 0);
	check(setresuid(0, 0, 0) == 0);
	peer_own(&owner, family);
	check(setresuid(65534, 65534, 0) == 0);
	check_row(&peer, &owned_now);
	peer_close(&peer);
	check_eq((int32_t)proc_value(family, "Peer PID"), (int32_t)owner.portid);
}

CASE("a decided id is unknown from then on", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	unsigned long id;
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	udp_say(mouth, "once");
	id = peer_udp(&peer, "once");
	check_eq(peer_verdict_answer(&peer, id, NF_STOLEN), EINVAL);
	check_eq(peer_verdict_answer(&peer, id, NF_ACCEPT), 0);
	check_eq(peer_verdict_answer(&peer, id, NF_ACCEPT), ENOENT);
	check_eq(peer_verdict_answer(&peer, id, NF_DROP), ENOENT);
	udp_hear(ear, "once");
}

CASE("a payload whose length is wrong is ignored, its verdict is not", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	/* data_len and bytes present: more, fewer, none, and less than an IP header. */
	static const struct { uint64_t data_len; int present; } lengths[] = {
		{ 40, 60 }, { 60, 40 }, { 100, 0 }, { UINT64_MAX, 8 }, { 8, 8 }, { 19, 19 },
	};
	struct peer peer;

	peer_own(&peer, family);
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct row verdict = { "verdict", 0, IPQM_VERDICT, .body = 24 + lengths[i].present,
				       .first = NF_ACCEPT, .third = lengths[i].data_len };

		udp_say(mouth, "as it was");
		verdict.second = peer_udp(&peer, "as it was");
		check_row(&peer, &verdict);
		udp_hear(ear, "as it was");
	}
}
