/* SPDX-License-Identifier: Apache-2.0
 * Keys of age: their text, the keys derived from them, wrapping and unwrapping of file keys. */
#include "base/bech32.h"
#include "wire/age-int.h"

static const char hrp_recipient[] = "age", hrp_identity[] = "age-secret-key-";

static void key_text(const char *hrp, const uint8_t key32[static AGE_KEY_LEN], char *out,
		     size_t out_max)
{
	uint8_t groups[(AGE_KEY_LEN * 8 + 4) / 5];
	int n = bech32_from_bytes(key32, AGE_KEY_LEN, groups, sizeof(groups));
	if (n < 0 || bech32_encode(BECH32_CONST, hrp, groups, (size_t)n, out, out_max) < 0)
		*out = '\0'; /* cannot happen: every length is fixed */
	secret_wipe(groups, sizeof(groups));
}

void age_recipient_text(const uint8_t pk32[static AGE_KEY_LEN],
			char out[static AGE_RECIPIENT_TEXT_LEN + 1])
{
	key_text(hrp_recipient, pk32, out, AGE_RECIPIENT_TEXT_LEN + 1);
}

void age_identity_text(const uint8_t key32[static AGE_KEY_LEN],
		       char out[static AGE_IDENTITY_TEXT_LEN + 1])
{
	key_text(hrp_identity, key32, out, AGE_IDENTITY_TEXT_LEN + 1);
	for (char *c = out; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c -= 'a' - 'A';
}

static int key_parse(const char *hrp, const char *s, size_t len, size_t want_len,
		     uint8_t ret_key32[static AGE_KEY_LEN])
{
	char got_hrp[BECH32_HRP_MAX + 1];
	uint8_t groups[(AGE_KEY_LEN * 8 + 4) / 5], key[AGE_KEY_LEN];
	uint32_t checksum;
	size_t n;
	if (len != want_len)
		return -ERR_FORMAT;
	int r = bech32_decode(s, len, want_len, &checksum, got_hrp, groups, sizeof(groups), &n);
	if (r == 0 && checksum != BECH32_CONST)
		r = -ERR_CHECKSUM;
	if (r == 0 && (strcmp(got_hrp, hrp) != 0 ||
		       bech32_to_bytes(groups, n, key, sizeof(key)) != AGE_KEY_LEN))
		r = -ERR_FORMAT;
	if (r == 0)
		memcpy(ret_key32, key, sizeof(key));
	secret_wipe(groups, sizeof(groups));
	secret_wipe(key, sizeof(key));
	return r == -ERR_CHECKSUM || r == 0 ? r : -ERR_FORMAT;
}

/* Both cases are valid bech32; age writes recipients in lower and identities in upper case, and reads no other. */
static bool has_case(const char *s, size_t len, char first)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] >= first && s[i] <= first + 25)
			return true;
	return false;
}

int age_recipient_parse(const char *s, size_t len, uint8_t ret_pk32[static AGE_KEY_LEN])
{
	static const uint8_t any_secret[X25519_LEN] = {1};
	uint8_t pk[AGE_KEY_LEN], shared[X25519_LEN];
	if (has_case(s, len, 'A'))
		return -ERR_FORMAT;
	int r = key_parse(hrp_recipient, s, len, AGE_RECIPIENT_TEXT_LEN, pk);
	if (r == 0)
		r = x25519(any_secret, pk, shared);
	if (r == 0)
		memcpy(ret_pk32, pk, sizeof(pk));
	return r;
}

int age_identity_parse(const char *s, size_t len, uint8_t ret_key32[static AGE_KEY_LEN])
{
	if (has_case(s, len, 'a'))
		return -ERR_FORMAT;
	return key_parse(hrp_identity, s, len, AGE_IDENTITY_TEXT_LEN, ret_key32);
}

/* HKDF to 32 bytes cannot fail: the length is within its limit. */
static void derive(const void *ikm, size_t ikm_len, const void *salt, size_t salt_len,
		   const char *info, uint8_t ret_key32[static 32])
{
	int r = hkdf_sha256(ikm, ikm_len, salt, salt_len, info, strlen(info), ret_key32, 32);
	if (NEVER(r < 0))
		memset(ret_key32, 0, 32);
}

void age_wrap_key(const uint8_t shared32[static 32], const uint8_t share32[static 32],
		  const uint8_t pk32[static 32], uint8_t ret_key32[static 32])
{
	uint8_t salt[2 * AGE_KEY_LEN];
	memcpy(salt, share32, AGE_KEY_LEN);
	memcpy(salt + AGE_KEY_LEN, pk32, AGE_KEY_LEN);
	derive(shared32, 32, salt, sizeof(salt), "age-encryption.org/v1/X25519", ret_key32);
}

void age_header_mac(const uint8_t file_key16[static AGE_FILE_KEY_LEN], const void *p, size_t len,
		    uint8_t ret_mac32[static 32])
{
	uint8_t key[32];
	derive(file_key16, AGE_FILE_KEY_LEN, NULL, 0, "header", key);
	hmac_sha256(key, sizeof(key), p, len, ret_mac32);
	secret_wipe(key, sizeof(key));
}

void age_stream_init(struct age_stream *st, const uint8_t file_key16[static AGE_FILE_KEY_LEN],
		     const uint8_t nonce16[static AGE_NONCE_LEN])
{
	*st = (struct age_stream){0};
	derive(file_key16, AGE_FILE_KEY_LEN, nonce16, AGE_NONCE_LEN, "payload", st->key32);
}

void age_stream_nonce(const struct age_stream *st, bool last,
		      uint8_t ret_nonce12[static AEAD_NONCE_LEN])
{
	memset(ret_nonce12, 0, AEAD_NONCE_LEN);
	for (unsigned i = 0; i < 8; i++)
		ret_nonce12[10 - i] = (uint8_t)(st->counter >> 8 * i);
	ret_nonce12[11] = last;
}

int age_unwrap(const uint8_t key32[static AGE_KEY_LEN], const uint8_t share32[static 32],
	       const uint8_t wrapped32[static AGE_WRAPPED_LEN],
	       uint8_t ret_file_key16[static AGE_FILE_KEY_LEN])
{
	static const uint8_t zero_nonce[AEAD_NONCE_LEN];
	uint8_t pk[32], shared[32], wrap_key[32], file_key[AGE_FILE_KEY_LEN];
	if (x25519(key32, share32, shared) < 0)
		return -ERR_CRYPTO;
	x25519_public(key32, pk);
	age_wrap_key(shared, share32, pk, wrap_key);
	int r = aead_open(wrap_key, zero_nonce, NULL, 0, wrapped32, AGE_WRAPPED_LEN, file_key);
	if (r == 0)
		memcpy(ret_file_key16, file_key, sizeof(file_key));
	secret_wipe(shared, sizeof(shared));
	secret_wipe(wrap_key, sizeof(wrap_key));
	secret_wipe(file_key, sizeof(file_key));
	return r < 0 ? -ERR_NO_MATCH : 0;
}
