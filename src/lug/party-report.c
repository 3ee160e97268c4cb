/* SPDX-License-Identifier: Apache-2.0
 * Reports about parties for people, printed from the JSON of report/party.h. */
#include "lug/party-report.h"
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
	const char *dir = args_env(a, "ledger", "LUG_LEDGER");
	const char *names = args_str(a, "heuristics");
	uint32_t set = 0;
	int r = names ? heuristic_set_parse(names, &set, e) : 0;

	*v = (struct party_view){0};
	if (r == 0)
		r = report_ledger_open(a, &v->l, e);
	if (r == 0)
		r = read_height(a, v->l, &v->p.height, e);
	if (r == 0 && who)
		r = report_find_party(v->l, who, entity, &v->asked, e);
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
