/* SPDX-License-Identifier: Apache-2.0
 * The question about rights, asked for every call of a person, on the socket and in the console: role, act, record. What decides is in
 * routes.def (roles of a route) and access.def (markings and handling codes); here is only what a call is about. */
#include "lugd/rights.h"
#include "access/access.h"
#include <assert.h>

static_assert(API_OFFICER == 1 && API_DUTY == 2 && API_APPROVER == 4 && API_ANALYST == 8,
	      "access.c has the same bits");
static_assert(API_AUDITOR == 32 && API_ADMIN == 64, "access.def names neither");

/* ---- the record ---- */

/* Every path below one of these is about the record that its first part names. */
static const char *const records[] = {"/v1/requests/{id}"};

static bool is_about_record(const struct api_route *route)
{
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		size_t len = strlen(records[i]);
		if (!strncmp(route->path, records[i], len) &&
		    (route->path[len] == '/' || !route->path[len]))
			return true;
	}
	return false;
}

static enum access_act act_of(const struct api_route *route)
{
	if (route->audit == API_AUDIT_EXPORT)
		return ACCESS_TAKE;
	return route->method == API_GET ? ACCESS_READ : ACCESS_WORK;
}

static struct access_record record_of(const struct request_label *l)
{
	return (struct access_record){
		.marking = l->marking, .handling = l->handling, .member = l->member};
}

static int refuse(int r, const char *field, struct err *e)
{
	static const struct {
		const char *field, *words;
	} texts[] = {
		{"officer", "Your roles do not allow this."},
		{"marking", "Its marking does not allow you this."},
		{"handling", "Its handling code does not allow you this."},
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!strcmp(texts[i].field, field))
			return err_set(e, r, field, "%s", texts[i].words);
	return err_set(e, r, field, NULL);
}

static int ask(const struct access_question *q, struct err *e)
{
	const char *field;
	int r = access_may(q, &field);
	return r < 0 ? refuse(r, field, e) : 0;
}

/* With the label of a request; one that is not here has none, and the handler says so. */
static int ask_about(struct api_call *c, const char *id, struct access_question *q, struct err *e)
{
	struct request_label label = {.member = false};
	struct err why = {0};
	int r = request_label(lugd_requests(lugd_of(c)), c->who.officer, id, &label, &why);
	if (r == -ERR_NOENT || r == -ERR_INVAL)
		return ask(q, e);
	if (r < 0)
		return err_set(e, r, why.field, "%s", why.message);
	const struct access_record record = record_of(&label);
	q->record = &record;
	return ask(q, e);
}

/* ---- the question ---- */

bool rights_step_up(const struct api_call *c)
{
	static api_handler *const acts[] = {
		api_session_prove,   api_requests_send,	    api_requests_approve, api_backup,
		api_credentials_add, api_credentials_reset, api_officers_set,	  api_handover_give,
		api_handover_take,   api_keys_add,	    api_keys_remove};
	const char *draft = api_query(c, "draft");
	if (c->route->handler == api_requests_new && !(draft && !strcmp(draft, "1")))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		if (c->route->handler == acts[i])
			return true;
	return c->route->audit == API_AUDIT_EXPORT;
}

int rights_check(struct api_call *c, bool step_up, bool proved, struct err *e)
{
	struct access_question q = {.roles = c->who.roles,
				    .roles_needed = c->route->roles,
				    .act = act_of(c->route),
				    .step_up = step_up,
				    .proved = proved};
	return is_about_record(c->route) ? ask_about(c, api_param(c, 0), &q, e) : ask(&q, e);
}

int rights_read(struct api_call *c, const char *id, struct err *e)
{
	struct access_question q = {
		.roles = c->who.roles, .roles_needed = API_CASEWORK, .act = ACCESS_READ};
	return ask_about(c, id, &q, e);
}

bool rights_list(void *ctx, const struct request_label *l)
{
	const struct api_call *c = ctx;
	const struct access_record record = record_of(l);
	return ask(&(const struct access_question){.roles = c->who.roles,
						   .roles_needed = API_CASEWORK,
						   .act = ACCESS_READ,
						   .record = &record},
		   NULL) >= 0;
}
