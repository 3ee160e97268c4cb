/* SPDX-License-Identifier: Apache-2.0
 * Inside of requests: erasing, within the caller's transaction. */
#ifndef EXCHANGE_REQUEST_ERASE_INT_H
#define EXCHANGE_REQUEST_ERASE_INT_H
#include "exchange/request-erase.h"
#include "exchange/request-int.h"

/** request_erase - forget what a request and its steps said: parts, texts, own reference; the row becomes a tombstone
 * In:      why      one word for the audit log: "withdrawn", "retention"
 * Returns: 0, also when it was erased before; -ERR_LEGAL_HOLD; as exchange_erase
 * Notes:   what stays is who sent what kind of request when, its hash, its steps without their words, and every signed note */
int request_erase(struct requests *q, struct request_row *row, const char *officer, const char *why,
		  struct err *e) WARN_UNUSED;

/** hold_get - the hold on a request. Returns: 1; 0 none; as store_exec
 * hold_json - {"officer", "reason", "since"}; NULL when there is none */
struct request_hold {
	char officer[EXCHANGE_NAME_MAX + 1], reason[REQUEST_HOLD_REASON_MAX + 1];
	int64_t since_s;
};
int hold_json(struct requests *q, const struct request_row *row, json_t **ret,
	      struct err *e) WARN_UNUSED;
int hold_get(struct requests *q, const char *id, struct request_hold *ret,
	     struct err *e) WARN_UNUSED;
#endif
