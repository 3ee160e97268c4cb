/* SPDX-License-Identifier: Apache-2.0
 * lug trace: where money went or came from. Works alone on a ledger; needs no running node. */
#include "base/text.h"
#include "chain/amount.h"
#include "chain/hash.h"
#include "chain/network.h"
#include "crypto/crypto.h"
#include "ledger/label.h"
#include "ledger/ledger.h"
#include "lug/address-report.h"
#include "lug/ledger-report.h"
#include "lug/trace-report.h"
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

enum {
	SEEDS_MAX = 10000000,
	LIMIT_DEFAULT = 20,
	LIMIT_JSON = 1000,
	LIMIT_MAX = 1000000,
	MAX_SECONDS = 30 * 86400
};

/* ---- seeds ---- */

struct seeds {
	uint64_t *p;
	size_t n, cap;
};

static int seed_add(struct seeds *s, uint64_t output, struct err *e)
{
	if (s->n == SEEDS_MAX)
		return err_set(e, ERR_OVERSIZE, "seed", "more than %d outputs to begin with",
			       SEEDS_MAX);
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 256;
		uint64_t *p = realloc(s->p, cap * sizeof(*p));
		if (!p)
			return err_set(e, ERR_NOMEM, NULL, NULL);
		s->p = p;
		s->cap = cap;
	}
	s->p[s->n++] = output;
	return 0;
}

/* TXID:N or TXID, whose text is known to begin with 64 hex digits. */
static int seed_tx(const struct ledger *l, const char *text, const uint8_t txid32[static 32],
		   struct seeds *s, struct err *e)
{
	const char *position = text[64] == ':' ? text + 65 : NULL;
	struct ledger_tx tx;
	uint32_t txnum;
	uint64_t n = 0;
	int r = ledger_tx_find(l, txid32, &txnum);
	if (r == 0)
		r = ledger_tx_get(l, txnum, &tx);
	if (r == -ERR_NOENT)
		return err_set(
			e, r, "txid",
			"No transaction %.64s in this ledger, which reaches to block %" PRIu32 ".",
			text, ledger_info(l)->height);
	if (r < 0)
		return err_set(e, r, "txid", NULL);
	if (position &&
	    (dec_parse_u64(position, strlen(position), UINT32_MAX, &n) < 0 || n >= tx.out_n))
		return err_set(e, ERR_RANGE, "output",
			       "The transaction has outputs 0 to %" PRIu32 ", but no \"%.12s\".",
			       tx.out_n - 1, position);
	for (uint64_t i = position ? n : 0; r == 0 && i < (position ? n + 1 : tx.out_n); i++)
		r = seed_add(s, tx.first_out + i, e);
	return r;
}

/* As lug address does: the likely typing error belongs to the answer. */
static int seed_mistyped(const char *text, struct err *e)
{
	struct address_guess guesses[ADDRESS_GUESSES_MAX];
	struct address_info info;
	int guess_n, r = address_read(text, &info, guesses, ADDRESS_GUESSES_MAX, &guess_n, e);
	return r < 0 ? r : err_set(e, ERR_CHECKSUM, "address", NULL);
}

static int seed_address(const struct ledger *l, const char *text, struct seeds *s, struct err *e)
{
	uint64_t page[256], after = LEDGER_OUTPUT_NONE;
	uint32_t id;
	int64_t n;
	int r = ledger_address_find_text(l, text, &id, e);
	if (r == -ERR_NOENT)
		return err_set(
			e, r, "address",
			"%.100s was never seen in this ledger, which reaches to block %" PRIu32 ".",
			text, ledger_info(l)->height);
	if (r == -ERR_CHECKSUM)
		return seed_mistyped(text, e);
	if (r == -ERR_FORMAT)
		return err_set(e, r, "seed", "\"%.100s\" is neither TXID:N, TXID nor an address",
			       text);
	if (r < 0)
		return r;
	while ((n = ledger_address_outputs(l, id, after, page, ARRAY_LEN(page))) > 0) {
		for (int64_t i = 0; i < n; i++) {
			r = ledger_out_known(l, page[i]) ? seed_add(s, page[i], e) : 0;
			if (r < 0)
				return r;
		}
		after = page[n - 1];
	}
	return n < 0 ? err_set(e, (int)n, "ledger", NULL) : 0;
}

static int seed_of(const struct ledger *l, const char *text, struct seeds *s, struct err *e)
{
	uint8_t txid32[32];
	size_t len = strlen(text);
	if (len >= 64 && (len == 64 || text[64] == ':') && hash_parse(text, 64, txid32) == 0)
		return seed_tx(l, text, txid32, s, e);
	return seed_address(l, text, s, e);
}

/* Seeds of a file: one a line, "#" begins a comment. The line is told when one is wrong. */
static int seeds_file(const struct ledger *l, const char *path, struct seeds *s, struct err *e)
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
		r = seed_of(l, text, s, &why);
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

static int open_labels(const struct args *a, const struct ledger *led, struct labels **ret,
		       struct err *e)
{
	const char *dir = args_str(a, "labels"), *ledger = args_str(a, "ledger");
	char path[PATH_MAX];
	if (!dir) {
		ledger = ledger ? ledger : getenv("LUG_LEDGER");
		int n = snprintf(path, sizeof(path), "%s/labels", ledger);
		if (n >= (int)sizeof(path))
			return err_set(e, ERR_OVERSIZE, "ledger", "The folder's path is too long.");
		dir = path;
	} else if (access(dir, F_OK) < 0) {
		return err_set(e, err_errno(errno), "labels", "%s: %s", dir, strerror(errno));
	}
	return labels_open(dir, network_net(ledger_network(led)), ret, e);
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

static int answer(struct lug *l, const struct args *a, struct trace_report *rep,
		  const struct seeds *seeds, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	_cleanup_(trace_done) struct trace t = {0};
	struct trace_source s = trace_source_ledger(rep->ledger);
	struct trace_params p = *rep->params;
	struct run_view view = {.end_ms = INT64_MAX};
	uint64_t max_s = 0;
	p.tick = show_progress;
	p.tick_ctx = &view;
	rep->limit = l->json ? LIMIT_JSON : LIMIT_DEFAULT;
	int r = args_u64(a, "limit", 1, LIMIT_MAX, &rep->limit, e);
	if (r == 0)
		r = args_u64(a, "after", 0, UINT32_MAX, &rep->after, e);
	if (r == 0)
		r = args_u64(a, "max-seconds", 1, MAX_SECONDS, &max_s, e);
	if (r < 0)
		return r;
	if (max_s)
		view.end_ms = time_mono_ms() + (int64_t)max_s * 1000;
	progress_start(&view.bar, l, "trace", "transactions", 0);
	r = trace_run(&s, &p, seeds->p, seeds->n, &t, e);
	progress_end(&view.bar);
	if (r < 0)
		return r;
	rep->trace = &t;
	if (args_flag(a, "csv"))
		return trace_report_csv(rep, e);
	r = trace_report_json(rep, &j, e);
	if (r < 0)
		return r;
	if (!l->json)
		return trace_report_print(l, j, e);
	r = trace_assets_add(j, e);
	return r < 0 ? r : lug_print_json(TAKE_PTR(j), e);
}

static int run_trace(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(ledger_closep) struct ledger *led = NULL;
	_cleanup_(labels_closep) struct labels *labels = NULL;
	_cleanup_(freep) void *memory = NULL;
	struct trace_params params;
	struct seeds seeds = {0};
	int r = crypto_start();
	r = r < 0 ? err_set(e, r, "crypto", NULL) : report_ledger_open(a, &led, e);
	if (r == 0 && l->json && args_flag(a, "csv"))
		r = err_set(e, ERR_INVAL, "csv", "--csv and --json exclude each other");
	if (r == 0)
		r = read_params(a, ledger_network(led)->decimals, &params, e);
	if (r == 0)
		r = open_labels(a, led, &labels, e);
	for (int i = 0; r == 0 && i < args_pos_n(a); i++) {
		r = seed_of(led, args_pos(a, i), &seeds, e);
		memory = seeds.p;
	}
	for (int i = 0; r == 0 && args_nth(a, "seeds", i); i++) {
		r = seeds_file(led, args_nth(a, "seeds", i), &seeds, e);
		memory = seeds.p;
	}
	if (r == 0 && !seeds.n)
		r = err_set(
			e, ERR_INVAL, "seed",
			"Nothing to begin at: name TXID:N, TXID or an address, or --seeds FILE.");
	if (r < 0)
		return r;
	struct trace_report rep = {.ledger = led, .labels = labels, .params = &params};
	if (args_flag(a, "stop-at-labels")) {
		params.stop = trace_labelled;
		params.stop_ctx = &rep;
	}
	return answer(l, a, &rep, &seeds, e);
}

const struct verb verb_trace = {
	.name = "trace",
	.args = "[TXID:N|TXID|ADDRESS...]",
	.args_min = 0,
	.args_max = -1,
	.summary = "follow money through the chain, forward or back",
	.doc = "Begins at outputs: one, all of a transaction, or all that ever paid an address. Answers who holds the money now and which "
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
			{"labels", "DIR", "folder of label sources (default: labels in the ledger)",
			 false, false},
			{"limit", "N", "rows of each list (default 20; 1000 with --json)", false,
			 false},
			{"after", "N",
			 "outputs in JSON: begin at this one, `next` of the page before", false,
			 false},
			{"csv", NULL, "all outputs reached, as CSV", false, false},
			{0}},
	.run = run_trace,
};
