/* SPDX-License-Identifier: Apache-2.0
 * From a queued job to its answer: who it is, may they, the handler, the audit event. Deny by default: a person without an
 * officer's row, and a role that the route does not name, get nothing, and the refusal is an audit event. */
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "http/route.h"
#include "lugd/lugd-int.h"
#include "lugd/rights.h"

static const struct api_route routes[] = {
#define ROUTE(method, path, listener, roles, body, body_max, audit, handler, doc) \
	{API_##method,	    path,    API_##listener, roles, API_##body, body_max, \
	 API_AUDIT_##audit, handler, #handler,	     doc},
#include "lugd/routes.def"
#undef ROUTE
};

const struct api_route *dispatch_routes(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(routes);
	return routes;
}

/* ---- audit ---- */

static int record(struct lugd *d, const struct audit_event *ev, struct err *e)
{
	uint8_t salt[AUDIT_SALT_LEN];
	random_bytes(salt, sizeof(salt));
	return audit_record(d->store, ev, time_now_ms() / 1000, salt, NULL, e);
}

static struct audit_event act_of(const struct api_call *c, int type, const char *what,
				 const char *target, const json_t *detail)
{
	return (struct audit_event){.type = (enum audit_type)type,
				    .who = c->who.officer,
				    .what = what,
				    .target = target,
				    .detail = detail};
}

int lugd_audit(const struct api_call *c, int type, const char *what, const char *target,
	       const json_t *detail, struct err *e)
{
	const struct audit_event ev = act_of(c, type, what, target, detail);
	return record(c->app, &ev, e);
}

int lugd_audit_alone(const struct api_call *c, int type, const char *what, const char *target,
		     const json_t *detail, struct err *e)
{
	const struct audit_event ev = act_of(c, type, what, target, detail);
	return dispatch_record(c->app, &ev, e);
}

int dispatch_record(struct lugd *d, const struct audit_event *ev, struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(d->store, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = record(d, ev, e);
	return r < 0 ? r : store_commit(&txn, e);
}

/* What was looked at: the path with its parts, as the handler saw them. */
static const char *target_of(const struct api_call *c)
{
	const char *first = api_param(c, 0);
	return first[0] ? arena_printf(c->a, "%s (%s)", c->route->path, first) : c->route->path;
}

/* A document that leaves is known by its hash: with its entry's proof it can be shown that this node gave it out, and when. */
static json_t *export_detail(const struct api_call *c)
{
	uint8_t hash32[32];
	char hex[65];
	const char *form = api_query(c, "form");
	if (c->route->audit != API_AUDIT_EXPORT || !c->raw_type || !c->raw.len)
		return NULL;
	sha256(c->raw.p, c->raw.len, hash32);
	hex_encode(hash32, sizeof(hash32), hex);
	return json_pack("{s:s, s:I, s:s, s:s*}", "sha256", hex, "bytes", (json_int_t)c->raw.len,
			 "type", c->raw_type, "form", form);
}

int dispatch_look(struct lugd *d, const struct api_call *c, struct err *e)
{
	struct audit_event ev = {
		.who = c->who.officer, .what = c->route->name, .target = target_of(c)};
	switch (c->route->audit) {
	case API_AUDIT_NONE:
	case API_AUDIT_OWN:
		return 0;
	case API_AUDIT_VIEW:
		ev.type = AUDIT_VIEW;
		break;
	case API_AUDIT_SEARCH:
		ev.type = AUDIT_SEARCH;
		break;
	case API_AUDIT_EXPORT:
		ev.type = AUDIT_EXPORT;
		break;
	}
	_cleanup_(json_decrefp) json_t *detail = export_detail(c);
	ev.detail = detail;
	return dispatch_record(d, &ev, e);
}

/* The record that was meant, where what was typed is an id: nothing else that was typed goes into the log. */
static const char *refused_target(const struct api_call *c)
{
	const char *first = api_param(c, 0);
	bool is_id = strlen(first) == REQUEST_ID_LEN &&
		     strspn(first, "0123456789abcdef-") == REQUEST_ID_LEN;
	return is_id ? target_of(c) : c->route->path;
}

void dispatch_refusal(struct lugd *d, const struct api_call *c, const struct err *why)
{
	char who[32];
	struct err e = {0};
	if (c->web)
		snprintf(who, sizeof(who), "browser");
	else
		snprintf(who, sizeof(who), "uid:%u", c->who.uid);
	json_t *detail = json_pack("{s:s, s:s}", "code", err_name(why->code), "by", why->field);
	const struct audit_event ev = {.type = AUDIT_REFUSAL,
				       .who = c->who.officer[0] ? c->who.officer : who,
				       .what = c->route->name,
				       .target = refused_target(c),
				       .detail = detail};
	if (dispatch_record(d, &ev, &e) < 0)
		log_broken("dispatch", "a refusal could not be recorded: %s", e.message);
	json_decref(detail);
}

/* ---- people ---- */

static int authorise(struct lugd *d, struct http_job *job)
{
	struct api_call *c = &job->call;
	int r = officer_find(d, c->who.uid, job->officer_wanted, &c->who, &job->e);
	if (r >= 0) /* who holds the socket is who signed in to this machine: no step-up */
		r = rights_check(c, false, false, &job->e);
	if (r == -ERR_DENIED)
		dispatch_refusal(d, c, &job->e);
	return r;
}

static int run_people(struct lugd *d, struct http_job *job)
{
	struct api_call *c = &job->call;
	int r = authorise(d, job);
	if (r >= 0)
		r = c->route->handler(c, &job->e);
	if (r >= 0)
		r = dispatch_look(d, c, &job->e); /* what cannot be recorded is not shown */
	if (c->route->method != API_GET)
		d->dirty = true;
	return r;
}

/* ---- peers ---- */

static enum exchange_kind kind_of(const struct api_call *c)
{
	return c->route->handler == api_peer_parcels	? EXCHANGE_PARCELS
	       : c->route->handler == api_peer_receipts ? EXCHANGE_RECEIPTS
	       : c->route->handler == api_peer_heads	? EXCHANGE_HEADS
	       : c->route->handler == api_peer_recall	? EXCHANGE_RECALL
							: EXCHANGE_NOTES;
}

static int admit_peer(struct lugd *d, struct http_job *job)
{
	exchange_contact(d->exchange, job->call.who.peer);
	return exchange_admit(d->exchange, job->call.who.peer, kind_of(&job->call),
			      job->announced_len, &job->retry_s, &job->e);
}

static int receive(struct api_call *c, struct err *e)
{
	struct lugd *d = lugd_of(c);
	enum exchange_kind kind = kind_of(c);
	buf_init(&c->raw, EXCHANGE_BODY_MAX);
	int r = exchange_receive(d->exchange, c->who.peer, kind, c->body, c->body_len, &c->raw, e);
	if (r < 0)
		return r;
	c->raw_type = exchange_kind_type(kind);
	d->dirty = true;
	return 0;
}

int api_peer_parcels(struct api_call *c, struct err *e)
{
	return receive(c, e);
}

int api_peer_receipts(struct api_call *c, struct err *e)
{
	return receive(c, e);
}

int api_peer_heads(struct api_call *c, struct err *e)
{
	return receive(c, e);
}

int api_peer_notes(struct api_call *c, struct err *e)
{
	return receive(c, e);
}

int api_peer_recall(struct api_call *c, struct err *e)
{
	return receive(c, e);
}

int dispatch_submit(void *ctx, struct http_job *job)
{
	struct lugd *d = ctx;
	return queue_put(&d->queue, job);
}

static int run_job(struct lugd *d, struct http_job *job)
{
	struct api_call *c = &job->call;
	if (job->stage == HTTP_ADMIT)
		return admit_peer(d, job);
	if (c->web)
		return browser_run(d, job);
	if (c->route->listener == API_PEOPLE)
		return run_people(d, job);
	d->dirty |= c->route->listener == API_LINK;
	return c->route->handler(c, &job->e);
}

void dispatch_job(struct lugd *d, struct http_job *job)
{
	job->result = unit_begin(d, &job->e);
	if (job->result >= 0)
		job->result = run_job(d, job);
	int r = unit_end(d, job->result < 0 ? NULL : &job->e);
	if (job->result >= 0 && r < 0)
		job->result = r;
	if (job->result < 0 && http_status(job->result) >= 500)
		log_unusual("dispatch", "%s failed: %s", job->call.route->name, job->e.message);
	http_job_finish(job);
}
