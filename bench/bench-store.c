/* SPDX-License-Identifier: Apache-2.0
 * What durable acts cost, beside the disk's own sync rate and bare SQLite in the same run: bench-store [--json FILE].
 * Files lie in TMPDIR or /var/tmp. Each figure is the median of several rounds, which alternate. */
#include "audit/audit.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "store/store.h"
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <unistd.h>

enum {
	ROUNDS = 5,
	SYNCS = 200,
	BATCH = 100,
	BATCHES = 20,
	READS = 20000,
	LOG = 20000,
	FIGURES_MAX = 16
};

static char dir[PATH_MAX];
static uint64_t recorded, rows;

static struct {
	const char *name, *unit;
	double rounds[ROUNDS];
} figures[FIGURES_MAX];
static size_t figures_n;

static void must(bool ok, const struct err *e)
{
	if (ok)
		return;
	fprintf(stderr, "bench-store: %s\n", e && e->code ? e->message : "an operation failed");
	exit(1);
}

static const char *in_dir(const char *name)
{
	static char path[PATH_MAX + 32];
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* ---- one round of each measure; they give seconds ---- */

static int fd_sync;

static void do_syncs(void *ctx)
{
	static const char page[4096];
	for (int i = 0; i < SYNCS; i++)
		must(pwrite(fd_sync, page, sizeof(page), (off_t)(i % 64) * (off_t)sizeof(page)) ==
				     sizeof(page) &&
			     fdatasync(fd_sync) == 0,
		     NULL);
}

static sqlite3 *bare;

static void open_bare(void)
{
	must(sqlite3_open(in_dir("bare"), &bare) == SQLITE_OK &&
		     sqlite3_exec(bare,
				  "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
				  "CREATE TABLE act (k INTEGER PRIMARY KEY, v TEXT)",
				  NULL, NULL, NULL) == SQLITE_OK,
	     NULL);
}

static void do_bare(void *ctx)
{
	sqlite3_stmt *q = NULL;
	must(sqlite3_prepare_v2(bare, "INSERT INTO act (v) VALUES (?)", -1, &q, NULL) == SQLITE_OK,
	     NULL);
	for (int i = 0; i < SYNCS; i++) {
		must(sqlite3_bind_text(q, 1, "request 0192 ACCEPTED", -1, SQLITE_STATIC) ==
				     SQLITE_OK &&
			     sqlite3_step(q) == SQLITE_DONE && sqlite3_reset(q) == SQLITE_OK,
		     NULL);
	}
	sqlite3_finalize(q);
}

static void act(struct store *s)
{
	struct err e = {0};
	must(store_exec(s, "INSERT INTO act (k, v) VALUES (?, ?)",
			VALS(val_u64(rows++), val_text("request 0192 ACCEPTED")), &e) == 1,
	     &e);
}

static void audit(struct store *s)
{
	uint8_t salt32[AUDIT_SALT_LEN];
	struct err e = {0};
	random_bytes(salt32, sizeof(salt32));
	const struct audit_event ev = {.type = AUDIT_TRANSITION,
				       .who = "officer.7",
				       .what = "request.accept",
				       .purpose = "freeze",
				       .basis = "art-18",
				       .target = "request 0192f1c4"};
	must(audit_record(s, &ev, (int64_t)(1700000000 + recorded++), salt32, NULL, &e) == 0, &e);
}

static void acts(struct store *s, int n, bool audited)
{
	struct err e = {0};
	STORE_TXN(txn);
	must(store_begin(s, STORE_WRITE, &txn, &e) == 0, &e);
	for (int i = 0; i < n; i++) {
		act(s);
		if (audited)
			audit(s);
	}
	must(store_commit(&txn, &e) == 0, &e);
}

static void do_acts(void *ctx)
{
	for (int i = 0; i < SYNCS; i++)
		acts(ctx, 1, false);
}

static void do_audited(void *ctx)
{
	for (int i = 0; i < SYNCS; i++)
		acts(ctx, 1, true);
}

static void do_batches(void *ctx)
{
	for (int i = 0; i < BATCHES; i++)
		acts(ctx, BATCH, true);
}

static void do_reads(void *ctx)
{
	struct err e = {0};
	for (uint64_t i = 0; i < READS; i++) {
		STORE_ROWS(r);
		must(store_first(ctx, "SELECT v FROM act WHERE k = ?",
				 VALS(val_u64(i * 7919 % rows)), &r, &e) == 1,
		     &e);
		must(row_text(&r, "v", NULL)[0] == 'r', NULL);
	}
}

/* ---- the log ---- */

static const uint8_t seed32[32] = {7};
static struct audit_key key;

static int sign(void *ctx, struct buf *text, struct err *e)
{
	return note_sign_seed(text, key.verifier.name, seed32, e);
}

static struct audit_log *audit_log;
static uint64_t integrated;

static void do_integrate(void *ctx)
{
	struct err e = {0};
	int64_t n = audit_log_flush(audit_log, &e);
	must(n >= 0, &e);
	integrated = (uint64_t)n;
}

static void do_verify(void *ctx)
{
	struct err e = {0};
	struct audit_report report;
	must(audit_verify(in_dir("log"), &key.verifier, NULL, NULL, &report, &e) == 0, &e);
}

/* ---- measuring ---- */

static void measure(int round, const char *name, const char *unit, double amount,
		    void (*fn)(void *), void *ctx)
{
	size_t i = 0;
	while (i < figures_n && strcmp(figures[i].name, name) != 0)
		i++;
	must(i < FIGURES_MAX, NULL);
	int64_t start = time_mono_ns();
	fn(ctx);
	figures[i].name = name;
	figures[i].unit = unit;
	figures[i].rounds[round] = amount * 1e9 / (double)(time_mono_ns() - start);
	figures_n = i < figures_n ? figures_n : i + 1;
}

static void round_of_all(int round, struct store *s)
{
	measure(round, "disk: 4 KiB written and synced", "per s", SYNCS, do_syncs, NULL);
	measure(round, "bare SQLite, one row a commit", "per s", SYNCS, do_bare, NULL);
	measure(round, "store, one row a commit", "per s", SYNCS, do_acts, s);
	measure(round, "store, one act with its audit record a commit", "per s", SYNCS, do_audited,
		s);
	measure(round, "store, acts with audit records, 100 a commit", "per s", BATCH * BATCHES,
		do_batches, s);
	measure(round, "store, rows read by key", "per s", READS, do_reads, s);
	for (int i = 0; i < LOG / 1000; i++)
		acts(s, 1000, true);
	uint64_t before = audit_log_size(audit_log);
	measure(round, "audit log, entries taken into the tree", "per s",
		(double)(recorded - before), do_integrate, NULL);
	must(integrated == recorded - before, NULL);
	measure(round, "audit log, entries verified", "per s", (double)recorded, do_verify, NULL);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static int report(const char *json)
{
	FILE *f = json ? fopen(json, "w") : NULL;
	if (json && !f) {
		perror(json);
		return 1;
	}
	for (size_t i = 0; i < figures_n; i++) {
		qsort(figures[i].rounds, ROUNDS, sizeof(double), by_value);
		double median = figures[i].rounds[ROUNDS / 2];
		printf("%-48s %12.0f %s\n", figures[i].name, median, figures[i].unit);
		if (f)
			fprintf(f, "%s\n  \"%s\": {\"value\": %.1f, \"unit\": \"%s\"}",
				i ? "," : "{", figures[i].name, median, figures[i].unit);
	}
	if (f)
		fprintf(f, "\n}\n");
	return !f || fclose(f) == 0 ? 0 : 1;
}

static struct store *start(void)
{
	struct store *s = NULL;
	struct err e = {0};
	uint8_t pk32[32];
	const char *base = getenv("TMPDIR");
	(void)snprintf(dir, sizeof(dir), "%s/lug-bench-XXXXXX", base ? base : "/var/tmp");
	must(crypto_start() == 0 && mkdtemp(dir), NULL);
	fd_sync = open(in_dir("sync"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	must(fd_sync >= 0, NULL);
	open_bare();
	must(store_open(in_dir("store"), NULL, &s, &e) == 0 &&
		     store_migrate(s, audit_schema(), 1700000000, &e) > 0 &&
		     store_exec(s,
				"CREATE TABLE act (k BIGINT NOT NULL PRIMARY KEY, v TEXT NOT NULL)",
				NO_VALS, &e) == 0,
	     &e);
	ed25519_public(seed32, pk32);
	must(note_verifier_init(&key.verifier, "it.example/audit", pk32) == 0, NULL);
	key.signer.sign = sign;
	must(audit_log_open(s, in_dir("log"), &key, &audit_log, &e) == 0, &e);
	return s;
}

static void stop(struct store *s)
{
	char command[PATH_MAX + 16];
	audit_log_close(audit_log);
	store_close(s);
	sqlite3_close(bare);
	close(fd_sync);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	must(system(command) == 0, NULL);
}

int main(int argc, char **argv)
{
	bool json = argc == 3 && strcmp(argv[1], "--json") == 0;
	if (argc != 1 && !json) {
		fprintf(stderr, "usage: bench-store [--json FILE]\n");
		return 2;
	}
	struct store *s = start();
	for (int round = 0; round < ROUNDS; round++)
		round_of_all(round, s);
	stop(s);
	return report(json ? argv[2] : NULL);
}
