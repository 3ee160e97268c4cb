/* SPDX-License-Identifier: Apache-2.0
 * Channel programs as children: started without a shell, spoken to in lines over one socket, restarted, limited in time
 * (docs/protocol/notify.md). Logic thread only. */
#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "lugd/lugd-int.h"
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
	PENDING_MAX = 64,
	WAIT_FIRST_MS = 1000,
	WAIT_MAX_MS = 60000,
	ENV_TEXT_MAX = 4096,
	READ_MAX = 4096
};

struct pending {
	uint64_t id; /* 0: free */
	int64_t since_ms;
};
struct channel {
	struct notify_channel conf;
	pid_t pid; /* 0: not running */
	int fd;
	bool ready;
	struct buf line; /* bytes of a line that has not ended yet */
	int64_t due_ms;	 /* when to start it */
	int64_t wait_ms; /* before the next start */
	struct pending pending[PENDING_MAX];
};
struct channels {
	struct channel list[NOTIFY_CHANNELS_MAX];
	size_t n;
};

/* ---- starting ---- */

static void program_path(const char *name, char out[static CONF_TEXT_MAX + 1])
{
	char self[CONF_TEXT_MAX / 2];
	ssize_t len = strchr(name, '/') ? -1 : readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[len > 0 ? len : 0] = 0;
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	snprintf(out, CONF_TEXT_MAX + 1, "%s%s%s", slash ? self : "", slash ? "/" : "", name);
}

static void attributes(posix_spawnattr_t *attr)
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

static int spawn(const struct notify_channel *c, int fd, pid_t *ret_pid)
{
	char program[CONF_TEXT_MAX + 1], path[ENV_TEXT_MAX], home[ENV_TEXT_MAX];
	const char *argv[NOTIFY_ARGS_MAX + 2] = {program};
	const char *env_path = getenv("PATH"), *env_home = getenv("HOME");
	char *const env[] = {path, home, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	snprintf(path, sizeof(path), "PATH=%s", env_path ? env_path : "/usr/bin:/bin");
	snprintf(home, sizeof(home), "HOME=%s", env_home ? env_home : "/");
	program_path(c->args[0], program);
	for (size_t i = 1; i < c->args_n; i++)
		argv[i] = c->args[i];
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ERR_NOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -ERR_NOMEM;
	}
	attributes(&attr);
	int failed = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (!failed)
		failed = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	if (!failed)
		failed = posix_spawn(ret_pid, program, &actions, &attr,
				     (char *const *)(const void *)argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return failed ? err_errno(failed) : 0;
}

static void later(struct channel *c, int64_t now_ms)
{
	c->wait_ms = !c->wait_ms		    ? WAIT_FIRST_MS
		     : c->wait_ms * 2 > WAIT_MAX_MS ? WAIT_MAX_MS
						    : c->wait_ms * 2;
	c->due_ms = now_ms + c->wait_ms;
}

static void start(struct lugd *d, struct channel *c, int64_t now_ms)
{
	int pair[2];
	c->ready = false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		later(c, now_ms);
		return;
	}
	int r = spawn(&c->conf, pair[1], &c->pid);
	close(pair[1]);
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = pair[0]};
	if (r >= 0 && epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, pair[0], &ev) < 0)
		r = -ERR_IO;
	c->fd = pair[0];
	c->due_ms = INT64_MAX;
	if (r < 0) {
		lugd_alarm(d, true, "channel %s: %s cannot be started", c->conf.name,
			   c->conf.args[0]);
		close(TAKE_FD(c->fd));
		c->pid = 0;
		later(c, now_ms);
	}
}

/* ---- ending ---- */

static void fail_pending(struct lugd *d, struct channel *c, const char *why)
{
	for (size_t i = 0; i < PENDING_MAX; i++) {
		uint64_t id = c->pending[i].id;
		c->pending[i].id = 0;
		if (id)
			desk_rung(d, id, -ERR_OFFLINE, why);
	}
}

/* It may hang instead of having ended: its group is killed either way. */
static void reap(struct channel *c)
{
	if (c->fd >= 0)
		close(TAKE_FD(c->fd));
	if (c->pid > 0) {
		(void)kill(-c->pid, SIGKILL);
		(void)kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	c->pid = 0;
	c->ready = false;
	buf_clear(&c->line);
}

static void end(struct lugd *d, struct channel *c, const char *why)
{
	lugd_alarm(d, false, "channel %s: %s", c->conf.name, why);
	reap(c);
	later(c, time_mono_ms());
	fail_pending(d, c, why);
}

/* ---- lines ---- */

static void settle(struct lugd *d, struct channel *c, const struct notify_reply *x)
{
	bool fine = x->verb == NOTIFY_SENT;
	for (size_t i = 0; i < PENDING_MAX; i++) {
		if (c->pending[i].id != x->id || !x->id)
			continue;
		c->pending[i].id = 0;
		c->wait_ms = 0;
		log_info("duty", "ring %s channel=%s id=%llu", fine ? "sent" : "failed",
			 c->conf.name, (unsigned long long)x->id);
		desk_rung(d, x->id, fine ? 0 : -ERR_OFFLINE, x->words);
	}
}

static int take_line(struct lugd *d, struct channel *c, const char *line, size_t len)
{
	struct notify_reply x;
	int r = notify_reply_parse(line, len, &x);
	if (r < 0 || (!c->ready && x.verb != NOTIFY_READY && x.verb != NOTIFY_LOG))
		return r < 0 ? r : -ERR_FORMAT;
	switch (x.verb) {
	case NOTIFY_READY:
		c->ready = true;
		break;
	case NOTIFY_SENT:
	case NOTIFY_FAILED:
		settle(d, c, &x);
		break;
	case NOTIFY_REPLY:
		desk_reply(d, x.address, x.code);
		break;
	case NOTIFY_LOG:
		log_info("duty", "channel=%s %s", c->conf.name, x.words);
		break;
	}
	return 0;
}

static int take_bytes(struct lugd *d, struct channel *c, const char *p, size_t len)
{
	while (len) {
		const char *lf = memchr(p, '\n', len);
		size_t n = lf ? (size_t)(lf - p) : len;
		buf_put(&c->line, p, n);
		if (buf_err(&c->line) < 0)
			return -ERR_OVERSIZE;
		if (lf) {
			int r = take_line(d, c, buf_cstr(&c->line), c->line.len);
			buf_clear(&c->line);
			if (r < 0)
				return r;
		}
		p += n + (lf ? 1 : 0);
		len -= n + (lf ? 1 : 0);
	}
	return 0;
}

static void hear(struct lugd *d, struct channel *c)
{
	char bytes[READ_MAX];
	ssize_t n;
	while (c->pid && (n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) != 0) {
		if (n < 0 && errno != EINTR) {
			if (errno != EAGAIN)
				end(d, c, "the program cannot be read");
			return;
		}
		if (n > 0 && take_bytes(d, c, bytes, (size_t)n) < 0) {
			end(d, c, "the program wrote a line that is not of the protocol");
			return;
		}
	}
	if (c->pid)
		end(d, c, "the program ended");
}

static void check_time(struct lugd *d, struct channel *c, int64_t now_ms)
{
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (c->pending[i].id && now_ms - c->pending[i].since_ms > NOTIFY_ANSWER_MS) {
			end(d, c, "the program took too long");
			return;
		}
}

/* ---- for the daemon ---- */

static int read_conf(struct lugd *d, struct err *e)
{
	_cleanup_(buf_done) struct buf b;
	_cleanup_(freep) struct notify_channel *list = calloc(NOTIFY_CHANNELS_MAX, sizeof(*list));
	char path[CONF_TEXT_MAX + 1];
	int r = list ? conf_path(&d->conf, &d->conf.notify, path) : -ERR_NOMEM;
	buf_init(&b, NOTIFY_FILE_MAX);
	if (r >= 0)
		r = file_read(path, &b, e);
	if (r == -ERR_NOENT)
		return 0; /* a node without channels; the coverage check says so */
	if (r >= 0)
		r = notify_conf_parse(b.p, b.len, list, e);
	for (int i = 0; i < r; i++) {
		struct channel *c = &d->channels->list[d->channels->n++];
		c->conf = list[i];
		c->fd = -1;
		buf_init(&c->line, NOTIFY_LINE_MAX);
	}
	return r < 0 ? r : 0;
}

int channels_open(struct lugd *d, struct err *e)
{
	d->channels = calloc(1, sizeof(*d->channels));
	return d->channels ? read_conf(d, e) : err_set(e, ERR_NOMEM, NULL, NULL);
}

void channels_close(struct lugd *d)
{
	for (size_t i = 0; d->channels && i < d->channels->n; i++) {
		reap(&d->channels->list[i]);
		buf_done(&d->channels->list[i].line);
	}
	free(d->channels);
	d->channels = NULL;
}

void channels_run(struct lugd *d)
{
	int64_t now_ms = time_mono_ms();
	for (size_t i = 0; i < d->channels->n; i++) {
		struct channel *c = &d->channels->list[i];
		if (!c->pid && now_ms >= c->due_ms)
			start(d, c, now_ms);
		if (c->pid)
			hear(d, c);
		check_time(d, c, now_ms);
	}
}

static struct channel *find(struct lugd *d, const char *name)
{
	for (size_t i = 0; d->channels && i < d->channels->n; i++)
		if (!strcmp(d->channels->list[i].conf.name, name))
			return &d->channels->list[i];
	return NULL;
}

/* One that is being started for the first time is taken to work. */
bool channels_work(void *ctx, const char *name)
{
	const struct channel *c = find(ctx, name);
	return c && (c->pid || !c->wait_ms);
}

int channels_ring(void *ctx, const struct notify_message *m)
{
	_cleanup_(buf_done) struct buf line;
	struct channel *c = find(ctx, m->channel);
	struct pending *p = NULL;
	buf_init(&line, NOTIFY_LINE_MAX);
	if (!c)
		return -ERR_NOENT;
	for (size_t i = 0; i < PENDING_MAX && !p; i++)
		p = c->pending[i].id ? NULL : &c->pending[i];
	int r = c->pid && p ? notify_send_line(m, &line) : -ERR_OFFLINE;
	if (r < 0)
		return r;
	ssize_t n = send(c->fd, line.p, line.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n !=
	    (ssize_t)line.len) /* its buffer is full or it is gone; a part of a line makes it end */
		return -ERR_OFFLINE;
	*p = (struct pending){m->id, time_mono_ms()};
	return 0;
}

json_t *channels_json(const struct lugd *d)
{
	json_t *list = json_array();
	for (size_t i = 0; d->channels && i < d->channels->n; i++) {
		const struct channel *c = &d->channels->list[i];
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "channel", c->conf.name,
						      "program", c->conf.args[0], "state",
						      c->ready ? "ready"
						      : c->pid ? "starting"
							       : "down"));
	}
	return list;
}
