/* SPDX-License-Identifier: Apache-2.0
 * A walk over a JSON part and the field rows side by side: one checker a kind, the path kept as it goes. */
#include "exchange/request-fields.h"
#include "base/text.h"
#include "base/time.h"

struct walk {
	char path[ERR_FIELD_MAX];
	size_t len;
	bool bare;
	json_t *warnings;
	struct err *e;
};
typedef int checker(struct walk *w, const struct request_field_row *f, const json_t *v);

static int check_object(struct walk *w, const json_t *j, enum request_sub object);

static size_t push_name(struct walk *w, const char *name)
{
	size_t before = w->len;
	int n = snprintf(w->path + w->len, sizeof(w->path) - w->len, "%s%s", w->len ? "." : "",
			 name);

	w->len += n > 0 ? (size_t)n : 0;
	if (w->len >= sizeof(w->path))
		w->len = sizeof(w->path) - 1;
	return before;
}

static size_t push_index(struct walk *w, size_t i)
{
	size_t before = w->len;
	int n = snprintf(w->path + w->len, sizeof(w->path) - w->len, "[%zu]", i);

	w->len += n > 0 ? (size_t)n : 0;
	if (w->len >= sizeof(w->path))
		w->len = sizeof(w->path) - 1;
	return before;
}

static void pop(struct walk *w, size_t before)
{
	w->len = before;
	w->path[before] = '\0';
}

int request_warn(json_t *warnings, const char *field, const char *message)
{
	json_t *one;

	if (!warnings || json_array_size(warnings) >= REQUEST_WARNINGS_MAX)
		return 0;
	one = json_pack("{s:s, s:s}", "field", field, "message", message);
	if (!one)
		return -ERR_NOMEM;
	return json_array_append_new(warnings, one) < 0 ? -ERR_NOMEM : 0;
}

/* A string of min..max bytes; NULL and the error otherwise. */
static const char *string_in(struct walk *w, const json_t *v, int64_t min, int64_t max, int *ret)
{
	size_t len = json_string_length(v);

	if (!json_is_string(v)) {
		*ret = err_set(w->e, ERR_INVAL, w->path, "must be a string");
		return NULL;
	}
	if ((int64_t)len < min || (int64_t)len > max) {
		*ret = err_set(w->e, (int64_t)len > max ? ERR_OVERSIZE : ERR_INVAL, w->path,
			       "has %zu bytes, allowed are %lld to %lld", len, (long long)min,
			       (long long)max);
		return NULL;
	}
	*ret = 0;
	return json_string_value(v);
}

static int check_int(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	if (!json_is_integer(v))
		return err_set(w->e, ERR_INVAL, w->path, "must be an integer");
	if (json_integer_value(v) < f->min || json_integer_value(v) > f->max)
		return err_set(w->e, ERR_RANGE, w->path, "must be %lld to %lld", (long long)f->min,
			       (long long)f->max);
	return 0;
}

static int check_str(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	const char *s = string_in(w, v, f->min, f->max, &r);

	if (s && !utf8_clean(s, json_string_length(v)))
		return err_set(w->e, ERR_FORMAT, w->path,
			       "has control characters; one clean line is needed");
	return r;
}

static int check_text(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	const char *s = string_in(w, v, f->min, f->max, &r);

	for (size_t n; s; s += n + 1) {
		n = strcspn(s, "\n\t");
		if (!utf8_clean(s, n))
			return err_set(w->e, ERR_FORMAT, w->path,
				       "has control characters other than line feed and tab");
		if (!s[n])
			break;
	}
	return r;
}

static int check_code(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	const char *s = string_in(w, v, f->min, f->max, &r);

	if (!s || request_code_known(f->sub, s))
		return r;
	if (f->sub == SUB_HANDLING || f->sub == SUB_MARKING)
		return err_set(w->e, ERR_HANDLING, w->path,
			       "unknown code; nobody may act on it before a person looked");
	char words[REQUEST_WORDS_MAX];
	return err_set(w->e, ERR_INVAL, w->path, "not in the list of %s: %s",
		       request_sub_doc(f->sub), request_words(f->sub, words));
}

static int check_time(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	int64_t t;
	const char *s = string_in(w, v, f->min, f->max, &r);

	if (s && time_parse(s, json_string_length(v), &t) < 0)
		return err_set(w->e, ERR_FORMAT, w->path,
			       "must be a UTC time like 2026-11-22T10:59:30Z");
	return r;
}

static int check_dec(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	const char *s = string_in(w, v, f->min, f->max, &r);

	if (s && !dec_valid(s, (size_t)f->max))
		return err_set(
			w->e, ERR_FORMAT, w->path,
			"must be a decimal string in base units, without sign, point or leading zero");
	return r;
}

static int check_hex(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	const char *s = string_in(w, v, f->min, f->max, &r);

	if (s && strspn(s, "0123456789abcdef") != json_string_length(v))
		return err_set(w->e, ERR_FORMAT, w->path, "must be %lld lower-case hex digits",
			       (long long)f->max);
	return r;
}

bool request_id_valid(const char *s)
{
	if (strlen(s) != REQUEST_ID_LEN)
		return false;
	for (size_t i = 0; i < REQUEST_ID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !strchr("0123456789abcdef", s[i]))
			return false;
	}
	return true;
}

static int check_id(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	const char *s = string_in(w, v, f->min, f->max, &r);

	if (s && !request_id_valid(s))
		return err_set(w->e, ERR_FORMAT, w->path, "must be a UUID in lower case");
	return r;
}

static int check_letters(struct walk *w, const json_t *v, int64_t min, int64_t max, char first,
			 char last, const char *what)
{
	int r;
	const char *s = string_in(w, v, min, max, &r);

	for (; s && *s; s++)
		if (*s < first || *s > last)
			return err_set(w->e, ERR_FORMAT, w->path, "%s", what);
	return r;
}

static int check_lang(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	return check_letters(w, v, f->min, f->max, 'a', 'z', "must be a language code like fr");
}

static int check_country(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	return check_letters(w, v, f->min, f->max, 'A', 'Z', "must be a country code like FR");
}

static int check_name(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	const char *s = string_in(w, v, f->min, f->max, &r);

	if (s && !name_valid(s, json_string_length(v)))
		return err_set(w->e, ERR_FORMAT, w->path, "must be a name of a-z 0-9 . _ / -");
	return r;
}

static int check_grade(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	const char *s = string_in(w, v, f->min, f->max, &r);

	if (s && (!strchr("ABCX", s[0]) || s[1] < '1' || s[1] > '4'))
		return err_set(w->e, ERR_FORMAT, w->path, "must be A, B, C or X and 1 to 4");
	return r;
}

static int check_chain(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	const char *s = string_in(w, v, f->min, f->max, &r);

	if (s && !caip_chain_len(s, '\0'))
		return err_set(w->e, ERR_FORMAT, w->path,
			       "must be a CAIP-2 chain id like eip155:1");
	return r;
}

static int check_account(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	const char *s = string_in(w, v, f->min, f->max, &r);

	if (s && !caip_account_valid(s))
		return err_set(w->e, ERR_FORMAT, w->path,
			       "must be a CAIP-10 account: chain id, colon, address");
	return r;
}

static int check_asset(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	int r;
	const char *s = string_in(w, v, f->min, f->max, &r);

	if (s && !caip_asset_valid(s))
		return err_set(w->e, ERR_FORMAT, w->path,
			       "must be a CAIP-19 asset like eip155:1/slip44:60");
	return r;
}

static int check_obj(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	return check_object(w, v, f->sub);
}

static int check_list(struct walk *w, const struct request_field_row *f, const json_t *v)
{
	size_t n = json_array_size(v);

	if (!json_is_array(v))
		return err_set(w->e, ERR_INVAL, w->path, "must be a list");
	if ((int64_t)n < f->min || (int64_t)n > f->max)
		return err_set(w->e, ERR_OVERSIZE, w->path,
			       "has %zu elements, allowed are %lld to %lld", n, (long long)f->min,
			       (long long)f->max);
	for (size_t i = 0; i < n; i++) {
		size_t before = push_index(w, i);
		int r = check_object(w, json_array_get(v, i), f->sub);

		if (r < 0)
			return r;
		pop(w, before);
	}
	return 0;
}

static checker *const checkers[KIND_N] = {
	[KIND_INT] = check_int,		[KIND_STR] = check_str,		[KIND_TEXT] = check_text,
	[KIND_CODE] = check_code,	[KIND_TIME] = check_time,	[KIND_DEC] = check_dec,
	[KIND_HEX] = check_hex,		[KIND_ID] = check_id,		[KIND_LANG] = check_lang,
	[KIND_COUNTRY] = check_country, [KIND_NAME] = check_name,	[KIND_GRADE] = check_grade,
	[KIND_CHAIN] = check_chain,	[KIND_ACCOUNT] = check_account, [KIND_ASSET] = check_asset,
	[KIND_OBJ] = check_obj,		[KIND_LIST] = check_list,
};

static const struct request_field_row *row_find(enum request_sub object, const char *name)
{
	size_t n;
	const struct request_field_row *f = request_fields(&n);

	for (size_t i = 0; i < n; i++)
		if (f[i].object == object && strcmp(f[i].name, name) == 0)
			return &f[i];
	return NULL;
}

static int check_unknown(struct walk *w, const char *name)
{
	if (strlen(name) > REQUEST_FIELD_NAME_MAX || !utf8_clean(name, strlen(name)))
		return err_set(w->e, ERR_FORMAT, w->path,
			       "a field's name is too long or not clean text");
	if (name[0] == '!')
		return err_set(w->e, ERR_FIELD_UNKNOWN, w->path, NULL);
	return request_warn(w->warnings, w->path, "unknown field: carried, not checked");
}

static int check_missing(struct walk *w, const json_t *j, enum request_sub object)
{
	size_t n;
	const struct request_field_row *f = request_fields(&n);

	for (size_t i = 0; i < n; i++) {
		if (f[i].object != object || f[i].need == NEED_OPT ||
		    (f[i].need == NEED_CASE && w->bare))
			continue;
		if (!json_object_get(j, f[i].name)) {
			push_name(w, f[i].name);
			return err_set(w->e, ERR_FIELD_MISSING, w->path, "is required: %s",
				       f[i].doc);
		}
	}
	return 0;
}

static int check_object(struct walk *w, const json_t *j, enum request_sub object)
{
	const char *name;
	json_t *v;

	if (!json_is_object(j))
		return err_set(w->e, ERR_INVAL, w->path, "must be an object");
	json_object_foreach ((json_t *)j, name, v) {
		const struct request_field_row *f = row_find(object, name);
		size_t before = push_name(w, name);
		int r = f ? checkers[f->kind](w, f, v) : check_unknown(w, name);

		if (r < 0)
			return r;
		pop(w, before);
	}
	return check_missing(w, j, object);
}

int request_fields_check(const json_t *j, enum request_sub object, bool bare, json_t *warnings,
			 struct err *e)
{
	struct walk w = {.bare = bare, .warnings = warnings, .e = e};

	return check_object(&w, j, object);
}
