/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a body of parcels, as the text of a manifest, and as what an age file holds: what is accepted is written
 * back byte by byte, and what is opened keeps every rule. */
#include "base/prng.h"
#include "crypto/crypto.h"
#include "wire/parcel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void check_body(const uint8_t *data, size_t size)
{
	struct cur c = cur_init(data, size);
	struct parcel p;
	struct buf b;
	size_t from = 0;
	int r;
	buf_init(&b, PARCEL_FILE_MAX + PARCEL_NOTE_MAX + 4);
	while ((r = parcel_next(&c, &p, NULL)) == 1) {
		buf_clear(&b);
		must(parcel_outer_encode(&p.outer, &b) == 0 && b.len == p.note.text_len &&
		     memcmp(b.p, p.note.p, b.len) == 0);
		buf_clear(&b);
		must(parcel_put(&b, p.note.p, p.note.len, p.file, p.outer.size) == 0 &&
		     b.len == c.pos - from);
		must(memcmp(b.p, data + from, b.len) == 0);
		from = c.pos;
	}
	must(r < 0 || from == size);
	buf_done(&b);
}

static void check_manifest(const uint8_t *data, size_t size)
{
	struct parcel_manifest m;
	struct buf b;
	if (parcel_manifest_decode((const char *)data, size, &m, NULL) < 0)
		return;
	buf_init(&b, NOTE_TEXT_MAX);
	must(parcel_manifest_encode(&m, &b) == 0 && b.len == size && memcmp(b.p, data, size) == 0);
	buf_done(&b);
}

static const uint8_t secret[32] = {0, 11};

static int unwrap(void *ctx, const uint8_t share32[static 32], const uint8_t wrapped32[static 32],
		  uint8_t ret_file_key16[static 16], struct err *e)
{
	return age_unwrap(secret, share32, wrapped32, ret_file_key16);
}

static int any_signature(void *ctx, const struct note *note, const struct parcel_manifest *m,
			 struct err *e)
{
	return 0;
}

static void prng_random(void *ctx, void *out, size_t len)
{
	prng_bytes(ctx, out, len);
}

static void seal(const uint8_t *data, size_t size, struct buf *file)
{
	_cleanup_(age_seal_freep) struct age_seal *s = NULL;
	uint8_t recipient[1][32];
	struct prng r;
	prng_init(&r, 1);
	x25519_public(secret, recipient[0]);
	must(age_seal_new((const uint8_t(*)[32])recipient, 1, prng_random, &r, file, &s, NULL) ==
	     0);
	must(age_seal_update(s, data, size, file) == 0 && age_seal_end(s, file) == 0);
}

/* Seeds are short; they are filled with zeros to a bucket, which is what a writer does too. */
static void check_inside(const uint8_t *data, size_t size)
{
	static uint8_t text[1 << 16];
	struct parcel_outer o = {.from = "it", .to = "fr"};
	_cleanup_(parcel_inside_freep) struct parcel_inside *in = NULL;
	struct buf file;
	size_t len = parcel_bucket(size);
	if (len > sizeof(text))
		return;
	memset(text, 0, len);
	memcpy(text, data, size);
	buf_init(&file, PARCEL_FILE_MAX);
	seal(text, len, &file);
	struct err e = {0};
	int r = parcel_open(file.p, file.len, &o, unwrap, NULL, any_signature, NULL, &in, &e);
	must((r == 0) == (in != NULL) && (r == 0 || e.code == r));
	if (in) {
		size_t sum = 4 + in->note.len + in->manifest.pad;
		for (size_t i = 0; i < in->manifest.parts_n; i++)
			sum += in->parts[i].len;
		must(sum == len && strcmp(in->manifest.from, "it") == 0 &&
		     parcel_to_has(&in->manifest, "fr"));
	}
	buf_done(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (crypto_start() < 0)
		return 0;
	check_body(data, size);
	check_manifest(data, size);
	check_inside(data, size);
	return 0;
}
