/* SPDX-License-Identifier: Apache-2.0
 * lug duty: who answers now, the roster, coverage, alerts, ladders, drills. */
#include "base/file.h"
#include "http/client.h"
#include "lug/lug.h"
#include <string.h>

enum { FILE_MAX = 2 << 20, PATH_LEN_MAX = 480 };

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s && *s ? s : "-";
}

/* "a, b" of an array of strings. */
static const char *words_of(const json_t *list, char *out, size_t size)
{
	const json_t *v;
	size_t i, n = 0;
	out[0] = 0;
	json_array_foreach (list, i, v)
		if (n < size)
			n += (size_t)snprintf(out + n, size - n, "%s%s", i ? ", " : "",
					      json_string_value(v));
	return out[0] ? out : "-";
}

static int read_json(const char *path, json_t **ret, struct err *e)
{
	_cleanup_(buf_done) struct buf b;
	buf_init(&b, FILE_MAX);
	int r = file_read(strcmp(path, "-") ? path : "/dev/stdin", &b, e);
	return r < 0 ? r : json_parse(b.p, b.len, ret, e);
}

/* One call whose answer is printed as it came, or by a function for people. */
static int call(struct lug *l, const char *method, const char *path, STEALS json_t *body,
		int (*print)(struct lug *l, const json_t *j, struct err *e), struct err *e)
{
	_cleanup_(json_decrefp) json_t *sent = body, *j = NULL;
	int r = lug_api(l, method, path, sent, &j, e);
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(j ? TAKE_PTR(j) : json_object(), e);
	return print(l, j, e);
}

static int print_done(struct lug *l, const json_t *j, struct err *e)
{
	puts("done");
	return 0;
}

/* ---- who ---- */

static int print_seats(struct lug *l, const json_t *seats)
{
	static const char *const heads[] = {"SEAT",	     "ON",   "STATE", "LOCAL TIME",
					    "NEXT HAND-OFF", "LINE", NULL};
	char people[512];
	struct table t;
	const json_t *s;
	size_t i;
	table_init(&t, heads);
	json_array_foreach (seats, i, s) {
		table_cell(&t, "%s", text_of(s, "seat"));
		table_cell(&t, "%s",
			   words_of(json_object_get(s, "people"), people, sizeof(people)));
		table_cell(&t, "%s", text_of(s, "state"));
		table_cell(&t, "%s", text_of(s, "local_time"));
		table_cell(&t, "%s", text_of(s, "next_handoff"));
		table_cell(&t, "%s", text_of(s, "line"));
	}
	int r = table_print(&t, l);
	table_done(&t);
	return r;
}

static void member_row(struct table *t, const json_t *m, const json_t *seat)
{
	const json_t *contact = json_array_get(json_object_get(m, "contacts"), 0);
	bool valid = json_is_true(json_object_get(json_object_get(m, "note"), "valid"));
	table_cell(t, "%s", text_of(m, "member"));
	table_cell(t, "%s", text_of(m, "country"));
	table_cell(t, "%s", text_of(seat, "seat"));
	table_cell(t, "%s",
		   json_is_true(json_object_get(m, "silent")) ? "SILENT"
		   : valid				      ? text_of(seat, "state")
							      : "not known");
	table_cell(t, "%s", text_of(seat, "local_time"));
	table_cell(t, "%s", text_of(seat, "languages"));
	table_cell(t, "%s",
		   strcmp(text_of(seat, "line"), "-") ? text_of(seat, "line")
						      : text_of(contact, "phone"));
	table_cell(t, "%s", text_of(contact, "state"));
}

static int print_who(struct lug *l, const json_t *j, struct err *e)
{
	static const char *const heads[] = {"MEMBER", "COUNTRY",    "SEAT",
					    "STATE",  "LOCAL TIME", "LANGUAGES",
					    "LINE",   "CONTACT",    NULL};
	struct table t;
	const json_t *m, *s;
	size_t i, k;
	int r = print_seats(l, json_object_get(j, "seats"));
	puts("");
	table_init(&t, heads);
	json_array_foreach (json_object_get(j, "members"), i, m) {
		const json_t *seats = json_object_get(json_object_get(m, "note"), "seats");
		if (!json_array_size(seats))
			member_row(&t, m, NULL);
		json_array_foreach (seats, k, s)
			member_row(&t, m, s);
	}
	if (r >= 0)
		r = table_print(&t, l);
	table_done(&t);
	return r;
}

static int run_who(struct lug *l, const struct args *a, struct err *e)
{
	return call(l, "GET", "/v1/duty", NULL, print_who, e);
}

const struct verb verb_duty_who = {
	.name = "duty who",
	.args = "",
	.flags = VERB_NODE,
	.summary = "show who answers now, here and at the other members",
	.doc = "Other members are shown by their signed notes, which are valid for five minutes; beside them stands their first contact "
	       "point, fresh, amber (not verified for 90 days) or red (180 days, left out of automatic calls).",
	.examples = "lug duty who\n# whom to call, and in which language",
	.run = run_who,
};

/* ---- roster ---- */

static int roster_path(const struct args *a, const char *base, const char *more,
		       char path[static PATH_LEN_MAX], struct err *e)
{
	static const char *const names[] = {"seat", "from", "until"};
	int n = snprintf(path, PATH_LEN_MAX, "%s?%s", base, more);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = args_str(a, names[i]);
		_cleanup_(freep) char *escaped = value ? http_client_escape(value) : NULL;
		if (value && !escaped)
			return err_set(e, ERR_NOMEM, NULL, NULL);
		if (value)
			n += snprintf(path + n, PATH_LEN_MAX - (size_t)n, "%s%s=%s",
				      path[n - 1] == '?' ? "" : "&", names[i], escaped);
		if (n >= PATH_LEN_MAX)
			return err_set(e, ERR_OVERSIZE, names[i], NULL);
	}
	if (path[n - 1] == '?')
		path[n - 1] = 0;
	return 0;
}

static int print_roster(struct lug *l, const json_t *j, struct err *e)
{
	static const char *const heads[] = {"SEAT", "FROM", "UNTIL", "ON", "BY", ">SHIFT", NULL};
	char people[512];
	struct table t;
	const json_t *seat, *s;
	size_t i, k;
	table_init(&t, heads);
	json_array_foreach (json_object_get(j, "seats"), i, seat)
		json_array_foreach (json_object_get(seat, "shifts"), k, s) {
			const json_t *shift = json_object_get(s, "shift");
			table_cell(&t, "%s", text_of(seat, "seat"));
			table_cell(&t, "%s", text_of(s, "from"));
			table_cell(&t, "%s", text_of(s, "until"));
			table_cell(&t, "%s",
				   words_of(json_object_get(s, "people"), people, sizeof(people)));
			table_cell(&t, "%s", text_of(s, "source"));
			if (shift)
				table_cell(&t, "%s %lld", text_of(s, "layer"),
					   (long long)json_integer_value(shift));
			else
				table_cell(&t, "-");
		}
	int r = table_print(&t, l);
	table_done(&t);
	return r;
}

static int run_roster_show(struct lug *l, const struct args *a, struct err *e)
{
	char path[PATH_LEN_MAX];
	int r = roster_path(a, "/v1/duty/roster", "", path, e);
	return r < 0 ? r : call(l, "GET", path, NULL, print_roster, e);
}

static const struct opt span_opts[] = {
	{"seat", "NAME", "only this seat", false, false},
	{"from", "TIME", "from this time (2026-11-22T08:00:00Z); default: now", false, false},
	{"until", "TIME", "until this time; default: 30 days later", false, false},
	{0},
};

const struct verb verb_duty_roster_show = {
	.name = "duty roster show",
	.args = "",
	.flags = VERB_NODE,
	.summary = "show the shifts of the next 30 days",
	.examples =
		"lug duty roster show --seat duty\n# who is on, and by which layer and shift number\nlug duty roster show --json\n# "
		"with people, seats and changes, as duty roster import reads them",
	.opts = span_opts,
	.run = run_roster_show,
};

static int print_findings(struct lug *l, const json_t *j, struct err *e)
{
	static const char *const heads[] = {"FINDING", "SEAT", "PERSON", "FROM", "UNTIL", NULL};
	const json_t *list = json_object_get(j, "findings"), *f;
	struct table t;
	size_t i;
	if (!json_array_size(list)) {
		puts("nothing is missing");
		return 0;
	}
	table_init(&t, heads);
	json_array_foreach (list, i, f) {
		table_cell(&t, "%s", text_of(f, "finding"));
		table_cell(&t, "%s", text_of(f, "seat"));
		table_cell(&t, "%s", text_of(f, "person"));
		table_cell(&t, "%s", text_of(f, "from"));
		table_cell(&t, "%s", text_of(f, "until"));
	}
	int r = table_print(&t, l);
	table_done(&t);
	return r;
}

static int run_roster_set(struct lug *l, const struct args *a, struct err *e)
{
	json_t *seat = NULL;
	int r = read_json(args_pos(a, 0), &seat, e);
	return r < 0 ? r : call(l, "POST", "/v1/duty/seats", seat, print_findings, e);
}

const struct verb verb_duty_roster_set = {
	.name = "duty roster set",
	.args = "FILE",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "write one seat from a JSON file and say what its coverage lacks",
	.doc = "The format is docs/format/roster.md. A seat that takes FLASH must name who falls back.",
	.examples = "lug duty roster set duty.json\n# replaces the seat of that name",
	.run = run_roster_set,
};

/* What is shown beside a seat is not part of it. */
static json_t *bare_seat(json_t *seat)
{
	json_t *copy = json_copy(seat);
	json_object_del(copy, "shifts");
	json_object_del(copy, "changes");
	return copy;
}

static int import_each(struct lug *l, const json_t *list, const char *path,
		       json_t *(*shape)(json_t *), struct err *e)
{
	json_t *v;
	size_t i;
	json_array_foreach (list, i, v) {
		_cleanup_(json_decrefp) json_t *body = shape ? shape(v) : json_incref(v),
					       *reply = NULL;
		int r = lug_api(l, "POST", path, body, &reply, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int run_roster_import(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	int r = read_json(args_pos(a, 0), &j, e);
	if (r >= 0)
		r = import_each(l, json_object_get(j, "people"), "/v1/duty/people", NULL, e);
	if (r >= 0)
		r = import_each(l, json_object_get(j, "seats"), "/v1/duty/seats", bare_seat, e);
	return r < 0 ? r : call(l, "GET", "/v1/duty/coverage", NULL, print_findings, e);
}

const struct verb verb_duty_roster_import = {
	.name = "duty roster import",
	.args = "FILE",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "write people and seats from a JSON file",
	.doc = "FILE has \"people\" and \"seats\" as duty roster show --json prints them (docs/format/roster.md); \"-\" reads standard input.",
	.examples = "lug duty roster import roster.json\n# the whole desk at once",
	.run = run_roster_import,
};

static int print_ics(struct lug *l, const json_t *j, struct err *e)
{
	fputs(text_of(j, "ics"), stdout);
	return 0;
}

static int run_roster_export(struct lug *l, const struct args *a, struct err *e)
{
	char path[PATH_LEN_MAX];
	int r = roster_path(a, "/v1/duty/roster.ics", "json=1", path, e);
	return r < 0 ? r : call(l, "GET", path, NULL, print_ics, e);
}

const struct verb verb_duty_roster_export = {
	.name = "duty roster export",
	.args = "",
	.flags = VERB_NODE,
	.summary = "print the roster as iCalendar",
	.examples = "lug duty roster export --seat duty > duty.ics\n# for any calendar program",
	.opts = span_opts,
	.run = run_roster_export,
};

/* ---- changes ---- */

/* The person of a shift, by asking for the roster; the swap must name whom it replaces. */
static int person_of_shift(struct lug *l, const char *seat, const char *layer, uint64_t shift,
			   char out[static 65], struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	const json_t *v, *people = NULL;
	size_t i;
	int r = lug_api(l, "GET", "/v1/duty/roster", NULL, &j, e);
	json_array_foreach (json_object_get(j, "seats"), i, v)
		if (!strcmp(text_of(v, "seat"), seat)) {
			const json_t *k;
			size_t n;
			json_array_foreach (json_object_get(v, "layers"), n, k)
				if (!strcmp(text_of(k, "layer"), layer))
					people = json_object_get(k, "people");
		}
	if (r >= 0 && !json_array_size(people))
		r = err_set(e, ERR_NOENT, "layer", "There is no layer %s in seat %s.", layer, seat);
	if (r >= 0)
		snprintf(
			out, 65, "%s",
			json_string_value(json_array_get(people, shift % json_array_size(people))));
	return r;
}

static json_t *swap_of(const char *layer, uint64_t shift, const char *person, const char *with)
{
	return json_pack("{s:s, s:s, s:I, s:s, s:s}", "kind", "swap", "layer", layer, "shift",
			 (json_int_t)shift, "person", person, "with", with);
}

static int parse_shift(const char *s, uint64_t *ret, struct err *e)
{
	char *rest;
	*ret = strtoull(s, &rest, 10);
	return *s >= '0' && *s <= '9' && !*rest && *ret <= INT32_MAX
		       ? 0
		       : err_set(e, ERR_INVAL, "shift", "A shift is named by its number.");
}

static int run_swap(struct lug *l, const struct args *a, struct err *e)
{
	const char *seat = args_pos(a, 0), *layer = args_pos(a, 1);
	char one[65], two[65];
	uint64_t first, second;
	int r = parse_shift(args_pos(a, 2), &first, e);
	if (r >= 0)
		r = parse_shift(args_pos(a, 3), &second, e);
	if (r >= 0)
		r = person_of_shift(l, seat, layer, first, one, e);
	if (r >= 0)
		r = person_of_shift(l, seat, layer, second, two, e);
	if (r < 0)
		return r;
	return call(l, "POST", "/v1/duty/changes",
		    json_pack("{s:s, s:[o, o]}", "seat", seat, "changes",
			      swap_of(layer, first, one, two), swap_of(layer, second, two, one)),
		    print_findings, e);
}

const struct verb verb_duty_swap = {
	.name = "duty swap",
	.args = "SEAT LAYER SHIFT SHIFT",
	.args_min = 4,
	.args_max = 4,
	.flags = VERB_NODE,
	.summary = "let the people of two shifts trade places",
	.doc = "Shifts are named by their number, as duty roster show prints it: when the hand-off is moved, the swap moves along.",
	.examples = "lug duty swap duty night 41 43\n# whoever had 41 takes 43, and the reverse",
	.run = run_swap,
};

static int run_change(struct lug *l, const struct args *a, struct err *e)
{
	const char *with = args_str(a, "with");
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s}", "seat", args_pos(a, 1), "kind",
				 args_pos(a, 0), "person", args_pos(a, 2), "from",
				 args_str(a, "from"), "until", args_str(a, "until"));
	if (body && with)
		json_object_set_new(body, "with", json_string(with));
	return body ? call(l, "POST", "/v1/duty/changes", body, print_findings, e)
		    : err_set(e, ERR_INVAL, "person", "not valid UTF-8 text");
}

static const struct opt change_opts[] = {
	{"from", "TIME", "from this time (2026-11-22T08:00:00Z)", true, false},
	{"until", "TIME", "until this time", true, false},
	{"with", "OFFICER", "who takes the place (replace)", false, false},
	{0},
};
const struct verb verb_duty_override = {
	.name = "duty override",
	.args = "add|remove|replace SEAT OFFICER",
	.args_min = 3,
	.args_max = 3,
	.flags = VERB_NODE,
	.summary = "put somebody on, take somebody off, or replace somebody for a time",
	.examples =
		"lug duty override replace duty d.one --with d.two --from 2026-12-24T08:00:00Z --until 2026-12-25T08:00:00Z\n# one night",
	.opts = change_opts,
	.run = run_change,
};

static int print_absence(struct lug *l, const json_t *j, struct err *e)
{
	printf("%lld absences of %s\n",
	       (long long)json_integer_value(json_object_get(j, "absences")), text_of(j, "person"));
	return print_findings(l, j, e);
}

static int run_absence(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(buf_done) struct buf ics;
	const char *file = args_str(a, "ics"), *from = args_str(a, "from"),
		   *until = args_str(a, "until");
	json_t *body = NULL;
	buf_init(&ics, FILE_MAX);
	if (!file == !from || !from != !until)
		return err_set(e, ERR_INVAL, "ics", "give --ics FILE, or --from and --until");
	int r = file ? file_read(file, &ics, e) : 0;
	if (r < 0)
		return r;
	body = file ? json_pack("{s:s, s:s}", "person", args_pos(a, 0), "ics", buf_cstr(&ics))
		    : json_pack("{s:s, s:s, s:s}", "person", args_pos(a, 0), "from", from, "until",
				until);
	return body ? call(l, "POST", "/v1/duty/absences", body, print_absence, e)
		    : err_set(e, ERR_FORMAT, "ics", "the calendar is not text in UTF-8");
}

static const struct opt absence_opts[] = {
	{"ics", "FILE", "an iCalendar file; replaces what an earlier one gave", false, false},
	{"from", "TIME", "one absence from this time (2026-11-22T08:00:00Z)", false, false},
	{"until", "TIME", "until this time", false, false},
	{0},
};
const struct verb verb_duty_absence = {
	.name = "duty absence",
	.args = "OFFICER",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "say when an officer is away, from a calendar or one time",
	.examples =
		"lug duty absence d.one --ics leave.ics\n# holidays from the officer's own calendar",
	.opts = absence_opts,
	.run = run_absence,
};

/* ---- coverage, alerts, answers ---- */

static int run_coverage(struct lug *l, const struct args *a, struct err *e)
{
	char path[64];
	uint64_t days = 30;
	int r = args_u64(a, "days", 1, 366, &days, e);
	snprintf(path, sizeof(path), "/v1/duty/coverage?days=%llu", (unsigned long long)days);
	return r < 0 ? r : call(l, "GET", path, NULL, print_findings, e);
}

static const struct opt coverage_opts[] = {
	{"days", "N", "look so many days ahead (default 30)", false, false}, {0}};
const struct verb verb_duty_coverage = {
	.name = "duty coverage",
	.args = "",
	.flags = VERB_NODE,
	.summary = "say where the roster has gaps or hangs on one person",
	.examples =
		"lug duty coverage --days 90\n# gaps, single points, languages, channels that do not work",
	.opts = coverage_opts,
	.run = run_coverage,
};

static int print_alerts(struct lug *l, const json_t *j, struct err *e)
{
	static const char *const heads[] = {"ALERT",   "CLASS",	    "SIDE",   "FROM", "STATE",
					    "HELD BY", "NEXT STEP", ">RINGS", NULL};
	const json_t *list = json_object_get(j, "alerts"), *v;
	struct table t;
	size_t i;
	if (!json_array_size(list)) {
		puts("nothing waits for an answer");
		return 0;
	}
	table_init(&t, heads);
	json_array_foreach (list, i, v) {
		table_cell(&t, "%s", text_of(v, "alert"));
		table_cell(&t, "%s", text_of(v, "class"));
		table_cell(&t, "%s", text_of(v, "side"));
		table_cell(&t, "%s", text_of(v, "country"));
		table_cell(&t, "%s", text_of(v, "state"));
		table_cell(&t, "%s", text_of(v, "holder"));
		table_cell(&t, "%s", text_of(v, "next"));
		table_cell(&t, "%zu", json_array_size(json_object_get(v, "rings")));
	}
	int r = table_print(&t, l);
	table_done(&t);
	return r;
}

static int run_alerts(struct lug *l, const struct args *a, struct err *e)
{
	return call(l, "GET", args_flag(a, "all") ? "/v1/duty/alerts?all=1" : "/v1/duty/alerts",
		    NULL, print_alerts, e);
}

static const struct opt alerts_opts[] = {{"all", NULL, "also what is over", false, false}, {0}};
const struct verb verb_duty_alerts = {
	.name = "duty alerts",
	.args = "",
	.flags = VERB_NODE,
	.summary = "list what waits for a human, who was rung, and what comes next",
	.examples = "lug duty alerts\n# the red ones first",
	.opts = alerts_opts,
	.run = run_alerts,
};

static int run_answer(struct lug *l, const struct args *a, struct err *e)
{
	const char *what = args_pos(a, 0);
	bool code = strlen(what) == 6 && strspn(what, "0123456789") == 6;
	json_t *body = json_pack("{s:s}", code ? "code" : "alert", what);
	return body ? call(l, "POST", "/v1/duty/answer", body, print_alerts, e)
		    : err_set(e, ERR_INVAL, "code", "not valid UTF-8 text");
}

const struct verb verb_duty_answer = {
	.name = "duty answer",
	.args = "CODE|ALERT",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "say that you have it, by the code of a ring or the id of an alert",
	.doc = "The ladder stops for 30 minutes, and the request is acknowledged. Without a step within that time it rings again.",
	.examples = "lug duty answer 482913\n# the code that came with the ring",
	.run = run_answer,
};

/* ---- ladders and drills ---- */

static int print_ladders(struct lug *l, const json_t *j, struct err *e)
{
	static const char *const heads[] = {"SIDE", "CLASS", ">AFTER S", "TARGET", "CHANNEL", NULL};
	const json_t *ladder, *s;
	struct table t;
	size_t i, k;
	table_init(&t, heads);
	json_array_foreach (json_object_get(j, "ladders"), i, ladder) {
		json_array_foreach (json_object_get(ladder, "steps"), k, s) {
			long long channel =
				(long long)json_integer_value(json_object_get(s, "channel"));
			table_cell(&t, "%s", text_of(ladder, "side"));
			table_cell(&t, "%s", text_of(ladder, "class"));
			table_cell(&t, "%lld",
				   (long long)json_integer_value(json_object_get(s, "after_s")));
			table_cell(&t, "%s", text_of(s, "target"));
			if (channel)
				table_cell(&t, "%lld", channel);
			else
				table_cell(&t, "all");
		}
		table_cell(&t, "%s", text_of(ladder, "side"));
		table_cell(&t, "%s", text_of(ladder, "class"));
		table_cell(&t, "+%lld",
			   (long long)json_integer_value(json_object_get(ladder, "repeat_s")));
		table_cell(&t, "the last step again");
		table_cell(&t, "%s",
			   json_is_true(json_object_get(ladder, "all_must_answer"))
				   ? "all must answer"
				   : "");
	}
	int r = table_print(&t, l);
	table_done(&t);
	return r;
}

static int run_ladder(struct lug *l, const struct args *a, struct err *e)
{
	json_t *body = NULL;
	if (!args_str(a, "set"))
		return call(l, "GET", "/v1/duty/ladder", NULL, print_ladders, e);
	int r = read_json(args_str(a, "set"), &body, e);
	return r < 0 ? r : call(l, "POST", "/v1/duty/ladder", body, print_ladders, e);
}

static const struct opt ladder_opts[] = {
	{"set", "FILE", "replace the ladder of one side and class from a JSON file", false, false},
	{0}};
const struct verb verb_duty_ladder = {
	.name = "duty ladder",
	.args = "",
	.flags = VERB_NODE,
	.summary = "show whom an unanswered request rings, after how many seconds",
	.examples =
		"lug duty ladder\n# every side and class\nlug duty ladder --set flash.json\n# one ladder anew (docs/protocol/escalation.md 2)",
	.opts = ladder_opts,
	.run = run_ladder,
};

static int print_drills(struct lug *l, const json_t *j, struct err *e)
{
	static const char *const heads[] = {"REQUEST",	"PEER",	    "DIRECTION", "SENT",
					    "ANSWERED", ">SECONDS", NULL};
	const json_t *v;
	struct table t;
	size_t i;
	table_init(&t, heads);
	json_array_foreach (json_object_get(j, "drills"), i, v) {
		table_cell(&t, "%s", text_of(v, "request"));
		table_cell(&t, "%s", text_of(v, "peer"));
		table_cell(&t, "%s", text_of(v, "direction"));
		table_cell(&t, "%s", text_of(v, "sent"));
		table_cell(&t, "%s", text_of(v, "answered"));
		table_cell(&t, "%lld",
			   (long long)json_integer_value(json_object_get(v, "seconds")));
	}
	int r = table_print(&t, l);
	table_done(&t);
	return r;
}

static int print_drill(struct lug *l, const json_t *j, struct err *e)
{
	printf("drill %s sent to %s\n", text_of(j, "id"), text_of(j, "peer"));
	return 0;
}

static int run_drill(struct lug *l, const struct args *a, struct err *e)
{
	if (!args_pos(a, 0))
		return call(l, "GET", "/v1/duty/drills", NULL, print_drills, e);
	json_t *body = json_pack("{s:s}", "peer", args_pos(a, 0));
	return body ? call(l, "POST", "/v1/duty/drill", body, print_drill, e)
		    : err_set(e, ERR_INVAL, "peer", "not valid UTF-8 text");
}

const struct verb verb_duty_drill = {
	.name = "duty drill",
	.args = "[MEMBER]",
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "send a drill to a member, or list drills with the seconds to an answer",
	.examples =
		"lug duty drill fr.lyon\n# rings their duty officer, marked as a drill\nlug duty drill\n# how long it took",
	.run = run_drill,
};

static int run_verify(struct lug *l, const struct args *a, struct err *e)
{
	char path[PATH_LEN_MAX];
	uint64_t contact = 1;
	_cleanup_(freep) char *member = http_client_escape(args_pos(a, 0));
	int r = args_u64(a, "contact", 1, 4, &contact, e);
	if (r < 0 || !member)
		return r < 0 ? r : err_set(e, ERR_NOMEM, NULL, NULL);
	snprintf(path, sizeof(path), "/v1/duty/members/%s/verify", member);
	return call(l, "POST", path, json_pack("{s:I}", "contact", (json_int_t)contact), print_done,
		    e);
}

static const struct opt verify_opts[] = {
	{"contact", "N", "which of its contact points (default 1)", false, false}, {0}};
const struct verb verb_duty_verify = {
	.name = "duty verify",
	.args = "MEMBER",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "record that a contact point of a member was called and is right",
	.examples = "lug duty verify fr.lyon\n# fresh for another 90 days",
	.opts = verify_opts,
	.run = run_verify,
};
