/* SPDX-License-Identifier: Apache-2.0
 * A trace as one page: no script, nothing loaded from anywhere, light and dark, readable on paper. Every text from elsewhere goes
 * through text_html(), and the page forbids itself everything but its own style. */
#include "report/trace-html.h"
#include "base/text.h"
#include "chain/amount.h"
#include "report/trace-int.h"
#include <inttypes.h>
#include <string.h>

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static long long number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static uint64_t amount(const json_t *o, const char *key)
{
	const char *s = text_of(o, key);
	uint64_t v = 0;
	return *s && dec_parse_u64(s, strlen(s), UINT64_MAX, &v) == 0 ? v : 0;
}

static bool is(const json_t *o, const char *key, const char *value)
{
	return strcmp(text_of(o, key), value) == 0;
}

static const char *coins(const json_t *report, uint64_t v, char out[static UNITS_TEXT_MAX])
{
	return units_text(v, (unsigned)number(report, "decimals"), out);
}

static void put_coins(struct buf *out, const json_t *report, uint64_t v)
{
	char text[UNITS_TEXT_MAX];
	buf_printf(out, "%s", coins(report, v, text));
}

static uint64_t traced(const json_t *report)
{
	const json_t *sums = json_object_get(report, "sums");
	return amount(sums, "seeds") - amount(sums, "overlap");
}

/* ---- tables ---- */

/* A head that begins with ">" is a column of figures. */
static void table_begin(struct buf *out, const char *const *heads)
{
	buf_str(out, "<div class=\"scroll\"><table><thead><tr>");
	for (int i = 0; heads[i]; i++)
		buf_printf(out, "<th%s scope=\"col\">%s</th>",
			   heads[i][0] == '>' ? " class=\"n\"" : "",
			   heads[i] + (heads[i][0] == '>'));
	buf_str(out, "</tr></thead><tbody>\n");
}

static void table_end(struct buf *out)
{
	buf_str(out, "</tbody></table></div>\n");
}

static void cell_coins(struct buf *out, const json_t *report, uint64_t v)
{
	buf_str(out, "<td class=\"n\">");
	if (v)
		put_coins(out, report, v);
	else
		buf_str(out, "–");
	buf_str(out, "</td>");
}

static void cell_number(struct buf *out, long long v)
{
	buf_printf(out, "<td class=\"n\">%lld</td>", v);
}

static void cell_code(struct buf *out, const char *s)
{
	buf_str(out, "<td class=\"code\">");
	text_html(out, *s ? s : "–");
	buf_str(out, "</td>");
}

/* Label and category: another's words, so they may not turn the line's direction. */
static void put_label(struct buf *out, const json_t *label)
{
	buf_str(out, "<bdi>");
	text_html(out, text_of(label, "label"));
	buf_str(out, "</bdi>");
	if (*text_of(label, "category")) {
		buf_str(out, " <span class=\"tag\"><bdi>");
		text_html(out, text_of(label, "category"));
		buf_str(out, "</bdi></span>");
	}
}

static void cell_labels(struct buf *out, const json_t *labels)
{
	const json_t *label;
	size_t i;
	buf_str(out, "<td>");
	json_array_foreach (labels, i, label) {
		buf_str(out, i ? "<br>" : "");
		put_label(out, label);
	}
	buf_str(out, json_array_size(labels) ? "</td>" : "–</td>");
}

/* ---- sections ---- */

static void put_summary(const json_t *report, struct buf *out)
{
	bool back = is(report, "direction", "backward");
	buf_str(out, "<header><h1>Where ");
	put_coins(out, report, traced(report));
	buf_printf(out, " %s %s</h1>\n<p class=\"lede\">", text_of(report, "ticker"),
		   back ? "came from" : "went");
	buf_printf(out,
		   "Traced %s by <b>%s</b> from %lld output%s, fees %s, as of block %lld of %s.",
		   back ? "backward" : "forward", text_of(report, "policy"),
		   number(report, "seeds_n"), number(report, "seeds_n") == 1 ? "" : "s",
		   is(report, "fees", "skip") ? "skipped" : "followed", number(report, "height"),
		   text_of(report, "network"));
	buf_str(out, "</p>\n");
	if (json_is_true(json_object_get(report, "partial")))
		buf_str(out,
			"<p class=\"warn\"><b>Partial.</b> The budget of this trace ended it. What was "
			"not followed is counted as <i>budget</i> below.</p>\n");
	buf_str(out, "</header>\n");
}

static void put_figure(struct buf *out, const char *name, const char *value, const char *unit)
{
	buf_printf(out, "<div><dt>%s</dt><dd>%s <small>%s</small></dd></div>\n", name, value, unit);
}

static void put_figures(const json_t *report, struct buf *out)
{
	const json_t *sums = json_object_get(report, "sums"), *label;
	const char *ticker = text_of(report, "ticker");
	bool back = is(report, "direction", "backward");
	char text[UNITS_TEXT_MAX], n[32];
	uint64_t known = 0;
	size_t i;
	json_array_foreach (json_object_get(report, "labels"), i, label)
		known += amount(label, "unspent") + amount(label, "stopped");
	buf_str(out, "<dl class=\"figures\">\n");
	put_figure(out, back ? "Minted, where it began" : "Unspent, where it lies now",
		   coins(report, amount(sums, back ? "minted" : "unspent"), text), ticker);
	put_figure(out, "With those who have a label", coins(report, known, text), ticker);
	put_figure(out, "Paid in fees", coins(report, amount(sums, "fees"), text), ticker);
	snprintf(n, sizeof(n), "%lld", number(report, "outputs_n"));
	put_figure(out, "Outputs reached", n, "");
	snprintf(n, sizeof(n), "%lld", number(report, "transactions_followed"));
	put_figure(out, "Transactions followed", n, "");
	buf_str(out, "</dl>\n");
}

static void put_nearest(const json_t *report, struct buf *out)
{
	static const char *const heads[] = {">Hops",	    "Label",	  ">Received",
					    ">Still there", ">Addresses", NULL};
	const json_t *labels = json_object_get(report, "labels"), *at;
	size_t i;
	if (!json_array_size(json_object_get(report, "nearest")))
		return;
	buf_str(out, "<section><h2>Nearest known services</h2>\n");
	table_begin(out, heads);
	json_array_foreach (json_object_get(report, "nearest"), i, at) {
		const json_t *l = json_array_get(labels, (size_t)json_integer_value(at));
		buf_str(out, "<tr>");
		cell_number(out, number(l, "hops"));
		buf_str(out, "<td>");
		put_label(out, l);
		buf_str(out, "</td>");
		cell_coins(out, report, amount(l, "received"));
		cell_coins(out, report, amount(l, "unspent") + amount(l, "stopped"));
		cell_number(out, number(l, "addresses"));
		buf_str(out, "</tr>\n");
	}
	table_end(out);
	buf_str(out, "</section>\n");
}

static void put_path(const json_t *report, const json_t *path, const char *name, struct buf *out)
{
	static const char *const heads[] = {">Tainted", "Output", "Address",
					    "Time",	">Block", NULL};
	const json_t *step;
	size_t i;
	buf_printf(out, "<h4>%s</h4>\n", name);
	table_begin(out, heads);
	json_array_foreach (path, i, step) {
		buf_str(out, "<tr>");
		cell_coins(out, report, amount(step, "tainted"));
		cell_code(out, text_of(step, "output"));
		cell_code(out, text_of(step, "address"));
		cell_code(out, text_of(step, "time"));
		cell_number(out, number(step, "height"));
		buf_str(out, "</tr>\n");
	}
	table_end(out);
}

static void put_labels(const json_t *report, struct buf *out)
{
	const json_t *labels = json_object_get(report, "labels"), *l;
	char text[UNITS_TEXT_MAX];
	size_t i;
	if (!json_array_size(labels))
		return;
	buf_str(out, "<section><h2>Labels reached, and the way to them</h2>\n");
	json_array_foreach (labels, i, l) {
		const json_t *shortest = json_object_get(l, "shortest"),
			     *largest = json_object_get(l, "largest");
		buf_printf(out, "<details%s><summary>", i < 3 ? " open" : "");
		put_label(out, l);
		buf_printf(out, " – %s %s in %lld output%s</summary>\n",
			   coins(report, amount(l, "received"), text), text_of(report, "ticker"),
			   number(l, "outputs"), number(l, "outputs") == 1 ? "" : "s");
		if (*text_of(l, "set")) {
			buf_str(out, "<p class=\"note\">Said by the label source <bdi>");
			text_html(out, text_of(l, "set"));
			buf_str(out, "</bdi>.</p>\n");
		}
		if (json_equal(shortest, largest)) {
			put_path(report, shortest, "Shortest path, and to the largest amount", out);
		} else {
			put_path(report, shortest, "Shortest path", out);
			put_path(report, largest, "Path to the largest amount", out);
		}
		buf_str(out, "</details>\n");
	}
	buf_str(out, "</section>\n");
}

static void put_holders(const json_t *report, struct buf *out)
{
	static const char *const heads[] = {">Unspent", ">Not followed", "Address", "Labels", NULL};
	const json_t *list = json_object_get(report, "holders"), *h;
	size_t i;
	if (!json_array_size(list))
		return;
	buf_printf(out, "<section><h2>%s</h2>\n",
		   is(report, "direction", "backward") ? "Where it came from" : "Who holds it now");
	table_begin(out, heads);
	json_array_foreach (list, i, h) {
		buf_str(out, "<tr>");
		cell_coins(out, report, amount(h, "unspent"));
		cell_coins(out, report, amount(h, "stopped"));
		cell_code(out, text_of(h, "address"));
		cell_labels(out, json_object_get(h, "labels"));
		buf_str(out, "</tr>\n");
	}
	table_end(out);
	if ((long long)json_array_size(list) < number(report, "holders_n"))
		buf_printf(out, "<p class=\"note\">The first %zu of %lld are listed.</p>\n",
			   json_array_size(list), number(report, "holders_n"));
	buf_str(out, "</section>\n");
}

static void put_entities(const json_t *report, struct buf *out)
{
	static const char *const heads[] = {">Received",  ">Still there",
					    ">Addresses", ">Reached",
					    ">Hops",	  "Named by its first address",
					    "Labels",	  NULL};
	const json_t *list = json_object_get(report, "entities"), *x;
	size_t i;
	if (!json_array_size(list))
		return;
	buf_str(out, "<section><h2>Entities reached</h2>\n");
	table_begin(out, heads);
	json_array_foreach (list, i, x) {
		buf_str(out, "<tr>");
		cell_coins(out, report, amount(x, "received"));
		cell_coins(out, report, amount(x, "unspent") + amount(x, "stopped"));
		cell_number(out, number(x, "addresses"));
		cell_number(out, number(x, "reached"));
		cell_number(out, number(x, "hops"));
		cell_code(out, text_of(x, "address"));
		cell_labels(out, json_object_get(x, "labels"));
		buf_str(out, "</tr>\n");
	}
	table_end(out);
	if ((long long)json_array_size(list) < number(report, "entities_n"))
		buf_printf(out, "<p class=\"note\">The first %zu of %lld are listed.</p>\n",
			   json_array_size(list), number(report, "entities_n"));
	buf_str(out, "<p class=\"note\">An entity is a set of addresses that the chain shows to be "
		     "controlled together; it is evidence, not proof.</p></section>\n");
}

static const char *cut_reason(const char *reason)
{
	static const char *const words[][2] = {
		{"label", "paid to an address that has a label, where the trace was told to stop"},
		{"entity", "paid to an entity larger than the trace was told to enter"},
		{"coinjoin", "mixed with others' money in an equal-output CoinJoin"},
		{"hops", "as many transactions away as the trace was told to go"},
		{"dust", "less than the trace was told to follow"},
		{"foreign", "older than the first block of this ledger"},
		{"unknown", "together with money of unknown amount, in a ledger that begins later"},
		{"budget", "left when the budget was used up"},
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i][0], reason) == 0)
			return words[i][1];
	return "";
}

static void put_cut(const json_t *report, struct buf *out)
{
	static const char *const heads[] = {">Amount", ">Outputs", "Reason", NULL};
	const json_t *cut = json_object_get(report, "cut"), *c;
	size_t i;
	buf_str(out, "<section><h2>What was cut off, and why</h2>\n");
	if (!json_array_size(cut)) {
		buf_str(out,
			"<p>Nothing: every output that was reached was followed to its end.</p></section>\n");
		return;
	}
	table_begin(out, heads);
	json_array_foreach (cut, i, c) {
		buf_str(out, "<tr>");
		cell_coins(out, report, amount(c, "amount"));
		cell_number(out, number(c, "outputs"));
		buf_printf(out, "<td><b>%s</b>: %s</td></tr>\n", text_of(c, "reason"),
			   cut_reason(text_of(c, "reason")));
	}
	table_end(out);
	buf_str(out, "</section>\n");
}

/* Both sides of the balance of docs/format/taint.md 6, without what is zero. */
static void put_balance(const json_t *report, struct buf *out)
{
	static const char *const ends[] = {"unspent", "minted", "fees",	    "label", "entity",
					   "hops",    "dust",	"coinjoin", "lost",  "foreign",
					   "unknown", "budget", NULL};
	const json_t *sums = json_object_get(report, "sums");
	const char *plus = "";
	buf_str(out, "<section><h2>The balance</h2>\n<p class=\"balance\">brought in ");
	put_coins(out, report, traced(report));
	if (amount(sums, "spread")) {
		buf_str(out, " + spread by poison ");
		put_coins(out, report, amount(sums, "spread"));
	}
	buf_str(out, " = ");
	for (int i = 0; ends[i]; i++) {
		if (!amount(sums, ends[i]))
			continue;
		buf_printf(out, "%s%s ", plus, ends[i]);
		put_coins(out, report, amount(sums, ends[i]));
		plus = " + ";
	}
	buf_str(out, "</p>\n<p class=\"note\">Checked to the last base unit before this page was "
		     "written; nothing was made or lost.</p></section>\n");
}

static void put_fact(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "<dt>%s</dt><dd>", name);
	text_html(out, value);
	buf_str(out, "</dd>\n");
}

static void put_stops(const json_t *report, struct buf *out)
{
	const json_t *s = json_object_get(report, "stops");
	const char *sep = "";
	buf_str(out, "<dt>Stops</dt><dd>");
	if (json_is_true(json_object_get(s, "labels"))) {
		buf_printf(out, "%slabels", sep);
		sep = ", ";
	}
	if (json_is_true(json_object_get(s, "coinjoins"))) {
		buf_printf(out, "%sequal-output CoinJoins", sep);
		sep = ", ";
	}
	if (json_is_integer(json_object_get(s, "entity_addresses"))) {
		buf_printf(out, "%sentities of more than %lld addresses", sep,
			   number(s, "entity_addresses"));
		sep = ", ";
	}
	if (json_is_integer(json_object_get(s, "hops"))) {
		buf_printf(out, "%s%lld hops", sep, number(s, "hops"));
		sep = ", ";
	}
	if (amount(s, "min")) {
		buf_printf(out, "%sless than ", sep);
		put_coins(out, report, amount(s, "min"));
		sep = ", ";
	}
	buf_str(out, *sep ? "</dd>\n" : "none</dd>\n");
}

static void put_origin(const json_t *report, struct buf *out)
{
	char n[32];
	buf_str(out, "<section><h2>How this was made</h2>\n<dl class=\"facts\">\n");
	put_fact(out, "Program", text_of(report, "program"));
	put_fact(out, "Network", text_of(report, "network"));
	put_fact(out, "Asset", text_of(report, "asset"));
	snprintf(n, sizeof(n), "%lld", number(report, "tip_height"));
	put_fact(out, "Ledger at block", n);
	put_fact(out, "Block hash", text_of(report, "tip"));
	snprintf(n, sizeof(n), "%lld", number(report, "height"));
	put_fact(out, "Answer holds as of block", n);
	put_fact(out, "Policy", text_of(report, "policy"));
	put_fact(out, "Direction", text_of(report, "direction"));
	put_fact(out, "Fees", text_of(report, "fees"));
	put_stops(report, out);
	put_fact(out, "Complete",
		 json_is_true(json_object_get(report, "partial")) ? "no: the budget ended it"
								  : "yes");
	buf_str(out,
		"</dl>\n<p class=\"note\">The rules, down to the last base unit, are in "
		"docs/format/taint.md of the program's source. Amounts follow the policy: another "
		"policy gives other amounts, and none of them says who owns an address.</p></section>\n");
}

/* Pictures are wide. */
static const char paper_style[] =
	"@page{size:A4 landscape;margin:14mm;@bottom-right{content:counter(page) \" / \" counter(pages);"
	"font-size:8pt}}body{font-size:9pt}.flow{border:0}svg{width:100%;height:auto}\n";

static void put_page(const json_t *report, bool paper, struct buf *out)
{
	char text[UNITS_TEXT_MAX];
	buf_str(out,
		"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'unsafe-inline'\">\n<meta name=\"color-scheme\" content=\"light dark\">\n");
	buf_printf(out, "<title>Trace of %s %s, %s, block %lld</title>\n<style>\n",
		   coins(report, traced(report), text), text_of(report, "ticker"),
		   text_of(report, "policy"), number(report, "height"));
	trace_html_style(out);
	buf_str(out, paper ? paper_style : "");
	buf_str(out, "</style></head>\n<body><main>\n");
	put_summary(report, out);
	put_figures(report, out);
	trace_html_flow(report, paper, out);
	put_nearest(report, out);
	put_holders(report, out);
	put_labels(report, out);
	put_entities(report, out);
	put_cut(report, out);
	put_balance(report, out);
	put_origin(report, out);
	buf_str(out, "</main></body></html>\n");
}

void trace_report_html(const json_t *report, struct buf *out)
{
	put_page(report, false, out);
}

void trace_report_paper(const json_t *report, struct buf *out)
{
	put_page(report, true, out);
}
