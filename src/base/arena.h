/* SPDX-License-Identifier: Apache-2.0
 * Arena: memory of one unit of work (one HTTP request, one message, one import batch), released as a whole. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H
#include <stddef.h>

struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;
	size_t used, cap; /* bytes handed out, and the most that may be */
};

/** arena_init - an empty arena that will hand out at most cap bytes; allocates nothing yet */
void arena_init(struct arena *a, size_t cap);

/** arena_done - release everything; the arena must be initialised again before use */
void arena_done(struct arena *a);

/** arena_alloc - size zeroed bytes, aligned to 16
 * Returns: the bytes, valid until done; NULL when memory or the cap is exhausted */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2)));

/** arena_array - n zeroed elements of size bytes; NULL also when n * size overflows */
void *arena_array(struct arena *a, size_t n, size_t size);

/** arena_str - a copy of len bytes with a NUL behind; NULL as above */
char *arena_str(struct arena *a, const char *s, size_t len);

/** arena_printf - formatted text in the arena; NULL as above */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
