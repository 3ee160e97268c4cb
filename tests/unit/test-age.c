/* SPDX-License-Identifier: Apache-2.0
 * Tests of age: the C2SP CCTV files, keys as text, streaming in pieces, limits, changed bytes. */
#include "base/file.h"
#include "base/prng.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "wire/age.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

enum { FILE_MAX = 64 << 20, IDENTITIES_MAX = 4 };

struct identities {
	uint8_t keys[IDENTITIES_MAX][AGE_KEY_LEN];
	size_t n;
	int asked;
	int error; /* what to return instead, when not 0 */
};

static int unwrap(void *ctx, const uint8_t share32[static 32], const uint8_t wrapped32[static 32],
		  uint8_t ret_file_key16[static 16], struct err *e)
{
	struct identities *ids = ctx;
	ids->asked++;
	if (ids->error)
		return err_set(e, ids->error, NULL, "the keys are away");
	for (size_t i = 0; i < ids->n; i++) {
		int r = age_unwrap(ids->keys[i], share32, wrapped32, ret_file_key16);
		if (r != -ERR_NO_MATCH)
			return r;
	}
	return -ERR_NO_MATCH;
}

/* Opens bytes given in pieces of `step`. */
static int open_steps(struct identities *ids, const uint8_t *p, size_t len, size_t step,
		      struct buf *out, struct err *e)
{
	_cleanup_(age_open_freep) struct age_open *o = NULL;
	assert_int_equal(age_open_new(unwrap, ids, &o), 0);
	for (size_t at = 0; at < len; at += step) {
		int r = age_open_update(o, p + at, len - at < step ? len - at : step, out, e);
		if (r < 0) {
			assert_int_equal(age_open_end(o, out, NULL), r);
			return r;
		}
	}
	int r = age_open_end(o, out, e);
	assert_int_not_equal(age_open_end(o, out, NULL), 0);
	return r;
}

/* ---- CCTV ---- */

struct vector {
	char expect[32], payload[65];
	struct identities ids;
	bool armored, zlib, scrypt, hybrid;
	const uint8_t *file;
	size_t file_len;
};

static const char *value_of(const char *line, const char *key)
{
	size_t n = strlen(key);
	return strncmp(line, key, n) == 0 && strncmp(line + n, ": ", 2) == 0 ? line + n + 2 : NULL;
}

static void vector_line(struct vector *v, const char *line)
{
	const char *s;
	if ((s = value_of(line, "expect")))
		snprintf(v->expect, sizeof(v->expect), "%s", s);
	else if ((s = value_of(line, "payload")))
		snprintf(v->payload, sizeof(v->payload), "%s", s);
	else if ((s = value_of(line, "armored")))
		v->armored = strcmp(s, "yes") == 0;
	else if ((s = value_of(line, "compressed")))
		v->zlib = strcmp(s, "zlib") == 0;
	else if ((s = value_of(line, "passphrase")))
		v->scrypt = true;
	else if ((s = value_of(line, "identity"))) {
		if (strncmp(s, "AGE-SECRET-KEY-PQ-", 18) == 0)
			v->hybrid = true;
		else
			assert_int_equal(age_identity_parse(s, strlen(s), v->ids.keys[v->ids.n++]),
					 0);
	} else
		assert_true(value_of(line, "file key") || value_of(line, "comment"));
}

static void vector_parse(struct vector *v, struct buf *b)
{
	const uint8_t *p = b->p, *end = b->p + b->len;
	*v = (struct vector){0};
	while (*p != '\n') {
		char line[512];
		const uint8_t *lf = memchr(p, '\n', (size_t)(end - p));
		assert_non_null(lf);
		snprintf(line, sizeof(line), "%.*s", (int)(lf - p), (const char *)p);
		vector_line(v, line);
		p = lf + 1;
	}
	v->file = p + 1;
	v->file_len = (size_t)(end - v->file);
}

static uint8_t *inflate_file(const uint8_t *p, size_t len, size_t *ret_len)
{
	uLongf out_len = FILE_MAX;
	uint8_t *out = malloc(out_len);
	assert_non_null(out);
	assert_int_equal(uncompress(out, &out_len, p, len), Z_OK);
	*ret_len = out_len;
	return out;
}

/* How the files of the set end here. */
struct counts {
	int all, opened, no_match, header, mac, payload, armor, scrypt, hybrid;
};

static void check_payload(const struct vector *v, const struct buf *text)
{
	uint8_t hash[32];
	char hex[65];
	sha256(text->p, text->len, hash);
	hex_encode(hash, 32, hex);
	if (*v->payload)
		assert_string_equal(hex, v->payload);
	else
		assert_int_equal(text->len, 0);
}

/* What is outside of the profile has its own right answer; everything else is as the file's header says. */
static void check_result(const struct vector *v, int r, const struct err *e, struct counts *c)
{
	/* "SCRYPT" in capitals is a stanza of an unknown kind. */
	bool alone = v->scrypt && !v->ids.n &&
		     !(strcmp(v->expect, "no match") == 0 && r == -ERR_NO_MATCH);
	if (v->armored) { /* leading garbage hides the armor: then it is no age file at all */
		assert_true(r == -ERR_UNSUPPORTED || r == -ERR_FORMAT);
		c->armor++;
	} else if (alone && strcmp(v->expect, "header failure") != 0) {
		assert_int_equal(r, -ERR_UNSUPPORTED);
		c->scrypt++;
	} else if (
		v->hybrid &&
		!v->ids.n) { /* unknown stanzas are passed over, so that mail to others does not fail as malformed */
		assert_true(r == -ERR_NO_MATCH ||
			    (r == -ERR_FORMAT && strcmp(v->expect, "header failure") == 0));
		c->hybrid++;
	} else if (strcmp(v->expect, "success") == 0) {
		assert_int_equal(r, 0);
		c->opened++;
	} else if (strcmp(v->expect, "no match") == 0) {
		assert_int_equal(r, -ERR_NO_MATCH);
		c->no_match++;
	} else if (strcmp(v->expect, "HMAC failure") == 0) {
		assert_int_equal(r, -ERR_CRYPTO);
		assert_string_equal(e->field, "age-mac");
		c->mac++;
	} else if (strcmp(v->expect, "payload failure") == 0) {
		assert_true(r == -ERR_CRYPTO || r == -ERR_TRUNCATED || r == -ERR_TRAILING ||
			    r == -ERR_FORMAT);
		assert_string_equal(e->field, "age-payload");
		c->payload++;
	} else {
		assert_string_equal(v->expect, "header failure");
		assert_true(r < 0);
		assert_string_equal(e->field, "age-header");
		c->header++;
	}
}

static void check_vector(const char *path, const char *name, struct counts *c)
{
	static const size_t steps[] = {1, 7, 65552, 65553, SIZE_MAX};
	struct buf b, text;
	struct vector v;
	buf_init(&b, FILE_MAX);
	buf_init(&text, FILE_MAX);
	assert_int_equal(file_read(path, &b, NULL), 0);
	vector_parse(&v, &b);
	_cleanup_(freep) uint8_t *inflated = NULL;
	if (v.zlib)
		v.file = inflated = inflate_file(v.file, v.file_len, &v.file_len);
	int first = 1;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct err e = {0};
		struct counts ignored = {0};
		if (steps[i] < 16 && v.file_len > 1 << 20)
			continue;
		buf_clear(&text);
		int r = open_steps(&v.ids, v.file, v.file_len, steps[i], &text, &e);
		if (getenv("LUG_VERBOSE"))
			print_message("%-45s %s: %s: %s\n", name, v.expect, err_name(r), e.message);
		check_result(&v, r, &e, first == 1 ? c : &ignored);
		if (r == 0 || strcmp(e.field, "age-payload") == 0)
			check_payload(&v, &text);
		assert_true(first == 1 || first == r);
		first = r;
	}
	c->all++;
	buf_done(&text);
	buf_done(&b);
}

static void test_cctv(void **state)
{
	const char *data = getenv("LUG_DATA");
	char dir[4096], path[8192];
	struct counts c = {0};
	if (!data) {
		print_message("# LUG_DATA is unset: CCTV age files not checked\n");
		skip();
	}
	snprintf(dir, sizeof(dir), "%s/vectors/cctv/age/testdata", data);
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (struct dirent *de; (de = readdir(d));) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		check_vector(path, de->d_name, &c);
	}
	closedir(d);
	print_message(
		"%d files: %d opened, %d no match, %d header, %d mac, %d payload; refused as unsupported: %d armor, %d scrypt, "
		"%d hybrid\n",
		c.all, c.opened, c.no_match, c.header, c.mac, c.payload, c.armor, c.scrypt,
		c.hybrid);
	assert_int_equal(c.all, 143);
	assert_int_equal(c.opened, 14);
	assert_int_equal(c.no_match, 4);
	assert_int_equal(c.header, 52);
	assert_int_equal(c.mac, 1);
	assert_int_equal(c.payload, 18);
	assert_int_equal(c.armor, 33);
	assert_int_equal(c.scrypt, 4);
	assert_int_equal(c.hybrid, 17);
}

/* ---- keys ---- */

static void test_keys(void **state)
{
	/* The pair of c2sp.org/age. */
	static const char identity[] =
		"AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
	static const char recipient[] =
		"age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
	uint8_t key[32], pk[32], got[32] = {0};
	char text[AGE_IDENTITY_TEXT_LEN + 1];
	assert_int_equal(age_identity_parse(identity, strlen(identity), key), 0);
	for (int i = 0; i < 32; i++)
		assert_int_equal(key[i], 0x42);
	x25519_public(key, pk);
	age_recipient_text(pk, text);
	assert_string_equal(text, recipient);
	assert_int_equal(age_recipient_parse(recipient, strlen(recipient), got), 0);
	assert_memory_equal(got, pk, 32);
	age_identity_text(key, text);
	assert_string_equal(text, identity);
	/* Other case, cut, typing errors, the wrong kind, a point of low order. */
	for (size_t i = 0; i < strlen(recipient); i++) {
		char bad[sizeof(recipient)];
		memcpy(bad, recipient, sizeof(bad));
		bad[i] = bad[i] == 'q' ? 'p' : 'q';
		int r = age_recipient_parse(bad, strlen(bad), got);
		assert_true(r == -ERR_CHECKSUM || r == -ERR_FORMAT);
		assert_int_equal(age_recipient_parse(recipient, i, got), -ERR_FORMAT);
		bad[i] = (char)(recipient[i] - 32);
		assert_int_equal(age_recipient_parse(bad, strlen(bad), got), -ERR_FORMAT);
	}
	assert_int_equal(age_recipient_parse(identity, strlen(identity), got), -ERR_FORMAT);
	assert_int_equal(age_identity_parse(recipient, strlen(recipient), got), -ERR_FORMAT);
	for (char *c = text; *c; c++)
		*c |= 32;
	assert_int_equal(age_identity_parse(text, strlen(text), got), -ERR_FORMAT);
	memset(pk, 0, sizeof(pk));
	age_recipient_text(pk, text);
	assert_int_equal(age_recipient_parse(text, strlen(text), got), -ERR_CRYPTO);
}

/* ---- both ways ---- */

static void prng_random(void *ctx, void *out, size_t len)
{
	prng_bytes(ctx, out, len);
}

static void make_identities(struct identities *ids, uint8_t (*recipients)[AGE_KEY_LEN], size_t n)
{
	ids->n = 0;
	for (size_t i = 0; i < n; i++) {
		memset(ids->keys[i], (int)i + 1, AGE_KEY_LEN);
		x25519_public(ids->keys[i], recipients[i]);
		ids->n++;
	}
}

static void seal_steps(struct prng *r, const uint8_t (*recipients)[AGE_KEY_LEN], size_t n,
		       const uint8_t *p, size_t len, size_t step, struct buf *out)
{
	_cleanup_(age_seal_freep) struct age_seal *s = NULL;
	assert_int_equal(age_seal_new(recipients, n, prng_random, r, out, &s, NULL), 0);
	for (size_t at = 0; at < len; at += step)
		assert_int_equal(age_seal_update(s, p + at, len - at < step ? len - at : step, out),
				 0);
	assert_int_equal(age_seal_end(s, out), 0);
	assert_int_equal(age_seal_end(s, out), -ERR_INVAL);
	assert_int_equal(age_seal_update(s, p, 1, out), -ERR_INVAL);
}

static void test_round_trip(void **state)
{
	static const size_t lens[] = {0, 1, 15, 16, 65535, 65536, 65537, 131072, 131073, 200000};
	static const size_t steps[] = {1000, 65536, 65537, SIZE_MAX / 2};
	static uint8_t text[200000];
	struct identities ids = {0};
	uint8_t recipients[3][AGE_KEY_LEN];
	struct buf first, sealed, opened;
	struct prng r;
	prng_init(&r, 42);
	prng_bytes(&r, text, sizeof(text));
	make_identities(&ids, recipients, 3);
	buf_init(&first, 1 << 20);
	buf_init(&sealed, 1 << 20);
	buf_init(&opened, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
			buf_clear(&sealed);
			buf_clear(&opened);
			prng_init(&r, i);
			seal_steps(&r, (const uint8_t(*)[AGE_KEY_LEN])recipients, 3, text, lens[i],
				   steps[k], &sealed);
			assert_int_equal(sealed.len, age_sealed_len(lens[i], 3));
			if (k == 0) { /* the pieces do not show in the file */
				buf_clear(&first);
				buf_put(&first, sealed.p, sealed.len);
			}
			assert_int_equal(sealed.len, first.len);
			assert_memory_equal(sealed.p, first.p, first.len);
			struct identities one = {.n = 1}; /* each recipient alone opens it */
			memcpy(one.keys[0], ids.keys[k % 3], AGE_KEY_LEN);
			assert_int_equal(
				open_steps(&one, sealed.p, sealed.len, steps[k], &opened, NULL), 0);
			assert_int_equal(opened.len, lens[i]);
			if (lens[i])
				assert_memory_equal(opened.p, text, lens[i]);
			assert_int_equal(one.asked, k % 3 + 1);
		}
	}
	buf_done(&first);
	buf_done(&sealed);
	buf_done(&opened);
}

/* Every byte of header, nonce and chunk matters, and so does every length. */
static void test_tampering(void **state)
{
	struct identities ids = {0};
	uint8_t recipients[2][AGE_KEY_LEN];
	struct buf sealed, opened;
	struct prng r;
	prng_init(&r, 1);
	make_identities(&ids, recipients, 2);
	buf_init(&sealed, 1 << 12);
	buf_init(&opened, 1 << 12);
	seal_steps(&r, (const uint8_t(*)[AGE_KEY_LEN])recipients, 2,
		   (const uint8_t *)"held deposit", 12, 5, &sealed);
	for (size_t i = 0; i < sealed.len; i++) {
		struct err e = {0};
		buf_clear(&opened);
		sealed.p[i] ^= 1;
		assert_true(open_steps(&ids, sealed.p, sealed.len, SIZE_MAX, &opened, &e) < 0);
		assert_int_not_equal(e.field[0], 0);
		assert_int_equal(opened.len, 0);
		sealed.p[i] ^= 1;
		/* Cut inside the last tag and before: less than a tag is left. */
		assert_int_equal(open_steps(&ids, sealed.p, i, SIZE_MAX, &opened, NULL),
				 i + 12 < sealed.len ? -ERR_TRUNCATED : -ERR_CRYPTO);
	}
	assert_int_equal(open_steps(&ids, sealed.p, sealed.len, SIZE_MAX, &opened, NULL), 0);
	buf_done(&sealed);
	buf_done(&opened);
}

static void test_limits(void **state)
{
	static uint8_t recipients[AGE_RECIPIENTS_MAX + 1][AGE_KEY_LEN];
	struct identities ids = {0};
	struct buf sealed, opened;
	struct age_seal *s = NULL;
	struct err e = {0};
	for (size_t i = 0; i < ARRAY_LEN(recipients); i++) {
		uint8_t key[32] = {0, (uint8_t)(i + 1)};
		x25519_public(key, recipients[i]);
		memcpy(ids.keys[0], key, sizeof(key));
		ids.n = 1;
	}
	const uint8_t(*to)[AGE_KEY_LEN] = (const uint8_t(*)[AGE_KEY_LEN])recipients;
	buf_init(&sealed, 1 << 20);
	buf_init(&opened, 1 << 20);
	assert_int_equal(age_seal_new(to, 0, NULL, NULL, &sealed, &s, &e), -ERR_RANGE);
	assert_int_equal(age_seal_new(to, AGE_RECIPIENTS_MAX + 1, NULL, NULL, &sealed, &s, &e),
			 -ERR_RANGE);
	assert_int_equal(sealed.len, 0);
	/* The most recipients, and the last one of them opens it; one stanza more is refused. */
	assert_int_equal(age_seal_new(to + 1, AGE_RECIPIENTS_MAX, NULL, NULL, &sealed, &s, &e), 0);
	assert_int_equal(age_seal_end(s, &sealed), 0);
	s = age_seal_free(s);
	assert_int_equal(open_steps(&ids, sealed.p, sealed.len, SIZE_MAX, &opened, &e), 0);
	assert_int_equal(ids.asked, AGE_RECIPIENTS_MAX);
	struct buf more;
	buf_init(&more, 1 << 20);
	buf_put(&more, sealed.p, 22 + 98); /* version line, first stanza */
	buf_put(&more, sealed.p + 22, sealed.len - 22);
	assert_int_equal(open_steps(&ids, more.p, more.len, SIZE_MAX, &opened, &e), -ERR_OVERSIZE);
	/* A header that never ends. */
	buf_clear(&more);
	buf_str(&more, "age-encryption.org/v1\n");
	memset(buf_space(&more, AGE_HEADER_MAX), 'x', AGE_HEADER_MAX);
	assert_int_equal(open_steps(&ids, more.p, more.len, 1000, &opened, &e), -ERR_OVERSIZE);
	/* A recipient of low order. */
	memset(recipients[1], 0, AGE_KEY_LEN);
	buf_clear(&more);
	assert_int_equal(age_seal_new(to, 2, NULL, NULL, &more, &s, &e), -ERR_CRYPTO);
	assert_null(s);
	/* No room: both sides say so. */
	struct buf small;
	buf_init(&small, 150);
	assert_int_equal(age_seal_new(to, 1, NULL, NULL, &small, &s, &e), -ERR_OVERSIZE);
	buf_done(&small);
	buf_init(&small, 230);
	assert_int_equal(age_seal_new(to, 1, NULL, NULL, &small, &s, &e), 0);
	assert_int_equal(age_seal_update(s, recipients, sizeof(recipients), &small), 0);
	assert_int_equal(age_seal_end(s, &small), -ERR_OVERSIZE);
	s = age_seal_free(s);
	buf_done(&small);
	buf_done(&more);
	buf_done(&sealed);
	buf_done(&opened);
}

static void test_callback_errors(void **state)
{
	struct identities ids = {0};
	uint8_t recipients[1][AGE_KEY_LEN];
	struct buf sealed, opened;
	struct prng r;
	struct err e = {0};
	prng_init(&r, 3);
	make_identities(&ids, recipients, 1);
	buf_init(&sealed, 1 << 12);
	buf_init(&opened, 3);
	seal_steps(&r, (const uint8_t(*)[AGE_KEY_LEN])recipients, 1, (const uint8_t *)"text", 4, 4,
		   &sealed);
	ids.error = -ERR_PIPE;
	assert_int_equal(open_steps(&ids, sealed.p, sealed.len, SIZE_MAX, &opened, &e), -ERR_PIPE);
	assert_string_equal(e.message, "age-header: the keys are away");
	ids.error = -ERR_CRYPTO;
	assert_int_equal(open_steps(&ids, sealed.p, sealed.len, SIZE_MAX, &opened, &e),
			 -ERR_CRYPTO);
	assert_string_equal(e.field, "age-header");
	ids.error = 0;
	assert_int_equal(open_steps(&ids, sealed.p, sealed.len, SIZE_MAX, &opened, &e),
			 -ERR_OVERSIZE);
	assert_string_equal(e.field, "age-payload");
	assert_null(age_open_free(NULL));
	assert_null(age_seal_free(NULL));
	buf_done(&sealed);
	buf_done(&opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cctv),	   cmocka_unit_test(test_keys),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_tampering),
		cmocka_unit_test(test_limits),	   cmocka_unit_test(test_callback_errors),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
