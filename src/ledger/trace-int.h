/* SPDX-License-Identifier: Apache-2.0
 * Inside the trace: the two sides of a transaction, and how taint crosses from one to the other. */
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
		run_n; /* fifo: giving side in the caller's runs, receiving side in ret_runs */
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
 * Returns: 0; 1 an amount in it is unknown; -ERR_CORRUPT outputs exceed inputs, or an id is out of range; -ERR_NOMEM */
int flow_load(struct flow *f, const struct trace_source *s, enum trace_fees fees,
	      uint32_t txnum) WARN_UNUSED;
void flow_done(struct flow *f);

struct share_scratch {
	struct rest *rest;
	uint32_t cap;
};
/** share - what each part of one side gets from the tainted parts of the other
 * In:      from     amounts, hops and runs filled in; at least one amount above 0
 *          given    runs of the giving parts (fifo)
 * Out:     to       amounts and parents; ret_runs, cleared first, with their runs (fifo)
 * Returns: 0; -ERR_NOMEM; -ERR_CORRUPT haircut or fifo would not conserve: cannot happen
 * Source:  docs/format/taint.md 3 */
int share(enum trace_policy policy, bool joined, const struct parts *from, const struct runs *given,
	  struct parts *to, struct runs *ret_runs, struct share_scratch *tmp) WARN_UNUSED;
#endif
