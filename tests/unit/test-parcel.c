/* SPDX-License-Identifier: Apache-2.0
 * Tests of parcels and receipts: texts field by field, framing, padding, sealing and opening, each refusal. */
#include "base/prng.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "wire/receipt.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint8_t seed_node[32] = {1}, seed_evidence[32] = {2}, seed_other[32] = {3};
static const uint8_t secret_fr[32] = {0, 11}, secret_jp[32] = {0, 12}, secret_xx[32] = {0, 13};

static struct parcel_outer an_outer(void)
{
	struct parcel_outer o = {
		.from = "it.example",
		.to = "fr.example",
		.epoch = 1,
		.seq = 2,
		.prev32 = {1, 2, 3},
		.id16 = {0xab, 0xcd},
		.time_s = 1700000000,
		.expires_s = 1700086400,
		.class = PARCEL_FLASH,
		.size = 5000,
		.sha256 = {9},
	};
	return o;
}

static struct parcel_manifest a_manifest(void)
{
	struct parcel_manifest m = {
		.from = "it.example",
		.to = {"jp.example", "fr.example"},
		.to_n = 2,
		.officer = "o-17",
		.case_ref = "2024/118-A",
		.purpose = "freeze",
		.basis = "cybercrime-art-25",
		.handling = "H1",
		.marking = "TLP:AMBER+STRICT",
		.grade = "A1",
	};
	return m;
}

/* The text with one line replaced, removed (with == "") or added. */
static void replace_line(const struct buf *text, const char *key, const char *with, struct buf *out)
{
	buf_clear(out);
	size_t key_len = strlen(key);
	for (const char *p = (const char *)text->p, *end = p + text->len; p < end;) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		if (strncmp(p, key, key_len) == 0 && p[key_len] == ' ')
			buf_str(out, with);
		else
			buf_put(out, p, (size_t)(lf + 1 - p));
		p = lf + 1;
	}
}

struct bad_line {
	const char *key, *with;
	int code;
};

#define ZERO32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void test_outer_text(void **state)
{
	static const char want[] = "lugdunum.network/parcel/v1\n"
				   "from it.example\n"
				   "to fr.example\n"
				   "stream 1 2\n"
				   "prev AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
				   "id abcd0000000000000000000000000000\n"
				   "time 1700000000\n"
				   "expires 1700086400\n"
				   "class flash\n"
				   "suite age-x25519\n"
				   "size 5000\n"
				   "sha256 CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
	struct parcel_outer o = an_outer(), back;
	struct buf b;
	buf_init(&b, NOTE_TEXT_MAX);
	assert_int_equal(parcel_outer_encode(&o, &b), 0);
	assert_string_equal(buf_cstr(&b), want);
	memset(&back, 0xff, sizeof(back));
	assert_int_equal(parcel_outer_decode(want, strlen(want), &back, NULL), 0);
	struct buf again;
	buf_init(&again, NOTE_TEXT_MAX);
	assert_int_equal(parcel_outer_encode(&back, &again), 0);
	assert_string_equal(buf_cstr(&again), want);
	buf_done(&b);
	buf_done(&again);
}

static void test_outer_refused(void **state)
{
	static const struct bad_line bad[] = {
		{"from", "from IT\n", -ERR_FORMAT},
		{"from", "from fr.example\n", -ERR_INVAL},
		{"from", "", -ERR_FIELD_MISSING},
		{"to", "to fr.example\nto jp.example\n", -ERR_FIELD_MISSING},
		{"stream", "stream 1\n", -ERR_FORMAT},
		{"stream", "stream 0 2\n", -ERR_RANGE},
		{"stream", "stream 1 0\n", -ERR_RANGE},
		{"stream", "stream 1 1\n", -ERR_INVAL},
		{"stream", "stream 1 9223372036854775808\n", -ERR_RANGE},
		{"prev", "prev " ZERO32 "\n", -ERR_INVAL},
		{"prev", "prev AQID\n", -ERR_FORMAT},
		{"id", "id ABCD0000000000000000000000000000\n", -ERR_FORMAT},
		{"id", "id abcd\n", -ERR_FORMAT},
		{"time", "time 01700000000\n", -ERR_FORMAT},
		{"time", "time 1700086400\n", -ERR_INVAL},
		{"expires", "expires -1\n", -ERR_FORMAT},
		{"class", "class slow\n", -ERR_FORMAT},
		{"class", "class Flash\n", -ERR_FORMAT},
		{"suite", "suite age-mlkem768x25519\n", -ERR_UNSUPPORTED},
		{"size", "size 0\n", -ERR_RANGE},
		{"size", "size 8388609\n", -ERR_RANGE},
		{"sha256", "sha256 CQ==\n", -ERR_FORMAT},
		{"sha256", "sha256 " ZERO32 "\nnew 1\n", -ERR_FIELD_UNKNOWN},
		{"sha256", "sha256 " ZERO32 "\n\n", -ERR_FIELD_UNKNOWN},
	};
	struct parcel_outer o = an_outer(), back;
	struct buf good, b;
	buf_init(&good, NOTE_TEXT_MAX);
	buf_init(&b, NOTE_TEXT_MAX);
	assert_int_equal(parcel_outer_encode(&o, &good), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = {0};
		replace_line(&good, bad[i].key, bad[i].with, &b);
		int r = parcel_outer_decode((const char *)b.p, b.len, &back, &e);
		if (r != bad[i].code)
			print_message("# %zu: %s\n", i, bad[i].with);
		assert_int_equal(r, bad[i].code);
		assert_int_not_equal(e.field[0], 0);
	}
	assert_int_equal(parcel_outer_decode("lugdunum.network/parcel/v2\n", 27, &back, NULL),
			 -ERR_VERSION);
	assert_int_equal(parcel_outer_decode("lugdunum.network/manifest/v1\n", 29, &back, NULL),
			 -ERR_KEY_TYPE);
	/* The encoder lets nothing out that the decoder refuses. */
	o.seq = 0;
	assert_int_equal(parcel_outer_encode(&o, &b), -ERR_INVAL);
	o = an_outer();
	o.class = (enum parcel_class)4;
	assert_int_equal(parcel_outer_encode(&o, &b), -ERR_INVAL);
	o = an_outer();
	snprintf(o.to, sizeof(o.to), "it.example\nx");
	assert_int_equal(parcel_outer_encode(&o, &b), -ERR_INVAL);
	buf_done(&good);
	buf_done(&b);
}

static void test_manifest_text(void **state)
{
	static const char want[] = "lugdunum.network/manifest/v1\n"
				   "from it.example\n"
				   "to fr.example\n"
				   "to jp.example\n"
				   "officer o-17\n"
				   "case 2024/118-A\n"
				   "purpose freeze\n"
				   "basis cybercrime-art-25\n"
				   "handling H1\n"
				   "marking TLP:AMBER+STRICT\n"
				   "grade A1\n"
				   "part 1 application/json 2 " ZERO32 "\n"
				   "part 2 text/plain 4194304 " ZERO32 "\n"
				   "pad 77\n";
	static const struct bad_line bad[] = {
		{"from", "from fr.example\n", -ERR_INVAL},
		{"to", "", -ERR_FIELD_MISSING},
		{"to", "to fr.example\n", -ERR_INVAL},
		{"officer", "officer a b\n", -ERR_FORMAT},
		{"officer",
		 "officer 12345678901234567890123456789012345678901234567890123456789012345\n",
		 -ERR_OVERSIZE},
		{"grade", "", -ERR_FIELD_MISSING},
		{"handling", "handling \n", -ERR_FORMAT},
		{"part", "", -ERR_FIELD_MISSING},
		{"part", "part 1 text/plain 0 " ZERO32 "\n", -ERR_RANGE},
		{"part", "part 1 text/plain 4194305 " ZERO32 "\n", -ERR_RANGE},
		{"part", "part 2 text/plain 1 " ZERO32 "\n", -ERR_FORMAT},
		{"part", "part 1 text 1 " ZERO32 "\n", -ERR_FORMAT},
		{"part", "part 1 text/ 1 " ZERO32 "\n", -ERR_FORMAT},
		{"part", "part 1 /plain 1 " ZERO32 "\n", -ERR_FORMAT},
		{"part", "part 1 a/b/c 1 " ZERO32 "\n", -ERR_FORMAT},
		{"part", "part 1 Text/plain 1 " ZERO32 "\n", -ERR_FORMAT},
		{"part", "part 1 text/plain;x=y 1 " ZERO32 "\n", -ERR_FORMAT},
		{"part", "part 1 text/plain 1\n", -ERR_FORMAT},
		{"pad", "", -ERR_FIELD_MISSING},
		{"pad", "pad 7340033\n", -ERR_RANGE},
		{"pad", "pad 1\npad 1\n", -ERR_FIELD_UNKNOWN},
	};
	struct parcel_manifest m, twice;
	struct buf b, good;
	buf_init(&b, NOTE_TEXT_MAX);
	buf_init(&good, NOTE_TEXT_MAX);
	buf_str(&good, want);
	assert_int_equal(parcel_manifest_decode(want, strlen(want), &m, NULL), 0);
	assert_int_equal(m.to_n, 2);
	assert_int_equal(m.parts_n, 2);
	assert_int_equal(m.parts[1].size, PARCEL_PART_MAX);
	assert_string_equal(m.parts[0].media_type, "application/json");
	assert_true(parcel_to_has(&m, "jp.example"));
	assert_false(parcel_to_has(&m, "it.example"));
	assert_int_equal(parcel_manifest_encode(&m, &b), 0);
	assert_string_equal(buf_cstr(&b), want);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		replace_line(&good, bad[i].key, bad[i].with, &b);
		int r = parcel_manifest_decode((const char *)b.p, b.len, &twice, NULL);
		if (r != bad[i].code)
			print_message("# %zu: %s\n", i, bad[i].with);
		assert_int_equal(r, bad[i].code);
	}
	m.to_n = PARCEL_TO_MAX + 1;
	assert_int_equal(parcel_manifest_encode(&m, &b), -ERR_INVAL);
	buf_done(&b);
	buf_done(&good);
}

/* One recipient, and one part, more than there may be. */
static void test_manifest_counts(void **state)
{
	struct parcel_manifest m;
	struct buf b;
	buf_init(&b, NOTE_TEXT_MAX);
	for (int more = 0; more <= 2; more++) {
		int to = PARCEL_TO_MAX + (more == 1), parts = PARCEL_PARTS_MAX + (more == 2);
		buf_clear(&b);
		buf_str(&b, "lugdunum.network/manifest/v1\nfrom it\n");
		for (int i = 0; i < to; i++)
			buf_printf(&b, "to n%02d\n", i);
		buf_str(&b,
			"officer -\ncase -\npurpose -\nbasis -\nhandling -\nmarking -\ngrade -\n");
		for (int i = 0; i < parts; i++)
			buf_printf(&b, "part %d a/b 1 " ZERO32 "\n", i + 1);
		buf_str(&b, "pad 0\n");
		assert_int_equal(parcel_manifest_decode((const char *)b.p, b.len, &m, NULL),
				 more ? -ERR_RANGE : 0);
	}
	assert_int_equal(m.to_n, PARCEL_TO_MAX);
	assert_int_equal(m.parts_n, PARCEL_PARTS_MAX);
	buf_done(&b);
}

static void test_handling(void **state)
{
	struct parcel_manifest m = a_manifest();
	assert_true(parcel_handling_known(&m));
	m.handling[1] = '4';
	assert_false(parcel_handling_known(&m));
	m = a_manifest();
	m.marking[4] = 'a';
	assert_false(parcel_handling_known(&m));
	m = a_manifest();
	m.grade[0] = 'D';
	assert_false(parcel_handling_known(&m));
	m.grade[0] = 'X';
	m.grade[1] = '4';
	assert_true(parcel_handling_known(&m));
	m.grade[1] = '5';
	assert_false(parcel_handling_known(&m));
	m.grade[1] = '\0';
	assert_false(parcel_handling_known(&m));
}

static void test_bucket(void **state)
{
	static const uint64_t want[][2] = {
		{0, 4096},
		{1, 4096},
		{4096, 4096},
		{4097, 5120},
		{5120, 5120},
		{5121, 6144},
		{7169, 8192},
		{8192, 8192},
		{8193, 10240},
		{1 << 20, 1 << 20},
		{(1 << 20) + 1, 1310720},
		{7 << 20, 7 << 20},
		{(7 << 20) + 1, 8 << 20},
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_int_equal(parcel_bucket(want[i][0]), want[i][1]);
	for (uint64_t n = 1; n < 40000; n++) {
		uint64_t b = parcel_bucket(n);
		assert_true(b >= n && parcel_bucket(b) == b &&
			    (n <= PARCEL_BUCKET_MIN || b - n <= n / 4));
	}
}

/* ---- sealing and opening ---- */

struct signer {
	const char *name, *second;
	const uint8_t *seed;
	int error, calls;
	size_t vary; /* length of the second name grows with each call */
};

static int sign(void *ctx, struct buf *text, struct err *e)
{
	struct signer *s = ctx;
	char name[NOTE_KEY_NAME_MAX + 1];
	s->calls++;
	if (s->error)
		return err_set(e, s->error, NULL, NULL);
	int r = note_sign_seed(text, s->name, s->seed, e);
	if (r < 0 || !s->second)
		return r;
	snprintf(name, sizeof(name), "%s%.*s", s->second, s->vary ? s->calls : 0, "xxxxxxxx");
	return note_sign_seed(text, name, seed_other, e);
}

static int unwrap_with(void *ctx, const uint8_t share32[static 32],
		       const uint8_t wrapped32[static 32], uint8_t ret_file_key16[static 16],
		       struct err *e)
{
	return age_unwrap(ctx, share32, wrapped32, ret_file_key16);
}

static int verify_evidence(void *ctx, const struct note *note, const struct parcel_manifest *m,
			   struct err *e)
{
	struct note_verifier v;
	uint8_t pk[32];
	char name[NOTE_KEY_NAME_MAX + 1];
	snprintf(name, sizeof(name), "%.48s/evidence", m->from);
	ed25519_public(seed_evidence, pk);
	assert_int_equal(note_verifier_init(&v, name, pk), 0);
	return note_verify_one(note, &v, e);
}

static void prng_random(void *ctx, void *out, size_t len)
{
	prng_bytes(ctx, out, len);
}

static struct signer evidence_signer(void)
{
	return (struct signer){.name = "it.example/evidence", .seed = seed_evidence};
}

static int seal(struct parcel_manifest *m, const struct parcel_content *parts, size_t n,
		struct signer *s, struct buf *file, struct err *e)
{
	uint8_t recipients[2][32];
	struct prng r;
	struct note_signer signer = {sign, s};
	prng_init(&r, 9);
	x25519_public(secret_fr, recipients[0]);
	x25519_public(secret_jp, recipients[1]);
	return parcel_seal(m, parts, n, (const uint8_t(*)[32])recipients, 2, &signer, prng_random,
			   &r, file, e);
}

static int open_as(const uint8_t *secret, const char *from, const char *to, const struct buf *file,
		   struct parcel_inside **in, struct err *e)
{
	struct parcel_outer o = an_outer();
	snprintf(o.from, sizeof(o.from), "%s", from);
	snprintf(o.to, sizeof(o.to), "%s", to);
	uint8_t key[32];
	memcpy(key, secret, 32);
	return parcel_open(file->p, file->len, &o, unwrap_with, key, verify_evidence, NULL, in, e);
}

static void test_seal_open(void **state)
{
	static uint8_t big[300000];
	static const size_t lens[] = {1, 100, 3000, 3300, 3400, 4096, 65536, 300000};
	struct prng r;
	struct buf file;
	prng_init(&r, 5);
	prng_bytes(&r, big, sizeof(big));
	buf_init(&file, PARCEL_FILE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		_cleanup_(parcel_inside_freep) struct parcel_inside *in = NULL;
		struct parcel_content parts[2] = {{"application/json", "{}", 2},
						  {"application/octet-stream", big, lens[i]}};
		struct parcel_manifest m = a_manifest();
		struct signer s = evidence_signer();
		struct err e = {0};
		buf_clear(&file);
		assert_int_equal(seal(&m, parts, 2, &s, &file, &e), 0);
		assert_int_equal(s.calls, 1); /* the length of the signature was foreseen */
		assert_string_equal(m.to[0], "fr.example");
		assert_int_equal(open_as(secret_jp, "it.example", "jp.example", &file, &in, &e), 0);
		assert_int_equal(in->text.len, parcel_bucket(in->text.len));
		assert_true(in->text.len < lens[i] + 1200 + (lens[i] + 1200) / 4 ||
			    in->text.len == PARCEL_BUCKET_MIN);
		assert_int_equal(in->manifest.parts_n, 2);
		assert_int_equal(in->parts[1].len, lens[i]);
		assert_memory_equal(in->parts[1].p, big, lens[i]);
		assert_string_equal(in->parts[0].media_type, "application/json");
		assert_string_equal(in->manifest.officer, "o-17");
	}
	buf_done(&file);
}

/* Every padding from the smallest on: also those around a change of its digits. */
static void test_padding(void **state)
{
	static uint8_t zeros[9000];
	struct buf file;
	buf_init(&file, 1 << 20);
	for (size_t len = 3200; len < 4700; len++) {
		_cleanup_(parcel_inside_freep) struct parcel_inside *in = NULL;
		struct parcel_content part = {"a/b", zeros, len};
		struct parcel_manifest m = a_manifest();
		struct signer s = evidence_signer();
		buf_clear(&file);
		assert_int_equal(seal(&m, &part, 1, &s, &file, NULL), 0);
		assert_int_equal(open_as(secret_fr, "it.example", "fr.example", &file, &in, NULL),
				 0);
		assert_int_equal(in->parts[0].len, len);
	}
	buf_done(&file);
}

static void test_seal_signers(void **state)
{
	struct parcel_content part = {"a/b", "x", 1};
	struct parcel_manifest m = a_manifest();
	struct signer s = evidence_signer();
	struct buf file;
	struct err e = {0};
	buf_init(&file, 1 << 20);
	s.second = "it.example/officer/o-17";
	assert_int_equal(seal(&m, &part, 1, &s, &file, &e), 0);
	assert_int_equal(s.calls, 2); /* once to learn the length */
	_cleanup_(parcel_inside_freep) struct parcel_inside *in = NULL;
	assert_int_equal(open_as(secret_fr, "it.example", "fr.example", &file, &in, &e), 0);
	assert_int_equal(in->note.sigs_n, 2);
	s.vary = 1;
	assert_int_equal(seal(&m, &part, 1, &s, &file, &e), -ERR_INVAL);
	s = evidence_signer();
	s.error = -ERR_KEY_EXPIRED;
	assert_int_equal(seal(&m, &part, 1, &s, &file, &e), -ERR_KEY_EXPIRED);
	buf_done(&file);
}

static void test_seal_limits(void **state)
{
	static uint8_t big[PARCEL_PART_MAX + 1];
	struct parcel_content parts[PARCEL_PARTS_MAX + 1];
	struct parcel_manifest m = a_manifest();
	struct signer s = evidence_signer();
	struct buf file;
	struct err e = {0};
	buf_init(&file, PARCEL_FILE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i] = (struct parcel_content){"a/b", "x", 1};
	assert_int_equal(seal(&m, parts, 0, &s, &file, &e), -ERR_RANGE);
	assert_int_equal(seal(&m, parts, PARCEL_PARTS_MAX + 1, &s, &file, &e), -ERR_RANGE);
	m.to_n = 0;
	assert_int_equal(seal(&m, parts, 1, &s, &file, &e), -ERR_RANGE);
	m = a_manifest();
	parts[0] = (struct parcel_content){"a/b", big, PARCEL_PART_MAX + 1};
	assert_int_equal(seal(&m, parts, 1, &s, &file, &e), -ERR_OVERSIZE);
	parts[0].len = PARCEL_PART_MAX;
	parts[1] = parts[0];
	assert_int_equal(seal(&m, parts, 2, &s, &file, &e), -ERR_OVERSIZE);
	assert_int_equal(file.len, 0);
	parts[1].len = PARCEL_TEXT_MAX - PARCEL_PART_MAX - 2000;
	assert_int_equal(seal(&m, parts, 2, &s, &file, &e), 0);
	assert_true(file.len <= PARCEL_FILE_MAX);
	parts[0] = (struct parcel_content){"a/b", "", 0};
	assert_int_equal(seal(&m, parts, 1, &s, &file, &e), -ERR_INVAL);
	parts[0] = (struct parcel_content){"no media type", "x", 1};
	assert_int_equal(seal(&m, parts, 1, &s, &file, &e), -ERR_INVAL);
	buf_done(&file);
}

static void test_open_refused(void **state)
{
	struct parcel_content part = {"a/b", "deposit", 7};
	struct parcel_manifest m = a_manifest();
	struct signer s = evidence_signer();
	struct parcel_inside *in = NULL;
	struct buf file;
	struct err e = {0};
	buf_init(&file, 1 << 20);
	assert_int_equal(seal(&m, &part, 1, &s, &file, &e), 0);
	assert_int_equal(open_as(secret_xx, "it.example", "fr.example", &file, &in, &e),
			 -ERR_NO_MATCH);
	assert_int_equal(open_as(secret_fr, "de.example", "fr.example", &file, &in, &e),
			 -ERR_DENIED);
	assert_string_equal(e.field, "from");
	assert_int_equal(open_as(secret_fr, "it.example", "xx.example", &file, &in, &e),
			 -ERR_DENIED);
	assert_string_equal(e.field, "to");
	file.p[file.len - 1] ^= 1;
	assert_int_equal(open_as(secret_fr, "it.example", "fr.example", &file, &in, &e),
			 -ERR_CRYPTO);
	file.p[file.len - 1] ^= 1;
	file.len--;
	assert_int_equal(open_as(secret_fr, "it.example", "fr.example", &file, &in, &e),
			 -ERR_CRYPTO);
	/* Signed by another key of the same name, or by one of another name. */
	buf_clear(&file);
	s.seed = seed_node;
	assert_int_equal(seal(&m, &part, 1, &s, &file, &e), 0);
	assert_int_equal(open_as(secret_fr, "it.example", "fr.example", &file, &in, &e),
			 -ERR_KEY_UNKNOWN);
	buf_clear(&file);
	s = evidence_signer();
	s.name = "it.example";
	assert_int_equal(seal(&m, &part, 1, &s, &file, &e), 0);
	assert_int_equal(open_as(secret_fr, "it.example", "fr.example", &file, &in, &e),
			 -ERR_KEY_UNKNOWN);
	assert_null(in);
	assert_null(parcel_inside_free(NULL));
	buf_done(&file);
}

/* Seals any text, then opens it as a parcel: for what parcel_seal never writes. */
static int open_text(const struct buf *text, struct err *e)
{
	uint8_t recipient[1][32];
	struct prng r;
	struct buf file;
	struct age_seal *s = NULL;
	struct parcel_inside *in = NULL;
	prng_init(&r, 3);
	x25519_public(secret_fr, recipient[0]);
	buf_init(&file, PARCEL_FILE_MAX);
	assert_int_equal(
		age_seal_new((const uint8_t(*)[32])recipient, 1, prng_random, &r, &file, &s, NULL),
		0);
	assert_int_equal(age_seal_update(s, text->p, text->len, &file), 0);
	assert_int_equal(age_seal_end(s, &file), 0);
	age_seal_free(s);
	int code = open_as(secret_fr, "it.example", "fr.example", &file, &in, e);
	parcel_inside_free(in);
	buf_done(&file);
	return code;
}

/* A text as parcel_seal writes it, to be changed. */
static void make_text(struct buf *text)
{
	struct parcel_content part = {"a/b", "deposit", 7};
	struct parcel_manifest m = a_manifest();
	struct signer s = evidence_signer();
	struct parcel_inside *in = NULL;
	struct buf file;
	buf_init(&file, 1 << 20);
	buf_clear(text);
	assert_int_equal(seal(&m, &part, 1, &s, &file, NULL), 0);
	assert_int_equal(open_as(secret_fr, "it.example", "fr.example", &file, &in, NULL), 0);
	buf_put(text, in->text.p, in->text.len);
	parcel_inside_free(in);
	buf_done(&file);
}

static void test_open_text(void **state)
{
	struct buf text;
	struct err e = {0};
	buf_init(&text, PARCEL_TEXT_MAX + 1);
	make_text(&text);
	assert_int_equal(open_text(&text, &e), 0);
	size_t manifest_len = (size_t)text.p[2] << 8 | text.p[3];
	text.p[4 + manifest_len] ^= 1; /* a part */
	assert_int_equal(open_text(&text, &e), -ERR_CRYPTO);
	assert_string_equal(e.field, "part");
	text.p[4 + manifest_len] ^= 1;
	text.p[text.len - 1] = 1; /* padding */
	assert_int_equal(open_text(&text, &e), -ERR_FORMAT);
	text.p[text.len - 1] = 0;
	text.len--;
	assert_int_equal(open_text(&text, &e), -ERR_TRUNCATED);
	text.len += 2;
	text.p[text.len - 1] = 0;
	assert_int_equal(open_text(&text, &e), -ERR_TRAILING);
	text.len = 4 + manifest_len + 6;
	assert_int_equal(open_text(&text, &e), -ERR_TRUNCATED);
	text.len = 4 + manifest_len - 1;
	assert_int_equal(open_text(&text, &e), -ERR_TRUNCATED);
	text.len = 3;
	assert_int_equal(open_text(&text, &e), -ERR_TRUNCATED);
	text.p[0] = 1;
	text.len = 4;
	assert_int_equal(open_text(&text, &e), -ERR_OVERSIZE);
	make_text(&text);
	text.p[4] ^= 1;
	assert_int_equal(open_text(&text, &e), -ERR_KEY_TYPE);
	make_text(&text);
	text.p[4 + 29 + 5] ^= 1; /* "from it" becomes another name, under the old signature */
	assert_int_equal(open_text(&text, &e), -ERR_KEY_UNKNOWN);
	/* Text that fills no bucket. */
	struct parcel_manifest m = a_manifest();
	struct buf note;
	buf_init(&note, PARCEL_MANIFEST_MAX);
	m.parts_n = 1;
	snprintf(m.parts[0].media_type, sizeof(m.parts[0].media_type), "a/b");
	m.parts[0].size = 1;
	sha256("x", 1, m.parts[0].sha256);
	snprintf(m.to[0], sizeof(m.to[0]), "fr.example");
	m.to_n = 1;
	assert_int_equal(parcel_manifest_encode(&m, &note), 0);
	assert_int_equal(note_sign_seed(&note, "it.example/evidence", seed_evidence, NULL), 0);
	buf_clear(&text);
	buf_u32be(&text, (uint32_t)note.len);
	buf_put(&text, note.p, note.len);
	buf_str(&text, "x");
	assert_int_equal(open_text(&text, &e), -ERR_FORMAT);
	assert_string_equal(e.field, "pad");
	buf_done(&note);
	buf_done(&text);
}

/* ---- framing ---- */

static void put_one(struct buf *body, uint64_t seq, const char *file)
{
	struct parcel_outer o = an_outer();
	struct buf note;
	o.seq = seq;
	if (seq == 1)
		memset(o.prev32, 0, 32);
	o.size = strlen(file);
	sha256(file, o.size, o.sha256);
	buf_init(&note, PARCEL_NOTE_MAX);
	assert_int_equal(parcel_outer_encode(&o, &note), 0);
	assert_int_equal(note_sign_seed(&note, "it.example", seed_node, NULL), 0);
	assert_int_equal(parcel_put(body, note.p, note.len, file, o.size), 0);
	buf_done(&note);
}

static void test_framing(void **state)
{
	struct buf body;
	struct parcel p;
	struct err e = {0};
	buf_init(&body, 1 << 20);
	put_one(&body, 1, "first");
	put_one(&body, 2, "second");
	struct cur c = cur_init(body.p, body.len);
	assert_int_equal(parcel_next(&c, &p, &e), 1);
	assert_int_equal(p.outer.seq, 1);
	assert_memory_equal(p.file, "first", 5);
	assert_int_equal(parcel_file_check(&p.outer, p.file, 5, &e), 0);
	assert_int_equal(parcel_file_check(&p.outer, p.file, 4, &e), -ERR_CRYPTO);
	assert_int_equal(parcel_file_check(&p.outer, "First", 5, &e), -ERR_CRYPTO);
	assert_int_equal(parcel_next(&c, &p, &e), 1);
	assert_int_equal(p.outer.seq, 2);
	assert_true(note_is(&p.note, PARCEL_TYPE));
	assert_int_equal(parcel_next(&c, &p, &e), 0);
	assert_int_equal(parcel_next(&c, &p, &e), 0);
	for (size_t cut = 1; cut < 100; cut++) { /* the second one cut anywhere */
		c = cur_init(body.p, body.len - cut);
		assert_int_equal(parcel_next(&c, &p, &e), 1);
		assert_int_equal(parcel_next(&c, &p, &e), -ERR_TRUNCATED);
		assert_int_equal(parcel_next(&c, &p, &e), -ERR_TRUNCATED);
	}
	c = cur_init("\0\0\x20\x01", 4);
	assert_int_equal(parcel_next(&c, &p, &e), -ERR_OVERSIZE);
	c = cur_init("\0\0\0\0", 4);
	assert_int_equal(parcel_next(&c, &p, &e), -ERR_FORMAT);
	body.p[4] ^= 1;
	c = cur_init(body.p, body.len);
	assert_int_equal(parcel_next(&c, &p, &e), -ERR_KEY_TYPE);
	assert_int_equal(parcel_put(&body, body.p, PARCEL_NOTE_MAX + 1, "", 0), -ERR_OVERSIZE);
	assert_int_equal(parcel_put(&body, body.p, 1, "", PARCEL_FILE_MAX + 1), -ERR_OVERSIZE);
	buf_done(&body);
}

/* ---- receipts ---- */

static void test_receipt(void **state)
{
	static const char *const lines[] = {"R1 stored",      "R2 accepted", "R2 refused no-match",
					    "R2 quarantined", "R3 seen",     "R4 acted"};
	static const unsigned numbers[] = {1, 2, 2, 2, 3, 4};
	struct buf b, again;
	buf_init(&b, NOTE_TEXT_MAX);
	buf_init(&again, NOTE_TEXT_MAX);
	for (int k = RECEIPT_STORED; k <= RECEIPT_ACTED; k++) {
		struct receipt back, r = {
					     .from = "fr.example",
					     .to = "it.example",
					     .time_s = 1700000001,
					     .id16 = {1},
					     .sha256 = {2},
					     .kind = (enum receipt_kind)k,
					     .head_epoch = 1,
					     .head_seq = 2,
					     .head32 = {3},
				     };
		char want[512];
		if (k == RECEIPT_REFUSED)
			snprintf(r.reason, sizeof(r.reason), "no-match");
		buf_clear(&b);
		buf_clear(&again);
		assert_int_equal(receipt_encode(&r, &b), 0);
		snprintf(
			want, sizeof(want),
			"lugdunum.network/receipt/v1\nfrom fr.example\nto it.example\ntime 1700000001\n"
			"id 01000000000000000000000000000000\nsha256 AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
			"receipt %s\nhead 1 2 AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
			lines[k]);
		assert_string_equal(buf_cstr(&b), want);
		assert_int_equal(receipt_decode(want, strlen(want), &back, NULL), 0);
		assert_int_equal(back.kind, k);
		assert_int_equal(receipt_number(back.kind), numbers[k]);
		assert_non_null(strstr(lines[k], receipt_name(back.kind)));
		assert_int_equal(receipt_encode(&back, &again), 0);
		assert_string_equal(buf_cstr(&again), want);
	}
	buf_done(&b);
	buf_done(&again);
}

static void test_receipt_refused(void **state)
{
	static const struct bad_line bad[] = {
		{"from", "from it.example\n", -ERR_INVAL},
		{"receipt", "receipt R1\n", -ERR_FORMAT},
		{"receipt", "receipt R2 stored\n", -ERR_FORMAT},
		{"receipt", "receipt R1 stored late\n", -ERR_FORMAT},
		{"receipt", "receipt R2 refused\n", -ERR_FORMAT},
		{"receipt", "receipt R2 refused \n", -ERR_FORMAT},
		{"receipt", "receipt R2 refused No\n", -ERR_FORMAT},
		{"receipt", "receipt R2 refused a b\n", -ERR_FORMAT},
		{"receipt", "receipt R5 seen\n", -ERR_FORMAT},
		{"head", "head 0 1 AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", -ERR_RANGE},
		{"head", "head 1 1 " ZERO32 "\n", -ERR_INVAL},
		{"head", "head 1 0 AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", -ERR_INVAL},
		{"head", "head 1 1\n", -ERR_FORMAT},
		{"head", "", -ERR_FIELD_MISSING},
	};
	struct receipt back,
		r = {.from = "fr", .to = "it.example", .kind = RECEIPT_SEEN, .head_epoch = 1};
	struct buf good, b;
	buf_init(&good, NOTE_TEXT_MAX);
	buf_init(&b, NOTE_TEXT_MAX);
	assert_int_equal(receipt_encode(&r, &good), 0); /* head at 0 with zeros */
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		replace_line(&good, bad[i].key, bad[i].with, &b);
		assert_int_equal(receipt_decode((const char *)b.p, b.len, &back, NULL),
				 bad[i].code);
	}
	snprintf(r.reason, sizeof(r.reason), "why");
	assert_int_equal(receipt_encode(&r, &b), -ERR_INVAL);
	r.kind = RECEIPT_REFUSED;
	snprintf(r.reason, sizeof(r.reason), "two words");
	assert_int_equal(receipt_encode(&r, &b), -ERR_INVAL);
	r.kind = (enum receipt_kind)6;
	assert_int_equal(receipt_encode(&r, &b), -ERR_INVAL);
	buf_done(&good);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outer_text),	cmocka_unit_test(test_outer_refused),
		cmocka_unit_test(test_manifest_text),	cmocka_unit_test(test_manifest_counts),
		cmocka_unit_test(test_handling),	cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_seal_open),	cmocka_unit_test(test_padding),
		cmocka_unit_test(test_seal_signers),	cmocka_unit_test(test_seal_limits),
		cmocka_unit_test(test_open_refused),	cmocka_unit_test(test_open_text),
		cmocka_unit_test(test_framing),		cmocka_unit_test(test_receipt),
		cmocka_unit_test(test_receipt_refused),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
