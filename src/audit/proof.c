/* SPDX-License-Identifier: Apache-2.0
 * Proofs about single entries: reading them, and proving that they are in the tree (C2SP tlog-proof). */
#include "audit/audit-int.h"
#include "audit/witness.h"
#include "base/file.h"
#include "base/text.h"

static const char proof_line[] = "c2sp.org/tlog-proof@v1";

/* ---- reading ---- */

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

/* The checkpoint to prove against: the countersigned one, when the entry is in it. Its tree is the beginning of the folder's. */
static void choose_head(struct folder *f, const char *dir, uint64_t seq)
{
	char path[FOLDER_PATH_MAX + TILE_NAME_MAX];
	struct audit_checkpoint head;
	struct buf note _cleanup_(buf_done);
	buf_init(&note, NOTE_MAX);
	if (cosigned_path(dir, path, NULL) < 0 || file_read(path, &note, NULL) < 0 ||
	    audit_checkpoint_parse(note.p, note.len, &head, NULL) < 0 || seq >= head.size ||
	    head.size > f->head.size)
		return;
	f->head = head;
	buf_clear(&f->note);
	buf_put(&f->note, note.p, note.len);
}

static int prove(struct folder *f, const char *dir, uint64_t seq, struct buf *entry,
		 struct buf *out, struct err *e)
{
	uint8_t proof[MERKLE_PROOF_MAX][32], leaf32[32];
	size_t n = 0;
	struct merkle_source src = tile_source(f->tiles);
	int r = read_entry(f, seq, entry, e);
	if (r == 0)
		choose_head(f, dir, seq);
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
	r = prove(&f, dir, seq, &entry, b, e);
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

static int parse_proof(const void *p, size_t len, struct proof_text *text, struct err *e)
{
	if (len > AUDIT_PROOF_MAX)
		return err_set(e, ERR_OVERSIZE, "proof", "A proof is larger than %d bytes.",
			       AUDIT_PROOF_MAX);
	struct cur c = cur_init(p, len);
	if (!read_proof(&c, text))
		return err_set(e, ERR_FORMAT, "proof",
			       "Not a proof of an audit entry: malformed near byte %zu.", c.pos);
	return 0;
}

int audit_proof_cosigned(const void *p, size_t len, const struct note_verifier *witness,
			 int64_t *ret_time_s, struct err *e)
{
	struct proof_text text = {0};
	int r = parse_proof(p, len, &text, e);
	return r < 0 ? r : cosignature_check(text.note, text.note_len, witness, ret_time_s, e);
}

int audit_proof_verify(const void *p, size_t len, const struct note_verifier *key,
		       struct audit_proof *ret_proof, struct err *e)
{
	struct proof_text text = {0};
	struct audit_proof proof;
	int r = parse_proof(p, len, &text, e);
	if (r == 0)
		r = audit_checkpoint_check(text.note, text.note_len, key, &proof.head, e);
	if (r == 0)
		r = audit_entry_parse(text.entry, text.entry_len, &proof.entry, e);
	if (r == 0)
		r = check_proof(&text, &proof, e);
	if (r == 0)
		*ret_proof = proof;
	return r;
}
