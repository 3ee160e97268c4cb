/* SPDX-License-Identifier: Apache-2.0
 * GET /v1/requests/{id}/case: a request with everything that proves it, to be checked without a node (docs/format/case.md). */
#include "exchange/case.h"
#include "lugd/lugd-int.h"

int api_requests_case(struct api_call *c, struct err *e)
{
	struct lugd *d = lugd_of(c);
	const struct actor a = lugd_actor(c);
	char dir[CONF_TEXT_MAX + 16];
	json_t *out = NULL;
	snprintf(dir, sizeof(dir), "%s/audit", d->folder);
	int r = case_export(lugd_requests(d), &a, api_param(c, 0), dir, &out, e);
	return r < 0 ? r : api_reply(c, out, e);
}
