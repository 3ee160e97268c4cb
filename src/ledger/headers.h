/* SPDX-License-Identifier: Apache-2.0
 * Header index: all block headers that are known, linked to a tree, and the path with the most work through it. */
#ifndef LEDGER_HEADERS_H
#define LEDGER_HEADERS_H
#include "base/err.h"
#include "chain/block.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEADER_NONE UINT32_MAX
struct header_node {
	uint8_t hash32[32], prev32[32];
	struct u256 work; /* of the path up to and with this one; valid when reached */
	uint64_t off;	  /* where the block's bytes are */
	uint32_t file, size, bits, tx_n;
	uint32_t parent;	 /* HEADER_NONE at a root or while unlinked */
	uint32_t child, sibling; /* lists of the tree */
	uint32_t depth;		 /* blocks from the root; valid when reached */
	bool reached;
};
struct headers {
	struct header_node *nodes;
	uint32_t n, cap;
	uint32_t *slots; /* node + 1 by keyed fingerprint of the hash */
	uint32_t slot_n;
	uint8_t key16[16];
	uint64_t bytes_max;
	uint32_t *path; /* nodes from root to tip */
	uint32_t path_n;
};

/** headers_init - empty; at most bytes_max bytes of memory. headers_done - release */
void headers_init(struct headers *h, const uint8_t key16[static 16], uint64_t bytes_max);
void headers_done(struct headers *h);
/** headers_add - add a block; one that is known gets its new place when replace is set (a block written again after a crash)
 * Returns: 0; -ERR_BUDGET; -ERR_NOMEM */
int headers_add(struct headers *h, const uint8_t header80[static 80],
		const uint8_t hash32[static 32], uint32_t file, uint64_t off, uint32_t size,
		uint32_t tx_n, bool replace) WARN_UNUSED;
/** headers_find - node of a hash; HEADER_NONE */
uint32_t headers_find(const struct headers *h, const uint8_t hash32[static 32]);
/** headers_best - link all, and find the path of most work; of equal ones the tip added first
 * In:      root32   the first block of the path; NULL: any block whose parent is not known
 * Returns: 0; -ERR_NOENT no such root; -ERR_NOMEM */
int headers_best(struct headers *h, const uint8_t *root32) WARN_UNUSED;
#endif
