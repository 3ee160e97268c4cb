/* SPDX-License-Identifier: Apache-2.0
 * Cryptography behind thin contracts: libsodium for keys and ciphers, OpenSSL's libcrypto for hashes at speed and P-256.
 *
 * Nothing here is home-made but Keccak-256 (no packaged library has the original padding) and the composition of HKDF
 * (RFC 5869) and HMAC keys from libsodium's HMAC. Call crypto_start() once, before any other function, in every program and
 * test. All functions are thread-safe on distinct outputs. */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H
#include "base/cleanup.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** crypto_start - initialise the libraries and run crypto_self_test() once; further calls are cheap
 * Returns: 0; -ERR_CRYPTO when a library cannot start or gives a wrong answer: the program must stop */
int crypto_start(void) WARN_UNUSED;
/** crypto_self_test - one known answer of every primitive, and one forgery refused where there is a check
 * Returns: 0; -ERR_CRYPTO, with the name of the primitive in e */
int crypto_self_test(struct err *e) WARN_UNUSED;

/* ---- hashes ---- */
enum { SHA256_LEN = 32, HASH160_LEN = 20, KECCAK256_LEN = 32, SIPHASH_KEY_LEN = 16 };

/** sha256 - SHA-256 (FIPS 180-4) of len bytes; uses the processor's SHA instructions. No allocation.
 * sha256d - SHA-256 of SHA-256, as Bitcoin hashes blocks and transactions
 * hash160 - RIPEMD-160 of SHA-256, as Bitcoin hashes keys and scripts */
void sha256(const void *p, size_t len, uint8_t out32[static SHA256_LEN]);
void sha256d(const void *p, size_t len, uint8_t out32[static SHA256_LEN]);
void hash160(const void *p, size_t len, uint8_t out20[static HASH160_LEN]);

/* Streaming SHA-256. The state is plain memory: copying the struct forks the hash. */
struct sha256 {
	uint64_t opaque[14];
};
void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *p, size_t len);
void sha256_final(struct sha256 *h, uint8_t out32[static SHA256_LEN]);

/** keccak256 - Keccak[c=512] with the original padding (0x01), as EVM chains use it; not SHA3-256 */
void keccak256(const void *p, size_t len, uint8_t out32[static KECCAK256_LEN]);

/** hmac_sha256 - HMAC-SHA-256 (RFC 2104) under a key of any length
 * hmac_sha256_check - compare with an expected tag in constant time */
void hmac_sha256(const void *key, size_t key_len, const void *p, size_t len,
		 uint8_t out32[static SHA256_LEN]);
bool hmac_sha256_check(const void *key, size_t key_len, const void *p, size_t len,
		       const uint8_t tag32[static SHA256_LEN]);
/** hmac_sha1 - HMAC-SHA-1 (RFC 2104), only for the one-time codes of RFC 6238, which authenticator programs make with it
 * Vectors: RFC 6238 appendix B */
enum { SHA1_LEN = 20 };
void hmac_sha1(const void *key, size_t key_len, const void *p, size_t len,
	       uint8_t out20[static SHA1_LEN]);

/** hkdf_sha256 - HKDF-SHA-256 (RFC 5869), extract then expand
 * In:      salt     may be NULL with length 0
 * Limits:  out_len <= HKDF_OUT_MAX (255 * 32)
 * Returns: 0; -ERR_RANGE out_len
 * Vectors: Wycheproof hkdf_sha256_test */
enum { HKDF_OUT_MAX = 255 * SHA256_LEN };
int hkdf_sha256(const void *ikm, size_t ikm_len, const void *salt, size_t salt_len,
		const void *info, size_t info_len, void *out, size_t out_len) WARN_UNUSED;

/** scrypt - key or proof of work of a password and a salt (RFC 7914); 128 * r * (n + p) bytes of memory
 * Limits:  n a power of two above 1; 1 <= r, p; 1 <= out_len
 * Returns: 0; -ERR_RANGE; -ERR_NOMEM */
int scrypt(const void *pass, size_t pass_len, const void *salt, size_t salt_len, uint64_t n,
	   uint32_t r, uint32_t p, void *out, size_t out_len) WARN_UNUSED;

/** siphash24 - SipHash-2-4 for hash tables over untrusted keys; the value is the digest read as little-endian */
uint64_t siphash24(const uint8_t key16[static SIPHASH_KEY_LEN], const void *p, size_t len);

/* ---- Ed25519 (RFC 8032) ---- */
enum { ED25519_SEED_LEN = 32, ED25519_PK_LEN = 32, ED25519_SIG_LEN = 64 };

/** ed25519_public - public key of a 32-byte seed
 * ed25519_sign - sign len bytes with the seed; deterministic
 * In:      pk32     ed25519_public() of the seed, which the caller has kept: signing under another one gives the seed away
 * Cost:    one base-point multiplication each; deriving the public key anew for each signature would be a second one */
void ed25519_public(const uint8_t seed32[static 32], uint8_t ret_pk32[static 32]);
void ed25519_sign(const uint8_t seed32[static 32], const uint8_t pk32[static 32], const void *p,
		  size_t len, uint8_t ret_sig64[static 64]);

/** ed25519_verify - strict: canonical S, canonical public key, no key or R of small order
 * Returns: 0; -ERR_SIGNATURE
 * Vectors: Wycheproof ed25519_test */
int ed25519_verify(const uint8_t pk32[static 32], const void *p, size_t len,
		   const uint8_t sig64[static 64]) WARN_UNUSED;

/* ---- X25519 (RFC 7748) ---- */
enum { X25519_LEN = 32 };

/** x25519_public - public key of a 32-byte secret
 * x25519 - shared secret; constant time in key32
 * Out:     ret_shared32  untouched on failure
 * Returns: 0; -ERR_CRYPTO the point is of low order: the shared secret would be zero
 * Vectors: Wycheproof x25519_test */
void x25519_public(const uint8_t key32[static 32], uint8_t ret_pk32[static 32]);
int x25519(const uint8_t key32[static 32], const uint8_t point32[static 32],
	   uint8_t ret_shared32[static 32]) WARN_UNUSED;

/* ---- authenticated encryption ---- */
enum { AEAD_KEY_LEN = 32, AEAD_NONCE_LEN = 12, AEAD_TAG_LEN = 16, XAEAD_NONCE_LEN = 24 };

/** aead_seal - ChaCha20-Poly1305 (RFC 8439): out = ciphertext | tag16, len + AEAD_TAG_LEN bytes; in place is allowed
 * aead_open - the reverse; len counts the tag
 * In:      ad       additional data, NULL with length 0 for none
 * Out:     out      len + 16 and len - 16 bytes; undefined bytes are never left behind: zeros on failure of open
 * Returns: aead_open: 0; -ERR_TRUNCATED below 16 bytes; -ERR_CRYPTO forged or wrong key
 * Vectors: Wycheproof chacha20_poly1305_test */
void aead_seal(const uint8_t key32[static 32], const uint8_t nonce12[static 12], const void *ad,
	       size_t ad_len, const void *p, size_t len, uint8_t *out);
int aead_open(const uint8_t key32[static 32], const uint8_t nonce12[static 12], const void *ad,
	      size_t ad_len, const void *p, size_t len, uint8_t *out) WARN_UNUSED;

/** xaead_seal, xaead_open - the same with XChaCha20 and 24-byte nonces, which may be random: for keys at rest */
void xaead_seal(const uint8_t key32[static 32], const uint8_t nonce24[static 24], const void *ad,
		size_t ad_len, const void *p, size_t len, uint8_t *out);
int xaead_open(const uint8_t key32[static 32], const uint8_t nonce24[static 24], const void *ad,
	       size_t ad_len, const void *p, size_t len, uint8_t *out) WARN_UNUSED;

/* ---- passwords and randomness ---- */
enum { ARGON2ID_SALT_LEN = 16, ARGON2ID_OPS_MAX = 64 };

/** argon2id - key from a passphrase, Argon2id v1.3, one lane
 * Limits:  1 <= ops <= ARGON2ID_OPS_MAX; 8 KiB <= mem_bytes; 16 <= out_len <= 128
 * Returns: 0; -ERR_RANGE; -ERR_NOMEM */
int argon2id(const void *pass, size_t pass_len, const uint8_t salt16[static 16], uint32_t ops,
	     size_t mem_bytes, void *out, size_t out_len) WARN_UNUSED;

/** random_bytes - from the operating system; never fails after crypto_start() */
void random_bytes(void *out, size_t len);

/* ---- secrets ---- */
/* Guarded memory: locked, guard pages around, no core dump, wiped on release. Owner: whoever called secret_init. */
struct secret {
	uint8_t *p; /* NULL when empty */
	size_t len;
};
/** secret_init - len zero bytes of guarded memory
 * Returns: 0; -ERR_RANGE len 0 or above SECRET_MAX; -ERR_NOMEM, also when the lock limit is reached
 * secret_done - wipe and release; safe on a zeroed or released struct, and as _cleanup_ */
enum { SECRET_MAX = 65536 };
int secret_init(struct secret *s, size_t len) WARN_UNUSED;
void secret_done(struct secret *s);
/** secret_equal - compare in constant time; secret_wipe - zero bytes in a way that no compiler removes */
bool secret_equal(const void *a, const void *b, size_t len);
void secret_wipe(void *p, size_t len);

/* ---- ECDSA on P-256, only for the node's TLS key ---- */
enum { P256_KEY_LEN = 32, P256_SPKI_LEN = 91, P256_SIG_MAX = 72 };

/** p256_generate - a new private scalar, big-endian
 * p256_public - its public key as SubjectPublicKeyInfo in DER (uncompressed point, always P256_SPKI_LEN bytes)
 * p256_sign - ECDSA over a SHA-256 digest; the signature is DER
 * p256_verify - the reverse, with the SPKI
 * Returns: 0; -ERR_CRYPTO the scalar or SPKI is not valid, or the library failed; -ERR_SIGNATURE (verify) */
int p256_generate(uint8_t ret_key32[static 32]) WARN_UNUSED;
int p256_public(const uint8_t key32[static 32], uint8_t ret_spki[static P256_SPKI_LEN]) WARN_UNUSED;
int p256_sign(const uint8_t key32[static 32], const uint8_t digest32[static 32],
	      uint8_t ret_sig[static P256_SIG_MAX], size_t *ret_sig_len) WARN_UNUSED;
int p256_verify(const uint8_t spki[static P256_SPKI_LEN], const uint8_t digest32[static 32],
		const uint8_t *sig, size_t sig_len) WARN_UNUSED;
#endif
