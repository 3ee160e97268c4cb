/* SPDX-License-Identifier: Apache-2.0
 * GET /v1/audit: who saw and did what, for the auditor. Looking is an event too. */
#include "base/cleanup.h"
#include "lugd/lugd-int.h"

enum { PAGE_DEFAULT = 100, PAGE_MAX_N = 500 };

int api_audit_list(struct api_call *c, struct err *e)
{
	uint64_t limit = PAGE_DEFAULT;
	struct audit_filter f = {.who = api_query(c, "who")};
	json_t *list = NULL;
	int r = api_query_u64(c, "before", INT64_MAX, &f.before, e);
	if (r >= 0)
		r = api_query_u64(c, "limit", PAGE_MAX_N, &limit, e);
	if (f.who && !*f.who)
		f.who = NULL;
	f.limit = (unsigned)limit;
	if (r >= 0)
		r = audit_list(lugd_store(lugd_of(c)), &f, &list, e);
	if (r < 0)
		return r;
	size_t n = json_array_size(list);
	json_t *last = n == limit && n ? json_object_get(json_array_get(list, n - 1), "seq") : NULL;
	return api_reply(c, json_pack("{s:o, s:O*}", "entries", list, "next", last), e);
}
