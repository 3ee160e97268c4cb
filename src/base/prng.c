/* SPDX-License-Identifier: Apache-2.0
 * xoshiro256** 1.0 and splitmix64 (D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", 2018). */
#include "base/prng.h"
#include <string.h>

static uint64_t splitmix64(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void prng_init(struct prng *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		r->s[i] = splitmix64(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

uint64_t prng_u64(struct prng *r)
{
	uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t prng_below(struct prng *r, uint64_t n)
{
	if (n == 0)
		return 0;
	/* Rejection keeps it uniform: drop the incomplete last bucket. */
	uint64_t limit = UINT64_MAX - UINT64_MAX % n, v;
	do
		v = prng_u64(r);
	while (v >= limit);
	return v % n;
}

int prng_chance(struct prng *r, uint32_t num, uint32_t den)
{
	return prng_below(r, den) < num;
}

void prng_bytes(struct prng *r, void *out, size_t len)
{
	uint8_t *p = out;
	while (len) {
		uint64_t v = prng_u64(r);
		size_t n = len < 8 ? len : 8;
		for (size_t i = 0; i < n; i++)
			p[i] = (uint8_t)(v >> (8 * i)); /* the same on every byte order */
		p += n;
		len -= n;
	}
}
