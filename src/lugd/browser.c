/* SPDX-License-Identifier: Apache-2.0
 * The console's listener. A call passes, in this order: session, officer, origin and token of a form, rights with step-up, the
 * handler, the audit event, the page. Anything that fails ends it. docs/console.md 3. */
#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "console/asset.h"
#include "console/form.h"
#include "crypto/crypto.h"
#include "http/route.h"
#include "lugd/rights.h"
#include "lugd/visit.h"
#include <assert.h>

enum {
	PING_MS = 15000,
	SWEEP_MS = 60000,
	IDLE_S = 120,
	PEM_MAX = 64 << 10,
};
static_assert((int)ACCESS_PIN_LEN == (int)HTTP_PIN_LEN, "a certificate is known by its pin");

/* ---- listener ---- */

static int read_pem(struct lugd *d, const struct conf_value *value, struct buf *out, struct err *e)
{
	char path[CONF_TEXT_MAX + 1];
	int r = conf_path(&d->conf, value, path);
	if (r >= 0)
		r = file_read(path, out, e);
	return r < 0 ? r : buf_err(out);
}

static int listen_with(struct lugd *d, struct http_server_options *o, struct err *e)
{
	struct buf certificate _cleanup_(buf_done), key _cleanup_(buf_done);
	buf_init(&certificate, PEM_MAX);
	buf_init(&key, PEM_MAX);
	if (d->conf.console_certificate.text[0]) {
		int r = read_pem(d, &d->conf.console_certificate, &certificate, e);
		if (r >= 0)
			r = read_pem(d, &d->conf.console_key, &key, e);
		if (r < 0)
			return r;
		o->certificate_pem = buf_cstr(&certificate);
		o->key_pem = buf_cstr(&key);
	}
	o->fd = http_listen_tcp(d->conf.console_listen.text, &d->console_port, e);
	int r = o->fd < 0 ? o->fd : http_server_open(o, &d->browser_server, e);
	secret_wipe(key.p, key.len);
	return r;
}

int browser_open(struct lugd *d, struct err *e)
{
	struct http_server_options o = {.listener = API_BROWSER,
					.identity = d->identity,
					.connections_max =
						(unsigned)d->conf.console_connections.number,
					.idle_s = IDLE_S,
					.submit = dispatch_submit,
					.ctx = d,
					.app = d};
	if (!d->conf.console_listen.text[0])
		return 0;
	if (!asset_find("app.css"))
		return err_set(e, ERR_UNSUPPORTED, "console_listen",
			       "This lugd was built without the console (-Dconsole=disabled).");
	o.routes = dispatch_routes(&o.routes_n);
	d->pace = calloc(1, sizeof(*d->pace));
	int r = d->pace ? lang_start(e) : err_set(e, ERR_NOMEM, NULL, NULL);
	if (r >= 0)
		r = listen_with(d, &o, e);
	if (r >= 0)
		log_info("console", "serving listen=%s port=%u", d->conf.console_listen.text,
			 d->console_port);
	return r;
}

void browser_close(struct lugd *d)
{
	d->browser_server = http_server_close(d->browser_server);
	free(d->pace);
	d->pace = NULL;
}

void browser_tell(struct lugd *d)
{
	if (d->browser_server)
		http_server_tell(d->browser_server, "event: change\ndata:\n\n");
}

void browser_tick(struct lugd *d)
{
	struct err e = {0};
	int64_t now_ms = time_mono_ms();
	if (!d->browser_server)
		return;
	if (now_ms >= d->tell_due_ms) {
		d->tell_due_ms = now_ms + PING_MS;
		http_server_tell(d->browser_server, "event: ping\ndata:\n\n");
	}
	if (now_ms >= d->sweep_due_ms) {
		d->sweep_due_ms = now_ms + SWEEP_MS;
		if (access_sweep(d->store, time_now_ms() / 1000, &e) < 0)
			log_unusual("console", "old sessions stay for now: %s", e.message);
	}
}

/* ---- who it is ---- */

/* The event stream, and what a page asks for because of it, are nobody's act. */
static enum access_use use_of(const struct api_call *c)
{
	bool by_page = c->route->handler == api_stream || c->web->background[0];
	return by_page ? ACCESS_BY_PAGE : ACCESS_BY_PERSON;
}

static int find_session(struct visit *v)
{
	struct err none = {0};
	v->token = visit_token(v->c);
	int r = v->token[0] ? access_session_find(v->d->store, v->token, use_of(v->c), v->now_s,
						  &v->session, &none)
			    : -ERR_SIGNED_OUT;
	if (r >= 0)
		r = officer_roles(v->d, v->session.officer, &v->c->who.roles, &none);
	if (r == -ERR_SIGNED_OUT || r == -ERR_DENIED) /* an officer who was switched off is out */
		return 0;
	if (r < 0)
		return err_set(v->e, r, NULL, "%s", none.message);
	snprintf(v->c->who.officer, sizeof(v->c->who.officer), "%s", v->session.officer);
	v->signed_in = true;
	return 0;
}

static void find_reader(struct visit *v)
{
	struct err none = {0};
	const char *wanted = api_query(v->c, "language");
	v->lang = wanted ? lang_find(wanted) : v->signed_in ? lang_find(v->session.language) : NULL;
	if (!v->lang)
		v->lang = lang_pick(v->c->web->languages);
	if (v->signed_in && v->session.zone[0] &&
	    tz_open(v->session.zone, &v->zone, &none) < 0) /* unknown on this machine: UTC */
		v->zone = NULL;
}

/* ---- what was sent ---- */

static int read_form(struct visit *v)
{
	static const char form[] = "application/x-www-form-urlencoded";
	struct api_call *c = v->c;
	if (c->route->method == API_GET || strncasecmp(c->web->type, form, sizeof(form) - 1) != 0)
		return 0;
	int r = form_parse(c->body, c->body_len, &v->fields, v->e);
	if (r >= 0 && c->route->body == API_JSON_BODY)
		r = form_json(v->fields, &c->in, v->e);
	return r;
}

/* With Referrer-Policy no-referrer browsers send "Origin: null" with forms; then Sec-Fetch-Site, which no page can set, says it. */
static bool same_origin(const struct api_web *w)
{
	static const char scheme[] = "https://";
	bool same_site = !w->site[0] || !strcmp(w->site, "same-origin");
	if (!strcmp(w->origin, "null"))
		return !strcmp(w->site, "same-origin");
	return same_site && !strncmp(w->origin, scheme, sizeof(scheme) - 1) &&
	       !strcmp(w->origin + sizeof(scheme) - 1, w->host);
}

static bool token_right(const struct visit *v)
{
	const char *sent = json_string_value(json_object_get(v->fields, "_csrf"));
	if (!sent)
		sent = v->c->web->token;
	return strlen(sent) == ACCESS_CSRF_TEXT &&
	       secret_equal(sent, v->session.csrf, ACCESS_CSRF_TEXT);
}

static int check_sender(struct visit *v)
{
	const struct api_call *c = v->c;
	bool report =
		c->route->handler == api_csp_report; /* sent by the browser itself, shows nothing */
	if (c->route->method == API_GET || report)
		return 0;
	if (!same_origin(c->web))
		return err_set(v->e, ERR_DENIED, NULL, "The form was not sent from this console.");
	if (v->signed_in && !(c->route->roles & API_PUBLIC) && !token_right(v))
		return err_set(v->e, ERR_DENIED, NULL,
			       "The form is not of this session; load the page again.");
	return 0;
}

/* Changes are counted, by officer, or by address before the sign-in. */
static int check_pace(struct visit *v)
{
	const struct api_call *c = v->c;
	if (c->route->method == API_GET)
		return 0;
	int r = access_pace(v->d->pace, v->signed_in ? v->session.officer : c->web->address,
			    time_mono_ms());
	return r < 0 ? err_set(v->e, r, NULL, "Too many changes within a minute; wait a little.")
		     : 0;
}

/* ---- rights ---- */

static int check_code(struct visit *v, const char *code)
{
	return access_check(v->d->store,
			    &(const struct access_try){.officer = v->session.officer,
						       .address = v->c->web->address,
						       .code = code,
						       .now_s = v->now_s},
			    v->e);
}

/* A fresh act of proof beside the act: a key that was touched, or a code. What the connection shows by itself, a card in its reader, is
 * none. */
static int prove(struct visit *v)
{
	const char *code = json_string_value(json_object_get(v->fields, "_code"));
	const char *key = json_string_value(json_object_get(v->fields, "_key"));
	if (!(code && *code) && !(key && *key))
		return 0;
	int r = key && *key ? key_prove(v->c, v->session.officer, key, v->e) : check_code(v, code);
	if (r >= 0)
		r = access_session_proved(v->d->store, v->token, v->now_s, v->e);
	if (r >= 0)
		v->session.proved_s = v->now_s;
	return r;
}

static int check_rights(struct visit *v, bool step_up)
{
	return rights_check(v->c, step_up, v->now_s - v->session.proved_s <= ACCESS_PROVED_S, v->e);
}

static int authorise(struct visit *v)
{
	const struct api_call *c = v->c;
	if (c->route->roles & API_PUBLIC)
		return 0;
	if (!v->signed_in)
		return err_set(v->e, ERR_SIGNED_OUT, NULL, NULL);
	bool step_up = rights_step_up(c);
	int r = check_rights(v, false); /* a code is not used up for what is denied anyway */
	if (r < 0 || !step_up)
		return r;
	r = prove(v);
	return r < 0 ? r : check_rights(v, true);
}

/* ---- the answer ---- */

static const char *sign_in_address(const struct visit *v)
{
	const struct api_web *w = v->c->web;
	struct buf b _cleanup_(buf_done);
	buf_init(&b, 4 * API_PATH_MAX);
	buf_str(&b, "/v1/sign-in");
	if (v->c->route->method == API_GET && strcmp(w->target, "/v1/desk") != 0) {
		buf_str(&b, "?next=");
		for (const char *s = w->target; *s; s++)
			buf_printf(&b, "%%%02X", (unsigned char)*s);
	}
	return arena_str(v->c->a, buf_cstr(&b), b.len);
}

/* The page on which a refused form stands, with all that was typed. */
static int show_form_again(struct visit *v, api_handler *show, int code)
{
	struct err e = {0};
	struct api_call page = *v->c;
	page.in = NULL;
	page.out = NULL;
	page.raw = (struct buf){0};
	int r = show(&page, &e);
	if (r >= 0)
		r = visit_page(v, page_find(show), page.out, code, &e);
	json_decref(page.out);
	return r;
}

static void show_failure(struct visit *v, int code)
{
	struct err e = {0};
	struct api_call *c = v->c;
	api_handler *show = page_form_show(c->route->handler);
	if (code == -ERR_SIGNED_OUT && !c->web->partial[0]) {
		c->web->location = sign_in_address(v);
		return;
	}
	bool may_show =
		show && (v->signed_in || page_form_show(c->route->handler) == api_sign_in_show);
	int r = may_show ? show_form_again(v, show, code) : -ERR_NOENT;
	if (r < 0 && code == -ERR_STEP_UP)
		r = visit_page(v, "proof", NULL, code, &e);
	if (r < 0)
		r = visit_page(v, "error", NULL, code, &e);
	if (r < 0)
		log_unusual("console", "no page for an error: %s", e.message);
}

static int show_answer(struct visit *v)
{
	struct api_call *c = v->c;
	const char *name = page_find(c->route->handler);
	c->web->attachment = c->route->audit == API_AUDIT_EXPORT;
	if (c->web->location || c->web->stream || c->raw_type)
		return 0;
	if (page_form_show(c->route->handler) && v->fields && v->html) {
		c->web->location = page_form_target(c);
		return c->web->location ? 0 : err_set(v->e, ERR_NOMEM, NULL, NULL);
	}
	return name && v->html ? visit_page(v, name, c->out, 0, v->e) : 0;
}

static int run(struct visit *v)
{
	struct api_call *c = v->c;
	int r = find_session(v);
	find_reader(v);
	if (r >= 0)
		r = check_pace(v);
	if (r >= 0)
		r = read_form(v);
	if (r >= 0)
		r = check_sender(v);
	if (r >= 0)
		r = authorise(v);
	if (r == -ERR_DENIED || r == -ERR_QUOTA)
		dispatch_refusal(v->d, c, v->e);
	if (r >= 0)
		r = c->route->handler(c, v->e);
	if (r >= 0)
		r = dispatch_look(v->d, c, v->e); /* what cannot be recorded is not shown */
	if (c->route->method != API_GET)
		v->d->dirty = true;
	return r < 0 ? r : show_answer(v);
}

int browser_run(struct lugd *d, struct http_job *job)
{
	struct visit v = {.d = d,
			  .c = &job->call,
			  .e = &job->e,
			  .now_s = time_now_ms() / 1000,
			  .html = strstr(job->call.web->accept, "text/html") != NULL};
	int r = run(&v);
	if (r < 0 && v.html)
		show_failure(&v, r);
	json_decref(v.fields);
	tz_free(v.zone);
	return r;
}
