/* SPDX-License-Identifier: Apache-2.0
 * Requests for a terminal: the clock first, amounts exact, codes with their meaning, text of others made safe. */
#include "lug/request-out.h"
#include "base/text.h"
#include "base/time.h"
#include "chain/amount.h"
#include "chain/network.h"
#include "exchange/request-table.h"

enum { CELL_MAX = 4096 };

/* A member as text that may be printed; "" when absent. Valid until the fourth call after. */
static const char *say(const json_t *o, const char *name)
{
	static char ring[4][CELL_MAX];
	static unsigned at;
	char *out = ring[at++ % 4];
	const char *s = json_string_value(json_object_get(o, name));

	snprintf(out, CELL_MAX, "%s", s ? s : "");
	return text_safe(out);
}

static const char *code(enum request_sub list, const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	const char *doc = s ? request_code_doc(list, s) : NULL;

	return doc ? doc : "";
}

static enum color class_color(const char *class)
{
	return strcmp(class, "FLASH") == 0    ? COLOR_BAD
	       : strcmp(class, "URGENT") == 0 ? COLOR_WARN
					      : COLOR_OFF;
}

static const char *remaining(const json_t *o, char out[static TIME_SPAN_MAX + 16])
{
	const json_t *left = json_object_get(o, "remaining_s");
	int64_t s = json_integer_value(left);
	char span[TIME_SPAN_MAX];

	if (!left)
		return "-";
	snprintf(out, TIME_SPAN_MAX + 16, s < 0 ? "%s over" : "%s left",
		 time_span(s < 0 ? -s : s, span));
	return out;
}

static void flags_text(const json_t *o, char *out, size_t out_len)
{
	const json_t *flags = json_object_get(o, "flags");
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < json_array_size(flags) && at < out_len; i++) {
		int n = snprintf(out + at, out_len - at, "%s%s", i ? " " : "",
				 json_string_value(json_array_get(flags, i)));
		at += n > 0 ? (size_t)n : 0;
	}
}

/* ---- one request ---- */

static void line(const char *head, const char *value)
{
	if (value[0])
		printf("%-16s %s\n", head, value);
}

/* A text of several lines: the whole of it, each line made safe and set under the first. */
static void lines(const char *head, const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	for (; s && *s; head = "") {
		size_t n = strcspn(s, "\n");
		_cleanup_(freep) char *one = strndup(s, n);

		if (one && n && one[n - 1] == '\r')
			one[n - 1] = 0;
		printf("%-16s %s\n", head, one ? text_safe(one) : "(out of memory)");
		s += n + (s[n] == '\n');
	}
}

static void line_code(const char *head, enum request_sub list, const json_t *o, const char *name)
{
	const char *doc = code(list, o, name);

	if (json_object_get(o, name))
		printf("%-16s %s%s%s\n", head, say(o, name), doc[0] ? ": " : "", doc);
}

static void print_head(const struct lug *l, const json_t *j)
{
	const json_t *request = json_object_get(j, "request");
	const char *class = say(j, "class");
	bool out = strcmp(json_string_value(json_object_get(j, "direction")), "out") == 0;
	char flags[128];

	flags_text(j, flags, sizeof(flags));
	printf("%s%s %s%s  %s%s%s%s\n", color(l, class_color(class)), class, say(j, "type"),
	       color(l, COLOR_OFF), color(l, COLOR_BOLD), say(j, "state"), color(l, COLOR_OFF),
	       flags[0] ? "" : "");
	if (flags[0])
		printf("%s%s%s\n", color(l, COLOR_BAD), flags, color(l, COLOR_OFF));
	line("id", say(j, "id"));
	printf("%-16s %s %s\n", out ? "to" : "from", say(j, "peer"),
	       out ? "(outgoing)" : "(incoming)");
	line("case", say(request, "case"));
	line("authority", say(json_object_get(request, "authority"), "name"));
	line("content sha256", say(j, "content_sha256"));
}

static void print_clocks(const struct lug *l, const json_t *j)
{
	const json_t *clocks = json_object_get(j, "clocks");

	for (size_t i = 0; i < json_array_size(clocks); i++) {
		const json_t *c = json_array_get(clocks, i);
		const char *state = json_string_value(json_object_get(c, "state"));
		bool bad = strcmp(state, "overdue") == 0 || strcmp(state, "missed") == 0;
		char due[TIME_BOTH_MAX], left[TIME_SPAN_MAX + 16];

		printf("  %-10s %s%-8s%s %-16s due %s\n", say(c, "clock"),
		       color(l, bad ? COLOR_BAD : COLOR_GOOD), state, color(l, COLOR_OFF),
		       remaining(c, left), time_both(say(c, "due_at"), due));
	}
}

/* Base units, and coins where the chain's own coin is meant. */
static void print_amount(const char *head, const char *asset, const char *units)
{
	const struct network *n = NULL;
	char chain[128], coins[UNITS_TEXT_MAX];
	uint64_t v;

	snprintf(chain, sizeof(chain), "%.*s", (int)strcspn(asset, "/"), asset);
	n = network_find(chain);
	if (n && strcmp(n->caip19, asset) == 0 &&
	    dec_parse_u64(units, strlen(units), UINT64_MAX, &v) == 0)
		printf("  %-14s %s %s (%s base units)\n", head, units_text(v, n->decimals, coins),
		       n->ticker, units);
	else if (units[0])
		printf("  %-14s %s base units\n", head, units);
}

static void print_assets(const json_t *assets)
{
	for (size_t i = 0; i < json_array_size(assets); i++) {
		const json_t *a = json_array_get(assets, i), *output = json_object_get(a, "output");
		const json_t *log = json_object_get(a, "log"),
			     *height = json_object_get(json_object_get(a, "observed"), "height");

		printf("asset %zu          %s\n", i, say(a, "asset"));
		if (json_object_get(a, "account"))
			printf("  %-14s %s\n", "account", say(a, "account"));
		if (json_object_get(a, "txid"))
			printf("  %-14s %s", "transaction", say(a, "txid"));
		if (output || log)
			printf(":%lld", (long long)json_integer_value(output ? output : log));
		if (json_object_get(a, "txid"))
			putchar('\n');
		print_amount("amount", say(a, "asset"), say(a, "amount"));
		if (height)
			printf("  %-14s height %lld, block %s\n", "observed",
			       (long long)json_integer_value(height),
			       say(json_object_get(a, "observed"), "hash"));
		if (json_object_get(a, "custodian"))
			printf("  %-14s %s\n", "custodian",
			       say(json_object_get(a, "custodian"), "name"));
		if (json_object_get(a, "path"))
			printf("  %-14s %s\n", "path", say(a, "path"));
	}
}

/* What a second person must weigh beside the facts: law, promised follow-up, how long. */
static void print_formal(const json_t *request)
{
	const json_t *law = json_object_get(request, "legal_basis"),
		     *followup = json_object_get(request, "followup"),
		     *days = json_object_get(request, "term_days");
	char when[TIME_BOTH_MAX];

	lines("law, requesting", law, "requesting");
	lines("law, requested", law, "requested");
	line("follow-up", say(followup, "kind"));
	if (json_object_get(followup, "by"))
		line("  by", time_both(say(followup, "by"), when));
	if (json_object_get(request, "valid_until"))
		line("valid until", time_both(say(request, "valid_until"), when));
	if (days)
		printf("%-16s %lld days\n", "shall last", (long long)json_integer_value(days));
	line("extends", say(json_object_get(request, "relation"), "of"));
}

static void print_fields(const json_t *request)
{
	const json_t *offence = json_object_get(request, "offence"),
		     *handling = json_object_get(request, "handling");
	const json_t *secrecy = json_object_get(request, "confidentiality");

	line_code("offence", SUB_OFFENCE, offence, "code");
	line("", say(offence, "text"));
	lines("facts", request, "facts");
	lines("link", request, "link");
	lines("necessity", request, "necessity");
	line("custodian", say(json_object_get(request, "custodian"), "name"));
	print_formal(request);
	line_code("handling", SUB_HANDLING, handling, "code");
	line_code("marking", SUB_MARKING, handling, "marking");
	line("grade", say(handling, "grade"));
	line_code("purpose", SUB_PURPOSE, handling, "purpose");
	line_code("basis", SUB_BASIS, handling, "basis");
	line_code("subject", SUB_CONFIDENTIALITY, secrecy, "subject");
	line_code("toward custodian", SUB_CONFIDENTIALITY, secrecy, "custodian");
	line("reply in", say(request, "reply_language"));
	print_assets(json_object_get(request, "assets"));
}

static void print_outcome(const json_t *outcome, const json_t *assets)
{
	const json_t *items = json_object_get(outcome, "items");
	char until[TIME_BOTH_MAX];

	printf("    %s: %s\n", say(outcome, "measure"), code(SUB_MEASURE, outcome, "measure"));
	if (json_object_get(outcome, "legal_expiry"))
		printf("    until %s\n", time_both(say(outcome, "legal_expiry"), until));
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		size_t n = (size_t)json_integer_value(json_object_get(item, "asset"));
		const char *asset = say(json_array_get(assets, n), "asset");

		printf("    asset %zu\n", n);
		print_amount("  requested", asset, say(item, "requested"));
		print_amount("  held", asset, say(item, "held"));
	}
}

static void print_event(const json_t *v, const json_t *assets)
{
	const json_t *part = json_object_get(v, "part");
	const json_t *with_text = json_object_get(part, "text") ? part : v;
	const json_t *ground = json_object_get(part, "ground");
	char when[TIME_BOTH_MAX];

	printf("  %s  %-10s %-14s %s%s", time_both(say(v, "recorded_at"), when), say(v, "event"),
	       say(v, "to"), json_is_true(json_object_get(v, "arrived")) ? "peer: " : "",
	       say(v, "officer"));
	printf("  [audit %lld%s%s]\n", (long long)json_integer_value(json_object_get(v, "audit")),
	       json_object_get(v, "delivery") ? ", " : "", say(v, "delivery"));
	if (ground)
		printf("    %s: %s\n", say(part, "ground"), code(SUB_GROUND, part, "ground"));
	lines("", with_text, "text");
	if (json_object_get(part, "outcome"))
		print_outcome(json_object_get(part, "outcome"), assets);
}

static void print_warnings(const struct lug *l, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *w = json_array_get(list, i);
		printf("%swarning%s          %s: %s\n", color(l, COLOR_WARN), color(l, COLOR_OFF),
		       say(w, "field"), say(w, "message"));
	}
}

static void print_next(const json_t *j)
{
	const json_t *may = json_object_get(j, "may"), *approval = json_object_get(j, "approval");
	char left[TIME_SPAN_MAX + 16];

	if (approval)
		printf("waits for a second person (not %s), %s\n", say(approval, "proposer"),
		       remaining(approval, left));
	if (json_array_size(may) == 0)
		return;
	printf("you may         ");
	for (size_t i = 0; i < json_array_size(may); i++)
		printf(" %s", json_string_value(json_array_get(may, i)));
	putchar('\n');
}

static int flushed(struct err *e)
{
	return fflush(stdout) == 0 ? 0 : err_set(e, ERR_IO, "stdout", NULL);
}

int request_print(const struct lug *l, const json_t *j, struct err *e)
{
	const json_t *request = json_object_get(j, "request"),
		     *events = json_object_get(j, "events");

	print_head(l, j);
	print_clocks(l, j);
	print_next(j);
	print_warnings(l, json_object_get(j, "warnings"));
	print_fields(request);
	if (json_array_size(events))
		printf("%stime line%s\n", color(l, COLOR_BOLD), color(l, COLOR_OFF));
	for (size_t i = 0; i < json_array_size(events); i++)
		print_event(json_array_get(events, i), json_object_get(request, "assets"));
	return flushed(e);
}

/* ---- the list ---- */

int request_list_print(const struct lug *l, const json_t *j, struct err *e)
{
	static const char *const heads[] = {">REMAINING", "CLASS", "TYPE",  "STATE", "",
					    "PEER",	  "CASE",  "FLAGS", "ID",    NULL};
	const json_t *rows = json_object_get(j, "requests");
	struct table t;
	int r;

	table_init(&t, heads);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *o = json_array_get(rows, i);
		char flags[128], left[TIME_SPAN_MAX + 16];

		flags_text(o, flags, sizeof(flags));
		table_cell(&t, "%s", remaining(o, left));
		table_cell(&t, "%s", say(o, "class"));
		table_cell(&t, "%s", say(o, "type"));
		table_cell(&t, "%s", say(o, "state"));
		table_cell(&t, "%s", say(o, "direction"));
		table_cell(&t, "%s", say(o, "peer"));
		table_cell(&t, "%s", say(o, "case"));
		table_cell(&t, "%s", flags);
		table_cell(&t, "%s", say(o, "id"));
	}
	r = table_print(&t, l);
	table_done(&t);
	if (r < 0)
		return err_set(e, r, "stdout", NULL);
	if (json_object_get(j, "next"))
		printf("more: lug request list --after %s\n", say(j, "next"));
	return flushed(e);
}
