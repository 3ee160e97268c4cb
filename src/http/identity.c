/* SPDX-License-Identifier: Apache-2.0
 * A private key that is a callback: OpenSSL's EC_KEY_METHOD asks the signer, and everything above it (X509_sign, a TLS
 * handshake) takes it for an ordinary key. EC_KEY_METHOD is of OpenSSL's older interface; a provider is its successor, which
 * for one function would be many times the code. */
#include "http/identity.h"
#include "crypto/crypto.h"
#include "http/identity-int.h"
#include <openssl/ec.h>
#include <openssl/evp.h>
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { CERTIFICATE_LIFE_S = 3650 * 86400, CERTIFICATE_BACK_S = 86400, CERTIFICATE_MAX = 2048 };

/* ECDSA_sign(): type is ignored, as documented; dgst is what was hashed above. */
static int sign_through(int type, const unsigned char *dgst, int dgst_len, unsigned char *sig,
			unsigned int *sig_len, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec)
{
	const struct http_identity *id = EC_KEY_get_ex_data(ec, 0);
	size_t len = 0;
	if (!id || dgst_len != SHA256_LEN || id->signer.sign(id->signer.ctx, dgst, sig, &len) < 0)
		return 0;
	*sig_len = (unsigned)len;
	return 1;
}

/* One method for the process, made at the first use and kept: it holds no state, only the function above. */
static const EC_KEY_METHOD *method(void)
{
	static EC_KEY_METHOD *made;
	EC_KEY_METHOD *m = __atomic_load_n(&made, __ATOMIC_ACQUIRE);
	if (m)
		return m;
	m = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	if (!m)
		return NULL;
	EC_KEY_METHOD_set_sign(m, sign_through, NULL, NULL);
	EC_KEY_METHOD *none = NULL;
	if (!__atomic_compare_exchange_n(&made, &none, m, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		EC_KEY_METHOD_free(m);
		return none;
	}
	return m;
}

static void EC_KEY_freep(EC_KEY **k)
{
	EC_KEY_free(*k);
}

static int make_key(struct http_identity *id, struct err *e)
{
	const unsigned char *p = id->spki;
	_cleanup_(EC_KEY_freep) EC_KEY *ec = d2i_EC_PUBKEY(NULL, &p, HTTP_SPKI_LEN);
	if (!ec || p != id->spki + HTTP_SPKI_LEN ||
	    EC_GROUP_get_curve_name(EC_KEY_get0_group(ec)) != NID_X9_62_prime256v1)
		return err_set(e, ERR_FORMAT, "tls", "The TLS key is not a P-256 key.");
	id->key = EVP_PKEY_new();
	if (!method() || !id->key || EC_KEY_set_method(ec, method()) != 1 ||
	    EC_KEY_set_ex_data(ec, 0, id) != 1 || EVP_PKEY_set1_EC_KEY(id->key, ec) != 1)
		return err_set(e, ERR_NOMEM, "tls", NULL);
	return 0;
}

static int make_certificate(struct http_identity *id, const char *name, struct err *e)
{
	uint8_t serial[16];
	random_bytes(serial, sizeof(serial));
	serial[0] = (uint8_t)((serial[0] & 0x3F) |
			      0x40); /* positive and of full length (RFC 5280 4.1.2.2) */
	X509 *x = id->certificate = X509_new();
	BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);
	X509_NAME *subject = x ? X509_get_subject_name(x) : NULL;
	bool ok = x && number && X509_set_version(x, 2) &&
		  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) &&
		  X509_gmtime_adj(X509_getm_notBefore(x), -CERTIFICATE_BACK_S) &&
		  X509_gmtime_adj(X509_getm_notAfter(x), CERTIFICATE_LIFE_S) &&
		  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
					     (const unsigned char *)name, -1, -1, 0) &&
		  X509_set_issuer_name(x, subject) && X509_set_pubkey(x, id->key);
	BN_free(number);
	if (!ok)
		return err_set(e, ERR_NOMEM, "tls", NULL);
	if (!X509_sign(x, id->key, EVP_sha256()))
		return err_set(e, ERR_CRYPTO, "tls",
			       "Signing the certificate failed; does lug-keyd hold its key?");
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);
	if (len <= 0 || len > CERTIFICATE_MAX)
		return err_set(e, ERR_NOMEM, "tls", NULL);
	id->der = der;
	id->der_len = (size_t)len;
	return 0;
}

int http_identity_open(const char *name, const uint8_t spki[static HTTP_SPKI_LEN],
		       const struct http_signer *s, struct http_identity **ret_id, struct err *e)
{
	_cleanup_(http_identity_closep) struct http_identity *id = calloc(1, sizeof(*id));
	if (!id)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	id->signer = *s;
	memcpy(id->spki, spki, HTTP_SPKI_LEN);
	int r = make_key(id, e);
	if (r >= 0)
		r = make_certificate(id, name, e);
	if (r < 0)
		return r;
	*ret_id = TAKE_PTR(id);
	return 0;
}

struct http_identity *http_identity_close(struct http_identity *id)
{
	if (!id)
		return NULL;
	OPENSSL_free(id->der);
	X509_free(id->certificate);
	EVP_PKEY_free(id->key);
	free(id);
	return NULL;
}

void http_identity_pin(const struct http_identity *id, uint8_t ret_pin32[static HTTP_PIN_LEN])
{
	sha256(id->spki, HTTP_SPKI_LEN, ret_pin32);
}
