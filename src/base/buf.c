/* SPDX-License-Identifier: Apache-2.0
 * Buffer: doubling growth under a maximum; one byte more than the content is kept for the NUL of buf_cstr(). */
#include "base/buf.h"
#include "base/err.h"
#include <stdarg.h>

enum { BUF_FIRST = 256 };

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->error = 0;
}

int buf_err(const struct buf *b)
{
	return b->error;
}

static bool buf_grow(struct buf *b, size_t more)
{
	if (b->error)
		return false;
	if (more > b->max - b->len) {
		b->error = -ERR_OVERSIZE;
		return false;
	}
	size_t need = b->len + more + 1;
	if (need <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap : BUF_FIRST;
	while (cap < need)
		cap *= 2;
	if (cap > b->max + 1)
		cap = b->max + 1;
	uint8_t *p = realloc(b->p, cap);
	if (!p) {
		b->error = -ERR_NOMEM;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

uint8_t *buf_space(struct buf *b, size_t len)
{
	if (!buf_grow(b, len))
		return NULL;
	uint8_t *p = b->p + b->len;
	b->len += len;
	return p;
}

void buf_put(struct buf *b, const void *p, size_t len)
{
	uint8_t *to = buf_space(b, len);
	if (to && len)
		memcpy(to, p, len);
}

void buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0 || !buf_grow(b, (size_t)len))
		return;
	va_start(ap, fmt);
	vsnprintf((char *)b->p + b->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
}

static void buf_le(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *p = buf_space(b, n);
	for (size_t i = 0; p && i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void buf_be(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *p = buf_space(b, n);
	for (size_t i = 0; p && i < n; i++)
		p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

void buf_u8(struct buf *b, uint8_t v)
{
	buf_le(b, v, 1);
}

void buf_u16le(struct buf *b, uint16_t v)
{
	buf_le(b, v, 2);
}

void buf_u32le(struct buf *b, uint32_t v)
{
	buf_le(b, v, 4);
}

void buf_u64le(struct buf *b, uint64_t v)
{
	buf_le(b, v, 8);
}

void buf_u16be(struct buf *b, uint16_t v)
{
	buf_be(b, v, 2);
}

void buf_u32be(struct buf *b, uint32_t v)
{
	buf_be(b, v, 4);
}

void buf_u64be(struct buf *b, uint64_t v)
{
	buf_be(b, v, 8);
}

const char *buf_cstr(struct buf *b)
{
	if (b->error || !b->p)
		return "";
	b->p[b->len] = 0;
	return (const char *)b->p;
}

uint8_t *buf_take(struct buf *b, size_t *ret_len)
{
	if (b->error || !b->p)
		return NULL;
	uint8_t *p = b->p;
	p[b->len] = 0;
	*ret_len = b->len;
	*b = (struct buf){.max = b->max};
	return p;
}
