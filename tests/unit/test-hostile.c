/* SPDX-License-Identifier: Apache-2.0
 * A peer with good keys and bad intentions: replies and bodies that no honest node would make. */
#include "crypto/crypto.h"
#include "exchange/exchange-int.h"
#include "exchange/query.h"
#include "exchange/receipt.h"
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
	nodes_init(w, names, 3, 11);
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

/* ---- mail that is not carried, but answered by the test ---- */

static struct nodes_mail *mail_of(struct nodes *w, size_t from, size_t to, enum exchange_kind kind)
{
	for (size_t i = 0; i < w->mail_n; i++)
		if (w->mail[i].from == from && w->mail[i].to == to && w->mail[i].kind == kind)
			return &w->mail[i];
	return NULL;
}

static void mail_drop(struct nodes *w)
{
	for (size_t i = 0; i < w->mail_n; i++)
		buf_done(&w->mail[i].body);
	w->mail_n = 0;
}

/* Italy's parcels to France as they are on the wire, after both have met. */
static struct nodes_mail *parcels_of(struct nodes *w, uint8_t id16[static 16])
{
	nodes_run(w);
	assert_int_equal(node_post(&w->node[IT], EXCHANGE_FLASH, "hold it", id16, NULL, "fr", NULL),
			 0);
	assert_int_equal(exchange_poll(w->node[IT].x, NULL), 0);
	struct nodes_mail *m = mail_of(w, IT, FR, EXCHANGE_PARCELS);
	assert_non_null(m);
	return m;
}

static void put_refusal(const struct node *by, const char *to, int64_t now_s, const uint8_t *id16,
			const char *code, struct buf *frames)
{
	struct buf note;
	struct stream_refusal f = {.time_s = now_s};
	buf_init(&note, NOTE_MAX);
	snprintf(f.from, sizeof(f.from), "%s", by->name);
	snprintf(f.to, sizeof(f.to), "%s", to);
	snprintf(f.code, sizeof(f.code), "%s", code);
	memcpy(f.id16, id16, 16);
	assert_int_equal(stream_refusal_encode(&f, &note), 0);
	assert_int_equal(note_sign_seed(&note, by->name, by->node32, NULL), 0);
	frame_put(frames, note.p, note.len);
	buf_done(&note);
}

/* ---- replies ---- */

static void test_empty_reply(void **state)
{
	struct nodes *w = *state;
	static const enum exchange_kind kinds[] = {EXCHANGE_HEADS, EXCHANGE_NOTES};
	assert_int_equal(exchange_poll(w->node[IT].x, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct nodes_mail *m = mail_of(w, IT, FR, kinds[i]);
		assert_non_null(m);
		assert_int_equal(exchange_sent(w->node[IT].x, m->send_id, 200, "", 0, NULL), 0);
	}
	mail_drop(w);
	/* It counts as a failure: tried again after the first wait, and then all is well. */
	w->now_ms += 2000;
	nodes_run(w);
	uint8_t id16[16];
	assert_int_equal(node_post(&w->node[IT], EXCHANGE_FLASH, "hold it", id16, NULL, "fr", NULL),
			 0);
	nodes_run(w);
	assert_int_equal(node_effects(&w->node[FR], "hold it"), 1);
}

/* A refusal with the code of a local failure must not undo the receipt that came before it in the same reply. */
static void test_refusal_io(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	struct buf reply;
	struct exchange_delivery d;
	const struct nodes_mail *m = parcels_of(w, id16);
	buf_init(&reply, EXCHANGE_BODY_MAX);
	assert_int_equal(exchange_receive(w->node[FR].x, "it", EXCHANGE_PARCELS, m->body.p,
					  m->body.len, &reply, NULL),
			 0);
	put_refusal(&w->node[FR], "it", w->now_ms / 1000, id16, "io", &reply);
	assert_int_equal(exchange_sent(w->node[IT].x, m->send_id, 200, reply.p, reply.len, NULL),
			 0);
	assert_int_equal(exchange_delivery(w->node[IT].x, id16, "fr", &d, NULL), 1);
	assert_int_equal(d.state, EXCHANGE_ACCEPTED);
	buf_done(&reply);
	mail_drop(w);
}

/* The list of peers moves in memory when a member is added; the outcome of a send must not hold on to the old one. */
static void test_refusal_while_members_change(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	struct buf reply;
	struct exchange_delivery d;
	struct directory *dir = exchange_directory(w->node[IT].x);
	nodes_sign_members(w, 1U << JP, 3);
	assert_int_equal(directory_install(dir, NULL, w->members.p, w->members.len, NULL, NULL), 0);
	const struct nodes_mail *m = parcels_of(w, id16);
	nodes_sign_members(w, 0, 3);
	assert_int_equal(directory_install(dir, NULL, w->members.p, w->members.len, NULL, NULL), 0);
	buf_init(&reply, EXCHANGE_BODY_MAX);
	put_refusal(&w->node[FR], "it", w->now_ms / 1000, id16, "denied", &reply);
	assert_int_equal(exchange_sent(w->node[IT].x, m->send_id, 200, reply.p, reply.len, NULL),
			 0);
	assert_int_equal(exchange_delivery(w->node[IT].x, id16, "fr", &d, NULL), 1);
	assert_int_equal(d.state, EXCHANGE_UNDELIVERED);
	buf_done(&reply);
	mail_drop(w);
}

/* An old receipt, shown again instead of a new one, is no progress: nothing is sent again before the back-off ends. */
static void test_old_receipt(void **state)
{
	struct nodes *w = *state;
	uint8_t old16[16], id16[16];
	struct buf reply;
	assert_int_equal(node_post(&w->node[IT], EXCHANGE_FLASH, "first", old16, NULL, "fr", NULL),
			 0);
	const struct nodes_mail *m = parcels_of(w, id16);
	buf_init(&reply, EXCHANGE_BODY_MAX);
	assert_int_equal(receipt_frames(w->node[FR].x, "it", old16, &reply, NULL), 0);
	assert_true(reply.len > 0);
	assert_int_equal(exchange_sent(w->node[IT].x, m->send_id, 200, reply.p, reply.len, NULL),
			 0);
	mail_drop(w);
	assert_int_equal(exchange_poll(w->node[IT].x, NULL), 0);
	assert_null(mail_of(w, IT, FR, EXCHANGE_PARCELS));
	w->now_ms += 2000;
	nodes_run(w);
	assert_int_equal(node_effects(&w->node[FR], "hold it"), 1);
	buf_done(&reply);
}

/* ---- bodies ---- */

/* The one parcel of a body with other times, signed again by the key of its sender. */
static void set_times(struct nodes *w, struct nodes_mail *m, int64_t time_s, int64_t expires_s)
{
	struct cur c = cur_init(m->body.p, m->body.len);
	struct parcel *p = malloc(sizeof(*p));
	struct buf body, note;
	buf_init(&body, EXCHANGE_BODY_MAX);
	buf_init(&note, PARCEL_NOTE_MAX);
	assert_int_equal(parcel_next(&c, p, NULL), 1);
	p->outer.time_s = time_s;
	p->outer.expires_s = expires_s;
	assert_int_equal(parcel_outer_encode(&p->outer, &note), 0);
	assert_int_equal(
		note_sign_seed(&note, w->node[m->from].name, w->node[m->from].node32, NULL), 0);
	assert_int_equal(parcel_put(&body, note.p, note.len, p->file, (size_t)p->outer.size), 0);
	buf_done(&m->body);
	m->body = body;
	buf_done(&note);
	free(p);
}

static void test_long_life(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	struct exchange_received r;
	struct buf reply;
	struct nodes_mail *m = parcels_of(w, id16);
	set_times(w, m, w->now_ms / 1000, w->now_ms / 1000 + 23 * 86400);
	buf_init(&reply, EXCHANGE_BODY_MAX);
	assert_int_equal(exchange_receive(w->node[FR].x, "it", EXCHANGE_PARCELS, m->body.p,
					  m->body.len, &reply, NULL),
			 0);
	assert_int_equal(exchange_received(w->node[FR].x, id16, &r, NULL), 1);
	assert_int_equal(r.state, EXCHANGE_REFUSED);
	assert_string_equal(r.reason, "range");
	assert_int_equal(node_effects(&w->node[FR], "hold it"), 0);
	buf_done(&reply);
	mail_drop(w);
}

static uint64_t small_disk(void *ctx)
{
	return 100 << 20;
}

/* Little space: FLASH is still taken, the rest waits with its sender. */
static void test_small_disk(void **state)
{
	struct nodes *w = *state;
	uint8_t flash16[16], normal16[16];
	struct exchange_delivery d;
	w->node[FR].env.disk_free = small_disk;
	nodes_run(w);
	assert_int_equal(node_post(&w->node[IT], EXCHANGE_FLASH, "now", flash16, NULL, "fr", NULL),
			 0);
	assert_int_equal(
		node_post(&w->node[IT], EXCHANGE_NORMAL, "later", normal16, NULL, "fr", NULL), 0);
	nodes_run(w);
	assert_int_equal(exchange_delivery(w->node[IT].x, flash16, "fr", &d, NULL), 1);
	assert_int_equal(d.state, EXCHANGE_ACCEPTED);
	assert_int_equal(exchange_delivery(w->node[IT].x, normal16, "fr", &d, NULL), 1);
	assert_int_equal(d.state, EXCHANGE_QUEUED);
	assert_int_equal(d.last_error, -ERR_NOSPC);
	w->node[FR].env.disk_free = NULL;
	nodes_pass(w, 400000, 10000);
	assert_int_equal(node_effects(&w->node[FR], "later"), 1);
}

/* Of the first refusal among frames. */
static void refusal_id(const struct buf *reply, struct stream_refusal *ret)
{
	struct cur c = cur_init(reply->p, reply->len);
	const void *frame;
	size_t len;
	struct note n;
	while (frame_next(&c, &frame, &len) > 0) {
		assert_int_equal(note_parse(frame, len, &n, NULL), 0);
		if (!note_is(&n, STREAM_TYPE_REFUSAL))
			continue;
		assert_int_equal(stream_refusal_decode(n.p, n.text_len, ret, NULL), 0);
		return;
	}
	fail_msg("no refusal");
}

/* What cannot be read is refused without an id: with that of the parcel before it, which was stored, the sender would find
 * nothing to give up and begin one epoch after the other. */
static void test_unreadable_second(void **state)
{
	static const uint8_t none[16];
	struct nodes *w = *state;
	uint8_t id16[16];
	struct buf reply;
	struct stream_refusal f;
	struct nodes_mail *m = parcels_of(w, id16);
	buf_init(&reply, EXCHANGE_BODY_MAX);
	buf_put(&m->body, "\0\0\0\5junk\n", 9);
	assert_int_equal(exchange_receive(w->node[FR].x, "it", EXCHANGE_PARCELS, m->body.p,
					  m->body.len, &reply, NULL),
			 0);
	refusal_id(&reply, &f);
	assert_string_equal(f.code, "format");
	assert_memory_equal(f.id16, none, 16);
	assert_int_equal(node_effects(&w->node[FR], "hold it"), 1);
	buf_done(&reply);
	mail_drop(w);
}

/* ---- quota, directory ---- */

static void test_bytes_an_hour(void **state)
{
	struct nodes *w = *state;
	struct exchange *x = w->node[FR].x;
	uint8_t id16[16];
	int64_t retry_s = 0;
	nodes_run(w);
	assert_int_equal(exchange_admit(x, "it", EXCHANGE_PARCELS, 100, &retry_s, NULL), 0);
	assert_int_equal(node_post(&w->node[IT], EXCHANGE_BULK, "much", id16, NULL, "fr", NULL), 0);
	nodes_run(w);
	assert_true(exchange_peer(x, "it")->stored_bytes > 0);
	exchange_peer(x, "it")->stored_bytes += EXCHANGE_STORED_HOUR;
	assert_int_equal(exchange_admit(x, "it", EXCHANGE_PARCELS, 100, &retry_s, NULL),
			 -ERR_QUOTA);
	assert_in_range(retry_s, 1, 3600);
	assert_int_equal(exchange_admit(x, "jp", EXCHANGE_PARCELS, 100, &retry_s, NULL), 0);
	w->now_ms += 3600000;
	assert_int_equal(exchange_admit(x, "it", EXCHANGE_PARCELS, 100, &retry_s, NULL), 0);
}

/* One parcel after the other with the id and file of the first: each place is kept with its note, and counted. */
static void test_bytes_of_notes(void **state)
{
	struct nodes *w = *state;
	struct exchange *x = w->node[FR].x;
	uint8_t id16[16];
	struct buf reply, note, body;
	struct nodes_mail *m = parcels_of(w, id16);
	_cleanup_(freep) struct parcel *p = malloc(sizeof(*p));
	struct cur c = cur_init(m->body.p, m->body.len);
	int64_t retry_s;
	buf_init(&reply, EXCHANGE_BODY_MAX);
	buf_init(&note, PARCEL_NOTE_MAX);
	buf_init(&body, EXCHANGE_BODY_MAX);
	assert_int_equal(parcel_next(&c, p, NULL), 1);
	uint64_t before = 0;
	for (int i = 0; i < 3; i++) {
		uint8_t text32[32];
		buf_clear(&note);
		buf_clear(&body);
		buf_clear(&reply);
		assert_int_equal(parcel_outer_encode(&p->outer, &note), 0);
		sha256(note.p, note.len, text32);
		assert_int_equal(note_sign_seed(&note, "it", w->node[IT].node32, NULL), 0);
		assert_int_equal(
			parcel_put(&body, note.p, note.len, p->file, (size_t)p->outer.size), 0);
		assert_int_equal(
			exchange_receive(x, "it", EXCHANGE_PARCELS, body.p, body.len, &reply, NULL),
			0);
		uint64_t now = exchange_peer(x, "it")->stored_bytes;
		assert_int_equal(now - before, note.len + (i ? 0 : p->outer.size));
		before = now;
		p->outer.seq++;
		memcpy(p->outer.prev32, text32, 32);
	}
	/* So are notes of non-delivery, which may speak of anything. */
	struct stream_non_delivery d = {.time_s = w->now_ms / 1000, .expires_s = 1, .tries = 1};
	buf_clear(&note);
	buf_clear(&body);
	snprintf(d.from, sizeof(d.from), "it");
	snprintf(d.to, sizeof(d.to), "fr");
	snprintf(d.code, sizeof(d.code), "expired");
	assert_int_equal(stream_non_delivery_encode(&d, &note), 0);
	assert_int_equal(note_sign_seed(&note, "it", w->node[IT].node32, NULL), 0);
	frame_put(&body, note.p, note.len);
	buf_clear(&reply);
	assert_int_equal(
		exchange_receive(x, "it", EXCHANGE_RECEIPTS, body.p, body.len, &reply, NULL), 0);
	assert_int_equal(exchange_peer(x, "it")->stored_bytes - before, note.len);
	assert_int_equal(exchange_admit(x, "it", EXCHANGE_RECEIPTS, 100, &retry_s, NULL), 0);
	exchange_peer(x, "it")->stored_bytes = EXCHANGE_STORED_HOUR;
	assert_int_equal(exchange_admit(x, "it", EXCHANGE_RECEIPTS, 100, &retry_s, NULL),
			 -ERR_QUOTA);
	assert_int_equal(exchange_admit(x, "it", EXCHANGE_HEADS, 100, &retry_s, NULL), 0);
	buf_done(&reply);
	buf_done(&note);
	buf_done(&body);
	mail_drop(w);
}

static uint64_t epoch_to(struct nodes *w, const char *peer)
{
	struct exchange_peer_status p[NODES_MAX];
	int n = exchange_peers(w->node[IT].x, p, NODES_MAX, NULL);
	for (int i = 0; i < n; i++)
		if (strcmp(p[i].name, peer) == 0)
			return p[i].out.epoch;
	fail();
	return 0;
}

/* A reply of refusals alone: the first one ended the work on the body, the others are nothing. */
static void test_many_refusals(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	struct buf reply;
	const struct nodes_mail *m = parcels_of(w, id16);
	buf_init(&reply, EXCHANGE_BODY_MAX);
	for (int i = 0; i < 20; i++)
		put_refusal(&w->node[FR], "it", w->now_ms / 1000, id16, "denied", &reply);
	assert_int_equal(exchange_sent(w->node[IT].x, m->send_id, 200, reply.p, reply.len, NULL),
			 0);
	assert_int_equal(epoch_to(w, "fr"), 2);
	buf_done(&reply);
	mail_drop(w);
}

/* Always an epoch more than there is: each one makes the sender begin a new one, but ever more slowly. */
static void test_epochs_without_end(void **state)
{
	struct nodes *w = *state;
	struct exchange *x = w->node[IT].x;
	nodes_run(w);
	w->cut[IT][JP] = w->cut[JP][IT] = true;
	uint64_t first = epoch_to(w, "fr");
	for (int64_t end_ms = w->now_ms + 120000; w->now_ms < end_ms; w->now_ms += 50) {
		assert_int_equal(exchange_poll(x, NULL), 0);
		const struct nodes_mail *m = mail_of(w, IT, FR, EXCHANGE_HEADS);
		if (m) {
			struct buf note, reply;
			struct stream_head h = {.time_ms = w->now_ms,
						.received = {.epoch = epoch_to(w, "fr") + 1},
						.sent = {.epoch = 1},
						.shown_epoch = 1};
			buf_init(&note, NOTE_MAX);
			buf_init(&reply, EXCHANGE_BODY_MAX);
			snprintf(h.from, sizeof(h.from), "fr");
			snprintf(h.to, sizeof(h.to), "it");
			assert_int_equal(stream_head_encode(&h, &note), 0);
			assert_int_equal(note_sign_seed(&note, "fr", w->node[FR].node32, NULL), 0);
			frame_put(&reply, note.p, note.len);
			assert_int_equal(
				exchange_sent(x, m->send_id, 200, reply.p, reply.len, NULL), 0);
			buf_done(&note);
			buf_done(&reply);
		}
		mail_drop(w);
	}
	/* Two numbers each time: past what was shown. */
	assert_in_range((epoch_to(w, "fr") - first) / 2, 4, 12);
}

/* France claims Italy's TLS key. Its name comes first, so that Italy's calls would be taken for France's. */
static void test_pin_of_another(void **state)
{
	struct nodes *w = *state;
	struct directory *dir = exchange_directory(w->node[JP].x);
	uint8_t pin32[32];
	memcpy(pin32, w->node[IT].note.pins[0], 32);
	memcpy(w->node[FR].note.pins[0], pin32, 32);
	nodes_sign_node(w, FR);
	assert_int_equal(directory_install(dir, "fr", w->node[FR].signed_note.p,
					   w->node[FR].signed_note.len, NULL, NULL),
			 -ERR_DUPLICATE);
	assert_string_equal(directory_by_pin(dir, pin32, w->now_ms / 1000), "it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusal_io, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusal_while_members_change, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_receipt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes_an_hour, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes_of_notes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_epochs_without_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pin_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable_second, setup, teardown),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
