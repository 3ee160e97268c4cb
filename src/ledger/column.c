/* SPDX-License-Identifier: Apache-2.0
 * Columns for writing.
 *
 * A file is allocated ahead of its rows (posix_fallocate, so that a full disk is an error here and never a fault on a mapped
 * page) and mapped shared. What lies behind the rows is no part of the ledger. A sum is the total of page digests:
 * whole pages are added once, the last, shorter one at each sync; cutting subtracts the pages that go. */
#include "ledger/column.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum {
	GROW_MIN = 1 << 16,
	GROW_MAX = 64 << 20,
	HEAD = sizeof(struct ledger_header),
};

static uint64_t sum16_u64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, 8);
	return le64toh(x);
}

static unsigned __int128 sum16_load(const uint8_t *p)
{
	return (unsigned __int128)sum16_u64(p + 8) << 64 | sum16_u64(p);
}

static void sum16_store(uint8_t *p, unsigned __int128 v)
{
	uint64_t low = htole64((uint64_t)v), high = htole64((uint64_t)(v >> 64));

	memcpy(p, &low, 8);
	memcpy(p + 8, &high, 8);
}

uint64_t ledger_spender_mix(uint64_t output, uint32_t spender)
{
	uint64_t z = output << 32 ^ spender;

	z ^= z >> 30;
	z *= UINT64_C(0xbf58476d1ce4e5b9);
	z ^= z >> 27;
	z *= UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static unsigned __int128 page_digest(uint32_t id, uint64_t page, const uint8_t *data,
				     uint64_t data_len)
{
	uint64_t from = page * LEDGER_PAGE_BYTES, page_le = htole64(page);
	uint64_t n = data_len - from < LEDGER_PAGE_BYTES ? data_len - from : LEDGER_PAGE_BYTES;
	uint32_t id_le = htole32(id);
	struct sha256 h;
	uint8_t hash[32];

	sha256_init(&h);
	sha256_update(&h, &id_le, 4);
	sha256_update(&h, &page_le, 8);
	sha256_update(&h, data + from, n);
	sha256_final(&h, hash);
	return sum16_load(hash);
}

/* The total of the digests of pages from `page` on, the last one as long as it is. */
static unsigned __int128 pages_sum(uint32_t id, uint64_t page, const uint8_t *data,
				   uint64_t data_len)
{
	unsigned __int128 sum = 0;

	for (; page * LEDGER_PAGE_BYTES < data_len; page++)
		sum += page_digest(id, page, data, data_len);
	return sum;
}

static uint64_t spenders_sum(const uint8_t *data, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;

	for (; from < to; from++) {
		uint32_t s;

		memcpy(&s, data + from * 4, 4);
		if (s)
			sum += ledger_spender_mix(from, le32toh(s));
	}
	return sum;
}

void column_sum(uint32_t id, const uint8_t *data, uint64_t row_n, uint8_t out16[static 16])
{
	if (id == LEDGER_COL_OUT_SPENDER)
		sum16_store(out16, spenders_sum(data, 0, row_n));
	else
		sum16_store(out16, pages_sum(id, 0, data, row_n * ledger_columns[id].row_bytes));
}

static int column_fail(const struct ledger_column_file *f, const char *what, struct err *e)
{
	int code = errno;

	return err_set(e, err_errno(code), ledger_columns[f->id].name, "columns/%s: %s: %s",
		       ledger_columns[f->id].name, what, strerror(code));
}

static int column_map(struct ledger_column_file *f, size_t len, struct err *e)
{
	void *p = f->map ? mremap(f->map, f->map_len, len, MREMAP_MAYMOVE)
			 : mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);

	if (p == MAP_FAILED)
		return column_fail(f, "cannot map", e);
	f->map = p;
	f->map_len = len;
	return 0;
}

/* Allocate at least need bytes, in growing steps. */
static int column_grow(struct ledger_column_file *f, size_t need, struct err *e)
{
	size_t step = f->map_len < GROW_MIN   ? GROW_MIN
		      : f->map_len > GROW_MAX ? GROW_MAX
					      : f->map_len;
	size_t len = need > f->map_len + step ? need : f->map_len + step;
	int r;

	len = (len + 4095) / 4096 * 4096;
	r = posix_fallocate(f->fd, 0, (off_t)len);
	if (r != 0) {
		errno = r;
		return column_fail(f, "cannot grow", e);
	}
	return column_map(f, len, e);
}

static int column_open(struct ledger_column_file *f, const char *dir, uint32_t id,
		       const struct ledger_manifest *m, struct err *e)
{
	const struct ledger_column_spec *spec = &ledger_columns[id];
	uint64_t rows = ledger_column_rows(&m->counts, (enum ledger_column)id);
	uint64_t need = HEAD + rows * spec->row_bytes;
	bool fresh = m->counts.block_n == 0;
	char name[64], path[LEDGER_PATH_MAX];
	struct stat st;
	int r;

	*f = (struct ledger_column_file){
		.fd = -1, .id = id, .row_bytes = spec->row_bytes, .row_n = rows};
	snprintf(name, sizeof(name), "columns/%s", spec->name);
	r = ledger_path(dir, name, path, e);
	if (r < 0)
		return r;
	f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return column_fail(f, "cannot open", e);
	if (!fresh && (uint64_t)st.st_size < need)
		return err_set(e, ERR_CORRUPT, spec->name,
			       "%s: %" PRId64 " bytes where %" PRIu64 " belong", path,
			       (int64_t)st.st_size, need);
	if (ftruncate(f->fd, fresh ? 0 : (off_t)need) < 0)
		return column_fail(f, "cannot cut", e);
	r = column_grow(f, need, e);
	if (r < 0)
		return r;
	if (fresh)
		ledger_header_put((void *)f->map, m->counts.chain, LEDGER_KIND_COLUMN, id,
				  spec->row_bytes, NULL);
	return ledger_header_check(f->map, HEAD, m->counts.chain, LEDGER_KIND_COLUMN, id, name, e);
}

/* Take over a sum: what is added once per whole page is everything but the last, shorter one. */
static void column_take_sum(struct ledger_column_file *f, const struct ledger_manifest *m)
{
	const uint8_t *sum16 = m->sum16[f->id];
	uint64_t len = f->row_n * f->row_bytes;

	f->spender_sum = sum16_u64(sum16);
	f->page_n = len / LEDGER_PAGE_BYTES;
	if (f->id == LEDGER_COL_OUT_SPENDER || m->counts.block_n == 0)
		f->page_sum = 0;
	else
		f->page_sum = sum16_load(sum16) - pages_sum(f->id, f->page_n, f->map + HEAD, len);
}

/* Spenders that an interrupted import wrote, or that a cut takes away. */
static void spenders_clean(struct ledger_column_file *f, uint64_t tx_n)
{
	uint8_t *p = f->map + HEAD;

	for (uint64_t i = 0; i < f->row_n; i++) {
		uint32_t s;

		memcpy(&s, p + i * 4, 4);
		if (le32toh(s) >= tx_n)
			memset(p + i * 4, 0, 4);
	}
}

static void view_refresh(struct ledger_columns_file *c, uint32_t id)
{
	c->v.col[id] = c->col[id].map + HEAD;
}

int columns_open(struct ledger_columns_file *ret, const char *dir, const struct ledger_manifest *m,
		 bool clean, struct err *e)
{
	char path[LEDGER_PATH_MAX];
	int r;

	memset(ret, 0, sizeof(*ret));
	for (uint32_t id = 0; id <= LEDGER_COLUMN_N; id++)
		ret->col[id].fd = -1;
	ret->v.counts = m->counts;
	r = ledger_path(dir, "columns", path, e);
	if (r == 0)
		r = file_mkdirs(path, 0755, e);
	for (uint32_t id = 1; r == 0 && id <= LEDGER_COLUMN_N; id++) {
		r = column_open(&ret->col[id], dir, id, m, e);
		if (r < 0)
			break;
		column_take_sum(&ret->col[id], m);
		view_refresh(ret, id);
	}
	if (r < 0)
		return r;
	if (clean)
		spenders_clean(&ret->col[LEDGER_COL_OUT_SPENDER], m->counts.tx_n);
	r = ledger_path(dir, "columns/.", path, e);
	return r < 0 ? r : file_sync_dir(path, e);
}

void columns_close(struct ledger_columns_file *c)
{
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++) {
		struct ledger_column_file *f = &c->col[id];

		if (f->map)
			munmap(f->map, f->map_len);
		f->map = NULL;
		closep(&f->fd);
		f->fd = -1;
	}
}

int columns_room(struct ledger_columns_file *c, enum ledger_column id, uint64_t n, struct err *e)
{
	struct ledger_column_file *f = &c->col[id];
	size_t need = HEAD + (f->row_n + n) * f->row_bytes;
	int r;

	if (need <= f->map_len)
		return 0;
	r = column_grow(f, need, e);
	if (r == 0)
		view_refresh(c, id);
	return r;
}

void columns_spend(struct ledger_columns_file *c, uint64_t output, uint32_t spender)
{
	struct ledger_column_file *f = &c->col[LEDGER_COL_OUT_SPENDER];
	uint32_t le = htole32(spender);

	memcpy(f->map + HEAD + output * 4, &le, 4);
	f->spender_sum += ledger_spender_mix(output, spender);
}

static void column_add_pages(struct ledger_column_file *f)
{
	uint64_t len = f->row_n * f->row_bytes;

	for (; (f->page_n + 1) * LEDGER_PAGE_BYTES <= len; f->page_n++)
		f->page_sum += page_digest(f->id, f->page_n, f->map + HEAD, len);
}

int columns_sync(struct ledger_columns_file *c, struct ledger_manifest *m, struct err *e)
{
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++) {
		struct ledger_column_file *f = &c->col[id];

		assert(f->row_n == ledger_column_rows(&m->counts, (enum ledger_column)id));
		if (id == LEDGER_COL_OUT_SPENDER) {
			sum16_store(m->sum16[id], f->spender_sum);
		} else {
			column_add_pages(f);
			sum16_store(m->sum16[id],
				    f->page_sum + pages_sum(id, f->page_n, f->map + HEAD,
							    f->row_n * f->row_bytes));
		}
		if (msync(f->map, f->map_len, MS_SYNC) < 0 || fsync(f->fd) < 0)
			return column_fail(f, "cannot sync", e);
	}
	return 0;
}

int columns_trim(struct ledger_columns_file *c, struct err *e)
{
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++) {
		struct ledger_column_file *f = &c->col[id];

		if (f->map)
			munmap(f->map, f->map_len);
		f->map = NULL;
		if (ftruncate(f->fd, (off_t)(HEAD + f->row_n * f->row_bytes)) < 0 ||
		    fsync(f->fd) < 0)
			return column_fail(f, "cannot cut", e);
	}
	return 0;
}

/* ---- cutting to a fork ---- */

static uint64_t addresses_at(const struct ledger_view *v, const struct ledger_counts *cut)
{
	uint64_t n = v->counts.address_n;

	for (; n > 1; n--) {
		uint64_t first = ledger_load40(view_address(v, n - 1)->first_out40);

		if (first < LEDGER_FOREIGN_BASE ? first < cut->output_n
						: first - LEDGER_FOREIGN_BASE < cut->foreign_n)
			break;
	}
	return n;
}

static uint64_t foreign_at(const struct ledger_view *v, uint64_t tx_n, uint64_t *ret_unknown)
{
	uint64_t n = v->counts.foreign_n;

	*ret_unknown = v->counts.unknown_n;
	for (; n > 0 && le32toh(view_foreign(v, n - 1)->spender_le) >= tx_n; n--)
		*ret_unknown -= !(le32toh(view_foreign(v, n - 1)->flags_le) & LEDGER_FOREIGN_KNOWN);
	return n;
}

/* The spender column's sum without the rows that go, and without the spends (and losses) by transactions that go. */
static uint64_t spenders_at(const struct ledger_view *v, const struct ledger_counts *cut,
			    uint64_t sum)
{
	const uint8_t *data = v->col[LEDGER_COL_OUT_SPENDER];

	sum -= spenders_sum(data, cut->output_n, v->counts.output_n);
	for (uint64_t o = 0; o < cut->output_n; o++) {
		uint32_t s = view_u32(v, LEDGER_COL_OUT_SPENDER, o);

		if (s >= cut->tx_n)
			sum -= ledger_spender_mix(o, s);
	}
	return sum;
}

static void column_cut(const struct ledger_columns_file *c, uint32_t id,
		       const struct ledger_manifest *m, struct ledger_manifest *cut)
{
	const struct ledger_column_file *f = &c->col[id];
	uint64_t old_len = f->row_n * f->row_bytes;
	uint64_t len = ledger_column_rows(&cut->counts, (enum ledger_column)id) * f->row_bytes;
	uint64_t page = len / LEDGER_PAGE_BYTES;

	sum16_store(cut->sum16[id], sum16_load(m->sum16[id]) -
					    pages_sum(id, page, f->map + HEAD, old_len) +
					    pages_sum(id, page, f->map + HEAD, len));
}

int columns_cut(const struct ledger_columns_file *c, const struct ledger_manifest *m,
		uint64_t block_n, struct ledger_manifest *ret_m, struct err *e)
{
	const struct ledger_view *v = &c->v;
	struct ledger_manifest cut = {.kind = LEDGER_KIND_CHECKPOINT, .counts = m->counts};
	struct ledger_counts *n = &cut.counts;

	assert(block_n > 0 && block_n < m->counts.block_n);
	n->block_n = block_n;
	n->tx_n = le32toh(view_block(v, block_n)->first_tx_le);
	if (n->tx_n >= m->counts.tx_n || n->tx_n < block_n)
		return err_set(e, ERR_CORRUPT, "block",
			       "columns/block: impossible first transaction");
	n->output_n = view_first_out(v, n->tx_n);
	n->input_n = view_first_in(v, n->tx_n);
	n->foreign_n = foreign_at(v, n->tx_n, &n->unknown_n);
	n->address_n = addresses_at(v, n);
	memcpy(n->tip32, view_block(v, block_n - 1)->hash32, 32);
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++)
		column_cut(c, id, m, &cut);
	sum16_store(cut.sum16[LEDGER_COL_OUT_SPENDER],
		    spenders_at(v, n, sum16_u64(m->sum16[LEDGER_COL_OUT_SPENDER])));
	*ret_m = cut;
	return 0;
}
