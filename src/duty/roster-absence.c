/* SPDX-License-Identifier: Apache-2.0
 * Absences out of an iCalendar file. libical reads the grammar and counts repetitions as clock faces; what moment a face is, our own
 * zones say, so that an absence and a shift agree about it.
 *
 * libical keeps one place a component in the list of its properties: whatever looks one up moves a walk over that component. What an
 * event leaves out is therefore collected before its dates are walked through. */
#include "base/text.h"
#include "duty/roster-int.h"
#include <libical/ical.h>

enum { DAY_S = ROSTER_DAY_S, EVENTS_MAX = 5000, REPEATS_MAX = 20000, GONE_MAX = 2000 };

/* An occurrence that does not take place: at one moment, or whichever is on one day. */
struct gone {
	bool whole_day;
	int64_t at_s, day;
};

/* An event with a RECURRENCE-ID tells an occurrence of another with the same UID anew. */
struct override {
	const char *uid; /* BORROWS from the file */
	const icalcomponent *c;
	struct gone gone;
};

struct import {
	icalcomponent *root;
	const struct tz *zone;
	const struct tz *(*load)(void *ctx, const char *name);
	void *ctx;
	int64_t from_s, until_s;
	struct roster_absence *list;
	size_t n, repeats;
	struct override *overrides;
	size_t overrides_n;
	struct gone *gone; /* of the event at hand */
	size_t gone_n;
};

static int64_t face_of(struct icaltimetype t)
{
	int64_t day = civil_days((struct civil){t.year, (uint32_t)t.month, (uint32_t)t.day});
	return day * DAY_S + (t.is_date ? 0 : t.hour * 3600 + t.minute * 60 + t.second);
}

static bool plausible(struct icaltimetype t)
{
	return !icaltime_is_null_time(t) && t.year >= 1970 && t.year <= TZ_YEAR_MAX &&
	       t.month >= 1 && t.month <= 12 && t.day >= 1 && t.day <= 31;
}

/* Where a property's times are: UTC, a zone of ours, one of the file's, or the person's. */
struct place {
	bool utc;
	const struct tz *zone;
	icaltimezone *theirs;
};

static struct place place_of(const struct import *m, icalproperty *p, struct icaltimetype t)
{
	icalparameter *tzid = icalproperty_get_first_parameter(p, ICAL_TZID_PARAMETER);
	const char *name = tzid ? icalparameter_get_tzid(tzid) : NULL;
	struct place place = {.utc = icaltime_is_utc(t), .zone = m->zone};
	if (place.utc || !name || t.is_date)
		return place;
	const struct tz *known = m->load(m->ctx, name);
	place.zone = known ? known : m->zone;
	if (!known)
		place.theirs = icalcomponent_get_timezone(m->root, name);
	return place;
}

static int64_t moment(const struct place *p, struct icaltimetype t)
{
	if (p->utc)
		return face_of(t);
	if (p->theirs && !t.is_date)
		return (int64_t)icaltime_as_timet_with_zone(t, p->theirs);
	return tz_unix(p->zone, face_of(t));
}

static int keep(struct import *m, int64_t from_s, int64_t until_s)
{
	if (until_s <= m->from_s || from_s >= m->until_s || until_s <= from_s)
		return 0;
	if (m->n == ROSTER_ABSENCES_MAX)
		return -ERR_RANGE;
	m->list[m->n++] = (struct roster_absence){"", from_s, until_s};
	return 0;
}

/* ---- one event ---- */

struct event {
	icalcomponent *c;
	struct icaltimetype start;
	struct place place;
	struct icaldurationtype len; /* as given: a day is a day of the clock face */
	int64_t face_len;	     /* by DTEND */
};

/* An occurrence ends a length of clock faces later (DTEND, days) or a length of time later (DURATION of hours). */
static int keep_at(struct import *m, const struct event *v, const struct place *place,
		   struct icaltimetype at)
{
	if (!plausible(at))
		return 0;
	int64_t from_s = moment(place, at);
	if (v->face_len) {
		struct icaltimetype end = at;
		icaltime_adjust(&end, (int)(v->face_len / DAY_S), 0, 0,
				at.is_date ? 0 : (int)(v->face_len % DAY_S));
		return keep(m, from_s, plausible(end) ? moment(place, end) : from_s);
	}
	return keep(m, from_s, from_s + icaldurationtype_as_int(v->len));
}

static bool same_face(struct icaltimetype a, struct icaltimetype b)
{
	return face_of(a) == face_of(b);
}

/* ---- what does not take place ---- */

static struct gone gone_at(const struct place *place, struct icaltimetype t)
{
	return (struct gone){t.is_date, moment(place, t), face_of(t) / DAY_S};
}

static bool override_of(const struct import *m, icalcomponent *c, struct override *ret)
{
	icalproperty *p = icalcomponent_get_first_property(c, ICAL_RECURRENCEID_PROPERTY);
	const char *uid = icalcomponent_get_uid(c);
	if (!p || !uid)
		return false;
	struct icaltimetype t = icalproperty_get_recurrenceid(p);
	if (!plausible(t))
		return false;
	struct place place = place_of(m, p, t);
	*ret = (struct override){uid, c, gone_at(&place, t)};
	return true;
}

static int add_gone(struct import *m, struct gone g)
{
	if (m->gone_n == GONE_MAX)
		return -ERR_RANGE;
	m->gone[m->gone_n++] = g;
	return 0;
}

static int collect_gone(struct import *m, icalcomponent *c)
{
	int r = 0;
	m->gone_n = 0;
	for (icalproperty *p = icalcomponent_get_first_property(c, ICAL_EXDATE_PROPERTY);
	     p && r >= 0; p = icalcomponent_get_next_property(c, ICAL_EXDATE_PROPERTY)) {
		struct icaltimetype t = icalproperty_get_exdate(p);
		struct place place = place_of(m, p, t);
		if (plausible(t))
			r = add_gone(m, gone_at(&place, t));
	}
	const char *uid = icalcomponent_get_uid(c);
	for (size_t i = 0; uid && i < m->overrides_n && r >= 0; i++)
		if (m->overrides[i].c != c && !strcmp(m->overrides[i].uid, uid))
			r = add_gone(m, m->overrides[i].gone);
	return r;
}

static bool is_gone(const struct import *m, const struct place *place, struct icaltimetype t)
{
	int64_t at_s = moment(place, t), day = face_of(t) / DAY_S;
	for (size_t i = 0; i < m->gone_n; i++) {
		const struct gone *g = &m->gone[i];
		if (g->whole_day ? g->day == day : g->at_s == at_s)
			return true;
	}
	return false;
}

/* ---- repetitions ---- */

static int repeat(struct import *m, const struct event *v, icalproperty *rule, struct err *e)
{
	struct icalrecurrencetype how = icalproperty_get_rrule(rule);
	int r = 0;
	if (how.freq == ICAL_SECONDLY_RECURRENCE || how.freq == ICAL_MINUTELY_RECURRENCE ||
	    how.freq == ICAL_HOURLY_RECURRENCE)
		return err_set(e, ERR_UNSUPPORTED, "ics",
			       "An absence cannot repeat more often than daily.");
	icalrecur_iterator *i = icalrecur_iterator_new(how, v->start);
	while (i && r >= 0) {
		struct icaltimetype at = icalrecur_iterator_next(i);
		if (!plausible(at) || moment(&v->place, at) >= m->until_s)
			break;
		if (++m->repeats > REPEATS_MAX)
			r = err_set(e, ERR_OVERSIZE, "ics", "The calendar repeats too often.");
		else if (!same_face(at, v->start) && !is_gone(m, &v->place, at))
			r = keep_at(m, v, &v->place, at);
	}
	if (i)
		icalrecur_iterator_free(i);
	return r;
}

/* A period says its own end. */
static int keep_period(struct import *m, const struct place *place, struct icalperiodtype period)
{
	int64_t from_s = moment(place, period.start);
	int64_t until_s = plausible(period.end) ? moment(place, period.end)
						: from_s + icaldurationtype_as_int(period.duration);
	return keep(m, from_s, until_s);
}

static int extra_dates(struct import *m, const struct event *v)
{
	int r = 0;
	for (icalproperty *p = icalcomponent_get_first_property(v->c, ICAL_RDATE_PROPERTY);
	     p && r >= 0; p = icalcomponent_get_next_property(v->c, ICAL_RDATE_PROPERTY)) {
		struct icaldatetimeperiodtype x = icalproperty_get_rdate(p);
		bool period = icaltime_is_null_time(x.time);
		struct icaltimetype t = period ? x.period.start : x.time;
		struct place place = place_of(m, p, t);
		if (!plausible(t) || is_gone(m, &place, t))
			continue;
		r = period ? keep_period(m, &place, x.period) : keep_at(m, v, &place, t);
	}
	return r;
}

static bool counts(icalcomponent *c)
{
	icalproperty *transp = icalcomponent_get_first_property(c, ICAL_TRANSP_PROPERTY);
	return icalcomponent_get_status(c) != ICAL_STATUS_CANCELLED &&
	       (!transp || icalproperty_get_transp(transp) == ICAL_TRANSP_OPAQUE);
}

/* A duration of days and weeks alone is counted in clock faces. */
static void length_by_duration(icalproperty *p, struct event *v)
{
	v->len = icalproperty_get_duration(p);
	if (!v->len.hours && !v->len.minutes && !v->len.seconds)
		v->face_len = ((int64_t)v->len.days + 7 * (int64_t)v->len.weeks) * DAY_S;
}

static void length_by_end(const struct import *m, icalproperty *p, struct event *v)
{
	struct icaltimetype t = icalproperty_get_dtend(p);
	struct place place = place_of(m, p, t);
	if (!plausible(t))
		return;
	if (place.utc == v->place.utc && place.zone == v->place.zone)
		v->face_len = face_of(t) - face_of(v->start);
	else
		v->len = icaldurationtype_from_int(
			(int)(moment(&place, t) - moment(&v->place, v->start)));
}

static bool length_fits(const struct event *v)
{
	const unsigned max = ROSTER_DAYS_MAX;
	return !v->len.is_neg && v->face_len >= 0 && v->face_len < (int64_t)max * DAY_S &&
	       v->len.days < max && v->len.weeks < max && v->len.hours < max * 24;
}

static bool event_of(const struct import *m, icalcomponent *c, struct event *ret)
{
	icalproperty *p = icalcomponent_get_first_property(c, ICAL_DTSTART_PROPERTY);
	icalproperty *len = icalcomponent_get_first_property(c, ICAL_DURATION_PROPERTY);
	icalproperty *end = icalcomponent_get_first_property(c, ICAL_DTEND_PROPERTY);
	*ret = (struct event){.c = c};
	if (!p)
		return false;
	ret->start = icalproperty_get_dtstart(p);
	ret->place = place_of(m, p, ret->start);
	if (!plausible(ret->start))
		return false;
	if (len)
		length_by_duration(len, ret);
	else if (end)
		length_by_end(m, end, ret);
	else if (ret->start.is_date)
		ret->face_len = DAY_S;
	return length_fits(ret);
}

static int take_event(struct import *m, icalcomponent *c, struct err *e)
{
	struct event v;
	int r = 0;
	if (!counts(c) || !event_of(m, c, &v))
		return 0;
	if (collect_gone(m, c) < 0)
		return err_set(e, ERR_OVERSIZE, "ics", "An event has more than %d exceptions.",
			       GONE_MAX);
	if (!is_gone(m, &v.place, v.start))
		r = keep_at(m, &v, &v.place, v.start);
	for (icalproperty *p = icalcomponent_get_first_property(c, ICAL_RRULE_PROPERTY);
	     p && r >= 0; p = icalcomponent_get_next_property(c, ICAL_RRULE_PROPERTY))
		r = repeat(m, &v, p, e);
	return r < 0 ? r : extra_dates(m, &v);
}

/* ---- the file ---- */

static int compare(const void *a, const void *b)
{
	const struct roster_absence *x = a, *y = b;
	return x->from_s < y->from_s ? -1 : x->from_s > y->from_s;
}

static size_t merge(struct roster_absence *list, size_t n)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		if (k && list[i].from_s <= list[k - 1].until_s) {
			if (list[i].until_s > list[k - 1].until_s)
				list[k - 1].until_s = list[i].until_s;
		} else
			list[k++] = list[i];
	}
	return k;
}

static int find_overrides(struct import *m, struct err *e)
{
	size_t events = 0;
	icalcompiter i = icalcomponent_begin_component(m->root, ICAL_VEVENT_COMPONENT);
	for (icalcomponent *c = icalcompiter_deref(&i); c; c = icalcompiter_next(&i)) {
		if (++events > EVENTS_MAX)
			return err_set(e, ERR_OVERSIZE, "ics", "At most %d events.", EVENTS_MAX);
		m->overrides_n += override_of(m, c, &m->overrides[m->overrides_n]);
	}
	return 0;
}

static int take_events(struct import *m, struct err *e)
{
	int r = find_overrides(m, e);
	if (r < 0)
		return r;
	icalcompiter i = icalcomponent_begin_component(m->root, ICAL_VEVENT_COMPONENT);
	for (icalcomponent *c = icalcompiter_deref(&i); c && r >= 0; c = icalcompiter_next(&i))
		r = take_event(m, c, e);
	if (r == -ERR_RANGE)
		return err_set(e, ERR_OVERSIZE, "ics", "The calendar has more than %d absences.",
			       ROSTER_ABSENCES_MAX);
	return r;
}

static int parse(const void *p, size_t len, icalcomponent **ret_root, struct err *e)
{
	_cleanup_(freep) char *text = malloc(len + 1);
	if (!text)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	memcpy(text, p, len);
	text[len] = 0;
	if (strlen(text) != len || !utf8_valid(text, len))
		return err_set(e, ERR_FORMAT, "ics", "The calendar is not text in UTF-8.");
	*ret_root = icalparser_parse_string(text);
	if (*ret_root && icalcomponent_isa(*ret_root) == ICAL_VCALENDAR_COMPONENT)
		return 0;
	if (*ret_root)
		icalcomponent_free(*ret_root);
	return err_set(e, ERR_FORMAT, "ics",
		       "This is not one iCalendar file (BEGIN:VCALENDAR ... END:VCALENDAR).");
}

int roster_ics_absences(const void *p, size_t len, const struct tz *zone,
			const struct tz *(*load)(void *ctx, const char *name), void *ctx,
			int64_t from_s, int64_t until_s, struct roster_absence **ret_list,
			size_t *ret_n, struct err *e)
{
	struct import m = {
		.zone = zone, .load = load, .ctx = ctx, .from_s = from_s, .until_s = until_s};
	if (len > ROSTER_ICS_MAX)
		return err_set(e, ERR_OVERSIZE, "ics", "A calendar has at most %d bytes.",
			       ROSTER_ICS_MAX);
	int r = parse(p, len, &m.root, e);
	if (r < 0)
		return r;
	_cleanup_(freep) struct roster_absence *list = calloc(ROSTER_ABSENCES_MAX, sizeof(*list));
	_cleanup_(freep) struct override *overrides = calloc(EVENTS_MAX, sizeof(*overrides));
	_cleanup_(freep) struct gone *gone = calloc(GONE_MAX, sizeof(*gone));
	m.list = list;
	m.overrides = overrides;
	m.gone = gone;
	r = list && overrides && gone ? take_events(&m, e) : err_set(e, ERR_NOMEM, NULL, NULL);
	icalcomponent_free(m.root);
	if (r < 0)
		return r;
	qsort(list, m.n, sizeof(*list), compare);
	*ret_n = merge(list, m.n);
	*ret_list = TAKE_PTR(list);
	return 0;
}
