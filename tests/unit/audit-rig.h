/* SPDX-License-Identifier: Apache-2.0
 * What the tests of audit share: a folder, a store with the audit tables, a key, and entries that are the same in every run. */
#ifndef TESTS_AUDIT_RIG_H
#define TESTS_AUDIT_RIG_H
#include "audit/audit.h"
#include "audit/merkle.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "store/store.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RIG_ORIGIN "rome.example/audit"

struct rig {
	char dir[64]; /* of everything */
	char log_dir[80], store_path[80];
	struct store *store;
	struct audit_key key;
	uint8_t seed32[32];
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
	if (store_open(rig->store_path, NULL, &rig->store, &e) < 0 ||
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
	(void)snprintf(rig->log_dir, sizeof(rig->log_dir), "%s/log", rig->dir);
	(void)snprintf(rig->store_path, sizeof(rig->store_path), "%s/store", rig->dir);
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

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
#endif
