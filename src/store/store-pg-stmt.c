/* SPDX-License-Identifier: Apache-2.0
 * The PostgreSQL engine: statements, values and rows, all in the binary format.
 *
 * A statement is prepared and described once: the server says which type each placeholder and each column has, and only BIGINT,
 * TEXT and BYTEA (and what a constant or a comparison gives: int4, bool) pass.
 *
 * Rows come one by one (single-row mode), so a result of any length needs the memory of one row. A connection has one stream:
 * when another statement wants it, what is left of the first one's rows is held in memory, at most PG_HELD_MAX, beyond which
 * that query ends with -ERR_OVERSIZE. A query that ends early reads the rest of its rows and drops them. */
#include "base/buf.h"
#include "store/store-pg-int.h"
#include <ctype.h>
#include <endian.h>
#include <strings.h>

/* Types by their fixed numbers (pg_type.dat of PostgreSQL). */
enum pg_oid {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_NAME = 19,
	OID_INT8 = 20,
	OID_INT4 = 23,
	OID_TEXT = 25,
};

/* ---- prepare ---- */

static int prepare_again(struct pg_stmt *q, struct store *s, struct err *e)
{
	struct pg *pg = q->pg;
	int r = pg_ready(s, e);
	if (r < 0 || q->generation == pg->generation)
		return r;
	(void)snprintf(q->name, sizeof(q->name), "lug_%llu", (unsigned long long)++pg->names);
	PGresult *made = PQprepare(pg->conn, q->name, q->numbered, 0, NULL);
	r = PQresultStatus(made) == PGRES_COMMAND_OK ? 0 : pg_fail(s, made, q->sql, e);
	PQclear(made);
	if (r < 0)
		return r;
	PQclear(q->shape);
	q->shape = PQdescribePrepared(pg->conn, q->name);
	if (PQresultStatus(q->shape) != PGRES_COMMAND_OK)
		return pg_fail(s, q->shape, q->sql, e);
	q->generation = pg->generation;
	return 0;
}

static bool known(Oid type)
{
	return type == OID_BOOL || type == OID_BYTEA || type == OID_NAME || type == OID_INT8 ||
	       type == OID_INT4 || type == OID_TEXT;
}

static int check_types(const struct pg_stmt *q, struct err *e)
{
	for (int i = 0; i < PQnparams(q->shape); i++)
		if (!known(PQparamtype(q->shape, i)))
			return err_set(e, ERR_UNSUPPORTED, "sql",
				       "Value %d is of no type of ours (oid %u) in: %.*s", i + 1,
				       PQparamtype(q->shape, i), PG_SQL_SHOWN, q->sql);
	for (int i = 0; i < PQnfields(q->shape); i++)
		if (!known(PQftype(q->shape, i)))
			return err_set(e, ERR_UNSUPPORTED, "sql",
				       "Column \"%s\" is of no type of ours (oid %u) in: %.*s",
				       PQfname(q->shape, i), PQftype(q->shape, i), PG_SQL_SHOWN,
				       q->sql);
	return 0;
}

/* What begins with another word than these takes the writer's place. A SELECT that writes does not exist in SQL of both
 * engines. */
static bool only_reads(const char *sql)
{
	static const char *const verbs[] = {"select", "with", "values", "explain"};
	sql += strspn(sql, " \t\n(");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (!strncasecmp(sql, verbs[i], strlen(verbs[i])))
			return true;
	return false;
}

static int stmt_init(struct pg_stmt *q, struct store *s, const char *sql, struct err *e)
{
	struct buf b;
	buf_init(&b, 2 * STORE_SQL_MAX);
	int statements = store_sql_number(sql, &b);
	q->numbered = (char *)buf_take(&b, &(size_t){0});
	q->sql = strdup(sql);
	if (!q->numbered || !q->sql)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (statements != 1)
		return err_set(e, ERR_INVAL, "sql", "Exactly one statement is expected: %.*s",
			       PG_SQL_SHOWN, sql);
	q->writes = !only_reads(sql);
	int r = prepare_again(q, s, e);
	return r < 0 ? r : check_types(q, e);
}

int pg_prepare(struct store *s, const char *sql, void **ret_handle, struct err *e)
{
	struct pg_stmt *q = calloc(1, sizeof(*q));
	if (!q)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	q->pg = pg_of(s);
	q->held_at = &q->held;
	int r = stmt_init(q, s, sql, e);
	if (r < 0) {
		pg_finish(q);
		return r;
	}
	*ret_handle = q;
	return 0;
}

void pg_finish(void *handle)
{
	struct pg_stmt *q = handle;
	struct pg *pg = q->pg;
	char sql[PG_NAME_MAX + 16];
	pg_reset(q);
	PGTransactionStatusType now = PQtransactionStatus(pg->conn);
	if (q->generation && q->generation == pg->generation && now != PQTRANS_INERROR) {
		pg_hold(pg);
		(void)snprintf(sql, sizeof(sql), "DEALLOCATE %s", q->name);
		PQclear(PQexec(pg->conn, sql));
	}
	PQclear(q->shape);
	free(q->numbered);
	free(q->sql);
	free(q);
}

bool pg_writes(void *handle)
{
	return ((const struct pg_stmt *)handle)->writes;
}

/* ---- values ---- */

static const char type_wanted[] = "Value %zu is not of the type that its place has in: %.*s";

/* A whole number, as wide as the server wants it. */
static int put_number(Oid type, int64_t v, uint8_t *out, int *ret_len)
{
	uint64_t wide_be = htobe64((uint64_t)v);
	uint32_t narrow_be = htobe32((uint32_t)v);
	if (type == OID_INT8)
		memcpy(out, &wide_be, (size_t)(*ret_len = 8));
	else if (type == OID_INT4 && v >= INT32_MIN && v <= INT32_MAX)
		memcpy(out, &narrow_be, (size_t)(*ret_len = 4));
	else if (type == OID_BOOL && (v == 0 || v == 1))
		out[(*ret_len = 1) - 1] = (uint8_t)v;
	else
		return type == OID_INT4 ? -ERR_RANGE : -ERR_INVAL;
	return 0;
}

static int put_value(struct pg_stmt *q, size_t i, const struct store_val *v, uint8_t *out)
{
	Oid type = PQparamtype(q->shape, (int)i);
	int len = (int)v->len;
	int r = 0;
	switch (v->type) {
	case STORE_NULL:
		q->value[i] = NULL;
		return 0;
	case STORE_I64:
	case STORE_U64:
		r = put_number(type, v->type == STORE_I64 ? v->i64 : (int64_t)v->u64, out, &len);
		break;
	case STORE_TEXT:
	case STORE_BLOB:
		if (type != (v->type == STORE_TEXT ? OID_TEXT : OID_BYTEA))
			return -ERR_INVAL;
		if (v->len)
			memcpy(out, v->p, v->len);
		break;
	}
	q->value[i] = (const char *)out;
	q->value_len[i] = len;
	return r;
}

int pg_bind(struct store *s, void *handle, const struct store_val *vals, size_t vals_n,
	    struct err *e)
{
	struct pg_stmt *q = handle;
	int r = prepare_again(q, s, e);
	if (r < 0)
		return r;
	if ((size_t)PQnparams(q->shape) != vals_n)
		return err_set(e, ERR_INVAL, "sql", "%zu values for %d placeholders in: %.*s",
			       vals_n, PQnparams(q->shape), PG_SQL_SHOWN, q->sql);
	size_t len = 1;
	for (size_t i = 0; i < vals_n; i++)
		len += vals[i].type >= STORE_TEXT ? vals[i].len : sizeof(int64_t);
	q->copy = malloc(len);
	if (!q->copy)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	uint8_t *at = q->copy;
	for (size_t i = 0; i < vals_n; i++) {
		r = put_value(q, i, &vals[i], at);
		if (r < 0)
			return err_set(e, r, "value", type_wanted, i + 1, PG_SQL_SHOWN, q->sql);
		at += vals[i].type >= STORE_TEXT ? vals[i].len : sizeof(int64_t);
	}
	q->values_n = (int)vals_n;
	return 0;
}

/* ---- the stream ---- */

/* The end of a statement on the wire. */
static void stream_end(struct pg *pg, int ended)
{
	pg->streaming->ended = ended;
	pg->streaming = NULL;
	for (PGresult *rest = PQgetResult(pg->conn); rest; rest = PQgetResult(pg->conn))
		PQclear(rest);
}

/* The next row on the wire, or NULL when the statement has ended: then ended says how. */
static PGresult *stream_take(struct store *s, struct pg_stmt *q)
{
	PGresult *result = PQgetResult(q->pg->conn);
	ExecStatusType status = PQresultStatus(result);
	if (status == PGRES_SINGLE_TUPLE)
		return result;
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
		if (q->writes)
			q->changed = strtoll(PQcmdTuples(result), NULL, 10);
		stream_end(q->pg, 1);
	} else {
		stream_end(q->pg, pg_fail(s, result, q->sql, &q->words));
	}
	PQclear(result);
	return NULL;
}

static void drop_held(struct pg_stmt *q)
{
	for (struct pg_row *row = q->held, *next; row; row = next) {
		next = row->next;
		PQclear(row->result);
		free(row);
	}
	q->held = NULL;
	q->held_at = &q->held;
	q->held_len = 0;
}

/* Keep a row for later; false when there is no room. */
static bool hold_row(struct pg_stmt *q, PGresult *result)
{
	struct pg_row *row = malloc(sizeof(*row));
	q->held_len += PQresultMemorySize(result);
	if (!row || q->held_len > PG_HELD_MAX) {
		free(row);
		return false;
	}
	*row = (struct pg_row){NULL, result};
	*q->held_at = row;
	q->held_at = &row->next;
	return true;
}

static void discard_rest(struct pg_stmt *q)
{
	while (q->pg->streaming == q)
		PQclear(stream_take(q->store, q));
}

void pg_hold(struct pg *pg)
{
	struct pg_stmt *q = pg->streaming;
	if (!q)
		return;
	for (PGresult *row = stream_take(q->store, q); row; row = stream_take(q->store, q)) {
		if (hold_row(q, row))
			continue;
		PQclear(row);
		discard_rest(q);
		q->ended = err_set(&q->words, ERR_OVERSIZE, "sql",
				   "More than %d bytes of rows are left while another statement "
				   "runs: %.*s",
				   PG_HELD_MAX, PG_SQL_SHOWN, q->sql);
		return;
	}
}

void pg_reset(void *handle)
{
	struct pg_stmt *q = handle;
	discard_rest(q);
	drop_held(q);
	PQclear(q->row);
	free(q->copy);
	q->row = NULL;
	q->copy = NULL;
	q->sent = false;
	q->ended = 0;
	q->changed = 0;
}

/* ---- running ---- */

static int send(struct store *s, struct pg_stmt *q, struct err *e)
{
	static const int binary[STORE_VALS_MAX] = {[0 ... STORE_VALS_MAX - 1] = 1};
	struct pg *pg = q->pg;
	int r = prepare_again(q, s, e);
	if (r < 0)
		return r;
	if (!PQsendQueryPrepared(pg->conn, q->name, q->values_n, q->value, q->value_len, binary, 1))
		return pg_fail(s, NULL, q->sql, e);
	(void)PQsetSingleRowMode(pg->conn);
	q->store = s;
	q->sent = true;
	pg->streaming = q;
	return 0;
}

/* A write outside of a transaction gets its own: as the one writer, committed before anything is answered. */
static int run_alone(struct store *s, struct pg_stmt *q, struct err *e)
{
	int r = pg_begin(s, STORE_WRITE, e);
	if (r == 0)
		r = send(s, q, e);
	if (r == 0)
		pg_hold(q->pg);
	if (r == 0 && q->ended < 0) {
		r = q->ended;
		if (e)
			*e = q->words;
	}
	if (r == 0)
		return pg_commit(s, e);
	pg_rollback(s);
	return r;
}

static int start(struct store *s, struct pg_stmt *q, struct err *e)
{
	if (q->sent)
		return 0;
	return q->writes && !q->pg->open ? run_alone(s, q, e) : send(s, q, e);
}

static PGresult *take_held(struct pg_stmt *q)
{
	struct pg_row *row = q->held;
	if (!row)
		return NULL;
	PGresult *result = row->result;
	q->held = row->next;
	if (!q->held)
		q->held_at = &q->held;
	free(row);
	return result;
}

int pg_step(struct store *s, void *handle, struct err *e)
{
	struct pg_stmt *q = handle;
	int r = start(s, q, e);
	if (r < 0)
		return r;
	PQclear(q->row);
	q->row = take_held(q);
	if (!q->row && q->pg->streaming == q)
		q->row = stream_take(s, q);
	if (q->row)
		return 1;
	if (q->ended < 0 && e)
		*e = q->words;
	return q->ended < 0 ? q->ended : 0;
}

int64_t pg_run(struct store *s, void *handle, struct err *e)
{
	struct pg_stmt *q = handle;
	int r;
	do
		r = pg_step(s, q, e);
	while (r > 0);
	return r < 0 ? r : q->changed;
}

/* ---- the current row ---- */

int pg_column_n(void *handle)
{
	return PQnfields(((const struct pg_stmt *)handle)->shape);
}

const char *pg_column_name(void *handle, int i)
{
	return PQfname(((const struct pg_stmt *)handle)->shape, i);
}

enum store_type pg_column_type(void *handle, int i)
{
	const struct pg_stmt *q = handle;
	Oid type = PQftype(q->shape, i);
	if (!q->row || PQgetisnull(q->row, 0, i))
		return STORE_NULL;
	if (type == OID_TEXT || type == OID_NAME)
		return STORE_TEXT;
	return type == OID_BYTEA ? STORE_BLOB : STORE_I64;
}

int64_t pg_column_i64(void *handle, int i)
{
	const struct pg_stmt *q = handle;
	const char *p = PQgetvalue(q->row, 0, i);
	uint64_t wide_be;
	uint32_t narrow_be;
	if (PQgetlength(q->row, 0, i) == (int)sizeof(wide_be)) {
		memcpy(&wide_be, p, sizeof(wide_be));
		return (int64_t)be64toh(wide_be);
	}
	if (PQgetlength(q->row, 0, i) != (int)sizeof(narrow_be))
		return *p; /* bool */
	memcpy(&narrow_be, p, sizeof(narrow_be));
	return (int32_t)be32toh(narrow_be);
}

const void *pg_column_bytes(void *handle, int i, size_t *ret_len)
{
	const struct pg_stmt *q = handle;
	*ret_len = (size_t)PQgetlength(q->row, 0, i);
	return PQgetvalue(q->row, 0, i);
}
