/* SPDX-License-Identifier: Apache-2.0
 * What each input of a batch spends.
 *
 * 1. Join, a partition of fingerprints at a time: the batch's transactions go into a small hash table, its inputs are looked up
 *    there, then in the older segments, whose entries of a partition lie side by side. The result is a likely transaction.
 * 2. Check, a block at a time, in row order, where most looks are near to each other: the txid must be equal, and the
 *    transaction come before; whatever is not as usual is searched exactly among all candidates. Then outputs, amounts, spenders.
 *    A spender is written by compare and swap, so that of two spends, in whatever threads, one is found.
 * 3. Transactions whose txid was there before. */
#include "base/cleanup.h"
#include "chain/hash.h"
#include "ledger/import-int.h"
#include <inttypes.h>
#include <pthread.h>

enum {
	AHEAD = 16, /* rows between asking for a cache line and using it */
	TABLE_MIN = 64,
	PRINT_BITS = 64,
};

/* ---- join ---- */

#define SLOT_FREE UINT32_MAX

/* A thread's table over the transactions of one partition: indexes of pairs. */
struct join_table {
	uint32_t *slots;
	uint64_t mask, cap;
};
struct join {
	struct importer *im;
	struct join_table table[PARALLEL_THREADS_MAX];
	pthread_mutex_t lock; /* of the batch's repeats */
};

static int table_clear(struct join_table *t, uint64_t n)
{
	uint64_t size = TABLE_MIN;
	uint32_t *p;

	while (size < n * 2)
		size *= 2;
	if (size > t->cap) {
		p = reallocarray(t->slots, size, sizeof(*p));
		if (!p)
			return -ERR_NOMEM;
		t->slots = p;
		t->cap = size;
	}
	t->mask = size - 1;
	memset(t->slots, 0xff, size * sizeof(*t->slots));
	return 0;
}

/* The slot of a key: its own, or the free one where it belongs. */
static uint32_t *table_slot(const struct join_table *t, const struct radix_pair *pairs,
			    uint64_t key)
{
	uint64_t i = key & t->mask;

	while (t->slots[i] != SLOT_FREE && pairs[t->slots[i]].key != key)
		i = (i + 1) & t->mask;
	return &t->slots[i];
}

static int repeat_note(struct join *j, uint32_t tx)
{
	struct batch *b = &j->im->batch;
	uint32_t *p;
	int r = 0;

	pthread_mutex_lock(&j->lock);
	if (b->repeat_n == b->repeat_cap) {
		p = reallocarray(b->repeats, (size_t)b->repeat_cap * 2 + 64, sizeof(*p));
		if (p) {
			b->repeats = p;
			b->repeat_cap = b->repeat_cap * 2 + 64;
		} else {
			r = -ERR_NOMEM;
		}
	}
	if (r == 0)
		b->repeats[b->repeat_n++] = tx;
	pthread_mutex_unlock(&j->lock);
	return r;
}

/* The latest older transaction with this fingerprint; BATCH_SEARCH none. */
static uint32_t older_tx(const struct importer *im, uint64_t print)
{
	struct ledger_probe p;
	uint64_t row;

	ledger_probe_init(im->segment, im->manifest.segment_n, LEDGER_TABLE_TX, print, &p);
	return ledger_probe_next(&p, &row) ? (uint32_t)row : BATCH_SEARCH;
}

static int join_txs(struct join *j, const struct join_table *t, const struct radix_pair *pairs,
		    uint64_t n)
{
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < n; i++) {
		uint32_t *slot = table_slot(t, pairs, pairs[i].key);
		bool known = *slot != SLOT_FREE || older_tx(j->im, pairs[i].key) != BATCH_SEARCH;

		*slot = (uint32_t)i; /* the latest; whoever means an earlier one will search */
		if (known)
			r = repeat_note(j, pairs[i].row);
	}
	return r;
}

static void join_ins(struct join *j, const struct join_table *t, const struct radix_pair *txs,
		     const struct radix_pair *ins, uint64_t n)
{
	struct batch *b = &j->im->batch;

	for (uint64_t i = 0; i < n; i++) {
		uint32_t slot = *table_slot(t, txs, ins[i].key);

		b->in_tx[ins[i].row] = slot != SLOT_FREE ? (uint32_t)(b->at.tx_n + txs[slot].row)
							 : older_tx(j->im, ins[i].key);
	}
}

static int join_run(void *arg, unsigned worker, uint64_t run, struct err *e)
{
	struct join *j = arg;
	struct batch *b = &j->im->batch;
	struct join_table *t = &j->table[worker];
	const struct radix *txs = &b->tx_runs, *ins = &b->in_runs;
	const struct radix_pair *tx_pairs = txs->pairs + txs->start[run];
	uint64_t tx_n = txs->start[run + 1] - txs->start[run];

	import_trim_memory(j->im);
	if (table_clear(t, tx_n) < 0 || join_txs(j, t, tx_pairs, tx_n) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	join_ins(j, t, tx_pairs, ins->pairs + ins->start[run],
		 ins->start[run + 1] - ins->start[run]);
	return 0;
}

static int join_all(struct importer *im, struct err *e)
{
	struct batch *b = &im->batch;
	struct join j = {.im = im};
	int r;

	b->tx_runs.bits = b->in_runs.bits = radix_bits(b->tx_n);
	r = radix_partition(&b->tx_runs, b->tx_print, NULL, b->tx_n, PRINT_BITS, im->threads, e);
	if (r == 0)
		r = radix_partition(&b->in_runs, b->in_print, NULL, b->in_n, PRINT_BITS,
				    im->threads, e);
	if (r < 0)
		return r;
	pthread_mutex_init(&j.lock, NULL);
	r = parallel_run(im->threads, UINT64_C(1) << b->tx_runs.bits, join_run, &j, e);
	pthread_mutex_destroy(&j.lock);
	for (unsigned i = 0; i < im->threads; i++)
		free(j.table[i].slots);
	return r;
}

/* ---- exact search ---- */

static const uint8_t *txid_of(const struct importer *im, uint32_t tx)
{
	const struct batch *b = &im->batch;

	return tx >= b->at.tx_n ? b->txid[tx - b->at.tx_n]
				: im->columns.v.col[LEDGER_COL_TXID] + (uint64_t)tx * 32;
}

uint32_t import_find_tx(const struct importer *im, const uint8_t txid32[static 32], uint32_t before)
{
	const struct batch *b = &im->batch;
	uint64_t print = ledger_fingerprint(im->key16, txid32), row;
	uint32_t best = BATCH_SEARCH;
	struct ledger_probe p;

	if (b->tx_n > 0) {
		uint64_t run = radix_run(&b->tx_runs, print);

		for (uint64_t i = b->tx_runs.start[run]; i < b->tx_runs.start[run + 1]; i++) {
			const struct radix_pair *pair = &b->tx_runs.pairs[i];
			uint32_t tx = (uint32_t)(b->at.tx_n + pair->row);

			if (pair->key == print && tx < before &&
			    memcmp(b->txid[pair->row], txid32, 32) == 0)
				best = tx; /* rows ascend */
		}
	}
	ledger_probe_init(im->segment, im->manifest.segment_n, LEDGER_TABLE_TX, print, &p);
	while (best == BATCH_SEARCH && ledger_probe_next(&p, &row))
		if (row < before && memcmp(txid_of(im, (uint32_t)row), txid32, 32) == 0)
			best = (uint32_t)row;
	return best;
}

/* ---- check ---- */

static uint64_t first_out_of(const struct importer *im, uint32_t tx)
{
	const struct batch *b = &im->batch;

	return tx >= b->at.tx_n ? b->at.output_n + b->tx_first_out[tx - b->at.tx_n]
				: view_first_out(&im->columns.v, tx);
}

static void tx_prefetch(const struct importer *im, uint32_t tx)
{
	const struct batch *b = &im->batch;
	const struct ledger_view *v = &im->columns.v;

	if (tx == BATCH_SEARCH)
		return;
	__builtin_prefetch(txid_of(im, tx));
	if (tx >= b->at.tx_n) {
		__builtin_prefetch(&b->tx_first_out[tx - b->at.tx_n]);
		return;
	}
	__builtin_prefetch(v->col[LEDGER_COL_TX_OUT_BASE] + (uint64_t)tx / LEDGER_GROUP_TX * 8);
	__builtin_prefetch(v->col[LEDGER_COL_TX_OUT_DELTA] + (uint64_t)tx * 3);
}

static int foreign_push(struct importer *im, const struct batch_in *in, uint32_t txnum,
			uint64_t *ret_output)
{
	struct batch *b = &im->batch;
	struct ledger_foreign_row *p;

	if ((b->foreign_n & (b->foreign_n - 1)) == 0) {
		p = reallocarray(b->foreign, b->foreign_n ? (size_t)b->foreign_n * 2 : 1,
				 sizeof(*p));
		if (!p)
			return -ERR_NOMEM;
		b->foreign = p;
	}
	p = &b->foreign[b->foreign_n];
	*p = (struct ledger_foreign_row){.position_le = htole32(in->prev_n),
					 .spender_le = htole32(txnum)};
	memcpy(p->txid32, in->prev32, 32);
	b->identity[b->out_n + b->foreign_n] = (struct batch_identity){0};
	b->out_ref[b->out_n + b->foreign_n] = RADIX_PASS;
	b->out_address_le[b->out_n + b->foreign_n] = 0;
	*ret_output = LEDGER_FOREIGN_BASE + b->at.foreign_n + b->foreign_n++;
	return 0;
}

/* No transaction has the txid. */
static int input_unknown(struct importer *im, const struct batch_block *blk,
			 const struct batch_in *in, uint32_t txnum, uint64_t *ret_output,
			 struct err *e)
{
	char txid[HASH_TEXT_MAX];

	if (!im->partial)
		return import_corrupt(im, blk->node, e,
				      "spends %s:%" PRIu32 ", which no block before it made",
				      hash_text(in->prev32, txid), in->prev_n);
	return foreign_push(im, in, txnum, ret_output) < 0 ? err_set(e, ERR_NOMEM, NULL, NULL) : 0;
}

/* The output that input row i, of transaction txnum, spends. */
static int input_resolve(struct importer *im, const struct batch_block *blk, uint32_t i,
			 uint32_t txnum, uint64_t *ret_output, struct err *e)
{
	struct batch *b = &im->batch;
	const struct batch_in *in = &b->in[i];
	uint32_t prev = b->in_tx[i];
	uint64_t first, n;
	char txid[HASH_TEXT_MAX];

	if (prev == BATCH_SEARCH || prev >= txnum || memcmp(txid_of(im, prev), in->prev32, 32) != 0)
		b->in_tx[i] = prev = import_find_tx(im, in->prev32, txnum);
	if (prev == BATCH_SEARCH) {
		if (import_find_tx(im, in->prev32, UINT32_MAX) == BATCH_SEARCH)
			return input_unknown(im, blk, in, txnum, ret_output, e);
		return import_corrupt(im, blk->node, e, "spends %s:%" PRIu32 ", which comes later",
				      hash_text(in->prev32, txid), in->prev_n);
	}
	first = first_out_of(im, prev);
	n = first_out_of(im, prev + 1) - first;
	if (in->prev_n >= n)
		return import_corrupt(im, blk->node, e,
				      "spends %s:%" PRIu32 ", which does not exist",
				      hash_text(in->prev32, txid), in->prev_n);
	*ret_output = first + in->prev_n;
	return 0;
}

static void output_prefetch(const struct importer *im, uint64_t o)
{
	const struct batch *b = &im->batch;
	const struct ledger_view *v = &im->columns.v;

	if (o >= LEDGER_FOREIGN_BASE)
		return;
	if (o >= b->at.output_n) {
		__builtin_prefetch(&b->out_value_le[o - b->at.output_n]);
		__builtin_prefetch(&b->out_spender_le[o - b->at.output_n], 1);
		return;
	}
	__builtin_prefetch(v->col[LEDGER_COL_VALUE] + o * 8);
	__builtin_prefetch(v->col[LEDGER_COL_OUT_SPENDER] + o * 4, 1);
}

uint64_t import_out_value(const struct importer *im, uint64_t output)
{
	const struct batch *b = &im->batch;

	return output >= b->at.output_n ? le64toh(b->out_value_le[output - b->at.output_n])
					: view_u64(&im->columns.v, LEDGER_COL_VALUE, output);
}

/* 0, or the transaction that spent it before. */
static uint32_t output_spend(struct importer *im, uint64_t output, uint32_t txnum)
{
	struct batch *b = &im->batch;
	uint32_t before = 0;

	if (output < b->at.output_n)
		return columns_spend(&im->columns, output, txnum);
	if (__atomic_compare_exchange_n(&b->out_spender_le[output - b->at.output_n], &before,
					htole32(txnum), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return 0;
	return le32toh(before);
}

static int input_spend(struct importer *im, const struct batch_block *blk, uint32_t i,
		       uint32_t txnum, uint64_t output, uint64_t *sum, struct err *e)
{
	const struct batch_in *in = &im->batch.in[i];
	char txid[HASH_TEXT_MAX];

	if (output_spend(im, output, txnum) != 0)
		return import_corrupt(im, blk->node, e, "spends %s:%" PRIu32 " a second time",
				      hash_text(in->prev32, txid), in->prev_n);
	if (__builtin_add_overflow(*sum, import_out_value(im, output), sum) || *sum > SAT_MAX)
		return import_corrupt(im, blk->node, e, "transaction %" PRIu64 " spends too much",
				      txnum - im->batch.at.tx_n - blk->first_tx);
	return 0;
}

static uint64_t out_sum(const struct batch *b, uint32_t tx)
{
	uint64_t sum = 0; /* decoding has bounded it */

	for (uint32_t o = b->tx_first_out[tx]; o < b->tx_first_out[tx + 1]; o++)
		sum += le64toh(b->out_value_le[o]);
	return sum;
}

/* Spenders and amounts of one transaction, whose outputs are resolved; mix is the sum of out-spender over the batch's own. */
static int tx_spend(struct importer *im, const struct batch_block *blk, uint32_t tx, uint64_t *mix,
		    struct err *e)
{
	struct batch *b = &im->batch;
	uint32_t txnum = (uint32_t)(b->at.tx_n + tx);
	uint64_t sum = 0;
	bool known = true;
	int r;

	for (uint32_t i = b->tx_first_in[tx]; i < b->tx_first_in[tx + 1]; i++) {
		uint64_t o = ledger_load40(b->in_out40 + (uint64_t)i * 5);

		if (i + AHEAD < blk->first_in + blk->in_n)
			output_prefetch(im, ledger_load40(b->in_out40 + (uint64_t)(i + AHEAD) * 5));
		if (o >= LEDGER_FOREIGN_BASE) {
			known = false;
			continue;
		}
		r = input_spend(im, blk, i, txnum, o, &sum, e);
		if (r < 0)
			return r;
		if (o >= b->at.output_n)
			*mix += ledger_spender_mix(o, txnum);
	}
	if (known && batch_in_n(b, tx) && sum < out_sum(b, tx))
		return import_corrupt(im, blk->node, e,
				      "transaction %" PRIu32 " pays out more than it spends",
				      tx - blk->first_tx);
	return 0;
}

static int check_block(void *arg, unsigned worker, uint64_t task, struct err *e)
{
	struct importer *im = arg;
	struct batch *b = &im->batch;
	const struct batch_block *blk = &b->blocks[task];
	uint32_t in_end = blk->first_in + blk->in_n, tx_end = blk->first_tx + blk->tx_n;
	uint64_t mix = 0, o = 0;
	int r = 0;

	(void)worker;
	import_trim_memory(im);
	for (uint32_t tx = blk->first_tx; r == 0 && tx < tx_end; tx++)
		for (uint32_t i = b->tx_first_in[tx]; r == 0 && i < b->tx_first_in[tx + 1]; i++) {
			if (i + AHEAD < in_end)
				tx_prefetch(im, b->in_tx[i + AHEAD]);
			r = input_resolve(im, blk, i, (uint32_t)(b->at.tx_n + tx), &o, e);
			if (r == 0)
				ledger_store40(b->in_out40 + (uint64_t)i * 5, o);
		}
	for (uint32_t tx = blk->first_tx; r == 0 && tx < tx_end; tx++)
		r = tx_spend(im, blk, tx, &mix, e);
	atomic_fetch_add(&im->columns.spender_sum, mix);
	return r;
}

/* ---- repeated transactions ---- */

static uint32_t spender_of(const struct importer *im, uint64_t output)
{
	const struct batch *b = &im->batch;

	return output >= b->at.output_n ? le32toh(b->out_spender_le[output - b->at.output_n])
					: view_u32(&im->columns.v, LEDGER_COL_OUT_SPENDER, output);
}

/* Before BIP 30 a coinbase could repeat an earlier one, whose unspent outputs are then out of reach. All spends of the
 * batch are noted; those behind the repeat are of its own outputs, so what is unspent was so when the repeat came. */
static int repeat_apply(struct importer *im, uint32_t tx, struct err *e)
{
	struct batch *b = &im->batch;
	const struct batch_block *blk = batch_block_of(b, tx);
	uint32_t txnum = (uint32_t)(b->at.tx_n + tx);
	uint32_t earlier = import_find_tx(im, b->txid[tx], txnum);
	uint64_t o, end;

	if (earlier == BATCH_SEARCH)
		return 0; /* only fingerprints were equal */
	if (earlier >= b->at.tx_n + blk->first_tx)
		return import_corrupt(im, blk->node, e, "transaction %" PRIu32 " is in it twice",
				      tx - blk->first_tx);
	end = first_out_of(im, earlier + 1);
	for (o = first_out_of(im, earlier); o < end; o++) {
		if (spender_of(im, o) != 0)
			continue;
		if (batch_in_n(b, tx) != 0)
			return import_corrupt(im, blk->node, e,
					      "transaction %" PRIu32
					      " repeats an earlier one that is not all spent",
					      tx - blk->first_tx);
		(void)output_spend(im, o, txnum);
		if (o >= b->at.output_n)
			atomic_fetch_add(&im->columns.spender_sum, ledger_spender_mix(o, txnum));
	}
	return 0;
}

static int row_ascending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int repeats_apply(struct importer *im, struct err *e)
{
	struct batch *b = &im->batch;
	int r = 0;

	if (b->repeat_n)
		qsort(b->repeats, b->repeat_n, sizeof(*b->repeats), row_ascending);
	for (uint32_t i = 0; r == 0 && i < b->repeat_n; i++)
		r = repeat_apply(im, b->repeats[i], e);
	return r;
}

int import_link(struct importer *im, struct err *e)
{
	int r = join_all(im, e);

	if (r == 0)
		r = parallel_run(im->threads, im->batch.block_n, check_block, im, e);
	return r < 0 ? r : repeats_apply(im, e);
}
