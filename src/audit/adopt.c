/* SPDX-License-Identifier: Apache-2.0
 * Folder and store, entry by entry: comparing them, and giving a restored store back what the folder still has. */
#include "audit/audit-int.h"
#include "store/store.h"

int rows_compare(struct store *s, struct tile_reader *t, uint64_t from, uint64_t to, struct err *e)
{
	STORE_ROWS(rows);
	struct buf b;
	struct cur c = {0};
	uint64_t at = from / TILE_WIDTH * TILE_WIDTH;
	buf_init(&b, BUNDLE_BYTES);
	int r = store_query(s,
			    "SELECT entry FROM audit_entry WHERE seq >= ? AND seq < ? ORDER BY seq",
			    VALS(val_u64(at), val_u64(to)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		size_t len = 0, row_len = 0;
		const uint8_t *p = NULL;
		const char *row = row_text(&rows, "entry", &row_len);
		if (at % TILE_WIDTH == 0) {
			buf_clear(&b);
			r = tile_entries(t, at / TILE_WIDTH, &b, e);
			c = cur_init(b.p, b.len);
		}
		if (r >= 0)
			r = bundle_next(&c, &p, &len, e);
		if (r == 0 && (len != row_len || memcmp(p, row, len) != 0))
			r = err_set(e, ERR_CONFLICT, "entries",
				    "Audit entry %llu of the store is not the one in %s.",
				    (unsigned long long)at, t->dir);
		at++;
	}
	buf_done(&b);
	if (r == 0 && at != to)
		return err_set(e, ERR_CONFLICT, "entries",
			       "Audit entry %llu is missing in the store.", (unsigned long long)at);
	return r;
}

static int adopt_rows(struct store *s, struct tile_reader *t, uint64_t from, struct err *e)
{
	struct buf b;
	struct cur c = {0};
	int r = 0;
	buf_init(&b, BUNDLE_BYTES);
	for (uint64_t at = from / TILE_WIDTH * TILE_WIDTH; r == 0 && at < t->size; at++) {
		const uint8_t *p = NULL;
		size_t len = 0;
		if (at % TILE_WIDTH == 0) {
			buf_clear(&b);
			r = tile_entries(t, at / TILE_WIDTH, &b, e);
			c = cur_init(b.p, b.len);
		}
		if (r == 0)
			r = bundle_next(&c, &p, &len, e);
		if (r < 0 || at < from)
			continue;
		int64_t n = store_exec(s, "INSERT INTO audit_entry (seq, entry) VALUES (?, ?)",
				       VALS(val_u64(at), val_textn((const char *)p, len)), e);
		r = n < 0 ? (int)n : 0;
	}
	buf_done(&b);
	return r;
}

int64_t audit_adopt(struct store *s, const char *dir, const struct note_verifier *key,
		    struct err *e)
{
	struct audit_report report;
	uint64_t from = 0;
	int r = store_in_txn(s) ? err_set(e, ERR_INVAL, "transaction", "End the transaction first.")
				: 0;
	if (r == 0)
		r = audit_verify(dir, key, NULL, NULL, &report, e);
	if (r == 0)
		r = audit_next_seq(s, &from, e);
	if (r < 0 || from >= report.head.size)
		return r;
	_cleanup_(tile_reader_freep) struct tile_reader *t = tile_reader_new(dir, report.head.size);
	if (!t)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	STORE_TXN(txn);
	r = rows_compare(s, t, 0, from, e);
	if (r == 0)
		r = store_begin(s, STORE_WRITE, &txn, e);
	if (r == 0)
		r = adopt_rows(s, t, from, e);
	if (r == 0)
		r = store_commit(&txn, e);
	return r < 0 ? r : (int64_t)(report.head.size - from);
}
