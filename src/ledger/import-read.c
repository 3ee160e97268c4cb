/* SPDX-License-Identifier: Apache-2.0
 * First step of a batch: blocks into arrays.
 *
 * Each thread takes the next block, reads and decodes it; then it waits for its turn, in which it gets its row numbers, so that
 * they are those of the chain; the costly rest (hashes, fingerprints, scripts) needs no order, since every row has its place. When
 * a block finds the batch full, it and those behind it are left for the next one.
 * A block is checked here as far as it can be by itself: form, hash, merkle root, coinbase first. */
#include "base/cleanup.h"
#include "chain/address.h"
#include "chain/block.h"
#include "crypto/crypto.h"
#include "ledger/import-int.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>

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

/* The decoded transactions of the block at a thread. */
struct worker_txs {
	struct tx *txs;
	uint32_t cap;
};

struct reading {
	struct importer *im;
	const struct import_source *src;
	struct worker_txs worker[PARALLEL_THREADS_MAX];
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t turned;
	uint64_t turn; /* the block whose turn it is */
	bool full;     /* the batch takes no more: it has what fits, or a block failed */
};

static int txs_room(struct worker_txs *w, uint32_t n)
{
	struct tx *p;

	if (n <= w->cap)
		return 0;
	p = reallocarray(w->txs, (size_t)n + n / 2, sizeof(*p));
	if (!p)
		return -ERR_NOMEM;
	w->txs = p;
	w->cap = n + n / 2;
	return 0;
}

static int txs_decode(const struct reading *rd, struct worker_txs *w, const uint8_t *p,
		      struct batch_block *b, struct err *e)
{
	const struct importer *im = rd->im;
	struct block_reader r;
	struct tx t;
	int code;

	code = block_open(&r, p, b->node->size, block_flags(network_net(im->network)));
	if (code < 0)
		return import_corrupt(im, b->node, e, "%s", err_sentence(code));
	while ((code = block_next(&r, &t)) > 0) {
		if (t.in_n > LEDGER_TX_ROWS_MAX || t.out_n > LEDGER_TX_ROWS_MAX)
			return import_corrupt(im, b->node, e,
					      "transaction %" PRIu32
					      " has more than %d inputs or outputs",
					      b->tx_n, LEDGER_TX_ROWS_MAX);
		if (txs_room(w, b->tx_n + 1) < 0)
			return err_set(e, ERR_NOMEM, NULL, NULL);
		w->txs[b->tx_n++] = t;
		b->in_n += t.coinbase ? 0 : t.in_n;
		b->out_n += t.out_n;
	}
	if (code < 0)
		return import_corrupt(im, b->node, e, "transaction %" PRIu32 ": %s", b->tx_n,
				      err_sentence(code));
	memcpy(b->header80, p, BLOCK_HEADER_LEN);
	return 0;
}

/* ---- the turn ---- */

static int ids_left(const struct importer *im, const struct batch_block *b, struct err *e)
{
	const struct batch *x = &im->batch;
	const struct ledger_counts *c = &x->at;

	if (c->tx_n + x->tx_n + b->tx_n < UINT32_MAX &&
	    c->output_n + x->out_n + b->out_n < LEDGER_FOREIGN_BASE &&
	    c->input_n + x->in_n + b->in_n < LEDGER_FOREIGN_BASE)
		return 0;
	return err_set(e, ERR_RANGE, "ledger",
		       "more transactions or outputs than the format's ids can number");
}

/* 1: the block has its rows; 0: it is not in this batch. */
static int place(struct reading *rd, struct batch_block *b, struct err *e)
{
	struct batch *x = &rd->im->batch;
	int r;

	if (x->block_n > 0 && x->block_bytes >= rd->src->bytes_max)
		return 0;
	r = ids_left(rd->im, b, e);
	if (r < 0)
		return r;
	r = batch_fits(x, b->tx_n, b->in_n, b->out_n);
	if (r <= 0)
		return r < 0 ? err_set(e, r, NULL, NULL) : 0;
	b->first_tx = x->tx_n;
	b->first_in = x->in_n;
	b->first_out = x->out_n;
	x->tx_n += b->tx_n;
	x->in_n += b->in_n;
	x->out_n += b->out_n;
	x->block_bytes += b->node->size;
	x->blocks[x->block_n++] = *b;
	rd->full = rd->src->placed && rd->src->placed(rd->src->arg, b);
	return 1;
}

/* Wait for the blocks before this one; then 1 when it has its rows, -ERR_AGAIN when the batch ended before it, whatever was wrong
 * with it. Once the batch is full nobody waits, for nobody comes in. */
static int take_turn(struct reading *rd, uint64_t i, int r, struct batch_block *b, struct err *e)
{
	pthread_mutex_lock(&rd->lock);
	while (rd->turn != i && !rd->full)
		pthread_cond_wait(&rd->turned, &rd->lock);
	if (rd->full)
		r = -ERR_AGAIN;
	else if (r == 0)
		r = place(rd, b, e);
	if (r == 0)
		r = -ERR_AGAIN;
	if (r < 0)
		rd->full = true;
	rd->turn = i + 1;
	pthread_cond_broadcast(&rd->turned);
	pthread_mutex_unlock(&rd->lock);
	return r;
}

/* ---- rows ---- */

static void ins_fill(struct importer *im, const struct tx *t, uint32_t at)
{
	struct batch *x = &im->batch;
	struct tx_iter it = tx_ins(t);

	for (struct txin in; txin_next(&it, &in); at++) {
		memcpy(x->in[at].prev32, in.prev32, 32);
		x->in[at].prev_n = in.prev_n;
		x->in_print[at] = ledger_fingerprint(im->key16, in.prev32);
	}
}

static void outs_fill(struct importer *im, const struct tx *t, uint32_t at)
{
	struct batch *x = &im->batch;
	struct tx_iter it = tx_outs(t);

	for (struct txout out; txout_next(&it, &out); at++) {
		struct batch_identity *id = &x->identity[at];
		struct address a;

		x->out_value_le[at] = htole64(out.value.v);
		x->out_spender_le[at] = 0;
		ledger_identity(network_net(im->network), out.script, out.script_len, &a);
		id->kind = a.kind;
		id->len = a.len;
		memcpy(id->payload, a.payload, sizeof(id->payload));
		x->out_ref[at] = a.kind == ADDRESS_NONE ? RADIX_PASS : at;
		x->out_address_le[at] = 0;
		if (a.kind != ADDRESS_NONE)
			x->out_print[at] =
				ledger_fingerprint_address(im->key16, a.kind, a.payload, a.len);
	}
}

static int rows_fill(struct importer *im, const struct tx *txs, const uint8_t *p,
		     const struct batch_block *b, struct err *e)
{
	struct batch *x = &im->batch;
	uint32_t in = b->first_in, out = b->first_out;
	uint8_t root32[32];
	struct merkle m;

	merkle_init(&m);
	for (uint32_t i = 0; i < b->tx_n; i++) {
		const struct tx *t = &txs[i];
		uint32_t row = b->first_tx + i;

		tx_id(t, x->txid[row]);
		merkle_add(&m, x->txid[row]);
		x->tx_print[row] = ledger_fingerprint(im->key16, x->txid[row]);
		x->tx_pos_le[row] = htole32((uint32_t)(t->p - p));
		if (!t->coinbase)
			ins_fill(im, t, in);
		outs_fill(im, t, out);
		in += t->coinbase ? 0 : t->in_n;
		out += t->out_n;
		/* the end of this one is the first row of the next */
		x->tx_first_in[row + 1] = in;
		x->tx_first_out[row + 1] = out;
	}
	if (!merkle_root(&m, root32) ||
	    memcmp(root32, block_header_decode(b->header80).merkle32, 32) != 0)
		return import_corrupt(im, b->node, e,
				      "its transactions do not give the header's merkle root");
	return 0;
}

static int read_block(void *arg, unsigned worker, uint64_t i, struct err *e)
{
	struct reading *rd = arg;
	struct worker_txs *w = &rd->worker[worker];
	struct batch_block b = {0};
	uint8_t hash32[32];
	const uint8_t *p;
	bool done;
	int r;

	pthread_mutex_lock(&rd->lock);
	done = rd->full;
	pthread_mutex_unlock(&rd->lock);
	if (done)
		return -ERR_AGAIN;
	r = rd->src->read(rd->src->arg, worker, i, &b.node, &p, e);
	if (r == 0)
		r = txs_decode(rd, w, p, &b, e);
	r = take_turn(rd, i, r, &b, e);
	if (r < 0)
		return r;
	block_hash(p, hash32);
	if (memcmp(hash32, b.node->hash32, 32) != 0)
		return import_corrupt(rd->im, b.node, e, "the file changed while it was read");
	/* work that takes long is checked here, by all threads; the other when the header is first seen */
	if (rd->im->network->pow == NET_POW_SCRYPT && block_check_header(p, rd->im->network) < 0)
		return import_corrupt(rd->im, b.node, e, "a header without its proof of work");
	return rows_fill(rd->im, w->txs, p, &b, e);
}

int import_read(struct importer *im, const struct import_source *src, struct err *e)
{
	struct reading rd = {.im = im, .src = src};
	int r;

	batch_clear(&im->batch, &im->columns.v.counts);
	im->batch.tx_first_in[0] = im->batch.tx_first_out[0] = 0;
	pthread_mutex_init(&rd.lock, NULL);
	pthread_cond_init(&rd.turned, NULL);
	r = parallel_run(im->threads, im->partial && src->block_n > 1 ? 1 : src->block_n,
			 read_block, &rd, e);
	for (unsigned i = 0; i < im->threads; i++)
		free(rd.worker[i].txs);
	pthread_mutex_destroy(&rd.lock);
	pthread_cond_destroy(&rd.turned);
	return r == -ERR_AGAIN ? 0 : r; /* the first block that did not fit ended the run */
}
