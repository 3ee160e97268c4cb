/* SPDX-License-Identifier: Apache-2.0
 * The TLS identity of a node: a self-signed certificate over a P-256 key whose private half is elsewhere (in lug-keyd) and is
 * reached through a callback. Who the other side is, its SPKI's SHA-256 says, and nothing else in its certificate. */
#ifndef HTTP_IDENTITY_H
#define HTTP_IDENTITY_H
#include "base/cleanup.h"
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { HTTP_PIN_LEN = 32, HTTP_SPKI_LEN = 91, HTTP_TLS_SIG_MAX = 72 };

/* Signs a SHA-256 digest with the private key; called from any thread that does a TLS handshake.
 * Out: ret_sig DER, *ret_len bytes. Returns 0 or a negative code. */
struct http_signer {
	int (*sign)(void *ctx, const uint8_t digest32[static 32],
		    uint8_t ret_sig[static HTTP_TLS_SIG_MAX], size_t *ret_len);
	void *ctx;
};

struct http_identity;

/** http_identity_open - make the certificate, which is signed here and now
 * In:      name     of the node, for the subject; shown to people only
 *          spki     DER SubjectPublicKeyInfo of the key
 *          s        copied; its ctx is BORROWED
 * Returns: 0; -ERR_FORMAT the SPKI is not a P-256 key; -ERR_CRYPTO signing failed; -ERR_NOMEM */
int http_identity_open(const char *name, const uint8_t spki[static HTTP_SPKI_LEN],
		       const struct http_signer *s, struct http_identity **ret_id,
		       struct err *e) WARN_UNUSED;
/** http_identity_close - release; takes NULL; returns NULL. No server or client may use it any more */
struct http_identity *http_identity_close(struct http_identity *id);
DEFINE_CLEANUP(struct http_identity *, http_identity_close);

/** http_identity_pin - SHA-256 of the SPKI */
void http_identity_pin(const struct http_identity *id, uint8_t ret_pin32[static HTTP_PIN_LEN]);
#endif
