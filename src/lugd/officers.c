/* SPDX-License-Identifier: Apache-2.0
 * Officers: which system user is which officer of this node, with which roles. */
#include "base/cleanup.h"
#include "base/text.h"
#include "base/time.h"
#include "lugd/lugd-int.h"

static const struct store_migration steps[] = {
	{1, "officers",
	 "CREATE TABLE officer (id TEXT NOT NULL PRIMARY KEY, uid BIGINT NOT NULL, roles BIGINT NOT NULL,"
	 " active BIGINT NOT NULL, changed_s BIGINT NOT NULL);"
	 "CREATE INDEX officer_uid ON officer (uid)",
	 "DROP TABLE officer"},
	{2, "whose store",
	 "CREATE TABLE officer_node (one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL)",
	 "DROP TABLE officer_node"},
};
const struct store_schema officer_schema = {"officer", steps, ARRAY_LEN(steps)};

/* Two nodes on one database would take each other's messages for their own. */
int officers_own_store(struct lugd *d, struct err *e)
{
	STORE_ROWS(rows);
	int64_t n = store_exec(
		d->store,
		"INSERT INTO officer_node (one, name) VALUES (1, ?) ON CONFLICT (one) DO NOTHING",
		VALS(val_text(lugd_node(d))), e);
	int r = n < 0 ? (int)n
		      : store_first(d->store, "SELECT name FROM officer_node", NO_VALS, &rows, e);
	if (r < 0 || !strcmp(row_text(&rows, "name", NULL), lugd_node(d)))
		return r < 0 ? r : 0;
	return err_set(e, ERR_CONFLICT, "store", "The store %s belongs to the node %s.",
		       store_where(d->store), row_text(&rows, "name", NULL));
}

static int nobody(uint32_t uid, struct err *e)
{
	return err_set(e, ERR_DENIED, "officer",
		       "User %u is no officer of this node; an administrator adds officers.", uid);
}

int officer_find(struct lugd *d, uint32_t uid, const char *wanted, struct api_who *who,
		 struct err *e)
{
	STORE_ROWS(rows);
	unsigned n = 0;
	bool found = false;
	int r = store_query(
		d->store, "SELECT id, roles FROM officer WHERE uid = ? AND active = 1 ORDER BY id",
		VALS(val_i64(uid)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		const char *id = row_text(&rows, "id", NULL);
		n++;
		if (wanted[0] && strcmp(id, wanted) != 0)
			continue;
		found = true;
		snprintf(who->officer, sizeof(who->officer), "%s", id);
		who->roles = (uint32_t)row_u64(&rows, "roles") & API_ANY_ROLE;
	}
	if (r < 0)
		return r;
	if (n > 1 && !d->conf.shared_uid.number)
		return err_set(e, ERR_DENIED, "officer",
			       "User %u stands for several officers, which shared_uid forbids.",
			       uid);
	if (n > 1 && !wanted[0])
		return err_set(e, ERR_INVAL, "officer",
			       "User %u stands for several officers; name one with --officer.",
			       uid);
	if (!n)
		return nobody(uid, e);
	return found ? 0
		     : err_set(e, ERR_DENIED, "officer", "User %u may not act as %s.", uid, wanted);
}

int officer_roles(struct lugd *d, const char *id, uint32_t *ret_roles, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(d->store, "SELECT roles FROM officer WHERE id = ? AND active = 1",
			    VALS(val_text(id)), &rows, e);
	if (r <= 0)
		return r < 0 ? r
			     : err_set(e, ERR_DENIED, "officer", "%s is no officer of this node.",
				       id);
	*ret_roles = (uint32_t)row_u64(&rows, "roles") & API_ANY_ROLE;
	return 0;
}

static int64_t count(struct lugd *d, const char *sql, const struct store_val *vals, size_t vals_n,
		     struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(d->store, sql, vals, vals_n, &rows, e);
	return r <= 0 ? r : row_i64(&rows, "n");
}

int officer_set(struct lugd *d, const struct officer *o, struct err *e)
{
	int64_t n = 0;
	if (o->active && !d->conf.shared_uid.number)
		n = count(
			d,
			"SELECT COUNT(*) AS n FROM officer WHERE uid = ? AND id <> ? AND active = 1",
			VALS(val_i64(o->uid), val_text(o->id)), e);
	if (n > 0)
		return err_set(e, ERR_EXIST, "uid",
			       "User %u is another officer already; one person, one user.", o->uid);
	if (n >= 0 && !(o->active && (o->roles & API_ADMIN)))
		n = count(d,
			  "SELECT COUNT(*) AS n FROM officer WHERE id <> ? AND active = 1 AND roles >= ?",
			  VALS(val_text(o->id), val_i64(API_ADMIN)), e) > 0
			    ? 0
			    : err_set(e, ERR_INVAL, "roles",
				      "The node would be left without an administrator.");
	if (n < 0)
		return (int)n;
	n = store_exec(
		d->store,
		"INSERT INTO officer (id, uid, roles, active, changed_s) VALUES (?, ?, ?, ?, ?)"
		" ON CONFLICT (id) DO UPDATE SET uid = excluded.uid, roles = excluded.roles,"
		" active = excluded.active, changed_s = excluded.changed_s",
		VALS(val_text(o->id), val_i64(o->uid), val_i64(o->roles), val_i64(o->active),
		     val_i64(time_now_ms() / 1000)),
		e);
	return n < 0 ? (int)n : 0;
}

json_t *officer_roles_json(uint32_t roles)
{
	json_t *list = json_array();
	for (uint32_t bit = 1; list && bit < API_ANY_ROLE; bit <<= 1)
		if ((roles & bit) &&
		    json_array_append_new(list, json_string(api_role_name(bit))) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

json_t *officers_json(struct lugd *d, struct err *e)
{
	STORE_ROWS(rows);
	_cleanup_(json_decrefp) json_t *list = json_array();
	char changed[TIME_TEXT_MAX];
	int r = store_query(d->store,
			    "SELECT id, uid, roles, active, changed_s FROM officer ORDER BY id",
			    NO_VALS, &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0)
		if (json_array_append_new(
			    list, json_pack("{s:s, s:I, s:o, s:b, s:s}", "officer",
					    row_text(&rows, "id", NULL), "uid",
					    (json_int_t)row_i64(&rows, "uid"), "roles",
					    officer_roles_json((uint32_t)row_u64(&rows, "roles")),
					    "active", (int)row_i64(&rows, "active"), "changed",
					    time_utc(row_i64(&rows, "changed_s"), changed))) < 0)
			r = err_set(e, ERR_NOMEM, NULL, NULL);
	return r < 0 ? NULL : json_pack("{s:O}", "officers", list);
}
