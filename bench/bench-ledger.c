/* SPDX-License-Identifier: Apache-2.0
 * The ledger engine against its targets, beside what the machine can do in the same run:
 * bench-ledger [--transactions N | --blocks DIR] [--watched N] [--growth N] [--json FILE]. Without --blocks a chain is made by
 * chaingen, in TMPDIR or /var/tmp. --growth also imports chains of 1 M and of N transactions. Everything is of a warm cache. bench-ledger --ask DIR ADDRESS and --import BLOCKS DIR are its own children. */
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "ledger/bench.h"
#include "ledger/import.h"
#include "ledger/ledger.h"
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIGURES_MAX = 64, TRANSACTIONS_MAX = 100000000, NAME_WIDTH = 52 };

static struct figure {
	const char *name, *unit;
	double value, target;
	const char *verdict; /* NULL: no target */
} figures[FIGURES_MAX];
static size_t figures_n;

/* Whoever adds a part adds a row; see ledger/bench.h. */
static void (*const parts[])(struct bench *) = {
	bench_anchors, bench_import, bench_disk,  bench_scan,	bench_lookup, bench_trace,
	bench_cluster, bench_page,   bench_watch, bench_follow, bench_growth};

void bench_must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench-ledger: %s\n", what);
	exit(1);
}

static void add(struct figure f)
{
	bench_must(figures_n < FIGURES_MAX, "too many figures");
	figures[figures_n++] = f;
	printf("%-*s %12.2f %-10s", NAME_WIDTH, f.name, f.value, f.unit);
	if (f.verdict)
		printf(" target %10.2f  %s", f.target, f.verdict);
	putchar('\n');
	(void)fflush(stdout);
}

void bench_figure(const char *name, const char *unit, double value)
{
	add((struct figure){name, unit, value, 0, NULL});
}

void bench_at_least(const char *name, const char *unit, double value, double target)
{
	add((struct figure){name, unit, value, target, value >= target ? "met" : "missed"});
}

void bench_at_most(const char *name, const char *unit, double value, double target)
{
	add((struct figure){name, unit, value, target, value <= target ? "met" : "missed"});
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

double bench_run(const char *const *argv, int64_t *ret_rss_kb)
{
	int64_t start = time_mono_ns();
	struct rusage use;
	int status;
	pid_t pid = fork();

	bench_must(pid >= 0, "fork failed");
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (null >= 0)
			(void)dup2(null, 1);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	bench_must(wait4(pid, &status, 0, &use) == pid && WIFEXITED(status) &&
			   WEXITSTATUS(status) == 0,
		   argv[0]);
	if (ret_rss_kb)
		*ret_rss_kb = use.ru_maxrss;
	return (double)(time_mono_ns() - start) / 1e9;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void bench_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *bench_self(void)
{
	static char path[BENCH_PATH_LEN];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	bench_must(n > 0, "where is this program?");
	path[n] = '\0';
	return path;
}

void bench_make_chain(struct bench *b, uint64_t n)
{
	char gen[BENCH_PATH_LEN], transactions[24], *slash;
	const char *argv[] = {gen,	    "--out", b->work,	   "--transactions",
			      transactions, "--rev", "--no-truth", "--quiet",
			      NULL};

	snprintf(transactions, sizeof(transactions), "%" PRIu64, n);
	snprintf(gen, sizeof(gen), "%s", bench_self());
	slash = strstr(gen, "/bench/bench-ledger");
	bench_must(slash != NULL, "not in a build folder: give --blocks DIR");
	memcpy(slash, "/bin/chaingen", sizeof("/bin/chaingen"));
	(void)bench_run(argv, NULL);
	bench_must(snprintf(b->blocks, sizeof(b->blocks), "%s/blocks", b->work) <
			   (int)sizeof(b->blocks),
		   "path too long");
}

static void make_folder(struct bench *b)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(b->work, sizeof(b->work), "%.3000s/bench-ledger-XXXXXX", tmp ? tmp : "/var/tmp");
	bench_must(mkdtemp(b->work) != NULL, "no folder for the chain: set TMPDIR");
	snprintf(b->dir, sizeof(b->dir), "%.3900s/ledger", b->work);
}

static void write_json(const char *path)
{
	FILE *f = fopen(path, "we");

	bench_must(f != NULL, path);
	fprintf(f, "{");
	for (size_t i = 0; i < figures_n; i++) {
		fprintf(f, "%s\n  \"%s\": {\"value\": %.3f, \"unit\": \"%s\"", i ? "," : "",
			figures[i].name, figures[i].value, figures[i].unit);
		if (figures[i].verdict)
			fprintf(f, ", \"target\": %.3f, \"verdict\": \"%s\"", figures[i].target,
				figures[i].verdict);
		fprintf(f, "}");
	}
	fprintf(f, "\n}\n");
	bench_must(fclose(f) == 0, path);
}

/* A child: one import, so that its memory is its own. */
static int import_child(const char *blocks, const char *dir, const char *undo)
{
	struct ledger_import_options o = {.first_height = -1,
					  .ignore_undo = strcmp(undo, "no-undo") == 0};
	struct err e = {0};

	if (ledger_import(blocks, dir, &o, NULL, &e) == 0)
		return 0;
	fprintf(stderr, "bench-ledger: %s\n", e.message);
	return 1;
}

/* An option that is a number, if it is this one. */
static void number(const char *option, const char *name, const char *text, uint64_t *ret)
{
	if (strcmp(option, name) == 0)
		bench_must(dec_parse_u64(text, strlen(text), TRANSACTIONS_MAX, ret) == 0 &&
				   *ret > 0,
			   "a number option: 1 to 100000000");
}

int main(int argc, char **argv)
{
	const char *json = NULL, *given = NULL;
	static struct bench b = {.watched = 10000000};
	uint64_t n = 4000000;

	bench_must(crypto_start() == 0, "libraries");
	if (argc == 4 && strcmp(argv[1], "--ask") == 0)
		return bench_ask(argv[2], argv[3]);
	if (argc == 5 && strcmp(argv[1], "--import") == 0)
		return import_child(argv[2], argv[3], argv[4]);
	for (int i = 1; i + 1 < argc; i += 2) {
		json = strcmp(argv[i], "--json") == 0 ? argv[i + 1] : json;
		given = strcmp(argv[i], "--blocks") == 0 ? argv[i + 1] : given;
		number(argv[i], "--transactions", argv[i + 1], &n);
		number(argv[i], "--watched", argv[i + 1], &b.watched);
		number(argv[i], "--growth", argv[i + 1], &b.growth);
	}
	make_folder(&b);
	if (given)
		snprintf(b.blocks, sizeof(b.blocks), "%s", given);
	else
		bench_make_chain(&b, n);
	printf("ledger: medians of %d rounds, warm cache; targets of the ledger engine\n",
	       BENCH_ROUNDS);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i](&b);
	bench_remove(b.work);
	if (json)
		write_json(json);
	return 0;
}
