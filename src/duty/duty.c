/* SPDX-License-Identifier: Apache-2.0
 * The duty desk as one object: tables, opening, and one poll in a fixed order.
 *
 * Invariants:
 *  1. After a poll that succeeded, every request of a class that has a ladder and waits for people has an alert, and every alert that is
 *     not over has a next_s that is not in the past.
 *  2. An alert changes in one transaction with the rings that its step queues and with its audit event.
 *  3. Everything in struct duty but its rows may be lost at any moment. */
#include "duty/duty-int.h"

enum { POLL_MAX_MS = 1000 };

static const struct store_migration steps[] = {
	{1, "roster, alerts, rings, members",
	 "CREATE TABLE duty_person (officer TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL);"
	 "CREATE TABLE duty_seat (seat TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL);"
	 "CREATE TABLE duty_change (id BIGINT NOT NULL PRIMARY KEY, seat TEXT NOT NULL, until_s BIGINT NOT NULL, body TEXT NOT NULL);"
	 "CREATE INDEX duty_change_by_seat ON duty_change (seat, until_s);"
	 "CREATE TABLE duty_absence (person TEXT NOT NULL, from_s BIGINT NOT NULL, until_s BIGINT NOT NULL,"
	 " imported BIGINT NOT NULL, PRIMARY KEY (person, imported, from_s));"
	 "CREATE TABLE duty_policy (side TEXT NOT NULL, class TEXT NOT NULL, repeat_s BIGINT NOT NULL, all_must BIGINT NOT NULL,"
	 " PRIMARY KEY (side, class));"
	 "CREATE TABLE duty_step (side TEXT NOT NULL, class TEXT NOT NULL, n BIGINT NOT NULL, after_s BIGINT NOT NULL,"
	 " target TEXT NOT NULL, channel BIGINT NOT NULL, PRIMARY KEY (side, class, n));"
	 "CREATE TABLE duty_alert (id TEXT NOT NULL PRIMARY KEY, side BIGINT NOT NULL, state BIGINT NOT NULL, class TEXT NOT NULL,"
	 " peer TEXT NOT NULL, request TEXT NOT NULL, started_s BIGINT NOT NULL, base_s BIGINT NOT NULL, step BIGINT NOT NULL,"
	 " next_s BIGINT NOT NULL, holder TEXT NOT NULL, held_s BIGINT NOT NULL, ended_s BIGINT NOT NULL, acked BIGINT NOT NULL);"
	 "CREATE INDEX duty_alert_by_next ON duty_alert (next_s) WHERE state < 2;"
	 "CREATE INDEX duty_alert_by_start ON duty_alert (started_s);"
	 "CREATE TABLE duty_ring (n BIGINT NOT NULL PRIMARY KEY, alert TEXT NOT NULL, at_s BIGINT NOT NULL, step BIGINT NOT NULL,"
	 " person TEXT NOT NULL, place BIGINT NOT NULL, what BIGINT NOT NULL, channel TEXT NOT NULL, address TEXT NOT NULL,"
	 " phone TEXT NOT NULL, state BIGINT NOT NULL, why TEXT NOT NULL, token BYTEA NOT NULL,"
	 " code TEXT NOT NULL, until_s BIGINT NOT NULL);"
	 "CREATE INDEX duty_ring_by_alert ON duty_ring (alert, n);"
	 "CREATE INDEX duty_ring_by_token ON duty_ring (token);"
	 "CREATE INDEX duty_ring_queue ON duty_ring (n) WHERE state < 2;"
	 "CREATE INDEX duty_ring_by_code ON duty_ring (code) WHERE state < 3;"
	 "CREATE TABLE duty_peer (member TEXT NOT NULL PRIMARY KEY, heard_s BIGINT NOT NULL, watched BIGINT NOT NULL,"
	 " note BYTEA NOT NULL);"
	 "CREATE TABLE duty_contact (member TEXT NOT NULL, hash BYTEA NOT NULL, first_s BIGINT NOT NULL, verified_s BIGINT NOT NULL,"
	 " officer TEXT NOT NULL, PRIMARY KEY (member, hash));"
	 "CREATE TABLE duty_drill (request TEXT NOT NULL PRIMARY KEY, peer TEXT NOT NULL, side BIGINT NOT NULL, sent_s BIGINT NOT NULL,"
	 " answered_s BIGINT NOT NULL, seconds BIGINT NOT NULL)",
	 "DROP TABLE duty_drill; DROP TABLE duty_contact; DROP TABLE duty_peer; DROP TABLE duty_ring; DROP TABLE duty_alert;"
	 "DROP TABLE duty_step; DROP TABLE duty_policy; DROP TABLE duty_absence; DROP TABLE duty_change; DROP TABLE duty_seat;"
	 "DROP TABLE duty_person"},
};

const struct store_schema *duty_schema(void)
{
	static const struct store_schema schema = {"duty", steps, ARRAY_LEN(steps)};
	return &schema;
}

/* ---- small things ---- */

int64_t duty_wall(const struct duty *d)
{
	return d->xenv->wall_ms(d->xenv->ctx) / 1000;
}

int64_t duty_now(const struct duty *d)
{
	return FAULTY(WALL_CLOCK) ? duty_wall(d) : requests_steady_s(d->q);
}

int duty_changed(int64_t rows)
{
	return rows < 0 ? (int)rows : 0;
}

json_t *duty_time_json(int64_t unix_s)
{
	char text[TIME_TEXT_MAX];
	return unix_s ? json_string(time_utc(unix_s, text)) : json_null();
}

int duty_audit(struct duty *d, enum audit_type type, const char *who, const char *what,
	       const char *target, STEALS json_t *detail, struct err *e)
{
	uint8_t salt[AUDIT_SALT_LEN];
	_cleanup_(json_decrefp) json_t *owned = detail;
	const struct audit_event ev = {
		.type = type, .who = who, .what = what, .target = target, .detail = owned};
	d->xenv->random(d->xenv->ctx, salt, sizeof(salt));
	return audit_record(d->s, &ev, duty_wall(d), salt, NULL, e);
}

/* ---- life ---- */

struct duty *duty_close(struct duty *d)
{
	if (!d)
		return NULL;
	duty_unload(d);
	for (size_t i = 0; i < d->zones_n; i++)
		tz_free(d->zones[i]);
	free(d);
	return NULL;
}

int duty_open(struct exchange *x, struct requests *q, const struct duty_env *env,
	      const struct duty_options *o, struct duty **ret_duty, struct err *e)
{
	_cleanup_(duty_closep) struct duty *d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	d->x = x;
	d->q = q;
	d->s = exchange_store(x);
	d->xenv = exchange_env_of(x);
	d->env = env;
	d->o = *o;
	d->node = exchange_node(x);
	d->opened_s = duty_now(d);
	int r = duty_ladder_seed(d, e);
	if (r >= 0)
		r = duty_rings_again(d, e);
	if (r >= 0)
		r = duty_load(d, e);
	if (r >= 0 && FAULTY(NO_SWEEP))
		r = duty_alerts_sweep(d, e);
	if (r < 0)
		return r;
	*ret_duty = TAKE_PTR(d);
	return 0;
}

void duty_follow(struct duty *d)
{
	d->loaded = false;
}

int duty_poll(struct duty *d, struct err *e)
{
	d->changed = false;
	int r = duty_load(d, e);
	if (r >= 0 && !FAULTY(NO_SWEEP))
		r = duty_alerts_sweep(d, e);
	if (r >= 0)
		r = duty_hear(d, e);
	if (r >= 0)
		r = duty_alerts_due(d, e);
	if (r >= 0)
		r = duty_rings_out(d, e);
	if (r < 0)
		return r;
	duty_check_daily(d);
	r = duty_drills_settle(d, e);
	if (r >= 0)
		r = duty_drills_due(d, e);
	return r < 0 ? r : d->changed;
}

int64_t duty_next_due(const struct duty *d)
{
	return POLL_MAX_MS;
}
