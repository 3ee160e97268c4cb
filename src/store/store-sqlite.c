/* SPDX-License-Identifier: Apache-2.0
 * The SQLite engine: one file in WAL mode, every commit synced before it returns.
 *
 * Durability: synchronous=FULL in WAL mode syncs the log at each commit. Erasure: secure_delete overwrites what is deleted, and
 * the log is cut back when it was checkpointed. The file carries an application id, so that a database of something else is
 * refused instead of written to. */
#include "base/file.h"
#include "base/time.h"
#include "store/store-int.h"
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <sys/stat.h>

enum {
	APPLICATION_ID = 0x4c756764, /* "Lugd" */
	FILE_MODE = 0600,
	WAL_KEPT_MAX = 64 << 20, /* bytes of the log file that stay after a checkpoint */
	ROLLBACK_TRIES = 3,
	SQL_SHOWN = 120, /* characters of a statement in a message */
};

/* ---- errors ---- */

static int code_of_constraint(int extended)
{
	if (extended == SQLITE_CONSTRAINT_PRIMARYKEY || extended == SQLITE_CONSTRAINT_UNIQUE)
		return -ERR_EXIST;
	return -ERR_INVAL;
}

static int code_of_open(sqlite3 *db)
{
	int system_errno = sqlite3_system_errno(db);
	return system_errno ? err_errno(system_errno) : -ERR_ACCES;
}

static int code_of(sqlite3 *db, int extended)
{
	switch (extended & 0xff) {
	case SQLITE_FULL:
		return -ERR_NOSPC;
	case SQLITE_IOERR:
		return extended == SQLITE_IOERR_NOMEM ? -ERR_NOMEM : -ERR_IO;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -ERR_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -ERR_BUSY;
	case SQLITE_NOMEM:
		return -ERR_NOMEM;
	case SQLITE_CONSTRAINT:
		return code_of_constraint(extended);
	case SQLITE_TOOBIG:
		return -ERR_OVERSIZE;
	case SQLITE_CANTOPEN:
		return code_of_open(db);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -ERR_ACCES;
	case SQLITE_ERROR:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
	case SQLITE_MISMATCH:
		return -ERR_INVAL;
	}
	return -ERR_IO;
}

/* The engine's words name columns and tables, never values. */
static int fail(struct store *s, const char *sql, struct err *e)
{
	sqlite3 *db = s->conn;
	int code = code_of(db, sqlite3_extended_errcode(db));
	return err_set(e, code, s->where, "%s: %s (in: %.*s)", err_sentence(code),
		       sqlite3_errmsg(db), SQL_SHOWN, sql);
}

static int run(struct store *s, const char *sql, struct err *e)
{
	return sqlite3_exec(s->conn, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s, sql, e);
}

/* ---- open and close ---- */

/* Make the file ourselves, so that its mode never depends on the umask; SQLite gives its log the same mode. */
static int make_file(const char *path, struct err *e)
{
	_cleanup_(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd >= 0)
		return 0;
	int system_errno = errno, code = err_errno(system_errno);
	return err_set(e, code, path, "cannot open the store %s: %s", path, strerror(system_errno));
}

/* The first column of the first row, as a number. */
static int ask_i64(struct store *s, const char *sql, int64_t *ret, struct err *e)
{
	sqlite3_stmt *q = NULL;
	int r = sqlite3_prepare_v2(s->conn, sql, -1, &q, NULL);
	if (r == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		*ret = sqlite3_column_int64(q, 0);
	r = sqlite3_finalize(q);
	return r == SQLITE_OK ? 0 : fail(s, sql, e);
}

/* The first column of the first row, as text; each of the questions asked has an answer. */
static int ask_text(struct store *s, const char *sql, char *out, size_t out_max, struct err *e)
{
	sqlite3_stmt *q = NULL;
	int r = sqlite3_prepare_v2(s->conn, sql, -1, &q, NULL);
	const char *text = NULL;
	if (r == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(q, 0);
	(void)snprintf(out, out_max, "%s", text ? text : "");
	bool answered = text != NULL;
	r = sqlite3_finalize(q);
	if (r != SQLITE_OK)
		return fail(s, sql, e);
	return answered ? 0 : err_set(e, ERR_NOMEM, s->where, NULL);
}

/* Refuse other people's databases; mark an empty one as ours. */
static int check_identity(struct store *s, struct err *e)
{
	int64_t id = 0, tables = 0;
	int r = ask_i64(s, "PRAGMA application_id", &id, e);
	if (r == 0 && id == APPLICATION_ID)
		return 0;
	if (r == 0)
		r = ask_i64(s, "SELECT count(*) FROM sqlite_schema", &tables, e);
	if (r < 0)
		return r;
	if (id || tables || s->read_only)
		return err_set(e, ERR_FORMAT, s->where,
			       "%s is a database, but not a store of this program.", s->where);
	char sql[64];
	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", APPLICATION_ID);
	return run(s, sql, e);
}

static int set_journal(struct store *s, const struct store_options *o, struct err *e)
{
	char mode[16];
	int r = ask_text(s, o->read_only ? "PRAGMA journal_mode" : "PRAGMA journal_mode = WAL",
			 mode, sizeof(mode), e);
	if (r < 0)
		return r;
	bool in_memory = !strcmp(s->where, ":memory:") && !strcmp(mode, "memory");
	if (strcmp(mode, "wal") != 0 && !in_memory)
		return err_set(
			e, ERR_UNSUPPORTED, s->where,
			"The file system under %s cannot hold a write-ahead log (mode is %s).",
			s->where, mode);
	return 0;
}

static int set_options(struct store *s, const struct store_options *o, struct err *e)
{
	sqlite3 *db = s->conn;
	sqlite3_busy_timeout(db, (int)(o->busy_ms ? o->busy_ms : STORE_BUSY_MS_DEFAULT));
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, STORE_VALUE_MAX + STORE_SQL_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, STORE_SQL_MAX + 1);
	sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER, STORE_VALS_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL); /* "x" is a name, never a text */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	/* Before the first read: a log is only read without shared memory by who locked exclusively. */
	int r = o->exclusive ? run(s, "PRAGMA locking_mode = EXCLUSIVE", e) : 0;
	if (r == 0)
		r = run(s,
			"PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;"
			"PRAGMA case_sensitive_like = ON; PRAGMA cell_size_check = ON",
			e);
	if (r == 0)
		r = check_identity(s, e);
	if (r == 0)
		r = set_journal(s, o, e);
	if (r < 0)
		return r;
	char sql[96];
	(void)snprintf(sql, sizeof(sql),
		       "PRAGMA journal_size_limit = %d; PRAGMA max_page_count = %u", WAL_KEPT_MAX,
		       o->pages_max);
	return run(s, sql, e); /* a page count of 0 leaves the default */
}

static int engine_open(struct store *s, const struct store_options *o, struct err *e)
{
	int r = 0;
	if (!o->vfs && !o->read_only && strcmp(s->where, ":memory:") != 0)
		r = make_file(s->where, e);
	if (r < 0)
		return r;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	flags |= o->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	sqlite3 *db = NULL;
	r = sqlite3_open_v2(s->where, &db, flags, o->vfs);
	s->conn = db;
	if (!db)
		return err_set(e, ERR_NOMEM, s->where, NULL);
	return r == SQLITE_OK ? set_options(s, o, e) : fail(s, "open", e);
}

static void engine_close(struct store *s)
{
	int r = sqlite3_close(s->conn);
	(void)NEVER(r != SQLITE_OK); /* a statement was left open */
	s->conn = NULL;
}

/* ---- transactions ---- */

static int engine_begin(struct store *s, enum store_mode mode, struct err *e)
{
	switch (mode) {
	case STORE_READ:
		return run(s, "BEGIN", e);
	case STORE_WRITE:
		return run(s, "BEGIN IMMEDIATE", e);
	}
	return -ERR_INVAL;
}

static int engine_commit(struct store *s, struct err *e)
{
	return run(s, "COMMIT", e);
}

static bool engine_alive(struct store *s)
{
	return !sqlite3_get_autocommit(s->conn);
}

/* Without memory even a rollback fails, and what came later would join a transaction that nobody ends: so it is tried again. */
static void engine_rollback(struct store *s)
{
	for (int i = 0; engine_alive(s) && i < ROLLBACK_TRIES; i++)
		(void)sqlite3_exec(s->conn, "ROLLBACK", NULL, NULL, NULL);
}

static int nested(struct store *s, const char *verb, unsigned depth, struct err *e)
{
	char sql[40];
	(void)snprintf(sql, sizeof(sql), "%s depth_%u", verb, depth);
	return run(s, sql, e);
}

static int engine_savepoint(struct store *s, unsigned depth, struct err *e)
{
	return nested(s, "SAVEPOINT", depth, e);
}

static int engine_release(struct store *s, unsigned depth, struct err *e)
{
	return nested(s, "RELEASE", depth, e);
}

static int engine_rollback_to(struct store *s, unsigned depth)
{
	int r = nested(s, "ROLLBACK TO", depth, NULL);
	return r < 0 ? r : nested(s, "RELEASE", depth, NULL);
}

/* ---- statements ---- */

static int engine_prepare(struct store *s, const char *sql, void **ret_handle, struct err *e)
{
	sqlite3_stmt *q = NULL;
	const char *tail = NULL;
	if (sqlite3_prepare_v3(s->conn, sql, -1, SQLITE_PREPARE_PERSISTENT, &q, &tail) != SQLITE_OK)
		return fail(s, sql, e);
	if (q && !tail[strspn(tail, " \t\n;")]) {
		*ret_handle = q;
		return 0;
	}
	sqlite3_finalize(q);
	return err_set(e, ERR_INVAL, "sql", "Exactly one statement is expected: %.*s", SQL_SHOWN,
		       sql);
}

static void engine_finish(void *handle)
{
	sqlite3_finalize(handle);
}

static void engine_reset(void *handle)
{
	(void)sqlite3_reset(
		handle); /* repeats the error of the last step, which was reported then */
	sqlite3_clear_bindings(handle);
}

static bool engine_writes(void *handle)
{
	return !sqlite3_stmt_readonly(handle);
}

static int bind_one(sqlite3_stmt *q, int i, const struct store_val *v)
{
	switch (v->type) {
	case STORE_NULL:
		return sqlite3_bind_null(q, i);
	case STORE_I64:
		return sqlite3_bind_int64(q, i, v->i64);
	case STORE_U64:
		return sqlite3_bind_int64(q, i, (int64_t)v->u64);
	case STORE_TEXT:
		return sqlite3_bind_text64(q, i, v->p, v->len, SQLITE_TRANSIENT, SQLITE_UTF8);
	case STORE_BLOB:
		return sqlite3_bind_blob64(q, i, v->p ? v->p : "", v->len, SQLITE_TRANSIENT);
	}
	return SQLITE_MISUSE;
}

static int engine_bind(struct store *s, void *handle, const struct store_val *vals, size_t vals_n,
		       struct err *e)
{
	const char *sql = sqlite3_sql(handle);
	if ((size_t)sqlite3_bind_parameter_count(handle) != vals_n)
		return err_set(e, ERR_INVAL, "sql", "%zu values for %d placeholders in: %.*s",
			       vals_n, sqlite3_bind_parameter_count(handle), SQL_SHOWN, sql);
	for (size_t i = 0; i < vals_n; i++)
		if (bind_one(handle, (int)i + 1, &vals[i]) != SQLITE_OK)
			return fail(s, sql, e);
	return 0;
}

static int engine_step(struct store *s, void *handle, struct err *e)
{
	int r = sqlite3_step(handle);
	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0 : fail(s, sqlite3_sql(handle), e);
}

/* sqlite3_changes64() keeps the last figure when a statement, such as CREATE TABLE, changes no row. */
static int64_t engine_run(struct store *s, void *handle, struct err *e)
{
	int64_t before = sqlite3_total_changes64(s->conn);
	int r;
	do
		r = engine_step(s, handle, e);
	while (r > 0);
	if (r < 0)
		return r;
	return sqlite3_total_changes64(s->conn) == before ? 0 : sqlite3_changes64(s->conn);
}

/* ---- the current row ---- */

static int engine_column_n(void *handle)
{
	return sqlite3_column_count(handle);
}

static const char *engine_column_name(void *handle, int i)
{
	const char *name = sqlite3_column_name(handle, i);
	return name ? name : "";
}

static enum store_type engine_column_type(void *handle, int i)
{
	switch (sqlite3_column_type(handle, i)) {
	case SQLITE_INTEGER:
		return STORE_I64;
	case SQLITE_NULL:
		return STORE_NULL;
	case SQLITE_TEXT:
		return STORE_TEXT;
	}
	return STORE_BLOB; /* also a float, which no column of ours has: its bytes are then of a wrong length */
}

static int64_t engine_column_i64(void *handle, int i)
{
	return sqlite3_column_int64(handle, i);
}

static const void *engine_column_bytes(void *handle, int i, size_t *ret_len)
{
	const void *p = sqlite3_column_type(handle, i) == SQLITE_TEXT
				? (const void *)sqlite3_column_text(handle, i)
				: sqlite3_column_blob(handle, i);
	*ret_len = (size_t)sqlite3_column_bytes(handle, i);
	return p;
}

/* ---- care ---- */

static int engine_script(struct store *s, const char *sql, struct err *e)
{
	return run(s, sql, e);
}

/* Everybody who uses a file is on its machine. */
static int engine_now_ms(struct store *s, int64_t *ret_ms, struct err *e)
{
	*ret_ms = time_now_ms();
	return 0;
}

static int engine_verify(struct store *s, struct err *e)
{
	char found[200];
	int64_t broken = 0;
	int r = ask_text(s, "PRAGMA integrity_check(1)", found, sizeof(found), e);
	if (r == 0 && strcmp(found, "ok") != 0)
		r = err_set(e, ERR_CORRUPT, s->where, "%s is damaged: %s", s->where, found);
	if (r == 0)
		r = ask_i64(s, "SELECT count(*) FROM pragma_foreign_key_check", &broken, e);
	if (r == 0 && broken)
		r = err_set(e, ERR_CORRUPT, s->where,
			    "%s has %lld rows that point to rows which are not there.", s->where,
			    (long long)broken);
	return r;
}

/* All pages in one step: one snapshot, which in WAL mode keeps nobody from writing. */
static int copy_pages(struct store *s, struct store *copy, struct err *e)
{
	sqlite3_backup *b = sqlite3_backup_init(copy->conn, "main", s->conn, "main");
	if (!b)
		return fail(copy, "backup", e);
	int r = sqlite3_backup_step(b, -1);
	int end = sqlite3_backup_finish(b);
	if (r == SQLITE_DONE && end == SQLITE_OK)
		return 0;
	return fail(end == SQLITE_OK ? s : copy, "backup", e);
}

/* The copy, made and checked; without a log beside it. */
static int make_copy(struct store *s, const char *path, struct err *e)
{
	struct store copy = {.engine = &store_sqlite, .where = (char *)path};
	sqlite3 *db = NULL;
	int r = make_file(path, e);
	if (r < 0)
		return r;
	int opened = sqlite3_open_v2(
		path, &db, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE,
		NULL);
	copy.conn = db;
	r = opened == SQLITE_OK ? run(&copy, "PRAGMA synchronous = FULL", e)
				: fail(&copy, "open", e);
	if (r == 0)
		r = copy_pages(s, &copy, e);
	if (r == 0)
		r = run(&copy, "PRAGMA journal_mode = DELETE", e);
	if (r == 0)
		r = engine_verify(&copy, e);
	engine_close(&copy);
	return r;
}

static int engine_backup(struct store *s, const char *path, struct err *e)
{
	char part[PATH_MAX];
	if (access(path, F_OK) == 0)
		return err_set(e, ERR_EXIST, path, "%s exists already; choose another name.", path);
	int n = snprintf(part, sizeof(part), "%s.part", path);
	if (n < 0 || (size_t)n >= sizeof(part))
		return err_set(e, ERR_OVERSIZE, path, "The path of the backup is too long.");
	(void)unlink(part); /* of a backup that was interrupted */
	int r = make_copy(s, part, e);
	if (r == 0 && rename(part, path) < 0)
		r = err_set(e, err_errno(errno), path, "cannot rename the backup to %s", path);
	if (r < 0) {
		(void)unlink(part);
		return r;
	}
	return file_sync_dir(path, e);
}

const struct store_engine store_sqlite = {
	.name = "sqlite",
	.open = engine_open,
	.close = engine_close,
	.begin = engine_begin,
	.commit = engine_commit,
	.rollback = engine_rollback,
	.savepoint = engine_savepoint,
	.release = engine_release,
	.rollback_to = engine_rollback_to,
	.alive = engine_alive,
	.prepare = engine_prepare,
	.finish = engine_finish,
	.reset = engine_reset,
	.writes = engine_writes,
	.bind = engine_bind,
	.step = engine_step,
	.run = engine_run,
	.script = engine_script,
	.column_n = engine_column_n,
	.column_name = engine_column_name,
	.column_type = engine_column_type,
	.column_i64 = engine_column_i64,
	.column_bytes = engine_column_bytes,
	.now_ms = engine_now_ms,
	.backup = engine_backup,
	.verify = engine_verify,
};
