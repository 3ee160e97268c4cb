/* SPDX-License-Identifier: Apache-2.0
 * Cursor: see the header; one function, cur_bytes(), is the only one that moves. */
#include "base/cursor.h"
#include "base/err.h"

struct cur cur_init(const void *p, size_t len)
{
	return (struct cur){.p = p, .len = len};
}

int cur_fail(struct cur *c, int code)
{
	if (!c->error)
		c->error = code < 0 ? code : -code;
	return c->error;
}

size_t cur_left(const struct cur *c)
{
	return c->error ? 0 : c->len - c->pos;
}

const uint8_t *cur_bytes(struct cur *c, size_t n)
{
	if (c->error)
		return NULL;
	if (n > c->len - c->pos) {
		c->error = -ERR_TRUNCATED;
		return NULL;
	}
	const uint8_t *p = c->p + c->pos;
	c->pos += n;
	return p;
}

void cur_copy(struct cur *c, void *out, size_t n)
{
	const uint8_t *p = cur_bytes(c, n);
	if (p && n)
		memcpy(out, p, n);
	else
		memset(out, 0, n);
}

static uint64_t cur_le(struct cur *c, size_t n)
{
	const uint8_t *p = cur_bytes(c, n);
	uint64_t v = 0;
	for (size_t i = 0; p && i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static uint64_t cur_be(struct cur *c, size_t n)
{
	const uint8_t *p = cur_bytes(c, n);
	uint64_t v = 0;
	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t cur_u8(struct cur *c)
{
	return (uint8_t)cur_le(c, 1);
}

uint16_t cur_u16le(struct cur *c)
{
	return (uint16_t)cur_le(c, 2);
}

uint32_t cur_u32le(struct cur *c)
{
	return (uint32_t)cur_le(c, 4);
}

uint64_t cur_u64le(struct cur *c)
{
	return cur_le(c, 8);
}

uint16_t cur_u16be(struct cur *c)
{
	return (uint16_t)cur_be(c, 2);
}

uint32_t cur_u32be(struct cur *c)
{
	return (uint32_t)cur_be(c, 4);
}

uint64_t cur_u64be(struct cur *c)
{
	return cur_be(c, 8);
}

const char *cur_line(struct cur *c, size_t max, size_t *ret_len)
{
	size_t left = cur_left(c);
	if (c->error)
		return NULL;
	const uint8_t *start = c->p + c->pos;
	size_t look = left < max + 1 ? left : max + 1;
	const uint8_t *lf = look ? memchr(start, '\n', look) : NULL;
	if (!lf) {
		c->error = left > max ? -ERR_OVERSIZE : -ERR_TRUNCATED;
		return NULL;
	}
	*ret_len = (size_t)(lf - start);
	c->pos += *ret_len + 1;
	return (const char *)start;
}

int cur_end(const struct cur *c)
{
	if (c->error)
		return c->error;
	return c->pos == c->len ? 0 : -ERR_TRAILING;
}
