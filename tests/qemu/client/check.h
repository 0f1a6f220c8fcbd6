/* SPDX-License-Identifier: GPL-2.0 */
/* Expectations: one that does not hold ends the case with a line that says what was seen. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>

/* Print FILE:LINE and the message, end the process with exit code 1. */
void fail_at(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

#define fail(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define check(condition)						\
	do {								\
		if (!(condition))					\
			fail("not so: %s (errno %m)", #condition);	\
	} while (0)

/* Whole numbers of any type; the first is what was seen. */
#define check_eq(seen, expected)					\
	do {								\
		long long seen_ = (long long)(seen);			\
		long long expected_ = (long long)(expected);		\
									\
		if (seen_ != expected_)					\
			fail("%s is %lld, expected %s = %lld", #seen,	\
			     seen_, #expected, expected_);		\
	} while (0)

#define check_str(seen, expected) check_str_at(__FILE__, __LINE__, seen, expected)
void check_str_at(const char *file, int line, const char *seen, const char *expected);

/* Milliseconds of CLOCK_MONOTONIC. */
long long now_ms(void);
/* Sleep; for waiting on the module's timers, never for ordering. */
void sleep_ms(long ms);
/* Try `condition` until it holds, for at most `ms`. */
#define eventually(ms, condition)					\
	do {								\
		long long until_ = now_ms() + (ms);			\
									\
		while (!(condition)) {					\
			if (now_ms() > until_)				\
				fail("not within %d ms: %s", (int)(ms),	\
				     #condition);			\
			sleep_ms(10);					\
		}							\
	} while (0)

#endif
