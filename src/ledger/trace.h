/* SPDX-License-Identifier: Apache-2.0
 * Trace: where money went or came from, exactly. docs/format/taint.md is the contract; these are its two engines.
 *
 * The sparse engine takes waiting transactions from a queue in chain order: its cost depends on what is reached, not on the
 * chain. The dense engine sweeps the chain's rows in order: its cost depends on the chain, and is many times less for
 * each transaction. Both look at a transaction once, when all taint that can reach it has arrived, and give the same answer,
 * element by element. Pure: no clock, no files; a long sweep reads its rows ahead in a second thread. */
#ifndef LEDGER_TRACE_H
#define LEDGER_TRACE_H
#include "base/cleanup.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger;

#define TRACE_NONE UINT32_MAX
/* A fee that is followed is reached like an output; its id is TRACE_FEE | txnum. */
#define TRACE_FEE (UINT64_C(1) << 63)

enum trace_policy {
	TRACE_POISON,
	TRACE_HAIRCUT,
	TRACE_FIFO,
	TRACE_LIFO,
	TRACE_TIHO,
	TRACE_POLICY_N
};
/* AUTO begins sparse, and goes over to the sweep once so much was followed, or waits to be, that the sweep costs no more. */
enum trace_engine { TRACE_AUTO, TRACE_SPARSE, TRACE_DENSE, TRACE_ENGINE_N };
enum trace_fees { TRACE_FEES_SKIP, TRACE_FEES_FOLLOW };
enum trace_end {
	TRACE_FLOWS,
	TRACE_UNSPENT,
	TRACE_LOST,
	TRACE_FOREIGN,
	TRACE_MINTED,
	TRACE_LABEL,
	TRACE_ENTITY,
	TRACE_HOPS,
	TRACE_DUST,
	TRACE_COINJOIN,
	TRACE_UNKNOWN,
	TRACE_BUDGET,
	TRACE_END_N,
};
/** trace_policy_name, trace_engine_name, trace_end_name - as in options and results: "haircut", "dense", "unspent" */
const char *trace_policy_name(enum trace_policy p);
const char *trace_engine_name(enum trace_engine e);
const char *trace_end_name(enum trace_end e);

struct trace_tx {
	uint64_t first_out, first_in;
	uint32_t out_n, in_n; /* a transaction without inputs is a coinbase */
};
struct trace_block {
	uint32_t height, first_tx, tx_n;
};
/* Rows of consecutive transactions, for the dense engine. Row r of an array belongs to transaction k when
 * end[k - 1] <= r < end[k] (of in_end or out_end). */
struct trace_batch {
	uint32_t first_tx, tx_n;
	uint64_t first_out;		/* output of row 0 of the outputs; they are consecutive */
	uint32_t *in_end, *out_end;	/* [tx_n] */
	uint64_t *in_output, *in_value; /* of each input; value TRACE_VALUE_UNKNOWN where it is */
	uint64_t *out_value;
	uint32_t *out_spender; /* as out_spender() of the source has it */
	uint32_t tx_cap, in_cap, out_cap;
};
#define TRACE_VALUE_UNKNOWN UINT64_MAX
enum {
	TRACE_BATCH_TX = 4096,
	TRACE_ROWS_MAX = 1 << 20 /* inputs, and outputs, of one transaction */
};
/** trace_batch_room - make room for so many rows; keeps what is there
 * Returns: 0; -ERR_NOMEM */
int trace_batch_room(struct trace_batch *b, uint32_t tx_n, uint64_t in_n,
		     uint64_t out_n) WARN_UNUSED;
void trace_batch_done(struct trace_batch *b);

/* A chain to ask. Its functions may be called by two threads at once. Arguments are always in range, as the source's own answers and the seeds are checked; ids as in ledger.h. */
struct trace_source {
	const void *ctx;
	uint32_t tx_n;
	uint64_t output_n; /* outputs of the chain itself */
	uint64_t
		foreign_n; /* further ones, from foreign_base on, that lie before its first block */
	uint64_t foreign_base;
	void (*tx)(const void *ctx, uint32_t txnum, struct trace_tx *ret);
	void (*block)(const void *ctx, uint32_t txnum,
		      struct trace_block *ret); /* that holds txnum */
	uint64_t (*in_output)(const void *ctx, uint64_t input);
	uint64_t (*out_value)(const void *ctx, uint64_t output);
	uint32_t (*out_address)(const void *ctx, uint64_t output); /* 0: nobody */
	uint32_t (*out_spender)(const void *ctx,
				uint64_t output);	      /* 0: unspent; a coinbase: lost */
	uint32_t (*out_tx)(const void *ctx, uint64_t output); /* not asked of foreign ones */
	bool (*out_known)(const void *ctx,
			  uint64_t output); /* false: value and address are unknown */
	/* Fill b for first_tx and tx_n, making room: 0; -ERR_CORRUPT; -ERR_NOMEM. NULL: by the functions above */
	int (*read)(const void *ctx, struct trace_batch *b);
};

/** trace_source_ledger - an open ledger as a source; l is borrowed and must outlive it */
struct trace_source trace_source_ledger(const struct ledger *l);
/** trace_joined - is a transaction an equal-output CoinJoin (taint.md 3)?
 * Returns: 1 or 0; -ERR_NOMEM; -ERR_CORRUPT an id out of range */
int trace_joined(const struct trace_source *s, uint32_t txnum);

enum { TRACE_REACHED_MAX = 5000000, TRACE_RUNS_MAX = 20000000 };
enum { TRACE_TICK_TX = 4096 };
struct trace_progress {
	uint32_t tx_done, tx_n; /* of the chain from the seeds on, in the direction of the trace */
	uint32_t reached_n;
};
struct trace_params {
	enum trace_policy policy;
	enum trace_fees fees;
	enum trace_engine engine;
	bool back;
	bool stop_at_joins;
	uint32_t hops_max;    /* TRACE_NONE: no limit */
	uint32_t height;      /* as of this block; TRACE_NONE: the tip */
	uint64_t amount_min;  /* stop below; 0 or 1: never */
	uint32_t reached_max; /* budget of outputs; 0: TRACE_REACHED_MAX */
	uint32_t runs_max;    /* budget of fifo and lifo intervals; 0: TRACE_RUNS_MAX */
	/* Stop at this address? TRACE_FLOWS, or the end that it gets. NULL: never */
	enum trace_end (*stop)(void *ctx, uint32_t address);
	void *stop_ctx;
	/* Called at the start and every TRACE_TICK_TX transactions followed; false ends the trace as the budget does. NULL: never */
	bool (*tick)(void *ctx, const struct trace_progress *p);
	void *tick_ctx;
};
/** trace_params_init - haircut, forward, fees skipped, engine auto, no stops, default budgets */
void trace_params_init(struct trace_params *p);

struct trace_reached {
	uint64_t output; /* or TRACE_FEE | txnum */
	uint64_t amount; /* tainted, base units; 1 to the output's value */
	uint32_t parent; /* index in the same list; TRACE_NONE for a seed */
	uint32_t hops;
	uint8_t end; /* enum trace_end */
};
/* A part of an output, from off on; ordered by off, not touching. */
struct trace_run {
	uint64_t off, len;
};

struct trace {
	struct trace_reached
		*reached; /* seeds first, by output; then in the order in which they were reached */
	uint32_t reached_n, seed_n;
	size_t reached_map_len; /* 0: allocated; else bytes that pages_new() gave */
	bool partial;		/* the budget, or tick(), ended it */
	uint32_t height;	/* the ledger's height that the answer holds for */
	uint32_t tx_followed;
	enum trace_engine engine;		       /* that it ended with */
	uint64_t seeds, overlap, spread, fees, minted; /* see taint.md 6 */
	uint64_t ended[TRACE_END_N];   /* amounts; of TRACE_FLOWS what passed through */
	uint32_t ended_n[TRACE_END_N]; /* reached outputs */
	struct trace_run *runs;	       /* fifo, lifo: intervals of all reached outputs, else NULL */
	uint32_t *run_first;	       /* [reached_n + 1] where those of each begin */
};

/** trace_run - follow seeds through a chain
 * In:      s, p     borrowed
 *          seeds    n outputs, in any order; duplicates count once; those above the height asked for are left out
 * Out:     ret_t    release with trace_done(); zeroed on failure
 * Limits:  1 <= n; seeds beyond the budget are left out and the result is partial
 * Returns: 0, also when partial; -ERR_RANGE a seed that the chain does not have; -ERR_NOENT no seed at or below the height;
 *          -ERR_UNSUPPORTED a seed of unknown amount; -ERR_CORRUPT the chain contradicts itself, or conservation fails; -ERR_NOMEM
 * Cost:    sparse: O(parts of the transactions followed, times log of the frontier). Dense: O(rows between the seeds and the end of
 *          the chain), 4 bytes for each output there
 * Source:  docs/format/taint.md   Vectors: its section 7, and tests/unit/model-taint.c */
int trace_run(const struct trace_source *s, const struct trace_params *p, const uint64_t *seeds,
	      size_t n, struct trace *ret_t, struct err *e) WARN_UNUSED;
/** trace_done - release; safe on a zeroed struct */
void trace_done(struct trace *t);
/** trace_path - indices from a reached output up to its seed, the output first
 * Returns: how many were written, at most max */
uint32_t trace_path(const struct trace *t, uint32_t i, uint32_t *path, uint32_t max);

/* Tainted money by address. */
struct trace_holder {
	uint32_t address;  /* 0: nobody */
	uint32_t output_n; /* reached outputs of the address, seeds not counted */
	uint32_t nearest,
		largest; /* index of the one with fewest hops, with the largest amount; of several the first */
	uint64_t received; /* their amounts together: money that passes twice counts twice */
	uint64_t unspent,
		stopped; /* of these, what lies there, and what was not followed for another reason */
};
/** trace_holders - who was reached, those with most unspent first, then most received, then by address
 * Out:     ret_h    free(); NULL when nobody
 * Returns: 0; -ERR_NOMEM */
int trace_holders(const struct trace *t, const struct trace_source *s, struct trace_holder **ret_h,
		  uint32_t *ret_n) WARN_UNUSED;
#endif
