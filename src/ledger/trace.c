/* SPDX-License-Identifier: Apache-2.0
 * The whole of a trace: its seeds, the run of an engine, and that nothing was made or lost. */
#include "ledger/pages.h"
#include "ledger/trace-int.h"
#include <assert.h>
#include <string.h>

static void work_done(struct work *w)
{
	trace_done(&w->t);
	free(w->seed_bits);
	free(w->heap);
	pages_free(w->wait, w->wait_len);
	free(w->fee_wait);
	free(w->group);
	free(w->runs.p);
	free(w->out_runs.p);
	free(w->scratch.rest);
	free(w->scratch.value);
	free(w->scratch.amount);
	flow_done(&w->flow);
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
	if (!output_valid(s, o))
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
	w->seed_bits[(o & w->seed_mask) / 8] |= (uint8_t)(1 << (o & w->seed_mask) % 8);
	return reached_add(w, r, &whole, policy_has_runs(w->p.policy));
}

/* About one in 64 of the bits is set. */
static int seed_bits_new(struct work *w, size_t n)
{
	enum { BITS_MIN = 1 << 12, BITS_MAX = 1 << 26 };
	uint64_t bits = BITS_MIN;
	while (bits < BITS_MAX && bits / 64 < n)
		bits *= 2;
	w->seed_mask = bits - 1;
	w->seed_bits = calloc(bits / 8, 1);
	return w->seed_bits ? 0 : -ERR_NOMEM;
}

static int seeds_take(struct work *w, const uint64_t *seeds, size_t n, struct err *e)
{
	_cleanup_(freep) uint64_t *v = malloc(n * sizeof(*v));
	if (!v)
		return -ERR_NOMEM;
	memcpy(v, seeds, n * sizeof(*v));
	qsort(v, n, sizeof(*v), u64_cmp);
	int r = seed_bits_new(w, n);
	if (r == 0)
		r = reached_room(w, n < w->p.reached_max ? (uint32_t)n : w->p.reached_max);
	bool any = false;
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (i && v[i] == v[i - 1])
			continue;
		r = seed_check(w, v[i], e);
		if (r < 0 ||
		    (v[i] < w->s->output_n && w->s->out_tx(w->s->ctx, v[i]) >= w->tx_limit))
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

/* ---- the whole ---- */

static int conserved(struct trace *t)
{
	unsigned __int128 out = (unsigned __int128)t->fees + t->minted;
	for (uint32_t i = 0; i < t->reached_n; i++) {
		t->ended[t->reached[i].end] += t->reached[i].amount;
		t->ended_n[t->reached[i].end]++;
	}
	for (int end = TRACE_FLOWS + 1; end < TRACE_END_N; end++)
		out += end == TRACE_MINTED ? 0 : t->ended[end];
	return out + t->overlap == (unsigned __int128)t->seeds + t->spread ? 0 : -ERR_CORRUPT;
}

static int work_run(struct work *w, struct err *e)
{
	int r = sparse_run(w);
	if (r > 0)
		r = dense_run(w);
	if (r == -ERR_CORRUPT)
		return err_set(e, r, NULL,
			       "transaction number %u contradicts the rest; run: lug ledger verify",
			       w->txnum);
	if (r < 0)
		return r;
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
	w.t.engine = TRACE_SPARSE;
	work_limit(&w);
	int r = seeds_take(&w, seeds, n, e);
	if (r == 0)
		r = work_run(&w, e);
	if (r < 0)
		return r;
	*ret_t = w.t;
	if (policy_has_runs(p->policy))
		ret_t->runs = TAKE_PTR(w.runs.p);
	memset(&w.t, 0, sizeof(w.t));
	return 0;
}

void trace_done(struct trace *t)
{
	if (t->reached_map_len)
		pages_free(t->reached, t->reached_map_len);
	else
		free(t->reached);
	free(t->runs);
	free(t->run_first);
	memset(t, 0, sizeof(*t));
}
