/* SPDX-License-Identifier: Apache-2.0
 * What a ledger says about an address or a transaction, for people: printed from the JSON of report/report.h, so that both
 * always agree. */
#include "lug/ledger-report.h"
#include "base/text.h"
#include "chain/amount.h"
#include "ledger/ledger.h"
#include <inttypes.h>

int report_page_args(const struct args *a, struct report_page *ret, struct err *e)
{
	*ret = (struct report_page){.limit = REPORT_LIMIT_DEFAULT, .after = args_str(a, "after")};
	return args_u64(a, "limit", 1, REPORT_LIMIT_MAX, &ret->limit, e);
}

int report_ledger_dir(const struct args *a, const char **ret_dir, struct err *e)
{
	const char *dir = args_env(a, "ledger", "LUG_LEDGER");

	if (!dir)
		return err_set(e, ERR_INVAL, "ledger",
			       "Which ledger? Give --ledger DIR, or set LUG_LEDGER.");
	*ret_dir = dir;
	return 0;
}

int report_ledger_open(const struct args *a, struct ledger **ret_l, struct err *e)
{
	const char *dir = NULL;
	int r = report_ledger_dir(a, &dir, e);

	return r < 0 ? r : ledger_open(dir, ret_l, e);
}

/* ---- for people ---- */

const char *report_text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "-";
}

/* An amount of a report as coins: "10.00000000"; "?" when unknown. */
const char *report_coins(const json_t *report, const json_t *row, const char *key,
			 char out[static UNITS_TEXT_MAX])
{
	const char *s = json_string_value(json_object_get(row, key));
	unsigned decimals = (unsigned)json_integer_value(json_object_get(report, "decimals"));
	uint64_t v;

	if (!s || dec_parse_u64(s, strlen(s), UINT64_MAX, &v) < 0)
		return "?";
	return units_text(v, decimals, out);
}

long long report_number(const json_t *j, const char *key)
{
	return (long long)json_integer_value(json_object_get(j, key));
}

static void print_seen(const char *what, const json_t *seen)
{
	char when[TIME_BOTH_MAX];

	printf("%-14s %s, block %lld, in %s\n", what, time_both(report_text(seen, "time"), when),
	       report_number(seen, "height"), report_text(seen, "txid"));
}

static int print_moves(const struct lug *lug, const json_t *report)
{
	static const char *const heads[] = {"time",  ">block",	    ">received",
					    ">sent", "transaction", NULL};
	char in[UNITS_TEXT_MAX], out[UNITS_TEXT_MAX];
	struct table t;
	const json_t *row;
	size_t i;
	int r;

	table_init(&t, heads);
	json_array_foreach (json_object_get(report, "page"), i, row) {
		table_cell(&t, "%s", report_text(row, "time"));
		table_cell(&t, "%lld", report_number(row, "height"));
		table_cell(&t, "%s", report_coins(report, row, "received", in));
		table_cell(&t, "%s", report_coins(report, row, "sent", out));
		table_cell(&t, "%s", report_text(row, "txid"));
	}
	r = table_print(&t, lug);
	table_done(&t);
	return r;
}

void report_print_next(const struct lug *lug, const json_t *report)
{
	const json_t *next = json_object_get(report, "next");

	if (json_is_string(next))
		printf("%smore: --after %s%s\n", color(lug, COLOR_DIM), json_string_value(next),
		       color(lug, COLOR_OFF));
	if (json_is_integer(next))
		printf("%smore: --after %lld%s\n", color(lug, COLOR_DIM),
		       report_number(report, "next"), color(lug, COLOR_OFF));
}

int report_print_totals(const struct lug *lug, const json_t *report)
{
	char v[UNITS_TEXT_MAX];
	const char *ticker = report_text(report, "ticker");

	printf("%-14s %s%s %s%s\n", "balance", color(lug, COLOR_BOLD),
	       report_coins(report, report, "balance", v), ticker, color(lug, COLOR_OFF));
	printf("%-14s %s %s in %lld payments\n", "received",
	       report_coins(report, report, "received", v), ticker,
	       report_number(report, "payments_in"));
	printf("%-14s %s %s in %lld payments\n", "sent", report_coins(report, report, "sent", v),
	       ticker, report_number(report, "payments_out"));
	if (strcmp(report_text(report, "lost"), "0") != 0)
		printf("%-14s %s %s out of reach: a coinbase repeated\n", "lost",
		       report_coins(report, report, "lost", v), ticker);
	printf("%-14s %lld\n", "transactions", report_number(report, "transactions"));
	if (!report_number(report, "transactions"))
		return 0;
	print_seen("first seen", json_object_get(report, "first_seen"));
	print_seen("last seen", json_object_get(report, "last_seen"));
	return print_moves(lug, report);
}

int report_address_print(const struct lug *lug, const json_t *report, struct err *e)
{
	int r;

	printf("%s%s%s  %s, up to block %lld\n", color(lug, COLOR_BOLD),
	       report_text(report, "address"), color(lug, COLOR_OFF),
	       report_text(report, "network"), report_number(report, "tip_height"));
	if (!json_is_true(json_object_get(report, "seen"))) {
		printf("never seen on this chain\n");
		return 0;
	}
	r = report_print_totals(lug, report);
	report_print_next(lug, report);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
}

static int print_inputs(const struct lug *lug, const json_t *report)
{
	static const char *const heads[] = {">input", ">amount", "address", "output spent", NULL};
	char v[UNITS_TEXT_MAX];
	struct table t;
	const json_t *row;
	size_t i;
	int r;

	table_init(&t, heads);
	json_array_foreach (json_object_get(report, "inputs"), i, row) {
		table_cell(&t, "%lld", report_number(row, "n"));
		table_cell(&t, "%s", report_coins(report, row, "value", v));
		table_cell(&t, "%s", report_text(row, "address"));
		table_cell(&t, "%s:%lld", report_text(row, "txid"), report_number(row, "output"));
	}
	r = table_print(&t, lug);
	table_done(&t);
	return r;
}

static int print_outputs(const struct lug *lug, const json_t *report)
{
	static const char *const heads[] = {">output", ">amount", "address", "spent by", NULL};
	char v[UNITS_TEXT_MAX];
	struct table t;
	const json_t *row;
	size_t i;
	int r;

	table_init(&t, heads);
	json_array_foreach (json_object_get(report, "outputs"), i, row) {
		const json_t *by = json_object_get(row, "spent_by");

		table_cell(&t, "%lld", report_number(row, "n"));
		table_cell(&t, "%s", report_coins(report, row, "value", v));
		table_cell(&t, "%s", report_text(row, "address"));
		if (json_is_object(by))
			table_cell(&t, "%s:%lld", report_text(by, "txid"),
				   report_number(by, "input"));
		else
			table_cell(&t, "%s",
				   json_is_true(json_object_get(row, "lost")) ? "lost" : "unspent");
	}
	r = table_print(&t, lug);
	table_done(&t);
	return r;
}

static void print_explained(const json_t *report)
{
	const json_t *list = json_object_get(report, "change"), *row;
	size_t i;

	if (!list)
		return;
	if (json_is_true(json_object_get(report, "coinjoin")))
		printf("\n%-14s equal outputs of several payers: nobody's change can be told\n",
		       "CoinJoin");
	else if (json_array_size(list) == 0)
		printf("\n%-14s no heuristic finds any\n", "change");
	else
		printf("\n");
	json_array_foreach (list, i, row)
		printf("%-14s output %lld by \"%s\": %s\n", i ? "" : "change",
		       report_number(row, "output"), report_text(row, "heuristic"),
		       report_text(row, "because"));
}

int report_tx_print(const struct lug *lug, const json_t *report, struct err *e)
{
	bool coinbase = json_is_true(json_object_get(report, "coinbase"));
	char v[UNITS_TEXT_MAX], when[TIME_BOTH_MAX];
	int r;

	printf("%s%s%s  %s\n", color(lug, COLOR_BOLD), report_text(report, "txid"),
	       color(lug, COLOR_OFF), report_text(report, "network"));
	printf("%-14s %lld (%s), transaction %lld in it, %lld confirmations at block %lld\n",
	       "block", report_number(report, "height"), report_text(report, "block"),
	       report_number(report, "position"), report_number(report, "confirmations"),
	       report_number(report, "tip_height"));
	printf("%-14s %s\n", "time", time_both(report_text(report, "time"), when));
	if (coinbase)
		printf("%-14s new coins and the block's fees (coinbase)\n", "inputs");
	else
		printf("%-14s %s %s\n", "fee", report_coins(report, report, "fee", v),
		       report_text(report, "ticker"));
	printf("\n");
	r = coinbase ? 0 : print_inputs(lug, report);
	if (r == 0 && !coinbase)
		printf("\n");
	if (r == 0)
		r = print_outputs(lug, report);
	report_print_next(lug, report);
	print_explained(report);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
}
