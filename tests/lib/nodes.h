/* SPDX-License-Identifier: Apache-2.0
 * A network of nodes in one process, for tests, simulator and benchmark: real keys and notes, one virtual clock, one seed. */
#ifndef TESTS_NODES_H
#define TESTS_NODES_H
#include "base/buf.h"
#include "base/prng.h"
#include "exchange/directory.h"
#include "exchange/exchange.h"
#include "store/store.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NODES_MAX = 5, NODES_GOVERNORS = 3, NODES_EPOCHS = 3, NODES_START_S = 1790000000 };

#define NODES_PROBE_TYPE "application/vnd.lugdunum.probe"

struct nodes;
struct node {
	struct nodes *net;
	char name[EXCHANGE_NAME_MAX + 1];
	uint8_t identity32[32], node32[32], evidence32[32], audit32[32];
	uint8_t epochs[NODES_EPOCHS][32];
	struct directory_node note; /* as published last */
	struct buf signed_note;
	int64_t skew_ms;
	bool keyd_away; /* sign and unwrap fail */
	struct store *store;
	struct exchange *x;
	struct exchange_env env;
	int probe_result;    /* what the probe's handler returns */
	unsigned events[16]; /* by kind */
	char last_event[ERR_MESSAGE_MAX];
	void *user;
};
struct nodes_mail { /* a POST on its way */
	size_t from, to;
	enum exchange_kind kind;
	uint64_t send_id;
	struct buf body;
};
struct nodes {
	struct node node[NODES_MAX];
	size_t n;
	int64_t now_ms; /* true time; wall is this and the node's skew */
	struct prng rng;
	uint8_t governors[NODES_GOVERNORS][32];
	struct buf members; /* signed note */
	uint64_t members_version;
	uint8_t members_hash32[32];
	/* Where POSTs go; NULL: into mail[], for nodes_run(). */
	int (*send)(struct nodes *w, struct node *from, const char *peer, enum exchange_kind kind,
		    const void *p, size_t len, uint64_t send_id);
	struct nodes_mail *mail;
	size_t mail_n, mail_max;
	void (*event)(struct nodes *w, const struct exchange_event *ev); /* NULL: only counted */
	bool cut[NODES_MAX][NODES_MAX]; /* from, to: nodes_run() gives no answer */
	void *user;
};

/** nodes_init - n nodes with keys and notes from a seed; nothing is opened. nodes_done - close and release */
void nodes_init(struct nodes *w, const char *const *names, size_t n, uint64_t seed);
void nodes_done(struct nodes *w);

/** nodes_sign_members - sign the next members note, of all nodes but those in `without` (bits), by signers (bits of governors)
 * nodes_sign_node - sign the node's next note from node->note (dates and link are set here) */
void nodes_sign_members(struct nodes *w, uint32_t without, uint32_t signers);
void nodes_sign_node(struct nodes *w, size_t i);

/** nodes_rekey - the node signs with a new key of that kind from now on, and its next note says so; revoke: the old one is revoked in
 *               it, else it stays listed beside the new one. The note is signed, not installed. */
void nodes_rekey(struct nodes *w, size_t i, enum directory_key_kind kind, bool revoke);

/** node_open - open store and exchange at a path (":memory:"), with the probe's handler; node_install - members and all notes
 * node_close - as a clean stop or, since nothing is flushed, a crash */
int node_open(struct node *node, const char *where, const struct store_options *o, struct err *e);
int node_install(struct node *node, struct err *e);
void node_close(struct node *node);
size_t nodes_index(const struct nodes *w, const char *name); /* NODES_MAX if none */

/** nodes_start - open all in memory and install everything; aborts on failure
 * nodes_run - poll all and carry mail until nothing moves, at the present time; rounds at most 1000
 * nodes_pass - let time pass in steps of step_ms, running at each */
void nodes_start(struct nodes *w);
void nodes_run(struct nodes *w);
void nodes_pass(struct nodes *w, int64_t ms, int64_t step_ms);

/** node_post - one part of the probe's type from a node to others (names, NULL at the end); own transaction */
int node_post(struct node *node, enum exchange_class class, const char *text, uint8_t ret_id16[16],
	      struct err *e, ...) __attribute__((sentinel));
/** node_effects - how often the probe has seen this text; -1 an error. node_count - one number by SQL */
int64_t node_effects(struct node *node, const char *text);
int64_t node_count(struct node *node, const char *sql);
#endif
