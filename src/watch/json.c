/* SPDX-License-Identifier: Apache-2.0
 * Items and alerts as programs read them. */
#include "base/time.h"
#include "chain/hash.h"
#include "watch/watch.h"
#include <string.h>

json_t *watch_item_json(const struct watch_item *i)
{
	const char *policy = i->kind == WATCH_TAINT ? trace_policy_name(i->policy) : "";
	char when[TIME_TEXT_MAX];

	return json_pack("{s:I, s:s, s:s, s:I, s:I, s:o, s:s, s:s, s:b, s:b}", "item",
			 (json_int_t)i->id, "kind", watch_kind_name(i->kind), "policy", policy,
			 "entries", (json_int_t)i->n, "live_outputs", (json_int_t)i->live_n, "live",
			 json_u64(i->live_sum), "added", time_utc(i->added_s, when), "note",
			 i->note, "alert_services", i->alert_services, "too_large", i->too_large);
}

static json_t *path_json(const char *path)
{
	json_t *list = json_array();

	while (*path) {
		size_t n = strcspn(path, " ");

		json_array_append_new(list, json_stringn(path, n));
		path += n + (path[n] == ' ');
	}
	return list;
}

static json_t *ack_json(const struct watch_alert *a)
{
	char when[TIME_TEXT_MAX];

	return a->acked_s ? json_pack("{s:s, s:s}", "by", a->acked_by, "at",
				      time_utc(a->acked_s, when))
			  : json_null();
}

json_t *watch_alert_json(const struct watch_alert *a)
{
	char txid[HASH_TEXT_MAX], first[TIME_TEXT_MAX], changed[TIME_TEXT_MAX];
	bool confirmed = a->state == WATCH_CONFIRMED;

	return json_pack(
		"{s:I, s:I, s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:s, s:s, s:s, s:o, s:o}",
		"alert", (json_int_t)a->id, "changed", (json_int_t)a->changed, "item",
		(json_int_t)a->item, "kind", watch_alert_name(a->kind), "state",
		watch_state_name(a->state), "txid", hash_text(a->txid32, txid), "position",
		a->position < 0 ? json_null() : json_integer(a->position), "amount",
		json_u64(a->amount), "height", confirmed ? json_integer(a->height) : json_null(),
		"confirmations", (json_int_t)a->confirmations, "first_seen",
		time_utc(a->first_s, first), "changed_at", time_utc(a->changed_s, changed), "note",
		a->note, "path", path_json(a->path), "acknowledged", ack_json(a));
}
