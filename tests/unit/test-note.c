/* SPDX-License-Identifier: Apache-2.0
 * Tests of signed notes: grammar, limits, keys, verification, typed texts. */
#include "base/cleanup.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "wire/note.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DASH "\xe2\x80\x94 "
#define SIG \
	"x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
/* The example in the documentation of Go's golang.org/x/mod/sumdb/note, and its key. */
static const char go_note[] = "If you think cryptography is the answer to your problem,\n"
			      "then you don't know what your problem is.\n"
			      "\n" DASH "PeterNeumann " SIG "\n";
static const char go_key[] = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

static const uint8_t seed_a[32] = {1}, seed_b[32] = {2};

static int parse(const char *s, struct note *n)
{
	return note_parse(s, strlen(s), n, NULL);
}

static struct note_verifier verifier(const char *name, const uint8_t seed[32])
{
	struct note_verifier v;
	uint8_t pk[32];
	ed25519_public(seed, pk);
	assert_int_equal(note_verifier_init(&v, name, pk), 0);
	return v;
}

static void test_go_example(void **state)
{
	struct note n;
	struct note_verifier v = {.name = "PeterNeumann", .key_id = 0xc74f20a3};
	uint8_t data[33];
	size_t len;
	assert_int_equal(parse(go_note, &n), 0);
	assert_int_equal(n.text_len, 57 + 42);
	assert_int_equal(n.type_len, 56);
	assert_int_equal(n.sigs_n, 1);
	assert_int_equal(n.sigs[0].key_id, 0xc74f20a3);
	assert_int_equal(n.sigs[0].name_len, 12);
	assert_int_equal(
		base64_decode(BASE64_PADDED, go_key, strlen(go_key), data, sizeof(data), &len), 0);
	memcpy(v.pk32, data + 1, 32);
	assert_int_equal(note_key_id(v.name, 12, NOTE_ED25519, v.pk32), v.key_id);
	assert_int_equal(note_verify_one(&n, &v, NULL), 0);
	v.pk32[0] ^= 1;
	assert_int_equal(note_verify_one(&n, &v, NULL), -ERR_SIGNATURE);
	v.key_id++;
	assert_int_equal(note_verify_one(&n, &v, NULL), -ERR_KEY_UNKNOWN);
}

static void test_grammar(void **state)
{
	struct note n;
	static const char *const good[] = {
		"a\n\n" DASH "k AAAAAAE=\n",
		"a\n\nb\n\n" DASH "k AAAAAAE=\n", /* empty lines in the text */
		"a\n\n\n" DASH "k AAAAAAE=\n",
		"a\n\n" DASH "k AAAAAAE=\n" DASH "k AAAAAQE=\n", /* one name, two keys */
		"\xc3\xa9\n\n" DASH "\xc3\xa9/K AAAAAAE=\n",
	};
	static const char *const bad[] = {
		"",
		"\n",
		"\n\n",
		"a\n",
		"a\n\n",				  /* no signature */
		"\n\n" DASH "k AAAAAAE=\n",		  /* empty type */
		"a\n" DASH "k AAAAAAE=\n",		  /* no empty line */
		"a\n\n" DASH "k AAAAAAE=",		  /* no LF at the end */
		"a\r\n\n" DASH "k AAAAAAE=\n",		  /* CR */
		"a\t\n\n" DASH "k AAAAAAE=\n",		  /* TAB */
		"a\xc2\x85\n\n" DASH "k AAAAAAE=\n",	  /* C1 control */
		"a\xff\n\n" DASH "k AAAAAAE=\n",	  /* not UTF-8 */
		"a\n\n" DASH "k AAAAAAE=\n\n",		  /* empty line behind */
		"a\n\n- k AAAAAAE=\n",			  /* hyphen */
		"a\n\n" DASH " AAAAAAE=\n",		  /* no name */
		"a\n\n" DASH "k+l AAAAAAE=\n",		  /* plus in the name */
		"a\n\n" DASH "k  AAAAAAE=\n",		  /* two spaces */
		"a\n\n" DASH "k\xc2\xa0l AAAAAAE=\n",	  /* no-break space */
		"a\n\n" DASH "k\xe2\x80\x83l AAAAAAE=\n", /* em space */
		"a\n\n" DASH "k\xe3\x80\x80l AAAAAAE=\n", /* ideographic space */
		"a\n\n" DASH "k AAAAAA==\n",		  /* key id without signature */
		"a\n\n" DASH "k AAAAAAE\n",		  /* no padding */
		"a\n\n" DASH "k AAAAAAF=\n",		  /* trailing bits */
		"a\n\n" DASH "k AAAAAAE= \n",		  /* trailing space */
		"a\n\n" DASH "k AAAA AAE=\n",		  /* space inside */
		"a\n\n" DASH "k\n",
		"a\n\n" DASH "k AAAAAAE=\n" DASH "k AAAAAAI=\n", /* same key twice */
		"a\n\n" DASH "k AAAAAAE=\nx\n",			 /* a line that is no signature */
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(parse(good[i], &n), 0);
	memset(&n, 0x55, sizeof(n));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse(bad[i], &n), -ERR_FORMAT);
	assert_int_equal(n.sigs_n, 0x5555555555555555); /* untouched */
	assert_int_equal(note_parse("a\0b\n\n" DASH "k AAAAAAE=\n", 21, &n, NULL), -ERR_FORMAT);
	struct err e = {0};
	assert_int_equal(note_parse("a\nb\x01\n\n" DASH "k AAAAAAE=\n", 22, &n, &e), -ERR_FORMAT);
	assert_string_equal(e.message, "note, byte 2: this line is not clean UTF-8");
}

static void test_limits(void **state)
{
	struct buf b;
	struct note n;
	buf_init(&b, 100000);
	memset(buf_space(&b, NOTE_TEXT_MAX - 1), 'x', NOTE_TEXT_MAX - 1);
	buf_str(&b, "\n\n");
	for (int i = 0; i < NOTE_SIGS_MAX; i++) {
		uint8_t id[5] = {0, 0, 0, (uint8_t)i, 9};
		char b64[9];
		base64_encode(BASE64_PADDED, id, 5, b64);
		buf_printf(&b, DASH "k %s\n", b64);
	}
	assert_int_equal(note_parse(b.p, b.len, &n, NULL), 0);
	assert_int_equal(n.sigs_n, NOTE_SIGS_MAX);
	assert_int_equal(n.text_len, NOTE_TEXT_MAX);
	buf_str(&b, DASH "l AAAAAAE=\n");
	assert_int_equal(note_parse(b.p, b.len, &n, NULL), -ERR_OVERSIZE);
	buf_clear(&b);
	memset(buf_space(&b, NOTE_TEXT_MAX), 'x', NOTE_TEXT_MAX);
	buf_str(&b, "\n\n" DASH "l AAAAAAE=\n");
	assert_int_equal(note_parse(b.p, b.len, &n, NULL), -ERR_OVERSIZE);
	assert_int_equal(note_text_valid(b.p, NOTE_TEXT_MAX + 1, NULL), -ERR_OVERSIZE);
	/* A name and a signature at their limits, and one above. */
	for (int over = 0; over <= 1; over++) {
		char b64[BASE64_LEN(NOTE_SIG_DATA_MAX + 1) + 1];
		uint8_t data[NOTE_SIG_DATA_MAX + 1] = {0};
		buf_clear(&b);
		buf_str(&b, "a\n\n" DASH);
		memset(buf_space(&b, NOTE_KEY_NAME_MAX + (size_t)over), 'k',
		       NOTE_KEY_NAME_MAX + (size_t)over);
		buf_str(&b, " AAAAAAE=\n");
		assert_int_equal(note_parse(b.p, b.len, &n, NULL), over ? -ERR_FORMAT : 0);
		buf_clear(&b);
		base64_encode(BASE64_PADDED, data, NOTE_SIG_DATA_MAX + (size_t)over, b64);
		buf_printf(&b, "a\n\n" DASH "k %s\n", b64);
		assert_int_equal(note_parse(b.p, b.len, &n, NULL), over ? -ERR_OVERSIZE : 0);
		if (!over)
			assert_int_equal(note_sig_data(&n, 0, data), NOTE_SIG_DATA_MAX - 4);
	}
	buf_clear(&b);
	memset(buf_space(&b, NOTE_MAX + 1), '\n', NOTE_MAX + 1);
	assert_int_equal(note_parse(b.p, b.len, &n, NULL), -ERR_OVERSIZE);
	buf_done(&b);
}

static void test_vkey(void **state)
{
	struct note_verifier v = verifier("it.example/evidence", seed_a), w;
	char text[NOTE_VKEY_MAX + 1];
	note_verifier_text(&v, text);
	assert_int_equal(note_verifier_parse(text, strlen(text), &w, NULL), 0);
	assert_memory_equal(&v, &w, sizeof(v));
	for (size_t i = 0; i < strlen(text);
	     i++) { /* no other text gives the same verifier, and few give any */
		char saved = text[i];
		for (int c = 0; c < 256; c++) {
			text[i] = (char)c;
			if (text[i] != saved)
				assert_true(note_verifier_parse(text, strlen(text), &w, NULL) < 0);
		}
		text[i] = saved;
		assert_true(note_verifier_parse(text, i, &w, NULL) < 0);
	}
	text[3] = 'x';
	assert_int_equal(note_verifier_parse(text, strlen(text), &w, NULL), -ERR_CHECKSUM);
	assert_int_equal(note_verifier_parse("It+00000000+AQ==", 16, &w, NULL), -ERR_FORMAT);
	assert_int_equal(note_verifier_parse("it+0000000A+AQ==", 16, &w, NULL), -ERR_FORMAT);
	assert_int_equal(note_verifier_parse("it+00000000+BA==", 16, &w, NULL), -ERR_UNSUPPORTED);
	assert_int_equal(note_verifier_parse("it+00000000+AQ==", 16, &w, NULL), -ERR_UNSUPPORTED);
	assert_int_equal(note_verifier_init(&w, "It", v.pk32), -ERR_INVAL);
	assert_int_equal(note_verifier_init(&w, "", v.pk32), -ERR_INVAL);
}

static void test_sign_verify(void **state)
{
	struct buf b;
	struct note n;
	uint64_t signed_by = 0;
	const struct note_verifier v[] = {verifier("c", (const uint8_t[32]){3}),
					  verifier("a", seed_a), verifier("b", seed_b)};
	buf_init(&b, NOTE_MAX);
	buf_str(&b, "lugdunum.network/members/v1\nversion 1\n");
	const size_t text_len = b.len;
	assert_int_equal(note_sign_seed(&b, "a", seed_a, NULL), 0);
	assert_int_equal(note_sign_seed(&b, "a", seed_a, NULL), -ERR_EXIST);
	assert_int_equal(note_sign_seed(&b, "b", seed_b, NULL), 0);
	assert_int_equal(note_parse(b.p, b.len, &n, NULL), 0);
	assert_int_equal(n.text_len, text_len);
	assert_int_equal(n.sigs_n, 2);
	assert_true(note_is(&n, "lugdunum.network/members/v1"));
	assert_false(note_is(&n, "lugdunum.network/members/v"));
	assert_false(note_is(&n, "lugdunum.network/members/v11"));
	assert_int_equal(note_verify(&n, v, 3, &signed_by, NULL), 0);
	assert_int_equal(signed_by, 6);
	assert_int_equal(note_verify(&n, v, 1, &signed_by, NULL), -ERR_KEY_UNKNOWN);
	assert_int_equal(note_verify(&n, v, 0, &signed_by, NULL), -ERR_KEY_UNKNOWN);
	assert_int_equal(note_verify(&n, v, NOTE_VERIFIERS_MAX + 1, &signed_by, NULL), -ERR_RANGE);
	assert_int_equal(signed_by, 6);
	uint8_t hash[32], want[32];
	note_text_hash(&n, hash);
	sha256(b.p, text_len, want);
	assert_memory_equal(hash, want, 32);
	/* Any change of the text is found; a forged signature beside a good one condemns the note. */
	for (size_t i = 28; i < text_len - 1; i++) {
		b.p[i] ^= 1;
		if (note_parse(b.p, b.len, &n, NULL) == 0)
			assert_int_equal(note_verify(&n, v, 3, &signed_by, NULL), -ERR_SIGNATURE);
		b.p[i] ^= 1;
	}
	assert_int_equal(note_sig_put(&b, v[0].name, v[0].key_id, (const uint8_t[64]){1}), 0);
	assert_int_equal(note_parse(b.p, b.len, &n, NULL), 0);
	assert_int_equal(note_verify(&n, v + 1, 2, &signed_by, NULL), 0);
	assert_int_equal(note_verify(&n, v, 3, &signed_by, NULL), -ERR_SIGNATURE);
	buf_done(&b);
}

static void test_sig_put(void **state)
{
	struct buf b;
	const uint8_t sig[64] = {0};
	buf_init(&b, 200);
	assert_int_equal(note_sig_put(&b, "k", 1, sig), -ERR_FORMAT);
	buf_str(&b, "no line feed");
	assert_int_equal(note_sig_put(&b, "k", 1, sig), -ERR_FORMAT);
	assert_int_equal(note_sign_seed(&b, "k", seed_a, NULL), -ERR_FORMAT);
	buf_str(&b, "\n");
	assert_int_equal(note_sig_put(&b, "k k", 1, sig), -ERR_INVAL);
	assert_int_equal(note_sig_put(&b, "k+", 1, sig), -ERR_INVAL);
	assert_int_equal(note_sign_seed(&b, "K", seed_a, NULL), -ERR_INVAL);
	assert_int_equal(note_sig_put(&b, "k", 1, sig), 0);
	assert_int_equal(note_sig_put(&b, "l", 1, sig), -ERR_OVERSIZE);
	assert_int_equal(note_sig_put(&b, "l", 1, sig), -ERR_OVERSIZE);
	assert_int_equal(note_sign_seed(&b, "l", seed_a, NULL), -ERR_OVERSIZE);
	buf_done(&b);
	buf_init(&b, 20000);
	memset(buf_space(&b, NOTE_TEXT_MAX + 1), '\n', NOTE_TEXT_MAX + 1);
	assert_int_equal(note_sign_seed(&b, "l", seed_a, NULL), -ERR_OVERSIZE);
	buf_done(&b);
}

/* A signature of a known key that is of another length fails; of an unknown key it is skipped. */
static void test_other_algorithms(void **state)
{
	struct note_verifier v = verifier("k", seed_a);
	struct buf b;
	struct note n;
	uint8_t data[76] = {(uint8_t)(v.key_id >> 24), (uint8_t)(v.key_id >> 16),
			    (uint8_t)(v.key_id >> 8), (uint8_t)v.key_id};
	char b64[BASE64_LEN(76) + 1];
	base64_encode(BASE64_PADDED, data, sizeof(data), b64);
	buf_init(&b, NOTE_MAX);
	buf_printf(&b, "a\n\n" DASH "k %s\n", b64);
	assert_int_equal(note_parse(b.p, b.len, &n, NULL), 0);
	assert_int_equal(note_verify_one(&n, &v, NULL), -ERR_SIGNATURE);
	v.key_id ^= 1;
	assert_int_equal(note_verify_one(&n, &v, NULL), -ERR_KEY_UNKNOWN);
	buf_done(&b);
	assert_int_not_equal(note_key_id("k", 1, NOTE_ED25519, v.pk32),
			     note_key_id("k", 1, NOTE_COSIGNATURE, v.pk32));
}

static void test_text_round_trip(void **state)
{
	static const char want[] =
		"lugdunum.network/test/v1\nname it.example\ncount 0\ntime 1700000000\nkey AQID\nid 0aff\n"
		"stream 1 7\nfree \xc3\xa9 two words\n";
	struct buf b;
	struct note_writer w;
	struct note_reader r;
	buf_init(&b, NOTE_TEXT_MAX);
	note_writer_init(&w, &b, "lugdunum.network/test/v1");
	note_put_str(&w, "name", "it.example");
	note_put_u64(&w, "count", 0);
	note_put_time(&w, "time", 1700000000);
	note_put_b64(&w, "key", "\1\2\3", 3);
	note_put_hex(&w, "id", "\x0a\xff", 2);
	note_put_words(&w, "stream", (const char *const[]){"1", "7"}, 2);
	note_put_str(&w, "free", "\xc3\xa9 two words");
	assert_int_equal(note_writer_end(&w), 0);
	assert_string_equal(buf_cstr(&b), want);

	char name[65], free_text[20];
	uint8_t key[3], id[2];
	struct note_word words[2];
	note_reader_init(&r, b.p, b.len, "lugdunum.network/test/v1");
	note_get_name(&r, "name", name, sizeof(name));
	assert_string_equal(name, "it.example");
	assert_int_equal(note_get_u64(&r, "count", 5), 0);
	assert_false(note_next_is(&r, "tim"));
	assert_false(note_next_is(&r, "time 1"));
	assert_true(note_next_is(&r, "time"));
	assert_int_equal(note_get_time(&r, "time"), 1700000000);
	note_get_b64(&r, "key", key, 3);
	assert_memory_equal(key, "\1\2\3", 3);
	note_get_hex(&r, "id", id, 2);
	assert_memory_equal(id, "\x0a\xff", 2);
	note_get_words(&r, "stream", words, 2);
	assert_int_equal(note_word_u64(&r, words[1], 7), 7);
	note_word_str(&r, words[0], name, 2);
	assert_string_equal(name, "1");
	assert_int_equal(note_reader_end(&(struct note_reader){.c = r.c, .field = "x"}, NULL),
			 -ERR_FIELD_UNKNOWN);
	note_get_str(&r, "free", free_text, sizeof(free_text));
	assert_string_equal(free_text, "\xc3\xa9 two words");
	assert_int_equal(note_reader_end(&r, NULL), 0);
	buf_done(&b);
}

/* What the reader must refuse, each from a text of one field. */
static struct note_reader reader(const char *text)
{
	struct note_reader r;
	note_reader_init(&r, text, strlen(text), "lugdunum.network/test/v1");
	return r;
}
#define T "lugdunum.network/test/v1\n"

static void test_reader_errors(void **state)
{
	uint8_t bytes[4];
	char text[8];
	struct note_word words[2];
	struct note_reader r;
	struct err e = {0};
	static const struct {
		const char *text;
		int code;
	} types[] = {
		{"lugdunum.network/test/v2\n", -ERR_VERSION},
		{"lugdunum.network/test/v\n", -ERR_KEY_TYPE},
		{"lugdunum.network/test/v1x\n", -ERR_KEY_TYPE},
		{"lugdunum.network/other/v1\n", -ERR_KEY_TYPE},
		{"lugdunum.network/test/v1", -ERR_KEY_TYPE},
		{"", -ERR_KEY_TYPE},
		{"lugdunum.network/test/v10\n", -ERR_VERSION},
	};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		r = reader(types[i].text);
		assert_int_equal(note_reader_end(&r, NULL), types[i].code);
	}
	static const struct {
		const char *text;
		int code;
	} numbers[] = {
		{T "n 10\n", 0},
		{T "n 11\n", -ERR_RANGE},
		{T "n 01\n", -ERR_FORMAT},
		{T "n +1\n", -ERR_FORMAT},
		{T "n -1\n", -ERR_FORMAT},
		{T "n  1\n", -ERR_FORMAT},
		{T "n 1 \n", -ERR_FORMAT},
		{T "n \n", -ERR_FORMAT},
		{T "n\n", -ERR_FIELD_MISSING},
		{T "m 1\n", -ERR_FIELD_MISSING},
		{T, -ERR_FIELD_MISSING},
		{T "n 1", -ERR_FIELD_MISSING},
		{T "n 1\n\n", -ERR_FIELD_UNKNOWN},
		{T "n 1\nn 1\n", -ERR_FIELD_UNKNOWN},
		{T "n 184467440737095516160\n", -ERR_OVERSIZE},
	};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		r = reader(numbers[i].text);
		uint64_t v = note_get_u64(&r, "n", 10);
		assert_int_equal(v, numbers[i].code == 0 ? 10 : i > 11 && i < 14 ? 1 : 0);
		assert_int_equal(note_reader_end(&r, &e), numbers[i].code);
	}
	static const char *const bad_b64[] = {T "k AQIDBA\n", T "k AQID\n", T "k AQIDBAU=\n",
					      T "k AQIDBB==\n", T "k ?\n"};
	for (size_t i = 0; i < ARRAY_LEN(bad_b64); i++) {
		r = reader(bad_b64[i]);
		note_get_b64(&r, "k", bytes, 4);
		assert_memory_equal(bytes, "\0\0\0\0", 4);
		assert_int_equal(note_reader_end(&r, NULL), -ERR_FORMAT);
	}
	static const char *const bad_hex[] = {T "k 0A0b0c0d\n", T "k 0a0b0c\n", T "k 0a0b0c0d0e\n",
					      T "k 0a0b0c0g\n"};
	for (size_t i = 0; i < ARRAY_LEN(bad_hex); i++) {
		r = reader(bad_hex[i]);
		note_get_hex(&r, "k", bytes, 4);
		assert_int_equal(note_reader_end(&r, NULL), -ERR_FORMAT);
	}
	static const char *const bad_words[] = {T "k a\n", T "k a b c\n", T "k a  b\n", T "k  a\n",
						T "k a \n"};
	for (size_t i = 0; i < ARRAY_LEN(bad_words); i++) {
		r = reader(bad_words[i]);
		note_get_words(&r, "k", words, 2);
		assert_int_equal(words[0].len + words[1].len, 0);
		assert_int_equal(note_reader_end(&r, NULL), -ERR_FORMAT);
	}
	r = reader(T "k It\n");
	note_get_name(&r, "k", text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(note_reader_end(&r, &e), -ERR_FORMAT);
	assert_string_equal(e.field, "k");
	r = reader(T "k 12345678\n");
	note_get_str(&r, "k", text, sizeof(text));
	assert_int_equal(note_reader_end(&r, NULL), -ERR_OVERSIZE);
	r = reader(T "k 12345678\n");
	note_get_words(&r, "k", words, 1);
	note_word_str(&r, words[0], text, sizeof(text));
	note_reader_fail(&r, ERR_RANGE, "later"); /* the first error stays */
	assert_int_equal(note_reader_end(&r, &e), -ERR_OVERSIZE);
	assert_string_equal(e.field, "k");
	r = reader(T "k \x01\n");
	note_get_str(&r, "k", text, sizeof(text));
	assert_int_equal(note_reader_end(&r, NULL), -ERR_FORMAT);
}

static int write_one(const char *value)
{
	struct buf b;
	struct note_writer w;
	buf_init(&b, NOTE_TEXT_MAX);
	note_writer_init(&w, &b, "lugdunum.network/test/v1");
	note_put_str(&w, "k", value);
	int r = note_writer_end(&w);
	buf_done(&b);
	return r;
}

static void test_writer_errors(void **state)
{
	struct buf b;
	struct note_writer w;
	assert_int_equal(write_one("x"), 0);
	assert_int_equal(write_one(""), -ERR_INVAL);
	assert_int_equal(write_one("x\ny"), -ERR_INVAL);
	assert_int_equal(write_one("x\xff"), -ERR_INVAL);
	buf_init(&b, 2 * NOTE_TEXT_MAX);
	note_writer_init(&w, &b, "example.com/test/v1");
	assert_int_equal(note_writer_end(&w), -ERR_INVAL);
	note_writer_init(&w, &b, "lugdunum.network/test/v1");
	note_put_words(&w, "k", (const char *const[]){"a b"}, 1);
	assert_int_equal(note_writer_end(&w), -ERR_INVAL);
	note_writer_init(&w, &b, "lugdunum.network/test/v1");
	note_put_time(&w, "k", -1);
	note_put_u64(&w, "k", 1); /* the first error stays */
	assert_int_equal(note_writer_end(&w), -ERR_INVAL);
	note_writer_init(&w, &b, "lugdunum.network/test/v1");
	note_put_time(&w, "k", NOTE_TIME_MAX + 1);
	assert_int_equal(note_writer_end(&w), -ERR_INVAL);
	note_writer_init(&w, &b, "lugdunum.network/test/v1");
	static uint8_t big[1025];
	note_put_b64(&w, "k", big, sizeof(big));
	assert_int_equal(note_writer_end(&w), -ERR_OVERSIZE);
	note_writer_init(&w, &b, "lugdunum.network/test/v1");
	for (int i = 0; i < 9; i++)
		note_put_hex(&w, "k", big, 512);
	assert_int_equal(note_writer_end(&w), -ERR_OVERSIZE);
	buf_done(&b);
	buf_init(&b, 30);
	note_writer_init(&w, &b, "lugdunum.network/test/v1");
	note_put_u64(&w, "key", 12345);
	assert_int_equal(note_writer_end(&w), -ERR_OVERSIZE);
	buf_done(&b);
}

/* A time near the end of 64 bits would overflow in the first sum with it. */
static void test_time_limit(void **state)
{
	static const char *const texts[] = {"lugdunum.network/test/v1\ntime 253402300799999\n",
					    "lugdunum.network/test/v1\ntime 253402300800000\n",
					    "lugdunum.network/test/v1\ntime 9223372036854775807\n"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct note_reader r;
		note_reader_init(&r, texts[i], strlen(texts[i]), "lugdunum.network/test/v1");
		assert_int_equal(note_get_time(&r, "time"), i ? 0 : NOTE_TIME_MAX);
		assert_int_equal(note_reader_end(&r, NULL), i ? -ERR_RANGE : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_limit),
		cmocka_unit_test(test_go_example),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_vkey),
		cmocka_unit_test(test_sign_verify),
		cmocka_unit_test(test_sig_put),
		cmocka_unit_test(test_other_algorithms),
		cmocka_unit_test(test_text_round_trip),
		cmocka_unit_test(test_reader_errors),
		cmocka_unit_test(test_writer_errors),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
