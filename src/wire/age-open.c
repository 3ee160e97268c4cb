/* SPDX-License-Identifier: Apache-2.0
 * Reader of age files: header, file key, MAC, nonce, chunks.
 *
 * A full chunk is held until one more byte comes (then it is not the last) or the end (then it is). Invariants: 1. Text goes
 * to the caller's buffer only after its chunk was authenticated in its place. 2. After an error nothing more is released and
 * every call returns that error. 3. The file key lives only inside header_end(). */
#include "wire/age-int.h"

enum age_stage { AGE_STAGE_HEADER, AGE_STAGE_NONCE, AGE_STAGE_PAYLOAD, AGE_STAGE_END };

struct age_open {
	age_unwrap_fn *unwrap;
	void *unwrap_ctx;
	enum age_stage stage;
	struct err error; /* the first one; code 0 while there is none */
	struct age_header header;
	uint8_t file_key[AGE_FILE_KEY_LEN]; /* until the nonce is complete */
	struct age_stream stream;
	size_t held;
	uint8_t chunk[AGE_SEALED_CHUNK_LEN]; /* nonce or sealed bytes that are not opened yet */
};

static int fail(struct age_open *o, int code, const char *field, const char *what)
{
	return err_set(&o->error, code, field, "%s: %s", field, what);
}

int age_open_new(age_unwrap_fn *unwrap, void *unwrap_ctx, struct age_open **ret_open)
{
	struct age_open *o = calloc(1, sizeof(*o));
	if (!o)
		return -ERR_NOMEM;
	o->unwrap = unwrap;
	o->unwrap_ctx = unwrap_ctx;
	age_header_init(&o->header);
	*ret_open = o;
	return 0;
}

struct age_open *age_open_free(struct age_open *o)
{
	if (o) {
		age_header_done(&o->header);
		secret_wipe(o, sizeof(*o));
	}
	free(o);
	return NULL;
}

static int find_file_key(struct age_open *o)
{
	const struct age_header *h = &o->header;
	for (size_t i = 0; i < h->stanzas_n; i++) {
		struct err e = {0};
		int r = o->unwrap(o->unwrap_ctx, h->stanzas[i].share32, h->stanzas[i].wrapped32,
				  o->file_key, &e);
		if (r == 0)
			return 0;
		if (r == -ERR_CRYPTO)
			return fail(o, r, "age-header", "the share of a stanza is of low order");
		if (r != -ERR_NO_MATCH)
			return fail(o, r, "age-header", e.code ? e.message : err_sentence(r));
	}
	return fail(o, ERR_NO_MATCH, "age-header", "no stanza is for a key held here");
}

static int header_end(struct age_open *o)
{
	uint8_t mac[32];
	const struct age_header *h = &o->header;
	int r = find_file_key(o);
	if (r < 0)
		return r;
	age_header_mac(o->file_key, h->text.p, h->mac_off, mac);
	if (!secret_equal(mac, h->mac32, sizeof(mac)))
		return fail(o, ERR_CRYPTO, "age-mac", "the header was changed");
	buf_done(&o->header.text);
	o->stage = AGE_STAGE_NONCE;
	return 0;
}

/* Opens one sealed chunk to out. The buffer is as before when it does not open. */
static int open_chunk(struct age_open *o, const uint8_t *p, size_t len, bool last, struct buf *out)
{
	uint8_t nonce[AEAD_NONCE_LEN];
	size_t text_len = len - AEAD_TAG_LEN;
	uint8_t *to = buf_space(out, text_len);
	if (!to)
		return buf_err(out);
	age_stream_nonce(&o->stream, last, nonce);
	int r = aead_open(o->stream.key32, nonce, NULL, 0, p, len, to);
	if (r < 0)
		out->len -= text_len;
	else
		o->stream.counter++;
	return r;
}

/* A full chunk that is followed by more. */
static int inner_chunk(struct age_open *o, const uint8_t *p, struct buf *out)
{
	int r = open_chunk(o, p, AGE_SEALED_CHUNK_LEN, false, out);
	if (r == 0)
		return 0;
	if (r != -ERR_CRYPTO)
		return fail(o, r, "age-payload", err_sentence(r));
	if (open_chunk(o, p, AGE_SEALED_CHUNK_LEN, true, out) == 0)
		return fail(o, ERR_TRAILING, "age-payload", "bytes follow the last chunk");
	return fail(o, ERR_CRYPTO, "age-payload", "a chunk was changed");
}

static size_t hold(struct age_open *o, const uint8_t *p, size_t len, size_t max)
{
	size_t n = max - o->held < len ? max - o->held : len;
	memcpy(o->chunk + o->held, p, n);
	o->held += n;
	return n;
}

static int64_t nonce_update(struct age_open *o, const uint8_t *p, size_t len)
{
	size_t n = hold(o, p, len, AGE_NONCE_LEN);
	if (o->held < AGE_NONCE_LEN)
		return (int64_t)n;
	age_stream_init(&o->stream, o->file_key, o->chunk);
	secret_wipe(o->file_key, sizeof(o->file_key));
	o->held = 0;
	o->stage = AGE_STAGE_PAYLOAD;
	return (int64_t)n;
}

/* Takes at least one byte. Returns how many; the error. */
static int64_t payload_update(struct age_open *o, const uint8_t *p, size_t len, struct buf *out)
{
	if (!o->held &&
	    len > AGE_SEALED_CHUNK_LEN) { /* a whole chunk, and more behind it: no copy */
		int r = inner_chunk(o, p, out);
		return r < 0 ? r : AGE_SEALED_CHUNK_LEN;
	}
	if (o->held == AGE_SEALED_CHUNK_LEN) {
		int r = inner_chunk(o, o->chunk, out);
		if (r < 0)
			return r;
		o->held = 0;
	}
	return (int64_t)hold(o, p, len, AGE_SEALED_CHUNK_LEN);
}

static int64_t header_update(struct age_open *o, const uint8_t *p, size_t len)
{
	int64_t n = age_header_update(&o->header, p, len, &o->error);
	if (n >= 0 && o->header.expects == AGE_LINE_DONE) {
		int r = header_end(o);
		if (r < 0)
			return r;
	}
	return n;
}

static int64_t stage_update(struct age_open *o, const uint8_t *p, size_t len, struct buf *out)
{
	switch (o->stage) {
	case AGE_STAGE_HEADER:
		return header_update(o, p, len);
	case AGE_STAGE_NONCE:
		return nonce_update(o, p, len);
	case AGE_STAGE_PAYLOAD:
		return payload_update(o, p, len, out);
	case AGE_STAGE_END:
		break;
	}
	return fail(o, ERR_INVAL, "age-payload", "the end was given already");
}

static int report(const struct age_open *o, struct err *e)
{
	if (e && o->error.code)
		*e = o->error;
	return o->error.code;
}

int age_open_update(struct age_open *o, const void *p, size_t len, struct buf *out, struct err *e)
{
	const uint8_t *in = p;
	while (len && !o->error.code) {
		int64_t n = stage_update(o, in, len, out);
		if (n < 0)
			break;
		in += n;
		len -= (size_t)n;
	}
	return report(o, e);
}

/* The last chunk may be empty only when it is the only one. */
static int last_chunk(struct age_open *o, struct buf *out)
{
	if (o->held < AEAD_TAG_LEN)
		return fail(o, ERR_TRUNCATED, "age-payload",
			    "the last chunk is cut off or missing");
	if (o->held == AEAD_TAG_LEN && o->stream.counter)
		return fail(o, ERR_FORMAT, "age-payload", "the last chunk is empty");
	int r = open_chunk(o, o->chunk, o->held, true, out);
	if (r == 0 || r != -ERR_CRYPTO)
		return r == 0 ? 0 : fail(o, r, "age-payload", err_sentence(r));
	if (o->held == AGE_SEALED_CHUNK_LEN && open_chunk(o, o->chunk, o->held, false, out) == 0)
		return fail(o, ERR_TRUNCATED, "age-payload", "the file was cut off behind a chunk");
	return fail(o, ERR_CRYPTO, "age-payload",
		    "the last chunk was changed, or the file was cut off");
}

int age_open_end(struct age_open *o, struct buf *out, struct err *e)
{
	if (!o->error.code) {
		switch (o->stage) {
		case AGE_STAGE_HEADER:
			fail(o, ERR_TRUNCATED, "age-header", "the file ends inside its header");
			break;
		case AGE_STAGE_NONCE:
			fail(o, ERR_TRUNCATED, "age-header", "the file ends inside its nonce");
			break;
		case AGE_STAGE_PAYLOAD:
			last_chunk(o, out);
			break;
		case AGE_STAGE_END:
			fail(o, ERR_INVAL, "age-payload", "the end was given already");
			break;
		}
		o->stage = AGE_STAGE_END;
	}
	return report(o, e);
}
