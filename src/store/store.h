/* SPDX-License-Identifier: Apache-2.0
 * Store: the rows of a node, in SQLite or in PostgreSQL behind the same calls.
 *
 * SQL that both engines accept: types BIGINT, TEXT, BYTEA; placeholders `?`; INSERT ... ON CONFLICT ... DO; RETURNING;
 * booleans as BIGINT 0 or 1; CAST(SUM(x) AS BIGINT). Refused at the first use of a statement (-ERR_UNSUPPORTED, the word in e):
 * AUTOINCREMENT, ROWID, BLOB, INSERT OR ..., REPLACE INTO, PRAGMA, GLOB, IFNULL, `==`, `?1`, X'00', back-ticks and other dialect.
 * PostgreSQL takes a value for the type of its place, and orders NULLs last: order by what is never NULL.
 *
 * An error inside a transaction dooms it, as it does in PostgreSQL: every further call on it returns the same code until it
 * is rolled back. Where "is there already" is an ordinary answer, write ON CONFLICT DO NOTHING and look at the rows changed,
 * or put the attempt in a nested transaction.
 *
 * One struct store is one connection: one thread at a time. Several connections (and processes) may read while one writes.
 *
 *	STORE_TXN(txn);
 *	int r = store_begin(s, STORE_WRITE, &txn, e);
 *	if (r < 0)
 *		return r;
 *	int64_t n = store_exec(s, "UPDATE peer SET seq = ? WHERE name = ?", VALS(val_u64(seq), val_text(name)), e);
 *	if (n < 0)
 *		return (int)n;
 *	STORE_ROWS(rows);
 *	r = store_query(s, "SELECT id, note FROM parcel WHERE peer = ?", VALS(val_text(name)), &rows, e);
 *	while (r >= 0 && (r = store_next(&rows, e)) > 0)
 *		use(row_u64(&rows, "id"), row_text(&rows, "note", &note_len));
 *	return r < 0 ? r : store_commit(&txn, e);
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H
#include "base/cleanup.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_stmt;

enum {
	STORE_VALS_MAX = 64,	    /* placeholders of one statement */
	STORE_SQL_MAX = 64 << 10,   /* bytes of one statement or one migration */
	STORE_VALUE_MAX = 64 << 20, /* bytes of one text or blob */
	STORE_DEPTH_MAX = 8,	    /* transactions inside each other */
	STORE_BUSY_MS_DEFAULT = 5000,
};

/* ---- open and close ---- */

struct store_options {
	const char *vfs;  /* SQLite VFS to use (simulator, fault tests); NULL for the system's */
	uint32_t busy_ms; /* how long a writer waits for another one; 0 for STORE_BUSY_MS_DEFAULT */
	bool read_only;	  /* an existing store, no writes */
	bool exclusive; /* the only connection: locks once and needs no shared memory (simulated VFS) */
	uint32_t
		pages_max; /* cap of the database in 4 KiB pages, tests of full disks; 0 for none */
};

/** store_open - open a store, making an empty one if there is none
 * In:      where   path of the SQLite file, ":memory:", or a "postgresql:" URI (docs/postgresql.md)
 *          o       NULL for the defaults; vfs, exclusive and pages_max are for SQLite only
 * Returns: 0 and the store, whose owner calls store_close; -ERR_ACCES, -ERR_NOENT (folder missing, or no file and read_only),
 *          -ERR_CORRUPT (not a database), -ERR_FORMAT (a database of something else), -ERR_BUSY, -ERR_NOSPC, -ERR_IO,
 *          -ERR_UNSUPPORTED (engine not built in, or a server that cannot keep our promises), -ERR_INVAL (no URI, or an option of
 *          the other engine), -ERR_NOMEM
 * Notes:   SQLite: WAL, synchronous=FULL, foreign keys on, secure_delete on, LIKE distinguishes case, file mode 0600.
 *          PostgreSQL: durable on commit; a lost connection dooms the open transaction, the next one begins on a new connection */
int store_open(const char *where, const struct store_options *o, struct store **ret_store,
	       struct err *e) WARN_UNUSED;

/** store_is_file - whether a store's name is the path of a SQLite file, and not a URI */
bool store_is_file(const char *where);

/** store_close - roll back what is open and close; takes NULL; returns NULL. No rows may be open */
struct store *store_close(struct store *s);
DEFINE_CLEANUP(struct store *, store_close);

/* ---- values ---- */

enum store_type { STORE_NULL, STORE_I64, STORE_U64, STORE_TEXT, STORE_BLOB };
struct store_val {
	enum store_type type;
	union {
		int64_t i64;
		uint64_t u64;
		const void *p; /* borrowed during the call only: the engine copies */
	};
	size_t len;
};
/* Two arguments in one: the array and its length. VALS(val_i64(1), val_text(name)), or NO_VALS. */
#define VALS(...)                                \
	(const struct store_val[]){__VA_ARGS__}, \
		(sizeof((const struct store_val[]){__VA_ARGS__}) / sizeof(struct store_val))
#define NO_VALS NULL, 0

static inline struct store_val val_null(void)
{
	return (struct store_val){.type = STORE_NULL};
}
static inline struct store_val val_i64(int64_t v)
{
	return (struct store_val){.type = STORE_I64, .i64 = v};
}
/* Above 2^63 - 1 the statement fails with -ERR_RANGE: both engines hold signed 64-bit numbers. */
static inline struct store_val val_u64(uint64_t v)
{
	return (struct store_val){.type = STORE_U64, .u64 = v};
}
/* UTF-8 without NUL; a NULL pointer is SQL NULL. */
static inline struct store_val val_textn(const char *s, size_t len)
{
	return (struct store_val){.type = s ? STORE_TEXT : STORE_NULL, .p = s, .len = len};
}
static inline struct store_val val_text(const char *s)
{
	return val_textn(s, s ? __builtin_strlen(s) : 0);
}
/* Any bytes; a NULL pointer is an empty blob (SQL NULL is val_null()). */
static inline struct store_val val_blob(const void *p, size_t len)
{
	return (struct store_val){.type = STORE_BLOB, .p = p, .len = len};
}

/* ---- transactions ---- */

enum store_mode {
	STORE_READ,  /* one consistent snapshot; writes fail */
	STORE_WRITE, /* the one writer of this store: waits for the other one at most busy_ms */
};
struct store_txn {
	struct store *store; /* NULL when not open */
	unsigned depth;
};
/* A local that rolls back at the end of its block unless it was committed. */
#define STORE_TXN(name) _cleanup_(store_rollback) struct store_txn name = {NULL, 0}

/** store_begin - start a transaction; inside another one it is a nested one (savepoint)
 * Returns: 0; -ERR_BUSY another writer held on for too long; -ERR_OVERSIZE deeper than STORE_DEPTH_MAX; -ERR_INVAL STORE_WRITE
 *          inside STORE_READ, or a read-only store; the code that doomed the outer one; -ERR_IO, -ERR_NOSPC */
int store_begin(struct store *s, enum store_mode mode, struct store_txn *ret_txn,
		struct err *e) WARN_UNUSED;

/** store_commit - make it durable (outermost: synced to disk on return) or, nested, part of the outer one
 * Returns: 0; the code that doomed it; -ERR_BUSY, -ERR_IO, -ERR_NOSPC. On failure it is rolled back and nothing of it is kept */
int store_commit(struct store_txn *txn, struct err *e) WARN_UNUSED;

/** store_rollback - undo; nothing to do on a committed or never begun one */
void store_rollback(struct store_txn *txn);

/** store_in_txn - whether a transaction of either mode is open, doomed or not */
bool store_in_txn(const struct store *s);

/* ---- statements ---- */

/** store_exec - run one statement, prepared once and cached by its text
 * Returns: rows changed, >= 0; -ERR_EXIST unique or primary key taken; -ERR_INVAL other constraint, wrong SQL or number of values;
 *          -ERR_RANGE u64 too large; -ERR_OVERSIZE; -ERR_UNSUPPORTED dialect; -ERR_BUSY, -ERR_NOSPC, -ERR_IO, -ERR_CORRUPT, -ERR_NOMEM;
 *          in e the engine's words and the SQL, never the values */
int64_t store_exec(struct store *s, const char *sql, const struct store_val *vals, size_t vals_n,
		   struct err *e) WARN_UNUSED;

/* The rows of one query. After an error every column reads as 0 or empty. */
struct store_rows {
	struct store *store;
	struct store_stmt *stmt;
	int error; /* sticky: 0, or -ERR_CORRUPT when a column was not of the type asked for */
};
#define STORE_ROWS(name) _cleanup_(store_rows_done) struct store_rows name = {NULL, NULL, 0}

/** store_query - start a query; nothing is read before store_next, and then one row at a time
 * Notes:   other statements may run while rows are open; PostgreSQL then holds the rest of them in memory, and beyond 128 MiB
 *          store_next gives -ERR_OVERSIZE: loops with statements inside ask with LIMIT. A query that ends early is read to its end
 * Returns: 0; as store_exec */
int store_query(struct store *s, const char *sql, const struct store_val *vals, size_t vals_n,
		struct store_rows *ret_rows, struct err *e) WARN_UNUSED;

/** store_next - the next row
 * Returns: 1 a row; 0 no more; the sticky error; as store_exec */
int store_next(struct store_rows *r, struct err *e) WARN_UNUSED;

/** store_first - query and the first row in one step
 * Returns: 1 a row; 0 none; as store_exec */
int store_first(struct store *s, const char *sql, const struct store_val *vals, size_t vals_n,
		struct store_rows *ret_rows, struct err *e) WARN_UNUSED;

/** store_rows_done - end a query early or late; the struct may be used again */
void store_rows_done(struct store_rows *r);

/* Columns by name, of the current row. A name that the query does not have is a programming error and asserts. SQL NULL reads
 * as 0, "" or empty; row_null tells. Text and blobs are valid until the next store_next or store_rows_done. */
int64_t row_i64(struct store_rows *r, const char *column);
uint64_t row_u64(struct store_rows *r, const char *column); /* negative sets the error */
const char *row_text(struct store_rows *r, const char *column,
		     size_t *ret_len); /* NUL behind; ret_len may be NULL */
const void *row_blob(struct store_rows *r, const char *column, size_t *ret_len);
bool row_null(struct store_rows *r, const char *column);
/** row_copy - a blob of exactly len bytes; another length sets the error and gives zeros */
void row_copy(struct store_rows *r, const char *column, void *out, size_t len);
/** row_err - 0 or the sticky error; ask after the columns of a row that came from store_first */
int row_err(const struct store_rows *r, struct err *e) WARN_UNUSED;

/* ---- migrations ---- */

/* One step of a module's tables. `up` and `down` are one or more statements separated by `;`. A step that has been released is
 * never edited: its hash is recorded and compared. */
struct store_migration {
	uint32_t number; /* 1, 2, 3 ... without gaps */
	const char *name;
	const char *up, *down;
};
struct store_schema {
	const char *module; /* also the prefix of its tables' names */
	const struct store_migration *steps;
	size_t steps_n;
};

/** store_migrate - bring one module's tables to this program's version; each step in one transaction
 * In:      now_s    recorded as the time of the step
 * Returns: steps applied, >= 0; -ERR_VERSION the store is newer than this program, or a recorded step differs (which, in e);
 *          as store_exec. A step that failed has changed nothing */
int store_migrate(struct store *s, const struct store_schema *schema, int64_t now_s,
		  struct err *e) WARN_UNUSED;

/** store_downgrade - take back steps above `to`, with the program that knows them
 * Returns: steps taken back, >= 0; -ERR_VERSION; as store_exec */
int store_downgrade(struct store *s, const struct store_schema *schema, uint32_t to,
		    struct err *e) WARN_UNUSED;

/** store_version - the number of the last step applied for a module, 0 if none */
int store_version(struct store *s, const char *module, uint32_t *ret_number,
		  struct err *e) WARN_UNUSED;

/* ---- leases: one of several programs on one store ---- */

/** store_lease_schema - their table, for store_migrate */
const struct store_schema *store_lease_schema(void);

/** store_lease_take - become or stay the holder of a lease, in the open write transaction
 * In:      name     what only one may do at a time
 *          holder   this program: unique, and new at each start
 *          life_ms  from now, by the database's clock
 * Notes:   hold it by an own steady clock from before the call, and for less than life_ms. What must never happen twice is
 *          also written in a transaction that looks at the rows: a program that stands still does not know that its lease ran out
 * Returns: 1 held; 0 another one holds it; as store_exec */
int store_lease_take(struct store *s, const char *name, const char *holder, uint32_t life_ms,
		     struct err *e) WARN_UNUSED;

/** store_lease_leave - give up all leases of a holder, so that nobody has to wait for their end */
int store_lease_leave(struct store *s, const char *holder, struct err *e) WARN_UNUSED;

/* ---- care ---- */

/** store_backup - a consistent copy while others go on working: written beside `path`, checked, then renamed
 * Returns: 0; -ERR_EXIST path is there; -ERR_CORRUPT the copy did not verify; -ERR_NOSPC, -ERR_IO, -ERR_ACCES; -ERR_UNSUPPORTED
 *          (PostgreSQL: use its own tools) */
int store_backup(struct store *s, const char *path, struct err *e) WARN_UNUSED;

/** store_verify - read everything: pages, indexes, foreign keys (PostgreSQL: each value of each row; its indexes with pg_amcheck)
 * Returns: 0; -ERR_CORRUPT with the first finding in e; -ERR_IO */
int store_verify(struct store *s, struct err *e) WARN_UNUSED;

/** store_where - what store_open was given, a URI without its options; for messages */
const char *store_where(const struct store *s);
#endif
