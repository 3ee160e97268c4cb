/* SPDX-License-Identifier: Apache-2.0
 * Exposure: how much of what a party received or sent came from, or went to, labelled addresses, by category, directly and
 * through hops. It is a haircut trace (docs/format/taint.md) that stops at labels, so it is exact and adds up. */
#ifndef LEDGER_EXPOSURE_H
#define LEDGER_EXPOSURE_H
#include "ledger/party.h"

struct labels; /* ledger/label.h */

enum { EXPOSURE_HOPS_DEFAULT = 5, EXPOSURE_CATEGORIES_MAX = 256 };
struct exposure_params {
	enum party_side side;
	uint32_t hops;	      /* transactions away at most, from 1 */
	uint32_t outputs_max; /* budget of reached outputs; 0: the trace's */
	bool stop_at_joins;   /* do not look through CoinJoins */
	/* Told now and then; false ends with what there is, marked partial. NULL: never */
	bool (*tick)(void *ctx, uint64_t tx_done, uint64_t tx_n);
	void *tick_ctx;
};
struct exposure_row {
	const char *category;	   /* borrowed from the labels */
	uint64_t direct, indirect; /* one transaction away, and further */
	uint64_t payment_n;	   /* labelled outputs reached */
};
struct exposure {
	struct exposure_row *row; /* largest first */
	size_t n;
	/* What was looked at; together with the rows exactly `total` */
	uint64_t total;
	uint64_t unlabelled; /* ends unlabelled: beyond the hops, or where it lies unspent */
	uint64_t held;	     /* sent: the party still has it */
	uint64_t mined;	     /* received: newly mined by someone on the way */
	uint64_t joined;     /* ends at a CoinJoin */
	uint64_t unknown;    /* beyond the ledger's first block */
	uint64_t fees;
	uint64_t cut; /* the budget ended it there */
	bool partial;
};
/** exposure_of - exposure of an address or an entity
 * In:      p        with entities, a label of one address holds for its whole entity; else for the address alone
 *          labels   of an address with several: sanctions first, then abuses, then categories, then the first source by name
 * Out:     ret      release with exposure_done(); zeroed on failure
 * Returns: 0, also when partial; -ERR_RANGE no such party, hops of 0; -ERR_NOENT it never received anything; -ERR_OVERSIZE more than
 *          EXPOSURE_CATEGORIES_MAX categories; as trace_run()
 * Source:  docs/format/entity.md 5 */
int exposure_of(const struct party *p, const struct labels *labels, const struct exposure_params *q,
		struct exposure *ret, struct err *e) WARN_UNUSED;
void exposure_done(struct exposure *x);
#endif
