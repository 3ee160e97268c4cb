/* SPDX-License-Identifier: Apache-2.0
 * A trace for people: where the money is now, which labels it reached, and that the sums agree. */
#include "lug/trace-print.h"
#include "base/text.h"
#include "chain/amount.h"
#include <inttypes.h>
#include <string.h>

static uint64_t amount(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	uint64_t v = 0;
	return s && dec_parse_u64(s, strlen(s), UINT64_MAX, &v) == 0 ? v : 0;
}

static const char *coins(const json_t *report, uint64_t v, char out[static UNITS_TEXT_MAX])
{
	return units_text(v, (unsigned)json_integer_value(json_object_get(report, "decimals")),
			  out);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "-";
}

enum { SHARE_MAX = 48 };
/* Share of a whole in tenths of a per cent, for the eye only. */
static const char *share_text(uint64_t part, uint64_t whole, char out[static SHARE_MAX])
{
	uint64_t tenths = whole ? (uint64_t)((unsigned __int128)part * 1000 / whole) : 0;
	snprintf(out, SHARE_MAX, "%" PRIu64 ".%" PRIu64 " %%", tenths / 10, tenths % 10);
	return out;
}

/* The first label, and how many more; in safe characters. */
static void label_cell(struct table *t, const json_t *labels)
{
	char s[160];
	size_t n = json_array_size(labels);
	if (!n) {
		table_cell(t, "-");
		return;
	}
	const json_t *first = json_array_get(labels, 0);
	const char *category = text_of(first, "category");
	snprintf(s, sizeof(s), "%s%s%s", text_of(first, "label"), *category ? ", " : "", category);
	if (n > 1)
		table_cell(t, "%s (+%zu)", text_safe(s), n - 1);
	else
		table_cell(t, "%s", text_safe(s));
}

static void print_head(const struct lug *lug, const json_t *report)
{
	const json_t *sums = json_object_get(report, "sums");
	char v[UNITS_TEXT_MAX];
	bool back = strcmp(text_of(report, "direction"), "backward") == 0;
	printf("%s%s %s%s %s, by %s, fees %s, up to block %lld of %s\n", color(lug, COLOR_BOLD),
	       coins(report, amount(sums, "seeds") - amount(sums, "overlap"), v),
	       text_of(report, "ticker"), color(lug, COLOR_OFF), back ? "traced back" : "traced",
	       text_of(report, "policy"),
	       strcmp(text_of(report, "fees"), "skip") == 0 ? "skipped" : "followed",
	       (long long)json_integer_value(json_object_get(report, "height")),
	       text_of(report, "network"));
	printf("%sledger at block %lld %s, %s%s\n", color(lug, COLOR_DIM),
	       (long long)json_integer_value(json_object_get(report, "tip_height")),
	       text_of(report, "tip"), text_of(report, "program"), color(lug, COLOR_OFF));
	if (json_is_true(json_object_get(report, "partial")))
		printf("%spartial: the budget ended it; what was not followed is counted as budget%s\n",
		       color(lug, COLOR_WARN), color(lug, COLOR_OFF));
}

static int print_rest(const struct lug *lug, const json_t *report, const json_t *list)
{
	long long more = json_integer_value(json_object_get(report, "holders_n")) -
			 (long long)json_array_size(list);
	if (more > 0)
		printf("%s%lld more: --limit, --csv%s\n", color(lug, COLOR_DIM), more,
		       color(lug, COLOR_OFF));
	return 0;
}

/* Forward: who has it. Backward: where it began, or was not followed further. */
static int print_holders(const struct lug *lug, const json_t *report)
{
	static const char *const forward[] = {">unspent", ">share", ">stopped",
					      "address",  "label",  NULL};
	static const char *const backward[] = {">amount", ">share", "address", "label", NULL};
	const json_t *sums = json_object_get(report, "sums"),
		     *list = json_object_get(report, "holders"), *h;
	uint64_t whole = amount(sums, "seeds") - amount(sums, "overlap") + amount(sums, "spread");
	bool back = strcmp(text_of(report, "direction"), "backward") == 0;
	char v[UNITS_TEXT_MAX], w[UNITS_TEXT_MAX], share[SHARE_MAX];
	struct table t;
	size_t i;
	if (!json_array_size(list))
		return 0;
	printf("\n%s%s%s\n", color(lug, COLOR_BOLD),
	       back ? "where it came from" : "who holds it now", color(lug, COLOR_OFF));
	table_init(&t, back ? backward : forward);
	json_array_foreach (list, i, h) {
		uint64_t unspent = amount(h, "unspent"), stopped = amount(h, "stopped");
		table_cell(&t, "%s", coins(report, back ? stopped : unspent, v));
		table_cell(&t, "%s", share_text(unspent + stopped, whole, share));
		if (!back)
			table_cell(&t, "%s", stopped ? coins(report, stopped, w) : "-");
		table_cell(&t, "%s", text_of(h, "address"));
		label_cell(&t, json_object_get(h, "labels"));
	}
	int r = table_print(&t, lug);
	table_done(&t);
	return r < 0 ? r : print_rest(lug, report, list);
}

static int print_labels(const struct lug *lug, const json_t *report)
{
	static const char *const heads[] = {">received", ">still there", ">outputs", ">hops",
					    "label",	 "nearest",	 NULL};
	const json_t *list = json_object_get(report, "labels"), *g;
	char v[UNITS_TEXT_MAX], w[UNITS_TEXT_MAX], s[160];
	struct table t;
	size_t i;
	if (!json_array_size(list))
		return 0;
	printf("\n%slabels reached%s\n", color(lug, COLOR_BOLD), color(lug, COLOR_OFF));
	table_init(&t, heads);
	json_array_foreach (list, i, g) {
		const json_t *path = json_object_get(g, "shortest");
		const char *category = text_of(g, "category");
		snprintf(s, sizeof(s), "%s%s%s", text_of(g, "label"), *category ? ", " : "",
			 category);
		table_cell(&t, "%s", coins(report, amount(g, "received"), v));
		table_cell(&t, "%s", coins(report, amount(g, "unspent") + amount(g, "stopped"), w));
		table_cell(&t, "%lld",
			   (long long)json_integer_value(json_object_get(g, "outputs")));
		table_cell(&t, "%lld", (long long)json_integer_value(json_object_get(g, "hops")));
		table_cell(&t, "%s", text_safe(s));
		table_cell(&t, "%s",
			   text_of(json_array_get(path, json_array_size(path) - 1), "output"));
	}
	int r = table_print(&t, lug);
	table_done(&t);
	return r;
}

static int print_entities(const struct lug *lug, const json_t *report)
{
	static const char *const heads[] = {">received", ">still there", ">addresses", ">hops",
					    "entity",	 "label",	 NULL};
	const json_t *list = json_object_get(report, "entities"), *x;
	char v[UNITS_TEXT_MAX], w[UNITS_TEXT_MAX];
	struct table t;
	size_t i;
	if (!json_array_size(list))
		return 0;
	printf("\n%sentities reached%s\n", color(lug, COLOR_BOLD), color(lug, COLOR_OFF));
	table_init(&t, heads);
	json_array_foreach (list, i, x) {
		table_cell(&t, "%s", coins(report, amount(x, "received"), v));
		table_cell(&t, "%s", coins(report, amount(x, "unspent") + amount(x, "stopped"), w));
		table_cell(&t, "%lld",
			   (long long)json_integer_value(json_object_get(x, "addresses")));
		table_cell(&t, "%lld", (long long)json_integer_value(json_object_get(x, "hops")));
		table_cell(&t, "%s", text_of(x, "address"));
		label_cell(&t, json_object_get(x, "labels"));
	}
	int r = table_print(&t, lug);
	table_done(&t);
	return r;
}

/* What the trace did not follow though it might have gone on. */
static void print_cut(const struct lug *lug, const json_t *report)
{
	const json_t *c;
	char v[UNITS_TEXT_MAX];
	size_t i;
	json_array_foreach (json_object_get(report, "cut"), i, c)
		printf("%s%s%s: %s %s in %lld outputs, by %s%s\n", i ? "" : "\n",
		       color(lug, COLOR_DIM), "not followed", coins(report, amount(c, "amount"), v),
		       text_of(report, "ticker"),
		       (long long)json_integer_value(json_object_get(c, "outputs")),
		       text_of(c, "reason"), color(lug, COLOR_OFF));
}

/* Both sides of the balance of docs/format/taint.md 6, without what is zero. */
static void print_balance(const struct lug *lug, const json_t *report)
{
	static const char *const ends[] = {"unspent", "minted", "fees",	    "label", "entity",
					   "hops",    "dust",	"coinjoin", "lost",  "foreign",
					   "unknown", "budget", NULL};
	const json_t *sums = json_object_get(report, "sums");
	char v[UNITS_TEXT_MAX];
	const char *sep = "";
	printf("\n%s", color(lug, COLOR_DIM));
	printf("in %s", coins(report, amount(sums, "seeds") - amount(sums, "overlap"), v));
	if (amount(sums, "spread"))
		printf(" + spread %s", coins(report, amount(sums, "spread"), v));
	printf(" = ");
	for (int i = 0; ends[i]; i++) {
		if (!amount(sums, ends[i]))
			continue;
		printf("%s%s %s", sep, ends[i], coins(report, amount(sums, ends[i]), v));
		sep = " + ";
	}
	printf("%s; %lld outputs reached%s\n", *sep ? "" : "0",
	       (long long)json_integer_value(json_object_get(report, "outputs_n")),
	       color(lug, COLOR_OFF));
}

int trace_report_print(const struct lug *lug, const json_t *report, struct err *e)
{
	print_head(lug, report);
	int r = print_holders(lug, report);
	if (r == 0)
		r = print_labels(lug, report);
	if (r == 0)
		r = print_entities(lug, report);
	if (r < 0)
		return err_set(e, r, NULL, NULL);
	print_cut(lug, report);
	print_balance(lug, report);
	return 0;
}
