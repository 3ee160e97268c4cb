/* SPDX-License-Identifier: Apache-2.0
 * chaingen, inside: a small economy that makes blocks, and the truth about it.
 *
 * Everything follows from the seed: the same options give the same bytes. Memory holds the coins that will still be spent
 * and the owners, never the chain. Failures end the program (gen_die): it is a tool, with nothing to save. */
#ifndef CHAINGEN_GEN_H
#define CHAINGEN_GEN_H
#include "base/buf.h"
#include "base/prng.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	TX_IN_MAX = 1000,
	TX_OUT_MAX = 1000,
	BLOCK_TX_MAX = 20000,
	BLOCK_BYTES_MAX = 3500000, /* below the 4,000,000 weight units in any case */
	MATURITY = 100,
	HALVING = 150,		   /* blocks, as on regtest */
	BLOCK_S = 600,		   /* between two blocks, on average */
	GENESIS_TIME = 1296688602, /* regtest's */
	DUST_SAT = 546,
	WORTH_SAT =
		40000, /* below, a coin is spent only beside others: it would not pay for two outputs */
	RECENT_MAX = 4,
	SET_MAX = 8, /* thefts followed at once */
	NAME_MAX_LEN = 32,
};
#define COIN_SAT UINT64_C(100000000)
#define NOBODY UINT32_MAX
#define NO_COIN UINT32_MAX

enum script { P2PK, P2PKH, P2SH, P2WPKH, P2WSH, P2TR, DATA };

/* Where money can be paid. The public key is spread from seed, so it need not be kept. */
struct payee {
	uint64_t seed;
	uint8_t payload[32]; /* 20 or 32 bytes; of P2PK the hash of its key; DATA: the data */
	uint8_t script;
	uint8_t data_len;
};

enum kind { MINER, EXCHANGE, WALLET, PEELER, SPAMMER, SCRIPTED };
struct owner {
	struct payee recent[RECENT_MAX];
	uint32_t coins, coins_last, coin_n; /* the list, newest first, and how many */
	uint32_t addr_n;		    /* addresses so far */
	uint8_t kind, recent_n;
	uint8_t script; /* that his program makes addresses of; it changes now and then */
	bool sorts;	/* his program orders inputs and outputs as BIP 69 says */
};

/* Tainted part of a coin, one entry a theft. */
struct run {
	uint64_t off, len;
	uint32_t set;
};
struct taint {
	uint64_t poison[SET_MAX], haircut[SET_MAX];
	uint32_t run_n; /* of all sets together, ordered by offset within a set */
	struct run run[];
};

struct coin {
	uint8_t txid[32];
	struct payee to;
	uint64_t value;
	struct taint *taint; /* NULL for most */
	uint32_t vout, owner, height;
	uint32_t next, prev;	       /* in the owner's list */
	uint32_t list;		       /* height, or blocks + 1: aside */
	uint32_t list_next, list_prev; /* in that list */
	bool coinbase;
};

struct out {
	struct payee to;
	uint64_t value;
	uint32_t owner;
	bool keep; /* never lost, and spent by the script only */
};

/* The transaction being made. */
struct draft {
	uint32_t in_n, out_n;
	struct coin in[TX_IN_MAX];
	struct out out[TX_OUT_MAX];
	uint32_t out_coin[TX_OUT_MAX]; /* filled by tx_commit */
	int change;		       /* which output, or -1 */
	bool coinjoin;
	const char *what;
	uint8_t txid[32];
};

struct set { /* a theft, or a group of thefts, whose money is followed */
	char name[NAME_MAX_LEN];
	uint64_t in, fee_poison, fee_haircut, fee_fifo;
};

struct options {
	const char *out, *scenario;
	uint64_t seed, transactions, file_bytes;
	uint32_t blocks, thefts;
	int64_t end_s; /* time of the last block, about */
	bool xor, stale, rev, truncate, zero_tail, truth, quiet;
};

/* Addresses of the two exchanges that the script needs labels for. */
enum { MARKED_MAX = 60 };
struct marked {
	struct payee p[MARKED_MAX];
	uint32_t n;
};

/* What is kept on its share, in classes: shares.c. */
enum share_kind { SHARE_INS, SHARE_OUTS, SHARE_AGES, SHARE_KIND_N };
enum { SHARE_CLASS_MAX = 8 };
struct share {
	uint64_t count[SHARE_CLASS_MAX], total;
};
struct age {
	uint32_t blocks, min, max; /* as drawn, and the limits of its class */
};

struct block_file;
struct truth;

struct gen {
	struct options opt;
	struct prng rng;
	uint32_t height; /* of the block being made */
	uint32_t time;
	uint8_t tip[32];
	uint64_t tx_done;
	uint32_t coinbase_coin; /* of the last block */
	/* coins */
	struct coin *coins;
	uint32_t coin_cap, coin_free, coin_n;
	uint32_t *lists; /* first coin made at each height; [blocks + 1]: aside */
	/* owners */
	struct owner *owners;
	uint32_t owner_n, exchange_0, exchange_n, wallet_0, wallet_n, peeler_0, peeler_n, spammer;
	/* the block */
	struct buf body;		     /* transactions behind the coinbase */
	uint8_t (*txids)[32], (*wtxids)[32]; /* row 0 is the coinbase */
	uint64_t *fee_sum;		     /* fees of the transactions up to each row */
	uint32_t *body_end;		     /* end of each row in body */
	uint32_t block_tx_n;
	struct buf undo;
	/* distributions kept on target by feedback */
	struct share share[SHARE_KIND_N];
	uint64_t outputs, reused;
	struct set sets[SET_MAX];
	uint32_t set_n;
	struct marked marked[2];
	struct block_file *files;
	struct truth *truth;
	struct draft draft;
};

_Noreturn void gen_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *gen_calloc(size_t n, size_t size);

/* owners.c: who there is, and addresses */
void owners_make(struct gen *g);
uint32_t owner_add(struct gen *g, enum kind k);
/** payee_new - a fresh address of an owner in the script mix of the era; payee_of - of one script; payee_any - fresh, or one used before */
struct payee payee_new(struct gen *g, uint32_t owner);
struct payee payee_of(struct gen *g, uint32_t owner, enum script script);
struct payee payee_any(struct gen *g, uint32_t owner, bool may_reuse);
struct payee payee_data(struct gen *g);
/** payee_key - the public key behind an address: 33 bytes, 65 for the keys of the first era */
size_t payee_key(const struct payee *p, uint8_t out65[static 65]);
void payee_redeem(const struct payee *p, uint8_t out22[static 22]);
void payee_witness_script(const struct payee *p, uint8_t out35[static 35]);
size_t payee_script(const struct payee *p, uint8_t out[static 128]);

/* coins.c: what can be spent */
uint32_t coin_add(struct gen *g, const struct coin *c);
void coin_remove(struct gen *g, uint32_t i);
/** coin_keep - from now on only the script spends it */
void coin_keep(struct gen *g, uint32_t i);
/** coin_pick - a coin of the age whose turn it is, to begin a transaction with; NO_COIN */
uint32_t coin_pick(struct gen *g);
/** coin_mature - may it be spent in the block being made? */
bool coin_mature(const struct gen *g, const struct coin *c);

/* shares.c: counts and ages as on the main network */
/** share_draw - a count of inputs or outputs, at most max; share_note - what it was at last */
uint32_t share_draw(struct gen *g, enum share_kind kind, uint32_t max);
void share_note(struct gen *g, enum share_kind kind, uint32_t v);
/** share_behind - are there too few in the class of v? share_percent - share of class k by now */
bool share_behind(const struct gen *g, enum share_kind kind, uint32_t v);
double share_percent(const struct gen *g, enum share_kind kind, size_t k);
/** age_draw - how old the next coin to be spent should be */
struct age age_draw(struct gen *g);
/** age_limit - the greatest age that is behind its share, in blocks */
uint32_t age_limit(const struct gen *g);

/* tx.c: one transaction, from coins to bytes */
void tx_begin(struct gen *g, const char *what);
void tx_take(struct gen *g, uint32_t coin);
struct out *tx_pay(struct gen *g, uint32_t owner, struct payee to, uint64_t value);
uint64_t tx_in_value(const struct draft *t);
/** tx_sort - order inputs by outpoint and outputs by amount (BIP 69); t->change goes along
 *  tx_commit - put the transaction into the block; what inputs exceed outputs by is its fee; new coins in out_coin */
void tx_sort(struct draft *t);
void tx_commit(struct gen *g);
uint64_t fee_draw(struct gen *g, uint32_t in_n, uint32_t out_n);

/* block.c: assembly */
void block_begin(struct gen *g);
void block_genesis(struct gen *g);
void block_end(struct gen *g);

/* files.c: blk*.dat, rev*.dat, xor.dat */
struct block_file *files_open(const struct options *o, uint64_t seed);
/** files_block - a whole block; undo NULL for a stale one */
void files_block(struct block_file *f, const struct buf *block, const struct buf *undo,
		 const uint8_t prev32[static 32]);
void files_close(struct block_file *f);

/* undo.c: one transaction's spent coins in the format of Bitcoin Core's rev files */
void undo_tx(struct buf *b, const struct draft *t);
void put_compact(struct buf *b, uint64_t v);

/* thefts.c: taint by docs/format/taint.md, written apart from the ledger's engine */
uint32_t set_add(struct gen *g, const char *name);
/** theft_seed - count a whole coin as stolen in a set */
void theft_seed(struct gen *g, uint32_t coin, uint32_t set);
void taint_tx(struct gen *g, struct draft *t, struct taint **ret_out);
uint64_t taint_fifo(const struct taint *t, uint32_t set);
bool tx_looks_joined(const struct draft *t);

/* truth.c */
struct truth *truth_open(const struct options *o);
void truth_address(struct gen *g, const struct payee *p, uint32_t owner);
void truth_tx(struct gen *g, const struct draft *t);
void truth_seed(struct gen *g, const struct coin *c, uint32_t set);
/** truth_end_coin - a coin that nobody will spend any more */
void truth_end_coin(struct gen *g, const struct coin *c);
void truth_close(struct gen *g);
enum { PAYEE_TEXT_MAX = 128, OUTPOINT_TEXT_MAX = 80 };
const char *payee_text(const struct payee *p, char out[static PAYEE_TEXT_MAX]);
const char *txid_text(const uint8_t txid32[static 32], char out[static 65]);
const char *outpoint_text(const struct coin *c, char out[static OUTPOINT_TEXT_MAX]);
const char *kind_name(enum kind k);

/* traffic.c: everyday life */
void traffic_block(struct gen *g, uint32_t target);

/* ransom.c: the scripted crime */
struct ransom;
struct ransom *ransom_new(struct gen *g);
void ransom_block(struct gen *g, struct ransom *r);
/** ransom_coinbase - keep the coin of an early coinbase for the script */
void ransom_coinbase(struct gen *g, struct ransom *r, uint32_t coin);
void ransom_close(struct gen *g, struct ransom *r);
#endif
