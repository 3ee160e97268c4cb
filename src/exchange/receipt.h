/* SPDX-License-Identifier: Apache-2.0
 * Inside of exchange: receipts and non-delivery notes (docs/protocol/streams.md 4). */
#ifndef EXCHANGE_RECEIPT_H
#define EXCHANGE_RECEIPT_H
#include "exchange/exchange-int.h"

/** receipt_take - a receipt or non-delivery note of a peer; own transaction, nested or not
 * Returns: 0; -ERR_NOENT not about a message known here; as the checks */
int receipt_take(struct exchange *x, const char *peer, const void *p, size_t len,
		 struct err *e) WARN_UNUSED;
/** receipt_make - sign and keep a receipt of ours, in the open transaction; pending: it is still to be pushed */
int receipt_make(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		 enum receipt_kind kind, const char *reason, bool pending,
		 struct err *e) WARN_UNUSED;
/** receipt_frames - the stored receipts for one received parcel, as frames */
int receipt_frames(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		   struct buf *out, struct err *e) WARN_UNUSED;
int receipt_pump(struct exchange *x, struct peer *p, struct err *e) WARN_UNUSED;
int receipt_outcome(struct exchange *x, struct peer *p, unsigned status, const void *reply,
		    size_t len, struct err *e) WARN_UNUSED;
int receipt_receive(struct exchange *x, struct peer *p, const void *body, size_t len,
		    struct buf *reply, struct err *e) WARN_UNUSED;
/** receipt_notify - tell the watchers how far a message is, in the open transaction */
int receipt_notify(struct exchange *x, const uint8_t id16[static 16], const char *peer,
		   struct err *e) WARN_UNUSED;
/** receipt_hash - SHA-256 of the file of a received message
 * Returns: 0; -ERR_NOENT */
int receipt_hash(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		 uint8_t ret32[static 32], struct err *e) WARN_UNUSED;
/** receipt_due - something is to be pushed to this peer */
void receipt_due(struct exchange *x, const char *peer);
enum {
	RECEIPT_NON_DELIVERY = 16
}; /* kind of a non-delivery note in exchange_receipt, beside enum receipt_kind */

/* ---- receipt-again.c: both in the open transaction ---- */
/** receipt_again - the peer's receipt is held already: if it was another text, the peer is to be shown the one held
 * receipt_shown - a receipt of ours that the peer shows: it takes the place of the one given since
 * Returns: 0; -ERR_NOENT nothing of it here; -ERR_DENIED under a revoked key; as the checks */
int receipt_again(struct exchange *x, const char *peer, const struct receipt *c,
		  const struct note *n, struct err *e) WARN_UNUSED;
int receipt_shown(struct exchange *x, const char *peer, const struct receipt *c,
		  const struct note *n, struct err *e) WARN_UNUSED;
#endif
