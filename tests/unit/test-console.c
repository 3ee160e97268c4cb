/* SPDX-License-Identifier: Apache-2.0
 * Tests of console: hostile values in every place of a page, amounts, spans, forms and what they become, assets. */
#include "base/cleanup.h"
#include "console/asset.h"
#include "console/console.h"
#include "console/form.h"
#include "console/page-int.h"
#include "lang/lang.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char hostile[] = "\"><script>alert('1')</script>\x01&\x7f";

static void test_escapes(void **state)
{
	struct buf b _cleanup_(buf_done);
	buf_init(&b, 4096);
	page_escape(&b, PAGE_TEXT, hostile, sizeof(hostile) - 1);
	assert_string_equal(buf_cstr(&b), "&#34;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"
					  "\xEF\xBF\xBD&amp;\xEF\xBF\xBD");
	buf_clear(&b);
	page_escape(&b, PAGE_ATTR, "a\nb\"", 4);
	assert_string_equal(buf_cstr(&b), "a\nb&#34;");
	buf_clear(&b);
	page_escape(&b, PAGE_URL, "javascript:/a?b=c&d#é", 22);
	assert_string_equal(buf_cstr(&b), "javascript%3A%2Fa%3Fb%3Dc%26d%23%C3%A9");
}

static void test_amounts(void **state)
{
	static const struct {
		const char *units, *asset, *text;
	} rows[] = {
		{"0", "x/slip44:0", "0.00 BTC"},
		{"1", "x/slip44:0", "0.00000001 BTC"},
		{"150000000", "x/slip44:0", "1.50 BTC"},
		{"2100000000000000", "x/slip44:0", "21000000.00 BTC"},
		{"1000000000000000001", "eip155:1/slip44:60", "1.000000000000000001 ETH"},
		{"7", "eip155:1/erc20:0xab", "7"},
		{"7", NULL, "7"},
	};
	char out[FORMAT_TEXT_MAX];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		format_amount(rows[i].units, rows[i].asset, out);
		assert_string_equal(out, rows[i].text);
	}
}

static void test_spans(void **state)
{
	char out[FORMAT_TEXT_MAX];
	const struct lang *l = lang_find("en");
	static const struct {
		int64_t s;
		const char *text;
	} rows[] = {{0, "0 s"},		{59, "59 s"},
		    {61, "1 min 1 s"},	{-90, "−1 min 30 s"},
		    {3600, "1 h"},	{7260, "2 h 1 min"},
		    {90000, "1 d 1 h"}, {INT64_MIN, "−106751991167300 d 15 h"}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		format_span(l, rows[i].s, out);
		assert_string_equal(out, rows[i].text);
	}
}

/* Every page takes any model: one whose every value is hostile, and none at all. */
static void test_pages_hold(void **state)
{
	_cleanup_(json_decrefp) json_t *at =
		json_pack("{s:{s:s, s:s}, s:s, s:s, s:{s:s}, s:{s:s}, s:s, s:{s:s, s:s}}", "viewer",
			  "officer", "\"<x>", "language", "en", "csrf", "\"<x>", "node", "<x>",
			  "form", "text", "</textarea><x>", "errors", "text", "<x>", "route", "\"",
			  "error", "message", "<x>", "detail", "<x>");
	_cleanup_(json_decrefp) json_t *data = json_pack(
		"{s:s, s:s, s:s, s:[s,s,s], s:{s:s, s:s, s:[{s:s,s:s}]}, s:[{s:s,s:s}], s:[{s:s, s:s}]}",
		"id", "\"><x>", "type", "FREEZE", "peer", "<x>", "may", "answer", "refuse",
		"approve", "request", "case", "<x>", "facts", "<x>", "assets", "account", "<x>",
		"amount", "1", "events", "text", "<x>", "event", "<x>", "now", "id", "\"<x>",
		"case", "<x>");
	for (size_t i = 0; i < page_rows_n; i++) {
		struct buf b _cleanup_(buf_done);
		buf_init(&b, PAGE_MAX);
		const struct page_in in = {.lang = lang_find("ja"), .data = data, .at = at};
		const struct page_in none = {.lang = lang_find("en")};
		assert_int_equal(page_render(page_rows[i].name, &in, &b, NULL), 0);
		assert_null(strstr(buf_cstr(&b), "<x>"));
		assert_int_equal(page_render(page_rows[i].name, &none, &b, NULL), 0);
	}
}

static void test_pages_fail(void **state)
{
	struct buf b _cleanup_(buf_done);
	const struct page_in in = {.lang = lang_find("en")};
	buf_init(&b, 10);
	assert_int_equal(page_render("no-such", &in, &b, NULL), -ERR_NOENT);
	assert_int_equal(page_render("desk", &in, &b, NULL), -ERR_OVERSIZE);
	assert_true(page_known("desk") && !page_known("_top"));
}

/* ---- forms ---- */

static int form(const char *body, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *fields = NULL;
	int r = form_parse(body, strlen(body), &fields, e);
	return r < 0 ? r : form_json(fields, ret, e);
}

static void test_forms_become_json(void **state)
{
	static const struct {
		const char *body, *json;
	} rows[] = {
		{"", "{}"},
		{"text=a+b%21&empty=&_csrf=x", "{\"text\":\"a b!\"}"},
		{"t=a%0D%0Ab%0Dc", "{\"t\":\"a\\nb\\nc\"}"},
		{"a.b=1&a.c=2", "{\"a\":{\"b\":\"1\",\"c\":\"2\"}}"},
		{"o.items[0].held=5&o.items[0].asset%3Aint=0",
		 "{\"o\":{\"items\":[{\"held\":\"5\",\"asset\":0}]}}"},
		{"n%3Aint=7&ok%3Abool=1", "{\"n\":7,\"ok\":true}"},
		{"at%3Atime=2026-11-22T10%3A59", "{\"at\":\"2026-11-22T10:59:00Z\"}"},
		{"l%3Acsv=a%2C+b+%2C%2Cc", "{\"l\":[\"a\",\"b\",\"c\"]}"},
		{"l%3Alines=a%0Ab", "{\"l\":[\"a\",\"b\"]}"},
		{"r[]=a&r[]=b", "{\"r\":[\"a\",\"b\"]}"},
		{"a[1].x=1&a[1].y=2", "{\"a\":[{\"x\":\"1\",\"y\":\"2\"}]}"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(json_decrefp) json_t *j = NULL;
		struct err e = {0};
		assert_int_equal(form(rows[i].body, &j, &e), 0);
		_cleanup_(freep) char *text = json_text(j);
		assert_string_equal(text, rows[i].json);
	}
}

static void test_forms_refuse(void **state)
{
	static const struct {
		const char *body;
		int code;
	} rows[] = {
		{"a=%zz", ERR_FORMAT},	     {"a=%0", ERR_FORMAT},
		{"a=%00", ERR_FORMAT},	     {"a=%FF", ERR_FORMAT},
		{"=1", ERR_FORMAT},	     {"a+b=1", ERR_FORMAT},
		{"a=1&a=2", ERR_DUPLICATE},  {"n%3Aint=x", ERR_INVAL},
		{"n%3Aint=-1", ERR_INVAL},   {"t%3Atime=now", ERR_INVAL},
		{"x%3Afloat=1", ERR_FORMAT}, {"a=1&a.b=2", ERR_FORMAT},
		{"[0]=1", ERR_FORMAT},	     {"a[x]=1", ERR_FORMAT},
		{"a[256]=1", ERR_FORMAT},    {"a[0=1", ERR_FORMAT},
		{"a..b=1", ERR_FORMAT},	     {"a.b.c.d.e.f.g.h.i=1", ERR_OVERSIZE},
		{"&", ERR_FORMAT},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *j = NULL;
		struct err e = {0};
		assert_int_equal(form(rows[i].body, &j, &e), -rows[i].code);
		assert_null(j);
	}
	struct buf many _cleanup_(buf_done);
	json_t *fields = NULL;
	buf_init(&many, 1 << 20);
	for (int i = 0; i <= FORM_FIELDS_MAX; i++)
		buf_printf(&many, "%sf%d=1", i ? "&" : "", i);
	assert_int_equal(form_parse(many.p, many.len, &fields, NULL), -ERR_OVERSIZE);
}

static void test_assets(void **state)
{
	const char *encoding = "x";
	const struct asset *a = asset_find("app.css");
	assert_null(asset_find("none"));
	assert_null(asset_file("app.css"));
	if (!a)
		skip(); /* built without the console */
	assert_ptr_equal(asset_file(a->file), a);
	assert_ptr_equal(asset_encode(a, "gzip, br", &encoding), &a->brotli);
	assert_string_equal(encoding, "br");
	assert_ptr_equal(asset_encode(a, "gzip", &encoding), &a->gzip);
	assert_ptr_equal(asset_encode(a, "", &encoding), &a->plain);
	assert_null(encoding);
	assert_true(a->plain.len <= 15 * 1024 && a->brotli.len < a->plain.len);
}

static int start(void **state)
{
	return lang_start(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),	     cmocka_unit_test(test_amounts),
		cmocka_unit_test(test_spans),	     cmocka_unit_test(test_pages_hold),
		cmocka_unit_test(test_pages_fail),   cmocka_unit_test(test_forms_become_json),
		cmocka_unit_test(test_forms_refuse), cmocka_unit_test(test_assets),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
