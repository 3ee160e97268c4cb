/* SPDX-License-Identifier: Apache-2.0
 * Parcels: framing, sealing, opening.
 *
 * Padding: the whole text fills a bucket exactly. The manifest says how many bytes of padding there are, so its own length
 * depends on the digits of that number; and the length of its signatures is known for sure only once they are made. So the
 * writer assumes the one line of a key named <from>/evidence, signs, and when the lines turn out longer or shorter, signs
 * once more with the length that it has learned. */
#include "wire/parcel.h"
#include "base/text.h"
#include "crypto/crypto.h"

enum { LEN_LEN = 4, SEAL_TRIES = 3 };

/* ---- framing ---- */

int parcel_put(struct buf *out, const void *note, size_t note_len, const void *file,
	       size_t file_len)
{
	if (note_len > PARCEL_NOTE_MAX || file_len > PARCEL_FILE_MAX)
		return -ERR_OVERSIZE;
	buf_u32be(out, (uint32_t)note_len);
	buf_put(out, note, note_len);
	buf_put(out, file, file_len);
	return buf_err(out);
}

int parcel_next(struct cur *body, struct parcel *ret, struct err *e)
{
	struct parcel p;
	if (!body->error && !cur_left(body))
		return 0;
	uint32_t note_len = cur_u32be(body);
	if (note_len > PARCEL_NOTE_MAX)
		cur_fail(body, ERR_OVERSIZE);
	const uint8_t *note = cur_bytes(body, note_len);
	if (!note)
		return err_set(
			e, body->error, "note",
			"parcel at byte %zu: its outer note is longer than allowed, or cut off",
			body->pos);
	int r = note_parse(note, note_len, &p.note, e);
	if (r == 0)
		r = parcel_outer_decode(p.note.p, p.note.text_len, &p.outer, e);
	if (r < 0)
		return cur_fail(body, r);
	p.file = cur_bytes(body, p.outer.size);
	if (!p.file)
		return err_set(e, body->error, "size", "the parcel's file is cut off");
	*ret = p;
	return 1;
}

/* ---- padding ---- */

uint64_t parcel_bucket(uint64_t len)
{
	if (len <= PARCEL_BUCKET_MIN)
		return PARCEL_BUCKET_MIN;
	unsigned top = 63 - (unsigned)__builtin_clzll(len - 1);
	uint64_t step = UINT64_C(1) << (top - 2);
	return (len + step - 1) / step * step;
}

static unsigned digits(uint64_t v)
{
	unsigned n = 1;
	while (v /= 10)
		n++;
	return n;
}

/* The padding that, with its own digits, fills the smallest bucket that can be filled. fixed_len is all but both. */
static uint64_t pad_for(uint64_t fixed_len)
{
	for (uint64_t bucket = parcel_bucket(fixed_len + 1);; bucket = parcel_bucket(bucket + 1))
		for (unsigned n = 1; n <= 8 && fixed_len + n <= bucket; n++)
			if (digits(bucket - fixed_len - n) == n)
				return bucket - fixed_len - n;
}

/* ---- sealing ---- */

static void sort_to(struct parcel_manifest *m)
{
	for (size_t i = 1; i < m->to_n; i++) {
		char name[PARCEL_NAME_MAX + 1];
		memcpy(name, m->to[i], sizeof(name));
		size_t k = i;
		for (; k > 0 && strcmp(m->to[k - 1], name) > 0; k--)
			memcpy(m->to[k], m->to[k - 1], sizeof(name));
		memcpy(m->to[k], name, sizeof(name));
	}
}

static int fill_parts(struct parcel_manifest *m, const struct parcel_content *parts, size_t n,
		      struct err *e)
{
	if (n < 1 || n > PARCEL_PARTS_MAX || m->to_n < 1 || m->to_n > PARCEL_TO_MAX)
		return err_set(e, ERR_RANGE, "parts",
			       "%zu parts (1 to %d) for %zu recipients (1 to %d)", n,
			       PARCEL_PARTS_MAX, m->to_n, PARCEL_TO_MAX);
	for (size_t i = 0; i < n; i++) {
		struct parcel_part *part = &m->parts[i];
		size_t len = strnlen(parts[i].media_type, sizeof(part->media_type));
		if (parts[i].len > PARCEL_PART_MAX || len == sizeof(part->media_type))
			return err_set(e, ERR_OVERSIZE, "parts",
				       "part %zu: at most %d bytes, and %d of media type", i + 1,
				       PARCEL_PART_MAX, PARCEL_MEDIA_MAX);
		*part = (struct parcel_part){.size = parts[i].len};
		memcpy(part->media_type, parts[i].media_type, len);
		sha256(parts[i].p, parts[i].len, part->sha256);
	}
	m->parts_n = n;
	sort_to(m);
	return 0;
}

static uint64_t parts_len(const struct parcel_manifest *m)
{
	uint64_t len = 0;
	for (size_t i = 0; i < m->parts_n; i++)
		len += m->parts[i].size;
	return len;
}

/* Writes the signed manifest, for signature lines of sigs_len bytes. Returns how long they are, or an error. */
static int64_t sign_manifest(struct parcel_manifest *m, uint64_t sigs_len,
			     const struct note_signer *signer, struct buf *note, struct err *e)
{
	buf_clear(note);
	m->pad = 0;
	int r = parcel_manifest_encode(m, note);
	if (r < 0)
		return err_set(e, r, "manifest", "a field of the manifest is not valid");
	const uint64_t fixed_len = LEN_LEN + note->len - 1 + sigs_len +
				   parts_len(m); /* without the digit of "pad 0" */
	m->pad = pad_for(fixed_len);
	if (fixed_len + digits(m->pad) + m->pad > PARCEL_TEXT_MAX)
		return err_set(e, ERR_OVERSIZE, "parts",
			       "together more than the %d bytes of a parcel", PARCEL_TEXT_MAX);
	buf_clear(note);
	r = parcel_manifest_encode(m, note);
	if (r < 0)
		return err_set(e, r, "manifest", "a field of the manifest is not valid");
	size_t text_len = note->len;
	r = signer->sign(signer->ctx, note, e);
	return r < 0 ? r : (int64_t)(note->len - text_len);
}

static int make_manifest(struct parcel_manifest *m, const struct note_signer *signer,
			 struct buf *note, struct err *e)
{
	/* Empty line, dash, name, space, base64 of 68 bytes, line feed. */
	uint64_t sigs_len = 1 + 4 + strlen(m->from) + strlen("/evidence") + 1 + BASE64_LEN(68) + 1;
	for (int i = 0; i < SEAL_TRIES; i++) {
		int64_t len = sign_manifest(m, sigs_len, signer, note, e);
		if (len < 0)
			return (int)len;
		if ((uint64_t)len == sigs_len)
			return 0;
		sigs_len = (uint64_t)len;
	}
	return err_set(e, ERR_INVAL, "manifest",
		       "the signature lines have another length each time");
}

static int seal_padding(struct age_seal *s, uint64_t pad, struct buf *file)
{
	static const uint8_t zeros[PARCEL_BUCKET_MIN];
	int r = 0;
	for (; r == 0 && pad; pad -= pad < sizeof(zeros) ? pad : sizeof(zeros))
		r = age_seal_update(s, zeros, pad < sizeof(zeros) ? pad : sizeof(zeros), file);
	return r;
}

static int seal_text(struct age_seal *s, const struct parcel_manifest *m, const struct buf *note,
		     const struct parcel_content *parts, struct buf *file)
{
	const uint8_t len_be[LEN_LEN] = {(uint8_t)(note->len >> 24), (uint8_t)(note->len >> 16),
					 (uint8_t)(note->len >> 8), (uint8_t)note->len};
	int r = age_seal_update(s, len_be, sizeof(len_be), file);
	if (r == 0)
		r = age_seal_update(s, note->p, note->len, file);
	for (size_t i = 0; r == 0 && i < m->parts_n; i++)
		r = age_seal_update(s, parts[i].p, parts[i].len, file);
	if (r == 0)
		r = seal_padding(s, m->pad, file);
	return r < 0 ? r : age_seal_end(s, file);
}

int parcel_seal(struct parcel_manifest *m, const struct parcel_content *parts, size_t parts_n,
		const uint8_t (*recipients)[AGE_KEY_LEN], size_t recipients_n,
		const struct note_signer *signer, age_random_fn *random, void *random_ctx,
		struct buf *file, struct err *e)
{
	struct buf note;
	_cleanup_(age_seal_freep) struct age_seal *s = NULL;
	int r = fill_parts(m, parts, parts_n, e);
	if (r < 0)
		return r;
	buf_init(&note, PARCEL_MANIFEST_MAX);
	r = make_manifest(m, signer, &note, e);
	if (r == 0)
		r = age_seal_new(recipients, recipients_n, random, random_ctx, file, &s, e);
	if (r == 0) {
		r = seal_text(s, m, &note, parts, file);
		if (r < 0)
			err_set(e, r, NULL, NULL);
	}
	buf_done(&note);
	return r;
}

/* ---- opening ---- */

struct parcel_inside *parcel_inside_free(struct parcel_inside *in)
{
	if (in && in->text.p)
		secret_wipe(in->text.p, in->text.len);
	if (in)
		buf_done(&in->text);
	free(in);
	return NULL;
}

static int open_file(struct parcel_inside *in, const void *file, size_t len, age_unwrap_fn *unwrap,
		     void *unwrap_ctx, struct err *e)
{
	_cleanup_(age_open_freep) struct age_open *o = NULL;
	int r = age_open_new(unwrap, unwrap_ctx, &o);
	if (r < 0)
		return err_set(e, r, NULL, NULL);
	r = age_open_update(o, file, len, &in->text, e);
	return r < 0 ? r : age_open_end(o, &in->text, e);
}

/* The manifest, decoded, of the right node to the right node, and signed. */
static int read_manifest(struct parcel_inside *in, struct cur *c, const struct parcel_outer *outer,
			 parcel_verify_fn *verify, void *verify_ctx, struct err *e)
{
	struct parcel_manifest *m = &in->manifest;
	uint32_t len = cur_u32be(c);
	if (len > PARCEL_MANIFEST_MAX)
		return err_set(e, ERR_OVERSIZE, "manifest", "manifest of %u bytes; at most %d", len,
			       PARCEL_MANIFEST_MAX);
	const uint8_t *p = cur_bytes(c, len);
	if (!p)
		return err_set(e, ERR_TRUNCATED, "manifest", "the manifest is cut off");
	int r = note_parse(p, len, &in->note, e);
	if (r == 0)
		r = parcel_manifest_decode(in->note.p, in->note.text_len, m, e);
	if (r == 0)
		r = verify(verify_ctx, &in->note, m, e);
	if (r < 0)
		return r;
	if (strcmp(m->from, outer->from) != 0)
		return err_set(e, ERR_DENIED, "from", "sent by %s, but written by %s", outer->from,
			       m->from);
	if (!parcel_to_has(m, outer->to))
		return err_set(e, ERR_DENIED, "to",
			       "%s is not among the recipients that the writer names", outer->to);
	return 0;
}

static int read_parts(struct parcel_inside *in, struct cur *c, struct err *e)
{
	const struct parcel_manifest *m = &in->manifest;
	uint8_t hash[SHA256_LEN];
	for (size_t i = 0; i < m->parts_n; i++) {
		const struct parcel_part *part = &m->parts[i];
		const uint8_t *p = cur_bytes(c, part->size);
		if (!p)
			return err_set(e, ERR_TRUNCATED, "part", "part %zu is cut off", i + 1);
		sha256(p, part->size, hash);
		if (memcmp(hash, part->sha256, sizeof(hash)) != 0)
			return err_set(e, ERR_CRYPTO, "part",
				       "part %zu is not the one that the manifest speaks of",
				       i + 1);
		in->parts[i] = (struct parcel_content){part->media_type, p, part->size};
	}
	const uint8_t *pad = cur_bytes(c, m->pad);
	int r = cur_end(c);
	if (r < 0)
		return err_set(e, r, "pad", "the padding is not as long as the manifest says");
	for (size_t i = 0; i < m->pad; i++)
		if (pad[i])
			return err_set(e, ERR_FORMAT, "pad", "the padding is not zero");
	if (parcel_bucket(c->len) != c->len)
		return err_set(e, ERR_FORMAT, "pad", "%zu bytes of text do not fill a bucket",
			       c->len);
	return 0;
}

int parcel_open(const void *file, size_t len, const struct parcel_outer *outer,
		age_unwrap_fn *unwrap, void *unwrap_ctx, parcel_verify_fn *verify, void *verify_ctx,
		struct parcel_inside **ret, struct err *e)
{
	_cleanup_(parcel_inside_freep) struct parcel_inside *in = calloc(1, sizeof(*in));
	if (!in)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (len > PARCEL_FILE_MAX)
		return err_set(e, ERR_OVERSIZE, "size", "file of %zu bytes; at most %d", len,
			       PARCEL_FILE_MAX);
	buf_init(&in->text, PARCEL_TEXT_MAX);
	int r = open_file(in, file, len, unwrap, unwrap_ctx, e);
	if (r < 0)
		return r;
	struct cur c = cur_init(in->text.p, in->text.len);
	r = read_manifest(in, &c, outer, verify, verify_ctx, e);
	if (r == 0)
		r = read_parts(in, &c, e);
	if (r == 0)
		*ret = TAKE_PTR(in);
	return r;
}
