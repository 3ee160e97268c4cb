/* SPDX-License-Identifier: Apache-2.0
 * Opening a ledger: lock, manifest, key, columns, index; every length is checked against the manifest's counts.
 *
 * The shared lock comes first and is held until close, so that no reorganisation can cut a file that is mapped here. An
 * import that only appends may replace the manifest and remove the old index between two of these steps; then the
 * index of the manifest just read is missing, and reading starts again with the new manifest. */
#include "base/file.h"
#include "chain/network.h"
#include "ledger/ledger-int.h"
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum {
	OPEN_TRIES = 3,
	INDEX_TABLE_LEN = 8 + LEDGER_CHUNK_N * (int)sizeof(struct ledger_chunk_row)
};

static int map_file(const char *dir, const char *name, uint64_t need, bool exact,
		    struct ledger_map *ret_map, struct err *e)
{
	char path[LEDGER_PATH_MAX];
	_cleanup_(closep) int fd = -1;
	struct stat st;
	void *p;
	int r;

	r = ledger_path(dir, name, path, e);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, err_errno(errno), name, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < need ||
	    (exact && (uint64_t)st.st_size != need))
		return err_set(e, ERR_CORRUPT, name,
			       "%s: %" PRId64 " bytes where %" PRIu64 " belong", path,
			       (int64_t)st.st_size, need);
	p = mmap(NULL, need, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_set(e, err_errno(errno), name, "%s: %s", path, strerror(errno));
	*ret_map = (struct ledger_map){p, need};
	return 0;
}

static int lock_shared(const char *dir, int *ret_fd, struct err *e)
{
	char path[LEDGER_PATH_MAX];
	_cleanup_(closep) int fd = -1;
	int r;

	r = ledger_path(dir, "lock", path, e);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOENT, "ledger",
			       "%s: no ledger here; make one with lug ledger import", dir);
	if (fd < 0)
		return err_set(e, err_errno(errno), "ledger", "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return err_set(e, ERR_BUSY, "ledger",
			       "%s: a reorganisation is being written; try again", dir);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int read_key(const char *dir, uint8_t key16[static 16], struct err *e)
{
	char path[LEDGER_PATH_MAX];
	_cleanup_(buf_done) struct buf b = {0};
	int r;

	r = ledger_path(dir, "key", path, e);
	if (r < 0)
		return r;
	buf_init(&b, 16);
	r = file_read(path, &b, e);
	if (r < 0)
		return r;
	if (b.len != 16)
		return err_set(e, ERR_CORRUPT, "key", "%s: %zu bytes instead of 16", path, b.len);
	memcpy(key16, b.p, 16);
	return 0;
}

static int map_columns(const char *dir, struct ledger *l, struct err *e)
{
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++) {
		const struct ledger_column_spec *spec = &ledger_columns[id];
		uint64_t rows = ledger_column_rows(&l->v.counts, (enum ledger_column)id);
		char name[64];
		int r;

		snprintf(name, sizeof(name), "columns/%s", spec->name);
		r = map_file(dir, name, sizeof(struct ledger_header) + rows * spec->row_bytes,
			     false, &l->column[id], e);
		if (r < 0)
			return r;
		r = ledger_header_check(l->column[id].p, l->column[id].len, l->v.counts.chain,
					LEDGER_KIND_COLUMN, id, name, e);
		if (r < 0)
			return r;
		l->v.col[id] = l->column[id].p + sizeof(struct ledger_header);
	}
	return 0;
}

uint32_t ledger_index_bits(uint64_t n)
{
	uint32_t k = 0;

	while (((uint64_t)LEDGER_BUCKET_ROWS << k) < n)
		k++;
	return k;
}

/* The size and number of rows that a chunk must have; UINT64_MAX where only the index knows (the CSR's outputs). */
static uint64_t chunk_rows(const struct ledger_counts *c, enum ledger_chunk id,
			   uint32_t *ret_row_bytes)
{
	*ret_row_bytes = 8;
	switch (id) {
	case LEDGER_CHUNK_TXID_ENTRY:
		return c->tx_n;
	case LEDGER_CHUNK_ADDRESS_ENTRY:
		return c->address_n - 1;
	case LEDGER_CHUNK_BLOCK_ENTRY:
		return c->block_n;
	case LEDGER_CHUNK_TXID_DIR:
		*ret_row_bytes = 4;
		return (UINT64_C(1) << ledger_index_bits(c->tx_n)) + 1;
	case LEDGER_CHUNK_ADDRESS_DIR:
		*ret_row_bytes = 4;
		return (UINT64_C(1) << ledger_index_bits(c->address_n - 1)) + 1;
	case LEDGER_CHUNK_BLOCK_DIR:
		*ret_row_bytes = 4;
		return (UINT64_C(1) << ledger_index_bits(c->block_n)) + 1;
	case LEDGER_CHUNK_CSR_START:
		*ret_row_bytes = 5;
		return c->address_n + 1;
	case LEDGER_CHUNK_CSR_OUTPUT:
		*ret_row_bytes = 5;
		return UINT64_MAX;
	}
	return 0;
}

static int chunk_open(struct ledger *l, uint32_t i, uint64_t *pos, const char *name, struct err *e)
{
	const uint8_t *table = l->index.p + sizeof(struct ledger_header) + 8;
	struct ledger_chunk_row row;
	uint32_t row_bytes;
	uint64_t rows, want;

	memcpy(&row, table + i * sizeof(row), sizeof(row));
	want = chunk_rows(&l->v.counts, (enum ledger_chunk)(LEDGER_CHUNK_TXID_DIR + i), &row_bytes);
	rows = le64toh(row.row_n_le);
	if (want == UINT64_MAX && rows <= l->v.counts.output_n + l->v.counts.foreign_n)
		want = rows;
	*pos = (*pos + LEDGER_ALIGN - 1) / LEDGER_ALIGN * LEDGER_ALIGN;
	if (le32toh(row.id_le) != LEDGER_CHUNK_TXID_DIR + i ||
	    le32toh(row.row_bytes_le) != row_bytes || rows != want || le64toh(row.off_le) != *pos ||
	    *pos + rows * row_bytes > l->index.len - 32)
		return err_set(e, ERR_CORRUPT, "index",
			       "%s: chunk %" PRIu32 " disagrees with the counts", name, i);
	l->chunk[i] = (struct ledger_chunk_view){l->index.p + *pos, rows};
	*pos += rows * row_bytes;
	return 0;
}

static int index_open(const char *dir, struct ledger *l, struct err *e)
{
	char name[LEDGER_INDEX_NAME_MAX];
	uint64_t pos = sizeof(struct ledger_header) + INDEX_TABLE_LEN;
	int r;

	ledger_index_name(&l->v.counts, name);
	if (l->manifest.index_len < pos + 32)
		return err_set(e, ERR_CORRUPT, "index", "%s: too short", name);
	r = map_file(dir, name, l->manifest.index_len, true, &l->index, e);
	if (r < 0)
		return r;
	r = ledger_header_check(l->index.p, l->index.len, l->v.counts.chain, LEDGER_KIND_INDEX, 0,
				name, e);
	for (uint32_t i = 0; r == 0 && i < LEDGER_CHUNK_N; i++)
		r = chunk_open(l, i, &pos, name, e);
	if (r < 0)
		return r;
	if (pos + 32 != l->index.len)
		return err_set(e, ERR_CORRUPT, "index", "%s: bytes behind its last chunk", name);
	return 0;
}

static void unmap_all(struct ledger *l)
{
	for (uint32_t id = 0; id <= LEDGER_COLUMN_N; id++)
		if (l->column[id].p)
			munmap((void *)l->column[id].p, l->column[id].len);
	if (l->index.p)
		munmap((void *)l->index.p, l->index.len);
	memset(l->column, 0, sizeof(l->column));
	memset(&l->index, 0, sizeof(l->index));
}

static void info_fill(struct ledger *l)
{
	const struct ledger_counts *c = &l->v.counts;
	struct ledger_info *i = &l->info;

	*i = (struct ledger_info){
		.chain = c->chain,
		.first_height = c->first_height,
		.height = (uint32_t)(c->first_height + c->block_n - 1),
		.partial = c->flags & LEDGER_FLAG_PARTIAL,
		.block_n = c->block_n,
		.tx_n = c->tx_n,
		.output_n = c->output_n,
		.input_n = c->input_n,
		.address_n = c->address_n,
		.foreign_n = c->foreign_n,
		.unknown_n = c->unknown_n,
		.disk_bytes = l->index.len,
	};
	memcpy(i->tip32, c->tip32, 32);
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++)
		i->disk_bytes += l->column[id].len;
}

static int open_snapshot(const char *dir, struct ledger *l, struct err *e)
{
	struct ledger_manifest m;
	int r;

	r = ledger_manifest_load(dir, LEDGER_KIND_MANIFEST, &m, e);
	if (r == -ERR_NOENT)
		return err_set(e, ERR_AGAIN, "ledger",
			       "%s: its import has not ended; run lug ledger import again", dir);
	if (r < 0)
		return r;
	if (m.counts.block_n == 0 || m.counts.tx_n == 0)
		return err_set(e, ERR_CORRUPT, "manifest", "%s: a ledger without blocks", dir);
	l->manifest = m;
	l->v.counts = m.counts;
	l->network = ledger_chain_network(m.counts.chain);
	if (!l->network)
		return err_set(e, ERR_NETWORK, "manifest",
			       "%s: chain %08" PRIx32 " is not known here", dir, m.counts.chain);
	r = map_columns(dir, l, e);
	return r < 0 ? r : index_open(dir, l, e);
}

int ledger_open(const char *dir, struct ledger **ret_l, struct err *e)
{
	_cleanup_(ledger_closep) struct ledger *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	l->magic = LEDGER_STRUCT_MAGIC;
	l->lock_fd = -1;
	r = lock_shared(dir, &l->lock_fd, e);
	if (r < 0)
		return r;
	for (int i = 0; i < OPEN_TRIES; i++) {
		r = open_snapshot(dir, l, e);
		if (r != -ERR_NOENT)
			break;
		unmap_all(l);
	}
	if (r == 0)
		r = read_key(dir, l->key16, e);
	if (r < 0)
		return r == -ERR_NOENT ? err_set(e, ERR_CORRUPT, "ledger",
						 "%s: a file of the ledger is missing", dir)
				       : r;
	info_fill(l);
	*ret_l = TAKE_PTR(l);
	return 0;
}

struct ledger *ledger_close(struct ledger *l)
{
	if (!l)
		return NULL;
	assert(l->magic == LEDGER_STRUCT_MAGIC);
	unmap_all(l);
	closep(&l->lock_fd);
	l->magic = 0;
	free(l);
	return NULL;
}

const struct network *ledger_network(const struct ledger *l)
{
	return l->network;
}

uint32_t ledger_chain_id(const struct network *n)
{
	const uint8_t *p = n->wire4;

	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

const struct network *ledger_chain_network(uint32_t chain)
{
	for (int i = 0; i < NET_N; i++)
		if (chain && ledger_chain_id(network_get((enum net)i)) == chain)
			return network_get((enum net)i);
	return NULL;
}

const struct ledger_info *ledger_info(const struct ledger *l)
{
	assert(l->magic == LEDGER_STRUCT_MAGIC);
	return &l->info;
}
