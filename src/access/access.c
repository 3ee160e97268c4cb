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

static const struct rule {
	const char *marking;
	uint32_t always, members;
} rules[] = {
#define ACCESS_RULE(marking, always, members) {marking, always, members},
#include "access/access.def"
#undef ACCESS_RULE
};

static bool marking_allows(const struct access_question *q)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (!strcmp(rules[i].marking, q->marking))
			return q->roles &
			       (q->member ? rules[i].always | rules[i].members : rules[i].always);
	return false;
}

int access_may(const struct access_question *q)
{
	if (!(q->roles & q->roles_needed))
		return -ERR_DENIED;
	if (q->marking && !marking_allows(q))
		return -ERR_DENIED;
	return q->step_up && !q->proved ? -ERR_STEP_UP : 0;
}
