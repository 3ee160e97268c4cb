/* SPDX-License-Identifier: Apache-2.0
 * The list: what a user adds, removes and looks at; rows only, no watcher needed.
 *
 * Invariants of the tables:
 *  1. watch_block has the blocks that were scanned, without a gap up to the highest.
 *  2. A row of watch_taint with height >= 0 was made by a block of watch_block or before the first of these; one with height -1 by an
 *     unconfirmed transaction, and these are made anew after each block.
 *  3. An output is live when live = 1 and spent_h = -1.
 *  4. watch_alert has one row for (item, kind, txid, position); changed is unique and grows. */
#include "watch/watch-int.h"
#include <string.h>

static const struct store_migration steps[] = {
	{1, "items, taint, alerts",
	 "CREATE TABLE watch_meta (name TEXT NOT NULL PRIMARY KEY, value BYTEA NOT NULL);"
	 "CREATE TABLE watch_item (id BIGINT NOT NULL PRIMARY KEY, kind BIGINT NOT NULL, policy BIGINT NOT NULL,"
	 " flags BIGINT NOT NULL, added_s BIGINT NOT NULL, note TEXT NOT NULL);"
	 "CREATE TABLE watch_address (address BYTEA NOT NULL, item BIGINT NOT NULL, PRIMARY KEY (address, item));"
	 "CREATE INDEX watch_address_item ON watch_address (item);"
	 "CREATE TABLE watch_seed (item BIGINT NOT NULL, txid BYTEA NOT NULL, position BIGINT NOT NULL,"
	 " placed_h BIGINT NOT NULL, PRIMARY KEY (item, txid, position));"
	 "CREATE TABLE watch_taint (id BIGINT NOT NULL PRIMARY KEY, item BIGINT NOT NULL, output BIGINT NOT NULL,"
	 " txid BYTEA NOT NULL, position BIGINT NOT NULL, amount BIGINT NOT NULL, parent BIGINT NOT NULL,"
	 " height BIGINT NOT NULL, spent_h BIGINT NOT NULL, live BIGINT NOT NULL);"
	 "CREATE INDEX watch_taint_item ON watch_taint (item, output);"
	 "CREATE INDEX watch_taint_height ON watch_taint (height);"
	 "CREATE INDEX watch_taint_spent ON watch_taint (spent_h) WHERE spent_h >= 0;"
	 "CREATE TABLE watch_alert (id BIGINT NOT NULL PRIMARY KEY, item BIGINT NOT NULL, kind BIGINT NOT NULL,"
	 " txid BYTEA NOT NULL, position BIGINT NOT NULL, amount BIGINT NOT NULL, state BIGINT NOT NULL,"
	 " height BIGINT NOT NULL, first_s BIGINT NOT NULL, changed_s BIGINT NOT NULL, changed BIGINT NOT NULL,"
	 " path TEXT NOT NULL, UNIQUE (item, kind, txid, position));"
	 "CREATE INDEX watch_alert_changed ON watch_alert (changed);"
	 "CREATE INDEX watch_alert_height ON watch_alert (height) WHERE height >= 0;"
	 "CREATE INDEX watch_alert_txid ON watch_alert (txid);"
	 "CREATE TABLE watch_block (height BIGINT NOT NULL PRIMARY KEY, hash BYTEA NOT NULL);"
	 "CREATE TABLE watch_pending (txid BYTEA NOT NULL PRIMARY KEY, ord BIGINT NOT NULL, seen_s BIGINT NOT NULL,"
	 " tx BYTEA NOT NULL)",
	 "DROP TABLE watch_pending; DROP TABLE watch_block; DROP TABLE watch_alert; DROP TABLE watch_taint;"
	 "DROP TABLE watch_seed; DROP TABLE watch_address; DROP TABLE watch_item; DROP TABLE watch_meta"},
	{2, "notice taken of alerts",
	 "ALTER TABLE watch_alert ADD COLUMN acked_s BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE watch_alert ADD COLUMN acked_by TEXT NOT NULL DEFAULT '';"
	 "CREATE INDEX watch_alert_open ON watch_alert (changed) WHERE acked_s = 0",
	 "DROP INDEX watch_alert_open; ALTER TABLE watch_alert DROP COLUMN acked_by;"
	 "ALTER TABLE watch_alert DROP COLUMN acked_s"},
};

int watch_tables(struct store *s, int64_t now_s, struct err *e)
{
	static const struct store_schema schema = {"watch", steps, ARRAY_LEN(steps)};
	int r = store_migrate(s, &schema, now_s, e);

	return r < 0 ? r : 0;
}

const char *watch_kind_name(enum watch_kind k)
{
	static const char *const names[] = {
		[WATCH_ADDRESS] = "address", [WATCH_TAINT] = "taint", [WATCH_SERVICE] = "service"};
	return names[k];
}

const char *watch_alert_name(enum watch_alert_kind k)
{
	static const char *const names[] = {
		[WATCH_RECEIVED] = "received", [WATCH_SENT] = "sent", [WATCH_TAINTED] = "tainted"};
	return names[k];
}

const char *watch_state_name(enum watch_state s)
{
	static const char *const names[] = {[WATCH_UNCONFIRMED] = "unconfirmed",
					    [WATCH_CONFIRMED] = "confirmed",
					    [WATCH_RETRACTED] = "retracted"};
	return names[s];
}

/* ---- add and remove ---- */

static int add_check(const struct watch_add *a, struct err *e)
{
	if (a->n == 0 || (a->kind == WATCH_TAINT ? !a->seeds : !a->addresses))
		return err_set(e, ERR_INVAL, "item", "nothing to watch");
	if (a->n > WATCH_ENTRIES_MAX)
		return err_set(e, ERR_OVERSIZE, "item", "at most %d entries", WATCH_ENTRIES_MAX);
	if (a->note && strlen(a->note) > WATCH_NOTE_MAX)
		return err_set(e, ERR_OVERSIZE, "note", "at most %d bytes", WATCH_NOTE_MAX);
	if (a->kind != WATCH_TAINT)
		return 0;
	if (a->policy != TRACE_POISON && a->policy != TRACE_HAIRCUT)
		return err_set(e, ERR_INVAL, "policy", "taint is watched by poison or haircut");
	if (a->n > WATCH_SEEDS_MAX)
		return err_set(e, ERR_OVERSIZE, "item", "at most %d seeds", WATCH_SEEDS_MAX);
	return 0;
}

static int by_address(const void *a, const void *b, void *list)
{
	const struct address *p = list;

	return address_cmp(&p[*(const uint32_t *)a], &p[*(const uint32_t *)b]);
}

/* In the order of the table's key, which is many times faster for a long list. */
static int addresses_put(struct store *s, int64_t item, const struct watch_add *a, struct err *e)
{
	_cleanup_(freep) uint32_t *order = malloc(a->n * sizeof(*order));
	uint8_t bytes[ADDRESS_BYTES_MAX];

	if (!order)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	for (size_t i = 0; i < a->n; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, a->n, sizeof(*order), by_address, (void *)(uintptr_t)a->addresses);
	for (size_t i = 0; i < a->n; i++) {
		size_t len = address_bytes(&a->addresses[order[i]], bytes);
		int64_t n = store_exec(s,
				       "INSERT INTO watch_address (address, item) VALUES (?, ?) "
				       "ON CONFLICT DO NOTHING",
				       VALS(val_blob(bytes, len), val_i64(item)), e);

		if (n < 0)
			return (int)n;
	}
	return 0;
}

static int seeds_put(struct store *s, int64_t item, const struct watch_add *a, struct err *e)
{
	for (size_t i = 0; i < a->n; i++) {
		int64_t n = store_exec(s,
				       "INSERT INTO watch_seed (item, txid, position, placed_h) "
				       "VALUES (?, ?, ?, -1) ON CONFLICT DO NOTHING",
				       VALS(val_i64(item), val_blob(a->seeds[i].txid32, 32),
					    val_i64(a->seeds[i].position)),
				       e);
		if (n < 0)
			return (int)n;
	}
	return 0;
}

/* Ids are never used again, so that a watcher sees what is new by its id. */
static int item_put(struct store *s, const struct watch_add *a, int64_t *ret_id, struct err *e)
{
	STORE_ROWS(rows);
	int64_t n, id;
	int r = store_first(s,
			    "SELECT COALESCE(MAX(id), 0) + 1 AS id FROM (SELECT id FROM watch_item "
			    "UNION ALL SELECT item AS id FROM watch_alert) AS known",
			    NO_VALS, &rows, e);

	if (r < 0)
		return r;
	id = row_i64(&rows, "id");
	store_rows_done(&rows);
	n = store_exec(s,
		       "INSERT INTO watch_item (id, kind, policy, flags, added_s, note) VALUES "
		       "(?, ?, ?, ?, ?, ?)",
		       VALS(val_i64(id), val_i64(a->kind), val_i64(a->policy),
			    val_i64(a->alert_services ? FLAG_ALERT_SERVICES : 0), val_i64(a->now_s),
			    val_text(a->note ? a->note : "")),
		       e);
	*ret_id = id;
	return n < 0 ? (int)n : 0;
}

int64_t watch_add(struct store *s, const struct watch_add *a, struct err *e)
{
	STORE_TXN(txn);
	int64_t id = 0;
	int r = add_check(a, e);

	if (r == 0)
		r = store_begin(s, STORE_WRITE, &txn, e);
	if (r == 0)
		r = item_put(s, a, &id, e);
	if (r == 0)
		r = a->kind == WATCH_TAINT ? seeds_put(s, id, a, e) : addresses_put(s, id, a, e);
	if (r == 0)
		r = store_commit(&txn, e);
	return r < 0 ? r : id;
}

int watch_remove(struct store *s, int64_t item, struct err *e)
{
	static const char *const parts[] = {"DELETE FROM watch_address WHERE item = ?",
					    "DELETE FROM watch_seed WHERE item = ?",
					    "DELETE FROM watch_taint WHERE item = ?"};
	STORE_TXN(txn);
	int r = store_begin(s, STORE_WRITE, &txn, e);
	int64_t n;

	if (r < 0)
		return r;
	n = store_exec(s, "DELETE FROM watch_item WHERE id = ?", VALS(val_i64(item)), e);
	if (n == 0)
		return err_set(e, ERR_NOENT, "item", "no item %lld is watched", (long long)item);
	for (size_t i = 0; n >= 0 && i < ARRAY_LEN(parts); i++)
		n = store_exec(s, parts[i], VALS(val_i64(item)), e);
	return n < 0 ? (int)n : store_commit(&txn, e);
}

/* ---- look ---- */

int watch_items(struct store *s, int (*visit)(void *ctx, const struct watch_item *i, struct err *e),
		void *ctx, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(
		s,
		"SELECT id, kind, policy, flags, added_s, note, "
		"(SELECT COUNT(*) FROM watch_address a WHERE a.item = i.id) + "
		"(SELECT COUNT(*) FROM watch_seed s WHERE s.item = i.id) AS n, "
		"(SELECT COUNT(*) FROM watch_taint t WHERE t.item = i.id AND live = 1 AND "
		"spent_h = -1 AND height >= 0) AS live_n, "
		"(SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM watch_taint t WHERE t.item = i.id "
		"AND live = 1 AND spent_h = -1 AND height >= 0) AS live_sum "
		"FROM watch_item i ORDER BY id",
		NO_VALS, &rows, e);

	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		struct watch_item i = {
			.id = row_i64(&rows, "id"),
			.added_s = row_i64(&rows, "added_s"),
			.kind = (enum watch_kind)row_i64(&rows, "kind"),
			.policy = (enum trace_policy)row_i64(&rows, "policy"),
			.alert_services = row_i64(&rows, "flags") & FLAG_ALERT_SERVICES,
			.too_large = row_i64(&rows, "flags") & FLAG_TOO_LARGE,
			.n = row_u64(&rows, "n"),
			.live_n = row_u64(&rows, "live_n"),
			.live_sum = row_u64(&rows, "live_sum"),
			.note = row_text(&rows, "note", NULL),
		};

		r = visit(ctx, &i, e);
	}
	return r < 0 ? r : row_err(&rows, e);
}

#define ALERT_COLUMNS                                                                             \
	"SELECT a.id AS id, item, a.kind AS kind, txid, position, amount, state, height, "        \
	"first_s, changed_s, changed, path, acked_s, acked_by, COALESCE(note, '') AS note, "      \
	"(SELECT COALESCE(MAX(height), 0) FROM watch_block) AS tip FROM watch_alert a LEFT JOIN " \
	"watch_item i ON i.id = a.item WHERE changed > ? AND changed < ? AND acked_s <= ? "
static const char oldest_sql[] = ALERT_COLUMNS "ORDER BY changed LIMIT ?";
static const char newest_sql[] = ALERT_COLUMNS "ORDER BY changed DESC LIMIT ?";
static struct watch_alert alert_of(struct store_rows *rows)
{
	struct watch_alert a = {
		.id = row_i64(rows, "id"),
		.item = row_i64(rows, "item"),
		.changed = row_i64(rows, "changed"),
		.height = row_i64(rows, "height"),
		.kind = (enum watch_alert_kind)row_i64(rows, "kind"),
		.state = (enum watch_state)row_i64(rows, "state"),
		.position = row_i64(rows, "position"),
		.amount = row_u64(rows, "amount"),
		.first_s = row_i64(rows, "first_s"),
		.changed_s = row_i64(rows, "changed_s"),
		.path = row_text(rows, "path", NULL),
		.note = row_text(rows, "note", NULL),
		.acked_s = row_i64(rows, "acked_s"),
		.acked_by = row_text(rows, "acked_by", NULL),
	};

	row_copy(rows, "txid", a.txid32, 32);
	if (a.state == WATCH_CONFIRMED)
		a.confirmations = row_i64(rows, "tip") - a.height + 1;
	return a;
}

int watch_alerts(struct store *s, const struct watch_query *q,
		 int (*visit)(void *ctx, const struct watch_alert *a, struct err *e), void *ctx,
		 struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(s, q->newest_first ? newest_sql : oldest_sql,
			    VALS(val_i64(q->since), val_i64(q->before ? q->before : INT64_MAX),
				 val_i64(q->open ? 0 : INT64_MAX), val_i64(q->max)),
			    &rows, e);

	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		const struct watch_alert a = alert_of(&rows);

		r = visit(ctx, &a, e);
	}
	return r < 0 ? r : row_err(&rows, e);
}

int watch_ack(struct store *s, int64_t alert, const char *who, int64_t now_s, struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(s, STORE_WRITE, &txn, e);

	if (r < 0)
		return r;
	int64_t n = store_exec(s,
			       "UPDATE watch_alert SET acked_s = CASE WHEN acked_s = 0 THEN ? ELSE "
			       "acked_s END, acked_by = CASE WHEN acked_s = 0 THEN ? ELSE acked_by "
			       "END WHERE id = ?",
			       VALS(val_i64(now_s), val_text(who), val_i64(alert)), e);
	if (n == 0)
		return err_set(e, ERR_NOENT, "alert", "there is no alert %lld", (long long)alert);
	return n < 0 ? (int)n : store_commit(&txn, e);
}

int watch_changes(struct store *s, int64_t *ret_changed, int64_t *ret_open, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		s,
		"SELECT (SELECT COALESCE(MAX(changed), 0) FROM watch_alert) AS changed, "
		"(SELECT COUNT(*) FROM watch_alert WHERE acked_s = 0) AS open_n",
		NO_VALS, &rows, e);

	if (r < 0)
		return r;
	*ret_changed = row_i64(&rows, "changed");
	*ret_open = row_i64(&rows, "open_n");
	return row_err(&rows, e);
}
