/* SPDX-License-Identifier: Apache-2.0
 * Tests of requests about an earlier one: a longer term (EXTEND), deletion with proof (WITHDRAW), and legal holds. */
#include "base/json.h"
#include "base/time.h"
#include "engine.h"
#include "exchange/request-erase.h"
#include "exchange/request.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "request-world.h"

enum { TERM_S = 100000 }; /* of outcome() in request-world.h */

static int setup(void **state)
{
	*state = world_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

static int64_t count(struct world *w, int node, const char *sql, const char *value)
{
	STORE_ROWS(rows);
	struct err e = {0};

	if (store_first(w->net.node[node].store, sql, VALS(val_text(value)), &rows, &e) < 0)
		fail_msg("%s", e.message);
	return row_i64(&rows, "n");
}

/* A freeze that holds for TERM_S. */
static void held(struct world *w, char id[static 37])
{
	sent(w, "FREEZE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	act(w, FR, id, EVENT_ACCEPT, NULL);
	act(w, FR, id, EVENT_ANSWER, outcome(w, "judicial-freeze", AMOUNT));
	world_settle(w);
	both_are(w, id, "ANSWERED");
}

static int about(struct world *w, const char *type, const char *of, int days, char id[static 37],
		 struct err *e)
{
	_cleanup_(json_decrefp) json_t *in =
		json_pack("{s:s, s:{s:s}}", "type", type, "relation", "of", of);
	_cleanup_(json_decrefp) json_t *out = NULL;
	int r;

	if (days)
		json_object_set_new(in, "term_days", json_integer(days));
	r = request_draft(w->n[IT].q, &anna, in, &out, e);
	if (r < 0)
		return r;
	snprintf(id, 37, "%s", text_at(out, "id"));
	return submit(w, &anna, id, e);
}

static void arrived(struct world *w, const char *type, const char *of, int days, char id[static 37])
{
	struct err e = {0};

	if (about(w, type, of, days, id, &e) < 0)
		fail_msg("%s: %s", e.field, e.message);
	world_settle(w);
	both_are(w, id, "DELIVERED");
	act(w, FR, id, EVENT_ACK, NULL);
}

static int64_t term_end(struct world *w, int node, const char *id)
{
	_cleanup_(json_decrefp) json_t *c = clock_of(w, node, id, "term");
	int64_t t = 0;

	assert_non_null(c);
	assert_int_equal(time_parse(text_at(c, "due_at"), strlen(text_at(c, "due_at")), &t), 0);
	return t;
}

/* ---- EXTEND ---- */

static void test_extend(void **state)
{
	struct world *w = *state;
	char id[37], more[37];
	int64_t end;
	_cleanup_(json_decrefp) json_t *shown = NULL;
	_cleanup_(json_decrefp) json_t *first = NULL;

	held(w, id);
	end = term_end(w, IT, id);
	arrived(w, "EXTEND", id, 30, more);
	shown = show(w, FR, more); /* what was left out is as in the earlier one */
	assert_string_equal(
		text_at(json_object_get(json_object_get(shown, "request"), "authority"), "name"),
		"Postal police");
	assert_string_equal(
		text_at(json_object_get(json_object_get(shown, "request"), "relation"), "kind"),
		"extension");
	world_pass(w, 1000);
	act(w, FR, more, EVENT_ACCEPT, NULL);
	act(w, FR, more, EVENT_ANSWER, NULL);
	world_settle(w);
	both_are(w, more, "ANSWERED");
	assert_int_equal(term_end(w, IT, id), end + 30 * 86400);
	assert_int_equal(term_end(w, FR, id), end + 30 * 86400);
	first = show(w, IT, id);
	assert_string_equal(text_at(json_array_get(json_object_get(first, "about"), 0), "id"),
			    more);
}

/* The reminders of the old term are forgotten; those of the new one ring on both sides, and its end once. */
static void test_extended_reminders(void **state)
{
	struct world *w = *state;
	char id[37], more[37];
	int64_t left;

	held(w, id);
	world_pass(w, 60000);
	world_settle(w);
	assert_int_equal(w->n[IT].rings[RING_REMINDER], 1);
	arrived(w, "EXTEND", id, 1, more);
	act(w, FR, more, EVENT_ACCEPT, NULL);
	act(w, FR, more, EVENT_ANSWER, text("one day"));
	world_settle(w);
	left = TERM_S - 60000 + 86400;
	world_pass(w, left / 100 * 45);
	world_settle(w);
	assert_int_equal(w->n[IT].rings[RING_REMINDER], 1);
	for (int percent = 50; percent <= 105; percent += 5) {
		world_pass(w, left / 100 * 5);
		world_settle(w);
	}
	assert_int_equal(w->n[IT].rings[RING_TERM_OVER], 1);
	assert_int_equal(w->n[IT].rings[RING_REMINDER], 4);
	assert_int_equal(w->n[FR].rings[RING_REMINDER], 4);
}

static void test_extend_only_before_expiry(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], info[37], more[37] = "";

	held(w, id);
	assert_int_equal(about(w, "EXTEND", id, 0, more, &e), -ERR_FIELD_MISSING);
	assert_string_equal(e.field, "term_days");
	assert_int_equal(about(w, "EXTEND", "019ab5a0-0000-7000-8000-000000000009", 3, more, &e),
			 -ERR_NOENT);
	sent(w, "INFO", "ROUTINE", info);
	assert_int_equal(about(w, "EXTEND", info, 3, more, &e), -ERR_INVAL);
	world_pass(w, TERM_S + 1);
	assert_int_equal(about(w, "EXTEND", id, 3, more, &e), -ERR_EXPIRED);
	world_settle(w);
	assert_int_equal(about(w, "EXTEND", id, 3, more, &e), -ERR_EXPIRED);
}

/* Asked in time and drafted in time, but sent too late; and sent in time, but there it has ended by its owner's release. */
static void test_extend_too_late_on_the_way(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], more[37];
	_cleanup_(json_decrefp) json_t *in = NULL;
	_cleanup_(json_decrefp) json_t *out = NULL;
	_cleanup_(json_decrefp) json_t *end = NULL;

	held(w, id);
	in = json_pack("{s:s, s:i, s:{s:s}}", "type", "EXTEND", "term_days", 3, "relation", "of",
		       id);
	assert_int_equal(request_draft(w->n[IT].q, &anna, in, &out, &e), 0);
	act(w, FR, id, EVENT_ANSWER, outcome(w, "release", "0"));
	snprintf(more, sizeof(more), "%s", text_at(out, "id"));
	assert_int_equal(submit(w, &anna, more, &e), 0);
	world_settle(w);
	end = show(w, IT, more);
	assert_string_equal(text_at(end, "state"), "UNDELIVERABLE");
	assert_string_equal(text_at(json_object_get(end, "delivery"), "reason"), "expired");
}

static void test_extend_answers(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], more[37], until[TIME_TEXT_MAX];
	int64_t end;

	held(w, id);
	end = term_end(w, FR, id);
	arrived(w, "EXTEND", id, 30, more);
	act(w, FR, more, EVENT_ACCEPT, NULL);
	assert_int_equal(try(w, FR, &paul, more, EVENT_ANSWER,
			     json_pack("{s:s}", "term_until", time_utc(end, until)), &e),
			 -ERR_RANGE);
	assert_int_equal(
		try(w, FR, &paul, more, EVENT_ANSWER, outcome(w, "judicial-freeze", AMOUNT), &e),
		-ERR_INVAL); /* says what is held: belongs to the measure's own answer */
	assert_int_equal(
		try(w, FR, &paul, more, EVENT_INTERIM,
		    json_pack("{s:s, s:s}", "text", "soon", "term_until", time_utc(end + 5, until)),
		    &e),
		-ERR_INVAL);
	act(w, FR, more, EVENT_ANSWER,
	    json_pack("{s:s}", "term_until", time_utc(end + 86400, until))); /* a part of it */
	world_settle(w);
	assert_int_equal(term_end(w, IT, id), end + 86400);
	assert_int_equal(try(w, FR, &paul, id, EVENT_ANSWER,
			     json_pack("{s:s, s:s}", "text", "x", "term_until", until), &e),
			 -ERR_INVAL);
}

/* The requesting side takes its EXTEND back while the answer is on its way: what the custodian does counts. */
static void test_extend_crosses(void **state)
{
	struct world *w = *state;
	char id[37], more[37];

	held(w, id);
	arrived(w, "EXTEND", id, 30, more);
	act(w, FR, more, EVENT_ACCEPT, NULL);
	world_settle(w);
	act(w, FR, more, EVENT_ANSWER, NULL);
	act(w, IT, more, EVENT_WITHDRAW, text("not needed"));
	world_settle(w);
	both_are(w, more, "WITHDRAWN");
	assert_int_equal(term_end(w, IT, id), term_end(w, FR, id));
	assert_int_equal(term_end(w, IT, id) > world_now_s(w) + 30 * 86400, 1);
}

/* The measure itself is taken back meanwhile. */
static void test_extend_of_withdrawn(void **state)
{
	struct world *w = *state;
	char id[37], more[37];

	held(w, id);
	arrived(w, "EXTEND", id, 30, more);
	act(w, FR, more, EVENT_ACCEPT, NULL);
	world_settle(w);
	act(w, FR, more, EVENT_ANSWER, NULL);
	act(w, IT, id, EVENT_WITHDRAW, text("paid back"));
	world_settle(w);
	both_are(w, id, "WITHDRAWN");
	both_are(w, more, "ANSWERED");
	clock_is(w, IT, id, "term", "met");
	clock_is(w, FR, id, "term", "met");
}

/* ---- WITHDRAW ---- */

static void closed(struct world *w, char id[static 37])
{
	sent(w, "INFO", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	act(w, FR, id, EVENT_ACCEPT, NULL);
	act(w, FR, id, EVENT_ANSWER, text("the holder is known"));
	world_settle(w);
	act(w, IT, id, EVENT_CLOSE, NULL);
	world_settle(w);
	both_are(w, id, "CLOSED");
}

static void test_withdraw_erases(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], gone[37];
	_cleanup_(json_decrefp) json_t *there = NULL;
	_cleanup_(json_decrefp) json_t *proof = NULL;
	_cleanup_(json_decrefp) json_t *here = NULL;
	const json_t *events;

	closed(w, id);
	arrived(w, "WITHDRAW", id, 0, gone);
	act(w, FR, gone, EVENT_ACCEPT, NULL);
	assert_int_equal(
		count(w, FR, "SELECT COUNT(*) AS n FROM request WHERE body LIKE ?", "%i fatti%"),
		1);
	act(w, FR, gone, EVENT_ANSWER, NULL);
	assert_int_equal(
		count(w, FR, "SELECT COUNT(*) AS n FROM request WHERE body LIKE ?", "%i fatti%"),
		0);
	there = show(w, FR, id);
	assert_non_null(json_object_get(there, "erased_at"));
	assert_null(json_object_get(there, "request"));
	assert_int_equal(json_array_size(json_object_get(there, "may")), 0);
	world_settle(w);
	both_are(w, gone, "ANSWERED");
	here = show(w, IT, id);
	assert_string_equal(text_at(json_object_get(here, "request"), "facts"), "i fatti");
	assert_string_equal(text_at(json_array_get(json_object_get(here, "about"), 0), "state"),
			    "ANSWERED");
	proof = show(w, IT, gone); /* the signed receipt says which bytes */
	events = json_object_get(proof, "events");
	assert_string_equal(
		text_at(json_object_get(json_array_get(events, json_array_size(events) - 1),
					"part"),
			"deleted_sha256"),
		text_at(here, "content_sha256"));
	assert_int_equal(try(w, FR, &paul, id, EVENT_ANSWER, text("late"), &e), -ERR_TRANSITION);
	assert_int_equal(about(w, "WITHDRAW", "019ab5a0-0000-7000-8000-000000000009", 0, gone, &e),
			 -ERR_NOENT);
}

/* Nothing of what was said is left in the store of the receiver but under the hashes. */
static void test_erased_everywhere(void **state)
{
	struct world *w = *state;
	char id[37], gone[37], file[160];
	FILE *f;
	char block[4096];
	bool found = false;

	closed(w, id);
	arrived(w, "WITHDRAW", id, 0, gone);
	act(w, FR, gone, EVENT_ACCEPT, NULL);
	act(w, FR, gone, EVENT_ANSWER, NULL);
	world_settle(w);
	assert_int_equal(
		count(w, FR,
		      "SELECT COUNT(*) AS n FROM exchange_part p JOIN request r ON r.message = p.id "
		      "WHERE r.id = ?",
		      id),
		0);
	assert_int_equal(count(w, FR,
			       "SELECT COUNT(*) AS n FROM exchange_part p JOIN request_event v ON "
			       "v.message = p.id WHERE v.request = ?",
			       id),
			 0);
	assert_int_equal(
		count(w, FR,
		      "SELECT COUNT(*) AS n FROM exchange_in i JOIN request r ON r.message = "
		      "i.id WHERE LENGTH(i.file) > 0 AND r.id = ?",
		      id),
		0);
	assert_int_equal(
		count(w, FR,
		      "SELECT COUNT(*) AS n FROM exchange_in i JOIN request r ON r.message = "
		      "i.id WHERE LENGTH(i.manifest) > 0 AND r.id = ?",
		      id),
		1);	   /* the proof that it was there */
	desk_close(w, FR); /* the write-ahead log goes into the file */
	snprintf(file, sizeof(file), "%s", w->n[FR].path);
	f = fopen(file, "rb");
	for (size_t n; f && (n = fread(block, 1, sizeof(block), f)) > 0;)
		found |= memmem(block, n, "i fatti", 7) != NULL;
	if (f)
		fclose(f);
	assert_false(found);
	desk_open(w, FR);
}

static void test_withdraw_what_is_open(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], gone[37] = "", fresh[37];

	sent(w, "INFO", "URGENT", id);
	assert_int_equal(about(w, "WITHDRAW", id, 0, gone, &e), -ERR_TRANSITION);
	draft(w, "INFO", "URGENT", fresh);
	assert_int_equal(about(w, "WITHDRAW", fresh, 0, gone, &e), -ERR_NOENT);
	act(w, IT, id, EVENT_WITHDRAW, text("no case"));
	arrived(w, "WITHDRAW", id, 0, gone);
	act(w, FR, gone, EVENT_REFUSE,
	    json_pack("{s:s, s:s}", "ground", "legal-hold", "text", "art. 1"));
	world_settle(w);
	both_are(w, gone, "REFUSED"); /* the owner sees who has not */
}

/* A receiver that says it deleted other bytes than were sent is told so. */
static void test_false_receipt(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], gone[37], hash[65];

	closed(w, id);
	arrived(w, "WITHDRAW", id, 0, gone);
	act(w, FR, gone, EVENT_ACCEPT, NULL);
	hash_of(w, id, hash);
	hash[5] = hash[5] == 'a' ? 'b' : 'a';
	assert_int_equal(try(w, FR, &paul, gone, EVENT_ANSWER,
			     json_pack("{s:s}", "deleted_sha256", hash), &e),
			 -ERR_CONFLICT);
	assert_int_equal(store_exec(w->net.node[FR].store,
				    "UPDATE request SET hash = ? WHERE id = ?",
				    VALS(val_blob(hash, 32), val_text(id)), &e),
			 1);
	act(w, FR, gone, EVENT_ANSWER, NULL);
	world_settle(w);
	state_is(w, IT, gone, "ACCEPTED");
	assert_true(has_flag(w, FR, gone, "STEP-REFUSED"));
}

/* ---- legal hold ---- */

static int hold(struct world *w, const struct actor *a, const char *id, const char *reason,
		struct err *e)
{
	_cleanup_(json_decrefp) json_t *out = NULL;

	return request_hold(w->n[FR].q, a, id, reason, &out, e);
}

static void test_legal_hold(void **state)
{
	static const struct actor judge = {"judge", ACTOR_APPROVER, "fr"};
	struct world *w = *state;
	struct err e = {0};
	char id[37], gone[37];
	json_t *out = NULL;

	closed(w, id);
	assert_int_equal(hold(w, &paul, id, "order 7", &e), -ERR_DENIED);
	assert_int_equal(hold(w, &judge, id, "", &e), -ERR_FIELD_MISSING);
	assert_int_equal(hold(w, &judge, id, "a\nb", &e), -ERR_FORMAT);
	assert_int_equal(hold(w, &judge, "019ab5a0-0000-7000-8000-000000000009", "x", &e),
			 -ERR_NOENT);
	assert_int_equal(hold(w, &judge, id, "order 7", &e), 0);
	arrived(w, "WITHDRAW", id, 0, gone);
	act(w, FR, gone, EVENT_ACCEPT, NULL);
	assert_int_equal(try(w, FR, &paul, gone, EVENT_ANSWER, NULL, &e), -ERR_LEGAL_HOLD);
	assert_non_null(strstr(e.message, "order 7"));
	state_is(w, FR, gone, "ACCEPTED");
	assert_int_equal(request_release(w->n[FR].q, &judge, id, "order 8", &out, &e), 0);
	assert_null(json_object_get(out, "hold"));
	json_decref(out);
	assert_int_equal(request_release(w->n[FR].q, &judge, id, "order 8", &out, &e), -ERR_NOENT);
	act(w, FR, gone, EVENT_ANSWER, NULL);
	world_settle(w);
	both_are(w, gone, "ANSWERED");
	assert_int_equal(hold(w, &judge, id, "order 9", &e), -ERR_ERASED);
}

/* ---- retention ---- */

static int retire(struct world *w, int node)
{
	struct err e = {0};
	int n = requests_retire(w->n[node].q, &e);

	if (n < 0)
		fail_msg("%s", e.message);
	return n;
}

static bool erased(struct world *w, int node, const char *id)
{
	_cleanup_(json_decrefp) json_t *j = show(w, node, id);

	return json_object_get(j, "erased_at") != NULL;
}

static void test_retention(void **state)
{
	static const struct actor judge = {"judge", ACTOR_APPROVER, "fr"};
	struct world *w = *state;
	struct err e = {0};
	char old[37], kept[37], open[37], other[37];

	w->n[FR].o.retention_days[CLASS_URGENT] = 90;
	desk_restart(w, FR);
	closed(w, old);
	closed(w, kept);
	sent(w, "INFO", "URGENT", open);
	sent(w, "INFO", "PRIORITY", other); /* of another class, over all the same */
	act(w, IT, other, EVENT_WITHDRAW, text("no case"));
	world_settle(w);
	assert_int_equal(hold(w, &judge, kept, "order 7", &e), 0);
	world_pass(w, 90 * 86400 - 60);
	assert_int_equal(retire(w, FR), 0);
	world_pass(w, 120);
	assert_int_equal(retire(w, FR), 1);
	assert_int_equal(retire(w, FR), 0);
	assert_true(erased(w, FR, old));
	assert_false(erased(w, FR, kept) || erased(w, FR, open) || erased(w, FR, other));
	assert_int_equal(retire(w, IT), 0); /* keeps for ever */
	assert_false(erased(w, IT, old));
}

/* A freeze that was closed while its term still runs is kept until that has ended. */
static void test_retention_waits_for_the_term(void **state)
{
	struct world *w = *state;
	char id[37], more[37];

	w->n[IT].o.retention_days[CLASS_URGENT] = 60;
	desk_restart(w, IT);
	held(w, id);
	arrived(w, "EXTEND", id, 100, more);
	act(w, FR, more, EVENT_ACCEPT, NULL);
	act(w, FR, more, EVENT_ANSWER, NULL);
	world_settle(w);
	act(w, IT, id, EVENT_CLOSE, NULL);
	world_settle(w);
	world_pass(w, 70 * 86400);
	world_settle(w);
	assert_int_equal(retire(w, IT), 0);
	world_pass(w, 40 * 86400);
	world_settle(w);
	assert_int_equal(w->n[IT].rings[RING_TERM_OVER], 1);
	assert_int_equal(retire(w, IT), 1);
	assert_true(erased(w, IT, id));
}

static void test_retention_too_short(void **state)
{
	struct world *w = *state;
	struct request_options o = {.retention_days = {[CLASS_FLASH] = 59}};
	struct requests *q = NULL;
	struct err e = {0};

	w->n[IT].q = requests_close(w->n[IT].q);
	assert_int_equal(requests_open(w->net.node[IT].x, &o, &q, &e), -ERR_RANGE);
	desk_restart(w, IT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_extend, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extended_reminders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extend_only_before_expiry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extend_too_late_on_the_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extend_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extend_crosses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extend_of_withdrawn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_withdraw_erases, setup, teardown),
		cmocka_unit_test_setup_teardown(test_erased_everywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_withdraw_what_is_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_false_receipt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_legal_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retention_waits_for_the_term, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retention_too_short, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
