/* SPDX-License-Identifier: Apache-2.0
 * JSON: see the header. Depth is checked before jansson reads, so that its recursion is bounded by our limit, not its own. */
#include "base/json.h"
#include "base/text.h"

static bool json_too_deep(const char *s, size_t len)
{
	int depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < len; i++) {
		if (in_string) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == '"')
				in_string = false;
		} else if (s[i] == '"') {
			in_string = true;
		} else if (s[i] == '{' || s[i] == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return true;
		} else if (s[i] == '}' || s[i] == ']') {
			depth--;
		}
	}
	return false;
}

int json_parse(const void *p, size_t len, json_t **ret_json, struct err *e)
{
	json_error_t je;
	if (len > JSON_MAX)
		return err_set(e, -ERR_OVERSIZE, NULL, "JSON of %zu bytes is above the limit of %d",
			       len, JSON_MAX);
	if (json_too_deep(p, len))
		return err_set(e, -ERR_OVERSIZE, NULL, "JSON is nested deeper than %d levels",
			       JSON_DEPTH_MAX);
	json_t *j = json_loadb(p, len, JSON_REJECT_DUPLICATES, &je);
	if (!j && json_error_code(&je) == json_error_out_of_memory)
		return err_set(e, -ERR_NOMEM, NULL, NULL);
	if (!j)
		return err_set(e, -ERR_FORMAT, NULL, "JSON line %d column %d: %s", je.line,
			       je.column, je.text);
	*ret_json = j;
	return 0;
}

/* The member, or NULL when it is absent or null. */
static json_t *json_find(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);
	return v && !json_is_null(v) ? v : NULL;
}

static int json_absent(const char *key, bool needed, struct err *e)
{
	return needed ? err_set(e, -ERR_FIELD_MISSING, key, "\"%s\" is required", key) : 0;
}

static int json_str(const json_t *o, const char *key, bool needed, size_t min, size_t max,
		    const char **ret, struct err *e)
{
	json_t *v = json_find(o, key);
	if (!v)
		return json_absent(key, needed, e);
	if (!json_is_string(v))
		return err_set(e, -ERR_INVAL, key, "\"%s\" must be a string", key);
	size_t len = json_string_length(v);
	if (len < min || len > max)
		return err_set(e, -ERR_RANGE, key, "\"%s\" has %zu bytes; %zu to %zu are allowed",
			       key, len, min, max);
	*ret = json_string_value(v);
	return 0;
}

int json_need_str(const json_t *o, const char *key, size_t min, size_t max, const char **ret,
		  struct err *e)
{
	return json_str(o, key, true, min, max, ret, e);
}

int json_opt_str(const json_t *o, const char *key, size_t min, size_t max, const char **ret,
		 struct err *e)
{
	return json_str(o, key, false, min, max, ret, e);
}

static int json_int(const json_t *o, const char *key, bool needed, int64_t min, int64_t max,
		    int64_t *ret, struct err *e)
{
	json_t *v = json_find(o, key);
	if (!v)
		return json_absent(key, needed, e);
	if (!json_is_integer(v))
		return err_set(e, -ERR_INVAL, key, "\"%s\" must be a whole number", key);
	int64_t i = json_integer_value(v);
	if (i < min || i > max)
		return err_set(e, -ERR_RANGE, key, "\"%s\" is %lld; %lld to %lld are allowed", key,
			       (long long)i, (long long)min, (long long)max);
	*ret = i;
	return 0;
}

int json_need_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret,
		  struct err *e)
{
	return json_int(o, key, true, min, max, ret, e);
}

int json_opt_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret,
		 struct err *e)
{
	return json_int(o, key, false, min, max, ret, e);
}

int json_need_u64(const json_t *o, const char *key, uint64_t max, uint64_t *ret, struct err *e)
{
	json_t *v = json_find(o, key);
	uint64_t u;
	if (!v)
		return json_absent(key, true, e);
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		u = (uint64_t)json_integer_value(v);
	else if (!json_is_string(v) ||
		 dec_parse_u64(json_string_value(v), json_string_length(v), UINT64_MAX, &u) < 0)
		return err_set(e, -ERR_INVAL, key,
			       "\"%s\" must be a whole number in decimal digits", key);
	if (u > max)
		return err_set(e, -ERR_RANGE, key, "\"%s\" is above the limit of %llu", key,
			       (unsigned long long)max);
	*ret = u;
	return 0;
}

int json_opt_bool(const json_t *o, const char *key, bool *ret, struct err *e)
{
	json_t *v = json_find(o, key);
	if (!v)
		return 0;
	if (!json_is_boolean(v))
		return err_set(e, -ERR_INVAL, key, "\"%s\" must be true or false", key);
	*ret = json_is_true(v);
	return 0;
}

int json_only(const json_t *o, const char *const *keys, struct err *e)
{
	const char *key;
	json_t *v;
	json_object_foreach ((json_t *)o, key, v) {
		size_t i = 0;
		while (keys[i] && strcmp(keys[i], key) != 0)
			i++;
		if (!keys[i])
			return err_set(e, -ERR_FIELD_UNKNOWN, key, "\"%s\" is not a known field",
				       key);
	}
	return 0;
}

json_t *json_u64(uint64_t v)
{
	char text[24];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	return json_string(text);
}

char *json_text(const json_t *j)
{
	return json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
}
