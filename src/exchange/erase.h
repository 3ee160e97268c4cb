/* SPDX-License-Identifier: Apache-2.0
 * Erasing what a message said. The proof that it was there stays: outer note, manifest (hashes only) and receipts. */
#ifndef EXCHANGE_ERASE_H
#define EXCHANGE_ERASE_H
#include "exchange/exchange.h"

/** exchange_erase - forget the parts and the file of one message, in the caller's transaction; again changes nothing
 * In:      peer     who sent it; NULL for a message of this node, whose file stays until it has expired: this node cannot open it
 * Returns: 0; -ERR_BUSY it was not opened yet; as store_exec */
int exchange_erase(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		   struct err *e) WARN_UNUSED;
#endif
