/* SPDX-License-Identifier: Apache-2.0
 * Being a witness: what is kept of each log, and what is countersigned (docs/protocol/witness.md 1 and 4).
 *
 * Table audit_seen: one row a log, the checkpoint that was countersigned last; its size never falls. Table audit_contradiction:
 * pairs of checkpoints of one log that cannot both be true. A row is committed before anything is signed. */
#include "audit/witness.h"
#include "audit/audit-int.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "store/store.h"

struct question {
	uint64_t old;
	uint8_t proof[WITNESS_PROOF_MAX][32];
	size_t proof_n;
	const char *note;
	size_t note_len, text_len;
	struct audit_checkpoint head;
};
struct seen {
	bool there;
	uint64_t size;
	uint8_t root32[32];
};

/* ---- the question ---- */

static bool read_old(struct cur *c, uint64_t *ret)
{
	size_t len = 0;
	const char *line = cur_line(c, 4 + 20, &len);
	return line && len > 4 && !memcmp(line, "old ", 4) &&
	       dec_parse_u64(line + 4, len - 4, INT64_MAX, ret) == 0;
}

static bool read_proof(struct cur *c, struct question *q)
{
	for (;;) {
		size_t len = 0, n = 0;
		const char *line = cur_line(c, BASE64_LEN(32), &len);
		if (!line || len == 0)
			return line != NULL;
		if (q->proof_n == WITNESS_PROOF_MAX ||
		    base64_decode(BASE64_PADDED, line, len, q->proof[q->proof_n], 32, &n) < 0 ||
		    n != 32)
			return false;
		q->proof_n++;
	}
}

static int read_question(const void *body, size_t len, struct question *q, struct err *e)
{
	struct note n;
	if (len > WITNESS_BODY_MAX)
		return err_set(e, ERR_OVERSIZE, "body", "At most %d bytes.", WITNESS_BODY_MAX);
	struct cur c = cur_init(body, len);
	if (!read_old(&c, &q->old) || !read_proof(&c, q))
		return err_set(e, ERR_FORMAT, "body",
			       "Not a question to a witness: malformed near byte %zu.", c.pos);
	q->note_len = cur_left(&c);
	q->note = (const char *)cur_bytes(&c, q->note_len);
	int r = note_parse(q->note, q->note_len, &n, e);
	if (r == 0)
		r = audit_checkpoint_parse(q->note, q->note_len, &q->head, e);
	if (r < 0)
		return err_set(e, ERR_FORMAT, "checkpoint", NULL);
	q->text_len = n.text_len;
	if (q->old > q->head.size)
		return err_set(e, ERR_FORMAT, "old", "%llu is above the checkpoint's size.",
			       (unsigned long long)q->old);
	return 0;
}

/* By any key that the log has in force; the first reason why not, when none has signed. */
int checkpoint_signed(const void *note, size_t len, const struct audit_checkpoint *head,
		      witness_key_fn *key, void *ctx, struct err *e)
{
	struct note n;
	struct note_verifier v;
	int found = -ERR_KEY_UNKNOWN, r = note_parse(note, len, &n, e);
	for (size_t i = 0; r == 0 && i < n.sigs_n; i++) {
		const struct note_sig *sig = &n.sigs[i];
		if (sig->name_len != strlen(head->origin) ||
		    memcmp(n.p + sig->name_off, head->origin, sig->name_len) != 0)
			continue;
		int k = key(ctx, head->origin, sig->name_len, sig->key_id, &v, e);
		if (k == -ERR_MEMBER_UNKNOWN)
			return k;
		if (k == 0)
			return note_verify_one(&n, &v, e);
		found = k;
	}
	return r < 0 ? r
		     : err_set(e, found, "checkpoint", "No key of %s has signed.", head->origin);
}

/* ---- what is kept ---- */

static int load_seen(struct store *s, const char *origin, struct seen *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(s, "SELECT size, root FROM audit_seen WHERE origin = ?",
			    VALS(val_text(origin)), &rows, e);
	if (r <= 0)
		return r;
	ret->there = true;
	ret->size = row_u64(&rows, "size");
	row_copy(&rows, "root", ret->root32, 32);
	return row_err(&rows, e);
}

static int save_seen(struct store *s, const struct question *q, int64_t now_s, struct err *e)
{
	int64_t n = store_exec(
		s,
		"INSERT INTO audit_seen (origin, size, root, note, time_s) VALUES (?, ?, ?, ?, ?)"
		" ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root,"
		" note = excluded.note, time_s = excluded.time_s WHERE audit_seen.size <= excluded.size",
		VALS(val_text(q->head.origin), val_u64(q->head.size), val_blob(q->head.root32, 32),
		     val_textn(q->note, q->note_len), val_i64(now_s)),
		e);
	return n < 0 ? (int)n : 0;
}

/* Both, once for each checkpoint that contradicts: hash is that of the other one. */
static int save_contradiction(struct store *s, const struct question *q, int64_t now_s,
			      struct err *e)
{
	uint8_t hash32[32];
	sha256(q->note, q->note_len, hash32);
	int64_t n = store_exec(
		s,
		"INSERT INTO audit_contradiction (origin, hash, held, other, time_s)"
		" SELECT origin, ?, note, ?, ? FROM audit_seen WHERE origin = ? ON CONFLICT DO NOTHING",
		VALS(val_blob(hash32, 32), val_textn(q->note, q->note_len), val_i64(now_s),
		     val_text(q->head.origin)),
		e);
	return n < 0 ? (int)n : 0;
}

/* ---- the answer ---- */

/* Is the new tree an extension of the one that was seen? */
static int judge(const struct question *q, const struct seen *seen, struct err *e)
{
	if (q->old != seen->size)
		return err_set(e, ERR_STALE, "old", "This witness has %llu.",
			       (unsigned long long)seen->size);
	if (seen->size == 0)
		return q->proof_n ? err_set(e, ERR_CRYPTO, "proof", "There is nothing to prove.")
				  : 0;
	if (seen->size == q->head.size && memcmp(seen->root32, q->head.root32, 32) != 0)
		return err_set(e, ERR_CONFLICT, "checkpoint",
			       "%s has signed two trees of %llu entries.", q->head.origin,
			       (unsigned long long)seen->size);
	if (merkle_consistency_check(seen->size, q->head.size, seen->root32, q->head.root32,
				     (const uint8_t(*)[32])q->proof, q->proof_n) < 0)
		return err_set(
			e, ERR_CRYPTO, "proof",
			"%s: the tree of %llu entries is not shown to begin with the one of %llu.",
			q->head.origin, (unsigned long long)q->head.size,
			(unsigned long long)seen->size);
	return 0;
}

static int decide(struct store *s, const struct question *q, int64_t now_s, uint64_t *ret_size,
		  struct err *e)
{
	struct seen seen = {0};
	STORE_TXN(txn);
	int r = store_begin(s, STORE_WRITE, &txn, e);
	if (r == 0)
		r = load_seen(s, q->head.origin, &seen, e);
	if (r < 0)
		return r;
	int verdict = judge(q, &seen, e);
	*ret_size = seen.size;
	if (verdict == 0)
		r = save_seen(s, q, now_s, e);
	else if (verdict != -ERR_STALE && seen.there)
		r = save_contradiction(s, q, now_s, NULL);
	if (r == 0)
		r = store_commit(&txn, verdict ? NULL : e);
	return r < 0 ? r : verdict;
}

int witness_add(struct store *s, const struct audit_key *own, witness_key_fn *key, void *ctx,
		const void *body, size_t len, int64_t now_s, struct buf *reply, uint64_t *ret_size,
		struct err *e)
{
	_cleanup_(freep) struct question *q = calloc(1, sizeof(*q));
	if (!q)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = read_question(body, len, q, e);
	if (r == 0)
		r = checkpoint_signed(q->note, q->note_len, &q->head, key, ctx, e);
	if (r == 0)
		r = decide(s, q, now_s, ret_size, e);
	return r < 0 ? r : cosignature_make(own, q->note, q->text_len, now_s, reply, e);
}

int witness_held(struct store *s, const char *origin, struct buf *note, struct err *e)
{
	STORE_ROWS(rows);
	size_t len = 0;
	int r = store_first(s, "SELECT note FROM audit_seen WHERE origin = ?",
			    VALS(val_text(origin)), &rows, e);
	if (r <= 0)
		return r < 0 ? r
			     : err_set(e, ERR_NOENT, "origin", "Nothing of %s was countersigned.",
				       origin);
	const char *p = row_text(&rows, "note", &len);
	buf_put(note, p, len);
	r = row_err(&rows, e);
	return r < 0 ? r : buf_err(note);
}
