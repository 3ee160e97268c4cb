/* SPDX-License-Identifier: Apache-2.0
 * Calls of the routes of one request, and what they answer on the terminal. */
#include "lug/request-call.h"
#include "exchange/request-fields.h"
#include "lug/request-out.h"

static int path_of(const char *id, const char *step, char *out, size_t out_len, struct err *e)
{
	if (!id[0] || strspn(id, "0123456789abcdef-") != strlen(id) || strlen(id) > REQUEST_ID_LEN)
		return err_set(e, ERR_INVAL, "id",
			       "%s is not the id of a request, nor its beginning", id);
	snprintf(out, out_len, "/v1/requests/%s%s%s", id, step ? "/" : "", step ? step : "");
	return 0;
}

int request_print_one(struct lug *l, STEALS json_t *j, struct err *e)
{
	_cleanup_(json_decrefp) json_t *owned = j;

	return l->json ? lug_print_json(json_incref(owned), e) : request_print(l, owned, e);
}

int request_call(struct lug *l, const char *id, const char *step, STEALS json_t *body,
		 struct err *e)
{
	_cleanup_(json_decrefp) json_t *owned = body;
	json_t *reply = NULL;
	char path[128];
	int r = path_of(id, step, path, sizeof(path), e);

	if (r < 0 || (r = lug_api(l, step ? "POST" : "GET", path, owned, &reply, e)) < 0)
		return r;
	return request_print_one(l, reply, e);
}
