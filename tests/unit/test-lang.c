/* SPDX-License-Identifier: Apache-2.0
 * Tests of lang: catalogues good and damaged, the choice of a language, zones against what is known of them. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "lang/lang.h"
#include "lang/mo.h"
#include "lang/tz.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <unistd.h>

/* A catalogue of two texts, laid out by hand: header, ids, texts, strings. */
static void make_mo(struct buf *b, const char *id0, const char *id1)
{
	const char *const s[] = {id0, id1, "uno", "due"};
	uint32_t off = 28 + 4 * 8;
	const uint32_t head[] = {0x950412de, 0, 2, 28, 28 + 16, 0, 0};
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		buf_u32le(b, head[i]);
	for (size_t i = 0; i < 4; i++) {
		buf_u32le(b, (uint32_t)strlen(s[i]));
		buf_u32le(b, off);
		off += (uint32_t)strlen(s[i]) + 1;
	}
	for (size_t i = 0; i < 4; i++)
		buf_put(b, s[i], strlen(s[i]) + 1);
}

static void test_mo_reads(void **state)
{
	struct mo mo;
	struct buf b _cleanup_(buf_done);
	buf_init(&b, 4096);
	make_mo(&b, "one", "two");
	assert_int_equal(mo_open(b.p, b.len, &mo, NULL), 0);
	assert_int_equal(mo.n, 2);
	assert_string_equal(mo_find(&mo, "one"), "uno");
	assert_string_equal(mo_find(&mo, "two"), "due");
	assert_null(mo_find(&mo, "three"));
	assert_string_equal(mo_id(&mo, 1), "two");
	assert_string_equal(mo_text(&mo, 1), "due");
}

static void test_mo_refuses(void **state)
{
	struct mo mo;
	struct err e = {0};
	struct buf b _cleanup_(buf_done);
	buf_init(&b, 4096);
	make_mo(&b, "one", "two");
	for (size_t len = 0; len < b.len; len++) /* cut anywhere */
		assert_int_equal(mo_open(b.p, len, &mo, &e), -ERR_TRUNCATED);
	b.p[0] ^= 1;
	assert_int_equal(mo_open(b.p, b.len, &mo, &e), -ERR_VERSION);
	b.p[0] ^= 1;
	b.p[4] = 9;
	assert_int_equal(mo_open(b.p, b.len, &mo, &e), -ERR_VERSION);
	b.p[4] = 0;
	b.p[60] = 0xFF; /* the first id */
	assert_int_equal(mo_open(b.p, b.len, &mo, &e), -ERR_FORMAT);
	b.p[60] = 'z';
	assert_int_equal(mo_open(b.p, b.len, &mo, &e), -ERR_FORMAT); /* order */
	b.p[60] = 'o';
	b.p[10] = 1; /* 65,538 texts */
	assert_int_equal(mo_open(b.p, b.len, &mo, &e), -ERR_OVERSIZE);
	assert_int_equal(mo_open(b.p, MO_SIZE_MAX + (size_t)1, &mo, &e), -ERR_OVERSIZE);
}

static void test_picks_a_language(void **state)
{
	static const struct {
		const char *accept, *tag;
	} rows[] = {
		{NULL, "en"},
		{"", "en"},
		{"it", "it"},
		{"IT-ch", "it"},
		{"xx, ja;q=0.3", "ja"},
		{"fr;q=0.8, de;q=0.9, en;q=0.7", "de"},
		{"fr, de", "fr"},
		{"fr;q=0", "en"},
		{"fr;q=2, it;q=0.1", "it"},
		{"fr;q=abc", "en"},
		{"*;q=0.5, it;q=0.4", "en"},
		{" ,, ; , \tja", "ja"},
		{"de;q=0.1234, it;q=0.05", "it"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(lang_tag(lang_pick(rows[i].accept)), rows[i].tag);
	char longer[LANG_ACCEPT_MAX + 2];
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_string_equal(lang_tag(lang_pick(longer)), "en");
}

static void test_texts(void **state)
{
	const struct lang *it = lang_find("it");
	assert_int_equal(lang_start(NULL), 0);
	assert_string_equal(lang_name(lang_find("ja")), "日本語");
	assert_null(lang_find("xx"));
	assert_null(lang_find("i"));
	assert_null(lang_nth(5));
	assert_string_equal(lang_text(it, NULL, "Desk"), "Postazione");
	assert_string_equal(lang_text(it, "type", "FREEZE"), "Congelamento");
	assert_string_equal(lang_text(it, "type", "NEVER"), "NEVER");
	assert_null(lang_lookup(it, NULL, ""));
	assert_null(lang_lookup(it, "other", "FREEZE"));
	char longer[LANG_KEY_MAX + 2];
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_null(lang_lookup(it, "type", longer));
}

/* Every language has the same keys: the build says so too, here of what is built in. */
static void test_every_language_is_whole(void **state)
{
	const struct lang *l;
	for (size_t i = 0; (l = lang_nth(i)); i++)
		for (size_t k = 1; k < 60; k++)
			if (strcmp(err_name((int)k), "unknown") != 0)
				assert_non_null(lang_lookup(l, "error", err_name((int)k)));
}

static void test_zones(void **state)
{
	char out[TZ_TEXT_MAX];
	_cleanup_(tz_freep) struct tz *rome = NULL, *tokyo = NULL;
	struct err e = {0};
	if (access("/usr/share/zoneinfo/Europe/Rome", R_OK) < 0)
		skip();
	assert_int_equal(tz_open("Europe/Rome", &rome, &e), 0);
	assert_int_equal(tz_open("Asia/Tokyo", &tokyo, &e), 0);
	/* 2026-03-29: 01:59:59 CET is followed by 03:00:00 CEST, at 01:00 UTC */
	assert_string_equal(tz_text(rome, 1774745999, out), "2026-03-29 01:59 CET");
	assert_string_equal(tz_text(rome, 1774746000, out), "2026-03-29 03:00 CEST");
	/* 2040-07-01: behind the last change of the file, by the rule at its end */
	assert_string_equal(tz_text(rome, 2224756800, out), "2040-07-01 14:00 CEST");
	assert_int_equal(tz_offset(tokyo, 1774746000), 9 * 3600);
	assert_string_equal(tz_abbr(tokyo, 0), "JST");
	assert_string_equal(tz_text(NULL, 0, out), "1970-01-01 00:00 UTC");
	assert_string_equal(tz_text(NULL, INT64_MAX / 2, out), "-");
}

static void test_zones_refuse(void **state)
{
	struct tz *z = NULL;
	struct err e = {0};
	static const char *const names[] = {
		"", "/etc/passwd", "../../etc/passwd", "Europe//Rome", "a b", "x\n"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(tz_open(names[i], &z, &e), -ERR_INVAL);
	assert_int_equal(tz_open("No/Where", &z, &e), -ERR_NOENT);
	static const char bytes[44] = "TZif1";
	assert_int_equal(tz_parse("x", "", 0, &z, &e), -ERR_FORMAT);
	assert_int_equal(tz_parse("x", bytes, sizeof(bytes), &z, &e), -ERR_FORMAT);
	assert_int_equal(tz_parse("x", bytes, TZ_FILE_MAX + 1, &z, &e), -ERR_OVERSIZE);
	assert_null(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mo_reads),
		cmocka_unit_test(test_mo_refuses),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_picks_a_language),
		cmocka_unit_test(test_every_language_is_whole),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_zones_refuse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
