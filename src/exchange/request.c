/* SPDX-License-Identifier: Apache-2.0
 * What people of this node do with requests: draft, put forward, approve, and the steps of either side.
 *
 * Each public call is one write transaction. A denial (role, four eyes, stale or late approval) undoes it and is then written to
 * the log in a transaction of its own. */
#include "exchange/request.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "exchange/directory.h"
#include "exchange/request-earlier.h"

enum { HOUR_S = 3600 };

/* ---- open and close ---- */

static int newest(struct store *s, int64_t *ret_s, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(s, "SELECT COALESCE(MAX(recorded_at), 0) AS at FROM request_event",
			    NO_VALS, &rows, e);

	if (r < 0)
		return r;
	*ret_s = r ? row_i64(&rows, "at") : 0;
	return r ? row_err(&rows, e) : 0;
}

static unsigned or_default(unsigned v, unsigned otherwise)
{
	return v ? v : otherwise;
}

int requests_open(struct exchange *x, const struct request_options *o, struct requests **ret_q,
		  struct err *e)
{
	_cleanup_(requests_closep) struct requests *q = calloc(1, sizeof(*q));
	int64_t newest_s;
	int r;

	if (!q)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	q->x = x;
	q->s = exchange_store(x);
	q->env = exchange_env_of(x);
	q->node = exchange_node(x);
	if (o)
		q->o = *o;
	q->o.limits.officer_hour = or_default(q->o.limits.officer_hour, REQUEST_OFFICER_HOUR);
	q->o.limits.node_hour = or_default(q->o.limits.node_hour, REQUEST_NODE_HOUR);
	q->o.limits.peer_hour = or_default(q->o.limits.peer_hour, REQUEST_PEER_HOUR);
	if ((r = newest(q->s, &newest_s, e)) < 0 || (r = rows_mark(q, e)) < 0)
		return r;
	for (unsigned c = 0; c < CLASS_N; c++)
		if (q->o.retention_days[c] && q->o.retention_days[c] < REQUEST_RETENTION_MIN_DAYS)
			return err_set(e, ERR_RANGE, "retention",
				       "%s is kept for at least %d days, or for ever (0)",
				       request_class_row(c)->text, REQUEST_RETENTION_MIN_DAYS);
	clock_base_init(&q->clock, q->env->wall_ms(q->env->ctx), q->env->mono_ms(q->env->ctx),
			newest_s);
	if ((r = exchange_register(x, REQUEST_MEDIA_TYPE, request_on_part, q, e)) < 0 ||
	    (r = exchange_register(x, REQUEST_EVENT_MEDIA_TYPE, request_on_event, q, e)) < 0 ||
	    (r = exchange_on_recall(x, REQUEST_MEDIA_TYPE, request_on_part_recalled, e)) < 0 ||
	    (r = exchange_on_recall(x, REQUEST_EVENT_MEDIA_TYPE, request_on_event_recalled, e)) <
		    0 ||
	    (r = exchange_watch(x, request_on_delivery, q, e)) < 0 ||
	    (r = exchange_on_restamped(x, request_on_restamped, q, e)) < 0)
		return r;
	*ret_q = TAKE_PTR(q);
	return 0;
}

struct requests *requests_close(struct requests *q)
{
	free(q);
	return NULL;
}

/* ---- rights ---- */

static int check_right(const struct actor *a, enum request_action action, struct err *e)
{
	if (request_may(a->roles, action))
		return 0;
	return err_set(e, ERR_DENIED, "officer", "%s has no role that may do this", a->officer);
}

static bool is_denial(int r)
{
	return r == -ERR_DENIED || r == -ERR_FOUR_EYES || r == -ERR_STALE || r == -ERR_QUOTA ||
	       r == -ERR_EXPIRED;
}

/* Write a denial to the log. Failing to is the error that the caller sees instead. */
int request_denied(struct requests *q, const struct actor *a, const char *what, const char *id,
		   int r, struct err *e)
{
	struct request_row row = {0};
	STORE_TXN(txn);
	int w;

	if (!is_denial(r))
		return r;
	if (id && strspn(id, "0123456789abcdef-") != strlen(id))
		id = NULL; /* not an id: nothing that was typed goes into the log */
	snprintf(row.id, sizeof(row.id), "%s", id ? id : "");
	w = store_begin(q->s, STORE_WRITE, &txn, NULL);
	if (w >= 0)
		w = request_audit(q, AUDIT_REFUSAL, a->officer, what, id ? &row : NULL,
				  json_pack("{s:s}", "error", err_name(r)), NULL, NULL);
	if (w >= 0)
		w = store_commit(&txn, NULL);
	return w < 0 ? err_set(e, w, NULL, "the denial (%s) could not be written to the audit log",
			       err_name(r))
		     : r;
}

/* ---- limits ---- */

static int count_hour(struct requests *q, const char *sql, const char *who, int64_t *ret_n,
		      struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(q->s, sql, VALS(val_text(who), val_i64(request_wall_s(q) - HOUR_S)),
			    &rows, e);

	if (r < 0)
		return r;
	*ret_n = row_i64(&rows, "n");
	return row_err(&rows, e);
}

static int check_limits(struct requests *q, const char *officer, struct err *e)
{
	static const char by_officer[] =
		"SELECT COUNT(*) AS n FROM request WHERE side = 0 AND author = ? AND created_at > ?";
	static const char by_node[] =
		"SELECT COUNT(*) AS n FROM request WHERE side = 0 AND author <> ? AND created_at > ?";
	int64_t n = 0;
	int r = count_hour(q, by_officer, officer, &n, e);

	if (r < 0)
		return r;
	if (n >= q->o.limits.officer_hour)
		return err_set(e, ERR_QUOTA, "officer",
			       "%s has drafted %lld requests within an hour; wait", officer,
			       (long long)n);
	if ((r = count_hour(q, by_node, "", &n, e)) < 0)
		return r;
	if (n >= q->o.limits.node_hour)
		return err_set(e, ERR_QUOTA, "node",
			       "this node has drafted %lld requests within an hour; wait",
			       (long long)n);
	return 0;
}

/* ---- drafts ---- */

static int set_default(json_t *o, const char *name, STEALS json_t *v)
{
	if (json_object_get(o, name)) {
		json_decref(v);
		return 0;
	}
	return json_object_set_new(o, name, v) < 0 ? -ERR_NOMEM : 0;
}

static json_t *sub_object(json_t *o, const char *name)
{
	json_t *sub = json_object_get(o, name);

	if (sub)
		return json_is_object(sub) ? sub : NULL;
	if (json_object_set_new(o, name, json_object()) < 0)
		return NULL;
	return json_object_get(o, name);
}

static const char *relation_kind(const json_t *o)
{
	const char *type = json_string_value(json_object_get(o, "type"));
	enum request_type t;

	if (type && request_type_parse(type, &t) == 0 && request_relation(t))
		return request_relation(t);
	return json_object_get(json_object_get(o, "relation"), "of") ? "extension" : "new";
}

/* A member that is there with the wrong type gets no defaults; the check behind names it. */
static int fill_defaults(json_t *o)
{
	json_t *handling = sub_object(o, "handling"), *secrecy = sub_object(o, "confidentiality"),
	       *relation = sub_object(o, "relation");
	int r = 0;

	if (handling)
		r |= set_default(handling, "code", json_string("H1")) |
		     set_default(handling, "marking", json_string("TLP:AMBER")) |
		     set_default(handling, "grade", json_string("X4")) |
		     set_default(handling, "purpose", json_string("criminal-investigation")) |
		     set_default(handling, "basis", json_string("national-law"));
	if (secrecy)
		r |= set_default(secrecy, "subject", json_string("must-not-know")) |
		     set_default(secrecy, "custodian", json_string("ask-first"));
	if (relation)
		r |= set_default(relation, "kind", json_string(relation_kind(o)));
	r |= set_default(o, "language", json_string("en")) |
	     set_default(o, "reply_language", json_string("en"));
	return r ? -ERR_NOMEM : 0;
}

/* The part as it will be sent: fixed fields first, then what was given, then defaults. */
static int draft_json(struct requests *q, const json_t *in, int64_t now_s, json_t **ret,
		      struct err *e)
{
	static const char *const fixed[] = {"version", "id", "from", "created_at"};
	_cleanup_(json_decrefp) json_t *o = NULL;
	_cleanup_(json_decrefp) json_t *given = json_is_object(in) ? json_deep_copy(in) : NULL;
	char id[REQUEST_ID_LEN + 1], at[TIME_TEXT_MAX];
	int r;

	if (!json_is_object(in))
		return err_set(e, ERR_INVAL, NULL, "a request is an object");
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (json_object_get(in, fixed[i]))
			return err_set(e, ERR_INVAL, fixed[i],
				       "is set by this node and cannot be given");
	request_uuid(q, id);
	o = json_pack("{s:i, s:s, s:s, s:s}", "version", 1, "id", id, "from", q->node, "created_at",
		      time_utc(now_s, at));
	if (!o || !given || json_object_update(o, given) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if ((r = earlier_defaults(q, o, e)) < 0)
		return r;
	if (fill_defaults(o) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	*ret = TAKE_PTR(o);
	return 0;
}

static int draft_insert(struct requests *q, const struct actor *a, const struct request_doc *d,
			struct request_row *ret, struct err *e)
{
	_cleanup_(freep) char *body = json_text(d->json);
	struct request_row row = {
		.side = SIDE_ORIGIN,
		.type = d->type,
		.class = d->class,
		.state = STATE_DRAFT,
		.created_s = d->created_s,
	};
	int r;

	if (!body)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (strlen(body) > REQUEST_MAX)
		return err_set(e, ERR_OVERSIZE, NULL, "a request has at most %d bytes",
			       REQUEST_MAX);
	sha256(body, strlen(body), row.hash32);
	snprintf(row.id, sizeof(row.id), "%s", d->id);
	snprintf(row.peer, sizeof(row.peer), "%s", d->to);
	snprintf(row.author, sizeof(row.author), "%s", a->officer);
	snprintf(row.earlier, sizeof(row.earlier), "%s", d->earlier ? d->earlier : "");
	row_mark(&row, d);
	r = row_insert(q, &row, body, strlen(body), d->case_ref, e);
	if (r < 0)
		return r;
	*ret = row;
	return request_audit(q, AUDIT_TRANSITION, a->officer, "request.draft", &row,
			     json_pack("{s:s, s:s, s:s}", "to", "DRAFT", "type",
				       request_type_row(d->type)->text, "class",
				       request_class_row(d->class)->text),
			     NULL, e);
}

static int draft(struct requests *q, const struct actor *a, const json_t *in, json_t **ret,
		 struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	_cleanup_(request_doc_done) struct request_doc d = {0};
	struct request_row row;
	STORE_TXN(txn);
	int r = check_right(a, ACTION_DRAFT, e);

	if (r < 0 || (r = draft_json(q, in, request_wall_s(q), &j, e)) < 0 ||
	    (r = request_doc_check(j, &q->o.checks, &d, e)) < 0)
		return r;
	if (!directory_member(exchange_directory(q->x), d.to))
		return err_set(e, ERR_MEMBER_UNKNOWN, "to", "%s is not a member of this network",
			       d.to);
	if ((r = store_begin(q->s, STORE_WRITE, &txn, e)) < 0 ||
	    (r = check_limits(q, a->officer, e)) < 0 ||
	    (r = earlier_check(q, &d, SIDE_ORIGIN, d.to, e)) < 0 ||
	    (r = draft_insert(q, a, &d, &row, e)) < 0 || (r = request_view(q, a, &row, ret, e)) < 0)
		return r;
	return store_commit(&txn, e);
}

int request_draft(struct requests *q, const struct actor *a, const json_t *in, json_t **ret,
		  struct err *e)
{
	return request_denied(q, a, "request.draft", NULL, draft(q, a, in, ret, e), e);
}

/* ---- steps that stay at home ---- */

/* Load, check the right, apply, show: one transaction. */
static int step(struct requests *q, const struct actor *a, const char *id, struct request_act *act,
		json_t **ret, struct err *e)
{
	struct request_row row;
	STORE_TXN(txn);
	int r = check_right(a, request_event_row(act->event)->action, e);

	if (r < 0 || (r = store_begin(q->s, STORE_WRITE, &txn, e)) < 0 ||
	    (r = request_find(q, id, &row, e)) < 0)
		return r;
	if (row.side != SIDE_ORIGIN)
		return err_set(e, ERR_TRANSITION, "event", "%s is a step of the requesting side",
			       request_event_row(act->event)->text);
	if (act->event == EVENT_SUBMIT && !request_needs_two(row.type, row.class))
		act->event = EVENT_SEND;
	act->officer = a->officer;
	act->at_s = request_wall_s(q);
	if ((r = request_apply(q, &row, act, e)) < 0 || (r = request_view(q, a, &row, ret, e)) < 0)
		return r;
	return store_commit(&txn, e);
}

int request_submit(struct requests *q, const struct actor *a, const char *id, json_t **ret,
		   struct err *e)
{
	struct request_act act = {.event = EVENT_SUBMIT};

	return request_denied(q, a, "request.submit", id, step(q, a, id, &act, ret, e), e);
}

int request_reject(struct requests *q, const struct actor *a, const char *id, const char *text,
		   json_t **ret, struct err *e)
{
	struct request_act act = {.event = EVENT_REJECT, .text = text};

	return request_denied(q, a, "request.reject", id, step(q, a, id, &act, ret, e), e);
}

int request_discard(struct requests *q, const struct actor *a, const char *id, json_t **ret,
		    struct err *e)
{
	struct request_act act = {.event = EVENT_DISCARD};

	return request_denied(q, a, "request.discard", id, step(q, a, id, &act, ret, e), e);
}

static int approve(struct requests *q, const struct actor *a, const char *id,
		   const char *sha256_hex, json_t **ret, struct err *e)
{
	struct request_act act = {
		.event = EVENT_APPROVE, .officer = a->officer, .at_s = request_wall_s(q)};
	struct request_row row;
	uint8_t hash32[APPROVAL_HASH_LEN];
	STORE_TXN(txn);
	int r = check_right(a, ACTION_APPROVE, e);

	if (r < 0)
		return r;
	if (hex_decode(sha256_hex, strlen(sha256_hex), hash32, sizeof(hash32)) < 0)
		return err_set(e, ERR_FORMAT, "content_sha256",
			       "must be the 64 hex digits that were shown");
	if ((r = store_begin(q->s, STORE_WRITE, &txn, e)) < 0 ||
	    (r = request_find(q, id, &row, e)) < 0)
		return r;
	if (row.state != STATE_APPROVAL)
		return err_set(e, ERR_TRANSITION, "state", "approve is not possible in state %s",
			       request_state_row(row.state)->text);
	if ((r = approval_use(q->s, row.id, a->officer, hash32, request_steady_s(q), e)) < 0 ||
	    (r = request_apply(q, &row, &act, e)) < 0 || (r = request_view(q, a, &row, ret, e)) < 0)
		return r;
	return store_commit(&txn, e);
}

int request_approve(struct requests *q, const struct actor *a, const char *id,
		    const char *sha256_hex, json_t **ret, struct err *e)
{
	return request_denied(q, a, "request.approve", id, approve(q, a, id, sha256_hex, ret, e),
			      e);
}

/* ---- steps that travel ---- */

static int event_json(struct requests *q, const struct actor *a, const struct request_row *row,
		      enum request_event event, const json_t *in, int64_t now_s, json_t **ret,
		      struct err *e)
{
	static const char *const fixed[] = {"version", "id",	  "request",	 "event",
					    "at",      "officer", "delivered_at"};
	_cleanup_(json_decrefp) json_t *o = NULL;
	_cleanup_(json_decrefp) json_t *given = in ? json_deep_copy(in) : json_object();
	char id[REQUEST_ID_LEN + 1], at[TIME_TEXT_MAX];
	int r = 0;

	if (in && !json_is_object(in))
		return err_set(e, ERR_INVAL, NULL, "an event is an object");
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (json_object_get(in, fixed[i]))
			return err_set(e, ERR_INVAL, fixed[i],
				       "is set by this node and cannot be given");
	request_uuid(q, id);
	o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "version", 1, "id", id, "request", row->id,
		      "event", request_event_row(event)->text, "at", time_utc(now_s, at), "officer",
		      a->officer);
	if (!o)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (row->side == SIDE_RECEIVER)
		r |= json_object_set_new(o, "delivered_at",
					 json_string(time_utc(row->delivered_s, at)));
	if (event == EVENT_CLARIFIED && !json_object_get(in, "re") && row->question[0])
		r |= json_object_set_new(o, "re", json_string(row->question));
	if (r < 0 || !given || json_object_update(o, given) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	*ret = TAKE_PTR(o);
	return 0;
}

/* In an outcome, "requested" is what the request says: fill it in where it was left out. */
static int fill_requested(json_t *event, const struct request_doc *d)
{
	json_t *items = json_object_get(json_object_get(event, "outcome"), "items");

	for (size_t i = 0; i < json_array_size(items); i++) {
		json_t *item = json_array_get(items, i), *asset = json_object_get(item, "asset");
		json_t *amount =
			json_is_integer(asset) && json_integer_value(asset) >= 0
				? json_object_get(json_array_get(d->assets,
								 (size_t)json_integer_value(asset)),
						  "amount")
				: NULL;

		if (json_is_object(item) && amount && !json_object_get(item, "requested") &&
		    json_object_set(item, "requested", amount) < 0)
			return -ERR_NOMEM;
	}
	return 0;
}

static int send_event(struct requests *q, const struct actor *a, struct request_row *row,
		      enum request_event event, const json_t *in, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	_cleanup_(request_doc_done) struct request_doc d = {0};
	_cleanup_(event_doc_done) struct event_doc ev = {0};
	_cleanup_(freep) char *body = NULL;
	struct request_act act = {.event = event, .officer = a->officer, .at_s = request_wall_s(q)};
	uint8_t message16[16];
	int r = row_doc(q, row->id, &d, e);

	if (r < 0 || (r = event_json(q, a, row, event, in, act.at_s, &j, e)) < 0)
		return r;
	if (fill_requested(j, &d) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (event == EVENT_ANSWER && (r = earlier_fill(q, row, &d, j, e)) < 0)
		return r;
	if ((r = event_doc_check(j, &ev, e)) < 0 || (r = event_doc_outcome(&ev, &d, e)) < 0)
		return r;
	body = json_text(ev.json);
	if (!body)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (strlen(body) > REQUEST_EVENT_MAX)
		return err_set(e, ERR_OVERSIZE, NULL, "an event has at most %d bytes",
			       REQUEST_EVENT_MAX);
	r = request_part_post(q, &d, row->peer, a->officer, REQUEST_EVENT_MEDIA_TYPE, body,
			      strlen(body), act.at_s + REQUEST_EVENT_LIFE_S, message16, e);
	if (r < 0)
		return r;
	act.doc = &ev;
	act.body = body;
	act.body_len = strlen(body);
	act.message16 = message16;
	return request_apply(q, row, &act, e);
}

/* Whether the table allows the step at all, before anything is built for it. */
static int check_step(const struct request_row *row, enum request_event event, struct err *e)
{
	const struct request_event_row *v = request_event_row(event);
	const struct request_step s = {.from = row->state,
				       .event = event,
				       .type = row->type,
				       .class = row->class,
				       .current = true};
	enum request_state to;

	if (v->side != row->side)
		return err_set(e, ERR_TRANSITION, "event", "%s is a step of the %s side", v->text,
			       v->side == SIDE_ORIGIN ? "requesting" : "requested");
	if (request_move(&s, &to) < 0)
		return err_set(e, ERR_TRANSITION, "state", "%s is not possible in state %s",
			       v->text, request_state_row(row->state)->text);
	return 0;
}

static int act_travel(struct requests *q, const struct actor *a, const char *id,
		      enum request_event event, const json_t *in, json_t **ret, struct err *e)
{
	struct request_row row;
	STORE_TXN(txn);
	int r = check_right(a, request_event_row(event)->action, e);

	if (r < 0 || (r = store_begin(q->s, STORE_WRITE, &txn, e)) < 0 ||
	    (r = request_find(q, id, &row, e)) < 0 || (r = check_step(&row, event, e)) < 0 ||
	    (r = send_event(q, a, &row, event, in, e)) < 0 ||
	    (r = request_view(q, a, &row, ret, e)) < 0)
		return r;
	return store_commit(&txn, e);
}

int request_act(struct requests *q, const struct actor *a, const char *id, enum request_event event,
		const json_t *in, json_t **ret, struct err *e)
{
	char what[32];

	if (event >= EVENT_N || !request_event_on_wire(event) || !request_event_by_person(event))
		return err_set(e, ERR_INVAL, "event", "is not a step that a person makes here");
	snprintf(what, sizeof(what), "request.%s", request_event_row(event)->text);
	return request_denied(q, a, what, id, act_travel(q, a, id, event, in, ret, e), e);
}

/* The machine's own step that travels: the validity ended. */
int request_expire(struct requests *q, struct request_row *row, struct err *e)
{
	const struct actor machine = {.officer = "system", .node = q->node};

	return send_event(q, &machine, row, EVENT_EXPIRE, NULL, e);
}
