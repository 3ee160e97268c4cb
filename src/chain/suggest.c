/* SPDX-License-Identifier: Apache-2.0
 * What a mistyped address was meant to be: every text one edit away is tried against the real reader.
 *
 * Brute force is enough: an address has at most 62 characters of a small alphabet, so some 4,000 trials settle it. A hit counts only
 * when its checksum says something; of an EVM address in one case every neighbour is an address, so nothing is tried. */
#include "chain/address.h"
#include "chain/chain-int.h"
#include "chain/network.h"
#include <stdio.h>
#include <strings.h>

enum { TEXT_MIN = 25, TEXT_MAX = 100, BASE58_TEXT_MAX = 40 };

struct search {
	char text[TEXT_MAX + 2]; /* being edited */
	size_t len, first;	 /* edits begin behind the prefix */
	const char *alphabet;
	struct address_guess *guesses;
	int n, max;
};

static const char base58_set[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char bech32_lower[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
static const char bech32_upper[] = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
static const char hex_set[] = "0123456789abcdefABCDEF";

/* Tries the text as it now stands. */
static void attempt(struct search *q, enum address_edit edit, size_t position, char wrong,
		    char right)
{
	struct address_info info;
	if (q->n >= q->max || (q->alphabet == base58_set && !address_base58_holds(q->text, q->len)))
		return;
	if (address_parse(q->text, q->len, &info, NULL) < 0 || info.check == ADDRESS_CHECK_NONE)
		return;
	for (int i = 0; i < q->n; i++)
		if (strcmp(q->guesses[i].info.text, info.text) == 0)
			return;
	q->guesses[q->n++] = (struct address_guess){.info = info,
						    .edit = edit,
						    .position = (uint16_t)position,
						    .wrong = wrong,
						    .right = right};
}

static void try_replaced(struct search *q)
{
	for (size_t i = q->first; i < q->len; i++) {
		char wrong = q->text[i];
		for (const char *c = q->alphabet; *c; c++) {
			q->text[i] = *c;
			if (*c != wrong)
				attempt(q, ADDRESS_EDIT_REPLACED, i, wrong, *c);
		}
		q->text[i] = wrong;
	}
}

static void swap(char *p)
{
	char c = p[0];
	p[0] = p[1];
	p[1] = c;
}

static void try_swapped(struct search *q)
{
	for (size_t i = q->first; i + 1 < q->len; i++) {
		if (q->text[i] == q->text[i + 1])
			continue;
		swap(q->text + i);
		attempt(q, ADDRESS_EDIT_SWAPPED, i, q->text[i + 1], 0);
		swap(q->text + i);
	}
}

/* A character slides through the text from the end, so that each step moves one. */
static void try_lost(struct search *q)
{
	q->len++;
	for (size_t i = q->len - 1;; i--) {
		for (const char *c = q->alphabet; *c; c++) {
			q->text[i] = *c;
			attempt(q, ADDRESS_EDIT_LOST, i, 0, *c);
		}
		if (i == q->first)
			break;
		q->text[i] = q->text[i - 1];
	}
	memmove(q->text + q->first, q->text + q->first + 1, q->len - q->first - 1);
	q->len--;
}

static void try_extra(struct search *q)
{
	char held = q->text[q->len - 1];
	q->len--;
	for (size_t i = q->len;; i--) {
		/* Here text is the original without character i, which is held. */
		attempt(q, ADDRESS_EDIT_EXTRA, i, held, 0);
		if (i == q->first)
			break;
		char next = q->text[i - 1];
		q->text[i - 1] = held;
		held = next;
	}
}

static bool has_both_cases(const char *s, size_t len)
{
	bool lower = false, upper = false;
	for (size_t i = 0; i < len; i++) {
		lower |= s[i] >= 'a' && s[i] <= 'z';
		upper |= s[i] >= 'A' && s[i] <= 'Z';
	}
	return lower && upper;
}

/* Most letters decide, so that one in the wrong case is found too. */
static const char *bech32_set(const char *s, size_t len)
{
	int balance = 0;
	for (size_t i = 0; i < len; i++)
		balance += s[i] >= 'a' && s[i] <= 'z' ? 1 : s[i] >= 'A' && s[i] <= 'Z' ? -1 : 0;
	return balance < 0 ? bech32_upper : bech32_lower;
}

/* Length of "bitcoincash:" and the like before s; 0 when it has none. */
static size_t cash_prefix_len(const char *s, size_t len)
{
	for (unsigned i = 0; i < NET_N; i++) {
		const char *prefix = network_get(i)->cash_prefix;
		size_t n = prefix ? strlen(prefix) : 0;
		if (n && len > n && s[n] == ':' && strncasecmp(s, prefix, n) == 0)
			return n + 1;
	}
	return 0;
}

/* Chooses alphabet and first position by how the text begins; false when it is of no form with a checksum. */
static bool choose(struct search *q)
{
	const char *s = q->text;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		q->alphabet = hex_set;
		q->first = 2;
		return has_both_cases(s + 2, q->len - 2) && q->len >= 41 && q->len <= 43;
	}
	if (address_has_hrp(s, q->len)) {
		q->alphabet = bech32_set(s, q->len);
		q->first = (size_t)((const char *)memchr(s, '1', q->len) - s) + 1;
		return true;
	}
	q->first = cash_prefix_len(s, q->len);
	if (q->first || (q->len >= 41 && q->len <= 43 && strchr("qpQP", s[0]))) {
		q->alphabet = bech32_set(s, q->len);
		return true;
	}
	q->alphabet = base58_set;
	return q->len <= BASE58_TEXT_MAX;
}

int address_suggest(const char *s, size_t len, struct address_guess *guesses, int max)
{
	struct search q = {.len = len, .guesses = guesses, .max = max};
	struct address_info info;
	if (len < TEXT_MIN || len > TEXT_MAX)
		return 0;
	memcpy(q.text, s, len);
	if (!choose(&q) || address_parse(s, len, &info, NULL) == -ERR_SECRET)
		return 0;
	try_replaced(&q);
	try_swapped(&q);
	if (q.n == 0)
		try_lost(&q);
	if (q.n == 0)
		try_extra(&q);
	return q.n;
}

const char *address_guess_text(const struct address_guess *g,
			       char out[static ADDRESS_GUESS_TEXT_MAX])
{
	unsigned at = g->position + 1u;
	switch (g->edit) {
	case ADDRESS_EDIT_REPLACED:
		snprintf(out, ADDRESS_GUESS_TEXT_MAX, "character %u is '%c', probably '%c'", at,
			 g->wrong, g->right);
		break;
	case ADDRESS_EDIT_SWAPPED:
		snprintf(out, ADDRESS_GUESS_TEXT_MAX, "characters %u and %u are probably exchanged",
			 at, at + 1);
		break;
	case ADDRESS_EDIT_LOST:
		snprintf(out, ADDRESS_GUESS_TEXT_MAX,
			 "before character %u, '%c' is probably missing", at, g->right);
		break;
	case ADDRESS_EDIT_EXTRA:
		snprintf(out, ADDRESS_GUESS_TEXT_MAX,
			 "character %u, '%c', is probably one too many", at, g->wrong);
		break;
	}
	return out;
}
