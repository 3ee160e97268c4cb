/* SPDX-License-Identifier: Apache-2.0
 * The SQL that both engines accept, checked by words: run once for each statement's text, when it is first prepared.
 *
 * This finds the dialect that a developer writes by habit; it is not a parser. What only PostgreSQL understands needs no rule
 * here, since SQLite refuses it at once. */
#include "store/store-int.h"
#include <ctype.h>
#include <strings.h>

/* Words that PostgreSQL does not know, or understands otherwise. */
static const struct {
	const char *word, *instead;
} words[] = {
	{"autoincrement", "a sequence of the module's own"},
	{"rowid", "a key of the module's own"},
	{"_rowid_", "a key of the module's own"},
	{"oid", "another name"},
	{"last_insert_rowid", "RETURNING"},
	{"blob", "BYTEA"},
	{"integer", "BIGINT"},
	{"int", "BIGINT"},
	{"boolean", "BIGINT with 0 and 1"},
	{"real", "BIGINT in a smaller unit"},
	{"double", "BIGINT in a smaller unit"},
	{"float", "BIGINT in a smaller unit"},
	{"or replace", "ON CONFLICT ... DO UPDATE"},
	{"or ignore", "ON CONFLICT DO NOTHING"},
	{"or abort", "nothing: it is the default"},
	{"or fail", "a nested transaction"},
	{"or rollback", "store_rollback()"},
	{"replace into", "ON CONFLICT ... DO UPDATE"},
	{"pragma", "store options"},
	{"attach", "a second store"},
	{"detach", "a second store"},
	{"vacuum", "the engine's own care"},
	{"glob", "LIKE"},
	{"regexp", "LIKE"},
	{"match", "LIKE"},
	{"ifnull(", "COALESCE"},
	{"total(", "SUM"},
	{"group_concat(", "several rows"},
	{"instr(", "LIKE"},
	{"hex(", "a blob column"},
	{"printf(", "plain columns"},
	{"strftime(", "Unix seconds as BIGINT"},
	{"datetime(", "Unix seconds as BIGINT"},
	{"julianday(", "Unix seconds as BIGINT"},
	{"begin", "store_begin()"},
	{"commit", "store_commit()"},
	{"rollback", "store_rollback()"},
	{"savepoint", "store_begin()"},
	{"indexed", "nothing: the planner chooses"},
	{"nocase", "LOWER() in an index"},
	{"strict", "nothing: columns are checked when read"},
	{"sqlite_master", "store_version()"},
	{"sqlite_schema", "store_version()"},
};

static int refuse(const char *word, size_t len, const char *instead, struct err *e)
{
	return err_set(e, ERR_UNSUPPORTED, "sql", "\"%.*s\" is not SQL of both engines; use %s.",
		       (int)len, word, instead);
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The end of the quoted text, comment or other skipped stretch that starts at p; p itself when none does. */
static const char *skip(const char *p)
{
	const char *end = NULL;
	if (*p == '\'' || *p == '"')
		end = strchr(p + 1, *p);
	else if (p[0] == '-' && p[1] == '-')
		end = strchr(p, '\n');
	else if (p[0] == '/' && p[1] == '*')
		end = strstr(p + 2, "*/");
	else
		return p;
	return end ? end + (*p == '/' ? 2 : 1) : p + strlen(p);
}

static size_t word_len(const char *p)
{
	size_t n = 0;
	while (word_char(p[n]))
		n++;
	return n;
}

/* A row of the table matches its words at p, with white space where the row has a space; "(" makes it a call. */
static bool row_matches(const char *p, const char *row)
{
	while (*row) {
		size_t n = word_len(row);
		if (word_len(p) != n || strncasecmp(p, row, n) != 0)
			return false;
		p += n;
		row += n;
		p += strspn(p, " \t\n");
		if (*row == '(' && *p != '(')
			return false;
		row += *row != 0;
	}
	return true;
}

static int check_word(const char *p, size_t len, struct err *e)
{
	if (len == 1 && tolower((unsigned char)*p) == 'x' && p[1] == '\'')
		return refuse(p, 2, "? and a value", e);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (row_matches(p, words[i].word))
			return refuse(p, len, words[i].instead, e);
	return 0;
}

static int check_sign(const char *p, struct err *e)
{
	if (*p == '`' || *p == '[')
		return refuse(p, 1, "\"double quotes\" for names", e);
	if (p[0] == '=' && p[1] == '=')
		return refuse(p, 2, "=", e);
	if (*p == '@' || *p == '$' || *p == ':')
		return refuse(p, 1, "? as the placeholder", e);
	if (*p == '?' && isdigit((unsigned char)p[1]))
		return refuse(p, 2, "? without a number", e);
	return 0;
}

int store_sql_check(const char *sql, struct err *e)
{
	if (strnlen(sql, STORE_SQL_MAX + 1) > STORE_SQL_MAX)
		return err_set(e, ERR_OVERSIZE, "sql", "A statement is longer than %d bytes.",
			       STORE_SQL_MAX);
	for (const char *p = sql; *p;) {
		const char *end = skip(p);
		if (end != p) {
			p = end;
			continue;
		}
		size_t len = word_len(p);
		int r = len ? check_word(p, len, e) : check_sign(p, e);
		if (r < 0)
			return r;
		p += len ? len : 1;
	}
	return 0;
}

int store_sql_number(const char *sql, struct buf *out)
{
	int n = 0, statements = 0;
	bool more = true; /* the next character begins another statement */
	for (const char *p = sql, *end; *p; p = end) {
		end = skip(p);
		bool comment = end != p && (*p == '-' || *p == '/');
		if (end == p)
			end++;
		if (*p == '?')
			buf_printf(out, "$%d", ++n);
		else
			buf_put(out, p, (size_t)(end - p));
		if (comment || isspace((unsigned char)*p))
			continue;
		if (more && *p != ';' && statements < 2)
			statements++;
		more = *p == ';';
	}
	buf_u8(out, 0);
	return statements;
}
