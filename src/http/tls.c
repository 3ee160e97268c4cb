/* SPDX-License-Identifier: Apache-2.0
 * GnuTLS side of the identity. The key is imported as callbacks, so that handshakes ask the signer; the peer's certificate is
 * checked inside the handshake, which therefore fails for anybody who is not a pinned peer. */
#include "crypto/crypto.h"
#include "http/identity-int.h"
#include "http/server.h"
#include "http/tls-int.h"
#include <gnutls/x509.h>

enum { SPKI_MAX = 1024 };

static int key_info(gnutls_privkey_t key, unsigned int flags, void *userdata)
{
	if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
		return GNUTLS_PK_ECDSA;
	if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
		return 256;
	if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO)
		return GNUTLS_FLAGS_TO_SIGN_ALGO(flags) == GNUTLS_SIGN_ECDSA_SECP256R1_SHA256;
	if (flags & GNUTLS_PRIVKEY_INFO_SIGN_ALGO)
		return GNUTLS_SIGN_ECDSA_SECP256R1_SHA256;
	return -1;
}

static int sign_digest(const struct http_identity *id, const uint8_t digest32[static 32],
		       gnutls_datum_t *signature)
{
	uint8_t sig[HTTP_TLS_SIG_MAX];
	size_t len = 0;
	if (id->signer.sign(id->signer.ctx, digest32, sig, &len) < 0)
		return GNUTLS_E_PK_SIGN_FAILED;
	signature->data = gnutls_malloc(len);
	if (!signature->data)
		return GNUTLS_E_MEMORY_ERROR;
	memcpy(signature->data, sig, len);
	signature->size = (unsigned)len;
	return 0;
}

static int key_sign_data(gnutls_privkey_t key, gnutls_sign_algorithm_t algo, void *userdata,
			 unsigned int flags, const gnutls_datum_t *data, gnutls_datum_t *signature)
{
	uint8_t digest[SHA256_LEN];
	if (algo != GNUTLS_SIGN_ECDSA_SECP256R1_SHA256)
		return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
	sha256(data->data, data->size, digest);
	return sign_digest(userdata, digest, signature);
}

static int key_sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t algo, void *userdata,
			 unsigned int flags, const gnutls_datum_t *hash, gnutls_datum_t *signature)
{
	if (hash->size != SHA256_LEN)
		return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
	return sign_digest(userdata, hash->data, signature);
}

int tls_server_init(struct tls_server *t, const struct http_identity *id, struct err *e)
{
	const gnutls_datum_t der = {id->der, (unsigned)id->der_len};
	t->identity = id;
	int r = gnutls_privkey_init(&t->key);
	if (r >= 0)
		r = gnutls_privkey_import_ext4(t->key, (void *)(uintptr_t)id, key_sign_data,
					       key_sign_hash, NULL, NULL, key_info, 0);
	if (r >= 0)
		r = gnutls_pcert_import_x509_raw(&t->chain[0], &der, GNUTLS_X509_FMT_DER, 0);
	t->chain_n = r >= 0;
	return r < 0 ? err_set(e, ERR_CRYPTO, "tls", "GnuTLS does not take the identity: %s",
			       gnutls_strerror(r))
		     : 0;
}

int tls_server_init_pem(struct tls_server *t, const char *certificate, const char *key,
			struct err *e)
{
	const gnutls_datum_t pem = {(unsigned char *)(uintptr_t)certificate,
				    (unsigned)strlen(certificate)};
	const gnutls_datum_t key_pem = {(unsigned char *)(uintptr_t)key, (unsigned)strlen(key)};
	unsigned n = TLS_CHAIN_MAX;
	int r = gnutls_pcert_list_import_x509_raw(t->chain, &n, &pem, GNUTLS_X509_FMT_PEM, 0);
	t->chain_n = r >= 0 ? n : 0;
	if (r >= 0)
		r = gnutls_privkey_init(&t->key);
	if (r >= 0)
		r = gnutls_privkey_import_x509_raw(t->key, &key_pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	return r < 0 ? err_set(e, ERR_FORMAT, "console_certificate",
			       "The console's certificate or its key cannot be read: %s",
			       gnutls_strerror(r))
		     : 0;
}

void tls_server_done(struct tls_server *t)
{
	if (t->key)
		gnutls_privkey_deinit(t->key);
	for (unsigned i = 0; i < t->chain_n; i++)
		gnutls_pcert_deinit(&t->chain[i]);
	*t = (struct tls_server){0};
}

static int pin_of(const gnutls_datum_t *certificate, gnutls_x509_crt_fmt_t format,
		  uint8_t ret_pin32[static HTTP_PIN_LEN])
{
	uint8_t spki[SPKI_MAX];
	size_t len = sizeof(spki);
	gnutls_pcert_st pcert = {0};
	if (gnutls_pcert_import_x509_raw(&pcert, certificate, format, 0) < 0)
		return -ERR_KEY_UNKNOWN;
	int r = gnutls_pubkey_export(pcert.pubkey, GNUTLS_X509_FMT_DER, spki, &len);
	gnutls_pcert_deinit(&pcert);
	if (r < 0)
		return -ERR_KEY_UNKNOWN;
	sha256(spki, len, ret_pin32);
	return 0;
}

int tls_peer_pin(gnutls_session_t session, uint8_t ret_pin32[static HTTP_PIN_LEN])
{
	unsigned n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &n);
	return list && n ? pin_of(&list[0], GNUTLS_X509_FMT_DER, ret_pin32) : -ERR_KEY_UNKNOWN;
}

int http_certificate_pin(const char *pem, uint8_t ret_pin32[static HTTP_PIN_LEN], struct err *e)
{
	const gnutls_datum_t text = {(unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem)};
	if (pin_of(&text, GNUTLS_X509_FMT_PEM, ret_pin32) < 0)
		return err_set(e, ERR_FORMAT, "certificate", "This is not a certificate in PEM.");
	return 0;
}

static int verify(gnutls_session_t session)
{
	const struct tls_server *t = gnutls_session_get_ptr(session);
	uint8_t pin[HTTP_PIN_LEN];
	if (tls_peer_pin(session, pin) < 0 || !t->pin_known(t->ctx, pin))
		return GNUTLS_E_CERTIFICATE_ERROR;
	return 0;
}

void tls_server_session(struct tls_server *t, gnutls_session_t session)
{
	gnutls_session_set_ptr(session, t);
	if (!t->ask_only)
		gnutls_session_set_verify_function(session, verify);
	gnutls_certificate_server_set_request(session, t->ask_only ? GNUTLS_CERT_REQUEST
								   : GNUTLS_CERT_REQUIRE);
}

int tls_server_retrieve(gnutls_session_t session, const gnutls_datum_t *req_ca_rdn, int nreqs,
			const gnutls_pk_algorithm_t *pk_algos, int pk_algos_length,
			gnutls_pcert_st **pcert, unsigned int *pcert_length,
			gnutls_privkey_t *privkey)
{
	struct tls_server *t = gnutls_session_get_ptr(session);
	*pcert = t->chain;
	*pcert_length = t->chain_n;
	*privkey = t->key;
	return 0;
}
