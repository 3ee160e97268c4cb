/* SPDX-License-Identifier: Apache-2.0
 * Questions about deliveries, messages, proofs and peers, for requests and for people. */
#include "exchange/query.h"
#include "exchange/exchange-int.h"
#include "exchange/receipt.h"
#include <string.h>

/* ---- sent ---- */

#define DELIVERY_COLUMNS                                                                               \
	"SELECT id, peer, class, state, reason, posted_s, expires_s, epoch, seq, stored_s, decided_s," \
	" seen_s, acted_s, tries, tried_s, last_error, ord FROM exchange_out "

static void read_delivery(struct store_rows *rows, struct exchange_delivery *d)
{
	memset(d, 0, sizeof(*d));
	row_copy(rows, "id", d->id16, 16);
	snprintf(d->peer, sizeof(d->peer), "%s", row_text(rows, "peer", NULL));
	snprintf(d->reason, sizeof(d->reason), "%s", row_text(rows, "reason", NULL));
	d->class = (enum exchange_class)row_i64(rows, "class");
	d->state = (enum exchange_state)row_i64(rows, "state");
	d->posted_s = row_i64(rows, "posted_s");
	d->expires_s = row_i64(rows, "expires_s");
	d->epoch = row_u64(rows, "epoch");
	d->seq = row_u64(rows, "seq");
	d->stored_s = row_i64(rows, "stored_s");
	d->decided_s = row_i64(rows, "decided_s");
	d->seen_s = row_i64(rows, "seen_s");
	d->acted_s = row_i64(rows, "acted_s");
	d->tries = (uint32_t)row_i64(rows, "tries");
	d->tried_s = row_i64(rows, "tried_s");
	d->last_error = (int)row_i64(rows, "last_error");
}

int exchange_delivery(struct exchange *x, const uint8_t id16[static 16], const char *peer,
		      struct exchange_delivery *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(x->s, DELIVERY_COLUMNS "WHERE peer = ? AND id = ?",
			    VALS(val_text(peer), val_blob(id16, 16)), &rows, e);
	if (r <= 0)
		return r;
	read_delivery(&rows, ret);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

int exchange_deliveries(struct exchange *x, const uint8_t id16[static 16],
			struct exchange_delivery *ret, size_t max, struct err *e)
{
	STORE_ROWS(rows);
	size_t n = 0;
	int r = store_query(x->s, DELIVERY_COLUMNS "WHERE id = ? ORDER BY peer",
			    VALS(val_blob(id16, 16)), &rows, e);
	while (r >= 0 && n < max && (r = store_next(&rows, e)) > 0)
		read_delivery(&rows, &ret[n++]);
	if (r >= 0)
		r = row_err(&rows, e);
	if (r >= 0 && n == 0)
		return err_set(e, ERR_NOENT, "id", "No message of this id was posted here.");
	return r < 0 ? r : (int)n;
}

int exchange_list_sent(struct exchange *x, const char *peer, int64_t before,
		       struct exchange_delivery *ret, int64_t *ret_ord, size_t max, struct err *e)
{
	STORE_ROWS(rows);
	size_t n = 0;
	int r = store_query(
		x->s,
		DELIVERY_COLUMNS
		"WHERE (? = '' OR peer = ?) AND (? = 0 OR ord < ?) ORDER BY ord DESC LIMIT ?",
		VALS(val_text(peer ? peer : ""), val_text(peer ? peer : ""), val_i64(before),
		     val_i64(before), val_i64((int64_t)max)),
		&rows, e);
	while (r >= 0 && n < max && (r = store_next(&rows, e)) > 0) {
		ret_ord[n] = row_i64(&rows, "ord");
		read_delivery(&rows, &ret[n++]);
	}
	if (r >= 0)
		r = row_err(&rows, e);
	return r < 0 ? r : (int)n;
}

/* ---- received ---- */

#define RECEIVED_COLUMNS                                                                            \
	"SELECT id, peer, ord, class, state, reason, sent_s, stored_s, decided_s, seen_s, acted_s," \
	" expires_s, size FROM exchange_in "

static void read_received(struct store_rows *rows, struct exchange_received *m)
{
	memset(m, 0, sizeof(*m));
	row_copy(rows, "id", m->id16, 16);
	snprintf(m->peer, sizeof(m->peer), "%s", row_text(rows, "peer", NULL));
	snprintf(m->reason, sizeof(m->reason), "%s", row_text(rows, "reason", NULL));
	m->ord = row_i64(rows, "ord");
	m->class = (enum exchange_class)row_i64(rows, "class");
	m->state = (enum exchange_state)row_i64(rows, "state");
	m->sent_s = row_i64(rows, "sent_s");
	m->stored_s = row_i64(rows, "stored_s");
	m->decided_s = row_i64(rows, "decided_s");
	m->seen_s = row_i64(rows, "seen_s");
	m->acted_s = row_i64(rows, "acted_s");
	m->expires_s = row_i64(rows, "expires_s");
	m->size = row_u64(rows, "size");
}

int exchange_received(struct exchange *x, const uint8_t id16[static 16],
		      struct exchange_received *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(x->s, RECEIVED_COLUMNS "WHERE id = ? ORDER BY ord LIMIT 1",
			    VALS(val_blob(id16, 16)), &rows, e);
	if (r <= 0)
		return r;
	read_received(&rows, ret);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

int exchange_list_received(struct exchange *x, const char *peer, int64_t before,
			   struct exchange_received *ret, size_t max, struct err *e)
{
	STORE_ROWS(rows);
	size_t n = 0;
	int r = store_query(
		x->s,
		RECEIVED_COLUMNS
		"WHERE (? = '' OR peer = ?) AND (? = 0 OR ord < ?) ORDER BY ord DESC LIMIT ?",
		VALS(val_text(peer ? peer : ""), val_text(peer ? peer : ""), val_i64(before),
		     val_i64(before), val_i64((int64_t)max)),
		&rows, e);
	while (r >= 0 && n < max && (r = store_next(&rows, e)) > 0)
		read_received(&rows, &ret[n++]);
	if (r >= 0)
		r = row_err(&rows, e);
	return r < 0 ? r : (int)n;
}

/* ---- proofs ---- */

static int proofs_of(struct exchange *x, const char *sql, const uint8_t *id16, const char *what,
		     bool ours, exchange_proof_fn *fn, void *ctx, struct err *e)
{
	STORE_ROWS(rows);
	int n = 0;
	int r = store_query(x->s, sql, VALS(val_blob(id16, 16)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		size_t len;
		const void *note = row_blob(&rows, "note", &len);
		if (len == 0)
			continue;
		int k = fn(ctx, what, row_text(&rows, "peer", NULL), ours, note, len);
		if (k < 0)
			return k;
		n++;
	}
	if (r >= 0)
		r = row_err(&rows, e);
	return r < 0 ? r : n;
}

static int receipt_proofs(struct exchange *x, const uint8_t *id16, exchange_proof_fn *fn, void *ctx,
			  struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(
		x->s,
		"SELECT ours, peer, kind, note FROM exchange_receipt WHERE id = ? ORDER BY time_s, kind, peer",
		VALS(val_blob(id16, 16)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		size_t len;
		int64_t kind = row_i64(&rows, "kind");
		const void *note = row_blob(&rows, "note", &len);
		const char *what = kind == RECEIPT_NON_DELIVERY
					   ? "non-delivery"
					   : receipt_name((enum receipt_kind)kind);
		int k = fn(ctx, what, row_text(&rows, "peer", NULL), row_i64(&rows, "ours") != 0,
			   note, len);
		if (k < 0)
			return k;
	}
	return r < 0 ? r : row_err(&rows, e);
}

int exchange_proofs(struct exchange *x, const uint8_t id16[static 16], exchange_proof_fn *fn,
		    void *ctx, struct err *e)
{
	int sent = proofs_of(
		x, "SELECT '' AS peer, manifest AS note FROM exchange_sealed WHERE id = ?", id16,
		"manifest", true, fn, ctx, e);
	int r = sent;
	if (r >= 0)
		r = proofs_of(x, "SELECT peer, note FROM exchange_out WHERE id = ? ORDER BY peer",
			      id16, "parcel", true, fn, ctx, e);
	if (r < 0)
		return r;
	int got = proofs_of(
		x, "SELECT peer, note FROM exchange_place WHERE id = ? ORDER BY epoch, seq", id16,
		"parcel", false, fn, ctx, e);
	r = got;
	if (r >= 0)
		r = proofs_of(
			x,
			"SELECT peer, manifest AS note FROM exchange_in WHERE id = ? ORDER BY ord",
			id16, "manifest", false, fn, ctx, e);
	if (r < 0)
		return r;
	if (!sent && !got)
		return err_set(e, ERR_NOENT, "id", "No message of this id is here.");
	return receipt_proofs(x, id16, fn, ctx, e);
}

/* ---- peers ---- */

static int peer_rows(struct exchange *x, struct exchange_peer_status *p, struct err *e)
{
	_cleanup_(stream_done) struct stream out, in;
	buf_init(&in.reset, 0);
	int r = stream_out_load(x, p->name, &out, e);
	if (r >= 0)
		r = stream_in_load(x, p->name, &in, e);
	if (r < 0)
		return r;
	p->out = (struct exchange_place){out.epoch, out.seq, out.stopped};
	p->in = (struct exchange_place){in.epoch, in.seq, in.stopped};
	p->peer_seq = out.peer_seq;
	STORE_ROWS(rows);
	r = store_first(
		x->s,
		"SELECT (SELECT COUNT(*) FROM exchange_out WHERE peer = ? AND state = 0) AS queued,"
		" (SELECT COALESCE(MIN(posted_s), 0) FROM exchange_out WHERE peer = ? AND state = 0) AS oldest_s,"
		" (SELECT COUNT(*) FROM exchange_in WHERE peer = ? AND state = 1) AS unopened",
		VALS(val_text(p->name), val_text(p->name), val_text(p->name)), &rows, e);
	if (r < 0)
		return r;
	p->queued = row_u64(&rows, "queued");
	p->oldest_s = row_i64(&rows, "oldest_s");
	p->unopened = row_u64(&rows, "unopened");
	return row_err(&rows, e);
}

static void peer_memory(struct exchange *x, const struct peer *q, struct exchange_peer_status *p)
{
	int64_t now_ms = exchange_mono(x);
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", q->name);
	p->met = q->met;
	p->offset_known = q->offset_known;
	p->offset_ms = q->offset_ms;
	p->contact_s = q->contact_s;
	for (size_t i = 0; i < SLOTS; i++) {
		int64_t wait_ms = q->slot[i].due_ms - now_ms;
		if (q->slot[i].wait_ms && wait_ms > 0 &&
		    (p->retry_ms == 0 || wait_ms < p->retry_ms))
			p->retry_ms = wait_ms;
	}
}

int exchange_peers(struct exchange *x, struct exchange_peer_status *ret, size_t max, struct err *e)
{
	size_t n = 0;
	exchange_refresh(x);
	for (; n < x->peers_n && n < max; n++) {
		peer_memory(x, &x->peers[n], &ret[n]);
		int r = peer_rows(x, &ret[n], e);
		if (r < 0)
			return r;
	}
	return (int)n;
}

static int resume_rows(struct exchange *x, struct peer *p, const char *officer, struct err *e)
{
	_cleanup_(stream_done) struct stream out, in;
	char target[96];
	buf_init(&in.reset, 0);
	int r = stream_out_load(x, p->name, &out, e);
	if (r >= 0)
		r = stream_in_load(x, p->name, &in, e);
	if (r < 0)
		return r;
	if (!out.stopped && !in.stopped)
		return err_set(e, ERR_INVAL, "peer", "No stream with %s is stopped.", p->name);
	if (in.stopped) {
		in.stopped = false;
		r = stream_in_save(x, p->name, &in, e);
	}
	if (r >= 0 && out.stopped)
		r = heads_reset(x, p, "restored", e);
	snprintf(target, sizeof(target), "stream with %s", p->name);
	return r < 0 ? r
		     : exchange_audit(x, AUDIT_OVERRIDE, officer, "stream.resume", target, NULL, e);
}

int exchange_resume(struct exchange *x, const char *peer, const char *officer, struct err *e)
{
	struct peer *p = exchange_peer(x, peer);
	if (!p)
		return err_set(e, ERR_MEMBER_UNKNOWN, "peer", NULL);
	STORE_TXN(txn);
	int r = store_begin(x->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = resume_rows(x, p, officer, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	if (r >= 0)
		p->slot[SLOT_HEADS].due_ms = 0;
	return r;
}
