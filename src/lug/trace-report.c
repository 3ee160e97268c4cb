/* SPDX-License-Identifier: Apache-2.0
 * The answer of a trace: JSON first, from which the pages for people are printed; CSV straight from the trace. */
#include "lug/trace-report.h"
#include "base/time.h"
#include "chain/address.h"
#include "chain/hash.h"
#include "chain/network.h"
#include "ledger/label.h"
#include "ledger/ledger.h"
#include <inttypes.h>

enum {
	OUTPOINT_MAX = HASH_TEXT_MAX + 16,
	LABELS_SHOWN_MAX = 16,
	PATH_MAX_LEN = 1000,
	GROUPS_MAX = 100000
};

static int no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, NULL, NULL);
}

/* "TXID:N" of an output; "TXID:fee" of a fee that was followed. */
static int outpoint(const struct ledger *l, uint64_t id, char out[static OUTPOINT_MAX])
{
	char txid[HASH_TEXT_MAX];
	if (id & TRACE_FEE) {
		struct ledger_tx tx;
		int r = ledger_tx_get(l, (uint32_t)id, &tx);
		if (r == 0)
			snprintf(out, OUTPOINT_MAX, "%s:fee", hash_text(tx.txid32, txid));
		return r;
	}
	struct ledger_output o;
	int r = ledger_output_get(l, id, &o);
	if (r == 0)
		snprintf(out, OUTPOINT_MAX, "%s:%" PRIu32, hash_text(o.txid32, txid), o.position);
	return r;
}

static json_t *json_outpoint(const struct ledger *l, uint64_t id)
{
	char text[OUTPOINT_MAX];
	return outpoint(l, id, text) == 0 ? json_string(text) : NULL;
}

static json_t *json_address(const struct ledger *l, uint32_t id)
{
	char text[LEDGER_ADDRESS_TEXT_MAX];
	return id && ledger_address_text(l, id, text) == 0 ? json_string(text) : json_null();
}

/* What is said about an address id; at most max of it. */
static size_t labels_of(const struct trace_report *t, uint32_t id, struct label *ret, size_t max)
{
	struct address a;
	if (!id || ledger_address_get(t->ledger, id, &a) < 0)
		return 0;
	size_t n = labels_find(t->labels, &a, ret, max);
	return n < max ? n : max;
}

bool trace_labelled(void *report, uint32_t address)
{
	struct label one;
	return labels_of(report, address, &one, 1) > 0;
}

static json_t *json_labels(const struct trace_report *t, uint32_t id)
{
	struct label found[LABELS_SHOWN_MAX];
	size_t n = labels_of(t, id, found, LABELS_SHOWN_MAX);
	json_t *a = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "label",
						   found[i].label, "category", found[i].category,
						   "actor", found[i].actor, "abuse", found[i].abuse,
						   "confidence", found[i].confidence, "lastmod",
						   found[i].lastmod, "set", found[i].set));
	return a;
}

/* ---- head and sums ---- */

static json_t *json_stops(const struct trace_report *t)
{
	const struct trace_params *p = t->params;
	return json_pack("{s:o, s:o, s:o, s:b, s:b}", "hops",
			 p->hops_max == TRACE_NONE ? json_null() : json_integer(p->hops_max),
			 "height", p->height == TRACE_NONE ? json_null() : json_integer(p->height),
			 "min", json_u64(p->amount_min), "labels", p->stop != NULL, "coinjoins",
			 p->stop_at_joins);
}

static json_t *json_sums(const struct trace *t)
{
	json_t *o = json_pack("{s:o, s:o, s:o, s:o, s:o}", "seeds", json_u64(t->seeds), "overlap",
			      json_u64(t->overlap), "spread", json_u64(t->spread), "fees",
			      json_u64(t->fees), "minted", json_u64(t->minted));
	for (int end = TRACE_FLOWS + 1; o && end < TRACE_END_N; end++)
		json_object_set_new(o, trace_end_name((enum trace_end)end),
				    json_u64(t->ended[end]));
	return o;
}

static json_t *json_head(const struct trace_report *t)
{
	const struct network *n = ledger_network(t->ledger);
	const struct ledger_info *info = ledger_info(t->ledger);
	char tip[HASH_TEXT_MAX];
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:i, s:I, s:s, s:I, s:s, s:s, s:s, s:s, s:o, s:b, s:o, s:b}",
		"program", "lug " LUG_VERSION, "network", n->name, "asset", n->caip19, "ticker",
		n->ticker, "decimals", (int)n->decimals, "tip_height", (json_int_t)info->height,
		"tip", hash_text(info->tip32, tip), "height", (json_int_t)t->trace->height,
		"direction", t->params->back ? "backward" : "forward", "policy",
		trace_policy_name(t->params->policy), "fees",
		t->params->fees == TRACE_FEES_FOLLOW ? "follow" : "skip", "engine",
		trace_engine_name(t->trace->engine), "stops", json_stops(t), "partial",
		t->trace->partial, "sums", json_sums(t->trace), "conserved", 1);
}

/* ---- labels reached ---- */

struct group { /* one label text with all addresses that carry it */
	struct label label;
	uint64_t received, unspent, stopped;
	uint32_t output_n, first;
};

static int group_cmp(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	if (x->received != y->received)
		return x->received < y->received ? 1 : -1;
	return strcmp(x->label.label, y->label.label);
}

static bool group_is(const struct group *g, const struct label *l)
{
	return strcmp(g->label.label, l->label) == 0 &&
	       strcmp(g->label.category, l->category) == 0 && strcmp(g->label.actor, l->actor) == 0;
}

/* Two sources that say the same of an address count once. */
static bool said_before(const struct label *found, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(found[k].label, found[i].label) == 0 &&
		    strcmp(found[k].category, found[i].category) == 0 &&
		    strcmp(found[k].actor, found[i].actor) == 0)
			return true;
	return false;
}

static int groups_add(const struct trace_report *t, const struct trace_holder *h,
		      struct group **groups, uint32_t *n, uint32_t *cap)
{
	struct label found[LABELS_SHOWN_MAX];
	size_t found_n = h->output_n ? labels_of(t, h->address, found, LABELS_SHOWN_MAX) : 0;
	for (size_t i = 0; i < found_n; i++) {
		uint32_t k = 0;
		if (said_before(found, i))
			continue;
		while (k < *n && !group_is(&(*groups)[k], &found[i]))
			k++;
		if (k == *cap) {
			uint32_t more = *cap ? *cap * 2 : 16;
			struct group *p =
				more <= GROUPS_MAX ? realloc(*groups, more * sizeof(*p)) : NULL;
			if (!p)
				return -ERR_NOMEM;
			*groups = p;
			*cap = more;
		}
		struct group *g = &(*groups)[k];
		if (k == *n)
			*g = (struct group){.label = found[i], .first = (*n)++, .output_n = 0};
		g->first = g->output_n && g->first < h->first ? g->first : h->first;
		g->output_n += h->output_n;
		g->received += h->received;
		g->unspent += h->unspent;
		g->stopped += h->stopped;
	}
	return 0;
}

static json_t *json_path(const struct trace_report *t, uint32_t i)
{
	uint32_t path[PATH_MAX_LEN], n = trace_path(t->trace, i, path, PATH_MAX_LEN);
	json_t *a = json_array();
	while (n-- > 0) {
		const struct trace_reached *r = &t->trace->reached[path[n]];
		json_array_append_new(a, json_pack("{s:o, s:o}", "output",
						   json_outpoint(t->ledger, r->output), "tainted",
						   json_u64(r->amount)));
	}
	return a;
}

static json_t *json_group(const struct trace_report *t, const struct group *g)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:o}", "label", g->label.label,
			 "category", g->label.category, "actor", g->label.actor, "set",
			 g->label.set, "received", json_u64(g->received), "unspent",
			 json_u64(g->unspent), "stopped", json_u64(g->stopped), "outputs",
			 (json_int_t)g->output_n, "path", json_path(t, g->first));
}

static int add_labels(const struct trace_report *t, const struct trace_holder *h, uint32_t h_n,
		      json_t *j)
{
	_cleanup_(freep) struct group *groups = NULL;
	uint32_t n = 0, cap = 0;
	json_t *a = json_array();
	if (json_object_set_new(j, "labels", a))
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < h_n; i++) {
		int r = groups_add(t, &h[i], &groups, &n, &cap);
		if (r < 0)
			return r;
	}
	if (n)
		qsort(groups, n, sizeof(*groups), group_cmp);
	for (uint32_t i = 0; i < n; i++)
		if (json_array_append_new(a, json_group(t, &groups[i])))
			return -ERR_CORRUPT;
	return 0;
}

/* ---- holders and outputs ---- */

static int add_holders(const struct trace_report *t, const struct trace_holder *h, uint32_t n,
		       json_t *j)
{
	json_t *a = json_array();
	uint32_t shown = 0, all = 0;
	if (json_object_set_new(j, "holders", a))
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		if (!h[i].unspent && !h[i].stopped)
			continue;
		all++;
		if (shown == t->limit)
			continue;
		shown++;
		if (json_array_append_new(a, json_pack("{s:o, s:o, s:o, s:o, s:I, s:o}", "address",
						       json_address(t->ledger, h[i].address),
						       "unspent", json_u64(h[i].unspent), "stopped",
						       json_u64(h[i].stopped), "received",
						       json_u64(h[i].received), "outputs",
						       (json_int_t)h[i].output_n, "labels",
						       json_labels(t, h[i].address))))
			return -ERR_CORRUPT;
	}
	return json_object_set_new(j, "holders_n", json_integer(all)) ? -ERR_NOMEM : 0;
}

/* Height and time of the transaction that made an output, as they stand in a report. */
static json_t *json_reached(const struct trace_report *t, uint32_t i)
{
	const struct trace_reached *r = &t->trace->reached[i];
	const struct ledger *l = t->ledger;
	bool fee = r->output & TRACE_FEE;
	uint32_t txnum = fee ? (uint32_t)r->output : ledger_out_tx(l, r->output);
	uint32_t address = fee ? 0 : ledger_out_address(l, r->output);
	struct ledger_tx tx;
	char when[TIME_TEXT_MAX];
	bool known = txnum != UINT32_MAX;
	if (known && ledger_tx_get(l, txnum, &tx) < 0)
		return NULL;
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:I, s:o, s:o}", "index",
			 (json_int_t)i, "output", json_outpoint(l, r->output), "value",
			 json_u64(fee ? r->amount : ledger_out_value(l, r->output)), "tainted",
			 json_u64(r->amount), "address", json_address(l, address), "height",
			 known ? json_integer(tx.height) : json_null(), "time",
			 known ? json_string(time_utc(tx.time_s, when)) : json_null(), "end",
			 trace_end_name((enum trace_end)r->end), "hops", (json_int_t)r->hops,
			 "parent", r->parent == TRACE_NONE ? json_null() : json_integer(r->parent),
			 "labels", json_labels(t, address));
}

static int add_outputs(const struct trace_report *t, json_t *j)
{
	json_t *a = json_array();
	uint64_t n = t->trace->reached_n, end = t->after + t->limit < n ? t->after + t->limit : n;
	if (json_object_set_new(j, "outputs_n", json_integer((json_int_t)n)) ||
	    json_object_set_new(j, "outputs", a))
		return -ERR_NOMEM;
	for (uint64_t i = t->after; i < end; i++)
		if (json_array_append_new(a, json_reached(t, (uint32_t)i)))
			return -ERR_CORRUPT;
	return json_object_set_new(j, "next", end < n ? json_integer((json_int_t)end) : json_null())
		       ? -ERR_NOMEM
		       : 0;
}

int trace_report_json(const struct trace_report *t, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = json_head(t);
	_cleanup_(freep) struct trace_holder *h = NULL;
	struct trace_source s = trace_source_ledger(t->ledger);
	uint32_t n;
	if (!j)
		return no_memory(e);
	int r = trace_holders(t->trace, &s, &h, &n);
	if (r == 0)
		r = add_holders(t, h, n, j);
	if (r == 0)
		r = add_labels(t, h, n, j);
	if (r == 0)
		r = add_outputs(t, j);
	if (r < 0)
		return r == -ERR_NOMEM ? no_memory(e)
				       : err_set(e, r, "ledger",
						 "The ledger is damaged; run: lug ledger verify");
	*ret = TAKE_PTR(j);
	return 0;
}

/* ---- CSV ---- */

static void csv_text(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"')
			putchar('"');
		putchar(*s);
	}
	putchar('"');
}

static int csv_row(const struct trace_report *t, uint32_t i)
{
	_cleanup_(json_decrefp) json_t *j = json_reached(t, i);
	static const char *const texts[] = {"output", "value", "tainted", "address",
					    "time",   "end",   NULL};
	if (!j)
		return -ERR_CORRUPT;
	printf("%" PRIu32, i);
	for (int k = 0; texts[k]; k++) {
		const char *s = json_string_value(json_object_get(j, texts[k]));
		putchar(',');
		csv_text(s ? s : "");
	}
	const json_t *height = json_object_get(j, "height"), *parent = json_object_get(j, "parent");
	printf(",%" PRIu32 ",", t->trace->reached[i].hops);
	if (json_is_integer(height))
		printf("%lld", (long long)json_integer_value(height));
	putchar(',');
	if (json_is_integer(parent))
		printf("%lld", (long long)json_integer_value(parent));
	putchar(',');
	const json_t *first = json_array_get(json_object_get(j, "labels"), 0);
	const char *label = json_string_value(json_object_get(first, "label"));
	csv_text(label ? label : "");
	fputs("\r\n", stdout);
	return ferror(stdout) ? -ERR_IO : 0;
}

int trace_report_csv(const struct trace_report *t, struct err *e)
{
	fputs("index,output,value,tainted,address,time,end,hops,height,parent,label\r\n", stdout);
	for (uint32_t i = 0; i < t->trace->reached_n; i++) {
		int r = csv_row(t, i);
		if (r < 0)
			return err_set(e, r, NULL,
				       r == -ERR_IO
					       ? "cannot write the output"
					       : "The ledger is damaged; run: lug ledger verify");
	}
	return fflush(stdout) == EOF ? err_set(e, err_errno(errno), NULL, "cannot write the output")
				     : 0;
}
