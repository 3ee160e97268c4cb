/* SPDX-License-Identifier: Apache-2.0
 * Poison and haircut in the sweep: from a batch's rows straight to entries.
 *
 * What flow_batch(), share() and group_follow() do with parts costs most of a sweep that reaches millions of outputs. Where a policy
 * knows amounts only, of the giving side nothing is needed but the sum and the parent, and amounts and ids of the
 * receiving side stand in the batch as they are. The rules are those of trace-share.c and trace-step.c. */
#include "ledger/trace-int.h"

/* What waited on the giving side. */
struct taken {
	uint64_t amount, gift; /* all of it; the parent's */
	uint32_t n, parent, hops;
};

static inline void take(const struct work *w, uint32_t *slot, struct taken *t)
{
	if (!*slot)
		return;
	const struct trace_reached *r = &w->t.reached[*slot - 1];
	if (!t->n || r->hops < t->hops || (r->hops == t->hops && r->amount > t->gift)) {
		t->gift = r->amount;
		t->hops = r->hops;
		t->parent = *slot - 1;
	}
	t->amount += r->amount;
	t->n++;
	*slot = 0;
}

static struct taken take_all(const struct work *w, const struct sweep *x, uint32_t k,
			     struct rows at)
{
	struct taken t = {0};
	if (!w->p.back) {
		for (uint32_t i = at.in; i < at.in_end; i++)
			take(w, &w->wait[x->in_slot[i]], &t);
		return t;
	}
	uint32_t *wait = w->wait + (x->b.first_out - w->range.base);
	for (uint32_t o = at.out; o < at.out_end; o++)
		take(w, &wait[o], &t);
	if (w->fee_wait)
		take(w, &w->fee_wait[x->b.first_tx + k - w->block.first_tx], &t);
	return t;
}

/* One output more, at its slot. */
static inline int give(struct work *w, const struct taken *from, uint64_t output, uint64_t slot,
		       uint64_t amount, bool flows, enum trace_end stays)
{
	struct trace_reached r = {
		.output = output, .amount = amount, .parent = from->parent, .hops = from->hops + 1};
	if (seed_is(w, output)) {
		w->t.overlap += amount;
		return 0;
	}
	if (!w->plain)
		return reached_add(w, r, NULL, 0);
	r.end = (uint8_t)(flows ? TRACE_FLOWS : stays);
	w->t.reached[w->t.reached_n++] = r;
	if (flows) {
		w->wait[slot] = w->t.reached_n;
		w->wait_outs++;
	}
	return 0;
}

static int give_outs(struct work *w, const struct taken *from, const struct trace_batch *b,
		     struct rows at, const uint64_t *amount)
{
	uint64_t slot = b->first_out - w->range.base;
	int r = 0;
	for (uint32_t o = at.out; r == 0 && o < at.out_end; o++, amount++) {
		uint32_t spender = b->out_spender[o];
		if (*amount)
			r = give(w, from, b->first_out + o, slot + o, *amount,
				 spender && spender < w->tx_limit, TRACE_UNSPENT);
	}
	if (r < 0 || !*amount)
		return r;
	if (w->p.fees == TRACE_FEES_SKIP) {
		w->t.fees += *amount;
		return 0;
	}
	return reached_add(w,
			   (struct trace_reached){.output = TRACE_FEE | w->txnum,
						  .amount = *amount,
						  .parent = from->parent,
						  .hops = from->hops + 1},
			   NULL, 0);
}

static int give_ins(struct work *w, const struct taken *from, const struct sweep *x, struct rows at,
		    const uint64_t *amount)
{
	int r = 0;
	for (uint32_t i = at.in; r == 0 && i < at.in_end; i++, amount++) {
		uint64_t o = x->b.in_output[i];
		if (*amount)
			r = give(w, from, o, x->in_slot[i], *amount, o < w->s->output_n,
				 TRACE_FOREIGN);
	}
	return r;
}

int amounts_follow(struct work *w, const struct sweep *x, uint32_t k)
{
	struct rows at = rows_of(&x->b, k);
	struct taken from = take_all(w, x, k, at);
	if (!from.n)
		return 0;
	uint64_t line = x->line[k];
	uint32_t n = w->p.back ? at.in_end - at.in : at.out_end - at.out + 1;
	const uint64_t *amount = w->p.back ? x->b.in_value + at.in : x->out_fee + at.out + k;
	int r = reached_room(w, w->t.reached_n + n);
	w->wait_outs -= from.n;
	w->t.tx_followed++;
	if (w->p.policy == TRACE_POISON) {
		w->t.spread += line - from.amount;
	} else if (from.amount != line) {
		if (r == 0)
			r = share_room(&w->scratch, n);
		if (r < 0)
			return r;
		share_haircut(from.amount, line, amount, n, w->scratch.amount, w->scratch.rest);
		amount = w->scratch.amount;
	}
	if (r < 0)
		return r;
	return w->p.back ? give_ins(w, &from, x, at, amount)
			 : give_outs(w, &from, &x->b, at, amount);
}
