/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A scenario is a file of cases; the file's name is the scenario's. Each case runs in a process and a
 * network namespace of its own, once for each IP family it names, so nothing of one case reaches another.
 */
#ifndef CASES_H
#define CASES_H

#include "check.h"
#include "space.h"

enum families { IPV4 = 1, IPV6 = 2, BOTH = 3 };

struct scenario_case {
	const char *file;
	const char *what;
	enum families families;
	void (*run)(int family);
};

#define CASE_NAME_(counter) case_##counter
#define CASE_AT_(title, which, counter)					\
	static void CASE_NAME_(counter)(int family);			\
	static const struct scenario_case case_entry_##counter		\
	__attribute__((used, section("cases"), aligned(8))) = {		\
		__FILE__, title, which, CASE_NAME_(counter)		\
	};								\
	static void CASE_NAME_(counter)(int family __attribute__((unused)))
#define CASE_EXPAND_(title, which, counter) CASE_AT_(title, which, counter)

/* CASE("what is so", BOTH) { ...; `family` is AF_INET or AF_INET6 } */
#define CASE(title, which) CASE_EXPAND_(title, which, __COUNTER__)

#endif
