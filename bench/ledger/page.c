/* SPDX-License-Identifier: Apache-2.0
 * The first page of the entity whose history is nearest to 150,000 transactions: its totals and its 50 newest transactions. */
#include "base/time.h"
#include "bench.h"
#include "ledger/entity.h"
#include "ledger/party.h"

enum { PAGE_ROWS = 50, PAGE_TX = 150000, CANDIDATES = 64 };

/* The largest entities, by addresses. */
static size_t largest(const struct entities *x, uint32_t ids[CANDIDATES])
{
	uint64_t size[CANDIDATES], n = ledger_info(entities_ledger(x))->address_n;
	size_t have = 0;

	for (uint32_t a = 1; a < n; a++) {
		if (entity_of(x, a, ENTITY_TIP) != a)
			continue;
		uint64_t s = entity_size(x, a, ENTITY_TIP);
		size_t at = have < CANDIDATES ? have++ : CANDIDATES - 1;
		if (at == CANDIDATES - 1 && have == CANDIDATES && size[at] >= s && ids[at])
			continue;
		for (; at && size[at - 1] < s; at--) {
			size[at] = size[at - 1];
			ids[at] = ids[at - 1];
		}
		size[at] = s;
		ids[at] = a;
	}
	return have;
}

static uint64_t distance(uint64_t tx_n)
{
	return tx_n > PAGE_TX ? tx_n - PAGE_TX : PAGE_TX - tx_n;
}

static uint32_t entity_find(const struct entities *x, uint64_t *ret_tx_n)
{
	uint32_t ids[CANDIDATES] = {0}, best = 0;
	size_t n = largest(x, ids);

	*ret_tx_n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct party p = {
			.l = entities_ledger(x), .x = x, .id = ids[i], .height = ENTITY_TIP};
		struct ledger_balance total;

		bench_must(party_balance(&p, &total) == 0, "an entity's totals");
		if (best && distance(total.tx_n) >= distance(*ret_tx_n))
			continue;
		best = ids[i];
		*ret_tx_n = total.tx_n;
	}
	return best;
}

static double page_ms(const struct entities *x, uint32_t id, bool totals)
{
	const struct party p = {.l = entities_ledger(x), .x = x, .id = id, .height = ENTITY_TIP};
	struct ledger_move moves[PAGE_ROWS];
	struct ledger_balance total;
	int64_t start = time_mono_ns();

	bench_must((!totals || party_balance(&p, &total) == 0) &&
			   party_moves(&p, LEDGER_NEWEST_FIRST, -1, moves, PAGE_ROWS) > 0,
		   "an entity's first page");
	return (double)(time_mono_ns() - start) / 1e6;
}

void bench_page(struct bench *b)
{
	const struct entity_build opt = {0};
	double ms[BENCH_ROUNDS], with[BENCH_ROUNDS];
	struct entity_built built;
	struct entities *x;
	uint64_t tx_n;

	bench_must(entities_build(b->dir, &opt, &built, NULL) == 0 &&
			   entities_open(b->dir, b->l, 0, &x, NULL) == 0,
		   "entities");
	uint32_t id = entity_find(x, &tx_n);
	for (int i = 0; i < BENCH_ROUNDS; i++) {
		ms[i] = page_ms(x, id, false);
		with[i] = page_ms(x, id, true);
	}
	bench_figure("transactions of the entity nearest to 150 k", "", (double)tx_n);
	bench_at_most("its first page, 50 newest transactions", "ms",
		      bench_median(ms, BENCH_ROUNDS), 20);
	bench_at_most("the same with totals", "ms", bench_median(with, BENCH_ROUNDS), 20);
	entities_close(x);
}
