/* SPDX-License-Identifier: Apache-2.0
 * HTML to a tagged PDF by WeasyPrint, as a child that gets one file and gives one. Worker thread. */
#include "lugd/pdf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/time.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 20, ENV_MAX = 4096 };

/* In: a file of the HTML; its offset is at the beginning. */
static int file_of(const char *html, size_t len, int *ret_fd)
{
	int fd = memfd_create("html", MFD_CLOEXEC);
	int r = fd < 0 ? -ERR_NOMEM : fd_write_all(fd, html, len);
	if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -ERR_IO;
	if (r < 0 && fd >= 0)
		close(fd);
	else if (r >= 0)
		*ret_fd = fd;
	return r;
}

static int start(const char *program, int in, int out, pid_t *ret_pid)
{
	char path[ENV_MAX];
	const char *env_path = getenv("PATH");
	const char *argv[] = {program,	  "--quiet",	"--pdf-variant",
			      "pdf/ua-1", "--encoding", "utf-8",
			      "-",	  "-",		NULL};
	char *const env[] = {path, (char[]){"HOME=/nonexistent"}, (char[]){"LC_ALL=C.UTF-8"}, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	snprintf(path, sizeof(path), "PATH=%s", env_path ? env_path : "/usr/bin:/bin");
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ERR_NOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -ERR_NOMEM;
	}
	sigemptyset(&none);
	int failed =
		posix_spawnattr_setsigmask(&attr, &none) ||
		posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK) ||
		posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO) ||
		posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) ||
		posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!failed)
		failed = posix_spawnp(ret_pid, program, &actions, &attr,
				      (char *const *)(const void *)argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return failed ? -ERR_NOENT : 0;
}

static int wait_for(pid_t pid, bool (*go_on)(void *ctx), void *ctx)
{
	int64_t end_ms = time_mono_ms() + PDF_SECONDS_MAX * 1000;
	int status = 0;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (time_mono_ms() >= end_ms || !go_on(ctx)) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return -ERR_TIMEDOUT;
		}
		(void)poll(NULL, 0, LOOK_MS);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ERR_IO;
}

static int read_back(int fd, struct buf *out)
{
	static const char magic[] = "%PDF-";
	off_t len = lseek(fd, 0, SEEK_END);
	if (len < (off_t)sizeof(magic) || (size_t)len > out->max || lseek(fd, 0, SEEK_SET) < 0)
		return -ERR_FORMAT;
	_cleanup_(freep) uint8_t *p = malloc((size_t)len);
	if (!p || fd_read_all(fd, p, (size_t)len) != (int64_t)len)
		return -ERR_IO;
	buf_put(out, p, (size_t)len);
	return memcmp(p, magic, sizeof(magic) - 1) ? -ERR_FORMAT : buf_err(out);
}

int pdf_make(const char *program, const char *html, size_t len, bool (*go_on)(void *ctx), void *ctx,
	     struct buf *out, struct err *e)
{
	int in = -1, made = -1;
	pid_t pid;
	int r = program[0] ? file_of(html, len, &in) : -ERR_NOENT;
	if (r >= 0) {
		made = memfd_create("pdf", MFD_CLOEXEC);
		r = made < 0 ? -ERR_NOMEM : start(program, in, made, &pid);
	}
	if (r >= 0)
		r = wait_for(pid, go_on, ctx);
	if (r >= 0)
		r = read_back(made, out);
	if (in >= 0)
		close(in);
	if (made >= 0)
		close(made);
	return r < 0 ? err_set(e, r == -ERR_NOENT ? -ERR_UNSUPPORTED : r, "form",
			       r == -ERR_NOENT
				       ? "This node has no program that makes PDF (pdf_program)."
				       : "The PDF could not be made.")
		     : 0;
}
