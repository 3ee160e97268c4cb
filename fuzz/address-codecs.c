/* SPDX-License-Identifier: Apache-2.0
 * Any text as an address, and any bytes as an identity: what is read comes back the same by every way, the codecs agree, and a
 * suggestion is itself an address. */
#include "base/bech32.h"
#include "base/text.h"
#include "chain/address.h"
#include "chain/cashaddr.h"
#include "chain/script.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		__builtin_trap();
}

/* Text on each of its networks, and back. */
static void check_texts(const struct address_info *info)
{
	for (unsigned i = 0; i < NET_N; i++) {
		char text[ADDRESS_TEXT_MAX];
		struct address_info again;
		int r = address_text(&info->address, (enum net)i, text);
		if (r < 0) {
			must(r == -ERR_NETWORK && info->address.kind != ADDRESS_NONE);
			continue;
		}
		must(address_parse(text, strlen(text), &again, NULL) == 0);
		must(address_equal(&again.address, &info->address) && again.nets & NET_BIT(i));
	}
}

static void check_text(const char *s, size_t len)
{
	struct address_info info, again;
	struct err e = {0};
	int r = address_parse(s, len, &info, &e);
	must(r <= 0 && (r == 0) == (e.code == 0));
	if (r < 0)
		return;
	must(info.nets && info.nets < NET_BIT(NET_N) && info.address.kind != ADDRESS_NONE);
	must(address_parse(info.text, strlen(info.text), &again, NULL) == 0);
	must(address_equal(&info.address, &again.address) && strcmp(info.text, again.text) == 0);
	check_texts(&info);
	if (info.script_len) {
		struct address a;
		(void)script_classify(info.script, info.script_len, &a);
		must(address_equal(&a, &info.address));
	}
}

/* The bare codecs: what they read they write. */
static void check_codecs(const char *s, size_t len)
{
	char hrp[BECH32_HRP_MAX + 1], out[BECH32_TEXT_MAX + 1], cash[CASHADDR_TEXT_MAX];
	uint8_t groups[BECH32_DATA_MAX], raw[BASE58_MAX], hash[CASHADDR_HASH_MAX];
	uint32_t checksum;
	unsigned type;
	size_t n;
	if (bech32_decode(s, len, BECH32_TEXT_MAX, &checksum, hrp, groups, sizeof(groups), &n) ==
	    0) {
		must(bech32_encode(checksum, hrp, groups, n, out, sizeof(out)) == (int)len);
		must(strncasecmp(out, s, len) == 0);
	}
	if (base58_decode(s, len, raw, sizeof(raw), &n) == 0) {
		must(base58_encode(raw, n, out, sizeof(out)) == (int)len);
		must(memcmp(out, s, len) == 0);
	}
	if (cashaddr_decode(s, len, "bitcoincash", &type, hash, &n) == 0) {
		int cash_len = cashaddr_encode("bitcoincash", type, hash, n, cash);
		must(cash_len > 0 && (size_t)cash_len >= len);
		must(strncasecmp(cash + cash_len - len, s, len) == 0);
	}
}

/* Bytes as an identity: text and back. */
static void check_identity(const uint8_t *data, size_t size)
{
	struct address_info info = {0};
	uint8_t script[ADDRESS_SCRIPT_MAX];
	if (size < 1 ||
	    address_make((enum address_kind)data[0], data + 1, size - 1, &info.address) < 0)
		return;
	if (info.address.kind == ADDRESS_NONE || info.address.kind == ADDRESS_P2A)
		return; /* nobody has no text, and there is one P2A only */
	check_texts(&info);
	int n = address_script(&info.address, script);
	if (n > 0) {
		struct address a;
		(void)script_classify(script, (size_t)n, &a);
		must(address_equal(&a, &info.address));
	}
}

/* A suggestion must be valid and one edit away: at most one character longer or shorter. */
static void check_suggestions(const char *s, size_t len)
{
	struct address_guess g[ADDRESS_GUESSES_MAX];
	char words[ADDRESS_GUESS_TEXT_MAX];
	int n = address_suggest(s, len, g, ADDRESS_GUESSES_MAX);
	must(n >= 0 && n <= ADDRESS_GUESSES_MAX);
	for (int i = 0; i < n; i++) {
		struct address_info again;
		must(g[i].info.check != ADDRESS_CHECK_NONE && g[i].position <= len);
		must(address_parse(g[i].info.text, strlen(g[i].info.text), &again, NULL) == 0);
		must(strlen(address_guess_text(&g[i], words)) < ADDRESS_GUESS_TEXT_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	if (crypto_start() < 0 || size > 1000)
		return 0;
	check_text(s, size);
	check_codecs(s, size);
	check_identity(data, size);
	/* Thousands of trials each: only a share of the inputs, chosen by their bytes. */
	if (size >= 25 && size <= 100 && data[size - 1] % 64 == 8)
		check_suggestions(s, size);
	return 0;
}
