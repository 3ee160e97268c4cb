/* SPDX-License-Identifier: Apache-2.0
 * Arena: a list of chunks, newest first, each twice the size of the one before; what is free is poisoned under ASan. */
#include "base/arena.h"
#include <stdarg.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { ARENA_ALIGN = 16, ARENA_FIRST = 4096, ARENA_CHUNK_MAX = 1 << 20 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used;
	_Alignas(ARENA_ALIGN) unsigned char data[];
};

void arena_init(struct arena *a, size_t cap)
{
	*a = (struct arena){.cap = cap};
}

static void chunk_free(struct arena_chunk *c)
{
	ASAN_UNPOISON_MEMORY_REGION(c->data, c->size);
	free(c);
}

void arena_done(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *c = a->chunks;
		a->chunks = c->next;
		chunk_free(c);
	}
	a->used = 0;
}

static struct arena_chunk *chunk_new(struct arena *a, size_t need)
{
	size_t size = a->chunks ? a->chunks->size * 2 : ARENA_FIRST;
	if (size > ARENA_CHUNK_MAX)
		size = ARENA_CHUNK_MAX;
	if (size < need)
		size = need;
	struct arena_chunk *c = malloc(sizeof(*c) + size);
	if (!c)
		return NULL;
	*c = (struct arena_chunk){.next = a->chunks, .size = size};
	ASAN_POISON_MEMORY_REGION(c->data, c->size);
	a->chunks = c;
	return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (size > SIZE_MAX - ARENA_ALIGN)
		return NULL;
	size_t need = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	if (need == 0)
		need = ARENA_ALIGN;
	if (need > a->cap - a->used)
		return NULL;
	struct arena_chunk *c = a->chunks;
	if ((!c || c->size - c->used < need) && !(c = chunk_new(a, need)))
		return NULL;
	void *p = c->data + c->used;
	c->used += need;
	a->used += need;
	ASAN_UNPOISON_MEMORY_REGION(p, size);
	return memset(p, 0, size);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;
	return __builtin_mul_overflow(n, size, &total) ? NULL : arena_alloc(a, total);
}

char *arena_str(struct arena *a, const char *s, size_t len)
{
	if (len == SIZE_MAX)
		return NULL;
	char *copy = arena_alloc(a, len + 1);
	if (copy && len)
		memcpy(copy, s, len);
	return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *s = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
	if (!s)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(s, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return s;
}
