/* SPDX-License-Identifier: Apache-2.0
 * From a new block to its committed alerts, with ten million addresses watched: bench-watch [--json FILE] [--watched N]
 * [--transactions N]. The chain is chaingen's; a part of the watched addresses is of that chain, so that blocks do raise alerts. */
#include "base/file.h"
#include "base/prng.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "ledger/import.h"
#include "ledger/ledger.h"
#include "store/store.h"
#include "watch/watch.h"
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PATH_LEN = 4096,
	FIGURES_MAX = 16,
	BLOCKS_MAX = 400,
	OWN_EVERY = 50,
	LISTS = 10,
	TARGET_MS = 100
};

static struct figure {
	const char *name, *unit;
	double value;
} figures[FIGURES_MAX];
static size_t figures_n;
static char work[PATH_LEN];

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench-watch: %s\n", what);
	exit(1);
}

static void figure(const char *name, const char *unit, double value)
{
	must(figures_n < FIGURES_MAX, "too many figures");
	figures[figures_n++] = (struct figure){name, unit, value};
	printf("%-46s %14.2f %s\n", name, value, unit);
}

static void run(const char *const *argv)
{
	int status;
	pid_t pid = fork();

	must(pid >= 0, "fork failed");
	if (pid == 0) {
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	must(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0,
	     argv[0]);
}

static const char *path(const char *name)
{
	static char out[2][PATH_LEN + 64];
	static int turn;

	turn = !turn;
	snprintf(out[turn], sizeof(out[turn]), "%s/%s", work, name);
	return out[turn];
}

static struct ledger *make_ledger(const char *transactions)
{
	struct ledger_import_options o = {.first_height = -1};
	char gen[PATH_LEN] = {0}, *slash;
	const char *argv[] = {gen,	    "--out", work,	   "--transactions",
			      transactions, "--rev", "--no-truth", "--quiet",
			      NULL};
	struct ledger *l;
	struct err e = {0};

	must(readlink("/proc/self/exe", gen, sizeof(gen) - 32) > 0, "where is this program?");
	slash = strstr(gen, "/bench/bench-watch");
	must(slash != NULL, "not in a build folder");
	memcpy(slash, "/bin/chaingen", sizeof("/bin/chaingen"));
	run(argv);
	must(ledger_import(path("blocks"), path("ledger"), &o, NULL, &e) == 0, e.message);
	must(ledger_open(path("ledger"), &l, &e) == 0, e.message);
	return l;
}

/* Random key hashes, and every OWN_EVERY-th address of the chain. */
static uint64_t watch_list(struct store *s, const struct ledger *l, uint64_t n)
{
	uint32_t own_n = (uint32_t)(ledger_info(l)->address_n / OWN_EVERY), own = 0;
	uint64_t each = n / LISTS, done = 0;
	struct address *list = calloc(each, sizeof(*list));
	struct prng r;

	must(list != NULL, "memory");
	prng_init(&r, 7);
	for (int k = 0; k < LISTS; k++) {
		const struct watch_add add = {.kind = WATCH_ADDRESS, .addresses = list, .n = each};
		struct err e = {0};

		for (uint64_t i = 0; i < each; i++) {
			uint8_t hash20[20];

			prng_bytes(&r, hash20, sizeof(hash20));
			must(address_make(ADDRESS_P2WPKH, hash20, 20, &list[i]) == 0, "address");
			if (own < own_n && i < own_n / LISTS + 1)
				must(ledger_address_get(l, 1 + own++ * OWN_EVERY, &list[i]) == 0,
				     "address");
		}
		must(watch_add(s, &add, &e) > 0, e.message);
		done += each;
	}
	free(list);
	return done;
}

/* The watch begins some blocks back: as if these came one by one. */
static void go_back(struct store *s, const struct ledger *l, uint32_t blocks)
{
	uint32_t tip = ledger_info(l)->height;
	struct ledger_block b;

	must(tip > blocks, "too few blocks");
	must(ledger_block_at(l, tip - blocks, &b) == 0, "block");
	must(store_exec(s, "INSERT INTO watch_block (height, hash) VALUES (?, ?)",
			VALS(val_i64(tip - blocks), val_blob(b.hash32, 32)), NULL) == 1,
	     "begin");
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int count_alert(void *ctx, const struct watch_alert *a, struct err *e)
{
	++*(uint64_t *)ctx;
	return 0;
}

static void bench_blocks(struct store *s, struct watch *w, const struct ledger *l, uint32_t blocks)
{
	static double ms[BLOCKS_MAX];
	uint64_t alerts = 0, tx_n = ledger_info(l)->tx_n;
	struct ledger_block b;
	struct err e = {0};
	uint32_t left;

	must(ledger_block_at(l, ledger_info(l)->height - blocks + 1, &b) == 0, "block");
	for (uint32_t i = 0; i < blocks; i++) {
		int64_t start = time_mono_ns();

		must(watch_scan(w, l, 1, 1, &left, &e) == 0, e.message);
		ms[i] = (double)(time_mono_ns() - start) / 1e6;
	}
	must(left == 0 && watch_alerts(s, &(const struct watch_query){.max = INT64_MAX},
				       count_alert, &alerts, NULL) == 0,
	     "alerts");
	qsort(ms, blocks, sizeof(ms[0]), by_value);
	figure("transactions a block, mean", "", (double)(tx_n - b.first_tx) / blocks);
	figure("alerts a block, mean", "", (double)alerts / blocks);
	figure("new block to alert, median", "ms", ms[blocks / 2]);
	figure("new block to alert, p99", "ms", ms[blocks * 99 / 100]);
	printf("%-46s %14s\n", "  target: at most 100 ms with 10 M watched",
	       ms[blocks * 99 / 100] <= TARGET_MS ? "met" : "missed");
}

static void bench_watch(const char *transactions, uint64_t watched)
{
	static const uint8_t key16[16] = {1};
	struct ledger *l = make_ledger(transactions);
	uint32_t height = ledger_info(l)->height;
	uint32_t blocks = height > 2 * BLOCKS_MAX ? BLOCKS_MAX : height / 2;
	struct store *s;
	struct watch *w;
	struct err e = {0};
	struct rusage usage;
	int64_t start;

	must(store_open(path("watch.db"), NULL, &s, &e) == 0, e.message);
	must(watch_tables(s, 1, &e) == 0, e.message);
	start = time_mono_ns();
	watched = watch_list(s, l, watched);
	figure("watched addresses", "", (double)watched);
	figure("adding them", "k/s",
	       (double)watched / 1e3 / ((double)(time_mono_ns() - start) / 1e9));
	go_back(s, l, blocks);
	start = time_mono_ns();
	must(watch_open(s, NULL, key16, &w, &e) == 0, e.message);
	figure("loading them", "s", (double)(time_mono_ns() - start) / 1e9);
	figure("memory of the tables", "MB", (double)watch_memory(w) / 1e6);
	bench_blocks(s, w, l, blocks);
	getrusage(RUSAGE_SELF, &usage);
	figure("peak resident memory, import included", "MB", (double)usage.ru_maxrss / 1e3);
	watch_close(w);
	store_close(s);
	ledger_close(l);
}

static void write_json(const char *file)
{
	FILE *f = fopen(file, "we");

	must(f != NULL, file);
	fprintf(f, "{");
	for (size_t i = 0; i < figures_n; i++)
		fprintf(f, "%s\n  \"%s\": {\"value\": %.3f, \"unit\": \"%s\"}", i ? "," : "",
			figures[i].name, figures[i].value, figures[i].unit);
	fprintf(f, "\n}\n");
	must(fclose(f) == 0, file);
}

int main(int argc, char **argv)
{
	const char *json = NULL, *transactions = "400000";
	uint64_t watched = 10000000;

	for (int i = 1; i + 1 < argc; i += 2) {
		json = strcmp(argv[i], "--json") == 0 ? argv[i + 1] : json;
		transactions = strcmp(argv[i], "--transactions") == 0 ? argv[i + 1] : transactions;
		watched = strcmp(argv[i], "--watched") == 0 ? strtoull(argv[i + 1], NULL, 10)
							    : watched;
	}
	must(crypto_start() == 0, "libraries");
	snprintf(work, sizeof(work), "/tmp/bench-watch-XXXXXX");
	must(mkdtemp(work) != NULL, "no folder in /tmp");
	printf("watch: %" PRIu64 " addresses, one block at a time, each committed\n", watched);
	bench_watch(transactions, watched);
	run((const char *const[]){"/bin/rm", "-rf", work, NULL});
	if (json)
		write_json(json);
	return 0;
}
