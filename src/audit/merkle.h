/* SPDX-License-Identifier: Apache-2.0
 * Merkle tree as in RFC 6962 2.1 with SHA-256: growing it, proving with it, checking proofs. Pure. */
#ifndef AUDIT_MERKLE_H
#define AUDIT_MERKLE_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { MERKLE_LEVELS = 64, MERKLE_PROOF_MAX = 64 };

/** merkle_leaf - SHA-256(0x00 || data); merkle_node - SHA-256(0x01 || left || right) */
void merkle_leaf(const void *p, size_t len, uint8_t out32[static 32]);
void merkle_node(const uint8_t left32[static 32], const uint8_t right32[static 32],
		 uint8_t out32[static 32]);

/* The roots of the full subtrees that a tree of `size` leaves is made of: node[h] counts when bit h of size is set. */
struct merkle_front {
	uint64_t size;
	uint8_t node[MERKLE_LEVELS][32];
};
/** merkle_append - one more leaf hash; merkle_front_root - of the tree so far; the empty tree's is SHA-256("") */
void merkle_append(struct merkle_front *f, const uint8_t leaf32[static 32]);
void merkle_front_root(const struct merkle_front *f, uint8_t out32[static 32]);

/* Where the hashes of full subtrees come from: the one of 2^height leaves that starts at leaf index << height. */
struct merkle_source {
	int (*node)(void *ctx, unsigned height, uint64_t index, uint8_t out32[static 32],
		    struct err *e);
	void *ctx;
};

/** merkle_front_load - the front of a tree of `size` leaves from a source
 * Returns: 0; as the source */
int merkle_front_load(const struct merkle_source *src, uint64_t size,
		      struct merkle_front *ret_front, struct err *e) WARN_UNUSED;

/** merkle_inclusion - prove that leaf `index` is in the tree of `size` leaves (RFC 6962 2.1.1)
 * Out:     proof    [*ret_n][32], from the leaf's sibling up; room for MERKLE_PROOF_MAX
 * Returns: 0; -ERR_RANGE index >= size; as the source
 * merkle_consistency - prove that the tree of size1 is the beginning of the one of size2 (2.1.2)
 * Returns: 0; -ERR_RANGE not 1 <= size1 <= size2; as the source */
int merkle_inclusion(const struct merkle_source *src, uint64_t index, uint64_t size,
		     uint8_t (*proof)[32], size_t *ret_n, struct err *e) WARN_UNUSED;
int merkle_consistency(const struct merkle_source *src, uint64_t size1, uint64_t size2,
		       uint8_t (*proof)[32], size_t *ret_n, struct err *e) WARN_UNUSED;

/** merkle_inclusion_check - that proof leads from the leaf to the root
 * In:      proof    [n][32]
 * Returns: 0; -ERR_RANGE index >= size; -ERR_TRUNCATED or -ERR_TRAILING the proof is too short or too long; -ERR_CORRUPT another root
 * Vectors: merkle/inclusion
 * merkle_consistency_check - that the tree with root2 begins with the tree with root1
 * Returns: as above; -ERR_RANGE not 1 <= size1 <= size2
 * Vectors: merkle/consistency */
int merkle_inclusion_check(uint64_t index, uint64_t size, const uint8_t leaf32[static 32],
			   const uint8_t (*proof)[32], size_t n,
			   const uint8_t root32[static 32]) WARN_UNUSED;
int merkle_consistency_check(uint64_t size1, uint64_t size2, const uint8_t root1[static 32],
			     const uint8_t root2[static 32], const uint8_t (*proof)[32],
			     size_t n) WARN_UNUSED;
#endif
