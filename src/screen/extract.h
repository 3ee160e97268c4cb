/* SPDX-License-Identifier: Apache-2.0
 * Extraction: addresses and transaction ids in free text of any language, and what only looks like one.
 *
 * The text may be UTF-8 (damaged places are stepped over) or UTF-16 with its mark. Words end where ASCII letters and digits end, so
 * that languages without spaces need none. Seen through: full-width letters, invisible characters inside a word, addresses broken
 * over lines (also quoted ones and quoted-printable), addresses written in groups, and Greek or Cyrillic letters that pass for Latin. A private key is reported, never copied. */
#ifndef SCREEN_EXTRACT_H
#define SCREEN_EXTRACT_H
#include "base/err.h"
#include "chain/address.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EXTRACT_TEXT_MAX = 64 << 20, /* bytes of one text */
	EXTRACT_ITEM_TEXT_MAX = 136, /* a word that may be one: extended keys have 111 characters */
	EXTRACT_REASON_MAX = 160,
	EXTRACT_SUGGEST_MAX =
		256, /* look-alikes of one text for which a typing error is searched */
};

enum extract_kind {
	EXTRACT_ADDRESS,
	EXTRACT_TX,	   /* 64 hex digits: a transaction id, for all that can be seen */
	EXTRACT_BLOCK,	   /* 64 hex digits that begin with many zeros, as block hashes do */
	EXTRACT_SECRET,	   /* a private key */
	EXTRACT_LOOKALIKE, /* resembles one of these; reason says what is wrong */
};
enum extract_certainty {
	EXTRACT_POSSIBLE, /* the right form, nothing that proves it */
	EXTRACT_LIKELY,	  /* EIP-55 holds, or a word before it says what it is */
	EXTRACT_CERTAIN,  /* a checksum of 30 bits or more holds */
};
/* How it was written; several may hold. */
enum extract_how {
	EXTRACT_WIDE = 1,     /* full-width letters or digits */
	EXTRACT_HIDDEN = 2,   /* invisible characters inside */
	EXTRACT_BROKEN = 4,   /* over the end of a line */
	EXTRACT_GROUPED = 8,  /* in groups with spaces */
	EXTRACT_BARE = 16,    /* an EVM address without 0x */
	EXTRACT_FOREIGN = 32, /* Greek or Cyrillic letters that look like Latin ones */
};

struct extract_item {
	enum extract_kind kind;
	enum extract_certainty certainty;
	unsigned how;	 /* enum extract_how */
	size_t off, len; /* bytes in the text, from the first character to the last */
	char text[EXTRACT_ITEM_TEXT_MAX]; /* in plain ASCII, joined; empty for a private key */
	uint32_t
		nets; /* networks it may belong to, narrowed by "bitcoin:" and the like before it */
	struct address_info address; /* EXTRACT_ADDRESS */
	uint8_t hash32
		[32];	  /* EXTRACT_TX, EXTRACT_BLOCK: stored order; of an EVM chain as written */
	int64_t position; /* EXTRACT_TX followed by ":N": that output; -1 */
	int code; /* EXTRACT_LOOKALIKE: -ERR_CHECKSUM, -ERR_FORMAT, -ERR_NETWORK, -ERR_UNSUPPORTED */
	char reason[EXTRACT_REASON_MAX];
	int guess_n; /* EXTRACT_LOOKALIKE: what it was probably meant to be */
	struct address_guess guess[2];
};

struct extract_stats {
	size_t n;		/* items written */
	bool more;		/* the list was full: there is more in the text */
	bool suggestions_ended; /* more look-alikes than EXTRACT_SUGGEST_MAX: later ones have no guess */
	size_t damaged_n;	/* bytes that are no UTF-8 */
};

/** extract - find everything in one text, in one pass, in the order of the text
 * In:      p        len bytes; borrowed
 * Out:     items    [max], filled in the order of the text
 *          ret      counts and flags
 * Limits:  len <= EXTRACT_TEXT_MAX; a word of more than 128 letters and digits is none of these
 * Returns: 0; -ERR_OVERSIZE; -ERR_FORMAT not text (NUL bytes, PDF, Office or packed files), with a hint in e
 * Cost:    linear; some milliseconds for each look-alike, at most EXTRACT_SUGGEST_MAX times
 * Source:  chain/address.h for the forms, docs/format/address.md */
int extract(const void *p, size_t len, struct extract_item *items, size_t max,
	    struct extract_stats *ret, struct err *e) WARN_UNUSED;

/* A place as people name it; zeroed it is the beginning of a text. */
struct extract_place {
	size_t off;	       /* byte */
	uint32_t line, column; /* from 1; the column in characters */
};
/** extract_place_move - on to a byte of the text that is not before the place
 * In:      p        [len] of extract()
 * Cost:    linear in the bytes between */
void extract_place_move(const void *p, size_t len, size_t off, struct extract_place *at);

/** extract_how_text - "full-width, invisible characters, over lines" of a set; "" when empty */
enum { EXTRACT_HOW_TEXT_MAX = 128 };
const char *extract_how_text(unsigned how, char out[static EXTRACT_HOW_TEXT_MAX]);
/** extract_kind_name - "address", "transaction", "block", "private-key", "look-alike"
 * extract_certainty_name - "possible", "likely", "certain" */
const char *extract_kind_name(enum extract_kind kind);
const char *extract_certainty_name(enum extract_certainty c);
#endif
