/* SPDX-License-Identifier: Apache-2.0
 * JSON in and out: jansson, strict and capped, with errors that name the field. Amounts and 64-bit numbers travel as
 * decimal strings, since many readers lose integers above 2^53. Locals clean up with jansson's own json_decrefp(). */
#ifndef BASE_JSON_H
#define BASE_JSON_H
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { JSON_MAX = 4 << 20, JSON_DEPTH_MAX = 32 };

/** json_parse - one JSON object or array: no duplicate keys, no trailing bytes, no NUL, clean UTF-8
 * Limits:  len <= JSON_MAX, depth <= JSON_DEPTH_MAX
 * Returns: 0 and a new reference; -ERR_OVERSIZE; -ERR_FORMAT with line and column in e; -ERR_NOMEM */
int json_parse(const void *p, size_t len, json_t **ret_json, struct err *e) WARN_UNUSED;

/* Typed members of an object. The field in e is `key`. Optional ones leave *ret untouched when absent or null.
 * Strings are borrowed from the object. Returns: 0; -ERR_FIELD_MISSING; -ERR_INVAL wrong type; -ERR_RANGE */
int json_need_str(const json_t *o, const char *key, size_t min, size_t max, const char **ret,
		  struct err *e) WARN_UNUSED;
int json_opt_str(const json_t *o, const char *key, size_t min, size_t max, const char **ret,
		 struct err *e) WARN_UNUSED;
int json_need_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret,
		  struct err *e) WARN_UNUSED;
int json_opt_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret,
		 struct err *e) WARN_UNUSED;
/* A u64 as a decimal string (a JSON integer is accepted too). */
int json_need_u64(const json_t *o, const char *key, uint64_t max, uint64_t *ret,
		  struct err *e) WARN_UNUSED;
int json_opt_bool(const json_t *o, const char *key, bool *ret, struct err *e) WARN_UNUSED;

/** json_only - refuse members that are not in keys (NULL-terminated)
 * Returns: 0; -ERR_FIELD_UNKNOWN naming the first one */
int json_only(const json_t *o, const char *const *keys, struct err *e) WARN_UNUSED;

/** json_u64 - a new JSON string with the decimal of v */
json_t *json_u64(uint64_t v);
/** json_text - compact text, keys in the order they were set; the caller frees it; NULL when out of memory */
char *json_text(const json_t *j);
#endif
