/* SPDX-License-Identifier: Apache-2.0
 * Characters of a text: UTF-8 by RFC 3629, UTF-16 when it begins with its mark, and which of them matter here. */
#include "screen/screen-int.h"

enum { REPLACEMENT = 0xfffd, BOM = 0xfeff };

struct reader reader_init(const void *p, size_t len)
{
	struct reader r = {.p = p, .len = len};
	if (len >= 2 && memcmp(p, "\xff\xfe", 2) == 0)
		r.enc = ENC_UTF16LE;
	else if (len >= 2 && memcmp(p, "\xfe\xff", 2) == 0)
		r.enc = ENC_UTF16BE;
	else
		return r;
	r.pos = 2;
	return r;
}

struct reader reader_at(const struct reader *r, size_t pos)
{
	struct reader other = *r;
	other.pos = pos;
	return other;
}

static uint32_t unit(const struct reader *r, size_t at)
{
	const uint8_t *p = r->p + at;
	return r->enc == ENC_UTF16LE ? p[0] | (uint32_t)p[1] << 8 : p[1] | (uint32_t)p[0] << 8;
}

static uint32_t next_utf16(struct reader *r)
{
	if (r->len - r->pos < 2) {
		r->pos = r->len;
		r->damaged_n++;
		return REPLACEMENT;
	}
	uint32_t a = unit(r, r->pos);
	r->pos += 2;
	if (a < 0xd800 || a > 0xdfff)
		return a;
	uint32_t b = a < 0xdc00 && r->len - r->pos >= 2 ? unit(r, r->pos) : 0;
	if (b < 0xdc00 || b > 0xdfff) {
		r->damaged_n += 2;
		return REPLACEMENT;
	}
	r->pos += 2;
	return 0x10000 + ((a - 0xd800) << 10) + (b - 0xdc00);
}

/* Bytes of the sequence that this one begins; 0 when it begins none. */
static unsigned utf8_len(uint8_t first)
{
	return first < 0x80   ? 1
	       : first < 0xc2 ? 0
	       : first < 0xe0 ? 2
	       : first < 0xf0 ? 3
	       : first < 0xf5 ? 4
			      : 0;
}

static uint32_t next_utf8(struct reader *r)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *p = r->p + r->pos;
	unsigned n = utf8_len(p[0]);
	uint32_t cp = n == 0 || n > r->len - r->pos ? REPLACEMENT
		      : n == 1			    ? p[0]
						    : p[0] & (0x7fu >> n);
	for (unsigned i = 1; i < n && cp != REPLACEMENT; i++)
		cp = (p[i] & 0xc0) == 0x80 ? cp << 6 | (p[i] & 0x3f) : REPLACEMENT;
	/* U+FFFD itself is taken for damage as well: for words it makes no difference. */
	if (cp == REPLACEMENT || cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) {
		r->pos++;
		r->damaged_n++;
		return REPLACEMENT;
	}
	r->pos += n;
	return cp;
}

bool reader_next(struct reader *r, uint32_t *ret_cp)
{
	if (r->pos >= r->len)
		return false;
	*ret_cp = r->enc == ENC_UTF8 ? next_utf8(r) : next_utf16(r);
	return true;
}

void extract_place_move(const void *p, size_t len, size_t off, struct extract_place *at)
{
	struct reader begin = reader_init(p, len);
	struct reader r = reader_at(&begin, at->off > begin.pos ? at->off : begin.pos);
	uint32_t cp;
	if (!at->line)
		*at = (struct extract_place){.line = 1, .column = 1};
	for (size_t pos = r.pos; pos < off && reader_next(&r, &cp); pos = r.pos) {
		if (cp == '\n') {
			at->line++;
			at->column = 1;
		} else if (cp != BOM || pos > 0) {
			at->column++;
		}
	}
	at->off = r.pos;
}

/* Zero-width characters, soft hyphen, direction marks: they change nothing for the eye. */
static bool is_hidden(uint32_t cp)
{
	return cp == 0xad || cp == 0x34f || cp == 0x61c || cp == 0x180e ||
	       (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x202a && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x206f) || (cp >= 0xfe00 && cp <= 0xfe0f) || cp == BOM;
}

static bool is_space(uint32_t cp)
{
	return cp == ' ' || cp == '\t' || cp == 0xa0 || (cp >= 0x2000 && cp <= 0x200a) ||
	       cp == 0x202f || cp == 0x3000;
}

/* The ASCII letter or digit that a character is or is the full-width form of; 0 when neither. */
static char plain_of(uint32_t cp)
{
	uint32_t c = cp >= 0xff01 && cp <= 0xff5e ? cp - 0xfee0 : cp;
	bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
	return letter || (c >= '0' && c <= '9') ? (char)c : 0;
}

static bool is_newline(uint32_t cp)
{
	return cp == '\n' || cp == '\r' || cp == 0x85 || cp == 0x2028 || cp == 0x2029;
}

enum char_class char_classify(uint32_t cp, char *ret_c)
{
	char c = plain_of(cp);
	if (c) {
		*ret_c = c;
		return cp < 0x80 ? CHAR_WORD : CHAR_WIDE;
	}
	if (cp == ':' || cp == 0xff1a)
		return CHAR_COLON;
	if (is_newline(cp))
		return CHAR_NEWLINE;
	if (is_space(cp))
		return CHAR_SPACE;
	return cp >= 0x80 && is_hidden(cp) ? CHAR_HIDDEN : CHAR_OTHER;
}

char char_passes_for(uint32_t cp)
{
	/* Base58 and bech32 letters only; pairs of code point and letter, in the order of code points. */
	static const struct {
		uint16_t cp;
		char c;
	} list[] = {
		{0x0391, 'A'}, {0x0392, 'B'}, {0x0395, 'E'}, {0x0396, 'Z'}, {0x0397, 'H'},
		{0x039a, 'K'}, {0x039c, 'M'}, {0x039d, 'N'}, {0x03a1, 'P'}, {0x03a4, 'T'},
		{0x03a5, 'Y'}, {0x03a7, 'X'}, {0x03bd, 'v'}, {0x03bf, 'o'}, {0x0405, 'S'},
		{0x0408, 'J'}, {0x0410, 'A'}, {0x0412, 'B'}, {0x0415, 'E'}, {0x041a, 'K'},
		{0x041c, 'M'}, {0x041d, 'H'}, {0x0420, 'P'}, {0x0421, 'C'}, {0x0422, 'T'},
		{0x0423, 'Y'}, {0x0425, 'X'}, {0x0430, 'a'}, {0x0435, 'e'}, {0x043e, 'o'},
		{0x0440, 'p'}, {0x0441, 'c'}, {0x0443, 'y'}, {0x0445, 'x'}, {0x0455, 's'},
		{0x0456, 'i'}, {0x0458, 'j'}, {0x04bb, 'h'}, {0x0501, 'd'}, {0x051b, 'q'},
		{0x051d, 'w'},
	};
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i].cp == cp)
			return list[i].c;
	return 0;
}
