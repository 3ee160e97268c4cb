/* SPDX-License-Identifier: Apache-2.0
 * Large arrays, straight from the system. A mapping gets huge pages only where it covers them, so it begins at one. */
#include "ledger/pages.h"
#include <stdint.h>
#include <sys/mman.h>

enum { HUGE = 2 << 20, SMALL = 4096 };

static size_t whole(size_t len, size_t page)
{
	return (len + page - 1) / page * page;
}

void *pages_new(size_t len)
{
	size_t want = whole(len, SMALL) + HUGE;
	uint8_t *p, *at;

	if (want < len)
		return NULL;
	p = mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	at = p + (whole((uintptr_t)p, HUGE) - (uintptr_t)p);
	/* What lies before and behind goes back, so that len alone describes the rest. */
	if (at > p)
		(void)munmap(p, (size_t)(at - p));
	(void)munmap(at + whole(len, SMALL), HUGE - (size_t)(at - p));
	if (len >= HUGE)
		(void)madvise(at, len, MADV_HUGEPAGE); /* only a hint */
	return at;
}

void pages_touch(void *p, size_t from, size_t to)
{
#ifdef MADV_POPULATE_WRITE
	size_t at = from / SMALL * SMALL;
	if (at < to)
		(void)madvise((uint8_t *)p + at, whole(to - at, SMALL), MADV_POPULATE_WRITE);
#else
	(void)p;
	(void)from;
	(void)to;
#endif
}

void pages_free(void *p, size_t len)
{
	if (p)
		(void)munmap(p, whole(len, SMALL));
}
