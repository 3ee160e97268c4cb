/* SPDX-License-Identifier: Apache-2.0
 * From a trace to a request: what was reached and is still there, as the asset blocks that `lug request new --assets` takes. */
#include "base/text.h"
#include "report/trace-report.h"

/* A request names a few assets that can be held, not all that was touched. */
enum { ASSETS_MAX = 16, CAIP2_MAX = 64, CAIP_MAX = 256 };

struct reached {
	const json_t *row;
	uint64_t tainted;
	bool labelled;
};

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

/* Labelled ones first, for someone can be asked to hold them; then the larger. */
static int reached_cmp(const void *pa, const void *pb)
{
	const struct reached *a = pa, *b = pb;
	if (a->labelled != b->labelled)
		return a->labelled ? -1 : 1;
	return (a->tainted < b->tainted) - (a->tainted > b->tainted);
}

static size_t reached_find(const json_t *outputs, struct reached *list)
{
	size_t i, n = 0;
	json_t *row;
	json_array_foreach (outputs, i, row) {
		const char *tainted = text_of(row, "tainted");
		uint64_t v;
		if (strcmp(text_of(row, "end"), "unspent") != 0 || !text_of(row, "address")[0] ||
		    dec_parse_u64(tainted, strlen(tainted), UINT64_MAX, &v) < 0)
			continue;
		bool labelled = json_array_size(json_object_get(row, "labels")) > 0;
		list[n++] = (struct reached){.row = row, .tainted = v, .labelled = labelled};
	}
	qsort(list, n, sizeof(*list), reached_cmp);
	return n;
}

static json_t *asset_block(const json_t *report, const struct reached *r)
{
	char chain[CAIP2_MAX], account[CAIP_MAX], path[CAIP_MAX];
	const char *asset = text_of(report, "asset"), *output = text_of(r->row, "output"),
		   *colon = strchr(output, ':');
	uint64_t index;
	if (!colon || dec_parse_u64(colon + 1, strlen(colon + 1), UINT32_MAX, &index) < 0)
		return NULL;
	snprintf(chain, sizeof(chain), "%.*s", (int)strcspn(asset, "/"), asset);
	snprintf(account, sizeof(account), "%s:%.160s", chain, text_of(r->row, "address"));
	snprintf(path, sizeof(path), "%lld transactions from the start, by %s",
		 (long long)json_integer_value(json_object_get(r->row, "hops")),
		 text_of(report, "policy"));
	json_t *j = json_pack("{s:s, s:s, s:s, s:s%, s:I, s:s, s:s, s:{s:O, s:s}, s:s}", "chain",
			      chain, "account", account, "asset", asset, "txid", output,
			      (size_t)(colon - output), "output", (json_int_t)index, "amount",
			      text_of(r->row, "tainted"), "output_value", text_of(r->row, "value"),
			      "observed", "height", json_object_get(report, "tip_height"), "hash",
			      text_of(report, "tip"), "path", path);
	const char *label = text_of(json_array_get(json_object_get(r->row, "labels"), 0), "label");
	if (j && *label &&
	    json_object_set_new(j, "custodian", json_pack("{s:s}", "name", label)) < 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

int trace_assets_add(json_t *report, struct err *e)
{
	const json_t *outputs = json_object_get(report, "outputs");
	_cleanup_(freep) struct reached *list = calloc(json_array_size(outputs) + 1, sizeof(*list));
	_cleanup_(json_decrefp) json_t *blocks = json_array();
	if (!list || !blocks)
		return err_set(e, -ERR_NOMEM, NULL, NULL);
	size_t n = reached_find(outputs, list);
	for (size_t i = 0; i < n && i < ASSETS_MAX; i++)
		if (json_array_append_new(blocks, asset_block(report, &list[i])) < 0)
			return err_set(e, -ERR_NOMEM, NULL, NULL);
	return json_object_set(report, "request_assets", blocks) < 0
		       ? err_set(e, -ERR_NOMEM, NULL, NULL)
		       : 0;
}
