/* SPDX-License-Identifier: Apache-2.0
 * TLS below the server: GnuTLS with a private key that is a callback, and a peer check that is a pin. */
#ifndef HTTP_TLS_INT_H
#define HTTP_TLS_INT_H
#include "http/identity.h"
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>

#define TLS_PRIORITIES \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1"

/* Browsers and smart cards have other keys than nodes. */
#define TLS_PRIORITIES_BROWSER "NORMAL:-VERS-ALL:+VERS-TLS1.3"

enum { TLS_CHAIN_MAX = 8 };

/* What a TLS session of the server needs to know; set as its session pointer. */
struct tls_server {
	const struct http_identity *identity;
	gnutls_pcert_st chain[TLS_CHAIN_MAX];
	unsigned chain_n;
	bool ask_only; /* a certificate of the other side is taken as it is, or none */
	gnutls_privkey_t key;
	bool (*pin_known)(void *ctx, const uint8_t pin32[static HTTP_PIN_LEN]);
	void *ctx;
};

/** tls_server_init - take the identity into GnuTLS's form; tls_server_done - release, safe on a zeroed struct
 * Returns: 0; -ERR_CRYPTO with GnuTLS's words */
int tls_server_init(struct tls_server *t, const struct http_identity *id,
		    struct err *e) WARN_UNUSED;
/** tls_server_init_pem - the same with a certificate chain and key in PEM
 * Returns: 0; -ERR_FORMAT with GnuTLS's words */
int tls_server_init_pem(struct tls_server *t, const char *certificate, const char *key,
			struct err *e) WARN_UNUSED;
void tls_server_done(struct tls_server *t);
/** tls_server_session - prepare a new session: certificate of the peer required, and known by its pin */
void tls_server_session(struct tls_server *t, gnutls_session_t session);
/** tls_server_retrieve - a gnutls_certificate_retrieve_function2 */
int tls_server_retrieve(gnutls_session_t session, const gnutls_datum_t *req_ca_rdn, int nreqs,
			const gnutls_pk_algorithm_t *pk_algos, int pk_algos_length,
			gnutls_pcert_st **pcert, unsigned int *pcert_length,
			gnutls_privkey_t *privkey);
/** tls_peer_pin - SHA-256 of the peer certificate's SPKI
 * Returns: 0; -ERR_KEY_UNKNOWN no certificate, or one that cannot be read */
int tls_peer_pin(gnutls_session_t session, uint8_t ret_pin32[static HTTP_PIN_LEN]) WARN_UNUSED;
#endif
