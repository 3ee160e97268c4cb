/* SPDX-License-Identifier: Apache-2.0
 * The importer under faults of the file system: the process ends before, or the disk fails at, each single call that changes a
 * file, in a first import, in one that continues and in a reorganisation. The next run must end in the bytes of an import
 * that nothing disturbed, and until then readers get the old answers or are told to wait. Then the same with each allocation
 * of memory failing in turn. */
#include "io-faults.h"
#include "ledger-world.h"
#include <sys/mman.h>
#include <sys/wait.h>

FAULTY int msync(void *p, size_t len, int flags)
{
	return fault_step();
}
FAULTY int unlinkat(int fd, const char *path, int flags)
{
	return fault_step() < 0 ? -1 : (int)syscall(SYS_unlinkat, fd, path, flags);
}

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { ALLOC_FAULTS = 0 }; /* the sanitizer brings an allocator of its own */
static int64_t live, alloc_fail_at;
#else
enum { ALLOC_FAULTS = 1 };
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static int64_t live;		   /* blocks handed out and not returned */
static int64_t alloc_fail_at = -1; /* so many allocations succeed, the next fails; -1: none fails */

static bool alloc_fails(void)
{
	return alloc_fail_at >= 0 && alloc_fail_at-- == 0;
}
FAULTY void *malloc(size_t size)
{
	void *p = alloc_fails() ? NULL : __libc_malloc(size);

	if (!p)
		errno = ENOMEM;
	live += p != NULL;
	return p;
}
FAULTY void *calloc(size_t n, size_t size)
{
	void *p = alloc_fails() ? NULL : __libc_calloc(n, size);

	if (!p)
		errno = ENOMEM;
	live += p != NULL;
	return p;
}
FAULTY void *realloc(void *old, size_t size)
{
	void *p = alloc_fails() ? NULL : __libc_realloc(old, size);

	if (!p)
		errno = ENOMEM;
	live += p && !old;
	return p;
}
FAULTY void *reallocarray(void *old, size_t n, size_t size)
{
	return realloc(old, n * size); /* small worlds: no overflow */
}
FAULTY void free(void *p)
{
	live -= p != NULL;
	__libc_free(p);
}
#endif

enum { CALLS_MAX = 5000, CHECKPOINT_BYTES = 3000 };

/* What is imported, and from which state. */
struct scene {
	struct world *before, *after; /* before may be NULL: a first import */
	uint32_t before_n,
		fork; /* blocks there at first; after goes its own way from block fork on */
};

static char top[64], blocks_before[96], blocks[96], base[96], once[96], ledger[96];

static int setup(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "%s/test-ledger-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (crypto_start() < 0 || !mkdtemp(top))
		return -1;
	snprintf(blocks_before, sizeof(blocks_before), "%s/bb", top);
	snprintf(blocks, sizeof(blocks), "%s/b", top);
	snprintf(base, sizeof(base), "%s/base", top);
	snprintf(once, sizeof(once), "%s/once", top);
	snprintf(ledger, sizeof(ledger), "%s/l", top);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_remove_tree(top);
	return 0;
}

static int import(struct err *e)
{
	struct ledger_import_options o = world_options();

	o.checkpoint_bytes = CHECKPOINT_BYTES;
	o.threads = 1; /* so that calls and allocations come in one order */
	return ledger_import(blocks, ledger, &o, NULL, e);
}

static void copy_folder(const char *from, const char *to)
{
	DIR *d = opendir(from);

	assert_non_null(d);
	assert_int_equal(file_mkdirs(to, 0755, NULL), 0);
	for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
		char a[512], b[512];
		struct stat st;
		struct buf x;

		snprintf(a, sizeof(a), "%.200s/%.200s", from, entry->d_name);
		snprintf(b, sizeof(b), "%.200s/%.200s", to, entry->d_name);
		if (entry->d_name[0] == '.' || stat(a, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode)) {
			copy_folder(a, b);
			continue;
		}
		buf_init(&x, 8 << 20);
		assert_int_equal(file_read(a, &x, NULL), 0);
		assert_int_equal(file_write(b, x.p, x.len, 0644, NULL), 0);
		buf_done(&x);
	}
	closedir(d);
}

static void scene_start(const struct scene *s)
{
	world_remove_tree(ledger);
	if (s->before)
		copy_folder(base, ledger);
}

static void scene_prepare(const struct scene *s)
{
	struct buf x;

	world_remove_tree(top);
	assert_int_equal(mkdir(top, 0755), 0);
	if (s->before) {
		world_write(s->before, blocks_before, s->before_n);
		assert_int_equal(world_import(blocks_before, base, NULL, NULL), 0);
		world_write(s->before, blocks, s->before->block_n);
		buf_init(&x, 8 << 20);
		for (uint32_t i = s->fork; i < s->after->block_n; i++)
			world_put_block(&x, &s->after->block[i]);
		world_write_file(blocks, "blk00001.dat", &x, NULL);
		buf_done(&x);
	} else {
		world_write(s->after, blocks, s->after->block_n);
	}
	assert_int_equal(world_import(blocks, once, NULL, NULL), 0);
}

/* What a reader meets after the fault: the old ledger, the new one, or word that an import has to be finished. */
static void look(const struct scene *s)
{
	struct ledger *l = NULL;
	int r = ledger_open(ledger, &l, NULL);

	if (r < 0) {
		assert_true(r == -ERR_AGAIN || r == -ERR_NOENT);
		return;
	}
	if (s->before && ledger_info(l)->block_n == s->before_n)
		assert_memory_equal(ledger_info(l)->tip32, s->before->block[s->before_n - 1].hash32,
				    32);
	else
		assert_memory_equal(ledger_info(l)->tip32,
				    s->after->block[s->after->block_n - 1].hash32, 32);
	ledger_close(l);
}

static void recover(const struct scene *s, unsigned at)
{
	struct err e = {0};

	look(s);
	if (import(&e) < 0)
		fail_msg("after a fault at call %u: %s", at, e.message);
	world_same(once, ledger);
}

/* True when the fault was reached. */
static bool crash_at(const struct scene *s, unsigned at)
{
	pid_t pid;
	int code;

	scene_start(s);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fault_arm(FAULT_DIE, at, 0);
		_exit(import(NULL) < 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &code, 0), pid);
	assert_true(WIFEXITED(code) && (WEXITSTATUS(code) == 0 || WEXITSTATUS(code) == FAULT_EXIT));
	recover(s, at);
	return WEXITSTATUS(code) == FAULT_EXIT;
}

static bool fail_at(const struct scene *s, unsigned at, enum fault_mode mode, int error)
{
	struct err e = {0};
	unsigned n;
	int r;

	scene_start(s);
	fault_arm(mode, at, error);
	r = import(&e);
	n = fault.n;
	fault_arm(FAULT_OFF, 0, 0);
	if (n < at) {
		assert_int_equal(r, 0);
		return false;
	}
	if (r < 0) { /* a failed unlink of an old index is passed over */
		assert_int_equal(r, -error);
		assert_true(e.message[0]);
	}
	recover(s, at);
	return true;
}

static void every_call(const struct scene *s)
{
	unsigned at = 1;

	scene_prepare(s);
	while (crash_at(s, at))
		assert_true(++at < CALLS_MAX);
	assert_true(at > 50);
	for (at = 1; fail_at(s, at, FAULT_ONCE, EIO);)
		assert_true(++at < CALLS_MAX);
	for (at = 1; fail_at(s, at, FAULT_ON, ENOSPC);)
		assert_true(++at < CALLS_MAX);
}

static void test_first_import(void **state)
{
	struct scene s = {.after = world_new(1, 12, 4)};

	(void)state;
	every_call(&s);
	world_free(s.after);
}

static void test_continued(void **state)
{
	struct scene s = {.before = world_new(2, 16, 4), .before_n = 9, .fork = 16};

	(void)state;
	s.after = s.before;
	every_call(&s);
	world_free(s.before);
}

static void test_reorganised(void **state)
{
	struct scene s = {.before = world_new(3, 12, 4), .before_n = 12, .fork = 8};

	(void)state;
	s.after = world_fork(s.before, 8, 33);
	for (int i = 0; i < 6; i++)
		world_block(s.after, 4, UINT32_MAX);
	every_call(&s);
	world_free(s.before);
	world_free(s.after);
}

/* ---- memory ---- */

static void ask(struct ledger *l)
{
	struct ledger_move moves[3];
	uint32_t id = 1;

	for (; id < 4; id++) {
		int64_t n = ledger_address_moves(l, id, LEDGER_OLDEST_FIRST, -1, moves, 3);

		assert_true(n > 0 || n == -ERR_NOMEM);
	}
}

static int import_open_verify(struct err *e)
{
	struct ledger *l = NULL;
	int r = import(e);

	if (r < 0)
		return r;
	r = ledger_open(ledger, &l, e);
	if (r < 0)
		return r;
	ask(l);
	ledger_close(l);
	return ledger_verify(ledger, blocks, NULL, NULL, NULL, e);
}

static void test_no_memory(void **state)
{
	struct scene s = {.before_n = 7, .fork = 12};
	int64_t before, at = 0;
	int r = -1;

	(void)state;
	if (!ALLOC_FAULTS)
		skip();
	s.before = world_new(5, 12, 4);
	s.after = s.before;
	scene_prepare(&s);
	for (; r < 0; at++) {
		struct err e = {0};

		scene_start(&s);
		before = live;
		alloc_fail_at = at;
		r = import_open_verify(&e);
		alloc_fail_at = -1;
		assert_int_equal(live, before);
		if (r < 0) {
			assert_int_equal(r, -ERR_NOMEM);
			assert_true(e.message[0]);
		}
		recover(&s, (unsigned)at);
		assert_true(at < CALLS_MAX);
	}
	assert_true(at > 20);
	world_free(s.before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_import),
		cmocka_unit_test(test_continued),
		cmocka_unit_test(test_reorganised),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
