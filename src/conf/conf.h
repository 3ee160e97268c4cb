/* SPDX-License-Identifier: Apache-2.0
 * Configuration: lugdunum.conf, lines `key = value`, each checked against its row of conf.def. */
#ifndef CONF_CONF_H
#define CONF_CONF_H
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CONF_TEXT_MAX = 1024,	  /* bytes of one value */
	CONF_FILE_MAX = 64 << 10, /* bytes of the file */
};

enum conf_kind {
	CONF_NAME, /* name_valid() */
	CONF_TEXT, /* clean UTF-8 */
	CONF_PATH,
	CONF_ADDR, /* host:port, IPv6 in brackets, port 0 lets the system choose */
	CONF_INT,
	CONF_OCTAL,
	CONF_BOOL,  /* yes or no */
	CONF_LEVEL, /* enum log_level */
};

/* One value: text kinds fill text, the others number. */
struct conf_value {
	char text[CONF_TEXT_MAX + 1];
	int64_t number;
};

/* A configuration that has passed every check: one member a row of conf.def. */
struct conf {
#define CONF(name, kind, min, max, def, unit, reload, secret, doc) struct conf_value name;
#include "conf/conf.def"
#undef CONF
	char folder[CONF_TEXT_MAX + 1]; /* of the file; "." when parsed from memory */
};

struct conf_row {
	const char *name;
	enum conf_kind kind;
	int64_t min, max;
	const char *def; /* NULL: must be given */
	const char *unit;
	bool reload, secret;
	const char *doc;
	size_t value_off; /* of the member in struct conf */
};

/** conf_rows - the table; *ret_n rows */
const struct conf_row *conf_rows(size_t *ret_n);

/** conf_parse - a configuration from its text
 * In:      p, len   the file's bytes; lines `key = value`, `#` begins a comment line, blanks around words are ignored
 *          name     of the file, for messages
 * Out:     ret_conf untouched on failure
 * Limits:  len <= CONF_FILE_MAX; a value CONF_TEXT_MAX
 * Returns: 0; -ERR_OVERSIZE; -ERR_FORMAT; -ERR_FIELD_UNKNOWN; -ERR_FIELD_MISSING; -ERR_RANGE; -ERR_INVAL; -ERR_DUPLICATE;
 *          e names the line, the setting and the remedy */
int conf_parse(const void *p, size_t len, const char *name, struct conf *ret_conf,
	       struct err *e) WARN_UNUSED;

/** conf_load - conf_parse() of a file; relative paths then mean its folder
 * Returns: as conf_parse; the file system's error with the path in e */
int conf_load(const char *path, struct conf *ret_conf, struct err *e) WARN_UNUSED;

/** conf_path - a path of the configuration made absolute to `folder` (data) or to data (all others)
 * In:      value    &c->data, &c->socket ...
 *          out      CONF_TEXT_MAX + 1 bytes
 * Returns: 0; -ERR_OVERSIZE */
int conf_path(const struct conf *c, const struct conf_value *value, char *out) WARN_UNUSED;

/** conf_reload - take over what may change while running
 * In:      next     the file as it is now
 * Out:     c        reloadable values replaced
 *          ret_kept name of the first setting that differs but needs a restart; NULL when there is none
 * Returns: number of values that changed */
int conf_reload(struct conf *c, const struct conf *next, const char **ret_kept);

/** conf_value_text - a value as the file would say it; "(secret)" for a secret that is set */
const char *conf_value_text(const struct conf_row *row, const struct conf_value *v,
			    char out[static CONF_TEXT_MAX + 1]);

/** conf_print - a commented file with every setting
 * In:      c        the values to show; NULL shows the defaults, each commented out */
void conf_print(const struct conf *c, struct buf *out);
/** conf_print_man - the middle of lugdunum.conf(5), as scdoc */
void conf_print_man(struct buf *out);
/** conf_json - the rows as a JSON array, with the value in use where c is given; NULL when out of memory */
json_t *conf_json(const struct conf *c);
#endif
