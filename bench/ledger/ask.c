/* SPDX-License-Identifier: Apache-2.0
 * What questions cost: a scan of everything, look-ups cold and warm, traces, clusters, a block more. */
#include "base/cleanup.h"
#include "base/prng.h"
#include "base/text.h"
#include "base/time.h"
#include "bench.h"
#include "chain/address.h"
#include "ledger/entity.h"
#include "ledger/import.h"
#include "ledger/ledger.h"
#include "ledger/trace.h"
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { LOOKUPS = 100000, PROCESSES = 41, SEEDS = 100, BLOCKS_MORE = 20 };

void bench_scan(struct bench *b)
{
	const struct ledger_info *info = ledger_info(b->l);
	double rate[BENCH_ROUNDS];

	for (int round = 0; round < BENCH_ROUNDS; round++) {
		int64_t start = time_mono_ns();
		uint64_t sum = 0;

		for (uint64_t i = 0; i < info->input_n; i++)
			sum += ledger_in_output(b->l, i);
		for (uint64_t o = 0; o < info->output_n; o++)
			sum += ledger_out_value(b->l, o) + ledger_out_address(b->l, o) +
			       ledger_out_spender(b->l, o);
		bench_must(sum != 0, "an empty ledger");
		rate[round] = (double)(info->input_n + info->output_n) * 1e3 /
			      (double)(time_mono_ns() - start);
	}
	bench_at_least("scan of inputs and outputs, one thread", "M/s",
		       bench_median(rate, BENCH_ROUNDS), 125);
}

/* ---- look-ups ---- */

/* From the first instruction of main() to the answer. */
int bench_ask(const char *dir, const char *address)
{
	int64_t start = time_mono_ns();
	_cleanup_(ledger_closep) struct ledger *l = NULL;
	struct ledger_balance balance;
	uint32_t id;

	if (ledger_open(dir, &l, NULL) < 0 || ledger_address_find_text(l, address, &id, NULL) < 0 ||
	    ledger_address_balance(l, id, &balance) < 0)
		return 1;
	printf("%" PRId64 "\n", time_mono_ns() - start);
	return 0;
}

static double ask_process(const struct bench *b, uint32_t id)
{
	char command[2 * BENCH_PATH_LEN + 256], line[64], text[LEDGER_ADDRESS_TEXT_MAX];
	uint64_t ns = 0;
	FILE *f;

	bench_must(ledger_address_text(b->l, id, text) == 0, "address");
	snprintf(command, sizeof(command), "'%s' --ask '%s' %s", bench_self(), b->dir, text);
	f = popen(command, "re");
	bench_must(f && fgets(line, sizeof(line), f), "a process to ask in");
	bench_must(pclose(f) == 0, "a process to ask in");
	bench_must(dec_parse_u64(line, strcspn(line, "\n"), UINT64_MAX, &ns) == 0, line);
	return (double)ns / 1e6;
}

/* An address that is one, not a bare script. */
static uint32_t draw_address(const struct ledger *l, struct prng *r)
{
	struct address a;
	uint32_t id;

	do {
		id = 1 + (uint32_t)prng_below(r, ledger_info(l)->address_n - 1);
	} while (ledger_address_get(l, id, &a) < 0 || a.kind == ADDRESS_SCRIPT);
	return id;
}

static double look_up_us(const struct ledger *l, uint32_t id)
{
	struct ledger_balance balance;
	struct address a;
	uint32_t found;
	int64_t start;

	bench_must(ledger_address_get(l, id, &a) == 0, "address");
	start = time_mono_ns();
	bench_must(ledger_address_find(l, &a, &found) == 0 && found == id &&
			   ledger_address_balance(l, id, &balance) == 0,
		   "look-up");
	return (double)(time_mono_ns() - start) / 1e3;
}

void bench_lookup(struct bench *b)
{
	double cold[PROCESSES], *warm = malloc(LOOKUPS * sizeof(*warm));
	struct prng r;

	bench_must(warm != NULL, "memory");
	prng_init(&r, 1);
	for (int i = 0; i < PROCESSES; i++)
		cold[i] = ask_process(b, draw_address(b->l, &r));
	/* The first look at a page of a mapped file costs a fault; warm is a process that has been asked before. */
	for (int i = 0; i < LOOKUPS * 2; i++)
		warm[i % LOOKUPS] = look_up_us(b->l, draw_address(b->l, &r));
	bench_at_most("address look-up, cold process", "ms", bench_median(cold, PROCESSES), 1);
	bench_figure("address look-up with balance, warm, median", "us",
		     bench_median(warm, LOOKUPS));
	bench_at_most("address look-up with balance, warm, p99", "us", warm[LOOKUPS / 100 * 99],
		      20);
	free(warm);
}

/* ---- traces, clusters ---- */

static double trace_once(const struct ledger *l, enum trace_policy policy, const uint64_t *seeds)
{
	struct trace_source s = trace_source_ledger(l);
	struct trace_params p;
	struct trace t;
	int64_t start;
	double took;

	trace_params_init(&p);
	p.policy = policy;
	p.reached_max = p.runs_max = UINT32_MAX;
	start = time_mono_ns();
	bench_must(trace_run(&s, &p, seeds, SEEDS, &t, NULL) == 0 && !t.partial, "trace");
	took = (double)(time_mono_ns() - start) / 1e9;
	trace_done(&t);
	return took;
}

void bench_trace(struct bench *b)
{
	uint64_t seeds[SEEDS], n = ledger_info(b->l)->output_n;
	double haircut[BENCH_ROUNDS], poison[BENCH_ROUNDS];
	struct prng r;

	prng_init(&r, 7);
	for (int i = 0; i < SEEDS;) {
		uint64_t o = n / 3 + prng_below(&r, n / 3);

		if (ledger_out_value(b->l, o))
			seeds[i++] = o;
	}
	for (int i = 0; i < BENCH_ROUNDS; i++) {
		haircut[i] = trace_once(b->l, TRACE_HAIRCUT, seeds);
		poison[i] = trace_once(b->l, TRACE_POISON, seeds);
	}
	bench_at_most("trace, haircut, 100 seeds to the tip", "s",
		      bench_median(haircut, BENCH_ROUNDS), 0.3);
	bench_figure("haircut beside 4 M random reads, one after another", "times",
		     haircut[BENCH_ROUNDS / 2] / b->reads_s);
	bench_at_most("trace, poison, 100 seeds to the tip", "s",
		      bench_median(poison, BENCH_ROUNDS), 0.3);
	bench_figure("poison beside 4 M random reads, one after another", "times",
		     poison[BENCH_ROUNDS / 2] / b->reads_s);
}

void bench_cluster(struct bench *b)
{
	const struct entity_build o = {.whole = true};
	double took[BENCH_ROUNDS];

	for (int i = 0; i < BENCH_ROUNDS; i++) {
		struct entity_built built;
		int64_t start;

		(void)!entities_remove(b->dir, 0, NULL);
		start = time_mono_ns();
		bench_must(entities_build(b->dir, &o, &built, NULL) == 0, "clusters");
		took[i] = (double)(time_mono_ns() - start) / 1e9;
	}
	bench_at_most("multi-input clustering, 4 M transactions", "s",
		      bench_median(took, BENCH_ROUNDS) * 4e6 / (double)ledger_info(b->l)->tx_n, 1);
}

/* ---- one block more ---- */

static uint8_t *block_bytes(const struct bench *b, const struct ledger_block *at)
{
	char path[BENCH_PATH_LEN + 32];
	uint8_t *p = malloc(at->size);
	int fd;

	snprintf(path, sizeof(path), "%s/blk%05" PRIu32 ".dat", b->blocks, at->file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	bench_must(p && fd >= 0 && pread(fd, p, at->size, (off_t)at->file_off) == (ssize_t)at->size,
		   path);
	close(fd);
	return p;
}

/* The last blocks taken back, and appended again one by one. */
void bench_follow(struct bench *b)
{
	uint32_t tip = ledger_info(b->l)->height;
	double append[BLOCKS_MORE];
	struct ledger_block at[BLOCKS_MORE];
	struct ledger_writer *w = NULL;
	int64_t start;

	if (tip < 2 * BLOCKS_MORE)
		return;
	for (uint32_t i = 0; i < BLOCKS_MORE; i++)
		bench_must(ledger_block_at(b->l, tip - BLOCKS_MORE + 1 + i, &at[i]) == 0, "block");
	b->l = ledger_close((struct ledger *)(uintptr_t)b->l);
	bench_must(ledger_writer_open(b->dir, "regtest", NULL, &w, NULL) == 0, "writer");
	start = time_mono_ns();
	bench_must(ledger_writer_cut(w, tip - BLOCKS_MORE, NULL) == 0, "cut");
	bench_figure("20 blocks taken back", "ms", (double)(time_mono_ns() - start) / 1e6);
	for (int i = 0; i < BLOCKS_MORE; i++) {
		uint8_t *p = block_bytes(b, &at[i]);
		const struct ledger_new_block block = {p, at[i].size, at[i].file, at[i].file_off};

		start = time_mono_ns();
		bench_must(ledger_writer_append(w, &block, 1, NULL) == 0, "append");
		append[i] = (double)(time_mono_ns() - start) / 1e6;
		free(p);
	}
	ledger_writer_close(w);
	bench_figure("one block more, on disk, median", "ms", bench_median(append, BLOCKS_MORE));
}
