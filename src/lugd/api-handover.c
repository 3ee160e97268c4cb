/* SPDX-License-Identifier: Apache-2.0
 * The hand-over of a shift: what is open now and what the next officer must know, fixed in a text that both officers sign. A signature is an
 * act of a signed-in officer with a fresh proof of identity, recorded in the audit log with the hash of exactly this content. */
#include "audit/audit.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "exchange/request.h"
#include "lugd/handover.h"
#include "lugd/lugd-int.h"
#include "lugd/rights.h"

enum { OPEN_MAX = 200, WORDS_MAX = 8000, SHOWN = 30 };

static const struct store_migration steps[] = {
	{1, "hand-overs",
	 "CREATE TABLE handover_shift (id BIGINT NOT NULL PRIMARY KEY, content TEXT NOT NULL, sha256 TEXT NOT NULL,"
	 " given_by TEXT NOT NULL, given_s BIGINT NOT NULL, taken_by TEXT NOT NULL, taken_s BIGINT NOT NULL)",
	 "DROP TABLE handover_shift"},
};
const struct store_schema handover_schema = {"handover", steps, ARRAY_LEN(steps)};

/* ---- what is open ---- */

static int open_requests(struct api_call *c, json_t **ret, struct err *e)
{
	static const char *const keys[] = {"id",   "type", "class", "direction",
					   "peer", "case", "state", "remaining_s"};
	const struct actor a = lugd_actor(c);
	json_t *page = NULL, *r, *list = json_array();
	size_t i;
	int k = request_list(
		lugd_requests(lugd_of(c)), &a,
		&(const struct request_filter){.limit = OPEN_MAX, .may = rights_list, .may_ctx = c},
		&page, e);
	json_array_foreach (json_object_get(page, "requests"), i, r) {
		json_t *row = json_object();
		for (size_t n = 0; n < ARRAY_LEN(keys); n++)
			if (json_object_get(r, keys[n]))
				json_object_set(row, keys[n], json_object_get(r, keys[n]));
		json_array_append_new(list, row);
	}
	json_decref(page);
	if (k < 0)
		json_decref(list);
	else
		*ret = list;
	return k;
}

/* ---- looking ---- */

static json_t *row_json(struct store_rows *rows)
{
	char given[TIME_TEXT_MAX], taken[TIME_TEXT_MAX];
	struct err none = {0};
	size_t len;
	const char *text = row_text(rows, "content", &len);
	json_t *content = NULL;
	int64_t taken_s = row_i64(rows, "taken_s");
	if (json_parse(text, len, &content, &none) < 0)
		content = json_null();
	return json_pack("{s:o, s:o, s:s, s:s, s:s, s:s, s:o}", "id",
			 json_sprintf("%lld", (long long)row_i64(rows, "id")), "content", content,
			 "sha256", row_text(rows, "sha256", NULL), "given_by",
			 row_text(rows, "given_by", NULL), "given_at",
			 time_utc(row_i64(rows, "given_s"), given), "taken_by",
			 row_text(rows, "taken_by", NULL), "taken_at",
			 taken_s ? json_string(time_utc(taken_s, taken)) : json_null());
}

static int list_handovers(struct api_call *c, json_t *list, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(lugd_store(lugd_of(c)),
			    "SELECT id, content, sha256, given_by, given_s, taken_by, taken_s FROM "
			    "handover_shift ORDER BY id DESC LIMIT ?",
			    VALS(val_i64(SHOWN)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0)
		if (json_array_append_new(list, row_json(&rows)))
			return err_set(e, ERR_NOMEM, NULL, NULL);
	return r;
}

int api_handover_show(struct api_call *c, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	json_t *open = NULL;
	int r = list_handovers(c, list, e);
	if (r >= 0)
		r = open_requests(c, &open, e);
	return r < 0 ? r
		     : api_reply(c, json_pack("{s:o, s:O}", "open", open, "handovers", list), e);
}

/* ---- signing ---- */

static void hash_text64(const char *text, char out[static 65])
{
	uint8_t hash32[32];
	sha256(text, strlen(text), hash32);
	hex_encode(hash32, sizeof(hash32), out);
}

static int record(const struct api_call *c, const char *what, const char *id, const char *hash,
		  struct err *e)
{
	_cleanup_(json_decrefp) json_t *detail = json_pack("{s:s}", "sha256", hash);
	return lugd_audit(c, AUDIT_APPROVAL, what, id, detail, e);
}

static int write_handover(struct api_call *c, const char *content, struct err *e)
{
	STORE_TXN(txn);
	STORE_ROWS(rows);
	char hash[65], id[24];
	struct store *s = lugd_store(lugd_of(c));
	hash_text64(content, hash);
	int r = store_begin(s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = store_first(s, "SELECT COALESCE(MAX(id), 0) + 1 AS id FROM handover_shift",
				NO_VALS, &rows, e);
	if (r < 0)
		return r;
	int64_t next = row_i64(&rows, "id");
	store_rows_done(&rows);
	snprintf(id, sizeof(id), "%lld", (long long)next);
	int64_t n =
		store_exec(s,
			   "INSERT INTO handover_shift (id, content, sha256, given_by, given_s, "
			   "taken_by, taken_s) VALUES (?, ?, ?, ?, ?, '', 0)",
			   VALS(val_i64(next), val_text(content), val_text(hash),
				val_text(c->who.officer), val_i64(time_now_ms() / 1000)),
			   e);
	r = n < 0 ? (int)n : record(c, "handover.give", id, hash, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	return r < 0 ? r : api_reply(c, json_pack("{s:s, s:s}", "id", id, "sha256", hash), e);
}

int api_handover_give(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"text", NULL};
	const char *text;
	json_t *open = NULL;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "text", 1, WORDS_MAX, &text, e);
	if (r >= 0)
		r = open_requests(c, &open, e);
	if (r < 0)
		return r;
	_cleanup_(json_decrefp) json_t *content =
		json_pack("{s:s, s:o}", "text", text, "open", open);
	_cleanup_(freep) char *fixed = content ? json_text(content) : NULL;
	return fixed ? write_handover(c, fixed, e) : err_set(e, ERR_NOMEM, NULL, NULL);
}

/* Whoever takes the shift over is another one, and signs what was shown: the hash says so. */
static int may_take(struct store_rows *rows, const struct api_call *c, const char *hash,
		    struct err *e)
{
	if (row_text(rows, "taken_by", NULL)[0])
		return err_set(e, ERR_STALE, "id", "This hand-over was taken already.");
	if (!strcmp(row_text(rows, "given_by", NULL), c->who.officer))
		return err_set(e, ERR_FOUR_EYES, "officer",
			       "Whoever hands over cannot take over too.");
	if (strcmp(row_text(rows, "sha256", NULL), hash) != 0)
		return err_set(e, ERR_STALE, "sha256", "What was shown is not what is there.");
	return 0;
}

int api_handover_take(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"sha256", NULL};
	STORE_TXN(txn);
	STORE_ROWS(rows);
	uint64_t id;
	const char *hash, *text = api_param(c, 0);
	struct store *s = lugd_store(lugd_of(c));
	if (dec_parse_u64(text, strlen(text), INT64_MAX, &id) < 0)
		return err_set(e, ERR_FORMAT, "id", "That is not the number of a hand-over.");
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "sha256", 64, 64, &hash, e);
	if (r >= 0)
		r = store_begin(s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = store_first(
			s, "SELECT sha256, given_by, taken_by FROM handover_shift WHERE id = ?",
			VALS(val_i64((int64_t)id)), &rows, e);
	if (r == 0)
		return err_set(e, ERR_NOENT, "id", "There is no such hand-over.");
	if (r > 0)
		r = may_take(&rows, c, hash, e);
	store_rows_done(&rows);
	if (r < 0)
		return r;
	int64_t n = store_exec(
		s, "UPDATE handover_shift SET taken_by = ?, taken_s = ? WHERE id = ?",
		VALS(val_text(c->who.officer), val_i64(time_now_ms() / 1000), val_i64((int64_t)id)),
		e);
	r = n < 0 ? (int)n : record(c, "handover.take", text, hash, e);
	return r < 0 ? r : store_commit(&txn, e);
}
