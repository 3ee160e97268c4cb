/* SPDX-License-Identifier: Apache-2.0
 * Requests on a node that is set back to an old copy of its store: its steps and clocks come back as they were. */
#include "base/json.h"
#include "base/time.h"
#include "engine.h"
#include "wire/age.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

static void copy_path(const struct world *w, int i, char out[static 160])
{
	snprintf(out, 160, "%s.old", w->n[i].path);
}

static void keep_copy(struct world *w, int i)
{
	char path[160];

	copy_path(w, i, path);
	assert_int_equal(store_backup(w->net.node[i].store, path, NULL), 0);
}

/* Time for heads, recall and what comes again. */
static void let_pass(struct world *w)
{
	for (int n = 0; n < 30; n++) {
		world_pass(w, 10);
		world_settle(w);
	}
}

/* Whatever the node did since the copy is gone from it. */
static void put_back(struct world *w, int i)
{
	char path[160];

	copy_path(w, i, path);
	desk_close(w, i);
	assert_int_equal(rename(path, w->n[i].path), 0);
	desk_open(w, i);
	let_pass(w);
}

/* The reply to a question comes back before the question itself comes again: it waits for it, and the pause is what it was. */
static void test_reply_waits_for_its_question(void **state)
{
	ENGINE_SQLITE_ONLY();
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *c = NULL;
	char id[37];

	sent(w, "TRACE", "URGENT", id);
	keep_copy(w, IT);
	act(w, FR, id, EVENT_ACK, NULL);
	act(w, FR, id, EVENT_CLARIFY, text("which?"));
	world_settle(w);
	world_pass(w, 20);
	act(w, IT, id, EVENT_CLARIFIED, text("the second"));
	world_settle(w);
	world_pass(w, 20);
	act(w, FR, id, EVENT_ACCEPT, NULL);
	world_settle(w);
	both_are(w, id, "ACCEPTED");
	put_back(w, IT);
	both_are(w, id, "ACCEPTED");
	same_due(w, id, "answer");
	c = clock_of(w, IT, id, "answer");
	assert_int_equal(world_clock_s(c, "due_at") - world_clock_s(c, "started_at"),
			 8 * 3600 + 20);
	assert_int_equal(w->n[IT].rings[RING_FAILED], 0);
	assert_int_equal(node_count(&w->net.node[IT], "SELECT COUNT(*) AS n FROM request_early"),
			 0);
}

/* The request comes a second time to a node that was set back; its clocks count from the first delivery all the same. */
static void test_second_delivery_counts_from_the_first(void **state)
{
	ENGINE_SQLITE_ONLY();
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *first = NULL, *c = NULL;
	char id[37];

	draft(w, "TRACE", "URGENT", id);
	keep_copy(w, FR);
	assert_int_equal(submit(w, &anna, id, NULL), 0);
	world_settle(w);
	act(w, FR, id, EVENT_ACK, NULL);
	act(w, FR, id, EVENT_CLARIFY, text("which?"));
	world_settle(w);
	world_pass(w, 40);
	act(w, IT, id, EVENT_CLARIFIED, text("the second"));
	world_settle(w);
	first = clock_of(w, FR, id, "answer");
	put_back(w, FR);
	both_are(w, id, "ACKNOWLEDGED");
	same_due(w, id, "ack");
	same_due(w, id, "answer");
	clock_is(w, FR, id, "ack", "met");
	c = clock_of(w, FR, id, "answer");
	assert_string_equal(text_at(c, "started_at"), text_at(first, "started_at"));
	assert_string_equal(text_at(c, "due_at"), text_at(first, "due_at"));
	assert_int_equal(node_count(&w->net.node[IT],
				    "SELECT COUNT(*) AS n FROM exchange_receipt WHERE pending = 1"),
			 0);
}

static int away(void *ctx, const uint8_t share32[static 32],
		const uint8_t wrapped32[static AGE_WRAPPED_LEN],
		uint8_t ret_file_key16[static AGE_FILE_KEY_LEN], struct err *e)
{
	return -ERR_PIPE;
}

/* The peer has stored a step and cannot open it yet when the node that made it asks for it back. */
static void test_recall_of_what_is_not_opened(void **state)
{
	ENGINE_SQLITE_ONLY();
	struct world *w = *state;
	struct exchange_env *env = &w->net.node[IT].env;
	const struct exchange_env whole = *env;
	char id[37];

	sent(w, "TRACE", "URGENT", id);
	keep_copy(w, FR);
	env->unwrap = away;
	act(w, FR, id, EVENT_ACK, NULL);
	world_settle(w);
	state_is(w, IT, id, "DELIVERED");
	put_back(w, FR);
	state_is(w, FR, id, "DELIVERED");
	*env = whole;
	let_pass(w);
	both_are(w, id, "ACKNOWLEDGED");
	same_due(w, id, "ack");
	act(w, FR, id, EVENT_ACCEPT, NULL);
	world_settle(w);
	both_are(w, id, "ACCEPTED");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reply_waits_for_its_question),
		TEST(test_second_delivery_counts_from_the_first),
		TEST(test_recall_of_what_is_not_opened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
