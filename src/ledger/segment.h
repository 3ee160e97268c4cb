/* SPDX-License-Identifier: Apache-2.0
 * Index segments for reading: look-up tables of a run of blocks, docs/format/ledger.md 5. Writing them is segment-build.h. */
#ifndef LEDGER_SEGMENT_H
#define LEDGER_SEGMENT_H
#include "ledger/ledger-int.h"

/* The three tables of a segment: the chunk id of their directory; their entries are the next chunk. */
enum ledger_table {
	LEDGER_TABLE_TX = LEDGER_CHUNK_TXID_DIR,
	LEDGER_TABLE_ADDRESS = LEDGER_CHUNK_ADDRESS_DIR,
	LEDGER_TABLE_BLOCK = LEDGER_CHUNK_BLOCK_DIR,
};
/* Position and size of a segment's chunks: what its head says, or what it must say. */
struct segment_layout {
	struct ledger_chunk_row chunk[LEDGER_CHUNK_N]; /* in this machine's byte order */
	uint64_t len;				       /* of the whole file */
};

/** segment_bits - k of the directory for n rows: 2^k * LEDGER_BUCKET_ROWS >= n */
uint32_t segment_bits(uint64_t n);
/** segment_layout - of a segment with these rows, `old` older addresses and `listed` outputs in lists */
struct segment_layout segment_layout(const struct ledger_rows *from, const struct ledger_rows *to,
				     uint64_t old, uint64_t listed);
/** segment_name - its file: heights and the last block's hash
 * In:      tip32    stored order */
void segment_name(uint64_t height_from, uint64_t height_to, const uint8_t tip32[static 32],
		  char out[static LEDGER_SEGMENT_NAME_MAX]);
/** segment_init - take a segment's bytes apart
 * In:      map      kept, not owned
 *          v        the columns that it belongs to; ref: its blocks
 * Returns: 0; -ERR_CORRUPT, -ERR_VERSION, -ERR_NETWORK with name and reason */
int segment_init(struct ledger_segment *s, struct ledger_map map, const struct ledger_view *v,
		 const struct ledger_segment_ref *ref, const char *name, struct err *e) WARN_UNUSED;
/** segment_open - map the file of a segment and take it apart; release with ledger_unmap(&s->map)
 * Returns: 0; as segment_init(); -ERR_NOENT no such file */
int segment_open(const char *dir, const struct ledger_view *v, const struct ledger_segment_ref *ref,
		 struct ledger_segment *ret, struct err *e) WARN_UNUSED;

static inline const struct ledger_chunk_view *segment_chunk(const struct ledger_segment *s,
							    uint32_t id)
{
	return &s->chunk[id - LEDGER_CHUNK_TXID_DIR];
}
static inline uint32_t segment_u32(const struct ledger_chunk_view *c, uint64_t row)
{
	uint32_t x;

	memcpy(&x, c->p + row * 4, 4);
	return le32toh(x);
}
static inline uint64_t segment_u64(const struct ledger_chunk_view *c, uint64_t row)
{
	uint64_t x;

	memcpy(&x, c->p + row * 8, 8);
	return le64toh(x);
}
/* The rows of one fingerprint in one table of one segment, ascending. */
struct segment_probe {
	const uint8_t *p, *end; /* entries left */
	uint64_t want, first_row, row_end;
	uint32_t row_bits;
};
/* Where the first row of a table stands: entries hold rows relative to it. */
static inline uint64_t segment_first_row(const struct ledger_rows *r, enum ledger_table t)
{
	switch (t) {
	case LEDGER_TABLE_TX:
		return r->tx;
	case LEDGER_TABLE_ADDRESS:
		return r->address;
	case LEDGER_TABLE_BLOCK:
		return r->block;
	}
	return 0;
}
/** segment_probe_init - look for a fingerprint. Damaged directories give fewer rows, never one out of range */
static inline void segment_probe_init(const struct ledger_segment *s, enum ledger_table t,
				      uint64_t fingerprint, struct segment_probe *p)
{
	const struct ledger_chunk_view *dir = segment_chunk(s, t),
				       *entries = segment_chunk(s, t + 1u);
	uint32_t k = (uint32_t)__builtin_ctzll(dir->row_n - 1);
	uint64_t print = fingerprint >> (64 - LEDGER_PRINT_BITS);
	uint64_t bucket = print >> (LEDGER_PRINT_BITS - k);
	uint64_t at = segment_u32(dir, bucket), end = segment_u32(dir, bucket + 1);

	end = end < entries->row_n ? end : entries->row_n;
	at = at < end ? at : end;
	*p = (struct segment_probe){
		.p = entries->p + at * 8,
		.end = entries->p + end * 8,
		.want = print & ((UINT64_C(1) << (LEDGER_PRINT_BITS - k)) - 1),
		.first_row = segment_first_row(&s->from, t),
		.row_end = segment_first_row(&s->to, t),
		.row_bits = 64 - LEDGER_PRINT_BITS + k,
	};
}
/** segment_probe_next - the next row; false at the end */
static inline bool segment_probe_next(struct segment_probe *p, uint64_t *ret_row)
{
	while (p->p < p->end) {
		uint64_t x, row;

		memcpy(&x, p->p, 8);
		x = le64toh(x);
		p->p += 8;
		row = p->first_row + (x & ((UINT64_C(1) << p->row_bits) - 1));
		if (x >> p->row_bits == p->want && row < p->row_end) {
			*ret_row = row;
			return true;
		}
	}
	return false;
}

/* The rows of one fingerprint in all segments, the latest segment first. */
struct ledger_probe {
	const struct ledger_segment *segment;
	uint32_t left;
	enum ledger_table table;
	uint64_t fingerprint;
	struct segment_probe in;
};
void ledger_probe_init(const struct ledger_segment *segments, uint32_t n, enum ledger_table t,
		       uint64_t fingerprint, struct ledger_probe *p);
bool ledger_probe_next(struct ledger_probe *p, uint64_t *ret_row);

/* The outputs of one address in one segment: ascending, foreign ones last. */
struct segment_list {
	const uint8_t *p; /* u40 each */
	uint64_t n;
};
/** segment_list_of - of an address; empty when it is not paid there
 * Returns: 0; -ERR_CORRUPT */
int segment_list_of(const struct ledger_segment *s, uint32_t address,
		    struct segment_list *ret) WARN_UNUSED;
/** segment_list_next - the same for one address after another, ascending: each search begins at the one before
 * In:      at       where that ended; 0 before the first */
int segment_list_next(const struct ledger_segment *s, uint32_t address, uint64_t *at,
		      struct segment_list *ret) WARN_UNUSED;
#endif
