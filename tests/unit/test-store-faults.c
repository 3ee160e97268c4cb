/* SPDX-License-Identifier: Apache-2.0
 * Faults below the store: each file operation and each allocation fails in turn, ours, SQLite's and jansson's. The error is
 * said, nothing leaks, what was acknowledged is there, and the next try works. The audit log's allocations fail here too. */
#include "audit-rig.h"
#include "io-faults.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { ALLOCATIONS_FAIL = 0 }; /* the sanitizer brings an allocator of its own */
static int64_t live, fail_at;
#else
enum { ALLOCATIONS_FAIL = 1 };
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

FAULTY void *malloc(size_t size)
{
	void *p = fails() ? NULL : __libc_malloc(size);
	live += p != NULL;
	return p;
}

FAULTY void *calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __libc_calloc(n, size);
	live += p != NULL;
	return p;
}

FAULTY void *realloc(void *old, size_t size)
{
	void *p = fails() ? NULL : __libc_realloc(old, size);
	live += p && !old;
	return p;
}

FAULTY void free(void *p)
{
	live -= p != NULL;
	__libc_free(p);
}
#endif

/* ---- one life of a store ---- */

static const struct store_migration steps[] = {
	{1, "pairs", "CREATE TABLE pair (k BIGINT NOT NULL PRIMARY KEY, v TEXT NOT NULL)",
	 "DROP TABLE pair"},
	{2, "index", "CREATE INDEX pair_v ON pair (v)", "DROP INDEX pair_v"},
};
static const struct store_schema schema = {"pair", steps, 2};

/* How far it came: each part was acknowledged before the next one began. */
enum progress { NOTHING, OPEN, TABLES, FIRST, SECOND, COPIED };

static int put(struct store *s, int64_t k, struct err *e)
{
	int64_t n = store_exec(s, "INSERT INTO pair (k, v) VALUES (?, ?)",
			       VALS(val_i64(k), val_text("value")), e);
	return n < 0 ? (int)n : 0;
}

static int64_t sum(struct store *s, struct err *e)
{
	int64_t total = 0;
	STORE_ROWS(rows);
	int r = store_query(s, "SELECT k FROM pair ORDER BY k", NO_VALS, &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0)
		total += row_i64(&rows, "k");
	return r < 0 ? r : total;
}

static int put_nested(struct store *s, struct err *e)
{
	STORE_TXN(inner);
	int r = store_begin(s, STORE_WRITE, &inner, e);
	if (r == 0)
		r = put(s, 20, e);
	return r < 0 ? r : store_commit(&inner, e);
}

static int put_some(struct store *s, struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(s, STORE_WRITE, &txn, e);
	if (r == 0)
		r = put(s, 10, e);
	if (r == 0)
		r = put_nested(s, e);
	return r < 0 ? r : store_commit(&txn, e);
}

static int live_once(struct rig *rig, const char *path, const char *copy, enum progress *came_to,
		     struct err *e)
{
	_cleanup_(store_closep) struct store *s = NULL;
	int r = store_open(path, NULL, &s, e);
	*came_to = r < 0 ? NOTHING : OPEN;
	if (r == 0)
		r = store_migrate(s, &schema, 1000, e);
	*came_to += r >= 0 && *came_to == OPEN;
	if (r >= 0)
		r = put(s, 1, e);
	*came_to += r == 0 && *came_to == TABLES;
	if (r == 0)
		r = put_some(s, e);
	*came_to += r == 0 && *came_to == FIRST;
	int64_t n = r < 0 ? r : sum(s, e);
	if (n >= 0)
		assert_int_equal(n, 31);
	r = n < 0 ? (int)n : store_backup(s, copy, e);
	*came_to += r == 0 && *came_to == SECOND;
	return r;
}

/* What must hold after any life: verified, every acknowledged act there, and each act whole or not at all. */
static void look_after(struct rig *rig, const char *path, const char *copy, enum progress came_to,
		       int r, const struct err *e)
{
	static const int64_t least[] = {
		[NOTHING] = 0, [OPEN] = 0, [TABLES] = 0, [FIRST] = 1, [SECOND] = 31, [COPIED] = 31};
	struct store *s = NULL;
	struct err again = {0};
	if (r < 0 && (e->code == 0 || !e->message[0]))
		fail_msg("error %d without words", r);
	if (store_open(path, NULL, &s, &again) < 0 || store_migrate(s, &schema, 1001, &again) < 0)
		fail_msg("does not open again: %s", again.message);
	int64_t total = sum(s, NULL);
	assert_true(total == 0 || total == 1 || total == 31);
	assert_true(total >= least[came_to]);
	assert_int_equal(store_verify(s, NULL), 0);
	assert_int_equal(put(s, 100, NULL), 0);
	store_close(s);
	if (came_to < COPIED)
		return; /* a copy that was reported as failed may still be complete */
	assert_int_equal(store_open(copy, NULL, &s, &again), 0);
	assert_int_equal(sum(s, NULL), 31);
	store_close(s);
}

static void paths_of(struct rig *rig, unsigned run, char path[static 128], char copy[static 128])
{
	(void)snprintf(path, 128, "%s/s%u", rig->disk, run);
	(void)snprintf(copy, 128, "%s/c%u", rig->disk, run);
}

static void forget(const char *path, const char *copy)
{
	static const char *const ends[] = {"",	    "-wal",	 "-shm",	 "-journal",
					   ".part", ".part-wal", ".part-journal"};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		char name[160];
		(void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		(void)unlink(name);
		(void)snprintf(name, sizeof(name), "%s%s", copy, ends[i]);
		(void)unlink(name);
	}
}

static void io_fails(struct rig *rig, enum fault_mode mode, int error)
{
	unsigned at = 1;
	for (bool fired = true; fired; at++) {
		char path[128], copy[128];
		struct err e = {0};
		enum progress came_to;
		assert_in_range(at, 1, 2000);
		paths_of(rig, at, path, copy);
		fault_arm(mode, at, error);
		int r = live_once(rig, path, copy, &came_to, &e);
		fired = fault.n >= fault.at;
		fault_arm(FAULT_OFF, 0, 0);
		if (!fired)
			assert_int_equal(came_to, COPIED);
		look_after(rig, path, copy, came_to, r, &e);
		forget(path, copy);
	}
	print_message("failed at each of %u operations with %s\n", at - 2, strerror(error));
	assert_true(at > 30);
}

static void test_io_once(void **state)
{
	io_fails(*state, FAULT_ONCE, EIO);
}

static void test_io_on(void **state)
{
	io_fails(*state, FAULT_ON, ENOSPC);
}

/* ---- memory ---- */

static void test_memory_store(void **state)
{
	struct rig *rig = *state;
	if (!ALLOCATIONS_FAIL)
		skip();
	bool fired = true;
	unsigned at = 0;
	for (; fired; at++) {
		char path[128], copy[128];
		struct err e = {0};
		enum progress came_to;
		assert_in_range(at, 0, 20000);
		paths_of(rig, at, path, copy);
		int64_t before = live;
		fail_at = at;
		int r = live_once(rig, path, copy, &came_to, &e);
		fired = fail_at < 0;
		fail_at = -1;
		assert_int_equal(live, before);
		if (r < 0 && r != -ERR_NOMEM && r != -ERR_IO && r != -ERR_NOENT)
			fail_msg("allocation %u: %d %s", at, r, e.message);
		look_after(rig, path, copy, came_to, r, &e);
		forget(path, copy);
	}
	print_message("failed at each of %u allocations\n", at - 1);
	assert_true(at > 100);
}

static int audit_once(struct rig *rig, uint64_t from, struct audit_log **log, struct err *e)
{
	struct buf proof;
	struct audit_report report;
	int r = audit_log_open(rig->store, rig->log_dir, &rig->key, log, e);
	if (r == 0)
		r = rig_record(rig->store, from, 3, e);
	int64_t n = r < 0 ? r : audit_log_flush(*log, e);
	if (n >= 0)
		n = audit_verify(rig->log_dir, &rig->key.verifier, NULL, NULL, &report, e);
	buf_init(&proof, AUDIT_PROOF_MAX);
	if (n >= 0)
		n = audit_prove(rig->log_dir, 0, &proof, e);
	buf_done(&proof);
	return (int)n;
}

/* A run that failed between recording and integrating leaves entries that wait. */
static void rig_catch_up(struct rig *rig)
{
	struct err e = {0};
	_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
	if (audit_log_flush(log, &e) < 0)
		fail_msg("the log does not go on: %s", e.message);
}

static void test_memory_audit(void **state)
{
	struct rig *rig = *state;
	if (!ALLOCATIONS_FAIL)
		skip();
	rig_grow(rig, 0, 5);
	bool fired = true;
	unsigned at = 0;
	for (; fired; at++) {
		struct err e = {0};
		struct audit_log *log = NULL;
		assert_in_range(at, 0, 20000);
		rig->store = store_close(rig->store); /* so that statements are prepared anew */
		rig_store_open(rig);
		uint64_t from = rig_entries_in_store(rig);
		fail_at = at;
		int r = audit_once(rig, from, &log, &e);
		fired = fail_at < 0;
		fail_at = -1;
		audit_log_close(log);
		if (r < 0 && r != -ERR_NOMEM && r != -ERR_IO)
			fail_msg("allocation %u: %d %s", at, r, e.message);
		rig_catch_up(rig);
		assert_int_equal(rig_verify(rig).entries, rig_entries_in_store(rig));
	}
	print_message("failed at each of %u allocations\n", at - 1);
	assert_true(at > 50);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RIG_TEST(test_io_once),
		RIG_TEST(test_io_on),
		RIG_TEST(test_memory_store),
		RIG_TEST(test_memory_audit),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests_name("store-faults", tests, NULL, NULL);
}
