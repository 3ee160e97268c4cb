/* SPDX-License-Identifier: Apache-2.0
 * Unconfirmed transactions: matched as they come, kept when they raised something, and looked at again after each block. */
#include "chain/script.h"
#include "chain/tx.h"
#include "crypto/crypto.h"
#include "watch/watch-int.h"
#include <string.h>

static uint64_t outpoint_key(const struct watch *w, const uint8_t txid32[static 32], uint32_t n)
{
	uint8_t bytes[36];

	memcpy(bytes, txid32, 32);
	memcpy(bytes + 32, &n, 4);
	return siphash24(w->watched.key16, bytes, sizeof(bytes)) | UINT64_C(1) << 63;
}

/* An output of a transaction that no block holds. */
static void side_of_txout(const struct watch *w, const uint8_t txid32[static 32], uint32_t n,
			  const struct txout *o, struct side *ret)
{
	*ret = (struct side){.key = outpoint_key(w, txid32, n), .position = n};
	memcpy(ret->txid32, txid32, 32);
	if (!o)
		return;
	ret->known = true;
	ret->value = o->value.v;
	(void)script_classify(o->script, o->script_len, &ret->address);
}

static bool parent_output(const uint8_t *p, size_t len, uint32_t n, struct txout *ret)
{
	struct tx_iter it;
	struct tx t;

	if (!p || tx_decode(p, len, 0, &t) < 0 || n >= t.out_n)
		return false;
	it = tx_outs(&t);
	do
		(void)txout_next(&it, ret);
	while (n-- > 0);
	return true;
}

/* What an input spends: from the ledger, from a transaction that was kept here, or from one that the caller knows. */
static int side_of_input(struct watch *w, const struct txin *in, struct side *ret, struct err *e)
{
	STORE_ROWS(rows);
	struct txout o;
	struct ledger_tx tx;
	uint32_t txnum;
	const uint8_t *p;
	size_t len = 0;
	int r = ledger_tx_find(w->ledger, in->prev32, &txnum);

	if (r == 0)
		r = ledger_tx_get(w->ledger, txnum, &tx);
	if (r == 0 && in->prev_n < tx.out_n)
		return side_of_output(w->ledger, tx.first_out + in->prev_n, ret);
	if (r < 0 && r != -ERR_NOENT)
		return err_set(e, r, "ledger", NULL);
	r = store_first(w->store, "SELECT tx FROM watch_pending WHERE txid = ?",
			VALS(val_blob(in->prev32, 32)), &rows, e);
	if (r < 0)
		return r;
	p = r > 0 ? row_blob(&rows, "tx", &len) : NULL;
	if (!p && w->env)
		p = w->env->find(w->env->ctx, in->prev32, &len);
	side_of_txout(w, in->prev32, in->prev_n, parent_output(p, len, in->prev_n, &o) ? &o : NULL,
		      ret);
	return 0;
}

static int seen_load(struct watch *w, const struct tx *tx, struct seen_tx *t, struct err *e)
{
	struct tx_iter ins = tx_ins(tx), outs = tx_outs(tx);
	struct txout o;
	struct txin in;
	int r = seen_room(t, tx->in_n, tx->out_n);

	if (r < 0)
		return err_set(e, r, NULL, NULL);
	tx_id(tx, t->txid32);
	t->height = -1;
	for (uint32_t i = 0; r == 0 && txin_next(&ins, &in); i++)
		r = side_of_input(w, &in, &t->in[i], e);
	for (uint32_t i = 0; r == 0 && txout_next(&outs, &o); i++)
		side_of_txout(w, t->txid32, i, &o, &t->out[i]);
	return r;
}

static int pending_put(struct watch *w, const uint8_t txid32[static 32], const uint8_t *p,
		       size_t len, struct err *e)
{
	int64_t n = store_exec(w->store,
			       "INSERT INTO watch_pending (txid, ord, seen_s, tx) SELECT ?, "
			       "COALESCE(MAX(ord), 0) + 1, ?, ? FROM watch_pending WHERE ord > 0 "
			       "ON CONFLICT (txid) DO NOTHING",
			       VALS(val_blob(txid32, 32), val_i64(w->now_s), val_blob(p, len)), e);

	return n < 0 ? (int)n : 0;
}

static int tx_match(struct watch *w, const struct tx *tx, const uint8_t *p, size_t len,
		    struct err *e)
{
	_cleanup_(seen_done) struct seen_tx t = {0};
	int64_t before = w->next_row;
	STORE_TXN(txn);
	int r, any;

	any = r = seen_load(w, tx, &t, e);
	if (r == 0)
		r = store_begin(w->store, STORE_WRITE, &txn, e);
	if (r == 0)
		any = r = seen_match(w, &t, e);
	if (r > 0)
		r = pending_put(w, t.txid32, p, len, e);
	if (r < 0)
		return r;
	if (any || w->next_row != before) /* what memory holds must be in rows */
		r = store_commit(&txn, e);
	return r < 0 ? r : any;
}

static int is_pending(struct watch *w, const uint8_t txid32[static 32], struct err *e)
{
	STORE_ROWS(rows);

	return store_first(w->store, "SELECT 1 AS yes FROM watch_pending WHERE txid = ?",
			   VALS(val_blob(txid32, 32)), &rows, e);
}

int watch_tx(struct watch *w, const struct ledger *l, const uint8_t *p, size_t len, int64_t now_s,
	     struct err *e)
{
	uint8_t txid32[32];
	uint32_t txnum;
	struct tx tx;
	int r = tx_decode(p, len, 0, &tx);

	if (r < 0)
		return err_set(e, r, "tx", NULL);
	if (w->stale || w->height < 0)
		return 0; /* the next scan loads first */
	tx_id(&tx, txid32);
	if (tx.coinbase || ledger_tx_find(l, txid32, &txnum) == 0)
		return 0;
	r = is_pending(w, txid32, e);
	if (r != 0)
		return r < 0 ? r : 0;
	w->ledger = l;
	w->now_s = now_s;
	r = tx_match(w, &tx, p, len, e);
	w->ledger = NULL;
	w->stale |= r < 0;
	return r;
}

/* ---- after a block ---- */

enum fate { FATE_WAITS, FATE_CONFIRMED, FATE_CONFLICT, FATE_EXPIRED };

static enum fate fate_of(const struct watch *w, const struct tx *tx,
			 const uint8_t txid32[static 32], int64_t seen_s)
{
	struct tx_iter it = tx_ins(tx);
	uint32_t txnum;
	struct txin in;

	if (ledger_tx_find(w->ledger, txid32, &txnum) == 0)
		return FATE_CONFIRMED;
	while (txin_next(&it, &in)) {
		struct ledger_tx prev;

		if (ledger_tx_find(w->ledger, in.prev32, &txnum) == 0 &&
		    ledger_tx_get(w->ledger, txnum, &prev) == 0 && in.prev_n < prev.out_n &&
		    ledger_out_spender(w->ledger, prev.first_out + in.prev_n) != 0)
			return FATE_CONFLICT;
	}
	return w->now_s - seen_s > WATCH_EXPIRE_S ? FATE_EXPIRED : FATE_WAITS;
}

static int pending_settle(struct watch *w, const uint8_t txid32[static 32], const struct tx *tx,
			  int64_t seen_s, struct err *e)
{
	_cleanup_(seen_done) struct seen_tx t = {0};
	int64_t n;
	int r;

	if (fate_of(w, tx, txid32, seen_s) != FATE_WAITS) {
		n = store_exec(w->store, "DELETE FROM watch_pending WHERE txid = ?",
			       VALS(val_blob(txid32, 32)), e);
		return n < 0 ? (int)n : alerts_retract_tx(w, txid32, e);
	}
	r = seen_load(w, tx, &t, e);
	if (r == 0)
		r = seen_match(w, &t, e);
	return r < 0 ? r : 0;
}

static int pending_next(struct watch *w, int64_t *ord, struct err *e)
{
	_cleanup_(freep) uint8_t *copy = NULL;
	STORE_ROWS(rows);
	uint8_t txid32[32];
	const void *p;
	struct tx tx;
	int64_t seen_s;
	size_t len;
	int r = store_first(
		w->store,
		"SELECT txid, ord, seen_s, tx FROM watch_pending WHERE ord > ? ORDER BY "
		"ord LIMIT 1",
		VALS(val_i64(*ord)), &rows, e);

	if (r <= 0)
		return r;
	*ord = row_i64(&rows, "ord");
	seen_s = row_i64(&rows, "seen_s");
	row_copy(&rows, "txid", txid32, 32);
	p = row_blob(&rows, "tx", &len);
	copy = malloc(len + 1);
	if (!copy)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	memcpy(copy, p, len);
	store_rows_done(&rows);
	if (tx_decode(copy, len, 0, &tx) < 0)
		return err_set(e, ERR_CORRUPT, "watch_pending", NULL);
	r = pending_settle(w, txid32, &tx, seen_s, e);
	return r < 0 ? r : 1;
}

static int any_pending(struct watch *w, struct err *e)
{
	STORE_ROWS(rows);

	return store_first(w->store, "SELECT 1 AS yes FROM watch_pending LIMIT 1", NO_VALS, &rows,
			   e);
}

int mempool_settle(struct watch *w, struct err *e)
{
	STORE_TXN(txn);
	int64_t ord = 0, n;
	int r = any_pending(w, e);

	if (r <= 0)
		return r;
	r = store_begin(w->store, STORE_WRITE, &txn, e);
	if (r < 0)
		return r;
	n = store_exec(w->store, "DELETE FROM watch_taint WHERE height = -1", NO_VALS, e);
	r = n < 0 ? (int)n : lives_load(w, e);
	while (r >= 0 && (r = pending_next(w, &ord, e)) > 0)
		;
	return r < 0 ? r : store_commit(&txn, e);
}
