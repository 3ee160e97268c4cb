/* SPDX-License-Identifier: Apache-2.0
 * Tests of output scripts, of amounts, of hash texts and of the network table. */
#include "base/cleanup.h"
#include "base/prng.h"
#include "base/text.h"
#include "chain/amount.h"
#include "chain/hash.h"
#include "chain/network.h"
#include "chain/script.h"
#include "chain/tx.h"
#include "crypto/crypto.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KEY33 \
	"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" /* secp256k1's generator */
#define KEY65 \
	"0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
#define HASH20 "751e76e8199196d454941c45d1b3a323f1433bd6" /* HASH160 of KEY33 */
#define HASH32 "1863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"

static enum script_kind classify(const char *hex, struct address *a)
{
	uint8_t script[1000];
	size_t n = strlen(hex) / 2;
	assert_true(n <= sizeof(script));
	assert_int_equal(hex_decode(hex, 2 * n, script, n), 0);
	uint8_t *exact = malloc(n ? n : 1); /* so that a sanitizer sees a look behind the end */
	memcpy(exact, script, n);
	enum script_kind kind = script_classify(exact, n, a);
	free(exact);
	return kind;
}

static void assert_kind(const char *hex, enum script_kind kind, enum address_kind address,
			const char *payload)
{
	struct address a;
	char shown[65];
	assert_int_equal(classify(hex, &a), kind);
	assert_int_equal(a.kind, address);
	hex_encode(a.payload, a.len, shown);
	if (payload)
		assert_string_equal(shown, payload);
}

static void test_kinds(void **state)
{
	assert_kind("21" KEY33 "ac", SCRIPT_P2PK, ADDRESS_KEY, HASH20);
	assert_kind("76a914" HASH20 "88ac", SCRIPT_P2PKH, ADDRESS_KEY, HASH20);
	assert_kind("a914" HASH20 "87", SCRIPT_P2SH, ADDRESS_P2SH, HASH20);
	assert_kind("0014" HASH20, SCRIPT_P2WPKH, ADDRESS_P2WPKH, HASH20);
	assert_kind("0020" HASH32, SCRIPT_P2WSH, ADDRESS_P2WSH, HASH32);
	assert_kind("5120" HASH32, SCRIPT_P2TR, ADDRESS_P2TR, HASH32);
	assert_kind("51024e73", SCRIPT_P2A, ADDRESS_P2A, NULL);
	assert_kind("51"
		    "21" KEY33 "51"
		    "ae",
		    SCRIPT_MULTISIG, ADDRESS_SCRIPT, NULL);
	assert_kind("52"
		    "21" KEY33 "41" KEY65 "52"
		    "ae",
		    SCRIPT_MULTISIG, ADDRESS_SCRIPT, NULL);
	assert_kind("6a", SCRIPT_DATA, ADDRESS_NONE, "");
	assert_kind("6a0548656c6c6f", SCRIPT_DATA, ADDRESS_NONE, "");
	assert_kind("5128" HASH20 HASH20, SCRIPT_WITNESS, ADDRESS_SCRIPT, NULL);
	assert_kind("6002751e", SCRIPT_WITNESS, ADDRESS_SCRIPT, NULL);
	assert_kind("5220" HASH32, SCRIPT_WITNESS, ADDRESS_SCRIPT, NULL);
	assert_kind("0010"
		    "00112233445566778899aabbccddeeff",
		    SCRIPT_WITNESS, ADDRESS_SCRIPT, NULL);
	assert_kind("51024e74", SCRIPT_WITNESS, ADDRESS_SCRIPT, NULL);
}

/* Near misses are not what they resemble. */
static void test_near_misses(void **state)
{
	static const char *const list[] = {
		"",
		"00",
		"51",
		"21" KEY33,
		"2105"
		"be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f8179800"
		"ac", /* no such key */
		"41" KEY33 "ac",
		"2104be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f8179800ac", /* 04 is 65 long */
		"76a914" HASH20 "88",
		"76a914" HASH20 "88acac",
		"76a913" HASH20 "88ac",
		"a914" HASH20 "88",
		"a914" HASH20 "8787",
		"0014" HASH20 "00",
		"0013" HASH20,
		"4f14" HASH20,
		"6114" HASH20,
		"5029" HASH32 HASH20,
		"0001aa",
		"50"
		"21" KEY33 "51"
		"ae",
		"52"
		"21" KEY33 "51"
		"ae", /* two of one */
		"51"
		"21" KEY33 "52"
		"ae", /* says two, has one */
		"51"
		"21" KEY33 "61"
		"ae",
		"51"
		"21" KEY33 "51"
		"af",
		"51"
		"22" KEY33 "51"
		"ae",
		"51"
		"21" KEY33 "21"
		"51"
		"ae",
		"51"
		"51"
		"ae",
		"aa20" HASH32 "87", /* P2SH32 of Bitcoin Cash: known by its digest */
	};
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct address a;
		uint8_t script[300], digest[32];
		size_t n = strlen(list[i]) / 2;
		assert_int_equal(classify(list[i], &a), SCRIPT_OTHER);
		assert_int_equal(a.kind, ADDRESS_SCRIPT);
		assert_int_equal(hex_decode(list[i], 2 * n, script, n), 0);
		sha256(script, n, digest);
		assert_memory_equal(a.payload, digest, 32);
	}
}

static void test_one_key_one_identity(void **state)
{
	struct address key, hash, uncompressed;
	assert_int_equal(classify("21" KEY33 "ac", &key), SCRIPT_P2PK);
	assert_int_equal(classify("76a914" HASH20 "88ac", &hash), SCRIPT_P2PKH);
	assert_true(address_equal(&key, &hash));
	/* The uncompressed form has another hash, hence another address: nodes cannot tell either. */
	assert_int_equal(classify("41" KEY65 "ac", &uncompressed), SCRIPT_P2PK);
	assert_false(address_equal(&key, &uncompressed));
	char text[ADDRESS_TEXT_MAX];
	assert_int_equal(address_text(&uncompressed, NET_BITCOIN, text), 0);
	assert_string_equal(text, "1EHNa6Q4Jz2uvNExL497mE43ikXhwF6kZm");
	assert_int_equal(address_text(&key, NET_BITCOIN, text), 0);
	assert_string_equal(text, "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH");
	/* hybrid keys (06, 07) are keys as well */
	assert_kind(
		"41"
		"06"
		"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8"
		"fd17b448a68554199c47d08ffb10d4b8"
		"ac",
		SCRIPT_P2PK, ADDRESS_KEY, NULL);
}

static void test_script_of_address(void **state)
{
	struct prng r;
	prng_init(&r, 7);
	for (int i = 0; i < 2000; i++) {
		static const char *const before[] = {"76a914", "a914", "0014", "0020", "5120"};
		static const char *const behind[] = {"88ac", "87", "", "", ""};
		unsigned k = (unsigned)prng_below(&r, 5);
		uint8_t payload[32], script[ADDRESS_SCRIPT_MAX];
		char hex[65], whole[100], again[2 * ADDRESS_SCRIPT_MAX + 1];
		struct address a;
		prng_bytes(&r, payload, sizeof(payload));
		hex_encode(payload, k < 3 ? 20 : 32, hex);
		snprintf(whole, sizeof(whole), "%s%s%s", before[k], hex, behind[k]);
		classify(whole, &a);
		int n = address_script(&a, script);
		assert_true(n > 0);
		hex_encode(script, (size_t)n, again);
		assert_string_equal(again, whole);
	}
	struct address none = {0};
	uint8_t script[ADDRESS_SCRIPT_MAX];
	assert_int_equal(address_script(&none, script), -ERR_UNSUPPORTED);
	classify("51024e73", &none);
	uint8_t digest[32];
	sha256("\x51\x02\x4e\x73", 4, digest);
	assert_memory_equal(none.payload, digest, 32);
	assert_int_equal(address_script(&none, script), 4);
	assert_memory_equal(script, "\x51\x02\x4e\x73", 4);
}

/* ---- amounts ---- */

static void assert_amount(const char *text, uint64_t v)
{
	char out[UNITS_TEXT_MAX];
	uint64_t got;
	assert_int_equal(units_parse(text, strlen(text), 8, &got), 0);
	assert_int_equal(got, v);
	units_text(got, 8, out);
	assert_int_equal(units_parse(out, strlen(out), 8, &got), 0);
	assert_int_equal(got, v);
}

static int amount_error(const char *text)
{
	uint64_t v;
	return units_parse(text, strlen(text), 8, &v);
}

static void test_amounts(void **state)
{
	struct sat a, b;
	char out[UNITS_TEXT_MAX];
	assert_amount("0.1", 10000000);
	assert_amount("0.10000000", 10000000);
	assert_amount("0.00000001", 1);
	assert_amount("0", 0);
	assert_amount("21000000", UINT64_C(2100000000000000));
	assert_amount("84000000.00000000", SAT_MAX);
	assert_string_equal(units_text(10000000, 8, out), "0.10000000");
	static const char *const bad[] = {"",	".",	 ".5",	  "1.",	  "+1",	 "-1",
					  " 1", "1 ",	 "1,5",	  "1e3",  "0x1", "01.5",
					  "00", "1.2.3", "0.1\n", "1_000"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(amount_error(bad[i]), -ERR_FORMAT);
	assert_int_equal(amount_error("0.000000001"), -ERR_RANGE);
	assert_int_equal(amount_error("99999999999999999999"), -ERR_RANGE);
	assert_int_equal(amount_error("184467440738"), -ERR_RANGE); /* times 10^8 above 2^64 */
	assert_int_equal(amount_error("0.00000000000000000000000000000000000000"),
			 -ERR_FORMAT); /* longer than any */

	assert_int_equal(sat_from(SAT_MAX + 1, &a), -ERR_RANGE);
	assert_int_equal(sat_from(SAT_MAX, &a), 0);
	assert_int_equal(sat_from(1, &b), 0);
	assert_int_equal(sat_add(a, b, &a), -ERR_RANGE);
	assert_int_equal(a.v, SAT_MAX); /* untouched */
	assert_int_equal(sat_add(b, b, &a), 0);
	assert_int_equal(a.v, 2);
	struct sat huge = {UINT64_MAX};
	assert_int_equal(sat_add(huge, b, &a), -ERR_RANGE);
	assert_string_equal(units_text(1, 18, out), "0.000000000000000001");
	assert_string_equal(units_text(UINT64_MAX, 18, out), "18.446744073709551615");
	assert_string_equal(units_text(42, 0, out), "42");
	uint64_t v;
	assert_int_equal(units_parse("18.446744073709551615", 21, 18, &v), 0);
	assert_int_equal(v == UINT64_MAX, 1);
	assert_int_equal(units_parse("18.446744073709551616", 21, 18, &v), -ERR_RANGE);
	assert_int_equal(units_parse("1", 1, 19, &v), -ERR_FORMAT);
	struct prng r;
	prng_init(&r, 8);
	for (int i = 0; i < 5000; i++) {
		uint64_t want = prng_u64(&r) >> prng_below(&r, 64);
		unsigned decimals = (unsigned)prng_below(&r, 19);
		units_text(want, decimals, out);
		assert_int_equal(units_parse(out, strlen(out), decimals, &v), 0);
		assert_true(v == want);
	}
}

static void test_hash_text(void **state)
{
	uint8_t h[32];
	char out[HASH_TEXT_MAX];
	const char *text = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
	assert_int_equal(hash_parse(text, 64, h), 0);
	assert_int_equal(h[31], 0);
	assert_int_equal(h[0], 0x6f);
	assert_string_equal(hash_text(h, out), text);
	assert_int_equal(hash_parse(text, 63, h), -ERR_FORMAT);
	assert_int_equal(
		hash_parse("x00000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f", 64,
			   h),
		-ERR_FORMAT);
}

static void test_networks(void **state)
{
	char names[NET_NAMES_MAX];
	for (unsigned i = 0; i < NET_N; i++) {
		const struct network *n = network_get((enum net)i);
		assert_int_equal(network_net(n), i);
		assert_ptr_equal(network_find(n->name), n);
		assert_ptr_equal(network_find(n->caip2), n);
		if (!n->test)
			assert_ptr_equal(network_find(n->ticker), n);
		assert_memory_equal(n->caip19, n->caip2, strlen(n->caip2));
		assert_memory_equal(n->caip19 + strlen(n->caip2), "/slip44:", 8);
		assert_int_equal(n->genesis != NULL, n->pow != NET_POW_NONE);
		if (n->genesis && !n->cash_prefix)
			assert_ptr_equal(network_by_magic(n->magic4), n);
	}
	assert_null(network_find("dogecoin"));
	assert_null(network_find("tBTC")); /* of several */
	assert_null(network_by_magic((const uint8_t *)"\0\0\0\0"));
	assert_ptr_equal(network_by_magic(network_get(NET_BITCOIN_CASH)->magic4),
			 network_get(NET_BITCOIN));
	assert_string_equal(network_names(0, names), "-");
	assert_string_equal(network_names(NET_BIT(NET_BITCOIN) | NET_BIT(NET_BITCOIN_CASH), names),
			    "bitcoin, bitcoin-cash");
	assert_true(strlen(network_names(UINT32_MAX, names)) < NET_NAMES_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_one_key_one_identity),
		cmocka_unit_test(test_script_of_address),
		cmocka_unit_test(test_amounts),
		cmocka_unit_test(test_hash_text),
		cmocka_unit_test(test_networks),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests_name("script", tests, NULL, NULL);
}
