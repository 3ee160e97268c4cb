/* SPDX-License-Identifier: Apache-2.0
 * Ledger: what a chain's blocks say about money, as columns on disk, opened read-only and asked.
 *
 * Numbers (docs/format/ledger.md 1): a transaction is a u32 txnum in chain order; an output is a u64 of which 40 bits are used;
 * an address is a u32 and 0 is nobody. They are valid for the ledger that gave them until it is closed. An open
 * ledger is a snapshot: an import that runs meanwhile changes no answer. One struct ledger may be used by many threads.
 *
 * Questions about addresses speak of received and sent, never of outputs, so that a chain with accounts can stand behind them. */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H
#include "base/cleanup.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address; /* chain/address.h */
struct network; /* chain/network.h */
struct ledger;

#define LEDGER_FOREIGN_BASE \
	(UINT64_C(1) << 39) /* outputs from here on lie before the ledger's first block */
#define LEDGER_OUTPUT_NONE UINT64_MAX

struct ledger_info {
	uint32_t chain;	       /* its network's wire4 of chain/network.h, read as u32 */
	uint32_t first_height; /* height of the first block; 0 unless partial */
	uint32_t height;       /* height of the tip */
	uint8_t tip32[32];     /* its hash, stored order */
	bool partial; /* does not start at the chain's first block, so some inputs are foreign */
	uint64_t block_n, tx_n, output_n, input_n,
		address_n;   /* address ids are 1 to address_n - 1 */
	uint64_t foreign_n;  /* outputs that inputs name but that lie before the first block */
	uint64_t unknown_n;  /* those of them whose amount and address no undo file told */
	uint64_t disk_bytes; /* columns and index together */
};

/** ledger_open - map a finished ledger read-only
 * In:      dir      the folder
 * Out:     ret_l    close with ledger_close(); untouched on error
 * Returns: 0; -ERR_NOENT no ledger there; -ERR_AGAIN an import has to be finished first; -ERR_VERSION; -ERR_CORRUPT with file and
 *          reason; -ERR_BUSY a reorganisation is being written; -ERR_ACCES, -ERR_IO, -ERR_NOMEM
 * Cost:    maps files, reads a few pages; independent of the ledger's size */
int ledger_open(const char *dir, struct ledger **ret_l, struct err *e) WARN_UNUSED;
/** ledger_close - release; takes NULL, returns NULL */
struct ledger *ledger_close(struct ledger *l);
DEFINE_CLEANUP(struct ledger *, ledger_close);

/** ledger_info - counts and tip; borrowed from l */
const struct ledger_info *ledger_info(const struct ledger *l);
/** ledger_network - the network's row: names, decimals, how its addresses are written */
const struct network *ledger_network(const struct ledger *l);

struct ledger_block {
	uint32_t height, first_tx, tx_n, size, file;
	uint64_t file_off;
	uint32_t time_s;		/* the header's, Unix seconds */
	uint8_t hash32[32], prev32[32]; /* stored order */
};
/** ledger_block_at - the block of a height, and ledger_block_find - of a hash (stored order)
 * Returns: 0; -ERR_NOENT; -ERR_CORRUPT */
int ledger_block_at(const struct ledger *l, uint32_t height,
		    struct ledger_block *ret_b) WARN_UNUSED;
int ledger_block_find(const struct ledger *l, const uint8_t hash32[static 32],
		      struct ledger_block *ret_b) WARN_UNUSED;

struct ledger_tx {
	uint32_t txnum, height, time_s, position; /* position in its block; 0 is the coinbase */
	bool coinbase;
	uint32_t in_n, out_n;
	uint64_t first_in, first_out; /* inputs are first_in ... + in_n - 1, outputs likewise */
	uint8_t txid32[32];	      /* stored order */
};
/** ledger_tx_find - txnum of a txid (stored order); of two with the same txid the later
 * Returns: 0; -ERR_NOENT; -ERR_CORRUPT */
int ledger_tx_find(const struct ledger *l, const uint8_t txid32[static 32],
		   uint32_t *ret_txnum) WARN_UNUSED;
/** ledger_tx_get - what a transaction is
 * Returns: 0; -ERR_RANGE no such txnum; -ERR_CORRUPT */
int ledger_tx_get(const struct ledger *l, uint32_t txnum, struct ledger_tx *ret_tx) WARN_UNUSED;
/** ledger_tx_height - height of a transaction; of a txnum out of range, that of the tip */
uint32_t ledger_tx_height(const struct ledger *l, uint32_t txnum);
/** ledger_tx_fee - inputs minus outputs; 0 for a coinbase
 * Returns: 0; -ERR_RANGE no such txnum; -ERR_UNSUPPORTED an input's amount is unknown (partial ledger); -ERR_CORRUPT
 * Units:   base units of the chain */
int ledger_tx_fee(const struct ledger *l, uint32_t txnum, uint64_t *ret_fee) WARN_UNUSED;

/* The fast ones, for sweeps: no error path. Arguments out of range give the value that is named. */

/** ledger_first_out - first output of a transaction; of tx_n and above, output_n. ledger_first_in likewise */
uint64_t ledger_first_out(const struct ledger *l, uint32_t txnum);
uint64_t ledger_first_in(const struct ledger *l, uint32_t txnum);
/** ledger_in_output - the output that an input spends, below output_n or foreign; LEDGER_OUTPUT_NONE out of range or damaged */
uint64_t ledger_in_output(const struct ledger *l, uint64_t input);
/** ledger_out_value - amount of an output; 0 out of range or unknown */
uint64_t ledger_out_value(const struct ledger *l, uint64_t output);
/** ledger_out_address - address id of an output; 0 nobody, out of range or unknown */
uint32_t ledger_out_address(const struct ledger *l, uint64_t output);
/** ledger_out_spender - txnum that spends an output; 0 unspent. A spender that is a coinbase has no inputs: the output was made
 * unreachable by a later coinbase of the same txid (before BIP 30), and is neither spent nor spendable */
uint32_t ledger_out_spender(const struct ledger *l, uint64_t output);
/** ledger_out_known - false for a foreign output whose amount and address nothing told */
bool ledger_out_known(const struct ledger *l, uint64_t output);

enum ledger_spend { LEDGER_UNSPENT, LEDGER_SPENT, LEDGER_LOST /* see ledger_out_spender */ };
struct ledger_output {
	uint64_t output, value;
	uint32_t txnum;	   /* that made it; UINT32_MAX for a foreign one */
	uint32_t position; /* in that transaction */
	uint32_t address;
	bool foreign, known;
	enum ledger_spend spend;
	uint32_t spender, spender_position; /* txnum and which of its inputs, when LEDGER_SPENT */
	uint8_t txid32[32];		    /* of txnum, stored order; also for foreign ones */
};
/** ledger_output_get - everything about one output
 * Returns: 0; -ERR_RANGE no such output; -ERR_CORRUPT
 * Cost:    a binary search for its transaction */
int ledger_output_get(const struct ledger *l, uint64_t output,
		      struct ledger_output *ret_o) WARN_UNUSED;
/** ledger_out_tx - txnum that made an output; UINT32_MAX for a foreign one or out of range */
uint32_t ledger_out_tx(const struct ledger *l, uint64_t output);

/** ledger_address_find - id of an address or script identity
 * Returns: 0; -ERR_NOENT never seen on this chain; -ERR_CORRUPT */
int ledger_address_find(const struct ledger *l, const struct address *a,
			uint32_t *ret_id) WARN_UNUSED;
/** ledger_address_find_text - the same for an address as people write it
 * Returns: as above; -ERR_FORMAT, -ERR_CHECKSUM not an address; -ERR_NETWORK one of another chain (the words are in e) */
int ledger_address_find_text(const struct ledger *l, const char *text, uint32_t *ret_id,
			     struct err *e) WARN_UNUSED;
/** ledger_address_get - the identity of an id
 * Returns: 0; -ERR_RANGE no such id; -ERR_CORRUPT */
int ledger_address_get(const struct ledger *l, uint32_t id, struct address *ret_a) WARN_UNUSED;
enum { LEDGER_ADDRESS_TEXT_MAX = 128 };
/** ledger_address_text - as people write it; a script without an address form is "script:" and the hex of its SHA-256
 * Returns: 0; -ERR_RANGE no such id; -ERR_CORRUPT */
int ledger_address_text(const struct ledger *l, uint32_t id,
			char out[static LEDGER_ADDRESS_TEXT_MAX]) WARN_UNUSED;

/** ledger_address_outputs - the outputs paid to an address, in chain order (foreign ones last), a page at a time
 * In:      after    outputs above this one; LEDGER_OUTPUT_NONE begins
 * Out:     outs     at most max of them
 * Returns: how many were written, 0 at the end; -ERR_RANGE no such id; -ERR_CORRUPT */
int64_t ledger_address_outputs(const struct ledger *l, uint32_t id, uint64_t after, uint64_t *outs,
			       size_t max) WARN_UNUSED;

struct ledger_balance {
	uint64_t received, sent, balance;   /* base units; balance = received - sent - lost */
	uint64_t lost;			    /* unreachable, see LEDGER_LOST */
	uint64_t received_n, sent_n;	    /* how often: payments in, payments taken out again */
	uint64_t tx_n;			    /* different transactions */
	uint32_t first_tx, last_tx;	    /* txnum; meaningless when tx_n is 0 */
	uint32_t first_seen_s, last_seen_s; /* block times, Unix seconds */
};
/** ledger_address_balance - totals of an address at the tip
 * Returns: 0; -ERR_RANGE no such id; -ERR_CORRUPT; -ERR_NOMEM
 * Cost:    one look at each output of the address */
int ledger_address_balance(const struct ledger *l, uint32_t id,
			   struct ledger_balance *ret_b) WARN_UNUSED;

struct ledger_move {
	uint32_t txnum, height, time_s;
	uint64_t received, sent; /* by the address in this transaction; both may be set */
};
enum { LEDGER_PAGE_MAX = 10000 };
enum ledger_order { LEDGER_OLDEST_FIRST, LEDGER_NEWEST_FIRST };
/** ledger_address_moves - the transactions of an address, a page at a time, without holding the whole list
 * In:      order    by txnum
 *          after    begin behind this txnum (before it for newest first); -1 begins
 *          max      1 to LEDGER_PAGE_MAX
 * Out:     moves    the page
 * Returns: how many were written, 0 at the end; -ERR_RANGE; -ERR_CORRUPT; -ERR_NOMEM
 * Cost:    one look at each output of the address a page */
int64_t ledger_address_moves(const struct ledger *l, uint32_t id, enum ledger_order order,
			     int64_t after, struct ledger_move *moves, size_t max) WARN_UNUSED;
#endif
