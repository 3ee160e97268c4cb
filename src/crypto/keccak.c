/* SPDX-License-Identifier: Apache-2.0
 * Keccak-256 as submitted to NIST in 2011 (padding 0x01), which EVM chains use; FIPS 202's SHA3-256 pads with 0x06.
 *
 * Keccak-f[1600] works on 5 x 5 lanes of 64 bits, here a[x + 5 * y]. A round is theta (mix columns), rho (rotate lanes), pi (move
 * lanes), chi (the non-linear step) and iota (round constant). rho and pi walk one cycle through 24 lanes, so that one spare
 * lane suffices. The rate is 136 bytes: 1600 bits less twice the 256 of the output. */
#include "crypto/crypto.h"

enum { LANES = 25, ROUNDS = 24, RATE = 136 };

static const uint64_t round_constants[ROUNDS] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
	0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
	0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
	0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
	0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};
/* The cycle of rho and pi: rotation of the lane that moves, and where it moves to. */
static const uint8_t rho[24] = {1,  3,	6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
				27, 41, 56, 8,	25, 43, 62, 18, 39, 61, 20, 44};
static const uint8_t pi[24] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
			       15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};

static inline uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static void theta(uint64_t a[LANES])
{
	uint64_t c[5], d[5];
	for (unsigned x = 0; x < 5; x++)
		c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	d[0] = c[4] ^ rotl(c[1], 1);
	d[1] = c[0] ^ rotl(c[2], 1);
	d[2] = c[1] ^ rotl(c[3], 1);
	d[3] = c[2] ^ rotl(c[4], 1);
	d[4] = c[3] ^ rotl(c[0], 1);
	for (unsigned y = 0; y < LANES; y += 5)
		for (unsigned x = 0; x < 5; x++)
			a[y + x] ^= d[x];
}

static void rho_pi(uint64_t a[LANES])
{
	uint64_t moving = a[1];
#pragma GCC unroll 24
	for (unsigned i = 0; i < 24; i++) {
		uint64_t next = a[pi[i]];
		a[pi[i]] = rotl(moving, rho[i]);
		moving = next;
	}
}

static void chi(uint64_t a[LANES])
{
	for (unsigned y = 0; y < LANES; y += 5) {
		const uint64_t r0 = a[y], r1 = a[y + 1];
		a[y] ^= ~a[y + 1] & a[y + 2];
		a[y + 1] ^= ~a[y + 2] & a[y + 3];
		a[y + 2] ^= ~a[y + 3] & a[y + 4];
		a[y + 3] ^= ~a[y + 4] & r0;
		a[y + 4] ^= ~r0 & r1;
	}
}

static void keccak_f(uint64_t a[LANES])
{
	for (unsigned r = 0; r < ROUNDS; r++) {
		theta(a);
		rho_pi(a);
		chi(a);
		a[0] ^= round_constants[r];
	}
}

/* The next len bytes, at most RATE, into the state; lanes are little-endian. */
static void absorb(uint64_t a[LANES], const uint8_t *p, size_t len)
{
	size_t i = 0;
	for (; i + 8 <= len; i += 8)
		a[i / 8] ^= (uint64_t)p[i] | (uint64_t)p[i + 1] << 8 | (uint64_t)p[i + 2] << 16 |
			    (uint64_t)p[i + 3] << 24 | (uint64_t)p[i + 4] << 32 |
			    (uint64_t)p[i + 5] << 40 | (uint64_t)p[i + 6] << 48 |
			    (uint64_t)p[i + 7] << 56;
	for (; i < len; i++)
		a[i / 8] ^= (uint64_t)p[i] << 8 * (i % 8);
}

void keccak256(const void *p, size_t len, uint8_t out32[static KECCAK256_LEN])
{
	static const uint8_t pad_first = 0x01, pad_last = 0x80;
	const uint8_t *in = p;
	uint64_t a[LANES] = {0};
	for (; len >= RATE; in += RATE, len -= RATE) {
		absorb(a, in, RATE);
		keccak_f(a);
	}
	absorb(a, in, len);
	a[len / 8] ^= (uint64_t)pad_first << 8 * (len % 8);
	a[(RATE - 1) / 8] ^= (uint64_t)pad_last << 56;
	keccak_f(a);
	for (size_t i = 0; i < KECCAK256_LEN; i++)
		out32[i] = (uint8_t)(a[i / 8] >> 8 * (i % 8));
}
