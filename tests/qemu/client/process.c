// SPDX-License-Identifier: GPL-2.0
#include "process.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

pid_t process_fork(void)
{
	pid_t parent = getpid(), child;

	fflush(stdout);
	child = fork();
	check(child >= 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return child;
}

void process_end(pid_t child)
{
	check(kill(child, SIGKILL) == 0);
	check(waitpid(child, NULL, 0) == child);
}

void process_wait(pid_t child)
{
	int status;

	check(waitpid(child, &status, 0) == child);
	check(WIFEXITED(status));
	check_eq(WEXITSTATUS(status), 0);
}

bool process_ended(pid_t child)
{
	siginfo_t info = { 0 };

	check(waitid(P_PID, child, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
	return info.si_pid == child;
}

void process_pin(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	check(sched_setaffinity(0, sizeof(set), &set) == 0);
}

pid_t process_sender(int socket, unsigned int us)
{
	pid_t child = process_fork();

	if (child)
		return child;
	for (;;) {
		send(socket, "x", 1, 0);
		if (us)
			usleep(us);
	}
}
