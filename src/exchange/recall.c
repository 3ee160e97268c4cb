/* SPDX-License-Identifier: Apache-2.0
 * Recall: a node that was set back to an older store gets its own messages back from the peers that stored them
 * (docs/protocol/streams.md 6.1).
 *
 * The cursor (recall_epoch, recall_seq) of the stream's row says how far it is; each item and its cursor are one transaction, so
 * that a crash goes on where it was. What came back proves itself by this node's own signatures. */
#include "exchange/recall.h"
#include "crypto/crypto.h"
#include "exchange/exchange-int.h"
#include "exchange/fault.h"
#include "exchange/receipt.h"
#include "wire/parcel.h"
#include <string.h>

#define RECALL_TYPE NOTE_TYPE_PREFIX "recall/v1"
#define RECALLED_MEDIA_TYPE "application/vnd.lugdunum.recalled"
enum {
	RECALL_ITEMS_MAX = 64,
	RECALL_BYTES_MAX =
		2 << 20, /* no further item behind this: one of 8 MiB still fits into a body */
};

/* ---- the question ---- */

static int ask_encode(uint64_t epoch, uint64_t seq, struct buf *out)
{
	struct note_writer w;
	char a[24], b[24];
	snprintf(a, sizeof(a), "%llu", (unsigned long long)epoch);
	snprintf(b, sizeof(b), "%llu", (unsigned long long)seq);
	const char *words[] = {a, b};
	note_writer_init(&w, out, RECALL_TYPE);
	note_put_words(&w, "after", words, ARRAY_LEN(words));
	return note_writer_end(&w);
}

static int ask_decode(const void *body, size_t len, struct stream_at *ret, struct err *e)
{
	struct cur c = cur_init(body, len);
	const void *text;
	size_t text_len;
	struct note_reader r;
	struct note_word w[2];
	int k = frame_next(&c, &text, &text_len);
	if (k <= 0)
		return err_set(e, k < 0 ? k : -ERR_FORMAT, "recall", "One frame is expected.");
	note_reader_init(&r, text, text_len, RECALL_TYPE);
	note_get_words(&r, "after", w, ARRAY_LEN(w));
	ret->epoch = note_word_u64(&r, w[0], INT64_MAX);
	ret->seq = note_word_u64(&r, w[1], INT64_MAX);
	return note_reader_end(&r, e);
}

/* ---- giving back ---- */

struct giving { /* one message on its way back */
	struct exchange *x;
	const char *peer;
	uint8_t id16[16];
	struct buf notes, parts; /* frames of notes; the parts' bytes, one behind the other */
	struct parcel_content content[EXCHANGE_PARTS_MAX];
	char types[EXCHANGE_PARTS_MAX][PARCEL_MEDIA_MAX + 1];
	size_t content_n;
};

static void giving_done(struct giving *g)
{
	buf_done(&g->notes);
	buf_done(&g->parts);
}

static int give_manifest(struct giving *g, struct err *e)
{
	STORE_ROWS(rows);
	size_t len;
	int r = store_first(g->x->s, "SELECT manifest FROM exchange_in WHERE peer = ? AND id = ?",
			    VALS(val_text(g->peer), val_blob(g->id16, 16)), &rows, e);
	if (r <= 0)
		return r;
	const void *p = row_blob(&rows, "manifest", &len);
	if (len)
		frame_put(&g->notes, p, len);
	return row_err(&rows, e);
}

/* Offsets first, since the buffer moves while it grows. */
static int give_parts(struct giving *g, struct err *e)
{
	STORE_ROWS(rows);
	size_t at = 0, len;
	g->content_n = 1; /* the notes */
	int r = store_query(
		g->x->s,
		"SELECT media_type, bytes FROM exchange_part WHERE peer = ? AND id = ? ORDER BY n",
		VALS(val_text(g->peer), val_blob(g->id16, 16)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		if (g->content_n == EXCHANGE_PARTS_MAX)
			return -ERR_OVERSIZE;
		size_t i = g->content_n++;
		snprintf(g->types[i], sizeof(g->types[i]), "%s",
			 row_text(&rows, "media_type", NULL));
		const void *p = row_blob(&rows, "bytes", &len);
		buf_put(&g->parts, p, len);
		g->content[i] = (struct parcel_content){g->types[i], NULL, len};
	}
	if (r >= 0)
		r = row_err(&rows, e);
	if (r >= 0)
		r = buf_err(&g->parts);
	for (size_t i = 1; r >= 0 && i < g->content_n; at += g->content[i++].len)
		g->content[i].p = g->parts.p + at;
	return r;
}

static int sign_evidence(void *ctx, struct buf *text, struct err *e)
{
	struct exchange *x = ctx;
	return x->env->sign(x->env->ctx, EXCHANGE_KEY_EVIDENCE, text, e);
}

static int seal(struct giving *g, size_t content_n, struct buf *file, struct err *e)
{
	struct exchange *x = g->x;
	struct directory_epoch epoch;
	struct parcel_manifest m = {.to_n = 1};
	uint8_t key[1][AGE_KEY_LEN];
	const struct note_signer signer = {sign_evidence, x};
	char *const codes[] = {m.officer,  m.case_ref, m.purpose, m.basis,
			       m.handling, m.marking,  m.grade};
	snprintf(m.from, sizeof(m.from), "%s", x->node);
	snprintf(m.to[0], sizeof(m.to[0]), "%s", g->peer);
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		memcpy(codes[i], "-", 2);
	int r = directory_epoch_key(x->dir, g->peer, exchange_now_s(x), &epoch, e);
	if (r < 0)
		return r;
	memcpy(key[0], epoch.pk32, AGE_KEY_LEN);
	return parcel_seal(&m, g->content, content_n, (const uint8_t(*)[AGE_KEY_LEN])key, 1,
			   &signer, x->env->random, x->env->ctx, file, e);
}

static int give_item(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		     const struct buf *outer, struct buf *reply, struct err *e)
{
	_cleanup_(giving_done) struct giving g = {.x = x, .peer = peer};
	_cleanup_(buf_done) struct buf file;
	memcpy(g.id16, id16, 16);
	buf_init(&g.notes, EXCHANGE_PART_MAX);
	buf_init(&g.parts, PARCEL_FILE_MAX);
	buf_init(&file, PARCEL_FILE_MAX);
	int r = give_manifest(&g, e);
	if (r >= 0)
		r = receipt_frames(x, peer, id16, &g.notes, e);
	if (r < 0)
		return r;
	g.content[0] = (struct parcel_content){RECALLED_MEDIA_TYPE, g.notes.p, g.notes.len};
	r = give_parts(&g, e);
	if (r >= 0)
		r = seal(&g, g.content_n, &file, e);
	if (r == -ERR_OVERSIZE) { /* the existence alone */
		buf_clear(&file);
		r = seal(&g, 1, &file, e);
	}
	if (r < 0)
		return r;
	frame_put(reply, outer->p, outer->len);
	frame_put(reply, file.p, file.len);
	return buf_err(reply);
}

static int is_unopened(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		       struct err *e)
{
	STORE_ROWS(rows);
	return store_first(x->s,
			   "SELECT id FROM exchange_in WHERE peer = ? AND id = ? AND state = 1",
			   VALS(val_text(peer), val_blob(id16, 16)), &rows, e);
}

/* What is stored but not opened here would come back without its parts, and might have its effect afterwards: it is opened first,
 * after all that came before it. */
static int open_first(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		      struct err *e)
{
	bool more = false;
	int opened = 0, r = is_unopened(x, peer, id16, e);
	if (r <= 0)
		return r;
	do
		opened = inbox_open_waiting(x, &more, NULL);
	while (opened >= 0 && more);
	r = is_unopened(x, peer, id16, e);
	return r > 0 ? err_set(e, ERR_AGAIN, "recall", "A message cannot be opened now.") : r;
}

static int give_next(struct exchange *x, const char *peer, struct stream_at *at, struct buf *reply,
		     struct err *e)
{
	_cleanup_(buf_done) struct buf outer;
	uint8_t id16[16];
	size_t len;
	buf_init(&outer, NOTE_MAX);
	{
		STORE_ROWS(rows);
		int r = store_first(
			x->s,
			"SELECT epoch, seq, id, note FROM exchange_place WHERE peer = ? AND"
			" (epoch > ? OR (epoch = ? AND seq > ?)) ORDER BY epoch, seq LIMIT 1",
			VALS(val_text(peer), val_u64(at->epoch), val_u64(at->epoch),
			     val_u64(at->seq)),
			&rows, e);
		if (r <= 0)
			return r;
		at->epoch = row_u64(&rows, "epoch");
		at->seq = row_u64(&rows, "seq");
		row_copy(&rows, "id", id16, 16);
		const void *p = row_blob(&rows, "note", &len);
		buf_put(&outer, p, len);
		r = row_err(&rows, e);
		if (r < 0)
			return r;
	}
	int r = open_first(x, peer, id16, e);
	if (r >= 0)
		r = give_item(x, peer, id16, &outer, reply, e);
	return r < 0 ? r : 1;
}

int recall_receive(struct exchange *x, struct peer *p, const void *body, size_t len,
		   struct buf *reply, struct err *e)
{
	struct stream_at at = {0};
	int r = ask_decode(body, len, &at, e);
	for (int i = 0; r >= 0 && i < RECALL_ITEMS_MAX && reply->len <= RECALL_BYTES_MAX; i++)
		if ((r = give_next(x, p->name, &at, reply, e)) <= 0)
			break;
	if (r == -ERR_AGAIN && reply->len) /* the next question meets it first */
		return 0;
	return r < 0 ? r : 0;
}

/* ---- taking ---- */

struct taking { /* one item that came back */
	struct exchange *x;
	struct peer *p;
	struct note note; /* outer note */
	struct parcel_outer outer;
	const void *file;
	size_t file_len;
	struct parcel_inside *in;	 /* NULL: only its existence is proved */
	struct parcel_manifest manifest; /* of the message itself; parts_n 0: not opened there */
};

static int taking_open(void *ctx, const uint8_t share32[static 32],
		       const uint8_t wrapped32[static AGE_WRAPPED_LEN],
		       uint8_t ret_file_key16[static AGE_FILE_KEY_LEN], struct err *e)
{
	struct taking *t = ctx;
	return t->x->env->unwrap(t->x->env->ctx, share32, wrapped32, ret_file_key16, e);
}

static int taking_verify(void *ctx, const struct note *note, const struct parcel_manifest *m,
			 struct err *e)
{
	struct taking *t = ctx;
	return exchange_note_verify_as(t->x, t->p->name, DIRECTORY_KEY_EVIDENCE, note,
				       exchange_now_s(t->x), e);
}

/* The outer note: by this node, to this peer. */
static int check_outer(struct taking *t, struct err *e)
{
	int r = parcel_outer_decode(t->note.p, t->note.text_len, &t->outer, e);
	if (r >= 0 &&
	    (strcmp(t->outer.from, t->x->node) != 0 || strcmp(t->outer.to, t->p->name) != 0))
		r = err_set(e, ERR_INVAL, "from", "A message between others.");
	return r < 0 ? r : exchange_note_verify(t->x, t->x->node, &t->note, t->outer.time_s, e);
}

static int check_manifest(struct taking *t, const struct note *n, struct err *e)
{
	const struct parcel_manifest *m = &t->manifest;
	int r = parcel_manifest_decode(n->p, n->text_len, &t->manifest, e);
	if (r >= 0)
		r = exchange_note_verify_as(t->x, t->x->node, DIRECTORY_KEY_EVIDENCE, n,
					    t->outer.time_s, e);
	if (r >= 0 && (strcmp(m->from, t->x->node) != 0 || !parcel_to_has(m, t->p->name)))
		r = err_set(e, ERR_INVAL, "manifest", "The inside is of another message.");
	if (r >= 0 && t->in->manifest.parts_n == 1)
		t->manifest.parts_n = 0; /* the parts did not fit */
	if (r >= 0 && m->parts_n && m->parts_n != t->in->manifest.parts_n - 1)
		r = err_set(e, ERR_CRYPTO, "parts", "Not the parts that the manifest names.");
	for (size_t i = 0; r >= 0 && i < m->parts_n; i++) {
		uint8_t hash32[SHA256_LEN];
		sha256(t->in->parts[i + 1].p, t->in->parts[i + 1].len, hash32);
		if (memcmp(hash32, m->parts[i].sha256, 32) != 0)
			r = err_set(e, ERR_CRYPTO, "parts", "A part has another hash.");
	}
	return r;
}

static int put_rows(struct taking *t, struct err *e)
{
	const struct parcel_outer *o = &t->outer;
	struct exchange *x = t->x;
	uint8_t text32[32];
	int64_t ord, n = exchange_next_ord(x, &ord, e);
	note_text_hash(&t->note, text32);
	if (n >= 0)
		n = store_exec(
			x->s,
			"INSERT INTO exchange_sealed (id, class, posted_s, expires_s, size, hash, manifest, file)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
			VALS(val_blob(o->id16, 16), val_i64(o->class), val_i64(o->time_s),
			     val_i64(o->expires_s), val_u64(o->size), val_blob(o->sha256, 32),
			     val_blob(NULL, 0), val_blob(NULL, 0)),
			e);
	if (n >= 0)
		n = store_exec(
			x->s,
			"INSERT INTO exchange_out (peer, id, ord, lane, class, size, state, settled, reason, posted_s,"
			" expires_s, epoch, seq, note, text_hash, stored_s, decided_s, seen_s, acted_s, warned, tries,"
			" tried_s, last_error) VALUES (?, ?, ?, ?, ?, ?, ?, 1, '', ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 1, 1, ?, 0)"
			" ON CONFLICT (peer, id) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq,"
			" note = excluded.note, text_hash = excluded.text_hash, settled = 1",
			VALS(val_text(t->p->name), val_blob(o->id16, 16), val_i64(ord),
			     val_i64(exchange_lane((enum exchange_class)o->class)),
			     val_i64(o->class), val_u64(o->size), val_i64(EXCHANGE_STORED),
			     val_i64(o->time_s), val_i64(o->expires_s), val_u64(o->epoch),
			     val_u64(o->seq), val_blob(t->note.p, t->note.len),
			     val_blob(text32, 32), val_i64(o->time_s)),
			e);
	return n < 0 ? (int)n : 0;
}

static int put_inside(struct taking *t, const struct note *n, struct err *e)
{
	int64_t r = store_exec(
		t->x->s,
		"UPDATE exchange_sealed SET manifest = ? WHERE id = ? AND LENGTH(manifest) = 0",
		VALS(val_blob(n->p, n->len), val_blob(t->outer.id16, 16)), e);
	for (size_t i = 0; r >= 0 && i < t->manifest.parts_n; i++)
		r = store_exec(
			t->x->s,
			"INSERT INTO exchange_part (peer, id, n, media_type, bytes) VALUES ('', ?, ?, ?, ?)"
			" ON CONFLICT DO NOTHING",
			VALS(val_blob(t->outer.id16, 16), val_i64((int64_t)i),
			     val_text(t->in->parts[i + 1].media_type),
			     val_blob(t->in->parts[i + 1].p, t->in->parts[i + 1].len)),
			e);
	return r < 0 ? (int)r : 0;
}

/* In a transaction of its own inside: what a handler cannot take up leaves the message's own rows as they are. */
static int hand_over(struct taking *t, const struct handler *h, const struct exchange_message *m,
		     struct err *e)
{
	STORE_TXN(txn);
	struct err why = {0};
	int r = store_begin(t->x->s, STORE_WRITE, &txn, e);
	if (r < 0)
		return r;
	r = h->recalled(h->ctx, t->x, m, &why);
	if (r == -ERR_IO || r == -ERR_NOSPC || r == -ERR_NOMEM || r == -ERR_BUSY)
		return err_set(e, r, "recall", "%s", why.message);
	if (r >= 0)
		return store_commit(&txn, e);
	exchange_tell(
		t->x, EXCHANGE_EV_RECALL, true, t->p->name, m->id16, r,
		"A message that %s gave back is there, but what it was about is not as it was: %s",
		t->p->name, why.message);
	return 0;
}

static int hand_over_parts(struct taking *t, struct err *e)
{
	const struct parcel_manifest *f = &t->manifest;
	struct exchange_part parts[EXCHANGE_PARTS_MAX];
	struct exchange_message m = {
		.from = t->x->node,
		.to = t->p->name,
		.class = (enum exchange_class)t->outer.class,
		.sent_s = t->outer.time_s,
		.expires_s = t->outer.expires_s,
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
	int r = 0;
	memcpy(m.id16, t->outer.id16, 16);
	for (size_t i = 0; i < f->parts_n; i++)
		parts[i] = (struct exchange_part){t->in->parts[i + 1].media_type,
						  t->in->parts[i + 1].p, t->in->parts[i + 1].len};
	for (m.part = 0; r >= 0 && m.part < m.parts_n; m.part++)
		for (size_t h = 0; r >= 0 && h < t->x->handlers_n; h++)
			if (t->x->handlers[h].recalled &&
			    strcmp(t->x->handlers[h].media_type, parts[m.part].media_type) == 0)
				r = hand_over(t, &t->x->handlers[h], &m, e);
	return r;
}

/* The notes of the first part: the manifest, then receipts. */
static int take_notes(struct taking *t, struct err *e)
{
	struct cur c = cur_init(t->in->parts[0].p, t->in->parts[0].len);
	const void *frame;
	size_t len;
	struct note n;
	int r;
	while ((r = frame_next(&c, &frame, &len)) > 0) {
		if ((r = note_parse(frame, len, &n, e)) < 0)
			return r;
		if (!note_is(&n, RECEIPT_TYPE)) {
			r = check_manifest(t, &n, e);
			if (r >= 0)
				r = put_inside(t, &n, e);
			if (r >= 0)
				r = hand_over_parts(t, e);
		} else {
			r = receipt_take(t->x, t->p->name, frame, len, e);
		}
		if (r < 0)
			return r;
	}
	return r;
}

static int take(struct taking *t, struct err *e)
{
	char target[48] = "parcel ";
	const struct parcel_outer way = {.epoch = 1, .seq = 1};
	struct parcel_outer outer = way;
	int r = check_outer(t, e);
	if (r < 0)
		return r;
	snprintf(outer.from, sizeof(outer.from), "%s", t->p->name);
	snprintf(outer.to, sizeof(outer.to), "%s", t->x->node);
	r = parcel_open(t->file, t->file_len, &outer, taking_open, t, taking_verify, t, &t->in, e);
	if (r < 0 && r != -ERR_NO_MATCH)
		return r;
	if (t->in && strcmp(t->in->parts[0].media_type, RECALLED_MEDIA_TYPE) != 0)
		return err_set(e, ERR_FORMAT, "recall", "The first part is of another type.");
	r = put_rows(t, e);
	if (r >= 0 && t->in)
		r = take_notes(t, e);
	hex_encode(t->outer.id16, 16, target + 7);
	return r < 0 ? r
		     : exchange_audit(t->x, AUDIT_RECEIVE, t->p->name, "parcel.recall", target,
				      NULL, e);
}

/* Failures that are not the item's fault. A revoked key of this node's own stays revoked. */
static bool later(int code)
{
	return exchange_temporary(code) && code != -ERR_KEY_REVOKED;
}

/* An item and the cursor behind it: one transaction. What does not hold is told and passed over. */
static int take_item(struct taking *t, struct stream *out, struct err *e)
{
	STORE_TXN(txn);
	struct err why = {0};
	struct exchange *x = t->x;
	bool next = t->outer.epoch > out->recall_epoch || t->outer.seq == out->recall_seq + 1;
	int r = store_begin(x->s, STORE_WRITE, &txn, e);
	if (r < 0)
		return r;
	{
		STORE_TXN(inner);
		r = store_begin(x->s, STORE_WRITE, &inner, e);
		int code = r < 0 ? r : take(t, &why);
		if (code < 0 && later(code))
			return err_set(e, code, "recall", "%s", why.message);
		if (code >= 0)
			r = store_commit(&inner, e);
		if (code < 0 || !next)
			exchange_tell(
				x, EXCHANGE_EV_RECALL, true, t->p->name, t->outer.id16,
				code < 0 ? code : -ERR_GAP,
				"Not everything that was sent to %s came back from it after the restore: %s",
				t->p->name, code < 0 ? why.message : "a number is missing.");
	}
	out->recall_epoch = t->outer.epoch;
	out->recall_seq = t->outer.seq;
	if (r >= 0)
		r = stream_out_save(x, t->p->name, out, e);
	return r < 0 ? r : store_commit(&txn, e);
}

static int item_next(struct cur *c, struct taking *t, struct err *e)
{
	const void *frame;
	size_t len;
	int r = frame_next(c, &frame, &len);
	if (r <= 0)
		return r;
	r = note_parse(frame, len, &t->note, e);
	if (r >= 0)
		r = parcel_outer_decode(t->note.p, t->note.text_len, &t->outer, e);
	if (r < 0)
		return r;
	t->file_len = cur_u32be(c);
	t->file = t->file_len <= PARCEL_FILE_MAX ? cur_bytes(c, t->file_len) : NULL;
	return t->file && !c->error ? 1 : err_set(e, ERR_FORMAT, "recall", "An item is cut off.");
}

static int take_reply(struct exchange *x, struct peer *p, struct stream *out, const void *reply,
		      size_t len, unsigned *n, struct err *e)
{
	struct cur c = cur_init(reply, len);
	_cleanup_(freep) struct taking *t = calloc(1, sizeof(*t));
	int r = t ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
	while (r >= 0 && *n < RECALL_ITEMS_MAX) {
		*t = (struct taking){.x = x, .p = p};
		if ((r = item_next(&c, t, e)) <= 0)
			break;
		if (t->outer.epoch < out->recall_epoch ||
		    (t->outer.epoch == out->recall_epoch && t->outer.seq <= out->recall_seq))
			return err_set(e, ERR_FORMAT, "recall", "The items are not in order.");
		r = take_item(t, out, e);
		t->in = parcel_inside_free(t->in);
		++*n;
	}
	return r;
}

/* ---- the slot ---- */

int recall_begin(struct exchange *x, struct peer *p, struct err *e)
{
	_cleanup_(stream_done) struct stream out;
	int r = stream_out_load(x, p->name, &out, e);
	if (r < 0 || out.recall || FAULT(NO_RECALL))
		return r;
	out.recall = true;
	out.recall_epoch = out.epoch;
	out.recall_seq = out.seq;
	p->slot[SLOT_RECALL].due_ms = 0;
	return stream_out_save(x, p->name, &out, e);
}

int recall_pump(struct exchange *x, struct peer *p, struct err *e)
{
	_cleanup_(stream_done) struct stream out;
	_cleanup_(buf_done) struct buf text, body;
	buf_init(&text, NOTE_TEXT_MAX);
	buf_init(&body, EXCHANGE_FRAME_MAX);
	p->slot[SLOT_RECALL].due_ms = EXCHANGE_NEVER;
	int r = stream_out_load(x, p->name, &out, e);
	if (r < 0 || !out.recall)
		return r;
	r = ask_encode(out.recall_epoch, out.recall_seq, &text);
	if (r < 0)
		return err_set(e, r, "recall", NULL);
	frame_put(&body, text.p, text.len);
	slot_send(x, p, SLOT_RECALL, EXCHANGE_RECALL, &body);
	return 0;
}

static int finish(struct exchange *x, struct peer *p, struct stream *out, struct err *e)
{
	STORE_TXN(txn);
	out->recall = false;
	int r = store_begin(x->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = stream_out_save(x, p->name, out, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	if (r < 0)
		return r;
	exchange_tell(x, EXCHANGE_EV_RECALL, false, p->name, NULL, 0,
		      "%s has given back what it held of this node's newer messages.", p->name);
	heads_soon(p);
	lanes_wake(p);
	return 0;
}

/* Every item that can be read; the end when there was none. */
static int take_all(struct exchange *x, struct peer *p, struct stream *out, const void *reply,
		    size_t len, struct err *e)
{
	unsigned n = 0;
	struct err why = {0};
	int r = take_reply(x, p, out, reply, len, &n, &why);
	if (r < 0 && later(r))
		return err_set(e, r, "recall", "%s", why.message);
	if (r < 0)
		exchange_tell(x, EXCHANGE_EV_RECALL, true, p->name, NULL, r,
			      "What %s gives back after the restore cannot be read: %s", p->name,
			      why.message);
	return r < 0 || n == 0 ? finish(x, p, out, e) : 0;
}

int recall_outcome(struct exchange *x, struct peer *p, unsigned status, const void *reply,
		   size_t len, struct err *e)
{
	_cleanup_(stream_done) struct stream out;
	buf_init(&out.reset, 0);
	int r = status == 200 ? stream_out_load(x, p->name, &out, e) : -ERR_OFFLINE;
	if (r >= 0 && out.recall)
		r = take_all(x, p, &out, reply, len, e);
	if (r == -ERR_KEY_UNKNOWN)
		p->slot[SLOT_NOTES].due_ms = 0; /* an own note that is newer than the copy */
	if (r >= 0)
		slot_done(&p->slot[SLOT_RECALL], out.recall ? 0 : EXCHANGE_NEVER);
	else
		slot_failed(x, p, SLOT_RECALL);
	return r == -ERR_IO || r == -ERR_NOSPC ? r : 0;
}
