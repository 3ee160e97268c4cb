/* SPDX-License-Identifier: Apache-2.0
 * Small helpers of handlers. */
#include "http/api.h"
#include "base/cleanup.h"
#include "base/text.h"

const char *api_param(const struct api_call *c, size_t n)
{
	return n < c->params_n ? c->param[n] : "";
}

const char *api_query(const struct api_call *c, const char *name)
{
	for (size_t i = 0; i < c->query_n; i++)
		if (!strcmp(c->query[i].name, name))
			return c->query[i].value;
	return NULL;
}

int api_query_u64(const struct api_call *c, const char *name, uint64_t max, uint64_t *ret,
		  struct err *e)
{
	const char *s = api_query(c, name);
	if (!s)
		return 0;
	int r = dec_parse_u64(s, strlen(s), max, ret);
	if (r < 0)
		return err_set(e, r, name, "%s must be a whole number from 0 to %llu.", name,
			       (unsigned long long)max);
	return 0;
}

int api_reply(struct api_call *c, json_t *j, struct err *e)
{
	if (!j)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	json_decref(c->out);
	c->out = j;
	return 0;
}

static const struct {
	uint32_t bit;
	const char *name;
} roles[] = {
	{API_OFFICER, "officer"}, {API_DUTY, "duty"},		{API_APPROVER, "approver"},
	{API_ANALYST, "analyst"}, {API_SECRETARY, "secretary"}, {API_AUDITOR, "auditor"},
	{API_ADMIN, "admin"},
};

uint32_t api_role_parse(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (!strcmp(roles[i].name, s))
			return roles[i].bit;
	return 0;
}

const char *api_role_name(uint32_t bit)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (roles[i].bit == bit)
			return roles[i].name;
	return NULL;
}
