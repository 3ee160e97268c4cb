/* SPDX-License-Identifier: Apache-2.0
 * 256-bit unsigned numbers, for proof-of-work targets and the work of a chain; variable time. */
#ifndef CHAIN_U256_H
#define CHAIN_U256_H
#include <stdbool.h>
#include <stdint.h>

struct u256 {
	uint64_t w[4]; /* least significant first */
};

/** u256_cmp - negative, 0 or positive as a is below, equal to or above b */
int u256_cmp(const struct u256 *a, const struct u256 *b);
/** u256_add - a + b modulo 2^256 */
struct u256 u256_add(const struct u256 *a, const struct u256 *b);
/** u256_sub - a - b modulo 2^256 */
struct u256 u256_sub(const struct u256 *a, const struct u256 *b);
/** u256_div - a / b rounded down; zero when b is zero */
struct u256 u256_div(const struct u256 *a, const struct u256 *b);
/** u256_from_le - 32 bytes, least significant first: a block hash in stored order is read this way */
struct u256 u256_from_le(const uint8_t p32[static 32]);
#endif
