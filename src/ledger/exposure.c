/* SPDX-License-Identifier: Apache-2.0
 * Exposure: the labels of the ledger's addresses as one sorted table of party ids, then a trace that stops there. */
#include "ledger/exposure.h"
#include "ledger/label.h"
#include "ledger/trace.h"
#include <string.h>

/* Who is labelled: a party id with its category; lower ranks come first among several of one id. */
struct mark {
	uint32_t id, order;
	uint16_t category, rank;
};
struct marks {
	const struct party *p;
	struct mark *m;
	size_t n;
	const char *category[EXPOSURE_CATEGORIES_MAX];
	uint32_t category_n;
};
enum { RANK_SANCTION, RANK_ABUSE, RANK_CATEGORY };

static int category_of(struct marks *ms, const char *name)
{
	for (uint32_t i = 0; i < ms->category_n; i++)
		if (strcmp(ms->category[i], name) == 0)
			return (int)i;
	if (ms->category_n == EXPOSURE_CATEGORIES_MAX)
		return -ERR_OVERSIZE;
	ms->category[ms->category_n] = name;
	return (int)ms->category_n++;
}

static int mark_add(struct marks *ms, uint32_t id, uint32_t order, const struct label *label)
{
	const char *name = *label->abuse      ? label->abuse
			   : *label->category ? label->category
					      : "uncategorised";
	int category = category_of(ms, name);

	if (category < 0)
		return category;
	ms->m[ms->n++] = (struct mark){
		.id = id,
		.order = order,
		.category = (uint16_t)category,
		.rank = strncmp(name, "sanction", 8) == 0 ? RANK_SANCTION
			: *label->abuse			  ? RANK_ABUSE
							  : RANK_CATEGORY,
	};
	return 0;
}

static int mark_cmp(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* Labels of addresses that this chain has seen; of each party the first by rank stays. */
static int marks_load(struct marks *ms, const struct labels *labels)
{
	size_t n = labels_n(labels), kept = 0;

	ms->m = calloc(n + 1, sizeof(*ms->m));
	if (!ms->m)
		return -ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		struct address a;
		struct label label;
		uint32_t id;

		labels_at(labels, i, &a, &label);
		int r = ledger_address_find(ms->p->l, &a, &id);
		if (r == 0)
			r = mark_add(ms, party_of(ms->p, id), (uint32_t)i, &label);
		if (r < 0 && r != -ERR_NOENT)
			return r;
	}
	qsort(ms->m, ms->n, sizeof(*ms->m), mark_cmp);
	for (size_t i = 0; i < ms->n; i++)
		if (kept == 0 || ms->m[kept - 1].id != ms->m[i].id)
			ms->m[kept++] = ms->m[i];
	ms->n = kept;
	return 0;
}

/* The category of an address; -1 none, or the party itself. */
static int marks_find(const struct marks *ms, uint32_t address)
{
	uint32_t id = party_of(ms->p, address);
	size_t low = 0, high = ms->n;

	if (!address || id == ms->p->id)
		return -1;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ms->m[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < ms->n && ms->m[low].id == id ? ms->m[low].category : -1;
}

static enum trace_end stop_at(void *ctx, uint32_t address)
{
	return marks_find(ctx, address) >= 0 ? TRACE_LABEL : TRACE_FLOWS;
}

/* ---- seeds ---- */

struct seeds {
	const struct ledger *l;
	uint64_t *o;
	size_t n, cap;
};

static int seed_add(void *ctx, uint64_t output)
{
	struct seeds *s = ctx;

	if (!ledger_out_known(s->l, output) || !ledger_out_value(s->l, output))
		return 0;
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 256;
		uint64_t *o = realloc(s->o, cap * sizeof(*o));

		if (!o)
			return -ERR_NOMEM;
		s->o = o;
		s->cap = cap;
	}
	s->o[s->n++] = output;
	return 0;
}

/* ---- sums ---- */

static bool sum_label(const struct marks *ms, const struct ledger *l, const struct trace_reached *r,
		      struct exposure *x)
{
	int category =
		r->parent == TRACE_NONE ? -1 : marks_find(ms, ledger_out_address(l, r->output));

	if (category < 0)
		return false;
	struct exposure_row *row = &x->row[category];
	row->payment_n++;
	if (r->hops <= 1)
		row->direct += r->amount;
	else
		row->indirect += r->amount;
	return true;
}

static void sum_end(const struct marks *ms, const struct ledger *l, const struct trace_reached *r,
		    struct exposure *x)
{
	/* What lies unspent at a labelled address, or was mined there, is labelled all the same. */
	if (r->end == TRACE_FLOWS || sum_label(ms, l, r, x))
		return;
	switch ((enum trace_end)r->end) {
	case TRACE_FLOWS:
	case TRACE_END_N:
		break;
	case TRACE_UNSPENT:
		if (r->parent == TRACE_NONE)
			x->held += r->amount;
		else
			x->unlabelled += r->amount;
		break;
	case TRACE_MINTED:
		x->mined += r->amount;
		break;
	case TRACE_COINJOIN:
		x->joined += r->amount;
		break;
	case TRACE_FOREIGN:
	case TRACE_UNKNOWN:
		x->unknown += r->amount;
		break;
	case TRACE_BUDGET:
		x->cut += r->amount;
		break;
	case TRACE_LABEL:
	case TRACE_ENTITY:
	case TRACE_LOST:
	case TRACE_HOPS:
	case TRACE_DUST:
		x->unlabelled += r->amount;
		break;
	}
}

static int row_cmp(const void *a, const void *b)
{
	const struct exposure_row *x = a, *y = b;
	uint64_t v = x->direct + x->indirect, w = y->direct + y->indirect;

	return v != w ? (v > w ? -1 : 1) : strcmp(x->category, y->category);
}

static int sum_trace(const struct marks *ms, const struct trace *t, struct exposure *ret)
{
	struct exposure x = {
		.total = t->seeds - t->overlap, .fees = t->fees, .partial = t->partial};
	size_t n = 0;

	x.row = calloc(ms->category_n + 1, sizeof(*x.row));
	if (!x.row)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < ms->category_n; i++)
		x.row[i].category = ms->category[i];
	for (uint32_t i = 0; i < t->reached_n; i++)
		sum_end(ms, ms->p->l, &t->reached[i], &x);
	for (uint32_t i = 0; i < ms->category_n; i++)
		if (x.row[i].payment_n)
			x.row[n++] = x.row[i];
	x.n = n;
	if (n)
		qsort(x.row, n, sizeof(*x.row), row_cmp);
	*ret = x;
	return 0;
}

/* ---- the whole ---- */

static bool pass_tick(void *ctx, const struct trace_progress *p)
{
	const struct exposure_params *q = ctx;

	return q->tick(q->tick_ctx, p->tx_done, p->tx_n);
}

static int exposure_run(const struct marks *ms, const struct exposure_params *q,
			const struct seeds *s, struct exposure *ret, struct err *e)
{
	const struct trace_source source = trace_source_ledger(ms->p->l);
	struct trace_params t;
	struct trace result;

	trace_params_init(&t);
	t.policy = TRACE_HAIRCUT;
	t.back = q->side == PARTY_RECEIVED;
	t.stop_at_joins = q->stop_at_joins;
	t.hops_max = q->hops;
	t.height = ms->p->height;
	t.reached_max = q->outputs_max;
	t.stop = stop_at;
	t.stop_ctx = (void *)(uintptr_t)ms;
	t.tick = q->tick ? pass_tick : NULL;
	t.tick_ctx = (void *)(uintptr_t)q;
	int r = trace_run(&source, &t, s->o, s->n, &result, e);
	if (r < 0)
		return r;
	r = sum_trace(ms, &result, ret);
	trace_done(&result);
	return r;
}

int exposure_of(const struct party *p, const struct labels *labels, const struct exposure_params *q,
		struct exposure *ret, struct err *e)
{
	_cleanup_(freep) struct marks *ms = calloc(1, sizeof(*ms));
	struct seeds s = {.l = p->l};
	int r;

	memset(ret, 0, sizeof(*ret));
	if (!ms)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (q->hops == 0)
		return err_set(e, ERR_RANGE, "hops", "exposure through no transaction at all");
	ms->p = p;
	r = party_each(p, seed_add, &s);
	if (r == 0 && s.n == 0)
		r = err_set(e, ERR_NOENT, "party", "nothing of known amount was received");
	if (r == 0)
		r = marks_load(ms, labels);
	if (r == -ERR_OVERSIZE)
		(void)err_set(e, r, "labels", "more than %d categories of labels",
			      EXPOSURE_CATEGORIES_MAX);
	if (r == 0)
		r = exposure_run(ms, q, &s, ret, e);
	free(s.o);
	free(ms->m);
	return r;
}

void exposure_done(struct exposure *x)
{
	free(x->row);
	memset(x, 0, sizeof(*x));
}
