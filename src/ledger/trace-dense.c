/* SPDX-License-Identifier: Apache-2.0
 * The dense engine: a sweep over the chain's rows in the order of places.
 *
 * What waits for a transaction is found by its output in an array of four bytes for each output. A waiting output is looked at
 * again when the sweep comes to its transaction; only then is seen that a coinbase made it (minted), and what still waits at the
 * end was made unreachable (lost), or the budget ended it, or the chain contradicts itself. Fees wait by
 * transaction for as long as their block is at hand. */
#include "ledger/trace-int.h"

enum { AHEAD_WAIT = 48, AHEAD_REACHED = 24 }; /* rows that are asked for before they are needed */

/* Behind those of the chain and the foreign ones lies one that is always empty, for outputs that nothing can reach any more. */
static uint32_t *wait_slot(const struct work *w, uint64_t output)
{
	if (output - w->wait_base < w->wait_n)
		return &w->wait[output - w->wait_base];
	return &w->wait[w->wait_n +
			(output < w->s->output_n ? w->s->foreign_n : output - w->s->foreign_base)];
}

void dense_wait(struct work *w, uint64_t output, uint32_t reached)
{
	if (output & TRACE_FEE)
		w->fee_wait[(uint32_t)output - w->block.first_tx] = reached + 1;
	else
		*wait_slot(w, output) = reached + 1;
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
					 : wait_slot(w, p->id);
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
		any |= *wait_slot(w, tx.first_out + i) != 0;
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

struct rows {
	uint32_t in, in_end, out, out_end;
};

static struct rows rows_of(const struct trace_batch *b, uint32_t k)
{
	return (struct rows){.in = k ? b->in_end[k - 1] : 0,
			     .in_end = b->in_end[k],
			     .out = k ? b->out_end[k - 1] : 0,
			     .out_end = b->out_end[k]};
}

static void ask_ahead_in(const struct work *w, const struct trace_batch *b, struct rows at)
{
	uint32_t end = b->in_end[b->tx_n - 1];
	for (uint32_t i = at.in; i < at.in_end; i++) {
		if (i + AHEAD_WAIT < end)
			__builtin_prefetch(wait_slot(w, b->in_output[i + AHEAD_WAIT]));
		if (i + AHEAD_REACHED < end)
			__builtin_prefetch(
				&w->t.reached[*wait_slot(w, b->in_output[i + AHEAD_REACHED])]);
	}
}

static void ask_ahead_out(const struct work *w, const struct trace_batch *b, struct rows at)
{
	for (uint32_t i = at.in; i < at.in_end; i++)
		if (i >= AHEAD_WAIT)
			__builtin_prefetch(wait_slot(w, b->in_output[i - AHEAD_WAIT]), 1);
	for (uint32_t i = at.out; i < at.out_end; i++)
		if (i >= AHEAD_REACHED)
			__builtin_prefetch(
				&w->t.reached[*wait_slot(w, b->first_out + i - AHEAD_REACHED)]);
}

static bool anything_waits(const struct work *w, const struct trace_batch *b, struct rows at,
			   uint32_t k)
{
	uint32_t any = 0;
	if (!w->p.back) {
		for (uint32_t i = at.in; i < at.in_end; i++)
			any |= *wait_slot(w, b->in_output[i]);
		return any;
	}
	for (uint32_t i = at.out; i < at.out_end; i++)
		any |= *wait_slot(w, b->first_out + i);
	if (w->fee_wait)
		any |= w->fee_wait[b->first_tx + k - w->block.first_tx];
	return any;
}

/* Backward, fees skipped: what waits for a coinbase was minted there. */
static int minted_end(struct work *w, const struct trace_batch *b, struct rows at)
{
	for (uint32_t i = at.out; i < at.out_end; i++) {
		uint32_t *slot = wait_slot(w, b->first_out + i);
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

static int tx_sweep(struct work *w, const struct trace_batch *b, uint32_t k)
{
	struct rows at = rows_of(b, k);
	if (w->p.back)
		ask_ahead_out(w, b, at);
	else
		ask_ahead_in(w, b, at);
	if (!anything_waits(w, b, at, k))
		return 0;
	w->txnum = b->first_tx + k;
	if (at.in == at.in_end)
		return w->p.fees == TRACE_FEES_SKIP ? minted_end(w, b, at) : 0;
	return follow_loaded(w, flow_batch(&w->flow, w->s, w->p.fees, b, k));
}

/* One transaction with what its block asks for when fees are followed: the coinbase behind all others. */
static int place_sweep(struct work *w, const struct trace_batch *b, uint32_t k)
{
	uint32_t txnum = b->first_tx + k;
	int r = 0;
	if (w->p.fees == TRACE_FEES_SKIP)
		return tx_sweep(w, b, k);
	if (!w->fee_wait || txnum - w->block.first_tx >= w->block.tx_n) {
		r = block_enter(w, txnum);
		if (r == 0 && w->p.back)
			r = coinbase_follow(w);
	}
	if (r == 0 && !w->t.partial)
		r = tx_sweep(w, b, k);
	bool last = txnum + 1 == w->block.first_tx + w->block.tx_n;
	if (r == 0 && !w->t.partial && !w->p.back && last)
		r = coinbase_follow(w);
	return r;
}

static int batch_sweep(struct work *w, const struct trace_batch *b)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < b->tx_n && w->wait_outs && !w->t.partial; i++)
		r = place_sweep(w, b, w->p.back ? b->tx_n - 1 - i : i);
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
	w->wait_base = low;
	w->wait_n = high - low;
	w->wait = calloc(w->wait_n + s->foreign_n + 1, sizeof(*w->wait));
	if (!w->wait)
		return -ERR_NOMEM;
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
	return *wait_slot(w, r->output) == i + 1;
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

int dense_run(struct work *w)
{
	_cleanup_(batches_closep) struct batches *reader = NULL;
	const struct trace_batch *b;
	struct trace_block first;
	uint32_t at = w->heap[0].txnum;
	w->t.engine = TRACE_DENSE;
	w->s->block(w->s->ctx, at, &first);
	int r = wait_begin(w, &first);
	if (r == 0)
		r = w->p.back ? batches_open(w->s, 0, first.first_tx + first.tx_n, true, &reader)
			      : batches_open(w->s, first.first_tx, w->tx_limit, false, &reader);
	while (r == 0 && w->wait_outs && !w->t.partial) {
		if (!work_tick(w, at)) {
			w->t.partial = true;
			break;
		}
		r = batches_next(reader, &b);
		if (r < 0 || !b)
			break;
		r = batch_sweep(w, b);
		at = w->p.back ? b->first_tx : b->first_tx + b->tx_n - 1;
	}
	return r < 0 ? r : wait_end(w);
}
