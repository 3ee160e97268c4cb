/* SPDX-License-Identifier: Apache-2.0
 * Inside of requests: those that are about an earlier one between the same two nodes: EXTEND and WITHDRAW. All within the caller's
 * transaction; docs/protocol/request.md 8. */
#ifndef EXCHANGE_REQUEST_EARLIER_H
#define EXCHANGE_REQUEST_EARLIER_H
#include "exchange/request-int.h"

/** earlier_defaults - what a draft leaves out is as in the earlier request; nothing for types that stand alone
 * In:      o        the draft; relation.of may be the beginning of an id
 * Returns: 0; -ERR_NOENT; -ERR_INVAL; -ERR_NOMEM; as store_exec */
int earlier_defaults(struct requests *q, json_t *o, struct err *e) WARN_UNUSED;

/** earlier_check - may this request go out, or be taken in, now
 * In:      d        decoded; side: which one this node is
 * Returns: 0, also for types that stand alone; -ERR_NOENT not here, or with another peer, or the other side's; -ERR_ERASED; EXTEND:
 *          -ERR_INVAL not a measure, -ERR_EXPIRED no term runs; WITHDRAW: -ERR_TRANSITION it is not over */
int earlier_check(struct requests *q, const struct request_doc *d, enum request_side side,
		  const char *peer, struct err *e) WARN_UNUSED;

/** earlier_class - the class whose lane a request and its steps ride: the earlier one's, so that they stay in order with it */
int earlier_class(struct requests *q, const struct request_doc *d, enum request_class *ret,
		  struct err *e) WARN_UNUSED;

/** earlier_json - the requests that name this one, with their states, the oldest first, at most 64; NULL when there is none */
int earlier_json(struct requests *q, const struct request_row *row, json_t **ret,
		 struct err *e) WARN_UNUSED;

/** earlier_fill - what this node says in its answer when the person did not: term_until, deleted_sha256
 * earlier_answer - the answer's effect on the earlier request, on both sides
 * Returns: 0; -ERR_EXPIRED, -ERR_RANGE made here, and the term cannot be longer by it; -ERR_LEGAL_HOLD; -ERR_CONFLICT arrived, and
 *          another content was deleted; as clock_start and request_erase */
int earlier_fill(struct requests *q, const struct request_row *row, const struct request_doc *d,
		 json_t *event, struct err *e) WARN_UNUSED;
int earlier_answer(struct requests *q, const struct request_row *row, const struct request_act *act,
		   struct err *e) WARN_UNUSED;
#endif
