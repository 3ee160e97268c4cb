/* SPDX-License-Identifier: Apache-2.0
 * The dense engine: a sweep over the chain's rows in the order of places.
 *
 * What waits for a transaction is found by its output in an array of four bytes for each output. A waiting output is looked at
 * again when the sweep comes to its transaction; only then is seen that a coinbase made it (minted), and what still waits at the
 * end was made unreachable (lost), or the budget ended it, or the chain contradicts itself. Fees wait by
 * transaction for as long as their block is at hand. */
#include "ledger/pages.h"
#include "ledger/trace-int.h"

enum { AHEAD_WAIT = 48, AHEAD_REACHED = 24 }; /* rows that are asked for before they are needed */

static uint32_t *slot_of(const struct work *w, uint64_t output)
{
	return &w->wait[wait_slot(w->s, &w->range, output)];
}

void dense_wait(struct work *w, uint64_t output, uint32_t reached)
{
	if (output & TRACE_FEE)
		w->fee_wait[(uint32_t)output - w->block.first_tx] = reached + 1;
	else
		*slot_of(w, output) = reached + 1;
	w->wait_outs++;
}

/* Everything that waits for the transaction at hand, onto the side that it comes from. */
static int take_waiting(struct work *w)
{
	struct parts *from = w->p.back ? &w->flow.right : &w->flow.left;
	w->group_n = 0;
	for (uint32_t i = 0; i < from->n; i++) {
		struct part *p = &from->p[i];
		if (p->id == PART_GONE || p->id == PART_MINTED)
			continue;
		uint32_t *slot = p->id & TRACE_FEE
					 ? &w->fee_wait[(uint32_t)p->id - w->block.first_tx]
					 : slot_of(w, p->id);
		if (!*slot)
			continue;
		group_attach(w, p, *slot - 1);
		int r = group_add(w, *slot - 1);
		if (r < 0)
			return r;
		*slot = 0;
	}
	w->wait_outs -= w->group_n;
	return 0;
}

static int follow_loaded(struct work *w, int loaded)
{
	if (loaded < 0)
		return loaded;
	int r = take_waiting(w);
	if (r < 0 || !w->group_n)
		return r;
	if (loaded == 0)
		return group_follow(w);
	group_end(w, TRACE_UNKNOWN);
	return 0;
}

/* ---- blocks, when fees are followed ---- */

static int coinbase_follow(struct work *w)
{
	struct trace_tx tx;
	bool any = false;
	w->s->tx(w->s->ctx, w->block.first_tx, &tx);
	for (uint32_t i = 0; w->p.back && i < tx.out_n; i++)
		any |= *slot_of(w, tx.first_out + i) != 0;
	for (uint32_t i = 0; !w->p.back && i < w->block.tx_n; i++)
		any |= w->fee_wait[i] != 0;
	if (!any)
		return 0;
	w->txnum = w->block.first_tx;
	return follow_loaded(w, flow_load(&w->flow, w->s, w->p.fees, w->txnum));
}

static int block_enter(struct work *w, uint32_t txnum)
{
	w->s->block(w->s->ctx, txnum, &w->block);
	if (w->block.first_tx > txnum || txnum - w->block.first_tx >= w->block.tx_n)
		return -ERR_CORRUPT;
	free(w->fee_wait);
	w->fee_wait = calloc(w->block.tx_n, sizeof(*w->fee_wait));
	return w->fee_wait ? 0 : -ERR_NOMEM;
}

/* ---- transactions ---- */

static const struct trace_reached *entry_of(const struct work *w, uint32_t slot)
{
	return &w->t.reached[slot ? slot - 1 : 0];
}

static void ask_ahead_in(const struct work *w, const struct sweep *x, struct rows at)
{
	uint32_t end = x->b.in_end[x->b.tx_n - 1];
	for (uint32_t i = at.in; i < at.in_end; i++) {
		if (i + AHEAD_WAIT < end)
			__builtin_prefetch(&w->wait[x->in_slot[i + AHEAD_WAIT]], 1);
		if (i + AHEAD_REACHED < end)
			__builtin_prefetch(entry_of(w, w->wait[x->in_slot[i + AHEAD_REACHED]]));
	}
}

static void ask_ahead_out(const struct work *w, const struct sweep *x, struct rows at)
{
	for (uint32_t i = at.in; i < at.in_end; i++)
		if (i >= AHEAD_WAIT)
			__builtin_prefetch(&w->wait[x->in_slot[i - AHEAD_WAIT]], 1);
	for (uint32_t i = at.out; i < at.out_end; i++)
		if (i >= AHEAD_REACHED)
			__builtin_prefetch(
				entry_of(w, *slot_of(w, x->b.first_out + i - AHEAD_REACHED)));
}

static bool anything_waits(const struct work *w, const struct sweep *x, struct rows at, uint32_t k)
{
	const struct trace_batch *b = &x->b;
	uint32_t any = 0;
	if (!w->p.back) {
		for (uint32_t i = at.in; i < at.in_end; i++)
			any |= w->wait[x->in_slot[i]];
		return any;
	}
	for (uint32_t i = at.out; i < at.out_end; i++)
		any |= *slot_of(w, b->first_out + i);
	if (w->fee_wait)
		any |= w->fee_wait[b->first_tx + k - w->block.first_tx];
	return any;
}

/* Backward, fees skipped: what waits for a coinbase was minted there. */
static int minted_end(struct work *w, const struct trace_batch *b, struct rows at)
{
	for (uint32_t i = at.out; i < at.out_end; i++) {
		uint32_t *slot = slot_of(w, b->first_out + i);
		if (!*slot)
			continue;
		struct trace_reached *r = &w->t.reached[*slot - 1];
		r->end = TRACE_MINTED;
		w->t.minted += r->amount;
		*slot = 0;
		w->wait_outs--;
	}
	return 0;
}

/* Can it go the short way? Joined transactions are like all others where no one stops there: haircut is what they share by. */
static bool amounts_only(const struct work *w, const struct sweep *x, struct rows at, uint32_t k)
{
	uint64_t parts = (uint64_t)(at.in_end - at.in) + (at.out_end - at.out) + 1;
	return w->short_way && x->line[k] != LINE_LOOK &&
	       w->t.reached_n + parts <= w->p.reached_max;
}

static int tx_sweep(struct work *w, const struct sweep *x, uint32_t k)
{
	const struct trace_batch *b = &x->b;
	struct rows at = rows_of(b, k);
	if (w->p.back)
		ask_ahead_out(w, x, at);
	else
		ask_ahead_in(w, x, at);
	w->txnum = b->first_tx + k;
	if (amounts_only(w, x, at, k))
		return amounts_follow(w, x, k);
	if (!anything_waits(w, x, at, k))
		return 0;
	if (at.in == at.in_end)
		return w->p.fees == TRACE_FEES_SKIP ? minted_end(w, b, at) : 0;
	return follow_loaded(w, flow_batch(&w->flow, w->s, w->p.fees, b, k));
}

/* One transaction with what its block asks for when fees are followed: the coinbase behind all others. */
static int place_sweep(struct work *w, const struct sweep *x, uint32_t k)
{
	uint32_t txnum = x->b.first_tx + k;
	int r = 0;
	if (w->p.fees == TRACE_FEES_SKIP)
		return tx_sweep(w, x, k);
	if (!w->fee_wait || txnum - w->block.first_tx >= w->block.tx_n) {
		r = block_enter(w, txnum);
		if (r == 0 && w->p.back)
			r = coinbase_follow(w);
	}
	if (r == 0 && !w->t.partial)
		r = tx_sweep(w, x, k);
	bool last = txnum + 1 == w->block.first_tx + w->block.tx_n;
	if (r == 0 && !w->t.partial && !w->p.back && last)
		r = coinbase_follow(w);
	return r;
}

static int batch_sweep(struct work *w, const struct sweep *x)
{
	int r = 0;
	uint32_t n = x->b.tx_n;
	for (uint32_t i = 0; r == 0 && i < n && w->wait_outs && !w->t.partial; i++)
		r = place_sweep(w, x, w->p.back ? n - 1 - i : i);
	return r;
}

/* ---- the whole ---- */

/* From the queue to the array, which covers what can still be reached: backward from the end of the first block looked at,
 * forward from its beginning or what is spent from before it. */
static int wait_begin(struct work *w, const struct trace_block *first)
{
	const struct trace_source *s = w->s;
	struct trace_tx tx;
	s->tx(s->ctx, w->p.back ? first->first_tx + first->tx_n - 1 : first->first_tx, &tx);
	uint64_t low = tx.first_out, high = s->output_n;
	for (uint32_t i = 0; i < w->heap_n; i++) {
		uint64_t o = w->t.reached[w->heap[i].reached].output;
		low = o < low ? o : low;
	}
	if (w->p.back) {
		low = 0;
		high = tx.first_out + tx.out_n;
	}
	if (low > high || high > s->output_n)
		return -ERR_CORRUPT;
	w->range = (struct wait_range){.base = low, .n = high - low};
	w->wait_len = (w->range.n + s->foreign_n + 1) * sizeof(*w->wait);
	w->wait = pages_new(w->wait_len);
	if (!w->wait)
		return -ERR_NOMEM;
	reached_reserve(w);
	while (w->heap_n) {
		uint32_t i = w->heap[--w->heap_n].reached;
		dense_wait(w, w->t.reached[i].output, i);
	}
	return 0;
}

static bool waits(const struct work *w, uint32_t i)
{
	const struct trace_reached *r = &w->t.reached[i];
	uint32_t in_block = (uint32_t)r->output - w->block.first_tx;
	if (r->end != TRACE_FLOWS)
		return false;
	if (r->output & TRACE_FEE)
		return w->fee_wait && in_block < w->block.tx_n && w->fee_wait[in_block] == i + 1;
	return *slot_of(w, r->output) == i + 1;
}

/* What no transaction took. */
static int wait_end(struct work *w)
{
	for (uint32_t i = 0; w->wait_outs && i < w->t.reached_n; i++) {
		struct trace_reached *r = &w->t.reached[i];
		if (!waits(w, i))
			continue;
		enum trace_end end = reached_exact_end(w, r->output, &w->txnum);
		if (end == TRACE_FLOWS && !w->t.partial)
			return -ERR_CORRUPT;
		r->end = end == TRACE_FLOWS ? TRACE_BUDGET : (uint8_t)end;
		if (end == TRACE_MINTED)
			w->t.minted += r->amount;
		w->wait_outs--;
	}
	return 0;
}

/* The array, and the reader of batches behind which it is filled. */
static int sweep_open(struct work *w, struct batches **ret_reader)
{
	struct trace_block first;
	w->s->block(w->s->ctx, w->heap[0].txnum, &first);
	uint32_t from = w->p.back ? 0 : first.first_tx,
		 to = w->p.back ? first.first_tx + first.tx_n : w->tx_limit;
	int r = wait_begin(w, &first);
	return r < 0 ? r : batches_open(w->s, &w->range, from, to, w->p.back, ret_reader);
}

static int sweep_next(struct work *w, struct batches *reader, const struct sweep **ret_x)
{
	struct touch touch = {.p = w->t.reached,
			      .len = w->t.reached_map_len,
			      .used = w->t.reached_n * sizeof(*w->t.reached)};
	return batches_next(reader, touch.len ? &touch : NULL, ret_x);
}

int dense_run(struct work *w)
{
	_cleanup_(batches_closep) struct batches *reader = NULL;
	const struct sweep *x;
	uint32_t at = w->heap[0].txnum;
	w->t.engine = TRACE_DENSE;
	w->short_way = !w->p.stop_at_joins &&
		       (w->p.policy == TRACE_POISON || w->p.policy == TRACE_HAIRCUT);
	w->plain = !w->p.stop && w->p.hops_max == TRACE_NONE && w->p.amount_min <= 1;
	int r = sweep_open(w, &reader);
	while (r == 0 && w->wait_outs && !w->t.partial) {
		if (!work_tick(w, at)) {
			w->t.partial = true;
			break;
		}
		r = sweep_next(w, reader, &x);
		if (r < 0 || !x)
			break;
		r = batch_sweep(w, x);
		at = w->p.back ? x->b.first_tx : x->b.first_tx + x->b.tx_n - 1;
	}
	return r < 0 ? r : wait_end(w);
}
