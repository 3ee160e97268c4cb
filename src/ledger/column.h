/* SPDX-License-Identifier: Apache-2.0
 * Columns for writing: files that grow at their end, with their sums kept, and mapped to be read. Importer only. */
#ifndef LEDGER_COLUMN_H
#define LEDGER_COLUMN_H
#include "ledger/ledger-int.h"
#include <stdatomic.h>

struct ledger_column_file {
	int fd;
	uint8_t *map; /* header first; what was there at the last columns_extend() */
	size_t map_len;
	uint32_t id, row_bytes;
	uint64_t row_n;
	unsigned __int128 page_sum; /* of the first page_n pages, all whole */
	uint64_t page_n;
	uint8_t *open_page; /* the bytes behind them, fewer than a page */
	size_t open_len;
};

struct ledger_columns_file {
	struct ledger_column_file col[LEDGER_COLUMN_N + 1];
	struct ledger_view v;		  /* reads what columns_extend() made known */
	atomic_uint_fast64_t spender_sum; /* of out-spender */
};

/** columns_open - open or make DIR/columns/, cut to what the manifest says
 * In:      m        the state to start from; its sums are taken over
 *          clean    an import was interrupted: zero the spenders from tx_n on, which costs a walk over all outputs
 * Out:     ret      close with columns_close(), also after an error
 * Returns: 0; -ERR_CORRUPT a file is shorter than its rows; -ERR_NOSPC, -ERR_ACCES, another errno */
int columns_open(struct ledger_columns_file *ret, const char *dir, const struct ledger_manifest *m,
		 bool clean, struct err *e) WARN_UNUSED;
void columns_close(struct ledger_columns_file *c);
/** columns_append - write rows of a column at its end, and hash the pages that they fill; not yet to be read. Not for out-spender's sum.
 *                   Different columns may be appended to by different threads
 * Returns: 0; -ERR_NOSPC or another errno, with the file's name in e */
int columns_append(struct ledger_columns_file *c, enum ledger_column id, const void *rows,
		   uint64_t n, struct err *e) WARN_UNUSED;
/** columns_extend - what was appended can be read: new counts, whose rows must be there, and new views
 * Returns: 0; an errno */
int columns_extend(struct ledger_columns_file *c, const struct ledger_counts *counts,
		   struct err *e) WARN_UNUSED;
/** columns_spend - write the spender of an output that can be read, and keep the sum; thread-safe
 * Returns: 0; else the txnum that was there already, and nothing is written */
uint32_t columns_spend(struct ledger_columns_file *c, uint64_t output, uint32_t spender);
/** columns_sync - everything on disk, sums into m (whose counts must be c->v.counts) */
int columns_sync(struct ledger_columns_file *c, struct ledger_manifest *m,
		 struct err *e) WARN_UNUSED;
/** columns_drop_pages - let go of mapped pages; they come back when they are read */
void columns_drop_pages(const struct ledger_columns_file *c);
/** column_sum - the sum of a column's data by docs/format/ledger.md 4, computed from scratch
 * In:      tx_n     spenders from here on are those of an import under way, and do not count
 * Returns: how many of these there are */
uint64_t column_sum(uint32_t id, const uint8_t *data, uint64_t row_n, uint64_t tx_n,
		    uint8_t out16[static 16]);
/** columns_cut - the manifest of the same chain cut to block_n blocks: counts and sums; its segments are m's
 * In:      key_find  finds the earlier transaction of a txid before a txnum, for coinbases that repeat one; UINT32_MAX none
 * Out:     spends    the outputs whose spender goes, to be zeroed with columns_unspend() when the cut is safe on disk; free() it
 * Returns: 0; -ERR_CORRUPT; -ERR_NOMEM
 * Cost:    what the removed blocks hold */
typedef uint32_t columns_find_fn(void *arg, const uint8_t txid32[static 32], uint32_t before);
int columns_cut(const struct ledger_columns_file *c, const struct ledger_manifest *m,
		uint64_t block_n, columns_find_fn *find, void *arg, struct ledger_manifest *ret_m,
		uint64_t **spends, uint64_t *spends_n, struct err *e) WARN_UNUSED;
/** columns_unspend - zero the spenders of outputs */
void columns_unspend(struct ledger_columns_file *c, const uint64_t *outputs, uint64_t n);
#endif
