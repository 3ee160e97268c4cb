/* SPDX-License-Identifier: Apache-2.0
 * Exchange between nodes in one process: delivery, receipts, each refusal, gaps, contradictions, restores, expiry, quotas. */
#include "base/file.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "engine.h"
#include "exchange/exchange-int.h"
#include "exchange/query.h"
#include "nodes.h"
#include "wire/receipt.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const names[] = {"fr", "it", "jp"};
enum { FR, IT, JP };

static int setup(void **state)
{
	struct nodes *w = malloc(sizeof(*w));
	nodes_init(w, names, 3, 7);
	nodes_start(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	nodes_done(*state);
	free(*state);
	return 0;
}

static struct exchange_delivery delivery(struct node *node, const uint8_t *id16, const char *peer)
{
	struct exchange_delivery d;
	assert_int_equal(exchange_delivery(node->x, id16, peer, &d, NULL), 1);
	return d;
}

static void post(struct nodes *w, enum exchange_class class, const char *text, uint8_t id16[16])
{
	assert_int_equal(node_post(&w->node[IT], class, text, id16, NULL, "fr", NULL), 0);
}

/* ---- delivery ---- */

static void test_delivered(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	post(w, EXCHANGE_FLASH, "hold it", id16);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").state, EXCHANGE_QUEUED);
	nodes_run(w);
	struct exchange_delivery d = delivery(&w->node[IT], id16, "fr");
	assert_int_equal(d.state, EXCHANGE_ACCEPTED);
	assert_int_equal(d.stored_s, w->now_ms / 1000);
	assert_int_equal(d.seq, 1);
	assert_int_equal(node_effects(&w->node[FR], "hold it"), 1);
	assert_int_equal(node_effects(&w->node[JP], "hold it"), 0);
	assert_int_equal(exchange_next_due(w->node[IT].x) > w->now_ms,
			 1); /* nothing is left to do now */
}

static void test_several(void **state)
{
	struct nodes *w = *state;
	struct exchange_delivery d[3];
	uint8_t id16[16];
	w->cut[IT][JP] = w->cut[JP][IT] = true;
	assert_int_equal(
		node_post(&w->node[IT], EXCHANGE_NORMAL, "to both", id16, NULL, "jp", "fr", NULL),
		0);
	nodes_run(w);
	assert_int_equal(exchange_deliveries(w->node[IT].x, id16, d, 3, NULL), 2);
	assert_string_equal(d[0].peer, "fr");
	assert_int_equal(d[0].state, EXCHANGE_ACCEPTED);
	assert_int_equal(d[1].state, EXCHANGE_QUEUED); /* partial delivery is visible */
	memset(w->cut, 0, sizeof(w->cut));
	nodes_pass(w, 400000, 1000);
	assert_int_equal(delivery(&w->node[IT], id16, "jp").state, EXCHANGE_ACCEPTED);
	id16[0] ^= 1;
	assert_int_equal(exchange_deliveries(w->node[IT].x, id16, d, 3, NULL), -ERR_NOENT);
}

static void test_batch_and_order(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	char text[24];
	w->cut[IT][FR] = true;
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "bulk %d", i);
		post(w, EXCHANGE_BULK, text, id16);
	}
	nodes_run(w);
	post(w, EXCHANGE_FLASH, "first of all", id16);
	memset(w->cut, 0, sizeof(w->cut));
	nodes_pass(w, 310000, 1000);
	assert_int_equal(node_count(&w->node[FR], "SELECT COUNT(*) AS n FROM probe_effect"), 301);
	assert_int_equal(
		node_count(&w->node[FR], "SELECT n FROM probe_effect WHERE text = 'first of all'"),
		1);
	assert_int_equal(
		node_count(
			&w->node[FR],
			"SELECT COUNT(*) AS n FROM probe_effect a JOIN probe_effect b ON b.n = a.n + 1"
			" WHERE a.n > 1 AND CAST(SUBSTR(b.text, 6) AS BIGINT) <>"
			" CAST(SUBSTR(a.text, 6) AS BIGINT) + 1"),
		0);
}

static void test_seen(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	post(w, EXCHANGE_URGENT, "look", id16);
	nodes_run(w);
	assert_int_equal(exchange_receipt(w->node[FR].x, "it", id16, EXCHANGE_SEEN, NULL),
			 -ERR_INVAL); /* no transaction */
	for (int i = 0; i < 2; i++) {
		STORE_TXN(txn);
		uint8_t none16[16] = {0};
		assert_int_equal(store_begin(w->node[FR].store, STORE_WRITE, &txn, NULL), 0);
		assert_int_equal(exchange_receipt(w->node[FR].x, "it", id16, EXCHANGE_STORED, NULL),
				 -ERR_INVAL);
		assert_int_equal(exchange_receipt(w->node[FR].x, "it", none16, EXCHANGE_SEEN, NULL),
				 -ERR_NOENT);
		assert_int_equal(exchange_receipt(w->node[FR].x, "it", id16, EXCHANGE_SEEN, NULL),
				 0);
		assert_int_equal(store_commit(&txn, NULL), 0);
	}
	w->now_ms += 5000;
	nodes_run(w);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").state, EXCHANGE_SEEN);
	STORE_TXN(txn);
	assert_int_equal(store_begin(w->node[FR].store, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(exchange_receipt(w->node[FR].x, "it", id16, EXCHANGE_ACTED, NULL), 0);
	assert_int_equal(store_commit(&txn, NULL), 0);
	nodes_run(w);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").state, EXCHANGE_ACTED);
	assert_int_equal(node_count(&w->node[IT],
				    "SELECT COUNT(*) AS n FROM exchange_receipt WHERE ours = 0"),
			 4);
}

/* ---- what exchange_post refuses ---- */

static int try_post(struct nodes *w, const struct exchange_post *m)
{
	uint8_t id16[16];
	STORE_TXN(txn);
	assert_int_equal(store_begin(w->node[IT].store, STORE_WRITE, &txn, NULL), 0);
	return exchange_post(w->node[IT].x, m, id16, NULL);
}

static void test_post_refused(void **state)
{
	struct nodes *w = *state;
	const char *to[] = {"fr", "fr"}, *self[] = {"it"}, *unknown[] = {"xx"};
	const struct exchange_part part = {NODES_PROBE_TYPE, "x", 1},
				   empty = {NODES_PROBE_TYPE, "", 0};
	const struct exchange_post good = {.class = EXCHANGE_NORMAL,
					   .to = to,
					   .to_n = 1,
					   .expires_s = w->now_ms / 1000 + 60,
					   .handling = "H1",
					   .marking = "TLP:RED",
					   .grade = "B2",
					   .parts = &part,
					   .parts_n = 1};
	struct exchange_post m = good;
	uint8_t id16[16];
	assert_int_equal(try_post(w, &m), 0);
	assert_int_equal(exchange_post(w->node[IT].x, &m, id16, NULL),
			 -ERR_INVAL); /* no transaction */
	m.to_n = 2;
	assert_int_equal(try_post(w, &m), -ERR_INVAL);
	m = good, m.to = self;
	assert_int_equal(try_post(w, &m), -ERR_INVAL);
	m = good, m.to = unknown;
	assert_int_equal(try_post(w, &m), -ERR_MEMBER_UNKNOWN);
	m = good, m.expires_s = w->now_ms / 1000;
	assert_int_equal(try_post(w, &m), -ERR_RANGE);
	m = good, m.expires_s += EXCHANGE_LIFE_MAX_S;
	assert_int_equal(try_post(w, &m), -ERR_RANGE);
	m = good, m.handling = "H9";
	assert_int_equal(try_post(w, &m), -ERR_HANDLING);
	m = good, m.case_ref = "two words";
	assert_int_equal(try_post(w, &m), -ERR_INVAL);
	m = good, m.parts = &empty;
	assert_true(try_post(w, &m) < 0);
	w->node[IT].keyd_away = true;
	assert_int_equal(try_post(w, &good), -ERR_PIPE);
	w->node[IT].keyd_away = false;
	w->now_ms += 22 * 86400000LL; /* the peer's last epoch has ended */
	m = good, m.expires_s = w->now_ms / 1000 + 60;
	assert_int_equal(try_post(w, &m), -ERR_KEY_EXPIRED);
	assert_int_equal(w->node[IT].events[EXCHANGE_EV_NO_KEY], 1);
}

/* ---- the receiver's decisions ---- */

static void test_quarantine(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	w->node[FR].probe_result = -ERR_HANDLING;
	post(w, EXCHANGE_NORMAL, "odd code", id16);
	nodes_run(w);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").state, EXCHANGE_QUARANTINED);
	assert_int_equal(node_effects(&w->node[FR], "odd code"), 0);
	assert_int_equal(w->node[FR].events[EXCHANGE_EV_QUARANTINE], 1);
}

static void test_refused(void **state)
{
	struct nodes *w = *state;
	struct exchange_delivery d;
	uint8_t id16[16];
	w->node[FR].probe_result = -ERR_AMOUNT;
	post(w, EXCHANGE_NORMAL, "too much", id16);
	nodes_run(w);
	d = delivery(&w->node[IT], id16, "fr");
	assert_int_equal(d.state, EXCHANGE_REFUSED);
	assert_string_equal(d.reason, "amount");
	assert_int_equal(node_effects(&w->node[FR], "too much"), 0); /* undone */
	assert_int_equal(w->node[FR].events[EXCHANGE_EV_REFUSED], 1);
}

static void test_no_handler(void **state)
{
	struct nodes *w = *state;
	const char *to[] = {"fr"};
	const struct exchange_part part = {"text/plain", "x", 1};
	const struct exchange_post m = {.class = EXCHANGE_NORMAL,
					.to = to,
					.to_n = 1,
					.expires_s = w->now_ms / 1000 + 60,
					.handling = "H1",
					.marking = "TLP:RED",
					.grade = "B2",
					.parts = &part,
					.parts_n = 1};
	uint8_t id16[16];
	STORE_TXN(txn);
	assert_int_equal(store_begin(w->node[IT].store, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(exchange_post(w->node[IT].x, &m, id16, NULL), 0);
	assert_int_equal(store_commit(&txn, NULL), 0);
	nodes_run(w);
	assert_string_equal(delivery(&w->node[IT], id16, "fr").reason, "unsupported");
}

/* What is not the message's fault (the key process is away, say): stored, opened later, in order. */
static void test_not_now(void **state)
{
	static const int codes[] = {-ERR_NOMEM, -ERR_TIMEDOUT, -ERR_PIPE, -ERR_BUSY};
	struct nodes *w = *state;
	uint8_t a16[16], b16[16];
	nodes_run(w);
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		w->node[FR].probe_result = codes[i];
		post(w, EXCHANGE_NORMAL, err_name(codes[i]), a16);
		nodes_run(w);
		assert_int_equal(delivery(&w->node[IT], a16, "fr").state, EXCHANGE_STORED);
		w->node[FR].probe_result = 0;
		nodes_pass(w, 5000, 1000);
		assert_int_equal(delivery(&w->node[IT], a16, "fr").state, EXCHANGE_ACCEPTED);
		assert_int_equal(node_effects(&w->node[FR], err_name(codes[i])), 1);
	}
	w->node[FR].probe_result = -ERR_BUSY;
	post(w, EXCHANGE_NORMAL, "first", a16);
	post(w, EXCHANGE_NORMAL, "second", b16);
	nodes_run(w);
	assert_int_equal(delivery(&w->node[IT], a16, "fr").state, EXCHANGE_STORED);
	w->node[FR].probe_result = 0;
	nodes_pass(w, 5000, 1000);
	assert_int_equal(delivery(&w->node[IT], a16, "fr").state, EXCHANGE_ACCEPTED);
	assert_int_equal(delivery(&w->node[IT], b16, "fr").state, EXCHANGE_ACCEPTED);
	assert_int_equal(
		node_count(&w->node[FR], "SELECT n FROM probe_effect WHERE text = 'first'"), 5);
}

static void test_forged_inside(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	w->node[IT].evidence32[0] ^= 1;
	post(w, EXCHANGE_NORMAL, "not the agency", id16);
	w->node[IT].evidence32[0] ^= 1;
	nodes_run(w);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").state, EXCHANGE_REFUSED);
	assert_string_equal(delivery(&w->node[IT], id16, "fr").reason, "key-unknown");
	assert_int_equal(node_effects(&w->node[FR], "not the agency"), 0);
}

/* The receiver does not hold the epoch's secret. */
static void test_no_match(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	memset(w->node[FR].epochs, 9, sizeof(w->node[FR].epochs));
	post(w, EXCHANGE_NORMAL, "lost key", id16);
	nodes_run(w);
	assert_string_equal(delivery(&w->node[IT], id16, "fr").reason, "no-match");
}

/* ---- what comes from the wire ---- */

/* The next parcels POST from Italy to France, taken out of the mail. */
static struct buf capture(struct nodes *w)
{
	struct buf b;
	buf_init(&b, EXCHANGE_BODY_MAX);
	assert_int_equal(exchange_poll(w->node[IT].x, NULL), 0);
	for (size_t i = 0; i < w->mail_n; i++)
		if (w->mail[i].kind == EXCHANGE_PARCELS && w->mail[i].to == FR)
			buf_put(&b, w->mail[i].body.p, w->mail[i].body.len);
	assert_true(b.len > 0);
	return b;
}

/* Code of the refusal in the reply of France to a body; "" if there is none. */
static const char *refusal(struct nodes *w, const char *peer, const struct buf *body)
{
	static char code[64];
	struct buf reply;
	code[0] = '\0';
	buf_init(&reply, EXCHANGE_BODY_MAX);
	assert_int_equal(exchange_receive(w->node[FR].x, peer, EXCHANGE_PARCELS, body->p, body->len,
					  &reply, NULL),
			 0);
	const char *at = memmem(reply.p, reply.len, "\ncode ", 6);
	if (at)
		sscanf(at, "\ncode %60s", code);
	buf_done(&reply);
	return code;
}

static struct buf sample(struct nodes *w, const char *text)
{
	uint8_t id16[16];
	nodes_run(w);
	post(w, EXCHANGE_NORMAL, text, id16);
	return capture(w);
}

static void change(struct buf *b, const char *from, const char *to)
{
	uint8_t *at = memmem(b->p, b->len, from, strlen(from));
	assert_non_null(at);
	memcpy(at, to, strlen(to));
}

static void test_wire_refusals(void **state)
{
	static const struct {
		const char *from, *to, *code;
	} cases[] = {
		{"\nexpires 1", "\nexpires 9", "signature"},
		{"parcel/v1", "parcel/v2", "version"},
		{"\nsuite age-x25519", "\nsuite xge-x25519", "unsupported"},
		{"\nclass normal", "\nclass narmal", "format"},
		{"\nfrom it", "\nfrom jp", "inval"},
		{"\nto fr", "\nto jp", "inval"},
		{"\xe2\x80\x94 it ", "\xe2\x80\x94 if ", "key-unknown"},
		{"age-encryption", "age-encryptiom", "crypto"},
	};
	struct nodes *w = *state;
	struct buf good = sample(w, "sample"), b;
	buf_init(&b, EXCHANGE_BODY_MAX);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&b);
		buf_put(&b, good.p, good.len);
		change(&b, cases[i].from, cases[i].to);
		const char *code = refusal(w, "it", &b);
		if (strcmp(code, cases[i].code) != 0)
			fail_msg("%s: %s, not %s", cases[i].from, code, cases[i].code);
	}
	assert_string_equal(refusal(w, "jp", &good), "inval"); /* carried by another member */
	buf_clear(&b);
	buf_put(&b, good.p, good.len - 1);
	assert_string_equal(refusal(w, "it", &b), "truncated");
	assert_int_equal(node_count(&w->node[FR], "SELECT COUNT(*) AS n FROM exchange_in"), 0);
	assert_string_equal(refusal(w, "it", &good), "");
	assert_string_equal(refusal(w, "it", &good), ""); /* a replay: the same receipts */
	assert_int_equal(node_effects(&w->node[FR], "sample"), 1);
	assert_int_equal(
		exchange_receive(w->node[FR].x, "xx", EXCHANGE_PARCELS, good.p, good.len, &b, NULL),
		-ERR_MEMBER_UNKNOWN);
	buf_done(&b);
	buf_done(&good);
}

/* A body whose second parcel cannot be read: the first one stands, and the refusal names no message. */
static void test_unreadable_second(void **state)
{
	static const char none[] = "\nid 00000000000000000000000000000000\ncode ";
	struct nodes *w = *state;
	struct buf good = sample(w, "readable"), reply;
	buf_init(&reply, EXCHANGE_BODY_MAX);
	buf_put(&good, "\0\0\0\4abcd", 8);
	assert_int_equal(exchange_receive(w->node[FR].x, "it", EXCHANGE_PARCELS, good.p, good.len,
					  &reply, NULL),
			 0);
	assert_non_null(memmem(reply.p, reply.len, none, sizeof(none) - 1));
	assert_int_equal(node_effects(&w->node[FR], "readable"), 1);
	buf_done(&good);
	buf_done(&reply);
}

static void test_replay_receipts(void **state)
{
	struct nodes *w = *state;
	struct buf good = sample(w, "again"), one, two;
	buf_init(&one, EXCHANGE_BODY_MAX);
	buf_init(&two, EXCHANGE_BODY_MAX);
	assert_int_equal(exchange_receive(w->node[FR].x, "it", EXCHANGE_PARCELS, good.p, good.len,
					  &one, NULL),
			 0);
	w->now_ms += 7000;
	assert_int_equal(exchange_receive(w->node[FR].x, "it", EXCHANGE_PARCELS, good.p, good.len,
					  &two, NULL),
			 0);
	struct cur a = cur_init(one.p, one.len), b = cur_init(two.p, two.len);
	for (int i = 0; i < 2;
	     i++) { /* R1 and R2, to the byte; the head behind them has a new time */
		uint32_t n = cur_u32be(&a);
		assert_int_equal(cur_u32be(&b), n);
		assert_memory_equal(cur_bytes(&a, n), cur_bytes(&b, n), n);
	}
	buf_done(&one);
	buf_done(&two);
	buf_done(&good);
}

static void test_expired_and_revoked(void **state)
{
	struct nodes *w = *state;
	struct buf good = sample(w, "late");
	struct directory_node *n = &w->node[IT].note;
	w->now_ms += (86400 + 301) * 1000LL;
	assert_string_equal(refusal(w, "it", &good), "");
	assert_int_equal(
		node_count(&w->node[FR],
			   "SELECT COUNT(*) AS n FROM exchange_in WHERE reason = 'expired'"),
		1);
	buf_done(&good);
	good = sample(w, "revoked");
	n->revoked[n->revoked_n++] = (struct directory_revoked){w->now_ms / 1000, n->keys[0].vkey};
	nodes_sign_node(w, IT);
	assert_int_equal(directory_install(exchange_directory(w->node[FR].x), "it",
					   w->node[IT].signed_note.p, w->node[IT].signed_note.len,
					   NULL, NULL),
			 0);
	assert_string_equal(refusal(w, "it", &good), "key-revoked");
	buf_done(&good);
}

/* ---- gaps, contradictions ---- */

static void drop_mail(struct nodes *w, size_t to)
{
	for (size_t i = 0; i < w->mail_n; i++) {
		struct nodes_mail *m = &w->mail[i];
		if (m->to != to)
			continue;
		assert_int_equal(exchange_sent(w->node[m->from].x, m->send_id, 0, NULL, 0, NULL),
				 0);
		buf_done(&m->body);
		*m-- = w->mail[--w->mail_n];
		i--;
	}
}

/* A bulk parcel is lost on the way; the FLASH behind it has its effect at once, and the gap is filled. */
static void test_overtake(void **state)
{
	struct nodes *w = *state;
	uint8_t a16[16], b16[16];
	nodes_run(w);
	post(w, EXCHANGE_BULK, "slow", a16);
	assert_int_equal(exchange_poll(w->node[IT].x, NULL), 0);
	drop_mail(w, FR);
	post(w, EXCHANGE_FLASH, "fast", b16);
	nodes_run(w);
	assert_int_equal(delivery(&w->node[IT], b16, "fr").state, EXCHANGE_ACCEPTED);
	assert_int_equal(delivery(&w->node[IT], b16, "fr").seq, 2);
	assert_int_equal(node_count(&w->node[FR],
				    "SELECT seq AS n FROM exchange_stream_in WHERE peer = 'it'"),
			 0);
	nodes_pass(w, 3000, 1000);
	assert_int_equal(delivery(&w->node[IT], a16, "fr").state, EXCHANGE_ACCEPTED);
	assert_int_equal(node_count(&w->node[FR],
				    "SELECT seq AS n FROM exchange_stream_in WHERE peer = 'it'"),
			 2);
}

static int sql_blob(struct node *node, const char *text, const void *p, size_t len)
{
	const struct store_val value = val_blob(p, len);
	STORE_TXN(txn);
	int r = store_begin(node->store, STORE_WRITE, &txn, NULL);
	int64_t n = r < 0 ? r : store_exec(node->store, text, &value, p ? 1 : 0, NULL);
	return n < 0 ? (int)n : store_commit(&txn, NULL);
}

static int sql(struct node *node, const char *text)
{
	return sql_blob(node, text, NULL, 0);
}

/* The receiver has forgotten what it had acknowledged (an old backup): it is sent again. */
static void test_receiver_restored(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	char text[16];
	for (int i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		post(w, EXCHANGE_NORMAL, text, id16);
		nodes_run(w);
	}
	static const char *const forget[] = {
		"DELETE FROM exchange_place WHERE seq > 2",
		"DELETE FROM exchange_in WHERE id NOT IN (SELECT id FROM exchange_place)",
		"DELETE FROM exchange_part WHERE id NOT IN (SELECT id FROM exchange_place)",
		"DELETE FROM exchange_receipt WHERE id NOT IN (SELECT id FROM exchange_place)",
		"DELETE FROM probe_effect WHERE n > 2",
		"UPDATE exchange_stream_in SET seq = 2, top = 2, chain = (SELECT text_hash FROM exchange_place WHERE seq = 2)"};
	for (size_t i = 0; i < ARRAY_LEN(forget); i++)
		assert_int_equal(sql(&w->node[FR], forget[i]), 0);
	assert_int_equal(node_count(&w->node[FR], "SELECT COUNT(*) AS n FROM probe_effect"), 2);
	exchange_peer(w->node[FR].x, "it")->slot[SLOT_HEADS].due_ms = 0; /* as at its start */
	nodes_pass(w, 3000, 500); /* the sender sees that and asks at once, not a minute later */
	assert_int_equal(node_count(&w->node[FR], "SELECT COUNT(*) AS n FROM probe_effect"), 5);
	assert_int_equal(
		node_count(
			&w->node[FR], /* what came again came in a new epoch */
			"SELECT epoch * 10 + seq AS n FROM exchange_stream_in WHERE peer = 'it'"),
		23);
}

/* The sender's store is an old backup: it learns so from the peer's head, opens a new epoch, and repeats nothing. */
static void test_sender_restored(void **state)
{
	ENGINE_SQLITE_ONLY();
	struct nodes *w = *state;
	struct node *it = &w->node[IT];
	uint8_t id16[16];
	char path[] = "/tmp/lug-test-XXXXXX", live[64], old[64];
	assert_non_null(mkdtemp(path));
	snprintf(live, sizeof(live), "%s/live", path);
	snprintf(old, sizeof(old), "%s/old", path);
	node_close(it);
	assert_int_equal(node_open(it, live, NULL, NULL), 0);
	assert_int_equal(node_install(it, NULL), 0);
	post(w, EXCHANGE_NORMAL, "before", id16);
	nodes_run(w);
	w->cut[IT][FR] = w->cut[FR][IT] = true;
	post(w, EXCHANGE_NORMAL, "in both", id16);
	nodes_run(w);
	assert_int_equal(store_backup(it->store, old, NULL), 0);
	memset(w->cut, 0, sizeof(w->cut));
	nodes_pass(w, 400000, 10000);
	post(w, EXCHANGE_NORMAL, "after", id16);
	nodes_run(w);
	node_close(it);
	assert_int_equal(node_open(it, old, NULL, NULL), 0);
	post(w, EXCHANGE_NORMAL, "new life", id16);
	nodes_pass(w, 70000, 1000);
	assert_int_equal(delivery(it, id16, "fr").state, EXCHANGE_ACCEPTED);
	assert_int_equal(delivery(it, id16, "fr").epoch, 2);
	assert_int_equal(it->events[EXCHANGE_EV_RESET], 1);
	assert_int_equal(node_effects(&w->node[FR], "before"), 1);
	assert_int_equal(node_effects(&w->node[FR], "in both"), 1);
	assert_int_equal(node_effects(&w->node[FR], "after"), 1);
	assert_int_equal(node_effects(&w->node[FR], "new life"), 1);
	node_close(it);
	unlink(live);
	unlink(old);
	rmdir(path);
}

/* Two histories of one stream: it stops on both sides with a proof, until people decide. */
static void test_equivocation(void **state)
{
	struct nodes *w = *state;
	struct exchange_peer_status p[2];
	uint8_t id16[16];
	post(w, EXCHANGE_NORMAL, "one", id16);
	nodes_run(w);
	assert_int_equal(
		sql(&w->node[IT],
		    "UPDATE exchange_out SET text_hash = (SELECT hash FROM exchange_sealed ORDER BY hash LIMIT 1)"),
		0);
	nodes_pass(w, 61000, 1000); /* the head shows another text than "we sent" */
	assert_int_equal(w->node[IT].events[EXCHANGE_EV_STREAM_STOPPED], 1);
	post(w, EXCHANGE_NORMAL, "two", id16);
	nodes_pass(w, 61000, 1000);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").state, EXCHANGE_QUEUED);
	assert_int_equal(exchange_peers(w->node[IT].x, p, 2, NULL), 2);
	assert_true(p[0].out.stopped);
	assert_int_equal(exchange_resume(w->node[IT].x, "xx", "officer-1", NULL),
			 -ERR_MEMBER_UNKNOWN);
	assert_int_equal(exchange_resume(w->node[IT].x, "jp", "officer-1", NULL), -ERR_INVAL);
	assert_int_equal(exchange_resume(w->node[IT].x, "fr", "officer-1", NULL), 0);
	nodes_pass(w, 61000, 1000);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").state, EXCHANGE_ACCEPTED);
}

/* Another text at a place that is taken stops the receiver's side. */
static void test_receiver_stops(void **state)
{
	struct nodes *w = *state;
	struct buf good = sample(w, "first text");
	uint8_t id16[16];
	nodes_run(w);
	assert_int_equal(refusal(w, "it", &good)[0], '\0');
	assert_int_equal(
		sql(&w->node[IT], "UPDATE exchange_stream_out SET seq = 0 WHERE peer = 'fr'"), 0);
	static const uint8_t zero32[32];
	assert_int_equal(sql_blob(&w->node[IT],
				  "UPDATE exchange_stream_out SET chain = ? WHERE peer = 'fr'",
				  zero32, sizeof(zero32)),
			 0);
	post(w, EXCHANGE_NORMAL, "second text", id16);
	struct buf bad = capture(w);
	assert_string_equal(refusal(w, "it", &bad), "stream-stopped");
	assert_int_equal(w->node[FR].events[EXCHANGE_EV_STREAM_STOPPED], 1);
	assert_string_equal(refusal(w, "it", &bad), "stream-stopped");
	assert_int_equal(w->node[FR].events[EXCHANGE_EV_STREAM_STOPPED], 1);
	assert_string_equal(refusal(w, "it", &good),
			    ""); /* what was stored is still acknowledged */
	assert_int_equal(
		node_count(&w->node[FR],
			   "SELECT COUNT(*) AS n FROM exchange_proof WHERE kind = 'stream'"),
		1);
	assert_int_equal(node_effects(&w->node[FR], "second text"), 0);
	assert_int_equal(exchange_resume(w->node[FR].x, "it", "officer-2", NULL), 0);
	buf_done(&good);
	buf_done(&bad);
}

/* One id, two files: refused, both kept, and the stream goes on in a new epoch. */
static void test_conflicting_duplicate(void **state)
{
	struct nodes *w = *state;
	uint8_t a16[16], b16[16];
	post(w, EXCHANGE_NORMAL, "original", a16);
	nodes_run(w);
	w->now_ms++; /* ids of one millisecond have no order */
	post(w, EXCHANGE_NORMAL, "impostor", b16);
	assert_int_equal(sql(&w->node[IT], "DELETE FROM exchange_receipt"), 0);
	assert_int_equal(sql(&w->node[IT], "DELETE FROM exchange_out WHERE seq = 1"), 0);
	assert_int_equal(
		sql(&w->node[IT],
		    "UPDATE exchange_out SET id = (SELECT id FROM exchange_sealed ORDER BY id LIMIT 1)"),
		0);
	assert_int_equal(
		sql(&w->node[IT],
		    "DELETE FROM exchange_sealed WHERE id = (SELECT id FROM exchange_sealed ORDER BY id LIMIT 1)"),
		0);
	assert_int_equal(
		sql(&w->node[IT],
		    "UPDATE exchange_sealed SET id = (SELECT id FROM exchange_out ORDER BY id LIMIT 1)"),
		0);
	nodes_run(w);
	struct exchange_delivery d = delivery(&w->node[IT], a16, "fr");
	assert_int_equal(d.state, EXCHANGE_UNDELIVERED);
	assert_string_equal(d.reason, "conflict");
	assert_int_equal(w->node[FR].events[EXCHANGE_EV_CONFLICT], 1);
	assert_int_equal(node_effects(&w->node[FR], "impostor"), 0);
	assert_int_equal(
		node_count(&w->node[FR],
			   "SELECT COUNT(*) AS n FROM exchange_proof WHERE kind = 'parcel'"),
		1);
	post(w, EXCHANGE_NORMAL, "goes on", b16);
	nodes_pass(w, 70000, 1000);
	assert_int_equal(delivery(&w->node[IT], b16, "fr").state, EXCHANGE_ACCEPTED);
	assert_int_equal(delivery(&w->node[IT], b16, "fr").epoch, 2);
}

/* Far ahead of the head, and of an epoch that nobody opened. */
static void test_gap_refused(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	post(w, EXCHANGE_NORMAL, "place 1", id16);
	nodes_run(w);
	assert_int_equal(
		sql(&w->node[IT], "UPDATE exchange_stream_out SET seq = 2000 WHERE peer = 'fr'"),
		0);
	post(w, EXCHANGE_NORMAL, "place 2001", id16);
	struct buf b = capture(w);
	assert_string_equal(refusal(w, "it", &b), "gap");
	buf_done(&b);
	assert_int_equal(sql_blob(&w->node[IT],
				  "UPDATE exchange_out SET seq = 0, note = ? WHERE seq > 1", "", 0),
			 0);
	assert_int_equal(sql(&w->node[IT],
			     "UPDATE exchange_stream_out SET seq = 1, epoch = 2 WHERE peer = 'fr'"),
			 0);
	post(w, EXCHANGE_BULK, "epoch 2", id16);
	b = capture(w);
	assert_string_equal(refusal(w, "it", &b), "gap");
	buf_done(&b);
	assert_int_equal(
		sql(&w->node[FR], "UPDATE exchange_stream_in SET epoch = 3 WHERE peer = 'it'"), 0);
	post(w, EXCHANGE_FLASH, "epoch 2 again", id16);
	b = capture(w);
	assert_string_equal(refusal(w, "it", &b), "stale");
	buf_done(&b);
}

/* ---- time ---- */

static void test_expiry(void **state)
{
	struct nodes *w = *state;
	uint8_t a16[16], b16[16];
	nodes_run(w);
	w->cut[IT][FR] = true;
	post(w, EXCHANGE_FLASH, "numbered", a16);
	nodes_run(w);
	nodes_pass(w, 125000, 5000);
	assert_int_equal(w->node[IT].events[EXCHANGE_EV_FLASH_WAITS], 1);
	w->now_ms += 86400000;
	nodes_pass(w, 320000, 20000);
	struct exchange_delivery d = delivery(&w->node[IT], a16, "fr");
	assert_int_equal(d.state, EXCHANGE_UNDELIVERED);
	assert_string_equal(d.reason, "expired");
	assert_true(d.tries > 1);
	assert_int_equal(d.last_error, -ERR_OFFLINE); /* it is still tried, for the stream */
	assert_int_equal(w->node[IT].events[EXCHANGE_EV_UNDELIVERED], 1);
	w->cut[IT][FR] = false;
	post(w, EXCHANGE_NORMAL, "behind it", b16);
	nodes_pass(w, 400000, 20000);
	assert_int_equal(delivery(&w->node[IT], b16, "fr").state, EXCHANGE_ACCEPTED);
	assert_int_equal(node_effects(&w->node[FR], "numbered"),
			 0); /* stored and refused: too late */
	assert_int_equal(node_count(&w->node[FR],
				    "SELECT COUNT(*) AS n FROM exchange_receipt WHERE kind = 16"),
			 1);
}

static void test_skew(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	w->node[FR].skew_ms = 45000;
	nodes_run(w);
	assert_int_equal(w->node[IT].events[EXCHANGE_EV_SKEW], 1);
	w->node[FR].skew_ms = -130000;
	nodes_pass(w, 61000, 1000);
	assert_int_equal(w->node[IT].events[EXCHANGE_EV_SKEW], 2);
	assert_non_null(strstr(w->node[IT].last_event, "130 s"));
	post(w, EXCHANGE_NORMAL, "all the same", id16);
	nodes_run(w);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").state, EXCHANGE_ACCEPTED);
}

static void test_back_off(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	nodes_run(w);
	node_close(&w->node[FR]);
	post(w, EXCHANGE_FLASH, "wait", id16);
	nodes_pass(w, 60000, 100);
	uint32_t tries = delivery(&w->node[IT], id16, "fr").tries;
	assert_in_range(tries, 4, 40);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").last_error, -ERR_OFFLINE);
	exchange_contact(w->node[IT].x, "fr"); /* any sign of life ends the wait */
	assert_true(exchange_next_due(w->node[IT].x) <= w->now_ms);
}

/* Two nodes that cannot accept what the other says (keys expired) do not answer each other for ever. */
static void test_no_storm(void **state)
{
	struct nodes *w = *state;
	nodes_run(w);
	w->now_ms += 95 * 86400000LL;
	nodes_run(w);
	assert_true(exchange_next_due(w->node[IT].x) > w->now_ms);
	assert_true(exchange_next_due(w->node[FR].x) > w->now_ms);
}

/* ---- limits ---- */

static uint64_t little(void *ctx)
{
	return 100ULL << 20;
}

static void test_limits(void **state)
{
	struct nodes *w = *state;
	int64_t retry_s;
	struct exchange *x = w->node[FR].x;
	uint8_t id16[16];
	assert_int_equal(exchange_admit(x, "xx", EXCHANGE_HEADS, 1, &retry_s, NULL),
			 -ERR_MEMBER_UNKNOWN);
	assert_int_equal(
		exchange_admit(x, "it", EXCHANGE_HEADS, EXCHANGE_BODY_MAX + 1, &retry_s, NULL),
		-ERR_OVERSIZE);
	for (int i = 0; i < 600; i++)
		assert_int_equal(exchange_admit(x, "it", EXCHANGE_PARCELS, 1000, &retry_s, NULL),
				 0);
	assert_int_equal(exchange_admit(x, "it", EXCHANGE_PARCELS, 1000, &retry_s, NULL),
			 -ERR_QUOTA);
	assert_in_range(retry_s, 1, 61);
	assert_int_equal(exchange_admit(x, "jp", EXCHANGE_PARCELS, 1000, &retry_s, NULL),
			 0); /* its own quota */
	w->now_ms += 60000;
	assert_int_equal(exchange_admit(x, "it", EXCHANGE_PARCELS, 1000, &retry_s, NULL), 0);
	w->node[FR].env.disk_free = little;
	post(w, EXCHANGE_BULK, "bulk", id16);
	nodes_run(w);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").state, EXCHANGE_QUEUED);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").last_error, -ERR_NOSPC);
	post(w, EXCHANGE_FLASH, "flash", id16);
	nodes_run(w);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").state,
			 EXCHANGE_ACCEPTED); /* refused last */
}

static void test_framing(void **state)
{
	static const uint8_t bad[][8] = {{0, 0, 0, 0},
					 {0, 0, 255, 255},
					 {0, 0, 0, 4, 'a'},
					 {255, 255, 255, 255, 1, 2, 3, 4}};
	struct nodes *w = *state;
	struct buf reply;
	buf_init(&reply, EXCHANGE_BODY_MAX);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_true(exchange_receive(w->node[FR].x, "it", EXCHANGE_HEADS, bad[i], 8, &reply,
					     NULL) < 0);
		assert_true(exchange_receive(w->node[FR].x, "it", EXCHANGE_NOTES, bad[i], 8, &reply,
					     NULL) < 0);
		if (bad[i][3] != 4) /* one frame, that is no note: passed over */
			assert_true(exchange_receive(w->node[FR].x, "it", EXCHANGE_RECEIPTS, bad[i],
						     8, &reply, NULL) < 0);
		assert_int_equal(reply.len, 0);
	}
	assert_int_equal(
		exchange_receive(w->node[FR].x, "it", EXCHANGE_HEADS, NULL, 0, &reply, NULL),
		-ERR_FORMAT);
	assert_int_equal(exchange_sent(w->node[FR].x, 12345, 200, "x", 1, NULL),
			 0); /* unknown: nothing */
	buf_done(&reply);
}

/* ---- people's view ---- */

static int count_proof(void *ctx, const char *what, const char *peer, bool ours, const char *note,
		       size_t len)
{
	struct note n;
	assert_int_equal(note_parse(note, len, &n, NULL), 0);
	++*(int *)ctx;
	return 0;
}

static void test_views(void **state)
{
	struct nodes *w = *state;
	struct exchange_delivery d[4];
	struct exchange_received m[4], one;
	int64_t ord[4];
	uint8_t id16[16];
	int proofs = 0;
	post(w, EXCHANGE_NORMAL, "a", id16);
	post(w, EXCHANGE_NORMAL, "b", id16);
	nodes_run(w);
	assert_int_equal(exchange_list_sent(w->node[IT].x, NULL, 0, d, ord, 4, NULL), 2);
	assert_memory_equal(d[0].id16, id16, 16);
	assert_int_equal(exchange_list_sent(w->node[IT].x, "fr", ord[0], d, ord, 4, NULL), 1);
	assert_int_equal(exchange_list_received(w->node[FR].x, "it", 0, m, 4, NULL), 2);
	assert_int_equal(exchange_list_received(w->node[FR].x, "jp", 0, m, 4, NULL), 0);
	assert_int_equal(exchange_received(w->node[FR].x, id16, &one, NULL), 1);
	assert_int_equal(one.state, EXCHANGE_ACCEPTED);
	assert_int_equal(exchange_proofs(w->node[IT].x, id16, count_proof, &proofs, NULL), 0);
	assert_int_equal(proofs, 4); /* manifest, parcel, R1, R2 */
	proofs = 0;
	assert_int_equal(exchange_proofs(w->node[FR].x, id16, count_proof, &proofs, NULL), 0);
	assert_int_equal(proofs, 4);
	id16[3] ^= 1;
	assert_int_equal(exchange_proofs(w->node[FR].x, id16, count_proof, &proofs, NULL),
			 -ERR_NOENT);
	assert_int_equal(exchange_received(w->node[FR].x, id16, &one, NULL), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_delivered),
		T(test_several),
		T(test_batch_and_order),
		T(test_seen),
		T(test_post_refused),
		T(test_quarantine),
		T(test_refused),
		T(test_no_handler),
		T(test_not_now),
		T(test_forged_inside),
		T(test_no_match),
		T(test_wire_refusals),
		T(test_replay_receipts),
		T(test_unreadable_second),
		T(test_expired_and_revoked),
		T(test_overtake),
		T(test_receiver_restored),
		T(test_sender_restored),
		T(test_equivocation),
		T(test_receiver_stops),
		T(test_conflicting_duplicate),
		T(test_gap_refused),
		T(test_expiry),
		T(test_skew),
		T(test_back_off),
		T(test_no_storm),
		T(test_limits),
		T(test_framing),
		T(test_views),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
