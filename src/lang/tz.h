/* SPDX-License-Identifier: Apache-2.0
 * Zone: local time and daylight saving out of zoneinfo files (TZif, RFC 8536). The C library knows one zone a process; a node
 * answers readers, and keeps rosters, in many. */
#ifndef LANG_TZ_H
#define LANG_TZ_H
#include "base/cleanup.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TZ_FILE_MAX = 64 << 10, /* bytes of a zoneinfo file */
	TZ_NAME_MAX = 64,	/* "America/Argentina/Buenos_Aires" */
	TZ_YEAR_MAX = 2100,	/* the rule at the file's end is followed this far */
	TZ_ABBR_MAX = 11,
	TZ_TEXT_MAX = 48, /* of tz_text() */
};

struct tz; /* read-only after tz_parse */

/** tz_parse - read a zoneinfo file
 * In:      name     kept, for messages and export
 * Returns: 0 and the zone, whose owner calls tz_free; -ERR_FORMAT; -ERR_VERSION older than 2; -ERR_OVERSIZE; -ERR_NOMEM
 * Source:  RFC 8536 3; its footer as in POSIX TZ, with the extension of 3.3.1 */
int tz_parse(const char *name, const void *p, size_t len, struct tz **ret_zone,
	     struct err *e) WARN_UNUSED;
/** tz_open - the same from the system's folder
 * Returns: as tz_parse; -ERR_INVAL the name; -ERR_NOENT no such zone on this machine; -ERR_IO */
int tz_open(const char *name, struct tz **ret_zone, struct err *e) WARN_UNUSED;
/** tz_utc - the zone "UTC"; NULL when out of memory. tz_free - takes NULL; returns NULL */
struct tz *tz_utc(void);
struct tz *tz_free(struct tz *z);
DEFINE_CLEANUP(struct tz *, tz_free);

const char *tz_name(const struct tz *z);
/** tz_name_valid - may this be the name of a zone: no path out of the folder, 1 to TZ_NAME_MAX of letters digits + - _ / */
bool tz_name_valid(const char *s);

/** tz_offset - seconds east of Greenwich at a moment; a NULL zone is UTC, here and in what follows but tz_next_change
 * tz_abbr - "CET" at a moment; valid as long as the zone */
int32_t tz_offset(const struct tz *z, int64_t unix_s);
const char *tz_abbr(const struct tz *z, int64_t unix_s);

/* Local time is counted as Unix seconds of the same clock face in UTC. */
/** tz_local - the clock face at a moment
 * tz_unix - the moment of a clock face: one that does not exist is read with the offset before the change, of two the first
 * Source:  RFC 5545 3.3.5 */
int64_t tz_local(const struct tz *z, int64_t unix_s);
int64_t tz_unix(const struct tz *z, int64_t local_s);

/** tz_text - "2026-11-22 11:59 CET"; "-" where a year has not four digits */
const char *tz_text(const struct tz *z, int64_t unix_s, char out[static TZ_TEXT_MAX]);

struct tz_change {
	int64_t at_s; /* Unix seconds */
	int32_t before_s, after_s;
	bool dst; /* afterwards */
	const char *abbr;
};
/** tz_next_change - the first change of offset or name after a moment
 * Returns: 1; 0 there is none */
int tz_next_change(const struct tz *z, int64_t after_s, struct tz_change *ret);

/* ---- civil dates (proleptic Gregorian), days from 1970-01-01 ---- */
struct civil {
	int32_t year;
	uint32_t month, day; /* 1 to 12, 1 to 31 */
};
int64_t civil_days(struct civil c);
struct civil civil_of(int64_t days);
uint32_t civil_month_days(int32_t year, uint32_t month);
/** civil_weekday - 0 is Monday */
uint32_t civil_weekday(int64_t days);
#endif
