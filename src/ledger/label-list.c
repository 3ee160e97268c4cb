/* SPDX-License-Identifier: Apache-2.0
 * Lists of addresses, one a line or as a JSON array, which say nothing but the address; and the choice of parser. */
#include "base/json.h"
#include "base/text.h"
#include "ledger/label-int.h"
#include <string.h>

static int add_address(struct label_builder *b, const char *s, size_t len, uint32_t line)
{
	struct label_entry *t;
	int r = builder_entry(b, &t);
	if (r < 0)
		return r;
	t->line = line;
	if (len > LABEL_TEXT_MAX || !utf8_clean(s, len)) {
		t->bad = len > LABEL_TEXT_MAX ? -ERR_OVERSIZE : -ERR_FORMAT;
		return 0;
	}
	t->address = arena_str(&b->arena, s, len);
	return t->address ? 0 : -ERR_NOMEM;
}

enum { TICK_LINES = 4096 };

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

int list_parse(struct label_builder *b, const void *p, size_t len)
{
	const char *s = p, *end = s + len;
	for (uint32_t line = 1; s < end; line++) {
		const char *eol = memchr(s, '\n', (size_t)(end - s)), *next = eol ? eol + 1 : end;
		const char *stop = eol ? eol : end, *mark = memchr(s, '#', (size_t)(stop - s));
		stop = mark ? mark : stop;
		while (s < stop && is_space(*s))
			s++;
		while (stop > s && is_space(stop[-1]))
			stop--;
		if (line % TICK_LINES == 0)
			builder_tick(b, (uint64_t)(s - (const char *)p));
		if (stop > s) {
			int r = add_address(b, s, (size_t)(stop - s), line);
			if (r < 0)
				return r;
		}
		s = next;
	}
	return 0;
}

int json_list_parse(struct label_builder *b, const void *p, size_t len)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	json_t *v;
	size_t i;
	int r = json_parse(p, len, &j, b->e);
	if (r < 0)
		return r;
	if (!json_is_array(j))
		return err_set(b->e, ERR_FORMAT, NULL,
			       "not a list: an array of addresses is expected");
	json_array_foreach (j, i, v) {
		if (!json_is_string(v))
			return err_set(b->e, ERR_FORMAT, NULL, "entry %zu is not a string", i + 1);
		r = add_address(b, json_string_value(v), json_string_length(v), 0);
		if (r < 0)
			return r;
	}
	return 0;
}

static int header_set(struct label_builder *b, enum label_field f, const char *s)
{
	if (!s)
		return 0;
	if (strlen(s) > LABEL_TEXT_MAX || !utf8_clean(s, strlen(s)))
		return err_set(b->e, ERR_INVAL, NULL,
			       "an option is too long or has control characters");
	return builder_string(b, s, strlen(s), &b->header.field[f]);
}

/* Options of a list stand where a TagPack has its header. */
static int list_header(struct label_builder *b, const struct label_import *opt)
{
	if (!opt->currency)
		return err_set(
			b->e, ERR_FIELD_MISSING, "currency",
			"a list does not say of which currency its addresses are; name it, as currency BTC");
	if (!opt->label)
		return err_set(b->e, ERR_FIELD_MISSING, "label", "a list has no labels; name one");
	int r = header_set(b, FIELD_CURRENCY, opt->currency);
	if (r == 0)
		r = header_set(b, FIELD_LABEL, opt->label);
	if (r == 0)
		r = header_set(b, FIELD_CATEGORY, opt->category);
	return r;
}

static int xml_parse(struct label_builder *b, const void *p, size_t len)
{
	struct xml_list *x;
	int r = xml_list_open(b, &x);
	if (r < 0)
		return r;
	r = xml_list_feed(x, p, len, true);
	if (r == 0)
		r = xml_list_header(x);
	xml_list_close(x);
	return r;
}

int label_finish(struct label_builder *b, const char *format)
{
	int r = builder_string(b, format, strlen(format), &b->format);
	return r == 0 ? builder_finish(b) : r;
}

int label_read(struct label_builder *b, const char *format, const void *p, size_t len,
	       const struct label_import *opt)
{
	int r;
	b->opt = opt;
	b->len = len;
	if (len > LABEL_SOURCE_MAX)
		return err_set(b->e, ERR_OVERSIZE, NULL, "larger than %d bytes", LABEL_SOURCE_MAX);
	if (strcmp(format, "tagpack") == 0) {
		r = tagpack_parse(b, p, len);
	} else if (strcmp(format, "ofac-xml") == 0) {
		r = xml_parse(b, p, len);
	} else {
		r = list_header(b, opt);
		if (r == 0)
			r = strcmp(format, "json") == 0 ? json_list_parse(b, p, len)
							: list_parse(b, p, len);
	}
	return r == 0 ? label_finish(b, format) : r;
}
