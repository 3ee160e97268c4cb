/* SPDX-License-Identifier: Apache-2.0
 * ChaCha20-Poly1305, XChaCha20-Poly1305, Argon2id and randomness of libsodium. */
#include "crypto/crypto.h"
#include <assert.h>
#include <sodium.h>

static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == AEAD_TAG_LEN,
	      "tag of the IETF construction");
static_assert(crypto_aead_chacha20poly1305_ietf_NPUBBYTES == AEAD_NONCE_LEN,
	      "nonce of the IETF construction");
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == AEAD_TAG_LEN,
	      "tag of the X construction");
static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == XAEAD_NONCE_LEN,
	      "nonce of the X construction");

void aead_seal(const uint8_t key32[static 32], const uint8_t nonce12[static 12], const void *ad,
	       size_t ad_len, const void *p, size_t len, uint8_t *out)
{
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, p, len, ad, ad_len, NULL, nonce12,
						  key32);
}

int aead_open(const uint8_t key32[static 32], const uint8_t nonce12[static 12], const void *ad,
	      size_t ad_len, const void *p, size_t len, uint8_t *out)
{
	if (len < AEAD_TAG_LEN)
		return -ERR_TRUNCATED;
	int r = crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, p, len, ad, ad_len,
							  nonce12, key32);
	return r == 0 ? 0 : -ERR_CRYPTO;
}

void xaead_seal(const uint8_t key32[static 32], const uint8_t nonce24[static 24], const void *ad,
		size_t ad_len, const void *p, size_t len, uint8_t *out)
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, p, len, ad, ad_len, NULL, nonce24,
						   key32);
}

int xaead_open(const uint8_t key32[static 32], const uint8_t nonce24[static 24], const void *ad,
	       size_t ad_len, const void *p, size_t len, uint8_t *out)
{
	if (len < AEAD_TAG_LEN)
		return -ERR_TRUNCATED;
	int r = crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, p, len, ad, ad_len,
							   nonce24, key32);
	return r == 0 ? 0 : -ERR_CRYPTO;
}

int argon2id(const void *pass, size_t pass_len, const uint8_t salt16[static 16], uint32_t ops,
	     size_t mem_bytes, void *out, size_t out_len)
{
	static_assert(crypto_pwhash_argon2id_SALTBYTES == ARGON2ID_SALT_LEN, "salt of Argon2id");
	if (ops < 1 || ops > ARGON2ID_OPS_MAX || mem_bytes < crypto_pwhash_argon2id_MEMLIMIT_MIN ||
	    mem_bytes > crypto_pwhash_argon2id_MEMLIMIT_MAX ||
	    out_len < crypto_pwhash_argon2id_BYTES_MIN || out_len > 128 ||
	    pass_len > crypto_pwhash_argon2id_PASSWD_MAX)
		return -ERR_RANGE;
	if (crypto_pwhash_argon2id(out, out_len, pass_len ? pass : "", pass_len, salt16, ops,
				   mem_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return -ERR_NOMEM;
	return 0;
}

void random_bytes(void *out, size_t len)
{
	randombytes_buf(out, len);
}
