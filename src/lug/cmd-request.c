/* SPDX-License-Identifier: Apache-2.0
 * lug request: draft, approve, look at and answer requests, through the API of a running node. */
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "exchange/request-fields.h"
#include "exchange/request.h"
#include "lug/lug.h"
#include "lug/request-call.h"
#include "lug/request-out.h"

/* ---- what the verbs share ---- */

static int put(json_t *o, const char *name, const char *value, struct err *e)
{
	if (!value)
		return 0;
	return json_object_set_new(o, name, json_string(value)) < 0
		       ? err_set(e, ERR_INVAL, name, "is not valid UTF-8 text")
		       : 0;
}

/* An option into a member of a member, which is made when it is not there: --country into authority.country. */
static int put_in(json_t *o, const char *parent, const char *name, const char *value, struct err *e)
{
	json_t *sub = json_object_get(o, parent);

	if (!value)
		return 0;
	if (!json_is_object(sub)) {
		sub = json_object();
		if (json_object_set_new(o, parent, sub) < 0)
			return err_set(e, ERR_NOMEM, NULL, NULL);
	}
	return put(sub, name, value, e);
}

/* A file, or standard input for "-". */
static int read_file(const char *path, struct buf *b, struct err *e)
{
	return file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, b, e);
}

static int read_json(const char *path, json_t **ret, struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, JSON_MAX);
	r = read_file(path, &b, e);
	if (r == 0 && (r = json_parse(b.p, b.len, ret, e)) < 0)
		r = err_set(e, r, "file", "%s: %s", path, e->message);
	buf_done(&b);
	return r;
}

static int put_file(json_t *o, const char *name, const char *path, struct err *e)
{
	struct buf b;
	int r;

	if (!path)
		return 0;
	buf_init(&b, REQUEST_MAX);
	r = read_file(path, &b, e);
	while (r == 0 && b.len && b.p[b.len - 1] == '\n')
		b.len--; /* the file's last line feed is not part of the text */
	if (r == 0 && json_object_set_new(o, name, json_stringn((const char *)b.p, b.len)) < 0)
		r = err_set(e, ERR_FORMAT, name, "%s is not valid UTF-8 text", path);
	buf_done(&b);
	return r;
}

/* ---- new ---- */

static const struct opt new_opts[] = {
	{"json-file", "FILE", "the whole request part as JSON; other options replace its fields",
	 false, false},
	{"type", "TYPE",
	 "FREEZE, PRESERVE, INFO, TRACE, IDENTIFY, ADVICE, SPONTANEOUS, EXTEND, WITHDRAW or TEST",
	 false, false},
	{"class", "CLASS", "FLASH, URGENT, PRIORITY or ROUTINE", false, false},
	{"to", "NODE", "the requested member's node", false, false},
	{"case", "REF", "own reference", false, false},
	{"authority", "NAME", "requesting authority", false, false},
	{"unit", "NAME", "its unit", false, false},
	{"country", "CC", "its country", false, false},
	{"offence", "CODE", "coded offence, see the documents", false, false},
	{"offence-text", "TEXT", "the offence in the words of the local law", false, false},
	{"facts", "FILE", "what happened; - reads standard input", false, false},
	{"link", "TEXT", "link between the asset or data and the offence", false, false},
	{"necessity", "TEXT", "why it is needed, and now", false, false},
	{"custodian", "NAME", "who holds the asset or data", false, false},
	{"custodian-country", "CC", "where the custodian is", false, false},
	{"law-requesting", "TEXT", "legal basis in the own law", false, false},
	{"law-requested", "TEXT", "legal basis in the other law", false, false},
	{"followup", "CODE",
	 "formal request promised: mutual-legal-assistance, investigation-order ...", false, false},
	{"followup-by", "TIME", "by when, UTC", false, false},
	{"extends", "REF", "goes on from this earlier reference; EXTEND and WITHDRAW: its id",
	 false, false},
	{"subject", "CODE", "toward the subject: must-not-know, ask-first or may-know", false,
	 false},
	{"language", "LL", "language of the texts (default en)", false, false},
	{"reply-language", "LL", "language wanted for the reply (default en)", false, false},
	{"handling", "CODE", "H0 to H3 (default H1)", false, false},
	{"marking", "TLP", "TLP:RED to TLP:CLEAR (default TLP:AMBER)", false, false},
	{"grade", "XN", "source A B C X, information 1 to 4 (default X4)", false, false},
	{"purpose", "CODE", "criminal-investigation (default), asset-recovery, prevention or drill",
	 false, false},
	{"basis", "CODE", "national-law (default), treaty, agreement or imminent-danger", false,
	 false},
	{"valid-until", "TIME", "need not be answered after this, UTC", false, false},
	{"term-days", "N", "how long the measure shall last", false, false},
	{"assets", "FILE", "asset blocks as a JSON list, or the output of lug trace --json", false,
	 false},
	{"draft", NULL, "keep it as a draft", false, false},
	{0},
};

/* The list itself, or the one that an object holds under "assets" or "request_assets". */
static int assets_of(json_t *j, json_t **ret, struct err *e)
{
	static const char *const names[] = {"assets", "request_assets"};

	for (size_t i = 0; json_is_object(j) && i < ARRAY_LEN(names); i++)
		if (json_is_array(json_object_get(j, names[i]))) {
			*ret = json_object_get(j, names[i]);
			return 0;
		}
	if (!json_is_array(j))
		return err_set(e, ERR_FORMAT, "assets", "the file holds no list of asset blocks");
	*ret = j;
	return 0;
}

static int put_assets(json_t *o, const char *path, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	json_t *list = NULL;
	int r;

	if (!path)
		return 0;
	if ((r = read_json(path, &j, e)) < 0 || (r = assets_of(j, &list, e)) < 0)
		return r;
	return json_object_set(o, "assets", list) < 0 ? err_set(e, ERR_NOMEM, NULL, NULL) : 0;
}

struct into {
	const char *option, *parent, *name;
};
static const struct into intos[] = {
	{"type", NULL, "type"},
	{"class", NULL, "class"},
	{"to", NULL, "to"},
	{"case", NULL, "case"},
	{"link", NULL, "link"},
	{"necessity", NULL, "necessity"},
	{"language", NULL, "language"},
	{"reply-language", NULL, "reply_language"},
	{"valid-until", NULL, "valid_until"},
	{"authority", "authority", "name"},
	{"unit", "authority", "unit"},
	{"country", "authority", "country"},
	{"offence", "offence", "code"},
	{"offence-text", "offence", "text"},
	{"custodian", "custodian", "name"},
	{"custodian-country", "custodian", "country"},
	{"law-requesting", "legal_basis", "requesting"},
	{"law-requested", "legal_basis", "requested"},
	{"followup", "followup", "kind"},
	{"followup-by", "followup", "by"},
	{"extends", "relation", "of"},
	{"subject", "confidentiality", "subject"},
	{"handling", "handling", "code"},
	{"marking", "handling", "marking"},
	{"grade", "handling", "grade"},
	{"purpose", "handling", "purpose"},
	{"basis", "handling", "basis"},
};

static int new_body(const struct args *a, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *o = NULL;
	const char *file = args_str(a, "json-file");
	uint64_t days = 0;
	int r = 0;

	if (file)
		r = read_json(file, &o, e);
	else if (!(o = json_object()))
		r = err_set(e, ERR_NOMEM, NULL, NULL);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(intos); i++) {
		const struct into *to = &intos[i];
		const char *value = args_str(a, to->option);

		r = to->parent ? put_in(o, to->parent, to->name, value, e)
			       : put(o, to->name, value, e);
	}
	if (r < 0 || (r = put_file(o, "facts", args_str(a, "facts"), e)) < 0 ||
	    (r = put_assets(o, args_str(a, "assets"), e)) < 0 ||
	    (r = args_u64(a, "term-days", 1, 3660, &days, e)) < 0)
		return r;
	if (days && json_object_set_new(o, "term_days", json_integer((json_int_t)days)) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	*ret = TAKE_PTR(o);
	return 0;
}

static int run_new(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *body = NULL;
	json_t *reply = NULL;
	int r = new_body(a, &body, e);

	if (r < 0 ||
	    (r = lug_api(l, "POST", args_flag(a, "draft") ? "/v1/requests?draft=1" : "/v1/requests",
			 body, &reply, e)) < 0)
		return r;
	return request_print_one(l, reply, e);
}

const struct verb verb_request_new = {
	.name = "request new",
	.args = "",
	.flags = VERB_NODE,
	.summary = "draft a request to another member and put it forward",
	.doc = "Fields come from options, or from a JSON file that options may override. FREEZE, and everything of class FLASH, then waits "
	       "for a second person (lug request approve); other requests are sent at once. An address with a wrong checksum is refused and "
	       "the likely one shown; an amount above the output's is refused.",
	.examples =
		"lug request new --type FREEZE --class FLASH --to fr.example --case 'PROC 2026/114' --authority 'Postal police' --country IT "
		"--offence ransomware --offence-text 'art. 629 c.p.' --facts facts.txt --link 'proceeds of the ransom' --necessity 'can be "
		"withdrawn within minutes' --assets trace.json\n"
		"# waits for approval; prints the content's hash\n"
		"lug request new --json-file request.json --draft\n"
		"# a draft, sent later with lug request send",
	.opts = new_opts,
	.run = run_new,
};

/* ---- list and show ---- */

static int run_list(struct lug *l, const struct args *a, struct err *e)
{
	static const char *const names[] = {"state", "class", "type", "peer", "direction", "after"};
	char path[400] = "/v1/requests?all=0";
	size_t at = strlen(path);
	uint64_t limit = 50;
	json_t *reply = NULL;
	int r = args_u64(a, "limit", 1, 500, &limit, e);

	if (args_flag(a, "all"))
		path[at - 1] = '1';
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = args_str(a, names[i]);

		if (v &&
		    (strspn(v,
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:_/-") !=
			     strlen(v) ||
		     strlen(v) > 64))
			return err_set(e, ERR_INVAL, names[i], "has characters that no %s has",
				       names[i]);
		if (v)
			at += (size_t)snprintf(path + at, sizeof(path) - at, "&%s=%s", names[i], v);
	}
	snprintf(path + at, sizeof(path) - at, "&limit=%llu", (unsigned long long)limit);
	const struct request_filter filter = {.state = args_str(a, "state"),
					      .class = args_str(a, "class"),
					      .type = args_str(a, "type"),
					      .direction = args_str(a, "direction")};
	if (r < 0 || (r = request_filter_check(&filter, e)) < 0 ||
	    (r = lug_api(l, "GET", path, NULL, &reply, e)) < 0)
		return r;
	if (l->json)
		return lug_print_json(reply, e);
	r = request_list_print(l, reply, e);
	json_decref(reply);
	return r;
}

const struct verb verb_request_list = {
	.name = "request list",
	.args = "",
	.flags = VERB_NODE,
	.summary = "list requests, the least remaining time first",
	.doc = "Shows what is open, incoming and outgoing. OVERDUE: a limit has passed; ESCALATED(n): the n-th person was rung; PAUSED: a "
	       "question waits for the requesting side; STEP-REFUSED: the other node refused a step made here.",
	.examples = "lug request list --direction in\n"
		    "# what others wait for\n"
		    "lug request list --state APPROVAL --json\n"
		    "# what waits for a second person, for programs",
	.opts = (const struct opt[]){{"state", "STATE", "only in this state", false, false},
				     {"class", "CLASS", "only of this class", false, false},
				     {"type", "TYPE", "only of this type", false, false},
				     {"peer", "NODE", "only with this node", false, false},
				     {"direction", "in|out", "only incoming or outgoing", false,
				      false},
				     {"after", "NEXT", "the page behind this one", false, false},
				     {"limit", "N", "rows of a page (default 50)", false, false},
				     {"all", NULL, "also what is over", false, false},
				     {0}},
	.run = run_list,
};

static int run_show(struct lug *l, const struct args *a, struct err *e)
{
	return request_call(l, args_pos(a, 0), NULL, NULL, e);
}

const struct verb verb_request_show = {
	.name = "request show",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "show one request: clocks, fields, time line with evidence",
	.doc = "The id may be cut to its first 8 characters or more. Times are UTC with the local time behind; amounts are exact. Each line of "
	       "the time line names the entry of the audit log that proves it.",
	.examples = "lug request show 019ab5a0-3c\n"
		    "# for people\n"
		    "lug request show 019ab5a0-3c --json\n"
		    "# everything, as the API gives it",
	.run = run_show,
};

/* ---- steps ---- */

#define TEXT_OPT                                                        \
	{                                                               \
		"text", "TEXT", "note for the other side", false, false \
	}
#define FILE_OPT                                                                              \
	{                                                                                     \
		"json-file", "FILE", "the step's fields as JSON; other options replace them", \
			false, false                                                          \
	}

/* Fields of a step: a JSON file, then the options that a verb may have. */
static int step_body(const struct args *a, bool with_file, json_t **ret, struct err *e)
{
	const char *file = with_file ? args_str(a, "json-file") : NULL;
	_cleanup_(json_decrefp) json_t *o = NULL;
	int r = file ? read_json(file, &o, e) : 0;

	if (r < 0)
		return r;
	if (!file && !(o = json_object()))
		return err_set(e, ERR_NOMEM, NULL, NULL);
	r = put(o, "text", args_str(a, "text"), e);
	if (r == 0)
		*ret = TAKE_PTR(o);
	return r;
}

static int run_step(struct lug *l, const struct args *a, const char *step, struct err *e)
{
	json_t *body = NULL;
	int r = step_body(a, true, &body, e);

	return r < 0 ? r : request_call(l, args_pos(a, 0), step, body, e);
}

static int run_approve(struct lug *l, const struct args *a, struct err *e)
{
	json_t *body = json_pack("{s:s}", "content_sha256", args_str(a, "hash"));

	return body ? request_call(l, args_pos(a, 0), "approve", body, e)
		    : err_set(e, ERR_INVAL, "hash", NULL);
}

const struct verb verb_request_approve = {
	.name = "request approve",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "agree to a request as the second person, and send it",
	.doc = "Read it first with lug request show, and give the hash of the content shown there: what is sent is exactly that. Proposer and "
	       "author cannot approve. A proposal is valid for 10 minutes and can be used once.",
	.examples = "lug request approve 019ab5a0-3c --hash 5f0c...\n"
		    "# as another officer than the one who proposed it",
	.opts =
		(const struct opt[]){
			{"hash", "SHA256", "hash of the content, as shown", true, false}, {0}},
	.run = run_approve,
};

static int run_reject(struct lug *l, const struct args *a, struct err *e)
{
	json_t *body = NULL;
	int r = step_body(a, false, &body, e);

	return r < 0 ? r : request_call(l, args_pos(a, 0), "reject", body, e);
}

const struct verb verb_request_reject = {
	.name = "request reject",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "decline a request as the second person; it is a draft again",
	.doc = "Needs a text for the proposer. Nothing is sent.",
	.examples =
		"lug request reject 019ab5a0-3c --text 'the amount is that of another output'\n# back to its author",
	.opts = (const struct opt[]){{"text", "TEXT", "why", true, false}, {0}},
	.run = run_reject,
};

static int run_send(struct lug *l, const struct args *a, struct err *e)
{
	return request_call(l, args_pos(a, 0), "send", json_object(), e);
}

const struct verb verb_request_send = {
	.name = "request send",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "put a draft forward",
	.doc = "To the second person where one is needed, else to the other member.",
	.examples =
		"lug request send 019ab5a0-3c\n# also after a proposal has lapsed or was rejected",
	.run = run_send,
};

static int run_discard(struct lug *l, const struct args *a, struct err *e)
{
	return request_call(l, args_pos(a, 0), "discard", json_object(), e);
}

const struct verb verb_request_discard = {
	.name = "request discard",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "throw away a request that was not sent",
	.doc = "What was sent is taken back with lug request withdraw instead.",
	.examples = "lug request discard 019ab5a0-3c\n# its events stay in the log",
	.run = run_discard,
};

static int run_ack(struct lug *l, const struct args *a, struct err *e)
{
	return run_step(l, a, "ack", e);
}

const struct verb verb_request_ack = {
	.name = "request ack",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "acknowledge an incoming request as a human",
	.doc = "Ends the clock of the acknowledgement; the requesting side gets a signed receipt that a human has seen it.",
	.examples = "lug request ack 019ab5a0-3c\n# the first thing to do",
	.opts = (const struct opt[]){TEXT_OPT, FILE_OPT, {0}},
	.run = run_ack,
};

static int run_accept(struct lug *l, const struct args *a, struct err *e)
{
	return run_step(l, a, args_flag(a, "partial") ? "partial" : "accept", e);
}

const struct verb verb_request_accept = {
	.name = "request accept",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "accept an incoming request, in full or in part",
	.doc = "With --partial the text says which part.",
	.examples =
		"lug request accept 019ab5a0-3c\n# in full\n"
		"lug request accept 019ab5a0-3c --partial --text 'the first account only'\n# in part",
	.opts = (const struct opt[]){TEXT_OPT,
				     FILE_OPT,
				     {"partial", NULL, "only in part, which the text states", false,
				      false},
				     {0}},
	.run = run_accept,
};

/* ---- answers ---- */

static const struct opt answer_opts[] = {
	TEXT_OPT,
	FILE_OPT,
	{"interim", NULL, "a first answer; more will follow", false, false},
	{"measure", "CODE",
	 "voluntary-hold, administrative-freeze, judicial-freeze, issuer-freeze, seizure, release or none",
	 false, false},
	{"held", "N=UNITS", "base units held of asset block N, from 0", false, true},
	{"reason", "TEXT", "why more is held than was requested", false, false},
	{"effective", "TIME", "since when, UTC (default: now)", false, false},
	{"expires", "TIME", "legal end of the measure, UTC", false, false},
	{"custodian", "NAME", "with whom", false, false},
	{"reference", "REF", "of the order, or of the custodian's case", false, false},
	{0},
};

static int put_held(json_t *outcome, const struct args *a, struct err *e)
{
	json_t *items = json_array();

	if (json_object_set_new(outcome, "items", items) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	for (int i = 0; args_nth(a, "held", i); i++) {
		const char *held = args_nth(a, "held", i), *equals = strchr(held, '=');
		uint64_t n;
		json_t *item;
		int r;

		if (!equals || dec_parse_u64(held, (size_t)(equals - held), 255, &n) < 0 ||
		    !dec_valid(equals + 1, 78))
			return err_set(e, ERR_INVAL, "held",
				       "%s must be a block's number, =, and base units", held);
		item = json_pack("{s:I, s:s}", "asset", (json_int_t)n, "held", equals + 1);
		if (!item || json_array_append_new(items, item) < 0)
			return err_set(e, ERR_NOMEM, NULL, NULL);
		if ((r = put(item, "reason", args_str(a, "reason"), e)) < 0)
			return r;
	}
	return 0;
}

static int put_outcome(json_t *o, const struct args *a, struct err *e)
{
	char now[TIME_TEXT_MAX];
	const char *measure = args_str(a, "measure"), *effective = args_str(a, "effective");
	json_t *outcome;
	int r;

	if (!measure)
		return args_nth(a, "held", 0)
			       ? err_set(e, ERR_INVAL, "measure", "must be given with --held")
			       : 0;
	outcome = json_object();
	if (json_object_set_new(o, "outcome", outcome) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (!effective && strcmp(measure, "none") != 0)
		effective = time_utc(time_now_ms() / 1000, now);
	if ((r = put(outcome, "measure", measure, e)) < 0 ||
	    (r = put(outcome, "effective_at", effective, e)) < 0 ||
	    (r = put(outcome, "legal_expiry", args_str(a, "expires"), e)) < 0 ||
	    (r = put(outcome, "reference", args_str(a, "reference"), e)) < 0 ||
	    (r = put_in(outcome, "custodian", "name", args_str(a, "custodian"), e)) < 0)
		return r;
	return put_held(outcome, a, e);
}

static int run_answer(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *body = NULL;
	int r = step_body(a, true, &body, e);

	if (r < 0 || (r = put_outcome(body, a, e)) < 0)
		return r;
	return request_call(l, args_pos(a, 0), args_flag(a, "interim") ? "interim" : "answer",
			    json_incref(body), e);
}

const struct verb verb_request_answer = {
	.name = "request answer",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "answer an accepted request, for FREEZE with what is held",
	.doc = "The answer to a FREEZE says, for each asset block, how many base units are held, by which measure and until when. More than was "
	       "requested needs a reason. Reminders ring on both sides at 50, 80 and 95 % of the term. An answer may be supplemented by another "
	       "one, for example when the hold is released or the asset seized.",
	.examples =
		"lug request answer 019ab5a0-3c --measure voluntary-hold --held 0=150000000 --expires 2026-11-25T12:00:00Z --text 'held in "
		"part: the rest had left'\n# a freeze\n"
		"lug request answer 019ab5a0-3c --interim --text 'the exchange was called, reply within the hour'\n# a first answer",
	.opts = answer_opts,
	.run = run_answer,
};

static int run_refuse(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *body = NULL;
	int r = step_body(a, true, &body, e);

	if (r < 0 || (r = put(body, "ground", args_str(a, "ground"), e)) < 0 ||
	    (r = put_in(body, "to", "name", args_str(a, "competent"), e)) < 0 ||
	    (r = put_in(body, "to", "country", args_str(a, "country"), e)) < 0)
		return r;
	return request_call(l, args_pos(a, 0), "refuse", json_incref(body), e);
}

const struct verb verb_request_refuse = {
	.name = "request refuse",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "refuse a request on one ground",
	.doc = "Grounds: not-held, not-competent (with --competent and --country), authorisation-missing, harm, disproportionate, "
	       "below-threshold, consent-missing, identity, unreadable, own-case.",
	.examples =
		"lug request refuse 019ab5a0-3c --ground not-competent --competent 'Prosecutor, Lyon' --country FR\n# with a pointer",
	.opts = (const struct opt[]){{"ground", "CODE", "the ground", true, false},
				     TEXT_OPT,
				     FILE_OPT,
				     {"competent", "NAME", "the authority that is competent", false,
				      false},
				     {"country", "CC", "its country", false, false},
				     {0}},
	.run = run_refuse,
};

static int run_transfer(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *body = NULL;
	int r = step_body(a, true, &body, e);

	if (r < 0 || (r = put_in(body, "to", "name", args_str(a, "authority"), e)) < 0 ||
	    (r = put_in(body, "to", "country", args_str(a, "country"), e)) < 0)
		return r;
	return request_call(l, args_pos(a, 0), "transfer", json_incref(body), e);
}

const struct verb verb_request_transfer = {
	.name = "request transfer",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "hand a request to another authority of this member",
	.doc = "The clocks go on. That authority then accepts, answers or refuses through this node.",
	.examples =
		"lug request transfer 019ab5a0-3c --authority 'Gendarmerie' --country FR\n# the requesting side is told",
	.opts = (const struct opt[]){{"authority", "NAME", "to whom", true, false},
				     {"country", "CC", "its country", true, false},
				     TEXT_OPT,
				     FILE_OPT,
				     {0}},
	.run = run_transfer,
};

static int run_clarify(struct lug *l, const struct args *a, struct err *e)
{
	return run_step(l, a, args_flag(a, "reply") ? "clarified" : "clarify", e);
}

const struct verb verb_request_clarify = {
	.name = "request clarify",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "ask the requesting side a question, or reply to one",
	.doc = "A question pauses the answer's clock once, for at most 24 hours, and never that of a FLASH. The requesting side replies with "
	       "--reply.",
	.examples =
		"lug request clarify 019ab5a0-3c --text 'which of the two outputs?'\n# the requested side\n"
		"lug request clarify 019ab5a0-3c --reply --text 'the second'\n# the requesting side",
	.opts = (const struct opt[]){{"text", "TEXT", "question or reply", true, false},
				     FILE_OPT,
				     {"reply", NULL, "reply to the open question", false, false},
				     {0}},
	.run = run_clarify,
};

static int run_withdraw(struct lug *l, const struct args *a, struct err *e)
{
	return run_step(l, a, "withdraw", e);
}

const struct verb verb_request_withdraw = {
	.name = "request withdraw",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "take back a request that was sent",
	.doc = "Possible until it is closed or refused; the other side is told why.",
	.examples =
		"lug request withdraw 019ab5a0-3c --text 'the victim was paid back'\n# the clocks end on both sides",
	.opts = (const struct opt[]){{"text", "TEXT", "why", true, false}, FILE_OPT, {0}},
	.run = run_withdraw,
};

static int run_close(struct lug *l, const struct args *a, struct err *e)
{
	return run_step(l, a, "close", e);
}

const struct verb verb_request_close = {
	.name = "request close",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "close an answered or refused request",
	.doc = "The last step of the requesting side.",
	.examples = "lug request close 019ab5a0-3c\n# done",
	.opts = (const struct opt[]){TEXT_OPT, FILE_OPT, {0}},
	.run = run_close,
};
