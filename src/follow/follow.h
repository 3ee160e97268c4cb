/* SPDX-License-Identifier: Apache-2.0
 * Following a chain: headers, blocks and unconfirmed transactions from nodes that the user names, through every reorganisation.
 *
 * Sans-IO: bytes go in by follow_received() and out by env->send; time and randomness come from env; blocks are given to
 * env->store, always after their parent. docs/protocol/p2p.md is the contract for peers. What a node whose word is taken (RPC) says
 * goes in by follow_headers() and follow_block(). One thread. */
#ifndef FOLLOW_FOLLOW_H
#define FOLLOW_FOLLOW_H
#include "base/cleanup.h"
#include "base/err.h"
#include "chain/network.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FOLLOW_PROTOCOL = 70016,
	FOLLOW_PROTOCOL_MIN = 70012,
	FOLLOW_PEERS_MAX = 32,
	FOLLOW_SIDE_MAX = 200000,     /* headers beside the best chain */
	FOLLOW_WINDOW = 128,	      /* blocks asked for ahead of what is stored */
	FOLLOW_ASKED_MAX = 16,	      /* blocks asked for at once from one peer */
	FOLLOW_HELD_MAX = 256 << 20,  /* bytes of blocks that wait for their parent */
	FOLLOW_UNCONNECTED_MAX = 100, /* headers messages without known parent, in a row */
	FOLLOW_FLOOD_N = 5000,	      /* messages that were not asked for, in FOLLOW_FLOOD_MS */
	FOLLOW_FLOOD_BYTES = 64 << 20,
	FOLLOW_FLOOD_MS = 10000,
	FOLLOW_AHEAD_S = 2 * 3600, /* how far a block's time may lie ahead of the clock here */
	FOLLOW_CONNECT_MS = 10000,
	FOLLOW_HANDSHAKE_MS = 20000,
	FOLLOW_STALL_MS = 60000,
	FOLLOW_PING_MS = 120000,
	FOLLOW_PONG_MS = 60000,
	FOLLOW_BACK_MS = 1000, /* first pause before a peer is tried again; doubles */
	FOLLOW_BACK_MAX_MS = 600000,
	FOLLOW_OFFENCE_MS = 3600000, /* the same for one that broke the rules */
	FOLLOW_OFFENCE_MAX_MS = 86400000,
	FOLLOW_POOL_N = 300000, /* unconfirmed transactions that are kept */
	FOLLOW_POOL_BYTES = 96 << 20,
};

/* Why a peer was left; docs/protocol/p2p.md 4. */
enum follow_fault {
	FOLLOW_REFUSED,
	FOLLOW_CLOSED,
	FOLLOW_TIMEOUT,
	FOLLOW_STALL,
	FOLLOW_OLD,
	FOLLOW_SERVICES,
	FOLLOW_SELF,
	FOLLOW_MALFORMED,
	FOLLOW_WORK,
	FOLLOW_DIFFICULTY,
	FOLLOW_TIME,
	FOLLOW_UNCONNECTED,
	FOLLOW_SIDE,
	FOLLOW_BLOCK,
	FOLLOW_FLOOD,
};
/** follow_fault_name - "stall"; follow_fault_offence - did it break the rules? */
const char *follow_fault_name(enum follow_fault fault);
bool follow_fault_offence(enum follow_fault fault);

/* What the logic is given. All calls come from within follow_*(); none may call back into it. */
struct follow_env {
	void *ctx;
	int64_t (*mono_ms)(void *ctx);
	int64_t (*wall_s)(void *ctx);
	void (*random)(void *ctx, void *out, size_t len);
	void (*connect)(void *ctx,
			unsigned peer); /* answered by follow_connected() or follow_closed() */
	void (*send)(void *ctx, unsigned peer, const void *p, size_t len);
	void (*close)(void *ctx, unsigned peer);
	/* Keep a block that was checked and whose parent is kept; durable by the time the ledger is made of it. Negative: not kept,
	 * follow_poll() returns it. */
	int (*store)(void *ctx, const uint8_t *p, size_t len, uint32_t height, struct err *e);
	void (*ready)(void *ctx, unsigned peer, const char *agent, size_t agent_len);
	void (*left)(void *ctx, unsigned peer, enum follow_fault fault, int64_t back_ms);
	void (*tx)(void *ctx, const uint8_t *p,
		   size_t len); /* a new unconfirmed transaction; may be NULL */
};

struct follow_options {
	bool trusted; /* headers are taken on their sender's word: networks whose rules are not known here, by RPC */
	bool pool; /* ask for unconfirmed transactions */
};

struct follow;
/** follow_new - begin at the network's first block, which is not stored yet
 * In:      env      borrowed
 * Returns: 0; -ERR_UNSUPPORTED without opt->trusted, a network whose rules are not known here; -ERR_NOMEM */
int follow_new(const struct network *n, const struct follow_env *env,
	       const struct follow_options *opt, struct follow **ret_f, struct err *e) WARN_UNUSED;
struct follow *follow_free(struct follow *f);
DEFINE_CLEANUP(struct follow *, follow_free);

/** follow_load - a block that is stored already; parents first
 * Returns: 0; -ERR_NOENT its parent was not loaded yet; -ERR_RANGE, -ERR_CORRUPT it breaks a rule; -ERR_NOMEM */
int follow_load(struct follow *f, const uint8_t header80[static 80]) WARN_UNUSED;

/** follow_peer_add - one more peer, connected to from the next follow_poll() on
 * Returns: its number; -ERR_OVERSIZE */
int follow_peer_add(struct follow *f) WARN_UNUSED;
/** follow_connected, follow_closed - what became of env->connect, and of a connection
 * follow_received - bytes of a peer's stream, in any pieces; borrowed. Nothing happens when the peer was left meanwhile */
void follow_connected(struct follow *f, unsigned peer);
void follow_closed(struct follow *f, unsigned peer);
void follow_received(struct follow *f, unsigned peer, const uint8_t *p, size_t len);
/** follow_poll - do what is due: connect, ping, time out, ask for blocks
 * Out:     ret_wait_ms  until it must be called again, if nothing happens before
 * Returns: 0; the error of env->store, then nothing more is asked for until the next call; -ERR_NOMEM */
int follow_poll(struct follow *f, int64_t *ret_wait_ms, struct err *e) WARN_UNUSED;

/** follow_paused - the caller did something else for `ms`, such as an import: no peer is late by that time */
void follow_paused(struct follow *f, int64_t ms);

/** follow_headers - headers from a trusted source, n of 80 bytes, each after its parent
 * Returns: 0; -ERR_NOENT the first one's parent is not known; -ERR_FORMAT not linked; -ERR_RANGE, -ERR_CORRUPT a rule is broken;
 *          -ERR_AGAIN one lies too far in the future; -ERR_OVERSIZE too many beside the best chain; -ERR_NOMEM */
int follow_headers(struct follow *f, const uint8_t *p80, size_t n) WARN_UNUSED;
/** follow_block - a block from a trusted source
 * Returns: 0, stored, or it was; -ERR_NOENT its header or its parent's block is not here; the errors of block_check(); env->store's */
int follow_block(struct follow *f, const uint8_t *p, size_t len, struct err *e) WARN_UNUSED;
/** follow_tx - an unconfirmed transaction, from any source
 * Returns: 1 new; 0 known; -ERR_FORMAT and the other errors of tx_decode(); -ERR_NOMEM */
int follow_tx(struct follow *f, const uint8_t *p, size_t len) WARN_UNUSED;

struct follow_point {
	uint32_t height;
	uint8_t hash32[32];
};
/** follow_tip - the best block that is stored; false when none is
 * follow_best - the best header
 * follow_wanted - the next block towards the best header that is not stored; false when in step
 * follow_known - is there a header of this hash?
 * follow_asked_all - has every peer that is connected told all its headers, and is one connected? */
bool follow_tip(const struct follow *f, struct follow_point *ret);
struct follow_point follow_best(const struct follow *f);
bool follow_wanted(const struct follow *f, struct follow_point *ret);
bool follow_asked_all(const struct follow *f);
bool follow_known(const struct follow *f, const uint8_t hash32[static 32]);

/** follow_pool_sweep - visit the unconfirmed transactions, oldest first; those for which keep() is false are dropped
 * follow_pool_n - how many there are
 * follow_pool_find - the bytes of one, valid until the next call; NULL when it is not there */
void follow_pool_sweep(struct follow *f,
		       bool (*keep)(void *ctx, const uint8_t *p, size_t len, int64_t seen_s),
		       void *ctx);
size_t follow_pool_n(const struct follow *f);
const uint8_t *follow_pool_find(const struct follow *f, const uint8_t txid32[static 32],
				size_t *ret_len);
/** follow_pool_ask - ask the peers for their unconfirmed transactions again: after a reorganisation, when some are so again */
void follow_pool_ask(struct follow *f);
#endif
