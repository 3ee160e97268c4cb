/* SPDX-License-Identifier: Apache-2.0
 * Having one's own log countersigned: the questions, the answers, and the file checkpoint.cosigned
 * (docs/protocol/witness.md 2, 3 and 5).
 *
 * Table audit_witness: one row a witness, with the size of ours that it has, as far as we know, and its last countersignature
 * beside the checkpoint that it is for. */
#include "audit/audit-int.h"
#include "audit/witness.h"
#include "base/file.h"
#include "base/text.h"
#include "store/store.h"

/* ---- asking ---- */

static int known_size(struct store *s, const char *witness, int64_t now_s, uint64_t *ret_size,
		      struct err *e)
{
	STORE_ROWS(rows);
	int64_t n = store_exec(
		s,
		"INSERT INTO audit_witness (witness, since_s, size, signed_s, note, line)"
		" VALUES (?, ?, 0, 0, '', '') ON CONFLICT (witness) DO NOTHING",
		VALS(val_text(witness), val_i64(now_s)), e);
	int r = n < 0 ? (int)n
		      : store_first(s, "SELECT size FROM audit_witness WHERE witness = ?",
				    VALS(val_text(witness)), &rows, e);
	if (r < 0)
		return r;
	*ret_size = row_u64(&rows, "size");
	return row_err(&rows, e);
}

static int put_proof(const char *dir, uint64_t old, uint64_t size, struct buf *body, struct err *e)
{
	uint8_t proof[MERKLE_PROOF_MAX][32];
	char line[BASE64_LEN(32) + 1];
	size_t n = 0;
	buf_printf(body, "old %llu\n", (unsigned long long)old);
	int r = old && old < size ? audit_prove_growth(dir, old, size, proof, &n, e) : 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		base64_encode(BASE64_PADDED, proof[i], 32, line);
		buf_printf(body, "%s\n", line);
	}
	buf_str(body, "\n");
	return r < 0 ? r : buf_err(body);
}

static int behind(const char *witness, uint64_t theirs, uint64_t ours, struct err *e)
{
	return err_set(
		e, ERR_STALE, witness,
		"%s has countersigned %llu entries of this node's audit log, which has %llu: it was restored from an "
		"older copy. Bring back the newest copy of the audit folder, then \"lug audit adopt\".",
		witness, (unsigned long long)theirs, (unsigned long long)ours);
}

static int other_tree(const char *witness, uint64_t size, struct err *e)
{
	return err_set(e, ERR_CONFLICT, witness,
		       "%s has another tree of this node's audit log with %llu entries.", witness,
		       (unsigned long long)size);
}

int witness_ask(struct store *s, const char *dir, const char *witness, int64_t now_s,
		struct buf *body, size_t *ret_note, struct err *e)
{
	struct buf note _cleanup_(buf_done);
	struct audit_checkpoint head;
	uint64_t old = 0;
	buf_init(&note, NOTE_MAX);
	int r = checkpoint_read(dir, &note, &head, e);
	if (r == 0)
		r = known_size(s, witness, now_s, &old, e);
	if (r < 0)
		return r;
	if (old > head.size)
		return behind(witness, old, head.size, e);
	r = put_proof(dir, old, head.size, body, e);
	if (r < 0)
		return r;
	*ret_note = body->len;
	buf_put(body, note.p, note.len);
	return buf_err(body);
}

/* ---- answers ---- */

static int write_cosigned(struct store *s, const char *dir, const void *note, size_t note_len,
			  struct err *e)
{
	char path[FOLDER_PATH_MAX + TILE_NAME_MAX];
	struct buf b _cleanup_(buf_done);
	size_t lines = 1;
	STORE_ROWS(rows);
	buf_init(&b, NOTE_MAX);
	buf_put(&b, note, note_len);
	int r = store_query(s, "SELECT line FROM audit_witness WHERE note = ? ORDER BY witness",
			    VALS(val_textn(note, note_len)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0)
		if (lines++ < NOTE_SIGS_MAX)
			buf_str(&b, row_text(&rows, "line", NULL));
	if (r == 0)
		r = buf_err(&b);
	if (r == 0)
		r = cosigned_path(dir, path, e);
	return r < 0 ? r : file_write(path, b.p, b.len, FOLDER_FILE_MODE, e);
}

/* The line belongs to the checkpoint when both together are a note that this witness has countersigned. */
static int check_line(const void *note, size_t note_len, const void *line, size_t line_len,
		      witness_key_fn *key, void *ctx, struct err *e)
{
	int64_t said_s;
	struct buf b _cleanup_(buf_done);
	struct note n;
	struct note_verifier v;
	buf_init(&b, NOTE_MAX);
	buf_put(&b, note, note_len);
	buf_put(&b, line, line_len);
	int r = buf_err(&b) < 0 ? buf_err(&b) : note_parse(b.p, b.len, &n, e);
	if (r < 0)
		return r;
	const struct note_sig *sig = &n.sigs[n.sigs_n - 1];
	r = key(ctx, n.p + sig->name_off, sig->name_len, sig->key_id, &v, e);
	return r < 0 ? r : cosignature_check(b.p, b.len, &v, &said_s, e);
}

int witness_signed(struct store *s, const char *dir, const char *witness, const void *note,
		   size_t note_len, const void *reply, size_t reply_len, witness_key_fn *key,
		   void *ctx, int64_t now_s, struct err *e)
{
	struct audit_checkpoint head;
	const char *end = memchr(reply, '\n', reply_len);
	if (!end || (size_t)(end - (const char *)reply) + 1 != reply_len)
		return err_set(e, ERR_FORMAT, witness, "One signature line is expected of %s.",
			       witness);
	int r = check_line(note, note_len, reply, reply_len, key, ctx, e);
	if (r == 0)
		r = audit_checkpoint_parse(note, note_len, &head, e);
	if (r < 0)
		return r;
	int64_t n = store_exec(
		s,
		"UPDATE audit_witness SET size = ?, signed_s = ?, note = ?, line = ? WHERE witness = ?",
		VALS(val_u64(head.size), val_i64(now_s), val_textn(note, note_len),
		     val_textn(reply, reply_len), val_text(witness)),
		e);
	return n < 0 ? (int)n : write_cosigned(s, dir, note, note_len, e);
}

static int set_size(struct store *s, const char *witness, uint64_t size, struct err *e)
{
	int64_t n = store_exec(s, "UPDATE audit_witness SET size = ? WHERE witness = ?",
			       VALS(val_u64(size), val_text(witness)), e);
	return n < 0 ? (int)n : 0;
}

int witness_other_size(struct store *s, const char *dir, const char *witness, const void *reply,
		       size_t reply_len, struct err *e)
{
	struct audit_checkpoint head;
	struct buf note _cleanup_(buf_done);
	uint64_t size = 0, said = 0;
	buf_init(&note, NOTE_MAX);
	if (reply_len < 2 || ((const char *)reply)[reply_len - 1] != '\n' ||
	    dec_parse_u64(reply, reply_len - 1, INT64_MAX, &size) < 0)
		return err_set(e, ERR_FORMAT, witness, "%s answers with no size.", witness);
	int r = checkpoint_read(dir, &note, &head, e);
	if (r == 0)
		r = known_size(s, witness, 0, &said, e);
	if (r < 0)
		return r;
	if (size > head.size)
		return behind(witness, size, head.size, e);
	return size == said ? other_tree(witness, size, e) : set_size(s, witness, size, e);
}

/* ---- what a witness shows ---- */

/* The root that the folder's tree had when it was of this size. */
static int root_then(struct folder *f, uint64_t size, uint8_t ret32[static 32], struct err *e)
{
	struct merkle_front front;
	struct merkle_source src = tile_source(f->tiles);
	int r = merkle_front_load(&src, size, &front, e);
	if (r == 0)
		merkle_front_root(&front, ret32);
	return r;
}

static int compare(const char *dir, const char *witness, const struct audit_checkpoint *shown,
		   struct err *e)
{
	uint8_t root32[32];
	_cleanup_(folder_done) struct folder f;
	int r = folder_open(&f, dir, e);
	if (r < 0)
		return r;
	if (shown->size > f.head.size)
		return behind(witness, shown->size, f.head.size, e);
	r = root_then(&f, shown->size, root32, e);
	if (r == 0 && memcmp(root32, shown->root32, 32) != 0)
		r = other_tree(witness, shown->size, e);
	return r;
}

int witness_shown(struct store *s, const char *dir, const char *witness, const void *note,
		  size_t note_len, witness_key_fn *key, void *ctx, struct err *e)
{
	struct audit_checkpoint shown;
	int r = audit_checkpoint_parse(note, note_len, &shown, e);
	if (r == 0)
		r = checkpoint_signed(note, note_len, &shown, key, ctx, e);
	if (r == 0)
		r = compare(dir, witness, &shown, e);
	return r < 0 ? r : set_size(s, witness, shown.size, e);
}

/* ---- how we stand ---- */

int witness_state(struct store *s, unsigned needed_n, int64_t recent_s, struct witness_state *ret,
		  struct err *e)
{
	struct witness_state state = {0};
	unsigned n = 0;
	STORE_ROWS(rows);
	int r = store_query(
		s,
		"SELECT signed_s, CASE WHEN signed_s > 0 THEN signed_s ELSE since_s END AS at"
		" FROM audit_witness ORDER BY 2 DESC",
		NO_VALS, &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		int64_t signed_s = row_i64(&rows, "signed_s");
		state.recent_n += signed_s && signed_s >= recent_s;
		state.ever = state.ever || signed_s;
		if (++n == needed_n)
			state.complete_s = row_i64(&rows, "at");
	}
	if (r == 0)
		*ret = state;
	return r;
}
