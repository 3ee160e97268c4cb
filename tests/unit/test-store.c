/* SPDX-License-Identifier: Apache-2.0
 * Tests of store: every call, every error that the header lists, two connections, crashes, full and damaged files. */
#include "base/cleanup.h"
#include "crypto/crypto.h"
#include "lib/engine.h"
#include "store/store.h"
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

/* ---- a folder of its own for each test ---- */

static char dir[64];

static int setup(void **state)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/lug-store-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static const char *at(const char *name)
{
	static char path[4][160];
	static unsigned n;
	char *p = path[n++ % 4];
	(void)snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

/* What store_open is given for the store of a name: a file, or a schema in PostgreSQL. */
static const char *place(const char *name)
{
	static char where[ENGINE_WHERE_MAX];
	return engine_at(at(name), where);
}

static struct store *open_at(const char *name)
{
	struct store *s = NULL;
	struct err e = {0};
	int r = store_open(place(name), NULL, &s, &e);
	if (r < 0)
		fail_msg("open: %s", e.message);
	return s;
}

static void must(struct store *s, const char *sql)
{
	struct err e = {0};
	if (store_exec(s, sql, NO_VALS, &e) < 0)
		fail_msg("%s: %s", sql, e.message);
}

static struct store *open_pairs(const char *name)
{
	struct store *s = open_at(name);
	must(s, "CREATE TABLE IF NOT EXISTS pair (k BIGINT NOT NULL PRIMARY KEY, v TEXT NOT NULL)");
	return s;
}

static int64_t put(struct store *s, int64_t k, const char *v, struct err *e)
{
	return store_exec(s, "INSERT INTO pair (k, v) VALUES (?, ?)", VALS(val_i64(k), val_text(v)),
			  e);
}

static int64_t count(struct store *s)
{
	STORE_ROWS(rows);
	assert_int_equal(store_first(s, "SELECT count(*) AS n FROM pair", NO_VALS, &rows, NULL), 1);
	return row_i64(&rows, "n");
}

/* ---- open ---- */

static void write_file(const char *path, const void *p, size_t len)
{
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0 && write(fd, p, len) == (ssize_t)len);
}

static void test_open_errors(void **state)
{
	struct store *s = NULL;
	struct err e = {0};
	assert_int_equal(store_open("", NULL, &s, &e), -ERR_INVAL);
	assert_int_equal(store_open(NULL, NULL, &s, &e), -ERR_INVAL);
	assert_int_equal(store_open(at("no/such/folder"), NULL, &s, &e), -ERR_NOENT);
	assert_non_null(strstr(e.message, "no/such/folder"));
	assert_int_equal(
		store_open(at("absent"), &(struct store_options){.read_only = true}, &s, &e),
		-ERR_NOENT);
	assert_int_equal(access(at("absent"), F_OK), -1);
	static const char text[] =
		"This is a letter and by no means a database, however long it may be read.";
	char page[4096] = {0};
	memcpy(page, text, sizeof(text));
	write_file(at("letter"), page, sizeof(page));
	assert_int_equal(store_open(at("letter"), NULL, &s, &e), -ERR_CORRUPT);
	assert_int_equal(store_open(at("x"), &(struct store_options){.vfs = "no-such-vfs"}, &s, &e),
			 -ERR_INVAL);
	assert_int_equal(store_open(dir, NULL, &s, &e), err_errno(EISDIR));
	assert_null(s);
	assert_null(store_close(NULL));
}

static void test_open_foreign(void **state)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(at("foreign"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (a)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	struct store *s = NULL;
	struct err e = {0};
	assert_int_equal(store_open(at("foreign"), NULL, &s, &e), -ERR_FORMAT);
	assert_non_null(strstr(e.message, "not a store of this program"));
}

static void test_open_modes(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	assert_string_equal(store_where(s), at("a"));
	struct stat st;
	assert_int_equal(stat(at("a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(at("a-wal"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	_cleanup_(store_closep) struct store *memory = NULL;
	assert_int_equal(store_open(":memory:", NULL, &memory, NULL), 0);
	must(memory, "CREATE TABLE t (a BIGINT)");
	_cleanup_(store_closep) struct store *alone = NULL;
	assert_int_equal(
		store_open(at("b"), &(struct store_options){.exclusive = true}, &alone, NULL), 0);
	must(alone, "CREATE TABLE t (a BIGINT)");
	assert_int_equal(access(at("b-shm"), F_OK), -1);
}

static void test_read_only(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	assert_int_equal(put(s, 1, "one", NULL), 1);
	_cleanup_(store_closep) struct store *reader = NULL;
	assert_int_equal(
		store_open(place("a"), &(struct store_options){.read_only = true}, &reader, NULL),
		0);
	assert_int_equal(count(reader), 1);
	assert_int_equal(put(reader, 2, "two", NULL), -ERR_INVAL);
	STORE_TXN(txn);
	assert_int_equal(store_begin(reader, STORE_WRITE, &txn, NULL), -ERR_INVAL);
}

/* ---- values ---- */

static void test_values(void **state)
{
	_cleanup_(store_closep) struct store *s = open_at("a");
	must(s, "CREATE TABLE v (i BIGINT, u BIGINT, t TEXT, b BYTEA, n TEXT, z BYTEA)");
	static const uint8_t bytes[5] = {0, 1, 0, 255, 7};
	assert_int_equal(
		store_exec(s, "INSERT INTO v (i, u, t, b, n, z) VALUES (?, ?, ?, ?, ?, ?)",
			   VALS(val_i64(INT64_MIN), val_u64(INT64_MAX), val_text("Größe 円"),
				val_blob(bytes, sizeof(bytes)), val_text(NULL), val_blob(NULL, 0)),
			   NULL),
		1);
	STORE_ROWS(rows);
	assert_int_equal(store_first(s, "SELECT i, u, t, b, n, z FROM v", NO_VALS, &rows, NULL), 1);
	assert_true(row_i64(&rows, "i") == INT64_MIN);
	assert_true(row_u64(&rows, "u") == INT64_MAX);
	size_t len = 99;
	assert_string_equal(row_text(&rows, "t", &len), "Größe 円");
	assert_int_equal(len, strlen("Größe 円"));
	assert_memory_equal(row_blob(&rows, "b", &len), bytes, 5);
	assert_int_equal(len, 5);
	assert_true(row_null(&rows, "n"));
	assert_string_equal(row_text(&rows, "n", &len), "");
	assert_int_equal(len, 0);
	assert_false(row_null(&rows, "z"));
	(void)row_blob(&rows, "z", &len);
	assert_int_equal(len, 0);
	uint8_t copy[5];
	row_copy(&rows, "b", copy, sizeof(copy));
	assert_memory_equal(copy, bytes, 5);
	assert_int_equal(row_err(&rows, NULL), 0);
	assert_int_equal(store_next(&rows, NULL), 0);
	assert_int_equal(store_next(&rows, NULL), 0);
}

static void wrong_kind(struct store *s, void (*read)(struct store_rows *))
{
	STORE_ROWS(rows);
	struct err e = {0};
	assert_int_equal(store_first(s, "SELECT k, v, -1 AS minus, two FROM pair, bytes", NO_VALS,
				     &rows, NULL),
			 1);
	read(&rows);
	assert_int_equal(row_err(&rows, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.message, "SELECT k, v"));
	assert_int_equal(row_i64(&rows, "k"), 0); /* nothing is readable after an error */
	assert_int_equal(store_next(&rows, NULL), -ERR_CORRUPT);
}

static void read_text_as_i64(struct store_rows *r)
{
	assert_int_equal(row_i64(r, "v"), 0);
}
static void read_i64_as_text(struct store_rows *r)
{
	assert_string_equal(row_text(r, "k", NULL), "");
}
static void read_text_as_blob(struct store_rows *r)
{
	assert_string_equal(row_blob(r, "v", NULL), "");
}
static void read_negative(struct store_rows *r)
{
	assert_int_equal(row_u64(r, "minus"), 0);
}
static void read_short(struct store_rows *r)
{
	uint8_t out[3] = {9, 9, 9};
	row_copy(r, "two", out, sizeof(out));
	assert_memory_equal(out, "\0\0\0", 3);
}

static void test_wrong_kinds(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	must(s, "CREATE TABLE bytes (two BYTEA)");
	assert_int_equal(put(s, 1, "one", NULL), 1);
	assert_int_equal(
		store_exec(s, "INSERT INTO bytes (two) VALUES (?)", VALS(val_blob("ab", 2)), NULL),
		1);
	wrong_kind(s, read_text_as_i64);
	wrong_kind(s, read_i64_as_text);
	wrong_kind(s, read_text_as_blob);
	wrong_kind(s, read_negative);
	wrong_kind(s, read_short);
}

static void test_bad_values(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	struct err e = {0};
	static const char insert[] = "INSERT INTO pair (k, v) VALUES (?, ?)";
	assert_int_equal(store_exec(s, insert, VALS(val_u64(1ull << 63), val_text("x")), &e),
			 -ERR_RANGE);
	assert_int_equal(store_exec(s, insert, VALS(val_i64(1)), &e), -ERR_INVAL);
	assert_non_null(strstr(e.message, "1 values for 2 placeholders"));
	assert_int_equal(store_exec(s, insert, VALS(val_i64(1), val_textn("a\0b", 3)), &e),
			 -ERR_INVAL);
	static const char big = 'x';
	assert_int_equal(
		store_exec(s, insert, VALS(val_i64(1), val_blob(&big, STORE_VALUE_MAX + 1)), &e),
		-ERR_OVERSIZE);
	struct store_val many[STORE_VALS_MAX + 1] = {0};
	assert_int_equal(store_exec(s, insert, many, ARRAY_LEN(many), &e), -ERR_OVERSIZE);
	assert_int_equal(store_exec(s, "INSERT INTO nowhere (k) VALUES (1)", NO_VALS, &e),
			 -ERR_INVAL);
	assert_non_null(strstr(e.message, "nowhere"));
	assert_int_equal(store_exec(s, "DELETE FROM pair; DELETE FROM pair", NO_VALS, &e),
			 -ERR_INVAL);
	assert_int_equal(store_exec(s, "", NO_VALS, &e), -ERR_INVAL);
	assert_int_equal(store_exec(s, "SELECT \"text\" FROM pair", NO_VALS, &e), -ERR_INVAL);
	assert_int_equal(count(s), 0);
	_cleanup_(freep) char *text = malloc(STORE_SQL_MAX + 2);
	memset(text, ' ', STORE_SQL_MAX + 1);
	text[STORE_SQL_MAX + 1] = 0;
	assert_int_equal(store_exec(s, text, NO_VALS, &e), -ERR_OVERSIZE);
}

static void test_constraints(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	must(s,
	     "CREATE TABLE child (k BIGINT NOT NULL REFERENCES pair (k), c BIGINT CHECK (c > 0), UNIQUE (c))");
	struct err e = {0};
	assert_int_equal(put(s, 1, "secret person", NULL), 1);
	assert_int_equal(put(s, 1, "secret person", &e), -ERR_EXIST);
	assert_null(strstr(e.message, "secret")); /* values never reach a message */
	assert_non_null(strstr(e.message, "INSERT INTO pair"));
	assert_int_equal(put(s, 2, NULL, &e), -ERR_INVAL);
	static const char insert[] = "INSERT INTO child (k, c) VALUES (?, ?)";
	assert_int_equal(store_exec(s, insert, VALS(val_i64(7), val_i64(1)), &e),
			 -ERR_INVAL); /* foreign key */
	assert_int_equal(store_exec(s, insert, VALS(val_i64(1), val_i64(0)), &e),
			 -ERR_INVAL); /* check */
	assert_int_equal(store_exec(s, insert, VALS(val_i64(1), val_i64(1)), &e), 1);
	assert_int_equal(store_exec(s, insert, VALS(val_i64(1), val_i64(1)), &e),
			 -ERR_EXIST); /* unique */
	assert_int_equal(store_exec(s, "DELETE FROM pair", NO_VALS, &e), -ERR_INVAL);
}

static void test_rows_changed(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	for (int i = 0; i < 5; i++)
		assert_int_equal(put(s, i, "v", NULL), 1);
	assert_int_equal(
		store_exec(s, "UPDATE pair SET v = 'w' WHERE k >= ?", VALS(val_i64(3)), NULL), 2);
	assert_int_equal(store_exec(s, "CREATE TABLE other (a BIGINT)", NO_VALS, NULL), 0);
	assert_int_equal(store_exec(s, "SELECT k FROM pair", NO_VALS, NULL), 0);
	assert_int_equal(store_exec(s, "DELETE FROM pair WHERE k > 100", NO_VALS, NULL), 0);
	assert_int_equal(
		store_exec(s, "INSERT INTO pair (k, v) VALUES (1, 'x') ON CONFLICT (k) DO NOTHING",
			   NO_VALS, NULL),
		0);
	assert_int_equal(
		store_exec(
			s,
			"INSERT INTO pair (k, v) VALUES (1, 'x') ON CONFLICT (k) DO UPDATE SET v = excluded.v",
			NO_VALS, NULL),
		1);
	STORE_ROWS(rows);
	assert_int_equal(store_first(s, "INSERT INTO pair (k, v) VALUES (9, 'n') RETURNING k",
				     NO_VALS, &rows, NULL),
			 1);
	assert_int_equal(row_i64(&rows, "k"), 9);
	store_rows_done(&rows);
	assert_int_equal(
		store_first(s, "SELECT v FROM pair WHERE v LIKE 'X%'", NO_VALS, &rows, NULL), 0);
	assert_int_equal(store_exec(s, "DELETE FROM pair", NO_VALS, NULL), 6);
}

/* ---- dialect ---- */

static void test_dialect(void **state)
{
	static const char *const refused[] = {
		"CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)",
		"CREATE TABLE t (a Integer)",
		"CREATE TABLE t (a INT)",
		"CREATE TABLE t (a blob)",
		"CREATE TABLE t (a REAL)",
		"CREATE TABLE t (a BOOLEAN)",
		"CREATE TABLE t (a TEXT COLLATE NOCASE)",
		"CREATE TABLE t (a BIGINT PRIMARY KEY) WITHOUT ROWID",
		"SELECT rowid FROM pair",
		"INSERT OR REPLACE INTO pair VALUES (1, 'a')",
		"INSERT  or\n\tignore INTO pair VALUES (1, 'a')",
		"REPLACE INTO pair VALUES (1, 'a')",
		"PRAGMA synchronous = OFF",
		"VACUUM",
		"ATTACH 'x' AS y",
		"BEGIN",
		"COMMIT",
		"SELECT ifnull(v, '') FROM pair",
		"SELECT hex (v) FROM pair",
		"SELECT v FROM pair WHERE v GLOB 'a*'",
		"SELECT v FROM pair WHERE k == 1",
		"SELECT v FROM pair WHERE k = ?1",
		"SELECT v FROM pair WHERE k = :k",
		"SELECT v FROM pair WHERE k = @k",
		"SELECT v FROM pair WHERE k = $k",
		"SELECT `v` FROM pair",
		"SELECT [v] FROM pair",
		"SELECT X'00' AS v FROM pair",
		"SELECT strftime('%s') FROM pair",
		"SELECT name FROM sqlite_master",
	};
	static const char *const accepted[] = {
		"SELECT v AS \"rowid\" FROM pair WHERE v = 'INSERT OR REPLACE' -- PRAGMA",
		"SELECT v /* BLOB == ?1 */ FROM pair WHERE v = 'it''s $k [a] `b`'",
		"SELECT k AS total, k AS hex, v AS internal FROM pair WHERE k = 1 OR k = 2",
		"SELECT replace(v, 'a', 'b') AS r FROM pair WHERE k >= 1 AND k <> 3;",
		"SELECT COALESCE(v, '') AS v, CAST(SUM(k) AS BIGINT) AS n FROM pair GROUP BY v",
	};
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct err e = {0};
		if (store_exec(s, refused[i], NO_VALS, &e) != -ERR_UNSUPPORTED)
			fail_msg("not refused: %s", refused[i]);
		assert_non_null(strstr(e.message, "is not SQL of both engines"));
	}
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		struct err e = {0};
		if (store_exec(s, accepted[i], NO_VALS, &e) != 0)
			fail_msg("%s: %s", accepted[i], e.message);
	}
}

/* ---- transactions ---- */

static void put_and_leave(struct store *s, bool commit)
{
	STORE_TXN(txn);
	assert_int_equal(store_begin(s, STORE_WRITE, &txn, NULL), 0);
	assert_true(store_in_txn(s));
	assert_true(put(s, 100 + commit, "v", NULL) == 1);
	if (commit)
		assert_int_equal(store_commit(&txn, NULL), 0);
}

static void test_txn(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	assert_false(store_in_txn(s));
	put_and_leave(s, false);
	assert_false(store_in_txn(s));
	assert_int_equal(count(s), 0);
	put_and_leave(s, true);
	assert_int_equal(count(s), 1);
	STORE_TXN(txn);
	assert_int_equal(store_commit(&txn, NULL), -ERR_INVAL);
	store_rollback(&txn);
	assert_int_equal(store_begin(s, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(store_commit(&txn, NULL), 0);
	assert_int_equal(store_commit(&txn, NULL), -ERR_INVAL);
}

static void test_txn_nested(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	STORE_TXN(outer);
	assert_int_equal(store_begin(s, STORE_WRITE, &outer, NULL), 0);
	assert_true(put(s, 1, "outer", NULL) == 1);
	put_and_leave(s, false);
	put_and_leave(s, true);
	{
		STORE_TXN(inner);
		assert_int_equal(store_begin(s, STORE_WRITE, &inner, NULL), 0);
		assert_true(put(s, 2, "inner", NULL) == 1);
		assert_true(put(s, 1, "again", NULL) == -ERR_EXIST); /* dooms only the inner one */
		assert_true(put(s, 3, "more", NULL) == -ERR_EXIST);
		STORE_TXN(innermost);
		assert_int_equal(store_begin(s, STORE_WRITE, &innermost, NULL), -ERR_EXIST);
		assert_int_equal(store_commit(&inner, NULL), -ERR_EXIST);
	}
	assert_true(put(s, 4, "outer", NULL) == 1);
	assert_int_equal(store_commit(&outer, NULL), 0);
	assert_int_equal(count(s), 3);
}

static void test_txn_doomed(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	assert_true(put(s, 1, "one", NULL) == 1);
	STORE_TXN(txn);
	struct err e = {0};
	assert_int_equal(store_begin(s, STORE_WRITE, &txn, NULL), 0);
	assert_true(put(s, 2, "two", NULL) == 1);
	assert_true(put(s, 1, "one", NULL) == -ERR_EXIST);
	assert_true(put(s, 3, "three", &e) == -ERR_EXIST);
	assert_non_null(strstr(e.message, "roll it back"));
	STORE_ROWS(rows);
	assert_int_equal(store_first(s, "SELECT k FROM pair", NO_VALS, &rows, NULL), -ERR_EXIST);
	assert_int_equal(store_commit(&txn, &e), -ERR_EXIST);
	assert_false(store_in_txn(s));
	assert_int_equal(count(s), 1);
	assert_true(put(s, 2, "two", NULL) == 1);
}

/* An outer rollback takes along inner ones that were left open. */
static void test_txn_outer_first(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	struct store_txn outer = {NULL, 0}, inner = {NULL, 0};
	assert_int_equal(store_begin(s, STORE_WRITE, &outer, NULL), 0);
	assert_int_equal(store_begin(s, STORE_WRITE, &inner, NULL), 0);
	assert_true(put(s, 1, "one", NULL) == 1);
	store_rollback(&outer);
	assert_false(store_in_txn(s));
	assert_int_equal(count(s), 0);
	assert_int_equal(store_begin(s, STORE_WRITE, &outer, NULL), 0);
	assert_true(put(s, 1, "one", NULL) == 1);
	assert_int_equal(store_commit(&outer, NULL), 0);
}

static int nest(struct store *s, int depth)
{
	STORE_TXN(txn);
	int r = store_begin(s, STORE_WRITE, &txn, NULL);
	if (r < 0)
		return r == -ERR_OVERSIZE ? depth : r;
	return nest(s, depth + 1);
}

static void test_txn_limits(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	assert_int_equal(nest(s, 0), STORE_DEPTH_MAX);
	STORE_TXN(read);
	STORE_TXN(write);
	assert_int_equal(store_begin(s, STORE_READ, &read, NULL), 0);
	assert_int_equal(store_begin(s, STORE_WRITE, &write, NULL), -ERR_INVAL);
	assert_true(put(s, 1, "one", NULL) == -ERR_INVAL);
	store_rollback(&read);
	assert_int_equal(store_begin(s, STORE_READ, &read, NULL), 0);
	assert_int_equal(count(s), 0);
	assert_int_equal(store_commit(&read, NULL), 0);
}

/* Closing rolls back what is open. */
static void test_close_open_txn(void **state)
{
	struct store *s = open_pairs("a");
	struct store_txn txn;
	assert_int_equal(store_begin(s, STORE_WRITE, &txn, NULL), 0);
	assert_true(put(s, 1, "one", NULL) == 1);
	store_close(s);
	_cleanup_(store_closep) struct store *again = open_pairs("a");
	assert_int_equal(count(again), 0);
}

static void test_two_connections(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	_cleanup_(store_closep) struct store *other = NULL;
	assert_int_equal(
		store_open(place("a"), &(struct store_options){.busy_ms = 20}, &other, NULL), 0);
	STORE_TXN(write);
	STORE_TXN(second);
	STORE_TXN(read);
	struct err e = {0};
	assert_int_equal(store_begin(s, STORE_WRITE, &write, NULL), 0);
	assert_true(put(s, 1, "one", NULL) == 1);
	assert_int_equal(store_begin(other, STORE_WRITE, &second, &e), -ERR_BUSY); /* one writer */
	assert_true(put(other, 2, "two", &e) == -ERR_BUSY);
	assert_int_equal(store_begin(other, STORE_READ, &read, NULL), 0); /* readers go on */
	assert_int_equal(count(other), 0);
	assert_int_equal(store_commit(&write, NULL), 0);
	assert_int_equal(count(other), 0); /* and keep their snapshot */
	assert_int_equal(store_commit(&read, NULL), 0);
	assert_int_equal(count(other), 1);
	assert_int_equal(store_begin(other, STORE_WRITE, &second, NULL), 0);
	assert_true(put(other, 2, "two", NULL) == 1);
	assert_int_equal(store_commit(&second, NULL), 0);
	assert_int_equal(count(s), 2);
}

/* ---- the cache ---- */

static int64_t ask_number(struct store *s, int n)
{
	char sql[64];
	(void)snprintf(sql, sizeof(sql), "SELECT %d AS n", n);
	STORE_ROWS(rows);
	assert_int_equal(store_first(s, sql, NO_VALS, &rows, NULL), 1);
	return row_i64(&rows, "n");
}

static void recurse(struct store *s, int depth)
{
	STORE_ROWS(rows);
	assert_int_equal(store_first(s, "SELECT k, v FROM pair WHERE k >= ? ORDER BY k",
				     VALS(val_i64(depth)), &rows, NULL),
			 1);
	assert_int_equal(row_i64(&rows, "k"), depth);
	if (depth < 199)
		recurse(s, depth + 1);
	assert_string_equal(row_text(&rows, "v", NULL), "v");
	assert_int_equal(store_next(&rows, NULL), depth < 199);
}

static void test_cache(void **state)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	for (int round = 0; round < 3; round++)
		for (int n = 0; n < 300; n++)
			assert_int_equal(ask_number(s, n), n);
	STORE_TXN(txn);
	assert_int_equal(store_begin(s, STORE_WRITE, &txn, NULL), 0);
	for (int i = 0; i < 200; i++)
		assert_true(put(s, i, "v", NULL) == 1);
	assert_int_equal(store_commit(&txn, NULL), 0);
	recurse(s, 0); /* one text in use 200 times at once: more than the cache holds */
	assert_int_equal(ask_number(s, 7), 7);
	must(s, "DELETE FROM pair");
	must(s, "DROP TABLE pair");
	assert_int_equal(store_exec(s, "DELETE FROM pair", NO_VALS, NULL),
			 -ERR_INVAL); /* cached, table gone */
	must(s, "CREATE TABLE pair (k BIGINT)");
	must(s, "DELETE FROM pair");
}

/* ---- migrations ---- */

static const struct store_migration steps[] = {
	{1, "first", "CREATE TABLE m_a (k BIGINT); CREATE TABLE m_b (k BIGINT)",
	 "DROP TABLE m_b; DROP TABLE m_a"},
	{2, "second", "CREATE TABLE m_c (k BIGINT); INSERT INTO m_a (k) VALUES (7)",
	 "DELETE FROM m_a WHERE k = 7; DROP TABLE m_c"},
	{3, "third", "CREATE TABLE m_d (k BIGINT)", "DROP TABLE m_d"},
};
static const struct store_schema schema1 = {"m", steps, 1}, schema3 = {"m", steps, 3};

static void test_migrate(void **state)
{
	_cleanup_(store_closep) struct store *s = open_at("a");
	struct err e = {0};
	uint32_t v = 99;
	assert_int_equal(store_version(s, "m", &v, NULL), 0);
	assert_int_equal(v, 0);
	assert_int_equal(store_migrate(s, &schema1, 1000, &e), 1);
	assert_int_equal(store_migrate(s, &schema1, 1001, &e), 0);
	assert_int_equal(store_migrate(s, &schema3, 1002, &e), 2);
	assert_int_equal(store_version(s, "m", &v, NULL), 0);
	assert_int_equal(v, 3);
	must(s, "INSERT INTO m_d (k) VALUES (1)");
	assert_int_equal(store_migrate(s, &schema1, 1003, &e), -ERR_VERSION);
	assert_non_null(strstr(e.message, "newer program"));
	assert_string_equal(e.field, "m");
	assert_int_equal(store_downgrade(s, &schema3, 1, &e), 2);
	assert_int_equal(store_migrate(s, &schema1, 1004, &e), 0);
	assert_int_equal(store_exec(s, "SELECT k FROM m_d", NO_VALS, NULL), -ERR_INVAL);
	assert_int_equal(store_downgrade(s, &schema1, 0, &e), 1);
	assert_int_equal(store_version(s, "m", &v, NULL), 0);
	assert_int_equal(v, 0);
	assert_int_equal(store_migrate(s, &schema3, 1005, &e), 3);
}

static void test_migrate_edited(void **state)
{
	_cleanup_(store_closep) struct store *s = open_at("a");
	assert_int_equal(store_migrate(s, &schema3, 1000, NULL), 3);
	struct store_migration edited[3];
	memcpy(edited, steps, sizeof(edited));
	edited[1].up = "CREATE TABLE m_c (k BIGINT, more TEXT)";
	struct err e = {0};
	assert_int_equal(store_migrate(s, &(struct store_schema){"m", edited, 3}, 1001, &e),
			 -ERR_VERSION);
	assert_non_null(strstr(e.message, "Step 2"));
	assert_int_equal(store_downgrade(s, &(struct store_schema){"m", edited, 3}, 0, &e),
			 -ERR_VERSION);
	assert_int_equal(store_migrate(s, &(struct store_schema){"other", edited, 1}, 1002, &e),
			 -ERR_INVAL);
}

static void test_migrate_fails_whole(void **state)
{
	_cleanup_(store_closep) struct store *s = open_at("a");
	static const struct store_migration bad[] = {
		{1, "good", "CREATE TABLE m_a (k BIGINT)", "DROP TABLE m_a"},
		{2, "bad", "CREATE TABLE m_b (k BIGINT); INSERT INTO m_nowhere (k) VALUES (1)",
		 "DROP TABLE m_b"},
	};
	struct err e = {0};
	uint32_t v = 99;
	assert_int_equal(store_migrate(s, &(struct store_schema){"m", bad, 2}, 1000, &e),
			 -ERR_INVAL);
	assert_int_equal(store_version(s, "m", &v, NULL), 0);
	assert_int_equal(v, 1);
	assert_int_equal(store_exec(s, "SELECT k FROM m_b", NO_VALS, NULL), -ERR_INVAL);
	static const struct store_migration dialect[] = {{1, "x", "CREATE TABLE x_a (k BLOB)", ""}};
	assert_int_equal(store_migrate(s, &(struct store_schema){"x", dialect, 1}, 1000, &e),
			 -ERR_UNSUPPORTED);
}

/* ---- crashes, full disks, damage ---- */

static void crash_in_txn(const char *path, int ready_fd)
{
	struct store *s = NULL;
	struct store_txn txn;
	if (store_open(path, NULL, &s, NULL) < 0 || store_begin(s, STORE_WRITE, &txn, NULL) < 0)
		_exit(3);
	for (int i = 10; i < 5000;
	     i++) /* more than the page cache of one commit, so that the log is written to */
		if (put(s, i,
			"a value that takes some room in its page, so that many pages are dirty",
			NULL) != 1)
			_exit(4);
	if (write(ready_fd, "x", 1) != 1)
		_exit(5);
	for (;;)
		pause();
}

static void test_kill(void **state)
{
	struct store *s = open_pairs("a");
	assert_true(put(s, 1, "kept", NULL) == 1);
	store_close(s);
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	const char *path = place("a");
	pid_t child = fork();
	if (child == 0)
		crash_in_txn(path, ends[1]);
	char ready;
	assert_int_equal(read(ends[0], &ready, 1), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	close(ends[0]);
	close(ends[1]);
	_cleanup_(store_closep) struct store *again = open_pairs("a");
	assert_int_equal(count(again), 1);
	assert_int_equal(store_verify(again, NULL), 0);
	assert_true(put(again, 2, "writable", NULL) == 1);
}

/* Every commit that returned is there after a kill at any moment. */
static void commit_for_ever(const char *path, int report_fd)
{
	struct store *s = NULL;
	if (store_open(path, NULL, &s, NULL) < 0)
		_exit(3);
	for (int64_t i = 1;; i++)
		if (put(s, i, "v", NULL) != 1 || write(report_fd, &i, sizeof(i)) != sizeof(i))
			_exit(4);
}

static void test_kill_after_commits(void **state)
{
	store_close(open_pairs("a"));
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	const char *path = place("a");
	pid_t child = fork();
	if (child == 0)
		commit_for_ever(path, ends[1]);
	close(ends[1]);
	int64_t last = 0, i;
	while (last < 50 && read(ends[0], &i, sizeof(i)) == sizeof(i))
		last = i;
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	while (read(ends[0], &i, sizeof(i)) == sizeof(i))
		last = i;
	close(ends[0]);
	_cleanup_(store_closep) struct store *again = open_pairs("a");
	assert_true(last >= 50 && count(again) >= last);
	assert_int_equal(store_verify(again, NULL), 0);
}

static int64_t fill(struct store *s, struct err *e)
{
	char value[1001];
	memset(value, 'v', 1000);
	value[1000] = 0;
	for (int64_t i = 1; i < 100000; i++) {
		int64_t r = put(s, i, value, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static void test_full(void **state)
{
	_cleanup_(store_closep) struct store *s = NULL;
	assert_int_equal(store_open(at("a"), &(struct store_options){.pages_max = 60}, &s, NULL),
			 0);
	must(s, "CREATE TABLE pair (k BIGINT NOT NULL PRIMARY KEY, v TEXT NOT NULL)");
	assert_true(put(s, -1, "kept", NULL) == 1);
	STORE_TXN(txn);
	struct err e = {0};
	assert_int_equal(store_begin(s, STORE_WRITE, &txn, NULL), 0);
	assert_int_equal(fill(s, &e), -ERR_NOSPC);
	assert_non_null(strstr(e.message, "No space left"));
	assert_true(put(s, -2, "x", NULL) == -ERR_NOSPC); /* doomed */
	assert_int_equal(store_commit(&txn, NULL), -ERR_NOSPC);
	assert_int_equal(count(s), 1);
	assert_true(put(s, -2, "goes on", NULL) == 1);
	assert_int_equal(fill(s, &e),
			 -ERR_NOSPC); /* outside of a transaction: what was committed stays */
	int64_t n = count(s);
	assert_true(n > 10);
	assert_int_equal(store_verify(s, NULL), 0);
	must(s, "DELETE FROM pair WHERE k > 5");
	assert_true(put(s, 1000, "room again", NULL) == 1);
}

/* A nested transaction on a full disk: SQLite may undo the outer one too, and then that must not seem to live. */
static void test_full_nested(void **state)
{
	_cleanup_(store_closep) struct store *s = NULL;
	assert_int_equal(store_open(at("a"), &(struct store_options){.pages_max = 60}, &s, NULL),
			 0);
	must(s, "CREATE TABLE pair (k BIGINT NOT NULL PRIMARY KEY, v TEXT NOT NULL)");
	STORE_TXN(outer);
	assert_int_equal(store_begin(s, STORE_WRITE, &outer, NULL), 0);
	assert_true(put(s, -1, "outer", NULL) == 1);
	{
		STORE_TXN(inner);
		assert_int_equal(store_begin(s, STORE_WRITE, &inner, NULL), 0);
		assert_int_equal(fill(s, NULL), -ERR_NOSPC);
	}
	int64_t more = put(s, -2, "outer", NULL);
	int r = store_commit(&outer, NULL);
	assert_true((more == 1 && r == 0) || (more < 0 && r < 0));
	assert_int_equal(count(s), r == 0 ? 2 : 0);
}

static int child_status(pid_t child)
{
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void verify_and_go_on(void)
{
	_cleanup_(store_closep) struct store *s = open_pairs("a");
	int64_t n = count(s);
	assert_true(n > 0);
	assert_int_equal(store_verify(s, NULL), 0);
	assert_true(put(s, n + 1, "writable", NULL) == 1);
}

/* The system refuses to write: here beyond a file size. */
static void child_with_limit(const char *path)
{
	signal(SIGXFSZ, SIG_IGN);
	struct store *s = NULL;
	if (store_open(path, NULL, &s, NULL) < 0)
		_exit(3);
	struct rlimit limit = {300000, 300000};
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		_exit(4);
	_exit(fill(s, NULL) == -ERR_IO ? 0 : 5);
}

static void test_file_limit(void **state)
{
	store_close(open_pairs("a"));
	const char *path = at("a");
	pid_t child = fork();
	if (child == 0)
		child_with_limit(path);
	assert_int_equal(child_status(child), 0);
	verify_and_go_on();
}

/* A file system that is full, small and real, seen only by the child. */
enum { CHILD_SKIPS = 77 };
static int fill_small_disk(const char *mount_point, const char *path)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", mount_point, "tmpfs", 0, "size=400k") < 0)
		return CHILD_SKIPS;
	struct err e = {0};
	_cleanup_(store_closep) struct store *s = NULL;
	if (store_open(path, NULL, &s, &e) < 0 ||
	    store_exec(s, "CREATE TABLE pair (k BIGINT NOT NULL PRIMARY KEY, v TEXT NOT NULL)",
		       NO_VALS, &e) < 0)
		return 3;
	if (fill(s, &e) != -ERR_NOSPC || !strstr(e.message, "No space left"))
		return 4;
	int64_t n = count(s);
	s = store_close(s);
	if (store_open(path, NULL, &s, &e) < 0 || count(s) != n || store_verify(s, &e) < 0)
		return 5;
	return n > 10 ? 0 : 6;
}

static void test_full_disk(void **state)
{
	const char *path = at("a");
	pid_t child = fork();
	if (child == 0)
		_exit(fill_small_disk(dir, path));
	int status = child_status(child);
	if (status == CHILD_SKIPS) {
		print_message("a small file system needs the right to mount: skipped\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void damage(const char *path, int64_t offset)
{
	_cleanup_(closep) int fd = open(path, O_RDWR);
	uint8_t noise[2000];
	memset(noise, 0xa5, sizeof(noise));
	assert_true(fd >= 0 && pwrite(fd, noise, sizeof(noise), offset) == sizeof(noise));
}

static void make_full_pages(const char *name, int n)
{
	struct store *s = open_pairs(name);
	STORE_TXN(txn);
	assert_int_equal(store_begin(s, STORE_WRITE, &txn, NULL), 0);
	for (int i = 0; i < n; i++)
		assert_true(put(s, i, "some value that fills the pages of the table bit by bit",
				NULL) == 1);
	assert_int_equal(store_commit(&txn, NULL), 0);
	store_close(s);
}

static void test_damaged(void **state)
{
	make_full_pages("a", 2000);
	damage(at("a"), 20 * 4096);
	_cleanup_(store_closep) struct store *s = open_at("a");
	struct err e = {0};
	assert_int_equal(store_verify(s, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.message, at("a")));
	assert_int_equal(store_exec(s, "SELECT k, v FROM pair ORDER BY v", NO_VALS, &e),
			 -ERR_CORRUPT);
	assert_int_equal(store_backup(s, at("copy"), &e), -ERR_CORRUPT);
	assert_int_equal(access(at("copy"), F_OK), -1);
	assert_int_equal(access(at("copy.part"), F_OK), -1);
}

static void test_orphans(void **state)
{
	struct store *s = open_pairs("a");
	must(s, "CREATE TABLE child (k BIGINT NOT NULL REFERENCES pair (k))");
	store_close(s);
	sqlite3 *db = NULL; /* foreign keys are off here */
	assert_int_equal(sqlite3_open(at("a"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO child (k) VALUES (77)", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	_cleanup_(store_closep) struct store *again = open_at("a");
	struct err e = {0};
	assert_int_equal(store_verify(again, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.message, "rows that point"));
}

/* ---- backup ---- */

static void test_backup(void **state)
{
	make_full_pages("a", 1000);
	_cleanup_(store_closep) struct store *s = open_at("a");
	_cleanup_(store_closep) struct store *writer = open_at("a");
	STORE_TXN(txn);
	assert_int_equal(store_begin(writer, STORE_WRITE, &txn, NULL), 0);
	assert_true(put(writer, 5000, "not yet", NULL) == 1);
	write_file(at("copy.part"), "left over", 9);
	struct err e = {0};
	if (store_backup(s, at("copy"), &e) < 0)
		fail_msg("%s", e.message);
	assert_int_equal(store_commit(&txn, NULL), 0);
	assert_int_equal(access(at("copy-wal"), F_OK), -1);
	assert_int_equal(store_backup(s, at("copy"), &e), -ERR_EXIST);
	assert_int_equal(store_backup(s, at("no/copy"), &e), -ERR_NOENT);
	_cleanup_(store_closep) struct store *copy = open_at("copy");
	assert_int_equal(count(copy), 1000);
	assert_int_equal(count(s), 1001);
	struct stat st;
	assert_int_equal(stat(at("copy"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* What is deleted does not stay readable in the file. */
static void test_erasure(void **state)
{
	struct store *s = open_pairs("a");
	assert_true(put(s, 1, "NAME-OF-A-PERSON", NULL) == 1);
	must(s, "DELETE FROM pair");
	store_close(s); /* the last one out checkpoints and removes the log */
	char command[200];
	(void)snprintf(command, sizeof(command), "! grep -qc NAME-OF-A-PERSON '%s'/*", dir);
	assert_int_equal(system(command), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define BOTH_ENGINES                                                                     \
	T(test_read_only), T(test_values), T(test_wrong_kinds), T(test_bad_values),      \
		T(test_constraints), T(test_rows_changed), T(test_dialect), T(test_txn), \
		T(test_txn_nested), T(test_txn_doomed), T(test_txn_outer_first),         \
		T(test_txn_limits), T(test_close_open_txn), T(test_two_connections),     \
		T(test_cache), T(test_migrate), T(test_migrate_edited),                  \
		T(test_migrate_fails_whole), T(test_kill), T(test_kill_after_commits)
int main(void)
{
	static const struct CMUnitTest both[] = {BOTH_ENGINES};
	static const struct CMUnitTest sqlite[] = {
		BOTH_ENGINES,	 T(test_open_errors), T(test_open_foreign), T(test_open_modes),
		T(test_full),	 T(test_full_nested), T(test_file_limit),   T(test_full_disk),
		T(test_damaged), T(test_orphans),     T(test_backup),	    T(test_erasure),
	};
	if (crypto_start() < 0)
		return 1;
	return engine_pg() ? cmocka_run_group_tests_name("store-pg", both, NULL, NULL)
			   : cmocka_run_group_tests_name("store", sqlite, NULL, NULL);
}
