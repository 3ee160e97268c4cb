/* SPDX-License-Identifier: Apache-2.0
 * The pass over the text: characters become words of ASCII letters and digits, each word is judged when it ends.
 *
 * Invisible characters do not end a word; everything else that is not an ASCII letter or digit does, so a word of Latin letters inside
 * Japanese or Arabic text stands free. What was found over a line end moves skip_until, so that its later parts are not judged again. */
#include "screen/extract.h"
#include "base/cleanup.h"
#include "screen/screen-int.h"
#include <stdio.h>

const char *extract_kind_name(enum extract_kind kind)
{
	static const char *const names[] = {"address", "transaction", "block", "private-key",
					    "look-alike"};
	return names[kind];
}

const char *extract_certainty_name(enum extract_certainty c)
{
	static const char *const names[] = {"possible", "likely", "certain"};
	return names[c];
}

const char *extract_how_text(unsigned how, char out[static EXTRACT_HOW_TEXT_MAX])
{
	static const char *const names[] = {"full-width", "invisible characters",
					    "over lines", "in groups",
					    "without 0x", "foreign letters"};
	size_t len = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (how >> i & 1)
			len += (size_t)snprintf(out + len, EXTRACT_HOW_TEXT_MAX - len, "%s%s",
						len ? ", " : "", names[i]);
	return out;
}

struct extract_item *scan_item(struct scan *s)
{
	if (s->st.n >= s->max) {
		s->st.more = true;
		return NULL;
	}
	struct extract_item *it = &s->items[s->st.n++];
	memset(it, 0, sizeof(*it));
	it->position = -1;
	return it;
}

/* Files that people hand in by mistake, and what to do with them. */
static int check_text(const uint8_t *p, size_t len, enum encoding enc, struct err *e)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *what;
	} known[] = {
		{"%PDF-", 5, "a PDF; take its text out first, for example with pdftotext"},
		{"PK\3\4", 4, "a ZIP or Office file; unpack it or save it as text first"},
		{"\x1f\x8b", 2, "packed with gzip; unpack it first"},
		{"\xd0\xcf\x11\xe0", 4, "an old Office or Outlook file; save it as text first"},
		{"\x89PNG", 4, "a picture; read its text first"},
		{"\xff\xd8\xff", 3, "a picture; read its text first"},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (len >= known[i].len && memcmp(p, known[i].magic, known[i].len) == 0)
			return err_set(e, ERR_FORMAT, "text", "not text: this is %s",
				       known[i].what);
	const uint8_t *nul = enc == ENC_UTF8 && len ? memchr(p, 0, len) : NULL;
	if (nul)
		return err_set(
			e, ERR_FORMAT, "text",
			"not text: byte %zu is NUL, so this is binary data or UTF-16 without its mark",
			(size_t)(nul - p));
	return 0;
}

static void word_add(struct scan *s, char c, unsigned how, size_t off, size_t end)
{
	struct word *w = &s->w;
	if (w->len < WORD_MAX) {
		w->text[w->len] = c;
		w->at[w->len] = off;
	}
	w->len++;
	w->end = end;
	w->how |= how;
}

/* Keeps the word for what it may say about the next: "bitcoin" in "bitcoin:1A1z...", "txid" before a hash. */
static void word_remember(struct scan *s)
{
	const struct word *w = &s->w;
	unsigned n = w->len < sizeof(s->last) ? w->len : 0;
	for (unsigned i = 0; i < n; i++)
		s->last[i] = w->text[i] >= 'A' && w->text[i] <= 'Z' ? (char)(w->text[i] + 32)
								    : w->text[i];
	s->last[n] = '\0';
	s->last_off = w->at[0];
}

/* The word, if there is one, ends before the character `after` at byte after_pos; the reader stands behind that. */
static void word_end(struct scan *s, uint32_t after, size_t after_pos)
{
	struct word *w = &s->w;
	if (w->len == 0)
		return;
	w->after = after;
	w->after_pos = after_pos;
	w->behind_pos = s->r->pos;
	if (w->len <= WORD_MAX && w->at[0] >= s->skip_until) {
		w->text[w->len] = '\0';
		scan_word(s);
	}
	word_remember(s);
	w->len = 0;
	w->how = 0;
}

static inline bool is_alnum(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') < 26 || (uint8_t)(c - '0') < 10;
}

/* Plain letters and digits of UTF-8, which nearly all words are made of, without decoding characters one by one. */
static void word_run(struct scan *s)
{
	struct reader *r = s->r;
	while (r->enc == ENC_UTF8 && r->pos < r->len && is_alnum(r->p[r->pos])) {
		word_add(s, (char)r->p[r->pos], 0, r->pos, r->pos + 1);
		r->pos++;
	}
}

/* A letter that passes for a Latin one, inside a word: Latin letters or digits on both sides. */
static bool passes_inside(const struct scan *s, uint32_t cp, char *ret_c)
{
	struct reader behind = *s->r;
	uint32_t next;
	char c;
	*ret_c = cp >= 0x370 && cp <= 0x51d && s->w.len ? char_passes_for(cp) : 0;
	return *ret_c && reader_next(&behind, &next) && char_classify(next, &c) == CHAR_WORD;
}

/* How this character continues a word; negative when it does not. */
static int continues(const struct scan *s, enum char_class class, uint32_t cp, char *c)
{
	switch (class) {
	case CHAR_WORD:
		return 0;
	case CHAR_WIDE:
		return EXTRACT_WIDE;
	case CHAR_OTHER:
		return passes_inside(s, cp, c) ? EXTRACT_FOREIGN : -1;
	case CHAR_HIDDEN:
	case CHAR_COLON:
	case CHAR_SPACE:
	case CHAR_NEWLINE:
		break;
	}
	return -1;
}

static void scan_text(struct scan *s)
{
	struct reader *r = s->r;
	uint32_t cp;
	unsigned hidden = 0; /* EXTRACT_HIDDEN when the last character was invisible */
	char c = 0;
	for (size_t pos = r->pos; reader_next(r, &cp); pos = r->pos) {
		enum char_class class = char_classify(cp, &c);
		int how = continues(s, class, cp, &c);
		if (how >= 0) {
			word_add(s, c, (unsigned)how | (s->w.len ? hidden : 0), pos, r->pos);
			word_run(s);
			hidden = 0;
		} else if (class == CHAR_HIDDEN) {
			hidden = EXTRACT_HIDDEN;
		} else {
			bool colon = s->w.len && class == CHAR_COLON;
			word_end(s, cp, pos);
			s->last_colon = colon;
			s->w.before = cp;
			hidden = 0;
		}
	}
	word_end(s, NO_CHAR, r->pos);
}

int extract(const void *p, size_t len, struct extract_item *items, size_t max,
	    struct extract_stats *ret, struct err *e)
{
	struct scan s = {.items = items, .max = max, .suggest_left = EXTRACT_SUGGEST_MAX};
	if (len > EXTRACT_TEXT_MAX)
		return err_set(e, ERR_OVERSIZE, "text", "%zu bytes; one text may have %d", len,
			       EXTRACT_TEXT_MAX);
	struct reader r = reader_init(p, len);
	int code = check_text(p, len, r.enc, e);
	if (code < 0)
		return code;
	s.r = &r;
	scan_text(&s);
	s.st.damaged_n = r.damaged_n;
	*ret = s.st;
	return 0;
}
