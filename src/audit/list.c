/* SPDX-License-Identifier: Apache-2.0
 * Pages of the log for people: newest first, the event where it is not erased. */
#include "audit/audit-int.h"
#include "base/time.h"
#include "store/store.h"

static json_t *row_json(struct store_rows *rows, struct err *e)
{
	char time[TIME_TEXT_MAX];
	struct audit_entry entry;
	size_t len, event_len;
	const char *text = row_text(rows, "entry", &len);
	json_t *event = NULL;
	int r = audit_entry_parse(text, len, &entry, e);
	if (r >= 0 && !row_null(rows, "event")) {
		const char *bytes = row_text(rows, "event", &event_len);
		r = json_parse(bytes, event_len, &event, e);
	}
	if (r < 0)
		return NULL;
	return json_pack("{s:I, s:s, s:s, s:o*}", "seq", (json_int_t)entry.seq, "time",
			 time_utc(entry.time_s, time), "type", audit_type_name(entry.type), "event",
			 event);
}

int audit_list(struct store *s, const struct audit_filter *f, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	STORE_ROWS(rows);
	uint64_t before = f->before ? f->before : INT64_MAX;
	int r = store_query(
		s,
		f->who ? "SELECT a.entry AS entry, v.event AS event FROM audit_event v JOIN audit_entry a ON a.seq = v.seq"
			 " WHERE v.who = ? AND v.seq < ? ORDER BY v.seq DESC LIMIT ?"
		       : "SELECT a.entry AS entry, v.event AS event FROM audit_entry a LEFT JOIN audit_event v ON v.seq = a.seq"
			 " WHERE ? = '' AND a.seq < ? ORDER BY a.seq DESC LIMIT ?",
		VALS(val_text(f->who ? f->who : ""), val_u64(before), val_i64(f->limit)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		json_t *one = row_json(&rows, e);
		if (!one || json_array_append_new(list, one) < 0)
			r = e && e->code ? e->code : err_set(e, ERR_CORRUPT, "audit", NULL);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(list);
	return 0;
}
