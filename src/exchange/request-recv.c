/* SPDX-License-Identifier: Apache-2.0
 * What comes from the peer: requests, their events, and receipts for what was sent. Every function here runs inside the
 * exchange's own transaction: an error undoes all of it and becomes the peer's signed refusal. */
#include "crypto/crypto.h"
#include "exchange/request-earlier.h"

enum { HOUR_S = 3600 };

/* ---- requests ---- */

/* The part repeats what the sealed manifest says; a difference is an attempt to show one thing and send another. */
int request_check_manifest(const struct requests *q, const struct request_doc *d,
			   const struct exchange_message *m, struct err *e)
{
	if (strcmp(d->from, m->from) != 0)
		return err_set(e, ERR_FORMAT, "from", "is not the node that sent it");
	if (strcmp(d->to, m->to ? m->to : q->node) != 0)
		return err_set(e, ERR_FORMAT, "to", "is not the node that it was sent to");
	if (strcmp(d->handling, m->handling) != 0 || strcmp(d->marking, m->marking) != 0 ||
	    strcmp(d->grade, m->grade) != 0)
		return err_set(e, ERR_HANDLING, "handling",
			       "differs between the request and its manifest");
	if (strcmp(d->purpose, m->purpose) != 0 || strcmp(d->basis, m->basis) != 0)
		return err_set(e, ERR_FORMAT, "handling",
			       "purpose or basis differs between the request and its manifest");
	return 0;
}

static int check_twice(struct requests *q, const struct request_doc *d,
		       const uint8_t hash32[static 32], struct err *e)
{
	struct request_row old;
	int r = row_load(q, d->id, &old, NULL);

	if (r == -ERR_NOENT)
		return 0;
	if (r < 0)
		return r;
	if (memcmp(old.hash32, hash32, sizeof(old.hash32)) == 0)
		return err_set(e, ERR_DUPLICATE, "id", "request %s is here already", d->id);
	return err_set(e, ERR_CONFLICT, "id", "request %s is here already with other content",
		       d->id);
}

static int check_peer_limit(struct requests *q, const char *peer, struct err *e)
{
	static const char sql[] =
		"SELECT COUNT(*) AS n FROM request WHERE side = 1 AND peer = ? AND delivered_at > ?";
	STORE_ROWS(rows);
	int r = store_first(q->s, sql, VALS(val_text(peer), val_i64(request_wall_s(q) - HOUR_S)),
			    &rows, e);

	if (r < 0)
		return r;
	if (row_i64(&rows, "n") >= q->o.limits.peer_hour)
		return err_set(e, ERR_QUOTA, "from", "more than %u requests within an hour",
			       q->o.limits.peer_hour);
	return row_err(&rows, e);
}

static int receive(struct requests *q, const struct request_doc *d,
		   const struct exchange_message *m, struct err *e)
{
	const struct exchange_part *part = &m->parts[m->part];
	struct request_row row = {
		.side = SIDE_RECEIVER,
		.type = d->type,
		.class = d->class,
		.state = STATE_DELIVERED,
		.has_message = true,
		.created_s = d->created_s,
		.sent_s = m->sent_s,
		.delivered_s = m->stored_s,
	};
	char who[EXCHANGE_NAME_MAX * 2 + 2];
	int r;

	sha256(part->p, part->len, row.hash32);
	memcpy(row.message16, m->id16, sizeof(row.message16));
	snprintf(row.id, sizeof(row.id), "%s", d->id);
	snprintf(row.peer, sizeof(row.peer), "%s", m->from);
	snprintf(row.author, sizeof(row.author), "%s", m->officer);
	snprintf(row.earlier, sizeof(row.earlier), "%s", d->earlier ? d->earlier : "");
	snprintf(who, sizeof(who), "%s/%s", m->from, m->officer);
	row_mark(&row, d);
	if ((r = check_twice(q, d, row.hash32, e)) < 0 ||
	    (r = check_peer_limit(q, m->from, e)) < 0 ||
	    (r = earlier_check(q, d, SIDE_RECEIVER, m->from, e)) < 0 ||
	    (r = row_insert(q, &row, part->p, part->len, d->case_ref, e)) < 0 ||
	    (r = request_start_clocks(q, &row, e)) < 0 || (r = row_due(q, row.id, e)) < 0)
		return r;
	r = request_audit(q, AUDIT_TRANSITION, who, "request.receive", &row,
			  json_pack("{s:s, s:s, s:s}", "to", "DELIVERED", "type",
				    request_type_row(d->type)->text, "class",
				    request_class_row(d->class)->text),
			  NULL, e);
	if (r < 0)
		return r;
	request_ring(q, &row, RING_ARRIVED, CLOCK_ACK, 0, request_type_row(row.type)->text);
	return request_replay(q, &row, e);
}

int request_on_part(void *ctx, struct exchange *x, const struct exchange_message *m, struct err *e)
{
	struct requests *q = ctx;
	_cleanup_(request_doc_done) struct request_doc d = {0};
	int r = request_doc_parse(m->parts[m->part].p, m->parts[m->part].len, NULL, &d, e);

	if (r < 0 || (r = request_check_manifest(q, &d, m, e)) < 0)
		return r;
	return receive(q, &d, m, e);
}

/* ---- events ---- */

static int check_event(const struct requests *q, const struct request_row *row,
		       const struct event_doc *ev, const struct exchange_message *m, struct err *e)
{
	if (strcmp(row->peer, m->from) != 0) /* not theirs: they learn nothing */
		return err_set(e, ERR_NOENT, "request", "no request %s here", ev->request);
	if (strcmp(ev->officer, m->officer) != 0)
		return err_set(e, ERR_FORMAT, "officer",
			       "differs between the event and its manifest");
	if (request_event_row(ev->event)->side == row->side)
		return err_set(e, ERR_TRANSITION, "event", "%s is not a step of that side",
			       request_event_row(ev->event)->text);
	return 0;
}

int request_event_known(struct requests *q, const char *id, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(q->s, "SELECT n FROM request_event WHERE id = ?", VALS(val_text(id)),
			    &rows, e);

	if (r <= 0)
		return r;
	return err_set(e, ERR_CONFLICT, "id", "event %s is here already", id);
}

int request_on_event(void *ctx, struct exchange *x, const struct exchange_message *m, struct err *e)
{
	struct requests *q = ctx;
	const struct exchange_part *part = &m->parts[m->part];
	_cleanup_(event_doc_done) struct event_doc ev = {0};
	_cleanup_(request_doc_done) struct request_doc d = {0};
	struct request_row row;
	int r = event_doc_parse(part->p, part->len, &ev, e);

	if (r < 0 || (r = row_load(q, ev.request, &row, e)) < 0 ||
	    (r = check_event(q, &row, &ev, m, e)) < 0 ||
	    (r = request_event_known(q, ev.id, e)) < 0 || (r = row_doc(q, row.id, &d, e)) < 0 ||
	    (r = event_doc_outcome(&ev, &d, e)) < 0)
		return r;
	r = request_apply(q, &row,
			  &(const struct request_act){
				  .event = ev.event,
				  .arrived = true,
				  .officer = ev.officer,
				  .at_s = request_claimed(q, ev.at_s),
				  .stored_s = m->stored_s,
				  .doc = &ev,
				  .body = part->p,
				  .body_len = part->len,
				  .message16 = m->id16,
			  },
			  e);
	return r < 0 ? r : request_replay(q, &row, e);
}

/* ---- receipts ---- */

/* A step of the machine: without a move in the table nothing changes. */
static int machine_step(struct requests *q, struct request_row *row, enum request_event event,
			int64_t at_s, const char *text, struct err *e)
{
	const struct request_step s = {
		.from = row->state, .event = event, .type = row->type, .class = row->class};
	enum request_state to;

	if (request_move(&s, &to) < 0)
		return 0;
	int r = request_apply(
		q, row,
		&(const struct request_act){
			.event = event, .officer = "system", .at_s = at_s, .text = text},
		e);
	return r < 0 ? r : request_replay(q, row, e);
}

static int request_delivery(struct requests *q, struct request_row *row,
			    const struct exchange_delivery *d, struct err *e)
{
	int r = 0;

	if (d->stored_s &&
	    row->delivered_s) /* its R1 counts, not what an acknowledgement repeated */
		r = request_count_from(q, row, request_claimed(q, d->stored_s), e);
	if (r < 0)
		return r;
	switch (d->state) {
	case EXCHANGE_STORED:
		r = clock_done(q->s, row->id, CLOCK_RECEIPT, d->stored_s, e);
		return r < 0 ? r : row_due(q, row->id, e);
	case EXCHANGE_ACCEPTED:
		if (!d->stored_s) /* R2 overtook R1, whose time starts the clocks on both sides */
			return 0;
		return machine_step(q, row, EVENT_DELIVER, request_claimed(q, d->stored_s), NULL,
				    e);
	case EXCHANGE_REFUSED:
	case EXCHANGE_UNDELIVERED:
		request_ring(q, row, RING_FAILED, CLOCK_RECEIPT, 0, d->reason);
		return machine_step(q, row, EVENT_FAIL, request_wall_s(q), d->reason, e);
	case EXCHANGE_QUEUED:
	case EXCHANGE_QUARANTINED:
	case EXCHANGE_SEEN:
	case EXCHANGE_ACTED:
		return 0;
	}
	return 0;
}

/* Which event of ours a parcel carried. Returns: 1; 0 none of ours */
static int event_of(struct requests *q, const uint8_t id16[static 16],
		    char id[static REQUEST_ID_LEN + 1], char request[static REQUEST_ID_LEN + 1],
		    struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		q->s, "SELECT id, request FROM request_event WHERE message = ? AND arrived = 0",
		VALS(val_blob(id16, 16)), &rows, e);

	if (r <= 0)
		return r;
	snprintf(id, REQUEST_ID_LEN + 1, "%s", row_text(&rows, "id", NULL));
	snprintf(request, REQUEST_ID_LEN + 1, "%s", row_text(&rows, "request", NULL));
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

static int event_failed(struct requests *q, struct request_row *row,
			const struct exchange_delivery *d, struct err *e)
{
	int r;

	row->conflict = true;
	if ((r = row_update(q, row, e)) < 0)
		return r;
	request_ring(q, row, RING_FAILED, CLOCK_ACK, 0, d->reason);
	return request_audit(q, AUDIT_ALARM, "system", "request.step-refused", row,
			     json_pack("{s:s}", "error", d->reason), NULL, e);
}

static int event_delivery(struct requests *q, const struct exchange_delivery *d, struct err *e)
{
	char id[REQUEST_ID_LEN + 1], request[REQUEST_ID_LEN + 1];
	struct request_row row;
	int64_t n;
	int r = event_of(q, d->id16, id, request, e);

	if (r <= 0)
		return r;
	n = store_exec(q->s, "UPDATE request_event SET delivery = ? WHERE id = ?",
		       VALS(val_text(exchange_state_name(d->state)), val_text(id)), e);
	if (n < 0)
		return (int)n;
	if ((r = row_load(q, request, &row, e)) < 0)
		return r;
	if ((d->state == EXCHANGE_REFUSED || d->state == EXCHANGE_UNDELIVERED) &&
	    (r = event_failed(q, &row, d, e)) < 0)
		return r;
	return request_pause(q, &row, e);
}

int request_on_delivery(void *ctx, struct exchange *x, const struct exchange_delivery *d,
			struct err *e)
{
	struct requests *q = ctx;
	struct request_row row;
	int r = row_load_by_message(q, SIDE_ORIGIN, d->id16, d->peer, &row, e);

	if (r < 0)
		return r;
	return r ? request_delivery(q, &row, d, e) : event_delivery(q, d, e);
}

/* A reply to a question that came from this peer. Returns: 1; 0 none */
static int arrived_about(struct requests *q, const uint8_t id16[static 16], const char *peer,
			 struct request_row *ret, struct err *e)
{
	char id[REQUEST_ID_LEN + 1];
	int r;
	{
		STORE_ROWS(rows);
		r = store_first(
			q->s,
			"SELECT v.request AS request FROM request_event v JOIN request r ON r.id = v.request"
			" WHERE v.message = ? AND v.arrived = 1 AND r.peer = ?",
			VALS(val_blob(id16, 16), val_text(peer)), &rows, e);
		if (r <= 0)
			return r;
		snprintf(id, sizeof(id), "%s", row_text(&rows, "request", NULL));
		if ((r = row_err(&rows, e)) < 0)
			return r;
	}
	r = row_load(q, id, ret, e);
	return r < 0 ? r : 1;
}

int request_on_restamped(void *ctx, struct exchange *x, const char *peer,
			 const uint8_t id16[static 16], int64_t stored_s, struct err *e)
{
	struct requests *q = ctx;
	struct request_row row;
	int r = row_load_by_message(q, SIDE_RECEIVER, id16, peer, &row, e);

	if (r > 0)
		return request_count_from(q, &row, stored_s, e);
	if (r == 0 && (r = arrived_about(q, id16, peer, &row, e)) > 0)
		r = request_pause(q, &row, e);
	return r;
}
