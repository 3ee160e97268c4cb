/* SPDX-License-Identifier: Apache-2.0
 * Opening a ledger: lock, manifest, key, columns, index segments; every length is checked against the manifest's counts.
 *
 * The shared lock comes first and is held until close, so that no reorganisation can cut a file that is mapped here. An
 * import that only appends may replace the manifest and remove old segments between two of these steps; then a
 * segment of the manifest just read is missing, and reading starts again with the new manifest. */
#include "base/file.h"
#include "chain/network.h"
#include "ledger/segment.h"
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { OPEN_TRIES = 3 };

int ledger_map_file(const char *dir, const char *name, uint64_t need, bool exact,
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
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < need || need == 0 ||
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

void ledger_unmap(struct ledger_map *m)
{
	if (m->p)
		munmap((void *)m->p, m->len);
	*m = (struct ledger_map){0};
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
		r = ledger_map_file(dir, name,
				    sizeof(struct ledger_header) + rows * spec->row_bytes, false,
				    &l->column[id], e);
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

static int segments_open(const char *dir, struct ledger *l, struct err *e)
{
	struct ledger_rows last = {.address = 1};
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < l->manifest.segment_n; i++) {
		const struct ledger_segment *s = &l->segment[i];

		r = segment_open(dir, &l->v, &l->manifest.segment[i], &l->segment[i], e);
		if (r == 0 && memcmp(&s->from, &last, sizeof(last)) != 0)
			r = err_set(e, ERR_CORRUPT, "index", "segment %u does not follow the last",
				    i);
		last = s->to;
	}
	return r;
}

static void unmap_all(struct ledger *l)
{
	for (uint32_t id = 0; id <= LEDGER_COLUMN_N; id++)
		ledger_unmap(&l->column[id]);
	for (uint32_t i = 0; i < LEDGER_SEGMENTS_MAX; i++)
		ledger_unmap(&l->segment[i].map);
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
	};
	memcpy(i->tip32, c->tip32, 32);
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++)
		i->disk_bytes += l->column[id].len;
	for (uint32_t k = 0; k < l->manifest.segment_n; k++)
		i->disk_bytes += l->segment[k].map.len;
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
	return r < 0 ? r : segments_open(dir, l, e);
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
