/* SPDX-License-Identifier: Apache-2.0
 * Exchange, seen by people: peers, messages and their proofs. Metadata only: what is inside belongs to requests. */
#ifndef EXCHANGE_QUERY_H
#define EXCHANGE_QUERY_H
#include "exchange/exchange.h"
#include <stdbool.h>
#include <stdint.h>

struct exchange_place {
	uint64_t epoch, seq;
	bool stopped;
};
struct exchange_peer_status {
	char name[EXCHANGE_NAME_MAX + 1];
	bool met; /* its heads were read since the start: parcels may go */
	bool offset_known;
	int64_t offset_ms; /* its clock minus ours */
	int64_t contact_s; /* last authenticated contact since the start; 0 none */
	int64_t retry_ms;  /* until the next try of a lane that backs off; 0 if none does */
	struct exchange_place out, in;
	uint64_t peer_seq; /* what it has shown of ours, in its epoch */
	uint64_t queued;   /* messages without R1 */
	int64_t oldest_s;  /* when the oldest of them was posted; 0 none */
	uint64_t unopened; /* received and not yet decided */
};
/** exchange_peers - all other members, by name
 * Returns: how many of at most max; as store_exec */
int exchange_peers(struct exchange *x, struct exchange_peer_status *ret, size_t max,
		   struct err *e) WARN_UNUSED;

/** exchange_resume - after a person has decided on a stopped stream: go on, with a new epoch of our side
 * Notes:   proofs are kept; the audit log names the officer
 * Returns: 0; -ERR_MEMBER_UNKNOWN; -ERR_INVAL nothing is stopped; as store_exec */
int exchange_resume(struct exchange *x, const char *peer, const char *officer,
		    struct err *e) WARN_UNUSED;

/* A received message, without its content. */
struct exchange_received {
	uint8_t id16[16];
	char peer[EXCHANGE_NAME_MAX + 1];
	enum exchange_class class;
	enum exchange_state state; /* STORED: not opened yet */
	char reason[EXCHANGE_REASON_MAX + 1];
	int64_t sent_s, stored_s, decided_s, seen_s, acted_s, expires_s;
	uint64_t size;
	int64_t ord; /* order of arrival */
};
/** exchange_list_sent - deliveries, newest first; exchange_list_received - messages, newest first
 * In:      peer     NULL for all
 *          before   only older ones: ord of the last one shown, 0 for the newest
 * Out:     ret_ord  [max] order of each delivery, for the next page
 * Returns: how many; as store_exec */
int exchange_list_sent(struct exchange *x, const char *peer, int64_t before,
		       struct exchange_delivery *ret, int64_t *ret_ord, size_t max,
		       struct err *e) WARN_UNUSED;
int exchange_list_received(struct exchange *x, const char *peer, int64_t before,
			   struct exchange_received *ret, size_t max, struct err *e) WARN_UNUSED;

/** exchange_received - one received message
 * Returns: 1; 0 not known; as store_exec */
int exchange_received(struct exchange *x, const uint8_t id16[static 16],
		      struct exchange_received *ret, struct err *e) WARN_UNUSED;

/* Called for each signed text about a message. what: "parcel", "manifest", "stored", "accepted" ... "non-delivery". */
typedef int exchange_proof_fn(void *ctx, const char *what, const char *peer, bool ours,
			      const char *note, size_t len);
/** exchange_proofs - outer notes, manifest and receipts of a message, sent or received, in the order of events
 * Returns: 0; -ERR_NOENT; what fn returned; as store_exec */
int exchange_proofs(struct exchange *x, const uint8_t id16[static 16], exchange_proof_fn *fn,
		    void *ctx, struct err *e) WARN_UNUSED;
#endif
