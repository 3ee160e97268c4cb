/* SPDX-License-Identifier: Apache-2.0
 * People, seats, changes and absences, read from their rows into rosters, and the check of what they cover. */
#include "duty/duty-int.h"

enum { KEEP_S = 40 * DUTY_DAY_S };

/* ---- zones ---- */

const struct tz *duty_zone(struct duty *d, const char *name)
{
	for (size_t i = 0; i < d->zones_n; i++)
		if (!strcmp(tz_name(d->zones[i]), name))
			return d->zones[i];
	if (d->zones_n == DUTY_ZONES_MAX)
		return NULL;
	struct tz *z = NULL;
	if (!strcmp(name, "UTC"))
		z = tz_utc();
	else if (d->env->zone(d->env->ctx, name, &z) < 0)
		return NULL;
	if (z)
		d->zones[d->zones_n++] = z;
	return z;
}

/* A seat whose zone has gone from the system goes on in UTC. */
static const struct tz *zone_or_utc(struct duty *d, const char *name)
{
	const struct tz *z = duty_zone(d, name);
	return z ? z : duty_zone(d, "UTC");
}

/* ---- reading ---- */

void duty_unload(struct duty *d)
{
	for (size_t i = 0; i < d->seats_n; i++)
		roster_done(&d->seats[i]);
	free(d->seats);
	free(d->people);
	d->seats = NULL;
	d->people = NULL;
	d->seats_n = d->people_n = 0;
	d->loaded = false;
}

static int parse_body(struct store_rows *rows, json_t **ret, struct err *e)
{
	size_t len;
	const char *body = row_text(rows, "body", &len);
	int r = row_err(rows, e);
	return r < 0 ? r : json_parse(body, len, ret, e);
}

static int load_people(struct duty *d, struct err *e)
{
	STORE_ROWS(rows);
	d->people = calloc(ROSTER_PEOPLE_MAX, sizeof(*d->people));
	if (!d->people)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = store_query(d->s, "SELECT body FROM duty_person ORDER BY officer", NO_VALS, &rows,
			    e);
	while (r >= 0 && d->people_n < ROSTER_PEOPLE_MAX && (r = store_next(&rows, e)) > 0) {
		_cleanup_(json_decrefp) json_t *j = NULL;
		r = parse_body(&rows, &j, e);
		if (r >= 0)
			r = roster_person_read(j, &d->people[d->people_n++], e);
	}
	return r;
}

static int load_changes(struct duty *d, struct roster *x, struct err *e)
{
	STORE_ROWS(rows);
	x->changes = calloc(ROSTER_CHANGES_MAX, sizeof(*x->changes));
	if (!x->changes)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = store_query(
		d->s, "SELECT id, body FROM duty_change WHERE seat = ? AND until_s > ? ORDER BY id",
		VALS(val_text(x->seat.name), val_i64(duty_wall(d) - KEEP_S)), &rows, e);
	while (r >= 0 && x->changes_n < ROSTER_CHANGES_MAX && (r = store_next(&rows, e)) > 0) {
		_cleanup_(json_decrefp) json_t *j = NULL;
		struct roster_change *c = &x->changes[x->changes_n];
		r = parse_body(&rows, &j, e);
		if (r >= 0)
			r = roster_change_read(j, c, e);
		if (r >= 0)
			c->id = row_i64(&rows, "id");
		x->changes_n += r >= 0;
	}
	return r;
}

static int load_absences(struct duty *d, struct roster *x, struct err *e)
{
	STORE_ROWS(rows);
	x->absences = calloc(ROSTER_ABSENCES_MAX, sizeof(*x->absences));
	if (!x->absences)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = store_query(
		d->s,
		"SELECT person, from_s, until_s FROM duty_absence WHERE until_s > ? ORDER BY from_s, person",
		VALS(val_i64(duty_wall(d) - KEEP_S)), &rows, e);
	while (r >= 0 && x->absences_n < ROSTER_ABSENCES_MAX && (r = store_next(&rows, e)) > 0) {
		struct roster_absence *a = &x->absences[x->absences_n++];
		snprintf(a->person, sizeof(a->person), "%s", row_text(&rows, "person", NULL));
		a->from_s = row_i64(&rows, "from_s");
		a->until_s = row_i64(&rows, "until_s");
	}
	return r;
}

static int load_seats(struct duty *d, struct err *e)
{
	STORE_ROWS(rows);
	d->seats = calloc(ROSTER_SEATS_MAX, sizeof(*d->seats));
	if (!d->seats)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = store_query(d->s, "SELECT body FROM duty_seat ORDER BY seat", NO_VALS, &rows, e);
	while (r >= 0 && d->seats_n < ROSTER_SEATS_MAX && (r = store_next(&rows, e)) > 0) {
		_cleanup_(json_decrefp) json_t *j = NULL;
		struct roster *x = &d->seats[d->seats_n++];
		r = parse_body(&rows, &j, e);
		if (r >= 0)
			r = roster_seat_read(j, &x->seat, e);
		if (r < 0)
			break;
		x->zone = zone_or_utc(d, x->seat.zone);
		x->people = d->people;
		x->people_n = d->people_n;
	}
	for (size_t i = 0; r >= 0 && i < d->seats_n; i++) {
		if (!d->seats[i].zone)
			return err_set(e, ERR_NOMEM, NULL, NULL);
		r = load_changes(d, &d->seats[i], e);
		if (r >= 0)
			r = load_absences(d, &d->seats[i], e);
	}
	return r;
}

int duty_load(struct duty *d, struct err *e)
{
	if (d->loaded)
		return 0;
	duty_unload(d);
	int r = load_people(d, e);
	if (r >= 0)
		r = load_seats(d, e);
	d->loaded = r >= 0;
	return r < 0 ? r : 0;
}

const struct roster *duty_seat(struct duty *d, const char *name)
{
	for (size_t i = 0; i < d->seats_n; i++)
		if (!strcmp(d->seats[i].seat.name, name))
			return &d->seats[i];
	return NULL;
}

const struct roster_person *duty_person(struct duty *d, const char *officer)
{
	for (size_t i = 0; i < d->people_n; i++)
		if (!strcmp(d->people[i].officer, officer))
			return &d->people[i];
	return NULL;
}

/* ---- coverage ---- */

static bool works(void *ctx, const char *channel)
{
	struct duty *d = ctx;
	return d->env->works(d->env->ctx, channel);
}

static json_t *finding_json(const char *seat, const struct roster_finding *f)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "finding", roster_finding_name(f->kind),
			 "seat", seat, "person", f->person, "from", duty_time_json(f->from_s),
			 "until", duty_time_json(f->until_s));
}

/* A seat that could not be checked is a finding too. */
static json_t *unchecked(const char *seat, const char *why)
{
	return json_pack("{s:s, s:s, s:s, s:n, s:n, s:s}", "finding", "unchecked", "seat", seat,
			 "person", "", "from", "until", "text", why);
}

json_t *duty_findings(struct duty *d, const char *seat, int64_t days, size_t *ret_n)
{
	json_t *out = json_array();
	int64_t now = duty_wall(d);
	for (size_t i = 0; out && i < d->seats_n; i++) {
		_cleanup_(freep) struct roster_finding *list = NULL;
		const char *name = d->seats[i].seat.name;
		struct err e = {0};
		size_t n = 0;
		if (seat && strcmp(seat, name) != 0)
			continue;
		if (roster_coverage(&d->seats[i], now, now + days * DUTY_DAY_S, works, d, &list, &n,
				    &e) < 0)
			json_array_append_new(out, unchecked(name, e.message));
		for (size_t k = 0; k < n; k++)
			json_array_append_new(out, finding_json(name, &list[k]));
	}
	*ret_n = json_array_size(out);
	return out;
}

static bool has_gap(const json_t *findings)
{
	const json_t *f;
	size_t i;
	json_array_foreach (findings, i, f)
		if (!strcmp(json_string_value(json_object_get(f, "finding")), "gap"))
			return true;
	return false;
}

void duty_check_daily(struct duty *d)
{
	if (duty_now(d) < d->coverage_s)
		return;
	_cleanup_(json_decrefp) json_t *list =
		duty_findings(d, NULL, DUTY_COVERAGE_DAYS, &d->findings_n);
	d->coverage_s = duty_now(d) + DUTY_DAY_S;
	d->checked_s = duty_wall(d);
	if (list && has_gap(list))
		d->env->alarm(d->env->ctx, false,
			      "the roster has a gap in the next 30 days: lug duty coverage");
}
