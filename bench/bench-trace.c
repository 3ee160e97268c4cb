/* SPDX-License-Identifier: Apache-2.0
 * How long a trace from 100 seeds to the tip takes, by each policy and direction, beside the machine's random reads in the same
 * run: bench-trace [--transactions N | --ledger DIR] [--json FILE]. Without a ledger, a chain is made by chaingen and imported
 * first, in TMPDIR or /var/tmp. */
#include "base/prng.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "ledger/import.h"
#include "ledger/ledger.h"
#include "ledger/trace.h"
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum {
	ROUNDS = 5,
	SEEDS = 100,
	TRANSACTIONS = 300000,
	READS = 4 << 20,
	READ_WORDS = 32 << 20,
	FIGURES_MAX = 16
};

static char dir[PATH_MAX - 64];

static struct figure {
	const char *name;
	double rounds_ms[ROUNDS],
		cpu_ms[ROUNDS]; /* cpu: of all threads, which a busy machine does not stretch */
	uint32_t reached, followed;
} figures[FIGURES_MAX];
static size_t figures_n;

static void must(bool ok, const struct err *e)
{
	if (ok)
		return;
	fprintf(stderr, "bench-trace: %s\n", e && e->code ? e->message : "an operation failed");
	exit(1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void clean_up(void)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%s/bench-trace-XXXXXX", tmp ? tmp : "/var/tmp");
	must(mkdtemp(dir) != NULL, NULL);
	atexit(clean_up);
}

/* chaingen lies in bin/ beside the folder of this program. */
static void make_chain(const char *self, uint64_t transactions)
{
	char program[PATH_MAX], number[24];
	const char *slash = strrchr(self, '/');
	snprintf(program, sizeof(program), "%.*s/../bin/chaingen", slash ? (int)(slash - self) : 1,
		 slash ? self : ".");
	snprintf(number, sizeof(number), "%llu", (unsigned long long)transactions);
	char *argv[] = {program,
			(char *)"--out",
			dir,
			(char *)"--transactions",
			number,
			(char *)"--no-truth",
			(char *)"--quiet",
			NULL};
	pid_t pid;
	int status;
	must(posix_spawn(&pid, program, NULL, NULL, argv, environ) == 0, NULL);
	must(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0,
	     NULL);
}

static struct ledger *open_ledger(const char *path)
{
	struct ledger *l;
	struct err e = {0};
	must(ledger_open(path, &l, &e) == 0, &e);
	return l;
}

static struct ledger *make_ledger(void)
{
	char blocks[PATH_MAX], path[PATH_MAX];
	const struct ledger_import_options opt = {.first_height = -1};
	struct err e = {0};
	snprintf(blocks, sizeof(blocks), "%s/blocks", dir);
	snprintf(path, sizeof(path), "%s/ledger", dir);
	must(ledger_import(blocks, path, &opt, NULL, &e) == 0, &e);
	return open_ledger(path);
}

/* Seeds from the middle third of the chain forward, from its last third back. */
static void draw_seeds(const struct ledger *l, bool back, uint64_t seeds[SEEDS])
{
	struct prng r;
	uint64_t n = ledger_info(l)->output_n;
	prng_init(&r, 7);
	for (int i = 0; i < SEEDS;) {
		uint64_t o = n / 3 * (back ? 2 : 1) + prng_below(&r, n / 3);
		if (ledger_out_value(l, o))
			seeds[i++] = o;
	}
}

static int64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void trace_round(const struct ledger *l, struct figure *f, int round,
			enum trace_policy policy, bool back)
{
	uint64_t seeds[SEEDS];
	struct trace_source s = trace_source_ledger(l);
	struct trace_params p;
	struct trace t;
	struct err e = {0};
	draw_seeds(l, back, seeds);
	trace_params_init(&p);
	p.policy = policy;
	p.back = back;
	p.reached_max = UINT32_MAX;
	p.runs_max = UINT32_MAX;
	int64_t start = time_mono_ns(), cpu = cpu_ns();
	must(trace_run(&s, &p, seeds, SEEDS, &t, &e) == 0, &e);
	f->rounds_ms[round] = (double)(time_mono_ns() - start) / 1e6;
	f->cpu_ms[round] = (double)(cpu_ns() - cpu) / 1e6;
	must(!t.partial, NULL);
	f->reached = t.reached_n;
	f->followed = t.tx_followed;
	trace_done(&t);
}

/* As many dependent reads at random places of 256 MB as a trace may make. */
static void reads_round(struct figure *f, int round)
{
	static uint64_t *words;
	uint64_t at = 1;
	if (!words) {
		words = malloc(READ_WORDS * sizeof(*words));
		must(words != NULL, NULL);
		for (uint64_t i = 0; i < READ_WORDS; i++)
			words[i] = (i * 2654435761u + 12345) % READ_WORDS;
	}
	int64_t start = time_mono_ns();
	for (int i = 0; i < READS; i++)
		at = words[(at + (uint64_t)i) % READ_WORDS];
	f->rounds_ms[round] = (double)(time_mono_ns() - start) / 1e6;
	must(at < READ_WORDS, NULL);
	f->reached = READS;
}

/* A copy of as many bytes as a trace has to read and write in order. */
static void copy_round(struct figure *f, int round)
{
	enum { COPY = 128 << 20 };
	static char *from, *to;
	if (!from) {
		from = malloc(COPY);
		to = malloc(COPY);
		must(from && to, NULL);
		memset(from, 1, COPY);
		memset(to, 2, COPY);
	}
	int64_t start = time_mono_ns();
	memcpy(to, from, COPY);
	f->rounds_ms[round] = (double)(time_mono_ns() - start) / 1e6;
	must(to[COPY / 2] == 1, NULL);
	f->reached = COPY >> 20;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print_figure(const struct figure *f)
{
	printf("%-28s %9.2f ms", f->name, f->rounds_ms[ROUNDS / 2]);
	if (f->followed)
		printf(" (cpu %7.2f)  %9u outputs, %8u transactions, %5.0f ns an output",
		       f->cpu_ms[ROUNDS / 2], f->reached, f->followed,
		       f->rounds_ms[ROUNDS / 2] * 1e6 / f->reached);
	else
		printf("  %9u %s, %5.1f ns each", f->reached, f->reached == READS ? "reads" : "MB",
		       f->rounds_ms[ROUNDS / 2] * 1e6 / f->reached);
	putchar('\n');
}

static void write_json(const char *path, uint64_t transactions)
{
	FILE *f = fopen(path, "w");
	must(f != NULL, NULL);
	fprintf(f, "{\"transactions\": %llu", (unsigned long long)transactions);
	for (size_t i = 0; i < figures_n; i++)
		fprintf(f, ",\n \"%s\": {\"ms\": %.3f, \"outputs\": %u}", figures[i].name,
			figures[i].rounds_ms[ROUNDS / 2], figures[i].reached);
	fprintf(f, "}\n");
	must(fclose(f) == 0, NULL);
}

static void measure(const struct ledger *l)
{
	static const struct {
		const char *name;
		enum trace_policy policy;
		bool back;
	} runs[] = {{"haircut forward", TRACE_HAIRCUT, false},
		    {"poison forward", TRACE_POISON, false},
		    {"fifo forward", TRACE_FIFO, false},
		    {"haircut backward", TRACE_HAIRCUT, true},
		    {"poison backward", TRACE_POISON, true},
		    {"fifo backward", TRACE_FIFO, true}};
	figures_n = ARRAY_LEN(runs) + 2;
	figures[ARRAY_LEN(runs)].name = "random reads in 256 MB";
	figures[ARRAY_LEN(runs) + 1].name = "memcpy of 128 MB";
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
			figures[i].name = runs[i].name;
			trace_round(l, &figures[i], round, runs[i].policy, runs[i].back);
		}
		reads_round(&figures[ARRAY_LEN(runs)], round);
		copy_round(&figures[ARRAY_LEN(runs) + 1], round);
	}
	for (size_t i = 0; i < figures_n; i++) {
		qsort(figures[i].rounds_ms, ROUNDS, sizeof(double), by_value);
		qsort(figures[i].cpu_ms, ROUNDS, sizeof(double), by_value);
		print_figure(&figures[i]);
	}
}

int main(int argc, char **argv)
{
	uint64_t transactions = TRANSACTIONS;
	const char *json = NULL, *ledger = NULL;
	struct rusage use;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--json") == 0)
			json = argv[i + 1];
		else if (strcmp(argv[i], "--ledger") == 0)
			ledger = argv[i + 1];
		else if (strcmp(argv[i], "--transactions") != 0 ||
			 dec_parse_u64(argv[i + 1], strlen(argv[i + 1]), 100000000, &transactions) <
				 0)
			must(false, NULL);
	}
	must(crypto_start() == 0, NULL);
	if (!ledger) {
		make_folder();
		make_chain(argv[0], transactions);
	}
	struct ledger *l = ledger ? open_ledger(ledger) : make_ledger();
	printf("trace from %d seeds to the tip, %llu transactions, %llu outputs, median of %d\n",
	       SEEDS, (unsigned long long)ledger_info(l)->tx_n,
	       (unsigned long long)ledger_info(l)->output_n, ROUNDS);
	measure(l);
	getrusage(RUSAGE_SELF, &use);
	printf("most memory: %ld MB\n", use.ru_maxrss / 1024);
	if (json)
		write_json(json, ledger_info(l)->tx_n);
	ledger_close(l);
	return 0;
}
