/* SPDX-License-Identifier: Apache-2.0
 * Columns for writing: files that grow at their end, mapped read-write, with their sums kept. Importer only. */
#ifndef LEDGER_COLUMN_H
#define LEDGER_COLUMN_H
#include "ledger/ledger-int.h"

struct ledger_column_file {
	int fd;
	uint8_t *map;	/* header first */
	size_t map_len; /* bytes mapped, all of them allocated on disk */
	uint32_t id, row_bytes;
	uint64_t row_n;
	unsigned __int128 page_sum; /* of the first page_n pages, all whole */
	uint64_t page_n;
	uint64_t spender_sum; /* out-spender only */
};

struct ledger_columns_file {
	struct ledger_column_file col[LEDGER_COLUMN_N + 1];
	struct ledger_view v; /* reads what is being written; its counts are the writer's to move */
};

/** columns_open - open or make DIR/columns/, cut to what the manifest says
 * In:      m        the state to start from; its sums are taken over
 *          clean    an import was interrupted or cut: zero the spenders from tx_n on, which costs a walk over all outputs
 * Out:     ret      close with columns_close(), also after an error
 * Returns: 0; -ERR_CORRUPT a file is shorter than its rows; -ERR_NOSPC, -ERR_ACCES, another errno */
int columns_open(struct ledger_columns_file *ret, const char *dir, const struct ledger_manifest *m,
		 bool clean, struct err *e) WARN_UNUSED;
void columns_close(struct ledger_columns_file *c);
/** columns_room - make room for n more rows and give their place; zeroed where never written. Views are refreshed
 * Returns: 0; -ERR_NOSPC or another errno, with the file's name in e */
int columns_room(struct ledger_columns_file *c, enum ledger_column id, uint64_t n,
		 struct err *e) WARN_UNUSED;
/** columns_push - append one row of the column's width; room must be there */
static inline uint8_t *columns_push(struct ledger_columns_file *c, enum ledger_column id)
{
	struct ledger_column_file *f = &c->col[id];

	return f->map + sizeof(struct ledger_header) + f->row_n++ * f->row_bytes;
}
/** columns_spend - write an output's spender and keep the sum */
void columns_spend(struct ledger_columns_file *c, uint64_t output, uint32_t spender);
/** columns_sync - everything on disk, sums into m (whose counts must be c->v.counts) */
int columns_sync(struct ledger_columns_file *c, struct ledger_manifest *m,
		 struct err *e) WARN_UNUSED;
/** columns_trim - give every file its exact length */
int columns_trim(struct ledger_columns_file *c, struct err *e) WARN_UNUSED;
/** column_sum - the sum of a column's data by docs/format/ledger.md 4, computed from scratch */
void column_sum(uint32_t id, const uint8_t *data, uint64_t row_n, uint8_t out16[static 16]);
/** columns_cut - the manifest of the same chain cut to block_n blocks: counts and sums; changes nothing on disk */
int columns_cut(const struct ledger_columns_file *c, const struct ledger_manifest *m,
		uint64_t block_n, struct ledger_manifest *ret_m, struct err *e) WARN_UNUSED;
#endif
