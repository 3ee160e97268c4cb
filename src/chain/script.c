/* SPDX-License-Identifier: Apache-2.0
 * Output scripts: byte templates, tried in the order of how often they occur. */
#include "chain/script.h"
#include "chain/tx.h"
#include "crypto/crypto.h"

enum {
	OP_0 = 0x00,
	OP_PUSH_33 = 0x21,
	OP_PUSH_65 = 0x41,
	OP_1 = 0x51,
	OP_16 = 0x60,
	OP_RETURN = 0x6a,
	OP_CHECKSIG = 0xac,
	OP_CHECKMULTISIG = 0xae,
	WITNESS_MIN = 2, /* BIP 141: program of 2 to 40 bytes */
	WITNESS_MAX = 40,
};

static void identity(struct address *ret, enum address_kind kind, const uint8_t *payload,
		     uint8_t len)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = (uint8_t)kind;
	ret->len = len;
	memcpy(ret->payload, payload, len);
}

/* Length of a public key that begins with this byte; 0 when none does. */
static size_t key_len(uint8_t first)
{
	switch (first) {
	case 2:
	case 3:
		return 33;
	case 4:
	case 6: /* "hybrid": uncompressed that also tells the parity */
	case 7:
		return 65;
	}
	return 0;
}

static bool is_p2pk(const uint8_t *s, size_t len)
{
	return (len == 35 || len == 67) && s[0] == len - 2 && s[len - 1] == OP_CHECKSIG &&
	       key_len(s[1]) == len - 2;
}

/* m keys.. n CHECKMULTISIG with 1 <= m <= n <= 16 and exactly n keys. */
static bool is_multisig(const uint8_t *s, size_t len)
{
	if (len < 3 + 34 || s[len - 1] != OP_CHECKMULTISIG || s[0] < OP_1 || s[0] > OP_16)
		return false;
	uint8_t least = s[0], all = s[len - 2];
	unsigned keys_n = 0;
	size_t at = 1, end = len - 2;
	while (at < end && (s[at] == OP_PUSH_33 || s[at] == OP_PUSH_65)) {
		size_t n = s[at];
		if (at + 1 + n > end || key_len(s[at + 1]) != n)
			return false;
		at += 1 + n;
		keys_n++;
	}
	return at == end && all >= OP_1 && all <= OP_16 && keys_n == all - OP_1 + 1u &&
	       least <= all;
}

bool script_is_witness(const uint8_t *s, size_t len, unsigned *ret_version)
{
	if (len < 2 + WITNESS_MIN || len > 2 + WITNESS_MAX || s[1] != len - 2)
		return false;
	if (s[0] != OP_0 && (s[0] < OP_1 || s[0] > OP_16))
		return false;
	*ret_version = s[0] == OP_0 ? 0 : s[0] - OP_1 + 1u;
	return true;
}

/* SHA-256 of the anchor script 51 02 4e 73; the unit test computes it. */
static const uint8_t anchor_payload32[32] = {0xa6, 0xfe, 0x0f, 0x77, 0xb8, 0xf1, 0xea, 0x88,
					     0x97, 0x82, 0xe6, 0x40, 0x6b, 0x04, 0xdc, 0x5f,
					     0xb4, 0x6c, 0xe6, 0x01, 0x68, 0xb2, 0xe5, 0xcf,
					     0x90, 0x4a, 0x47, 0x63, 0x38, 0xfb, 0xd0, 0xc5};

static enum script_kind classify_witness(unsigned version, const uint8_t *s, size_t len,
					 struct address *ret)
{
	size_t n = len - 2;
	if (version == 0 && n == 20) {
		identity(ret, ADDRESS_P2WPKH, s + 2, 20);
		return SCRIPT_P2WPKH;
	}
	if (version == 0 && n == 32) {
		identity(ret, ADDRESS_P2WSH, s + 2, 32);
		return SCRIPT_P2WSH;
	}
	if (version == 1 && n == 32) {
		identity(ret, ADDRESS_P2TR, s + 2, 32);
		return SCRIPT_P2TR;
	}
	if (version == 1 && n == 2 && s[2] == 0x4e && s[3] == 0x73) {
		identity(ret, ADDRESS_P2A, anchor_payload32, 32);
		return SCRIPT_P2A;
	}
	return SCRIPT_WITNESS;
}

/* The templates that carry a hash; SCRIPT_OTHER when it is none. */
static enum script_kind classify_hash(const uint8_t *s, size_t len, struct address *ret)
{
	unsigned version;
	if (len == 25 && s[0] == 0x76 && s[1] == 0xa9 && s[2] == 20 && s[23] == 0x88 &&
	    s[24] == OP_CHECKSIG) {
		identity(ret, ADDRESS_KEY, s + 3, 20);
		return SCRIPT_P2PKH;
	}
	if (len == 23 && s[0] == 0xa9 && s[1] == 20 && s[22] == 0x87) {
		identity(ret, ADDRESS_P2SH, s + 2, 20);
		return SCRIPT_P2SH;
	}
	if (script_is_witness(s, len, &version))
		return classify_witness(version, s, len, ret);
	return SCRIPT_OTHER;
}

enum script_kind script_classify(const uint8_t *script, size_t len, struct address *ret)
{
	uint8_t digest[32];
	enum script_kind kind = classify_hash(script, len, ret);
	if (kind != SCRIPT_OTHER && kind != SCRIPT_WITNESS)
		return kind;
	if (len && script[0] == OP_RETURN) {
		memset(ret, 0, sizeof(*ret));
		return SCRIPT_DATA;
	}
	if (is_p2pk(script, len)) {
		hash160(script + 1, len - 2, digest);
		identity(ret, ADDRESS_KEY, digest, 20);
		return SCRIPT_P2PK;
	}
	if (kind == SCRIPT_OTHER && is_multisig(script, len))
		kind = SCRIPT_MULTISIG;
	sha256(script, len, digest);
	identity(ret, ADDRESS_SCRIPT, digest, 32);
	return kind;
}
