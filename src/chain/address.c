/* SPDX-License-Identifier: Apache-2.0
 * Addresses: the identity, its text on each network and its script. The readers of each form are in address-*.c. */
#include "chain/address.h"
#include "base/bech32.h"
#include "base/text.h"
#include "chain/cashaddr.h"
#include "chain/chain-int.h"
#include <stdio.h>
#include <strings.h>

#define DIGEST_PREFIX "script:"
enum { DIGEST_PREFIX_LEN = 7, CASH_LEN = 42, BASE58_ADDRESS_MAX = 36 };

static size_t payload_len(enum address_kind kind)
{
	switch (kind) {
	case ADDRESS_NONE:
		return 0;
	case ADDRESS_KEY:
	case ADDRESS_P2SH:
	case ADDRESS_P2WPKH:
	case ADDRESS_EVM:
		return 20;
	case ADDRESS_P2WSH:
	case ADDRESS_P2TR:
	case ADDRESS_P2A:
	case ADDRESS_SCRIPT:
		return 32;
	}
	return SIZE_MAX;
}

int address_make(enum address_kind kind, const void *payload, size_t len, struct address *ret)
{
	struct address a = {.kind = (uint8_t)kind, .len = (uint8_t)len};
	if (len != payload_len(kind))
		return -ERR_INVAL;
	if (len)
		memcpy(a.payload, payload, len);
	*ret = a;
	return 0;
}

int address_cmp(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof(*a));
}

bool address_equal(const struct address *a, const struct address *b)
{
	return address_cmp(a, b) == 0;
}

const char *address_kind_name(enum address_kind kind)
{
	static const char *const names[] = {"none", "p2pkh", "p2sh",   "p2wpkh", "p2wsh",
					    "p2tr", "p2a",   "script", "evm"};
	return (unsigned)kind <= ADDRESS_KIND_MAX ? names[kind] : "none";
}

const char *address_form_name(enum address_form form)
{
	static const char *const names[] = {"base58check", "bech32", "bech32m",
					    "cashaddr",	   "hex",    "digest"};
	return names[form];
}

const char *address_check_name(enum address_check check)
{
	static const char *const names[] = {"none", "eip-55", "30-bit", "32-bit", "40-bit"};
	return names[check];
}

/* ---- scripts ---- */

static int put_parts(uint8_t *out, const char *before, size_t before_len, const struct address *a,
		     const char *after, size_t after_len)
{
	memcpy(out, before, before_len);
	memcpy(out + before_len, a->payload, a->len);
	memcpy(out + before_len + a->len, after, after_len);
	return (int)(before_len + a->len + after_len);
}

int address_script(const struct address *a, uint8_t out[static ADDRESS_SCRIPT_MAX])
{
	switch ((enum address_kind)a->kind) {
	case ADDRESS_KEY:
		return put_parts(out, "\x76\xa9\x14", 3, a, "\x88\xac", 2);
	case ADDRESS_P2SH:
		return put_parts(out, "\xa9\x14", 2, a, "\x87", 1);
	case ADDRESS_P2WPKH:
		return put_parts(out, "\x00\x14", 2, a, "", 0);
	case ADDRESS_P2WSH:
		return put_parts(out, "\x00\x20", 2, a, "", 0);
	case ADDRESS_P2TR:
		return put_parts(out, "\x51\x20", 2, a, "", 0);
	case ADDRESS_P2A:
		memcpy(out, "\x51\x02\x4e\x73", 4);
		return 4;
	case ADDRESS_NONE:
	case ADDRESS_SCRIPT:
	case ADDRESS_EVM:
		return -ERR_UNSUPPORTED;
	}
	return -ERR_UNSUPPORTED;
}

/* ---- to text ---- */

static int text_segwit(const uint8_t *script, int script_len, const char *hrp, char *out)
{
	uint8_t groups[1 + 64];
	unsigned version = script[0] ? script[0] - 0x50u : 0;
	groups[0] = (uint8_t)version;
	int n = bech32_from_bytes(script + 2, (size_t)script_len - 2, groups + 1,
				  sizeof(groups) - 1);
	if (n >= 0)
		n = bech32_encode(version ? BECH32M_CONST : BECH32_CONST, hrp, groups,
				  (size_t)n + 1, out, ADDRESS_TEXT_MAX);
	return n < 0 ? n : 0;
}

/* Key and script hashes: cashaddr where the network has it, else base58check. */
static int text_hash(const struct address *a, const struct network *n, char *out)
{
	bool script = a->kind == ADDRESS_P2SH;
	int version = script ? n->script_version[0] : n->key_version;
	if (n->cash_prefix) {
		char text[CASHADDR_TEXT_MAX];
		int len = cashaddr_encode(n->cash_prefix, script, a->payload, a->len, text);
		if (len < 0)
			return len;
		memcpy(out, text, (size_t)len + 1);
		return 0;
	}
	return version < 0
		       ? -ERR_NETWORK
		       : address_base58_text((uint8_t)version, a->payload, out, ADDRESS_TEXT_MAX);
}

static int text_digest(const struct address *a, char *out)
{
	memcpy(out, DIGEST_PREFIX, DIGEST_PREFIX_LEN);
	hex_encode(a->payload, a->len, out + DIGEST_PREFIX_LEN);
	return 0;
}

int address_text(const struct address *a, enum net net, char out[static ADDRESS_TEXT_MAX])
{
	const struct network *n = network_get(net);
	uint8_t script[ADDRESS_SCRIPT_MAX];
	if (a->kind == ADDRESS_NONE || a->len != payload_len(a->kind))
		return -ERR_NOENT;
	if ((a->kind == ADDRESS_EVM) != (net == NET_EVM))
		return -ERR_NETWORK;
	switch ((enum address_kind)a->kind) {
	case ADDRESS_KEY:
	case ADDRESS_P2SH:
		return text_hash(a, n, out);
	case ADDRESS_P2WPKH:
	case ADDRESS_P2WSH:
	case ADDRESS_P2TR:
	case ADDRESS_P2A:
		return n->hrp ? text_segwit(script, address_script(a, script), n->hrp, out)
			      : -ERR_NETWORK;
	case ADDRESS_SCRIPT:
		return text_digest(a, out);
	case ADDRESS_EVM:
		memcpy(out, "0x", 2);
		address_evm_text(a->payload, out + 2);
		return 0;
	case ADDRESS_NONE:
		break;
	}
	return -ERR_NOENT;
}

/* ---- from text ---- */

static int parse_digest(const char *s, size_t len, struct address_info *ret, struct err *e)
{
	struct address_info info = {.form = ADDRESS_DIGEST, .nets = NET_BIT(NET_EVM) - 1};
	uint8_t digest[32];
	if (hex_decode(s + DIGEST_PREFIX_LEN, len - DIGEST_PREFIX_LEN, digest, sizeof(digest)) < 0)
		return err_set(e, ERR_FORMAT, "address",
			       "script: needs the 64 hex digits of a SHA-256");
	int r = address_make(ADDRESS_SCRIPT, digest, sizeof(digest), &info.address);
	if (r < 0)
		return r;
	(void)text_digest(&info.address, info.text);
	*ret = info;
	return 0;
}

/* Cashaddr without its prefix: 42 characters of its alphabet that begin with the type. */
static bool looks_cash(const char *s, size_t len)
{
	if (len != CASH_LEN || !strchr("qpzrQPZR", s[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!s[i] ||
		    !strchr("qpzry9x8gf2tvdw0s3jn54khce6mua7lQPZRYXGFTVDWSJNKHCEMUAL", s[i]))
			return false;
	return true;
}

/* Any bech32 text at all, of whatever prefix: one case, a last '1' with a checksum behind it, and a digit or letter that base58 does
 * not have, or longer than a base58 address. */
static bool looks_bech32(const char *s, size_t len)
{
	const char *sep = memrchr(s, '1', len);
	bool lower = false, upper = false;
	for (size_t i = 0; i < len; i++) {
		lower |= s[i] >= 'a' && s[i] <= 'z';
		upper |= s[i] >= 'A' && s[i] <= 'Z';
	}
	if (!sep || sep == s || (size_t)(s + len - sep) <= BECH32_CHECKSUM_LEN || (lower && upper))
		return false;
	return memchr(s, '0', len) || memchr(s, 'l', len) || len > BASE58_ADDRESS_MAX;
}

int address_parse(const char *s, size_t len, struct address_info *ret, struct err *e)
{
	if (len >= ADDRESS_TEXT_MAX)
		return err_set(e, ERR_OVERSIZE, "address",
			       "no address is longer than %d characters", ADDRESS_TEXT_MAX - 1);
	if (len < 8)
		return err_set(e, ERR_FORMAT, "address", "not an address of any form known here");
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return address_parse_evm(s, len, ret, e);
	if (len > DIGEST_PREFIX_LEN && memcmp(s, DIGEST_PREFIX, DIGEST_PREFIX_LEN) == 0)
		return parse_digest(s, len, ret, e);
	if (memchr(s, ':', len) || looks_cash(s, len))
		return address_parse_cash(s, len, ret, e);
	if (address_has_hrp(s, len) || (looks_bech32(s, len) && len <= BECH32_ADDRESS_MAX))
		return address_parse_bech32(s, len, ret, e);
	return address_parse_base58(s, len, ret, e);
}
