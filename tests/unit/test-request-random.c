/* SPDX-License-Identifier: Apache-2.0
 * Two nodes whose people do anything at any time while the line is cut, time passes and nodes restart: when all is healed, both
 * hold the same states and the same deadlines, and no step was refused by the other side. */
#include "base/json.h"
#include "base/time.h"
#include "exchange/request.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "request-world.h"

enum { SEEDS = 12, STEPS = 120, REQUESTS_MAX = 8, PASS_MAX_S = 1200 };

struct life {
	struct world *w;
	struct prng rng;
	char ids[REQUESTS_MAX][37];
	size_t ids_n;
	unsigned made[EVENT_N]; /* steps that went through */
};

/* What a step needs, whichever it is. */
static json_t *anything(struct life *l, enum request_event event)
{
	json_t *in = event == EVENT_ANSWER ? outcome(l->w, "voluntary-hold", "1500000000")
					   : text("words");

	if (event == EVENT_REFUSE)
		json_object_set_new(
			in, "ground",
			json_string(request_ground_row(prng_below(&l->rng, GROUND_N))->text));
	if (event == EVENT_REFUSE || event == EVENT_TRANSFER)
		json_object_set_new(in, "to",
				    json_pack("{s:s, s:s}", "name", "A court", "country", "FR"));
	return in;
}

static void begin(struct life *l)
{
	static const char *const classes[] = {"FLASH", "URGENT", "PRIORITY", "ROUTINE"};
	struct world *w = l->w;
	struct err e = {0};
	char hash[65], *id = l->ids[l->ids_n];

	if (l->ids_n == REQUESTS_MAX)
		return;
	draft(w, "FREEZE", classes[prng_below(&l->rng, ARRAY_LEN(classes))], id);
	hash_of(w, id, hash);
	if (submit(w, &anna, id, &e) < 0 || approve(w, &bruno, id, hash, &e) < 0)
		fail_msg("%s: %s", e.field, e.message);
	l->ids_n++;
}

/* One of the steps that the node says are possible; ends only now and then, or nothing lives long enough to cross. */
static bool choose(struct life *l, int node, const char *id, enum request_event *ret)
{
	json_t *j = NULL;
	const struct actor *a = node == IT ? &anna : &paul;
	int r = request_show(l->w->n[node].q, a, id, &j, NULL);
	_cleanup_(json_decrefp) json_t *owned = r < 0 ? NULL : j;
	const json_t *may = json_object_get(owned, "may");
	size_t n = json_array_size(may);

	if (r < 0) /* not there yet */
		assert_int_equal(r, -ERR_NOENT);
	if (!n)
		return false;
	assert_int_equal(
		request_event_parse(json_string_value(json_array_get(may, prng_below(&l->rng, n))),
				    ret),
		0);
	return (*ret != EVENT_WITHDRAW && *ret != EVENT_REFUSE && *ret != EVENT_CLOSE) ||
	       prng_chance(&l->rng, 1, 6);
}

static void step(struct life *l)
{
	int node = (int)prng_below(&l->rng, WORLD_NODES);
	const char *id = l->ids[l->ids_n ? prng_below(&l->rng, l->ids_n) : 0];
	enum request_event event;

	if (!l->ids_n || !choose(l, node, id, &event))
		return;
	act(l->w, node, id, event, anything(l, event));
	l->made[event]++;
}

static void world_event(struct life *l)
{
	struct world *w = l->w;
	bool cut;

	switch (prng_below(&l->rng, 8)) {
	case 0:
		cut = !w->net.cut[IT][FR];
		w->net.cut[IT][FR] = w->net.cut[FR][IT] = cut;
		break;
	case 1:
		desk_restart(w, (int)prng_below(&l->rng, WORLD_NODES));
		break;
	case 2:
	case 3:
		world_pass(w, 1 + (int64_t)prng_below(&l->rng, PASS_MAX_S));
		break;
	case 4:
		begin(l);
		break;
	default:
		world_settle(w);
	}
}

static void same_clock(struct life *l, const char *id, const char *kind)
{
	_cleanup_(json_decrefp) json_t *here = clock_of(l->w, IT, id, kind);
	_cleanup_(json_decrefp) json_t *there = clock_of(l->w, FR, id, kind);

	assert_int_equal(!here, !there);
	if (here)
		assert_string_equal(text_at(here, "due_at"), text_at(there, "due_at"));
}

static void check_healed(struct life *l)
{
	static const char *const kinds[] = {"ack", "answer", "term"};

	for (size_t i = 0; i < l->ids_n; i++) {
		_cleanup_(json_decrefp) json_t *here = show(l->w, IT, l->ids[i]);
		_cleanup_(json_decrefp) json_t *there = show(l->w, FR, l->ids[i]);
		const char *state = text_at(here, "state");

		assert_string_equal(state, text_at(there, "state"));
		assert_false(has_flag(l->w, IT, l->ids[i], "STEP-REFUSED"));
		assert_false(has_flag(l->w, FR, l->ids[i], "STEP-REFUSED"));
		for (size_t k = 0; k < ARRAY_LEN(kinds) && strcmp(state, "WITHDRAWN") != 0; k++)
			same_clock(l, l->ids[i], kinds[k]);
	}
}

static void test_any_life_heals(void **state)
{
	unsigned made[EVENT_N] = {0};

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct life l = {.w = world_new()};

		prng_init(&l.rng, seed);
		for (int i = 0; i < STEPS; i++) {
			step(&l);
			world_event(&l);
		}
		l.w->net.cut[IT][FR] = l.w->net.cut[FR][IT] = false;
		nodes_pass(&l.w->net, 1800 * 1000, 30 * 1000); /* past every back-off */
		world_settle(l.w);
		check_healed(&l);
		for (unsigned v = 0; v < EVENT_N; v++)
			made[v] += l.made[v];
		world_free(l.w);
	}
	for (unsigned v = 0; v < EVENT_N; v++) /* the test has met every step that a person makes */
		if (request_event_on_wire(v) && request_event_by_person(v))
			assert_true(made[v] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_life_heals),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
