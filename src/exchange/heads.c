/* SPDX-License-Identifier: Apache-2.0
 * Heads: both ends of each stream kept in agreement; gaps, contradictions, new epochs (docs/protocol/streams.md 5, 6).
 *
 * Only a head that answers our own question is fresh: from another one it may not be concluded that somebody was restored.
 * The sender decides about its own stream: a receiver never asks for a reset, it shows what it has. */
#include "exchange/exchange-int.h"
#include "exchange/fault.h"
#include "exchange/recall.h"
#include <string.h>

/* ---- our head ---- */

/* Ranges above the contiguous head that are not here, up to the highest place known of. */
static int find_missing(struct exchange *x, const char *peer, const struct stream *in,
			struct stream_head *h, struct err *e)
{
	uint64_t want = in->seq + 1, top = in->top;
	STORE_ROWS(rows);
	int r = store_query(
		x->s,
		"SELECT seq FROM exchange_place WHERE peer = ? AND epoch = ? AND seq > ? ORDER BY seq",
		VALS(val_text(peer), val_u64(in->epoch), val_u64(in->seq)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0 && h->missing_n < STREAM_MISSING_MAX) {
		uint64_t seq = row_u64(&rows, "seq");
		if (seq > want) {
			h->missing[h->missing_n].first = want;
			h->missing[h->missing_n++].last = seq - 1;
		}
		want = seq + 1;
	}
	if (r >= 0 && want <= top && h->missing_n < STREAM_MISSING_MAX) {
		h->missing[h->missing_n].first = want;
		h->missing[h->missing_n++].last = top;
	}
	return r < 0 ? r : 0;
}

static int head_make(struct exchange *x, const char *peer, struct stream_head *h, struct err *e)
{
	_cleanup_(stream_done) struct stream out, in;
	memset(h, 0, sizeof(*h));
	buf_init(&in.reset, 0);
	int r = stream_out_load(x, peer, &out, e);
	if (r >= 0)
		r = stream_in_load(x, peer, &in, e);
	if (r < 0)
		return r;
	snprintf(h->from, sizeof(h->from), "%s", x->node);
	snprintf(h->to, sizeof(h->to), "%s", peer);
	h->time_ms = x->env->wall_ms(x->env->ctx);
	h->received = (struct stream_at){.epoch = in.epoch, .seq = in.seq};
	memcpy(h->received.chain32, in.chain32, 32);
	h->top = in.top > in.seq ? in.top : in.seq;
	h->sent = (struct stream_at){.epoch = out.epoch, .seq = out.seq};
	memcpy(h->sent.chain32, out.chain32, 32);
	h->shown_epoch = out.peer_epoch;
	h->shown_seq = out.peer_seq;
	h->stopped = in.stopped;
	memcpy(h->stop_a32, in.stop_a32, 32);
	memcpy(h->stop_b32, in.stop_b32, 32);
	return find_missing(x, peer, &in, h, e);
}

int heads_put(struct exchange *x, const char *peer, struct buf *frames, struct err *e)
{
	struct stream_head h;
	_cleanup_(buf_done) struct buf note;
	buf_init(&note, NOTE_MAX);
	int r = head_make(x, peer, &h, e);
	if (r >= 0)
		r = stream_head_encode(&h, &note);
	if (r >= 0)
		r = x->env->sign(x->env->ctx, EXCHANGE_KEY_NODE, &note, e);
	if (r < 0)
		return r;
	frame_put(frames, note.p, note.len);
	return buf_err(frames);
}

/* ---- a new epoch of our stream ---- */

static int reset_sign(struct exchange *x, const char *peer, struct stream *out, const char *reason,
		      struct err *e)
{
	struct stream_reset s = {.time_s = exchange_now_s(x), .epoch = out->epoch};
	snprintf(s.from, sizeof(s.from), "%s", x->node);
	snprintf(s.to, sizeof(s.to), "%s", peer);
	snprintf(s.reason, sizeof(s.reason), "%s", reason);
	s.last = (struct stream_at){.epoch = out->peer_epoch, .seq = out->peer_seq};
	memcpy(s.last.chain32, out->peer_chain32, 32);
	buf_clear(&out->reset);
	int r = stream_reset_encode(&s, &out->reset);
	return r < 0 ? err_set(e, r, "reset", NULL)
		     : x->env->sign(x->env->ctx, EXCHANGE_KEY_NODE, &out->reset, e);
}

void heads_soon(struct peer *p)
{
	p->slot[SLOT_HEADS].due_ms = p->quiet_ms;
}

/* The first new epoch is told at once; one that follows within a minute of the last waits twice as long each time: else a peer that
 * always shows something else would have us write and sign epochs without end. */
static void quieten(struct exchange *x, struct peer *p)
{
	int64_t now_ms = exchange_mono(x), waited_ms = p->quiet_ms - p->reset_ms;
	if (!p->reset_ms || now_ms - p->reset_ms > EXCHANGE_HEADS_MS)
		p->quiet_ms = 0;
	else if (waited_ms <= 0)
		p->quiet_ms = now_ms + EXCHANGE_BACKOFF_MS;
	else
		p->quiet_ms = now_ms + (2 * waited_ms < EXCHANGE_BACKOFF_FAST_MS
						? 2 * waited_ms
						: EXCHANGE_BACKOFF_FAST_MS);
	p->reset_ms = now_ms;
	heads_soon(p);
}

int heads_reset(struct exchange *x, struct peer *p, const char *reason, struct err *e)
{
	_cleanup_(stream_done) struct stream out;
	char target[96];
	int r = stream_out_load(x, p->name, &out, e);
	if (r < 0)
		return r;
	uint64_t above = out.epoch > out.peer_epoch ? out.epoch : out.peer_epoch;
	out.epoch = above + 1;
	out.seq = 0;
	out.stopped = false;
	memset(out.chain32, 0, 32);
	r = reset_sign(x, p->name, &out, reason, e);
	if (r >= 0)
		r = stream_out_save(x, p->name, &out, e);
	if (r >= 0)
		r = outbox_renumber(x, p->name, out.peer_epoch, out.peer_seq, e);
	if (r < 0)
		return r;
	snprintf(target, sizeof(target), "stream to %s epoch %llu", p->name,
		 (unsigned long long)out.epoch);
	quieten(x, p);
	return exchange_audit(x, AUDIT_ALARM, x->node, "stream.reset", target,
			      json_pack("{s:s}", "reason", reason), e);
}

static int reset_now(struct exchange *x, struct peer *p, const char *why, bool lost, struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(x->s, STORE_WRITE, &txn, e);
	if (r >= 0 && lost)
		r = recall_begin(x, p, e);
	if (r >= 0)
		r = heads_reset(x, p, "restored", e);
	if (r >= 0)
		r = store_commit(&txn, e);
	if (r >= 0)
		exchange_tell(x, EXCHANGE_EV_RESET, false, p->name, NULL, 0,
			      "The stream to %s begins a new epoch: %s.", p->name, why);
	return r;
}

/* ---- the peer's head ---- */

static int stop_out(struct exchange *x, struct peer *p, struct stream *out, const void *note,
		    size_t len, const char *why, struct err *e)
{
	if (out->stopped)
		return 0;
	STORE_TXN(txn);
	char target[96];
	snprintf(target, sizeof(target), "stream to %s epoch %llu", p->name,
		 (unsigned long long)out->epoch);
	out->stopped = true;
	int r = store_begin(x->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = stream_out_save(x, p->name, out, e);
	if (r >= 0)
		r = exchange_proof(x, p->name, "head", out->chain32, 32, note, len, e);
	if (r >= 0)
		r = exchange_audit(x, AUDIT_ALARM, p->name, "stream.stop", target, NULL, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	if (r >= 0)
		exchange_tell(
			x, EXCHANGE_EV_STREAM_STOPPED, true, p->name, NULL, -ERR_STREAM_STOPPED,
			"The stream to %s has stopped: %s. A person of each side must compare and decide.",
			p->name, why);
	return r;
}

/* The text hash that was given to a place of our stream: 1 there, 0 not. */
static int sent_place(struct exchange *x, const char *peer, const struct stream_at *at,
		      uint8_t ret32[static 32], struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		x->s, "SELECT text_hash FROM exchange_out WHERE peer = ? AND epoch = ? AND seq = ?",
		VALS(val_text(peer), val_u64(at->epoch), val_u64(at->seq)), &rows, e);
	if (r <= 0)
		return r;
	row_copy(&rows, "text_hash", ret32, 32);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

/* The peer asks for ranges that it lacks: they are sent again. What is not kept any more expired long ago: the stream goes on in
 * a new epoch without it. */
static int send_missing(struct exchange *x, struct peer *p, const struct stream_head *h,
			const struct stream *out, bool answer, struct err *e)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < h->missing_n; i++)
		r = outbox_cleaned(x, p->name, out->epoch, h->missing[i].first, h->missing[i].last,
				   e);
	if (r > 0 && answer)
		return reset_now(x, p, "the peer lacks what expired long ago", false, e);
	if (r > 0) { /* an answer decides, since it is surely of now */
		heads_soon(p);
		return 0;
	}
	for (size_t i = 0; r >= 0 && i < h->missing_n; i++)
		r = outbox_again(x, p->name, out->epoch, h->missing[i].first, h->missing[i].last,
				 e);
	for (size_t l = 0; r >= 0 && h->missing_n && l < LANES; l++)
		if (p->slot[l].wait_ms == 0)
			p->slot[l].due_ms = 0;
	return r;
}

/* What the peer has received of our stream. */
static int compare_sent(struct exchange *x, struct peer *p, const struct stream_head *h,
			struct stream *out, const void *note, size_t len, bool answer,
			struct err *e)
{
	const struct stream_at *at = &h->received;
	uint8_t hash32[32];
	if (h->stopped &&
	    out->reset.len ==
		    0) /* with a reset at hand a person here has decided, and one there will */
		return stop_out(x, p, out, note, len,
				"the peer has two texts of ours for one place", e);
	if (at->epoch < out->epoch)
		return 0; /* an open reset, or a peer that was restored: see conclude() */
	if (at->epoch > out->epoch || h->top > out->seq) {
		const char *why =
			"the peer has received more than is known here, so this node was restored";
		if (answer)
			return reset_now(x, p, why, true, e);
		p->heard = false; /* an answer decides, since it is surely of now */
		heads_soon(p);
		return 0;
	}
	int r = at->seq ? sent_place(x, p->name, at, hash32, e) : 0;
	if (r > 0 && memcmp(hash32, at->chain32, 32) != 0)
		return stop_out(x, p, out, note, len, "the peer holds another text than was sent",
				e);
	return r < 0 ? r : send_missing(x, p, h, out, answer, e);
}

/* Keep the head that the peer showed: a reset must name it. */
static int remember(struct exchange *x, struct peer *p, const struct stream_head *h,
		    struct stream *out, bool answer, struct err *e)
{
	const struct stream_at *at = &h->received;
	bool newer = at->epoch > out->peer_epoch ||
		     (at->epoch == out->peer_epoch && at->seq > out->peer_seq);
	bool same = at->epoch == out->peer_epoch && at->seq == out->peer_seq;
	if (same || (!newer && !answer))
		return 0;
	out->peer_epoch = at->epoch;
	out->peer_seq = at->seq;
	memcpy(out->peer_chain32, at->chain32, 32);
	if (at->epoch == out->epoch)
		buf_clear(&out->reset);
	return stream_out_save(x, p->name, out, e);
}

/* The peer answers with an older epoch than ours: the reset has not come through (again with what it shows now), or it was
 * restored (a new epoch). Either way everything after its head is sent once more. */
static int conclude(struct exchange *x, struct peer *p, const struct stream_head *h,
		    struct stream *out, struct err *e)
{
	struct note n;
	struct stream_reset s;
	if (h->received.epoch >= out->epoch)
		return 0;
	bool waits = out->reset.len && note_parse(out->reset.p, out->reset.len, &n, NULL) == 0 &&
		     stream_reset_decode(n.p, n.text_len, &s, NULL) == 0;
	if (waits && s.last.epoch == h->received.epoch && s.last.seq == h->received.seq) {
		p->slot[SLOT_HEADS].due_ms = exchange_mono(x) + EXCHANGE_BACKOFF_MS;
		return 0;
	}
	return reset_now(x, p,
			 waits ? "the peer has moved on since"
			       : "the peer shows an earlier epoch, so it was restored",
			 false, e);
}

/* What the peer says that it has sent: we may lack some of it. */
static int compare_received(struct exchange *x, struct peer *p, const struct stream_head *h,
			    struct err *e)
{
	_cleanup_(stream_done) struct stream in;
	int r = stream_in_load(x, p->name, &in, e);
	if (r >= 0 &&
	    (h->shown_epoch > in.epoch || (h->shown_epoch == in.epoch && h->shown_seq > in.seq)))
		p->heard =
			false; /* this receiver was restored; the peer's reset is still to come */
	if (r < 0 || h->sent.epoch != in.epoch || h->sent.seq <= in.top)
		return r;
	in.top = h->sent.seq;
	return stream_in_save(x, p->name, &in, e);
}

static void measure(struct exchange *x, struct peer *p, int64_t offset_ms)
{
	int64_t off = offset_ms < 0 ? -offset_ms : offset_ms;
	int level = off >= EXCHANGE_SKEW_ALARM_MS ? 2 : off >= EXCHANGE_SKEW_WARN_MS ? 1 : 0;
	p->offset_ms = offset_ms;
	p->offset_known = true;
	if (level > p->skew_level)
		exchange_tell(x, EXCHANGE_EV_SKEW, level == 2, p->name, NULL, -ERR_SKEW,
			      "The clock of %s differs from ours by %lld s.", p->name,
			      (long long)(offset_ms / 1000));
	p->skew_level = level;
}

int exchange_note_open(struct exchange *x, const char *peer, const void *p, size_t len,
		       const char *type, struct note *ret, struct err *e)
{
	int r = note_parse(p, len, ret, e);
	if (r < 0)
		return r;
	if (!note_is(ret, type))
		return err_set(e, ERR_KEY_TYPE, "type", "A note of another type: %.*s",
			       (int)ret->type_len, ret->p);
	if (ret->sigs_n == 0)
		return err_set(e, ERR_KEY_UNKNOWN, peer, NULL);
	return 0;
}

int exchange_note_verify(struct exchange *x, const char *peer, const struct note *n, int64_t time_s,
			 struct err *e)
{
	return exchange_note_verify_as(x, peer, DIRECTORY_KEY_NODE, n, time_s, e);
}

int exchange_note_verify_as(struct exchange *x, const char *peer, enum directory_key_kind kind,
			    const struct note *n, int64_t time_s, struct err *e)
{
	int r = err_set(e, ERR_KEY_UNKNOWN, peer, NULL);
	for (size_t i = 0; i < n->sigs_n; i++) {
		struct directory_key k;
		const struct note_sig *s = &n->sigs[i];
		r = directory_key_check(x->dir, peer, kind, n->p + s->name_off, s->name_len,
					s->key_id, time_s, &k, e);
		if (r == 0)
			return note_verify_one(n, &k.vkey, e);
		if (r != -ERR_KEY_UNKNOWN)
			return r;
	}
	return r;
}

int exchange_note_renew(struct exchange *x, const void *p, size_t len, struct buf *ret,
			struct err *e)
{
	struct note n;
	bool stands = false;
	_cleanup_(buf_done) struct buf fresh;
	buf_init(&fresh, NOTE_MAX);
	int r = note_parse(p, len, &n, e);
	if (r >= 0 && n.sigs_n)
		r = directory_key_stands(x->dir, n.p + n.sigs[0].name_off, n.sigs[0].name_len,
					 n.sigs[0].key_id, &stands, e);
	if (r >= 0 && !stands && !FAULT(NO_RENEWAL)) {
		buf_put(&fresh, n.p, n.text_len);
		r = x->env->sign(x->env->ctx, EXCHANGE_KEY_NODE, &fresh, e);
	}
	if (r < 0)
		return r;
	if (fresh.len)
		buf_put(ret, fresh.p, fresh.len);
	else
		buf_put(ret, p, len);
	return buf_err(ret);
}

static int head_open(struct exchange *x, struct peer *p, const void *bytes, size_t len,
		     struct stream_head *ret, struct err *e)
{
	struct note n;
	int r = exchange_note_open(x, p->name, bytes, len, STREAM_TYPE_HEAD, &n, e);
	if (r >= 0)
		r = stream_head_decode(n.p, n.text_len, ret, e);
	if (r >= 0)
		r = exchange_note_verify(x, p->name, &n, ret->time_ms / 1000, e);
	if (r < 0)
		return r;
	if (strcmp(ret->from, p->name) != 0 || strcmp(ret->to, x->node) != 0)
		return err_set(e, ERR_INVAL, "from", "A head of another stream.");
	return 0;
}

/* It once showed more of the stream: the receiver was restored. */
static bool went_back(const struct stream_head *h, const struct stream *out)
{
	return h->received.epoch == out->epoch && out->peer_epoch == out->epoch &&
	       h->received.seq < out->peer_seq;
}

/* What the head says about our stream, and what follows from it. */
static int judge_sent(struct exchange *x, struct peer *p, const struct stream_head *h,
		      struct stream *out, const void *note, size_t len, bool answer, struct err *e)
{
	bool back = went_back(h, out);
	int r = remember(x, p, h, out, answer, e);
	if (r < 0 || out->stopped)
		return r;
	if (back && !answer) /* an answer decides, since it is surely of now */
		p->slot[SLOT_HEADS].due_ms = 0;
	r = compare_sent(x, p, h, out, note, len, answer, e);
	if (r < 0 || !answer || out->stopped)
		return r;
	return back ? reset_now(x, p, "the peer shows less than before, so it was restored", false,
				e)
		    : conclude(x, p, h, out, e);
}

int heads_take(struct exchange *x, struct peer *p, const void *bytes, size_t len, bool answer,
	       struct err *e)
{
	_cleanup_(stream_done) struct stream out;
	struct stream_head h;
	buf_init(&out.reset, 0);
	int r = head_open(x, p, bytes, len, &h, e);
	if (r < 0)
		return r;
	p->heard = true; /* unless a comparison says otherwise */
	r = stream_out_load(x, p->name, &out, e);
	if (r >= 0)
		r = judge_sent(x, p, &h, &out, bytes, len, answer, e);
	if (r >= 0)
		r = compare_received(x, p, &h, e);
	if (r >= 0 && answer) {
		p->met = true;
		lanes_wake(p);
	}
	return r;
}

/* ---- exchange of heads ---- */

int heads_pump(struct exchange *x, struct peer *p, struct err *e)
{
	_cleanup_(stream_done) struct stream out;
	_cleanup_(buf_done) struct buf body;
	buf_init(&body, 4 * EXCHANGE_FRAME_MAX);
	int r = stream_out_load(x, p->name, &out, e);
	if (r >= 0)
		r = heads_put(x, p->name, &body, e);
	if (r < 0)
		return r;
	if (out.reset.len)
		r = frame_put_own(x, &body, out.reset.p, out.reset.len, e);
	if (r < 0)
		return r;
	slot_send(x, p, SLOT_HEADS, EXCHANGE_HEADS, &body);
	return 0;
}

int heads_outcome(struct exchange *x, struct peer *p, unsigned status, const void *reply,
		  size_t len, struct err *e)
{
	struct slot *s = &p->slot[SLOT_HEADS];
	struct cur c = cur_init(reply, len);
	struct stream_head h;
	const void *frame;
	size_t frame_len;
	int r = status == 200 ? frame_next(&c, &frame, &frame_len) : -ERR_OFFLINE;
	int64_t sent_wall_ms = s->wall_ms;
	if (r <= 0) { /* no head in it, be it an empty reply */
		slot_failed(x, p, SLOT_HEADS);
		return 0;
	}
	slot_done(s, exchange_mono(x) + EXCHANGE_HEADS_MS);
	r = heads_take(x, p, frame, frame_len, true, e);
	if (r < 0)
		slot_failed(x, p, SLOT_HEADS);
	else if (head_open(x, p, frame, frame_len, &h, NULL) == 0)
		measure(x, p, h.time_ms - (sent_wall_ms + x->env->wall_ms(x->env->ctx)) / 2);
	return r == -ERR_IO || r == -ERR_NOSPC ? r : 0;
}

/* ---- a peer's reset of the stream to us ---- */

static int reset_check(struct exchange *x, struct peer *p, const struct note *n,
		       struct stream_reset *s, struct err *e)
{
	int r = stream_reset_decode(n->p, n->text_len, s, e);
	if (r >= 0)
		r = exchange_note_verify(x, p->name, n, s->time_s, e);
	if (r < 0)
		return r;
	if (strcmp(s->from, p->name) != 0 || strcmp(s->to, x->node) != 0)
		return err_set(e, ERR_INVAL, "from", "A reset of another stream.");
	return 0;
}

static int reset_apply(struct exchange *x, struct peer *p, const struct stream_reset *s,
		       const void *bytes, size_t len, struct err *e)
{
	_cleanup_(stream_done) struct stream in;
	char target[96];
	int r = stream_in_load(x, p->name, &in, e);
	if (r < 0)
		return r;
	if (s->epoch <= in.epoch)
		return 0; /* already open: the head in the reply says so */
	if (in.stopped)
		return err_set(e, ERR_STALE, "last",
			       "The stream is stopped; a person here has not decided yet.");
	if (s->last.epoch != in.epoch || s->last.seq != in.seq ||
	    memcmp(s->last.chain32, in.chain32, 32) != 0)
		return err_set(e, ERR_STALE, "last", "The head has moved on.");
	in.epoch = s->epoch;
	in.seq = in.top = 0;
	memset(in.chain32, 0, 32);
	buf_clear(&in.reset);
	buf_put(&in.reset, bytes, len);
	r = stream_in_save(x, p->name, &in, e);
	if (r < 0)
		return r;
	snprintf(target, sizeof(target), "stream from %s epoch %llu", p->name,
		 (unsigned long long)s->epoch);
	return exchange_audit(x, AUDIT_ALARM, p->name, "stream.reset", target,
			      json_pack("{s:s}", "reason", s->reason), e);
}

static int reset_take(struct exchange *x, struct peer *p, const void *bytes, size_t len,
		      struct err *e)
{
	struct stream_reset s;
	struct note n;
	int r = exchange_note_open(x, p->name, bytes, len, STREAM_TYPE_RESET, &n, e);
	if (r >= 0)
		r = reset_check(x, p, &n, &s, e);
	if (r < 0)
		return r;
	STORE_TXN(txn);
	r = store_begin(x->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = reset_apply(x, p, &s, bytes, len, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	return r == -ERR_STALE ? 0 : r; /* our head, in the reply, tells the sender */
}

int heads_receive(struct exchange *x, struct peer *p, const void *body, size_t len,
		  struct buf *reply, struct err *e)
{
	struct cur c = cur_init(body, len);
	struct stream_head h;
	const void *frame;
	size_t frame_len;
	int r = frame_next(&c, &frame, &frame_len);
	if (r <= 0)
		return err_set(e, r < 0 ? r : -ERR_FORMAT, "head", "The first frame is a head.");
	r = heads_take(x, p, frame, frame_len, false, e);
	if (r >= 0 && head_open(x, p, frame, frame_len, &h, NULL) == 0)
		measure(x, p, h.time_ms - x->env->wall_ms(x->env->ctx));
	if (r >= 0 && (r = frame_next(&c, &frame, &frame_len)) > 0)
		r = reset_take(x, p, frame, frame_len, e);
	return r < 0 ? r : heads_put(x, p->name, reply, e);
}
