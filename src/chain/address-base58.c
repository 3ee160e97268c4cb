/* SPDX-License-Identifier: Apache-2.0
 * Base58check: version, payload, and the first four bytes of their double SHA-256.
 *
 * The version byte tells what it is: an address of one of our networks, a private key (refused before anything shows or copies
 * it), an extended key, or an address of a chain that is not ours but worth naming. */
#include "base/cleanup.h"
#include "base/text.h"
#include "chain/chain-int.h"
#include "crypto/crypto.h"

enum {
	CHECKSUM_LEN = 4,
	ADDRESS_LEN = 1 + 20 + CHECKSUM_LEN,
	ADDRESS_LONG_LEN = 2 + 20 + CHECKSUM_LEN, /* Zcash */
	SECRET_LEN = 1 + 32 + CHECKSUM_LEN,
	SECRET_COMPRESSED_LEN = 1 + 32 + 1 + CHECKSUM_LEN,
	SECRET_SEALED_LEN = 39 + CHECKSUM_LEN, /* BIP 38 */
	EXTENDED_LEN = 78 + CHECKSUM_LEN,      /* BIP 32 */
	RAW_MAX = 96,
	TEXT_MIN = 25, /* of an address: twenty zero bytes and more */
	TEXT_MAX = 112,
	SHORT_MAX = 43, /* 58^43 < 2^252 */
	CHUNK = 10,	/* 58^10 < 2^59 */
};

/* Value of a base58 digit; -1 when it is none. */
static int digit_value(char c)
{
	static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	if (c >= '1' && c <= '9')
		return c - '1';
	if (c < 'A' || c > 'z')
		return -1;
	int v = c <= 'H'   ? 9 + (c - 'A')
		: c <= 'N' ? 17 + (c - 'J')
		: c <= 'Z' ? 22 + (c - 'P')
		: c <= 'k' ? 33 + (c - 'a')
			   : 44 + (c - 'm');
	return v >= 0 && v < 58 && alphabet[v] == c ? v : -1;
}

/* v = v * m + add */
static void multiply_add(uint64_t v[static 4], uint64_t m, uint64_t add)
{
	unsigned __int128 carry = add;
	for (unsigned i = 0; i < 4; i++) {
		carry += (unsigned __int128)v[i] * m;
		v[i] = (uint64_t)carry;
		carry >>= 64;
	}
}

/* base58_decode() for texts of address length, in four words instead of bytes: searching for typing errors decodes thousands. */
static int short_decode(const char *s, size_t len, uint8_t *raw, size_t *ret_len)
{
	uint64_t v[4] = {0}, chunk = 0, unit = 1;
	uint8_t be[32];
	size_t zeros = 0, skip = 0;
	for (size_t i = 0; i < len; i++) {
		int d = digit_value(s[i]);
		if (d < 0)
			return -ERR_FORMAT;
		chunk = chunk * 58 + (uint64_t)d;
		unit *= 58;
		if ((i + 1) % CHUNK == 0 || i + 1 == len) {
			multiply_add(v, unit, chunk);
			chunk = 0;
			unit = 1;
		}
	}
	for (unsigned i = 0; i < 32; i++)
		be[i] = (uint8_t)(v[3 - i / 8] >> (56 - 8 * (i % 8)));
	while (zeros < len && s[zeros] == '1')
		zeros++;
	while (skip < 32 && be[skip] == 0)
		skip++;
	memset(raw, 0, zeros);
	memcpy(raw + zeros, be + skip, 32 - skip);
	*ret_len = zeros + 32 - skip;
	return 0;
}

static int text_decode(const char *s, size_t len, uint8_t raw[static RAW_MAX], size_t *ret_len)
{
	if (len <= SHORT_MAX)
		return short_decode(s, len, raw, ret_len);
	return base58_decode(s, len, raw, RAW_MAX, ret_len);
}

/* Not ours: named, so that the reader knows where to look. */
static const struct {
	uint8_t len;
	uint8_t version[2];
	const char *chain;
} foreign[] = {
	{ADDRESS_LEN, {0x41}, "Tron"},
	{ADDRESS_LEN, {0x1e}, "Dogecoin"},
	{ADDRESS_LEN, {0x16}, "Dogecoin"},
	{ADDRESS_LEN, {0x4c}, "Dash"},
	{ADDRESS_LEN, {0x10}, "Dash"},
	{ADDRESS_LEN, {0x26}, "Bitcoin Gold"},
	{ADDRESS_LEN, {0x17}, "Bitcoin Gold"},
	{ADDRESS_LONG_LEN, {0x1c, 0xb8}, "Zcash"},
	{ADDRESS_LONG_LEN, {0x1c, 0xbd}, "Zcash"},
};

/* BIP 32 and SLIP-132 versions of extended private keys: x y z Y Z, t u v U V, and Litecoin's. */
static const uint32_t extended_secret[] = {
	0x0488ade4, 0x049d7878, 0x04b2430c, 0x0295b005, 0x02aa7a99, 0x04358394, 0x044a4e28,
	0x045f18bc, 0x024285b5, 0x02575048, 0x019d9cfe, 0x01b26792, 0x0436ef7d,
};

static bool is_extended_secret(const uint8_t *raw)
{
	uint32_t version =
		(uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 | (uint32_t)raw[2] << 8 | raw[3];
	for (size_t i = 0; i < ARRAY_LEN(extended_secret); i++)
		if (extended_secret[i] == version)
			return true;
	/* A private key is marked by a zero before its 32 bytes, where a public one has 2 or 3. */
	return raw[45] == 0;
}

/* Also with a wrong checksum: a mistyped private key is still nearly one. */
static bool is_secret(const uint8_t *raw, size_t len)
{
	bool version = false;
	for (unsigned i = 0; i < NET_N; i++)
		version |= network_get(i)->secret_version == raw[0];
	switch (len) {
	case SECRET_LEN:
		return version;
	case SECRET_COMPRESSED_LEN:
		return version && raw[33] == 1;
	case SECRET_SEALED_LEN:
		return raw[0] == 0x01 && (raw[1] == 0x42 || raw[1] == 0x43);
	case EXTENDED_LEN:
		return is_extended_secret(raw);
	}
	return false;
}

static bool checksum_holds(const uint8_t *raw, size_t len)
{
	uint8_t digest[32];
	sha256d(raw, len - CHECKSUM_LEN, digest);
	return memcmp(digest, raw + len - CHECKSUM_LEN, CHECKSUM_LEN) == 0;
}

static int refuse_foreign(const uint8_t *raw, size_t len, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
		size_t version_len = len - 20 - CHECKSUM_LEN;
		if (foreign[i].len == len && memcmp(foreign[i].version, raw, version_len) == 0)
			return err_set(e, ERR_NETWORK, "address",
				       "an address of %s, which is not supported",
				       foreign[i].chain);
	}
	if (len == EXTENDED_LEN)
		return err_set(
			e, ERR_UNSUPPORTED, "address",
			"an extended public key stands for many addresses; give one of them");
	return err_set(e, ERR_NETWORK, "address",
		       "the checksum holds, but version %u belongs to no network known here",
		       raw[0]);
}

/* Networks whose key or script version this is; *ret_script tells which of the two. */
static uint32_t nets_of(uint8_t version, bool *ret_script)
{
	uint32_t nets = 0;
	for (unsigned i = 0; i < NET_N; i++) {
		const struct network *n = network_get(i);
		bool script = n->script_version[0] == version || n->script_version[1] == version;
		if (n->key_version == version || script)
			nets |= NET_BIT(i);
		*ret_script = nets ? *ret_script || script : false;
	}
	return nets;
}

static int classify(const char *s, size_t s_len, const uint8_t *raw, size_t len,
		    struct address_info *ret, struct err *e)
{
	struct address_info info = {
		.form = ADDRESS_BASE58, .check = ADDRESS_CHECK_32_BIT, .check_bits = 32};
	bool script = false;
	if (is_secret(raw, len))
		return err_set(e, ERR_SECRET, "address", NULL);
	if (!checksum_holds(raw, len))
		return err_set(
			e, ERR_CHECKSUM, "address",
			"the checksum of this base58 text is wrong; probably a typing error");
	info.nets = len == ADDRESS_LEN ? nets_of(raw[0], &script) : 0;
	if (!info.nets)
		return refuse_foreign(raw, len, e);
	int r = address_make(script ? ADDRESS_P2SH : ADDRESS_KEY, raw + 1, 20, &info.address);
	if (r < 0)
		return r;
	info.script_len = (uint8_t)address_script(&info.address, info.script);
	memcpy(info.text, s, s_len);
	*ret = info;
	return 0;
}

bool address_base58_holds(const char *s, size_t len)
{
	uint8_t raw[RAW_MAX];
	size_t n;
	bool script = false;
	return len >= TEXT_MIN && len <= SHORT_MAX && short_decode(s, len, raw, &n) == 0 &&
	       n == ADDRESS_LEN && nets_of(raw[0], &script) && checksum_holds(raw, n);
}

int address_parse_base58(const char *s, size_t len, struct address_info *ret, struct err *e)
{
	uint8_t raw[RAW_MAX];
	size_t n = 0;
	if (len < TEXT_MIN || len > TEXT_MAX || text_decode(s, len, raw, &n) < 0 ||
	    n < ADDRESS_LEN - 1)
		return err_set(e, ERR_FORMAT, "address", "not an address of any form known here");
	int r = classify(s, len, raw, n, ret, e);
	secret_wipe(raw, sizeof(raw));
	return r;
}

int address_base58_text(uint8_t version, const uint8_t *payload20, char *out, size_t out_max)
{
	uint8_t raw[ADDRESS_LEN], digest[32];
	raw[0] = version;
	memcpy(raw + 1, payload20, 20);
	sha256d(raw, 21, digest);
	memcpy(raw + 21, digest, CHECKSUM_LEN);
	int n = base58_encode(raw, sizeof(raw), out, out_max);
	return n < 0 ? n : 0;
}
