/* SPDX-License-Identifier: Apache-2.0
 * Alerts: one row a finding, whose state follows the chain; the path is written once, when it is found. */
#include "chain/hash.h"
#include "watch/watch-int.h"
#include <string.h>

enum { HOP_TEXT_MAX = HASH_TEXT_MAX + 12 };

static void hop_text(const uint8_t txid32[static 32], int64_t position, char out[HOP_TEXT_MAX])
{
	char hash[HASH_TEXT_MAX];

	snprintf(out, HOP_TEXT_MAX, "%s:%lld", hash_text(txid32, hash), (long long)position);
}

/* The outpoint of a side; of the ledger's outputs the txid is looked up here, since few are asked for. */
static int side_text(const struct watch *w, const struct side *s, char out[HOP_TEXT_MAX])
{
	struct ledger_output o;
	int r;

	if (s->key >> 63) {
		hop_text(s->txid32, s->position, out);
		return 0;
	}
	r = ledger_output_get(w->ledger, s->key, &o);
	if (r == 0)
		hop_text(o.txid32, o.position, out);
	return r;
}

static int taint_hop(struct watch *w, int64_t *row, char out[HOP_TEXT_MAX], struct err *e)
{
	STORE_ROWS(rows);
	uint8_t txid32[32];
	int r = store_first(w->store, "SELECT txid, position, parent FROM watch_taint WHERE id = ?",
			    VALS(val_i64(*row)), &rows, e);

	*row = 0;
	if (r <= 0)
		return r;
	row_copy(&rows, "txid", txid32, 32);
	hop_text(txid32, row_i64(&rows, "position"), out);
	*row = row_i64(&rows, "parent");
	return 0;
}

static int path_text(struct watch *w, const struct raise *a, char *out, size_t size, struct err *e)
{
	char hops[WATCH_PATH_MAX][HOP_TEXT_MAX];
	int n = 0, r = 0;
	size_t len = 0;

	for (int64_t row = a->taint; r == 0 && row && n < WATCH_PATH_MAX;)
		r = taint_hop(w, &row, hops[n++], e);
	if (!a->taint && a->to)
		r = side_text(w, a->to, hops[n++]);
	if (r == 0 && !a->taint && a->from)
		r = side_text(w, a->from, hops[n++]);
	out[0] = 0;
	while (r == 0 && n-- > 0)
		len += (size_t)snprintf(out + len, size - len, "%s%s", len ? " " : "", hops[n]);
	return r;
}

static int alert_insert(struct watch *w, const struct raise *a, struct err *e)
{
	char path[WATCH_PATH_MAX * HOP_TEXT_MAX];
	int r = path_text(w, a, path, sizeof(path), e);
	int64_t n;

	if (r < 0)
		return r;
	n = store_exec(
		w->store,
		"INSERT INTO watch_alert (id, item, kind, txid, position, amount, state, "
		"height, first_s, changed_s, changed, path) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
		"?, ?, ?)",
		VALS(val_i64(w->next_alert), val_i64(a->item), val_i64(a->kind),
		     val_blob(a->txid32, 32), val_i64(a->position), val_u64(a->amount),
		     val_i64(a->height < 0 ? WATCH_UNCONFIRMED : WATCH_CONFIRMED),
		     val_i64(a->height), val_i64(w->now_s), val_i64(w->now_s),
		     val_i64(w->next_change), val_text(path)),
		e);
	if (n < 0)
		return (int)n;
	w->next_alert++;
	w->next_change++;
	return 1;
}

static int alert_update(struct watch *w, int64_t id, const struct raise *a, struct err *e)
{
	int64_t n = store_exec(
		w->store,
		"UPDATE watch_alert SET amount = ?, state = ?, height = ?, changed_s = ?, changed = "
		"? WHERE id = ?",
		VALS(val_u64(a->amount),
		     val_i64(a->height < 0 ? WATCH_UNCONFIRMED : WATCH_CONFIRMED),
		     val_i64(a->height), val_i64(w->now_s), val_i64(w->next_change), val_i64(id)),
		e);

	if (n < 0)
		return (int)n;
	w->next_change++;
	return 1;
}

int alert_raise(struct watch *w, const struct raise *a, struct err *e)
{
	STORE_ROWS(rows);
	int64_t id, state, height;
	uint64_t amount;
	int r = store_first(w->store,
			    "SELECT id, state, height, amount FROM watch_alert WHERE item = ? AND "
			    "kind = ? AND txid = ? AND position = ?",
			    VALS(val_i64(a->item), val_i64(a->kind), val_blob(a->txid32, 32),
				 val_i64(a->position)),
			    &rows, e);

	if (r < 0)
		return r;
	if (r == 0)
		return alert_insert(w, a, e);
	id = row_i64(&rows, "id");
	state = row_i64(&rows, "state");
	height = row_i64(&rows, "height");
	amount = row_u64(&rows, "amount");
	store_rows_done(&rows);
	if (state == WATCH_CONFIRMED && (a->height < 0 || height == a->height))
		return 0;
	if (state == WATCH_UNCONFIRMED && a->height < 0 && amount == a->amount)
		return 0;
	return alert_update(w, id, a, e);
}

/* Each gets its own number, in the order of their last change. */
static int retract(struct watch *w, const char *sql, const struct store_val *vals, size_t vals_n,
		   struct err *e)
{
	for (;;) {
		STORE_ROWS(rows);
		int64_t n, id;
		int r = store_first(w->store, sql, vals, vals_n, &rows, e);

		if (r <= 0)
			return r;
		id = row_i64(&rows, "id");
		store_rows_done(&rows);
		n = store_exec(w->store,
			       "UPDATE watch_alert SET state = ?, height = -1, changed_s = ?, "
			       "changed = ?, acked_s = 0, acked_by = '' WHERE id = ?",
			       VALS(val_i64(WATCH_RETRACTED), val_i64(w->now_s),
				    val_i64(w->next_change), val_i64(id)),
			       e);
		if (n < 0)
			return (int)n;
		w->next_change++;
	}
}

int alerts_retract(struct watch *w, int64_t above, struct err *e)
{
	return retract(w, "SELECT id FROM watch_alert WHERE height > ? ORDER BY changed LIMIT 1",
		       VALS(val_i64(above < 0 ? -1 : above)), e);
}

int alerts_retract_tx(struct watch *w, const uint8_t txid32[static 32], struct err *e)
{
	return retract(w,
		       "SELECT id FROM watch_alert WHERE txid = ? AND state = ? ORDER BY changed "
		       "LIMIT 1",
		       VALS(val_blob(txid32, 32), val_i64(WATCH_UNCONFIRMED)), e);
}
