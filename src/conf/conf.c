/* SPDX-License-Identifier: Apache-2.0
 * Parser and checks of lugdunum.conf; every rule about a setting is in its row of conf.def, none is here. */
#include "conf/conf.h"
#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/file.h"
#include "base/text.h"
#include "conf/conf-int.h"

enum { CONF_LINE_MAX = CONF_TEXT_MAX + 128, CONF_ROWS_MAX = 64, NAME_SHOWN_MAX = 32 };

static const struct conf_row rows[] = {
#define CONF(name, kind, min, max, def, unit, reload, secret, doc) \
	{#name, CONF_##kind, min, max, def, unit, reload, secret, doc, offsetof(struct conf, name)},
#include "conf/conf.def"
#undef CONF
};
_Static_assert(ARRAY_LEN(rows) <= CONF_ROWS_MAX, "the bit set of settings seen is too small");

const char *const conf_levels[CONF_LEVELS_N] = {"debug", "info", "unusual", "broken"};

const struct conf_row *conf_rows(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(rows);
	return rows;
}

static struct conf_value *value_of(struct conf *c, const struct conf_row *row)
{
	return (struct conf_value *)(void *)((char *)c + row->value_off);
}

static const struct conf_value *value_of_const(const struct conf *c, const struct conf_row *row)
{
	return (const struct conf_value *)(const void *)((const char *)c + row->value_off);
}

/* Where a value comes from, for messages. */
struct place {
	const char *file;
	unsigned line; /* 0: a default */
};

static int fail(const struct place *at, const struct conf_row *row, int code, struct err *e,
		const char *remedy)
{
	return err_set(e, code, row->name, "%s:%u: %s: %s", at->file, at->line, row->name, remedy);
}

static int parse_text(const struct place *at, const struct conf_row *row, const char *s, size_t len,
		      struct conf_value *v, struct err *e)
{
	if ((int64_t)len < row->min)
		return fail(at, row, ERR_RANGE, e, "is empty or too short; give a value");
	if ((int64_t)len > row->max || len > CONF_TEXT_MAX)
		return fail(at, row, ERR_RANGE, e, "is too long; shorten it");
	if (!utf8_clean(s, len))
		return fail(at, row, ERR_FORMAT, e,
			    "has bytes that are not clean UTF-8; retype it");
	if (row->kind == CONF_NAME && !name_valid(s, len))
		return fail(at, row, ERR_INVAL, e,
			    "must be lower-case letters, digits and . _ / - as in it.rome");
	memcpy(v->text, s, len);
	v->text[len] = 0;
	return 0;
}

/* host:port or [v6]:port; the port is kept in number as well. */
static int parse_addr(const struct place *at, const struct conf_row *row, const char *s, size_t len,
		      struct conf_value *v, struct err *e)
{
	const char *colon = memrchr(s, ':', len);
	size_t host_len = colon ? (size_t)(colon - s) : 0;
	uint64_t port = 0;
	bool bracketed = host_len > 2 && s[0] == '[' && s[host_len - 1] == ']';
	if (!host_len || (!bracketed && memchr(s, ':', host_len)) || memchr(s, ' ', len) ||
	    dec_parse_u64(colon + 1, len - host_len - 1, 65535, &port) < 0)
		return fail(at, row, ERR_INVAL, e,
			    "must be address:port, for example [::]:8443 or 127.0.0.1:8443");
	int r = parse_text(at, row, s, len, v, e);
	v->number = (int64_t)port;
	return r;
}

static int parse_number(const struct place *at, const struct conf_row *row, const char *s,
			size_t len, struct conf_value *v, struct err *e)
{
	uint64_t n = 0;
	if (row->kind == CONF_OCTAL) {
		if (len < 1 || len > 4)
			return fail(at, row, ERR_INVAL, e, "must be a mode such as 0660");
		for (size_t i = 0; i < len; i++) {
			if (s[i] < '0' || s[i] > '7')
				return fail(at, row, ERR_INVAL, e, "must be a mode such as 0660");
			n = n * 8 + (uint64_t)(s[i] - '0');
		}
	} else if (dec_parse_u64(s, len, INT64_MAX, &n) < 0) {
		return fail(at, row, ERR_INVAL, e,
			    "must be a whole number without sign or leading zero");
	}
	if ((int64_t)n < row->min || (int64_t)n > row->max) {
		const char *fmt = row->kind == CONF_OCTAL
					  ? "%s:%u: %s: must be from %04llo to %04llo"
					  : "%s:%u: %s: must be from %lld to %lld %s";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		return err_set(e, ERR_RANGE, row->name, fmt, at->file, at->line, row->name,
			       (long long)row->min, (long long)row->max, row->unit);
#pragma GCC diagnostic pop
	}
	v->number = (int64_t)n;
	return 0;
}

static bool word_is(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && !memcmp(s, word, len);
}

static int parse_word(const struct place *at, const struct conf_row *row, const char *s, size_t len,
		      struct conf_value *v, struct err *e)
{
	if (row->kind == CONF_LEVEL) {
		for (size_t i = 0; i < CONF_LEVELS_N; i++)
			if (word_is(s, len, conf_levels[i])) {
				v->number = (int64_t)i;
				return 0;
			}
		return fail(at, row, ERR_INVAL, e, "must be debug, info, unusual or broken");
	}
	if (!word_is(s, len, "yes") && !word_is(s, len, "no"))
		return fail(at, row, ERR_INVAL, e, "must be yes or no");
	v->number = s[0] == 'y';
	return 0;
}

static int parse_value(const struct place *at, const struct conf_row *row, const char *s,
		       size_t len, struct conf_value *v, struct err *e)
{
	switch (row->kind) {
	case CONF_NAME:
	case CONF_TEXT:
	case CONF_PATH:
		return parse_text(at, row, s, len, v, e);
	case CONF_ADDR:
		return parse_addr(at, row, s, len, v, e);
	case CONF_INT:
	case CONF_OCTAL:
		return parse_number(at, row, s, len, v, e);
	case CONF_BOOL:
	case CONF_LEVEL:
		return parse_word(at, row, s, len, v, e);
	}
	return err_set(e, ERR_INVAL, row->name, NULL);
}

static void trim(const char **s, size_t *len)
{
	while (*len && ((*s)[0] == ' ' || (*s)[0] == '\t'))
		(*s)++, (*len)--;
	while (*len && ((*s)[*len - 1] == ' ' || (*s)[*len - 1] == '\t' || (*s)[*len - 1] == '\r'))
		(*len)--;
}

static const struct conf_row *row_find(const char *s, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (word_is(s, len, rows[i].name))
			return &rows[i];
	return NULL;
}

static int parse_line(const struct place *at, const char *s, size_t len, struct conf *c,
		      uint64_t *seen, struct err *e)
{
	trim(&s, &len);
	if (!len || s[0] == '#')
		return 0;
	const char *eq = memchr(s, '=', len);
	if (!eq)
		return err_set(e, ERR_FORMAT, NULL,
			       "%s:%u: expects `key = value`; put # before a comment", at->file,
			       at->line);
	const char *key = s, *val = eq + 1;
	size_t key_len = (size_t)(eq - s), val_len = len - key_len - 1;
	trim(&key, &key_len);
	trim(&val, &val_len);
	const struct conf_row *row = row_find(key, key_len);
	if (!row)
		return err_set(e, ERR_FIELD_UNKNOWN, NULL,
			       "%s:%u: no setting is called \"%.*s\"; lugdunum.conf(5) lists them",
			       at->file, at->line,
			       (int)(key_len < NAME_SHOWN_MAX ? key_len : NAME_SHOWN_MAX), key);
	uint64_t bit = UINT64_C(1) << (row - rows);
	if (*seen & bit)
		return fail(at, row, ERR_DUPLICATE, e, "is set twice; keep one of the lines");
	*seen |= bit;
	return parse_value(at, row, val, val_len, value_of(c, row), e);
}

static int fill_defaults(const char *name, uint64_t seen, struct conf *c, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct place at = {"(default)", 0};
		if (seen & UINT64_C(1) << i)
			continue;
		if (!rows[i].def)
			return err_set(e, ERR_FIELD_MISSING, rows[i].name,
				       "%s: %s is missing; add `%s = ...` (%s)", name, rows[i].name,
				       rows[i].name, rows[i].doc);
		int r = parse_value(&at, &rows[i], rows[i].def, strlen(rows[i].def),
				    value_of(c, &rows[i]), e);
		if (r < 0)
			return r;
	}
	return 0;
}

int conf_parse(const void *p, size_t len, const char *name, struct conf *ret_conf, struct err *e)
{
	if (len > CONF_FILE_MAX)
		return err_set(e, ERR_OVERSIZE, NULL,
			       "%s: larger than %d bytes; is it the right file?", name,
			       CONF_FILE_MAX);
	_cleanup_(freep) struct conf *c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	struct cur in = cur_init(p, len);
	struct place at = {name, 0};
	uint64_t seen = 0;
	while (cur_left(&in)) {
		const char *rest = (const char *)in.p + in.pos;
		size_t line_len = cur_left(&in);
		const char *lf = memchr(rest, '\n', line_len);
		at.line++;
		if (lf)
			line_len = (size_t)(lf - rest);
		if (line_len > CONF_LINE_MAX)
			return err_set(e, ERR_OVERSIZE, NULL, "%s:%u: line is longer than %d bytes",
				       name, at.line, CONF_LINE_MAX);
		(void)cur_bytes(&in, lf ? line_len + 1 : line_len);
		int r = parse_line(&at, rest, line_len, c, &seen, e);
		if (r < 0)
			return r;
	}
	int r = fill_defaults(name, seen, c, e);
	if (r < 0)
		return r;
	memcpy(c->folder, ".", 2);
	*ret_conf = *c;
	return 0;
}

int conf_load(const char *path, struct conf *ret_conf, struct err *e)
{
	struct buf b _cleanup_(buf_done);
	buf_init(&b, CONF_FILE_MAX);
	int r = file_read(path, &b, e);
	if (r < 0)
		return r;
	const char *slash = strrchr(path, '/');
	size_t folder_len = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
	if (folder_len > CONF_TEXT_MAX)
		return err_set(e, ERR_OVERSIZE, path,
			       "The path of the configuration is longer than %d bytes.",
			       CONF_TEXT_MAX);
	r = conf_parse(b.p, b.len, path, ret_conf, e);
	if (r >= 0 && folder_len) {
		memcpy(ret_conf->folder, path, folder_len);
		ret_conf->folder[folder_len] = 0;
	}
	return r;
}

static int path_join(const char *folder, const char *path, char *out)
{
	int n = path[0] == '/'	     ? snprintf(out, CONF_TEXT_MAX + 1, "%s", path)
		: !strcmp(path, ".") ? snprintf(out, CONF_TEXT_MAX + 1, "%s", folder)
				     : snprintf(out, CONF_TEXT_MAX + 1, "%s/%s", folder, path);
	return n < 0 || n > CONF_TEXT_MAX ? -ERR_OVERSIZE : 0;
}

int conf_path(const struct conf *c, const struct conf_value *value, char *out)
{
	char data[CONF_TEXT_MAX + 1];
	int r = path_join(c->folder, c->data.text, data);
	if (r < 0)
		return r;
	return value == &c->data ? path_join(data, ".", out) : path_join(data, value->text, out);
}

static bool value_equal(const struct conf_value *a, const struct conf_value *b)
{
	return a->number == b->number && !strcmp(a->text, b->text);
}

int conf_reload(struct conf *c, const struct conf *next, const char **ret_kept)
{
	int changed = 0;
	*ret_kept = NULL;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf_value *now = value_of(c, &rows[i]);
		const struct conf_value *then = value_of_const(next, &rows[i]);
		if (value_equal(now, then))
			continue;
		if (rows[i].reload) {
			*now = *then;
			changed++;
		} else if (!*ret_kept) {
			*ret_kept = rows[i].name;
		}
	}
	return changed;
}
