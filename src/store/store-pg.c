/* SPDX-License-Identifier: Apache-2.0
 * The PostgreSQL engine: connection, transactions, errors, care. Its statements and rows are in store-pg-stmt.c.
 *
 * One writer: a write transaction first locks the table store_writer, so that all who write to this store, in whatever process, do
 * so one after the other, and each statement (READ COMMITTED) sees everything that was committed before. Nothing is ever lost to
 * a serialisation failure; waiting is bounded by busy_ms (lock_timeout) and ends with -ERR_BUSY. A holder that stands still for
 * WRITER_IDLE_MS loses its connection, and with it the lock. The table has no rows; its presence says that a schema is ours.
 *
 * Read transactions are REPEATABLE READ READ ONLY: one snapshot. A write outside of a transaction gets one of its own.
 *
 * A lost connection dooms the transaction that was open; the next one begins on a new connection. When it is lost during COMMIT,
 * the server is asked what became of the transaction (pg_xact_status), so that the answer given is the truth.
 *
 * Statements stay prepared on the server, named lug_1, lug_2 ... and made again after a reconnection or a script. */
#include "store/store-pg-int.h"
#include <inttypes.h>
#include <poll.h>

enum {
	READER_IDLE_MS = 60000, /* a transaction without a statement for so long is ended */
	WRITER_IDLE_MS = 4000,	/* below busy_ms: who stands still stops nobody else */
	RESOLVE_PAUSE_MS = 50,
	LAST_WORDS_MS = 50, /* between a server's last words and the end of the connection */
	COMMAND_MAX = 512,
	NAME_SHOWN = 64,
};

/* ---- errors ---- */

/* SQLSTATE by its beginning, the longer before the shorter. Classes: PostgreSQL 15, appendix A. */
static const struct {
	const char *state;
	int code;
} states[] = {
	{"23505", ERR_EXIST},	 /* unique_violation */
	{"22003", ERR_RANGE},	 /* numeric_value_out_of_range */
	{"25P03", ERR_IO},	 /* idle_in_transaction_session_timeout: the connection is gone */
	{"42501", ERR_ACCES},	 /* insufficient_privilege */
	{"53100", ERR_NOSPC},	 /* disk_full */
	{"53200", ERR_NOMEM},	 /* out_of_memory */
	{"55P03", ERR_BUSY},	 /* lock_not_available */
	{"57014", ERR_BUSY},	 /* query_canceled */
	{"XX001", ERR_CORRUPT},	 /* data_corrupted */
	{"XX002", ERR_CORRUPT},	 /* index_corrupted */
	{"0A", ERR_UNSUPPORTED}, /* feature_not_supported */
	{"22", ERR_INVAL},	 /* data exception */
	{"23", ERR_INVAL},	 /* integrity constraint */
	{"25", ERR_INVAL},	 /* transaction state: a write in a read-only one */
	{"28", ERR_ACCES},	 /* authorization */
	{"3D", ERR_NOENT},	 /* database */
	{"3F", ERR_NOENT},	 /* schema */
	{"40", ERR_BUSY},	 /* deadlock or serialisation */
	{"42", ERR_INVAL},	 /* syntax, names, types */
	{"53", ERR_BUSY},	 /* too many connections, other limits */
	{"54", ERR_OVERSIZE},	 /* program limits */
};

static int code_of(const char *state)
{
	for (size_t i = 0; state && i < ARRAY_LEN(states); i++)
		if (!strncmp(state, states[i].state, strlen(states[i].state)))
			return -states[i].code;
	return -ERR_IO; /* connection, shutdown, I/O, internal */
}

/* One line of the connection's own words, which has several with a line feed behind each. */
static void conn_words(const PGconn *conn, char *out, size_t out_max)
{
	(void)snprintf(out, out_max, "%s", PQerrorMessage(conn));
	for (char *p = out; *p; p++)
		if (*p == '\n')
			*p = p[1] ? ' ' : 0;
}

/* The primary message names columns and tables; what holds values is the detail, which is left out. */
int pg_fail(struct store *s, const PGresult *result, const char *sql, struct err *e)
{
	char words[200];
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	int code = code_of(PQresultErrorField(result, PG_DIAG_SQLSTATE));
	if (primary)
		(void)snprintf(words, sizeof(words), "%s", primary);
	else
		conn_words(pg_of(s)->conn, words, sizeof(words));
	return err_set(e, code, s->where, "%s: %s (in: %.*s)", err_sentence(code), words,
		       PG_SQL_SHOWN, sql);
}

/* ---- commands ---- */

static bool lost(const struct pg *pg)
{
	return PQstatus(pg->conn) != CONNECTION_OK;
}

static int command(struct store *s, const char *sql, char *ret_text, size_t text_max, struct err *e)
{
	PGresult *result = PQexec(pg_of(s)->conn, sql);
	ExecStatusType status = PQresultStatus(result);
	int r = 0;
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		r = pg_fail(s, result, sql, e);
	else if (ret_text)
		(void)snprintf(ret_text, text_max, "%s",
			       PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	return r;
}

int pg_command(struct store *s, const char *sql, char *ret_text, size_t text_max, struct err *e)
{
	int r = pg_ready(s, e);
	return r < 0 ? r : command(s, sql, ret_text, text_max, e);
}

/* ---- connecting ---- */

/* What must hold on the server for our promises to hold: each row gives "" or what is wrong. */
static const char checks_sql[] =
	"SELECT CASE"
	" WHEN current_setting('server_version_num')::int < 130000 THEN 'PostgreSQL 13 or newer is needed'"
	" WHEN current_setting('server_encoding') <> 'UTF8' THEN 'the database is not encoded in UTF8'"
	" WHEN (SELECT datcollate NOT IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8') FROM pg_database"
	"  WHERE datname = current_database())"
	"  THEN 'the database does not sort by bytes (createdb --template=template0 --encoding=UTF8 --locale=C)'"
	" WHEN current_setting('fsync') <> 'on' THEN 'the server runs with fsync off: what it commits may be lost'"
	" WHEN current_schema() IS NULL THEN 'there is no schema to hold the tables (search_path)'"
	" ELSE '' END";

/* Settings of our own connections. A stronger synchronous_commit than "on" is kept. */
static const char settings_sql[] =
	"SET client_min_messages = error; SET lock_timeout = %" PRIu32 ";"
	"SET idle_in_transaction_session_timeout = %d; SET default_transaction_read_only = %s;"
	"SET default_transaction_isolation = 'read committed';"
	"SELECT set_config('synchronous_commit', 'on', false)"
	" WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";

static int check_server(struct store *s, struct err *e)
{
	char sql[COMMAND_MAX], wrong[COMMAND_MAX];
	(void)snprintf(sql, sizeof(sql), settings_sql, pg_of(s)->busy_ms, READER_IDLE_MS,
		       s->read_only ? "on" : "off");
	int r = command(s, sql, NULL, 0, e);
	if (r == 0)
		r = command(s, checks_sql, wrong, sizeof(wrong), e);
	if (r == 0 && *wrong)
		r = err_set(e, ERR_UNSUPPORTED, s->where, "%s cannot hold a store: %s.", s->where,
			    wrong);
	return r;
}

static int code_of_connect(const PGconn *conn)
{
	/* libpq 15 gives no SQLSTATE for a connection that was refused, only words; in another language than English they
	 * count as "unreachable", and the message still holds them. */
	const char *words = PQerrorMessage(conn);
	if (strstr(words, "authentication failed") || strstr(words, "permission denied") ||
	    strstr(words, "no pg_hba.conf entry") || PQconnectionNeedsPassword(conn))
		return -ERR_ACCES;
	if (strstr(words, "does not exist"))
		return -ERR_NOENT;
	return -ERR_IO;
}

/* Keywords before dbname are defaults, which the URI may change; those behind it may not. */
static PGconn *dial(const struct store *s, const char *uri)
{
	const char *const keys[] = {"connect_timeout",	    "tcp_user_timeout",
				    "keepalives_idle",	    "keepalives_interval",
				    "keepalives_count",	    "fallback_application_name",
				    "target_session_attrs", "dbname",
				    "client_encoding",	    NULL};
	const char *const values[] = {
		"10", "30000", "10", "5", "3", "lugdunum", s->read_only ? "any" : "read-write",
		uri,  "UTF8",  NULL};
	return PQconnectdbParams(keys, values, true);
}

/* Libraries do not write on standard error. */
static void no_notice(void *ctx, const char *message)
{
}

static int connect_now(struct store *s, struct err *e)
{
	struct pg *pg = pg_of(s);
	char words[200];
	PQfinish(pg->conn);
	pg->conn = dial(s, pg->uri);
	if (!pg->conn)
		return err_set(e, ERR_NOMEM, s->where, NULL);
	PQsetNoticeProcessor(pg->conn, no_notice, NULL);
	pg->generation++;
	pg->xid[0] = 0;
	pg->open = false;
	if (lost(pg)) {
		conn_words(pg->conn, words, sizeof(words));
		return err_set(e, code_of_connect(pg->conn), s->where,
			       "cannot open the store %s: %s", s->where, words);
	}
	return check_server(s, e);
}

/* A server that went away has closed the socket: there is something to read on a connection that asked nothing. Its last words
 * come first, and then the end. */
static bool gone(struct pg *pg)
{
	struct pollfd p = {.fd = PQsocket(pg->conn), .events = POLLIN};
	int wait_ms = 0;
	while (!lost(pg) && poll(&p, 1, wait_ms) > 0) {
		(void)PQconsumeInput(pg->conn);
		wait_ms = LAST_WORDS_MS;
	}
	return lost(pg);
}

int pg_ready(struct store *s, struct err *e)
{
	struct pg *pg = pg_of(s);
	pg_hold(pg);
	if (pg->open)
		return lost(pg) ? pg_fail(s, NULL, "transaction", e) : 0;
	return gone(pg) ? connect_now(s, e) : 0;
}

/* ---- whose schema ---- */

static const char marker_sql[] = "CREATE TABLE IF NOT EXISTS store_writer (nothing BIGINT)";

/* Ours, or empty: asked in one statement, since another program may be making the tables just now. */
static const char identity_sql[] =
	"SELECT CASE WHEN to_regclass('store_writer') IS NOT NULL THEN 'ours' WHEN EXISTS (SELECT 1 FROM pg_class"
	" WHERE relkind IN ('r', 'p', 'v') AND relnamespace = current_schema()::regnamespace) THEN 'foreign'"
	" ELSE 'empty' END";

static int check_identity(struct store *s, struct err *e)
{
	char found[8];
	int r = command(s, identity_sql, found, sizeof(found), e);
	if (r < 0 || !strcmp(found, "ours"))
		return r;
	if (s->read_only || !strcmp(found, "foreign"))
		return err_set(e, ERR_FORMAT, s->where,
			       "%s is a database, but not a store of this program.", s->where);
	r = command(s, marker_sql, NULL, 0, e);
	return r == -ERR_EXIST ? command(s, marker_sql, NULL, 0, e) : r; /* two at once */
}

/* ---- open and close ---- */

static bool has_option(const PQconninfoOption *all, const char *keyword)
{
	while (all->keyword && (!all->val || strcmp(all->keyword, keyword) != 0))
		all++;
	return all->keyword;
}

/* What is shown in messages: the URI without its options. */
static int name_store(struct store *s, struct err *e)
{
	char *words = NULL, name[4][NAME_SHOWN] = {"", "", "", ""};
	static const char *const shown[] = {"host", "port", "dbname", "user"};
	PQconninfoOption *all = PQconninfoParse(s->where, &words);
	if (!all) {
		int r = err_set(e, ERR_INVAL, "store", "Not a URI of PostgreSQL: %s",
				words ? words : "");
		PQfreemem(words);
		return r;
	}
	for (PQconninfoOption *o = all; o->keyword; o++)
		for (size_t i = 0; o->val && i < ARRAY_LEN(shown); i++)
			if (!strcmp(o->keyword, shown[i]))
				(void)snprintf(name[i], NAME_SHOWN, "%s", o->val);
	bool password = has_option(all, "password");
	PQconninfoFree(all);
	if (password)
		return err_set(
			e, ERR_INVAL, "store",
			"A URI with a password in it would be seen by many; name a passfile= instead.");
	char text[4 * NAME_SHOWN + 24];
	(void)snprintf(text, sizeof(text), "postgresql://%s%s%s%s%s/%s", name[3],
		       *name[3] ? "@" : "", name[0], *name[1] ? ":" : "", name[1], name[2]);
	char *where = strdup(text);
	if (!where)
		return err_set(e, ERR_NOMEM, "store", NULL);
	pg_of(s)->uri = s->where;
	s->where = where;
	return 0;
}

static int engine_open(struct store *s, const struct store_options *o, struct err *e)
{
	if (o->vfs || o->exclusive || o->pages_max)
		return err_set(e, ERR_INVAL, "store",
			       "An option of SQLite for a PostgreSQL store.");
	s->conn = calloc(1, sizeof(struct pg));
	if (!s->conn)
		return err_set(e, ERR_NOMEM, "store", NULL);
	pg_of(s)->busy_ms = o->busy_ms ? o->busy_ms : STORE_BUSY_MS_DEFAULT;
	int r = name_store(s, e);
	if (r == 0)
		r = connect_now(s, e);
	return r < 0 ? r : check_identity(s, e);
}

static void engine_close(struct store *s)
{
	struct pg *pg = pg_of(s);
	if (!pg)
		return;
	PQfinish(pg->conn);
	free(pg->uri);
	free(pg);
	s->conn = NULL;
}

/* ---- transactions ---- */

static const char write_sql[] =
	"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
	"SET LOCAL idle_in_transaction_session_timeout = %d;"
	"LOCK TABLE store_writer IN EXCLUSIVE MODE; SELECT pg_current_xact_id()";

int pg_begin(struct store *s, enum store_mode mode, struct err *e)
{
	struct pg *pg = pg_of(s);
	char sql[COMMAND_MAX];
	int r = pg_ready(s, e);
	if (r < 0)
		return r;
	switch (mode) {
	case STORE_READ:
		r = command(s, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, 0, e);
		break;
	case STORE_WRITE:
		(void)snprintf(sql, sizeof(sql), write_sql, WRITER_IDLE_MS);
		r = command(s, sql, pg->xid, sizeof(pg->xid), e);
		break;
	}
	pg->open = true;
	if (r < 0)
		pg_rollback(s);
	return r;
}

/* What became of a transaction whose COMMIT was not answered. */
static int resolve(struct store *s, const char *xid, struct err *e)
{
	char sql[COMMAND_MAX], status[24] = "";
	(void)snprintf(sql, sizeof(sql), "SELECT pg_xact_status('%s'::xid8)", xid);
	for (uint32_t waited_ms = 0;; waited_ms += RESOLVE_PAUSE_MS) {
		int r = lost(pg_of(s)) ? connect_now(s, NULL) : 0;
		if (r == 0)
			r = command(s, sql, status, sizeof(status), NULL);
		if (r == 0 && strcmp(status, "in progress") != 0)
			break;
		if (waited_ms >= pg_of(s)->busy_ms)
			return err_set(e, ERR_IO, s->where,
				       "%s was lost during a commit, and it is not known whether "
				       "that was done.",
				       s->where);
		(void)poll(NULL, 0, RESOLVE_PAUSE_MS);
	}
	if (!strcmp(status, "committed"))
		return 0;
	return err_set(e, ERR_IO, s->where, "%s was lost during a commit; nothing of it was kept.",
		       s->where);
}

int pg_commit(struct store *s, struct err *e)
{
	struct pg *pg = pg_of(s);
	char xid[PG_XID_MAX];
	pg_hold(pg);
	PGresult *result = PQexec(pg->conn, "COMMIT");
	bool done = PQresultStatus(result) == PGRES_COMMAND_OK &&
		    !strcmp(PQcmdStatus(result), "COMMIT");
	int r = done ? 0 : pg_fail(s, result, "COMMIT", e);
	PQclear(result);
	(void)snprintf(xid, sizeof(xid), "%s", pg->xid);
	if (!done && lost(pg) && *xid)
		r = resolve(s, xid, e);
	if (r < 0) {
		pg_rollback(s);
		return r;
	}
	pg->open = false;
	pg->xid[0] = 0;
	return 0;
}

static bool engine_alive(struct store *s)
{
	struct pg *pg = pg_of(s);
	return pg->open && !lost(pg) && PQtransactionStatus(pg->conn) != PQTRANS_IDLE;
}

void pg_rollback(struct store *s)
{
	struct pg *pg = pg_of(s);
	if (!pg->open)
		return;
	pg_hold(pg);
	if (engine_alive(s))
		PQclear(PQexec(pg->conn, "ROLLBACK"));
	pg->open = false;
	pg->xid[0] = 0;
}

static int nested(struct store *s, const char *verb, unsigned depth, struct err *e)
{
	char sql[64];
	(void)snprintf(sql, sizeof(sql), "%s depth_%u", verb, depth);
	return pg_command(s, sql, NULL, 0, e);
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

/* ---- care ---- */

/* Tables may change: statements prepared before are prepared again. */
static int engine_script(struct store *s, const char *sql, struct err *e)
{
	struct pg *pg = pg_of(s);
	bool own = !pg->open;
	int r = own ? pg_begin(s, STORE_WRITE, e) : 0;
	if (r == 0)
		r = pg_command(s, sql, NULL, 0, e);
	if (r == 0)
		r = pg_command(s, "DEALLOCATE ALL", NULL, 0, e);
	pg->generation++;
	if (!own)
		return r;
	if (r == 0)
		return pg_commit(s, e);
	pg_rollback(s);
	return r;
}

static int engine_now_ms(struct store *s, int64_t *ret_ms, struct err *e)
{
	char text[24];
	int r = pg_command(s, "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS int8)",
			   text, sizeof(text), e);
	if (r == 0)
		*ret_ms = strtoll(text, NULL, 10);
	return r;
}

static int engine_backup(struct store *s, const char *path, struct err *e)
{
	return err_set(
		e, ERR_UNSUPPORTED, "backup",
		"A store in PostgreSQL is saved with its own tools, pg_dump or pg_basebackup with "
		"archived log: see docs/postgresql.md.");
}

/* One statement a table, which reads and unpacks each value of each row; with checksums on, that checks each page. */
static const char tables_sql[] =
	"SELECT format('SELECT COALESCE(SUM(LENGTH(t::text)), 0) FROM %I t', relname), relname FROM pg_class"
	" WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY relname";

static int read_tables(struct store *s, struct err *e)
{
	PGresult *tables = PQexec(pg_of(s)->conn, tables_sql);
	int r = PQresultStatus(tables) == PGRES_TUPLES_OK ? 0 : pg_fail(s, tables, tables_sql, e);
	for (int i = 0; r == 0 && i < PQntuples(tables); i++)
		r = command(s, PQgetvalue(tables, i, 0), NULL, 0, e);
	PQclear(tables);
	return r;
}

/* Foreign keys are checked by the server at each write; one that was added later without a check is not. */
static int engine_verify(struct store *s, struct err *e)
{
	char unchecked[NAME_SHOWN] = "";
	int r = pg_command(
		s,
		"SELECT conname FROM pg_constraint WHERE NOT convalidated AND connamespace ="
		" current_schema()::regnamespace",
		unchecked, sizeof(unchecked), e);
	if (r == 0 && *unchecked)
		r = err_set(e, ERR_CORRUPT, s->where,
			    "%s has a constraint that was never checked: %s", s->where, unchecked);
	return r < 0 ? r : read_tables(s, e);
}

const struct store_engine store_pg = {
	.name = "postgresql",
	.open = engine_open,
	.close = engine_close,
	.begin = pg_begin,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.savepoint = engine_savepoint,
	.release = engine_release,
	.rollback_to = engine_rollback_to,
	.alive = engine_alive,
	.prepare = pg_prepare,
	.finish = pg_finish,
	.reset = pg_reset,
	.writes = pg_writes,
	.bind = pg_bind,
	.step = pg_step,
	.run = pg_run,
	.script = engine_script,
	.column_n = pg_column_n,
	.column_name = pg_column_name,
	.column_type = pg_column_type,
	.column_i64 = pg_column_i64,
	.column_bytes = pg_column_bytes,
	.now_ms = engine_now_ms,
	.backup = engine_backup,
	.verify = engine_verify,
};
