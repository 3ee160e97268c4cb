/* SPDX-License-Identifier: Apache-2.0
 * One block of the best chain into the columns.
 *
 * Order of work, which decides the numbers: transactions (txid, place, first output and input), then outputs (amount, address
 * id in order of appearance), then inputs (link, spender). A block is checked as far as it can be before any row is
 * written: bytes consumed, hash, merkle root. What is found later (an unknown or twice spent output) leaves rows behind the
 * last checkpoint, which the next run cuts off.
 *
 * Look-ups go in rows: fingerprints of all inputs first, their slots prefetched, then the walk. */
#include "chain/address.h"
#include "chain/block.h"
#include "chain/hash.h"
#include "chain/script.h"
#include "crypto/crypto.h"
#include "ledger/import-int.h"
#include <inttypes.h>
#include <stdarg.h>

enum { PREFETCH_AHEAD = 16 };

int import_corrupt(const struct importer *im, const struct header_node *node, struct err *e,
		   const char *fmt, ...)
{
	char why[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_set(e, ERR_CORRUPT, "blocks",
		       "blk%05" PRIu32 ".dat at %" PRIu64 ", block %" PRIu64 ": %s", node->file,
		       node->off, (uint64_t)im->columns.v.counts.first_height + node->depth, why);
}

static int scratch_txs(struct import_scratch *s, size_t n)
{
	void *p;

	if (n <= s->tx_cap)
		return 0;
	n = n + n / 2;
	p = reallocarray(s->txids, n, sizeof(*s->txids));
	if (!p)
		return -ERR_NOMEM;
	s->txids = p;
	p = reallocarray(s->txs, n, sizeof(*s->txs));
	if (!p)
		return -ERR_NOMEM;
	s->txs = p;
	s->tx_cap = n;
	return 0;
}

static int scratch_rows(struct import_scratch *s, size_t n)
{
	void *p;

	if (n <= s->row_cap)
		return 0;
	n = n + n / 2;
	p = reallocarray(s->prints, n, sizeof(*s->prints));
	if (!p)
		return -ERR_NOMEM;
	s->prints = p;
	p = reallocarray(s->addresses, n, sizeof(*s->addresses));
	if (!p)
		return -ERR_NOMEM;
	s->addresses = p;
	s->row_cap = n;
	return 0;
}

void import_scratch_done(struct import_scratch *s)
{
	buf_done(&s->bytes);
	buf_done(&s->undo);
	free(s->txs);
	free(s->txids);
	free(s->prints);
	free(s->addresses);
	*s = (struct import_scratch){0};
}

/* ---- reading and checking ---- */

static int block_load(struct importer *im, const struct header_node *node, struct block_reader *r,
		      struct err *e)
{
	struct import_scratch *s = &im->scratch;
	uint8_t hash32[32], *p;
	int code;

	buf_clear(&s->bytes);
	p = buf_space(&s->bytes, node->size);
	if (!p)
		return err_set(e, buf_err(&s->bytes), NULL, NULL);
	code = blkfiles_read(&im->files, 'b', node->file, node->off, p, node->size, e);
	if (code < 0)
		return code;
	code = block_open(r, p, node->size, block_flags(network_net(im->network)));
	if (code < 0)
		return import_corrupt(im, node, e, "%s", err_sentence(code));
	block_hash(p, hash32);
	if (memcmp(hash32, node->hash32, 32) != 0)
		return import_corrupt(im, node, e, "the file changed while it was read");
	return 0;
}

static int tx_take(struct importer *im, struct import_work *w, const struct tx *t, struct merkle *m,
		   struct err *e)
{
	struct import_scratch *s = &im->scratch;

	if (t->in_n > LEDGER_TX_ROWS_MAX || t->out_n > LEDGER_TX_ROWS_MAX)
		return import_corrupt(im, w->node, e,
				      "transaction %" PRIu32 " has more than %d inputs or outputs",
				      w->tx_n, LEDGER_TX_ROWS_MAX);
	if (scratch_txs(s, (size_t)w->tx_n + 1) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	s->txs[w->tx_n] = *t;
	tx_id(t, s->txids[w->tx_n]);
	merkle_add(m, s->txids[w->tx_n]);
	w->tx_n++;
	w->in_n += t->coinbase ? 0 : t->in_n;
	w->out_n += t->out_n;
	return 0;
}

static int block_parse(struct importer *im, struct import_work *w, struct block_reader *r,
		       struct err *e)
{
	struct merkle m;
	uint8_t root32[32];
	struct tx t;
	int code;

	merkle_init(&m);
	while ((code = block_next(r, &t)) > 0) {
		code = tx_take(im, w, &t, &m, e);
		if (code < 0)
			return code;
	}
	if (code < 0)
		return import_corrupt(im, w->node, e, "transaction %" PRIu32 ": %s", w->tx_n,
				      err_sentence(code));
	if (!merkle_root(&m, root32) || memcmp(root32, r->header.merkle32, 32) != 0)
		return import_corrupt(im, w->node, e,
				      "its transactions do not give the header's merkle root");
	w->txs = im->scratch.txs;
	return 0;
}

/* ---- room ---- */

static int columns_for(struct importer *im, const struct import_work *w, struct err *e)
{
	static const enum ledger_column by_tx[] = {LEDGER_COL_TXID,	   LEDGER_COL_TX_POS,
						   LEDGER_COL_TX_OUT_BASE, LEDGER_COL_TX_OUT_DELTA,
						   LEDGER_COL_TX_IN_BASE,  LEDGER_COL_TX_IN_DELTA};
	static const enum ledger_column by_out[] = {LEDGER_COL_VALUE, LEDGER_COL_OUT_ADDRESS,
						    LEDGER_COL_OUT_SPENDER};
	struct ledger_columns_file *c = &im->columns;
	int r = columns_room(c, LEDGER_COL_BLOCK, 1, e);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(by_tx); i++)
		r = columns_room(c, by_tx[i], (uint64_t)w->tx_n + 1, e);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(by_out); i++)
		r = columns_room(c, by_out[i], w->out_n, e);
	if (r == 0)
		r = columns_room(c, LEDGER_COL_IN_OUTPUT, w->in_n, e);
	if (r == 0)
		r = columns_room(c, LEDGER_COL_ADDRESS, w->out_n + w->in_n, e);
	if (r == 0 && im->partial)
		r = columns_room(c, LEDGER_COL_FOREIGN, w->in_n, e);
	return r;
}

static int table_room(struct importer *im, struct ledger_table *t, uint64_t n, const char *what,
		      struct err *e)
{
	uint64_t missing = 0;
	int r = ledger_table_reserve(t, n, &missing);

	if (r == -ERR_BUDGET)
		return err_set(e, r, "memory",
			       "%" PRIu64 " %s do not fit: run again with --memory %" PRIu64
			       "M; nothing is lost",
			       n, what, ((im->opt->memory_bytes + missing) >> 20) + 1);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
}

static int room_for(struct importer *im, const struct import_work *w, struct err *e)
{
	const struct ledger_counts *c = &im->columns.v.counts;
	int r;

	if (c->tx_n + w->tx_n >= UINT32_MAX || c->output_n + w->out_n >= LEDGER_FOREIGN_BASE ||
	    c->input_n + w->in_n >= LEDGER_FOREIGN_BASE ||
	    c->address_n + w->out_n + w->in_n >= UINT32_MAX)
		return err_set(e, ERR_RANGE, "ledger",
			       "more transactions or addresses than the format's ids can number");
	r = columns_for(im, w, e);
	if (r == 0)
		r = table_room(im, &im->tx_table, c->tx_n + w->tx_n, "transactions", e);
	if (r == 0)
		r = table_room(im, &im->address_table, im->address_table.row_n + w->out_n + w->in_n,
			       "addresses", e);
	if (r == 0 && scratch_rows(&im->scratch, w->out_n > w->in_n ? w->out_n : w->in_n) < 0)
		r = err_set(e, ERR_NOMEM, NULL, NULL);
	return r;
}

/* ---- transactions ---- */

static const uint8_t *txid_of(const struct importer *im, uint32_t txnum)
{
	return im->columns.v.col[LEDGER_COL_TXID] + (uint64_t)txnum * 32;
}

/* The slot of a txid; false when the ledger has none. */
static bool tx_slot(const struct importer *im, uint64_t print, const uint8_t *txid32,
		    uint64_t *ret_slot, uint32_t *ret_txnum)
{
	uint64_t at = ledger_table_start(&im->tx_table, (uint32_t)print);

	for (; ledger_table_find(&im->tx_table, (uint32_t)print, &at, ret_txnum); at++)
		if (memcmp(txid_of(im, *ret_txnum), txid32, 32) == 0) {
			*ret_slot = at;
			return true;
		}
	return false;
}

/* A txid that is there already: before BIP 30 a coinbase could repeat an earlier one, whose unspent outputs are then out of reach. */
static int tx_repeat(struct importer *im, const struct import_work *w, uint32_t i, uint64_t slot,
		     uint32_t earlier, struct err *e)
{
	struct ledger_columns_file *c = &im->columns;
	uint64_t o = view_first_out(&c->v, earlier),
		 end = view_first_out(&c->v, (uint64_t)earlier + 1);

	if (earlier >= w->first_tx)
		return import_corrupt(im, w->node, e, "transaction %" PRIu32 " is in it twice", i);
	for (; o < end; o++) {
		if (view_u32(&c->v, LEDGER_COL_OUT_SPENDER, o) != 0)
			continue;
		if (!w->txs[i].coinbase)
			return import_corrupt(im, w->node, e,
					      "transaction %" PRIu32
					      " repeats an earlier one that is not all spent",
					      i);
		columns_spend(c, o, w->first_tx + i);
	}
	im->tx_table.slots[slot].row1 = w->first_tx + i + 1;
	return 0;
}

static void tx_firsts_push(struct ledger_columns_file *c, enum ledger_column base_id,
			   enum ledger_column delta_id, uint64_t next_tx, uint64_t first)
{
	uint64_t base_le = htole64(first), base;

	if (next_tx % LEDGER_GROUP_TX == 0)
		memcpy(columns_push(c, base_id), &base_le, 8);
	base = view_u64(&c->v, base_id, next_tx / LEDGER_GROUP_TX);
	ledger_store24(columns_push(c, delta_id), (uint32_t)(first - base));
}

static int txs_write(struct importer *im, struct import_work *w, struct err *e)
{
	struct ledger_columns_file *c = &im->columns;
	const uint8_t *block = im->scratch.bytes.p;
	uint64_t out = c->v.counts.output_n, in = c->v.counts.input_n;

	/* the firsts of this block are read while it is linked, before it counts */
	c->v.counts.output_n += w->out_n;
	c->v.counts.input_n += w->in_n;
	for (uint32_t i = 0; i < w->tx_n; i++) {
		const struct tx *t = &w->txs[i];
		const uint8_t *txid32 = im->scratch.txids[i];
		uint64_t print = ledger_fingerprint(im->key16, txid32), slot;
		uint32_t pos_le = htole32((uint32_t)(t->p - block)), earlier;
		int r = 0;

		memcpy(columns_push(c, LEDGER_COL_TXID), txid32, 32);
		memcpy(columns_push(c, LEDGER_COL_TX_POS), &pos_le, 4);
		out += t->out_n;
		in += t->coinbase ? 0 : t->in_n;
		tx_firsts_push(c, LEDGER_COL_TX_OUT_BASE, LEDGER_COL_TX_OUT_DELTA,
			       (uint64_t)w->first_tx + i + 1, out);
		tx_firsts_push(c, LEDGER_COL_TX_IN_BASE, LEDGER_COL_TX_IN_DELTA,
			       (uint64_t)w->first_tx + i + 1, in);
		if (tx_slot(im, print, txid32, &slot, &earlier))
			r = tx_repeat(im, w, i, slot, earlier, e);
		else
			ledger_table_put(&im->tx_table, (uint32_t)print, w->first_tx + i);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- outputs ---- */

uint64_t import_address_print(const struct importer *im, const struct address *a)
{
	return ledger_fingerprint_address(im->key16, a->kind, a->payload, a->len);
}

uint32_t import_address(struct importer *im, const struct address *a, uint64_t print,
			uint64_t first_out)
{
	struct ledger_columns_file *c = &im->columns;
	uint64_t at = ledger_table_start(&im->address_table, (uint32_t)print);
	struct ledger_address_row *row;
	uint32_t id;

	for (; ledger_table_find(&im->address_table, (uint32_t)print, &at, &id); at++) {
		const struct ledger_address_row *known = view_address(&c->v, id);

		if (known->type == a->kind &&
		    memcmp(known->payload, a->payload, sizeof(known->payload)) == 0)
			return id;
	}
	id = (uint32_t)c->v.counts.address_n++;
	row = (void *)columns_push(c, LEDGER_COL_ADDRESS);
	*row = (struct ledger_address_row){.type = a->kind, .payload_len = a->len};
	memcpy(row->payload, a->payload, sizeof(row->payload));
	ledger_store40(row->first_out40, first_out);
	ledger_table_put(&im->address_table, (uint32_t)print, id);
	return id;
}

/* Amounts, and the identities that will be interned, with their slots on the way into the cache. */
static void outputs_read(struct importer *im, const struct import_work *w)
{
	struct import_scratch *s = &im->scratch;
	uint64_t n = 0;

	for (uint32_t i = 0; i < w->tx_n; i++) {
		struct tx_iter it = tx_outs(&w->txs[i]);

		for (struct txout out; txout_next(&it, &out); n++) {
			uint64_t value_le = htole64(out.value.v);

			memcpy(columns_push(&im->columns, LEDGER_COL_VALUE), &value_le, 8);
			(void)script_classify(out.script, out.script_len, &s->addresses[n]);
			s->prints[n] = import_address_print(im, &s->addresses[n]);
			ledger_table_prefetch(&im->address_table, (uint32_t)s->prints[n]);
		}
	}
}

static void outputs_write(struct importer *im, const struct import_work *w)
{
	const struct import_scratch *s = &im->scratch;
	struct ledger_columns_file *c = &im->columns;
	uint64_t first = c->v.counts.output_n - w->out_n;

	outputs_read(im, w);
	for (uint64_t n = 0; n < w->out_n; n++) {
		uint32_t id_le = 0;

		if (s->addresses[n].kind != ADDRESS_NONE)
			id_le = htole32(
				import_address(im, &s->addresses[n], s->prints[n], first + n));
		memcpy(columns_push(c, LEDGER_COL_OUT_ADDRESS), &id_le, 4);
		memset(columns_push(c, LEDGER_COL_OUT_SPENDER), 0, 4);
	}
}

/* ---- inputs ---- */

static uint64_t foreign_push(struct importer *im, const struct txin *in, uint32_t txnum)
{
	struct ledger_columns_file *c = &im->columns;
	struct ledger_foreign_row row = {
		.position_le = htole32(in->prev_n),
		.spender_le = htole32(txnum),
	};

	memcpy(row.txid32, in->prev32, 32);
	memcpy(columns_push(c, LEDGER_COL_FOREIGN), &row, sizeof(row));
	c->v.counts.unknown_n++;
	return LEDGER_FOREIGN_BASE + c->v.counts.foreign_n++;
}

static int input_link(struct importer *im, const struct import_work *w, const struct txin *in,
		      uint64_t print, uint32_t txnum, uint64_t *ret_output, struct err *e)
{
	struct ledger_columns_file *c = &im->columns;
	char txid[HASH_TEXT_MAX];
	uint64_t slot, first, n;
	uint32_t prev;

	if (!tx_slot(im, print, in->prev32, &slot, &prev)) {
		if (!im->partial)
			return import_corrupt(im, w->node, e,
					      "spends %s:%" PRIu32
					      ", which no block before it made",
					      hash_text(in->prev32, txid), in->prev_n);
		*ret_output = foreign_push(im, in, txnum);
		return 0;
	}
	first = view_first_out(&c->v, prev);
	n = view_first_out(&c->v, (uint64_t)prev + 1) - first;
	if (prev >= txnum || in->prev_n >= n)
		return import_corrupt(im, w->node, e, "spends %s:%" PRIu32 ", which %s",
				      hash_text(in->prev32, txid), in->prev_n,
				      prev >= txnum ? "comes later" : "does not exist");
	if (view_u32(&c->v, LEDGER_COL_OUT_SPENDER, first + in->prev_n) != 0)
		return import_corrupt(im, w->node, e, "spends %s:%" PRIu32 " a second time",
				      hash_text(in->prev32, txid), in->prev_n);
	columns_spend(c, first + in->prev_n, txnum);
	*ret_output = first + in->prev_n;
	return 0;
}

static void inputs_read(struct importer *im, const struct import_work *w)
{
	uint64_t *prints = im->scratch.prints;
	uint64_t n = 0;

	for (uint32_t i = 1; i < w->tx_n; i++) {
		struct tx_iter it = tx_ins(&w->txs[i]);

		for (struct txin in; txin_next(&it, &in); n++) {
			prints[n] = ledger_fingerprint(im->key16, in.prev32);
			ledger_table_prefetch(&im->tx_table, (uint32_t)prints[n]);
		}
	}
}

/* Amounts of one transaction: no more out than in, where all that goes in is known. */
static int tx_amounts(struct importer *im, const struct import_work *w, uint32_t i,
		      uint64_t first_in, bool known, struct err *e)
{
	const struct ledger_view *v = &im->columns.v;
	struct sat sum = {0}, value;

	for (uint32_t k = 0; known && k < w->txs[i].in_n; k++) {
		uint64_t o = ledger_load40(v->col[LEDGER_COL_IN_OUTPUT] + (first_in + k) * 5);

		if (sat_from(view_u64(v, LEDGER_COL_VALUE, o), &value) < 0 ||
		    sat_add(sum, value, &sum) < 0)
			return import_corrupt(im, w->node, e,
					      "transaction %" PRIu32 " spends too much", i);
	}
	if (known && sat_sub(sum, w->txs[i].out_sum, &value) < 0)
		return import_corrupt(im, w->node, e,
				      "transaction %" PRIu32 " pays out more than it spends", i);
	return 0;
}

static int inputs_write(struct importer *im, const struct import_work *w, struct err *e)
{
	struct ledger_columns_file *c = &im->columns;
	const uint64_t *prints = im->scratch.prints;
	uint64_t row = c->v.counts.input_n - w->in_n, n = 0, o = 0;
	int r;

	inputs_read(im, w);
	for (uint32_t i = 1; i < w->tx_n; i++) {
		struct tx_iter it = tx_ins(&w->txs[i]);
		uint64_t first_in = row + n;
		bool known = true;

		for (struct txin in; txin_next(&it, &in); n++) {
			r = input_link(im, w, &in, prints[n], w->first_tx + i, &o, e);
			if (r < 0)
				return r;
			ledger_store40(columns_push(c, LEDGER_COL_IN_OUTPUT), o);
			known = known && o < LEDGER_FOREIGN_BASE;
		}
		r = tx_amounts(im, w, i, first_in, known, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the block ---- */

static void block_push(struct importer *im, const struct import_work *w)
{
	struct ledger_counts *c = &im->columns.v.counts;
	struct ledger_block_row row = {
		.first_tx_le = htole32(w->first_tx),
		.file_le = htole32(w->node->file),
		.file_off_le = htole64(w->node->off),
		.size_le = htole32(w->node->size),
	};

	memcpy(row.header80, im->scratch.bytes.p, BLOCK_HEADER_LEN);
	memcpy(row.hash32, w->node->hash32, 32);
	memcpy(columns_push(&im->columns, LEDGER_COL_BLOCK), &row, sizeof(row));
	memcpy(c->tip32, w->node->hash32, 32);
	c->block_n++;
	c->tx_n += w->tx_n;
}

int import_block(struct importer *im, const struct header_node *node, struct err *e)
{
	struct import_work w = {.node = node, .first_tx = (uint32_t)im->columns.v.counts.tx_n};
	struct block_reader reader;
	int r;

	r = block_load(im, node, &reader, e);
	if (r == 0)
		r = block_parse(im, &w, &reader, e);
	if (r == 0)
		r = room_for(im, &w, e);
	if (r == 0)
		r = txs_write(im, &w, e);
	if (r < 0)
		return r;
	outputs_write(im, &w);
	r = inputs_write(im, &w, e);
	if (r < 0)
		return r;
	block_push(im, &w);
	return import_undo_check(im, &w, e);
}

int import_tables_fill(struct importer *im, uint64_t tx_total, struct err *e)
{
	const struct ledger_view *v = &im->columns.v;
	int r;

	r = table_room(im, &im->tx_table, tx_total, "transactions", e);
	if (r == 0)
		r = table_room(im, &im->address_table, v->counts.address_n, "addresses", e);
	for (uint64_t t = 0; r == 0 && t < v->counts.tx_n; t++) {
		const uint8_t *txid32 = txid_of(im, (uint32_t)t);
		uint64_t print = ledger_fingerprint(im->key16, txid32), slot;
		uint32_t earlier;

		if (tx_slot(im, print, txid32, &slot, &earlier))
			im->tx_table.slots[slot].row1 = (uint32_t)t + 1;
		else
			ledger_table_put(&im->tx_table, (uint32_t)print, (uint32_t)t);
	}
	for (uint64_t i = 1; r == 0 && i < v->counts.address_n; i++) {
		const struct ledger_address_row *a = view_address(v, i);

		if (a->payload_len > ADDRESS_PAYLOAD_MAX)
			return err_set(e, ERR_CORRUPT, "address",
				       "columns/address: impossible length");
		ledger_table_put(&im->address_table,
				 (uint32_t)ledger_fingerprint_address(im->key16, a->type,
								      a->payload, a->payload_len),
				 (uint32_t)i);
	}
	return r;
}
