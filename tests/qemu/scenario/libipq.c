// SPDX-License-Identifier: GPL-2.0
/* A program linked with unmodified libipq filters packets (client/legacy.c). Topology: pair. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cases.h"
#include "peer.h"
#include "proc.h"
#include "sockopt.h"
#include "traffic.h"

/* Start the program, and read what it says up to the line `ready`. */
static FILE *start(int family)
{
	FILE *said = popen(either(family, "/bin/legacy 4 2>&1", "/bin/legacy 6 2>&1"), "r");
	char line[256];

	check(said);
	while (fgets(line, sizeof(line), said)) {
		if (!strcmp(line, "ready\n"))
			return said;
		printf("    %s", line);
	}
	fail("the program ended with %d", WEXITSTATUS(pclose(said)));
}

static void finish(FILE *said)
{
	char line[256];
	int status;

	while (fgets(line, sizeof(line), said))
		printf("    %s", line);
	status = pclose(said);
	check(WIFEXITED(status));
	check_eq(WEXITSTATUS(status), 0);
}

CASE("every function of libipq does what it did", BOTH)
{
	struct pair pair = pair_new();
	int ear = udp_listen(family, 7), mouth = udp_to_in(&pair.client, host_address(family), 7);
	FILE *said;

	tables(family, "-t mangle -A PREROUTING -p udp --dport 7 -j MARK --set-mark 7");
	tables(family, "-A INPUT -p udp --dport 7 -j QUEUE");
	said = start(family);
	udp_say(mouth, "1: accepted");
	udp_say(mouth, "2: dropped");
	udp_say(mouth, "3: replaced.");
	udp_say(mouth, "4: repeated");
	udp_hear(ear, "1: accepted");
	udp_hear(ear, either(family, "3: replaced!", "3: replaced."));
	udp_hear(ear, "4: repeated");
	udp_say(mouth, "5: left waiting");
	finish(said);
	udp_silent(ear);
	check_eq(proc_value(family, "Peer PID"), 0);
	check_eq(proc_length(family), 0);
	check_eq(stats_get(family).flushed, 1);
}
