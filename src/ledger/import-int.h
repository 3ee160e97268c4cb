/* SPDX-License-Identifier: Apache-2.0
 * Inside of the importer: its state, and the steps of a batch in their order. docs/format/ledger.md 7. */
#ifndef LEDGER_IMPORT_INT_H
#define LEDGER_IMPORT_INT_H
#include "chain/tx.h"
#include "ledger/batch.h"
#include "ledger/blkfile.h"
#include "ledger/column.h"
#include "ledger/headers.h"
#include "ledger/import.h"
#include "ledger/parallel.h"
#include "ledger/segment-build.h"
#include "ledger/undo.h"

/* The folder's locks; -1 not open. */
struct import_locks {
	int import_fd, reader_fd;
};

/* The ledger as an importer holds it: what is on disk, and the batch under work. */
struct importer {
	const char *dir;
	const struct network *network;
	uint64_t memory_bytes;
	unsigned threads;
	struct import_locks locks;
	uint8_t key16[16];
	bool partial;
	struct ledger_columns_file columns;
	struct ledger_manifest
		manifest; /* of the last checkpoint; its segments are the current ones */
	struct ledger_segment segment[LEDGER_SEGMENTS_MAX]; /* mapped, manifest.segment_n of them */
	bool segment_synced[LEDGER_SEGMENTS_MAX];
	struct batch batch;

	/* where undo records come from; NULL: they are not compared */
	struct blkfiles *undo_from;
	struct undo_file *undos; /* one for each of its files, made when first needed */
	uint64_t undo_n, undo_missing_n;
};

/* Whence a batch gets its blocks: number i, bytes in order. Called by several threads. */
struct import_source {
	int (*read)(void *arg, unsigned worker, uint64_t i, const struct header_node **ret_node,
		    const uint8_t **ret_p, struct err *e);
	/* told of each block that is in the batch, by one thread at a time; true: the batch ends with it. NULL: not told */
	bool (*placed)(void *arg, const struct batch_block *b);
	void *arg;
	uint64_t block_n;
	uint64_t bytes_max; /* the batch ends behind so many bytes of blocks */
};

/** import_read - blocks into the batch, as many as fit: decoded, checked by themselves, hashed
 * Returns: 0; -ERR_CORRUPT with file, offset and reason; the errors of the source; -ERR_RANGE ids are used up; -ERR_NOMEM */
int import_read(struct importer *im, const struct import_source *src, struct err *e) WARN_UNUSED;

/** import_link - find what each input spends, check amounts and double spends, write spenders
 * Returns: 0; -ERR_CORRUPT with block and reason; -ERR_NOMEM */
int import_link(struct importer *im, struct err *e) WARN_UNUSED;
/** import_out_value - amount of an output of ledger or batch, not a foreign one */
uint64_t import_out_value(const struct importer *im, uint64_t output);
/** import_find_tx - the latest transaction before a txnum with this txid, in ledger and batch; BATCH_SEARCH none */
uint32_t import_find_tx(const struct importer *im, const uint8_t txid32[static 32],
			uint32_t before);

/** import_undo - compare the batch with the node's undo records, and take foreign outputs' amounts and identities from them
 * Returns: 0; -ERR_CORRUPT with what differs; -ERR_IO, -ERR_NOMEM */
int import_undo(struct importer *im, struct err *e) WARN_UNUSED;
void import_undos_done(struct importer *im);

/** import_intern - address ids of all outputs of the batch
 * Returns: 0; -ERR_NOMEM; -ERR_RANGE ids are used up */
int import_intern(struct importer *im, struct err *e) WARN_UNUSED;
/** import_write - append the batch's rows to the columns, which then can be read
 * Returns: 0; -ERR_NOSPC, another errno */
int import_write(struct importer *im, struct err *e) WARN_UNUSED;
/* What follows a batch: another, a checkpoint, or the manifest. */
enum import_end { IMPORT_GO_ON, IMPORT_CHECKPOINT, IMPORT_PUBLISH };
/** import_segments - the index segments with the batch's blocks in them
 * In:      end      IMPORT_CHECKPOINT: all of them files; IMPORT_PUBLISH: those of docs/format/ledger.md 5
 * Returns: 0; -ERR_CORRUPT, -ERR_NOSPC ... */
int import_segments(struct importer *im, enum import_end end, struct err *e) WARN_UNUSED;
/** import_segments_publish - make the segments those of a finished import, where no batch came */
int import_segments_publish(struct importer *im, struct err *e) WARN_UNUSED;
/** import_segments_open - map those of the manifest; import_segments_close - the reverse
 * import_segments_cut - in m, those of a cut: what is left of the one that the fork divides is written */
int import_segments_open(struct importer *im, struct err *e) WARN_UNUSED;
void import_segments_close(struct importer *im);
int import_segments_cut(struct importer *im, struct ledger_manifest *m, struct err *e) WARN_UNUSED;
/** import_segments_tidy - remove the files of segments that the manifest does not name */
void import_segments_tidy(const struct importer *im);

/** import_batch - one batch: all of the above
 * In:      end      asked when the batch is known, with how many blocks of the source it took
 * Out:     ret_n    blocks taken, at least one */
typedef enum import_end import_end_fn(void *arg, uint64_t block_n);
int import_batch(struct importer *im, const struct import_source *src, import_end_fn *end,
		 void *end_arg, uint64_t *ret_n, struct err *e) WARN_UNUSED;
/** import_trim_memory - drop mapped pages when the process holds more than the budget */
void import_trim_memory(const struct importer *im);

/* ---- import-state.c: what is on disk ---- */

/** import_init - nothing open yet; before anything else */
void import_init(struct importer *im, const char *dir, const struct ledger_import_options *o);
/** import_open - lock the folder, load the state, open columns and segments
 * Out:     ret_interrupted  an import did not come to its end
 * Returns: 0, and also after an error import_close(); -ERR_BUSY, -ERR_NETWORK, -ERR_CORRUPT ... */
int import_open(struct importer *im, const uint8_t *key16, bool *ret_interrupted,
		struct err *e) WARN_UNUSED;
void import_close(struct importer *im);
/** import_reopen - back to the state on disk: what a failed batch wrote is cut off. After an error nothing is open */
int import_reopen(struct importer *im, struct err *e) WARN_UNUSED;
/** import_commit - everything synced, then checkpoint or manifest replaced */
int import_commit(struct importer *im, enum ledger_kind kind, struct err *e) WARN_UNUSED;
/** import_finish - after a manifest: no checkpoint any more, no files that nothing names, readers may come */
int import_finish(struct importer *im, struct err *e);
/** import_mark - write the state that is there as checkpoint, so that a kill from now on is seen */
int import_mark(struct importer *im, struct err *e) WARN_UNUSED;
/** import_cut - take the ledger back to its first block_n blocks
 * Returns: 0; -ERR_BUSY readers hold it */
int import_cut(struct importer *im, uint64_t block_n, struct err *e) WARN_UNUSED;

/** import_corrupt - an error about a block */
int import_corrupt(const struct importer *im, const struct header_node *node, struct err *e,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
#endif
