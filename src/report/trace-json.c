/* SPDX-License-Identifier: Apache-2.0
 * The answer of a trace as JSON: head, sums, what was cut, holders, outputs; and CSV straight from the trace. */
#include "base/time.h"
#include "chain/address.h"
#include "chain/hash.h"
#include "chain/network.h"
#include "ledger/entity.h"
#include "ledger/ledger.h"
#include "report/trace-int.h"
#include <inttypes.h>
#include <string.h>

enum { OUTPOINT_MAX = HASH_TEXT_MAX + 16, LABELS_SHOWN_MAX = 16, ROW_MAX = 64 << 10 };

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

json_t *json_outpoint(const struct ledger *l, uint64_t id)
{
	char text[OUTPOINT_MAX];
	return outpoint(l, id, text) == 0 ? json_string(text) : NULL;
}

size_t labels_of(const struct ledger *l, const struct labels *labels, uint32_t id,
		 struct label *ret, size_t max)
{
	struct address a;
	if (!id || ledger_address_get(l, id, &a) < 0)
		return 0;
	size_t n = labels_find(labels, &a, ret, max);
	return n < max ? n : max;
}

json_t *json_labels(const struct ledger *l, const struct labels *labels, uint32_t id)
{
	struct label found[LABELS_SHOWN_MAX];
	size_t n = labels_of(l, labels, id, found, LABELS_SHOWN_MAX);
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
	const struct trace_stops *at = p->stop ? p->stop_ctx : NULL;
	return json_pack(
		"{s:o, s:o, s:o, s:b, s:o, s:b}", "hops",
		p->hops_max == TRACE_NONE ? json_null() : json_integer(p->hops_max), "height",
		p->height == TRACE_NONE ? json_null() : json_integer(p->height), "min",
		json_u64(p->amount_min), "labels", at && at->labels, "entity_addresses",
		at && at->entities ? json_integer((json_int_t)at->entity_max) : json_null(),
		"coinjoins", p->stop_at_joins);
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
		"{s:s, s:s, s:s, s:s, s:i, s:I, s:s, s:I, s:s, s:s, s:s, s:s, s:o, s:b, s:o, s:b, s:I, s:I}",
		"program", "lug " LUG_VERSION, "network", n->name, "asset", n->caip19, "ticker",
		n->ticker, "decimals", (int)n->decimals, "tip_height", (json_int_t)info->height,
		"tip", hash_text(info->tip32, tip), "height", (json_int_t)t->trace->height,
		"direction", t->params->back ? "backward" : "forward", "policy",
		trace_policy_name(t->params->policy), "fees",
		t->params->fees == TRACE_FEES_FOLLOW ? "follow" : "skip", "engine",
		trace_engine_name(t->trace->engine), "stops", json_stops(t), "partial",
		t->trace->partial, "sums", json_sums(t->trace), "conserved", 1, "seeds_n",
		(json_int_t)t->trace->seed_n, "transactions_followed",
		(json_int_t)t->trace->tx_followed);
}

/* Ends at which the money may well have gone on. */
static int add_cut(const struct trace_report *t, json_t *j)
{
	static const enum trace_end cuts[] = {TRACE_LABEL,   TRACE_ENTITY, TRACE_COINJOIN,
					      TRACE_HOPS,    TRACE_DUST,   TRACE_FOREIGN,
					      TRACE_UNKNOWN, TRACE_BUDGET};
	json_t *a = json_array();
	if (json_object_set_new(j, "cut", a))
		return -ERR_NOMEM;
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		if (t->trace->ended_n[cuts[i]] &&
		    json_array_append_new(
			    a, json_pack("{s:s, s:I, s:o}", "reason", trace_end_name(cuts[i]),
					 "outputs", (json_int_t)t->trace->ended_n[cuts[i]],
					 "amount", json_u64(t->trace->ended[cuts[i]]))))
			return -ERR_NOMEM;
	return 0;
}

/* ---- holders and outputs ---- */

static json_t *json_entity(const struct trace_report *t, uint32_t address)
{
	uint32_t id = t->entities ? entity_of(t->entities, address, ENTITY_TIP) : 0;
	return id ? json_integer(id) : json_null();
}

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
		if (json_array_append_new(
			    a, json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "address",
					 json_address(t->ledger, h[i].address), "entity",
					 json_entity(t, h[i].address), "unspent",
					 json_u64(h[i].unspent), "stopped", json_u64(h[i].stopped),
					 "received", json_u64(h[i].received), "outputs",
					 (json_int_t)h[i].output_n, "labels",
					 json_labels(t->ledger, t->labels, h[i].address))))
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
			 "labels", json_labels(t->ledger, t->labels, address));
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
		r = add_cut(t, j);
	if (r == 0)
		r = trace_labels_add(t, h, n, j);
	if (r == 0)
		r = trace_entities_add(t, h, n, j);
	if (r == 0)
		r = add_outputs(t, j);
	if (r == 0 && t->boxes)
		r = trace_graph_add(t, j);
	if (r < 0)
		return r == -ERR_NOMEM ? no_memory(e)
				       : err_set(e, r, "ledger",
						 "The ledger is damaged; run: lug ledger verify");
	*ret = TAKE_PTR(j);
	return 0;
}

/* ---- CSV ---- */

static int csv_row(const struct trace_report *t, uint32_t i, struct buf *out)
{
	_cleanup_(json_decrefp) json_t *j = json_reached(t, i);
	static const char *const texts[] = {"output", "value", "tainted", "address",
					    "time",   "end",   NULL};
	if (!j)
		return -ERR_CORRUPT;
	buf_printf(out, "%" PRIu32, i);
	for (int k = 0; texts[k]; k++) {
		const char *s = json_string_value(json_object_get(j, texts[k]));
		buf_str(out, ",");
		text_csv(out, s ? s : "");
	}
	const json_t *height = json_object_get(j, "height"), *parent = json_object_get(j, "parent");
	buf_printf(out, ",%" PRIu32 ",", t->trace->reached[i].hops);
	if (json_is_integer(height))
		buf_printf(out, "%lld", (long long)json_integer_value(height));
	buf_str(out, ",");
	if (json_is_integer(parent))
		buf_printf(out, "%lld", (long long)json_integer_value(parent));
	buf_str(out, ",");
	const json_t *first = json_array_get(json_object_get(j, "labels"), 0);
	const char *label = json_string_value(json_object_get(first, "label"));
	text_csv(out, label ? label : "");
	buf_str(out, "\r\n");
	return 0;
}

/* What the rows belong to, as two columns before their own header: a spreadsheet shows it, a program skips to "index". */
static int csv_head(const struct trace_report *t, struct buf *out)
{
	_cleanup_(json_decrefp) json_t *j = json_head(t);
	static const char *const texts[] = {"program", "network",   "asset", "tip",
					    "policy",  "direction", "fees",  NULL};
	_cleanup_(freep) char *stops = j ? json_text(json_object_get(j, "stops")) : NULL;
	if (!stops)
		return -ERR_NOMEM;
	for (int i = 0; texts[i]; i++) {
		buf_printf(out, "# %s,", texts[i]);
		text_csv(out, json_string_value(json_object_get(j, texts[i])));
		buf_str(out, "\r\n");
	}
	buf_printf(
		out, "# tip_height,%" PRIu32 "\r\n# height,%" PRIu32 "\r\n# partial,%s\r\n# stops,",
		ledger_info(t->ledger)->height, t->trace->height, t->trace->partial ? "yes" : "no");
	text_csv(out, stops);
	buf_str(out,
		"\r\nindex,output,value,tainted,address,time,end,hops,height,parent,label\r\n");
	return 0;
}

int trace_report_csv(const struct trace_report *t, FILE *out, struct err *e)
{
	_cleanup_(buf_done) struct buf b;
	buf_init(&b, ROW_MAX);
	int r = csv_head(t, &b);
	for (uint32_t i = 0; r == 0 && i <= t->trace->reached_n; i++) {
		r = buf_err(&b);
		if (r == 0 && fwrite(b.p, 1, b.len, out) != b.len)
			r = -ERR_IO;
		buf_clear(&b);
		if (r == 0 && i < t->trace->reached_n)
			r = csv_row(t, i, &b);
	}
	if (r == 0 && fflush(out) == EOF)
		r = -ERR_IO;
	if (r == -ERR_IO)
		return err_set(e, r, NULL, "cannot write the output");
	return r < 0 ? err_set(e, r, NULL, "The ledger is damaged; run: lug ledger verify") : 0;
}
