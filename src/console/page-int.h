/* SPDX-License-Identifier: Apache-2.0
 * What a compiled template calls (tools/pages writes these calls). */
#ifndef CONSOLE_PAGE_INT_H
#define CONSOLE_PAGE_INT_H
#include "console/console.h"

/* Where a value stands, which says how it is escaped. */
enum page_context { PAGE_TEXT, PAGE_ATTR, PAGE_URL };

enum page_format {
	PAGE_PLAIN,
	PAGE_CODE,   /* coded value: its text in the reader's language */
	PAGE_TIME,   /* <time> with UTC and the reader's zone */
	PAGE_ZONE,   /* the reader's local time, plain */
	PAGE_UTC,    /* "2026-11-22 10:59 UTC" */
	PAGE_SPAN,   /* seconds as "4 min 30 s" */
	PAGE_AMOUNT, /* base units of a CAIP-19 asset as a decimal with its unit */
	PAGE_SHORT,  /* the first characters of an id or hash */
	PAGE_COUNT,  /* number of elements */
};

struct page {
	const struct page_in *in;
	struct buf *out;
};
struct page_row {
	const char *name;
	void (*render)(struct page *p);
};
extern const struct page_row page_rows[];
extern const size_t page_rows_n;

/* An argument of a translated sentence: {name} in it. */
struct page_arg {
	const char *name;
	enum page_format format;
	const char *list; /* PAGE_CODE */
	const json_t *value;
};
#define PAGE_ARGS(...)                          \
	(const struct page_arg[]){__VA_ARGS__}, \
		sizeof((const struct page_arg[]){__VA_ARGS__}) / sizeof(struct page_arg)

/* A piece of a form field's name: a literal, a value, or the number of a loop's element. */
struct page_part {
	const char *literal;
	const json_t *value;
	size_t index; /* when there is neither */
};
#define PAGE_PARTS(...)                          \
	(const struct page_part[]){__VA_ARGS__}, \
		sizeof((const struct page_part[]){__VA_ARGS__}) / sizeof(struct page_part)

/* Elements of an array; nothing for any other value. */
#define page_each(list, i, v) \
	for ((i) = 0; (v) = json_array_get((list), (i)), (i) < json_array_size(list); (i)++)

/** page_get - a member by its path "a.b.0.c"; NULL when any part is absent
 * page_form, page_error - what was typed into a form field, and what is wrong with it; NULL when nothing */
const json_t *page_get(const json_t *o, const char *path);
const json_t *page_form(const struct page *p, const struct page_part *parts, size_t n);
const json_t *page_error(const struct page *p, const struct page_part *parts, size_t n);

/** page_true - not null, false, 0, "" or empty; page_is - the text s; page_has - an array that holds the text s
 * page_same - both are the same text or number; page_has_same - an array that holds it; page_number - an integer, else 0 */
bool page_true(const json_t *v);
bool page_is(const json_t *v, const char *s);
bool page_has(const json_t *v, const char *s);
bool page_same(const json_t *a, const json_t *b);
bool page_has_same(const json_t *list, const json_t *v);
json_int_t page_number(const json_t *v);

/* What is written. Everything but a literal is escaped for its place. */
void page_literal(struct page *p, const char *s, size_t len);
void page_put(struct page *p, enum page_context at, const json_t *v);
void page_index(struct page *p, size_t i);
void page_asset(struct page *p, const char *name);
void page_translate(struct page *p, enum page_context at, const char *key,
		    const struct page_arg *args, size_t n);
void page_code(struct page *p, enum page_context at, const char *list, const json_t *v);
void page_code_text(struct page *p, enum page_context at, const char *list, const char *code);
void page_format(struct page *p, enum page_context at, enum page_format format, const json_t *v,
		 const json_t *extra);

/* ---- escape.c ---- */
/** page_escape - append s for its place. Control characters become U+FFFD, so that nothing invisible is shown as nothing */
void page_escape(struct buf *out, enum page_context at, const char *s, size_t len);

/* ---- format.c ---- */
enum { FORMAT_TEXT_MAX = 256 };
/** format_amount - base units as an exact decimal with the asset's unit; in base units when the asset is not known
 * In:      units    decimal digits
 *          asset    CAIP-19, or NULL
 * format_span - "3 h 10 min" in the reader's language; at most two units */
void format_amount(const char *units, const char *asset, char out[static FORMAT_TEXT_MAX]);
void format_span(const struct lang *l, int64_t s, char out[static FORMAT_TEXT_MAX]);
#endif
