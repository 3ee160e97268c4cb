/* SPDX-License-Identifier: Apache-2.0
 * Routes of the ledger: addresses, transactions, a search over pasted text, and traces, which run in a thread of their own. */
#include "audit/audit.h"
#include "base/file.h"
#include "base/time.h"
#include "chain/hash.h"
#include "chain/network.h"
#include "ledger/entity.h"
#include "ledger/label.h"
#include "ledger/ledger.h"
#include "lugd/casefile.h"
#include "lugd/lugd-int.h"
#include "lugd/questions.h"
#include "report/report.h"
#include "screen/extract.h"
#include <inttypes.h>
#include <limits.h>

enum {
	SEARCH_ITEMS_MAX = 200,
	SEARCH_TEXT_MAX = 65536,
	FOLLOW_STATE_MAX = 64 << 10,
	FOLLOW_SILENT_S = 60, /* docs/format/watch.md 8 */
};

static int look(const struct api_call *c, const struct snapshot **ret, struct err *e)
{
	return questions_look(lugd_of(c)->questions, time_mono_ms(), ret, e);
}

/* What the follower says of itself, with how long ago; null when there is none, or it cannot be read. */
static json_t *follow_json(struct questions *q)
{
	struct buf text _cleanup_(buf_done);
	char path[PATH_MAX];
	struct err none = {0};
	json_t *j = NULL;
	int64_t time_s;
	buf_init(&text, FOLLOW_STATE_MAX);
	if (snprintf(path, sizeof(path), "%s/follow/state.json", questions_dir(q)) >=
		    (int)sizeof(path) ||
	    file_read(path, &text, &none) < 0 || json_parse(text.p, text.len, &j, &none) < 0)
		return json_null();
	const char *when = json_string_value(json_object_get(j, "time"));
	if (!when || time_parse(when, strlen(when), &time_s) < 0) {
		json_decref(j);
		return json_null();
	}
	int64_t age_s = time_now_ms() / 1000 - time_s;
	json_object_set_new(j, "age_s", json_integer(age_s));
	json_object_set_new(j, "silent", json_boolean(age_s > FOLLOW_SILENT_S));
	return j;
}

static json_t *source_json(const struct label_source *s)
{
	char when[TIME_TEXT_MAX];
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "name", s->name, "format",
			 s->format, "title", s->title ? s->title : "", "creator",
			 s->creator ? s->creator : "", "imported", time_utc(s->imported_s, when),
			 "entries", (json_int_t)s->valid_n, "rejected", (json_int_t)s->reject_n);
}

static json_t *sources_json(const struct labels *labels)
{
	json_t *list = json_array();
	size_t n;
	const struct label_source *s = labels_sources(labels, &n);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, source_json(&s[i]));
	return list;
}

/* When the tip's block was made, by its own header. */
static json_t *tip_time(const struct ledger *l)
{
	struct ledger_block b;
	return ledger_block_at(l, ledger_info(l)->height, &b) == 0 ? json_time(b.time_s)
								   : json_null();
}

int api_ledger_show(struct api_call *c, struct err *e)
{
	const struct snapshot *s;
	int r = look(c, &s, e);
	if (r < 0)
		return r;
	const struct ledger_info *info = ledger_info(s->ledger);
	json_t *j = json_chain(s->ledger);
	r = !j || json_object_set_new(j, "first_height", json_integer(info->first_height)) ||
	    json_object_set_new(j, "blocks", json_integer((json_int_t)info->block_n)) ||
	    json_object_set_new(j, "transactions", json_integer((json_int_t)info->tx_n)) ||
	    json_object_set_new(j, "outputs", json_integer((json_int_t)info->output_n)) ||
	    json_object_set_new(j, "addresses", json_integer((json_int_t)info->address_n)) ||
	    json_object_set_new(j, "labels", json_integer((json_int_t)labels_n(s->labels))) ||
	    json_object_set_new(j, "entities", json_boolean(s->entities != NULL)) ||
	    json_object_set_new(j, "sources", sources_json(s->labels)) ||
	    json_object_set_new(j, "tip_time", tip_time(s->ledger)) ||
	    json_object_set_new(j, "follow", follow_json(lugd_of(c)->questions));
	if (r)
		json_decref(j);
	return api_reply(c, r ? NULL : j, e);
}

int lugd_page(const struct api_call *c, struct report_page *ret, struct err *e)
{
	const char *order = api_query(c, "order");
	*ret = (struct report_page){.limit = REPORT_LIMIT_DEFAULT, .after = api_query(c, "after")};
	if (order && strcmp(order, "oldest") != 0 && strcmp(order, "newest") != 0)
		return err_set(e, ERR_INVAL, "order", "An order is oldest or newest.");
	ret->oldest_first = order && strcmp(order, "oldest") == 0;
	int r = api_query_u64(c, "limit", REPORT_LIMIT_MAX, &ret->limit, e);
	return r >= 0 && !ret->limit ? err_set(e, ERR_RANGE, "limit", "At least 1.") : r;
}

/* Who an address is, beside what it did. */
static int add_who(const struct snapshot *s, uint32_t id, json_t *j)
{
	uint32_t entity = s->entities ? entity_of(s->entities, id, ENTITY_TIP) : 0;
	json_t *x = entity ? json_pack("{s:I, s:o, s:I}", "entity", (json_int_t)entity, "address",
				       json_address(s->ledger, entity), "addresses",
				       (json_int_t)entity_size(s->entities, entity, ENTITY_TIP))
			   : json_null();
	return json_object_set_new(j, "labels", json_labels(s->ledger, s->labels, id)) ||
			       json_object_set_new(j, "entity", x)
		       ? -ERR_NOMEM
		       : 0;
}

int api_ledger_address(struct api_call *c, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	const struct snapshot *s;
	struct report_page page;
	uint32_t id = 0;
	int r = lugd_page(c, &page, e);
	if (r >= 0)
		r = look(c, &s, e);
	if (r >= 0)
		r = report_address(s->ledger, api_param(c, 0), &page, &j, e);
	if (r < 0)
		return r;
	if (ledger_address_find_text(s->ledger, api_param(c, 0), &id, NULL) < 0)
		id = 0; /* never seen: nobody */
	r = add_who(s, id, j);
	if (r < 0)
		return err_set(e, r, NULL, NULL);
	r = dispute_mark(lugd_store(lugd_of(c)), json_string_value(json_object_get(j, "address")),
			 json_object_get(j, "labels"), e);
	return r < 0 ? r : api_reply(c, TAKE_PTR(j), e);
}

int api_ledger_transaction(struct api_call *c, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	const struct snapshot *s;
	struct report_page page;
	int r = lugd_page(c, &page, e);
	if (r >= 0)
		r = look(c, &s, e);
	if (r >= 0)
		r = report_tx(s->ledger, api_param(c, 0), &page, &j, e);
	if (r >= 0)
		r = report_explain(s->ledger, j, e);
	return r < 0 ? r : api_reply(c, TAKE_PTR(j), e);
}

/* ---- search ---- */

static json_t *json_nets(uint32_t nets)
{
	json_t *a = json_array();
	for (enum net n = 0; n < NET_N; n++)
		if (nets & NET_BIT(n))
			json_array_append_new(a, json_string(network_get(n)->name));
	return a;
}

/* What the ledger knows of it; null when it does not have it. */
static json_t *known_address(const struct snapshot *s, const struct extract_item *it)
{
	uint32_t id;
	if (ledger_address_find(s->ledger, &it->address.address, &id) < 0)
		return json_null();
	json_t *j = json_pack("{s:o}", "address", json_address(s->ledger, id));
	if (j && add_who(s, id, j) < 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static json_t *known_tx(const struct snapshot *s, const struct extract_item *it)
{
	struct ledger_tx tx;
	uint32_t txnum;
	char txid[HASH_TEXT_MAX], when[TIME_TEXT_MAX];
	if (ledger_tx_find(s->ledger, it->hash32, &txnum) < 0 ||
	    ledger_tx_get(s->ledger, txnum, &tx) < 0)
		return json_null();
	return json_pack("{s:s, s:I, s:s, s:I}", "txid", hash_text(tx.txid32, txid), "height",
			 (json_int_t)tx.height, "time", time_utc(tx.time_s, when), "outputs",
			 (json_int_t)tx.out_n);
}

static json_t *known(const struct snapshot *s, const struct extract_item *it)
{
	struct ledger_block b;
	switch (it->kind) {
	case EXTRACT_ADDRESS:
		return known_address(s, it);
	case EXTRACT_TX:
		return known_tx(s, it);
	case EXTRACT_BLOCK:
		return ledger_block_find(s->ledger, it->hash32, &b) == 0
			       ? json_pack("{s:I}", "height", (json_int_t)b.height)
			       : json_null();
	case EXTRACT_SECRET:
	case EXTRACT_LOOKALIKE:
		break;
	}
	return json_null();
}

static json_t *json_guesses(const struct extract_item *it)
{
	json_t *a = json_array();
	char why[ADDRESS_GUESS_TEXT_MAX];
	for (int i = 0; i < it->guess_n; i++)
		json_array_append_new(a, json_pack("{s:s, s:s}", "text", it->guess[i].info.text,
						   "why", address_guess_text(&it->guess[i], why)));
	return a;
}

static json_t *json_item(const struct snapshot *s, const struct extract_item *it)
{
	char how[EXTRACT_HOW_TEXT_MAX];
	const char *text = it->kind == EXTRACT_ADDRESS ? it->address.text : it->text;
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:o, s:o, s:s, s:o, s:o}", "kind",
			 extract_kind_name(it->kind), "certainty",
			 extract_certainty_name(it->certainty), "text", text, "offset",
			 (json_int_t)it->off, "length", (json_int_t)it->len, "written",
			 extract_how_text(it->how, how), "networks", json_nets(it->nets), "output",
			 it->position < 0 ? json_null() : json_integer(it->position), "reason",
			 it->reason, "guesses", json_guesses(it), "ledger", known(s, it));
}

static int search(struct api_call *c, const struct snapshot *s, const char *text, json_t *list,
		  struct extract_stats *st, struct err *e)
{
	_cleanup_(freep) struct extract_item *items = calloc(SEARCH_ITEMS_MAX, sizeof(*items));
	_cleanup_(json_decrefp) json_t *found = json_array();
	if (!items || !found)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = extract(text, strlen(text), items, SEARCH_ITEMS_MAX, st, e);
	for (size_t i = 0; r == 0 && i < st->n; i++)
		if (json_array_append_new(list, json_item(s, &items[i])) ||
		    json_array_append_new(found, json_string(items[i].text)))
			r = err_set(e, ERR_NOMEM, NULL, NULL);
	if (r < 0)
		return r;
	_cleanup_(json_decrefp) json_t *detail = json_pack("{s:O}", "found", found);
	/* What it was about is in the log before the answer is given. */
	return lugd_audit_alone(c, AUDIT_SEARCH, "ledger.search", c->route->path, detail, e);
}

int api_ledger_search(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"text", NULL};
	_cleanup_(json_decrefp) json_t *list = json_array();
	const struct snapshot *s;
	const char *text;
	struct extract_stats st;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "text", 1, SEARCH_TEXT_MAX, &text, e);
	if (r >= 0)
		r = look(c, &s, e);
	if (r >= 0)
		r = search(c, s, text, list, &st, e);
	return r < 0 ? r : api_reply(c, json_pack("{s:O, s:b}", "items", list, "more", st.more), e);
}

/* ---- traces ---- */

int api_ledger_traces_new(struct api_call *c, struct err *e)
{
	char id[ASKED_ID_LEN + 1];
	int r = lugd_audit_alone(c, AUDIT_SEARCH, "ledger.trace", c->route->path, c->in, e);
	if (r >= 0)
		r = asked_new(lugd_of(c)->questions, c->who.officer, c->in, id, e);
	return r < 0 ? r : api_reply(c, json_pack("{s:s}", "id", id), e);
}

int api_ledger_traces_list(struct api_call *c, struct err *e)
{
	json_t *list = asked_list(lugd_of(c)->questions, c->who.officer);
	const char *seeds = api_query(c, "seeds"); /* to begin with, on the page */
	return api_reply(
		c,
		list ? json_pack("{s:o, s:{s:s*}}", "traces", list, "typed", "seeds", seeds) : NULL,
		e);
}

/* What a case says about the nodes of a picture, in the picture. */
static void colour_nodes(const json_t *state, json_t *graph)
{
	const json_t *colours = json_object_get(state, "colours"), *note;
	json_t *node;
	size_t i, k;
	json_array_foreach (json_object_get(graph, "nodes"), i, node) {
		const char *text = json_string_value(json_object_get(node, "text"));
		json_t *colour = text ? json_object_get(colours, text) : NULL;
		if (colour)
			json_object_set(node, "colour", colour);
		json_array_foreach (json_object_get(state, "notes"), k, note) {
			const char *on = json_string_value(json_object_get(note, "on"));
			if (text && on && !strcmp(on, text))
				json_object_set(node, "remark", json_object_get(note, "text"));
		}
	}
}

static int colour_report(const json_t *found, json_t *j, struct err *e)
{
	static const char *const levels[] = {"graph", "relations"};
	json_t *report = json_copy(json_object_get(j, "report"));
	if (!report)
		return 0; /* not done yet */
	int failed = 0;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		json_t *graph = json_deep_copy(json_object_get(report, levels[i]));
		colour_nodes(json_object_get(found, "state"), graph);
		failed |= graph && json_object_set_new(report, levels[i], graph);
	}
	return failed || json_object_set_new(j, "report", report)
		       ? err_set(e, ERR_NOMEM, NULL, NULL)
		       : 0;
}

/* The trace belongs to the worker's list and is shared: what a case says is put beside it, by what it is about. */
static int add_case(struct api_call *c, json_t *j, struct err *e)
{
	const char *id = api_query(c, "case");
	json_t *found = NULL, *cases = NULL;
	struct store *s = lugd_store(lugd_of(c));
	int r = casefile_list(s, &c->who, &cases, e);
	if (r >= 0 && json_object_set_new(j, "cases", cases))
		r = err_set(e, ERR_NOMEM, NULL, NULL);
	if (r >= 0 && id && *id)
		r = casefile_show(s, &c->who, id, &found, e);
	if (r >= 0 && found && json_object_set_new(j, "case", found))
		r = err_set(e, ERR_NOMEM, NULL, NULL);
	if (r >= 0 && found)
		r = colour_report(found, j, e);
	return r;
}

int api_ledger_traces_show(struct api_call *c, struct err *e)
{
	json_t *j = NULL;
	int r = asked_look(lugd_of(c)->questions, c->who.officer, api_param(c, 0), &j, e);
	if (r >= 0)
		r = add_case(c, j, e);
	if (r < 0)
		json_decref(j);
	return r < 0 ? r : api_reply(c, j, e);
}

int api_ledger_traces_forget(struct api_call *c, struct err *e)
{
	return asked_forget(lugd_of(c)->questions, c->who.officer, api_param(c, 0), e);
}

int api_ledger_traces_export(struct api_call *c, struct err *e)
{
	const char *form = api_query(c, "form");
	buf_init(&c->raw, ASKED_TEXT_MAX);
	return asked_export(lugd_of(c)->questions, c->who.officer, api_param(c, 0),
			    form ? form : "html", &c->raw, &c->raw_type, e);
}
