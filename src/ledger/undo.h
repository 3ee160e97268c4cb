/* SPDX-License-Identifier: Apache-2.0
 * Undo data of a node (revNNNNN.dat): for each input of a block the output that it spent. */
#ifndef LEDGER_UNDO_H
#define LEDGER_UNDO_H
#include "base/buf.h"
#include "base/cursor.h"
#include "chain/address.h"
#include "ledger/blkfile.h"

/* One spent output, as a node noted it. */
struct undo_output {
	uint64_t value;
	uint32_t
		height; /* of the block that made it; 0 when the record does not say (files before Bitcoin Core 0.15) */
	bool coinbase;
	struct address address; /* kind ADDRESS_NONE for data outputs, which are never spent */
};

/** undo_output_read - the next spent output; errors stay in the cursor
 * In:      net      whose node wrote it
 * Source:  Bitcoin Core undo.h (TxInUndoFormatter), compressor.cpp
 * Returns: 0; the cursor's error: -ERR_TRUNCATED; -ERR_FORMAT; -ERR_OVERSIZE */
int undo_output_read(struct cur *c, enum net net, struct undo_output *ret) WARN_UNUSED;
/** undo_count_read - how many transactions, or how many inputs of the next one, at most max */
uint64_t undo_count_read(struct cur *c, uint64_t max);
/** undo_amount - an amount from its short form */
uint64_t undo_amount(uint64_t x);

/* The records of one rev file, in the order in which the node connected the blocks. */
struct undo_record {
	uint64_t off; /* of the undo bytes */
	uint32_t len;
	bool used;
};
enum { UNDO_WINDOW = 64 };
struct undo_file {
	uint32_t number;
	bool opened, present;
	struct undo_record *records;
	size_t n, next; /* next: where the search for the next block begins */
	bool searched;
};
/** undo_file_open - list the records of a rev file; a missing file has none
 * Returns: 0, release with undo_file_done(); -ERR_IO, -ERR_ACCES; -ERR_NOMEM */
int undo_file_open(struct undo_file *u, struct blkfiles *f, uint32_t number,
		   const uint8_t magic4[static 4], struct err *e) WARN_UNUSED;
void undo_file_done(struct undo_file *u);
/** undo_file_find - the record of a block: the one whose checksum holds over the parent's hash and its bytes
 * Out:     out      the undo bytes
 * Cost:    one hash of the record when blocks are asked for in the order of the file; the first search looks at all records, later
 *          ones at the next UNDO_WINDOW
 * Returns: 1; 0 no record of this block; -ERR_IO; -ERR_NOMEM */
int undo_file_find(struct undo_file *u, struct blkfiles *f, const uint8_t prev32[static 32],
		   struct buf *out, struct err *e) WARN_UNUSED;
#endif
