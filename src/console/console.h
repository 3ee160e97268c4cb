/* SPDX-License-Identifier: Apache-2.0
 * The console's pages: a handler's JSON answer as HTML, by templates that were compiled to C (docs/console.md). Pure: the model
 * goes in, bytes come out. */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct lang;
struct tz;

enum { PAGE_MAX = 8 << 20 /* bytes of a page */ };

struct page_in {
	const struct lang *lang;
	const struct tz *zone; /* the reader's; NULL is UTC */
	const json_t *data;    /* the handler's answer: names in a template begin here; BORROWS */
	const json_t *at;      /* what a name with "@" means: viewer, form, errors ...; BORROWS */
};

/** page_render - a page
 * In:      name     of the template, "request"
 *          out      an initialised buffer; the page is appended
 * Returns: 0; -ERR_NOENT no such template; -ERR_OVERSIZE; -ERR_NOMEM */
int page_render(const char *name, const struct page_in *in, struct buf *out,
		struct err *e) WARN_UNUSED;
/** page_known - whether there is a template of that name */
bool page_known(const char *name);
#endif
