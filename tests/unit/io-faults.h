/* SPDX-License-Identifier: Apache-2.0
 * Faults of the file system, for one test program: the calls that change files are defined here, in front of the C library's,
 * for this program and the libraries in it (SQLite's too). They count, and at the chosen one fail or end the process. Nothing is really synced: what a process has written
 * outlives it, and the tests are faster by as much as the disk is slow. */
#ifndef TESTS_IO_FAULTS_H
#define TESTS_IO_FAULTS_H
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum fault_mode {
	FAULT_OFF,
	FAULT_DIE,  /* the process ends before call number `at`: a crash */
	FAULT_ONCE, /* that call fails */
	FAULT_ON,   /* that one and all after it fail: a full or dying disk */
};
enum { FAULT_EXIT = 42 };
static struct {
	enum fault_mode mode;
	unsigned at, n;
	int error; /* errno of the failing call */
} fault;

static void fault_arm(enum fault_mode mode, unsigned at, int error)
{
	fault.mode = mode;
	fault.at = at;
	fault.n = 0;
	fault.error = error;
}

/* 0 to go on, -1 with errno to fail. */
static int fault_step(void)
{
	if (fault.mode == FAULT_OFF || ++fault.n < fault.at)
		return 0;
	if (fault.n > fault.at && fault.mode != FAULT_ON)
		return 0;
	if (fault.mode == FAULT_DIE)
		_exit(FAULT_EXIT);
	errno = fault.error;
	return -1;
}

#define FAULTY __attribute__((visibility("default")))
FAULTY ssize_t write(int fd, const void *p, size_t len)
{
	return fault_step() < 0 ? -1 : syscall(SYS_write, fd, p, len);
}
FAULTY ssize_t pwrite64(int fd, const void *p, size_t len, off64_t off)
{
	return fault_step() < 0 ? -1 : syscall(SYS_pwrite64, fd, p, len, off);
}
FAULTY int fsync(int fd)
{
	return fault_step();
}
FAULTY int fdatasync(int fd)
{
	return fault_step();
}
FAULTY int ftruncate64(int fd, off64_t len)
{
	return fault_step() < 0 ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}
FAULTY int rename(const char *from, const char *to)
{
	return fault_step() < 0 ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
FAULTY int mkdir(const char *path, mode_t mode)
{
	return fault_step() < 0 ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
FAULTY int unlink(const char *path)
{
	return fault_step() < 0 ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
#endif
