/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as an age file, whole and in pieces: the same answer and the same text, whatever the pieces; and an opener
 * that has failed stays failed. The first byte is the size of the pieces. */
#include "crypto/crypto.h"
#include "wire/age.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static const uint8_t secret[32] = {0, 11};

/* Stanzas whose body begins with zeros give a file key of zeros, so that inputs can be made by hand to pass this step. */
static int unwrap(void *ctx, const uint8_t share32[static 32], const uint8_t wrapped32[static 32],
		  uint8_t ret_file_key16[static 16], struct err *e)
{
	static const uint8_t zeros[8];
	if (memcmp(wrapped32, zeros, sizeof(zeros)) == 0) {
		memset(ret_file_key16, 0, 16);
		return 0;
	}
	return age_unwrap(secret, share32, wrapped32, ret_file_key16);
}

static int open_pieces(const uint8_t *p, size_t len, size_t step, struct buf *out)
{
	_cleanup_(age_open_freep) struct age_open *o = NULL;
	struct err e = {0};
	must(age_open_new(unwrap, NULL, &o) == 0);
	int r = 0;
	for (size_t at = 0; r == 0 && at < len; at += step)
		r = age_open_update(o, p + at, len - at < step ? len - at : step, out, &e);
	if (r == 0)
		r = age_open_end(o, out, &e);
	must(r == 0 || (e.code == r && e.field[0]));
	size_t out_len = out->len;
	must(age_open_update(o, p, 1, out, NULL) < 0 && age_open_end(o, out, NULL) < 0 &&
	     out->len == out_len);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, pieces;
	if (size < 2 || crypto_start() < 0)
		return 0;
	buf_init(&whole, 1 << 24);
	buf_init(&pieces, 1 << 24);
	int a = open_pieces(data + 1, size - 1, size, &whole);
	int b = open_pieces(data + 1, size - 1, data[0] ? data[0] : 1000, &pieces);
	must(a == b && whole.len == pieces.len &&
	     (!whole.len || memcmp(whole.p, pieces.p, whole.len) == 0));
	buf_done(&whole);
	buf_done(&pieces);
	return 0;
}
