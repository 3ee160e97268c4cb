/* SPDX-License-Identifier: Apache-2.0
 * The other source of the follower: a node whose word is taken, by JSON-RPC, woken by ZMQ where it publishes. */
#ifndef LUG_FOLLOW_RPC_H
#define LUG_FOLLOW_RPC_H
#include "base/err.h"
#include "follow/follow.h"
#include <stdbool.h>
#include <stdint.h>

enum {
	RPC_TIMEOUT_S = 60,
	RPC_POLL_MS = 2000,	    /* without ZMQ */
	RPC_POLL_ZMQ_MS = 60000,    /* with it, in case a message was lost */
	RPC_ROUND_BYTES = 64 << 20, /* of blocks, before others have their turn */
	RPC_ROUND_TXS = 1000,
	RPC_ZMQ_MAX = 8, /* endpoints */
};

struct rpc_options {
	const char *url, *cookie,
		*ca; /* borrowed; cookie: a file with user:password; ca: NULL for the system's */
	const char *zmq[RPC_ZMQ_MAX];
	unsigned zmq_n;
};
struct rpc;
/** rpc_open - prepare; nothing is asked yet
 * Returns: 0; -ERR_INVAL an URL or endpoint; -ERR_NOMEM */
int rpc_open(const struct rpc_options *o, struct rpc **ret_r, struct err *e) WARN_UNUSED;
struct rpc *rpc_close(struct rpc *r);
DEFINE_CLEANUP(struct rpc *, rpc_close);

/** rpc_blocks - give the logic what it lacks towards the node's tip, at most RPC_ROUND_BYTES
 * Out:     ret_more  there is more
 * Returns: 0; -ERR_CONNREFUSED, -ERR_TIMEDOUT, -ERR_IO, -ERR_ACCES (wrong cookie), -ERR_AGAIN (the chain turned meanwhile) pass by
 *          themselves; -ERR_NETWORK the node is on another chain; -ERR_CORRUPT and others of follow_block() */
int rpc_blocks(struct rpc *r, struct follow *f, bool *ret_more, struct err *e) WARN_UNUSED;
/** rpc_pool - give the logic the node's unconfirmed transactions that it lacks, at most RPC_ROUND_TXS
 * Returns: as rpc_blocks() */
int rpc_pool(struct rpc *r, struct follow *f, struct err *e) WARN_UNUSED;
/** rpc_heard - take what ZMQ has, transactions into the logic: true when blocks came or went
 * rpc_fd - a descriptor that becomes readable when there may be some, for endpoint i; -1 beyond the last
 * rpc_passes - is it an error that passes by itself? */
bool rpc_heard(struct rpc *r, struct follow *f);
int rpc_fd(const struct rpc *r, unsigned i);
bool rpc_passes(int code);
#endif
