/* SPDX-License-Identifier: Apache-2.0
 * Loss of power at every step of recording and integrating: what was acknowledged is there, and the log goes on to the very tree of
 * an undisturbed run, without contradicting any checkpoint that was signed. */
#include "audit-rig.h"
#include "power-loss.h"
#include <sys/mman.h>
#include <sys/wait.h>

enum { STEPS_MAX = 2000 };

/* What the child was told to be durable; the parent reads it after the power is gone. */
struct promised {
	uint64_t entries, size;
};
static struct promised *promised;

static void child_run(struct rig *rig, unsigned at, uint64_t seed)
{
	struct err e;
	char saves[96];
	(void)snprintf(saves, sizeof(saves), "%s/saves", rig->dir);
	rig_store_open(rig);
	struct audit_log *log = rig_log_open(rig);
	power_arm(rig->disk, saves, at, seed);
	int r = rig_record(rig->store, RIG_BASE, RIG_MORE, &e);
	promised->entries = r == 0 ? RIG_BASE + RIG_MORE : RIG_BASE;
	int64_t n = audit_log_flush(log, &e);
	promised->size = n == RIG_MORE ? RIG_BASE + RIG_MORE : RIG_BASE;
	if (r == 0)
		r = rig_record(rig->store, RIG_BASE + RIG_MORE, RIG_REST, &e);
	promised->entries = r == 0 ? RIG_ALL : RIG_BASE + RIG_MORE;
	if (n == RIG_MORE)
		n = audit_log_flush(log, &e);
	promised->size = n == RIG_REST ? RIG_ALL : promised->size;
	power.at = 0;
	_exit(r == 0 && n == RIG_REST ? 0 : 1);
}

static int run_and_cut(struct rig *rig, unsigned at, uint64_t seed)
{
	int status = 0;
	rig_back_to_base(rig);
	*promised = (struct promised){RIG_BASE, RIG_BASE};
	pid_t child = fork();
	if (child == 0)
		child_run(rig, at, seed);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	status = WEXITSTATUS(status);
	assert_true(status == 0 || status == POWER_EXIT);
	rig_store_open(rig);
	assert_true(rig_entries_in_store(rig) >= promised->entries);
	assert_true(rig_seen_in_folder(rig).size >= promised->size);
	assert_true(rig_seen_in_store(rig).size >= promised->size);
	assert_int_equal(store_verify(rig->store, NULL), 0);
	_cleanup_(audit_log_closep) struct audit_log *log = rig_log_open(rig);
	rig_finish_and_compare(rig, log);
	return status;
}

static void cut_everywhere(void **state, uint64_t seed)
{
	struct rig *rig = *state;
	promised = mmap(NULL, sizeof(*promised), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	assert_true(promised != MAP_FAILED);
	assert_int_equal(rig_run("mkdir '%s/saves'", rig->dir), 0);
	rig_prepare(rig);
	unsigned at = 1;
	while (run_and_cut(rig, at, seed * at) == POWER_EXIT) { /* another choice at each step */
		at++;
		assert_in_range(at, 1, STEPS_MAX);
	}
	print_message("the power went at each of %u steps\n", at - 1);
	assert_true(at > 50);
	munmap(promised, sizeof(*promised));
}

static void test_all_is_lost(void **state)
{
	cut_everywhere(state, 0);
}

static void test_some_is_kept(void **state)
{
	cut_everywhere(state, 1);
}

/* The model itself: what is synced stays, what is not is lost, and a name without its folder's sync is lost too. */
static int model_child(struct rig *rig, const char *saves)
{
	char path[3][POWER_PATH_MAX];
	for (int i = 0; i < 3; i++)
		(void)snprintf(path[i], sizeof(path[i]), "%s/file%d", rig->disk, i);
	power_arm(rig->disk, saves, UINT_MAX, 0);
	if (file_write(path[0], "synced", 6, 0600, NULL) < 0)
		return 1;
	int a = open(path[0], O_WRONLY), b = open(path[1], O_WRONLY | O_CREAT, 0600);
	if (a < 0 || b < 0 || write(a, "UNS", 3) != 3 || write(b, "new", 3) != 3 || fsync(b) < 0)
		return 2;
	if (rename(path[0], path[2]) < 0)
		return 3;
	power_cut();
	return 4;
}

static void test_model(void **state)
{
	struct rig *rig = *state;
	char path[160], saves[96];
	struct buf b;
	int status = 0;
	(void)snprintf(saves, sizeof(saves), "%s/saves", rig->dir);
	assert_int_equal(rig_run("mkdir '%s'", saves), 0);
	pid_t child = fork();
	if (child == 0)
		_exit(model_child(rig, saves));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), POWER_EXIT);
	buf_init(&b, 100);
	(void)snprintf(path, sizeof(path), "%s/file0", rig->disk);
	assert_int_equal(file_read(path, &b, NULL), 0);
	assert_string_equal(buf_cstr(&b), "synced");
	buf_done(&b);
	(void)snprintf(path, sizeof(path), "%s/file1", rig->disk);
	assert_int_equal(access(path, F_OK), -1);
	(void)snprintf(path, sizeof(path), "%s/file2", rig->disk);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RIG_TEST(test_model),
		RIG_TEST(test_all_is_lost),
		RIG_TEST(test_some_is_kept),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests_name("audit-power", tests, NULL, NULL);
}
