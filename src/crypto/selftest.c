/* SPDX-License-Identifier: Apache-2.0
 * Start and self-test: one published answer of each primitive, and one forgery that must be refused.
 *
 * Sources: FIPS 180-4 ("abc"), RFC 4231 case 2, RFC 5869 A.3, SipHash reference, RFC 8032 7.1 test 2, RFC 7748 5.2, RFC 8439 2.8.2,
 * draft-irtf-cfrg-xchacha A.3.1, RFC 7914 12 (its first), the Keccak team's "abc"; Argon2id from the reference implementation; P-256's base point. */
#include "base/text.h"
#include "crypto/crypto.h"
#include <pthread.h>
#include <sodium.h>

static const char sunscreen[] =
	"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
	"sunscreen would be it.";
enum { SUNSCREEN_LEN = sizeof(sunscreen) - 1 };

static bool is_hex(const uint8_t *p, size_t len, const char *want)
{
	char text[2 * 128 + 1];
	hex_encode(p, len, text);
	return strcmp(text, want) == 0;
}

static bool hashes_work(void)
{
	uint8_t out[SHA256_LEN];
	struct sha256 h;
	sha256("abc", 3, out);
	bool ok =
		is_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_init(&h);
	sha256_update(&h, "a", 1);
	sha256_update(&h, "bc", 2);
	sha256_final(&h, out);
	ok = ok &&
	     is_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256d("abc", 3, out);
	ok = ok &&
	     is_hex(out, 32, "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358");
	uint8_t out64[64];
	ok = ok && scrypt("", 0, "", 0, 16, 1, 1, out64, sizeof(out64)) == 0 &&
	     is_hex(out64, 64,
		    "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17"
		    "e8d3e0fb2e0d3628cf35e20c38d18906");
	hash160("abc", 3, out);
	ok = ok && is_hex(out, 20, "bb1be98c142444d7a56aa3981c3942a978e4dc33");
	keccak256("abc", 3, out);
	return ok &&
	       is_hex(out, 32, "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}

static bool macs_work(void)
{
	uint8_t out[42], key[22];
	hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
	bool ok =
		is_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	ok = ok && hmac_sha256_check("Jefe", 4, "what do ya want for nothing?", 28, out) &&
	     !hmac_sha256_check("Jefe", 4, "what do ya want for nothing!", 28, out);
	memset(key, 0x0b, sizeof(key));
	ok = ok && hkdf_sha256(key, sizeof(key), NULL, 0, NULL, 0, out, 42) == 0 &&
	     is_hex(out, 42,
		    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	return ok && siphash24(key, key, 15) == 0xa129ca6149be45e5;
}

static bool curves_work(void)
{
	uint8_t seed[32], out[64], point[32], shared[32];
	hex_decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", 64, seed,
		   32);
	ed25519_public(seed, point);
	bool ok = is_hex(point, 32,
			 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
	ed25519_sign(seed, point, "r", 1, out);
	ok = ok && is_hex(out, 64,
			  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
			  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
	ok = ok && ed25519_verify(point, "r", 1, out) == 0 &&
	     ed25519_verify(point, "s", 1, out) == -ERR_SIGNATURE;
	hex_decode("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", 64, seed,
		   32);
	hex_decode("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", 64, point,
		   32);
	ok = ok && x25519(seed, point, shared) == 0 &&
	     is_hex(shared, 32, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
	memset(point, 0, sizeof(point));
	return ok && x25519(seed, point, shared) == -ERR_CRYPTO;
}

static bool aeads_work(void)
{
	uint8_t key[32], nonce12[12], nonce24[24], ad[12], sealed[SUNSCREEN_LEN + AEAD_TAG_LEN],
		open[SUNSCREEN_LEN];
	for (uint8_t i = 0; i < 32; i++)
		key[i] = 0x80 + i;
	for (uint8_t i = 0; i < 24; i++)
		nonce24[i] = 0x40 + i;
	hex_decode("070000004041424344454647", 24, nonce12, 12);
	hex_decode("50515253c0c1c2c3c4c5c6c7", 24, ad, 12);
	aead_seal(key, nonce12, ad, 12, sunscreen, SUNSCREEN_LEN, sealed);
	bool ok = is_hex(sealed + SUNSCREEN_LEN, 16, "1ae10b594f09e26a7e902ecbd0600691") &&
		  aead_open(key, nonce12, ad, 12, sealed, sizeof(sealed), open) == 0 &&
		  memcmp(open, sunscreen, SUNSCREEN_LEN) == 0;
	sealed[0] ^= 1;
	ok = ok && aead_open(key, nonce12, ad, 12, sealed, sizeof(sealed), open) == -ERR_CRYPTO;
	xaead_seal(key, nonce24, ad, 12, sunscreen, SUNSCREEN_LEN, sealed);
	ok = ok && is_hex(sealed + SUNSCREEN_LEN, 16, "c0875924c1c7987947deafd8780acf49") &&
	     xaead_open(key, nonce24, ad, 12, sealed, sizeof(sealed), open) == 0 &&
	     memcmp(open, sunscreen, SUNSCREEN_LEN) == 0;
	sealed[0] ^= 1;
	return ok && xaead_open(key, nonce24, ad, 12, sealed, sizeof(sealed), open) == -ERR_CRYPTO;
}

static bool argon2id_works(void)
{
	uint8_t out[32];
	return argon2id("password", 8, (const uint8_t *)"somesaltsomesalt", 1, 8192, out, 32) ==
		       0 &&
	       is_hex(out, 32, "05b6ca8f8038b683887ad4916533858b49cb52040126c134f4c6e9d8711b8c09");
}

static bool p256_works(void)
{
	uint8_t key[32] = {[31] = 1}, spki[P256_SPKI_LEN], digest[32], sig[P256_SIG_MAX];
	size_t sig_len;
	sha256("abc", 3, digest);
	if (p256_public(key, spki) < 0 ||
	    !is_hex(spki + 27, 32,
		    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"))
		return false;
	if (p256_sign(key, digest, sig, &sig_len) < 0 ||
	    p256_verify(spki, digest, sig, sig_len) < 0)
		return false;
	digest[0] ^= 1;
	return p256_verify(spki, digest, sig, sig_len) == -ERR_SIGNATURE;
}

int crypto_self_test(struct err *e)
{
	static const struct {
		const char *name;
		bool (*works)(void);
	} tests[] = {
		{"hashes", hashes_work},	  {"hmac, hkdf, siphash", macs_work},
		{"ed25519, x25519", curves_work}, {"aead", aeads_work},
		{"argon2id", argon2id_works},	  {"p256", p256_works},
	};
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		if (!tests[i].works())
			return err_set(e, ERR_CRYPTO, tests[i].name,
				       "self-test of %s failed: do not run this program",
				       tests[i].name);
	return 0;
}

static pthread_once_t start_once = PTHREAD_ONCE_INIT;
static int start_result = -ERR_CRYPTO;

static void start(void)
{
	if (sodium_init() >= 0)
		start_result = crypto_self_test(NULL);
}

int crypto_start(void)
{
	(void)pthread_once(&start_once, start);
	return start_result;
}
