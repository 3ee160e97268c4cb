/* SPDX-License-Identifier: Apache-2.0
 * Credentials as rows: password (salt | Argon2id hash), totp (secret), certificate (id is the hex of its pin). Failures are counted
 * in windows, before anything is compared: sign-ins by officer and by address, codes of those who are signed in by officer alone and
 * apart, so that nobody outside can keep an officer at the desk from proving who it is. */
#include "access/access.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "store/store.h"
#include <string.h>

enum {
	HASH_LEN = 32,
	PASSWORD_ROW_LEN = ARGON2ID_SALT_LEN + HASH_LEN,
	PASSWORD_OPS = 2,
	PASSWORD_MEM = 64 << 20,
	WHO_MAX = 160,
};

static int password_hash(const char *password, const uint8_t salt16[static ARGON2ID_SALT_LEN],
			 uint8_t out[static HASH_LEN])
{
	return argon2id(password, strlen(password), salt16, PASSWORD_OPS, PASSWORD_MEM, out,
			HASH_LEN);
}

/* ---- rows ---- */

static int put(struct store *s, const char *kind, const char *id, const char *officer,
	       struct store_val secret, int64_t now_s, struct err *e)
{
	int64_t n = store_exec(
		s,
		"INSERT INTO access_credential (kind, id, officer, secret, counter, created_s, used_s) VALUES (?, ?, ?, ?, 0, ?, 0)"
		" ON CONFLICT (kind, id) DO UPDATE SET secret = excluded.secret, counter = 0, created_s = excluded.created_s",
		VALS(val_text(kind), val_text(id), val_text(officer), secret, val_i64(now_s)), e);
	return n < 0 ? (int)n : 0;
}

int access_recovery_set(struct store *s, const char *officer, const char *password,
			const uint8_t totp20[static ACCESS_TOTP_LEN], int64_t now_s, struct err *e)
{
	STORE_TXN(txn);
	uint8_t row[PASSWORD_ROW_LEN];
	size_t len = strlen(password);
	if (len < ACCESS_PASSWORD_MIN || len > ACCESS_PASSWORD_MAX)
		return err_set(e, ERR_RANGE, "password", "A password has %d to %d bytes.",
			       ACCESS_PASSWORD_MIN, ACCESS_PASSWORD_MAX);
	random_bytes(row, ARGON2ID_SALT_LEN);
	int r = password_hash(password, row, row + ARGON2ID_SALT_LEN);
	if (r < 0)
		return err_set(e, r, "password", NULL);
	if ((r = store_begin(s, STORE_WRITE, &txn, e)) < 0 ||
	    (r = put(s, "password", officer, officer, val_blob(row, sizeof(row)), now_s, e)) < 0 ||
	    (r = put(s, "totp", officer, officer, val_blob(totp20, ACCESS_TOTP_LEN), now_s, e)) < 0)
		return r;
	return store_commit(&txn, e);
}

int access_certificate_set(struct store *s, const char *officer,
			   const uint8_t pin32[static ACCESS_PIN_LEN], int64_t now_s, struct err *e)
{
	STORE_TXN(txn);
	char id[2 * ACCESS_PIN_LEN + 1], other[ACCESS_NAME_MAX + 1];
	hex_encode(pin32, ACCESS_PIN_LEN, id);
	int r = store_begin(s, STORE_WRITE, &txn, e);
	if (r >= 0 && (r = access_certificate_find(s, pin32, other, e)) >= 0 &&
	    strcmp(other, officer) != 0)
		return err_set(e, ERR_EXIST, "certificate", "This certificate stands for %s.",
			       other);
	if (r < 0 && r != -ERR_KEY_UNKNOWN)
		return r;
	r = put(s, "certificate", id, officer, val_blob("", 0), now_s, e);
	return r < 0 ? r : store_commit(&txn, e);
}

int access_certificate_find(struct store *s, const uint8_t pin32[static ACCESS_PIN_LEN],
			    char ret_officer[static ACCESS_NAME_MAX + 1], struct err *e)
{
	STORE_ROWS(rows);
	char id[2 * ACCESS_PIN_LEN + 1];
	hex_encode(pin32, ACCESS_PIN_LEN, id);
	int r = store_first(
		s, "SELECT officer FROM access_credential WHERE kind = 'certificate' AND id = ?",
		VALS(val_text(id)), &rows, e);
	if (r <= 0)
		return r < 0 ? r
			     : err_set(e, ERR_KEY_UNKNOWN, "certificate",
				       "This certificate stands for no officer.");
	snprintf(ret_officer, ACCESS_NAME_MAX + 1, "%s", row_text(&rows, "officer", NULL));
	return 0;
}

int access_reset(struct store *s, const char *officer, struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(s, STORE_WRITE, &txn, e);
	int64_t n = r < 0 ? r
			  : store_exec(s, "DELETE FROM access_credential WHERE officer = ?",
				       VALS(val_text(officer)), e);
	int64_t ended = n < 0 ? n
			      : store_exec(s, "DELETE FROM access_session WHERE officer = ?",
					   VALS(val_text(officer)), e);
	if (ended < 0)
		return (int)ended;
	r = store_commit(&txn, e);
	return r < 0 ? r : (int)n;
}

json_t *access_list(struct store *s, const char *officer, struct err *e)
{
	STORE_ROWS(rows);
	char created[TIME_TEXT_MAX], used[TIME_TEXT_MAX];
	_cleanup_(json_decrefp) json_t *list = json_array();
	int r = store_query(
		s,
		"SELECT kind, id, name, created_s, used_s FROM access_credential WHERE officer = ? ORDER BY kind, id",
		VALS(val_text(officer)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		int64_t used_s = row_i64(&rows, "used_s");
		json_t *o = json_pack(
			"{s:s, s:s, s:s, s:s, s:s?}", "kind", row_text(&rows, "kind", NULL), "id",
			row_text(&rows, "id", NULL), "name", row_text(&rows, "name", NULL),
			"created_at", time_utc(row_i64(&rows, "created_s"), created), "used_at",
			used_s ? time_utc(used_s, used) : NULL);
		if (json_array_append_new(list, o) < 0)
			r = err_set(e, ERR_NOMEM, NULL, NULL);
	}
	return r < 0 ? NULL : TAKE_PTR(list);
}

/* ---- limits ---- */

static int64_t window_of(int64_t now_s)
{
	return now_s - now_s % ACCESS_WINDOW_S;
}

/* Failures in this window and the one before it, so that a window's edge gives nobody twice as many. */
static int64_t tries(struct store *s, const char *who, int64_t now_s, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		s,
		"SELECT COALESCE(CAST(SUM(n) AS BIGINT), 0) AS total FROM access_try WHERE who = ? AND since_s >= ?",
		VALS(val_text(who), val_i64(window_of(now_s) - ACCESS_WINDOW_S)), &rows, e);
	return r < 0 ? r : r ? row_i64(&rows, "total") : 0;
}

static int64_t count_failure(struct store *s, const char *who, int64_t now_s, struct err *e)
{
	return store_exec(s,
			  "INSERT INTO access_try (who, since_s, n) VALUES (?, ?, 1)"
			  " ON CONFLICT (who, since_s) DO UPDATE SET n = access_try.n + 1",
			  VALS(val_text(who), val_i64(window_of(now_s))), e);
}

/* What a failure is counted under. */
struct tried {
	char officer[WHO_MAX], address[WHO_MAX]; /* address: "" for a step-up */
};

static struct tried tried_of(const struct access_try *t)
{
	struct tried k = {0};
	snprintf(k.officer, sizeof(k.officer), "%s %.64s", t->password ? "officer" : "proof",
		 t->officer);
	if (t->password)
		snprintf(k.address, sizeof(k.address), "address %.64s", t->address);
	return k;
}

static int check_limits(struct store *s, const struct access_try *t, struct err *e)
{
	const struct tried k = tried_of(t);
	int64_t officer_n = tries(s, k.officer, t->now_s, e), address_n = 0;
	if (officer_n >= 0 && k.address[0])
		address_n = tries(s, k.address, t->now_s, e);
	if (officer_n < 0 || address_n < 0)
		return (int)(officer_n < 0 ? officer_n : address_n);
	if (officer_n >= ACCESS_TRIES_MAX || address_n >= ACCESS_ADDRESS_TRIES_MAX)
		return err_set(e, ERR_QUOTA, NULL, "Too many failed tries; wait 15 minutes.");
	return 0;
}

/* ---- checks ---- */

/* The secret of a credential; zeros when there is none. Returns 1, 0, or as store_first. */
static int secret_of(struct store *s, const char *kind, const char *officer, uint8_t *out,
		     size_t len, int64_t *ret_counter, struct err *e)
{
	STORE_ROWS(rows);
	memset(out, 0, len);
	int r = store_first(
		s, "SELECT secret, counter FROM access_credential WHERE kind = ? AND id = ?",
		VALS(val_text(kind), val_text(officer)), &rows, e);
	if (r <= 0)
		return r;
	row_copy(&rows, "secret", out, len);
	*ret_counter = row_i64(&rows, "counter");
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

static int password_right(struct store *s, const struct access_try *t, bool *ret, struct err *e)
{
	uint8_t row[PASSWORD_ROW_LEN], hash[HASH_LEN];
	int64_t unused;
	bool fits = strlen(t->password) <= ACCESS_PASSWORD_MAX;
	int known = secret_of(s, "password", t->officer, row, sizeof(row), &unused, e);
	int r = known < 0 ? known : password_hash(fits ? t->password : "", row, hash);
	if (r < 0)
		return err_set(e, r, NULL, NULL);
	*ret = known && fits && secret_equal(hash, row + ARGON2ID_SALT_LEN, HASH_LEN);
	return 0;
}

/* A code is used up: its step and every earlier one do not work again. */
static int code_right(struct store *s, const struct access_try *t, bool *ret, struct err *e)
{
	uint8_t key[ACCESS_TOTP_LEN];
	int64_t last = 0, step;
	int known = secret_of(s, "totp", t->officer, key, sizeof(key), &last, e);
	if (known < 0)
		return known;
	step = known ? totp_match(key, t->code, t->now_s) : -ERR_DENIED;
	secret_wipe(key, sizeof(key));
	*ret = step > last;
	if (!*ret)
		return 0;
	int64_t n = store_exec(
		s,
		"UPDATE access_credential SET counter = ?, used_s = ? WHERE kind = 'totp' AND id = ?",
		VALS(val_i64(step), val_i64(t->now_s), val_text(t->officer)), e);
	return n < 0 ? (int)n : 0;
}

int access_check(struct store *s, const struct access_try *t, struct err *e)
{
	STORE_TXN(txn);
	const struct tried k = tried_of(t);
	bool password = !t->password, code = false;
	int r = store_begin(s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = check_limits(s, t, e);
	if (r >= 0 && t->password)
		r = password_right(s, t, &password, e);
	if (r >= 0 && password)
		r = code_right(s, t, &code, e);
	if (r < 0)
		return r;
	if (!code) {
		int64_t n = count_failure(s, k.officer, t->now_s, e);
		if (n >= 0 && k.address[0])
			n = count_failure(s, k.address, t->now_s, e);
		if (n < 0)
			return (int)n;
	}
	r = store_commit(&txn, e);
	if (r >= 0 && !code)
		r = err_set(e, ERR_DENIED, t->password ? "password" : "_code",
			    t->password ? "Name, password or code is wrong."
					: "The code is wrong.");
	return r;
}
