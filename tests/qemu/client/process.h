/* SPDX-License-Identifier: GPL-2.0 */
/* Child processes that do not outlive their case. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* fork(); the child is killed when the parent ends, however it does. */
pid_t process_fork(void);
/* Kill a child and wait for it. */
void process_end(pid_t child);
/* Wait for a child, which must end with exit code 0. */
void process_wait(pid_t child);
/* Whether a child has ended; it can still be waited for. */
bool process_ended(pid_t child);
/* Run only on one processor, 0 or 1. */
void process_pin(int processor);
/* A child that sends one-byte datagrams to a connected socket for ever, pausing `us` after each. */
pid_t process_sender(int socket, unsigned int us);

#endif
