/* SPDX-License-Identifier: Apache-2.0
 * Tests of clocks and approvals: arithmetic, rows, and both nodes' clocks through pauses, restarts and steps of the wall. */
#include "base/json.h"
#include "base/time.h"
#include "engine.h"
#include "exchange/approval.h"
#include "exchange/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "request-world.h"

/* ---- clocks ---- */

static int64_t at(const char *text)
{
	int64_t t;

	assert_int_equal(time_parse(text, strlen(text), &t), 0);
	return t;
}

static void test_working_days(void **state)
{
	/* Thursday to Friday; Friday afternoon to Monday afternoon; Saturday counts from Monday 00:00. */
	assert_int_equal(clock_add_working(at("2026-11-19T15:00:00Z"), 86400),
			 at("2026-11-20T15:00:00Z"));
	assert_int_equal(clock_add_working(at("2026-11-20T15:00:00Z"), 86400),
			 at("2026-11-23T15:00:00Z"));
	assert_int_equal(clock_add_working(at("2026-11-21T10:00:00Z"), 86400),
			 at("2026-11-24T00:00:00Z"));
	assert_int_equal(clock_add_working(at("2026-11-22T23:59:59Z"), 1),
			 at("2026-11-23T00:00:01Z"));
	assert_int_equal(clock_add_working(at("2026-11-20T23:59:59Z"), 1),
			 at("2026-11-21T00:00:00Z"));
	assert_int_equal(clock_add_working(at("2026-11-20T15:00:00Z"), 0),
			 at("2026-11-20T15:00:00Z"));
	assert_int_equal(clock_add_working(at("2026-11-18T00:00:00Z"), 10 * 86400),
			 at("2026-12-02T00:00:00Z"));
	assert_int_equal(clock_due(CLASS_ROUTINE, CLOCK_ACK, at("2026-11-20T15:00:00Z"), 86400),
			 at("2026-11-23T15:00:00Z"));
	assert_int_equal(clock_due(CLASS_ROUTINE, CLOCK_ANSWER, at("2026-11-20T15:00:00Z"), 604800),
			 at("2026-11-27T15:00:00Z"));
	assert_int_equal(clock_due(CLASS_FLASH, CLOCK_ACK, at("2026-11-21T15:00:00Z"), 600),
			 at("2026-11-21T15:10:00Z"));
}

static void test_steady_time(void **state)
{
	struct clock_base b;

	clock_base_init(&b, 1000000, 500, 0);
	assert_int_equal(clock_steady(&b, 1010000, 10500), 1010);
	assert_int_equal(clock_steady(&b, 4610000, 10500),
			 4610); /* the wall jumped ahead: followed */
	assert_int_equal(clock_steady(&b, 1010000, 10500), 1010); /* and came back */
	assert_int_equal(clock_steady(&b, 10000, 20500),
			 1020);			 /* the wall jumped back: not followed */
	clock_base_init(&b, 1000000, 500, 2000); /* rows are newer than the wall at start */
	assert_int_equal(clock_steady(&b, 1000000, 500), 2000);
}

/* ---- rows: clocks and approvals on a real store ---- */

static struct store *open_store(void)
{
	struct store *s = NULL;
	struct err e = {0};
	char where[ENGINE_WHERE_MAX];

	if (store_open(engine_at(":memory:", where), NULL, &s, &e) < 0 ||
	    store_migrate(s, request_schema(), 1, &e) < 0)
		fail_msg("%s", e.message);
	if (store_exec(
		    s,
		    "INSERT INTO request (id, side, peer, type, class, state, case_ref, body, hash, author, message, created_at, sent_at, "
		    "delivered_at, changed_at, question, conflict, over, next_due) VALUES ('r', 0, 'fr', 'FREEZE', 'FLASH', "
		    "'DRAFT', 'c', '{}', ?, 'anna', NULL, 1, 0, 0, 1, '', 0, 0, 1)",
		    VALS(val_blob("", 0)), &e) < 0)
		fail_msg("%s", e.message);
	return s;
}

static void test_clock_rows(void **state)
{
	_cleanup_(store_closep) struct store *s = open_store();
	struct clock_row c, all[CLOCK_KINDS];
	int64_t next;

	assert_int_equal(clock_get(s, "r", CLOCK_ACK, &c, NULL), 0);
	assert_int_equal(clock_next(s, &next, NULL), 0);
	assert_true(next == CLOCK_NEVER);
	assert_int_equal(clock_start(s, "r", CLOCK_ACK, 1000, 1600, 7, 180, NULL), 0);
	assert_int_equal(clock_start(s, "r", CLOCK_ANSWER, 1000, 2800, 0, 1800, NULL), 0);
	assert_int_equal(clock_get(s, "r", CLOCK_ACK, &c, NULL), 1);
	assert_int_equal(c.local_s, 1607);
	assert_int_equal(c.next_s, 1187);
	assert_int_equal(clock_next(s, &next, NULL), 0);
	assert_int_equal(next, 1187);
	assert_int_equal(clock_done(s, "r", CLOCK_ACK, 1100, NULL), 0);
	assert_int_equal(clock_done(s, "r", CLOCK_ACK, 9999, NULL), 0); /* done once */
	assert_int_equal(clock_get(s, "r", CLOCK_ACK, &c, NULL), 1);
	assert_int_equal(c.done_s, 1100);
	assert_true(c.next_s == CLOCK_NEVER);
	assert_int_equal(clock_list(s, "r", all, NULL), 2);
	assert_int_equal(clock_done_all(s, "r", 1200, NULL), 0);
	assert_int_equal(clock_next(s, &next, NULL), 0);
	assert_true(next == CLOCK_NEVER);
	assert_string_equal(clock_kind_name(CLOCK_TERM), "term");
}

static int64_t answer_due(struct store *s)
{
	struct clock_row c;

	assert_int_equal(clock_get(s, "r", CLOCK_ANSWER, &c, NULL), 1);
	assert_true(c.done_s || c.paused_s || c.next_s == c.due_s);
	return c.due_s;
}

static void test_clock_pause(void **state)
{
	_cleanup_(store_closep) struct store *s = open_store();
	const struct clock_pause stands = {2000, 0}, guess = {2000, 5000}, better = {2000, 4990},
				 late = {2000, 2010};
	struct clock_row c;

	assert_int_equal(clock_hold(s, "r", &stands, NULL), 0); /* no clock: nothing */
	assert_int_equal(clock_start(s, "r", CLOCK_ANSWER, 1000, 29800, 0, 28800, NULL), 0);
	assert_int_equal(clock_hold(s, "r", &stands, NULL), 0);
	assert_int_equal(answer_due(s), 29800);
	assert_int_equal(clock_get(s, "r", CLOCK_ANSWER, &c, NULL), 1);
	assert_int_equal(c.paused_s, 2000);
	assert_int_equal(c.next_s, CLOCK_NEVER);
	assert_int_equal(clock_hold(s, "r", &guess, NULL), 0);
	assert_int_equal(answer_due(s), 29800 + 3000);
	c.kind = CLOCK_ANSWER;
	c.next_s = c.due_s = 29800 + 3000;
	c.level = 1;
	assert_int_equal(clock_ring(s, "r", &c, NULL), 0);
	assert_int_equal(clock_hold(s, "r", &guess, NULL), 0); /* the same again */
	assert_int_equal(answer_due(s), 29800 + 3000);
	assert_int_equal(clock_hold(s, "r", &better, NULL), 0);
	assert_int_equal(answer_due(s), 29800 + 2990);
	assert_int_equal(clock_done(s, "r", CLOCK_ANSWER, 9100, NULL), 0);
	assert_int_equal(clock_hold(s, "r", &late, NULL), 0); /* heard of late */
	assert_int_equal(answer_due(s), 29800 + 10);
	assert_int_equal(clock_get(s, "r", CLOCK_ANSWER, &c, NULL), 1);
	assert_int_equal(c.next_s, CLOCK_NEVER);
	assert_int_equal(c.level, 1);
}

static void test_four_eyes(void **state)
{
	_cleanup_(store_closep) struct store *s = open_store();
	struct approval a = {.hash32 = {1},
			     .proposer = "anna",
			     .author = "bruno",
			     .expires_s = 1600},
			got;
	const uint8_t right[32] = {1}, wrong[32] = {2};

	assert_int_equal(approval_use(s, "r", "carla", right, 1000, NULL), -ERR_NOENT);
	assert_int_equal(approval_open(s, "r", &a, NULL), 0);
	assert_int_equal(approval_get(s, "r", &got, NULL), 1);
	assert_string_equal(got.author, "bruno");
	assert_int_equal(approval_use(s, "r", "anna", right, 1000, NULL), -ERR_FOUR_EYES);
	assert_int_equal(approval_use(s, "r", "bruno", right, 1000, NULL), -ERR_FOUR_EYES);
	assert_int_equal(approval_use(s, "r", "carla", wrong, 1000, NULL), -ERR_STALE);
	assert_int_equal(approval_use(s, "r", "carla", right, 1601, NULL), -ERR_EXPIRED);
	assert_int_equal(approval_use(s, "r", "carla", right, 1600, NULL), 0);
	assert_int_equal(approval_use(s, "r", "carla", right, 1600, NULL),
			 -ERR_NOENT); /* single use */
	assert_int_equal(approval_open(s, "r", &a, NULL), 0);
	assert_int_equal(approval_void(s, "r", NULL), 0);
	assert_int_equal(approval_get(s, "r", &got, NULL), 0);
}

/* ---- on two nodes ---- */

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

static void test_one_clock_on_both(void **state)
{
	struct world *w = *state;
	char id[37];

	w->net.node[IT].skew_ms =
		-7000; /* the sender's clock is slow: the receiver's time counts */
	sent(w, "FREEZE", "FLASH", id);
	same_due(w, id, "ack");
	same_due(w, id, "answer");
}

static void test_escalation(void **state)
{
	static const int64_t at[] = {180, 300, 480, 600, 900, 1200};
	struct world *w = *state;
	int64_t passed = 0;
	char id[37];

	sent(w, "FREEZE", "FLASH", id);
	for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
		world_pass(w, at[i] - passed - 1);
		world_settle(w);
		assert_int_equal(w->n[FR].level, i); /* not a second early */
		world_pass(w, 1);
		passed = at[i];
		world_settle(w);
		assert_int_equal(w->n[FR].level, i + 1);
		assert_int_equal(w->n[IT].level, i + 1); /* both sides ring */
	}
	assert_true(has_flag(w, IT, id, "OVERDUE"));
	assert_true(has_flag(w, FR, id, "ESCALATED(6)"));
	act(w, FR, id, EVENT_ACK, NULL);
	world_settle(w);
	clock_is(w, IT, id, "ack", "missed");
	assert_false(has_flag(w, IT, id, "OVERDUE"));
	world_pass(w, 700); /* the answer's own clock */
	world_settle(w);
	assert_true(has_flag(w, IT, id, "OVERDUE"));
	assert_true(has_flag(w, IT, id, "ESCALATED(1)"));
}

static void test_escalation_after_restart(void **state)
{
	struct world *w = *state;
	char id[37];

	sent(w, "FREEZE", "FLASH", id);
	world_pass(w, 500);
	desk_restart(w, FR);
	world_settle(w);
	assert_int_equal(w->n[FR].rings[RING_LATE], 1); /* one ring for what was slept through */
	assert_int_equal(w->n[FR].level, 3);
	assert_true(requests_next_due(w->n[FR].q) <= 100 * 1000);
	assert_true(requests_next_due(w->n[FR].q) > 99 * 1000);
}

/* The wall clock steps back an hour: alarms still ring after the right time has passed. It steps ahead and back: no false flag. */
static void test_clock_steps(void **state)
{
	struct world *w = *state;
	char id[37];

	sent(w, "FREEZE", "FLASH", id);
	world_step_walls(w, -3600);
	world_pass(w, 179);
	world_settle(w);
	assert_int_equal(w->n[FR].level, 0);
	world_pass(w, 1);
	world_settle(w);
	assert_int_equal(w->n[FR].level, 1);
	world_step_walls(w, 3600);
	assert_false(has_flag(w, FR, id, "OVERDUE"));
	world_pass(w, 420);
	world_settle(w);
	assert_int_equal(w->n[FR].level, 4);
}

/* A request that comes while the wall is an hour slow still rings after its own three minutes. */
static void test_arrival_with_slow_wall(void **state)
{
	struct world *w = *state;
	char id[37];

	world_pass(w, 7200);
	world_settle(w);
	world_step_walls(w, -3600);
	sent(w, "FREEZE", "FLASH", id);
	world_pass(w, 179);
	world_settle(w);
	assert_int_equal(w->n[FR].level, 0);
	world_pass(w, 1);
	world_settle(w);
	assert_int_equal(w->n[FR].level, 1);
}

static void question(struct world *w, const char *id)
{
	act(w, FR, id, EVENT_CLARIFY, text("which of the two outputs?"));
	world_settle(w);
	both_are(w, id, "CLARIFICATION");
}

static void test_pause(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *c = NULL;
	char id[37];

	sent(w, "TRACE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	question(w, id);
	clock_is(w, IT, id, "answer", "paused");
	assert_true(has_flag(w, FR, id, "PAUSED"));
	world_pass(w, 3600);
	act(w, IT, id, EVENT_CLARIFIED, text("the second"));
	world_settle(w);
	both_are(w, id, "ACKNOWLEDGED");
	clock_is(w, IT, id, "answer", "running");
	same_due(w, id, "answer");
	c = clock_of(w, FR, id, "answer");
	assert_int_equal(json_integer_value(json_object_get(c, "remaining_s")), 8 * 3600);
	question(w, id); /* only once */
	clock_is(w, IT, id, "answer", "running");
	clock_is(w, FR, id, "answer", "running");
	act(w, IT, id, EVENT_CLARIFIED, text("the second, as said"));
	world_settle(w);
	same_due(w, id, "answer");
}

/* The reply is on its way for ten minutes: the pause ends when it arrives, on both clocks. */
static void test_pause_ends_on_arrival(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *c = NULL;
	char id[37];

	sent(w, "TRACE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	question(w, id);
	world_pass(w, 600);
	act(w, IT, id, EVENT_CLARIFIED, text("the second"));
	world_pass(w, 600);
	world_settle(w);
	same_due(w, id, "answer");
	c = clock_of(w, IT, id, "answer");
	assert_int_equal(json_integer_value(json_object_get(c, "remaining_s")), 8 * 3600);
}

/* The receiver's wall is a minute ahead when it goes on, and right again when the reply arrives, which thus came earlier. */
static void test_pause_ends_by_time_not_order(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *c = NULL;
	char id[37];

	sent(w, "TRACE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	question(w, id);
	world_pass(w, 10);
	w->net.node[FR].skew_ms = 60000;
	act(w, FR, id, EVENT_PARTIAL, text("one of them"));
	act(w, FR, id, EVENT_ANSWER, text("here is one"));
	w->net.node[FR].skew_ms = 0;
	world_pass(w, 10);
	act(w, IT, id, EVENT_CLARIFIED, text("the second")); /* before it hears of the answer */
	world_settle(w);
	both_are(w, id, "ANSWERED");
	same_due(w, id, "answer");
	same_due(w, id, "pause");
	c = clock_of(w, IT, id, "pause");
	assert_int_equal(world_clock_s(c, "done_at") - world_clock_s(c, "started_at"), 20);
}

/* The end of the request crosses the question and the step after it: no pause is counted on either side. */
static void test_question_crosses_the_end(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *c = NULL;
	char id[37];

	sent(w, "TRACE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	world_settle(w);
	act(w, IT, id, EVENT_WITHDRAW, text("found elsewhere"));
	world_pass(w, 30);
	act(w, FR, id, EVENT_CLARIFY, text("which?"));
	world_pass(w, 30);
	act(w, FR, id, EVENT_ACCEPT, NULL);
	world_settle(w);
	both_are(w, id, "WITHDRAWN");
	same_due(w, id, "answer");
	c = clock_of(w, FR, id, "answer");
	assert_int_equal(world_clock_s(c, "due_at") - world_clock_s(c, "started_at"), 8 * 3600);
}

static void test_pause_at_most_a_day(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *c = NULL;
	char id[37];

	sent(w, "TRACE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	question(w, id);
	world_pass(w, 86400 + 60);
	world_settle(w);
	clock_is(w, IT, id, "answer", "running");
	same_due(w, id, "answer");
	c = clock_of(w, FR, id, "answer");
	assert_int_equal(json_integer_value(json_object_get(c, "remaining_s")), 8 * 3600 - 60);
	both_are(w, id, "CLARIFICATION");
	act(w, FR, id, EVENT_REFUSE, json_pack("{s:s}", "ground", "unreadable"));
	world_settle(w);
	both_are(w, id, "REFUSED");
}

static void test_flash_never_pauses(void **state)
{
	struct world *w = *state;
	char id[37];

	sent(w, "TRACE", "FLASH", id);
	act(w, FR, id, EVENT_ACK, NULL);
	question(w, id);
	clock_is(w, IT, id, "answer", "running");
	clock_is(w, FR, id, "answer", "running");
}

static void test_term_reminders(void **state)
{
	struct world *w = *state;
	char id[37];

	sent(w, "FREEZE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	act(w, FR, id, EVENT_ACCEPT, NULL);
	act(w, FR, id, EVENT_ANSWER, outcome(w, "voluntary-hold", AMOUNT)); /* for 100000 s */
	world_settle(w);
	world_pass(w, 49999);
	world_settle(w);
	assert_int_equal(w->n[IT].rings[RING_REMINDER], 0);
	world_pass(w, 1);
	world_settle(w);
	assert_int_equal(w->n[IT].rings[RING_REMINDER], 1);
	assert_int_equal(w->n[FR].rings[RING_REMINDER], 1);
	act(w, IT, id, EVENT_CLOSE, NULL); /* the measure goes on */
	world_pass(w, 30000);
	world_settle(w);
	assert_int_equal(w->n[IT].rings[RING_REMINDER], 2);
	world_pass(w, 15000);
	world_settle(w);
	assert_int_equal(w->n[IT].rings[RING_REMINDER], 3);
	world_pass(w, 5000);
	world_settle(w);
	assert_int_equal(w->n[IT].rings[RING_REMINDER], 3);
	assert_int_equal(w->n[IT].rings[RING_TERM_OVER], 1);
	assert_int_equal(w->n[FR].rings[RING_TERM_OVER], 1);
}

static void test_preserve_sixty_days(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *c = NULL;
	char id[37];

	sent(w, "PRESERVE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	act(w, FR, id, EVENT_ACCEPT, NULL);
	act(w, FR, id, EVENT_ANSWER, text("the logs are kept"));
	world_settle(w);
	same_due(w, id, "term");
	c = clock_of(w, IT, id, "term");
	assert_int_equal(json_integer_value(json_object_get(c, "remaining_s")), 60 * 86400);
}

static void test_expiry(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *in = request_in("TRACE", "URGENT");
	_cleanup_(json_decrefp) json_t *out = NULL;
	char until[TIME_TEXT_MAX], id[37];
	struct err e = {0};

	json_object_set_new(in, "valid_until", json_string(time_utc(world_now_s(w) + 7200, until)));
	assert_int_equal(request_draft(w->n[IT].q, &anna, in, &out, &e), 0);
	snprintf(id, sizeof(id), "%s", text_at(out, "id"));
	assert_int_equal(submit(w, &anna, id, &e), 0);
	world_settle(w);
	act(w, FR, id, EVENT_ACK, NULL);
	world_settle(w);
	world_pass(w, 7199);
	world_settle(w);
	both_are(w, id, "ACKNOWLEDGED");
	world_pass(w, 1);
	world_settle(w);
	both_are(w, id, "EXPIRED");
}

static void test_expired_draft(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *in = request_in("TRACE", "URGENT");
	_cleanup_(json_decrefp) json_t *out = NULL;
	char until[TIME_TEXT_MAX];
	struct err e = {0};

	json_object_set_new(in, "valid_until", json_string(time_utc(world_now_s(w) + 60, until)));
	assert_int_equal(request_draft(w->n[IT].q, &anna, in, &out, &e), 0);
	world_pass(w, 60);
	assert_int_equal(submit(w, &anna, text_at(out, "id"), &e), -ERR_EXPIRED);
	state_is(w, IT, text_at(out, "id"), "DRAFT");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_working_days),
		cmocka_unit_test(test_steady_time),
		cmocka_unit_test(test_clock_rows),
		cmocka_unit_test(test_clock_pause),
		cmocka_unit_test(test_four_eyes),
		TEST(test_one_clock_on_both),
		TEST(test_escalation),
		TEST(test_escalation_after_restart),
		TEST(test_clock_steps),
		TEST(test_arrival_with_slow_wall),
		TEST(test_pause),
		TEST(test_pause_ends_on_arrival),
		TEST(test_pause_ends_by_time_not_order),
		TEST(test_question_crosses_the_end),
		TEST(test_pause_at_most_a_day),
		TEST(test_flash_never_pauses),
		TEST(test_term_reminders),
		TEST(test_preserve_sixty_days),
		TEST(test_expiry),
		TEST(test_expired_draft),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
