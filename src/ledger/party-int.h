/* SPDX-License-Identifier: Apache-2.0
 * Inside of parties: where the chain ends for them, and sets of transactions. */
#ifndef LEDGER_PARTY_INT_H
#define LEDGER_PARTY_INT_H
#include "ledger/ledger-int.h"
#include "ledger/party.h"

/** party_end - the first transaction that does not exist for a party */
uint32_t party_end(const struct party *p);

/* Some of the outputs that a party was paid, and their spenders as ledger_out_spender() has them. */
enum { PARTY_BATCH = 1024 };
struct party_batch {
	size_t n;
	uint64_t out[PARTY_BATCH];
	uint32_t spender[PARTY_BATCH];
};
typedef int party_batch_fn(void *ctx, const struct party_batch *b);
/** party_batches - as party_each(), many at a time
 * In:      newest_first  later blocks first, roughly; there is no order among outputs that were made near each other
 * Returns: 0; fn's; -ERR_RANGE no such address or entity; -ERR_CORRUPT; -ERR_NOMEM */
int party_batches(const struct party *p, bool newest_first, party_batch_fn *fn,
		  void *ctx) WARN_UNUSED;
/** party_txs_of - ledger_tx_of_output() of many outputs; what it says of a foreign one means nothing */
void party_txs_of(const struct ledger *l, const uint64_t *out, size_t n, uint32_t *ret_tx);

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
