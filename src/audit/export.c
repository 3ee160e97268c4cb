/* SPDX-License-Identifier: Apache-2.0
 * Export: entries for other people's tools, each with what opens its commitment. */
#include "audit/audit-int.h"
#include "base/text.h"
#include "base/time.h"
#include "store/store.h"

struct export
{
	struct store *store; /* or NULL */
	struct folder folder;
	const struct audit_range *range;
	int (*line)(void *ctx, const char *text, size_t len, struct err *e);
	void *ctx;
	uint64_t n;
};

/* Adds event and salt to the object, when they are still there and belong to the entry. */
static int put_event(struct store *s, const struct audit_entry *entry, json_t *o, struct err *e)
{
	STORE_ROWS(rows);
	uint8_t salt32[AUDIT_SALT_LEN], commit32[32];
	char hex[2 * AUDIT_SALT_LEN + 1];
	size_t len = 0;
	int r = store_first(s, "SELECT salt, event FROM audit_event WHERE seq = ?",
			    VALS(val_u64(entry->seq)), &rows, e);
	if (r <= 0)
		return r;
	row_copy(&rows, "salt", salt32, sizeof(salt32));
	const char *event = row_text(&rows, "event", &len);
	r = row_err(&rows, e);
	if (r < 0)
		return r;
	audit_commit(salt32, event, len, commit32);
	if (memcmp(commit32, entry->commit32, 32) != 0)
		return err_set(e, ERR_CORRUPT, "event",
			       "The event of audit entry %llu in the store was changed.",
			       (unsigned long long)entry->seq);
	hex_encode(salt32, sizeof(salt32), hex);
	/* As text, not as an object: the commitment is over these very bytes. */
	r = json_object_set_new(o, "event", json_stringn(event, len)) +
	    json_object_set_new(o, "salt", json_string(hex));
	return r < 0 ? err_set(e, ERR_NOMEM, NULL, NULL) : 0;
}

static json_t *entry_json(const struct audit_entry *entry)
{
	char time[TIME_TEXT_MAX], commit[BASE64_LEN(32) + 1];
	base64_encode(BASE64_PADDED, entry->commit32, 32, commit);
	return json_pack("{s:o, s:s, s:s, s:s}", "seq", json_u64(entry->seq), "time",
			 time_utc(entry->time_s, time), "type", audit_type_name(entry->type),
			 "commit", commit);
}

/* Line and LF. */
static int give_line(struct export *x, json_t *o, struct err *e)
{
	_cleanup_(freep) char *text = o ? json_text(o) : NULL;
	size_t len = text ? strlen(text) : 0;
	char *line = text ? realloc(text, len + 2) : NULL;
	if (!line)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	text = line;
	memcpy(text + len, "\n", 2);
	x->n++;
	return x->line(x->ctx, text, len + 1, e);
}

static int export_entry(struct export *x, uint64_t seq, const uint8_t *p, size_t len, struct err *e)
{
	struct audit_entry entry;
	const uint8_t *hashes = NULL;
	uint8_t leaf32[32];
	merkle_leaf(p, len, leaf32);
	int r = tile_get(x->folder.tiles, 0, seq / TILE_WIDTH, &hashes, e);
	if (r == 0 && memcmp(hashes + seq % TILE_WIDTH * 32, leaf32, 32) != 0)
		r = err_set(e, ERR_CORRUPT, "entries",
			    "Audit entry %llu is not the one that was logged: verify the log.",
			    (unsigned long long)seq);
	if (r == 0)
		r = audit_entry_parse(p, len, &entry, e);
	if (r < 0 || entry.time_s < x->range->from_s || entry.time_s > x->range->to_s)
		return r;
	_cleanup_(json_decrefp) json_t *o = entry_json(&entry);
	if (o && x->store)
		r = put_event(x->store, &entry, o, e);
	return r < 0 ? r : give_line(x, o, e);
}

static int export_bundle(struct export *x, uint64_t n, struct buf *b, struct err *e)
{
	buf_clear(b);
	int r = tile_entries(x->folder.tiles, n, b, e);
	struct cur c = cur_init(b->p, b->len);
	uint64_t end = n * TILE_WIDTH + tile_width(x->folder.head.size, 0, n);
	for (uint64_t seq = n * TILE_WIDTH; r == 0 && seq < end && seq <= x->range->to_seq; seq++) {
		const uint8_t *p = NULL;
		size_t len = 0;
		r = bundle_next(&c, &p, &len, e);
		if (r == 0 && seq >= x->range->from_seq)
			r = export_entry(x, seq, p, len, e);
	}
	return r;
}

int audit_export(struct store *s, const char *dir, const struct audit_range *range,
		 int (*line)(void *ctx, const char *text, size_t len, struct err *e), void *ctx,
		 uint64_t *ret_n, struct err *e)
{
	struct export x = {.store = s, .range = range, .line = line, .ctx = ctx};
	struct buf b;
	buf_init(&b, BUNDLE_BYTES);
	int r = folder_open(&x.folder, dir, e);
	uint64_t size = x.folder.head.size;
	for (uint64_t n = range->from_seq / TILE_WIDTH;
	     r == 0 && n * TILE_WIDTH < size && n * TILE_WIDTH <= range->to_seq; n++)
		r = export_bundle(&x, n, &b, e);
	if (r == 0 && ret_n)
		*ret_n = x.n;
	folder_done(&x.folder);
	buf_done(&b);
	return r;
}
