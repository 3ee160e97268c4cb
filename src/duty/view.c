/* SPDX-License-Identifier: Apache-2.0
 * The duty desk as JSON, for console and command line (docs/protocol/escalation.md 6). */
#include "duty/duty-int.h"

enum { LOCAL_MAX = 64, ALERTS_MAX = 500, SHOWN_CONTACTS = 2 };

/* ---- who is on ---- */

static json_t *names_json(const struct roster_on *on)
{
	json_t *list = json_array();
	for (size_t i = 0; i < on->people_n; i++)
		json_array_append_new(list, json_string(on->people[i]));
	return list;
}

/* "2026-11-22 03:10 CET" */
static json_t *local_json(const struct tz *z, int64_t at_s)
{
	char face[TIME_TEXT_MAX], text[LOCAL_MAX];
	time_utc(tz_local(z, at_s), face);
	snprintf(text, sizeof(text), "%.10s %.5s %s", face, face + 11, tz_abbr(z, at_s));
	return json_string(text);
}

static json_t *on_json(const struct roster *x, int64_t now)
{
	struct roster_on on, then = {0};
	int64_t next = roster_next(x, now);
	json_t *languages = json_array();
	roster_at(x, now, &on);
	if (next != INT64_MAX)
		roster_at(x, next, &then);
	for (size_t i = 0; i < x->seat.languages.n; i++)
		json_array_append_new(languages, json_string(x->seat.languages.list[i]));
	return json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:s, s:o}", "seat", x->seat.name,
			 "state",
			 !on.people_n			     ? "gap"
			 : on.source == ROSTER_FROM_FALLBACK ? "fallback"
							     : "on",
			 "people", names_json(&on), "zone", x->seat.zone, "local_time",
			 local_json(x->zone, now), "next_handoff",
			 duty_time_json(next == INT64_MAX ? 0 : next), "next_people",
			 names_json(&then), "line", x->seat.line, "languages", languages);
}

static json_t *shift_json(const struct roster_shift *s)
{
	json_t *j = json_pack("{s:o, s:o, s:o, s:s}", "from", duty_time_json(s->from_s), "until",
			      duty_time_json(s->until_s), "people", names_json(&s->on), "source",
			      roster_source_name(s->on.source));
	if (s->on.layer) {
		json_object_set_new(j, "layer", json_string(s->on.layer->name));
		json_object_set_new(j, "shift", json_integer(s->on.shift));
	}
	return j;
}

static int seat_json(const struct roster *x, int64_t from_s, int64_t until_s, json_t *out,
		     struct err *e)
{
	_cleanup_(freep) struct roster_shift *list = NULL;
	size_t n = 0;
	int r = roster_shifts(x, from_s, until_s, &list, &n, e);
	if (r < 0)
		return r;
	json_t *j = roster_seat_json(&x->seat), *shifts = json_array(), *changes = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(shifts, shift_json(&list[i]));
	for (size_t i = 0; i < x->changes_n; i++)
		json_array_append_new(changes, roster_change_json(&x->changes[i]));
	json_object_set_new(j, "shifts", shifts);
	json_object_set_new(j, "changes", changes);
	return json_array_append_new(out, j) < 0 ? err_set(e, ERR_NOMEM, NULL, NULL) : 0;
}

static json_t *people_json(const struct duty *d)
{
	json_t *list = json_array();
	for (size_t i = 0; i < d->people_n; i++)
		json_array_append_new(list, roster_person_json(&d->people[i]));
	return list;
}

static json_t *absences_json(struct duty *d)
{
	json_t *list = json_array();
	STORE_ROWS(rows);
	int r = store_query(
		d->s,
		"SELECT person, from_s, until_s, imported FROM duty_absence WHERE until_s > ? ORDER BY from_s, person",
		VALS(val_i64(duty_wall(d))), &rows, NULL);
	while (r >= 0 && (r = store_next(&rows, NULL)) > 0)
		json_array_append_new(list,
				      json_pack("{s:s, s:o, s:o, s:b}", "person",
						row_text(&rows, "person", NULL), "from",
						duty_time_json(row_i64(&rows, "from_s")), "until",
						duty_time_json(row_i64(&rows, "until_s")),
						"imported", row_i64(&rows, "imported") != 0));
	return list;
}

static void default_span(struct duty *d, int64_t *from_s, int64_t *until_s)
{
	if (!*from_s)
		*from_s = duty_wall(d);
	if (!*until_s)
		*until_s = *from_s + DUTY_COVERAGE_DAYS * DUTY_DAY_S;
}

int duty_roster(struct duty *d, const char *seat, int64_t from_s, int64_t until_s, json_t **ret,
		struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	int r = duty_load(d, e);
	default_span(d, &from_s, &until_s);
	for (size_t i = 0; r >= 0 && i < d->seats_n; i++)
		if (!seat || !strcmp(seat, d->seats[i].seat.name))
			r = seat_json(&d->seats[i], from_s, until_s, list, e);
	if (r >= 0 && seat && !json_array_size(list))
		r = err_set(e, ERR_NOENT, "seat", "There is no seat %s.", seat);
	if (r >= 0)
		*ret = json_pack("{s:O, s:o, s:o}", "seats", list, "people", people_json(d),
				 "absences", absences_json(d));
	return r;
}

int duty_roster_ics(struct duty *d, const char *seat, int64_t from_s, int64_t until_s,
		    struct buf *out, struct err *e)
{
	const struct roster *list[ROSTER_SEATS_MAX];
	size_t n = 0;
	int r = duty_load(d, e);
	default_span(d, &from_s, &until_s);
	for (size_t i = 0; r >= 0 && i < d->seats_n; i++)
		if (!seat || !strcmp(seat, d->seats[i].seat.name))
			list[n++] = &d->seats[i];
	if (r >= 0 && seat && !n)
		r = err_set(e, ERR_NOENT, "seat", "There is no seat %s.", seat);
	return r < 0 ? r
		     : roster_ics_write(list, n, from_s, until_s, duty_wall(d), d->node, out, e);
}

int duty_coverage(struct duty *d, int64_t days, json_t **ret, struct err *e)
{
	size_t n;
	int64_t now = duty_wall(d);
	int r = duty_load(d, e);
	if (r < 0)
		return r;
	*ret = json_pack("{s:o, s:o, s:o}", "from", duty_time_json(now), "until",
			 duty_time_json(now + days * DUTY_DAY_S), "findings",
			 duty_findings(d, NULL, days, &n));
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

/* ---- alerts ---- */

/* Steady time as the wall shows it: they differ by what the wall was set back. */
static json_t *steady_json(struct duty *d, int64_t steady_s)
{
	bool never = steady_s == INT64_MAX || !steady_s;
	return duty_time_json(never ? 0 : steady_s - (duty_now(d) - duty_wall(d)));
}

static json_t *alert_json(struct duty *d, const struct duty_alert *a)
{
	static const char *const states[] = {"open", "held", "over"};
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "alert", a->id,
			      "side", duty_side_name(a->side), "state", states[a->state], "class",
			      a->class, "peer", a->peer, "country", duty_country(d, a->peer),
			      "request", a->request, "holder", a->holder, "step", (int)a->step);
	if (!j)
		return NULL;
	json_object_set_new(j, "reference", json_sprintf("%.*s", DUTY_REFERENCE_LEN, a->request));
	json_object_set_new(j, "started", steady_json(d, a->started_s));
	json_object_set_new(j, "next", steady_json(d, a->next_s));
	json_object_set_new(j, "next_in_s",
			    a->state == DUTY_OVER ? json_null()
						  : json_integer(a->next_s - duty_now(d)));
	json_object_set_new(j, "held_until",
			    a->state == DUTY_HELD ? steady_json(d, a->next_s) : json_null());
	json_object_set_new(j, "rings", duty_rings_json(d, a->id));
	return j;
}

int duty_alerts(struct duty *d, bool all, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	STORE_ROWS(rows);
	int r = store_query(
		d->s,
		DUTY_ALERT_COLUMNS "WHERE state < ? ORDER BY state, next_s, started_s DESC LIMIT ?",
		VALS(val_i64(all ? DUTY_OVER + 1 : DUTY_OVER), val_i64(ALERTS_MAX)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		struct duty_alert a;
		duty_alert_read(&rows, &a);
		if (json_array_append_new(list, alert_json(d, &a)) < 0)
			return err_set(e, ERR_NOMEM, NULL, NULL);
	}
	if (r >= 0)
		*ret = json_pack("{s:O, s:o}", "alerts", list, "now", duty_time_json(duty_wall(d)));
	return r < 0 ? r : 0;
}

/* ---- members ---- */

static json_t *contact_json(const struct duty_contact *c)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s}", "contact",
			 (int)c->number, "function", c->c->function, "phone", c->c->phone, "mobile",
			 c->c->mobile, "mail", c->c->mail, "languages", c->c->languages, "hours",
			 c->c->hours, "zone", c->c->zone, "verified",
			 c->verified ? duty_time_json(c->verified_s) : json_null(), "state",
			 c->red	    ? "red"
			 : c->amber ? "amber"
				    : "fresh");
}

static json_t *member_json(struct duty *d, const char *name)
{
	struct duty_contact contacts[SHOWN_CONTACTS];
	struct duty_alert a;
	char watch[DUTY_ID_MAX + 1];
	json_t *list = json_array();
	STORE_ROWS(rows);
	int n = duty_contacts(d, name, contacts, SHOWN_CONTACTS, NULL);
	for (int i = 0; i < n; i++)
		json_array_append_new(list, contact_json(&contacts[i]));
	snprintf(watch, sizeof(watch), "watch:%s", name);
	bool silent = duty_alert_load(d, watch, &a, NULL) > 0 && a.state != DUTY_OVER;
	int r = store_first(d->s, "SELECT heard_s FROM duty_peer WHERE member = ?",
			    VALS(val_text(name)), &rows, NULL);
	json_t *heard = r > 0 ? steady_json(d, row_i64(&rows, "heard_s")) : json_null();
	store_rows_done(&rows);
	return json_pack("{s:s, s:s, s:o, s:b, s:o, s:o}", "member", name, "country",
			 duty_country(d, name), "heard", heard, "silent", silent, "note",
			 duty_note_json(d, name), "contacts", list);
}

static json_t *members_json(struct duty *d)
{
	const struct directory_members *m = directory_members(exchange_directory(d->x));
	json_t *list = json_array();
	for (size_t i = 0; m && i < m->members_n; i++)
		if (strcmp(m->members[i].name, d->node) != 0)
			json_array_append_new(list, member_json(d, m->members[i].name));
	return list;
}

int duty_members(struct duty *d, json_t **ret, struct err *e)
{
	*ret = json_pack("{s:o}", "members", members_json(d));
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

int duty_show(struct duty *d, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *alerts = NULL;
	json_t *seats = json_array();
	int64_t now = duty_wall(d);
	int r = duty_load(d, e);
	if (r >= 0)
		r = duty_alerts(d, false, &alerts, e);
	for (size_t i = 0; r >= 0 && i < d->seats_n; i++)
		json_array_append_new(seats, on_json(&d->seats[i], now));
	if (r < 0) {
		json_decref(seats);
		return r;
	}
	*ret = json_pack("{s:o, s:o, s:O, s:o, s:{s:o, s:I}}", "now", duty_time_json(now), "seats",
			 seats, "alerts", json_object_get(alerts, "alerts"), "members",
			 members_json(d), "coverage", "checked", duty_time_json(d->checked_s),
			 "findings", (json_int_t)d->findings_n);
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}
