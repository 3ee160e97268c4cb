/* SPDX-License-Identifier: Apache-2.0
 * Loss of power, for one test program: the calls that change files are defined here, in front of the C library's, for this
 * program and the libraries in it (SQLite's too). Each change under one folder is noted with what undoes it, until fsync of the
 * file (its bytes, its length) or of the folder (names in it) makes it durable. At the chosen step the power goes: of each file
 * and each folder only a beginning of what was not durable stays, and the process ends.
 *
 * This is stricter than any file system: names are not durable before their folder is synced, and files and folders keep no order
 * among each other. Memory-mapped files (SQLite's index of its log) are not looked at: they are rebuilt after a crash. */
#ifndef TESTS_POWER_LOSS_H
#define TESTS_POWER_LOSS_H
#include "base/prng.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum power_kind { POWER_WRITE, POWER_CREATE, POWER_MKDIR, POWER_RENAME, POWER_UNLINK };
enum { POWER_OPS_MAX = 20000, POWER_PATH_MAX = 256, POWER_EXIT = 43 };

struct power_op {
	enum power_kind kind;
	uint64_t ino; /* of the file for POWER_WRITE, else of the folder that holds the name */
	bool durable;
	int fd;	      /* POWER_WRITE: a descriptor of our own, since the name may change */
	uint8_t *old; /* POWER_WRITE: all bytes before */
	size_t old_len;
	char path[POWER_PATH_MAX], to[POWER_PATH_MAX];
	/* A second name of the file that was replaced or removed; "" for none. */
	char saved[POWER_PATH_MAX + 32];
};
static struct {
	char dir[POWER_PATH_MAX], saves[POWER_PATH_MAX]; /* what is watched; where saved files go */
	unsigned at, n;					 /* 0: not armed */
	uint64_t seed; /* 0: everything that is not durable is lost */
	size_t ops_n;
	struct power_op *ops;
} power;

static void power_arm(const char *dir, const char *saves, unsigned at, uint64_t seed)
{
	(void)snprintf(power.dir, sizeof(power.dir), "%s", dir);
	(void)snprintf(power.saves, sizeof(power.saves), "%s", saves);
	power.ops = calloc(POWER_OPS_MAX, sizeof(*power.ops));
	assert(power.ops);
	power.seed = seed;
	power.at = at;
}

/* ---- raw calls ---- */

static int raw_link(const char *from, const char *to)
{
	return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}
static int raw_unlink(const char *path)
{
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
static int raw_rename(const char *from, const char *to)
{
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- noting ---- */

static bool power_watches(const char *path)
{
	return power.at && !strncmp(path, power.dir, strlen(power.dir));
}

static bool power_fd_path(int fd, char out[static POWER_PATH_MAX])
{
	char link[40];
	if (!power.at)
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, out, POWER_PATH_MAX - 1);
	out[n > 0 ? n : 0] = 0;
	size_t len = strlen(out);
	return power_watches(out) && !(len > 4 && !strcmp(out + len - 4, "-shm"));
}

static uint64_t power_parent(const char *path)
{
	char dir[POWER_PATH_MAX];
	struct stat st;
	(void)snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = 0;
	assert(stat(dir, &st) == 0);
	return st.st_ino;
}

static struct power_op *power_note(enum power_kind kind, uint64_t ino, const char *path)
{
	assert(power.ops_n < POWER_OPS_MAX);
	struct power_op *op = &power.ops[power.ops_n++];
	op->kind = kind;
	op->ino = ino;
	op->fd = -1;
	(void)snprintf(op->path, sizeof(op->path), "%s", path);
	return op;
}

/* Keeps the file at `path`, if there is one, under a second name. */
static void power_save(struct power_op *op, const char *path)
{
	(void)snprintf(op->saved, sizeof(op->saved), "%s/%zu", power.saves, power.ops_n);
	(void)raw_unlink(op->saved); /* of an earlier run */
	if (raw_link(path, op->saved) < 0)
		op->saved[0] = 0;
}

/* Before the bytes of an open file change: keep all of them (the files of these tests are small). */
static void power_note_bytes(int fd)
{
	char path[POWER_PATH_MAX];
	struct stat st;
	if (!power_fd_path(fd, path) || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	struct power_op *op = power_note(POWER_WRITE, st.st_ino, path);
	char link[40];
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	op->fd = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDWR | O_CLOEXEC);
	op->old_len = (size_t)st.st_size;
	op->old = malloc(op->old_len + 1);
	assert(op->fd >= 0 && op->old);
	assert(pread(op->fd, op->old, op->old_len, 0) == (ssize_t)op->old_len);
}

static void power_durable(int fd)
{
	struct stat st;
	char path[POWER_PATH_MAX];
	if (!power_fd_path(fd, path) || fstat(fd, &st) < 0)
		return;
	bool folder = S_ISDIR(st.st_mode);
	for (size_t i = 0; i < power.ops_n; i++)
		if (power.ops[i].ino == st.st_ino && (power.ops[i].kind != POWER_WRITE) == folder)
			power.ops[i].durable = true;
}

/* ---- losing ---- */

static void power_undo(const struct power_op *op)
{
	switch (op->kind) {
	case POWER_WRITE:
		assert(syscall(SYS_ftruncate, op->fd, op->old_len) == 0);
		assert(syscall(SYS_pwrite64, op->fd, op->old, op->old_len, 0L) ==
		       (ssize_t)op->old_len);
		return;
	case POWER_CREATE:
		(void)raw_unlink(op->path);
		return;
	case POWER_MKDIR: {
		char command[POWER_PATH_MAX + 16]; /* with all that was made in it */
		(void)snprintf(command, sizeof(command), "rm -rf '%s'", op->path);
		assert(system(command) == 0);
		return;
	}
	case POWER_RENAME:
		(void)raw_rename(op->to, op->path);
		if (op->saved[0])
			(void)raw_link(op->saved, op->to);
		return;
	case POWER_UNLINK:
		if (op->saved[0])
			(void)raw_link(op->saved, op->path);
		return;
	}
}

/* How many changes of this file or folder, of those that are not durable, stay. */
static size_t power_kept(uint64_t ino)
{
	size_t n = 0;
	struct prng r;
	if (!power.seed)
		return 0;
	for (size_t i = 0; i < power.ops_n; i++)
		n += power.ops[i].ino == ino && !power.ops[i].durable;
	prng_init(&r, power.seed * 1000003 + ino);
	return (size_t)prng_below(&r, n + 1);
}

static void power_cut(void)
{
	power.at = 0;
	for (size_t i = power.ops_n; i-- > 0;) {
		const struct power_op *op = &power.ops[i];
		if (op->durable)
			continue;
		size_t before = 0;
		for (size_t k = 0; k < i; k++)
			before += power.ops[k].ino == op->ino && !power.ops[k].durable;
		if (before >= power_kept(op->ino))
			power_undo(op);
	}
	_exit(POWER_EXIT);
}

static void power_step(void)
{
	if (power.at && ++power.n == power.at)
		power_cut();
}

/* ---- the calls ---- */

#define POWERED __attribute__((visibility("default")))
POWERED ssize_t write(int fd, const void *p, size_t len)
{
	char path[POWER_PATH_MAX];
	if (power_fd_path(fd, path)) {
		power_step();
		power_note_bytes(fd);
	}
	return syscall(SYS_write, fd, p, len);
}
POWERED ssize_t pwrite64(int fd, const void *p, size_t len, off64_t off)
{
	char path[POWER_PATH_MAX];
	if (power_fd_path(fd, path)) {
		power_step();
		power_note_bytes(fd);
	}
	return syscall(SYS_pwrite64, fd, p, len, off);
}
POWERED int ftruncate64(int fd, off64_t len)
{
	char path[POWER_PATH_MAX];
	if (power_fd_path(fd, path)) {
		power_step();
		power_note_bytes(fd);
	}
	return (int)syscall(SYS_ftruncate, fd, len);
}
POWERED int open64(const char *path, int flags, ...)
{
	va_list ap;
	va_start(ap, flags);
	unsigned mode = flags & O_CREAT ? va_arg(ap, unsigned) : 0;
	va_end(ap);
	bool makes = power_watches(path) && flags & O_CREAT && access(path, F_OK) < 0;
	bool cuts = power_watches(path) && flags & O_TRUNC && !makes;
	if (makes || cuts)
		power_step();
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags & ~O_TRUNC, mode);
	if (fd >= 0 && makes)
		power_note(POWER_CREATE, power_parent(path), path);
	if (fd >= 0 && cuts) {
		power_note_bytes(fd);
		(void)syscall(SYS_ftruncate, fd, 0);
	}
	return fd;
}
POWERED int fsync(int fd)
{
	power_step();
	power_durable(fd);
	return 0;
}
POWERED int fdatasync(int fd)
{
	power_step();
	power_durable(fd);
	return 0;
}
POWERED int rename(const char *from, const char *to)
{
	if (power_watches(to)) {
		power_step();
		struct power_op *op = power_note(POWER_RENAME, power_parent(to), from);
		(void)snprintf(op->to, sizeof(op->to), "%s", to);
		power_save(op, to);
	}
	return raw_rename(from, to);
}
POWERED int unlink(const char *path)
{
	if (power_watches(path) && access(path, F_OK) == 0) {
		power_step();
		power_save(power_note(POWER_UNLINK, power_parent(path), path), path);
	}
	return raw_unlink(path);
}
POWERED int mkdir(const char *path, mode_t mode)
{
	bool makes = power_watches(path) && access(path, F_OK) < 0;
	if (makes)
		power_step();
	int r = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
	if (r == 0 && makes)
		power_note(POWER_MKDIR, power_parent(path), path);
	return r;
}
#endif
