/* SPDX-License-Identifier: Apache-2.0
 * The judgement of one word: is it an address, a hash, a private key, or something that only looks like one?
 *
 * The forms are tried by how a word begins and how long it is; all but a few words of ordinary text are turned away by that alone.
 * A word may also begin inside another one: behind the escapes of URLs, mails and JSON ("%3A1A1z...", "=3D1A1z...", "\n1A1z..."),
 * and where "0x" or a bech32 prefix follows letters ("ETH0x52...", "BTCbc1q..."). */
#include "base/bech32.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "chain/hash.h"
#include "chain/network.h"
#include "screen/screen-int.h"
#include <stdio.h>
#include <strings.h>

enum {
	EVM_LEN = 42,
	EVM_BARE_LEN = 40,
	EVM_NEAR = 2, /* hex digits too many or too few that still look like an address */
	TX_LEN = 64,
	TX_EVM_LEN = 66,
	CASH_LEN = 42,
	BASE58_MIN = 25,
	BASE58_ADDRESS_MIN = 26, /* shorter ones are all zeros */
	BASE58_ADDRESS_MAX = 36, /* Zcash 35, one letter too many 36 */
	SEGWIT_MIN = 14,
	SEGWIT_LOOK_MIN = 26, /* shorter ones that are not valid are words */
	BECH32_OTHER_MIN = 20,
	BLOCK_ZEROS = 8,
	POSITION_DIGITS = 6,
	DIGITS_MIN = 3, /* that make a word look made by a machine */
	EIP55_LIKELY_BITS = 8,
};
#define ALL_UTXO (NET_BIT(NET_EVM) - 1)

/* What the letters of a piece are. */
struct look {
	unsigned digits, upper, lower, hex, not_base58;
};

static struct look look_at(const char *s, size_t len)
{
	struct look k = {0};
	for (size_t i = 0; i < len; i++) {
		bool digit = s[i] >= '0' && s[i] <= '9', upper = s[i] >= 'A' && s[i] <= 'Z';
		k.digits += digit;
		k.upper += upper;
		k.lower += !digit && !upper;
		k.hex += digit || (s[i] >= 'a' && s[i] <= 'f') || (s[i] >= 'A' && s[i] <= 'F');
		k.not_base58 += s[i] == '0' || s[i] == 'O' || s[i] == 'I' || s[i] == 'l';
	}
	return k;
}

/* ---- what the surroundings say ---- */

uint32_t scheme_nets(const struct scan *s, uint32_t nets)
{
	static const struct {
		const char *scheme;
		uint32_t nets;
	} list[] = {
		{"bitcoin", NET_BIT(NET_BITCOIN) | NET_BIT(NET_TESTNET3) | NET_BIT(NET_TESTNET4) |
				    NET_BIT(NET_SIGNET) | NET_BIT(NET_REGTEST)},
		{"btc", NET_BIT(NET_BITCOIN)},
		{"litecoin", NET_BIT(NET_LITECOIN) | NET_BIT(NET_LITECOIN_TESTNET)},
		{"ltc", NET_BIT(NET_LITECOIN)},
		{"bitcoincash", NET_BIT(NET_BITCOIN_CASH)},
		{"bch", NET_BIT(NET_BITCOIN_CASH)},
		{"bchtest", NET_BIT(NET_BITCOIN_CASH_TESTNET)},
	};
	for (size_t i = 0; s->last_colon && i < ARRAY_LEN(list); i++)
		if (strcmp(s->last, list[i].scheme) == 0 && (nets & list[i].nets))
			return nets & list[i].nets;
	return nets;
}

static bool says_transaction(const struct scan *s)
{
	static const char *const words[] = {
		"tx",	       "txid",	      "txhash",	   "txn", "transaction", "transazione",
		"transaktion", "transaccion", "transacao", "trx", "outpoint"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(s->last, words[i]) == 0)
			return true;
	return false;
}

/* ---- items ---- */

static struct extract_item *add(struct scan *s, enum extract_kind kind, unsigned from, unsigned len)
{
	struct extract_item *it = scan_item(s);
	if (!it)
		return NULL;
	it->kind = kind;
	it->how = s->w.how;
	it->off = s->w.at[from];
	it->len = s->w.end - it->off;
	memcpy(it->text, s->w.text + from, len);
	it->text[len] = '\0';
	return it;
}

void item_address(struct extract_item *it, const struct address_info *info)
{
	it->kind = EXTRACT_ADDRESS;
	it->address = *info;
	it->nets = info->nets;
	switch (info->check) {
	case ADDRESS_CHECK_NONE:
		it->certainty = EXTRACT_POSSIBLE;
		break;
	case ADDRESS_CHECK_EIP55:
		it->certainty =
			info->check_bits >= EIP55_LIKELY_BITS ? EXTRACT_LIKELY : EXTRACT_POSSIBLE;
		break;
	case ADDRESS_CHECK_30_BIT:
	case ADDRESS_CHECK_32_BIT:
	case ADDRESS_CHECK_40_BIT:
		it->certainty = EXTRACT_CERTAIN;
		break;
	}
}

static void add_secret(struct scan *s, unsigned from)
{
	struct extract_item *it = add(s, EXTRACT_SECRET, from, 0);
	if (!it)
		return;
	it->certainty = EXTRACT_LIKELY;
	it->code = -ERR_SECRET;
	snprintf(it->reason, sizeof(it->reason), "%s", err_sentence(ERR_SECRET));
}

/* Searches what it was meant to be; stays within the budget of the text. */
static int guess(struct scan *s, const char *text, size_t len, struct address_guess *out, int max)
{
	if (s->suggest_left == 0) {
		s->st.suggestions_ended = true;
		return 0;
	}
	s->suggest_left--;
	return address_suggest(text, len, out, max);
}

/* A look-alike with its reason. Without `sure` it is only reported when a valid address is one slip away. */
static bool add_lookalike(struct scan *s, unsigned from, unsigned len, int code, const char *reason,
			  bool sure)
{
	struct address_guess found[2];
	int n = guess(s, s->w.text + from, len, found, (int)ARRAY_LEN(found));
	if (n == 0 && !sure)
		return false;
	struct extract_item *it = add(s, EXTRACT_LOOKALIKE, from, len);
	if (!it)
		return true;
	it->certainty = n ? EXTRACT_LIKELY : EXTRACT_POSSIBLE;
	it->code = code;
	it->guess_n = n;
	memcpy(it->guess, found, (size_t)n * sizeof(found[0]));
	it->nets = n ? found[0].info.nets : 0;
	snprintf(it->reason, sizeof(it->reason), "%s", reason);
	return true;
}

/* Hands a piece to the reader of addresses; true when something was reported. What fails is for the caller to judge. */
static bool try_address(struct scan *s, unsigned from, unsigned len, int *ret_code, struct err *e)
{
	struct address_info info;
	*ret_code = address_parse(s->w.text + from, len, &info, e);
	if (*ret_code == -ERR_SECRET) {
		add_secret(s, from);
		return true;
	}
	if (*ret_code < 0)
		return false;
	struct extract_item *it = add(s, EXTRACT_ADDRESS, from, len);
	if (!it)
		return true;
	item_address(it, &info);
	it->nets = scheme_nets(s, info.nets);
	return true;
}

/* ---- hashes ---- */

/* ":N" behind a transaction id names one of its outputs. */
static int64_t position_behind(const struct scan *s)
{
	const struct word *w = &s->w;
	struct reader r = reader_at(s->r, w->behind_pos);
	uint32_t cp = 0;
	char c = 0;
	int64_t v = 0;
	unsigned n = 0;
	if (char_classify(w->after, &c) != CHAR_COLON)
		return -1;
	while (reader_next(&r, &cp)) {
		enum char_class class = char_classify(cp, &c);
		if (class != CHAR_WORD)
			break;
		if (c < '0' || c > '9' || ++n > POSITION_DIGITS)
			return -1;
		v = v * 10 + (c - '0');
	}
	return n ? v : -1;
}

static bool has_0x(const char *s)
{
	return s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
}

/* As written for an EVM chain, reversed for the others; false when these are not 64 hex digits with or without 0x. */
static bool read_hash(const char *t, unsigned len, bool *ret_evm, uint8_t hash32[static 32])
{
	*ret_evm = len == TX_EVM_LEN && has_0x(t);
	if (*ret_evm)
		return hex_decode(t + 2, TX_LEN, hash32, 32) == 0;
	return len == TX_LEN && hash_parse(t, len, hash32) == 0;
}

static bool try_hash(struct scan *s, unsigned from, unsigned len)
{
	const char *t = s->w.text + from;
	uint8_t hash[32];
	bool evm;
	if (!read_hash(t, len, &evm, hash))
		return false;
	size_t zeros = strspn(t + (evm ? 2 : 0), "0");
	if (zeros >= TX_LEN)
		return true; /* nothing: the zeros of a coinbase */
	bool block = !evm && zeros >= BLOCK_ZEROS;
	struct extract_item *it = add(s, block ? EXTRACT_BLOCK : EXTRACT_TX, from, len);
	if (!it)
		return true;
	it->certainty = block || says_transaction(s) ? EXTRACT_LIKELY : EXTRACT_POSSIBLE;
	it->nets = evm ? NET_BIT(NET_EVM) : ALL_UTXO;
	memcpy(it->hash32, hash, sizeof(hash));
	if (!block && !evm)
		it->position = position_behind(s);
	return true;
}

/* ---- the forms of addresses ---- */

static bool try_evm(struct scan *s, unsigned from, unsigned len)
{
	const char *t = s->w.text + from;
	struct err e = {0};
	int code;
	if (len < EVM_LEN - EVM_NEAR || !has_0x(t))
		return false;
	if (try_address(s, from, len, &code, &e))
		return true;
	struct look k = look_at(t + 2, len - 2);
	if (code == -ERR_CHECKSUM)
		return add_lookalike(s, from, len, code, e.message, true);
	if (len > EVM_LEN + EVM_NEAR || k.hex + 1 < len - 2)
		return false;
	char reason[EXTRACT_REASON_MAX];
	if (len == EVM_LEN)
		snprintf(reason, sizeof(reason), "one character is no hex digit");
	else
		snprintf(reason, sizeof(reason), "%u hex digits; an EVM address has %d", len - 2,
			 EVM_BARE_LEN);
	return add_lookalike(s, from, len, -ERR_FORMAT, reason, true);
}

/* Forty hex digits without 0x are believed only when the case of the letters fits. */
static bool try_evm_bare(struct scan *s, unsigned from, unsigned len)
{
	char text[EVM_LEN + 1];
	struct address_info info;
	if (len != EVM_BARE_LEN || look_at(s->w.text + from, len).hex != len)
		return false;
	snprintf(text, sizeof(text), "0x%.*s", (int)len, s->w.text + from);
	if (address_parse(text, EVM_LEN, &info, NULL) < 0 || info.check != ADDRESS_CHECK_EIP55)
		return false;
	struct extract_item *it = add(s, EXTRACT_ADDRESS, from, len);
	if (!it)
		return true;
	item_address(it, &info);
	it->how |= EXTRACT_BARE;
	return true;
}

/* Length of a bech32 prefix of ours with its '1'; 0 when the text begins with none. */
static size_t hrp_len(const char *s, size_t len)
{
	for (unsigned i = 0; i < NET_N; i++) {
		const char *hrp = network_get((enum net)i)->hrp;
		size_t n = hrp ? strlen(hrp) : 0;
		if (n && len > n && s[n] == '1' && strncasecmp(s, hrp, n) == 0)
			return n + 1;
	}
	return 0;
}

static bool try_segwit(struct scan *s, unsigned from, unsigned len)
{
	struct err e = {0};
	int code;
	if (len < SEGWIT_MIN || len > BECH32_ADDRESS_MAX || !hrp_len(s->w.text + from, len))
		return false;
	if (try_address(s, from, len, &code, &e))
		return true;
	return len >= SEGWIT_LOOK_MIN &&
	       add_lookalike(s, from, len, code, e.message,
			     look_at(s->w.text + from, len).digits >= DIGITS_MIN);
}

/* Bech32 of a chain that is not ours: named. */
static bool try_bech32_other(struct scan *s, unsigned from, unsigned len)
{
	struct look k = look_at(s->w.text + from, len);
	struct err e = {0};
	int code;
	if (len < BECH32_OTHER_MIN || len > BECH32_ADDRESS_MAX || (k.upper && k.lower) ||
	    !memchr(s->w.text + from, '1', len))
		return false;
	if (try_address(s, from, len, &code, &e))
		return true;
	return code == -ERR_NETWORK && add_lookalike(s, from, len, code, e.message, true);
}

/* Was the word before a prefix of cashaddr with its colon? */
static bool has_cash_prefix(const struct scan *s, unsigned from)
{
	return from == 0 && s->last_colon &&
	       (strcmp(s->last, "bitcoincash") == 0 || strcmp(s->last, "bchtest") == 0);
}

/* With its prefix, which is the word before. */
static bool try_cash_prefixed(struct scan *s, unsigned len)
{
	char text[EXTRACT_ITEM_TEXT_MAX];
	struct address_info info;
	struct err e = {0};
	int n = snprintf(text, sizeof(text), "%s:%.*s", s->last, (int)len, s->w.text);
	int code = address_parse(text, (size_t)n, &info, &e);
	if (code < 0)
		return add_lookalike(s, 0, len, code, e.message, true);
	struct extract_item *it = add(s, EXTRACT_ADDRESS, 0, len);
	if (!it)
		return true;
	item_address(it, &info);
	it->off = s->last_off;
	it->len = s->w.end - it->off;
	memcpy(it->text, text, (size_t)n + 1);
	return true;
}

static bool try_cash(struct scan *s, unsigned from, unsigned len)
{
	struct err e = {0};
	int code;
	if (!strchr("qpzrQPZR", s->w.text[from]))
		return false;
	if (has_cash_prefix(s, from) && len > CASH_LEN / 2 && len <= WORD_MAX / 2)
		return try_cash_prefixed(s, len);
	if (len != CASH_LEN)
		return false;
	return try_address(s, from, len, &code, &e) ||
	       (code == -ERR_CHECKSUM && add_lookalike(s, from, len, code, e.message, false));
}

/* A mistyped address: begins like one, has about its length, and letters and digits as only machines mix them. */
static bool looks_base58(const char *t, unsigned len, const struct look *k)
{
	return len >= BASE58_ADDRESS_MIN && len <= BASE58_ADDRESS_MAX && strchr("13mn2LM", t[0]) &&
	       k->not_base58 <= 2 && k->digits >= DIGITS_MIN;
}

/* The texts of base58 that say what they are by their length: addresses and keys. */
static bool try_base58(struct scan *s, unsigned from, unsigned len)
{
	const char *t = s->w.text + from;
	struct look k = look_at(t, len);
	struct err e = {0};
	int code = -ERR_FORMAT;
	if (len < BASE58_MIN || !k.upper || !k.lower)
		return false;
	if (k.not_base58 == 0 && try_address(s, from, len, &code, &e))
		return true;
	if (code == -ERR_NETWORK || code == -ERR_UNSUPPORTED)
		return add_lookalike(s, from, len, code, e.message, true);
	if (!looks_base58(t, len, &k))
		return false;
	if (k.not_base58)
		return add_lookalike(s, from, len, code,
				     "has a character that base58 leaves out (0, O, I, l)", false);
	if (code == -ERR_CHECKSUM)
		return add_lookalike(s, from, len, code, e.message, t[0] == '1' || t[0] == '3');
	return add_lookalike(s, from, len, code, "wrong length for an address", false);
}

static bool try_piece(struct scan *s, unsigned from)
{
	unsigned len = s->w.len - from;
	if (len < SEGWIT_MIN)
		return false;
	return try_hash(s, from, len) || try_evm(s, from, len) || try_segwit(s, from, len) ||
	       try_cash(s, from, len) || try_evm_bare(s, from, len) || try_base58(s, from, len) ||
	       try_bech32_other(s, from, len);
}

/* ---- where else the word may begin ---- */

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Behind an escape: how many characters belong to it. */
static unsigned escape_len(const struct word *w)
{
	if ((w->before == '%' || w->before == '=') && is_hex(w->text[0]) && is_hex(w->text[1]))
		return 2;
	if (w->before == '\\' && w->text[0] == 'u' && w->len > 5)
		return 5;
	return w->before == '\\' && strchr("nrtbf", w->text[0]) ? 1 : 0;
}

/* Behind letters: where "0x" or a prefix of bech32 begins; 0 when it does not. */
static unsigned glued_at(const struct word *w)
{
	for (unsigned i = 1; i + SEGWIT_MIN <= w->len; i++) {
		const char *p = w->text + i;
		unsigned left = w->len - i;
		bool evm = (left == EVM_LEN || left == TX_EVM_LEN) && p[0] == '0' && p[1] == 'x';
		bool letter = w->text[i - 1] > '9';
		if (letter && (evm || (left >= EVM_LEN && hrp_len(p, left))))
			return i;
	}
	return 0;
}

void scan_word(struct scan *s)
{
	const struct word *w = &s->w;
	struct address_info info;
	unsigned from;
	if (w->len <
	    SEGWIT_MIN) { /* most words: too short for anything but the beginning of a broken one */
		(void)scan_joined(s);
		return;
	}
	if ((from = escape_len(w)) != 0 && try_piece(s, from))
		return;
	if (w->len > EVM_LEN && (from = glued_at(w)) != 0 && try_piece(s, from))
		return;
	/* A beginning that goes on in the next line is looked for before the beginning is judged alone. */
	if (address_parse(w->text, w->len, &info, NULL) == 0 || !scan_joined(s))
		(void)try_piece(s, 0);
}
