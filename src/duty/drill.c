/* SPDX-License-Identifier: Apache-2.0
 * Drills: TEST requests, and the time that passed until a human answered, by the request's own clock, which both nodes share. */
#include "crypto/crypto.h"
#include "duty/duty-int.h"

enum { ACQUAINTED_S = 7 * DUTY_DAY_S, QUARTER_MONTHS = 3, DRILL_DAYS = 70, LOOK_S = 600 };

int duty_drill_begun(struct duty *d, const struct request_waiting *w, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(d->s, "SELECT sent_s FROM duty_drill WHERE request = ?",
			    VALS(val_text(w->id)), &rows, e);
	if (r != 0)
		return r < 0 ? r : 0;
	return duty_changed(store_exec(
		d->s,
		"INSERT INTO duty_drill (request, peer, side, sent_s, answered_s, seconds) VALUES (?, ?, ?, ?, 0, 0) ON CONFLICT (request) DO NOTHING",
		VALS(val_text(w->id), val_text(w->peer), val_i64(w->side), val_i64(w->start_s)),
		e));
}

/* By the clock that the acknowledgement ended, which is the receiver's on both nodes. */
static int settle(struct duty *d, const char *request, const char *peer, struct err *e)
{
	STORE_TXN(txn);
	struct clock_row c;
	int r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r < 0 || (r = clock_get(d->s, request, CLOCK_ACK, &c, e)) <= 0)
		return r;
	r = duty_changed(store_exec(
		d->s, "UPDATE duty_drill SET answered_s = ?, seconds = ? WHERE request = ?",
		VALS(val_i64(c.done_s), val_i64(c.done_s - c.started_s), val_text(request)), e));
	if (r >= 0)
		r = duty_contact_seen(d, peer, "drill", e);
	return r < 0 ? r : store_commit(&txn, e);
}

int duty_drills_settle(struct duty *d, struct err *e)
{
	char request[REQUEST_ID_LEN + 1], peer[EXCHANGE_NAME_MAX + 1];
	STORE_ROWS(rows);
	int r = store_first(
		d->s,
		"SELECT d.request, d.peer FROM duty_drill d JOIN request_clock c ON c.request = d.request AND c.kind = ? "
		"WHERE d.answered_s = 0 AND c.done_at > 0 AND EXISTS (SELECT 1 FROM request_event v WHERE v.request = d.request "
		"AND v.event = ?) LIMIT 1",
		VALS(val_i64(CLOCK_ACK), val_text(request_event_row(EVENT_ACK)->text)), &rows, e);
	if (r <= 0)
		return r;
	snprintf(request, sizeof(request), "%s", row_text(&rows, "request", NULL));
	snprintf(peer, sizeof(peer), "%s", row_text(&rows, "peer", NULL));
	store_rows_done(&rows);
	return settle(d, request, peer, e);
}

int duty_drill_own(struct duty *d, int64_t *ret_at_s, int64_t *ret_seconds, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		d->s,
		"SELECT answered_s, seconds FROM duty_drill WHERE side = ? AND answered_s > 0 ORDER BY answered_s DESC LIMIT 1",
		VALS(val_i64(SIDE_RECEIVER)), &rows, e);
	if (r <= 0)
		return r;
	*ret_at_s = row_i64(&rows, "answered_s");
	*ret_seconds = row_i64(&rows, "seconds");
	return 1;
}

/* ---- sending ---- */

static json_t *drill_doc(struct duty *d, const char *peer)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s}}", "type", "TEST", "class", "URGENT",
			 "to", peer, "case", "DRILL", "authority", "name", "Duty desk", "country",
			 duty_country(d, d->node));
}

int duty_drill(struct duty *d, const struct actor *a, const char *peer, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *in = drill_doc(d, peer), *draft = NULL;
	if (!directory_member(exchange_directory(d->x), peer))
		return err_set(e, ERR_MEMBER_UNKNOWN, "peer", NULL);
	int r = in ? request_draft(d->q, a, in, &draft, e) : err_set(e, ERR_NOMEM, NULL, NULL);
	if (r < 0)
		return r;
	d->changed = true;
	return request_submit(d->q, a, json_string_value(json_object_get(draft, "id")), ret, e);
}

/* ---- once a quarter ---- */

static int64_t quarter_start(int64_t now_s)
{
	struct civil c = civil_of(now_s / DUTY_DAY_S);
	c.month = (c.month - 1) / QUARTER_MONTHS * QUARTER_MONTHS + 1;
	c.day = 1;
	return civil_days(c) * DUTY_DAY_S;
}

/* Each pair has its own moment of the quarter, so that not everybody drills on its first day. */
static int64_t moment_of(const struct duty *d, const char *peer, int64_t quarter_s)
{
	char text[2 * EXCHANGE_NAME_MAX + 32];
	uint8_t hash32[32];
	int n = snprintf(text, sizeof(text), "%s %s %lld", d->node, peer, (long long)quarter_s);
	sha256(text, (size_t)n, hash32);
	return quarter_s + (int64_t)((hash32[0] << 8 | hash32[1]) % DRILL_DAYS) * DUTY_DAY_S +
	       (int64_t)((hash32[2] << 8 | hash32[3]) % DUTY_DAY_S);
}

/* A member known for a week, whose moment has passed, and that had no drill since the quarter began. */
static int is_due(struct duty *d, const char *peer, struct err *e)
{
	int64_t now = duty_wall(d), quarter = quarter_start(now);
	STORE_ROWS(rows);
	STORE_ROWS(last);
	if (now < moment_of(d, peer, quarter))
		return 0;
	int r = store_first(
		d->s, "SELECT member FROM duty_contact WHERE member = ? AND first_s <= ? LIMIT 1",
		VALS(val_text(peer), val_i64(now - ACQUAINTED_S)), &rows, e);
	if (r <= 0)
		return r;
	r = store_first(
		d->s,
		"SELECT request FROM duty_drill WHERE peer = ? AND side = ? AND sent_s >= ? LIMIT 1",
		VALS(val_text(peer), val_i64(SIDE_ORIGIN), val_i64(quarter)), &last, e);
	return r < 0 ? r : !r;
}

int duty_drills_due(struct duty *d, struct err *e)
{
	const struct actor system = {.officer = "system", .roles = ACTOR_OFFICER, .node = d->node};
	const struct directory_members *m = directory_members(exchange_directory(d->x));
	if (duty_now(d) < d->drills_s)
		return 0;
	d->drills_s = duty_now(d) + LOOK_S;
	for (size_t i = 0; m && d->o.drills && i < m->members_n; i++) {
		_cleanup_(json_decrefp) json_t *out = NULL;
		char peer[EXCHANGE_NAME_MAX + 1];
		snprintf(peer, sizeof(peer), "%s", m->members[i].name);
		if (!strcmp(peer, d->node))
			continue;
		int r = is_due(d, peer, e);
		if (r < 0)
			return r;
		if (r > 0 && duty_drill(d, &system, peer, &out, NULL) < 0)
			d->env->alarm(d->env->ctx, false,
				      "a drill could not be sent: lug duty drill");
		if (r > 0)
			return 0; /* one a poll; the directory may have changed */
	}
	return 0;
}

int duty_drills(struct duty *d, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	STORE_ROWS(rows);
	int r = store_query(
		d->s,
		"SELECT request, peer, side, sent_s, answered_s, seconds FROM duty_drill ORDER BY sent_s DESC LIMIT 200",
		NO_VALS, &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		int64_t answered = row_i64(&rows, "answered_s");
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "request",
					row_text(&rows, "request", NULL), "peer",
					row_text(&rows, "peer", NULL), "direction",
					row_i64(&rows, "side") == SIDE_RECEIVER ? "in" : "out",
					"sent", duty_time_json(row_i64(&rows, "sent_s")),
					"answered", duty_time_json(answered), "seconds",
					answered ? json_integer(row_i64(&rows, "seconds"))
						 : json_null()));
	}
	if (r >= 0)
		*ret = json_pack("{s:O}", "drills", list);
	return r < 0 ? r : 0;
}
