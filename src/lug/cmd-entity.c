/* SPDX-License-Identifier: Apache-2.0
 * lug ledger cluster, entity, neighbours, utxo: addresses that belong together, and whom they deal with. */
#include "crypto/crypto.h"
#include "lug/party-report.h"
#include <inttypes.h>

/* ---- ledger cluster ---- */

static void show_cluster(void *ctx, uint64_t done, uint64_t all)
{
	struct progress *p = ctx;

	p->total = all;
	progress_at(p, done, NULL);
}

static json_t *built_json(const struct entity_built *b, const char *set, int64_t ms)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:b, s:b, s:I}", "heuristics",
			 set, "addresses", (json_int_t)b->address_n, "entities",
			 (json_int_t)b->entity_n, "transactions", (json_int_t)b->tx_n, "coinjoins",
			 (json_int_t)b->joined_n, "refused", (json_int_t)b->refused_n,
			 "committed_height", (json_int_t)b->committed_height, "bytes",
			 json_u64(b->bytes), "continued", b->continued, "existed", b->existed,
			 "milliseconds", (json_int_t)ms);
}

static int cluster_remove(const struct lug *l, const char *dir, uint32_t set, const char *text,
			  struct err *e)
{
	int r = entities_remove(dir, set, e);

	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(json_pack("{s:s}", "removed", text), e);
	printf("%sok%s  entities by %s removed\n", color(l, COLOR_GOOD), color(l, COLOR_OFF), text);
	return 0;
}

static int run_cluster(struct lug *l, const struct args *a, struct err *e)
{
	const char *dir = args_env(a, "ledger", "LUG_LEDGER");
	const char *names = args_str(a, "heuristics");
	char text[HEURISTIC_SET_TEXT_MAX];
	struct progress bar;
	struct entity_build opt = {
		.whole = args_flag(a, "whole"), .tick = show_cluster, .tick_ctx = &bar};
	struct entity_built b;
	int64_t began = time_mono_ms();
	int r = crypto_start();

	r = r < 0 ? err_set(e, r, "crypto", NULL) : 0;
	if (r == 0 && !dir)
		r = err_set(e, ERR_INVAL, "ledger",
			    "Which ledger? Give --ledger DIR, or set LUG_LEDGER.");
	if (r == 0 && names)
		r = heuristic_set_parse(names, &opt.set, e);
	if (r < 0)
		return r;
	heuristic_set_text(opt.set, text);
	if (args_flag(a, "remove"))
		return cluster_remove(l, dir, opt.set, text, e);
	progress_start(&bar, l, "entities", "tx", 0);
	r = entities_build(dir, &opt, &b, e);
	progress_end(&bar);
	if (r < 0)
		return r;
	int64_t ms = time_mono_ms() - began;
	if (l->json)
		return lug_print_json(built_json(&b, text, ms), e);
	printf("%sok%s  %" PRIu64 " addresses are %" PRIu64 " entities (heuristics: %s)\n",
	       color(l, COLOR_GOOD), color(l, COLOR_OFF), b.address_n, b.entity_n, text);
	printf("    %" PRIu64 " CoinJoins passed over, %" PRIu64 " change ties refused; %s\n",
	       b.joined_n, b.refused_n,
	       b.existed     ? "they were there"
	       : b.continued ? "continued"
			     : "made from the first block");
	return 0;
}

const struct verb verb_ledger_cluster = {
	.name = "ledger cluster",
	.args = "",
	.summary = "find which addresses belong together, for one set of heuristics",
	.doc = "Addresses that one transaction spends from are one entity, unless it is a CoinJoin. Heuristics that guess which output "
	       "is the change are opt-in; each set of them makes entities of its own, beside the others, and --remove takes them back. "
	       "An earlier result is continued. lug entity makes what it needs by itself.\n\n"
	       "docs/format/entity.md says what each heuristic takes for change, how wrong guesses are bounded, and how often each "
	       "is right on generated chains.",
	.examples = "lug ledger cluster --ledger /data/ledger\n"
		    "# multi-input alone\n"
		    "lug ledger cluster --ledger /data/ledger --heuristics type,fresh\n"
		    "# with two heuristics\n"
		    "lug ledger cluster --ledger /data/ledger --heuristics type,fresh --remove\n"
		    "# take them back",
	.opts =
		(const struct opt[]){
			REPORT_LEDGER_OPT,
			{"heuristics", "LIST",
			 "reuse, type, round, optimal, peel, fresh, client; all; none (default)",
			 false, false},
			{"whole", NULL,
			 "from the first block on, even when there is an earlier result", false,
			 false},
			{"remove", NULL, "delete the entities of this set", false, false},
			{0}},
	.run = run_cluster,
};

/* ---- entity ---- */

static int run_entity(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	struct report_page page;
	struct party_view v = {0};
	int r = crypto_start();

	r = r < 0 ? err_set(e, r, "crypto", NULL) : report_page_args(a, &page, e);
	if (r == 0)
		r = party_view_open(l, a, args_pos(a, 0), true, &v, e);
	page.oldest_first = args_flag(a, "oldest-first");
	if (r == 0)
		r = args_flag(a, "members") ? report_members(&v, &page, &j, e)
					    : report_entity(&v, &page, &j, e);
	party_view_done(&v);
	if (r < 0)
		return r;
	return l->json ? lug_print_json(TAKE_PTR(j), e) : report_entity_print(l, j, e);
}

const struct verb verb_entity = {
	.name = "entity",
	.args = "ADDRESS|NUMBER",
	.args_min = 1,
	.args_max = 1,
	.summary = "show the entity of an address: members, totals, history, and why",
	.doc = "An entity is a set of addresses that the chain shows to be controlled together; its number is the lowest of its address "
	       "numbers. Shows totals and a page of transactions of all its addresses together, and the ties that lead from the "
	       "address to its entity. With --members a page of its addresses. All as of any block.",
	.examples =
		"lug entity 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa --ledger /data/ledger\n"
		"# totals and newest transactions\n"
		"lug entity 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa --ledger /data/ledger --members --json\n"
		"# its addresses\n"
		"lug entity 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa --ledger /data/ledger --height 4000 --heuristics type,fresh\n"
		"# as of a block, with change heuristics",
	.opts = (const struct opt[]){PARTY_OPTS,
				     {"members", NULL, "its addresses instead of its transactions",
				      false, false},
				     REPORT_PAGE_OPTS,
				     {"oldest-first", NULL, "transactions from the oldest on",
				      false, false},
				     {0}},
	.run = run_entity,
};

/* ---- neighbours ---- */

static int run_neighbours(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	enum party_side side = args_flag(a, "sent") ? PARTY_SENT : PARTY_RECEIVED;
	struct report_page page;
	struct party_view v = {0};
	int r = crypto_start();

	r = r < 0 ? err_set(e, r, "crypto", NULL) : report_page_args(a, &page, e);
	if (r == 0)
		r = party_view_open(l, a, args_pos(a, 0), args_flag(a, "entity"), &v, e);
	if (r == 0)
		r = report_neighbours(&v, side, &page, &j, e);
	party_view_done(&v);
	if (r < 0)
		return r;
	return l->json ? lug_print_json(TAKE_PTR(j), e) : report_neighbours_print(l, j, e);
}

const struct verb verb_neighbours = {
	.name = "neighbours",
	.args = "ADDRESS",
	.args_min = 1,
	.args_max = 1,
	.summary = "list whom an address or entity received from, or sent to",
	.doc = "Every transaction's money is shared out between its payers and payees in proportion, to whole base units, so the sums add up "
	       "to what was received or sent. Largest first. With --entity the entity of the address is asked about, and its "
	       "neighbours are entities, too.",
	.examples =
		"lug neighbours 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa --ledger /data/ledger\n"
		"# who paid it\n"
		"lug neighbours 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa --ledger /data/ledger --sent --entity --limit 10\n"
		"# whom its entity paid most",
	.opts = (const struct opt[]){PARTY_OPTS,
				     {"entity", NULL, "of its entity", false, false},
				     {"sent", NULL,
				      "whom it sent to (default: whom it received from)", false,
				      false},
				     REPORT_PAGE_OPTS,
				     {0}},
	.run = run_neighbours,
};

/* ---- utxo ---- */

static int run_utxo(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	const char *who = args_pos(a, 0);
	struct report_page page;
	struct party_view v = {0};
	int r = crypto_start();

	r = r < 0 ? err_set(e, r, "crypto", NULL) : report_page_args(a, &page, e);
	if (r == 0 && !who && args_flag(a, "entity"))
		r = err_set(e, ERR_INVAL, "entity", "--entity is for an address");
	if (r == 0)
		r = party_view_open(l, a, who, args_flag(a, "entity"), &v, e);
	if (r == 0)
		r = report_holdings(&v, &page, &j, e);
	party_view_done(&v);
	if (r < 0)
		return r;
	return l->json ? lug_print_json(TAKE_PTR(j), e) : report_holdings_print(l, j, e);
}

const struct verb verb_utxo = {
	.name = "utxo",
	.args = "[ADDRESS]",
	.args_max = 1,
	.summary = "show what was unspent as of a block: of an address, an entity, or all",
	.doc = "Without an address: how much was unspent, in how many outputs of how many addresses. With one: its unspent outputs, by page. "
	       "With --entity those of all addresses of its entity.",
	.examples = "lug utxo --height 170 --ledger /data/ledger\n"
		    "# all money as of block 170\n"
		    "lug utxo 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa --ledger /data/ledger --json\n"
		    "# what an address holds now",
	.opts = (const struct opt[]){PARTY_OPTS,
				     {"entity", NULL, "of the address's entity", false, false},
				     REPORT_PAGE_OPTS,
				     {0}},
	.run = run_utxo,
};
