/* SPDX-License-Identifier: Apache-2.0
 * The ledger's bytes on disk, as docs/format/ledger.md says; nothing but layout and the readers of odd widths. */
#ifndef LEDGER_FORMAT_H
#define LEDGER_FORMAT_H
#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LEDGER_MAGIC "LUGLEDGR"
enum {
	LEDGER_VERSION = 2,
	LEDGER_BYTE_ORDER = 0x01020304,
	LEDGER_ALIGN = 64,
	LEDGER_PAGE_BYTES = 262144,  /* what one page digest covers */
	LEDGER_GROUP_TX = 64,	     /* transactions that share one base */
	LEDGER_TX_ROWS_MAX = 262143, /* outputs, and inputs, of one transaction: 64 * this < 2^24 */
	LEDGER_COLUMN_N = 13,
	LEDGER_CHUNK_N = 9,
	LEDGER_BUCKET_ROWS = 8, /* index entries aimed at for one directory slot */
	LEDGER_PRINT_BITS =
		56, /* of a fingerprint; an entry holds those that its place does not tell */
	LEDGER_SEGMENT_BASE = 4, /* of the number system that says which segments a ledger has */
	LEDGER_SEGMENTS_MAX = 64,
};

enum ledger_kind {
	LEDGER_KIND_MANIFEST = 1,
	LEDGER_KIND_COLUMN = 2,
	LEDGER_KIND_INDEX = 3,
	LEDGER_KIND_CHECKPOINT = 4,
};

/* Column ids; 32 to 47 are reserved for clusters. */
enum ledger_column {
	LEDGER_COL_BLOCK = 1,
	LEDGER_COL_TXID = 2,
	LEDGER_COL_TX_POS = 3,
	LEDGER_COL_TX_OUT_BASE = 4,
	LEDGER_COL_TX_OUT_DELTA = 5,
	LEDGER_COL_TX_IN_BASE = 6,
	LEDGER_COL_TX_IN_DELTA = 7,
	LEDGER_COL_VALUE = 8,
	LEDGER_COL_OUT_ADDRESS = 9,
	LEDGER_COL_OUT_SPENDER = 10,
	LEDGER_COL_IN_OUTPUT = 11,
	LEDGER_COL_ADDRESS = 12,
	LEDGER_COL_FOREIGN = 13,
};

enum ledger_chunk {
	LEDGER_CHUNK_TXID_DIR = 101,
	LEDGER_CHUNK_TXID_ENTRY = 102,
	LEDGER_CHUNK_ADDRESS_DIR = 103,
	LEDGER_CHUNK_ADDRESS_ENTRY = 104,
	LEDGER_CHUNK_BLOCK_DIR = 105,
	LEDGER_CHUNK_BLOCK_ENTRY = 106,
	LEDGER_CHUNK_LIST_OLD = 107,
	LEDGER_CHUNK_LIST_START = 108,
	LEDGER_CHUNK_LIST_OUTPUT = 109,
};

enum { LEDGER_FLAG_PARTIAL = 1, LEDGER_FOREIGN_KNOWN = 1 };

/* All integers below are stored little-endian: read them with le32toh() and le64toh(). */
struct ledger_header {
	uint8_t magic[8];
	uint32_t version_le;
	uint32_t byte_order_le;
	uint32_t chain_le;
	uint32_t kind_le;
	uint32_t id_le;
	uint32_t row_bytes_le;
	uint8_t tip32[32];
};
static_assert(sizeof(struct ledger_header) == 64, "ledger header");
static_assert(offsetof(struct ledger_header, chain_le) == 16, "ledger header");
static_assert(offsetof(struct ledger_header, tip32) == 32, "ledger header");

struct ledger_block_row {
	uint8_t header80[80];
	uint32_t first_tx_le;
	uint32_t file_le;
	uint64_t file_off_le;
	uint32_t size_le;
	uint32_t zero_le;
	uint8_t hash32[32];
};
static_assert(sizeof(struct ledger_block_row) == 136, "block row");
static_assert(offsetof(struct ledger_block_row, first_tx_le) == 80, "block row");
static_assert(offsetof(struct ledger_block_row, file_off_le) == 88, "block row");
static_assert(offsetof(struct ledger_block_row, hash32) == 104, "block row");

struct ledger_address_row {
	uint8_t payload[32];
	uint8_t first_out40[5];
	uint8_t type;
	uint8_t payload_len;
	uint8_t zero;
};
static_assert(sizeof(struct ledger_address_row) == 40, "address row");
static_assert(offsetof(struct ledger_address_row, first_out40) == 32, "address row");
static_assert(offsetof(struct ledger_address_row, type) == 37, "address row");

struct ledger_foreign_row {
	uint8_t txid32[32];
	uint32_t position_le;
	uint32_t spender_le;
	uint64_t value_le;
	uint32_t address_le;
	uint32_t flags_le;
};
static_assert(sizeof(struct ledger_foreign_row) == 56, "foreign row");
static_assert(offsetof(struct ledger_foreign_row, position_le) == 32, "foreign row");
static_assert(offsetof(struct ledger_foreign_row, value_le) == 40, "foreign row");
static_assert(offsetof(struct ledger_foreign_row, flags_le) == 52, "foreign row");

struct ledger_manifest_head {
	struct ledger_header header;
	uint32_t first_height_le;
	uint32_t flags_le;
	uint64_t block_n_le;
	uint64_t tx_n_le;
	uint64_t output_n_le;
	uint64_t input_n_le;
	uint64_t address_n_le;
	uint64_t foreign_n_le;
	uint64_t unknown_n_le;
	uint32_t column_n_le;
	uint32_t segment_n_le;
};
static_assert(sizeof(struct ledger_manifest_head) == 136, "manifest");
static_assert(offsetof(struct ledger_manifest_head, block_n_le) == 72, "manifest");
static_assert(offsetof(struct ledger_manifest_head, column_n_le) == 128, "manifest");

struct ledger_manifest_column {
	uint32_t id_le;
	uint32_t row_bytes_le;
	uint64_t row_n_le;
	uint64_t zero_le;
	uint8_t sum16[16];
	uint64_t zero2_le;
};
static_assert(sizeof(struct ledger_manifest_column) == 48, "manifest column");
static_assert(offsetof(struct ledger_manifest_column, sum16) == 24, "manifest column");

struct ledger_chunk_row {
	uint32_t id_le;
	uint32_t row_bytes_le;
	uint64_t off_le;
	uint64_t row_n_le;
};
static_assert(sizeof(struct ledger_chunk_row) == 24, "chunk table");

struct ledger_manifest_segment {
	uint64_t block_from_le, block_to_le;
	uint64_t len_le;
	uint8_t sha256[32];
	uint64_t zero_le;
};
static_assert(sizeof(struct ledger_manifest_segment) == 64, "manifest segment");
static_assert(offsetof(struct ledger_manifest_segment, sha256) == 24, "manifest segment");

struct ledger_segment_rows {
	uint64_t block_le, tx_le, output_le, address_le, foreign_le;
};
struct ledger_segment_head {
	struct ledger_header header;
	struct ledger_segment_rows from, to;
	uint32_t chunk_n_le;
	uint32_t zero_le;
	struct ledger_chunk_row chunk[LEDGER_CHUNK_N];
};
static_assert(offsetof(struct ledger_segment_head, to) == 104, "segment");
static_assert(offsetof(struct ledger_segment_head, chunk_n_le) == 144, "segment");
static_assert(offsetof(struct ledger_segment_head, chunk) == 152, "segment");
static_assert(sizeof(struct ledger_segment_head) == 152 + 24 * LEDGER_CHUNK_N, "segment");

/* u24 and u40 at a place without alignment. */
static inline uint32_t ledger_load24(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}
static inline uint64_t ledger_load40(const uint8_t *p)
{
	uint32_t low;

	memcpy(&low, p, 4);
	return le32toh(low) | (uint64_t)p[4] << 32;
}
static inline void ledger_store24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
}
static inline void ledger_store40(uint8_t *p, uint64_t v)
{
	uint32_t low = htole32((uint32_t)v);

	memcpy(p, &low, 4);
	p[4] = (uint8_t)(v >> 32);
}
#endif
