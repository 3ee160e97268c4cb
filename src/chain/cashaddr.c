/* SPDX-License-Identifier: Apache-2.0
 * Cashaddr: bech32's alphabet under another prefix rule and a BCH code with eight check symbols over GF(32).
 *
 * Format: prefix ':' groups. The groups are a version byte (type << 3 | size code) and the hash, 8 to 5 bits with zero padding,
 * then eight check groups. The checksum covers the low five bits of each prefix letter, a zero, and the groups. */
#include "chain/cashaddr.h"
#include "base/bech32.h"
#include <stdbool.h>
#include <string.h>

enum { GROUPS_MAX = 112, PAYLOAD_MAX = 1 + CASHADDR_HASH_MAX };

static const char charset[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
static const uint8_t sizes[8] = {20, 24, 28, 32, 40, 48, 56, 64};

static uint64_t polymod_step(uint64_t c, uint8_t group)
{
	static const uint64_t generator[5] = {0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4,
					      0xae2eabe2a8, 0x1e4f43e470};
	uint64_t next = (c & 0x07ffffffff) << 5 ^ group;
	for (unsigned i = 0; i < 5; i++)
		if (c >> 35 >> i & 1)
			next ^= generator[i];
	return next;
}

static uint64_t polymod_prefix(const char *prefix)
{
	uint64_t c = 1;
	for (; *prefix; prefix++)
		c = polymod_step(c, *prefix & 31);
	return polymod_step(c, 0);
}

int cashaddr_encode(const char *prefix, unsigned type, const uint8_t *hash, size_t len,
		    char out[static CASHADDR_TEXT_MAX])
{
	uint8_t payload[PAYLOAD_MAX], groups[GROUPS_MAX];
	unsigned size = 0;
	size_t prefix_len = strnlen(prefix, CASHADDR_PREFIX_MAX + 1);
	while (size < 8 && sizes[size] != len)
		size++;
	if (size == 8 || type > CASHADDR_TYPE_MAX || prefix_len > CASHADDR_PREFIX_MAX ||
	    prefix_len == 0)
		return -ERR_INVAL;
	payload[0] = (uint8_t)(type << 3 | size);
	memcpy(payload + 1, hash, len);
	int n = bech32_from_bytes(payload, 1 + len, groups, sizeof(groups));
	uint64_t c = polymod_prefix(prefix);
	char *o = out + prefix_len;
	memcpy(out, prefix, prefix_len);
	*o++ = ':';
	for (int i = 0; i < n; i++) {
		c = polymod_step(c, groups[i]);
		*o++ = charset[groups[i]];
	}
	for (unsigned i = 0; i < CASHADDR_CHECKSUM_LEN; i++)
		c = polymod_step(c, 0);
	c ^= 1;
	for (unsigned i = 0; i < CASHADDR_CHECKSUM_LEN; i++)
		*o++ = charset[c >> 5 * (7 - i) & 31];
	*o = '\0';
	return (int)(o - out);
}

/* Lower-case copy; false when both cases occur or it is too long. */
static bool lower_copy(const char *s, size_t len, char *out)
{
	bool lower = false, upper = false;
	if (len >= CASHADDR_TEXT_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool up = s[i] >= 'A' && s[i] <= 'Z';
		upper |= up;
		lower |= s[i] >= 'a' && s[i] <= 'z';
		out[i] = up ? (char)(s[i] + 32) : s[i];
	}
	out[len] = '\0';
	return !(lower && upper);
}

int cashaddr_decode(const char *s, size_t s_len, const char *prefix, unsigned *ret_type,
		    uint8_t *hash, size_t *ret_len)
{
	char text[CASHADDR_TEXT_MAX];
	uint8_t groups[CASHADDR_TEXT_MAX], payload[PAYLOAD_MAX + 8];
	if (!lower_copy(s, s_len, text))
		return -ERR_FORMAT;
	const char *colon = memchr(text, ':', s_len), *body = colon ? colon + 1 : text;
	size_t n = s_len - (size_t)(body - text);
	if (colon && (strlen(prefix) != (size_t)(colon - text) ||
		      memcmp(prefix, text, (size_t)(colon - text)) != 0))
		return -ERR_NETWORK;
	uint64_t c = polymod_prefix(prefix);
	for (size_t i = 0; i < n; i++) {
		const char *at = memchr(charset, body[i], 32);
		if (!at)
			return -ERR_FORMAT;
		groups[i] = (uint8_t)(at - charset);
		c = polymod_step(c, groups[i]);
	}
	if (n <= CASHADDR_CHECKSUM_LEN)
		return -ERR_FORMAT;
	if (c != 1)
		return -ERR_CHECKSUM;
	int len = bech32_to_bytes(groups, n - CASHADDR_CHECKSUM_LEN, payload, sizeof(payload));
	if (len < 1 || payload[0] & 0x80 || sizes[payload[0] & 7] != len - 1)
		return -ERR_FORMAT;
	memcpy(hash, payload + 1, (size_t)len - 1);
	*ret_type = payload[0] >> 3;
	*ret_len = (size_t)len - 1;
	return 0;
}
