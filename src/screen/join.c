/* SPDX-License-Identifier: Apache-2.0
 * Addresses in pieces: broken over line ends by mail programs, or written in groups to be read aloud.
 *
 * Begins at a word that could be the beginning of an address, and adds the words behind it as long as what stands between is a line
 * end (with quote marks, or the soft break of quoted-printable) or, for groups, one space. Only a checksum makes pieces one: what has
 * none is joined across a soft break alone, which is a break by definition. */
#include "base/text.h"
#include "chain/hash.h"
#include "chain/network.h"
#include "screen/screen-int.h"
#include <strings.h>

enum {
	PIECES_MAX = 24,
	PIECE_MIN = 4,
	GROUP_MIN = 3, /* groups of less are not read aloud */
	GROUP_MAX = 8,
	JOINED_MIN = 26,
	TX_LEN = 64,
};

enum gap { GAP_NONE, GAP_SPACE, GAP_LINE, GAP_SOFT };

/* What is being put together. */
struct joint {
	char text[WORD_MAX + 1];
	unsigned len, piece_len, first_len;
	size_t end;
	unsigned how;
	bool soft_only; /* every gap was a soft break */
	bool groups;	/* the first piece may be a group: short, and not a word of a language */
	bool group_over;
};

/* Could an address begin so, and could it go on behind what follows? The first letter decides for nearly every word. */
static bool may_begin(const struct word *w)
{
	static const char *const starts[] = {"bc1", "tb1", "bcrt1", "ltc1", "tltc1", "0x"};
	if (w->len < GROUP_MIN || w->len > WORD_MAX / 2)
		return false;
	if (strchr("13mn2LMqp", w->text[0]))
		return true;
	if (w->after == '=')
		return w->len >= PIECE_MIN;
	for (unsigned i = 0;
	     strchr("btlBTL0", w->text[0]) && i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncasecmp(w->text, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

/* One space leads on only from a group: short, with a digit, which words of a language have not. */
static bool may_be_group(const struct word *w)
{
	return w->len >= GROUP_MIN && w->len <= GROUP_MAX &&
	       strcspn(w->text, "0123456789") < w->len;
}

/* What stands between two pieces. */
struct gap_look {
	bool soft, line;
	unsigned spaces;
};

/* Takes one character into the gap; false when the gap ends before it. */
static bool gap_takes(struct gap_look *g, uint32_t cp)
{
	char c;
	switch (char_classify(cp, &c)) {
	case CHAR_NEWLINE:
		g->line = true;
		return true;
	case CHAR_SPACE:
		g->spaces++;
		return true;
	case CHAR_HIDDEN:
		return true;
	case CHAR_OTHER:
		if (g->line)
			return cp == '>' || cp == '|';
		if (cp != '=' || g->soft || g->spaces)
			return false;
		g->soft = true;
		return true;
	case CHAR_WORD:
	case CHAR_WIDE:
	case CHAR_COLON:
		break;
	}
	return false;
}

/* Line end, then blanks and the marks of quoting. r stands on the first character behind the piece. */
static enum gap read_gap(struct reader *r)
{
	struct gap_look g = {0};
	uint32_t cp;
	for (struct reader look = *r; reader_next(&look, &cp) && gap_takes(&g, cp);)
		*r = look;
	if (g.soft)
		return g.line ? GAP_SOFT : GAP_NONE;
	return g.line ? GAP_LINE : g.spaces == 1 ? GAP_SPACE : GAP_NONE;
}

/* Appends the word at r; false when there is none or it gets too long. */
static bool read_piece(struct reader *r, struct joint *j)
{
	struct reader look;
	uint32_t cp;
	char c = 0;
	j->piece_len = 0;
	while (look = *r, reader_next(&look, &cp)) {
		enum char_class class = char_classify(cp, &c);
		if (class == CHAR_WORD || class == CHAR_WIDE) {
			if (j->len >= WORD_MAX)
				return false;
			j->text[j->len++] = c;
			j->piece_len++;
			j->end = look.pos;
		} else if (class != CHAR_HIDDEN) {
			break;
		}
		*r = look;
	}
	return j->piece_len > 0;
}

/* Does what is joined so far make sense? Fills the item. */
static bool judge(struct scan *s, struct joint *j)
{
	struct address_info info;
	uint8_t hash[32];
	bool tx = j->len == TX_LEN && j->soft_only && hash_parse(j->text, j->len, hash) == 0;
	bool address = !tx && j->len >= JOINED_MIN &&
		       address_parse(j->text, j->len, &info, NULL) == 0 &&
		       (info.check != ADDRESS_CHECK_NONE || j->soft_only);
	if (!tx && !address)
		return false;
	struct extract_item *it = scan_item(s);
	s->skip_until = j->end;
	if (!it)
		return true;
	it->off = s->w.at[0];
	it->len = j->end - it->off;
	it->how = s->w.how | j->how;
	memcpy(it->text, j->text, j->len);
	it->text[j->len] = '\0';
	if (address) {
		item_address(it, &info);
		it->nets = scheme_nets(s, info.nets);
		return true;
	}
	it->kind = EXTRACT_TX;
	it->certainty = EXTRACT_POSSIBLE;
	it->nets = NET_BIT(NET_EVM) - 1;
	memcpy(it->hash32, hash, sizeof(hash));
	return true;
}

/* Groups have one length, but for the last; false when this gap may not stand here. */
static bool gap_fits(struct joint *j, enum gap gap)
{
	if (gap == GAP_NONE || j->group_over)
		return false;
	j->soft_only &= gap == GAP_SOFT;
	if (gap != GAP_SPACE) {
		j->how |= EXTRACT_BROKEN;
		return true;
	}
	j->how |= EXTRACT_GROUPED;
	return j->groups;
}

bool scan_joined(struct scan *s)
{
	const struct word *w = &s->w;
	if (w->after == NO_CHAR || !may_begin(w) || (w->after == ' ' && !may_be_group(w)))
		return false;
	struct joint j = {.len = w->len, .first_len = w->len, .end = w->end, .soft_only = true};
	struct reader r = reader_at(s->r, w->after_pos);
	memcpy(j.text, w->text, w->len);
	j.groups = may_be_group(w);
	for (unsigned pieces = 1; pieces < PIECES_MAX; pieces++) {
		if (!gap_fits(&j, read_gap(&r)) || !read_piece(&r, &j))
			return false;
		if (j.how & EXTRACT_GROUPED && j.piece_len > j.first_len)
			return false;
		j.group_over = j.how & EXTRACT_GROUPED && j.piece_len < j.first_len;
		if (judge(s, &j))
			return true;
	}
	return false;
}
