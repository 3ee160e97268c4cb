/* SPDX-License-Identifier: Apache-2.0
 * Blocks of the Bitcoin family: header, proof of work, merkle root, and a reader that gives one transaction after the other.
 *
 * Hashes are in stored order; hash_text() of chain/hash.h reverses them for people. */
#ifndef CHAIN_BLOCK_H
#define CHAIN_BLOCK_H
#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"
#include "chain/network.h"
#include "chain/tx.h"
#include "chain/u256.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BLOCK_HEADER_LEN = 80,
	BLOCK_LEN_MAX = 32 << 20, /* Bitcoin Cash; the others stay below 4 MB */
	BLOCK_TX_LEN_MIN = 60,	  /* one input, one output, empty scripts */
};

struct block_header {
	uint32_t version;
	uint8_t prev32[32], merkle32[32];
	uint32_t time_s; /* Unix seconds, as the miner says */
	uint32_t bits;	 /* target in its short form */
	uint32_t nonce;
};

/** block_header_decode, block_header_encode - the 80 bytes; every value is possible */
struct block_header block_header_decode(const uint8_t p80[static BLOCK_HEADER_LEN]);
void block_header_encode(const struct block_header *h, uint8_t ret_p80[static BLOCK_HEADER_LEN]);
/** block_hash - SHA-256 twice over the 80 bytes; also the block's name on chains whose work is another hash */
void block_hash(const uint8_t p80[static BLOCK_HEADER_LEN], uint8_t ret_hash32[static 32]);

/** block_target - the number that nBits stands for
 * Returns: 0; -ERR_RANGE negative, zero or above 2^256 */
int block_target(uint32_t bits, struct u256 *ret_target) WARN_UNUSED;
/** block_work - expected hashes for a target, 2^256 / (target + 1); zero for bits that are not valid */
struct u256 block_work(uint32_t bits);
/** block_check_work - does the hash meet nBits, and is that hard enough for the network?
 * Returns: 0; -ERR_RANGE nBits; -ERR_CORRUPT the hash is above the target; -ERR_UNSUPPORTED the network's work is another hash
 *          (Litecoin: scrypt), which is not checked here */
int block_check_work(const uint8_t hash32[static 32], uint32_t bits,
		     const struct network *n) WARN_UNUSED;

/** block_check_header - does a header meet its own nBits, by the hash that is its network's work, and are those hard enough?
 * Returns: 0; -ERR_RANGE nBits; -ERR_CORRUPT the hash is above the target; -ERR_UNSUPPORTED the network has no such work; -ERR_NOMEM
 * Cost:    two SHA-256; scrypt with 128 kB of memory (Litecoin), some 0.3 ms */
int block_check_header(const uint8_t p80[static BLOCK_HEADER_LEN],
		       const struct network *n) WARN_UNUSED;

/* Merkle root of any number of leaves in a fixed state: one pending hash a level. */
struct merkle {
	uint64_t n;
	bool repeated;
	uint8_t level[48][32];
};
/** merkle_init, merkle_add - start, and one leaf
 * merkle_root - the root of what was added; the state is used up
 * Returns: true; false when two equal subtrees stand side by side at an end, so that another list has the same root (CVE-2012-2459) */
void merkle_init(struct merkle *m);
void merkle_add(struct merkle *m, const uint8_t leaf32[static 32]);
bool merkle_root(struct merkle *m, uint8_t ret_root32[static 32]);

/* A walk over a block. Read the header at once, the transactions with block_next(). */
struct block_reader {
	struct cur c;
	unsigned flags;
	const uint8_t *header80;
	struct block_header header;
	uint32_t tx_n, tx_left;
	const uint8_t *extra; /* Litecoin: the extension block behind the transactions; NULL */
	size_t extra_len;
};
/** block_open - begin with the bytes of exactly one block
 * In:      p        borrowed; len <= BLOCK_LEN_MAX
 *          flags    enum tx_flags of its network, see block_flags()
 * Returns: 0; -ERR_TRUNCATED; -ERR_OVERSIZE; -ERR_FORMAT no transaction */
int block_open(struct block_reader *r, const void *p, size_t len, unsigned flags) WARN_UNUSED;
/** block_next - the next transaction, valid as long as the bytes are
 * Returns: 1; 0 at the end, everything consumed; the error of tx_read(), -ERR_TRAILING bytes behind the last,
 *          -ERR_FORMAT the first is not a coinbase or a later one is; errors stay */
int block_next(struct block_reader *r, struct tx *ret_tx) WARN_UNUSED;
/** block_flags - the flags that a network's blocks need */
unsigned block_flags(enum net net);

struct block_summary {
	uint8_t hash32[32];
	struct block_header header;
	uint32_t tx_n;
	uint64_t in_n, out_n; /* coinbase inputs not counted */
	uint64_t weight;
	int64_t height; /* stated by the coinbase (BIP 34), -1 when it states none */
};
/** block_check - read a whole block and check work, merkle root and, where the coinbase commits to one, the witness root (BIP 141)
 * Out:     ret      may be NULL
 * Returns: 0; the errors of block_open(), block_next() and block_check_work(), unless that is -ERR_UNSUPPORTED;
 *          -ERR_CHECKSUM a root differs; the words are in e */
int block_check(const void *p, size_t len, enum net net, struct block_summary *ret,
		struct err *e) WARN_UNUSED;

/** block_encode - header and count; the caller appends the transactions with tx_encode() */
void block_encode(const struct block_header *h, uint32_t tx_n, struct buf *out);
#endif
