/* SPDX-License-Identifier: Apache-2.0
 * Security keys (WebAuthn): challenges, sign-in, the officer's own keys, and a key's answer as a fresh proof beside an act. Bytes of the
 * browser come as base64url text; access/key.h checks them. */
#include "audit/audit.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "lugd/visit.h"

enum { TEXT_MAX = BASE64_LEN(WEBAUTHN_ATTESTATION_MAX) };

/* ---- what a browser sends ---- */

/* Browsers bind keys to a name and to the whole origin; both follow from the host that was called, if it is the console's own. */
static int read_site(const struct api_call *c, struct webauthn_site *ret, struct err *e)
{
	const char *id = lugd_of(c)->conf.console_host.text, *host = c->web->host;
	size_t len = strlen(id);
	if (strncmp(host, id, len) != 0 || (host[len] && host[len] != ':'))
		return err_set(
			e, ERR_UNSUPPORTED, "key",
			"Security keys work where the console is called by its name, https://%s.",
			id);
	ret->id = id;
	ret->origin = arena_printf(c->a, "https://%s", host);
	return ret->origin ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

static int read_bytes(const struct api_call *c, const json_t *in, const char *name,
		      struct webauthn_bytes *ret, struct err *e)
{
	const char *text = NULL;
	int r = json_need_str(in, name, 1, TEXT_MAX, &text, e);
	if (r < 0)
		return r;
	size_t len = strlen(text);
	uint8_t *p = arena_alloc(c->a, len + 1);
	if (!p)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	r = base64_decode(BASE64_URL, text, len, p, len, &ret->len);
	ret->p = p;
	return r < 0 ? err_set(e, ERR_FORMAT, name, "This is no base64url.") : 0;
}

static int read_used(const struct api_call *c, const json_t *in, struct webauthn_site *site,
		     struct access_key_used *ret, struct err *e)
{
	const struct {
		const char *name;
		struct webauthn_bytes *to;
	} wanted[] = {{"id", &ret->id},
		      {"client", &ret->client},
		      {"authenticator", &ret->authenticator},
		      {"signature", &ret->signature}};
	int r = read_site(c, site, e);
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(wanted); i++)
		r = read_bytes(c, in, wanted[i].name, wanted[i].to, e);
	ret->site = site;
	ret->now_s = time_now_ms() / 1000;
	return r;
}

/* ---- the log ---- */

static int record(const struct api_call *c, int type, const char *what, const char *target,
		  struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(lugd_store(lugd_of(c)), STORE_WRITE, &txn, e);
	if (r >= 0)
		r = lugd_audit(c, type, what, target, NULL, e);
	return r < 0 ? r : store_commit(&txn, e);
}

/* A counter that went back is what a copied key looks like: somebody must look at it. */
static int alarm_copied(struct api_call *c, int refused)
{
	struct err e = {0};
	if (refused == -ERR_CONFLICT && record(c, AUDIT_ALARM, "credential.copied", "", &e) < 0)
		log_broken("console", "a copied key could not be recorded: %s", e.message);
	return refused;
}

/* ---- challenges ---- */

static int put_challenge(struct api_call *c, enum access_purpose purpose, json_t **ret,
			 struct err *e)
{
	uint8_t raw[WEBAUTHN_CHALLENGE_LEN];
	char text[BASE64_LEN(WEBAUTHN_CHALLENGE_LEN) + 1];
	struct webauthn_site site;
	int r = read_site(c, &site, e);
	if (r < 0)
		return r;
	random_bytes(raw, sizeof(raw));
	base64_encode(BASE64_URL, raw, sizeof(raw), text);
	r = access_challenge_put(lugd_store(lugd_of(c)), raw, purpose, c->who.officer,
				 time_now_ms() / 1000, e);
	*ret = r < 0 ? NULL
		     : json_pack("{s:s, s:s, s:i}", "challenge", text, "site", site.id, "timeout_s",
				 ACCESS_CHALLENGE_S);
	return r;
}

int api_sign_in_challenge(struct api_call *c, struct err *e)
{
	json_t *j = NULL;
	c->who.officer[0] = 0; /* who is signed in already may sign in again as another */
	int r = put_challenge(c, ACCESS_FOR_SIGN_IN, &j, e);
	return r < 0 ? r : api_reply(c, j, e);
}

int api_session_challenge(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"purpose", NULL};
	const char *purpose = NULL;
	json_t *j = NULL, *list;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "purpose", 1, 16, &purpose, e);
	if (r < 0)
		return r;
	bool proof = !strcmp(purpose, "proof");
	if (!proof && strcmp(purpose, "key") != 0)
		return err_set(e, ERR_INVAL, "purpose", "A purpose is proof or key.");
	list = access_keys(lugd_store(lugd_of(c)), c->who.officer, e);
	r = list ? put_challenge(c, proof ? ACCESS_FOR_PROOF : ACCESS_FOR_KEY, &j, e) : e->code;
	if (r < 0 || json_object_set(j, "keys", list) < 0 ||
	    json_object_set_new(j, "officer", json_string(c->who.officer)) < 0)
		r = r < 0 ? r : err_set(e, ERR_NOMEM, NULL, NULL);
	json_decref(list);
	return r < 0 ? (json_decref(j), r) : api_reply(c, j, e);
}

/* ---- use ---- */

int api_sign_in_key(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"id",	"client", "authenticator",
					   "signature", "zone",	  NULL};
	char officer[ACCESS_NAME_MAX + 1];
	struct webauthn_site site;
	struct access_key_used u = {.officer = NULL};
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = read_used(c, c->in, &site, &u, e);
	if (r >= 0)
		r = alarm_copied(c, access_key_use(lugd_store(lugd_of(c)), &u, officer, e));
	return r < 0 ? r : session_begin(c, officer, ACCESS_WEBAUTHN, e);
}

int key_prove(struct api_call *c, const char *officer, const char *answer, struct err *e)
{
	_cleanup_(json_decrefp) json_t *in = NULL;
	char whose[ACCESS_NAME_MAX + 1];
	struct webauthn_site site;
	struct access_key_used u = {.officer = officer};
	int r = json_parse(answer, strlen(answer), &in, e);
	if (r >= 0)
		r = read_used(c, in, &site, &u, e);
	return r < 0 ? r : alarm_copied(c, access_key_use(lugd_store(lugd_of(c)), &u, whose, e));
}

/* ---- an officer's own keys ---- */

int api_keys_list(struct api_call *c, struct err *e)
{
	json_t *list = access_keys(lugd_store(lugd_of(c)), c->who.officer, e);
	return list ? api_reply(c,
				json_pack("{s:s, s:o, s:s}", "officer", c->who.officer, "keys",
					  list, "host", lugd_of(c)->conf.console_host.text),
				e)
		    : e->code;
}

int api_keys_add(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"name", "client", "attestation", NULL};
	struct webauthn_site site;
	struct access_key_new n = {
		.site = &site, .officer = c->who.officer, .now_s = time_now_ms() / 1000};
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "name", 1, ACCESS_NAME_MAX, &n.name, e);
	if (r >= 0)
		r = read_bytes(c, c->in, "client", &n.client, e);
	if (r >= 0)
		r = read_bytes(c, c->in, "attestation", &n.attestation, e);
	if (r >= 0)
		r = read_site(c, &site, e);
	if (r >= 0)
		r = access_key_add(lugd_store(lugd_of(c)), &n, e);
	if (r >= 0)
		r = record(c, AUDIT_CONFIGURATION, "credential.add", c->who.officer, e);
	return r < 0 ? r : api_keys_list(c, e);
}

int api_keys_rename(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"name", NULL};
	const char *name = NULL;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "name", 1, ACCESS_NAME_MAX, &name, e);
	if (r >= 0)
		r = access_key_rename(lugd_store(lugd_of(c)), c->who.officer, api_param(c, 0), name,
				      e);
	if (r >= 0)
		r = record(c, AUDIT_CONFIGURATION, "credential.rename", c->who.officer, e);
	return r < 0 ? r : api_keys_list(c, e);
}

int api_keys_remove(struct api_call *c, struct err *e)
{
	int r = access_key_remove(lugd_store(lugd_of(c)), c->who.officer, api_param(c, 0), e);
	if (r >= 0)
		r = record(c, AUDIT_CONFIGURATION, "credential.remove", c->who.officer, e);
	return r < 0 ? r : api_keys_list(c, e);
}
