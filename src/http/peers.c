/* SPDX-License-Identifier: Apache-2.0
 * curl's multi interface behind one epoll descriptor, which an outer epoll can watch.
 *
 * The peer is checked by CURLOPT_PINNEDPUBLICKEY alone: nodes trust no CA, so chain and host name are not looked at. curl
 * compares the pin before it sends anything, and keeps it with the connection, so that a reused one has the same pin. */
#include "http/peers.h"
#include "base/buf.h"
#include "base/text.h"
#include "base/time.h"
#include "http/identity-int.h"
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>

enum {
	EVENTS_MAX = 32,
	PIN_TEXT_MAX = HTTP_PINS_MAX * (8 + BASE64_LEN(HTTP_PIN_LEN) + 1) + 1,
	CONNECTS_MAX = 256,	 /* kept open for the next POST */
	EXPECT_ABOVE = 16 << 10, /* bytes of a body that is announced first */
};

struct post {
	struct post *next, *previous;
	struct http_peers *peers;
	CURL *easy;
	struct curl_slist *headers;
	struct buf reply;
	uint64_t id;
	char why[CURL_ERROR_SIZE];
};

struct http_peers {
	struct http_peers_options o;
	CURLM *multi;
	int epoll_fd;
	int64_t due_ms;
	struct post *posts;
	size_t posts_n;
};

static void post_free(struct post *t)
{
	if (t->easy) {
		curl_multi_remove_handle(t->peers->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	buf_done(&t->reply);
	free(t);
}

/* ---- curl's wishes for the event loop ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct http_peers *p = ctx;
	struct epoll_event ev = {.data.fd = fd};
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
	if (epoll_ctl(p->epoll_fd, EPOLL_CTL_MOD, fd, &ev) < 0 &&
	    epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -1;
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http_peers *p = ctx;
	p->due_ms = timeout_ms < 0 ? INT64_MAX : time_mono_ms() + timeout_ms;
	return 0;
}

static size_t on_reply(char *data, size_t size, size_t n, void *ctx)
{
	struct post *t = ctx;
	buf_put(&t->reply, data, size * n);
	return buf_err(&t->reply) < 0 ? 0 : size * n;
}

/* The identity's certificate and its key that is a callback. */
static CURLcode on_tls(CURL *easy, void *ssl_ctx, void *ctx)
{
	const struct http_identity *id = ctx;
	if (SSL_CTX_use_certificate(ssl_ctx, id->certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(ssl_ctx, id->key) != 1 ||
	    SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_3_VERSION) != 1)
		return CURLE_SSL_CERTPROBLEM;
	return CURLE_OK;
}

/* ---- open and close ---- */

int http_peers_open(const struct http_peers_options *o, struct http_peers **ret_peers,
		    struct err *e)
{
	_cleanup_(http_peers_closep) struct http_peers *p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	p->o = *o;
	p->due_ms = INT64_MAX;
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll_fd < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, ERR_IO, "http", "Cannot set up the client for peers: %s",
			       strerror(errno));
	p->multi = curl_multi_init();
	if (!p->multi ||
	    curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
	    curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p) != CURLM_OK ||
	    curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
	    curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p) != CURLM_OK ||
	    curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTS_MAX) != CURLM_OK)
		return err_set(e, ERR_NOMEM, "http", NULL);
	*ret_peers = TAKE_PTR(p);
	return 0;
}

struct http_peers *http_peers_close(struct http_peers *p)
{
	if (!p)
		return NULL;
	for (struct post *t = p->posts, *next; t; t = next) {
		next = t->next;
		post_free(t);
	}
	if (p->multi)
		curl_multi_cleanup(p->multi);
	if (p->epoll_fd >= 0)
		close(p->epoll_fd);
	free(p);
	return NULL;
}

void http_peers_limits(struct http_peers *p, int64_t connect_timeout_ms,
		       int64_t transfer_timeout_ms)
{
	p->o.connect_timeout_ms = connect_timeout_ms;
	p->o.transfer_timeout_ms = transfer_timeout_ms;
}

/* ---- a POST ---- */

static void pins_text(const uint8_t (*pins)[HTTP_PIN_LEN], size_t pins_n,
		      char out[static PIN_TEXT_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < pins_n; i++) {
		n += (size_t)snprintf(out + n, PIN_TEXT_MAX - n, "%ssha256//", i ? ";" : "");
		n += base64_encode(BASE64_PADDED, pins[i], HTTP_PIN_LEN, out + n);
	}
}

/* TLS 1.3, our certificate shown, the peer's compared with its pins. */
static bool set_tls(CURL *c, const struct http_peers *p, const char *pins)
{
	return !curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) &&
	       !curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L) &&
	       !curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L) &&
	       !curl_easy_setopt(c, CURLOPT_PINNEDPUBLICKEY, pins) &&
	       !curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
	       !curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_tls) &&
	       !curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, p->o.identity);
}

static bool set_transport(CURL *c, const struct http_peers *p, struct post *t, const char *url)
{
	return !curl_easy_setopt(c, CURLOPT_URL, url) &&
	       !curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") &&
	       !curl_easy_setopt(c, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       !curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)p->o.connect_timeout_ms) &&
	       !curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)p->o.transfer_timeout_ms) &&
	       !curl_easy_setopt(c, CURLOPT_TCP_NODELAY, 1L) &&
	       !curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->why);
}

static bool set_message(CURL *c, struct post *t, const char *type, const void *body, size_t len)
{
	char header[128];
	snprintf(header, sizeof(header), "Content-Type: %s", type);
	t->headers = curl_slist_append(NULL, header);
	/* A large body is announced first, so that a refusal arrives instead of a broken connection. */
	const char *expect = len > EXPECT_ABOVE ? "Expect: 100-continue" : "Expect:";
	if (!t->headers || !curl_slist_append(t->headers, expect))
		return false;
	return !curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers) &&
	       !curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len) &&
	       !curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, len ? body : "") &&
	       !curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_reply) &&
	       !curl_easy_setopt(c, CURLOPT_WRITEDATA, t) &&
	       !curl_easy_setopt(c, CURLOPT_PRIVATE, t);
}

int http_peers_post(struct http_peers *p, const char *url, const uint8_t (*pins)[HTTP_PIN_LEN],
		    size_t pins_n, const char *type, const void *body, size_t len, uint64_t id,
		    struct err *e)
{
	char pins_b64[PIN_TEXT_MAX];
	if (!pins_n || pins_n > HTTP_PINS_MAX || strlen(url) > HTTP_URL_MAX ||
	    strncmp(url, "https://", 8) != 0)
		return err_set(e, ERR_INVAL, "url",
			       "A peer needs an https address and 1 to %d pins.", HTTP_PINS_MAX);
	struct post *t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	t->peers = p;
	t->id = id;
	buf_init(&t->reply, p->o.reply_max);
	pins_text(pins, pins_n, pins_b64);
	CURL *c = curl_easy_init();
	if (!c || !set_transport(c, p, t, url) || !set_tls(c, p, pins_b64) ||
	    !set_message(c, t, type, body, len) || curl_multi_add_handle(p->multi, c) != CURLM_OK) {
		curl_easy_cleanup(c);
		post_free(t);
		return err_set(e, ERR_NOMEM, "url", "curl does not take the request to %s.", url);
	}
	t->easy = c;
	t->next = p->posts;
	if (p->posts)
		p->posts->previous = t;
	p->posts = t;
	p->posts_n++;
	return 0;
}

static void unlink_post(struct http_peers *p, struct post *t)
{
	if (t->previous)
		t->previous->next = t->next;
	else
		p->posts = t->next;
	if (t->next)
		t->next->previous = t->previous;
	p->posts_n--;
}

static void finish(struct http_peers *p, CURL *easy, CURLcode result)
{
	char *private = NULL;
	long status = 0;
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	struct post *t = (struct post *)(void *)private;
	if (NEVER(!t))
		return;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	unlink_post(p, t);
	const char *why = t->why[0] ? t->why : curl_easy_strerror(result);
	if (result == CURLE_OK)
		p->o.done(p->o.ctx, t->id, (unsigned)status, t->reply.p, t->reply.len, "");
	else
		p->o.done(p->o.ctx, t->id, 0, NULL, 0, why);
	post_free(t);
}

int http_peers_fd(const struct http_peers *p)
{
	return p->epoll_fd;
}

int64_t http_peers_due_ms(const struct http_peers *p)
{
	return p->due_ms;
}

size_t http_peers_busy(const struct http_peers *p)
{
	return p->posts_n;
}

void http_peers_run(struct http_peers *p)
{
	struct epoll_event events[EVENTS_MAX];
	int running, left, n = epoll_wait(p->epoll_fd, events, EVENTS_MAX, 0);
	for (int i = 0; i < n; i++) {
		int flags = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
			    (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
			    (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
		curl_multi_socket_action(p->multi, events[i].data.fd, flags, &running);
	}
	if (p->due_ms <= time_mono_ms()) {
		p->due_ms = INT64_MAX;
		curl_multi_socket_action(p->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	for (CURLMsg *m; (m = curl_multi_info_read(p->multi, &left));)
		if (m->msg == CURLMSG_DONE)
			finish(p, m->easy_handle, m->data.result);
}
