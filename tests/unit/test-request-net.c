/* SPDX-License-Identifier: Apache-2.0
 * Tests of requests between two nodes: each step of both sides, four eyes, crossings, refusals,
 * limits, rights, lists. */
#include "base/json.h"
#include "base/time.h"
#include "engine.h"
#include "exchange/request.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "request-world.h"

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

static int64_t audit_count(struct world *w, int node, const char *what)
{
	STORE_ROWS(rows);
	struct err e = {0};

	if (store_first(w->net.node[node].store,
			"SELECT COUNT(*) AS n FROM audit_event WHERE event LIKE ?",
			VALS(val_text(what)), &rows, &e) < 0)
		fail_msg("%s", e.message);
	return row_i64(&rows, "n");
}

/* ---- the main path ---- */

static void test_freeze_flash(void **state)
{
	struct world *w = *state;
	char id[37];
	_cleanup_(json_decrefp) json_t *end = NULL;
	const json_t *events;

	sent(w, "FREEZE", "FLASH", id);
	assert_int_equal(w->n[FR].rings[RING_ARRIVED], 1);
	world_pass(w, 60);
	act(w, FR, id, EVENT_ACK, NULL);
	world_settle(w);
	both_are(w, id, "ACKNOWLEDGED");
	clock_is(w, IT, id, "ack", "met");
	act(w, FR, id, EVENT_PARTIAL, text("one of two accounts"));
	act(w, FR, id, EVENT_INTERIM, text("custodian called"));
	world_settle(w);
	both_are(w, id, "INTERIM");
	clock_is(w, IT, id, "answer", "met");
	act(w, FR, id, EVENT_ANSWER, outcome(w, "voluntary-hold", "1500000000"));
	world_settle(w);
	both_are(w, id, "ANSWERED");
	clock_is(w, IT, id, "term", "running");
	clock_is(w, FR, id, "term", "running");
	act(w, IT, id, EVENT_CLOSE, NULL);
	world_settle(w);
	both_are(w, id, "CLOSED");
	end = show(w, IT, id);
	events = json_object_get(end, "events");
	assert_int_equal(json_array_size(events),
			 8); /* submit approve deliver ack partial interim answer close */
	assert_string_equal(text_at(json_object_get(end, "delivery"), "state"), "acted");
	for (size_t i = 0; i < json_array_size(events); i++)
		assert_true(json_is_integer(json_object_get(json_array_get(events, i), "audit")));
}

/* Both nodes hold the same bytes; what was changed behind the approval is not sent. */
static void test_content_is_what_was_approved(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *here = NULL;
	_cleanup_(json_decrefp) json_t *there = NULL;
	struct err e = {0};
	char id[37], hash[65];

	sent(w, "FREEZE", "FLASH", id);
	here = show(w, IT, id);
	there = show(w, FR, id);
	assert_string_equal(text_at(here, "content_sha256"), text_at(there, "content_sha256"));
	assert_true(
		json_equal(json_object_get(here, "request"), json_object_get(there, "request")));
	draft(w, "FREEZE", "FLASH", id);
	hash_of(w, id, hash);
	assert_int_equal(submit(w, &anna, id, &e), 0);
	assert_int_equal(
		store_exec(
			w->net.node[IT].store,
			"UPDATE request SET body = REPLACE(body, 'i fatti', 'no facts') WHERE id = ?",
			VALS(val_text(id)), &e),
		1);
	assert_int_equal(approve(w, &bruno, id, hash, &e), -ERR_CORRUPT);
	state_is(w, IT, id, "APPROVAL");
}

/* "requested" is filled in from the request, and kept exact. */
static void test_outcome_travels(void **state)
{
	struct world *w = *state;
	char id[37];
	_cleanup_(json_decrefp) json_t *j = NULL;
	const json_t *events, *item;

	sent(w, "FREEZE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	act(w, FR, id, EVENT_ACCEPT, NULL);
	act(w, FR, id, EVENT_ANSWER, outcome(w, "voluntary-hold", "1500000000"));
	world_settle(w);
	j = show(w, IT, id);
	events = json_object_get(j, "events");
	item = json_array_get(
		json_object_get(
			json_object_get(
				json_object_get(json_array_get(events, json_array_size(events) - 1),
						"part"),
				"outcome"),
			"items"),
		0);
	assert_string_equal(text_at(item, "requested"), AMOUNT);
	assert_string_equal(text_at(item, "held"), "1500000000");
}

static void test_held_above_requested(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37];

	sent(w, "FREEZE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	act(w, FR, id, EVENT_ACCEPT, NULL);
	assert_int_equal(
		try(w, FR, &paul, id, EVENT_ANSWER, outcome(w, "voluntary-hold", "4000000001"), &e),
		-ERR_AMOUNT);
	assert_int_equal(try(w, FR, &paul, id, EVENT_ANSWER, text("done"), &e), -ERR_FIELD_MISSING);
	assert_string_equal(e.field, "outcome");
	state_is(w, FR, id, "ACCEPTED"); /* nothing happened */
}

static void test_no_second_person_needed(void **state)
{
	struct world *w = *state;
	char id[37];

	sent(w, "INFO", "PRIORITY", id);
	act(w, FR, id, EVENT_ACK, NULL);
	act(w, FR, id, EVENT_ACCEPT, NULL);
	act(w, FR, id, EVENT_ANSWER, text("the account holder is known"));
	world_settle(w);
	both_are(w, id, "ANSWERED");
}

static void test_spontaneous_owes_nothing(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37];

	sent(w, "SPONTANEOUS", "ROUTINE", id);
	assert_null(clock_of(w, FR, id, "answer"));
	act(w, FR, id, EVENT_ACK, NULL);
	assert_int_equal(try(w, FR, &paul, id, EVENT_ACCEPT, NULL, &e), -ERR_TRANSITION);
	world_settle(w);
	act(w, IT, id, EVENT_CLOSE, NULL);
	world_settle(w);
	both_are(w, id, "CLOSED");
}

static void test_withdrawal(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37];

	sent(w, "TRACE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	world_settle(w);
	assert_int_equal(try(w, IT, &anna, id, EVENT_WITHDRAW, NULL, &e), -ERR_FIELD_MISSING);
	act(w, IT, id, EVENT_WITHDRAW, text("the victim was paid back"));
	world_settle(w);
	both_are(w, id, "WITHDRAWN");
	clock_is(w, FR, id, "answer", "met");
	assert_int_equal(try(w, FR, &paul, id, EVENT_ACCEPT, NULL, &e), -ERR_TRANSITION);
}

static void test_every_refusal(void **state)
{
	struct world *w = *state;

	for (unsigned g = 0; g < GROUND_N; g++) {
		char id[37];
		json_t *in = json_pack("{s:s}", "ground", request_ground_row(g)->text);

		sent(w, "TRACE", "ROUTINE", id);
		act(w, FR, id, EVENT_ACK, NULL);
		if (request_ground_row(g)->flags & GROUND_POINTER)
			json_object_set_new(
				in, "to",
				json_pack("{s:s, s:s}", "name", "A court", "country", "FR"));
		act(w, FR, id, EVENT_REFUSE, in);
		world_settle(w);
		both_are(w, id, "REFUSED");
		act(w, IT, id, EVENT_CLOSE, NULL);
		world_settle(w);
		both_are(w, id, "CLOSED");
	}
}

static void test_transfer(void **state)
{
	struct world *w = *state;
	char id[37];

	sent(w, "IDENTIFY", "PRIORITY", id);
	act(w, FR, id, EVENT_ACK, NULL);
	act(w, FR, id, EVENT_TRANSFER,
	    json_pack("{s:{s:s, s:s}}", "to", "name", "Gendarmerie", "country", "FR"));
	act(w, FR, id, EVENT_ACCEPT, NULL);
	world_settle(w);
	both_are(w, id, "ACCEPTED");
}

/* The other side states freeze, information and trace in its note, not preserve. */
static void test_powers(void **state)
{
	static const struct {
		const char *type;
		size_t warnings;
	} cases[] = {{"FREEZE", 0},   {"INFO", 0},     {"TRACE", 0},
		     {"IDENTIFY", 0}, {"PRESERVE", 1}, {"ADVICE", 0}};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char id[37];
		_cleanup_(json_decrefp) json_t *j = NULL;
		const json_t *warnings;

		draft(w, cases[i].type, "ROUTINE", id);
		j = show(w, IT, id);
		warnings = json_object_get(j, "warnings");
		assert_int_equal(json_array_size(warnings), cases[i].warnings);
		if (cases[i].warnings)
			assert_non_null(strstr(text_at(json_array_get(warnings, 0), "message"),
					       "preserve"));
	}
}

/* ---- four eyes ---- */

static void test_same_officer(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], hash[65];

	draft(w, "FREEZE", "ROUTINE", id);
	hash_of(w, id, hash);
	assert_int_equal(submit(w, &dora, id, &e), 0);
	assert_int_equal(approve(w, &dora, id, hash, &e), -ERR_FOUR_EYES);
	assert_non_null(strstr(e.message, "dora"));
	assert_int_equal(approve(w, &anna, id, hash, &e), -ERR_DENIED); /* no approver */
	state_is(w, IT, id, "APPROVAL");
	assert_int_equal(approve(w, &bruno, id, hash, &e), 0);
}

static void test_author_cannot_approve(void **state)
{
	const struct actor both = {"anna", ACTOR_OFFICER | ACTOR_APPROVER, "it"};
	struct world *w = *state;
	struct err e = {0};
	char id[37], hash[65];

	draft(w, "FREEZE", "ROUTINE", id);
	hash_of(w, id, hash);
	assert_int_equal(submit(w, &dora, id, &e), 0);
	assert_int_equal(approve(w, &both, id, hash, &e), -ERR_FOUR_EYES);
}

static void test_other_content(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], hash[65];

	draft(w, "INFO", "FLASH", id);
	hash_of(w, id, hash);
	assert_int_equal(submit(w, &anna, id, &e), 0);
	hash[0] = hash[0] == '0' ? '1' : '0';
	assert_int_equal(approve(w, &bruno, id, hash, &e), -ERR_STALE);
	assert_int_equal(approve(w, &bruno, id, "", &e), -ERR_FORMAT);
	assert_int_equal(approve(w, &bruno, id, "zz", &e), -ERR_FORMAT);
}

static void test_approval_once(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], hash[65];

	draft(w, "FREEZE", "FLASH", id);
	hash_of(w, id, hash);
	assert_int_equal(approve(w, &bruno, id, hash, &e), -ERR_TRANSITION); /* not put forward */
	assert_int_equal(submit(w, &anna, id, &e), 0);
	assert_int_equal(submit(w, &anna, id, &e), -ERR_TRANSITION);
	assert_int_equal(approve(w, &bruno, id, hash, &e), 0);
	assert_int_equal(approve(w, &bruno, id, hash, &e), -ERR_TRANSITION);
}

static void test_approval_lapses(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], hash[65];

	draft(w, "FREEZE", "FLASH", id);
	hash_of(w, id, hash);
	assert_int_equal(submit(w, &anna, id, &e), 0);
	world_pass(w, 601);
	assert_int_equal(approve(w, &bruno, id, hash, &e),
			 -ERR_EXPIRED); /* even before the clock rings */
	world_settle(w);
	state_is(w, IT, id, "DRAFT");
	assert_int_equal(w->n[IT].rings[RING_LAPSED], 1);
	assert_int_equal(submit(w, &anna, id, &e), 0); /* again from the start */
	world_pass(w, 599);
	desk_restart(w, IT);
	assert_int_equal(approve(w, &bruno, id, hash, &e), 0);
}

static void test_rejection_and_discard(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], hash[65];
	json_t *out = NULL;

	draft(w, "FREEZE", "FLASH", id);
	hash_of(w, id, hash);
	assert_int_equal(submit(w, &anna, id, &e), 0);
	assert_int_equal(request_reject(w->n[IT].q, &bruno, id, "amount is wrong", &out, &e), 0);
	assert_string_equal(text_at(out, "state"), "DRAFT");
	json_decref(out);
	assert_int_equal(approve(w, &bruno, id, hash, &e), -ERR_TRANSITION);
	assert_int_equal(request_discard(w->n[IT].q, &anna, id, &out, &e), 0);
	assert_string_equal(text_at(out, "state"), "WITHDRAWN");
	json_decref(out);
	assert_int_equal(submit(w, &anna, id, &e), -ERR_TRANSITION);
}

static void test_denials_are_logged(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], hash[65];
	json_t *out = NULL;
	_cleanup_(json_decrefp) json_t *in = request_in("FREEZE", "FLASH");

	assert_int_equal(request_draft(w->n[IT].q, &admin, in, &out, &e), -ERR_DENIED);
	assert_int_equal(audit_count(w, IT, "%request.draft%denied%"), 1);
	draft(w, "FREEZE", "FLASH", id);
	hash_of(w, id, hash);
	assert_int_equal(submit(w, &dora, id, &e), 0);
	assert_int_equal(approve(w, &dora, id, hash, &e), -ERR_FOUR_EYES);
	assert_int_equal(audit_count(w, IT, "%request.approve%four-eyes%"), 1);
	assert_int_equal(request_show(w->n[IT].q, &admin, id, &out, &e), -ERR_DENIED);
	assert_int_equal(request_list(w->n[IT].q, &admin, &(struct request_filter){0}, &out, &e),
			 -ERR_DENIED);
}

/* ---- crossings ---- */

static void test_withdraw_crosses_accept(void **state)
{
	struct world *w = *state;
	char id[37];

	sent(w, "TRACE", "URGENT", id);
	act(w, FR, id, EVENT_ACK, NULL);
	world_settle(w);
	act(w, IT, id, EVENT_WITHDRAW, text("no longer needed"));
	act(w, FR, id, EVENT_ACCEPT, NULL);
	act(w, FR, id, EVENT_ANSWER, text("found"));
	world_settle(w);
	both_are(w, id, "WITHDRAWN");
	assert_false(has_flag(w, FR, id, "STEP-REFUSED"));
}

static void test_expiry_crosses_answer(void **state)
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
	act(w, FR, id, EVENT_ACCEPT, NULL);
	world_settle(w);
	world_pass(w, 7200);
	act(w, FR, id, EVENT_ANSWER, text("found")); /* before it hears of the end */
	assert_true(requests_poll(w->n[IT].q, &e) > 0);
	state_is(w, IT, id, "EXPIRED");
	world_settle(w);
	both_are(w, id, "ANSWERED");
}

/* ---- refusals on the way, limits ---- */

static void test_wrong_side(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37];

	sent(w, "TRACE", "URGENT", id);
	assert_int_equal(try(w, IT, &anna, id, EVENT_ACK, NULL, &e), -ERR_TRANSITION);
	assert_int_equal(try(w, FR, &paul, id, EVENT_WITHDRAW, text("x"), &e), -ERR_TRANSITION);
	assert_int_equal(try(w, FR, &paul, id, EVENT_ACCEPT, NULL, &e), -ERR_TRANSITION);
	assert_int_equal(try(w, FR, &paul, id, EVENT_EXPIRE, NULL, &e), -ERR_INVAL);
	assert_int_equal(try(w, FR, &paul, id, EVENT_APPROVE, NULL, &e), -ERR_INVAL);
	assert_int_equal(
		try(w, FR, &paul, "019ab5a0-0000-7000-8000-000000000001", EVENT_ACK, NULL, &e),
		-ERR_NOENT);
	assert_int_equal(
		try(w, FR, &paul, id, EVENT_ACK, json_pack("{s:s}", "officer", "someone"), &e),
		-ERR_INVAL);
	assert_string_equal(e.field, "officer");
	assert_int_equal(try(w, FR, &paul, id, EVENT_ACK, json_pack("{s:i}", "!urgent", 1), &e),
			 -ERR_FIELD_UNKNOWN);
}

static void test_unknown_member(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *in = request_in("TRACE", "URGENT");
	json_t *out = NULL;
	struct err e = {0};

	json_object_set_new(in, "to", json_string("xx"));
	assert_int_equal(request_draft(w->n[IT].q, &anna, in, &out, &e), -ERR_MEMBER_UNKNOWN);
	assert_string_equal(e.field, "to");
	json_object_set_new(in, "from", json_string("it"));
	assert_int_equal(request_draft(w->n[IT].q, &anna, in, &out, &e), -ERR_INVAL);
	assert_string_equal(e.field, "from");
}

static void test_officer_limit(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *in = request_in("TRACE", "URGENT");
	json_t *out = NULL;
	struct err e = {0};
	char id[37];

	for (int i = 0; i < REQUEST_OFFICER_HOUR; i++)
		draft(w, "TRACE", "URGENT", id);
	assert_int_equal(request_draft(w->n[IT].q, &anna, in, &out, &e), -ERR_QUOTA);
	world_pass(w, 3600);
	draft(w, "TRACE", "URGENT", id);
}

/* The disk is full: a clear error, what was answered is there, what was not is not; with room again work goes on. */
static void test_disk_full(void **state)
{
	ENGINE_SQLITE_ONLY();
	struct world *w = *state;
	struct store_options small = {.pages_max = 0};
	char facts[20000];
	struct stat st;
	_cleanup_(json_decrefp) json_t *in = request_in("TRACE", "URGENT");
	struct err e = {0};
	char id[37] = "";
	int64_t made = 0;
	int r = 0;

	desk_close(w, IT);
	assert_int_equal(stat(w->n[IT].path, &st), 0);
	memset(facts, 'x', sizeof(facts) - 1);
	facts[sizeof(facts) - 1] = '\0';
	json_object_set_new(in, "facts", json_string(facts));
	small.pages_max = (uint32_t)(st.st_size / 4096) + 24;
	assert_int_equal(node_open(&w->net.node[IT], w->n[IT].path, &small, &e), 0);
	assert_int_equal(requests_open(w->net.node[IT].x, &w->n[IT].o, &w->n[IT].q, &e), 0);
	while (r == 0 && made < REQUEST_OFFICER_HOUR) {
		_cleanup_(json_decrefp) json_t *out = NULL;

		r = request_draft(w->n[IT].q, &anna, in, &out, &e);
		if (r == 0)
			snprintf(id, sizeof(id), "%s", text_at(out, "id"));
		made += r == 0;
	}
	assert_int_equal(r, -ERR_NOSPC);
	assert_true(made > 0);
	desk_restart(w, IT);
	assert_int_equal(node_count(&w->net.node[IT], "SELECT COUNT(*) AS n FROM request"), made);
	assert_int_equal(submit(w, &anna, id, &e), 0);
	world_settle(w);
	both_are(w, id, "DELIVERED");
}

static void test_peer_limit(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37];

	w->n[FR].o.limits.peer_hour = 1;
	desk_restart(w, FR);
	sent(w, "TRACE", "URGENT", id);
	draft(w, "TRACE", "URGENT", id);
	assert_int_equal(submit(w, &anna, id, &e), 0);
	world_settle(w);
	state_is(w, IT, id, "UNDELIVERABLE");
	assert_int_equal(w->n[IT].rings[RING_FAILED], 1);
}

/* ---- a peer that breaks the rules ---- */

/* Post a part as it is from one node to the other. Returns: how far it came */
static enum exchange_state raw(struct world *w, int from, const char *officer,
			       const char *media_type, json_t *part,
			       char reason[static EXCHANGE_REASON_MAX + 1])
{
	struct node *node = &w->net.node[from];
	const char *to = w->net.node[!from].name;
	_cleanup_(json_decrefp) json_t *owned = part;
	_cleanup_(freep) char *body = json_text(owned);
	const struct exchange_part p = {media_type, body, strlen(body)};
	const struct exchange_post m = {
		.class = EXCHANGE_URGENT,
		.to = &to,
		.to_n = 1,
		.expires_s = world_now_s(w) + 3600,
		.officer = officer,
		.case_ref = "case-1",
		.purpose = "prevention",
		.basis = "treaty",
		.handling = "H1",
		.marking = "TLP:AMBER",
		.grade = "A1",
		.parts = &p,
		.parts_n = 1,
	};
	struct exchange_delivery d;
	struct err e = {0};
	uint8_t id16[16];
	STORE_TXN(txn);

	if (store_begin(node->store, STORE_WRITE, &txn, &e) < 0 ||
	    exchange_post(node->x, &m, id16, &e) < 0 || store_commit(&txn, &e) < 0)
		fail_msg("%s: %s", e.field, e.message);
	world_settle(w);
	assert_int_equal(exchange_delivery(node->x, id16, to, &d, &e), 1);
	snprintf(reason, EXCHANGE_REASON_MAX + 1, "%s", d.reason);
	return d.state;
}

/* A whole request part of node it, made for the manifest of raw(). */
static json_t *whole(struct world *w, const char *id)
{
	json_t *j = request_in("TRACE", "URGENT");
	char at[TIME_TEXT_MAX];

	json_object_update_new(
		j, json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:{s:s}, s:{s:s, s:s}}", "version", 1,
			     "id", id, "from", "it", "created_at", time_utc(world_now_s(w), at),
			     "language", "it", "reply_language", "en", "relation", "kind", "new",
			     "confidentiality", "subject", "may-know", "custodian", "may-know"));
	json_object_set_new(j, "handling",
			    json_pack("{s:s, s:s, s:s, s:s, s:s}", "code", "H1", "marking",
				      "TLP:AMBER", "grade", "A1", "purpose", "prevention", "basis",
				      "treaty"));
	return j;
}

#define ID1 "019ab5a0-0000-7000-8000-000000000001"
#define ID2 "019ab5a0-0000-7000-8000-000000000002"

static void refused(struct world *w, json_t *part, const char *why)
{
	char reason[EXCHANGE_REASON_MAX + 1];

	assert_int_equal(raw(w, IT, "anna", REQUEST_MEDIA_TYPE, part, reason), EXCHANGE_REFUSED);
	assert_string_equal(reason, why);
}

static json_t *with(json_t *part, const char *name, json_t *value)
{
	assert_int_equal(json_object_set_new(part, name, value), 0);
	return part;
}

static void test_hostile_requests(void **state)
{
	struct world *w = *state;
	char reason[EXCHANGE_REASON_MAX + 1];
	json_t *j;

	refused(w, json_pack("{}"), "field-missing");
	refused(w, with(whole(w, ID1), "from", json_string("fr2")), "format");
	refused(w, with(whole(w, ID1), "to", json_string("jp")), "format");
	refused(w, with(whole(w, ID1), "!embargo", json_true()), "field-unknown");
	refused(w, with(whole(w, ID1), "version", json_integer(2)), "version");
	refused(w, with(whole(w, ID1), "type", json_string("EXTEND")), "inval");
	j = whole(w, ID1);
	json_object_set_new(json_object_get(j, "handling"), "purpose", json_string("drill"));
	refused(w, j, "format");
	j = whole(w, ID1);
	json_object_set_new(json_array_get(json_object_get(j, "assets"), 0), "output_value",
			    json_string("1"));
	refused(w, j, "amount");
	assert_int_equal(raw(w, IT, "anna", REQUEST_MEDIA_TYPE,
			     with(whole(w, ID1), "mood", json_string("grim")), reason),
			 EXCHANGE_ACCEPTED);
	state_is(w, FR, ID1, "DELIVERED");
	refused(w, with(whole(w, ID1), "mood", json_string("grim")), "duplicate");
	refused(w, whole(w, ID1), "conflict");
}

static void test_quarantine(void **state)
{
	static const char *const names[] = {"code", "marking", "code", "grade"};
	static const char *const values[] = {"H9", "TLP:WHITE", "H2",
					     "A2"}; /* unknown twice, then unlike the manifest */
	struct world *w = *state;
	char reason[EXCHANGE_REASON_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *j = whole(w, ID1);

		json_object_set_new(json_object_get(j, "handling"), names[i],
				    json_string(values[i]));
		assert_int_equal(raw(w, IT, "anna", REQUEST_MEDIA_TYPE, j, reason),
				 EXCHANGE_QUARANTINED);
	}
	assert_int_equal(w->net.node[FR].events[EXCHANGE_EV_QUARANTINE], 4);
	assert_int_equal(node_count(&w->net.node[FR], "SELECT COUNT(*) AS n FROM request"), 0);
}

static json_t *event_part(struct world *w, const char *id, const char *request, const char *event)
{
	char at[TIME_TEXT_MAX];

	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s}", "version", 1, "id", id, "request",
			 request, "event", event, "at", time_utc(world_now_s(w), at), "officer",
			 "paul", "text", "x");
}

static void step_refused(struct world *w, int from, const char *officer, json_t *part,
			 const char *why)
{
	char reason[EXCHANGE_REASON_MAX + 1];

	assert_int_equal(raw(w, from, officer, REQUEST_EVENT_MEDIA_TYPE, part, reason),
			 EXCHANGE_REFUSED);
	assert_string_equal(reason, why);
}

static void test_hostile_events(void **state)
{
	struct world *w = *state;
	char id[37], reason[EXCHANGE_REASON_MAX + 1];

	sent(w, "TRACE", "URGENT", id);
	step_refused(w, FR, "paul", event_part(w, ID1, ID1, "ack"), "noent");
	step_refused(w, FR, "paul", event_part(w, ID1, id, "accept"), "transition");
	step_refused(w, FR, "paul", event_part(w, ID1, id, "withdraw"),
		     "transition"); /* the other side's */
	step_refused(w, IT, "paul", event_part(w, ID1, id, "ack"), "transition");
	step_refused(w, FR, "peter", event_part(w, ID1, id, "ack"), "format"); /* not who signed */
	step_refused(w, FR, "paul", event_part(w, ID1, id, "approve"), "inval");
	step_refused(w, FR, "paul", with(event_part(w, ID1, id, "ack"), "!x", json_true()),
		     "field-unknown");
	both_are(w, id, "DELIVERED");
	assert_int_equal(
		raw(w, FR, "paul", REQUEST_EVENT_MEDIA_TYPE, event_part(w, ID1, id, "ack"), reason),
		EXCHANGE_ACCEPTED);
	state_is(w, IT, id, "ACKNOWLEDGED");
	step_refused(w, FR, "paul", event_part(w, ID1, id, "accept"),
		     "conflict"); /* an id is used once */
}

/* A question dated in 2099 would stop the clock of the requesting side until then. */
static void test_question_of_tomorrow(void **state)
{
	struct world *w = *state;
	char id[37], reason[EXCHANGE_REASON_MAX + 1];

	sent(w, "TRACE", "URGENT", id);
	assert_int_equal(
		raw(w, FR, "paul", REQUEST_EVENT_MEDIA_TYPE, event_part(w, ID1, id, "ack"), reason),
		EXCHANGE_ACCEPTED);
	assert_int_equal(raw(w, FR, "paul", REQUEST_EVENT_MEDIA_TYPE,
			     with(event_part(w, ID2, id, "clarify"), "at",
				  json_string("2099-01-01T00:00:00Z")),
			     reason),
			 EXCHANGE_ACCEPTED);
	state_is(w, IT, id, "CLARIFICATION");
	world_pass(w, 24 * 3600 + 301);
	world_settle(w);
	clock_is(w, IT, id, "answer", "running");
	world_pass(w, 8 * 3600);
	world_settle(w);
	assert_true(w->n[IT].rings[RING_LATE] > 0);
}

/* The nodes disagree (a store was tampered with): the step is refused with a signature, and people see it. */
static void test_step_refused_is_shown(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37];

	sent(w, "TRACE", "URGENT", id);
	assert_int_equal(store_exec(w->net.node[FR].store, "UPDATE request SET state = 'CLOSED'",
				    NO_VALS, &e),
			 1);
	act(w, IT, id, EVENT_WITHDRAW, text("no longer needed"));
	world_settle(w);
	state_is(w, IT, id, "WITHDRAWN");
	state_is(w, FR, id, "CLOSED");
	assert_true(has_flag(w, IT, id, "STEP-REFUSED"));
	assert_int_equal(w->n[IT].rings[RING_FAILED], 1);
	assert_int_equal(audit_count(w, IT, "%request.step-refused%transition%"), 1);
}

/* The peer is away: stored, and delivered when it comes back; away for good: undeliverable, and people are told. */
static void test_peer_away(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char id[37], other[37];

	w->net.cut[IT][FR] = true;
	draft(w, "TRACE", "PRIORITY", id);
	assert_int_equal(submit(w, &anna, id, &e), 0);
	nodes_pass(&w->net, 3600 * 1000, 60 * 1000);
	world_settle(w);
	state_is(w, IT, id, "SENT");
	assert_true(has_flag(w, IT, id, "OVERDUE")); /* no machine receipt within a minute */
	w->net.cut[IT][FR] = false;
	nodes_pass(&w->net, 600 * 1000, 10 * 1000);
	world_settle(w);
	both_are(w, id, "DELIVERED");
	w->net.cut[IT][FR] = true;
	draft(w, "TRACE", "URGENT", other);
	assert_int_equal(submit(w, &anna, other, &e), 0);
	nodes_pass(&w->net, INT64_C(3) * 86400 * 1000, 600 * 1000);
	world_settle(w);
	state_is(w, IT, other, "UNDELIVERABLE");
	assert_true(w->n[IT].rings[RING_FAILED] >= 1);
}

/* ---- lists ---- */

static json_t *list(struct world *w, const struct request_filter *f)
{
	json_t *out = NULL;
	struct err e = {0};

	if (request_list(w->n[IT].q, &anna, f, &out, &e) < 0)
		fail_msg("%s: %s", e.field, e.message);
	return out;
}

static void test_list_by_remaining_time(void **state)
{
	struct world *w = *state;
	char ids[4][37];
	_cleanup_(json_decrefp) json_t *all = NULL;
	const json_t *rows;

	sent(w, "TRACE", "ROUTINE", ids[3]);
	sent(w, "TRACE", "URGENT", ids[1]);
	sent(w, "TRACE", "PRIORITY", ids[2]);
	sent(w, "TRACE", "FLASH", ids[0]);
	all = list(w, &(struct request_filter){0});
	rows = json_object_get(all, "requests");
	assert_int_equal(json_array_size(rows), 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(text_at(json_array_get(rows, i), "id"), ids[i]);
	assert_null(json_object_get(all, "next"));
}

static void test_list_pages(void **state)
{
	struct world *w = *state;
	struct request_filter f = {.limit = 3};
	char id[37], next[128] = "";
	size_t seen = 0;

	for (int i = 0; i < 10; i++)
		draft(w, "TRACE", "URGENT", id); /* all with the same due time: the id decides */
	for (int page = 0; page < 4; page++) {
		_cleanup_(json_decrefp) json_t *j = list(w, &f);

		seen += json_array_size(json_object_get(j, "requests"));
		snprintf(next, sizeof(next), "%s", text_at(j, "next"));
		f.after = next;
	}
	assert_int_equal(seen, 10);
	assert_string_equal(next, "");
}

static void test_list_filters(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	json_t *out = NULL;
	char id[37];
	const struct request_filter good[] = {
		{.state = "DRAFT"}, {.class = "URGENT"},  {.type = "TRACE"},
		{.peer = "fr"},	    {.direction = "out"}, {.all = true},
	};
	const struct request_filter none[] = {
		{.state = "SENT"}, {.class = "FLASH"},	{.type = "INFO"},
		{.peer = "jp"},	   {.direction = "in"},
	};
	const struct request_filter bad[] = {
		{.state = "draft"},  {.class = "x"}, {.type = "x"},
		{.direction = "up"}, {.after = "x"}, {.after = "1:short"},
	};

	draft(w, "TRACE", "URGENT", id);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		_cleanup_(json_decrefp) json_t *j = list(w, &good[i]);
		assert_int_equal(json_array_size(json_object_get(j, "requests")), 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		_cleanup_(json_decrefp) json_t *j = list(w, &none[i]);
		assert_int_equal(json_array_size(json_object_get(j, "requests")), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(request_list(w->n[IT].q, &anna, &bad[i], &out, &e), -ERR_INVAL);
	assert_int_equal(request_list(w->n[IT].q, &anna,
				      &(struct request_filter){.limit = REQUEST_PAGE_MAX + 1}, &out,
				      &e),
			 -ERR_RANGE);
}

static void test_show_by_beginning(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	json_t *out = NULL;
	char id[37], other[37];

	draft(w, "TRACE", "URGENT", id);
	id[13] = '\0';
	assert_int_equal(request_show(w->n[IT].q, &anna, id, &out, &e), 0);
	json_decref(out);
	draft(w, "TRACE", "URGENT", other); /* the same millisecond */
	assert_int_equal(request_show(w->n[IT].q, &anna, id, &out, &e), -ERR_INVAL);
	assert_int_equal(request_show(w->n[IT].q, &anna, "0000", &out, &e), -ERR_INVAL);
	assert_int_equal(request_show(w->n[IT].q, &anna, "00000000", &out, &e), -ERR_NOENT);
	assert_int_equal(request_show(w->n[IT].q, &anna, "%%%%%%%%", &out, &e), -ERR_INVAL);
}

static void test_what_may_be_done(void **state)
{
	struct world *w = *state;
	char id[37];
	_cleanup_(json_decrefp) json_t *here = NULL;
	_cleanup_(json_decrefp) json_t *there = NULL;

	sent(w, "TRACE", "URGENT", id);
	here = show(w, IT, id);
	there = show(w, FR, id);
	assert_int_equal(json_array_size(json_object_get(here, "may")), 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(here, "may"), 0)),
			    "withdraw");
	assert_int_equal(json_array_size(json_object_get(there, "may")), 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(there, "may"), 0)),
			    "ack");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_freeze_flash),
		TEST(test_content_is_what_was_approved),
		TEST(test_outcome_travels),
		TEST(test_held_above_requested),
		TEST(test_no_second_person_needed),
		TEST(test_spontaneous_owes_nothing),
		TEST(test_withdrawal),
		TEST(test_every_refusal),
		TEST(test_transfer),
		TEST(test_powers),
		TEST(test_same_officer),
		TEST(test_author_cannot_approve),
		TEST(test_other_content),
		TEST(test_approval_once),
		TEST(test_approval_lapses),
		TEST(test_rejection_and_discard),
		TEST(test_denials_are_logged),
		TEST(test_withdraw_crosses_accept),
		TEST(test_expiry_crosses_answer),
		TEST(test_wrong_side),
		TEST(test_unknown_member),
		TEST(test_officer_limit),
		TEST(test_peer_limit),
		TEST(test_disk_full),
		TEST(test_hostile_requests),
		TEST(test_quarantine),
		TEST(test_hostile_events),
		TEST(test_question_of_tomorrow),
		TEST(test_step_refused_is_shown),
		TEST(test_peer_away),
		TEST(test_list_by_remaining_time),
		TEST(test_list_pages),
		TEST(test_list_filters),
		TEST(test_show_by_beginning),
		TEST(test_what_may_be_done),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
