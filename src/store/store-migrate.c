/* SPDX-License-Identifier: Apache-2.0
 * Migrations: each module's tables, step by step, with what was applied recorded in the store itself.
 *
 * Table store_migration: one row a step. hash = SHA-256(name 0x0A up 0x0A down), so that a step whose text was edited after its
 * release is found. A step, its down and its row are one transaction each. */
#include "crypto/crypto.h"
#include "store/store-int.h"

static const char table_sql[] =
	"CREATE TABLE IF NOT EXISTS store_migration ("
	"module TEXT NOT NULL, number BIGINT NOT NULL, name TEXT NOT NULL,"
	"hash BYTEA NOT NULL, applied BIGINT NOT NULL, PRIMARY KEY (module, number))";

static int prepare_table(struct store *s, struct err *e)
{
	if (s->migrations_ready)
		return 0;
	int r = s->read_only ? 0 : store_script(s, table_sql, e);
	if (r == 0)
		s->migrations_ready = true;
	return r;
}

static void step_hash(const struct store_migration *m, uint8_t out32[static 32])
{
	struct sha256 h;
	sha256_init(&h);
	sha256_update(&h, m->name, strlen(m->name));
	sha256_update(&h, "\n", 1);
	sha256_update(&h, m->up, strlen(m->up));
	sha256_update(&h, "\n", 1);
	sha256_update(&h, m->down, strlen(m->down));
	sha256_final(&h, out32);
}

static int too_new(const struct store_schema *schema, uint64_t found, struct err *e)
{
	return err_set(
		e, ERR_VERSION, schema->module,
		"The store is at version %llu of \"%s\", this program knows %zu: it was written by a newer "
		"program. Use that one, or a backup from before.",
		(unsigned long long)found, schema->module, schema->steps_n);
}

/* One recorded step against the program's own. */
static int check_row(const struct store_schema *schema, uint64_t at, uint64_t number,
		     const uint8_t hash32[static 32], struct err *e)
{
	if (number > schema->steps_n)
		return too_new(schema, number, e);
	const struct store_migration *m = &schema->steps[at];
	uint8_t own32[32];
	step_hash(m, own32);
	if (number == at + 1 && m->number == number && !memcmp(own32, hash32, sizeof(own32)))
		return 0;
	return err_set(
		e, ERR_VERSION, schema->module,
		"Step %llu of \"%s\" in the store is not the one of this program (\"%s\"): the store was made by "
		"another build.",
		(unsigned long long)number, schema->module, m->name);
}

/* Compare what is recorded with what the program has; ret_n is the number of steps that are in the store. */
static int check_recorded(struct store *s, const struct store_schema *schema, uint64_t *ret_n,
			  struct err *e)
{
	STORE_ROWS(rows);
	uint64_t n = 0;
	int r = store_query(
		s, "SELECT number, hash FROM store_migration WHERE module = ? ORDER BY number",
		VALS(val_text(schema->module)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		uint8_t hash32[32];
		row_copy(&rows, "hash", hash32, sizeof(hash32));
		r = check_row(schema, n, row_u64(&rows, "number"), hash32, e);
		n++;
	}
	if (r == 0)
		*ret_n = n;
	return r;
}

static int step_record(struct store *s, const char *module, const struct store_migration *m,
		       int64_t now_s, struct err *e)
{
	uint8_t hash32[32];
	step_hash(m, hash32);
	int64_t n = store_exec(s,
			       "INSERT INTO store_migration (module, number, name, hash, applied)"
			       " VALUES (?, ?, ?, ?, ?)",
			       VALS(val_text(module), val_u64(m->number), val_text(m->name),
				    val_blob(hash32, sizeof(hash32)), val_i64(now_s)),
			       e);
	return n < 0 ? (int)n : 0;
}

/* The first step that is missing; gives 1, or 0 when there is none. Looked up inside: another program may be migrating too. */
static int step_up(struct store *s, const struct store_schema *schema, int64_t now_s, struct err *e)
{
	uint64_t n = 0;
	STORE_TXN(txn);
	int r = store_begin(s, STORE_WRITE, &txn, e);
	if (r == 0)
		r = check_recorded(s, schema, &n, e);
	if (r < 0 || n == schema->steps_n)
		return r;
	r = store_script(s, schema->steps[n].up, e);
	if (r == 0)
		r = step_record(s, schema->module, &schema->steps[n], now_s, e);
	if (r == 0)
		r = store_commit(&txn, e);
	return r < 0 ? r : 1;
}

static int step_down(struct store *s, const struct store_schema *schema,
		     const struct store_migration *m, struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(s, STORE_WRITE, &txn, e);
	if (r == 0)
		r = store_script(s, m->down, e);
	if (r < 0)
		return r;
	int64_t n = store_exec(s, "DELETE FROM store_migration WHERE module = ? AND number = ?",
			       VALS(val_text(schema->module), val_u64(m->number)), e);
	return n < 0 ? (int)n : store_commit(&txn, e);
}

int store_migrate(struct store *s, const struct store_schema *schema, int64_t now_s, struct err *e)
{
	uint64_t n = 0;
	int r = prepare_table(s, e);
	if (r == 0)
		r = check_recorded(s, schema, &n, e);
	if (r < 0 || n == schema->steps_n)
		return r;
	int done = 0;
	while ((r = step_up(s, schema, now_s, e)) > 0)
		done++;
	return r < 0 ? r : done;
}

int store_downgrade(struct store *s, const struct store_schema *schema, uint32_t to, struct err *e)
{
	uint64_t n = 0;
	int r = prepare_table(s, e);
	if (r == 0)
		r = check_recorded(s, schema, &n, e);
	if (r < 0)
		return r;
	int done = 0;
	for (uint64_t i = n; i > to; i--, done++) {
		r = step_down(s, schema, &schema->steps[i - 1], e);
		if (r < 0)
			return r;
	}
	return done;
}

int store_version(struct store *s, const char *module, uint32_t *ret_number, struct err *e)
{
	int r = prepare_table(s, e);
	if (r < 0)
		return r;
	STORE_ROWS(rows);
	r = store_first(
		s,
		"SELECT number FROM store_migration WHERE module = ? ORDER BY number DESC LIMIT 1",
		VALS(val_text(module)), &rows, e);
	uint64_t number = r > 0 ? row_u64(&rows, "number") : 0;
	if (r > 0)
		r = row_err(&rows, e);
	if (r == 0)
		*ret_number = (uint32_t)number;
	return r;
}
