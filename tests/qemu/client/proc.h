/* SPDX-License-Identifier: GPL-2.0 */
/* The queue's text in /proc, and its sysctl. */
#ifndef PROC_H
#define PROC_H

#include <stddef.h>

/* A whole file, at most size - 1 bytes, as a string; ends the case if it cannot be read. */
void file_read(const char *path, char *text, size_t size);
/* /proc/net/ip_queue or ip6_queue of the namespace we are in. */
void proc_text(int family, char *text, size_t size);
/* One line of it, by its label. */
long proc_value(int family, const char *label);
/* "Queue length". */
long proc_length(int family);

#endif
