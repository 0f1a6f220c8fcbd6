// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a rewrite: lengths and checksums put right, as Draft.finish in action/draft.py.
 *
 * A checksum is made anew over all bytes, though few of them changed: a sum carried on is right only
 * if it was right before, and a packet must leave with a right one whatever it came with. Summing
 * costs less than copying the packet did. Only where not all that a checksum covers is at hand (a
 * first fragment, a route whose end is not known) it is carried on.
 */
#include <string.h>

#include "bytes.h"
#include "checksum.h"
#include "draft.h"

enum {
	IPV4_LENGTH_AT = 2,
	IPV4_CHECKSUM_AT = 10,
	IPV4_SOURCE_AT = 12,
	IPV4_DESTINATION_AT = 16,
	IPV6_LENGTH_AT = 4,
	IPV6_SOURCE_AT = 8,
	IPV6_DESTINATION_AT = 24,
	UDP_LENGTH_AT = 4,		/* UDP-Lite has its coverage there (RFC 3828) */
	UDP_LEAST = 8,
	DCCP_OFFSET_AT = 4,		/* RFC 4340, section 5.1 */
	DCCP_COVERAGE_AT = 5,
	SCTP_CHECKSUM_AT = 8,
};

/* Where each transport keeps its checksum. */
static const uint8_t checksum_at[QV_HEADER_COUNT] = {
	[QV_HEADER_TCP] = 16,
	[QV_HEADER_UDP] = 6,
	[QV_HEADER_UDPLITE] = 6,
	[QV_HEADER_DCCP] = 6,
	[QV_HEADER_ICMP] = 2,
	[QV_HEADER_ICMPV6] = 2,
};

static void add_to_length(uint8_t *at, uint32_t growth)
{
	/* Wraps as it must where the growth is a shrinking: the sum fits, see LARGEST_RESIZED. */
	qv_store16(at, (uint16_t)(qv_load16(at) + growth));
}

static void set_lengths(const struct qv_draft *draft, uint8_t *bytes)
{
	const struct qv_view *view = draft->view;
	const uint32_t growth = draft->size - draft->original_size;
	uint8_t *segment = bytes + view->transport_at;
	const uint32_t segment_size = draft->size - view->transport_at;
	uint32_t covered;

	add_to_length(bytes + (view->network == QV_HEADER_IPV4 ? IPV4_LENGTH_AT : IPV6_LENGTH_AT),
		      growth);
	if (view->transport == QV_HEADER_UDP) {
		add_to_length(segment + UDP_LENGTH_AT, growth);
	} else if (view->transport == QV_HEADER_UDPLITE) {
		covered = qv_load16(segment + UDP_LENGTH_AT);
		/* All that was covered stays so; what shrank below its coverage is covered whole. */
		if (covered == draft->original_size - view->transport_at || covered > segment_size)
			qv_store16(segment + UDP_LENGTH_AT, (uint16_t)segment_size);
	}
}

/* How many bytes of the segment the checksum covers. */
static uint32_t coverage(const struct qv_view *view, const uint8_t *segment, uint32_t size)
{
	uint32_t covered = size;

	switch (view->transport) {
	case QV_HEADER_UDP:
		covered = qv_load16(segment + UDP_LENGTH_AT);
		return covered >= UDP_LEAST && covered <= size ? covered : size;
	case QV_HEADER_UDPLITE:
		covered = qv_load16(segment + UDP_LENGTH_AT);
		return covered && covered < size ? covered : size;
	case QV_HEADER_DCCP:
		if (segment[DCCP_COVERAGE_AT] & 0x0f)
			covered = segment[DCCP_OFFSET_AT] * 4U +
				  ((segment[DCCP_COVERAGE_AT] & 0x0fU) - 1) * 4;
		return covered < size ? covered : size;
	default:
		return size;
	}
}

/* The pseudo header's sum: IPv4's (RFC 9293) and IPv6's (RFC 8200) are made alike. */
static uint64_t pseudo_sum(const struct qv_view *view, const uint8_t *bytes, uint32_t length)
{
	const bool v4 = view->network == QV_HEADER_IPV4;
	const uint8_t *source = bytes + (v4 ? IPV4_SOURCE_AT : IPV6_SOURCE_AT);
	const uint8_t *destination = bytes + (v4 ? IPV4_DESTINATION_AT : IPV6_DESTINATION_AT);
	const size_t size = v4 ? 4 : 16;
	uint8_t rest[8] = { 0 };

	if (view->pseudo_source)
		source = view->pseudo_source;
	if (view->pseudo_destination)
		destination = view->pseudo_destination;
	qv_store16(rest, (uint16_t)(length >> 16));
	qv_store16(rest + 2, (uint16_t)length);
	rest[7] = qv_proto_of_header[view->transport];
	return qv_sum(source, size) + qv_sum(destination, size) + qv_sum(rest, sizeof(rest));
}

/*
 * The sum over all that the transport checksum covers in @bytes, the draft's or the original, as if
 * the checksum's own field, which the least header has, were zero.
 */
static uint64_t transport_sum(const struct qv_view *view, const uint8_t *bytes, uint32_t size)
{
	const uint8_t *segment = bytes + view->transport_at;
	const uint32_t whole = size - view->transport_at;
	const uint32_t covered = coverage(view, segment, whole);
	const uint32_t field = checksum_at[view->transport], behind = field + 2;
	const uint64_t sum = qv_sum(segment, field) + qv_sum(segment + behind, covered - behind);

	if (view->transport == QV_HEADER_ICMP)
		return sum;
	return sum + pseudo_sum(view, bytes, view->transport == QV_HEADER_UDP ? covered : whole);
}

/* Make the CRC anew; of a fragment's, which cannot be, nothing covered may change. */
static enum qv_edited seal_sctp(const struct qv_draft *draft, uint8_t *bytes)
{
	const struct qv_view *view = draft->view;
	const uint32_t at = view->transport_at, size = draft->size - at;
	uint32_t crc;

	if (view->fragment) {
		/* Addresses are not part of it. */
		if (view->partial || memcmp(bytes + at, draft->original + at, size) != 0)
			return QV_EDIT_FAILED;
		return QV_EDITED;
	}
	memset(bytes + at + SCTP_CHECKSUM_AT, 0, sizeof(crc));
	crc = qv_crc32c(bytes + at, size);
	for (unsigned int i = 0; i < sizeof(crc); i++)
		bytes[at + SCTP_CHECKSUM_AT + i] = (uint8_t)(crc >> 8 * i);
	return QV_EDITED;
}

static enum qv_edited seal_transport(const struct qv_draft *draft, uint8_t *bytes)
{
	const struct qv_view *view = draft->view;
	/*
	 * A first fragment holds but a part of the datagram, so that what it does not hold cannot be
	 * summed; its size does not change.
	 */
	const bool carried = view->fragment || !view->pseudo_known;
	const bool is_udp = view->transport == QV_HEADER_UDP;
	uint8_t *field = bytes + view->transport_at + checksum_at[view->transport];
	uint16_t sum;

	if (view->transport == QV_HEADER_SCTP)
		return seal_sctp(draft, bytes);
	/*
	 * A UDP datagram whose sender made no checksum stays one. IPv6 asks for a checksum (tunnels
	 * apart, RFC 6935): it is made if it can be made anew.
	 */
	if (is_udp && (carried || view->network == QV_HEADER_IPV4) && !view->partial &&
	    qv_load16(field) == 0)
		return QV_EDITED;
	if (carried) {
		/* The kernel leaves none partial on fragments. */
		if (view->partial)
			return QV_EDIT_FAILED;
		sum = qv_checksum_carried(
			qv_load16(field),
			qv_sum_folded(transport_sum(view, draft->original, draft->original_size)),
			qv_sum_folded(transport_sum(view, bytes, draft->size)));
	} else {
		sum = qv_checksum(transport_sum(view, bytes, draft->size));
	}
	if (sum == 0 && (is_udp || view->transport == QV_HEADER_UDPLITE))
		sum = 0xffff;	/* zero means "none" (RFC 768); the two are one number */
	qv_store16(field, sum);
	return QV_EDITED;
}

enum qv_edited qv_draft_finish(struct qv_draft *draft, bool *changed)
{
	const struct qv_view *view = draft->view;
	enum qv_edited edited = QV_EDITED;
	uint8_t *bytes;

	*changed = draft->size != draft->original_size ||
		   (draft->bytes != draft->original &&
		    memcmp(draft->bytes, draft->original, draft->size) != 0);
	if (!*changed)
		return QV_EDITED;
	bytes = qv_draft_writable(draft);
	if (draft->size != draft->original_size)
		set_lengths(draft, bytes);
	if (view->transport != QV_NO_HEADER)
		edited = seal_transport(draft, bytes);
	if (view->network == QV_HEADER_IPV4) {
		qv_store16(bytes + IPV4_CHECKSUM_AT, 0);
		qv_store16(bytes + IPV4_CHECKSUM_AT,
			   qv_checksum(qv_sum(bytes, (size_t)(bytes[0] & 0x0f) * 4)));
	}
	return edited;
}
