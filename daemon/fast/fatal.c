// SPDX-License-Identifier: GPL-2.0
#include "fatal.h"

#include <signal.h>

enum { STACK = 32 << 10 };

static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };

/* Entries are written before they are counted, and never change: the handler needs no lock. */
static struct qv_ledger *watched[QV_FATAL_LEDGERS];
static _Atomic unsigned int watched_count;

static void on_fault(int number, siginfo_t *info, void *context)
{
	unsigned int count = atomic_load(&watched_count);

	(void)context;
	/* Above 0: from the kernel. */
	if (number == SIGABRT || info->si_code > 0) {
		for (unsigned int i = 0; i < count; i++)
			atomic_store(&watched[i]->faulted, 1);
	}
	/* SA_RESETHAND: the signal does now what it always does, as soon as this has returned. */
	(void)raise(number);
}

int qv_fatal_watch(struct qv_ledger *ledger)
{
	struct sigaction action = { .sa_sigaction = on_fault,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND };
	unsigned int count = atomic_load(&watched_count);

	if (count == QV_FATAL_LEDGERS)
		return -1;
	watched[count] = ledger;
	atomic_store(&watched_count, count + 1);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (sigaction(faults[i], &action, NULL))
			return -1;
	}
	return 0;
}

void qv_fatal_stack(void)
{
	static _Thread_local uint8_t room[STACK];
	const stack_t stack = { .ss_sp = room, .ss_size = sizeof(room) };
	stack_t there;

	/* Somebody's who cared for it before us does as well. */
	if (sigaltstack(NULL, &there) || !(there.ss_flags & SS_DISABLE))
		return;
	/* Without one only a stack that overflows goes unnoticed. */
	(void)sigaltstack(&stack, NULL);
}
