/* SPDX-License-Identifier: Apache-2.0
 * Security keys as rows: a credential of kind "webauthn", whose id is the SHA-256 of the key's own and whose secret is
 * algorithm u32be | public key's length u16be | public key | the key's id. A challenge is a row too, and gone once it was answered,
 * rightly or not. */
#include "access/access.h"
#include "access/webauthn.h"
#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "store/store.h"
#include <string.h>

enum {
	HEAD_LEN = 6,
	ROW_MAX = HEAD_LEN + WEBAUTHN_PUBLIC_MAX + WEBAUTHN_ID_MAX,
};

/* ---- rows ---- */

static void id_text(const uint8_t *id, size_t len, char out[static ACCESS_KEY_TEXT + 1])
{
	uint8_t hash[SHA256_LEN];
	sha256(id, len, hash);
	hex_encode(hash, sizeof(hash), out);
}

static size_t row_write(const struct webauthn_key *k, uint8_t out[static ROW_MAX])
{
	uint32_t cose = (uint32_t)k->cose;
	const uint8_t head[HEAD_LEN] = {(uint8_t)(cose >> 24),	       (uint8_t)(cose >> 16),
					(uint8_t)(cose >> 8),	       (uint8_t)cose,
					(uint8_t)(k->public_len >> 8), (uint8_t)k->public_len};
	memcpy(out, head, HEAD_LEN);
	memcpy(out + HEAD_LEN, k->public, k->public_len);
	memcpy(out + HEAD_LEN + k->public_len, k->id, k->id_len);
	return HEAD_LEN + k->public_len + k->id_len;
}

static int row_read(const void *p, size_t len, struct webauthn_key *ret, struct err *e)
{
	struct cur c = cur_init(p, len);
	struct webauthn_key k = {.cose = (int32_t)cur_u32be(&c), .public_len = cur_u16be(&c)};
	if (k.public_len > sizeof(k.public))
		return err_set(e, ERR_CORRUPT, "key", NULL);
	cur_copy(&c, k.public, k.public_len);
	k.id_len = cur_left(&c);
	if (k.id_len > sizeof(k.id))
		return err_set(e, ERR_CORRUPT, "key", NULL);
	cur_copy(&c, k.id, k.id_len);
	if (cur_end(&c) < 0)
		return err_set(e, ERR_CORRUPT, "key", NULL);
	*ret = k;
	return 0;
}

static int unknown(struct err *e)
{
	return err_set(e, ERR_DENIED, "key", "This key is not registered here.");
}

/* ---- challenges ---- */

int access_challenge_put(struct store *s, const uint8_t challenge32[static WEBAUTHN_CHALLENGE_LEN],
			 enum access_purpose purpose, const char *officer, int64_t now_s,
			 struct err *e)
{
	int64_t n = store_exec(
		s,
		"INSERT INTO access_challenge (challenge, purpose, officer, until_s) VALUES (?, ?, ?, ?)",
		VALS(val_blob(challenge32, WEBAUTHN_CHALLENGE_LEN), val_i64(purpose),
		     val_text(officer), val_i64(now_s + ACCESS_CHALLENGE_S)),
		e);
	return n < 0 ? (int)n : 0;
}

/* Of this purpose and officer, and in time. It is gone, whatever comes of it. */
static int challenge_take(struct store *s, struct webauthn_bytes client,
			  enum access_purpose purpose, const char *officer, int64_t now_s,
			  struct err *e)
{
	uint8_t challenge[WEBAUTHN_CHALLENGE_LEN];
	int r = webauthn_challenge(client, challenge, e);
	if (r < 0)
		return r;
	int64_t n = store_exec(
		s,
		"DELETE FROM access_challenge WHERE challenge = ? AND purpose = ? AND officer = ? AND until_s >= ?",
		VALS(val_blob(challenge, sizeof(challenge)), val_i64(purpose), val_text(officer),
		     val_i64(now_s)),
		e);
	if (n != 0)
		return n < 0 ? (int)n : 0;
	return err_set(e, ERR_STALE, "challenge",
		       "This was answered before, or too late; try once more.");
}

/* ---- registration ---- */

static int insert(struct store *s, const struct access_key_new *n, const struct webauthn_key *key,
		  struct err *e)
{
	char id[ACCESS_KEY_TEXT + 1];
	uint8_t row[ROW_MAX];
	size_t len = row_write(key, row);
	id_text(key->id, key->id_len, id);
	int64_t r = store_exec(
		s,
		"INSERT INTO access_credential (kind, id, officer, secret, counter, created_s, used_s, name)"
		" VALUES ('webauthn', ?, ?, ?, ?, ?, 0, ?) ON CONFLICT (kind, id) DO NOTHING",
		VALS(val_text(id), val_text(n->officer), val_blob(row, len), val_i64(key->count),
		     val_i64(n->now_s), val_text(n->name)),
		e);
	if (r == 0)
		return err_set(e, ERR_EXIST, "key", "This key is registered already.");
	return r < 0 ? (int)r : 0;
}

static int64_t count_keys(struct store *s, const char *officer, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		s,
		"SELECT COUNT(*) AS n FROM access_credential WHERE kind = 'webauthn' AND officer = ?",
		VALS(val_text(officer)), &rows, e);
	return r < 0 ? r : row_i64(&rows, "n");
}

static int check_name(const char *name, struct err *e)
{
	size_t len = strlen(name);
	return len && len <= ACCESS_NAME_MAX && utf8_clean(name, len)
		       ? 0
		       : err_set(e, ERR_INVAL, "name", "A key's name has 1 to %d bytes.",
				 ACCESS_NAME_MAX);
}

int access_key_add(struct store *s, const struct access_key_new *n, struct err *e)
{
	struct webauthn_key key;
	STORE_TXN(txn);
	int r = check_name(n->name, e);
	if (r < 0 || (r = store_begin(s, STORE_WRITE, &txn, e)) < 0)
		return r;
	int refused = challenge_take(s, n->client, ACCESS_FOR_KEY, n->officer, n->now_s, e);
	if (refused >= 0)
		refused = webauthn_register(n->site, n->client, n->attestation, &key, e);
	int64_t keys = refused < 0 ? 0 : count_keys(s, n->officer, e);
	if (keys >= ACCESS_KEYS_MAX)
		refused = err_set(e, ERR_QUOTA, "key", "An officer has at most %d keys.",
				  ACCESS_KEYS_MAX);
	if (refused >= 0)
		refused = keys < 0 ? (int)keys : insert(s, n, &key, e);
	r = store_commit(&txn, refused < 0 ? NULL : e); /* the challenge is used up in any case */
	return refused < 0 ? refused : r;
}

/* ---- use ---- */

static int find(struct store *s, const struct access_key_used *u, struct webauthn_key *ret,
		char ret_officer[static ACCESS_NAME_MAX + 1], struct err *e)
{
	char id[ACCESS_KEY_TEXT + 1];
	size_t len;
	STORE_ROWS(rows);
	id_text(u->id.p, u->id.len, id);
	int r = store_first(
		s,
		"SELECT officer, secret, counter FROM access_credential WHERE kind = 'webauthn' AND id = ?",
		VALS(val_text(id)), &rows, e);
	if (r < 0)
		return r;
	const char *officer = r ? row_text(&rows, "officer", NULL) : "";
	if (!r || (u->officer && strcmp(officer, u->officer) != 0))
		return unknown(e);
	snprintf(ret_officer, ACCESS_NAME_MAX + 1, "%s", officer);
	const void *p = row_blob(&rows, "secret", &len);
	r = row_read(p, len, ret, e);
	ret->count = (uint32_t)row_u64(&rows, "counter");
	return r < 0 ? r : row_err(&rows, e);
}

static int use(struct store *s, const struct access_key_used *u,
	       char ret_officer[static ACCESS_NAME_MAX + 1], struct err *e)
{
	struct webauthn_key key;
	char id[ACCESS_KEY_TEXT + 1];
	uint32_t count;
	int r = challenge_take(s, u->client, u->officer ? ACCESS_FOR_PROOF : ACCESS_FOR_SIGN_IN,
			       u->officer ? u->officer : "", u->now_s, e);
	if (r >= 0)
		r = find(s, u, &key, ret_officer, e);
	if (r >= 0)
		r = webauthn_verify(u->site, &key, u->client, u->authenticator, u->signature,
				    &count, e);
	if (r < 0)
		return r;
	id_text(u->id.p, u->id.len, id);
	int64_t n = store_exec(
		s,
		"UPDATE access_credential SET counter = ?, used_s = ? WHERE kind = 'webauthn' AND id = ?",
		VALS(val_i64(count), val_i64(u->now_s), val_text(id)), e);
	return n < 0 ? (int)n : 0;
}

int access_key_use(struct store *s, const struct access_key_used *u,
		   char ret_officer[static ACCESS_NAME_MAX + 1], struct err *e)
{
	char officer[ACCESS_NAME_MAX + 1];
	STORE_TXN(txn);
	int r = store_begin(s, STORE_WRITE, &txn, e);
	if (r < 0)
		return r;
	int refused = use(s, u, officer, e);
	r = store_commit(&txn, refused < 0 ? NULL : e);
	if (refused < 0 || r < 0)
		return refused < 0 ? refused : r;
	memcpy(ret_officer, officer, sizeof(officer));
	return 0;
}

/* ---- care ---- */

int access_key_rename(struct store *s, const char *officer, const char *id, const char *name,
		      struct err *e)
{
	int r = check_name(name, e);
	int64_t n =
		r < 0 ? r
		      : store_exec(s,
				   "UPDATE access_credential SET name = ? WHERE kind = 'webauthn'"
				   " AND officer = ? AND id = ?",
				   VALS(val_text(name), val_text(officer), val_text(id)), e);
	return n > 0 ? 0 : n < 0 ? (int)n : err_set(e, ERR_NOENT, "id", NULL);
}

int access_key_remove(struct store *s, const char *officer, const char *id, struct err *e)
{
	int64_t n = store_exec(
		s,
		"DELETE FROM access_credential WHERE kind = 'webauthn' AND officer = ? AND id = ?",
		VALS(val_text(officer), val_text(id)), e);
	return n > 0 ? 0 : n < 0 ? (int)n : err_set(e, ERR_NOENT, "id", NULL);
}

/* The key's own id too, which a browser needs to know that it is registered. */
static json_t *key_json(struct store_rows *rows, struct err *e)
{
	struct webauthn_key key;
	char created[TIME_TEXT_MAX], used[TIME_TEXT_MAX], id[BASE64_LEN(WEBAUTHN_ID_MAX) + 1];
	size_t len;
	int64_t used_s = row_i64(rows, "used_s");
	const void *p = row_blob(rows, "secret", &len);
	if (row_read(p, len, &key, e) < 0)
		return NULL;
	base64_encode(BASE64_URL, key.id, key.id_len, id);
	return json_pack("{s:s, s:s, s:s, s:s, s:s?}", "id", row_text(rows, "id", NULL), "key", id,
			 "name", row_text(rows, "name", NULL), "created_at",
			 time_utc(row_i64(rows, "created_s"), created), "used_at",
			 used_s ? time_utc(used_s, used) : NULL);
}

json_t *access_keys(struct store *s, const char *officer, struct err *e)
{
	STORE_ROWS(rows);
	_cleanup_(json_decrefp) json_t *list = json_array();
	int r = store_query(
		s,
		"SELECT id, name, secret, created_s, used_s FROM access_credential WHERE kind = 'webauthn' AND officer = ?"
		" ORDER BY created_s, id",
		VALS(val_text(officer)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0)
		if (json_array_append_new(list, key_json(&rows, e)) < 0)
			r = e && e->code ? e->code : err_set(e, ERR_NOMEM, NULL, NULL);
	return r < 0 ? NULL : TAKE_PTR(list);
}
