/* SPDX-License-Identifier: Apache-2.0
 * Inbox: from the bytes of a peer to a stored parcel with R1, in the order of docs/protocol/streams.md 3.
 *
 * One transaction for a whole body; a parcel that is refused ends the work, and those before it stand. Nothing is opened
 * here: what opens (open.c) works on rows, so that a crash between the two loses nothing and does nothing twice. */
#include "exchange/exchange-int.h"
#include "exchange/fault.h"
#include "exchange/receipt.h"
#include <string.h>

int refusal_put(struct exchange *x, const char *peer, const uint8_t *id16, int code,
		struct buf *frames, struct err *e)
{
	_cleanup_(buf_done) struct buf note;
	struct stream_refusal f = {.time_s = exchange_now_s(x)};
	buf_init(&note, NOTE_MAX);
	snprintf(f.from, sizeof(f.from), "%s", x->node);
	snprintf(f.to, sizeof(f.to), "%s", peer);
	snprintf(f.code, sizeof(f.code), "%s", err_name(code));
	if (id16)
		memcpy(f.id16, id16, 16);
	int r = stream_refusal_encode(&f, &note);
	if (r >= 0)
		r = x->env->sign(x->env->ctx, EXCHANGE_KEY_NODE, &note, e);
	if (r < 0)
		return r;
	frame_put(frames, note.p, note.len);
	return buf_err(frames);
}

/* ---- rules 2 and 3: whose is it ---- */

static int check_sender(struct exchange *x, const struct peer *p, const struct parcel *c,
			struct err *e)
{
	if (strcmp(c->outer.from, p->name) != 0)
		return err_set(e, ERR_INVAL, "from", "The caller is %s, the parcel says %s.",
			       p->name, c->outer.from);
	if (strcmp(c->outer.to, x->node) != 0)
		return err_set(e, ERR_INVAL, "to", "This node is %s, the parcel is for %s.",
			       x->node, c->outer.to);
	if (FAULT(NO_SIGNATURE))
		return 0;
	return exchange_note_verify(x, p->name, &c->note, c->outer.time_s, e);
}

/* ---- rules 4 and 5: its place ---- */

struct place {
	uint8_t id16[16], text32[32];
};

static int find_place(struct exchange *x, const char *peer, uint64_t epoch, uint64_t seq,
		      struct place *ret, uint8_t ret_prev32[static 32], struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		x->s,
		"SELECT id, text_hash, prev FROM exchange_place WHERE peer = ? AND epoch = ? AND seq = ?",
		VALS(val_text(peer), val_u64(epoch), val_u64(seq)), &rows, e);
	if (r <= 0)
		return r;
	row_copy(&rows, "id", ret->id16, 16);
	row_copy(&rows, "text_hash", ret->text32, 32);
	row_copy(&rows, "prev", ret_prev32, 32);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

static int held_note(struct exchange *x, const char *peer, uint64_t epoch, uint64_t seq,
		     struct buf *out, struct err *e)
{
	STORE_ROWS(rows);
	size_t len;
	int r = store_first(
		x->s, "SELECT note FROM exchange_place WHERE peer = ? AND epoch = ? AND seq = ?",
		VALS(val_text(peer), val_u64(epoch), val_u64(seq)), &rows, e);
	if (r <= 0)
		return r;
	const void *p = row_blob(&rows, "note", &len);
	buf_put(out, p, len);
	return row_err(&rows, e);
}

/* Contradictory history: stop, and keep the text held (of place seq) and the one that came. */
static int stop(struct exchange *x, struct peer *p, const struct parcel *c, struct stream *in,
		uint64_t seq, const uint8_t held32[static 32], const uint8_t text32[static 32],
		struct err *e)
{
	_cleanup_(buf_done) struct buf held;
	char target[96];
	buf_init(&held, NOTE_MAX);
	in->stopped = true;
	memcpy(in->stop_a32, held32, 32);
	memcpy(in->stop_b32, text32, 32);
	int r = held_note(x, p->name, c->outer.epoch, seq, &held, e);
	if (r >= 0)
		r = stream_in_save(x, p->name, in, e);
	if (r >= 0)
		r = exchange_proof(x, p->name, "stream", held.p, held.len, c->note.p, c->note.len,
				   e);
	snprintf(target, sizeof(target), "stream from %s epoch %llu", p->name,
		 (unsigned long long)in->epoch);
	if (r >= 0)
		r = exchange_audit(x, AUDIT_ALARM, p->name, "stream.stop", target, NULL, e);
	if (r < 0)
		return r;
	exchange_tell(
		x, EXCHANGE_EV_STREAM_STOPPED, true, p->name, c->outer.id16, -ERR_STREAM_STOPPED,
		"%s has signed two histories of one stream. It is stopped; a person of each side must compare and decide.",
		p->name);
	return err_set(e, ERR_STREAM_STOPPED, "seq", NULL);
}

static int check_links(struct exchange *x, struct peer *p, const struct parcel *c,
		       struct stream *in, const uint8_t text32[static 32], struct err *e)
{
	struct place near;
	uint8_t prev32[32];
	const struct parcel_outer *o = &c->outer;
	int r = o->seq > 1 ? find_place(x, p->name, o->epoch, o->seq - 1, &near, prev32, e) : 0;
	if (r < 0)
		return r;
	if (r > 0 && memcmp(near.text32, o->prev32, 32) != 0)
		return stop(x, p, c, in, o->seq - 1, near.text32, text32, e);
	r = find_place(x, p->name, o->epoch, o->seq + 1, &near, prev32, e);
	if (r > 0 && memcmp(prev32, text32, 32) != 0)
		return stop(x, p, c, in, o->seq + 1, near.text32, text32, e);
	return r < 0 ? r : 0;
}

static int check_place(struct exchange *x, struct peer *p, const struct parcel *c,
		       struct stream *in, const uint8_t text32[static 32], struct err *e)
{
	const struct parcel_outer *o = &c->outer;
	if (in->stopped)
		return err_set(e, ERR_STREAM_STOPPED, "stream", NULL);
	if (o->epoch < in->epoch)
		return err_set(e, ERR_STALE, "epoch", "The stream is in epoch %llu.",
			       (unsigned long long)in->epoch);
	if (o->epoch > in->epoch)
		return err_set(e, ERR_GAP, "epoch", "No reset to epoch %llu has come.",
			       (unsigned long long)o->epoch);
	if (o->seq > in->seq + EXCHANGE_AHEAD_MAX)
		return err_set(e, ERR_GAP, "seq", "At most %d ahead of %llu.", EXCHANGE_AHEAD_MAX,
			       (unsigned long long)in->seq);
	return check_links(x, p, c, in, text32, e);
}

enum known { KNOWN_NOT, KNOWN_SAME, KNOWN_ID };

static int conflict(struct exchange *x, struct peer *p, const struct parcel *c, const void *held,
		    size_t held_len, struct err *e)
{
	char target[48] = "parcel ";
	hex_encode(c->outer.id16, 16, target + 7);
	int r = exchange_proof(x, p->name, "parcel", held, held_len, c->note.p, c->note.len, e);
	if (r >= 0)
		r = exchange_audit(x, AUDIT_ALARM, p->name, "parcel.conflict", target, NULL, e);
	if (r < 0)
		return r;
	exchange_tell(
		x, EXCHANGE_EV_CONFLICT, true, p->name, c->outer.id16, -ERR_CONFLICT,
		"%s has sent two messages with one id and other content; the first stands, both notes are kept.",
		p->name);
	return err_set(e, ERR_CONFLICT, "id", NULL);
}

/* Rule 4: has this id been received, with this file? */
static int check_id(struct exchange *x, struct peer *p, const struct parcel *c, enum known *ret,
		    struct err *e)
{
	STORE_ROWS(rows);
	uint8_t hash32[32];
	size_t len;
	*ret = KNOWN_NOT;
	int r = store_first(
		x->s,
		"SELECT i.hash AS hash, l.note AS note FROM exchange_in i JOIN exchange_place l ON"
		" l.peer = i.peer AND l.id = i.id WHERE i.peer = ? AND i.id = ? ORDER BY l.epoch, l.seq LIMIT 1",
		VALS(val_text(p->name), val_blob(c->outer.id16, 16)), &rows, e);
	if (r <= 0)
		return r;
	row_copy(&rows, "hash", hash32, 32);
	const void *held = row_blob(&rows, "note", &len);
	r = row_err(&rows, e);
	if (r < 0)
		return r;
	if (memcmp(hash32, c->outer.sha256, 32) != 0)
		return conflict(x, p, c, held, len, e);
	*ret = KNOWN_ID;
	return 0;
}

static int check_known(struct exchange *x, struct peer *p, const struct parcel *c,
		       struct stream *in, const uint8_t text32[static 32], enum known *ret,
		       struct err *e)
{
	struct place at;
	uint8_t prev32[32];
	int r = find_place(x, p->name, c->outer.epoch, c->outer.seq, &at, prev32, e);
	if (r < 0)
		return r;
	if (r > 0 && memcmp(at.text32, text32, 32) == 0) {
		*ret = KNOWN_SAME;
		return 0;
	}
	if (r > 0 && in->stopped)
		return err_set(e, ERR_STREAM_STOPPED, "stream", NULL);
	if (r > 0)
		return stop(x, p, c, in, c->outer.seq, at.text32, text32, e);
	return check_id(x, p, c, ret, e);
}

/* ---- rules 6 and 7: storing ---- */

static int put_place(struct exchange *x, const struct peer *p, const struct parcel *c,
		     const uint8_t text32[static 32], struct err *e)
{
	const struct parcel_outer *o = &c->outer;
	exchange_kept(x, p->name, c->note.len);
	int64_t n = store_exec(
		x->s,
		"INSERT INTO exchange_place (peer, epoch, seq, id, text_hash, prev, note)"
		" VALUES (?, ?, ?, ?, ?, ?, ?)",
		VALS(val_text(p->name), val_u64(o->epoch), val_u64(o->seq), val_blob(o->id16, 16),
		     val_blob(text32, 32), val_blob(o->prev32, 32),
		     val_blob(c->note.p, c->note.len)),
		e);
	return n < 0 ? (int)n : 0;
}

static int put_row(struct exchange *x, const struct peer *p, const struct parcel *c, struct err *e)
{
	const struct parcel_outer *o = &c->outer;
	int64_t ord = 0, n = exchange_next_ord(x, &ord, e);
	if (n < 0)
		return (int)n;
	n = store_exec(
		x->s,
		"INSERT INTO exchange_in (peer, id, ord, class, state, reason, sent_s, expires_s, size, hash, offset_ms,"
		" stored_s, decided_s, seen_s, acted_s, manifest, file) VALUES (?, ?, ?, ?, 1, '', ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?)",
		VALS(val_text(p->name), val_blob(o->id16, 16), val_i64(ord), val_i64(o->class),
		     val_i64(o->time_s), val_i64(o->expires_s), val_u64(o->size),
		     val_blob(o->sha256, 32), val_i64(p->offset_ms), val_i64(exchange_now_s(x)),
		     val_blob(NULL, 0), val_blob(c->file, (size_t)o->size)),
		e);
	return n < 0 ? (int)n : 0;
}

/* The contiguous head moves over what was stored ahead. */
static int advance(struct exchange *x, const struct peer *p, struct stream *in, struct err *e)
{
	uint8_t hash32[32];
	int r;
	while ((r = stream_place(x, p->name, in->epoch, in->seq + 1, hash32, e)) > 0) {
		in->seq++;
		memcpy(in->chain32, hash32, 32);
	}
	if (in->top < in->seq)
		in->top = in->seq;
	return r < 0 ? r : stream_in_save(x, p->name, in, e);
}

static int disk_check(const struct exchange *x, enum parcel_class class, struct err *e)
{
	static const uint64_t need[] = {64ULL << 20, 64ULL << 20, 256ULL << 20, 512ULL << 20};
	if (!x->env->disk_free || x->env->disk_free(x->env->ctx) >= need[class])
		return 0;
	return err_set(e, ERR_NOSPC, "disk", "Little space is left: %s parcels wait.",
		       parcel_class_name(class));
}

static int store_parcel(struct exchange *x, struct peer *p, const struct parcel *c,
			struct stream *in, const uint8_t text32[static 32], enum known known,
			struct err *e)
{
	char target[48] = "parcel ";
	int r = check_place(x, p, c, in, text32, e);
	if (r >= 0)
		r = disk_check(x, c->outer.class, e);
	if (r >= 0 && !FAULT(NO_FILE_CHECK))
		r = parcel_file_check(&c->outer, c->file, (size_t)c->outer.size, e);
	if (r >= 0)
		r = put_place(x, p, c, text32, e);
	if (r >= 0 && known == KNOWN_NOT)
		r = put_row(x, p, c, e);
	if (in->top < c->outer.seq)
		in->top = c->outer.seq;
	if (r >= 0)
		r = advance(x, p, in, e);
	if (r < 0 || known != KNOWN_NOT)
		return r;
	exchange_kept(x, p->name, c->outer.size);
	hex_encode(c->outer.id16, 16, target + 7);
	r = exchange_audit(x, AUDIT_RECEIVE, p->name, "parcel.store", target,
			   json_pack("{s:s, s:I}", "class", parcel_class_name(c->outer.class),
				     "bytes", (json_int_t)c->outer.size),
			   e);
	return r < 0 ? r : receipt_make(x, p->name, c->outer.id16, RECEIPT_STORED, NULL, false, e);
}

static int take_parcel(struct exchange *x, struct peer *p, const struct parcel *c,
		       struct stream *in, struct err *e)
{
	uint8_t text32[32];
	enum known known = KNOWN_NOT;
	int r = check_sender(x, p, c, e);
	if (r < 0)
		return r;
	note_text_hash(&c->note, text32);
	r = check_known(x, p, c, in, text32, &known, e);
	if (r < 0 || known == KNOWN_SAME)
		return r;
	return store_parcel(x, p, c, in, text32, known, e);
}

/* ---- one body ---- */

struct taken {
	uint8_t id16[16];
};

/* A refusal whose traces (a stopped stream, kept proofs) must be committed with the parcels before it. */
static bool leaves_traces(int code)
{
	return code == -ERR_STREAM_STOPPED || code == -ERR_CONFLICT;
}

static int take_nested(struct exchange *x, struct peer *p, const struct parcel *c,
		       struct stream *in, struct err *e)
{
	STORE_TXN(txn);
	struct stream before = *in;
	int r = store_begin(x->s, STORE_WRITE, &txn, e);
	if (r < 0)
		return r;
	int code = take_parcel(x, p, c, in, e);
	if (code < 0 && !leaves_traces(code)) {
		before.reset = in->reset;
		*in = before;
		return code;
	}
	r = store_commit(&txn, e);
	return r < 0 ? r : code;
}

static bool fatal(int code)
{
	return code == -ERR_IO || code == -ERR_NOMEM || code == -ERR_BUSY || code == -ERR_CORRUPT;
}

/* Rule 1: does this node know its own past with the peer? Else an effect might miss what is still to come back. */
static int check_past(struct exchange *x, const struct peer *p, struct err *e)
{
	_cleanup_(stream_done) struct stream out;
	int r = stream_out_load(x, p->name, &out, e);
	if (r >= 0 && (!p->heard || out.recall) && !FAULT(UNAWARE))
		return err_set(e, ERR_AGAIN, "recall",
			       "This node does not know yet what it lacks.");
	return r;
}

static int take_body(struct exchange *x, struct peer *p, const void *body, size_t len,
		     struct taken *taken, size_t *n, int *refused, uint8_t refused16[static 16],
		     struct err *e)
{
	_cleanup_(stream_done) struct stream in;
	struct cur c = cur_init(body, len);
	_cleanup_(freep) struct parcel *parcel = malloc(sizeof(*parcel));
	buf_init(&in.reset, 0);
	if (!parcel)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = stream_in_load(x, p->name, &in, e);
	if (r >= 0)
		r = check_past(x, p, e);
	while (r >= 0 && (r = parcel_next(&c, parcel, e)) > 0) {
		if (*n == EXCHANGE_BATCH_MAX) {
			*refused = -ERR_OVERSIZE;
			return 0;
		}
		r = take_nested(x, p, parcel, &in, e);
		if (r < 0) /* one that cannot be read has no id */
			memcpy(refused16, parcel->outer.id16, 16);
		if (r >= 0)
			memcpy(taken[(*n)++].id16, parcel->outer.id16, 16);
	}
	if (r < 0 && !fatal(r)) {
		*refused = r;
		r = 0;
	}
	return r;
}

/* Does anything of this peer wait to be opened that came before this body? */
static int inbox_waits(struct exchange *x, const char *peer, const struct taken *taken, size_t n,
		       bool *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		x->s,
		"SELECT id FROM exchange_in WHERE state = 1 AND peer = ? ORDER BY ord LIMIT 1",
		VALS(val_text(peer)), &rows, e);
	if (r <= 0)
		return r;
	const void *id16 = row_blob(&rows, "id", &(size_t){0});
	*ret = true;
	for (size_t i = 0; i < n; i++)
		if (memcmp(taken[i].id16, id16, 16) == 0)
			*ret = false;
	return row_err(&rows, e);
}

/* What cannot be opened now waits with all that came behind it, so that effects keep the order of arrival. */
static int answer(struct exchange *x, struct peer *p, const struct taken *taken, size_t n,
		  struct buf *reply, struct err *e)
{
	bool waiting = false;
	STORE_TXN(txn); /* one commit for all decisions; each is a transaction of its own inside */
	int r = inbox_waits(x, p->name, taken, n, &waiting, e);
	if (r >= 0)
		r = store_begin(x->s, STORE_WRITE, &txn, e);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		waiting = waiting || inbox_open(x, p->name, taken[i].id16, false, NULL) < 0;
		r = receipt_frames(x, p->name, taken[i].id16, reply, e);
	}
	if (waiting && x->open_due_ms == EXCHANGE_NEVER)
		x->open_due_ms = exchange_mono(x) + EXCHANGE_BACKOFF_MS;
	return r < 0 ? r : store_commit(&txn, e);
}

/* FAULT(EARLY_RECEIPT): the receipts are on their way before they are durable. */
static int early(struct exchange *x, struct peer *p, const struct taken *taken, size_t n,
		 struct store_txn *txn, struct buf *reply, struct err *e)
{
	int r = 0;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = receipt_frames(x, p->name, taken[i].id16, reply, e);
	return store_commit(txn, e) < 0 ? 0 : r;
}

int inbox_receive(struct exchange *x, struct peer *p, const void *body, size_t len,
		  struct buf *reply, struct err *e)
{
	_cleanup_(freep) struct taken *taken = calloc(EXCHANGE_BATCH_MAX, sizeof(*taken));
	uint8_t refused16[16] = {0};
	size_t n = 0;
	int refused = 0;
	STORE_TXN(txn);
	if (!taken)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = store_begin(x->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = take_body(x, p, body, len, taken, &n, &refused, refused16, e);
	if (r >= 0 && FAULT(EARLY_RECEIPT))
		return early(x, p, taken, n, &txn, reply, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	if (r >= 0)
		r = answer(x, p, taken, n, reply, e);
	if (r >= 0 && refused < 0)
		r = refusal_put(x, p->name, refused16, refused, reply, e);
	return r < 0 ? r : heads_put(x, p->name, reply, e);
}
