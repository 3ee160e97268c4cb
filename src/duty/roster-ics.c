/* SPDX-License-Identifier: Apache-2.0
 * The roster as iCalendar (RFC 5545), so written that every reader expands it to the same intervals.
 *
 * Readers differ where clocks change: in clock faces that do not exist or exist twice, and in the end of an event that spans a change.
 * So a shift stands in a repeated event only if no change touches it; every other occurrence is an EXDATE of the rule and, if somebody
 * is on, an event of its own in UTC. */
#include "duty/roster-int.h"
#include <stdarg.h>

enum {
	DAY_S = ROSTER_DAY_S,
	FOLD_MAX = 74,
	LINE_MAX = 600,
	PERIOD_DAYS_MAX = 366,
	WEEK_DAYS = 7,
	STAMP_MAX = 24,
	PAST_DAYS = 400,
	QUIET_S = 30 * 3600,
	RULES_END_S = 2145830400 /* 2037-12-31: where the zones of pytz end */
};

/* ---- lines ---- */

/* One content line, folded after 74 bytes: everything written is ASCII but telephone lines, which are not written. */
static void put(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct buf *out, const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
	for (size_t i = 0; i < len; i += FOLD_MAX) {
		buf_str(out, i ? "\r\n " : "");
		buf_put(out, line + i, len - i < FOLD_MAX ? len - i : FOLD_MAX);
	}
	buf_str(out, "\r\n");
}

/* "20261122T080000" of a clock face. */
static const char *face_text(int64_t face, char out[static STAMP_MAX])
{
	int64_t day = face / DAY_S - (face % DAY_S < 0), s = face - day * DAY_S;
	struct civil c = civil_of(day);
	snprintf(out, STAMP_MAX, "%04d%02u%02uT%02d%02d%02d", c.year, c.month, c.day,
		 (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
	return out;
}

static const char *offset_text(int32_t s, char out[static STAMP_MAX])
{
	int32_t a = s < 0 ? -s : s;
	int n = snprintf(out, STAMP_MAX, "%c%02d%02d", s < 0 ? '-' : '+', a / 3600, a / 60 % 60);
	if (a % 60)
		snprintf(out + n, STAMP_MAX - (size_t)n, "%02d", a % 60);
	return out;
}

/* ---- the zone ---- */

static void put_observance(struct buf *out, const char *kind, int64_t face, int32_t before_s,
			   int32_t after_s, const char *abbr)
{
	char a[STAMP_MAX], b[STAMP_MAX], c[STAMP_MAX];
	put(out, "BEGIN:%s", kind);
	put(out, "DTSTART:%s", face_text(face, a));
	put(out, "TZOFFSETFROM:%s", offset_text(before_s, b));
	put(out, "TZOFFSETTO:%s", offset_text(after_s, c));
	put(out, "TZNAME:%s", abbr);
	put(out, "END:%s", kind);
}

static void put_zone(struct buf *out, const struct tz *z, int64_t from_s, int64_t until_s)
{
	int64_t at = from_s - (int64_t)PAST_DAYS * DAY_S;
	int32_t offset = tz_offset(z, at);
	struct tz_change c;
	put(out, "BEGIN:VTIMEZONE");
	put(out, "TZID:%s", tz_name(z));
	put_observance(out, "STANDARD", at + offset, offset, offset, tz_abbr(z, at));
	for (; tz_next_change(z, at, &c) && c.at_s < until_s + DAY_S; at = c.at_s)
		put_observance(out, c.dst ? "DAYLIGHT" : "STANDARD", c.at_s + c.before_s,
			       c.before_s, c.after_s, c.abbr);
	put(out, "END:VTIMEZONE");
}

/* ---- shifts that repeat ---- */

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t t = a % b;
		a = b;
		b = t;
	}
	return a;
}

static uint64_t lcm(uint64_t a, uint64_t b)
{
	return a / gcd(a, b) * b;
}

/* After how many days a layer is as it was; 0: never, or too late to be of use. */
static uint64_t period_of(const struct roster_layer *l)
{
	uint64_t days = 0, people = l->people_n;
	switch (l->rotation) {
	case ROSTER_HOURLY:
		days = lcm(l->every * people, 24) / 24;
		break;
	case ROSTER_DAILY:
		days = l->every * people;
		break;
	case ROSTER_WEEKLY:
		days = l->every * WEEK_DAYS * people;
		break;
	case ROSTER_CUSTOM:
		days = l->cycle_days * (lcm(l->handoffs_n, people) / l->handoffs_n);
		break;
	case ROSTER_MONTHLY:
	case ROSTER_ROTATIONS:
		return 0;
	}
	if (l->hours_n)
		days = lcm(days, WEEK_DAYS);
	return days <= PERIOD_DAYS_MAX ? days : 0;
}

/* A shift as an event of a rule sees it. */
struct event {
	const struct roster_shift *shift;
	int64_t face; /* at its beginning */
	bool regular; /* nothing about the clocks is special in it */
	bool used;
};

/* The offset is one and the same from a day and more before to as much after (a whole day was once skipped), and the year is one that
 * every reader knows the rules of: they agree on such clock faces. */
static bool is_quiet(const struct tz *z, int64_t from_s, int64_t until_s)
{
	struct tz_change c;
	return until_s < RULES_END_S &&
	       (!tz_next_change(z, from_s - QUIET_S, &c) || c.at_s > until_s + QUIET_S);
}

static bool belongs(const struct event *a, const struct event *b, uint64_t period)
{
	const struct roster_on *x = &a->shift->on, *y = &b->shift->on;
	if (b->used || !b->regular || x->layer != y->layer || x->people_n != y->people_n ||
	    (b->face - a->face) % ((int64_t)period * DAY_S) != 0 ||
	    a->shift->until_s - a->shift->from_s != b->shift->until_s - b->shift->from_s)
		return false;
	for (size_t i = 0; i < x->people_n; i++)
		if (strcmp(x->people[i], y->people[i]) != 0)
			return false;
	return true;
}

/* ---- events ---- */

struct ics {
	struct buf *out;
	const struct roster *r;
	int64_t stamp_s;
	const char *domain;
	struct event *events;
	size_t n;
};

static void put_people(const struct ics *x, const struct roster_on *on)
{
	char line[LINE_MAX] = "";
	size_t n = 0;
	for (size_t i = 0; i < on->people_n && n < sizeof(line); i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", i ? " + " : "",
				      on->people[i]);
	put(x->out, "SUMMARY:%s", line);
	put(x->out, "CATEGORIES:%s", x->r->seat.name);
	put(x->out, "DESCRIPTION:%s", roster_source_name(on->source));
}

static void put_begin(const struct ics *x, const struct roster_shift *s)
{
	char a[STAMP_MAX], b[STAMP_MAX];
	put(x->out, "BEGIN:VEVENT");
	put(x->out, "UID:%s-%s@%s", x->r->seat.name, face_text(s->from_s, a), x->domain);
	put(x->out, "DTSTAMP:%sZ", face_text(x->stamp_s, b));
}

static void put_single(const struct ics *x, const struct roster_shift *s)
{
	char a[STAMP_MAX], b[STAMP_MAX];
	put_begin(x, s);
	put(x->out, "DTSTART:%sZ", face_text(s->from_s, a));
	put(x->out, "DTEND:%sZ", face_text(s->until_s, b));
	put_people(x, &s->on);
	put(x->out, "END:VEVENT");
}

/* The days of the rule on which it is not as the rule says: those without a member of the series. */
static void put_exceptions(const struct ics *x, size_t first, size_t last, uint64_t period)
{
	const struct event *a = &x->events[first];
	char text[STAMP_MAX];
	int64_t face = a->face;
	for (size_t i = first; i <= last; i++) {
		struct event *v = &x->events[i];
		if (!belongs(a, v, period))
			continue;
		for (; face < v->face; face += (int64_t)period * DAY_S)
			put(x->out, "EXDATE;TZID=%s:%s", tz_name(x->r->zone),
			    face_text(face, text));
		face = v->face + (int64_t)period * DAY_S;
		if (i != first)
			v->used = true;
	}
}

static void put_series(const struct ics *x, size_t first, size_t last, uint64_t period)
{
	struct event *a = &x->events[first];
	const char *zone = tz_name(x->r->zone);
	int64_t len = a->shift->until_s - a->shift->from_s;
	char b[STAMP_MAX];
	put_begin(x, a->shift);
	put(x->out, "DTSTART;TZID=%s:%s", zone, face_text(a->face, b));
	put(x->out, "DTEND;TZID=%s:%s", zone, face_text(a->face + len, b));
	put(x->out, "RRULE:FREQ=DAILY;INTERVAL=%llu;COUNT=%lld", (unsigned long long)period,
	    (long long)((x->events[last].face - a->face) / ((int64_t)period * DAY_S) + 1));
	put_exceptions(x, first, last, period);
	put_people(x, &a->shift->on);
	put(x->out, "END:VEVENT");
}

/* The last member of the series that begins with an event. It ends before the first occurrence that the clocks touch, even if that is
 * excluded: libical counts on wrongly after a clock face that does not exist. */
static size_t series_end(const struct ics *x, size_t first, uint64_t period)
{
	const struct event *a = &x->events[first];
	int64_t len = a->shift->until_s - a->shift->from_s,
		end_s = x->events[x->n - 1].shift->from_s;
	size_t last = first, k = first;
	for (int64_t face = a->face + (int64_t)period * DAY_S;; face += (int64_t)period * DAY_S) {
		int64_t at = tz_unix(x->r->zone, face);
		if (at > end_s || !is_quiet(x->r->zone, at, at + len))
			return last;
		while (x->events[k].shift->from_s < at)
			k++;
		if (x->events[k].shift->from_s == at && belongs(a, &x->events[k], period))
			last = k;
	}
}

static void put_event(const struct ics *x, size_t i)
{
	const struct event *v = &x->events[i];
	uint64_t period = v->regular ? period_of(v->shift->on.layer) : 0;
	size_t last = period ? series_end(x, i, period) : i;
	if (last == i)
		put_single(x, v->shift);
	else
		put_series(x, i, last, period);
	x->events[i].used = true;
}

static int put_roster(struct ics *x, int64_t from_s, int64_t until_s, struct err *e)
{
	_cleanup_(freep) struct roster_shift *list = NULL;
	int r = roster_shifts(x->r, from_s, until_s, &list, &x->n, e);
	if (r < 0)
		return r;
	_cleanup_(freep) struct event *events = calloc(x->n, sizeof(*events));
	if (!events)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	for (size_t i = 0; i < x->n; i++)
		events[i] = (struct event){
			.shift = &list[i],
			.face = tz_local(x->r->zone, list[i].from_s),
			.used = list[i].on.source == ROSTER_GAP,
			.regular = list[i].on.source == ROSTER_FROM_LAYER &&
				   is_quiet(x->r->zone, list[i].from_s, list[i].until_s),
		};
	x->events = events;
	for (size_t i = 0; i < x->n; i++)
		if (!events[i].used)
			put_event(x, i);
	x->events = NULL;
	return 0;
}

int roster_ics_write(const struct roster *const *list, size_t n, int64_t from_s, int64_t until_s,
		     int64_t stamp_s, const char *domain, struct buf *out, struct err *e)
{
	int r = 0;
	put(out, "BEGIN:VCALENDAR");
	put(out, "VERSION:2.0");
	put(out, "PRODID:-//lugdunum.network//roster " LUG_VERSION "//EN");
	for (size_t i = 0; i < n; i++) {
		bool known = false;
		for (size_t k = 0; k < i; k++)
			known |= !strcmp(tz_name(list[k]->zone), tz_name(list[i]->zone));
		if (!known)
			put_zone(out, list[i]->zone, from_s, until_s);
	}
	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct ics x = {.out = out, .r = list[i], .stamp_s = stamp_s, .domain = domain};
		r = put_roster(&x, from_s, until_s, e);
	}
	put(out, "END:VCALENDAR");
	if (r >= 0 && buf_err(out) < 0)
		return err_set(e, buf_err(out), "until",
			       "The calendar is too large; ask for a shorter time.");
	return r;
}
