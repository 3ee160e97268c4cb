/* SPDX-License-Identifier: Apache-2.0
 * JSON-RPC of a node by libcurl, one call after the other, and its ZMQ publications. */
#include "lug/follow-rpc.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "chain/block.h"
#include "chain/hash.h"
#include "chain/p2p.h"
#include <curl/curl.h>
#include <zmq.h>

enum { REPLY_MAX = 2 * BLOCK_LEN_MAX + 4096, COOKIE_MAX = 1024, TOPIC_MAX = 16 };

struct rpc {
	struct rpc_options o;
	CURL *curl;
	struct curl_slist *headers;
	struct buf reply, block;
	void *zmq;
	void *sockets[RPC_ZMQ_MAX];
};

/* ---- open ---- */

static int subscribe(struct rpc *r, const char *endpoint, void **ret_socket)
{
	static const char *const topics[] = {"hashblock", "rawblock", "rawtx", "sequence"};
	int64_t most = BLOCK_LEN_MAX;
	int none = 0;
	void *s = zmq_socket(r->zmq, ZMQ_SUB);

	*ret_socket = s;
	if (!s || zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &most, sizeof(most)) < 0 ||
	    zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof(none)) < 0)
		return -ERR_NOMEM;
	for (size_t i = 0; i < ARRAY_LEN(topics); i++)
		if (zmq_setsockopt(s, ZMQ_SUBSCRIBE, topics[i], strlen(topics[i])) < 0)
			return -ERR_NOMEM;
	return zmq_connect(s, endpoint) < 0 ? -ERR_INVAL : 0;
}

static size_t on_reply(char *p, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	buf_put(b, p, size * n);
	return buf_err(b) < 0 ? 0 : size * n;
}

static int curl_prepare(struct rpc *r)
{
	CURL *c = r->curl = curl_easy_init();

	r->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!c || !r->headers)
		return -ERR_NOMEM;
	curl_easy_setopt(c, CURLOPT_URL, r->o.url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)RPC_TIMEOUT_S);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->headers);
	curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_reply);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &r->reply);
	if (r->o.ca)
		curl_easy_setopt(c, CURLOPT_CAINFO, r->o.ca);
	return 0;
}

int rpc_open(const struct rpc_options *o, struct rpc **ret_r, struct err *e)
{
	_cleanup_(rpc_closep) struct rpc *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	r->o = *o;
	buf_init(&r->reply, REPLY_MAX);
	buf_init(&r->block, BLOCK_LEN_MAX);
	if (strncmp(o->url, "http://", 7) != 0 && strncmp(o->url, "https://", 8) != 0)
		return err_set(e, ERR_INVAL, "rpc", "%s is not an http or https URL", o->url);
	rc = curl_prepare(r);
	r->zmq = o->zmq_n ? zmq_ctx_new() : NULL;
	if (rc < 0 || (o->zmq_n && !r->zmq))
		return err_set(e, ERR_NOMEM, NULL, NULL);
	for (unsigned i = 0; i < o->zmq_n; i++) {
		rc = subscribe(r, o->zmq[i], &r->sockets[i]);
		if (rc < 0)
			return err_set(e, rc, "zmq", "%s: %s", o->zmq[i], zmq_strerror(errno));
	}
	*ret_r = TAKE_PTR(r);
	return 0;
}

struct rpc *rpc_close(struct rpc *r)
{
	if (!r)
		return NULL;
	for (unsigned i = 0; i < RPC_ZMQ_MAX; i++)
		if (r->sockets[i])
			zmq_close(r->sockets[i]);
	if (r->zmq)
		zmq_ctx_term(r->zmq);
	curl_slist_free_all(r->headers);
	if (r->curl)
		curl_easy_cleanup(r->curl);
	buf_done(&r->reply);
	buf_done(&r->block);
	free(r);
	return NULL;
}

bool rpc_passes(int code)
{
	return code == -ERR_CONNREFUSED || code == -ERR_TIMEDOUT || code == -ERR_IO ||
	       code == -ERR_ACCES || code == -ERR_AGAIN;
}

/* ---- one call ---- */

/* A node writes a new cookie each time it starts, so it is read for each round. */
static int cookie_read(struct rpc *r, struct err *e)
{
	_cleanup_(buf_done) struct buf b = {0};
	char *text;
	int rc;

	if (!r->o.cookie)
		return 0;
	buf_init(&b, COOKIE_MAX);
	rc = file_read(r->o.cookie, &b, e);
	if (rc < 0)
		return rc == -ERR_NOENT
			       ? err_set(e, ERR_ACCES, "cookie",
					 "%s is not there: is the node running?", r->o.cookie)
			       : rc;
	buf_u8(&b, 0);
	text = (char *)b.p;
	text[strcspn(text, "\r\n")] = 0;
	curl_easy_setopt(r->curl, CURLOPT_USERPWD, text);
	explicit_bzero(b.p, b.len);
	return 0;
}

static int transport_error(const struct rpc *r, CURLcode code, struct err *e)
{
	int rc = code == CURLE_COULDNT_CONNECT	    ? ERR_CONNREFUSED
		 : code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEDOUT
						    : ERR_IO;

	return err_set(e, rc, "rpc", "%s: %s", r->o.url, curl_easy_strerror(code));
}

static int answer_take(struct rpc *r, const char *method, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j =
		json_loadb(buf_cstr(&r->reply), r->reply.len, JSON_REJECT_DUPLICATES, NULL);
	json_t *error = json_object_get(j, "error"), *result = json_object_get(j, "result");

	if (!json_is_object(j))
		return err_set(e, ERR_IO, "rpc", "%s: the answer is not JSON", method);
	if (error && !json_is_null(error)) {
		const char *said = json_string_value(json_object_get(error, "message"));

		return err_set(e, ERR_AGAIN, "rpc", "%s: %s", method, said ? said : "an error");
	}
	if (!result)
		return err_set(e, ERR_IO, "rpc", "%s: no result", method);
	*ret = json_incref(result);
	return 0;
}

static int rpc_call(struct rpc *r, const char *method, STEALS json_t *params, json_t **ret,
		    struct err *e)
{
	_cleanup_(json_decrefp) json_t *ask =
		json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "1.0", "id", 1, "method", method,
			  "params", params);
	_cleanup_(freep) char *text = ask ? json_text(ask) : NULL;
	long status = 0;
	CURLcode code;

	if (!text)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	buf_clear(&r->reply);
	curl_easy_setopt(r->curl, CURLOPT_POSTFIELDS, text);
	code = curl_easy_perform(r->curl);
	if (code != CURLE_OK)
		return transport_error(r, code, e);
	curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 401 || status == 403)
		return err_set(e, ERR_ACCES, "rpc", "%s: user or password is refused", r->o.url);
	return answer_take(r, method, ret, e);
}

static int call_hash(struct rpc *r, const char *method, STEALS json_t *params,
		     char hex[static HASH_TEXT_MAX], uint8_t hash32[static 32], struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	int rc = rpc_call(r, method, params, &j, e);

	if (rc < 0)
		return rc;
	if (!json_is_string(j) || json_string_length(j) != 64 ||
	    hash_parse(json_string_value(j), 64, hash32) < 0)
		return err_set(e, ERR_IO, "rpc", "%s: the answer is not a hash", method);
	snprintf(hex, HASH_TEXT_MAX, "%s", json_string_value(j));
	return 0;
}

/* Hex into r->block. */
static int call_bytes(struct rpc *r, const char *method, STEALS json_t *params, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	int rc = rpc_call(r, method, params, &j, e);
	size_t len;
	uint8_t *p;

	if (rc < 0)
		return rc;
	len = json_is_string(j) ? json_string_length(j) / 2 : 0;
	buf_clear(&r->block);
	p = len ? buf_space(&r->block, len) : NULL;
	if (!p || hex_decode(json_string_value(j), json_string_length(j), p, len) < 0)
		return err_set(e, ERR_IO, "rpc", "%s: the answer is not a hex string", method);
	return 0;
}

/* ---- blocks ---- */

static int height_of_node(struct rpc *r, int64_t *ret_height, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	int rc = rpc_call(r, "getblockcount", json_array(), &j, e);

	if (rc < 0)
		return rc;
	*ret_height = json_integer_value(j);
	if (!json_is_integer(j) || *ret_height < 0 || *ret_height > UINT32_MAX)
		return err_set(e, ERR_IO, "rpc", "getblockcount: not a height");
	return 0;
}

/* The last height, at or below ours, at which the node's block is known here; -1 when none is. */
static int common_height(struct rpc *r, const struct follow *f, int64_t node_h, int64_t *ret_h,
			 struct err *e)
{
	struct follow_point tip;
	char hex[HASH_TEXT_MAX];
	uint8_t hash32[32];
	int64_t h = -1;
	int rc = 0;

	if (follow_tip(f, &tip))
		h = tip.height < node_h ? tip.height : node_h;
	for (; rc == 0 && h >= 0; h--) {
		rc = call_hash(r, "getblockhash", json_pack("[I]", (json_int_t)h), hex, hash32, e);
		if (rc == 0 && follow_known(f, hash32))
			break;
	}
	*ret_h = h;
	return rc;
}

static int block_give(struct rpc *r, struct follow *f, int64_t h, struct err *e)
{
	char hex[HASH_TEXT_MAX];
	uint8_t hash32[32];
	int rc = call_hash(r, "getblockhash", json_pack("[I]", (json_int_t)h), hex, hash32, e);

	if (rc == 0)
		rc = call_bytes(r, "getblock", json_pack("[s, i]", hex, 0), e);
	if (rc < 0)
		return rc;
	if (r->block.len < BLOCK_HEADER_LEN)
		return err_set(e, ERR_IO, "rpc", "getblock: too short");
	if (h > 0) { /* the first block is known from the network's table */
		rc = follow_headers(f, r->block.p, 1);
		if (rc == -ERR_NOENT)
			return err_set(e, ERR_AGAIN, "rpc", "the chain turned meanwhile");
		if (rc < 0)
			return err_set(e, rc, "rpc", "block %s: %s", hex, err_sentence(rc));
	}
	rc = follow_block(f, r->block.p, r->block.len, e);
	return rc == -ERR_NOENT ? err_set(e, h ? ERR_AGAIN : ERR_NETWORK, "rpc",
					  "the node's blocks are not those of this network")
				: rc;
}

int rpc_blocks(struct rpc *r, struct follow *f, bool *ret_more, struct err *e)
{
	uint64_t bytes = 0;
	int64_t node_h, h;
	int rc = cookie_read(r, e);

	if (rc == 0)
		rc = height_of_node(r, &node_h, e);
	if (rc == 0)
		rc = common_height(r, f, node_h, &h, e);
	while (rc == 0 && h < node_h && bytes < RPC_ROUND_BYTES) {
		rc = block_give(r, f, ++h, e);
		bytes += r->block.len;
	}
	*ret_more = rc == 0 && h < node_h;
	return rc;
}

/* ---- unconfirmed transactions ---- */

/* The node has checked it; what we cannot read is passed over, as it will come in a block if it counts. */
static void tx_offer(struct follow *f, const void *p, size_t len)
{
	if (follow_tx(f, p, len) < 0)
		return;
}

int rpc_pool(struct rpc *r, struct follow *f, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = NULL;
	int rc = cookie_read(r, e), asked = 0;
	uint8_t txid32[32];
	size_t i, len;
	json_t *id;

	if (rc == 0)
		rc = rpc_call(r, "getrawmempool", json_array(), &list, e);
	if (rc < 0)
		return rc;
	json_array_foreach (list, i, id) {
		const char *hex = json_string_value(id);

		if (!hex || hash_parse(hex, strlen(hex), txid32) < 0 ||
		    follow_pool_find(f, txid32, &len))
			continue;
		if (asked++ == RPC_ROUND_TXS)
			break;
		rc = call_bytes(r, "getrawtransaction", json_pack("[s, i]", hex, 0), e);
		if (rc == 0)
			tx_offer(f, r->block.p, r->block.len);
		else if (rc != -ERR_AGAIN)
			return rc;
	}
	return 0;
}

/* ---- ZMQ ---- */

int rpc_fd(const struct rpc *r, unsigned i)
{
	int fd = -1;
	size_t len = sizeof(fd);

	if (i >= r->o.zmq_n || zmq_getsockopt(r->sockets[i], ZMQ_FD, &fd, &len) < 0)
		return -1;
	return fd;
}

/* One publication: topic, body, number. True when there was one. */
static bool publication(void *socket, struct follow *f, bool *ret_blocks)
{
	char topic[TOPIC_MAX] = {0};
	bool first = true, tx = false;
	int more = 1;

	while (more) {
		size_t len = sizeof(more);
		zmq_msg_t m;

		zmq_msg_init(&m);
		if (zmq_msg_recv(&m, socket, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(&m);
			return !first;
		}
		if (first) {
			size_t n =
				zmq_msg_size(&m) < TOPIC_MAX - 1 ? zmq_msg_size(&m) : TOPIC_MAX - 1;

			memcpy(topic, zmq_msg_data(&m), n);
			tx = strcmp(topic, "rawtx") == 0;
			*ret_blocks |= !tx;
		} else if (tx) {
			tx_offer(f, zmq_msg_data(&m), zmq_msg_size(&m));
			tx = false; /* the number comes next */
		}
		first = false;
		if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &len) < 0)
			more = 0;
		zmq_msg_close(&m);
	}
	return true;
}

bool rpc_heard(struct rpc *r, struct follow *f)
{
	bool blocks = false;

	for (unsigned i = 0; i < r->o.zmq_n; i++)
		while (publication(r->sockets[i], f, &blocks))
			;
	return blocks;
}
