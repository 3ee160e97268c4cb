/* SPDX-License-Identifier: Apache-2.0
 * Memory runs out at each allocation of wire in turn: the error is said, nothing leaks, and the next try works. */
#include "crypto/crypto.h"
#include "wire/receipt.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { FAULTS = 0 }; /* the sanitizer brings an allocator of its own */
static int64_t live;
static int64_t fail_at;
#else
enum { FAULTS = 1 };
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static int64_t live;	     /* blocks handed out and not returned */
static int64_t fail_at = -1; /* so many allocations succeed, the next fails; -1: none fails */

static bool fails(void)
{
	return fail_at >= 0 && fail_at-- == 0;
}

void *malloc(size_t size)
{
	void *p = fails() ? NULL : __libc_malloc(size);
	live += p != NULL;
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __libc_calloc(n, size);
	live += p != NULL;
	return p;
}

void *realloc(void *old, size_t size)
{
	void *p = fails() ? NULL : __libc_realloc(old, size);
	live += p && !old;
	return p;
}

void free(void *p)
{
	live -= p != NULL;
	__libc_free(p);
}
#endif

static const uint8_t seed_node[32] = {1}, seed_evidence[32] = {2}, secret[32] = {0, 11};

static int sign_evidence(void *ctx, struct buf *text, struct err *e)
{
	return note_sign_seed(text, "it.example/evidence", seed_evidence, e);
}

static int unwrap(void *ctx, const uint8_t share32[static 32], const uint8_t wrapped32[static 32],
		  uint8_t ret_file_key16[static 16], struct err *e)
{
	return age_unwrap(secret, share32, wrapped32, ret_file_key16);
}

static int verify_evidence(void *ctx, const struct note *note, const struct parcel_manifest *m,
			   struct err *e)
{
	struct note_verifier v;
	uint8_t pk[32];
	ed25519_public(seed_evidence, pk);
	int r = note_verifier_init(&v, "it.example/evidence", pk);
	return r < 0 ? r : note_verify_one(note, &v, e);
}

static int seal(struct buf *file, struct buf *note, struct parcel_outer *o)
{
	static const uint8_t big[200000] = {1};
	struct parcel_manifest m = {.from = "it.example",
				    .to = {"fr.example"},
				    .to_n = 1,
				    .officer = "-",
				    .case_ref = "-",
				    .purpose = "-",
				    .basis = "-",
				    .handling = "H0",
				    .marking = "TLP:CLEAR",
				    .grade = "X4"};
	const struct parcel_content parts[] = {{"a/b", big, sizeof(big)}, {"c/d", "text", 4}};
	const struct note_signer signer = {sign_evidence, NULL};
	uint8_t recipient[1][32];
	x25519_public(secret, recipient[0]);
	int r = parcel_seal(&m, parts, 2, (const uint8_t(*)[32])recipient, 1, &signer, NULL, NULL,
			    file, NULL);
	if (r < 0)
		return r;
	*o = (struct parcel_outer){.from = "it.example",
				   .to = "fr.example",
				   .epoch = 1,
				   .seq = 1,
				   .expires_s = 1,
				   .size = file->len};
	sha256(file->p, file->len, o->sha256);
	r = parcel_outer_encode(o, note);
	return r < 0 ? r : note_sign_seed(note, "it.example", seed_node, NULL);
}

/* A whole message and its receipt. */
static int scenario(void)
{
	struct parcel_inside *in = NULL;
	struct parcel_outer o;
	struct buf file, note, body, receipt;
	buf_init(&file, PARCEL_FILE_MAX);
	buf_init(&note, PARCEL_NOTE_MAX);
	buf_init(&body, PARCEL_FILE_MAX + PARCEL_NOTE_MAX);
	buf_init(&receipt, NOTE_MAX);
	int r = seal(&file, &note, &o);
	if (r == 0)
		r = parcel_put(&body, note.p, note.len, file.p, file.len);
	if (r == 0)
		r = parcel_open(file.p, file.len, &o, unwrap, NULL, verify_evidence, NULL, &in,
				NULL);
	if (r == 0) {
		const struct receipt v = {.from = "fr.example",
					  .to = "it.example",
					  .kind = RECEIPT_STORED,
					  .head_epoch = 1};
		r = receipt_encode(&v, &receipt);
	}
	parcel_inside_free(in);
	buf_done(&file);
	buf_done(&note);
	buf_done(&body);
	buf_done(&receipt);
	return r;
}

static void test_no_memory(void **state)
{
	int failures = 0;
	if (!FAULTS) {
		print_message("# AddressSanitizer: allocation faults not tested in this build\n");
		skip();
	}
	assert_int_equal(scenario(), 0);
	for (int64_t n = 0;; n++) {
		int64_t before = live;
		fail_at = n;
		int r = scenario();
		bool was_reached = fail_at < 0;
		fail_at = -1;
		assert_int_equal(live, before);
		if (!was_reached) {
			assert_int_equal(r, 0);
			break;
		}
		assert_int_equal(r, -ERR_NOMEM);
		failures++;
	}
	assert_true(failures > 10);
	assert_int_equal(scenario(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_memory),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
