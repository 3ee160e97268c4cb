/* SPDX-License-Identifier: Apache-2.0
 * Any text, repeated to any length, sealed in pieces and opened in others: the same text. One changed byte: refused, and no more
 * than whole chunks of the true text released.
 * Input: two bytes each of repetition, pieces in, pieces out, place of the change; then the text. */
#include "base/cursor.h"
#include "base/prng.h"
#include "crypto/crypto.h"
#include "wire/age.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 3 * AGE_CHUNK_LEN };

static void must(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static const uint8_t secrets[2][32] = {{0, 11}, {0, 12}};

static int unwrap(void *ctx, const uint8_t share32[static 32], const uint8_t wrapped32[static 32],
		  uint8_t ret_file_key16[static 16], struct err *e)
{
	return age_unwrap(secrets[1], share32, wrapped32, ret_file_key16);
}

static void prng_random(void *ctx, void *out, size_t len)
{
	prng_bytes(ctx, out, len);
}

static void seal(const struct buf *text, size_t step, struct buf *out)
{
	_cleanup_(age_seal_freep) struct age_seal *s = NULL;
	uint8_t recipients[2][32];
	struct prng r;
	prng_init(&r, text->len);
	for (size_t i = 0; i < 2; i++)
		x25519_public(secrets[i], recipients[i]);
	must(age_seal_new((const uint8_t(*)[32])recipients, 2, prng_random, &r, out, &s, NULL) ==
	     0);
	for (size_t at = 0; at < text->len; at += step)
		must(age_seal_update(s, text->p + at, text->len - at < step ? text->len - at : step,
				     out) == 0);
	must(age_seal_end(s, out) == 0 && out->len == age_sealed_len(text->len, 2));
}

static int open_file(const struct buf *file, size_t step, struct buf *out)
{
	_cleanup_(age_open_freep) struct age_open *o = NULL;
	int r = age_open_new(unwrap, NULL, &o);
	for (size_t at = 0; r == 0 && at < file->len; at += step)
		r = age_open_update(o, file->p + at, file->len - at < step ? file->len - at : step,
				    out, NULL);
	return r == 0 ? age_open_end(o, out, NULL) : r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text, file, opened;
	struct cur c = cur_init(data, size);
	size_t times = cur_u16be(&c), in = cur_u16be(&c) + 1u, out = cur_u16be(&c) + 1u,
	       change = cur_u16be(&c);
	if (c.error || crypto_start() < 0)
		return 0;
	buf_init(&text, TEXT_MAX);
	buf_init(&file, TEXT_MAX + 1000);
	buf_init(&opened, TEXT_MAX);
	size_t len = cur_left(&c);
	for (size_t i = 0; len && i <= times && text.len + len <= TEXT_MAX; i++)
		buf_put(&text, data + size - len, len);
	seal(&text, in, &file);
	must(open_file(&file, out, &opened) == 0 && opened.len == text.len);
	must(!text.len || memcmp(opened.p, text.p, text.len) == 0);
	buf_clear(&opened);
	file.p[change * 7 % file.len] ^= 0x20;
	must(open_file(&file, out, &opened) < 0 && opened.len < text.len + (text.len == 0));
	must(opened.len % AGE_CHUNK_LEN == 0 &&
	     (!opened.len || memcmp(opened.p, text.p, opened.len) == 0));
	buf_done(&text);
	buf_done(&file);
	buf_done(&opened);
	return 0;
}
