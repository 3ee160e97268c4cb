/* SPDX-License-Identifier: Apache-2.0
 * Manifest and checkpoint: the one small file that says which rows of the columns are valid.
 *
 * It is decoded as untrusted bytes: its own hash first, then every count against the limit of its id's width and against
 * the other counts, so that row numbers computed from it cannot overflow. */
#include "base/cursor.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "ledger/ledger-int.h"
#include <inttypes.h>

const struct ledger_column_spec ledger_columns[LEDGER_COLUMN_N + 1] = {
	[LEDGER_COL_BLOCK] = {"block", sizeof(struct ledger_block_row)},
	[LEDGER_COL_TXID] = {"txid", 32},
	[LEDGER_COL_TX_POS] = {"tx-pos", 4},
	[LEDGER_COL_TX_OUT_BASE] = {"tx-out-base", 8},
	[LEDGER_COL_TX_OUT_DELTA] = {"tx-out-delta", 3},
	[LEDGER_COL_TX_IN_BASE] = {"tx-in-base", 8},
	[LEDGER_COL_TX_IN_DELTA] = {"tx-in-delta", 3},
	[LEDGER_COL_VALUE] = {"value", 8},
	[LEDGER_COL_OUT_ADDRESS] = {"out-address", 4},
	[LEDGER_COL_OUT_SPENDER] = {"out-spender", 4},
	[LEDGER_COL_IN_OUTPUT] = {"in-output", 5},
	[LEDGER_COL_ADDRESS] = {"address", sizeof(struct ledger_address_row)},
	[LEDGER_COL_FOREIGN] = {"foreign", sizeof(struct ledger_foreign_row)},
};

uint64_t ledger_column_rows(const struct ledger_counts *c, enum ledger_column id)
{
	switch (id) {
	case LEDGER_COL_BLOCK:
		return c->block_n;
	case LEDGER_COL_TXID:
	case LEDGER_COL_TX_POS:
		return c->tx_n;
	case LEDGER_COL_TX_OUT_BASE:
	case LEDGER_COL_TX_IN_BASE:
		return c->tx_n / LEDGER_GROUP_TX + 1;
	case LEDGER_COL_TX_OUT_DELTA:
	case LEDGER_COL_TX_IN_DELTA:
		return c->tx_n + 1;
	case LEDGER_COL_VALUE:
	case LEDGER_COL_OUT_ADDRESS:
	case LEDGER_COL_OUT_SPENDER:
		return c->output_n;
	case LEDGER_COL_IN_OUTPUT:
		return c->input_n;
	case LEDGER_COL_ADDRESS:
		return c->address_n;
	case LEDGER_COL_FOREIGN:
		return c->foreign_n;
	}
	return 0;
}

void ledger_header_put(struct ledger_header *h, uint32_t chain, enum ledger_kind kind, uint32_t id,
		       uint32_t row_bytes, const uint8_t *tip32)
{
	*h = (struct ledger_header){
		.version_le = htole32(LEDGER_VERSION),
		.byte_order_le = htole32(LEDGER_BYTE_ORDER),
		.chain_le = htole32(chain),
		.kind_le = htole32(kind),
		.id_le = htole32(id),
		.row_bytes_le = htole32(row_bytes),
	};
	memcpy(h->magic, LEDGER_MAGIC, sizeof(h->magic));
	if (tip32)
		memcpy(h->tip32, tip32, sizeof(h->tip32));
}

int ledger_header_check(const void *p, size_t len, uint32_t chain, enum ledger_kind kind,
			uint32_t id, const char *name, struct err *e)
{
	static const uint8_t zeros32[32];
	struct ledger_header h;

	if (len < sizeof(h))
		return err_set(e, ERR_CORRUPT, name, "%s: %zu bytes are too few for a ledger file",
			       name, len);
	memcpy(&h, p, sizeof(h));
	if (memcmp(h.magic, LEDGER_MAGIC, sizeof(h.magic)) != 0 ||
	    le32toh(h.byte_order_le) != LEDGER_BYTE_ORDER)
		return err_set(e, ERR_CORRUPT, name, "%s: not a ledger file", name);
	if (le32toh(h.version_le) != LEDGER_VERSION)
		return err_set(e, ERR_VERSION, name,
			       "%s: format version %" PRIu32
			       ", this program knows %d: upgrade it or import anew",
			       name, le32toh(h.version_le), LEDGER_VERSION);
	if (kind == LEDGER_KIND_COLUMN && memcmp(h.tip32, zeros32, sizeof(zeros32)) != 0)
		return err_set(e, ERR_CORRUPT, name, "%s: bytes in its header that must be zero",
			       name);
	if (le32toh(h.kind_le) != (uint32_t)kind || le32toh(h.id_le) != id ||
	    (kind == LEDGER_KIND_COLUMN && le32toh(h.row_bytes_le) != ledger_columns[id].row_bytes))
		return err_set(e, ERR_CORRUPT, name, "%s: another file's header", name);
	if (chain && le32toh(h.chain_le) != chain)
		return err_set(e, ERR_NETWORK, name,
			       "%s: belongs to the chain %08" PRIx32 ", not to %08" PRIx32, name,
			       le32toh(h.chain_le), chain);
	return 0;
}

static uint8_t *segments_encode(const struct ledger_manifest *m, uint8_t *p)
{
	for (uint32_t i = 0; i < m->segment_n; i++, p += sizeof(struct ledger_manifest_segment)) {
		const struct ledger_segment_ref *ref = &m->segment[i];
		struct ledger_manifest_segment row = {
			.block_from_le = htole64(ref->block_from),
			.block_to_le = htole64(ref->block_to),
			.len_le = htole64(ref->len),
		};

		memcpy(row.sha256, ref->sha256, sizeof(row.sha256));
		memcpy(p, &row, sizeof(row));
	}
	return p;
}

size_t ledger_manifest_encode(const struct ledger_manifest *m,
			      uint8_t out[static LEDGER_MANIFEST_LEN_MAX])
{
	const struct ledger_counts *c = &m->counts;
	struct ledger_manifest_head h = {
		.first_height_le = htole32(c->first_height),
		.flags_le = htole32(c->flags),
		.block_n_le = htole64(c->block_n),
		.tx_n_le = htole64(c->tx_n),
		.output_n_le = htole64(c->output_n),
		.input_n_le = htole64(c->input_n),
		.address_n_le = htole64(c->address_n),
		.foreign_n_le = htole64(c->foreign_n),
		.unknown_n_le = htole64(c->unknown_n),
		.column_n_le = htole32(LEDGER_COLUMN_N),
		.segment_n_le = htole32(m->segment_n),
	};
	uint8_t *p = out + sizeof(h);

	ledger_header_put(&h.header, c->chain, m->kind, 0, 0, c->tip32);
	memcpy(out, &h, sizeof(h));
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N;
	     id++, p += sizeof(struct ledger_manifest_column)) {
		struct ledger_manifest_column col = {
			.id_le = htole32(id),
			.row_bytes_le = htole32(ledger_columns[id].row_bytes),
			.row_n_le = htole64(ledger_column_rows(c, (enum ledger_column)id)),
		};

		memcpy(col.sum16, m->sum16[id], sizeof(col.sum16));
		memcpy(p, &col, sizeof(col));
	}
	p = segments_encode(m, p);
	sha256(out, (size_t)(p - out), p);
	return (size_t)(p - out) + 32;
}

static bool counts_valid(const struct ledger_counts *c)
{
	return c->tx_n < UINT32_MAX && c->block_n <= c->tx_n && c->output_n < LEDGER_FOREIGN_BASE &&
	       c->input_n < LEDGER_FOREIGN_BASE && c->address_n <= UINT32_MAX &&
	       c->address_n >= 1 && c->foreign_n < LEDGER_FOREIGN_BASE &&
	       c->address_n - 1 <= c->output_n + c->foreign_n && c->foreign_n <= c->input_n &&
	       c->unknown_n <= c->foreign_n && c->first_height <= UINT32_MAX - c->block_n &&
	       (c->flags & ~(uint32_t)LEDGER_FLAG_PARTIAL) == 0;
}

static void head_decode(const struct ledger_manifest_head *h, struct ledger_manifest *m)
{
	m->counts = (struct ledger_counts){
		.block_n = le64toh(h->block_n_le),
		.tx_n = le64toh(h->tx_n_le),
		.output_n = le64toh(h->output_n_le),
		.input_n = le64toh(h->input_n_le),
		.address_n = le64toh(h->address_n_le),
		.foreign_n = le64toh(h->foreign_n_le),
		.unknown_n = le64toh(h->unknown_n_le),
		.chain = le32toh(h->header.chain_le),
		.first_height = le32toh(h->first_height_le),
		.flags = le32toh(h->flags_le),
	};
	memcpy(m->counts.tip32, h->header.tip32, 32);
	m->segment_n = le32toh(h->segment_n_le);
}

static int columns_decode(const uint8_t *p, const char *name, struct ledger_manifest *m,
			  struct err *e)
{
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N;
	     id++, p += sizeof(struct ledger_manifest_column)) {
		struct ledger_manifest_column col;

		memcpy(&col, p, sizeof(col));
		if (le32toh(col.id_le) != id ||
		    le32toh(col.row_bytes_le) != ledger_columns[id].row_bytes ||
		    le64toh(col.row_n_le) != ledger_column_rows(&m->counts, (enum ledger_column)id))
			return err_set(e, ERR_CORRUPT, name,
				       "%s: column %" PRIu32 " disagrees with the counts", name,
				       id);
		memcpy(m->sum16[id], col.sum16, 16);
	}
	return 0;
}

/* They cover all blocks, in order, each once. */
static int segments_decode(const uint8_t *p, const char *name, struct ledger_manifest *m,
			   struct err *e)
{
	uint64_t next = 0;

	for (uint32_t i = 0; i < m->segment_n; i++, p += sizeof(struct ledger_manifest_segment)) {
		struct ledger_manifest_segment row;
		struct ledger_segment_ref *ref = &m->segment[i];

		memcpy(&row, p, sizeof(row));
		*ref = (struct ledger_segment_ref){le64toh(row.block_from_le),
						   le64toh(row.block_to_le),
						   le64toh(row.len_le),
						   {0}};
		memcpy(ref->sha256, row.sha256, sizeof(ref->sha256));
		if (ref->block_from != next || ref->block_to <= next)
			return err_set(e, ERR_CORRUPT, name,
				       "%s: index segments do not follow each other", name);
		next = ref->block_to;
	}
	if (next != m->counts.block_n)
		return err_set(e, ERR_CORRUPT, name, "%s: index segments do not cover all blocks",
			       name);
	return 0;
}

/* Length of a manifest by its own head; 0 when it is too short or says what cannot be. */
static size_t manifest_len(const uint8_t *p, size_t len)
{
	struct ledger_manifest_head h;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	if (le32toh(h.column_n_le) != LEDGER_COLUMN_N ||
	    le32toh(h.segment_n_le) > LEDGER_SEGMENTS_MAX)
		return 0;
	return sizeof(h) + LEDGER_COLUMN_N * sizeof(struct ledger_manifest_column) +
	       le32toh(h.segment_n_le) * sizeof(struct ledger_manifest_segment) + 32;
}

int ledger_manifest_decode(const uint8_t *p, size_t len, enum ledger_kind kind, const char *name,
			   struct ledger_manifest *ret_m, struct err *e)
{
	struct ledger_manifest_head h;
	struct ledger_manifest m = {.kind = kind};
	uint8_t hash[32];
	int r;

	r = ledger_header_check(p, len, 0, kind, 0, name, e);
	if (r < 0)
		return r;
	if (len != manifest_len(p, len))
		return err_set(e, ERR_CORRUPT, name, "%s: %zu bytes are not its length", name, len);
	sha256(p, len - 32, hash);
	if (memcmp(hash, p + len - 32, 32) != 0)
		return err_set(e, ERR_CORRUPT, name, "%s: its checksum is wrong", name);
	memcpy(&h, p, sizeof(h));
	head_decode(&h, &m);
	if (!counts_valid(&m.counts))
		return err_set(e, ERR_CORRUPT, name, "%s: impossible counts", name);
	p += sizeof(h);
	r = columns_decode(p, name, &m, e);
	if (r == 0)
		r = segments_decode(p + LEDGER_COLUMN_N * sizeof(struct ledger_manifest_column),
				    name, &m, e);
	if (r < 0)
		return r;
	*ret_m = m;
	return 0;
}

int ledger_path(const char *dir, const char *name, char out[static LEDGER_PATH_MAX], struct err *e)
{
	int n = snprintf(out, LEDGER_PATH_MAX, "%s/%s", dir, name);

	if (n < 0 || n >= LEDGER_PATH_MAX)
		return err_set(e, ERR_RANGE, name, "path longer than %d bytes", LEDGER_PATH_MAX);
	return 0;
}

int ledger_manifest_load(const char *dir, enum ledger_kind kind, struct ledger_manifest *ret_m,
			 struct err *e)
{
	const char *name = kind == LEDGER_KIND_MANIFEST ? "manifest" : "checkpoint";
	char path[LEDGER_PATH_MAX];
	_cleanup_(buf_done) struct buf b = {0};
	int r;

	r = ledger_path(dir, name, path, e);
	if (r < 0)
		return r;
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return -ERR_NOENT; /* ordinary: the caller has the words */
	buf_init(&b, 65536);
	r = file_read(path, &b, e);
	if (r < 0)
		return r;
	return ledger_manifest_decode(b.p, b.len, kind, name, ret_m, e);
}
