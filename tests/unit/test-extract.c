/* SPDX-License-Identifier: Apache-2.0
 * Tests of extraction: letters in six languages, every published address in noise, every way of breaking and hiding one, and how often
 * random text is taken for an address. */
#include "base/cleanup.h"
#include "base/prng.h"
#include "base/text.h"
#include "chain/hash.h"
#include "crypto/crypto.h"
#include "screen/extract.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lug-data.h"

#define P2PKH "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH"
#define P2SH "3CK4fEwbMP7heJarmU4eqA3sMbVJyEnU3V"
#define SEGWIT "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
#define TAPROOT "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
#define CASH "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
#define CASH_FULL "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
#define EVM "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
#define EVM_LOWER "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
#define TXID "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
#define LITECOIN "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"

enum { ITEMS_MAX = 64 };
static struct extract_item items[ITEMS_MAX];
static struct extract_stats stats;

static size_t run_len(const char *text, size_t len)
{
	struct err e = {0};
	uint8_t *exact = malloc(len ? len : 1); /* so that a sanitizer sees a look behind the end */
	memcpy(exact, text, len);
	if (extract(exact, len, items, ITEMS_MAX, &stats, &e) < 0)
		fail_msg("%s", e.message);
	free(exact);
	for (size_t i = 0; i < stats.n; i++) {
		assert_true(items[i].len > 0 && items[i].off + items[i].len <= len);
		assert_true(i == 0 || items[i].off >= items[i - 1].off + items[i - 1].len);
	}
	return stats.n;
}

static size_t run(const char *text)
{
	return run_len(text, strlen(text));
}

/* The only item of a text: found as `found`, read as `read`. */
static const struct extract_item *assert_one(const char *text, const char *found, const char *read,
					     enum extract_kind kind)
{
	size_t n = run(text);
	if (n != 1)
		fail_msg("%zu items, not 1, in: %s", n, text);
	const char *at = strstr(text, found);
	assert_non_null(at);
	assert_int_equal(items[0].off, at - text);
	assert_int_equal(items[0].len, strlen(found));
	assert_string_equal(items[0].text, read);
	assert_string_equal(extract_kind_name(items[0].kind), extract_kind_name(kind));
	return &items[0];
}

static void assert_none(const char *text)
{
	size_t n = run(text);
	if (n)
		fail_msg("%zu items, first %s \"%s\" (%s), in: %s", n,
			 extract_kind_name(items[0].kind), items[0].text, items[0].reason, text);
}

/* ---- letters ---- */

struct letter {
	const char *language, *text;
	const char *found[4]; /* in order */
};

static void test_languages(void **state)
{
	static const struct letter letters[] = {
		{"Italian",
		 "Buongiorno, il 3 marzo ho versato 0,75 BTC all'indirizzo " P2PKH
		 ", come richiesto nell'e-mail. "
		 "Poi hanno preteso altri 12.500 € su «" SEGWIT
		 "». Il mio IBAN è IT60X0542811101000000123456, tel. +39 06 4657 1234.",
		 {P2PKH, SEGWIT}},
		{"French",
		 "Madame, Monsieur,\nj’ai envoyé l’équivalent de 4 300 € vers l'adresse : " EVM
		 " (réf. 2024-FR-00317), puis vers\n" P2SH
		 ".\nCordialement — dossier n° 1234567890123456789012345678",
		 {EVM, P2SH}},
		{"German",
		 "Der Täter verlangte eine Überweisung an " TAPROOT
		 ". Donaudampfschifffahrtsgesellschaftskapitän Müller bestätigt: "
		 "Transaktion " TXID "; weitere Adresse (Litecoin): " LITECOIN ".",
		 {TAPROOT, TXID, LITECOIN}},
		{"Japanese",
		 "被害者は、犯人から指定されたアドレス" P2PKH
		 "へ0.5ビットコインを送金した。その後、アドレス「" SEGWIT "」及び" EVM
		 "にも送金した。取引番号は１２３４５６７８である。",
		 {P2PKH, SEGWIT, EVM}},
		{"Russian",
		 "Потерпевший перевёл 1,2 BTC на кошелёк " P2PKH ", затем ещё на адрес:" SEGWIT
		 "; хеш транзакции — " TXID ".",
		 {P2PKH, SEGWIT, TXID}},
		{"Arabic",
		 "أرسل الضحية المبلغ إلى العنوان \u200e" P2PKH "\u200f ثم إلى العنوان " EVM
		 "، رقم القضية ٢٠٢٤/١٧.",
		 {P2PKH, EVM}},
		{"Chinese",
		 "请将款项汇至" SEGWIT "，或发送到" CASH "。订单号20240317A00001。",
		 {SEGWIT, CASH}},
		{"Greek", "Η πληρωμή έγινε στη διεύθυνση «" P2SH "»·ευχαριστώ.", {P2SH}},
	};
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		const char *from = letters[i].text;
		size_t n = run(letters[i].text), want = 0;
		for (; want < 4 && letters[i].found[want]; want++) {
			const char *at = strstr(from, letters[i].found[want]);
			if (want >= n || items[want].off != (size_t)(at - letters[i].text))
				fail_msg("%s: %s not found", letters[i].language,
					 letters[i].found[want]);
			assert_int_equal(items[want].len, strlen(letters[i].found[want]));
			assert_string_equal(items[want].text, letters[i].found[want]);
			from = at + 1;
		}
		if (n != want)
			fail_msg("%s: %zu found, %zu wanted; last %s", letters[i].language, n, want,
				 items[n - 1].text);
	}
}

/* ---- what is said about each ---- */

static void test_certainty(void **state)
{
	const struct extract_item *it = assert_one("to " P2PKH ".", P2PKH, P2PKH, EXTRACT_ADDRESS);
	assert_int_equal(it->certainty, EXTRACT_CERTAIN);
	assert_int_equal(it->address.check, ADDRESS_CHECK_32_BIT);
	assert_int_equal(it->nets, NET_BIT(NET_BITCOIN) | NET_BIT(NET_BITCOIN_CASH));
	it = assert_one(SEGWIT, SEGWIT, SEGWIT, EXTRACT_ADDRESS);
	assert_int_equal(it->certainty, EXTRACT_CERTAIN);
	assert_int_equal(it->address.check_bits, 30);
	it = assert_one(EVM, EVM, EVM, EXTRACT_ADDRESS);
	assert_int_equal(it->certainty, EXTRACT_LIKELY);
	it = assert_one(EVM_LOWER, EVM_LOWER, EVM_LOWER, EXTRACT_ADDRESS);
	assert_int_equal(it->certainty, EXTRACT_POSSIBLE);
	assert_int_equal(it->address.check, ADDRESS_CHECK_NONE);
	assert_string_equal(it->address.text, EVM);
	assert_none("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"); /* neither 0x nor a checksum */
}

static void test_hashes(void **state)
{
	char shown[HASH_TEXT_MAX];
	const struct extract_item *it = assert_one("see " TXID, TXID, TXID, EXTRACT_TX);
	assert_int_equal(it->certainty, EXTRACT_POSSIBLE);
	assert_int_equal(it->position, -1);
	assert_string_equal(hash_text(it->hash32, shown), TXID);
	assert_false(it->nets & NET_BIT(NET_EVM));
	it = assert_one("txid: " TXID ":1, paid", TXID, TXID, EXTRACT_TX);
	assert_int_equal(it->certainty, EXTRACT_LIKELY);
	assert_int_equal(it->position, 1);
	it = assert_one(TXID ":abc", TXID, TXID, EXTRACT_TX);
	assert_int_equal(it->position, -1);
	it = assert_one(TXID ":12345678", TXID, TXID, EXTRACT_TX);
	assert_int_equal(it->position, -1);
	it = assert_one("0x" TXID, "0x" TXID, "0x" TXID, EXTRACT_TX);
	assert_int_equal(it->nets, NET_BIT(NET_EVM));
	assert_one("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
		   "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
		   "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
		   EXTRACT_BLOCK);
	assert_none("0000000000000000000000000000000000000000000000000000000000000000");
	assert_none(TXID "0");
	assert_none("d41d8cd98f00b204e9800998ecf8427e");	 /* MD5 */
	assert_none("da39a3ee5e6b4b0d3255bfef95601890afd80709"); /* SHA-1 */
}

static void test_schemes(void **state)
{
	const struct extract_item *it =
		assert_one("bitcoin:" P2PKH "?amount=0.1&label=x", P2PKH, P2PKH, EXTRACT_ADDRESS);
	assert_int_equal(it->nets, NET_BIT(NET_BITCOIN));
	it = assert_one("bitcoincash:" P2PKH, P2PKH, P2PKH, EXTRACT_ADDRESS);
	assert_int_equal(it->nets, NET_BIT(NET_BITCOIN_CASH));
	it = assert_one("pay bitcoincash:" CASH "!", "bitcoincash:" CASH, "bitcoincash:" CASH,
			EXTRACT_ADDRESS);
	assert_int_equal(it->nets, NET_BIT(NET_BITCOIN_CASH));
	it = assert_one("pay bitcoincash: " CASH, CASH, CASH, EXTRACT_ADDRESS);
	it = assert_one("ethereum:" EVM "@1/transfer", EVM, EVM, EXTRACT_ADDRESS);
	assert_one("https://example.org/address/" P2PKH "#x", P2PKH, P2PKH, EXTRACT_ADDRESS);
	assert_one("bitcoin%3A" P2PKH "%3Famount%3D1", P2PKH, P2PKH, EXTRACT_ADDRESS);
	assert_one("href=3D" P2PKH, P2PKH, P2PKH, EXTRACT_ADDRESS);
	assert_one("\"text\": \"pay\\n" P2PKH "\\nnow\"", P2PKH, P2PKH, EXTRACT_ADDRESS);
	assert_one("\\u003a" P2PKH, P2PKH, P2PKH, EXTRACT_ADDRESS);
	assert_one("ETH" EVM, EVM, EVM, EXTRACT_ADDRESS);
	assert_one("BTC" SEGWIT, SEGWIT, SEGWIT, EXTRACT_ADDRESS);
	assert_one("<b>" P2PKH "</b>", P2PKH, P2PKH, EXTRACT_ADDRESS);
	assert_one("*" P2PKH "*_", P2PKH, P2PKH, EXTRACT_ADDRESS);
	it = assert_one("without: 5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
			"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
			"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", EXTRACT_ADDRESS);
	assert_int_equal(it->how, EXTRACT_BARE);
	assert_string_equal(it->address.text, EVM);
	assert_none("xxx" P2PKH); /* glued to letters: another word */
	assert_none(P2PKH "xxx");
}

static void test_disguises(void **state)
{
	const struct extract_item *it;
	char how[EXTRACT_HOW_TEXT_MAX];
	it = assert_one("addr 1BgGZ9tcN4rm9\u200bKBzDn7K\u200dprQz87SZ26SAMH\u200b end",
			"1BgGZ9tcN4rm9\u200bKBzDn7K\u200dprQz87SZ26SAMH", P2PKH, EXTRACT_ADDRESS);
	assert_int_equal(it->how, EXTRACT_HIDDEN);
	it = assert_one("bc1qw508d6qejxtdg4y5r\u00ad3zarvary0c5xw7kv8f3t4",
			"bc1qw508d6qejxtdg4y5r\u00ad3zarvary0c5xw7kv8f3t4", SEGWIT,
			EXTRACT_ADDRESS);
	assert_int_equal(it->how, EXTRACT_HIDDEN);
	it = assert_one(
		"住所：１ＢｇＧＺ９ｔｃＮ４ｒｍ９ＫＢｚＤｎ７ＫｐｒＱｚ８７ＳＺ２６ＳＡＭＨです",
		"１ＢｇＧＺ９ｔｃＮ４ｒｍ９ＫＢｚＤｎ７ＫｐｒＱｚ８７ＳＺ２６ＳＡＭＨ", P2PKH,
		EXTRACT_ADDRESS);
	assert_int_equal(it->how, EXTRACT_WIDE);
	it = assert_one("кошелёк 1BgGZ9tсN4rm9KBzDn7KprQz87SZ26SAMH",
			"1BgGZ9tсN4rm9KBzDn7KprQz87SZ26SAMH", P2PKH,
			EXTRACT_ADDRESS); /* с is Cyrillic */
	assert_int_equal(it->how, EXTRACT_FOREIGN);
	assert_one("адресс" P2PKH "а", P2PKH, P2PKH,
		   EXTRACT_ADDRESS); /* not inside: no part of it */
	it = assert_one("1BgG Z9tc N4rm 9KBz Dn7K prQz 87SZ 26SA MH is mine",
			"1BgG Z9tc N4rm 9KBz Dn7K prQz 87SZ 26SA MH", P2PKH, EXTRACT_ADDRESS);
	assert_int_equal(it->how, EXTRACT_GROUPED);
	assert_string_equal(extract_how_text(it->how, how), "in groups");
	assert_string_equal(extract_how_text(EXTRACT_WIDE | EXTRACT_FOREIGN, how),
			    "full-width, foreign letters");
	assert_one("BC1Q W508 D6QE JXTD G4Y5 R3ZA RVAR Y0C5 XW7K V8F3 T4",
		   "BC1Q W508 D6QE JXTD G4Y5 R3ZA RVAR Y0C5 XW7K V8F3 T4",
		   "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", EXTRACT_ADDRESS);
	assert_none("bc1qw508d6 qejxtdg4 is not");
}

static void test_broken(void **state)
{
	const struct extract_item *it;
	it = assert_one("pay to 1BgGZ9tcN4rm9KBz\nDn7KprQz87SZ26SAMH now",
			"1BgGZ9tcN4rm9KBz\nDn7KprQz87SZ26SAMH", P2PKH, EXTRACT_ADDRESS);
	assert_int_equal(it->how, EXTRACT_BROKEN);
	assert_one("> pay to 1BgGZ9tcN4rm9KBz\r\n> > Dn7KprQz87SZ26SAMH now",
		   "1BgGZ9tcN4rm9KBz\r\n> > Dn7KprQz87SZ26SAMH", P2PKH, EXTRACT_ADDRESS);
	assert_one("a bc1p0xlxvlhemja6c4dqv22ua=\r\npctqupfhlxm9h8z3k2e72q4k=\r\n9hcz7vqzk5jj0 z",
		   "bc1p0xlxvlhemja6c4dqv22ua=\r\npctqupfhlxm9h8z3k2e72q4k=\r\n9hcz7vqzk5jj0",
		   TAPROOT, EXTRACT_ADDRESS);
	assert_one("x 0x5aaeb6053f3e94c9b9a0=\n9f33669435e7ef1beaed",
		   "0x5aaeb6053f3e94c9b9a0=\n9f33669435e7ef1beaed", EVM_LOWER, EXTRACT_ADDRESS);
	it = assert_one("x f4184fc596403b9d638783cf57adfe4c75c605f6356f=\nbc91338530e9831e9e16.",
			"f4184fc596403b9d638783cf57adfe4c75c605f6356f=\nbc91338530e9831e9e16", TXID,
			EXTRACT_TX);
	assert_int_equal(it->how, EXTRACT_BROKEN);
	/* without a checksum two lines are two words */
	assert_none("0x5aaeb6053f3e94c9b9a0\n9f33669435e7ef1beaed");
	assert_none("d41d8cd98f00b204e9800998ecf8427e\nd41d8cd98f00b204e9800998ecf8427e");
	/* both found: the first is whole, the second broken */
	assert_int_equal(run(P2PKH "\n1BgGZ9tcN4rm9KBz\nDn7KprQz87SZ26SAMH"), 2);
	assert_int_equal(run(P2PKH "\n" P2PKH "\n" P2SH), 3);
}

static void test_lookalikes(void **state)
{
	char words[ADDRESS_GUESS_TEXT_MAX];
	const struct extract_item *it = assert_one(
		"1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ",
		"1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ", EXTRACT_LOOKALIKE);
	assert_int_equal(it->code, -ERR_CHECKSUM);
	assert_int_equal(it->guess_n, 1);
	assert_string_equal(it->guess[0].info.text, P2PKH);
	assert_string_equal(address_guess_text(&it->guess[0], words),
			    "character 34 is 'J', probably 'H'");
	it = assert_one("an bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5 ok",
			"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
			"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", EXTRACT_LOOKALIKE);
	assert_string_equal(it->guess[0].info.text, SEGWIT);
	it = assert_one("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAM", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAM",
			"1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAM", EXTRACT_LOOKALIKE);
	assert_int_equal(it->guess[0].edit, ADDRESS_EDIT_LOST);
	it = assert_one("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMl", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMl",
			"1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMl", EXTRACT_LOOKALIKE);
	assert_int_equal(it->code, -ERR_FORMAT);
	assert_string_equal(it->guess[0].info.text, P2PKH);
	it = assert_one("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
			"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
			"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", EXTRACT_LOOKALIKE);
	assert_string_equal(it->guess[0].info.text, EVM);
	it = assert_one("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
			"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
			"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae", EXTRACT_LOOKALIKE);
	assert_non_null(strstr(it->reason, "39 hex digits"));
	assert_int_equal(it->guess_n, 0);
	it = assert_one("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6q",
			"qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6q",
			"qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6q", EXTRACT_LOOKALIKE);
	assert_string_equal(it->guess[0].info.text, "bitcoincash:" CASH);
	/* other chains are named */
	it = assert_one("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
			"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", EXTRACT_LOOKALIKE);
	assert_int_equal(it->code, -ERR_NETWORK);
	assert_non_null(strstr(it->reason, "Tron"));
}

static void test_more_lookalikes(void **state)
{
	const struct extract_item *it =
		assert_one("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg",
			   "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg",
			   "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg", EXTRACT_LOOKALIKE);
	assert_non_null(strstr(it->reason, "no hex digit"));
	it = assert_one("qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6q",
			"qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6q",
			"qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6q", EXTRACT_LOOKALIKE);
	assert_string_equal(it->guess[0].info.text, "bitcoincash:" CASH);
	it = assert_one("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
			"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
			"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
			EXTRACT_LOOKALIKE);
	assert_int_equal(it->code, -ERR_NETWORK);
	assert_non_null(strstr(it->reason, "\"age\""));
	it = assert_one(
		"xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
		"xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
		"xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
		EXTRACT_LOOKALIKE);
	assert_int_equal(it->code, -ERR_UNSUPPORTED);
	assert_none("0xzzzzzz053f3e94c9b9a09f33669435e7ef1beaed"); /* too many other letters */
	assert_none(
		"qpm2qsznhks23z7629mms6s4cwef74vcwvy22gqqqq"); /* two mistakes in a bare one: a word */
}

/* Every kind of find when the list is full: told, not written. */
static void test_full_list(void **state)
{
	static const char *const list[] = {P2PKH,
					   SEGWIT,
					   CASH,
					   CASH_FULL,
					   EVM,
					   "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
					   TXID,
					   "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ",
					   "5Kd3NBUAdUnhyzenEwVLy9pBKxSwXvE9FMPyR4UKZvpe6E3AgLr",
					   "1BgGZ9tcN4rm9KBz\nDn7KprQz87SZ26SAMH"};
	struct err e = {0};
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		assert_int_equal(extract(list[i], strlen(list[i]), items, 0, &stats, &e), 0);
		assert_int_equal(stats.n, 0);
		assert_true(stats.more);
	}
	assert_string_equal(extract_certainty_name(EXTRACT_POSSIBLE), "possible");
	assert_string_equal(extract_certainty_name(EXTRACT_CERTAIN), "certain");
}

static void test_secret(void **state)
{
	const char *wif = "5Kd3NBUAdUnhyzenEwVLy9pBKxSwXvE9FMPyR4UKZvpe6E3AgLr";
	char text[200];
	snprintf(text, sizeof(text), "my key is %s, please help", wif);
	const struct extract_item *it = assert_one(text, wif, "", EXTRACT_SECRET);
	assert_int_equal(it->code, -ERR_SECRET);
	for (size_t i = 0; i + 10 < sizeof(*it); i++) /* nowhere in the item */
		assert_memory_not_equal((const char *)it + i, wif, 10);
}

static void test_ordinary_text(void **state)
{
	assert_none("");
	assert_none("Nothing to see here. 12345678901234567890123456789012345678901234567890");
	assert_none(
		"internationalization Rindfleischetikettierungsueberwachungsaufgabenuebertragungsgesetz");
	assert_none(
		"const struct nextStatementContainsNoDigitsAtAll = mainMethodCallsOtherMethod;");
	assert_none("3fa85f64-5717-4562-b3fc-2c963f66afa6"); /* UUID */
	assert_none("SGVsbG8gV29ybGQhIFRoaXMgaXMgYmFzZTY0IHRleHQgd2l0aG91dCBhbnkgYWRkcmVzcy4=");
	assert_none("IBAN DE89370400440532013000 BIC COBADEFFXXX, VAT IT01234567890");
	assert_none("bc1 bc1q bc1qshort ltc1 tb1 0x 0x12 0xdeadbeef 0x1234567890abcdef");
	assert_none(
		"-----BEGIN PGP MESSAGE-----\nhQEMA1Yk2OkR7d1fAQf/ZzFk0q9Zx8V0c3mB\n-----END PGP MESSAGE-----");
	assert_none("m n L M 1 3 2\n1\n3\nmnLM\n");
}

/* ---- published addresses in noise ---- */

static size_t noise(struct prng *r, char *out, size_t max)
{
	static const char *const bits[] = {" ",	      ", ", "。", "「",	 "»", "\n", "\t",     "—",
					   "\u200b ", "ت",  "ж",  "...", "(", "; ", "\u3000", "é"};
	size_t len = 0;
	for (uint64_t n = 1 + prng_below(r, 20); n-- && len + 8 < max;) {
		const char *s = bits[prng_below(r, ARRAY_LEN(bits))];
		size_t k = strlen(s);
		memcpy(out + len, s, k);
		len += k;
	}
	return len;
}

static void test_vectors_in_noise(void **state)
{
	static const char *const files[] = {"vectors/bip/key_io_valid.json"};
	struct prng r;
	struct buf b;
	unsigned addresses = 0, secrets = 0;
	prng_init(&r, 11);
	if (!lug_data(files[0], &b))
		return skip();
	json_t *list = json_loadb((const char *)b.p, b.len, 0, NULL), *row;
	for (int round = 0; round < 8; round++) {
		size_t i;
		json_array_foreach (list, i, row) {
			const char *a = json_string_value(json_array_get(row, 0));
			char text[1000];
			size_t before = noise(&r, text, 200), len = before;
			memcpy(text + len, a, strlen(a));
			len += strlen(a);
			len += noise(&r, text + len, 200);
			if (run_len(text, len) != 1)
				fail_msg("%zu found for %s in: %.*s", stats.n, a, (int)len, text);
			assert_int_equal(items[0].off, before);
			assert_int_equal(items[0].len, strlen(a));
			bool secret =
				json_is_true(json_object_get(json_array_get(row, 2), "isPrivkey"));
			assert_int_equal(items[0].kind, secret ? EXTRACT_SECRET : EXTRACT_ADDRESS);
			addresses += !secret;
			secrets += secret;
		}
	}
	print_message("%u addresses and %u private keys found at their places\n", addresses,
		      secrets);
	json_decref(list);
	buf_done(&b);
}

/* Real lists: each line of a sanctions list is one address, however it is surrounded. */
static void test_list_in_noise(void **state)
{
	static const char *const files[] = {"labels/ofac-2025-12/sanctioned_addresses_XBT.txt",
					    "labels/ofac-2025-12/sanctioned_addresses_ETH.txt",
					    "labels/ofac-2025-12/sanctioned_addresses_LTC.txt",
					    "labels/ofac-2025-12/sanctioned_addresses_BCH.txt"};
	unsigned found = 0, lines = 0, other = 0;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct buf b;
		if (!lug_data(files[i], &b))
			return skip();
		char *save = NULL;
		for (char *line = strtok_r((char *)b.p, "\r\n", &save); line;
		     line = strtok_r(NULL, "\r\n", &save)) {
			char text[400];
			if (!line[0] || strlen(line) > 100)
				continue;
			snprintf(text, sizeof(text), "宛先%sまで。", line);
			size_t n = run(text);
			lines++;
			found += n == 1 && items[0].kind == EXTRACT_ADDRESS &&
				 items[0].len == strlen(line);
			if (n != 1 || items[0].kind != EXTRACT_ADDRESS) {
				print_message("%s: %s\n", line, n ? items[0].reason : "nothing");
				other++;
			}
		}
		buf_done(&b);
	}
	print_message("%u of %u lines of the sanctions lists are addresses of ours, %u are not\n",
		      found, lines, other);
	assert_true(found * 100 >= lines * 98);
}

/* ---- random text ---- */

static void random_words(struct prng *r, const char *set, size_t words, char *out)
{
	size_t n = strlen(set), at = 0;
	for (size_t i = 0; i < words; i++) {
		for (size_t k = 26 + prng_below(r, 10); k--;)
			out[at++] = set[prng_below(r, n)];
		out[at++] = ' ';
	}
	out[at] = 0;
}

static void test_random(void **state)
{
	static const char *const sets[] = {
		"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", "0123456789abcdef",
		"qpzry9x8gf2tvdw0s3jn54khce6mua7l"};
	static char text[64 * 40];
	struct prng r;
	unsigned words = 0, addresses = 0, lookalikes = 0;
	prng_init(&r, 12);
	for (int i = 0; i < 240; i++) {
		random_words(&r, sets[i % 3], 60, text);
		size_t n = run(text);
		words += 60;
		for (size_t k = 0; k < n; k++) {
			addresses += items[k].kind == EXTRACT_ADDRESS;
			lookalikes += items[k].kind == EXTRACT_LOOKALIKE;
		}
	}
	print_message(
		"%u random words of 26 to 35 characters: %u taken for addresses, %u for look-alikes\n",
		words, addresses, lookalikes);
	assert_int_equal(addresses, 0);
	assert_true(lookalikes * 20 < words);
}

/* Any bytes whatever: nothing breaks, nothing is certain. */
static void test_random_bytes(void **state)
{
	static char text[20000];
	struct prng r;
	prng_init(&r, 13);
	for (int i = 0; i < 100; i++) {
		size_t len = prng_below(&r, sizeof(text));
		for (size_t k = 0; k < len; k++)
			text[k] = (char)(1 + prng_below(&r, 255));
		run_len(text, len);
		for (size_t k = 0; k < stats.n; k++)
			assert_true(items[k].certainty != EXTRACT_CERTAIN);
	}
}

/* ---- limits and bad input ---- */

static void test_utf16(void **state)
{
	char text[400] = "\xff\xfe", big[400] = "\xfe\xff";
	size_t n = 2;
	for (const char *p = "to " P2PKH " ok"; *p; p++, n += 2) {
		text[n] = *p;
		text[n + 1] = 0;
		big[n] = 0;
		big[n + 1] = *p;
	}
	assert_int_equal(run_len(text, n), 1);
	assert_int_equal(items[0].off, 2 + 6);
	assert_int_equal(items[0].len, 2 * 34);
	assert_string_equal(items[0].text, P2PKH);
	assert_int_equal(run_len(big, n), 1);
	assert_int_equal(items[0].off, 2 + 6);
	assert_int_equal(run_len(big, n - 1), 1); /* cut in the middle of a character */
	assert_int_equal(stats.damaged_n, 1);
	assert_int_equal(run_len("\xff\xfe\x00\xd8\x31\x00", 6), 0);	     /* half a pair */
	assert_int_equal(run_len("\xff\xfe\x3d\xd8\x00\xde\x31\x00", 8), 0); /* a whole one */
	assert_int_equal(stats.damaged_n, 0);
}

static void test_bad_input(void **state)
{
	struct err e = {0};
	static const struct {
		const char *text;
		size_t len;
		const char *word;
	} list[] = {
		{"%PDF-1.7\n" P2PKH, 43, "PDF"},
		{"PK\3\4xx", 6, "ZIP"},
		{"abc\0def", 7, "byte 3 is NUL"},
		{"\x1f\x8b\x08", 3, "gzip"},
	};
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		assert_int_equal(extract(list[i].text, list[i].len, items, ITEMS_MAX, &stats, &e),
				 -ERR_FORMAT);
		assert_non_null(strstr(e.message, list[i].word));
	}
	assert_int_equal(extract("", (size_t)EXTRACT_TEXT_MAX + 1, items, ITEMS_MAX, &stats, &e),
			 -ERR_OVERSIZE);
	/* damaged UTF-8 is stepped over and counted */
	assert_int_equal(run("\xff\xc3" P2PKH "\xe3\x81"), 1);
	assert_int_equal(stats.damaged_n, 4);
	/* Latin-1 text has no UTF-8 in it, yet its addresses are found */
	assert_int_equal(run("pay\xe9 \xe0 " P2PKH "\xa0"), 1);
}

static void test_limits(void **state)
{
	struct err e = {0};
	char text[4000];
	size_t len = 0;
	for (int i = 0; i < 80; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, P2PKH "\n");
	assert_int_equal(run(text), ITEMS_MAX);
	assert_true(stats.more);
	assert_int_equal(extract(text, len, items, 0, &stats, &e), 0);
	assert_int_equal(stats.n, 0);
	assert_true(stats.more);
	assert_int_equal(extract(text, 34 * 3, items, 3, &stats, &e), 0);
	assert_false(stats.more);
	/* more look-alikes than are looked into */
	static struct extract_item many[300];
	static char lines[300 * 48];
	len = 0;
	for (int i = 0; i < 300; i++)
		len += (size_t)snprintf(lines + len, sizeof(lines) - len,
					"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Be%02x\n", i & 255);
	assert_int_equal(extract(lines, len, many, 300, &stats, &e), 0);
	assert_true(stats.n >= 290);
	assert_true(stats.suggestions_ended);
	/* one endless word */
	char *blob = malloc(1 << 20);
	memset(blob, 'a', 1 << 20);
	assert_int_equal(run_len(blob, 1 << 20), 0);
	free(blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_languages),     cmocka_unit_test(test_certainty),
		cmocka_unit_test(test_hashes),	      cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_disguises),     cmocka_unit_test(test_broken),
		cmocka_unit_test(test_lookalikes),    cmocka_unit_test(test_more_lookalikes),
		cmocka_unit_test(test_full_list),     cmocka_unit_test(test_secret),
		cmocka_unit_test(test_ordinary_text), cmocka_unit_test(test_vectors_in_noise),
		cmocka_unit_test(test_list_in_noise), cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_bytes),  cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_bad_input),     cmocka_unit_test(test_limits),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests_name("extract", tests, NULL, NULL);
}
