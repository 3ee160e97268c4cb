/* SPDX-License-Identifier: Apache-2.0
 * What a ledger says about an address or a transaction, as JSON for programs and as a page for people. Amounts are decimal
 * strings in base units. */
#ifndef LUG_LEDGER_REPORT_H
#define LUG_LEDGER_REPORT_H
#include "lug/lug.h"

struct ledger;

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

/** report_tx - a transaction with a page of its inputs and outputs
 * Out:     ret      new reference: txid, network, asset, decimals, height, block, time, position, confirmations, coinbase, fee (null
 *                   when an input's amount is unknown), inputs [{n, txid, output, address, value}], outputs [{n, value, address,
 *                   spent_by, lost}], inputs_n, outputs_n, next
 * Returns: 0; -ERR_FORMAT not a txid; -ERR_NOENT not in this ledger; -ERR_INVAL; -ERR_CORRUPT; -ERR_NOMEM */
int report_tx(const struct ledger *l, const char *txid, const struct report_page *page,
	      json_t **ret, struct err *e) WARN_UNUSED;
int report_tx_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;
#endif
