/* SPDX-License-Identifier: Apache-2.0
 * Alerts: one for each request that waits for people, and for each silent member; their steps on steady time.
 *
 * The sweep looks at what waits instead of being told of each event, so that nothing that was missed (a crash, a restored backup, a step
 * made by another program) leaves a request without its alert. */
#include "duty/duty-int.h"

enum { SWEEP_PAGE = 64, STEPS_A_POLL_MAX = 256, NO_LADDER_S = 300, NEAR_S = 60 };

/* ---- rows ---- */

void duty_alert_read(struct store_rows *rows, struct duty_alert *ret)
{
	*ret = (struct duty_alert){
		.side = (enum duty_side)row_i64(rows, "side"),
		.state = (enum duty_state)row_i64(rows, "state"),
		.started_s = row_i64(rows, "started_s"),
		.base_s = row_i64(rows, "base_s"),
		.step = row_i64(rows, "step"),
		.next_s = row_i64(rows, "next_s"),
		.held_s = row_i64(rows, "held_s"),
		.ended_s = row_i64(rows, "ended_s"),
		.acked = row_i64(rows, "acked"),
	};
	snprintf(ret->id, sizeof(ret->id), "%s", row_text(rows, "id", NULL));
	snprintf(ret->class, sizeof(ret->class), "%s", row_text(rows, "class", NULL));
	snprintf(ret->peer, sizeof(ret->peer), "%s", row_text(rows, "peer", NULL));
	snprintf(ret->request, sizeof(ret->request), "%s", row_text(rows, "request", NULL));
	snprintf(ret->holder, sizeof(ret->holder), "%s", row_text(rows, "holder", NULL));
}

int duty_alert_load(struct duty *d, const char *id, struct duty_alert *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(d->s, DUTY_ALERT_COLUMNS "WHERE id = ?", VALS(val_text(id)), &rows, e);
	if (r <= 0)
		return r;
	duty_alert_read(&rows, ret);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

int duty_alert_save(struct duty *d, const struct duty_alert *a, struct err *e)
{
	static const char sql[] =
		"INSERT INTO duty_alert (id, side, state, class, peer, request, started_s, base_s, step, next_s, holder, held_s, ended_s, acked) "
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET side = excluded.side, state = excluded.state, "
		"started_s = excluded.started_s, base_s = excluded.base_s, step = excluded.step, next_s = excluded.next_s, "
		"holder = excluded.holder, held_s = excluded.held_s, ended_s = excluded.ended_s, acked = excluded.acked";
	return duty_changed(store_exec(
		d->s, sql,
		VALS(val_text(a->id), val_i64(a->side), val_i64(a->state), val_text(a->class),
		     val_text(a->peer), val_text(a->request), val_i64(a->started_s),
		     val_i64(a->base_s), val_i64(a->step), val_i64(a->next_s), val_text(a->holder),
		     val_i64(a->held_s), val_i64(a->ended_s), val_i64(a->acked)),
		e));
}

/* ---- steps ---- */

/* Some step is due now instead of later; all steps after it keep the time that was saved. */
static void hurry(struct duty_alert *a, int64_t now)
{
	if (a->next_s <= now)
		return;
	a->base_s -= a->next_s - now;
	a->next_s = now;
}

static void advance(struct duty_alert *a, const struct duty_ladder *l, int rung, int64_t now)
{
	if (a->step + 1 >= (int64_t)l->n) {
		a->next_s = FAULTY(LAST_STEP_ONCE) ? INT64_MAX : now + l->repeat_s;
		return;
	}
	a->step++;
	a->next_s = a->base_s + l->steps[a->step].after_s;
	if (!rung && !FAULTY(EMPTY_STEP_WAITS))
		hurry(a, now);
}

static int step_audit(struct duty *d, const struct duty_alert *a, const struct duty_step *s,
		      int rung, struct err *e)
{
	if (!rung && a->step && a->next_s > duty_now(d))
		d->env->alarm(d->env->ctx, true,
			      "nobody can be rung for an alert: lug duty alerts");
	return duty_audit(d, AUDIT_ALARM, "system", "duty.step", a->id,
			  json_pack("{s:s, s:s, s:i}", "side", duty_side_name(a->side), "target",
				    s->target, "rung", rung),
			  e);
}

static int make_step(struct duty *d, struct duty_alert *a, int64_t now, struct err *e)
{
	struct duty_ladder l;
	int r = duty_ladder_load(d, a->side, a->class, &l, e);
	if (r < 0)
		return r;
	if (r == 0) { /* taken away by a person: look again later */
		a->next_s = now + NO_LADDER_S;
		return duty_alert_save(d, a, e);
	}
	if (a->step >= (int64_t)l.n)
		a->step = (int64_t)l.n - 1;
	const struct duty_step *s = &l.steps[a->step];
	int rung = duty_ring_target(d, a, s, e);
	if (rung < 0)
		return rung;
	advance(a, &l, rung, now);
	r = step_audit(d, a, s, rung, e);
	return r < 0 ? r : duty_alert_save(d, a, e);
}

/* Held for half an hour and nothing was done: the first step at once, and from there on as the ladder says. */
static int reopen(struct duty *d, struct duty_alert *a, int64_t now, struct err *e)
{
	struct duty_ladder l;
	int r = duty_ladder_load(d, a->side, a->class, &l, e);
	if (r < 0)
		return r;
	a->next_s = FAULTY(HELD_FOR_EVER) ? INT64_MAX : now;
	if (!FAULTY(HELD_FOR_EVER)) {
		a->state = DUTY_OPEN;
		a->base_s = now - (r ? l.steps[0].after_s : 0);
		a->step = 0;
	}
	r = duty_alert_save(d, a, e);
	return r < 0 ? r : duty_audit(d, AUDIT_ALARM, "system", "duty.expired", a->id, NULL, e);
}

static int first_due(struct duty *d, int64_t now, struct duty_alert *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(d->s,
			    DUTY_ALERT_COLUMNS
			    "WHERE state < 2 AND next_s <= ? ORDER BY next_s, id LIMIT 1",
			    VALS(val_i64(now)), &rows, e);
	if (r <= 0)
		return r;
	duty_alert_read(&rows, ret);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

/* The longest that the next step may be away. */
static int64_t wait_of(const struct duty_alert *a, const struct duty_ladder *l)
{
	size_t step = (size_t)a->step < l->n ? (size_t)a->step : l->n - 1;
	int64_t gap = l->steps[step].after_s - (step ? l->steps[step - 1].after_s : 0);
	if (a->state == DUTY_HELD)
		return DUTY_HELD_S;
	return step + 1 < l->n || gap > l->repeat_s ? gap : l->repeat_s;
}

/* Steady time follows a wall clock that jumps ahead, and leaves it when it comes back: what was timed meanwhile is then too far away. */
static int pull_one(struct duty *d, const char *id, int64_t now, struct err *e)
{
	struct duty_alert a;
	struct duty_ladder l;
	int r = duty_alert_load(d, id, &a, e);
	if (r > 0)
		r = duty_ladder_load(d, a.side, a.class, &l, e);
	if (r <= 0 || a.next_s - now <= wait_of(&a, &l))
		return r < 0 ? r : 0;
	hurry(&a, now + wait_of(&a, &l));
	return duty_alert_save(d, &a, e);
}

static int pull_near(struct duty *d, struct err *e)
{
	char ids[SWEEP_PAGE][DUTY_ID_MAX + 1];
	size_t n = 0;
	int64_t now = duty_now(d);
	STORE_ROWS(rows);
	int r = store_query(
		d->s,
		"SELECT id FROM duty_alert WHERE state < 2 AND next_s > ? ORDER BY next_s DESC LIMIT 64",
		VALS(val_i64(now + NEAR_S)), &rows, e);
	while (r >= 0 && n < SWEEP_PAGE && (r = store_next(&rows, e)) > 0)
		snprintf(ids[n++], sizeof(ids[0]), "%s", row_text(&rows, "id", NULL));
	store_rows_done(&rows);
	for (size_t i = 0; r >= 0 && i < n && !FAULTY(CLOCK_NOT_LEFT); i++)
		r = pull_one(d, ids[i], now, e);
	return r;
}

int duty_alerts_due(struct duty *d, struct err *e)
{
	int pulled = pull_near(d, e);
	if (pulled < 0)
		return pulled;
	for (size_t i = 0; i < STEPS_A_POLL_MAX; i++) {
		STORE_TXN(txn);
		struct duty_alert a;
		int64_t now = duty_now(d);
		int r = first_due(d, now, &a, e);
		if (r <= 0)
			return r;
		r = store_begin(d->s, STORE_WRITE, &txn, e);
		if (r >= 0)
			r = a.state == DUTY_HELD ? reopen(d, &a, now, e) : make_step(d, &a, now, e);
		if (r >= 0)
			r = store_commit(&txn, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int duty_alert_failed(struct duty *d, const char *id, int64_t step, struct err *e)
{
	struct duty_ladder l;
	struct duty_alert a;
	int r = duty_alert_load(d, id, &a, e);
	if (r <= 0 || a.state != DUTY_OPEN)
		return r < 0 ? r : 0;
	r = duty_ladder_load(d, a.side, a.class, &l, e);
	if (r <= 0 || step + 1 >= (int64_t)l.n || a.step != step + 1)
		return r < 0 ? r
			     : 0; /* the last step comes again by itself; a later one was made already */
	hurry(&a, duty_now(d));
	return duty_alert_save(d, &a, e);
}

/* ---- answers and ends ---- */

int duty_alert_end(struct duty *d, struct duty_alert *a, struct err *e)
{
	a->state = DUTY_OVER;
	a->ended_s = duty_now(d);
	a->next_s = INT64_MAX;
	int r = duty_rings_void(d, a->id, e);
	return r < 0 ? r : duty_alert_save(d, a, e);
}

/* An answer is the request's acknowledgement too, if it still waits for one here. */
static int acknowledge(struct duty *d, const struct duty_alert *a, const char *officer,
		       struct err *e)
{
	_cleanup_(json_decrefp) json_t *out = NULL;
	const struct actor who = {.officer = officer, .roles = ACTOR_DUTY, .node = d->node};
	struct request_waiting w;
	int r = a->request[0] ? request_waiting(d->q, a->request, &w, e) : 0;
	if (r <= 0 || w.side != SIDE_RECEIVER || w.state != STATE_DELIVERED)
		return r < 0 ? r : 0;
	r = request_act(d->q, &who, a->request, EVENT_ACK, NULL, &out, e);
	d->changed = true;
	return r;
}

int duty_alert_hold(struct duty *d, struct duty_alert *a, const char *officer, const char *how,
		    struct err *e)
{
	struct duty_ladder l;
	int64_t left = 0, now = duty_now(d);
	int r = duty_ladder_load(d, a->side, a->class, &l, e);
	if (r >= 0)
		r = duty_rings_answered(d, a->id, officer, &left, e);
	if (r < 0)
		return r;
	snprintf(a->holder, sizeof(a->holder), "%s", officer);
	if (!l.all_must || !left) {
		a->state = DUTY_HELD;
		a->held_s = now;
		a->next_s = now + DUTY_HELD_S;
		r = duty_rings_void(d, a->id, e);
	}
	if (r >= 0)
		r = duty_audit(d, AUDIT_TRANSITION, officer, "duty.answer", a->id,
			       json_pack("{s:s, s:I}", "by", how, "after_s",
					 (json_int_t)(now - a->started_s)),
			       e);
	if (r >= 0)
		r = duty_alert_save(d, a, e);
	return r < 0 ? r : acknowledge(d, a, officer, e);
}

/* ---- what waits ---- */

static bool side_of(const struct request_waiting *w, enum duty_side *ret)
{
	bool receiver = w->side == SIDE_RECEIVER;
	if (w->type == TYPE_TEST && !receiver)
		return false;
	*ret = w->type == TYPE_TEST	? DUTY_DRILL
	       : receiver		? DUTY_IN
	       : w->state == STATE_SENT ? DUTY_SILENT
					: DUTY_OUT;
	return true;
}

/* The first step of a ladder that is still to come, by a clock that may run already. */
static void place(struct duty_alert *a, const struct duty_ladder *l)
{
	a->step = 0;
	a->next_s = a->base_s + l->steps[0].after_s;
}

static int begin(struct duty *d, const struct request_waiting *w, enum duty_side side,
		 struct err *e)
{
	struct duty_ladder l;
	int64_t start = w->start_s < duty_now(d) ? w->start_s : duty_now(d);
	struct duty_alert a = {.side = side, .started_s = start, .base_s = start};
	const char *class = request_class_row(w->class)->text;
	int r = duty_ladder_load(d, side, class, &l, e);
	if (r <= 0)
		return r;
	snprintf(a.id, sizeof(a.id), "%.*s", REQUEST_ID_LEN, w->id);
	snprintf(a.request, sizeof(a.request), "%.*s", REQUEST_ID_LEN, w->id);
	snprintf(a.class, sizeof(a.class), "%s", class);
	snprintf(a.peer, sizeof(a.peer), "%.*s", EXCHANGE_NAME_MAX, w->peer);
	place(&a, &l);
	r = duty_alert_save(d, &a, e);
	return r < 0 ? r
		     : duty_audit(d, AUDIT_ALARM, "system", "duty.alert", a.id,
				  json_pack("{s:s, s:s}", "side", duty_side_name(side), "class",
					    class),
				  e);
}

/* Delivered after all: the other ladder, from the delivery on. */
static int turn(struct duty *d, struct duty_alert *a, const struct request_waiting *w,
		enum duty_side side, struct err *e)
{
	struct duty_ladder l;
	int r = duty_ladder_load(d, side, a->class, &l, e);
	if (r <= 0)
		return r < 0 ? r : duty_alert_end(d, a, e);
	a->side = side;
	a->started_s = a->base_s = w->start_s < duty_now(d) ? w->start_s : duty_now(d);
	if (a->state == DUTY_OPEN)
		place(a, &l);
	return duty_alert_save(d, a, e);
}

/* The request was acknowledged: that is an answer, unless an answer has expired since. */
static int follow(struct duty *d, struct duty_alert *a, bool acked, struct err *e)
{
	a->acked = acked;
	return acked && a->state == DUTY_OPEN ? duty_alert_hold(d, a, "officer", "request", e)
					      : duty_alert_save(d, a, e);
}

static int sweep_change(struct duty *d, const struct request_waiting *w, struct duty_alert *a,
			enum duty_side side, struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r < 0)
		return r;
	if (!a || a->state == DUTY_OVER)
		r = begin(d, w, side, e);
	else if (a->side != side)
		r = turn(d, a, w, side, e);
	else
		r = follow(d, a, w->state == STATE_ACKNOWLEDGED, e);
	return r < 0 ? r : store_commit(&txn, e);
}

static int sweep_one(struct duty *d, const struct request_waiting *w, struct err *e)
{
	struct duty_alert a;
	enum duty_side side;
	int r = w->type == TYPE_TEST ? duty_drill_begun(d, w, e) : 0;
	if (r < 0 || !side_of(w, &side))
		return r;
	r = duty_alert_load(d, w->id, &a, e);
	if (r < 0)
		return r;
	bool settled = r > 0 && a.state != DUTY_OVER && a.side == side &&
		       a.acked == (w->state == STATE_ACKNOWLEDGED);
	return settled ? 0 : sweep_change(d, w, r > 0 ? &a : NULL, side, e);
}

static int sweep_class(struct duty *d, enum request_class class, struct err *e)
{
	struct request_waiting w[SWEEP_PAGE];
	char after[REQUEST_ID_LEN + 1] = "";
	int n, r = 0;
	do {
		n = requests_waiting(d->q, class, after, w, SWEEP_PAGE, e);
		for (int i = 0; r >= 0 && i < n; i++)
			r = sweep_one(d, &w[i], e);
		if (n > 0)
			snprintf(after, sizeof(after), "%.*s", REQUEST_ID_LEN, w[n - 1].id);
	} while (r >= 0 && n == SWEEP_PAGE);
	return n < 0 ? n : r;
}

/* Alerts whose request waits no longer. */
static int sweep_over(struct duty *d, struct err *e)
{
	char ids[SWEEP_PAGE][DUTY_ID_MAX + 1];
	size_t n = 0;
	STORE_ROWS(rows);
	int r = store_query(
		d->s,
		"SELECT a.id FROM duty_alert a JOIN request r ON r.id = a.request WHERE a.state < 2 AND a.next_s >= 0 "
		"AND r.state NOT IN ('SENT', 'DELIVERED', 'ACKNOWLEDGED') LIMIT 64",
		NO_VALS, &rows, e);
	while (r >= 0 && n < SWEEP_PAGE && (r = store_next(&rows, e)) > 0)
		snprintf(ids[n++], sizeof(ids[0]), "%s", row_text(&rows, "id", NULL));
	store_rows_done(&rows);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		STORE_TXN(txn);
		struct duty_alert a;
		r = store_begin(d->s, STORE_WRITE, &txn, e);
		if (r >= 0 && (r = duty_alert_load(d, ids[i], &a, e)) > 0)
			r = duty_alert_end(d, &a, e);
		if (r >= 0)
			r = store_commit(&txn, e);
	}
	return r < 0 ? r : 0;
}

static bool has_ladder(struct duty *d, enum request_class class)
{
	STORE_ROWS(rows);
	return store_first(d->s, "SELECT side FROM duty_policy WHERE class = ? LIMIT 1",
			   VALS(val_text(request_class_row(class)->text)), &rows, NULL) != 0;
}

int duty_alerts_sweep(struct duty *d, struct err *e)
{
	int r = 0;
	for (enum request_class c = CLASS_FLASH; r >= 0 && c <= CLASS_ROUTINE; c++)
		if (has_ladder(d, c))
			r = sweep_class(d, c, e);
	return r < 0 ? r : sweep_over(d, e);
}

/* ---- silent members ---- */

int duty_watch(struct duty *d, const char *member, bool silent, struct err *e)
{
	STORE_TXN(txn);
	struct duty_alert a;
	struct duty_ladder l;
	char id[DUTY_ID_MAX + 1];
	snprintf(id, sizeof(id), "watch:%s", member);
	int r = duty_alert_load(d, id, &a, e);
	bool rings = r > 0 && a.state != DUTY_OVER;
	if (r < 0 || rings == silent)
		return r < 0 ? r : 0;
	r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r >= 0 && !silent)
		r = duty_alert_end(d, &a, e);
	else if (r >= 0 && (r = duty_ladder_load(d, DUTY_WATCH, "FLASH", &l, e)) > 0) {
		a = (struct duty_alert){
			.side = DUTY_WATCH, .class = "FLASH", .started_s = duty_now(d)};
		a.base_s = a.started_s;
		snprintf(a.id, sizeof(a.id), "%s", id);
		snprintf(a.peer, sizeof(a.peer), "%s", member);
		place(&a, &l);
		r = duty_alert_save(d, &a, e);
	}
	if (r >= 0)
		r = duty_audit(d, AUDIT_ALARM, "system", silent ? "duty.silent" : "duty.heard",
			       member, NULL, e);
	return r < 0 ? r : store_commit(&txn, e);
}
