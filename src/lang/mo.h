/* SPDX-License-Identifier: Apache-2.0
 * Catalogue of translations in GNU gettext's .mo format, read in place. libintl follows the language of the process and needs the
 * system's locales; a node answers each request in the language of its reader. */
#ifndef LANG_MO_H
#define LANG_MO_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum {
	MO_TEXTS_MAX = 65536,	/* translations of one catalogue */
	MO_SIZE_MAX = 16 << 20, /* bytes of one catalogue */
};

/* A catalogue that has passed every check. */
struct mo {
	const uint8_t *p; /* BORROWS */
	size_t len;
	uint32_t n;		     /* translations */
	uint32_t ids_off, texts_off; /* their two tables */
};

/** mo_open - check a catalogue as a whole
 * In:      p, len   the file; BORROWS, as long as ret_mo is used
 * Out:     ret_mo   untouched on failure
 * Limits:  MO_SIZE_MAX, MO_TEXTS_MAX
 * Returns: 0; -ERR_OVERSIZE; -ERR_VERSION magic or revision, big-endian files too; -ERR_TRUNCATED a table or a text lies outside;
 *          -ERR_FORMAT a text without its NUL, not UTF-8, or ids not in strictly ascending order
 * Source:  gettext manual, "The Format of GNU MO Files" */
int mo_open(const void *p, size_t len, struct mo *ret_mo, struct err *e) WARN_UNUSED;

/** mo_find - the translation of an id (with its context: "context\004id"); NULL when there is none or it is empty
 * Cost:    a binary search */
const char *mo_find(const struct mo *mo, const char *id);

/** mo_id, mo_text - the n-th id and its translation, n below mo->n */
const char *mo_id(const struct mo *mo, uint32_t n);
const char *mo_text(const struct mo *mo, uint32_t n);
#endif
