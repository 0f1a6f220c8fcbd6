// SPDX-License-Identifier: GPL-2.0
/*
 * A defect for tests (LD_PRELOAD): a search that finds the word "poison" in a payload faults. The
 * engine searches short payloads with memmem(3), so a packet that holds nothing but this word, and
 * a policy with a rule that looks for it, end the daemon while it judges the packet.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

typedef void *search(const void *text, size_t length, const void *find, size_t size);

void *memmem(const void *text, size_t length, const void *find, size_t size)
{
	static search *real;
	void *found;

	if (!real)
		real = (search *)dlsym(RTLD_NEXT, "memmem");
	found = real(text, length, find, size);
	if (found && size == 6 && !memcmp(find, "poison", 6))
		*(volatile int *)0 = 0;
	return found;
}
