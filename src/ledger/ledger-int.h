/* SPDX-License-Identifier: Apache-2.0
 * Inside of the ledger: manifest, the view of the columns that readers and importer share, and the reader's struct. */
#ifndef LEDGER_LEDGER_INT_H
#define LEDGER_LEDGER_INT_H
#include "base/buf.h"
#include "base/err.h"
#include "chain/network.h"
#include "ledger/format.h"
#include "ledger/ledger.h"

/* What a manifest or checkpoint says, decoded and checked against itself. */
struct ledger_counts {
	uint64_t block_n, tx_n, output_n, input_n, address_n, foreign_n, unknown_n;
	uint32_t chain, first_height, flags;
	uint8_t tip32[32];
};
/* The rows before some block: a point in the chain. */
struct ledger_rows {
	uint64_t block, tx, output, address, foreign;
};
/* An index segment as the manifest names it: blocks, file. */
struct ledger_segment_ref {
	uint64_t block_from, block_to, len;
	uint8_t sha256[32];
};
struct ledger_manifest {
	enum ledger_kind kind; /* manifest or checkpoint */
	struct ledger_counts counts;
	uint8_t sum16[LEDGER_COLUMN_N + 1][16]; /* by column id; [0] unused */
	uint32_t segment_n;
	struct ledger_segment_ref segment[LEDGER_SEGMENTS_MAX]; /* in chain order */
};
enum {
	LEDGER_MANIFEST_LEN_MAX = sizeof(struct ledger_manifest_head) +
				  LEDGER_COLUMN_N * sizeof(struct ledger_manifest_column) +
				  LEDGER_SEGMENTS_MAX * sizeof(struct ledger_manifest_segment) + 32,
	LEDGER_PATH_MAX = 4096,
	LEDGER_SEGMENT_NAME_MAX = 64,
};

/* The column table: file name under columns/, bytes of a row. Index 0 is unused. */
struct ledger_column_spec {
	const char *name;
	uint32_t row_bytes;
};
extern const struct ledger_column_spec ledger_columns[LEDGER_COLUMN_N + 1];

/** ledger_column_rows - how many rows a column has by the counts */
uint64_t ledger_column_rows(const struct ledger_counts *c, enum ledger_column id);

/** ledger_header_put - a file header; tip32 may be NULL */
void ledger_header_put(struct ledger_header *h, uint32_t chain, enum ledger_kind kind, uint32_t id,
		       uint32_t row_bytes, const uint8_t *tip32);
/** ledger_header_check - magic, version, byte order, kind, id, row size; the chain too unless it is 0
 * Returns: 0; -ERR_CORRUPT, -ERR_VERSION, -ERR_NETWORK with the file's name in e */
int ledger_header_check(const void *p, size_t len, uint32_t chain, enum ledger_kind kind,
			uint32_t id, const char *name, struct err *e) WARN_UNUSED;

/** ledger_manifest_encode - the bytes, with their hash behind
 * Returns: their length */
size_t ledger_manifest_encode(const struct ledger_manifest *m,
			      uint8_t out[static LEDGER_MANIFEST_LEN_MAX]);
/** ledger_manifest_decode - the reverse; every count is checked against its limit
 * Returns: 0; -ERR_CORRUPT; -ERR_VERSION */
int ledger_manifest_decode(const uint8_t *p, size_t len, enum ledger_kind kind, const char *name,
			   struct ledger_manifest *ret_m, struct err *e) WARN_UNUSED;
/** ledger_manifest_load - read and decode DIR/manifest or DIR/checkpoint
 * Returns: 0; -ERR_NOENT, with nothing in e; -ERR_CORRUPT; -ERR_VERSION; -ERR_IO ... */
int ledger_manifest_load(const char *dir, enum ledger_kind kind, struct ledger_manifest *ret_m,
			 struct err *e) WARN_UNUSED;
/** ledger_chain_id - what stands for a network in file headers; ledger_chain_network - the reverse, NULL if unknown */
uint32_t ledger_chain_id(const struct network *n);
const struct network *ledger_chain_network(uint32_t chain);
/** ledger_path - dir/name; -ERR_RANGE when too long */
int ledger_path(const char *dir, const char *name, char out[static LEDGER_PATH_MAX],
		struct err *e) WARN_UNUSED;

/* The columns as arrays of bytes, each with the rows of the counts. */
struct ledger_view {
	const uint8_t *col[LEDGER_COLUMN_N + 1];
	struct ledger_counts counts;
};

static inline uint32_t view_u32(const struct ledger_view *v, enum ledger_column id, uint64_t row)
{
	uint32_t x;

	memcpy(&x, v->col[id] + row * 4, 4);
	return le32toh(x);
}
static inline uint64_t view_u64(const struct ledger_view *v, enum ledger_column id, uint64_t row)
{
	uint64_t x;

	memcpy(&x, v->col[id] + row * 8, 8);
	return le64toh(x);
}
/* First output or input of a transaction; tx <= tx_n. Damaged columns give at most limit. */
static inline uint64_t view_first(const struct ledger_view *v, enum ledger_column base,
				  enum ledger_column delta, uint64_t limit, uint64_t tx)
{
	uint64_t first =
		view_u64(v, base, tx / LEDGER_GROUP_TX) + ledger_load24(v->col[delta] + tx * 3);

	return first < limit ? first : limit;
}
static inline uint64_t view_first_out(const struct ledger_view *v, uint64_t tx)
{
	return view_first(v, LEDGER_COL_TX_OUT_BASE, LEDGER_COL_TX_OUT_DELTA, v->counts.output_n,
			  tx);
}
static inline uint64_t view_first_in(const struct ledger_view *v, uint64_t tx)
{
	return view_first(v, LEDGER_COL_TX_IN_BASE, LEDGER_COL_TX_IN_DELTA, v->counts.input_n, tx);
}
/* A transaction without inputs is a coinbase; tx < tx_n. */
static inline bool view_tx_coinbase(const struct ledger_view *v, uint64_t tx)
{
	return view_first_in(v, tx) == view_first_in(v, tx + 1);
}
static inline const struct ledger_block_row *view_block(const struct ledger_view *v, uint64_t row)
{
	return (const void *)(v->col[LEDGER_COL_BLOCK] + row * sizeof(struct ledger_block_row));
}
static inline const struct ledger_foreign_row *view_foreign(const struct ledger_view *v,
							    uint64_t row)
{
	return (const void *)(v->col[LEDGER_COL_FOREIGN] + row * sizeof(struct ledger_foreign_row));
}
static inline const struct ledger_address_row *view_address(const struct ledger_view *v,
							    uint64_t row)
{
	return (const void *)(v->col[LEDGER_COL_ADDRESS] + row * sizeof(struct ledger_address_row));
}

/* One memory-mapped file. */
struct ledger_map {
	const uint8_t *p;
	size_t len;
};
/* An index chunk, inside the mapped segment. */
struct ledger_chunk_view {
	const uint8_t *p;
	uint64_t row_n;
};
/* An index segment, checked against the columns' counts. */
struct ledger_segment {
	struct ledger_map map; /* the whole file */
	struct ledger_rows from, to;
	struct ledger_chunk_view chunk[LEDGER_CHUNK_N]; /* by chunk id - LEDGER_CHUNK_TXID_DIR */
};

struct ledger {
	uint32_t magic;
	struct ledger_view v;
	struct ledger_info info;
	const struct network *network;
	uint8_t key16[16];
	int lock_fd; /* shared flock for as long as the columns are mapped */
	struct ledger_map column[LEDGER_COLUMN_N + 1];
	struct ledger_segment segment[LEDGER_SEGMENTS_MAX]; /* manifest.segment_n of them */
	struct ledger_manifest manifest;
};
enum { LEDGER_STRUCT_MAGIC = 0x4c454447 };

/** ledger_fingerprint - of 32 bytes; ledger_fingerprint_address - of an identity */
uint64_t ledger_fingerprint(const uint8_t key16[static 16], const uint8_t p32[static 32]);
uint64_t ledger_fingerprint_address(const uint8_t key16[static 16], uint8_t type,
				    const uint8_t *payload, size_t payload_len);

/** ledger_map_file - map DIR/name read-only
 * In:      need     bytes to map; exact: the file must have just these
 * Returns: 0; -ERR_NOENT and other errnos; -ERR_CORRUPT the file is shorter, or longer when exact */
int ledger_map_file(const char *dir, const char *name, uint64_t need, bool exact,
		    struct ledger_map *ret_map, struct err *e) WARN_UNUSED;
void ledger_unmap(struct ledger_map *m);
/** ledger_rows_at - the rows before a block (block <= block_n): a few binary searches */
struct ledger_rows ledger_rows_at(const struct ledger_view *v, uint64_t block);
/** ledger_identity - whom an output script pays, as the address column has it: without the token prefix of Bitcoin Cash */
void ledger_identity(enum net net, const uint8_t *script, size_t len, struct address *ret);

/** ledger_block_of_tx - row of the block that holds a transaction (tx < tx_n) */
uint64_t ledger_block_of_tx(const struct ledger_view *v, uint32_t txnum);
/** ledger_tx_of_output - txnum that made an output (output < output_n) */
uint32_t ledger_tx_of_output(const struct ledger_view *v, uint64_t output);
/** ledger_spender_mix - one row's share of the sum of out-spender */
uint64_t ledger_spender_mix(uint64_t output, uint32_t spender);
#endif
