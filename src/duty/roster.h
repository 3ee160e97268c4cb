/* SPDX-License-Identifier: Apache-2.0
 * Roster: seats, people, changes and absences, and who is on duty when. Pure: no store, no clock. docs/format/roster.md */
#ifndef DUTY_ROSTER_H
#define DUTY_ROSTER_H
#include "base/buf.h"
#include "base/json.h"
#include "lang/tz.h"

enum {
	ROSTER_NAME_MAX = 64, /* officers, seats, layers: name_valid() */
	ROSTER_LINE_MAX = 64, /* bytes of a telephone number */
	ROSTER_ADDRESS_MAX = 200,
	ROSTER_CHANNEL_NAME_MAX = 32,
	ROSTER_LANGUAGE_MAX = 15,
	ROSTER_LANGUAGES_MAX = 8,
	ROSTER_CHANNELS_MAX = 8, /* of a person */
	ROSTER_PEOPLE_MAX = 256,
	ROSTER_SEATS_MAX = 32,
	ROSTER_LAYERS_MAX = 8,
	ROSTER_LAYER_PEOPLE_MAX = 64,
	ROSTER_HANDOFFS_MAX = 24,
	ROSTER_HOURS_MAX = 14,
	ROSTER_CHANGES_MAX = 1000, /* of a seat */
	ROSTER_ABSENCES_MAX = 10000,
	ROSTER_ON_MAX = 8, /* on at one moment in one seat */
	ROSTER_SHIFTS_MAX = 20000,
	ROSTER_DAYS_MAX = 750, /* of one question */
	ROSTER_ICS_MAX = 1 << 20,
};

/* ---- people ---- */
struct roster_channel {
	char channel[ROSTER_CHANNEL_NAME_MAX + 1], address[ROSTER_ADDRESS_MAX + 1];
};
struct roster_languages {
	char list[ROSTER_LANGUAGES_MAX][ROSTER_LANGUAGE_MAX + 1];
	size_t n;
};
struct roster_person {
	char officer[ROSTER_NAME_MAX + 1];
	bool active;
	struct roster_languages languages;
	struct roster_channel channels[ROSTER_CHANNELS_MAX];
	size_t channels_n;
};

/* ---- seats ---- */
enum roster_rotation {
	ROSTER_HOURLY,
	ROSTER_DAILY,
	ROSTER_WEEKLY,
	ROSTER_MONTHLY,
	ROSTER_CUSTOM,
	ROSTER_ROTATIONS
};
struct roster_handoff {
	uint32_t day;	 /* of the cycle, from 0 */
	uint32_t minute; /* of the day */
};
struct roster_hours {
	uint32_t days; /* bit 0 is Monday */
	uint32_t from_min, to_min;
};
struct roster_layer {
	char name[ROSTER_NAME_MAX + 1];
	enum roster_rotation rotation;
	uint32_t every;
	int64_t from_day, until_day; /* civil days; until is not included, INT64_MAX: open */
	uint32_t handoff_min;	     /* all but CUSTOM */
	uint32_t cycle_days;
	struct roster_handoff handoffs[ROSTER_HANDOFFS_MAX]; /* CUSTOM */
	size_t handoffs_n;
	struct roster_hours hours[ROSTER_HOURS_MAX];
	size_t hours_n;
	char people[ROSTER_LAYER_PEOPLE_MAX][ROSTER_NAME_MAX + 1];
	size_t people_n;
};
struct roster_layers {
	struct roster_layer list[ROSTER_LAYERS_MAX];
	size_t n;
};
struct roster_seat {
	char name[ROSTER_NAME_MAX + 1], zone[TZ_NAME_MAX + 1];
	bool flash, names;
	char fallback[ROSTER_NAME_MAX + 1], line[ROSTER_LINE_MAX + 1]; /* may be empty */
	struct roster_languages languages;
	int64_t max_hours; /* 0: no limit */
	struct roster_layers layers;
};

/* ---- changes and absences ---- */
enum roster_kind {
	ROSTER_ADD,
	ROSTER_REMOVE,
	ROSTER_REPLACE,
	ROSTER_TEMPORARY,
	ROSTER_SWAP,
	ROSTER_KINDS
};
struct roster_change {
	int64_t id;
	enum roster_kind kind;
	int64_t from_s, until_s; /* all but SWAP */
	char person[ROSTER_NAME_MAX + 1], with[ROSTER_NAME_MAX + 1];
	char layer[ROSTER_NAME_MAX + 1];    /* SWAP */
	int64_t shift;			    /* SWAP */
	char fallback[ROSTER_NAME_MAX + 1]; /* TEMPORARY; may be empty */
	struct roster_layers *layers;	    /* TEMPORARY, owned; else NULL */
};
struct roster_absence {
	char person[ROSTER_NAME_MAX + 1];
	int64_t from_s, until_s;
};

/* One seat with all that decides who is on. Owns its lists; BORROWS zone and people. */
struct roster {
	struct roster_seat seat;
	const struct tz *zone;
	struct roster_change *changes; /* as they were made */
	size_t changes_n;
	struct roster_absence *absences;
	size_t absences_n;
	const struct roster_person *people;
	size_t people_n;
};
/** roster_done - release the lists; safe on a zeroed struct. roster_change_done - the same of one change */
void roster_done(struct roster *r);
void roster_change_done(struct roster_change *c);

/* ---- JSON ---- */

/** roster_person_read, roster_seat_read, roster_change_read - from JSON (docs/format/roster.md 1 to 3), everything checked but names of people
 * Returns: 0; -ERR_FIELD_MISSING, -ERR_FIELD_UNKNOWN, -ERR_INVAL, -ERR_RANGE, -ERR_FORMAT with the field in e; -ERR_NOMEM
 * roster_person_json ... - the reverse; NULL when out of memory. read(json(x)) == x */
int roster_person_read(const json_t *j, struct roster_person *ret, struct err *e) WARN_UNUSED;
int roster_seat_read(const json_t *j, struct roster_seat *ret, struct err *e) WARN_UNUSED;
int roster_change_read(const json_t *j, struct roster_change *ret, struct err *e) WARN_UNUSED;
json_t *roster_person_json(const struct roster_person *p);
json_t *roster_seat_json(const struct roster_seat *s);
json_t *roster_change_json(const struct roster_change *c);

/* ---- who is on ---- */
enum roster_source {
	ROSTER_GAP,
	ROSTER_FROM_LAYER,
	ROSTER_FROM_TEMPORARY,
	ROSTER_FROM_CHANGE,
	ROSTER_FROM_FALLBACK
};
struct roster_on {
	enum roster_source source;
	const char *people[ROSTER_ON_MAX]; /* borrowed from the roster */
	size_t people_n;
	const struct roster_layer *layer; /* whose shift it is; NULL if none */
	int64_t shift;
};
struct roster_shift {
	int64_t from_s, until_s;
	struct roster_on on;
};

/** roster_at - who is on at a moment
 * Source:  docs/format/roster.md 4 */
void roster_at(const struct roster *r, int64_t at_s, struct roster_on *ret);

/** roster_shifts - the same for every moment from from_s to until_s (not included), without holes, neighbours that are equal in one
 * Out:     ret_list [*ret_n], which the caller frees; people are borrowed from the roster
 * Returns: 0; -ERR_RANGE more than ROSTER_DAYS_MAX days, or from_s not before until_s; -ERR_OVERSIZE above ROSTER_SHIFTS_MAX; -ERR_NOMEM */
int roster_shifts(const struct roster *r, int64_t from_s, int64_t until_s,
		  struct roster_shift **ret_list, size_t *ret_n, struct err *e) WARN_UNUSED;

/** roster_next - when the answer of roster_at changes after a moment, within 31 days; INT64_MAX if it does not */
int64_t roster_next(const struct roster *r, int64_t at_s);

/** roster_layer_moment - when shift number k of a layer begins; k may be negative (before the layer's first day)
 * roster_layer_shift - number of the shift at a moment, which is negative before the first */
int64_t roster_layer_moment(const struct roster_layer *l, const struct tz *z, int64_t k);
int64_t roster_layer_shift(const struct roster_layer *l, const struct tz *z, int64_t at_s);

/** roster_person - by name; NULL if there is none
 * roster_source_name - "gap", "layer", "temporary", "change", "fallback" */
const struct roster_person *roster_person(const struct roster *r, const char *officer);
const char *roster_source_name(enum roster_source s);

/* ---- coverage ---- */
enum roster_finding_kind {
	ROSTER_F_GAP,
	ROSTER_F_SINGLE,
	ROSTER_F_NO_CHANNEL,
	ROSTER_F_ONE_CHANNEL,
	ROSTER_F_LANGUAGE,
	ROSTER_F_OVERLONG,
	ROSTER_F_VOID_SWAP,
	ROSTER_F_UNKNOWN_PERSON,
	ROSTER_FINDINGS
};
struct roster_finding {
	enum roster_finding_kind kind;
	int64_t from_s, until_s;
	char person[ROSTER_NAME_MAX + 1]; /* or the language; may be empty */
};
/** roster_coverage - what is wrong in a time (docs/format/roster.md 7); equal findings that follow each other are one
 * In:      works    does a channel of this name work? NULL: all do
 * Out:     ret_list [*ret_n], which the caller frees
 * Returns: as roster_shifts */
int roster_coverage(const struct roster *r, int64_t from_s, int64_t until_s,
		    bool (*works)(void *ctx, const char *channel), void *ctx,
		    struct roster_finding **ret_list, size_t *ret_n, struct err *e) WARN_UNUSED;
const char *roster_finding_name(enum roster_finding_kind k);

/* ---- iCalendar ---- */

/** roster_ics_write - a seat's shifts of a time as VCALENDAR (docs/format/roster.md 6), appended to out; the caller looks at buf_err
 * In:      stamp_s  DTSTAMP
 *          domain   what the UIDs end with: the node's name
 * Returns: 0; as roster_shifts, buf_err */
int roster_ics_write(const struct roster *const *list, size_t n, int64_t from_s, int64_t until_s,
		     int64_t stamp_s, const char *domain, struct buf *out,
		     struct err *e) WARN_UNUSED;

/** roster_ics_absences - the times of a calendar in which somebody is away
 * In:      p        an iCalendar file, untrusted
 *          zone     of whole days and of times without a zone
 *          load     zone by a TZID; NULL if unknown. The VTIMEZONEs of the file are not believed where a zone of that name is known
 *          from_s, until_s  only what touches this time
 * Out:     ret_list [*ret_n] sorted, merged where they touch; person empty; the caller frees it
 * Returns: 0; -ERR_OVERSIZE; -ERR_FORMAT; -ERR_NOMEM */
int roster_ics_absences(const void *p, size_t len, const struct tz *zone,
			const struct tz *(*load)(void *ctx, const char *name), void *ctx,
			int64_t from_s, int64_t until_s, struct roster_absence **ret_list,
			size_t *ret_n, struct err *e) WARN_UNUSED;
#endif
