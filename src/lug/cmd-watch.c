/* SPDX-License-Identifier: Apache-2.0
 * lug watch: what is watched on a ledger, and what was found. */
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "chain/amount.h"
#include "chain/hash.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "lug/ledger-report.h"
#include "lug/watch-shell.h"
#include "watch/entries.h"
#include <inttypes.h>
#include <limits.h>

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 100000, FILE_MAX = 1 << 30 };

int watch_store_open(const struct args *a, struct store **ret_s, struct err *e)
{
	const char *watch = args_str(a, "watch"), *ledger = NULL;
	_cleanup_(store_closep) struct store *s = NULL;
	char path[PATH_MAX];
	int r;

	if (!watch) {
		r = report_ledger_dir(a, &ledger, e);
		if (r < 0)
			return r;
	}
	if (!watch && snprintf(path, sizeof(path), "%s/watch.db", ledger) >= (int)sizeof(path))
		return err_set(e, ERR_OVERSIZE, "ledger", "the folder's path is too long");
	r = store_open(watch ? watch : path, NULL, &s, e);
	if (r == 0)
		r = watch_tables(s, time_now_ms() / 1000, e);
	if (r == 0)
		*ret_s = TAKE_PTR(s);
	return r;
}

/* A verb's run: the ledger, which says the network, and the store. */
struct desk {
	struct ledger *ledger;
	struct store *store;
};

static void desk_close(struct desk *d)
{
	ledger_close(d->ledger);
	store_close(d->store);
}

static int desk_open(struct desk *d, const struct args *a, struct err *e)
{
	int r = crypto_start();

	if (r < 0)
		return err_set(e, r, "crypto", NULL);
	r = report_ledger_open(a, &d->ledger, e);
	return r < 0 ? r : watch_store_open(a, &d->store, e);
}

/* ---- add, import ---- */

static int entries_refused(const struct lug *l, const struct watch_entries *x, struct err *e)
{
	size_t i;
	json_t *j;

	if (l->json && lug_print_json(json_pack("{s:n, s:I, s:O}", "item", "invalid",
						(json_int_t)x->reject_n, "entries", x->rejects),
				      e) < 0)
		return e->code;
	json_array_foreach (x->rejects, i, j) {
		char text[160];

		snprintf(text, sizeof(text), "%s", json_string_value(json_object_get(j, "text")));
		if (!l->json)
			fprintf(stderr, "%lld: %s: %s\n",
				(long long)json_integer_value(json_object_get(j, "line")),
				text_safe(text), json_string_value(json_object_get(j, "reason")));
	}
	return err_set(e, ERR_FORMAT, "entries",
		       "%" PRIu64 " entries cannot be watched here; nothing was added",
		       x->reject_n);
}

static int policy_of(const struct args *a, enum trace_policy *ret, struct err *e)
{
	static const char *const words[] = {"poison", "haircut", NULL};
	static const enum trace_policy policies[] = {TRACE_POISON, TRACE_HAIRCUT};
	int i = 1, r = args_choice(a, "policy", words, &i, e);

	*ret = policies[i];
	return r;
}

static int item_of(const struct args *a, const struct watch_entries *x, struct watch_add *ret,
		   struct err *e)
{
	bool service = args_flag(a, "service");

	*ret = (struct watch_add){.kind = service ? WATCH_SERVICE : WATCH_ADDRESS,
				  .note = args_str(a, "note"),
				  .now_s = time_now_ms() / 1000,
				  .alert_services = args_flag(a, "alert-services"),
				  .addresses = x->addresses,
				  .seeds = x->seeds,
				  .n = x->n};
	if (x->seed_n == 0)
		return 0;
	if (x->n > 0 || service)
		return err_set(e, ERR_INVAL, "entries",
			       "addresses and transactions are separate items: add each by itself");
	ret->kind = WATCH_TAINT;
	ret->n = x->seed_n;
	return policy_of(a, &ret->policy, e);
}

static int add_entries(struct lug *l, const struct args *a, struct desk *d,
		       const struct watch_entries *x, struct err *e)
{
	struct watch_add item;
	int64_t id;
	int r;

	if (x->reject_n > 0)
		return entries_refused(l, x, e);
	r = item_of(a, x, &item, e);
	if (r < 0)
		return r;
	id = watch_add(d->store, &item, e);
	if (id < 0)
		return (int)id;
	if (l->json)
		return lug_print_json(json_pack("{s:I, s:s, s:I}", "item", (json_int_t)id, "kind",
						watch_kind_name(item.kind), "entries",
						(json_int_t)item.n),
				      e);
	printf("%sok%s  item %" PRId64 ": %s, %zu entries\n", color(l, COLOR_GOOD),
	       color(l, COLOR_OFF), id, watch_kind_name(item.kind), item.n);
	return 0;
}

static int run_add(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(watch_entries_done) struct watch_entries x = {0};
	_cleanup_(desk_close) struct desk d = {0};
	int r = desk_open(&d, a, e);

	if (r < 0)
		return r;
	x.network = ledger_network(d.ledger);
	for (int i = 0; r == 0 && i < args_pos_n(a); i++)
		r = watch_entry(&x, args_pos(a, i), strlen(args_pos(a, i)), (uint64_t)i + 1);
	return r < 0 ? err_set(e, r, NULL, NULL) : add_entries(l, a, &d, &x, e);
}

static int entries_read(struct watch_entries *x, const char *path, struct err *e)
{
	_cleanup_(buf_done) struct buf b = {0};
	int r;

	buf_init(&b, FILE_MAX);
	r = file_read(path, &b, e);
	if (r < 0)
		return r;
	r = watch_text(x, buf_cstr(&b), b.len);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
}

static int run_import(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(watch_entries_done) struct watch_entries x = {0};
	_cleanup_(desk_close) struct desk d = {0};
	int r = desk_open(&d, a, e);

	if (r < 0)
		return r;
	x.network = ledger_network(d.ledger);
	r = entries_read(&x, args_pos(a, 0), e);
	return r < 0 ? r : add_entries(l, a, &d, &x, e);
}

#define ITEM_OPTS                                                                                  \
	REPORT_LEDGER_OPT, WATCH_STORE_OPT, {"note", "TEXT", "why, for the alerts", false, false}, \
		{"service", NULL, "a listed service: what goes there raises no alert", false,      \
		 false},                                                                           \
	{                                                                                          \
		"alert-services", NULL, "alert also when the money goes to a listed service",      \
			false, false                                                               \
	}

const struct verb verb_watch_add = {
	.name = "watch add",
	.args = "ADDRESS|TXID[:N]...",
	.args_min = 1,
	.args_max = -1,
	.summary = "watch addresses, or the money of transactions",
	.doc = "Addresses raise an alert when they receive or send. Of a transaction, or one output of it (TXID:N), the money is "
	       "watched wherever it goes, by --policy; where it went before is traced at once, without alerts. With --service the "
	       "addresses are listed as those of a service. Everything named makes one item, with one number.",
	.examples =
		"lug watch add 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa --note \"case 7\" --ledger /data/ledger\n"
		"# an address\n"
		"lug watch add f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16:1 --ledger /data/ledger\n"
		"# the money of one output",
	.opts = (const struct opt[]){ITEM_OPTS,
				     {"policy", "NAME", "poison or haircut (default haircut)",
				      false, false},
				     {0}},
	.run = run_add,
};

const struct verb verb_watch_import = {
	.name = "watch import",
	.args = "FILE",
	.args_min = 1,
	.args_max = 1,
	.summary = "watch a list of addresses",
	.doc = "One address a line; \"#\" begins a comment. Every line that is no address of the ledger's chain is reported with what is "
	       "wrong, and then nothing is added. The list is one item. 10 million addresses take 128 MiB while watching.",
	.examples = "lug watch import stolen.txt --note \"exchange theft\" --ledger /data/ledger\n"
		    "# one address a line\n"
		    "lug watch import exchanges.txt --service --ledger /data/ledger\n"
		    "# the allow-list",
	.opts = (const struct opt[]){ITEM_OPTS, {0}},
	.run = run_import,
};

/* ---- list, remove ---- */

struct listing {
	struct lug *l;
	struct table t;
	json_t *all;
};

static int item_show(void *ctx, const struct watch_item *i, struct err *e)
{
	const char *policy = i->kind == WATCH_TAINT ? trace_policy_name(i->policy) : "";
	struct listing *x = ctx;
	char when[TIME_TEXT_MAX];

	time_utc(i->added_s, when);
	if (!x->l->json) {
		table_cell(&x->t, "%" PRId64, i->id);
		table_cell(&x->t, "%s%s%s", watch_kind_name(i->kind), policy[0] ? " " : "", policy);
		table_cell(&x->t, "%" PRIu64, i->n);
		table_cell(&x->t, "%" PRIu64, i->live_n);
		table_cell(&x->t, "%" PRIu64, i->live_sum);
		table_cell(&x->t, "%s", when);
		table_cell(&x->t, "%s%s", i->note, i->too_large ? " (too large: not watched)" : "");
		return 0;
	}
	return json_array_append_new(x->all, watch_item_json(i)) < 0
		       ? err_set(e, ERR_NOMEM, NULL, NULL)
		       : 0;
}

static int run_list(struct lug *l, const struct args *a, struct err *e)
{
	static const char *const heads[] = {">item",   "kind",	">entries", ">live outputs",
					    ">amount", "added", "note",	    NULL};
	_cleanup_(store_closep) struct store *s = NULL;
	struct listing x = {.l = l, .all = json_array()};
	int r = watch_store_open(a, &s, e);

	table_init(&x.t, heads);
	if (r == 0)
		r = watch_items(s, item_show, &x, e);
	if (r == 0)
		r = l->json ? lug_print_json(json_incref(x.all), e) : table_print(&x.t, l);
	table_done(&x.t);
	json_decref(x.all);
	return r;
}

const struct verb verb_watch_list = {
	.name = "watch list",
	.args = "",
	.summary = "list what is watched",
	.doc = "Each item with its number of addresses or seeds; of taint also the outputs in which it lies now and their sum, in base units.",
	.examples = "lug watch list --ledger /data/ledger\n"
		    "# all items",
	.opts = (const struct opt[]){REPORT_LEDGER_OPT, WATCH_STORE_OPT, {0}},
	.run = run_list,
};

static int run_remove(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(store_closep) struct store *s = NULL;
	uint64_t id = 0;
	int r = watch_store_open(a, &s, e);

	if (r == 0 && dec_parse_u64(args_pos(a, 0), strlen(args_pos(a, 0)), INT64_MAX, &id) < 0)
		r = err_set(e, ERR_INVAL, "item", "%s is not the number of an item",
			    args_pos(a, 0));
	if (r == 0)
		r = watch_remove(s, (int64_t)id, e);
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(json_pack("{s:I}", "removed", (json_int_t)id), e);
	printf("%sok%s  item %" PRIu64 " is watched no more; its alerts stay\n",
	       color(l, COLOR_GOOD), color(l, COLOR_OFF), id);
	return 0;
}

const struct verb verb_watch_remove = {
	.name = "watch remove",
	.args = "ITEM",
	.args_min = 1,
	.args_max = 1,
	.summary = "watch an item no more",
	.doc = "A running follower takes notice at once. Alerts that were raised stay.",
	.examples = "lug watch remove 3 --ledger /data/ledger\n"
		    "# item 3 of the list",
	.opts = (const struct opt[]){REPORT_LEDGER_OPT, WATCH_STORE_OPT, {0}},
	.run = run_remove,
};

/* ---- alerts ---- */

static int alert_show(void *ctx, const struct watch_alert *a, struct err *e)
{
	struct listing *x = ctx;
	char txid[HASH_TEXT_MAX], when[TIME_TEXT_MAX];

	if (x->l->json)
		return json_array_append_new(x->all, watch_alert_json(a)) < 0
			       ? err_set(e, ERR_NOMEM, NULL, NULL)
			       : 0;
	table_cell(&x->t, "%" PRId64, a->changed);
	table_cell(&x->t, "%" PRId64, a->item);
	table_cell(&x->t, "%s", watch_alert_name(a->kind));
	table_cell(&x->t, "%" PRIu64, a->amount);
	if (a->state == WATCH_CONFIRMED)
		table_cell(&x->t, "%" PRId64 " confirmations", a->confirmations);
	else
		table_cell(&x->t, "%s", watch_state_name(a->state));
	table_cell(&x->t, "%s", time_utc(a->changed_s, when));
	hash_text(a->txid32, txid);
	if (a->position < 0)
		table_cell(&x->t, "%s", txid);
	else
		table_cell(&x->t, "%s:%" PRId64, txid, a->position);
	return 0;
}

static int run_alerts(struct lug *l, const struct args *a, struct err *e)
{
	static const char *const heads[] = {">changed", ">item", "kind",  ">amount",
					    "state",	"at",	 "where", NULL};
	_cleanup_(store_closep) struct store *s = NULL;
	struct listing x = {.l = l, .all = json_array()};
	uint64_t since = 0, limit = LIMIT_DEFAULT;
	int r = watch_store_open(a, &s, e);

	table_init(&x.t, heads);
	if (r == 0)
		r = args_u64(a, "since", 0, INT64_MAX, &since, e);
	if (r == 0)
		r = args_u64(a, "limit", 1, LIMIT_MAX, &limit, e);
	if (r == 0)
		r = watch_alerts(
			s,
			&(const struct watch_query){.since = (int64_t)since, .max = (int64_t)limit},
			alert_show, &x, e);
	if (r == 0)
		r = l->json ? lug_print_json(json_incref(x.all), e) : table_print(&x.t, l);
	table_done(&x.t);
	json_decref(x.all);
	return r;
}

const struct verb verb_watch_alerts = {
	.name = "watch alerts",
	.args = "",
	.summary = "show what was found",
	.doc = "Alerts by their last change, oldest first: unconfirmed (announced by a node), confirmed (with confirmations), or retracted "
	       "(a reorganisation or a rival transaction took it back). Amounts are in base units. --since takes the number in the column "
	       "`changed` of the last row that was seen. With --json each has its path from the seed, as outpoints.",
	.examples = "lug watch alerts --ledger /data/ledger --since 120\n"
		    "# what is new",
	.opts =
		(const struct opt[]){
			REPORT_LEDGER_OPT,
			WATCH_STORE_OPT,
			{"since", "N", "only what changed after this number", false, false},
			{"limit", "N", "rows (default 100, at most 100000)", false, false},
			{0}},
	.run = run_alerts,
};

/* ---- scan ---- */

static int run_scan(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(watch_closep) struct watch *w = NULL;
	_cleanup_(desk_close) struct desk d = {0};
	uint8_t key16[16];
	uint32_t left = 0;
	int r = desk_open(&d, a, e);

	if (r < 0)
		return r;
	random_bytes(key16, sizeof(key16));
	r = watch_open(d.store, NULL, key16, &w, e);
	if (r == 0)
		r = watch_scan(w, d.ledger, time_now_ms() / 1000, 0, &left, e);
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(json_pack("{s:I}", "height", (json_int_t)watch_height(w)), e);
	printf("%sok%s  watched to block %" PRId64 "\n", color(l, COLOR_GOOD), color(l, COLOR_OFF),
	       watch_height(w));
	return 0;
}

const struct verb verb_watch_scan = {
	.name = "watch scan",
	.args = "",
	.summary = "bring a watch to the ledger's tip",
	.doc = "`lug ledger follow --alert` does this after each block; this verb is for ledgers that are imported by hand. A new "
	       "watch begins at the tip.",
	.examples = "lug watch scan --ledger /data/ledger\n"
		    "# after an import",
	.opts = (const struct opt[]){REPORT_LEDGER_OPT, WATCH_STORE_OPT, {0}},
	.run = run_scan,
};
