/* SPDX-License-Identifier: Apache-2.0
 * Faults of the appender: the process ends, or a file operation fails, at every single step; backups are restored; folder and
 * store contradict each other. Afterwards the log must go on to the very tree of an undisturbed run, and no checkpoint that was
 * ever signed may be contradicted. */
#include "audit-rig.h"
#include "io-faults.h"
#include <sys/wait.h>

enum { RUNS_MAX = 1000 };

/* ---- the process ends at every step ---- */

static void child_run(struct rig *rig, unsigned at)
{
	struct err e;
	rig_store_open(rig);
	struct audit_log *log = rig_log_open(rig);
	fault_arm(FAULT_DIE, at, 0);
	int r = rig_record(rig->store, RIG_BASE, RIG_MORE, &e);
	int64_t n = audit_log_flush(log, &e);
	if (r == 0)
		r = rig_record(rig->store, RIG_BASE + RIG_MORE, RIG_REST, &e);
	if (n == RIG_MORE)
		n = audit_log_flush(log, &e);
	fault_arm(FAULT_OFF, 0, 0);
	_exit(r == 0 && n == RIG_REST ? 0 : 1);
}

static void test_crash_anywhere(void **state)
{
	struct rig *rig = *state;
	rig_prepare(rig);
	unsigned at = 1;
	for (int status = FAULT_EXIT; status == FAULT_EXIT; at++) {
		assert_in_range(at, 1, RUNS_MAX);
		rig_back_to_base(rig);
		pid_t child = fork();
		if (child == 0)
			child_run(rig, at);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		status = WEXITSTATUS(status);
		assert_true(status == 0 || status == FAULT_EXIT);
		rig_store_open(rig);
		_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
		rig_finish_and_compare(rig, log);
	}
	print_message("crashed at each of %u steps\n", at - 2);
	assert_true(at > 30);
}

/* While it repairs what a crash left, it crashes again. */
static void test_crash_while_opening(void **state)
{
	struct rig *rig = *state;
	rig_prepare(rig);
	unsigned at = 1;
	for (int status = FAULT_EXIT; status == FAULT_EXIT; at++) {
		assert_in_range(at, 1, RUNS_MAX);
		rig_back_to_base(rig);
		rig_store_open(rig);
		rig_grow(rig, RIG_BASE, RIG_MORE);
		assert_int_equal(rig_run("rm -rf '%s' && cp -a '%s/base/log' '%s'", rig->log_dir,
					 rig->dir, rig->log_dir),
				 0);
		rig->store = store_close(rig->store);
		pid_t child = fork();
		if (child == 0) {
			rig_store_open(rig);
			struct audit_log *log = NULL;
			fault_arm(FAULT_DIE, at, 0);
			int r = audit_log_open(rig->store, rig->log_dir, &rig->key, &log, NULL);
			fault_arm(FAULT_OFF, 0, 0);
			_exit(r == 0 && audit_log_size(log) == RIG_BASE + RIG_MORE ? 0 : 1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		assert_true(status == 0 || status == FAULT_EXIT);
		rig_store_open(rig);
		_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
		assert_int_equal(audit_log_size(log), RIG_BASE + RIG_MORE);
		rig_finish_and_compare(rig, log);
	}
	print_message("crashed at each of %u steps\n", at - 2);
	assert_true(at > 10);
}

/* ---- an operation fails at every step, and the same object goes on ---- */

static bool run_with_faults(struct rig *rig, struct audit_log *log, enum fault_mode mode,
			    unsigned at, int error)
{
	struct err e = {0};
	fault_arm(mode, at, error);
	int r = rig_record(rig->store, RIG_BASE, RIG_MORE, &e);
	int64_t n = r < 0 ? r : audit_log_flush(log, &e);
	bool fired = fault.n >= fault.at;
	fault_arm(FAULT_OFF, 0, 0);
	if (n < 0)
		assert_true(n == -ERR_NOSPC || n == -ERR_IO || n == -ERR_NOENT);
	if (!fired)
		assert_true(n == RIG_MORE);
	return fired;
}

static void fail_anywhere(struct rig *rig, enum fault_mode mode, int error)
{
	bool fired = true;
	unsigned at = 1;
	for (; fired; at++) {
		assert_in_range(at, 1, RUNS_MAX);
		rig_back_to_base(rig);
		rig_store_open(rig);
		_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
		fired = run_with_faults(rig, log, mode, at, error);
		rig_finish_and_compare(rig, log);
	}
	print_message("failed at each of %u steps with %s\n", at - 2, strerror(error));
	assert_true(at > 20);
}

static void test_fail_once(void **state)
{
	struct rig *rig = *state;
	rig_prepare(rig);
	fail_anywhere(rig, FAULT_ONCE, EIO);
}

static void test_fail_on(void **state)
{
	struct rig *rig = *state;
	rig_prepare(rig);
	fail_anywhere(rig, FAULT_ON, ENOSPC);
}

/* ---- the signer ---- */

struct bad_signer {
	struct rig *rig;
	int code;	   /* fails with it */
	bool changes_text; /* signs something else */
	bool other_key;
};

static int bad_sign(void *ctx, struct buf *text, struct err *e)
{
	struct bad_signer *b = ctx;
	uint8_t seed32[32] = {9};
	if (b->code)
		return err_set(e, b->code, "key", NULL);
	if (b->changes_text)
		text->p[text->len - 10] ^= 1;
	return note_sign_seed(text, RIG_ORIGIN, b->other_key ? seed32 : b->rig->seed32, e);
}

static void test_signer(void **state)
{
	struct rig *rig = *state;
	rig_grow(rig, 0, 5);
	struct bad_signer bad = {rig, -ERR_CONNREFUSED, false, false};
	struct audit_key key = {rig->key.verifier, {bad_sign, &bad}};
	struct err e = {0};
	_cleanup_(audit_log_closep) struct audit_log *log = NULL;
	assert_int_equal(audit_log_open(rig->store, rig->log_dir, &key, &log, NULL), 0);
	assert_int_equal(rig_record(rig->store, 5, 5, NULL), 0);
	assert_int_equal(audit_log_flush(log, &e), -ERR_CONNREFUSED);
	bad = (struct bad_signer){rig, 0, true, false};
	assert_true(audit_log_flush(log, &e) < 0);
	bad = (struct bad_signer){rig, 0, false, true};
	assert_int_equal(audit_log_flush(log, &e), -ERR_KEY_UNKNOWN);
	assert_int_equal(rig_verify(rig).entries, 5); /* nothing of that was published */
	assert_int_equal(audit_log_size(log), 5);
	bad = (struct bad_signer){rig, 0, false, false};
	assert_int_equal(audit_log_flush(log, &e), 5);
	assert_int_equal(rig_verify(rig).entries, 10);
}

static int open_code(struct rig *rig, struct err *e)
{
	struct audit_log *log = NULL;
	int r = audit_log_open(rig->store, rig->log_dir, &rig->key, &log, e);
	audit_log_close(log);
	return r;
}

static void test_key_change(void **state)
{
	struct rig *rig = *state;
	struct err e = {0};
	rig_grow(rig, 0, 5);
	struct note_verifier old = rig->key.verifier;
	rig_key(rig, RIG_ORIGIN, 8);
	rig_grow(rig, 5, 5); /* the old checkpoint is known from the store */
	assert_int_equal(rig_verify(rig).entries, 10);
	struct audit_report report;
	assert_int_equal(audit_verify(rig->log_dir, &old, NULL, NULL, &report, &e),
			 -ERR_KEY_UNKNOWN);
	rig_key(rig, "other.example/audit", 9);
	assert_true(rig_record(rig->store, 10, 1, NULL) == 0);
	rig->store = store_close(rig->store);
	assert_int_equal(rig_run("rm '%s'*", rig->store_path), 0);
	rig_store_open(rig); /* an empty store, a key of somebody else */
	assert_int_equal(open_code(rig, &e), -ERR_KEY_UNKNOWN);
}

/* ---- opening ---- */

static void test_open_errors(void **state)
{
	struct rig *rig = *state;
	struct err e = {0};
	rig_grow(rig, 0, 300);
	{
		STORE_TXN(txn);
		assert_int_equal(store_begin(rig->store, STORE_WRITE, &txn, NULL), 0);
		assert_int_equal(open_code(rig, &e), -ERR_INVAL);
	}
	{
		_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
		assert_int_equal(audit_log_size(log), 300);
		assert_int_equal(open_code(rig, &e), -ERR_BUSY);
	}
	assert_int_equal(rig_run("cd '%s' && truncate -s 100 tile/0/001.p/44", rig->log_dir), 0);
	assert_int_equal(open_code(rig, &e), -ERR_TRUNCATED);
	assert_int_equal(rig_run("cd '%s' && truncate -s 1408 tile/0/001.p/44", rig->log_dir), 0);
	assert_int_equal(open_code(rig, &e), -ERR_CORRUPT);
	assert_int_equal(rig_run("cd '%s' && rm -r tile checkpoint", rig->log_dir),
			 0); /* all of it is made again */
	assert_int_equal(open_code(rig, &e), 0);
	assert_int_equal(rig_verify(rig).entries, 300);
	assert_int_equal(
		rig_run("cd '%s' && printf X | dd of=tile/entries/001.p/44 bs=1 seek=200 conv=notrunc status=none",
			rig->log_dir),
		0);
	assert_int_equal(open_code(rig, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.message, "is damaged"));
	char longest[2000];
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	struct audit_log *log = NULL;
	assert_int_equal(audit_log_open(rig->store, longest, &rig->key, &log, &e), -ERR_OVERSIZE);
}

static void test_store_restored(void **state)
{
	struct rig *rig = *state;
	struct err e = {0};
	rig_prepare(rig);
	rig->store = store_close(rig->store);
	assert_int_equal(rig_run("rm '%s'* && cp '%s/base/store' '%s'", rig->store_path, rig->dir,
				 rig->store_path),
			 0);
	rig_store_open(rig);
	assert_int_equal(open_code(rig, &e), -ERR_STALE);
	assert_non_null(strstr(e.message, "audit adopt"));
	assert_int_equal(audit_adopt(rig->store, rig->log_dir, &rig->key.verifier, &e),
			 RIG_MORE + RIG_REST);
	assert_int_equal(audit_adopt(rig->store, rig->log_dir, &rig->key.verifier, &e), 0);
	rig_grow(rig, RIG_ALL, 5);
	assert_int_equal(rig_verify(rig).entries, RIG_ALL + 5);
	struct audit_report report;
	assert_int_equal(audit_scrub(rig->store, rig->log_dir, NULL, NULL, &report, &e), 0);
}

/* A restored store that was written to before anyone looked: two histories, and none is signed over the other. */
static void test_two_histories(void **state)
{
	struct rig *rig = *state;
	struct err e = {0};
	rig_prepare(rig);
	rig->store = store_close(rig->store);
	assert_int_equal(rig_run("rm '%s'* && cp '%s/base/store' '%s'", rig->store_path, rig->dir,
				 rig->store_path),
			 0);
	rig_store_open(rig);
	assert_int_equal(rig_record(rig->store, 900, 1, NULL), 0); /* another entry 250 */
	assert_int_equal(open_code(rig, &e), -ERR_STALE);
	assert_int_equal(audit_adopt(rig->store, rig->log_dir, &rig->key.verifier, &e),
			 -ERR_CONFLICT);
	assert_int_equal(rig_record(rig->store, 901, 50, NULL),
			 0); /* and now more than the folder has */
	assert_int_equal(open_code(rig, &e), -ERR_CONFLICT);
	assert_int_equal(rig_verify(rig).entries, RIG_ALL);
}

static void test_folder_restored(void **state)
{
	struct rig *rig = *state;
	rig_prepare(rig);
	assert_int_equal(rig_run("rm -r '%s' && cp -a '%s/base/log' '%s'", rig->log_dir, rig->dir,
				 rig->log_dir),
			 0);
	_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
	assert_int_equal(audit_log_size(log), RIG_ALL); /* published again, not signed again */
	assert_memory_equal(rig_verify(rig).head.root32, rig->root32, 32);
}

/* An entry that was changed in the store after it was signed, and a folder that has to be made again from it. */
static void test_changed_rows(void **state)
{
	struct rig *rig = *state;
	struct err e = {0};
	rig_grow(rig, 0, 20);
	static const char change[] =
		"UPDATE audit_entry SET entry = replace(entry, 'type view', 'type send') WHERE seq = 3";
	assert_int_equal(store_exec(rig->store, change, NO_VALS, &e), 1);
	assert_int_equal(rig_run("rm -r '%s'", rig->log_dir), 0);
	assert_int_equal(open_code(rig, &e), -ERR_CONFLICT);
	assert_int_equal(
		store_exec(rig->store, "DELETE FROM audit_event WHERE seq = 19", NO_VALS, &e), 1);
	assert_int_equal(
		store_exec(rig->store, "DELETE FROM audit_entry WHERE seq = 19", NO_VALS, &e), 1);
	assert_int_equal(open_code(rig, &e), -ERR_CONFLICT);
	assert_int_equal(store_exec(rig->store, "UPDATE audit_entry SET seq = 77 WHERE seq = 18",
				    NO_VALS, NULL),
			 -ERR_INVAL);
}

/* A hole in the numbers is never signed over. */
static void test_hole(void **state)
{
	struct rig *rig = *state;
	struct err e = {0};
	_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
	assert_int_equal(rig_record(rig->store, 0, 5, NULL), 0);
	assert_int_equal(
		store_exec(rig->store, "DELETE FROM audit_event WHERE seq = 2", NO_VALS, &e), 1);
	assert_int_equal(
		store_exec(rig->store, "DELETE FROM audit_entry WHERE seq = 2", NO_VALS, &e), 1);
	assert_int_equal(audit_log_flush(log, &e), -ERR_CONFLICT);
	assert_int_equal(audit_log_size(log), 0);
	assert_int_equal(audit_log_flush(log, &e), -ERR_CONFLICT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RIG_TEST(test_crash_anywhere), RIG_TEST(test_crash_while_opening),
		RIG_TEST(test_fail_once),      RIG_TEST(test_fail_on),
		RIG_TEST(test_signer),	       RIG_TEST(test_key_change),
		RIG_TEST(test_open_errors),    RIG_TEST(test_store_restored),
		RIG_TEST(test_two_histories),  RIG_TEST(test_folder_restored),
		RIG_TEST(test_changed_rows),   RIG_TEST(test_hole),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests_name("audit-faults", tests, NULL, NULL);
}
