/* SPDX-License-Identifier: Apache-2.0
 * Who a trace reached: labels with their sums and the paths to them, the nearest of them, and entities. */
#include "base/time.h"
#include "ledger/entity.h"
#include "ledger/ledger.h"
#include "report/trace-int.h"
#include <string.h>

enum { LABELS_OF_ONE_MAX = 16, GROUPS_MAX = 100000 };

struct group { /* one label text, or one entity, with all addresses that it has */
	struct label label;
	uint32_t entity;
	uint64_t received, unspent, stopped;
	uint32_t output_n, address_n, nearest, largest;
};
struct groups {
	struct group *p;
	uint32_t n, cap;
};

static void groups_done(struct groups *g)
{
	free(g->p);
}

static int group_new(struct groups *g, struct group **ret)
{
	if (g->n == g->cap) {
		uint32_t cap = g->cap ? g->cap * 2 : 64;
		struct group *p = realloc(g->p, (size_t)cap * sizeof(*p));
		if (!p)
			return -ERR_NOMEM;
		g->p = p;
		g->cap = cap;
	}
	*ret = &g->p[g->n++];
	memset(*ret, 0, sizeof(**ret));
	return 0;
}

static void group_add(struct group *g, const struct trace *t, const struct trace_holder *h)
{
	const struct trace_reached *r = t->reached;
	if (!g->address_n || r[h->nearest].hops < r[g->nearest].hops)
		g->nearest = h->nearest;
	if (!g->address_n || r[h->largest].amount > r[g->largest].amount)
		g->largest = h->largest;
	g->address_n++;
	g->output_n += h->output_n;
	g->received += h->received;
	g->unspent += h->unspent;
	g->stopped += h->stopped;
}

static int by_received(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	if (x->received != y->received)
		return x->received < y->received ? 1 : -1;
	int c = strcmp(x->label.label ? x->label.label : "", y->label.label ? y->label.label : "");
	return c ? c : x->entity < y->entity ? -1 : x->entity > y->entity;
}

/* ---- labels ---- */

static bool same_label(const struct label *a, const struct label *b)
{
	return strcmp(a->label, b->label) == 0 && strcmp(a->category, b->category) == 0 &&
	       strcmp(a->actor, b->actor) == 0;
}

/* Two sources that say the same of an address count once. */
static bool said_before(const struct label *found, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_label(&found[k], &found[i]))
			return true;
	return false;
}

static int label_add(const struct trace_report *t, const struct trace_holder *h, struct groups *g)
{
	struct label found[LABELS_OF_ONE_MAX];
	size_t n = h->output_n
			   ? labels_of(t->ledger, t->labels, h->address, found, LABELS_OF_ONE_MAX)
			   : 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t k = 0;
		if (said_before(found, i))
			continue;
		while (k < g->n && !same_label(&g->p[k].label, &found[i]))
			k++;
		struct group *at = &g->p[k];
		if (k == g->n) {
			if (k == GROUPS_MAX || group_new(g, &at) < 0)
				return -ERR_NOMEM;
			at->label = found[i];
		}
		group_add(at, t->trace, h);
	}
	return 0;
}

static json_t *json_step(const struct trace_report *t, uint32_t i)
{
	const struct trace_reached *r = &t->trace->reached[i];
	bool fee = r->output & TRACE_FEE;
	uint32_t txnum = fee ? (uint32_t)r->output : ledger_out_tx(t->ledger, r->output);
	struct ledger_tx tx;
	char when[TIME_TEXT_MAX];
	bool known = txnum != UINT32_MAX && ledger_tx_get(t->ledger, txnum, &tx) == 0;
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o}", "output", json_outpoint(t->ledger, r->output),
		"tainted", json_u64(r->amount), "address",
		json_address(t->ledger, fee ? 0 : ledger_out_address(t->ledger, r->output)),
		"height", known ? json_integer(tx.height) : json_null(), "time",
		known ? json_string(time_utc(tx.time_s, when)) : json_null());
}

static json_t *json_path(const struct trace_report *t, uint32_t i)
{
	uint32_t path[TRACE_PATH_SHOWN_MAX],
		n = trace_path(t->trace, i, path, TRACE_PATH_SHOWN_MAX);
	json_t *a = json_array();
	while (n-- > 0)
		if (json_array_append_new(a, json_step(t, path[n]))) {
			json_decref(a);
			return NULL;
		}
	return a;
}

static json_t *json_label_group(const struct trace_report *t, const struct group *g)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o}", "label",
			 g->label.label, "category", g->label.category, "actor", g->label.actor,
			 "set", g->label.set, "received", json_u64(g->received), "unspent",
			 json_u64(g->unspent), "stopped", json_u64(g->stopped), "outputs",
			 (json_int_t)g->output_n, "addresses", (json_int_t)g->address_n, "hops",
			 (json_int_t)t->trace->reached[g->nearest].hops, "shortest",
			 json_path(t, g->nearest), "largest", json_path(t, g->largest));
}

/* Indices in the list of labels, those with the fewest hops first. */
static int add_nearest(const struct trace_report *t, const struct groups *g, uint32_t shown,
		       json_t *j)
{
	json_t *a = json_array();
	uint32_t best[TRACE_NEAREST_MAX], n = 0;
	if (json_object_set_new(j, "nearest", a))
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < shown; i++) {
		uint32_t hops = t->trace->reached[g->p[i].nearest].hops, at = n;
		/* The list is ordered by amount, so among equal hops the earlier one stays before. */
		while (at && t->trace->reached[g->p[best[at - 1]].nearest].hops > hops)
			at--;
		if (at == TRACE_NEAREST_MAX)
			continue;
		n -= n == TRACE_NEAREST_MAX;
		memmove(best + at + 1, best + at, (n - at) * sizeof(*best));
		best[at] = i;
		n++;
	}
	for (uint32_t i = 0; i < n; i++)
		if (json_array_append_new(a, json_integer(best[i])) ||
		    json_object_set_new(json_array_get(json_object_get(j, "labels"), best[i]),
					"rank", json_integer(i + 1)))
			return -ERR_NOMEM;
	return 0;
}

int trace_labels_add(const struct trace_report *t, const struct trace_holder *h, uint32_t n,
		     json_t *j)
{
	_cleanup_(groups_done) struct groups g = {0};
	json_t *a = json_array();
	if (json_object_set_new(j, "labels", a))
		return -ERR_NOMEM;
	for (uint32_t i = 0; labels_n(t->labels) && i < n; i++) {
		int r = label_add(t, &h[i], &g);
		if (r < 0)
			return r;
	}
	if (g.n)
		qsort(g.p, g.n, sizeof(*g.p), by_received);
	uint32_t shown = g.n < t->limit ? g.n : (uint32_t)t->limit;
	for (uint32_t i = 0; i < shown; i++)
		if (json_array_append_new(a, json_label_group(t, &g.p[i])))
			return -ERR_CORRUPT;
	if (json_object_set_new(j, "labels_n", json_integer(g.n)))
		return -ERR_NOMEM;
	return add_nearest(t, &g, shown, j);
}

/* ---- entities ---- */

struct member {
	uint32_t entity, holder;
};

static int by_entity(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	if (x->entity != y->entity)
		return x->entity < y->entity ? -1 : 1;
	return x->holder < y->holder ? -1 : 1;
}

static int entity_groups(const struct trace_report *t, const struct trace_holder *h, uint32_t n,
			 struct groups *g)
{
	_cleanup_(freep) struct member *v = malloc(((size_t)n + 1) * sizeof(*v));
	uint32_t k = 0;
	if (!v)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (h[i].address && h[i].output_n)
			v[k++] = (struct member){entity_of(t->entities, h[i].address, ENTITY_TIP),
						 i};
	qsort(v, k, sizeof(*v), by_entity);
	struct group *at = NULL;
	for (uint32_t i = 0; i < k; i++) {
		if (!i || v[i].entity != v[i - 1].entity) {
			if (group_new(g, &at) < 0)
				return -ERR_NOMEM;
			at->entity = v[i].entity;
		}
		group_add(at, t->trace, &h[v[i].holder]);
	}
	if (g->n)
		qsort(g->p, g->n, sizeof(*g->p), by_received);
	return 0;
}

static json_t *json_entity_group(const struct trace_report *t, const struct group *g)
{
	return json_pack("{s:I, s:o, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:o}", "entity",
			 (json_int_t)g->entity, "address", json_address(t->ledger, g->entity),
			 "addresses", (json_int_t)entity_size(t->entities, g->entity, ENTITY_TIP),
			 "reached", (json_int_t)g->address_n, "received", json_u64(g->received),
			 "unspent", json_u64(g->unspent), "stopped", json_u64(g->stopped),
			 "outputs", (json_int_t)g->output_n, "hops",
			 (json_int_t)t->trace->reached[g->nearest].hops, "labels",
			 json_labels(t->ledger, t->labels, g->entity));
}

int trace_entities_add(const struct trace_report *t, const struct trace_holder *h, uint32_t n,
		       json_t *j)
{
	_cleanup_(groups_done) struct groups g = {0};
	json_t *a = t->entities ? json_array() : json_null();
	if (json_object_set_new(j, "entities", a))
		return -ERR_NOMEM;
	if (!t->entities)
		return 0;
	int r = entity_groups(t, h, n, &g);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < g.n && i < t->limit; i++)
		if (json_array_append_new(a, json_entity_group(t, &g.p[i])))
			return -ERR_CORRUPT;
	return json_object_set_new(j, "entities_n", json_integer(g.n)) ? -ERR_NOMEM : 0;
}
