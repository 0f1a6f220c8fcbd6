// SPDX-License-Identifier: GPL-2.0
/* The heap under a test's control: see heap.h. */
#include "heap.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

#if defined(SANITIZED)
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name	/* exported by glibc for those who take malloc's place */
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *block, size_t size);
void *REAL(memalign)(size_t alignment, size_t size);
void REAL(free)(void *block);

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void free(void *block);

static long blocks, asked, first_failing, last_failing;

long heap_blocks(void)
{
	return blocks;
}

long heap_asked(void)
{
	return asked;
}

void heap_starve(long nth, long count)
{
	asked = 0;
	first_failing = nth;
	last_failing = nth + count - 1;
}

static bool fails(void)
{
	asked++;
	if (asked < first_failing || asked > last_failing)
		return false;
	errno = ENOMEM;
	return true;
}

static void *counted(void *block)
{
	if (block)
		blocks++;
	return block;
}

void *malloc(size_t size)
{
	return fails() ? NULL : counted(REAL(malloc)(size));
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : counted(REAL(calloc)(count, size));
}

void *realloc(void *block, size_t size)
{
	if (fails())
		return NULL;
	return block ? REAL(realloc)(block, size) : counted(REAL(malloc)(size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : counted(REAL(memalign)(alignment, size));
}

void free(void *block)
{
	if (block)
		blocks--;
	REAL(free)(block);
}
