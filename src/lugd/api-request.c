/* SPDX-License-Identifier: Apache-2.0
 * Routes of requests: JSON in and out, nothing decided here. Rights, rows and rules are in exchange/request.h. */
#include "base/text.h"
#include "exchange/request-erase.h"
#include "exchange/request.h"
#include "lugd/lugd.h"
#include "lugd/rights.h"

/* r comes from a statement of its own: the call that fills j must have returned before j is read. */
static int reply(struct api_call *c, int r, STEALS json_t *j, struct err *e)
{
	return r < 0 ? r : api_reply(c, j, e);
}

/* Members of a body that has only these, all of them text. */
static int body_text(const struct api_call *c, const char *name, size_t max, const char **ret,
		     struct err *e)
{
	const char *const names[] = {name, NULL};
	int r = c->in ? json_only(c->in, names, e) : 0;

	return r < 0 || !c->in ? r : json_opt_str(c->in, name, 1, max, ret, e);
}

/* A draft that cannot be put forward stays a draft: the error says under which id. */
static int submit_fresh(struct api_call *c, const char *id, json_t **ret, struct err *e)
{
	const struct actor a = lugd_actor(c);
	struct err why = {0};
	json_t *out = NULL;
	int r = request_submit(lugd_requests(lugd_of(c)), &a, id, &out, &why);

	if (r < 0)
		return err_set(e, r, why.field, "Kept as draft %s: %s", id, why.message);
	json_decref(*ret);
	*ret = out;
	return 0;
}

int api_requests_new(struct api_call *c, struct err *e)
{
	const struct actor a = lugd_actor(c);
	_cleanup_(json_decrefp) json_t *out = NULL;
	uint64_t draft = 0;
	char id[REQUEST_ID_LEN + 1];
	int r = api_query_u64(c, "draft", 1, &draft, e);

	if (r < 0 || (r = request_draft(lugd_requests(lugd_of(c)), &a, c->in, &out, e)) < 0)
		return r;
	snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(out, "id")));
	if (!draft && (r = submit_fresh(c, id, &out, e)) < 0)
		return r;
	return api_reply(c, TAKE_PTR(out), e);
}

int api_requests_list(struct api_call *c, struct err *e)
{
	const struct actor a = lugd_actor(c);
	uint64_t all = 0, limit = 0;
	json_t *out = NULL;
	int r = api_query_u64(c, "all", 1, &all, e);

	if (r < 0 || (r = api_query_u64(c, "limit", REQUEST_PAGE_MAX, &limit, e)) < 0)
		return r;
	r = request_list(lugd_requests(lugd_of(c)), &a,
			 &(const struct request_filter){
				 .state = api_query(c, "state"),
				 .class = api_query(c, "class"),
				 .type = api_query(c, "type"),
				 .peer = api_query(c, "peer"),
				 .direction = api_query(c, "direction"),
				 .after = api_query(c, "after"),
				 .all = all,
				 .limit = (unsigned)limit,
				 .may = rights_list,
				 .may_ctx = c,
			 },
			 &out, e);
	return reply(c, r, out, e);
}

int api_requests_show(struct api_call *c, struct err *e)
{
	const struct actor a = lugd_actor(c);
	json_t *out = NULL;
	int r = request_show(lugd_requests(lugd_of(c)), &a, api_param(c, 0), &out, e);

	return reply(c, r, out, e);
}

int api_requests_send(struct api_call *c, struct err *e)
{
	const struct actor a = lugd_actor(c);
	json_t *out = NULL;
	int r = request_submit(lugd_requests(lugd_of(c)), &a, api_param(c, 0), &out, e);

	return reply(c, r, out, e);
}

int api_requests_discard(struct api_call *c, struct err *e)
{
	const struct actor a = lugd_actor(c);
	json_t *out = NULL;
	int r = request_discard(lugd_requests(lugd_of(c)), &a, api_param(c, 0), &out, e);

	return reply(c, r, out, e);
}

int api_requests_approve(struct api_call *c, struct err *e)
{
	const struct actor a = lugd_actor(c);
	const char *hash = NULL;
	json_t *out = NULL;
	int r = body_text(c, "content_sha256", 64, &hash, e);

	if (r < 0)
		return r;
	if (!hash)
		return err_set(e, ERR_FIELD_MISSING, "content_sha256",
			       "the hash of what was read must be given");
	r = request_approve(lugd_requests(lugd_of(c)), &a, api_param(c, 0), hash, &out, e);
	return reply(c, r, out, e);
}

int api_requests_reject(struct api_call *c, struct err *e)
{
	const struct actor a = lugd_actor(c);
	const char *text = NULL;
	json_t *out = NULL;
	int r = body_text(c, "text", 4096, &text, e);

	if (r < 0)
		return r;
	if (!text)
		return err_set(e, ERR_FIELD_MISSING, "text", "a reason for the proposer is needed");
	if (!utf8_clean(text, strlen(text)))
		return err_set(e, ERR_FORMAT, "text", "must be one clean line");
	r = request_reject(lugd_requests(lugd_of(c)), &a, api_param(c, 0), text, &out, e);
	return reply(c, r, out, e);
}

static int hold_step(struct api_call *c, bool hold, struct err *e)
{
	const struct actor a = lugd_actor(c);
	const char *reason = NULL;
	json_t *out = NULL;
	int r = body_text(c, "reason", REQUEST_HOLD_REASON_MAX, &reason, e);

	if (r < 0)
		return r;
	r = (hold ? request_hold : request_release)(lugd_requests(lugd_of(c)), &a, api_param(c, 0),
						    reason, &out, e);
	return reply(c, r, out, e);
}

int api_requests_hold(struct api_call *c, struct err *e)
{
	return hold_step(c, true, e);
}

int api_requests_release(struct api_call *c, struct err *e)
{
	return hold_step(c, false, e);
}

static int make_step(struct api_call *c, enum request_event event, struct err *e)
{
	const struct actor a = lugd_actor(c);
	json_t *out = NULL;
	int r = request_act(lugd_requests(lugd_of(c)), &a, api_param(c, 0), event, c->in, &out, e);

	return reply(c, r, out, e);
}

/* One handler a step, so that each is a route of its own with its own line in the description. */
#define STEP(name, event)                                          \
	int api_requests_##name(struct api_call *c, struct err *e) \
	{                                                          \
		return make_step(c, event, e);                     \
	}
STEP(ack, EVENT_ACK)
STEP(accept, EVENT_ACCEPT)
STEP(partial, EVENT_PARTIAL)
STEP(clarify, EVENT_CLARIFY)
STEP(clarified, EVENT_CLARIFIED)
STEP(transfer, EVENT_TRANSFER)
STEP(refuse, EVENT_REFUSE)
STEP(interim, EVENT_INTERIM)
STEP(answer, EVENT_ANSWER)
STEP(withdraw, EVENT_WITHDRAW)
STEP(close, EVENT_CLOSE)
#undef STEP
