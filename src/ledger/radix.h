/* SPDX-License-Identifier: Apache-2.0
 * Radix partition: numbered 64-bit keys into runs of one prefix each, which fit a processor's cache. */
#ifndef LEDGER_RADIX_H
#define LEDGER_RADIX_H
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum { RADIX_BITS_MAX = 11, RADIX_RUN_ROWS = 4096 };

struct radix_pair {
	uint64_t key;
	uint32_t row;
};
struct radix {
	struct radix_pair *
		pairs; /* caller's room; run q is pairs[start[q]] to pairs[start[q + 1]], rows ascending */
	uint64_t start[(1 << RADIX_BITS_MAX) + 1];
	uint32_t bits;	/* 2^bits runs */
	uint32_t shift; /* the run of a key is key >> shift; never 64 */
};
#define RADIX_PASS UINT32_MAX /* in skip[]: leave this row out */

/** radix_bits - how many bits make runs of about RADIX_RUN_ROWS, of n rows
 * Returns: 0 to RADIX_BITS_MAX */
uint32_t radix_bits(uint64_t n);
/** radix_partition - fill a radix
 * In:      keys     [n], row by row; of key_bits bits
 *          skip     [n] or NULL
 *          r        pairs has room for n; bits is set and at most key_bits
 * Returns: 0; -ERR_NOMEM */
int radix_partition(struct radix *r, const uint64_t *keys, const uint32_t *skip, uint64_t n,
		    uint32_t key_bits, unsigned threads, struct err *e) WARN_UNUSED;
/** radix_sort - order pairs by the low `bits` bits of their keys; equal ones keep their order. scratch has room for n */
void radix_sort(struct radix_pair *pairs, uint64_t n, uint32_t bits, struct radix_pair *scratch);
static inline uint64_t radix_run(const struct radix *r, uint64_t key)
{
	return r->bits ? key >> r->shift : 0;
}
#endif
