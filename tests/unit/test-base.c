/* SPDX-License-Identifier: Apache-2.0
 * Tests of base: each function, each limit, each error that its header lists. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/prng.h"
#include "base/text.h"
#include "base/time.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void test_err(void **state)
{
	struct err e = {0};
	assert_int_equal(err_set(&e, ERR_FOUR_EYES, "approve", NULL), -ERR_FOUR_EYES);
	assert_int_equal(e.code, -ERR_FOUR_EYES);
	assert_string_equal(e.field, "approve");
	assert_string_equal(e.message, err_sentence(-ERR_FOUR_EYES));
	assert_string_equal(err_name(-ERR_FOUR_EYES), "four-eyes");
	assert_string_equal(err_name(ERR_NOENT), "noent");
	assert_string_equal(err_name(-99999), "unknown");
	err_set(&e, -ERR_IO, NULL, "again: %s", e.message);
	assert_string_equal(e.field, "");
	assert_true(strstr(e.message, "again: A second person") == e.message);
	assert_int_equal(err_set(NULL, -ERR_IO, NULL, NULL), -ERR_IO);
	assert_int_equal(err_errno(ENOENT), -ERR_NOENT);
	assert_int_equal(err_errno(EXDEV), -ERR_IO);
	assert_int_equal(err_errno(ENOTDIR), -ERR_NOENT);
	assert_int_equal(err_errno(EISDIR), -ERR_FORMAT);
	assert_int_equal(err_errno(EFBIG), -ERR_NOSPC);
	assert_int_equal(err_errno(EDQUOT), -ERR_NOSPC);
	char long_text[1000];
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = 0;
	err_set(&e, -ERR_IO, long_text, "%s", long_text);
	assert_int_equal(strlen(e.field), ERR_FIELD_MAX - 1);
	assert_int_equal(strlen(e.message), ERR_MESSAGE_MAX - 1);
	/* What people and peers write may be cut anywhere; what JSON takes must come out. */
	for (size_t i = 0; i + 1 < sizeof(long_text); i++)
		long_text[i] = (char)(i % 2 ? 0xa9 : 0xc3);
	for (int shift = 0; shift < 2; shift++) {
		err_set(&e, -ERR_IO, long_text + shift, "%s%.7s%s", shift ? "x" : "", long_text,
			long_text);
		assert_true(utf8_valid(e.message, strlen(e.message)));
		assert_true(utf8_valid(e.field, strlen(e.field)));
	}
}

static void test_arena(void **state)
{
	struct arena a;
	arena_init(&a, 100000);
	char *first = arena_alloc(&a, 3);
	assert_non_null(first);
	assert_int_equal((uintptr_t)first % 16, 0);
	for (int i = 0; i < 100; i++) {
		uint8_t *p = arena_alloc(&a, 500);
		assert_non_null(p);
		for (int k = 0; k < 500; k++)
			assert_int_equal(p[k], 0);
		memset(p, 0xff, 500);
	}
	assert_null(arena_alloc(&a, 100000));	       /* the cap */
	assert_null(arena_array(&a, SIZE_MAX / 2, 4)); /* the product */
	volatile size_t huge = SIZE_MAX; /* hidden from the compiler, which would refuse it */
	assert_null(arena_alloc(&a, huge));
	arena_done(&a);
	assert_int_equal(a.used, 0);
	arena_init(&a, 100000);
	assert_string_equal(arena_printf(&a, "%d:%s", 7, "seven"), "7:seven");
	assert_string_equal(arena_str(&a, "abcdef", 3), "abc");
	assert_non_null(arena_alloc(&a, 0));
	arena_done(&a);
	arena_done(&a);
	arena_init(&a, SIZE_MAX);
	assert_non_null(arena_alloc(&a, 3 << 20)); /* larger than an ordinary chunk */
	arena_done(&a);
	assert_null(a.chunks);
}

static void test_buf(void **state)
{
	struct buf b;
	buf_init(&b, 40);
	assert_string_equal(buf_cstr(&b), "");
	buf_u8(&b, 1);
	buf_u16le(&b, 0x0203);
	buf_u32le(&b, 0x04050607);
	buf_u64le(&b, 0x08090a0b0c0d0e0f);
	buf_u16be(&b, 0x0203);
	buf_u32be(&b, 0x04050607);
	buf_u64be(&b, 0x08090a0b0c0d0e0f);
	assert_int_equal(buf_err(&b), 0);
	assert_memory_equal(
		b.p,
		"\1\3\2\7\6\5\4\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
		29);
	buf_printf(&b, "%s", "elevenchars");
	assert_int_equal(b.len, 40);
	buf_u8(&b, 0);
	assert_int_equal(buf_err(&b), -ERR_OVERSIZE);
	assert_string_equal(buf_cstr(&b), "");
	assert_null(buf_space(&b, 0)); /* the error sticks */
	size_t len = 99;
	assert_null(buf_take(&b, &len));
	assert_int_equal(len, 99);
	buf_clear(&b);
	buf_str(&b, "ok");
	char *text = (char *)buf_take(&b, &len);
	assert_string_equal(text, "ok");
	assert_int_equal(len, 2);
	free(text);
	buf_printf(&b, "%41d", 1);
	assert_int_equal(buf_err(&b), -ERR_OVERSIZE);
	buf_done(&b);
}

static void test_cursor(void **state)
{
	static const uint8_t bytes[] = "\1\2\3\4\5\6\7\x08\1\2\3\4\5\6\7\x08\1\2\3\4\5\6one\ntwo";
	struct cur c = cur_init(bytes, sizeof(bytes) - 1);
	assert_int_equal(cur_u64le(&c), 0x0807060504030201);
	assert_int_equal(cur_u64be(&c), 0x0102030405060708);
	assert_int_equal(cur_u8(&c), 1);
	assert_int_equal(cur_u8(&c), 2);
	assert_int_equal(cur_u16le(&c), 0x0403);
	assert_int_equal(cur_u16be(&c), 0x0506);
	size_t len = 0;
	const char *line = cur_line(&c, 3, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(line, "one", 3);
	assert_int_equal(cur_end(&c), -ERR_TRAILING);
	struct cur early = c;
	assert_null(cur_line(&early, 100, &len));
	assert_int_equal(cur_end(&early), -ERR_TRUNCATED);
	early = c;
	assert_null(cur_line(&early, 2, &len));
	assert_int_equal(cur_end(&early), -ERR_OVERSIZE);
	assert_int_equal(cur_left(&c), 3);
	assert_int_equal(cur_u32le(&c), 0);
	assert_int_equal(cur_left(&c), 0);
	assert_null(cur_bytes(&c, 0)); /* the error sticks */
	uint8_t out[2] = {9, 9};
	cur_copy(&c, out, 2);
	assert_int_equal(out[0] | out[1], 0);
	assert_int_equal(cur_fail(&c, -ERR_FORMAT), -ERR_TRUNCATED); /* the first one wins */
	c = cur_init(NULL, 0);
	assert_int_equal(cur_end(&c), 0);
	c = cur_init("ab", 2);
	cur_copy(&c, out, 2);
	assert_int_equal(cur_end(&c), 0);
	assert_int_equal(cur_fail(&c, ERR_FORMAT), -ERR_FORMAT);
}

static void test_hex_base64(void **state)
{
	char text[64];
	uint8_t out[8];
	size_t len;
	hex_encode("\x00\xab\xff", 3, text);
	assert_string_equal(text, "00abff");
	assert_int_equal(hex_decode("00ABff", 6, out, 3), 0);
	assert_memory_equal(out, "\x00\xab\xff", 3);
	assert_int_equal(hex_decode("00abf", 5, out, 3), -ERR_FORMAT);
	assert_int_equal(hex_decode("00abfg", 6, out, 3), -ERR_FORMAT);
	assert_int_equal(hex_decode("00ab", 4, out, 3), -ERR_FORMAT);
	/* RFC 4648, section 10 */
	static const char *const rows[][3] = {{"", "", ""},
					      {"f", "Zg==", "Zg"},
					      {"fo", "Zm8=", "Zm8"},
					      {"foo", "Zm9v", "Zm9v"},
					      {"foobar", "Zm9vYmFy", "Zm9vYmFy"}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int v = BASE64_PADDED; v <= BASE64_RAW; v++) {
			const char *want = rows[i][1 + v];
			assert_int_equal(base64_encode((enum base64_variant)v, rows[i][0],
						       strlen(rows[i][0]), text),
					 strlen(want));
			assert_string_equal(text, want);
			assert_int_equal(base64_decode((enum base64_variant)v, want, strlen(want),
						       out, sizeof(out), &len),
					 0);
			assert_int_equal(len, strlen(rows[i][0]));
			assert_memory_equal(out, rows[i][0], len);
		}
	}
	assert_int_equal(base64_decode(BASE64_PADDED, "Zg", 2, out, 8, &len), -ERR_FORMAT);
	assert_int_equal(base64_decode(BASE64_RAW, "Zg==", 4, out, 8, &len), -ERR_FORMAT);
	assert_int_equal(base64_decode(BASE64_PADDED, "Zh==", 4, out, 8, &len),
			 -ERR_FORMAT); /* trailing bits */
	assert_int_equal(base64_decode(BASE64_PADDED, "Zg==\n", 5, out, 8, &len), -ERR_FORMAT);
	assert_int_equal(base64_decode(BASE64_PADDED, "Z g==", 5, out, 8, &len), -ERR_FORMAT);
	assert_int_equal(base64_decode(BASE64_PADDED, "Zm9vYmFy", 8, out, 5, &len), -ERR_OVERSIZE);
	for (int c = -128; c < 128; c++) { /* no byte but the 64 is a character */
		const char quad[4] = {'Z', (char)c, '9', 'v'};
		bool known =
			c &&
			strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
			       c);
		assert_int_equal(base64_decode(BASE64_RAW, quad, 4, out, 8, &len),
				 known ? 0 : -ERR_FORMAT);
	}
}

static void test_base58(void **state)
{
	const char *dir = getenv("LUG_DATA");
	char text[400], path[4096];
	uint8_t out[BASE58_MAX], in[BASE58_MAX] = {0};
	size_t len;
	assert_int_equal(base58_encode(in, BASE58_MAX + 1, text, sizeof(text)), -ERR_OVERSIZE);
	assert_int_equal(base58_encode(in, 5, text, 5), -ERR_OVERSIZE);
	assert_int_equal(base58_encode(in, 5, text, 6), 5);
	assert_int_equal(base58_decode("0", 1, out, sizeof(out), &len), -ERR_FORMAT);
	assert_int_equal(base58_decode("2g", 2, out, 0, &len), -ERR_OVERSIZE);
	memset(text, 'z', sizeof(text));
	assert_int_equal(base58_decode(text, sizeof(text), out, sizeof(out), &len), -ERR_OVERSIZE);
	assert_int_equal(base58_decode(text, 353, out, sizeof(out), &len), -ERR_OVERSIZE);
	memset(in, 0xff, BASE58_MAX);
	assert_true(base58_encode(in, BASE58_MAX, text, sizeof(text)) > 0);
	assert_int_equal(base58_decode(text, strlen(text), out, sizeof(out), &len), 0);
	assert_int_equal(len, BASE58_MAX);
	assert_memory_equal(in, out, len);
	if (!dir) {
		print_message("skipped: LUG_DATA is not set, so no published vectors of base58\n");
		return;
	}
	struct buf b;
	buf_init(&b, 1 << 20);
	snprintf(path, sizeof(path), "%s/vectors/bip/base58_encode_decode.json", dir);
	assert_int_equal(file_read(path, &b, NULL), 0);
	_cleanup_(json_decrefp) json_t *rows = NULL;
	assert_int_equal(json_parse(b.p, b.len, &rows, NULL), 0);
	assert_true(json_array_size(rows) >= 12);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const char *hex = json_string_value(json_array_get(json_array_get(rows, i), 0));
		const char *want = json_string_value(json_array_get(json_array_get(rows, i), 1));
		size_t n = strlen(hex) / 2;
		assert_int_equal(hex_decode(hex, strlen(hex), in, n), 0);
		assert_int_equal(base58_encode(in, n, text, sizeof(text)), strlen(want));
		assert_string_equal(text, want);
		assert_int_equal(base58_decode(want, strlen(want), out, sizeof(out), &len), 0);
		assert_int_equal(len, n);
		assert_memory_equal(in, out, n);
	}
	buf_done(&b);
}

static void test_dec_utf8_name(void **state)
{
	uint64_t v = 5;
	assert_int_equal(dec_parse_u64("18446744073709551615", 20, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(dec_parse_u64("18446744073709551616", 20, UINT64_MAX, &v), -ERR_RANGE);
	assert_int_equal(dec_parse_u64("11", 2, 10, &v), -ERR_RANGE);
	assert_int_equal(dec_parse_u64("01", 2, 10, &v), -ERR_FORMAT);
	assert_int_equal(dec_parse_u64("", 0, 10, &v), -ERR_FORMAT);
	assert_int_equal(dec_parse_u64("-1", 2, 10, &v), -ERR_FORMAT);
	assert_int_equal(dec_parse_u64("0", 1, 10, &v), 0);
	assert_true(utf8_valid("caf\xc3\xa9\n", 6));
	assert_false(utf8_clean("caf\xc3\xa9\n", 6));
	assert_false(utf8_clean("\xc2\x85", 2));
	assert_false(utf8_valid("\xc0\x80", 2));	 /* overlong */
	assert_false(utf8_valid("\xed\xa0\x80", 3));	 /* surrogate */
	assert_false(utf8_valid("\xf4\x90\x80\x80", 4)); /* above U+10FFFF */
	assert_false(utf8_valid("\xc3", 1));
	assert_false(utf8_valid("\x80", 1));
	assert_true(utf8_clean("\xf0\x9f\x98\x80", 4));
	assert_true(name_valid("it.example/audit", 16));
	assert_true(name_valid("a", 1));
	assert_false(name_valid("", 0));
	assert_false(name_valid("It", 2));
	assert_false(name_valid("/a", 2));
	assert_false(name_valid("a\0b", 3));
}

static void test_time(void **state)
{
	char text[TIME_TEXT_MAX], span[TIME_SPAN_MAX];
	int64_t t = 0;
	assert_string_equal(time_utc(0, text), "1970-01-01T00:00:00Z");
	assert_string_equal(time_utc(1709210096, text), "2024-02-29T12:34:56Z");
	assert_string_equal(time_utc(-62135596800, text), "0001-01-01T00:00:00Z");
	assert_string_equal(time_utc(INT64_MAX, text), "-");
	struct prng r;
	prng_init(&r, 1);
	for (int i = 0; i < 2000; i++) {
		int64_t want = (int64_t)prng_below(&r, 253402300800 + 62135596800) - 62135596800;
		time_utc(want, text);
		assert_int_equal(time_parse(text, strlen(text), &t), 0);
		assert_int_equal(t, want);
	}
	assert_int_equal(time_parse("2023-02-29T00:00:00Z", 20, &t), -ERR_RANGE);
	assert_int_equal(time_parse("2024-01-01T24:00:00Z", 20, &t), -ERR_RANGE);
	assert_int_equal(time_parse("2024-01-01 00:00:00Z", 20, &t), -ERR_FORMAT);
	assert_int_equal(time_parse("2024-01-01T00:00:0xZ", 20, &t), -ERR_FORMAT);
	assert_string_equal(time_span(125, span), "2 min 5 s");
	assert_string_equal(time_span(-11400, span), "-3 h 10 min");
	assert_string_equal(time_span(4 * 86400, span), "4 d 0 h");
	assert_string_equal(time_span(INT64_MIN, span), "-106751991167300 d 15 h");
	uint8_t id[16];
	time_uuid7(0x017F22E279B0, (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", id);
	assert_memory_equal(id, "\x01\x7f\x22\xe2\x79\xb0\x7f\xff\xbf\xff\xff\xff\xff\xff\xff\xff",
			    16);
	assert_true(time_mono_ns() <= time_mono_ns());
	assert_true(time_now_ms() > 1700000000000);
	assert_true(time_mono_ms() > 0);
	assert_true(strlen(time_local(0, text)) > 10);
}

static void test_prng(void **state)
{
	struct prng r, s;
	prng_init(&r, 42);
	prng_init(&s, 42);
	uint64_t seen = 0;
	for (int i = 0; i < 1000; i++) {
		uint64_t v = prng_below(&r, 10);
		assert_true(v < 10);
		assert_true(v == prng_below(&s, 10));
		seen |= UINT64_C(1) << v;
	}
	assert_int_equal(seen, 1023);
	assert_int_equal(prng_below(&r, 0), 0);
	assert_false(prng_chance(&r, 0, 5));
	assert_true(prng_chance(&r, 5, 5));
	uint8_t a[13] = {0}, zero[13] = {0};
	prng_bytes(&r, a, sizeof(a));
	assert_memory_not_equal(a, zero, sizeof(a));
	prng_init(&r, 0);
	assert_true(
		prng_u64(&r) ==
		UINT64_C(
			0x99ec5f36cb75f2b4)); /* the published generator's first value for this seed */
}

static void test_file(void **state)
{
	char dir[] = "/tmp/lug-test-base.XXXXXX", path[64], deep[80];
	struct err e;
	struct buf b;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	buf_init(&b, 10);
	assert_int_equal(file_read(path, &b, &e), -ERR_NOENT);
	assert_string_equal(e.field, path);
	assert_int_equal(file_write(path, "0123456789", 10, 0640, &e), 0);
	assert_int_equal(file_read(path, &b, &e), 0);
	assert_int_equal(b.len, 10);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(file_write(path, "0123456789a", 11, 0600, &e), 0);
	buf_clear(&b);
	assert_int_equal(file_read(path, &b, &e), -ERR_OVERSIZE);
	/* A file that cannot be written whole leaves the old one. */
	struct rlimit old, small = {4096, 4096};
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	static const char big[8192];
	assert_true(file_write(path, big, sizeof(big), 0600, &e) < 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 11);
	snprintf(deep, sizeof(deep), "%s/a/b/c", dir);
	assert_int_equal(file_mkdirs(deep, 0700, &e), 0);
	assert_int_equal(file_mkdirs(deep, 0700, &e), 0);
	snprintf(deep, sizeof(deep), "%s/f/x", dir);
	assert_true(file_mkdirs(deep, 0700, &e) < 0);
	assert_int_equal(file_mkdirs(path, 0700, &e), -ERR_EXIST);
	assert_int_equal(file_mkdirs("", 0700, &e), -ERR_INVAL);
	snprintf(deep, sizeof(deep), "rm -r '%s'", dir);
	assert_int_equal(system(deep), 0);
	buf_done(&b);
}

static void test_json(void **state)
{
	struct err e = {0};
	json_t *none = NULL;
	assert_int_equal(json_parse("{\"a\":1,\"a\":2}", 13, &none, &e), -ERR_FORMAT);
	assert_int_equal(json_parse("{} x", 4, &none, &e), -ERR_FORMAT);
	assert_int_equal(json_parse("\"s\"", 3, &none, &e), -ERR_FORMAT);
	assert_int_equal(json_parse("{\"a\":\"\\u0000\"}", 14, &none, &e), -ERR_FORMAT);
	assert_int_equal(json_parse("{\"a\":\"\xff\"}", 9, &none, &e), -ERR_FORMAT);
	char deep[80];
	memset(deep, '[', 40);
	memset(deep + 40, ']', 40);
	assert_int_equal(json_parse(deep, sizeof(deep), &none, &e), -ERR_OVERSIZE);
	assert_null(none);
	static const char text[] =
		"{\"s\":\"text [[[[\",\"i\":-5,\"u\":\"18446744073709551615\",\"b\":true,\"n\":null}";
	_cleanup_(json_decrefp) json_t *o = NULL;
	assert_int_equal(json_parse(text, sizeof(text) - 1, &o, &e), 0);
	const char *s = "kept";
	int64_t i = 3;
	uint64_t u = 0;
	bool b = false;
	assert_int_equal(json_need_str(o, "s", 1, 11, &s, &e), 0);
	assert_string_equal(s, "text [[[[");
	assert_int_equal(json_need_str(o, "s", 1, 3, &s, &e), -ERR_RANGE);
	assert_int_equal(json_need_str(o, "i", 1, 3, &s, &e), -ERR_INVAL);
	assert_int_equal(json_need_str(o, "n", 1, 3, &s, &e), -ERR_FIELD_MISSING);
	assert_string_equal(e.field, "n");
	s = "kept";
	assert_int_equal(json_opt_str(o, "n", 1, 3, &s, &e), 0);
	assert_string_equal(s, "kept");
	assert_int_equal(json_need_int(o, "i", -5, 5, &i, &e), 0);
	assert_int_equal(i, -5);
	assert_int_equal(json_need_int(o, "i", 0, 5, &i, &e), -ERR_RANGE);
	assert_int_equal(json_opt_int(o, "s", 0, 5, &i, &e), -ERR_INVAL);
	assert_int_equal(json_opt_int(o, "absent", 0, 5, &i, &e), 0);
	assert_int_equal(json_need_u64(o, "u", UINT64_MAX, &u, &e), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(json_need_u64(o, "u", 5, &u, &e), -ERR_RANGE);
	assert_int_equal(json_need_u64(o, "i", 5, &u, &e), -ERR_INVAL);
	assert_int_equal(json_opt_bool(o, "b", &b, &e), 0);
	assert_true(b);
	assert_int_equal(json_opt_bool(o, "s", &b, &e), -ERR_INVAL);
	static const char *const all[] = {"s", "i", "u", "b", "n", NULL}, *const some[] = {"s", "i",
											   NULL};
	assert_int_equal(json_only(o, all, &e), 0);
	assert_int_equal(json_only(o, some, &e), -ERR_FIELD_UNKNOWN);
	_cleanup_(json_decrefp) json_t *big = json_u64(UINT64_MAX);
	_cleanup_(freep) char *out = json_text(big);
	assert_string_equal(out, "\"18446744073709551615\"");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_err),	      cmocka_unit_test(test_arena),
		cmocka_unit_test(test_buf),	      cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_hex_base64),    cmocka_unit_test(test_base58),
		cmocka_unit_test(test_dec_utf8_name), cmocka_unit_test(test_time),
		cmocka_unit_test(test_prng),	      cmocka_unit_test(test_file),
		cmocka_unit_test(test_json),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
