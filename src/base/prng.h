/* SPDX-License-Identifier: Apache-2.0
 * Deterministic random numbers for generators, simulator and tests: xoshiro256** seeded by splitmix64. Never for keys. */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H
#include <stddef.h>
#include <stdint.h>

struct prng {
	uint64_t s[4];
};

/** prng_init - the sequence of a seed; the same on every machine and for ever */
void prng_init(struct prng *r, uint64_t seed);
uint64_t prng_u64(struct prng *r);
/** prng_below - uniform in [0, n); 0 when n is 0 */
uint64_t prng_below(struct prng *r, uint64_t n);
/** prng_chance - true in about num of den cases */
int prng_chance(struct prng *r, uint32_t num, uint32_t den);
void prng_bytes(struct prng *r, void *out, size_t len);
#endif
