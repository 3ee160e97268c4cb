/* SPDX-License-Identifier: Apache-2.0
 * Inside the trace: the two sides of a transaction, how taint crosses from one to the other, and what both engines share. */
#ifndef LEDGER_TRACE_INT_H
#define LEDGER_TRACE_INT_H
#include "ledger/trace.h"

/* Parts that are no outputs. */
#define PART_MINTED UINT64_MAX
#define PART_GONE (UINT64_MAX - 1) /* a fee that is not followed, or is unclaimed */

/* An input, an output, a fee, or minted money: a stretch of the line (taint.md 2). */
struct part {
	uint64_t id;		/* output; TRACE_FEE | txnum; PART_X */
	uint64_t value, amount; /* all of it; the tainted of it */
	uint32_t reached;	/* giving side: its index; receiving side: that of the parent */
	uint32_t hops;		/* giving side: its own */
	uint32_t run_first,
		run_n; /* fifo, lifo: giving side in the caller's runs, receiving side in ret_runs */
};
struct parts {
	struct part *p;
	uint32_t n, cap;
	uint64_t value; /* sum */
};
struct runs {
	struct trace_run *p;
	uint32_t n, cap;
};

/** parts_add - append a part
 * Returns: 0; -ERR_NOMEM; -ERR_CORRUPT the values exceed 64 bits */
int parts_add(struct parts *ps, uint64_t id, uint64_t value) WARN_UNUSED;
int runs_add(struct runs *rs, uint64_t off, uint64_t len) WARN_UNUSED;

/* Both sides of a transaction, of equal length. */
struct flow {
	struct parts left, right;
	bool joined;
};
/** flow_load - the sides of a transaction; its memory is reused from call to call
 * Returns: 0; 1 an amount in it is unknown, but a coinbase's parts are all there; -ERR_CORRUPT outputs exceed inputs, or an id is out of range; -ERR_NOMEM */
int flow_load(struct flow *f, const struct trace_source *s, enum trace_fees fees,
	      uint32_t txnum) WARN_UNUSED;
/** flow_batch - the same of transaction k of a batch, which is no coinbase */
int flow_batch(struct flow *f, const struct trace_source *s, enum trace_fees fees,
	       const struct trace_batch *b, uint32_t k) WARN_UNUSED;
void flow_done(struct flow *f);

struct share_scratch {
	struct rest *rest;
	uint64_t *value, *amount;
	uint32_t cap;
};
/** share_room - room for n parts in each array; keeps nothing
 * Returns: 0; -ERR_NOMEM */
int share_room(struct share_scratch *tmp, uint32_t n) WARN_UNUSED;
/** share_haircut - amounts of n parts of these values, which together are the line; t <= line, and the room is there
 * Source:  docs/format/taint.md 3 */
void share_haircut(uint64_t t, uint64_t line, const uint64_t *value, uint32_t n,
		   uint64_t *ret_amount, struct rest *rest);
/** share - what each part of one side gets from the tainted parts of the other
 * In:      from     amounts, hops and runs filled in; at least one amount above 0
 *          given    runs of the giving parts (fifo, lifo)
 * Out:     to       amounts and parents; ret_runs, cleared first, with their runs (fifo, lifo)
 * Returns: 0; -ERR_NOMEM; -ERR_CORRUPT a policy but poison would not conserve: cannot happen
 * Source:  docs/format/taint.md 3 */
int share(enum trace_policy policy, bool joined, const struct parts *from, const struct runs *given,
	  struct parts *to, struct runs *ret_runs, struct share_scratch *tmp) WARN_UNUSED;
/* Does a policy keep places on the line? */
static inline bool policy_has_runs(enum trace_policy p)
{
	return p == TRACE_FIFO || p == TRACE_LIFO;
}

/* The outputs that a sweep can reach: n of the chain's from base on. */
struct wait_range {
	uint64_t base, n;
};
/** wait_slot - where an output waits: those of the range, then the foreign ones, then one place that is always empty, for outputs that
 *              nothing can reach any more */
static inline uint64_t wait_slot(const struct trace_source *s, const struct wait_range *range,
				 uint64_t output)
{
	if (output - range->base < range->n)
		return output - range->base;
	return range->n + (output < s->output_n ? s->foreign_n : output - s->foreign_base);
}

struct waiting { /* an output in the sparse engine's queue */
	uint64_t place;
	uint32_t reached;
	uint32_t txnum; /* that is to be followed */
};

/* One run. An output that waits is in the heap (sparse) or in wait (dense). */
struct work {
	const struct trace_source *s;
	struct trace_params p;
	uint32_t tx_limit; /* transactions at or below the height asked for */
	struct trace t;
	uint32_t reached_cap;
	uint8_t *seed_bits; /* which outputs may be seeds, by their low bits */
	uint64_t seed_mask;

	struct waiting *heap;
	uint32_t heap_n, heap_cap;
	uint64_t place_next;  /* the least that the queue may still hold */
	uint32_t fee_waiting; /* fees in the queue */

	size_t wait_len;    /* bytes of wait */
	uint32_t *wait;	    /* 1 + index in reached of what waits, 0 none; by wait_slot() */
	uint32_t *fee_wait; /* the same of the fees of the block at hand, by transaction */
	struct wait_range range;
	uint32_t wait_outs; /* how many wait */
	bool plain;	    /* no stops: what is reached is unspent, or foreign, or flows */
	bool short_way;	    /* amounts_follow() may serve */
	struct trace_block block;

	uint32_t *group; /* reached outputs that wait for the transaction at hand */
	uint32_t group_n, group_cap;
	uint32_t tx_begin, txnum; /* first and last transaction looked at */
	struct flow flow;
	struct runs runs, out_runs;
	struct share_scratch scratch;
};

/** reached_add - a new entry, with the runs that it has; decides how it goes on, and lets it wait if it does. There must be room
 * Returns: 0; -ERR_NOMEM; -ERR_CORRUPT */
int reached_add(struct work *w, struct trace_reached r, const struct trace_run *runs,
		uint32_t run_n) WARN_UNUSED;
int reached_room(struct work *w, uint32_t n) WARN_UNUSED;
/** reached_reserve - room for all that a sweep can reach, so that nothing is moved any more; does what it can */
void reached_reserve(struct work *w);
/** seed_is - is an output a seed? */
bool seed_find(const struct work *w, uint64_t output);
static inline bool seed_is(const struct work *w, uint64_t output)
{
	uint64_t bit = output & w->seed_mask;
	return w->seed_bits[bit / 8] >> bit % 8 & 1 && seed_find(w, output);
}
/** reached_exact_end - the end of an output that is said to flow, after a look at the transaction that it would flow into, which
 * is told too */
enum trace_end reached_exact_end(const struct work *w, uint64_t output, uint32_t *ret_txnum);

/** group_add - one more for the transaction at hand; group_end - all of them end here */
int group_add(struct work *w, uint32_t reached) WARN_UNUSED;
void group_end(struct work *w, enum trace_end end);
/** group_attach - put an entry's taint on the part that it is */
void group_attach(const struct work *w, struct part *p, uint32_t reached);
/** group_follow - hand the taint of the group, attached to the side where it comes from, to the other side of w->flow
 * Returns: 0, with w->t.partial when the budget does not allow it; -ERR_CORRUPT; -ERR_NOMEM */
int group_follow(struct work *w) WARN_UNUSED;
/** work_tick - tell the caller how far it is; false to end here */
bool work_tick(struct work *w, uint32_t at);

/** sparse_push - let an entry wait in the queue
 * sparse_run - until nothing waits, the budget ends it, or the sweep should go on from here
 * Returns: 0; 1 for the sweep; -ERR_CORRUPT; -ERR_NOMEM */
int sparse_push(struct work *w, struct waiting x) WARN_UNUSED;
int sparse_run(struct work *w) WARN_UNUSED;
/** dense_run - sweep from what the sparse queue holds, none of it fees, to the end
 * Returns: 0; -ERR_CORRUPT; -ERR_NOMEM */
int dense_run(struct work *w) WARN_UNUSED;
/** dense_wait - let an entry wait */
void dense_wait(struct work *w, uint64_t output, uint32_t reached);

/* A batch as the sweep wants it, with what can be said before its turn comes. */
struct sweep {
	struct trace_batch b;
	uint64_t *in_slot; /* wait_slot() of what each input spends */
	uint64_t *line;	   /* [tx_n] sum of the inputs; LINE_LOOK where flow_batch() must look */
	uint64_t *
		out_fee; /* amounts of the outputs of a transaction, then its fee: from its first row of the outputs + k on */
	uint32_t in_cap, tx_cap, out_fee_cap;
};
#define LINE_LOOK UINT64_MAX /* unknown amounts, a coinbase, or a contradiction */

struct rows {
	uint32_t in, in_end, out, out_end;
};
/** rows_of - of transaction k of a batch */
static inline struct rows rows_of(const struct trace_batch *b, uint32_t k)
{
	return (struct rows){.in = k ? b->in_end[k - 1] : 0,
			     .in_end = b->in_end[k],
			     .out = k ? b->out_end[k - 1] : 0,
			     .out_end = b->out_end[k]};
}

/** amounts_follow - what flow_batch(), share() and group_follow() do together, where the policy knows amounts only: from the
 *                   waiting outputs of transaction k to the new entries, without parts between
 * In:      x        its line is known, and the budget allows an entry for each part
 * Returns: 0, also when nothing waits; -ERR_CORRUPT; -ERR_NOMEM */
int amounts_follow(struct work *w, const struct sweep *x, uint32_t k) WARN_UNUSED;

/* Batches of a range of transactions, one after another; a long range is read ahead by a second thread. */
struct batches;
/* Bytes of an array of pages_new(): all of it, and what is used. */
struct touch {
	void *p;
	size_t len, used;
};
/** batches_open - transactions [first, end), backward from the last batch
 * In:      range    for their slots; copied
 * Out:     ret_r    close with batches_close()
 * Returns: 0; -ERR_NOMEM */
int batches_open(const struct trace_source *s, const struct wait_range *range, uint32_t first,
		 uint32_t end, bool back, struct batches **ret_r) WARN_UNUSED;
/** batches_next - the next batch, good until the next call; NULL at the end
 * In:      touch    NULL, or where the caller writes its results, as far as it has come: the thread makes what comes next present
 * Returns: 0; -ERR_CORRUPT; -ERR_NOMEM */
int batches_next(struct batches *r, const struct touch *touch,
		 const struct sweep **ret_x) WARN_UNUSED;
struct batches *batches_close(struct batches *r);
DEFINE_CLEANUP(struct batches *, batches_close);

/** output_valid - is there such an output? */
static inline bool output_valid(const struct trace_source *s, uint64_t o)
{
	return o < s->output_n || (o >= s->foreign_base && o - s->foreign_base < s->foreign_n);
}
#endif
