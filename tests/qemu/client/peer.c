// SPDX-License-Identifier: GPL-2.0
#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "packet.h"

int peer_try_open(struct peer *peer, int family)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	socklen_t length = sizeof(address);

	peer->family = family;
	peer->seq = 0;
	peer->fd = socket(PF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
			  family == AF_INET ? NETLINK_FIREWALL : NETLINK_IP6_FW);
	if (peer->fd < 0)
		return errno;
	check(bind(peer->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	check(getsockname(peer->fd, (struct sockaddr *)&address, &length) == 0);
	peer->portid = address.nl_pid;
	return 0;
}

void peer_open(struct peer *peer, int family)
{
	int error = peer_try_open(peer, family);

	if (error)
		fail("netlink socket: %s", strerror(error));
}

void peer_close(struct peer *peer)
{
	check(close(peer->fd) == 0);
	peer->fd = -1;
}

void peer_own(struct peer *peer, int family)
{
	peer_open(peer, family);
	peer_mode_acked(peer, IPQ_COPY_PACKET, 0);
}

void peer_send_raw(struct peer *peer, const void *bytes, size_t length)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent = sendto(peer->fd, bytes, length, 0, (struct sockaddr *)&kernel, sizeof(kernel));

	if (sent != (ssize_t)length)
		fail("sendto of %zu bytes: %zd, %m", length, sent);
}

void peer_send_parts(struct peer *peer, uint16_t type, uint16_t flags, const struct iovec *parts, size_t count)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr header = {
		.nlmsg_len = NLMSG_HDRLEN,
		.nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST | flags,
		.nlmsg_seq = ++peer->seq,
		.nlmsg_pid = getpid(),
	};
	struct iovec all[4] = { { &header, sizeof(header) } };
	struct msghdr message = { .msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = all,
				  .msg_iovlen = count + 1 };

	check(count < 4);
	for (size_t i = 0; i < count; i++) {
		all[i + 1] = parts[i];
		header.nlmsg_len += parts[i].iov_len;
	}
	if (sendmsg(peer->fd, &message, 0) != (ssize_t)header.nlmsg_len)
		fail("sendmsg of %u bytes: %m", header.nlmsg_len);
}

void peer_send(struct peer *peer, uint16_t type, uint16_t flags, const void *body, size_t length)
{
	peer_send_parts(peer, type, flags, &(struct iovec){ (void *)body, length }, 1);
}

void peer_mode(struct peer *peer, unsigned int mode, size_t range)
{
	struct ipq_peer_msg body = { .msg.mode = { .value = mode, .range = range } };

	peer_send(peer, IPQM_MODE, 0, &body, sizeof(body));
}

void peer_mode_acked(struct peer *peer, unsigned int mode, size_t range)
{
	struct ipq_peer_msg body = { .msg.mode = { .value = mode, .range = range } };

	peer_send(peer, IPQM_MODE, NLM_F_ACK, &body, sizeof(body));
	check_eq(peer_answer(peer), 0);
}

void peer_replace(struct peer *peer, unsigned long id, unsigned int verdict, const void *payload,
		  size_t length)
{
	struct ipq_verdict_msg head = { .value = verdict, .id = id, .data_len = length };
	const struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)payload, length } };

	peer_send_parts(peer, IPQM_VERDICT, 0, parts, 2);
}

void peer_verdict(struct peer *peer, unsigned long id, unsigned int verdict)
{
	peer_replace(peer, id, verdict, NULL, 0);
}

int peer_verdict_answer(struct peer *peer, unsigned long id, unsigned int verdict)
{
	struct ipq_peer_msg body = { .msg.verdict = { .value = verdict, .id = id } };

	peer_send(peer, IPQM_VERDICT, NLM_F_ACK, &body, sizeof(body));
	return peer_answer(peer);
}

bool peer_receive(struct peer *peer, int ms)
{
	struct pollfd ready = { .fd = peer->fd, .events = POLLIN };
	struct sockaddr_nl from;
	socklen_t from_length = sizeof(from);
	ssize_t got;

	if (poll(&ready, 1, ms) == 0)
		return false;
	got = recvfrom(peer->fd, peer->in.bytes, sizeof(peer->in.bytes), MSG_TRUNC,
		       (struct sockaddr *)&from, &from_length);
	if (got < 0)
		fail("receive: %m");
	check(got <= (ssize_t)sizeof(peer->in.bytes));
	check_eq(from.nl_pid, 0);
	check(got >= (ssize_t)sizeof(struct nlmsghdr));
	check(peer->in.header.nlmsg_len <= (size_t)got);
	peer->length = got;
	return true;
}

int peer_answer(struct peer *peer)
{
	const struct nlmsgerr *error = NLMSG_DATA(&peer->in.header);

	if (!peer_receive(peer, SOON_MS))
		fail("no answer to message %u", peer->seq);
	check_eq(peer->in.header.nlmsg_type, NLMSG_ERROR);
	check_eq(peer->in.header.nlmsg_seq, peer->seq);
	return -error->error;
}

void peer_silent(struct peer *peer)
{
	if (peer_receive(peer, SILENCE_MS))
		fail("message of type 0x%x, %u bytes, where none was due", peer->in.header.nlmsg_type,
		     peer->in.header.nlmsg_len);
}

const struct ipq_packet_msg *peer_packet(struct peer *peer)
{
	const struct ipq_packet_msg *packet = NLMSG_DATA(&peer->in.header);

	if (!peer_receive(peer, SOON_MS))
		fail("no packet");
	if (peer->in.header.nlmsg_type == NLMSG_ERROR)
		fail("error %d where a packet was due", -((struct nlmsgerr *)packet)->error);
	check_eq(peer->in.header.nlmsg_type, IPQM_PACKET);
	check(peer->length >= NLMSG_LENGTH(sizeof(*packet)) + packet->data_len);
	return packet;
}

unsigned long peer_udp(struct peer *peer, const char *text)
{
	const struct ipq_packet_msg *packet = peer_packet(peer);

	check_str(udp_text(peer->family, packet->payload, packet->data_len), text);
	return packet->packet_id;
}

void peer_accept(struct peer *peer)
{
	peer_verdict(peer, peer_packet(peer)->packet_id, NF_ACCEPT);
}
