/* SPDX-License-Identifier: Apache-2.0
 * Reports about parties. JSON first; the page for people is printed from it. */
#include "lug/party-report.h"
#include "base/text.h"
#include "chain/hash.h"
#include <inttypes.h>

/* ---- what is asked about ---- */

static void show_build(void *ctx, uint64_t done, uint64_t all)
{
	struct progress *p = ctx;

	p->total = all;
	progress_at(p, done, NULL);
}

static int entities_get(struct lug *lug, const char *dir, const struct ledger *l, uint32_t set,
			struct entities **ret, struct err *e)
{
	struct progress bar;
	struct entity_build opt = {.set = set, .tick = show_build, .tick_ctx = &bar};
	struct entity_built built;
	struct err said = {0};
	int r = entities_open(dir, l, set, ret, &said);

	if (r == -ERR_NOENT) {
		progress_start(&bar, lug, "entities", "tx", 0);
		r = entities_build(dir, &opt, &built, e);
		progress_end(&bar);
		return r < 0 ? r : entities_open(dir, l, set, ret, e);
	}
	if (r < 0)
		*e = said;
	return r;
}

static int find_who(const struct ledger *l, const char *who, bool entity, uint32_t *ret_id,
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

static int read_height(const struct args *a, const struct ledger *l, uint32_t *ret_height,
		       struct err *e)
{
	const struct ledger_info *info = ledger_info(l);
	uint64_t height = ENTITY_TIP;
	int r = args_u64(a, "height", info->first_height, info->height, &height, e);

	*ret_height = (uint32_t)height;
	return r;
}

int party_view_open(struct lug *lug, const struct args *a, const char *who, bool entity,
		    struct party_view *v, struct err *e)
{
	const char *dir = args_str(a, "ledger") ? args_str(a, "ledger") : getenv("LUG_LEDGER");
	const char *names = args_str(a, "heuristics");
	uint32_t set = 0;
	int r = names ? heuristic_set_parse(names, &set, e) : 0;

	*v = (struct party_view){0};
	if (r == 0)
		r = report_ledger_open(a, &v->l, e);
	if (r == 0)
		r = read_height(a, v->l, &v->p.height, e);
	if (r == 0 && who)
		r = find_who(v->l, who, entity, &v->asked, e);
	if (r == 0 && entity)
		r = entities_get(lug, dir, v->l, set, &v->x, e);
	if (r < 0)
		return r;
	v->p.l = v->l;
	v->p.x = v->x;
	v->p.id = entity ? entity_of(v->x, v->asked, v->p.height) : v->asked;
	return 0;
}

void party_view_done(struct party_view *v)
{
	entities_close(v->x);
	ledger_close(v->l);
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

static void print_entity_head(const struct lug *lug, const json_t *j)
{
	printf("%sentity %lld%s  %s, as of block %lld, heuristics: %s\n", color(lug, COLOR_BOLD),
	       report_number(j, "entity"), color(lug, COLOR_OFF), report_text(j, "network"),
	       report_number(j, "as_of"), report_text(j, "heuristics"));
	printf("%-14s %lld, the first %s\n", "addresses", report_number(j, "addresses"),
	       report_text(j, "address"));
}

int report_entity_print(const struct lug *lug, const json_t *report, struct err *e)
{
	const json_t *members = json_object_get(report, "members"), *row;
	size_t i;
	int r = 0;

	print_entity_head(lug, report);
	json_array_foreach (json_object_get(report, "why"), i, row) {
		printf("%-14s %s tied to %s in block %lld\n", i ? "" : "because",
		       report_text(row, "address"), report_text(row, "to"),
		       report_number(row, "height"));
	}
	if (members) {
		json_array_foreach (members, i, row)
			printf("  %s\n", json_string_value(row));
	} else {
		r = report_print_totals(lug, report);
	}
	report_print_next(lug, report);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
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

static int print_neighbour_rows(const struct lug *lug, const json_t *report, bool sent)
{
	static const char *const heads[] = {">amount", ">transactions", "last", "neighbour", NULL};
	char v[UNITS_TEXT_MAX];
	const json_t *row;
	struct table t;
	size_t i;

	table_init(&t, heads);
	json_array_foreach (json_object_get(report, "page"), i, row) {
		const char *who = json_string_value(json_object_get(row, "address"));

		table_cell(&t, "%s", report_coins(report, row, "amount", v));
		table_cell(&t, "%lld", report_number(row, "transactions"));
		table_cell(&t, "%s", report_text(json_object_get(row, "last_seen"), "time"));
		if (!who)
			table_cell(&t, "%s", sent ? "nobody (data)" : "newly mined");
		else if (json_object_get(row, "entity"))
			table_cell(&t, "%s and %lld more, entity %lld", who,
				   report_number(row, "addresses") - 1,
				   report_number(row, "entity"));
		else
			table_cell(&t, "%s", who);
	}
	int r = table_print(&t, lug);
	table_done(&t);
	return r;
}

int report_neighbours_print(const struct lug *lug, const json_t *report, struct err *e)
{
	bool sent = strcmp(report_text(report, "side"), "sent") == 0;
	const char *ticker = report_text(report, "ticker");
	char v[UNITS_TEXT_MAX];

	if (json_object_get(report, "entity"))
		print_entity_head(lug, report);
	printf("%-14s %s%s %s%s in %lld transactions, %s %lld neighbours\n",
	       report_text(report, "side"), color(lug, COLOR_BOLD),
	       report_coins(report, report, "total", v), ticker, color(lug, COLOR_OFF),
	       report_number(report, "transactions"), sent ? "to" : "from",
	       report_number(report, "neighbours"));
	printf("%-14s %s %s\n", sent ? "to itself" : "from itself",
	       report_coins(report, report, "self", v), ticker);
	if (sent)
		printf("%-14s %s %s\n", "fees", report_coins(report, report, "fees", v), ticker);
	if (json_is_true(json_object_get(report, "partial")))
		printf("%sthis is a part only: there are more transactions than looked at%s\n",
		       color(lug, COLOR_WARN), color(lug, COLOR_OFF));
	int r = print_neighbour_rows(lug, report, sent);
	report_print_next(lug, report);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
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

static void print_supply(const struct lug *lug, const json_t *j)
{
	const char *ticker = report_text(j, "ticker");
	char v[UNITS_TEXT_MAX];

	printf("%s%s%s as of block %lld\n", color(lug, COLOR_BOLD), report_text(j, "network"),
	       color(lug, COLOR_OFF), report_number(j, "as_of"));
	printf("%-14s %s%s %s%s in %lld outputs of %lld addresses\n", "unspent",
	       color(lug, COLOR_BOLD), report_coins(j, j, "unspent", v), ticker,
	       color(lug, COLOR_OFF), report_number(j, "outputs"), report_number(j, "holders"));
	printf("%-14s %s %s in %lld outputs that nobody can spend\n", "unspendable",
	       report_coins(j, j, "unspendable", v), ticker,
	       report_number(j, "unspendable_outputs"));
	if (report_number(j, "lost_outputs"))
		printf("%-14s %s %s in %lld outputs: a coinbase repeated\n", "lost",
		       report_coins(j, j, "lost", v), ticker, report_number(j, "lost_outputs"));
}

int report_holdings_print(const struct lug *lug, const json_t *report, struct err *e)
{
	static const char *const heads[] = {">amount", ">block", "address", "output", NULL};
	char v[UNITS_TEXT_MAX];
	const json_t *row;
	struct table t;
	size_t i;

	if (!json_object_get(report, "page")) {
		print_supply(lug, report);
		return 0;
	}
	if (json_object_get(report, "entity"))
		print_entity_head(lug, report);
	printf("%-14s %s%s %s%s as of block %lld\n", "holds", color(lug, COLOR_BOLD),
	       report_coins(report, report, "balance", v), report_text(report, "ticker"),
	       color(lug, COLOR_OFF), report_number(report, "as_of"));
	table_init(&t, heads);
	json_array_foreach (json_object_get(report, "page"), i, row) {
		table_cell(&t, "%s", report_coins(report, row, "value", v));
		table_cell(&t, "%lld", report_number(row, "height"));
		table_cell(&t, "%s", report_text(row, "address"));
		table_cell(&t, "%s", report_text(row, "output"));
	}
	int r = table_print(&t, lug);
	table_done(&t);
	report_print_next(lug, report);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
}
