/* SPDX-License-Identifier: Apache-2.0
 * GET /v1/requests/new: what a person needs to write a request: the members with their powers and languages, what each type asks for,
 * and, for a next one like it, an earlier one's fields. */
#include "base/cleanup.h"
#include "exchange/request.h"
#include "lugd/lugd-int.h"
#include "lugd/rights.h"

enum { FORM_ASSETS = 4, FORM_KEY_MAX = 128, FORM_DEPTH = 4 };

/* ---- the members ---- */

static const struct {
	uint32_t bit;
	const char *name;
} powers[] = {
	{POWER_FREEZE, "freeze"}, {POWER_PRESERVE, "preserve"}, {POWER_INFORMATION, "information"},
	{POWER_TRACE, "trace"},	  {POWER_CUSTODY, "custody"},
};

static json_t *powers_json(uint32_t bits)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < ARRAY_LEN(powers); i++)
		if (bits & powers[i].bit)
			json_array_append_new(list, json_string(powers[i].name));
	return list;
}

static json_t *languages_json(const struct directory_node *n)
{
	json_t *list = json_array();
	for (size_t i = 0; list && n && i < n->languages_n; i++)
		json_array_append_new(list, json_string(n->languages[i]));
	return list;
}

static json_t *members_json(struct lugd *d)
{
	struct directory *dir = exchange_directory(d->exchange);
	const struct directory_members *all = directory_members(dir);
	_cleanup_(json_decrefp) json_t *list = json_array();
	for (size_t i = 0; list && all && i < all->members_n; i++) {
		const struct directory_member *m = &all->members[i];
		const struct directory_node *n = directory_node(dir, m->name);
		if (strcmp(m->name, lugd_node(d)) != 0 &&
		    json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "name", m->name,
							  "country", m->country, "powers",
							  powers_json(n ? n->powers : 0),
							  "languages", languages_json(n))) < 0)
			return NULL;
	}
	return TAKE_PTR(list);
}

static const char *own_country(struct lugd *d)
{
	const struct directory_member *m =
		directory_member(exchange_directory(d->exchange), lugd_node(d));
	return m ? m->country : "";
}

/* ---- an earlier one's fields, by the names of the form ---- */

static void flatten(const json_t *j, const char *path, unsigned depth, json_t *out);

static void flatten_member(const json_t *v, const char *path, const char *key, size_t index,
			   unsigned depth, json_t *out)
{
	char name[FORM_KEY_MAX];
	if (key)
		snprintf(name, sizeof(name), "%s%s%s", path, *path ? "." : "", key);
	else
		snprintf(name, sizeof(name), "%s[%zu]", path, index);
	flatten(v, name, depth + 1, out);
}

static void flatten(const json_t *j, const char *path, unsigned depth, json_t *out)
{
	const char *key;
	json_t *v;
	size_t i;
	if (depth > FORM_DEPTH)
		return;
	json_object_foreach ((json_t *)(uintptr_t)j, key, v)
		flatten_member(v, path, key, 0, depth, out);
	json_array_foreach (j, i, v)
		flatten_member(v, path, NULL, i, depth, out);
	if (json_is_string(j))
		json_object_set(out, path, (json_t *)(uintptr_t)j);
	else if (json_is_integer(j))
		json_object_set_new(out, path,
				    json_sprintf("%lld", (long long)json_integer_value(j)));
}

static int earlier(struct api_call *c, json_t *typed, struct err *e)
{
	const char *from = api_query(c, "from");
	const struct actor a = lugd_actor(c);
	json_t *shown = NULL;
	if (!from)
		return 0;
	int r = rights_read(c, from, e);
	if (r >= 0)
		r = request_show(lugd_requests(lugd_of(c)), &a, from, &shown, e);
	if (r >= 0)
		flatten(json_object_get(shown, "request"), "", 0, typed);
	json_decref(shown);
	return r;
}

/* ---- the whole ---- */

/* Rows of assets that the form offers, as people count them. */
static json_t *rows_json(void)
{
	json_t *rows = json_array();
	for (int i = 1; rows && i <= FORM_ASSETS; i++)
		json_array_append_new(rows, json_integer(i));
	return rows;
}

int api_requests_form(struct api_call *c, struct err *e)
{
	struct lugd *d = lugd_of(c);
	const char *to = api_query(c, "to");
	_cleanup_(json_decrefp) json_t *typed =
		json_pack("{s:s, s:s, s:s, s:s}", "authority.country", own_country(d), "to",
			  to ? to : "", "handling.code", "H1", "handling.marking", "TLP:AMBER");
	int r = typed ? earlier(c, typed, e) : err_set(e, ERR_NOMEM, NULL, NULL);
	if (r < 0)
		return r;
	return api_reply(c,
			 json_pack("{s:O, s:o, s:o}", "typed", typed, "members", members_json(d),
				   "rows", rows_json()),
			 e);
}
