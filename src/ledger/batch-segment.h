/* SPDX-License-Identifier: Apache-2.0
 * The index segment of a batch, computed in memory. Importer only. */
#ifndef LEDGER_BATCH_SEGMENT_H
#define LEDGER_BATCH_SEGMENT_H
#include "ledger/batch.h"
#include "ledger/segment-build.h"

/** batch_segment - of a batch that is linked, interned and written
 * In:      v        the columns with the batch in them
 *          key16    of the fingerprints
 *          b        its out_print and out_runs are used up
 * Out:     ret      in memory of its own; release with ledger_unmap(&ret->map)
 * Returns: 0; -ERR_NOMEM */
int batch_segment(struct batch *b, const struct ledger_view *v, const uint8_t key16[static 16],
		  unsigned threads, struct ledger_segment *ret, struct err *e) WARN_UNUSED;
#endif
