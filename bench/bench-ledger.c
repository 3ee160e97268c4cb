/* SPDX-License-Identifier: Apache-2.0
 * What importing, opening and asking a ledger costs, beside SHA-256 of the same block files in the same run:
 * bench-ledger [--json FILE] [--transactions N] [--blocks DIR]. Without --blocks a chain is made by chaingen beside this
 * program. Block files are read once before, so that all figures are of a warm cache. */
#include "base/buf.h"
#include "base/file.h"
#include "base/prng.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "ledger/import.h"
#include "ledger/ledger.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 3, LOOKUPS = 200000, FIGURES_MAX = 32, PATH_LEN = 4096, READ_BYTES = 1 << 20 };

static struct figure {
	const char *name, *unit;
	double value;
} figures[FIGURES_MAX];
static size_t figures_n;

static char work[PATH_LEN], blocks[PATH_LEN], ledger_dir[PATH_LEN];

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench-ledger: %s\n", what);
	exit(1);
}

static void figure(const char *name, const char *unit, double value)
{
	must(figures_n < FIGURES_MAX, "too many figures");
	figures[figures_n++] = (struct figure){name, unit, value};
	printf("%-46s %14.1f %s\n", name, value, unit);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
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

static void remove_tree(const char *path)
{
	const char *const argv[] = {"/bin/rm", "-rf", path, NULL};

	run(argv);
}

static void make_chain(const char *self, const char *transactions)
{
	char gen[PATH_LEN], *slash;
	const char *argv[] = {gen,	    "--out", work,	   "--transactions",
			      transactions, "--rev", "--no-truth", "--quiet",
			      NULL};

	must(readlink("/proc/self/exe", gen, sizeof(gen) - 32) > 0 && self,
	     "where is this program?");
	slash = strstr(gen, "/bench/bench-ledger");
	must(slash != NULL, "not in a build folder: give --blocks DIR");
	memcpy(slash, "/bin/chaingen", sizeof("/bin/chaingen"));
	run(argv);
	must(snprintf(blocks, sizeof(blocks), "%s/blocks", work) < (int)sizeof(blocks),
	     "path too long");
}

/* SHA-256 over all block files, read with 1 MiB a call; returns bytes, and MB/s in *ret_rate. */
static uint64_t hash_files(double *ret_rate)
{
	static uint8_t piece[READ_BYTES];
	int64_t start = time_mono_ns(), n;
	DIR *d = opendir(blocks);
	uint8_t digest[32];
	uint64_t sum = 0;

	must(d != NULL, "cannot open the block files");
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		struct sha256 h;
		int fd;

		if (strncmp(e->d_name, "blk", 3) != 0)
			continue;
		fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
		must(fd >= 0, "cannot read a block file");
		sha256_init(&h);
		while ((n = fd_read_all(fd, piece, sizeof(piece))) > 0) {
			sha256_update(&h, piece, (size_t)n);
			sum += (uint64_t)n;
		}
		sha256_final(&h, digest);
		close(fd);
	}
	closedir(d);
	*ret_rate = (double)sum / 1e6 / ((double)(time_mono_ns() - start) / 1e9);
	return sum;
}

static double import_once(bool undo, struct ledger_import_result *res)
{
	struct ledger_import_options o = {.first_height = -1, .ignore_undo = !undo};
	struct err e = {0};
	int64_t start;

	remove_tree(ledger_dir);
	start = time_mono_ns();
	if (ledger_import(blocks, ledger_dir, &o, res, &e) < 0)
		must(false, e.message);
	return (double)res->byte_n / 1e6 / ((double)(time_mono_ns() - start) / 1e9);
}

static void bench_import(void)
{
	struct ledger_import_result res;
	double plain[ROUNDS], undo[ROUNDS], hash[ROUNDS];
	struct rusage usage;
	uint64_t bytes = 0;

	(void)hash_files(&hash[0]); /* warms the cache */
	for (int i = 0; i < ROUNDS; i++) {
		bytes = hash_files(&hash[i]);
		plain[i] = import_once(false, &res);
		undo[i] = import_once(true, &res);
	}
	getrusage(RUSAGE_SELF, &usage);
	figure("block files", "MB", (double)bytes / 1e6);
	figure("sha256 of the block files", "MB/s", median(hash, ROUNDS));
	figure("import, committed", "MB/s", median(plain, ROUNDS));
	figure("import, compared with undo files, committed", "MB/s", median(undo, ROUNDS));
	figure("import: time beside sha256 of the files", "times",
	       median(hash, ROUNDS) / median(plain, ROUNDS));
	figure("tables and header index", "MB", (double)res.memory_bytes / 1e6);
	figure("peak resident memory", "MB", (double)usage.ru_maxrss / 1e3);
}

static void bench_disk(const struct ledger_info *info)
{
	static const char *const tracing[] = {"value",	    "out-address", "out-spender",
					      "in-output",  "tx-out-base", "tx-out-delta",
					      "tx-in-base", "tx-in-delta"};
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(tracing) / sizeof(tracing[0]); i++) {
		char path[PATH_LEN + 64];
		struct stat st;

		snprintf(path, sizeof(path), "%s/columns/%s", ledger_dir, tracing[i]);
		must(stat(path, &st) == 0, path);
		sum += (uint64_t)st.st_size;
	}
	figure("disk, tracing set", "bytes/tx", (double)sum / (double)info->tx_n);
	figure("disk, everything", "bytes/tx", (double)info->disk_bytes / (double)info->tx_n);
}

static void bench_scan(const struct ledger *l)
{
	const struct ledger_info *info = ledger_info(l);
	int64_t start = time_mono_ns();
	uint64_t sum = 0;

	for (uint64_t i = 0; i < info->input_n; i++)
		sum += ledger_in_output(l, i);
	for (uint64_t o = 0; o < info->output_n; o++)
		sum += ledger_out_value(l, o) + ledger_out_address(l, o) + ledger_out_spender(l, o);
	must(sum != 0, "an empty ledger");
	figure("scan of inputs and outputs, one thread", "M/s",
	       (double)(info->input_n + info->output_n) / 1e6 /
		       ((double)(time_mono_ns() - start) / 1e9));
}

static void bench_lookups(const struct ledger *l)
{
	const struct ledger_info *info = ledger_info(l);
	struct ledger_balance b;
	struct ledger_tx tx;
	int64_t start, worst = 0;
	struct prng r;
	uint32_t found;

	prng_init(&r, 1);
	start = time_mono_ns();
	for (int i = 0; i < LOOKUPS; i++) {
		must(ledger_tx_get(l, (uint32_t)prng_below(&r, info->tx_n), &tx) == 0, "tx_get");
		must(ledger_tx_find(l, tx.txid32, &found) == 0, "tx_find");
	}
	figure("transaction by number, and by txid again", "k/s",
	       LOOKUPS / 1e3 / ((double)(time_mono_ns() - start) / 1e9));
	start = time_mono_ns();
	for (int i = 0; i < LOOKUPS; i++) {
		uint32_t id = 1 + (uint32_t)prng_below(&r, info->address_n - 1);
		int64_t before = time_mono_ns(), spent;

		must(ledger_address_balance(l, id, &b) == 0, "balance");
		spent = time_mono_ns() - before;
		worst = spent > worst ? spent : worst;
	}
	figure("address: balance, mean", "us", (double)(time_mono_ns() - start) / 1e3 / LOOKUPS);
	figure("address: balance, worst of 200,000", "us", (double)worst / 1e3);
}

static void bench_open(void)
{
	double spent[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		int64_t start = time_mono_ns();
		struct ledger *l;

		must(ledger_open(ledger_dir, &l, NULL) == 0, "open");
		ledger_close(l);
		spent[i] = (double)(time_mono_ns() - start) / 1e3;
	}
	figure("open and close", "us", median(spent, ROUNDS));
}

static void bench_verify(const struct ledger_info *info)
{
	int64_t start = time_mono_ns();

	must(ledger_verify(ledger_dir, NULL, NULL, NULL, NULL, NULL) == 0, "verify");
	figure("verify", "k tx/s",
	       (double)info->tx_n / 1e3 / ((double)(time_mono_ns() - start) / 1e9));
}

static void write_json(const char *path)
{
	FILE *f = fopen(path, "we");

	must(f != NULL, path);
	fprintf(f, "{");
	for (size_t i = 0; i < figures_n; i++)
		fprintf(f, "%s\n  \"%s\": {\"value\": %.3f, \"unit\": \"%s\"}", i ? "," : "",
			figures[i].name, figures[i].value, figures[i].unit);
	fprintf(f, "\n}\n");
	must(fclose(f) == 0, path);
}

int main(int argc, char **argv)
{
	const char *json = NULL, *transactions = "400000", *given = NULL;
	struct ledger *l;

	for (int i = 1; i + 1 < argc; i += 2) {
		json = strcmp(argv[i], "--json") == 0 ? argv[i + 1] : json;
		transactions = strcmp(argv[i], "--transactions") == 0 ? argv[i + 1] : transactions;
		given = strcmp(argv[i], "--blocks") == 0 ? argv[i + 1] : given;
	}
	must(crypto_start() == 0, "libraries");
	snprintf(work, sizeof(work), "/tmp/bench-ledger-XXXXXX");
	must(mkdtemp(work) != NULL, "no folder in /tmp");
	must(snprintf(ledger_dir, sizeof(ledger_dir), "%s/ledger", work) < (int)sizeof(ledger_dir),
	     "path");
	printf("ledger: medians of %d rounds, warm cache\n", ROUNDS);
	if (given)
		snprintf(blocks, sizeof(blocks), "%s", given);
	else
		make_chain(argv[0], transactions);
	bench_import();
	bench_open();
	must(ledger_open(ledger_dir, &l, NULL) == 0, "open");
	bench_disk(ledger_info(l));
	bench_scan(l);
	bench_lookups(l);
	bench_verify(ledger_info(l));
	ledger_close(l);
	remove_tree(work);
	if (json)
		write_json(json);
	return 0;
}
