/* SPDX-License-Identifier: Apache-2.0
 * Erasing what a request said. The row stays as a tombstone: an id that comes again is still known, clocks and proofs still have
 * what they point to, and its hash lets the owner check that the right thing was deleted. */
#include "exchange/request-erase.h"
#include "base/text.h"
#include "base/time.h"
#include "exchange/erase.h"
#include "exchange/request-erase-int.h"

/* ---- legal hold ---- */

int hold_get(struct requests *q, const char *id, struct request_hold *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(q->s,
			    "SELECT officer, reason, since FROM request_hold WHERE request = ?",
			    VALS(val_text(id)), &rows, e);

	if (r <= 0)
		return r;
	snprintf(ret->officer, sizeof(ret->officer), "%s", row_text(&rows, "officer", NULL));
	snprintf(ret->reason, sizeof(ret->reason), "%s", row_text(&rows, "reason", NULL));
	ret->since_s = row_i64(&rows, "since");
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

int hold_json(struct requests *q, const struct request_row *row, json_t **ret, struct err *e)
{
	char since[TIME_TEXT_MAX];
	struct request_hold h;
	int r = hold_get(q, row->id, &h, e);

	*ret = NULL;
	if (r <= 0)
		return r;
	*ret = json_pack("{s:s, s:s, s:s}", "officer", h.officer, "reason", h.reason, "since",
			 time_utc(h.since_s, since));
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

static int reason_check(const char *reason, struct err *e)
{
	if (!reason || !*reason)
		return err_set(e, ERR_FIELD_MISSING, "reason", "the law or order behind it");
	if (strlen(reason) > REQUEST_HOLD_REASON_MAX)
		return err_set(e, ERR_OVERSIZE, "reason", "has at most %d bytes",
			       REQUEST_HOLD_REASON_MAX);
	if (!utf8_clean(reason, strlen(reason)))
		return err_set(e, ERR_FORMAT, "reason", "must be one clean line");
	return 0;
}

static int hold_put(struct requests *q, const struct actor *a, const struct request_row *row,
		    const char *reason, struct err *e)
{
	int64_t n;

	if (row->erased_s)
		return err_set(e, ERR_ERASED, "id", NULL);
	n = store_exec(
		q->s,
		"INSERT INTO request_hold (request, officer, reason, since) VALUES (?, ?, ?, ?) "
		"ON CONFLICT (request) DO UPDATE SET officer = excluded.officer, "
		"reason = excluded.reason, since = excluded.since",
		VALS(val_text(row->id), val_text(a->officer), val_text(reason),
		     val_i64(request_wall_s(q))),
		e);
	return n < 0 ? (int)n : 0;
}

static int hold_end(struct requests *q, const struct request_row *row, struct err *e)
{
	int64_t n = store_exec(q->s, "DELETE FROM request_hold WHERE request = ?",
			       VALS(val_text(row->id)), e);

	if (n == 0)
		return err_set(e, ERR_NOENT, "id", "there is no hold on %s", row->id);
	return n < 0 ? (int)n : 0;
}

static int hold_step(struct requests *q, const struct actor *a, const char *id, bool hold,
		     const char *reason, json_t **ret, struct err *e)
{
	struct request_row row;
	STORE_TXN(txn);
	int r = reason_check(reason, e);

	if (r < 0)
		return r;
	if (!request_may(a->roles, ACTION_HOLD))
		return err_set(e, ERR_DENIED, "officer", "%s has no role that may do this",
			       a->officer);
	if ((r = store_begin(q->s, STORE_WRITE, &txn, e)) < 0 ||
	    (r = request_find(q, id, &row, e)) < 0)
		return r;
	r = hold ? hold_put(q, a, &row, reason, e) : hold_end(q, &row, e);
	if (r < 0 ||
	    (r = request_audit(q, AUDIT_OVERRIDE, a->officer,
			       hold ? "request.hold" : "request.release", &row,
			       json_pack("{s:s}", "reason", reason), NULL, e)) < 0 ||
	    (r = request_view(q, a, &row, ret, e)) < 0)
		return r;
	return store_commit(&txn, e);
}

int request_hold(struct requests *q, const struct actor *a, const char *id, const char *reason,
		 json_t **ret, struct err *e)
{
	return request_denied(q, a, "request.hold", id, hold_step(q, a, id, true, reason, ret, e),
			      e);
}

int request_release(struct requests *q, const struct actor *a, const char *id, const char *reason,
		    json_t **ret, struct err *e)
{
	return request_denied(q, a, "request.release", id,
			      hold_step(q, a, id, false, reason, ret, e), e);
}

/* ---- erasing ---- */

struct step_message {
	uint8_t id16[16];
	bool arrived;
};

/* The n-th step that travelled. Returns: 1; 0 no more */
static int step_message(struct requests *q, const char *id, int64_t after, int64_t *ret_n,
			struct step_message *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		q->s,
		"SELECT n, arrived, message FROM request_event WHERE request = ? AND n > ? "
		"AND message IS NOT NULL ORDER BY n LIMIT 1",
		VALS(val_text(id), val_i64(after)), &rows, e);

	if (r <= 0)
		return r;
	*ret_n = row_i64(&rows, "n");
	ret->arrived = row_i64(&rows, "arrived");
	row_copy(&rows, "message", ret->id16, sizeof(ret->id16));
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

static int erase_messages(struct requests *q, const struct request_row *row, struct err *e)
{
	struct step_message m;
	int64_t n = 0;
	int r = 0;

	if (row->has_message)
		r = exchange_erase(q->x, row->side == SIDE_RECEIVER ? row->peer : NULL,
				   row->message16, e);
	while (r >= 0 && (r = step_message(q, row->id, n, &n, &m, e)) > 0)
		r = exchange_erase(q->x, m.arrived ? row->peer : NULL, m.id16, e);
	return r;
}

static int erase_rows(struct requests *q, const struct request_row *row, struct err *e)
{
	int64_t n = store_exec(
		q->s, "UPDATE request SET body = '', case_ref = '', erased_at = ? WHERE id = ?",
		VALS(val_i64(row->erased_s), val_text(row->id)), e);

	if (n >= 0)
		n = store_exec(
			q->s, "UPDATE request_event SET body = NULL, text = NULL WHERE request = ?",
			VALS(val_text(row->id)), e);
	return n < 0 ? (int)n : 0;
}

int request_erase(struct requests *q, struct request_row *row, const char *officer, const char *why,
		  struct err *e)
{
	struct request_hold hold;
	int r;

	if (row->erased_s)
		return 0;
	r = hold_get(q, row->id, &hold, e);
	if (r > 0)
		return err_set(e, ERR_LEGAL_HOLD, "relation.of", "held by %s: %s", hold.officer,
			       hold.reason);
	if (r < 0)
		return r;
	row->erased_s = request_wall_s(q);
	if ((r = erase_messages(q, row, e)) < 0 || (r = erase_rows(q, row, e)) < 0)
		return r;
	return request_audit(q, AUDIT_ERASE, officer, "request.erase", row,
			     json_pack("{s:s}", "why", why), NULL, e);
}
