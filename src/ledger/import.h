/* SPDX-License-Identifier: Apache-2.0
 * Import of a node's block files into a ledger, and the check of a ledger against itself. docs/format/ledger.md 7 and 8. */
#ifndef LEDGER_IMPORT_H
#define LEDGER_IMPORT_H
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ledger_phase {
	LEDGER_PHASE_SCAN,   /* finding blocks; no total */
	LEDGER_PHASE_BLOCKS, /* reading them in order */
	LEDGER_PHASE_VERIFY,
};
struct ledger_progress {
	enum ledger_phase phase;
	uint32_t height, height_end; /* block being read, last one to be read */
	uint64_t byte_n, byte_end;   /* of blocks read in this run; byte_end 0 when unknown */
	uint64_t tx_n;
};
/* Called some times a second of work, by one thread at a time, though not always the same; a value other than 0 stops the import at
 * a checkpoint. */
typedef int ledger_progress_fn(void *arg, const struct ledger_progress *p);

struct ledger_import_options {
	const char *network;   /* name; NULL takes the one of the first block file */
	uint64_t memory_bytes; /* 0: LEDGER_MEMORY_DEFAULT */
	unsigned threads;      /* 0: one for each processor */
	uint64_t
		checkpoint_bytes; /* block bytes between two checkpoints; 0: LEDGER_CHECKPOINT_DEFAULT */
	bool from_any;		  /* the first block need not be the chain's first */
	bool ignore_undo;	  /* do not compare with rev files */
	int64_t first_height; /* from_any: height of the first block; -1 takes what its coinbase states, else 0 */
	const uint8_t *key16;	      /* fingerprint key of a new ledger; NULL draws one */
	ledger_progress_fn *progress; /* may be NULL */
	void *progress_arg;
};
#define LEDGER_THREADS_MAX 64
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
	uint64_t memory_bytes; /* most that a batch and the header index took */
	bool finished;	       /* false: stopped by the progress function, run again */
};

/** ledger_import - bring a ledger to the best chain of a node's blocks folder; makes it, continues it, or turns it to another branch
 * In:      blocks_dir  with blk*.dat, rev*.dat where present, xor.dat
 *          dir         the ledger's folder, made when missing
 *          opt         zeroed but for first_height = -1 is the usual
 * Out:     ret         may be NULL; counts of this run
 * Returns: 0; -ERR_NOENT no block files, or none that begin the chain (see from_any); -ERR_NETWORK another chain's blocks or ledger;
 *          -ERR_FORMAT obfuscated without xor.dat; -ERR_CORRUPT a block of the best chain is damaged, with file, offset and reason,
 *          or the ledger is; -ERR_NOMEM; -ERR_NOSPC, -ERR_IO, -ERR_ACCES;
 *          -ERR_BUSY another import runs, or readers hold a ledger that must be turned; -ERR_RANGE. After any of them
 *          the next run continues at the last checkpoint. Files that hold no better chain than the ledger add nothing, which is success.
 * Cost:    reads each block of the best chain once, and the headers of all */
int ledger_import(const char *blocks_dir, const char *dir, const struct ledger_import_options *opt,
		  struct ledger_import_result *ret, struct err *e) WARN_UNUSED;

/* ---- one writer that stays open, for a program that follows a node ---- */

struct ledger_writer;
#define LEDGER_FILE_NONE UINT32_MAX /* as number of a block file: the block is in none */
struct ledger_new_block {
	const void *p; /* its bytes, as between nodes; borrowed */
	size_t len;
	uint32_t file; /* block file in which it stands, LEDGER_FILE_NONE when in none */
	uint64_t file_off;
};

/** ledger_writer_open - take a ledger for writing; while it is open no other import can
 * In:      dir      made when missing
 *          network  name; must be the ledger's
 *          opt      memory_bytes, threads, key16 are used; may be NULL
 * Out:     ret_w    close with ledger_writer_close(). One thread at a time
 * Returns: 0; -ERR_INVAL no such network; -ERR_BUSY another writer; -ERR_AGAIN an import into it has not ended: finish it first;
 *          -ERR_NETWORK, -ERR_CORRUPT, -ERR_NOMEM, -ERR_IO
 * Cost:    independent of the ledger's size, unless the last writer was killed: then a walk over one column */
int ledger_writer_open(const char *dir, const char *network,
		       const struct ledger_import_options *opt, struct ledger_writer **ret_w,
		       struct err *e) WARN_UNUSED;
/** ledger_writer_close - takes NULL, returns NULL */
struct ledger_writer *ledger_writer_close(struct ledger_writer *w);
/** ledger_writer_tip - height and hash (stored order) of the last block; false: the ledger has none yet */
bool ledger_writer_tip(const struct ledger_writer *w, uint32_t *ret_height,
		       uint8_t ret_hash32[static 32]);
/** ledger_writer_hash - hash of the block of a height, to find a fork; false: no such block */
bool ledger_writer_hash(const struct ledger_writer *w, uint32_t height,
			uint8_t ret_hash32[static 32]);
/** ledger_writer_append - blocks that follow the tip, one after the other; all or none
 *
 * On success they are on disk and in the manifest: ledger_open() shows them from now on. Ledgers that are open elsewhere, in
 * other threads or processes, stay what they were.
 * In:      blocks   [n]; the first one of an empty ledger is the network's first
 * Returns: 0; -ERR_CORRUPT one does not follow, lacks its work, or is not valid, with the reason, and the ledger is unchanged;
 *          -ERR_NOSPC, -ERR_IO, -ERR_NOMEM likewise, but when it says so twice in a row close the writer
 * Cost:    what the blocks hold, look-ups in at most 10 to 16 segments, 13 fsyncs; index merges come with few of the calls */
int ledger_writer_append(struct ledger_writer *w, const struct ledger_new_block *blocks, size_t n,
			 struct err *e) WARN_UNUSED;
/** ledger_writer_cut - take back all blocks above a height; on disk when it returns
 * Returns: 0, also when there are none; -ERR_BUSY the ledger is open somewhere, this program included: close, cut, append, open again;
 *          -ERR_RANGE the height is below the first block; -ERR_CORRUPT, -ERR_NOSPC, -ERR_IO
 * Cost:    what the removed blocks hold */
int ledger_writer_cut(struct ledger_writer *w, uint32_t height, struct err *e) WARN_UNUSED;

struct ledger_verify_result {
	uint64_t block_n, tx_n, output_n, input_n, address_n;
	uint64_t unspent_n;
	uint64_t mined, fees, unspent,
		lost; /* amounts: mined = fees + unspent + lost in a ledger that is not partial */
};
/** ledger_verify - compute again everything that can be, and compare: sums, header chain and work, merkle roots, transaction to
 *                 output numbers, every link both ways, amounts, dictionary, look-up tables, index hash
 * In:      blocks_dir  NULL, or the block files: then every transaction is read again and compared too
 * Returns: 0; -ERR_CORRUPT with the first difference; -ERR_NETWORK block files of another chain, and what else reading them
 *          gives; -ERR_AGAIN stopped by progress; the errors of ledger_open() */
int ledger_verify(const char *dir, const char *blocks_dir, ledger_progress_fn *progress, void *arg,
		  struct ledger_verify_result *ret, struct err *e) WARN_UNUSED;
#endif
