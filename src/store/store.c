/* SPDX-License-Identifier: Apache-2.0
 * Store: connections, transactions, the statement cache and columns by name, over an engine.
 *
 * Transactions nest by depth: 1 is BEGIN, more are savepoints. An error at depth d dooms d: `doomed` holds its code until d
 * is rolled back, and everything before that returns it. When the engine has undone the whole transaction by itself (SQLite
 * does so on a full disk), every depth is doomed.
 *
 * A statement is found in the cache by a hash and its text. A cached statement that is in use (a query inside a query with the
 * same text) is not shared: the second user gets one of its own, which dies with its rows. */
#include "store/store.h"
#include "store/store-int.h"
#include <assert.h>
#include <limits.h>

/* ---- open and close ---- */

/* By the beginning of what names a store; anything else is a file of SQLite. A NULL engine was not built in. */
static const struct {
	const char *scheme;
	const struct store_engine *engine;
} engines[] = {
#ifdef HAVE_POSTGRESQL
	{"postgresql:", &store_pg},
	{"postgres:", &store_pg},
#else
	{"postgresql:", NULL},
	{"postgres:", NULL},
#endif
	{"", &store_sqlite},
};

static size_t engine_row(const char *where)
{
	size_t i = 0;
	while (strncmp(where, engines[i].scheme, strlen(engines[i].scheme)) != 0)
		i++;
	return i;
}

bool store_is_file(const char *where)
{
	return engine_row(where) == ARRAY_LEN(engines) - 1;
}

static int engine_of(const char *where, const struct store_engine **ret_engine, struct err *e)
{
	if (!where || !*where)
		return err_set(e, ERR_INVAL, "store",
			       "No store was named; give the path of its file.");
	size_t i = engine_row(where);
	if (!engines[i].engine)
		return err_set(
			e, ERR_UNSUPPORTED, "store",
			"This program has no PostgreSQL engine; give the path of a SQLite file.");
	*ret_engine = engines[i].engine;
	return 0;
}

int store_open(const char *where, const struct store_options *o, struct store **ret_store,
	       struct err *e)
{
	static const struct store_options defaults = {0};
	const struct store_engine *engine = NULL;
	int r = engine_of(where, &engine, e);
	if (r < 0)
		return r;
	_cleanup_(store_closep) struct store *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, where, NULL);
	s->engine = engine;
	s->where = strdup(where);
	if (!s->where)
		return err_set(e, ERR_NOMEM, where, NULL);
	s->read_only = o && o->read_only;
	r = engine->open(s, o ? o : &defaults, e);
	if (r < 0)
		return r;
	*ret_store = TAKE_PTR(s);
	return 0;
}

static void stmt_drop(struct store *s, struct store_stmt *q)
{
	s->engine->finish(q->handle);
	free(q->sql);
	*q = (struct store_stmt){0};
}

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < STORE_CACHE_N; i++) {
		assert(!s->cache[i].busy);
		if (s->cache[i].sql)
			stmt_drop(s, &s->cache[i]);
	}
	if (s->depth)
		s->engine->rollback(s);
	s->engine->close(s);
	free(s->where);
	free(s);
	return NULL;
}

const char *store_where(const struct store *s)
{
	return s->where;
}

/* ---- the doom rule ---- */

/* Every call that touches rows passes through here first. A transaction that could not be ended, for want of memory, is open
 * still: nothing else may get into it. */
static int doom_check(struct store *s, struct err *e)
{
	if (s->doomed && !s->depth) {
		s->engine->rollback(s);
		s->doomed = s->engine->alive(s) ? -ERR_NOMEM : 0;
	}
	if (!s->doomed)
		return 0;
	return err_set(e, s->doomed, "transaction",
		       "An earlier step of this transaction failed (%s); roll it back.",
		       err_name(s->doomed));
}

static int doom(struct store *s, int code)
{
	if (s->depth && !s->doomed) {
		s->doomed = code;
		s->doomed_depth = s->engine->alive(s) ? s->depth : 1;
	}
	return code;
}

/* ---- transactions ---- */

static int begin_check(struct store *s, enum store_mode mode, struct err *e)
{
	int r = doom_check(s, e);
	if (r < 0)
		return r;
	if (s->depth >= STORE_DEPTH_MAX)
		return err_set(e, ERR_OVERSIZE, "transaction",
			       "More than %d transactions inside each other.", STORE_DEPTH_MAX);
	if (mode == STORE_WRITE && (s->read_only || (s->depth && s->mode == STORE_READ)))
		return err_set(e, ERR_INVAL, "transaction",
			       "This store or transaction is for reading only.");
	return 0;
}

int store_begin(struct store *s, enum store_mode mode, struct store_txn *ret_txn, struct err *e)
{
	int r = begin_check(s, mode, e);
	if (r < 0)
		return r;
	r = s->depth ? s->engine->savepoint(s, s->depth + 1, e) : s->engine->begin(s, mode, e);
	if (r < 0)
		return doom(s, r);
	if (!s->depth)
		s->mode = mode;
	*ret_txn = (struct store_txn){s, ++s->depth};
	return 0;
}

void store_rollback(struct store_txn *txn)
{
	struct store *s = txn->store;
	if (!s)
		return;
	assert(txn->depth <= s->depth);
	bool whole = txn->depth == 1;
	if (whole)
		s->engine->rollback(s);
	s->depth = txn->depth - 1;
	if (whole || (s->engine->alive(s) && s->engine->rollback_to(s, txn->depth) == 0)) {
		if (s->doomed_depth >= txn->depth)
			s->doomed = 0;
		if (whole && s->engine->alive(s))
			s->doomed = -ERR_NOMEM;
	} else if (!s->doomed) {
		s->doomed =
			-ERR_IO; /* the savepoint could not be undone: neither may the rest be kept */
		s->doomed_depth = 1;
	}
	*txn = (struct store_txn){NULL, 0};
}

int store_commit(struct store_txn *txn, struct err *e)
{
	struct store *s = txn->store;
	if (!s)
		return err_set(e, ERR_INVAL, "transaction",
			       "Not open: ended before, or never begun.");
	assert(txn->depth == s->depth); /* inner ones end first */
	int r = doom_check(s, e);
	if (r == 0)
		r = txn->depth > 1 ? s->engine->release(s, txn->depth, e) : s->engine->commit(s, e);
	if (r < 0) {
		store_rollback(txn);
		return r;
	}
	s->depth--;
	*txn = (struct store_txn){NULL, 0};
	return 0;
}

bool store_in_txn(const struct store *s)
{
	return s->depth > 0;
}

/* ---- the statement cache ---- */

/* FNV-1a, 64 bits: the texts are our own literals. */
static uint64_t sql_hash(const char *sql)
{
	uint64_t h = 0xcbf29ce484222325;
	for (; *sql; sql++)
		h = (h ^ (uint8_t)*sql) * 0x100000001b3;
	return h;
}

static int stmt_make(struct store *s, const char *sql, uint64_t hash, struct store_stmt *q,
		     struct err *e)
{
	int r = store_sql_check(sql, e);
	if (r < 0)
		return r;
	void *handle = NULL;
	r = s->engine->prepare(s, sql, &handle, e);
	if (r < 0)
		return r;
	char *copy = strdup(sql);
	if (!copy) {
		s->engine->finish(handle);
		return err_set(e, ERR_NOMEM, NULL, NULL);
	}
	*q = (struct store_stmt){.sql = copy, .hash = hash, .handle = handle};
	return 0;
}

/* The slot of this text; else an empty one or the idle one unused for the longest time; NULL when all are busy. */
static struct store_stmt *cache_slot(struct store *s, const char *sql, uint64_t hash)
{
	struct store_stmt *oldest = NULL;
	for (size_t i = 0; i < STORE_CACHE_N; i++) {
		struct store_stmt *q = &s->cache[i];
		if (q->hash == hash && q->sql && !q->busy && !strcmp(q->sql, sql))
			return q;
		if (!q->busy && (!oldest || q->used < oldest->used))
			oldest = q;
	}
	return oldest;
}

static int stmt_get(struct store *s, const char *sql, struct store_stmt **ret_stmt, struct err *e)
{
	uint64_t hash = sql_hash(sql);
	struct store_stmt *q = cache_slot(s, sql, hash);
	if (!q || !q->sql || q->hash != hash || strcmp(q->sql, sql)) {
		struct store_stmt fresh = {0};
		int r = stmt_make(s, sql, hash, &fresh, e);
		if (r < 0)
			return r;
		if (q && q->sql)
			stmt_drop(s, q);
		fresh.cached = q != NULL;
		if (!q && !(q = malloc(sizeof(*q)))) {
			stmt_drop(s, &fresh);
			return err_set(e, ERR_NOMEM, NULL, NULL);
		}
		*q = fresh;
	}
	q->busy = true;
	q->used = ++s->tick;
	*ret_stmt = q;
	return 0;
}

static void stmt_put(struct store *s, struct store_stmt *q)
{
	s->engine->reset(q->handle);
	q->busy = false;
	if (!q->cached) {
		stmt_drop(s, q);
		free(q);
	}
}

/* ---- statements ---- */

static int vals_check(const struct store_val *vals, size_t vals_n, struct err *e)
{
	if (vals_n > STORE_VALS_MAX)
		return err_set(e, ERR_OVERSIZE, "value", "More than %d values in one statement.",
			       STORE_VALS_MAX);
	for (size_t i = 0; i < vals_n; i++) {
		const struct store_val *v = &vals[i];
		if (v->type == STORE_U64 && v->u64 > INT64_MAX)
			return err_set(e, ERR_RANGE, "value", "Value %zu is above 2^63 - 1.",
				       i + 1);
		if (v->type != STORE_TEXT && v->type != STORE_BLOB)
			continue;
		if (v->len > STORE_VALUE_MAX)
			return err_set(e, ERR_OVERSIZE, "value",
				       "Value %zu is larger than %d bytes.", i + 1,
				       STORE_VALUE_MAX);
		if (v->type == STORE_TEXT && memchr(v->p, 0, v->len))
			return err_set(e, ERR_INVAL, "value", "Value %zu is text with a NUL in it.",
				       i + 1);
	}
	return 0;
}

static int stmt_start(struct store *s, const char *sql, const struct store_val *vals, size_t vals_n,
		      struct store_stmt **ret_stmt, struct err *e)
{
	struct store_stmt *q = NULL;
	int r = doom_check(s, e);
	if (r == 0)
		r = vals_check(vals, vals_n, e);
	if (r == 0)
		r = stmt_get(s, sql, &q, e);
	if (r < 0)
		return doom(s, r);
	bool writes = s->engine->writes(q->handle);
	if (writes && (s->read_only || (s->depth && s->mode == STORE_READ)))
		r = err_set(e, ERR_INVAL, "transaction",
			    "A write in a store or transaction for reading: %.120s", sql);
	else
		r = s->engine->bind(s, q->handle, vals, vals_n, e);
	if (r < 0) {
		stmt_put(s, q);
		return doom(s, r);
	}
	*ret_stmt = q;
	return 0;
}

int64_t store_exec(struct store *s, const char *sql, const struct store_val *vals, size_t vals_n,
		   struct err *e)
{
	struct store_stmt *q = NULL;
	int r = stmt_start(s, sql, vals, vals_n, &q, e);
	if (r < 0)
		return r;
	int64_t n = s->engine->run(s, q->handle, e);
	stmt_put(s, q);
	return n < 0 ? doom(s, (int)n) : n;
}

int store_script(struct store *s, const char *sql, struct err *e)
{
	int r = doom_check(s, e);
	if (r == 0)
		r = store_sql_check(sql, e);
	if (r == 0)
		r = s->engine->script(s, sql, e);
	return r < 0 ? doom(s, r) : 0;
}

int store_query(struct store *s, const char *sql, const struct store_val *vals, size_t vals_n,
		struct store_rows *ret_rows, struct err *e)
{
	store_rows_done(ret_rows);
	struct store_stmt *q = NULL;
	int r = stmt_start(s, sql, vals, vals_n, &q, e);
	if (r < 0)
		return r;
	*ret_rows = (struct store_rows){s, q, 0};
	return 0;
}

int store_next(struct store_rows *rows, struct err *e)
{
	int r = row_err(rows, e);
	if (r < 0)
		return doom(rows->store, r);
	if (!rows->stmt)
		return 0;
	r = doom_check(rows->store, e);
	if (r == 0)
		r = rows->store->engine->step(rows->store, rows->stmt->handle, e);
	if (r > 0)
		return 1;
	struct store *s = rows->store;
	store_rows_done(rows);
	return r < 0 ? doom(s, r) : 0;
}

int store_first(struct store *s, const char *sql, const struct store_val *vals, size_t vals_n,
		struct store_rows *ret_rows, struct err *e)
{
	int r = store_query(s, sql, vals, vals_n, ret_rows, e);
	return r < 0 ? r : store_next(ret_rows, e);
}

void store_rows_done(struct store_rows *rows)
{
	if (rows->stmt)
		stmt_put(rows->store, rows->stmt);
	*rows = (struct store_rows){NULL, NULL, 0};
}

int row_err(const struct store_rows *rows, struct err *e)
{
	if (!rows->error)
		return 0;
	return err_set(e, rows->error, "column",
		       "A stored value is not of the expected kind in: %.160s",
		       rows->stmt ? rows->stmt->sql : "?");
}

/* ---- columns ---- */

static int column_find(const struct store_rows *rows, const char *column)
{
	assert(rows->stmt); /* a column was asked for without a row */
	const struct store_engine *g = rows->store->engine;
	int n = g->column_n(rows->stmt->handle);
	for (int i = 0; i < n; i++)
		if (!strcmp(g->column_name(rows->stmt->handle, i), column))
			return i;
	assert(!"the query has no column of this name");
	return -1;
}

/* The column's index when it holds the type wanted; -1 for SQL NULL and, with the sticky error, for anything else. */
static int column_want(struct store_rows *rows, const char *column, enum store_type type)
{
	int i = column_find(rows, column);
	enum store_type found = rows->store->engine->column_type(rows->stmt->handle, i);
	if (found == type && !rows->error)
		return i;
	if (found != type && found != STORE_NULL)
		rows->error = -ERR_CORRUPT;
	return -1;
}

int64_t row_i64(struct store_rows *rows, const char *column)
{
	int i = column_want(rows, column, STORE_I64);
	return i < 0 ? 0 : rows->store->engine->column_i64(rows->stmt->handle, i);
}

uint64_t row_u64(struct store_rows *rows, const char *column)
{
	int64_t v = row_i64(rows, column);
	if (v < 0)
		rows->error = -ERR_CORRUPT;
	return v < 0 ? 0 : (uint64_t)v;
}

static const void *row_bytes(struct store_rows *rows, const char *column, enum store_type type,
			     size_t *ret_len)
{
	int i = column_want(rows, column, type);
	size_t len = 0;
	const void *p =
		i < 0 ? NULL : rows->store->engine->column_bytes(rows->stmt->handle, i, &len);
	if (ret_len)
		*ret_len = p ? len : 0;
	return p ? p : "";
}

const char *row_text(struct store_rows *rows, const char *column, size_t *ret_len)
{
	return row_bytes(rows, column, STORE_TEXT, ret_len);
}

const void *row_blob(struct store_rows *rows, const char *column, size_t *ret_len)
{
	return row_bytes(rows, column, STORE_BLOB, ret_len);
}

bool row_null(struct store_rows *rows, const char *column)
{
	int i = column_find(rows, column);
	return rows->store->engine->column_type(rows->stmt->handle, i) == STORE_NULL;
}

void row_copy(struct store_rows *rows, const char *column, void *out, size_t len)
{
	size_t found = 0;
	const void *p = row_blob(rows, column, &found);
	if (found == len && !rows->error) {
		memcpy(out, p, len);
		return;
	}
	memset(out, 0, len);
	rows->error = -ERR_CORRUPT;
}

/* ---- care ---- */

int store_backup(struct store *s, const char *path, struct err *e)
{
	return s->engine->backup(s, path, e);
}

int store_verify(struct store *s, struct err *e)
{
	return s->engine->verify(s, e);
}
