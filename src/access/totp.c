/* SPDX-License-Identifier: Apache-2.0
 * Time-based one-time passwords (RFC 6238). */
#include "access/access.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include <string.h>

enum { STEP_S = 30, CODE_DIGITS = 6, CODE_MODULUS = 1000000, SKEW_STEPS = 1 };

uint32_t totp_code(const uint8_t *key, size_t key_len, uint64_t step)
{
	uint8_t counter[8], tag[SHA1_LEN];
	for (int i = 7; i >= 0; i--, step >>= 8)
		counter[i] = (uint8_t)step;
	hmac_sha1(key, key_len, counter, sizeof(counter), tag);
	size_t off = tag[SHA1_LEN - 1] & 0x0F; /* RFC 4226 5.3, dynamic truncation */
	return (uint32_t)(tag[off] & 0x7F) << 24 | (uint32_t)tag[off + 1] << 16 |
	       (uint32_t)tag[off + 2] << 8 | tag[off + 3];
}

void totp_now(const uint8_t key20[static ACCESS_TOTP_LEN], int64_t now_s,
	      char out[static TOTP_CODE_MAX])
{
	uint32_t v = totp_code(key20, ACCESS_TOTP_LEN, (uint64_t)(now_s / STEP_S)) % CODE_MODULUS;
	snprintf(out, TOTP_CODE_MAX, "%06u", v);
}

int64_t totp_match(const uint8_t key20[static ACCESS_TOTP_LEN], const char *code, int64_t now_s)
{
	int64_t found = -ERR_DENIED, now = now_s / STEP_S;
	if (strlen(code) != CODE_DIGITS)
		return -ERR_DENIED;
	for (int64_t step = now - SKEW_STEPS; step <= now + SKEW_STEPS; step++) {
		char want[TOTP_CODE_MAX];
		totp_now(key20, step * STEP_S, want);
		if (secret_equal(want, code, CODE_DIGITS))
			found = step;
	}
	return found;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

int totp_parse(const char *text, uint8_t ret_key20[static ACCESS_TOTP_LEN])
{
	uint8_t key[ACCESS_TOTP_LEN];
	uint32_t bits = 0;
	unsigned held = 0;
	size_t n = 0;
	if (strlen(text) != TOTP_TEXT_MAX - 1)
		return -ERR_FORMAT;
	for (; *text; text++) {
		const char *at = strchr(alphabet, *text);
		if (!at)
			return -ERR_FORMAT;
		bits = bits << 5 | (uint32_t)(at - alphabet);
		held += 5;
		if (held >= 8) {
			held -= 8;
			key[n++] = (uint8_t)(bits >> held);
		}
	}
	memcpy(ret_key20, key, sizeof(key));
	return 0;
}

void totp_text(const uint8_t key20[static ACCESS_TOTP_LEN], char out[static TOTP_TEXT_MAX])
{
	for (size_t i = 0; i < TOTP_TEXT_MAX - 1; i++) {
		size_t bit = i * 5, byte = bit / 8, shift = bit % 8;
		unsigned two = (unsigned)key20[byte] << 8 |
			       (byte + 1 < ACCESS_TOTP_LEN ? key20[byte + 1] : 0);
		out[i] = alphabet[two >> (11 - shift) & 31];
	}
	out[TOTP_TEXT_MAX - 1] = 0;
}
