/* SPDX-License-Identifier: Apache-2.0
 * People, seats, changes and absences, written from JSON: checked, in one transaction with the audit event; then the cache is dropped and
 * the coverage looked at again. */
#include "duty/duty-int.h"

enum { ABSENCE_AHEAD_S = 730 * DUTY_DAY_S };

static int write_body(struct duty *d, const char *sql, const char *key, STEALS json_t *j,
		      struct err *e)
{
	_cleanup_(json_decrefp) json_t *owned = j;
	_cleanup_(freep) char *text = owned ? json_text(owned) : NULL;
	if (!text)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	return duty_changed(store_exec(d->s, sql, VALS(val_text(key), val_text(text)), e));
}

/* Commit, drop the cache, look again. */
static int finish(struct duty *d, struct store_txn *txn, struct err *e)
{
	int r = store_commit(txn, e);
	d->loaded = false;
	d->coverage_s = 0;
	return r < 0 ? r : duty_load(d, e);
}

static int need_person(struct duty *d, const char *officer, const char *field, struct err *e)
{
	return duty_person(d, officer)
		       ? 0
		       : err_set(e, ERR_NOENT, field, "%s is not among the people of the roster.",
				 officer);
}

int duty_person_set(struct duty *d, const struct actor *a, const json_t *in, json_t **ret,
		    struct err *e)
{
	STORE_TXN(txn);
	struct roster_person p = {0};
	char target[ROSTER_NAME_MAX + 16];
	int r = duty_load(d, e);
	if (r >= 0)
		r = roster_person_read(in, &p, e);
	if (r >= 0 && !duty_person(d, p.officer) && d->people_n == ROSTER_PEOPLE_MAX)
		r = err_set(e, ERR_OVERSIZE, "officer", "At most %d people.", ROSTER_PEOPLE_MAX);
	if (r >= 0)
		r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = write_body(
			d,
			"INSERT INTO duty_person (officer, body) VALUES (?, ?) ON CONFLICT (officer) DO UPDATE SET body = excluded.body",
			p.officer, roster_person_json(&p), e);
	snprintf(target, sizeof(target), "person %s", p.officer);
	if (r >= 0)
		r = duty_audit(d, AUDIT_CONFIGURATION, a->officer, "duty.person", target,
			       roster_person_json(&p), e);
	if (r >= 0)
		r = finish(d, &txn, e);
	if (r >= 0)
		*ret = roster_person_json(&p);
	return r;
}

/* Everybody in a seat is known, and who falls back where FLASH arrives can be reached. */
static int check_seat(struct duty *d, const struct roster_seat *s, struct err *e)
{
	const struct roster_person *fallback = duty_person(d, s->fallback);
	int r = 0;
	if (!duty_zone(d, s->zone))
		return err_set(e, ERR_NOENT, "zone", "The system has no zone %s.", s->zone);
	for (size_t i = 0; i < s->layers.n; i++)
		for (size_t k = 0; r >= 0 && k < s->layers.list[i].people_n; k++)
			r = need_person(d, s->layers.list[i].people[k], "people", e);
	if (r >= 0 && s->fallback[0])
		r = need_person(d, s->fallback, "fallback", e);
	if (r >= 0 && s->flash && (!fallback->active || !fallback->channels_n))
		return err_set(e, ERR_FIELD_MISSING, "fallback",
			       "%s has no channel and cannot be rung for a FLASH.", s->fallback);
	if (r >= 0 && !duty_seat(d, s->name) && d->seats_n == ROSTER_SEATS_MAX)
		return err_set(e, ERR_OVERSIZE, "seat", "At most %d seats.", ROSTER_SEATS_MAX);
	return r;
}

static int seat_reply(struct duty *d, const char *seat, json_t **ret, struct err *e)
{
	size_t n;
	const struct roster *x = duty_seat(d, seat);
	*ret = json_pack("{s:o, s:o}", "seat", roster_seat_json(&x->seat), "findings",
			 duty_findings(d, seat, DUTY_COVERAGE_DAYS, &n));
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

int duty_seat_set(struct duty *d, const struct actor *a, const json_t *in, json_t **ret,
		  struct err *e)
{
	STORE_TXN(txn);
	_cleanup_(freep) struct roster_seat *s = calloc(1, sizeof(*s));
	char target[ROSTER_NAME_MAX + 16];
	int r = s ? duty_load(d, e) : err_set(e, ERR_NOMEM, NULL, NULL);
	if (r >= 0)
		r = roster_seat_read(in, s, e);
	if (r >= 0)
		r = check_seat(d, s, e);
	if (r >= 0)
		r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = write_body(
			d,
			"INSERT INTO duty_seat (seat, body) VALUES (?, ?) ON CONFLICT (seat) DO UPDATE SET body = excluded.body",
			s->name, roster_seat_json(s), e);
	snprintf(target, sizeof(target), "seat %s", r < 0 ? "" : s->name);
	if (r >= 0)
		r = duty_audit(d, AUDIT_CONFIGURATION, a->officer, "duty.seat", target,
			       roster_seat_json(s), e);
	if (r >= 0)
		r = finish(d, &txn, e);
	return r < 0 ? r : seat_reply(d, s->name, ret, e);
}

/* A delete of one thing, which must be there. */
static int remove_one(struct duty *d, const struct actor *a, const char *sql,
		      const struct store_val *key, const char *what, const char *target,
		      struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(d->s, STORE_WRITE, &txn, e);
	int64_t n = r < 0 ? r : store_exec(d->s, sql, key, 1, e);
	if (n == 0)
		return err_set(e, ERR_NOENT, "id", "There is no %s.", target);
	r = duty_changed(n);
	if (r >= 0)
		r = duty_audit(d, AUDIT_CONFIGURATION, a->officer, what, target, NULL, e);
	return r < 0 ? r : finish(d, &txn, e);
}

int duty_seat_remove(struct duty *d, const struct actor *a, const char *seat, struct err *e)
{
	char target[ROSTER_NAME_MAX + 16];
	const struct store_val key = val_text(seat);
	snprintf(target, sizeof(target), "seat %s", seat);
	return remove_one(d, a, "DELETE FROM duty_seat WHERE seat = ?", &key, "duty.seat-remove",
			  target, e);
}

int duty_change_remove(struct duty *d, const struct actor *a, int64_t id, struct err *e)
{
	char target[40];
	const struct store_val key = val_i64(id);
	snprintf(target, sizeof(target), "change %lld", (long long)id);
	return remove_one(d, a, "DELETE FROM duty_change WHERE id = ?", &key, "duty.change-remove",
			  target, e);
}

/* ---- changes ---- */

static const struct roster_layer *layer_named(const struct roster *x, const char *name)
{
	for (size_t i = 0; i < x->seat.layers.n; i++)
		if (!strcmp(x->seat.layers.list[i].name, name))
			return &x->seat.layers.list[i];
	return NULL;
}

static int check_change(struct duty *d, const struct roster *x, const struct roster_change *c,
			struct err *e)
{
	int r = c->person[0] ? need_person(d, c->person, "person", e) : 0;
	if (r >= 0 && c->with[0])
		r = need_person(d, c->with, "with", e);
	if (r >= 0 && c->fallback[0])
		r = need_person(d, c->fallback, "fallback", e);
	for (size_t i = 0; r >= 0 && c->layers && i < c->layers->n; i++)
		for (size_t k = 0; r >= 0 && k < c->layers->list[i].people_n; k++)
			r = need_person(d, c->layers->list[i].people[k], "people", e);
	if (r < 0 || c->kind != ROSTER_SWAP)
		return r;
	const struct roster_layer *l = layer_named(x, c->layer);
	if (!l)
		return err_set(e, ERR_NOENT, "layer", "The seat has no layer %s.", c->layer);
	const char *holder = l->people[c->shift % (int64_t)l->people_n];
	return strcmp(holder, c->person) == 0
		       ? 0
		       : err_set(e, ERR_STALE, "shift", "Shift %lld belongs to %s.",
				 (long long)c->shift, holder);
}

static int insert_change(struct duty *d, const struct roster *x, const json_t *j, json_t *out,
			 struct err *e)
{
	struct roster_change c = {0};
	STORE_ROWS(rows);
	int r = roster_change_read(j, &c, e);
	if (r >= 0)
		r = check_change(d, x, &c, e);
	if (r >= 0)
		r = store_first(d->s, "SELECT COALESCE(MAX(id), 0) + 1 AS id FROM duty_change",
				NO_VALS, &rows, e);
	if (r >= 0)
		c.id = row_i64(&rows, "id");
	store_rows_done(&rows);
	_cleanup_(json_decrefp) json_t *body = r < 0 ? NULL : roster_change_json(&c);
	_cleanup_(freep) char *text = body ? json_text(body) : NULL;
	if (r >= 0 && !text)
		r = err_set(e, ERR_NOMEM, NULL, NULL);
	if (r >= 0)
		r = duty_changed(store_exec(
			d->s,
			"INSERT INTO duty_change (id, seat, until_s, body) VALUES (?, ?, ?, ?)",
			VALS(val_i64(c.id), val_text(x->seat.name),
			     val_i64(c.kind == ROSTER_SWAP ? INT64_MAX : c.until_s),
			     val_text(text)),
			e));
	if (r >= 0)
		json_array_append(out, body);
	roster_change_done(&c);
	return r;
}

/* {"seat", "changes": [..]}, or one change with its seat in the same object. */
static int changes_of(const json_t *in, const char **ret_seat, json_t **ret_list, struct err *e)
{
	static const char *const keys[] = {"seat", "changes", NULL};
	const json_t *list = json_object_get(in, "changes");
	int r = json_need_str(in, "seat", 1, ROSTER_NAME_MAX, ret_seat, e);
	if (r < 0)
		return r;
	if (list) {
		if (!json_is_array(list) || !json_array_size(list) ||
		    json_array_size(list) > ROSTER_CHANGES_MAX)
			return err_set(e, ERR_RANGE, "changes", "1 to %d changes.",
				       ROSTER_CHANGES_MAX);
		*ret_list = json_deep_copy(list);
		return json_only(in, keys, e);
	}
	json_t *one = json_copy((json_t *)(uintptr_t)in);
	json_object_del(one, "seat");
	*ret_list = json_pack("[o]", one);
	return *ret_list ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

static int insert_changes(struct duty *d, const struct actor *a, const struct roster *x,
			  const json_t *list, json_t *out, struct err *e)
{
	char target[ROSTER_NAME_MAX + 16];
	const json_t *v;
	size_t i;
	int r = 0;
	if (x->changes_n + json_array_size(list) > ROSTER_CHANGES_MAX)
		return err_set(e, ERR_OVERSIZE, "changes", "A seat has at most %d changes.",
			       ROSTER_CHANGES_MAX);
	json_array_foreach (list, i, v)
		if (r >= 0)
			r = insert_change(d, x, v, out, e);
	snprintf(target, sizeof(target), "seat %s", x->seat.name);
	return r < 0 ? r
		     : duty_audit(d, AUDIT_CONFIGURATION, a->officer, "duty.change", target,
				  json_pack("{s:O}", "changes", out), e);
}

int duty_changes_add(struct duty *d, const struct actor *a, const json_t *in, json_t **ret,
		     struct err *e)
{
	STORE_TXN(txn);
	_cleanup_(json_decrefp) json_t *list = NULL, *out = json_array();
	const char *seat = NULL;
	size_t n;
	int r = duty_load(d, e);
	if (r >= 0)
		r = changes_of(in, &seat, &list, e);
	const struct roster *x = r < 0 ? NULL : duty_seat(d, seat);
	if (r >= 0 && !x)
		r = err_set(e, ERR_NOENT, "seat", "There is no seat %s.", seat);
	if (r >= 0)
		r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = insert_changes(d, a, x, list, out, e);
	if (r >= 0)
		r = finish(d, &txn, e);
	if (r >= 0)
		*ret = json_pack("{s:O, s:o}", "changes", out, "findings",
				 duty_findings(d, seat, DUTY_COVERAGE_DAYS, &n));
	return r;
}

/* ---- absences ---- */

static const struct tz *load_zone(void *ctx, const char *name)
{
	return duty_zone(ctx, name);
}

/* The zone of the first seat that the person is in. */
static const struct tz *zone_of_person(struct duty *d, const char *officer)
{
	for (size_t i = 0; i < d->seats_n; i++)
		for (size_t k = 0; k < d->seats[i].seat.layers.n; k++) {
			const struct roster_layer *l = &d->seats[i].seat.layers.list[k];
			for (size_t p = 0; p < l->people_n; p++)
				if (!strcmp(l->people[p], officer))
					return d->seats[i].zone;
		}
	return duty_zone(d, "UTC");
}

static int read_absences(struct duty *d, const json_t *in, const char *person,
			 struct roster_absence **ret, size_t *ret_n, struct err *e)
{
	const char *ics = NULL, *from = NULL, *until = NULL;
	int64_t now = duty_wall(d);
	int r = json_opt_str(in, "ics", 1, ROSTER_ICS_MAX, &ics, e);
	if (r >= 0 && ics)
		return roster_ics_absences(ics, strlen(ics), zone_of_person(d, person), load_zone,
					   d, now - DUTY_DAY_S, now + ABSENCE_AHEAD_S, ret, ret_n,
					   e);
	struct roster_absence one = {0};
	if (r >= 0)
		r = json_need_str(in, "from", 1, TIME_TEXT_MAX, &from, e);
	if (r >= 0)
		r = json_need_str(in, "until", 1, TIME_TEXT_MAX, &until, e);
	if (r >= 0 &&
	    (time_parse(from, strlen(from), &one.from_s) < 0 ||
	     time_parse(until, strlen(until), &one.until_s) < 0 || one.until_s <= one.from_s))
		r = err_set(e, ERR_FORMAT, "until",
			    "Times are written 2026-11-22T08:00:00Z, the later one as \"until\".");
	*ret = r < 0 ? NULL : malloc(sizeof(one));
	if (r >= 0 && !*ret)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (r < 0)
		return r;
	**ret = one;
	*ret_n = 1;
	return 0;
}

static int write_absences(struct duty *d, const char *person, bool imported,
			  const struct roster_absence *list, size_t n, struct err *e)
{
	int64_t r =
		imported ? store_exec(d->s,
				      "DELETE FROM duty_absence WHERE person = ? AND imported = 1",
				      VALS(val_text(person)), e)
			 : 0;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = store_exec(
			d->s,
			"INSERT INTO duty_absence (person, from_s, until_s, imported) VALUES (?, ?, ?, ?) "
			"ON CONFLICT (person, imported, from_s) DO UPDATE SET until_s = excluded.until_s",
			VALS(val_text(person), val_i64(list[i].from_s), val_i64(list[i].until_s),
			     val_i64(imported)),
			e);
	return duty_changed(r);
}

int duty_absences_set(struct duty *d, const struct actor *a, const json_t *in, json_t **ret,
		      struct err *e)
{
	static const char *const keys[] = {"person", "ics", "from", "until", NULL};
	STORE_TXN(txn);
	_cleanup_(freep) struct roster_absence *list = NULL;
	const char *person = NULL;
	size_t n = 0, findings;
	int r = duty_load(d, e);
	if (r >= 0)
		r = json_only(in, keys, e);
	if (r >= 0)
		r = json_need_str(in, "person", 1, ROSTER_NAME_MAX, &person, e);
	if (r >= 0)
		r = need_person(d, person, "person", e);
	if (r >= 0)
		r = read_absences(d, in, person, &list, &n, e);
	if (r >= 0)
		r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = write_absences(d, person, json_object_get(in, "ics") != NULL, list, n, e);
	if (r >= 0)
		r = duty_audit(d, AUDIT_CONFIGURATION, a->officer, "duty.absence", person,
			       json_pack("{s:I}", "absences", (json_int_t)n), e);
	if (r >= 0)
		r = finish(d, &txn, e);
	if (r >= 0)
		*ret = json_pack("{s:s, s:I, s:o}", "person", person, "absences", (json_int_t)n,
				 "findings", duty_findings(d, NULL, DUTY_COVERAGE_DAYS, &findings));
	return r;
}
