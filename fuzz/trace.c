/* SPDX-License-Identifier: Apache-2.0
 * The trace against its model: bytes become a small valid chain and a question, and both must give the same amounts. */
#include "ledger/trace.h"
#include "base/cursor.h"
#include <stdlib.h>
#include <string.h>

#include "../tests/unit/model-taint.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* ---- a chain from bytes ---- */

static void outs_read(struct world *w, struct cur *c, int t, int sum, bool minted)
{
	struct wtx *x = &w->tx[t];
	int n = 1 + cur_u8(c) % W_OUT;
	x->first_out = w->out_n;
	for (int i = 0; i < n; i++) {
		int v = cur_u8(c) % 16;
		v = !minted && v > sum ? sum : v;
		sum -= v;
		w->value[w->out_n] = v;
		w->address[w->out_n] = cur_u8(c) % 12;
		w->maker[w->out_n] = t;
		w->spender[w->out_n++] = 0;
	}
	x->out_n = n;
}

static bool ins_read(struct world *w, struct cur *c, int t, int block)
{
	struct wtx *x = &w->tx[t];
	int want = 1 + cur_u8(c) % W_IN, sum = 0;
	for (int i = 0; i < want; i++) {
		int o = cur_u8(c) % w->out_n;
		const struct wtx *made = &w->tx[w->maker[o]];
		if (w->spender[o] || (!made->in_n && made->block == block) ||
		    sum + w->value[o] >= W_VALUE)
			continue;
		sum += w->value[o];
		w->spender[o] = t;
		x->in[x->in_n++] = o;
	}
	return x->in_n > 0;
}

static void world_read(struct world *w, struct cur *c)
{
	memset(w, 0, sizeof(*w));
	for (int block = 0; w->tx_n < W_TX - 4 && (cur_left(c) || !block); block++) {
		w->tx[w->tx_n] = (struct wtx){.block = block};
		outs_read(w, c, w->tx_n++, 0, true);
		for (int k = cur_u8(c) % 4; k > 0; k--) {
			struct wtx *x = &w->tx[w->tx_n];
			int sum = 0;
			*x = (struct wtx){.block = block};
			if (!ins_read(w, c, w->tx_n, block))
				continue;
			for (int i = 0; i < x->in_n; i++)
				sum += w->value[x->in[i]];
			outs_read(w, c, w->tx_n++, sum, false);
		}
	}
}

static void question_read(struct question *q, const struct world *w, struct cur *c)
{
	uint8_t flags = cur_u8(c), stops = cur_u8(c);
	memset(q, 0, sizeof(*q));
	q->policy = (enum trace_policy)(cur_u8(c) % 3);
	q->back = flags & 1;
	q->follow = flags & 2;
	q->hops_max = flags & 4 ? flags >> 4 : W_FAR;
	q->amount_min = flags & 8 ? stops % 8 : 0;
	for (int a = 0; a < 16; a++)
		q->stop[a] = stops & 128 && (stops >> a % 7 & 1);
	for (int i = 0; i < 3; i++)
		q->seed[cur_u8(c) % w->out_n] = true;
}

/* ---- it as a source ---- */

static void src_tx(const void *ctx, uint32_t t, struct trace_tx *ret)
{
	const struct wtx *x = &((const struct world *)ctx)->tx[t];
	*ret = (struct trace_tx){.first_out = (uint64_t)x->first_out,
				 .first_in = (uint64_t)t * W_IN,
				 .out_n = (uint32_t)x->out_n,
				 .in_n = (uint32_t)x->in_n};
}

static void src_block(const void *ctx, uint32_t t, struct trace_block *ret)
{
	const struct world *w = ctx;
	uint32_t first = t, end = t;
	while (first && w->tx[first - 1].block == w->tx[t].block)
		first--;
	while (end < (uint32_t)w->tx_n && w->tx[end].block == w->tx[t].block)
		end++;
	*ret = (struct trace_block){
		.height = (uint32_t)w->tx[t].block, .first_tx = first, .tx_n = end - first};
}

static uint64_t src_in(const void *ctx, uint64_t i)
{
	return (uint64_t)((const struct world *)ctx)->tx[i / W_IN].in[i % W_IN];
}

static uint64_t src_value(const void *ctx, uint64_t o)
{
	return (uint64_t)((const struct world *)ctx)->value[o];
}

static uint32_t src_address(const void *ctx, uint64_t o)
{
	return (uint32_t)((const struct world *)ctx)->address[o];
}

static uint32_t src_spender(const void *ctx, uint64_t o)
{
	return (uint32_t)((const struct world *)ctx)->spender[o];
}

static uint32_t src_maker(const void *ctx, uint64_t o)
{
	return (uint32_t)((const struct world *)ctx)->maker[o];
}

static bool src_known(const void *ctx, uint64_t o)
{
	return true;
}

static bool stop_at(void *ctx, uint32_t address)
{
	return ((const struct question *)ctx)->stop[address];
}

/* ---- both answers ---- */

static void ask(const struct world *w, struct question *q, struct trace *ret)
{
	const struct trace_source s = {.ctx = w,
				       .tx_n = (uint32_t)w->tx_n,
				       .output_n = (uint64_t)w->out_n,
				       .tx = src_tx,
				       .block = src_block,
				       .in_output = src_in,
				       .out_value = src_value,
				       .out_address = src_address,
				       .out_spender = src_spender,
				       .out_tx = src_maker,
				       .out_known = src_known};
	uint64_t seeds[W_OUTS];
	size_t n = 0;
	struct trace_params p;
	trace_params_init(&p);
	p.policy = q->policy;
	p.back = q->back;
	p.fees = q->follow ? TRACE_FEES_FOLLOW : TRACE_FEES_SKIP;
	p.hops_max = q->hops_max == W_FAR ? TRACE_NONE : (uint32_t)q->hops_max;
	p.amount_min = (uint64_t)q->amount_min;
	p.stop = stop_at;
	p.stop_ctx = q;
	for (int o = 0; o < w->out_n; o++)
		if (q->seed[o])
			seeds[n++] = (uint64_t)o;
	must(trace_run(&s, &p, seeds, n, ret, NULL) == 0);
}

static void compare(const struct world *w, const struct model *m, const struct trace *t)
{
	int outs = 0;
	for (uint32_t i = 0; i < t->reached_n; i++) {
		const struct trace_reached *r = &t->reached[i];
		bool fee = r->output & TRACE_FEE;
		const struct mpart *p = fee ? &m->fee[(uint32_t)r->output] : &m->out[r->output];
		must(r->amount == (uint64_t)p->amount && r->hops == (uint32_t)p->hops);
		outs += !fee;
	}
	for (int o = 0; o < w->out_n; o++)
		outs -= m->out[o].amount > 0;
	must(outs == 0);
	must(t->seeds == (uint64_t)m->seeds && t->overlap == (uint64_t)m->overlap &&
	     t->fees == (uint64_t)m->fees);
	must(t->spread == (uint64_t)m->spread && t->minted == (uint64_t)m->minted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	static struct model m;
	struct question q;
	struct trace t;
	struct cur c = cur_init(data, size);
	uint8_t head[6];
	cur_copy(&c, head, sizeof(head));
	world_read(&w, &c);
	struct cur h = cur_init(head, sizeof(head));
	question_read(&q, &w, &h);
	model_run(&w, &q, &m);
	ask(&w, &q, &t);
	compare(&w, &m, &t);
	trace_done(&t);
	return 0;
}
