/* SPDX-License-Identifier: Apache-2.0
 * Inside follow: its state; the conversation with one peer, the schedule of downloads, the pool of unconfirmed transactions. */
#ifndef FOLLOW_FOLLOW_INT_H
#define FOLLOW_FOLLOW_INT_H
#include "base/buf.h"
#include "chain/p2p.h"
#include "follow/follow.h"
#include "follow/tree.h"

enum peer_state { PEER_IDLE, PEER_CONNECTING, PEER_HANDSHAKE, PEER_READY };
struct peer {
	enum peer_state state;
	struct buf in;	  /* what came and is not a whole message yet */
	int64_t since_ms; /* of the state; PEER_IDLE: when it is tried again */
	unsigned fails;	  /* in a row; doubles the pause */
	uint64_t nonce;	  /* of our version */
	uint64_t services;
	bool has_version;
	uint32_t best; /* of the headers that it sent, the one with most work; TREE_NONE */
	int64_t headers_asked_ms; /* 0: none are due */
	int64_t ping_ms;	  /* when the last ping was sent */
	bool pong_due;
	bool all_headers; /* it has no more than it sent */
	bool pool_asked;
	int64_t rest_ms; /* no blocks are asked before: it had not what it should have */
	unsigned unconnected_n;
	int64_t flood_ms; /* when the window began */
	uint32_t flood_n, flood_bytes;
	uint32_t asked_n;     /* blocks that it owes */
	uint32_t txs_asked_n; /* transactions likewise, some of which it may not have */
};

/* A block on its way: asked from a peer, or here and waiting for its parent. */
struct fetch {
	uint32_t node, peer; /* peer: TREE_NONE when it is asked from nobody */
	int64_t asked_ms;
	uint8_t *bytes; /* NULL until it is here */
	uint32_t len;
};

struct pool_tx {
	uint8_t txid32[32];
	uint8_t *bytes; /* NULL: dropped */
	uint32_t len;
	int64_t seen_s;
};
/* Unconfirmed transactions in the order in which they came, found by txid. */
struct pool {
	uint8_t key16[16];
	struct pool_tx *txs; /* ring of FOLLOW_POOL_N: first, first + 1, ... */
	uint32_t first, n, live_n;
	uint32_t *slots; /* place in txs + 1 */
	uint64_t bytes;
};

struct follow {
	const struct follow_env *env;
	struct follow_options opt;
	struct tree tree;
	struct peer peers[FOLLOW_PEERS_MAX];
	unsigned peer_n;
	struct fetch fetches[FOLLOW_WINDOW];
	unsigned fetch_n;
	uint64_t held_bytes;
	struct pool pool;
	struct buf out; /* a message being written */
};

int64_t follow_now(const struct follow *f);

/** peer_poll - connect, time out, ping
 * Returns: milliseconds until it must be called again */
int64_t peer_poll(struct follow *f, unsigned i, int64_t now_ms);
/** peer_leave - close, free what it owes, and set when it is tried again */
void peer_leave(struct follow *f, unsigned i, enum follow_fault fault);
/** peer_send - write a message to a peer */
void peer_send(struct follow *f, unsigned i, const struct p2p_message *m);
void peer_ask_headers(struct follow *f, unsigned i, uint32_t from);
/** peer_ask_pool - ask for unconfirmed transactions when it is in step and offers them */
void peer_ask_pool(struct follow *f, unsigned i);

/** fetch_schedule - ask the peers for what is missing
 * fetch_block - a block that came: 1 taken, 0 not asked for; -ERR_X it is not good
 * fetch_forget - a peer owes nothing any more; fetch_drop - it has not this one: was it asked for?
 * fetch_store - hand over those whose parent is stored: 0, or the error of env->store */
void fetch_schedule(struct follow *f, int64_t now_ms);
int fetch_block(struct follow *f, unsigned peer, const uint8_t *p, uint32_t len) WARN_UNUSED;
void fetch_forget(struct follow *f, unsigned peer);
bool fetch_drop(struct follow *f, unsigned peer, const uint8_t hash32[static 32]);
int fetch_store(struct follow *f, struct err *e) WARN_UNUSED;
void fetch_done(struct follow *f);
/** fetch_oldest - when the oldest block that a peer owes was asked for; INT64_MAX */
int64_t fetch_oldest(const struct follow *f, unsigned peer);

int pool_init(struct pool *p, const uint8_t key16[static 16]) WARN_UNUSED;
void pool_done(struct pool *p);
bool pool_has(const struct pool *p, const uint8_t txid32[static 32]);
/** pool_add - a copy; the oldest make room. Returns: 0; -ERR_NOMEM */
int pool_add(struct pool *p, const uint8_t txid32[static 32], const uint8_t *bytes, uint32_t len,
	     int64_t seen_s) WARN_UNUSED;
#endif
