/* SPDX-License-Identifier: Apache-2.0
 * The life of the lug-keyd process: start, find dead, start again.
 *
 * Only the first connection (the root) starts processes. A derived connection that breaks locks the root; if the root's
 * process is still of the generation that broke, it starts a new one, and in any case asks for a new connection. */
#include "base/time.h"
#include "keyd/client-int.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { RESTART_WINDOW_MS = 60000, ARGS_MAX = 10 };

void keyd_fd_timeouts(int fd)
{
	const struct timeval t = {.tv_sec = KEYD_TIMEOUT_S};
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static size_t arguments(const struct process *p, const char *init_node, const char **argv)
{
	size_t n = 0;
	argv[n++] = p->program;
	argv[n++] = "--folder";
	argv[n++] = p->folder;
	if (p->passphrase_file) {
		argv[n++] = "--passphrase-file";
		argv[n++] = p->passphrase_file;
	}
	if (init_node) {
		argv[n++] = "--init";
		argv[n++] = init_node;
	}
	argv[n] = NULL;
	return n;
}

/* Signals as at birth, and a group of its own, so that a terminal's ^C does not reach it. */
static void spawn_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setpgroup(attr, 0);
	posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
					       POSIX_SPAWN_SETPGROUP);
}

/* fd becomes CHANNEL_FD of the child. dup2 onto itself would keep close-on-exec, hence the detour when it is that already. */
static int spawn(const char *const *argv, int fd, int *ret_pid)
{
	static char *const no_env[] = {NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	pid_t pid = 0;
	_cleanup_(closep) int moved = fcntl(fd, F_DUPFD_CLOEXEC, CHANNEL_FD + 1);
	if (moved < 0)
		return err_errno(errno);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ERR_NOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -ERR_NOMEM;
	}
	spawn_attributes(&attr);
	int failed = posix_spawn_file_actions_adddup2(&actions, moved, CHANNEL_FD);
	if (!failed)
		failed = posix_spawn(&pid, argv[0], &actions, &attr,
				     (char *const *)(const void *)argv, no_env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	*ret_pid = (int)pid;
	return failed ? err_errno(failed) : 0;
}

static void reap(struct keyd *root, char *how, size_t how_max)
{
	int status = 0;
	struct process *p = &root->process;
	if (root->fd >= 0)
		close(TAKE_FD(root->fd));
	if (!p->pid)
		return;
	/* It may hang instead of having ended; its connections are useless either way. */
	kill(p->pid, SIGKILL);
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
	if (WIFSIGNALED(status))
		snprintf(how, how_max, "killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(how, how_max, "ended with status %d", WEXITSTATUS(status));
}

static int start(struct keyd *root, const char *init_node, struct err *e)
{
	struct process *p = &root->process;
	const char *argv[ARGS_MAX];
	char how[96] = "";
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, err_errno(errno), "keyd", "Cannot make a socket pair: %s",
			       strerror(errno));
	arguments(p, init_node, argv);
	int r = spawn(argv, pair[1], &p->pid);
	close(pair[1]);
	root->fd = pair[0];
	keyd_fd_timeouts(root->fd);
	if (r < 0) {
		p->pid = 0;
		reap(root, how, sizeof(how));
		return err_set(e, r, "keyd", "Cannot start %s: %s", p->program, err_sentence(r));
	}
	r = keyd_await_start(root->fd, e);
	if (r < 0)
		reap(root, how, sizeof(how));
	return r;
}

static bool too_often(struct process *p)
{
	int64_t now_ms = time_mono_ms();
	int64_t *oldest = &p->recent_ms[p->restarts % KEYD_RESTARTS_MAX];
	if (p->restarts >= KEYD_RESTARTS_MAX && now_ms - *oldest < RESTART_WINDOW_MS)
		return true;
	*oldest = now_ms;
	return false;
}

static int restart(struct keyd *root, struct err *e)
{
	struct process *p = &root->process;
	char how[96] = "was not running";
	reap(root, how, sizeof(how));
	if (p->died)
		p->died(p->ctx, how);
	if (too_often(p))
		return err_set(
			e, ERR_PIPE, "keyd",
			"lug-keyd ended more than %d times in a minute (last: %s); look at the log.",
			KEYD_RESTARTS_MAX, how);
	p->restarts++;
	root->generation = p->restarts;
	return start(root, NULL, e);
}

int keyd_revive(struct keyd *k, struct err *e)
{
	if (!k->root)
		return restart(k, e);
	if (k->fd >= 0)
		close(TAKE_FD(k->fd));
	pthread_mutex_lock(&k->root->lock);
	int r = k->generation == k->root->generation || k->root->fd < 0 ? restart(k->root, e) : 0;
	if (r >= 0)
		r = keyd_connect(k->root, k->caps, &k->fd, e);
	if (r >= 0)
		k->generation = k->root->generation;
	pthread_mutex_unlock(&k->root->lock);
	return r;
}

/* ---- life of a connection ---- */

static struct keyd *keyd_new(void)
{
	struct keyd *k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->fd = -1;
	pthread_mutex_init(&k->lock, NULL);
	return k;
}

static int copy(const char *s, char **ret)
{
	*ret = s ? strdup(s) : NULL;
	return s && !*ret ? -ERR_NOMEM : 0;
}

int keyd_open(const struct keyd_options *o, struct keyd **ret_keyd, struct err *e)
{
	_cleanup_(keyd_closep) struct keyd *k = keyd_new();
	if (!k || copy(o->program, &k->process.program) < 0 ||
	    copy(o->folder, &k->process.folder) < 0 ||
	    copy(o->passphrase_file, &k->process.passphrase_file) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	k->caps = KEYD_ALL_CAPS;
	k->process.died = o->died;
	k->process.ctx = o->ctx;
	int r = start(k, o->init_node, e);
	if (r < 0)
		return r;
	*ret_keyd = TAKE_PTR(k);
	return 0;
}

int keyd_client(struct keyd *root, uint32_t caps, struct keyd **ret_keyd, struct err *e)
{
	_cleanup_(keyd_closep) struct keyd *k = keyd_new();
	if (!k)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (root->root)
		return err_set(e, ERR_INVAL, "keyd",
			       "Only the first connection makes further ones.");
	k->root = root;
	k->caps = caps;
	pthread_mutex_lock(&root->lock);
	int r = keyd_connect(root, caps, &k->fd, e);
	if (r == -ERR_PIPE) {
		r = restart(root, e);
		if (r >= 0)
			r = keyd_connect(root, caps, &k->fd, e);
	}
	k->generation = root->generation;
	pthread_mutex_unlock(&root->lock);
	if (r < 0)
		return r;
	*ret_keyd = TAKE_PTR(k);
	return 0;
}

/* Closing the connection is the order to end; a process that does not is killed after a moment. */
static void end_process(struct keyd *root)
{
	struct process *p = &root->process;
	if (root->fd >= 0)
		close(TAKE_FD(root->fd));
	for (int i = 0; p->pid && i < 200; i++) {
		if (waitpid(p->pid, NULL, WNOHANG) != 0)
			p->pid = 0;
		else
			usleep(5000);
	}
	if (p->pid) {
		kill(p->pid, SIGKILL);
		(void)waitpid(p->pid, NULL, 0);
	}
}

struct keyd *keyd_close(struct keyd *k)
{
	if (!k)
		return NULL;
	if (k->root && k->fd >= 0)
		close(k->fd);
	if (!k->root)
		end_process(k);
	free(k->process.program);
	free(k->process.folder);
	free(k->process.passphrase_file);
	pthread_mutex_destroy(&k->lock);
	free(k);
	return NULL;
}

unsigned keyd_restarts(struct keyd *k)
{
	struct keyd *root = k->root ? k->root : k;
	pthread_mutex_lock(&root->lock);
	unsigned n = root->process.restarts;
	pthread_mutex_unlock(&root->lock);
	return n;
}

int keyd_pid(struct keyd *k)
{
	struct keyd *root = k->root ? k->root : k;
	pthread_mutex_lock(&root->lock);
	int pid = root->process.pid;
	pthread_mutex_unlock(&root->lock);
	return pid;
}
