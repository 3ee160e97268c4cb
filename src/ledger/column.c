/* SPDX-License-Identifier: Apache-2.0
 * Columns for writing.
 *
 * Rows are appended with pwrite, so that a full disk is an error here and never a fault on a mapped page; they are mapped
 * only to be read, and out-spender also to be changed in place. What lies behind the rows is no part of the ledger. A sum is the
 * total of page digests: a page's is added when it is full, that of the last, shorter one at each sync; cutting subtracts
 * the pages that go. */
#include "ledger/column.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { HEAD = sizeof(struct ledger_header) };

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

/* The digest of a page that stands in two pieces. */
static unsigned __int128 page_digest(uint32_t id, uint64_t page, const uint8_t *head,
				     size_t head_len, const uint8_t *tail, size_t tail_len)
{
	uint64_t page_le = htole64(page);
	uint32_t id_le = htole32(id);
	struct sha256 h;
	uint8_t hash[32];

	sha256_init(&h);
	sha256_update(&h, &id_le, 4);
	sha256_update(&h, &page_le, 8);
	sha256_update(&h, head, head_len);
	sha256_update(&h, tail, tail_len);
	sha256_final(&h, hash);
	return sum16_load(hash);
}

/* The total of the digests of pages from `page` on, the last one as long as it is. */
static unsigned __int128 pages_sum(uint32_t id, uint64_t page, const uint8_t *data,
				   uint64_t data_len)
{
	unsigned __int128 sum = 0;

	for (uint64_t at = page * LEDGER_PAGE_BYTES; at < data_len; at += LEDGER_PAGE_BYTES, page++)
		sum += page_digest(id, page, data + at,
				   data_len - at < LEDGER_PAGE_BYTES ? data_len - at
								     : LEDGER_PAGE_BYTES,
				   NULL, 0);
	return sum;
}

/* Of rows whose spender is below tx_n; the others are counted in later. */
static uint64_t spenders_sum(const uint8_t *data, uint64_t from, uint64_t to, uint64_t tx_n,
			     uint64_t *later)
{
	uint64_t sum = 0;

	for (; from < to; from++) {
		uint32_t s;

		memcpy(&s, data + from * 4, 4);
		s = le32toh(s);
		if (s && s < tx_n)
			sum += ledger_spender_mix(from, s);
		else
			*later += s != 0;
	}
	return sum;
}

uint64_t column_sum(uint32_t id, const uint8_t *data, uint64_t row_n, uint64_t tx_n,
		    uint8_t out16[static 16])
{
	uint64_t later = 0;

	if (id == LEDGER_COL_OUT_SPENDER)
		sum16_store(out16, spenders_sum(data, 0, row_n, tx_n, &later));
	else
		sum16_store(out16, pages_sum(id, 0, data, row_n * ledger_columns[id].row_bytes));
	return later;
}

static int column_fail(const struct ledger_column_file *f, const char *what, struct err *e)
{
	int code = errno;

	return err_set(e, err_errno(code), ledger_columns[f->id].name, "columns/%s: %s: %s",
		       ledger_columns[f->id].name, what, strerror(code));
}

/* Map the rows that are there. A new mapping before the old one goes, and not mremap(), of which ThreadSanitizer knows nothing. */
static int column_map(struct ledger_column_file *f, struct err *e)
{
	size_t len = HEAD + f->row_n * f->row_bytes;
	int prot = f->id == LEDGER_COL_OUT_SPENDER ? PROT_READ | PROT_WRITE : PROT_READ;
	void *p;

	if (len == f->map_len)
		return 0;
	p = mmap(NULL, len, prot, MAP_SHARED, f->fd, 0);
	if (p == MAP_FAILED)
		return column_fail(f, "cannot map", e);
	if (f->map)
		munmap(f->map, f->map_len);
	f->map = p;
	f->map_len = len;
	return 0;
}

static int column_write(struct ledger_column_file *f, const uint8_t *p, size_t len, uint64_t off,
			struct err *e)
{
	while (len > 0) {
		ssize_t n = pwrite(f->fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return column_fail(f, "cannot grow", e);
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* A new file: its header, and zeros for the rows that a ledger without blocks has. */
static int column_make(struct ledger_column_file *f, const struct ledger_manifest *m, struct err *e)
{
	struct ledger_header h;

	ledger_header_put(&h, m->counts.chain, LEDGER_KIND_COLUMN, f->id, f->row_bytes, NULL);
	if (ftruncate(f->fd, 0) < 0 ||
	    ftruncate(f->fd, (off_t)(HEAD + f->row_n * f->row_bytes)) < 0)
		return column_fail(f, "cannot cut", e);
	return column_write(f, (const uint8_t *)&h, sizeof(h), 0, e);
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
	r = fresh ? column_make(f, m, e) : 0;
	if (r == 0 && (uint64_t)st.st_size != need && ftruncate(f->fd, (off_t)need) < 0)
		r = column_fail(f, "cannot cut", e);
	if (r == 0)
		r = column_map(f, e);
	if (r < 0)
		return r;
	return ledger_header_check(f->map, HEAD, m->counts.chain, LEDGER_KIND_COLUMN, id, name, e);
}

/* Take over a sum: what is added once per whole page is everything but the last, shorter one, which stays at hand. */
static int column_take_sum(struct ledger_column_file *f, const struct ledger_manifest *m,
			   struct err *e)
{
	uint64_t len = f->row_n * f->row_bytes;

	f->open_page = malloc(LEDGER_PAGE_BYTES);
	if (!f->open_page)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	f->page_n = len / LEDGER_PAGE_BYTES;
	f->open_len = len % LEDGER_PAGE_BYTES;
	memcpy(f->open_page, f->map + HEAD + f->page_n * LEDGER_PAGE_BYTES, f->open_len);
	f->page_sum = m->counts.block_n == 0
			      ? 0
			      : sum16_load(m->sum16[f->id]) -
					pages_sum(f->id, f->page_n, f->map + HEAD, len);
	return 0;
}

/* Spenders that an interrupted import wrote. */
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

int columns_open(struct ledger_columns_file *ret, const char *dir, const struct ledger_manifest *m,
		 bool clean, struct err *e)
{
	char path[LEDGER_PATH_MAX];
	int r;

	memset(ret, 0, sizeof(*ret));
	for (uint32_t id = 0; id <= LEDGER_COLUMN_N; id++)
		ret->col[id].fd = -1;
	ret->v.counts = m->counts;
	atomic_init(&ret->spender_sum, sum16_u64(m->sum16[LEDGER_COL_OUT_SPENDER]));
	r = ledger_path(dir, "columns", path, e);
	if (r == 0)
		r = file_mkdirs(path, 0755, e);
	for (uint32_t id = 1; r == 0 && id <= LEDGER_COLUMN_N; id++) {
		r = column_open(&ret->col[id], dir, id, m, e);
		if (r == 0)
			r = column_take_sum(&ret->col[id], m, e);
		ret->v.col[id] = ret->col[id].map + HEAD;
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
		free(f->open_page);
		f->map = NULL;
		f->open_page = NULL;
		closep(&f->fd);
		f->fd = -1;
	}
}

/* Add bytes to the pages: those that become whole are hashed, the rest is kept. */
static void pages_feed(struct ledger_column_file *f, const uint8_t *p, size_t len)
{
	while (f->open_len + len >= LEDGER_PAGE_BYTES) {
		size_t n = LEDGER_PAGE_BYTES - f->open_len;

		f->page_sum += page_digest(f->id, f->page_n++, f->open_page, f->open_len, p, n);
		f->open_len = 0;
		p += n;
		len -= n;
	}
	memcpy(f->open_page + f->open_len, p, len);
	f->open_len += len;
}

int columns_append(struct ledger_columns_file *c, enum ledger_column id, const void *rows,
		   uint64_t n, struct err *e)
{
	struct ledger_column_file *f = &c->col[id];
	size_t len = n * f->row_bytes;
	int r;

	if (n == 0)
		return 0;
	r = column_write(f, rows, len, HEAD + f->row_n * f->row_bytes, e);
	if (r < 0)
		return r;
	if (id != LEDGER_COL_OUT_SPENDER)
		pages_feed(f, rows, len);
	f->row_n += n;
	return 0;
}

int columns_extend(struct ledger_columns_file *c, const struct ledger_counts *counts, struct err *e)
{
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++) {
		int r = column_map(&c->col[id], e);

		if (r < 0)
			return r;
		assert(c->col[id].row_n == ledger_column_rows(counts, (enum ledger_column)id));
		c->v.col[id] = c->col[id].map + HEAD;
	}
	c->v.counts = *counts;
	return 0;
}

uint32_t columns_spend(struct ledger_columns_file *c, uint64_t output, uint32_t spender)
{
	uint32_t *at = (void *)(c->col[LEDGER_COL_OUT_SPENDER].map + HEAD + output * 4);
	uint32_t before = 0;

	if (!__atomic_compare_exchange_n(at, &before, htole32(spender), false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return le32toh(before);
	atomic_fetch_add(&c->spender_sum, ledger_spender_mix(output, spender));
	return 0;
}

int columns_sync(struct ledger_columns_file *c, struct ledger_manifest *m, struct err *e)
{
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++) {
		struct ledger_column_file *f = &c->col[id];

		assert(f->row_n == ledger_column_rows(&m->counts, (enum ledger_column)id));
		if (id == LEDGER_COL_OUT_SPENDER) {
			sum16_store(m->sum16[id], atomic_load(&c->spender_sum));
			if (msync(f->map, f->map_len, MS_SYNC) < 0)
				return column_fail(f, "cannot sync", e);
		} else {
			sum16_store(m->sum16[id],
				    f->page_sum +
					    (f->open_len ? page_digest(id, f->page_n, f->open_page,
								       f->open_len, NULL, 0)
							 : 0));
		}
		if (fsync(f->fd) < 0)
			return column_fail(f, "cannot sync", e);
	}
	return 0;
}

void columns_drop_pages(const struct ledger_columns_file *c)
{
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++)
		(void)madvise(c->col[id].map, c->col[id].map_len, MADV_DONTNEED);
}

/* ---- cutting to a fork ---- */

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

/* Outputs that stay, with a spender that goes: what the removed inputs spend, and what removed coinbases made unreachable. */
struct undo_spends {
	const struct ledger_view *v;
	const struct ledger_counts *cut;
	uint64_t *outputs, n, cap;
};

static int spend_add(struct undo_spends *u, uint64_t output)
{
	uint64_t *p;

	if (output >= u->cut->output_n ||
	    view_u32(u->v, LEDGER_COL_OUT_SPENDER, output) < u->cut->tx_n)
		return 0;
	if (u->n == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 1024;
		p = reallocarray(u->outputs, u->cap, sizeof(*p));
		if (!p)
			return -ERR_NOMEM;
		u->outputs = p;
	}
	u->outputs[u->n++] = output;
	return 0;
}

static int lost_add(struct undo_spends *u, uint64_t block, columns_find_fn *find, void *arg)
{
	uint32_t coinbase = le32toh(view_block(u->v, block)->first_tx_le);
	const uint8_t *txid32 = u->v->col[LEDGER_COL_TXID] + (uint64_t)coinbase * 32;
	uint32_t earlier = coinbase < u->v->counts.tx_n ? find(arg, txid32, coinbase) : UINT32_MAX;
	int r = 0;

	if (earlier == UINT32_MAX)
		return 0;
	for (uint64_t o = view_first_out(u->v, earlier);
	     r == 0 && o < view_first_out(u->v, (uint64_t)earlier + 1); o++)
		r = spend_add(u, o);
	return r;
}

static int spends_find(struct undo_spends *u, columns_find_fn *find, void *arg)
{
	const struct ledger_counts *all = &u->v->counts;
	int r = 0;

	for (uint64_t i = u->cut->input_n; r == 0 && i < all->input_n; i++)
		r = spend_add(u, ledger_load40(u->v->col[LEDGER_COL_IN_OUTPUT] + i * 5));
	for (uint64_t b = u->cut->block_n; r == 0 && b < all->block_n; b++)
		r = lost_add(u, b, find, arg);
	return r;
}

static uint64_t unknown_before(const struct ledger_view *v, uint64_t foreign_n)
{
	uint64_t n = v->counts.unknown_n;

	for (uint64_t i = foreign_n; i < v->counts.foreign_n; i++)
		n -= !(le32toh(view_foreign(v, i)->flags_le) & LEDGER_FOREIGN_KNOWN);
	return n;
}

static int cut_counts(const struct ledger_view *v, uint64_t block_n, struct ledger_counts *n,
		      struct err *e)
{
	struct ledger_rows at = ledger_rows_at(v, block_n);

	n->block_n = block_n;
	n->tx_n = at.tx;
	n->output_n = at.output;
	n->input_n = view_first_in(v, at.tx);
	n->foreign_n = at.foreign;
	n->unknown_n = unknown_before(v, at.foreign);
	n->address_n = at.address;
	memcpy(n->tip32, view_block(v, block_n - 1)->hash32, 32);
	if (n->tx_n >= v->counts.tx_n || n->tx_n < block_n)
		return err_set(e, ERR_CORRUPT, "block",
			       "columns/block: impossible first transaction");
	return 0;
}

int columns_cut(const struct ledger_columns_file *c, const struct ledger_manifest *m,
		uint64_t block_n, columns_find_fn *find, void *arg, struct ledger_manifest *ret_m,
		uint64_t **spends, uint64_t *spends_n, struct err *e)
{
	const struct ledger_view *v = &c->v;
	struct ledger_manifest cut = *m;
	struct undo_spends u = {.v = v, .cut = &cut.counts};
	uint64_t sum = sum16_u64(m->sum16[LEDGER_COL_OUT_SPENDER]), later = 0;
	int r;

	assert(block_n > 0 && block_n < m->counts.block_n);
	cut.kind = LEDGER_KIND_CHECKPOINT;
	r = cut_counts(v, block_n, &cut.counts, e);
	if (r == 0 && spends_find(&u, find, arg) < 0)
		r = err_set(e, ERR_NOMEM, NULL, NULL);
	if (r < 0) {
		free(u.outputs);
		return r;
	}
	for (uint32_t id = 1; id <= LEDGER_COLUMN_N; id++)
		if (id != LEDGER_COL_OUT_SPENDER)
			column_cut(c, id, m, &cut);
	sum -= spenders_sum(v->col[LEDGER_COL_OUT_SPENDER], cut.counts.output_n, v->counts.output_n,
			    v->counts.tx_n, &later);
	for (uint64_t i = 0; i < u.n; i++)
		sum -= ledger_spender_mix(u.outputs[i],
					  view_u32(v, LEDGER_COL_OUT_SPENDER, u.outputs[i]));
	sum16_store(cut.sum16[LEDGER_COL_OUT_SPENDER], sum);
	*ret_m = cut;
	*spends = u.outputs;
	*spends_n = u.n;
	return 0;
}

void columns_unspend(struct ledger_columns_file *c, const uint64_t *outputs, uint64_t n)
{
	uint8_t *p = c->col[LEDGER_COL_OUT_SPENDER].map + HEAD;

	for (uint64_t i = 0; i < n; i++)
		memset(p + outputs[i] * 4, 0, 4);
}
