/* SPDX-License-Identifier: Apache-2.0
 * Three layers of bytes: client data (JSON of the browser: what was asked, by which site), authenticator data (of the key: for which site,
 * who was there, how often it signed) and, at registration, the CBOR map around the second. Here is read what says where things are and
 * whom they are for; libfido2 reads keys and checks signatures. */
#include "access/webauthn.h"
#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/json.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <string.h>

enum {
	CBOR_DEPTH_MAX = 8,
	FLAG_PRESENT = 0x01,  /* WebAuthn 6.1: somebody touched it */
	FLAG_VERIFIED = 0x04, /* and proved to be its owner: PIN, fingerprint */
	MAJOR_BYTES = 2,
	MAJOR_TEXT = 3,
	MAJOR_MAP = 5,
};

static void cred_freep(fido_cred_t **c)
{
	fido_cred_free(c);
}

static void assert_freep(fido_assert_t **a)
{
	fido_assert_free(a);
}

/* ---- client data ---- */

static int client_parse(struct webauthn_bytes client, json_t **ret, struct err *e)
{
	if (client.len > WEBAUTHN_CLIENT_MAX)
		return err_set(e, ERR_OVERSIZE, "client", NULL);
	int r = json_parse(client.p, client.len, ret, e);
	return r < 0 ? err_set(e, ERR_FORMAT, "client", "This is no client data.") : 0;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	return s ? s : "";
}

int webauthn_challenge(struct webauthn_bytes client,
		       uint8_t ret_challenge32[static WEBAUTHN_CHALLENGE_LEN], struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	uint8_t challenge[WEBAUTHN_CHALLENGE_LEN];
	size_t len = 0;
	int r = client_parse(client, &j, e);
	if (r < 0)
		return r;
	const char *s = text_of(j, "challenge");
	r = base64_decode(BASE64_URL, s, strlen(s), challenge, sizeof(challenge), &len);
	if (r < 0 || len != WEBAUTHN_CHALLENGE_LEN)
		return err_set(e, ERR_FORMAT, "challenge", "This is no challenge of this console.");
	memcpy(ret_challenge32, challenge, sizeof(challenge));
	return 0;
}

/* WebAuthn 7.1 steps 7 and 9, 7.2 steps 11 and 13: what was asked, and by whom. */
static int client_check(const struct webauthn_site *site, struct webauthn_bytes client,
			const char *type, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	int r = client_parse(client, &j, e);
	if (r < 0)
		return r;
	if (strcmp(text_of(j, "type"), type) != 0)
		return err_set(e, ERR_FORMAT, "type", "This answers another question.");
	if (strcmp(text_of(j, "origin"), site->origin) != 0 ||
	    json_is_true(json_object_get(j, "crossOrigin")))
		return err_set(e, ERR_DENIED, "origin", "The key was used for another site.");
	return 0;
}

/* ---- CBOR: where the values of the attestation object are (RFC 8949 3) ---- */

/* The head of one item. Indefinite lengths are not canonical (CTAP2 6) and refused. */
static uint8_t cbor_head(struct cur *c, uint64_t *ret_arg)
{
	uint8_t b = cur_u8(c), low = b & 31;
	*ret_arg = low < 24    ? low
		   : low == 24 ? cur_u8(c)
		   : low == 25 ? cur_u16be(c)
		   : low == 26 ? cur_u32be(c)
		   : low == 27 ? cur_u64be(c)
			       : (uint64_t)cur_fail(c, -ERR_FORMAT);
	return b >> 5;
}

static const uint8_t *cbor_bytes(struct cur *c, uint8_t major, size_t *ret_len)
{
	uint64_t n;
	if (cbor_head(c, &n) != major || n > cur_left(c)) {
		cur_fail(c, -ERR_FORMAT);
		n = 0;
	}
	*ret_len = (size_t)n;
	return cur_bytes(c, (size_t)n);
}

static void cbor_skip(struct cur *c, unsigned depth)
{
	uint64_t n;
	uint8_t major = cbor_head(c, &n);
	if (depth > CBOR_DEPTH_MAX ||
	    (major >= MAJOR_BYTES && major <= MAJOR_MAP && n > cur_left(c)))
		cur_fail(c, -ERR_FORMAT);
	else if (major == MAJOR_BYTES || major == MAJOR_TEXT)
		cur_bytes(c, (size_t)n);
	else if (major > MAJOR_TEXT && major <= MAJOR_MAP)
		for (n *= major == MAJOR_MAP ? 2 : 1; n && !c->error; n--)
			cbor_skip(c, depth + 1);
	else if (major == MAJOR_MAP + 1)
		cbor_skip(c, depth + 1); /* a tag, and what it marks */
}

struct attestation {
	struct webauthn_bytes format, statement, data;
};

static bool key_is(const uint8_t *p, size_t len, const char *name)
{
	return p && len == strlen(name) && !memcmp(p, name, len);
}

/* {"fmt": text, "attStmt": map, "authData": bytes}, each once (WebAuthn 6.5.4). */
static int attestation_parse(struct webauthn_bytes in, struct attestation *ret, struct err *e)
{
	struct attestation a = {.format = {NULL, 0}};
	struct cur c = cur_init(in.p, in.len);
	uint64_t n;
	if (in.len > WEBAUTHN_ATTESTATION_MAX)
		return err_set(e, ERR_OVERSIZE, "attestation", NULL);
	if (cbor_head(&c, &n) != MAJOR_MAP || n != 3)
		cur_fail(&c, -ERR_FORMAT);
	for (int i = 0; i < 3 && !c.error; i++) {
		size_t len;
		const uint8_t *name = cbor_bytes(&c, MAJOR_TEXT, &len);
		size_t from = c.pos;
		if (key_is(name, len, "fmt"))
			a.format.p = cbor_bytes(&c, MAJOR_TEXT, &a.format.len);
		else if (key_is(name, len, "authData"))
			a.data.p = cbor_bytes(&c, MAJOR_BYTES, &a.data.len);
		else if (key_is(name, len, "attStmt"))
			cbor_skip(&c, 0),
				a.statement = (struct webauthn_bytes){in.p + from, c.pos - from};
		else
			cur_fail(&c, -ERR_FORMAT);
	}
	if (cur_end(&c) < 0 || !a.format.p || !a.statement.p || !a.data.p)
		return err_set(e, ERR_FORMAT, "attestation", "This is no attestation of a key.");
	*ret = a;
	return 0;
}

/* ---- authenticator data ---- */

/* WebAuthn 7.1 steps 13 to 15, 7.2 steps 15 to 17: for this site, with its owner there. */
static int authenticator_check(const struct webauthn_site *site, struct webauthn_bytes data,
			       struct err *e)
{
	uint8_t want[SHA256_LEN], have[SHA256_LEN];
	struct cur c = cur_init(data.p, data.len);
	cur_copy(&c, have, sizeof(have));
	uint8_t flags = cur_u8(&c);
	if (c.error || data.len > WEBAUTHN_AUTHENTICATOR_MAX)
		return err_set(e, ERR_FORMAT, "authenticator", "This is no data of a key.");
	sha256(site->id, strlen(site->id), want);
	if (memcmp(want, have, sizeof(want)) != 0)
		return err_set(e, ERR_DENIED, "origin", "The key was used for another site.");
	if (!(flags & FLAG_PRESENT) || !(flags & FLAG_VERIFIED))
		return err_set(e, ERR_DENIED, "user",
			       "The key did not check who holds it; set a PIN or a fingerprint.");
	return 0;
}

/* ---- registration ---- */

/* With a key of this algorithm; NULL when the data is of another one, or no such data. */
static fido_cred_t *cred_of(const struct webauthn_site *site, struct webauthn_bytes client,
			    const struct attestation *a, int cose)
{
	_cleanup_(cred_freep) fido_cred_t *cred = fido_cred_new();
	bool right = cred && fido_cred_set_type(cred, cose) == FIDO_OK &&
		     fido_cred_set_rp(cred, site->id, NULL) == FIDO_OK &&
		     fido_cred_set_clientdata(cred, client.p, client.len) == FIDO_OK &&
		     fido_cred_set_uv(cred, FIDO_OPT_TRUE) == FIDO_OK &&
		     fido_cred_set_authdata_raw(cred, a->data.p, a->data.len) == FIDO_OK;
	return right ? TAKE_PTR(cred) : NULL;
}

static int cred_open(const struct webauthn_site *site, struct webauthn_bytes client,
		     const struct attestation *a, fido_cred_t **ret, struct err *e)
{
	static const int cose[] = {COSE_ES256, COSE_EDDSA, COSE_RS256};
	for (size_t i = 0; i < ARRAY_LEN(cose); i++)
		if ((*ret = cred_of(site, client, a, cose[i])))
			return 0;
	return err_set(e, ERR_UNSUPPORTED, "attestation",
		       "The key has no public key that is known here.");
}

/* None says nothing of who made the key; packed is signed with the key itself. What a maker signs would have to be believed. */
static int cred_attested(fido_cred_t *cred, const struct attestation *a, struct err *e)
{
	if (key_is(a->format.p, a->format.len, "none"))
		return a->statement.len == 1 && *a->statement.p == MAJOR_MAP << 5
			       ? 0
			       : err_set(e, ERR_FORMAT, "attestation", NULL);
	if (!key_is(a->format.p, a->format.len, "packed") ||
	    fido_cred_set_fmt(cred, "packed") != FIDO_OK ||
	    fido_cred_set_attstmt(cred, a->statement.p, a->statement.len) != FIDO_OK ||
	    fido_cred_x5c_ptr(cred))
		return err_set(e, ERR_UNSUPPORTED, "attestation",
			       "The key's attestation is of a kind that is not used here.");
	return fido_cred_verify_self(cred) == FIDO_OK
		       ? 0
		       : err_set(e, ERR_SIGNATURE, "attestation", "The key's signature is wrong.");
}

static int key_take(const fido_cred_t *cred, struct webauthn_key *ret, struct err *e)
{
	struct webauthn_key k = {.id_len = fido_cred_id_len(cred),
				 .cose = fido_cred_type(cred),
				 .public_len = fido_cred_pubkey_len(cred),
				 .count = fido_cred_sigcount(cred)};
	if (!k.id_len || k.id_len > WEBAUTHN_ID_MAX || !k.public_len ||
	    k.public_len > WEBAUTHN_PUBLIC_MAX)
		return err_set(e, ERR_FORMAT, "attestation", NULL);
	memcpy(k.id, fido_cred_id_ptr(cred), k.id_len);
	memcpy(k.public, fido_cred_pubkey_ptr(cred), k.public_len);
	*ret = k;
	return 0;
}

int webauthn_register(const struct webauthn_site *site, struct webauthn_bytes client,
		      struct webauthn_bytes attestation, struct webauthn_key *ret, struct err *e)
{
	_cleanup_(cred_freep) fido_cred_t *cred = NULL;
	struct attestation a = {.format = {NULL, 0}};
	int r = client_check(site, client, "webauthn.create", e);
	if (r >= 0)
		r = attestation_parse(attestation, &a, e);
	if (r >= 0)
		r = authenticator_check(site, a.data, e);
	if (r >= 0)
		r = cred_open(site, client, &a, &cred, e);
	if (r >= 0)
		r = cred_attested(cred, &a, e);
	return r < 0 ? r : key_take(cred, ret, e);
}

/* ---- use ---- */

static int signature_check(const fido_assert_t *a, const struct webauthn_key *key)
{
	union {
		es256_pk_t *es;
		eddsa_pk_t *ed;
		rs256_pk_t *rs;
	} pk;
	int r = FIDO_ERR_INVALID_ARGUMENT;
	if (key->cose == COSE_ES256 && (pk.es = es256_pk_new())) {
		if (es256_pk_from_ptr(pk.es, key->public, key->public_len) == FIDO_OK)
			r = fido_assert_verify(a, 0, key->cose, pk.es);
		es256_pk_free(&pk.es);
	} else if (key->cose == COSE_EDDSA && (pk.ed = eddsa_pk_new())) {
		if (eddsa_pk_from_ptr(pk.ed, key->public, key->public_len) == FIDO_OK)
			r = fido_assert_verify(a, 0, key->cose, pk.ed);
		eddsa_pk_free(&pk.ed);
	} else if (key->cose == COSE_RS256 && (pk.rs = rs256_pk_new())) {
		if (rs256_pk_from_ptr(pk.rs, key->public, key->public_len) == FIDO_OK)
			r = fido_assert_verify(a, 0, key->cose, pk.rs);
		rs256_pk_free(&pk.rs);
	}
	return r == FIDO_OK ? 0 : -ERR_SIGNATURE;
}

static bool assert_fill(fido_assert_t *a, const struct webauthn_site *site,
			struct webauthn_bytes client, struct webauthn_bytes authenticator,
			struct webauthn_bytes signature)
{
	return fido_assert_set_count(a, 1) == FIDO_OK &&
	       fido_assert_set_rp(a, site->id) == FIDO_OK &&
	       fido_assert_set_clientdata(a, client.p, client.len) == FIDO_OK &&
	       fido_assert_set_up(a, FIDO_OPT_TRUE) == FIDO_OK &&
	       fido_assert_set_uv(a, FIDO_OPT_TRUE) == FIDO_OK &&
	       fido_assert_set_authdata_raw(a, 0, authenticator.p, authenticator.len) == FIDO_OK &&
	       fido_assert_set_sig(a, 0, signature.p, signature.len) == FIDO_OK;
}

int webauthn_verify(const struct webauthn_site *site, const struct webauthn_key *key,
		    struct webauthn_bytes client, struct webauthn_bytes authenticator,
		    struct webauthn_bytes signature, uint32_t *ret_count, struct err *e)
{
	_cleanup_(assert_freep) fido_assert_t *a = fido_assert_new();
	int r = a ? client_check(site, client, "webauthn.get", e) : -ERR_NOMEM;
	if (r >= 0)
		r = authenticator_check(site, authenticator, e);
	if (r < 0)
		return r;
	if (!signature.len || signature.len > WEBAUTHN_SIGNATURE_MAX ||
	    !assert_fill(a, site, client, authenticator, signature))
		return err_set(e, ERR_FORMAT, "authenticator", "This is no data of a key.");
	if (signature_check(a, key) < 0)
		return err_set(e, ERR_SIGNATURE, "signature", "The key's signature is wrong.");
	uint32_t count = fido_assert_sigcount(a, 0);
	if ((count || key->count) && count <= key->count)
		return err_set(e, ERR_CONFLICT, "counter",
			       "The key's counter went back: it may have been copied.");
	*ret_count = count;
	return 0;
}
