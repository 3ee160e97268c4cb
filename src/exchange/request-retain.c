/* SPDX-License-Identifier: Apache-2.0
 * Retention: requests that have been over for as long as their class may be kept are erased, unless the law holds them or a measure
 * still runs. A few in each call, so that nothing else waits for long. */
#include "exchange/request-erase-int.h"

enum { RETAIN_AT_ONCE = 16, DAY_S = 86400 };

struct due {
	char id[RETAIN_AT_ONCE][REQUEST_ID_LEN + 1];
	size_t n;
};

static int find_due(struct requests *q, enum request_class class, int64_t until_s, struct due *ret,
		    struct err *e)
{
	static const char sql[] =
		"SELECT r.id FROM request r WHERE r.over = 1 AND r.erased_at = 0 AND r.class = ? AND r.changed_at <= ? "
		"AND NOT EXISTS (SELECT 1 FROM request_hold h WHERE h.request = r.id) "
		"AND NOT EXISTS (SELECT 1 FROM request_clock c WHERE c.request = r.id AND c.kind = ? AND c.done_at = 0) "
		"ORDER BY r.changed_at, r.id LIMIT ?";
	STORE_ROWS(rows);
	int r = store_query(q->s, sql,
			    VALS(val_text(request_class_row(class)->text), val_i64(until_s),
				 val_i64(CLOCK_TERM), val_i64(RETAIN_AT_ONCE)),
			    &rows, e);

	ret->n = 0;
	while (r >= 0 && (r = store_next(&rows, e)) > 0 && ret->n < RETAIN_AT_ONCE)
		snprintf(ret->id[ret->n++], sizeof(ret->id[0]), "%s", row_text(&rows, "id", NULL));
	return r < 0 ? r : row_err(&rows, e);
}

/* Looked at again inside of the transaction: a late step may have opened it. */
static int retire(struct requests *q, const char *id, struct err *e)
{
	struct request_row row;
	STORE_TXN(txn);
	int r = store_begin(q->s, STORE_WRITE, &txn, e);

	if (r < 0 || (r = row_load(q, id, &row, e)) < 0)
		return r;
	if (!row_over(&row))
		return 0;
	r = request_erase(q, &row, "system", "retention", e);
	if (r == -ERR_LEGAL_HOLD)
		return 0;
	return r < 0 ? r : store_commit(&txn, e);
}

int requests_retire(struct requests *q, struct err *e)
{
	int done = 0;

	for (unsigned c = 0; c < CLASS_N; c++) {
		int64_t days = q->o.retention_days[c];
		struct due due;
		int r = days ? find_due(q, c, request_steady_s(q) - days * DAY_S, &due, e) : 0;

		for (size_t i = 0; days && r >= 0 && i < due.n; i++, done++)
			r = retire(q, due.id[i], e);
		if (r < 0)
			return r;
	}
	return done;
}
