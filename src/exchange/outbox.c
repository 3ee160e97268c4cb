/* SPDX-License-Identifier: Apache-2.0
 * Outbox: numbering, sending lane by lane, what the peer said about it, expiry (docs/protocol/streams.md 2, 4.1, 7).
 *
 * A row is settled when nothing more is to be sent for it: R1 has come, or it failed before it had a number. A row that has a
 * number and expired is not delivered for people, but still sent, since a stream has no holes. */
#include "exchange/exchange-int.h"
#include "exchange/fault.h"
#include "exchange/receipt.h"
#include <string.h>

enum {
	REPLY_FRAMES_MAX = 8 * EXCHANGE_BATCH_MAX /* receipts of a full batch, a refusal, a head */
};

/* ---- numbering ---- */

struct queued {
	uint8_t id16[16], hash32[32];
	int64_t class, expires_s, posted_s, size;
};

/* The first of the lane without a number, as many as one POST takes. */
static int select_unnumbered(struct exchange *x, const char *peer, enum lane lane, struct queued *q,
			     size_t *ret_n, struct err *e)
{
	size_t n = 0;
	int64_t bytes = 0;
	STORE_ROWS(rows);
	int r = store_query(
		x->s,
		"SELECT o.id AS id, o.seq AS seq, o.class AS class, o.expires_s AS expires_s,"
		" o.posted_s AS posted_s, s.size AS size, s.hash AS hash FROM exchange_out o"
		" JOIN exchange_sealed s ON s.id = o.id WHERE o.peer = ? AND o.lane = ? AND o.settled = 0"
		" ORDER BY o.ord LIMIT ?",
		VALS(val_text(peer), val_i64(lane), val_i64(EXCHANGE_BATCH_MAX)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		bytes += row_i64(&rows, "size");
		if (bytes > EXCHANGE_BATCH_BYTES && (n || bytes > row_i64(&rows, "size")))
			break;
		if (row_i64(&rows, "seq"))
			continue;
		row_copy(&rows, "id", q[n].id16, 16);
		row_copy(&rows, "hash", q[n].hash32, 32);
		q[n].class = row_i64(&rows, "class");
		q[n].expires_s = row_i64(&rows, "expires_s");
		q[n].posted_s = row_i64(&rows, "posted_s");
		q[n++].size = row_i64(&rows, "size");
	}
	if (r >= 0)
		r = row_err(&rows, e);
	*ret_n = n;
	return r < 0 ? r : 0;
}

static int number_one(struct exchange *x, const char *peer, const struct queued *q,
		      struct stream *st, int64_t now_s, struct err *e)
{
	_cleanup_(buf_done) struct buf text;
	struct note n;
	struct parcel_outer o = {.epoch = st->epoch,
				 .seq = st->seq + 1,
				 .class = (enum parcel_class)q->class,
				 .expires_s = q->expires_s,
				 .time_s = now_s,
				 .size = (uint64_t)q->size};
	if (o.time_s >= o.expires_s) /* a clock that jumped: the text must still be well-formed */
		o.time_s = q->posted_s;
	snprintf(o.from, sizeof(o.from), "%s", x->node);
	snprintf(o.to, sizeof(o.to), "%s", peer);
	memcpy(o.prev32, st->chain32, 32);
	memcpy(o.id16, q->id16, 16);
	memcpy(o.sha256, q->hash32, 32);
	buf_init(&text, PARCEL_NOTE_MAX);
	int r = parcel_outer_encode(&o, &text);
	if (r >= 0)
		r = x->env->sign(x->env->ctx, EXCHANGE_KEY_NODE, &text, e);
	if (r >= 0)
		r = note_parse(text.p, text.len, &n, e);
	if (r < 0)
		return r;
	note_text_hash(&n, st->chain32);
	st->seq++;
	int64_t k = store_exec(
		x->s,
		"UPDATE exchange_out SET epoch = ?, seq = ?, note = ?, text_hash = ?, tried_s = ?"
		" WHERE peer = ? AND id = ?",
		VALS(val_u64(st->epoch), val_u64(st->seq), val_blob(text.p, text.len),
		     val_blob(st->chain32, 32), val_i64(now_s), val_text(peer),
		     val_blob(q->id16, 16)),
		e);
	return k < 0 ? (int)k : 0;
}

static int number(struct exchange *x, const char *peer, enum lane lane, struct stream *st,
		  struct err *e)
{
	_cleanup_(freep) struct queued *q = calloc(EXCHANGE_BATCH_MAX, sizeof(*q));
	size_t n;
	if (!q)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = select_unnumbered(x, peer, lane, q, &n, e);
	if (r < 0 || n == 0)
		return r;
	STORE_TXN(txn);
	int64_t now_s = exchange_now_s(x);
	r = store_begin(x->s, STORE_WRITE, &txn, e);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = number_one(x, peer, &q[i], st, now_s, e);
	if (r >= 0 && !FAULT(REUSED_NUMBER))
		r = stream_out_save(x, peer, st, e);
	return r < 0 ? r : store_commit(&txn, e);
}

/* ---- sending ---- */

/* One body of numbered parcels; 0: nothing to send. */
static int collect(struct exchange *x, const char *peer, enum lane lane, struct slot *s,
		   struct buf *body, struct err *e)
{
	int count = 0;
	_cleanup_(buf_done) struct buf renewed;
	buf_init(&renewed, NOTE_MAX);
	STORE_ROWS(rows);
	int r = store_query(
		x->s,
		"SELECT o.epoch AS epoch, o.seq AS seq, o.note AS note, s.file AS file FROM exchange_out o"
		" JOIN exchange_sealed s ON s.id = o.id WHERE o.peer = ? AND o.lane = ? AND o.settled = 0"
		" AND o.seq > 0 ORDER BY o.ord LIMIT ?",
		VALS(val_text(peer), val_i64(lane), val_i64(EXCHANGE_BATCH_MAX)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		size_t note_len, file_len;
		const void *note = row_blob(&rows, "note", &note_len),
			   *file = row_blob(&rows, "file", &file_len);
		if (count && body->len + note_len + file_len > EXCHANGE_BATCH_BYTES)
			break;
		buf_clear(&renewed);
		if ((r = exchange_note_renew(x, note, note_len, &renewed, e)) < 0)
			break;
		r = parcel_put(body, renewed.p, renewed.len, file, file_len);
		s->last_seq = row_u64(&rows, "seq");
		s->epoch = row_u64(&rows, "epoch");
		s->first_seq = count++ ? s->first_seq : s->last_seq;
	}
	if (r >= 0)
		r = row_err(&rows, e);
	return r < 0 ? r : count;
}

int outbox_pump(struct exchange *x, struct peer *p, enum lane lane, struct err *e)
{
	_cleanup_(stream_done) struct stream st;
	_cleanup_(buf_done) struct buf body;
	struct slot *s = &p->slot[lane];
	buf_init(&body, EXCHANGE_BODY_MAX);
	s->due_ms = EXCHANGE_NEVER;
	int r = stream_out_load(x, p->name, &st, e);
	if (r < 0)
		return r;
	if (!p->met || st.stopped || st.reset.len || st.recall)
		return 0; /* heads.c wakes the lane */
	r = number(x, p->name, lane, &st, e);
	if (r >= 0)
		r = collect(x, p->name, lane, s, &body, e);
	if (r > 0)
		slot_send(x, p, lane, EXCHANGE_PARCELS, &body);
	return r < 0 ? r : 0;
}

int outbox_again(struct exchange *x, const char *peer, uint64_t epoch, uint64_t first,
		 uint64_t last, struct err *e)
{
	int64_t n = store_exec(
		x->s,
		"UPDATE exchange_out SET settled = 0 WHERE peer = ? AND epoch = ? AND seq >= ? AND seq <= ?"
		" AND settled = 1",
		VALS(val_text(peer), val_u64(epoch), val_u64(first), val_u64(last)), e);
	return n < 0 ? (int)n : 0;
}

/* Sealed messages whose file was cleaned away long after they had expired. */
#define CLEANED "SELECT id FROM exchange_sealed WHERE size > 0 AND LENGTH(file) = 0"

int outbox_cleaned(struct exchange *x, const char *peer, uint64_t epoch, uint64_t first,
		   uint64_t last, struct err *e)
{
	STORE_ROWS(rows);
	return store_first(
		x->s,
		"SELECT seq FROM exchange_out WHERE peer = ? AND epoch = ? AND seq >= ? AND seq <= ?"
		" AND id IN (" CLEANED ") LIMIT 1",
		VALS(val_text(peer), val_u64(epoch), val_u64(first), val_u64(last)), &rows, e);
}

int outbox_renumber(struct exchange *x, const char *peer, uint64_t epoch, uint64_t seq,
		    struct err *e)
{
	int64_t n = store_exec(
		x->s,
		"UPDATE exchange_out SET settled = 0, epoch = 0, seq = 0 WHERE peer = ? AND seq > 0 AND"
		" (epoch > ? OR (epoch = ? AND seq > ?)) AND state <> ? AND id NOT IN (" CLEANED
		")",
		VALS(val_text(peer), val_u64(epoch), val_u64(epoch), val_u64(seq),
		     val_i64(EXCHANGE_UNDELIVERED)),
		e);
	if (n < 0)
		return (int)n;
	n = store_exec(
		x->s,
		"UPDATE exchange_out SET settled = 1 WHERE peer = ? AND settled = 0 AND state = ?",
		VALS(val_text(peer), val_i64(EXCHANGE_UNDELIVERED)), e);
	return n < 0 ? (int)n : 0;
}

/* ---- what the peer answered ---- */

static int count_try(struct exchange *x, struct peer *p, enum lane lane, int code, struct err *e)
{
	const struct slot *s = &p->slot[lane];
	int64_t n = store_exec(
		x->s,
		"UPDATE exchange_out SET tries = tries + 1, tried_s = ?, last_error = ? WHERE peer = ? AND"
		" lane = ? AND epoch = ? AND seq >= ? AND seq <= ? AND settled = 0",
		VALS(val_i64(exchange_now_s(x)), val_i64(code), val_text(p->name), val_i64(lane),
		     val_u64(s->epoch), val_u64(s->first_seq), val_u64(s->last_seq)),
		e);
	return n < 0 ? (int)n : 0;
}

/* Which message a refusal is about: by its id, or the first that is still in flight. */
static int refused_id(struct exchange *x, struct peer *p, enum lane lane,
		      const struct stream_refusal *f, uint8_t ret_id16[static 16], struct err *e)
{
	static const uint8_t none[16];
	const struct slot *s = &p->slot[lane];
	STORE_ROWS(rows);
	bool named = memcmp(f->id16, none, 16) != 0;
	int r = store_first(
		x->s,
		"SELECT id FROM exchange_out WHERE peer = ? AND settled = 0 AND state IN (0, 7) AND"
		" ((? = 1 AND id = ?) OR (? = 0 AND lane = ? AND epoch = ? AND seq >= ?)) ORDER BY ord LIMIT 1",
		VALS(val_text(p->name), val_i64(named), val_blob(f->id16, 16), val_i64(named),
		     val_i64(lane), val_u64(s->epoch), val_u64(s->first_seq)),
		&rows, e);
	if (r <= 0)
		return r;
	row_copy(&rows, "id", ret_id16, 16);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

static int refusal_open(struct exchange *x, struct peer *p, const void *bytes, size_t len,
			struct stream_refusal *ret, struct err *e)
{
	struct note n;
	int r = exchange_note_open(x, p->name, bytes, len, STREAM_TYPE_REFUSAL, &n, e);
	if (r >= 0)
		r = stream_refusal_decode(n.p, n.text_len, ret, e);
	if (r >= 0)
		r = exchange_note_verify(x, p->name, &n, ret->time_s, e);
	if (r >= 0 && (strcmp(ret->from, p->name) != 0 || strcmp(ret->to, x->node) != 0))
		r = err_set(e, ERR_INVAL, "from", "A refusal between others.");
	return r;
}

/* ret_code: that of the refusal, or of what is wrong with it. Returns what failed here: the peer's "io" is not ours. */
static int take_refusal(struct exchange *x, struct peer *p, enum lane lane, const void *bytes,
			size_t len, int *ret_code, struct err *e)
{
	struct stream_refusal f;
	uint8_t id16[16];
	*ret_code = refusal_open(x, p, bytes, len, &f, NULL);
	if (*ret_code < 0)
		return 0;
	int code = *ret_code = exchange_code(f.code);
	if (code == -ERR_KEY_UNKNOWN || code == -ERR_KEY_EXPIRED || code == -ERR_MEMBER_UNKNOWN)
		p->slot[SLOT_NOTES].due_ms = 0; /* the peer lacks a note of ours */
	if (code == -ERR_GAP || code == -ERR_STALE || code == -ERR_STREAM_STOPPED ||
	    code == -ERR_AGAIN)
		heads_soon(p);
	if (exchange_temporary(code))
		return 0;
	int r = refused_id(x, p, lane, &f, id16, e);
	if (r > 0)
		r = outbox_fail(x, p->name, id16, code, true, e);
	return r < 0 ? r : heads_reset(x, p, "refused", e);
}

static int take_frame(struct exchange *x, struct peer *p, enum lane lane, const void *frame,
		      size_t len, int *code, bool *progress, struct err *e)
{
	struct note n;
	if (note_parse(frame, len, &n, NULL) < 0)
		return -ERR_FORMAT;
	if (note_is(&n, RECEIPT_TYPE)) {
		int r = receipt_take(x, p->name, frame, len, e);
		*progress = *progress || r >= 0;
		return r == -ERR_IO || r == -ERR_NOSPC || r == -ERR_NOMEM ? r : 0;
	}
	if (note_is(&n, STREAM_TYPE_HEAD))
		return heads_take(x, p, frame, len, false, e) == -ERR_IO ? -ERR_IO : 0;
	/* The first refusal ended the work on the body: there is no second one. */
	if (note_is(&n, STREAM_TYPE_REFUSAL) && *code == 0)
		return take_refusal(x, p, lane, frame, len, code, e);
	return 0;
}

/* Is the first of what was in flight still to be sent? Then no receipt was about it, whatever else the peer repeats. */
static int first_waits(struct exchange *x, const struct peer *p, enum lane lane, struct err *e)
{
	const struct slot *s = &p->slot[lane];
	STORE_ROWS(rows);
	return store_first(
		x->s,
		"SELECT seq FROM exchange_out WHERE peer = ? AND epoch = ? AND seq = ? AND settled = 0",
		VALS(val_text(p->name), val_u64(s->epoch), val_u64(s->first_seq)), &rows, e);
}

static int take_reply(struct exchange *x, struct peer *p, enum lane lane, const void *reply,
		      size_t len, int *code, bool *progress, struct err *e)
{
	struct cur c = cur_init(reply, len);
	const void *frame;
	size_t frame_len, n = 0;
	STORE_TXN(txn);
	int r = store_begin(x->s, STORE_WRITE, &txn, e);
	while (r >= 0 && n++ < REPLY_FRAMES_MAX && (r = frame_next(&c, &frame, &frame_len)) > 0)
		r = take_frame(x, p, lane, frame, frame_len, code, progress, e);
	if (r >= 0 && *progress) {
		r = first_waits(x, p, lane, e);
		*progress = r == 0;
	}
	if (r >= 0)
		r = count_try(x, p, lane, *code, e);
	return r < 0 ? r : store_commit(&txn, e);
}

int outbox_outcome(struct exchange *x, struct peer *p, enum lane lane, unsigned status,
		   const void *reply, size_t len, struct err *e)
{
	bool progress = false;
	int code = status == 429 ? -ERR_QUOTA : status == 0 ? -ERR_OFFLINE : 0;
	int r = 0;
	if (status == 200)
		r = take_reply(x, p, lane, reply, len, &code, &progress, e);
	else
		r = count_try(x, p, lane, code ? code : -ERR_IO, e);
	if (r >= 0 && progress)
		slot_done(&p->slot[lane], 0);
	else
		slot_failed(x, p, lane);
	return r;
}

/* ---- what is not delivered ---- */

static int sign_non_delivery(struct exchange *x, const char *peer, const uint8_t id16[static 16],
			     int64_t expires_s, int64_t tries, int code, struct err *e)
{
	_cleanup_(buf_done) struct buf note;
	struct stream_non_delivery n = {
		.time_s = exchange_now_s(x), .expires_s = expires_s, .tries = (uint64_t)tries};
	snprintf(n.from, sizeof(n.from), "%s", x->node);
	snprintf(n.to, sizeof(n.to), "%s", peer);
	snprintf(n.code, sizeof(n.code), "%s", err_name(code));
	memcpy(n.id16, id16, 16);
	buf_init(&note, NOTE_MAX);
	int r = stream_non_delivery_encode(&n, &note);
	if (r >= 0)
		r = x->env->sign(x->env->ctx, EXCHANGE_KEY_NODE, &note, e);
	if (r < 0)
		return r;
	int64_t k = store_exec(
		x->s,
		"INSERT INTO exchange_receipt (ours, peer, id, kind, time_s, pending, note)"
		" VALUES (1, ?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING",
		VALS(val_text(peer), val_blob(id16, 16), val_i64(RECEIPT_NON_DELIVERY),
		     val_i64(n.time_s), val_blob(note.p, note.len)),
		e);
	receipt_due(x, peer);
	return k < 0 ? (int)k : 0;
}

int outbox_fail(struct exchange *x, const char *peer, const uint8_t id16[static 16], int code,
		bool settled, struct err *e)
{
	struct exchange_delivery d;
	char target[48] = "parcel ";
	hex_encode(id16, 16, target + 7);
	int r = exchange_delivery(x, id16, peer, &d, e);
	if (r <= 0)
		return r;
	int64_t n = store_exec(
		x->s,
		"UPDATE exchange_out SET state = ?, reason = ?, settled = ?, last_error = ?"
		" WHERE peer = ? AND id = ?",
		VALS(val_i64(EXCHANGE_UNDELIVERED), val_text(err_name(code)), val_i64(settled),
		     val_i64(code), val_text(peer), val_blob(id16, 16)),
		e);
	if (n < 0 || d.state == EXCHANGE_UNDELIVERED)
		return n < 0 ? (int)n : 0;
	r = sign_non_delivery(x, peer, id16, d.expires_s, d.tries, code, e);
	if (r >= 0)
		r = exchange_audit(x, AUDIT_SEND, x->node, "parcel.undelivered", target,
				   json_pack("{s:s, s:s}", "to", peer, "code", err_name(code)), e);
	if (r >= 0)
		r = receipt_notify(x, id16, peer, e);
	if (r >= 0)
		exchange_tell(x, EXCHANGE_EV_UNDELIVERED, d.class <= EXCHANGE_URGENT, peer, id16,
			      code, "A %s message to %s is not delivered: %s",
			      exchange_class_name(d.class), peer, err_sentence(code));
	return r;
}

struct late {
	uint8_t id16[16];
	char peer[EXCHANGE_NAME_MAX + 1];
	bool numbered;
};
enum { LATE_MAX = 64 };

static int select_late(struct exchange *x, const char *sql, int64_t before_s, struct late *late,
		       size_t *ret_n, struct err *e)
{
	STORE_ROWS(rows);
	*ret_n = 0;
	int r = store_query(x->s, sql, VALS(val_i64(before_s), val_i64(LATE_MAX)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		struct late *l = &late[(*ret_n)++];
		row_copy(&rows, "id", l->id16, 16);
		snprintf(l->peer, sizeof(l->peer), "%s", row_text(&rows, "peer", NULL));
		l->numbered = row_i64(&rows, "seq") != 0;
	}
	return r < 0 ? r : row_err(&rows, e);
}

static int expire(struct exchange *x, struct late *late, size_t *ret_n, struct err *e)
{
	int r = select_late(
		x,
		"SELECT peer, id, seq FROM exchange_out WHERE state = 0 AND expires_s < ?"
		" ORDER BY expires_s LIMIT ?",
		exchange_now_s(x) - EXCHANGE_TOLERANCE_S, late, ret_n, e);
	if (r < 0 || *ret_n == 0)
		return r;
	STORE_TXN(txn);
	r = store_begin(x->s, STORE_WRITE, &txn, e);
	for (size_t i = 0; r >= 0 && i < *ret_n; i++)
		r = outbox_fail(x, late[i].peer, late[i].id16, -ERR_EXPIRED, !late[i].numbered, e);
	return r < 0 ? r : store_commit(&txn, e);
}

static int warn(struct exchange *x, struct late *late, size_t *ret_n, struct err *e)
{
	int r = select_late(
		x,
		"SELECT peer, id, seq FROM exchange_out WHERE state = 0 AND class = 0 AND warned = 0"
		" AND posted_s <= ? ORDER BY posted_s LIMIT ?",
		exchange_now_s(x) - EXCHANGE_FLASH_MS / 1000, late, ret_n, e);
	if (r < 0 || *ret_n == 0)
		return r;
	STORE_TXN(txn);
	r = store_begin(x->s, STORE_WRITE, &txn, e);
	for (size_t i = 0; r >= 0 && i < *ret_n; i++) {
		int64_t n = store_exec(
			x->s, "UPDATE exchange_out SET warned = 1 WHERE peer = ? AND id = ?",
			VALS(val_text(late[i].peer), val_blob(late[i].id16, 16)), e);
		r = n < 0 ? (int)n : 0;
	}
	if (r >= 0)
		r = store_commit(&txn, e);
	for (size_t i = 0; r >= 0 && i < *ret_n; i++)
		exchange_tell(
			x, EXCHANGE_EV_FLASH_WAITS, true, late[i].peer, late[i].id16, -ERR_OFFLINE,
			"A FLASH message has not reached %s for 2 minutes: call its duty officer (phone list).",
			late[i].peer);
	return r;
}

int outbox_care(struct exchange *x, int64_t *ret_next_ms, struct err *e)
{
	struct late late[LATE_MAX];
	size_t expired = 0, warned = 0;
	int r = expire(x, late, &expired, e);
	if (r >= 0)
		r = warn(x, late, &warned, e);
	if (r < 0)
		return r;
	STORE_ROWS(rows);
	r = store_first(
		x->s,
		"SELECT COALESCE(MIN(expires_s), 0) AS expires_s,"
		" COALESCE(MIN(CASE WHEN class = 0 AND warned = 0 THEN posted_s END), 0) AS flash_s"
		" FROM exchange_out WHERE state = 0",
		NO_VALS, &rows, e);
	if (r < 0)
		return r;
	int64_t wall_ms = x->env->wall_ms(x->env->ctx), next_ms = EXCHANGE_HEADS_MS;
	int64_t expires_s = row_i64(&rows, "expires_s"), flash_s = row_i64(&rows, "flash_s");
	int64_t expires_ms = (expires_s + EXCHANGE_TOLERANCE_S + 1) * 1000 - wall_ms;
	int64_t flash_ms = flash_s * 1000 + EXCHANGE_FLASH_MS - wall_ms;
	if (expires_s && expires_ms < next_ms)
		next_ms = expires_ms;
	if (flash_s && flash_ms < next_ms)
		next_ms = flash_ms;
	if (expired == LATE_MAX || warned == LATE_MAX)
		next_ms = 0;
	*ret_next_ms = exchange_mono(x) + (next_ms < 0 ? 0 : next_ms);
	return row_err(&rows, e);
}
