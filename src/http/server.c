/* SPDX-License-Identifier: Apache-2.0
 * HTTP server over libmicrohttpd.
 *
 * One request is one struct call, made when the request line was read and freed when the reply is out:
 *
 *	NEW -> route, who, caps -> [ADMITTING: with the logic thread] -> BODY -> RUNNING: with the logic thread -> DONE: reply
 *
 * Refusals are answered from NEW or DONE, the only states in which the library takes a reply. While a job is with the logic
 * thread its connection is suspended and nothing here touches the call. */
#include "http/server.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "http/route.h"
#include "http/tls-int.h"
#include "http/web-int.h"
#include <microhttpd.h>
#include <pthread.h>
#include <sys/socket.h>

enum {
	CONNECTION_MEMORY = 32 << 10, /* request line and headers */
	PER_ADDRESS_DIVISOR = 4,      /* one address may have this part of the peers' connections */
	PER_ADDRESS_MIN = 16,
	LENGTH_DIGITS_MAX = 12,
	FORM_EXTRA =
		4096,	 /* bytes of a form beside what its route takes: the console's own fields */
	FORM_GROWTH = 3, /* a byte becomes %XX */
};

enum call_state { CALL_NEW, CALL_ADMITTING, CALL_ADMITTED, CALL_BODY, CALL_RUNNING, CALL_DONE };

struct http_server {
	struct http_server_options o;
	struct MHD_Daemon *daemon;
	struct tls_server tls;
	struct streams streams;
	int closing; /* atomic */
};

struct call {
	struct http_job job; /* first: http_job_finish() gets back to the call */
	struct arena arena;
	struct http_server *server;
	struct MHD_Connection *connection;
	enum call_state state;
	struct buf body;
	struct api_web web;
	size_t uri_len;
	char uri[API_PATH_MAX + 1]; /* more was cut off when uri_len says so */
};

/* ---- life of a call ---- */

static void *call_new(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct http_server *s = cls;
	struct call *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->server = s;
	c->connection = connection;
	c->uri_len = strlen(uri);
	memcpy(c->uri, uri, c->uri_len < API_PATH_MAX ? c->uri_len : API_PATH_MAX);
	arena_init(&c->arena, API_ARENA_MAX);
	c->job.call.a = &c->arena;
	c->job.call.app = s->o.app;
	c->job.call.web = s->o.listener == API_BROWSER ? &c->web : NULL;
	return c;
}

static void call_free(void *cls, struct MHD_Connection *connection, void **con_cls,
		      enum MHD_RequestTerminationCode why)
{
	struct call *c = *con_cls;
	if (!c)
		return;
	json_decref(c->job.call.in);
	json_decref(c->job.call.out);
	buf_done(&c->job.call.raw);
	buf_done(&c->body);
	arena_done(&c->arena);
	free(c);
	*con_cls = NULL;
}

/* ---- replies ---- */

static const char *caching(const struct call *c)
{
	return c->job.call.web && c->web.immutable ? "public, max-age=31536000, immutable"
						   : "no-store";
}

static enum MHD_Result reply_with(struct call *c, unsigned status, struct MHD_Response *r,
				  const char *type)
{
	char retry[24];
	snprintf(retry, sizeof(retry), "%lld", (long long)c->job.retry_s);
	bool ok = (!type || MHD_add_response_header(r, "Content-Type", type) == MHD_YES) &&
		  MHD_add_response_header(r, "Cache-Control", caching(c)) == MHD_YES &&
		  (!c->job.call.web || web_headers(r, &c->web)) &&
		  MHD_add_response_header(r, "X-Content-Type-Options", "nosniff") == MHD_YES &&
		  (!c->job.retry_s || MHD_add_response_header(r, "Retry-After", retry) == MHD_YES);
	enum MHD_Result done = ok ? MHD_queue_response(c->connection, status, r) : MHD_NO;
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result reply_bytes(struct call *c, unsigned status, void *p, size_t len,
				   const char *type)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, p, MHD_RESPMEM_MUST_FREE);
	if (!r) {
		free(p);
		return MHD_NO;
	}
	return reply_with(c, status, r, type);
}

static enum MHD_Result reply_json(struct call *c, unsigned status, const json_t *j)
{
	char *text = j ? json_text(j) : NULL;
	return text ? reply_bytes(c, status, text, strlen(text), "application/json") : MHD_NO;
}

static enum MHD_Result reply_error(struct call *c)
{
	struct err *e = &c->job.e;
	if (e->code >= 0)
		err_set(e, c->job.result, NULL, NULL);
	_cleanup_(json_decrefp) json_t *j = http_error_json(e);
	return reply_json(c, http_status(c->job.result), j);
}

static enum MHD_Result reply_raw(struct call *c, unsigned status)
{
	struct api_call *call = &c->job.call;
	size_t len = call->raw.len;
	uint8_t *p = buf_take(&call->raw, &len);
	return reply_bytes(c, status, p ? p : calloc(1, 1), p ? len : 0, call->raw_type);
}

static enum MHD_Result reply_stream(struct call *c)
{
	struct MHD_Response *r = streams_open(&c->server->streams, c->connection);
	return r ? reply_with(c, MHD_HTTP_OK, r, "text/event-stream") : MHD_NO;
}

/* What only browsers are answered: a page (also for an error), another address, a stream. */
static bool is_web_reply(const struct call *c)
{
	return c->job.call.web && (c->web.page || c->web.location || c->web.stream);
}

static enum MHD_Result reply_web(struct call *c)
{
	if (c->web.location)
		return reply_bytes(c, MHD_HTTP_SEE_OTHER, calloc(1, 1), 0, NULL);
	if (c->web.page)
		return reply_raw(c, http_status(c->job.result));
	return reply_stream(c);
}

static enum MHD_Result reply(struct call *c)
{
	struct api_call *call = &c->job.call;
	if (is_web_reply(c))
		return reply_web(c);
	if (c->job.result < 0)
		return reply_error(c);
	if (call->raw_type)
		return reply_raw(c, call->raw_status ? call->raw_status : MHD_HTTP_OK);
	if (!call->out)
		return reply_bytes(c, MHD_HTTP_NO_CONTENT, calloc(1, 1), 0, NULL);
	return reply_json(c, MHD_HTTP_OK, call->out);
}

static enum MHD_Result refuse(struct call *c, int code)
{
	c->state = CALL_DONE;
	c->job.result = code;
	return reply_error(c);
}

/* ---- handing over and back ---- */

static enum MHD_Result hand_over(struct call *c, enum http_stage stage, enum call_state state)
{
	struct http_server *s = c->server;
	c->job.stage = stage;
	c->job.result = 0;
	c->state = state;
	MHD_suspend_connection(c->connection);
	int r = __atomic_load_n(&s->closing, __ATOMIC_ACQUIRE) ? -ERR_AGAIN
							       : s->o.submit(s->o.ctx, &c->job);
	if (r < 0) {
		err_set(&c->job.e, r, NULL, "The node is going down; try again in a moment.");
		c->job.result = r;
		c->state = CALL_DONE;
		MHD_resume_connection(c->connection);
	}
	return MHD_YES;
}

void http_job_finish(struct http_job *job)
{
	struct call *c = (struct call *)job;
	bool goes_on = c->state == CALL_ADMITTING && job->result >= 0;
	c->state = goes_on ? CALL_ADMITTED : CALL_DONE;
	MHD_resume_connection(c->connection);
}

/* ---- who calls ---- */

static int find_peer(struct call *c, const union MHD_ConnectionInfo *info)
{
	uint8_t pin[HTTP_PIN_LEN];
	int r = info ? tls_peer_pin((gnutls_session_t)info->tls_session, pin) : -ERR_KEY_UNKNOWN;
	return r < 0 ? r : c->server->o.peer_by_pin(c->server->o.ctx, pin, c->job.call.who.peer);
}

static int find_person(struct call *c, const union MHD_ConnectionInfo *info)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
	    len != sizeof(cred))
		return err_set(&c->job.e, ERR_DENIED, NULL,
			       "The system does not say who is calling.");
	c->job.call.who.uid = cred.uid;
	const char *officer =
		MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Lugdunum-Officer");
	size_t officer_len = officer ? strlen(officer) : 0;
	if (officer && (officer_len > API_NAME_MAX || !name_valid(officer, officer_len)))
		return err_set(&c->job.e, ERR_INVAL, "Lugdunum-Officer",
			       "The officer's name is malformed.");
	if (officer)
		memcpy(c->job.officer_wanted, officer, officer_len + 1);
	return 0;
}

/* Who a browser stands for, the logic thread finds out; here only the certificate that it may have shown. */
static int find_browser(struct call *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	c->web.certificate =
		info && tls_peer_pin((gnutls_session_t)info->tls_session, c->web.pin32) >= 0;
	return web_read(c->connection, c->uri, &c->arena, &c->web, &c->job.e);
}

static int find_caller(struct call *c)
{
	switch (c->server->o.listener) {
	case API_PEER:
		return find_peer(c, MHD_get_connection_info(c->connection,
							    MHD_CONNECTION_INFO_GNUTLS_SESSION));
	case API_PEOPLE:
		return find_person(c, MHD_get_connection_info(c->connection,
							      MHD_CONNECTION_INFO_CONNECTION_FD));
	case API_BROWSER:
		return find_browser(c);
	case API_LINK:
		return 0; /* who it is, the token says */
	}
	return -ERR_DENIED;
}

/* ---- the request's head and body ---- */

static bool is_form(const struct call *c)
{
	static const char form[] = "application/x-www-form-urlencoded";
	return c->job.call.web && !strncasecmp(c->web.type, form, sizeof(form) - 1);
}

static size_t body_max(const struct call *c)
{
	size_t max = c->job.call.route->body_max;
	return is_form(c) ? max * FORM_GROWTH + FORM_EXTRA : max;
}

/* The announced length, which a body must have: what is too large is refused before it is read. */
static int body_length(struct call *c, size_t *ret_len)
{
	const char *length =
		MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Content-Length");
	uint64_t n = 0;
	if (MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Transfer-Encoding"))
		return err_set(&c->job.e, ERR_UNSUPPORTED, "Transfer-Encoding",
			       "Send the body with Content-Length.");
	if (length && (strlen(length) > LENGTH_DIGITS_MAX ||
		       dec_parse_u64(length, strlen(length), SIZE_MAX, &n) < 0))
		return err_set(&c->job.e, ERR_FORMAT, "Content-Length",
			       "Content-Length is malformed.");
	size_t max = body_max(c);
	if (n > max)
		return err_set(&c->job.e, ERR_OVERSIZE, "body",
			       "The body has %llu bytes, more than the limit of %zu.",
			       (unsigned long long)n, max);
	*ret_len = (size_t)n;
	return 0;
}

static enum MHD_Result on_head(struct call *c, const char *method)
{
	struct http_server *s = c->server;
	int r = route_match(s->o.routes, s->o.routes_n, s->o.listener, method, c->uri, c->uri_len,
			    &c->job.call, &c->job.e);
	if (r >= 0)
		r = find_caller(c);
	if (r >= 0)
		r = body_length(c, &c->job.announced_len);
	if (r < 0)
		return refuse(c, r);
	buf_init(&c->body, body_max(c));
	if (s->o.listener == API_PEER && c->job.call.route->body == API_RAW_BODY)
		return hand_over(c, HTTP_ADMIT, CALL_ADMITTING);
	c->state = CALL_BODY;
	return MHD_YES;
}

static enum MHD_Result on_body_end(struct call *c)
{
	struct api_call *call = &c->job.call;
	if (call->route->body == API_JSON_BODY && !is_form(c)) {
		int r = json_parse(c->body.p ? (const char *)c->body.p : "", c->body.len, &call->in,
				   &c->job.e);
		if (r >= 0 && !json_is_object(call->in))
			r = err_set(&c->job.e, ERR_FORMAT, "body",
				    "The body must be a JSON object.");
		if (r < 0)
			return refuse(c, r);
	}
	call->body = c->body.p;
	call->body_len = c->body.len;
	return hand_over(c, HTTP_RUN, CALL_RUNNING);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload_data,
				  size_t *upload_data_size, void **con_cls)
{
	struct call *c = *con_cls;
	if (!c)
		return MHD_NO;
	switch (c->state) {
	case CALL_NEW:
		return on_head(c, method);
	case CALL_ADMITTED: /* the library asks about the head once more */
		c->state = CALL_BODY;
		return MHD_YES;
	case CALL_BODY:
		if (!*upload_data_size)
			return on_body_end(c);
		buf_put(&c->body, upload_data, *upload_data_size);
		*upload_data_size = 0;
		return buf_err(&c->body) < 0 ? MHD_NO : MHD_YES;
	case CALL_DONE:
		if (*upload_data_size) { /* refused: the rest of the body is not wanted */
			*upload_data_size = 0;
			return MHD_YES;
		}
		return reply(c);
	case CALL_ADMITTING:
	case CALL_RUNNING:
		return MHD_NO; /* suspended: the library does not call */
	}
	return MHD_NO;
}

/* ---- connections ---- */

static bool pin_known(void *ctx, const uint8_t pin32[static HTTP_PIN_LEN])
{
	const struct http_server *s = ctx;
	char name[API_NAME_MAX + 1];
	return s->o.peer_by_pin(s->o.ctx, pin32, name) >= 0;
}

static bool has_tls(const struct http_server *s)
{
	return s->o.listener == API_PEER || s->o.listener == API_BROWSER;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = cls;
	if (what != MHD_CONNECTION_NOTIFY_STARTED || !has_tls(s))
		return;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	if (info)
		tls_server_session(&s->tls, (gnutls_session_t)info->tls_session);
}

/* The library would decode the path before we split it; route.c does that, in the right order. */
static size_t keep_escapes(void *cls, struct MHD_Connection *c, char *s)
{
	return strlen(s);
}

static int start_tls(struct http_server *s, struct err *e)
{
	s->tls.pin_known = pin_known;
	s->tls.ctx = s;
	s->tls.ask_only = s->o.listener == API_BROWSER;
	if (s->o.certificate_pem)
		return tls_server_init_pem(&s->tls, s->o.certificate_pem, s->o.key_pem, e);
	return tls_server_init(&s->tls, s->o.identity, e);
}

static int start(struct http_server *s, struct err *e)
{
	const char *priorities =
		s->o.listener == API_BROWSER ? TLS_PRIORITIES_BROWSER : TLS_PRIORITIES;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
	unsigned per_address = s->o.connections_max / PER_ADDRESS_DIVISOR;
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)priorities},
		{MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)tls_server_retrieve},
		{MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		 per_address > PER_ADDRESS_MIN ? (intptr_t)per_address : PER_ADDRESS_MIN, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	const struct MHD_OptionItem *extra = &tls[3];
	if (has_tls(s)) {
		flags |= MHD_USE_TLS;
		extra = tls;
		int r = start_tls(s, e);
		if (r < 0)
			return r;
	}
	s->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, s->o.fd,
		MHD_OPTION_URI_LOG_CALLBACK, call_new, s, MHD_OPTION_NOTIFY_COMPLETED, call_free, s,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_UNESCAPE_CALLBACK,
		keep_escapes, s, MHD_OPTION_CONNECTION_LIMIT, s->o.connections_max,
		MHD_OPTION_CONNECTION_TIMEOUT, s->o.idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, extra,
		MHD_OPTION_END);
	if (!s->daemon)
		return err_set(e, ERR_IO, "http", "The HTTP server did not start: %s",
			       strerror(errno));
	s->o.fd = -1;
	return 0;
}

int http_server_open(const struct http_server_options *o, struct http_server **ret_server,
		     struct err *e)
{
	_cleanup_(closep) int fd = o->fd;
	_cleanup_(http_server_closep) struct http_server *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	streams_init(&s->streams);
	s->o.fd = -1;
	if ((o->listener == API_PEER && (!o->identity || !o->peer_by_pin)) ||
	    (o->listener == API_BROWSER && !o->identity))
		return err_set(e, ERR_INVAL, "http",
			       "A listener for peers needs an identity and pins.");
	s->o = *o;
	s->o.fd = TAKE_FD(fd);
	int r = start(s, e);
	if (r < 0)
		return r;
	*ret_server = TAKE_PTR(s);
	return 0;
}

void http_server_quiesce(struct http_server *s)
{
	__atomic_store_n(&s->closing, 1, __ATOMIC_RELEASE);
	streams_end(&s->streams);
	int fd = MHD_quiesce_daemon(s->daemon);
	if (fd >= 0)
		close(fd);
}

void http_server_tell(struct http_server *s, const char *text)
{
	streams_tell(&s->streams, text);
}

struct http_server *http_server_close(struct http_server *s)
{
	if (!s)
		return NULL;
	streams_end(&s->streams);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	streams_done(&s->streams);
	if (s->o.fd >= 0)
		close(s->o.fd);
	tls_server_done(&s->tls);
	free(s);
	return NULL;
}
