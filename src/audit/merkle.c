/* SPDX-License-Identifier: Apache-2.0
 * The Merkle tree of RFC 6962 2.1 over a front (for growing) and over full subtrees (for proofs).
 *
 * Every tree of n leaves is a row of full subtrees, one for each bit set in n, largest first. The front keeps their roots; its
 * root folds them from the smallest up. Proofs are made by walking from the root of [0, n) down: at each step the range splits
 * at the largest power of two below its width, k, and the half that is not taken contributes its hash.
 *
 * Checks follow RFC 9162 2.1.3.2 and 2.1.4.2: no recursion, and the number of hashes must be exact. */
#include "audit/merkle.h"
#include "crypto/crypto.h"
#include <stdbool.h>
#include <string.h>

void merkle_leaf(const void *p, size_t len, uint8_t out32[static 32])
{
	struct sha256 h;
	sha256_init(&h);
	sha256_update(&h, "\0", 1);
	sha256_update(&h, p, len);
	sha256_final(&h, out32);
}

void merkle_node(const uint8_t left32[static 32], const uint8_t right32[static 32],
		 uint8_t out32[static 32])
{
	uint8_t both[1 + 64] = {1};
	memcpy(both + 1, left32, 32);
	memcpy(both + 33, right32, 32);
	sha256(both, sizeof(both), out32);
}

/* ---- growing ---- */

void merkle_append(struct merkle_front *f, const uint8_t leaf32[static 32])
{
	uint8_t hash[32];
	memcpy(hash, leaf32, 32);
	unsigned h = 0;
	for (; f->size >> h & 1; h++)
		merkle_node(f->node[h], hash, hash);
	memcpy(f->node[h], hash, 32);
	f->size++;
}

void merkle_front_root(const struct merkle_front *f, uint8_t out32[static 32])
{
	bool any = false;
	uint8_t hash[32];
	for (unsigned h = 0; h < MERKLE_LEVELS; h++) {
		if (!(f->size >> h & 1))
			continue;
		if (any)
			merkle_node(f->node[h], hash, hash);
		else
			memcpy(hash, f->node[h], 32);
		any = true;
	}
	if (any)
		memcpy(out32, hash, 32);
	else
		sha256("", 0, out32);
}

int merkle_front_load(const struct merkle_source *src, uint64_t size,
		      struct merkle_front *ret_front, struct err *e)
{
	struct merkle_front f = {.size = size};
	for (unsigned h = 0; h < MERKLE_LEVELS; h++) {
		if (!(size >> h & 1))
			continue;
		/* The subtree of 2^h leaves stands right after all larger ones. */
		uint64_t index = (size >> h) - 1;
		int r = src->node(src->ctx, h, index, f.node[h], e);
		if (r < 0)
			return r;
	}
	*ret_front = f;
	return 0;
}

/* ---- proving ---- */

/* Largest power of two below n, for n >= 2. */
static uint64_t split(uint64_t n)
{
	return 1ull << (63 - __builtin_clzll(n - 1));
}

/* The hash of leaves [start, start + n): start is a multiple of the smallest power of two that holds n. */
static int range_hash(const struct merkle_source *src, uint64_t start, uint64_t n,
		      uint8_t out32[static 32], struct err *e)
{
	bool any = false;
	uint8_t hash[32], left[32];
	for (unsigned h = 0; h < MERKLE_LEVELS; h++) {
		if (!(n >> h & 1))
			continue;
		int r = src->node(src->ctx, h, (start + n) / (1ull << h) - 1, any ? left : hash, e);
		if (r < 0)
			return r;
		if (any)
			merkle_node(left, hash, hash);
		any = true;
		n -= 1ull << h;
	}
	memcpy(out32, hash, 32);
	return 0;
}

/* Hashes are found from the root down and wanted from the leaf up. */
static void reverse(uint8_t (*proof)[32], size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint8_t t[32];
		memcpy(t, proof[i], 32);
		memcpy(proof[i], proof[n - 1 - i], 32);
		memcpy(proof[n - 1 - i], t, 32);
	}
}

int merkle_inclusion(const struct merkle_source *src, uint64_t index, uint64_t size,
		     uint8_t (*proof)[32], size_t *ret_n, struct err *e)
{
	if (index >= size)
		return err_set(e, ERR_RANGE, "index", "Leaf %llu is not in a tree of %llu.",
			       (unsigned long long)index, (unsigned long long)size);
	uint64_t start = 0, n = size;
	size_t found = 0;
	while (n > 1) {
		uint64_t k = split(n);
		bool right = index - start >= k;
		int r = right ? range_hash(src, start, k, proof[found++], e)
			      : range_hash(src, start + k, n - k, proof[found++], e);
		if (r < 0)
			return r;
		start += right ? k : 0;
		n = right ? n - k : k;
	}
	reverse(proof, found);
	*ret_n = found;
	return 0;
}

int merkle_consistency(const struct merkle_source *src, uint64_t size1, uint64_t size2,
		       uint8_t (*proof)[32], size_t *ret_n, struct err *e)
{
	if (size1 < 1 || size1 > size2)
		return err_set(e, ERR_RANGE, "size", "No growth from %llu to %llu can be proven.",
			       (unsigned long long)size1, (unsigned long long)size2);
	uint64_t start = 0, n = size2,
		 m = size1; /* the old tree ends m leaves into [start, start + n) */
	size_t found = 0;
	int r = 0;
	while (m < n && r == 0) {
		uint64_t k = split(n);
		if (m <= k) {
			r = range_hash(src, start + k, n - k, proof[found++], e);
			n = k;
		} else {
			r = range_hash(src, start, k, proof[found++], e);
			start += k;
			n -= k;
			m -= k;
		}
	}
	if (r == 0 && start > 0) /* else the old tree is a full subtree, and its root is known */
		r = range_hash(src, start, n, proof[found++], e);
	if (r < 0)
		return r;
	reverse(proof, found);
	*ret_n = found;
	return 0;
}

/* ---- checking ---- */

static int same(const uint8_t *a32, const uint8_t *b32)
{
	return memcmp(a32, b32, 32) == 0 ? 0 : -ERR_CORRUPT;
}

int merkle_inclusion_check(uint64_t index, uint64_t size, const uint8_t leaf32[static 32],
			   const uint8_t (*proof)[32], size_t n, const uint8_t root32[static 32])
{
	if (index >= size)
		return -ERR_RANGE;
	uint8_t hash[32];
	memcpy(hash, leaf32, 32);
	uint64_t at = index, last = size - 1;
	size_t used = 0;
	for (; last > 0; at >>= 1, last >>= 1) {
		if (!(at & 1) && at == last)
			continue; /* no sibling on this level: the node goes up as it is */
		if (used == n)
			return -ERR_TRUNCATED;
		if (at & 1)
			merkle_node(proof[used++], hash, hash);
		else
			merkle_node(hash, proof[used++], hash);
	}
	return used < n ? -ERR_TRAILING : same(hash, root32);
}

static int growth_walk(uint64_t size1, uint64_t size2, const uint8_t (*proof)[32], size_t n,
		       const uint8_t *start32, uint8_t old32[static 32], uint8_t new32[static 32])
{
	uint64_t at = size1 - 1, last = size2 - 1;
	for (; at & 1; at >>= 1)
		last >>= 1;
	memcpy(old32, start32, 32);
	memcpy(new32, start32, 32);
	size_t used = 0;
	for (; last > 0; at >>= 1, last >>= 1) {
		if (!(at & 1) && at == last)
			continue;
		if (used == n)
			return -ERR_TRUNCATED;
		if (at & 1) {
			merkle_node(proof[used], old32, old32);
			merkle_node(proof[used++], new32, new32);
		} else {
			merkle_node(new32, proof[used++], new32);
		}
	}
	return used < n ? -ERR_TRAILING : 0;
}

int merkle_consistency_check(uint64_t size1, uint64_t size2, const uint8_t root1[static 32],
			     const uint8_t root2[static 32], const uint8_t (*proof)[32], size_t n)
{
	if (size1 < 1 || size1 > size2)
		return -ERR_RANGE;
	if (size1 == size2)
		return n ? -ERR_TRAILING : same(root1, root2);
	bool full = (size1 & (size1 - 1)) ==
		    0; /* the old root is itself the first hash, and is left out */
	if (!full && n == 0)
		return -ERR_TRUNCATED;
	uint8_t old32[32], new32[32];
	int r = full ? growth_walk(size1, size2, proof, n, root1, old32, new32)
		     : growth_walk(size1, size2, proof + 1, n - 1, proof[0], old32, new32);
	if (r == 0)
		r = same(old32, root1);
	return r < 0 ? r : same(new32, root2);
}
