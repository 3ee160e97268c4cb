/* SPDX-License-Identifier: Apache-2.0
 * Inside of the PostgreSQL engine: the connection, its one stream of rows, and statements. */
#ifndef STORE_STORE_PG_INT_H
#define STORE_STORE_PG_INT_H
#include "store/store-int.h"
#include <libpq-fe.h>

enum {
	PG_SQL_SHOWN = 120,		   /* characters of a statement in a message */
	PG_HELD_MAX = 2 * STORE_VALUE_MAX, /* bytes of rows kept while another statement runs */
	PG_NAME_MAX = 24,		   /* of a prepared statement */
	PG_XID_MAX = 24,
};

struct pg_stmt;

struct pg {
	PGconn *conn;
	char *uri;
	uint32_t busy_ms;
	uint64_t
		generation; /* counts connections and scripts: older statements are prepared again */
	uint64_t names;	    /* given to prepared statements so far */
	bool open;	    /* a transaction, alive or lost */
	struct pg_stmt *streaming; /* whose rows still come over the wire, or NULL */
	char xid[PG_XID_MAX];	   /* of the write transaction that is open; "" for none */
};

/* Rows taken off the wire before they were asked for. */
struct pg_row {
	struct pg_row *next;
	PGresult *result;
};

struct pg_stmt {
	struct pg *pg;
	struct store *store;  /* that sent it */
	char *sql, *numbered; /* as given; with $1, $2 for ? */
	char name[PG_NAME_MAX];
	uint64_t generation;
	bool writes;
	PGresult *shape; /* types of parameters, names and types of columns */
	uint8_t *copy;	 /* the values that are bound */
	const char *value[STORE_VALS_MAX];
	int value_len[STORE_VALS_MAX], values_n;
	bool sent;
	int64_t changed;		/* rows, by a write that has ended */
	PGresult *row;			/* the current one */
	struct pg_row *held, **held_at; /* the next ones */
	size_t held_len;
	int ended;	  /* 1 nothing more on the wire; or the negative code that ended it */
	struct err words; /* of a negative end */
};

/** pg_of - the engine's part of a store */
static inline struct pg *pg_of(const struct store *s)
{
	return s->conn;
}

/** pg_fail - the error of a result, or with NULL of the connection, in the engine's words and the SQL
 * Returns: the negative code */
int pg_fail(struct store *s, const PGresult *result, const char *sql, struct err *e);

/** pg_ready - a connection that can take a command: what still streams is held, outside of a transaction a lost one is made anew
 * Returns: 0; -ERR_IO; as store_open */
int pg_ready(struct store *s, struct err *e) WARN_UNUSED;

/** pg_command - run commands without values, one or more; ret_text (may be NULL) gets the first column of the last one
 * Returns: 0; as pg_fail */
int pg_command(struct store *s, const char *sql, char *ret_text, size_t text_max,
	       struct err *e) WARN_UNUSED;

/** pg_hold - take the rest of the stream off the wire, so that another statement may use it */
void pg_hold(struct pg *pg);

/* The functions of struct store_engine, by the file they are in. */
int pg_begin(struct store *s, enum store_mode mode, struct err *e);
int pg_commit(struct store *s, struct err *e);
void pg_rollback(struct store *s);

int pg_prepare(struct store *s, const char *sql, void **ret_handle, struct err *e);
void pg_finish(void *handle);
void pg_reset(void *handle);
bool pg_writes(void *handle);
int pg_bind(struct store *s, void *handle, const struct store_val *vals, size_t vals_n,
	    struct err *e);
int64_t pg_run(struct store *s, void *handle, struct err *e);
int pg_step(struct store *s, void *handle, struct err *e);
int pg_column_n(void *handle);
const char *pg_column_name(void *handle, int i);
enum store_type pg_column_type(void *handle, int i);
int64_t pg_column_i64(void *handle, int i);
const void *pg_column_bytes(void *handle, int i, size_t *ret_len);
#endif
