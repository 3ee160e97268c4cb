/* SPDX-License-Identifier: Apache-2.0
 * The ledger's benchmark: what its parts share. A part is one function, in a file of its own, and one row of the table in
 * bench-ledger.c; it may rely on what the parts before it left in the context. */
#ifndef BENCH_LEDGER_BENCH_H
#define BENCH_LEDGER_BENCH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger;

enum { BENCH_PATH_LEN = 4096, BENCH_ROUNDS = 3 };

struct bench {
	char work[BENCH_PATH_LEN], blocks[BENCH_PATH_LEN],
		dir[BENCH_PATH_LEN]; /* scratch, block files, ledger */
	uint64_t block_bytes;	     /* of the block files */
	uint64_t ledger_bytes;	     /* of the ledger */
	double sha256sum_s;	     /* one sha256sum of the block files */
	double reads_s;		     /* 4 M random reads that depend on each other */
	double write_s; /* one sequential write of as many bytes as the ledger has, synced */
	const struct ledger *l; /* open, once it is there */
	uint64_t watched;	/* addresses of the watch */
	uint64_t growth;	/* transactions of the long chain; 0: not measured */
};

/** bench_must - end the program with words when something that must work does not */
void bench_must(bool ok, const char *what);
/** bench_figure - print a figure */
void bench_figure(const char *name, const char *unit, double value);
/** bench_at_least, bench_at_most - print a figure beside its target of spec/ledger.md 5, with "met" or "missed" */
void bench_at_least(const char *name, const char *unit, double value, double target);
void bench_at_most(const char *name, const char *unit, double value, double target);
/** bench_median - of n values, which are sorted */
double bench_median(double *v, size_t n);
/** bench_run - a program to its end; argv[0] is looked for in PATH, and its output goes nowhere
 * Returns: seconds; its most resident memory in kB in ret_rss_kb, which may be NULL */
double bench_run(const char *const *argv, int64_t *ret_rss_kb);
/** bench_remove - a folder and all in it */
void bench_remove(const char *path);
/** bench_make_chain - chaingen's, of n transactions, into b->work; b->blocks is then its folder of block files */
void bench_make_chain(struct bench *b, uint64_t n);
/** bench_warm - read the block files once, so that they lie in the cache */
void bench_warm(struct bench *b);
/** bench_import_once - from b->blocks to b->dir, which is emptied before, in a process of its own
 * In:      undo     "undo": compared with undo files; "no-undo"
 * Returns: seconds, and its most resident memory */
double bench_import_once(const struct bench *b, const char *undo, int64_t *ret_rss_kb);
/** bench_self - path of this program */
const char *bench_self(void);

/* The parts. */
void bench_anchors(struct bench *b);
void bench_import(struct bench *b);
void bench_disk(struct bench *b);
void bench_scan(struct bench *b);
void bench_lookup(struct bench *b);
void bench_trace(struct bench *b);
void bench_cluster(struct bench *b);
void bench_page(struct bench *b);
void bench_watch(struct bench *b);
void bench_growth(struct bench *b);
void bench_follow(struct bench *b);
/** bench_ask - the other side of bench_lookup(): a cold process that answers one question and prints its nanoseconds */
int bench_ask(const char *dir, const char *address);
#endif
