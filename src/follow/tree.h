/* SPDX-License-Identifier: Apache-2.0
 * Inside follow: the tree of headers, each checked against the rules of its network when it is added. */
#ifndef FOLLOW_TREE_H
#define FOLLOW_TREE_H
#include "chain/block.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_NONE UINT32_MAX
struct tree_node {
	uint8_t hash32[32];
	struct u256 work; /* of the chain up to and with this one */
	uint32_t parent, height, time_s, bits;
	bool stored; /* its block is kept, and all blocks before it */
};
struct tree {
	const struct network *network;
	bool trusted;
	uint8_t key16[16];
	struct tree_node *nodes;
	uint32_t n, cap;
	uint32_t *slots; /* node + 1, by keyed hash */
	uint32_t slot_n;
	uint32_t *chain; /* the best chain: node of each height */
	uint32_t chain_n, chain_cap;
	uint32_t tip; /* the best stored node; TREE_NONE */
};

/** tree_init - with the first block of the network, whose header is rebuilt from the table
 * Returns: 0; -ERR_NOMEM */
int tree_init(struct tree *t, const struct network *n, bool trusted,
	      const uint8_t key16[static 16]) WARN_UNUSED;
void tree_done(struct tree *t);
/** tree_find - the node of a hash; TREE_NONE */
uint32_t tree_find(const struct tree *t, const uint8_t hash32[static 32]);
/** tree_add - check a header and add it
 * In:      now_s    wall clock; negative: any time will do (a block that was stored before)
 * Out:     ret_node also when it was known
 * Returns: 0; -ERR_NOENT no such parent; -ERR_CORRUPT its hash is above the target; -ERR_RANGE the target is not what the rules ask
 *          for; -ERR_EXPIRED its time is at or before the median of the eleven before; -ERR_AGAIN too far ahead;
 *          -ERR_OVERSIZE; -ERR_NOMEM */
int tree_add(struct tree *t, const uint8_t header80[static 80], int64_t now_s,
	     uint32_t *ret_node) WARN_UNUSED;
/** tree_stored - its block and those before it are kept */
void tree_stored(struct tree *t, uint32_t node);
/** tree_on_chain - is it on the best chain? tree_best - the last of that */
bool tree_on_chain(const struct tree *t, uint32_t node);
uint32_t tree_best(const struct tree *t);
/** tree_back - the node `steps` before; its first block when there are fewer */
uint32_t tree_back(const struct tree *t, uint32_t node, uint32_t steps);
/** tree_missing - nodes on the way to `to` that are not stored, in the order of the chain
 * Returns: how many were written, at most max */
uint32_t tree_missing(const struct tree *t, uint32_t to, uint32_t *nodes, uint32_t max);
/** tree_more_work - has a more work than b? TREE_NONE has none */
bool tree_more_work(const struct tree *t, uint32_t a, uint32_t b);

/** rules_known - are the network's difficulty rules written here?
 * rules_bits - the target that the block after `parent` must state, at time_s */
bool rules_known(const struct network *n);
uint32_t rules_bits(const struct tree *t, uint32_t parent, uint32_t time_s);
/** rules_retarget - bits after a period of `span_s` seconds, from those of its last block (on testnet4, its first)
 * Source:  Bitcoin Core pow.cpp   Vectors: pow_tests.cpp */
uint32_t rules_retarget(const struct network *n, uint32_t bits, int64_t span_s);
#endif
