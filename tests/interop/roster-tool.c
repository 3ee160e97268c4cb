/* SPDX-License-Identifier: Apache-2.0
 * Helper of test_roster.py: expands a roster, writes it as iCalendar, reads absences, and lets libical expand a calendar.
 *   roster-tool shifts|ics|absences      JSON on standard input; roster-tool expand FROM UNTIL    iCalendar on standard input */
#include "base/file.h"
#include "duty/roster.h"
#include <libical/ical.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ZONES_MAX = 16, INPUT_MAX = 4 << 20 };

static struct tz *zones[ZONES_MAX];
static size_t zones_n;

static const struct tz *load(void *ctx, const char *name)
{
	for (size_t i = 0; i < zones_n; i++)
		if (!strcmp(tz_name(zones[i]), name))
			return zones[i];
	if (zones_n == ZONES_MAX || tz_open(name, &zones[zones_n], NULL) < 0)
		return NULL;
	return zones[zones_n++];
}

static int fail(const struct err *e)
{
	fprintf(stderr, "%s: %s\n", e->field, e->message);
	return 1;
}

static int read_roster(const json_t *in, struct roster *r, struct roster_person *people,
		       struct err *e)
{
	const json_t *v;
	size_t i;
	int k = roster_seat_read(json_object_get(in, "seat"), &r->seat, e);
	if (k < 0)
		return k;
	r->zone = load(NULL, r->seat.zone);
	r->people = people;
	r->changes = calloc(ROSTER_CHANGES_MAX, sizeof(*r->changes));
	r->absences = calloc(ROSTER_CHANGES_MAX, sizeof(*r->absences));
	if (!r->zone || !r->changes || !r->absences)
		return err_set(e, ERR_NOENT, "zone", NULL);
	json_array_foreach (json_object_get(in, "people"), i, v)
		if ((k = roster_person_read(v, &people[r->people_n++], e)) < 0)
			return k;
	json_array_foreach (json_object_get(in, "changes"), i, v)
		if ((k = roster_change_read(v, &r->changes[r->changes_n++], e)) < 0)
			return k;
	json_array_foreach (json_object_get(in, "absences"), i, v) {
		struct roster_absence *a = &r->absences[r->absences_n++];
		snprintf(a->person, sizeof(a->person), "%s",
			 json_string_value(json_object_get(v, "person")));
		a->from_s = json_integer_value(json_object_get(v, "from"));
		a->until_s = json_integer_value(json_object_get(v, "until"));
	}
	return 0;
}

static void print_shift(const struct roster_shift *s)
{
	printf("%lld %lld %s", (long long)s->from_s, (long long)s->until_s,
	       roster_source_name(s->on.source));
	for (size_t i = 0; i < s->on.people_n; i++)
		printf("%s%s", i ? "+" : " ", s->on.people[i]);
	printf("\n");
}

static int run_roster(const char *verb, const json_t *in, int64_t from_s, int64_t until_s)
{
	static struct roster_person people[ROSTER_PEOPLE_MAX];
	static struct roster r;
	_cleanup_(freep) struct roster_shift *list = NULL;
	_cleanup_(buf_done) struct buf out;
	struct err e = {0};
	size_t n = 0;
	buf_init(&out, INPUT_MAX);
	int k = read_roster(in, &r, people, &e);
	if (k >= 0 && !strcmp(verb, "shifts"))
		k = roster_shifts(&r, from_s, until_s, &list, &n, &e);
	else if (k >= 0)
		k = roster_ics_write(&(const struct roster *){&r}, 1, from_s, until_s, from_s,
				     "it.rome", &out, &e);
	for (size_t i = 0; k >= 0 && i < n; i++)
		print_shift(&list[i]);
	fwrite(out.p ? (const char *)out.p : "", 1, out.len, stdout);
	roster_done(&r);
	return k < 0 ? fail(&e) : 0;
}

static int run_absences(const json_t *in, int64_t from_s, int64_t until_s)
{
	const char *ics = json_string_value(json_object_get(in, "ics"));
	const char *name = json_string_value(json_object_get(in, "zone"));
	_cleanup_(freep) struct roster_absence *list = NULL;
	struct err e = {0};
	size_t n = 0;
	int r = roster_ics_absences(ics, strlen(ics), load(NULL, name), load, NULL, from_s, until_s,
				    &list, &n, &e);
	for (size_t i = 0; i < n; i++)
		printf("%lld %lld\n", (long long)list[i].from_s, (long long)list[i].until_s);
	return r < 0 ? fail(&e) : 0;
}

/* ---- libical by itself ---- */

static void print_span(icalcomponent *c, struct icaltime_span *span, void *data)
{
	printf("%lld %lld %s\n", (long long)span->start, (long long)span->end,
	       icalcomponent_get_summary(c));
}

static int run_expand(const char *text, int64_t from_s, int64_t until_s)
{
	icalcomponent *root = icalparser_parse_string(text);
	struct icaltimetype from =
		icaltime_from_timet_with_zone(from_s, 0, icaltimezone_get_utc_timezone());
	struct icaltimetype until =
		icaltime_from_timet_with_zone(until_s, 0, icaltimezone_get_utc_timezone());
	if (!root || icalcomponent_count_errors(root))
		return 1;
	for (icalcomponent *c = icalcomponent_get_first_component(root, ICAL_VEVENT_COMPONENT); c;
	     c = icalcomponent_get_next_component(root, ICAL_VEVENT_COMPONENT))
		icalcomponent_foreach_recurrence(c, from, until, print_span, NULL);
	icalcomponent_free(root);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_(json_decrefp) json_t *in = NULL;
	_cleanup_(buf_done) struct buf b;
	struct err e = {0};
	int r;
	buf_init(&b, INPUT_MAX);
	if (file_read("/dev/stdin", &b, &e) < 0)
		return fail(&e);
	if (argc == 4)
		return run_expand(buf_cstr(&b), strtoll(argv[2], NULL, 10),
				  strtoll(argv[3], NULL, 10));
	if (argc != 2 || json_parse(b.p, b.len, &in, &e) < 0)
		return fail(&e);
	int64_t from_s = json_integer_value(json_object_get(in, "from"));
	int64_t until_s = json_integer_value(json_object_get(in, "until"));
	r = strcmp(argv[1], "absences") ? run_roster(argv[1], in, from_s, until_s)
					: run_absences(in, from_s, until_s);
	while (zones_n)
		tz_free(zones[--zones_n]);
	return r;
}
