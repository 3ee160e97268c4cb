/* SPDX-License-Identifier: Apache-2.0
 * Directory: texts and their errors, offline keys, what may replace a note, keys in time, exchange of notes between peers. */
#include "base/text.h"
#include "crypto/crypto.h"
#include "nodes.h"
#include "wire/note.h"
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

static struct directory *dir(struct nodes *w, size_t i)
{
	return exchange_directory(w->node[i].x);
}

static int install(struct nodes *w, size_t at, const char *from, const struct buf *note)
{
	return directory_install(dir(w, at), from, note->p, note->len, NULL, NULL);
}

/* ---- texts ---- */

/* The text with the first `from` replaced by `to`. */
static void edit(const char *text, size_t len, const char *from, const char *to, struct buf *out)
{
	const char *at = memmem(text, len, from, strlen(from));
	assert_non_null(at);
	buf_clear(out);
	buf_put(out, text, (size_t)(at - text));
	buf_str(out, to);
	buf_put(out, at + strlen(from), len - (size_t)(at - text) - strlen(from));
}

static size_t text_len(const struct buf *note)
{
	struct note n;
	assert_int_equal(note_parse(note->p, note->len, &n, NULL), 0);
	return n.text_len;
}

struct edit {
	const char *from, *to;
	int code;
};

static void test_members_text(void **state)
{
	static const struct edit edits[] = {
		{"members/v1", "members/v2", -ERR_VERSION},
		{"members/v1", "node/v1", -ERR_KEY_TYPE},
		{"version 1\n", "version 01\n", -ERR_FORMAT},
		{"version 1\n", "version 0\n", -ERR_RANGE},
		{"version 1\n", "version 2\n", -ERR_RANGE}, /* must then name the one before */
		{"version 1\n", "", -ERR_FIELD_MISSING},
		{"threshold 2\n", "threshold 4\n", -ERR_RANGE},
		{"threshold 2\n", "threshold 0\n", -ERR_RANGE},
		{"until 1821536000", "until 1790000000", -ERR_RANGE},
		{"until 1821536000", "until 1990000000", -ERR_RANGE},
		{"governor governor-2", "governor governor-1", -ERR_CHECKSUM},
		{"member it IT", "member jq IT", -ERR_FORMAT},
		{"member it IT member", "member it it member", -ERR_FORMAT},
		{"member it IT member", "member it IT me+ber", -ERR_FORMAT},
		{"member it IT member it/identity", "member it IT member jt/identity",
		 -ERR_CHECKSUM},
		{"member it IT", "color blue\nmember it IT", -ERR_FIELD_UNKNOWN},
	};
	struct nodes *w = *state;
	const char *text = (const char *)w->members.p;
	size_t len = text_len(&w->members);
	struct directory_members m;
	struct buf b;
	buf_init(&b, NOTE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		edit(text, len, edits[i].from, edits[i].to, &b);
		int r = directory_members_decode((const char *)b.p, b.len, &m, NULL);
		if (r != edits[i].code)
			fail_msg("%s -> %s: %s, not %s", edits[i].from, edits[i].to, err_name(r),
				 err_name(edits[i].code));
	}
	assert_int_equal(directory_members_decode(text, len, &m, NULL), 0);
	buf_clear(&b);
	assert_int_equal(directory_members_encode(&m, &b, NULL), 0);
	assert_int_equal(b.len, len);
	assert_memory_equal(b.p, text, len);
	buf_done(&b);
}

static void test_optional_lines(void **state)
{
	struct nodes *w = *state;
	size_t len = text_len(&w->members);
	struct directory_members m;
	struct buf b;
	buf_init(&b, NOTE_MAX);
	buf_put(&b, w->members.p, len);
	buf_str(&b, "x-color blue\n");
	assert_int_equal(directory_members_decode((const char *)b.p, b.len, &m, NULL), 0);
	buf_str(&b, "x-\n");
	assert_int_equal(directory_members_decode((const char *)b.p, b.len, &m, NULL), -ERR_FORMAT);
	buf_clear(&b);
	buf_put(&b, w->members.p, len);
	for (int i = 0; i < DIRECTORY_OPTIONAL_MAX + 1; i++)
		buf_str(&b, "x-color blue\n");
	assert_int_equal(directory_members_decode((const char *)b.p, b.len, &m, NULL),
			 -ERR_FIELD_UNKNOWN);
	buf_done(&b);
}

static void test_node_text(void **state)
{
	static const struct edit edits[] = {
		{"node it\n", "node it/x\n", -ERR_FORMAT},
		{"node/v1", "node/v9", -ERR_VERSION},
		{"endpoint https://it.example:8443", "endpoint http://it.example:8443",
		 -ERR_FORMAT},
		{"endpoint https://it.example:8443", "endpoint https://it.example", -ERR_FORMAT},
		{"endpoint https://it.example:8443", "endpoint https://it.example:84430",
		 -ERR_FORMAT},
		{"endpoint https://it.example:8443\n", "", -ERR_FIELD_MISSING},
		{"pin ", "pin A", -ERR_FORMAT},
		{"until 1793024000", "until 1793024001", -ERR_RANGE},
		{"key evidence ", "key other ", -ERR_FORMAT},
		{"key evidence 1789996400 1797776000", "key evidence 1797776000 1797776000",
		 -ERR_RANGE},
		{"key audit 1789996400 1797776000 it/audit",
		 "key audit 1789996400 1797776000 jt/audit", -ERR_CHECKSUM},
		{"epoch 2 ", "epoch 1 ", -ERR_FORMAT},
		{"contact duty officer\n", "contact duty officer\nfax +00 1\n", -ERR_FIELD_MISSING},
		{"phone +00 1 2345\n", "phone +00 1 2345\npreferred fax\n", -ERR_FORMAT},
		{"power freeze\n", "power freeze\npower freeze\n", -ERR_FORMAT},
		{"power freeze\n", "power fly\n", -ERR_FORMAT},
		{"language en\n", "", -ERR_FIELD_MISSING},
		{"language en\n", "language en\nlanguage en\n", -ERR_FORMAT},
		{"language en\n", "language en\nduty it.example\n", -ERR_FORMAT},
		{"language en\n", "language en\nrevoked 1 it+00000000+AAAA\n", -ERR_UNSUPPORTED},
	};
	struct nodes *w = *state;
	const struct buf *note = &w->node[IT].signed_note;
	const char *text = (const char *)note->p;
	size_t len = text_len(note);
	struct directory_node *n = malloc(sizeof(*n));
	struct buf b;
	buf_init(&b, NOTE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		edit(text, len, edits[i].from, edits[i].to, &b);
		int r = directory_node_decode((const char *)b.p, b.len, n, NULL);
		if (r != edits[i].code)
			fail_msg("%s -> %s: %s, not %s", edits[i].from, edits[i].to, err_name(r),
				 err_name(edits[i].code));
	}
	assert_int_equal(directory_node_decode(text, len, n, NULL), 0);
	buf_clear(&b);
	assert_int_equal(directory_node_encode(n, &b, NULL), 0);
	assert_int_equal(b.len, len);
	assert_memory_equal(b.p, text, len);
	buf_done(&b);
	free(n);
}

/* Text to JSON and back is the same text; JSON that is wrong is refused by name. */
static void test_json(void **state)
{
	struct nodes *w = *state;
	struct buf b;
	struct err e = {0};
	buf_init(&b, NOTE_MAX);
	json_t *j = directory_members_json(directory_members(dir(w, FR)));
	assert_int_equal(directory_members_draft(j, &b, &e), 0);
	assert_memory_equal(b.p, w->members.p, b.len);
	json_object_set_new(j, "threshold", json_integer(9));
	buf_clear(&b);
	assert_int_equal(directory_members_draft(j, &b, &e), -ERR_RANGE);
	json_object_set_new(j, "colour", json_true());
	buf_clear(&b);
	assert_int_equal(directory_members_draft(j, &b, &e), -ERR_FIELD_UNKNOWN);
	assert_string_equal(e.field, "colour");
	json_decref(j);

	j = directory_node_json(directory_node(dir(w, FR), "it"));
	buf_clear(&b);
	assert_int_equal(directory_node_draft(j, &b, &e), 0);
	assert_memory_equal(b.p, w->node[IT].signed_note.p, b.len);
	json_array_append_new(json_object_get(j, "powers"), json_string("fly"));
	buf_clear(&b);
	assert_int_equal(directory_node_draft(j, &b, &e), -ERR_INVAL);
	json_object_del(j, "powers");
	json_object_del(j, "endpoints");
	buf_clear(&b);
	assert_int_equal(directory_node_draft(j, &b, &e), -ERR_FIELD_MISSING);
	json_decref(j);
	buf_done(&b);
}

static void test_policy(void **state)
{
	struct nodes *w = *state;
	struct directory_policy p = *directory_policy(dir(w, FR)), q;
	struct buf b;
	buf_init(&b, NOTE_MAX);
	assert_int_equal(p.version, 0);
	assert_int_equal(p.class[DIRECTORY_FLASH].ack_s, 600);
	p.version = 1;
	p.time_s = w->now_ms / 1000;
	p.class[DIRECTORY_FLASH].ack_s = 300;
	assert_int_equal(directory_policy_encode(&p, &b, NULL), 0);
	assert_int_equal(directory_policy_decode((const char *)b.p, b.len, &q, NULL), 0);
	assert_int_equal(q.class[DIRECTORY_FLASH].ack_s, 300);
	assert_int_equal(directory_sign("governor-1", w->governors[0], &b, NULL), 0);
	assert_int_equal(install(w, FR, NULL, &b), -ERR_SIGNATURE); /* one of two */
	assert_int_equal(directory_sign("governor-3", w->governors[2], &b, NULL), 0);
	assert_int_equal(install(w, FR, NULL, &b), 0);
	assert_int_equal(directory_policy(dir(w, FR))->class[DIRECTORY_FLASH].ack_s, 300);
	p.class[DIRECTORY_FLASH].answer_s = 200;
	buf_clear(&b);
	assert_int_equal(directory_policy_encode(&p, &b, NULL), -ERR_RANGE);
	buf_done(&b);
}

static void test_key_file(void **state)
{
	static const uint8_t seed32[32] = {1, 2, 3};
	struct note_verifier v;
	uint8_t got32[32];
	struct buf b, c;
	buf_init(&b, NOTE_MAX);
	buf_init(&c, NOTE_MAX);
	assert_int_equal(directory_keygen("it/identity", seed32, &b, NULL), 0);
	assert_int_equal(directory_key_parse((const char *)b.p, b.len, &v, got32, NULL), 0);
	assert_memory_equal(got32, seed32, 32);
	assert_string_equal(v.name, "it/identity");
	edit((const char *)b.p, b.len, "secret AQ", "secret AR", &c);
	assert_int_equal(directory_key_parse((const char *)c.p, c.len, &v, got32, NULL),
			 -ERR_CHECKSUM);
	edit((const char *)b.p, b.len, "name it", "name jt", &c);
	assert_int_equal(directory_key_parse((const char *)c.p, c.len, &v, got32, NULL),
			 -ERR_CHECKSUM);
	assert_int_equal(directory_key_parse((const char *)b.p, b.len - 10, &v, got32, NULL),
			 -ERR_FIELD_MISSING);
	assert_int_equal(directory_keygen("It", seed32, &c, NULL), -ERR_INVAL);
	buf_done(&b);
	buf_done(&c);
}

/* ---- what may replace what ---- */

static void test_members_install(void **state)
{
	struct nodes *w = *state;
	struct node fresh = {.net = w, .env = w->node[FR].env};
	enum directory_result result;
	snprintf(fresh.name, sizeof(fresh.name), "fr");
	fresh.env.ctx = &w->node[FR];
	assert_int_equal(node_open(&fresh, ":memory:", NULL, NULL), 0);
	struct directory *d = exchange_directory(fresh.x);
	assert_null(directory_members(d));
	/* A peer cannot give the first one; a node note needs it. */
	assert_int_equal(directory_install(d, "it", w->members.p, w->members.len, &result, NULL),
			 -ERR_MEMBER_UNKNOWN);
	assert_int_equal(directory_install(d, NULL, w->node[IT].signed_note.p,
					   w->node[IT].signed_note.len, &result, NULL),
			 -ERR_MEMBER_UNKNOWN);
	assert_int_equal(directory_install(d, NULL, w->members.p, w->members.len, &result, NULL),
			 0);
	assert_int_equal(result, DIRECTORY_INSTALLED);
	assert_int_equal(directory_install(d, NULL, w->members.p, w->members.len, &result, NULL),
			 0);
	assert_int_equal(result, DIRECTORY_KNOWN);
	nodes_sign_members(w, 1 << JP, 1); /* version 2: only one signature */
	assert_int_equal(directory_install(d, "it", w->members.p, w->members.len, &result, NULL),
			 -ERR_SIGNATURE);
	nodes_sign_members(w, 1 << JP, 5); /* version 3 without 2 */
	assert_int_equal(directory_install(d, "it", w->members.p, w->members.len, &result, NULL),
			 -ERR_GAP);
	assert_int_equal(directory_install(d, "it", "hello", 5, &result, NULL), -ERR_FORMAT);
	node_close(&fresh);
}

static void test_members_chain(void **state)
{
	struct nodes *w = *state;
	struct buf second;
	buf_init(&second, NOTE_MAX);
	nodes_sign_members(w, 0, 3);
	buf_put(&second, w->members.p, w->members.len);
	assert_int_equal(install(w, FR, "it", &w->members), 0);
	assert_int_equal(directory_members(dir(w, FR))->version, 2);
	nodes_sign_members(w, 1 << JP, 6);
	assert_int_equal(install(w, FR, "it", &w->members), 0);
	assert_null(directory_member(dir(w, FR), "jp"));
	assert_null(directory_node(dir(w, FR), "jp"));
	assert_int_equal(install(w, FR, "it", &second), 0); /* known */
	buf_done(&second);
}

/* Another note of a version that is held: kept, told, and without effect; an unsigned one is only refused. */
static void test_conflict(void **state)
{
	struct nodes *w = *state;
	struct node *it = &w->node[IT];
	it->note.version = 0;
	memset(it->note.previous32, 0, 32);
	snprintf(it->note.contacts[0].phone, sizeof(it->note.contacts[0].phone), "+00 9");
	nodes_sign_node(w, IT);
	assert_int_equal(install(w, FR, "jp", &it->signed_note), -ERR_CONFLICT);
	assert_int_equal(w->node[FR].events[EXCHANGE_EV_CONFLICT], 1);
	assert_int_equal(install(w, FR, "jp", &it->signed_note), -ERR_CONFLICT);
	assert_int_equal(w->node[FR].events[EXCHANGE_EV_CONFLICT], 1); /* told once */
	assert_string_equal(directory_node(dir(w, FR), "it")->contacts[0].phone, "+00 1 2345");
	assert_int_equal(node_count(&w->node[FR],
				    "SELECT COUNT(*) AS n FROM exchange_note WHERE name = 'it'"),
			 2);
	it->note.version = 0;
	memset(it->note.previous32, 0, 32);
	it->identity32[0] ^= 1;
	snprintf(it->note.contacts[0].phone, sizeof(it->note.contacts[0].phone), "+00 8");
	nodes_sign_node(w, IT);
	assert_int_equal(install(w, FR, "jp", &it->signed_note), -ERR_KEY_UNKNOWN);
	assert_int_equal(w->node[FR].events[EXCHANGE_EV_CONFLICT], 1);
}

static void test_node_versions(void **state)
{
	struct nodes *w = *state;
	struct node *it = &w->node[IT];
	struct buf second;
	buf_init(&second, NOTE_MAX);
	nodes_sign_node(w, IT);
	buf_put(&second, it->signed_note.p, it->signed_note.len);
	nodes_sign_node(w, IT);
	assert_int_equal(install(w, FR, "it", &it->signed_note), -ERR_GAP);
	assert_int_equal(install(w, FR, "it", &second), 0);
	assert_int_equal(install(w, FR, "it", &it->signed_note), 0);
	assert_int_equal(directory_node(dir(w, FR), "it")->version, 3);
	it->note.version = 1; /* another second one: a contradiction, not merely old */
	nodes_sign_node(w, IT);
	assert_int_equal(install(w, FR, "it", &it->signed_note), -ERR_CONFLICT);
	it->note.version = 3; /* the fourth, but after another third */
	nodes_sign_node(w, IT);
	assert_int_equal(install(w, FR, "it", &it->signed_note), -ERR_CORRUPT);
	buf_done(&second);
}

static void test_node_stale(void **state)
{
	struct nodes *w = *state;
	struct node *it = &w->node[IT];
	struct nodes other;
	it->note.version = 6; /* a new member's first note here may have any version */
	nodes_sign_node(w, IT);
	nodes_init(&other, names, 3, 11);
	assert_int_equal(node_open(&other.node[FR], ":memory:", NULL, NULL), 0);
	struct directory *d = exchange_directory(other.node[FR].x);
	assert_int_equal(directory_install(d, NULL, other.members.p, other.members.len, NULL, NULL),
			 0);
	assert_int_equal(
		directory_install(d, "it", it->signed_note.p, it->signed_note.len, NULL, NULL), 0);
	assert_int_equal(directory_install(d, "it", other.node[IT].signed_note.p,
					   other.node[IT].signed_note.len, NULL, NULL),
			 -ERR_STALE);
	nodes_done(&other);
}

static void test_expired(void **state)
{
	struct nodes *w = *state;
	nodes_sign_node(w, IT);
	w->now_ms += (DIRECTORY_NODE_DAYS_MAX * 86400LL + 301) * 1000;
	assert_int_equal(install(w, FR, "it", &w->node[IT].signed_note), -ERR_EXPIRED);
	struct directory_epoch epoch;
	struct err e = {0};
	assert_int_equal(directory_epoch_key(dir(w, FR), "it", w->now_ms / 1000, &epoch, &e),
			 -ERR_KEY_EXPIRED);
	assert_non_null(strstr(e.message, "since 2026-"));
	assert_null(directory_by_pin(dir(w, FR), w->node[IT].note.pins[0], w->now_ms / 1000));
}

/* ---- keys in time ---- */

static int check(struct nodes *w, enum directory_key_kind kind, const char *name, uint32_t id,
		 int64_t time_s)
{
	struct directory_key k;
	return directory_key_check(dir(w, FR), "it", kind, name, strlen(name), id, time_s, &k,
				   NULL);
}

static void test_key_check(void **state)
{
	struct nodes *w = *state;
	const struct directory_key *k = &w->node[IT].note.keys[0];
	int64_t now_s = w->now_ms / 1000;
	assert_int_equal(check(w, DIRECTORY_KEY_NODE, "it", k->vkey.key_id, now_s), 0);
	assert_int_equal(check(w, DIRECTORY_KEY_NODE, "it", k->vkey.key_id + 1, now_s),
			 -ERR_KEY_UNKNOWN);
	assert_int_equal(check(w, DIRECTORY_KEY_NODE, "jp", k->vkey.key_id, now_s),
			 -ERR_KEY_UNKNOWN);
	assert_int_equal(check(w, DIRECTORY_KEY_EVIDENCE, "it", k->vkey.key_id, now_s),
			 -ERR_KEY_TYPE);
	assert_int_equal(check(w, DIRECTORY_KEY_NODE, "it", k->vkey.key_id, k->until_s + 1),
			 -ERR_KEY_EXPIRED);
	assert_int_equal(check(w, DIRECTORY_KEY_NODE, "it", k->vkey.key_id, k->from_s - 301),
			 0); /* a text may be older than its signature */
	struct directory_key got;
	assert_int_equal(directory_key_check(dir(w, FR), "xx", DIRECTORY_KEY_NODE, "xx", 2, 1,
					     now_s, &got, NULL),
			 -ERR_MEMBER_UNKNOWN);
}

/* A revocation reaches the peers at once, and stays when a later note leaves it out. */
static void test_revoked(void **state)
{
	struct nodes *w = *state;
	struct directory_node *n = &w->node[IT].note;
	struct note_verifier old = n->keys[0].vkey;
	int64_t now_s = w->now_ms / 1000;
	nodes_run(w);
	n->revoked[n->revoked_n++] = (struct directory_revoked){now_s, old};
	nodes_sign_node(w, IT);
	assert_int_equal(install(w, IT, NULL, &w->node[IT].signed_note), 0);
	nodes_run(w); /* no time passes */
	assert_int_equal(check(w, DIRECTORY_KEY_NODE, "it", old.key_id, now_s), -ERR_KEY_REVOKED);
	assert_int_equal(check(w, DIRECTORY_KEY_NODE, "it", old.key_id, now_s - 1),
			 -ERR_KEY_REVOKED); /* no text can be written early enough */
	n->revoked_n = 0;
	nodes_sign_node(w, IT);
	assert_int_equal(install(w, FR, "it", &w->node[IT].signed_note), 0);
	assert_int_equal(check(w, DIRECTORY_KEY_NODE, "it", old.key_id, now_s), -ERR_KEY_REVOKED);
}

static void test_epoch_key(void **state)
{
	struct nodes *w = *state;
	struct directory_epoch p;
	int64_t now_s = w->now_ms / 1000;
	assert_int_equal(directory_epoch_key(dir(w, FR), "it", now_s, &p, NULL), 0);
	assert_int_equal(p.number, 1);
	assert_int_equal(directory_epoch_key(dir(w, FR), "it", now_s + 6 * 86400, &p, NULL), 0);
	assert_int_equal(p.number, 2);
	assert_int_equal(directory_epoch_key(dir(w, FR), "it", now_s + 21 * 86400, &p, NULL),
			 -ERR_KEY_EXPIRED);
	assert_int_equal(directory_epoch_key(dir(w, FR), "xx", now_s, &p, NULL),
			 -ERR_MEMBER_UNKNOWN);
	assert_int_equal(directory_epoch_key(dir(w, FR), "it", now_s + 366 * 86400, &p, NULL),
			 -ERR_KEY_EXPIRED);
	assert_string_equal(directory_by_pin(dir(w, FR), w->node[JP].note.pins[0], now_s), "jp");
}

/* ---- between peers ---- */

static void test_spread(void **state)
{
	struct nodes *w = *state;
	nodes_run(w);
	w->cut[FR][IT] = w->cut[IT][FR] = true; /* Japan carries it */
	nodes_sign_node(w, IT);
	nodes_sign_members(w, 0, 5);
	assert_int_equal(install(w, IT, NULL, &w->members), 0);
	assert_int_equal(install(w, IT, NULL, &w->node[IT].signed_note), 0);
	nodes_pass(w, 61000, 1000);
	assert_int_equal(directory_node(dir(w, JP), "it")->version, 2);
	assert_int_equal(directory_node(dir(w, FR), "it")->version, 2);
	assert_int_equal(directory_members(dir(w, FR))->version, 2);
}

/* A node that was away for longer than its notes are valid gets the whole chain. */
static void test_catch_up(void **state)
{
	struct nodes *w = *state;
	nodes_run(w);
	node_close(&w->node[JP]);
	assert_int_equal(node_open(&w->node[JP], ":memory:", NULL, NULL), 0);
	assert_int_equal(install(w, JP, NULL, &w->members), 0);
	assert_int_equal(install(w, JP, NULL, &w->node[IT].signed_note), 0);
	w->cut[JP][IT] = w->cut[IT][JP] = w->cut[FR][JP] = w->cut[JP][FR] = true;
	for (int i = 0; i < 3; i++) {
		w->now_ms += 30 * 86400000LL;
		for (size_t k = 0; k < 3; k++)
			for (size_t e = 0; e < NODES_EPOCHS; e++) {
				w->node[k].note.epochs[e].from_s += 30 * 86400;
				w->node[k].note.epochs[e].until_s += 30 * 86400;
			}
		nodes_sign_node(w, IT);
		assert_int_equal(install(w, IT, NULL, &w->node[IT].signed_note), 0);
	}
	memset(w->cut, 0, sizeof(w->cut));
	nodes_pass(w, 130000, 1000);
	assert_non_null(directory_node(dir(w, JP), "it"));
	assert_int_equal(directory_node(dir(w, JP), "it")->version, 4);
}

static void test_own_draft(void **state)
{
	struct nodes *w = *state;
	struct directory_node *fresh = calloc(1, sizeof(*fresh)), *n = calloc(1, sizeof(*n));
	struct buf b;
	buf_init(&b, NOTE_MAX);
	assert_int_equal(directory_own_draft(dir(w, IT), fresh, w->now_ms / 1000, &b, NULL),
			 -ERR_FIELD_MISSING);
	memcpy(fresh->keys, w->node[IT].note.keys, sizeof(fresh->keys));
	fresh->keys_n = w->node[IT].note.keys_n;
	memcpy(fresh->epochs, w->node[IT].note.epochs, sizeof(fresh->epochs));
	fresh->epochs_n = w->node[IT].note.epochs_n;
	memcpy(fresh->pins, w->node[IT].note.pins, sizeof(fresh->pins));
	fresh->pins_n = 1;
	buf_clear(&b);
	assert_int_equal(directory_own_draft(dir(w, IT), fresh, w->now_ms / 1000, &b, NULL), 0);
	assert_int_equal(directory_node_decode((const char *)b.p, b.len, n, NULL), 0);
	assert_int_equal(n->version, 2);
	assert_string_equal(n->endpoints[0], "https://it.example:8443");
	assert_int_equal(directory_sign("it/identity", w->node[IT].identity32, &b, NULL), 0);
	assert_int_equal(directory_sign("it/identity", w->node[IT].identity32, &b, NULL),
			 -ERR_EXIST);
	assert_int_equal(install(w, FR, NULL, &b), 0);
	buf_done(&b);
	free(fresh);
	free(n);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_members_text),	 T(test_optional_lines),
		T(test_node_text),	 T(test_json),
		T(test_policy),		 T(test_key_file),
		T(test_members_install), T(test_members_chain),
		T(test_conflict),	 T(test_node_versions),
		T(test_node_stale),	 T(test_expired),
		T(test_key_check),	 T(test_revoked),
		T(test_epoch_key),	 T(test_spread),
		T(test_catch_up),	 T(test_own_draft),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
