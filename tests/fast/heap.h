/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heap under a test's control: allocations counted, and made to fail. Takes the place of malloc
 * and its kin in the whole program, libraries too; under a sanitizer, of those that the engine's C
 * calls.
 */
#ifndef HEAP_H
#define HEAP_H

/* Blocks in use. */
long heap_blocks(void);
/* Allocations since heap_starve(). */
long heap_asked(void);
/* Let @count allocations fail, from the @nth from now on; 0: none. */
void heap_starve(long nth, long count);

#endif
