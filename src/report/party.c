/* SPDX-License-Identifier: Apache-2.0
 * What a ledger says about a party, as JSON. */
#include "report/party.h"
#include "base/text.h"
#include "chain/hash.h"
#include "ledger/exposure.h"
#include "ledger/label.h"
#include <inttypes.h>
#include <string.h>

enum { PARTS = 10000 /* shares are in hundredths of a per cent */ };

int report_find_party(const struct ledger *l, const char *who, bool entity, uint32_t *ret_id,
		      struct err *e)
{
	uint64_t id;

	if (entity && dec_parse_u64(who, strlen(who), UINT32_MAX, &id) == 0) {
		if (id == 0 || id >= ledger_info(l)->address_n)
			return err_set(e, ERR_NOENT, "entity", "no entity %.20s in this ledger",
				       who);
		*ret_id = (uint32_t)id;
		return 0;
	}
	return ledger_address_find_text(l, who, ret_id, e);
}

static json_int_t as_of(const struct party_view *v)
{
	return v->p.height == ENTITY_TIP ? ledger_info(v->l)->height : v->p.height;
}

static int nomem(struct err *e)
{
	return err_set(e, ERR_NOMEM, NULL, NULL);
}

/* ---- entities ---- */

enum { WHY_MAX = 64 };

static json_t *json_why(const struct party_view *v)
{
	struct entity_link links[WHY_MAX];
	size_t n = entity_links(v->x, v->asked, v->p.height, links, WHY_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < n && i < WHY_MAX; i++)
		json_array_append_new(list, json_pack("{s:o, s:o, s:I}", "address",
						      json_address(v->l, links[i].address), "to",
						      json_address(v->l, links[i].to), "height",
						      (json_int_t)links[i].height));
	return list;
}

static json_t *entity_head(const struct party_view *v)
{
	char set[HEURISTIC_SET_TEXT_MAX];
	json_t *j = json_chain(v->l);
	json_t *more = json_pack("{s:I, s:o, s:s, s:I, s:I, s:o}", "entity", (json_int_t)v->p.id,
				 "address", json_address(v->l, v->p.id), "heuristics",
				 heuristic_set_text(entities_set(v->x), set), "as_of", as_of(v),
				 "addresses", (json_int_t)entity_size(v->x, v->p.id, v->p.height),
				 "asked", json_address(v->l, v->asked));

	if (!j || !more || json_object_update(j, more) < 0) {
		json_decref(j);
		j = NULL;
	}
	json_decref(more);
	return j;
}

int report_entity(const struct party_view *v, const struct report_page *page, json_t **ret,
		  struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = entity_head(v);

	if (!j || json_object_set_new(j, "why", json_why(v)))
		return nomem(e);
	int r = report_add_balance(&v->p, j, e);
	if (r == 0)
		r = report_add_moves(&v->p, page, j, e);
	if (r == 0)
		*ret = TAKE_PTR(j);
	return r;
}

int report_members(const struct party_view *v, const struct report_page *page, json_t **ret,
		   struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = entity_head(v);
	_cleanup_(freep) uint32_t *ids = calloc(page->limit, sizeof(*ids));
	json_t *rows = json_array();
	uint32_t after = 0;

	if (!j || !ids || json_object_set_new(j, "members", rows))
		return nomem(e);
	int r = page->after ? ledger_address_find_text(v->l, page->after, &after, e) : 0;
	if (r < 0)
		return r;
	int64_t n = entity_members(v->x, v->p.id, v->p.height, after, ids, page->limit);
	if (n < 0)
		return err_set(e, (int)n, "entities", NULL);
	for (int64_t i = 0; i < n; i++)
		if (json_array_append_new(rows, json_address(v->l, ids[i])))
			return nomem(e);
	json_t *next = (uint64_t)n == page->limit ? json_address(v->l, ids[n - 1]) : json_null();
	if (json_object_set_new(j, "next", next))
		return nomem(e);
	*ret = TAKE_PTR(j);
	return 0;
}

/* ---- neighbours ---- */

static json_t *json_neighbour(const struct party_view *v, const struct neighbour *n)
{
	json_t *j = json_pack("{s:o, s:o, s:I, s:o, s:o}", "address", json_address(v->l, n->id),
			      "amount", json_u64(n->amount), "transactions", (json_int_t)n->tx_n,
			      "first_seen", json_seen(v->l, n->first_tx), "last_seen",
			      json_seen(v->l, n->last_tx));

	if (j && v->x && n->id &&
	    (json_object_set_new(j, "entity", json_integer(n->id)) ||
	     json_object_set_new(
		     j, "addresses",
		     json_integer((json_int_t)entity_size(v->x, n->id, v->p.height))))) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static int add_neighbours(const struct party_view *v, const struct neighbours *n,
			  const struct report_page *page, uint64_t from, json_t *j)
{
	json_t *rows = json_array();
	uint64_t end = from + page->limit < n->n ? from + page->limit : n->n;
	int r = json_object_set_new(j, "page", rows);

	for (uint64_t i = from; r == 0 && i < end; i++)
		r = json_array_append_new(rows, json_neighbour(v, &n->row[i]));
	return r | json_object_set_new(
			   j, "next", end < n->n ? json_integer((json_int_t)end - 1) : json_null());
}

int report_neighbours(const struct party_view *v, enum party_side side,
		      const struct report_page *page, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = v->x ? entity_head(v) : json_chain(v->l);
	struct neighbours n;
	uint64_t from = 0;

	if (page->after && dec_parse_u64(page->after, strlen(page->after), UINT32_MAX, &from) < 0)
		return err_set(e, ERR_INVAL, "after", "\"%.40s\" is not the number of a row",
			       page->after);
	from += page->after != NULL;
	int r = party_neighbours(&v->p, side, 0, &n);
	if (r < 0)
		return err_set(e, r, "ledger", NULL);
	_cleanup_(json_decrefp) json_t *more = json_pack(
		"{s:o, s:s, s:I, s:o, s:o, s:o, s:I, s:I, s:b, s:I}", "asked",
		json_address(v->l, v->asked), "side", side == PARTY_SENT ? "sent" : "received",
		"as_of", as_of(v), "total", json_u64(n.total), "self", json_u64(n.self), "fees",
		json_u64(n.fees), "transactions", (json_int_t)n.tx_n, "unknown",
		(json_int_t)n.unknown_n, "partial", n.partial, "neighbours", (json_int_t)n.n);
	bool good = j && more && json_object_update(j, more) == 0 &&
		    add_neighbours(v, &n, page, from, j) == 0;
	neighbours_done(&n);
	if (!good)
		return nomem(e);
	*ret = TAKE_PTR(j);
	return 0;
}

/* ---- holdings ---- */

static json_t *json_holding(const struct ledger *l, uint64_t output)
{
	char text[HASH_TEXT_MAX], outpoint[HASH_TEXT_MAX + 12];
	struct ledger_output o;

	if (ledger_output_get(l, output, &o) < 0)
		return NULL;
	snprintf(outpoint, sizeof(outpoint), "%s:%" PRIu32, hash_text(o.txid32, text), o.position);
	return json_pack("{s:s, s:o, s:o, s:o}", "output", outpoint, "value",
			 o.known ? json_u64(o.value) : json_null(), "address",
			 json_address(l, o.address), "height",
			 o.foreign ? json_null() : json_integer(ledger_tx_height(l, o.txnum)));
}

static json_t *supply_json(const struct party_view *v, struct err *e)
{
	struct ledger_supply s;
	int r = ledger_supply(v->l, (uint32_t)as_of(v), &s);

	if (r < 0) {
		(void)err_set(e, r, "height", NULL);
		return NULL;
	}
	return json_pack("{s:I, s:o, s:I, s:I, s:o, s:I, s:o, s:I}", "outputs",
			 (json_int_t)s.unspent_n, "unspent", json_u64(s.unspent), "holders",
			 (json_int_t)s.holder_n, "unspendable_outputs", (json_int_t)s.nobody_n,
			 "unspendable", json_u64(s.nobody), "lost_outputs", (json_int_t)s.lost_n,
			 "lost", json_u64(s.lost), "as_of", as_of(v));
}

/* The output of TXID:N. */
static int find_output(const struct ledger *l, const char *text, uint64_t *ret_output,
		       struct err *e)
{
	char txid[65] = "";
	struct ledger_tx tx;
	uint32_t txnum;
	uint64_t n;

	if (strlen(text) < 66 || text[64] != ':' ||
	    dec_parse_u64(text + 65, strlen(text + 65), UINT32_MAX, &n) < 0)
		return err_set(e, ERR_INVAL, "after", "\"%.90s\" is not an output TXID:N", text);
	memcpy(txid, text, 64);
	int r = report_find_txid(l, txid, &txnum, e);
	if (r < 0)
		return r;
	if (ledger_tx_get(l, txnum, &tx) < 0 || n >= tx.out_n)
		return err_set(e, ERR_NOENT, "after", "the transaction has no output %" PRIu64, n);
	*ret_output = tx.first_out + n;
	return 0;
}

static int add_holdings(const struct party_view *v, const struct report_page *page, json_t *j,
			struct err *e)
{
	_cleanup_(freep) uint64_t *outs = calloc(page->limit, sizeof(*outs));
	uint64_t after = LEDGER_OUTPUT_NONE;
	json_t *rows = json_array();
	int r = page->after ? find_output(v->l, page->after, &after, e) : 0;

	if (r < 0 || !outs || json_object_set_new(j, "page", rows))
		return r < 0 ? r : nomem(e);
	int64_t n = party_holdings(&v->p, page->after ? ledger_out_address(v->l, after) : 0, after,
				   outs, page->limit);
	if (n < 0)
		return err_set(e, (int)n, "ledger", NULL);
	for (int64_t i = 0; i < n; i++)
		if (json_array_append_new(rows, json_holding(v->l, outs[i])))
			return nomem(e);
	json_t *next = json_null();
	if ((uint64_t)n == page->limit)
		next = json_incref(json_object_get(json_array_get(rows, (size_t)n - 1), "output"));
	return json_object_set_new(j, "next", next) ? nomem(e) : 0;
}

int report_holdings(const struct party_view *v, const struct report_page *page, json_t **ret,
		    struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = v->x ? entity_head(v) : json_chain(v->l);
	int r = 0;

	if (!j)
		return nomem(e);
	if (!v->asked) {
		_cleanup_(json_decrefp) json_t *s = supply_json(v, e);
		if (!s || json_object_update(j, s) < 0)
			return e->code ? e->code : nomem(e);
		*ret = TAKE_PTR(j);
		return 0;
	}
	if (json_object_set_new(j, "asked", json_address(v->l, v->asked)) ||
	    json_object_set_new(j, "as_of", json_integer(as_of(v))))
		return nomem(e);
	struct ledger_balance b;
	r = party_balance(&v->p, &b);
	if (r < 0)
		return err_set(e, r, "ledger", NULL);
	if (json_object_set_new(j, "balance", json_u64(b.balance)))
		return nomem(e);
	r = add_holdings(v, page, j, e);
	if (r == 0)
		*ret = TAKE_PTR(j);
	return r;
}

/* ---- exposure ---- */

/* Hundredths of a per cent, rounded down, so that no share looks larger than it is. */
static json_t *json_share(uint64_t amount, uint64_t total)
{
	uint64_t parts = total ? (uint64_t)((unsigned __int128)amount * PARTS / total) : 0;
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%02" PRIu64, parts / 100, parts % 100);
	return json_string(text);
}

static json_t *rows_json(const struct exposure *x)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < x->n; i++) {
		const struct exposure_row *r = &x->row[i];

		json_array_append_new(rows, json_pack("{s:s, s:o, s:o, s:o, s:o, s:I}", "category",
						      r->category, "direct", json_u64(r->direct),
						      "indirect", json_u64(r->indirect), "amount",
						      json_u64(r->direct + r->indirect), "percent",
						      json_share(r->direct + r->indirect, x->total),
						      "payments", (json_int_t)r->payment_n));
	}
	return rows;
}

static json_t *exposure_json(const struct party_view *v, const struct exposure_params *q,
			     size_t label_n, const struct exposure *x)
{
	json_t *j = json_chain(v->l);
	json_int_t height = v->p.height == ENTITY_TIP ? ledger_info(v->l)->height : v->p.height;
	json_t *more = json_pack(
		"{s:o, s:o, s:I, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}",
		"asked", json_address(v->l, v->asked), "entity",
		v->x ? json_integer(v->p.id) : json_null(), "as_of", height, "side",
		q->side == PARTY_SENT ? "sent" : "received", "hops", (json_int_t)q->hops, "labels",
		(json_int_t)label_n, "total", json_u64(x->total), "categories", rows_json(x),
		"unlabelled", json_u64(x->unlabelled), "held", json_u64(x->held), "mined",
		json_u64(x->mined), "joined", json_u64(x->joined), "unknown", json_u64(x->unknown),
		"fees", json_u64(x->fees), "cut", json_u64(x->cut), "partial", x->partial);

	if (!j || !more || json_object_update(j, more)) {
		json_decref(j);
		j = NULL;
	}
	json_decref(more);
	return j;
}

int report_exposure(const struct party_view *v, const struct labels *labels,
		    const struct exposure_params *q, json_t **ret, struct err *e)
{
	struct exposure x;
	int r = exposure_of(&v->p, labels, q, &x, e);

	if (r < 0)
		return r;
	*ret = exposure_json(v, q, labels_n(labels), &x);
	exposure_done(&x);
	return *ret ? 0 : nomem(e);
}
