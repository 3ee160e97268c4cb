/* SPDX-License-Identifier: Apache-2.0
 * Absences out of an iCalendar file. libical reads the grammar and counts repetitions as clock faces; what moment a face is, our own
 * zones say, so that an absence and a shift agree about it. */
#include "base/text.h"
#include "duty/roster-int.h"
#include <libical/ical.h>

enum { DAY_S = ROSTER_DAY_S, EVENTS_MAX = 5000, REPEATS_MAX = 20000, TIMES_MAX = 2000 };

struct import {
	icalcomponent *root;
	const struct tz *zone;
	const struct tz *(*load)(void *ctx, const char *name);
	void *ctx;
	int64_t from_s, until_s;
	struct roster_absence *list;
	size_t n, repeats;
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
		return -ERR_OVERSIZE;
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
static int keep_at(struct import *m, const struct event *v, struct icaltimetype at)
{
	if (!plausible(at))
		return 0;
	int64_t from_s = moment(&v->place, at);
	if (v->face_len) {
		struct icaltimetype end = at;
		icaltime_adjust(&end, (int)(v->face_len / DAY_S), 0, 0,
				at.is_date ? 0 : (int)(v->face_len % DAY_S));
		return keep(m, from_s, plausible(end) ? moment(&v->place, end) : from_s);
	}
	return keep(m, from_s, from_s + icaldurationtype_as_int(v->len));
}

static bool same_face(struct icaltimetype a, struct icaltimetype b)
{
	return face_of(a) == face_of(b);
}

/* Is this occurrence excluded, or told anew by another event with the same UID and a RECURRENCE-ID? */
static bool excluded(const struct import *m, const struct event *v, struct icaltimetype at)
{
	const char *uid = icalcomponent_get_uid(v->c);
	for (icalproperty *p = icalcomponent_get_first_property(v->c, ICAL_EXDATE_PROPERTY); p;
	     p = icalcomponent_get_next_property(v->c, ICAL_EXDATE_PROPERTY)) {
		struct icaltimetype x = icalproperty_get_exdate(p);
		struct place place = place_of(m, p, x);
		if (plausible(x) && (moment(&place, x) == moment(&v->place, at) ||
				     (x.is_date && face_of(x) / DAY_S == face_of(at) / DAY_S)))
			return true;
	}
	icalcompiter i = icalcomponent_begin_component(m->root, ICAL_VEVENT_COMPONENT);
	for (icalcomponent *c = icalcompiter_deref(&i); c && uid; c = icalcompiter_next(&i)) {
		const char *other = icalcomponent_get_uid(c);
		icalproperty *p = icalcomponent_get_first_property(c, ICAL_RECURRENCEID_PROPERTY);
		if (c == v->c || !p || !other || strcmp(other, uid) != 0)
			continue;
		struct icaltimetype x = icalproperty_get_recurrenceid(p);
		struct place place = place_of(m, p, x);
		if (plausible(x) &&
		    (moment(&place, x) == moment(&v->place, at) || same_face(x, at)))
			return true;
	}
	return false;
}

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
		else if (!same_face(at, v->start) && !excluded(m, v, at))
			r = keep_at(m, v, at);
	}
	if (i)
		icalrecur_iterator_free(i);
	return r;
}

static int extra_dates(struct import *m, const struct event *v)
{
	int r = 0;
	for (icalproperty *p = icalcomponent_get_first_property(v->c, ICAL_RDATE_PROPERTY);
	     p && r >= 0; p = icalcomponent_get_next_property(v->c, ICAL_RDATE_PROPERTY)) {
		struct icaldatetimeperiodtype x = icalproperty_get_rdate(p);
		if (plausible(x.time) && !excluded(m, v, x.time))
			r = keep_at(m, v, x.time);
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
	if (!excluded(m, &v, v.start))
		r = keep_at(m, &v, v.start);
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

static int take_events(struct import *m, struct err *e)
{
	size_t events = 0;
	int r = 0;
	/* Our own iterator: the component's built-in one is moved by the look-ups in excluded(). */
	icalcompiter i = icalcomponent_begin_component(m->root, ICAL_VEVENT_COMPONENT);
	for (icalcomponent *c = icalcompiter_deref(&i); c && r >= 0; c = icalcompiter_next(&i)) {
		if (++events > EVENTS_MAX)
			return err_set(e, ERR_OVERSIZE, "ics", "At most %d events.", EVENTS_MAX);
		r = take_event(m, c, e);
	}
	if (r == -ERR_OVERSIZE)
		return err_set(e, r, "ics", "The calendar has more than %d absences.",
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
	m.list = list;
	r = list ? take_events(&m, e) : err_set(e, ERR_NOMEM, NULL, NULL);
	icalcomponent_free(m.root);
	if (r < 0)
		return r;
	qsort(list, m.n, sizeof(*list), compare);
	*ret_n = merge(list, m.n);
	*ret_list = TAKE_PTR(list);
	return 0;
}
