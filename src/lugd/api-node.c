/* SPDX-License-Identifier: Apache-2.0
 * Handlers about the node itself: officers, keys, reload, backup, the API's own description. */
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "http/route.h"
#include "lugd/lugd-int.h"

int api_openapi(struct api_call *c, struct err *e)
{
	size_t n;
	const struct api_route *routes = dispatch_routes(&n);
	return api_reply(c, route_openapi(routes, n, API_PEOPLE), e);
}

/* ---- officers ---- */

int api_officers_list(struct api_call *c, struct err *e)
{
	json_t *list = officers_json(lugd_of(c), e);
	return list ? api_reply(c, list, e) : e->code ? e->code : err_set(e, ERR_NOMEM, NULL, NULL);
}

static int read_roles(const json_t *in, uint32_t *ret, struct err *e)
{
	const json_t *list = json_object_get(in, "roles"), *role;
	size_t i;
	if (!json_is_array(list) || !json_array_size(list))
		return err_set(
			e, ERR_FIELD_MISSING, "roles",
			"Give the roles as a list, for example [\"officer\", \"approver\"].");
	*ret = 0;
	json_array_foreach (list, i, role) {
		const char *name = json_string_value(role);
		uint32_t bit = name ? api_role_parse(name) : 0;
		if (!bit)
			return err_set(
				e, ERR_INVAL, "roles",
				"A role is officer, duty, approver, analyst, secretary, auditor or admin.");
		*ret |= bit;
	}
	return 0;
}

static int read_officer(const json_t *in, struct officer *o, struct err *e)
{
	static const char *const keys[] = {"officer", "uid", "roles", "active", NULL};
	const char *id = NULL;
	int64_t uid = 0;
	int r = json_only(in, keys, e);
	if (r >= 0)
		r = json_need_str(in, "officer", 1, API_NAME_MAX, &id, e);
	if (r >= 0)
		r = json_need_int(in, "uid", 0, UINT32_MAX - 1, &uid, e);
	if (r >= 0)
		r = read_roles(in, &o->roles, e);
	o->active = true;
	if (r >= 0)
		r = json_opt_bool(in, "active", &o->active, e);
	if (r < 0)
		return r;
	if (!name_valid(id, strlen(id)))
		return err_set(
			e, ERR_INVAL, "officer",
			"An officer's name is made of a-z 0-9 . _ / -; it need not be a person's.");
	snprintf(o->id, sizeof(o->id), "%s", id);
	o->uid = (uint32_t)uid;
	return 0;
}

int api_officers_set(struct api_call *c, struct err *e)
{
	STORE_TXN(txn);
	struct officer o = {0};
	struct lugd *d = lugd_of(c);
	int r = read_officer(c->in, &o, e);
	if (r >= 0)
		r = store_begin(d->store, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = officer_set(d, &o, e);
	if (r >= 0)
		r = lugd_audit(c, AUDIT_CONFIGURATION, "officer.set", o.id, c->in, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	return r < 0 ? r : api_officers_list(c, e);
}

/* ---- care ---- */

int api_reload(struct api_call *c, struct err *e)
{
	const char *kept;
	int r = lugd_audit_alone(c, AUDIT_CONFIGURATION, "node.reload", "", NULL, e);
	if (r >= 0)
		r = lugd_reread(lugd_of(c), &kept, e);
	if (r < 0)
		return r;
	return api_reply(c, json_pack("{s:i, s:s?}", "changed", r, "needs_restart", kept), e);
}

/* The caller names the copy, not its place: the daemon's rights are not lent out. */
int api_backup(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"name", NULL};
	char folder[CONF_TEXT_MAX + 16], path[CONF_TEXT_MAX + 16 + API_NAME_MAX + 8];
	const char *name = NULL;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "name", 1, API_NAME_MAX, &name, e);
	if (r >= 0 && (!name_valid(name, strlen(name)) || strchr(name, '/')))
		r = err_set(e, ERR_INVAL, "name",
			    "The name of a copy is made of a-z 0-9 . _ -, for example 2026-11-22.");
	if (r < 0)
		return r;
	snprintf(folder, sizeof(folder), "%s/backup", lugd_folder(lugd_of(c)));
	snprintf(path, sizeof(path), "%s/%s.db", folder, name);
	r = file_mkdirs(folder, 0700, e);
	if (r >= 0)
		r = lugd_audit_alone(c, AUDIT_EXPORT, "node.backup", name, NULL, e);
	if (r >= 0)
		r = store_backup(lugd_store(lugd_of(c)), path, e);
	return r < 0 ? r : api_reply(c, json_pack("{s:s}", "path", path), e);
}

static int read_kind(const json_t *in, enum keyd_kind *ret, struct err *e)
{
	static const char *const keys[] = {"kind", NULL};
	static const enum keyd_kind kinds[] = {KEYD_NODE, KEYD_EVIDENCE, KEYD_LOG, KEYD_TLS};
	const char *name = NULL;
	int r = json_only(in, keys, e);
	if (r >= 0)
		r = json_need_str(in, "kind", 1, API_NAME_MAX, &name, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (!strcmp(keyd_kind_name(kinds[i]), name)) {
			*ret = kinds[i];
			return 0;
		}
	return err_set(e, ERR_INVAL, "kind", "A kind is node, evidence, log or tls.");
}

int api_keys_rotate(struct api_call *c, struct err *e)
{
	struct lugd *d = lugd_of(c);
	struct keyd_key key;
	enum keyd_kind kind = KEYD_NODE;
	int r = read_kind(c->in, &kind, e);
	if (r >= 0)
		r = lugd_audit_alone(c, AUDIT_KEY, "key.rotate", keyd_kind_name(kind), NULL, e);
	if (r >= 0)
		r = keyd_rotate(d->keyd, kind, &key, e);
	if (r < 0)
		return r;
	keys_maintain(d); /* the audit log goes on under its new key */
	json_t *keys = keys_json(d, e);
	return keys ? api_reply(c, json_pack("{s:o}", "keys", keys), e) : -ERR_IO;
}
