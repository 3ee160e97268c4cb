/* SPDX-License-Identifier: Apache-2.0
 * The graph of a trace for GraphViz: what a report shows, with the amounts on the edges. */
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

static void dot_coins(const json_t *report, const json_t *o, struct buf *out)
{
	char text[UNITS_TEXT_MAX];
	const char *s = text_of(o, "amount");
	uint64_t v;
	if (dec_parse_u64(s, strlen(s), UINT64_MAX, &v) == 0)
		buf_printf(out, "%s %s",
			   units_text(v,
				      (unsigned)json_integer_value(
					      json_object_get(report, "decimals")),
				      text),
			   text_of(report, "ticker"));
}

static void dot_node(const json_t *report, const json_t *n, size_t i, struct buf *out)
{
	const char *kind = text_of(n, "kind");
	long long count = (long long)json_integer_value(json_object_get(n, "count"));
	buf_printf(out, "  n%zu [shape=%s, style=\"%s\", label=\"", i,
		   strcmp(kind, "transaction") == 0 ? "ellipse" : "box",
		   strcmp(kind, "seed") == 0	? "bold"
		   : strcmp(kind, "group") == 0 ? "dashed"
						: "solid");
	if (strcmp(kind, "group") == 0)
		buf_printf(out, "+%lld more", count);
	else
		text_dot(out, text_of(n, "text"));
	if (*text_of(n, "note")) {
		buf_str(out, "\\n");
		text_dot(out, text_of(n, "note"));
	}
	buf_str(out, "\\n");
	dot_coins(report, n, out);
	if (*text_of(n, "end"))
		buf_printf(out, ", %s", text_of(n, "end"));
	buf_str(out, "\"];\n");
}

void trace_report_dot(const json_t *report, struct buf *out)
{
	const json_t *graph = json_object_get(report, "graph"), *o;
	bool back = strcmp(text_of(report, "direction"), "backward") == 0;
	size_t i;
	buf_printf(out, "// %s; %s at block %lld, ledger at block %lld %s\n",
		   text_of(report, "program"), text_of(report, "network"),
		   (long long)json_integer_value(json_object_get(report, "height")),
		   (long long)json_integer_value(json_object_get(report, "tip_height")),
		   text_of(report, "tip"));
	_cleanup_(freep) char *stops = json_text(json_object_get(report, "stops"));
	buf_printf(out, "// %s, %s, fees %s, stops %s%s\n", text_of(report, "policy"),
		   text_of(report, "direction"), text_of(report, "fees"), stops ? stops : "?",
		   json_is_true(json_object_get(report, "partial"))
			   ? "; PARTIAL: the budget ended it"
			   : "");
	buf_str(out, "digraph trace {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
	json_array_foreach (json_object_get(graph, "nodes"), i, o)
		dot_node(report, o, i, out);
	json_array_foreach (json_object_get(graph, "edges"), i, o) {
		buf_printf(out, "  n%lld -> n%lld [%slabel=\"",
			   (long long)json_integer_value(json_object_get(o, "from")),
			   (long long)json_integer_value(json_object_get(o, "to")),
			   back ? "dir=back, " : "");
		dot_coins(report, o, out);
		buf_str(out, "\"];\n");
	}
	buf_str(out, "}\n");
}
