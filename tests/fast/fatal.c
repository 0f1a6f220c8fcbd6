// SPDX-License-Identifier: GPL-2.0
/*
 * What is said in a ledger of the ways in which a process can end. Each is tried by a child whose
 * ledger is shared with us. Prints nothing; ends with 1 and a line at the first thing that is wrong.
 */
#include "fatal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_nothing(void)
{
	volatile int *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)*page;
}

/* The thread sanitizer keeps a stack of its own, which overflows first. */
#if defined(__has_feature)
#define HAS_SHADOW_STACK __has_feature(thread_sanitizer)
#else
#define HAS_SHADOW_STACK 0
#endif

#if !HAS_SHADOW_STACK
/* Not a loop to any compiler, and it ends only with the stack. */
static int deeper(volatile int *depth)
{
	volatile char room[4096];

	room[0] = (char)++*depth;
	return *depth > 0 ? deeper(depth) + room[0] : 0;
}

static void overflow(void)
{
	volatile int depth = 0;

	exit(deeper(&depth));
}
#endif

static void be_killed(void)
{
	raise(SIGKILL);
}

static void be_told(void)
{
	kill(getpid(), SIGSEGV);
	pause();
}

static const struct {
	const char *name;
	void (*end)(void);
	int signal;
	bool faulted;
} ends[] = {
	{ "an address that is none", read_nothing, SIGSEGV, true },
#if !HAS_SHADOW_STACK
	{ "a stack that overflows", overflow, SIGSEGV, true },
#endif
	{ "abort", abort, SIGABRT, true },
	{ "SIGSEGV from somebody", be_told, SIGSEGV, false },
	{ "SIGKILL", be_killed, SIGKILL, false },
};

static void expect(bool right, const char *what, const char *name)
{
	if (right)
		return;
	fprintf(stderr, "fatal: %s: %s\n", name, what);
	exit(1);
}

int main(void)
{
	const struct rlimit no_core = { 0 };
	struct qv_ledger *ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	expect(ledger != MAP_FAILED, "no memory", "ledger");
	setrlimit(RLIMIT_CORE, &no_core);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		int status = 0;
		pid_t child;

		qv_ledger_begin(ledger, 7, 30);
		child = fork();
		if (!child) {
			if (qv_fatal_watch(ledger))
				_exit(2);
			qv_fatal_stack();
			qv_ledger_set(ledger, 0, 8);
			qv_ledger_set(ledger, 1, 9);
			qv_ledger_publish(ledger, 3, 1, 2);
			ends[i].end();
			_exit(3);
		}
		waitpid(child, &status, 0);
		expect(WIFSIGNALED(status) && WTERMSIG(status) == ends[i].signal, "another end",
		       ends[i].name);
		expect(atomic_load(&ledger->faulted) == ends[i].faulted, "said so", ends[i].name);
		expect(qv_ledger_sound(ledger, sizeof(*ledger)), "not sound", ends[i].name);
		expect(qv_ledger_count(atomic_load(&ledger->state)) == 2 && ledger->ids[1] == 9 &&
		       ledger->last_id == 9 && ledger->queue == 3 && ledger->faults == 1,
		       "who was noted", ends[i].name);
		expect(qv_ledger_answered(atomic_load(&ledger->state)) == 30, "answered",
		       ends[i].name);
		qv_ledger_strike(ledger);
		expect(qv_ledger_answered(atomic_load(&ledger->state)) == 32, "struck out",
		       ends[i].name);
	}
	return 0;
}
