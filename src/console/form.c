/* SPDX-License-Identifier: Apache-2.0
 * Form bodies: fields are split at "&", names and values decoded each by itself; a name is then walked step by step into JSON. */
#include "console/form.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/text.h"
#include <string.h>

/* ---- decoding ---- */

static int escape_decode(struct cur *c, struct buf *out)
{
	uint8_t byte;
	const char *hex = (const char *)cur_bytes(c, 2);
	if (!hex || hex_decode(hex, 2, &byte, 1) < 0 || !byte)
		return -ERR_FORMAT;
	buf_u8(out, byte);
	return 0;
}

static bool decode(const uint8_t *p, size_t len, struct buf *out)
{
	struct cur c = cur_init(p, len);
	buf_clear(out);
	while (cur_left(&c)) {
		uint8_t byte = cur_u8(&c);
		if (byte == '%' && escape_decode(&c, out) < 0)
			return false;
		if (byte != '%')
			buf_u8(out, byte == '+' ? ' ' : byte);
	}
	return !buf_err(out) && utf8_valid((const char *)out->p, out->len) &&
	       (!out->len || !memchr(out->p, 0, out->len));
}

/* CR LF and lone CR to LF, in place. */
static void unify_lines(struct buf *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->len; i++) {
		if (b->p[i] == '\r' && i + 1 < b->len && b->p[i + 1] == '\n')
			continue;
		b->p[n++] = b->p[i] == '\r' ? '\n' : b->p[i];
	}
	b->len = n;
}

static bool name_fits(const char *s)
{
	size_t len = strlen(s);
	return len && len <= FORM_NAME_MAX &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-[]:") ==
		       len;
}

static int add_field(json_t *fields, const char *name, const struct buf *value, struct err *e)
{
	size_t len = strlen(name);
	json_t *v = json_stringn(value->len ? (const char *)value->p : "", value->len);
	bool list = len > 2 && !strcmp(name + len - 2, "[]");
	json_t *old = json_object_get(fields, name);
	if (old && !list) {
		json_decref(v);
		return err_set(e, ERR_DUPLICATE, name, "a field was sent twice");
	}
	if (list && !old && json_object_set_new(fields, name, old = json_array()) < 0)
		old = NULL;
	int failed = list ? !old || json_array_append_new(old, v) < 0
			  : json_object_set_new(fields, name, v) < 0;
	return failed ? err_set(e, ERR_NOMEM, NULL, NULL) : 0;
}

static int take_field(json_t *fields, const uint8_t *p, size_t len, struct buf *name,
		      struct buf *value, struct err *e)
{
	const uint8_t *equals = memchr(p, '=', len);
	size_t name_len = equals ? (size_t)(equals - p) : len;
	bool fine = decode(p, name_len, name) && name_fits(buf_cstr(name)) &&
		    decode(equals ? equals + 1 : p + len, equals ? len - name_len - 1 : 0, value);
	if (!fine)
		return err_set(e, ERR_FORMAT, "form", "the form could not be read");
	unify_lines(value);
	return add_field(fields, buf_cstr(name), value, e);
}

int form_parse(const void *p, size_t len, json_t **ret, struct err *e)
{
	const uint8_t *s = p;
	struct buf name _cleanup_(buf_done), value _cleanup_(buf_done);
	_cleanup_(json_decrefp) json_t *fields = json_object();
	buf_init(&name, FORM_NAME_MAX);
	buf_init(&value, len + 1);
	if (!fields)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	for (size_t n = 0; len; n++) {
		const uint8_t *end = memchr(s, '&', len);
		size_t field_len = end ? (size_t)(end - s) : len, step = field_len + (end ? 1 : 0);
		int r = n < FORM_FIELDS_MAX
				? take_field(fields, s, field_len, &name, &value, e)
				: err_set(e, ERR_OVERSIZE, "form", "the form has too many fields");
		if (r < 0)
			return r;
		s += step;
		len -= step;
	}
	*ret = TAKE_PTR(fields);
	return 0;
}

/* ---- values of a type ---- */

static int read_int(const char *s, json_t **ret)
{
	uint64_t v;
	if (dec_parse_u64(s, strlen(s), INT64_MAX, &v) < 0)
		return -ERR_INVAL;
	*ret = json_integer((json_int_t)v);
	return 0;
}

/* "2026-11-22T10:59" or with seconds, as input type=datetime-local gives it, or a whole RFC 3339 time. */
static int read_time(const char *s, json_t **ret)
{
	size_t len = strlen(s);
	const char *rest = len == 16 ? ":00Z" : len == 19 ? "Z" : len == 20 ? "" : NULL;
	if (!rest)
		return -ERR_INVAL;
	*ret = json_sprintf("%s%s", s, rest);
	return 0;
}

static int read_list(const char *s, const char *separator, json_t **ret)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	while (list && *s) {
		size_t len = strcspn(s, separator), from = strspn(s, " ");
		size_t end = len;
		while (end > from && s[end - 1] == ' ')
			end--;
		if (end > from &&
		    json_array_append_new(list, json_stringn(s + from, end - from)) < 0)
			return -ERR_NOMEM;
		s += len + (s[len] != 0);
	}
	*ret = TAKE_PTR(list);
	return 0;
}

static int typed(const char *type, const char *s, json_t **ret)
{
	int r = -ERR_FORMAT;
	*ret = NULL;
	if (!*type) {
		*ret = json_string(s);
		r = 0;
	} else if (!strcmp(type, ":int")) {
		r = read_int(s, ret);
	} else if (!strcmp(type, ":bool")) {
		*ret = json_boolean(!strcmp(s, "1"));
		r = 0;
	} else if (!strcmp(type, ":time")) {
		r = read_time(s, ret);
	} else if (!strcmp(type, ":lines") || !strcmp(type, ":csv")) {
		r = read_list(s, type[1] == 'l' ? "\n" : ",", ret);
	}
	return r < 0 ? r : *ret ? 0 : -ERR_NOMEM;
}

/* ---- names as paths ---- */

struct step {
	char key[FORM_NAME_MAX + 1];
	size_t index;
	bool is_index;
};

/* The next step of a path: "key", ".key" or "[3]"; 0 at its end. */
static int next_step(const char **path, struct step *ret)
{
	const char *s = *path;
	uint64_t index = 0;
	if (!*s)
		return 0;
	ret->is_index = *s == '[';
	s += *s == '[' || *s == '.';
	size_t len = strcspn(s, ret->is_index ? "]" : ".[");
	if (!len || len > FORM_NAME_MAX || (ret->is_index && s[len] != ']'))
		return -ERR_FORMAT;
	if (ret->is_index && dec_parse_u64(s, len, FORM_INDEX_MAX, &index) < 0)
		return -ERR_FORMAT;
	memcpy(ret->key, s, len);
	ret->key[len] = 0;
	ret->index = index;
	*path = s + len + (ret->is_index ? 1 : 0);
	return 1;
}

static json_t *child_of(json_t *at, const struct step *s)
{
	json_t *v = s->is_index ? json_array_get(at, s->index) : json_object_get(at, s->key);
	return json_is_null(v) ? NULL : v;
}

/* Rows that were left empty hold their places as null until the whole form is read. */
static int set_child(json_t *at, const struct step *s, json_t *v)
{
	if (!s->is_index)
		return json_object_set(at, s->key, v);
	while (json_array_size(at) <= s->index)
		if (json_array_append_new(at, json_null()) < 0)
			return -1;
	return json_array_set(at, s->index, v);
}

/* Goes to the child of a step, making it. NULL when something else stands there. */
static json_t *enter(json_t *at, const struct step *s, STEALS json_t *fresh)
{
	_cleanup_(json_decrefp) json_t *v = fresh;
	if (!v || (s->is_index ? !json_is_array(at) : !json_is_object(at)))
		return NULL;
	json_t *old = child_of(at, s);
	if (old)
		return json_typeof(old) == json_typeof(v) ? old : NULL;
	return set_child(at, s, v) < 0 ? NULL : v;
}

static void drop_empty_rows(json_t *j)
{
	const char *name;
	json_t *v;
	json_object_foreach (j, name, v)
		drop_empty_rows(v);
	for (size_t i = json_array_size(j); i-- > 0;)
		if (json_is_null(json_array_get(j, i)))
			(void)json_array_remove(j, i);
		else
			drop_empty_rows(json_array_get(j, i));
}

static int put_value(json_t *root, const char *path, STEALS json_t *value)
{
	_cleanup_(json_decrefp) json_t *v = value;
	json_t *at = root;
	struct step step, ahead;
	int r = next_step(&path, &step), depth = 0;
	if (r <= 0 || step.is_index)
		return -ERR_FORMAT;
	while ((r = next_step(&path, &ahead)) > 0) {
		if (++depth > FORM_DEPTH_MAX)
			return -ERR_OVERSIZE;
		at = enter(at, &step, ahead.is_index ? json_array() : json_object());
		if (!at)
			return -ERR_FORMAT;
		step = ahead;
	}
	return r < 0 || enter(at, &step, json_incref(v)) != v ? -ERR_FORMAT : 0;
}

void form_path(const char *name, char out[static FORM_NAME_MAX + 1])
{
	size_t len = strcspn(name, ":");
	if (len > 2 && !strncmp(name + len - 2, "[]", 2))
		len -= 2;
	snprintf(out, FORM_NAME_MAX + 1, "%.*s", (int)len, name);
}

static int put_field(json_t *root, const char *name, const json_t *value, struct err *e)
{
	char path[FORM_NAME_MAX + 1];
	json_t *v = NULL;
	const char *s = json_string_value(value);
	if (name[0] == '_' || (s && !*s))
		return 0;
	form_path(name, path);
	int r = 0;
	if (s)
		r = typed(name + strcspn(name, ":"), s, &v);
	else
		v = json_deep_copy(value);
	if (r >= 0)
		r = put_value(root, path, v);
	return r < 0 ? err_set(e, r, path, NULL) : 0;
}

int form_json(const json_t *fields, json_t **ret, struct err *e)
{
	const char *name;
	json_t *value;
	_cleanup_(json_decrefp) json_t *root = json_object();
	json_object_foreach ((json_t *)(uintptr_t)fields, name, value) {
		int r = root ? put_field(root, name, value, e) : err_set(e, ERR_NOMEM, NULL, NULL);
		if (r < 0)
			return r;
	}
	drop_empty_rows(root);
	*ret = TAKE_PTR(root);
	return 0;
}
