/* SPDX-License-Identifier: Apache-2.0
 * Verification: everything in a ledger that can be computed again, is, and is compared.
 *
 * What proves what, without the block files:
 *  1. sums and hashes of the manifest: the bytes are those that were written;
 *  2. block rows: each hash is the header's, meets its work, and names the one before; its txids give its merkle root. So the
 *     txid column, and the number of transactions, are those of the chain;
 *  3. first outputs and inputs ascend; a coinbase alone has no inputs;
 *  4. each input's output has the input's transaction as spender, comes earlier, and as many outputs have a spender as
 *     inputs name them (plus those made unreachable): so no output is spent twice and no spender is invented;
 *  5. amounts: each fee is not negative, and mined = fees + unspent + lost;
 *  6. dictionary: identities are well formed, each has its first output; look-ups find each row; the lists of outputs are
 *     ascending, belong to their address, and are as many as there are outputs with an address.
 * Amounts, scripts and which output an input names stand in the transactions only: with the block files they are read again. */
#include "base/cleanup.h"
#include "base/file.h"
#include "chain/address.h"
#include "chain/block.h"
#include "chain/script.h"
#include "crypto/crypto.h"
#include "ledger/blkfile.h"
#include "ledger/column.h"
#include "ledger/import.h"
#include "ledger/segment.h"
#include <inttypes.h>

enum { VERIFY_TICK = 1 << 16 /* rows between two calls of progress */ };

struct verify {
	const char *dir;
	const struct ledger *l;
	const struct ledger_view *v;
	ledger_progress_fn *progress;
	void *arg;
	struct ledger_progress told;
	struct ledger_verify_result res;
	struct blkfiles files;
	struct buf bytes;
	struct err *e;
};

static int bad(const struct verify *w, const char *column, const char *what, uint64_t row)
{
	return err_set(w->e, ERR_CORRUPT, column, "%s: %s (row %" PRIu64 ")", column, what, row);
}

static int tick(struct verify *w, uint64_t rows)
{
	w->told.byte_n += rows;
	if (w->progress && w->progress(w->arg, &w->told) != 0)
		return err_set(w->e, ERR_AGAIN, NULL, "stopped");
	return 0;
}

/* ---- 1 ---- */

/* Is the state that is open still the last one, and none under way? */
static bool settled(const struct verify *w)
{
	struct ledger_manifest m;

	return ledger_manifest_load(w->dir, LEDGER_KIND_CHECKPOINT, &m, NULL) == -ERR_NOENT &&
	       ledger_manifest_load(w->dir, LEDGER_KIND_MANIFEST, &m, NULL) == 0 &&
	       memcmp(m.counts.tip32, w->v->counts.tip32, 32) == 0;
}

static int check_sums(struct verify *w)
{
	const struct ledger_counts *c = &w->v->counts;

	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++) {
		uint8_t sum16[16];
		uint64_t later =
			column_sum(id, w->v->col[id], ledger_column_rows(c, (enum ledger_column)id),
				   c->tx_n, sum16);

		if (memcmp(sum16, w->l->manifest.sum16[id], 16) != 0)
			return bad(w, ledger_columns[id].name,
				   "its bytes are not those that were written", 0);
		if (later && settled(w))
			return bad(w, ledger_columns[id].name,
				   "names transactions that are not there", 0);
		if (tick(w, 0) < 0)
			return -ERR_AGAIN;
	}
	return 0;
}

static int check_segments(struct verify *w)
{
	const struct ledger_manifest *m = &w->l->manifest;

	for (uint32_t i = 0; i < m->segment_n; i++) {
		const struct ledger_segment *s = &w->l->segment[i];
		struct ledger_rows from = ledger_rows_at(w->v, s->from.block),
				   to = ledger_rows_at(w->v, s->to.block);
		uint8_t hash32[32];

		sha256(s->map.p, s->map.len, hash32);
		if (memcmp(hash32, m->segment[i].sha256, 32) != 0)
			return bad(w, "index", "its bytes are not those that were written", i);
		if (memcmp(&from, &s->from, sizeof(from)) != 0 ||
		    memcmp(&to, &s->to, sizeof(to)) != 0)
			return bad(w, "index", "a segment's rows are not those of its blocks", i);
	}
	return 0;
}

/* ---- 2 ---- */

static int check_header(struct verify *w, uint64_t row, struct block_header *ret_head)
{
	const struct ledger_block_row *b = view_block(w->v, row);
	uint8_t hash32[32];
	int r;

	block_hash(b->header80, hash32);
	*ret_head = block_header_decode(b->header80);
	if (memcmp(hash32, b->hash32, 32) != 0)
		return bad(w, "block", "the hash is not its header's", row);
	if (row > 0 && memcmp(ret_head->prev32, view_block(w->v, row - 1)->hash32, 32) != 0)
		return bad(w, "block", "does not follow the one before", row);
	r = block_check_header(b->header80, w->l->network);
	if (r < 0)
		return bad(w, "block", "has no proof of work", row);
	return 0;
}

static int check_blocks(struct verify *w)
{
	const struct ledger_view *v = w->v;
	uint64_t next = 0;

	for (uint64_t row = 0; row < v->counts.block_n; row++) {
		uint64_t end = row + 1 < v->counts.block_n
				       ? le32toh(view_block(v, row + 1)->first_tx_le)
				       : v->counts.tx_n;
		struct block_header head;
		struct merkle m;
		uint8_t root32[32];

		if (check_header(w, row, &head) < 0)
			return -ERR_CORRUPT;
		if (le32toh(view_block(v, row)->first_tx_le) != next || end <= next ||
		    end > v->counts.tx_n)
			return bad(w, "block", "impossible first transaction", row);
		merkle_init(&m);
		for (; next < end; next++)
			merkle_add(&m, v->col[LEDGER_COL_TXID] + next * 32);
		if (!merkle_root(&m, root32) || memcmp(root32, head.merkle32, 32) != 0)
			return bad(w, "txid", "a block's transactions do not give its merkle root",
				   row);
		if (row % 1024 == 0 && tick(w, 0) < 0)
			return -ERR_AGAIN;
	}
	if (memcmp(view_block(v, v->counts.block_n - 1)->hash32, v->counts.tip32, 32) != 0)
		return bad(w, "block", "the last is not the tip", v->counts.block_n - 1);
	return 0;
}

/* ---- 3, 4, 5 ---- */

static int check_input(struct verify *w, uint64_t in, uint32_t txnum, uint64_t *sum, bool *known,
		       uint64_t *linked)
{
	const struct ledger *l = w->l;
	uint64_t o = ledger_in_output(l, in);

	if (o == LEDGER_OUTPUT_NONE)
		return bad(w, "in-output", "names no output", in);
	if (ledger_out_spender(l, o) != txnum)
		return bad(w, "out-spender", "is not the transaction that spends it", o);
	if (o < w->v->counts.output_n) {
		if (o >= view_first_out(w->v, txnum))
			return bad(w, "in-output", "names an output of a later transaction", in);
		++*linked;
	}
	*known = *known && ledger_out_known(l, o);
	if (__builtin_add_overflow(*sum, ledger_out_value(l, o), sum))
		return bad(w, "value", "amounts overflow", o);
	return 0;
}

static int check_tx(struct verify *w, uint32_t txnum, uint64_t *linked)
{
	struct ledger_tx tx;
	uint64_t in = 0, out = 0;
	bool known = true;

	if (ledger_tx_get(w->l, txnum, &tx) < 0)
		return bad(w, "tx-out-delta", "impossible first output or input", txnum);
	if (tx.coinbase != (tx.in_n == 0) || tx.out_n == 0)
		return bad(w, "tx-in-delta", "only a coinbase has no inputs", txnum);
	for (uint32_t i = 0; i < tx.in_n; i++)
		if (check_input(w, tx.first_in + i, txnum, &in, &known, linked) < 0)
			return -ERR_CORRUPT;
	for (uint32_t i = 0; i < tx.out_n; i++)
		if (__builtin_add_overflow(out, ledger_out_value(w->l, tx.first_out + i), &out))
			return bad(w, "value", "amounts overflow", tx.first_out + i);
	if (tx.coinbase)
		w->res.mined += out;
	else if (known && in < out)
		return bad(w, "value", "a transaction pays out more than it spends", txnum);
	else
		w->res.fees += known ? in - out : 0;
	return 0;
}

/* What an output that has a spender, but is no input of it, must be: one of a coinbase whose txid came again. */
static bool is_lost(const struct verify *w, uint64_t output, uint32_t spender)
{
	const uint8_t *txids = w->v->col[LEDGER_COL_TXID];
	uint64_t maker = ledger_tx_of_output(w->v, output);

	return view_tx_coinbase(w->v, spender) && maker < spender &&
	       memcmp(txids + maker * 32, txids + (uint64_t)spender * 32, 32) == 0;
}

static int check_outputs(struct verify *w, uint64_t linked)
{
	const struct ledger_view *v = w->v;
	uint64_t spent = 0;

	for (uint64_t o = 0; o < v->counts.output_n; o++) {
		uint32_t s = ledger_out_spender(w->l, o);

		if (view_u32(v, LEDGER_COL_OUT_ADDRESS, o) >= v->counts.address_n)
			return bad(w, "out-address", "names no address", o);
		if (s == 0) {
			w->res.unspent += ledger_out_value(w->l, o);
			w->res.unspent_n++;
		} else if (!view_tx_coinbase(v, s)) {
			spent++;
		} else if (is_lost(w, o, s)) {
			w->res.lost += ledger_out_value(w->l, o);
		} else {
			return bad(w, "out-spender", "a coinbase spends nothing", o);
		}
	}
	if (spent != linked)
		return bad(w, "out-spender",
			   "more outputs have a spender than inputs name them, or fewer", spent);
	return 0;
}

static int check_links(struct verify *w)
{
	const struct ledger_counts *c = &w->v->counts;
	uint64_t linked = 0;
	int r;

	if (view_first_out(w->v, 0) != 0 || view_first_in(w->v, 0) != 0 ||
	    view_first_out(w->v, c->tx_n) != c->output_n ||
	    view_first_in(w->v, c->tx_n) != c->input_n)
		return bad(w, "tx-out-base",
			   "the first or last transaction's rows are not the column's ends", 0);
	for (uint64_t t = 0; t < c->tx_n; t++) {
		r = check_tx(w, (uint32_t)t, &linked);
		if (r < 0)
			return r;
		if (t % VERIFY_TICK == 0 && tick(w, VERIFY_TICK) < 0)
			return -ERR_AGAIN;
	}
	r = check_outputs(w, linked);
	if (r < 0)
		return r;
	if (!w->l->info.partial && w->res.mined != w->res.fees + w->res.unspent + w->res.lost)
		return bad(w, "value", "mined is not fees, unspent and lost together", 0);
	return 0;
}

/* ---- 6 ---- */

static int check_lookup(struct verify *w, enum ledger_table t, uint64_t print, uint64_t row)
{
	struct ledger_probe p;
	uint64_t found;

	ledger_probe_init(w->l->segment, w->l->manifest.segment_n, t, print, &p);
	while (ledger_probe_next(&p, &found))
		if (found == row)
			return 0;
	return bad(w, "index", "a row cannot be found by its fingerprint", row);
}

/* Directory and entries as a whole: ascending from 0 to the end, each entry in its order. With each row found once and as many
 * entries as rows there is no room for others. */
static int check_table(struct verify *w, const struct ledger_segment *s, enum ledger_table t)
{
	const struct ledger_chunk_view *dir = segment_chunk(s, t);
	const struct ledger_chunk_view *entries = segment_chunk(s, t + 1u);
	uint32_t last = 0;

	for (uint64_t i = 0; i < dir->row_n; i++) {
		uint32_t at = segment_u32(dir, i);

		if (at < last || at > entries->row_n || (i == 0 && at != 0) ||
		    (i + 1 == dir->row_n && at != entries->row_n))
			return bad(w, "index", "a directory does not ascend", i);
		for (uint32_t k = last + 1; k < at; k++)
			if (segment_u64(entries, k - 1) >= segment_u64(entries, k))
				return bad(w, "index", "entries are not in order", k);
		last = at;
	}
	return 0;
}

static int check_address(struct verify *w, uint32_t id)
{
	const struct ledger_address_row *row = view_address(w->v, id);
	uint64_t outs[2], first = ledger_load40(row->first_out40);
	struct address a;
	int r;

	if (ledger_address_get(w->l, id, &a) < 0 || memcmp(a.payload, row->payload, 32) != 0 ||
	    row->zero)
		return bad(w, "address", "is not well formed", id);
	r = check_lookup(w, LEDGER_TABLE_ADDRESS,
			 ledger_fingerprint_address(w->l->key16, a.kind, a.payload, a.len), id);
	if (r < 0)
		return r;
	if (ledger_address_outputs(w->l, id, LEDGER_OUTPUT_NONE, outs, 1) != 1 ||
	    ledger_out_address(w->l, first) != id ||
	    (first < LEDGER_FOREIGN_BASE && outs[0] != first))
		return bad(w, "address", "its first output is another", id);
	return 0;
}

static int check_list(struct verify *w, uint32_t id, uint64_t *total)
{
	uint64_t page[512], after = LEDGER_OUTPUT_NONE;
	int64_t n;

	while ((n = ledger_address_outputs(w->l, id, after, page, ARRAY_LEN(page))) > 0) {
		for (int64_t i = 0; i < n; i++) {
			if (after != LEDGER_OUTPUT_NONE && page[i] <= after)
				return bad(w, "index", "an address's outputs do not ascend", id);
			after = page[i];
		}
		*total += (uint64_t)n;
	}
	return n < 0 ? bad(w, "index", "an address's list of outputs is damaged", id) : 0;
}

static uint64_t outputs_with_address(const struct ledger_view *v)
{
	uint64_t n = 0;

	for (uint64_t o = 0; o < v->counts.output_n; o++)
		n += view_u32(v, LEDGER_COL_OUT_ADDRESS, o) != 0;
	for (uint64_t i = 0; i < v->counts.foreign_n; i++)
		n += view_foreign(v, i)->address_le != 0;
	return n;
}

static int check_addresses(struct verify *w)
{
	uint64_t total = 0, listed = 0;

	for (uint64_t id = 1; id < w->v->counts.address_n; id++) {
		int r = check_address(w, (uint32_t)id);

		if (r == 0)
			r = check_list(w, (uint32_t)id, &total);
		if (r < 0)
			return r;
		if (id % VERIFY_TICK == 0 && tick(w, VERIFY_TICK) < 0)
			return -ERR_AGAIN;
	}
	for (uint32_t i = 0; i < w->l->manifest.segment_n; i++)
		listed += segment_chunk(&w->l->segment[i], LEDGER_CHUNK_LIST_OUTPUT)->row_n;
	if (total != outputs_with_address(w->v) || total != listed)
		return bad(w, "index", "outputs are missing from the lists of addresses", total);
	return 0;
}

static int check_tables(struct verify *w)
{
	static const enum ledger_table tables[] = {LEDGER_TABLE_TX, LEDGER_TABLE_ADDRESS,
						   LEDGER_TABLE_BLOCK};
	const struct ledger_view *v = w->v;
	const uint8_t *key = w->l->key16;
	int r = 0;

	for (uint32_t i = 0; i < w->l->manifest.segment_n; i++)
		for (size_t t = 0; r == 0 && t < ARRAY_LEN(tables); t++)
			r = check_table(w, &w->l->segment[i], tables[t]);
	for (uint64_t t = 0; r == 0 && t < v->counts.tx_n; t++)
		r = check_lookup(w, LEDGER_TABLE_TX,
				 ledger_fingerprint(key, v->col[LEDGER_COL_TXID] + t * 32), t);
	for (uint64_t b = 0; r == 0 && b < v->counts.block_n; b++)
		r = check_lookup(w, LEDGER_TABLE_BLOCK,
				 ledger_fingerprint(key, view_block(v, b)->hash32), b);
	return r;
}

/* ---- with the block files ---- */

static int reread_inputs(struct verify *w, const struct tx *t, const struct ledger_tx *tx)
{
	struct tx_iter it = tx_ins(t);
	uint64_t row = tx->first_in;

	for (struct txin in; !t->coinbase && txin_next(&it, &in); row++) {
		struct ledger_output o;

		if (ledger_output_get(w->l, ledger_in_output(w->l, row), &o) < 0 ||
		    o.position != in.prev_n || memcmp(o.txid32, in.prev32, 32) != 0)
			return bad(w, "in-output", "is not the output that the block file names",
				   row);
	}
	return 0;
}

static int reread_outputs(struct verify *w, const struct tx *t, const struct ledger_tx *tx)
{
	struct tx_iter it = tx_outs(t);
	uint64_t row = tx->first_out;

	for (struct txout out; txout_next(&it, &out); row++) {
		struct address a, known = {0};
		uint32_t id = ledger_out_address(w->l, row);

		(void)script_classify(out.script, out.script_len, &a);
		if (id && ledger_address_get(w->l, id, &known) < 0)
			return bad(w, "address", "is not well formed", id);
		if (ledger_out_value(w->l, row) != out.value.v)
			return bad(w, "value", "is not the amount in the block file", row);
		if (!address_equal(&a, &known))
			return bad(w, "out-address", "is not whom the block file pays", row);
	}
	return 0;
}

static int reread_tx(struct verify *w, uint32_t txnum, const struct tx *t)
{
	struct ledger_tx tx;
	uint32_t in_n = t->coinbase ? 0 : t->in_n;
	int r;

	if (ledger_tx_get(w->l, txnum, &tx) < 0 || tx.in_n != in_n || tx.out_n != t->out_n)
		return bad(w, "tx-out-delta",
			   "the block file's transaction has other inputs or outputs", txnum);
	if (view_u32(w->v, LEDGER_COL_TX_POS, txnum) != (uint64_t)(t->p - w->bytes.p))
		return bad(w, "tx-pos", "the transaction is elsewhere in its block", txnum);
	r = reread_inputs(w, t, &tx);
	return r < 0 ? r : reread_outputs(w, t, &tx);
}

static int reread_block(struct verify *w, const struct ledger_block *b)
{
	struct block_reader reader;
	uint32_t txnum = b->first_tx;
	struct tx t;
	uint8_t *p;
	int r;

	if (b->size > BLOCK_LEN_MAX)
		return bad(w, "block", "impossible size", b->height);
	buf_clear(&w->bytes);
	p = buf_space(&w->bytes, b->size);
	if (!p)
		return err_set(w->e, buf_err(&w->bytes), NULL, NULL);
	r = blkfiles_read(&w->files, 'b', b->file, b->file_off, p, b->size, w->e);
	if (r < 0)
		return r;
	if (block_open(&reader, p, b->size, block_flags(network_net(w->l->network))) < 0 ||
	    memcmp(p, view_block(w->v, b->height - w->v->counts.first_height)->header80, 80) != 0)
		return err_set(w->e, ERR_CORRUPT, "block",
			       "block %" PRIu32 " is not at %" PRIu64 " of blk%05" PRIu32
			       ".dat in %s: are these the files that the ledger was made of?",
			       b->height, b->file_off, b->file, w->files.dir);
	while ((r = block_next(&reader, &t)) > 0) {
		if (txnum - b->first_tx >= b->tx_n)
			return bad(w, "block", "the block file has more transactions", b->height);
		r = reread_tx(w, txnum++, &t);
		if (r < 0)
			return r;
	}
	return r < 0 ? bad(w, "block", "is malformed in the block file", b->height) : 0;
}

/* Files of another chain say nothing about this ledger. */
static int reread_open(struct verify *w, const char *blocks_dir)
{
	const struct network *n;
	int r = blkfiles_open(&w->files, blocks_dir, w->e);

	if (r == 0)
		r = blkfiles_network(&w->files, &n, w->e);
	if (r == 0 && memcmp(n->magic4, w->l->network->magic4, sizeof(n->magic4)) != 0)
		r = err_set(w->e, ERR_NETWORK, "blocks",
			    "%s holds blocks of %s, the ledger is of %s", blocks_dir, n->title,
			    w->l->network->title);
	return r;
}

static int reread(struct verify *w, const char *blocks_dir)
{
	int r = reread_open(w, blocks_dir);

	for (uint64_t row = 0; r == 0 && row < w->v->counts.block_n; row++) {
		struct ledger_block b;

		r = ledger_block_at(w->l, (uint32_t)(w->v->counts.first_height + row), &b);
		if (r < 0)
			return bad(w, "block", "is damaged", row);
		r = reread_block(w, &b);
		if (r == 0 && row % 64 == 0)
			r = tick(w, 0);
	}
	return r;
}

static int verify_all(struct verify *w, const char *blocks_dir)
{
	int r = check_sums(w);

	if (r == 0)
		r = check_segments(w);
	if (r == 0)
		r = check_blocks(w);
	if (r == 0)
		r = check_links(w);
	if (r == 0)
		r = check_addresses(w);
	if (r == 0)
		r = check_tables(w);
	return r == 0 && blocks_dir ? reread(w, blocks_dir) : r;
}

int ledger_verify(const char *dir, const char *blocks_dir, ledger_progress_fn *progress, void *arg,
		  struct ledger_verify_result *ret, struct err *e)
{
	_cleanup_(ledger_closep) struct ledger *l = NULL;
	struct verify w = {
		.dir = dir, .progress = progress, .arg = arg, .files = BLKFILES_EMPTY, .e = e};
	int r;

	r = ledger_open(dir, &l, e);
	if (r < 0)
		return r;
	w.l = l;
	w.v = &l->v;
	w.told = (struct ledger_progress){
		.phase = LEDGER_PHASE_VERIFY,
		.byte_end = l->info.tx_n + l->info.address_n,
		.tx_n = l->info.tx_n,
	};
	w.res = (struct ledger_verify_result){
		.block_n = l->info.block_n,
		.tx_n = l->info.tx_n,
		.output_n = l->info.output_n,
		.input_n = l->info.input_n,
		.address_n = l->info.address_n - 1,
	};
	buf_init(&w.bytes, BLOCK_LEN_MAX);
	r = verify_all(&w, blocks_dir);
	buf_done(&w.bytes);
	blkfiles_close(&w.files);
	if (r == 0 && ret)
		*ret = w.res;
	return r;
}
