/* SPDX-License-Identifier: Apache-2.0
 * Keys that are replaced or revoked while parcels and receipts are under way, and what a thief can do with a revoked one. */
#include "base/text.h"
#include "crypto/crypto.h"
#include "exchange/exchange-int.h"
#include "nodes.h"
#include "wire/parcel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"fr", "it", "jp"};
enum { FR, IT, JP };

static int setup(void **state)
{
	struct nodes *w = malloc(sizeof(*w));
	nodes_init(w, names, 3, 23);
	nodes_start(w);
	nodes_run(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	nodes_done(*state);
	free(*state);
	return 0;
}

static void install(struct nodes *w, size_t at, size_t whose)
{
	const struct buf *note = &w->node[whose].signed_note;
	assert_int_equal(directory_install(exchange_directory(w->node[at].x), NULL, note->p,
					   note->len, NULL, NULL),
			 0);
}

static void post(struct nodes *w, const char *text, uint8_t id16[static 16])
{
	assert_int_equal(node_post(&w->node[IT], EXCHANGE_FLASH, text, id16, NULL, "fr", NULL), 0);
}

static struct exchange_delivery delivery(struct nodes *w, const uint8_t id16[static 16])
{
	struct exchange_delivery d;
	assert_int_equal(exchange_delivery(w->node[IT].x, id16, "fr", &d, NULL), 1);
	return d;
}

static void cut(struct nodes *w, bool on)
{
	w->cut[IT][FR] = w->cut[FR][IT] = on;
}

/* ---- a thief with a revoked key ---- */

struct thief {
	uint8_t node32[32];
};

/* A parcel of a stolen node key at the next place of the stream from Italy to France, with a time of its own choice. */
static void forge_parcel(struct nodes *w, const struct thief *t, int64_t time_s, struct buf *body)
{
	static const char file[] = "age-encryption.org/v1\nnothing that opens";
	struct buf note;
	struct stream in;
	struct parcel_outer o = {.seq = 1,
				 .class = PARCEL_FLASH,
				 .time_s = time_s,
				 .expires_s = time_s + 86400,
				 .size = sizeof(file) - 1};
	assert_int_equal(stream_in_load(w->node[FR].x, "it", &in, NULL) >= 0, 1);
	o.epoch = in.epoch;
	o.seq = in.seq + 1;
	memcpy(o.prev32, in.chain32, 32);
	stream_done(&in);
	snprintf(o.from, sizeof(o.from), "it");
	snprintf(o.to, sizeof(o.to), "fr");
	prng_bytes(&w->rng, o.id16, 16);
	sha256(file, sizeof(file) - 1, o.sha256);
	buf_init(&note, NOTE_MAX);
	assert_int_equal(parcel_outer_encode(&o, &note), 0);
	assert_int_equal(note_sign_seed(&note, "it", t->node32, NULL), 0);
	assert_int_equal(parcel_put(body, note.p, note.len, file, sizeof(file) - 1), 0);
	buf_done(&note);
}

static void forge_head(const struct thief *t, int64_t time_s, struct buf *frames)
{
	struct buf note;
	struct stream_head h = {.time_ms = time_s * 1000,
				.received.epoch = 1,
				.sent.epoch = 1,
				.sent.seq = 900,
				.shown_epoch = 1};
	snprintf(h.from, sizeof(h.from), "it");
	snprintf(h.to, sizeof(h.to), "fr");
	memset(h.sent.chain32, 7, 32);
	buf_init(&note, NOTE_MAX);
	assert_int_equal(stream_head_encode(&h, &note), 0);
	assert_int_equal(note_sign_seed(&note, "it", t->node32, NULL), 0);
	frame_put(frames, note.p, note.len);
	buf_done(&note);
}

static bool refused(struct nodes *w, const struct buf *body)
{
	struct buf reply;
	buf_init(&reply, EXCHANGE_BODY_MAX);
	assert_int_equal(exchange_receive(w->node[FR].x, "it", EXCHANGE_PARCELS, body->p, body->len,
					  &reply, NULL),
			 0);
	bool is = memmem(reply.p, reply.len, "\ncode key-revoked\n", 18) != NULL;
	buf_done(&reply);
	return is;
}

/* Whatever time it claims: before the theft, before the revocation, now. */
static void test_back_dated_parcel(void **state)
{
	struct nodes *w = *state;
	static const int64_t ages_s[] = {0, 1, 3600, 20 * 86400};
	struct thief t;
	struct buf body;
	uint8_t id16[16];
	buf_init(&body, EXCHANGE_BODY_MAX);
	post(w, "before", id16);
	nodes_run(w);
	memcpy(t.node32, w->node[IT].node32, 32);
	w->now_ms += 30 * 86400 * 1000LL / 2;
	nodes_rekey(w, IT, DIRECTORY_KEY_NODE, true);
	install(w, FR, IT);
	for (size_t i = 0; i < ARRAY_LEN(ages_s); i++) {
		buf_clear(&body);
		forge_parcel(w, &t, w->now_ms / 1000 - ages_s[i], &body);
		assert_true(refused(w, &body));
	}
	/* What was received before the revocation stays. */
	assert_int_equal(node_count(&w->node[FR], "SELECT COUNT(*) AS n FROM exchange_in"), 1);
	assert_int_equal(node_effects(&w->node[FR], "before"), 1);
	assert_int_equal(
		node_count(
			&w->node[IT],
			"SELECT COUNT(*) AS n FROM exchange_receipt WHERE ours = 0 AND kind IN (0, 1)"),
		2);
	buf_done(&body);
}

static void test_back_dated_head(void **state)
{
	struct nodes *w = *state;
	struct thief t;
	struct buf body, reply;
	memcpy(t.node32, w->node[IT].node32, 32);
	w->now_ms += 3600 * 1000;
	nodes_rekey(w, IT, DIRECTORY_KEY_NODE, true);
	install(w, FR, IT);
	buf_init(&body, EXCHANGE_BODY_MAX);
	buf_init(&reply, EXCHANGE_BODY_MAX);
	forge_head(&t, w->now_ms / 1000 - 1800, &body);
	assert_int_equal(exchange_receive(w->node[FR].x, "it", EXCHANGE_HEADS, body.p, body.len,
					  &reply, NULL),
			 -ERR_KEY_REVOKED);
	assert_int_equal(node_count(&w->node[FR],
				    "SELECT COUNT(*) AS n FROM exchange_stream_in WHERE top = 900"),
			 0);
	buf_done(&reply);
	buf_done(&body);
}

/* A receipt by the thief of France's key: that a message was acted on, at a time when the key was good. */
static void test_back_dated_receipt(void **state)
{
	struct nodes *w = *state;
	struct receipt c = {.kind = RECEIPT_ACTED, .head_epoch = 1, .head_seq = 1};
	uint8_t stolen32[32], id16[16];
	struct buf note, body, reply;
	memcpy(stolen32, w->node[FR].node32, 32);
	post(w, "held?", id16);
	nodes_run(w);
	STORE_ROWS(rows);
	assert_int_equal(store_first(w->node[IT].store, "SELECT hash FROM exchange_sealed", NO_VALS,
				     &rows, NULL),
			 1);
	row_copy(&rows, "hash", c.sha256, 32);
	store_rows_done(&rows);
	snprintf(c.from, sizeof(c.from), "fr");
	snprintf(c.to, sizeof(c.to), "it");
	memcpy(c.id16, id16, 16);
	memset(c.head32, 7, 32);
	c.time_s = w->now_ms / 1000;
	w->now_ms += 60000;
	nodes_rekey(w, FR, DIRECTORY_KEY_NODE, true);
	install(w, IT, FR);
	buf_init(&note, NOTE_MAX);
	buf_init(&body, EXCHANGE_BODY_MAX);
	buf_init(&reply, EXCHANGE_BODY_MAX);
	assert_int_equal(receipt_encode(&c, &note), 0);
	assert_int_equal(note_sign_seed(&note, "fr", stolen32, NULL), 0);
	frame_put(&body, note.p, note.len);
	assert_int_equal(exchange_receive(w->node[IT].x, "fr", EXCHANGE_RECEIPTS, body.p, body.len,
					  &reply, NULL),
			 0);
	assert_int_equal(delivery(w, id16).state, EXCHANGE_ACCEPTED);
	assert_int_equal(delivery(w, id16).acted_s, 0);
	buf_done(&reply);
	buf_done(&body);
	buf_done(&note);
}

/* Stored before, opened after: R1 stands, but nothing is done for a revoked evidence key. */
static void test_unopened(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	w->node[FR].probe_result = -ERR_BUSY;
	post(w, "forged order", id16);
	nodes_run(w);
	assert_int_equal(delivery(w, id16).state, EXCHANGE_STORED);
	nodes_rekey(w, IT, DIRECTORY_KEY_EVIDENCE, true);
	install(w, FR, IT);
	w->node[FR].probe_result = 0;
	nodes_pass(w, 10000, 1000);
	assert_int_equal(delivery(w, id16).state, EXCHANGE_REFUSED);
	assert_string_equal(delivery(w, id16).reason, "key-revoked");
	assert_int_equal(node_effects(&w->node[FR], "forged order"), 0);
}

/* ---- the owner's own texts ---- */

/* Numbered under the old key, never received: goes out under the new one, at the same place. */
static void under_way(struct nodes *w, bool revoke)
{
	uint8_t id16[16];
	char again[24];
	snprintf(again, sizeof(again), "under way %d", revoke);
	cut(w, true);
	post(w, again, id16);
	nodes_run(w);
	uint64_t seq = delivery(w, id16).seq;
	assert_true(seq > 0);
	nodes_rekey(w, IT, DIRECTORY_KEY_NODE, revoke);
	install(w, IT, IT);
	nodes_run(w);
	cut(w, false);
	nodes_pass(w, 120000, 1000);
	assert_int_equal(delivery(w, id16).state, EXCHANGE_ACCEPTED);
	assert_int_equal(delivery(w, id16).seq, seq);
	assert_int_equal(delivery(w, id16).epoch, 1);
	assert_int_equal(node_effects(&w->node[FR], again), 1);
}

static void test_parcel_under_way(void **state)
{
	under_way(*state, false);
	under_way(*state, true);
}

/* The parcel is on the wire when the receiver learns of the revocation: refused for now, then it comes signed anew. */
static void test_parcel_overtaken(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	post(w, "overtaken", id16);
	assert_int_equal(exchange_poll(w->node[IT].x, NULL), 0);
	nodes_rekey(w, IT, DIRECTORY_KEY_NODE, true);
	install(w, FR, IT);
	install(w, IT, IT);
	nodes_run(w);
	assert_int_equal(delivery(w, id16).last_error, -ERR_KEY_REVOKED);
	nodes_pass(w, 60000, 1000);
	assert_int_equal(delivery(w, id16).state, EXCHANGE_ACCEPTED);
	assert_int_equal(delivery(w, id16).epoch, 1);
}

static void see(struct nodes *w, const uint8_t id16[static 16])
{
	STORE_TXN(txn);
	assert_int_equal(store_begin(w->node[FR].store, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(exchange_receipt(w->node[FR].x, "it", id16, EXCHANGE_SEEN, NULL), 0);
	assert_int_equal(store_commit(&txn, NULL), 0);
}

static int64_t pending(struct nodes *w)
{
	return node_count(&w->node[FR],
			  "SELECT COUNT(*) AS n FROM exchange_receipt WHERE pending = 1");
}

/* More receipts wait than one POST takes; their key is replaced twice, so that it is not even listed any more, or revoked. */
static void receipts_wait(struct nodes *w, bool revoke)
{
	enum { MANY = 70 };
	uint8_t ids[MANY][16];
	for (int i = 0; i < MANY; i++)
		post(w, "one of many", ids[i]);
	nodes_run(w);
	cut(w, true);
	for (int i = 0; i < MANY; i++)
		see(w, ids[i]);
	nodes_run(w);
	assert_int_equal(pending(w), MANY);
	nodes_rekey(w, FR, DIRECTORY_KEY_NODE, revoke);
	install(w, FR, FR);
	nodes_run(w);
	cut(w, false);
	nodes_pass(w, 120000, 1000);
	assert_int_equal(pending(w), 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(delivery(w, ids[i]).state, EXCHANGE_SEEN);
}

static void test_receipts_rotation(void **state)
{
	receipts_wait(*state, false);
}

static void test_receipts_revocation(void **state)
{
	receipts_wait(*state, true);
}

/* R1 and R2 were lost on the way back; the parcel comes again after the receiver has revoked the key that signed them. */
static void test_lost_reply(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	w->cut[FR][IT] = true;
	post(w, "no answer", id16);
	nodes_run(w);
	assert_int_equal(node_effects(&w->node[FR], "no answer"), 1);
	nodes_rekey(w, FR, DIRECTORY_KEY_NODE, true);
	install(w, FR, FR);
	install(w, IT, FR);
	w->cut[FR][IT] = false;
	nodes_pass(w, 60000, 1000);
	assert_int_equal(delivery(w, id16).state, EXCHANGE_ACCEPTED);
	assert_int_equal(node_effects(&w->node[FR], "no answer"), 1);
}

/* A peer that never knew the old key: it was installed after that key had left the note. */
static void test_key_gone_from_note(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	post(w, "known", id16);
	nodes_run(w);
	cut(w, true);
	see(w, id16);
	nodes_run(w);
	uint8_t kept32[32];
	memcpy(kept32, w->node[FR].note.keys[0].vkey.pk32, 32);
	nodes_rekey(w, FR, DIRECTORY_KEY_NODE, false);
	install(w, FR, FR);
	memmove(&w->node[FR].note.keys[0], &w->node[FR].note.keys[1],
		--w->node[FR].note.keys_n * sizeof(struct directory_key));
	nodes_sign_node(w, FR);
	install(w, FR, FR);
	STORE_TXN(txn);
	assert_int_equal(store_begin(w->node[IT].store, STORE_WRITE, &txn, NULL), 0);
	assert_true(store_exec(w->node[IT].store, "DELETE FROM exchange_key WHERE pk = ?",
			       VALS(val_blob(kept32, 32)), NULL) == 1);
	assert_int_equal(store_commit(&txn, NULL), 0);
	cut(w, false);
	nodes_pass(w, 120000, 1000);
	assert_int_equal(delivery(w, id16).state, EXCHANGE_SEEN);
}

/* The next own note keeps the revocations of the last one and adds the new ones. */
static void test_revocations_add_up(void **state)
{
	struct nodes *w = *state;
	struct directory_node *fresh = calloc(1, sizeof(*fresh)), *n = calloc(1, sizeof(*n));
	struct buf text;
	assert_non_null(fresh);
	assert_non_null(n);
	buf_init(&text, NOTE_MAX);
	struct note_verifier first = w->node[IT].note.keys[0].vkey;
	nodes_rekey(w, IT, DIRECTORY_KEY_NODE, true);
	install(w, IT, IT);
	memcpy(fresh->keys, w->node[IT].note.keys, sizeof(fresh->keys));
	fresh->keys_n = w->node[IT].note.keys_n;
	memcpy(fresh->epochs, w->node[IT].note.epochs, sizeof(fresh->epochs));
	fresh->epochs_n = w->node[IT].note.epochs_n;
	memcpy(fresh->pins, w->node[IT].note.pins, sizeof(fresh->pins));
	fresh->pins_n = 1;
	fresh->revoked[0] =
		(struct directory_revoked){w->now_ms / 1000 - 5, w->node[IT].note.keys[2].vkey};
	fresh->revoked_n = 1;
	assert_int_equal(directory_own_draft(exchange_directory(w->node[IT].x), fresh,
					     w->now_ms / 1000, &text, NULL),
			 0);
	assert_int_equal(directory_node_decode((const char *)text.p, text.len, n, NULL), 0);
	assert_int_equal(n->revoked_n, 2);
	assert_memory_equal(n->revoked[0].vkey.pk32, first.pk32, 32);
	assert_memory_equal(n->revoked[1].vkey.pk32, fresh->revoked[0].vkey.pk32, 32);
	buf_done(&text);
	free(fresh);
	free(n);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_back_dated_parcel),  T(test_back_dated_head),	 T(test_back_dated_receipt),
		T(test_unopened),	    T(test_parcel_under_way),	 T(test_parcel_overtaken),
		T(test_receipts_rotation),  T(test_receipts_revocation), T(test_lost_reply),
		T(test_key_gone_from_note), T(test_revocations_add_up),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
