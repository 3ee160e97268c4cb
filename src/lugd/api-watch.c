/* SPDX-License-Identifier: Apache-2.0
 * Routes of the watch: what is watched on the ledger, and what was found. */
#include "audit/audit.h"
#include "base/text.h"
#include "base/time.h"
#include "ledger/ledger.h"
#include "lugd/lugd-int.h"
#include "lugd/questions.h"
#include "watch/entries.h"
#include <inttypes.h>

enum { ALERTS = 50, ALERTS_MAX = 1000, TEXT_MAX = 4 << 20 };

static int64_t now_s(void)
{
	return time_now_ms() / 1000;
}

/* A change is recorded before it is made: the watch has a store of its own. */
static int record(const struct api_call *c, const char *what, const char *target,
		  const json_t *detail, struct err *e)
{
	return lugd_audit_alone(c, AUDIT_CONFIGURATION, what, target, detail, e);
}

static int read_id(const struct api_call *c, int64_t *ret, struct err *e)
{
	const char *s = api_param(c, 0);
	uint64_t v;
	if (dec_parse_u64(s, strlen(s), INT64_MAX, &v) < 0)
		return err_set(e, ERR_FORMAT, "id", "\"%.40s\" is not a number of the watch.", s);
	*ret = (int64_t)v;
	return 0;
}

/* ---- looking ---- */

static int add_item(void *ctx, const struct watch_item *i, struct err *e)
{
	return json_array_append_new(ctx, watch_item_json(i)) ? err_set(e, ERR_NOMEM, NULL, NULL)
							      : 0;
}

static int add_alert(void *ctx, const struct watch_alert *a, struct err *e)
{
	return json_array_append_new(ctx, watch_alert_json(a)) ? err_set(e, ERR_NOMEM, NULL, NULL)
							       : 0;
}

/* How amounts are written; null without a readable ledger. */
static json_t *asset_json(const struct api_call *c)
{
	const struct snapshot *s;
	struct err none = {0};
	if (questions_look(lugd_of(c)->questions, time_mono_ms(), &s, &none) < 0)
		return json_null();
	return json_string(ledger_network(s->ledger)->caip19);
}

int api_watch_list(struct api_call *c, struct err *e)
{
	_cleanup_(json_decrefp) json_t *items = json_array();
	struct store *s = NULL;
	const char *text = api_query(c, "text");
	int64_t changed = 0, open = 0;
	int r = items ? watching_open(lugd_of(c), false, &s, e) : -ERR_NOMEM;
	if (r >= 0 && s)
		r = watch_items(s, add_item, items, e);
	if (r >= 0 && s)
		r = watch_changes(s, &changed, &open, e);
	if (r < 0)
		return r;
	return api_reply(c,
			 json_pack("{s:O, s:I, s:I, s:o, s:{s:s}}", "items", items, "changed",
				   (json_int_t)changed, "open", (json_int_t)open, "asset",
				   asset_json(c), "typed", "text", text ? text : ""),
			 e);
}

static int read_query(const struct api_call *c, struct watch_query *q, struct err *e)
{
	const struct {
		const char *name;
		uint64_t max;
		int64_t *ret;
	} numbers[] = {{"since", INT64_MAX, &q->since},
		       {"before", INT64_MAX, &q->before},
		       {"limit", ALERTS_MAX, &q->max}};
	const char *state = api_query(c, "state"), *order = api_query(c, "order");
	*q = (struct watch_query){.max = ALERTS, .newest_first = true};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		uint64_t v = (uint64_t)*numbers[i].ret;
		int r = api_query_u64(c, numbers[i].name, numbers[i].max, &v, e);
		if (r < 0)
			return r;
		*numbers[i].ret = (int64_t)v;
	}
	if (state && *state && strcmp(state, "open") != 0 && strcmp(state, "all") != 0)
		return err_set(e, ERR_INVAL, "state", "A state is open or all.");
	if (order && strcmp(order, "oldest") != 0 && strcmp(order, "newest") != 0)
		return err_set(e, ERR_INVAL, "order", "An order is oldest or newest.");
	q->open = state && !strcmp(state, "open");
	q->newest_first = !order || strcmp(order, "oldest") != 0;
	return q->max ? 0 : err_set(e, ERR_RANGE, "limit", "At least 1.");
}

int watching_alerts(struct api_call *c, const struct watch_query *q, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	struct store *s = NULL;
	int64_t changed, open = 0;
	int r = list ? watching_open(lugd_of(c), false, &s, e) : -ERR_NOMEM;
	if (r >= 0 && s)
		r = watch_alerts(s, q, add_alert, list, e);
	if (r >= 0 && s)
		r = watch_changes(s, &changed, &open, e);
	if (r < 0)
		return r;
	size_t n = json_array_size(list);
	const json_t *last = json_array_get(list, n - 1);
	json_t *next = n && n == (size_t)q->max ? json_incref(json_object_get(last, "changed"))
						: json_null();
	*ret = json_pack("{s:O, s:o, s:I, s:o}", "alerts", list, "next", next, "open",
			 (json_int_t)open, "asset", asset_json(c));
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

int api_watch_alerts(struct api_call *c, struct err *e)
{
	json_t *j = NULL;
	struct watch_query q;
	int r = read_query(c, &q, e);
	if (r >= 0)
		r = watching_alerts(c, &q, &j, e);
	return r < 0 ? r : api_reply(c, j, e);
}

/* ---- changing ---- */

struct wish {
	const char *text, *note, *kind, *policy;
	bool alert_services;
};

static int read_wish(const struct api_call *c, struct wish *w, struct err *e)
{
	static const char *const keys[] = {"text",   "note",	       "kind",
					   "policy", "alert_services", NULL};
	*w = (struct wish){.note = "", .kind = "address", .policy = "haircut"};
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "text", 1, TEXT_MAX, &w->text, e);
	if (r >= 0)
		r = json_opt_str(c->in, "note", 0, WATCH_NOTE_MAX, &w->note, e);
	if (r >= 0)
		r = json_opt_str(c->in, "kind", 1, 16, &w->kind, e);
	if (r >= 0)
		r = json_opt_str(c->in, "policy", 1, 16, &w->policy, e);
	if (r >= 0)
		r = json_opt_bool(c->in, "alert_services", &w->alert_services, e);
	if (r < 0)
		return r;
	if (strcmp(w->kind, "address") != 0 && strcmp(w->kind, "service") != 0)
		return err_set(e, ERR_INVAL, "kind", "A kind is address or service.");
	if (strcmp(w->policy, "haircut") != 0 && strcmp(w->policy, "poison") != 0)
		return err_set(e, ERR_INVAL, "policy", "Taint is watched by haircut or poison.");
	return 0;
}

static int item_of(const struct wish *w, const struct watch_entries *x, struct watch_add *ret,
		   struct err *e)
{
	bool service = !strcmp(w->kind, "service");
	if (!x->n && !x->seed_n)
		return err_set(e, ERR_INVAL, "text", "There is nothing to watch in it.");
	if (x->seed_n && (x->n || service))
		return err_set(
			e, ERR_INVAL, "text",
			"Addresses and transactions are separate items: add each by itself.");
	*ret = (struct watch_add){.kind = x->seed_n ? WATCH_TAINT
					  : service ? WATCH_SERVICE
						    : WATCH_ADDRESS,
				  .note = w->note,
				  .now_s = now_s(),
				  .alert_services = w->alert_services,
				  .policy = strcmp(w->policy, "poison") == 0 ? TRACE_POISON
									     : TRACE_HAIRCUT,
				  .addresses = x->addresses,
				  .seeds = x->seeds,
				  .n = x->seed_n ? x->seed_n : x->n};
	return 0;
}

static int add(struct api_call *c, const struct wish *w, const struct watch_entries *x,
	       struct err *e)
{
	struct watch_add item;
	struct store *s;
	int r = item_of(w, x, &item, e);
	if (r >= 0)
		r = watching_open(lugd_of(c), true, &s, e);
	if (r < 0)
		return r;
	_cleanup_(json_decrefp) json_t *detail =
		json_pack("{s:s, s:I, s:s}", "kind", watch_kind_name(item.kind), "entries",
			  (json_int_t)item.n, "note", w->note);
	r = record(c, "watch.add", c->route->path, detail, e);
	if (r < 0)
		return r;
	int64_t id = watch_add(s, &item, e);
	if (id < 0)
		return (int)id;
	return api_reply(c,
			 json_pack("{s:I, s:s, s:I, s:i, s:[]}", "item", (json_int_t)id, "kind",
				   watch_kind_name(item.kind), "entries", (json_int_t)item.n,
				   "invalid", 0, "rejects"),
			 e);
}

/* Nothing is added while an entry is wrong: all of them are named, with their lines, and what was sent is given back. */
int api_watch_add(struct api_call *c, struct err *e)
{
	_cleanup_(watch_entries_done) struct watch_entries x = {0};
	const struct snapshot *s;
	struct wish w;
	int r = read_wish(c, &w, e);
	if (r >= 0)
		r = questions_look(lugd_of(c)->questions, time_mono_ms(), &s, e);
	if (r < 0)
		return r;
	x.network = ledger_network(s->ledger);
	r = watch_text(&x, w.text, strlen(w.text));
	if (r < 0)
		return err_set(e, r, NULL, NULL);
	if (!x.reject_n)
		return add(c, &w, &x, e);
	return api_reply(c,
			 json_pack("{s:n, s:n, s:I, s:I, s:O, s:O}", "item", "kind", "entries",
				   (json_int_t)(x.n + x.seed_n), "invalid", (json_int_t)x.reject_n,
				   "rejects", x.rejects, "typed", c->in),
			 e);
}

static int find_store(struct api_call *c, const char *field, struct store **ret, struct err *e)
{
	int r = watching_open(lugd_of(c), false, ret, e);
	return r < 0 || *ret ? r : err_set(e, ERR_NOENT, field, "Nothing is watched yet.");
}

int api_watch_remove(struct api_call *c, struct err *e)
{
	struct store *s;
	int64_t id;
	int r = read_id(c, &id, e);
	if (r >= 0)
		r = find_store(c, "item", &s, e);
	if (r >= 0)
		r = record(c, "watch.remove", api_param(c, 0), NULL, e);
	return r < 0 ? r : watch_remove(s, id, e);
}

int api_watch_ack(struct api_call *c, struct err *e)
{
	struct store *s;
	int64_t id;
	int r = read_id(c, &id, e);
	if (r >= 0)
		r = find_store(c, "alert", &s, e);
	if (r >= 0)
		r = record(c, "watch.ack", api_param(c, 0), NULL, e);
	return r < 0 ? r : watch_ack(s, id, c->who.officer, now_s(), e);
}
