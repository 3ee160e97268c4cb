/* SPDX-License-Identifier: Apache-2.0
 * One step of the trace, the same for both engines: an output is reached and its end decided; the taint that waits for a
 * transaction is handed on.
 *
 * Invariants
 *  1 An output enters `reached` once, with its final amount: only the one transaction that made it (backward: the one that
 *    spends it) gives to it, and that transaction is followed once.
 *  2 Transactions are followed by place: forward a transaction comes after all that it spends, backward before. A coinbase
 *    stands behind all other transactions of its block, since it takes their fees.
 *  3 Whatever waits has the end TRACE_FLOWS until its transaction is followed; if that cannot be, it gets its real end
 *    then. The sums by end are therefore made at the close, from the list itself. */
#include "ledger/pages.h"
#include "ledger/trace-int.h"
#include <string.h>

/* Invariant 2. UINT64_MAX is never used. */
static uint64_t place_of(const struct work *w, uint32_t txnum, bool coinbase)
{
	struct trace_block b;
	uint64_t place = (uint64_t)txnum * 2;
	if (coinbase) {
		w->s->block(w->s->ctx, txnum, &b);
		place = (uint64_t)(b.first_tx + b.tx_n - 1) * 2 + 1;
	}
	return w->p.back ? UINT64_MAX - 1 - place : place;
}

/* What an output itself tells of how it goes on. */
static enum trace_end end_of_output(const struct work *w, uint64_t output)
{
	if (output & TRACE_FEE)
		return TRACE_FLOWS;
	if (w->p.back)
		return output >= w->s->output_n ? TRACE_FOREIGN : TRACE_FLOWS;
	uint32_t spender = w->s->out_spender(w->s->ctx, output);
	return spender && spender < w->tx_limit ? TRACE_FLOWS : TRACE_UNSPENT;
}

/* What the transaction that it flows into adds, and where that stands. */
static enum trace_end end_of_tx(const struct work *w, uint64_t output, struct waiting *x)
{
	const struct trace_source *s = w->s;
	struct trace_tx tx;
	struct trace_block b;
	if (output & TRACE_FEE) {
		x->txnum = (uint32_t)output;
		if (!w->p.back) {
			s->block(s->ctx, x->txnum, &b);
			x->txnum = b.first_tx;
		}
		x->place = place_of(w, x->txnum, !w->p.back);
		return TRACE_FLOWS;
	}
	x->txnum = w->p.back ? s->out_tx(s->ctx, output) : s->out_spender(s->ctx, output);
	if (x->txnum >= s->tx_n)
		return TRACE_FLOWS; /* the caller refuses it */
	s->tx(s->ctx, x->txnum, &tx);
	if (!tx.in_n && !w->p.back)
		return TRACE_LOST;
	if (!tx.in_n && w->p.fees == TRACE_FEES_SKIP)
		return TRACE_MINTED;
	x->place = place_of(w, x->txnum, !tx.in_n);
	return TRACE_FLOWS;
}

enum trace_end reached_exact_end(const struct work *w, uint64_t output, uint32_t *ret_txnum)
{
	struct waiting x = {0};
	enum trace_end end = end_of_tx(w, output, &x);
	*ret_txnum = x.txnum;
	return end;
}

static enum trace_end stop_reason(const struct work *w, const struct trace_reached *r)
{
	bool seed = r->parent == TRACE_NONE;
	if (!seed && w->p.stop && !(r->output & TRACE_FEE)) {
		enum trace_end end =
			w->p.stop(w->p.stop_ctx, w->s->out_address(w->s->ctx, r->output));
		if (end != TRACE_FLOWS)
			return end;
	}
	if (r->hops >= w->p.hops_max)
		return TRACE_HOPS;
	if (!seed && r->amount < w->p.amount_min)
		return TRACE_DUST;
	return TRACE_FLOWS;
}

/* Decide how an output that was just reached goes on, and let it wait. The sweep comes to the transaction anyway, so it looks
 * there only when a stop would come before what is found there. */
static int reached_decide(struct work *w, uint32_t i)
{
	struct trace_reached *r = &w->t.reached[i];
	struct waiting x = {.reached = i};
	enum trace_end end = end_of_output(w, r->output), stop = TRACE_FLOWS;
	if (end == TRACE_FLOWS)
		stop = stop_reason(w, r);
	if (end == TRACE_FLOWS && (!w->wait || stop != TRACE_FLOWS)) {
		end = end_of_tx(w, r->output, &x);
		if (end == TRACE_FLOWS && x.txnum >= w->s->tx_n)
			return -ERR_CORRUPT;
	}
	if (end == TRACE_FLOWS)
		end = stop;
	r->end = (uint8_t)end;
	if (end == TRACE_MINTED)
		w->t.minted += r->amount;
	if (end != TRACE_FLOWS)
		return 0;
	if (!w->wait)
		return sparse_push(w, x);
	dense_wait(w, r->output, i);
	return 0;
}

void reached_reserve(struct work *w)
{
	/* every output once, every fee once if they are followed, and what one transaction may ask for and not use */
	uint64_t most = w->s->output_n + w->s->foreign_n +
			(w->p.fees == TRACE_FEES_FOLLOW ? w->s->tx_n : 0);
	most = (most < w->p.reached_max ? most : w->p.reached_max) + TRACE_ROWS_MAX + 1;
	if (policy_has_runs(w->p.policy) || most > UINT32_MAX)
		return;
	struct trace_reached *p = pages_new(most * sizeof(*p));
	if (!p)
		return;
	memcpy(p, w->t.reached, (size_t)w->t.reached_n * sizeof(*p));
	free(w->t.reached);
	w->t.reached = p;
	w->t.reached_map_len = most * sizeof(*p);
	w->reached_cap = (uint32_t)most;
}

int reached_room(struct work *w, uint32_t n)
{
	uint32_t cap = w->reached_cap ? w->reached_cap : 256;
	while (cap < n)
		cap = cap < UINT32_MAX / 2 ? cap * 2 : UINT32_MAX;
	if (cap == w->reached_cap)
		return 0;
	if (w->t.reached_map_len)
		return -ERR_CORRUPT; /* an output was reached twice */
	struct trace_reached *p = realloc(w->t.reached, (size_t)cap * sizeof(*p));
	if (!p)
		return -ERR_NOMEM;
	w->t.reached = p;
	if (policy_has_runs(w->p.policy)) {
		uint32_t *q = realloc(w->t.run_first, ((size_t)cap + 1) * sizeof(*q));
		if (!q)
			return -ERR_NOMEM;
		q[w->t.reached_n] = w->runs.n;
		w->t.run_first = q;
	}
	w->reached_cap = cap;
	return 0;
}

int reached_add(struct work *w, struct trace_reached r, const struct trace_run *runs,
		uint32_t run_n)
{
	struct trace *t = &w->t;
	for (uint32_t i = 0; i < run_n; i++) {
		int rc = runs_add(&w->runs, runs[i].off, runs[i].len);
		if (rc < 0)
			return rc;
	}
	if (t->run_first)
		t->run_first[t->reached_n + 1] = w->runs.n;
	t->reached[t->reached_n] = r;
	return reached_decide(w, t->reached_n++);
}

bool seed_find(const struct work *w, uint64_t output)
{
	const struct trace *t = &w->t;
	uint32_t lo = 0, hi = t->seed_n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (t->reached[mid].output < output)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->seed_n && t->reached[lo].output == output;
}

/* ---- one transaction ---- */

int group_add(struct work *w, uint32_t reached)
{
	if (w->group_n == w->group_cap) {
		uint32_t cap = w->group_cap ? w->group_cap * 2 : 64;
		uint32_t *p = realloc(w->group, (size_t)cap * sizeof(*p));
		if (!p)
			return -ERR_NOMEM;
		w->group = p;
		w->group_cap = cap;
	}
	w->group[w->group_n++] = reached;
	return 0;
}

void group_end(struct work *w, enum trace_end end)
{
	for (uint32_t i = 0; i < w->group_n; i++)
		w->t.reached[w->group[i]].end = (uint8_t)end;
}

void group_attach(const struct work *w, struct part *p, uint32_t reached)
{
	const struct trace_reached *r = &w->t.reached[reached];
	p->amount = r->amount;
	p->reached = reached;
	p->hops = r->hops;
	if (w->t.run_first) {
		p->run_first = w->t.run_first[reached];
		p->run_n = w->t.run_first[reached + 1] - p->run_first;
	}
}

static bool budget_spent(const struct work *w, const struct parts *to)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < to->n; i++)
		n += to->p[i].amount != 0;
	return w->t.reached_n + n > w->p.reached_max ||
	       (uint64_t)w->runs.n + w->out_runs.n > w->p.runs_max;
}

/* Hand the receiving side's taint on: to the sums, to a seed, or to a new entry. */
static int part_give(struct work *w, const struct part *p)
{
	struct trace_reached r = {
		.output = p->id, .amount = p->amount, .parent = p->reached, .hops = p->hops + 1};
	if (p->id == PART_MINTED) {
		w->t.minted += p->amount;
		return 0;
	}
	if (p->id == PART_GONE) {
		w->t.fees += p->amount;
		return 0;
	}
	if (seed_is(w, p->id)) {
		w->t.overlap += p->amount;
		return 0;
	}
	return reached_add(w, r, p->run_n ? &w->out_runs.p[p->run_first] : NULL, p->run_n);
}

static int group_give(struct work *w, const struct parts *to)
{
	uint64_t in = 0, out = 0;
	int r = reached_room(w, w->t.reached_n + to->n);
	for (uint32_t i = 0; i < w->group_n; i++)
		in += w->t.reached[w->group[i]].amount;
	for (uint32_t i = 0; r == 0 && i < to->n; i++) {
		out += to->p[i].amount;
		if (to->p[i].amount)
			r = part_give(w, &to->p[i]);
	}
	w->t.spread += out - in;
	w->t.tx_followed++;
	return r;
}

int group_follow(struct work *w)
{
	const struct parts *from = w->p.back ? &w->flow.right : &w->flow.left;
	struct parts *to = w->p.back ? &w->flow.left : &w->flow.right;
	if (w->p.stop_at_joins && w->flow.joined) {
		group_end(w, TRACE_COINJOIN);
		return 0;
	}
	int r = share(w->p.policy, w->flow.joined, from, &w->runs, to, &w->out_runs, &w->scratch);
	if (r < 0)
		return r;
	if (budget_spent(w, to)) {
		w->t.partial = true;
		group_end(w, TRACE_BUDGET);
		return 0;
	}
	return group_give(w, to);
}

bool work_tick(struct work *w, uint32_t at)
{
	if (!w->p.tick)
		return true;
	bool begun = w->p.back ? at < w->tx_begin : at > w->tx_begin;
	struct trace_progress p = {.tx_done = !begun	  ? 0
					      : w->p.back ? w->tx_begin - at
							  : at - w->tx_begin,
				   .tx_n = w->p.back ? w->tx_begin + 1 : w->tx_limit - w->tx_begin,
				   .reached_n = w->t.reached_n};
	return w->p.tick(w->p.tick_ctx, &p);
}
