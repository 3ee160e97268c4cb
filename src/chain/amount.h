/* SPDX-License-Identifier: Apache-2.0
 * Amounts of a UTXO chain: satoshi as a type of its own, added with checks, read and printed exactly. */
#ifndef CHAIN_AMOUNT_H
#define CHAIN_AMOUNT_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

/* Base units (1e-8 of a coin). Reach inside only in amount.c and to store the number. */
struct sat {
	uint64_t v;
};
/* The largest supply in the family (Litecoin, 84 million coins): no valid output, sum or fee exceeds it. */
#define SAT_MAX UINT64_C(8400000000000000)
enum { SAT_DECIMALS = 8, UNITS_DECIMALS_MAX = 18, UNITS_TEXT_MAX = 40 };

/** sat_from - a number of base units
 * sat_add - checked arithmetic
 * Out:     ret      untouched on failure
 * Returns: 0; -ERR_RANGE above SAT_MAX */
int sat_from(uint64_t v, struct sat *ret) WARN_UNUSED;
int sat_add(struct sat a, struct sat b, struct sat *ret) WARN_UNUSED;

/** units_text - base units as a decimal number of coins with every decimal shown: 10000000 of 8 is "0.10000000"
 * Limits:  decimals <= UNITS_DECIMALS_MAX
 * Returns: out */
const char *units_text(uint64_t v, unsigned decimals, char out[static UNITS_TEXT_MAX]);
/** units_parse - the reverse: digits, then at most a dot and 1 to `decimals` digits; no sign, group marks or exponent
 * Returns: 0; -ERR_FORMAT; -ERR_RANGE more decimals than the chain has, or above 2^64 - 1 base units */
int units_parse(const char *s, size_t len, unsigned decimals, uint64_t *ret_v) WARN_UNUSED;
#endif
