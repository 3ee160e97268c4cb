/* SPDX-License-Identifier: Apache-2.0
 * Bech32 and bech32m: a BCH code over GF(32), computed as the references of BIP 173 and BIP 350 describe it. */
#include "base/bech32.h"
#include "base/err.h"

static const char charset[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/* One step of the checksum: multiply by x, add a group. */
static uint32_t polymod_step(uint32_t c)
{
	static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
					      0x2a1462b3};
	uint32_t next = (c & 0x1ffffff) << 5;
	for (unsigned i = 0; i < 5; i++)
		if (c >> 25 >> i & 1)
			next ^= generator[i];
	return next;
}

static uint32_t polymod_hrp(const char *hrp, size_t len)
{
	uint32_t c = 1;
	for (size_t i = 0; i < len; i++)
		c = polymod_step(c) ^ ((uint8_t)hrp[i] >> 5);
	c = polymod_step(c);
	for (size_t i = 0; i < len; i++)
		c = polymod_step(c) ^ (hrp[i] & 31);
	return c;
}

static bool hrp_char_valid(char c)
{
	return c >= 33 && c <= 126;
}

int bech32_encode(uint32_t checksum, const char *hrp, const uint8_t *data, size_t data_n, char *out,
		  size_t out_max)
{
	size_t hrp_len = strnlen(hrp, BECH32_HRP_MAX + 1);
	if (!hrp_len || hrp_len > BECH32_HRP_MAX)
		return -ERR_INVAL;
	for (size_t i = 0; i < hrp_len; i++)
		if (!hrp_char_valid(hrp[i]) || (hrp[i] >= 'A' && hrp[i] <= 'Z'))
			return -ERR_INVAL;
	if (data_n > BECH32_DATA_MAX || hrp_len + 1 + data_n + BECH32_CHECKSUM_LEN + 1 > out_max)
		return -ERR_OVERSIZE;
	uint32_t c = polymod_hrp(hrp, hrp_len);
	char *o = out + hrp_len;
	*o++ = '1';
	for (size_t i = 0; i < data_n; i++) {
		if (data[i] > 31)
			return -ERR_INVAL;
		c = polymod_step(c) ^ data[i];
		*o++ = charset[data[i]];
	}
	for (unsigned i = 0; i < BECH32_CHECKSUM_LEN; i++)
		c = polymod_step(c);
	c ^= checksum;
	for (unsigned i = 0; i < BECH32_CHECKSUM_LEN; i++)
		*o++ = charset[c >> 5 * (5 - i) & 31];
	memcpy(out, hrp, hrp_len);
	*o = '\0';
	return (int)(o - out);
}

/* Checks case and range of every character, finds the last '1'. */
static int text_scan(const char *s, size_t s_len, size_t *ret_sep)
{
	bool lower = false, upper = false, found = false;
	for (size_t i = 0; i < s_len; i++) {
		if (!hrp_char_valid(s[i]))
			return -ERR_FORMAT;
		lower |= s[i] >= 'a' && s[i] <= 'z';
		upper |= s[i] >= 'A' && s[i] <= 'Z';
		if (s[i] == '1') {
			*ret_sep = i;
			found = true;
		}
	}
	return !found || (lower && upper) ? -ERR_FORMAT : 0;
}

static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

int bech32_decode(const char *s, size_t s_len, size_t text_max, uint32_t *ret_checksum, char *hrp,
		  uint8_t *data, size_t data_max, size_t *ret_data_n)
{
	size_t sep;
	if (s_len > text_max || s_len > BECH32_TEXT_MAX)
		return -ERR_OVERSIZE;
	if (text_scan(s, s_len, &sep) < 0 || sep < 1 || sep > BECH32_HRP_MAX ||
	    s_len - sep - 1 < BECH32_CHECKSUM_LEN)
		return -ERR_FORMAT;
	size_t data_n = s_len - sep - 1 - BECH32_CHECKSUM_LEN;
	if (data_n > data_max)
		return -ERR_OVERSIZE;
	char hrp_lower[BECH32_HRP_MAX + 1];
	for (size_t i = 0; i < sep; i++)
		hrp_lower[i] = to_lower(s[i]);
	hrp_lower[sep] = '\0';
	uint8_t groups[BECH32_TEXT_MAX];
	uint32_t c = polymod_hrp(hrp_lower, sep);
	for (size_t i = sep + 1; i < s_len; i++) {
		const char *at = memchr(charset, to_lower(s[i]), 32);
		if (!at)
			return -ERR_FORMAT;
		groups[i - sep - 1] = (uint8_t)(at - charset);
		c = polymod_step(c) ^ groups[i - sep - 1];
	}
	if (c != BECH32_CONST && c != BECH32M_CONST)
		return -ERR_CHECKSUM;
	memcpy(hrp, hrp_lower, sep + 1);
	if (data_n)
		memcpy(data, groups, data_n);
	*ret_checksum = c;
	*ret_data_n = data_n;
	return 0;
}

int bech32_from_bytes(const uint8_t *p, size_t len, uint8_t *out, size_t out_max)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t n = 0;
	if (len > BECH32_DATA_MAX || (len * 8 + 4) / 5 > out_max)
		return -ERR_OVERSIZE;
	for (size_t i = 0; i < len; i++) {
		acc = (acc << 8 | p[i]) & 0xfff;
		for (bits += 8; bits >= 5;)
			out[n++] = acc >> (bits -= 5) & 31;
	}
	if (bits)
		out[n++] = acc << (5 - bits) & 31;
	return (int)n;
}

int bech32_to_bytes(const uint8_t *data, size_t data_n, uint8_t *out, size_t out_max)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t n = 0;
	if (data_n > BECH32_DATA_MAX || data_n * 5 / 8 > out_max)
		return -ERR_OVERSIZE;
	for (size_t i = 0; i < data_n; i++) {
		if (data[i] > 31)
			return -ERR_FORMAT;
		acc = (acc << 5 | data[i]) & 0xfff;
		if ((bits += 5) >= 8)
			out[n++] = (uint8_t)(acc >> (bits -= 8));
	}
	if (bits >= 5 || (acc & ((1u << bits) - 1)))
		return -ERR_FORMAT;
	return (int)n;
}
