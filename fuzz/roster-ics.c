/* SPDX-License-Identifier: Apache-2.0
 * Absences out of a calendar: whatever comes, they are in order, apart from each other, and within what was asked for. */
#include "duty/roster.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

enum { FROM_S = 1790000000, YEAR_S = 365 * 86400 };

static const struct tz *load(void *ctx, const char *name)
{
	return name[0] == 'E' ? ctx : NULL; /* "Europe/...": some zone; others are the file's */
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	_cleanup_(freep) struct roster_absence *list = NULL;
	struct tz *utc = tz_utc();
	size_t n = 0;
	if (utc && roster_ics_absences(p, len, utc, load, utc, FROM_S, FROM_S + YEAR_S, &list, &n,
				       NULL) >= 0)
		for (size_t i = 0; i < n; i++)
			if (list[i].until_s <= list[i].from_s || list[i].until_s <= FROM_S ||
			    list[i].from_s >= FROM_S + YEAR_S ||
			    (i && list[i].from_s <= list[i - 1].until_s))
				abort();
	tz_free(utc);
	return 0;
}
