/* SPDX-License-Identifier: Apache-2.0
 * Inside of the store: what an engine must offer, and the connection that both sides share. */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H
#include "base/buf.h"
#include "store/store.h"

enum { STORE_CACHE_N = 128 /* prepared statements kept for one connection */ };

/* One engine: a table of functions over its own connection (store.conn) and its own statements (handle). The interface in
 * store.c owns transactions' nesting, the statement cache and the doom rule; an engine only does what it is told.
 * Each function that can fail fills e itself with its own words and the SQL. */
struct store_engine {
	const char *name;
	int (*open)(struct store *s, const struct store_options *o, struct err *e);
	void (*close)(struct store *s);

	/* Outermost transactions, and savepoints by depth (2 and more). alive: false after the engine undid everything itself. */
	int (*begin)(struct store *s, enum store_mode mode, struct err *e);
	int (*commit)(struct store *s, struct err *e);
	void (*rollback)(struct store *s);
	int (*savepoint)(struct store *s, unsigned depth, struct err *e);
	int (*release)(struct store *s, unsigned depth, struct err *e);
	int (*rollback_to)(struct store *s, unsigned depth);
	bool (*alive)(struct store *s);

	/* Statements. run: to its end, giving the rows changed. step: 1 a row, 0 done. */
	int (*prepare)(struct store *s, const char *sql, void **ret_handle, struct err *e);
	void (*finish)(void *handle);
	void (*reset)(void *handle);
	bool (*writes)(void *handle);
	int (*bind)(struct store *s, void *handle, const struct store_val *vals, size_t vals_n,
		    struct err *e);
	int64_t (*run)(struct store *s, void *handle, struct err *e);
	int (*step)(struct store *s, void *handle, struct err *e);
	int (*script)(struct store *s, const char *sql,
		      struct err *e); /* several statements, no values */

	/* The current row. bytes: text with a NUL behind, or a blob. */
	int (*column_n)(void *handle);
	const char *(*column_name)(void *handle, int i);
	enum store_type (*column_type)(void *handle, int i);
	int64_t (*column_i64)(void *handle, int i);
	const void *(*column_bytes)(void *handle, int i, size_t *ret_len);

	int (*now_ms)(struct store *s, int64_t *ret_ms,
		      struct err *e); /* Unix, by the database's clock */
	int (*backup)(struct store *s, const char *path, struct err *e);
	int (*verify)(struct store *s, struct err *e);
};

struct store_stmt {
	char *sql;
	uint64_t hash;
	void *handle;
	uint64_t used; /* tick of the last use: the oldest one makes room */
	bool busy, cached;
};

struct store {
	const struct store_engine *engine;
	void *conn;
	char *where;
	unsigned depth;	      /* open transactions: 0 none, 1 the outermost one */
	enum store_mode mode; /* of the outermost one */
	int doomed; /* 0, or the code of the error that spoilt the transaction at doomed_depth */
	unsigned doomed_depth;
	bool read_only, migrations_ready;
	uint64_t tick;
	struct store_stmt cache[STORE_CACHE_N];
};

extern const struct store_engine store_sqlite;
#ifdef HAVE_POSTGRESQL
extern const struct store_engine store_pg;
#endif

/** store_sql_check - refuse what only one of the engines understands
 * Returns: 0; -ERR_UNSUPPORTED with the word in e; -ERR_OVERSIZE */
int store_sql_check(const char *sql, struct err *e) WARN_UNUSED;

/** store_sql_number - the same statement with $1, $2 ... for each ?, appended to out
 * Returns: how many statements there are: 0 when it is empty, 2 for any number above one */
int store_sql_number(const char *sql, struct buf *out);

/** store_script - several statements without values, inside or outside of a transaction; obeys and sets the doom rule */
int store_script(struct store *s, const char *sql, struct err *e) WARN_UNUSED;
#endif
