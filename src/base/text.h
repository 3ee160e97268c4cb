/* SPDX-License-Identifier: Apache-2.0
 * Text codecs: hex, base64 (RFC 4648), base58, decimals. All strict: exactly one text for each value is accepted. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** hex_encode - lower-case hex of len bytes
 * Out:     out      2 * len + 1 characters, NUL behind */
void hex_encode(const void *p, size_t len, char *out);
/** hex_decode - hex of exactly out_len bytes, lower or upper case
 * Returns: 0; -ERR_FORMAT when the length or a character is wrong */
int hex_decode(const char *s, size_t s_len, void *out, size_t out_len);

/* Characters, without the NUL, of the base64 of n bytes. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)
#define BASE64_RAW_LEN(n) (((n)*4 + 2) / 3)
enum base64_variant {
	BASE64_PADDED,
	BASE64_RAW, /* no padding, as in age */
	BASE64_URL, /* no padding, - and _ (RFC 4648 5), as in WebAuthn */
};
/** base64_encode - in the variant's alphabet
 * Out:     out      BASE64_LEN(len) + 1 characters (BASE64_RAW_LEN for raw), NUL behind
 * Returns: characters written, without the NUL */
size_t base64_encode(enum base64_variant v, const void *p, size_t len, char *out);
/** base64_decode - canonical base64 only: right padding, zero trailing bits, no white space
 * Out:     ret_len  bytes decoded, at most out_max
 * Returns: 0; -ERR_FORMAT; -ERR_OVERSIZE */
int base64_decode(enum base64_variant v, const char *s, size_t s_len, void *out, size_t out_max,
		  size_t *ret_len);

/** base58_encode - Bitcoin's alphabet, no checksum
 * Limits:  len <= BASE58_MAX bytes in
 * Out:     out      out_max characters with the NUL
 * Returns: characters written without the NUL; -ERR_OVERSIZE
 * base58_decode - the reverse
 * Returns: 0; -ERR_FORMAT; -ERR_OVERSIZE
 * Vectors: base58_encode_decode.json of Bitcoin Core */
enum { BASE58_MAX = 256 };
int base58_encode(const void *p, size_t len, char *out, size_t out_max);
int base58_decode(const char *s, size_t s_len, void *out, size_t out_max, size_t *ret_len);

/** dec_parse_u64 - decimal digits, no sign, no leading zero, at most max
 * Returns: 0; -ERR_FORMAT; -ERR_RANGE */
int dec_parse_u64(const char *s, size_t s_len, uint64_t max, uint64_t *ret_v);

/** utf8_valid - well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms); utf8_clean - also free of control characters
 * (U+0000 to U+001F, U+007F to U+009F) */
bool utf8_valid(const char *s, size_t len);
bool utf8_clean(const char *s, size_t len);
/** utf8_repair - put "?" for each byte that is no part of well-formed UTF-8: what a message cut at its limit may end with */
void utf8_repair(char *s);

/** name_valid - names of nodes, keys, officers: 1 to 64 of a-z 0-9 . _ / -, first and last a letter or digit */
bool name_valid(const char *s, size_t len);
#endif
