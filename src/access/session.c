/* SPDX-License-Identifier: Apache-2.0
 * Sessions: the cookie holds a random token, the store its SHA-256, so that a stolen store opens nothing. */
#include "access/access.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "store/store.h"
#include <string.h>

enum { SEEN_EVERY_S = 30 /* how exactly the last use is noted */ };

static void csrf_of(const uint8_t token32[static ACCESS_TOKEN_LEN],
		    char out[static ACCESS_CSRF_TEXT + 1])
{
	static const char purpose[] = "lugdunum csrf";
	uint8_t tag[SHA256_LEN];
	hmac_sha256(token32, ACCESS_TOKEN_LEN, purpose, sizeof(purpose) - 1, tag);
	hex_encode(tag, ACCESS_CSRF_TEXT / 2, out);
}

static int token_read(const char *text, uint8_t ret[static ACCESS_TOKEN_LEN],
		      uint8_t ret_hash32[static SHA256_LEN])
{
	if (!text || strlen(text) != ACCESS_TOKEN_TEXT ||
	    hex_decode(text, ACCESS_TOKEN_TEXT, ret, ACCESS_TOKEN_LEN) < 0)
		return -ERR_SIGNED_OUT;
	sha256(ret, ACCESS_TOKEN_LEN, ret_hash32);
	return 0;
}

int access_session_open(struct store *s, const uint8_t token32[static ACCESS_TOKEN_LEN],
			const struct access_session *o, int64_t now_s, struct err *e)
{
	uint8_t hash[SHA256_LEN];
	sha256(token32, ACCESS_TOKEN_LEN, hash);
	int64_t n = store_exec(
		s,
		"INSERT INTO access_session (hash, officer, how, created_s, seen_s, proved_s, language, zone)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		VALS(val_blob(hash, sizeof(hash)), val_text(o->officer), val_i64(o->how),
		     val_i64(now_s), val_i64(now_s),
		     val_i64(o->how == ACCESS_CERTIFICATE ? 0 : now_s), val_text(o->language),
		     val_text(o->zone)),
		e);
	return n < 0 ? (int)n : 0;
}

static int load(struct store *s, const uint8_t hash32[static SHA256_LEN],
		struct access_session *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		s,
		"SELECT officer, how, created_s, seen_s, proved_s, language, zone FROM access_session WHERE hash = ?",
		VALS(val_blob(hash32, SHA256_LEN)), &rows, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_SIGNED_OUT, NULL, NULL);
	snprintf(ret->officer, sizeof(ret->officer), "%s", row_text(&rows, "officer", NULL));
	snprintf(ret->language, sizeof(ret->language), "%s", row_text(&rows, "language", NULL));
	snprintf(ret->zone, sizeof(ret->zone), "%s", row_text(&rows, "zone", NULL));
	ret->how = (enum access_how)row_i64(&rows, "how");
	ret->created_s = row_i64(&rows, "created_s");
	ret->seen_s = row_i64(&rows, "seen_s");
	ret->proved_s = row_i64(&rows, "proved_s");
	return row_err(&rows, e);
}

int access_session_find(struct store *s, const char *token, enum access_use use, int64_t now_s,
			struct access_session *ret, struct err *e)
{
	uint8_t raw[ACCESS_TOKEN_LEN], hash[SHA256_LEN];
	struct access_session found = {.seen_s = 0};
	int r = token_read(token, raw, hash);
	if (r < 0)
		return err_set(e, r, NULL, NULL);
	r = load(s, hash, &found, e);
	if (r < 0)
		return r;
	if (now_s - found.seen_s > ACCESS_IDLE_S || now_s - found.created_s > ACCESS_ABSOLUTE_S)
		return err_set(e, ERR_SIGNED_OUT, NULL, NULL);
	if (use == ACCESS_BY_PERSON && now_s - found.seen_s >= SEEN_EVERY_S) {
		int64_t n = store_exec(s, "UPDATE access_session SET seen_s = ? WHERE hash = ?",
				       VALS(val_i64(now_s), val_blob(hash, sizeof(hash))), e);
		if (n < 0)
			return (int)n;
	}
	csrf_of(raw, found.csrf);
	*ret = found;
	return 0;
}

int access_session_proved(struct store *s, const char *token, int64_t now_s, struct err *e)
{
	uint8_t raw[ACCESS_TOKEN_LEN], hash[SHA256_LEN];
	int64_t n = token_read(token, raw, hash);
	if (n >= 0)
		n = store_exec(s, "UPDATE access_session SET proved_s = ? WHERE hash = ?",
			       VALS(val_i64(now_s), val_blob(hash, sizeof(hash))), e);
	return n < 0 ? (int)n : 0;
}

int access_session_prefer(struct store *s, const char *token, const char *language,
			  const char *zone, struct err *e)
{
	uint8_t raw[ACCESS_TOKEN_LEN], hash[SHA256_LEN];
	int64_t n = token_read(token, raw, hash);
	if (n >= 0)
		n = store_exec(
			s, "UPDATE access_session SET language = ?, zone = ? WHERE hash = ?",
			VALS(val_text(language), val_text(zone), val_blob(hash, sizeof(hash))), e);
	return n < 0 ? (int)n : 0;
}

int access_session_close(struct store *s, const char *token, struct err *e)
{
	uint8_t raw[ACCESS_TOKEN_LEN], hash[SHA256_LEN];
	int64_t n = token_read(token, raw, hash);
	if (n >= 0)
		n = store_exec(s, "DELETE FROM access_session WHERE hash = ?",
			       VALS(val_blob(hash, sizeof(hash))), e);
	return n < 0 ? (int)n : 0;
}

int access_sweep(struct store *s, int64_t now_s, struct err *e)
{
	int64_t n = store_exec(
		s, "DELETE FROM access_session WHERE seen_s < ? OR created_s < ?",
		VALS(val_i64(now_s - ACCESS_IDLE_S), val_i64(now_s - ACCESS_ABSOLUTE_S)), e);
	if (n >= 0)
		n = store_exec(s, "DELETE FROM access_try WHERE since_s < ?",
			       VALS(val_i64(now_s - 2 * ACCESS_WINDOW_S)), e);
	if (n >= 0)
		n = store_exec(s, "DELETE FROM access_challenge WHERE until_s < ?",
			       VALS(val_i64(now_s)), e);
	return n < 0 ? (int)n : 0;
}
