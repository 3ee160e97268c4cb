/* SPDX-License-Identifier: Apache-2.0
 * lug exposure: how much of a party's money came from, or went to, each category of labels. */
#include "crypto/crypto.h"
#include "ledger/exposure.h"
#include "ledger/label.h"
#include "lug/party-report.h"
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

enum { HOPS_MAX = 1000 };

static int open_labels(const struct args *a, const struct ledger *l, struct labels **ret,
		       struct err *e)
{
	const char *dir = args_str(a, "labels");
	const char *ledger = args_env(a, "ledger", "LUG_LEDGER");
	char path[PATH_MAX];

	if (dir && access(dir, F_OK) < 0)
		return err_set(e, err_errno(errno), "labels", "%s: %s", dir, strerror(errno));
	if (!dir) {
		int n = snprintf(path, sizeof(path), "%s/labels", ledger);
		if (n >= (int)sizeof(path))
			return err_set(e, ERR_OVERSIZE, "ledger", "The folder's path is too long.");
		dir = path;
	}
	return labels_open(dir, network_net(ledger_network(l)), ret, e);
}

static bool show_tick(void *ctx, uint64_t done, uint64_t all)
{
	struct progress *p = ctx;

	p->total = all;
	progress_at(p, done, NULL);
	return true;
}

static int exposure_print(const struct lug *lug, const json_t *j, struct err *e)
{
	static const char *const heads[] = {"category",	       ">share %",  ">direct",
					    ">through others", ">payments", NULL};
	static const char *const rest[] = {"unlabelled", "held", "mined", "joined",
					   "unknown",	 "fees", "cut",	  NULL};
	char v[UNITS_TEXT_MAX];
	const json_t *row;
	struct table t;
	size_t i;

	printf("%s%s%s  %s %s %s, up to %lld transactions away, as of block %lld, %lld labels\n",
	       color(lug, COLOR_BOLD), report_text(j, "asked"), color(lug, COLOR_OFF),
	       report_text(j, "side"), report_coins(j, j, "total", v), report_text(j, "ticker"),
	       report_number(j, "hops"), report_number(j, "as_of"), report_number(j, "labels"));
	if (json_is_true(json_object_get(j, "partial")))
		printf("%sa part only: the budget ended it; raise --max-outputs%s\n",
		       color(lug, COLOR_WARN), color(lug, COLOR_OFF));
	table_init(&t, heads);
	json_array_foreach (json_object_get(j, "categories"), i, row) {
		table_cell(&t, "%s", report_text(row, "category"));
		table_cell(&t, "%s", report_text(row, "percent"));
		table_cell(&t, "%s", report_coins(j, row, "direct", v));
		table_cell(&t, "%s", report_coins(j, row, "indirect", v));
		table_cell(&t, "%lld", report_number(row, "payments"));
	}
	int r = table_print(&t, lug);
	table_done(&t);
	for (i = 0; rest[i]; i++)
		if (strcmp(report_text(j, rest[i]), "0") != 0)
			printf("%s%-14s %s%s\n", color(lug, COLOR_DIM), rest[i],
			       report_coins(j, j, rest[i], v), color(lug, COLOR_OFF));
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
}

static int read_params(const struct args *a, struct exposure_params *q, struct err *e)
{
	uint64_t hops = EXPOSURE_HOPS_DEFAULT, outputs = 0;
	int r = args_u64(a, "hops", 1, HOPS_MAX, &hops, e);

	if (r == 0)
		r = args_u64(a, "max-outputs", 1, INT32_MAX, &outputs, e);
	q->side = args_flag(a, "sent") ? PARTY_SENT : PARTY_RECEIVED;
	q->hops = (uint32_t)hops;
	q->outputs_max = (uint32_t)outputs;
	q->stop_at_joins = args_flag(a, "stop-at-coinjoin");
	return r;
}

static int answer(struct lug *l, const struct args *a, const struct party_view *v,
		  struct exposure_params *q, json_t **ret, struct err *e)
{
	_cleanup_(labels_closep) struct labels *labels = NULL;
	struct progress bar;
	int r = open_labels(a, v->l, &labels, e);

	if (r < 0)
		return r;
	q->tick = show_tick;
	q->tick_ctx = &bar;
	progress_start(&bar, l, "exposure", "tx", 0);
	r = report_exposure(v, labels, q, ret, e);
	progress_end(&bar);
	return r == 0 || e->code ? r : err_set(e, r, "ledger", NULL);
}

static int run_exposure(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	struct party_view v = {0};
	struct exposure_params q = {0};
	int r = crypto_start();

	r = r < 0 ? err_set(e, r, "crypto", NULL) : read_params(a, &q, e);
	if (r == 0)
		r = party_view_open(l, a, args_pos(a, 0), args_flag(a, "entity"), &v, e);
	if (r == 0)
		r = answer(l, a, &v, &q, &j, e);
	party_view_done(&v);
	if (r < 0)
		return r;
	return l->json ? lug_print_json(TAKE_PTR(j), e) : exposure_print(l, j, e);
}

const struct verb verb_exposure = {
	.name = "exposure",
	.args = "ADDRESS",
	.args_min = 1,
	.args_max = 1,
	.summary = "show how much money came from, or went to, each category of labels",
	.doc = "Everything that the address received is traced back (with --sent: what it sent is traced on) in proportion, exactly, until it "
	       "reaches a labelled address or is more than --hops transactions away. Direct is one transaction away. Shares are "
	       "rounded down; amounts add up to the base unit.\n\n"
	       "With --entity all addresses of its entity are asked about, and a label of one address holds for its whole entity. A trace "
	       "that grows beyond --max-outputs ends with what it has and is marked as partial.",
	.examples =
		"lug exposure 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa --ledger /data/ledger\n"
		"# where its money came from\n"
		"lug exposure 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa --ledger /data/ledger --sent --entity --hops 10 --json\n"
		"# where the money of its entity went, ten transactions far",
	.opts =
		(const struct opt[]){
			PARTY_OPTS,
			{"labels", "DIR",
			 "folder of label sources (default: labels in the ledger's)", false, false},
			{"entity", NULL, "of the address's entity", false, false},
			{"sent", NULL, "where money went (default: where it came from)", false,
			 false},
			{"hops", "N", "transactions away at most (default 5)", false, false},
			{"stop-at-coinjoin", NULL, "do not look through CoinJoins", false, false},
			{"max-outputs", "N", "most outputs to reach (default 5000000)", false,
			 false},
			{0}},
	.run = run_exposure,
};
