/* SPDX-License-Identifier: Apache-2.0
 * Receipts R1 to R4 and non-delivery notes: made, kept, pushed, taken (docs/protocol/streams.md 4).
 *
 * One row a message, side and kind; the first of a kind stands (receipt-again.c). What the receiver signed decides the state of a delivery, which
 * only moves forward, but that a decision follows a quarantine and a late receipt follows a non-delivery. */
#include "exchange/receipt.h"
#include <string.h>

enum { PUSH_MAX = 64 };

/* ---- ours ---- */

int receipt_hash(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		 uint8_t ret32[static 32], struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(x->s, "SELECT hash FROM exchange_in WHERE peer = ? AND id = ?",
			    VALS(val_text(peer), val_blob(id16, 16)), &rows, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_NOENT, "id", NULL);
	row_copy(&rows, "hash", ret32, 32);
	return row_err(&rows, e);
}

static int receipt_write(struct exchange *x, const char *peer, const uint8_t *id16,
			 enum receipt_kind kind, const char *reason, int64_t now_s,
			 struct buf *note, struct err *e)
{
	_cleanup_(stream_done) struct stream in;
	struct receipt c = {.kind = kind, .time_s = now_s};
	buf_init(&in.reset, 0);
	int r = receipt_hash(x, peer, id16, c.sha256, e);
	if (r >= 0)
		r = stream_in_load(x, peer, &in, e);
	if (r < 0)
		return r;
	snprintf(c.from, sizeof(c.from), "%s", x->node);
	snprintf(c.to, sizeof(c.to), "%s", peer);
	snprintf(c.reason, sizeof(c.reason), "%s", reason ? reason : "");
	memcpy(c.id16, id16, 16);
	c.head_epoch = in.epoch;
	c.head_seq = in.seq;
	memcpy(c.head32, in.chain32, 32);
	r = receipt_encode(&c, note);
	if (r < 0)
		return err_set(e, r, "receipt", NULL);
	return x->env->sign(x->env->ctx, EXCHANGE_KEY_NODE, note, e);
}

int receipt_make(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		 enum receipt_kind kind, const char *reason, bool pending, struct err *e)
{
	_cleanup_(buf_done) struct buf note;
	char target[48] = "parcel ";
	int64_t now_s = exchange_now_s(x);
	buf_init(&note, NOTE_MAX);
	hex_encode(id16, 16, target + 7);
	int r = receipt_write(x, peer, id16, kind, reason, now_s, &note, e);
	if (r < 0)
		return r;
	int64_t n = store_exec(
		x->s,
		"INSERT INTO exchange_receipt (ours, peer, id, kind, time_s, pending, note)"
		" VALUES (1, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		VALS(val_text(peer), val_blob(id16, 16), val_i64(kind), val_i64(now_s),
		     val_i64(pending), val_blob(note.p, note.len)),
		e);
	if (n <= 0)
		return (int)n;
	if (pending)
		receipt_due(x, peer);
	return exchange_audit(x, AUDIT_RECEIPT, x->node, "receipt.sign", target,
			      json_pack("{s:s, s:s}", "to", peer, "kind", receipt_name(kind)), e);
}

int receipt_frames(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		   struct buf *out, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(
		x->s,
		"SELECT note FROM exchange_receipt WHERE ours = 1 AND peer = ? AND id = ? ORDER BY kind",
		VALS(val_text(peer), val_blob(id16, 16)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		size_t len;
		const void *p = row_blob(&rows, "note", &len);
		if ((r = frame_put_own(x, out, p, len, e)) < 0)
			break;
	}
	return r < 0 ? r : row_err(&rows, e);
}

static int mark_received(struct exchange *x, const char *peer, const uint8_t *id16,
			 enum exchange_state what, int64_t now_s, struct err *e)
{
	int64_t n = store_exec(
		x->s,
		what == EXCHANGE_SEEN
			? "UPDATE exchange_in SET seen_s = ? WHERE peer = ? AND id = ? AND seen_s = 0"
			: "UPDATE exchange_in SET acted_s = ? WHERE peer = ? AND id = ? AND acted_s = 0",
		VALS(val_i64(now_s), val_text(peer), val_blob(id16, 16)), e);
	return (int)n;
}

int exchange_receipt(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		     enum exchange_state what, struct err *e)
{
	if (!store_in_txn(x->s) || (what != EXCHANGE_SEEN && what != EXCHANGE_ACTED))
		return err_set(e, ERR_INVAL, "state", "R3 or R4, inside a transaction.");
	{
		STORE_ROWS(rows);
		int r = store_first(x->s, "SELECT ord FROM exchange_in WHERE peer = ? AND id = ?",
				    VALS(val_text(peer), val_blob(id16, 16)), &rows, e);
		if (r <= 0)
			return r < 0 ? r : err_set(e, ERR_NOENT, "id", NULL);
	}
	int r = mark_received(x, peer, id16, what, exchange_now_s(x), e);
	if (r <= 0)
		return r;
	return receipt_make(x, peer, id16, what == EXCHANGE_SEEN ? RECEIPT_SEEN : RECEIPT_ACTED,
			    NULL, true, e);
}

/* ---- pushing ---- */

void receipt_due(struct exchange *x, const char *peer)
{
	struct peer *p = exchange_peer(x, peer);
	if (p && p->slot[SLOT_RECEIPTS].wait_ms == 0)
		p->slot[SLOT_RECEIPTS].due_ms = 0;
}

int receipt_pump(struct exchange *x, struct peer *p, struct err *e)
{
	_cleanup_(buf_done) struct buf body;
	struct slot *s = &p->slot[SLOT_RECEIPTS];
	buf_init(&body, EXCHANGE_BODY_MAX);
	s->due_ms = EXCHANGE_NEVER;
	s->receipts_n = 0;
	if (!s->receipts && !(s->receipts = calloc(PUSH_MAX, sizeof(*s->receipts))))
		return err_set(e, ERR_NOMEM, NULL, NULL);
	STORE_ROWS(rows);
	int r = store_query(
		x->s,
		"SELECT ours, id, kind, note FROM exchange_receipt WHERE peer = ? AND pending = 1"
		" ORDER BY time_s LIMIT ?",
		VALS(val_text(p->name), val_i64(PUSH_MAX)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		size_t len;
		const void *note = row_blob(&rows, "note", &len);
		struct sent_receipt *k = &s->receipts[s->receipts_n++];
		row_copy(&rows, "id", k->id16, 16);
		k->kind = row_i64(&rows, "kind");
		k->ours = row_i64(&rows, "ours") != 0;
		if (!k->ours)
			frame_put(&body, note, len);
		else if ((r = frame_put_own(x, &body, note, len, e)) < 0)
			break;
	}
	if (r >= 0)
		r = row_err(&rows, e);
	if (r >= 0 && s->receipts_n)
		slot_send(x, p, SLOT_RECEIPTS, EXCHANGE_RECEIPTS, &body);
	return r < 0 ? r : 0;
}

static int pushed(struct exchange *x, struct peer *p, struct err *e)
{
	const struct slot *s = &p->slot[SLOT_RECEIPTS];
	STORE_TXN(txn);
	int64_t r = store_begin(x->s, STORE_WRITE, &txn, e);
	for (size_t i = 0; r >= 0 && i < s->receipts_n; i++)
		r = store_exec(
			x->s,
			"UPDATE exchange_receipt SET pending = 0 WHERE ours = ? AND peer = ? AND id = ? AND kind = ?",
			VALS(val_i64(s->receipts[i].ours), val_text(p->name),
			     val_blob(s->receipts[i].id16, 16), val_i64(s->receipts[i].kind)),
			e);
	return r < 0 ? (int)r : store_commit(&txn, e);
}

/* A refusal in the reply says that the peer could not take something just now: all are pushed again later. */
static bool has_refusal(const void *reply, size_t len)
{
	struct cur c = cur_init(reply, len);
	const void *frame;
	size_t frame_len;
	int r;
	struct note n;
	while ((r = frame_next(&c, &frame, &frame_len)) > 0)
		if (note_parse(frame, frame_len, &n, NULL) < 0 || note_is(&n, STREAM_TYPE_REFUSAL))
			return true;
	return r < 0;
}

int receipt_outcome(struct exchange *x, struct peer *p, unsigned status, const void *reply,
		    size_t len, struct err *e)
{
	int r = status == 200 && !has_refusal(reply, len) ? pushed(x, p, e) : -ERR_OFFLINE;
	if (r < 0) {
		slot_failed(x, p, SLOT_RECEIPTS);
		return r == -ERR_OFFLINE ? 0 : r;
	}
	slot_done(&p->slot[SLOT_RECEIPTS], 0);
	return 0;
}

/* ---- theirs ---- */

struct about { /* our row that a receipt speaks of */
	uint8_t hash32[32];
	enum exchange_state state;
	bool settled;
};

static int find_about(struct exchange *x, const char *peer, const uint8_t *id16, struct about *ret,
		      struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		x->s,
		"SELECT o.state AS state, o.settled AS settled, s.hash AS hash FROM exchange_out o"
		" JOIN exchange_sealed s ON s.id = o.id WHERE o.peer = ? AND o.id = ?",
		VALS(val_text(peer), val_blob(id16, 16)), &rows, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_NOENT, "id", NULL);
	ret->state = (enum exchange_state)row_i64(&rows, "state");
	ret->settled = row_i64(&rows, "settled") != 0;
	row_copy(&rows, "hash", ret->hash32, 32);
	return row_err(&rows, e);
}

static enum exchange_state state_of(enum receipt_kind k)
{
	switch (k) {
	case RECEIPT_STORED:
		return EXCHANGE_STORED;
	case RECEIPT_ACCEPTED:
		return EXCHANGE_ACCEPTED;
	case RECEIPT_REFUSED:
		return EXCHANGE_REFUSED;
	case RECEIPT_QUARANTINED:
		return EXCHANGE_QUARANTINED;
	case RECEIPT_SEEN:
		return EXCHANGE_SEEN;
	case RECEIPT_ACTED:
		return EXCHANGE_ACTED;
	}
	return EXCHANGE_STORED;
}

static enum exchange_state advance(enum exchange_state old, enum exchange_state new)
{
	if (old == EXCHANGE_UNDELIVERED || old == EXCHANGE_QUARANTINED)
		return new == EXCHANGE_STORED &&old == EXCHANGE_QUARANTINED ? old : new;
	return new > old ? new : old;
}

/* Accepted and refused exclude each other. */
static int contradicts(struct exchange *x, const char *peer, const struct receipt *c,
		       const struct note *n, struct err *e)
{
	char target[48] = "parcel ";
	if (c->kind != RECEIPT_ACCEPTED && c->kind != RECEIPT_REFUSED)
		return 0;
	STORE_ROWS(rows);
	int other = c->kind == RECEIPT_ACCEPTED ? RECEIPT_REFUSED : RECEIPT_ACCEPTED;
	int r = store_first(
		x->s,
		"SELECT note FROM exchange_receipt WHERE ours = 0 AND peer = ? AND id = ? AND kind = ?",
		VALS(val_text(peer), val_blob(c->id16, 16), val_i64(other)), &rows, e);
	if (r <= 0)
		return r;
	size_t len;
	const void *held = row_blob(&rows, "note", &len);
	r = exchange_proof(x, peer, "receipt", held, len, n->p, n->len, e);
	hex_encode(c->id16, 16, target + 7);
	if (r >= 0)
		r = exchange_audit(x, AUDIT_ALARM, peer, "receipt.conflict", target, NULL, e);
	if (r >= 0)
		exchange_tell(
			x, EXCHANGE_EV_CONFLICT, true, peer, c->id16, -ERR_CONFLICT,
			"%s has signed that it accepted and that it refused one message; both receipts are kept.",
			peer);
	return r < 0 ? r : 1;
}

static int keep(struct exchange *x, const char *peer, const uint8_t *id16, int64_t kind,
		int64_t time_s, const struct note *n, struct err *e)
{
	exchange_kept(x, peer, n->len);
	return (int)store_exec(
		x->s,
		"INSERT INTO exchange_receipt (ours, peer, id, kind, time_s, pending, note)"
		" VALUES (0, ?, ?, ?, ?, 0, ?) ON CONFLICT DO NOTHING",
		VALS(val_text(peer), val_blob(id16, 16), val_i64(kind), val_i64(time_s),
		     val_blob(n->p, n->len)),
		e);
}

static int apply(struct exchange *x, const char *peer, const struct receipt *c,
		 const struct about *a, struct err *e)
{
	static const char *const columns[] = {"stored_s",  "decided_s", "decided_s",
					      "decided_s", "seen_s",	"acted_s"};
	char sql[256];
	char target[48] = "parcel ";
	enum exchange_state state = advance(a->state, state_of(c->kind));
	snprintf(
		sql, sizeof(sql),
		"UPDATE exchange_out SET state = ?, reason = COALESCE(?, reason), settled = ?, last_error = 0, %s = ?"
		" WHERE peer = ? AND id = ?",
		columns[c->kind]);
	int64_t n = store_exec(x->s, sql,
			       VALS(val_i64(state),
				    val_text(c->kind == RECEIPT_REFUSED ? c->reason : NULL),
				    val_i64(a->settled || c->kind == RECEIPT_STORED),
				    val_i64(c->time_s), val_text(peer), val_blob(c->id16, 16)),
			       e);
	if (n < 0)
		return (int)n;
	hex_encode(c->id16, 16, target + 7);
	int r = exchange_audit(x, AUDIT_RECEIPT, peer, "receipt.store", target,
			       json_pack("{s:s}", "kind", receipt_name(c->kind)), e);
	return r < 0 ? r : receipt_notify(x, c->id16, peer, e);
}

/* The receipt is there already: it only says once more that the parcel arrived. */
static int settle(struct exchange *x, const char *peer, const struct receipt *c,
		  const struct about *a, struct err *e)
{
	if (c->kind != RECEIPT_STORED || a->settled)
		return 0;
	int64_t n =
		store_exec(x->s, "UPDATE exchange_out SET settled = 1 WHERE peer = ? AND id = ?",
			   VALS(val_text(peer), val_blob(c->id16, 16)), e);
	return n < 0 ? (int)n : 0;
}

static int check_receipt(struct exchange *x, const char *peer, const struct receipt *c,
			 const struct note *n, struct about *a, struct err *e)
{
	int r = exchange_note_verify(x, peer, n, c->time_s, e);
	if (r >= 0 && (strcmp(c->from, peer) != 0 || strcmp(c->to, x->node) != 0))
		r = err_set(e, ERR_INVAL, "from", "A receipt between others.");
	if (r >= 0)
		r = find_about(x, peer, c->id16, a, e);
	if (r >= 0 && memcmp(a->hash32, c->sha256, 32) != 0)
		r = err_set(e, ERR_CONFLICT, "sha256", "A receipt for other bytes than were sent.");
	return r;
}

static int take_receipt(struct exchange *x, const char *peer, const struct note *n, struct err *e)
{
	struct receipt c;
	struct about a;
	int r = receipt_decode(n->p, n->text_len, &c, e);
	if (r >= 0 && strcmp(c.from, x->node) == 0)
		return receipt_shown(x, peer, &c, n, e);
	if (r >= 0)
		r = check_receipt(x, peer, &c, n, &a, e);
	if (r >= 0)
		r = contradicts(x, peer, &c, n, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = keep(x, peer, c.id16, c.kind, c.time_s, n, e);
	if (r < 0)
		return r;
	if (r > 0)
		return apply(x, peer, &c, &a, e);
	r = settle(x, peer, &c, &a, e);
	return r < 0 ? r : receipt_again(x, peer, &c, n, e);
}

static int take_non_delivery(struct exchange *x, const char *peer, const struct note *n,
			     struct err *e)
{
	struct stream_non_delivery d;
	char target[48] = "parcel ";
	int r = stream_non_delivery_decode(n->p, n->text_len, &d, e);
	if (r >= 0)
		r = exchange_note_verify(x, peer, n, d.time_s, e);
	if (r >= 0 && (strcmp(d.from, peer) != 0 || strcmp(d.to, x->node) != 0))
		r = err_set(e, ERR_INVAL, "from", "A note between others.");
	if (r >= 0)
		r = keep(x, peer, d.id16, RECEIPT_NON_DELIVERY, d.time_s, n, e);
	if (r <= 0)
		return r;
	hex_encode(d.id16, 16, target + 7);
	return exchange_audit(x, AUDIT_RECEIPT, peer, "parcel.undelivered", target,
			      json_pack("{s:s}", "code", d.code), e);
}

int receipt_take(struct exchange *x, const char *peer, const void *p, size_t len, struct err *e)
{
	struct note n;
	STORE_TXN(txn);
	int r = note_parse(p, len, &n, e);
	if (r >= 0)
		r = store_begin(x->s, STORE_WRITE, &txn, e);
	if (r < 0)
		return r;
	if (note_is(&n, RECEIPT_TYPE))
		r = take_receipt(x, peer, &n, e);
	else if (note_is(&n, STREAM_TYPE_NON_DELIVERY))
		r = take_non_delivery(x, peer, &n, e);
	else
		r = err_set(e, ERR_KEY_TYPE, "type", NULL);
	return r < 0 ? r : store_commit(&txn, e);
}

/* Refused for good is the note's own fault; the rest is tried again by the peer. A message that is not known here was lost with
 * a restore: nothing can be done with the receipt. */
static int take_pushed(struct exchange *x, const char *peer, const void *frame, size_t len,
		       struct buf *reply, struct err *e)
{
	int r = receipt_take(x, peer, frame, len, e);
	if (r == -ERR_IO || r == -ERR_NOSPC || r == -ERR_NOMEM)
		return r;
	if (r < 0 && exchange_temporary(r))
		return refusal_put(x, peer, NULL, r, reply, e);
	return 0;
}

int receipt_receive(struct exchange *x, struct peer *p, const void *body, size_t len,
		    struct buf *reply, struct err *e)
{
	struct cur c = cur_init(body, len);
	const void *frame;
	size_t frame_len, n = 0;
	STORE_TXN(txn);
	int r = store_begin(x->s, STORE_WRITE, &txn, e);
	while (r >= 0 && (r = frame_next(&c, &frame, &frame_len)) > 0) {
		if (++n > EXCHANGE_BATCH_MAX)
			return err_set(e, ERR_OVERSIZE, "receipts", "At most %d in one body.",
				       EXCHANGE_BATCH_MAX);
		r = take_pushed(x, p->name, frame, frame_len, reply, e);
	}
	if (r >= 0)
		r = store_commit(&txn, e);
	return r < 0 ? r : heads_put(x, p->name, reply, e);
}

int receipt_notify(struct exchange *x, const uint8_t id16[static 16], const char *peer,
		   struct err *e)
{
	struct exchange_delivery d;
	int r = exchange_delivery(x, id16, peer, &d, e);
	for (size_t i = 0; r > 0 && i < x->watchers_n; i++) {
		int k = x->watchers[i].fn(x->watchers[i].ctx, x, &d, e);
		r = k < 0 ? k : r;
	}
	return r < 0 ? r : 0;
}
