/* SPDX-License-Identifier: Apache-2.0
 * WebAuthn (W3C Web Authentication Level 2): what a browser and a security key say, checked. Pure: challenge, key and name of this
 * console come from the caller, rows are in key.c. Signatures are libfido2's (docs/decision/0019-libfido2.md). */
#ifndef ACCESS_WEBAUTHN_H
#define ACCESS_WEBAUTHN_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum {
	WEBAUTHN_CHALLENGE_LEN = 32,
	WEBAUTHN_ID_MAX = 1023, /* bytes of a credential's id (WebAuthn 4) */
	WEBAUTHN_PUBLIC_MAX = 280,
	WEBAUTHN_CLIENT_MAX = 4096, /* client data: JSON that the browser made */
	WEBAUTHN_ATTESTATION_MAX = 16384,
	WEBAUTHN_AUTHENTICATOR_MAX = 2048,
	WEBAUTHN_SIGNATURE_MAX = 1024,
};

/* This console as browsers know it. */
struct webauthn_site {
	const char *id;	    /* "console.rome.example" */
	const char *origin; /* "https://console.rome.example:9443" */
};
struct webauthn_bytes {
	const uint8_t *p; /* borrowed, untrusted */
	size_t len;
};
/* A registered key. */
struct webauthn_key {
	uint8_t id[WEBAUTHN_ID_MAX];
	size_t id_len;
	int cose; /* algorithm: ES256, EdDSA, RS256 */
	uint8_t public[WEBAUTHN_PUBLIC_MAX];
	size_t public_len;
	uint32_t count; /* of its signatures; 0 for a key that does not count */
};

/** webauthn_challenge - the challenge that client data answers, before anything of it is believed
 * Returns: 0; -ERR_FORMAT, -ERR_OVERSIZE with "challenge" */
int webauthn_challenge(struct webauthn_bytes client,
		       uint8_t ret_challenge32[static WEBAUTHN_CHALLENGE_LEN],
		       struct err *e) WARN_UNUSED;

/** webauthn_register - check what navigator.credentials.create() gave
 * In:      client       clientDataJSON, whose challenge the caller has taken
 *          attestation  attestationObject: format none, or packed signed by the key itself
 * Out:     ret          untouched on failure
 * Returns: 0; -ERR_FORMAT; -ERR_OVERSIZE; -ERR_DENIED "origin" another site, "user" nobody proved to be there; -ERR_UNSUPPORTED
 *          another attestation or algorithm; -ERR_SIGNATURE; -ERR_NOMEM
 * Source:  WebAuthn 7.1 */
int webauthn_register(const struct webauthn_site *site, struct webauthn_bytes client,
		      struct webauthn_bytes attestation, struct webauthn_key *ret,
		      struct err *e) WARN_UNUSED;

/** webauthn_verify - check what navigator.credentials.get() gave
 * Out:     ret_count  the key's counter now
 * Returns: as webauthn_register; -ERR_CONFLICT "counter" it went back: the key, or a copy of it, was used elsewhere
 * Source:  WebAuthn 7.2 */
int webauthn_verify(const struct webauthn_site *site, const struct webauthn_key *key,
		    struct webauthn_bytes client, struct webauthn_bytes authenticator,
		    struct webauthn_bytes signature, uint32_t *ret_count,
		    struct err *e) WARN_UNUSED;
#endif
