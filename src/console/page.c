/* SPDX-License-Identifier: Apache-2.0
 * What compiled templates call: looking up values, asking about them, writing them. */
#include "base/text.h"
#include "base/time.h"
#include "console/asset.h"
#include "console/page-int.h"
#include "lang/lang.h"
#include "lang/tz.h"

enum { NUMBER_MAX = 32, NAME_MAX = 160, KEY_MAX = 64, SHORT_LEN = 8 };

/* ---- values ---- */

const json_t *page_get(const json_t *o, const char *path)
{
	char key[KEY_MAX];
	while (o && *path) {
		uint64_t index;
		size_t len = strcspn(path, ".");
		if (len >= sizeof(key))
			return NULL;
		memcpy(key, path, len);
		key[len] = 0;
		if (!json_is_array(o))
			o = json_object_get(o, key);
		else
			o = dec_parse_u64(key, len, SIZE_MAX, &index) < 0
				    ? NULL
				    : json_array_get(o, index);
		path += len + (path[len] == '.');
	}
	return json_is_null(o) ? NULL : o;
}

/* A value as text: itself, or a number's digits in room. */
static const char *text_of(const json_t *v, char room[static NUMBER_MAX], size_t *ret_len)
{
	const char *s = "";
	if (json_is_string(v)) {
		*ret_len = json_string_length(v);
		return json_string_value(v);
	}
	if (json_is_integer(v)) {
		snprintf(room, NUMBER_MAX, "%lld", (long long)json_integer_value(v));
		s = room;
	} else if (json_is_boolean(v)) {
		s = json_is_true(v) ? "1" : "0";
	}
	*ret_len = strlen(s);
	return s;
}

static void field_name(const struct page_part *parts, size_t n, char out[static NAME_MAX])
{
	size_t len = 0;
	out[0] = 0;
	for (size_t i = 0; i < n && len < NAME_MAX; i++) {
		char room[NUMBER_MAX];
		size_t part_len;
		const char *s = parts[i].literal;
		if (!s && parts[i].value)
			s = text_of(parts[i].value, room, &part_len);
		if (!s) {
			snprintf(room, sizeof(room), "%zu", parts[i].index);
			s = room;
		}
		len += (size_t)snprintf(out + len, NAME_MAX - len, "%s", s);
	}
	char *type = strchr(out, ':'); /* "term_days:int": the type is no part of the name */
	if (type)
		*type = 0;
}

static const json_t *field(const struct page *p, const char *map, const struct page_part *parts,
			   size_t n)
{
	char name[NAME_MAX];
	field_name(parts, n, name);
	return json_object_get(json_object_get(p->in->at, map), name);
}

const json_t *page_form(const struct page *p, const struct page_part *parts, size_t n)
{
	return field(p, "form", parts, n);
}

const json_t *page_error(const struct page *p, const struct page_part *parts, size_t n)
{
	return field(p, "errors", parts, n);
}

bool page_true(const json_t *v)
{
	if (json_is_string(v))
		return json_string_length(v) > 0;
	if (json_is_integer(v))
		return json_integer_value(v) != 0;
	if (json_is_array(v))
		return json_array_size(v) > 0;
	if (json_is_object(v))
		return json_object_size(v) > 0;
	return json_is_true(v);
}

bool page_is(const json_t *v, const char *s)
{
	char room[NUMBER_MAX];
	size_t len;
	const char *text = text_of(v, room, &len);
	return len == strlen(s) && !memcmp(text, s, len);
}

bool page_has(const json_t *v, const char *s)
{
	size_t i;
	const json_t *one;
	page_each(v, i, one) if (page_is(one, s)) return true;
	return false;
}

bool page_same(const json_t *a, const json_t *b)
{
	char room[NUMBER_MAX];
	size_t len;
	return page_is(a, text_of(b, room, &len));
}

bool page_has_same(const json_t *list, const json_t *v)
{
	char room[NUMBER_MAX];
	size_t len;
	return page_has(list, text_of(v, room, &len));
}

json_int_t page_number(const json_t *v)
{
	return json_integer_value(v);
}

/* ---- writing ---- */

void page_literal(struct page *p, const char *s, size_t len)
{
	buf_put(p->out, s, len);
}

void page_put(struct page *p, enum page_context at, const json_t *v)
{
	char room[NUMBER_MAX];
	size_t len;
	const char *s = text_of(v, room, &len);
	page_escape(p->out, at, s, len);
}

void page_index(struct page *p, size_t i)
{
	buf_printf(p->out, "%zu", i);
}

void page_asset(struct page *p, const char *name)
{
	const struct asset *a = asset_find(name);
	buf_printf(p->out, "/a/%s", a ? a->file : name);
}

static void put_str(struct page *p, enum page_context at, const char *s)
{
	page_escape(p->out, at, s, strlen(s));
}

void page_code(struct page *p, enum page_context at, const char *list, const json_t *v)
{
	char room[NUMBER_MAX];
	size_t len;
	const char *s = text_of(v, room, &len);
	if (strlen(s) == len)
		page_code_text(p, at, list, s);
}

void page_code_text(struct page *p, enum page_context at, const char *list, const char *code)
{
	put_str(p, at, lang_text(p->in->lang, list, code));
}

static bool time_of(const json_t *v, int64_t *ret)
{
	const char *s = json_string_value(v);
	if (json_is_integer(v)) {
		*ret = json_integer_value(v);
		return true;
	}
	return s && time_parse(s, strlen(s), ret) == 0;
}

static void utc_text(int64_t t, char out[static TZ_TEXT_MAX])
{
	(void)tz_text(NULL, t, out);
}

/* <time datetime="2026-11-22T10:59:30Z">2026-11-22 11:59 CET <small>10:59 UTC</small></time> */
static void put_time(struct page *p, int64_t t)
{
	char iso[TIME_TEXT_MAX], local[TZ_TEXT_MAX], utc[TZ_TEXT_MAX];
	(void)tz_text(p->in->zone, t, local);
	utc_text(t, utc);
	buf_printf(p->out, "<time datetime=\"%s\">", time_utc(t, iso));
	put_str(p, PAGE_TEXT, local);
	if (tz_offset(p->in->zone, t) != 0 && strlen(utc) > 11)
		buf_printf(p->out, " <small>· %s</small>", utc + 11);
	buf_str(p->out, "</time>");
}

static void put_time_as(struct page *p, enum page_context at, enum page_format format, int64_t t)
{
	char text[TZ_TEXT_MAX];
	if (format == PAGE_TIME) {
		put_time(p, t);
		return;
	}
	(void)tz_text(format == PAGE_ZONE ? p->in->zone : NULL, t, text);
	put_str(p, at, text);
}

static size_t size_of(const json_t *v)
{
	return json_is_object(v) ? json_object_size(v) : json_array_size(v);
}

void page_format(struct page *p, enum page_context at, enum page_format format, const json_t *v,
		 const json_t *extra)
{
	char text[FORMAT_TEXT_MAX], room[NUMBER_MAX];
	size_t len;
	int64_t t = 0;
	const char *s = text_of(v, room, &len);
	switch (format) {
	case PAGE_PLAIN:
	case PAGE_CODE:
		page_put(p, at, v);
		return;
	case PAGE_TIME:
	case PAGE_ZONE:
	case PAGE_UTC:
		if (time_of(v, &t))
			put_time_as(p, at, format, t);
		return;
	case PAGE_SPAN:
		format_span(p->in->lang, json_integer_value(v), text);
		put_str(p, at, text);
		return;
	case PAGE_AMOUNT:
		format_amount(s, json_string_value(extra), text);
		put_str(p, at, text);
		return;
	case PAGE_SHORT:
		page_escape(p->out, at, s, len < SHORT_LEN ? len : SHORT_LEN);
		return;
	case PAGE_COUNT:
		snprintf(text, sizeof(text), "%zu", size_of(v));
		put_str(p, at, text);
		return;
	}
}

static void put_arg(struct page *p, enum page_context at, const char *name, size_t len,
		    const struct page_arg *args, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(args[i].name) != len || memcmp(args[i].name, name, len) != 0)
			continue;
		if (args[i].format == PAGE_CODE)
			page_code(p, at, args[i].list, args[i].value);
		else
			page_format(p, at, args[i].format, args[i].value, NULL);
		return;
	}
}

void page_translate(struct page *p, enum page_context at, const char *key,
		    const struct page_arg *args, size_t n)
{
	const char *s = lang_text(p->in->lang, NULL, key);
	while (*s) {
		size_t len = strcspn(s, "{");
		const char *end = s[len] ? strchr(s + len, '}') : NULL;
		page_escape(p->out, at, s, len);
		if (!end)
			return;
		put_arg(p, at, s + len + 1, (size_t)(end - s) - len - 1, args, n);
		s = end + 1;
	}
}

/* ---- pages ---- */

static const struct page_row *find(const char *name)
{
	for (size_t i = 0; i < page_rows_n; i++)
		if (!strcmp(page_rows[i].name, name))
			return &page_rows[i];
	return NULL;
}

bool page_known(const char *name)
{
	return find(name) != NULL;
}

int page_render(const char *name, const struct page_in *in, struct buf *out, struct err *e)
{
	const struct page_row *row = find(name);
	struct page p = {.in = in, .out = out};
	if (!row)
		return err_set(e, ERR_NOENT, "page", "There is no page %s.", name);
	row->render(&p);
	return buf_err(out) < 0 ? err_set(e, buf_err(out), "page", NULL) : 0;
}
