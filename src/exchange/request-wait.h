/* SPDX-License-Identifier: Apache-2.0
 * Requests that wait for people, as the duty desk sees them: sent, delivered, or acknowledged without a step since. */
#ifndef EXCHANGE_REQUEST_WAIT_H
#define EXCHANGE_REQUEST_WAIT_H
#include "exchange/request.h"

struct request_waiting {
	char id[REQUEST_ID_LEN + 1], peer[EXCHANGE_NAME_MAX + 1];
	enum request_side side;
	enum request_type type;
	enum request_class class;
	enum request_state state; /* SENT, DELIVERED, ACKNOWLEDGED */
	int64_t start_s; /* steady time: sent, or once it is known the receiver's signed delivery time */
};

/** requests_waiting - those of one class, at most max, the oldest id first
 * In:      after    only ids behind this one, "" for the first page
 * Returns: how many; as store_exec
 * request_waiting - one request. Returns: 1; 0 it does not wait, or is not known; as store_exec */
int requests_waiting(struct requests *q, enum request_class class, const char *after,
		     struct request_waiting *ret, size_t max, struct err *e) WARN_UNUSED;
int request_waiting(struct requests *q, const char *id, struct request_waiting *ret,
		    struct err *e) WARN_UNUSED;

/** requests_steady_s - now, on the steady time that the clocks of requests run by */
int64_t requests_steady_s(const struct requests *q);
#endif
