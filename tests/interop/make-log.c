/* SPDX-License-Identifier: Apache-2.0
 * Makes an audit log for the interoperability tests: make-log DIR KEY SIZE... grows it to each size and keeps the checkpoint of
 * that size as DIR/checkpoint.SIZE. KEY is the byte that fills the seed. The store is the file named by STORE, or in memory.
 * Prints the verifier key. */
#include "audit/audit.h"
#include "base/file.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "store/store.h"
#include <limits.h>

static uint8_t seed32[32];

static int sign(void *ctx, struct buf *text, struct err *e)
{
	const struct audit_key *key = ctx;
	return note_sign_seed(text, key->verifier.name, seed32, e);
}

static int record(struct store *s, uint64_t n, struct err *e)
{
	uint8_t salt32[AUDIT_SALT_LEN];
	char target[40];
	sha256(&n, sizeof(n), salt32);
	(void)snprintf(target, sizeof(target), "request %llu", (unsigned long long)n);
	struct audit_event ev = {.type = n % 2 ? AUDIT_VIEW : AUDIT_SEARCH,
				 .who = "officer.7",
				 .what = "test",
				 .target = target};
	return audit_record(s, &ev, (int64_t)(1700000000 + n), salt32, NULL, e);
}

static int grow(struct store *s, struct audit_log *log, uint64_t to, struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(s, STORE_WRITE, &txn, e);
	for (uint64_t n = audit_log_size(log); r == 0 && n < to; n++)
		r = record(s, n, e);
	if (r == 0)
		r = store_commit(&txn, e);
	int64_t n = r < 0 ? r : audit_log_flush(log, e);
	return n < 0 ? (int)n : 0;
}

static int keep_checkpoint(const char *dir, const char *size, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct buf b;
	(void)snprintf(from, sizeof(from), "%s/checkpoint", dir);
	(void)snprintf(to, sizeof(to), "%s/checkpoint.%s", dir, size);
	buf_init(&b, NOTE_MAX);
	int r = file_read(from, &b, e);
	if (r == 0)
		r = file_write(to, b.p, b.len, 0644, e);
	buf_done(&b);
	return r;
}

static int make(const char *dir, char **sizes, int n, struct audit_key *key, struct err *e)
{
	_cleanup_(store_closep) struct store *s = NULL;
	_cleanup_(audit_log_closep) struct audit_log *log = NULL;
	const char *where = getenv("STORE");
	int r = store_open(where ? where : ":memory:", NULL, &s, e);
	if (r == 0)
		r = store_migrate(s, audit_schema(), 1700000000, e);
	if (r >= 0)
		r = audit_log_open(s, dir, key, &log, e);
	for (int i = 0; r == 0 && i < n; i++) {
		uint64_t size = 0;
		r = dec_parse_u64(sizes[i], strlen(sizes[i]), 10000000, &size);
		if (r == 0)
			r = grow(s, log, size, e);
		if (r == 0)
			r = keep_checkpoint(dir, sizes[i], e);
	}
	audit_log_close(TAKE_PTR(log)); /* before the store that it borrows */
	return r;
}

int main(int argc, char **argv)
{
	struct err e = {0};
	struct audit_key key;
	uint8_t pk32[32];
	char vkey[NOTE_VKEY_MAX + 1];
	uint64_t fill = 0;
	if (argc < 4 || crypto_start() < 0 ||
	    dec_parse_u64(argv[2], strlen(argv[2]), 255, &fill) < 0)
		return 2;
	memset(seed32, (int)fill, sizeof(seed32));
	ed25519_public(seed32, pk32);
	if (note_verifier_init(&key.verifier, "it.example/audit", pk32) < 0)
		return 2;
	key.signer = (struct note_signer){sign, &key};
	if (make(argv[1], argv + 3, argc - 3, &key, &e) < 0) {
		fprintf(stderr, "make-log: %s\n", e.message);
		return 1;
	}
	note_verifier_text(&key.verifier, vkey);
	puts(vkey);
	return 0;
}
