/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 and RIPEMD-160 of libcrypto, HMAC and SipHash of libsodium, HKDF over HMAC.
 *
 * The low-level SHA256_* functions of OpenSSL 3 are used on purpose: they need no context from the heap and no provider
 * fetch, which costs more than hashing one Bitcoin header does, and they use the SHA instructions just the same. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/crypto.h"
#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ripemd.h>
#include <openssl/sha.h>
#include <sodium.h>

static_assert(sizeof(struct sha256) >= sizeof(SHA256_CTX),
	      "struct sha256 must hold libcrypto's state");
static_assert(_Alignof(struct sha256) >= _Alignof(SHA256_CTX),
	      "struct sha256 must be aligned for libcrypto's state");

/* The functions below return 1 for every input; a zero would mean that libcrypto is broken, and the self-test sees that. */
void sha256_init(struct sha256 *h)
{
	(void)SHA256_Init((SHA256_CTX *)h);
}

void sha256_update(struct sha256 *h, const void *p, size_t len)
{
	if (len)
		(void)SHA256_Update((SHA256_CTX *)h, p, len);
}

void sha256_final(struct sha256 *h, uint8_t out32[static SHA256_LEN])
{
	(void)SHA256_Final(out32, (SHA256_CTX *)h);
}

void sha256(const void *p, size_t len, uint8_t out32[static SHA256_LEN])
{
	struct sha256 h;
	sha256_init(&h);
	sha256_update(&h, p, len);
	sha256_final(&h, out32);
}

void sha256d(const void *p, size_t len, uint8_t out32[static SHA256_LEN])
{
	uint8_t inner[SHA256_LEN];
	sha256(p, len, inner);
	sha256(inner, sizeof(inner), out32);
}

void hash160(const void *p, size_t len, uint8_t out20[static HASH160_LEN])
{
	uint8_t inner[SHA256_LEN];
	RIPEMD160_CTX ctx;
	sha256(p, len, inner);
	(void)RIPEMD160_Init(&ctx);
	(void)RIPEMD160_Update(&ctx, inner, sizeof(inner));
	(void)RIPEMD160_Final(out20, &ctx);
}

void hmac_sha256(const void *key, size_t key_len, const void *p, size_t len,
		 uint8_t out32[static SHA256_LEN])
{
	crypto_auth_hmacsha256_state st;
	crypto_auth_hmacsha256_init(&st, key_len ? key : "",
				    key_len); /* the library takes no NULL */
	crypto_auth_hmacsha256_update(&st, p, len);
	crypto_auth_hmacsha256_final(&st, out32);
	sodium_memzero(&st, sizeof(st));
}

bool hmac_sha256_check(const void *key, size_t key_len, const void *p, size_t len,
		       const uint8_t tag32[static SHA256_LEN])
{
	uint8_t want[SHA256_LEN];
	hmac_sha256(key, key_len, p, len, want);
	bool equal = secret_equal(want, tag32, sizeof(want));
	sodium_memzero(want, sizeof(want));
	return equal;
}

void hmac_sha1(const void *key, size_t key_len, const void *p, size_t len,
	       uint8_t out20[static SHA1_LEN])
{
	unsigned out_len = 0;
	const unsigned char *done =
		HMAC(EVP_sha1(), key_len ? key : "", (int)key_len, p, len, out20, &out_len);
	assert(done && out_len == SHA1_LEN);
}

/* RFC 5869 2.3: T(i) = HMAC(PRK, T(i-1) | info | i), i from 1. */
static void hkdf_expand(const uint8_t prk[SHA256_LEN], const void *info, size_t info_len,
			uint8_t *out, size_t out_len)
{
	uint8_t t[SHA256_LEN];
	crypto_auth_hmacsha256_state st;
	for (uint8_t i = 1; out_len; i++) {
		crypto_auth_hmacsha256_init(&st, prk, SHA256_LEN);
		if (i > 1)
			crypto_auth_hmacsha256_update(&st, t, sizeof(t));
		crypto_auth_hmacsha256_update(&st, info, info_len);
		crypto_auth_hmacsha256_update(&st, &i, 1);
		crypto_auth_hmacsha256_final(&st, t);
		size_t n = out_len < sizeof(t) ? out_len : sizeof(t);
		memcpy(out, t, n);
		out += n;
		out_len -= n;
	}
	sodium_memzero(t, sizeof(t));
	sodium_memzero(&st, sizeof(st));
}

int hkdf_sha256(const void *ikm, size_t ikm_len, const void *salt, size_t salt_len,
		const void *info, size_t info_len, void *out, size_t out_len)
{
	uint8_t prk[SHA256_LEN];
	if (out_len > HKDF_OUT_MAX)
		return -ERR_RANGE;
	hmac_sha256(salt, salt_len, ikm, ikm_len, prk);
	hkdf_expand(prk, info, info_len, out, out_len);
	sodium_memzero(prk, sizeof(prk));
	return 0;
}

int scrypt(const void *pass, size_t pass_len, const void *salt, size_t salt_len, uint64_t n,
	   uint32_t r, uint32_t p, void *out, size_t out_len)
{
	if (n < 2 || (n & (n - 1)) || r == 0 || p == 0 || out_len == 0)
		return -ERR_RANGE;
	if (crypto_pwhash_scryptsalsa208sha256_ll(pass, pass_len, salt, salt_len, n, r, p, out,
						  out_len) == 0)
		return 0;
	return errno == ENOMEM ? -ERR_NOMEM : -ERR_RANGE;
}

uint64_t siphash24(const uint8_t key16[static SIPHASH_KEY_LEN], const void *p, size_t len)
{
	uint8_t digest[crypto_shorthash_siphash24_BYTES];
	uint64_t v = 0;
	crypto_shorthash_siphash24(digest, p, len, key16);
	for (unsigned i = 0; i < sizeof(digest); i++)
		v |= (uint64_t)digest[i] << 8 * i;
	return v;
}
