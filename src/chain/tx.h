/* SPDX-License-Identifier: Apache-2.0
 * Transactions of the Bitcoin family: decoded in place, walked without allocation, encoded again byte for byte.
 *
 * tx_decode() checks everything about the form, once. What it returns is therefore walked by iterators that cannot fail:
 *	struct tx_iter it = tx_ins(&tx);
 *	for (struct txin in; txin_next(&it, &in);) ...
 * All pointers look into the caller's bytes, which must outlive them. Hashes are in stored order. */
#ifndef CHAIN_TX_H
#define CHAIN_TX_H
#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"
#include "chain/amount.h"
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	TX_LEN_MAX = 32 << 20, /* the largest block of the family; a transaction is in one */
	TX_IN_LEN_MIN = 41,    /* outpoint 36, empty script 1, sequence 4 */
	TX_OUT_LEN_MIN = 9,    /* value 8, empty script 1 */
};
enum tx_flags {
	TX_MWEB =
		1, /* Litecoin: the last transaction of a block may carry the extension mark (flag 8) */
};

/* An input, for reading and for writing. */
struct txin {
	const uint8_t *prev32; /* txid of the output that it spends; zeros for a coinbase */
	uint32_t prev_n;       /* its position there */
	uint32_t script_len;
	const uint8_t *script;
	uint32_t sequence;
	uint32_t witness_len; /* 0: no witness */
	const uint8_t *
		witness; /* the whole stack as in the transaction: count, then length and bytes of each item */
};
struct txout {
	struct sat value;
	uint32_t script_len;
	const uint8_t *script;
};

/* A transaction that tx_decode() has accepted. */
struct tx {
	const uint8_t *p; /* its whole serialisation */
	size_t len;
	uint32_t version, locktime;
	uint32_t in_n, out_n;
	const uint8_t *ins, *outs; /* first input, first output */
	const uint8_t *body_end;   /* behind the last output */
	const uint8_t *witness;	   /* first witness; NULL without */
	bool coinbase;		   /* its only input spends nothing */
	bool mweb;		   /* carries Litecoin's extension mark */
	struct sat out_sum;	   /* of all outputs */
};
/* A walk over inputs, outputs or witnesses. */
struct tx_iter {
	const uint8_t *p;
	uint32_t left;
};

/** tx_read - decode the transaction at the cursor, in place, in one pass
 * In:      flags    enum tx_flags
 * Out:     ret_tx   untouched on failure
 * Returns: 0, the cursor behind it; else the cursor's error: -ERR_TRUNCATED; -ERR_FORMAT no input or output, a length not in its
 *          shortest form, a witness that says nothing, an unknown flag; -ERR_RANGE an amount above SAT_MAX, alone or in sum;
 *          -ERR_OVERSIZE above TX_LEN_MAX or a count that cannot fit
 * Source:  Bitcoin protocol, BIP 144 */
int tx_read(struct cur *c, unsigned flags, struct tx *ret_tx) WARN_UNUSED;
/** tx_decode - the same for bytes that hold exactly one
 * Returns: as above; -ERR_TRAILING */
int tx_decode(const void *p, size_t len, unsigned flags, struct tx *ret_tx) WARN_UNUSED;

/** tx_id - hash without witness; tx_wid - with it. Cost: two SHA-256 of the bytes concerned, no copy */
void tx_id(const struct tx *t, uint8_t ret_txid32[static 32]);
void tx_wid(const struct tx *t, uint8_t ret_wtxid32[static 32]);
/** tx_weight - three times the length without witness plus the length (BIP 141) */
uint64_t tx_weight(const struct tx *t);
/** tx_height - the block height that a coinbase states (BIP 34)
 * Returns: 0; -ERR_NOENT not a coinbase, or one that states none */
int tx_height(const struct tx *t, uint32_t *ret_h) WARN_UNUSED;

/** tx_encode - append a transaction built of inputs and outputs; with witness when any input has one
 * Returns: 0; -ERR_INVAL no input or output, or a malformed witness; -ERR_RANGE an amount; -ERR_OVERSIZE, -ERR_NOMEM of the buffer */
int tx_encode(uint32_t version, const struct txin *ins, uint32_t in_n, const struct txout *outs,
	      uint32_t out_n, uint32_t locktime, struct buf *out) WARN_UNUSED;

/** size_put - append a length or count in the chain's variable form (1, 3, 5 or 9 bytes)
 * size_read - read one in its shortest form; the cursor fails with -ERR_FORMAT when it is not */
void size_put(struct buf *out, uint64_t v);
uint64_t size_read(struct cur *c);

/* ---- the walk: only over what tx_decode() accepted ---- */

static inline struct tx_iter tx_ins(const struct tx *t)
{
	return (struct tx_iter){t->ins, t->in_n};
}
static inline struct tx_iter tx_outs(const struct tx *t)
{
	return (struct tx_iter){t->outs, t->out_n};
}
/** tx_witnesses - walk along with tx_ins(); empty for a transaction without witness */
static inline struct tx_iter tx_witnesses(const struct tx *t)
{
	return (struct tx_iter){t->witness, t->witness ? t->in_n : 0};
}
/** size_next_unchecked - the variable-length number at *p, which moves behind it; only for bytes that were decoded before */
static inline uint64_t size_next_unchecked(const uint8_t **p)
{
	const uint8_t *q = *p;
	uint64_t v = 0;
	if (__builtin_expect(q[0] < 0xfd, 1)) {
		*p = q + 1;
		return q[0];
	}
	size_t n = q[0] == 0xfd ? 2 : q[0] == 0xfe ? 4 : 8;
	memcpy(&v, q + 1, n);
	*p = q + 1 + n;
	return le64toh(v);
}
/** txin_next, txout_next - the next one; false at the end. The witness of an input is empty here, see txin_witness()
 * txin_witness - fill in the witness of the next input; false at the end */
static inline bool txin_next(struct tx_iter *it, struct txin *ret)
{
	if (!it->left)
		return false;
	uint32_t n, seq;
	memcpy(&n, it->p + 32, 4);
	ret->prev32 = it->p;
	ret->prev_n = le32toh(n);
	it->p += 36;
	ret->script_len = (uint32_t)size_next_unchecked(&it->p);
	ret->script = it->p;
	memcpy(&seq, it->p + ret->script_len, 4);
	ret->sequence = le32toh(seq);
	ret->witness_len = 0;
	ret->witness = NULL;
	it->p += ret->script_len + 4;
	it->left--;
	return true;
}
static inline bool txout_next(struct tx_iter *it, struct txout *ret)
{
	if (!it->left)
		return false;
	memcpy(&ret->value.v, it->p, 8);
	ret->value.v = le64toh(ret->value.v);
	it->p += 8;
	ret->script_len = (uint32_t)size_next_unchecked(&it->p);
	ret->script = it->p;
	it->p += ret->script_len;
	it->left--;
	return true;
}
bool txin_witness(struct tx_iter *it, struct txin *ret);
#endif
