/* SPDX-License-Identifier: Apache-2.0
 * The pause of the answer's clock: computed from the steps that both nodes hold in the end, never from the order in which they
 * came (docs/protocol/request.md 6).
 *
 * It begins at the first question's time. It ends at the earliest of: the receiver's signed time of the reply's delivery, the next
 * step of the requested side, the end of the request by the requesting side, a day. Each of these is one number that both nodes
 * know, so that whoever hears of them, in whatever order, ends with the same clock. A step that the peer refused does not count. */
#include "exchange/request-int.h"

struct scan {
	struct requests *q;
	const struct request_row *row;
	char question[REQUEST_ID_LEN + 1];
	struct clock_pause pause;
	int64_t over_s; /* the requesting side ended the request; 0: it has not */
};

static void earliest(int64_t *at_s, int64_t other_s)
{
	if (!*at_s || other_s < *at_s)
		*at_s = other_s;
}

/* When the receiver stored the reply, by its signed time. Until the requesting side has heard of it, its guess is when it wrote. */
static int64_t replied_s(struct store_rows *rows, int64_t at_s)
{
	bool arrived = row_i64(rows, "arrived") != 0;
	int64_t stored_s = row_i64(rows, arrived ? "in_s" : "out_s");
	bool accepted = arrived || strcmp(row_text(rows, "delivery", NULL), "accepted") == 0;

	return accepted && stored_s ? stored_s : at_s;
}

static int reply(struct scan *c, struct store_rows *rows, int64_t at_s, struct err *e)
{
	_cleanup_(event_doc_done) struct event_doc ev = {0};
	size_t len;
	const char *body = row_text(rows, "body", &len);
	int64_t end_s = replied_s(rows, at_s);
	int r = event_doc_parse(body, len, &ev, e);

	if (r >= 0 && strcmp(ev.re, c->question) == 0)
		earliest(&c->pause.end_s, end_s);
	return r;
}

/* Steps of one side come in the order in which it made them, on both nodes. */
static int scan_step(struct scan *c, struct store_rows *rows, enum request_event event,
		     struct err *e)
{
	int64_t at_s = row_i64(rows, "at");

	if (event == EVENT_WITHDRAW || event == EVENT_EXPIRE || event == EVENT_CLOSE) {
		earliest(&c->over_s, at_s);
	} else if (event == EVENT_CLARIFY && !c->question[0]) {
		snprintf(c->question, sizeof(c->question), "%s", row_text(rows, "id", NULL));
		c->pause.since_s = at_s;
	} else if (event == EVENT_CLARIFIED) {
		return reply(c, rows, at_s, e);
	} else if (c->question[0] && request_event_row(event)->side == SIDE_RECEIVER) {
		earliest(&c->pause.end_s, at_s);
	}
	return 0;
}

static int scan(struct scan *c, struct err *e)
{
	static const char sql[] =
		"SELECT v.id AS id, v.event AS event, v.arrived AS arrived, v.at AS at, v.body AS body, v.delivery AS delivery, "
		"COALESCE(i.stored_s, 0) AS in_s, COALESCE(o.stored_s, 0) AS out_s FROM request_event v "
		"LEFT JOIN exchange_in i ON i.peer = ? AND i.id = v.message "
		"LEFT JOIN exchange_out o ON o.peer = ? AND o.id = v.message "
		"WHERE v.request = ? AND v.message IS NOT NULL AND v.delivery NOT IN ('refused', 'undelivered') ORDER BY v.n";
	STORE_ROWS(rows);
	const char *peer = c->row->peer;
	int r = store_query(c->q->s, sql,
			    VALS(val_text(peer), val_text(peer), val_text(c->row->id)), &rows, e);

	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		enum request_event event;

		if (request_event_parse(row_text(&rows, "event", NULL), &event) < 0)
			return err_set(e, ERR_CORRUPT, "event",
				       "a step of %s is not of this program", c->row->id);
		if ((r = scan_step(c, &rows, event, e)) < 0)
			return r;
	}
	if (r >= 0)
		r = row_err(&rows, e);
	if (c->over_s)
		earliest(&c->pause.end_s, c->over_s);
	return r;
}

/* A day after its begin the pause has ended; its clock has said so, if nothing else did. */
static int day_over(struct scan *c, struct err *e)
{
	struct clock_row day;
	int r = clock_get(c->q->s, c->row->id, CLOCK_PAUSE, &day, e);

	if (r > 0 && day.done_s && !c->pause.end_s)
		c->pause.end_s = day.due_s;
	if (c->pause.end_s && c->pause.end_s < c->pause.since_s)
		c->pause.end_s = c->pause.since_s;
	if (c->pause.end_s > c->pause.since_s + CLOCK_PAUSE_S)
		c->pause.end_s = c->pause.since_s + CLOCK_PAUSE_S;
	return r < 0 ? r : 0;
}

int request_pause(struct requests *q, const struct request_row *row, struct err *e)
{
	struct scan c = {.q = q, .row = row};
	const struct clock_pause *p = &c.pause;
	int r;

	if (request_class_row(row->class)->flags & CLASS_NO_PAUSE || row->erased_s)
		return 0;
	if ((r = scan(&c, e)) < 0 || !p->since_s || (r = day_over(&c, e)) < 0)
		return r;
	r = clock_start(q->s, row->id, CLOCK_PAUSE, p->since_s, p->since_s + CLOCK_PAUSE_S,
			request_steady_s(q) - request_wall_s(q), CLOCK_PAUSE_S, e);
	if (r >= 0 && p->end_s)
		r = clock_done(q->s, row->id, CLOCK_PAUSE, p->end_s, e);
	if (r >= 0)
		r = clock_hold(q->s, row->id, p, e);
	return r < 0 ? r : row_due(q, row->id, e);
}
