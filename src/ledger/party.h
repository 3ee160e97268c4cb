/* SPDX-License-Identifier: Apache-2.0
 * Party: whoever is asked about, an address or a whole entity, as of a height. Totals, history, neighbours, what it holds.
 *
 * These questions speak of received, sent and held, not of how the chain keeps its books. Amounts are exact, in base units. */
#ifndef LEDGER_PARTY_H
#define LEDGER_PARTY_H
#include "ledger/entity.h"
#include "ledger/ledger.h"

struct party {
	const struct ledger *l;
	const struct entities *x; /* NULL: id is an address; else an entity of it */
	uint32_t id;
	uint32_t height; /* blocks above it do not exist; ENTITY_TIP: all do */
};

/** party_has - is an address the party's? False for 0 */
bool party_has(const struct party *p, uint32_t address);
/** party_of - the id that a neighbour of this party goes by: of its entity when there are entities, else the address itself */
uint32_t party_of(const struct party *p, uint32_t address);

/** party_each - every payment that the party received, as an output of ledger.h, address by address, each in chain order
 * In:      fn      told each; a negative value ends the walk and is returned
 * Returns: 0; fn's; -ERR_RANGE no such address or entity; -ERR_CORRUPT; -ERR_NOMEM */
int party_each(const struct party *p, int (*fn)(void *ctx, uint64_t output), void *ctx) WARN_UNUSED;

/** party_balance - totals
 * Returns: 0; -ERR_RANGE; -ERR_CORRUPT; -ERR_NOMEM
 * Cost:    one look at each payment; one bit of memory for each transaction of the ledger, touched where there is one */
int party_balance(const struct party *p, struct ledger_balance *ret_b) WARN_UNUSED;

/** party_moves - its transactions, a page at a time, without holding the whole list
 * In, Returns: as ledger_address_moves() */
int64_t party_moves(const struct party *p, enum ledger_order order, int64_t after,
		    struct ledger_move *moves, size_t max) WARN_UNUSED;

/** party_holdings - what it holds as of the height: unspent outputs, a page at a time, address by address
 * In:      after_address, after_output   behind this one; 0 and LEDGER_OUTPUT_NONE begin
 * Out:     outs    at most max
 * Returns: how many, 0 at the end; -ERR_RANGE; -ERR_CORRUPT; -ERR_NOMEM */
int64_t party_holdings(const struct party *p, uint32_t after_address, uint64_t after_output,
		       uint64_t *outs, size_t max) WARN_UNUSED;

/* Whom a party received from or sent to. In a transaction of several payers everyone's part goes to the payees in proportion,
 * whole units by largest remainder (docs/format/entity.md 4), so sums are exact and add up. */
struct neighbour {
	uint32_t id; /* as party_of(); 0: nobody (sent), or newly mined (received) */
	uint64_t amount, tx_n;
	uint32_t first_tx, last_tx;
};
enum party_side { PARTY_RECEIVED, PARTY_SENT };
enum { NEIGHBOURS_MAX = 1000000, NEIGHBOUR_TX_MAX = 5000000 };
struct neighbours {
	struct neighbour *row; /* largest amount first, then by id */
	uint64_t n;
	uint64_t total; /* what the party received or sent in the transactions looked at */
	uint64_t self;	/* of it, from itself to itself */
	uint64_t fees;	/* of what was sent */
	uint64_t tx_n;
	uint64_t
		unknown_n; /* transactions left out, as an input's amount is unknown (partial ledger) */
	bool partial;	   /* a budget ended it */
};
/** party_neighbours - all of them; total = self + fees + the rows' amounts
 * In:      tx_max   budget of transactions; 0: NEIGHBOUR_TX_MAX
 * Out:     ret      release with neighbours_done(); zeroed on failure
 * Returns: 0, also when partial; -ERR_RANGE; -ERR_CORRUPT; -ERR_NOMEM */
int party_neighbours(const struct party *p, enum party_side side, uint64_t tx_max,
		     struct neighbours *ret) WARN_UNUSED;
void neighbours_done(struct neighbours *n);

/* All money as of a height. */
struct ledger_supply {
	uint32_t height;
	uint64_t unspent_n,
		unspent;	   /* outputs that can be spent; those of nobody are not counted */
	uint64_t holder_n;	   /* addresses that hold some */
	uint64_t nobody_n, nobody; /* outputs that nobody can spend (data) */
	uint64_t lost_n, lost;	   /* unreachable since a later coinbase of the same txid */
};
/** ledger_supply - count and amount of unspent outputs as of a height
 * Returns: 0; -ERR_NOENT no such block; -ERR_NOMEM
 * Cost:    one pass over outputs and their spenders; a bit an address */
int ledger_supply(const struct ledger *l, uint32_t height, struct ledger_supply *ret) WARN_UNUSED;
#endif
