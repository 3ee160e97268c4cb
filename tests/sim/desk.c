/* SPDX-License-Identifier: Apache-2.0
 * Desks: officers who draft, approve, acknowledge and answer requests while everything fails around them. */
#include "base/json.h"
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
	static const char *const types[][2] = {
		{"FREEZE", "FLASH"}, {"TRACE", "PRIORITY"}, {"INFO", "ROUTINE"}};
	size_t from = (size_t)prng_below(&s->rng, SIM_NODES),
	       to = (from + 1 + (size_t)prng_below(&s->rng, 2)) % SIM_NODES;
	size_t type = (size_t)prng_below(&s->rng, 3);
	struct actor a = officer_of(s, from, false);
	_cleanup_(json_decrefp) json_t *in =
		request_in(types[type][0], types[type][1], s->net.node[to].name);
	_cleanup_(json_decrefp) json_t *out = NULL;
	_cleanup_(json_decrefp) json_t *sent = NULL;
	struct err e = {0};
	if (!s->desks[from] || s->requests_n == SIM_REQUESTS_MAX)
		return;
	int r = request_draft(s->desks[from], &a, in, &out, &e);
	if (r < 0 && s->chaos == false)
		sim_wrong(s, "%s: no draft: %s", s->net.node[from].name, e.message);
	if (r < 0)
		return;
	struct sim_request *q = &s->requests[s->requests_n++];
	*q = (struct sim_request){from, to, ""};
	snprintf(q->id, sizeof(q->id), "%s", json_string_value(json_object_get(out, "id")));
	(void)!request_submit(s->desks[from], &a, q->id, &sent, NULL);
}

static const char *text_at(const json_t *j, const char *key)
{
	const char *v = json_string_value(json_object_get(j, key));
	return v ? v : "";
}

static json_t *show(struct sim *s, size_t node, const char *id)
{
	struct actor a = officer_of(s, node, false);
	json_t *out = NULL;
	if (!s->desks[node] || request_show(s->desks[node], &a, id, &out, NULL) < 0)
		return NULL;
	return out;
}

static void make_step(struct sim *s, size_t node, const char *id, enum request_event ev,
		      const char *ground)
{
	struct actor a = officer_of(s, node, false);
	_cleanup_(json_decrefp) json_t *out = NULL;
	_cleanup_(json_decrefp) json_t *in = json_pack("{s:s}", "text", "seen");
	if (ground)
		json_object_set_new(in, "ground", json_string(ground));
	(void)!request_act(s->desks[node], &a, id, ev,
			   ev == EVENT_ACK || ev == EVENT_ACCEPT ? NULL : in, &out, NULL);
}

/* The receiving officer goes one step further: freezes are refused, the rest is answered. */
static void work_in(struct sim *s, const struct sim_request *q, const json_t *j)
{
	const char *state = text_at(j, "state");
	if (strcmp(state, "DELIVERED") == 0)
		make_step(s, q->to, q->id, EVENT_ACK, NULL);
	else if (strcmp(state, "ACKNOWLEDGED") == 0 && strcmp(text_at(j, "type"), "FREEZE") == 0)
		make_step(s, q->to, q->id, EVENT_REFUSE, "not-held");
	else if (strcmp(state, "ACKNOWLEDGED") == 0)
		make_step(s, q->to, q->id, EVENT_ACCEPT, NULL);
	else if (strcmp(state, "ACCEPTED") == 0)
		make_step(s, q->to, q->id, EVENT_ANSWER, NULL);
}

static void work_out(struct sim *s, const struct sim_request *q, const json_t *j)
{
	struct actor second = officer_of(s, q->from, true), first = officer_of(s, q->from, false);
	_cleanup_(json_decrefp) json_t *out = NULL;
	const char *state = text_at(j, "state");
	if (strcmp(state, "APPROVAL") == 0)
		(void)!request_approve(s->desks[q->from], &second, q->id,
				       text_at(j, "content_sha256"), &out, NULL);
	else if (strcmp(state, "DRAFT") == 0)
		(void)!request_submit(s->desks[q->from], &first, q->id, &out, NULL);
}

/* One node's officers look at every request that they may know. */
void desk_work(struct sim *s, size_t node)
{
	for (size_t i = 0; i < s->requests_n && s->desks[node]; i++) {
		const struct sim_request *q = &s->requests[i];
		if (q->from != node && q->to != node)
			continue;
		_cleanup_(json_decrefp) json_t *j = show(s, node, q->id);
		if (j && q->to == node)
			work_in(s, q, j);
		else if (j)
			work_out(s, q, j);
	}
}

static bool over(const char *state)
{
	return strcmp(state, "ANSWERED") == 0 || strcmp(state, "REFUSED") == 0 ||
	       strcmp(state, "UNDELIVERABLE") == 0;
}

/* Not asked of worlds in which bytes were changed on the way: see desk_check(). */
bool desk_settled(struct sim *s)
{
	for (size_t i = 0; i < s->requests_n && !s->tampered; i++) {
		_cleanup_(json_decrefp) json_t *j = show(s, s->requests[i].from, s->requests[i].id);
		if (!j || !over(text_at(j, "state")))
			return false;
	}
	return true;
}

/* Both nodes have the same state of each request; none got lost. Where bytes were changed on the way, a step may have been refused
 * for good: its sender was told, and the request waits for people. */
void desk_check(struct sim *s)
{
	for (size_t i = 0; i < s->requests_n; i++) {
		const struct sim_request *q = &s->requests[i];
		_cleanup_(json_decrefp) json_t *here = show(s, q->from, q->id);
		_cleanup_(json_decrefp) json_t *there = show(s, q->to, q->id);
		const char *state = here ? text_at(here, "state") : "gone";
		if (s->tampered)
			continue;
		if (!there || strcmp(state, text_at(there, "state")) != 0 || !over(state) ||
		    strcmp(state, "UNDELIVERABLE") == 0)
			sim_wrong(s, "request %s is %s at %s and %s at %s", q->id, state,
				  s->net.node[q->from].name,
				  there ? text_at(there, "state") : "unknown",
				  s->net.node[q->to].name);
		else
			s->answered++;
	}
}
