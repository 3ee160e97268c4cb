/* SPDX-License-Identifier: Apache-2.0
 * Calls of the routes of one request, shared by the verbs of lug request. */
#ifndef LUG_REQUEST_CALL_H
#define LUG_REQUEST_CALL_H
#include "lug/lug.h"

/** request_call - GET a request (step NULL), or POST a step of it, and print the answer
 * In:      id       of the request, or its beginning
 *          body     STEALS; NULL for none
 * request_print_one - print a request as people or programs want it; STEALS j
 * Returns: 0; -ERR_INVAL not an id; as lug_api */
int request_call(struct lug *l, const char *id, const char *step, STEALS json_t *body,
		 struct err *e) WARN_UNUSED;
int request_print_one(struct lug *l, STEALS json_t *j, struct err *e) WARN_UNUSED;
#endif
