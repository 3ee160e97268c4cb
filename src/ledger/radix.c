/* SPDX-License-Identifier: Apache-2.0
 * Radix partition, in two parallel passes over slices of the rows: count what goes where, then put it there. A slice's
 * rows stand in a run behind those of the slices before it, so that the result does not depend on the threads. */
#include "ledger/radix.h"
#include "base/cleanup.h"
#include "ledger/parallel.h"
#include <string.h>

enum { SLICE_ROWS = 1 << 18, DIGIT_BITS = 8, DIGIT_N = 1 << DIGIT_BITS };

struct job {
	struct radix *r;
	const uint64_t *keys;
	const uint32_t *skip;
	uint64_t n;
	uint64_t *at; /* [slice][run]: first how many, then where the next one goes */
};

uint32_t radix_bits(uint64_t n)
{
	uint32_t bits = 0;

	while (bits < RADIX_BITS_MAX && n >> bits > RADIX_RUN_ROWS)
		bits++;
	return bits;
}

static bool passed(const struct job *j, uint64_t row)
{
	return j->skip && j->skip[row] == RADIX_PASS;
}

static uint64_t slice_end(const struct job *j, uint64_t slice)
{
	return (slice + 1) * SLICE_ROWS < j->n ? (slice + 1) * SLICE_ROWS : j->n;
}

static int count_slice(void *arg, unsigned worker, uint64_t slice, struct err *e)
{
	const struct job *j = arg;
	uint64_t *at = j->at + (slice << j->r->bits);

	(void)worker;
	(void)e;
	for (uint64_t i = slice * SLICE_ROWS; i < slice_end(j, slice); i++)
		if (!passed(j, i))
			at[radix_run(j->r, j->keys[i])]++;
	return 0;
}

static int put_slice(void *arg, unsigned worker, uint64_t slice, struct err *e)
{
	const struct job *j = arg;
	uint64_t *at = j->at + (slice << j->r->bits);

	(void)worker;
	(void)e;
	for (uint64_t i = slice * SLICE_ROWS; i < slice_end(j, slice); i++)
		if (!passed(j, i))
			j->r->pairs[at[radix_run(j->r, j->keys[i])]++] =
				(struct radix_pair){j->keys[i], (uint32_t)i};
	return 0;
}

static void starts(struct job *j, uint64_t slices)
{
	struct radix *r = j->r;
	uint64_t sum = 0;

	for (uint64_t run = 0; run < UINT64_C(1) << r->bits; run++) {
		r->start[run] = sum;
		for (uint64_t s = 0; s < slices; s++) {
			uint64_t *at = &j->at[(s << r->bits) + run], n = *at;

			*at = sum;
			sum += n;
		}
	}
	r->start[UINT64_C(1) << r->bits] = sum;
}

int radix_partition(struct radix *r, const uint64_t *keys, const uint32_t *skip, uint64_t n,
		    uint32_t key_bits, unsigned threads, struct err *e)
{
	struct job j = {.r = r, .keys = keys, .skip = skip, .n = n};
	uint64_t slices = (n + SLICE_ROWS - 1) / SLICE_ROWS;
	_cleanup_(freep) uint64_t *at = calloc((slices + 1) << r->bits, sizeof(*at));
	int rc;

	if (!at)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	j.at = at;
	r->shift = key_bits - r->bits;
	rc = parallel_run(threads, slices, count_slice, &j, e);
	if (rc < 0)
		return rc;
	starts(&j, slices);
	return parallel_run(threads, slices, put_slice, &j, e);
}

void radix_sort(struct radix_pair *pairs, uint64_t n, uint32_t bits, struct radix_pair *scratch)
{
	struct radix_pair *from = pairs, *to = scratch;

	for (uint32_t shift = 0; shift < bits; shift += DIGIT_BITS) {
		uint64_t at[DIGIT_N] = {0}, sum = 0;
		struct radix_pair *swap = from;

		for (uint64_t i = 0; i < n; i++)
			at[from[i].key >> shift & (DIGIT_N - 1)]++;
		for (uint32_t d = 0; d < DIGIT_N; d++) {
			uint64_t count = at[d];

			at[d] = sum;
			sum += count;
		}
		for (uint64_t i = 0; i < n; i++)
			to[at[from[i].key >> shift & (DIGIT_N - 1)]++] = from[i];
		from = to;
		to = swap;
	}
	if (from != pairs)
		memcpy(pairs, from, n * sizeof(*pairs));
}
