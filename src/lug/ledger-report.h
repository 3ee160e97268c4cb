/* SPDX-License-Identifier: Apache-2.0
 * What a ledger says about an address or a transaction, as JSON for programs and as a page for people. Amounts are decimal
 * strings in base units. */
#ifndef LUG_LEDGER_REPORT_H
#define LUG_LEDGER_REPORT_H
#include "chain/amount.h"
#include "ledger/party.h"
#include "lug/lug.h"

/* Which part of a long list. */
struct report_page {
	uint64_t limit; /* 1 to REPORT_LIMIT_MAX */
	const char *
		after; /* txid of the last row seen (addresses), or its number (a transaction's rows); NULL begins */
	bool oldest_first;
};
enum { REPORT_LIMIT_DEFAULT = 50, REPORT_LIMIT_MAX = 10000 };
/* Rows for a verb's options. */
#define REPORT_LEDGER_OPT                                                                  \
	{                                                                                  \
		"ledger", "DIR", "the ledger's folder (default: LUG_LEDGER)", false, false \
	}
#define REPORT_PAGE_OPTS                                                                         \
	{"limit", "N", "rows on a page (default 50, at most 10000)", false, false},              \
	{                                                                                        \
		"after", "ROW", "begin behind this row: `next` of the page before", false, false \
	}

/** report_page_args - limit, after and (where the verb has it) oldest-first
 * Returns: 0; -ERR_INVAL */
int report_page_args(const struct args *a, struct report_page *ret, struct err *e) WARN_UNUSED;
/** report_ledger_open - the ledger of --ledger or LUG_LEDGER
 * Returns: 0; -ERR_INVAL neither is given; the errors of ledger_open() */
int report_ledger_open(const struct args *a, struct ledger **ret_l, struct err *e) WARN_UNUSED;

/** report_address - totals of an address and a page of its transactions, newest first unless told
 * Out:     ret      new reference: address, network, asset, decimals, height, tip, seen; when seen also received, sent, balance, lost,
 *                   payments_in, payments_out, transactions, first_seen, last_seen, page [{txid, height, time, received, sent}], next
 * Returns: 0, also for an address that was never seen; -ERR_FORMAT, -ERR_CHECKSUM, -ERR_NETWORK of the text; -ERR_NOENT the row
 *          of `after` is not there; -ERR_INVAL; -ERR_CORRUPT; -ERR_NOMEM */
int report_address(const struct ledger *l, const char *text, const struct report_page *page,
		   json_t **ret, struct err *e) WARN_UNUSED;
/** report_address_print - the same for people */
int report_address_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;

/* ---- parts, for other reports ---- */

/** json_chain - new object: network, asset, ticker, decimals, tip_height, tip
 *  json_hash, json_time - new texts; json_address - of an id, null for nobody; json_seen - {txid, height, time} of a transaction */
json_t *json_chain(const struct ledger *l);
json_t *json_hash(const uint8_t hash32[static 32]);
json_t *json_time(uint32_t unix_s);
json_t *json_address(const struct ledger *l, uint32_t id);
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
/** report_print_totals - what report_add_balance() and report_add_moves() put in; report_print_next - how to go on
 *  report_text, report_number, report_coins - a field: "-", 0, "?" when it is missing */
int report_print_totals(const struct lug *lug, const json_t *report) WARN_UNUSED;
void report_print_next(const struct lug *lug, const json_t *report);
const char *report_text(const json_t *j, const char *key);
long long report_number(const json_t *j, const char *key);
const char *report_coins(const json_t *report, const json_t *row, const char *key,
			 char out[static UNITS_TEXT_MAX]);

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
int report_tx_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;
#endif
