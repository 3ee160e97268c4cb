/* SPDX-License-Identifier: Apache-2.0
 * lug request extend, erase, hold, release: what comes after a request was answered. */
#include "lug/lug.h"
#include "lug/request-call.h"

static int put(json_t *o, const char *name, const char *value, struct err *e)
{
	if (value && json_object_set_new(o, name, json_string(value)) < 0)
		return err_set(e, ERR_INVAL, name, "is not valid UTF-8 text");
	return 0;
}

/* A request about another one: the node takes what is left out from that. */
static int post_about(struct lug *l, const struct args *a, const char *type, uint64_t days,
		      struct err *e)
{
	_cleanup_(json_decrefp) json_t *o =
		json_pack("{s:s, s:{s:s}}", "type", type, "relation", "of", args_pos(a, 0));
	json_t *reply = NULL;
	int r;

	if (!o)
		return err_set(e, ERR_INVAL, "id", "is not valid UTF-8 text");
	if ((r = put(o, "class", args_str(a, "class"), e)) < 0 ||
	    (r = put(o, "necessity", args_str(a, "text"), e)) < 0)
		return r;
	if (days && json_object_set_new(o, "term_days", json_integer((json_int_t)days)) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if ((r = lug_api(l, "POST", "/v1/requests", o, &reply, e)) < 0)
		return r;
	return request_print_one(l, reply, e);
}

#define ABOUT_OPTS                                                                        \
	{"class", "CLASS", "FLASH, URGENT, PRIORITY or ROUTINE (default)", false, false}, \
	{                                                                                 \
		"text", "TEXT", "why", false, false                                       \
	}

static int run_extend(struct lug *l, const struct args *a, struct err *e)
{
	uint64_t days = 0;
	int r = args_u64(a, "days", 1, 3660, &days, e);

	return r < 0 ? r : post_about(l, a, "EXTEND", days, e);
}

const struct verb verb_request_extend = {
	.name = "request extend",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "ask for a longer term of a measure, before it ends",
	.doc = "ID is the FREEZE or PRESERVE whose term runs. This sends a request of its own (EXTEND); its answer says until when the measure "
	       "holds, and the reminders at 50, 80 and 95 % count anew on both sides.",
	.examples =
		"lug request extend 019ab5a0-3c --days 30 --text 'the letter of request is on its way'\n# refused when no term runs",
	.opts = (const struct opt[]){{"days", "N", "how much longer", true, false},
				     ABOUT_OPTS,
				     {0}},
	.run = run_extend,
};

static int run_erase(struct lug *l, const struct args *a, struct err *e)
{
	return post_about(l, a, "WITHDRAW", 0, e);
}

const struct verb verb_request_erase = {
	.name = "request erase",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "demand that the other side delete what was sent",
	.doc = "ID is a request that is closed or was taken back. This sends a request of its own (WITHDRAW). When the other side answers it, its "
	       "node has deleted the content and says so, with the content's hash, under its evidence key; or it refuses, with its ground.",
	.examples = "lug request erase 019ab5a0-3c --text 'the person was acquitted'\n"
		    "lug request show 019ab5a0-3c\n# names the WITHDRAW and its state",
	.opts = (const struct opt[]){ABOUT_OPTS, {0}},
	.run = run_erase,
};

static int with_reason(struct lug *l, const struct args *a, const char *step, struct err *e)
{
	json_t *body = json_pack("{s:s}", "reason", args_str(a, "reason"));

	return body ? request_call(l, args_pos(a, 0), step, body, e)
		    : err_set(e, ERR_INVAL, "reason", "is not valid UTF-8 text");
}

#define REASON_OPTS                                                            \
	(const struct opt[])                                                   \
	{                                                                      \
		{"reason", "TEXT", "the law or order behind it", true, false}, \
		{                                                              \
			0                                                      \
		}                                                              \
	}

static int run_hold(struct lug *l, const struct args *a, struct err *e)
{
	return with_reason(l, a, "hold", e);
}

const struct verb verb_request_hold = {
	.name = "request hold",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "put a legal hold on a request: nothing deletes it",
	.doc = "Neither its owner's withdrawal nor the end of its retention deletes it until the hold is released. The reason goes into the audit "
	       "log. For approvers.",
	.examples =
		"lug request hold 019ab5a0-3c --reason 'order of the court of 2026-11-22'\n# shown with the request",
	.opts = REASON_OPTS,
	.run = run_hold,
};

static int run_release(struct lug *l, const struct args *a, struct err *e)
{
	return with_reason(l, a, "release", e);
}

const struct verb verb_request_release = {
	.name = "request release",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "end the legal hold on a request",
	.doc = "From then on it can be deleted again. The reason goes into the audit log. For approvers.",
	.examples =
		"lug request release 019ab5a0-3c --reason 'order lifted'\n# it may be deleted now",
	.opts = REASON_OPTS,
	.run = run_release,
};
