/* SPDX-License-Identifier: Apache-2.0
 * Messages between nodes of the Bitcoin family: framed, decoded in place, encoded again byte for byte. docs/protocol/p2p.md.
 *
 * Read the 24 bytes of a frame with p2p_frame_read(), which says how long the payload may be; then the payload with p2p_read(). A
 * command that is not in the table is P2P_OTHER: its length is checked, its bytes are left alone. */
#ifndef CHAIN_P2P_H
#define CHAIN_P2P_H
#include "base/buf.h"
#include "base/err.h"
#include "chain/network.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum p2p_kind {
	P2P_VERSION,
	P2P_VERACK,
	P2P_PING,
	P2P_PONG,
	P2P_GETHEADERS,
	P2P_HEADERS,
	P2P_INV,
	P2P_GETDATA,
	P2P_NOTFOUND,
	P2P_BLOCK,
	P2P_TX,
	P2P_MEMPOOL,
	P2P_SENDHEADERS,
	P2P_WTXIDRELAY,
	P2P_FEEFILTER,
	P2P_OTHER,
};
enum {
	P2P_FRAME_LEN = 24,
	P2P_COMMAND_LEN = 12,
	P2P_AGENT_MAX = 256,	 /* bytes of a user agent (BIP 14) */
	P2P_LOCATOR_MAX = 101,	 /* hashes of a getheaders */
	P2P_HEADERS_MAX = 2000,	 /* of one answer: fewer say that there are no more */
	P2P_INV_MAX = 50000,	 /* entries of inv, getdata, notfound */
	P2P_TX_MAX = 4000000,	 /* bytes of a transaction that is not in a block */
	P2P_OTHER_MAX = 4000000, /* bytes of a message that is passed over */
	P2P_INV_LEN = 36,	 /* type and hash */
	P2P_HEADER_LEN = 81,	 /* of a block, and a count of transactions, which is 0 */
	P2P_ADDRESS_LEN = 26,	 /* services, IPv6 address, port */
};
/* Bits of version.services. */
#define P2P_NODE_NETWORK UINT64_C(1) /* has all blocks */
#define P2P_NODE_BLOOM UINT64_C(4)   /* answers mempool */
#define P2P_NODE_WITNESS UINT64_C(8)
enum p2p_inv_type {
	P2P_INV_TX = 1,
	P2P_INV_BLOCK = 2,
	P2P_INV_WTX = 5,
	P2P_INV_WITNESS = 0x40000000, /* flag: with witness, in getdata */
};

struct p2p_version {
	uint32_t protocol;
	uint64_t services;
	uint64_t time_s;
	uint8_t to26[P2P_ADDRESS_LEN], from26[P2P_ADDRESS_LEN];
	uint64_t nonce;
	const char *agent; /* not ended by NUL; any bytes */
	uint32_t agent_len, height;
	bool has_relay, relay; /* BIP 37; absent means true */
};
struct p2p_inv {
	uint32_t type;
	const uint8_t *hash32;
};
struct p2p_message {
	enum p2p_kind kind;
	char command[P2P_COMMAND_LEN + 1]; /* of P2P_OTHER; the table's otherwise */
	union {
		struct p2p_version version;
		uint64_t nonce;	   /* ping, pong */
		uint64_t fee_rate; /* feefilter: base units for 1000 bytes */
		struct {
			uint32_t protocol;
			const uint8_t *hashes; /* [n][32] */
			const uint8_t *stop32;
		} locator;	      /* getheaders */
		const uint8_t *items; /* headers: [n][81]; inv, getdata, notfound: [n][36] */
		const uint8_t *bytes; /* block, tx, other */
	};
	uint32_t n;   /* of hashes or items */
	uint32_t len; /* of bytes */
};

/* The 24 bytes before a payload. */
struct p2p_frame {
	enum p2p_kind kind;
	char command[P2P_COMMAND_LEN + 1];
	uint32_t len;
	uint8_t check4[4];
};

/** p2p_frame_read - decode a frame
 * Returns: 0; -ERR_NETWORK another network's magic; -ERR_FORMAT a command that is not printable, or goes on behind a NUL;
 *          -ERR_OVERSIZE a length above the command's limit */
int p2p_frame_read(const struct network *n, const uint8_t p24[static P2P_FRAME_LEN],
		   struct p2p_frame *ret) WARN_UNUSED;
/** p2p_read - decode a payload in place; a block or transaction is not looked into
 * In:      p        f->len bytes; borrowed by the message
 * Out:     ret      untouched on failure
 * Returns: 0; -ERR_CHECKSUM; -ERR_TRUNCATED, -ERR_TRAILING; -ERR_OVERSIZE a count above its limit; -ERR_FORMAT a count not in its
 *          shortest form, a header with transactions, a flag that is neither 0 nor 1 */
int p2p_read(const struct p2p_frame *f, const uint8_t *p, struct p2p_message *ret) WARN_UNUSED;
/** p2p_write - append frame and payload; p2p_write() of what p2p_read() gave is the same bytes
 * Returns: 0; -ERR_OVERSIZE, -ERR_NOMEM of the buffer; -ERR_RANGE above a limit of the table */
int p2p_write(const struct network *n, const struct p2p_message *m, struct buf *out) WARN_UNUSED;

/** p2p_inv_at, p2p_header_at - item i of a message, i < n; the 80 bytes of a header */
struct p2p_inv p2p_inv_at(const struct p2p_message *m, uint32_t i);
const uint8_t *p2p_header_at(const struct p2p_message *m, uint32_t i);
/** p2p_inv_put - append an entry to the items of an inv or getdata under construction */
void p2p_inv_put(struct buf *items, uint32_t type, const uint8_t hash32[static 32]);
#endif
