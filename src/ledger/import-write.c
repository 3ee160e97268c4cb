/* SPDX-License-Identifier: Apache-2.0
 * The rows of a batch into the columns: a task for each column, the large ones first. What stands in the batch as in the column
 * is written from there, the rest is put together piece by piece. */
#include "base/cleanup.h"
#include "ledger/import-int.h"

enum { PIECE_BYTES = 1 << 17 };

/* Rows that are put together in a piece of memory. */
struct piece {
	struct importer *im;
	enum ledger_column id;
	uint8_t *p;
	uint64_t n, cap;
};

static int piece_flush(struct piece *x, struct err *e)
{
	int r = columns_append(&x->im->columns, x->id, x->p, x->n, e);

	x->n = 0;
	return r;
}

/* Room for one row more; NULL after an error. */
static void *piece_row(struct piece *x, struct err *e)
{
	if (x->n == x->cap && piece_flush(x, e) < 0)
		return NULL;
	return x->p + x->n++ * ledger_columns[x->id].row_bytes;
}

static int put_blocks(struct piece *x, struct err *e)
{
	const struct batch *b = &x->im->batch;

	for (uint32_t i = 0; i < b->block_n; i++) {
		const struct batch_block *blk = &b->blocks[i];
		struct ledger_block_row *row = piece_row(x, e);

		if (!row)
			return -ERR_IO;
		*row = (struct ledger_block_row){
			.first_tx_le = htole32((uint32_t)(b->at.tx_n + blk->first_tx)),
			.file_le = htole32(blk->node->file),
			.file_off_le = htole64(blk->node->off),
			.size_le = htole32(blk->node->size),
		};
		memcpy(row->header80, blk->header80, sizeof(row->header80));
		memcpy(row->hash32, blk->node->hash32, 32);
	}
	return piece_flush(x, e);
}

/* First rows of 64 transactions, row (tx + 1) / 64 wherever tx + 1 begins a group. */
static int put_bases(struct piece *x, const uint32_t *first, uint64_t at, struct err *e)
{
	const struct batch *b = &x->im->batch;

	for (uint64_t tx = b->at.tx_n / LEDGER_GROUP_TX * LEDGER_GROUP_TX + LEDGER_GROUP_TX;
	     tx <= b->at.tx_n + b->tx_n; tx += LEDGER_GROUP_TX) {
		uint64_t le = htole64(at + first[tx - b->at.tx_n]);
		void *row = piece_row(x, e);

		if (!row)
			return -ERR_IO;
		memcpy(row, &le, 8);
	}
	return piece_flush(x, e);
}

/* The base of the group that the next transaction is in. */
static uint64_t base_of(const struct importer *im, enum ledger_column base, const uint32_t *first,
			uint64_t at, uint64_t tx)
{
	uint64_t group = tx / LEDGER_GROUP_TX * LEDGER_GROUP_TX;

	return group > im->batch.at.tx_n ? at + first[group - im->batch.at.tx_n]
					 : view_u64(&im->columns.v, base, tx / LEDGER_GROUP_TX);
}

static int put_deltas(struct piece *x, enum ledger_column base, const uint32_t *first, uint64_t at,
		      struct err *e)
{
	const struct batch *b = &x->im->batch;

	for (uint64_t tx = b->at.tx_n + 1; tx <= b->at.tx_n + b->tx_n; tx++) {
		void *row = piece_row(x, e);

		if (!row)
			return -ERR_IO;
		ledger_store24(row, (uint32_t)(at + first[tx - b->at.tx_n] -
					       base_of(x->im, base, first, at, tx)));
	}
	return piece_flush(x, e);
}

/* New identities, whose ids ascend with their first outputs. */
static int put_addresses(struct piece *x, struct err *e)
{
	const struct batch *b = &x->im->batch;

	for (uint32_t i = 0; i < b->out_n + b->foreign_n; i++) {
		const struct batch_identity *id = &b->identity[i];
		struct ledger_address_row *row;

		if (b->out_ref[i] != i || le32toh(b->out_address_le[i]) < b->at.address_n)
			continue;
		row = piece_row(x, e);
		if (!row)
			return -ERR_IO;
		*row = (struct ledger_address_row){.type = id->kind, .payload_len = id->len};
		memcpy(row->payload, id->payload, sizeof(row->payload));
		ledger_store40(row->first_out40,
			       i < b->out_n ? b->at.output_n + i
					    : LEDGER_FOREIGN_BASE + b->at.foreign_n + i - b->out_n);
	}
	return piece_flush(x, e);
}

static int write_direct(struct importer *im, enum ledger_column id, struct err *e)
{
	const struct batch *b = &im->batch;
	struct ledger_columns_file *c = &im->columns;

	switch (id) {
	case LEDGER_COL_TXID:
		return columns_append(c, id, b->txid, b->tx_n, e);
	case LEDGER_COL_TX_POS:
		return columns_append(c, id, b->tx_pos_le, b->tx_n, e);
	case LEDGER_COL_VALUE:
		return columns_append(c, id, b->out_value_le, b->out_n, e);
	case LEDGER_COL_OUT_ADDRESS:
		return columns_append(c, id, b->out_address_le, b->out_n, e);
	case LEDGER_COL_OUT_SPENDER:
		return columns_append(c, id, b->out_spender_le, b->out_n, e);
	case LEDGER_COL_IN_OUTPUT:
		return columns_append(c, id, b->in_out40, b->in_n, e);
	case LEDGER_COL_FOREIGN:
		return columns_append(c, id, b->foreign, b->foreign_n, e);
	case LEDGER_COL_BLOCK:
	case LEDGER_COL_TX_OUT_BASE:
	case LEDGER_COL_TX_OUT_DELTA:
	case LEDGER_COL_TX_IN_BASE:
	case LEDGER_COL_TX_IN_DELTA:
	case LEDGER_COL_ADDRESS:
		break;
	}
	return 0;
}

static int write_pieces(struct piece *x, struct err *e)
{
	const struct batch *b = &x->im->batch;

	switch (x->id) {
	case LEDGER_COL_BLOCK:
		return put_blocks(x, e);
	case LEDGER_COL_TX_OUT_BASE:
		return put_bases(x, b->tx_first_out, b->at.output_n, e);
	case LEDGER_COL_TX_IN_BASE:
		return put_bases(x, b->tx_first_in, b->at.input_n, e);
	case LEDGER_COL_TX_OUT_DELTA:
		return put_deltas(x, LEDGER_COL_TX_OUT_BASE, b->tx_first_out, b->at.output_n, e);
	case LEDGER_COL_TX_IN_DELTA:
		return put_deltas(x, LEDGER_COL_TX_IN_BASE, b->tx_first_in, b->at.input_n, e);
	case LEDGER_COL_ADDRESS:
		return put_addresses(x, e);
	case LEDGER_COL_TXID:
	case LEDGER_COL_TX_POS:
	case LEDGER_COL_VALUE:
	case LEDGER_COL_OUT_ADDRESS:
	case LEDGER_COL_OUT_SPENDER:
	case LEDGER_COL_IN_OUTPUT:
	case LEDGER_COL_FOREIGN:
		break;
	}
	return 0;
}

static int write_column(void *arg, unsigned worker, uint64_t task, struct err *e)
{
	static const enum ledger_column largest_first[LEDGER_COLUMN_N] = {
		LEDGER_COL_ADDRESS,	 LEDGER_COL_TXID,	 LEDGER_COL_VALUE,
		LEDGER_COL_IN_OUTPUT,	 LEDGER_COL_OUT_SPENDER, LEDGER_COL_OUT_ADDRESS,
		LEDGER_COL_TX_OUT_DELTA, LEDGER_COL_TX_IN_DELTA, LEDGER_COL_TX_POS,
		LEDGER_COL_TX_OUT_BASE,	 LEDGER_COL_TX_IN_BASE,	 LEDGER_COL_BLOCK,
		LEDGER_COL_FOREIGN};
	struct importer *im = arg;
	struct piece x = {.im = im, .id = largest_first[task]};
	_cleanup_(freep) uint8_t *room = malloc(PIECE_BYTES);
	int r;

	(void)worker;
	if (!room)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	x.p = room;
	x.cap = PIECE_BYTES / ledger_columns[x.id].row_bytes;
	r = write_direct(im, x.id, e);
	if (r == 0)
		r = write_pieces(&x, e);
	return r < 0 && e->code < 0 ? e->code : r;
}

int import_write(struct importer *im, struct err *e)
{
	const struct batch *b = &im->batch;
	struct ledger_counts c = b->at;
	int r = parallel_run(im->threads, LEDGER_COLUMN_N, write_column, im, e);

	if (r < 0)
		return r;
	c.block_n += b->block_n;
	c.tx_n += b->tx_n;
	c.output_n += b->out_n;
	c.input_n += b->in_n;
	c.address_n += b->new_address_n;
	c.foreign_n += b->foreign_n;
	for (uint32_t i = 0; i < b->foreign_n; i++)
		c.unknown_n += !(le32toh(b->foreign[i].flags_le) & LEDGER_FOREIGN_KNOWN);
	memcpy(c.tip32, b->blocks[b->block_n - 1].node->hash32, 32);
	return columns_extend(&im->columns, &c, e);
}
