/* SPDX-License-Identifier: Apache-2.0
 * Inside of exchange: own messages that come back from a peer after a restore (docs/protocol/streams.md 6.1). */
#ifndef EXCHANGE_RECALL_H
#define EXCHANGE_RECALL_H
#include "exchange/exchange-int.h"

/** recall_begin - this node was restored: all behind its last number is to come back, in the open transaction */
int recall_begin(struct exchange *x, struct peer *p, struct err *e) WARN_UNUSED;
int recall_pump(struct exchange *x, struct peer *p, struct err *e) WARN_UNUSED;
int recall_outcome(struct exchange *x, struct peer *p, unsigned status, const void *reply,
		   size_t len, struct err *e) WARN_UNUSED;
int recall_receive(struct exchange *x, struct peer *p, const void *body, size_t len,
		   struct buf *reply, struct err *e) WARN_UNUSED;
#endif
