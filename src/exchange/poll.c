/* SPDX-License-Identifier: Apache-2.0
 * What is due: one slot for each kind of POST to each peer, back-off, the opening of parcels, care for what waits.
 *
 * A slot is idle (due at some time) or in flight (send_id). Its outcome makes it due again: at once after progress, later
 * after a failure (1 s doubled, times a random factor, at most 30 s or 5 min), never when there is nothing to do. */
#include "exchange/exchange-int.h"
#include "exchange/fault.h"
#include "exchange/recall.h"
#include "exchange/receipt.h"
#include <string.h>

static int64_t random_below(struct exchange *x, int64_t n)
{
	uint64_t v;
	x->env->random(x->env->ctx, &v, sizeof(v));
	return n > 0 ? (int64_t)(v % (uint64_t)n) : 0;
}

void slot_done(struct slot *s, int64_t due_ms)
{
	s->send_id = 0;
	s->wait_ms = 0;
	s->due_ms = due_ms;
}

void slot_failed(struct exchange *x, struct peer *p, size_t slot)
{
	struct slot *s = &p->slot[slot];
	bool fast = slot == LANE_FAST || slot == SLOT_HEADS || slot == SLOT_RECEIPTS ||
		    slot == SLOT_RECALL;
	int64_t cap = fast ? EXCHANGE_BACKOFF_FAST_MS : EXCHANGE_BACKOFF_SLOW_MS;
	s->wait_ms = s->wait_ms ? 2 * s->wait_ms : EXCHANGE_BACKOFF_MS;
	if (s->wait_ms > cap)
		s->wait_ms = cap;
	s->send_id = 0;
	s->due_ms = FAULT(NO_RETRY) ? EXCHANGE_NEVER
				    : exchange_mono(x) + 1 + random_below(x, s->wait_ms);
}

void lanes_wake(struct peer *p)
{
	for (size_t l = 0; l < LANES; l++)
		if (p->slot[l].due_ms == EXCHANGE_NEVER)
			p->slot[l].due_ms = 0;
}

void slot_send(struct exchange *x, struct peer *p, size_t slot, enum exchange_kind kind,
	       const struct buf *body)
{
	struct slot *s = &p->slot[slot];
	uint64_t id = x->next_send_id++;
	if (buf_err(body) < 0 ||
	    x->env->send(x->env->ctx, p->name, kind, body->p, body->len, id, NULL) < 0) {
		s->unreached = true;
		slot_failed(x, p, slot);
		return;
	}
	s->send_id = id;
	s->sent_ms = exchange_mono(x);
	s->wall_ms = x->env->wall_ms(x->env->ctx);
}

/* ---- notes ---- */

static int notes_pump(struct exchange *x, struct peer *p, struct err *e)
{
	_cleanup_(buf_done) struct buf body;
	buf_init(&body, EXCHANGE_BODY_MAX);
	int r = directory_have(x->dir, &body, e);
	if (r >= 0 && p->notes_ahead)
		r = directory_lacks(x->dir, p->have.p, p->have.len, &body, e);
	if (r < 0)
		return r;
	slot_send(x, p, SLOT_NOTES, EXCHANGE_NOTES, &body);
	return 0;
}

/* Keep what the peer says that it has: the next POST takes along what it lacks. */
static int notes_keep(struct peer *p, const void *reply, size_t len)
{
	struct cur c = cur_init(reply, len);
	const void *have;
	size_t have_len;
	int r = frame_next(&c, &have, &have_len);
	if (r <= 0)
		return -ERR_FORMAT;
	buf_clear(&p->have);
	buf_put(&p->have, have, have_len);
	return buf_err(&p->have);
}

static int notes_outcome(struct exchange *x, struct peer *p, unsigned status, const void *reply,
			 size_t len, struct err *e)
{
	char name[EXCHANGE_NAME_MAX + 1];
	bool behind = false, ahead = false;
	snprintf(name, sizeof(name), "%s", p->name);
	int r = status == 200 ? directory_take_frames(x->dir, name, reply, len, &behind, &ahead, e)
			      : -ERR_OFFLINE;
	p = exchange_peer(x, name);
	if (!p)
		return 0;
	if (r >= 0)
		r = notes_keep(p, reply, len);
	if (r < 0) {
		slot_failed(x, p, SLOT_NOTES);
		return r == -ERR_IO || r == -ERR_NOSPC ? r : 0;
	}
	bool again =
		ahead &&
		!p->notes_ahead; /* once more at once, with the notes; not for ever if the peer refuses them */
	p->notes_ahead = ahead;
	slot_done(&p->slot[SLOT_NOTES], again || behind ? 0 : exchange_mono(x) + EXCHANGE_HEADS_MS);
	if (behind && !again)
		p->slot[SLOT_NOTES].due_ms = exchange_mono(x) + EXCHANGE_BACKOFF_MS;
	return 0;
}

/* ---- outcomes ---- */

static int outcome(struct exchange *x, struct peer *p, size_t slot, unsigned status,
		   const void *reply, size_t len, struct err *e)
{
	p->slot[slot].unreached = status == 0;
	switch (slot) {
	case SLOT_RECEIPTS:
		return receipt_outcome(x, p, status, reply, len, e);
	case SLOT_HEADS:
		return heads_outcome(x, p, status, reply, len, e);
	case SLOT_NOTES:
		return notes_outcome(x, p, status, reply, len, e);
	case SLOT_RECALL:
		return recall_outcome(x, p, status, reply, len, e);
	default:
		return outbox_outcome(x, p, (enum lane)slot, status, reply, len, e);
	}
}

int exchange_sent(struct exchange *x, uint64_t send_id, unsigned status, const void *reply,
		  size_t len, struct err *e)
{
	exchange_refresh(x);
	for (size_t i = 0; i < x->peers_n; i++) {
		struct peer *p = &x->peers[i];
		for (size_t s = 0; s < SLOTS; s++) {
			if (p->slot[s].send_id != send_id || send_id == 0)
				continue;
			if (status)
				p->contact_s = exchange_now_s(x);
			return outcome(x, p, s, status, reply, reply ? len : 0, e);
		}
	}
	return 0;
}

/* ---- poll ---- */

static int pump(struct exchange *x, struct peer *p, size_t slot, struct err *e)
{
	switch (slot) {
	case SLOT_RECEIPTS:
		return receipt_pump(x, p, e);
	case SLOT_HEADS:
		return heads_pump(x, p, e);
	case SLOT_NOTES:
		return notes_pump(x, p, e);
	case SLOT_RECALL:
		return recall_pump(x, p, e);
	default:
		return outbox_pump(x, p, (enum lane)slot, e);
	}
}

/* Where other shells work on the same rows: what they left to send is looked for by the clock, and who does not lead a peer's
 * streams begins nothing. */
static bool begins(struct exchange *x, struct peer *p, int64_t now_ms)
{
	if (!x->env->leads)
		return true;
	bool leads = x->env->leads(x->env->ctx, p->name);
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &p->slot[i];
		if (!s->send_id && (s->due_ms == EXCHANGE_NEVER || (!leads && s->due_ms <= now_ms)))
			s->due_ms = now_ms + EXCHANGE_SHARED_MS;
	}
	return leads;
}

static int poll_peer(struct exchange *x, struct peer *p, int64_t now_ms, struct err *e)
{
	int r = 0;
	bool may_begin = begins(x, p, now_ms);
	for (size_t i = 0; r >= 0 && i < SLOTS; i++) {
		struct slot *s = &p->slot[i];
		if (s->send_id && now_ms - s->sent_ms >= EXCHANGE_ANSWER_MS)
			r = outcome(x, p, i, 0, NULL, 0, e);
		if (r >= 0 && may_begin && !s->send_id && s->due_ms <= now_ms) {
			r = pump(x, p, i, e);
			if (r < 0)
				slot_failed(x, p, i);
		}
	}
	return r;
}

static int poll_opening(struct exchange *x, int64_t now_ms, struct err *e)
{
	bool more = false;
	if (x->open_due_ms > now_ms)
		return 0;
	int r = inbox_open_waiting(x, &more, e);
	x->open_due_ms = r < 0		 ? now_ms + EXCHANGE_BACKOFF_MS
			 : more		 ? now_ms
			 : x->env->leads ? now_ms + EXCHANGE_SHARED_MS
					 : EXCHANGE_NEVER;
	return r;
}

/* Files that no key can open any more. */
static int clean(struct exchange *x, int64_t now_ms, struct err *e)
{
	int64_t before_s = exchange_now_s(x) - EXCHANGE_KEEP_S;
	if (x->cleaned_ms && now_ms - x->cleaned_ms < 3600000)
		return 0;
	x->cleaned_ms = now_ms;
	STORE_TXN(txn);
	int r = store_begin(x->s, STORE_WRITE, &txn, e);
	if (r < 0)
		return r;
	int64_t n = store_exec(
		x->s,
		"UPDATE exchange_sealed SET file = ? WHERE expires_s < ? AND size > 0 AND file <> ?",
		VALS(val_blob(NULL, 0), val_i64(before_s), val_blob(NULL, 0)), e);
	if (n >= 0)
		n = store_exec(
			x->s,
			"UPDATE exchange_in SET file = ? WHERE expires_s < ? AND state <> 1 AND file <> ?",
			VALS(val_blob(NULL, 0), val_i64(before_s), val_blob(NULL, 0)), e);
	return n < 0 ? (int)n : store_commit(&txn, e);
}

static int poll_care(struct exchange *x, int64_t now_ms, struct err *e)
{
	if (x->care_due_ms > now_ms)
		return 0;
	x->care_due_ms = now_ms + EXCHANGE_BACKOFF_MS;
	int64_t next_ms;
	int r = clean(x, now_ms, e);
	if (r >= 0)
		r = outbox_care(x, &next_ms, e);
	if (r >= 0)
		x->care_due_ms = next_ms;
	return r;
}

int exchange_poll(struct exchange *x, struct err *e)
{
	int64_t now_ms = exchange_mono(x);
	exchange_refresh(x);
	int r = poll_opening(x, now_ms, e);
	int k = poll_care(x, now_ms, r < 0 ? NULL : e);
	for (size_t i = 0; i < x->peers_n; i++) {
		int s = poll_peer(x, &x->peers[i], now_ms, r < 0 || k < 0 ? NULL : e);
		k = k < 0 ? k : s;
	}
	return r < 0 ? r : k;
}

int64_t exchange_next_due(struct exchange *x)
{
	int64_t due = x->care_due_ms < x->open_due_ms ? x->care_due_ms : x->open_due_ms;
	if (x->peers_stale)
		return 0;
	for (size_t i = 0; i < x->peers_n; i++) {
		for (size_t j = 0; j < SLOTS; j++) {
			const struct slot *s = &x->peers[i].slot[j];
			int64_t t = s->send_id ? s->sent_ms + EXCHANGE_ANSWER_MS : s->due_ms;
			due = t < due ? t : due;
		}
	}
	return due;
}
