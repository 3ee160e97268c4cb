/* SPDX-License-Identifier: Apache-2.0
 * How fast somebody may change things: the generic cell rate algorithm. Each caller has the time at which what was let through would
 * have been spread evenly; ahead of the clock by more than the burst, it waits. */
#include "access/access.h"
#include <string.h>

enum { EVERY_MS = 60000 / ACCESS_CHANGES_MINUTE, BURST_MS = 60000 };

/* The caller's slot, or the one whose owner has been quiet the longest. */
static struct access_paced *slot_of(struct access_pace *p, const char *who)
{
	struct access_paced *quiet = &p->slots[0];
	for (size_t i = 0; i < ACCESS_PACE_SLOTS; i++) {
		if (!strncmp(p->slots[i].who, who, ACCESS_NAME_MAX))
			return &p->slots[i];
		if (p->slots[i].even_ms < quiet->even_ms)
			quiet = &p->slots[i];
	}
	*quiet = (struct access_paced){.even_ms = 0};
	snprintf(quiet->who, sizeof(quiet->who), "%s", who);
	return quiet;
}

int access_pace(struct access_pace *p, const char *who, int64_t now_ms)
{
	struct access_paced *s = slot_of(p, who);
	int64_t even_ms = (s->even_ms > now_ms ? s->even_ms : now_ms) + EVERY_MS;
	if (even_ms > now_ms + BURST_MS)
		return -ERR_QUOTA;
	s->even_ms = even_ms;
	return 0;
}
