/* SPDX-License-Identifier: Apache-2.0
 * Inside of parties: where the chain ends for them, and sets of transactions. */
#ifndef LEDGER_PARTY_INT_H
#define LEDGER_PARTY_INT_H
#include "ledger/ledger-int.h"
#include "ledger/party.h"

/** party_end - the first transaction that does not exist for a party */
uint32_t party_end(const struct party *p);

/* Different transactions: a short list, or from TXSET_FEW on a bit for each of the ledger. */
enum { TXSET_FEW = 64 };
struct txset {
	uint32_t few[TXSET_FEW];
	uint64_t *bits;
	uint64_t n, tx_n;
	uint32_t low, high;
};
void txset_init(struct txset *s, uint64_t tx_n);
void txset_done(struct txset *s);
/** txset_add - put one in
 * Returns: 1 it is new; 0 it was there; -ERR_NOMEM */
int txset_add(struct txset *s, uint32_t txnum) WARN_UNUSED;
#endif
