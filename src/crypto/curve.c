/* SPDX-License-Identifier: Apache-2.0
 * Ed25519 and X25519 of libsodium. */
#include "crypto/crypto.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

void ed25519_public(const uint8_t seed32[static 32], uint8_t ret_pk32[static 32])
{
	uint8_t sk[crypto_sign_SECRETKEYBYTES];
	crypto_sign_seed_keypair(ret_pk32, sk, seed32);
	sodium_memzero(sk, sizeof(sk));
}

/* libsodium's secret key is the seed with the public key behind it. */
void ed25519_sign(const uint8_t seed32[static 32], const uint8_t pk32[static 32], const void *p,
		  size_t len, uint8_t ret_sig64[static 64])
{
	uint8_t sk[crypto_sign_SECRETKEYBYTES];
	static_assert(sizeof(sk) == ED25519_SEED_LEN + ED25519_PK_LEN, "seed and public key");
	memcpy(sk, seed32, ED25519_SEED_LEN);
	memcpy(sk + ED25519_SEED_LEN, pk32, ED25519_PK_LEN);
	crypto_sign_detached(ret_sig64, NULL, p, len, sk);
	sodium_memzero(sk, sizeof(sk));
}

int ed25519_verify(const uint8_t pk32[static 32], const void *p, size_t len,
		   const uint8_t sig64[static 64])
{
	return crypto_sign_verify_detached(sig64, p, len, pk32) == 0 ? 0 : -ERR_SIGNATURE;
}

void x25519_public(const uint8_t key32[static 32], uint8_t ret_pk32[static 32])
{
	crypto_scalarmult_base(ret_pk32, key32);
}

int x25519(const uint8_t key32[static 32], const uint8_t point32[static 32],
	   uint8_t ret_shared32[static 32])
{
	uint8_t shared[X25519_LEN];
	/* libsodium refuses points of small order; the zero check is what RFC 7748 6.1 and age ask for, whatever the library. */
	bool bad = crypto_scalarmult(shared, key32, point32) != 0;
	bad |= sodium_is_zero(shared, sizeof(shared)) != 0;
	if (!bad)
		memcpy(ret_shared32, shared, sizeof(shared));
	sodium_memzero(shared, sizeof(shared));
	return bad ? -ERR_CRYPTO : 0;
}
