/* SPDX-License-Identifier: Apache-2.0
 * Running another program for one ring. */
#include "notify/exec.h"
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT_MS = 15000, LOOK_MS = 20 };

/* Its output must not be taken for ours. */
static int start(const char *const *argv, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ERR_NOMEM;
	int failed = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
	if (!failed)
		failed = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	if (!failed)
		failed = posix_spawnp(ret_pid, argv[0], &actions, NULL,
				      (char *const *)(const void *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return failed ? -ERR_NOENT : 0;
}

int exec_run(const char *const *argv, char *words)
{
	pid_t pid = 0;
	int status = 0;
	if (start(argv, &pid) < 0) {
		snprintf(words, PROGRAM_WORDS_MAX, "cannot start %s", argv[0]);
		return -ERR_NOENT;
	}
	for (int ms = 0; waitpid(pid, &status, WNOHANG) == 0; ms += LOOK_MS) {
		if (ms >= LIMIT_MS) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			snprintf(words, PROGRAM_WORDS_MAX, "%s took too long", argv[0]);
			return -ERR_TIMEDOUT;
		}
		usleep(LOOK_MS * 1000);
	}
	bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	snprintf(words, PROGRAM_WORDS_MAX, "%s ended with status %d", argv[0],
		 WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return fine ? 0 : -ERR_IO;
}
