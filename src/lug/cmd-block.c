/* SPDX-License-Identifier: Apache-2.0
 * lug block: a block and a page of its transactions. */
#include "base/text.h"
#include "chain/hash.h"
#include "crypto/crypto.h"
#include "lug/ledger-report.h"
#include <inttypes.h>

static int find_block(const struct ledger *l, const char *text, struct ledger_block *ret,
		      struct err *e)
{
	uint8_t hash32[32];
	uint64_t height;
	int r;

	if (dec_parse_u64(text, strlen(text), UINT32_MAX, &height) == 0)
		r = ledger_block_at(l, (uint32_t)height, ret);
	else if (hash_parse(text, strlen(text), hash32) == 0)
		r = ledger_block_find(l, hash32, ret);
	else
		return err_set(e, ERR_FORMAT, "block",
			       "\"%.80s\" is neither a height nor a block's hash of 64 hex digits",
			       text);
	return r < 0 ? err_set(e, r, "block",
			       "No block %.80s in this ledger, which holds blocks %" PRIu32
			       " to %" PRIu32 ".",
			       text, ledger_info(l)->first_height, ledger_info(l)->height)
		     : 0;
}

static json_t *tx_row(const struct ledger *l, uint32_t txnum)
{
	struct ledger_tx tx;
	uint64_t fee, paid = 0;

	if (ledger_tx_get(l, txnum, &tx) < 0)
		return NULL;
	for (uint32_t i = 0; i < tx.out_n; i++)
		paid += ledger_out_value(l, tx.first_out + i);
	return json_pack("{s:I, s:o, s:I, s:I, s:o, s:o}", "position", (json_int_t)tx.position,
			 "txid", json_hash(tx.txid32), "inputs", (json_int_t)tx.in_n, "outputs",
			 (json_int_t)tx.out_n, "paid", json_u64(paid), "fee",
			 ledger_tx_fee(l, txnum, &fee) == 0 ? json_u64(fee) : json_null());
}

/* Fees of the whole block; null when one is unknown. */
static json_t *fees_json(const struct ledger *l, const struct ledger_block *b)
{
	uint64_t sum = 0, fee;

	for (uint32_t i = 0; i < b->tx_n; i++) {
		if (ledger_tx_fee(l, b->first_tx + i, &fee) < 0)
			return json_null();
		sum += fee;
	}
	return json_u64(sum);
}

static int block_json(const struct ledger *l, const struct ledger_block *b,
		      const struct report_page *page, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = json_chain(l);
	_cleanup_(json_decrefp) json_t *more =
		json_pack("{s:I, s:o, s:o, s:o, s:I, s:I, s:o}", "height", (json_int_t)b->height,
			  "hash", json_hash(b->hash32), "previous", json_hash(b->prev32), "time",
			  json_time(b->time_s), "bytes", (json_int_t)b->size, "transactions",
			  (json_int_t)b->tx_n, "fees", fees_json(l, b));
	json_t *rows = json_array();
	uint64_t from = 0;

	if (!j || !more || json_object_update(j, more) || json_object_set_new(j, "page", rows))
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (page->after && dec_parse_u64(page->after, strlen(page->after), UINT32_MAX, &from) < 0)
		return err_set(e, ERR_INVAL, "after", "\"%.40s\" is not the number of a row",
			       page->after);
	from += page->after != NULL;
	uint64_t end = from + page->limit < b->tx_n ? from + page->limit : b->tx_n;
	for (uint64_t i = from; i < end; i++)
		if (json_array_append_new(rows, tx_row(l, b->first_tx + (uint32_t)i)))
			return err_set(e, ERR_CORRUPT, "ledger", NULL);
	if (json_object_set_new(j, "next",
				end < b->tx_n ? json_integer((json_int_t)end - 1) : json_null()))
		return err_set(e, ERR_NOMEM, NULL, NULL);
	*ret = TAKE_PTR(j);
	return 0;
}

static int block_print(const struct lug *lug, const json_t *j, struct err *e)
{
	static const char *const heads[] = {">position", ">inputs",	">outputs", ">paid",
					    ">fee",	 "transaction", NULL};
	char v[UNITS_TEXT_MAX], when[TIME_BOTH_MAX];
	const json_t *row;
	struct table t;
	size_t i;

	printf("%sblock %lld%s  %s\n", color(lug, COLOR_BOLD), report_number(j, "height"),
	       color(lug, COLOR_OFF), report_text(j, "hash"));
	printf("%-14s %s\n", "time", time_both(report_text(j, "time"), when));
	printf("%-14s %s\n", "previous", report_text(j, "previous"));
	printf("%-14s %lld, %lld bytes, fees %s %s\n\n", "transactions",
	       report_number(j, "transactions"), report_number(j, "bytes"),
	       report_coins(j, j, "fees", v), report_text(j, "ticker"));
	table_init(&t, heads);
	json_array_foreach (json_object_get(j, "page"), i, row) {
		table_cell(&t, "%lld", report_number(row, "position"));
		table_cell(&t, "%lld", report_number(row, "inputs"));
		table_cell(&t, "%lld", report_number(row, "outputs"));
		table_cell(&t, "%s", report_coins(j, row, "paid", v));
		table_cell(&t, "%s", report_coins(j, row, "fee", v));
		table_cell(&t, "%s", report_text(row, "txid"));
	}
	int r = table_print(&t, lug);
	table_done(&t);
	report_print_next(lug, j);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
}

static int run_block(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(ledger_closep) struct ledger *led = NULL;
	_cleanup_(json_decrefp) json_t *j = NULL;
	struct report_page page;
	struct ledger_block b;
	int r = crypto_start();

	r = r < 0 ? err_set(e, r, "crypto", NULL) : report_page_args(a, &page, e);
	if (r == 0)
		r = report_ledger_open(a, &led, e);
	if (r == 0)
		r = find_block(led, args_pos(a, 0), &b, e);
	if (r == 0)
		r = block_json(led, &b, &page, &j, e);
	if (r < 0)
		return r;
	return l->json ? lug_print_json(TAKE_PTR(j), e) : block_print(l, j, e);
}

const struct verb verb_block = {
	.name = "block",
	.args = "HEIGHT|HASH",
	.args_min = 1,
	.args_max = 1,
	.summary = "show a block and its transactions",
	.doc = "Hash, time, size and fees, and a page of transactions with what each paid and its fee. Amounts are exact; in JSON they are "
	       "decimal strings in base units.",
	.examples = "lug block 170 --ledger /data/ledger\n"
		    "# the block of the first payment between two people\n"
		    "lug block 170 --ledger /data/ledger --limit 1000 --json\n"
		    "# for programs",
	.opts = (const struct opt[]){REPORT_LEDGER_OPT, REPORT_PAGE_OPTS, {0}},
	.run = run_block,
};
