/* SPDX-License-Identifier: Apache-2.0
 * Erasing what a request said, and what stands against it: a legal hold. docs/protocol/request.md 9. */
#ifndef EXCHANGE_REQUEST_ERASE_H
#define EXCHANGE_REQUEST_ERASE_H
#include "exchange/request.h"

enum { REQUEST_HOLD_REASON_MAX = 1024 };

/** request_hold - nothing erases this request until the hold is released; a second hold replaces the reason
 * request_release - end the hold
 * In:      reason   one clean line: the law or order behind it
 * Out:     ret      as request_show
 * Returns: 0; -ERR_DENIED; -ERR_NOENT no such request, or no hold; -ERR_ERASED; -ERR_FIELD_MISSING, -ERR_FORMAT, -ERR_OVERSIZE reason;
 *          as store_exec */
int request_hold(struct requests *q, const struct actor *a, const char *id, const char *reason,
		 json_t **ret, struct err *e) WARN_UNUSED;
int request_release(struct requests *q, const struct actor *a, const char *id, const char *reason,
		    json_t **ret, struct err *e) WARN_UNUSED;

/** requests_retire - erase what has been over for as long as its class is kept (request_options); not what is held by law, nor what
 *                    has a term that runs. Own transactions; at most 16 of each class in a call
 * Returns: how many; as request_erase and store_exec */
int requests_retire(struct requests *q, struct err *e) WARN_UNUSED;
#endif
