/* SPDX-License-Identifier: Apache-2.0
 * Import of a node's block files into a ledger, and the check of a ledger against itself. docs/format/ledger.md 7 and 8. */
#ifndef LEDGER_IMPORT_H
#define LEDGER_IMPORT_H
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum ledger_phase {
	LEDGER_PHASE_SCAN,   /* finding blocks; no total */
	LEDGER_PHASE_BLOCKS, /* reading them in order */
	LEDGER_PHASE_INDEX,  /* computing look-up tables; no total */
	LEDGER_PHASE_VERIFY,
};
struct ledger_progress {
	enum ledger_phase phase;
	uint32_t height, height_end; /* block being read, last one to be read */
	uint64_t byte_n, byte_end;   /* of blocks read in this run; byte_end 0 when unknown */
	uint64_t tx_n;
};
/* Called a few times a second of work; a value other than 0 stops the import at a checkpoint. */
typedef int ledger_progress_fn(void *arg, const struct ledger_progress *p);

struct ledger_import_options {
	const char *network;   /* name; NULL takes the one of the first block file */
	uint64_t memory_bytes; /* 0: LEDGER_MEMORY_DEFAULT */
	uint64_t
		checkpoint_bytes; /* block bytes between two checkpoints; 0: LEDGER_CHECKPOINT_DEFAULT */
	bool from_any;		  /* the first block need not be the chain's first */
	bool ignore_undo;	  /* do not compare with rev files */
	int64_t first_height; /* from_any: height of the first block; -1 takes what its coinbase states, else 0 */
	const uint8_t *key16;	      /* fingerprint key of a new ledger; NULL draws one */
	ledger_progress_fn *progress; /* may be NULL */
	void *progress_arg;
};
#define LEDGER_MEMORY_DEFAULT (UINT64_C(2) << 30)
#define LEDGER_MEMORY_MIN (UINT64_C(1) << 20)
#define LEDGER_CHECKPOINT_DEFAULT (UINT64_C(1) << 30)

struct ledger_import_result {
	uint64_t record_n; /* blocks in the files */
	uint64_t stale_n;  /* whole, but on no path to the best tip */
	uint64_t orphan_n; /* whose parent is not in the files */
	uint64_t truncated_n, zero_bytes, skipped_bytes;
	uint64_t added_n, removed_n; /* blocks this run added, and took back for a reorganisation */
	uint64_t byte_n;	     /* of the blocks added */
	uint64_t undo_n; /* blocks whose spent outputs agree with the node's undo file */
	uint64_t
		undo_missing_n; /* blocks for which their undo file, which is there, has no record that holds */
	uint64_t unknown_n;    /* foreign outputs without a known amount, in the whole ledger */
	uint64_t memory_bytes; /* most that tables and header index took */
	bool finished;	       /* false: stopped by the progress function, run again */
};

/** ledger_import - bring a ledger to the best chain of a node's blocks folder; makes it, continues it, or turns it to another branch
 * In:      blocks_dir  with blk*.dat, rev*.dat where present, xor.dat
 *          dir         the ledger's folder, made when missing
 *          opt         zeroed but for first_height = -1 is the usual
 * Out:     ret         may be NULL; counts of this run
 * Returns: 0; -ERR_NOENT no block files, or none that begin the chain (see from_any); -ERR_NETWORK another chain's blocks or ledger;
 *          -ERR_FORMAT obfuscated without xor.dat; -ERR_CORRUPT a block of the best chain is damaged, with file, offset and reason,
 *          or the ledger is; -ERR_BUDGET memory_bytes do not suffice, with what would; -ERR_NOSPC, -ERR_IO, -ERR_ACCES;
 *          -ERR_BUSY another import runs, or readers hold a ledger that must be turned; -ERR_RANGE. After any of them
 *          the next run continues at the last checkpoint. Files that hold no better chain than the ledger add nothing, which is success.
 * Cost:    reads each block of the best chain once, and the headers of all */
int ledger_import(const char *blocks_dir, const char *dir, const struct ledger_import_options *opt,
		  struct ledger_import_result *ret, struct err *e) WARN_UNUSED;

struct ledger_verify_result {
	uint64_t block_n, tx_n, output_n, input_n, address_n;
	uint64_t unspent_n;
	uint64_t mined, fees, unspent,
		lost; /* amounts: mined = fees + unspent + lost in a ledger that is not partial */
};
/** ledger_verify - compute again everything that can be, and compare: sums, header chain and work, merkle roots, transaction to
 *                 output numbers, every link both ways, amounts, dictionary, look-up tables, index hash
 * In:      blocks_dir  NULL, or the block files: then every transaction is read again and compared too
 * Returns: 0; -ERR_CORRUPT with the first difference; the errors of ledger_open() */
int ledger_verify(const char *dir, const char *blocks_dir, ledger_progress_fn *progress, void *arg,
		  struct ledger_verify_result *ret, struct err *e) WARN_UNUSED;
#endif
