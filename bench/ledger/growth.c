/* SPDX-License-Identifier: Apache-2.0
 * Does an import cost more a transaction, or more memory, when the chain is longer? Two chains, one import each. */
#include "bench.h"
#include <stdio.h>
#include <string.h>

enum { SMALL = 1000000 };

/* Seconds and memory of one import of a chain of n transactions. */
static double grown(struct bench *b, uint64_t n, int64_t *ret_rss_kb)
{
	struct bench x = *b;
	double s;

	bench_must(snprintf(x.work, sizeof(x.work), "%.3000s/growth", b->work) > 0, "path");
	snprintf(x.dir, sizeof(x.dir), "%.3900s/ledger", x.work);
	bench_make_chain(&x, n);
	bench_warm(&x);
	s = bench_import_once(&x, "no-undo", ret_rss_kb);
	bench_remove(x.work);
	return s;
}

void bench_growth(struct bench *b)
{
	int64_t small_kb, large_kb;
	double small, large;

	if (!b->growth)
		return;
	small = grown(b, SMALL, &small_kb) * 1e6 / SMALL;
	large = grown(b, b->growth, &large_kb) * 1e6 / (double)b->growth;
	bench_figure("growth: import of 1 M transactions, a million", "s", small);
	bench_figure("growth: the long chain", "M", (double)b->growth / 1e6);
	bench_figure("growth: import of it, a million", "s", large);
	bench_at_most("growth: the long chain's beside the short one's", "times", large / small,
		      1.3);
	bench_figure("growth: most memory, 1 M transactions", "GiB", (double)small_kb / 1048576);
	bench_at_most("growth: most memory, the long chain", "GiB", (double)large_kb / 1048576, 2);
}
