/* SPDX-License-Identifier: Apache-2.0
 * Offline keys of governance and identity: a file of text lines with a checksum (docs/protocol/directory.md 6). */
#include "base/text.h"
#include "crypto/crypto.h"
#include "exchange/directory-int.h"
#include <string.h>

enum { CHECKSUM_LEN = 4 };

int directory_keygen(const char *name, const uint8_t seed32[static 32], struct buf *out,
		     struct err *e)
{
	struct note_verifier v;
	uint8_t pk32[32], hash32[SHA256_LEN];
	char vkey[NOTE_VKEY_MAX + 1];
	ed25519_public(seed32, pk32);
	if (note_verifier_init(&v, name, pk32) < 0)
		return err_set(e, ERR_INVAL, "name", "%.64s: a name is 1 to 64 of a-z 0-9 . _ / -",
			       name);
	note_verifier_text(&v, vkey);
	struct note_writer w;
	note_writer_init(&w, out, DIRECTORY_TYPE_KEY);
	note_put_str(&w, "name", name);
	note_put_str(&w, "public", vkey);
	note_put_b64(&w, "secret", seed32, 32);
	if (buf_err(out) == 0) {
		sha256(out->p + w.start, out->len - w.start, hash32);
		note_put_hex(&w, "checksum", hash32, CHECKSUM_LEN);
	}
	int r = note_writer_end(&w);
	return r < 0 ? err_set(e, r, "key", NULL) : 0;
}

/* The checksum covers the lines before its own. */
static int checksum_of(const char *text, size_t len, uint8_t out[static CHECKSUM_LEN])
{
	static const char last[] = "\nchecksum ";
	const char *at = memmem(text, len, last, sizeof(last) - 1);
	uint8_t hash32[SHA256_LEN];
	if (!at)
		return -ERR_FIELD_MISSING;
	sha256(text, (size_t)(at + 1 - text), hash32);
	memcpy(out, hash32, CHECKSUM_LEN);
	return 0;
}

int directory_key_parse(const char *text, size_t len, struct note_verifier *ret_vkey,
			uint8_t ret_seed32[static 32], struct err *e)
{
	char name[NOTE_KEY_NAME_MAX + 1], vkey[NOTE_VKEY_MAX + 1];
	uint8_t seed32[32], said[CHECKSUM_LEN], is[CHECKSUM_LEN], pk32[32];
	struct note_verifier v;
	struct note_reader r;
	note_reader_init(&r, text, len, DIRECTORY_TYPE_KEY);
	note_get_name(&r, "name", name, sizeof(name));
	note_get_str(&r, "public", vkey, sizeof(vkey));
	note_get_b64(&r, "secret", seed32, 32);
	note_get_hex(&r, "checksum", said, CHECKSUM_LEN);
	int k = note_reader_end(&r, e);
	if (k >= 0)
		k = checksum_of(text, len, is);
	if (k >= 0 && memcmp(said, is, CHECKSUM_LEN) != 0)
		k = err_set(e, ERR_CHECKSUM, "checksum",
			    "The key file's checksum is wrong: a line was changed or mistyped.");
	if (k >= 0)
		k = note_verifier_parse(vkey, strlen(vkey), &v, e);
	if (k >= 0) {
		ed25519_public(seed32, pk32);
		if (memcmp(pk32, v.pk32, 32) != 0 || strcmp(name, v.name) != 0)
			k = err_set(e, ERR_CHECKSUM, "public",
				    "The public key does not belong to name and secret.");
	}
	if (k >= 0) {
		*ret_vkey = v;
		memcpy(ret_seed32, seed32, 32);
	}
	secret_wipe(seed32, sizeof(seed32));
	return k;
}

int directory_sign(const char *name, const uint8_t seed32[static 32], struct buf *note,
		   struct err *e)
{
	return note_sign_seed(note, name, seed32, e);
}
