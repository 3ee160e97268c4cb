/* SPDX-License-Identifier: Apache-2.0
 * What a ledger says about an address or a transaction, as JSON: for lug, for lugd's routes, and for the pages that are printed from
 * it. Amounts are decimal strings in base units. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>
#include <stdint.h>

struct labels;
struct ledger;
struct party;

/* Which part of a long list. */
struct report_page {
	uint64_t limit; /* 1 to REPORT_LIMIT_MAX */
	const char *
		after; /* txid of the last row seen (addresses), or its number (a transaction's rows); NULL begins */
	bool oldest_first;
};
enum { REPORT_LIMIT_DEFAULT = 50, REPORT_LIMIT_MAX = 10000 };

/** report_address - totals of an address and a page of its transactions, newest first unless told
 * Out:     ret      new reference: address, network, asset, decimals, height, tip, seen; when seen also received, sent, balance, lost,
 *                   payments_in, payments_out, transactions, first_seen, last_seen, page [{txid, height, time, received, sent}], next
 * Returns: 0, also for an address that was never seen; -ERR_FORMAT, -ERR_CHECKSUM, -ERR_NETWORK of the text; -ERR_NOENT the row
 *          of `after` is not there; -ERR_INVAL; -ERR_CORRUPT; -ERR_NOMEM */
int report_address(const struct ledger *l, const char *text, const struct report_page *page,
		   json_t **ret, struct err *e) WARN_UNUSED;
/** report_tx - a transaction with a page of its inputs and outputs
 * Out:     ret      new reference: txid, network, asset, decimals, height, block, time, position, confirmations, coinbase, fee (null
 *                   when an input's amount is unknown), inputs [{n, txid, output, address, value}], outputs [{n, value, address,
 *                   spent_by, lost}], inputs_n, outputs_n, next
 * Returns: 0; -ERR_FORMAT not a txid; -ERR_NOENT not in this ledger; -ERR_INVAL; -ERR_CORRUPT; -ERR_NOMEM */
int report_tx(const struct ledger *l, const char *txid, const struct report_page *page,
	      json_t **ret, struct err *e) WARN_UNUSED;
/** report_explain - add to a transaction's report whether it is a CoinJoin, and which output each heuristic takes for the change:
 *  coinjoin, change [{heuristic, output, because}]
 * Returns: 0; -ERR_CORRUPT; -ERR_NOMEM */
int report_explain(const struct ledger *l, json_t *report, struct err *e) WARN_UNUSED;

/* ---- parts, for other reports ---- */

/** json_chain - new object: network, asset, ticker, decimals, tip_height, tip
 *  json_hash, json_time - new texts; json_address - of an id, null for nobody; json_seen - {txid, height, time} of a transaction */
json_t *json_chain(const struct ledger *l);
json_t *json_hash(const uint8_t hash32[static 32]);
json_t *json_time(uint32_t unix_s);
json_t *json_address(const struct ledger *l, uint32_t id);
/** json_labels - what is said about an address id: [{label, category, actor, abuse, confidence, lastmod, set}] */
json_t *json_labels(const struct ledger *l, const struct labels *labels, uint32_t id);
json_t *json_seen(const struct ledger *l, uint32_t txnum);
/** report_add_balance, report_add_moves - totals and a page of transactions of a party, as in report_address()
 * Returns: 0; as report_address() */
int report_add_balance(const struct party *p, json_t *j, struct err *e) WARN_UNUSED;
int report_add_moves(const struct party *p, const struct report_page *page, json_t *j,
		     struct err *e) WARN_UNUSED;
/** report_find_txid - the transaction of a text
 * Returns: 0; -ERR_FORMAT; -ERR_NOENT; -ERR_CORRUPT */
int report_find_txid(const struct ledger *l, const char *text, uint32_t *ret_txnum,
		     struct err *e) WARN_UNUSED;
#endif
