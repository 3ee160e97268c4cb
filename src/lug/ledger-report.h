/* SPDX-License-Identifier: Apache-2.0
 * What a ledger says about an address or a transaction, as a page for people. */
#ifndef LUG_LEDGER_REPORT_H
#define LUG_LEDGER_REPORT_H
#include "chain/amount.h"
#include "ledger/party.h"
#include "lug/lug.h"
#include "report/report.h"

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
/** report_ledger_dir - the folder of --ledger or LUG_LEDGER
 * Returns: 0; -ERR_INVAL neither is given */
int report_ledger_dir(const struct args *a, const char **ret_dir, struct err *e) WARN_UNUSED;
/** report_ledger_open - the ledger of --ledger or LUG_LEDGER
 * Returns: 0; -ERR_INVAL neither is given; the errors of ledger_open() */
int report_ledger_open(const struct args *a, struct ledger **ret_l, struct err *e) WARN_UNUSED;

/** report_address_print, report_tx_print - report_address() and report_tx() for people */
int report_address_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;

/** report_print_totals - what report_add_balance() and report_add_moves() put in; report_print_next - how to go on
 *  report_text, report_number, report_coins - a field: "-", 0, "?" when it is missing */
int report_print_totals(const struct lug *lug, const json_t *report) WARN_UNUSED;
void report_print_next(const struct lug *lug, const json_t *report);
const char *report_text(const json_t *j, const char *key);
long long report_number(const json_t *j, const char *key);
const char *report_coins(const json_t *report, const json_t *row, const char *key,
			 char out[static UNITS_TEXT_MAX]);

int report_tx_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;
#endif
