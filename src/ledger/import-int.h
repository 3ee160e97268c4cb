/* SPDX-License-Identifier: Apache-2.0
 * Inside of the importer: its state, one block's work, and the making of the index. */
#ifndef LEDGER_IMPORT_INT_H
#define LEDGER_IMPORT_INT_H
#include "chain/tx.h"
#include "ledger/blkfile.h"
#include "ledger/column.h"
#include "ledger/headers.h"
#include "ledger/import.h"
#include "ledger/table.h"
#include "ledger/undo.h"

/* What one block needs while it is taken apart; kept from block to block. */
struct import_scratch {
	struct buf bytes; /* the block */
	struct buf undo;
	struct tx *txs;
	uint8_t (*txids)[32];
	size_t tx_cap;
	uint64_t *prints;	   /* fingerprints of the inputs' previous txids */
	struct address *addresses; /* of the outputs */
	size_t row_cap;
};

struct importer {
	const char *dir;
	const struct ledger_import_options *opt;
	struct ledger_import_result *result;
	const struct network *network;
	uint8_t key16[16];
	bool partial;
	struct blkfiles files;
	struct undo_file *undos; /* one for each of files, made when first needed */
	struct headers headers;
	struct ledger_columns_file columns;
	struct ledger_manifest manifest; /* counts as of the last checkpoint */
	struct ledger_table tx_table, address_table;
	uint64_t budget; /* bytes left of opt->memory_bytes */
	struct import_scratch scratch;
	struct ledger_progress progress;
	uint64_t since_checkpoint;
};

/* The block under work. */
struct import_work {
	const struct header_node *node;
	const struct tx *txs;
	uint32_t tx_n;
	uint64_t in_n, out_n; /* coinbase inputs not counted */
	uint32_t first_tx;    /* txnum of its coinbase */
};

/** import_tables_fill - the hash tables of what the columns hold already; tx_total is how many transactions there will be */
int import_tables_fill(struct importer *im, uint64_t tx_total, struct err *e) WARN_UNUSED;
/** import_block - append one block of the best chain
 * Returns: 0; -ERR_CORRUPT with file, offset and reason; -ERR_BUDGET; -ERR_NOSPC ... */
int import_block(struct importer *im, const struct header_node *node, struct err *e) WARN_UNUSED;
void import_scratch_done(struct import_scratch *s);

/** import_undo_check - compare the block just appended with the node's undo record of it, if it has one
 * Returns: 0; -ERR_CORRUPT with what differs; -ERR_IO, -ERR_NOMEM */
int import_undo_check(struct importer *im, const struct import_work *w, struct err *e) WARN_UNUSED;
void import_undos_done(struct importer *im);
/** import_address - id of an identity, a new one if it has none; room must be there. import_address_print - its fingerprint */
uint32_t import_address(struct importer *im, const struct address *a, uint64_t print,
			uint64_t first_out);
uint64_t import_address_print(const struct importer *im, const struct address *a);

/* Where an input or output of the block being imported is, for errors. */
int import_corrupt(const struct importer *im, const struct header_node *node, struct err *e,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** ledger_index_write - compute the index file of the columns, and put its length and hash into m
 * In:      view      the columns, complete
 * Returns: 0; -ERR_BUDGET, -ERR_NOMEM; -ERR_NOSPC, another errno */
int ledger_index_write(const char *dir, const struct ledger_view *view,
		       const uint8_t key16[static 16], uint64_t memory_bytes,
		       struct ledger_manifest *m, struct err *e) WARN_UNUSED;
#endif
