/* SPDX-License-Identifier: Apache-2.0
 * ECDSA on P-256 of libcrypto: TLS 1.3 between nodes wants a curve that every TLS library has. The private key is kept as
 * its bare scalar, so that it is sealed at rest like every other key; the public point is derived when needed. */
#include "crypto/crypto.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

enum { POINT_LEN = 65 };

/* SubjectPublicKeyInfo (RFC 5480) up to the point: ecPublicKey, prime256v1, a BIT STRING of 66 bytes without unused bits. */
static const uint8_t spki_head[P256_SPKI_LEN - POINT_LEN] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};

DEFINE_CLEANUP(BIGNUM *, BN_clear_free);
DEFINE_CLEANUP(BN_CTX *, BN_CTX_free);
DEFINE_CLEANUP(EC_GROUP *, EC_GROUP_free);
DEFINE_CLEANUP(EC_POINT *, EC_POINT_free);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);
DEFINE_CLEANUP(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free);
DEFINE_CLEANUP(OSSL_PARAM *, OSSL_PARAM_free);

/* The scalar as a secret number in [1, order); NULL when it is not, or without memory. */
static BIGNUM *scalar_new(const EC_GROUP *group, const uint8_t key32[static 32])
{
	_cleanup_(BN_clear_freep) BIGNUM *k = BN_secure_new();
	if (!k || !BN_bin2bn(key32, P256_KEY_LEN, k))
		return NULL;
	BN_set_flags(k, BN_FLG_CONSTTIME);
	if (BN_is_zero(k) || BN_cmp(k, EC_GROUP_get0_order(group)) >= 0)
		return NULL;
	return TAKE_PTR(k);
}

static int point_of(const EC_GROUP *group, const BIGNUM *k, uint8_t ret_point[static POINT_LEN])
{
	_cleanup_(EC_POINT_freep) EC_POINT *pt = EC_POINT_new(group);
	_cleanup_(BN_CTX_freep) BN_CTX *ctx = BN_CTX_secure_new();
	if (!pt || !ctx || !EC_POINT_mul(group, pt, k, NULL, NULL, ctx))
		return -ERR_CRYPTO;
	size_t n = EC_POINT_point2oct(group, pt, POINT_CONVERSION_UNCOMPRESSED, ret_point,
				      POINT_LEN, ctx);
	return n == POINT_LEN ? 0 : -ERR_CRYPTO;
}

/* A libcrypto key of a point, and of a scalar when k is given. */
static EVP_PKEY *pkey_new(const BIGNUM *k, const uint8_t point[static POINT_LEN])
{
	_cleanup_(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	if (!bld ||
	    !OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ||
	    !OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_LEN) ||
	    (k && !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, k)))
		return NULL;
	_cleanup_(OSSL_PARAM_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	_cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx =
		EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;
	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, k ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) <= 0)
		return NULL;
	return pkey;
}

int p256_generate(uint8_t ret_key32[static 32])
{
	_cleanup_(EC_GROUP_freep) EC_GROUP *group =
		EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	_cleanup_(BN_clear_freep) BIGNUM *k = BN_secure_new();
	if (!group || !k)
		return -ERR_CRYPTO;
	do {
		if (!BN_priv_rand_range(k, EC_GROUP_get0_order(group)))
			return -ERR_CRYPTO;
	} while (BN_is_zero(k));
	return BN_bn2binpad(k, ret_key32, P256_KEY_LEN) == P256_KEY_LEN ? 0 : -ERR_CRYPTO;
}

int p256_public(const uint8_t key32[static 32], uint8_t ret_spki[static P256_SPKI_LEN])
{
	uint8_t point[POINT_LEN];
	_cleanup_(EC_GROUP_freep) EC_GROUP *group =
		EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	_cleanup_(BN_clear_freep) BIGNUM *k = group ? scalar_new(group, key32) : NULL;
	if (!k || point_of(group, k, point) < 0)
		return -ERR_CRYPTO;
	memcpy(ret_spki, spki_head, sizeof(spki_head));
	memcpy(ret_spki + sizeof(spki_head), point, POINT_LEN);
	return 0;
}

int p256_sign(const uint8_t key32[static 32], const uint8_t digest32[static 32],
	      uint8_t ret_sig[static P256_SIG_MAX], size_t *ret_sig_len)
{
	uint8_t point[POINT_LEN];
	_cleanup_(EC_GROUP_freep) EC_GROUP *group =
		EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	_cleanup_(BN_clear_freep) BIGNUM *k = group ? scalar_new(group, key32) : NULL;
	if (!k || point_of(group, k, point) < 0)
		return -ERR_CRYPTO;
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = pkey_new(k, point);
	_cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx =
		pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
	size_t len = P256_SIG_MAX;
	if (!ctx || EVP_PKEY_sign_init(ctx) <= 0 ||
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) <= 0 ||
	    EVP_PKEY_sign(ctx, ret_sig, &len, digest32, SHA256_LEN) <= 0)
		return -ERR_CRYPTO;
	*ret_sig_len = len;
	return 0;
}

int p256_verify(const uint8_t spki[static P256_SPKI_LEN], const uint8_t digest32[static 32],
		const uint8_t *sig, size_t sig_len)
{
	if (memcmp(spki, spki_head, sizeof(spki_head)) != 0)
		return -ERR_CRYPTO;
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = pkey_new(NULL, spki + sizeof(spki_head));
	_cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx =
		pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
	if (!ctx || EVP_PKEY_verify_init(ctx) <= 0 ||
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) <= 0)
		return -ERR_CRYPTO;
	return EVP_PKEY_verify(ctx, sig, sig_len, digest32, SHA256_LEN) == 1 ? 0 : -ERR_SIGNATURE;
}
