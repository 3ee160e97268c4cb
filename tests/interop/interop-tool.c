/* SPDX-License-Identifier: Apache-2.0
 * What the interoperability tests call: seals and opens age files, signs and verifies notes, from standard input to standard output.
 *
 *   interop-tool seal RECIPIENT...      interop-tool open IDENTITY...
 *   interop-tool sign NAME SEED_HEX     interop-tool verify VKEY... */
#include "base/text.h"
#include "crypto/crypto.h"
#include "wire/age.h"
#include "wire/note.h"

enum { PIECE = 10007, KEYS_MAX = 16 }; /* pieces that fit no chunk */

static int fail(const struct err *e, int code)
{
	fprintf(stderr, "%s: %s\n", err_name(code), e && e->code ? e->message : err_sentence(code));
	return 1;
}

static bool flush(struct buf *b)
{
	bool ok = !b->len || fwrite(b->p, 1, b->len, stdout) == b->len;
	buf_clear(b);
	return ok;
}

static int seal(char **args, int n)
{
	static uint8_t recipients[KEYS_MAX][32], piece[PIECE];
	_cleanup_(age_seal_freep) struct age_seal *s = NULL;
	struct buf out;
	struct err e = {0};
	for (int i = 0; i < n; i++) {
		int r = age_recipient_parse(args[i], strlen(args[i]), recipients[i]);
		if (r < 0)
			return fail(NULL, r);
	}
	buf_init(&out, 1 << 20);
	int r = age_seal_new((const uint8_t(*)[32])recipients, (size_t)n, NULL, NULL, &out, &s, &e);
	for (size_t len; r == 0 && (len = fread(piece, 1, sizeof(piece), stdin)) > 0;) {
		r = age_seal_update(s, piece, len, &out);
		if (!flush(&out))
			r = -ERR_IO;
	}
	if (r == 0)
		r = age_seal_end(s, &out);
	if (r == 0 && !flush(&out))
		r = -ERR_IO;
	buf_done(&out);
	return r < 0 ? fail(&e, r) : 0;
}

struct identities {
	uint8_t keys[KEYS_MAX][32];
	size_t n;
};

static int unwrap(void *ctx, const uint8_t share32[static 32], const uint8_t wrapped32[static 32],
		  uint8_t ret_file_key16[static 16], struct err *e)
{
	const struct identities *ids = ctx;
	int r = -ERR_NO_MATCH;
	for (size_t i = 0; r == -ERR_NO_MATCH && i < ids->n; i++)
		r = age_unwrap(ids->keys[i], share32, wrapped32, ret_file_key16);
	return r;
}

static int open_file(char **args, int n)
{
	static struct identities ids;
	static uint8_t piece[PIECE];
	_cleanup_(age_open_freep) struct age_open *o = NULL;
	struct buf out;
	struct err e = {0};
	for (ids.n = 0; ids.n < (size_t)n; ids.n++) {
		int r = age_identity_parse(args[ids.n], strlen(args[ids.n]), ids.keys[ids.n]);
		if (r < 0)
			return fail(NULL, r);
	}
	buf_init(&out, 1 << 20);
	int r = age_open_new(unwrap, &ids, &o);
	for (size_t len; r == 0 && (len = fread(piece, 1, sizeof(piece), stdin)) > 0;) {
		r = age_open_update(o, piece, len, &out, &e);
		if (!flush(&out))
			r = -ERR_IO;
	}
	if (r == 0)
		r = age_open_end(o, &out, &e);
	if (r == 0 && !flush(&out))
		r = -ERR_IO;
	buf_done(&out);
	return r < 0 ? fail(&e, r) : 0;
}

static void read_note(struct buf *b)
{
	uint8_t piece[4096];
	buf_init(b, NOTE_MAX + 1);
	for (size_t len; (len = fread(piece, 1, sizeof(piece), stdin)) > 0;)
		buf_put(b, piece, len);
}

static int sign(char **args, int n)
{
	uint8_t seed[32];
	struct buf b;
	struct err e = {0};
	if (n != 2 || hex_decode(args[1], strlen(args[1]), seed, sizeof(seed)) < 0)
		return fail(NULL, -ERR_INVAL);
	read_note(&b);
	int r = note_sign_seed(&b, args[0], seed, &e);
	if (r == 0 && !flush(&b))
		r = -ERR_IO;
	buf_done(&b);
	return r < 0 ? fail(&e, r) : 0;
}

static int verify(char **args, int n)
{
	struct note_verifier v[KEYS_MAX];
	struct note note;
	struct buf b;
	struct err e = {0};
	uint64_t signed_by = 0;
	read_note(&b);
	int r = note_parse(b.p, b.len, &note, &e);
	for (int i = 0; r == 0 && i < n; i++)
		r = note_verifier_parse(args[i], strlen(args[i]), &v[i], &e);
	if (r == 0)
		r = note_verify(&note, v, (size_t)n, &signed_by, &e);
	for (int i = 0; r == 0 && i < n; i++)
		if (signed_by >> i & 1)
			printf("%s\n", v[i].name);
	buf_done(&b);
	return r < 0 ? fail(&e, r) : 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(char **args, int n);
	} verbs[] = {{"seal", seal}, {"open", open_file}, {"sign", sign}, {"verify", verify}};
	if (crypto_start() < 0)
		return 1;
	for (size_t i = 0; argc > 2 && argc - 2 <= KEYS_MAX && i < ARRAY_LEN(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argv + 2, argc - 2);
	fprintf(stderr, "usage: interop-tool seal|open|sign|verify ARG...\n");
	return 2;
}
