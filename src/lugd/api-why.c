/* SPDX-License-Identifier: Apache-2.0
 * "Why?": what an edge, a label or a cut of a trace rests on: the rule, its inputs, the versions, and the command that gives the same
 * answer on any machine with the same ledger. */
#include "base/text.h"
#include "chain/amount.h"
#include "lugd/lugd-int.h"
#include "lugd/questions.h"

enum { COMMAND_MAX = 128 << 10 };

/* ---- the command ---- */

/* A seed that led to a finished trace is an outpoint, an address or a transaction; quoted all the same. */
static void put_quoted(struct buf *b, const char *s)
{
	buf_str(b, " '");
	for (; *s; s++)
		if (*s == '\'')
			buf_str(b, "'\\''");
		else
			buf_put(b, s, 1);
	buf_str(b, "'");
}

static void put_seeds(struct buf *b, const json_t *seeds)
{
	size_t i;
	const json_t *seed;
	json_array_foreach (seeds, i, seed) {
		const char *s = json_string_value(seed);
		if (strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:") ==
		    strlen(s))
			buf_printf(b, " %s", s);
		else
			put_quoted(b, s);
	}
}

static void put_flags(struct buf *b, const json_t *wish)
{
	static const char *const flags[][2] = {{"stop_at_labels", "--stop-at-labels"},
					       {"stop_at_coinjoin", "--stop-at-coinjoin"}};
	const char *direction = json_string_value(json_object_get(wish, "direction"));
	if (direction && !strcmp(direction, "backward"))
		buf_str(b, " --back");
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (json_is_true(json_object_get(wish, flags[i][0])))
			buf_printf(b, " %s", flags[i][1]);
}

static void put_numbers(struct buf *b, const json_t *wish)
{
	static const char *const numbers[][2] = {{"hops", "--hops"},
						 {"height", "--height"},
						 {"stop_at_entities", "--stop-at-entities"},
						 {"max_outputs", "--max-outputs"}};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		const json_t *v = json_object_get(wish, numbers[i][0]);
		if (json_is_integer(v))
			buf_printf(b, " %s %lld", numbers[i][1], (long long)json_integer_value(v));
	}
}

json_t *trace_command(const json_t *wish, const json_t *report)
{
	struct buf b _cleanup_(buf_done);
	const char *min =
		json_string_value(json_object_get(json_object_get(report, "stops"), "min"));
	uint64_t v = 0;
	buf_init(&b, COMMAND_MAX);
	buf_str(&b, "lug trace");
	put_seeds(&b, json_object_get(wish, "seeds"));
	buf_printf(&b, " --policy %s --fees %s",
		   json_string_value(json_object_get(report, "policy")),
		   json_string_value(json_object_get(report, "fees")));
	put_flags(&b, wish);
	put_numbers(&b, wish);
	if (min && dec_parse_u64(min, strlen(min), UINT64_MAX, &v) == 0 && v > 1) {
		unsigned decimals =
			(unsigned)json_integer_value(json_object_get(report, "decimals"));
		char coins[UNITS_TEXT_MAX];
		buf_printf(&b, " --min %s", units_text(v, decimals, coins));
	}
	buf_str(&b, " --graph --json --ledger LEDGER");
	return buf_err(&b) < 0 ? json_null() : json_string(buf_cstr(&b));
}

/* ---- what is asked about ---- */

static int element(const struct api_call *c, const char *name, const json_t *list,
		   const json_t **ret, struct err *e)
{
	uint64_t i = 0;
	int r = api_query_u64(c, name, UINT32_MAX, &i, e);
	*ret = json_array_get(list, (size_t)i);
	return r < 0  ? r
	       : *ret ? 0
		      : err_set(e, ERR_NOENT, name, "The trace has no such %s.", name);
}

static int why_edge(const struct api_call *c, const json_t *report, json_t *out, struct err *e)
{
	const char *level = api_query(c, "level");
	bool relations = level && !strcmp(level, "relations");
	const json_t *graph = json_object_get(report, relations ? "relations" : "graph"), *edge;
	int r = element(c, "edge", json_object_get(graph, "edges"), &edge, e);
	if (r < 0)
		return r;
	const json_t *nodes = json_object_get(graph, "nodes");
	json_t *from =
		json_array_get(nodes, (size_t)json_integer_value(json_object_get(edge, "from")));
	json_t *to = json_array_get(nodes, (size_t)json_integer_value(json_object_get(edge, "to")));
	json_t *what = json_pack("{s:s, s:s, s:O, s:O, s:O}", "of", "edge", "level",
				 relations ? "relations" : "transactions", "edge", edge, "from",
				 from, "to", to);
	r = what ? json_object_update(out, what) : -1;
	json_decref(what);
	return r < 0 ? err_set(e, ERR_NOMEM, NULL, NULL) : 0;
}

static int why_label(const struct api_call *c, const json_t *report, json_t *out, struct err *e)
{
	const json_t *label;
	int r = element(c, "label", json_object_get(report, "labels"), &label, e);
	if (r < 0)
		return r;
	return json_object_set_new(out, "of", json_string("label")) ||
			       json_object_set(out, "label", (json_t *)(uintptr_t)label)
		       ? err_set(e, ERR_NOMEM, NULL, NULL)
		       : 0;
}

int api_ledger_traces_why(struct api_call *c, struct err *e)
{
	json_t *found = NULL;
	int r = asked_look(lugd_of(c)->questions, c->who.officer, api_param(c, 0), &found, e);
	if (r < 0)
		return r;
	_cleanup_(json_decrefp) json_t *trace = found;
	json_t *report = json_object_get(trace, "report");
	if (!report)
		return err_set(e, ERR_AGAIN, "id", "This trace is not done yet, or it failed.");
	_cleanup_(json_decrefp) json_t *out = json_pack(
		"{s:s, s:O, s:O, s:O, s:O, s:O, s:O, s:o}", "id", api_param(c, 0), "program",
		json_object_get(report, "program"), "tip_height",
		json_object_get(report, "tip_height"), "tip", json_object_get(report, "tip"),
		"policy", json_object_get(report, "policy"), "fees",
		json_object_get(report, "fees"), "asset", json_object_get(report, "asset"),
		"command", trace_command(json_object_get(trace, "wish"), report));
	if (!out)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	r = api_query(c, "label") ? why_label(c, report, out, e) : why_edge(c, report, out, e);
	return r < 0 ? r : api_reply(c, TAKE_PTR(out), e);
}
