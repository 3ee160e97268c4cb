/* SPDX-License-Identifier: Apache-2.0
 * Proofs about single entries: reading them, proving that they are in the tree (C2SP tlog-proof), and exporting them. */
#include "audit/audit-int.h"
#include "base/text.h"
#include "base/time.h"
#include "store/store.h"

static const char proof_line[] = "c2sp.org/tlog-proof@v1";

/* ---- reading ---- */

/* A folder opened for reading: its checkpoint and its tiles. */
struct folder {
	struct buf note;
	struct audit_checkpoint head;
	struct tile_reader *tiles;
};

static void folder_done(struct folder *f)
{
	buf_done(&f->note);
	f->tiles = tile_reader_free(f->tiles);
}

static int folder_open(struct folder *f, const char *dir, struct err *e)
{
	*f = (struct folder){0};
	buf_init(&f->note, NOTE_MAX);
	int r = checkpoint_read(dir, &f->note, &f->head, e);
	if (r < 0)
		return r;
	f->tiles = tile_reader_new(dir, f->head.size);
	return f->tiles ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

static int read_entry(struct folder *f, uint64_t seq, struct buf *out, struct err *e)
{
	if (seq >= f->head.size)
		return err_set(e, ERR_RANGE, "seq",
			       "Audit entry %llu is not in the log: its checkpoint has %llu.",
			       (unsigned long long)seq, (unsigned long long)f->head.size);
	struct buf b;
	const uint8_t *p = NULL;
	size_t len = 0;
	buf_init(&b, BUNDLE_BYTES);
	int r = tile_entries(f->tiles, seq / TILE_WIDTH, &b, e);
	struct cur c = cur_init(b.p, b.len);
	for (uint64_t i = 0; r == 0 && i <= seq % TILE_WIDTH; i++)
		r = bundle_next(&c, &p, &len, e);
	if (r == 0) {
		buf_put(out, p, len);
		r = buf_err(out);
	}
	buf_done(&b);
	return r;
}

int audit_read(const char *dir, uint64_t seq, struct buf *b, struct err *e)
{
	_cleanup_(folder_done) struct folder f;
	int r = folder_open(&f, dir, e);
	return r < 0 ? r : read_entry(&f, seq, b, e);
}

/* ---- proving ---- */

static void write_proof(uint64_t seq, const struct buf *entry, const uint8_t (*proof)[32], size_t n,
			const struct buf *note, struct buf *out)
{
	char line[BASE64_LEN(AUDIT_ENTRY_MAX) + 1];
	base64_encode(BASE64_PADDED, entry->p, entry->len, line);
	buf_printf(out, "%s\nextra %s\nindex %llu\n", proof_line, line, (unsigned long long)seq);
	for (size_t i = 0; i < n; i++) {
		base64_encode(BASE64_PADDED, proof[i], 32, line);
		buf_printf(out, "%s\n", line);
	}
	buf_str(out, "\n");
	buf_put(out, note->p, note->len);
}

static int prove(struct folder *f, uint64_t seq, struct buf *entry, struct buf *out, struct err *e)
{
	uint8_t proof[MERKLE_PROOF_MAX][32], leaf32[32];
	size_t n = 0;
	struct merkle_source src = tile_source(f->tiles);
	int r = read_entry(f, seq, entry, e);
	if (r == 0)
		r = merkle_inclusion(&src, seq, f->head.size, proof, &n, e);
	if (r < 0)
		return r;
	merkle_leaf(entry->p, entry->len, leaf32);
	if (merkle_inclusion_check(seq, f->head.size, leaf32, (const uint8_t(*)[32])proof, n,
				   f->head.root32) < 0)
		return err_set(
			e, ERR_CORRUPT, "tile",
			"Audit entry %llu does not lead to the checkpoint's root: verify the log.",
			(unsigned long long)seq);
	write_proof(seq, entry, (const uint8_t(*)[32])proof, n, &f->note, out);
	return buf_err(out);
}

int audit_prove(const char *dir, uint64_t seq, struct buf *b, struct err *e)
{
	_cleanup_(folder_done) struct folder f;
	struct buf entry;
	int r = folder_open(&f, dir, e);
	if (r < 0)
		return r;
	buf_init(&entry, AUDIT_ENTRY_MAX);
	r = prove(&f, seq, &entry, b, e);
	buf_done(&entry);
	return r;
}

int audit_prove_growth(const char *dir, uint64_t size1, uint64_t size2, uint8_t (*proof)[32],
		       size_t *ret_n, struct err *e)
{
	_cleanup_(folder_done) struct folder f;
	int r = folder_open(&f, dir, e);
	if (r < 0)
		return r;
	if (size2 > f.head.size)
		return err_set(e, ERR_RANGE, "size", "The log has %llu entries, not %llu.",
			       (unsigned long long)f.head.size, (unsigned long long)size2);
	struct merkle_source src = tile_source(f.tiles);
	return merkle_consistency(&src, size1, size2, proof, ret_n, e);
}

/* ---- checking a proof ---- */

struct proof_text {
	uint8_t entry[AUDIT_ENTRY_MAX];
	size_t entry_len;
	uint64_t index;
	uint8_t hash[MERKLE_PROOF_MAX][32];
	size_t hash_n;
	const uint8_t *note;
	size_t note_len;
};

/* The rest of a line after its key and a space; NULL when the line has another key. */
static const char *line_value(struct cur *c, const char *key, size_t max, size_t *ret_len)
{
	size_t len = 0, key_len = strlen(key);
	const char *line = cur_line(c, key_len + 1 + max, &len);
	if (!line || len <= key_len || memcmp(line, key, key_len) != 0 || line[key_len] != ' ')
		return NULL;
	*ret_len = len - key_len - 1;
	return line + key_len + 1;
}

static bool read_hashes(struct cur *c, struct proof_text *t)
{
	for (;;) {
		size_t len = 0, n = 0;
		const char *line = cur_line(c, BASE64_LEN(32), &len);
		if (!line)
			return false;
		if (len == 0)
			return true;
		if (t->hash_n == MERKLE_PROOF_MAX ||
		    base64_decode(BASE64_PADDED, line, len, t->hash[t->hash_n], 32, &n) < 0 ||
		    n != 32)
			return false;
		t->hash_n++;
	}
}

static bool read_proof(struct cur *c, struct proof_text *t)
{
	size_t len = 0;
	const char *line = cur_line(c, strlen(proof_line), &len);
	if (!line || len != strlen(proof_line) || memcmp(line, proof_line, len) != 0)
		return false;
	line = line_value(c, "extra", BASE64_LEN(AUDIT_ENTRY_MAX), &len);
	if (!line ||
	    base64_decode(BASE64_PADDED, line, len, t->entry, sizeof(t->entry), &t->entry_len) < 0)
		return false;
	line = line_value(c, "index", 20, &len);
	if (!line || dec_parse_u64(line, len, INT64_MAX, &t->index) < 0 || !read_hashes(c, t))
		return false;
	t->note_len = cur_left(c);
	t->note = cur_bytes(c, t->note_len);
	return cur_end(c) == 0;
}

static int check_proof(const struct proof_text *t, const struct audit_proof *proof, struct err *e)
{
	uint8_t leaf32[32];
	if (proof->entry.seq != t->index)
		return err_set(e, ERR_CONFLICT, "index",
			       "The proof is of entry %llu, but the entry says %llu.",
			       (unsigned long long)t->index, (unsigned long long)proof->entry.seq);
	merkle_leaf(t->entry, t->entry_len, leaf32);
	if (merkle_inclusion_check(t->index, proof->head.size, leaf32,
				   (const uint8_t(*)[32])t->hash, t->hash_n,
				   proof->head.root32) < 0)
		return err_set(e, ERR_CORRUPT, "proof",
			       "The proof does not lead from entry %llu to the signed root.",
			       (unsigned long long)t->index);
	return 0;
}

int audit_proof_verify(const void *p, size_t len, const struct note_verifier *key,
		       struct audit_proof *ret_proof, struct err *e)
{
	struct proof_text text = {0};
	struct audit_proof proof;
	if (len > AUDIT_PROOF_MAX)
		return err_set(e, ERR_OVERSIZE, "proof", "A proof is larger than %d bytes.",
			       AUDIT_PROOF_MAX);
	struct cur c = cur_init(p, len);
	if (!read_proof(&c, &text))
		return err_set(e, ERR_FORMAT, "proof",
			       "Not a proof of an audit entry: malformed near byte %zu.", c.pos);
	int r = audit_checkpoint_check(text.note, text.note_len, key, &proof.head, e);
	if (r == 0)
		r = audit_entry_parse(text.entry, text.entry_len, &proof.entry, e);
	if (r == 0)
		r = check_proof(&text, &proof, e);
	if (r == 0)
		*ret_proof = proof;
	return r;
}

/* ---- exporting ---- */

/* Adds event and salt to the object, when they are still there and belong to the entry. */
static int put_event(struct store *s, const struct audit_entry *entry, json_t *o, struct err *e)
{
	STORE_ROWS(rows);
	uint8_t salt32[AUDIT_SALT_LEN], commit32[32];
	char hex[2 * AUDIT_SALT_LEN + 1];
	size_t len = 0;
	int r = store_first(s, "SELECT salt, event FROM audit_event WHERE seq = ?",
			    VALS(val_u64(entry->seq)), &rows, e);
	if (r <= 0)
		return r;
	row_copy(&rows, "salt", salt32, sizeof(salt32));
	const char *event = row_text(&rows, "event", &len);
	r = row_err(&rows, e);
	if (r < 0)
		return r;
	audit_commit(salt32, event, len, commit32);
	if (memcmp(commit32, entry->commit32, 32) != 0)
		return err_set(e, ERR_CORRUPT, "event",
			       "The event of audit entry %llu in the store was changed.",
			       (unsigned long long)entry->seq);
	hex_encode(salt32, sizeof(salt32), hex);
	/* As text, not as an object: the commitment is over these very bytes. */
	r = json_object_set_new(o, "event", json_stringn(event, len)) +
	    json_object_set_new(o, "salt", json_string(hex));
	return r < 0 ? err_set(e, ERR_NOMEM, NULL, NULL) : 0;
}

static json_t *entry_json(const struct audit_entry *entry)
{
	char time[TIME_TEXT_MAX], commit[BASE64_LEN(32) + 1];
	base64_encode(BASE64_PADDED, entry->commit32, 32, commit);
	return json_pack("{s:o, s:s, s:s, s:s}", "seq", json_u64(entry->seq), "time",
			 time_utc(entry->time_s, time), "type", audit_type_name(entry->type),
			 "commit", commit);
}

int audit_export_line(struct store *s, const char *dir, uint64_t seq, struct buf *b, struct err *e)
{
	struct audit_entry entry;
	struct buf text;
	buf_init(&text, AUDIT_ENTRY_MAX);
	int r = audit_read(dir, seq, &text, e);
	if (r == 0)
		r = audit_entry_parse(text.p, text.len, &entry, e);
	buf_done(&text);
	if (r < 0)
		return r;
	_cleanup_(json_decrefp) json_t *o = entry_json(&entry);
	if (o && s)
		r = put_event(s, &entry, o, e);
	if (r < 0)
		return r;
	_cleanup_(freep) char *line = o ? json_text(o) : NULL;
	if (!line)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	buf_printf(b, "%s\n", line);
	return buf_err(b);
}
