/* SPDX-License-Identifier: Apache-2.0
 * Tests of addresses: all published vectors of base58check, BIP 173, BIP 350, EIP-55 and cashaddr, the identity behind them,
 * private keys refused, and typing errors found. */
#include "base/bech32.h"
#include "base/cleanup.h"
#include "base/prng.h"
#include "base/text.h"
#include "chain/address.h"
#include "chain/cashaddr.h"
#include "chain/script.h"
#include "crypto/crypto.h"
#include <ctype.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lug-data.h"

static int parse(const char *s, struct address_info *info)
{
	return address_parse(s, strlen(s), info, NULL);
}

/* The text means this output script, and the script comes back as the same text on a network. */
static void assert_pays(const char *text, const char *script_hex, enum net net)
{
	struct address_info info;
	struct address from_script;
	char hex[2 * ADDRESS_SCRIPT_MAX + 1], again[ADDRESS_TEXT_MAX];
	struct err e = {0};
	if (address_parse(text, strlen(text), &info, &e) < 0)
		fail_msg("%s: %s", text, e.message);
	hex_encode(info.script, info.script_len, hex);
	assert_string_equal(hex, script_hex);
	assert_true(info.nets & NET_BIT(net));
	script_classify(info.script, info.script_len, &from_script);
	assert_true(address_equal(&from_script, &info.address));
	if (info.address.kind == ADDRESS_SCRIPT)
		return; /* its text needs the script, not the identity */
	assert_int_equal(address_text(&info.address, net, again), 0);
	if (info.form != ADDRESS_CASH)
		assert_int_equal(strcasecmp(again, text), 0);
	struct address_info second;
	assert_int_equal(parse(again, &second), 0);
	assert_true(address_equal(&second.address, &info.address));
}

/* ---- key_io of Bitcoin Core ---- */

static enum net net_of(const char *chain)
{
	static const struct {
		const char *chain;
		enum net net;
	} list[] = {{"main", NET_BITCOIN},
		    {"test", NET_TESTNET3},
		    {"testnet4", NET_TESTNET4},
		    {"signet", NET_SIGNET},
		    {"regtest", NET_REGTEST}};
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (strcmp(list[i].chain, chain) == 0)
			return list[i].net;
	fail_msg("unknown chain %s", chain);
	return NET_BITCOIN;
}

static void flip_case(char *s)
{
	for (; *s; s++)
		*s = (char)(islower(*s) ? toupper(*s) : tolower(*s));
}

static void test_key_io_valid(void **state)
{
	struct buf b;
	unsigned keys = 0, addresses = 0;
	if (!lug_data("vectors/bip/key_io_valid.json", &b))
		return skip();
	json_t *list = json_loadb((const char *)b.p, b.len, 0, NULL), *row;
	size_t i;
	assert_true(json_array_size(list) > 50);
	json_array_foreach (list, i, row) {
		const char *text = json_string_value(json_array_get(row, 0));
		const char *script = json_string_value(json_array_get(row, 1));
		json_t *meta = json_array_get(row, 2);
		struct address_info info = {0};
		if (json_is_true(json_object_get(meta, "isPrivkey"))) {
			struct err e = {0};
			assert_int_equal(address_parse(text, strlen(text), &info, &e), -ERR_SECRET);
			assert_null(strstr(e.message, text)); /* never shown */
			assert_int_equal(info.text[0], 0);
			keys++;
			continue;
		}
		assert_pays(text, script,
			    net_of(json_string_value(json_object_get(meta, "chain"))));
		char flipped[200];
		snprintf(flipped, sizeof(flipped), "%s", text);
		flip_case(flipped);
		if (json_is_true(json_object_get(meta, "tryCaseFlip"))) {
			struct address_info other;
			assert_int_equal(parse(flipped, &other), 0);
			assert_int_equal(parse(text, &info), 0);
			assert_true(address_equal(&info.address, &other.address));
			assert_string_equal(info.text, other.text);
		}
		addresses++;
	}
	print_message("%u addresses, %u private keys refused\n", addresses, keys);
	assert_true(addresses >= 27 && keys >= 27);
	json_decref(list);
	buf_done(&b);
}

static void test_key_io_invalid(void **state)
{
	struct buf b;
	if (!lug_data("vectors/bip/key_io_invalid.json", &b))
		return skip();
	json_t *list = json_loadb((const char *)b.p, b.len, 0, NULL), *row;
	size_t i;
	json_array_foreach (list, i, row) {
		const char *text = json_string_value(json_array_get(row, 0));
		struct address_info info;
		struct err e = {0};
		int r = address_parse(text, strlen(text), &info, &e);
		if (r >= 0)
			fail_msg("accepted: %s", text);
		assert_int_equal(e.code, r);
		assert_true(e.message[0] != 0);
	}
	assert_true(i >= 50);
	json_decref(list);
	buf_done(&b);
}

/* ---- the lists inside BIP 173 and BIP 350 ---- */

/* Calls f for each "* <tt>TEXT</tt>[: <tt>SCRIPT</tt>]" between two lines of the document. */
static unsigned each_listed(const char *file, const char *from, const char *to,
			    void (*f)(const char *text, const char *script))
{
	struct buf b;
	unsigned n = 0;
	if (!lug_data(file, &b))
		return 0;
	const char *p = strstr(buf_cstr(&b), from);
	assert_non_null(p);
	const char *end = to ? strstr(p, to) : p + strlen(p);
	assert_non_null(end);
	while ((p = strstr(p, "\n* <tt>")) && p < end) {
		char text[200] = "", script[200] = "";
		int got = sscanf(p, "\n* <tt>%199[^<]</tt>: <tt>%199[^<]</tt>", text, script);
		assert_true(got >= 1);
		f(text, script);
		p += 7;
		n++;
	}
	buf_done(&b);
	return n;
}

static void listed_valid(const char *text, const char *script)
{
	char script_lower[200];
	struct address_info info;
	assert_int_equal(parse(text, &info), 0);
	for (size_t i = 0; i <= strlen(script); i++)
		script_lower[i] = (char)tolower(script[i]);
	assert_pays(text, script_lower, strncasecmp(text, "bc", 2) == 0 ? NET_BITCOIN : NET_SIGNET);
}

static void listed_invalid(const char *text, const char *script)
{
	struct address_info info;
	(void)script;
	if (parse(text, &info) >= 0)
		fail_msg("accepted: %s", text);
}

static void test_bip350(void **state)
{
	if (!getenv("LUG_DATA")) {
		print_message(
			"skipped: LUG_DATA is not set, so the lists of BIP 350 are not checked\n");
		return skip();
	}
	unsigned valid = each_listed(
		"vectors/bip/bip-0350.mediawiki", "The following list gives valid segwit addresses",
		"The following list gives invalid segwit addresses", listed_valid);
	unsigned invalid = each_listed("vectors/bip/bip-0350.mediawiki",
				       "The following list gives invalid segwit addresses",
				       "==Appendix: checksum design", listed_invalid);
	assert_int_equal(valid, 8);
	assert_int_equal(invalid, 15);
	/* BIP 173's own list of invalid addresses; of its valid ones BIP 350 has replaced versions 1 to 16. */
	invalid = each_listed("vectors/bip/bip-0173.mediawiki",
			      "The following list gives invalid segwit addresses",
			      "===Checksum design===", listed_invalid);
	assert_true(invalid >= 10);
}

/* ---- EIP-55: the examples of the document (eips.ethereum.org/EIPS/eip-55, "Test Cases") ---- */

static void test_eip55(void **state)
{
	static const char *const mixed[] = {
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
		"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
	};
	static const char *const one_case[] = {
		"0x52908400098527886E0F7030069857D2E4169EE7",
		"0x8617E340B3D01FA5F11F306F4090FD50E238070D",
		"0xde709f2102306220921060314715629080e2fb77",
		"0x27b1fdb04752bbc536007a920d24acb045561c26",
	};
	struct address_info info, lower_info;
	for (size_t i = 0; i < ARRAY_LEN(mixed); i++) {
		char lower[50], wrong[50];
		assert_int_equal(parse(mixed[i], &info), 0);
		assert_string_equal(info.text, mixed[i]);
		assert_int_equal(info.check, ADDRESS_CHECK_EIP55);
		assert_true(info.check_bits >= 10 && info.check_bits <= 40);
		assert_int_equal(info.nets, NET_BIT(NET_EVM));
		assert_int_equal(info.script_len, 0);
		for (size_t k = 0; k <= strlen(mixed[i]); k++)
			lower[k] = (char)tolower(mixed[i][k]);
		assert_int_equal(parse(lower, &lower_info), 0);
		assert_int_equal(lower_info.check, ADDRESS_CHECK_NONE);
		assert_true(address_equal(&info.address, &lower_info.address));
		assert_string_equal(lower_info.text, mixed[i]);
		/* Each letter in the other case is a mistake. */
		for (size_t k = 2; k < strlen(mixed[i]); k++) {
			memcpy(wrong, mixed[i], 43);
			if (!isalpha(wrong[k]))
				continue;
			wrong[k] = (char)(wrong[k] ^ 0x20);
			assert_int_equal(parse(wrong, &info), -ERR_CHECKSUM);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(one_case); i++) {
		assert_int_equal(parse(one_case[i], &info), 0);
		assert_string_equal(
			info.text, one_case[i]); /* these happen to have letters of one case only */
		assert_int_equal(info.check, ADDRESS_CHECK_NONE);
		assert_int_equal(info.check_bits, 0);
	}
	assert_int_equal(parse("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", &info), -ERR_FORMAT);
	assert_int_equal(parse("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAedd", &info), -ERR_FORMAT);
	assert_int_equal(parse("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg", &info), -ERR_FORMAT);
}

/* ---- cashaddr: spec/cashaddr.md of Bitcoin Cash, "Examples of address translation" and "Larger test vectors" ---- */

static void test_cashaddr(void **state)
{
	static const struct {
		const char *legacy, *cash;
	} same[] = {
		{"1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu",
		 "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"},
		{"1KXrWXciRDZUpQwQmuM1DbwsKDLYAYsVLR",
		 "bitcoincash:qr95sy3j9xwd2ap32xkykttr4cvcu7as4y0qverfuy"},
		{"16w1D5WRVKJuZUsSRzdLp9w3YGcgoxDXb",
		 "bitcoincash:qqq3728yw0y47sqn6l2na30mcw6zm78dzqre909m2r"},
		{"3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC",
		 "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq"},
		{"3LDsS579y7sruadqu11beEJoTjdFiFCdX4",
		 "bitcoincash:pr95sy3j9xwd2ap32xkykttr4cvcu7as4yc93ky28e"},
		{"31nwvkZwyPdgzjBJZXfDmSWsC4ZLKpYyUw",
		 "bitcoincash:pqq3728yw0y47sqn6l2na30mcw6zm78dzq5ucqzc37"},
	};
	struct address_info a, b;
	char text[ADDRESS_TEXT_MAX];
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		assert_int_equal(parse(same[i].legacy, &a), 0);
		assert_int_equal(parse(same[i].cash, &b), 0);
		assert_true(address_equal(&a.address, &b.address));
		assert_true(a.nets & NET_BIT(NET_BITCOIN) && a.nets & NET_BIT(NET_BITCOIN_CASH));
		assert_int_equal(b.nets, NET_BIT(NET_BITCOIN_CASH));
		assert_int_equal(b.check, ADDRESS_CHECK_40_BIT);
		assert_int_equal(address_text(&a.address, NET_BITCOIN_CASH, text), 0);
		assert_string_equal(text, same[i].cash);
		assert_int_equal(address_text(&b.address, NET_BITCOIN, text), 0);
		assert_string_equal(text, same[i].legacy);
		assert_int_equal(parse(same[i].cash + 12, &b), 0); /* without prefix */
		assert_string_equal(b.text, same[i].cash);
	}
	/* CashTokens: the same address, marked to take tokens. */
	assert_int_equal(parse("bitcoincash:zr6m7j9njldwwzlg9v7v53unlr4jkmx6eycnjehshe", &a), 0);
	assert_string_equal(a.text, "bitcoincash:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2");
	assert_int_equal(parse("BITCOINCASH:QR6M7J9NJLDWWZLG9V7V53UNLR4JKMX6EYLEP8EKG2", &b), 0);
	assert_true(address_equal(&a.address, &b.address));
	assert_int_equal(parse("bchtest:pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t", &b), 0);
	assert_int_equal(b.nets, NET_BIT(NET_BITCOIN_CASH_TESTNET));
	assert_int_equal(b.address.kind, ADDRESS_P2SH);
	/* right checksum, but no type or length of ours */
	assert_int_equal(parse("bitcoincash:q9adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2ws4mr9g0", &b),
			 -ERR_UNSUPPORTED);
	assert_int_equal(parse("prefix:0r6m7j9njldwwzlg9v7v53unlr4jkmx6ey3qnjwsrf", &b),
			 -ERR_FORMAT);
	assert_int_equal(parse("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6b", &b),
			 -ERR_FORMAT);
	assert_int_equal(parse("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6q", &b),
			 -ERR_CHECKSUM);
	assert_int_equal(parse("bchtest:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", &b),
			 -ERR_CHECKSUM);
	assert_int_equal(parse("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6A", &b),
			 -ERR_FORMAT);
}

static void test_cashaddr_codec(void **state)
{
	static const struct {
		unsigned type;
		const char *prefix, *text, *hash;
	} list[] = {
		{0, "bitcoincash", "bitcoincash:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2",
		 "f5bf48b397dae70be82b3cca4793f8eb2b6cdac9"},
		{1, "bchtest", "bchtest:pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t",
		 "f5bf48b397dae70be82b3cca4793f8eb2b6cdac9"},
		{1, "pref", "pref:pr6m7j9njldwwzlg9v7v53unlr4jkmx6ey65nvtks5",
		 "f5bf48b397dae70be82b3cca4793f8eb2b6cdac9"},
		{15, "prefix", "prefix:0r6m7j9njldwwzlg9v7v53unlr4jkmx6ey3qnjwsrf",
		 "f5bf48b397dae70be82b3cca4793f8eb2b6cdac9"},
		{0, "bitcoincash", "bitcoincash:q9adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2ws4mr9g0",
		 "7adbf6c17084bc86c1706827b41a56f5ca32865925e946ea"},
		{1, "bchtest", "bchtest:p9adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2u94tsynr",
		 "7adbf6c17084bc86c1706827b41a56f5ca32865925e946ea"},
		{15, "prefix", "prefix:09adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2p29kc2lp",
		 "7adbf6c17084bc86c1706827b41a56f5ca32865925e946ea"},
		{0, "bitcoincash",
		 "bitcoincash:qgagf7w02x4wnz3mkwnchut2vxphjzccwxgjvvjmlsxqwkcw59jxxuz",
		 "3a84f9cf51aae98a3bb3a78bf16a6183790b18719126325bfc0c075b"},
	};
	static const size_t sizes[] = {20, 24, 28, 32, 40, 48, 56, 64};
	uint8_t hash[CASHADDR_HASH_MAX], want[CASHADDR_HASH_MAX];
	char text[CASHADDR_TEXT_MAX];
	unsigned type;
	size_t len;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		size_t want_len = strlen(list[i].hash) / 2;
		assert_int_equal(hex_decode(list[i].hash, 2 * want_len, want, want_len), 0);
		assert_int_equal(cashaddr_decode(list[i].text, strlen(list[i].text), list[i].prefix,
						 &type, hash, &len),
				 0);
		assert_int_equal(type, list[i].type);
		assert_int_equal(len, want_len);
		assert_memory_equal(hash, want, len);
		assert_int_equal(cashaddr_encode(list[i].prefix, type, hash, len, text),
				 strlen(list[i].text));
		assert_string_equal(text, list[i].text);
	}
	struct prng r;
	prng_init(&r, 3);
	for (int i = 0; i < 1000; i++) {
		size_t size = sizes[prng_below(&r, 8)];
		unsigned want_type = (unsigned)prng_below(&r, 16);
		prng_bytes(&r, want, size);
		int n = cashaddr_encode("bitcoincash", want_type, want, size, text);
		assert_int_equal(n, strlen(text));
		assert_int_equal(cashaddr_decode(text, (size_t)n, "bitcoincash", &type, hash, &len),
				 0);
		assert_int_equal(type, want_type);
		assert_int_equal(len, size);
		assert_memory_equal(hash, want, size);
		assert_int_equal(cashaddr_decode(text, (size_t)n, "bchtest", &type, hash, &len),
				 -ERR_NETWORK);
	}
	assert_int_equal(cashaddr_encode("bitcoincash", 16, want, 20, text), -ERR_INVAL);
	assert_int_equal(cashaddr_encode("bitcoincash", 0, want, 21, text), -ERR_INVAL);
	assert_int_equal(cashaddr_encode("", 0, want, 20, text), -ERR_INVAL);
	assert_int_equal(cashaddr_encode("averyveryverylongprefix", 0, want, 20, text), -ERR_INVAL);
	assert_int_equal(cashaddr_decode("bitcoincash:", 12, "bitcoincash", &type, hash, &len),
			 -ERR_FORMAT);
}

/* P2SH32 of Bitcoin Cash: an address there, known elsewhere by its script's digest. */
static void test_p2sh32(void **state)
{
	uint8_t hash[32] = {1, 2, 3}, script[35] = {0xaa, 32}, digest[32];
	char text[CASHADDR_TEXT_MAX], other[ADDRESS_TEXT_MAX];
	struct address_info info, again;
	memcpy(script + 2, hash, 32);
	script[34] = 0x87;
	sha256(script, sizeof(script), digest);
	assert_true(cashaddr_encode("bitcoincash", 1, hash, 32, text) > 0);
	assert_int_equal(parse(text, &info), 0);
	assert_int_equal(info.address.kind, ADDRESS_SCRIPT);
	assert_memory_equal(info.address.payload, digest, 32);
	assert_int_equal(info.script_len, 35);
	assert_memory_equal(info.script, script, 35);
	assert_string_equal(info.text, text);
	assert_int_equal(address_text(&info.address, NET_BITCOIN_CASH, other), 0);
	assert_int_equal(parse(other, &again), 0);
	assert_true(address_equal(&info.address, &again.address));
	/* token-aware: the same; a key hash of 32 bytes: no such thing */
	assert_true(cashaddr_encode("bitcoincash", 3, hash, 32, text) > 0);
	assert_int_equal(parse(text, &again), 0);
	assert_true(address_equal(&info.address, &again.address));
	assert_true(cashaddr_encode("bitcoincash", 0, hash, 32, text) > 0);
	assert_int_equal(parse(text, &again), -ERR_UNSUPPORTED);
}

static void test_names(void **state)
{
	static const char *const kinds[] = {"none", "p2pkh", "p2sh",   "p2wpkh", "p2wsh",
					    "p2tr", "p2a",   "script", "evm"};
	for (unsigned i = 0; i <= ADDRESS_KIND_MAX; i++)
		assert_string_equal(address_kind_name((enum address_kind)i), kinds[i]);
	assert_string_equal(address_kind_name((enum address_kind)99), "none");
	assert_string_equal(address_form_name(ADDRESS_BASE58), "base58check");
	assert_string_equal(address_form_name(ADDRESS_DIGEST), "digest");
	assert_string_equal(address_check_name(ADDRESS_CHECK_NONE), "none");
	assert_string_equal(address_check_name(ADDRESS_CHECK_40_BIT), "40-bit");
}

/* ---- identity and text ---- */

static void test_identity(void **state)
{
	struct address_info legacy, segwit, lower, upper;
	/* BIP 173's key: P2PKH and P2WPKH of one key are two identities. */
	assert_int_equal(parse("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", &legacy), 0);
	assert_int_equal(parse("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", &segwit), 0);
	assert_false(address_equal(&legacy.address, &segwit.address));
	assert_memory_equal(legacy.address.payload, segwit.address.payload, 20);
	assert_int_equal(parse("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", &upper), 0);
	assert_true(address_equal(&segwit.address, &upper.address));
	assert_string_equal(upper.text, segwit.text);
	/* The same script hash on Litecoin, written the new and the old way. */
	assert_int_equal(parse("3CK4fEwbMP7heJarmU4eqA3sMbVJyEnU3V", &lower), 0);
	char text[ADDRESS_TEXT_MAX];
	assert_int_equal(address_text(&lower.address, NET_LITECOIN, text), 0);
	assert_int_equal(text[0], 'M');
	assert_int_equal(parse(text, &upper), 0);
	assert_int_equal(upper.nets, NET_BIT(NET_LITECOIN));
	assert_true(address_equal(&upper.address, &lower.address));
	assert_true(lower.nets & NET_BIT(NET_LITECOIN));
	assert_int_equal(address_text(&segwit.address, NET_BITCOIN_CASH, text), -ERR_NETWORK);
	assert_int_equal(address_text(&segwit.address, NET_EVM, text), -ERR_NETWORK);
	assert_int_equal(address_text(&segwit.address, NET_LITECOIN, text), 0);
	assert_string_equal(text, "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9");
	struct address nobody = {0};
	assert_int_equal(address_text(&nobody, NET_BITCOIN, text), -ERR_NOENT);
	assert_int_equal(address_make(ADDRESS_KEY, "x", 1, &nobody), -ERR_INVAL);
	assert_int_equal(address_make((enum address_kind)99, "", 0, &nobody), -ERR_INVAL);
	nobody.kind = 99;
	assert_int_equal(address_text(&nobody, NET_BITCOIN, text), -ERR_NOENT);
}

static void test_every_kind(void **state)
{
	struct prng r;
	prng_init(&r, 4);
	for (int i = 0; i < 3000; i++) {
		static const uint8_t lens[] = {0, 20, 20, 20, 32, 32, 32, 32, 20};
		enum address_kind kind = (enum address_kind)(1 + prng_below(&r, ADDRESS_KIND_MAX));
		enum net net = (enum net)prng_below(&r, NET_N);
		uint8_t payload[32];
		struct address a;
		struct address_info info;
		char text[ADDRESS_TEXT_MAX];
		prng_bytes(&r, payload, sizeof(payload));
		assert_int_equal(address_make(kind, payload, lens[kind], &a), 0);
		if (kind == ADDRESS_P2A)
			script_classify((const uint8_t *)"\x51\x02\x4e\x73", 4, &a);
		int code = address_text(&a, net, text);
		if (code == -ERR_NETWORK)
			continue;
		assert_int_equal(code, 0);
		assert_int_equal(parse(text, &info), 0);
		assert_true(address_equal(&info.address, &a));
		assert_true(info.nets & NET_BIT(net));
		assert_true(info.form == ADDRESS_BASE58 || strcmp(info.text, text) == 0);
	}
}

static void test_digest(void **state)
{
	struct address_info info, again;
	char text[ADDRESS_TEXT_MAX];
	assert_int_equal(parse("BC1SW50QGDZ25J", &info), 0); /* unknown witness version */
	assert_int_equal(info.address.kind, ADDRESS_SCRIPT);
	assert_int_equal(info.form, ADDRESS_BECH32M);
	assert_string_equal(info.text, "bc1sw50qgdz25j");
	assert_int_equal(address_text(&info.address, NET_BITCOIN, text), 0);
	assert_int_equal(parse(text, &again), 0);
	assert_true(address_equal(&info.address, &again.address));
	assert_int_equal(again.form, ADDRESS_DIGEST);
	assert_int_equal(parse("script:00", &again), -ERR_FORMAT);
	/* P2A: one address a network */
	assert_int_equal(parse("bc1pfeessrawgf", &info), 0);
	assert_int_equal(info.address.kind, ADDRESS_P2A);
	assert_int_equal(address_text(&info.address, NET_BITCOIN, text), 0);
	assert_string_equal(text, "bc1pfeessrawgf");
}

/* ---- refusals ---- */

static void assert_refused(const char *text, int code, const char *word)
{
	struct address_info info;
	struct err e = {0};
	assert_int_equal(address_parse(text, strlen(text), &info, &e), code);
	if (word && !strstr(e.message, word))
		fail_msg("%s: no \"%s\" in \"%s\"", text, word, e.message);
}

static void test_refusals(void **state)
{
	char text[200];
	uint8_t raw[26] = {0x41, 1, 2, 3}, digest[32];
	assert_refused("", -ERR_FORMAT, NULL);
	assert_refused("1", -ERR_FORMAT, NULL);
	assert_refused("hello world, this is no address", -ERR_FORMAT, NULL);
	assert_refused("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMI", -ERR_FORMAT,
		       NULL); /* I is not base58 */
	assert_refused("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ", -ERR_CHECKSUM, "checksum");
	assert_refused("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", -ERR_CHECKSUM, "checksum");
	assert_refused("bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx",
		       -ERR_CHECKSUM, "bech32m");
	assert_refused("tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",
		       -ERR_NETWORK, "tc");
	memset(text, 'q', sizeof(text));
	assert_int_equal(address_parse(text, sizeof(text), &(struct address_info){0}, NULL),
			 -ERR_OVERSIZE);
	/* Tron: named, so that the officer knows where to look */
	sha256d(raw, 21, digest);
	memcpy(raw + 21, digest, 4);
	assert_true(base58_encode(raw, 25, text, sizeof(text)) > 0);
	assert_int_equal(text[0], 'T');
	assert_refused(text, -ERR_NETWORK, "Tron");
	/* Zcash: two version bytes */
	uint8_t zcash[26] = {0x1c, 0xb8, 5};
	sha256d(zcash, 22, digest);
	memcpy(zcash + 22, digest, 4);
	assert_true(base58_encode(zcash, 26, text, sizeof(text)) > 0);
	assert_refused(text, -ERR_NETWORK, "Zcash");
	raw[0] = 0x77;
	sha256d(raw, 21, digest);
	memcpy(raw + 21, digest, 4);
	assert_true(base58_encode(raw, 25, text, sizeof(text)) > 0);
	assert_refused(text, -ERR_NETWORK, "119");
}

static void test_secrets(void **state)
{
	/* BIP 32 test vector 1, master: private, then public */
	assert_refused(
		"xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
		-ERR_SECRET, "private key");
	assert_refused(
		"xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
		-ERR_UNSUPPORTED, "extended public key");
	/* BIP 38 test vector */
	assert_refused("6PRVWUbkzzsbcVac2qwfssoUJAN1Xhrg6bNk8J7Nzm5H7kxEbn2Nh2ZoGg", -ERR_SECRET,
		       NULL);
	/* one character wrong: still refused, never suggested */
	struct address_guess guess[ADDRESS_GUESSES_MAX];
	const char *wif = "5Kd3NBUAdUnhyzenEwVLy9pBKxSwXvE9FMPyR4UKZvpe6E3AgLq";
	assert_refused(wif, -ERR_SECRET, NULL);
	assert_int_equal(address_suggest(wif, strlen(wif), guess, ADDRESS_GUESSES_MAX), 0);
}

/* ---- typing errors ---- */

static const char *const typed[] = {
	"1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
	"3CK4fEwbMP7heJarmU4eqA3sMbVJyEnU3V",
	"mo9ncXisMeAoXwqcV5EWuyncbmCcQN4rVs",
	"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
	"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
	"TB1QRP33G0Q5C5TXSP9ARYSRX4K6ZDKFS4NCE4XJ0GDCCCEFVPYSXF3Q0SL5K7",
	"ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
	"bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
	"qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
	"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
	"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
};

static size_t prefix_len(const char *s)
{
	const char *colon = strchr(s, ':');
	if (colon)
		return (size_t)(colon - s) + 1;
	return s[0] == '0'							? 2
	       : strncasecmp(s, "bc1", 3) == 0 || strncasecmp(s, "tb1", 3) == 0 ? 3
	       : strncmp(s, "ltc1", 4) == 0					? 4
										: 0;
}

/* One mistake of a kind at a place; false when the place does not allow it. */
static bool mistake(struct prng *r, char *s, enum address_edit edit, size_t at)
{
	static const char letters[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char c = letters[prng_below(r, sizeof(letters) - 1)];
	size_t len = strlen(s);
	switch (edit) {
	case ADDRESS_EDIT_REPLACED:
		if (s[at] == c)
			return false;
		s[at] = c;
		return true;
	case ADDRESS_EDIT_SWAPPED:
		if (at + 1 >= len || s[at] == s[at + 1])
			return false;
		c = s[at];
		s[at] = s[at + 1];
		s[at + 1] = c;
		return true;
	case ADDRESS_EDIT_LOST:
		memmove(s + at, s + at + 1, len - at);
		return true;
	case ADDRESS_EDIT_EXTRA:
		memmove(s + at + 1, s + at, len - at + 1);
		s[at] = c;
		return true;
	}
	return false;
}

static void test_suggest(void **state)
{
	struct prng r;
	unsigned tried[4] = {0}, found[4] = {0}, others = 0;
	prng_init(&r, 5);
	for (int i = 0; i < 700; i++) {
		const char *right = typed[prng_below(&r, ARRAY_LEN(typed))];
		enum address_edit edit = (enum address_edit)prng_below(&r, 4);
		size_t from = prefix_len(right), at = from + prng_below(&r, strlen(right) - from);
		struct address_info want, got;
		struct address_guess guess[ADDRESS_GUESSES_MAX];
		char wrong[100], words[ADDRESS_GUESS_TEXT_MAX];
		snprintf(wrong, sizeof(wrong), "%s", right);
		if (!mistake(&r, wrong, edit, at))
			continue;
		assert_int_equal(parse(right, &want), 0);
		if (parse(wrong, &got) == 0)
			continue; /* hex in one case, or a doubled letter that was lost: nothing to see */
		int n = address_suggest(wrong, strlen(wrong), guess, ADDRESS_GUESSES_MAX);
		bool hit = false;
		for (int k = 0; k < n; k++) {
			hit |= strcmp(guess[k].info.text, want.text) == 0;
			assert_true(guess[k].info.check != ADDRESS_CHECK_NONE);
			assert_true(strstr(address_guess_text(&guess[k], words), "character") !=
				    NULL);
		}
		others += (unsigned)n - hit;
		tried[edit]++;
		found[edit] += hit;
	}
	print_message(
		"replaced %u/%u, exchanged %u/%u, lost %u/%u, extra %u/%u, other guesses %u\n",
		found[0], tried[0], found[1], tried[1], found[2], tried[2], found[3], tried[3],
		others);
	assert_int_equal(found[0], tried[0]);
	assert_int_equal(found[1], tried[1]);
	/* When a letter was lost or doubled, a chance hit of EIP-55 among the exchanged ones may come first. */
	assert_true(found[2] * 100 >= tried[2] * 95);
	assert_true(found[3] * 100 >= tried[3] * 95);
}

static void test_suggest_words(void **state)
{
	struct address_guess g[ADDRESS_GUESSES_MAX];
	char words[ADDRESS_GUESS_TEXT_MAX];
	const char *s = "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ";
	assert_int_equal(address_suggest(s, strlen(s), g, ADDRESS_GUESSES_MAX), 1);
	assert_string_equal(address_guess_text(&g[0], words), "character 34 is 'J', probably 'H'");
	assert_string_equal(g[0].info.text, "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH");
	s = "1BgGZ9tcN4rm9KBzDn7KprzQ87SZ26SAMH";
	assert_int_equal(address_suggest(s, strlen(s), g, ADDRESS_GUESSES_MAX), 1);
	assert_string_equal(address_guess_text(&g[0], words),
			    "characters 23 and 24 are probably exchanged");
	s = "1BgGZ9tcN4rm9KBzDn7KprQ87SZ26SAMH";
	assert_int_equal(address_suggest(s, strlen(s), g, ADDRESS_GUESSES_MAX), 1);
	assert_string_equal(address_guess_text(&g[0], words),
			    "before character 24, 'z' is probably missing");
	s = "1BgGZ9tcN4rm9KBzDn7KprQz8877SZ26SAMH";
	assert_int_equal(address_suggest(s, strlen(s), g, ADDRESS_GUESSES_MAX),
			 0); /* two mistakes */
	s = "1BgGZ9tcN4rm9KBzDn7KprQz887SZ26SAMH";
	assert_int_equal(address_suggest(s, strlen(s), g, ADDRESS_GUESSES_MAX), 1);
	assert_string_equal(address_guess_text(&g[0], words),
			    "character 26, '8', is probably one too many");
	assert_int_equal(address_suggest("short", 5, g, ADDRESS_GUESSES_MAX), 0);
	/* lower-case EVM has no checksum: every neighbour is an address, so nothing may be suggested */
	s = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae";
	assert_int_equal(address_suggest(s, strlen(s), g, ADDRESS_GUESSES_MAX), 0);
}

/* Random bytes that are no address must be told to be none. */
static void test_random(void **state)
{
	static const char set[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	struct prng r;
	prng_init(&r, 6);
	for (int i = 0; i < 60000; i++) {
		char s[48];
		size_t len = 26 + prng_below(&r, 20);
		struct address_info info;
		for (size_t k = 0; k < len; k++)
			s[k] = set[prng_below(&r, 58)];
		assert_true(address_parse(s, len, &info, NULL) < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_io_valid),  cmocka_unit_test(test_key_io_invalid),
		cmocka_unit_test(test_bip350),	      cmocka_unit_test(test_eip55),
		cmocka_unit_test(test_cashaddr),      cmocka_unit_test(test_cashaddr_codec),
		cmocka_unit_test(test_p2sh32),	      cmocka_unit_test(test_names),
		cmocka_unit_test(test_identity),      cmocka_unit_test(test_every_kind),
		cmocka_unit_test(test_digest),	      cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_secrets),	      cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_suggest_words), cmocka_unit_test(test_random),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
