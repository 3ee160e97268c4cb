/* SPDX-License-Identifier: Apache-2.0
 * Parcels between two nodes in one process, durable on both sides: from the post to R2, beside the machine's own fsync rate and
 * a bare SQLite commit: bench-exchange [--json FILE]. Real keys and files; only the network is left out. */
#include "base/file.h"
#include "base/time.h"
#include "nodes.h"
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

enum { PART_BYTES = 2048, BATCH = 256, ROUNDS = 5, SINGLES = 100, LOADED = 40, FIGURES_MAX = 16 };

static struct {
	const char *name, *unit;
	double value;
} figures[FIGURES_MAX];
static size_t figures_n;
static char dir[PATH_MAX];

static void must(bool ok)
{
	if (!ok) {
		fprintf(stderr, "bench-exchange: an operation failed\n");
		exit(1);
	}
}

static void figure(const char *name, const char *unit, double value)
{
	must(figures_n < FIGURES_MAX);
	figures[figures_n].name = name;
	figures[figures_n].unit = unit;
	figures[figures_n++].value = value;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static const char *in_dir(const char *name, char out[static PATH_MAX])
{
	must(snprintf(out, PATH_MAX, "%.200s/%s", dir, name) > 0);
	return out;
}

/* ---- the machine ---- */

static void bench_fsync(void)
{
	char path[PATH_MAX], page[4096] = {1};
	int fd = open(in_dir("sync", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int64_t start_ns = time_mono_ns(), spent_ns = 0;
	int n = 0;
	must(fd >= 0);
	for (; n < 2000 && spent_ns < 1000000000; n++, spent_ns = time_mono_ns() - start_ns)
		must(pwrite(fd, page, sizeof(page), (n % 64) * 4096) == sizeof(page) &&
		     fsync(fd) == 0);
	close(fd);
	figure("fsync of one page", "1/s", n * 1e9 / (double)spent_ns);
}

static void bench_commit(void)
{
	static const uint8_t row[PART_BYTES];
	char path[PATH_MAX];
	sqlite3 *db;
	sqlite3_stmt *put;
	int64_t start_ns, spent_ns = 0;
	int n = 0;
	must(sqlite3_open(in_dir("bare", path), &db) == SQLITE_OK &&
	     sqlite3_exec(
		     db,
		     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (v BLOB)",
		     NULL, NULL, NULL) == SQLITE_OK &&
	     sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?)", -1, &put, NULL) == SQLITE_OK);
	start_ns = time_mono_ns();
	for (; n < 2000 && spent_ns < 1000000000; n++, spent_ns = time_mono_ns() - start_ns) {
		sqlite3_bind_blob(put, 1, row, sizeof(row), SQLITE_STATIC);
		must(sqlite3_step(put) == SQLITE_DONE);
		sqlite3_reset(put);
	}
	sqlite3_finalize(put);
	sqlite3_close(db);
	figure("SQLite commit of one 2 kB row, bare", "1/s", n * 1e9 / (double)spent_ns);
}

/* ---- two nodes ---- */

static void start(struct nodes *w)
{
	static const char *const names[] = {"fr", "it"};
	char path[PATH_MAX];
	nodes_init(w, names, 2, 1);
	for (size_t i = 0; i < 2; i++)
		must(node_open(&w->node[i], in_dir(names[i], path), NULL, NULL) == 0 &&
		     node_install(&w->node[i], NULL) == 0);
	nodes_run(w);
}

static void text_of(char text[static PART_BYTES + 1], unsigned n)
{
	memset(text, 'a', PART_BYTES);
	int len = snprintf(text, 32, "parcel %u", n);
	text[len] = ' ';
	text[PART_BYTES] = '\0';
}

static void post(struct nodes *w, enum exchange_class class, unsigned n)
{
	char text[PART_BYTES + 1];
	uint8_t id16[16];
	text_of(text, n);
	must(node_post(&w->node[1], class, text, id16, NULL, "fr", NULL) == 0);
}

static void delivered(struct nodes *w, int64_t n)
{
	must(node_count(&w->node[0], "SELECT COUNT(*) AS n FROM probe_effect") == n &&
	     node_count(&w->node[1], "SELECT COUNT(*) AS n FROM exchange_out WHERE state = 2") ==
		     n);
}

static void bench_single(struct nodes *w)
{
	double ms[SINGLES], sum = 0;
	for (unsigned i = 0; i < SINGLES; i++) {
		int64_t start_ns = time_mono_ns();
		post(w, EXCHANGE_FLASH, i);
		nodes_run(w);
		ms[i] = (double)(time_mono_ns() - start_ns) / 1e6;
		sum += ms[i];
	}
	delivered(w, SINGLES);
	qsort(ms, SINGLES, sizeof(ms[0]), by_value);
	figure("FLASH from post to R2 recorded, median", "ms", ms[SINGLES / 2]);
	figure("FLASH from post to R2 recorded, p99", "ms", ms[SINGLES * 99 / 100]);
	figure("parcels one at a time, post to R2", "1/s", SINGLES * 1000 / sum);
}

static void bench_batch(struct nodes *w)
{
	double rates[ROUNDS];
	for (unsigned r = 0; r < ROUNDS; r++) {
		for (unsigned i = 0; i < BATCH; i++)
			post(w, EXCHANGE_NORMAL, SINGLES + r * BATCH + i);
		int64_t start_ns = time_mono_ns();
		nodes_run(w);
		rates[r] = BATCH * 1e9 / (double)(time_mono_ns() - start_ns);
	}
	delivered(w, SINGLES + ROUNDS * BATCH);
	qsort(rates, ROUNDS, sizeof(rates[0]), by_value);
	figure("parcels of 2 kB, 256 queued, posted to R2", "1/s", rates[ROUNDS / 2]);
}

/* When the FLASH that is under way was accepted, by the signed receipt. */
static struct {
	uint8_t id16[16];
	int64_t accepted_ns;
} flash;

static int on_delivery(void *ctx, struct exchange *x, const struct exchange_delivery *d,
		       struct err *e)
{
	if (d->state == EXCHANGE_ACCEPTED && memcmp(d->id16, flash.id16, 16) == 0)
		flash.accepted_ns = time_mono_ns();
	return 0;
}

/* The worst moment for a FLASH: a full body has just left, and the queue behind it is long. */
static void bench_loaded(struct nodes *w)
{
	double ms[LOADED];
	char text[PART_BYTES + 1];
	unsigned n = SINGLES + ROUNDS * BATCH;
	must(exchange_watch(w->node[1].x, on_delivery, NULL, NULL) == 0);
	for (unsigned r = 0; r < LOADED; r++) {
		STORE_TXN(txn);
		must(store_begin(w->node[1].store, STORE_WRITE, &txn, NULL) == 0);
		for (unsigned i = 0; i < BATCH; i++)
			post(w, EXCHANGE_NORMAL, n++);
		must(store_commit(&txn, NULL) == 0 && exchange_poll(w->node[1].x, NULL) == 0);
		text_of(text, n++);
		int64_t start_ns = time_mono_ns();
		must(node_post(&w->node[1], EXCHANGE_FLASH, text, flash.id16, NULL, "fr", NULL) ==
		     0);
		flash.accepted_ns = 0;
		nodes_run(w);
		must(flash.accepted_ns != 0);
		ms[r] = (double)(flash.accepted_ns - start_ns) / 1e6;
	}
	delivered(w, n);
	qsort(ms, LOADED, sizeof(ms[0]), by_value);
	figure("FLASH behind a full body, post to R2, median", "ms", ms[LOADED / 2]);
	figure("FLASH behind a full body, post to R2, p99", "ms", ms[LOADED * 99 / 100]);
}

static int report(const char *json)
{
	FILE *f = json ? fopen(json, "w") : NULL;
	if (json && !f) {
		perror(json);
		return 1;
	}
	for (size_t i = 0; i < figures_n; i++) {
		printf("%-48s %12.1f %s\n", figures[i].name, figures[i].value, figures[i].unit);
		if (f)
			fprintf(f, "%s\n  \"%s\": {\"value\": %.1f, \"unit\": \"%s\"}",
				i ? "," : "{", figures[i].name, figures[i].value, figures[i].unit);
	}
	if (f)
		fprintf(f, "\n}\n");
	return !f || fclose(f) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct nodes w;
	bool json = argc == 3 && strcmp(argv[1], "--json") == 0;
	const char *base = getenv("TMPDIR");
	char command[PATH_MAX + 16];
	if (argc != 1 && !json) {
		fprintf(stderr, "usage: bench-exchange [--json FILE]\n");
		return 2;
	}
	snprintf(dir, sizeof(dir), "%s/lug-bench-XXXXXX", base ? base : "/var/tmp");
	must(mkdtemp(dir) != NULL);
	bench_fsync();
	bench_commit();
	start(&w);
	bench_single(&w);
	bench_batch(&w);
	bench_loaded(&w);
	nodes_done(&w);
	snprintf(command, sizeof(command), "rm -rf '%.200s'", dir);
	must(system(command) == 0);
	return report(json ? argv[2] : NULL);
}
