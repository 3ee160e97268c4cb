/* SPDX-License-Identifier: Apache-2.0
 * Time zone of a reader: offsets from UTC out of the system's zoneinfo files. The C library knows one zone a process; a node
 * answers readers in many. */
#ifndef LANG_ZONE_H
#define LANG_ZONE_H
#include "base/cleanup.h"
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct zone;
enum {
	ZONE_NAME_MAX = 64,
	ZONE_FILE_MAX = 64 << 10,
	ZONE_TEXT_MAX = 48, /* of zone_local() */
};

/** zone_open - read a zone by its name ("Europe/Rome"), from the system's folder
 * Returns: 0; -ERR_INVAL the name; -ERR_NOENT no such zone; -ERR_OVERSIZE; as zone_parse */
int zone_open(const char *name, struct zone **ret_zone, struct err *e) WARN_UNUSED;
/** zone_parse - the same from the bytes of a TZif file, version 2 or later
 * Returns: 0; -ERR_FORMAT; -ERR_TRUNCATED; -ERR_VERSION; -ERR_RANGE a count or an offset above what any zone has; -ERR_NOMEM
 * Source:  RFC 8536 3 */
int zone_parse(const void *p, size_t len, struct zone **ret_zone, struct err *e) WARN_UNUSED;
/** zone_close - release; takes NULL; returns NULL */
struct zone *zone_close(struct zone *z);
DEFINE_CLEANUP(struct zone *, zone_close);

/** zone_offset_s - seconds east of UTC at a moment; zone_abbreviation - "CET" then. A NULL zone is UTC */
int32_t zone_offset_s(const struct zone *z, int64_t unix_s);
const char *zone_abbreviation(const struct zone *z, int64_t unix_s);
/** zone_local - "2026-11-22 11:59 CET" */
const char *zone_local(const struct zone *z, int64_t unix_s, char out[static ZONE_TEXT_MAX]);
#endif
