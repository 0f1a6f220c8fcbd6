/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is still to be done when a fault ends us: say so in the ledgers, for then it may be the packets'
 * doing. A fault is a signal that the kernel or abort() sends (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP,
 * SIGSYS, SIGABRT); SIGABRT counts from anybody, as a watchdog sends it to whoever hangs. SIGKILL
 * cannot be seen, and what anybody else sends is no packet's doing.
 */
#ifndef QV_FATAL_H
#define QV_FATAL_H

#include "ledger.h"

enum { QV_FATAL_LEDGERS = 1024 };

/*
 * Watch out for faults from now on, and say so in @ledger, whose memory must stay for good. Returns 0,
 * or -1 if there are QV_FATAL_LEDGERS already or signals cannot be had.
 */
int qv_fatal_watch(struct qv_ledger *ledger);

/* Give this thread a stack for the handler, as its own may be what overflowed. */
void qv_fatal_stack(void);

#endif
