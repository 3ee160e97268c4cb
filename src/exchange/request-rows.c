/* SPDX-License-Identifier: Apache-2.0
 * Tables of requests, and their rows in and out. */
#include "base/time.h"
#include "exchange/request-int.h"

enum { AHEAD_MAX_S = 300 }; /* the tolerance for clocks, as for expiry */

static const struct store_migration steps[] = {
	{
		1,
		"requests, events, clocks, approvals",
		"CREATE TABLE request (id TEXT PRIMARY KEY, side BIGINT NOT NULL, peer TEXT NOT NULL, type TEXT NOT NULL, "
		"class TEXT NOT NULL, state TEXT NOT NULL, case_ref TEXT NOT NULL, body TEXT NOT NULL, hash BYTEA NOT NULL, "
		"author TEXT NOT NULL, message BYTEA, created_at BIGINT NOT NULL, sent_at BIGINT NOT NULL, "
		"delivered_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, question TEXT NOT NULL, paused_by TEXT NOT NULL, "
		"conflict BIGINT NOT NULL, over BIGINT NOT NULL, next_due BIGINT NOT NULL);"
		"CREATE INDEX request_by_due ON request (over, next_due, id);"
		"CREATE INDEX request_by_any_due ON request (next_due, id);"
		"CREATE INDEX request_by_message ON request (message);"
		"CREATE INDEX request_by_author ON request (side, author, created_at);"
		"CREATE INDEX request_by_peer ON request (side, peer, created_at);"
		"CREATE TABLE request_event (id TEXT PRIMARY KEY, request TEXT NOT NULL REFERENCES request (id), n BIGINT NOT NULL, "
		"event TEXT NOT NULL, arrived BIGINT NOT NULL, officer TEXT NOT NULL, at BIGINT NOT NULL, recorded_at BIGINT NOT NULL, "
		"state_from TEXT NOT NULL, state_to TEXT NOT NULL, body TEXT, text TEXT, message BYTEA, delivery TEXT NOT NULL, "
		"audit BIGINT NOT NULL, UNIQUE (request, n));"
		"CREATE INDEX request_event_by_message ON request_event (message);"
		"CREATE TABLE request_clock (request TEXT NOT NULL REFERENCES request (id), kind BIGINT NOT NULL, "
		"started_at BIGINT NOT NULL, due_at BIGINT NOT NULL, local_at BIGINT NOT NULL, next_at BIGINT NOT NULL, "
		"paused_at BIGINT NOT NULL, paused_first BIGINT NOT NULL, stood BIGINT NOT NULL, guess BIGINT NOT NULL, done_at BIGINT NOT NULL, "
		"level BIGINT NOT NULL, PRIMARY KEY (request, kind));"
		"CREATE INDEX request_clock_by_next ON request_clock (next_at);"
		"CREATE TABLE request_approval (request TEXT PRIMARY KEY REFERENCES request (id), hash BYTEA NOT NULL, "
		"proposer TEXT NOT NULL, author TEXT NOT NULL, expires_at BIGINT NOT NULL)",
		"DROP TABLE request_approval; DROP TABLE request_clock; DROP TABLE request_event; DROP TABLE request",
	},
	{
		2,
		"received requests of a peer by time, which each new one is counted against",
		"CREATE INDEX request_by_delivered ON request (side, peer, delivered_at)",
		"DROP INDEX request_by_delivered",
	},
	{
		3,
		"requests that wait for people, which the duty desk looks at every second",
		"CREATE INDEX request_by_wait ON request (class, id) WHERE over = 0 AND state IN ('SENT', 'DELIVERED', 'ACKNOWLEDGED')",
		"DROP INDEX request_by_wait",
	},
	{
		4,
		"own steps that came back before the request that they are about",
		"CREATE TABLE request_early (request TEXT NOT NULL, n BIGINT NOT NULL, officer TEXT NOT NULL, body TEXT NOT NULL, "
		"message BYTEA NOT NULL, PRIMARY KEY (request, n))",
		"DROP TABLE request_early",
	},
	{
		5,
		"the pause is computed from the steps",
		"ALTER TABLE request DROP COLUMN paused_by; ALTER TABLE request_clock DROP COLUMN paused_first; "
		"ALTER TABLE request_clock DROP COLUMN guess",
		"ALTER TABLE request_clock ADD COLUMN guess BIGINT NOT NULL DEFAULT 0; "
		"ALTER TABLE request_clock ADD COLUMN paused_first BIGINT NOT NULL DEFAULT 0; "
		"ALTER TABLE request ADD COLUMN paused_by TEXT NOT NULL DEFAULT ''",
	},
	{
		6,
		"requests about an earlier one, tombstones, legal holds",
		"ALTER TABLE request ADD COLUMN earlier TEXT NOT NULL DEFAULT '';"
		"ALTER TABLE request ADD COLUMN erased_at BIGINT NOT NULL DEFAULT 0;"
		"CREATE INDEX request_by_earlier ON request (earlier) WHERE earlier <> '';"
		"CREATE TABLE request_hold (request TEXT PRIMARY KEY REFERENCES request (id), officer TEXT NOT NULL, "
		"reason TEXT NOT NULL, since BIGINT NOT NULL)",
		"DROP TABLE request_hold; DROP INDEX request_by_earlier; ALTER TABLE request DROP COLUMN erased_at; "
		"ALTER TABLE request DROP COLUMN earlier",
	},
	{
		7,
		"what is over, by the time since when",
		"CREATE INDEX request_by_end ON request (class, changed_at) WHERE over = 1 AND erased_at = 0",
		"DROP INDEX request_by_end",
	},
	{
		8,
		"requests of one state, of which a million may be over",
		"CREATE INDEX request_by_state ON request (state, next_due, id)",
		"DROP INDEX request_by_state",
	},
	{
		9,
		"who may see a request, in its list too",
		"ALTER TABLE request ADD COLUMN marking TEXT NOT NULL DEFAULT '';"
		"ALTER TABLE request ADD COLUMN handling TEXT NOT NULL DEFAULT '';"
		"CREATE INDEX request_unmarked ON request (id) WHERE marking = ''",
		"DROP INDEX request_unmarked; ALTER TABLE request DROP COLUMN marking; ALTER TABLE request DROP COLUMN handling",
	},
};

const struct store_schema *request_schema(void)
{
	static const struct store_schema schema = {"request", steps, ARRAY_LEN(steps)};

	return &schema;
}

int64_t request_wall_s(const struct requests *q)
{
	return q->env->wall_ms(q->env->ctx) / 1000;
}

int64_t request_steady_s(const struct requests *q)
{
	return clock_steady(&q->clock, q->env->wall_ms(q->env->ctx), q->env->mono_ms(q->env->ctx));
}

int64_t request_claimed(const struct requests *q, int64_t at_s)
{
	int64_t latest_s = request_wall_s(q) + AHEAD_MAX_S;

	return at_s < latest_s ? at_s : latest_s;
}

void request_uuid(const struct requests *q, char out[static REQUEST_ID_LEN + 1])
{
	uint8_t random10[10], id16[16];

	q->env->random(q->env->ctx, random10, sizeof(random10));
	time_uuid7(q->env->wall_ms(q->env->ctx), random10, id16);
	snprintf(out, REQUEST_ID_LEN + 1,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id16[0],
		 id16[1], id16[2], id16[3], id16[4], id16[5], id16[6], id16[7], id16[8], id16[9],
		 id16[10], id16[11], id16[12], id16[13], id16[14], id16[15]);
}

static struct store_val val_message(const struct request_row *r)
{
	return r->has_message ? val_blob(r->message16, sizeof(r->message16)) : val_null();
}

static bool is_over(enum request_state s)
{
	return request_state_row(s)->flags & STATE_FINAL || s == STATE_UNDELIVERABLE;
}

bool row_over(const struct request_row *r)
{
	return is_over(r->state);
}

int row_insert(struct requests *q, const struct request_row *r, const char *body, size_t body_len,
	       const char *case_ref, struct err *e)
{
	static const char sql[] =
		"INSERT INTO request (id, side, peer, type, class, state, case_ref, body, hash, author, message, created_at, sent_at, "
		"delivered_at, changed_at, question, conflict, over, next_due, earlier, marking, handling) "
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, 0, ?, ?, ?, ?)";
	int64_t n = store_exec(
		q->s, sql,
		VALS(val_text(r->id), val_i64(r->side), val_text(r->peer),
		     val_text(request_type_row(r->type)->text),
		     val_text(request_class_row(r->class)->text),
		     val_text(request_state_row(r->state)->text), val_text(case_ref),
		     val_textn(body, body_len), val_blob(r->hash32, sizeof(r->hash32)),
		     val_text(r->author), val_message(r), val_i64(r->created_s), val_i64(r->sent_s),
		     val_i64(r->delivered_s), val_i64(request_steady_s(q)), val_i64(CLOCK_NEVER),
		     val_text(r->earlier), val_text(r->marking), val_text(r->handling)),
		e);

	return n < 0 ? (int)n : 0;
}

static void copy_text(struct store_rows *rows, const char *column, char *out, size_t out_len)
{
	snprintf(out, out_len, "%s", row_text(rows, column, NULL));
}

static int row_read(struct store_rows *rows, struct request_row *ret, struct err *e)
{
	*ret = (struct request_row){
		.side = row_i64(rows, "side") ? SIDE_RECEIVER : SIDE_ORIGIN,
		.created_s = row_i64(rows, "created_at"),
		.sent_s = row_i64(rows, "sent_at"),
		.delivered_s = row_i64(rows, "delivered_at"),
		.erased_s = row_i64(rows, "erased_at"),
		.conflict = row_i64(rows, "conflict"),
		.has_message = !row_null(rows, "message"),
	};
	copy_text(rows, "id", ret->id, sizeof(ret->id));
	copy_text(rows, "peer", ret->peer, sizeof(ret->peer));
	copy_text(rows, "author", ret->author, sizeof(ret->author));
	copy_text(rows, "marking", ret->marking, sizeof(ret->marking));
	copy_text(rows, "handling", ret->handling, sizeof(ret->handling));
	copy_text(rows, "question", ret->question, sizeof(ret->question));
	copy_text(rows, "earlier", ret->earlier, sizeof(ret->earlier));
	row_copy(rows, "hash", ret->hash32, sizeof(ret->hash32));
	if (ret->has_message)
		row_copy(rows, "message", ret->message16, sizeof(ret->message16));
	if (request_type_parse(row_text(rows, "type", NULL), &ret->type) < 0 ||
	    request_class_parse(row_text(rows, "class", NULL), &ret->class) < 0 ||
	    request_state_parse(row_text(rows, "state", NULL), &ret->state) < 0)
		return err_set(e, ERR_CORRUPT, "request",
			       "row %s has a type, class or state that this program does not know",
			       ret->id);
	return row_err(rows, e);
}

#define ROW_COLUMNS                                                                                                       \
	"SELECT id, side, peer, type, class, state, hash, author, message, created_at, sent_at, delivered_at, question, " \
	"conflict, earlier, erased_at, marking, handling FROM request "

int row_load(struct requests *q, const char *id, struct request_row *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(q->s, ROW_COLUMNS "WHERE id = ?", VALS(val_text(id)), &rows, e);

	if (r == 0)
		return err_set(e, ERR_NOENT, "id", "no request %s here", id);
	return r < 0 ? r : row_read(&rows, ret, e);
}

int row_load_by_message(struct requests *q, enum request_side side, const uint8_t id16[static 16],
			const char *peer, struct request_row *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(q->s, ROW_COLUMNS "WHERE message = ? AND side = ? AND peer = ?",
			    VALS(val_blob(id16, 16), val_i64(side), val_text(peer)), &rows, e);

	if (r <= 0)
		return r;
	r = row_read(&rows, ret, e);
	return r < 0 ? r : 1;
}

int row_update(struct requests *q, const struct request_row *r, struct err *e)
{
	static const char sql[] =
		"UPDATE request SET state = ?, message = ?, sent_at = ?, delivered_at = ?, changed_at = ?, question = ?, "
		"conflict = ?, over = ? WHERE id = ?";
	int64_t n =
		store_exec(q->s, sql,
			   VALS(val_text(request_state_row(r->state)->text), val_message(r),
				val_i64(r->sent_s), val_i64(r->delivered_s),
				val_i64(request_steady_s(q)), val_text(r->question),
				val_i64(r->conflict), val_i64(is_over(r->state)), val_text(r->id)),
			   e);

	return n < 0 ? (int)n : row_due(q, r->id, e);
}

int row_due(struct requests *q, const char *id, struct err *e)
{
	static const char sql[] =
		"UPDATE request SET next_due = COALESCE((SELECT MIN(c.local_at) FROM request_clock c WHERE c.request = ? "
		"AND c.done_at = 0 AND c.paused_at = 0), ?) WHERE id = ?";
	int64_t n =
		store_exec(q->s, sql, VALS(val_text(id), val_i64(CLOCK_NEVER), val_text(id)), e);

	return n < 0 ? (int)n : 0;
}

int row_doc(struct requests *q, const char *id, struct request_doc *ret, struct err *e)
{
	STORE_ROWS(rows);
	size_t len;
	const char *body;
	int r = store_first(q->s, "SELECT body FROM request WHERE id = ?", VALS(val_text(id)),
			    &rows, e);

	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_NOENT, "id", "no request %s here", id);
	body = row_text(&rows, "body", &len);
	r = row_err(&rows, e);
	if (r >= 0 && !len)
		return err_set(e, ERR_ERASED, "id", NULL);
	return r < 0 ? r : request_doc_parse(body, len, NULL, ret, e);
}

/* ---- marking ---- */

void row_mark(struct request_row *r, const struct request_doc *d)
{
	snprintf(r->marking, sizeof(r->marking), "%s", d->marking);
	snprintf(r->handling, sizeof(r->handling), "%s", d->handling);
}

/* The next row without a marking, as every program before step 9 wrote them. One whose part is not understood keeps none, and is
 * shown to nobody. Returns 1 when there was one. */
static int mark_next(struct requests *q, char id[static REQUEST_ID_LEN + 1], struct err *e)
{
	_cleanup_(request_doc_done) struct request_doc d = {0};
	STORE_ROWS(rows);
	int r = store_first(
		q->s, "SELECT id FROM request WHERE marking = '' AND id > ? ORDER BY id LIMIT 1",
		VALS(val_text(id)), &rows, e);

	if (r <= 0)
		return r;
	copy_text(&rows, "id", id, REQUEST_ID_LEN + 1);
	if (row_doc(q, id, &d, NULL) < 0)
		return 1;
	int64_t n = store_exec(q->s, "UPDATE request SET marking = ?, handling = ? WHERE id = ?",
			       VALS(val_text(d.marking), val_text(d.handling), val_text(id)), e);
	return n < 0 ? (int)n : 1;
}

int rows_mark(struct requests *q, struct err *e)
{
	char id[REQUEST_ID_LEN + 1] = "";
	STORE_TXN(txn);
	int r = store_begin(q->s, STORE_WRITE, &txn, e);

	while (r >= 0 && (r = mark_next(q, id, e)) > 0)
		;
	return r < 0 ? r : store_commit(&txn, e);
}
