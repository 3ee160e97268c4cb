/* SPDX-License-Identifier: Apache-2.0
 * The shell of `lug ledger follow`: sockets, the folder of blocks, RPC and ZMQ, around the logic of follow/follow.h. */
#ifndef LUG_FOLLOW_SHELL_H
#define LUG_FOLLOW_SHELL_H
#include "base/buf.h"
#include "chain/network.h"
#include "follow/follow.h"
#include "lug/lug.h"
#include <poll.h>

/* ---- the folder of blocks ---- */

enum { BLKDIR_FILE_MAX = 128 << 20 /* bytes of one blkNNNNN.dat, as a node has them */ };
struct blkdir {
	const struct network *network;
	const char *dir; /* borrowed */
	int lock, fd;	 /* -1: not open */
	uint32_t number; /* of the file that is written */
	uint64_t len;
	uint64_t pending; /* bytes written since the last blkdir_sync() */
};
#define BLKDIR_EMPTY                 \
	{                            \
		.lock = -1, .fd = -1 \
	}
/** blkdir_open - make or lock a folder of our own
 * Returns: 0; -ERR_EXIST it holds a node's block files: we never write there; -ERR_BUSY another follower; -ERR_ACCES, -ERR_IO */
int blkdir_open(struct blkdir *d, const char *dir, const struct network *n,
		struct err *e) WARN_UNUSED;
void blkdir_close(struct blkdir *d);
/** blkdir_load - tell the logic which blocks are there, and cut off what a crash left behind the last whole one
 * Returns: 0; -ERR_NETWORK; -ERR_CORRUPT a block breaks a rule; -ERR_IO */
int blkdir_load(struct blkdir *d, struct follow *f, struct err *e) WARN_UNUSED;
/** blkdir_put - append a block; blkdir_sync - what was appended survives a crash
 * Returns: 0; -ERR_NOSPC, -ERR_IO */
int blkdir_put(struct blkdir *d, const uint8_t *p, size_t len, struct err *e) WARN_UNUSED;
int blkdir_sync(struct blkdir *d, struct err *e) WARN_UNUSED;

/* ---- connections ---- */

struct conn {
	char name[128]; /* as the user wrote it, for people */
	char host[112], port[8];
	int fd; /* -1 none */
	bool connecting, failed;
	struct buf out; /* not yet taken by the socket */
};
struct conns {
	struct conn conn[FOLLOW_PEERS_MAX];
	unsigned n;
};
/** conns_add - a peer: HOST, HOST:PORT, [IPV6]:PORT; the port of the network when there is none
 * Returns: 0; -ERR_INVAL, -ERR_OVERSIZE */
int conns_add(struct conns *c, const struct network *n, const char *text,
	      struct err *e) WARN_UNUSED;
void conns_done(struct conns *c);
/** conn_open, conn_send, conn_close - what follow_env asks for; failures are told by conns_serve() */
void conn_open(struct conns *c, unsigned peer);
void conn_send(struct conns *c, unsigned peer, const void *p, size_t len);
void conn_close(struct conns *c, unsigned peer);
/** conns_fill - the descriptors to wait for; conns_serve - do what poll(2) found, and tell the logic */
nfds_t conns_fill(const struct conns *c, struct pollfd *fds);
void conns_serve(struct conns *c, const struct pollfd *fds, struct follow *f);
/** conns_failed - has a connection failed that conns_serve() has not told of yet? */
bool conns_failed(const struct conns *c);

/* ---- what others may know of the follower ---- */

enum { FOLLOW_AGENT_MAX = 128, FOLLOW_STATE_MS = 2000 /* between two writings */ };
struct follow_seen {
	bool connected;
	char agent[FOLLOW_AGENT_MAX]; /* as it calls itself, cleaned */
	const char *left;	      /* why it was left, NULL: never */
	int64_t since_s;	      /* connected or left since; 0: neither yet */
};
struct follow_state {
	int64_t written_ms;
	struct follow_seen peer[FOLLOW_PEERS_MAX]; /* as in struct conns */
};
/** follow_state_write - replace LEDGER/follow/state.json (docs/format/watch.md 8), which lugd shows
 * In:      head     everything but the peers; STEALS
 * Returns: 0; -ERR_NOMEM; as file_write() */
int follow_state_write(struct follow_state *s, const char *ledger_dir, const struct conns *c,
		       json_t *head, struct err *e) WARN_UNUSED;
#endif
