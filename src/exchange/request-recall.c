/* SPDX-License-Identifier: Apache-2.0
 * After a restore: this node's own requests and steps that came back from the peer (docs/protocol/request.md 4).
 *
 * A request is taken up as sent; the receipts behind it move it on. A step is made again as if a person had just made it, but is
 * not sent. One that rests on what the peer sent and sends again, be it the request itself or a step, waits in request_early until
 * that has come, and those behind it wait with it, so that own steps keep their order. */
#include "crypto/crypto.h"
#include "exchange/request-int.h"

/* ---- requests ---- */

/* A row as before it was sent: not there at all, or as a draft in the copy, which people may have thrown away since. */
static int unsent_row(struct requests *q, const struct request_doc *d,
		      const struct exchange_message *m, struct request_row *row, struct err *e)
{
	const struct exchange_part *part = &m->parts[m->part];
	uint8_t hash32[SHA256_LEN];
	int r = row_load(q, d->id, row, NULL);

	sha256(part->p, part->len, hash32);
	if (r >= 0 && (row->side != SIDE_ORIGIN || memcmp(row->hash32, hash32, 32) != 0))
		return err_set(e, ERR_CONFLICT, "id",
			       "request %s is here already with other content", d->id);
	if (r != -ERR_NOENT)
		return r;
	*row = (struct request_row){
		.side = SIDE_ORIGIN,
		.type = d->type,
		.class = d->class,
		.state = STATE_DRAFT,
		.created_s = d->created_s,
	};
	memcpy(row->hash32, hash32, sizeof(row->hash32));
	snprintf(row->id, sizeof(row->id), "%s", d->id);
	snprintf(row->peer, sizeof(row->peer), "%s", m->to);
	snprintf(row->author, sizeof(row->author), "%s", m->officer);
	snprintf(row->earlier, sizeof(row->earlier), "%s", d->earlier ? d->earlier : "");
	row_mark(row, d);
	return row_insert(q, row, part->p, part->len, d->case_ref, e);
}

static int sent_before(struct requests *q, struct request_row *row,
		       const struct exchange_message *m, struct err *e)
{
	if (memcmp(row->message16, m->id16, sizeof(row->message16)) == 0)
		return 0;
	memcpy(row->message16, m->id16, sizeof(row->message16));
	return row_update(q, row, e);
}

int request_on_part_recalled(void *ctx, struct exchange *x, const struct exchange_message *m,
			     struct err *e)
{
	struct requests *q = ctx;
	_cleanup_(request_doc_done) struct request_doc d = {0};
	struct request_row row;
	int r = request_doc_parse(m->parts[m->part].p, m->parts[m->part].len, NULL, &d, e);

	if (r < 0 || (r = request_check_manifest(q, &d, m, e)) < 0 ||
	    (r = unsent_row(q, &d, m, &row, e)) < 0)
		return r;
	if (row.has_message) /* or sent once more since: what the peer holds counts, the other one is its duplicate */
		return sent_before(q, &row, m, e);
	/* Also what waited for approval in the copy, or was thrown away since. */
	row.state = STATE_DRAFT;
	return request_apply(q, &row,
			     &(const struct request_act){
				     .event = EVENT_RECALL,
				     .officer = m->officer,
				     .at_s = request_claimed(q, m->sent_s),
				     .message16 = m->id16,
			     },
			     e);
}

/* ---- steps ---- */

struct early {
	const char *officer, *body;
	size_t body_len;
	uint8_t message16[16];
};

/* Returns: 0 made, or there before; -ERR_NOENT the request is not here */
static int make_again(struct requests *q, const struct early *s, struct err *e)
{
	_cleanup_(event_doc_done) struct event_doc ev = {0};
	_cleanup_(request_doc_done) struct request_doc d = {0};
	struct request_row row;
	int r = event_doc_parse(s->body, s->body_len, &ev, e);

	if (r < 0 || (r = row_load(q, ev.request, &row, e)) < 0)
		return r;
	if (request_event_known(q, ev.id, NULL) < 0)
		return 0;
	if (strcmp(ev.officer, s->officer) != 0 || request_event_row(ev.event)->side != row.side)
		return err_set(e, ERR_FORMAT, "event", "is not a step of this node");
	if ((r = row_doc(q, row.id, &d, e)) < 0 || (r = event_doc_outcome(&ev, &d, e)) < 0)
		return r;
	return request_apply(q, &row,
			     &(const struct request_act){
				     .event = ev.event,
				     .officer = ev.officer,
				     .at_s = request_claimed(q, ev.at_s),
				     .doc = &ev,
				     .body = s->body,
				     .body_len = s->body_len,
				     .message16 = s->message16,
			     },
			     e);
}

static int keep_early(struct requests *q, const struct early *s, const char *request, struct err *e)
{
	int64_t n = store_exec(
		q->s,
		"INSERT INTO request_early (request, n, officer, body, message) VALUES (?,"
		" (SELECT COALESCE(MAX(y.n), 0) + 1 FROM request_early y WHERE y.request = ?), ?, ?, ?)",
		VALS(val_text(request), val_text(request), val_text(s->officer),
		     val_textn(s->body, s->body_len), val_blob(s->message16, 16)),
		e);
	return n < 0 ? (int)n : 0;
}

static int waits(struct requests *q, const char *request, struct err *e)
{
	STORE_ROWS(rows);
	return store_first(q->s, "SELECT n FROM request_early WHERE request = ? LIMIT 1",
			   VALS(val_text(request)), &rows, e);
}

/* Not possible now: what it rests on is still to come. */
static bool too_early(int r)
{
	return r == -ERR_NOENT || r == -ERR_TRANSITION;
}

int request_on_event_recalled(void *ctx, struct exchange *x, const struct exchange_message *m,
			      struct err *e)
{
	struct requests *q = ctx;
	const struct exchange_part *part = &m->parts[m->part];
	struct early s = {m->officer, part->p, part->len, {0}};
	_cleanup_(event_doc_done) struct event_doc ev = {0};
	int r = event_doc_parse(s.body, s.body_len, &ev, e);

	memcpy(s.message16, m->id16, sizeof(s.message16));
	if (r >= 0)
		r = waits(q, ev.request, e);
	if (r == 0)
		r = make_again(q, &s, e);
	return r > 0 || too_early(r) ? keep_early(q, &s, ev.request, e) : r;
}

/* ---- what they waited for is there ---- */

/* The first that waits: 1 there, 0 none. */
static int first_early(struct requests *q, const char *id, struct buf *body,
		       char officer[static EXCHANGE_NAME_MAX + 1], uint8_t message16[static 16],
		       int64_t *ret_n, struct err *e)
{
	STORE_ROWS(rows);
	size_t len;
	int r = store_first(
		q->s,
		"SELECT n, officer, body, message FROM request_early WHERE request = ? ORDER BY n LIMIT 1",
		VALS(val_text(id)), &rows, e);

	if (r <= 0)
		return r;
	*ret_n = row_i64(&rows, "n");
	snprintf(officer, EXCHANGE_NAME_MAX + 1, "%s", row_text(&rows, "officer", NULL));
	const char *p = row_text(&rows, "body", &len);
	buf_clear(body);
	buf_put(body, p, len);
	row_copy(&rows, "message", message16, 16);
	r = row_err(&rows, e);
	return r < 0 ? r : buf_err(body) < 0 ? buf_err(body) : 1;
}

static int drop_early(struct requests *q, const char *id, int64_t n, struct err *e)
{
	int64_t r = store_exec(q->s, "DELETE FROM request_early WHERE request = ? AND n = ?",
			       VALS(val_text(id), val_i64(n)), e);

	return r < 0 ? (int)r : 0;
}

static int still_open(struct requests *q, const char *id, bool *ret, struct err *e)
{
	struct request_row row;
	int r = row_load(q, id, &row, e);

	*ret = r >= 0 && !(request_state_row(row.state)->flags & STATE_FINAL);
	return r;
}

/* In a transaction of its own inside, so that one that does not fit does not stand against what came. It may fit later, while the
 * request is open; else it is told. Returns: 1 it is through; 0 it waits on */
static int replay_one(struct requests *q, const struct request_row *row, const struct early *s,
		      struct err *e)
{
	STORE_TXN(txn);
	struct exchange_delivery d;
	struct err why = {0};
	bool open;
	int r = store_begin(q->s, STORE_WRITE, &txn, e);

	if (r < 0)
		return r;
	int made = make_again(q, s, &why);
	if (made == -ERR_IO || made == -ERR_NOSPC || made == -ERR_NOMEM || made == -ERR_BUSY)
		return err_set(e, made, "recall", "%s", why.message);
	if (made < 0) {
		if ((r = still_open(q, row->id, &open, e)) < 0 || (open && too_early(made)))
			return r;
		request_ring(q, row, RING_FAILED, CLOCK_ACK, 0, why.message);
		return 1;
	}
	r = exchange_delivery(q->x, s->message16, row->peer, &d, e);
	if (r > 0)
		r = request_on_delivery(q, q->x, &d, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	return r < 0 ? r : 1;
}

int request_replay(struct requests *q, const struct request_row *row, struct err *e)
{
	_cleanup_(buf_done) struct buf body;
	char officer[EXCHANGE_NAME_MAX + 1];
	struct early s = {.officer = officer};
	int64_t n;
	int r;

	buf_init(&body, REQUEST_EVENT_MAX);
	while ((r = first_early(q, row->id, &body, officer, s.message16, &n, e)) > 0) {
		s.body = (const char *)body.p;
		s.body_len = body.len;
		if ((r = replay_one(q, row, &s, e)) <= 0 || (r = drop_early(q, row->id, n, e)) < 0)
			return r;
	}
	return r;
}
