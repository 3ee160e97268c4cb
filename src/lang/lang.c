/* SPDX-License-Identifier: Apache-2.0
 * The table of languages and the choice among them. */
#include "lang/lang.h"
#include "base/cleanup.h"
#include "lang/catalogues.h"
#include "lang/mo.h"
#include <stdbool.h>
#include <string.h>

enum { Q_ONE = 1000, TAG_MAX = 8 };

struct lang {
	const char *tag, *name;
	const uint8_t *bytes;
	const size_t *bytes_len;
	struct mo mo;
};

static struct lang langs[] = {
	{"en", "English", lang_mo_en, &lang_mo_en_len, {0}},
	{"fr", "français", lang_mo_fr, &lang_mo_fr_len, {0}},
	{"it", "italiano", lang_mo_it, &lang_mo_it_len, {0}},
	{"de", "Deutsch", lang_mo_de, &lang_mo_de_len, {0}},
	{"ja", "日本語", lang_mo_ja, &lang_mo_ja_len, {0}},
};

int lang_start(struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(langs); i++) {
		int r = mo_open(langs[i].bytes, *langs[i].bytes_len, &langs[i].mo, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct lang *find(const char *tag, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(langs); i++)
		if (strlen(langs[i].tag) == len && !strncasecmp(langs[i].tag, tag, len))
			return &langs[i];
	return NULL;
}

const struct lang *lang_find(const char *tag)
{
	return find(tag, strlen(tag));
}

const struct lang *lang_nth(size_t n)
{
	return n < ARRAY_LEN(langs) ? &langs[n] : NULL;
}

/* "0.85" as thousandths, from the text behind "q="; 0 when it cannot be read. */
static unsigned weight(const char *s, size_t len)
{
	unsigned q = 0, unit = Q_ONE;
	if (!len || len > 5 || (s[0] != '0' && s[0] != '1') || (len > 1 && s[1] != '.'))
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (i == 1)
			continue;
		if (s[i] < '0' || s[i] > '9')
			return 0;
		q += (unsigned)(s[i] - '0') * unit;
		unit /= 10;
	}
	return q > Q_ONE ? 0 : q;
}

/* One element of the list: the language that it names, if we have it, and how much it is wanted. */
static const struct lang *element(const char *s, size_t len, unsigned *ret_q)
{
	while (len && (*s == ' ' || *s == '\t')) {
		s++;
		len--;
	}
	const char *semicolon = memchr(s, ';', len);
	size_t tag_len = semicolon ? (size_t)(semicolon - s) : len, primary = 0;
	while (primary < tag_len && s[primary] != '-' && s[primary] != ' ')
		primary++;
	*ret_q = Q_ONE;
	if (semicolon) {
		const char *q = memmem(semicolon, len - tag_len, "q=", 2);
		*ret_q = q ? weight(q + 2, (size_t)(s + len - q - 2)) : 0;
	}
	return primary == 1 && *s == '*' ? &langs[0] : find(s, primary);
}

const struct lang *lang_pick(const char *accept)
{
	const struct lang *best = &langs[0];
	unsigned best_q = 0;
	if (!accept || strnlen(accept, LANG_ACCEPT_MAX + 1) > LANG_ACCEPT_MAX)
		return best;
	for (const char *s = accept; *s;) {
		size_t len = strcspn(s, ",");
		unsigned q;
		const struct lang *l = element(s, len, &q);
		if (l && q > best_q) { /* of equals the first one */
			best = l;
			best_q = q;
		}
		s += len + (s[len] == ',');
	}
	return best;
}

const char *lang_tag(const struct lang *l)
{
	return l->tag;
}

const char *lang_name(const struct lang *l)
{
	return l->name;
}

const char *lang_lookup(const struct lang *l, const char *context, const char *id)
{
	char key[LANG_KEY_MAX + 1];
	if (!*id)
		return NULL; /* the key of the file's own header */
	if (!context)
		return mo_find(&l->mo, id);
	int n = snprintf(key, sizeof(key), "%s\004%s", context, id);
	return n < 0 || (size_t)n >= sizeof(key) ? NULL : mo_find(&l->mo, key);
}

const char *lang_text(const struct lang *l, const char *context, const char *id)
{
	const char *text = lang_lookup(l, context, id);
	return text ? text : id;
}
