/* SPDX-License-Identifier: Apache-2.0
 * Routes of case files and of disputed labels. */
#include "audit/audit.h"
#include "base/text.h"
#include "base/time.h"
#include "lugd/casefile.h"
#include "lugd/lugd-int.h"
#include "lugd/questions.h"

static int64_t now_s(void)
{
	return time_now_ms() / 1000;
}

int api_cases_list(struct api_call *c, struct err *e)
{
	json_t *list = NULL;
	int r = casefile_list(lugd_store(lugd_of(c)), &c->who, &list, e);
	return r < 0 ? r : api_reply(c, json_pack("{s:o}", "cases", list), e);
}

int api_cases_show(struct api_call *c, struct err *e)
{
	json_t *j = NULL;
	int r = casefile_show(lugd_store(lugd_of(c)), &c->who, api_param(c, 0), &j, e);
	return r < 0 ? r : api_reply(c, j, e);
}

int api_cases_new(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"title", NULL};
	STORE_TXN(txn);
	const char *title;
	char id[CASE_ID_LEN + 1];
	struct store *s = lugd_store(lugd_of(c));
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "title", 1, CASE_TITLE_MAX, &title, e);
	if (r >= 0)
		r = store_begin(s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = casefile_new(s, c->who.officer, title, now_s(), id, e);
	if (r >= 0)
		r = lugd_audit(c, AUDIT_CONFIGURATION, "case.new", id, NULL, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	return r < 0 ? r : api_reply(c, json_pack("{s:s}", "id", id), e);
}

/* ---- acts ---- */

/* A finished trace: its wish, which can be asked again, and what it came to. */
static int act_trace(struct api_call *c, json_t **ret, struct err *e)
{
	const char *id;
	json_t *found = NULL;
	int r = json_need_str(c->in, "trace", 1, ASKED_ID_LEN, &id, e);
	if (r >= 0)
		r = asked_look(lugd_of(c)->questions, c->who.officer, id, &found, e);
	if (r < 0)
		return r;
	_cleanup_(json_decrefp) json_t *trace = found;
	json_t *report = json_object_get(trace, "report");
	if (!report)
		return err_set(e, ERR_AGAIN, "trace", "This trace is not done yet, or it failed.");
	*ret = json_pack("{s:s, s:O, s:O, s:O, s:O, s:O, s:O, s:O}", "do", "trace", "wish",
			 json_object_get(trace, "wish"), "sums", json_object_get(report, "sums"),
			 "tip_height", json_object_get(report, "tip_height"), "tip",
			 json_object_get(report, "tip"), "policy",
			 json_object_get(report, "policy"), "asset",
			 json_object_get(report, "asset"), "program",
			 json_object_get(report, "program"));
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

static int act_note(struct api_call *c, json_t **ret, struct err *e)
{
	const char *on = "", *text;
	int r = json_opt_str(c->in, "on", 0, CASE_ON_MAX, &on, e);
	if (r >= 0)
		r = json_need_str(c->in, "text", 1, CASE_TEXT_MAX, &text, e);
	if (r < 0)
		return r;
	*ret = json_pack("{s:s, s:s, s:s}", "do", "note", "on", on, "text", text);
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

static int act_colour(struct api_call *c, json_t **ret, struct err *e)
{
	static const char *const colours[] = {"red", "amber", "green", "blue", "none"};
	const char *on, *colour;
	int r = json_need_str(c->in, "on", 1, CASE_ON_MAX, &on, e);
	if (r >= 0)
		r = json_need_str(c->in, "colour", 1, 16, &colour, e);
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(colours); i++)
		if (!strcmp(colours[i], colour)) {
			*ret = json_pack("{s:s, s:s, s:s}", "do", "colour", "on", on, "colour",
					 colour);
			return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
		}
	return r < 0 ? r
		     : err_set(e, ERR_INVAL, "colour",
			       "A colour is red, amber, green, blue or none.");
}

/* What is undone must be there. */
static int act_undo(struct api_call *c, json_t **ret, struct err *e)
{
	json_t *j = NULL, *act;
	int64_t n;
	size_t i;
	bool found = false;
	int r = json_need_int(c->in, "act", 1, CASE_ACTS_MAX, &n, e);
	if (r >= 0)
		r = casefile_show(lugd_store(lugd_of(c)), &c->who, api_param(c, 0), &j, e);
	if (r < 0)
		return r;
	json_array_foreach (json_object_get(j, "acts"), i, act)
		found |= json_integer_value(json_object_get(act, "n")) == n &&
			 !json_object_get(act, "undone");
	json_decref(j);
	if (!found)
		return err_set(e, ERR_NOENT, "act", "There is no such act that is in force.");
	*ret = json_pack("{s:s, s:I}", "do", "undo", "act", (json_int_t)n);
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

static int read_act(struct api_call *c, json_t **ret, struct err *e)
{
	static const char *const keys[] = {"do", "on", "text", "colour", "trace", "act", NULL};
	static const struct {
		const char *name;
		int (*read)(struct api_call *c, json_t **ret, struct err *e);
	} acts[] = {{"trace", act_trace},
		    {"note", act_note},
		    {"colour", act_colour},
		    {"undo", act_undo}};
	const char *what;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "do", 1, 16, &what, e);
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(acts); i++)
		if (!strcmp(acts[i].name, what))
			return acts[i].read(c, ret, e);
	return r < 0 ? r : err_set(e, ERR_INVAL, "do", "An act is trace, note, colour or undo.");
}

int api_cases_act(struct api_call *c, struct err *e)
{
	STORE_TXN(txn);
	_cleanup_(json_decrefp) json_t *act = NULL;
	struct store *s = lugd_store(lugd_of(c));
	int r = read_act(c, &act, e);
	if (r >= 0)
		r = store_begin(s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = casefile_act(s, &c->who, api_param(c, 0), act, now_s(), e);
	if (r >= 0)
		r = lugd_audit(c, AUDIT_CONFIGURATION, "case.act", api_param(c, 0), act, e);
	return r < 0 ? r : store_commit(&txn, e);
}

/* Every trace in force is asked for again, on the ledger as it is now. */
int api_cases_replay(struct api_call *c, struct err *e)
{
	static const char *const none[] = {NULL};
	json_t *j = NULL, *act;
	size_t i;
	int r = json_only(c->in, none, e);
	if (r >= 0)
		r = casefile_show(lugd_store(lugd_of(c)), &c->who, api_param(c, 0), &j, e);
	if (r < 0)
		return r;
	_cleanup_(json_decrefp) json_t *found = j;
	_cleanup_(json_decrefp) json_t *asked = json_array();
	json_array_foreach (json_object_get(json_object_get(found, "state"), "traces"), i, act) {
		char id[ASKED_ID_LEN + 1];
		r = asked_new(lugd_of(c)->questions, c->who.officer, json_object_get(act, "wish"),
			      id, e);
		if (r < 0)
			return r;
		json_array_append_new(asked, json_string(id));
	}
	return api_reply(c, json_pack("{s:O}", "traces", asked), e);
}

/* ---- disputes ---- */

int api_disputes_new(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"address", "set", "label", "text", NULL};
	STORE_TXN(txn);
	const char *address, *set, *label, *text;
	struct store *s = lugd_store(lugd_of(c));
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "address", 1, CASE_ON_MAX, &address, e);
	if (r >= 0)
		r = json_need_str(c->in, "set", 1, 1024, &set, e);
	if (r >= 0)
		r = json_need_str(c->in, "label", 1, 1024, &label, e);
	if (r >= 0)
		r = json_need_str(c->in, "text", 1, CASE_TEXT_MAX, &text, e);
	if (r >= 0)
		r = store_begin(s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = dispute_new(s, c->who.officer, address, set, label, text, now_s(), e);
	if (r >= 0)
		r = lugd_audit(c, AUDIT_CONFIGURATION, "label.dispute", address, c->in, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	return r < 0 ? r : api_reply(c, json_pack("{s:s}", "id", address), e);
}

int api_disputes_remove(struct api_call *c, struct err *e)
{
	STORE_TXN(txn);
	uint64_t id;
	const char *text = api_param(c, 0);
	struct store *s = lugd_store(lugd_of(c));
	if (dec_parse_u64(text, strlen(text), INT64_MAX, &id) < 0)
		return err_set(e, ERR_FORMAT, "id", "That is not the number of a dispute.");
	int r = store_begin(s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = dispute_remove(s, (int64_t)id, e);
	if (r >= 0)
		r = lugd_audit(c, AUDIT_CONFIGURATION, "label.undispute", text, NULL, e);
	return r < 0 ? r : store_commit(&txn, e);
}
