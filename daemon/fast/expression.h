/* SPDX-License-Identifier: GPL-2.0 */
// RE2 as pattern.cc and scan.cc use it. C++, for these two only.
#ifndef QV_EXPRESSION_H
#define QV_EXPRESSION_H

#include <execinfo.h>
#include <re2/re2.h>

#include <cstddef>
#include <cstdint>

#include "pattern.h"

namespace qv {

// The dialect of action/pattern.py, within a budget of bytes.
inline re2::RE2::Options expression_options(uint64_t budget)
{
	re2::RE2::Options options(re2::RE2::Latin1);

	options.set_log_errors(false);
	options.set_max_mem(static_cast<int64_t>(budget));
	return options;
}

inline re2::StringPiece string_of(const qv_program *program, uint32_t string)
{
	const qv_string &found = program->strings[string];

	return re2::StringPiece(reinterpret_cast<const char *>(program->bytes + found.offset),
				found.length);
}

// RE2 tells a group that took no part in a match by its null pointer: an empty text has another.
inline re2::StringPiece text_of(const uint8_t *text, size_t length)
{
	return re2::StringPiece(length ? reinterpret_cast<const char *>(text) : "", length);
}

// An exception that passes through std::call_once, as RE2 uses it, has the C library load what
// unwinds its stack, and abort where there is no memory for that. Loaded now, it is there then.
inline void load_unwinder()
{
	void *frame;

	backtrace(&frame, 1);
}

} // namespace qv

#endif
