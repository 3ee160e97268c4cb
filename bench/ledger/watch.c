/* SPDX-License-Identifier: Apache-2.0
 * From a new block to its committed alerts, with ten million addresses watched. A part of them is of the chain, so that blocks do
 * raise alerts; the last blocks of the ledger are taken as if they came one by one. */
#include "watch/watch.h"
#include "base/prng.h"
#include "base/time.h"
#include "bench.h"
#include "ledger/ledger.h"
#include "store/store.h"
#include <stdio.h>
#include <stdlib.h>

enum { BLOCKS_MAX = 400, OWN_EVERY = 50, LISTS = 10 };

/* Random key hashes, and every OWN_EVERY-th address of the chain. */
static uint64_t watch_list(struct store *s, const struct ledger *l, uint64_t n)
{
	uint32_t own_n = (uint32_t)(ledger_info(l)->address_n / OWN_EVERY), own = 0;
	uint64_t each = n / LISTS, done = 0;
	struct address *list = calloc(each, sizeof(*list));
	struct prng r;

	bench_must(list != NULL, "memory");
	prng_init(&r, 7);
	for (int k = 0; k < LISTS; k++) {
		const struct watch_add add = {.kind = WATCH_ADDRESS, .addresses = list, .n = each};
		struct err e = {0};

		for (uint64_t i = 0; i < each; i++) {
			uint8_t hash20[20];

			prng_bytes(&r, hash20, sizeof(hash20));
			bench_must(address_make(ADDRESS_P2WPKH, hash20, 20, &list[i]) == 0,
				   "address");
			if (own < own_n && i < own_n / LISTS + 1)
				bench_must(ledger_address_get(l, 1 + own++ * OWN_EVERY, &list[i]) ==
						   0,
					   "address");
		}
		bench_must(watch_add(s, &add, &e) > 0, e.message);
		done += each;
	}
	free(list);
	return done;
}

/* The watch begins some blocks back. */
static void go_back(struct store *s, const struct ledger *l, uint32_t blocks)
{
	uint32_t tip = ledger_info(l)->height;
	struct ledger_block b;

	bench_must(tip > blocks && ledger_block_at(l, tip - blocks, &b) == 0, "too few blocks");
	bench_must(store_exec(s, "INSERT INTO watch_block (height, hash) VALUES (?, ?)",
			      VALS(val_i64(tip - blocks), val_blob(b.hash32, 32)), NULL) == 1,
		   "begin");
}

static int count_alert(void *ctx, const struct watch_alert *a, struct err *e)
{
	(void)a;
	(void)e;
	++*(uint64_t *)ctx;
	return 0;
}

static void scan_blocks(struct store *s, struct watch *w, const struct ledger *l, uint32_t blocks)
{
	static double ms[BLOCKS_MAX];
	uint64_t alerts = 0, tx_n = ledger_info(l)->tx_n;
	struct ledger_block b;
	struct err e = {0};
	uint32_t left = 0;

	bench_must(ledger_block_at(l, ledger_info(l)->height - blocks + 1, &b) == 0, "block");
	for (uint32_t i = 0; i < blocks; i++) {
		int64_t start = time_mono_ns();

		bench_must(watch_scan(w, l, 1, 1, &left, &e) == 0, e.message);
		ms[i] = (double)(time_mono_ns() - start) / 1e6;
	}
	bench_must(left == 0 && watch_alerts(s, &(const struct watch_query){.max = INT64_MAX},
					     count_alert, &alerts, NULL) == 0,
		   "alerts");
	bench_figure("transactions a block, mean", "", (double)(tx_n - b.first_tx) / blocks);
	bench_figure("alerts a block, mean", "", (double)alerts / blocks);
	bench_figure("new block to alert, median", "ms", bench_median(ms, blocks));
	bench_at_most("new block to alert, p99", "ms", ms[blocks * 99 / 100], 100);
}

void bench_watch(struct bench *b)
{
	static const uint8_t key16[16] = {1};
	uint32_t height = ledger_info(b->l)->height;
	uint32_t blocks = height > 2 * BLOCKS_MAX ? BLOCKS_MAX : height / 2;
	char path[BENCH_PATH_LEN + 16];
	struct store *s;
	struct watch *w;
	struct err e = {0};
	int64_t start;

	snprintf(path, sizeof(path), "%s/watch.db", b->work);
	bench_must(store_open(path, NULL, &s, &e) == 0, e.message);
	bench_must(watch_tables(s, 1, &e) == 0, e.message);
	bench_figure("watched addresses", "M", (double)watch_list(s, b->l, b->watched) / 1e6);
	go_back(s, b->l, blocks);
	start = time_mono_ns();
	bench_must(watch_open(s, NULL, key16, &w, &e) == 0, e.message);
	bench_figure("loading them", "s", (double)(time_mono_ns() - start) / 1e9);
	bench_at_most("memory of 10 M watched addresses", "MB",
		      (double)watch_memory(w) / 1e6 * 1e7 / (double)b->watched, 400);
	scan_blocks(s, w, b->l, blocks);
	watch_close(w);
	store_close(s);
}
