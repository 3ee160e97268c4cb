/* SPDX-License-Identifier: Apache-2.0
 * Tests of the PostgreSQL engine: what only it can do wrong. Runs where LUG_TEST_STORE names a database; skips without one. */
#include "base/cleanup.h"
#include "crypto/crypto.h"
#include "lib/engine.h"
#include "store/store.h"
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = true };
#elif defined(__has_feature)
enum { SANITIZED = __has_feature(address_sanitizer) };
#else
enum { SANITIZED = false };
#endif

static char where[ENGINE_WHERE_MAX]; /* the store of this test */

static int setup(void **state)
{
	static unsigned n;
	char name[32];
	if (!engine_pg())
		return 0;
	(void)snprintf(name, sizeof(name), "pg%d_%u", (int)getpid(), n++);
	engine_at(name, where);
	return 0;
}

static void need_server(void)
{
	if (engine_pg())
		return;
	print_message("LUG_TEST_STORE is not set: skipped\n");
	skip();
}

static struct store *open_store(const char *uri, uint32_t busy_ms)
{
	struct store *s = NULL;
	struct err e = {0};
	const struct store_options o = {.busy_ms = busy_ms};
	if (store_open(uri, &o, &s, &e) < 0)
		fail_msg("%s", e.message);
	return s;
}

static int64_t run(struct store *s, const char *sql, struct err *e)
{
	return store_exec(s, sql, NO_VALS, e);
}

static struct store *open_numbers(const char *uri)
{
	struct store *s = open_store(uri, 0);
	assert_int_equal(run(s, "CREATE TABLE IF NOT EXISTS num (k BIGINT PRIMARY KEY)", NULL), 0);
	return s;
}

static int64_t count(struct store *s)
{
	STORE_ROWS(rows);
	struct err e = {0};
	if (store_first(s, "SELECT COUNT(*) AS n FROM num", NO_VALS, &rows, &e) != 1)
		fail_msg("%s", e.message);
	return row_i64(&rows, "n");
}

/* ---- opening ---- */

static void test_refused(void **state)
{
	need_server();
	struct store *s = NULL;
	struct err e = {0};
	const struct store_options vfs = {.vfs = "unix"};
	assert_int_equal(store_open("postgresql://lug@/lug?nonsense=1", NULL, &s, &e), -ERR_INVAL);
	assert_int_equal(store_open("postgresql://lug@/lug?host=/nowhere", NULL, &s, &e), -ERR_IO);
	assert_non_null(strstr(e.message, "postgresql://lug@/nowhere/lug"));
	assert_int_equal(store_open(where, &vfs, &s, &e), -ERR_INVAL);
	char uri[ENGINE_WHERE_MAX + 32];
	(void)snprintf(uri, sizeof(uri), "%s&dbname=absent", where);
	assert_int_equal(store_open(uri, NULL, &s, &e), -ERR_NOENT);
	(void)snprintf(uri, sizeof(uri), "%s&password=secret", where);
	assert_int_equal(store_open(uri, NULL, &s, &e), -ERR_INVAL);
	assert_null(strstr(e.message, "secret"));
	assert_true(store_is_file("store.db") && !store_is_file(where));
	(void)snprintf(uri, sizeof(uri), "%s&options=-csearch_path%%3Dabsent", engine_pg());
	assert_int_equal(store_open(uri, NULL, &s, &e), -ERR_UNSUPPORTED);
	assert_non_null(strstr(e.message, "no schema"));
}

static void test_foreign(void **state)
{
	need_server();
	_cleanup_(store_closep) struct store *s = open_numbers(where);
	assert_int_equal(run(s, "DROP TABLE store_writer", NULL), 0);
	struct store *again = NULL;
	struct err e = {0};
	assert_int_equal(store_open(where, NULL, &again, &e), -ERR_FORMAT);
	assert_int_equal(run(s, "DROP TABLE num", NULL), -ERR_INVAL); /* nothing to lock */
}

static void test_encoding(void **state)
{
	need_server();
	_cleanup_(store_closep) struct store *s = open_store(engine_pg(), 0);
	struct store *other = NULL;
	struct err e = {0};
	char uri[ENGINE_WHERE_MAX], name[32], sql[160];
	(void)snprintf(name, sizeof(name), "ascii%d", (int)getpid());
	(void)snprintf(sql, sizeof(sql),
		       "CREATE DATABASE %s TEMPLATE template0 ENCODING 'SQL_ASCII'", name);
	assert_int_equal(run(s, sql, &e), -ERR_INVAL); /* not inside of a transaction */
	(void)snprintf(sql, sizeof(sql),
		       "psql -q '%s' -c \"CREATE DATABASE %s TEMPLATE template0 ENCODING "
		       "'SQL_ASCII'\"",
		       engine_pg(), name);
	assert_int_equal(system(sql), 0);
	(void)snprintf(uri, sizeof(uri), "%s&dbname=%s", engine_pg(), name);
	assert_int_equal(store_open(uri, NULL, &other, &e), -ERR_UNSUPPORTED);
	assert_non_null(strstr(e.message, "UTF8"));
}

/* Several programs make the same tables at once: each step is done once. */
static void test_migrate_together(void **state)
{
	need_server();
	enum { CHILDREN = 4 };
	static const struct store_migration steps[] = {
		{1, "one", "CREATE TABLE m_a (k BIGINT)", "DROP TABLE m_a"},
		{2, "two", "INSERT INTO m_a (k) VALUES (1)", "DELETE FROM m_a"},
		{3, "three", "CREATE TABLE m_b (k BIGINT)", "DROP TABLE m_b"},
	};
	static const struct store_schema schema = {"m", steps, ARRAY_LEN(steps)};
	pid_t child[CHILDREN];
	int steps_done = 0;
	for (int i = 0; i < CHILDREN; i++) {
		child[i] = fork();
		if (child[i] == 0) {
			struct store *s = NULL;
			struct err e = {0};
			int r = store_open(where, NULL, &s, &e);
			r = r < 0 ? r : store_migrate(s, &schema, 1000, &e);
			if (r < 0)
				(void)fprintf(stderr, "%s\n", e.message);
			_exit(r < 0 ? 99 : r);
		}
	}
	for (int i = 0; i < CHILDREN; i++) {
		int status = 0;
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 3);
		steps_done += WEXITSTATUS(status);
	}
	assert_int_equal(steps_done, 3);
	_cleanup_(store_closep) struct store *s = open_store(where, 0);
	assert_int_equal(run(s, "DELETE FROM m_a", NULL), 1);
}

/* ---- values and rows ---- */

static void test_types(void **state)
{
	need_server();
	_cleanup_(store_closep) struct store *s = open_numbers(where);
	struct err e = {0};
	static const char insert[] = "INSERT INTO num (k) VALUES (?)";
	assert_int_equal(store_exec(s, insert, VALS(val_text("1")), &e), -ERR_INVAL);
	assert_non_null(strstr(e.message, "not of the type"));
	assert_int_equal(run(s, "SELECT k / 2.0 AS half FROM num", &e), -ERR_UNSUPPORTED);
	assert_int_equal(run(s, "SELECT SUM(k) AS s FROM num", &e), -ERR_UNSUPPORTED);
	assert_int_equal(
		store_exec(s, "SELECT k FROM num WHERE k = ABS(?) + 2.5", VALS(val_i64(1)), &e),
		-ERR_UNSUPPORTED);
	STORE_ROWS(rows);
	assert_int_equal(store_first(s, "SELECT 1 = 1 AS yes, -7 AS n, ? + 1 AS sum, 'x' AS t",
				     VALS(val_i64(INT32_MAX - 1)), &rows, &e),
			 1);
	assert_int_equal(row_i64(&rows, "yes"), 1);
	assert_int_equal(row_i64(&rows, "n"), -7);
	assert_int_equal(row_i64(&rows, "sum"), INT32_MAX);
	assert_string_equal(row_text(&rows, "t", NULL), "x");
	store_rows_done(&rows);
	assert_int_equal(store_first(s, "SELECT 1 = 1 AS yes, -7 AS n, ? + 1 AS sum, 'x' AS t",
				     VALS(val_i64(1LL << 40)), &rows, &e),
			 -ERR_RANGE);
	assert_int_equal(run(s, "INSERT INTO num (k) VALUES (9223372036854775807)", &e), 1);
	assert_int_equal(run(s, "UPDATE num SET k = k + 1", &e), -ERR_RANGE);
	assert_int_equal(
		store_exec(s, "SELECT k FROM num WHERE ? = 'x'", VALS(val_text("\xff")), &e),
		-ERR_INVAL);
}

static void fill(struct store *s, int64_t n)
{
	char sql[96];
	(void)snprintf(sql, sizeof(sql), "INSERT INTO num SELECT generate_series(1, %lld)",
		       (long long)n);
	assert_int_equal(run(s, sql, NULL), n);
}

static int64_t peak_kib(void)
{
	char line[128];
	int64_t kib = -1;
	_cleanup_(fclosep) FILE *f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmHWM:", 6))
			kib = strtoll(line + 6, NULL, 10);
	return kib;
}

/* A long result is read in the memory of one row, also when it ends early. */
static void test_streams(void **state)
{
	need_server();
	_cleanup_(store_closep) struct store *s = open_numbers(where);
	fill(s, 200000);
	STORE_ROWS(rows);
	int64_t before_kib = peak_kib(), sum = 0;
	assert_int_equal(store_query(s, "SELECT k FROM num", NO_VALS, &rows, NULL), 0);
	while (store_next(&rows, NULL) > 0)
		sum += row_i64(&rows, "k");
	assert_true(sum == 200000LL * 200001 / 2);
	assert_int_equal(store_first(s, "SELECT k FROM num ORDER BY k", NO_VALS, &rows, NULL), 1);
	store_rows_done(&rows);
	assert_int_equal(count(s), 200000);
	if (!SANITIZED) /* which keeps freed memory for a while */
		assert_true(peak_kib() - before_kib < 4096); /* all of it would be 400 MB */
}

/* Another statement in between: the rows are held, up to a limit that is an error of the one who reads on. */
static void test_held(void **state)
{
	need_server();
	_cleanup_(store_closep) struct store *s = open_numbers(where);
	fill(s, 1000);
	STORE_ROWS(rows);
	int64_t sum = 0;
	struct err e = {0};
	assert_int_equal(store_query(s, "SELECT k FROM num ORDER BY k", NO_VALS, &rows, NULL), 0);
	while (store_next(&rows, NULL) > 0) {
		assert_int_equal(store_exec(s, "DELETE FROM num WHERE k = ?",
					    VALS(val_i64(row_i64(&rows, "k"))), NULL),
				 1);
		sum++;
	}
	assert_int_equal(sum, 1000);
	fill(s, 300);
	static const char big[] =
		"SELECT REPEAT('x', 1048576) || k AS t FROM num ORDER BY k"; /* 300 MiB */
	assert_int_equal(store_first(s, big, NO_VALS, &rows, NULL), 1);
	assert_int_equal(count(s), 300);
	assert_int_equal(strlen(row_text(&rows, "t", NULL)), 1048577);
	assert_int_equal(store_next(&rows, &e), 1); /* held before the limit */
	int r = 1;
	while (r > 0)
		r = store_next(&rows, &e);
	assert_int_equal(r, -ERR_OVERSIZE);
	assert_int_equal(count(s), 300);
}

/* ---- the connection goes away ---- */

static int64_t backend(struct store *s)
{
	STORE_ROWS(rows);
	assert_int_equal(store_first(s, "SELECT pg_backend_pid() AS pid", NO_VALS, &rows, NULL), 1);
	return row_i64(&rows, "pid");
}

static void cut(struct store *by, int64_t pid)
{
	STORE_ROWS(rows);
	assert_int_equal(store_first(by, "SELECT pg_terminate_backend(CAST(? AS int4)) AS done",
				     VALS(val_i64(pid)), &rows, NULL),
			 1);
	assert_int_equal(row_i64(&rows, "done"), 1);
	store_rows_done(&rows);
	for (int64_t n = 1; n > 0;) {
		assert_int_equal(
			store_first(by, "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE pid = ?",
				    VALS(val_i64(pid)), &rows, NULL),
			1);
		n = row_i64(&rows, "n");
		store_rows_done(&rows);
	}
}

static void test_reconnects(void **state)
{
	need_server();
	_cleanup_(store_closep) struct store *s = open_numbers(where);
	_cleanup_(store_closep) struct store *other = open_store(where, 0);
	struct err e = {0};
	assert_int_equal(run(s, "INSERT INTO num (k) VALUES (1)", NULL), 1);
	cut(other, backend(s));
	assert_int_equal(count(s), 1); /* idle: not noticed; the statement is prepared again */
	cut(other, backend(s));
	assert_int_equal(run(s, "INSERT INTO num (k) VALUES (2)", NULL), 1);
	STORE_TXN(txn);
	STORE_TXN(inner);
	assert_int_equal(store_begin(s, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(store_begin(s, STORE_WRITE, &inner, NULL), 0);
	assert_int_equal(run(s, "INSERT INTO num (k) VALUES (3)", NULL), 1);
	cut(other, backend(s));
	assert_int_equal(run(s, "INSERT INTO num (k) VALUES (4)", &e), -ERR_IO); /* doomed */
	store_rollback(&inner);
	assert_int_equal(run(s, "INSERT INTO num (k) VALUES (5)", &e), -ERR_IO); /* as a whole */
	assert_int_equal(store_commit(&txn, &e), -ERR_IO);
	assert_int_equal(count(s), 2);
	assert_int_equal(store_begin(s, STORE_WRITE, &txn, NULL), 0);
	cut(other, backend(s));
	assert_int_equal(store_commit(&txn, &e), -ERR_IO); /* lost before COMMIT was heard */
	assert_non_null(strstr(e.message, "nothing of it was kept"));
	assert_int_equal(store_begin(s, STORE_READ, &txn, NULL), 0);
	assert_int_equal(count(s), 2);
}

/* A relay in front of the server, which cuts the client off right after its COMMIT was passed on and answered. */
static void relay_one(int client, const char *server_path, int cut_after_commit)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char b[65536];
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", server_path);
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server < 0 || connect(server, (const void *)&to, sizeof(to)) < 0)
		_exit(3);
	bool commit = false;
	for (;;) {
		struct pollfd p[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
		if (poll(p, 2, -1) < 0)
			_exit(4);
		for (int i = 0; i < 2; i++) {
			if (!p[i].revents)
				continue;
			ssize_t n = read(p[i].fd, b, sizeof(b));
			if (n <= 0 || (i == 1 && commit && cut_after_commit))
				_exit(0); /* the answer is swallowed */
			commit = commit || (i == 0 && memmem(b, (size_t)n, "COMMIT", 7));
			if (write(p[!i].fd, b, (size_t)n) != n)
				_exit(5);
		}
	}
}

/* Takes connections for ever; the first one is cut after its commit. */
static pid_t relay(const char *dir, const char *server_dir)
{
	char server_path[100];
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/.s.PGSQL.5432", dir);
	(void)snprintf(server_path, sizeof(server_path), "%s/.s.PGSQL.5432", server_dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0 && bind(fd, (const void *)&at, sizeof(at)) == 0);
	assert_int_equal(listen(fd, 8), 0);
	pid_t child = fork();
	if (child > 0) {
		close(fd);
		return child;
	}
	(void)signal(SIGCHLD, SIG_IGN);
	for (int n = 0;; n++) {
		int client = accept(fd, NULL, NULL);
		if (client >= 0 && fork() == 0)
			relay_one(client, server_path, n == 0);
		close(client);
	}
}

static void test_commit_without_answer(void **state)
{
	need_server();
	store_close(open_numbers(where));
	char dir[] = "/tmp/lug-relay-XXXXXX", uri[2 * ENGINE_WHERE_MAX], server_dir[80] = "",
	     path[64];
	const char *host = strstr(where, "host=");
	assert_non_null(host);
	(void)snprintf(server_dir, sizeof(server_dir), "%.*s", (int)strcspn(host + 5, "&"),
		       host + 5);
	assert_non_null(mkdtemp(dir));
	pid_t child = relay(dir, server_dir);
	(void)snprintf(uri, sizeof(uri), "%s&host=%s", where, dir);
	struct store *s = open_store(uri, 2000);
	STORE_TXN(txn);
	struct err e = {0};
	assert_int_equal(store_begin(s, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(run(s, "INSERT INTO num (k) VALUES (1)", NULL), 1);
	if (store_commit(&txn, &e) < 0)
		fail_msg("%s", e.message); /* it was done, and that is what we learn */
	assert_int_equal(count(s), 1);
	store_close(s);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)snprintf(path, sizeof(path), "%s/.s.PGSQL.5432", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* ---- one writer ---- */

enum { ADDERS = 4, ADDS = 40 };

/* Reads, thinks and writes: right only when nobody else writes in between. */
static void add_often(void)
{
	struct store *s = open_store(where, 20000);
	for (int i = 0; i < ADDS; i++) {
		STORE_TXN(txn);
		STORE_ROWS(rows);
		if (store_begin(s, STORE_WRITE, &txn, NULL) < 0 ||
		    store_first(s, "SELECT k FROM num", NO_VALS, &rows, NULL) != 1)
			_exit(3);
		int64_t k = row_i64(&rows, "k");
		store_rows_done(&rows);
		if (store_exec(s, "UPDATE num SET k = ?", VALS(val_i64(k + 1)), NULL) != 1 ||
		    store_commit(&txn, NULL) < 0)
			_exit(4);
	}
	_exit(0);
}

static void test_one_writer(void **state)
{
	need_server();
	_cleanup_(store_closep) struct store *s = open_numbers(where);
	assert_int_equal(run(s, "INSERT INTO num (k) VALUES (0)", NULL), 1);
	pid_t child[ADDERS];
	for (int i = 0; i < ADDERS; i++) {
		child[i] = fork();
		if (child[i] == 0)
			add_often();
	}
	for (int i = 0; i < ADDERS; i++) {
		int status = 0;
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	STORE_ROWS(rows);
	assert_int_equal(store_first(s, "SELECT k FROM num", NO_VALS, &rows, NULL), 1);
	assert_int_equal(row_i64(&rows, "k"), ADDERS * ADDS);
}

/* ---- care ---- */

static void test_care(void **state)
{
	need_server();
	_cleanup_(store_closep) struct store *s = open_numbers(where);
	struct err e = {0};
	fill(s, 10);
	assert_int_equal(store_backup(s, "/tmp/never", &e), -ERR_UNSUPPORTED);
	assert_non_null(strstr(e.message, "pg_dump"));
	assert_int_equal(store_verify(s, &e), 0);
	assert_int_equal(run(s, "ALTER TABLE num ADD CONSTRAINT small CHECK (k < 5) NOT VALID", &e),
			 0);
	assert_int_equal(store_verify(s, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.message, "small"));
	assert_null(strstr(store_where(s), "options"));
}

#define T(f) cmocka_unit_test_setup(f, setup)
int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_refused),
		T(test_foreign),
		T(test_encoding),
		T(test_migrate_together),
		T(test_types),
		T(test_streams),
		T(test_held),
		T(test_reconnects),
		T(test_commit_without_answer),
		T(test_one_writer),
		T(test_care),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests_name("pg", tests, NULL, NULL);
}
