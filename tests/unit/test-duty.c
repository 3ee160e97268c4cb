/* SPDX-License-Identifier: Apache-2.0
 * Tests of the duty desk: two nodes, people with channels that work or fail, alerts step by step, answers, silence, restarts. */
#include "base/file.h"
#include "base/time.h"
#include "duty/duty.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "request-world.h"

enum { RINGS_MAX = 256, STEP_S = 5 };

struct rung {
	uint64_t id;
	char channel[33], address[400], link[NOTIFY_LINK_MAX + 1], code[8],
		text[NOTIFY_TEXT_MAX + 1];
	int64_t at_s;
};
struct side {
	struct world *w;
	int i;
	struct duty *d;
	struct duty_env env;
	struct duty_options o;
	struct rung rungs[RINGS_MAX];
	size_t rungs_n, told_n;
	const char *broken; /* a channel that fails */
	bool cut;	    /* its duty notes do not get through */
	unsigned alarms;
	struct buf asked[8];
	int asked_to[8];
	size_t asked_n;
};
static struct side sides[WORLD_NODES];

/* ---- the outside ---- */

static int zone(void *ctx, const char *name, struct tz **ret)
{
	return tz_open(name, ret, NULL);
}

static int ring(void *ctx, const struct notify_message *m)
{
	struct side *s = ctx;
	struct rung *g = &s->rungs[s->rungs_n++ % RINGS_MAX];
	g->id = m->id;
	g->at_s = world_now_s(s->w);
	snprintf(g->channel, sizeof(g->channel), "%s", m->channel);
	snprintf(g->address, sizeof(g->address), "%s", m->address);
	snprintf(g->link, sizeof(g->link), "%s", m->link);
	snprintf(g->code, sizeof(g->code), "%s", m->code);
	snprintf(g->text, sizeof(g->text), "%s", m->text);
	return strcmp(m->channel, "none") == 0 ? -ERR_NOENT : 0;
}

static bool works(void *ctx, const char *channel)
{
	return strcmp(channel, "none") != 0;
}

static int ask(void *ctx, const char *peer, const void *note, size_t len)
{
	struct side *s = ctx;
	if (s->asked_n == 8)
		return -ERR_OFFLINE;
	buf_init(&s->asked[s->asked_n], DUTY_NOTE_MAX);
	buf_put(&s->asked[s->asked_n], note, len);
	s->asked_to[s->asked_n++] = strcmp(peer, "fr") ? IT : FR;
	return 0;
}

static void alarmed(void *ctx, bool wake, const char *text)
{
	((struct side *)ctx)->alarms++;
}

static void side_open(struct side *s)
{
	struct err e = {0};
	if (store_migrate(s->w->net.node[s->i].store, duty_schema(), 1, &e) < 0 ||
	    duty_open(s->w->net.node[s->i].x, s->w->n[s->i].q, &s->env, &s->o, &s->d, &e) < 0)
		fail_msg("%s: %s", e.field, e.message);
}

static void side_restart(struct side *s)
{
	s->d = duty_close(s->d);
	desk_restart(s->w, s->i);
	side_open(s);
}

static int setup(void **state)
{
	struct world *w = world_new();
	for (int i = 0; i < WORLD_NODES; i++) {
		struct side *s = &sides[i];
		*s = (struct side){.w = w, .i = i};
		s->env = (struct duty_env){s, zone, ring, works, ask, alarmed};
		snprintf(s->o.answer_url, sizeof(s->o.answer_url), "https://answer.example");
		side_open(s);
	}
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < WORLD_NODES; i++) {
		for (size_t k = 0; k < sides[i].asked_n; k++)
			buf_done(&sides[i].asked[k]);
		sides[i].d = duty_close(sides[i].d);
	}
	world_free(*state);
	return 0;
}

/* ---- a moment ---- */

static void tell(struct side *s)
{
	struct err e = {0};
	for (; s->told_n < s->rungs_n; s->told_n++) {
		const struct rung *g = &s->rungs[s->told_n % RINGS_MAX];
		bool failed = s->broken && !strcmp(s->broken, g->channel);
		if (duty_rung(s->d, g->id, failed ? -ERR_OFFLINE : 0, failed ? "no line" : "ok",
			      &e) < 0)
			fail_msg("%s", e.message);
	}
}

static void deliver(struct side *s)
{
	for (size_t k = 0; k < s->asked_n; k++) {
		struct side *to = &sides[s->asked_to[k]];
		_cleanup_(buf_done) struct buf reply;
		struct err e = {0};
		buf_init(&reply, DUTY_NOTE_MAX);
		if (!s->cut && !to->cut) {
			if (duty_note_take(to->d, s->w->net.node[s->i].name, s->asked[k].p,
					   s->asked[k].len, &e) < 0 ||
			    duty_note_make(to->d, &reply, &e) < 0 ||
			    duty_asked(s->d, s->w->net.node[to->i].name, reply.p, reply.len, &e) <
				    0)
				fail_msg("%s: %s", e.field, e.message);
		}
		buf_done(&s->asked[k]);
	}
	s->asked_n = 0;
}

static void settle(struct world *w)
{
	struct err e = {0};
	for (int round = 0; round < 4; round++) {
		world_settle(w);
		for (int i = 0; i < WORLD_NODES; i++) {
			if (duty_poll(sides[i].d, &e) < 0)
				fail_msg("%s: %s", e.field, e.message);
			tell(&sides[i]);
			deliver(&sides[i]);
		}
	}
}

static void pass(struct world *w, int64_t s)
{
	for (int64_t left = s; left > 0; left -= STEP_S) {
		world_pass(w, left < STEP_S ? left : STEP_S);
		settle(w);
	}
}

/* ---- the roster of the asked side ---- */

static void must(int r, const struct err *e)
{
	if (r < 0)
		fail_msg("%s: %s: %s", err_name(r), e->field, e->message);
}

static void person(struct duty *d, const char *officer, const char *one, const char *two)
{
	_cleanup_(json_decrefp) json_t *in =
		json_pack("{s:s, s:[s, s], s:[{s:s, s:s}, {s:s, s:s}]}", "officer", officer,
			  "languages", "fr", "en", "channels", "channel", one, "address", officer,
			  "channel", two, "address", officer);
	_cleanup_(json_decrefp) json_t *out = NULL;
	struct err e = {0};
	must(duty_person_set(d, &paul, in, &out, &e), &e);
}

static void seat(struct duty *d, const char *name, const char *officer, const char *fallback)
{
	_cleanup_(json_decrefp) json_t *in =
		json_pack("{s:s, s:s, s:b, s:s, s:[{s:s, s:s, s:s, s:s, s:[s]}]}", "seat", name,
			  "zone", "Europe/Paris", "flash", fallback[0] != 0, "fallback", fallback,
			  "layers", "layer", "all", "rotation", "daily", "from", "2026-01-01",
			  "handoff", "08:00", "people", officer);
	_cleanup_(json_decrefp) json_t *out = NULL;
	struct err e = {0};
	must(duty_seat_set(d, &paul, in, &out, &e), &e);
}

static void staff(struct duty *d)
{
	person(d, "paul", "sms", "mail");
	person(d, "second", "sms", "mail");
	person(d, "chief", "sms", "mail");
	person(d, "head", "sms", "mail");
	seat(d, "duty", "paul", "chief");
	seat(d, "second", "second", "");
	seat(d, "supervisor", "chief", "");
	seat(d, "head", "head", "");
}

static size_t rung_of(const struct side *s, const char *address, const char *channel)
{
	size_t n = 0;
	for (size_t i = 0; i < s->rungs_n; i++)
		n += !strcmp(s->rungs[i].address, address) &&
		     (!channel || !strcmp(s->rungs[i].channel, channel));
	return n;
}

static json_t *alert_of(struct side *s, const char *id)
{
	_cleanup_(json_decrefp) json_t *out = NULL;
	struct err e = {0};
	const json_t *v;
	size_t i;
	must(duty_alerts(s->d, true, &out, &e), &e);
	json_array_foreach (json_object_get(out, "alerts"), i, v)
		if (!strcmp(text_at(v, "alert"), id))
			return json_incref((json_t *)(uintptr_t)v);
	return NULL;
}

static void alert_is(struct side *s, const char *id, const char *side, const char *state)
{
	_cleanup_(json_decrefp) json_t *a = alert_of(s, id);
	assert_non_null(a);
	assert_string_equal(text_at(a, "side"), side);
	assert_string_equal(text_at(a, "state"), state);
}

/* ---- tests ---- */

/* Each line of the FLASH ladder at its second, then every five minutes, until a human answers. */
static void test_flash_ladder(void **state)
{
	struct world *w = *state;
	char id[37];
	staff(sides[FR].d);
	staff(sides[IT].d);
	sent(w, "FREEZE", "FLASH", id);
	settle(w);
	struct side *fr = &sides[FR];
	int64_t start = world_now_s(w);
	assert_int_equal(rung_of(fr, "paul", "sms"), 1);
	assert_int_equal(rung_of(fr, "paul", "mail"), 0);
	pass(w, 179);
	assert_int_equal(rung_of(fr, "paul", "mail"), 0);
	pass(w, 1);
	assert_int_equal(rung_of(fr, "paul", "mail"), 1);
	pass(w, 120);
	assert_int_equal(rung_of(fr, "second", "sms") + rung_of(fr, "second", "mail"), 2);
	pass(w, 180);
	assert_int_equal(rung_of(fr, "chief", "sms"), 1);
	pass(w, 119);
	assert_int_equal(rung_of(fr, "head", NULL), 0);
	assert_int_equal(sides[IT].rungs_n, 0);
	pass(w, 1);
	assert_int_equal(rung_of(fr, "head", "sms"), 1);
	assert_int_equal(rung_of(&sides[IT], "paul", "sms"),
			 1); /* the sender's duty officer, by the same clock */
	pass(w, 300);
	size_t before = rung_of(fr, "paul", NULL);
	pass(w, 300);
	assert_int_equal(rung_of(fr, "paul", NULL), before + 2);
	pass(w, 300);
	assert_int_equal(rung_of(fr, "paul", NULL), before + 4);
	assert_int_equal(world_now_s(w) - start, 1500);
	act(w, FR, id, EVENT_ACK, NULL);
	settle(w);
	alert_is(fr, id, "in", "held");
	alert_is(&sides[IT], id, "out", "held");
	act(w, FR, id, EVENT_ACCEPT, NULL);
	settle(w);
	alert_is(fr, id, "in", "over");
	alert_is(&sides[IT], id, "out", "over");
}

static void test_empty_step_is_skipped_at_once(void **state)
{
	struct world *w = *state;
	char id[37];
	person(sides[FR].d, "head", "sms", "mail");
	seat(sides[FR].d, "head", "head", "");
	sent(w, "FREEZE", "FLASH", id);
	settle(w);
	assert_int_equal(rung_of(&sides[FR], "head", "sms"),
			 1); /* nobody before: not after ten minutes */
	pass(w, 5);
	assert_int_equal(rung_of(&sides[FR], "head", "sms"), 1);
}

static void test_failing_channel_next_at_once(void **state)
{
	struct world *w = *state;
	char id[37];
	staff(sides[FR].d);
	sides[FR].broken = "sms";
	sent(w, "FREEZE", "FLASH", id);
	settle(w);
	assert_int_equal(rung_of(&sides[FR], "paul", "sms"), 1);
	assert_int_equal(rung_of(&sides[FR], "paul", "mail"), 1);
	_cleanup_(json_decrefp) json_t *a = alert_of(&sides[FR], id);
	assert_string_equal(text_at(json_array_get(json_object_get(a, "rings"), 0), "state"),
			    "failed");
	assert_string_equal(text_at(json_array_get(json_object_get(a, "rings"), 0), "why"),
			    "no line");
}

/* No channel at all works: the steps follow each other at once, to the last, which waits its turn. */
static void test_all_channels_fail(void **state)
{
	struct world *w = *state;
	char id[37];
	person(sides[FR].d, "paul", "none", "none");
	seat(sides[FR].d, "duty", "paul", "paul");
	sent(w, "FREEZE", "FLASH", id);
	settle(w);
	settle(w);
	size_t now = sides[FR].rungs_n;
	assert_true(now >= 3);
	pass(w, 30);
	assert_int_equal(sides[FR].rungs_n, now); /* no storm */
	pass(w, 300);
	assert_true(sides[FR].rungs_n > now);
}

static const char *token_of(const struct rung *g)
{
	const char *at = strstr(g->link, "/a/");
	assert_non_null(at);
	return at + 3;
}

static void test_answer_by_link_once(void **state)
{
	struct world *w = *state;
	char id[37], words[NOTIFY_TEXT_MAX + 1];
	struct err e = {0};
	staff(sides[FR].d);
	sent(w, "FREEZE", "FLASH", id);
	pass(w, 200);
	const struct rung *g = &sides[FR].rungs[0];
	assert_int_equal(duty_answer_token(sides[FR].d, token_of(g), true, words, &e), 0);
	assert_non_null(strstr(words, "FLASH"));
	state_is(w, FR, id, "DELIVERED"); /* looking is not answering */
	assert_int_equal(duty_answer_token(sides[FR].d, token_of(g), false, words, &e), 0);
	settle(w);
	both_are(w, id, "ACKNOWLEDGED");
	alert_is(&sides[FR], id, "in", "held");
	assert_int_equal(duty_answer_token(sides[FR].d, token_of(g), false, words, &e), -ERR_NOENT);
	assert_int_equal(
		duty_answer_token(sides[FR].d, token_of(&sides[FR].rungs[1]), false, words, &e),
		-ERR_NOENT);
	assert_int_equal(duty_answer_token(sides[FR].d, "00", false, words, &e), -ERR_NOENT);
	/* and without action it rings again after half an hour */
	size_t before = rung_of(&sides[FR], "paul", "sms");
	pass(w, 1795);
	assert_int_equal(rung_of(&sides[FR], "paul", "sms"), before);
	pass(w, 10);
	assert_int_equal(rung_of(&sides[FR], "paul", "sms"), before + 1);
	alert_is(&sides[FR], id, "in", "open");
}

static void test_answer_by_code(void **state)
{
	struct world *w = *state;
	char id[37];
	struct err e = {0};
	staff(sides[FR].d);
	sent(w, "FREEZE", "FLASH", id);
	settle(w);
	const struct rung *g = &sides[FR].rungs[0];
	char wrong[7] = "000000";
	if (!strcmp(g->code, wrong))
		wrong[0] = '1';
	/* whoever was not rung does not answer, and uses up nobody's tries */
	for (int i = 0; i < 10; i++)
		assert_int_equal(duty_answer_code(sides[FR].d, NULL, "someone-else", g->code, &e),
				 -ERR_NOENT);
	for (int i = 0; i < 5; i++)
		assert_int_equal(duty_answer_code(sides[FR].d, NULL, g->address, wrong, &e),
				 -ERR_NOENT);
	assert_int_equal(duty_answer_code(sides[FR].d, NULL, g->address, g->code, &e), -ERR_QUOTA);
	world_pass(w, 600);
	assert_int_equal(duty_answer_code(sides[FR].d, NULL, g->address, g->code, &e), 0);
	settle(w);
	both_are(w, id, "ACKNOWLEDGED");
}

static void test_all_must_answer(void **state)
{
	struct world *w = *state;
	char id[37];
	struct err e = {0};
	_cleanup_(json_decrefp) json_t *in =
		json_pack("{s:s, s:s, s:i, s:b, s:[{s:i, s:s}, {s:i, s:s}]}", "side", "in", "class",
			  "FLASH", "repeat_s", 300, "all_must_answer", 1, "steps", "after_s", 0,
			  "target", "seat:duty", "after_s", 0, "target", "seat:head");
	_cleanup_(json_decrefp) json_t *out = NULL;
	staff(sides[FR].d);
	must(duty_ladder_set(sides[FR].d, &paul, in, &out, &e), &e);
	sent(w, "FREEZE", "FLASH", id);
	settle(w);
	must(duty_answer_alert(sides[FR].d, "paul", id, &e), &e);
	settle(w);
	alert_is(&sides[FR], id, "in", "open");
	must(duty_answer_alert(sides[FR].d, "head", id, &e), &e);
	settle(w);
	alert_is(&sides[FR], id, "in", "held");
}

/* Deadlines are rows: the node is away over two steps, its wall clock steps, and nothing is lost. */
static void test_restart_and_clock_step(void **state)
{
	struct world *w = *state;
	char id[37];
	staff(sides[FR].d);
	sent(w, "FREEZE", "FLASH", id);
	settle(w);
	side_restart(&sides[FR]);
	world_pass(w, 310);
	side_restart(&sides[FR]);
	settle(w);
	assert_int_equal(rung_of(&sides[FR], "paul", "mail"), 1);
	assert_int_equal(rung_of(&sides[FR], "second", "sms"), 1);
	world_step_walls(w, -3600);
	settle(w);
	pass(w, 170);
	assert_int_equal(rung_of(&sides[FR], "chief", "sms"),
			 1); /* at 480 s, as if nothing had been */
	assert_int_equal(rung_of(&sides[FR], "head", "sms"), 0);
}

/* A copy of the store, made before the first steps, is put back: what was due meanwhile is made up for, and the ladder goes on. */
static void test_restore(void **state)
{
	struct world *w = *state;
	char id[37], copy[160];
	struct err e = {0};
	if (!w->n[FR].path[0] || getenv("LUG_TEST_STORE"))
		return; /* PostgreSQL has its own tools */
	snprintf(copy, sizeof(copy), "%s/copy.db", w->dir);
	staff(sides[FR].d);
	sent(w, "FREEZE", "FLASH", id);
	settle(w);
	must(store_backup(w->net.node[FR].store, copy, &e), &e);
	pass(w, 320);
	assert_int_equal(rung_of(&sides[FR], "second", "sms"), 1);
	sides[FR].d = duty_close(sides[FR].d);
	desk_close(w, FR);
	char wal[200];
	snprintf(wal, sizeof(wal), "%s-wal", w->n[FR].path);
	(void)unlink(wal);
	assert_int_equal(rename(copy, w->n[FR].path), 0);
	desk_open(w, FR);
	side_open(&sides[FR]);
	settle(w);
	alert_is(&sides[FR], id, "in", "open");
	assert_int_equal(rung_of(&sides[FR], "second", "sms"),
			 2); /* again: nobody knows that it was done */
	pass(w, 165);
	assert_int_equal(rung_of(&sides[FR], "chief", "sms"), 1);
}

/* Their node does not take it: our people are told, with the number to call, and the ladder goes on at our side. */
static void test_silent_receiver(void **state)
{
	struct world *w = *state;
	char id[37], hash[65];
	struct err e = {0};
	staff(sides[IT].d);
	staff(sides[FR].d);
	w->net.cut[IT][FR] = w->net.cut[FR][IT] = true;
	draft(w, "FREEZE", "FLASH", id);
	must(submit(w, &anna, id, &e), &e);
	hash_of(w, id, hash);
	must(approve(w, &bruno, id, hash, &e), &e);
	settle(w);
	pass(w, 119);
	assert_int_equal(rung_of(&sides[IT], "paul", NULL), 0);
	pass(w, 2);
	alert_is(&sides[IT], id, "silent", "open");
	assert_int_equal(rung_of(&sides[IT], "paul", NULL), 2);
	assert_non_null(strstr(sides[IT].rungs[0].text, "+"));
	pass(w, 370);
	assert_int_equal(rung_of(&sides[IT], "chief", "sms"), 1);
	w->net.cut[IT][FR] = w->net.cut[FR][IT] = false;
	pass(w, 60);
	alert_is(&sides[IT], id, "out", "open"); /* it got through: their clock now */
	alert_is(&sides[FR], id, "in", "open");
}

static json_t *member_of(struct side *s)
{
	_cleanup_(json_decrefp) json_t *out = NULL;
	struct err e = {0};
	must(duty_members(s->d, &out, &e), &e);
	return json_incref(json_array_get(json_object_get(out, "members"), 0));
}

static void test_who_answers_and_silence(void **state)
{
	struct world *w = *state;
	staff(sides[FR].d);
	staff(sides[IT].d);
	pass(w, 60);
	_cleanup_(json_decrefp) json_t *m = member_of(&sides[IT]);
	const json_t *note = json_object_get(m, "note");
	assert_true(json_is_true(json_object_get(note, "valid")));
	const json_t *first = json_array_get(json_object_get(note, "seats"), 0);
	assert_string_equal(text_at(first, "seat"), "duty");
	assert_string_equal(text_at(first, "state"), "on");
	assert_string_equal(text_at(first, "zone"), "Europe/Paris");
	assert_string_equal(text_at(first, "languages"), "fr en");
	assert_string_equal(text_at(first, "name"), ""); /* the owner does not allow it */
	size_t before = sides[IT].rungs_n;
	sides[FR].cut = true;
	pass(w, 65);
	assert_int_equal(sides[IT].rungs_n, before);
	pass(w, 90);
	_cleanup_(json_decrefp) json_t *silent = member_of(&sides[IT]);
	assert_true(json_is_true(json_object_get(silent, "silent")));
	assert_true(sides[IT].rungs_n > before);
	alert_is(&sides[IT], "watch:fr", "watch", "open");
	sides[FR].cut = false;
	pass(w, 60);
	alert_is(&sides[IT], "watch:fr", "watch", "over");
}

static void test_hostile_notes(void **state)
{
	struct world *w = *state;
	_cleanup_(buf_done) struct buf note;
	struct err e = {0};
	buf_init(&note, DUTY_NOTE_MAX);
	staff(sides[FR].d);
	must(duty_note_make(sides[FR].d, &note, &e), &e);
	assert_int_equal(duty_note_take(sides[IT].d, "fr", note.p, note.len, &e), 0);
	assert_int_equal(duty_note_take(sides[IT].d, "it", note.p, note.len, &e), -ERR_CONFLICT);
	assert_int_equal(duty_note_take(sides[IT].d, "fr", note.p, note.len - 1, &e), -ERR_FORMAT);
	char *on = strstr((char *)note.p, "duty on");
	assert_non_null(on);
	on[5] = 'i';
	assert_int_equal(duty_note_take(sides[IT].d, "fr", note.p, note.len, &e), -ERR_SIGNATURE);
	on[5] = 'o';
	world_pass(w, 700);
	assert_int_equal(duty_note_take(sides[IT].d, "fr", note.p, note.len, &e), -ERR_EXPIRED);
}

static void test_drill(void **state)
{
	struct world *w = *state;
	_cleanup_(json_decrefp) json_t *out = NULL, *here = NULL, *there = NULL;
	char id[37];
	struct err e = {0};
	staff(sides[FR].d);
	must(duty_drill(sides[IT].d, &anna, "fr", &out, &e), &e);
	snprintf(id, sizeof(id), "%s", text_at(out, "id"));
	settle(w);
	assert_int_equal(rung_of(&sides[FR], "paul", "sms"), 1);
	assert_non_null(strstr(sides[FR].rungs[0].text, "EXERCICE"));
	pass(w, 45);
	must(duty_answer_code(sides[FR].d, NULL, NULL, sides[FR].rungs[0].code, &e), &e);
	settle(w);
	must(duty_drills(sides[IT].d, &here, &e), &e);
	must(duty_drills(sides[FR].d, &there, &e), &e);
	const json_t *a = json_array_get(json_object_get(here, "drills"), 0);
	const json_t *b = json_array_get(json_object_get(there, "drills"), 0);
	assert_string_equal(text_at(a, "request"), id);
	assert_string_equal(text_at(a, "direction"), "out");
	assert_int_equal(json_integer_value(json_object_get(a, "seconds")), 45);
	assert_int_equal(json_integer_value(json_object_get(b, "seconds")), 45);
	pass(w, 130); /* their note now says it, ours does not say theirs */
	_cleanup_(json_decrefp) json_t *m = member_of(&sides[IT]);
	const json_t *drill = json_object_get(json_object_get(m, "note"), "drill");
	assert_int_equal(json_integer_value(json_object_get(drill, "seconds")), 45);
	_cleanup_(json_decrefp) json_t *own = member_of(&sides[FR]);
	assert_true(json_is_null(json_object_get(json_object_get(own, "note"), "drill")));
}

/* 90 days amber, 180 red and not rung; a person who has called makes it fresh. */
static void test_contacts_grow_old(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	pass(w, 35);
	for (int age = 0; age < 2; age++) {
		w->net.now_ms += (int64_t)91 * 86400 * 1000;
		_cleanup_(json_decrefp) json_t *m = member_of(&sides[IT]);
		const json_t *c = json_array_get(json_object_get(m, "contacts"), 0);
		assert_string_equal(text_at(c, "state"), age ? "red" : "amber");
	}
	must(duty_contact_verify(sides[IT].d, &anna, "fr", 1, &e), &e);
	assert_int_equal(duty_contact_verify(sides[IT].d, &anna, "fr", 9, &e), -ERR_NOENT);
	_cleanup_(json_decrefp) json_t *m = member_of(&sides[IT]);
	assert_string_equal(text_at(json_array_get(json_object_get(m, "contacts"), 0), "state"),
			    "fresh");
}

/* ---- what may not be saved ---- */

static void test_refusals(void **state)
{
	static const struct {
		const char *json;
		int code;
		const char *field;
	} bad[] = {
		{"{\"seat\":\"duty\",\"zone\":\"Europe/Paris\",\"flash\":true}", -ERR_FIELD_MISSING,
		 "fallback"},
		{"{\"seat\":\"duty\",\"zone\":\"Europe/Paris\",\"flash\":true,\"fallback\":\"nobody\"}",
		 -ERR_NOENT, "fallback"},
		{"{\"seat\":\"duty\",\"zone\":\"Europe/Paris\",\"flash\":true,\"fallback\":\"mute\"}",
		 -ERR_FIELD_MISSING, "fallback"},
		{"{\"seat\":\"duty\",\"zone\":\"Mars/Olympus\"}", -ERR_NOENT, "zone"},
		{"{\"seat\":\"duty\",\"zone\":\"../../etc/passwd\"}", -ERR_INVAL, "zone"},
		{"{\"seat\":\"Duty Desk\",\"zone\":\"UTC\"}", -ERR_INVAL, "seat"},
		{"{\"seat\":\"duty\",\"zone\":\"UTC\",\"colour\":1}", -ERR_FIELD_UNKNOWN, "colour"},
		{"{\"seat\":\"duty\",\"zone\":\"UTC\",\"layers\":[{\"layer\":\"a\",\"rotation\":\"hourly\",\"every\":5,\"handoff\":\"00:00\",\"from\":\"2026-01-01\",\"people\":[\"mute\"]}]}",
		 -ERR_INVAL, "every"},
		{"{\"seat\":\"duty\",\"zone\":\"UTC\",\"layers\":[{\"layer\":\"a\",\"rotation\":\"daily\",\"handoff\":\"25:00\",\"from\":\"2026-01-01\",\"people\":[\"mute\"]}]}",
		 -ERR_RANGE, "handoff"},
		{"{\"seat\":\"duty\",\"zone\":\"UTC\",\"layers\":[{\"layer\":\"a\",\"rotation\":\"daily\",\"handoff\":\"08:00\",\"from\":\"2026-02-30\",\"people\":[\"mute\"]}]}",
		 -ERR_FORMAT, "from"},
		{"{\"seat\":\"duty\",\"zone\":\"UTC\",\"layers\":[{\"layer\":\"a\",\"rotation\":\"daily\",\"handoff\":\"08:00\",\"from\":\"2026-01-01\",\"people\":[]}]}",
		 -ERR_FIELD_MISSING, "people"},
		{"{\"seat\":\"duty\",\"zone\":\"UTC\",\"layers\":[{\"layer\":\"a\",\"rotation\":\"custom\",\"cycle\":1,\"handoffs\":[{\"day\":0,\"at\":\"08:00\"},{\"day\":0,\"at\":\"08:30\"}],\"from\":\"2026-01-01\",\"people\":[\"mute\"]}]}",
		 -ERR_INVAL, "handoffs"},
	};
	struct err e = {0};
	_cleanup_(json_decrefp) json_t *mute =
		json_pack("{s:s, s:[]}", "officer", "mute", "channels");
	_cleanup_(json_decrefp) json_t *out = NULL;
	must(duty_person_set(sides[FR].d, &paul, mute, &out, &e), &e);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_cleanup_(json_decrefp) json_t *in = NULL, *never = NULL;
		must(json_parse(bad[i].json, strlen(bad[i].json), &in, &e), &e);
		int r = duty_seat_set(sides[FR].d, &paul, in, &never, &e);
		if (r != bad[i].code || strcmp(e.field, bad[i].field) != 0)
			fail_msg("%s: %s %s", bad[i].json, err_name(r), e.field);
		assert_null(never);
	}
}

static size_t findings(struct duty *d, const char *kind)
{
	_cleanup_(json_decrefp) json_t *out = NULL;
	struct err e = {0};
	const json_t *f;
	size_t i, n = 0;
	must(duty_coverage(d, 30, &out, &e), &e);
	json_array_foreach (json_object_get(out, "findings"), i, f)
		n += !strcmp(text_at(f, "finding"), kind);
	return n;
}

static void test_coverage_and_changes(void **state)
{
	struct world *w = *state;
	struct duty *d = sides[FR].d;
	struct err e = {0};
	char from[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
	person(d, "paul", "sms", "mail");
	person(d, "head", "none", "none");
	person(d, "chief", "sms", "sms");
	seat(d, "duty", "paul", "");
	assert_int_equal(findings(d, "gap"), 0);
	assert_int_equal(findings(d, "single"), 1);
	seat(d, "late", "head", "");
	assert_int_equal(findings(d, "no-channel"), 1);
	seat(d, "late", "chief", "paul");
	assert_int_equal(findings(d, "one-channel"), 1);
	time_utc(world_now_s(w) + 86400, from);
	time_utc(world_now_s(w) + 90000, until);
	_cleanup_(json_decrefp) json_t *away =
		json_pack("{s:s, s:s, s:s}", "person", "paul", "from", from, "until", until);
	_cleanup_(json_decrefp) json_t *a = NULL, *b = NULL, *c = NULL;
	must(duty_absences_set(d, &paul, away, &a, &e), &e);
	assert_int_equal(findings(d, "gap"), 1);
	_cleanup_(json_decrefp) json_t *add =
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "seat", "duty", "kind", "add", "person",
			  "chief", "from", from, "until", until);
	must(duty_changes_add(d, &paul, add, &b, &e), &e);
	assert_int_equal(findings(d, "gap"), 0);
	int64_t id = json_integer_value(
		json_object_get(json_array_get(json_object_get(b, "changes"), 0), "id"));
	must(duty_change_remove(d, &paul, id, &e), &e);
	assert_int_equal(findings(d, "gap"), 1);
	assert_int_equal(duty_change_remove(d, &paul, id, &e), -ERR_NOENT);
	_cleanup_(json_decrefp) json_t *swap =
		json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "seat", "duty", "kind", "swap", "layer",
			  "all", "shift", 400, "person", "chief", "with", "head");
	assert_int_equal(duty_changes_add(d, &paul, swap, &c, &e), -ERR_STALE);
}

/* ---- lines and texts ---- */

static void test_lines(void **state)
{
	_cleanup_(buf_done) struct buf out;
	char copy[NOTIFY_LINE_MAX];
	struct notify_message m = {7, "sms", "+39060", "", "123456", "FLASH request"}, got;
	struct notify_reply reply;
	buf_init(&out, 4096);
	assert_int_equal(notify_send_line(&m, &out), 0);
	assert_string_equal(buf_cstr(&out), "send 7 +39060 - 123456 FLASH request\n");
	assert_int_equal(notify_send_parse((char *)out.p, out.len - 1, copy, &got), 0);
	assert_int_equal(got.id, 7);
	assert_string_equal(got.address, "+39060");
	assert_string_equal(got.link, "");
	assert_string_equal(got.text, "FLASH request");
	m.address = "two words";
	assert_int_equal(notify_send_line(&m, &out), -ERR_INVAL);
	assert_int_equal(notify_reply_parse("ready 2 x", 9, &reply), -ERR_VERSION);
	assert_int_equal(notify_reply_parse("failed 9 no route", 17, &reply), 0);
	assert_int_equal(reply.verb, NOTIFY_FAILED);
	assert_string_equal(reply.words, "no route");
	assert_int_equal(notify_reply_parse("reply +39060 123456", 19, &reply), 0);
	assert_string_equal(reply.code, "123456");
	assert_int_equal(notify_reply_parse("reply +39060 1234567", 20, &reply), -ERR_OVERSIZE);
	assert_int_equal(notify_reply_parse("exec rm", 7, &reply), -ERR_FORMAT);
	assert_int_equal(notify_reply_parse("sent x", 6, &reply), -ERR_FORMAT);
}

static void test_conf(void **state)
{
	static struct notify_channel c[NOTIFY_CHANNELS_MAX];
	static const char text[] =
		"# who\nmail lug-notify-smtp url=smtp://[::1]:25  from=a@b\n\nsms /usr/bin/sms\n";
	struct err e = {0};
	assert_int_equal(notify_conf_parse(text, sizeof(text) - 1, c, &e), 2);
	assert_string_equal(c[0].name, "mail");
	assert_int_equal(c[0].args_n, 3);
	assert_string_equal(c[0].args[2], "from=a@b");
	assert_string_equal(c[1].args[0], "/usr/bin/sms");
	assert_int_equal(notify_conf_parse("sms a\nsms b\n", 12, c, &e), -ERR_DUPLICATE);
	assert_int_equal(notify_conf_parse("sms\n", 4, c, &e), -ERR_FORMAT);
	assert_int_equal(notify_conf_parse("SMS a\n", 6, c, &e), -ERR_FORMAT);
	assert_int_equal(notify_conf_parse("sms a", 5, c, &e), -ERR_FORMAT);
}

/* No word of the request in anything that is rung, in any language, to anybody. */
static void test_no_case_content(void **state)
{
	static const char *const words[] = {"PROC",	  "114",	"Postal", "police",
					    "ransomware", "estorsione", "fatti",  "proceeds",
					    "moves",	  "f4184fc5",	"bip122", "4000000000",
					    "FREEZE",	  "anna",	"bruno",  "case"};
	struct world *w = *state;
	char id[37];
	staff(sides[FR].d);
	staff(sides[IT].d);
	sent(w, "FREEZE", "FLASH", id);
	pass(w, 1300);
	assert_true(sides[FR].rungs_n > 8);
	for (int i = 0; i < WORLD_NODES; i++)
		for (size_t k = 0; k < sides[i].rungs_n; k++)
			for (size_t n = 0; n < ARRAY_LEN(words); n++)
				if (strstr(sides[i].rungs[k].text, words[n]))
					fail_msg("\"%s\" went out: %s", words[n],
						 sides[i].rungs[k].text);
	static const char *const tags[] = {"en", "fr", "it", "de", "ja", "xx"};
	for (size_t t = 0; t < ARRAY_LEN(tags); t++)
		for (int what = 0; what < NOTIFY_WHATS; what++) {
			struct roster_languages l = {.n = 1};
			char out[NOTIFY_TEXT_MAX + 1];
			snprintf(l.list[0], sizeof(l.list[0]), "%s", tags[t]);
			notify_text((enum notify_what)what, &l, "REF", "FLASH", "IT", "+39", out);
			assert_non_null(strstr(out, "IT"));
			assert_null(strchr(out, '{'));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_flash_ladder),
		T(test_empty_step_is_skipped_at_once),
		T(test_failing_channel_next_at_once),
		T(test_all_channels_fail),
		T(test_answer_by_link_once),
		T(test_answer_by_code),
		T(test_all_must_answer),
		T(test_restart_and_clock_step),
		T(test_restore),
		T(test_silent_receiver),
		T(test_who_answers_and_silence),
		T(test_hostile_notes),
		T(test_drill),
		T(test_contacts_grow_old),
		T(test_refusals),
		T(test_coverage_and_changes),
		T(test_no_case_content),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_conf),
#undef T
	};
	return cmocka_run_group_tests_name("duty", tests, NULL, NULL);
}
