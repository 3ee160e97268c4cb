/* SPDX-License-Identifier: Apache-2.0
 * Text codecs: hex and base64 by libsodium, base58 by schoolbook division (inputs are short), UTF-8 by table of RFC 3629. */
#include "base/text.h"
#include "base/err.h"
#include <sodium.h>

void hex_encode(const void *p, size_t len, char *out)
{
	sodium_bin2hex(out, 2 * len + 1, p, len);
}

int hex_decode(const char *s, size_t s_len, void *out, size_t out_len)
{
	size_t n;
	if (s_len != 2 * out_len)
		return -ERR_FORMAT;
	if (s_len == 0)
		return 0;
	if (sodium_hex2bin(out, out_len, s, s_len, NULL, &n, NULL) != 0 || n != out_len)
		return -ERR_FORMAT;
	return 0;
}

static int sodium_variant(enum base64_variant v)
{
	switch (v) {
	case BASE64_PADDED:
		return sodium_base64_VARIANT_ORIGINAL;
	case BASE64_RAW:
		return sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
	case BASE64_URL:
		return sodium_base64_VARIANT_URLSAFE_NO_PADDING;
	}
	return 0;
}

size_t base64_encode(enum base64_variant v, const void *p, size_t len, char *out)
{
	size_t n = v == BASE64_PADDED ? BASE64_LEN(len) : BASE64_RAW_LEN(len);
	sodium_bin2base64(out, n + 1, p, len, sodium_variant(v));
	return n;
}

/* libsodium 1.0.18 takes some bytes above 127 for characters of the alphabet, so they are refused first. */
static bool base64_ascii(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < '+' || s[i] > 'z')
			return false;
	return true;
}

int base64_decode(enum base64_variant v, const char *s, size_t s_len, void *out, size_t out_max,
		  size_t *ret_len)
{
	size_t n, chars = s_len;
	const char *end;
	uint8_t none;
	while (v == BASE64_PADDED && chars > 0 && s_len - chars < 2 && s[chars - 1] == '=')
		chars--;
	/* Decided here: libsodium's errno does not tell a short buffer from bad padding. */
	if (chars / 4 * 3 + chars % 4 * 3 / 4 > out_max)
		return -ERR_OVERSIZE;
	if (!base64_ascii(s, s_len) ||
	    sodium_base642bin(out ? out : &none, out_max, s, s_len, NULL, &n, &end,
			      sodium_variant(v)) != 0 ||
	    end != s + s_len)
		return -ERR_FORMAT;
	*ret_len = n;
	return 0;
}

static const char base58_alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/* 138/100 > log(256)/log(58): characters that n bytes need at the most */
enum { BASE58_TEXT_MAX = BASE58_MAX * 138 / 100 + 2 };

int base58_encode(const void *p, size_t len, char *out, size_t out_max)
{
	const uint8_t *in = p;
	uint8_t digit[BASE58_TEXT_MAX] = {0}; /* base 58, least first */
	size_t digits_n = 0, zeros = 0;
	if (len > BASE58_MAX)
		return -ERR_OVERSIZE;
	while (zeros < len && in[zeros] == 0)
		zeros++;
	for (size_t i = zeros; i < len; i++) {
		unsigned carry = in[i];
		for (size_t k = 0; k < digits_n || carry; k++) {
			carry += 256u * digit[k];
			digit[k] = (uint8_t)(carry % 58);
			carry /= 58;
			if (k >= digits_n)
				digits_n = k + 1;
		}
	}
	if (zeros + digits_n + 1 > out_max)
		return -ERR_OVERSIZE;
	memset(out, '1', zeros);
	for (size_t k = 0; k < digits_n; k++)
		out[zeros + k] = base58_alphabet[digit[digits_n - 1 - k]];
	out[zeros + digits_n] = 0;
	return (int)(zeros + digits_n);
}

int base58_decode(const char *s, size_t s_len, void *out, size_t out_max, size_t *ret_len)
{
	uint8_t byte[BASE58_MAX] = {0}; /* least first */
	size_t bytes_n = 0, zeros = 0;
	if (s_len > BASE58_TEXT_MAX)
		return -ERR_OVERSIZE;
	while (zeros < s_len && s[zeros] == '1')
		zeros++;
	for (size_t i = zeros; i < s_len; i++) {
		const char *at = s[i] ? strchr(base58_alphabet, s[i]) : NULL;
		if (!at)
			return -ERR_FORMAT;
		unsigned carry = (unsigned)(at - base58_alphabet);
		for (size_t k = 0; k < bytes_n || carry; k++) {
			if (k >= BASE58_MAX)
				return -ERR_OVERSIZE;
			carry += 58u * byte[k];
			byte[k] = (uint8_t)carry;
			carry >>= 8;
			if (k >= bytes_n)
				bytes_n = k + 1;
		}
	}
	if (zeros + bytes_n > out_max)
		return -ERR_OVERSIZE;
	uint8_t *to = out;
	if (zeros)
		memset(to, 0, zeros);
	for (size_t k = 0; k < bytes_n; k++)
		to[zeros + k] = byte[bytes_n - 1 - k];
	*ret_len = zeros + bytes_n;
	return 0;
}

int dec_parse_u64(const char *s, size_t s_len, uint64_t max, uint64_t *ret_v)
{
	uint64_t v = 0;
	if (s_len == 0 || (s_len > 1 && s[0] == '0'))
		return -ERR_FORMAT;
	for (size_t i = 0; i < s_len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -ERR_FORMAT;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return -ERR_RANGE;
	}
	if (v > max)
		return -ERR_RANGE;
	*ret_v = v;
	return 0;
}

/* Length of the well-formed sequence at s, 0 if malformed; its code point in *ret_cp. */
static size_t utf8_next(const uint8_t *s, size_t left, uint32_t *ret_cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80		   ? 1
		   : (s[0] & 0xe0) == 0xc0 ? 2
		   : (s[0] & 0xf0) == 0xe0 ? 3
		   : (s[0] & 0xf8) == 0xf0 ? 4
					   : 0;
	if (n == 0 || n > left)
		return 0;
	uint32_t cp = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	*ret_cp = cp;
	return n;
}

static bool utf8_check(const char *s, size_t len, bool refuse_controls)
{
	for (size_t i = 0; i < len;) {
		uint32_t cp;
		size_t n = utf8_next((const uint8_t *)s + i, len - i, &cp);
		if (n == 0)
			return false;
		if (refuse_controls && (cp < 0x20 || (cp >= 0x7f && cp <= 0x9f)))
			return false;
		i += n;
	}
	return true;
}

bool utf8_valid(const char *s, size_t len)
{
	return utf8_check(s, len, false);
}

bool utf8_clean(const char *s, size_t len)
{
	return utf8_check(s, len, true);
}

void utf8_repair(char *s)
{
	for (size_t len = strlen(s), i = 0; i < len;) {
		uint32_t cp;
		size_t n = utf8_next((const uint8_t *)s + i, len - i, &cp);
		if (n == 0)
			s[i] = '?';
		i += n ? n : 1;
	}
}

bool name_valid(const char *s, size_t len)
{
	if (len < 1 || len > 64)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool alnum = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9');
		bool inner = i > 0 && i < len - 1 && s[i] && strchr("._/-", s[i]);
		if (!alnum && !inner)
			return false;
	}
	return true;
}
