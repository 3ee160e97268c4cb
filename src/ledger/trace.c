/* SPDX-License-Identifier: Apache-2.0
 * The sparse engine of the trace: a frontier of outputs, taken transaction by transaction in chain order.
 *
 * Invariants
 *  1 An output enters `reached` once, with its final amount: only the one transaction that made it (backward: the one that
 *    spends it) gives to it, and that transaction is followed once.
 *  2 The queue is ordered by place: forward a transaction comes after all that it spends, backward before. A coinbase
 *    stands behind all other transactions of its block, since it takes their fees.
 *  3 Every entry of the queue has the end TRACE_FLOWS until its transaction is followed; if that cannot be, it gets its
 *    real end then. The sums by end are therefore made at the close, from the list itself. */
#include "ledger/trace-int.h"
#include <assert.h>
#include <string.h>

struct waiting { /* an output in the queue */
	uint64_t place;
	uint32_t reached;
	uint32_t txnum; /* that is to be followed */
};
struct work {
	const struct trace_source *s;
	struct trace_params p;
	uint32_t tx_limit; /* transactions at or below the height asked for */
	struct trace t;
	uint32_t reached_cap;
	struct waiting *heap;
	uint32_t heap_n, heap_cap;
	uint64_t place_next;	  /* the least that the queue may still hold */
	uint32_t tx_begin, ticks; /* where it began; transactions taken off the queue */
	uint32_t *group;	  /* those of one transaction */
	uint32_t group_n, group_cap;
	struct flow flow;
	struct runs runs, out_runs;
	struct share_scratch scratch;
};

static void work_done(struct work *w)
{
	trace_done(&w->t);
	free(w->heap);
	free(w->group);
	free(w->runs.p);
	free(w->out_runs.p);
	free(w->scratch.rest);
	flow_done(&w->flow);
}

static int heap_push(struct work *w, struct waiting x)
{
	if (w->heap_n == w->heap_cap) {
		uint32_t cap = w->heap_cap ? w->heap_cap * 2 : 256;
		struct waiting *p = realloc(w->heap, (size_t)cap * sizeof(*p));
		if (!p)
			return -ERR_NOMEM;
		w->heap = p;
		w->heap_cap = cap;
	}
	uint32_t i = w->heap_n++;
	for (; i && w->heap[(i - 1) / 4].place > x.place; i = (i - 1) / 4)
		w->heap[i] = w->heap[(i - 1) / 4];
	w->heap[i] = x;
	return 0;
}

static struct waiting heap_pop(struct work *w)
{
	struct waiting top = w->heap[0], x = w->heap[--w->heap_n];
	uint32_t i = 0;
	for (;;) {
		uint32_t first = i * 4 + 1, best = first;
		if (first >= w->heap_n)
			break;
		for (uint32_t c = first + 1; c < first + 4 && c < w->heap_n; c++)
			best = w->heap[c].place < w->heap[best].place ? c : best;
		if (w->heap[best].place >= x.place)
			break;
		w->heap[i] = w->heap[best];
		i = best;
	}
	w->heap[i] = x;
	return top;
}

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

static bool is_foreign(const struct work *w, uint64_t output)
{
	return output >= w->s->output_n;
}

/* The transaction to follow a forward output into; or why not. */
static enum trace_end next_forward(const struct work *w, uint64_t output, struct waiting *x)
{
	struct trace_tx tx;
	struct trace_block b;
	if (output & TRACE_FEE) {
		w->s->block(w->s->ctx, (uint32_t)output, &b);
		x->txnum = b.first_tx;
		x->place = place_of(w, x->txnum, true);
		return TRACE_FLOWS;
	}
	x->txnum = w->s->out_spender(w->s->ctx, output);
	if (!x->txnum || x->txnum >= w->tx_limit)
		return TRACE_UNSPENT;
	w->s->tx(w->s->ctx, x->txnum, &tx);
	if (!tx.in_n)
		return TRACE_LOST;
	x->place = place_of(w, x->txnum, false);
	return TRACE_FLOWS;
}

static enum trace_end next_back(const struct work *w, uint64_t output, struct waiting *x)
{
	struct trace_tx tx;
	if (output & TRACE_FEE) {
		x->txnum = (uint32_t)output;
	} else {
		if (is_foreign(w, output))
			return TRACE_FOREIGN;
		x->txnum = w->s->out_tx(w->s->ctx, output);
	}
	w->s->tx(w->s->ctx, x->txnum, &tx);
	if (!tx.in_n && w->p.fees == TRACE_FEES_SKIP)
		return TRACE_MINTED;
	x->place = place_of(w, x->txnum, !tx.in_n);
	return TRACE_FLOWS;
}

static enum trace_end stop_reason(const struct work *w, const struct trace_reached *r)
{
	bool seed = r->parent == TRACE_NONE;
	if (!seed && w->p.stop && !(r->output & TRACE_FEE) &&
	    w->p.stop(w->p.stop_ctx, w->s->out_address(w->s->ctx, r->output)))
		return TRACE_LABEL;
	if (r->hops >= w->p.hops_max)
		return TRACE_HOPS;
	if (!seed && r->amount < w->p.amount_min)
		return TRACE_DUST;
	return TRACE_FLOWS;
}

/* Decide how an output that was just reached goes on, and queue it. */
static int reached_decide(struct work *w, uint32_t i)
{
	struct trace_reached *r = &w->t.reached[i];
	struct waiting x = {.reached = i};
	enum trace_end end =
		w->p.back ? next_back(w, r->output, &x) : next_forward(w, r->output, &x);
	if (end == TRACE_FLOWS)
		end = stop_reason(w, r);
	r->end = (uint8_t)end;
	if (end == TRACE_MINTED)
		w->t.minted += r->amount;
	if (end == TRACE_FLOWS && x.txnum >= w->s->tx_n)
		return -ERR_CORRUPT;
	return end == TRACE_FLOWS ? heap_push(w, x) : 0;
}

static int reached_room(struct work *w, uint32_t n)
{
	uint32_t cap = w->reached_cap ? w->reached_cap : 256;
	while (cap < n)
		cap *= 2;
	if (cap == w->reached_cap)
		return 0;
	struct trace_reached *p = realloc(w->t.reached, (size_t)cap * sizeof(*p));
	if (!p)
		return -ERR_NOMEM;
	w->t.reached = p;
	if (w->p.policy == TRACE_FIFO) {
		uint32_t *q = realloc(w->t.run_first, ((size_t)cap + 1) * sizeof(*q));
		if (!q)
			return -ERR_NOMEM;
		w->t.run_first = q;
	}
	w->reached_cap = cap;
	return 0;
}

static int reached_add(struct work *w, struct trace_reached r, const struct trace_run *runs,
		       uint32_t run_n)
{
	struct trace *t = &w->t;
	if (w->p.policy == TRACE_FIFO)
		t->run_first[t->reached_n] = w->runs.n;
	for (uint32_t i = 0; i < run_n; i++) {
		int rc = runs_add(&w->runs, runs[i].off, runs[i].len);
		if (rc < 0)
			return rc;
	}
	if (w->p.policy == TRACE_FIFO)
		t->run_first[t->reached_n + 1] = w->runs.n;
	t->reached[t->reached_n] = r;
	return reached_decide(w, t->reached_n++);
}

/* ---- seeds ---- */

static int u64_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static int seed_check(const struct work *w, uint64_t o, struct err *e)
{
	const struct trace_source *s = w->s;
	if (o >= s->output_n && (o < s->foreign_base || o - s->foreign_base >= s->foreign_n))
		return err_set(e, ERR_RANGE, "seed", "there is no output %llu in this ledger",
			       (unsigned long long)o);
	if (!s->out_known(s->ctx, o))
		return err_set(
			e, ERR_UNSUPPORTED, "seed",
			"a seed lies before the first block of this partial ledger and its amount is unknown");
	return 0;
}

static int seed_add(struct work *w, uint64_t o)
{
	struct trace_reached r = {
		.output = o, .amount = w->s->out_value(w->s->ctx, o), .parent = TRACE_NONE};
	struct trace_run whole = {.off = 0, .len = r.amount};
	if (!r.amount)
		return 0;
	if (__builtin_add_overflow(w->t.seeds, r.amount, &w->t.seeds))
		return -ERR_CORRUPT;
	return reached_add(w, r, &whole, w->p.policy == TRACE_FIFO);
}

static int seeds_take(struct work *w, const uint64_t *seeds, size_t n, struct err *e)
{
	_cleanup_(freep) uint64_t *v = malloc(n * sizeof(*v));
	if (!v)
		return -ERR_NOMEM;
	memcpy(v, seeds, n * sizeof(*v));
	qsort(v, n, sizeof(*v), u64_cmp);
	int r = reached_room(w, n < w->p.reached_max ? (uint32_t)n : w->p.reached_max);
	bool any = false;
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (i && v[i] == v[i - 1])
			continue;
		r = seed_check(w, v[i], e);
		if (r < 0 || (!is_foreign(w, v[i]) && w->s->out_tx(w->s->ctx, v[i]) >= w->tx_limit))
			continue;
		any = true;
		w->t.partial |= w->t.reached_n == w->p.reached_max;
		if (!w->t.partial)
			r = seed_add(w, v[i]);
	}
	w->t.seed_n = w->t.reached_n;
	if (r == 0 && !any)
		return err_set(e, ERR_NOENT, "seed", "no seed exists at or below height %u",
			       w->p.height);
	return r;
}

static bool is_seed(const struct trace *t, uint64_t output)
{
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

/* Take everything that waits for the next transaction off the queue. Places only grow, or the chain goes in a circle. */
static int group_take(struct work *w, uint32_t *ret_txnum)
{
	uint64_t place = w->heap[0].place;
	*ret_txnum = w->heap[0].txnum;
	if (place < w->place_next)
		return -ERR_CORRUPT;
	w->place_next = place + 1;
	w->group_n = 0;
	while (w->heap_n && w->heap[0].place == place) {
		if (w->group_n == w->group_cap) {
			uint32_t cap = w->group_cap ? w->group_cap * 2 : 64;
			uint32_t *p = realloc(w->group, (size_t)cap * sizeof(*p));
			if (!p)
				return -ERR_NOMEM;
			w->group = p;
			w->group_cap = cap;
		}
		w->group[w->group_n++] = heap_pop(w).reached;
	}
	return 0;
}

static void group_end(struct work *w, enum trace_end end)
{
	for (uint32_t i = 0; i < w->group_n; i++)
		w->t.reached[w->group[i]].end = (uint8_t)end;
}

static int by_output(const void *a, const void *b, void *reached)
{
	const struct trace_reached *r = reached;
	uint64_t x = r[*(const uint32_t *)a].output, y = r[*(const uint32_t *)b].output;
	return (x > y) - (x < y);
}

static uint32_t group_find(const struct work *w, uint64_t output)
{
	uint32_t lo = 0, hi = w->group_n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (w->t.reached[w->group[mid]].output < output)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->group_n && w->t.reached[w->group[lo]].output == output ? w->group[lo]
									      : TRACE_NONE;
}

/* Put the taint of the group on the side that it comes from. */
static int group_attach(struct work *w, struct parts *from)
{
	uint32_t found = 0;
	if (w->group_n > 1)
		qsort_r(w->group, w->group_n, sizeof(*w->group), by_output, w->t.reached);
	for (uint32_t i = 0; i < from->n && found < w->group_n; i++) {
		struct part *p = &from->p[i];
		uint32_t k = group_find(w, p->id);
		if (k == TRACE_NONE)
			continue;
		p->amount = w->t.reached[k].amount;
		p->reached = k;
		p->hops = w->t.reached[k].hops;
		if (w->p.policy == TRACE_FIFO) {
			p->run_first = w->t.run_first[k];
			p->run_n = w->t.run_first[k + 1] - p->run_first;
		}
		found++;
	}
	return found == w->group_n ? 0 : -ERR_CORRUPT;
}

static bool budget_spent(const struct work *w, const struct parts *to)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < to->n; i++)
		n += to->p[i].amount != 0;
	return w->t.reached_n + n > w->p.reached_max ||
	       (uint64_t)w->runs.n + w->out_runs.n > w->p.runs_max;
}

/* Hand the receiving side's taint on: to the sums, to a seed, or to the queue. */
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
	if (is_seed(&w->t, p->id)) {
		w->t.overlap += p->amount;
		return 0;
	}
	return reached_add(w, r, p->run_n ? &w->out_runs.p[p->run_first] : NULL, p->run_n);
}

static int group_follow(struct work *w, uint32_t txnum)
{
	int r = flow_load(&w->flow, w->s, w->p.fees, txnum);
	if (r < 0)
		return r;
	if (r > 0) {
		group_end(w, TRACE_UNKNOWN);
		return 0;
	}
	if (w->p.stop_at_joins && w->flow.joined) {
		group_end(w, TRACE_COINJOIN);
		return 0;
	}
	struct parts *from = w->p.back ? &w->flow.right : &w->flow.left;
	struct parts *to = w->p.back ? &w->flow.left : &w->flow.right;
	r = group_attach(w, from);
	if (r == 0)
		r = share(w->p.policy, w->flow.joined, from, &w->runs, to, &w->out_runs,
			  &w->scratch);
	if (r < 0)
		return r;
	if (budget_spent(w, to)) {
		w->t.partial = true;
		group_end(w, TRACE_BUDGET);
		return 0;
	}
	uint64_t in = 0, out = 0;
	r = reached_room(w, w->t.reached_n + to->n);
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

/* ---- the whole ---- */

static void budget_end(struct work *w)
{
	while (w->heap_n)
		w->t.reached[w->heap[--w->heap_n].reached].end = TRACE_BUDGET;
}

static int conserved(struct trace *t)
{
	unsigned __int128 out = (unsigned __int128)t->fees + t->minted;
	for (uint32_t i = 0; i < t->reached_n; i++)
		t->ended[t->reached[i].end] += t->reached[i].amount;
	for (int end = TRACE_FLOWS + 1; end < TRACE_END_N; end++)
		out += end == TRACE_MINTED ? 0 : t->ended[end];
	return out + t->overlap == (unsigned __int128)t->seeds + t->spread ? 0 : -ERR_CORRUPT;
}

/* Tell how far it is; false to end here. */
static bool work_tick(struct work *w)
{
	uint32_t at = w->heap[0].txnum;
	if (!w->p.tick || w->ticks++ % TRACE_TICK_TX)
		return true;
	if (w->ticks == 1)
		w->tx_begin = at;
	struct trace_progress p = {.tx_done = w->p.back ? w->tx_begin - at : at - w->tx_begin,
				   .tx_n = w->p.back ? w->tx_begin + 1 : w->tx_limit - w->tx_begin,
				   .reached_n = w->t.reached_n};
	return w->p.tick(w->p.tick_ctx, &p);
}

static int work_run(struct work *w, struct err *e)
{
	int r = 0;
	uint32_t txnum = 0;
	while (r == 0 && w->heap_n && !w->t.partial) {
		if (!work_tick(w)) {
			w->t.partial = true;
			break;
		}
		r = group_take(w, &txnum);
		if (r == 0)
			r = group_follow(w, txnum);
	}
	if (r == -ERR_CORRUPT)
		return err_set(e, r, NULL,
			       "transaction number %u contradicts the rest; run: lug ledger verify",
			       txnum);
	if (r < 0)
		return r;
	budget_end(w);
	r = conserved(&w->t);
	return r < 0 ? err_set(e, r, NULL,
			       "the trace does not conserve amounts; this is a fault of the program")
		     : 0;
}

void trace_params_init(struct trace_params *p)
{
	*p = (struct trace_params){
		.policy = TRACE_HAIRCUT, .hops_max = TRACE_NONE, .height = TRACE_NONE};
}

/* The height asked for, as a number of transactions. */
static void work_limit(struct work *w)
{
	struct trace_block b;
	uint32_t lo = 0, hi = w->s->tx_n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		w->s->block(w->s->ctx, mid, &b);
		if (b.height <= w->p.height)
			lo = b.first_tx + b.tx_n;
		else
			hi = b.first_tx;
	}
	w->tx_limit = lo;
	if (lo) {
		w->s->block(w->s->ctx, lo - 1, &b);
		w->t.height = b.height;
	}
}

int trace_run(const struct trace_source *s, const struct trace_params *p, const uint64_t *seeds,
	      size_t n, struct trace *ret_t, struct err *e)
{
	_cleanup_(work_done) struct work w = {.s = s, .p = *p};
	memset(ret_t, 0, sizeof(*ret_t));
	if (!n)
		return err_set(e, ERR_NOENT, "seed", "a trace needs at least one seed");
	w.p.reached_max = p->reached_max ? p->reached_max : TRACE_REACHED_MAX;
	w.p.runs_max = p->runs_max ? p->runs_max : TRACE_RUNS_MAX;
	work_limit(&w);
	int r = seeds_take(&w, seeds, n, e);
	if (r == 0)
		r = work_run(&w, e);
	if (r < 0)
		return r;
	*ret_t = w.t;
	if (p->policy == TRACE_FIFO)
		ret_t->runs = TAKE_PTR(w.runs.p);
	memset(&w.t, 0, sizeof(w.t));
	return 0;
}

void trace_done(struct trace *t)
{
	free(t->reached);
	free(t->runs);
	free(t->run_first);
	memset(t, 0, sizeof(*t));
}
