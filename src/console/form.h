/* SPDX-License-Identifier: Apache-2.0
 * Bodies of HTML forms (application/x-www-form-urlencoded), strictly: to what was typed, and to the JSON that the same route takes
 * from programs. Pure. */
#ifndef CONSOLE_FORM_H
#define CONSOLE_FORM_H
#include "base/err.h"
#include "base/json.h"

enum {
	FORM_FIELDS_MAX = 1024, /* fields of one form */
	FORM_NAME_MAX = 128,	/* bytes of a field's name */
	FORM_DEPTH_MAX = 6,	/* steps of a name */
	FORM_INDEX_MAX = 255,	/* of a list in a name */
};

/** form_parse - a body's fields
 * In:      p, len   untrusted
 * Out:     ret      {"name": "value"} in the order of the form; a name that ends with "[]" has a list of values
 * Limits:  FORM_FIELDS_MAX, FORM_NAME_MAX; the body has its route's
 * Returns: 0; -ERR_FORMAT a bad escape, NUL, not UTF-8 or a bad name; -ERR_DUPLICATE a name twice; -ERR_OVERSIZE; -ERR_NOMEM
 * Source:  WHATWG URL, application/x-www-form-urlencoded parsing; line ends become LF */
int form_parse(const void *p, size_t len, json_t **ret, struct err *e) WARN_UNUSED;

/** form_json - fields as the JSON of the API
 * In:      fields   of form_parse. A name is a path, "outcome.items[0].held"; a type may follow behind ":" — int, bool, time (the
 *                   local form of browsers, read as UTC), lines (a list of the lines), csv (a list of what commas separate).
 *                   Fields that are empty, and those whose names begin with "_" (the console's own), are left out
 * Out:     ret      a new object
 * Returns: 0; -ERR_INVAL a value that is not of its type, e->field is the path; -ERR_FORMAT names that contradict each other;
 *          -ERR_OVERSIZE; -ERR_NOMEM */
int form_json(const json_t *fields, json_t **ret, struct err *e) WARN_UNUSED;

/** form_path - the name without its type */
void form_path(const char *name, char out[static FORM_NAME_MAX + 1]);
#endif
