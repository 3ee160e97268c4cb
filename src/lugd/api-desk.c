/* SPDX-License-Identifier: Apache-2.0
 * The desk: what needs somebody now, with its clock. Requests come by remaining time; which of them wait for this side, and for what,
 * follows from direction and state. */
#include "base/cleanup.h"
#include "base/time.h"
#include "exchange/request.h"
#include "lugd/lugd-int.h"
#include "lugd/rights.h"
#include "watch/watch.h"

enum { DESK_ROWS = 100, DESK_ALERTS = 5, RED_S = 15 * 60 /* less than this left is red */ };

/* Whose turn it is: in a state, on a side, the act that is waited for. What is not here waits for the other side. */
static const struct {
	const char *direction, *state, *act;
} turns[] = {
	{"in", "DELIVERED", "ack"},	   {"in", "ACKNOWLEDGED", "decide"},
	{"in", "ACCEPTED", "answer"},	   {"in", "PARTIAL", "answer"},
	{"in", "TRANSFERRED", "answer"},   {"in", "INTERIM", "answer"},
	{"out", "DRAFT", "send"},	   {"out", "APPROVAL", "approve"},
	{"out", "CLARIFICATION", "reply"}, {"out", "ANSWERED", "close"},
	{"out", "REFUSED", "close"},	   {"out", "UNDELIVERABLE", "call"},
};

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static const char *turn_of(const json_t *request)
{
	for (size_t i = 0; i < ARRAY_LEN(turns); i++)
		if (!strcmp(turns[i].direction, str(request, "direction")) &&
		    !strcmp(turns[i].state, str(request, "state")))
			return turns[i].act;
	return NULL;
}

/* Time is running out, or value can move while a FLASH is not answered. */
static bool is_red(const json_t *request)
{
	const json_t *left = json_object_get(request, "remaining_s");
	const char *state = str(request, "state");
	bool open = strcmp(state, "ANSWERED") != 0 && strcmp(state, "REFUSED") != 0;
	return open && ((left && json_integer_value(left) < RED_S) ||
			!strcmp(str(request, "class"), "FLASH"));
}

static int list_requests(struct api_call *c, json_t **ret, struct err *e)
{
	const struct actor a = lugd_actor(c);
	*ret = NULL;
	if (!(c->who.roles & API_CASEWORK))
		return 0;
	return request_list(lugd_requests(lugd_of(c)), &a,
			    &(const struct request_filter){
				    .limit = DESK_ROWS, .may = rights_list, .may_ctx = c},
			    ret, e);
}

/* Sorts the rows of one list into what waits for us and what waits for others. */
static int sort_out(json_t *requests, json_t *now, json_t *incoming, json_t *outgoing)
{
	size_t i;
	json_t *r;
	int failed = 0;
	json_array_foreach (requests, i, r) {
		const char *act = turn_of(r);
		json_t *to = act ? now : !strcmp(str(r, "direction"), "in") ? incoming : outgoing;
		failed |= json_object_set_new(r, "red", json_boolean(is_red(r)));
		if (act)
			failed |= json_object_set_new(r, "turn", json_string(act));
		failed |= json_array_append(to, r);
	}
	return failed ? -ERR_NOMEM : 0;
}

/* What the watch found and nobody has seen yet; a watch that cannot be read must not keep requests from the desk. */
static int list_alerts(struct api_call *c, json_t **ret, struct err *e)
{
	const struct watch_query q = {.open = true, .newest_first = true, .max = DESK_ALERTS};
	struct err why = {0};
	*ret = NULL;
	if (!lugd_of(c)->conf.ledger.text[0] || !(c->who.roles & API_CASEWORK)) {
		*ret = json_null();
	} else if (watching_alerts(c, &q, ret, &why) < 0) {
		*ret = json_pack("{s:[], s:s}", "alerts", "wrong", why.message);
	}
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

int api_desk(struct api_call *c, struct err *e)
{
	char now_text[TIME_TEXT_MAX];
	json_t *page = NULL;
	_cleanup_(json_decrefp) json_t *now = json_array();
	_cleanup_(json_decrefp) json_t *incoming = json_array();
	_cleanup_(json_decrefp) json_t *outgoing = json_array();
	int r = list_requests(c, &page, e);
	if (r < 0)
		return r;
	_cleanup_(json_decrefp) json_t *requests = page;
	if (sort_out(json_object_get(requests, "requests"), now, incoming, outgoing) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	_cleanup_(json_decrefp) json_t *answering = NULL; /* who answers at the other members */
	r = duty_members(lugd_of(c)->duty, &answering, e);
	if (r < 0)
		return r;
	_cleanup_(json_decrefp) json_t *found = NULL; /* by the watch on the ledger */
	r = list_alerts(c, &found, e);
	if (r < 0)
		return r;
	return api_reply(c,
			 json_pack("{s:O, s:O, s:O, s:O, s:O, s:b, s:s}", "found", found, "now",
				   now, "incoming", incoming, "outgoing", outgoing, "members",
				   json_object_get(answering, "members"), "more",
				   json_object_get(requests, "next") != NULL, "time",
				   time_utc(time_now_ms() / 1000, now_text)),
			 e);
}
