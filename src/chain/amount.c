/* SPDX-License-Identifier: Apache-2.0
 * Amounts: integer arithmetic only; the decimal point is placed in text, never computed with. */
#include "chain/amount.h"
#include "base/err.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdio.h>

int sat_from(uint64_t v, struct sat *ret)
{
	if (v > SAT_MAX)
		return -ERR_RANGE;
	ret->v = v;
	return 0;
}

int sat_add(struct sat a, struct sat b, struct sat *ret)
{
	uint64_t v;
	if (__builtin_add_overflow(a.v, b.v, &v))
		return -ERR_RANGE;
	return sat_from(v, ret);
}

static uint64_t power10(unsigned n)
{
	uint64_t p = 1;
	while (n--)
		p *= 10;
	return p;
}

const char *units_text(uint64_t v, unsigned decimals, char out[static UNITS_TEXT_MAX])
{
	if (decimals > UNITS_DECIMALS_MAX)
		decimals = UNITS_DECIMALS_MAX;
	uint64_t unit = power10(decimals);
	if (decimals)
		snprintf(out, UNITS_TEXT_MAX, "%" PRIu64 ".%0*" PRIu64, v / unit, (int)decimals,
			 v % unit);
	else
		snprintf(out, UNITS_TEXT_MAX, "%" PRIu64, v);
	return out;
}

/* Appends the digits of s to *v; nothing but digits may be there. */
static int digits_append(const char *s, size_t len, uint64_t *v)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -ERR_FORMAT;
		if (__builtin_mul_overflow(*v, 10, v) ||
		    __builtin_add_overflow(*v, (uint64_t)(s[i] - '0'), v))
			return -ERR_RANGE;
	}
	return 0;
}

int units_parse(const char *s, size_t len, unsigned decimals, uint64_t *ret_v)
{
	uint64_t v = 0;
	if (len == 0 || len >= UNITS_TEXT_MAX || decimals > UNITS_DECIMALS_MAX)
		return -ERR_FORMAT;
	const char *dot = memchr(s, '.', len);
	size_t whole_len = dot ? (size_t)(dot - s) : len;
	size_t part_len = dot ? len - whole_len - 1 : 0;
	if (whole_len == 0 || (dot && part_len == 0))
		return -ERR_FORMAT;
	int r = dec_parse_u64(s, whole_len, UINT64_MAX, &v);
	if (r == 0 && dot)
		r = digits_append(dot + 1, part_len, &v);
	if (r < 0)
		return r;
	if (part_len > decimals ||
	    __builtin_mul_overflow(v, power10(decimals - (unsigned)part_len), &v))
		return -ERR_RANGE;
	*ret_v = v;
	return 0;
}
