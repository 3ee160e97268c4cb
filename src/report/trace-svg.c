/* SPDX-License-Identifier: Apache-2.0
 * The picture of a trace: the graph as laid out by the module graph, drawn as SVG in the colours of the page. */
#include "base/text.h"
#include "chain/amount.h"
#include "report/trace-html.h"
#include "report/trace-int.h"
#include <inttypes.h>
#include <string.h>

enum { NAME_SHOWN = 21, ENDS_SHOWN = 7, LINE_WIDEST = 9 };

static const char style[] =
	":root{--bg:#fff;--ink:#16202b;--soft:#5a6876;--rule:#d5dce3;--panel:#f4f6f8;--accent:#0b5cad;"
	"--seed:#0b5cad;--held:#1c7a45;--known:#8a4b08;--cut:#8b1e3f;--flow:#9db4c8;--warn:#fff3d6}\n"
	"@media (prefers-color-scheme:dark){:root{--bg:#11161c;--ink:#e4eaf0;--soft:#9aa8b6;--rule:#2e3945;"
	"--panel:#1a222b;--accent:#7ab8ff;--seed:#7ab8ff;--held:#6fcf97;--known:#f2b36b;--cut:#ff8fab;"
	"--flow:#4d6377;--warn:#3a2f12}}\n"
	"*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);"
	"font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}\n"
	"main{max-width:1200px;margin:0 auto;padding:28px 20px 60px}h1{font-size:28px;line-height:1.2;margin:0 0 6px}"
	"h2{font-size:19px;margin:36px 0 10px;padding-bottom:4px;border-bottom:1px solid var(--rule)}"
	"h4{font-size:13px;margin:12px 0 4px;color:var(--soft)}\n"
	".lede{margin:0;color:var(--soft);font-size:16px}.warn{background:var(--warn);padding:10px 14px;"
	"border-left:4px solid var(--known);margin:14px 0 0}.note{color:var(--soft);font-size:13px;margin:6px 0}\n"
	".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:10px;margin:20px 0 0}"
	".figures div{background:var(--panel);border-radius:8px;padding:10px 14px}.figures dt{font-size:12px;"
	"color:var(--soft)}.figures dd{margin:2px 0 0;font-size:18px;font-weight:600;font-variant-numeric:tabular-nums}"
	".figures small{font-size:12px;font-weight:400;color:var(--soft)}\n"
	".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13px}"
	"th{text-align:left;font-weight:600;color:var(--soft);border-bottom:1px solid var(--rule);padding:5px 12px 5px 0;"
	"white-space:nowrap}td{border-bottom:1px solid var(--rule);padding:5px 12px 5px 0;vertical-align:top}"
	"th.n,td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
	".code{font-family:ui-monospace,\"DejaVu Sans Mono\",monospace;font-size:12px;overflow-wrap:anywhere}"
	".tag{font-size:11px;border:1px solid var(--rule);border-radius:9px;padding:0 7px;color:var(--soft);"
	"white-space:nowrap}\n"
	"details{border:1px solid var(--rule);border-radius:8px;padding:8px 14px;margin:8px 0}"
	"summary{cursor:pointer;font-weight:600}.balance{font-variant-numeric:tabular-nums}"
	".facts{display:grid;grid-template-columns:max-content 1fr;gap:3px 20px;margin:0}.facts dt{color:var(--soft)}"
	".facts dd{margin:0;overflow-wrap:anywhere}\n"
	".flow{overflow-x:auto;border:1px solid var(--rule);border-radius:8px;background:var(--panel)}"
	"svg{display:block;font-size:12px}svg text{fill:var(--ink)}svg .a{fill:var(--soft);font-size:11px;"
	"font-variant-numeric:tabular-nums}svg rect{fill:var(--bg);stroke:var(--rule);stroke-width:1.5}"
	"svg .seed rect{stroke:var(--seed);stroke-width:2.5}svg .held rect{stroke:var(--held)}"
	"svg .known rect{stroke:var(--known);stroke-width:2.5}svg .known text:first-of-type{font-weight:600}"
	"svg .cut rect{stroke:var(--cut);stroke-dasharray:5 3}svg .group rect{stroke-dasharray:2 3}"
	"svg path{fill:none;stroke:var(--flow);stroke-opacity:.65}svg marker path{fill:var(--flow);stroke:none}\n"
	".legend{display:flex;flex-wrap:wrap;gap:6px 18px;font-size:12px;color:var(--soft);margin:8px 0;padding:0;"
	"list-style:none}.legend i{display:inline-block;width:14px;height:12px;border:2px solid var(--rule);"
	"border-radius:3px;margin-right:6px;vertical-align:-1px}.legend .seed{border-color:var(--seed)}"
	".legend .held{border-color:var(--held)}.legend .known{border-color:var(--known)}"
	".legend .cut{border-color:var(--cut);border-style:dashed}.legend .group{border-style:dotted}\n"
	"@media print{:root{--bg:#fff;--ink:#000;--soft:#444;--rule:#bbb;--panel:#fff;--seed:#0b5cad;--held:#1c7a45;"
	"--known:#8a4b08;--cut:#8b1e3f;--flow:#888;--warn:#fff}body{font-size:10pt}main{max-width:none;padding:0}"
	".flow{overflow:visible;border:0}svg{width:100%;height:auto}.scroll{overflow:visible}h2{break-after:avoid}"
	"tr,.figures div{break-inside:avoid}details{border:0;padding:0}@page{margin:14mm}}\n";

/* For a picture by itself, and for paper: the same in light colours, without variables, which not every reader of SVG knows. */
static const char svg_style[] =
	"<style>text{fill:#16202b;font:12px sans-serif}.a{fill:#5a6876;font-size:11px}"
	"rect{fill:#fff;stroke:#d5dce3;stroke-width:1.5}.seed rect{stroke:#0b5cad;stroke-width:2.5}"
	".held rect{stroke:#1c7a45}.known rect{stroke:#8a4b08;stroke-width:2.5}"
	".cut rect{stroke:#8b1e3f;stroke-dasharray:5 3}.group rect{stroke-dasharray:2 3}"
	"path{fill:none;stroke:#9db4c8;stroke-opacity:.65}marker path{fill:#9db4c8;stroke:none}</style>\n";

void trace_html_style(struct buf *out)
{
	buf_str(out, style);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static int integer(const json_t *o, const char *key)
{
	return (int)json_integer_value(json_object_get(o, key));
}

static uint64_t amount(const json_t *o)
{
	const char *s = text_of(o, "amount");
	uint64_t v = 0;
	return *s && dec_parse_u64(s, strlen(s), UINT64_MAX, &v) == 0 ? v : 0;
}

static void put_amount(struct buf *out, const json_t *report, const json_t *o)
{
	char text[UNITS_TEXT_MAX];
	buf_printf(out, "%s %s", units_text(amount(o), (unsigned)integer(report, "decimals"), text),
		   text_of(report, "ticker"));
}

/* What class of box: by it the style knows the colour. */
static const char *class_of(const json_t *n)
{
	const char *kind = text_of(n, "kind"), *end = text_of(n, "end");
	if (strcmp(kind, "seed") == 0)
		return "seed";
	if (strcmp(kind, "group") == 0)
		return "group";
	if (strcmp(kind, "transaction") == 0)
		return "tx";
	if (*text_of(n, "note"))
		return "known";
	return strcmp(end, "unspent") == 0 || strcmp(end, "minted") == 0 ? "held" : "cut";
}

/* Bytes of the first n characters. */
static size_t prefix(const char *s, size_t n)
{
	size_t i = 0;
	while (s[i] && (n || (s[i] & 0xc0) == 0x80)) {
		n -= (s[i] & 0xc0) != 0x80;
		i++;
		while ((s[i] & 0xc0) == 0x80)
			i++;
	}
	return i;
}

/* As much of a text as a box has room for: of an address or a hash both ends, of a label its beginning. */
static void put_short(struct buf *out, const char *s, bool both_ends)
{
	char part[4 * NAME_SHOWN + 8];
	size_t len = strlen(s), n = prefix(s, NAME_SHOWN);
	if (n == len) {
		text_html(out, s);
		return;
	}
	n = prefix(s, both_ends ? ENDS_SHOWN + 2 : NAME_SHOWN - 1);
	snprintf(part, sizeof(part), "%.*s…", (int)n, s);
	text_html(out, part);
	if (both_ends)
		text_html(out, s + len - ENDS_SHOWN);
}

static void put_name(struct buf *out, const json_t *n)
{
	const char *kind = text_of(n, "kind"), *note = text_of(n, "note");
	if (strcmp(kind, "group") == 0)
		buf_printf(out, "+%d more", integer(n, "count"));
	else if (*note && strcmp(kind, "transaction") != 0)
		put_short(out, note, false);
	else
		put_short(out, text_of(n, "text"), true);
}

static void put_node(struct buf *out, const json_t *report, const json_t *n)
{
	int x = integer(n, "x"), y = integer(n, "y"), w = integer(n, "width"),
	    h = integer(n, "height");
	bool tx = strcmp(text_of(n, "kind"), "transaction") == 0;
	buf_printf(out, "<g class=\"%s\"><title>%s ", class_of(n), tx ? "transaction" : "");
	text_html(out, text_of(n, "text"));
	buf_str(out, "\n");
	text_html(out, text_of(n, "note"));
	buf_printf(out, " %s</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\"/>",
		   text_of(n, "end"), x, y, w, h, tx ? h / 2 : 5);
	buf_printf(out, "<text x=\"%d\" y=\"%d\">", x + (tx ? 16 : 9), y + 16);
	put_name(out, n);
	buf_printf(out, "</text><text class=\"a\" x=\"%d\" y=\"%d\">", x + (tx ? 16 : 9), y + 32);
	put_amount(out, report, n);
	buf_str(out, "</text></g>\n");
}

static void put_edge(struct buf *out, const json_t *report, const json_t *e, uint64_t most,
		     const char *marker)
{
	const json_t *c = json_object_get(e, "curve");
	int p[8];
	for (size_t i = 0; i < 8; i++)
		p[i] = (int)json_integer_value(json_array_get(c, i));
	/* Width by share, so that a thin line is little money. */
	double width = 1 + (LINE_WIDEST - 1) * (most ? (double)amount(e) / (double)most : 0);
	buf_printf(
		out,
		"<path d=\"M%d %dC%d %d %d %d %d %d\" stroke-width=\"%.1f\" marker-%s=\"url(#%s)\"><title>",
		p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], width,
		strcmp(marker, "to") == 0 ? "end" : "start", marker);
	put_amount(out, report, e);
	buf_printf(out, " in %d output%s</title></path>\n", integer(e, "count"),
		   integer(e, "count") == 1 ? "" : "s");
}

static void put_legend(struct buf *out, const json_t *report, const json_t *graph, bool back)
{
	buf_str(out, "<ul class=\"legend\"><li><i class=\"seed\"></i>where the trace begins</li>"
		     "<li><i></i>transaction</li>");
	buf_printf(out, "<li><i class=\"held\"></i>%s</li>",
		   back ? "minted, where money began" : "unspent, where money lies now");
	buf_str(out, "<li><i class=\"known\"></i>has a label</li>"
		     "<li><i class=\"cut\"></i>not followed further</li>"
		     "<li><i class=\"group\"></i>several together</li></ul>\n");
	buf_printf(
		out,
		"<p class=\"note\">%s Each column is one transaction further away; the width of a "
		"line is its share of the largest.",
		back ? "Money came from right to left." : "Money moves from left to right.");
	if (integer(graph, "grouped"))
		buf_printf(out,
			   " %zu boxes are drawn; %d transactions and addresses with less are "
			   "in the groups.",
			   json_array_size(json_object_get(graph, "nodes")),
			   integer(graph, "grouped"));
	buf_str(out, "</p>\n");
}

/* The picture itself, with a style of its own or in that of the page. */
static void put_svg(const json_t *report, const char *own_style, struct buf *out)
{
	const json_t *graph = json_object_get(report, "graph"), *o;
	const json_t *edges = json_object_get(graph, "edges"),
		     *nodes = json_object_get(graph, "nodes");
	bool back = strcmp(text_of(report, "direction"), "backward") == 0;
	int w = integer(graph, "width"), h = integer(graph, "height");
	uint64_t most = 0;
	size_t i;
	json_array_foreach (edges, i, o)
		most = amount(o) > most ? amount(o) : most;
	buf_printf(out,
		   "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
		   "aria-label=\"Flow of the traced money; the tables below say the same\" "
		   "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n%s<defs>",
		   w, h, w, h, own_style);
	buf_str(out,
		"<marker id=\"to\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" "
		"markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
		"<path d=\"M0 0L8 4L0 8z\"/></marker>"
		"<marker id=\"from\" viewBox=\"0 0 8 8\" refX=\"1\" refY=\"4\" markerWidth=\"8\" "
		"markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
		"<path d=\"M8 0L0 4L8 8z\"/></marker></defs>\n");
	json_array_foreach (edges, i, o)
		put_edge(out, report, o, most, back ? "from" : "to");
	json_array_foreach (nodes, i, o)
		put_node(out, report, o);
	buf_str(out, "</svg>");
}

void trace_html_flow(const json_t *report, bool paper, struct buf *out)
{
	const json_t *graph = json_object_get(report, "graph");
	if (!json_is_object(graph))
		return;
	buf_str(out, "<section><h2>The flow</h2>\n");
	put_legend(out, report, graph, strcmp(text_of(report, "direction"), "backward") == 0);
	buf_str(out, "<div class=\"flow\">");
	put_svg(report, paper ? svg_style : "", out);
	buf_str(out, "</div></section>\n");
}

void trace_report_svg(const json_t *report, struct buf *out)
{
	if (!json_is_object(json_object_get(report, "graph")))
		return;
	buf_str(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- ");
	buf_printf(out, "%s, %s, block %lld, ", text_of(report, "program"),
		   text_of(report, "policy"),
		   (long long)json_integer_value(json_object_get(report, "tip_height")));
	buf_printf(out, "%s -->\n", text_of(report, "tip"));
	put_svg(report, svg_style, out);
	buf_str(out, "\n");
}
