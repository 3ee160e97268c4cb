/* SPDX-License-Identifier: Apache-2.0
 * A tiny world of model-taint.c as the source of a trace, and the comparison of both engines with each other and with the model.
 * Shared by test-trace.c, test-taint-page.c and fuzz/trace.c, which say what a failure is: WORLD_MUST(condition). */
#ifndef TESTS_TRACE_WORLD_H
#define TESTS_TRACE_WORLD_H
#include "ledger/trace.h"
#include "model-taint.c"
#include <stdlib.h>
#include <string.h>

enum { FOREIGN_BASE = 1000 };
struct memory {
	const struct world *w;
	int unknown; /* output whose amount is unknown, -1 none */
};

static const struct world *world_of(const void *ctx)
{
	return ((const struct memory *)ctx)->w;
}

static void m_src_tx(const void *ctx, uint32_t t, struct trace_tx *ret)
{
	const struct wtx *x = &world_of(ctx)->tx[t];
	*ret = (struct trace_tx){.first_out = (uint64_t)x->first_out,
				 .first_in = t * (uint64_t)W_IN,
				 .out_n = (uint32_t)x->out_n,
				 .in_n = (uint32_t)x->in_n};
}

static void m_src_block(const void *ctx, uint32_t t, struct trace_block *ret)
{
	const struct world *w = world_of(ctx);
	int first = (int)t, end = (int)t;
	while (first > 0 && w->tx[first - 1].block == w->tx[t].block)
		first--;
	while (end < w->tx_n && w->tx[end].block == w->tx[t].block)
		end++;
	*ret = (struct trace_block){.height = (uint32_t)w->tx[t].block,
				    .first_tx = (uint32_t)first,
				    .tx_n = (uint32_t)(end - first)};
}

static uint64_t m_src_in(const void *ctx, uint64_t in)
{
	int o = world_of(ctx)->tx[in / W_IN].in[in % W_IN];
	return (uint64_t)o;
}

static uint64_t m_src_value(const void *ctx, uint64_t o)
{
	return o >= FOREIGN_BASE ? 10 : (uint64_t)world_of(ctx)->value[o];
}

static uint32_t m_src_address(const void *ctx, uint64_t o)
{
	return o >= FOREIGN_BASE ? 15 : (uint32_t)world_of(ctx)->address[o];
}

static uint32_t m_src_spender(const void *ctx, uint64_t o)
{
	return o >= FOREIGN_BASE ? 1 : (uint32_t)world_of(ctx)->spender[o];
}

static uint32_t m_src_maker(const void *ctx, uint64_t o)
{
	WORLD_MUST(o < FOREIGN_BASE);
	return (uint32_t)world_of(ctx)->maker[o];
}

static bool m_src_known(const void *ctx, uint64_t o)
{
	return (int64_t)o != ((const struct memory *)ctx)->unknown;
}

static struct trace_source source_of(const struct memory *m, uint64_t foreign_n)
{
	return (struct trace_source){.ctx = m,
				     .tx_n = (uint32_t)m->w->tx_n,
				     .output_n = (uint64_t)m->w->out_n,
				     .foreign_n = foreign_n,
				     .foreign_base = FOREIGN_BASE,
				     .tx = m_src_tx,
				     .block = m_src_block,
				     .in_output = m_src_in,
				     .out_value = m_src_value,
				     .out_address = m_src_address,
				     .out_spender = m_src_spender,
				     .out_tx = m_src_maker,
				     .out_known = m_src_known};
}

static enum trace_end world_stop_at(void *ctx, uint32_t address)
{
	return ((const struct question *)ctx)->stop[address] ? TRACE_LABEL : TRACE_FLOWS;
}

/* The question of a model as parameters; seeds in reverse, since their order must not matter. */
static size_t world_params(const struct world *w, struct question *q, struct trace_params *p,
			   uint64_t seeds[W_OUTS])
{
	size_t n = 0;
	bool stops = false;
	for (size_t a = 0; a < sizeof(q->stop) / sizeof(q->stop[0]); a++)
		stops |= q->stop[a];
	trace_params_init(p);
	p->policy = q->policy;
	p->back = q->back;
	p->fees = q->follow ? TRACE_FEES_FOLLOW : TRACE_FEES_SKIP;
	p->hops_max = q->hops_max >= W_FAR ? TRACE_NONE : (uint32_t)q->hops_max;
	p->amount_min = (uint64_t)q->amount_min;
	p->stop = stops ? world_stop_at : NULL; /* engines may go shorter ways without */
	p->stop_ctx = q;
	for (int o = w->out_n; o-- > 0;)
		if (q->seed[o])
			seeds[n++] = (uint64_t)o;
	return n;
}

/* By one engine. */
static void world_ask(const struct world *w, struct question *q, enum trace_engine engine,
		      struct trace *ret)
{
	struct memory m = {.w = w, .unknown = -1};
	struct trace_source s = source_of(&m, 0);
	struct trace_params p;
	uint64_t seeds[W_OUTS];
	size_t n = world_params(w, q, &p, seeds);
	p.engine = engine;
	WORLD_MUST(trace_run(&s, &p, seeds, n, ret, NULL) == 0);
	WORLD_MUST(engine != TRACE_SPARSE || ret->engine == TRACE_SPARSE);
}

/* Two answers, element by element. */
static void world_same(const struct trace *a, const struct trace *b)
{
	WORLD_MUST(a->reached_n == b->reached_n && a->seed_n == b->seed_n &&
		   a->partial == b->partial && a->tx_followed == b->tx_followed);
	for (uint32_t i = 0; i < a->reached_n; i++) {
		const struct trace_reached *x = &a->reached[i], *y = &b->reached[i];
		WORLD_MUST(x->output == y->output && x->amount == y->amount &&
			   x->parent == y->parent && x->hops == y->hops && x->end == y->end);
	}
	WORLD_MUST(a->seeds == b->seeds && a->overlap == b->overlap && a->spread == b->spread &&
		   a->fees == b->fees && a->minted == b->minted);
	WORLD_MUST(memcmp(a->ended, b->ended, sizeof(a->ended)) == 0);
	WORLD_MUST(memcmp(a->ended_n, b->ended_n, sizeof(a->ended_n)) == 0);
	WORLD_MUST(!a->runs == !b->runs);
	for (uint32_t i = 0; a->run_first && i <= a->reached_n; i++)
		WORLD_MUST(a->run_first[i] == b->run_first[i]);
	for (uint32_t i = 0; a->runs && i < a->run_first[a->reached_n]; i++)
		WORLD_MUST(a->runs[i].off == b->runs[i].off && a->runs[i].len == b->runs[i].len);
}

/* An answer and the model's. */
static void world_modelled(const struct world *w, const struct model *m, const struct trace *t)
{
	bool seen[W_OUTS] = {0}, seen_fee[W_TX] = {0};
	for (uint32_t i = 0; i < t->reached_n; i++) {
		const struct trace_reached *r = &t->reached[i];
		bool fee = r->output & TRACE_FEE;
		const struct mpart *p = fee ? &m->fee[(uint32_t)r->output] : &m->out[r->output];
		bool *mark = fee ? &seen_fee[(uint32_t)r->output] : &seen[r->output];
		WORLD_MUST(!*mark && r->amount == (uint64_t)p->amount &&
			   r->hops == (uint32_t)p->hops);
		*mark = true;
	}
	for (int o = 0; o < w->out_n; o++)
		WORLD_MUST(seen[o] == (m->out[o].amount > 0));
	for (int x = 0; x < w->tx_n; x++)
		WORLD_MUST(seen_fee[x] == (m->fee[x].amount > 0));
	WORLD_MUST(t->seeds == (uint64_t)m->seeds && t->overlap == (uint64_t)m->overlap);
	WORLD_MUST(t->spread == (uint64_t)m->spread && t->fees == (uint64_t)m->fees);
	WORLD_MUST(t->minted == (uint64_t)m->minted && !t->partial);
}

/* Every engine and the model; gives the answer. */
static void world_compare(const struct world *w, struct question *q, struct trace *ret)
{
	static struct model m;
	struct trace other;
	model_run(w, q, &m);
	world_ask(w, q, TRACE_SPARSE, ret);
	world_modelled(w, &m, ret);
	for (int engine = 0; engine < TRACE_ENGINE_N; engine++) {
		world_ask(w, q, (enum trace_engine)engine, &other);
		world_same(ret, &other);
		trace_done(&other);
	}
}
#endif
