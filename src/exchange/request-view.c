/* SPDX-License-Identifier: Apache-2.0
 * Requests as JSON for people and programs: one with everything, and pages of a list. */
#include "base/text.h"
#include "base/time.h"
#include "exchange/request-earlier.h"
#include "exchange/request-erase-int.h"

enum { PAGE_DEFAULT = 50, ID_PREFIX_MIN = 8, SQL_MAX = 1024 };

/* Two values: the officer, twice. Only what was done here counts: names of the peer's officers are theirs. */
#define MEMBER                                                                                                      \
	"CASE WHEN (side = 0 AND author = ?) OR EXISTS (SELECT 1 FROM request_event v WHERE v.request = request.id" \
	" AND v.officer = ? AND v.arrived = 0) THEN 1 ELSE 0 END AS member"

/* json_object_set_new() takes a failed allocation (NULL) for an error, so one flag for all of an object is enough. */
static void put(json_t *o, const char *name, STEALS json_t *v, bool *failed)
{
	if (json_object_set_new(o, name, v) < 0)
		*failed = true;
}

static void put_time(json_t *o, const char *name, int64_t t, bool *failed)
{
	char text[TIME_TEXT_MAX];

	if (t)
		put(o, name, json_string(time_utc(t, text)), failed);
}

static void put_text(json_t *o, const char *name, const char *s, bool *failed)
{
	if (s && *s)
		put(o, name, json_string(s), failed);
}

static json_t *json_hex(const uint8_t *p, size_t len)
{
	char text[2 * 32 + 1];

	hex_encode(p, len, text);
	return json_string(text);
}

/* ---- clocks and flags ---- */

static const char *clock_state(const struct clock_row *c, int64_t now_s)
{
	if (c->done_s)
		return c->done_s <= c->due_s ? "met" : "missed";
	if (c->paused_s)
		return "paused";
	return now_s > c->local_s ? "overdue" : "running";
}

static json_t *clocks_json(const struct clock_row *clocks, int n, int64_t now_s)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	bool failed = !list;

	for (int i = 0; i < n && !failed; i++) {
		const struct clock_row *c = &clocks[i];
		json_t *o = json_pack("{s:s, s:s, s:i}", "clock", clock_kind_name(c->kind), "state",
				      clock_state(c, now_s), "level", (int)c->level);

		if (!o || json_array_append_new(list, o) < 0)
			return NULL;
		put_time(o, "started_at", c->started_s, &failed);
		put_time(o, "due_at", c->due_s, &failed);
		put_time(o, "paused_at", c->paused_s, &failed);
		put_time(o, "done_at", c->done_s, &failed);
		if (!c->done_s && !c->paused_s)
			put(o, "remaining_s", json_integer(c->local_s - now_s), &failed);
	}
	return failed ? NULL : TAKE_PTR(list);
}

static json_t *flags_json(const struct request_row *row, const struct clock_row *clocks, int n,
			  int64_t now_s)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	bool failed = !list, overdue = false, paused = false;
	unsigned level = 0;

	for (int i = 0; i < n; i++) {
		const struct clock_row *c = &clocks[i];

		if (c->done_s || c->kind > CLOCK_ANSWER)
			continue;
		overdue |= !c->paused_s && now_s > c->local_s;
		paused |= c->paused_s != 0;
		if (c->kind != CLOCK_RECEIPT && c->level > level)
			level = c->level;
	}
	if (overdue)
		failed |= json_array_append_new(list, json_string("OVERDUE")) < 0;
	if (level)
		failed |= json_array_append_new(list, json_sprintf("ESCALATED(%u)", level)) < 0;
	if (paused)
		failed |= json_array_append_new(list, json_string("PAUSED")) < 0;
	if (row->conflict)
		failed |= json_array_append_new(list, json_string("STEP-REFUSED")) < 0;
	return failed ? NULL : TAKE_PTR(list);
}

/* ---- one request ---- */

static int event_json(struct store_rows *rows, json_t **ret)
{
	_cleanup_(json_decrefp) json_t *o = json_object();
	size_t body_len;
	bool failed = !o, message = !row_null(rows, "message");

	put(o, "n", json_integer(row_i64(rows, "n")), &failed);
	put_text(o, "id", row_text(rows, "id", NULL), &failed);
	put_text(o, "event", row_text(rows, "event", NULL), &failed);
	put(o, "arrived", json_boolean(row_i64(rows, "arrived")), &failed);
	put_text(o, "officer", row_text(rows, "officer", NULL), &failed);
	put_time(o, "at", row_i64(rows, "at"), &failed);
	put_time(o, "recorded_at", row_i64(rows, "recorded_at"), &failed);
	put_text(o, "from", row_text(rows, "state_from", NULL), &failed);
	put_text(o, "to", row_text(rows, "state_to", NULL), &failed);
	put_text(o, "text", row_text(rows, "text", NULL), &failed);
	put_text(o, "delivery", row_text(rows, "delivery", NULL), &failed);
	put(o, "audit", json_integer(row_i64(rows, "audit")), &failed);
	if (message)
		put(o, "message", json_hex(row_blob(rows, "message", &body_len), 16), &failed);
	if (!row_null(rows, "body")) {
		const char *body = row_text(rows, "body", &body_len);
		json_t *j;

		if (json_parse(body, body_len, &j, NULL) < 0)
			return -ERR_CORRUPT;
		put(o, "part", j, &failed);
	}
	if (failed)
		return -ERR_NOMEM;
	*ret = TAKE_PTR(o);
	return 0;
}

static int events_json(struct requests *q, const struct request_row *row, json_t **ret,
		       struct err *e)
{
	static const char sql[] =
		"SELECT n, id, event, arrived, officer, at, recorded_at, state_from, state_to, text, delivery, audit, message, "
		"body FROM request_event WHERE request = ? ORDER BY n";
	_cleanup_(json_decrefp) json_t *list = json_array();
	STORE_ROWS(rows);
	int r = store_query(q->s, sql, VALS(val_text(row->id)), &rows, e);

	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		json_t *one = NULL;

		r = event_json(&rows, &one);
		if (r < 0 || json_array_append_new(list, one) < 0)
			return err_set(e, r < 0 ? r : -ERR_NOMEM, "events", NULL);
	}
	if (r < 0 || (r = row_err(&rows, e)) < 0)
		return r;
	*ret = TAKE_PTR(list);
	return 0;
}

static int delivery_json(struct requests *q, const struct request_row *row, json_t **ret,
			 struct err *e)
{
	struct exchange_delivery d;
	_cleanup_(json_decrefp) json_t *o = NULL;
	bool failed = false;
	int r;

	*ret = NULL;
	if (!row->has_message || row->side != SIDE_ORIGIN)
		return 0;
	r = exchange_delivery(q->x, row->message16, row->peer, &d, e);
	if (r <= 0)
		return r == -ERR_NOENT ? 0 : r;
	o = json_pack("{s:s, s:i, s:I, s:I}", "state", exchange_state_name(d.state), "tries",
		      (int)d.tries, "epoch", (json_int_t)d.epoch, "seq", (json_int_t)d.seq);
	if (!o)
		return -ERR_NOMEM;
	put_text(o, "reason", d.reason, &failed);
	put_time(o, "posted_at", d.posted_s, &failed);
	put_time(o, "tried_at", d.tried_s, &failed);
	put_time(o, "stored_at", d.stored_s, &failed);
	put_time(o, "decided_at", d.decided_s, &failed);
	put_time(o, "seen_at", d.seen_s, &failed);
	put_time(o, "acted_at", d.acted_s, &failed);
	if (d.last_error)
		put_text(o, "last_error", err_name(d.last_error), &failed);
	if (failed)
		return -ERR_NOMEM;
	*ret = TAKE_PTR(o);
	return 0;
}

static int approval_json(struct requests *q, const struct request_row *row, json_t **ret,
			 struct err *e)
{
	struct approval a;
	int64_t now_s = request_steady_s(q);
	int r = approval_get(q->s, row->id, &a, e);

	*ret = NULL;
	if (r <= 0)
		return r;
	*ret = json_pack("{s:s, s:s, s:I, s:o}", "proposer", a.proposer, "author", a.author,
			 "remaining_s", (json_int_t)(a.expires_s - now_s), "content_sha256",
			 json_hex(a.hash32, sizeof(a.hash32)));
	return *ret ? 0 : -ERR_NOMEM;
}

/* What the table and this person's roles allow next. */
static json_t *may_json(const struct actor *a, const struct request_row *row)
{
	_cleanup_(json_decrefp) json_t *list = json_array();

	for (unsigned v = 0; v < EVENT_N && !row->erased_s; v++) {
		const struct request_event_row *event = request_event_row(v);
		const struct request_step s = {.from = row->state,
					       .event = v,
					       .type = row->type,
					       .class = row->class,
					       .current = true};
		enum request_state to;

		if (event->side != row->side || !request_event_by_person(v) ||
		    !request_may(a->roles, event->action) || request_move(&s, &to) < 0)
			continue;
		if (!list || json_array_append_new(list, json_string(event->text)) < 0)
			return NULL;
	}
	return TAKE_PTR(list);
}

static json_t *head_json(struct requests *q, const struct request_row *row,
			 const struct clock_row *clocks, int clocks_n)
{
	_cleanup_(json_decrefp) json_t *o = json_object();
	int64_t now_s = request_steady_s(q);
	bool failed = !o;

	put(o, "id", json_string(row->id), &failed);
	put(o, "direction", json_string(row->side == SIDE_ORIGIN ? "out" : "in"), &failed);
	put(o, "peer", json_string(row->peer), &failed);
	put(o, "type", json_string(request_type_row(row->type)->text), &failed);
	put(o, "class", json_string(request_class_row(row->class)->text), &failed);
	put(o, "state", json_string(request_state_row(row->state)->text), &failed);
	put(o, "flags", flags_json(row, clocks, clocks_n, now_s), &failed);
	put(o, "author", json_string(row->author), &failed);
	put(o, "content_sha256", json_hex(row->hash32, sizeof(row->hash32)), &failed);
	if (row->has_message)
		put(o, "message", json_hex(row->message16, sizeof(row->message16)), &failed);
	put_time(o, "created_at", row->created_s, &failed);
	put_time(o, "sent_at", row->sent_s, &failed);
	put_time(o, "delivered_at", row->delivered_s, &failed);
	put_time(o, "erased_at", row->erased_s, &failed);
	put_text(o, "earlier", row->earlier, &failed);
	put(o, "clocks", clocks_json(clocks, clocks_n, now_s), &failed);
	put_time(o, "now", request_wall_s(q), &failed);
	return failed ? NULL : TAKE_PTR(o);
}

static int put_opt(json_t *o, const char *name, STEALS json_t *v)
{
	return v && json_object_set_new(o, name, v) < 0 ? -ERR_NOMEM : 0;
}

/* Members that have rows of their own; one that makes nothing is left out. */
typedef int member(struct requests *q, const struct request_row *row, json_t **ret, struct err *e);
static const struct {
	const char *name;
	member *make;
} members[] = {
	{"hold", hold_json},	     {"about", earlier_json}, {"delivery", delivery_json},
	{"approval", approval_json}, {"events", events_json},
};

static int put_members(struct requests *q, const struct request_row *row, json_t *o, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(members); i++) {
		json_t *v = NULL;

		r = members[i].make(q, row, &v, e);
		if (r >= 0)
			r = put_opt(o, members[i].name, v);
	}
	return r < 0 ? err_set(e, r, NULL, "request %s cannot be shown", row->id) : 0;
}

int request_view(struct requests *q, const struct actor *a, const struct request_row *row,
		 json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *o = NULL;
	_cleanup_(request_doc_done) struct request_doc d = {0};
	struct clock_row clocks[CLOCK_KINDS];
	int n = clock_list(q->s, row->id, clocks, e), r;

	if (n < 0 || (!row->erased_s && (r = row_doc(q, row->id, &d, e)) < 0))
		return n < 0 ? n : r;
	o = head_json(q, row, clocks, n);
	if (!o ||
	    (row->side == SIDE_ORIGIN && d.json && request_power_warn(q, &d, d.warnings) < 0) ||
	    put_opt(o, "request", json_incref(d.json)) < 0 ||
	    put_opt(o, "warnings", json_incref(d.warnings)) < 0 ||
	    json_object_set_new(o, "may", may_json(a, row)) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if ((r = put_members(q, row, o, e)) < 0)
		return r;
	*ret = TAKE_PTR(o);
	return 0;
}

/* A full id, or the beginning of exactly one. */
static int find_id(struct requests *q, const char *id, char out[static REQUEST_ID_LEN + 1],
		   struct err *e)
{
	char from[REQUEST_ID_LEN + 1], to[REQUEST_ID_LEN + 2];
	size_t len = strlen(id);
	STORE_ROWS(rows);
	int r;

	if (len < ID_PREFIX_MIN || len > REQUEST_ID_LEN || strspn(id, "0123456789abcdef-") != len)
		return err_set(e, ERR_INVAL, "id",
			       "must be a request's id, or at least its first %d characters",
			       ID_PREFIX_MIN);
	snprintf(from, sizeof(from), "%s", id);
	snprintf(to, sizeof(to), "%sg", id); /* behind every hex digit */
	r = store_first(q->s, "SELECT id FROM request WHERE id >= ? AND id < ? ORDER BY id LIMIT 2",
			VALS(val_text(from), val_text(to)), &rows, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_NOENT, "id", "no request %s here", id);
	snprintf(out, REQUEST_ID_LEN + 1, "%s", row_text(&rows, "id", NULL));
	r = store_next(&rows, e);
	if (r > 0)
		return err_set(e, ERR_INVAL, "id",
			       "%s is the beginning of several requests; give more of it", id);
	return r;
}

int request_find(struct requests *q, const char *id, struct request_row *ret, struct err *e)
{
	char full[REQUEST_ID_LEN + 1];
	int r = find_id(q, id, full, e);

	return r < 0 ? r : row_load(q, full, ret, e);
}

int request_show(struct requests *q, const struct actor *a, const char *id, json_t **ret,
		 struct err *e)
{
	struct request_row row;
	STORE_TXN(txn);
	int r;

	if (!request_may(a->roles, ACTION_READ))
		return err_set(e, ERR_DENIED, "officer", "%s has no role that may read requests",
			       a->officer);
	if ((r = store_begin(q->s, STORE_READ, &txn, e)) < 0 ||
	    (r = request_find(q, id, &row, e)) < 0)
		return r;
	return request_view(q, a, &row, ret, e);
}

/* ---- labels ---- */

static int label_read(struct store_rows *rows, struct request_label *ret, struct err *e)
{
	snprintf(ret->marking, sizeof(ret->marking), "%s", row_text(rows, "marking", NULL));
	snprintf(ret->handling, sizeof(ret->handling), "%s", row_text(rows, "handling", NULL));
	ret->member = row_i64(rows, "member");
	return row_err(rows, e);
}

int request_label(struct requests *q, const char *officer, const char *id,
		  struct request_label *ret, struct err *e)
{
	char full[REQUEST_ID_LEN + 1];
	STORE_ROWS(rows);
	int r = find_id(q, id, full, e);

	if (r >= 0)
		r = store_first(
			q->s, "SELECT marking, handling, " MEMBER " FROM request WHERE id = ?",
			VALS(val_text(officer), val_text(officer), val_text(full)), &rows, e);
	return r < 0 ? r : label_read(&rows, ret, e);
}

/* ---- lists ---- */

struct list_query {
	char sql[SQL_MAX];
	size_t sql_len;
	struct store_val vals[12];
	size_t vals_n;
};

static void list_where(struct list_query *l, const char *sql, struct store_val v)
{
	int n = snprintf(l->sql + l->sql_len, sizeof(l->sql) - l->sql_len, " AND %s", sql);

	l->sql_len += n > 0 ? (size_t)n : 0;
	l->vals[l->vals_n++] = v;
}

static int list_after(struct list_query *l, const char *after, char id[static REQUEST_ID_LEN + 1],
		      struct err *e)
{
	const char *colon = strchr(after, ':');
	uint64_t due;

	if (!colon || strlen(colon + 1) != REQUEST_ID_LEN ||
	    dec_parse_u64(after, (size_t)(colon - after), INT64_MAX, &due) < 0)
		return err_set(e, ERR_INVAL, "after",
			       "must be what \"next\" of the page before said");
	snprintf(id, REQUEST_ID_LEN + 1, "%s", colon + 1);
	list_where(l, "(next_due > ?", val_i64((int64_t)due));
	l->sql_len += (size_t)snprintf(l->sql + l->sql_len, sizeof(l->sql) - l->sql_len,
				       " OR (next_due = ? AND id > ?))");
	l->vals[l->vals_n++] = val_i64((int64_t)due);
	l->vals[l->vals_n++] = val_text(id);
	return 0;
}

static int list_build(struct list_query *l, const struct actor *a, const struct request_filter *f,
		      unsigned limit, char id[static REQUEST_ID_LEN + 1], struct err *e)
{
	int r;

	l->vals[l->vals_n++] = val_text(a->officer);
	l->vals[l->vals_n++] = val_text(a->officer);
	l->sql_len = (size_t)snprintf(
		l->sql, sizeof(l->sql),
		"SELECT id, peer, case_ref, next_due, changed_at, marking, handling, " MEMBER
		" FROM request WHERE %s",
		f->all || f->state ? "over >= 0" : "over = 0");
	if (f->direction)
		list_where(l, "side = ?",
			   val_i64(f->direction[0] == 'i' ? SIDE_RECEIVER : SIDE_ORIGIN));
	if (f->state)
		list_where(l, "state = ?", val_text(f->state));
	if (f->class)
		list_where(l, "class = ?", val_text(f->class));
	if (f->type)
		list_where(l, "type = ?", val_text(f->type));
	if (f->peer)
		list_where(l, "peer = ?", val_text(f->peer));
	if (f->after && (r = list_after(l, f->after, id, e)) < 0)
		return r;
	snprintf(l->sql + l->sql_len, sizeof(l->sql) - l->sql_len,
		 " ORDER BY next_due, id LIMIT ?");
	l->vals[l->vals_n++] = val_i64((int64_t)limit + 1);
	return 0;
}

static int filter_word(enum request_sub list, const char *field, const char *word, struct err *e)
{
	char words[REQUEST_WORDS_MAX];

	if (!word || request_code_known(list, word))
		return 0;
	return err_set(e, ERR_INVAL, field, "is one of %s", request_words(list, words));
}

int request_filter_check(const struct request_filter *f, struct err *e)
{
	int r = filter_word(SUB_STATE, "state", f->state, e);

	if (r >= 0)
		r = filter_word(SUB_CLASS, "class", f->class, e);
	if (r >= 0)
		r = filter_word(SUB_TYPE, "type", f->type, e);
	if (r < 0)
		return r;
	if (f->direction && strcmp(f->direction, "in") != 0 && strcmp(f->direction, "out") != 0)
		return err_set(e, ERR_INVAL, "direction", "must be in or out");
	if (f->limit > REQUEST_PAGE_MAX)
		return err_set(e, ERR_RANGE, "limit", "is at most %d", REQUEST_PAGE_MAX);
	return 0;
}

static int list_one(struct requests *q, struct store_rows *rows, json_t *list, struct err *e)
{
	struct clock_row clocks[CLOCK_KINDS];
	struct request_row row;
	int64_t due = row_i64(rows, "next_due");
	bool failed = false;
	json_t *o;
	int n, r = row_load(q, row_text(rows, "id", NULL), &row, e);

	if (r < 0 || (n = clock_list(q->s, row.id, clocks, e)) < 0)
		return r < 0 ? r : n;
	o = head_json(q, &row, clocks, n);
	if (!o || json_array_append_new(list, o) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	put(o, "case", json_string(row_text(rows, "case_ref", NULL)), &failed);
	put_time(o, "changed_at", row_i64(rows, "changed_at"), &failed);
	if (due != CLOCK_NEVER)
		put(o, "remaining_s", json_integer(due - request_steady_s(q)), &failed);
	return failed ? err_set(e, ERR_NOMEM, NULL, NULL) : row_err(rows, e);
}

struct list_page {
	json_t *list;
	unsigned limit;
	char next[REQUEST_ID_LEN + 32]; /* the last row that was looked at */
};

static int list_row(struct requests *q, const struct request_filter *f, struct store_rows *rows,
		    struct list_page *page, struct err *e)
{
	struct request_label label = {.member = false};
	int r = label_read(rows, &label, e);

	if (r >= 0 && (!f->may || f->may(f->may_ctx, &label)))
		r = list_one(q, rows, page->list, e);
	snprintf(page->next, sizeof(page->next), "%lld:%s", (long long)row_i64(rows, "next_due"),
		 row_text(rows, "id", NULL));
	return r;
}

/* One query's rows. Returns: 0 the end; 1 the page is full and there may be more; 2 all rows were looked at, and there are more. */
static int list_rows(struct requests *q, const struct list_query *l, const struct request_filter *f,
		     struct list_page *page, struct err *e)
{
	STORE_ROWS(rows);
	unsigned n = 0;
	int r = store_query(q->s, l->sql, l->vals, l->vals_n, &rows, e);

	for (; r >= 0 && (r = store_next(&rows, e)) > 0; n++) {
		if (json_array_size(page->list) == page->limit)
			return 1;
		r = list_row(q, f, &rows, page, e);
	}
	return r < 0 ? r : n > page->limit ? 2 : 0;
}

/* Queries until the page is full: rows that this officer may not see leave no gap. */
static int list_fill(struct requests *q, const struct actor *a, const struct request_filter *f,
		     struct list_page *page, struct err *e)
{
	struct request_filter from = *f;
	char id[REQUEST_ID_LEN + 1], after[sizeof(page->next)];
	int r;

	do {
		struct list_query l = {.vals_n = 0};

		if ((r = list_build(&l, a, &from, page->limit, id, e)) < 0)
			return r;
		r = list_rows(q, &l, f, page, e);
		memcpy(after, page->next, sizeof(after));
		from.after = after;
	} while (r == 2);
	return r;
}

int request_list(struct requests *q, const struct actor *a, const struct request_filter *f,
		 json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	struct list_page page = {.list = list, .limit = f->limit ? f->limit : PAGE_DEFAULT};
	char now[TIME_TEXT_MAX];
	STORE_TXN(txn);
	int r;

	if (!request_may(a->roles, ACTION_READ))
		return err_set(e, ERR_DENIED, "officer", "%s has no role that may read requests",
			       a->officer);
	if ((r = request_filter_check(f, e)) < 0 ||
	    (r = store_begin(q->s, STORE_READ, &txn, e)) < 0 ||
	    (r = list_fill(q, a, f, &page, e)) < 0)
		return r;
	*ret = json_pack("{s:O, s:s, s:o*}", "requests", list, "now",
			 time_utc(request_wall_s(q), now), "next",
			 r ? json_string(page.next) : NULL);
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}
