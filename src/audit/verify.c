/* SPDX-License-Identifier: Apache-2.0
 * Verifying a folder: every entry is hashed again, every tile is compared, and the result must be the signed root.
 *
 * The tree is grown a second time from the entries alone, with the same right edge that the appender uses; where the appender
 * writes a tile, the verifier compares one. Memory does not depend on the size of the log. */
#include "audit/audit-int.h"
#include "store/store.h"

struct verify {
	struct tile_reader *tiles;
	struct edge *edge;
	struct audit_report *report;
	audit_progress *progress;
	void *ctx;
	struct store *store; /* scrub: NULL otherwise */
	struct store_rows *rows;
};

static int compare_tile(void *ctx, unsigned level, uint64_t n, unsigned width,
			const uint8_t *hashes, struct err *e)
{
	struct verify *v = ctx;
	const uint8_t *stored = NULL;
	int r = tile_get(v->tiles, level, n, &stored, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < width; i++)
		if (memcmp(stored + i * 32, hashes + i * 32, 32) != 0)
			return err_set(
				e, ERR_CORRUPT, "tile",
				"Hash %u of tile %u/%llu in %s is not that of its entries: an entry or the tile was changed.",
				i, level, (unsigned long long)n, v->tiles->dir);
	return 0;
}

/* ---- scrub: the same entry and its event in the store ---- */

static int compare_event(struct verify *v, const struct audit_entry *entry, struct err *e)
{
	size_t len = 0;
	uint8_t salt32[AUDIT_SALT_LEN], commit32[32];
	if (row_null(v->rows, "salt"))
		return 0; /* erased */
	row_copy(v->rows, "salt", salt32, sizeof(salt32));
	const char *event = row_text(v->rows, "event", &len);
	int r = row_err(v->rows, e);
	if (r < 0)
		return r;
	audit_commit(salt32, event, len, commit32);
	if (memcmp(commit32, entry->commit32, 32) != 0)
		return err_set(e, ERR_CORRUPT, "event",
			       "The event of audit entry %llu in the store was changed.",
			       (unsigned long long)entry->seq);
	return 0;
}

static int compare_row(struct verify *v, const struct audit_entry *entry, const void *p, size_t len,
		       struct err *e)
{
	int r = store_next(v->rows, e);
	if (r < 0)
		return r;
	size_t row_len = 0;
	uint64_t seq = r ? row_u64(v->rows, "seq") : 0;
	if (r == 0 || seq != entry->seq)
		return err_set(e, ERR_TRUNCATED, "entries",
			       "Audit entry %llu is missing in the store.",
			       (unsigned long long)entry->seq);
	const char *row = row_text(v->rows, "entry", &row_len);
	if (row_len != len || memcmp(row, p, len) != 0)
		return err_set(e, ERR_CORRUPT, "entries",
			       "Audit entry %llu of the store is not the one in %s.",
			       (unsigned long long)entry->seq, v->tiles->dir);
	return compare_event(v, entry, e);
}

/* ---- one pass over the entries ---- */

/* Before anything else is made of its bytes: the entry must be the one that was hashed. */
static int compare_leaf(struct verify *v, uint64_t seq, const uint8_t *leaf32, struct err *e)
{
	const uint8_t *stored = NULL;
	int r = tile_get(v->tiles, 0, seq / TILE_WIDTH, &stored, e);
	if (r == 0 && memcmp(stored + seq % TILE_WIDTH * 32, leaf32, 32) != 0)
		r = err_set(e, ERR_CORRUPT, "entries",
			    "Audit entry %llu in %s is not the one that was logged.",
			    (unsigned long long)seq, v->tiles->dir);
	return r;
}

static int verify_entry(struct verify *v, uint64_t seq, const uint8_t *p, size_t len, struct err *e)
{
	struct audit_entry entry;
	uint8_t leaf32[32];
	merkle_leaf(p, len, leaf32);
	int r = compare_leaf(v, seq, leaf32, e);
	if (r == 0)
		r = edge_add(v->edge, leaf32, compare_tile, v, e);
	if (r == 0)
		r = audit_entry_parse(p, len, &entry, e);
	if (r < 0)
		return r;
	if (entry.seq != seq)
		return err_set(e, ERR_CORRUPT, "seq", "Audit entry %llu says that it is %llu.",
			       (unsigned long long)seq, (unsigned long long)entry.seq);
	if (seq == 0)
		v->report->first_s = entry.time_s;
	v->report->last_s = entry.time_s;
	v->report->entries++;
	return v->store ? compare_row(v, &entry, p, len, e) : 0;
}

/* Behind the last entry of the tree nothing may stand, but the rest of a full bundle that has replaced a partial one. */
static int verify_rest(struct cur *c, uint64_t n, unsigned width, struct err *e)
{
	bool more = cur_left(c) > 0;
	int r = 0;
	for (; r == 0 && cur_left(c) > 0; width++) {
		const uint8_t *p = NULL;
		size_t len = 0;
		r = bundle_next(c, &p, &len, NULL);
	}
	if (r == 0 && (!more || width == TILE_WIDTH))
		return 0;
	return err_set(e, ERR_CORRUPT, "entries",
		       "Bundle %llu of entries goes on after its last entry.",
		       (unsigned long long)n);
}

static int verify_bundle(struct verify *v, uint64_t n, struct buf *b, struct err *e)
{
	unsigned width = tile_width(v->tiles->size, 0, n);
	buf_clear(b);
	int r = tile_entries(v->tiles, n, b, e);
	struct cur c = cur_init(b->p, b->len);
	for (unsigned i = 0; r == 0 && i < width; i++) {
		const uint8_t *p = NULL;
		size_t len = 0;
		r = bundle_next(&c, &p, &len, e);
		if (r == 0)
			r = verify_entry(v, n * TILE_WIDTH + i, p, len, e);
	}
	return r < 0 ? r : verify_rest(&c, n, width, e);
}

static int verify_entries(struct verify *v, struct err *e)
{
	struct buf b;
	uint64_t size = v->tiles->size, bundles = (size + TILE_WIDTH - 1) / TILE_WIDTH;
	int r = 0;
	buf_init(&b, BUNDLE_BYTES);
	for (uint64_t n = 0; r == 0 && n < bundles; n++) {
		r = verify_bundle(v, n, &b, e);
		if (r == 0 && v->progress)
			v->progress(v->ctx, v->report->entries, size);
	}
	buf_done(&b);
	return r;
}

static int verify_tree(struct verify *v, struct err *e)
{
	uint8_t root32[32];
	int r = verify_entries(v, e);
	if (r == 0)
		r = edge_end(v->edge, compare_tile, v, e);
	if (r < 0)
		return r;
	v->report->tiles = v->tiles->files;
	merkle_front_root(&v->edge->front, root32);
	if (memcmp(root32, v->report->head.root32, 32) != 0)
		return err_set(e, ERR_CORRUPT, "checkpoint",
			       "The entries in %s do not lead to the checkpoint's root.",
			       v->tiles->dir);
	return 0;
}

static int verify_head(const char *dir, const struct note_verifier *key,
		       struct audit_report *report, struct err *e)
{
	struct buf note;
	buf_init(&note, NOTE_MAX);
	int r = checkpoint_read(dir, &note, &report->head, e);
	if (r == 0 && key)
		r = audit_checkpoint_check(note.p, note.len, key, &report->head, e);
	report->signature_checked = r == 0 && key;
	buf_done(&note);
	return r;
}

static int verify_dir(struct verify *v, const char *dir, struct err *e)
{
	_cleanup_(tile_reader_freep) struct tile_reader *t =
		tile_reader_new(dir, v->report->head.size);
	_cleanup_(freep) struct edge *g = calloc(1, sizeof(*g));
	if (!t || !g)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	v->tiles = t;
	v->edge = g;
	return verify_tree(v, e);
}

int audit_verify(const char *dir, const struct note_verifier *key, audit_progress *progress,
		 void *ctx, struct audit_report *ret_report, struct err *e)
{
	struct audit_report report = {0};
	struct verify v = {.report = &report, .progress = progress, .ctx = ctx};
	int r = verify_head(dir, key, &report, e);
	if (r == 0)
		r = verify_dir(&v, dir, e);
	if (r == 0)
		*ret_report = report;
	return r;
}

int audit_scrub(struct store *s, const char *dir, audit_progress *progress, void *ctx,
		struct audit_report *ret_report, struct err *e)
{
	struct audit_report report = {0};
	STORE_ROWS(rows);
	struct verify v = {
		.report = &report, .progress = progress, .ctx = ctx, .store = s, .rows = &rows};
	int r = verify_head(dir, NULL, &report, e);
	if (r == 0)
		r = store_query(
			s,
			"SELECT n.seq AS seq, n.entry AS entry, v.salt AS salt, v.event AS event FROM audit_entry n"
			" LEFT JOIN audit_event v ON v.seq = n.seq ORDER BY n.seq",
			NO_VALS, &rows, e);
	if (r == 0)
		r = verify_dir(&v, dir, e);
	if (r == 0)
		*ret_report = report;
	return r;
}
