/* SPDX-License-Identifier: Apache-2.0
 * Tables, and the question about rights. */
#include "access/access.h"
#include "base/cleanup.h"
#include "store/store.h"
#include <string.h>

static const struct store_migration steps[] = {
	{1, "sign-in",
	 "CREATE TABLE access_credential (kind TEXT NOT NULL, id TEXT NOT NULL, officer TEXT NOT NULL, secret BYTEA NOT NULL,"
	 " counter BIGINT NOT NULL, created_s BIGINT NOT NULL, used_s BIGINT NOT NULL, PRIMARY KEY (kind, id));"
	 "CREATE INDEX access_credential_officer ON access_credential (officer);"
	 "CREATE TABLE access_session (hash BYTEA NOT NULL PRIMARY KEY, officer TEXT NOT NULL, how BIGINT NOT NULL,"
	 " created_s BIGINT NOT NULL, seen_s BIGINT NOT NULL, proved_s BIGINT NOT NULL, language TEXT NOT NULL, zone TEXT NOT NULL);"
	 "CREATE INDEX access_session_officer ON access_session (officer);"
	 "CREATE TABLE access_try (who TEXT NOT NULL, since_s BIGINT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (who, since_s))",
	 "DROP TABLE access_try; DROP TABLE access_session; DROP TABLE access_credential"},
	{2, "security keys",
	 "ALTER TABLE access_credential ADD COLUMN name TEXT NOT NULL DEFAULT '';"
	 "CREATE TABLE access_challenge (challenge BYTEA NOT NULL PRIMARY KEY, purpose BIGINT NOT NULL, officer TEXT NOT NULL,"
	 " until_s BIGINT NOT NULL)",
	 "DROP TABLE access_challenge; DELETE FROM access_credential WHERE kind = 'webauthn';"
	 " ALTER TABLE access_credential DROP COLUMN name"},
};
static const struct store_schema schema = {"access", steps, ARRAY_LEN(steps)};

const struct store_schema *access_schema(void)
{
	return &schema;
}

const char *access_how_name(enum access_how how)
{
	switch (how) {
	case ACCESS_PASSWORD:
		return "password";
	case ACCESS_CERTIFICATE:
		return "certificate";
	case ACCESS_WEBAUTHN:
		return "webauthn";
	}
	return "";
}

/* ---- rights ---- */

/* The bits of http/api.h, which stands above this module; lugd checks at build time that they are the same. */
enum {
	ROLE_OFFICER = 1 << 0,
	ROLE_DUTY = 1 << 1,
	ROLE_APPROVER = 1 << 2,
	ROLE_ANALYST = 1 << 3,
	ROLE_CASEWORK = ROLE_OFFICER | ROLE_DUTY | ROLE_APPROVER | ROLE_ANALYST,
};

enum { READ = ACCESS_READ, WORK = ACCESS_WORK, TAKE = ACCESS_TAKE };

static const struct rule {
	const char *code;
	unsigned acts;
	uint32_t always, members;
} rules[] = {
#define ACCESS_RULE(code, acts, always, members) {code, acts, always, members},
#include "access/access.def"
#undef ACCESS_RULE
};

static bool code_allows(const char *code, const struct access_question *q)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule *r = &rules[i];
		if (!strcmp(r->code, code) && (r->acts & (unsigned)q->act))
			return q->roles & (q->record->member ? r->always | r->members : r->always);
	}
	return false;
}

/* What stands in the way, or NULL. */
static const char *obstacle(const struct access_question *q)
{
	if (!(q->roles & q->roles_needed))
		return "officer";
	if (q->record && !code_allows(q->record->marking, q))
		return "marking";
	if (q->record && !code_allows(q->record->handling, q))
		return "handling";
	return q->step_up && !q->proved ? "_code" : NULL;
}

int access_may(const struct access_question *q, const char **ret_field)
{
	*ret_field = obstacle(q);
	return !*ret_field ? 0 : **ret_field == '_' ? -ERR_STEP_UP : -ERR_DENIED;
}
