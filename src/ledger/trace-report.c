/* SPDX-License-Identifier: Apache-2.0
 * What people ask of a finished trace: names, paths, and who holds the money. */
#include "ledger/trace.h"

const char *trace_policy_name(enum trace_policy p)
{
	static const char *const names[TRACE_POLICY_N] = {
		[TRACE_POISON] = "poison", [TRACE_HAIRCUT] = "haircut", [TRACE_FIFO] = "fifo",
		[TRACE_LIFO] = "lifo",	   [TRACE_TIHO] = "tiho",
	};
	return (unsigned)p < TRACE_POLICY_N ? names[p] : "?";
}

const char *trace_engine_name(enum trace_engine e)
{
	static const char *const names[TRACE_ENGINE_N] = {
		[TRACE_AUTO] = "auto", [TRACE_SPARSE] = "sparse", [TRACE_DENSE] = "dense"};
	return (unsigned)e < TRACE_ENGINE_N ? names[e] : "?";
}

const char *trace_end_name(enum trace_end e)
{
	static const char *const names[TRACE_END_N] = {
		[TRACE_FLOWS] = "flows",     [TRACE_UNSPENT] = "unspent",
		[TRACE_LOST] = "lost",	     [TRACE_FOREIGN] = "foreign",
		[TRACE_MINTED] = "minted",   [TRACE_LABEL] = "label",
		[TRACE_ENTITY] = "entity",   [TRACE_HOPS] = "hops",
		[TRACE_DUST] = "dust",	     [TRACE_COINJOIN] = "coinjoin",
		[TRACE_UNKNOWN] = "unknown", [TRACE_BUDGET] = "budget",
	};
	return (unsigned)e < TRACE_END_N ? names[e] : "?";
}

uint32_t trace_path(const struct trace *t, uint32_t i, uint32_t *path, uint32_t max)
{
	uint32_t n = 0;
	for (; i < t->reached_n && n < max; i = t->reached[i].parent)
		path[n++] = i;
	return n;
}

struct entry { /* one reached output, for sorting by address */
	uint32_t address, reached;
};

static int entry_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->reached < y->reached ? -1 : 1;
}

static int holder_cmp(const void *a, const void *b)
{
	const struct trace_holder *x = a, *y = b;
	if (x->unspent != y->unspent)
		return x->unspent < y->unspent ? 1 : -1;
	if (x->received != y->received)
		return x->received < y->received ? 1 : -1;
	return x->address < y->address ? -1 : x->address > y->address;
}

static void holder_add(struct trace_holder *h, const struct trace *t, uint32_t i)
{
	const struct trace_reached *r = &t->reached[i];
	bool seed = r->parent == TRACE_NONE;
	if (!seed && (!h->output_n || r->hops < t->reached[h->nearest].hops))
		h->nearest = i;
	if (!seed && (!h->output_n || r->amount > t->reached[h->largest].amount))
		h->largest = i;
	h->output_n += !seed;
	h->received += seed ? 0 : r->amount;
	if (r->end == TRACE_UNSPENT)
		h->unspent += r->amount;
	else if (r->end != TRACE_FLOWS)
		h->stopped += r->amount;
}

int trace_holders(const struct trace *t, const struct trace_source *s, struct trace_holder **ret_h,
		  uint32_t *ret_n)
{
	uint32_t n = 0, entry_n = 0;
	_cleanup_(freep) struct entry *v = malloc(((size_t)t->reached_n + 1) * sizeof(*v));
	_cleanup_(freep) struct trace_holder *h = malloc(((size_t)t->reached_n + 1) * sizeof(*h));
	if (!v || !h)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < t->reached_n; i++)
		if (!(t->reached[i].output & TRACE_FEE))
			v[entry_n++] = (struct entry){
				.address = s->out_address(s->ctx, t->reached[i].output),
				.reached = i};
	qsort(v, entry_n, sizeof(*v), entry_cmp);
	for (uint32_t i = 0; i < entry_n; i++) {
		if (!i || v[i].address != v[i - 1].address)
			h[n++] = (struct trace_holder){.address = v[i].address,
						       .nearest = v[i].reached,
						       .largest = v[i].reached};
		holder_add(&h[n - 1], t, v[i].reached);
	}
	qsort(h, n, sizeof(*h), holder_cmp);
	*ret_n = n;
	*ret_h = TAKE_PTR(h);
	return 0;
}
