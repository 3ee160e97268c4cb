/* SPDX-License-Identifier: Apache-2.0
 * Text from elsewhere (labels, above all) on its way into HTML, GraphViz and CSV. */
#include "base/text.h"
#include "report/trace-int.h"
#include <string.h>

/* Characters that must not be shown: controls, and those that turn the direction of what follows. First and last of each range, in
 * UTF-8, whose bytes sort as its characters do. */
static const struct {
	const char *first, *last;
} unshown_ranges[] = {
	{"\x01", "\x1f"},
	{"\x7f", "\x7f"},
	{"\xc2\x80", "\xc2\x9f"},
	{"\xd8\x9c", "\xd8\x9c"},	  /* U+061C */
	{"\xe2\x80\x8e", "\xe2\x80\x8f"}, /* U+200E, U+200F */
	{"\xe2\x80\xa8", "\xe2\x80\xae"}, /* U+2028 to U+202E */
	{"\xe2\x81\xa6", "\xe2\x81\xa9"}, /* U+2066 to U+2069 */
};

/* Length in bytes of such a character; 0 for all others. */
static size_t unshown(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(unshown_ranges); i++) {
		size_t len = strlen(unshown_ranges[i].first);
		if (strnlen(s, len) == len && memcmp(s, unshown_ranges[i].first, len) >= 0 &&
		    memcmp(s, unshown_ranges[i].last, len) <= 0)
			return len;
	}
	return 0;
}

static void escape(struct buf *out, const char *s, const char *(*as)(char c))
{
	while (*s) {
		size_t skip = unshown(s);
		const char *other = skip ? "\xef\xbf\xbd" : as(*s);
		if (other)
			buf_str(out, other);
		else
			buf_put(out, s, 1);
		s += skip ? skip : 1;
	}
}

static const char *as_html(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	}
	return NULL;
}

static const char *as_dot(char c)
{
	return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : NULL;
}

static const char *as_csv(char c)
{
	return c == '"' ? "\"\"" : NULL;
}

void text_html(struct buf *out, const char *s)
{
	escape(out, s, as_html);
}

void text_dot(struct buf *out, const char *s)
{
	escape(out, s, as_dot);
}

void text_csv(struct buf *out, const char *s)
{
	buf_str(out, *s && strchr("=+-@", *s) ? "\"'" : "\"");
	escape(out, s, as_csv);
	buf_str(out, "\"");
}
