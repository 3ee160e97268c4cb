/* SPDX-License-Identifier: Apache-2.0
 * lug trace: where money went or came from. Works alone on a ledger; needs no running node. */
#include "base/text.h"
#include "chain/amount.h"
#include "chain/network.h"
#include "crypto/crypto.h"
#include "graph/graph.h"
#include "ledger/entity.h"
#include "ledger/label.h"
#include "ledger/ledger.h"
#include "lug/address-report.h"
#include "lug/ledger-report.h"
#include "lug/trace-print.h"
#include "report/trace-report.h"
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

enum {
	LIMIT_DEFAULT = 20,
	LIMIT_PAGE = 100,
	BOXES_PAGE = 80, /* that a page is readable with */
	LIMIT_JSON = 1000,
	LIMIT_MAX = 1000000,
	MAX_SECONDS = 30 * 86400,
	PAGE_MAX = 256 << 20 /* bytes of a page or a graph */
};

/* What one run works with. */
struct tracing {
	struct ledger *ledger;
	struct labels *labels;
	struct entities *entities; /* NULL: none were made */
	struct trace_seeds seeds;
	struct trace_params params;
	struct trace_stops stops;
};

static void tracing_done(struct tracing *t)
{
	trace_seeds_done(&t->seeds);
	entities_close(t->entities);
	labels_close(t->labels);
	ledger_close(t->ledger);
}

/* ---- seeds ---- */

/* As lug address does: the likely typing error belongs to the answer. */
static int seed_mistyped(const char *text, struct err *e)
{
	struct address_guess guesses[ADDRESS_GUESSES_MAX];
	struct address_info info;
	int guess_n, r = address_read(text, &info, guesses, ADDRESS_GUESSES_MAX, &guess_n, e);
	return r < 0 ? r : err_set(e, ERR_CHECKSUM, "address", NULL);
}

static int seed_of(struct tracing *t, const char *text, struct err *e)
{
	int r = trace_seeds_add(&t->seeds, t->ledger, t->entities, text, e);
	return r == -ERR_CHECKSUM ? seed_mistyped(text, e) : r;
}

/* Seeds of a file: one a line, "#" begins a comment. The line is told when one is wrong. */
static int seeds_file(struct tracing *t, const char *path, struct err *e)
{
	bool std = strcmp(path, "-") == 0;
	_cleanup_(fclosep) FILE *own = std ? NULL : fopen(path, "re");
	_cleanup_(freep) char *line = NULL;
	FILE *f = std ? stdin : own;
	size_t cap = 0;
	int r = 0;
	if (!f)
		return err_set(e, err_errno(errno), "seeds", "%s: %s", path, strerror(errno));
	for (uint32_t n = 1; r == 0 && getline(&line, &cap, f) >= 0; n++) {
		struct err why = {0};
		char *text = line + strspn(line, " \t\r\n");
		text[strcspn(text, " \t\r\n#")] = 0;
		if (!*text)
			continue;
		r = seed_of(t, text, &why);
		if (r < 0)
			(void)err_set(e, r, "seeds", "%s, line %" PRIu32 ": %s", path, n,
				      why.message);
	}
	return r < 0 || !ferror(f) ? r : err_set(e, ERR_IO, "seeds", "%s: cannot read it", path);
}

/* ---- options ---- */

static int read_params(const struct args *a, unsigned decimals, struct trace_params *p,
		       struct err *e)
{
	static const char *const policies[] = {"poison", "haircut", "fifo", "lifo", "tiho", NULL};
	static const char *const engines[] = {"auto", "sparse", "dense", NULL};
	static const char *const fees[] = {"skip", "follow", NULL};
	int policy = TRACE_HAIRCUT, fee = TRACE_FEES_SKIP, engine = TRACE_AUTO;
	uint64_t hops = TRACE_NONE, height = TRACE_NONE, budget = TRACE_REACHED_MAX;
	const char *min = args_str(a, "min");
	trace_params_init(p);
	int r = args_choice(a, "policy", policies, &policy, e);
	if (r == 0)
		r = args_choice(a, "fees", fees, &fee, e);
	if (r == 0)
		r = args_choice(a, "engine", engines, &engine, e);
	if (r == 0)
		r = args_u64(a, "hops", 0, TRACE_NONE - 1, &hops, e);
	if (r == 0)
		r = args_u64(a, "height", 0, TRACE_NONE - 1, &height, e);
	if (r == 0)
		r = args_u64(a, "max-outputs", 1, INT32_MAX, &budget, e);
	if (r == 0 && min && units_parse(min, strlen(min), decimals, &p->amount_min) < 0)
		r = err_set(e, ERR_INVAL, "min", "\"%.40s\" is not an amount of coins like 0.001",
			    min);
	p->policy = (enum trace_policy)policy;
	p->fees = (enum trace_fees)fee;
	p->engine = (enum trace_engine)engine;
	p->back = args_flag(a, "back");
	p->stop_at_joins = args_flag(a, "stop-at-coinjoin");
	p->hops_max = (uint32_t)hops;
	p->height = (uint32_t)height;
	p->reached_max = (uint32_t)budget;
	return r;
}

static int open_labels(const struct args *a, struct tracing *t, const char *ledger, struct err *e)
{
	const char *dir = args_str(a, "labels");
	char path[PATH_MAX];
	if (!dir) {
		int n = snprintf(path, sizeof(path), "%s/labels", ledger);
		if (n >= (int)sizeof(path))
			return err_set(e, ERR_OVERSIZE, "ledger", "The folder's path is too long.");
		dir = path;
	} else if (access(dir, F_OK) < 0) {
		return err_set(e, err_errno(errno), "labels", "%s: %s", dir, strerror(errno));
	}
	return labels_open(dir, network_net(ledger_network(t->ledger)), &t->labels, e);
}

/* Entities are shown when they were made; who names a set, or a stop at large ones, needs them. */
static int open_entities(const struct args *a, struct tracing *t, const char *ledger, struct err *e)
{
	const char *set = args_str(a, "heuristics");
	bool needed = set || args_str(a, "stop-at-entities");
	uint32_t bits = 0;
	struct err why = {0};
	int r = set ? heuristic_set_parse(set, &bits, e) : 0;
	if (r < 0)
		return r;
	r = entities_open(ledger, t->ledger, bits, &t->entities, &why);
	if (r == -ERR_NOENT && !needed)
		return 0;
	return r < 0 ? err_set(e, r, "entities", "%s", why.message) : 0;
}

static int read_stops(const struct args *a, struct tracing *t, struct err *e)
{
	uint64_t size = 0;
	int r = args_u64(a, "stop-at-entities", 1, UINT32_MAX, &size, e);
	t->stops = (struct trace_stops){
		.ledger = t->ledger,
		.labels = args_flag(a, "stop-at-labels") ? t->labels : NULL,
		.entities = size ? t->entities : NULL,
		.entity_max = size,
	};
	if (t->stops.labels || t->stops.entities) {
		t->params.stop = trace_stop_at;
		t->params.stop_ctx = &t->stops;
	}
	return r;
}

static int open_all(const struct args *a, struct tracing *t, struct err *e)
{
	const char *ledger = args_env(a, "ledger", "LUG_LEDGER");
	int r = report_ledger_open(a, &t->ledger, e);
	if (r == 0)
		r = read_params(a, ledger_network(t->ledger)->decimals, &t->params, e);
	if (r == 0)
		r = open_labels(a, t, ledger, e);
	if (r == 0)
		r = open_entities(a, t, ledger, e);
	return r < 0 ? r : read_stops(a, t, e);
}

static int read_seeds(const struct args *a, struct tracing *t, struct err *e)
{
	int r = 0;
	for (int i = 0; r == 0 && i < args_pos_n(a); i++)
		r = seed_of(t, args_pos(a, i), e);
	for (int i = 0; r == 0 && args_nth(a, "seeds", i); i++)
		r = seeds_file(t, args_nth(a, "seeds", i), e);
	if (r == 0 && !t->seeds.n)
		r = err_set(
			e, ERR_INVAL, "seed",
			"Nothing to begin at: name TXID:N, TXID or an address, or --seeds FILE.");
	return r;
}

/* ---- forms of the answer ---- */

enum form { FORM_TEXT, FORM_JSON, FORM_CSV, FORM_DOT, FORM_HTML };

static int read_form(const struct lug *l, const struct args *a, enum form *ret, struct err *e)
{
	int n = l->json + args_flag(a, "csv") + args_flag(a, "dot") + args_flag(a, "html");
	if (n > 1)
		return err_set(e, ERR_INVAL, "csv",
			       "--json, --csv, --dot and --html exclude each other");
	*ret = l->json		      ? FORM_JSON
	       : args_flag(a, "csv")  ? FORM_CSV
	       : args_flag(a, "dot")  ? FORM_DOT
	       : args_flag(a, "html") ? FORM_HTML
				      : FORM_TEXT;
	return 0;
}

static int print_drawn(void (*draw)(const json_t *report, struct buf *out), const json_t *report,
		       struct err *e)
{
	_cleanup_(buf_done) struct buf b;
	buf_init(&b, PAGE_MAX);
	draw(report, &b);
	int r = buf_err(&b);
	if (r == 0 && (fwrite(b.p, 1, b.len, stdout) != b.len || fflush(stdout) == EOF))
		r = -ERR_IO;
	return r < 0 ? err_set(e, r, NULL, "cannot write the page") : 0;
}

static int print_form(struct lug *l, enum form form, const struct trace_report *rep, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	if (form == FORM_CSV)
		return trace_report_csv(rep, stdout, e);
	int r = trace_report_json(rep, &j, e);
	if (r < 0)
		return r;
	switch (form) {
	case FORM_JSON:
		r = trace_assets_add(j, e);
		return r < 0 ? r : lug_print_json(TAKE_PTR(j), e);
	case FORM_DOT:
		return print_drawn(trace_report_dot, j, e);
	case FORM_HTML:
		return print_drawn(trace_report_html, j, e);
	case FORM_TEXT:
	case FORM_CSV:
		break;
	}
	return trace_report_print(l, j, e);
}

static int read_boxes(const struct args *a, enum form form, uint32_t *ret, struct err *e)
{
	bool drawn = form == FORM_DOT || form == FORM_HTML || args_flag(a, "graph");
	uint64_t n = form == FORM_HTML ? BOXES_PAGE : GRAPH_SHOWN_MAX;
	int r = args_u64(a, "boxes", 2, GRAPH_SHOWN_MAX, &n, e);
	*ret = drawn ? (uint32_t)n : 0;
	return r;
}

/* ---- the verb ---- */

/* What is shown of a running trace, and when it has to end. */
struct run_view {
	struct progress bar;
	int64_t end_ms; /* INT64_MAX: never */
};

static bool show_progress(void *view, const struct trace_progress *p)
{
	char note[48];
	struct run_view *v = view;
	v->bar.total = p->tx_n;
	snprintf(note, sizeof(note), "%" PRIu32 " outputs reached", p->reached_n);
	progress_at(&v->bar, p->tx_done, note);
	return time_mono_ms() < v->end_ms;
}

static int answer(struct lug *l, const struct args *a, struct tracing *with, enum form form,
		  struct err *e)
{
	_cleanup_(trace_done) struct trace t = {0};
	struct trace_source s = trace_source_ledger(with->ledger);
	struct trace_report rep = {.ledger = with->ledger,
				   .labels = with->labels,
				   .entities = with->entities,
				   .params = &with->params,
				   .trace = &t,
				   .limit = form == FORM_JSON	? LIMIT_JSON
					    : form == FORM_HTML ? LIMIT_PAGE
								: LIMIT_DEFAULT};
	struct run_view view = {.end_ms = INT64_MAX};
	uint64_t max_s = 0;
	int r = args_u64(a, "limit", 1, LIMIT_MAX, &rep.limit, e);
	if (r == 0)
		r = args_u64(a, "after", 0, UINT32_MAX, &rep.after, e);
	if (r == 0)
		r = read_boxes(a, form, &rep.boxes, e);
	if (r == 0)
		r = args_u64(a, "max-seconds", 1, MAX_SECONDS, &max_s, e);
	if (r < 0)
		return r;
	with->params.tick = show_progress;
	with->params.tick_ctx = &view;
	if (max_s)
		view.end_ms = time_mono_ms() + (int64_t)max_s * 1000;
	progress_start(&view.bar, l, "trace", "transactions", 0);
	r = trace_run(&s, &with->params, with->seeds.p, with->seeds.n, &t, e);
	progress_end(&view.bar);
	return r < 0 ? r : print_form(l, form, &rep, e);
}

static int run_trace(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(tracing_done) struct tracing t = {0};
	enum form form = FORM_TEXT;
	int r = crypto_start();
	r = r < 0 ? err_set(e, r, "crypto", NULL) : read_form(l, a, &form, e);
	if (r == 0)
		r = open_all(a, &t, e);
	if (r == 0)
		r = read_seeds(a, &t, e);
	return r < 0 ? r : answer(l, a, &t, form, e);
}

const struct verb verb_trace = {
	.name = "trace",
	.args = "[TXID:N|TXID|ADDRESS|entity:ADDRESS...]",
	.args_min = 0,
	.args_max = -1,
	.summary = "follow money through the chain, forward or back",
	.doc = "Begins at outputs: one, all of a transaction, all that ever paid an address, or all that paid its entity. Answers who holds the money now and which "
	       "labels it reached, with exact amounts, by one of five policies: haircut (each output takes its share), fifo (a coin "
	       "keeps its place), lifo (last in, first out), tiho (the largest outputs first), poison (everything that is touched). The rules, down to the last base unit, are in "
	       "docs/format/taint.md; every run checks that nothing was made or lost.\n\n"
	       "Labels come from DIR/labels beside the ledger (lug ledger labels import). A trace that exceeds its budget shows what it "
	       "has and says that it is partial.",
	.examples =
		"lug trace 0437cd7f8525ceed2324359c2d0ba26006d92d856a9c20fa0241106ee5a597c9:0 --ledger /data/ledger\n"
		"# where one output's money is now\n"
		"lug trace 1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3 --back --policy fifo --json\n"
		"# where an address got its money from, for programs\n"
		"lug trace --seeds thefts.txt --stop-at-coinjoin --html > report.html\n"
		"# a list of thefts in one sweep, as a report\n"
		"lug trace TXID:0 TXID:1 --stop-at-labels --min 0.001 --csv\n"
		"# two outputs as far as the next labelled service, as a spreadsheet",
	.opts =
		(const struct opt[]){
			REPORT_LEDGER_OPT,
			{"back", NULL, "where the money came from, not where it went", false,
			 false},
			{"policy", "NAME", "haircut (default), fifo, lifo, tiho or poison", false,
			 false},
			{"fees", "RULE", "skip (default) or follow, into the block's coinbase",
			 false, false},
			{"hops", "N", "stop N transactions away", false, false},
			{"height", "N", "as of this block", false, false},
			{"min", "COINS", "stop where less than this is tainted", false, false},
			{"stop-at-labels", NULL, "stop at addresses that have a label", false,
			 false},
			{"stop-at-entities", "N", "stop at entities of more than N addresses",
			 false, false},
			{"stop-at-coinjoin", NULL, "stop at equal-output CoinJoins", false, false},
			{"engine", "NAME",
			 "auto (default), sparse or dense: the answer is the same", false, false},
			{"max-outputs", "N", "reach at most N outputs (default 5,000,000)", false,
			 false},
			{"max-seconds", "N", "end after N seconds with what there is", false,
			 false},
			{"seeds", "FILE",
			 "begin at these too: one TXID:N, TXID or address a line, - for stdin",
			 false, true},
			{"heuristics", "LIST",
			 "change heuristics of the entities (default: none, multi-input alone)",
			 false, false},
			{"labels", "DIR", "folder of label sources (default: labels in the ledger)",
			 false, false},
			{"limit", "N", "rows of each list (default 20; 1000 with --json)", false,
			 false},
			{"after", "N",
			 "outputs in JSON: begin at this one, `next` of the page before", false,
			 false},
			{"csv", NULL, "all outputs reached, as CSV", false, false},
			{"dot", NULL, "the graph, for GraphViz", false, false},
			{"html", NULL,
			 "a report: one page with nothing outside it, for screen and paper", false,
			 false},
			{"boxes", "N",
			 "boxes of the graph (2 to 300; default 80 with --html, else 300)", false,
			 false},
			{"graph", NULL, "with --json: the graph with its layout too", false, false},
			{0}},
	.run = run_trace,
};
