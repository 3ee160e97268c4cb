/* SPDX-License-Identifier: Apache-2.0
 * Escaping: one table a place. Text and quoted attributes share theirs; a URL's part is percent-encoded. */
#include "base/text.h"
#include "console/page-int.h"

static const char *entity(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&#34;";
	case '\'':
		return "&#39;";
	default:
		break;
	}
	if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
		return "\xEF\xBF\xBD"; /* U+FFFD */
	return NULL;
}

static void escape_html(struct buf *out, const char *s, size_t len)
{
	size_t from = 0;
	for (size_t i = 0; i < len; i++) {
		const char *e = entity((unsigned char)s[i]);
		if (!e)
			continue;
		buf_put(out, s + from, i - from);
		buf_str(out, e);
		from = i + 1;
	}
	buf_put(out, s + from, len - from);
}

static bool unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static void escape_url(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (unreserved(s[i]))
			buf_u8(out, (uint8_t)s[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)s[i]);
}

void page_escape(struct buf *out, enum page_context at, const char *s, size_t len)
{
	switch (at) {
	case PAGE_TEXT:
	case PAGE_ATTR:
		escape_html(out, s, len);
		return;
	case PAGE_URL:
		escape_url(out, s, len);
		return;
	}
}
