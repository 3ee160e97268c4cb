/* SPDX-License-Identifier: Apache-2.0
 * The index file: look-up tables that are computed from the columns.
 *
 * Fingerprint tables are a counting sort by the top k bits: count the rows of each bucket, make the counts into starts, put
 * each row in its place; rows come in ascending order, so that each bucket, a handful of entries, only needs an insertion
 * sort by tag that is stable. The lists of outputs by address are the same with the address as bucket and no sort.
 * The file is made under another name, mapped, hashed, synced and renamed. */
#include "base/cleanup.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "ledger/import-int.h"
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>

struct index_build {
	const struct ledger_view *v;
	const uint8_t *key16;
	uint8_t *p; /* the file, mapped */
	uint64_t len;
	struct ledger_chunk_row
		chunk[LEDGER_CHUNK_N]; /* in this machine's byte order until written */
	uint64_t memory_bytes;
};

typedef uint64_t print_fn(const struct index_build *b, uint64_t row);

static uint64_t print_tx(const struct index_build *b, uint64_t row)
{
	return ledger_fingerprint(b->key16, b->v->col[LEDGER_COL_TXID] + row * 32);
}

static uint64_t print_address(const struct index_build *b, uint64_t row)
{
	const struct ledger_address_row *a = view_address(b->v, row + 1);

	return ledger_fingerprint_address(b->key16, a->type, a->payload,
					  a->payload_len <= 32 ? a->payload_len : 32);
}

static uint64_t print_block(const struct index_build *b, uint64_t row)
{
	return ledger_fingerprint(b->key16, view_block(b->v, row)->hash32);
}

static uint8_t *chunk_at(const struct index_build *b, enum ledger_chunk id)
{
	return b->p + b->chunk[id - LEDGER_CHUNK_TXID_DIR].off_le;
}

static uint64_t csr_rows(const struct ledger_view *v)
{
	uint64_t n = 0;

	for (uint64_t o = 0; o < v->counts.output_n; o++)
		n += view_u32(v, LEDGER_COL_OUT_ADDRESS, o) != 0;
	for (uint64_t i = 0; i < v->counts.foreign_n; i++)
		n += view_foreign(v, i)->address_le != 0;
	return n;
}

static void chunk_put(struct index_build *b, enum ledger_chunk id, uint32_t row_bytes,
		      uint64_t row_n)
{
	b->len = (b->len + LEDGER_ALIGN - 1) / LEDGER_ALIGN * LEDGER_ALIGN;
	b->chunk[id - LEDGER_CHUNK_TXID_DIR] =
		(struct ledger_chunk_row){(uint32_t)id, row_bytes, b->len, row_n};
	b->len += row_bytes * row_n;
}

static void layout(struct index_build *b)
{
	const struct ledger_counts *c = &b->v->counts;

	b->len = sizeof(struct ledger_header) + 8 + sizeof(b->chunk);
	chunk_put(b, LEDGER_CHUNK_TXID_DIR, 4, (UINT64_C(1) << ledger_index_bits(c->tx_n)) + 1);
	chunk_put(b, LEDGER_CHUNK_TXID_ENTRY, 8, c->tx_n);
	chunk_put(b, LEDGER_CHUNK_ADDRESS_DIR, 4,
		  (UINT64_C(1) << ledger_index_bits(c->address_n - 1)) + 1);
	chunk_put(b, LEDGER_CHUNK_ADDRESS_ENTRY, 8, c->address_n - 1);
	chunk_put(b, LEDGER_CHUNK_BLOCK_DIR, 4, (UINT64_C(1) << ledger_index_bits(c->block_n)) + 1);
	chunk_put(b, LEDGER_CHUNK_BLOCK_ENTRY, 8, c->block_n);
	chunk_put(b, LEDGER_CHUNK_CSR_START, 5, c->address_n + 1);
	chunk_put(b, LEDGER_CHUNK_CSR_OUTPUT, 5, csr_rows(b->v));
	b->len += 32;
}

static void head_write(struct index_build *b)
{
	const struct ledger_counts *c = &b->v->counts;
	uint32_t n_le = htole32(LEDGER_CHUNK_N);
	uint8_t *p = b->p + sizeof(struct ledger_header);

	ledger_header_put((void *)b->p, c->chain, LEDGER_KIND_INDEX, 0, 0, c->tip32);
	memcpy(p, &n_le, 4);
	p += 8;
	for (uint32_t i = 0; i < LEDGER_CHUNK_N; i++, p += sizeof(struct ledger_chunk_row)) {
		struct ledger_chunk_row row = {
			.id_le = htole32(b->chunk[i].id_le),
			.row_bytes_le = htole32(b->chunk[i].row_bytes_le),
			.off_le = htole64(b->chunk[i].off_le),
			.row_n_le = htole64(b->chunk[i].row_n_le),
		};

		memcpy(p, &row, sizeof(row));
	}
}

static void bucket_sort(struct ledger_index_entry *p, uint64_t n)
{
	for (uint64_t i = 1; i < n; i++) {
		struct ledger_index_entry x = p[i];
		uint64_t k = i;

		for (; k > 0 && le32toh(p[k - 1].tag_le) > le32toh(x.tag_le); k--)
			p[k] = p[k - 1];
		p[k] = x;
	}
}

/* The directory is its own cursor: after each row's entry is placed, dir[b] stands at the end of bucket b, which is the start of
 * bucket b + 1; so the starts are first written one slot later. */
static void fingerprints_write(struct index_build *b, enum ledger_chunk dir_id, print_fn *print,
			       uint64_t row0)
{
	const struct ledger_chunk_row *entries = &b->chunk[dir_id + 1 - LEDGER_CHUNK_TXID_DIR];
	uint64_t n = entries->row_n_le, sum = 0;
	uint32_t k = ledger_index_bits(n);
	uint32_t *dir = (void *)chunk_at(b, dir_id);
	struct ledger_index_entry *entry = (void *)(b->p + entries->off_le);
	uint64_t bucket_n = UINT64_C(1) << k;

	for (uint64_t row = 0; row < n; row++)
		dir[1 + (k ? print(b, row) >> (64 - k) : 0)]++;
	for (uint64_t i = 1; i <= bucket_n; i++) {
		uint32_t count = dir[i];

		dir[i] = (uint32_t)sum;
		sum += count;
	}
	for (uint64_t row = 0; row < n; row++) {
		uint64_t f = print(b, row);
		uint32_t at = dir[1 + (k ? f >> (64 - k) : 0)]++;

		entry[at] = (struct ledger_index_entry){htole32((uint32_t)f),
							htole32((uint32_t)(row0 + row))};
	}
	for (uint64_t i = 0; i < bucket_n; i++)
		bucket_sort(entry + dir[i], dir[i + 1] - dir[i]);
	for (uint64_t i = 0; i <= bucket_n; i++)
		dir[i] = htole32(dir[i]);
}

static void csr_place(const struct index_build *b, uint64_t *next, uint32_t address,
		      uint64_t output)
{
	if (address)
		ledger_store40(chunk_at(b, LEDGER_CHUNK_CSR_OUTPUT) + next[address]++ * 5, output);
}

static int csr_write(struct index_build *b, struct err *e)
{
	const struct ledger_view *v = b->v;
	const struct ledger_counts *c = &v->counts;
	uint8_t *start = chunk_at(b, LEDGER_CHUNK_CSR_START);
	_cleanup_(freep) uint64_t *next = NULL;
	uint64_t sum = 0;

	if (c->address_n * sizeof(*next) > b->memory_bytes)
		return err_set(e, ERR_BUDGET, "memory",
			       "the address index needs --memory %" PRIu64 "M",
			       (c->address_n * sizeof(*next) >> 20) + 1);
	next = calloc(c->address_n, sizeof(*next));
	if (!next)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	for (uint64_t o = 0; o < c->output_n; o++)
		next[view_u32(v, LEDGER_COL_OUT_ADDRESS, o)]++;
	for (uint64_t i = 0; i < c->foreign_n; i++)
		next[le32toh(view_foreign(v, i)->address_le)]++;
	next[0] = 0;
	for (uint64_t a = 0; a < c->address_n; a++) {
		uint64_t count = next[a];

		ledger_store40(start + a * 5, sum);
		next[a] = sum;
		sum += count;
	}
	ledger_store40(start + c->address_n * 5, sum);
	for (uint64_t o = 0; o < c->output_n; o++)
		csr_place(b, next, view_u32(v, LEDGER_COL_OUT_ADDRESS, o), o);
	for (uint64_t i = 0; i < c->foreign_n; i++)
		csr_place(b, next, le32toh(view_foreign(v, i)->address_le),
			  LEDGER_FOREIGN_BASE + i);
	return 0;
}

static int tmp_fail(const char *what, struct err *e)
{
	int code = errno;

	return err_set(e, err_errno(code), "index", "index: %s: %s", what, strerror(code));
}

static int tmp_map(struct index_build *b, const char *path, int *ret_fd, struct err *e)
{
	_cleanup_(closep) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	void *p;
	int r;

	if (fd < 0)
		return tmp_fail("cannot make", e);
	r = posix_fallocate(fd, 0, (off_t)b->len);
	if (r != 0) {
		errno = r;
		return tmp_fail("cannot allocate", e);
	}
	p = mmap(NULL, b->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return tmp_fail("cannot map", e);
	b->p = p;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int fill(struct index_build *b, struct ledger_manifest *m, struct err *e)
{
	struct sha256 whole, body;
	int r;

	head_write(b);
	fingerprints_write(b, LEDGER_CHUNK_TXID_DIR, print_tx, 0);
	fingerprints_write(b, LEDGER_CHUNK_ADDRESS_DIR, print_address, 1);
	fingerprints_write(b, LEDGER_CHUNK_BLOCK_DIR, print_block, 0);
	r = csr_write(b, e);
	if (r < 0)
		return r;
	sha256_init(&whole);
	sha256_update(&whole, b->p, b->len - 32);
	body = whole;
	sha256_final(&body, b->p + b->len - 32);
	sha256_update(&whole, b->p + b->len - 32, 32);
	sha256_final(&whole, m->index_sha256);
	m->index_len = b->len;
	return msync(b->p, b->len, MS_SYNC) < 0 ? tmp_fail("cannot sync", e) : 0;
}

int ledger_index_write(const char *dir, const struct ledger_view *view,
		       const uint8_t key16[static 16], uint64_t memory_bytes,
		       struct ledger_manifest *m, struct err *e)
{
	struct index_build b = {.v = view, .key16 = key16, .memory_bytes = memory_bytes};
	char name[LEDGER_INDEX_NAME_MAX], path[LEDGER_PATH_MAX], tmp[LEDGER_PATH_MAX];
	_cleanup_(closep) int fd = -1;
	int r;

	layout(&b);
	ledger_index_name(&view->counts, name);
	r = ledger_path(dir, name, path, e);
	if (r == 0)
		r = ledger_path(dir, "index.tmp", tmp, e);
	if (r == 0)
		r = tmp_map(&b, tmp, &fd, e);
	if (r < 0)
		return r;
	r = fill(&b, m, e);
	munmap(b.p, b.len);
	if (r == 0 && (fsync(fd) < 0 || rename(tmp, path) < 0))
		r = tmp_fail("cannot rename", e);
	if (r < 0) {
		(void)unlink(tmp);
		return r;
	}
	return file_sync_dir(path, e);
}
