/* SPDX-License-Identifier: Apache-2.0
 * A receipt given twice: the first one stands (docs/protocol/streams.md 4).
 *
 * A node gives a receipt of a kind for a message once and repeats its text. Only if it was set back to a copy does it give a second
 * one, with another time, for what comes again. Its peer holds the first, shows it, and the node puts it back in its place: what
 * it signed in its former life, above all the time that a request's clocks count from. */
#include "exchange/receipt.h"
#include <string.h>

static int held_text(struct exchange *x, const char *peer, const struct receipt *c,
		     const struct note *n, bool *ret_same, struct err *e)
{
	STORE_ROWS(rows);
	struct note held;
	size_t len;
	int r = store_first(
		x->s,
		"SELECT note FROM exchange_receipt WHERE ours = 0 AND peer = ? AND id = ? AND kind = ?",
		VALS(val_text(peer), val_blob(c->id16, 16), val_i64(c->kind)), &rows, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_NOENT, "id", NULL);
	const void *p = row_blob(&rows, "note", &len);
	r = note_parse(p, len, &held, e);
	if (r >= 0)
		*ret_same = held.text_len == n->text_len && memcmp(held.p, n->p, n->text_len) == 0;
	return r;
}

int receipt_again(struct exchange *x, const char *peer, const struct receipt *c,
		  const struct note *n, struct err *e)
{
	bool same = true;
	int r = held_text(x, peer, c, n, &same, e);
	if (r < 0 || same)
		return r;
	int64_t k = store_exec(
		x->s,
		"UPDATE exchange_receipt SET pending = 1 WHERE ours = 0 AND peer = ? AND id = ? AND kind = ?",
		VALS(val_text(peer), val_blob(c->id16, 16), val_i64(c->kind)), e);
	if (k > 0)
		receipt_due(x, peer);
	return k < 0 ? (int)k : 0;
}

/* ---- what the peer shows ---- */

static int check_shown(struct exchange *x, const char *peer, const struct receipt *c,
		       const struct note *n, struct err *e)
{
	uint8_t hash32[32];
	int r = exchange_note_verify(x, x->node, n, c->time_s, e);
	if (r == -ERR_KEY_REVOKED) /* for good: who stole the key writes any time */
		return err_set(e, ERR_DENIED, "receipt", "It is under a revoked key.");
	if (r >= 0 && strcmp(c->to, peer) != 0)
		r = err_set(e, ERR_INVAL, "to", "A receipt for another peer.");
	if (r >= 0)
		r = receipt_hash(x, peer, c->id16, hash32, e);
	if (r >= 0 && memcmp(hash32, c->sha256, 32) != 0)
		r = err_set(e, ERR_CONFLICT, "sha256", "A receipt for other bytes.");
	return r;
}

static int put_back(struct exchange *x, const char *peer, const struct receipt *c,
		    const struct note *n, struct err *e)
{
	static const char *const columns[] = {"stored_s",  "decided_s", "decided_s",
					      "decided_s", "seen_s",	"acted_s"};
	char sql[128];
	int64_t k = store_exec(
		x->s,
		"UPDATE exchange_receipt SET time_s = ?, note = ? WHERE ours = 1 AND peer = ? AND id = ? AND kind = ?",
		VALS(val_i64(c->time_s), val_blob(n->p, n->len), val_text(peer),
		     val_blob(c->id16, 16), val_i64(c->kind)),
		e);
	if (k <= 0)
		return k < 0 ? (int)k : err_set(e, ERR_NOENT, "id", NULL);
	snprintf(sql, sizeof(sql), "UPDATE exchange_in SET %s = ? WHERE peer = ? AND id = ?",
		 columns[c->kind]);
	k = store_exec(x->s, sql, VALS(val_i64(c->time_s), val_text(peer), val_blob(c->id16, 16)),
		       e);
	return k < 0 ? (int)k : 0;
}

int receipt_shown(struct exchange *x, const char *peer, const struct receipt *c,
		  const struct note *n, struct err *e)
{
	char target[48] = "parcel ";
	int r = check_shown(x, peer, c, n, e);
	if (r >= 0)
		r = put_back(x, peer, c, n, e);
	hex_encode(c->id16, 16, target + 7);
	if (r >= 0)
		r = exchange_audit(x, AUDIT_RECEIPT, peer, "receipt.recall", target,
				   json_pack("{s:s}", "kind", receipt_name(c->kind)), e);
	for (size_t i = 0; r >= 0 && c->kind == RECEIPT_STORED && i < x->watchers_n; i++)
		if (x->watchers[i].restamped)
			r = x->watchers[i].restamped(x->watchers[i].ctx, x, peer, c->id16,
						     c->time_s, e);
	return r;
}
