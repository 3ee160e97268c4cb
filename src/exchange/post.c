/* SPDX-License-Identifier: Apache-2.0
 * Posting: a message is checked, sealed once for all recipients, and laid into the outbox of each.
 *
 * It is sealed here and not when it is sent: the file with its hash is then the message's identity, so that every retry, and a
 * new epoch after a restore, carries the same bytes and is recognised. */
#include "crypto/crypto.h"
#include "exchange/exchange-int.h"
#include <string.h>

struct sealing {
	struct exchange *x;
	struct buf manifest; /* the signed manifest, as it went into the file */
};

static int sign_manifest(void *ctx, struct buf *text, struct err *e)
{
	struct sealing *s = ctx;
	int r = s->x->env->sign(s->x->env->ctx, EXCHANGE_KEY_EVIDENCE, text, e);
	if (r < 0)
		return r;
	buf_clear(&s->manifest);
	buf_put(&s->manifest, text->p, text->len);
	return buf_err(&s->manifest);
}

static int put_code(char *out, const char *v, const char *field, struct err *e)
{
	size_t n = v ? strlen(v) : 0;
	if (n > PARCEL_CODE_MAX || (n && memchr(v, ' ', n)))
		return err_set(e, ERR_INVAL, field, "%s: one word of at most %d characters", field,
			       PARCEL_CODE_MAX);
	memcpy(out, n ? v : "-", n ? n + 1 : 2);
	return 0;
}

static int fill_manifest(struct exchange *x, const struct exchange_post *m,
			 struct parcel_manifest *f, struct err *e)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->from, sizeof(f->from), "%s", x->node);
	f->to_n = m->to_n;
	for (size_t i = 0; i < m->to_n; i++)
		snprintf(f->to[i], sizeof(f->to[i]), "%s", m->to[i]);
	int r = put_code(f->officer, m->officer, "officer", e);
	if (r >= 0)
		r = put_code(f->case_ref, m->case_ref, "case", e);
	if (r >= 0)
		r = put_code(f->purpose, m->purpose, "purpose", e);
	if (r >= 0)
		r = put_code(f->basis, m->basis, "basis", e);
	if (r >= 0)
		r = put_code(f->handling, m->handling, "handling", e);
	if (r >= 0)
		r = put_code(f->marking, m->marking, "marking", e);
	if (r >= 0)
		r = put_code(f->grade, m->grade, "grade", e);
	if (r >= 0 && !parcel_handling_known(f))
		r = err_set(
			e, ERR_HANDLING, "handling",
			"%s %s %s: handling is H0 to H3, marking TLP 2.0, grade A B C X and 1 to 4",
			f->handling, f->marking, f->grade);
	return r;
}

static int check_post(struct exchange *x, const struct exchange_post *m, int64_t now_s,
		      struct err *e)
{
	if (!store_in_txn(x->s))
		return err_set(e, ERR_INVAL, NULL, "A message is posted inside a transaction.");
	if (m->to_n < 1 || m->to_n > EXCHANGE_RECIPIENTS_MAX)
		return err_set(e, ERR_INVAL, "to", "1 to %d recipients.", EXCHANGE_RECIPIENTS_MAX);
	if (m->parts_n < 1 || m->parts_n > EXCHANGE_PARTS_MAX)
		return err_set(e, ERR_INVAL, "parts", "1 to %d parts.", EXCHANGE_PARTS_MAX);
	if (m->expires_s <= now_s || m->expires_s > now_s + EXCHANGE_LIFE_MAX_S)
		return err_set(e, ERR_RANGE, "expires", "Later than now, at most %d days ahead.",
			       EXCHANGE_LIFE_MAX_S / 86400);
	for (size_t i = 0; i < m->to_n; i++) {
		if (strcmp(m->to[i], x->node) == 0)
			return err_set(e, ERR_INVAL, "to", "A node does not write to itself.");
		for (size_t j = 0; j < i; j++)
			if (strcmp(m->to[i], m->to[j]) == 0)
				return err_set(e, ERR_INVAL, "to", "%s stands there twice.",
					       m->to[i]);
	}
	return 0;
}

static int recipient_keys(struct exchange *x, const struct exchange_post *m, int64_t now_s,
			  uint8_t (*keys)[AGE_KEY_LEN], struct err *e)
{
	for (size_t i = 0; i < m->to_n; i++) {
		struct directory_epoch epoch;
		int r = directory_epoch_key(x->dir, m->to[i], now_s, &epoch, e);
		if (r == -ERR_KEY_EXPIRED || r == -ERR_KEY_UNKNOWN)
			exchange_tell(x, EXCHANGE_EV_NO_KEY, m->class <= EXCHANGE_URGENT, m->to[i],
				      NULL, r, "%s", e ? e->message : err_sentence(r));
		if (r < 0)
			return r;
		memcpy(keys[i], epoch.pk32, AGE_KEY_LEN);
	}
	return 0;
}

static int seal(struct exchange *x, const struct exchange_post *m, int64_t now_s, struct sealing *s,
		struct buf *file, struct err *e)
{
	struct parcel_manifest manifest;
	struct parcel_content parts[EXCHANGE_PARTS_MAX];
	uint8_t keys[EXCHANGE_RECIPIENTS_MAX][AGE_KEY_LEN];
	const struct note_signer signer = {sign_manifest, s};
	for (size_t i = 0; i < m->parts_n; i++)
		parts[i] = (struct parcel_content){m->parts[i].media_type, m->parts[i].p,
						   m->parts[i].len};
	int r = recipient_keys(x, m, now_s, keys, e);
	if (r >= 0)
		r = fill_manifest(x, m, &manifest, e);
	if (r >= 0)
		r = parcel_seal(&manifest, parts, m->parts_n, (const uint8_t(*)[AGE_KEY_LEN])keys,
				m->to_n, &signer, x->env->random, x->env->ctx, file, e);
	return r;
}

static int put_parts(struct exchange *x, const struct exchange_post *m, const uint8_t *id16,
		     struct err *e)
{
	int64_t r = 0;
	for (size_t i = 0; r >= 0 && i < m->parts_n; i++)
		r = store_exec(
			x->s,
			"INSERT INTO exchange_part (peer, id, n, media_type, bytes) VALUES ('', ?, ?, ?, ?)",
			VALS(val_blob(id16, 16), val_i64((int64_t)i),
			     val_text(m->parts[i].media_type),
			     val_blob(m->parts[i].p, m->parts[i].len)),
			e);
	return r < 0 ? (int)r : 0;
}

static int put_sealed(struct exchange *x, const struct exchange_post *m, const uint8_t *id16,
		      int64_t now_s, const struct sealing *s, const struct buf *file, struct err *e)
{
	uint8_t hash32[SHA256_LEN];
	sha256(file->p, file->len, hash32);
	int64_t r = store_exec(
		x->s,
		"INSERT INTO exchange_sealed (id, class, posted_s, expires_s, size, hash, manifest, file)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		VALS(val_blob(id16, 16), val_i64(m->class), val_i64(now_s), val_i64(m->expires_s),
		     val_i64((int64_t)file->len), val_blob(hash32, 32),
		     val_blob(s->manifest.p, s->manifest.len), val_blob(file->p, file->len)),
		e);
	return r < 0 ? (int)r : put_parts(x, m, id16, e);
}

static int put_recipient(struct exchange *x, const struct exchange_post *m, const char *to,
			 const uint8_t *id16, int64_t now_s, size_t size, struct err *e)
{
	char target[48] = "parcel ";
	hex_encode(id16, 16, target + 7);
	int64_t ord = 0, r = exchange_next_ord(x, &ord, e);
	if (r < 0)
		return (int)r;
	r = store_exec(
		x->s,
		"INSERT INTO exchange_out (peer, id, ord, lane, class, size, state, settled, reason, posted_s, expires_s,"
		" epoch, seq, note, text_hash, stored_s, decided_s, seen_s, acted_s, warned, tries, tried_s, last_error)"
		" VALUES (?, ?, ?, ?, ?, ?, 0, 0, '', ?, ?, 0, 0, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0)",
		VALS(val_text(to), val_blob(id16, 16), val_i64(ord),
		     val_i64(exchange_lane(m->class)), val_i64(m->class), val_i64((int64_t)size),
		     val_i64(now_s), val_i64(m->expires_s), val_blob(NULL, 0), val_blob(NULL, 0)),
		e);
	if (r < 0)
		return (int)r;
	json_t *detail = json_pack("{s:s, s:s, s:I}", "to", to, "class",
				   exchange_class_name(m->class), "bytes", (json_int_t)size);
	return exchange_audit(x, AUDIT_SEND, m->officer && *m->officer ? m->officer : x->node,
			      "parcel.send", target, detail, e);
}

static void wake(struct exchange *x, const struct exchange_post *m)
{
	for (size_t i = 0; i < m->to_n; i++) {
		struct peer *p = exchange_peer(x, m->to[i]);
		struct slot *s = p ? &p->slot[exchange_lane(m->class)] : NULL;
		if (s && s->wait_ms == 0)
			s->due_ms = 0;
	}
	x->care_due_ms = 0;
}

int exchange_post(struct exchange *x, const struct exchange_post *m, uint8_t ret_id16[static 16],
		  struct err *e)
{
	_cleanup_(buf_done) struct buf file;
	struct sealing s = {.x = x};
	uint8_t id16[16], random10[10];
	int64_t now_ms = x->env->wall_ms(x->env->ctx), now_s = now_ms / 1000;
	buf_init(&file, PARCEL_FILE_MAX);
	buf_init(&s.manifest, PARCEL_MANIFEST_MAX);
	int r = check_post(x, m, now_s, e);
	if (r >= 0)
		r = seal(x, m, now_s, &s, &file, e);
	if (r >= 0) {
		x->env->random(x->env->ctx, random10, sizeof(random10));
		time_uuid7(now_ms, random10, id16);
		r = put_sealed(x, m, id16, now_s, &s, &file, e);
	}
	for (size_t i = 0; r >= 0 && i < m->to_n; i++)
		r = put_recipient(x, m, m->to[i], id16, now_s, file.len, e);
	buf_done(&s.manifest);
	if (r < 0)
		return r;
	wake(x, m);
	memcpy(ret_id16, id16, 16);
	return 0;
}
