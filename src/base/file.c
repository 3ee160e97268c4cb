/* SPDX-License-Identifier: Apache-2.0
 * Files: see the header. */
#include "base/file.h"
#include "base/cleanup.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum { FILE_READ_STEP = 1 << 16 };

static int file_fail(struct err *e, const char *path, const char *doing)
{
	int system_errno = errno, code = err_errno(system_errno);
	return err_set(e, code, path, "%s %s: %s", doing, path, strerror(system_errno));
}

int file_read(const char *path, struct buf *out, struct err *e)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return file_fail(e, path, "cannot open");
	for (;;) {
		size_t before = out->len, step = out->max - before < FILE_READ_STEP
							 ? out->max - before
							 : FILE_READ_STEP;
		if (step == 0) {
			char more;
			int64_t n = fd_read_all(fd, &more, 1);
			if (n == 0)
				return 0;
			return err_set(e, n < 0 ? (int)n : -ERR_OVERSIZE, path,
				       "%s is larger than the limit of %zu bytes", path, out->max);
		}
		uint8_t *p = buf_space(out, step);
		if (!p)
			return err_set(e, buf_err(out), path, NULL);
		int64_t n = fd_read_all(fd, p, step);
		out->len = before + (n > 0 ? (size_t)n : 0);
		if (n < 0)
			return file_fail(e, path, "cannot read");
		if ((size_t)n < step)
			return 0;
	}
}

int fd_write_all(int fd, const void *p, size_t len)
{
	const char *at = p;
	while (len) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno);
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int64_t fd_read_all(int fd, void *p, size_t len)
{
	char *at = p;
	size_t got = 0;
	while (got < len) {
		ssize_t n = read(fd, at + got, len - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (int64_t)got;
}

int file_sync_dir(const char *path, struct err *e)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int n = slash ? snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path)
		      : snprintf(dir, sizeof(dir), ".");
	if (n < 0 || (size_t)n >= sizeof(dir))
		return err_set(e, -ERR_OVERSIZE, path, "path is too long");
	_cleanup_(closep) int fd = open(n ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return file_fail(e, path, "cannot sync the folder of");
	return 0;
}

int file_write(const char *path, const void *p, size_t len, unsigned mode, struct err *e)
{
	char temp[PATH_MAX];
	int n = snprintf(temp, sizeof(temp), "%s.new", path);
	if (n < 0 || (size_t)n >= sizeof(temp))
		return err_set(e, -ERR_OVERSIZE, path, "path is too long");
	_cleanup_(closep) int fd =
		open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return file_fail(e, temp, "cannot create");
	int r = fd_write_all(fd, p, len);
	if (r < 0) {
		unlink(temp);
		return err_set(e, r, path, "cannot write %s: %s", temp, err_sentence(r));
	}
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temp, path) < 0) {
		r = file_fail(e, path, "cannot replace");
		unlink(temp);
		return r;
	}
	return file_sync_dir(path, e);
}

int file_mkdirs(const char *path, unsigned mode, struct err *e)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof(part))
		return err_set(e, -ERR_INVAL, path, "path is empty or too long");
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return file_fail(e, part, "cannot make");
	}
	struct stat st;
	if (stat(path, &st) < 0)
		return file_fail(e, path, "cannot use");
	return S_ISDIR(st.st_mode)
		       ? 0
		       : err_set(e, -ERR_EXIST, path, "%s exists and is not a folder", path);
}
