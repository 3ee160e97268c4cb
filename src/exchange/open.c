/* SPDX-License-Identifier: Apache-2.0
 * Opening a stored parcel: decrypt, check the inside, apply it, sign R2 (docs/protocol/streams.md 3, rules 8 to 11).
 *
 * State 1 (stored) is left exactly once, in the transaction that holds the effect, the parts, the audit event and R2. */
#include "exchange/exchange-int.h"
#include "exchange/fault.h"
#include "exchange/receipt.h"
#include <string.h>

struct job {
	struct exchange *x;
	const char *peer;
	const uint8_t *id16;
	int64_t class, sent_s, stored_s, expires_s, offset_ms;
	struct parcel_outer outer; /* what parcel_open compares with */
	struct buf file;
};

/* ---- what was stored ---- */

/* 1: there and not opened yet, 0: decided before. */
static int job_load(struct job *j, struct err *e)
{
	STORE_ROWS(rows);
	size_t len;
	int r = store_first(
		j->x->s,
		"SELECT state, class, sent_s, stored_s, expires_s, offset_ms, file FROM exchange_in"
		" WHERE peer = ? AND id = ?",
		VALS(val_text(j->peer), val_blob(j->id16, 16)), &rows, e);
	if (r <= 0)
		return r;
	if (row_i64(&rows, "state") != EXCHANGE_STORED && !FAULT(NO_DUPLICATE_CHECK))
		return row_err(&rows, e);
	j->class = row_i64(&rows, "class");
	j->sent_s = row_i64(&rows, "sent_s");
	j->stored_s = row_i64(&rows, "stored_s");
	j->expires_s = row_i64(&rows, "expires_s");
	j->offset_ms = row_i64(&rows, "offset_ms");
	const void *p = row_blob(&rows, "file", &len);
	buf_put(&j->file, p, len);
	snprintf(j->outer.from, sizeof(j->outer.from), "%s", j->peer);
	snprintf(j->outer.to, sizeof(j->outer.to), "%s", j->x->node);
	r = row_err(&rows, e);
	if (r >= 0)
		r = buf_err(&j->file);
	return r < 0 ? r : 1;
}

/* ---- the inside ---- */

static int unwrap(void *ctx, const uint8_t share32[static 32],
		  const uint8_t wrapped32[static AGE_WRAPPED_LEN],
		  uint8_t ret_file_key16[static AGE_FILE_KEY_LEN], struct err *e)
{
	struct job *j = ctx;
	return j->x->env->unwrap(j->x->env->ctx, share32, wrapped32, ret_file_key16, e);
}

static int verify(void *ctx, const struct note *note, const struct parcel_manifest *m,
		  struct err *e)
{
	struct job *j = ctx;
	if (FAULT(NO_MANIFEST_SIGNATURE))
		return 0;
	return exchange_note_verify_as(j->x, j->peer, DIRECTORY_KEY_EVIDENCE, note, j->sent_s, e);
}

/* ---- the effect ---- */

static const struct handler *find_handler(const struct exchange *x, const char *media_type)
{
	for (size_t i = 0; i < x->handlers_n; i++)
		if (strcmp(x->handlers[i].media_type, media_type) == 0)
			return &x->handlers[i];
	return NULL;
}

static void message_of(const struct job *j, const struct parcel_inside *in,
		       struct exchange_part *parts, struct exchange_message *m)
{
	const struct parcel_manifest *f = &in->manifest;
	for (size_t i = 0; i < f->parts_n; i++)
		parts[i] = (struct exchange_part){in->parts[i].media_type, in->parts[i].p,
						  in->parts[i].len};
	*m = (struct exchange_message){
		.from = j->peer,
		.class = (enum exchange_class)j->class,
		.sent_s = j->sent_s,
		.stored_s = j->stored_s,
		.expires_s = j->expires_s,
		.offset_ms = j->offset_ms,
		.officer = f->officer,
		.case_ref = f->case_ref,
		.purpose = f->purpose,
		.basis = f->basis,
		.handling = f->handling,
		.marking = f->marking,
		.grade = f->grade,
		.parts = parts,
		.parts_n = f->parts_n,
	};
	memcpy(m->id16, j->id16, 16);
}

static int apply_parts(struct job *j, const struct parcel_inside *in, struct err *e)
{
	struct exchange_part parts[EXCHANGE_PARTS_MAX];
	struct exchange_message m;
	bool handled = false;
	message_of(j, in, parts, &m);
	for (size_t i = 0; i < m.parts_n; i++) {
		const struct handler *h = find_handler(j->x, parts[i].media_type);
		if (!h)
			continue;
		handled = true;
		m.part = i;
		int r = h->fn(h->ctx, j->x, &m, e);
		if (r < 0)
			return r;
	}
	return handled ? 0
		       : err_set(e, ERR_UNSUPPORTED, "parts",
				 "No part of the message is of a type that is handled here.");
}

/* In a transaction of its own inside the one that records the decision, so that a refusal undoes its rows. */
static int apply(struct job *j, const struct parcel_inside *in, struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(j->x->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = apply_parts(j, in, e);
	return r < 0 ? r : store_commit(&txn, e);
}

static int keep_parts(struct job *j, const struct parcel_inside *in, struct err *e)
{
	int64_t r = 0;
	for (size_t i = 0; r >= 0 && i < in->manifest.parts_n; i++)
		r = store_exec(
			j->x->s,
			"INSERT INTO exchange_part (peer, id, n, media_type, bytes) VALUES (?, ?, ?, ?, ?)"
			" ON CONFLICT DO NOTHING",
			VALS(val_text(j->peer), val_blob(j->id16, 16), val_i64((int64_t)i),
			     val_text(in->parts[i].media_type),
			     val_blob(in->parts[i].p, in->parts[i].len)),
			e);
	return r < 0 ? (int)r : 0;
}

/* ---- the decision ---- */

static void tell(const struct job *j, enum receipt_kind kind, int code, const struct err *why)
{
	if (kind == RECEIPT_QUARANTINED)
		exchange_tell(
			j->x, EXCHANGE_EV_QUARANTINE, j->class <= EXCHANGE_URGENT, j->peer, j->id16,
			code,
			"A message of %s is in quarantine: unknown handling code. A person must decide.",
			j->peer);
	if (kind == RECEIPT_REFUSED)
		exchange_tell(j->x, EXCHANGE_EV_REFUSED, j->class <= EXCHANGE_URGENT, j->peer,
			      j->id16, code, "A message of %s was refused (%s): %s", j->peer,
			      err_name(code), why->message);
}

/* Manifest and decision in one statement: the row holds the file, and each change writes all of it again. */
static int record(struct job *j, const struct parcel_inside *in, enum receipt_kind kind,
		  enum exchange_state state, const char *reason, bool pending, struct err *e)
{
	char target[48] = "parcel ";
	hex_encode(j->id16, 16, target + 7);
	int64_t n = store_exec(
		j->x->s,
		"UPDATE exchange_in SET state = ?, reason = ?, decided_s = ?, manifest = ?"
		" WHERE peer = ? AND id = ?",
		VALS(val_i64(state), val_text(reason), val_i64(exchange_now_s(j->x)),
		     val_blob(in ? in->note.p : NULL, in ? in->note.len : 0), val_text(j->peer),
		     val_blob(j->id16, 16)),
		e);
	if (n < 0)
		return (int)n;
	if (kind != RECEIPT_ACCEPTED) {
		int r = exchange_audit(
			j->x, AUDIT_REFUSAL, j->x->node, "parcel.decide", target,
			json_pack("{s:s, s:s}", "kind", receipt_name(kind), "reason", reason), e);
		if (r < 0)
			return r;
	}
	return receipt_make(j->x, j->peer, j->id16, kind, kind == RECEIPT_REFUSED ? reason : NULL,
			    pending, e);
}

struct decision {
	enum receipt_kind kind;
	enum exchange_state state;
};

static struct decision decision_of(int code)
{
	if (code == -ERR_HANDLING)
		return (struct decision){RECEIPT_QUARANTINED, EXCHANGE_QUARANTINED};
	if (code < 0)
		return (struct decision){RECEIPT_REFUSED, EXCHANGE_REFUSED};
	return (struct decision){RECEIPT_ACCEPTED, EXCHANGE_ACCEPTED};
}

/* Failures that are not the parcel's fault: the key process is away, the store is, memory is short. */
static bool not_now(int code)
{
	return code == -ERR_IO || code == -ERR_NOSPC || code == -ERR_NOMEM || code == -ERR_BUSY ||
	       code == -ERR_PIPE || code == -ERR_TIMEDOUT || code == -ERR_AGAIN;
}

/* The effect, unless the parcel is refused already (code); then everything that records what came of it. */
static int decide(struct job *j, const struct parcel_inside *in, int code, bool pending,
		  struct err *why, struct err *e)
{
	STORE_TXN(txn);
	if (code == 0 && FAULT(EFFECT_APART))
		code = apply(j, in, why);
	int r = store_begin(j->x->s, STORE_WRITE, &txn, e);
	if (r < 0)
		return r;
	if (code == 0 && !FAULT(EFFECT_APART))
		code = apply(j, in, why);
	if (not_now(code))
		return err_set(e, code, "open", "%s", why->message);
	struct decision d = decision_of(code);
	if (in)
		r = keep_parts(j, in, e);
	if (r >= 0)
		r = record(j, in, d.kind, d.state, code < 0 ? err_name(code) : "", pending, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	if (r >= 0)
		tell(j, d.kind, code, why);
	return r;
}

static int open_file(struct job *j, struct parcel_inside **ret, struct err *e)
{
	if (exchange_now_s(j->x) - EXCHANGE_TOLERANCE_S > j->expires_s)
		return err_set(e, ERR_EXPIRED, "expires", NULL);
	/* Else a key that has ended long ago could still speak, with a text of its time. */
	if (j->expires_s - j->sent_s > EXCHANGE_LIFE_MAX_S + EXCHANGE_LIFE_SLACK_S)
		return err_set(e, ERR_RANGE, "expires",
			       "It expires more than %d days after it was sent.",
			       EXCHANGE_LIFE_MAX_S / 86400);
	int r = parcel_open(j->file.p, j->file.len, &j->outer, unwrap, j, verify, j, ret, e);
	if (r >= 0 && !parcel_handling_known(&(*ret)->manifest))
		r = err_set(e, ERR_HANDLING, "handling", NULL);
	return r;
}

int inbox_open(struct exchange *x, const char *peer, const uint8_t id16[static 16], bool pending,
	       struct err *e)
{
	_cleanup_(parcel_inside_freep) struct parcel_inside *in = NULL;
	struct job j = {.x = x, .peer = peer, .id16 = id16};
	struct err why = {0};
	buf_init(&j.file, PARCEL_FILE_MAX);
	int r = job_load(&j, e);
	if (r > 0) {
		int code = open_file(&j, &in, &why);
		r = not_now(code) ? err_set(e, code, "open", "%s", why.message)
				  : decide(&j, in, code, pending, &why, e);
	}
	buf_done(&j.file);
	return r < 0 ? r : 0;
}

enum { SOME = 32 };

struct waiting {
	char peer[EXCHANGE_NAME_MAX + 1];
	uint8_t id16[16];
};

static int select_waiting(struct exchange *x, struct waiting *w, size_t *ret_n, struct err *e)
{
	STORE_ROWS(rows);
	*ret_n = 0;
	int r = store_query(x->s,
			    "SELECT peer, id FROM exchange_in WHERE state = 1 ORDER BY ord LIMIT ?",
			    VALS(val_i64(SOME)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		struct waiting *k = &w[(*ret_n)++];
		snprintf(k->peer, sizeof(k->peer), "%s", row_text(&rows, "peer", NULL));
		row_copy(&rows, "id", k->id16, 16);
	}
	return r < 0 ? r : row_err(&rows, e);
}

/* One that fails for now holds up only those of its own peer that came behind it. */
static bool behind(const struct waiting *w, size_t i, const bool *failed)
{
	for (size_t j = 0; j < i; j++)
		if (failed[j] && strcmp(w[j].peer, w[i].peer) == 0)
			return true;
	return false;
}

int inbox_open_waiting(struct exchange *x, bool *ret_more, struct err *e)
{
	struct waiting w[SOME];
	bool failed[SOME] = {false};
	size_t n;
	int first = 0, r = select_waiting(x, w, &n, e);
	if (r < 0)
		return r;
	*ret_more = n == SOME;
	for (size_t i = 0; i < n; i++) {
		if (behind(w, i, failed))
			continue;
		r = inbox_open(x, w[i].peer, w[i].id16, true, first < 0 ? NULL : e);
		failed[i] = r < 0;
		first = first < 0 ? first : r;
	}
	return first;
}
