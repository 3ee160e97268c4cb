/* SPDX-License-Identifier: Apache-2.0
 * Inside of the ledger: manifest, the view of the columns that readers and importer share, and the reader's struct. */
#ifndef LEDGER_LEDGER_INT_H
#define LEDGER_LEDGER_INT_H
#include "base/buf.h"
#include "base/err.h"
#include "ledger/format.h"
#include "ledger/ledger.h"

struct network; /* chain/network.h */

/* What a manifest or checkpoint says, decoded and checked against itself. */
struct ledger_counts {
	uint64_t block_n, tx_n, output_n, input_n, address_n, foreign_n, unknown_n;
	uint32_t chain, first_height, flags;
	uint8_t tip32[32];
};
struct ledger_manifest {
	enum ledger_kind kind; /* manifest or checkpoint */
	struct ledger_counts counts;
	uint8_t sum16[LEDGER_COLUMN_N + 1][16]; /* by column id; [0] unused */
	uint64_t index_len;
	uint8_t index_sha256[32];
};
enum {
	LEDGER_MANIFEST_LEN = sizeof(struct ledger_manifest_head) +
			      LEDGER_COLUMN_N * sizeof(struct ledger_manifest_column) + 32,
	LEDGER_PATH_MAX = 4096,
	LEDGER_INDEX_NAME_MAX = 48,
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

/** ledger_manifest_encode - the bytes, with their hash behind */
void ledger_manifest_encode(const struct ledger_manifest *m,
			    uint8_t out[static LEDGER_MANIFEST_LEN]);
/** ledger_manifest_decode - the reverse; every count is checked against its limit
 * Returns: 0; -ERR_CORRUPT; -ERR_VERSION */
int ledger_manifest_decode(const uint8_t *p, size_t len, enum ledger_kind kind, const char *name,
			   struct ledger_manifest *ret_m, struct err *e) WARN_UNUSED;
/** ledger_manifest_load - read and decode DIR/manifest or DIR/checkpoint
 * Returns: 0; -ERR_NOENT, with nothing in e; -ERR_CORRUPT; -ERR_VERSION; -ERR_IO ... */
int ledger_manifest_load(const char *dir, enum ledger_kind kind, struct ledger_manifest *ret_m,
			 struct err *e) WARN_UNUSED;
/** ledger_index_name - the index file that belongs to a manifest */
void ledger_index_name(const struct ledger_counts *c, char out[static LEDGER_INDEX_NAME_MAX]);
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
/* An index chunk, inside the mapped index file. */
struct ledger_chunk_view {
	const uint8_t *p;
	uint64_t row_n;
};

struct ledger {
	uint32_t magic;
	struct ledger_view v;
	struct ledger_info info;
	const struct network *network;
	uint8_t key16[16];
	int lock_fd; /* shared flock for as long as the columns are mapped */
	struct ledger_map column[LEDGER_COLUMN_N + 1];
	struct ledger_map index;
	struct ledger_chunk_view chunk[LEDGER_CHUNK_N]; /* by chunk id - LEDGER_CHUNK_TXID_DIR */
	struct ledger_manifest manifest;
};
enum { LEDGER_STRUCT_MAGIC = 0x4c454447 };

static inline const struct ledger_chunk_view *ledger_chunk(const struct ledger *l,
							   enum ledger_chunk id)
{
	return &l->chunk[id - LEDGER_CHUNK_TXID_DIR];
}

/** ledger_index_bits - k of the directory for n rows: 2^k * LEDGER_BUCKET_ROWS >= n */
uint32_t ledger_index_bits(uint64_t n);

/* The rows of a fingerprint, one after another: rows whose fingerprint has the same low half and bucket. */
struct ledger_probe {
	const struct ledger_chunk_view *entries;
	uint64_t at, end;
	uint32_t tag;
	uint64_t row_limit;
};
/** ledger_probe_init - look for a fingerprint in a directory and its entries; rows at or above row_limit are passed over */
void ledger_probe_init(const struct ledger *l, enum ledger_chunk dir, enum ledger_chunk entries,
		       uint64_t fingerprint, uint64_t row_limit, struct ledger_probe *p);
/** ledger_probe_next - the next candidate row, ascending; false at the end */
bool ledger_probe_next(struct ledger_probe *p, uint32_t *ret_row);

/** ledger_fingerprint - of 32 bytes; ledger_fingerprint_address - of an identity */
uint64_t ledger_fingerprint(const uint8_t key16[static 16], const uint8_t p32[static 32]);
uint64_t ledger_fingerprint_address(const uint8_t key16[static 16], uint8_t type,
				    const uint8_t *payload, size_t payload_len);

/** ledger_block_of_tx - row of the block that holds a transaction (tx < tx_n) */
uint64_t ledger_block_of_tx(const struct ledger_view *v, uint32_t txnum);
/** ledger_tx_of_output - txnum that made an output (output < output_n) */
uint32_t ledger_tx_of_output(const struct ledger_view *v, uint64_t output);
/** ledger_spender_mix - one row's share of the sum of out-spender */
uint64_t ledger_spender_mix(uint64_t output, uint32_t spender);
#endif
