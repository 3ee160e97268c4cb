/* SPDX-License-Identifier: Apache-2.0
 * Requests that wait for people: one indexed query, with the start of each on this node's steady time. */
#include "exchange/request-wait.h"
#include "exchange/request-int.h"

/* local_at is due_at on steady time, so their difference carries the start over. Before delivery there is no such clock. */
#define WAIT_COLUMNS                                                                                                                   \
	"SELECT r.id, r.side, r.peer, r.type, r.class, r.state, COALESCE(c.started_at + c.local_at - c.due_at, r.sent_at) AS start_s " \
	"FROM request r LEFT JOIN request_clock c ON c.request = r.id AND c.kind = ? AND r.state <> 'SENT' "

static int read_row(struct store_rows *rows, struct request_waiting *ret, struct err *e)
{
	*ret = (struct request_waiting){
		.side = row_i64(rows, "side") ? SIDE_RECEIVER : SIDE_ORIGIN,
		.start_s = row_i64(rows, "start_s"),
	};
	snprintf(ret->id, sizeof(ret->id), "%s", row_text(rows, "id", NULL));
	snprintf(ret->peer, sizeof(ret->peer), "%s", row_text(rows, "peer", NULL));
	if (request_type_parse(row_text(rows, "type", NULL), &ret->type) < 0 ||
	    request_class_parse(row_text(rows, "class", NULL), &ret->class) < 0 ||
	    request_state_parse(row_text(rows, "state", NULL), &ret->state) < 0)
		return err_set(e, ERR_CORRUPT, "request", "row %s is not of this program", ret->id);
	return row_err(rows, e);
}

int requests_waiting(struct requests *q, enum request_class class, const char *after,
		     struct request_waiting *ret, size_t max, struct err *e)
{
	STORE_ROWS(rows);
	size_t n = 0;
	int r = store_query(
		q->s,
		WAIT_COLUMNS
		"WHERE r.class = ? AND r.over = 0 AND r.state IN ('SENT', 'DELIVERED', 'ACKNOWLEDGED') "
		"AND r.id > ? ORDER BY r.id LIMIT ?",
		VALS(val_i64(CLOCK_ACK), val_text(request_class_row(class)->text), val_text(after),
		     val_u64(max)),
		&rows, e);

	while (r >= 0 && n < max && (r = store_next(&rows, e)) > 0)
		r = read_row(&rows, &ret[n++], e);
	return r < 0 ? r : (int)n;
}

int request_waiting(struct requests *q, const char *id, struct request_waiting *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(q->s,
			    WAIT_COLUMNS
			    "WHERE r.id = ? AND r.state IN ('SENT', 'DELIVERED', 'ACKNOWLEDGED')",
			    VALS(val_i64(CLOCK_ACK), val_text(id)), &rows, e);

	if (r <= 0)
		return r;
	r = read_row(&rows, ret, e);
	return r < 0 ? r : 1;
}

int64_t requests_steady_s(const struct requests *q)
{
	return request_steady_s(q);
}
