/* SPDX-License-Identifier: Apache-2.0
 * Tests of http: routes as text, then real servers and clients over loopback and UNIX sockets, with real TLS. */
#include "base/cleanup.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "http/client.h"
#include "http/peers.h"
#include "http/route.h"
#include "http/server.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct err e;

/* ---- a small API ---- */

static int api_echo(struct api_call *c, struct err *err)
{
	return api_reply(c,
			 json_pack("{s:O, s:s, s:i}", "in", c->in, "id", api_param(c, 0), "uid",
				   (int)c->who.uid),
			 err);
}

static int api_hello(struct api_call *c, struct err *err)
{
	const char *q = api_query(c, "q");
	return api_reply(c, json_pack("{s:s, s:s}", "path", c->route->path, "q", q ? q : ""), err);
}

static int api_nothing(struct api_call *c, struct err *err)
{
	return 0;
}

static int api_fails(struct api_call *c, struct err *err)
{
	return err_set(err, ERR_FOUR_EYES, "approver", "Proposer and approver are both %s.", "o1");
}

static unsigned parcels_n;

static int api_parcels(struct api_call *c, struct err *err)
{
	parcels_n++;
	buf_init(&c->raw, 1 << 20);
	buf_printf(&c->raw, "%s sent %zu:", c->who.peer, c->body_len);
	buf_put(&c->raw, c->body, c->body_len < 8 ? c->body_len : 8);
	c->raw_type = "application/vnd.lugdunum.frames";
	return buf_err(&c->raw);
}

static const struct api_route routes[] = {
	{API_GET, "/v1/hello", API_PEOPLE, API_ANY_ROLE, API_NO_BODY, 0, API_AUDIT_NONE, api_hello,
	 "api_hello", "Hello"},
	{API_GET, "/v1/x/{id}", API_PEOPLE, API_ADMIN, API_NO_BODY, 0, API_AUDIT_VIEW, api_hello,
	 "api_x", "One"},
	{API_GET, "/v1/x/all", API_PEOPLE, API_ADMIN, API_NO_BODY, 0, API_AUDIT_SEARCH, api_hello,
	 "api_all", "All"},
	{API_POST, "/v1/x/{id}/echo", API_PEOPLE, API_OFFICER | API_DUTY, API_JSON_BODY, 1000,
	 API_AUDIT_OWN, api_echo, "api_echo", "Echo"},
	{API_POST, "/v1/nothing", API_PEOPLE, API_ANY_ROLE, API_NO_BODY, 0, API_AUDIT_NONE,
	 api_nothing, "api_nothing", "None"},
	{API_POST, "/v1/fails", API_PEOPLE, API_ANY_ROLE, API_NO_BODY, 0, API_AUDIT_NONE, api_fails,
	 "api_fails", "Fails"},
	{API_POST, "/x/v1/parcels", API_PEER, 0, API_RAW_BODY, 1 << 20, API_AUDIT_OWN, api_parcels,
	 "api_parcels", "Parcels"},
};

/* ---- routes ---- */

static int match(const char *method, const char *uri, struct api_call *c)
{
	memset(&e, 0, sizeof(e));
	c->params_n = c->query_n = 0;
	return route_match(routes, ARRAY_LEN(routes), API_PEOPLE, method, uri, strlen(uri), c, &e);
}

static void test_routes(void **state)
{
	struct arena a;
	arena_init(&a, API_ARENA_MAX);
	struct api_call c = {.a = &a};
	assert_int_equal(match("GET", "/v1/hello", &c), 0);
	assert_string_equal(c.route->name, "api_hello");
	assert_int_equal(match("GET", "/v1/x/all", &c), 0);
	assert_string_equal(c.route->name, "api_all");
	assert_int_equal(match("GET", "/v1/x/a%20%C3%A8?q=%2B+1&empty=&flag", &c), 0);
	assert_string_equal(api_param(&c, 0), "a \xc3\xa8");
	assert_string_equal(api_param(&c, 1), "");
	assert_string_equal(api_query(&c, "q"), "+ 1");
	assert_string_equal(api_query(&c, "empty"), "");
	assert_string_equal(api_query(&c, "flag"), "");
	assert_null(api_query(&c, "other"));
	assert_int_equal(match("GET", "/v1/x/7?n=70000", &c), 0);
	uint64_t n = 1;
	assert_int_equal(api_query_u64(&c, "n", 70000, &n, &e), 0);
	assert_true(n == 70000);
	assert_int_equal(api_query_u64(&c, "n", 69999, &n, &e), -ERR_RANGE);
	assert_string_equal(e.field, "n");
	assert_int_equal(api_query_u64(&c, "absent", 1, &n, &e), 0);
	assert_true(n == 70000);
	static const struct {
		const char *method, *uri;
		int code;
	} bad[] = {
		{"GET", "", ERR_NOENT},
		{"GET", "/", ERR_NOENT},
		{"GET", "/v1/hello/", ERR_NOENT},
		{"GET", "/v1//hello", ERR_NOENT},
		{"GET", "/v1/x/", ERR_NOENT},
		{"GET", "v1/hello", ERR_NOENT},
		{"GET", "/v1/nothing", ERR_NOENT},
		{"get", "/v1/hello", ERR_NOENT},
		{"POST", "/x/v1/parcels", ERR_NOENT}, /* the other listener's */
		{"GET", "/v1/x/%", ERR_FORMAT},
		{"GET", "/v1/x/%4", ERR_FORMAT},
		{"GET", "/v1/x/%zz", ERR_FORMAT},
		{"GET", "/v1/x/%00", ERR_FORMAT},
		{"GET", "/v1/x/%0a", ERR_FORMAT},
		{"GET", "/v1/x/%ff", ERR_FORMAT},
		{"GET", "/v1/x/%c0%80", ERR_FORMAT},
		{"GET", "/v1/hello?=1", ERR_FORMAT},
		{"GET", "/v1/hello?q=1&q=2", ERR_DUPLICATE},
		{"GET", "/v1/hello?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", ERR_OVERSIZE},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (match(bad[i].method, bad[i].uri, &c) != -bad[i].code)
			fail_msg("%s %s: %d", bad[i].method, bad[i].uri, e.code);
	assert_int_equal(match("GET", "/v1/nothing", &c), -ERR_NOENT);
	assert_non_null(strstr(e.message, "takes POST"));
	char big[API_PATH_MAX + 2];
	memset(big, 'a', sizeof(big));
	memcpy(big, "/v1/x/", 6);
	assert_int_equal(route_match(routes, ARRAY_LEN(routes), API_PEOPLE, "GET", big,
				     API_PATH_MAX + 1, &c, &e),
			 -ERR_OVERSIZE);
	assert_int_equal(route_match(routes, ARRAY_LEN(routes), API_PEOPLE, "GET", big,
				     API_PATH_MAX, &c, &e),
			 0);
	arena_done(&a);
}

static void test_documents(void **state)
{
	_cleanup_(json_decrefp) json_t *j = route_openapi(routes, ARRAY_LEN(routes), API_PEOPLE);
	assert_non_null(j);
	const json_t *paths = json_object_get(j, "paths");
	assert_int_equal(json_object_size(paths), 6);
	const json_t *echo = json_object_get(json_object_get(paths, "/v1/x/{id}/echo"), "post");
	assert_string_equal(json_string_value(json_object_get(echo, "operationId")), "api_echo");
	assert_int_equal(json_array_size(json_object_get(echo, "x-roles")), 2);
	const json_t *param = json_array_get(json_object_get(echo, "parameters"), 0);
	assert_string_equal(json_string_value(json_object_get(param, "name")), "id");
	assert_non_null(json_object_get(echo, "requestBody"));
	struct buf b _cleanup_(buf_done);
	buf_init(&b, 1 << 16);
	route_print_man(routes, ARRAY_LEN(routes), &b);
	assert_non_null(
		strstr(buf_cstr(&b),
		       "*POST /v1/x/{id}/echo*\n\tEcho. officer, duty. Body: application/json"));
	assert_non_null(strstr(buf_cstr(&b), "*POST /x/v1/parcels*\n\tParcels. Between nodes."));
	assert_int_equal(http_status(0), 200);
	assert_int_equal(http_status(-ERR_FOUR_EYES), 403);
	assert_int_equal(http_status(-ERR_QUOTA), 429);
	assert_int_equal(http_status(-99999), 500);
	for (uint32_t bit = 1; bit < API_ANY_ROLE; bit <<= 1)
		assert_int_equal(api_role_parse(api_role_name(bit)), bit);
	assert_int_equal(api_role_parse("king"), 0);
	assert_null(api_role_name(3));
}

static void test_errors(void **state)
{
	struct err in = {0}, out = {0};
	err_set(&in, ERR_AMOUNT, "asset[0].amount", "12 is more than 10.");
	_cleanup_(json_decrefp) json_t *j = http_error_json(&in);
	assert_int_equal(http_error_read(422, j, &out), -ERR_AMOUNT);
	assert_string_equal(out.field, in.field);
	assert_string_equal(out.message, in.message);
	assert_int_equal(http_error_read(404, NULL, &out), -ERR_NOENT);
	assert_int_equal(http_error_read(502, NULL, &out), -ERR_IO);
	assert_int_equal(http_error_read(418, NULL, &out), -ERR_INVAL);
}

/* ---- two nodes over TLS ---- */

struct node {
	uint8_t key32[32], spki[HTTP_SPKI_LEN], pin[HTTP_PIN_LEN];
	struct http_identity *identity;
	unsigned signed_n;
};
static struct node rome, paris, stranger;

static int sign(void *ctx, const uint8_t digest32[static 32],
		uint8_t ret_sig[static HTTP_TLS_SIG_MAX], size_t *ret_len)
{
	struct node *n = ctx;
	__atomic_add_fetch(&n->signed_n, 1, __ATOMIC_SEQ_CST);
	return p256_sign(n->key32, digest32, ret_sig, ret_len);
}

static void node_init(struct node *n, const char *name)
{
	const struct http_signer s = {sign, n};
	assert_int_equal(p256_generate(n->key32), 0);
	assert_int_equal(p256_public(n->key32, n->spki), 0);
	assert_int_equal(http_identity_open(name, n->spki, &s, &n->identity, &e), 0);
	http_identity_pin(n->identity, n->pin);
}

/* The logic thread of the tests: jobs are run where they arrive, or kept in hand. */
static struct http_job *kept;
static int keep_jobs, refuse_jobs;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

static int on_submit(void *ctx, struct http_job *job)
{
	if (refuse_jobs)
		return -ERR_AGAIN;
	if (job->stage == HTTP_ADMIT && job->announced_len == 777) {
		job->retry_s = 5;
		job->result = err_set(&job->e, ERR_QUOTA, NULL, "Enough for now.");
	} else if (job->stage == HTTP_RUN) {
		job->result = job->call.route->handler(&job->call, &job->e);
	}
	if (keep_jobs) {
		pthread_mutex_lock(&kept_lock);
		job->next = kept;
		kept = job;
		pthread_mutex_unlock(&kept_lock);
	} else {
		http_job_finish(job);
	}
	return 0;
}

static int by_pin(void *ctx, const uint8_t pin32[static HTTP_PIN_LEN],
		  char ret_name[static API_NAME_MAX + 1])
{
	if (memcmp(pin32, paris.pin, HTTP_PIN_LEN) != 0)
		return -ERR_MEMBER_UNKNOWN;
	memcpy(ret_name, "fr.paris", 9);
	return 0;
}

static struct http_server *server;
static uint16_t port;
static char socket_path[64];

static int serve_peers(void **state)
{
	struct http_server_options o = {.routes = routes,
					.routes_n = ARRAY_LEN(routes),
					.listener = API_PEER,
					.identity = rome.identity,
					.connections_max = 8,
					.idle_s = 5,
					.peer_by_pin = by_pin,
					.submit = on_submit};
	o.fd = http_listen_tcp("127.0.0.1:0", &port, &e);
	int r = o.fd < 0 ? o.fd : http_server_open(&o, &server, &e);
	if (r < 0)
		print_error("%s\n", e.message);
	return r;
}

static int serve_people(void **state)
{
	struct http_server_options o = {.routes = routes,
					.routes_n = ARRAY_LEN(routes),
					.listener = API_PEOPLE,
					.connections_max = 8,
					.idle_s = 5,
					.submit = on_submit};
	snprintf(socket_path, sizeof(socket_path), "/tmp/test-http-%d.sock", (int)getpid());
	o.fd = http_listen_unix(socket_path, 0600, "", &e);
	int r = o.fd < 0 ? o.fd : http_server_open(&o, &server, &e);
	if (r < 0)
		print_error("%s\n", e.message);
	return r;
}

static int serve_end(void **state)
{
	http_server_quiesce(server);
	server = http_server_close(server);
	if (socket_path[0])
		unlink(socket_path);
	socket_path[0] = 0;
	return 0;
}

struct outcome {
	unsigned n, status;
	uint64_t id;
	char text[256], why[256];
};

static void on_done(void *ctx, uint64_t id, unsigned status, const void *p, size_t len,
		    const char *why)
{
	struct outcome *o = ctx;
	o->n++;
	o->id = id;
	o->status = status;
	snprintf(o->text, sizeof(o->text), "%.*s", (int)(len < 255 ? len : 255),
		 p ? (const char *)p : "");
	snprintf(o->why, sizeof(o->why), "%s", why);
}

static void run_until(struct http_peers *p, const struct outcome *o, unsigned n)
{
	int64_t end_ms = time_mono_ms() + 10000;
	while (o->n < n && time_mono_ms() < end_ms) {
		struct pollfd fd = {http_peers_fd(p), POLLIN, 0};
		int64_t wait_ms = http_peers_due_ms(p) - time_mono_ms();
		(void)poll(&fd, 1, wait_ms < 0 ? 0 : wait_ms > 100 ? 100 : (int)wait_ms);
		http_peers_run(p);
	}
	assert_int_equal(o->n, n);
}

static struct http_peers *peers_of(const struct node *n, struct outcome *o, size_t reply_max)
{
	struct http_peers *p;
	const struct http_peers_options options = {n->identity, 2000, 5000, reply_max, on_done, o};
	assert_int_equal(http_peers_open(&options, &p, &e), 0);
	return p;
}

/* One POST from a node, with the pin that it expects. */
static struct outcome post_to(uint16_t to_port, const struct node *from, const uint8_t *pin,
			      const void *body, size_t len)
{
	struct outcome o = {0};
	char url[64];
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/x/v1/parcels", to_port);
	_cleanup_(http_peers_closep) struct http_peers *p = peers_of(from, &o, 1000);
	assert_int_equal(http_peers_post(p, url, (const uint8_t(*)[HTTP_PIN_LEN])(const void *)pin,
					 1, "application/octet-stream", body, len, 42, &e),
			 0);
	assert_int_equal(http_peers_busy(p), 1);
	run_until(p, &o, 1);
	assert_true(o.id == 42);
	assert_int_equal(http_peers_busy(p), 0);
	return o;
}

static struct outcome post(const struct node *from, const uint8_t *pin, const void *body,
			   size_t len)
{
	return post_to(port, from, pin, body, len);
}

static void test_peers(void **state)
{
	unsigned rome_before = rome.signed_n, paris_before = paris.signed_n;
	struct outcome o = post(&paris, rome.pin, "a parcel", 8);
	assert_int_equal(o.status, 200);
	assert_string_equal(o.text, "fr.paris sent 8:a parcel");
	/* both handshake signatures came through the callbacks */
	assert_int_equal(rome.signed_n, rome_before + 1);
	assert_int_equal(paris.signed_n, paris_before + 1);
	o = post(&paris, rome.pin, "", 0);
	assert_string_equal(o.text, "fr.paris sent 0:");
}

static void test_peers_many(void **state)
{
	struct outcome o = {0};
	char url[64];
	unsigned before = rome.signed_n;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/x/v1/parcels", port);
	_cleanup_(http_peers_closep) struct http_peers *p = peers_of(&paris, &o, 1000);
	for (unsigned i = 1; i <= 20; i++) {
		assert_int_equal(http_peers_post(p, url,
						 (const uint8_t(*)[HTTP_PIN_LEN]) & rome.pin, 1,
						 "a/b", "x", 1, i, &e),
				 0);
		run_until(p, &o, i);
		assert_int_equal(o.status, 200);
	}
	assert_int_equal(rome.signed_n, before + 1); /* one connection, one handshake */
}

static void test_peers_wrong_pin(void **state)
{
	struct outcome o = post(&paris, stranger.pin, "x", 1);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.why, "SSL"));
	/* and the other way: a certificate that no node note names ends in the handshake */
	o = post(&stranger, rome.pin, "x", 1);
	assert_int_equal(o.status, 0);
}

static void test_peers_broken_key(void **state)
{
	/* the right certificate, but a key that is not its own: proof of possession fails */
	struct node thief = paris;
	const struct http_signer s = {sign, &thief};
	assert_int_equal(http_identity_open("fr.paris", thief.spki, &s, &thief.identity, &e), 0);
	assert_int_equal(p256_generate(thief.key32), 0);
	struct outcome o = post(&thief, rome.pin, "x", 1);
	assert_int_equal(o.status, 0);
	http_identity_close(thief.identity);
}

static void test_peers_limits(void **state)
{
	_cleanup_(freep) uint8_t *big = calloc(1, (1 << 20) + 1);
	assert_non_null(big);
	struct outcome o = post(&paris, rome.pin, big, (1 << 20) + 1);
	assert_int_equal(o.status, 413);
	assert_non_null(strstr(o.text, "\"oversize\""));
	o = post(&paris, rome.pin, big, 1 << 20);
	assert_int_equal(o.status, 200);
	o = post(&paris, rome.pin, big, 777);
	assert_int_equal(o.status, 429);
	assert_non_null(strstr(o.text, "\"quota\""));
	refuse_jobs = 1;
	o = post(&paris, rome.pin, "x", 1);
	refuse_jobs = 0;
	assert_int_equal(o.status, 503);
}

static void test_peers_reply_cap(void **state)
{
	struct outcome o = {0};
	char url[64];
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/x/v1/parcels", port);
	_cleanup_(http_peers_closep) struct http_peers *p = peers_of(&paris, &o, 8);
	assert_int_equal(http_peers_post(p, url, (const uint8_t(*)[HTTP_PIN_LEN]) & rome.pin, 1,
					 "a/b", "x", 1, 1, &e),
			 0);
	run_until(p, &o, 1);
	assert_int_equal(o.status, 0);
	assert_int_equal(http_peers_post(p, "http://127.0.0.1/",
					 (const uint8_t(*)[HTTP_PIN_LEN]) & rome.pin, 1, "a", "x",
					 1, 1, &e),
			 -ERR_INVAL);
	assert_int_equal(http_peers_post(p, url, (const uint8_t(*)[HTTP_PIN_LEN]) & rome.pin, 0,
					 "a", "x", 1, 1, &e),
			 -ERR_INVAL);
	/* closing with one under way */
	assert_int_equal(http_peers_post(p, url, (const uint8_t(*)[HTTP_PIN_LEN]) & rome.pin, 1,
					 "a/b", "x", 1, 2, &e),
			 0);
}

static void test_peers_offline(void **state)
{
	uint16_t free_port;
	int fd = http_listen_tcp("127.0.0.1:0", &free_port, &e);
	assert_true(fd >= 0);
	close(fd);
	struct outcome o = post_to(free_port, &paris, rome.pin, "x", 1);
	assert_int_equal(o.status, 0);
	assert_true(strlen(o.why) > 0);
}

/* A stock client: the exit status of `curl ARGS https://127.0.0.1:port/x/v1/parcels`. */
static int stock_curl(const char *args)
{
	char command[512];
	snprintf(
		command, sizeof(command),
		"curl -s -k -o /dev/null --max-time 5 %s https://127.0.0.1:%u/x/v1/parcels 2>/dev/null",
		args, port);
	int status = system(command); /* NOLINT: fixed text */
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_peers_stock_client(void **state)
{
	unsigned before = parcels_n;
	if (system("curl --version >/dev/null 2>&1") != 0)
		skip();
	/* No certificate, and TLS 1.2: no reply. In TLS 1.3 the client is done before the server has looked (52, 55, 56). */
	int status = stock_curl("-d x");
	assert_true(status == 35 || status == 52 || status == 55 || status == 56);
	assert_int_equal(stock_curl("-d x --tls-max 1.2"), 35);
	assert_int_equal(parcels_n, before);
	/* and the server goes on */
	assert_int_equal(post(&paris, rome.pin, "x", 1).status, 200);
}

/* ---- people ---- */

static void test_people(void **state)
{
	_cleanup_(json_decrefp) json_t *body = json_pack("{s:s}", "a", "\xc3\xa8");
	_cleanup_(json_decrefp) json_t *out = NULL;
	struct stat st;
	assert_int_equal(stat(socket_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(
		http_client_call(socket_path, "POST", "/v1/x/7/echo", NULL, body, &out, &e), 0);
	assert_true(json_equal(json_object_get(out, "in"), body));
	assert_string_equal(json_string_value(json_object_get(out, "id")), "7");
	assert_int_equal(json_integer_value(json_object_get(out, "uid")), getuid());
	json_decref(out);
	out = NULL;
	assert_int_equal(http_client_call(socket_path, "POST", "/v1/nothing", NULL, NULL, &out, &e),
			 0);
	assert_null(out);
	_cleanup_(freep) char *escaped = http_client_escape("a b/\xc3\xa8?&");
	char path[64];
	snprintf(path, sizeof(path), "/v1/hello?q=%s", escaped);
	assert_int_equal(http_client_call(socket_path, "GET", path, "o1", NULL, &out, &e), 0);
	assert_string_equal(json_string_value(json_object_get(out, "q")), "a b/\xc3\xa8?&");
}

static void test_people_errors(void **state)
{
	json_t *out = NULL;
	assert_int_equal(http_client_call(socket_path, "POST", "/v1/fails", NULL, NULL, &out, &e),
			 -ERR_FOUR_EYES);
	assert_string_equal(e.field, "approver");
	assert_string_equal(e.message, "Proposer and approver are both o1.");
	assert_int_equal(http_client_call(socket_path, "GET", "/v1/none", NULL, NULL, &out, &e),
			 -ERR_NOENT);
	assert_int_equal(http_client_call(socket_path, "GET", "/v1/hello", "O 1", NULL, &out, &e),
			 -ERR_INVAL);
	assert_int_equal(
		http_client_call(socket_path, "POST", "/v1/x/7/echo", NULL, NULL, &out, &e),
		-ERR_FORMAT);
	_cleanup_(json_decrefp) json_t *list = json_pack("[i]", 1);
	assert_int_equal(
		http_client_call(socket_path, "POST", "/v1/x/7/echo", NULL, list, &out, &e),
		-ERR_FORMAT);
	char big[1200];
	memset(big, 'a', sizeof(big));
	_cleanup_(json_decrefp) json_t *large = json_pack("{s:s%}", "a", big, sizeof(big));
	assert_int_equal(
		http_client_call(socket_path, "POST", "/v1/x/7/echo", NULL, large, &out, &e),
		-ERR_OVERSIZE);
	_cleanup_(json_decrefp) json_t *small = json_pack("{s:s}", "a", "b");
	assert_int_equal(
		http_client_call(socket_path, "POST", "/v1/nothing", NULL, small, &out, &e),
		-ERR_OVERSIZE);
	refuse_jobs = 1;
	assert_int_equal(http_client_call(socket_path, "GET", "/v1/hello", NULL, NULL, &out, &e),
			 -ERR_AGAIN);
	refuse_jobs = 0;
	assert_int_equal(
		http_client_call("/nonexistent.sock", "GET", "/v1/hello", NULL, NULL, &out, &e),
		-ERR_CONNREFUSED);
	assert_null(out);
}

/* Sends raw bytes and reads what comes back until the end. */
static void raw_call(const char *request, char *reply, size_t reply_max)
{
	char command[1400];
	size_t len = strlen(request);
	char hex[2 * 512 + 1];
	assert_true(len <= 512);
	hex_encode(request, len, hex);
	snprintf(
		command, sizeof(command),
		"python3 -c \"import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect('%s');s.sendall(bytes.fromhex('%s'));"
		"s.shutdown(1);sys.stdout.buffer.write(s.recv(4096))\"",
		socket_path, hex);
	FILE *p = popen(command, "r"); /* NOLINT: fixed text */
	assert_non_null(p);
	size_t n = fread(reply, 1, reply_max - 1, p);
	reply[n] = 0;
	pclose(p);
}

static void test_people_raw(void **state)
{
	char reply[4096];
	raw_call(
		"POST /v1/x/7/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		reply, sizeof(reply));
	assert_non_null(strstr(reply, " 422 "));
	raw_call("POST /v1/x/7/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n",
		 reply, sizeof(reply));
	assert_true(!strstr(reply, " 200 "));
	raw_call("GET /v1/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", reply,
		 sizeof(reply));
	assert_non_null(strstr(reply, " 200 "));
	assert_non_null(strstr(reply, "no-store"));
	raw_call("nonsense\r\n\r\n", reply, sizeof(reply));
	assert_true(!strstr(reply, " 200 "));
}

static void *call_in_thread(void *ret)
{
	json_t *out = NULL;
	*(int *)ret = http_client_call(socket_path, "GET", "/v1/hello", NULL, NULL, &out, NULL);
	json_decref(out);
	return NULL;
}

/* Going down with a call in hand: it is answered, new ones are not taken. */
static void test_people_quiesce(void **state)
{
	pthread_t thread;
	int r = 1;
	struct http_job *job = NULL;
	keep_jobs = 1;
	assert_int_equal(pthread_create(&thread, NULL, call_in_thread, &r), 0);
	for (int i = 0; i < 2000 && !job; i++) {
		usleep(1000);
		pthread_mutex_lock(&kept_lock);
		job = kept;
		kept = NULL;
		pthread_mutex_unlock(&kept_lock);
	}
	keep_jobs = 0;
	assert_non_null(job);
	http_server_quiesce(server);
	json_t *out = NULL;
	assert_true(http_client_call(socket_path, "GET", "/v1/hello", NULL, NULL, &out, NULL) < 0);
	http_job_finish(job);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(r, 0);
}

static void test_listen(void **state)
{
	uint16_t p, q;
	_cleanup_(closep) int fd = http_listen_tcp("[::1]:0", &p, &e);
	char address[32], path[] = "/tmp/test-http-XXXXXX", sock[64];
	if (fd < 0)
		fd = http_listen_tcp("127.0.0.1:0", &p, &e);
	assert_true(fd >= 0 && p);
	_cleanup_(closep) int four = http_listen_tcp("127.0.0.1:0", &p, &e);
	assert_true(four >= 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u", p);
	assert_int_equal(http_listen_tcp(address, &q, &e), -ERR_BUSY);
	assert_int_equal(http_listen_tcp("nowhere", &q, &e), -ERR_INVAL);
	assert_int_equal(http_listen_tcp("300.1.1.1:1", &q, &e), -ERR_INVAL);
	assert_non_null(mkdtemp(path));
	snprintf(sock, sizeof(sock), "%s/s", path);
	_cleanup_(closep) int un = http_listen_unix(sock, 0660, "", &e);
	assert_true(un >= 0);
	assert_int_equal(http_listen_unix(sock, 0660, "", &e), -ERR_BUSY);
	close(TAKE_FD(un));
	un = http_listen_unix(sock, 0660, "", &e); /* what a killed daemon left is replaced */
	assert_true(un >= 0);
	assert_int_equal(http_listen_unix(sock, 0660, "no-such-group", &e), -ERR_NOENT);
	unlink(sock);
	rmdir(path);
}

static int setup_all(void **state)
{
	node_init(&rome, "it.rome");
	node_init(&paris, "fr.paris");
	node_init(&stranger, "xx.nobody");
	return 0;
}

static int teardown_all(void **state)
{
	http_identity_close(rome.identity);
	http_identity_close(paris.identity);
	http_identity_close(stranger.identity);
	return 0;
}

static void test_identity_bad(void **state)
{
	struct http_identity *id;
	const struct http_signer s = {sign, &rome};
	uint8_t spki[HTTP_SPKI_LEN];
	memcpy(spki, rome.spki, sizeof(spki));
	spki[HTTP_SPKI_LEN - 1] ^= 1; /* not on the curve */
	assert_int_equal(http_identity_open("x", spki, &s, &id, &e), -ERR_FORMAT);
	assert_null(http_identity_close(NULL));
}

#define ON_PEERS(f) cmocka_unit_test_setup_teardown(f, serve_peers, serve_end)
#define ON_PEOPLE(f) cmocka_unit_test_setup_teardown(f, serve_people, serve_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),	     cmocka_unit_test(test_documents),
		cmocka_unit_test(test_errors),	     cmocka_unit_test(test_listen),
		cmocka_unit_test(test_identity_bad), ON_PEERS(test_peers),
		ON_PEERS(test_peers_many),	     ON_PEERS(test_peers_wrong_pin),
		ON_PEERS(test_peers_broken_key),     ON_PEERS(test_peers_limits),
		ON_PEERS(test_peers_reply_cap),	     ON_PEERS(test_peers_offline),
		ON_PEERS(test_peers_stock_client),   ON_PEOPLE(test_people),
		ON_PEOPLE(test_people_errors),	     ON_PEOPLE(test_people_raw),
		ON_PEOPLE(test_people_quiesce),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	signal(SIGPIPE, SIG_IGN);
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
