/* SPDX-License-Identifier: Apache-2.0
 * Routes about parties of the ledger: an entity with its members, and what its money, or an address's, has to do with labels. */
#include "base/text.h"
#include "base/time.h"
#include "ledger/exposure.h"
#include "ledger/label.h"
#include "lugd/casefile.h"
#include "lugd/lugd-int.h"
#include "lugd/questions.h"
#include "report/party.h"

enum {
	MEMBERS = 50,
	LABELS_SHOWN = 100,
	LABELS_LOOKED = 20000, /* members whose labels are looked at */
	MEMBERS_BATCH = 1000,
	HOPS_MAX = 100,
	EXPOSURE_OUTPUTS = 200000,
	EXPOSURE_MS = 500, /* the logic thread serves everybody */
};

/* The party that the path names, as of ?height. */
static int find_party(struct api_call *c, bool entity, struct party_view *v,
		      const struct snapshot **ret_s, struct err *e)
{
	const struct snapshot *s;
	uint64_t height = ENTITY_TIP;
	int r = questions_look(lugd_of(c)->questions, time_mono_ms(), &s, e);
	if (r < 0)
		return r;
	*v = (struct party_view){.l = s->ledger, .x = entity ? s->entities : NULL};
	if (entity && !s->entities)
		return err_set(e, ERR_NOENT, "entity",
			       "No entities were made for this tip: lug ledger cluster, or lug "
			       "ledger follow --cluster.");
	r = api_query_u64(c, "height", ledger_info(s->ledger)->height, &height, e);
	if (r >= 0)
		r = report_find_party(s->ledger, api_param(c, 0), entity, &v->asked, e);
	if (r < 0)
		return r == -ERR_NOENT
			       ? err_set(e, r, "address", "It was never seen on this chain.")
			       : r;
	v->p = (struct party){.l = s->ledger,
			      .x = v->x,
			      .id = entity ? entity_of(v->x, v->asked, (uint32_t)height) : v->asked,
			      .height = (uint32_t)height};
	*ret_s = s;
	return 0;
}

/* ---- an entity ---- */

/* What is said about its addresses, each statement with the address. */
static int add_labels(const struct party_view *v, const struct snapshot *s, json_t *j)
{
	uint32_t ids[MEMBERS_BATCH], after = 0;
	json_t *list = json_array();
	int64_t n = 0, looked = 0;
	if (json_object_set_new(j, "labels", list))
		return -ERR_NOMEM;
	while (labels_n(s->labels) && looked < LABELS_LOOKED &&
	       json_array_size(list) < LABELS_SHOWN &&
	       (n = entity_members(v->x, v->p.id, v->p.height, after, ids, MEMBERS_BATCH)) > 0) {
		for (int64_t i = 0; i < n; i++) {
			_cleanup_(json_decrefp) json_t *said = json_labels(v->l, s->labels, ids[i]);
			size_t k;
			json_t *label;
			json_array_foreach (said, k, label)
				if (json_object_set_new(label, "address",
							json_address(v->l, ids[i])) ||
				    json_array_append(list, label))
					return -ERR_NOMEM;
		}
		looked += n;
		after = ids[n - 1];
	}
	return n < 0 ? (int)n : 0;
}

static int add_members(const struct party_view *v, const struct api_call *c, json_t *j,
		       struct err *e)
{
	_cleanup_(json_decrefp) json_t *m = NULL;
	struct report_page page = {.limit = MEMBERS, .after = api_query(c, "members_after")};
	int r = api_query_u64(c, "members", REPORT_LIMIT_MAX, &page.limit, e);
	if (r >= 0 && !page.limit)
		r = err_set(e, ERR_RANGE, "members", "At least 1.");
	if (r >= 0)
		r = report_members(v, &page, &m, e);
	if (r < 0)
		return r;
	return json_object_set(j, "members", json_object_get(m, "members")) ||
			       json_object_set(j, "members_next", json_object_get(m, "next"))
		       ? err_set(e, ERR_NOMEM, NULL, NULL)
		       : 0;
}

int api_ledger_entity(struct api_call *c, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	const struct snapshot *s;
	struct report_page page;
	struct party_view v;
	int r = lugd_page(c, &page, e);
	if (r >= 0)
		r = find_party(c, true, &v, &s, e);
	if (r >= 0)
		r = report_entity(&v, &page, &j, e);
	if (r >= 0)
		r = add_members(&v, c, j, e);
	if (r < 0)
		return r;
	r = add_labels(&v, s, j);
	if (r < 0)
		return err_set(e, r, "ledger", NULL);
	r = dispute_mark(lugd_store(lugd_of(c)), NULL, json_object_get(j, "labels"), e);
	return r < 0 ? r : api_reply(c, TAKE_PTR(j), e);
}

/* ---- exposure ---- */

static bool in_time(void *ctx, uint64_t done, uint64_t all)
{
	(void)done;
	(void)all;
	return time_mono_ms() < *(const int64_t *)ctx;
}

static int read_exposure(const struct api_call *c, bool *ret_entity, struct exposure_params *q,
			 struct err *e)
{
	const char *side = api_query(c, "side");
	uint64_t hops = EXPOSURE_HOPS_DEFAULT, entity = 0;
	if (side && strcmp(side, "sent") != 0 && strcmp(side, "received") != 0)
		return err_set(e, ERR_INVAL, "side", "A side is received or sent.");
	int r = api_query_u64(c, "hops", HOPS_MAX, &hops, e);
	if (r >= 0)
		r = api_query_u64(c, "entity", 1, &entity, e);
	if (r >= 0 && !hops)
		r = err_set(e, ERR_RANGE, "hops", "At least 1.");
	*q = (struct exposure_params){.side = side && !strcmp(side, "sent") ? PARTY_SENT
									    : PARTY_RECEIVED,
				      .hops = (uint32_t)hops,
				      .outputs_max = EXPOSURE_OUTPUTS};
	*ret_entity = entity;
	return r;
}

int api_ledger_exposure(struct api_call *c, struct err *e)
{
	json_t *j = NULL;
	const struct snapshot *s;
	struct exposure_params q;
	struct party_view v;
	bool entity = false;
	int64_t end_ms = time_mono_ms() + EXPOSURE_MS;
	int r = read_exposure(c, &entity, &q, e);
	if (r >= 0)
		r = find_party(c, entity, &v, &s, e);
	if (r < 0)
		return r;
	q.tick = in_time;
	q.tick_ctx = &end_ms;
	r = report_exposure(&v, s->labels, &q, &j, e);
	if (r < 0)
		return e->code ? r : err_set(e, r, "ledger", NULL);
	return api_reply(c, j, e);
}
