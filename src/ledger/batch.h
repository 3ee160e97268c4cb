/* SPDX-License-Identifier: Apache-2.0
 * A batch of an import: some blocks that follow the tip, taken apart into arrays. docs/format/ledger.md 7. Importer only.
 *
 * Rows are relative to the batch: transaction 0 is the first block's coinbase, and so on; `at` says what they are in the ledger.
 * Arrays with _le hold what the columns hold, byte for byte. */
#ifndef LEDGER_BATCH_H
#define LEDGER_BATCH_H
#include "ledger/headers.h"
#include "ledger/ledger-int.h"
#include "ledger/radix.h"

struct batch_block {
	const struct header_node *node;
	uint8_t header80[80];
	uint32_t first_tx, tx_n, first_in, in_n, first_out, out_n;
};
/* Whom an output pays, as in the address column; kind ADDRESS_NONE for nobody. */
struct batch_identity {
	uint8_t payload[32];
	uint8_t kind, len;
};
struct batch_in {
	uint8_t prev32[32];
	uint32_t prev_n;
};

#define BATCH_SEARCH UINT32_MAX /* in in_tx: no likely transaction, search exactly */

struct batch {
	struct ledger_counts at; /* the ledger's, before this batch */
	uint64_t bytes_max;	 /* of all arrays together, as far as they are filled */
	uint64_t row_cap;	 /* of each kind of rows */
	uint8_t *room;		 /* all arrays below but the last few */
	uint64_t room_len;

	struct batch_block *blocks;
	uint32_t block_n, block_cap;
	uint64_t block_bytes; /* of the blocks as in their files */

	uint32_t tx_n;
	uint8_t (*txid)[32];
	uint32_t *tx_pos_le;
	uint32_t *tx_first_out, *tx_first_in; /* [tx_n + 1] */
	uint64_t *tx_print;

	uint32_t in_n;
	struct batch_in *in;
	uint64_t *in_print;
	uint32_t *
		in_tx; /* txnum in the ledger that made what it spends, likely at first, then certainly */
	uint8_t *in_out40; /* output in the ledger, u40 as in its column */

	/* outputs, and behind them the foreign outputs that were met (partial ledgers only) */
	uint32_t out_n, foreign_n;
	uint64_t *out_value_le;
	struct batch_identity *identity; /* [out_n + foreign_n] */
	uint64_t *out_print;		 /* the same; later address ids */
	uint32_t *out_ref; /* the same: first row of the same identity, RADIX_PASS for nobody */
	uint32_t *out_address_le; /* the same */
	uint32_t *out_spender_le;
	struct ledger_foreign_row *foreign; /* [foreign_n] */

	struct radix tx_runs, in_runs, out_runs;
	uint64_t *new_n, *old_n; /* [2^out_runs.bits] identities of a run, likewise */
	uint32_t *repeats, repeat_n,
		repeat_cap; /* transactions whose txid may have been there before, in any order */
	uint64_t new_address_n,
		old_address_n; /* identities that are paid: not yet, and already in the ledger */
};

/** batch_init - room for about bytes_max bytes of rows, taken as they fill; release with batch_done()
 * Returns: 0; -ERR_NOMEM */
int batch_init(struct batch *b, uint64_t bytes_max) WARN_UNUSED;
void batch_done(struct batch *b);
/** batch_clear - empty, to follow a ledger with these counts */
void batch_clear(struct batch *b, const struct ledger_counts *at);
/** batch_fits - is there room for a block with these rows? The first block always gets room
 * Returns: 1; 0 the batch is full; -ERR_NOMEM; -ERR_RANGE more rows than 2^31 */
int batch_fits(struct batch *b, uint64_t tx_n, uint64_t in_n, uint64_t out_n) WARN_UNUSED;
/** batch_block_of - the block of a transaction of the batch */
const struct batch_block *batch_block_of(const struct batch *b, uint32_t tx);

/* Parts of a transaction of the batch. */
static inline uint32_t batch_in_n(const struct batch *b, uint32_t tx)
{
	return b->tx_first_in[tx + 1] - b->tx_first_in[tx];
}
static inline uint32_t batch_out_n(const struct batch *b, uint32_t tx)
{
	return b->tx_first_out[tx + 1] - b->tx_first_out[tx];
}
#endif
