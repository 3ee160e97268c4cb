/* SPDX-License-Identifier: Apache-2.0
 * GET /v1/audit: who saw and did what, for the auditor, newest first. Each entry shown is compared with the hash that its tile names;
 * looking is an event too. */
#include "base/cleanup.h"
#include "lugd/lugd-int.h"

enum { PAGE_DEFAULT = 100, PAGE_MAX_N = 500 };

struct listed {
	json_t *entries;
	const char *who; /* NULL for everybody */
};

/* A line of the export: its event is text, which people are shown as members. */
static int take_line(void *ctx, const char *text, size_t len, struct err *e)
{
	struct listed *l = ctx;
	_cleanup_(json_decrefp) json_t *entry = NULL;
	json_t *event = NULL;
	int r = json_parse(text, len, &entry, e);
	const char *words = json_string_value(json_object_get(entry, "event"));
	if (r >= 0 && words)
		r = json_parse(words, strlen(words), &event, e);
	if (r < 0)
		return r;
	if (event)
		json_object_set_new(entry, "event", event);
	json_object_del(entry, "salt");
	const char *who = json_string_value(json_object_get(event, "who"));
	if (l->who && (!who || strcmp(who, l->who) != 0))
		return 0;
	return json_array_insert(l->entries, 0, entry) < 0 ? -ERR_NOMEM : 0;
}

static int list(struct lugd *d, const struct audit_range *range, struct listed *l, struct err *e)
{
	char dir[CONF_TEXT_MAX + 16];
	snprintf(dir, sizeof(dir), "%s/audit", d->folder);
	return audit_export(d->store, dir, range, take_line, l, NULL, e);
}

int api_audit_list(struct api_call *c, struct err *e)
{
	struct lugd *d = lugd_of(c);
	uint64_t limit = PAGE_DEFAULT, before = d->audit ? audit_log_size(d->audit) : 0;
	const char *who = api_query(c, "who");
	_cleanup_(json_decrefp) json_t *entries = json_array();
	struct listed l = {.entries = entries, .who = who && *who ? who : NULL};
	int r = api_query_u64(c, "before", before, &before, e);
	if (r >= 0)
		r = api_query_u64(c, "limit", PAGE_MAX_N, &limit, e);
	if (r < 0)
		return r;
	uint64_t from = before > limit ? before - limit : 0;
	const struct audit_range range = {
		.from_seq = from, .to_seq = before - 1, .to_s = INT64_MAX};
	if (before && limit)
		r = list(d, &range, &l, e);
	if (r < 0)
		return r;
	return api_reply(c,
			 json_pack("{s:O, s:o*}", "entries", entries, "next",
				   from ? json_integer((json_int_t)from) : NULL),
			 e);
}
