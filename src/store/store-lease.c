/* SPDX-License-Identifier: Apache-2.0
 * Leases: who of several programs on one store does what only one may do at a time.
 *
 * Table store_lease: one row a lease. Its end is a time of the database's clock, so that the programs' clocks need not agree.
 * Whoever asks while it runs and is not the holder gets the answer no; asking again as the holder prolongs it. */
#include "store/store-int.h"

static const struct store_migration steps[] = {
	{1, "leases",
	 "CREATE TABLE store_lease (name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, until_ms BIGINT NOT NULL)",
	 "DROP TABLE store_lease"},
};

const struct store_schema *store_lease_schema(void)
{
	static const struct store_schema schema = {"store_lease", steps,
						   sizeof(steps) / sizeof(steps[0])};
	return &schema;
}

int store_lease_take(struct store *s, const char *name, const char *holder, uint32_t life_ms,
		     struct err *e)
{
	int64_t now_ms = 0;
	int r = s->engine->now_ms(s, &now_ms, e);
	if (r < 0)
		return r;
	int64_t n = store_exec(
		s,
		"INSERT INTO store_lease (name, holder, until_ms) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
		" SET holder = excluded.holder, until_ms = excluded.until_ms"
		" WHERE store_lease.holder = excluded.holder OR store_lease.until_ms <= ?",
		VALS(val_text(name), val_text(holder), val_i64(now_ms + life_ms), val_i64(now_ms)),
		e);
	return n < 0 ? (int)n : n > 0;
}

int store_lease_leave(struct store *s, const char *holder, struct err *e)
{
	int64_t n = store_exec(s, "DELETE FROM store_lease WHERE holder = ?",
			       VALS(val_text(holder)), e);
	return n < 0 ? (int)n : 0;
}
