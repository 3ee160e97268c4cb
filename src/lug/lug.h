/* SPDX-License-Identifier: Apache-2.0
 * The frame of lug(1): a verb is a row of data and one function. Dispatch, options, --help, --json, completion and the man
 * page come from the rows.
 *
 * To add a verb: `const struct verb verb_x = { ... };` in cmd-y.c, its name in verbs.def, the file in bin/meson.build. */
#ifndef LUG_LUG_H
#define LUG_LUG_H
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include <stdbool.h>
#include <stdint.h>

/* One run of the program. */
struct lug {
	bool json;	     /* --json: one JSON value on stdout, nothing else there */
	bool color;	     /* stdout is a terminal and NO_COLOR is not set */
	bool progress;	     /* stderr is a terminal and --quiet was not given */
	const char *program; /* path of this program, for starting the others beside it */
	const char *node;    /* --node DIR or LUG_NODE; NULL if neither */
	const char *officer; /* --officer ID or LUG_OFFICER; NULL if neither */
};

struct opt {
	const char *name;  /* without the dashes */
	const char *value; /* what its value is called in the help ("DIR"); NULL for a flag */
	const char *help;  /* one line */
	bool required, repeat;
};

struct args;

enum verb_flags { VERB_NODE = 1 /* speaks to a running node: takes --node and --officer */ };

struct verb {
	const char *name;	/* "ledger import" */
	const char *args;	/* as shown in the help: "BLOCKSDIR", "FILE..."; "" for none */
	int args_min, args_max; /* positional arguments; args_max -1 for any number */
	unsigned flags;
	const char *summary; /* one line, a verb first, no full stop */
	const char *doc;     /* paragraphs of the help and of lug(1) */
	const char *
		examples; /* lines of "lug ...", each followed by a comment line starting with "#" */
	const struct opt *opts; /* ended by a row without name; NULL for none */
	/* Returns 0 and the program exits 0; -ERR_X with e filled and it exits 1 (2 for -ERR_INVAL) after printing e. */
	int (*run)(struct lug *l, const struct args *a, struct err *e);
};

/** args_pos - positional argument i; NULL beyond the last; args_pos_n - their number */
const char *args_pos(const struct args *a, int i);
int args_pos_n(const struct args *a);
/** args_str - the value of an option (the last one if repeated), NULL when not given; name must be in the verb's table */
const char *args_str(const struct args *a, const char *name);
/** args_env - the same; without the option what the environment variable says; NULL when that is unset, too, or either is empty */
const char *args_env(const struct args *a, const char *name, const char *variable);
/** args_nth - the i-th value of a repeated option, NULL beyond the last; args_flag - was the flag given? */
const char *args_nth(const struct args *a, const char *name, int i);
bool args_flag(const struct args *a, const char *name);
/** args_u64 - a number option, which may end in k, M, G (2^10, 2^20, 2^30); *ret is untouched when it was not given
 * Returns: 0; -ERR_INVAL with the option and the allowed range in e */
int args_u64(const struct args *a, const char *name, uint64_t min, uint64_t max, uint64_t *ret,
	     struct err *e) WARN_UNUSED;
/** args_choice - the value as an index into words (NULL-terminated); *ret untouched when not given
 * Returns: 0; -ERR_INVAL listing the words */
int args_choice(const struct args *a, const char *name, const char *const *words, int *ret,
		struct err *e) WARN_UNUSED;

/** lug_api - one call to the node's API over its UNIX socket (DIR/lugd.sock of --node DIR, or --node SOCKET itself)
 * In:      method, path   "POST", "/v1/requests"; body NULL for none, borrowed
 * Out:     ret_reply      new reference; on an error of the API e holds its code, field and message
 * Returns: 0; -ERR_CONNREFUSED no node is running there; the API's own code */
int lug_api(struct lug *l, const char *method, const char *path, json_t *body, json_t **ret_reply,
	    struct err *e) WARN_UNUSED;

/** lug_print_json - print a JSON value and a LF on stdout; steals the reference. What a verb has printed is its answer: when it
 * fails afterwards, only its exit status says so, since stdout holds one value
 * Returns: 0; -ERR_IO; -ERR_NOMEM when j is NULL */
int lug_print_json(STEALS json_t *j, struct err *e) WARN_UNUSED;

/** lug_print_json_item - one more value of an array that is the answer, for lists that may be long; text is JSON, borrowed
 * lug_print_json_end - close it, also after an error on the way: what came out stays valid
 * Returns: 0; -ERR_IO */
int lug_print_json_item(const char *text, size_t len, struct err *e) WARN_UNUSED;
int lug_print_json_end(struct err *e) WARN_UNUSED;

/** text_safe - text from elsewhere for a terminal: control and bidirectional override characters become "?", in place */
char *text_safe(char *s);

/** text_utf8 - a copy in which "?" stands for each byte that is not UTF-8: a file's name need not be, JSON must
 * In: from   Out: to, at most size - 1 bytes, cut between characters   Returns: to */
const char *text_utf8(const char *from, char *to, size_t size);

enum { TIME_BOTH_MAX = 2 * TIME_TEXT_MAX + 4 };
/** time_both - "2026-11-22T11:10:00Z (2026-11-22 12:10:00 CET)" of a time in RFC 3339; "-" of anything else */
const char *time_both(const char *utc, char out[static TIME_BOTH_MAX]);

/* Colours by meaning; "" when colours are off. */
enum color { COLOR_OFF, COLOR_BOLD, COLOR_DIM, COLOR_GOOD, COLOR_WARN, COLOR_BAD };
const char *color(const struct lug *l, enum color c);

/* A table for people: heads first, then cells row by row; widths are found when it is printed. */
enum { TABLE_COLUMNS_MAX = 16 };
struct table {
	struct arena arena;
	const char *const
		*heads; /* NULL-terminated; a head that starts with ">" aligns its column right */
	const char **cells;
	size_t columns_n, cells_n, cells_cap;
	int error;
};
/** table_init - begin; heads are borrowed until done. table_cell - the next cell. table_print - print on stdout
 * Returns: table_print 0 or the first error (-ERR_NOMEM) */
void table_init(struct table *t, const char *const *heads);
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int table_print(struct table *t, const struct lug *l) WARN_UNUSED;
void table_done(struct table *t);

/* A progress bar on stderr; drawn only on a terminal, at most ten times a second, from half a second on. */
struct progress {
	const struct lug *l;
	const char *what, *unit; /* unit "B" prints MB and MB/s */
	uint64_t total;
	int64_t start_ms, drawn_ms;
	bool drawn;
};
/** progress_start - begin; total 0 when unknown. progress_at - done so far, with a short note ("height 170") or NULL.
 * progress_end - wipe the bar */
void progress_start(struct progress *p, const struct lug *l, const char *what, const char *unit,
		    uint64_t total);
void progress_at(struct progress *p, uint64_t done, const char *note);
void progress_end(struct progress *p);

/** verbs - the table, in the order of verbs.def, ended by NULL */
extern const struct verb *const verbs[];
#endif
