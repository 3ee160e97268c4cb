/* SPDX-License-Identifier: Apache-2.0
 * What a page is shown beside the handler's answer: the viewer, the form, what is wrong, the lists of codes; and the tables of
 * pages and forms. */
#include "lugd/visit.h"
#include "base/time.h"
#include "console/console.h"
#include "console/form.h"
#include "exchange/request-table.h"

static const char cookie_name[] = "__Host-lugdunum=";

/* ---- tables ---- */

static const struct {
	api_handler *handler;
	const char *page;
} pages[] = {
#define PAGE(handler, name) {handler, name},
#define FORM(handler, show, target)
#include "lugd/pages.def"
#undef PAGE
#undef FORM
};

static const struct {
	api_handler *handler, *show;
	const char *target;
} forms[] = {
#define PAGE(handler, name)
#define FORM(handler, show, target) {handler, show, target},
#include "lugd/pages.def"
#undef PAGE
#undef FORM
};

const char *page_find(api_handler *h)
{
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (pages[i].handler == h)
			return pages[i].page;
	return NULL;
}

api_handler *page_form_show(api_handler *h)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (forms[i].handler == h)
			return forms[i].show;
	return NULL;
}

/* "/v1/requests/{0}": {0} is the first part of the path, {id} the answer's. */
const char *page_form_target(const struct api_call *c)
{
	const char *target = "/", *id = json_string_value(json_object_get(c->out, "id"));
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (forms[i].handler == c->route->handler)
			target = forms[i].target;
	const char *brace = strchr(target, '{');
	if (!brace)
		return target;
	const char *part = brace[1] == '0' ? api_param(c, 0) : id ? id : "";
	return arena_printf(c->a, "%.*s%s", (int)(brace - target), target, part);
}

/* ---- cookie ---- */

const char *visit_token(const struct api_call *c)
{
	const char *s = c->web->cookie;
	while (s && *s) {
		s += strspn(s, "; ");
		size_t len = strcspn(s, ";");
		if (len > sizeof(cookie_name) - 1 &&
		    !strncmp(s, cookie_name, sizeof(cookie_name) - 1))
			return arena_str(c->a, s + sizeof(cookie_name) - 1,
					 len - (sizeof(cookie_name) - 1));
		s += len;
	}
	return "";
}

const char *visit_cookie(struct arena *a, const char *token)
{
	return arena_printf(a, "%s%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%d",
			    cookie_name, token ? token : "", token ? ACCESS_ABSOLUTE_S : 0);
}

/* ---- the model behind "@" ---- */

static json_t *viewer_json(const struct visit *v)
{
	if (!v->signed_in)
		return json_pack("{s:s}", "language", lang_tag(v->lang));
	return json_pack("{s:s, s:o, s:s, s:s, s:s, s:b}", "officer", v->session.officer, "roles",
			 officer_roles_json(v->c->who.roles), "how",
			 access_how_name(v->session.how), "zone", v->session.zone, "language",
			 lang_tag(v->lang), "proved",
			 v->now_s - v->session.proved_s <= ACCESS_PROVED_S - 60);
}

static json_t *languages_json(void)
{
	json_t *list = json_array();
	const struct lang *l;
	for (size_t i = 0; list && (l = lang_nth(i)); i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s}", "tag", lang_tag(l), "name", lang_name(l)));
	return list;
}

/* Every coded list of requests.def, for the choices of forms. */
static json_t *codes_json(void)
{
	static const struct {
		const char *list, *code;
	} rows[] = {
#define REQUEST_CODE(list, text, doc) {#list, text},
#define REQUEST_TYPE(name, text, flags, assets_min, term_days, doc) {"TYPE", text},
#define REQUEST_CLASS(name, text, receipt_s, ack_s, answer_s, life_s, flags, doc) {"CLASS", text},
#define REQUEST_GROUND(name, text, flags, doc) {"GROUND", text},
#define REQUEST_STATE(name, text, flags, doc) {"STATE", text},
#include "exchange/requests.def"
	};
	json_t *o = json_object();
	for (size_t i = 0; o && i < ARRAY_LEN(rows); i++) {
		json_t *list = json_object_get(o, rows[i].list);
		if (!list) {
			list = json_array();
			json_object_set_new(o, rows[i].list, list);
		}
		json_array_append_new(list, json_string(rows[i].code));
	}
	json_object_set_new(
		o, "policy",
		json_pack("[s, s, s, s, s]", "haircut", "fifo", "lifo", "tiho", "poison"));
	json_object_set_new(o, "flow", json_pack("[s, s]", "forward", "backward"));
	json_object_set_new(o, "colour",
			    json_pack("[s, s, s, s, s]", "red", "amber", "green", "blue", "none"));
	json_object_set_new(o, "side", json_pack("[s, s]", "received", "sent"));
	json_object_set_new(o, "role", officer_roles_json(API_ANY_ROLE));
	return o;
}

static json_t *query_json(const struct api_call *c)
{
	json_t *o = json_object();
	for (size_t i = 0; o && i < c->query_n; i++)
		json_object_set_new(o, c->query[i].name, json_string(c->query[i].value));
	return o;
}

/* What was typed, by field without its type; what the browser sent beside the form stays out. */
static json_t *form_typed(const json_t *fields)
{
	char path[FORM_NAME_MAX + 1];
	const char *name;
	json_t *value, *o = json_object();
	json_object_foreach ((json_t *)(uintptr_t)fields, name, value) {
		form_path(name, path);
		if (name[0] != '_' && strcmp(path, "password") != 0)
			json_object_set(o, path, value);
	}
	return o;
}

/* ---- what is wrong, in the reader's language ---- */

/* The exact sentence, where it is translated. */
static const char *exact_text(const struct visit *v)
{
	return v->e->message[0] ? lang_lookup(v->lang, "message", v->e->message) : NULL;
}

/* That, else the sentence of its code. */
static const char *error_text(const struct visit *v, int code)
{
	const char *exact = exact_text(v);
	return exact ? exact : lang_text(v->lang, "error", err_name(code));
}

/* An object that is missing as a whole, "offence": its message stands at the first of its fields in the form, "offence.code". */
static void spread_error(const struct visit *v, json_t *errors, const char *text)
{
	char path[FORM_NAME_MAX + 1];
	const char *name, *field = v->e->field;
	size_t len = strlen(field);
	json_t *value;
	json_object_foreach (v->fields, name, value) {
		form_path(name, path);
		if (len && !strncmp(path, field, len) && (path[len] == '.' || path[len] == '[')) {
			json_object_set_new(errors, path, json_string(text));
			return;
		}
	}
}

static json_t *errors_json(const struct visit *v, int code)
{
	const char *text = error_text(v, code);
	json_t *errors = json_pack("{s:s}", v->e->field[0] ? v->e->field : "_", text);
	if (errors && v->fields)
		spread_error(v, errors, text);
	return errors;
}

static json_t *error_json(const struct visit *v, int code)
{
	if (!code)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:s}", "code", err_name(code), "field", v->e->field,
			 "message", error_text(v, code), "detail",
			 exact_text(v) ? "" : v->e->message);
}

/* What a page wants its form to begin with. */
static json_t *typed_before(const json_t *data)
{
	json_t *typed = json_object_get(data, "typed");
	return typed ? json_incref(typed) : json_object();
}

static json_t *model(const struct visit *v, const json_t *data, int code)
{
	char now[TIME_TEXT_MAX];
	json_t *at = json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "viewer",
			       viewer_json(v), "node", lugd_node(v->d), "csrf", v->session.csrf,
			       "now", time_utc(v->now_s, now), "route", v->c->route->name, "target",
			       v->c->route->method == API_GET ? v->c->web->target : "/v1/desk",
			       "languages", languages_json(), "codes", codes_json(), "query",
			       query_json(v->c), "error", error_json(v, code));
	if (!at)
		return NULL;
	json_object_set_new(at, "form", v->fields ? form_typed(v->fields) : typed_before(data));
	json_object_set_new(at, "errors", code ? errors_json(v, code) : json_object());
	json_object_set_new(at, "act", code ? json_string(v->c->route->name) : json_null());
	return at;
}

int visit_page(struct visit *v, const char *name, const json_t *data, int code, struct err *e)
{
	struct api_call *c = v->c;
	json_t *at = model(v, data, code);
	if (!at)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	const struct page_in in = {.lang = v->lang, .zone = v->zone, .data = data, .at = at};
	buf_done(&c->raw);
	buf_init(&c->raw, PAGE_MAX);
	int r = page_render(name, &in, &c->raw, e);
	json_decref(at);
	if (r < 0)
		return r;
	c->raw_type = "text/html; charset=utf-8";
	c->web->page = true;
	return 0;
}
