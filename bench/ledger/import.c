/* SPDX-License-Identifier: Apache-2.0
 * What the machine can do, and what an import does of it. */
#include "ledger/import.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/time.h"
#include "bench.h"
#include "ledger/ledger.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
	FILES_MAX = 4000,
	PIECE = 1 << 20,
	MEMCPY_MB = 256,
	READ_WORDS = 32 << 20, /* 256 MB */
	READS = 4 << 20,
};

/* sha256sum of all block files; the first run warms the cache. */
static double sha256sum(struct bench *b)
{
	static const char *argv[FILES_MAX + 2];
	DIR *d = opendir(b->blocks);
	size_t n = 1;
	double s;

	bench_must(d != NULL, "cannot open the block files");
	argv[0] = "sha256sum";
	b->block_bytes = 0;
	for (const struct dirent *e; (e = readdir(d)) != NULL && n < FILES_MAX;) {
		char path[BENCH_PATH_LEN + 300];
		struct stat st;

		if (strncmp(e->d_name, "blk", 3) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", b->blocks, e->d_name);
		bench_must(stat(path, &st) == 0, path);
		b->block_bytes += (uint64_t)st.st_size;
		argv[n++] = strdup(path);
	}
	closedir(d);
	argv[n] = NULL;
	s = bench_run(argv, NULL);
	while (n-- > 1)
		free((void *)(uintptr_t)argv[n]);
	return s;
}

static double copy_rate(void)
{
	size_t len = (size_t)MEMCPY_MB << 20;
	_cleanup_(freep) uint8_t *from = malloc(len);
	_cleanup_(freep) uint8_t *to = malloc(len);
	int64_t start;

	bench_must(from && to, "memory");
	memset(from, 1, len);
	memset(to, 2, len);
	start = time_mono_ns();
	memcpy(to, from, len);
	__asm__ volatile("" : : "r"(to) : "memory"); /* or it would not be done at all */
	start = time_mono_ns() - start;
	bench_must(to[len - 1] == 1, "memcpy");
	return (double)len / (double)start;
}

/* Reads that each depend on the one before. */
static double random_read_ns(void)
{
	_cleanup_(freep) uint64_t *words = malloc(READ_WORDS * sizeof(*words));
	uint64_t at = 1;
	int64_t start;

	bench_must(words != NULL, "memory");
	for (uint64_t i = 0; i < READ_WORDS; i++)
		words[i] = (i * 2654435761u + 12345) % READ_WORDS;
	start = time_mono_ns();
	for (uint64_t i = 0; i < READS; i++)
		at = words[(at + i) % READ_WORDS];
	bench_must(at < READ_WORDS, "random reads");
	return (double)(time_mono_ns() - start) / READS;
}

void bench_warm(struct bench *b)
{
	(void)sha256sum(b);
}

void bench_anchors(struct bench *b)
{
	double sha[BENCH_ROUNDS], copy[BENCH_ROUNDS], reads[BENCH_ROUNDS];

	bench_warm(b);
	for (int i = 0; i < BENCH_ROUNDS; i++) {
		sha[i] = sha256sum(b);
		copy[i] = copy_rate();
		reads[i] = random_read_ns();
	}
	b->sha256sum_s = bench_median(sha, BENCH_ROUNDS);
	b->reads_s = bench_median(reads, BENCH_ROUNDS) * READS / 1e9;
	bench_figure("block files", "MB", (double)b->block_bytes / 1e6);
	bench_figure("anchor: sha256sum of the block files", "s", b->sha256sum_s);
	bench_figure("anchor: memcpy", "GB/s", bench_median(copy, BENCH_ROUNDS));
	bench_figure("anchor: random read in 256 MB", "ns", bench_median(reads, BENCH_ROUNDS));
}

/* One sequential write of as many bytes as the ledger has. */
static double write_once(const struct bench *b)
{
	static uint8_t piece[PIECE];
	char path[BENCH_PATH_LEN + 16];
	int64_t start = time_mono_ns();
	uint64_t left = b->ledger_bytes;
	int fd;

	memset(piece, 0x5a, sizeof(piece));
	snprintf(path, sizeof(path), "%s/write", b->work);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bench_must(fd >= 0, path);
	for (; left > 0; left -= left < PIECE ? left : PIECE)
		bench_must(fd_write_all(fd, piece, left < PIECE ? left : PIECE) == 0, "write");
	bench_must(fsync(fd) == 0, "fsync");
	close(fd);
	bench_must(unlink(path) == 0, path);
	return (double)(time_mono_ns() - start) / 1e9;
}

double bench_import_once(const struct bench *b, const char *undo, int64_t *rss_kb)
{
	const char *argv[] = {bench_self(), "--import", b->blocks, b->dir, undo, NULL};

	bench_remove(b->dir);
	return bench_run(argv, rss_kb);
}

void bench_import(struct bench *b)
{
	double plain[BENCH_ROUNDS], writes[BENCH_ROUNDS], undo, took,
		gb = (double)b->block_bytes / 1e9;
	int64_t rss_kb = 0, most_kb = 0;
	static struct ledger *l;

	undo = bench_import_once(b, "undo", &rss_kb);
	for (int i = 0; i < BENCH_ROUNDS; i++) {
		plain[i] = bench_import_once(b, "no-undo", &rss_kb);
		most_kb = rss_kb > most_kb ? rss_kb : most_kb;
		if (!l)
			bench_must(ledger_open(b->dir, &l, NULL) == 0, "open");
		b->ledger_bytes = ledger_info(l)->disk_bytes;
		ledger_close(l);
		l = NULL;
		writes[i] = write_once(b);
	}
	bench_must(ledger_open(b->dir, &l, NULL) == 0, "open");
	b->l = l;
	b->write_s = bench_median(writes, BENCH_ROUNDS);
	took = bench_median(plain, BENCH_ROUNDS);
	bench_figure("anchor: sequential write of the ledger, synced", "s", b->write_s);
	bench_figure("transactions", "M", (double)ledger_info(l)->tx_n / 1e6);
	bench_at_least("import, committed", "GB/s", gb / took, 0.3);
	bench_at_most("import, most resident memory", "GiB", (double)most_kb / 1048576, 2);
	bench_at_most("import beside sha256sum and write", "times",
		      took / (b->sha256sum_s + b->write_s), 2);
	bench_figure("import, a million transactions", "s",
		     took * 1e6 / (double)ledger_info(l)->tx_n);
	bench_figure("import, compared with undo files", "GB/s", gb / undo);
}

void bench_disk(struct bench *b)
{
	static const char *const tracing[] = {"value",	    "out-address", "out-spender",
					      "in-output",  "tx-out-base", "tx-out-delta",
					      "tx-in-base", "tx-in-delta"};
	uint64_t sum = 0, tx_n = ledger_info(b->l)->tx_n;

	for (size_t i = 0; i < ARRAY_LEN(tracing); i++) {
		char path[BENCH_PATH_LEN + 64];
		struct stat st;

		snprintf(path, sizeof(path), "%s/columns/%s", b->dir, tracing[i]);
		bench_must(stat(path, &st) == 0, path);
		sum += (uint64_t)st.st_size;
	}
	bench_at_most("disk, tracing set", "bytes/tx", (double)sum / (double)tx_n, 60);
	bench_figure("disk, everything", "bytes/tx", (double)b->ledger_bytes / (double)tx_n);
}
