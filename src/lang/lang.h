/* SPDX-License-Identifier: Apache-2.0
 * Language of a request: which of the product's languages a reader wants, and texts in it. The translations are po/LANG.po,
 * compiled by msgfmt and built in; every key stands in every language, or the build fails (tools/check-po). */
#ifndef LANG_LANG_H
#define LANG_LANG_H
#include "base/err.h"
#include <stddef.h>

/* One language of the product; static, never freed, shared by all threads once lang_start() has returned. */
struct lang;

enum { LANG_KEY_MAX = 1024 /* bytes of a context and an id together */, LANG_ACCEPT_MAX = 1024 };

/** lang_start - check the catalogues; call once, before any other function here
 * Returns: 0; as mo_open */
int lang_start(struct err *e) WARN_UNUSED;

/** lang_find - by its tag ("it"); NULL when the product does not have it
 * lang_nth - the n-th, English first; NULL past the end
 * lang_pick - the best for a header Accept-Language
 * In:      accept   "it-CH, fr;q=0.8, *;q=0.1"; NULL or what cannot be read gives English
 * Source:  RFC 9110 12.5.4, lookup of RFC 4647 3.4 on primary tags */
const struct lang *lang_find(const char *tag);
const struct lang *lang_nth(size_t n);
const struct lang *lang_pick(const char *accept);

/** lang_tag - "it"; lang_name - "italiano": how its speakers call it */
const char *lang_tag(const struct lang *l);
const char *lang_name(const struct lang *l);

/** lang_text - the text for a key; the id itself when there is none
 * lang_lookup - the same; NULL when there is none
 * In:      context  which list a coded value is of ("state"); NULL for sentences */
const char *lang_text(const struct lang *l, const char *context, const char *id);
const char *lang_lookup(const struct lang *l, const char *context, const char *id);
#endif
