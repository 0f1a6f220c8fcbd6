// SPDX-License-Identifier: GPL-2.0
/* The reader that has to search: TCP's options. The others stand in view.h. */
#include <stddef.h>

#include "view.h"

enum { TCP_LEAST = 20, OPTION_END = 0, OPTION_NOP = 1, OPTION_MSS = 2 };

/*
 * Find the option of kind 2, length 4 (RFC 9293, section 3.2). Options behind one with an impossible
 * length are not there for us, as for the kernel.
 */
qv_outcome qv_view_mss(const struct qv_view *view, uint32_t *value)
{
	const uint8_t *data = view->data;
	size_t at, end, size;

	if (view->transport == QV_NO_HEADER)
		return view->transport_state;
	if (view->transport != QV_HEADER_TCP)
		return QV_ABSENT;
	if (view->payload_state != QV_PRESENT)
		return QV_UNKNOWN;
	at = (size_t)view->transport_at + TCP_LEAST;
	end = view->payload_at;
	while (at + 4 <= end) {
		if (at >= view->caplen)
			return QV_UNKNOWN;
		if (data[at] == OPTION_END)
			break;
		if (data[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= view->caplen)
			return QV_UNKNOWN;
		size = data[at + 1];
		if (size < 2 || at + size > end)
			break;
		if (data[at] == OPTION_MSS && size == 4) {
			if (at + 4 > view->caplen)
				return QV_CUT;
			*value = qv_load16(data + at + 2);
			return QV_PRESENT;
		}
		at += size;
	}
	return QV_ABSENT;
}
