/* SPDX-License-Identifier: Apache-2.0
 * The demo's tools: see demo.h. Children die with the demo, but for the nodes that --keep leaves running at its end. */
#include "lug/demo.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
	DEMO_ARENA_MAX = 256 << 20,
	DEMO_START_MS = 15000,
	DEMO_STOP_MS = 10000,
	DEMO_LUG_MS = 120000
};

static const struct {
	const char *country, *name, *city;
} demo_cast[DEMO_NODES] = {{"IT", "it", "Rome"}, {"FR", "fr", "Paris"}, {"JP", "jp", "Tokyo"}};

/* A port that was free a moment ago, on loopback. */
static int port_free(void)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
	} a = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	_cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);
	if (fd < 0 || bind(fd, &a.any, len) < 0 || getsockname(fd, &a.any, &len) < 0)
		return err_errno(errno);
	return ntohs(a.in.sin_port);
}

static int find_programs(struct demo *d, struct err *e)
{
	static const char *const programs[] = {"lug", "lugd", "lug-keyd", "chaingen"};
	ssize_t n = readlink("/proc/self/exe", d->bin, sizeof(d->bin) - 1);
	if (n < 0)
		return err_set(e, err_errno(errno), "/proc/self/exe",
			       "cannot find this program: %s", strerror(errno));
	d->bin[n] = 0;
	*strrchr(d->bin, '/') = 0;
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		const char *path = arena_printf(&d->arena, "%s/%s", d->bin, programs[i]);
		if (!path || access(path, X_OK) < 0)
			return err_set(e, -ERR_NOENT, programs[i],
				       "%s is not beside lug in %s; build it with scripts/build",
				       programs[i], d->bin);
	}
	return 0;
}

int demo_init(struct demo *d, struct lug *l, const char *dir, struct err *e)
{
	*d = (struct demo){
		.lug = l, .start_ms = time_mono_ms(), .crash_at = -1, .answers = json_array()};
	arena_init(&d->arena, DEMO_ARENA_MAX);
	if (!d->answers)
		return err_set(e, -ERR_NOMEM, NULL, NULL);
	int r = find_programs(d, e);
	if (r < 0)
		return r;
	if (dir) {
		r = file_mkdirs(dir, 0700, e);
		if (r < 0)
			return r;
		if (!realpath(dir, d->dir))
			return err_set(e, err_errno(errno), dir, "cannot use %s: %s", dir,
				       strerror(errno));
	} else {
		snprintf(d->dir, sizeof(d->dir), "/tmp/lugdunum-demo.XXXXXX");
		if (!mkdtemp(d->dir))
			return err_set(e, err_errno(errno), d->dir, "cannot make a work folder: %s",
				       strerror(errno));
	}
	for (int i = 0; i < DEMO_NODES; i++) {
		struct demo_node *n = &d->node[i];
		n->country = demo_cast[i].country;
		n->name = demo_cast[i].name;
		n->city = demo_cast[i].city;
		if (snprintf(n->dir, sizeof(n->dir), "%s/%s", d->dir, n->name) >=
		    (int)sizeof(n->dir))
			return err_set(e, -ERR_OVERSIZE, "dir",
				       "the path of the work folder is too long");
		n->port = port_free();
		n->console_port = port_free();
		if (n->port < 0 || n->console_port < 0)
			return err_set(e, n->port, "port", "no free port on loopback");
	}
	return 0;
}

void demo_done(struct demo *d)
{
	for (int i = 0; i < DEMO_NODES && !d->stays; i++)
		if (demo_stop(d, (enum demo_node_id)i, false, NULL) < 0)
			d->failed = true; /* its log is worth keeping */
	if (!d->keep && !d->failed && strncmp(d->dir, "/tmp/lugdunum-demo.", 19) == 0) {
		const char *const argv[] = {"/bin/rm", "-rf", d->dir, NULL};
		if (demo_run(d, argv[0], argv + 1, NULL, NULL) < 0)
			fprintf(stderr, "lug: %s could not be removed\n", d->dir);
	}
	json_decref(d->answers);
	arena_done(&d->arena);
}

/* ---- steps ---- */

void demo_begin(struct demo *d, const char *fmt, ...)
{
	if (d->steps_n == DEMO_STEPS_MAX)
		d->steps_n--;
	struct demo_step *s = &d->step[d->steps_n];
	*s = (struct demo_step){.at_ms = time_mono_ms() - d->start_ms};
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s->what, sizeof(s->what), fmt, ap);
	va_end(ap);
	if (d->lug->progress)
		fprintf(stderr, "\r\033[K  ... %s", s->what);
}

int demo_end(struct demo *d, int r, uint64_t size, const struct err *e, const char *proof_fmt, ...)
{
	struct demo_step *s = &d->step[d->steps_n++];
	s->took_ms = time_mono_ms() - d->start_ms - s->at_ms;
	s->size = size;
	s->ok = r >= 0;
	if (r < 0) {
		d->failed = true;
		d->code = r;
		snprintf(s->proof, sizeof(s->proof), "%s",
			 e && e->message[0] ? e->message : err_sentence(r));
	} else {
		va_list ap;
		va_start(ap, proof_fmt);
		vsnprintf(s->proof, sizeof(s->proof), proof_fmt, ap);
		va_end(ap);
	}
	if (d->lug->progress)
		fputs("\r\033[K", stderr);
	if (!d->lug->json && !d->report_only) {
		printf("%s%s%s %s\n       %s%s%s\n", color(d->lug, r < 0 ? COLOR_BAD : COLOR_GOOD),
		       r < 0 ? "FAILED" : "  ok  ", color(d->lug, COLOR_OFF), s->what,
		       color(d->lug, COLOR_DIM), s->proof, color(d->lug, COLOR_OFF));
		fflush(stdout);
	}
	return r;
}

static json_t *report_json(const struct demo *d)
{
	json_t *steps = json_array();
	for (int i = 0; i < d->steps_n; i++) {
		const struct demo_step *s = &d->step[i];
		json_array_append_new(
			steps,
			json_pack("{s:i,s:s,s:I,s:I,s:I,s:b,s:s}", "step", i + 1, "what", s->what,
				  "at_ms", (json_int_t)s->at_ms, "took_ms", (json_int_t)s->took_ms,
				  "bytes", (json_int_t)s->size, "ok", s->ok, "proof", s->proof));
	}
	return json_pack("{s:b,s:s,s:o}", "ok", !d->failed, "folder", d->dir, "steps", steps);
}

int demo_report(struct demo *d, struct err *e)
{
	static const char *const heads[] = {">#",     "step",	   ">at", ">took",
					    ">bytes", "proved by", NULL};
	if (d->lug->json) {
		int r = lug_print_json(report_json(d), e);
		return r < 0 ? r : d->failed ? err_set(e, d->code, NULL, "a step failed") : 0;
	}
	struct table t;
	table_init(&t, heads);
	for (int i = 0; i < d->steps_n; i++) {
		const struct demo_step *s = &d->step[i];
		table_cell(&t, "%d", i + 1);
		table_cell(&t, "%s%s", s->ok ? "" : "FAILED: ", s->what);
		table_cell(&t, "%lld.%03lld s", (long long)s->at_ms / 1000,
			   (long long)s->at_ms % 1000);
		table_cell(&t, "%lld ms", (long long)s->took_ms);
		if (s->size)
			table_cell(&t, "%llu", (unsigned long long)s->size);
		else
			table_cell(&t, "-");
		table_cell(&t, "%s", s->proof);
	}
	puts("");
	int r = table_print(&t, d->lug);
	table_done(&t);
	if (r < 0)
		return err_set(e, r, NULL, NULL);
	return d->failed ? err_set(e, d->code, NULL,
				   "the demo failed; see %s/demo.log and the nodes' logs beside it",
				   d->dir)
			 : 0;
}

/* ---- processes ---- */

const char *demo_path(struct demo *d, const char *fmt, ...)
{
	char rest[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(rest, sizeof(rest), fmt, ap);
	va_end(ap);
	const char *path = arena_printf(&d->arena, "%s/%s", d->dir, rest);
	return path ? path : "";
}

int demo_save(struct demo *d, const char *path, const char *text, struct err *e)
{
	return file_write(demo_path(d, "%s", path), text, strlen(text), 0600, e);
}

/* In the child: redirect, tie to the parent's life, become the program. */
static void child_exec(const struct demo *d, const char *program, char *const *argv, int out_fd,
		       const char *log)
{
	int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!d->stays)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	else
		setsid();
	if (null_fd < 0 || log_fd < 0 || dup2(null_fd, 0) < 0 ||
	    dup2(out_fd >= 0 ? out_fd : log_fd, 1) < 0 || dup2(log_fd, 2) < 0)
		_exit(126);
	execv(program, argv);
	_exit(127);
}

/* Program path: absolute ones as they are, others beside lug. argv[0] is the program's name. */
static pid_t child_start(struct demo *d, const char *program, const char *const *argv, int out_fd,
			 const char *log)
{
	const char *path =
		program[0] == '/' ? program : arena_printf(&d->arena, "%s/%s", d->bin, program);
	const char *all[DEMO_ARGS_MAX + 2] = {program};
	int n = 1;
	while (*argv && n <= DEMO_ARGS_MAX)
		all[n++] = *argv++;
	if (!path || *argv)
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		child_exec(d, path, (char *const *)all, out_fd, log);
	return pid;
}

static int child_read(int fd, struct buf *out, int64_t until_ms)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = until_ms - time_mono_ms();
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return -ERR_TIMEDOUT;
		char chunk[4096];
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_errno(errno) : 0;
		buf_put(out, chunk, (size_t)n);
	}
}

int demo_run(struct demo *d, const char *program, const char *const *argv, struct buf *out,
	     struct err *e)
{
	struct buf ignored;
	int fds[2], status;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(e, err_errno(errno), program, "cannot make a pipe: %s",
			       strerror(errno));
	pid_t pid = child_start(d, program, argv, fds[1], demo_path(d, "demo.log"));
	close(fds[1]);
	_cleanup_(closep) int fd = fds[0];
	if (pid < 0)
		return err_set(e, err_errno(errno), program, "cannot start %s: %s", program,
			       strerror(errno));
	buf_init(&ignored, DEMO_OUT_MAX);
	int r = child_read(fd, out ? out : &ignored, time_mono_ms() + DEMO_LUG_MS);
	buf_done(&ignored);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return err_set(e, r, program, "%s did not end within %d s", program,
			       DEMO_LUG_MS / 1000);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, -ERR_INVAL, program,
			       "%s %s failed with status %d; see %s/demo.log", program,
			       argv[0] ? argv[0] : "",
			       WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), d->dir);
	return 0;
}

/* lug's own error answer as our error. */
static int answer_error(const json_t *answer, struct err *e)
{
	const char *code = demo_str(answer, "error.code");
	for (int i = 1; i < 2000; i++)
		if (strcmp(err_name(i), code) == 0)
			return err_set(e, -i, demo_str(answer, "error.field"), "%s",
				       demo_str(answer, "error.message"));
	return err_set(e, -ERR_FORMAT, NULL, "%s", demo_str(answer, "error.message"));
}

int demo_lug(struct demo *d, const char *const *argv, json_t **ret, struct err *e)
{
	const char *all[DEMO_ARGS_MAX + 1];
	struct buf out;
	int n = 0;
	while (argv[n] && n < DEMO_ARGS_MAX - 1) {
		all[n] = argv[n];
		n++;
	}
	all[n] = "--json";
	all[n + 1] = NULL;
	buf_init(&out, DEMO_OUT_MAX);
	int r = demo_run(d, "lug", all, &out, e);
	json_t *answer = NULL;
	if (r == 0 && !ret) { /* it worked, and nobody wants to know more */
		buf_done(&out);
		return 0;
	}
	int parsed =
		json_parse(out.p ? (const char *)out.p : "", out.len, &answer, r < 0 ? NULL : e);
	buf_done(&out);
	if (parsed < 0)
		return r < 0 ? r : parsed;
	if (json_array_append_new(d->answers, answer) < 0)
		return err_set(e, -ERR_NOMEM, NULL, NULL);
	if (r < 0)
		return demo_get(answer, "error") ? answer_error(answer, e) : r;
	if (ret)
		*ret = answer;
	return 0;
}

int demo_as(struct demo *d, enum demo_node_id n, const char *officer, const char *const *argv,
	    json_t **ret, struct err *e)
{
	const char *all[DEMO_ARGS_MAX + 1];
	int k = 0;
	while (argv[k] && k < DEMO_ARGS_MAX - 6) {
		all[k] = argv[k];
		k++;
	}
	all[k++] = "--node";
	all[k++] = d->node[n].dir;
	if (officer) {
		all[k++] = "--officer";
		all[k++] = officer;
	}
	all[k] = NULL;
	return demo_lug(d, all, ret, e);
}

/* ---- nodes ---- */

static int node_answers(struct demo *d, void *arg, struct err *e)
{
	const struct demo_node *n = arg;
	struct lug l = *d->lug;
	json_t *status = NULL;
	int ended;
	if (waitpid(n->pid, &ended, WNOHANG) == n->pid)
		return err_set(e, -ERR_PIPE, n->name, "lugd of %s ended at once; see %s/lugd.log",
			       n->name, n->dir);
	l.node = n->dir;
	int r = lug_api(&l, "GET", "/v1/status", NULL, &status, e);
	json_decref(status);
	/* Any answer will do, also that this account stands for several officers. */
	return r != -ERR_CONNREFUSED && r != -ERR_NOENT && r != -ERR_PIPE;
}

int demo_start(struct demo *d, enum demo_node_id id, struct err *e)
{
	struct demo_node *n = &d->node[id];
	const char *argv[] = {n->dir, NULL};
	n->pid = child_start(d, "lugd", argv, -1, demo_path(d, "%s/lugd.log", n->name));
	if (n->pid < 0)
		return err_set(e, err_errno(errno), "lugd", "cannot start lugd: %s",
			       strerror(errno));
	return demo_wait(d, DEMO_START_MS, node_answers, n, e);
}

int demo_stop(struct demo *d, enum demo_node_id id, bool crash, struct err *e)
{
	struct demo_node *n = &d->node[id];
	int64_t until = time_mono_ms() + DEMO_STOP_MS;
	int status;
	if (n->pid <= 0)
		return 0;
	kill(n->pid, crash ? SIGKILL : SIGTERM);
	while (waitpid(n->pid, &status, WNOHANG) == 0) {
		if (time_mono_ms() > until) {
			kill(n->pid, SIGKILL);
			waitpid(n->pid, &status, 0);
			n->pid = 0;
			return err_set(e, -ERR_TIMEDOUT, n->name,
				       "lugd of %s did not stop within %d s", n->name,
				       DEMO_STOP_MS / 1000);
		}
		poll(NULL, 0, 10);
	}
	n->pid = 0;
	if (!crash && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		return err_set(e, -ERR_STALE, n->name,
			       "lugd of %s did not stop cleanly; see %s/lugd.log", n->name, n->dir);
	return 0;
}

int demo_wait(struct demo *d, int64_t ms, int (*check)(struct demo *d, void *arg, struct err *e),
	      void *arg, struct err *e)
{
	int64_t until = time_mono_ms() + ms;
	for (;;) {
		int r = check(d, arg, e);
		if (r != 0)
			return r < 0 ? r : 0;
		if (time_mono_ms() > until)
			return err_set(e, -ERR_TIMEDOUT, NULL, "nothing within %lld s",
				       (long long)ms / 1000);
		poll(NULL, 0, 20);
	}
}

/* ---- answers ---- */

json_t *demo_get(const json_t *j, const char *path)
{
	while (j && *path) {
		char key[64];
		uint64_t index;
		size_t len = strcspn(path, ".");
		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		if (json_is_array(j))
			j = dec_parse_u64(key, strlen(key), 1 << 20, &index) < 0
				    ? NULL
				    : json_array_get(j, (size_t)index);
		else
			j = json_object_get(j, key);
		path += len + (path[len] == '.');
	}
	return (json_t *)j;
}

const char *demo_str(const json_t *j, const char *path)
{
	const char *s = json_string_value(demo_get(j, path));
	return s ? s : "";
}

uint64_t demo_u64(const json_t *j, const char *path)
{
	const char *s = demo_str(j, path);
	uint64_t v = 0;
	if (json_is_integer(demo_get(j, path)))
		return (uint64_t)json_integer_value(demo_get(j, path));
	return dec_parse_u64(s, strlen(s), UINT64_MAX, &v) < 0 ? 0 : v;
}
