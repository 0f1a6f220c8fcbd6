// SPDX-License-Identifier: GPL-2.0
/* Runs the cases of one scenario: `scenarios NAME [part of a case's title]`. */
#include "cases.h"
#include "process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern const struct scenario_case __start_cases[] __attribute__((weak));
extern const struct scenario_case __stop_cases[] __attribute__((weak));

static bool belongs(const struct scenario_case *one, const char *scenario)
{
	const char *slash = strrchr(one->file, '/');
	const char *base = slash ? slash + 1 : one->file;
	size_t length = strlen(scenario);

	return !strncmp(base, scenario, length) && !strcmp(base + length, ".c");
}

static bool passes(const struct scenario_case *one, int family)
{
	long long began = now_ms();
	int status;
	pid_t child;

	child = process_fork();
	if (!child) {
		space_private();
		one->run(family);
		fflush(stdout);
		_exit(0);
	}
	check(waitpid(child, &status, 0) == child);
	if (WIFSIGNALED(status))
		printf("killed by signal %d\n", WTERMSIG(status));
	printf("  %s: %s, %s (%lld ms)\n", status ? "FAIL" : "ok", one->what,
	       family == AF_INET ? "IPv4" : "IPv6", now_ms() - began);
	return status == 0;
}

int main(int argc, char **argv)
{
	int ran = 0, failed = 0;

	if (argc < 2) {
		printf("usage: scenarios NAME [PART OF A TITLE]\n");
		return 2;
	}
	setlinebuf(stdout);
	signal(SIGPIPE, SIG_IGN);
	for (const struct scenario_case *one = __start_cases; one < __stop_cases; one++) {
		if (!belongs(one, argv[1]) || (argc > 2 && !strstr(one->what, argv[2])))
			continue;
		for (int bit = 0; bit < 2; bit++) {
			if (!(one->families & (1 << bit)))
				continue;
			ran++;
			failed += !passes(one, bit ? AF_INET6 : AF_INET);
		}
	}
	if (!ran)
		printf("%s: no such scenario\n", argv[1]);
	return ran && !failed ? 0 : 1;
}
