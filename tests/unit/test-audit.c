/* SPDX-License-Identifier: Apache-2.0
 * Tests of audit: events and entries, texts and their limits, tiles of every shape, proofs, tampering, erasure. */
#include "audit-rig.h"
#include "base/text.h"

/* ---- events and entries ---- */

static void test_types(void **state)
{
	static const enum audit_type all[] = {
#define AUDIT(id, name, kind, level, doc) AUDIT_##id,
#include "audit/audit.def"
#undef AUDIT
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		enum audit_type t = AUDIT_LOGIN;
		const char *name = audit_type_name(all[i]);
		assert_true(name_valid(name, strlen(name)));
		assert_int_equal(audit_type_parse(name, strlen(name), &t), 0);
		assert_int_equal(t, all[i]);
		assert_true(strlen(audit_type_doc(all[i])) > 20);
	}
	enum audit_type t = AUDIT_VIEW;
	assert_int_equal(audit_type_parse("log", 3, &t), -ERR_NOENT);
	assert_int_equal(audit_type_parse("logins", 6, &t), -ERR_NOENT);
	assert_int_equal(t, AUDIT_VIEW);
}

static void test_record(void **state)
{
	struct rig *rig = *state;
	uint8_t salt32[32] = {1, 2, 3}, commit32[32];
	uint64_t seq = 99;
	_cleanup_(json_decrefp) json_t *detail = json_pack("{s:s, s:i}", "from", "SENT", "n", 3);
	struct audit_event ev = {.type = AUDIT_TRANSITION,
				 .who = "officer.7",
				 .what = "request.answer",
				 .target = "request 1",
				 .detail = detail};
	STORE_TXN(txn);
	assert_int_equal(store_begin(rig->store, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(audit_record(rig->store, &ev, 1700000000, salt32, &seq, NULL), 0);
	assert_int_equal(seq, 0);
	ev.purpose = "case \"7\"";
	assert_int_equal(audit_record(rig->store, &ev, 1700000001, salt32, &seq, NULL), 0);
	assert_int_equal(seq, 1);
	assert_int_equal(store_commit(&txn, NULL), 0);
	STORE_ROWS(rows);
	assert_int_equal(
		store_first(rig->store,
			    "SELECT event, salt, who, target FROM audit_event WHERE seq = 0",
			    NO_VALS, &rows, NULL),
		1);
	static const char event[] =
		"{\"who\":\"officer.7\",\"what\":\"request.answer\",\"target\":\"request 1\","
		"\"detail\":{\"from\":\"SENT\",\"n\":3}}";
	assert_string_equal(row_text(&rows, "event", NULL), event);
	assert_string_equal(row_text(&rows, "target", NULL), "request 1");
	audit_commit(salt32, event, strlen(event), commit32);
	char b64[BASE64_LEN(32) + 1], text[300];
	base64_encode(BASE64_PADDED, commit32, 32, b64);
	(void)snprintf(
		text, sizeof(text),
		"lugdunum.network/audit/v1\nseq 0\ntime 1700000000\ntype transition\ncommit %s\n",
		b64);
	assert_int_equal(store_first(rig->store, "SELECT entry FROM audit_entry WHERE seq = 0",
				     NO_VALS, &rows, NULL),
			 1);
	assert_string_equal(row_text(&rows, "entry", NULL), text);
}

/* Each wrong event is refused, and dooms nothing: the act can still be recorded rightly. */
static void test_record_errors(void **state)
{
	struct rig *rig = *state;
	static const uint8_t zeros[32], salt[32] = {1};
	static char longest[AUDIT_FIELD_MAX + 2];
	memset(longest, 'x', AUDIT_FIELD_MAX + 1);
	_cleanup_(json_decrefp) json_t *array = json_array();
	_cleanup_(json_decrefp) json_t *large = json_object();
	_cleanup_(freep) char *filler = calloc(1, AUDIT_EVENT_MAX + 1);
	memset(filler, 'y', AUDIT_EVENT_MAX);
	json_object_set_new(large, "k", json_string(filler));
	const struct audit_event good = {.type = AUDIT_VIEW, .who = "a", .what = "b"};
	struct audit_event ev = good;
	struct err e = {0};
	assert_int_equal(audit_record(rig->store, &good, 1, salt, NULL, &e), -ERR_INVAL);
	assert_string_equal(e.field, "transaction");
	STORE_TXN(txn);
	assert_int_equal(store_begin(rig->store, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(audit_record(rig->store, &good, 1, zeros, NULL, &e), -ERR_INVAL);
	assert_string_equal(e.field, "salt");
	assert_int_equal(audit_record(rig->store, &good, -1, salt, NULL, &e), -ERR_INVAL);
	assert_string_equal(e.field, "time");
	ev.who = "";
	assert_int_equal(audit_record(rig->store, &ev, 1, salt, NULL, &e), -ERR_INVAL);
	assert_string_equal(e.field, "who");
	ev = good;
	ev.what = NULL;
	assert_int_equal(audit_record(rig->store, &ev, 1, salt, NULL, &e), -ERR_INVAL);
	assert_string_equal(e.field, "what");
	ev = good;
	ev.target = "a\nb";
	assert_int_equal(audit_record(rig->store, &ev, 1, salt, NULL, &e), -ERR_INVAL);
	assert_string_equal(e.field, "target");
	ev.target = longest;
	assert_int_equal(audit_record(rig->store, &ev, 1, salt, NULL, &e), -ERR_OVERSIZE);
	ev = good;
	ev.detail = array;
	assert_int_equal(audit_record(rig->store, &ev, 1, salt, NULL, &e), -ERR_INVAL);
	ev.detail = large;
	assert_int_equal(audit_record(rig->store, &ev, 1, salt, NULL, &e), -ERR_OVERSIZE);
	longest[AUDIT_FIELD_MAX] = 0;
	ev = good;
	ev.basis = longest;
	uint64_t seq = 99;
	assert_int_equal(audit_record(rig->store, &ev, 1, salt, &seq, &e), 0);
	assert_int_equal(seq, 0);
	assert_int_equal(store_commit(&txn, NULL), 0);
}

static void test_rollback(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(rig_record(rig->store, 0, 3, NULL), 0);
	{
		STORE_TXN(txn);
		assert_int_equal(store_begin(rig->store, STORE_WRITE, &txn, NULL), 0);
		assert_int_equal(rig_record_one(rig->store, 77, NULL), 0);
	}
	assert_int_equal(rig_record(rig->store, 3, 2, NULL), 0);
	_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
	assert_int_equal(audit_log_flush(log, NULL), 5); /* no gap where the other one was */
	assert_int_equal(rig_verify(rig).entries, 5);
}

/* ---- texts ---- */

#define COMMIT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void test_entry_text(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"lugdunum.network/audit/v1\nseq 5\ntime 7\ntype login\ncommit " COMMIT "\n", 0},
		{"lugdunum.network/audit/v2\nseq 5\ntime 7\ntype login\ncommit " COMMIT "\n",
		 -ERR_VERSION},
		{"lugdunum.network/parcel/v1\nseq 5\ntime 7\ntype login\ncommit " COMMIT "\n",
		 -ERR_KEY_TYPE},
		{"lugdunum.network/audit/v1\nseq 05\ntime 7\ntype login\ncommit " COMMIT "\n",
		 -ERR_FORMAT},
		{"lugdunum.network/audit/v1\nseq 9223372036854775808\ntime 7\ntype login\ncommit " COMMIT
		 "\n",
		 -ERR_RANGE},
		{"lugdunum.network/audit/v1\nseq 5\ntime -7\ntype login\ncommit " COMMIT "\n",
		 -ERR_FORMAT},
		{"lugdunum.network/audit/v1\nseq 5\ntime 7\ntype nothing\ncommit " COMMIT "\n",
		 -ERR_UNSUPPORTED},
		{"lugdunum.network/audit/v1\nseq 5\ntime 7\ntype login\ncommit AAAA\n",
		 -ERR_FORMAT},
		{"lugdunum.network/audit/v1\nseq 5\ntime 7\ntype login\ncommit " COMMIT,
		 -ERR_FORMAT},
		{"lugdunum.network/audit/v1\nseq 5\ntime 7\ntype login\n", -ERR_FIELD_MISSING},
		{"lugdunum.network/audit/v1\ntime 7\nseq 5\ntype login\ncommit " COMMIT "\n",
		 -ERR_FIELD_MISSING},
		{"lugdunum.network/audit/v1\nseq 5\ntime 7\ntype login\ncommit " COMMIT
		 "\nmore x\n",
		 -ERR_FIELD_UNKNOWN},
		{"", -ERR_FORMAT},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct audit_entry entry = {.seq = 42};
		struct err e = {0};
		int r = audit_entry_parse(cases[i].text, strlen(cases[i].text), &entry, &e);
		if (r != cases[i].code)
			fail_msg("case %zu: %d instead of %d: %s", i, r, cases[i].code, e.message);
		assert_int_equal(entry.seq, r == 0 ? 5 : 42);
		if (r < 0)
			continue;
		struct buf b;
		buf_init(&b, AUDIT_ENTRY_MAX);
		assert_int_equal(audit_entry_write(&entry, &b), 0);
		assert_string_equal(buf_cstr(&b), cases[i].text);
		buf_done(&b);
	}
	struct audit_entry entry;
	char big[AUDIT_ENTRY_MAX + 1] = "lugdunum.network/audit/v1\n";
	assert_int_equal(audit_entry_parse(big, sizeof(big), &entry, NULL), -ERR_OVERSIZE);
}

static void check_checkpoint(struct rig *rig, const char *text, int code)
{
	struct audit_checkpoint head = {.size = 42};
	struct buf b;
	struct err e = {0};
	buf_init(&b, NOTE_MAX);
	buf_str(&b, text);
	assert_int_equal(rig_sign(rig, &b, NULL), 0);
	int r = audit_checkpoint_check(b.p, b.len, &rig->key.verifier, &head, &e);
	if (r != code)
		fail_msg("%d instead of %d: %s for\n%s", r, code, e.message, text);
	assert_int_equal(head.size, r == 0 ? 5 : 42);
	buf_done(&b);
}

static void test_checkpoint_text(void **state)
{
	struct rig *rig = *state;
	check_checkpoint(rig, RIG_ORIGIN "\n5\n" COMMIT "\n", 0);
	check_checkpoint(rig, "paris.example/audit\n5\n" COMMIT "\n", -ERR_CONFLICT);
	check_checkpoint(rig, RIG_ORIGIN "\n05\n" COMMIT "\n", -ERR_FORMAT);
	check_checkpoint(rig, RIG_ORIGIN "\n5\nAAAA\n", -ERR_FORMAT);
	check_checkpoint(rig, RIG_ORIGIN "\n5\n", -ERR_FORMAT);
	check_checkpoint(rig, RIG_ORIGIN "\n5\n" COMMIT "\nextension\n", -ERR_FORMAT);
	check_checkpoint(rig, "Rome Audit\n5\n" COMMIT "\n", -ERR_FORMAT);
	struct audit_checkpoint head;
	assert_int_equal(audit_checkpoint_parse("x", 1, &head, NULL), -ERR_FORMAT);
	_cleanup_(freep) char *big = calloc(1, NOTE_MAX + 1);
	assert_int_equal(audit_checkpoint_parse(big, NOTE_MAX + 1, &head, NULL), -ERR_OVERSIZE);
}

/* ---- tiles of every shape ---- */

static int64_t file_size(struct rig *rig, const char *name)
{
	char path[160];
	struct buf b;
	buf_init(&b, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s/%s", rig->log_dir, name);
	int r = file_read(path, &b, NULL);
	int64_t len = r < 0 ? r : (int64_t)b.len;
	buf_done(&b);
	return len;
}

static void test_growing(void **state)
{
	struct rig *rig = *state;
	static const uint64_t sizes[] = {1, 2, 7, 254, 255, 256, 257, 511, 512, 513, 800};
	static uint8_t roots[ARRAY_LEN(sizes)][32];
	uint64_t size = 0;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		rig_grow(rig, size, sizes[i] - size);
		size = sizes[i];
		struct audit_report report = rig_verify(rig);
		assert_int_equal(report.entries, size);
		assert_int_equal(report.head.size, size);
		assert_string_equal(report.head.origin, RIG_ORIGIN);
		assert_true(report.signature_checked && report.first_s == 1700000000);
		assert_int_equal(report.last_s, 1700000000 + size - 1);
		memcpy(roots[i], report.head.root32, 32);
		assert_int_equal(audit_scrub(rig->store, rig->log_dir, NULL, NULL, &report, NULL),
				 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (size_t k = i; k < ARRAY_LEN(sizes); k++) {
			uint8_t proof[MERKLE_PROOF_MAX][32];
			size_t n = 0;
			assert_int_equal(audit_prove_growth(rig->log_dir, sizes[i], sizes[k], proof,
							    &n, NULL),
					 0);
			assert_int_equal(merkle_consistency_check(sizes[i], sizes[k], roots[i],
								  roots[k],
								  (const uint8_t(*)[32])proof, n),
					 0);
		}
	assert_int_equal(audit_prove_growth(rig->log_dir, 1, 801, NULL, NULL, NULL), -ERR_RANGE);
	assert_int_equal(file_size(rig, "tile/0/000"), 8192);
	assert_int_equal(file_size(rig, "tile/0/003.p/32"), 32 * 32);
	assert_int_equal(file_size(rig, "tile/1/000.p/3"), 3 * 32);
	assert_int_equal(file_size(rig, "tile/0/000.p/7"),
			 -ERR_NOENT); /* removed when the full one came */
	assert_int_equal(file_size(rig, "tile/entries/000.p/7"), -ERR_NOENT);
	assert_true(file_size(rig, "tile/entries/000") > 256 * 100);
}

/* The example of C2SP tlog-tiles: 70,000 entries are 273 full tiles and 112 hashes, one full and 17, and 1. */
static void test_70000(void **state)
{
	struct rig *rig = *state;
	STORE_TXN(txn);
	assert_int_equal(store_begin(rig->store, STORE_WRITE, &txn, NULL), 0);
	for (uint64_t i = 0; i < 70000; i++) {
		struct audit_entry entry = {.seq = i, .time_s = (int64_t)i, .type = AUDIT_SEND};
		struct buf b;
		memcpy(entry.commit32, &i, sizeof(i));
		buf_init(&b, AUDIT_ENTRY_MAX);
		assert_int_equal(audit_entry_write(&entry, &b), 0);
		assert_int_equal(store_exec(rig->store,
					    "INSERT INTO audit_entry (seq, entry) VALUES (?, ?)",
					    VALS(val_u64(i), val_textn(buf_cstr(&b), b.len)), NULL),
				 1);
		buf_done(&b);
	}
	assert_int_equal(store_commit(&txn, NULL), 0);
	_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
	assert_int_equal(audit_log_flush(log, NULL), 70000);
	assert_int_equal(file_size(rig, "tile/0/272"), 8192);
	assert_int_equal(file_size(rig, "tile/0/273.p/112"), 112 * 32);
	assert_int_equal(file_size(rig, "tile/1/000"), 8192);
	assert_int_equal(file_size(rig, "tile/1/001.p/17"), 17 * 32);
	assert_int_equal(file_size(rig, "tile/2/000.p/1"), 32);
	assert_int_equal(rig_verify(rig).entries, 70000);
	log = audit_log_close(log);
	log = rig_log_open(rig); /* and the edge is found again */
	assert_int_equal(rig_record(rig->store, 70000, 1, NULL), 0);
	assert_int_equal(audit_log_flush(log, NULL), 1);
	assert_int_equal(rig_verify(rig).entries, 70001);
	uint8_t proof[MERKLE_PROOF_MAX][32];
	size_t n = 0;
	assert_int_equal(audit_prove_growth(rig->log_dir, 65537, 70001, proof, &n, NULL), 0);
	struct buf b;
	buf_init(&b, AUDIT_PROOF_MAX);
	assert_int_equal(audit_prove(rig->log_dir, 65536, &b, NULL), 0);
	buf_done(&b);
}

static void test_tick(void **state)
{
	struct rig *rig = *state;
	_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
	assert_int_equal(audit_log_tick(log, 100, NULL), 0);
	assert_int_equal(file_size(rig, "checkpoint"), -ERR_NOENT);
	assert_int_equal(rig_record(rig->store, 0, 3, NULL), 0);
	assert_int_equal(audit_log_tick(log, 5000, NULL), 0); /* first seen */
	assert_int_equal(audit_log_tick(log, 5999, NULL), 0);
	assert_int_equal(audit_log_tick(log, 6000, NULL), 3);
	assert_int_equal(audit_log_tick(log, 9000, NULL), 0);
	assert_int_equal(rig_record(rig->store, 3, AUDIT_BATCH_MAX, NULL), 0);
	assert_int_equal(audit_log_tick(log, 9001, NULL), AUDIT_BATCH_MAX); /* at once */
	assert_int_equal(audit_log_size(log), 3 + AUDIT_BATCH_MAX);
	STORE_TXN(txn);
	assert_int_equal(store_begin(rig->store, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(rig_record_one(rig->store, 300, NULL), 0);
	struct err e = {0};
	assert_int_equal(audit_log_flush(log, &e),
			 -ERR_INVAL); /* what may be rolled back is never signed */
	assert_string_equal(e.field, "transaction");
}

/* ---- proofs ---- */

static void prove_and_spoil(struct rig *rig, uint64_t seq)
{
	struct buf b;
	struct audit_proof proof = {0};
	struct err e = {0};
	buf_init(&b, AUDIT_PROOF_MAX);
	assert_int_equal(audit_prove(rig->log_dir, seq, &b, NULL), 0);
	if (audit_proof_verify(b.p, b.len, &rig->key.verifier, &proof, &e) < 0)
		fail_msg("%s", e.message);
	assert_int_equal(proof.entry.seq, seq);
	assert_int_equal(proof.head.size, 300);
	for (size_t i = 0; i < b.len; i++) { /* no byte is without meaning */
		b.p[i] ^= 1;
		if (audit_proof_verify(b.p, b.len, &rig->key.verifier, &proof, NULL) == 0)
			fail_msg("entry %llu: byte %zu of %zu may be changed",
				 (unsigned long long)seq, i, b.len);
		b.p[i] ^= 1;
	}
	for (size_t len = 0; len < b.len; len += 1 + len % 7)
		assert_true(audit_proof_verify(b.p, len, &rig->key.verifier, &proof, NULL) < 0);
	buf_done(&b);
}

static void test_proofs(void **state)
{
	struct rig *rig = *state;
	rig_grow(rig, 0, 300);
	prove_and_spoil(rig, 0);
	prove_and_spoil(rig, 255);
	prove_and_spoil(rig, 299);
	struct buf b;
	struct err e = {0};
	buf_init(&b, AUDIT_PROOF_MAX);
	for (uint64_t i = 0; i < 300; i++) {
		struct audit_proof proof;
		buf_clear(&b);
		assert_int_equal(audit_prove(rig->log_dir, i, &b, NULL), 0);
		assert_int_equal(audit_proof_verify(b.p, b.len, &rig->key.verifier, &proof, NULL),
				 0);
		assert_int_equal(proof.entry.time_s, 1700000000 + i);
	}
	assert_int_equal(audit_prove(rig->log_dir, 300, &b, &e), -ERR_RANGE);
	struct audit_proof proof;
	struct rig other = *rig;
	rig_key(&other, RIG_ORIGIN, 8);
	assert_int_equal(audit_proof_verify(b.p, b.len, &other.key.verifier, &proof, NULL),
			 -ERR_KEY_UNKNOWN);
	_cleanup_(freep) char *big = calloc(1, AUDIT_PROOF_MAX + 1);
	assert_int_equal(
		audit_proof_verify(big, AUDIT_PROOF_MAX + 1, &rig->key.verifier, &proof, NULL),
		-ERR_OVERSIZE);
	/* One entry's words with another one's place. */
	char *at = strstr(buf_cstr(&b), "index 299\n");
	assert_non_null(at);
	at[8] = '8';
	assert_int_equal(audit_proof_verify(b.p, b.len, &rig->key.verifier, &proof, NULL),
			 -ERR_CONFLICT);
	buf_done(&b);
}

/* ---- tampering ---- */

static int verify_code(struct rig *rig, struct err *e)
{
	struct audit_report report;
	return audit_verify(rig->log_dir, &rig->key.verifier, NULL, NULL, &report, e);
}

static int verify_after(struct rig *rig, const char *command, struct err *e)
{
	assert_int_equal(rig_run("rm -rf '%s/kept' && cp -a '%s' '%s/kept'", rig->dir, rig->log_dir,
				 rig->dir),
			 0);
	assert_int_equal(rig_run("cd '%s' && %s", rig->log_dir, command), 0);
	int r = verify_code(rig, e);
	assert_int_equal(
		rig_run("rm -rf '%s' && mv '%s/kept' '%s'", rig->log_dir, rig->dir, rig->log_dir),
		0);
	return r;
}

static void test_tampering(void **state)
{
	struct rig *rig = *state;
	rig_grow(rig, 0, 300);
	struct err e = {0};
#define POKE(file, offset) \
	"printf '\\377' | dd of=" file " bs=1 seek=" #offset " conv=notrunc status=none"
	assert_int_equal(verify_after(rig, POKE("tile/entries/000", 100), &e), -ERR_CORRUPT);
	assert_int_equal(verify_after(rig, POKE("tile/entries/001.p/44", 50), &e), -ERR_CORRUPT);
	assert_int_equal(verify_after(rig, POKE("tile/0/000", 33), &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.message, "Audit entry 1 in"));
	assert_int_equal(verify_after(rig, POKE("tile/0/001.p/44", 1000), &e), -ERR_CORRUPT);
	assert_int_equal(verify_after(rig, POKE("tile/1/000.p/1", 0), &e), -ERR_CORRUPT);
	assert_int_equal(verify_after(rig, "rm tile/0/000", &e), -ERR_TRUNCATED);
	assert_int_equal(verify_after(rig, "rm tile/entries/001.p/44", &e), -ERR_TRUNCATED);
	assert_int_equal(verify_after(rig, "rm tile/1/000.p/1", &e), -ERR_TRUNCATED);
	assert_int_equal(verify_after(rig, "truncate -s 8191 tile/0/000", &e), -ERR_TRUNCATED);
	assert_int_equal(verify_after(rig, "truncate -s 1409 tile/0/001.p/44", &e), -ERR_CORRUPT);
	assert_int_equal(verify_after(rig, "truncate -s 8193 tile/0/000", &e), -ERR_CORRUPT);
	assert_int_equal(verify_after(rig, "truncate -s -1 tile/entries/000", &e), -ERR_TRUNCATED);
	assert_int_equal(verify_after(rig, "printf x >> tile/entries/000", &e), -ERR_CORRUPT);
	assert_int_equal(verify_after(rig, "printf x >> tile/entries/001.p/44", &e), -ERR_CORRUPT);
	assert_int_equal(verify_after(rig, "rm checkpoint", &e), -ERR_NOENT);
	assert_int_equal(verify_after(rig, "sed -i 's/^300$/299/' checkpoint", &e), -ERR_SIGNATURE);
	assert_int_equal(verify_after(rig, "sed -i '/^—/d' checkpoint", &e), -ERR_FORMAT);
	assert_int_equal(verify_code(rig, &e), 0);
	struct rig other = *rig;
	rig_key(&other, RIG_ORIGIN, 8);
	assert_int_equal(verify_code(&other, &e), -ERR_KEY_UNKNOWN);
	struct audit_report report;
	assert_int_equal(audit_verify(rig->log_dir, NULL, NULL, NULL, &report, &e), 0);
	assert_false(report.signature_checked);
}

/* Rewrites the last bundle: its entries in another order, or one less. */
static void rewrite_bundle(struct rig *rig, bool swap)
{
	char path[160];
	struct buf b, out;
	buf_init(&b, 1 << 20);
	buf_init(&out, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s/tile/entries/000.p/4", rig->log_dir);
	assert_int_equal(file_read(path, &b, NULL), 0);
	size_t one = 2 + ((size_t)b.p[0] << 8 | b.p[1]);
	if (swap)
		buf_put(&out, b.p + one, one); /* all of one length here */
	buf_put(&out, b.p, one);
	buf_put(&out, b.p + 2 * one, b.len - 2 * one);
	assert_int_equal(file_write(path, out.p, out.len, 0644, NULL), 0);
	buf_done(&b);
	buf_done(&out);
}

static void test_dropped_and_reordered(void **state)
{
	struct rig *rig = *state;
	rig_grow(rig, 0, 4);
	struct err e = {0};
	rewrite_bundle(rig, true);
	assert_int_equal(verify_code(rig, &e), -ERR_CORRUPT);
	rewrite_bundle(rig, true);
	assert_int_equal(verify_code(rig, &e), 0);
	rewrite_bundle(rig, false);
	assert_true(verify_code(rig, &e) == -ERR_CORRUPT || verify_code(rig, &e) == -ERR_TRUNCATED);
}

static void count_progress(void *ctx, uint64_t done, uint64_t all)
{
	unsigned *calls = ctx;
	++*calls;
	assert_true(done <= all);
	assert_int_equal(all, 600);
}

static int scrub_code(struct rig *rig, struct err *e)
{
	struct audit_report report;
	return audit_scrub(rig->store, rig->log_dir, NULL, NULL, &report, e);
}

static int scrub_after(struct rig *rig, const char *sql, struct err *e)
{
	STORE_TXN(txn);
	assert_int_equal(store_begin(rig->store, STORE_WRITE, &txn, NULL), 0);
	assert_true(store_exec(rig->store, sql, NO_VALS, NULL) > 0);
	return scrub_code(rig, e);
}

static int scrub_without_entry(struct rig *rig, struct err *e)
{
	STORE_TXN(txn);
	assert_int_equal(store_begin(rig->store, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(
		store_exec(rig->store, "DELETE FROM audit_event WHERE seq = 8", NO_VALS, NULL), 1);
	assert_int_equal(
		store_exec(rig->store, "DELETE FROM audit_entry WHERE seq = 8", NO_VALS, NULL), 1);
	return scrub_code(rig, e);
}

static void test_scrub(void **state)
{
	struct rig *rig = *state;
	rig_grow(rig, 0, 600);
	struct err e = {0};
	unsigned calls = 0;
	struct audit_report report;
	assert_int_equal(
		audit_scrub(rig->store, rig->log_dir, count_progress, &calls, &report, NULL), 0);
	assert_int_equal(report.entries, 600);
	assert_int_equal(calls, 3);
	assert_int_equal(
		scrub_after(rig, "UPDATE audit_event SET event = '{}' WHERE seq = 300", &e),
		-ERR_CORRUPT);
	assert_non_null(strstr(e.message, "event of audit entry 300"));
	assert_int_equal(scrub_after(rig, "UPDATE audit_entry SET entry = 'x' WHERE seq = 599", &e),
			 -ERR_CORRUPT);
	assert_int_equal(scrub_after(rig, "UPDATE audit_event SET salt = '0' WHERE seq = 0", &e),
			 -ERR_CORRUPT);
	assert_int_equal(scrub_after(rig, "DELETE FROM audit_event WHERE seq = 7", &e),
			 0); /* an erasure */
	assert_int_equal(scrub_without_entry(rig, &e), -ERR_TRUNCATED);
	assert_int_equal(scrub_code(rig, &e), 0);
}

/* ---- erasure and export ---- */

static int keep_line(void *ctx, const char *text, size_t len, struct err *e)
{
	buf_put(ctx, text, len);
	return buf_err(ctx);
}

static int refuse_line(void *ctx, const char *text, size_t len, struct err *e)
{
	return err_set(e, ERR_PIPE, NULL, NULL);
}

static void test_erase(void **state)
{
	struct rig *rig = *state;
	rig_grow(rig, 0, 10);
	struct err e = {0};
	struct buf b;
	assert_int_equal(audit_erase(rig->store, 4, &e), -ERR_INVAL);
	STORE_TXN(txn);
	assert_int_equal(store_begin(rig->store, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(audit_erase(rig->store, 4, &e), 0);
	assert_int_equal(audit_erase(rig->store, 4, &e), -ERR_NOENT);
	assert_int_equal(audit_erase(rig->store, 99, &e), -ERR_NOENT);
	assert_int_equal(store_commit(&txn, NULL), 0);
	rig_grow(rig, 10, 2);
	assert_int_equal(rig_verify(rig).entries, 12);
	assert_int_equal(scrub_code(rig, &e), 0);
	buf_init(&b, 1 << 16);
	const struct audit_range four = {4, 4, 0, INT64_MAX},
				 five = {0, 99, 1700000005, 1700000005};
	uint64_t n = 0;
	assert_int_equal(audit_export(rig->store, rig->log_dir, &four, keep_line, &b, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_null(strstr(buf_cstr(&b), "officer.7"));
	buf_clear(&b);
	assert_int_equal(audit_export(rig->store, rig->log_dir, &five, keep_line, &b, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_non_null(strstr(buf_cstr(&b), "officer.7"));
	assert_non_null(strstr(buf_cstr(&b), "\"time\":\"2023-11-14T22:13:25Z\""));
	assert_int_equal(b.p[b.len - 1], '\n');
	buf_clear(&b);
	assert_int_equal(audit_export(NULL, rig->log_dir, &audit_range_all, keep_line, &b, &n, &e),
			 0);
	assert_int_equal(n, 12);
	assert_null(strstr(buf_cstr(&b), "salt"));
	assert_int_equal(
		audit_export(NULL, rig->log_dir, &audit_range_all, refuse_line, NULL, &n, &e),
		-ERR_PIPE);
	buf_done(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RIG_TEST(test_types),	      RIG_TEST(test_record),
		RIG_TEST(test_record_errors), RIG_TEST(test_rollback),
		RIG_TEST(test_entry_text),    RIG_TEST(test_checkpoint_text),
		RIG_TEST(test_growing),	      RIG_TEST(test_70000),
		RIG_TEST(test_tick),	      RIG_TEST(test_proofs),
		RIG_TEST(test_tampering),     RIG_TEST(test_dropped_and_reordered),
		RIG_TEST(test_scrub),	      RIG_TEST(test_erase),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
