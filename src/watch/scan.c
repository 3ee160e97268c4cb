/* SPDX-License-Identifier: Apache-2.0
 * The watcher: load, back to where the ledger agrees, and block after block to its tip. */
#include "base/text.h"
#include "watch/watch-int.h"
#include <stdlib.h>
#include <string.h>

enum { BATCH_BLOCKS = 200 /* in one transaction of the store, while far behind */ };

/* ---- memory from rows ---- */

const struct item *item_find(const struct watch *w, int64_t id)
{
	size_t low = 0, high = w->item_n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (w->items[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < w->item_n && w->items[low].id == id ? &w->items[low] : NULL;
}

/* Room for one more of `size` bytes in an array that doubles at powers of two. */
static void *one_more(void *p, size_t n, size_t size)
{
	return n & (n - 1) ? p : realloc(p, (n ? n * 2 : 1) * size);
}

/* Those above items_loaded. */
static int item_rows(struct watch *w, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(
		w->store, "SELECT id, kind, policy, flags FROM watch_item WHERE id > ? ORDER BY id",
		VALS(val_i64(w->items_loaded)), &rows, e);

	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		struct item *p = one_more(w->items, w->item_n, sizeof(*p));

		if (!p)
			return err_set(e, ERR_NOMEM, NULL, NULL);
		w->items = p;
		w->items[w->item_n++] =
			(struct item){.id = row_i64(&rows, "id"),
				      .kind = (enum watch_kind)row_i64(&rows, "kind"),
				      .policy = (enum trace_policy)row_i64(&rows, "policy"),
				      .flags = (unsigned)row_i64(&rows, "flags")};
	}
	return r;
}

static int print_rows(struct watch *w, struct err *e)
{
	STORE_ROWS(rows);
	bool all = w->items_loaded == 0;
	int r = all ? store_query(w->store, "SELECT address, item FROM watch_address", NO_VALS,
				  &rows, e)
		    : store_query(w->store,
				  "SELECT address, item FROM watch_address WHERE item > ?",
				  VALS(val_i64(w->items_loaded)), &rows, e);

	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		const struct item *item = item_find(w, row_i64(&rows, "item"));
		size_t len;
		const void *p = row_blob(&rows, "address", &len);

		if (item)
			r = prints_add(item->kind == WATCH_SERVICE ? &w->services : &w->watched, p,
				       len);
		if (r < 0)
			return err_set(e, r, NULL, NULL);
	}
	return r;
}

/* Items that are gone: fingerprints may stay, since the store has the last word, but their taint goes on no more. */
static int items_forget(struct watch *w, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(w->store, "SELECT COUNT(*) AS n FROM watch_item WHERE id <= ?",
			    VALS(val_i64(w->items_loaded)), &rows, e);
	int64_t loaded = w->items_loaded;

	if (r < 0 || row_u64(&rows, "n") == w->item_n)
		return r < 0 ? r : 0;
	store_rows_done(&rows);
	w->item_n = 0;
	w->items_loaded = 0;
	r = item_rows(w, e);
	while (w->item_n > 0 && w->items[w->item_n - 1].id > loaded)
		w->item_n--; /* new ones: their addresses come next */
	w->items_loaded = loaded;
	return r < 0 ? r : lives_load(w, e);
}

int items_load(struct watch *w, struct err *e)
{
	size_t before;
	int r = items_forget(w, e);

	before = w->item_n;
	if (r == 0)
		r = item_rows(w, e);
	if (r < 0 || w->item_n == before)
		return r;
	r = print_rows(w, e);
	if (r == 0)
		w->items_loaded = w->items[w->item_n - 1].id;
	return r < 0 ? r : 1;
}

int lives_load(struct watch *w, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(
		w->store,
		"SELECT id, item, output, txid, position, amount FROM watch_taint WHERE "
		"live = 1 AND spent_h = -1 AND height >= 0",
		NO_VALS, &rows, e);

	lives_clear(&w->lives);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		struct live x = {.row = row_i64(&rows, "id"),
				 .item = row_i64(&rows, "item"),
				 .key = row_u64(&rows, "output"),
				 .amount = row_u64(&rows, "amount"),
				 .position = (uint32_t)row_i64(&rows, "position")};

		row_copy(&rows, "txid", x.txid32, 32);
		if (lives_add(&w->lives, &x) < 0)
			return err_set(e, ERR_NOMEM, NULL, NULL);
	}
	return r < 0 ? r : row_err(&rows, e);
}

int seeds_load(struct watch *w, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(
		w->store,
		"SELECT item, txid, position FROM watch_seed WHERE placed_h = -1 ORDER BY "
		"item",
		NO_VALS, &rows, e);

	w->waiting_n = 0;
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		struct seed *p = one_more(w->waiting, w->waiting_n, sizeof(*p));

		if (!p)
			return err_set(e, ERR_NOMEM, NULL, NULL);
		w->waiting = p;
		p[w->waiting_n] = (struct seed){.item = row_i64(&rows, "item"),
						.at.position = row_i64(&rows, "position")};
		row_copy(&rows, "txid", p[w->waiting_n++].at.txid32, 32);
	}
	return r < 0 ? r : row_err(&rows, e);
}

static int counters_load(struct watch *w, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(w->store,
			    "SELECT (SELECT COALESCE(MAX(id), 0) FROM watch_taint) AS row_id, "
			    "(SELECT COALESCE(MAX(id), 0) FROM watch_alert) AS alert, "
			    "(SELECT COALESCE(MAX(changed), 0) FROM watch_alert) AS changed, "
			    "(SELECT COALESCE(MAX(height), -1) FROM watch_block) AS height",
			    NO_VALS, &rows, e);

	if (r < 0)
		return r;
	w->next_row = row_i64(&rows, "row_id") + 1;
	w->next_alert = row_i64(&rows, "alert") + 1;
	w->next_change = row_i64(&rows, "changed") + 1;
	w->height = row_i64(&rows, "height");
	return row_err(&rows, e);
}

int watch_load(struct watch *w, struct err *e)
{
	int r;

	w->item_n = 0;
	w->items_loaded = 0;
	prints_done(&w->watched);
	prints_done(&w->services);
	r = items_load(w, e);
	if (r >= 0)
		r = counters_load(w, e);
	if (r == 0)
		r = lives_load(w, e);
	if (r == 0)
		r = seeds_load(w, e);
	w->stale = r < 0;
	return r;
}

int watch_open(struct store *s, const struct watch_env *env, const uint8_t key16[static 16],
	       struct watch **ret_w, struct err *e)
{
	_cleanup_(watch_closep) struct watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	w->store = s;
	w->env = env;
	memcpy(w->watched.key16, key16, 16);
	memcpy(w->services.key16, key16, 16);
	r = watch_load(w, e);
	if (r == 0)
		*ret_w = TAKE_PTR(w);
	return r;
}

struct watch *watch_close(struct watch *w)
{
	if (!w)
		return NULL;
	prints_done(&w->watched);
	prints_done(&w->services);
	lives_done(&w->lives);
	free(w->items);
	free(w->waiting);
	free(w);
	return NULL;
}

size_t watch_memory(const struct watch *w)
{
	return (w->watched.slot_n + w->services.slot_n) * sizeof(uint64_t) +
	       w->lives.cap * (sizeof(struct live) + sizeof(uint32_t)) +
	       w->item_n * sizeof(struct item) + w->waiting_n * sizeof(struct seed);
}

int64_t watch_height(const struct watch *w)
{
	return w->height;
}

/* ---- one block ---- */

int side_of_output(const struct ledger *l, uint64_t output, struct side *ret)
{
	uint32_t address = ledger_out_address(l, output);

	*ret = (struct side){.key = output,
			     .value = ledger_out_value(l, output),
			     .known = ledger_out_known(l, output)};
	return address ? ledger_address_get(l, address, &ret->address) : 0;
}

static int tx_load(const struct ledger *l, uint32_t txnum, struct seen_tx *t)
{
	struct ledger_tx tx;
	int r = ledger_tx_get(l, txnum, &tx);

	if (r == 0)
		r = seen_room(t, tx.in_n, tx.out_n);
	if (r < 0)
		return r;
	memcpy(t->txid32, tx.txid32, 32);
	t->height = tx.height;
	t->first_out = tx.first_out;
	for (uint32_t i = 0; r == 0 && i < tx.in_n; i++)
		r = side_of_output(l, ledger_in_output(l, tx.first_in + i), &t->in[i]);
	for (uint32_t i = 0; r == 0 && i < tx.out_n; i++) {
		r = side_of_output(l, tx.first_out + i, &t->out[i]);
		t->out[i].position = i;
		memcpy(t->out[i].txid32, tx.txid32, 32);
	}
	return r;
}

/* Seeds that waited for this transaction. */
static int seeds_plant(struct watch *w, const struct seen_tx *t, struct err *e)
{
	bool any = false;
	int64_t n = 0;

	for (size_t k = 0; n >= 0 && k < w->waiting_n; k++) {
		const struct seed *s = &w->waiting[k];
		const struct item *item = item_find(w, s->item);

		if (!item || (item->flags & FLAG_TOO_LARGE) ||
		    memcmp(s->at.txid32, t->txid32, 32) != 0)
			continue;
		any = true;
		for (uint32_t i = 0; n >= 0 && i < t->out_n; i++)
			if (s->at.position < 0 || s->at.position == i)
				n = seed_plant(w, s->item, &t->out[i], t->height, e);
		if (n >= 0)
			n = store_exec(
				w->store,
				"UPDATE watch_seed SET placed_h = ? WHERE item = ? AND txid = ?",
				VALS(val_i64(t->height), val_i64(s->item), val_blob(t->txid32, 32)),
				e);
	}
	if (n < 0 || !any)
		return n < 0 ? (int)n : 0;
	return seeds_load(w, e);
}

static int block_scan(struct watch *w, uint32_t height, struct seen_tx *t, struct err *e)
{
	struct ledger_block b;
	int64_t n;
	int r = ledger_block_at(w->ledger, height, &b);

	if (r < 0)
		return err_set(e, r, "ledger", NULL);
	for (uint32_t i = 0; r >= 0 && i < b.tx_n; i++) {
		r = tx_load(w->ledger, b.first_tx + i, t);
		if (r < 0)
			return err_set(e, r, "ledger", NULL);
		r = seen_match(w, t, e);
		if (r >= 0 && w->waiting_n > 0)
			r = seeds_plant(w, t, e);
	}
	if (r < 0)
		return r;
	n = store_exec(w->store, "INSERT INTO watch_block (height, hash) VALUES (?, ?)",
		       VALS(val_i64(height), val_blob(b.hash32, 32)), e);
	if (n < 0)
		return (int)n;
	w->height = height;
	return 0;
}

/* ---- back ---- */

static int stored_hash(struct watch *w, int64_t height, uint8_t ret_hash32[32], struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(w->store, "SELECT hash FROM watch_block WHERE height = ?",
			    VALS(val_i64(height)), &rows, e);

	if (r > 0)
		row_copy(&rows, "hash", ret_hash32, 32);
	return r;
}

/* The last height at which watch and ledger agree; that before the first block scanned when at none. */
static int fork_find(struct watch *w, int64_t *ret_height, struct err *e)
{
	uint8_t hash32[32];
	struct ledger_block b;
	int64_t h = w->height;
	int r;

	for (; (r = stored_hash(w, h, hash32, e)) > 0; h--)
		if (h <= ledger_info(w->ledger)->height &&
		    ledger_block_at(w->ledger, (uint32_t)h, &b) == 0 &&
		    memcmp(b.hash32, hash32, 32) == 0)
			break;
	*ret_height = h;
	return r < 0 ? r : 0;
}

static int go_back(struct watch *w, int64_t height, struct err *e)
{
	static const char *const parts[] = {
		"DELETE FROM watch_taint WHERE height > ?",
		"UPDATE watch_taint SET spent_h = -1 WHERE spent_h > ?",
		"UPDATE watch_seed SET placed_h = -1 WHERE placed_h > ?",
		"DELETE FROM watch_block WHERE height > ?",
	};
	STORE_TXN(txn);
	int r = store_begin(w->store, STORE_WRITE, &txn, e);
	int64_t n = 0;

	if (r == 0)
		r = alerts_retract(w, height, e);
	for (size_t i = 0; r == 0 && n >= 0 && i < ARRAY_LEN(parts); i++)
		n = store_exec(w->store, parts[i], VALS(val_i64(height)), e);
	if (r < 0 || n < 0)
		return r < 0 ? r : (int)n;
	w->height = height;
	r = lives_load(w, e);
	if (r == 0)
		r = seeds_load(w, e);
	return r < 0 ? r : store_commit(&txn, e);
}

/* ---- forward ---- */

static int batch_scan(struct watch *w, uint32_t to, struct err *e)
{
	STORE_TXN(txn);
	_cleanup_(seen_done) struct seen_tx t = {0};
	int r = store_begin(w->store, STORE_WRITE, &txn, e);

	while (r == 0 && w->height < to)
		r = block_scan(w, (uint32_t)(w->height + 1), &t, e);
	return r < 0 ? r : store_commit(&txn, e);
}

/* A watch that is new begins at the ledger's tip; the blocks before are noted, since they may be taken back. */
static int begin_at_tip(struct watch *w, struct err *e)
{
	uint32_t tip = ledger_info(w->ledger)->height, first = ledger_info(w->ledger)->first_height;
	STORE_TXN(txn);
	int r = store_begin(w->store, STORE_WRITE, &txn, e);

	if (tip - first > WATCH_BACK_BLOCKS)
		first = tip - WATCH_BACK_BLOCKS;
	for (uint32_t h = first; r >= 0 && h <= tip; h++) {
		struct ledger_block b;

		r = ledger_block_at(w->ledger, h, &b);
		if (r < 0)
			return err_set(e, r, "ledger", NULL);
		r = (int)store_exec(w->store,
				    "INSERT INTO watch_block (height, hash) VALUES (?, ?)",
				    VALS(val_i64(h), val_blob(b.hash32, 32)), e);
	}
	if (r >= 0)
		r = store_commit(&txn, e);
	w->height = r < 0 ? -1 : (int64_t)tip;
	return r;
}

static int chain_check(struct watch *w, struct err *e)
{
	uint8_t chain4[4];
	STORE_ROWS(rows);
	uint32_t chain_le = htole32(ledger_info(w->ledger)->chain);
	int r = store_first(w->store, "SELECT value FROM watch_meta WHERE name = 'chain'", NO_VALS,
			    &rows, e);

	if (r < 0)
		return r;
	if (r > 0) {
		row_copy(&rows, "value", chain4, 4);
		return memcmp(chain4, &chain_le, 4) == 0
			       ? 0
			       : err_set(e, ERR_NETWORK, "ledger",
					 "this watch belongs to a ledger of another chain");
	}
	store_rows_done(&rows);
	return store_exec(w->store, "INSERT INTO watch_meta (name, value) VALUES ('chain', ?)",
			  VALS(val_blob(&chain_le, 4)), e) < 0
		       ? -ERR_IO
		       : 0;
}

static int past_place(struct watch *w, struct err *e)
{
	STORE_TXN(txn);
	int r = w->waiting_n ? store_begin(w->store, STORE_WRITE, &txn, e) : 0;

	if (r == 0 && w->waiting_n)
		r = seeds_place(w, e);
	return r == 0 && txn.store ? store_commit(&txn, e) : r;
}

/* Everything before the first new block. */
static int prepare(struct watch *w, struct err *e)
{
	int64_t fork = w->height;
	int r = w->stale ? watch_load(w, e) : 0;

	if (r == 0)
		r = chain_check(w, e);
	if (r == 0)
		r = items_load(w, e);
	if (r > 0)
		r = seeds_load(w, e);
	if (r == 0 && w->height >= 0)
		r = fork_find(w, &fork, e);
	if (r == 0 && fork < w->height)
		r = go_back(w, fork, e);
	if (r == 0 && w->height < 0)
		r = begin_at_tip(w, e);
	return r < 0 ? r : past_place(w, e);
}

static int forward(struct watch *w, uint32_t blocks_max, uint32_t *ret_left, struct err *e)
{
	uint32_t tip = ledger_info(w->ledger)->height, done = 0;
	int r = 0;

	while (r == 0 && w->height < tip && (blocks_max == 0 || done < blocks_max)) {
		uint32_t n = tip - (uint32_t)w->height;

		n = n < BATCH_BLOCKS ? n : BATCH_BLOCKS;
		if (blocks_max && n > blocks_max - done)
			n = blocks_max - done;
		r = batch_scan(w, (uint32_t)w->height + n, e);
		done += n;
	}
	*ret_left = tip - (uint32_t)w->height;
	return r;
}

int watch_scan(struct watch *w, const struct ledger *l, int64_t now_s, uint32_t blocks_max,
	       uint32_t *ret_left, struct err *e)
{
	int r;

	w->ledger = l;
	w->now_s = now_s;
	r = prepare(w, e);
	if (r == 0)
		r = forward(w, blocks_max, ret_left, e);
	if (r == 0 && *ret_left == 0)
		r = mempool_settle(w, e);
	w->ledger = NULL;
	w->stale |= r < 0;
	return r;
}
