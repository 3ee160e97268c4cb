/* SPDX-License-Identifier: Apache-2.0
 * Answers of a trace with hostile text in them: whatever a label says, a page stays a page, a graph a graph, and a row a row. */
#include "report/trace-int.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka needs the three above */
#include <cmocka.h>

static const char *const hostile[] = {
	"<script>alert(1)</script>",
	"\"><img src=x onerror=alert(1)>",
	"' onload='x",
	"</style><style>*{display:none}",
	"]]>--><!--",
	"&lt;&#60;&amp;",
	"a\\\" ]; evil [label=\"",
	"new\nline\r\ttab\x01\x7f",
	"\xe2\x80\xaeright to left\xe2\x80\xac \xe2\x81\xa6isolated",
	"=HYPERLINK(\"http://x\",\"y\")",
	"@SUM(1)",
	"-1+1",
	"日本語の名前 и другие",
	"",
};

static const char *as(void (*escape)(struct buf *out, const char *s), const char *s)
{
	static char text[1024];
	struct buf b;
	buf_init(&b, sizeof(text));
	escape(&b, s);
	assert_int_equal(buf_err(&b), 0);
	snprintf(text, sizeof(text), "%s", buf_cstr(&b));
	buf_done(&b);
	return text;
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(as(text_html, hostile[0]), "&lt;script&gt;alert(1)&lt;/script&gt;");
	assert_string_equal(as(text_html, "a'b\"c&d"), "a&#39;b&quot;c&amp;d");
	assert_string_equal(as(text_html, "x\xe2\x80\xaey"), "x\xef\xbf\xbdy");
	assert_string_equal(as(text_html, "x\xc2\x85y\xd8\x9cz"), "x\xef\xbf\xbdy\xef\xbf\xbdz");
	assert_string_equal(as(text_html, hostile[12]), hostile[12]);
	assert_string_equal(as(text_dot, "a\\b\"c\n"), "a\\\\b\\\"c\xef\xbf\xbd");
	assert_string_equal(as(text_csv, "a\"b,c"), "\"a\"\"b,c\"");
	assert_string_equal(as(text_csv, "=1+1"), "\"'=1+1\"");
	assert_string_equal(as(text_csv, ""), "\"\"");
	/* Cut in the middle of a character, as nothing valid is: it must not be read beyond. */
	assert_string_equal(as(text_html, "x\xe2"), "x\xe2");
	assert_string_equal(as(text_html, "x\xe2\x80"), "x\xe2\x80");
}

static json_t *path_of(const char *s)
{
	return json_pack("[{s:s, s:s, s:s, s:i, s:s}]", "output", s, "tainted", "5", "address", s,
			 "height", 3, "time", s);
}

static json_t *label_of(const char *s)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:o, s:o}", "label", s,
			 "category", s, "actor", s, "set", s, "received", "5", "unspent", "5",
			 "stopped", "0", "outputs", 1, "addresses", 1, "hops", 1, "shortest",
			 path_of(s), "largest", path_of(s));
}

static json_t *node_of(const char *kind, const char *s)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:i, s:i, s:i, s:i}", "kind", kind, "text",
			 s, "note", s, "end", "unspent", "count", 1, "amount", "5", "x", 1, "y", 2,
			 "width", 168, "height", 40);
}

/* A report as trace_report_json() makes them, with one text in every place that a text from elsewhere may come to. */
static json_t *report_of(const char *s)
{
	json_t *j = json_pack(
		"{s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:i, s:s, s:s, s:s, s:{s:s, s:s, s:s}, s:b}",
		"program", "lug 0", "network", "regtest", "asset", "a", "ticker", "BTC", "decimals",
		8, "tip_height", 9, "tip", "ff", "height", 9, "direction", "forward", "policy",
		"haircut", "fees", "skip", "sums", "seeds", "5", "unspent", "5", "fees", "0",
		"partial", 1);
	json_object_set_new(j, "labels", json_pack("[o]", label_of(s)));
	json_object_set_new(j, "nearest", json_pack("[i]", 0));
	json_object_set_new(j, "holders",
			    json_pack("[{s:s, s:s, s:s, s:[o]}]", "address", s, "unspent", "5",
				      "stopped", "0", "labels", label_of(s)));
	json_object_set_new(
		j, "entities",
		json_pack("[{s:s, s:i, s:[o]}]", "address", s, "entity", 1, "labels", label_of(s)));
	json_object_set_new(
		j, "cut",
		json_pack("[{s:s, s:s, s:i}]", "reason", "dust", "amount", "1", "outputs", 1));
	json_object_set_new(
		j, "graph",
		json_pack("{s:i, s:i, s:i, s:[o, o], s:[{s:i, s:i, s:i, s:s, s:[iiiiiiii]}]}",
			  "width", 400, "height", 100, "grouped", 2, "nodes", node_of("seed", s),
			  node_of("end", s), "edges", "from", 0, "to", 1, "count", 1, "amount", "5",
			  "curve", 1, 2, 3, 4, 5, 6, 7, 8));
	return j;
}

static size_t count(const char *text, char c)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == c;
	return n;
}

/* Markup must not depend on what a label says: the same tags, the same quotes. */
static void test_page(void **state)
{
	(void)state;
	size_t tags = 0, quotes = 0;
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		json_t *j = report_of(hostile[i][0] ? hostile[i] : "x");
		struct buf b;
		buf_init(&b, 1 << 20);
		trace_report_html(j, &b);
		assert_int_equal(buf_err(&b), 0);
		const char *s = buf_cstr(&b);
		tags = i ? tags : count(s, '<');
		quotes = i ? quotes : count(s, '"');
		assert_int_equal(count(s, '<'), tags);
		assert_int_equal(count(s, '"'), quotes);
		assert_null(strstr(s, "<script"));
		assert_null(strstr(s, "\xe2\x80\xae"));
		assert_non_null(strstr(s, "default-src 'none'"));
		assert_non_null(strstr(s, "Partial."));
		buf_done(&b);
		json_decref(j);
	}
}

/* Quotes that are not escaped, in GraphViz. */
static size_t quotes_of(const char *s)
{
	size_t n = 0;
	for (; *s; s++) {
		if (*s == '\\')
			s++;
		else
			n += *s == '"';
	}
	return n;
}

static void test_dot(void **state)
{
	(void)state;
	size_t quotes = 0, lines = 0;
	for (size_t i = 0; i < ARRAY_LEN(hostile) - 1; i++) {
		json_t *j = report_of(hostile[i]);
		struct buf b;
		buf_init(&b, 1 << 16);
		trace_report_dot(j, &b);
		assert_int_equal(buf_err(&b), 0);
		const char *s = buf_cstr(&b);
		quotes = i ? quotes : quotes_of(s);
		lines = i ? lines : count(s, '\n');
		assert_int_equal(quotes_of(s), quotes);
		assert_int_equal(count(s, '\n'), lines);
		buf_done(&b);
		json_decref(j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_dot),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
