/* SPDX-License-Identifier: Apache-2.0
 * What a user wants watched, read and checked: addresses and outpoints, from arguments or from a text with one address a line. */
#ifndef WATCH_ENTRIES_H
#define WATCH_ENTRIES_H
#include "base/json.h"
#include "chain/address.h"
#include "watch/watch.h"

enum {
	WATCH_LINE_MAX = 512,
	WATCH_REJECTS_MAX = 1000 /* that are told */
};

/* Entries that are good, and what is wrong with the others. */
struct watch_entries {
	const struct network *network;
	struct address *addresses;
	size_t n, cap;
	struct watch_seed *seeds;
	size_t seed_n, seed_cap;
	json_t *rejects; /* [{line, text, code, reason}] at most WATCH_REJECTS_MAX */
	uint64_t reject_n;
};
/** watch_entries_done - release; safe on a zeroed struct
 * watch_entry - one text: an address of the network, or TXID, TXID:N. What is neither is added to the rejects
 * Returns: 0, also for a reject; -ERR_NOMEM */
void watch_entries_done(struct watch_entries *x);
int watch_entry(struct watch_entries *x, const char *text, size_t len, uint64_t line) WARN_UNUSED;
/** watch_text - entries, one a line; "#" begins a comment
 * In:      p, len   untrusted
 * Returns: 0, also with rejects; -ERR_NOMEM */
int watch_text(struct watch_entries *x, const char *p, size_t len) WARN_UNUSED;
#endif
