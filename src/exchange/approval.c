/* SPDX-License-Identifier: Apache-2.0
 * Proposals as rows, at most one open for each request. A used one leaves no row: what happened is in the events and the log. */
#include "exchange/approval.h"
#include "exchange/fault.h"
#include "store/store.h"

static int changed(int64_t rows)
{
	return rows < 0 ? (int)rows : 0;
}

int approval_open(struct store *s, const char *request, const struct approval *a, struct err *e)
{
	static const char sql[] =
		"INSERT INTO request_approval (request, hash, proposer, author, expires_at) VALUES (?, ?, ?, ?, ?) "
		"ON CONFLICT (request) DO UPDATE SET hash = excluded.hash, proposer = excluded.proposer, "
		"author = excluded.author, expires_at = excluded.expires_at";

	return changed(
		store_exec(s, sql,
			   VALS(val_text(request), val_blob(a->hash32, sizeof(a->hash32)),
				val_text(a->proposer), val_text(a->author), val_i64(a->expires_s)),
			   e));
}

int approval_get(struct store *s, const char *request, struct approval *ret, struct err *e)
{
	static const char sql[] =
		"SELECT hash, proposer, author, expires_at FROM request_approval WHERE request = ?";
	STORE_ROWS(rows);
	int r = store_first(s, sql, VALS(val_text(request)), &rows, e);

	if (r <= 0)
		return r;
	row_copy(&rows, "hash", ret->hash32, sizeof(ret->hash32));
	snprintf(ret->proposer, sizeof(ret->proposer), "%s", row_text(&rows, "proposer", NULL));
	snprintf(ret->author, sizeof(ret->author), "%s", row_text(&rows, "author", NULL));
	ret->expires_s = row_i64(&rows, "expires_at");
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

int approval_void(struct store *s, const char *request, struct err *e)
{
	return changed(store_exec(s, "DELETE FROM request_approval WHERE request = ?",
				  VALS(val_text(request)), e));
}

int approval_use(struct store *s, const char *request, const char *officer,
		 const uint8_t hash32[static APPROVAL_HASH_LEN], int64_t now_s, struct err *e)
{
	struct approval a;
	int r = approval_get(s, request, &a, e);

	if (r < 0)
		return r;
	if (r == 0)
		return err_set(
			e, ERR_NOENT, NULL,
			"nothing waits for approval here; it was used, rejected or never put forward");
	if (!FAULT(ONE_PERSON) &&
	    (strcmp(a.proposer, officer) == 0 || strcmp(a.author, officer) == 0))
		return err_set(e, ERR_FOUR_EYES, "officer",
			       "%s proposed this; another person must approve it", officer);
	if (now_s > a.expires_s)
		return err_set(e, ERR_EXPIRED, NULL,
			       "the 10 minutes are over; it must be put forward again");
	if (memcmp(a.hash32, hash32, sizeof(a.hash32)) != 0)
		return err_set(e, ERR_STALE, "content_sha256",
			       "is not the hash of what would be sent; read it again");
	return approval_void(s, request, e);
}
