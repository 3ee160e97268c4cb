/* SPDX-License-Identifier: Apache-2.0
 * A seat or a change from JSON: what is accepted reads the same after it was written, and can be expanded for a month. */
#include "duty/roster.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

enum { FROM_S = 1790000000, MONTH_S = 30 * 86400 };

static void expand(const struct roster_seat *seat, struct roster_change *change)
{
	_cleanup_(freep) struct roster_shift *list = NULL;
	struct tz *utc = tz_utc();
	struct roster r = {
		.seat = *seat, .zone = utc, .changes = change, .changes_n = change != NULL};
	size_t n = 0;
	int64_t at = FROM_S;
	if (utc && roster_shifts(&r, FROM_S, FROM_S + MONTH_S, &list, &n, NULL) >= 0)
		for (size_t i = 0; i < n; i++) {
			if (list[i].from_s != at || list[i].until_s <= at)
				abort(); /* a hole, or an overlap */
			at = list[i].until_s;
		}
	if (n && at != FROM_S + MONTH_S)
		abort();
	tz_free(utc);
}

static void check_seat(const json_t *j)
{
	static struct roster_seat a, b;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	if (roster_seat_read(j, &a, NULL) < 0)
		return;
	_cleanup_(json_decrefp) json_t *again = roster_seat_json(&a);
	if (again && (roster_seat_read(again, &b, NULL) < 0 || memcmp(&a, &b, sizeof(a)) != 0))
		abort();
	expand(&a, NULL);
}

static void check_change(const json_t *j)
{
	static const struct roster_seat seat = {.name = "x"};
	struct roster_change a = {0}, b = {0};
	if (roster_change_read(j, &a, NULL) < 0)
		return;
	_cleanup_(json_decrefp) json_t *again = roster_change_json(&a);
	if (again && (roster_change_read(again, &b, NULL) < 0 || a.kind != b.kind ||
		      a.from_s != b.from_s || strcmp(a.person, b.person) != 0))
		abort();
	expand(&seat, &a);
	roster_change_done(&a);
	roster_change_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	struct roster_person person;
	if (json_parse(p, len, &j, NULL) < 0 || !json_is_object(j))
		return 0;
	check_seat(j);
	check_change(j);
	(void)!roster_person_read(j, &person, NULL);
	return 0;
}
