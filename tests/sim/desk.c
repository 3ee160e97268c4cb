/* SPDX-License-Identifier: Apache-2.0
 * Desks: officers who draft requests and make any step that their node offers, while everything fails around them. Once all is
 * healed they bring each request to its end. */
#include "base/json.h"
#include "base/time.h"
#include "exchange/request.h"
#include "sim.h"
#include <string.h>

#define BTC "bip122:000000000019d6689c085ae165831e93"

static struct actor officer_of(struct sim *s, size_t i, bool second)
{
	return (struct actor){second ? "second" : "first",
			      second ? ACTOR_APPROVER : ACTOR_OFFICER | ACTOR_DUTY,
			      s->net.node[i].name};
}

int desk_open(struct sim *s, size_t i)
{
	struct node *node = &s->net.node[i];
	int r = store_migrate(node->store, request_schema(), 1, NULL);
	return r < 0 ? r : requests_open(node->x, NULL, &s->desks[i], NULL);
}

void desk_close(struct sim *s, size_t i)
{
	s->desks[i] = requests_close(s->desks[i]);
}

/* ---- new requests ---- */

static const char *text_at(const json_t *j, const char *key)
{
	const char *v = json_string_value(json_object_get(j, key));
	return v ? v : "";
}

static json_t *request_in(const char *type, const char *class, const char *to)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}, s:s, s:s, s:s, s:[{s:s, s:s, s:s, s:i, s:s}]}",
		"type", type, "class", class, "to", to, "case", "PROC 2026/114", "authority",
		"name", "Postal police", "country", "IT", "offence", "code", "ransomware", "text",
		"estorsione", "facts", "i fatti", "link", "proceeds", "necessity", "it moves",
		"assets", "chain", BTC, "asset", BTC "/slip44:0", "txid",
		"f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16", "output", 1,
		"amount", "4000000000");
}

void desk_draft(struct sim *s)
{
	static const enum request_type types[] = {TYPE_FREEZE, TYPE_FREEZE, TYPE_TRACE,
						  TYPE_INFO,   TYPE_INFO,   TYPE_SPONTANEOUS};
	size_t from = (size_t)prng_below(&s->rng, SIM_NODES),
	       to = (from + 1 + (size_t)prng_below(&s->rng, 2)) % SIM_NODES;
	enum request_type type = types[prng_below(&s->rng, ARRAY_LEN(types))];
	enum request_class class = (enum request_class)prng_below(&s->rng, CLASS_N);
	struct actor a = officer_of(s, from, false);
	_cleanup_(json_decrefp) json_t *in = request_in(
		request_type_row(type)->text, request_class_row(class)->text, s->net.node[to].name);
	_cleanup_(json_decrefp) json_t *out = NULL;
	char until[TIME_TEXT_MAX];
	bool hasty = prng_chance(&s->rng, 1, 3);
	if (hasty)
		json_object_set_new(in, "valid_until",
				    json_string(time_utc(s->net.now_ms / 1000 + 20 +
								 (int64_t)prng_below(&s->rng, 300),
							 until)));
	if (!s->desks[from] || s->requests_n == SIM_REQUESTS_MAX ||
	    request_draft(s->desks[from], &a, in, &out, NULL) < 0)
		return;
	struct sim_request *q = &s->requests[s->requests_n++];
	*q = (struct sim_request){.from = from, .to = to, .hasty = hasty};
	snprintf(q->id, sizeof(q->id), "%s", json_string_value(json_object_get(out, "id")));
}

/* In one world of four people also ask for more time, or for deletion, of what they had sent. */
size_t desk_about(struct sim *s)
{
	const struct sim_request *of =
		s->requests_n ? &s->requests[prng_below(&s->rng, s->requests_n)] : NULL;
	struct actor a = officer_of(s, of ? of->from : 0, false);
	bool more = prng_chance(&s->rng, 1, 2);
	_cleanup_(json_decrefp) json_t *in = NULL;
	_cleanup_(json_decrefp) json_t *out = NULL;
	if (!of || !s->desks[of->from] || s->requests_n == SIM_REQUESTS_MAX)
		return of ? of->from : 0;
	in = json_pack("{s:s, s:{s:s}}", "type", more ? "EXTEND" : "WITHDRAW", "relation", "of",
		       of->id);
	if (more)
		json_object_set_new(in, "term_days", json_integer(2));
	if (request_draft(s->desks[of->from], &a, in, &out, NULL) < 0)
		return of->from;
	struct sim_request *q = &s->requests[s->requests_n++];
	*q = (struct sim_request){.from = of->from, .to = of->to, .about = true};
	snprintf(q->id, sizeof(q->id), "%s", text_at(out, "id"));
	return of->from;
}

/* ---- steps ---- */

static json_t *show(struct sim *s, size_t node, const char *id, bool second)
{
	struct actor a = officer_of(s, node, second);
	json_t *out = NULL;
	if (!s->desks[node] || request_show(s->desks[node], &a, id, &out, NULL) < 0)
		return NULL;
	return out;
}

static json_t *outcome(const struct sim *s)
{
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
	int64_t now_s = s->net.now_ms / 1000;
	return json_pack("{s:s, s:s, s:s, s:[{s:i, s:s}]}", "measure", "voluntary-hold",
			 "effective_at", time_utc(now_s, from), "legal_expiry",
			 time_utc(now_s + 864000, to), "items", "asset", 0, "held", "1500000000");
}

/* The fields that the table says an event needs; which question a reply means is the node's own default. */
static json_t *fields_of(struct sim *s, const json_t *j, enum request_event event)
{
	unsigned needs = request_event_row(event)->needs;
	json_t *in = json_pack("{s:s}", "text", "words");
	enum request_type type;
	if (needs & NEEDS_ANSWER && request_type_parse(text_at(j, "type"), &type) == 0 &&
	    request_type_row(type)->flags & TYPE_OUTCOME)
		json_object_set_new(in, "outcome", outcome(s));
	if (needs & NEEDS_GROUND)
		json_object_set_new(in, "ground",
				    json_string(request_ground_row((enum request_ground)prng_below(
									   &s->rng, GROUND_N))
							->text));
	if (needs & (NEEDS_GROUND | NEEDS_TO))
		json_object_set_new(in, "to",
				    json_pack("{s:s, s:s}", "name", "A court", "country", "FR"));
	return in;
}

/* Whoever has both roles must still not approve what they put forward. */
static void approve_alone(struct sim *s, size_t node, const json_t *j)
{
	struct actor both = officer_of(s, node, false);
	_cleanup_(json_decrefp) json_t *out = NULL;
	both.roles |= ACTOR_APPROVER;
	int r = request_approve(s->desks[node], &both, text_at(j, "id"),
				text_at(j, "content_sha256"), &out, NULL);
	cover_code(s, r);
	if (r >= 0)
		sim_wrong(s, "%s: one person sent a request that needs two",
			  s->net.node[node].name);
}

static void make_step(struct sim *s, size_t node, const json_t *j, enum request_event event)
{
	struct requests *desk = s->desks[node];
	struct actor first = officer_of(s, node, false), second = officer_of(s, node, true);
	const char *id = text_at(j, "id");
	_cleanup_(json_decrefp) json_t *in = fields_of(s, j, event);
	_cleanup_(json_decrefp) json_t *out = NULL;
	int r;
	if (event == EVENT_APPROVE && s->chaos && prng_chance(&s->rng, 1, 4))
		approve_alone(s, node, j);
	if (event == EVENT_SUBMIT || event == EVENT_SEND)
		r = request_submit(desk, &first, id, &out, NULL);
	else if (event == EVENT_APPROVE)
		r = request_approve(desk, &second, id, text_at(j, "content_sha256"), &out, NULL);
	else if (event == EVENT_REJECT)
		r = request_reject(desk, &second, id, "no", &out, NULL);
	else if (event == EVENT_DISCARD)
		r = request_discard(desk, &first, id, &out, NULL);
	else
		r = request_act(desk, &first, id, event, in, &out, NULL);
	s->steps += r == 0;
	cover_code(s, r);
}

/* What brings a request to its end, by the state and whose turn it is. */
static const struct {
	enum request_state state;
	enum request_event event;
} ends[] = {
	{STATE_DRAFT, EVENT_SUBMIT},	     {STATE_DRAFT, EVENT_SEND},
	{STATE_DRAFT, EVENT_DISCARD},	     {STATE_APPROVAL, EVENT_APPROVE},
	{STATE_APPROVAL, EVENT_DISCARD},     {STATE_DELIVERED, EVENT_ACK},
	{STATE_ACKNOWLEDGED, EVENT_ACCEPT},  {STATE_ACKNOWLEDGED, EVENT_CLOSE},
	{STATE_ACCEPTED, EVENT_ANSWER},	     {STATE_PARTIAL, EVENT_ANSWER},
	{STATE_TRANSFERRED, EVENT_ANSWER},   {STATE_INTERIM, EVENT_ANSWER},
	{STATE_CLARIFICATION, EVENT_ACCEPT}, {STATE_ANSWERED, EVENT_CLOSE},
	{STATE_REFUSED, EVENT_CLOSE},	     {STATE_UNDELIVERABLE, EVENT_WITHDRAW},
};

static bool leads_to_end(const char *state, enum request_event event)
{
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (ends[i].event == event &&
		    strcmp(request_state_row(ends[i].state)->text, state) == 0)
			return true;
	return false;
}

/* An end is chosen only now and then while there is chaos, or no request lives long enough for steps to cross. */
static bool likely(struct sim *s, const struct sim_request *q, const char *state,
		   enum request_event event)
{
	if (!s->chaos) /* what an earlier one no longer allows can only be refused */
		return leads_to_end(state, event) || (q->about && event == EVENT_REFUSE);
	return (event != EVENT_WITHDRAW && event != EVENT_DISCARD && event != EVENT_REJECT &&
		event != EVENT_REFUSE && event != EVENT_CLOSE) ||
	       prng_chance(&s->rng, 1, 8);
}

static bool over(const json_t *j)
{
	enum request_state state;
	return j && request_state_parse(text_at(j, "state"), &state) == 0 &&
	       request_state_row(state)->flags & STATE_FINAL;
}

/* One officer, one request, one of the steps that the node says are possible. */
static void work_on(struct sim *s, size_t node, struct sim_request *q, bool second)
{
	_cleanup_(json_decrefp) json_t *j = show(s, node, q->id, second);
	const json_t *may = json_object_get(j, "may");
	size_t n = json_array_size(may), at = n ? (size_t)prng_below(&s->rng, n) : 0;
	bool set_back = s->past.done && s->past.node == node; /* what ended there may come back */
	if (over(j) && !set_back &&
	    strcmp(text_at(j, "state"), "EXPIRED") != 0) /* which an answer may still end */
		q->over |= 1u << node;
	for (size_t i = 0; i < n; i++) {
		enum request_event event;
		const char *name = json_string_value(json_array_get(may, (at + i) % n));
		if (request_event_parse(name, &event) == 0 &&
		    likely(s, q, text_at(j, "state"), event)) {
			make_step(s, node, j, event);
			return;
		}
		if (s->chaos)
			return;
	}
}

/* One node's officers look at every request that they may know. */
void desk_work(struct sim *s, size_t node)
{
	for (size_t i = 0; i < s->requests_n && s->desks[node]; i++) {
		struct sim_request *q = &s->requests[i];
		if ((q->from != node && q->to != node) || q->over & 1u << node)
			continue;
		work_on(s, node, q, false);
		if (q->from == node && s->desks[node])
			work_on(s, node, q, true);
	}
}

/* ---- the end ---- */

static bool settled_at(struct sim *s, const struct sim_request *q, size_t node)
{
	if (q->over & 1u << node)
		return true;
	_cleanup_(json_decrefp) json_t *j = show(s, node, q->id, false);
	return over(j) || (!j && node == q->to); /* it may never hear of it */
}

static bool step_refused(const json_t *j)
{
	size_t i;
	json_t *flag;
	json_array_foreach (json_object_get(j, "flags"), i, flag)
		if (strcmp(json_string_value(flag), "STEP-REFUSED") == 0)
			return true;
	return false;
}

/* What a node that was set back to a copy cannot make good: a request that nobody else had seen, or that does not come back since
 * its key was stolen; and a step that a person made there before the node knew what it had lost, which both sides are told. */
static bool excused(struct sim *s, const struct sim_request *q)
{
	if (!s->past.done || (q->from != s->past.node && q->to != s->past.node))
		return false;
	_cleanup_(json_decrefp) json_t *here = show(s, q->from, q->id, false);
	_cleanup_(json_decrefp) json_t *there = show(s, q->to, q->id, false);
	bool stolen = s->thief.active && s->thief.victim == s->past.node;
	return step_refused(here) || step_refused(there) ||
	       (q->from == s->past.node && !here && (!there || stolen));
}

/* Not asked of worlds in which bytes were changed on the way: see desk_check(). */
bool desk_settled(struct sim *s)
{
	for (size_t i = 0; i < s->requests_n && !s->tampered; i++)
		if (!excused(s, &s->requests[i]) &&
		    (!settled_at(s, &s->requests[i], s->requests[i].from) ||
		     !settled_at(s, &s->requests[i], s->requests[i].to)))
			return false;
	return true;
}

static void differs(struct sim *s, const struct sim_request *q, const json_t *here,
		    const json_t *there)
{
	sim_wrong(s, "request %s is %s at %s and %s at %s", q->id,
		  here ? text_at(here, "state") : "gone", s->net.node[q->from].name,
		  there ? text_at(there, "state") : "unknown", s->net.node[q->to].name);
}

void desk_blame(struct sim *s)
{
	for (size_t i = 0; i < s->requests_n; i++) {
		const struct sim_request *q = &s->requests[i];
		_cleanup_(json_decrefp) json_t *here = show(s, q->from, q->id, false);
		_cleanup_(json_decrefp) json_t *there = show(s, q->to, q->id, false);
		if (!settled_at(s, q, q->from) || !settled_at(s, q, q->to))
			differs(s, q, here, there);
	}
}

/* What one side knows of a request: its clocks and its steps, a line each. */
static void print_side(struct sim *s, const struct sim_request *q, size_t node)
{
	_cleanup_(json_decrefp) json_t *j = show(s, node, q->id, false);
	size_t i;
	json_t *v;
	fprintf(stderr, "%s at %s: %s %s %s, sent %s, delivered %s\n", q->id,
		s->net.node[node].name, j ? text_at(j, "type") : "unknown", text_at(j, "class"),
		text_at(j, "state"), text_at(j, "sent_at"), text_at(j, "delivered_at"));
	json_array_foreach (json_object_get(j, "clocks"), i, v)
		fprintf(stderr, "  clock %s %s: from %s to %s, done %s\n", text_at(v, "clock"),
			text_at(v, "state"), text_at(v, "started_at"), text_at(v, "due_at"),
			text_at(v, "done_at"));
	json_array_foreach (json_object_get(j, "events"), i, v)
		fprintf(stderr, "  %s %s at %s, here %s: %s to %s%s%s%s%s\n",
			json_is_true(json_object_get(v, "arrived")) ? "theirs" : "own",
			text_at(v, "event"), text_at(v, "at"), text_at(v, "recorded_at"),
			text_at(v, "from"), text_at(v, "to"), *text_at(v, "delivery") ? ", " : "",
			text_at(v, "delivery"), *text_at(v, "message") ? " in " : "",
			text_at(v, "message"));
}

void desk_print(struct sim *s)
{
	for (size_t i = 0; i < s->requests_n; i++) {
		print_side(s, &s->requests[i], s->requests[i].from);
		print_side(s, &s->requests[i], s->requests[i].to);
	}
}

static const json_t *clock_of(const json_t *j, const char *kind)
{
	const json_t *clocks = json_object_get(j, "clocks");
	for (size_t i = 0; i < json_array_size(clocks); i++)
		if (strcmp(text_at(json_array_get(clocks, i), "clock"), kind) == 0)
			return json_array_get(clocks, i);
	return NULL;
}

/* The clocks that run on both sides end at the same time, whatever crossed. */
static void check_clocks(struct sim *s, const struct sim_request *q, const json_t *here,
			 const json_t *there)
{
	static const char *const kinds[] = {"ack", "answer", "term"};
	if (s->past.done && q->to == s->past.node && s->thief.active &&
	    s->thief.victim == s->past.node)
		return; /* the receipts of its former life are under a key that counts no more */
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const json_t *a = clock_of(here, kinds[i]), *b = clock_of(there, kinds[i]);
		if (a && b && strcmp(text_at(a, "due_at"), text_at(b, "due_at")) != 0)
			sim_wrong(s, "request %s: the clock %s ends at %s here and %s there", q->id,
				  kinds[i], text_at(a, "due_at"), text_at(b, "due_at"));
	}
}

/* Both nodes have the same state of each request; none got lost. The receiver knows nothing of what was never sent, or
 * not delivered in time. Where bytes were changed on the way, a step may have been refused for good: its sender was told,
 * and the request waits for people. */
void desk_check(struct sim *s)
{
	for (size_t i = 0; i < s->requests_n && !s->tampered; i++) {
		const struct sim_request *q = &s->requests[i];
		if (excused(s, q))
			continue;
		_cleanup_(json_decrefp) json_t *here = show(s, q->from, q->id, false);
		_cleanup_(json_decrefp) json_t *there = show(s, q->to, q->id, false);
		const char *state = here ? text_at(here, "state") : "gone";
		bool unsent = here &&
			      (s->leapt_ms || q->hasty || q->about ||
			       !json_object_get(here, "sent_at")) &&
			      strcmp(state, "WITHDRAWN") == 0;
		if (!there && unsent)
			continue;
		if (!there || strcmp(state, text_at(there, "state")) != 0)
			differs(s, q, here, there);
		else
			check_clocks(s, q, here, there);
		s->answered++;
	}
}
