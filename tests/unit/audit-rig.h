/* SPDX-License-Identifier: Apache-2.0
 * What the tests of audit share: a folder, a store with the audit tables, a key, and entries that are the same in every run. */
#ifndef TESTS_AUDIT_RIG_H
#define TESTS_AUDIT_RIG_H
#include "audit/audit.h"
#include "audit/merkle.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "lib/engine.h"
#include "store/store.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#define RIG_ORIGIN "rome.example/audit"

struct rig {
	char dir[64];				    /* of everything */
	char disk[80], log_dir[96], store_path[96]; /* log and store lie in dir/disk */
	struct store *store;
	struct audit_key key;
	uint8_t seed32[32];
	uint8_t root32[32]; /* of the undisturbed run: rig_prepare */
};

static inline int rig_sign(void *ctx, struct buf *text, struct err *e)
{
	struct rig *rig = ctx;
	return note_sign_seed(text, rig->key.verifier.name, rig->seed32, e);
}

static inline void rig_key(struct rig *rig, const char *origin, uint8_t fill)
{
	uint8_t pk32[32];
	memset(rig->seed32, fill, 32);
	ed25519_public(rig->seed32, pk32);
	assert_int_equal(note_verifier_init(&rig->key.verifier, origin, pk32), 0);
	rig->key.signer = (struct note_signer){rig_sign, rig};
}

static inline void rig_store_open(struct rig *rig)
{
	struct err e = {0};
	char where[ENGINE_WHERE_MAX];
	if (store_open(engine_at(rig->store_path, where), NULL, &rig->store, &e) < 0 ||
	    store_migrate(rig->store, audit_schema(), 1000, &e) < 0)
		fail_msg("%s", e.message);
}

static inline int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	/* In memory where possible: thousands of small files, none of which has to outlive the test. */
	(void)snprintf(rig->dir, sizeof(rig->dir), "%s/lug-audit-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(rig->dir));
	(void)snprintf(rig->disk, sizeof(rig->disk), "%s/disk", rig->dir);
	(void)snprintf(rig->log_dir, sizeof(rig->log_dir), "%s/log", rig->disk);
	(void)snprintf(rig->store_path, sizeof(rig->store_path), "%s/store", rig->disk);
	assert_int_equal(mkdir(rig->disk, 0700), 0);
	rig_key(rig, RIG_ORIGIN, 7);
	rig_store_open(rig);
	*state = rig;
	return 0;
}

static inline int rig_teardown(void **state)
{
	struct rig *rig = *state;
	char command[128];
	store_close(rig->store);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", rig->dir);
	int r = system(command);
	free(rig);
	return r;
}

static inline int rig_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int rig_run(const char *format, ...)
{
	char command[512];
	va_list ap;
	va_start(ap, format);
	(void)vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	return system(command);
}

/* The n-th event of every run: salt and fields depend on n alone. */
static inline int rig_record_one(struct store *s, uint64_t n, struct err *e)
{
	uint8_t salt32[AUDIT_SALT_LEN];
	char target[32];
	sha256(&n, sizeof(n), salt32);
	(void)snprintf(target, sizeof(target), "request %llu", (unsigned long long)n);
	struct audit_event ev = {.type = AUDIT_VIEW,
				 .who = "officer.7",
				 .what = "request.show",
				 .purpose = "case",
				 .basis = "art-18",
				 .target = target};
	return audit_record(s, &ev, (int64_t)(1700000000 + n), salt32, NULL, e);
}

/* n more entries, in one transaction. */
static inline int rig_record(struct store *s, uint64_t from, uint64_t n, struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(s, STORE_WRITE, &txn, e);
	for (uint64_t i = 0; r == 0 && i < n; i++)
		r = rig_record_one(s, from + i, e);
	return r < 0 ? r : store_commit(&txn, e);
}

static inline struct audit_log *rig_log_open(struct rig *rig)
{
	struct audit_log *log = NULL;
	struct err e = {0};
	if (audit_log_open(rig->store, rig->log_dir, &rig->key, &log, &e) < 0)
		fail_msg("open log: %s", e.message);
	return log;
}

/* Records n entries after `from`, integrates them and closes the log. */
static inline void rig_grow(struct rig *rig, uint64_t from, uint64_t n)
{
	struct err e = {0};
	_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
	if (rig_record(rig->store, from, n, &e) < 0 || audit_log_flush(log, &e) != (int64_t)n)
		fail_msg("grow: %s", e.message);
	assert_int_equal(audit_log_size(log), from + n);
}

static inline struct audit_report rig_verify(struct rig *rig)
{
	struct audit_report report = {0};
	struct err e = {0};
	if (audit_verify(rig->log_dir, &rig->key.verifier, NULL, NULL, &report, &e) < 0)
		fail_msg("verify: %s", e.message);
	return report;
}

/* ---- disturbed runs, compared with an undisturbed one ---- */

enum {
	RIG_BASE = 250,
	RIG_MORE = 10,
	RIG_REST = 3,
	RIG_ALL = RIG_BASE + RIG_MORE + RIG_REST
}; /* over the edge of a tile */
/* The undisturbed run. It also leaves a copy of the state at RIG_BASE in dir/base. */
static inline void rig_prepare(struct rig *rig)
{
	rig_grow(rig, 0, RIG_BASE);
	rig->store = store_close(rig->store);
	assert_int_equal(rig_run("mkdir '%s/base' && cp -a '%s' '%s' '%s/base'", rig->dir,
				 rig->log_dir, rig->store_path, rig->dir),
			 0);
	rig_store_open(rig);
	rig_grow(rig, RIG_BASE, RIG_MORE);
	rig_grow(rig, RIG_BASE + RIG_MORE, RIG_REST);
	memcpy(rig->root32, rig_verify(rig).head.root32, 32);
}

static inline void rig_back_to_base(struct rig *rig)
{
	rig->store = store_close(rig->store);
	assert_int_equal(rig_run("rm -rf '%s' '%s'* && cp -a '%s'/base/* '%s'", rig->log_dir,
				 rig->store_path, rig->dir, rig->disk),
			 0);
}

/* Any checkpoint that was signed: in the folder or in the store. */
static inline struct audit_checkpoint rig_seen_in_folder(struct rig *rig)
{
	char path[160];
	struct audit_checkpoint head = {0};
	struct buf b;
	struct err e = {0};
	buf_init(&b, NOTE_MAX);
	(void)snprintf(path, sizeof(path), "%s/checkpoint", rig->log_dir);
	if (file_read(path, &b, &e) < 0 ||
	    audit_checkpoint_check(b.p, b.len, &rig->key.verifier, &head, &e) < 0)
		fail_msg("a crash left a bad checkpoint: %s", e.message);
	buf_done(&b);
	return head;
}

static inline struct audit_checkpoint rig_seen_in_store(struct rig *rig)
{
	struct audit_checkpoint head = {0};
	STORE_ROWS(rows);
	assert_int_equal(
		store_first(rig->store, "SELECT size, root FROM audit_head", NO_VALS, &rows, NULL),
		1);
	head.size = row_u64(&rows, "size");
	row_copy(&rows, "root", head.root32, 32);
	return head;
}

static inline void rig_must_extend(struct rig *rig, const struct audit_checkpoint *old,
				   const struct audit_checkpoint *now)
{
	uint8_t proof[MERKLE_PROOF_MAX][32];
	size_t n = 0;
	assert_true(old->size <= now->size);
	assert_int_equal(audit_prove_growth(rig->log_dir, old->size, now->size, proof, &n, NULL),
			 0);
	assert_int_equal(merkle_consistency_check(old->size, now->size, old->root32, now->root32,
						  (const uint8_t(*)[32])proof, n),
			 0);
}

static inline uint64_t rig_entries_in_store(struct rig *rig)
{
	STORE_ROWS(rows);
	assert_int_equal(store_first(rig->store, "SELECT count(*) AS n FROM audit_entry", NO_VALS,
				     &rows, NULL),
			 1);
	return row_u64(&rows, "n");
}

/* What every disturbed run must come to. */
static inline void rig_finish_and_compare(struct rig *rig, struct audit_log *log)
{
	struct err e = {0};
	uint64_t n = rig_entries_in_store(rig);
	assert_true(n == RIG_BASE || n == RIG_BASE + RIG_MORE || n == RIG_ALL);
	struct audit_checkpoint folder = rig_seen_in_folder(rig), store = rig_seen_in_store(rig);
	if (rig_record(rig->store, n, RIG_ALL - n, &e) < 0 || audit_log_flush(log, &e) < 0)
		fail_msg("the log does not go on: %s", e.message);
	struct audit_report report = rig_verify(rig);
	assert_int_equal(report.entries, RIG_ALL);
	assert_memory_equal(report.head.root32, rig->root32, 32);
	rig_must_extend(rig, &folder, &report.head);
	rig_must_extend(rig, &store, &report.head);
	assert_int_equal(audit_scrub(rig->store, rig->log_dir, NULL, NULL, &report, NULL), 0);
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
#endif
