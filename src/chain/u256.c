/* SPDX-License-Identifier: Apache-2.0
 * 256-bit numbers: four words with carries; division bit by bit, since it runs once a block header. */
#include "chain/u256.h"
#include <endian.h>

int u256_cmp(const struct u256 *a, const struct u256 *b)
{
	for (int i = 3; i >= 0; i--)
		if (a->w[i] != b->w[i])
			return a->w[i] < b->w[i] ? -1 : 1;
	return 0;
}

struct u256 u256_add(const struct u256 *a, const struct u256 *b)
{
	struct u256 sum;
	unsigned carry = 0;
	for (int i = 0; i < 4; i++) {
		uint64_t v;
		unsigned c = __builtin_add_overflow(a->w[i], b->w[i], &v);
		c |= __builtin_add_overflow(v, (uint64_t)carry, &v);
		sum.w[i] = v;
		carry = c;
	}
	return sum;
}

struct u256 u256_sub(const struct u256 *a, const struct u256 *b)
{
	struct u256 diff;
	unsigned borrow = 0;
	for (int i = 0; i < 4; i++) {
		uint64_t v;
		unsigned c = __builtin_sub_overflow(a->w[i], b->w[i], &v);
		c |= __builtin_sub_overflow(v, (uint64_t)borrow, &v);
		diff.w[i] = v;
		borrow = c;
	}
	return diff;
}

/* a * 2 + bit; *ret_out is the bit that falls out above. */
static struct u256 shift_in(const struct u256 *a, unsigned bit, unsigned *ret_out)
{
	struct u256 r;
	*ret_out = (unsigned)(a->w[3] >> 63);
	for (int i = 3; i > 0; i--)
		r.w[i] = a->w[i] << 1 | a->w[i - 1] >> 63;
	r.w[0] = a->w[0] << 1 | bit;
	return r;
}

struct u256 u256_div(const struct u256 *a, const struct u256 *b)
{
	struct u256 quotient = {{0}}, rest = {{0}}, zero = {{0}};
	if (u256_cmp(b, &zero) == 0)
		return zero;
	for (int i = 255; i >= 0; i--) {
		unsigned over;
		rest = shift_in(&rest, (unsigned)(a->w[i / 64] >> (i % 64) & 1), &over);
		if (over || u256_cmp(&rest, b) >= 0) {
			rest = u256_sub(&rest, b);
			quotient.w[i / 64] |= UINT64_C(1) << (i % 64);
		}
	}
	return quotient;
}

struct u256 u256_from_le(const uint8_t p32[static 32])
{
	struct u256 r;
	memcpy(r.w, p32, sizeof(r.w));
	for (int i = 0; i < 4; i++)
		r.w[i] = le64toh(r.w[i]);
	return r;
}
