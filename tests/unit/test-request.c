/* SPDX-License-Identifier: Apache-2.0
 * Tests of the pure parts of requests: the table, the JSON parts, asset blocks, outcomes. */
#include "base/json.h"
#include "crypto/crypto.h"
#include "exchange/exchange.h"
#include "exchange/request-doc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BTC "bip122:000000000019d6689c085ae165831e93"
#define GENESIS_ADDRESS "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
#define TXID "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
#define BLOCK_HASH "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee"

/* ---- the table ---- */

enum when { ANY, LATE };
enum condition { ALWAYS, FOUR_EYES, ONE_PERSON, REPLY, NO_REPLY, CURRENT };
struct move {
	enum request_state from;
	enum request_event event;
	enum request_state to;
	enum when when;
	enum condition condition;
};
static const struct move moves[] = {
#define REQUEST_MOVE(from, event, to, when, condition) \
	{STATE_##from, EVENT_##event, STATE_##to, when, condition},
#include "exchange/requests.def"
};

static const struct move *move_find(enum request_state from, enum request_event event)
{
	const struct move *found = NULL;

	for (size_t i = 0; i < ARRAY_LEN(moves); i++)
		if (moves[i].from == from && moves[i].event == event) {
			assert_null(found); /* one row for each pair */
			found = &moves[i];
		}
	return found;
}

static bool expected_legal(const struct move *m, const struct request_step *s)
{
	bool two = s->type == TYPE_FREEZE || s->class == CLASS_FLASH;
	bool reply = s->type != TYPE_SPONTANEOUS;

	if (!m || (m->when == LATE && !s->arrived))
		return false;
	return m->condition == ALWAYS || m->condition == CURRENT ||
	       (m->condition == FOUR_EYES && two) || (m->condition == ONE_PERSON && !two) ||
	       (m->condition == REPLY && reply) || (m->condition == NO_REPLY && !reply);
}

/* Every state, event, way, type, class and currency: legal exactly where a row says so. */
static void test_table_exhaustive(void **state)
{
	unsigned legal = 0, illegal = 0;

	for (unsigned i = 0; i < STATE_N * EVENT_N * 2 * 2 * TYPE_N * CLASS_N; i++) {
		struct request_step s = {
			.from = i % STATE_N,
			.event = i / STATE_N % EVENT_N,
			.arrived = i / STATE_N / EVENT_N % 2,
			.current = i / STATE_N / EVENT_N / 2 % 2,
			.type = i / STATE_N / EVENT_N / 4 % TYPE_N,
			.class = i / STATE_N / EVENT_N / 4 / TYPE_N,
		};
		const struct move *m = move_find(s.from, s.event);
		enum request_state to = STATE_N;
		int r = request_move(&s, &to);

		if (expected_legal(m, &s)) {
			assert_int_equal(r, 0);
			assert_int_equal(to,
					 m->condition == CURRENT && !s.current ? s.from : m->to);
			legal++;
		} else {
			assert_int_equal(r, -ERR_TRANSITION);
			assert_int_equal(to, STATE_N); /* untouched */
			illegal++;
		}
	}
	assert_true(legal > 1000);
	assert_true(illegal > legal);
}

/* What the prose of the table promises. */
static void test_table_sense(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		const struct move *m = &moves[i];
		bool final = request_state_row(m->from)->flags & STATE_FINAL;

		if (final)
			assert_int_equal(m->when, LATE);
		if (m->when == LATE) /* only what travels can cross */
			assert_true(request_event_on_wire(m->event));
	}
	for (unsigned s = 0; s < STATE_N; s++) {
		unsigned out = 0, in = s == STATE_DRAFT;

		for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
			out += moves[i].from == s && moves[i].to != s && moves[i].when == ANY;
			in += moves[i].to == s && moves[i].from != s;
		}
		assert_true(in);
		if (request_state_row(s)->flags & STATE_FINAL)
			assert_int_equal(out, 0);
		else
			assert_true(out); /* nobody is stuck */
	}
}

/* Two nodes, both ways in order but at any speed, up to three steps on the way each, delivery known late or thought to have
 * failed: whatever they do, no step that arrives is illegal, and once nothing is on the way both are in the same state. */
enum { WAY_MAX = 3, QUESTIONS_MAX = 2, PAIRS_MAX = 1 << 20 };
struct way {
	uint8_t n, event[WAY_MAX], question[WAY_MAX];
};
struct pair {
	uint8_t origin, receiver, origin_question, receiver_question, questions, known;
	struct way out, back;
};
struct model {
	enum request_type type;
	struct pair *todo;
	size_t todo_n, seen_n;
	uint64_t *seen; /* open addressing, hashes of pairs */
};

static uint64_t pair_hash(const struct pair *p)
{
	uint8_t hash[32];
	uint64_t h;

	sha256(p, sizeof(*p), hash);
	memcpy(&h, hash, sizeof(h));
	return h ? h : 1;
}

static void model_push(struct model *m, const struct pair *p)
{
	uint64_t h = pair_hash(p);
	size_t i = h % (2 * PAIRS_MAX);

	while (m->seen[i] && m->seen[i] != h)
		i = (i + 1) % (2 * PAIRS_MAX);
	if (m->seen[i] == h)
		return;
	m->seen[i] = h;
	assert_true(++m->seen_n < PAIRS_MAX);
	m->todo[m->todo_n++] = *p;
}

static int model_move(const struct model *m, enum request_state from, enum request_event event,
		      bool arrived, bool current, uint8_t *ret)
{
	const struct request_step s = {from, event, m->type, CLASS_ROUTINE, arrived, current};
	enum request_state to;
	int r = request_move(&s, &to);

	if (r == 0)
		*ret = (uint8_t)to;
	return r;
}

static void model_make(struct model *m, const struct pair *p, enum request_event event)
{
	bool origin = request_event_row(event)->side == SIDE_ORIGIN;
	struct pair next = *p;
	struct way *way = origin ? &next.out : &next.back;
	uint8_t *own = origin ? &next.origin : &next.receiver;

	if (way->n == WAY_MAX || (event == EVENT_CLARIFY && p->questions == QUESTIONS_MAX) ||
	    model_move(m, *own, event, false, true, own) < 0)
		return;
	if (event == EVENT_CLARIFY)
		next.receiver_question = ++next.questions;
	way->event[way->n] = (uint8_t)event;
	way->question[way->n++] = origin ? next.origin_question : next.receiver_question;
	model_push(m, &next);
}

static void way_shift(struct way *w)
{
	w->n--;
	memmove(w->event, w->event + 1, w->n);
	memmove(w->question, w->question + 1, w->n);
	w->event[w->n] = w->question[w->n] = 0;
}

static void model_arrive(struct model *m, const struct pair *p, bool out)
{
	struct pair next = *p;
	struct way *way = out ? &next.out : &next.back;
	enum request_event event = way->event[0];
	bool current = !out || way->question[0] == p->receiver_question;
	uint8_t *state = out ? &next.receiver : &next.origin;

	if (!way->n)
		return;
	if (model_move(m, *state, event, true, current, state) < 0)
		fail_msg("%s arrived illegally in %s", request_event_row(event)->text,
			 request_state_row(*state)->text);
	if (!out && event == EVENT_CLARIFY)
		next.origin_question = way->question[0];
	way_shift(way);
	model_push(m, &next);
}

static void model_receipt(struct model *m, const struct pair *p, enum request_event event)
{
	struct pair next = *p;

	if (p->known || model_move(m, p->origin, event, false, false, &next.origin) < 0)
		return;
	next.known = event == EVENT_DELIVER;
	model_push(m, &next);
}

static void model_run(enum request_type type, size_t min_pairs)
{
	struct model m = {.type = type,
			  .todo = calloc(PAIRS_MAX, sizeof(struct pair)),
			  .seen = calloc(2 * PAIRS_MAX, 8)};
	const struct pair start = {.origin = STATE_SENT, .receiver = STATE_DELIVERED};

	assert_non_null(m.todo);
	assert_non_null(m.seen);
	model_push(&m, &start);
	while (m.todo_n) {
		struct pair p = m.todo[--m.todo_n];

		if (!p.out.n && !p.back.n && p.known && p.origin != p.receiver)
			fail_msg("at rest, but %s there and %s here",
				 request_state_row(p.receiver)->text,
				 request_state_row(p.origin)->text);
		for (unsigned v = 0; v < EVENT_N; v++)
			if (request_event_on_wire(v))
				model_make(&m, &p, v);
		model_arrive(&m, &p, true);
		model_arrive(&m, &p, false);
		model_receipt(&m, &p, EVENT_DELIVER);
		model_receipt(&m, &p, EVENT_FAIL);
	}
	assert_true(m.seen_n > min_pairs);
	free(m.todo);
	free(m.seen);
}

static void test_two_nodes_converge(void **state)
{
	model_run(TYPE_FREEZE, 5000);
	model_run(TYPE_SPONTANEOUS, 20);
}

static void test_rights(void **state)
{
	for (unsigned a = 0; a < ACTION_N; a++) {
		assert_false(request_may(ACTOR_ADMIN | ACTOR_AUDITOR | ACTOR_SECRETARY, a));
		assert_false(request_may(0, a));
		assert_false(request_may(UINT32_C(1) << 31, a));
	}
	assert_false(request_may(~UINT32_C(0), ACTION_NONE));
	assert_false(request_may(~UINT32_C(0), ACTION_N));
	assert_true(request_may(ACTOR_OFFICER, ACTION_DRAFT));
	assert_false(request_may(ACTOR_OFFICER, ACTION_APPROVE));
	assert_true(request_may(ACTOR_APPROVER, ACTION_APPROVE));
	assert_false(request_may(ACTOR_APPROVER, ACTION_SUBMIT));
	assert_true(request_may(ACTOR_ANALYST, ACTION_DRAFT));
	assert_false(request_may(ACTOR_ANALYST, ACTION_SUBMIT));
	assert_true(request_may(ACTOR_DUTY, ACTION_ACK));
}

static void test_names(void **state)
{
	enum request_type t;
	enum request_class c;
	enum request_state s;
	enum request_event v;
	enum request_ground g;

	for (unsigned i = 0; i < TYPE_N; i++) {
		assert_int_equal(request_type_parse(request_type_row(i)->text, &t), 0);
		assert_int_equal(t, i);
	}
	for (unsigned i = 0; i < CLASS_N; i++) {
		assert_int_equal(request_class_parse(request_class_row(i)->text, &c), 0);
		assert_int_equal(c, i);
	}
	for (unsigned i = 0; i < STATE_N; i++) {
		assert_int_equal(request_state_parse(request_state_row(i)->text, &s), 0);
		assert_int_equal(s, i);
	}
	for (unsigned i = 0; i < EVENT_N; i++) {
		assert_int_equal(request_event_parse(request_event_row(i)->text, &v), 0);
		assert_int_equal(v, i);
	}
	for (unsigned i = 0; i < GROUND_N; i++) {
		assert_int_equal(request_ground_parse(request_ground_row(i)->text, &g), 0);
		assert_int_equal(g, i);
	}
	assert_int_equal(GROUND_N,
			 11); /* the ten of the agreement, and the legal hold against a WITHDRAW */
	assert_int_equal(request_type_parse("freeze", &t), -ERR_NOENT);
	assert_int_equal(request_class_parse("", &c), -ERR_NOENT);
	assert_int_equal(request_state_parse("SENT ", &s), -ERR_NOENT);
	assert_int_equal(request_event_parse("ACK", &v), -ERR_NOENT);
	assert_int_equal(request_ground_parse("none", &g), -ERR_NOENT);
	assert_true(request_code_known(SUB_MARKING, "TLP:AMBER+STRICT"));
	assert_false(request_code_known(SUB_MARKING, "H1"));
	assert_null(request_code_doc(SUB_HANDLING, "H4"));
}

static void test_ladder(void **state)
{
	static const int64_t flash[] = {180, 300, 480, 600, 900, 1200, 1500};

	for (unsigned i = 0; i < ARRAY_LEN(flash); i++)
		assert_int_equal(request_ladder(CLASS_FLASH, false, 600, i + 1), flash[i]);
	assert_int_equal(request_ladder(CLASS_FLASH, true, 1800, 1), 1800);
	assert_int_equal(request_ladder(CLASS_FLASH, true, 1800, 2), 2100);
	assert_int_equal(request_ladder(CLASS_URGENT, false, 1800, 1), 1800);
	assert_int_equal(request_ladder(CLASS_URGENT, false, 1800, 3), 3600);
	assert_int_equal(request_ladder(CLASS_URGENT, false, 1, 1), 1);
	assert_true(request_ladder(CLASS_URGENT, false, 1, 3) >
		    request_ladder(CLASS_URGENT, false, 1, 2)); /* else the clock never ends */
}

/* ---- request parts ---- */

#define ASSET_JSON                                                                                                                      \
	"{\"chain\":\"" BTC "\",\"account\":\"" BTC ":" GENESIS_ADDRESS "\",\"asset\":\"" BTC                                           \
	"/slip44:0\",\"txid\":\"" TXID                                                                                                  \
	"\",\"output\":1,\"amount\":\"4000000000\",\"output_value\":\"4000000000\",\"observed\":{\"height\":170,\"hash\":\"" BLOCK_HASH \
	"\"},\"custodian\":{\"name\":\"An exchange\",\"country\":\"FR\"},\"confidence\":90,\"path\":\"two hops\\nthen the exchange\"}"

static const char request_text[] =
	"{\"version\":1,\"id\":\"019ab5a0-0000-7000-8000-000000000001\",\"from\":\"it\",\"created_at\":\"2026-11-22T11:00:00Z\","
	"\"type\":\"FREEZE\",\"class\":\"FLASH\",\"to\":\"fr\",\"case\":\"PROC 2026/114\","
	"\"authority\":{\"name\":\"Postal police\",\"unit\":\"duty desk\",\"country\":\"IT\"},\"relation\":{\"kind\":\"new\"},"
	"\"offence\":{\"code\":\"investment-fraud\",\"text\":\"truffa aggravata, art. 640 c.p.\"},\"facts\":\"Il denaro e' partito.\","
	"\"language\":\"it\",\"link\":\"the output is the proceeds\",\"necessity\":\"it can be withdrawn within minutes\","
	"\"confidentiality\":{\"subject\":\"must-not-know\",\"custodian\":\"may-know\"},\"reply_language\":\"en\","
	"\"handling\":{\"code\":\"H1\",\"marking\":\"TLP:AMBER\",\"grade\":\"B2\",\"purpose\":\"asset-recovery\",\"basis\":\"treaty\"},"
	"\"assets\":[" ASSET_JSON "]}";

static json_t *request_json(void)
{
	json_t *j;
	struct err e = {0};

	if (json_parse(request_text, sizeof(request_text) - 1, &j, &e) < 0)
		fail_msg("%s", e.message);
	return j;
}

/* The value at "a.b[0].c"; the parent is made reachable, so that the last name may be new. */
static json_t *walk_to(json_t *j, const char *path, const char **ret_last)
{
	char name[64];

	for (;;) {
		size_t n = strcspn(path, ".[");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		if (!path[n]) {
			*ret_last = path;
			return j;
		}
		j = json_object_get(j, name);
		path += n;
		if (*path == '[') {
			j = json_array_get(j, (size_t)(path[1] - '0'));
			path += 3;
		}
		path += *path == '.';
		assert_non_null(j);
	}
}

/* Put raw JSON (NULL: nothing) at a path of the good request and check what is said about it. */
static void changed(const char *path, const char *raw, int code, const char *field)
{
	_cleanup_(json_decrefp) json_t *j = request_json();
	struct request_doc d = {0};
	struct err e = {0};
	const char *last;
	json_t *parent = walk_to(j, path, &last);
	int r;

	if (raw)
		assert_int_equal(
			json_object_set_new(parent, last, json_loads(raw, JSON_DECODE_ANY, NULL)),
			0);
	else
		assert_int_equal(json_object_del(parent, last), 0);
	r = request_doc_check(j, NULL, &d, &e);
	if (r != code)
		fail_msg("%s = %s: %s (%s: %s), not %s", path, raw ? raw : "nothing", err_name(r),
			 e.field, e.message, err_name(code));
	if (code < 0) {
		assert_string_equal(e.field, field ? field : path);
		assert_int_equal(e.code, code);
		assert_true(e.message[0]);
		assert_null(d.json);
	}
	request_doc_done(&d);
}

static void test_request_good(void **state)
{
	struct request_doc d;
	struct err e = {0};
	_cleanup_(freep) char *text = NULL;

	if (request_doc_parse(request_text, sizeof(request_text) - 1, NULL, &d, &e) < 0)
		fail_msg("%s: %s", e.field, e.message);
	assert_int_equal(d.type, TYPE_FREEZE);
	assert_int_equal(d.class, CLASS_FLASH);
	assert_string_equal(d.case_ref, "PROC 2026/114");
	assert_string_equal(d.grade, "B2");
	assert_int_equal(json_array_size(d.warnings), 0);
	text = json_text(d.json);
	assert_string_equal(text, request_text); /* encode(decode(x)) == x */
	request_doc_done(&d);
}

/* Each field that is needed, one after the other; each field in the table, with a value of the wrong type. */
static void test_request_missing(void **state)
{
	size_t n;
	const struct request_field_row *f = request_fields(&n);

	for (size_t i = 0; i < n; i++)
		if (f[i].object == SUB_REQUEST && f[i].need != NEED_OPT)
			changed(f[i].name, NULL, -ERR_FIELD_MISSING, NULL);
	changed("assets", NULL, -ERR_FIELD_MISSING, NULL); /* FREEZE */
	changed("authority.country", NULL, -ERR_FIELD_MISSING, NULL);
	changed("offence.code", NULL, -ERR_FIELD_MISSING, NULL);
	changed("handling.marking", NULL, -ERR_FIELD_MISSING, NULL);
	changed("assets[0].chain", NULL, -ERR_FIELD_MISSING, NULL);
	changed("assets[0].asset", NULL, -ERR_FIELD_MISSING, NULL);
	changed("assets[0].observed.hash", NULL, -ERR_FIELD_MISSING, NULL);
	changed("relation.kind", "\"extension\"", -ERR_FIELD_MISSING, "relation.of");
	changed("handling.code", "\"H3\"", -ERR_FIELD_MISSING, "handling.text");
	changed("assets[0].txid", NULL, -ERR_FIELD_MISSING, NULL);
}

static void test_request_wrong_type(void **state)
{
	size_t n;
	const struct request_field_row *f = request_fields(&n);

	for (size_t i = 0; i < n; i++) {
		char path[64];

		if (f[i].object == SUB_REQUEST)
			snprintf(path, sizeof(path), "%s", f[i].name);
		else if (f[i].object == SUB_ASSET)
			snprintf(path, sizeof(path), "assets[0].%s", f[i].name);
		else
			continue;
		changed(path, "true", -ERR_INVAL, NULL);
		changed(path, "null", -ERR_INVAL, NULL);
	}
}

static void test_request_limits(void **state)
{
	size_t n;
	const struct request_field_row *f = request_fields(&n);

	for (size_t i = 0; i < n; i++) {
		_cleanup_(freep) char *raw = NULL;

		if (f[i].object != SUB_REQUEST || f[i].kind == KIND_OBJ || f[i].kind == KIND_INT ||
		    f[i].kind == KIND_LIST)
			continue;
		raw = malloc((size_t)f[i].max + 4);
		assert_non_null(raw);
		memset(raw, 'a', (size_t)f[i].max + 3);
		raw[0] = raw[f[i].max + 2] = '"';
		raw[f[i].max + 3] = '\0';
		changed(f[i].name, raw, -ERR_OVERSIZE, NULL);
		changed(f[i].name, "\"\"", -ERR_INVAL, NULL);
	}
	changed("term_days", "0", -ERR_RANGE, NULL);
	changed("assets[0].confidence", "101", -ERR_RANGE, NULL);
	changed("assets[0].confidence", "-1", -ERR_RANGE, NULL);
	changed("assets[0].output", "4294967296", -ERR_RANGE, NULL);
	changed("assets[0].output", "1.5", -ERR_INVAL, NULL);
}

static void test_request_values(void **state)
{
	changed("version", "2", -ERR_VERSION, NULL);
	changed("version", "0", -ERR_RANGE, NULL);
	changed("id", "\"019AB5A0-0000-7000-8000-000000000001\"", -ERR_FORMAT, NULL);
	changed("type", "\"SEIZE\"", -ERR_INVAL, NULL);
	changed("type", "\"EXTEND\"", -ERR_INVAL, "relation.kind");
	changed("class", "\"flash\"", -ERR_INVAL, NULL);
	changed("from", "\"It\"", -ERR_FORMAT, NULL);
	changed("to", "\"it\"", -ERR_INVAL, NULL);
	changed("case", "\"a\\nb\"", -ERR_FORMAT, NULL);
	changed("facts", "\"tab\\tand\\nline\"", 0, NULL);
	changed("facts", "\"bell \\u0007\"", -ERR_FORMAT, NULL);
	changed("facts", "\"c1 \\u0085\"", -ERR_FORMAT, NULL);
	changed("language", "\"IT\"", -ERR_FORMAT, NULL);
	changed("created_at", "\"2026-02-30T00:00:00Z\"", -ERR_FORMAT, NULL);
	changed("valid_until", "\"2026-11-22T10:59:59Z\"", -ERR_RANGE, NULL);
	changed("valid_until", "\"2026-11-23T11:00:00Z\"", 0, NULL);
	changed("authority.country", "\"It\"", -ERR_FORMAT, NULL);
	changed("handling.code", "\"H4\"", -ERR_HANDLING, NULL);
	changed("handling.marking", "\"TLP:WHITE\"", -ERR_HANDLING, NULL);
	changed("handling.grade", "\"B5\"", -ERR_FORMAT, NULL);
	changed("handling.grade", "\"D1\"", -ERR_FORMAT, NULL);
	changed("offence.code", "\"jaywalking\"", -ERR_INVAL, NULL);
	changed("term_days", "30", 0, NULL);
	changed("prior_contacts", "[{\"text\":\"call at 10:40\"}]", 0, NULL);
	changed("prior_contacts", "[{\"text\":\"a\"},{}]", -ERR_FIELD_MISSING,
		"prior_contacts[1].text");
	changed("authority", "[]", -ERR_INVAL, NULL);
	changed("assets", "{}", -ERR_INVAL, NULL);
}

static void test_request_unknown(void **state)
{
	_cleanup_(json_decrefp) json_t *j = request_json();
	_cleanup_(freep) char *text = NULL;
	struct request_doc d;

	changed("!embargo", "1", -ERR_FIELD_UNKNOWN, NULL);
	changed("assets[0].!taint", "1", -ERR_FIELD_UNKNOWN, NULL);
	changed("handling.!x", "1", -ERR_FIELD_UNKNOWN, NULL);
	assert_int_equal(json_object_set_new(j, "mood", json_string("grim")), 0);
	assert_int_equal(request_doc_check(j, NULL, &d, NULL), 0);
	assert_int_equal(json_array_size(d.warnings), 1);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(d.warnings, 0), "field")), "mood");
	text = json_text(d.json);
	assert_non_null(strstr(text, "\"mood\":\"grim\"")); /* kept and passed on */
	request_doc_done(&d);
}

static void test_request_size(void **state)
{
	_cleanup_(freep) char *big = malloc(REQUEST_MAX + 1);
	struct request_doc d;
	struct err e = {0};

	memset(big, ' ', REQUEST_MAX + 1);
	assert_int_equal(request_doc_parse(big, REQUEST_MAX + 1, NULL, &d, &e), -ERR_OVERSIZE);
	assert_int_equal(request_doc_parse("{", 1, NULL, &d, &e), -ERR_FORMAT);
	assert_int_equal(request_doc_parse("[]", 2, NULL, &d, &e), -ERR_INVAL);
	assert_int_equal(request_doc_parse("{\"a\":1,\"a\":2}", 13, NULL, &d, &e), -ERR_FORMAT);
}

static void test_drill_needs_no_case(void **state)
{
	static const char *const names[] = {"offence", "facts", "link", "necessity", "assets"};
	_cleanup_(json_decrefp) json_t *j = request_json();
	struct request_doc d;

	json_object_set_new(j, "type", json_string("TEST"));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		json_object_del(j, names[i]);
	assert_int_equal(request_doc_check(j, NULL, &d, NULL), 0);
	request_doc_done(&d);
}

/* ---- asset blocks ---- */

static void test_asset_values(void **state)
{
	changed("assets[0].account", "\"" BTC ":1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb\"",
		-ERR_CHECKSUM, NULL);
	changed("assets[0].account", "\"" BTC ":hello\"", -ERR_FORMAT, NULL);
	changed("assets[0].account", "\"" BTC ":LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9\"", -ERR_NETWORK,
		NULL);
	changed("assets[0].account",
		"\"bip122:12a765e31ffd4059bada1e25190f6e98:LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9\"",
		-ERR_NETWORK, NULL);
	changed("assets[0].account", "\"" BTC ":bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\"", 0,
		NULL);
	changed("assets[0].account", "\"" BTC ":bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5\"",
		-ERR_CHECKSUM, NULL);
	changed("assets[0].account",
		"\"" BTC ":5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ\"", -ERR_SECRET,
		NULL);
	changed("assets[0].asset", "\"eip155:1/slip44:60\"", -ERR_NETWORK, NULL);
	changed("assets[0].asset", "\"" BTC "/slip44\"", -ERR_FORMAT, NULL);
	changed("assets[0].chain", "\"bitcoin\"", -ERR_FORMAT, NULL);
	changed("assets[0].txid", "\"F4184FC5\"", -ERR_FORMAT, NULL);
	changed("assets[0].log", "3", -ERR_INVAL, NULL);
	changed("assets[0].amount", "\"0\"", -ERR_RANGE, NULL);
	changed("assets[0].amount", "\"01\"", -ERR_FORMAT, NULL);
	changed("assets[0].amount", "\"1.5\"", -ERR_FORMAT, NULL);
	changed("assets[0].amount", "\"-1\"", -ERR_FORMAT, NULL);
	changed("assets[0].amount", "4000000000", -ERR_INVAL, NULL); /* a string, never a number */
	changed("assets[0].amount", "\"4000000001\"", -ERR_AMOUNT, NULL);
	changed("assets[0].amount", "\"3999999999\"", 0, NULL);
	changed("assets[0].observed.hash", "\"00\"", -ERR_INVAL, NULL);
	changed("assets", "[" ASSET_JSON "," ASSET_JSON "]", -ERR_INVAL, "assets[1]");
}

static void test_asset_typo_is_shown(void **state)
{
	_cleanup_(json_decrefp) json_t *j = request_json();
	struct request_doc d;
	struct err e = {0};

	json_object_set_new(json_array_get(json_object_get(j, "assets"), 0), "account",
			    json_string(BTC ":1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"));
	assert_int_equal(request_doc_check(j, NULL, &d, &e), -ERR_CHECKSUM);
	assert_non_null(strstr(e.message, GENESIS_ADDRESS));
	assert_non_null(strstr(e.message, "character 34"));
}

static json_t *other_asset(const char *chain, const char *account, const char *asset)
{
	return json_pack("{s:s, s:s, s:s}", "chain", chain, "account", account, "asset", asset);
}

static void asset_warns(json_t *asset, const char *field, const char *word)
{
	_cleanup_(json_decrefp) json_t *j = request_json();
	struct request_doc d;
	struct err e = {0};
	const json_t *w;

	json_object_set_new(j, "assets", json_pack("[o]", asset));
	if (request_doc_check(j, NULL, &d, &e) < 0)
		fail_msg("%s: %s", e.field, e.message);
	assert_int_equal(json_array_size(d.warnings), 1);
	w = json_array_get(d.warnings, 0);
	assert_string_equal(json_string_value(json_object_get(w, "field")), field);
	assert_non_null(strstr(json_string_value(json_object_get(w, "message")), word));
	request_doc_done(&d);
}

static void test_asset_warnings(void **state)
{
	asset_warns(other_asset("cosmos:cosmoshub-3",
				"cosmos:cosmoshub-3:cosmos1t2uflqwqe0fsj0shcfkrvpukewcw40yjj6hdc0",
				"cosmos:cosmoshub-3/slip44:118"),
		    "assets[0].chain", "unknown chain");
	asset_warns(other_asset("eip155:137",
				"eip155:137:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
				"eip155:137/erc20:0x6b175474e89094c44da98b954eedeac495271d0f"),
		    "assets[0].account", "no checksum");
}

static int output_value(void *ctx, const char *chain, const char *txid, uint32_t output,
			uint64_t *ret)
{
	if (strcmp(chain, BTC) != 0 || strcmp(txid, TXID) != 0 || output != 1)
		return 0;
	*ret = *(const uint64_t *)ctx;
	return 1;
}

static void test_asset_ledger(void **state)
{
	_cleanup_(json_decrefp) json_t *j = request_json();
	json_t *asset = json_array_get(json_object_get(j, "assets"), 0);
	uint64_t value = UINT64_C(4000000000);
	const struct request_checks checks = {&value, output_value};
	struct request_doc d;
	struct err e = {0};

	assert_int_equal(request_doc_check(j, &checks, &d, &e), 0);
	request_doc_done(&d);
	value = UINT64_C(3999999999);
	assert_int_equal(request_doc_check(j, &checks, &d, &e), -ERR_AMOUNT);
	assert_string_equal(e.field, "assets[0].output_value");
	json_object_del(asset, "output_value");
	assert_int_equal(request_doc_check(j, &checks, &d, &e), -ERR_AMOUNT);
	assert_string_equal(e.field, "assets[0].amount");
	json_object_set_new(asset, "output",
			    json_integer(0)); /* an output that the ledger does not know */
	assert_int_equal(request_doc_check(j, &checks, &d, &e), 0);
	request_doc_done(&d);
}

static void test_caip_and_decimals(void **state)
{
	assert_int_equal(caip_chain_len("eip155:1", '\0'), 8);
	assert_int_equal(caip_chain_len("ei:1", '\0'), 0);
	assert_int_equal(caip_chain_len("namespace:1", '\0'), 0);
	assert_int_equal(caip_chain_len("eip155:", '\0'), 0);
	assert_int_equal(caip_chain_len("eip155:123456789012345678901234567890123", '\0'), 0);
	assert_true(caip_account_valid("eip155:1:0xab"));
	assert_false(caip_account_valid("eip155:1:"));
	assert_false(caip_account_valid("eip155:1:a:b"));
	assert_true(caip_asset_valid("eip155:1/erc721:0x06/77"));
	assert_false(caip_asset_valid("eip155:1/erc721:0x06/"));
	assert_false(caip_asset_valid("eip155:1/erc721:0x06/7/7"));
	assert_true(dec_valid("0", 78));
	assert_false(dec_valid("", 78));
	assert_false(dec_valid("00", 78));
	assert_false(dec_valid("123", 2));
	assert_true(dec_cmp("99", "100") < 0);
	assert_true(
		dec_cmp("115792089237316195423570985008687907853269984665640564039457584007913129639935",
			"1") > 0);
	assert_int_equal(dec_cmp("7", "7"), 0);
}

/* ---- event parts ---- */

#define EVENT_HEAD                                                                                                             \
	"{\"version\":1,\"id\":\"019ab5a0-0000-7000-8000-0000000000e1\",\"request\":\"019ab5a0-0000-7000-8000-000000000001\"," \
	"\"at\":\"2026-11-22T11:05:00Z\",\"officer\":\"duty-paris\",\"event\":"

static void event_is(const char *rest, int code, const char *field)
{
	char text[2048];
	struct event_doc d = {0};
	struct err e = {0};
	int r, n = snprintf(text, sizeof(text), EVENT_HEAD "%s}", rest);

	assert_true(n > 0 && (size_t)n < sizeof(text));
	r = event_doc_parse(text, (size_t)n, &d, &e);
	if (r != code)
		fail_msg("%s: %s (%s: %s), not %s", rest, err_name(r), e.field, e.message,
			 err_name(code));
	if (code < 0)
		assert_string_equal(e.field, field);
	else {
		_cleanup_(freep) char *again = json_text(d.json);
		assert_string_equal(again, text);
	}
	event_doc_done(&d);
}

static void test_events(void **state)
{
	event_is("\"ack\"", 0, NULL);
	event_is("\"ack\",\"expected_by\":\"2026-11-22T11:20:00Z\"", 0, NULL);
	event_is("\"ack\",\"!sign\":1", -ERR_FIELD_UNKNOWN, "!sign");
	event_is("\"ack\",\"sign\":1", 0, NULL);
	event_is("\"approve\"", -ERR_INVAL, "event");
	event_is("\"nod\"", -ERR_INVAL, "event");
	event_is("\"partial\"", -ERR_FIELD_MISSING, "text");
	event_is("\"clarify\"", -ERR_FIELD_MISSING, "text");
	event_is("\"clarified\",\"text\":\"x\"", -ERR_FIELD_MISSING, "re");
	event_is("\"clarified\",\"text\":\"x\",\"re\":\"019ab5a0-0000-7000-8000-0000000000e0\"", 0,
		 NULL);
	event_is("\"transfer\"", -ERR_FIELD_MISSING, "to");
	event_is("\"transfer\",\"to\":{\"name\":\"Gendarmerie\",\"country\":\"FR\"}", 0, NULL);
	event_is("\"refuse\"", -ERR_FIELD_MISSING, "ground");
	event_is("\"refuse\",\"ground\":\"tired\"", -ERR_INVAL, "ground");
	event_is("\"refuse\",\"ground\":\"not-competent\"", -ERR_FIELD_MISSING, "to");
	event_is("\"ack\",\"ground\":\"harm\"", -ERR_INVAL, "ground");
	event_is("\"answer\"", -ERR_FIELD_MISSING, "text");
	event_is("\"withdraw\"", -ERR_FIELD_MISSING, "text");
	event_is("\"close\"", 0, NULL);
	event_is("\"close\",\"outcome\":{\"measure\":\"none\",\"items\":[]}", -ERR_INVAL,
		 "outcome");
	event_is("\"answer\",\"outcome\":{\"measure\":\"none\",\"items\":[{\"asset\":0}]}",
		 -ERR_FIELD_MISSING, "outcome.items[0].held");
}

static void test_every_ground(void **state)
{
	for (unsigned g = 0; g < GROUND_N; g++) {
		char text[256];

		snprintf(
			text, sizeof(text),
			"\"refuse\",\"ground\":\"%s\",\"to\":{\"name\":\"A court\",\"country\":\"FR\"}",
			request_ground_row(g)->text);
		event_is(text, 0, NULL);
	}
}

/* ---- outcomes ---- */

static void outcome_is(const char *outcome, int code, const char *field)
{
	_cleanup_(json_decrefp) json_t *j = request_json();
	char text[2048];
	struct request_doc d;
	struct event_doc ev;
	struct err e = {0};
	int r, n = snprintf(text, sizeof(text), EVENT_HEAD "\"answer\",\"text\":\"done\"%s%s}",
			    outcome ? ",\"outcome\":" : "", outcome ? outcome : "");

	assert_int_equal(request_doc_check(j, NULL, &d, NULL), 0);
	if (event_doc_parse(text, (size_t)n, &ev, &e) < 0)
		fail_msg("%s: %s", e.field, e.message);
	r = event_doc_outcome(&ev, &d, &e);
	if (r != code)
		fail_msg("%s: %s (%s: %s), not %s", outcome, err_name(r), e.field, e.message,
			 err_name(code));
	if (code < 0)
		assert_string_equal(e.field, field);
	event_doc_done(&ev);
	request_doc_done(&d);
}

#define HOLD "{\"measure\":\"voluntary-hold\",\"effective_at\":\"2026-11-22T11:10:00Z\","

static void test_outcomes(void **state)
{
	outcome_is(NULL, -ERR_FIELD_MISSING, "outcome");
	outcome_is(
		HOLD
		"\"items\":[{\"asset\":0,\"requested\":\"4000000000\",\"held\":\"1500000000\"}]}",
		0, NULL);
	outcome_is(
		HOLD
		"\"legal_expiry\":\"2026-11-25T11:10:00Z\",\"items\":[{\"asset\":0,\"requested\":\"4000000000\",\"held\":\"4000000000\"}]}",
		0, NULL);
	outcome_is(HOLD "\"items\":[]}", -ERR_FIELD_MISSING, "outcome.items");
	outcome_is(HOLD "\"items\":[{\"asset\":1,\"held\":\"1\"}]}", -ERR_RANGE,
		   "outcome.items[0]");
	outcome_is(HOLD "\"items\":[{\"asset\":0,\"held\":\"1\"}]}", -ERR_FIELD_MISSING,
		   "outcome.items[0]");
	outcome_is(HOLD "\"items\":[{\"asset\":0,\"requested\":\"1\",\"held\":\"1\"}]}",
		   -ERR_AMOUNT, "outcome.items[0]");
	outcome_is(
		HOLD
		"\"items\":[{\"asset\":0,\"requested\":\"4000000000\",\"held\":\"4000000001\"}]}",
		-ERR_AMOUNT, "outcome.items[0]");
	outcome_is(
		HOLD
		"\"items\":[{\"asset\":0,\"requested\":\"4000000000\",\"held\":\"4000000001\",\"reason\":\"indivisible lot\"}]}",
		0, NULL);
	outcome_is(
		HOLD
		"\"items\":[{\"asset\":0,\"requested\":\"4000000000\",\"held\":\"1\"},{\"asset\":0,\"requested\":\"4000000000\","
		"\"held\":\"1\"}]}",
		-ERR_INVAL, "outcome.items");
	outcome_is(
		"{\"measure\":\"none\",\"items\":[{\"asset\":0,\"requested\":\"4000000000\",\"held\":\"0\"}]}",
		0, NULL);
	outcome_is(
		"{\"measure\":\"none\",\"items\":[{\"asset\":0,\"requested\":\"4000000000\",\"held\":\"1\"}]}",
		-ERR_AMOUNT, "outcome.items[0]");
	outcome_is(
		"{\"measure\":\"seizure\",\"items\":[{\"asset\":0,\"requested\":\"4000000000\",\"held\":\"1\"}]}",
		-ERR_FIELD_MISSING, "outcome.effective_at");
	outcome_is(
		HOLD
		"\"legal_expiry\":\"2026-11-22T11:10:00Z\",\"items\":[{\"asset\":0,\"requested\":\"4000000000\",\"held\":\"1\"}]}",
		-ERR_RANGE, "outcome.legal_expiry");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_exhaustive),
		cmocka_unit_test(test_table_sense),
		cmocka_unit_test(test_two_nodes_converge),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ladder),
		cmocka_unit_test(test_request_good),
		cmocka_unit_test(test_request_missing),
		cmocka_unit_test(test_request_wrong_type),
		cmocka_unit_test(test_request_limits),
		cmocka_unit_test(test_request_values),
		cmocka_unit_test(test_request_unknown),
		cmocka_unit_test(test_request_size),
		cmocka_unit_test(test_drill_needs_no_case),
		cmocka_unit_test(test_asset_values),
		cmocka_unit_test(test_asset_typo_is_shown),
		cmocka_unit_test(test_asset_warnings),
		cmocka_unit_test(test_asset_ledger),
		cmocka_unit_test(test_caip_and_decimals),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_every_ground),
		cmocka_unit_test(test_outcomes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
