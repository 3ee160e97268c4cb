/* SPDX-License-Identifier: Apache-2.0
 * Inside screen: reading characters, words, and the judgement of a word. */
#ifndef SCREEN_SCREEN_INT_H
#define SCREEN_SCREEN_INT_H
#include "screen/extract.h"

enum { WORD_MAX = 128, NO_CHAR = 0 };

/* Characters of a text with their places. */
enum encoding { ENC_UTF8, ENC_UTF16LE, ENC_UTF16BE };
struct reader {
	const uint8_t *p;
	size_t len, pos;
	enum encoding enc;
	size_t damaged_n;
};
/* Begins behind a byte order mark, which also sets the encoding. */
struct reader reader_init(const void *p, size_t len);
/* The next character; U+FFFD for damage; false at the end. */
bool reader_next(struct reader *r, uint32_t *ret_cp);

/* The same text from another byte on, for looking ahead. */
struct reader reader_at(const struct reader *r, size_t pos);

/* What a character is for us. *ret_c is the ASCII letter or digit. */
enum char_class {
	CHAR_WORD,
	CHAR_WIDE,
	CHAR_HIDDEN,
	CHAR_COLON,
	CHAR_SPACE,
	CHAR_NEWLINE,
	CHAR_OTHER
};
enum char_class char_classify(uint32_t cp, char *ret_c);

/* The Latin letter that a Greek or Cyrillic one passes for; 0 when it does not. */
char char_passes_for(uint32_t cp);

/* A run of letters and digits. */
struct word {
	char text[WORD_MAX + 1];
	size_t at[WORD_MAX]; /* byte offset of each character */
	size_t end;	     /* byte behind the last one */
	unsigned len;	     /* above WORD_MAX: too long, only counted */
	unsigned how;	     /* enum extract_how */
	uint32_t before;     /* character in front; 0 at the beginning */
	uint32_t after;	     /* character behind; 0 at the end */
	size_t after_pos;    /* byte where `after` begins */
	size_t behind_pos;   /* byte behind `after` */
};

struct scan {
	struct reader *r;
	struct extract_item *items;
	size_t max;
	struct extract_stats st;
	unsigned suggest_left;
	struct word w;
	char last[16];	   /* the word before, lower case; "" when it was longer */
	size_t last_off;   /* where it began */
	bool last_colon;   /* only a colon stands between it and this word */
	size_t skip_until; /* words that begin before this byte belong to something found already */
};

/* Judges a finished word, and appends what it finds. */
void scan_word(struct scan *s);
/* Tries the word as the beginning of an address that goes on behind spaces or line ends; true when it did. */
bool scan_joined(struct scan *s);
/* The next free item, cleared; NULL (and the flag) when the list is full. */
struct extract_item *scan_item(struct scan *s);
/* Fills an item for an address. */
void item_address(struct extract_item *it, const struct address_info *info);
/* What "bitcoin:" and the like before the word leave of the networks. */
uint32_t scheme_nets(const struct scan *s, uint32_t nets);
#endif
