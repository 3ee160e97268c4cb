/* SPDX-License-Identifier: Apache-2.0
 * What a ledger says about an address or a transaction, as JSON. */
#include "ledger/ledger.h"
#include "base/text.h"
#include "base/time.h"
#include "chain/address.h"
#include "chain/hash.h"
#include "chain/network.h"
#include "ledger/entity.h"
#include "ledger/party.h"
#include "report/report.h"
#include <inttypes.h>
#include <string.h>

json_t *json_hash(const uint8_t hash32[static 32])
{
	char text[HASH_TEXT_MAX];

	return json_string(hash_text(hash32, text));
}

json_t *json_time(uint32_t unix_s)
{
	char text[TIME_TEXT_MAX];

	return json_string(time_utc(unix_s, text));
}

/* An address id as text; null for nobody. */
json_t *json_address(const struct ledger *l, uint32_t id)
{
	char text[LEDGER_ADDRESS_TEXT_MAX];

	return id && ledger_address_text(l, id, text) == 0 ? json_string(text) : json_null();
}

json_t *json_chain(const struct ledger *l)
{
	const struct network *n = ledger_network(l);
	const struct ledger_info *info = ledger_info(l);

	return json_pack("{s:s, s:s, s:s, s:i, s:I, s:o}", "network", n->name, "asset", n->caip19,
			 "ticker", n->ticker, "decimals", (int)n->decimals, "tip_height",
			 (json_int_t)info->height, "tip", json_hash(info->tip32));
}

static int damaged(int r, struct err *e)
{
	return err_set(e, r, "ledger", "%s", err_sentence(r));
}

/* ---- addresses ---- */

json_t *json_seen(const struct ledger *l, uint32_t txnum)
{
	struct ledger_tx tx;

	if (ledger_tx_get(l, txnum, &tx) < 0)
		return NULL;
	return json_pack("{s:o, s:I, s:o}", "txid", json_hash(tx.txid32), "height",
			 (json_int_t)tx.height, "time", json_time(tx.time_s));
}

int report_add_balance(const struct party *p, json_t *j, struct err *e)
{
	const struct ledger *l = p->l;
	struct ledger_balance b;
	int r = party_balance(p, &b);

	if (r < 0)
		return damaged(r, e);
	r = json_object_set_new(j, "received", json_u64(b.received)) |
	    json_object_set_new(j, "sent", json_u64(b.sent)) |
	    json_object_set_new(j, "balance", json_u64(b.balance)) |
	    json_object_set_new(j, "lost", json_u64(b.lost)) |
	    json_object_set_new(j, "payments_in", json_integer((json_int_t)b.received_n)) |
	    json_object_set_new(j, "payments_out", json_integer((json_int_t)b.sent_n)) |
	    json_object_set_new(j, "transactions", json_integer((json_int_t)b.tx_n)) |
	    json_object_set_new(j, "first_seen", b.tx_n ? json_seen(l, b.first_tx) : json_null()) |
	    json_object_set_new(j, "last_seen", b.tx_n ? json_seen(l, b.last_tx) : json_null());
	return r ? err_set(e, ERR_NOMEM, NULL, NULL) : 0;
}

static json_t *json_move(const struct ledger *l, const struct ledger_move *m)
{
	struct ledger_tx tx;

	if (ledger_tx_get(l, m->txnum, &tx) < 0)
		return NULL;
	return json_pack("{s:o, s:I, s:o, s:o, s:o}", "txid", json_hash(tx.txid32), "height",
			 (json_int_t)m->height, "time", json_time(m->time_s), "received",
			 json_u64(m->received), "sent", json_u64(m->sent));
}

int report_find_txid(const struct ledger *l, const char *text, uint32_t *ret_txnum, struct err *e)
{
	uint8_t txid32[32];
	int r = hash_parse(text, strlen(text), txid32);

	if (r < 0)
		return err_set(e, ERR_FORMAT, "txid",
			       "\"%.80s\" is not a transaction id: 64 hex digits", text);
	r = ledger_tx_find(l, txid32, ret_txnum);
	if (r == -ERR_NOENT)
		return err_set(e, r, "txid",
			       "No transaction %s in this ledger, which reaches to block %" PRIu32
			       ".",
			       text, ledger_info(l)->height);
	return r < 0 ? damaged(r, e) : 0;
}

int report_add_moves(const struct party *p, const struct report_page *page, json_t *j,
		     struct err *e)
{
	const struct ledger *l = p->l;
	_cleanup_(freep) struct ledger_move *moves = calloc(page->limit, sizeof(*moves));
	json_t *rows = json_array();
	int64_t after = -1, n;
	uint32_t mark;
	int r = json_object_set_new(j, "page", rows);

	if (!moves || r != 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (page->after) {
		r = report_find_txid(l, page->after, &mark, e);
		if (r < 0)
			return r;
		after = mark;
	}
	n = party_moves(p, page->oldest_first ? LEDGER_OLDEST_FIRST : LEDGER_NEWEST_FIRST, after,
			moves, page->limit);
	if (n < 0)
		return damaged((int)n, e);
	for (int64_t i = 0; i < n; i++)
		if (json_array_append_new(rows, json_move(l, &moves[i])) != 0)
			return err_set(e, ERR_NOMEM, NULL, NULL);
	if ((uint64_t)n < page->limit)
		return json_object_set_new(j, "next", json_null()) ? -ERR_NOMEM : 0;
	return json_object_set(j, "next",
			       json_object_get(json_array_get(rows, (size_t)n - 1), "txid"))
		       ? -ERR_NOMEM
		       : 0;
}

int report_address(const struct ledger *l, const char *text, const struct report_page *page,
		   json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = json_chain(l);
	char canonical[LEDGER_ADDRESS_TEXT_MAX];
	uint32_t id = 0;
	int r = ledger_address_find_text(l, text, &id, e);

	if (r < 0 && r != -ERR_NOENT)
		return r;
	snprintf(canonical, sizeof(canonical), "%s", text);
	if (r == 0 && ledger_address_text(l, id, canonical) < 0)
		return damaged(-ERR_CORRUPT, e);
	if (!j || json_object_set_new(j, "address", json_string(canonical)) ||
	    json_object_set_new(j, "seen", json_boolean(r == 0)))
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (r == 0) {
		const struct party p = {.l = l, .id = id, .height = ENTITY_TIP};

		r = report_add_balance(&p, j, e);
		if (r == 0)
			r = report_add_moves(&p, page, j, e);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(j);
	return 0;
}

/* ---- transactions ---- */

static json_t *json_input(const struct ledger *l, const struct ledger_tx *tx, uint32_t i)
{
	uint64_t output = ledger_in_output(l, tx->first_in + i);
	struct ledger_output o;

	if (output == LEDGER_OUTPUT_NONE || ledger_output_get(l, output, &o) < 0)
		return NULL;
	return json_pack("{s:I, s:o, s:I, s:o, s:o}", "n", (json_int_t)i, "txid",
			 json_hash(o.txid32), "output", (json_int_t)o.position, "address",
			 json_address(l, o.address), "value",
			 o.known ? json_u64(o.value) : json_null());
}

static json_t *json_spender(const struct ledger *l, const struct ledger_output *o)
{
	struct ledger_tx tx;

	if (o->spend != LEDGER_SPENT || ledger_tx_get(l, o->spender, &tx) < 0)
		return json_null();
	return json_pack("{s:o, s:I, s:I}", "txid", json_hash(tx.txid32), "input",
			 (json_int_t)o->spender_position, "height", (json_int_t)tx.height);
}

static json_t *json_output(const struct ledger *l, const struct ledger_tx *tx, uint32_t i)
{
	struct ledger_output o;

	if (ledger_output_get(l, tx->first_out + i, &o) < 0)
		return NULL;
	return json_pack("{s:I, s:o, s:o, s:o, s:b}", "n", (json_int_t)i, "value",
			 json_u64(o.value), "address", json_address(l, o.address), "spent_by",
			 json_spender(l, &o), "lost", o.spend == LEDGER_LOST);
}

static int add_rows(const struct ledger *l, const struct ledger_tx *tx,
		    const struct report_page *page, json_t *j, struct err *e)
{
	json_t *ins = json_array(), *outs = json_array();
	uint64_t from = 0, most = tx->in_n > tx->out_n ? tx->in_n : tx->out_n;

	if (json_object_set_new(j, "inputs", ins) | json_object_set_new(j, "outputs", outs))
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (page->after && dec_parse_u64(page->after, strlen(page->after), UINT32_MAX, &from) < 0)
		return err_set(e, ERR_INVAL, "after", "\"%.40s\" is not the number of a row",
			       page->after);
	from += page->after != NULL;
	for (uint64_t i = from; i < most && i < from + page->limit; i++) {
		if (i < tx->in_n && json_array_append_new(ins, json_input(l, tx, (uint32_t)i)) != 0)
			return damaged(-ERR_CORRUPT, e);
		if (i < tx->out_n &&
		    json_array_append_new(outs, json_output(l, tx, (uint32_t)i)) != 0)
			return damaged(-ERR_CORRUPT, e);
	}
	return json_object_set_new(j, "next",
				   from + page->limit < most
					   ? json_integer((json_int_t)(from + page->limit - 1))
					   : json_null())
		       ? -ERR_NOMEM
		       : 0;
}

static json_t *json_fee(const struct ledger *l, uint32_t txnum)
{
	uint64_t fee;

	return ledger_tx_fee(l, txnum, &fee) == 0 ? json_u64(fee) : json_null();
}

static int add_place(const struct ledger *l, const struct ledger_tx *tx, json_t *j)
{
	struct ledger_block b;
	json_int_t depth = (json_int_t)ledger_info(l)->height - tx->height + 1;

	if (ledger_block_at(l, tx->height, &b) < 0)
		return -ERR_CORRUPT;
	return json_object_set_new(j, "txid", json_hash(tx->txid32)) |
			       json_object_set_new(j, "height", json_integer(tx->height)) |
			       json_object_set_new(j, "block", json_hash(b.hash32)) |
			       json_object_set_new(j, "time", json_time(tx->time_s)) |
			       json_object_set_new(j, "position", json_integer(tx->position)) |
			       json_object_set_new(j, "confirmations", json_integer(depth)) |
			       json_object_set_new(j, "coinbase", json_boolean(tx->coinbase)) |
			       json_object_set_new(j, "fee", json_fee(l, tx->txnum)) |
			       json_object_set_new(j, "inputs_n", json_integer(tx->in_n)) |
			       json_object_set_new(j, "outputs_n", json_integer(tx->out_n))
		       ? -ERR_NOMEM
		       : 0;
}

int report_tx(const struct ledger *l, const char *txid, const struct report_page *page,
	      json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	struct ledger_tx tx;
	uint32_t txnum;
	int r = report_find_txid(l, txid, &txnum, e);

	if (r < 0)
		return r;
	r = ledger_tx_get(l, txnum, &tx);
	if (r < 0)
		return damaged(r, e);
	j = json_chain(l);
	r = j ? add_place(l, &tx, j) : -ERR_NOMEM;
	if (r < 0)
		return damaged(r, e);
	r = add_rows(l, &tx, page, j, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(j);
	return 0;
}

/* ---- what a transaction shows ---- */

int report_explain(const struct ledger *l, json_t *report, struct err *e)
{
	json_t *list = json_array();
	uint32_t txnum;
	int r = report_find_txid(l, json_string_value(json_object_get(report, "txid")), &txnum, e);
	int mixed = r < 0 ? r : ledger_tx_coinjoin(l, txnum);

	if (mixed < 0 || json_object_set_new(report, "coinjoin", json_boolean(mixed)) ||
	    json_object_set_new(report, "change", list)) {
		json_decref(r < 0 || mixed < 0 ? list : NULL);
		return r < 0 ? r : damaged(mixed < 0 ? mixed : -ERR_NOMEM, e);
	}
	for (uint32_t bit = 1; bit <= HEURISTIC_ALL; bit <<= 1) {
		int n = heuristic_change(l, bit, txnum, UINT32_MAX);

		if (n < -1)
			return damaged(n, e);
		if (n >= 0 &&
		    json_array_append_new(list, json_pack("{s:s, s:i, s:s}", "heuristic",
							  heuristic_name(bit), "output", n,
							  "because", heuristic_doc(bit))))
			return damaged(-ERR_NOMEM, e);
	}
	return 0;
}
