/* SPDX-License-Identifier: Apache-2.0
 * Tests of witnesses: countersignatures, each answer of docs/protocol/witness.md 1, and what a log makes of them. */
#include "audit-rig.h"
#include "audit/witness.h"
#include "base/text.h"

#define ASKER "paris.example"

/* Two sides in one rig: the log is the rig's; the witness has a store and a key of its own. */
struct pair {
	struct rig *rig;
	struct store *store; /* of the witness */
	struct audit_key key;
	uint8_t seed32[32];
	struct audit_log *log;
};

static int seed_sign(void *ctx, struct buf *text, struct err *e)
{
	struct pair *p = ctx;
	return note_sign_seed(text, p->key.verifier.name, p->seed32, e);
}

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	uint8_t pk32[32];
	void *rig = NULL;
	char where[ENGINE_WHERE_MAX];
	struct err e = {0};
	assert_non_null(p);
	assert_int_equal(rig_setup(&rig), 0);
	p->rig = rig;
	if (store_open(engine_at(":memory:", where), NULL, &p->store, &e) < 0 ||
	    store_migrate(p->store, audit_schema(), 1000, &e) < 0)
		fail_msg("%s", e.message);
	memset(p->seed32, 9, 32);
	ed25519_public(p->seed32, pk32);
	assert_int_equal(note_verifier_init(&p->key.verifier, ASKER "/audit", pk32), 0);
	p->key.signer = (struct note_signer){seed_sign, p};
	assert_int_equal(
		audit_log_open(p->rig->store, p->rig->log_dir, &p->rig->key, &p->log, NULL), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;
	void *rig = p->rig;
	audit_log_close(p->log);
	store_close(p->store);
	free(p);
	return rig_teardown(&rig);
}

static void grow(struct pair *p, uint64_t n)
{
	assert_int_equal(rig_record(p->rig->store, audit_log_size(p->log), n, NULL), 0);
	assert_int_equal(audit_log_flush(p->log, NULL), n);
}

/* The witness's directory: one log. */
static int log_key(void *ctx, const char *name, size_t len, uint32_t key_id,
		   struct note_verifier *ret, struct err *e)
{
	const struct pair *p = ctx;
	const struct note_verifier *v = &p->rig->key.verifier;
	if (len != strlen(v->name) || memcmp(name, v->name, len) != 0)
		return err_set(e, ERR_MEMBER_UNKNOWN, "origin", NULL);
	if (key_id != v->key_id)
		return err_set(e, ERR_KEY_UNKNOWN, "key", NULL);
	*ret = *v;
	return 0;
}

/* The log's directory: one witness. */
static int witness_key(void *ctx, const char *name, size_t len, uint32_t key_id,
		       struct note_verifier *ret, struct err *e)
{
	const struct pair *p = ctx;
	const struct note_verifier *v = &p->key.verifier;
	if (key_id != note_key_id(v->name, strlen(v->name), NOTE_COSIGNATURE, v->pk32))
		return err_set(e, ERR_KEY_UNKNOWN, "key", NULL);
	*ret = *v;
	return 0;
}

/* One question and its answer. */
struct talk {
	struct buf body, reply;
	size_t note;
	uint64_t size;
	int code;
};

static void talk_done(struct talk *t)
{
	buf_done(&t->body);
	buf_done(&t->reply);
}

static void answer(struct pair *p, struct talk *t)
{
	struct err e = {0};
	buf_clear(&t->reply);
	t->code = witness_add(p->store, &p->key, log_key, p, t->body.p, t->body.len, 5000,
			      &t->reply, &t->size, &e);
}

static void put_question(struct talk *t, const char *text)
{
	buf_clear(&t->body);
	buf_str(&t->body, text);
}

static struct talk ask(struct pair *p)
{
	struct talk t = {0};
	struct err e = {0};
	buf_init(&t.body, WITNESS_BODY_MAX + 1);
	buf_init(&t.reply, NOTE_MAX);
	if (witness_ask(p->rig->store, p->rig->log_dir, ASKER, 4000, &t.body, &t.note, &e) < 0)
		fail_msg("%s", e.message);
	answer(p, &t);
	return t;
}

static int take(struct pair *p, const struct talk *t)
{
	return witness_signed(p->rig->store, p->rig->log_dir, ASKER, t->body.p + t->note,
			      t->body.len - t->note, t->reply.p, t->reply.len, witness_key, p, 6000,
			      NULL);
}

static int take_size(struct pair *p, const char *text)
{
	return witness_other_size(p->rig->store, p->rig->log_dir, ASKER, text, strlen(text), NULL);
}

/* ---- the good way ---- */

static void test_countersigned(void **state)
{
	struct pair *p = *state;
	struct witness_state st;
	int64_t time_s = 0;
	struct buf file;
	buf_init(&file, NOTE_MAX);
	assert_int_equal(witness_state(p->rig->store, 1, 0, &st, NULL), 0);
	assert_true(!st.ever && st.recent_n == 0 && st.complete_s == 0);
	static const uint64_t steps[] = {1, 255, 1, 400};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		grow(p, steps[i]);
		struct talk t = ask(p);
		assert_int_equal(t.code, 0);
		assert_int_equal(take(p, &t), 0);
		talk_done(&t);
		t = ask(p); /* nothing new: countersigned afresh */
		assert_int_equal(t.code, 0);
		assert_memory_equal(t.body.p, "old ", 4);
		assert_int_equal(take(p, &t), 0);
		talk_done(&t);
	}
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/checkpoint.cosigned", p->rig->log_dir);
	assert_int_equal(file_read(path, &file, NULL), 0);
	struct audit_checkpoint head;
	assert_int_equal(
		audit_checkpoint_check(file.p, file.len, &p->rig->key.verifier, &head, NULL), 0);
	assert_int_equal(head.size, 657);
	assert_int_equal(cosignature_check(file.p, file.len, &p->key.verifier, &time_s, NULL), 0);
	assert_int_equal(time_s, 5000);
	assert_int_equal(cosignature_check(file.p, file.len, &p->rig->key.verifier, &time_s, NULL),
			 -ERR_KEY_UNKNOWN);
	assert_int_equal(witness_state(p->rig->store, 1, 6000, &st, NULL), 0);
	assert_true(st.ever && st.recent_n == 1 && st.complete_s == 6000); /* by our own clock */
	assert_int_equal(witness_state(p->rig->store, 2, 6001, &st, NULL), 0);
	assert_true(st.recent_n == 0 && st.complete_s == 0);
	buf_done(&file);
}

/* A proof carries the countersignature while the entry is under it, and says so to who asks. */
static void test_proof(void **state)
{
	struct pair *p = *state;
	struct buf proof;
	struct audit_proof found;
	grow(p, 300);
	struct talk t = ask(p);
	assert_int_equal(take(p, &t), 0);
	talk_done(&t);
	grow(p, 300);
	buf_init(&proof, AUDIT_PROOF_MAX);
	static const uint64_t at[] = {0, 299, 300, 599};
	for (size_t i = 0; i < 4; i++) {
		int64_t time_s = 0;
		buf_clear(&proof);
		assert_int_equal(audit_prove(p->rig->log_dir, at[i], &proof, NULL), 0);
		assert_int_equal(
			audit_proof_verify(proof.p, proof.len, &p->rig->key.verifier, &found, NULL),
			0);
		assert_int_equal(found.head.size, at[i] < 300 ? 300 : 600);
		assert_int_equal(
			audit_proof_cosigned(proof.p, proof.len, &p->key.verifier, &time_s, NULL),
			at[i] < 300 ? 0 : -ERR_KEY_UNKNOWN);
	}
	buf_done(&proof);
}

static void test_changed_line(void **state)
{
	struct pair *p = *state;
	grow(p, 3);
	struct talk t = ask(p);
	for (size_t i = 0; i < t.reply.len; i++) {
		t.reply.p[i] ^= 1;
		assert_true(take(p, &t) < 0);
		t.reply.p[i] ^= 1;
	}
	assert_int_equal(take(p, &t), 0);
	talk_done(&t);
}

/* ---- refusals ---- */

static void test_form(void **state)
{
	struct pair *p = *state;
	grow(p, 3);
	struct talk t = ask(p);
	static const char *const bad[] = {
		"",
		"old 0",
		"old 0\n",
		"old\n\n",
		"old -1\n\n",
		"old 00\n\n",
		"new 0\n\n",
		"old 0\nnot base64\n\n",
		"old 0\nAAAA\n\n",
		"old 0\n\n",
		"old 0\n\nrome.example/audit\n3\n",
		"old 4\n\nrome.example/audit\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\xe2\x80\x94 rome.example/audit AAAAAAA=\n",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_question(&t, bad[i]);
		answer(p, &t);
		assert_int_equal(t.code, -ERR_FORMAT);
		assert_int_equal(t.reply.len, 0);
	}
	buf_clear(&t.body);
	while (t.body.len <= WITNESS_BODY_MAX)
		buf_u8(&t.body, 'x');
	answer(p, &t);
	assert_int_equal(t.code, -ERR_OVERSIZE);
	talk_done(&t);
}

static void test_signature(void **state)
{
	struct pair *p = *state;
	grow(p, 3);
	struct talk t = ask(p);
	t.body.p[t.body.len - 10] ^= 1;
	answer(p, &t);
	assert_true(t.code == -ERR_SIGNATURE || t.code == -ERR_FORMAT);
	struct buf note;
	buf_init(&note, NOTE_MAX);
	buf_str(&note, "berne.example/audit\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
	assert_int_equal(note_sign_seed(&note, "berne.example/audit", p->seed32, NULL), 0);
	put_question(&t, "old 0\n\n");
	buf_put(&t.body, note.p, note.len);
	answer(p, &t);
	assert_int_equal(t.code, -ERR_MEMBER_UNKNOWN);
	buf_clear(&note);
	buf_str(&note, RIG_ORIGIN "\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
	assert_int_equal(note_sign_seed(&note, RIG_ORIGIN, p->seed32, NULL), 0);
	put_question(&t, "old 0\n\n");
	buf_put(&t.body, note.p, note.len);
	answer(p, &t);
	assert_int_equal(t.code, -ERR_KEY_UNKNOWN); /* its name, but not its key */
	buf_done(&note);
	talk_done(&t);
}

static int64_t kept(struct pair *p)
{
	STORE_ROWS(rows);
	assert_int_equal(store_first(p->store, "SELECT COUNT(*) AS n FROM audit_contradiction",
				     NO_VALS, &rows, NULL),
			 1);
	return row_i64(&rows, "n");
}

/* A log that was countersigned, and then signs another tree of `size` entries: 409 or 422, both kept, and nothing signed. */
static void contradict(struct pair *p, uint64_t size, const char *old, int code)
{
	struct talk t = {0};
	struct buf note;
	char text[160];
	buf_init(&t.body, WITNESS_BODY_MAX);
	buf_init(&t.reply, NOTE_MAX);
	buf_init(&note, NOTE_MAX);
	(void)snprintf(text, sizeof(text),
		       RIG_ORIGIN "\n%llu\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		       (unsigned long long)size);
	buf_str(&note, text);
	assert_int_equal(note_sign_seed(&note, RIG_ORIGIN, p->rig->seed32, NULL), 0);
	put_question(&t, old);
	buf_put(&t.body, note.p, note.len);
	answer(p, &t);
	assert_int_equal(t.code, code);
	assert_int_equal(t.size, 3);
	assert_int_equal(t.reply.len, 0);
	buf_done(&note);
	talk_done(&t);
}

static void test_contradictions(void **state)
{
	struct pair *p = *state;
	grow(p, 3);
	struct talk t = ask(p);
	assert_int_equal(t.code, 0);
	talk_done(&t);
	contradict(p, 3, "old 3\n\n", -ERR_CONFLICT);
	contradict(p, 3, "old 3\n\n", -ERR_CONFLICT); /* kept once */
	assert_int_equal(kept(p), 1);
	contradict(p, 4, "old 3\n\n", -ERR_CRYPTO);
	assert_int_equal(kept(p), 2);
	contradict(p, 4, "old 2\n\n", -ERR_STALE);
	assert_int_equal(kept(p), 2);
	t = ask(p); /* the log itself does not know that it was countersigned */
	assert_int_equal(t.code, -ERR_STALE);
	assert_int_equal(t.size, 3);
	talk_done(&t);
}

/* ---- what a log makes of 409 ---- */

static void test_other_size(void **state)
{
	struct pair *p = *state;
	grow(p, 10);
	struct talk t = ask(p);
	talk_done(&t); /* the answer is lost */
	grow(p, 10);
	t = ask(p);
	assert_int_equal(t.code, -ERR_STALE);
	assert_int_equal(t.size, 10);
	talk_done(&t);
	assert_int_equal(take_size(p, "10\n"), 0);
	t = ask(p);
	assert_int_equal(t.code, 0);
	assert_int_equal(take(p, &t), 0);
	talk_done(&t);
	assert_int_equal(take_size(p, "20\n"), -ERR_CONFLICT); /* what we said */
	static const char *const bad[] = {"", "\n", "20", "-1\n", "x\n", "020\n"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(take_size(p, bad[i]), -ERR_FORMAT);
	assert_int_equal(take_size(p, "21\n"), -ERR_STALE); /* more than there is */
	t = ask(p); /* which anybody can say: it is asked as before */
	assert_int_equal(t.code, 0);
	talk_done(&t);
}

/* ---- what a witness shows for it ---- */

static int show(struct pair *p, const void *note, size_t len)
{
	return witness_shown(p->rig->store, p->rig->log_dir, ASKER, note, len, log_key, p, NULL);
}

static int show_signed(struct pair *p, const char *text, const char *name,
		       const uint8_t seed32[static 32])
{
	struct buf note;
	buf_init(&note, NOTE_MAX);
	buf_str(&note, text);
	assert_int_equal(note_sign_seed(&note, name, seed32, NULL), 0);
	int r = show(p, note.p, note.len);
	buf_done(&note);
	return r;
}

static void test_shown(void **state)
{
	struct pair *p = *state;
	struct buf held;
	static const char zeros[] = "\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
	char text[128];
	buf_init(&held, NOTE_MAX);
	assert_int_equal(witness_held(p->store, RIG_ORIGIN, &held, NULL), -ERR_NOENT);
	grow(p, 10);
	struct talk t = ask(p);
	talk_done(&t); /* the answer is lost */
	grow(p, 300);
	assert_int_equal(witness_held(p->store, RIG_ORIGIN, &held, NULL), 0);
	assert_int_equal(show(p, held.p, held.len), 0); /* our tree begins with it */
	t = ask(p);
	assert_memory_equal(t.body.p, "old 10\n", 7); /* and it is asked from there on */
	assert_int_equal(t.code, 0);
	talk_done(&t);
	(void)snprintf(text, sizeof(text), RIG_ORIGIN "\n311%s", zeros);
	assert_int_equal(show_signed(p, text, RIG_ORIGIN, p->rig->seed32), -ERR_STALE);
	(void)snprintf(text, sizeof(text), RIG_ORIGIN "\n300%s", zeros);
	assert_int_equal(show_signed(p, text, RIG_ORIGIN, p->rig->seed32), -ERR_CONFLICT);
	/* What others have signed, or nobody, proves nothing. */
	assert_int_equal(show_signed(p, text, RIG_ORIGIN, p->seed32), -ERR_KEY_UNKNOWN);
	(void)snprintf(text, sizeof(text), ASKER "/audit\n311%s", zeros);
	assert_int_equal(show_signed(p, text, ASKER "/audit", p->seed32), -ERR_MEMBER_UNKNOWN);
	assert_int_equal(show(p, "999\n", 4), -ERR_FORMAT);
	held.p[strlen(RIG_ORIGIN) + 1] = '9'; /* 90 entries, signed as 10 */
	assert_int_equal(show(p, held.p, held.len), -ERR_SIGNATURE);
	t = ask(p);
	assert_memory_equal(t.body.p, "old 10\n", 7);
	talk_done(&t);
	buf_done(&held);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_countersigned), T(test_proof),	       T(test_changed_line), T(test_form),
		T(test_signature),     T(test_contradictions), T(test_other_size),   T(test_shown),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests_name("witness", tests, NULL, NULL);
}
