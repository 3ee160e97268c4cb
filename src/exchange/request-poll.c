/* SPDX-License-Identifier: Apache-2.0
 * Clocks that ring: escalation, lapse, end of a pause, expiry, reminders. One transaction a ring, so that none is lost or rung
 * twice without a trace. */
#include "exchange/request-int.h"

enum { POLL_RINGS_MAX = 256, RING_AGAIN_S = 60, LEVEL_MAX = 1 << 30 };

/* Highest level whose time has come, and the time of the next one; both on steady time. Found by halving, since the start may be
 * what a peer claims: of the year 1, say. */
static void climb(struct clock_row *c, const struct request_row *row, int64_t now_s)
{
	int64_t start = c->local_s - (c->due_s - c->started_s), limit = c->due_s - c->started_s;
	bool answer = c->kind == CLOCK_ANSWER;
	unsigned above = c->level + 1;

	while (above < LEVEL_MAX &&
	       start + request_ladder(row->class, answer, limit, above) <= now_s)
		above *= 2;
	while (above - c->level > 1) {
		unsigned between = c->level + (above - c->level) / 2;

		if (start + request_ladder(row->class, answer, limit, between) <= now_s)
			c->level = between;
		else
			above = between;
	}
	c->next_s = start + request_ladder(row->class, answer, limit, c->level + 1);
}

static int ring_late(struct requests *q, const struct request_row *row, struct clock_row *c,
		     int64_t now_s, struct err *e)
{
	unsigned before = c->level;
	int r;

	climb(c, row, now_s);
	if ((r = clock_ring(q->s, row->id, c, e)) < 0 || c->level == before)
		return r;
	request_ring(q, row, RING_LATE, c->kind, c->level,
		     now_s > c->local_s ? "overdue" : "escalated");
	return request_audit(
		q, AUDIT_ALARM, "system", "request.escalate", row,
		json_pack("{s:s, s:i}", "clock", clock_kind_name(c->kind), "level", (int)c->level),
		NULL, e);
}

static int ring_receipt(struct requests *q, const struct request_row *row, struct clock_row *c,
			struct err *e)
{
	c->level = 1;
	c->next_s = CLOCK_NEVER;
	request_ring(q, row, RING_LATE, CLOCK_RECEIPT, 1, "no machine receipt");
	return clock_ring(q->s, row->id, c, e);
}

static int ring_lapse(struct requests *q, struct request_row *row, struct err *e)
{
	const struct request_act act = {
		.event = EVENT_LAPSE, .officer = "system", .at_s = request_wall_s(q)};

	if (row->state != STATE_APPROVAL)
		return clock_done(q->s, row->id, CLOCK_APPROVAL, act.at_s, e);
	request_ring(q, row, RING_LAPSED, CLOCK_APPROVAL, 0, "not approved in time");
	return request_apply(q, row, &act, e);
}

static int ring_pause(struct requests *q, const struct request_row *row, const struct clock_row *c,
		      struct err *e)
{
	int r = clock_done(q->s, row->id, CLOCK_PAUSE, c->due_s, e);

	return r < 0 ? r : request_pause(q, row, e);
}

static int ring_expiry(struct requests *q, struct request_row *row, const struct clock_row *c,
		       struct err *e)
{
	const struct request_step s = {
		.from = row->state, .event = EVENT_EXPIRE, .type = row->type, .class = row->class};
	enum request_state to;

	if (request_move(&s, &to) >= 0)
		return request_expire(q, row, e);
	return clock_done(q->s, row->id, CLOCK_EXPIRY, c->due_s, e);
}

/* Reminders at 50, 80 and 95 % of the term, then its end. */
static int ring_term(struct requests *q, const struct request_row *row, struct clock_row *c,
		     int64_t now_s, struct err *e)
{
	static const int64_t per_cent[CLOCK_REMINDERS + 1] = {50, 80, 95, 100};
	int64_t term = c->due_s - c->started_s, start = c->local_s - term;

	while (c->level <= CLOCK_REMINDERS &&
	       start + term / 100 * per_cent[c->level] + term % 100 * per_cent[c->level] / 100 <=
		       now_s)
		c->level++;
	if (c->level > CLOCK_REMINDERS) {
		request_ring(q, row, RING_TERM_OVER, CLOCK_TERM, c->level,
			     "the term of the measure has ended");
		return clock_done(q->s, row->id, CLOCK_TERM, c->due_s, e);
	}
	c->next_s = start + term / 100 * per_cent[c->level] + term % 100 * per_cent[c->level] / 100;
	if (c->level)
		request_ring(q, row, RING_REMINDER, CLOCK_TERM, c->level,
			     "the term of the measure is running out");
	return clock_ring(q->s, row->id, c, e);
}

static int ring_one(struct requests *q, const char *id, enum clock_kind kind, int64_t now_s,
		    struct err *e)
{
	struct request_row row;
	struct clock_row c;
	int r = row_load(q, id, &row, e);

	if (r < 0)
		return r;
	r = clock_get(q->s, id, kind, &c, e);
	if (r <= 0)
		return r;
	switch (kind) {
	case CLOCK_RECEIPT:
		return ring_receipt(q, &row, &c, e);
	case CLOCK_ACK:
	case CLOCK_ANSWER:
		return ring_late(q, &row, &c, now_s, e);
	case CLOCK_APPROVAL:
		return ring_lapse(q, &row, e);
	case CLOCK_PAUSE:
		return ring_pause(q, &row, &c, e);
	case CLOCK_EXPIRY:
		return ring_expiry(q, &row, &c, e);
	case CLOCK_TERM:
		return ring_term(q, &row, &c, now_s, e);
	case CLOCK_KINDS:
		break;
	}
	return 0;
}

/* The first clock that is due. Returns: 1; 0 none */
static int first_due(struct requests *q, int64_t now_s, char id[static REQUEST_ID_LEN + 1],
		     enum clock_kind *ret_kind, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		q->s,
		"SELECT request, kind FROM request_clock WHERE next_at <= ? ORDER BY next_at, request, kind LIMIT 1",
		VALS(val_i64(now_s)), &rows, e);

	if (r <= 0)
		return r;
	snprintf(id, REQUEST_ID_LEN + 1, "%s", row_text(&rows, "request", NULL));
	*ret_kind = (enum clock_kind)row_i64(&rows, "kind");
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

/* A ring that cannot be made now (no fresh key of the peer, say) must not hold up the others. */
static int postpone(struct requests *q, const char *id, enum clock_kind kind, int64_t now_s,
		    int why, struct err *e)
{
	struct clock_row c;
	STORE_TXN(txn);
	int r = store_begin(q->s, STORE_WRITE, &txn, e);

	if (r < 0 || (r = clock_get(q->s, id, kind, &c, e)) < 0)
		return r;
	c.next_s = now_s + RING_AGAIN_S;
	if ((r = clock_ring(q->s, id, &c, e)) < 0)
		return r;
	r = request_audit(q, AUDIT_ALARM, "system", "request.clock-failed", NULL,
			  json_pack("{s:s, s:s, s:s}", "request", id, "clock",
				    clock_kind_name(kind), "error", err_name(why)),
			  NULL, e);
	return r < 0 ? r : store_commit(&txn, e);
}

static bool is_trouble_here(int r)
{
	return r == -ERR_IO || r == -ERR_NOSPC || r == -ERR_NOMEM || r == -ERR_BUSY ||
	       r == -ERR_CORRUPT;
}

static int ring_txn(struct requests *q, const char *id, enum clock_kind kind, int64_t now_s,
		    struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(q->s, STORE_WRITE, &txn, e);

	if (r < 0 || (r = ring_one(q, id, kind, now_s, e)) < 0)
		return r;
	return store_commit(&txn, e);
}

int requests_poll(struct requests *q, struct err *e)
{
	int rings = 0;

	for (; rings < POLL_RINGS_MAX; rings++) {
		int64_t now_s = request_steady_s(q);
		char id[REQUEST_ID_LEN + 1];
		enum clock_kind kind;
		int r = first_due(q, now_s, id, &kind,
				  e); /* a read of its own: nothing due costs no write */

		if (r <= 0)
			return r < 0 ? r : rings;
		r = ring_txn(q, id, kind, now_s, e);
		if (r < 0 && !is_trouble_here(r))
			r = postpone(q, id, kind, now_s, r, e);
		if (r < 0)
			return r;
	}
	return rings;
}

int64_t requests_next_due(struct requests *q)
{
	int64_t next_s, now_ms = q->env->wall_ms(q->env->ctx), steady_s = request_steady_s(q);

	if (clock_next(q->s, &next_s, NULL) < 0)
		return 1000; /* the store is in trouble: look again soon */
	if (next_s == CLOCK_NEVER)
		return INT64_MAX;
	return next_s <= steady_s ? 0 : (next_s - steady_s) * 1000 - now_ms % 1000;
}
