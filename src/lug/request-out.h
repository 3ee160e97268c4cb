/* SPDX-License-Identifier: Apache-2.0
 * Requests for a terminal. */
#ifndef LUG_REQUEST_OUT_H
#define LUG_REQUEST_OUT_H
#include "lug/lug.h"

/** request_print - one request as GET /v1/requests/{id} gives it: what needs doing first, then fields, clocks and time line
 * request_list_print - the page of GET /v1/requests
 * Returns: 0; -ERR_IO; -ERR_NOMEM */
int request_print(const struct lug *l, const json_t *j, struct err *e) WARN_UNUSED;
int request_list_print(const struct lug *l, const json_t *j, struct err *e) WARN_UNUSED;
#endif
